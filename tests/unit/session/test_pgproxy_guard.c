/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes that are counted while they run: within the limit nobody can tell, beyond it nothing has happened and an operator
 * is asked with the exact effect. The database itself says what was changed.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))

/* Five rows 'n1' to 'n5', of which two may be changed without a question. */
static void init(struct pxlab *l, const char *decision)
{
	lab_init(l);
	l->view.guard_rows = 2;
	l->view.mask = MASK_NONE;
	l->decision = decision;
	(void)direct_sql(l->db, "INSERT INTO notes (body) SELECT 'n' || i FROM generate_series(1, 5) i");
}

static void up(struct pxlab *l, const char *decision)
{
	init(l, decision);
	cr_assert(lab_start(l));
}

static const char few[] = "UPDATE notes SET body = body || '!' WHERE body < 'n3'";
static const char many[] = "UPDATE notes SET body = body || '!' WHERE body LIKE 'n%'";
static const char many_rows[] = "UPDATE notes SET body = body || '!' WHERE body LIKE 'n%' RETURNING body";

static const char *changed(struct pxlab *l)
{
	return direct_sql(l->db, "SELECT count(*) FROM notes WHERE body LIKE '%!'");
}

static void put_sync(struct buf *b)
{
	pg_put_empty(b, 'S');
}

static void put_unit(struct buf *b, const char *sql)
{
	lab_put_parse(b, "", sql);
	lab_put_plain_bind(b, "", "");
	pg_put_execute(b, span_str(""), 0);
}

/* What the last request said that the statement does. */
static const char *effect(struct pxlab *l, int64_t *rows)
{
	static char text[PX_EFFECT_MAX];
	struct ipc_msg *m;

	text[0] = '\0';
	for (size_t i = 0; i < l->n_asks; i++) {
		if (l->ask[i].type != IPC_HOLD_NEW)
			continue;
		cr_assert(eq(int, ipc_parse(buf_span(&l->ask[i].raw), &m), 0));
		ipc_take_str(m, "effect", text, sizeof(text));
		*rows = ipc_get_int(m, "effect_rows", -2);
		ipc_free(m);
	}
	return text;
}

static void expect_effect(struct pxlab *l, int64_t rows)
{
	int64_t said = -2;
	const char *text = effect(l, &said);

	cr_expect(eq(i64, said, rows), "%s", text);
	cr_expect(strstr(text, rows < 0 ? "unknown" : "rolled back") != NULL, "%s", text);
}

/* ---- within the limit ---- */

Test(guard, within_the_limit_nothing_shows)
{
	struct pxlab l;

	up(&l, "denied");
	cr_expect(eq(str, STR(lab_query(&l, few)), "CZ"), "%s", lab_error(&l, 0, 'M'));
	cr_expect(eq(int, l.x->status, 'I'));
	cr_expect(eq(str, STR(changed(&l)), "2"));
	put_unit(&l.tx, "DELETE FROM notes WHERE body LIKE '%!' RETURNING id");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12DDCZ"));
	cr_expect(eq(str, STR(changed(&l)), "0"));
	(void)lab_query(&l, "BEGIN");
	cr_expect(eq(str, STR(lab_query(&l, "DELETE FROM notes WHERE body < 'n5'")), "CZ"));
	cr_expect(eq(int, l.x->status, 'T'));
	(void)lab_query(&l, "ROLLBACK");
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_NEW), 0));
	lab_close(&l);
}

