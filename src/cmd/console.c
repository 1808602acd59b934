/* SPDX-License-Identifier: Apache-2.0
 *
 * `sql TARGET [-d DATABASE] [-U LOGIN] [-x] [--format table|csv|json] [-c SQL]`: connects libpq over the inherited
 * descriptor and prints results.
 * Reading from a terminal is in console_tty.c.
 */
#include "cmd/console.h"

#include <errno.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "cmd/console_out.h"
#include "session/pgproxy.h"
#include "session/sockgive.h"
#include "sql/facts.h"

#define CONSOLE_DB_FD 4
#define CONSOLE_INPUT_MAX (16u * 1024 * 1024)

/* What was typed; NULL = not given. */
struct sql_args {
	const char *target, *command, *login, *database;
	enum console_format format;
	bool expanded;
};

struct console {
	PGconn *pg;
	bool at_prompt, said; /* a line is being typed; something was printed meanwhile */
	bool ended;           /* the last word was an error that ends the connection */
	enum console_format format;
	bool expanded;
	const char *target;
};

static volatile sig_atomic_t running; /* a statement is out: Ctrl-C is for it */

void console_set_format(struct console *c, enum console_format f)
{
	c->format = f;
}

void console_set_expanded(struct console *c, bool on)
{
	c->expanded = on;
}

bool console_expanded(const struct console *c)
{
	return c->expanded;
}

char console_status(const struct console *c)
{
	switch (PQtransactionStatus(c->pg)) {
	case PQTRANS_INTRANS:
	case PQTRANS_ACTIVE:
		return 'T';
	case PQTRANS_INERROR:
		return 'E';
	default:
		return 'I';
	}
}

bool console_gone(const struct console *c)
{
	return PQstatus(c->pg) == CONNECTION_BAD;
}

/* What an SQLSTATE means for a script (doc/errors). */
static int exit_of(const char *sqlstate)
{
	static const struct {
		const char *sqlstate;
		int status;
	} exits[] = {{"SP001", 5}, {"SP002", 4}, {"SP003", 75}, {"SP004", 75}, {"42501", 4}, {"28000", 4}, {"3D000", 3},
	    {"53100", 75}, {"53200", 75}, {"53300", 75}, {"57P03", 75}};

	for (size_t i = 0; sqlstate != NULL && i < sizeof(exits) / sizeof(exits[0]); i++)
		if (strcmp(exits[i].sqlstate, sqlstate) == 0)
			return exits[i].status;
	return 1;
}

static void print_field(const char *label, const char *text)
{
	char esc[2048];

	if (text == NULL || text[0] == '\0')
		return;
	span_escape(span_str(text), esc, sizeof(esc));
	fprintf(stderr, "%s%s\n", label, esc);
}

static int print_error(const PGresult *r)
{
	const char *sqlstate = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	int status = exit_of(sqlstate);

	print_field(status == 1 ? "ERROR:  " : "sallyport: ", PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
	print_field("DETAIL:  ", PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL));
	print_field(status == 1 ? "HINT:  " : "hint: ", PQresultErrorField(r, PG_DIAG_MESSAGE_HINT));
	return status;
}

static void on_notice(void *ctx, const PGresult *r)
{
	struct console *c = ctx;
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY);
	char label[32];

	if (c->at_prompt && !c->said)
		fputc('\n', stderr);
	c->said = true;
	c->ended |= severity != NULL && strcmp(severity, "FATAL") == 0;
	fflush(stdout);
	snprintf(label, sizeof(label), "%.20s:  ", severity != NULL ? severity : "NOTICE");
	print_field(label, PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
	print_field("HINT:  ", PQresultErrorField(r, PG_DIAG_MESSAGE_HINT));
}

static void lost(struct console *c)
{
	const char *msg = PQerrorMessage(c->pg);
	const char *at = strstr(msg, "FATAL:  ");

	if (at == NULL || strchr(at, '\n') == NULL)
		fprintf(stderr, "sallyport: sql: the connection is gone\n");
	else
		fprintf(stderr, "sallyport: sql: %.*s\n", (int)strcspn(at + 8, "\n"), at + 8);
}

/* COPY ... TO STDOUT goes to stdout as it is. */
static int copy_out(struct console *c)
{
	char *row;
	int n;

	while ((n = PQgetCopyData(c->pg, &row, 0)) > 0) {
		fwrite(row, 1, (size_t)n, stdout);
		PQfreemem(row);
	}
	return n == -1 ? 0 : 1;
}

