/* SPDX-License-Identifier: Apache-2.0
 *
 * Targets, credentials, recordings and ends of sessions.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "keygen.h"
#include "monrig.h"
#include "policy/view.h"
#include "record/reader.h"
#include "record/recorder.h"

#define HERE "198.51.100.7"

static struct rig r;
static struct client c;

static void up(void)
{
	rig_up(&r);
	client_open(&r, &c, HERE);
	client_login(&c, ALICE);
}

static void up_bob(void)
{
	rig_up(&r);
	client_open(&r, &c, HERE);
	client_login(&c, BOB);
}

static void down(void)
{
	client_close(&c);
	rig_down(&r);
}

TestSuite(names, .init = up, .fini = down, .timeout = 60);
TestSuite(credentials, .init = up_bob, .fini = down, .timeout = 60);
TestSuite(limits, .timeout = 60);
TestSuite(recording, .init = up, .fini = down, .timeout = 60);

static int ask_target(const char *name, int port)
{
	struct buf *b = client_msg(&c, IPC_TARGET);

	ipc_str(b, "name", name);
	ipc_int(b, "port", port);
	return client_call(&c);
}

static void refused(int t, const char *sqlstate, const char *text, const char *hint)
{
	cr_assert_eq(t, IPC_FAIL);
	cr_assert_str_eq(client_str(&c, "sqlstate"), sqlstate);
	cr_assert_not_null(strstr(client_str(&c, "text"), text), "%s", client_str(&c, "text"));
	cr_assert_not_null(strstr(client_str(&c, "hint"), hint), "%s", client_str(&c, "hint"));
}

Test(names, a_target_is_named_or_not_there)
{
	cr_assert_eq(ask_target("orders-prod", 5432), IPC_OK);
	cr_assert_str_eq(client_str(&c, "type"), "postgres");
	cr_assert_str_eq(client_str(&c, "default_database"), "orders");
	cr_assert_str_eq(client_str(&c, "default_login"), "app_ro");
	cr_assert_eq(mp_count(ipc_get(c.m, "databases")), 1, "the role has one of two");
	refused(ask_target("orders-prd", 5432), "3D000", "unknown target \"orders-prd\"",
	    "did you mean orders-prod?");
	refused(ask_target("orders-prod", 5433), "3D000", "port 5432, not 5433",
	    "-L 5432:orders-prod:5432");
	/* Others' targets do not exist, neither do they make suggestions. */
	refused(ask_target("payroll", 5432), "3D000", "unknown target \"payroll\"", "your targets");
	refused(ask_target("payrol", 5432), "3D000", "unknown target \"payrol\"", "your targets");
	cr_assert_null(strstr(client_str(&c, "hint"), "payroll"));
	refused(ask_target("10.0.0.1", 5432), "3D000", "unknown target", "your targets");
	refused(ask_target("", 5432), "3D000", "unknown target", "your targets");
}

Test(names, databases_and_logins)
{
	refused(client_connect(&c, "payroll", "app_pay", "pay"), "3D000", "unknown target", "");
	refused(client_connect(&c, "orders-prod", "app_ro", "invoices"), "3D000",
	    "database \"invoices\" is not open to you", "yours there: orders");
	refused(client_connect(&c, "orders-prod", "app_ro", "nowhere"), "3D000",
	    "database \"nowhere\" is not open to you", "yours there: orders");
	refused(client_connect(&c, "orders-prod", "app_rw", "orders"), "28000",
	    "login \"app_rw\" is not open to you", "app_ro");
	cr_assert_eq(client_connect(&c, "orders-prod", "alice", "alice"), 0,
	    "psql sends the local user's name twice");
	cr_assert_str_eq(client_str(&c, "login"), "app_ro");
	cr_assert_str_eq(client_str(&c, "database"), "orders");
	cr_assert(ipc_get_bool(c.m, "login_mapped", false));
	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", ""), 0);
	cr_assert_not(ipc_get_bool(c.m, "login_mapped", true));
	cr_assert_str_eq(client_str(&c, "database"), "orders");
}

/* Its bytes would pass the codec of another protocol. */
Test(credentials, a_server_of_another_kind_is_not_reached)
{
	refused(client_connect(&c, "shop", "app", "d"), "0A000", "MySQL", "");
}

