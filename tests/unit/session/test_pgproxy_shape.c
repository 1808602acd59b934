/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache of texts: a text that shares what is known of another one because both differ in compared integers only
 * must not be able to tell. Facts, verdict and lineage of the shared entry are compared with those of the exact text.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))

static uint64_t seed = 11;

static unsigned dice(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)((seed >> 33) % n);
}

/* '%' becomes an integer. */
static const char *const templates[] = {
    "SELECT id FROM orders WHERE id = %",
    "SELECT id FROM orders WHERE id=% AND quantity>%",
    "SELECT full_name FROM customers WHERE id = % OR id >= %",
    "SELECT lower(full_name) FROM customers WHERE id <> %",
    "SELECT status FROM orders WHERE % = %",
    "SELECT status FROM orders WHERE id = % OR % = %",
    "DELETE FROM orders WHERE id = %",
    "DELETE FROM orders WHERE id = % OR % = %",
    "DELETE FROM orders WHERE % = %",
    "DELETE FROM orders WHERE id = % OR % < %",
    "UPDATE orders SET quantity = % WHERE id = %",
    "UPDATE customers SET loyalty = % WHERE id = %",
    "UPDATE orders SET quantity = %, customer_id = % WHERE id > %",
    "SELECT id FROM orders WHERE id = % LIMIT %",
    "SELECT id FROM orders WHERE id = % ORDER BY %",
    "SELECT id FROM orders WHERE id = (SELECT customer_id FROM orders WHERE id = %)",
    "SELECT o.id, c.email FROM orders o, customers c WHERE c.id = o.customer_id AND o.id = %",
    "SELECT CASE WHEN % = % THEN email ELSE phone END FROM customers WHERE id = %",
    "SELECT CASE WHEN % = % THEN status ELSE sku END FROM orders WHERE id = %",
    "SELECT id = %, quantity > % FROM orders",
    "SELECT id FROM orders WHERE id = % UNION SELECT id FROM customers WHERE id = %",
    "SELECT make_interval(days => %)",
    "SELECT pg_sleep(secs => %)",
    "SELECT pg_terminate_backend(pid => %)",
    "SELECT count(*) FROM customers WHERE id = %; SELECT % = %",
    "SET work_mem = %",
    "SET statement_timeout = %",
    "SET row_security = %",
    "SET standard_conforming_strings = %",
    "SET backslash_quote = %",
    "SET session_replication_role = %",
    "SET default_transaction_read_only = %",
    "PREPARE p AS SELECT id FROM orders WHERE id = %",
    "EXPLAIN SELECT id FROM orders WHERE id = %",
    "INSERT INTO notes (id) SELECT id FROM orders WHERE id = %",
    "CREATE TEMP TABLE t AS SELECT id FROM orders WHERE id = %",
    "SELECT id INTO TEMP t FROM orders WHERE id = %",
    "DECLARE c CURSOR FOR SELECT id FROM orders WHERE id = %",
    "COPY (SELECT id FROM orders WHERE id = %) TO STDOUT",
    "COPY (SELECT email FROM customers WHERE id = %) TO STDOUT",
    "SELECT id FROM nowhere WHERE id = %",
    "SELECT id FROM orders WHERE id =%.5",
    "SELECT id FROM orders WHERE id = %e%",
    "SELECT id FROM orders WHERE id = % %",
    "SELECT id FROM orders WHERE id = %x",
    "VALUES (% = %)",
    "SELECT id FROM orders WHERE id =\n% ;",
};

static const char *number(void)
{
	static const char *const odd[] = {"0", "1", "00", "007", "999999999", "2147483647", "2147483648", "99999999999999999999", "-1",
	    "$1", "1.5", "0x1f"};
	char t[16];

	if (dice(4) == 0)
		return odd[dice(sizeof(odd) / sizeof(odd[0]))];
	snprintf(t, sizeof(t), "%u", dice(1000000000));
	return lab_ring(span_str(t));
}

