/* SPDX-License-Identifier: Apache-2.0
 *
 * Masking on a live session: every way in which a sensitive value could reach the client (formats, describes, row
 * limits, cursors, names that change their meaning, COPY, error texts, notifications) gives it masked or not at all.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"
#include "tests/support/pxtap.h"

#define STR(s) ((char *)(uintptr_t)(s))

/* Customer 1 of the lab. */
#define NAME "Alan Lovelace"
#define NAME_LOWER "alan lovelace"
#define EMAIL "user1@example.org"

static bool shows(struct pxlab *l, const char *what)
{
	struct span rx = buf_span(&l->rx);

	return rx.n > 0 && memmem(rx.p, rx.n, what, strlen(what)) != NULL;
}

static bool leaked(struct pxlab *l)
{
	return shows(l, NAME) || shows(l, NAME_LOWER) || shows(l, EMAIL) || shows(l, "ALAN");
}

#define expect_hidden(l, ...) cr_expect(not(leaked(l)), __VA_ARGS__)

static void put_sync(struct buf *b)
{
	pg_put_empty(b, 'S');
}

static void put_unnamed(struct buf *b, const char *sql)
{
	lab_put_parse(b, "", sql);
	lab_put_plain_bind(b, "", "");
	pg_put_execute(b, span_str(""), 0);
}

/* ---- protocols and formats ---- */

static const char three[] = "SELECT id, full_name, email FROM customers WHERE id = 1";

Test(mask, simple_query)
{
	struct pxlab l;

	lab_up(&l);
	cr_expect(eq(str, STR(lab_query(&l, three)), "TDCZ"));
	cr_expect(eq(str, STR(lab_value(&l, 0, 0)), "1"));
	cr_expect(eq(str, STR(lab_value(&l, 0, 2)), "u***@e***.org"));
	expect_hidden(&l, "simple");
	cr_expect(lab_noticed(&l, "2 of 3 columns masked"));
	(void)lab_query(&l, "SELECT 1"); /* results are committed with the next statement */
	cr_expect(eq(sz, lab_recorded(&l, REC_RESULT, "masked", "full_name email"), 1));
	lab_close(&l);
}

static void run_formats(struct pxlab *l, const char *describe, uint16_t n, const uint16_t *formats)
{
	struct lab_bind b = {.portal = "", .stmt = "", .n_results = n, .results = formats};

	lab_put_parse(&l->tx, "", three);
	if (strchr(describe, 'S') != NULL)
		pg_put_describe(&l->tx, 'S', span_str(""));
	lab_put_bind(&l->tx, &b);
	if (strchr(describe, 'P') != NULL)
		pg_put_describe(&l->tx, 'P', span_str(""));
	pg_put_execute(&l->tx, span_str(""), 0);
	put_sync(&l->tx);
	(void)lab_run(l, 1);
	cr_expect(eq(sz, lab_count(l, 'D'), 1), "describe %s, %u formats", describe, n);
	expect_hidden(l, "describe %s, %u formats", describe, n);
	cr_expect(eq(str, STR(lab_value(l, 0, 2)), "u***@e***.org"), "describe %s, %u formats", describe, n);
}

Test(mask, extended_with_any_describe_and_format)
{
	static const char *const describes[] = {"", "S", "P", "SP"};
	static const uint16_t text[] = {0, 0, 0}, binary[] = {1, 1, 1}, mixed[] = {1, 0, 1};
	struct pxlab l;

	lab_up(&l);
	for (size_t i = 0; i < 4; i++) {
		run_formats(&l, describes[i], 0, NULL);
		run_formats(&l, describes[i], 1, text);
		run_formats(&l, describes[i], 1, binary);
		run_formats(&l, describes[i], 3, mixed);
	}
	cr_expect(gt(sz, lab_recorded(&l, REC_OWN, "sql", "Describe"), 0), "own Describe is recorded");
	lab_close(&l);
}

