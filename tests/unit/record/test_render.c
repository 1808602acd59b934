/* SPDX-License-Identifier: Apache-2.0
 *
 * The timeline as an auditor reads it, and that nothing in a recording can drive the auditor's
 * terminal.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "record/player.h"
#include "rig.h"

#define T0 1795000000000000ll /* 2026-11-18T11:06:40Z */

struct bench {
	struct buf out; /* everything rendered */
	struct buf rec;
	struct render *r;
	uint64_t seq;
	int64_t mono;
	char kinds[64];
};

static struct bench k;

static int collect(void *ctx, const struct render_chunk *c)
{
	struct bench *b = ctx;
	size_t n = strlen(b->kinds);

	if (n + 1 < sizeof(b->kinds))
		b->kinds[n] = "HSOE"[c->kind];
	buf_put_span(&b->out, c->text);
	return 0;
}

static void up(struct render_opts o)
{
	struct rec_meta m = {.sid = "01JD8MABCDEFGHJKMNPQRSTVWX",
	    .counter = 7,
	    .start_us = T0,
	    .epoch = 14,
	    .user = "alice@example.com",
	    .target = "orders-prod",
	    .database = "orders",
	    .login = "app_ro",
	    .source = "203.0.113.9",
	    .client = "psql",
	    .cert = "1041"};

	memset(&k, 0, sizeof(k));
	buf_init(&k.out, 1u << 24);
	buf_init(&k.rec, 1u << 24);
	k.r = render_new(&o, collect, &k);
	cr_assert(eq(int, render_meta(k.r, &m), 0));
}

static void feed(int64_t after_ms)
{
	static const uint8_t hash[32];
	struct rec_frame f;
	size_t used;

	(void)after_ms;
	rec_end(&k.rec, hash);
	cr_assert(eq(int, rec_parse(buf_span(&k.rec), &f, &used), 0));
	cr_assert(eq(int, render_record(k.r, &f, false), 0));
	rec_frame_clear(&f);
	buf_reset(&k.rec);
}

static uint64_t begin(int64_t after_ms, enum rec_type t)
{
	k.mono += after_ms * 1000;
	rec_begin(&k.rec, ++k.seq, k.mono, t);
	return k.seq;
}

static uint64_t statement(int64_t after_ms, struct rec_statement s)
{
	uint64_t seq = begin(after_ms, REC_STATEMENT);

	rec_put_statement(&k.rec, &s);
	feed(0);
	return seq;
}

static void result(int64_t after_ms, struct rec_result x)
{
	begin(after_ms, REC_RESULT);
	rec_put_result(&k.rec, &x);
	feed(0);
}

static void event(int64_t after_ms, enum rec_type t, const struct rec_kv *kv, size_t n)
{
	begin(after_ms, t);
	rec_put_kv(&k.rec, t, kv, n);
	feed(0);
}

static const char *text(void)
{
	return buf_cstr(&k.out);
}

static void down(void)
{
	render_free(k.r);
	buf_clear(&k.out);
	buf_clear(&k.rec);
}

