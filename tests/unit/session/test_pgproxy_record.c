/* SPDX-License-Identifier: Apache-2.0
 *
 * Nothing unrecorded: each command is in the recording's file before its first byte leaves for the server (the lab looks
 * at that call in every test), what the server logs as executed is all there, and what cannot be recorded is not sent.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "record/reader.h"
#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))

static void put_unnamed(struct buf *b, const char *sql)
{
	lab_put_parse(b, "", sql);
	lab_put_plain_bind(b, "", "");
	pg_put_execute(b, span_str(""), 0);
}

/* ---- the server's log against the recording ---- */

struct compare {
	struct pxlab *l;
	size_t n, missing;
};

static void compare_one(void *ctx, const char *statement)
{
	struct compare *c = ctx;

	c->n++;
	if (lab_recorded(c->l, REC_STATEMENT, "sql", statement) + lab_recorded(c->l, REC_OWN, "sql", statement) > 0)
		return;
	c->missing++;
	cr_log_error("not recorded: %s", statement);
}

static void expect_all_recorded(struct pxlab *l, size_t at_least)
{
	struct compare c = {.l = l};

	server_log_each(l->name, compare_one, &c);
	cr_expect(ge(sz, c.n, at_least), "the server's log has them");
	cr_expect(eq(sz, c.missing, 0));
}

Test(record, all_that_the_server_executed)
{
	static const uint16_t formats[] = {0, 1};
	static const struct pg_value values[] = {{.data = {(const uint8_t *)"val ue", 6}}, {.data = {(const uint8_t *)"\0\0\0\7", 4}}};
	struct lab_bind b = {.portal = "", .stmt = "ins", .n_formats = 2, .formats = formats, .n_values = 2, .values = values};
	struct pxlab l;

	lab_init(&l);
	l.decision = "approved";
	cr_assert(lab_start(&l));
	(void)lab_query(&l, "SELECT 1");
	(void)lab_query(&l, "INSERT INTO notes (body) VALUES ('a'); SELECT 2");
	lab_put_parse(&l.tx, "ins", "INSERT INTO notes (body) SELECT $1 FROM customers WHERE $2::int = 7 LIMIT 1 RETURNING body");
	lab_put_bind(&l.tx, &b);
	pg_put_execute(&l.tx, span_str(""), 0);
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12DCZ"));
	(void)lab_query(&l, "DELETE FROM notes");
	(void)lab_query(&l, "PREPARE p AS SELECT 3");
	(void)lab_query(&l, "EXECUTE p");
	put_unnamed(&l.tx, "CREATE TEMP TABLE tt (a int)");
	pg_put_empty(&l.tx, 'S');
	(void)lab_run(&l, 1);
	(void)lab_query(&l, "SELECT 4"); /* after an own look at the catalogue */
	expect_all_recorded(&l, 14);
	/* as shown to the operator and as sent */
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "params", "0:val ue 1:"), 2));
	cr_expect(gt(sz, lab_recorded(&l, REC_STATEMENT, "name", "ins"), 1));
	cr_expect(lab_rec_holds(&l, "val ue"));
	lab_close(&l);
}

Test(record, refused_statements_are_recorded_as_such)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "GRANT SELECT ON notes TO app_ro");
	put_unnamed(&l.tx, "COPY notes TO PROGRAM 'id'");
	pg_put_empty(&l.tx, 'S');
	(void)lab_run(&l, 1);
	(void)lab_query(&l, "SELECT 1");
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "sent", "no"), 2));
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "verdict", "deny"), 2));
	cr_expect(eq(str, STR(lab_record(&l, REC_STATEMENT, 1, "sql")), "COPY notes TO PROGRAM 'id'"));
	cr_expect(eq(str, STR(lab_record(&l, REC_ERROR, 0, "sqlstate")), "42501"));
	lab_close(&l);
}

