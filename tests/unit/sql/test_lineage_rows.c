/* SPDX-License-Identifier: Apache-2.0
 *
 * What rows tell, in both directions. Each statement of `held` brings a value out as a count, an order, a group, a
 * position, a length, a bound or a bit: it must be held, or none of its columns may be clear. Each of `clear` is daily
 * work: it must not be held, and its columns are as said (C clear, m masked in any way, * anything).
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lineage_cat.h"
#include "sql/pgtree.h"

static bool is_held(const struct lineage_stmt *s)
{
	return s->rows || s->written.what == LINEAGE_SENSITIVE;
}

static bool is_masked(const struct lineage_stmt *s)
{
	for (size_t i = 0; i < s->n_cols; i++) {
		if (s->cols[i].what == LINEAGE_CLEAN)
			return false;
	}
	return s->known && s->n_cols > 0;
}

/* Rows tell even when every column is masked. */
static void check_held(const char *const *sql, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct lineage_result r;

		pgsql_lineage(span_str(sql[i]), &cat, &r);
		cr_expect(r.n_stmts == 1 && is_held(&r.stmts[0]), "not held: %s", sql[i]);
		lineage_clear(&r);
	}
}

/* A value in a row of its own: masked is enough. */
static void check_masked(const char *const *sql, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct lineage_result r;

		pgsql_lineage(span_str(sql[i]), &cat, &r);
		cr_expect(r.n_stmts == 1 && (is_masked(&r.stmts[0]) || is_held(&r.stmts[0])), "clear: %s", sql[i]);
		lineage_clear(&r);
	}
}

struct daily {
	const char *sql, *want;
};

static void check_clear(const struct daily *d)
{
	struct lineage_result r;
	const struct lineage_stmt *s;
	bool ok;

	pgsql_lineage(span_str(d->sql), &cat, &r);
	cr_assert(r.n_stmts == 1, "%s", d->sql);
	s = &r.stmts[0];
	cr_expect(!is_held(s), "held (%s): %s", s->written.source, d->sql);
	ok = s->known && s->n_cols == strlen(d->want);
	for (size_t i = 0; ok && i < s->n_cols; i++)
		ok = d->want[i] == '*' || (d->want[i] == 'C') == (s->cols[i].what == LINEAGE_CLEAN);
	cr_expect(ok, "not %s: %s", d->want, d->sql);
	for (size_t i = 0; !ok && i < s->n_cols; i++)
		fprintf(stderr, "  column %zu: %d %s\n", i + 1, (int)s->cols[i].what, s->cols[i].source);
	lineage_clear(&r);
}

#define N(t) (sizeof(t) / sizeof((t)[0]))
#define LETTERS "(VALUES ('A',65),('B',66),('C',67)) v(ch,n)"

/* A value as a number of rows. */
Test(lineage_rows, counts)
{
	static const char *const held[] = {
	    "SELECT c.id, (SELECT count(*) FROM string_to_table(left(repeat('x',200), ascii(c.full_name)), null) u) FROM customers c, generate_series(1,2) g(x), string_to_table(c.full_name, null) t",
	    "SELECT c.id FROM customers c, string_to_table(left(repeat('x',200), ascii(c.full_name)), null) u",
	    "SELECT count(*) FROM customers c, unnest((array_fill(1, array[200]))[1:ascii(c.full_name)]) u",
	    "SELECT count(*) FROM customers c, LATERAL (SELECT 1 FROM generate_series(1, length(c.email))) g",
	    "SELECT count(*) FROM customers c CROSS JOIN LATERAL generate_series(1, ascii(c.email)) g",
	    "SELECT count(*) FROM customers c, generate_subscripts(string_to_array(c.email, 'a'), 1) g",
	    "SELECT count(*) FROM customers c, regexp_matches(c.email, 'a', 'g') m",
	    "SELECT count(*) FROM customers c, regexp_split_to_table(c.email, '') m",
	    "SELECT count(*) FROM customers c, json_array_elements(array_to_json(string_to_array(c.email, null))) m",
	    "SELECT count(*) FROM customers c, jsonb_path_query(to_jsonb(string_to_array(c.email, null)), '$[*]') m",
	    "SELECT count(*) FROM customers c, ts_parse('default', c.email) m",
	    "SELECT count(*) FROM customers c, xmltable('/a/b' PASSING (c.email::xml) COLUMNS z int) x",
	    "SELECT c.id, unnest(string_to_array(c.email, null)) FROM customers c",
	    "SELECT c.id, generate_series(1, ascii(c.email)) FROM customers c",
	    "SELECT id FROM customers, generate_series(1, 200) g WHERE g <= ascii(full_name)",
	    "SELECT count(*) FROM customers c JOIN generate_series(1, 200) g ON g < length(c.email)",
	    "SELECT c.id, count(*) FROM customers c JOIN pg_type t ON t.oid < ascii(c.email)::oid GROUP BY 1",
	    "SELECT c.id, count(*) FROM customers c JOIN pg_proc p ON p.proname < c.email GROUP BY c.id",
	    "SELECT c.id, count(*) FROM customers c JOIN information_schema.columns k ON k.column_name = left(c.email, 1) GROUP BY c.id",
	    "SELECT c.id, count(*) FROM customers c, pg_get_keywords() k WHERE k.word < c.email GROUP BY c.id",
	    "SELECT 1 FROM customers c, orders o WHERE o.qty < ascii(c.email)",
	    "SELECT count(*) FROM orders TABLESAMPLE system ((SELECT ascii(email) FROM customers LIMIT 1))",
	    "WITH RECURSIVE r(n) AS (SELECT ascii(email) FROM customers UNION ALL SELECT n - 1 FROM r WHERE n > 0) SELECT count(*) FROM r",
	    "WITH RECURSIVE r(x) AS (SELECT full_name FROM customers UNION ALL SELECT substr(x, 2) FROM r WHERE x <> '') SELECT count(*) FROM r",
	    "WITH RECURSIVE r(n, x) AS (SELECT 1, full_name FROM customers UNION ALL SELECT n + 1, x FROM r WHERE n < length(x)) SELECT n FROM r",
	    "SELECT count(*) FROM (SELECT full_name FROM customers UNION SELECT 'Alice') u",
	    "SELECT count(*) FROM (SELECT left(full_name, 1) FROM customers UNION SELECT chr(g) FROM generate_series(65, 90) g) u",
	    "SELECT count(*) FROM (SELECT left(full_name, 1) FROM customers INTERSECT SELECT 'A') u",
	    "SELECT count(*) FROM (SELECT 'A' EXCEPT SELECT left(full_name, 1) FROM customers) u",
	    "SELECT count(*) FROM (SELECT DISTINCT left(full_name, 1) FROM customers) u",
	    "SELECT count(*) FROM (SELECT 1 FROM customers GROUP BY left(full_name, 1)) u",
	};
	static const char *const masked[] = {
	    "SELECT count(nullif(full_name, 'Alice')) FROM customers",
	    "SELECT count(CASE WHEN full_name LIKE 'A%' THEN 1 END) FROM customers",
	    "SELECT count(DISTINCT left(full_name, 1)) FROM customers",
	    "SELECT count(full_name LIKE 'A%' OR NULL) FROM customers",
	    "SELECT count((full_name, id)) FROM customers",
	    "SELECT count(DISTINCT x) FROM (SELECT full_name AS x FROM customers UNION ALL SELECT 'Alice') s",
	    "SELECT count(x) FROM (SELECT nullif(full_name, 'Alice') AS x FROM customers) s",
	    "SELECT count((SELECT 1 WHERE c.full_name LIKE 'A%')) FROM customers c",
	    "SELECT count(*) FILTER (WHERE full_name LIKE 'A%') FROM customers",
	    "SELECT sum((full_name LIKE 'A%')::int), avg(length(full_name)), max(ascii(full_name)) FROM customers",
	    "SELECT sum(1) FILTER (WHERE email > 'm') FROM customers",
	    "SELECT count(substr(full_name, 1, 0) || nullif(left(full_name, 1), 'A')) FROM customers",
	};

	check_held(held, N(held));
	check_masked(masked, N(masked));
}

