/* SPDX-License-Identifier: Apache-2.0
 *
 * Held statements: an approved one reaches the server exactly once, as it was shown; every other end of a hold leaves
 * nothing behind and fails the transaction that it stood in.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))

static const char held[] = "DELETE FROM notes /* all of it */";

static const char *rows_left(struct pxlab *l)
{
	return direct_sql(l->db, "SELECT count(*) FROM notes");
}

static void hold_init(struct pxlab *l)
{
	lab_init(l);
	l->view.guard_rows = 0; /* nothing is counted: all of it is held before it runs */
	(void)direct_sql(l->db, "INSERT INTO notes (body) SELECT 'n' FROM generate_series(1, 3)");
}

static void hold_up(struct pxlab *l)
{
	hold_init(l);
	cr_assert(lab_start(l));
}

/* Send the held statement and wait until the session waits for a decision. */
static void ask(struct pxlab *l, const char *sql)
{
	size_t before = lab_n_asked(l, IPC_HOLD_NEW);

	lab_forget(l);
	pg_put_query(&l->tx, span_str(sql));
	lab_send(l);
	cr_assert(lab_asked(l, IPC_HOLD_NEW, before + 1));
	cr_assert(lab_got(l, 'N', 1));
}

static void expect_not_run(struct pxlab *l)
{
	cr_expect(eq(str, STR(rows_left(l)), "3"));
	cr_expect(eq(sz, lab_sent(l, 'Q', held), 0));
	cr_expect(eq(sz, server_log_count(l->name, "DELETE FROM notes"), 0));
}

static void expect_refused(struct pxlab *l, const char *sqlstate)
{
	cr_assert(lab_ready(l, 1));
	cr_expect(eq(str, STR(lab_types(l, "NS")), "EZ"));
	cr_expect(eq(str, STR(lab_error(l, 0, 'C')), STR(sqlstate)));
	cr_expect(ne(str, STR(lab_error(l, 0, 'H')), ""), "a hint");
	cr_expect(strstr(lab_error(l, 0, 'H'), "ssh bastion") == NULL, "names this gateway");
	expect_not_run(l);
	cr_expect(eq(str, STR(lab_query(l, "SELECT 1")), "TDCZ"), "the session goes on");
}

/* ---- decisions ---- */

Test(hold, approved_runs_once_as_it_was)
{
	uint8_t hash[SHA256_LEN];
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	cr_expect(eq(str, STR(lab_ask(&l, IPC_HOLD_NEW, 0, "sql")), STR(held)));
	cr_expect(eq(str, STR(lab_ask(&l, IPC_HOLD_NEW, 0, "class")), "bulk"));
	cr_expect(eq(str, STR(lab_ask(&l, IPC_HOLD_NEW, 0, "tx")), ""));
	cr_expect(strstr(lab_ask(&l, IPC_HOLD_NEW, 0, "meaning"), "setting current_user\tapp_rw\n") != NULL);
	cr_expect(strstr(lab_ask(&l, IPC_HOLD_NEW, 0, "meaning"), "relation notes\ttable public.notes (oid ") != NULL);
	cr_expect(strstr(lab_notice(&l, 0, 'M'), "held: request hold0 needs 1 approval from dba") != NULL);
	cr_expect(strstr(lab_notice(&l, 0, 'H'), "Approver: ssh gw-test approve hold0") != NULL);
	expect_not_run(&l);
	lab_decide(&l, "approved", "bob", "ticket 812");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "CZ"));
	cr_expect(lab_noticed(&l, "approved by bob"));
	cr_expect(eq(str, STR(rows_left(&l)), "0"));
	cr_expect(eq(sz, lab_sent(&l, 'Q', held), 1));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_CONSUME), 1));
	cr_expect(eq(str, STR(lab_ask(&l, IPC_HOLD_CONSUME, 0, "id")), "hold0"));
	sha256(span_str(lab_ask(&l, IPC_HOLD_NEW, 0, "meaning")), hash);
	cr_expect(eq(int, memcmp(lab_ask(&l, IPC_HOLD_CONSUME, 0, "meaning"), hash, 32), 0));
	cr_expect(eq(sz, lab_recorded(&l, REC_DECISION, "state", "consumed"), 1));
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "sql", held), 1));
	/* another one asks anew */
	l.decision = "denied";
	(void)lab_query(&l, held);
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_NEW), 2));
	cr_expect(eq(sz, lab_sent(&l, 'Q', held), 1));
	lab_close(&l);
}