Test(mask, a_date_in_binary)
{
	static const uint16_t binary[] = {1};
	struct lab_bind b = {.portal = "", .stmt = "", .n_results = 1, .results = binary};
	struct pg_msg m;
	struct pg_row r;
	struct pg_value v;
	struct pxlab l;

	lab_up(&l);
	lab_put_parse(&l.tx, "", "SELECT birth_date FROM customers WHERE id = 1");
	lab_put_bind(&l.tx, &b);
	pg_put_execute(&l.tx, span_str(""), 0);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_assert(lab_msg(&l, 'D', 0, &m) && pg_row_begin(m.body, &r) == 0 && pg_row_next(&r, &v));
	/* 1960-01-01, not the 1960-02-07 that is there */
	cr_expect(v.data.n == 4 && memcmp(v.data.p, "\xff\xff\xc6\xee", 4) == 0);
	lab_close(&l);
}

Test(mask, portals_with_row_limits)
{
	struct pxlab l;

	lab_up(&l);
	lab_put_parse(&l.tx, "", "SELECT full_name FROM customers ORDER BY id LIMIT 7");
	lab_put_plain_bind(&l.tx, "", "");
	for (int i = 0; i < 4; i++)
		pg_put_execute(&l.tx, span_str(""), 2);
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12DDsDDsDDsDCZ"));
	expect_hidden(&l, "row limit");
	lab_close(&l);
}

Test(mask, each_result_of_a_message_by_itself)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "SELECT status FROM orders WHERE id = 1; SELECT lower(full_name) AS status FROM customers WHERE id = 1; "
			    "SELECT 'plain'::text AS status; SELECT email FROM customers WHERE id = 1");
	cr_expect(eq(sz, lab_count(&l, 'D'), 4));
	expect_hidden(&l, "multi");
	cr_expect(eq(str, STR(lab_value(&l, 0, 0)), "paid"));
	cr_expect(eq(str, STR(lab_value(&l, 2, 0)), "plain"));
	lab_close(&l);
}

Test(mask, cursors)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "DECLARE c CURSOR FOR SELECT full_name, upper(full_name), id FROM customers ORDER BY id");
	cr_expect(eq(str, STR(lab_query(&l, "FETCH 1 FROM c")), "TDCZ"));
	expect_hidden(&l, "FETCH");
	put_unnamed(&l.tx, "FETCH 1 FROM c");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(eq(sz, lab_count(&l, 'D'), 1));
	lab_close(&l);
}

Test(mask, views_and_what_is_in_them)
{
	struct pxlab l;

	lab_init(&l);
	(void)direct_sql(l.db, "CREATE VIEW public.people AS SELECT id, lower(full_name) AS x, country AS y FROM customers; "
			       "CREATE VIEW public.people2 AS SELECT x || '!' AS z, y FROM people; "
			       "GRANT SELECT ON people, people2 TO app_rw");
	cr_assert(lab_start(&l));
	(void)lab_query(&l, "SELECT id, x, y FROM people WHERE id = 1");
	cr_expect(eq(str, STR(lab_value(&l, 0, 2)), "FR"));
	expect_hidden(&l, "view");
	(void)lab_query(&l, "SELECT upper(x) FROM people");
	expect_hidden(&l, "expression over a view");
	(void)lab_query(&l, "SELECT z FROM people2");
	expect_hidden(&l, "view of a view");
	(void)lab_query(&l, "SELECT * FROM big_orders WHERE id = 1999");
	expect_hidden(&l, "view of the lab");
	(void)lab_query(&l, "SELECT p FROM people p WHERE id = 1");
	expect_hidden(&l, "whole row");
	lab_close(&l);
}

Test(mask, what_the_catalogue_does_not_know)
{
	struct pxlab l;

	lab_up(&l);
	(void)direct_sql(l.db, "CREATE TABLE public.later AS SELECT full_name AS status FROM customers; "
			       "GRANT SELECT ON later TO app_rw; ALTER TABLE orders ADD COLUMN more text DEFAULT '" NAME "'");
	(void)lab_query(&l, "SELECT status FROM later");
	cr_expect(gt(sz, lab_count(&l, 'D'), 0));
	expect_hidden(&l, "a relation made since");
	(void)lab_query(&l, "SELECT lower(status) FROM later");
	expect_hidden(&l, "an expression over a relation made since");
	(void)lab_query(&l, "SELECT more FROM orders WHERE id = 1");
	cr_expect(eq(sz, lab_count(&l, 'D'), 1));
	expect_hidden(&l, "a column made since");
	lab_close(&l);
}