/* A value as a limit, an order, a group. */
Test(lineage_rows, limits_orders_groups)
{
	static const char *const held[] = {
	    "SELECT c.id, q.* FROM customers c, LATERAL (VALUES (0),(1),(2) OFFSET length(c.full_name) LIMIT 1) q",
	    "SELECT c.id, q.* FROM customers c, LATERAL (SELECT 1 UNION ALL SELECT 2 LIMIT ascii(c.full_name) - 64) q",
	    "SELECT 1 UNION ALL SELECT 2 LIMIT (SELECT ascii(full_name) FROM customers LIMIT 1)",
	    "(SELECT 1) EXCEPT (SELECT 2) OFFSET (SELECT ascii(full_name) FROM customers LIMIT 1)",
	    "VALUES (1), (2) LIMIT (SELECT ascii(full_name) FROM customers LIMIT 1)",
	    "VALUES (1), (2) ORDER BY (SELECT ascii(full_name) FROM customers LIMIT 1)",
	    "SELECT id FROM orders o(id) FETCH FIRST (SELECT ascii(full_name) FROM customers LIMIT 1) ROWS ONLY",
	    "SELECT c.id, q.n FROM customers c, LATERAL (SELECT v.n, (v.ch = left(c.full_name,1)) m FROM " LETTERS " ORDER BY m DESC LIMIT 1) q",
	    "SELECT DISTINCT ON (c.id) c.id, v.n, (v.ch = left(c.full_name,1)) FROM customers c, " LETTERS " ORDER BY 1, 3 DESC",
	    "SELECT c.id, v.n, (v.ch = left(c.full_name,1)) AS m FROM customers c, " LETTERS " ORDER BY m",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " ORDER BY v.ch = left(c.full_name,1) DESC",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " ORDER BY greatest(v.ch, c.full_name)",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " GROUP BY c.id, v.n, v.ch = left(c.full_name, 1)",
	    "SELECT array_agg(c.id), array_agg(v.n), v.ch = left(c.full_name, 1) AS m FROM customers c, " LETTERS " GROUP BY m",
	    "SELECT array_agg(c.id), v.ch = left(c.full_name, 1) FROM customers c, " LETTERS " GROUP BY 2",
	    "SELECT array_agg(c.id) FROM customers c GROUP BY ROLLUP (left(c.full_name, 1))",
	    "SELECT array_agg(c.id) FROM customers c GROUP BY GROUPING SETS ((c.country, left(c.full_name, 1)), ())",
	    "SELECT array_agg(id) FROM (SELECT id, full_name FROM customers UNION ALL VALUES (-65,'A'),(-66,'B')) s GROUP BY left(full_name, 1)",
	    "SELECT array_agg(id) FROM (SELECT id, full_name FROM customers UNION ALL VALUES (-65,'A'),(-66,'B')) s GROUP BY full_name",
	    "SELECT id FROM (SELECT id, full_name FROM customers UNION ALL VALUES (-65,'A'),(-66,'B')) s ORDER BY full_name",
	    "SELECT id, full_name FROM customers UNION ALL VALUES (-65,'A'),(-66,'B') ORDER BY 2",
	    "SELECT id, full_name FROM customers UNION ALL SELECT g, chr(g) FROM generate_series(65,90) g ORDER BY full_name",
	    "SELECT id FROM customers ORDER BY CASE WHEN id < 26 THEN chr(65 + id) ELSE full_name END",
	    "SELECT id FROM customers ORDER BY coalesce(nullif(full_name, 'Alice'), country)",
	    "SELECT id FROM customers ORDER BY full_name LIKE 'A%'",
	    "SELECT id FROM customers ORDER BY position(lower(left(full_name, 1)) in 'qwertyuiop')",
	    "SELECT id FROM customers GROUP BY id, substr(full_name, 1, 1)",
	    "SELECT DISTINCT country, left(full_name, 1) FROM customers",
	    "SELECT DISTINCT ON (left(full_name, 1)) id FROM customers",
	    "SELECT id FROM customers ORDER BY (SELECT v.ch FROM " LETTERS " WHERE v.ch = left(full_name, 1))",
	    "SELECT id, left(full_name, 1) x FROM customers ORDER BY x",
	    "SELECT id, left(full_name, 1) FROM customers ORDER BY 2",
	    "SELECT id, rank() OVER (ORDER BY full_name) AS r FROM customers ORDER BY r",
	    "SELECT id, rank() OVER (ORDER BY left(full_name, 1)) FROM customers",
	    "SELECT id, count(*) OVER (PARTITION BY full_name = 'Alice') FROM customers",
	    "SELECT id, rank() OVER (ORDER BY full_name) FROM (SELECT id, full_name FROM customers UNION ALL VALUES (7, 'M')) c",
	    "SELECT id, full_name FROM customers UNION ALL SELECT order_id, sku FROM orders ORDER BY 2",
	    "SELECT order_id FROM (SELECT * FROM orders FULL JOIN (SELECT full_name AS sku FROM customers) c USING (sku)) x ORDER BY sku",
	};
	static const char *const masked[] = {
	    "SELECT rank() OVER (ORDER BY left(full_name, 1)) FROM customers",
	    "SELECT ntile(26) OVER (ORDER BY full_name) FROM customers",
	    "SELECT count(*) OVER (PARTITION BY left(full_name, 1)) FROM customers",
	    "SELECT sum(1) OVER (ORDER BY id ROWS BETWEEN 0 PRECEDING AND (SELECT ascii(full_name) FROM customers LIMIT 1) FOLLOWING) FROM customers",
	    "SELECT first_value(id) OVER w FROM customers WINDOW w AS (ORDER BY full_name = 'Alice' DESC)",
	    "SELECT string_agg(id::text, ',' ORDER BY full_name) FROM customers",
	    "SELECT array_agg(id ORDER BY left(full_name, 1)) FROM customers",
	    "SELECT mode() WITHIN GROUP (ORDER BY left(full_name, 1)) FROM customers",
	    "SELECT rank('M') WITHIN GROUP (ORDER BY full_name) FROM customers",
	    "SELECT lag(id) OVER (ORDER BY ascii(email)) FROM customers",
	};

	check_held(held, N(held));
	check_masked(masked, N(masked));
}