Test(hold, denied)
{
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	lab_decide(&l, "denied", "bob", "not now");
	cr_assert(lab_ready(&l, 1));
	cr_expect(strstr(lab_error(&l, 0, 'M'), "denied by bob: \"not now\"") != NULL);
	expect_refused(&l, "SP002");
	lab_close(&l);
}

Test(hold, expired)
{
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	lab_decide(&l, "expired", "", "");
	expect_refused(&l, "SP003");
	lab_close(&l);
}

/* The monitor's word is lost: the session's own clock ends it. */
Test(hold, expired_without_the_monitor)
{
	struct pxlab l;

	hold_init(&l);
	l.wait_ms = 100;
	cr_assert(lab_start(&l));
	ask(&l, held);
	expect_refused(&l, "SP003");
	lab_close(&l);
}

Test(hold, withdrawn_by_the_monitor)
{
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	lab_decide(&l, "withdrawn", "", "policy changed");
	expect_refused(&l, "SP004");
	lab_close(&l);
}

Test(hold, other_decisions_decide_nothing)
{
	struct buf *b;
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	b = lab_answer(&l, IPC_HOLD_DECIDED, 0);
	ipc_str(b, "id", "hold77");
	ipc_str(b, "state", "approved");
	lab_answered(&l, NULL, 0);
	lab_spin(&l, 50);
	expect_not_run(&l);
	lab_decide(&l, "nonsense", "", "");
	expect_refused(&l, "SP004");
	/* late */
	lab_decide(&l, "approved", "bob", "");
	lab_spin(&l, 50);
	expect_not_run(&l);
	lab_close(&l);
}

Test(hold, consume_refused)
{
	struct pxlab l;

	hold_init(&l);
	l.consume_refused = "used already";
	cr_assert(lab_start(&l));
	ask(&l, held);
	lab_decide(&l, "approved", "bob", "");
	expect_refused(&l, "SP004");
	cr_expect(strstr(lab_ask(&l, IPC_HOLD_WITHDRAW, 0, "why"), "used already") != NULL);
	lab_close(&l);
}

static bool refuse_new(struct pxlab *l, const struct ipc_msg *m)
{
	struct buf *b;

	if (ipc_type_of(m) != IPC_HOLD_NEW)
		return false;
	b = lab_answer(l, IPC_FAIL, ipc_id(m));
	ipc_str(b, "text", "too many pending requests");
	ipc_str(b, "hint", "wait for the others");
	ipc_str(b, "sqlstate", "SP005");
	lab_answered(l, NULL, 0);
	return true;
}

Test(hold, the_monitor_does_not_take_it)
{
	struct pxlab l;

	hold_init(&l);
	l.on_ask = refuse_new;
	cr_assert(lab_start(&l));
	(void)lab_query(&l, held);
	expect_refused(&l, "SP005");
	lab_close(&l);
}

/* ---- modes ---- */

Test(hold, auto_rejects_and_takes_the_same_again)
{
	struct pxlab l;

	hold_init(&l);
	l.app = "a pool";
	l.wait_ms = 100;
	cr_assert(lab_start(&l));
	ask(&l, held);
	cr_expect(eq(str, STR(lab_ask(&l, IPC_HOLD_NEW, 0, "mode")), "auto"));
	cr_assert(lab_ready(&l, 1));
	cr_expect(strstr(lab_error(&l, 0, 'D'), "request=hold0") != NULL);
	cr_expect(strstr(lab_error(&l, 0, 'D'), "retry=after-approval") != NULL);
	expect_refused(&l, "SP001");
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_WITHDRAW), 0), "the request stays");
	l.hold_state = "approved";
	cr_expect(eq(str, STR(lab_query(&l, held)), "CZ"));
	cr_expect(eq(str, STR(rows_left(&l)), "0"));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_CONSUME), 1));
	lab_close(&l);
}

Test(hold, reject_does_not_wait)
{
	struct pxlab l;

	hold_init(&l);
	l.view.mode = HOLD_REJECT;
	cr_assert(lab_start(&l));
	(void)lab_query(&l, held);
	expect_refused(&l, "SP001");
	cr_expect(not(lab_noticed(&l, "held")));
	lab_close(&l);
}

