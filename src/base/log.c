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
#define VALUE_SHORT 64 /* when the line has no room for more */
#define CUT_TEXT 20    /* room kept for the mark of a line that was cut */

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
	size_t n, limit;
	bool full; /* something did not fit */
	bool cut;  /* a value was shortened or left out */
};

static void line_add(struct line *l, const char *s, size_t n)
{
	if (l->n > l->limit || n > l->limit - l->n) {
		l->full = true;
		return;
	}
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

static void line_put(struct line *l, const char *key, const char *esc)
{
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

/* A pair is in the line whole or not at all: a cut inside quotes would let a long value spoil the line. */
static void line_pair(struct line *l, const char *key, const char *value)
{
	static const struct {
		size_t value, line; /* long values leave room for many short ones */
	} caps[] = {{VALUE_MAX, LINE_MAX_BYTES - 1024}, {VALUE_SHORT, LINE_MAX_BYTES - CUT_TEXT}};
	size_t start = l->n;
	char esc[VALUE_MAX];

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		l->limit = caps[i].line;
		span_escape(span_str(value), esc, caps[i].value);
		line_put(l, key, esc);
		if (!l->full)
			return;
		l->n = start;
		l->full = false;
		l->cut = true;
	}
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
	struct line l = {.limit = LINE_MAX_BYTES - CUT_TEXT};
	va_list ap;
	size_t n;

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
		if (value != NULL)
			line_pair(&l, key, value);
	}
	va_end(ap);
	n = (size_t)snprintf(l.text + l.n, CUT_TEXT, "%s%s\n", !l.cut ? "" : cfg.json ? ",\"cut\":\"yes\"" : " cut=yes",
	    cfg.json ? "}" : "");
	if (write(cfg.fd, l.text, l.n + n) < 0)
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