/* What stands beside the value, or says where it is. */
Test(lineage_rows, conditions)
{
	static const char *const held[] = {
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE v.ch = left(c.full_name, 1)",
	    "SELECT c.id, v.n FROM customers c JOIN " LETTERS " ON c.full_name LIKE v.ch || '%'",
	    "SELECT c.id, v.n FROM customers c JOIN " LETTERS " ON (v.ch = 'A' AND c.full_name LIKE 'A%') OR (v.ch = 'B' AND c.full_name LIKE 'B%')",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE CASE v.ch WHEN 'A' THEN c.full_name LIKE 'A%' ELSE c.full_name LIKE 'B%' END",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE (v.ch, 1) = (left(c.full_name, 1), 1)",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE row(v.ch)::text = row(left(c.full_name, 1))::text",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE (c).full_name LIKE v.ch || '%'",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE to_jsonb(c)->>'full_name' LIKE v.ch || '%'",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE c::text LIKE '%' || v.ch || '%'",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE v.ch IN (left(c.full_name, 1))",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE ARRAY[v.ch] && string_to_array(c.full_name, null)",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE NOT (v.ch <> left(c.full_name, 1))",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE (v.ch = left(c.full_name, 1)) IS TRUE",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE nullif(v.ch, left(c.full_name, 1)) IS NULL",
	    "SELECT c.id, v.n FROM customers c, " LETTERS " WHERE EXISTS (SELECT 1 WHERE v.ch = left(c.full_name, 1))",
	    "SELECT v.n FROM " LETTERS " WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = 1 AND c.full_name LIKE v.ch || '%')",
	    "SELECT v.n FROM " LETTERS " WHERE v.ch IN (SELECT left(full_name, 1) FROM customers WHERE id = 1)",
	    "SELECT v.n FROM " LETTERS " WHERE v.ch = ANY (ARRAY(SELECT left(full_name, 1) FROM customers WHERE id = 1))",
	    "SELECT v.n FROM " LETTERS " WHERE v.ch = (SELECT left(full_name, 1) FROM customers WHERE id = 1)",
	    "SELECT v.n FROM " LETTERS " WHERE (SELECT full_name FROM customers WHERE id = 1) LIKE v.ch || '%'",
	    "SELECT v.n FROM " LETTERS " WHERE v.ch NOT IN (SELECT left(full_name, 1) FROM customers)",
	    "SELECT v.n FROM " LETTERS " WHERE NOT EXISTS (SELECT 1 FROM customers WHERE left(full_name, 1) = v.ch)",
	    "SELECT n FROM " LETTERS " JOIN (SELECT left(full_name, 1) AS ch FROM customers) c USING (ch)",
	    "SELECT n FROM " LETTERS " NATURAL JOIN (SELECT left(full_name, 1) AS ch FROM customers) c",
	    "SELECT n FROM " LETTERS " JOIN customers c ON v.ch = c.full_name",
	    "SELECT p FROM customers c, generate_series(1, 30) p WHERE ascii(substr(c.full_name, p, 1)) > 77",
	    "SELECT c.id, p FROM customers c, generate_series(0, 7) p WHERE (ascii(c.full_name) >> p) & 1 = 1",
	    "SELECT id FROM customers WHERE ascii(substr(full_name, id, 1)) > 77",
	    "SELECT id FROM customers WHERE id = ascii(full_name)",
	    "SELECT a.id, b.id FROM customers a, customers b WHERE a.full_name LIKE 'A%' AND b.full_name LIKE 'B%'",
	    "SELECT a.id, b.id, c.id FROM customers a, customers b, customers c WHERE a.full_name LIKE 'A%' OR b.full_name LIKE 'B%' OR c.full_name LIKE 'C%'",
	    "SELECT a.id, b.id FROM customers a, customers b WHERE left(a.full_name, 1) = 'A' AND left(b.email, 1) = 'A'",
	    "SELECT a.id FROM customers a WHERE full_name LIKE 'A%' AND EXISTS (SELECT 1 FROM customers b WHERE b.id = a.id AND b.full_name LIKE '_l%')",
	    "SELECT id FROM customers WHERE (id = 1 AND full_name LIKE 'A%') OR (id = 2 AND full_name LIKE 'B%')",
	    "SELECT id FROM payments WHERE (id = 1 AND left(card_no, 1) = '4') OR (id = 2 AND left(card_no, 1) = '5')",
	    "SELECT id FROM payments WHERE substr(card_no, 1 + id % 16, 1)::int > id / 16",
	    "SELECT id FROM customers WHERE (id, left(full_name, 1)) IN ((1, 'A'), (2, 'B'))",
	    "SELECT a.id, b.id FROM customers a, customers b WHERE left(a.full_name, 1) = left(b.full_name, 1)",
	    "SELECT a.id FROM customers a, orders b WHERE (b.order_id, a.full_name) IN ((1, 'A'), (2, 'B'))",
	    "SELECT order_id FROM orders WHERE order_id = (SELECT ascii(full_name) FROM customers WHERE id = 1)",
	    "SELECT order_id FROM orders WHERE order_id BETWEEN 1 AND (SELECT ascii(full_name) FROM customers WHERE id = 1)",
	    "SELECT oid FROM pg_class WHERE oid < (SELECT ascii(full_name) FROM customers WHERE id = 1)::oid",
	    "SELECT proname FROM pg_proc p, customers c WHERE left(p.proname, 1) = lower(left(c.full_name, 1))",
	    "SELECT relname FROM pg_class k, customers c WHERE k.relname = c.full_name",
	    "SELECT 1 FROM customers WHERE id = 1 AND full_name LIKE 'A%' UNION ALL SELECT 2 FROM customers WHERE id = 1 AND full_name LIKE 'B%'",
	    "SELECT a.id, b.id FROM (SELECT id FROM customers WHERE full_name LIKE 'A%') a FULL JOIN (SELECT id FROM customers WHERE full_name LIKE 'B%') b USING (id)",
	    "SELECT o.sku, a.id, b.id FROM orders o LEFT JOIN customers a ON a.full_name LIKE 'A%' LEFT JOIN customers b ON b.full_name LIKE 'B%'",
	    "WITH a AS (SELECT id FROM customers WHERE full_name LIKE 'A%'), b AS (SELECT id FROM customers WHERE full_name LIKE 'B%') SELECT a.id, b.id FROM a, b",
	    "SELECT country FROM customers, generate_series(1,2) g GROUP BY country, g HAVING ascii(max(full_name)) > g",
	    "SELECT sku FROM (SELECT sku, order_id = (SELECT ascii(email) FROM customers LIMIT 1) AS b FROM orders) q WHERE b",
	    "SELECT sku FROM (SELECT sku, row_number() OVER () = (SELECT ascii(email) FROM customers LIMIT 1) AS b FROM orders) q WHERE b",
	    "SELECT n FROM (SELECT sum(1) AS n FROM generate_series(1, 99) g GROUP BY g % 7) q, customers WHERE n = ascii(full_name)",
	    "SELECT c.id FROM customers c, generate_series(1, 9) g WHERE ascii(c.full_name) > 127 * random()",
	    "UPDATE orders SET qty = 1 WHERE order_id = (SELECT ascii(full_name) FROM customers WHERE id = 1)",
	    "DELETE FROM log USING customers c WHERE log.id = ascii(c.full_name)",
	    "INSERT INTO log (id) SELECT g FROM generate_series(1, 200) g, customers c WHERE g = ascii(c.full_name)",
	    "INSERT INTO log (id, msg) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET msg = 'y' WHERE log.id = (SELECT ascii(full_name) FROM customers LIMIT 1)",
	    "INSERT INTO log (id, msg) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET msg = 'y' WHERE (SELECT pg_try_advisory_lock(ascii(full_name)) FROM customers WHERE id = 1)",
	    "VALUES (1) ORDER BY (SELECT pg_try_advisory_lock(ascii(full_name)) FROM customers WHERE id = 3)",
	    "SELECT 1 UNION ALL SELECT 2 LIMIT (SELECT CASE WHEN pg_try_advisory_lock(ascii(full_name)) THEN 1 ELSE 2 END FROM customers WHERE id = 2)",
	    "SELECT id FROM customers WINDOW w AS (ORDER BY pg_try_advisory_lock(ascii(full_name)))",
	    "WITH x AS (SELECT pg_advisory_lock(ascii(full_name)) FROM customers) SELECT 1",
	    "SELECT CASE WHEN full_name LIKE 'A%' THEN pg_advisory_lock(65) WHEN full_name LIKE 'B%' THEN pg_advisory_lock(66) END FROM customers",
	    "SELECT coalesce(nullif(full_name, 'A'), set_config('a.b', 'x', false)) FROM customers",
	    "SELECT full_name LIKE 'A%' AND nextval('s') > 0 FROM customers",
	    "SELECT id FROM customers WHERE full_name LIKE 'A%' AND pg_try_advisory_lock(65)",
	    "SELECT id FROM customers WHERE CASE left(full_name, 1) WHEN 'A' THEN pg_try_advisory_lock(65) ELSE pg_try_advisory_lock(66) END",
	    "SELECT CASE WHEN EXISTS (SELECT 1 FROM customers WHERE full_name LIKE 'A%') THEN pg_sleep(2) END",
	    "ALTER TABLE customers ALTER COLUMN country TYPE text USING full_name",
	    "ALTER TABLE customers ADD COLUMN x text GENERATED ALWAYS AS (left(full_name, 1)) STORED",
	};
	static const char *const masked[] = {
	    "SELECT EXISTS (SELECT 1 FROM customers WHERE id = 1 AND full_name LIKE 'A%')",
	    "SELECT ARRAY(SELECT g FROM generate_series(1, 9) g, customers c WHERE c.id = 1 AND ascii(c.full_name) > g)",
	    "SELECT ARRAY(SELECT id FROM customers WHERE full_name LIKE 'A%')",
	    "SELECT array_length(ARRAY(SELECT 1 FROM customers WHERE full_name LIKE 'A%'), 1)",
	    "SELECT (SELECT 1 FROM customers WHERE id = 1 AND full_name LIKE 'A%')",
	    "SELECT (SELECT 1 FROM customers WHERE id = 1 AND substr(full_name, 1, 1) = 'A')",
	    "SELECT (SELECT v.n FROM " LETTERS " WHERE v.ch = left(c.full_name, 1)) FROM customers c",
	    "SELECT (SELECT max(v.n) FROM " LETTERS " WHERE v.ch <= c.full_name) FROM customers c",
	    "SELECT (SELECT count(*) FROM generate_series(1, ascii(c.full_name))) FROM customers c",
	    "SELECT (SELECT ordinality FROM unnest(string_to_array('A,B', ',')) WITH ORDINALITY u(x, ordinality) WHERE x = left(c.full_name, 1)) FROM customers c",
	    "SELECT (SELECT array_agg(g) FROM generate_series(1, 3) g WHERE substr(c.full_name, g, 1) > 'm') FROM customers c",
	    "SELECT (SELECT n FROM (SELECT v.n FROM " LETTERS " ORDER BY v.ch = left(c.full_name, 1) DESC LIMIT 1) q) FROM customers c",
	    "SELECT coalesce((SELECT 1 WHERE c.full_name LIKE 'A%'), 0) FROM customers c",
	    "SELECT (SELECT 'x' WHERE EXISTS (SELECT 1 FROM customers WHERE full_name LIKE 'A%'))",
	    "SELECT ordinality FROM customers c, unnest(string_to_array(c.full_name, null)) WITH ORDINALITY u",
	    "SELECT array_ndims(string_to_array(email, 'a')), cardinality(string_to_array(email, null)) FROM customers",
	    "SELECT array_upper(string_to_array(email, null), 1), bit_length(email), octet_length(email) FROM customers",
	    "SELECT ('{1,2,3}'::int[])[ascii(email)], (array_fill(1, array[9]))[1:length(email)] FROM customers",
	    "SELECT (ARRAY['a','b'])[1 + (full_name LIKE 'A%')::int] FROM customers",
	    "SELECT substr('abcdef', ascii(full_name), 1), repeat('x', length(full_name)) FROM customers",
	};

	check_held(held, N(held));
	check_masked(masked, N(masked));
}