/* ---- the client ---- */

static struct pgproxy *second_session(struct pxlab *l)
{
	struct pgproxy_params p = l->x->p;

	return pgproxy_new(&p);
}

static void cancel_with(struct pxlab *l, uint32_t pid, uint32_t key)
{
	struct pgproxy *x = second_session(l);
	struct buf b;

	buf_init(&b, 64);
	pg_put_cancel(&b, pid, key);
	(void)pgproxy_feed(x, buf_span(&b));
	cr_expect(pgproxy_ended(x));
	buf_clear(&b);
	pgproxy_free(x, "");
}

Test(hold, cancelled_by_the_client)
{
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	cancel_with(&l, l.x->key_pid, l.x->key_secret ^ 1);
	cancel_with(&l, l.x->key_pid ^ 1, l.x->key_secret);
	lab_spin(&l, 20);
	cr_expect(eq(sz, lab_count(&l, 'E'), 0), "a wrong key cancels nothing");
	cancel_with(&l, l.x->key_pid, l.x->key_secret);
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "57014"));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "EZ"));
	cr_expect(lab_asked(&l, IPC_HOLD_WITHDRAW, 1));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_CANCEL), 0));
	expect_not_run(&l);
	lab_decide(&l, "approved", "bob", "");
	lab_spin(&l, 50);
	expect_not_run(&l);
	/* a running statement is cancelled at the server, by the monitor */
	cancel_with(&l, l.x->key_pid, l.x->key_secret);
	cr_expect(lab_asked(&l, IPC_CANCEL, 1));
	lab_close(&l);
}

static void expect_gone(struct pxlab *l)
{
	cr_expect(lab_ended(l));
	cr_expect(lab_asked(l, IPC_HOLD_WITHDRAW, 1));
	expect_not_run(l);
}

Test(hold, the_client_is_gone)
{
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	lab_eof(&l);
	expect_gone(&l);
	lab_close(&l);
}

Test(hold, the_client_is_gone_before_it_is_held)
{
	struct pxlab l;

	hold_up(&l);
	pg_put_query(&l.tx, span_str("SELECT pg_sleep(0.1)"));
	pg_put_query(&l.tx, span_str(held));
	lab_send(&l);
	lab_eof(&l);
	cr_expect(lab_ended(&l));
	expect_not_run(&l);
	lab_close(&l);
}

Test(hold, the_client_terminates)
{
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	pg_put_empty(&l.tx, 'X');
	lab_send(&l);
	lab_spin(&l, 20);
	lab_decide(&l, "approved", "bob", "");
	expect_gone(&l);
	lab_close(&l);
}

Test(hold, the_client_terminates_at_once)
{
	struct pxlab l;

	hold_up(&l);
	pg_put_query(&l.tx, span_str(held));
	pg_put_empty(&l.tx, 'X');
	lab_send(&l);
	cr_expect(lab_ended(&l));
	expect_not_run(&l);
	lab_close(&l);
}

/* ---- what may change while it waits ---- */

Test(hold, a_schema_of_its_name_appears)
{
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	/* a schema of the login's name comes first in its search path */
	(void)direct_sql(l.db, "CREATE SCHEMA app_rw AUTHORIZATION app_rw");
	lab_decide(&l, "approved", "bob", "");
	cr_assert(lab_ready(&l, 1));
	cr_expect(strstr(lab_error(&l, 0, 'M'), "schemas was \"public\", is \"app_rw, public\"") != NULL);
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_CONSUME), 0));
	cr_expect(lab_asked(&l, IPC_HOLD_WITHDRAW, 1));
	expect_refused(&l, "SP004");
	lab_close(&l);
}

Test(hold, policy_denies_meanwhile)
{
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	l.view.line[SQL_BULK].verdict = VERDICT_DENY;
	l.view.epoch++;
	lab_push_view(&l);
	lab_decide(&l, "approved", "bob", "");
	expect_refused(&l, "42501");
	lab_close(&l);
}

Test(hold, killed_meanwhile)
{
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	lab_push_kill(&l, "your access has ended", "57P01");
	expect_gone(&l);
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "57P01"));
	lab_close(&l);
}

