/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of prepared statements and portals: a held or masked statement is never reached through a name that the proxy
 * takes for something else, whatever failed, was skipped, closed or prepared in SQL before.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))

static const char held[] = "DELETE FROM notes";
static const char clean[] = "SELECT 'a'::text AS x";
/* Neither its origin nor its look gives it away: only lineage does. */
static const char secret[] = "SELECT upper(full_name) AS x FROM customers WHERE id = 1";
static const char person[] = "ALAN LOVELACE";

/* Nothing of the kind ever reached the client. */
static bool leaked(struct pxlab *l)
{
	struct span rx = buf_span(&l->rx);

	return rx.n > 0 && memmem(rx.p, rx.n, person, strlen(person)) != NULL;
}

/* How many rows the held DELETE has left; three were there. */
static const char *rows_left(struct pxlab *l)
{
	return direct_sql(l->db, "SELECT count(*) FROM notes");
}

static void names_up(struct pxlab *l)
{
	lab_init(l);
	(void)direct_sql(l->db, "INSERT INTO notes (body) SELECT 'n' FROM generate_series(1, 3)");
	l->decision = "denied";
	cr_assert(lab_start(l));
}

static void put_execute(struct buf *b, const char *portal)
{
	pg_put_execute(b, span_str(portal), 0);
}

static void put_all(struct buf *b, const char *portal, const char *stmt)
{
	lab_put_plain_bind(b, portal, stmt);
	put_execute(b, portal);
}

static void put_sync(struct buf *b)
{
	pg_put_empty(b, 'S');
}

/* The map, sorted by the server, and what the server has. */
static void expect_same_names(struct pxlab *l)
{
	const char *theirs;
	size_t n = 0;

	(void)lab_query(l, "SELECT name FROM pg_prepared_statements ORDER BY name");
	for (struct px_stmt *s = l->x->stmts; s != NULL; s = s->next) {
		bool found = false;

		for (size_t i = 0; (theirs = lab_value(l, i, 0)), strcmp(theirs, "(none)") != 0; i++)
			found |= strcmp(theirs, s->name) == 0;
		cr_expect(found, "the server has no \"%s\"", s->name);
		n++;
	}
	cr_expect(eq(sz, lab_count(l, 'D'), n));
}

Test(names, the_secret_is_there)
{
	struct pxlab l;

	lab_init(&l);
	l.view.mask = MASK_NONE;
	cr_assert(lab_start(&l));
	(void)lab_query(&l, secret);
	cr_expect(leaked(&l));
	l.view.mask = MASK_FULL;
	lab_push_view(&l);
	(void)lab_query(&l, secret);
	cr_expect(not(leaked(&l)));
	lab_close(&l);
}

/* ---- names behind which something else could hide ---- */

Test(names, are_told_apart_as_the_server_does)
{
	char one[80], two[80];
	struct pxlab l;

	memset(one, 'a', sizeof(one));
	memset(two, 'a', sizeof(two));
	memcpy(one + 70, "1", 2);
	memcpy(two + 70, "2", 2);
	names_up(&l);
	lab_put_parse(&l.tx, one, clean);
	pg_put_close_target(&l.tx, 'S', span_str(two)); /* for the server it closes the first */
	lab_put_parse(&l.tx, two, held);                /* Parse can only deny */
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	put_all(&l.tx, "", one);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(eq(str, STR(rows_left(&l)), "3"));
	lab_close(&l);
}

Test(names, of_portals_are_told_apart_as_the_server_does)
{
	char one[80], two[80];
	struct pxlab l;

	memset(one, 'p', sizeof(one));
	memset(two, 'p', sizeof(two));
	memcpy(one + 70, "1", 2);
	memcpy(two + 70, "2", 2);
	names_up(&l);
	lab_put_parse(&l.tx, "c", clean);
	lab_put_parse(&l.tx, "s", secret);
	lab_put_plain_bind(&l.tx, one, "c");
	pg_put_close_target(&l.tx, 'P', span_str(two));
	lab_put_plain_bind(&l.tx, two, "s");
	put_execute(&l.tx, one);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(not(leaked(&l)));
	lab_close(&l);
}

/* An EXECUTE prepared by the protocol goes by the name at the time it runs. */
Test(names, execute_of_an_execute_is_not_believed)
{
	struct pxlab l;

	names_up(&l);
	lab_put_parse(&l.tx, "b", clean);
	lab_put_parse(&l.tx, "a", "EXECUTE b");
	pg_put_close_target(&l.tx, 'S', span_str("b"));
	lab_put_parse(&l.tx, "b", held);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	(void)lab_query(&l, "EXECUTE a");
	put_all(&l.tx, "", "a");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(eq(str, STR(rows_left(&l)), "3"));
	lab_close(&l);
}

Test(names, prepared_in_sql_means_its_own_statement)
{
	char sql[300];
	struct pxlab l;

	names_up(&l);
	snprintf(sql, sizeof(sql), "%s; PREPARE a AS %s", clean, secret);
	cr_expect(eq(str, STR(lab_query(&l, sql)), "TDCCZ"));
	put_all(&l.tx, "", "a");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "2DCZ"));
	cr_expect(not(leaked(&l)));
	(void)lab_query(&l, "EXECUTE a");
	cr_expect(not(leaked(&l)));
	lab_close(&l);
}