Test(names, what_a_session_gets)
{
	struct policy_view view;
	struct sockaddr_in sa;
	socklen_t n = sizeof(sa);
	char want[100];
	int sock, rec, in;

	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0);
	cr_assert_eq(c.nfds, 2, "tls is off: no CA bundle");
	snprintf(want, sizeof(want), "sallyport:%s:alice", c.sid);
	cr_assert_str_eq(client_str(&c, "application_name"), want);
	cr_assert_str_eq(client_str(&c, "hostaddr"), "127.0.0.1");
	cr_assert_str_eq(client_str(&c, "sync"), "writes");
	cr_assert_str_eq(client_str(&c, "parameters"), "full");
	cr_assert_str_eq(client_str(&c, "tls"), "disable");
	cr_assert(span_is(ipc_get_span(c.m, "password"), "secret-ro"));
	cr_assert_eq(policy_view_get(ipc_get(c.m, "view"), &view), 0);
	cr_assert_eq(view.epoch, 1);
	cr_assert_eq(view.line[SQL_BULK].verdict, VERDICT_HOLD);
	cr_assert_eq(view.line[SQL_ESCAPE].verdict, VERDICT_DENY);
	sock = client_fd(&c, 0);
	rec = client_fd(&c, 1);
	cr_assert_eq(getpeername(sock, (struct sockaddr *)&sa, &n), 0);
	cr_assert_eq(ntohs(sa.sin_port), r.port);
	cr_assert(fcntl(sock, F_GETFL) & O_NONBLOCK);
	cr_assert_eq(write(sock, "hello", 5), 5);
	in = accept(r.upstream, NULL, NULL);
	cr_assert(in >= 0);
	cr_assert_eq(read(in, want, 5), 5);
	cr_assert(fcntl(rec, F_GETFL) & O_APPEND);
	cr_assert_eq(fcntl(rec, F_GETFL) & O_ACCMODE, O_WRONLY);
	close(sock);
	close(rec);
	close(in);
}

/* --- credentials --- */

static const char *password_of(const char *target, const char *login, const char *db)
{
	static char out[64];
	struct span s;

	cr_assert_eq(client_connect(&c, target, login, db), 0, "%s", client_str(&c, "text"));
	s = ipc_get_span(c.m, "password");
	snprintf(out, sizeof(out), "%.*s", (int)s.n, (const char *)s.p);
	return out;
}

Test(credentials, each_login_has_its_own)
{
	cr_assert_str_eq(password_of("orders-prod", "app_ro", "orders"), "secret-ro");
	cr_assert_str_eq(
	    password_of("orders-prod", "app_rw", "orders"), "from-file", "without its newline");
	cr_assert_str_eq(password_of("orders-prod", "cmd", "orders"), "from-command");
	cr_assert_str_eq(password_of("payroll", "app_pay", "pay"), "secret-pay",
	    "also where the name must be resolved");
}

Test(credentials, systemd_credentials)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/creds", r.dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	setenv("CREDENTIALS_DIRECTORY", path, 1);
	snprintf(path, sizeof(path), "%s/creds/pay", r.dir);
	spill(path, span_str("from-systemd\n"));
	rig_conf(&r, "rules: []\n");
	{
		char text[16384];
		struct buf b;
		struct verbcall v;
		char *at;

		buf_init(&b, sizeof(text));
		slurp(r.conf_path, &b);
		snprintf(text, sizeof(text), "%s", buf_cstr(&b));
		at = strstr(text, "env:RIG_PW_PAY");
		cr_assert_not_null(at);
		memcpy(at, "credential:pay", 14);
		at = strstr(text, "rules: []\n");
		*at = '\0';
		spill(r.conf_path, span_str(text));
		buf_clear(&b);
		cr_assert_eq(verb_run(&r, NULL, &v, "reload", NULL), 0, "%s", verb_text(&v));
		verb_clear(&v);
	}
	cr_assert_str_eq(password_of("payroll", "app_pay", "pay"), "from-systemd");
}

Test(credentials, a_missing_one_is_not_explained_to_the_user)
{
	refused(client_connect(&c, "orders-prod", "broken", "orders"), "28P01",
	    "no credential for login \"broken\"", "operator");
	cr_assert_null(strstr(client_str(&c, "text"), "RIG_PW_MISSING"));
	refused(client_connect(&c, "orders-prod", "failing", "orders"), "28P01",
	    "no credential for login \"failing\"", "operator");
	cr_assert_eq(monitor_n_sessions(r.m), 0);
}

