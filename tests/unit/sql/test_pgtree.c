/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "sql/facts.h"
#include "sql/pglex.h"
#include "sql/pgtree.h"

static struct pgtree *parse(const char *sql)
{
	struct why w;
	struct pgtree *t = NULL;
	int r = pgtree_parse(span_str(sql), &t, &w);

	cr_assert_eq(r, 0, "%s: %s", sql, r == 0 ? "" : w.text);
	return t;
}

static int parse_fails(const char *sql)
{
	struct pgtree *t = NULL;
	struct why w;
	int r = pgtree_parse(span_str(sql), &t, &w);

	cr_assert_null(t);
	cr_assert_lt(r, 0, "%s", sql);
	cr_assert_neq(w.text[0], '\0');
	return r;
}

Test(pgtree, reads_a_select)
{
	struct pgtree *t = parse("SELECT abalance, 0, '' FROM pgbench_accounts WHERE aid = 1;");
	uint32_t off, len;
	const struct pgnode *s = pgtree_stmt(t, 0, &off, &len), *from, *where, *list;

	cr_assert_eq(pgtree_count(t), 1);
	cr_assert_eq(off, 0);
	cr_assert_eq(len, 58);
	cr_assert_str_eq(pgnode_kind(s), "SelectStmt");
	cr_assert_str_eq(pgnode_field_str(s, "op"), "SETOP_NONE");
	cr_assert(!pgtree_shape(t)->backslash);
	from = pgnode_field(s, "fromClause");
	cr_assert_eq(pgnode_len(from), 1);
	cr_assert_str_eq(pgnode_field_str(pgnode_first(from), "relname"), "pgbench_accounts");
	cr_assert(pgnode_field_bool(pgnode_first(from), "inh"));
	where = pgnode_field(s, "whereClause");
	cr_assert(pgnode_is(where, "A_Expr"));
	cr_assert_str_eq(pgnode_str(pgnode_first(pgnode_field(where, "name"))), "=");
	cr_assert_eq(pgnode_field_int(pgnode_field(where, "rexpr"), "ival"), 1);
	cr_assert_eq(where->loc, 55);
	list = pgnode_field(s, "targetList");
	cr_assert_eq(pgnode_len(list), 3);
	cr_assert_eq(pgnode_field_int(pgnode_field(pgnode_at(list, 1), "val"), "ival"), 0);
	cr_assert_str_eq(pgnode_const_str(pgnode_field(pgnode_at(list, 2), "val")), "");
	cr_assert_null(pgnode_const_str(pgnode_field(pgnode_at(list, 1), "val")));
	pgtree_free(t);
}

Test(pgtree, several_statements_and_none)
{
	struct pgtree *t = parse(" SELECT 1;; DROP TABLE a.b ;-- x");
	uint32_t off, len;

	cr_assert_eq(pgtree_count(t), 2);
	cr_assert_str_eq(pgnode_kind(pgtree_stmt(t, 1, &off, &len)), "DropStmt");
	cr_assert_leq(off, 12);
	cr_assert_leq(off + len, 32);
	pgtree_free(t);
	t = parse("-- nothing\n;;");
	cr_assert_eq(pgtree_count(t), 0);
	pgtree_free(t);
	t = parse("");
	cr_assert_eq(pgtree_count(t), 0);
	pgtree_free(t);
}

Test(pgtree, strings_come_out_unescaped)
{
	struct pgtree *t = parse("SELECT E'a\"b\\\\c\\n\\x01', 'é\t/', U&'\\+01F600', \"q\"\"q\"");
	const struct pgnode *list = pgnode_field(pgtree_stmt(t, 0, NULL, NULL), "targetList");

	cr_assert_str_eq(pgnode_const_str(pgnode_field(pgnode_at(list, 0), "val")), "a\"b\\c\n\x01");
	cr_assert_str_eq(pgnode_const_str(pgnode_field(pgnode_at(list, 1), "val")), "é\t/");
	cr_assert_str_eq(pgnode_const_str(pgnode_field(pgnode_at(list, 2), "val")), "\xf0\x9f\x98\x80");
	cr_assert_str_eq(pgnode_str(pgnode_first(pgnode_field(pgnode_field(pgnode_at(list, 3), "val"), "fields"))),
			 "q\"q");
	pgtree_free(t);
}

