/* SPDX-License-Identifier: Apache-2.0
 *
 * The PostgreSQL upstream against a real server: connect, failures, take-over, cancel, bulk, and that neither a
 * second connection nor the password stays behind.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/loop.h"
#include "config.h"
#include "session/pgup.h"
#include "session/sockgive.h"
#include "tests/support/pgserver.h"
#include "wire/pgbuild.h"

#define BOB_PASSWORD "correct horse 'battery\\ staple"

static struct pgup_params params_of(int fd)
{
	return (struct pgup_params){
		.fd = fd, .host = "localhost", .hostaddr = "127.0.0.1", .port = pgserver_port(),
		.user = "bob", .database = "shop", .sslmode = "disable", .ca_fd = -1,
		.application_name = "sallyport:s1:bob", .options = "",
	};
}

static void wait_for(struct pgup *u)
{
	unsigned want = pgup_wants(u);
	struct pollfd p = {pgup_fd(u), (short)((want & LOOP_IN ? POLLIN : 0) | (want & LOOP_OUT ? POLLOUT : 0)), 0};

	cr_assert(eq(int, poll(&p, 1, 10000), 1), "nothing happens");
}

static enum pgup_state drive(struct pgup *u, struct why *w)
{
	enum pgup_state st = PGUP_CONNECTING;

	while (st == PGUP_CONNECTING) {
		wait_for(u);
		st = pgup_poll(u, w);
	}
	return st;
}

static struct pgup *connect_as(struct pgup_params *p, const char *password, enum pgup_state want, struct why *w)
{
	struct secret *s = password != NULL ? secret_new(span_str(password)) : NULL;
	struct pgup *u;

	p->password = s;
	u = pgup_new(p, w);
	cr_assert(u != NULL, "%s", w->text);
	cr_assert(eq(int, drive(u, w), want), "%s", w->text);
	secret_free(s);
	return u;
}

static int open_ca(void)
{
	char path[512], pem[8192];
	int fd = memfd_create("ca", MFD_CLOEXEC), in;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/ca.pem", pgserver_dir());
	in = open(path, O_RDONLY | O_CLOEXEC);
	n = read(in, pem, sizeof(pem));
	cr_assert(n > 0 && write(fd, pem, (size_t)n) == n);
	close(in);
	return fd;
}

static void need_server(void)
{
	if (pgserver_port() == 0)
		cr_skip_test("PostgreSQL is not installed");
}

/* What came back for one or more messages, up to the next ReadyForQuery or the end. */
struct answer {
	size_t rows, bytes;
	char sqlstate[8];
	char first[128]; /* first value of the last row */
	int end;         /* 0 or the error of the last read */
};

static void take(struct answer *a, const struct pg_msg *m)
{
	struct pg_row row;
	struct pg_value v;

	cr_assert(eq(int, pg_check(PG_BACK, m), 0), "malformed %c", m->type);
	if (m->type == 'E')
		snprintf(a->sqlstate, sizeof(a->sqlstate), "%.5s", (const char *)pg_error_field(m->body, 'C').p);
	if (m->type == 'D' && pg_row_begin(m->body, &row) == 0 && pg_row_next(&row, &v)) {
		a->rows++;
		snprintf(a->first, sizeof(a->first), "%.*s", (int)v.data.n, (const char *)v.data.p);
	}
}

static struct answer ask(struct pgup *u, struct buf *out, size_t piece)
{
	struct answer a = {0};
	struct buf in;
	bool ready = false;

	buf_init(&in, 1 << 22);
	while (!ready) {
		struct pg_msg m;
		size_t used;
		int rc = pgup_write(u, out);

		cr_assert(rc == 0 || rc == E_MORE, "write: %d", rc);
		if (!pgup_pending(u))
			wait_for(u);
		rc = pgup_read(u, &in, piece);
		if (rc < 0) {
			a.end = rc;
			break;
		}
		a.bytes += (size_t)rc;
		while (pg_frame(buf_span(&in), 1 << 22, &m, &used) == 0) {
			take(&a, &m);
			ready = ready || m.type == 'Z';
			buf_consume(&in, used);
		}
	}
	buf_clear(&in);
	return a;
}

