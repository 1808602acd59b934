/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of output columns against a real server: expressions made by putting a few into each other, each sent as a
 * select list; what the server calls the column is what lineage must call it, or lineage must not know. Connection from
 * the PG* environment; see pg_labels.sh. Prints TAP.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/lineage_int.h"
#include "sql/pgtree.h"

#define DEPTH 3

static const char *const leaves[] = {"a", "t.a", "'x'", "1", "1.5", "NULL", "true", "date '2020-01-01'", "interval '1 day'", "a || 'x'",
    "-n", "lower(a)", "pg_catalog.lower(a)", "count(*) OVER ()", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP(2)",
    "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_USER", "SESSION_USER", "USER", "CURRENT_ROLE", "CURRENT_CATALOG", "CURRENT_SCHEMA",
    "a IS NULL", "n BETWEEN 1 AND 2", "a LIKE 'x'", "a IN ('x')", "a = ANY (ARRAY['x'])", "NOT (n = 1)", "n = 1 AND n = 2",
    "nullif(a, 'x')", "coalesce(a, 'x')", "greatest(a, 'x')", "least(a, 'x')", "ARRAY[a]", "ROW(a, n)", "(a, n)", "(ARRAY[a])[1]",
    "(ARRAY[a])[1:2]", "(t).a", "(t.*)::text", "t", "extract(year from date '2020-01-01')", "substring(a from 1 for 1)",
    "position('x' in a)", "overlay(a placing 'x' from 1)", "trim(a)", "trim(leading from a)", "a COLLATE \"C\"",
    "now() AT TIME ZONE 'UTC'", "xmlelement(name x)", "xmlforest(a as y)", "xmlconcat(NULL)", "xmlpi(name x)",
    "xmlroot('<a/>', version no value)", "xmlparse(document '<a/>')", "xmlserialize(content '<a/>' as text)", "'<a/>'::xml IS DOCUMENT",
    "EXISTS (SELECT 1)", "ARRAY(SELECT 1)", "(SELECT 1)", "(SELECT a)", "(SELECT 1 AS z)", "(SELECT 1::int8)", "(SELECT * FROM (SELECT 1 q) w)",
    "(SELECT w.* FROM (SELECT 1 q) w)", "(VALUES (1))", "(SELECT 1 z UNION SELECT 2 y)", "(SELECT CASE WHEN true THEN 1 END)",
    "(WITH w AS (SELECT 1 z) SELECT z FROM w)", "1 IN (SELECT 1)", "1 = ALL (SELECT 1)", "(1, 2) = (SELECT 1, 2)", "a IS DISTINCT FROM 'x'",
    "pg_collation_for(a)", "COLLATION FOR (a)", "CASE WHEN true THEN a END", "CASE a WHEN 'x' THEN 1 ELSE n END", "a ~ 'x'",
    "ARRAY[1,2] @> ARRAY[1]", "current_setting('x.y', true)", "cast(a as varchar(3))", "n::numeric(5,2)", "n::float", "n::real",
    "'x'::char", "'1'::\"char\"", "n::bit(3)", "ARRAY[n]::int8[]", "normalize(a)", "a IS NORMALIZED", "grouping(a)", "B'1'", "X'1F'", "E'x'"};

static const char *const wraps[] = {"(%s)::text", "cast(%s as varchar)", "(%s) COLLATE \"C\"", "CASE WHEN true THEN NULL ELSE %s END",
    "CASE WHEN true THEN %s END", "(SELECT %s)", "(SELECT (%s)::text)", "coalesce(%s, NULL)", "(ARRAY[%s])[1]", "ARRAY(SELECT %s)", "(%s)",
    "(SELECT %s AS named)", "(SELECT %s UNION ALL SELECT NULL)", "nullif(%s, NULL)", "NOT (%s)", "(SELECT s.* FROM (SELECT %s) s)"};

struct tally {
	unsigned same, unknown, wrong, refused;
};

/* What lineage calls the column of SELECT expr ...; false: the text is no statement. */
static bool label_of(const char *sql, char *out, size_t cap)
{
	struct pgtree *t = NULL;
	struct why w;
	const struct pgnode *target;
	const char *name;

	if (pgtree_parse(span_str(sql), &t, &w) != 0)
		return false;
	target = pgnode_first(pgnode_field(pgtree_stmt(t, 0, NULL, NULL), "targetList"));
	name = lin_output_name(target);
	(void)snprintf(out, cap, "%s", name != NULL ? name : "\n");
	pgtree_free(t);
	return target != NULL;
}

static void try_one(PGconn *db, const char *expr, struct tally *t)
{
	char sql[2048];
	char ours[256];
	PGresult *r;

	(void)snprintf(sql, sizeof(sql), "SELECT %.1500s FROM (SELECT 'v'::text AS a, 1 AS n) t%s", expr,
	    strstr(expr, "grouping(") != NULL ? " GROUP BY a" : "");
	r = PQexec(db, sql);
	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQnfields(r) != 1 || !label_of(sql, ours, sizeof(ours))) {
		t->refused++;
	} else if (ours[0] == '\n') {
		t->unknown++;
	} else if (strcmp(ours, PQfname(r, 0)) == 0) {
		t->same++;
	} else {
		t->wrong++;
		printf("# %s is called %s, not %s\n", expr, PQfname(r, 0), ours);
	}
	PQclear(r);
}

static void nest(PGconn *db, const char *expr, int depth, struct tally *t)
{
	char more[1024];

	try_one(db, expr, t);
	for (size_t i = 0; depth > 0 && i < sizeof(wraps) / sizeof(wraps[0]); i++) {
		const char *at = strstr(wraps[i], "%s");

		if (strlen(expr) + strlen(wraps[i]) >= sizeof(more) - 1)
			continue;
		(void)snprintf(more, sizeof(more), "%.*s%s%s", (int)(at - wraps[i]), wraps[i], expr, at + 2);
		nest(db, more, depth - 1, t);
	}
}

int main(void)
{
	PGconn *db = PQconnectdb("");
	struct tally t = {0};
	size_t n = sizeof(leaves) / sizeof(leaves[0]);

	if (PQstatus(db) != CONNECTION_OK) {
		printf("Bail out! %s\n", PQerrorMessage(db));
		PQfinish(db);
		return 1;
	}
	PQclear(PQexec(db, "SET client_min_messages = error"));
	for (size_t i = 0; i < n; i++)
		nest(db, leaves[i], i < 40 && i % 8 == 0 ? DEPTH : DEPTH - 1, &t);
	printf("# %u names are the server's, %u are not known to us, %u statements refused by the server\n", t.same, t.unknown, t.refused);
	printf("%s 1 - output names are the server's\n", t.wrong == 0 && t.same > 5000 ? "ok" : "not ok");
	printf("%s 2 - hardly any is not known\n1..2\n", t.unknown < t.same / 3 ? "ok" : "not ok");
	PQfinish(db);
	return t.wrong != 0 || t.same <= 5000;
}
