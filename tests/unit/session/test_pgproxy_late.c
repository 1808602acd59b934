/* SPDX-License-Identifier: Apache-2.0
 *
 * What a name means when the server resolves it: definitions that fail or are skipped while later batches are already on
 * their way, and utility statements, whose names are resolved when they run. Oracles: rows left in the database, and what
 * the client read.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))

static const char held[] = "DELETE FROM notes";
static const char clean[] = "SELECT country FROM customers WHERE id = 1";
static const char secret[] = "SELECT upper(full_name) AS country FROM customers WHERE id = 1";
static const char person[] = "ALAN LOVELACE";

static void up(struct pxlab *l)
{
	lab_init(l);
	(void)direct_sql(l->db, "INSERT INTO notes (body) SELECT 'n' FROM generate_series(1, 3)");
	l->decision = "denied";
	cr_assert(lab_start(l));
}

static void put_sync(struct buf *b)
{
	pg_put_empty(b, 'S');
}

static void put_run(struct buf *b, const char *portal, const char *stmt)
{
	lab_put_plain_bind(b, portal, stmt);
	pg_put_execute(b, span_str(portal), 0);
}

static void put_close(struct buf *b, uint8_t kind, const char *name)
{
	pg_put_close_target(b, kind, span_str(name));
}

static void expect_safe(struct pxlab *l, const char *what)
{
	struct span rx = buf_span(&l->rx);

	cr_expect(rx.n == 0 || memmem(rx.p, rx.n, person, strlen(person)) == NULL, "%s: clear value", what);
	cr_expect(eq(str, STR(direct_sql(l->db, "SELECT count(*) FROM notes")), "3"), "%s: rows left", what);
}

/* ---- definitions without an answer yet ---- */

/* Each way to break the batch that redefines a name. */
static const char *const failing[] = {"SELECT * FROM nope", "SELECT 1 FROM", "SELECT $1::nope", "SELECT 'x'::int"};

/* The unnamed statement stays what it was when its successor is skipped. */
Test(late, the_unnamed_statement_behind_a_failed_batch)
{
	for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		struct pxlab l;

		up(&l);
		lab_put_parse(&l.tx, "", held);
		put_sync(&l.tx);
		(void)lab_run(&l, 1);
		lab_put_parse(&l.tx, "bad", failing[i]);
		put_run(&l.tx, "", "bad"); /* 'x'::int fails when it is planned */
		lab_put_parse(&l.tx, "", "SELECT 1");
		put_sync(&l.tx);
		put_run(&l.tx, "", "");
		put_sync(&l.tx);
		(void)lab_run(&l, 2);
		expect_safe(&l, failing[i]);
		lab_close(&l);
	}
}

/* What a failed batch was to give a name; and the same with the name closed, a simple query between, or more batches. */
Test(late, a_name_redefined_in_a_failed_batch)
{
	for (size_t way = 0; way < 5; way++) {
		struct pxlab l;

		up(&l);
		lab_put_parse(&l.tx, "m", way == 1 ? held : secret);
		put_sync(&l.tx);
		(void)lab_run(&l, 1);
		lab_put_parse(&l.tx, "bad", "SELECT * FROM nope");
		put_close(&l.tx, 'S', "m");
		if (way != 2)
			lab_put_parse(&l.tx, "m", clean);
		put_sync(&l.tx);
		if (way == 2)
			lab_put_parse(&l.tx, "m", clean);
		if (way == 3)
			pg_put_query(&l.tx, span_str("SELECT 1"));
		if (way == 4) {
			put_run(&l.tx, "", "bad");
			put_sync(&l.tx);
		}
		if (way == 1)
			pg_put_describe(&l.tx, 'S', span_str("m"));
		put_run(&l.tx, "", "m");
		put_sync(&l.tx);
		(void)lab_run(&l, way > 2 ? 3 : 2);
		expect_safe(&l, "redefined");
		/* the recording names what ran; in the third the name is free, or Parse and all behind it fails */
		cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "sql", clean), way == 2 ? 2 : 1), "way %zu", way);
		lab_close(&l);
	}
}