/* Names that mean something else than they seem to. */
Test(lineage_rows, names)
{
	static const char *const masked[] = {
	    "SELECT (SELECT \"case\" FROM (SELECT CASE WHEN true THEN c.full_name ELSE ''::text END FROM customers c WHERE c.id = o.k) s) FROM (SELECT order_id AS k, 'x'::text AS \"case\" FROM orders) o",
	    "SELECT (SELECT replace(\"case\", '@', 'x') FROM (SELECT CASE WHEN true THEN c.email ELSE ''::text END FROM customers c WHERE c.id = o.k) s) FROM (SELECT order_id AS k, 'x'::text AS \"case\" FROM orders) o",
	    "SELECT (SELECT \"case\" FROM (SELECT CASE WHEN true THEN c.email ELSE 'x' COLLATE \"C\" END FROM customers c) s) FROM (SELECT 'x' AS \"case\") o",
	    "SELECT (SELECT x FROM ROWS FROM (string_to_table(c.full_name, '~')) AS x) FROM (SELECT full_name, 'y'::text AS x FROM customers) c",
	    "SELECT (SELECT x FROM ROWS FROM (lower(c.full_name)) AS x) FROM (SELECT full_name, 'y'::text AS x FROM customers) c",
	    "SELECT (SELECT x FROM lower(c.full_name) AS x) FROM (SELECT full_name, 'y'::text AS x FROM customers) c",
	    "SELECT public.nosuch.full_name FROM nosuch",
	    "SELECT (SELECT text FROM (SELECT (SELECT (full_name || '')::text FROM customers LIMIT 1)::varchar) s) FROM (SELECT 'x' AS text) o",
	    "SELECT (SELECT full_name FROM (SELECT (SELECT full_name FROM customers LIMIT 1)::text) s) FROM (SELECT 'x' AS full_name) o",
	    "SELECT (SELECT \"?column?\" FROM (SELECT (SELECT full_name || '' FROM customers LIMIT 1)::text) s) FROM (SELECT 'x' AS \"?column?\") o",
	    "SELECT (SELECT column1 FROM (SELECT (VALUES ((SELECT full_name FROM customers LIMIT 1)))::text) s) FROM (SELECT 'x' AS column1) o",
	    "SELECT (SELECT \"greatest\" FROM (SELECT greatest(full_name, '') FROM customers LIMIT 1) s) FROM (SELECT 'x' AS \"greatest\") o",
	    "SELECT (SELECT \"row\" FROM (SELECT row(full_name) FROM customers LIMIT 1) s) FROM (SELECT 'x' AS \"row\") o",
	    "SELECT (SELECT full_name FROM (SELECT (SELECT * FROM (SELECT full_name FROM customers LIMIT 1) i)) s) FROM (SELECT 'x' AS full_name) o",
	    "WITH customers AS (SELECT 'x'::text AS full_name) SELECT (SELECT public.customers.full_name || '' FROM customers) FROM public.customers",
	    "WITH customers AS (SELECT 'x'::text AS full_name) SELECT (SELECT public.customers.full_name FROM customers LIMIT 1) FROM public.customers",
	    "SELECT (SELECT x.full_name FROM orders a JOIN orders b ON length(x.full_name) = 1 LIMIT 1) FROM customers x",
	    "SELECT (SELECT full_name FROM unnest(ARRAY[c]) u) FROM (SELECT * FROM customers) c, (SELECT 'x' AS y) o",
	    "SELECT (SELECT full_name FROM unnest(ARRAY(SELECT c FROM customers c)) u LIMIT 1) FROM (SELECT 'x' AS full_name) o",
	    "SELECT (SELECT full_name FROM json_populate_record(NULL::customers, row_to_json(c)) u) FROM customers c",
	    "SELECT (SELECT full_name FROM jsonb_populate_recordset(NULL::customers, (SELECT jsonb_agg(c) FROM customers c)) u LIMIT 1) FROM (SELECT 'x' AS full_name) o",
	};
	static const char *const held[] = {
	    "SELECT 1 FROM generate_series(1, (SELECT nosuch FROM customers LIMIT 1)) g",
	    "SELECT o.sku FROM orders o, customers c WHERE o.order_id = nosuch",
	};

	check_masked(masked, N(masked));
	check_held(held, N(held));
}