static struct answer query(struct pgup *u, const char *sql, size_t piece)
{
	struct answer a;
	struct buf out;

	buf_init(&out, 1 << 24);
	pg_put_query(&out, span_str(sql));
	a = ask(u, &out, piece);
	buf_clear(&out);
	return a;
}

Test(pgup, two_at_once_with_one_password)
{
	struct pgup_params p[2];
	struct secret *s = secret_new(span_str(BOB_PASSWORD));
	enum pgup_state st[2] = {PGUP_CONNECTING, PGUP_CONNECTING};
	struct pgup *u[2];
	struct why w = {0};

	need_server();
	pgup_warm();
	for (int i = 0; i < 2; i++) {
		p[i] = params_of(pgserver_dial());
		p[i].password = s;
		u[i] = pgup_new(&p[i], &w);
	}
	st[0] = drive(u[0], &w); /* must not wipe what the other still needs */
	st[1] = drive(u[1], &w);
	cr_expect(st[0] == PGUP_READY && st[1] == PGUP_READY, "%s", w.text);
	for (int i = 0; i < 2; i++)
		pgup_free(u[i]);
	secret_free(s);
}

Test(pgup, libpq_uses_our_socket_function)
{
	struct why w = {0};
	Dl_info own, found;

	cr_assert(eq(int, pgup_selftest(&w), 0), "%s", w.text);
	cr_assert(dladdr((void *)(uintptr_t)sockgive_arm, &own) != 0);
	cr_assert(dladdr(dlsym(RTLD_DEFAULT, "socket"), &found) != 0);
	cr_assert(eq(str, (char *)found.dli_fname, (char *)own.dli_fname), "socket() comes from %s", found.dli_fname);
	cr_assert(dladdr(dlsym(RTLD_DEFAULT, "connect"), &found) != 0);
	cr_assert(eq(str, (char *)found.dli_fname, (char *)own.dli_fname));
}

Test(sockgive, gives_once_then_refuses)
{
	int pair[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0));
	sockgive_arm(pair[0]);
	cr_expect(eq(int, socket(AF_INET, SOCK_STREAM, 0), pair[0]));
	cr_expect(eq(int, connect(pair[0], (struct sockaddr *)"", 0), 0));
	cr_expect(eq(int, connect(pair[1], (struct sockaddr *)"", 0), -1));
	errno = 0;
	cr_expect(eq(int, socket(AF_INET, SOCK_STREAM, 0), -1));
	cr_expect(eq(int, errno, EACCES));
	cr_expect(sockgive_disarm());
	sockgive_arm(-1);
	cr_expect(eq(int, socket(AF_INET, SOCK_STREAM, 0), -1));
	cr_expect(not(sockgive_disarm()));
}

Test(sockgive, an_unconnected_descriptor_is_not_called_connected)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sockgive_arm(fd);
	cr_expect(eq(int, socket(AF_INET, SOCK_STREAM, 0), fd));
	cr_expect(eq(int, connect(fd, (struct sockaddr *)"", 0), -1));
	(void)sockgive_disarm();
}

Test(sockgive, locked_for_ever)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		sockgive_lock();
		_exit(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EACCES &&
				      connect(0, (struct sockaddr *)"", 0) == -1 && errno == EACCES
			      ? 0
			      : 1);
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(eq(int, status, 0));
	cr_assert(ge(int, socket(AF_INET, SOCK_STREAM, 0), 0));
}