/* ---- names that change their meaning ---- */

static const char clean_status[] = "SELECT lower(status) AS x FROM orders LIMIT 1";
static const char make_temp[] = "CREATE TEMP TABLE orders AS SELECT full_name AS status FROM customers WHERE id = 1";

static void temp_up(struct pxlab *l)
{
	lab_init(l);
	l->decision = "approved"; /* copying masked data is held */
	cr_assert(lab_start(l));
	(void)lab_query(l, clean_status);
	cr_assert(eq(str, STR(lab_value(l, 0, 0)), "paid"));
}

Test(stale, within_one_message)
{
	char sql[300];
	struct pxlab l;

	temp_up(&l);
	snprintf(sql, sizeof(sql), "%s; %s", make_temp, clean_status);
	(void)lab_query(&l, sql);
	cr_expect(eq(sz, lab_count(&l, 'D'), 1));
	expect_hidden(&l, "one message");
	(void)lab_query(&l, clean_status);
	expect_hidden(&l, "the next message");
	lab_close(&l);
}

Test(stale, within_a_pipeline)
{
	struct pxlab l;

	temp_up(&l);
	put_unnamed(&l.tx, make_temp);
	put_unnamed(&l.tx, clean_status);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(eq(sz, lab_count(&l, 'D'), 1));
	expect_hidden(&l, "pipeline");
	lab_close(&l);
}

Test(stale, a_statement_prepared_before)
{
	struct pxlab l;

	temp_up(&l);
	lab_put_parse(&l.tx, "s", clean_status);
	lab_put_parse(&l.tx, "t", "SELECT status AS x FROM orders LIMIT 1");
	lab_put_plain_bind(&l.tx, "", "s");
	pg_put_execute(&l.tx, span_str(""), 0);
	lab_put_plain_bind(&l.tx, "", "t");
	pg_put_execute(&l.tx, span_str(""), 0);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_assert(eq(str, STR(lab_value(&l, 0, 0)), "paid"));
	cr_assert(eq(str, STR(lab_value(&l, 1, 0)), "paid"));
	put_unnamed(&l.tx, make_temp);
	lab_put_plain_bind(&l.tx, "", "s");
	pg_put_execute(&l.tx, span_str(""), 0);
	lab_put_plain_bind(&l.tx, "", "t");
	pg_put_execute(&l.tx, span_str(""), 0);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(eq(sz, lab_count(&l, 'D'), 2));
	expect_hidden(&l, "prepared before");
	lab_close(&l);
}

/* A portal keeps the meaning that the names had when it was bound. */
Test(stale, a_portal_bound_before)
{
	struct pxlab l;

	temp_up(&l);
	(void)lab_query(&l, make_temp);
	(void)lab_query(&l, "BEGIN");
	lab_put_parse(&l.tx, "s", clean_status);
	lab_put_plain_bind(&l.tx, "p", "s");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	(void)lab_query(&l, "SET LOCAL search_path TO public, pg_temp");
	(void)lab_query(&l, clean_status);
	cr_assert(eq(str, STR(lab_value(&l, 0, 0)), "paid"));
	pg_put_execute(&l.tx, span_str("p"), 0);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	cr_expect(eq(sz, lab_count(&l, 'D'), 1));
	expect_hidden(&l, "bound before");
	lab_close(&l);
}

static void path_inside(struct pxlab *l, const char *set)
{
	temp_up(l);
	(void)lab_query(l, make_temp);
	(void)lab_query(l, "BEGIN");
	(void)lab_query(l, "SAVEPOINT s");
	(void)lab_query(l, set);
	(void)lab_query(l, clean_status);
	cr_assert(eq(str, STR(lab_value(l, 0, 0)), "paid"));
}

/* The end of a transaction or subtransaction takes SET back. */
Test(stale, rollback_to_a_savepoint)
{
	struct pxlab l;

	path_inside(&l, "SET LOCAL search_path TO public, pg_temp");
	(void)lab_query(&l, "ROLLBACK TO s");
	(void)lab_query(&l, clean_status);
	cr_expect(eq(sz, lab_count(&l, 'D'), 1));
	expect_hidden(&l, "ROLLBACK TO");
	lab_close(&l);
}