/* Bound, replaced before it ran, closed: its values were with the server. */
Test(record, every_bind_with_its_values)
{
	static const struct pg_value one[] = {{.data = {(const uint8_t *)"first", 5}}}, two[] = {{.data = {(const uint8_t *)"second", 6}}},
				     three[] = {{.data = {(const uint8_t *)"third", 5}}},
				     four[] = {{.data = {(const uint8_t *)"fourth", 6}}};
	struct pxlab l;

	lab_up(&l);
	lab_put_parse(&l.tx, "s", "SELECT $1::text");
	pg_put_bind(&l.tx, span_str(""), span_str("s"), one, 1);
	pg_put_bind(&l.tx, span_str(""), span_str("s"), two, 1);
	pg_put_execute(&l.tx, span_str(""), 0);
	pg_put_bind(&l.tx, span_str("p"), span_str("s"), three, 1);
	pg_put_close_target(&l.tx, 'P', span_str("p"));
	pg_put_bind(&l.tx, span_str("p"), span_str("s"), four, 1); /* never run */
	pg_put_empty(&l.tx, 'S');
	(void)lab_run(&l, 1);
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "params", "0:fourth"), 1));
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "params", "0:first"), 1));
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "params", "0:second"), 1));
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "params", "0:third"), 1));
	lab_close(&l);
}

Test(record, hashed_parameters)
{
	static const struct pg_value v[] = {{.data = {(const uint8_t *)"very private", 12}}};
	struct pxlab l;

	lab_init(&l);
	l.parameters = "hash";
	cr_assert(lab_start(&l));
	lab_put_parse(&l.tx, "", "SELECT length($1)");
	pg_put_bind(&l.tx, span_str(""), span_str(""), v, 1);
	pg_put_execute(&l.tx, span_str(""), 0);
	pg_put_empty(&l.tx, 'S');
	(void)lab_run(&l, 1);
	cr_expect(not(lab_rec_holds(&l, "very private")));
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "proto", "execute"), 1));
	lab_drop(&l); /* the lab looks for the values themselves */
}

/* Counted, undone, approved: the portal is bound again with the values that the held record has. */
Test(record, an_undone_portal_runs_again)
{
	static const struct pg_value v[] = {{.data = {(const uint8_t *)"many%", 5}}};
	struct pxlab l;

	lab_init(&l);
	l.decision = "approved";
	cr_assert(lab_start(&l));
	(void)lab_query(&l, "INSERT INTO notes (body) SELECT 'many ' || i FROM generate_series(1, 300) i");
	cr_expect(eq(str, STR(lab_query(&l, "UPDATE notes SET body = body || '.' WHERE body LIKE 'many%'")), "CZ"));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_NEW), 2));
	lab_forget(&l);
	lab_put_parse(&l.tx, "", "DELETE FROM notes WHERE body LIKE $1");
	pg_put_bind(&l.tx, span_str(""), span_str(""), v, 1);
	pg_put_describe(&l.tx, 'P', span_str(""));
	pg_put_execute(&l.tx, span_str(""), 0);
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12nCZ"), "%s", lab_error(&l, 0, 'M'));
	cr_expect(not(pgproxy_ended(l.x)));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_NEW), 3));
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes WHERE body LIKE 'many%'")), "0"));
	lab_close(&l);
}

/* ---- COPY IN ---- */

Test(record, copied_data_by_its_hash)
{
	static const char data[] = "17\tone\n18\ttwo\n";
	char hex[2 * SHA256_LEN + 1];
	uint8_t hash[SHA256_LEN];
	struct pg_msg m = {'d', span_of(data, 7)};
	struct pxlab l;

	lab_init(&l);
	l.decision = "approved";
	cr_assert(lab_start(&l));
	pg_put_query(&l.tx, span_str("COPY notes FROM STDIN"));
	lab_send(&l);
	cr_assert(lab_got(&l, 'G', 1));
	pg_put_msg(&l.tx, &m);
	m.body = span_of(data + 7, sizeof(data) - 1 - 7);
	pg_put_msg(&l.tx, &m);
	pg_put_empty(&l.tx, 'c');
	lab_send(&l);
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "GCZ"));
	sha256(span_str(data), hash);
	hex_encode(span_of(hash, sizeof(hash)), hex);
	cr_expect(eq(str, STR(lab_record(&l, REC_COPY, 0, "sha256")), hex));
	cr_expect(eq(str, STR(lab_record(&l, REC_COPY, 0, "bytes")), "14"));
	/* failed by the client */
	pg_put_query(&l.tx, span_str("COPY notes FROM STDIN"));
	lab_send(&l);
	cr_assert(lab_got(&l, 'G', 2));
	pg_put_copy_fail(&l.tx, "changed my mind");
	lab_send(&l);
	cr_assert(lab_ready(&l, 2));
	cr_expect(eq(sz, lab_records(&l, REC_COPY), 2));
	lab_close(&l);
}

/* ---- on disk before it is sent ---- */

