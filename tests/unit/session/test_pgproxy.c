/* SPDX-License-Identifier: Apache-2.0
 *
 * The PostgreSQL proxy: sessions as clients see them, and refusals that leave nothing behind. What random sequences
 * do is in test_pgproxy_pipeline.c.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))

static const char denied[] = "GRANT SELECT ON notes TO app_ro";
static const char insert[] = "INSERT INTO notes (body) VALUES ('row')";

static const char *rows(struct pxlab *l)
{
	return direct_sql(l->db, "SELECT count(*) FROM notes");
}

static void put_unnamed(struct buf *b, const char *sql)
{
	lab_put_parse(b, "", sql);
	lab_put_plain_bind(b, "", "");
	pg_put_execute(b, span_str(""), 0);
}

/* ---- a session ---- */

Test(pgproxy, welcomes_and_answers)
{
	const char *types;
	struct pg_msg m;
	uint32_t pid, key;
	struct pxlab l;

	lab_init(&l);
	l.user = "alice";
	lab_connect(&l);
	pg_put_startup(&l.tx, (const struct pg_pair[]){{"user", "alice"}, {"application_name", "psql"}}, 2);
	lab_send(&l);
	cr_assert(lab_ready(&l, 1));
	types = lab_types(&l, "S");
	cr_expect(eq(str, STR(types), "RKZ"));
	/* the key is the gateway's own, the server's is known to the monitor only */
	cr_assert(lab_msg(&l, 'K', 0, &m) && pg_read_backend_key(m.body, &pid, &key) == 0);
	cr_expect(pid == l.x->key_pid && key == l.x->key_secret);
	cr_expect(eq(sz, lab_n_asked(&l, IPC_BACKEND), 1));
	cr_expect(strcmp(lab_ask(&l, IPC_BACKEND, 0, "pid"), lab_ring(span_str(""))) != 0);
	cr_expect(eq(str, STR(lab_ask(&l, IPC_CONNECT, 0, "login")), "alice"));
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1 AS one")), "TDCZ"));
	cr_expect(eq(str, STR(lab_value(&l, 0, 0)), "1"));
	cr_expect(eq(str, STR(lab_query(&l, "")), "IZ"));
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1; SELECT 2, 3; ")), "TDCTDCZ"));
	cr_expect(eq(str, STR(lab_query(&l, "SELECT current_user")), "TDCZ"));
	lab_close(&l);
}

Test(pgproxy, refused_by_the_monitor)
{
	struct pxlab l;

	lab_init(&l);
	l.password = "wrong";
	cr_expect(not(lab_start(&l)));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'S')), "FATAL"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "28P01"));
	cr_expect(strstr(lab_error(&l, 0, 'M'), "wrong") == NULL, "no password in texts");
	lab_close(&l);
}

Test(pgproxy, killed_by_the_monitor)
{
	struct pxlab l;

	lab_up(&l);
	lab_push_kill(&l, "maintenance", "57P01");
	cr_expect(lab_ended(&l));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'M')), "maintenance"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "57P01"));
	lab_close(&l);
}

/* The reason is a person's words: however long, the session ends, and only it. */
Test(pgproxy, killed_with_many_words)
{
	static const size_t lengths[] = {199, 200, 201, 399, 400, 401, 2000};
	char words[2001];
	struct pxlab l;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(words, 'w', lengths[i]);
		words[lengths[i]] = '\0';
		lab_up(&l);
		lab_push_kill(&l, words, "57P01");
		cr_expect(lab_ended(&l), "%zu bytes", lengths[i]);
		cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "57P01"));
		cr_expect(eq(int, strncmp(lab_error(&l, 0, 'M'), words, 199), 0));
		lab_close(&l);
	}
}

Test(pgproxy, a_refusal_explains_itself)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, denied);
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "42501"));
	cr_expect(strstr(lab_error(&l, 0, 'M'), "class privilege") != NULL);
	cr_expect(strstr(lab_error(&l, 0, 'D'), "rule=base:env=prod/privilege policy=1") != NULL);
	cr_expect(strstr(lab_error(&l, 0, 'D'), l.sid) != NULL);
	cr_expect(ne(str, STR(lab_error(&l, 0, 'H')), ""));
	lab_close(&l);
}

Test(pgproxy, warnings_do_not_stop)
{
	struct pxlab l;

	lab_init(&l);
	l.view.line[SQL_BULK].verdict = VERDICT_WARN;
	cr_assert(lab_start(&l));
	cr_expect(eq(str, STR(lab_query(&l, "DELETE FROM notes")), "CZ"));
	cr_expect(lab_noticed(&l, "policy warning"));
	put_unnamed(&l.tx, "DELETE FROM notes");
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12CZ"));
	cr_expect(lab_noticed(&l, "policy warning"));
	lab_close(&l);
}