Test(render, timeline_of_the_auditor)
{
	uint64_t s;
	struct rec_kv anchor = {"wall_us", span_str("1795000003000000")};
	struct rec_kv end = {"reason", span_str("client closed")};

	up((struct render_opts){0});
	event(0, REC_ANCHOR, &anchor, 1);
	s = statement(
	    7000, (struct rec_statement){.proto = "query",
		      .sql = span_str("select id, name, email, total from customers limit 2;"),
		      .cls = "read",
		      .verdict = "allow",
		      .forwarded = true});
	result(3, (struct rec_result){.stmt_seq = s,
		      .tag = "SELECT 2",
		      .rows = 2,
		      .duration_us = 3100,
		      .masked = "name email"});
	s = statement(
	    105000, (struct rec_statement){.proto = "query",
			.sql = span_str("delete from customers where created < '2020-01-01';"),
			.cls = "bulk",
			.verdict = "hold",
			.rule = "base",
			.epoch = 14});
	{
		struct rec_kv pending[] = {{"state", span_str("pending")},
		    {"id", span_str("7f3a9c")}, {"by", {NULL, 0}}, {"why", {NULL, 0}}};
		struct rec_kv note[] = {{"message", span_str("held: request 7f3a9c")}};
		struct rec_kv ok[] = {{"state", span_str("approved")},
		    {"by", span_str("bob@example.com")}, {"why", span_str("ticket 812")}};
		struct rec_kv used[] = {
		    {"state", span_str("consumed")}, {"id", span_str("7f3a9c")}};

		event(1, REC_DECISION, pending, 4);
		event(0, REC_NOTICE, note, 1);
		event(41000, REC_DECISION, ok, 3);
		event(1, REC_DECISION, used, 2);
	}
	result(18, (struct rec_result){.stmt_seq = s, .tag = "DELETE 1204", .duration_us = 18200});
	statement(1000, (struct rec_statement){.proto = "query",
			    .sql = span_str("copy customers to program 'cat > /tmp/x';"),
			    .cls = "escape",
			    .verdict = "deny",
			    .rule = "base:env=prod/escape",
			    .reason = "COPY TO PROGRAM runs a program",
			    .epoch = 14});
	{
		struct rec_kv err[] = {{"sqlstate", span_str("42501")},
		    {"message", span_str("refused: COPY TO PROGRAM ...")}};

		event(
		    0, REC_ERROR, err, 2); /* what the client was told: the line says it already */
	}
	event(1000, REC_END, &end, 1);
	cr_assert(eq(int, render_finish(k.r), 0));
	cr_expect(eq(str, (char *)text(),
	    "11:06:40 alice@example.com \xe2\x86\x92 orders-prod/orders as app_ro  (2026-11-18 "
	    "UTC, certificate 1041, from 203.0.113.9, psql)\n"
	    "11:06:50 orders=> select id, name, email, total from customers limit 2;      2 rows, "
	    "3 ms, masked name email\n"
	    "11:08:35 orders=> delete from customers where created < '2020-01-01';        HELD "
	    "bulk \xe2\x86\x92 7f3a9c\n"
	    "11:09:16          approved by bob@example.com \"ticket 812\"                   DELETE "
	    "1204, 18 ms\n"
	    "11:09:17 orders=> copy customers to program 'cat > /tmp/x';                  REFUSED "
	    "escape: COPY TO PROGRAM runs a program "
	    "(base:env=prod/escape)\n"
	    "11:09:18          session ended: client closed\n"));
	cr_expect(eq(str, k.kinds, "HSOSOEOSOE"));
	down();
}

/* A proxy that records the statement again when it sends it gets the same line. */
Test(render, released_statement_recorded_twice)
{
	struct rec_statement st = {
	    .proto = "query", .sql = span_str("delete from t"), .cls = "bulk", .verdict = "hold"};
	struct rec_kv pending[] = {
	    {"state", span_str("pending")}, {"id", span_str("ab12")}, {"stmt", span_str("1")}};
	struct rec_kv ok[] = {
	    {"state", span_str("approved")}, {"by", span_str("bob")}, {"stmt", span_str("1")}};
	uint64_t s;

	up((struct render_opts){0});
	statement(0, st);
	event(1, REC_DECISION, pending, 3);
	event(1, REC_DECISION, ok, 3);
	st.forwarded = true;
	s = statement(0, st);
	result(1, (struct rec_result){.stmt_seq = s, .tag = "DELETE 3", .duration_us = 900});
	cr_expect(strstr(text(), "approved by bob") != NULL);
	cr_expect(strstr(text(), "DELETE 3, 0.9 ms\n") != NULL, "%s", text());
	cr_expect(
	    strstr(strstr(text(), "delete from t") + 1, "delete from t") == NULL, "%s", text());
	down();
}

