/* SPDX-License-Identifier: Apache-2.0
 *
 * The console on a terminal: libedit with history, statements over several lines up to a semicolon, a few psql-like
 * commands. Ctrl-C drops the line being typed; while a statement runs or is held it cancels it.
 */
#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "base/buf.h"
#include "cmd/console.h"
#include "sql/facts.h"

static char prompt_text[160];
static volatile sig_atomic_t interrupted;

static char *prompt(EditLine *el)
{
	(void)el;
	return prompt_text;
}

static void on_int(int sig)
{
	(void)sig;
	interrupted = 1;
	console_cancel_now();
}

static void prompt_set(const struct console *c, const char *target, bool more)
{
	char st = console_status(c);

	snprintf(prompt_text, sizeof(prompt_text), "%.100s%s%s> ", target, more ? "-" : "=", st == 'T' ? "*" : st == 'E' ? "!" : "");
}

static const struct {
	const char *name, *help, *sql; /* %s: the argument; NULL: handled apart */
} commands[] = {
	{"\\?", "this help", NULL},
	{"\\q", "quit", NULL},
	{"\\r", "drop the statement that was begun", NULL},
	{"\\x", "expanded output on or off", NULL},
	{"\\dt", "tables", "SELECT schemaname AS \"schema\", tablename AS \"name\" FROM pg_catalog.pg_tables WHERE schemaname "
			   "NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"},
	{"\\dv", "views", "SELECT schemaname AS \"schema\", viewname AS \"name\" FROM pg_catalog.pg_views WHERE schemaname "
			  "NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"},
	{"\\dn", "schemas", "SELECT nspname AS \"name\" FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\\_%%' ORDER BY 1"},
	{"\\l", "databases", "SELECT datname AS \"name\" FROM pg_catalog.pg_database WHERE datallowconn ORDER BY 1"},
	{"\\d", "columns of a table: \\d NAME", "SELECT column_name AS \"column\", data_type AS \"type\", is_nullable AS \"nullable\" "
						"FROM information_schema.columns WHERE table_name = '%s' ORDER BY ordinal_position"},
};

static void help(void)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-4s  %s\n", commands[i].name, commands[i].help);
	printf("  end a statement with ; and Enter; Ctrl-C cancels, Ctrl-D quits\n");
}

/* A name that goes into a quoted literal: nothing that could end it. */
static bool name_ok(const char *s)
{
	return s[0] != '\0' && strlen(s) < 128 && s[strcspn(s, "'\\")] == '\0';
}

/* Inside of a statement only a command that exists: everything else may be a line of a literal. */
static bool is_command(const char *line, bool inside)
{
	size_t n = strcspn(line, " \t\r\n");

	for (size_t i = 0; inside && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strlen(commands[i].name) == n && memcmp(commands[i].name, line, n) == 0)
			return true;
	return !inside && line[0] == '\\';
}

/* A line starting with a backslash. False: quit. */
static bool command(struct console *c, char *line)
{
	char *arg = line + strcspn(line, " \t");
	struct buf sql;

	if (*arg != '\0')
		*arg++ = '\0';
	arg += strspn(arg, " \t");
	arg[strcspn(arg, " \t;")] = '\0';
	if (strcmp(line, "\\q") == 0)
		return false;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, line) != 0 || commands[i].sql == NULL)
			continue;
		if (strcmp(line, "\\d") == 0 && !name_ok(arg))
			return command(c, (char[]){"\\dt"});
		buf_init(&sql, 2048);
		for (const char *p = commands[i].sql; *p != '\0'; p++) {
			if (p[0] == '%' && p[1] == 's')
				buf_put_str(&sql, arg);
			else
				buf_put_u8(&sql, (uint8_t)*p);
			if (p[0] == '%')
				p++;
		}
		(void)console_run(c, buf_span(&sql));
		buf_clear(&sql);
		return true;
	}
	if (strcmp(line, "\\x") == 0) {
		console_set_expanded(c, !console_expanded(c));
		printf("Expanded display is %s.\n", console_expanded(c) ? "on" : "off");
	} else if (strcmp(line, "\\?") == 0) {
		help();
	} else {
		printf("unknown command %s; \\? lists them\n", line);
	}
	return true;
}