/* Daily work. */
Test(lineage_rows, stays_clear)
{
	static const struct daily t[] = {
	    {"SELECT id, country FROM customers WHERE email = 'x'", "CC"},
	    {"SELECT id FROM customers WHERE email = $1 AND country = 'DE' ORDER BY id LIMIT 20 OFFSET 40", "C"},
	    {"SELECT id FROM customers WHERE lower(email) = lower($1)", "C"},
	    {"SELECT id FROM customers WHERE email ILIKE '%x%' OR full_name ILIKE '%x%' OR country ILIKE '%x%'", "C"},
	    {"SELECT o.sku FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.order_no ILIKE '%x%' OR c.email ILIKE '%x%'", "C"},
	    {"SELECT o.sku FROM orders o JOIN customers c ON c.id = o.customer_id AND c.email LIKE 'a%'", "C"},
	    {"SELECT id FROM customers WHERE (status = 'new' AND email = 'a') OR (status = 'old' AND email = 'b')", "C"},
	    {"SELECT id FROM customers WHERE status = 'new' AND (email LIKE 'a%' OR phone LIKE '1%' OR status LIKE 'x%')", "C"},
	    {"SELECT id FROM customers WHERE (country, email) IN (('DE', 'a'), ('FR', 'b'))", "C"},
	    {"SELECT id FROM customers WHERE (full_name, id) > ('x', 5) ORDER BY full_name, id LIMIT 10", "C"},
	    {"SELECT id FROM customers WHERE full_name > 'x' OR (full_name = 'x' AND id > 5) ORDER BY full_name, id LIMIT 10", "C"},
	    {"SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY email ORDER BY created_at DESC) AS rn FROM customers) c WHERE rn = 1", "C"},
	    {"SELECT id, count(*) OVER (PARTITION BY lower(email)) FROM customers", "CC"},
	    {"SELECT id FROM customers WHERE email = (SELECT email FROM employees WHERE id = 5)", "C"},
	    {"SELECT c.id FROM customers c JOIN employees e ON e.id = c.id WHERE c.email ILIKE '%x%' OR e.email ILIKE '%x%' OR e.name ILIKE '%x%'", "C"},
	    {"SELECT c.id FROM customers c JOIN employees e ON e.id = c.id WHERE c.email LIKE '%' || $1 || '%' OR e.email LIKE '%' || $1 || '%'", "C"},
	    {"SELECT c.id FROM customers c JOIN payments p ON p.id = c.id WHERE c.email = 'x' AND p.card_no = 'y'", "C"},
	    {"SELECT id FROM customers WHERE email = current_setting('app.mail')", "C"},
	    {"UPDATE customers SET status = 'x' WHERE CURRENT OF cu", ""},
	    {"SELECT id FROM customers WHERE birth_date < now() - interval '18 years' AND full_name IS NOT NULL", "C"},
	    {"SELECT id FROM customers WHERE birth_date BETWEEN '1980-01-01' AND '1990-01-01'", "C"},
	    {"SELECT count(*) FROM customers WHERE email LIKE '%@x.org'", "C"},
	    {"SELECT country, count(*), count(email), count(DISTINCT email) FROM customers GROUP BY country ORDER BY 2 DESC", "CCCC"},
	    {"SELECT count(*) FILTER (WHERE email IS NULL), count(*) FILTER (WHERE status = 'x') FROM customers", "CC"},
	    {"SELECT email IS NOT NULL AS has_email, id FROM customers", "CC"},
	    {"SELECT email FROM customers ORDER BY email LIMIT 5", "m"},
	    {"SELECT id, full_name FROM customers ORDER BY lower(full_name), id", "Cm"},
	    {"SELECT id, full_name AS n FROM customers ORDER BY n", "Cm"},
	    {"SELECT email, count(*) FROM customers GROUP BY email HAVING count(*) > 1", "mC"},
	    {"SELECT email, count(*) FROM customers GROUP BY 1 ORDER BY 2 DESC", "mC"},
	    {"SELECT DISTINCT email FROM customers", "m"},
	    {"SELECT DISTINCT country FROM customers ORDER BY country", "C"},
	    {"SELECT count(*) FROM (SELECT * FROM customers WHERE email ILIKE '%x%') t", "C"},
	    {"SELECT count(*) FROM (SELECT DISTINCT email FROM customers) t", "C"},
	    {"SELECT * FROM (SELECT c.id, c.country, row_number() OVER (ORDER BY c.id) AS rn FROM customers c WHERE c.email LIKE 'a%') p WHERE rn BETWEEN 1 AND 20", "CCC"},
	    {"WITH x AS (SELECT id FROM customers WHERE email = 'x') SELECT o.sku FROM orders o JOIN x ON x.id = o.customer_id", "C"},
	    {"WITH x AS (SELECT id, full_name FROM customers) SELECT x.id, x.full_name, sum(o.amount) FROM x JOIN orders o ON o.customer_id = x.id GROUP BY x.id, x.full_name", "CmC"},
	    {"SELECT sku FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE email LIKE '%@x.org')", "C"},
	    {"SELECT sku FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id AND c.email LIKE 'x%')", "C"},
	    {"SELECT sku FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id)", "C"},
	    {"SELECT sku FROM orders WHERE customer_id = (SELECT id FROM customers WHERE email = 'x')", "C"},
	    {"SELECT c.id, e.id FROM customers c JOIN employees e ON lower(e.email) = lower(c.email)", "CC"},
	    {"SELECT c.id, e.id FROM customers c JOIN employees e USING (email)", "CC"},
	    {"SELECT a.id, b.id FROM customers a JOIN customers b ON a.email = b.email AND a.id < b.id", "CC"},
	    {"SELECT a.id, b.id FROM customers a JOIN customers b ON a.email = b.email OR a.phone = b.phone", "CC"},
	    {"SELECT e.id FROM employees e JOIN employees m ON m.id = e.manager_id WHERE e.salary > m.salary", "C"},
	    {"SELECT id FROM employees WHERE salary > (SELECT avg(salary) FROM employees)", "C"},
	    {"SELECT id FROM employees WHERE salary > 10000 AND department = 'x'", "C"},
	    {"SELECT department, count(*) FROM employees GROUP BY department HAVING avg(salary) > 10", "CC"},
	    {"SELECT log.id FROM log JOIN customers c ON c.email = log.msg", "C"},
	    {"SELECT log.id, log.msg FROM log JOIN customers c ON c.email = log.msg", "Cm"},
	    {"SELECT o.sku, (SELECT c.country FROM customers c WHERE c.id = o.customer_id) FROM orders o", "CC"},
	    {"SELECT o.sku, (SELECT c.email FROM customers c WHERE c.id = o.customer_id) FROM orders o", "Cm"},
	    {"SELECT c.id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) FROM customers c ORDER BY 2", "CC"},
	    {"SELECT c.id, x.n FROM customers c CROSS JOIN LATERAL (SELECT count(*) AS n FROM orders o WHERE o.customer_id = c.id) x", "CC"},
	    {"SELECT c.id, x.sku FROM customers c LEFT JOIN LATERAL (SELECT sku FROM orders o WHERE o.customer_id = c.id ORDER BY order_id DESC LIMIT 1) x ON true", "CC"},
	    {"SELECT key, value FROM customers c, jsonb_each_text(to_jsonb(c))", "mm"},
	    {"SELECT c.id, u.x FROM customers c, unnest(ARRAY[c.email, c.phone]) AS u(x)", "Cm"},
	    {"SELECT id, country FROM customers UNION ALL SELECT order_id, sku FROM orders ORDER BY 1", "CC"},
	    {"SELECT 'c' AS kind, email FROM customers UNION ALL SELECT 'e', email FROM employees", "Cm"},
	    {"SELECT id FROM (SELECT id, email FROM customers UNION ALL SELECT id, email FROM employees) u WHERE email = 'x'", "C"},
	    {"SELECT id FROM (SELECT id, email FROM customers UNION ALL SELECT id, email FROM employees) u WHERE email LIKE 'x%'", "C"},
	    {"SELECT email FROM customers EXCEPT SELECT email FROM employees", "m"},
	    {"SELECT d::date, count(c.id) FROM generate_series('2024-01-01'::date, '2024-12-31', '1 day') d LEFT JOIN customers c ON c.created_at = d GROUP BY 1 ORDER BY 1", "CC"},
	    {"SELECT country, count(*), sum(count(*)) OVER (ORDER BY country) FROM customers GROUP BY country", "CCC"},
	    {"SELECT id, lag(created_at) OVER (PARTITION BY country ORDER BY created_at) FROM customers", "CC"},
	    {"SELECT width_bucket(loyalty_points, 0, 100, 10) AS b, count(*) FROM customers GROUP BY b ORDER BY b", "CC"},
	    {"SELECT CASE WHEN loyalty_points > 10 THEN 'a' ELSE 'b' END, count(*) FROM customers GROUP BY 1", "CC"},
	    {"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY loyalty_points) FROM customers", "C"},
	    {"SELECT v.n, count(o.order_id) FROM (VALUES (1),(2)) v(n) LEFT JOIN orders o ON o.qty = v.n GROUP BY v.n", "CC"},
	    {"WITH p AS (SELECT '1980-01-01'::date AS d) SELECT c.id FROM customers c, p WHERE c.birth_date > p.d", "C"},
	    {"SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relname = 'customers' AND a.attnum > 0 ORDER BY a.attnum", "CC"},
	    {"SELECT n.nspname, (SELECT count(*) FROM pg_class k WHERE relnamespace = n.oid) FROM pg_namespace n", "CC"},
	    {"SELECT x.i, x.n FROM (SELECT i, generate_series(1, 3) AS n FROM unnest('{1,2}'::int[]) i) x", "CC"},
	    {"WITH RECURSIVE r(id, m) AS (SELECT id, manager_id FROM employees WHERE name = 'x' UNION ALL SELECT e.id, e.manager_id FROM employees e JOIN r ON r.m = e.id) SELECT * FROM r", "CC"},
	    {"UPDATE customers SET status = 'x' WHERE email = $1 RETURNING id", "C"},
	    {"SELECT id FROM customers WHERE email IN ('a','b') AND phone <> ''", "C"},
	    {"SELECT id FROM customers FOR UPDATE SKIP LOCKED", "C"},
	    {"SELECT c.ctid, c.id FROM customers c WHERE c.email = 'x'", "CC"},
	    {"SELECT id FROM customers WHERE to_tsvector('simple', full_name) @@ to_tsquery('simple', 'x')", "C"},
	    {"SELECT id FROM customers WHERE md5(email) = 'x'", "C"},
	    {"SELECT CASE WHEN id > 5 THEN nextval('s') END, full_name FROM customers", "Cm"},
	    {"ALTER TABLE customers ALTER COLUMN status TYPE int USING status::int", ""},
	    {"ALTER TABLE customers ADD COLUMN x text DEFAULT 'y'", ""},
	    {"SELECT public.customers.id, public.orders.sku FROM public.customers, public.orders", "CC"},
	};

	for (size_t i = 0; i < N(t); i++)
		check_clear(&t[i]);
}