Test(render, decisions_errors_copy_and_cancel)
{
	struct rec_kv denied[] = {
	    {"state", span_str("denied")}, {"by", span_str("bob")}, {"why", span_str("no")}};
	struct rec_kv expired[] = {{"state", span_str("expired")}};
	struct rec_kv withdrawn[] = {{"state", span_str("withdrawn")}, {"by", span_str("alice")}};
	struct rec_kv copy[] = {{"stmt", span_str("1")}, {"direction", span_str("in")},
	    {"rows", span_str("12")}, {"bytes", span_str("3456")}, {"sha256", span_str("ab12")}};
	struct rec_kv cancel[] = {{"by", span_str("client")}};
	struct rec_kv err[] = {
	    {"sqlstate", span_str("08006")}, {"message", span_str("server gone")}};
	struct rec_kv own[] = {{"sql", span_str("select 1 from pg_class")}};
	uint64_t s;

	up((struct render_opts){0});
	s = statement(0, (struct rec_statement){.proto = "query",
			     .sql = span_str("copy t from stdin"),
			     .verdict = "allow",
			     .forwarded = true});
	cr_assert(eq(u64, s, 1));
	event(0, REC_COPY, copy, 5);
	result(0, (struct rec_result){.stmt_seq = s, .tag = "COPY 12", .duration_us = 5000});
	s = statement(0, (struct rec_statement){.proto = "query",
			     .sql = span_str("select 1/0"),
			     .verdict = "warn",
			     .forwarded = true});
	result(0, (struct rec_result){.stmt_seq = s,
		      .sqlstate = "22012",
		      .message = "division by zero",
		      .duration_us = 100});
	event(0, REC_DECISION, denied, 3);
	event(0, REC_DECISION, expired, 1);
	event(0, REC_DECISION, withdrawn, 2);
	event(0, REC_CANCEL, cancel, 1);
	event(0, REC_ERROR, err, 2); /* follows a withdrawal: said already */
	event(0, REC_ERROR, err, 2);
	event(0, REC_OWN, own, 1);
	cr_expect(
	    strstr(text(), "COPY 12, 5 ms, copied in, 12 rows, 3456 bytes, sha256 ab12\n") != NULL,
	    "%s", text());
	cr_expect(strstr(text(), "WARNED, ERROR 22012: division by zero, 0.1 ms\n") != NULL);
	cr_expect(strstr(text(), "denied by bob \"no\"\n") != NULL);
	cr_expect(strstr(text(), " expired\n") != NULL);
	cr_expect(strstr(text(), "withdrawn by alice\n") != NULL);
	cr_expect(strstr(text(), "cancel requested: client\n") != NULL);
	cr_expect(strstr(text(), "ERROR 08006: server gone\n") != NULL);
	cr_expect(strstr(text(), "pg_class") == NULL);
	down();
	up((struct render_opts){.all = true});
	event(0, REC_OWN, own, 1);
	cr_expect(strstr(text(), "gateway=> select 1 from pg_class\n") != NULL);
	down();
}

/* Drivers prepare without a name: shown once, unless it fails. Interleaved results say whose they
 * are. */
Test(render, extended_protocol)
{
	static const uint8_t bin[2] = {0x00, 0xff};
	struct rec_param p[3] = {
	    {.value = span_str("o'neil")}, {.is_null = true}, {.format = 1, .value = {bin, 2}}};
	struct rec_statement parse = {
	    .proto = "parse", .sql = span_str("select $1"), .verdict = "allow", .forwarded = true};
	struct rec_statement exec = {.proto = "execute",
	    .sql = span_str("select $1"),
	    .verdict = "allow",
	    .n_params = 3,
	    .params = p,
	    .forwarded = true};
	uint64_t a;
	uint64_t b;

	up((struct render_opts){0});
	a = statement(0, parse);
	result(0, (struct rec_result){.stmt_seq = a});
	b = statement(0, exec);
	a = statement(0, exec); /* pipelined */
	result(0,
	    (struct rec_result){.stmt_seq = b, .tag = "SELECT 1", .rows = 1, .duration_us = 2000});
	result(0,
	    (struct rec_result){.stmt_seq = a, .tag = "SELECT 1", .rows = 1, .duration_us = 2000});
	a = statement(0, parse);
	result(0,
	    (struct rec_result){
		.stmt_seq = a, .sqlstate = "42601", .message = "syntax error", .duration_us = 100});
	cr_expect(eq(int, (int)(strstr(text(), "prepare") != NULL), 1));
	cr_expect(strstr(text(), "orders=> select $1   $1='o'neil', $2=NULL, $3=\\x00ff\n") != NULL,
	    "%s", text());
	cr_expect(strstr(text(), "(statement 3) 1 row, 2 ms\n") != NULL, "%s", text());
	cr_expect(strstr(text(), "(prepare) select $1 ") != NULL);
	cr_expect(strstr(text(), "ERROR 42601: syntax error, 0.1 ms\n") != NULL);
	down();
}