Test(hold, the_server_is_gone)
{
	char sql[200];
	struct pxlab l;

	hold_up(&l);
	ask(&l, held);
	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '%s'", l.name);
	(void)direct_sql(l.db, sql);
	expect_gone(&l);
	lab_close(&l);
}

/* Without the monitor there is no authority: the process ends, nothing runs. */
Test(hold, the_monitor_is_gone)
{
	struct pxlab l;
	pid_t pid;
	int status;

	hold_init(&l);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (!lab_start(&l))
			_exit(1);
		ask(&l, held);
		loop_del(l.loop, l.mon);
		close(l.mon);
		l.mon = -1;
		lab_spin(&l, 5000);
		_exit(2);
	}
	cr_assert(waitpid(pid, &status, 0) == pid);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	cr_expect(eq(int, status, 81));
	cr_expect(eq(str, STR(rows_left(&l)), "3"));
}

/* ---- inside transactions and pipelines ---- */

Test(hold, in_a_transaction_approved)
{
	struct pxlab l;

	hold_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "INSERT INTO notes (body) VALUES ('mine')");
	ask(&l, held);
	cr_expect(eq(str, STR(lab_ask(&l, IPC_HOLD_NEW, 0, "tx")), "in transaction"));
	cr_expect(eq(str, STR(lab_ask(&l, IPC_HOLD_NEW, 0, "locks")), "1"));
	lab_decide(&l, "approved", "bob", "");
	cr_assert(lab_ready(&l, 1));
	(void)lab_query(&l, "COMMIT");
	cr_expect(eq(str, STR(rows_left(&l)), "0"));
	lab_close(&l);
}

static void in_a_transaction(const char *decision)
{
	struct pxlab l;

	hold_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "INSERT INTO notes (body) VALUES ('mine')");
	ask(&l, held);
	lab_decide(&l, decision, "bob", "");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_query(&l, "INSERT INTO notes (body) VALUES ('late')")), "EZ"), "%s", decision);
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "25P02"));
	cr_expect(eq(str, STR(lab_query(&l, "COMMIT")), "CZ"));
	expect_not_run(&l);
	lab_close(&l);
}

Test(hold, in_a_transaction_refused)
{
	in_a_transaction("denied");
	in_a_transaction("expired");
	in_a_transaction("withdrawn");
}

Test(hold, in_a_failed_transaction_nobody_is_asked)
{
	struct pxlab l;

	hold_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "SELECT 1/0");
	cr_expect(eq(str, STR(lab_query(&l, held)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "25P02"));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_NEW), 0));
	lab_close(&l);
}

/* Each is refused while it is looked at: the next one must be another round, not another depth of the stack. */
Test(hold, twenty_thousand_in_a_failed_transaction)
{
	struct pxlab l;

	hold_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "SELECT 1/0");
	lab_forget(&l);
	for (int i = 0; i < 20000; i++)
		pg_put_query(&l.tx, span_str(held));
	lab_send(&l);
	cr_expect(lab_ready(&l, 20000));
	cr_expect(eq(sz, lab_count(&l, 'E'), 20000));
	cr_expect(eq(str, STR(lab_query(&l, "ROLLBACK")), "CZ"));
	lab_close(&l);
}

/* Parse, Bind with a text, a binary and a null parameter, between two other statements. */
static void put_pipeline(struct pxlab *l)
{
	static const uint16_t formats[] = {0, 1, 0};
	static const struct pg_value values[] = {{.data = {(const uint8_t *)"n%", 2}}, {.data = {(const uint8_t *)"\0\0\0\5", 4}},
	    {.null = true}};
	struct lab_bind b = {.portal = "", .stmt = "d", .n_formats = 3, .formats = formats, .n_values = 3, .values = values};

	lab_put_parse(&l->tx, "", "INSERT INTO notes (body) VALUES ('before')");
	lab_put_plain_bind(&l->tx, "", "");
	pg_put_execute(&l->tx, span_str(""), 0);
	lab_put_parse(&l->tx, "d", "DELETE FROM notes WHERE body LIKE $1 OR length(body) = $2::int OR body = $3");
	lab_put_bind(&l->tx, &b);
	pg_put_execute(&l->tx, span_str(""), 0);
	lab_put_parse(&l->tx, "", "INSERT INTO notes (body) VALUES ('after')");
	lab_put_plain_bind(&l->tx, "", "");
	pg_put_execute(&l->tx, span_str(""), 0);
	pg_put_empty(&l->tx, 'S');
}