Test(stale, commit_in_the_same_message)
{
	char sql[300];
	struct pxlab l;

	path_inside(&l, "SET LOCAL search_path TO public, pg_temp");
	snprintf(sql, sizeof(sql), "COMMIT; %s", clean_status);
	(void)lab_query(&l, sql);
	cr_expect(eq(sz, lab_count(&l, 'D'), 1));
	expect_hidden(&l, "COMMIT");
	lab_close(&l);
}

Test(stale, set_config)
{
	struct pxlab l;

	path_inside(&l, "SELECT set_config('search_path', 'public, pg_temp', true)");
	(void)lab_query(&l, "ROLLBACK");
	(void)lab_query(&l, clean_status);
	cr_expect(eq(sz, lab_count(&l, 'D'), 1));
	expect_hidden(&l, "set_config");
	lab_close(&l);
}

/* Numbers give SET its meaning: texts of one shape are not one. */
Test(stale, numbers_of_a_set)
{
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "SET standard_conforming_strings = 1");
	cr_expect(eq(str, STR(lab_query(&l, "SET standard_conforming_strings = 0")), "EZ"));
	cr_expect(eq(sz, lab_sent(&l, 'Q', "strings = 0"), 0));
	lab_close(&l);
}

/* Another session renames and re-creates what a prepared statement reads. */
Test(stale, ddl_of_others)
{
	struct pxlab l;

	lab_up(&l);
	lab_put_parse(&l.tx, "s", "SELECT full_name AS x FROM customers WHERE id = 1");
	lab_put_parse(&l.tx, "o", "SELECT status AS x FROM orders WHERE id = 1");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	for (int i = 0; i < 3; i++) {
		lab_put_plain_bind(&l.tx, "", "s");
		pg_put_execute(&l.tx, span_str(""), 0);
		lab_put_plain_bind(&l.tx, "", "o");
		pg_put_execute(&l.tx, span_str(""), 0);
		put_sync(&l.tx);
		(void)lab_run(&l, 1);
		cr_expect(ge(sz, lab_count(&l, 'D') + lab_count(&l, 'E'), i == 1 ? 1 : 2));
		expect_hidden(&l, "round %d", i);
		(void)direct_sql(l.db, i == 2 ? "" : i == 0 ? "ALTER TABLE orders RENAME TO orders_old; CREATE TABLE orders AS "
						"SELECT id, full_name AS status FROM customers; GRANT SELECT ON orders TO app_rw; "
						"ALTER TABLE customers RENAME country TO land; "
						"ALTER TABLE customers RENAME full_name TO country"
					      : "ALTER TABLE customers RENAME country TO full_name");
		lab_spin(&l, 1100); /* the description is asked for again after a second */
	}
	lab_close(&l);
}

/* ---- COPY ---- */

static void expect_copy_refused(struct pxlab *l, const char *sql)
{
	cr_expect(eq(str, STR(lab_query(l, sql)), "EZ"), "%s", sql);
	cr_expect(eq(str, STR(lab_error(l, 0, 'C')), "42501"), "%s", sql);
	expect_hidden(l, "%s", sql);
}

Test(mask, copy_out)
{
	char sql[400];
	struct pxlab l;

	lab_init(&l);
	l.decision = "approved";
	cr_assert(lab_start(&l));
	expect_copy_refused(&l, "COPY customers TO STDOUT");
	expect_copy_refused(&l, "COPY (SELECT lower(full_name) FROM customers) TO STDOUT WITH (FORMAT csv)");
	expect_copy_refused(&l, "COPY customers (full_name) TO STDOUT WITH BINARY");
	expect_copy_refused(&l, "SELECT 1; COPY customers TO STDOUT");
	lab_put_parse(&l.tx, "", "COPY customers TO STDOUT"); /* what it copies is known at Execute */
	lab_put_plain_bind(&l.tx, "", "");
	pg_put_execute(&l.tx, span_str(""), 0);
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12EZ"));
	/* an approval of something else in the message is none of unmasking */
	expect_copy_refused(&l, "DELETE FROM notes; COPY customers TO STDOUT");
	cr_expect(eq(sz, lab_n_asked(&l, IPC_HOLD_NEW), 0));
	/* names that the message itself changes */
	snprintf(sql, sizeof(sql), "%s; COPY orders (status) TO STDOUT", make_temp);
	expect_copy_refused(&l, sql);
	cr_expect(eq(str, STR(lab_query(&l, "COPY (SELECT status FROM orders ORDER BY id LIMIT 2) TO STDOUT")), "HddcCZ"));
	lab_close(&l);
}