/* What a failed batch takes back does not touch what a later one has given. */
Test(late, taken_back_and_given_again)
{
	for (int named = 0; named < 2; named++) {
		const char *name = named ? "m" : "";
		struct pxlab l;

		up(&l);
		lab_put_parse(&l.tx, name, clean);
		put_sync(&l.tx);
		(void)lab_run(&l, 1);
		lab_put_parse(&l.tx, "bad", "SELECT * FROM nope");
		put_close(&l.tx, 'S', name);
		lab_put_parse(&l.tx, name, "SELECT 1");
		put_sync(&l.tx);
		put_close(&l.tx, 'S', name);
		lab_put_parse(&l.tx, name, secret);
		put_sync(&l.tx);
		(void)lab_run(&l, 2);
		put_run(&l.tx, "", name);
		put_sync(&l.tx);
		cr_expect(eq(str, STR(lab_run(&l, 1)), "2DCZ"));
		expect_safe(&l, "given again");
		lab_close(&l);
	}
}

/* The same of portals inside a transaction. */
Test(late, a_portal_redefined_in_a_failed_batch)
{
	struct pxlab l;

	up(&l);
	(void)lab_query(&l, "BEGIN");
	lab_put_parse(&l.tx, "s", secret);
	lab_put_parse(&l.tx, "c", clean);
	lab_put_plain_bind(&l.tx, "p", "s");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	lab_put_parse(&l.tx, "c", clean); /* refused: the name is taken */
	put_close(&l.tx, 'P', "p");
	lab_put_plain_bind(&l.tx, "p", "c");
	put_sync(&l.tx);
	pg_put_execute(&l.tx, span_str("p"), 0);
	put_sync(&l.tx);
	(void)lab_run(&l, 2);
	expect_safe(&l, "portal");
	lab_close(&l);
}

/* A cursor of SQL has the name: Bind fails, and the cursor is what Execute of a later batch would run. */
Test(late, a_portal_that_a_cursor_keeps_out)
{
	struct pxlab l;

	up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "DECLARE p CURSOR WITH HOLD FOR SELECT upper(full_name) FROM customers WHERE id = 1");
	(void)lab_query(&l, "COMMIT");
	lab_put_parse(&l.tx, "a", "SELECT 'a'::text");
	lab_put_plain_bind(&l.tx, "p", "a");
	put_sync(&l.tx);
	pg_put_execute(&l.tx, span_str("p"), 0);
	put_sync(&l.tx);
	(void)lab_run(&l, 2);
	expect_safe(&l, "cursor");
	cr_expect(eq(sz, lab_count(&l, 'E'), 2));
	lab_close(&l);
}

/* Nothing waits that needs no answer: two batches with names of their own are on their way together. */
Test(late, batches_that_redefine_nothing_are_pipelined)
{
	struct pxlab l;

	up(&l);
	for (int i = 0; i < 5; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%d", i);
		lab_put_parse(&l.tx, name, "SELECT 'a'::text AS x");
		put_run(&l.tx, "", name);
		put_sync(&l.tx);
		lab_put_parse(&l.tx, "", "SELECT 1");
		put_run(&l.tx, "", "");
		put_sync(&l.tx);
	}
	lab_send(&l);
	cr_expect(l.x->wait == WAIT_NONE && buf_len(&l.x->in) == 0, "taken at once");
	cr_assert(lab_ready(&l, 10));
	lab_close(&l);
}

/* ---- utility statements ---- */