/* An error is the statement's own, and leaves the transaction as it would have. */
Test(guard, an_error_passes)
{
	static const char bad[] = "UPDATE notes SET body = 1 / (length(body) - 2) WHERE body LIKE 'n%'";
	struct pxlab l;

	up(&l, "denied");
	cr_expect(eq(str, STR(lab_query(&l, bad)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "22012"));
	cr_expect(eq(int, l.x->status, 'I'));
	put_unit(&l.tx, bad);
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12EZ"));
	cr_expect(eq(int, l.x->status, 'I'));
	(void)lab_query(&l, "BEGIN");
	cr_expect(eq(str, STR(lab_query(&l, bad)), "EZ"));
	cr_expect(eq(int, l.x->status, 'E'));
	(void)lab_query(&l, "ROLLBACK");
	cr_expect(eq(str, STR(lab_query(&l, few)), "CZ"));
	lab_close(&l);
}

/* A constraint that is checked at the end: the tag must not be told before the transaction has ended well. */
Test(guard, a_commit_that_fails)
{
	struct pxlab l;

	up(&l, "denied");
	(void)direct_sql(l.db, "CREATE TABLE once (v int UNIQUE DEFERRABLE INITIALLY DEFERRED, w int);"
			       "INSERT INTO once VALUES (1, 1), (2, 2); GRANT ALL ON once TO app_rw");
	cr_expect(eq(str, STR(lab_query(&l, "UPDATE once SET v = 1 WHERE w > 0")), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "23505"));
	cr_expect(eq(int, l.x->status, 'I'));
	put_unit(&l.tx, "UPDATE once SET v = 1 WHERE w > 0");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12CEZ"));
	cr_expect(eq(int, l.x->status, 'I'));
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT sum(v) FROM once")), "3"));
	lab_close(&l);
}

/* ---- beyond it ---- */

Test(guard, beyond_the_limit_nothing_has_happened)
{
	static const char *const texts[] = {many, many_rows, "DELETE FROM notes WHERE id > 0", "DELETE FROM notes WHERE id::bool = true",
	    "UPDATE notes SET body = 'x!' WHERE id BETWEEN 0 AND 999999999", "DELETE FROM notes WHERE ctid >= '(0,0)'",
	    "UPDATE notes SET body = 'x!' WHERE id IN (SELECT id FROM notes)"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (int way = 0; way < 4; way++) {
			struct pxlab l;

			up(&l, "denied");
			if (way > 1)
				(void)lab_query(&l, "BEGIN; INSERT INTO notes (body) VALUES ('mine')");
			if (way % 2 == 1) {
				put_unit(&l.tx, texts[i]);
				put_sync(&l.tx);
				(void)lab_run(&l, 1);
			} else {
				(void)lab_query(&l, texts[i]);
			}
			cr_expect(eq(sz, lab_count(&l, 'D') + lab_count(&l, 'C'), 0), "%s, way %d", texts[i], way);
			cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "SP002"), "%s, way %d: %s", texts[i], way, lab_error(&l, 0, 'M'));
			cr_expect(eq(int, l.x->status, way > 1 ? 'E' : 'I'), "%s, way %d", texts[i], way);
			expect_effect(&l, way > 1 && strstr(texts[i], "n%") == NULL ? 6 : 5);
			(void)lab_query(&l, "ROLLBACK");
			cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes WHERE body ~ '^n.$'")), "5"), "%s", texts[i]);
			lab_close(&l);
		}
}

Test(guard, approved_it_runs)
{
	for (int way = 0; way < 4; way++) {
		struct pxlab l;

		up(&l, "approved");
		if (way > 1)
			(void)lab_query(&l, "BEGIN; INSERT INTO notes (body) VALUES ('mine!')");
		if (way % 2 == 1) {
			put_unit(&l.tx, many_rows);
			put_sync(&l.tx);
			cr_expect(eq(str, STR(lab_run(&l, 1)), "12DDDDDCZ"), "way %d", way);
		} else {
			cr_expect(eq(str, STR(lab_query(&l, many_rows)), "TDDDDDCZ"), "way %d", way);
		}
		cr_expect(eq(int, l.x->status, way > 1 ? 'T' : 'I'));
		expect_effect(&l, 5);
		if (way > 1)
			(void)lab_query(&l, "COMMIT");
		cr_expect(eq(str, STR(changed(&l)), way > 1 ? "6" : "5"), "way %d", way);
		lab_close(&l);
	}
}

/* The rest of a batch is neither lost nor kept without the statement that was denied. */
Test(guard, a_batch_around_it)
{
	for (int denied = 0; denied < 2; denied++) {
		struct pxlab l;

		up(&l, denied ? "denied" : "approved");
		put_unit(&l.tx, "INSERT INTO notes (body) VALUES ('z before!')");
		put_unit(&l.tx, few);
		put_unit(&l.tx, "UPDATE notes SET body = body || '!' WHERE body ~ '^n.$'");
		put_unit(&l.tx, "INSERT INTO notes (body) VALUES ('z after!')");
		put_sync(&l.tx);
		cr_expect(eq(str, STR(lab_run(&l, 1)), denied ? "12C12C12EZ" : "12C12C12C12CZ"));
		cr_expect(eq(int, l.x->status, 'I'));
		cr_expect(eq(str, STR(changed(&l)), denied ? "0" : "7"));
		cr_expect(eq(str, STR(lab_query(&l, "SELECT 1")), "TDCZ"));
		lab_close(&l);
	}
}