/* Where the catalogue may be of the past, a statement must be harmless whatever its columns hold. */
Test(lineage_rows, unsure_of_every_column)
{
	static const struct {
		const char *sql;
		bool held;
	} t[] = {
	    {"SELECT sku FROM orders WHERE order_id = 5", false},
	    {"SELECT o.sku FROM orders o JOIN tickets t ON t.customer_id = o.customer_id ORDER BY o.sku", false},
	    {"SELECT count(*) FROM orders GROUP BY sku", false},
	    {"INSERT INTO log VALUES (1, 'x')", false},
	    {"INSERT INTO log SELECT id, msg FROM log", false},
	    {"SELECT 1 FROM orders, generate_series(1, ascii(sku))", true},
	    {"SELECT 1 FROM orders, generate_series(1, ascii(renamed))", true},
	    {"SELECT 1 FROM new_name, generate_series(1, ascii(sku))", true},
	    {"SELECT sku FROM orders ORDER BY left(sku, 1)", true},
	    {"SELECT sku FROM orders GROUP BY sku, left(sku, 1)", true},
	    {"INSERT INTO log (msg) SELECT sku || 'x' FROM orders", true},
	    {"SELECT 1 FROM v_customers, generate_series(1, ascii(mail))", true},
	};
	struct catalog unsure = cat;

	unsure.unsure_kind = TEXT;
	for (size_t i = 0; i < N(t); i++) {
		struct lineage_result r;

		pgsql_lineage(span_str(t[i].sql), &unsure, &r);
		cr_expect_eq(is_held(&r.stmts[0]), t[i].held, "%s", t[i].sql);
		lineage_clear(&r);
	}
}

