/* SPDX-License-Identifier: Apache-2.0
 *
 * Lineage against a real server: random statements over a few tables whose sensitive columns hold a mark. A column
 * that lineage calls clean must never show the mark, and the number of columns must be the server's. Names are few so
 * that scopes shadow each other. Connection from the PG* environment; see pg_lineage.sh. Prints TAP.
 */
#include <ctype.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sql/lineage.h"

#define MARK "secretx"
#define ROUNDS 600

static const char schema_sql[] =
	"SET client_min_messages = error; DROP TABLE IF EXISTS t1, t2, t3; CREATE TABLE t1 (a text, b text, c text);"
	"CREATE TABLE t2 (a text, b text, d text); CREATE TABLE t3 (c text, d text, e text);"
	"INSERT INTO t1 VALUES ('1', 'SecretX1', 'x'), ('2', 'SecretX2', 'y');"
	"INSERT INTO t2 VALUES ('1', 'x', 'SecretX3'), ('3', 'z', 'SecretX1');"
	"INSERT INTO t3 VALUES ('x', 'y', 'SecretX4'), ('SecretX5', '1', '2')"; /* c of t3 is sensitive too */

static const struct catalog_col t1[] = {{"a", 0, false}, {"b", 1, false}, {"c", 0, false}}, t2[] = {{"a", 0, false}, {"b", 0, false}, {"d", 1, false}},
				t3[] = {{"c", 1, false}, {"d", 0, false}, {"e", 1, false}};

static bool find_relation(void *ctx, const char *schema, const char *name, struct catalog_rel *out)
{
	(void)ctx;
	if (name[0] != 't' || name[1] < '1' || name[1] > '3' || name[2] != '\0' || (schema != NULL && strcmp(schema, "public") != 0))
		return false;
	*out = (struct catalog_rel){true, 3, name[1] == '1' ? t1 : name[1] == '2' ? t2 : t3, "public"};
	return true;
}

static unsigned seed;
static struct buf sql;