/* Texts that differ in a number share what is known of them, but not what is recorded. */
Test(names, prepared_in_sql_is_recorded_as_it_was)
{
	struct pxlab l;

	names_up(&l);
	(void)lab_query(&l, "PREPARE a AS SELECT id FROM customers WHERE id = 1");
	(void)lab_query(&l, "DEALLOCATE a");
	(void)lab_query(&l, "PREPARE a AS SELECT id FROM customers WHERE id = 2");
	put_all(&l.tx, "", "a");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(eq(str, STR(lab_value(&l, 0, 0)), "2"));
	cr_expect(eq(str, STR(lab_record(&l, REC_STATEMENT, 3, "proto")), "execute"));
	cr_expect(eq(str, STR(lab_record(&l, REC_STATEMENT, 3, "sql")), "PREPARE a AS SELECT id FROM customers WHERE id = 2"));
	lab_close(&l);
}

/* ---- portals ---- */

/* A transaction in which a failed Bind cannot have replaced the portal. */
static void bind_fails_over(struct pxlab *l, const char *portal)
{
	static const struct pg_value extra = {.data = {(const uint8_t *)"1", 1}};

	lab_put_parse(&l->tx, "back", "ROLLBACK TO s");
	lab_put_parse(&l->tx, "secret", secret);
	lab_put_parse(&l->tx, "clean", clean);
	put_sync(&l->tx);
	(void)lab_run(l, 1);
	(void)lab_query(l, "BEGIN");
	lab_put_plain_bind(&l->tx, portal, "secret");
	lab_put_parse(&l->tx, "save", "SAVEPOINT s");
	put_all(&l->tx, "other", "save");
	put_sync(&l->tx);
	cr_assert(eq(str, STR(lab_run(l, 1)), "212CZ"));
	pg_put_bind(&l->tx, span_str(portal), span_str("clean"), &extra, 1);
	put_sync(&l->tx);
	cr_assert(eq(str, STR(lab_run(l, 1)), "EZ"));
	put_all(&l->tx, "other2", "back");
	put_sync(&l->tx);
	cr_assert(eq(str, STR(lab_run(l, 1)), "2CZ"));
	put_execute(&l->tx, portal);
	put_sync(&l->tx);
	cr_expect(eq(str, STR(lab_run(l, 1)), "DCZ"));
	cr_expect(not(leaked(l)), "portal \"%s\"", portal);
	cr_expect(gt(sz, lab_recorded(l, REC_STATEMENT, "sql", secret), 0));
	cr_expect(eq(str, STR(lab_record(l, REC_STATEMENT, lab_records(l, REC_STATEMENT) - 1, "sql")), STR(secret)));
}

Test(names, a_failed_bind_leaves_the_unnamed_portal)
{
	struct pxlab l;

	names_up(&l);
	bind_fails_over(&l, "");
	lab_close(&l);
}

Test(names, a_failed_bind_leaves_the_named_portal)
{
	struct pxlab l;

	names_up(&l);
	bind_fails_over(&l, "p");
	lab_close(&l);
}

Test(names, a_cursor_is_not_the_portal_of_that_name)
{
	char sql[300];
	struct pxlab l;

	names_up(&l);
	lab_put_parse(&l.tx, "clean", clean);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	(void)lab_query(&l, "BEGIN");
	lab_put_plain_bind(&l.tx, "c", "clean");
	put_sync(&l.tx);
	cr_assert(eq(str, STR(lab_run(&l, 1)), "2Z"));
	cr_assert(eq(str, STR(lab_query(&l, "CLOSE c")), "CZ"));
	snprintf(sql, sizeof(sql), "DECLARE c CURSOR FOR %s", secret);
	cr_assert(eq(str, STR(lab_query(&l, sql)), "CZ"));
	put_execute(&l.tx, "c");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(not(leaked(&l)));
	lab_close(&l);
}

Test(names, the_end_of_a_transaction_ends_its_portals_only)
{
	char sql[300];
	struct pxlab l;

	names_up(&l);
	lab_put_parse(&l.tx, "clean", clean);
	lab_put_plain_bind(&l.tx, "c", "clean");
	put_sync(&l.tx);
	/* pipelined: the first answer comes while the next group is open */
	snprintf(sql, sizeof(sql), "DECLARE c CURSOR FOR %s", secret);
	lab_put_parse(&l.tx, "", "BEGIN");
	put_all(&l.tx, "", "");
	lab_put_parse(&l.tx, "", sql);
	put_all(&l.tx, "", "");
	put_execute(&l.tx, "c");
	put_sync(&l.tx);
	(void)lab_run(&l, 2);
	cr_expect(not(leaked(&l)));
	lab_close(&l);
}

/* ---- answers that never come ---- */