/* What the parser may learn: a field, a node, a flag that no rule knows. The statement is understood without it. */
static void check_json(const char *select_more, const char *target_more, bool known)
{
	static char json[2048];
	struct pgtree *t = NULL;
	struct lineage_result r;
	struct why w;

	(void)snprintf(json, sizeof(json),
	    "{\"version\":150001,\"stmts\":[{\"stmt\":{\"SelectStmt\":{\"targetList\":[{\"ResTarget\":{\"val\":{\"ColumnRef\":{\"fields\":"
	    "[{\"String\":{\"sval\":\"id\"}}]}}%s}}],\"fromClause\":[{\"RangeVar\":{\"relname\":\"customers\",\"inh\":true,"
	    "\"relpersistence\":\"p\"}}],\"limitOption\":\"LIMIT_OPTION_DEFAULT\",\"op\":\"SETOP_NONE\"%s}}}]}",
	    target_more, select_more);
	cr_assert_eq(pgtree_read_json(span_str(json), &t, &w), 0, "%s", json);
	pgsql_lineage_tree(t, &cat, 0, &r);
	cr_assert_eq(r.n_stmts, 1u);
	cr_expect_eq(r.stmts[0].known, known, "%s", json);
	cr_expect_eq(r.stmts[0].rows, !known, "%s", json);
	cr_expect(known || !r.stmts[0].partly || r.stmts[0].cols[0].what != LINEAGE_CLEAN, "%s", json);
	lineage_clear(&r);
	pgtree_free(t);
}