/* Savepoints of the client, of any name, are its own. */
Test(guard, savepoints_of_the_client)
{
	struct pxlab l;

	up(&l, "denied");
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "SAVEPOINT sallyport_guard");
	(void)lab_query(&l, few);
	(void)lab_query(&l, "SAVEPOINT s");
	cr_expect(eq(str, STR(lab_query(&l, "UPDATE notes SET body = 'y' WHERE id > 0")), "EZ"));
	cr_expect(eq(str, STR(lab_query(&l, "ROLLBACK TO s")), "CZ"));
	cr_expect(eq(str, STR(lab_query(&l, "RELEASE s")), "CZ"));
	cr_expect(eq(str, STR(lab_query(&l, "COMMIT")), "CZ"));
	cr_expect(eq(str, STR(changed(&l)), "2"));
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "SAVEPOINT sallyport_guard");
	(void)lab_query(&l, "DELETE FROM notes WHERE body LIKE '%!'");
	cr_expect(eq(str, STR(lab_query(&l, "ROLLBACK TO sallyport_guard")), "CZ"));
	(void)lab_query(&l, "COMMIT");
	cr_expect(eq(str, STR(changed(&l)), "2"));
	lab_close(&l);
}

/* As the real monitor does, with the key that it has. */
static bool cancels(struct pxlab *l, const struct ipc_msg *m)
{
	if (ipc_type_of(m) == IPC_CANCEL)
		(void)direct_sql(l->db, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
				       "wait_event_type = 'Lock'");
	return false;
}

/* Nothing in the message can stand in for the savepoint that undoes it. */
Test(guard, savepoints_in_the_message)
{
	static const char *const texts[] = {"UPDATE notes SET body = 'x!' WHERE id > 0; SAVEPOINT keep; SAVEPOINT sallyport_guard",
	    "SAVEPOINT a; UPDATE notes SET body = 'x!' WHERE id > 0; RELEASE a",
	    "UPDATE notes SET body = 'x!' WHERE id > 0; SAVEPOINT b; ROLLBACK TO b"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct pxlab l;

		up(&l, "denied");
		(void)lab_query(&l, "BEGIN");
		(void)lab_query(&l, "SAVEPOINT keep");
		cr_expect(eq(str, STR(lab_query(&l, texts[i])), "EZ"), "%s", texts[i]);
		(void)lab_query(&l, "ROLLBACK TO SAVEPOINT keep");
		(void)lab_query(&l, "COMMIT");
		cr_expect(eq(str, STR(changed(&l)), "0"), "%s", texts[i]);
		lab_close(&l);
	}
}

/* A portal that was undone is the statement it was bound to, or it is nothing. */
Test(guard, an_undone_portal_of_another_statement)
{
	struct pxlab l;

	up(&l, "denied");
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "SAVEPOINT a");
	lab_put_parse(&l.tx, "s", many);
	lab_put_plain_bind(&l.tx, "p", "s");
	pg_put_execute(&l.tx, span_str("p"), 0);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	(void)lab_query(&l, "ROLLBACK TO SAVEPOINT a");
	pg_put_close_target(&l.tx, 'S', span_str("s"));
	lab_put_parse(&l.tx, "s", "WITH d AS (DELETE FROM notes RETURNING 1) SELECT count(*) FROM d");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	pg_put_execute(&l.tx, span_str("p"), 0);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "55000"), "%s", lab_error(&l, 0, 'M'));
	(void)lab_query(&l, "COMMIT");
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes")), "5"));
	lab_close(&l);
}

/* An approval with a number is for the whole statement, counted. */
Test(guard, no_portions_of_an_approved_number)
{
	struct pxlab l;

	up(&l, "approved");
	(void)lab_query(&l, "BEGIN");
	lab_put_parse(&l.tx, "", many_rows);
	lab_put_plain_bind(&l.tx, "p", "");
	pg_put_execute(&l.tx, span_str("p"), 1);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	expect_effect(&l, -1);
	(void)lab_query(&l, "ROLLBACK");
	cr_expect(eq(str, STR(changed(&l)), "0"));
	lab_close(&l);
}

/* What the catalogue said before a message of the same batch changed the names is not believed. */
Test(guard, names_that_the_batch_changes)
{
	static const char *const moves[] = {"DROP TABLE pg_temp.notes", "DISCARD TEMP", "SET search_path TO public, pg_temp",
	    "ROLLBACK TO a"};

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		for (int simple = 0; simple < 2; simple++) {
			char sql[200];
			struct pxlab l;

			up(&l, "denied");
			if (i == 3)
				(void)lab_query(&l, "BEGIN; SAVEPOINT a");
			(void)lab_query(&l, "CREATE TEMP TABLE notes (id int, body text)");
			(void)lab_query(&l, "SELECT 1");
			snprintf(sql, sizeof(sql), "%s; DELETE FROM notes", moves[i]);
			if (simple) {
				(void)lab_query(&l, sql);
			} else {
				put_unit(&l.tx, moves[i]);
				put_unit(&l.tx, "DELETE FROM notes");
				put_sync(&l.tx);
				(void)lab_run(&l, 1);
			}
			cr_expect(eq(sz, lab_count(&l, 'E'), 1), "%s", sql);
			(void)lab_query(&l, "COMMIT");
			cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM public.notes")), "5"), "%s", sql);
			lab_close(&l);
		}
}