Test(pgtree, walk_visits_every_node_once)
{
	struct pgtree *t = parse("WITH a AS (SELECT f(1)) SELECT (SELECT g(x) FROM a) FROM b ORDER BY h(2)");
	const struct pgnode *root = pgtree_stmt(t, 0, NULL, NULL), *n;
	int calls = 0;

	for (n = root; n != NULL; n = pgnode_walk(root, n, false))
		calls += pgnode_is(n, "FuncCall");
	cr_assert_eq(calls, 3);
	pgtree_free(t);
}

Test(pgtree, fields_of_a_fixed_type_have_their_kind)
{
	struct pgtree *t = parse("DELETE FROM a.t; SELECT 1 INTO x UNION SELECT 2; CALL f(1); SELECT 'x'::int");
	const struct pgnode *s = pgtree_stmt(t, 1, NULL, NULL);

	cr_assert(pgnode_is(pgnode_field(pgtree_stmt(t, 0, NULL, NULL), "relation"), "RangeVar"));
	cr_assert(pgnode_is(pgnode_field(s, "larg"), "SelectStmt"));
	cr_assert(pgnode_is(pgnode_field(pgnode_field(pgnode_field(s, "larg"), "intoClause"), "rel"), "RangeVar"));
	cr_assert(pgnode_is(pgnode_field(pgtree_stmt(t, 2, NULL, NULL), "funccall"), "FuncCall"));
	pgtree_free(t);
}

Test(pgtree, refuses_what_is_not_clean_text)
{
	struct pgtree *t;
	struct why w;

	cr_assert_eq(pgtree_parse(span_of("SELECT\0 1", 9), &t, &w), E_FORMAT);
	cr_assert_eq(parse_fails("SELECT '\xff'"), E_FORMAT);
	cr_assert_eq(parse_fails("SELECT \x95\x5c"), E_FORMAT);
	cr_assert_eq(parse_fails("SELEKT 1"), E_FORMAT);
	cr_assert_eq(parse_fails("SELECT 'open"), E_FORMAT);
	cr_assert_eq(parse_fails("SELECT 1 /* open"), E_FORMAT);
	cr_assert_eq(parse_fails("SELECT $a$ open $b$"), E_FORMAT);
}

static int repeat_parse(const char *head, const char *unit, size_t n, const char *tail)
{
	struct buf b;
	struct pgtree *t = NULL;
	struct why w;
	size_t i;
	int r;

	buf_init(&b, 16u << 20);
	buf_put_str(&b, head);
	for (i = 0; i < n; i++)
		buf_put_str(&b, unit);
	buf_put_str(&b, tail);
	cr_assert_eq(buf_err(&b), 0);
	r = pgtree_parse(buf_span(&b), &t, &w);
	pgtree_free(t);
	buf_clear(&b);
	return r;
}

