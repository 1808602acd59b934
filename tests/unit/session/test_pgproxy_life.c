/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gateway says between statements, and the end of a session whose identity ran out: at once outside a transaction,
 * else with it or after the time it was given, and nothing begins after that.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))
#define LONG_MS 60000

static const char insert[] = "INSERT INTO notes (body) VALUES ('in time')";
static const char late[] = "INSERT INTO notes (body) VALUES ('late')";
static const char reason[] = "your certificate has expired";

static void push_notice(struct pxlab *l, const char *sid, const char *text)
{
	struct buf *b = lab_answer(l, IPC_NOTICE, 0);

	ipc_str(b, "sid", sid);
	ipc_str(b, "text", text);
	ipc_str(b, "hint", "renew it");
	lab_answered(l, NULL, 0);
}

static void push_expire(struct pxlab *l, int64_t grace_ms)
{
	struct buf *b = lab_answer(l, IPC_EXPIRE, 0);

	ipc_str(b, "sid", l->sid);
	ipc_int(b, "grace_ms", grace_ms);
	ipc_str(b, "reason", reason);
	ipc_str(b, "hint", "connect again");
	ipc_str(b, "sqlstate", "28000");
	lab_answered(l, NULL, 0);
}

static bool is_expiring(struct pxlab *l)
{
	return l->x->expiry.on;
}

/* Returns when the session knows. */
static void expire(struct pxlab *l, int64_t grace_ms)
{
	push_expire(l, grace_ms);
	cr_assert(lab_until(l, is_expiring, LAB_WAIT_MS));
}

static void expect_fatal(struct pxlab *l)
{
	size_t i = lab_count(l, 'E');

	cr_assert(lab_ended(l));
	i = lab_count(l, 'E');
	cr_assert(gt(sz, i, 0));
	cr_expect(eq(str, STR(lab_error(l, i - 1, 'S')), "FATAL"));
	cr_expect(eq(str, STR(lab_error(l, i - 1, 'C')), "28000"));
	cr_expect(eq(str, STR(lab_error(l, i - 1, 'M')), STR(reason)));
	cr_expect(eq(sz, lab_recorded(l, REC_ERROR, "message", reason), 1));
	cr_assert(lab_asked(l, IPC_SESSION_END, 1));
	cr_expect(eq(str, STR(lab_ask(l, IPC_SESSION_END, 0, "reason")), "identity expired"));
}

static const char *bodies(struct pxlab *l)
{
	return direct_sql(l->db, "SELECT coalesce(string_agg(body, ',' ORDER BY id), '') FROM notes");
}

static void send_query(struct pxlab *l, const char *sql)
{
	pg_put_query(&l->tx, span_str(sql));
	lab_send(l);
}

/* ---- notices ---- */

Test(life, an_idle_session_hears_at_once)
{
	struct pxlab l;

	lab_up(&l);
	push_notice(&l, l.sid, "expires soon");
	cr_assert(lab_got(&l, 'N', 1));
	cr_expect(eq(str, STR(lab_notice(&l, 0, 'S')), "NOTICE"));
	cr_expect(eq(str, STR(lab_notice(&l, 0, 'C')), "01000"));
	cr_expect(eq(str, STR(lab_notice(&l, 0, 'M')), "expires soon"));
	cr_expect(eq(str, STR(lab_notice(&l, 0, 'H')), "renew it"));
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1")), "TDCZ"));
	cr_expect(eq(sz, lab_recorded(&l, REC_NOTICE, "message", "expires soon"), 1), "the recording has what the client saw");
	lab_close(&l);
}

Test(life, another_sessions_notice_is_not_ours)
{
	struct pxlab l;

	lab_up(&l);
	push_notice(&l, "01OTHER", "not yours");
	push_notice(&l, l.sid, "yours");
	cr_assert(lab_got(&l, 'N', 1));
	lab_spin(&l, 50);
	cr_expect(eq(sz, lab_count(&l, 'N'), 1));
	cr_expect(eq(str, STR(lab_notice(&l, 0, 'M')), "yours"));
	lab_close(&l);
}

Test(life, a_running_statement_hears_before_its_rows)
{
	struct pxlab l;

	lab_up(&l);
	send_query(&l, "SELECT pg_sleep(0.6)");
	lab_spin(&l, 150);
	push_notice(&l, l.sid, "soon");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "S")), "NTDCZ"));
	lab_close(&l);
}