/* Each small by its keys, together not; and what is only prepared changes nothing yet. */
Test(guard, several_in_one_message)
{
	struct pxlab l;

	up(&l, "denied");
	cr_expect(eq(str, STR(lab_query(&l, "UPDATE notes SET body = 'x!' WHERE id = 1; UPDATE notes SET body = 'x!' WHERE id = 2")),
	    "CCZ"));
	cr_expect(eq(str, STR(lab_query(&l, "UPDATE notes SET body = 'y!' WHERE id IN (1, 2); DELETE FROM notes WHERE id = 3")),
	    "EZ"));
	expect_effect(&l, 3);
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes WHERE body = 'y!'")), "0"));
	cr_expect(eq(str, STR(lab_query(&l, "PREPARE d AS UPDATE notes SET body = 'z!' WHERE id > $1")), "CZ"));
	cr_expect(eq(str, STR(lab_query(&l, "EXECUTE d(3)")), "CZ"));
	cr_expect(eq(str, STR(lab_query(&l, "EXECUTE d(0)")), "EZ"));
	expect_effect(&l, 5);
	lab_close(&l);
}

/* It waits for somebody else's lock: nobody knows what it would do. */
Test(guard, an_effect_that_stays_unknown, .timeout = 60)
{
	for (int extended = 0; extended < 2; extended++) {
		struct direct other;
		struct pxlab l;

		init(&l, "denied");
		l.on_ask = cancels;
		cr_assert(lab_start(&l));
		direct_open(&other, l.db, "app_rw");
		pg_put_query(&other.tx, span_str("BEGIN; UPDATE notes SET body = 'held' WHERE body = 'n1'"));
		(void)direct_run(&other, 1, "");
		if (extended) {
			put_unit(&l.tx, "INSERT INTO notes (body) VALUES ('with it!')");
			put_unit(&l.tx, few);
			put_sync(&l.tx);
			cr_expect(eq(str, STR(lab_run(&l, 1)), "12C12EZ"));
		} else {
			cr_expect(eq(str, STR(lab_query(&l, few)), "EZ"));
		}
		cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "SP002"), "%s", lab_error(&l, 0, 'M'));
		cr_expect(eq(int, l.x->status, 'I'));
		expect_effect(&l, -1);
		direct_close(&other);
		cr_expect(eq(str, STR(changed(&l)), "0"));
		lab_close(&l);
	}
}

/* Where bulk is denied, beyond the limit is. */
Test(guard, denied_where_bulk_is)
{
	struct pxlab l;

	init(&l, "approved");
	l.view.line[SQL_BULK].verdict = VERDICT_DENY;
	cr_assert(lab_start(&l));
	cr_expect(eq(str, STR(lab_query(&l, many)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "42501"));
	put_unit(&l.tx, many);
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12EZ"));
	cr_expect(eq(int, l.x->status, 'I'));
	cr_expect(eq(str, STR(changed(&l)), "0"));
	cr_expect(eq(str, STR(lab_query(&l, few)), "CZ"));
	lab_close(&l);
}

/* A tenth more than was approved, and no more: rows that came meanwhile ask again. */
Test(guard, the_approved_number_counts)
{
	struct pxlab l;

	init(&l, NULL);
	cr_assert(lab_start(&l));
	pg_put_query(&l.tx, span_str(many));
	lab_send(&l);
	cr_assert(lab_asked(&l, IPC_HOLD_NEW, 1));
	cr_assert(lab_got(&l, 'N', 1));
	(void)direct_sql(l.db, "INSERT INTO notes (body) SELECT 'n' || i FROM generate_series(6, 9) i");
	lab_decide(&l, "approved", "bob", "");
	cr_assert(lab_asked(&l, IPC_HOLD_NEW, 2));
	expect_effect(&l, 9);
	cr_expect(eq(str, STR(changed(&l)), "0"));
	lab_decide(&l, "approved", "bob", "");
	cr_assert(lab_ready(&l, 1));
	cr_expect(eq(str, STR(changed(&l)), "9"));
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