/* Each of these would nest the parser's tree to the left or right without any end. */
Test(pgtree, bombs_are_refused)
{
	static const char *const bomb[][3] = {
		{"SELECT 1", "+1", ""},           {"SELECT 1", "::int", ""},
		{"SELECT a", " COLLATE x", ""},   {"SELECT 1", " ISNULL", ""},
		{"SELECT 1", " UNION SELECT 1,2", ""}, {"SELECT * FROM a", " JOIN b ON true, c", ""},
		{"SELECT a", " AT TIME ZONE 'x'", ""}, {"SELECT 1", " OPERATOR(pg_catalog.+) 1", ""},
		{"SELECT a", " + a.and + a.or", ""}, {"SELECT a", " + a.case + a.end", ""},
		{"SELECT ", "(", "1"},            {"SELECT ", "ARRAY[", "1"},
		{"SELECT ", "f(", "1"},           {"SELECT ", "CASE WHEN ", "1"},
		{"SELECT ", "NOT ", "true"},      {"SELECT ", "- ", "1"},
		{"SELECT ", "(SELECT ", "1"},     {"SELECT 1 ", "-- x\n+1/**/", ""},
		{"SELECT a", " LIKE b", ""},      {"SELECT 1 WHERE a", " IS NULL", ""},
	};
	size_t i;

	for (i = 0; i < sizeof(bomb) / sizeof(bomb[0]); i++)
		cr_assert_lt(repeat_parse(bomb[i][0], bomb[i][1], 50000, bomb[i][2]), 0, "%s", bomb[i][1]);
	cr_assert_eq(repeat_parse("SELECT 1", "+1", 50000, ""), E_TOOBIG);
	cr_assert_eq(repeat_parse("SELECT ", "(", 100000, "1"), E_TOOBIG);
	cr_assert_eq(repeat_parse("SELECT '", "x", SQL_MAX_TEXT, "'"), E_TOOBIG);
	cr_assert_eq(repeat_parse("SELECT 1", ",1", SQL_MAX_TOKENS, ""), E_TOOBIG);
}

/* What generators of SQL really write. */
Test(pgtree, long_flat_statements_are_fine)
{
	cr_assert_eq(repeat_parse("SELECT 1", "+1", 2500, ""), 0);
	cr_assert_eq(repeat_parse("SELECT * FROM t WHERE a = 1", " OR a = 2", 20000, ""), 0);
	cr_assert_eq(repeat_parse("SELECT * FROM t WHERE a IN (1", ",-2", 60000, ")"), 0);
	cr_assert_eq(repeat_parse("INSERT INTO t VALUES (1,'a')", ",(1 + 1,'b--')", 20000, ""), 0);
	cr_assert_eq(repeat_parse("SELECT CASE a", " WHEN 1 = 2 THEN 'x' || 'y'", 9000, " END FROM t"), 0);
	cr_assert_eq(repeat_parse("SELECT '", "+-*/'' || ", 90000, "'"), 0);
	cr_assert_eq(repeat_parse("", "SELECT 1 + 1;", 9000, ""), 0);
}

/* The deepest texts let through must not exhaust a small stack. */
Test(pgtree, allowed_depth_fits_the_stack)
{
	cr_assert_eq(repeat_parse("SELECT a", " UNION SELECT 1", 2900, ""), 0);
	cr_assert_eq(repeat_parse("SELECT * FROM a", " JOIN b ON true", 2900, ""), 0);
	cr_assert_eq(repeat_parse("SELECT 1", "::int", 2900, ""), 0);
	(void)repeat_parse("SELECT ", "NOT ", 2900, "true");
	(void)repeat_parse("SELECT ", "- ", 2900, "1");
}

static const char nasty[] =
	"SELECT E'\\'', 'a''b' -- c\n 'd', U&\"x\\0041\", $t$ $$ ' $t$ FROM a.\"b\"\"c\" /* /* */ */ WHERE x <@ ARRAY[1,-2.5e3] "
	"AND y LIKE $1 OR CASE WHEN a::int IS NULL THEN 1 END IN (SELECT f(VARIADIC z) FROM t); DO $$BEGIN END$$";

Test(pgtree, every_prefix_ends_cleanly)
{
	struct pgtree *t;
	struct why w;
	size_t n;

	for (n = 0; n < sizeof(nasty); n++) {
		char *copy = malloc(n + 1); /* exact size: a read past the end is seen */

		memcpy(copy, nasty, n);
		t = NULL;
		(void)!pgtree_parse(span_of(copy, n), &t, &w);
		pgtree_free(t);
		free(copy);
	}
}

Test(pgtree, every_bit_flip_ends_cleanly)
{
	char copy[sizeof(nasty)];
	struct pgtree *t;
	struct why w;
	size_t i;

	for (i = 0; i < (sizeof(nasty) - 1) * 8; i++) {
		memcpy(copy, nasty, sizeof(nasty));
		copy[i / 8] ^= (char)(1 << (i % 8));
		t = NULL;
		(void)!pgtree_parse(span_of(copy, sizeof(nasty) - 1), &t, &w);
		pgtree_free(t);
	}
}