Test(lineage_rows, what_no_rule_has_read_makes_everything_unknown)
{
	check_json("", "", true);
	check_json(",\"whereClause\":{\"A_Const\":{\"boolval\":{\"boolval\":true}}}", "", true);
	check_json(",\"qualifyClause\":{\"ColumnRef\":{\"fields\":[{\"String\":{\"sval\":\"email\"}}]}}", "", false);
	check_json(",\"newFlag\":true", "", false);
	check_json(",\"newList\":[1]", "", false);
	check_json(",\"whereClause\":{\"JsonQuery\":{\"arg\":{\"A_Const\":{}}}}", "", false);
	check_json(",\"sortClause\":[{\"SortBy\":{\"node\":{\"A_Const\":{}},\"collation\":{\"A_Const\":{}}}}]", "", false);
	check_json(",\"lockingClause\":[{\"LockingClause\":{\"strength\":\"LCS_FORUPDATE\"}}]", "", true);
	check_json("", ",\"returningOld\":true", false);
	check_json("", ",\"name\":\"x\"", true);
}

/* x op ANY, SOME, ALL, IN of a subquery that gives a clear value of the row around. */
Test(lineage_rows, clear_values_behind_a_subquery)
{
	static const char *const held[] = {
	    "SELECT id FROM customers c WHERE length(c.full_name) IN (SELECT c.loyalty_points)",
	    "SELECT id FROM customers c WHERE length(c.full_name) > SOME (SELECT c.loyalty_points FROM string_to_table('x', ',') s)",
	    "SELECT id FROM customers c WHERE length(c.full_name) >= ALL (SELECT c.id)",
	    "SELECT id FROM customers c WHERE length(c.full_name) NOT IN (SELECT c.id)",
	    "SELECT id FROM customers c WHERE c.full_name > ANY (SELECT c.country)",
	    "SELECT id FROM customers c WHERE (length(c.full_name), 1) IN (SELECT c.id, 1)",
	    "SELECT c.id, o.qty FROM customers c, orders o WHERE ascii(c.full_name) = ANY (SELECT o.qty)",
	    "SELECT id FROM customers c WHERE length(c.full_name) IN (SELECT o.qty FROM orders o WHERE o.customer_id = c.id)",
	};
	static const struct daily daily[] = {
	    {"SELECT id FROM customers c WHERE c.id IN (SELECT c.loyalty_points)", "C"},
	    {"SELECT id FROM customers c WHERE c.id > ANY (SELECT o.qty FROM orders o WHERE o.customer_id = c.id)", "C"},
	    {"SELECT id FROM customers c WHERE c.id IN (SELECT o.customer_id FROM orders o)", "C"},
	    {"SELECT id FROM customers c WHERE c.id NOT IN (SELECT o.customer_id FROM orders o WHERE o.status = c.status)", "C"},
	    {"SELECT id FROM customers c WHERE c.email IN (SELECT e.email FROM employees e)", "C"},
	    {"SELECT id FROM employees e WHERE e.salary >= ALL (SELECT x.salary FROM employees x WHERE x.department = e.department)", "C"},
	    {"SELECT id FROM customers c WHERE c.loyalty_points >= ALL (SELECT o.qty FROM orders o WHERE o.customer_id = c.id)", "C"},
	};

	check_held(held, N(held));
	for (size_t i = 0; i < N(daily); i++)
		check_clear(&daily[i]);
}

/* What ANALYZE made of the values. */
Test(lineage_rows, statistics_are_values)
{
	static const char *const masked[] = {
	    "SELECT n_distinct, avg_width, correlation FROM pg_stats",
	    "SELECT null_frac FROM pg_stats",
	    "SELECT most_common_freqs, most_common_elem_freqs, elem_count_histogram FROM pg_catalog.pg_stats",
	    "SELECT s.n_distinct + 1 FROM pg_stats s",
	    "SELECT n_distinct, dependencies, most_common_base_freqs FROM pg_stats_ext",
	    "SELECT most_common_val_nulls, most_common_freqs FROM pg_stats_ext",
	    "SELECT stanullfrac, stawidth, stadistinct FROM pg_statistic",
	    "SELECT stxdndistinct, stxdmcv FROM pg_statistic_ext_data",
	};
	static const struct daily daily[] = {
	    {"SELECT schemaname, tablename, attname FROM pg_stats", "CCC"},
	    {"SELECT attname, n_distinct FROM pg_stats WHERE tablename = 'customers' ORDER BY attname", "Cm"},
	    {"SELECT statistics_name, attnames FROM pg_stats_ext", "CC"},
	    {"SELECT stxname, stxkind FROM pg_statistic_ext", "CC"},
	    {"SELECT relname, reltuples, relpages FROM pg_class", "CCC"},
	    {"SELECT relname, n_live_tup FROM pg_stat_user_tables", "CC"},
	};

	check_masked(masked, N(masked));
	for (size_t i = 0; i < N(daily); i++)
		check_clear(&daily[i]);
}