Test(late, execute_runs_what_the_name_means_then)
{
	static const char *const calls[] = {"EXECUTE d", "EXPLAIN ANALYZE EXECUTE d", "CREATE TEMP TABLE made AS EXECUTE d"};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (int in_tx = 0; in_tx < 2; in_tx++) {
			struct pxlab l;

			up(&l);
			if (in_tx)
				(void)lab_query(&l, "BEGIN");
			lab_put_parse(&l.tx, "d", clean);
			lab_put_parse(&l.tx, "e", calls[i]);
			lab_put_plain_bind(&l.tx, "p", "e");
			pg_put_describe(&l.tx, 'P', span_str("p"));
			if (in_tx) {
				put_sync(&l.tx);
				(void)lab_run(&l, 1);
			}
			put_close(&l.tx, 'S', "d");
			lab_put_parse(&l.tx, "d", i == 0 && in_tx ? secret : held);
			pg_put_execute(&l.tx, span_str("p"), 0);
			put_sync(&l.tx);
			(void)lab_run(&l, 1);
			cr_expect(eq(sz, lab_count(&l, 'E'), 1), "%s", calls[i]);
			(void)lab_query(&l, "COMMIT");
			expect_safe(&l, calls[i]);
			lab_close(&l);
		}
}

/* Bound to one table, executed when the name is another's: the server runs what Bind planned. */
Test(late, a_portal_judged_by_another_catalogue)
{
	static const char *const between[] = {"CREATE TEMP TABLE notes (id int)", "SET search_path = pg_temp, public", "SELECT 1"};

	for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
		struct pxlab l;

		up(&l);
		(void)lab_query(&l, "BEGIN");
		lab_put_parse(&l.tx, "s", held);
		lab_put_plain_bind(&l.tx, "p", "s");
		put_sync(&l.tx);
		(void)lab_run(&l, 1);
		(void)lab_query(&l, between[i]);
		(void)lab_query(&l, "SELECT 1");
		pg_put_execute(&l.tx, span_str("p"), 0);
		put_sync(&l.tx);
		(void)lab_run(&l, 1);
		cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "55000"), "%s", between[i]);
		(void)lab_query(&l, "COMMIT");
		expect_safe(&l, between[i]);
		lab_close(&l);
	}
}

/* A portal that Bind made is a cursor for SQL: FETCH runs what Execute would have been asked about. */
Test(late, fetch_of_a_bound_portal)
{
	static const char *const texts[] = {"WITH d AS (DELETE FROM notes RETURNING 1) SELECT 1", "DELETE FROM notes RETURNING 1",
	    "DELETE FROM notes WHERE id > 0 RETURNING 1", "EXECUTE d"};
	static const char *const fetches[] = {"FETCH NEXT FROM p", "FETCH ALL FROM p", "MOVE 1 FROM p", "SELECT 1; FETCH 1 IN p"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t k = 0; k < sizeof(fetches) / sizeof(fetches[0]); k++) {
			bool extended = k == 1;
			struct pxlab l;

			up(&l);
			(void)lab_query(&l, "BEGIN");
			lab_put_parse(&l.tx, "d", held);
			lab_put_parse(&l.tx, "", texts[i]);
			lab_put_plain_bind(&l.tx, "p", "");
			if (extended) {
				lab_put_parse(&l.tx, "f", fetches[k]);
				put_run(&l.tx, "", "f");
				put_sync(&l.tx);
			} else {
				pg_put_empty(&l.tx, 'H');
				pg_put_query(&l.tx, span_str(fetches[k]));
			}
			(void)lab_run(&l, 1);
			cr_expect(eq(sz, lab_count(&l, 'E'), 1), "%s, %s", texts[i], fetches[k]);
			(void)lab_query(&l, "COMMIT");
			expect_safe(&l, texts[i]);
			lab_close(&l);
		}
}