Test(hold, at_execute_in_a_pipeline_approved)
{
	static const char params[] = "\x93\x93\x19\x00\xc4\x02n%\x93\x17\x01\xc4\x04\x00\x00\x00\x05\x93\x19\x00\xc0"; /* types as the server has them */
	struct ipc_msg *m;
	struct pxlab l;

	hold_up(&l);
	put_pipeline(&l);
	lab_send(&l);
	cr_assert(lab_asked(&l, IPC_HOLD_NEW, 1));
	cr_assert(lab_got(&l, 'N', 1));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "12C12"), "what came before is answered");
	for (size_t i = 0; i < l.n_asks; i++) {
		if (l.ask[i].type != IPC_HOLD_NEW)
			continue;
		cr_assert(eq(int, ipc_parse(buf_span(&l.ask[i].raw), &m), 0));
		cr_expect(ipc_get(m, "params") != NULL && span_eq(ipc_get_span(m, "params"), span_of(params, sizeof(params) - 1)));
		ipc_free(m);
	}
	lab_decide(&l, "approved", "bob", "");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "12C12C12CZ"));
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT string_agg(body, ',' ORDER BY body) FROM notes")), "after,before"));
	cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "params", "0:n% 1:"), 2), "shown and sent with its values");
	lab_close(&l);
}

Test(hold, at_execute_in_a_pipeline_denied)
{
	struct pxlab l;

	hold_init(&l);
	l.decision = "denied";
	cr_assert(lab_start(&l));
	put_pipeline(&l);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12C12EZ"));
	cr_expect(eq(str, STR(rows_left(&l)), "3"));
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes WHERE body IN ('before', 'after')")), "0"));
	lab_close(&l);
}

/* The portal carries the approval; another Bind of the same statement asks again. */
Test(hold, an_approval_is_for_one_bind)
{
	struct pxlab l;

	hold_init(&l);
	l.decision = "approved";
	cr_assert(lab_start(&l));
	lab_put_parse(&l.tx, "d", held);
	for (int i = 0; i < 2; i++) {
		lab_put_plain_bind(&l.tx, "", "d");
		pg_put_execute(&l.tx, span_str(""), 0);
	}
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12C2CZ"));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_NEW), 2));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_CONSUME), 2));
	lab_close(&l);
}

/* What is behind a held statement waits with it. */
Test(hold, nothing_overtakes)
{
	struct pxlab l;

	hold_up(&l);
	pg_put_query(&l.tx, span_str(held));
	pg_put_query(&l.tx, span_str("INSERT INTO notes (body) VALUES ('behind')"));
	lab_send(&l);
	cr_assert(lab_asked(&l, IPC_HOLD_NEW, 1));
	lab_spin(&l, 50);
	cr_expect(eq(str, STR(rows_left(&l)), "3"));
	lab_decide(&l, "approved", "bob", "");
	cr_assert(lab_ready(&l, 2));
	cr_expect(eq(str, STR(rows_left(&l)), "1"));
	lab_close(&l);
}

/* A long statement goes to the monitor in parts, whole. */
Test(hold, a_long_statement_is_shown_whole)
{
	size_t n = 200 * 1024, got = 0;
	char *sql = malloc(n + 1);
	struct pxlab l;

	hold_up(&l);
	memset(sql, ' ', n);
	memcpy(sql, held, sizeof(held) - 1);
	memcpy(sql + n - 9, "/* end */", 10);
	l.decision = "approved";
	cr_expect(eq(str, STR(lab_query(&l, sql)), "CZ"));
	for (size_t i = 0; i < l.n_asks; i++) {
		struct ipc_msg *m;

		cr_assert(eq(int, ipc_parse(buf_span(&l.ask[i].raw), &m), 0));
		if (l.ask[i].type == IPC_HOLD_PART)
			got += ipc_get_span(m, "part").n;
		if (l.ask[i].type == IPC_HOLD_NEW)
			got += ipc_get_span(m, "sql").n;
		ipc_free(m);
	}
	cr_expect(eq(sz, got, n));
	cr_expect(eq(sz, lab_sent(&l, 'Q', "/* end */"), 1));
	free(sql);
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
