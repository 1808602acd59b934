/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured log lines: built on the stack, one write(2) each.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define LINE_MAX_BYTES 4096
#define VALUE_MAX 1024

static struct {
	const char *process;
	int fd;
	enum log_level min;
	bool json;
	char session[32];
} cfg = {"sallyport", 2, LOG_INFO_, false, ""};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(const char *process, int fd, enum log_level min, bool json)
{
	cfg.process = process;
	cfg.fd = fd;
	cfg.min = min;
	cfg.json = json;
}

void log_set_fd(int fd)
{
	cfg.fd = fd;
}

void log_set_session(const char *id)
{
	(void)str_copy(cfg.session, sizeof(cfg.session), id);
}

struct line {
	char text[LINE_MAX_BYTES];
	size_t n;
};

static void line_add(struct line *l, const char *s, size_t n)
{
	size_t room = sizeof(l->text) - 2 - l->n; /* a closing brace and a newline always fit */

	if (n > room)
		n = room;
	memcpy(l->text + l->n, s, n);
	l->n += n;
}

static void line_adds(struct line *l, const char *s)
{
	line_add(l, s, strlen(s));
}

/* A value that needs quotes: empty or with anything but the plain characters of names and numbers. */
static bool value_plain(const char *s)
{
	return s[0] != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@+-,%")] == '\0';
}

static void line_quoted(struct line *l, const char *s)
{
	line_adds(l, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			line_add(l, "\\", 1);
		line_add(l, s, 1);
	}
	line_adds(l, "\"");
}

static void line_pair(struct line *l, const char *key, const char *value)
{
	char esc[VALUE_MAX];

	span_escape(span_str(value), esc, sizeof(esc));
	if (cfg.json) {
		line_adds(l, ",\"");
		line_adds(l, key);
		line_adds(l, "\":");
		line_quoted(l, esc);
		return;
	}
	line_adds(l, " ");
	line_adds(l, key);
	line_adds(l, "=");
	if (value_plain(esc))
		line_adds(l, esc);
	else
		line_quoted(l, esc);
}

static void line_head(struct line *l, enum log_level level, const char *event)
{
	char when[32];
	char pid[16];

	clock_rfc3339(clock_wall_us(), when);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (cfg.json) {
		line_adds(l, "{\"time\":\"");
		line_adds(l, when);
		line_adds(l, "\",\"level\":\"");
		line_adds(l, level_names[level]);
		line_adds(l, "\",\"event\":\"");
		line_adds(l, event);
		line_adds(l, "\"");
	} else {
		line_adds(l, when);
		line_adds(l, " ");
		line_adds(l, level_names[level]);
		line_adds(l, " ");
		line_adds(l, event);
	}
	line_pair(l, "process", cfg.process);
	line_pair(l, "pid", pid);
	if (cfg.session[0] != '\0')
		line_pair(l, "session", cfg.session);
}

void log_event(enum log_level level, const char *event, ...)
{
	struct line l = {.n = 0};
	va_list ap;

	if (cfg.fd < 0 || level < cfg.min)
		return;
	line_head(&l, level, event);
	va_start(ap, event);
	for (;;) {
		const char *key = va_arg(ap, const char *);
		const char *value;

		if (key == NULL)
			break;
		value = va_arg(ap, const char *);
		line_pair(&l, key, value != NULL ? value : "");
	}
	va_end(ap);
	if (cfg.json)
		l.text[l.n++] = '}';
	l.text[l.n++] = '\n';
	if (write(cfg.fd, l.text, l.n) < 0)
		return; /* nowhere left to complain */
}

const char *log_num(long long v)
{
	static _Thread_local char ring[8][24];
	static _Thread_local unsigned at;
	char *s = ring[at++ % 8];

	snprintf(s, 24, "%lld", v);
	return s;
}