static int print_result(struct console *c, const PGresult *r)
{
	switch (PQresultStatus(r)) {
	case PGRES_TUPLES_OK:
	case PGRES_SINGLE_TUPLE:
		console_print_rows(r, c->format, c->expanded);
		return 0;
	case PGRES_COMMAND_OK:
		if (c->format == CONSOLE_TABLE)
			printf("%s\n", PQcmdStatus((PGresult *)(uintptr_t)r));
		return 0;
	case PGRES_EMPTY_QUERY:
		return 0;
	case PGRES_COPY_OUT:
		return copy_out(c);
	case PGRES_COPY_IN:
		fprintf(stderr, "sallyport: sql: COPY FROM STDIN is not available here\n"
				"hint: forward a port and use psql: ssh -N -L 5432:%s:5432 bastion\n", c->target);
		(void)PQputCopyEnd(c->pg, "not available in the console");
		return 1;
	default:
		return print_error(r);
	}
}

int console_run(struct console *c, struct span sql)
{
	char *text = xstrndup((const char *)sql.p, sql.n);
	int status = 0;
	PGresult *r;

	running = 1;
	if (PQsendQuery(c->pg, text) != 1) {
		fprintf(stderr, "sallyport: sql: %s", PQerrorMessage(c->pg));
		status = 1;
	}
	free(text);
	while (status == 0 || PQisBusy(c->pg) == 0) {
		int one;

		r = PQgetResult(c->pg);
		if (r == NULL)
			break;
		one = print_result(c, r);
		if (one != 0)
			status = one;
		PQclear(r);
	}
	running = 0;
	fflush(stdout);
	if (PQstatus(c->pg) == CONNECTION_BAD) {
		lost(c);
		status = status != 0 ? status : 1;
	}
	return status;
}

int console_run_all(struct console *c, struct span sql)
{
	struct sql_facts f;
	int status = 0;

	pgsql_facts(sql, NULL, &f);
	if (f.n_stmts < 2 || f.cls == SQL_UNPARSABLE) {
		status = console_run(c, sql);
	} else {
		for (size_t i = 0; i < f.n_stmts && status == 0; i++)
			status = console_run(c, span_of(sql.p + f.stmts[i].off, f.stmts[i].len));
	}
	sql_facts_clear(&f);
	return status;
}