/* The server ignores simple queries behind a failed extended message. */
Test(names, a_skipped_query_lends_its_plan_to_no_other)
{
	struct pxlab l;

	names_up(&l);
	lab_put_parse(&l.tx, "", "SELECT nope FROM notes");
	pg_put_query(&l.tx, span_str(clean));
	pg_put_query(&l.tx, span_str(clean));
	put_sync(&l.tx);
	pg_put_query(&l.tx, span_str(secret));
	cr_expect(eq(str, STR(lab_run(&l, 2)), "EZTDCZ"));
	cr_expect(not(leaked(&l)));
	lab_close(&l);
}

/* A message behind COPY FROM STDIN is read as copy data by the server, and answered with an error only. */
Test(names, a_query_eaten_by_copy_lends_its_plan_to_no_other)
{
	struct pxlab l;

	lab_init(&l);
	l.view.line[SQL_BULK].verdict = VERDICT_WARN;
	cr_assert(lab_start(&l));
	pg_put_query(&l.tx, span_str("COPY notes FROM STDIN"));
	pg_put_query(&l.tx, span_str(clean));
	pg_put_query(&l.tx, span_str(secret));
	(void)lab_run(&l, 2);
	cr_expect(not(leaked(&l)));
	lab_close(&l);
}

/* ---- the map after errors ---- */

Test(names, follow_the_server_through_errors)
{
	struct pxlab l;

	names_up(&l);
	lab_put_parse(&l.tx, "keep", clean);
	lab_put_parse(&l.tx, "keep2", clean);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	/* a failed Parse, and behind it a Close and a Parse that never happened */
	lab_put_parse(&l.tx, "bad", "SELECT nope FROM notes");
	pg_put_close_target(&l.tx, 'S', span_str("keep"));
	lab_put_parse(&l.tx, "keep", held);
	lab_put_parse(&l.tx, "never", clean);
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"));
	expect_same_names(&l);
	put_all(&l.tx, "", "keep");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "2DCZ"));
	/* a name that exists */
	lab_put_parse(&l.tx, "keep", held);
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "42P05"));
	expect_same_names(&l);
	(void)lab_query(&l, "DEALLOCATE keep2");
	(void)lab_query(&l, "PREPARE sql_one AS SELECT 1");
	(void)lab_query(&l, "PREPARE sql_one AS SELECT 2"); /* exists */
	expect_same_names(&l);
	(void)lab_query(&l, "DISCARD ALL");
	expect_same_names(&l);
	cr_expect(l.x->stmts == NULL);
	lab_close(&l);
}

/* More skipped Parses than any fixed table holds: each is undone. */
Test(names, a_long_failed_batch_is_undone)
{
	struct pxlab l;
	char name[16];

	names_up(&l);
	lab_put_parse(&l.tx, "", "SELECT nope FROM notes");
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		lab_put_parse(&l.tx, name, clean);
	}
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"));
	cr_expect(eq(sz, l.x->n_stmts, 0));
	lab_close(&l);
}

/* The unnamed statement is gone after a simple query; the gateway's own queries leave it alone. */
Test(names, the_unnamed_statement_lives_as_long_as_for_the_server)
{
	struct pxlab l;

	names_up(&l);
	lab_put_parse(&l.tx, "", clean);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	l.x->catalog_stale = true; /* an own look at the catalogue comes first */
	put_all(&l.tx, "", "");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "2DCZ"));
	cr_expect(not(l.x->catalog_stale));
	(void)lab_query(&l, "SELECT 1");
	put_all(&l.tx, "", "");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "26000"));
	lab_close(&l);
}

/* In flight: what DISCARD ALL and DEALLOCATE remove is not what is prepared behind them. */
Test(names, prepared_behind_discard_is_kept)
{
	struct pxlab l;

	names_up(&l);
	lab_put_parse(&l.tx, "a", clean);
	put_sync(&l.tx);
	pg_put_query(&l.tx, span_str("DISCARD ALL"));
	lab_put_parse(&l.tx, "a", "SELECT 'b'::text AS x");
	put_sync(&l.tx);
	lab_put_parse(&l.tx, "", "DEALLOCATE a");
	put_all(&l.tx, "", "");
	lab_put_parse(&l.tx, "a", "SELECT 'c'::text AS x");
	put_sync(&l.tx);
	put_all(&l.tx, "", "a");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 5)), "1ZCZ1Z12C1Z2DCZ"));
	cr_expect(eq(str, STR(lab_value(&l, 0, 0)), "c"));
	expect_same_names(&l);
	lab_close(&l);
}

/* Every way to a held statement by a name is held. */
Test(names, a_held_statement_is_held_by_any_name)
{
	static const char *const ways[] = {"EXECUTE h", "EXPLAIN ANALYZE EXECUTE h", "CREATE TABLE t AS EXECUTE h",
	    "SELECT 1; EXECUTE h", "DEALLOCATE none; EXECUTE h"};
	struct pxlab l;

	names_up(&l);
	lab_put_parse(&l.tx, "h", held);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		cr_expect(eq(str, STR(lab_query(&l, ways[i])), "EZ"), "%s", ways[i]);
		cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "SP002"), "%s", ways[i]);
	}
	put_all(&l.tx, "", "h");
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "2EZ"));
	cr_expect(eq(str, STR(rows_left(&l)), "3"));
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