Test(pgup, connects_with_scram_and_knows_the_parameters)
{
	static const char *const names[] = {
		"application_name", "client_encoding", "DateStyle", "default_transaction_read_only", "in_hot_standby",
		"integer_datetimes", "IntervalStyle", "is_superuser", "server_encoding", "server_version",
		"session_authorization", "standard_conforming_strings", "TimeZone",
	};
	struct pgup_params p;
	struct why w = {0};
	struct answer a;
	struct pgup *u;
	uint32_t pid, key;
	char text[32];

	need_server();
	p = params_of(pgserver_dial());
	p.options = "-c search_path=\"a\\ b\",public -c DateStyle=German";
	u = connect_as(&p, BOB_PASSWORD, PGUP_READY, &w);
	cr_expect(eq(sz, pgup_n_params(u), 13));
	for (size_t i = 0; i < 13; i++)
		cr_expect(pgup_param_value(u, names[i]) != NULL, "no %s", names[i]);
	cr_expect(eq(str, (char *)pgup_param_value(u, "application_name"), "sallyport:s1:bob"));
	cr_expect(eq(str, (char *)pgup_param_value(u, "DateStyle"), "German, DMY"));
	cr_expect(pgup_param_value(u, "nonsense") == NULL);
	pgup_backend_key(u, &pid, &key);
	snprintf(text, sizeof(text), "%u", pid);
	a = query(u, "select pg_backend_pid()", 8192);
	cr_expect(eq(str, a.first, text));
	a = query(u, "show search_path", 8192);
	cr_expect(eq(str, a.first, "\"a b\",public"));
	a = query(u, "select 1/0", 8192);
	cr_expect(eq(str, a.sqlstate, "22012"));
	pgup_free(u);
}

static void fails(struct pgup_params *p, const char *password, const char *sqlstate, const char *text)
{
	struct why w = {0};
	struct pgup *u = connect_as(p, password, PGUP_FAILED, &w);

	cr_expect(eq(str, (char *)pgup_sqlstate(u), (char *)sqlstate), "%s", w.text);
	cr_expect(strstr(w.text, text) != NULL, "'%s' has no '%s'", w.text, text);
	cr_expect(strstr(w.text, "127.0.0.1") == NULL && strstr(w.text, "port") == NULL, "%s", w.text);
	cr_expect(pgup_write(u, &(struct buf){0}) == E_STATE);
	pgup_free(u);
}

Test(pgup, failures_say_why_and_hide_where)
{
	struct pgup_params p;
	int pair[2], other;

	need_server();
	p = params_of(pgserver_dial());
	fails(&p, "wrong", "28P01", "password authentication failed for user \"bob\"");
	p = params_of(pgserver_dial());
	fails(&p, NULL, "28P01", "wants a password");
	p = params_of(pgserver_dial());
	p.database = "nowhere";
	fails(&p, BOB_PASSWORD, "3D000", "database \"nowhere\" does not exist");
	p = params_of(pgserver_dial());
	p.options = "-c no_such=1";
	fails(&p, BOB_PASSWORD, "42704", "unrecognized configuration parameter");
	p = params_of(pgserver_dial());
	p.sslmode = "verify-full";
	p.host = "other.example";
	p.ca_fd = open_ca();
	fails(&p, BOB_PASSWORD, "08001", "another host name");
	cr_expect(eq(int, fcntl(p.ca_fd, F_GETFD), -1), "one descriptor for each failure");
	p = params_of(pgserver_dial());
	p.sslmode = "verify-full";
	p.ca_fd = other = memfd_create("empty", 0);
	fails(&p, BOB_PASSWORD, "08001", "");
	cr_expect(eq(int, fcntl(other, F_GETFD), -1));
	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0));
	close(pair[1]);
	p = params_of(pair[0]);
	p.host = "/closed";
	p.hostaddr = NULL;
	fails(&p, BOB_PASSWORD, "08001", "");
}

Test(pgup, refuses_modes_that_promise_nothing)
{
	static const char *const modes[] = {"allow", "prefer", "", "Disable"};
	struct why w;

	for (size_t i = 0; i < 4; i++) {
		int pair[2];
		struct pgup_params p;

		cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0));
		p = params_of(pair[0]);
		p.sslmode = modes[i];
		cr_expect(pgup_new(&p, &w) == NULL);
		cr_expect(eq(int, fcntl(pair[0], F_GETFD), -1), "the descriptor must be closed");
		close(pair[1]);
	}
}