Test(credentials, an_address_that_does_not_answer)
{
	refused(client_connect(&c, "gone", "app", "d"), "08001", "127.0.0.1 port 1 does not answer",
	    "");
	cr_assert_eq(monitor_n_sessions(r.m), 0);
}

/* --- limits --- */

static void limited(const char *gateway, const char *more)
{
	rig_init(&r);
	snprintf(r.conf_extra, sizeof(r.conf_extra), "%s", gateway);
	rig_conf(&r, more);
	rig_start(&r);
	client_open(&r, &c, HERE);
	client_login(&c, ALICE);
}

Test(limits, sessions_per_user)
{
	struct client two;

	limited("max_sessions_per_user: 2", NULL);
	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0);
	client_open(&r, &two, HERE);
	client_login(&two, ALICE);
	cr_assert_eq(client_connect(&two, "orders-prod", "app_ro", "orders"), 0);
	refused(client_connect(&c, "orders-prod", "app_ro", "orders"), "53300", "2 sessions", "");
	client_close(&two);
	cr_assert_eq(
	    client_connect(&c, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&c, "text"));
	down();
}

Test(limits, no_room_no_session_but_operators_work)
{
	struct verbcall v;

	limited("", "recording: {low_water: 1024TiB}\n");
	refused(client_connect(&c, "orders-prod", "app_ro", "orders"), "53100", "no room", "");
	cr_assert_eq(verb_run(&r, NULL, &v, "status", NULL), 0);
	verb_clear(&v);
	down();
}

/* --- recordings --- */

static struct recorder *rec;

static void report(enum ipc_type t, const char *reason)
{
	uint64_t seq, bytes;
	uint8_t hash[SHA256_LEN];
	struct buf *b = client_msg(&c, t);

	recorder_head(rec, &seq, &bytes, hash);
	ipc_str(b, "sid", c.sid);
	ipc_int(b, "seq", (int64_t)seq);
	ipc_int(b, "bytes", (int64_t)bytes);
	ipc_bin(b, "hash", span_of(hash, sizeof(hash)));
	if (t == IPC_SESSION_END) {
		ipc_str(b, "reason", reason);
		ipc_int(b, "statements", 3);
		ipc_int(b, "rows", 7);
	}
}

static void record(const char *sql)
{
	struct rec_statement s = {.proto = "query",
	    .sql = span_str(sql),
	    .name = "",
	    .cls = "read",
	    .verdict = "allow",
	    .rule = "r",
	    .reason = "",
	    .epoch = 1,
	    .forwarded = true};

	cr_assert_gt(recorder_add_statement(rec, &s, NULL), 0);
	cr_assert_eq(recorder_commit(rec, false), 0);
}

static void session(void)
{
	struct span prev;

	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0);
	prev = ipc_get_span(c.m, "prev");
	cr_assert_eq(prev.n, SHA256_LEN);
	rec = recorder_new(client_fd(&c, 1), prev.p, (uint64_t)client_int(&c, "seq"));
	record("select 1");
}

static void wait_leaf(enum leaf_type t, size_t n, struct rec_leaf *l)
{
	for (int i = 0; i < 600 && rig_leaves(&r, t, c.sid, l) < n; i++)
		rig_spin(&r, 10);
	cr_assert_geq(rig_leaves(&r, t, c.sid, l), n, "no %s leaf", leaf_type_name(t));
}

static void check_meta(void)
{
	const struct rec_meta *m;
	struct reader *rd;
	struct why w = {0};
	char path[128];

	snprintf(path, sizeof(path), "%s/recordings/%s", r.dir, c.sid);
	cr_assert_eq(reader_open(path, 0, &rd, &w), 0, "%s", w.text);
	m = reader_meta(rd);
	cr_assert_str_eq(m->user, "alice");
	cr_assert_str_eq(m->target, "orders-prod");
	cr_assert_str_eq(m->login, "app_ro");
	cr_assert_str_eq(m->source, HERE ":40000");
	cr_assert_eq(m->counter, 1);
	reader_free(rd);
}