Test(record, writes_are_synced_first)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "INSERT INTO notes (body) VALUES ('w')");
	cr_expect(eq(sz, lab_sent_synced(&l, 'Q', "'w'"), 1));
	put_unnamed(&l.tx, "INSERT INTO notes (body) VALUES ('x')");
	pg_put_empty(&l.tx, 'S');
	(void)lab_run(&l, 1);
	cr_expect(eq(sz, lab_sent_synced(&l, 'E', NULL), lab_sent_synced(&l, 'P', "'x'")));
	cr_expect(eq(sz, lab_sent_synced(&l, 'P', "'x'"), 1));
	lab_close(&l);
	lab_init(&l);
	l.sync = "all";
	cr_assert(lab_start(&l));
	(void)lab_query(&l, "SELECT 'r'");
	cr_expect(eq(sz, lab_sent_synced(&l, 'Q', "'r'"), 1));
	lab_close(&l);
}

/* ---- when it cannot be recorded ---- */

static void expect_lost(struct pxlab *l, const char *needle)
{
	cr_expect(lab_ended(l));
	cr_expect(eq(str, STR(lab_error(l, lab_count(l, 'E') - 1, 'C')), "58030"));
	cr_expect(eq(str, STR(lab_error(l, lab_count(l, 'E') - 1, 'S')), "FATAL"));
	cr_expect(eq(sz, server_log_count(l->name, needle), 0), "%s", needle);
}

static int recording_fd(const struct pxlab *l)
{
	char link[64], want[160], got[256];

	snprintf(want, sizeof(want), "%s/%06u.rec", l->dir, l->segment);
	for (int fd = PX_FD_RECORD; fd < PX_FD_RECORD + 64; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, got, sizeof(got) - 1);
		if (n > 0 && (size_t)n == strlen(want) && memcmp(got, want, (size_t)n) == 0)
			return fd;
	}
	cr_fatal("no recording is open");
	return -1;
}

/* From now on nothing more can be written. */
static void break_descriptor(struct pxlab *l)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	cr_assert(null >= 0 && dup3(null, recording_fd(l), O_CLOEXEC) >= 0);
	close(null);
}

static void break_by_limit(struct pxlab *l)
{
	struct rlimit lim;
	struct stat st;

	cr_assert(fstat(recording_fd(l), &st) == 0 && getrlimit(RLIMIT_FSIZE, &lim) == 0);
	lim.rlim_cur = (rlim_t)st.st_size + 20; /* a record does not fit, part of one does */
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert(setrlimit(RLIMIT_FSIZE, &lim) == 0);
}

static void unlimit(void)
{
	struct rlimit lim;

	(void)getrlimit(RLIMIT_FSIZE, &lim);
	lim.rlim_cur = lim.rlim_max;
	(void)setrlimit(RLIMIT_FSIZE, &lim);
}

static void send_simple(struct pxlab *l)
{
	pg_put_query(&l->tx, span_str("SELECT 'never sent'"));
}

static void send_extended(struct pxlab *l)
{
	put_unnamed(&l->tx, "SELECT 'never sent'");
	pg_put_empty(&l->tx, 'S');
}

static void send_refused(struct pxlab *l)
{
	pg_put_query(&l->tx, span_str("BEGIN"));
	pg_put_query(&l->tx, span_str("GRANT SELECT ON notes TO public /* never sent */"));
}

Test(record, what_cannot_be_recorded_is_not_sent)
{
	static void (*const breaks[])(struct pxlab *) = {break_descriptor, break_by_limit};
	static void (*const sends[])(struct pxlab *) = {send_simple, send_extended, send_refused};
	struct pxlab l;

	for (size_t b = 0; b < 2; b++)
		for (size_t s = 0; s < 3; s++) {
			lab_up(&l);
			(void)lab_query(&l, "SELECT 1");
			breaks[b](&l);
			sends[s](&l);
			lab_send(&l);
			expect_lost(&l, "never sent");
			lab_close(&l);
			unlimit();
		}
}

/* Approved, and then the disk is full. */
Test(record, an_approved_statement_that_cannot_be_recorded)
{
	struct pxlab l;

	lab_up(&l);
	pg_put_query(&l.tx, span_str("DELETE FROM notes /* never sent */"));
	lab_send(&l);
	cr_assert(lab_asked(&l, IPC_HOLD_NEW, 1));
	cr_assert(lab_got(&l, 'N', 1));
	break_descriptor(&l);
	lab_decide(&l, "approved", "bob", "");
	expect_lost(&l, "never sent");
	lab_close(&l);
}