static bool harmless(const unsigned char *p)
{
	if (*p != '\n' && (*p < 0x20 || *p == 0x7f))
		return false;
	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* C1 */
		return false;
	/* U+200B..200F, U+2028..202E, U+2060..206F, BOM */
	if (p[0] == 0xe2 && p[1] == 0x80 &&
	    ((p[2] >= 0x8b && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae)))
		return false;
	if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf)
		return false;
	return memcmp(p, "\xef\xbb\xbf", 3) != 0;
}

/* Nothing but printable characters and our own newlines, whatever is recorded and wherever. */
static void only_harmless(const char *what)
{
	buf_put_str(&k.out, "    ");
	cr_expect(span_is_utf8(buf_span(&k.out)));
	for (const unsigned char *p = (const unsigned char *)text(); *p != '\0'; p++)
		cr_assert(harmless(p), "%s: byte %02x in %s", what, *p, (const char *)p);
}

static const char evil[] = "x\x1b]0;owned\x07\x1b[2J\x1b[8mhidden\r\x08\x7f\xc2\x9b"
			   "31m\xe2\x80\xae"
			   "drow\xe2\x80\x8b\xe2\x81\xa6\xef\xbb\xbf\x90\xff\xc0\xaf"
			   "\n11:09:16          approved by bob@example.com \"fine\"";

Test(render, terminal_escapes_are_neutralised)
{
	for (int json = 0; json < 2; json++) {
		struct rec_param p = {.value = span_str(evil)};

		for (unsigned t = 1; t <= 18; t++) {
			struct rec_kv kv[] = {{"sql", span_str(evil)}, {"state", span_str(evil)},
			    {"by", span_str(evil)}, {"why", span_str(evil)},
			    {"message", span_str(evil)}, {"data", span_str(evil)},
			    {"reason", span_str(evil)}, {"hint", span_str(evil)},
			    {"sqlstate", span_str(evil)}, {"tag", span_str(evil)},
			    {"masked", span_str(evil)}, {"direction", span_str(evil)},
			    {"msg", span_str(evil)}, {"name", span_str(evil)},
			    {"proto", span_str(evil)}, {"class", span_str(evil)},
			    {"rule", span_str(evil)}, {"sha256", span_str(evil)},
			    {evil, span_str(evil)}, {"verdict", span_str(evil)}};

			up((struct render_opts){.json = json, .all = true, .tag = "a\x1b"});
			event(0, (enum rec_type)t, kv, sizeof(kv) / sizeof(kv[0]));
			statement(0, (struct rec_statement){.proto = evil,
					 .sql = span_str(evil),
					 .name = evil,
					 .n_params = 1,
					 .params = &p,
					 .cls = evil,
					 .verdict = "deny",
					 .rule = evil,
					 .reason = evil});
			result(0, (struct rec_result){.stmt_seq = 1,
				      .tag = evil,
				      .masked = evil,
				      .sqlstate = evil,
				      .message = evil});
			cr_assert(eq(int, render_finish(k.r), 0));
			only_harmless(rec_type_name(t));
			if (!json) /* no forged line: every real line begins with the tag or a
				      continuation */
				cr_expect(strstr(text(), "\n11:09:16") == NULL);
			down();
		}
	}
}

Test(render, hostile_meta_is_neutralised)
{
	struct rec_meta m = {.sid = "01JD8MABCDEFGHJKMNPQRSTVWX", .start_us = INT64_MIN};
	struct render_opts o[2] = {{.json = false}, {.json = true}};

	for (int i = 0; i < 2; i++) {
		memset(&k, 0, sizeof(k));
		buf_init(&k.out, 1u << 20);
		buf_init(&k.rec, 1u << 20);
		snprintf(m.user, sizeof(m.user), "%s", evil);
		snprintf(m.target, sizeof(m.target), "%.127s", evil);
		snprintf(m.client, sizeof(m.client), "%.127s", evil);
		k.r = render_new(&o[i], collect, &k);
		cr_assert(eq(int, render_meta(k.r, &m), 0));
		only_harmless("meta");
		down();
	}
}