Test(pgup, tls_is_verified_and_carries_bulk)
{
	struct pgup_params p;
	struct why w = {0};
	struct answer a;
	struct pgup *u;

	need_server();
	p = params_of(pgserver_dial());
	p.sslmode = "verify-full";
	p.ca_fd = open_ca();
	u = connect_as(&p, BOB_PASSWORD, PGUP_READY, &w);
	cr_expect(eq(int, fcntl(p.ca_fd, F_GETFD), -1), "one descriptor for each session");
	a = query(u, "select ssl from pg_stat_ssl where pid=pg_backend_pid()", 8192);
	cr_expect(eq(str, a.first, "t"));
	/* small pieces leave decrypted bytes inside TLS: pgup_pending() must tell */
	a = query(u, "select i, repeat('x', 50) from generate_series(1, 50000) i", 1000);
	cr_expect(eq(sz, a.rows, 50000));
	a = query(u, "select i, repeat('x', 50) from generate_series(1, 200000) i", 1 << 16);
	cr_expect(eq(sz, a.rows, 200000));
	cr_expect(gt(sz, a.bytes, 200000 * 60));
	pgup_free(u);
}

static void large_statement(struct pgup *u)
{
	size_t n = 6 << 20;
	char *sql = malloc(n + 32);
	struct answer a;

	strcpy(sql, "select length('");
	memset(sql + 15, 'y', n);
	strcpy(sql + 15 + n, "')");
	a = query(u, sql, 1 << 16);
	cr_expect(eq(str, a.first, "6291456"));
	free(sql);
}

Test(pgup, large_statements_and_results_without_tls)
{
	struct pgup_params p;
	struct why w = {0};
	struct pgup *u;

	need_server();
	p = params_of(pgserver_dial());
	u = connect_as(&p, BOB_PASSWORD, PGUP_READY, &w);
	large_statement(u);
	cr_expect(eq(sz, query(u, "select i from generate_series(1, 300000) i", 1 << 16).rows, 300000));
	pgup_free(u);
	p = params_of(pgserver_dial());
	p.sslmode = "require";
	u = connect_as(&p, BOB_PASSWORD, PGUP_READY, &w);
	large_statement(u);
	pgup_free(u);
}

Test(pgup, the_cancel_key_works)
{
	struct pgup_params p;
	struct why w = {0};
	struct answer a;
	struct pgup *u;
	struct buf out;
	uint32_t pid, key;
	int fd;

	need_server();
	p = params_of(pgserver_dial());
	u = connect_as(&p, BOB_PASSWORD, PGUP_READY, &w);
	pgup_backend_key(u, &pid, &key);
	buf_init(&out, 4096);
	pg_put_query(&out, span_str("select pg_sleep(60)"));
	cr_assert(eq(int, pgup_write(u, &out), 0));
	usleep(100000);
	pg_put_cancel(&out, pid, key);
	fd = pgserver_dial();
	cr_assert(eq(sz, (size_t)write(fd, buf_span(&out).p, buf_len(&out)), 16));
	buf_reset(&out);
	a = ask(u, &out, 8192);
	cr_expect(eq(str, a.sqlstate, "57014"));
	close(fd);
	buf_clear(&out);
	pgup_free(u);
}

Test(pgup, a_terminated_backend_is_seen)
{
	struct pgup_params p;
	struct why w = {0};
	struct answer a;
	struct pgup *u;

	need_server();
	p = params_of(pgserver_dial());
	p.sslmode = "require";
	u = connect_as(&p, BOB_PASSWORD, PGUP_READY, &w);
	a = query(u, "select pg_terminate_backend(pg_backend_pid())", 8192);
	cr_expect(eq(str, a.sqlstate, "57P01"));
	cr_expect(eq(int, a.end, E_CLOSED));
	pgup_free(u);
}