Test(pgproxy, the_next_statement_obeys_a_new_policy)
{
	struct pxlab l;

	lab_up(&l);
	lab_put_parse(&l.tx, "i", insert);
	pg_put_empty(&l.tx, 'S');
	(void)lab_run(&l, 1);
	cr_expect(eq(str, STR(lab_query(&l, insert)), "CZ"));
	l.view.line[SQL_WRITE].verdict = VERDICT_DENY;
	lab_push_view(&l);
	cr_expect(eq(str, STR(lab_query(&l, insert)), "EZ"));
	lab_put_plain_bind(&l.tx, "", "i");
	pg_put_execute(&l.tx, span_str(""), 0);
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"), "a statement that was parsed before");
	cr_expect(eq(str, STR(rows(&l)), "1"));
	lab_close(&l);
}

/* ---- refusals are atomic ---- */

static void begin_insert_x_insert_commit(struct pxlab *l, const char *x, bool at_once)
{
	const char *const steps[] = {"BEGIN", insert, x, insert, "COMMIT"};

	for (size_t i = 0; i < 5; i++) {
		if (at_once)
			pg_put_query(&l->tx, span_str(steps[i]));
		else
			(void)lab_query(l, steps[i]);
	}
	if (at_once)
		cr_expect(eq(str, STR(lab_run(l, 5)), "CZCZEZEZCZ"), "%s", x);
	cr_expect(eq(str, STR(rows(l)), "0"), "%s", x);
	cr_expect(eq(str, STR(lab_query(l, "SELECT 1")), "TDCZ"));
}

Test(atomic, in_a_transaction)
{
	static const char *const refused[] = {denied, "DELETE FROM notes", "SELEC", "COPY customers TO STDOUT", "COPY notes TO PROGRAM 'x'"};
	struct pxlab l;

	lab_init(&l);
	l.decision = "denied";
	cr_assert(lab_start(&l));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		begin_insert_x_insert_commit(&l, refused[i], false);
		begin_insert_x_insert_commit(&l, refused[i], true);
	}
	lab_close(&l);
}

Test(atomic, a_message_of_several)
{
	char sql[200];
	struct pxlab l;

	lab_init(&l);
	l.decision = "expired";
	cr_assert(lab_start(&l));
	snprintf(sql, sizeof(sql), "%s; %s; %s", insert, denied, insert);
	cr_expect(eq(str, STR(lab_query(&l, sql)), "EZ"));
	snprintf(sql, sizeof(sql), "%s; DELETE FROM notes; %s", insert, insert);
	cr_expect(eq(str, STR(lab_query(&l, sql)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "SP003"));
	cr_expect(eq(str, STR(rows(&l)), "0"));
	lab_close(&l);
}

Test(atomic, a_pipeline_is_one_transaction)
{
	struct pxlab l;

	lab_up(&l);
	put_unnamed(&l.tx, insert);
	put_unnamed(&l.tx, denied);
	put_unnamed(&l.tx, insert);
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12CEZ"));
	cr_expect(eq(str, STR(rows(&l)), "0"));
	/* with a Sync between them, each is its own */
	put_unnamed(&l.tx, insert);
	pg_put_empty(&l.tx, 'S');
	put_unnamed(&l.tx, denied);
	pg_put_empty(&l.tx, 'S');
	put_unnamed(&l.tx, insert);
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 3)), "12CZEZ12CZ"));
	cr_expect(eq(str, STR(rows(&l)), "2"));
	lab_close(&l);
}

/* The server has run the first one and waits for Sync: it must not commit. */
Test(atomic, a_pipeline_that_was_flushed)
{
	struct pxlab l;

	lab_up(&l);
	put_unnamed(&l.tx, insert);
	pg_put_empty(&l.tx, 'H');
	lab_send(&l);
	cr_assert(lab_got(&l, 'C', 1));
	pg_put_query(&l.tx, span_str(denied));
	lab_send(&l);
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "12CEZ"));
	cr_expect(eq(str, STR(rows(&l)), "0"));
	lab_close(&l);
}

Test(atomic, savepoints_work_as_for_any_error)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, insert);
	(void)lab_query(&l, "SAVEPOINT s");
	cr_expect(eq(str, STR(lab_query(&l, denied)), "EZ"));
	cr_expect(eq(str, STR(lab_query(&l, "ROLLBACK TO s")), "CZ"));
	cr_expect(eq(str, STR(lab_query(&l, "COMMIT")), "CZ"));
	cr_expect(eq(str, STR(rows(&l)), "1"));
	lab_close(&l);
}

/* The server itself is made to fail; what it is told says nothing of the statement. */
Test(atomic, the_refused_text_never_leaves)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, denied);
	put_unnamed(&l.tx, insert);
	put_unnamed(&l.tx, denied);
	pg_put_empty(&l.tx, 'S');
	(void)lab_run(&l, 1);
	cr_expect(eq(sz, lab_sent(&l, 'Q', "GRANT") + lab_sent(&l, 'P', "GRANT"), 0));
	cr_expect(eq(sz, server_log_count(l.name, "GRANT"), 0));
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