Test(render, json_lines)
{
	struct rec_param p[4] = {{.value = span_str("a\"b")}, {.is_null = true},
	    {.format = 1, .value = span_str("\1")}, {.value = span_str("\xff")}};
	struct rec_kv kv[] = {{"text", span_str("line\nbreak \xe2\x80\xae \xf3\xa0\x80\x81")}};

	up((struct render_opts){.json = true});
	statement(0, (struct rec_statement){.proto = "execute",
			 .sql = span_str("select '\xff'"),
			 .n_params = 4,
			 .params = p,
			 .cls = "read",
			 .verdict = "allow",
			 .epoch = 14,
			 .forwarded = true});
	event(0, REC_NOTICE, kv, 1);
	cr_expect(
	    strstr(text(),
		"{\"type\":\"meta\",\"schema\":\"sallyport/recording/"
		"1\",\"session\":\"01JD8MABCDEFGHJKMNPQRSTVWX\",\"counter\":7,"
		"\"start\":\"2026-11-18T11:06:40.000Z\",\"user\":\"alice@example.com\"") == text(),
	    "%s", text());
	cr_expect(strstr(text(), "{\"type\":\"statement\",\"seq\":1,\"time\":\"2026-11-18T11:06:40."
				 "000Z\",\"proto\":\"execute\",\"sql\":\"select '\xef\xbf\xbd'\","
				 "\"sql_b64\":\"c2VsZWN0ICf/"
				 "Jw==\",\"n\":4,\"class\":\"read\",\"verdict\":\"allow\","
				 "\"epoch\":14,\"sent\":true,"
				 "\"params\":[\"a\\\"b\",null,{\"binary_b64\":\"AQ==\"},{\"text_"
				 "b64\":\"/w==\"}],\"hash\":\"0000") != NULL,
	    "%s", text());
	cr_expect(strstr(text(), "\"text\":\"line\\nbreak \\u202e \\udb40\\udc01\"") != NULL, "%s",
	    text());
	down();
}

Test(render, long_statements_and_day_change)
{
	size_t n = 1u << 20;
	char *sql = malloc(n);
	struct rec_kv a = {"wall_us", span_str("1795046390000000")}; /* 23:59:50 */

	memset(sql, 'x', n);
	up((struct render_opts){0});
	event(0, REC_ANCHOR, &a, 1);
	statement(20000, (struct rec_statement){.proto = "query",
			     .sql = {(uint8_t *)sql, n},
			     .verdict = "allow",
			     .forwarded = true});
	cr_expect(strstr(text(), "-- 2026-11-19 UTC --\n00:00:10 orders=> xxx") != NULL);
	cr_expect(strstr(text(), " ... (1048576 bytes, in full with --json)") != NULL);
	cr_expect(lt(sz, buf_len(&k.out), 20000));
	down();
	up((struct render_opts){.max_sql = SIZE_MAX});
	statement(0, (struct rec_statement){.proto = "query",
			 .sql = {(uint8_t *)sql, n},
			 .verdict = "allow",
			 .forwarded = true});
	cr_expect(gt(sz, buf_len(&k.out), n));
	down();
	free(sql);
}

Test(render, lines_of_sql_go_on_under_the_prompt)
{
	up((struct render_opts){0});
	statement(0, (struct rec_statement){.proto = "query",
			 .sql = span_str("select 1,\r\n  2\nfrom t;\n\n"),
			 .verdict = "allow",
			 .forwarded = true});
	result(0,
	    (struct rec_result){.stmt_seq = 1, .tag = "SELECT 1", .rows = 1, .duration_us = 1000});
	cr_expect(
	    strstr(text(),
		"orders=> select 1,\n         orders->   2\n         orders-> from t;  ") != NULL,
	    "%s", text());
	down();
}

/* ---- player ---- */

static struct rig g;

static size_t play_on_pipe(struct reader *r, struct player_opts o, char *out, size_t cap)
{
	int fd[2];
	struct player_result res;
	struct why w;
	ssize_t n;

	cr_assert(eq(int, pipe(fd), 0));
	o.in_fd = -1;
	o.out_fd = fd[1];
	cr_assert(eq(int, player_run(r, &o, &res, &w), 0), "%s", w.text);
	close(fd[1]);
	n = read(fd[0], out, cap - 1);
	close(fd[0]);
	out[n > 0 ? n : 0] = '\0';
	return (size_t)n;
}