static const char *fill(const char *template)
{
	char t[600];
	size_t n = 0;

	for (; *template != '\0'; template++) {
		if (*template == '%')
			n += (size_t)snprintf(t + n, sizeof(t) - n, "%s", number());
		else
			t[n++] = *template;
	}
	t[n] = '\0';
	return lab_ring(span_str(t));
}

static bool same_facts(const struct sql_facts *a, const struct sql_facts *b)
{
	if (a->cls != b->cls || a->flags != b->flags || a->n_stmts != b->n_stmts || a->n_rels != b->n_rels || a->n_funcs != b->n_funcs)
		return false;
	for (size_t i = 0; i < a->n_stmts; i++)
		if (a->stmts[i].cls != b->stmts[i].cls || a->stmts[i].classes != b->stmts[i].classes ||
		    a->stmts[i].flags != b->stmts[i].flags || strcmp(a->stmts[i].tag, b->stmts[i].tag) != 0 ||
		    strcmp(a->stmts[i].name, b->stmts[i].name) != 0)
			return false;
	for (size_t i = 0; i < a->n_rels; i++)
		if (strcmp(a->rels[i].name, b->rels[i].name) != 0 || a->rels[i].written != b->rels[i].written)
			return false;
	for (size_t i = 0; i < a->n_funcs; i++)
		if (strcmp(a->funcs[i], b->funcs[i]) != 0)
			return false;
	return true;
}

static bool same_judgement(const struct px_text *a, const struct px_text *b)
{
	return a->j.verdict == b->j.verdict && a->j.cls == b->j.cls && strcmp(a->j.rule, b->j.rule) == 0 &&
	    strcmp(a->j.reason, b->j.reason) == 0 && a->touches == b->touches;
}

static bool same_lineage(struct pgproxy *x, struct px_text *a, struct px_text *b)
{
	for (size_t i = 0; i < a->facts.n_stmts; i++) {
		const struct lineage_stmt *p = px_lineage_of(x, a, i), *q = px_lineage_of(x, b, i);

		if ((p == NULL) != (q == NULL))
			return false;
		if (p == NULL)
			continue;
		if (p->known != q->known || p->n_cols != q->n_cols)
			return false;
		for (size_t c = 0; c < p->n_cols; c++)
			if (p->cols[c].what != q->cols[c].what || p->cols[c].kind != q->cols[c].kind ||
			    p->cols[c].derived != q->cols[c].derived)
				return false;
	}
	return true;
}

static size_t n_shared;

static void compare(struct pgproxy *x, const char *sql)
{
	struct px_text *shared = px_text_get(x, span_str(sql), true), *exact = px_text_get(x, span_str(sql), false);

	n_shared += shared->shaped;
	cr_expect(not(exact->shaped));
	cr_expect(span_eq(span_of(exact->sql, exact->n_sql), span_str(sql)), "%s", sql);
	cr_expect(same_facts(&shared->facts, &exact->facts), "facts: %s <> %s", (char *)shared->sql, sql);
	cr_expect(same_judgement(shared, exact), "verdict: %s <> %s", (char *)shared->sql, sql);
	cr_expect(same_lineage(x, shared, exact), "lineage: %s <> %s", (char *)shared->sql, sql);
	px_text_unref(shared);
	px_text_unref(exact);
}

static void run(int mask, enum verdict bulk, size_t n)
{
	struct pxlab l;

	lab_init(&l);
	l.view.mask = mask;
	l.view.line[SQL_BULK].verdict = bulk;
	cr_assert(lab_start(&l));
	n_shared = 0;
	for (size_t i = 0; i < n; i++)
		compare(l.x, fill(templates[dice(sizeof(templates) / sizeof(templates[0]))]));
	cr_expect(gt(sz, n_shared, n / 4), "there is something to compare");
	lab_close(&l);
}

Test(shape, sharing_changes_nothing)
{
	run(MASK_FULL, VERDICT_HOLD, 6000);
	run(MASK_NONE, VERDICT_DENY, 3000);
}