Test(life, rows_are_not_interrupted)
{
	struct pxlab l;

	lab_up(&l);
	send_query(&l, "SELECT repeat('x', 20000), pg_sleep(0.15) FROM generate_series(1, 6)");
	cr_assert(lab_got(&l, 'D', 1));
	push_notice(&l, l.sid, "soon");
	push_notice(&l, l.sid, "sooner");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "S")), "TDDDDDDCNNZ"));
	cr_expect(eq(str, STR(lab_notice(&l, 0, 'M')), "soon"));
	cr_expect(eq(str, STR(lab_notice(&l, 1, 'M')), "sooner"));
	lab_close(&l);
}

Test(life, neither_is_copy)
{
	struct pxlab l;

	lab_init(&l);
	l.view.mask = MASK_NONE;
	cr_assert(lab_start(&l));
	send_query(&l, "COPY (SELECT repeat('x', 20000), pg_sleep(0.15) FROM generate_series(1, 4)) TO STDOUT");
	cr_assert(lab_got(&l, 'd', 1));
	push_notice(&l, l.sid, "soon");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "S")), "HddddcCNZ"));
	lab_forget(&l);
	l.decision = "approved";
	send_query(&l, "COPY notes (body) FROM STDIN");
	cr_assert(lab_got(&l, 'G', 1));
	push_notice(&l, l.sid, "soon");
	lab_spin(&l, 100);
	cr_expect(not(lab_noticed(&l, "soon")));
	lab_forget(&l);
	pg_put_empty(&l.tx, 'c');
	lab_send(&l);
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "S")), "CNZ"));
	lab_close(&l);
}

Test(life, an_extended_batch_hears_at_its_sync)
{
	struct pxlab l;

	lab_up(&l);
	lab_put_parse(&l.tx, "", "SELECT repeat('x', 20000), pg_sleep(0.15) FROM generate_series(1, 4)");
	lab_put_plain_bind(&l.tx, "", "");
	pg_put_execute(&l.tx, span_str(""), 0);
	pg_put_empty(&l.tx, 'S');
	lab_send(&l);
	cr_assert(lab_got(&l, 'D', 1));
	push_notice(&l, l.sid, "soon");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "S")), "12DDDDCNZ"));
	lab_close(&l);
}

Test(life, what_comes_before_the_welcome_follows_it)
{
	const struct pg_pair pairs[] = {{"user", "alice"}, {"application_name", "psql"}};
	struct pxlab l;

	lab_init(&l);
	lab_connect(&l);
	pg_put_startup(&l.tx, pairs, 2);
	lab_send(&l);
	pgproxy_notice(l.x, "expires soon", "");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "S")), "RKNZ"));
	cr_expect(lab_noticed(&l, "expires soon"));
	lab_close(&l);
}

Test(life, a_client_that_does_not_read_costs_little)
{
	struct pxlab l;
	char text[32];

	lab_up(&l);
	send_query(&l, "SELECT repeat('x', 20000), pg_sleep(0.1) FROM generate_series(1, 3)");
	cr_assert(lab_got(&l, 'D', 1));
	for (int i = 0; i < 12; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		push_notice(&l, l.sid, text);
	}
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(sz, lab_count(&l, 'N'), 8));
	cr_expect(eq(str, STR(lab_notice(&l, 7, 'M')), "number 11"), "the newest are kept");
	lab_close(&l);
}

/* ---- expiry ---- */

Test(expiry, an_idle_session_ends_at_once)
{
	struct pxlab l;

	lab_up(&l);
	push_expire(&l, LONG_MS);
	expect_fatal(&l);
	cr_expect(eq(str, STR(lab_error(&l, 0, 'H')), "connect again"));
	lab_close(&l);
}

Test(expiry, an_open_transaction_may_end)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, insert);
	lab_forget(&l);
	expire(&l, LONG_MS);
	cr_assert(lab_got(&l, 'N', 1));
	cr_expect(lab_noticed(&l, "your certificate has expired: this transaction may end within 60 s"));
	cr_expect(eq(str, STR(lab_query(&l, insert)), "CZ"), "it goes on");
	cr_expect(eq(str, STR(lab_query(&l, "COMMIT")), "CZE"));
	expect_fatal(&l);
	cr_expect(eq(str, STR(bodies(&l)), "in time,in time"));
	lab_close(&l);
}

Test(expiry, a_failed_transaction_may_be_rolled_back)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, insert);
	(void)lab_query(&l, "SELECT 1/0");
	expire(&l, LONG_MS);
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1")), "EZ"));
	cr_expect(eq(str, STR(lab_query(&l, "ROLLBACK")), "CZE"));
	expect_fatal(&l);
	cr_expect(eq(str, STR(bodies(&l)), ""));
	lab_close(&l);
}