Test(player, plain_output_without_delays)
{
	struct rig_session s;
	struct reader *r;
	struct why w;
	char out[16384];

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 3);
	rig_end(&g, &s, "done");
	cr_assert(eq(int, reader_open(s.path, 0, &r, &w), 0));
	play_on_pipe(r, (struct player_opts){0}, out, sizeof(out));
	cr_expect(strstr(out, "alice@example.com") != NULL);
	cr_expect(
	    strstr(out, "select abalance from t where aid = $1   $1='42'") != NULL, "%s", out);
	cr_expect(strstr(out, "session ended: done\n") != NULL);
	reader_free(r);
	/* the output went away */
	cr_assert(eq(int, reader_open(s.path, 0, &r, &w), 0));
	{
		int fd[2];
		struct player_opts o = {.in_fd = -1};
		struct player_result res;

		signal(SIGPIPE, SIG_IGN);
		cr_assert(eq(int, pipe(fd), 0));
		close(fd[0]);
		o.out_fd = fd[1];
		cr_expect(eq(int, player_run(r, &o, &res, &w), E_CLOSED));
		close(fd[1]);
	}
	reader_free(r);
	rig_forget(&s);
	rig_close(&g);
}

/* Read from the pty until text appears; 0 when it does not within ms. */
static int wait_text(int fd, char *all, size_t cap, const char *want, int ms)
{
	size_t n = strlen(all);

	while (strstr(all, want) == NULL) {
		struct pollfd pf = {fd, POLLIN, 0};
		ssize_t got;

		if (poll(&pf, 1, ms) <= 0)
			return 0;
		got = read(fd, all + n, cap - n - 1);
		if (got <= 0)
			return 0;
		n += (size_t)got;
		all[n] = '\0';
	}
	return 1;
}

/* A recording with long waits, on a terminal, driven by keys. */
Test(player, keys_on_a_terminal)
{
	struct rig_session s;
	char all[32768] = "";
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	int slave;
	int status;
	pid_t pid;
	struct termios before;
	struct termios after;

	cr_assert(ge(int, master, 0));
	cr_assert(eq(int, grantpt(master) | unlockpt(master), 0));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	cr_assert(ge(int, slave, 0));
	tcgetattr(slave, &before);
	rig_open(&g);
	rig_begin(&g, &s);
	for (int i = 0; i < 6; i++) {
		char sql[32];
		struct rec_statement st = {.proto = "query", .verdict = "allow", .forwarded = true};

		snprintf(sql, sizeof(sql), "select %d", i);
		st.sql = span_str(sql);
		recorder_add_statement(s.rec, &st, NULL);
		cr_assert(eq(int, recorder_commit(s.rec, false), 0));
		usleep(120000);
	}
	rig_end(&g, &s, "done");
	pid = fork();
	if (pid == 0) {
		struct player_opts o = {.in_fd = slave,
		    .out_fd = slave,
		    .speed = 0.005,
		    .idle_cap_us = -1}; /* 24 s between statements */
		struct player_result res;
		struct reader *r;
		struct why w;
		int rc = reader_open(s.path, 0, &r, &w);

		if (rc == 0)
			rc = player_run(r, &o, &res, &w);
		_exit(rc == 0 && res.quit ? 7 : 1);
	}
	cr_expect(wait_text(master, all, sizeof(all), "select 0", 3000));
	cr_expect(not(wait_text(master, all, sizeof(all), "select 1", 300))); /* it waits */
	cr_assert(eq(int, (int)write(master, "]", 1), 1));
	cr_expect(wait_text(master, all, sizeof(all), "select 1", 3000));
	cr_assert(eq(int, (int)write(master, " ", 1), 1)); /* pause */
	cr_assert(eq(int, (int)write(master, "....", 4),
	    4)); /* steps: outcome, statement, outcome, statement */
	cr_expect(wait_text(master, all, sizeof(all), "select 2", 3000));
	cr_assert(eq(int, (int)write(master, "/SELECT 4\r", 10), 10));
	cr_expect(wait_text(master, all, sizeof(all), "=> select 4", 3000));
	cr_expect(not(wait_text(master, all, sizeof(all), "=> select 5", 300)));
	cr_assert(eq(int, (int)write(master, "q", 1), 1));
	waitpid(pid, &status, 0);
	cr_expect(eq(int, WEXITSTATUS(status), 7));
	tcgetattr(slave, &after);
	cr_expect(eq(uint, before.c_lflag, after.c_lflag)); /* the terminal is as it was */
	close(slave);
	close(master);
	rig_forget(&s);
	rig_close(&g);
}