/* A statement that was clean when it was parsed. */
Test(mask, copy_out_is_judged_at_each_use)
{
	struct pxlab l;

	lab_init(&l);
	l.view.mask = MASK_NONE;
	cr_assert(lab_start(&l));
	lab_put_parse(&l.tx, "c", "COPY (SELECT full_name FROM customers WHERE id = 1) TO STDOUT");
	lab_put_plain_bind(&l.tx, "", "c");
	pg_put_execute(&l.tx, span_str(""), 0);
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "12HdcCZ"));
	l.view.mask = MASK_FULL;
	l.view.epoch++;
	lab_push_view(&l);
	(void)lab_query(&l, "SELECT 1");
	lab_put_plain_bind(&l.tx, "", "c");
	pg_put_execute(&l.tx, span_str(""), 0);
	put_sync(&l.tx);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "2EZ"));
	expect_hidden(&l, "COPY parsed before");
	lab_close(&l);
}

/* ---- side channels ---- */

static const char bad_cast[] = "SELECT full_name::integer FROM customers WHERE id = 1";

static void expect_scrubbed(struct pxlab *l, const char *sql)
{
	(void)lab_query(l, sql);
	cr_expect(eq(sz, lab_count(l, 'E'), 1), "%s", sql);
	expect_hidden(l, "%s", sql);
	cr_expect(eq(sz, lab_rec_holds(l, NAME), 0), "%s", sql);
}

Test(mask, error_texts)
{
	char sql[200];
	struct pxlab l;

	lab_up(&l);
	expect_scrubbed(&l, bad_cast);
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "22P02"));
	(void)lab_query(&l, "BEGIN");
	snprintf(sql, sizeof(sql), "DECLARE c CURSOR FOR %s", bad_cast);
	(void)lab_query(&l, sql);
	expect_scrubbed(&l, "FETCH 1 FROM c");
	(void)lab_query(&l, "ROLLBACK");
	snprintf(sql, sizeof(sql), "PREPARE p AS %s", bad_cast);
	(void)lab_query(&l, sql);
	expect_scrubbed(&l, "EXECUTE p");
	put_unnamed(&l.tx, bad_cast);
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	expect_hidden(&l, "extended");
	put_unnamed(&l.tx, "EXECUTE p");
	put_sync(&l.tx);
	(void)lab_run(&l, 1);
	expect_hidden(&l, "extended EXECUTE");
	/* what the user wrote may be shown */
	(void)lab_query(&l, "SELECT nope FROM customers");
	cr_expect(eq(str, STR(lab_error(&l, 0, 'M')), "column \"nope\" does not exist"));
	(void)lab_query(&l, "SELECT 1/0");
	cr_expect(eq(str, STR(lab_error(&l, 0, 'M')), "division by zero"));
	lab_close(&l);
}

Test(mask, error_of_a_deferred_constraint)
{
	struct pxlab l;

	lab_init(&l);
	(void)direct_sql(l.db, "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'it is " NAME
			       "'; END$$; CREATE CONSTRAINT TRIGGER t AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED "
			       "FOR EACH ROW EXECUTE FUNCTION tell()");
	cr_assert(lab_start(&l));
	(void)lab_query(&l, "BEGIN");
	(void)lab_query(&l, "INSERT INTO notes (body) VALUES ('x')");
	expect_scrubbed(&l, "COMMIT");
	cr_expect(eq(str, STR(lab_query(&l, "COMMIT")), "CZ"));
	cr_expect(lab_noticed(&l, "there is no transaction in progress"));
	lab_close(&l);
}