Test(expiry, a_savepoint_is_no_end)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "BEGIN; SAVEPOINT s");
	(void)lab_query(&l, insert);
	expire(&l, LONG_MS);
	cr_expect(eq(str, STR(lab_query(&l, "ROLLBACK TO s")), "CZ"));
	cr_expect(eq(str, STR(lab_query(&l, insert)), "CZ"));
	cr_expect(eq(str, STR(lab_query(&l, "COMMIT")), "CZE"));
	expect_fatal(&l);
	cr_expect(eq(str, STR(bodies(&l)), "in time"));
	lab_close(&l);
}

Test(expiry, the_time_is_over)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, insert);
	expire(&l, 300);
	cr_assert(not(pgproxy_ended(l.x)));
	push_expire(&l, 0); /* the first word holds */
	lab_spin(&l, 50);
	cr_assert(not(pgproxy_ended(l.x)));
	expect_fatal(&l);
	cr_expect(strstr(lab_error(&l, 0, 'H'), "rolled back") != NULL);
	cr_expect(eq(str, STR(bodies(&l)), ""));
	lab_close(&l);
}

Test(expiry, the_time_is_over_while_a_statement_runs)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "BEGIN");
	send_query(&l, "SELECT pg_sleep(30)");
	lab_spin(&l, 100);
	expire(&l, 200);
	expect_fatal(&l);
	cr_expect(lab_asked(&l, IPC_CANCEL, 1));
	lab_close(&l);
}

Test(expiry, a_statement_of_its_own_ends_first)
{
	struct pxlab l;

	lab_up(&l);
	send_query(&l, "SELECT pg_sleep(0.5)");
	lab_spin(&l, 100);
	expire(&l, LONG_MS);
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "TDCZE"));
	expect_fatal(&l);
	lab_close(&l);
}

Test(expiry, without_time_nothing_goes_on)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, insert);
	push_expire(&l, 0);
	expect_fatal(&l);
	cr_expect(eq(str, STR(bodies(&l)), ""));
	lab_close(&l);
}

/* Each begins in an open transaction under expiry, ends it and goes on: what goes on never reaches the server. */
static void expect_not_begun(struct pxlab *l, const char *want)
{
	expect_fatal(l);
	cr_expect(eq(sz, server_log_count(l->name, "late"), 0));
	cr_expect(eq(sz, lab_sent(l, 'Q', late), 0));
	cr_expect(eq(sz, lab_sent(l, 'P', late), 0));
	cr_expect(eq(str, STR(bodies(l)), STR(want)));
	lab_close(l);
}

static void in_expiring_transaction(struct pxlab *l)
{
	lab_up(l);
	(void)lab_query(l, "BEGIN");
	(void)lab_query(l, insert);
	expire(l, LONG_MS);
	lab_forget(l);
}

Test(expiry, no_other_transaction_pipelined)
{
	struct pxlab l;

	in_expiring_transaction(&l);
	pg_put_query(&l.tx, span_str("COMMIT"));
	pg_put_query(&l.tx, span_str(late));
	lab_send(&l);
	cr_assert(lab_ended(&l));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "CZE"));
	expect_not_begun(&l, "in time");
}

Test(expiry, no_other_transaction_in_the_same_message)
{
	struct pxlab l;

	in_expiring_transaction(&l);
	send_query(&l, "COMMIT; INSERT INTO notes (body) VALUES ('late')");
	expect_not_begun(&l, "");
}

Test(expiry, no_chained_transaction)
{
	struct pxlab l;

	in_expiring_transaction(&l);
	pg_put_query(&l.tx, span_str("COMMIT AND CHAIN"));
	pg_put_query(&l.tx, span_str(late));
	lab_send(&l);
	expect_not_begun(&l, "in time");
}

static void put_batch(struct pxlab *l, const char *sql)
{
	lab_put_parse(&l->tx, "", sql);
	lab_put_plain_bind(&l->tx, "", "");
	pg_put_execute(&l->tx, span_str(""), 0);
}

Test(expiry, no_other_transaction_in_the_same_batch)
{
	struct pxlab l;

	in_expiring_transaction(&l);
	put_batch(&l, "COMMIT");
	put_batch(&l, late);
	pg_put_empty(&l.tx, 'S');
	lab_send(&l);
	expect_not_begun(&l, "in time");
}

Test(expiry, the_extended_protocol_ends_as_well)
{
	struct pxlab l;

	in_expiring_transaction(&l);
	put_batch(&l, insert);
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12CZ"));
	put_batch(&l, "COMMIT");
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12CZE"));
	expect_not_begun(&l, "in time,in time");
}