Test(pgup, ending_sends_terminate)
{
	struct pgup_params p;
	struct why w = {0};
	uint32_t pid, key;
	char sql[256];
	struct pgup *u;

	need_server();
	p = params_of(pgserver_dial());
	u = connect_as(&p, BOB_PASSWORD, PGUP_READY, &w);
	pgup_backend_key(u, &pid, &key);
	pgup_free(u);
	snprintf(sql, sizeof(sql), "do $$ begin perform pg_sleep(0.2); if exists (select from pg_stat_activity where "
				   "pid=%u) then raise 'still there'; end if; end $$", pid);
	cr_expect(pgserver_sql("postgres", sql));
}

/* ---- the password is gone after the connect ---- */

#ifndef SP_ASAN /* a quarantine keeps freed memory, and its shadow is too large to search */
static unsigned char hidden_password[] = {'z', 'Q', '7', 'k', 'L', '0', 'p', 'X', 'w', '3', 'v', 'B', '9', 'n', 'R', 'm',
					  'T', '5', 'h', 'J', 0};

static void flip(unsigned char *p)
{
	for (size_t i = 0; i < sizeof(hidden_password) - 1; i++)
		p[i] ^= 0x55;
}

static size_t count_in(const unsigned char *from, const unsigned char *to, const unsigned char *flipped)
{
	size_t n = sizeof(hidden_password) - 1, found = 0;

	for (; from + n <= to; from++) {
		size_t i = 0;

		while (i < n && (from[i] ^ 0x55) == flipped[i])
			i++;
		found += i == n;
	}
	return found;
}

/* Count copies in all private writable memory but the stack, comparing with a disguised pattern. */
static size_t count_copies(const unsigned char *flipped)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	size_t found = 0;

	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned long a, z;
		char perm[8];

		if (sscanf(line, "%lx-%lx %7s", &a, &z, perm) == 3 && strcmp(perm, "rw-p") == 0 &&
		    strstr(line, "[stack") == NULL)
			found += count_in((unsigned char *)a, (unsigned char *)z, flipped);
	}
	fclose(f);
	return found;
}

static void forgets(const char *mode)
{
	struct pgup_params p = params_of(pgserver_dial());
	struct why w = {0};
	struct secret *s;
	struct pgup *u;

	p.user = "eve";
	p.sslmode = mode;
	flip(hidden_password);
	s = secret_new(span_str((char *)hidden_password));
	flip(hidden_password);
	p.password = s;
	u = pgup_new(&p, &w);
	cr_assert(ge(sz, count_copies(hidden_password), 2), "the search finds nothing");
	cr_assert(eq(int, drive(u, &w), PGUP_READY), "%s", w.text);
	secret_free(s);
	cr_expect(eq(sz, count_copies(hidden_password), 0), "copies left with %s", mode);
	pgup_free(u);
}

Test(pgup, the_password_does_not_stay)
{
	char sql[128];

	need_server();
	pgup_warm();
	snprintf(sql, sizeof(sql), "create role eve login password '%s'", (char *)hidden_password);
	cr_assert(pgserver_sql("postgres", sql));
	memset(sql, 0, sizeof(sql));
	flip(hidden_password);
	forgets("disable");
	forgets("require");
}
#endif

static bool prepare(void)
{
	return pgserver_sql("postgres", "create role bob login password 'correct horse ''battery\\ staple'") &&
	       pgserver_sql("postgres", "create database shop owner bob");
}

int main(int argc, char *argv[])
{
	struct criterion_test_set *tests = criterion_initialize();
	int rc = 0;

	if (criterion_handle_args(argc, argv, true)) {
		if (pgserver_start("tls=yes") && !prepare())
			rc = 1;
		if (rc == 0)
			rc = !criterion_run_all_tests(tests);
		pgserver_stop();
	}
	criterion_finalize(tests);
	return rc;
}