/* What SQL has prepared, SQL and the protocol run; masks follow what it is. */
Test(late, prepared_in_sql)
{
	struct pxlab l;

	up(&l);
	(void)lab_query(&l, "PREPARE d AS SELECT id, country FROM customers WHERE id = $1");
	cr_expect(eq(str, STR(lab_query(&l, "EXECUTE d(1)")), "TDCZ"));
	lab_put_parse(&l.tx, "", "EXECUTE d(2)");
	put_run(&l.tx, "", "");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12DCZ"));
	(void)lab_query(&l, "PREPARE s AS SELECT upper(full_name) AS country FROM customers WHERE id = 1");
	(void)lab_query(&l, "EXECUTE s");
	put_run(&l.tx, "", "s");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	expect_safe(&l, "prepared in SQL");
	(void)lab_query(&l, "PREPARE h AS DELETE FROM notes WHERE id > $1"); /* prepared only: nothing has run */
	(void)lab_query(&l, "EXECUTE h(0)");
	(void)lab_query(&l, "ROLLBACK");
	lab_close(&l);
}

/* A plan of masks says nothing about what EXECUTE and FETCH give the next time. */
Test(late, no_plan_is_reused_for_what_is_elsewhere)
{
	struct pxlab l;

	up(&l);
	lab_put_parse(&l.tx, "d", clean);
	lab_put_parse(&l.tx, "e", "EXECUTE d");
	put_run(&l.tx, "", "e");
	put_close(&l.tx, 'S', "d");
	lab_put_parse(&l.tx, "d", secret);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	put_run(&l.tx, "", "e");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "2DCZ"));
	expect_safe(&l, "EXECUTE");
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "DECLARE c CURSOR FOR SELECT country FROM customers WHERE id = 1");
	lab_put_parse(&l.tx, "f", "FETCH 1 FROM c");
	put_run(&l.tx, "", "f");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	(void)lab_query(&l, "CLOSE c");
	(void)lab_query(&l, "DECLARE c CURSOR FOR SELECT upper(full_name) AS country FROM customers WHERE id = 1");
	put_run(&l.tx, "", "f");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	expect_safe(&l, "FETCH");
	lab_close(&l);
}

/* What lies between Bind and Execute of a utility statement could give its names another meaning. */
Test(late, bind_and_execute_of_a_utility_statement_belong_together)
{
	static const char *const texts[] = {"COPY orders (status) TO STDOUT", "TRUNCATE notes", "DROP TABLE notes", "FETCH 1 FROM c",
	    "COMMENT ON TABLE notes IS 'x'", "LOCK TABLE notes IN ACCESS SHARE MODE", "SET work_mem TO '1MB'", "MOVE 1 FROM c",
	    "ALTER TABLE notes ADD COLUMN z int", "ANALYZE notes", "SHOW work_mem"};
	struct pxlab l;

	up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "DECLARE c CURSOR FOR SELECT country FROM customers");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		(void)lab_query(&l, "SAVEPOINT here");
		lab_put_parse(&l.tx, "", texts[i]);
		lab_put_plain_bind(&l.tx, "p", "");
		put_sync(&l.tx);
		(void)lab_run(&l, 1);
		pg_put_query(&l.tx, span_str("SELECT 1"));
		(void)lab_run(&l, 1);
		pg_put_execute(&l.tx, span_str("p"), 0);
		put_sync(&l.tx);
		cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"), "%s", texts[i]);
		cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "55000"), "%s", texts[i]);
		(void)lab_query(&l, "ROLLBACK TO here");
	}
	lab_close(&l);
}

/* A name that EXECUTE takes or gives away is nobody's until it is prepared again. */
Test(late, names_that_execute_moves)
{
	struct pxlab l;

	lab_init(&l);
	l.view.line[SQL_OPAQUE].verdict = VERDICT_ALLOW; /* approved, as it were */
	cr_assert(lab_start(&l));
	lab_put_parse(&l.tx, "m", "SELECT 'a'::text AS country");
	lab_put_parse(&l.tx, "d1", "DEALLOCATE m");
	lab_put_parse(&l.tx, "d2", "PREPARE m AS SELECT upper(full_name) AS country FROM customers WHERE id = 1");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	(void)lab_query(&l, "EXECUTE d1");
	(void)lab_query(&l, "EXECUTE d2");
	put_run(&l.tx, "", "m");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(memmem(buf_span(&l.rx).p, buf_span(&l.rx).n, person, strlen(person)) == NULL);
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