/* A batch that is open when the time comes is a transaction: its Sync ends it. */
Test(expiry, an_open_batch_is_a_transaction)
{
	struct pxlab l;

	lab_up(&l);
	put_batch(&l, insert);
	pg_put_empty(&l.tx, 'H');
	lab_send(&l);
	cr_assert(lab_got(&l, 'C', 1));
	expire(&l, LONG_MS);
	put_batch(&l, insert);
	pg_put_empty(&l.tx, 'S');
	lab_send(&l);
	cr_assert(lab_ready(&l, 1));
	expect_fatal(&l);
	cr_expect(eq(str, STR(bodies(&l)), "in time,in time"));
	lab_close(&l);
}

/* What was on its way before is not torn. */
Test(expiry, a_pipeline_in_flight_is_answered)
{
	struct pxlab l;

	lab_up(&l);
	send_query(&l, "SELECT pg_sleep(0.4)");
	send_query(&l, insert);
	lab_spin(&l, 50);
	expire(&l, LONG_MS);
	send_query(&l, late);
	cr_assert(lab_ready(&l, 2));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "TDCZCZE"));
	expect_not_begun(&l, "in time");
}

Test(expiry, a_refusal_stays_atomic)
{
	struct pxlab l;

	in_expiring_transaction(&l);
	cr_expect(eq(str, STR(lab_query(&l, "GRANT SELECT ON notes TO app_ro")), "EZ"));
	cr_expect(eq(str, STR(lab_query(&l, "COMMIT")), "CZE"), "a rollback, as after a server's error");
	expect_not_begun(&l, "");
}

Test(expiry, copy_goes_on)
{
	struct pxlab l;

	in_expiring_transaction(&l);
	l.decision = "approved";
	send_query(&l, "COPY notes (body) FROM STDIN");
	cr_assert(lab_got(&l, 'G', 1));
	buf_put_str(&l.tx, "d");
	buf_put_u32be(&l.tx, 4 + 7);
	buf_put_str(&l.tx, "copied\n");
	pg_put_empty(&l.tx, 'c');
	lab_send(&l);
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_query(&l, "COMMIT")), "CZE"));
	expect_not_begun(&l, "in time,copied");
}

/* ---- expiry and holds ---- */

static const char held[] = "DELETE FROM notes";

Test(expiry, a_held_statement_outside_a_transaction_is_withdrawn)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, insert);
	send_query(&l, held);
	cr_assert(lab_asked(&l, IPC_HOLD_NEW, 1));
	push_expire(&l, LONG_MS);
	expect_fatal(&l);
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_WITHDRAW), 1));
	cr_expect(eq(str, STR(bodies(&l)), "in time"));
	lab_close(&l);
}

Test(expiry, a_held_statement_of_the_transaction_may_be_approved)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, insert);
	(void)lab_query(&l, "BEGIN");
	lab_forget(&l);
	send_query(&l, held);
	cr_assert(lab_asked(&l, IPC_HOLD_NEW, 1));
	expire(&l, LONG_MS);
	lab_decide(&l, "approved", "bob", "ticket 812");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_query(&l, "COMMIT")), "CZE"));
	expect_fatal(&l);
	cr_expect(eq(str, STR(bodies(&l)), ""));
	lab_close(&l);
}

/* ---- expiry before the welcome ---- */

Test(expiry, a_new_channel_is_told_in_its_protocol)
{
	const struct pg_pair pairs[] = {{"user", "alice"}, {"application_name", "psql"}};
	struct pxlab l;

	lab_init(&l);
	lab_connect(&l);
	pgproxy_expire(l.x, LONG_MS, reason, "connect again", "28000");
	cr_expect(not(pgproxy_ended(l.x)), "not before the client has said who it is");
	pg_put_ssl_request(&l.tx);
	lab_send(&l);
	cr_expect(eq(sz, buf_len(&l.rx), 1));
	lab_forget(&l);
	pg_put_startup(&l.tx, pairs, 2);
	lab_send(&l);
	cr_assert(lab_ended(&l));
	cr_expect(eq(str, STR(lab_types(&l, "")), "E"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "28000"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'M')), STR(reason)));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_TARGET), 0));
	lab_close(&l);
}

Test(expiry, a_session_being_connected_ends)
{
	const struct pg_pair pairs[] = {{"user", "alice"}, {"application_name", "psql"}};
	struct pxlab l;

	lab_init(&l);
	lab_connect(&l);
	pg_put_startup(&l.tx, pairs, 2);
	lab_send(&l);
	cr_assert(lab_asked(&l, IPC_CONNECT, 1));
	pgproxy_expire(l.x, LONG_MS, reason, "", "28000");
	cr_assert(lab_ended(&l));
	cr_expect(eq(str, STR(lab_types(&l, "S")), "E"));
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