Test(recording, start_progress_end_seal)
{
	struct rec_leaf l;
	uint64_t seq, bytes;
	uint8_t head[SHA256_LEN];

	session();
	check_meta();
	cr_assert_eq(rig_leaves(&r, LEAF_START, c.sid, &l), 1);
	cr_assert_eq(l.counter, 1);
	report(IPC_HEAD, NULL);
	client_send(&c);
	wait_leaf(LEAF_PROGRESS, 1, &l);
	recorder_head(rec, &seq, &bytes, head);
	cr_assert_eq(l.seq, seq);
	cr_assert_arr_eq(l.hash, head, SHA256_LEN);
	rig_spin(&r, 1200);
	cr_assert_eq(rig_leaves(&r, LEAF_PROGRESS, c.sid, NULL), 1, "nothing new, no leaf");
	record("select 2");
	recorder_head(rec, &seq, &bytes, head);
	report(IPC_SESSION_END, "client terminated");
	recorder_free(rec);
	cr_assert_eq(client_call(&c), IPC_OK);
	cr_assert_eq(rig_leaves(&r, LEAF_END, c.sid, &l), 1);
	cr_assert_eq(l.seq, seq);
	cr_assert_eq(l.bytes, bytes);
	cr_assert_eq(l.segment, 1);
	cr_assert_str_eq(l.reason, "client terminated");
	cr_assert_arr_eq(l.hash, head, SHA256_LEN);
	wait_leaf(LEAF_SEAL, 1, &l);
	check_meta();
	cr_assert_eq(monitor_n_sessions(r.m), 0);
}

Test(recording, a_killed_session_ends_where_the_file_ends)
{
	struct rec_leaf l;
	uint64_t seq, bytes;
	uint8_t head[SHA256_LEN];

	session();
	report(IPC_HEAD, NULL);
	client_send(&c);
	record("select 2"); /* after the last report */
	recorder_head(rec, &seq, &bytes, head);
	recorder_free(rec);
	kill(c.pid, SIGKILL);
	fd_close(&c.sock);
	wait_leaf(LEAF_END, 1, &l);
	cr_assert_eq(l.seq, seq);
	cr_assert_eq(l.bytes, bytes);
	cr_assert_arr_eq(l.hash, head, SHA256_LEN);
	cr_assert_str_eq(l.reason, "disconnect");
	wait_leaf(LEAF_SEAL, 1, &l);
}

Test(recording, an_end_that_is_not_what_the_file_says_is_not_believed)
{
	struct rec_leaf l;
	uint64_t seq, bytes;
	uint8_t head[SHA256_LEN];

	session();
	report(IPC_SESSION_END, "client terminated");
	record("drop table hidden"); /* behind the reported end */
	recorder_head(rec, &seq, &bytes, head);
	recorder_free(rec);
	cr_assert_eq(client_call(&c), IPC_OK);
	wait_leaf(LEAF_END, 1, &l);
	cr_assert_eq(l.seq, seq);
	cr_assert_arr_eq(l.hash, head, SHA256_LEN);
}

Test(recording, progress_never_goes_back)
{
	struct buf *b;

	session();
	report(IPC_HEAD, NULL);
	client_send(&c);
	recorder_free(rec);
	b = client_msg(&c, IPC_HEAD);
	ipc_str(b, "sid", c.sid);
	ipc_int(b, "seq", 0);
	ipc_int(b, "bytes", 0);
	ipc_bin(b, "hash", span_of("0123456789abcdef0123456789abcdef", 32));
	client_send(&c);
	cr_assert_eq(client_next(&c, 2000), 0);
	cr_assert(client_killed(&c));
}

Test(recording, other_connections_sessions_are_not_there)
{
	struct client other;

	session();
	recorder_free(rec);
	client_open(&r, &other, HERE);
	client_login(&other, ALICE);
	ipc_str(client_msg(&other, IPC_CANCEL), "sid", c.sid);
	cr_assert_eq(client_call(&other), IPC_FAIL);
	ipc_str(client_msg(&other, IPC_SEGMENT), "sid", c.sid);
	cr_assert_eq(client_call(&other), IPC_FAIL);
	cr_assert_eq(other.nfds, 0);
	client_close(&other);
}