/* Two texts meet in one entry only when they are the same but for such integers. */
static const char *strip(const char *sql)
{
	static char t[2][600];
	static unsigned at;
	char *o = t[at++ % 2];
	size_t n = 0;

	for (; *sql != '\0'; sql++) {
		if (*sql >= '0' && *sql <= '9' && (n == 0 || o[n - 1] == '#'))
			continue;
		o[n++] = *sql;
		if (strchr("=<>", *sql) != NULL) {
			while (sql[1] == ' ' || sql[1] == '\n')
				o[n++] = *++sql;
			if (sql[1] >= '0' && sql[1] <= '9')
				o[n++] = '#';
		}
	}
	o[n] = '\0';
	return o;
}

Test(shape, only_integers_differ)
{
	struct pxlab l;

	lab_up(&l);
	for (size_t i = 0; i < 4000; i++) {
		const char *sql = fill(templates[dice(sizeof(templates) / sizeof(templates[0]))]);
		struct px_text *t = px_text_get(l.x, span_str(sql), true);

		if (t->shaped)
			cr_expect(eq(str, STR(strip(sql)), STR(strip((char *)t->sql))));
		else
			cr_expect(eq(str, (char *)t->sql, STR(sql)));
		px_text_unref(t);
	}
	lab_close(&l);
}

/* A text that spells out a shape is not one. */
Test(shape, a_hash_matches_nothing)
{
	static const char *const pairs[][2] = {{"SELECT id FROM orders WHERE id = 5", "SELECT id FROM orders WHERE id = #"},
	    {"SELECT 1 WHERE 1 = 1", "SELECT 1 WHERE 1 = #"}, {"SELECT id FROM orders WHERE id = 5", "SELECT id FROM orders WHERE id = ##"},
	    {"SELECT id FROM orders WHERE id = 5 AND quantity > 1", "SELECT id FROM orders WHERE id = # AND quantity > 1"}};
	struct pxlab l;

	lab_up(&l);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct px_text *a = px_text_get(l.x, span_str(pairs[i][0]), true), *b = px_text_get(l.x, span_str(pairs[i][1]), true);

		cr_expect(a->shaped && !b->shaped && a != b);
		cr_expect(eq(int, (int)a->facts.cls, SQL_READ));
		cr_expect(ne(int, (int)b->j.verdict, VERDICT_ALLOW), "%s", pairs[i][1]);
		px_text_unref(a);
		px_text_unref(b);
		(void)lab_query(&l, pairs[i][0]);
		cr_expect(eq(str, STR(lab_query(&l, pairs[i][1])), "EZ"));
	}
	cr_expect(eq(sz, lab_sent(&l, 'Q', "#"), 0));
	lab_close(&l);
}

/* What is recorded and sent is the text itself, never the one it shares with. */
Test(shape, each_text_is_recorded_itself)
{
	char sql[100];
	struct pxlab l;

	lab_up(&l);
	for (int i = 0; i < 20; i++) {
		snprintf(sql, sizeof(sql), "SELECT id FROM orders WHERE id = %d", i + 1);
		(void)lab_query(&l, sql);
		snprintf(sql, sizeof(sql), "%d", i + 1);
		cr_expect(eq(str, STR(lab_value(&l, 0, 0)), sql));
		snprintf(sql, sizeof(sql), "SELECT id FROM orders WHERE id = %d", i + 1);
		cr_expect(eq(sz, lab_recorded(&l, REC_STATEMENT, "sql", sql), 1));
	}
	lab_close(&l);
}

/* The cache is bounded, and forgets without harm. */
Test(shape, a_bounded_cache)
{
	char sql[100];
	struct pxlab l;

	lab_up(&l);
	for (int i = 0; i < 3000; i++) {
		struct px_text *t;

		snprintf(sql, sizeof(sql), "SELECT %d AS c%d", i, i);
		t = px_text_get(l.x, span_str(sql), true);
		cr_expect(eq(str, (char *)t->sql, sql));
		px_text_unref(t);
	}
	cr_expect(lt(sz, l.x->n_cache, 600));
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