static unsigned pick(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static const char *one_of(const char *words)
{
	static char out[4][8];
	static unsigned k;
	unsigned i = pick((unsigned)(strlen(words) + 1) / 2);

	k = (k + 1) % 4;
	out[k][0] = words[i * 2];
	out[k][1] = '\0';
	return out[k];
}

static void say(const char *fmt, ...) SP_PRINTF(1, 2);
static void say(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_put_str(&sql, text);
}

#define COLUMNS "a b c d e"
#define ALIASES "p q r s"

static void query(int depth, int cols);

static void expr(int depth)
{
	static const char *const one[] = {"lower(", "upper(", "reverse(reverse(", "coalesce(", "nullif(", "max(", "substr("};
	static const char *const end[] = {")", ")", "))", ", 'n')", ", 'n')", ") OVER ()", ", 1)"};
	unsigned k = depth <= 0 ? pick(4) : pick(16);

	switch (k) {
	case 0: case 1: case 2:
		say("%s", one_of(COLUMNS));
		break;
	case 3:
		say("%s.%s", one_of(ALIASES), one_of(COLUMNS));
		break;
	case 4: case 5: case 6: {
		unsigned f = pick(7);

		say("%s", one[f]);
		expr(depth - 1);
		say("%s", end[f]);
		break;
	}
	case 7:
		say("(");
		query(depth - 1, 1);
		say(" LIMIT 1)");
		break;
	case 8:
		say("(");
		expr(depth - 1);
		say(" || ");
		expr(depth - 1);
		say(")");
		break;
	case 9:
		say("CASE WHEN ");
		expr(depth - 1);
		say(" > '1' THEN ");
		expr(depth - 1);
		say(" ELSE 'k' END");
		break;
	case 10:
		say("%s::text", one_of(ALIASES));
		break;
	case 11:
		say("(%s).%s", one_of(ALIASES), one_of(COLUMNS));
		break;
	case 12:
		say("(row_to_json(%s)->>'%s')", one_of(ALIASES), one_of(COLUMNS));
		break;
	case 13:
		say("array_to_string(ARRAY(");
		query(depth - 1, 1);
		say("), ',')");
		break;
	case 14:
		say("'k'");
		break;
	default:
		say("(ARRAY[");
		expr(depth - 1);
		say("])[1]");
		break;
	}
}

static void table_alias(void)
{
	say(" AS %s", one_of(ALIASES));
	if (pick(4) == 0)
		say("(%s, %s)", one_of(COLUMNS), one_of(COLUMNS));
}

static void from_item(int depth)
{
	static const char *const joins[] = {" JOIN ", " LEFT JOIN ", " FULL JOIN ", " NATURAL JOIN ", " CROSS JOIN "};
	unsigned k = depth <= 0 ? pick(3) : pick(10), j;

	switch (k) {
	case 0: case 1: case 2:
		say("%s", pick(4) == 0 ? "w" : one_of("1 2 3")[0] == '1' ? "t1" : pick(2) ? "t2" : "t3");
		if (pick(3) != 0)
			table_alias();
		break;
	case 3: case 4:
		say("(");
		query(depth - 1, 1 + (int)pick(3));
		say(")");
		table_alias();
		break;
	case 5:
		say("LATERAL (");
		query(depth - 1, 1 + (int)pick(3));
		say(")");
		table_alias();
		break;
	case 6:
		say("unnest(string_to_array(");
		expr(depth - 1);
		say(", ','))");
		table_alias();
		break;
	case 7:
		say("(VALUES (");
		expr(0);
		say(", 'k'))");
		table_alias();
		break;
	default:
		j = pick(5);
		say("(");
		from_item(depth - 1);
		say("%s", joins[j]);
		from_item(depth - 1);
		if (j < 3 && pick(2))
			say(" USING (%s)", one_of(COLUMNS));
		else if (j < 3)
			say(" ON true");
		say(")");
		if (pick(3) == 0)
			say(" AS %s", one_of(ALIASES));
		break;
	}
}

static void select_one(int depth, int cols)
{
	say("SELECT ");
	for (int i = 0; i < cols; i++) {
		say("%s", i > 0 ? ", " : "");
		if (cols > 1 && pick(8) == 0) {
			say("%s", pick(2) ? "*" : one_of(ALIASES));
			if (buf_span(&sql).p[buf_len(&sql) - 1] != '*')
				say(".*");
			continue;
		}
		expr(depth);
		if (pick(2))
			say(" AS %s", one_of(COLUMNS));
	}
	say(" FROM ");
	from_item(depth);
	if (pick(3) == 0) {
		say(", ");
		from_item(depth - 1);
	}
	if (pick(4) == 0) {
		say(" WHERE ");
		expr(0);
		say(" = ");
		expr(depth - 1);
	}
}

static void query(int depth, int cols)
{
	if (depth > 0 && pick(6) == 0) {
		say("WITH%s w%s AS %s(", pick(4) == 0 ? " RECURSIVE" : "", pick(3) == 0 ? "(a, b)" : "", pick(2) ? "MATERIALIZED " : "");
		query(depth - 1, 2);
		say(") ");
	}
	if (depth > 0 && pick(6) == 0) {
		say("(");
		select_one(depth - 1, cols);
		say(" %s ", pick(2) ? "UNION ALL" : "EXCEPT");
		select_one(depth - 1, cols);
		say(")");
		return;
	}
	select_one(depth, cols);
}

static bool has_mark(const char *value)
{
	char low[4096];
	size_t n = 0;

	for (; value[n] != '\0' && n < sizeof(low) - 1; n++)
		low[n] = (char)tolower((unsigned char)value[n]);
	low[n] = '\0';
	return strstr(low, MARK) != NULL;
}

struct tally {
	unsigned ran, refused, clean, sensitive, unknown, bad_count, leaks, needless;
};

static void judge(PGresult *r, const struct lineage_stmt *s, const char *text, struct tally *t)
{
	t->ran++;
	if (!s->known)
		return;
	if (s->n_cols != (size_t)PQnfields(r)) {
		t->bad_count++;
		printf("# %zu columns, not %d: %s\n", s->n_cols, PQnfields(r), text);
		return;
	}
	for (int c = 0; c < PQnfields(r); c++) {
		bool marked = false;

		for (int i = 0; i < PQntuples(r) && i < 50; i++)
			marked |= has_mark(PQgetvalue(r, i, c));
		t->clean += s->cols[c].what == LINEAGE_CLEAN;
		t->sensitive += s->cols[c].what == LINEAGE_SENSITIVE;
		t->unknown += s->cols[c].what == LINEAGE_UNKNOWN;
		t->needless += s->cols[c].what == LINEAGE_UNKNOWN && !marked;
		if (marked && s->cols[c].what == LINEAGE_CLEAN) {
			t->leaks++;
			printf("# LEAK in column %d: %s\n", c + 1, text);
		}
	}
}

/* Most random statements name what is not there; those the server would refuse. Lineage has nothing to prove for
 * what it does not know, so most of these need no server. */
static bool worth_running(const struct lineage_result *r)
{
	if (r->n_stmts != 1)
		return false;
	for (size_t i = 0; i < r->stmts[0].n_cols; i++) {
		if (r->stmts[0].cols[i].what == LINEAGE_UNKNOWN)
			return pick(50) == 0;
	}
	return r->stmts[0].known || pick(50) == 0;
}

static void round_one(PGconn *db, struct tally *t)
{
	const struct catalog cat = {NULL, find_relation, NULL, 0};
	struct lineage_result r;
	const char *text;
	PGresult *res;

	buf_reset(&sql);
	query(1 + (int)pick(3), 1 + (int)pick(4));
	text = buf_cstr(&sql);
	pgsql_lineage(span_str(text), &cat, &r);
	if (worth_running(&r)) {
		res = PQexec(db, text);
		if (PQresultStatus(res) == PGRES_TUPLES_OK)
			judge(res, &r.stmts[0], text, t);
		else
			t->refused++;
		PQclear(res);
	}
	lineage_clear(&r);
}

int main(void)
{
	PGconn *db = PQconnectdb("");
	struct tally t = {0};
	unsigned tries = 0;
	const char *s = getenv("LINEAGE_SEED"), *n = getenv("LINEAGE_ROUNDS");
	unsigned rounds = n != NULL ? (unsigned)strtoul(n, NULL, 10) : ROUNDS;

	if (PQstatus(db) != CONNECTION_OK) {
		printf("Bail out! %s\n", PQerrorMessage(db));
		PQfinish(db);
		return 1;
	}
	seed = s != NULL ? (unsigned)strtoul(s, NULL, 10) : 1;
	buf_init(&sql, 1 << 20);
	PQclear(PQexec(db, schema_sql));
	PQclear(PQexec(db, "SET statement_timeout = '2s'"));
	while (t.ran < rounds && t.ran + t.refused < rounds * 60 && ++tries < rounds * 400)
		round_one(db, &t);
	printf("# ran %u, refused by the server %u; columns clean %u, sensitive %u, unknown %u (%u of them without a mark)\n", t.ran,
	       t.refused, t.clean, t.sensitive, t.unknown, t.needless);
	printf("%s 1 - no clean column shows a sensitive value\n", t.leaks == 0 && t.clean > 100 ? "ok" : "not ok");
	printf("%s 2 - as many columns as the server sends\n1..2\n", t.bad_count == 0 && t.ran > rounds / 4 ? "ok" : "not ok");
	buf_clear(&sql);
	PQfinish(db);
	return t.leaks != 0 || t.bad_count != 0;
}