Test(recording, the_next_segment_comes_when_one_is_full)
{
	static char big[2 * 1024 * 1024];
	struct rec_leaf l;
	int fd;

	session();
	report(IPC_HEAD, NULL);
	client_send(&c);
	ipc_str(client_msg(&c, IPC_SEGMENT), "sid", c.sid);
	cr_assert_eq(client_call(&c), IPC_FAIL, "it is nearly empty");
	memset(big, 'x', sizeof(big) - 1);
	record(big);
	report(IPC_HEAD, NULL);
	client_send(&c);
	ipc_str(client_msg(&c, IPC_SEGMENT), "sid", c.sid);
	cr_assert_eq(client_call(&c), IPC_OK);
	fd = client_fd(&c, 0);
	cr_assert_eq(recorder_rotate(rec, fd), 0);
	record("select 3");
	wait_leaf(LEAF_SEAL, 1, &l);
	cr_assert_eq(l.segment, 1);
	report(IPC_SESSION_END, "bye");
	recorder_free(rec);
	cr_assert_eq(client_call(&c), IPC_OK);
	wait_leaf(LEAF_SEAL, 2, &l);
	cr_assert_eq(l.segment, 2);
	cr_assert_eq(rig_leaves(&r, LEAF_END, c.sid, &l), 1);
	cr_assert_eq(l.segment, 2);
}

Test(recording, after_a_crash_of_the_gateway)
{
	struct rec_leaf l;
	uint64_t seq, bytes;
	uint8_t head[SHA256_LEN];

	session();
	recorder_head(rec, &seq, &bytes, head);
	recorder_free(rec);
	rig_stop(&r); /* without a drain: no end leaf is written */
	cr_assert_eq(rig_leaves(&r, LEAF_END, c.sid, NULL), 0);
	rig_start(&r);
	wait_leaf(LEAF_END, 1, &l);
	cr_assert_str_eq(l.reason, "crash");
	cr_assert_eq(l.seq, seq);
	cr_assert_arr_eq(l.hash, head, SHA256_LEN);
	wait_leaf(LEAF_SEAL, 1, &l);
	cr_assert_eq(monitor_epoch(r.m), 2, "each start is an epoch");
}

/* --- cancel --- */

static void expect_cancel(uint32_t pid, uint32_t key)
{
	uint8_t got[16];
	uint8_t want[16] = {0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, (uint8_t)(pid >> 24),
	    (uint8_t)(pid >> 16), (uint8_t)(pid >> 8), (uint8_t)pid, (uint8_t)(key >> 24),
	    (uint8_t)(key >> 16), (uint8_t)(key >> 8), (uint8_t)key};
	int fd = -1;

	for (int i = 0; i < 300 && fd < 0; i++) {
		rig_spin(&r, 10);
		fd = accept4(r.upstream, NULL, NULL, 0);
	}
	cr_assert(fd >= 0, "nobody cancels");
	cr_assert_eq(recv(fd, got, sizeof(got), MSG_WAITALL), 16);
	cr_assert_arr_eq(got, want, 16);
	close(fd);
}

static void take_connection(void)
{
	int fd = accept(r.upstream, NULL, NULL);

	cr_assert(fd >= 0);
	close(fd);
}

static void backend(int64_t pid, int64_t key)
{
	struct buf *b = client_msg(&c, IPC_BACKEND);

	ipc_str(b, "sid", c.sid);
	ipc_int(b, "pid", pid);
	ipc_int(b, "key", key);
	cr_assert_eq(client_call(&c), IPC_OK);
}

Test(recording, a_dead_session_leaves_no_query_behind)
{
	session();
	recorder_free(rec);
	take_connection();
	backend(4711, 0xdeadbeef);
	fd_close(&c.sock);
	expect_cancel(4711, 0xdeadbeef);
}

Test(recording, cancel_on_request)
{
	session();
	recorder_free(rec);
	take_connection();
	backend(77, 88);
	ipc_str(client_msg(&c, IPC_CANCEL), "sid", c.sid);
	cr_assert_eq(client_call(&c), IPC_OK);
	expect_cancel(77, 88);
}

Test(recording, a_killed_session_is_cancelled_and_its_process_killed)
{
	struct verbcall v;

	session();
	recorder_free(rec);
	take_connection();
	backend(5, 6);
	cr_assert_eq(verb_run(&r, NULL, &v, "kill", "id", c.sid, "why", "enough", NULL), 0, "%s",
	    verb_text(&v));
	verb_clear(&v);
	cr_assert_eq(client_next(&c, 1000), IPC_KILL);
	cr_assert_str_eq(client_str(&c, "sid"), c.sid);
	cr_assert_str_eq(client_str(&c, "reason"), "ended by root: enough");
	expect_cancel(5, 6);
	cr_assert(client_killed(&c), "it did not end the session");
}