Test(record, a_full_disk_at_the_start)
{
	struct pxlab l;

	lab_init(&l);
	l.rec_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	cr_assert(l.rec_fd >= 0);
	cr_expect(not(lab_start(&l)));
	expect_lost(&l, "pg_attribute");
	close(l.rec_fd);
	lab_drop(&l);
}

/* Written, but not to be had on disk: reads go on for a moment, writes do not. */
Test(record, what_cannot_be_synced)
{
	struct pxlab l;
	int sp[2], big = 1 << 20;

	lab_init(&l);
	cr_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp) == 0);
	(void)setsockopt(sp[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	l.rec_fd = sp[0];
	cr_assert(lab_start(&l));
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1")), "TDCZ"));
	pg_put_query(&l.tx, span_str("INSERT INTO notes (body) VALUES ('never sent')"));
	lab_send(&l);
	expect_lost(&l, "never sent");
	lab_drop(&l);
}

/* ---- its end, its segments ---- */

Test(record, the_end_is_told)
{
	struct reader *r = NULL;
	struct reader_pos pos;
	const struct rec_frame *f;
	struct why w = {0};
	char text[32];
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "SELECT id FROM orders LIMIT 3");
	pg_put_empty(&l.tx, 'X');
	lab_send(&l);
	cr_expect(lab_ended(&l));
	cr_expect(lab_asked(&l, IPC_SESSION_END, 1));
	cr_assert(eq(int, reader_open(l.dir, 0, &r, &w), 0));
	while (reader_next(r, &f, &w) == 1)
		reader_position(r, &pos);
	cr_expect(eq(sz, reader_torn_bytes(r), 0));
	reader_free(r);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)pos.seq);
	cr_expect(eq(str, STR(lab_ask(&l, IPC_SESSION_END, 0, "seq")), text));
	cr_expect(eq(str, STR(lab_ask(&l, IPC_SESSION_END, 0, "rows")), "3"));
	cr_expect(eq(int, memcmp(lab_ask(&l, IPC_SESSION_END, 0, "hash"), pos.hash, SHA256_LEN), 0));
	cr_expect(eq(str, STR(lab_record(&l, REC_END, 0, "reason")), "client terminated"));
	lab_close(&l);
}

/* Statements beyond 64 MiB go on in the next file; refused ones count like any. */
Test(record, segments_go_on)
{
	size_t n = 13u << 20;
	char *sql = malloc(n + 1);
	struct pxlab l;

	lab_up(&l);
	memset(sql, 'x', n);
	sql[n] = '\0';
	for (int i = 0; i < 6; i++)
		cr_expect(eq(str, STR(lab_query(&l, sql)), "EZ"));
	free(sql);
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1")), "TDCZ"));
	cr_expect(lab_asked(&l, IPC_SEGMENT, 1));
	lab_spin(&l, 50);
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 2")), "TDCZ"));
	cr_expect(eq(sz, l.segment, 2));
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "sql", "SELECT 2"), 1));
	lab_close(&l);
}

static void stop_loop(void *ctx)
{
	loop_stop(ctx, 0);
}

static bool mute_segment(struct pxlab *l, const struct ipc_msg *m)
{
	(void)l;
	return ipc_type_of(m) == IPC_SEGMENT;
}

/* Its answer comes when the session is gone: to nobody, and its descriptor is closed (AddressSanitizer looks on). */
Test(record, a_segment_that_comes_too_late)
{
	size_t n = 13u << 20;
	char *sql = malloc(n + 1);
	struct pxlab l;
	int fd;

	lab_up(&l);
	l.on_ask = mute_segment;
	memset(sql, 'x', n);
	sql[n] = '\0';
	for (int i = 0; i < 6; i++)
		cr_expect(eq(str, STR(lab_query(&l, sql)), "EZ"));
	free(sql);
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1")), "TDCZ"));
	cr_assert(lab_asked(&l, IPC_SEGMENT, 1));
	pgproxy_free(l.x, "gone");
	l.x = NULL;
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	for (size_t i = 0; i < l.n_asks; i++)
		if (l.ask[i].type == IPC_SEGMENT) {
			(void)lab_answer(&l, IPC_OK, l.ask[i].id);
			lab_answered(&l, &fd, 1);
		}
	close(fd);
	(void)loop_after(l.loop, 50, stop_loop, l.loop);
	(void)loop_run(l.loop);
	lab_drop(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