/* Verbose, for the SQLSTATE in the text of a refusal: a connection that fails has no result to ask. */
static void connect_wait(struct console *c)
{
	PostgresPollingStatusType st = PGRES_POLLING_WRITING;

	(void)PQsetErrorVerbosity(c->pg, PQERRORS_VERBOSE);
	while (st == PGRES_POLLING_WRITING || st == PGRES_POLLING_READING) {
		struct pollfd pfd = {.fd = PQsocket(c->pg), .events = st == PGRES_POLLING_READING ? POLLIN : POLLOUT};

		if (pfd.fd >= 0 && poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return;
		st = PQconnectPoll(c->pg);
	}
	(void)PQsetErrorVerbosity(c->pg, PQERRORS_DEFAULT);
}

/* "FATAL:  3D000: message", "HINT:  ...": says it; an exit status. */
static int connect_failed(const char *msg)
{
	const char *at = strstr(msg, "FATAL:  "), *hint = strstr(msg, "\nHINT:  ");
	char sqlstate[6] = "";

	at = at != NULL ? at + 8 : msg;
	if (strcspn(at, ": \n") == 5 && strncmp(at + 5, ": ", 2) == 0) {
		memcpy(sqlstate, at, 5);
		at += 7;
	}
	fprintf(stderr, "sallyport: sql: %.*s\n", (int)strcspn(at, "\n"), at);
	if (hint != NULL)
		fprintf(stderr, "hint: %.*s\n", (int)strcspn(hint + 8, "\n"), hint + 8);
	return exit_of(sqlstate);
}

/* libpq takes our descriptor for a unix socket that it has just connected (session/sockgive.h). */
static int console_connect(struct console *c, const struct sql_args *a)
{
	/* a database of the user's name means the default one, a login that does not exist the default login */
	const char *user = a->login != NULL ? a->login : "console", *login;
	static const char *const keys[] = {"host", "port", "user", "dbname", "sslmode", "gssencmode", "passfile", "password",
	    "application_name", "client_encoding", "connect_timeout", NULL};
	const char *const values[] = {"/nonexistent", "5432", user, a->database != NULL ? a->database : user, "disable", "disable", "/nonexistent/passfile", "",
	    "sallyport console", "UTF8", "0", NULL};

	sockgive_arm(CONSOLE_DB_FD);
	c->pg = PQconnectStartParams(keys, values, 0);
	connect_wait(c);
	(void)sockgive_disarm();
	if (PQstatus(c->pg) != CONNECTION_OK)
		return connect_failed(PQerrorMessage(c->pg));
	PQsetNoticeReceiver(c->pg, on_notice, c);
	login = PQparameterStatus(c->pg, "session_authorization");
	if (a->login != NULL && login != NULL && strcmp(login, a->login) != 0) {
		print_field("NOTICE:  you are ", login);
		fprintf(stderr, "hint: your logins: ssh GATEWAY targets\n");
	}
	return 0;
}

bool console_wait_key(struct console *c, bool *said)
{
	struct pollfd p[2] = {{.fd = 0, .events = POLLIN}, {.fd = PQsocket(c->pg), .events = POLLIN}};
	bool alive = true;

	errno = 0;
	c->at_prompt = true;
	c->said = false;
	while (alive && !c->said && poll(p, 2, -1) > 0 && p[0].revents == 0) {
		/* Notices, and the error that ends a connection, go to on_notice() when libpq looks at them. */
		alive = PQconsumeInput(c->pg) == 1;
		(void)PQisBusy(c->pg);
	}
	c->at_prompt = false;
	alive = alive && !c->ended && !console_gone(c);
	if (!alive && !c->said)
		fprintf(stderr, "\nsallyport: sql: the connection is gone\n");
	*said = c->said;
	return alive;
}

void console_cancel_now(void)
{
	static const uint8_t msg[5] = {PGPROXY_CONSOLE_CANCEL, 0, 0, 0, 4};

	if (running == 0)
		return; /* a cancel that comes late would meet the next statement */
	if (write(CONSOLE_DB_FD, msg, sizeof(msg)) < 0)
		return; /* the session is gone: libpq will see it */
}

static int read_stdin(struct buf *b)
{
	for (;;) {
		uint8_t *p;
		ssize_t n;

		if (buf_reserve(b, 65536, &p) != 0)
			return E_TOOBIG;
		n = read(0, p, 65536);
		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		buf_commit(b, (size_t)n);
	}
}

static int usage(const char *what, const char *word)
{
	fprintf(stderr, "sallyport: sql: %s%s%s%s\n"
			"usage: ssh GATEWAY sql TARGET [-d DATABASE] [-U LOGIN] [-x] [--format table|csv|json] [-c SQL]\n"
			"SQL comes from -c (the rest of the line), from standard input, or from the terminal (ssh -t)\n",
	    what, word[0] != '\0' ? " \"" : "", word, word[0] != '\0' ? "\"" : "");
	return 2;
}

static int format_parse(const char *s, enum console_format *out)
{
	static const char *const names[] = {"table", "csv", "json"};

	for (int i = 0; i < 3; i++)
		if (strcmp(names[i], s) == 0) {
			*out = (enum console_format)i;
			return 0;
		}
	return -1;
}

static int args_parse(int argc, char **argv, struct sql_args *a)
{
	static const struct option options[] = {{"format", required_argument, NULL, 'F'}, {"json", no_argument, NULL, 'j'},
	    {"csv", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
	int ch;

	optind = 1;
	opterr = 0;
	while ((ch = getopt_long(argc, argv, ":c:d:U:x", options, NULL)) != -1) {
		if (ch == 'c')
			a->command = optarg;
		else if (ch == 'x')
			a->expanded = true;
		else if (ch == 'j' || ch == 'v')
			a->format = ch == 'j' ? CONSOLE_JSON : CONSOLE_CSV;
		else if (ch == 'd')
			a->database = optarg;
		else if (ch == 'U')
			a->login = optarg;
		else if (ch == 'F' && format_parse(optarg, &a->format) != 0)
			return usage("the format is table, csv or json, not", optarg);
		else if (ch != 'F')
			return usage(ch == ':' ? "a value is missing behind" : "there is no option", argv[optind - 1]);
	}
	if (optind == argc)
		return usage("which target? ssh GATEWAY targets lists yours", "");
	if (optind != argc - 1)
		return usage("one argument too many (SQL goes behind -c):", argv[optind + 1]);
	a->target = argv[optind];
	return 0;
}

static int run_input(struct console *c, const struct sql_args *a)
{
	struct buf in;
	int status;

	if (a->command != NULL)
		return console_run(c, span_str(a->command));
	if (isatty(0))
		return console_interactive(c, a->target);
	buf_init(&in, CONSOLE_INPUT_MAX);
	if (read_stdin(&in) != 0) {
		fprintf(stderr, "sallyport: sql: standard input is larger than 16 MiB\n");
		status = 1;
	} else {
		status = console_run_all(c, buf_span(&in));
	}
	buf_clear(&in);
	return status;
}

int verb_sql(int argc, char **argv)
{
	struct sql_args a = {.format = CONSOLE_TABLE};
	struct console c = {0};
	int status = args_parse(argc, argv, &a);

	if (status != 0)
		return status;
	if (getenv("SALLYPORT_EXEC") == NULL) {
		fprintf(stderr, "sallyport: sql: runs over ssh only, so that it is recorded\nhint: ssh GATEWAY sql %s\n", a.target);
		return 2;
	}
	c.format = a.format;
	c.expanded = a.expanded;
	c.target = a.target;
	status = console_connect(&c, &a);
	if (status == 0)
		status = run_input(&c, &a);
	PQfinish(c.pg);
	return status;
}