/* Complete: ends with a semicolon that is not inside a literal or comment, which the parser says. */
static bool complete(struct span text)
{
	struct sql_facts f;
	size_t n = text.n;
	bool done;

	while (n > 0 && strchr(" \t\r\n", text.p[n - 1]) != NULL)
		n--;
	if (n == 0 || text.p[n - 1] != ';')
		return false;
	pgsql_facts(span_of(text.p, n), NULL, &f);
	done = f.cls != SQL_UNPARSABLE || strstr(f.reason, "unterminated") == NULL;
	sql_facts_clear(&f);
	return done;
}

/* libedit's way to read a character: 1, 0 at the end, -1 and errno. */
static int read_key(EditLine *el, wchar_t *out)
{
	struct console *c = NULL;
	mbstate_t state;
	bool said;

	el_get(el, EL_CLIENTDATA, &c);
	memset(&state, 0, sizeof(state));
	for (;;) {
		bool alive = console_wait_key(c, &said);
		char b;
		size_t n;

		if (errno == EINTR)
			return -1;
		if (!alive)
			return 0;
		if (said) {
			el_set(el, EL_REFRESH);
			continue;
		}
		if (read(0, &b, 1) != 1)
			return 0;
		n = mbrtowc(out, &b, 1, &state);
		if (n == (size_t)-1)
			memset(&state, 0, sizeof(state)); /* no character of this locale */
		else if (n != (size_t)-2)
			return 1;
	}
}

static EditLine *edit_new(History **hist, struct console *c)
{
	HistEvent ev;
	EditLine *el = el_init("sallyport", stdin, stdout, stderr);

	*hist = history_init();
	if (el == NULL || *hist == NULL)
		return NULL;
	history(*hist, &ev, H_SETSIZE, 500);
	history(*hist, &ev, H_SETUNIQUE, 1);
	el_set(el, EL_PROMPT, prompt);
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_SIGNAL, 0);
	el_set(el, EL_HIST, history, *hist);
	el_set(el, EL_CLIENTDATA, c);
	el_set(el, EL_GETCFN, read_key);
	return el;
}

int console_interactive(struct console *c, const char *target)
{
	struct sigaction sa = {.sa_handler = on_int};
	History *hist;
	HistEvent ev;
	EditLine *el = edit_new(&hist, c);
	struct buf text;
	int n;

	if (el == NULL)
		return 1;
	sigaction(SIGINT, &sa, NULL);
	buf_init(&text, 1024 * 1024);
	printf("connected to %s; everything is recorded. \\? for help, \\q to quit.\n", target);
	for (;;) {
		const char *line;

		prompt_set(c, target, buf_len(&text) > 0);
		interrupted = 0;
		line = el_gets(el, &n);
		if (line == NULL && interrupted) {
			printf("^C\n");
			buf_reset(&text);
			el_reset(el);
			continue;
		}
		if (line == NULL || n <= 0)
			break;
		if (is_command(line, buf_len(&text) > 0)) {
			char cmd[512];

			snprintf(cmd, sizeof(cmd), "%.*s", (int)strcspn(line, "\r\n"), line);
			history(hist, &ev, H_ENTER, line);
			if (strncmp(cmd, "\\r", 2) == 0)
				buf_reset(&text);
			else if (!command(c, cmd) || console_gone(c))
				break;
			continue;
		}
		if (buf_len(&text) == 0 && line[strspn(line, " \t\r\n")] == '\0')
			continue;
		buf_put(&text, line, (size_t)n);
		if (!complete(buf_span(&text)))
			continue;
		history(hist, &ev, H_ENTER, buf_cstr(&text));
		(void)console_run_all(c, buf_span(&text));
		buf_reset(&text);
		if (console_gone(c))
			break;
	}
	printf("\n");
	buf_clear(&text);
	history_end(hist);
	el_end(el);
	return 0;
}