static const char sample_json[] =
	"{\"version\":150001,\"stmts\":[{\"stmt\":{\"X\":{\"a\":[{\"String\":{\"sval\":\"x\\u00e9\\ud83d\\ude00\\\"\"}},{},null],"
	"\"b\":true,\"c\":{\"c\":-12},\"d\":{},\"location\":7}},\"stmt_len\":3}]}";

Test(pgtree, json_reader_is_strict)
{
	static const char *const bad[] = {
		"", "{", "[", "{\"a\"}", "{\"a\":}", "{\"a\":1", "[1 2]", "{\"A\":1}", "{\"a\":\"\\u0000\"}",
		"{\"a\":\"\\ud800\"}", "{\"a\":\"\\q\"}", "{\"a\":1.5}", "{\"a\":99999999999999999999}", "{} x",
		"{\"a\":tru}", "{\"A\":{}", "{\"A\":{},\"b\":1}", "{\"a\":\"\n\"}", "{\"\":1}", "]", "{\"a\":1}}",
	};
	struct pgtree *t;
	struct why w;
	size_t i;
	char copy[sizeof(sample_json)];

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_lt(pgtree_read_json(span_str(bad[i]), &t, &w), 0, "%s", bad[i]);
	cr_assert_eq(pgtree_read_json(span_str(sample_json), &t, &w), 0);
	pgtree_free(t);
	for (i = 0; i < sizeof(sample_json) - 1; i++)
		cr_assert_lt(pgtree_read_json(span_of(sample_json, i), &t, &w), 0, "prefix %zu", i);
	for (i = 0; i < (sizeof(sample_json) - 1) * 8; i++) {
		memcpy(copy, sample_json, sizeof(copy));
		copy[i / 8] ^= (char)(1 << (i % 8));
		if (pgtree_read_json(span_of(copy, sizeof(copy) - 1), &t, &w) == 0)
			pgtree_free(t);
	}
}

Test(pglex, tokens_as_the_server_sees_them)
{
	static const struct {
		const char *sql;
		size_t tokens;
	} want[] = {
		{"SELECT 1", 2}, {"a$$b;c", 3}, {"'a' \n 'b'", 1}, {"'a' 'b'", 2}, {"E'\\''", 1}, {"'\\'", 1},
		{"1--x\n+1", 3}, {"a/* /* */ */b", 2}, {"$1$$x$$", 2}, {"\"a\"\"b\"", 1}, {"x'1f'n'a'", 2},
		{"a<=-1", 3}, {"$q$ $$ $q$", 1}, {"'a' -- b\n 'c'", 1}, {"U&'x' U&\"y\" u & z", 5}, {"1.5e+3", 1},
	};
	struct pglex_shape s;
	struct why w;
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		cr_assert_eq(pglex_measure(span_str(want[i].sql), &s, &w), 0, "%s", want[i].sql);
		cr_assert_eq(s.tokens, want[i].tokens, "%s: %zu", want[i].sql, s.tokens);
	}
}

Test(pglex, dependence_on_string_escapes)
{
	static const struct {
		const char *sql;
		bool depends;
	} want[] = {
		{"SELECT 'a\\''; DROP TABLE t; --'", true}, {"SELECT '\\'; DROP TABLE orders; --'", true},
		{"SELECT 'C:\\dir\\'", true}, {"SELECT 'C:\\\\'", false}, {"SELECT '\\d+'", false},
		{"SELECT E'\\''", false}, {"SELECT $$\\'$$", false}, {"SELECT \"\\\"", false}, {"SELECT n'\\''", true},
	};
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		cr_assert_eq(pglex_depends_on_scs(span_str(want[i].sql)), want[i].depends, "%s", want[i].sql);
	pglex_as_escapes(span_str("SELECT 'a\\'b', N'c' FROM \"x'y\""), &b);
	cr_assert_str_eq(buf_cstr(&b), "SELECT  E'a\\'b',  E'c' FROM \"x'y\"");
	buf_clear(&b);
}