Test(mask, notices_of_code)
{
	struct pxlab l;

	lab_init(&l);
	l.decision = "approved";
	cr_assert(lab_start(&l));
	(void)lab_query(&l, "DO $$BEGIN RAISE NOTICE 'it is %', (SELECT full_name FROM customers WHERE id = 1); END$$");
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "CZ"));
	expect_hidden(&l, "RAISE NOTICE");
	cr_expect(lab_noticed(&l, "withheld"));
	lab_close(&l);
}

Test(mask, notifications_lose_their_payload)
{
	struct pg_notification n;
	struct pg_msg m;
	struct pxlab l;

	lab_up(&l);
	(void)lab_query(&l, "LISTEN news");
	(void)direct_sql(l.db, "SELECT pg_notify('news', full_name) FROM customers WHERE id = 1");
	cr_assert(lab_got(&l, 'A', 1));
	cr_assert(lab_msg(&l, 'A', 0, &m) && pg_read_notification(m.body, &n) == 0);
	cr_expect(span_is(n.channel, "news") && n.payload.n == 0);
	expect_hidden(&l, "NOTIFY");
	lab_close(&l);
}

/* ---- settings that are reported ---- */

static bool free_setting_passed(struct pxlab *l)
{
	return shows(l, "Europe/Berlin");
}

Test(mask, pinned_settings)
{
	struct buf b;
	struct pxlab l;

	lab_init(&l);
	l.tap = true;
	cr_assert(lab_start(&l));
	cr_expect(eq(str, STR(lab_query(&l, "SET client_encoding TO 'LATIN1'")), "EZ"));
	cr_expect(eq(str, STR(lab_query(&l, "SET client_encoding TO 'UTF8'")), "CZ"));
	(void)lab_query(&l, "SET timezone TO 'Europe/Berlin'");
	cr_expect(lab_until(&l, free_setting_passed, 5000));
	/* however it came about: the server says that the pinned one moved */
	buf_init(&b, 4096);
	pg_put_parameter_status(&b, "client_encoding", "LATIN1");
	pxtap_inject(&l, buf_span(&b));
	buf_clear(&b);
	cr_expect(lab_ended(&l));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "57P01"));
	cr_expect(not(shows(&l, "LATIN1")));
	lab_close(&l);
}

/* ---- other modes ---- */

Test(mask, partial_and_none)
{
	struct pxlab l;

	lab_init(&l);
	l.view.mask = MASK_PARTIAL;
	cr_assert(lab_start(&l));
	(void)lab_query(&l, "SELECT c.full_name, p.card_no FROM customers c, payments p WHERE c.id = 1 AND p.id = 1");
	cr_expect(eq(str, STR(lab_value(&l, 0, 0)), NAME));
	cr_expect(not(shows(&l, "4111111111111111")));
	l.view.mask = MASK_NONE;
	l.view.epoch++;
	lab_push_view(&l);
	(void)lab_query(&l, "SELECT c.full_name, p.card_no FROM customers c, payments p WHERE c.id = 1 AND p.id = 1");
	cr_expect(eq(str, STR(lab_value(&l, 0, 1)), "4111111111111111"));
	lab_close(&l);
}

/* A value that gives itself away in a column thought clean. */
Test(mask, the_backstop)
{
	struct pxlab l;

	lab_init(&l);
	(void)direct_sql(l.db, "UPDATE orders SET sku = '" EMAIL "' WHERE id = 1; UPDATE orders SET sku = '4111 1111 1111 1111' WHERE id = 2");
	cr_assert(lab_start(&l));
	(void)lab_query(&l, "SELECT sku FROM orders WHERE id < 3");
	cr_expect(eq(sz, lab_count(&l, 'D'), 2));
	expect_hidden(&l, "e-mail in a clean column");
	cr_expect(not(shows(&l, "4111 1111 1111 1111")));
	lab_close(&l);
}

Test(mask, rows_over_the_limit_end_the_session)
{
	struct pxlab l;

	lab_init(&l);
	l.max_rows = 10;
	cr_assert(lab_start(&l));
	cr_expect(eq(str, STR(lab_query(&l, "SELECT id FROM orders LIMIT 10")), "TDDDDDDDDDDCZ"));
	(void)lab_query(&l, "SELECT id FROM orders LIMIT 11");
	cr_expect(lab_ended(&l));
	cr_expect(eq(sz, lab_count(&l, 'D'), 10));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "54000"));
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
