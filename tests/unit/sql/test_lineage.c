/* SPDX-License-Identifier: Apache-2.0
 *
 * Lineage by table: a statement and what each of its columns must be. C clean, S sensitive and plain, D sensitive and
 * derived, U unknown, m masked in any way (S, D or U), * anything; "-" known to have no columns, "?" not known,
 * "/" between statements. The catalogue is small and fixed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lineage_cat.h"
#include "sql/pgtree.h"

static char letter(const struct lineage_col *c)
{
	return c->what == LINEAGE_CLEAN ? 'C' : c->what == LINEAGE_UNKNOWN ? 'U' : c->derived ? 'D' : 'S';
}

static void describe(const struct lineage_result *r, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_stmts && n + 3 < cap; i++) {
		const struct lineage_stmt *s = &r->stmts[i];

		if (i > 0)
			out[n++] = '/';
		if (!s->known)
			out[n++] = '?';
		else if (s->n_cols == 0)
			out[n++] = '-';
		for (size_t k = 0; k < s->n_cols && n + 3 < cap; k++)
			out[n++] = letter(&s->cols[k]);
	}
	out[n] = '\0';
}

static bool agrees(const char *got, const char *want)
{
	size_t n = strlen(want);

	if (strlen(got) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool ok = got[i] == want[i] || want[i] == '*' || (want[i] == 'm' && strchr("SDU", got[i]) != NULL);

		if (!ok)
			return false;
	}
	return true;
}

struct expectation {
	const char *sql, *want;
};

static void check(const struct expectation *e)
{
	struct lineage_result r;
	char got[4096];

	pgsql_lineage(span_str(e->sql), &cat, &r);
	describe(&r, got, sizeof(got));
	cr_expect(agrees(got, e->want), "%s\n   is %s, not %s", e->sql, got, e->want);
	lineage_clear(&r);
}

#define CHECK_ALL(table)                                                                                                       \
	do {                                                                                                                   \
		for (size_t i_ = 0; i_ < sizeof(table) / sizeof((table)[0]); i_++)                                             \
			check(&(table)[i_]);                                                                                   \
	} while (0)

Test(lineage, plain_columns)
{
	static const struct expectation t[] = {
		{"SELECT id, email, city FROM customers WHERE country='DE'", "CSS"},
		{"SELECT abalance FROM pgbench_accounts WHERE aid = 1", "C"},
		{"SELECT * FROM customers", "CSSSSSSSCCCCC"},
		{"SELECT c.* FROM customers c", "CSSSSSSSCCCCC"},
		{"SELECT c.*, o.order_id FROM customers c, orders o", "CSSSSSSSCCCCCC"},
		{"TABLE vendors", "CCS"},
		{"SELECT public.customers.email FROM public.customers", "S"},
		{"SELECT customers.email FROM customers", "S"},
		{"SELECT email AS status, id AS email FROM customers", "SC"},
		{"SELECT e FROM customers AS c(i, n, e)", "S"},
		{"SELECT country FROM customers AS c(i, n, e)", "C"},
		{"SELECT email FROM customers AS c(i, n, e)", "U"},
		{"SELECT ctid, xmin, tableoid, email FROM customers", "CCCS"},
		{"SELECT order_id, sku, checksum, tracking_no, invoice_no FROM orders", "CCCCC"},
		{"SELECT gtin13, name, author FROM catalog", "CCS"},
		{"SELECT app_version, client FROM http_log", "CS"},
		{"SELECT DISTINCT contact_person FROM vendors", "S"},
		{"SELECT DISTINCT ON (email) id FROM customers", "C"},
		{"SELECT email FROM customers ORDER BY email LIMIT 5", "S"},
		{"SELECT email, count(*) FROM customers GROUP BY email", "SC"},
		{"SELECT email FROM customers FOR UPDATE", "S"},
		{"SELECT email FROM ONLY customers TABLESAMPLE SYSTEM (10)", "S"},
		{"SELECT nosuch FROM customers", "U"},
		{"SELECT id FROM nosuch", "U"},
		{"SELECT * FROM nosuch", "?"},
		{"SELECT customers.id FROM customers, nosuch", "C"},
		{"SELECT id, x FROM customers, nosuch", "CU"},
		{"SELECT * FROM v_customers", "UU"},
		{"SELECT other.customers.email FROM customers", "m"},
		{"SELECT id FROM other.customers", "U"},
		{"SELECT", "-"},
		{"", ""},
	};

	CHECK_ALL(t);
}

Test(lineage, expressions)
{
	static const struct expectation t[] = {
		{"SELECT lower(email) FROM customers", "D"},
		{"SELECT reverse(email), translate(email,'@','x'), encode(email::bytea,'hex') FROM customers", "DDD"},
		{"SELECT coalesce(email,'') FROM customers", "D"},
		{"SELECT length(email) FROM customers", "D"},
		{"SELECT email::varchar, CAST(email AS text), email COLLATE \"C\" FROM customers", "DDD"},
		{"SELECT email || 'x', 'x' || id FROM customers", "DC"},
		{"SELECT CASE WHEN email LIKE 'a%' THEN 1 ELSE 0 END FROM customers", "D"},
		{"SELECT CASE id WHEN 1 THEN 'a' ELSE 'b' END FROM customers", "C"},
		{"SELECT email LIKE 'a%', email > 'm', email = 'x', email IS NULL, email IN ('a','b') FROM customers", "DDDCD"},
		{"SELECT email BETWEEN 'a' AND 'b', email ~ 'x', NOT (email = 'x'), email IS DISTINCT FROM 'x' FROM customers", "DDDD"},
		{"SELECT nullif(email,''), greatest(email,'a'), least(id, 3) FROM customers", "DDC"},
		{"SELECT ARRAY[email, 'x'], ARRAY[id], ROW(id, email), (ARRAY[email])[1] FROM customers", "DCDD"},
		{"SELECT xmlelement(name x, email)::text, xmlforest(email, id), xmlelement(name x, id) FROM customers", "DDC"},
		{"SELECT format('%s',email), format('%s', id) FROM customers", "DC"},
		{"SELECT substring(email from 1 for 3), overlay(email placing 'x' from 1), position('@' in email), trim(email) FROM customers", "DDDD"},
		{"SELECT extract(year from birth_date), birth_date + interval '1 day', birth_date AT TIME ZONE 'UTC' FROM customers", "DDD"},
		{"SELECT md5(email), sha256(email::bytea), hashtext(email) FROM customers", "DDm"},
		{"SELECT 1, 'x', NULL, true, 1.5, $1, now(), version(), current_database(), current_user, CURRENT_DATE", "CCCCCCCCCCC"},
		{"SELECT 1 + 2 * 3, upper('x'), round(amount, 2), amount::text FROM orders", "CCCC"},
		{"SELECT my_function(id) FROM customers", "U"},
		{"SELECT my_function(email) FROM customers", "D"},
		{"SELECT my_function()", "U"},
		{"SELECT evil.lower('x')", "U"},
		{"SELECT initcap('x')", "U"},
		{"SELECT pg_catalog.initcap('x')", "C"},
		{"SELECT current_setting('x.y'), current_setting('server_version'), current_setting('application_name')", "UCU"},
		{"SELECT current_setting('server' || '_version'), currval('s'), lastval(), nextval('s'), lo_get(1)", "UUUCU"},
		{"SELECT query_to_xml('select email from customers',true,false,'')", "U"},
		{"SELECT table_to_xml('customers',true,false,''), dblink('x','y'), pg_read_file('x')", "UUU"},
		{"SELECT set_config('a.b', email, false) FROM customers", "D"},
		{"SELECT set_config('a.b', 'x', false)", "U"},
		{"SELECT id OPERATOR(evil.+) 1 FROM customers", "U"},
		{"SELECT id OPERATOR(pg_catalog.+) 1 FROM orders, customers", "C"},
		{"SELECT pg_typeof(id), random() < 0.5, gen_random_uuid(), to_char(now(), 'YYYY') FROM customers", "CCCC"},
		{"SELECT payload->>'email', payload#>>'{a}', payload @> '{}' FROM tickets", "DDD"},
	};

	CHECK_ALL(t);
}

Test(lineage, aggregates_and_windows)
{
	static const struct expectation t[] = {
		{"SELECT count(*), count(email), count(DISTINCT email) FROM customers", "CCC"},
		{"SELECT count(*) FROM customers WHERE email LIKE 'a%'", "C"},
		{"SELECT count(*) FILTER (WHERE email LIKE 'a%') FROM customers", "D"},
		{"SELECT max(email), min(email) FROM customers", "DD"},
		{"SELECT string_agg(email, ','), array_agg(email), json_agg(email), jsonb_object_agg(id, email) FROM customers", "DDDD"},
		{"SELECT sum(salary), avg(salary), bool_or(email = 'x'), sum(id), avg(id) FROM employees", "DDDCC"},
		{"SELECT string_agg(country, ',' ORDER BY email) FROM customers", "D"},
		{"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY salary) FROM employees", "D"},
		{"SELECT first_value(email) OVER (ORDER BY id), lag(id) OVER (ORDER BY id) FROM customers", "DC"},
		{"SELECT row_number() OVER (ORDER BY id), rank() OVER (ORDER BY salary) FROM employees", "CD"},
		{"SELECT row_number() OVER w, sum(id) OVER (PARTITION BY department) FROM employees WINDOW w AS (ORDER BY salary)", "DC"},
		{"SELECT count(*) OVER (ORDER BY id ROWS (SELECT max(salary) FROM employees)::int PRECEDING) FROM employees", "D"},
		{"SELECT department, count(*) FROM employees GROUP BY ROLLUP(department) HAVING max(salary) > 10", "CC"},
		{"SELECT grouping(department), department FROM employees GROUP BY CUBE(department)", "CC"},
		{"SELECT my_agg(id) FROM customers", "U"},
		{"SELECT public.count(id) FROM customers", "U"},
		{"SELECT json_agg(c) FROM customers c", "D"},
		{"SELECT json_agg(o) FROM orders o", "C"},
	};

	CHECK_ALL(t);
}

Test(lineage, whole_rows)
{
	static const struct expectation t[] = {
		{"SELECT c FROM customers c", "D"},
		{"SELECT customers FROM customers", "D"},
		{"SELECT o FROM orders o", "C"},
		{"SELECT row_to_json(c) FROM customers c", "D"},
		{"SELECT to_jsonb(c)->>'email' FROM customers c", "D"},
		{"SELECT to_jsonb(c)->>'id' FROM customers c", "D"},
		{"SELECT row_to_json(o), to_jsonb(o)->'sku' FROM orders o", "CC"},
		{"SELECT (c).email, (c).id FROM customers c", "SC"},
		{"SELECT (c.*).email FROM customers c", "S"},
		{"SELECT (c).* FROM customers c", "CSSSSSSSCCCCC"},
		{"SELECT (c).nosuch FROM customers c", "D"},
		{"SELECT c::text, c.*::text, ROW(c.*), hstore(c) FROM customers c", "DDDD"},
		{"SELECT email(c) FROM customers c", "D"},
		{"SELECT c.lower FROM customers c", "D"},
		{"SELECT o.my_function FROM orders o", "U"},
		{"SELECT (json_populate_record(NULL::customers, '{}')).email", "C"},
		{"SELECT (my_function()).*", "?"},
		{"SELECT (SELECT c FROM customers c LIMIT 1)", "D"},
		{"SELECT x.* FROM (SELECT c FROM customers c) x", "D"},
		{"SELECT (x.c).email FROM (SELECT c FROM customers c) x", "D"},
		{"SELECT (x.c).* FROM (SELECT c FROM customers c) x", "?"},
		{"SELECT u FROM v_customers u", "U"},
		{"SELECT n FROM nosuch n", "U"},
	};

	CHECK_ALL(t);
}

Test(lineage, subqueries)
{
	static const struct expectation t[] = {
		{"SELECT status FROM (SELECT email AS status FROM customers) orders", "S"},
		{"SELECT e FROM (SELECT email AS e FROM customers) s", "S"},
		{"SELECT * FROM (SELECT id, email FROM customers) s(a, b)", "CS"},
		{"SELECT b, a FROM (SELECT id, email FROM customers) s(a, b)", "SC"},
		{"SELECT lower FROM (SELECT lower(email) FROM customers) s", "D"},
		{"SELECT x.\"?column?\" FROM (SELECT email || '' FROM customers) x", "D"},
		{"SELECT (SELECT email FROM customers LIMIT 1) AS v", "S"},
		{"SELECT (SELECT count(*) FROM customers WHERE email LIKE 'a%')", "D"},
		{"SELECT o.order_id, (SELECT c.country FROM customers c WHERE c.id = o.customer_id) FROM orders o", "CC"},
		{"SELECT (SELECT c.country FROM customers c WHERE c.email = 'x')", "D"},
		{"SELECT (SELECT true FROM customers WHERE email LIKE 'a%' LIMIT 1)", "D"},
		{"SELECT ARRAY(SELECT email FROM customers), ARRAY(SELECT id FROM customers)", "DC"},
		{"SELECT EXISTS (SELECT 1 FROM customers WHERE email = 'x')", "D"},
		{"SELECT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id) FROM customers c", "C"},
		{"SELECT EXISTS (SELECT 1 FROM orders JOIN customers ON email LIKE 'a%')", "D"},
		{"SELECT 'x' IN (SELECT email FROM customers), 'x' = ANY (SELECT sku FROM orders), 1 > ALL (SELECT salary FROM employees)", "DCD"},
		{"SELECT (1, 'a') = (SELECT id, email FROM customers LIMIT 1)", "D"},
		{"SELECT id FROM customers WHERE email = 'x' OR email LIKE 'y%'", "C"},
		{"SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders)", "C"},
		{"SELECT l.e FROM orders o, LATERAL (SELECT email AS e FROM customers c WHERE c.id = o.customer_id) l", "S"},
		{"SELECT l.e FROM customers c, LATERAL (SELECT c.email AS e) l", "S"},
		{"SELECT l.e FROM customers c, LATERAL (SELECT upper(email) AS e) l", "D"},
		{"SELECT x FROM customers c, (SELECT email AS x) l", "U"},
		{"SELECT email FROM (SELECT id FROM orders) s, customers", "S"},
		{"SELECT (SELECT email) FROM customers", "S"},
		{"SELECT (SELECT s.a FROM (SELECT c.email AS a) s) FROM customers c", "S"},
		{"SELECT t.case FROM (SELECT CASE WHEN true THEN email END FROM customers) t", "D"},
		{"SELECT t.xmlelement FROM (SELECT xmlelement(name a, email) FROM customers) t", "D"},
		{"SELECT id, (SELECT nosuch) FROM orders, customers", "CU"},
		{"SELECT (SELECT country FROM (SELECT xmlconcat(email::xml) FROM customers) t) FROM customers", "C"},
		{"SELECT text FROM (SELECT email::text FROM customers) t", "m"},
		{"SELECT email FROM (SELECT email::text FROM customers) t", "D"},
	};

	CHECK_ALL(t);
}

Test(lineage, joins)
{
	static const struct expectation t[] = {
		{"SELECT c.email, o.sku FROM customers c JOIN orders o ON o.customer_id = c.id", "SC"},
		{"SELECT * FROM tickets t LEFT JOIN orders o ON o.customer_id = t.customer_id", "CCSCCCCCCCCCCC"},
		{"SELECT * FROM orders JOIN payments USING (order_no)", "CCCCCCCCCCCCCSSC"},
		{"SELECT order_no, card_no FROM orders NATURAL JOIN tickets JOIN payments USING (order_no)", "CS"},
		{"SELECT * FROM customers NATURAL JOIN employees", "CSSSSSSSCCCCCSSCC"},
		{"SELECT email FROM customers FULL JOIN employees USING (email)", "S"},
		{"SELECT msg FROM (SELECT email AS msg FROM customers) a JOIN log USING (msg)", "S"},
		{"SELECT log.msg FROM log JOIN (SELECT email AS msg FROM customers) a USING (msg)", "D"},
		{"SELECT log.msg FROM log NATURAL JOIN (SELECT email AS msg FROM customers) a", "D"},
		{"SELECT j.email, j.sku FROM (customers c JOIN orders o ON true) AS j", "SC"},
		{"SELECT c.email FROM (customers c JOIN orders o ON true) AS j", "U"},
		{"SELECT u.order_no, u.card_no FROM orders JOIN payments USING (order_no) AS u", "CU"},
		{"SELECT j.b FROM (orders JOIN payments USING (order_no)) AS j(a, b)", "C"},
		{"SELECT s.b FROM (SELECT card_no, id FROM orders JOIN payments USING (order_no)) AS s(b, a)", "S"},
		{"SELECT o.sku, n.x FROM orders o JOIN nosuch n ON n.id = o.order_id", "CU"},
		{"SELECT sku FROM orders o JOIN nosuch n USING (order_id)", "U"},
		{"SELECT sku FROM orders o JOIN nosuch n ON true", "C"},
		{"SELECT a.email FROM customers a, customers b", "S"},
		{"SELECT o.sku FROM orders o CROSS JOIN customers c", "C"},
	};

	CHECK_ALL(t);
}

/* What equals a sensitive column is one. */
Test(lineage, sideways)
{
	static const struct expectation t[] = {
		{"SELECT g FROM generate_series(1,9) g JOIN customers c ON c.ssn = g", "D"},
		{"SELECT g FROM generate_series(1,9) g JOIN customers c ON c.ssn = g::text", "D"},
		{"SELECT g FROM generate_series(1,9) g, customers c WHERE c.ssn = g::text", "D"},
		{"SELECT g FROM generate_series(1,9) g, customers c WHERE NOT (c.ssn <> g::text)", "D"},
		{"SELECT g FROM generate_series(1,9) g, customers c WHERE c.ssn BETWEEN g::text AND g::text", "D"},
		{"SELECT g FROM generate_series(1,9) g WHERE g IN (SELECT ssn FROM customers)", "D"},
		{"SELECT g FROM generate_series(1,9) g WHERE g = ANY (ARRAY(SELECT ssn FROM customers))", "D"},
		{"SELECT g FROM generate_series(1,9) g WHERE EXISTS (SELECT 1 FROM customers c WHERE c.ssn = g)", "D"},
		{"SELECT g FROM generate_series(1,9) g WHERE (SELECT ascii(email) = g FROM customers LIMIT 1)", "D"},
		{"SELECT g FROM generate_series(1,9) g ORDER BY g = (SELECT ascii(email) FROM customers LIMIT 1) DESC LIMIT 1", "D"},
		{"SELECT o.order_id FROM orders o ORDER BY abs(o.order_id - (SELECT ascii(email) FROM customers LIMIT 1)) LIMIT 1", "D"},
		{"SELECT o.order_id, o.sku FROM orders o, customers c WHERE o.order_id BETWEEN ascii(c.email) AND ascii(c.email)", "Dm"},
		{"SELECT o.order_id FROM orders o, customers c WHERE o.order_id + 0 = ascii(c.email)", "D"},
		{"SELECT max(o.order_id) FROM orders o, customers c WHERE o.order_id <= ascii(c.email)", "D"},
		{"SELECT o.order_id FROM orders o, customers c WHERE CASE WHEN o.order_id = ascii(c.email) THEN true END", "D"},
		{"SELECT o.sku, o.customer_id FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id AND c.email = 'x')", "CC"},
		{"SELECT id, country FROM customers WHERE email LIKE 'a%' AND country = 'DE' ORDER BY email", "CC"},
		{"SELECT v FROM (VALUES ('a'),('b')) t(v) JOIN customers c ON c.email = v", "D"},
		{"SELECT v FROM (VALUES ('a'),('b')) t(v) JOIN customers c ON c.email LIKE v || '%'", "D"},
		{"SELECT x FROM (SELECT g + 1 AS x FROM generate_series(1,9) g) s, customers c WHERE c.ssn = x::text", "D"},
		{"SELECT a.aid FROM pgbench_accounts a JOIN customers c ON c.ssn = a.aid", "D"},
		{"SELECT a.aid, a.bid FROM pgbench_accounts a, customers c WHERE a.aid = c.ssn::int AND c.country = 'DE'", "DC"},
		{"SELECT o.sku, c.id FROM orders o, customers c WHERE o.customer_id = c.id AND c.email = 'x'", "CC"},
		{"SELECT d, count(o.order_id) FROM generate_series(1,9) d LEFT JOIN orders o ON o.qty = d GROUP BY d", "CC"},
	};

	CHECK_ALL(t);
}

Test(lineage, ctes)
{
	static const struct expectation t[] = {
		{"WITH x AS (SELECT id, email FROM customers) SELECT * FROM x", "CS"},
		{"WITH x AS MATERIALIZED (SELECT email FROM customers) SELECT lower(email) FROM x", "D"},
		{"WITH x(a, b) AS (SELECT id, email FROM customers) SELECT b, a FROM x", "SC"},
		{"WITH orders AS (SELECT email AS sku FROM customers) SELECT sku FROM orders", "S"},
		{"WITH orders AS (SELECT email AS sku FROM customers) SELECT sku FROM public.orders", "C"},
		{"WITH a AS (SELECT email FROM customers), b AS (SELECT * FROM a) SELECT * FROM b", "S"},
		{"WITH a AS (SELECT sku FROM orders), orders AS (SELECT email AS sku FROM customers) SELECT * FROM a", "C"},
		{"WITH RECURSIVE a AS (SELECT sku FROM orders), orders AS (SELECT email AS sku FROM customers) SELECT * FROM a", "S"},
		{"WITH x AS (SELECT 1), y AS (WITH x AS (SELECT email FROM customers) SELECT * FROM x) SELECT * FROM y", "S"},
		{"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT n FROM r", "C"},
		{"WITH RECURSIVE r(id, m) AS (SELECT id, manager_id FROM employees UNION SELECT e.id, e.manager_id FROM employees e "
		 "JOIN r ON r.m = e.id) SELECT * FROM r", "CC"},
		{"WITH RECURSIVE r(a, b) AS (SELECT 'x', email FROM customers UNION ALL SELECT b, a FROM r) SELECT a, b FROM r", "mm"},
		{"WITH RECURSIVE r(a, b, c) AS (SELECT 'x', 'y', email FROM customers UNION ALL SELECT b, c, a FROM r) SELECT a FROM r", "m"},
		{"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) CYCLE n SET c USING p SELECT n FROM r", "U"},
		{"WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a", "?"},
		{"WITH d AS (DELETE FROM customers WHERE id = 1 RETURNING id, email) SELECT * FROM d", "CS"},
		{"WITH u AS (UPDATE orders SET sku = c.email FROM customers c RETURNING sku, order_id) SELECT * FROM u", "SC"},
		{"SELECT (WITH x AS (SELECT email FROM customers) SELECT email FROM x LIMIT 1)", "S"},
		{"SELECT * FROM (WITH x AS (SELECT email FROM customers) TABLE x) s", "S"},
	};

	CHECK_ALL(t);
}

Test(lineage, set_operations)
{
	static const struct expectation t[] = {
		{"SELECT product_name FROM orders UNION ALL SELECT email FROM customers", "S"},
		{"SELECT email FROM customers UNION SELECT full_name FROM customers", "D"},
		{"SELECT email FROM customers EXCEPT SELECT email FROM employees", "S"},
		{"SELECT id FROM customers INTERSECT SELECT order_id FROM orders", "C"},
		{"SELECT id FROM customers UNION SELECT x FROM nosuch", "U"},
		{"(SELECT 1 UNION SELECT 2) UNION ALL (SELECT email FROM customers LIMIT 1)", "S"},
		{"SELECT * FROM (SELECT sku AS a FROM orders UNION SELECT email FROM customers) x WHERE a LIKE 'b%'", "m"},
		{"VALUES (1, 'x'), (2, (SELECT email FROM customers LIMIT 1))", "CS"},
		{"SELECT column1, column2 FROM (VALUES (1, 'x')) v", "CC"},
		{"SELECT * FROM (VALUES (1, (SELECT email FROM customers LIMIT 1))) v(a, b)", "CS"},
	};

	CHECK_ALL(t);
}

Test(lineage, functions_in_from)
{
	static const struct expectation t[] = {
		{"SELECT * FROM generate_series(1, 5)", "C"},
		{"SELECT g, x.y FROM generate_series(1, 5) g, generate_series(1,2) AS x(y)", "CC"},
		{"SELECT generate_series FROM generate_series(1, 5)", "C"},
		{"SELECT key, value FROM customers c, jsonb_each(to_jsonb(c))", "DD"},
		{"SELECT j.* FROM customers c, jsonb_each_text(to_jsonb(c)) j", "DD"},
		{"SELECT v FROM customers c, LATERAL jsonb_each_text(to_jsonb(c)) AS j(k, v)", "D"},
		{"SELECT r FROM customers c, regexp_split_to_table(c.email, '') r", "D"},
		{"SELECT u FROM customers c, unnest(string_to_array(c.email, '@')) u", "D"},
		{"SELECT a, b FROM customers c, unnest(ARRAY[1], ARRAY[c.email]) AS x(a, b)", "mD"},
		{"SELECT * FROM unnest(ARRAY[1,2]) WITH ORDINALITY", "CC"},
		{"SELECT x, n FROM unnest(ARRAY['a']) WITH ORDINALITY AS t(x, n)", "CC"},
		{"SELECT * FROM ROWS FROM (generate_series(1,2), generate_series(3,4)) AS t(a, b)", "CC"},
		{"SELECT * FROM json_to_record('{}') AS x(a int, b text)", "CC"},
		{"SELECT a FROM customers c, json_to_record(row_to_json(c)) AS x(a text)", "D"},
		{"SELECT * FROM my_function()", "?"},
		{"SELECT a FROM my_function() AS t(a)", "U"},
		{"SELECT f FROM my_function() f", "U"},
		{"SELECT a FROM dblink('x', 'y') AS t(a text)", "U"},
		{"SELECT word FROM ts_stat('SELECT to_tsvector(email) FROM customers')", "U"},
		{"SELECT * FROM xmltable('/a' PASSING '<a/>' COLUMNS y int, z text PATH 'q')", "CC"},
		{"SELECT z FROM customers c, xmltable('/a' PASSING (c.email::xml) COLUMNS z text)", "D"},
		{"SELECT unnest(ARRAY[email]), generate_series(1, 3) FROM customers", "DC"},
		{"SELECT value FROM jsonb_array_elements('[1]') e", "C"},
		{"SELECT name FROM pg_timezone_names()", "C"},
	};

	CHECK_ALL(t);
}

Test(lineage, writes)
{
	static const struct expectation t[] = {
		{"INSERT INTO customers (email) VALUES ('x') RETURNING id, email", "CS"},
		{"INSERT INTO log (msg) SELECT email FROM customers RETURNING id, msg", "CS"},
		{"INSERT INTO log SELECT 1, email FROM customers RETURNING *", "CS"},
		{"INSERT INTO log VALUES (1, 'x') RETURNING *", "CC"},
		{"INSERT INTO log (msg) VALUES ('x')", "-"},
		{"INSERT INTO log (id, msg) SELECT * FROM nosuch RETURNING id", "U"},
		{"INSERT INTO log (msg) VALUES ('x') ON CONFLICT (id) DO UPDATE SET msg = (SELECT email FROM customers LIMIT 1) RETURNING msg", "S"},
		{"UPDATE customers SET country = 'x' WHERE id = 1 RETURNING *", "CSSSSSSSCCCCC"},
		{"UPDATE customers c SET country = c.email RETURNING c.country", "S"},
		{"UPDATE log SET msg = c.email FROM customers c WHERE c.id = log.id RETURNING log.msg, log.id, c.phone", "SCS"},
		{"UPDATE log SET (id, msg) = (SELECT 1, email FROM customers LIMIT 1) RETURNING msg", "D"},
		{"UPDATE log SET msg = 'x' RETURNING msg", "C"},
		{"DELETE FROM customers WHERE id = 1 RETURNING email", "S"},
		{"DELETE FROM log USING customers c WHERE c.id = log.id RETURNING log.msg, c.email", "CS"},
		{"DELETE FROM log WHERE id = 1", "-"},
		{"INSERT INTO nosuch VALUES (1) RETURNING a", "U"},
		{"UPDATE pg_authid SET rolname = rolpassword RETURNING rolname", "m"},
	};

	CHECK_ALL(t);
}

/* What leaves for places without a mask: one letter per statement. */
static void check_written(const struct expectation *e)
{
	struct lineage_result r;
	char got[16] = "";

	pgsql_lineage(span_str(e->sql), &cat, &r);
	for (size_t i = 0; i < r.n_stmts && i < sizeof(got) - 1; i++)
		got[i] = letter(&r.stmts[i].written);
	cr_expect(agrees(got, e->want), "%s\n   writes %s, not %s", e->sql, got, e->want);
	lineage_clear(&r);
}

Test(lineage, written)
{
	static const struct expectation t[] = {
		{"SELECT email FROM customers", "C"},
		{"INSERT INTO log (msg) VALUES ('x')", "C"},
		{"INSERT INTO customers (email) VALUES ($1)", "C"},
		{"INSERT INTO log (id) VALUES (nextval('s'))", "C"},
		{"INSERT INTO log (msg) SELECT email FROM customers", "D"},
		{"INSERT INTO log SELECT 1, email FROM customers", "D"},
		{"INSERT INTO customers (email) SELECT email FROM employees", "C"},
		{"INSERT INTO customers (country) SELECT email FROM employees", "D"},
		{"INSERT INTO nosuch SELECT email FROM customers", "D"},
		{"INSERT INTO nosuch VALUES (1)", "C"},
		{"INSERT INTO log (msg) SELECT mail FROM v_customers", "U"},
		{"INSERT INTO log (msg) VALUES (my_function())", "U"},
		{"UPDATE log SET msg = (SELECT email FROM customers LIMIT 1) WHERE id = 1", "D"},
		{"UPDATE log SET msg = c.email FROM customers c WHERE log.msg = c.email OR true", "D"},
		{"UPDATE customers SET email = lower(email) WHERE id = 1", "C"},
		{"UPDATE customers SET country = email WHERE id = 1", "D"},
		/* a mask shows a piece: another kind, or another part of the same, would come out bit by bit */
		{"UPDATE customers SET email = full_name WHERE id = 1", "D"},
		{"UPDATE customers SET email = reverse(email) WHERE id = 1", "D"},
		{"UPDATE customers SET email = btrim(email, 'u') WHERE id = 1", "D"},
		{"UPDATE customers SET email = email WHERE id = 1", "C"},
		{"INSERT INTO customers (email) VALUES ((SELECT left(card_no, 4) FROM payments LIMIT 1))", "D"},
		{"INSERT INTO customers (email) SELECT mail FROM v_customers", "U"},
		{"UPDATE customers SET status = 'x' WHERE email = 'y'", "C"},
		{"UPDATE log SET (id, msg) = (SELECT 1, email FROM customers LIMIT 1)", "D"},
		{"INSERT INTO log (id, msg) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET msg = excluded.msg", "C"},
		{"INSERT INTO log (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET msg = (SELECT email FROM customers LIMIT 1)", "D"},
		{"DELETE FROM customers WHERE email = 'x'", "C"},
		{"WITH x AS (INSERT INTO log (msg) SELECT email FROM customers RETURNING id) SELECT 1", "D"},
		{"WITH x AS (UPDATE log SET msg = 'a') SELECT email FROM customers", "C"},
		{"CREATE TABLE t AS SELECT email AS e FROM customers", "D"},
		{"CREATE TABLE t AS SELECT id, country FROM customers", "C"},
		{"CREATE TEMP TABLE t AS SELECT * FROM nosuch", "U"},
		{"CREATE TABLE t AS EXECUTE p", "U"},
		{"SELECT email AS e INTO t FROM customers", "D"},
		{"PREPARE p AS UPDATE log SET msg = (SELECT email FROM customers LIMIT 1)", "D"},
		{"DECLARE c CURSOR FOR SELECT email FROM customers", "C"},
		{"SELECT pg_notify('ch', email) FROM customers", "D"},
		{"SELECT pg_notify('ch', 'x')", "C"},
		/* what comes out elsewhere: in pg_locks, as the next random(), as a number of rows, as time */
		{"SELECT pg_advisory_lock(id, ascii(email)) FROM customers", "D"},
		{"SELECT pg_try_advisory_xact_lock_shared(ascii(email)) FROM customers", "D"},
		{"SELECT pg_advisory_lock(1)", "C"},
		{"SELECT setseed(ascii(email) / 1000.0) FROM customers", "D"},
		{"SELECT pg_sleep(ascii(email)) FROM customers", "D"},
		{"SELECT c.id, count(*) FROM customers c, generate_series(1, ascii(email)) GROUP BY 1", "D"},
		{"SELECT generate_series(1, ascii(email)), id FROM customers", "D"},
		{"SELECT order_id FROM orders LIMIT (SELECT ascii(email) FROM customers LIMIT 1)", "D"},
		{"SELECT order_id FROM orders OFFSET (SELECT ascii(email) FROM customers LIMIT 1)", "D"},
		{"SELECT order_id FROM orders LIMIT 5 OFFSET 10", "C"},
		{"SELECT c.id, count(*) FROM customers c JOIN orders o ON o.order_id <= ascii(c.email) GROUP BY 1", "D"},
		{"SELECT count(*) FROM generate_series(1, 200) g WHERE g <= (SELECT ascii(email) FROM customers LIMIT 1)", "D"},
		{"SELECT id FROM customers WHERE email LIKE 'a%' AND id < 9", "C"},
		/* what stands beside the column that was compared */
		{"SELECT v.l FROM customers c JOIN (VALUES (97, 'a')) v(n, l) ON v.n = ascii(c.email)", "D"},
		{"SELECT o.sku FROM orders o, customers c WHERE o.order_id = ascii(c.email)", "D"},
		{"SELECT o.sku FROM orders o, customers c WHERE int4eq(o.order_id, ascii(c.email))", "D"},
		{"SELECT v.l FROM (VALUES (97, 'a')) v(n, l) WHERE v.n IN (SELECT ascii(email) FROM customers)", "D"},
		{"SELECT v.l FROM (VALUES (97, 'a')) v(n, l) WHERE EXISTS (SELECT 1 FROM customers WHERE ascii(email) = v.n)", "D"},
		{"SELECT v.l FROM (VALUES (97, 'a')) v(n, l) WHERE (SELECT ascii(email) = v.n FROM customers LIMIT 1)", "D"},
		{"SELECT v.l FROM (VALUES (97, 'a')) v(n, l), customers c WHERE CASE ascii(email) WHEN v.n THEN true END", "D"},
		{"SELECT order_id FROM orders TABLESAMPLE bernoulli ((SELECT ascii(email) FROM customers LIMIT 1))", "D"},
		{"SELECT o.sku FROM orders o JOIN customers c ON o.customer_id = c.id WHERE lower(c.email) = 'x'", "C"},
		{"SELECT sku FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE email LIKE '%@x.org')", "C"},
		{"SELECT sku FROM orders WHERE customer_id = (SELECT id FROM customers WHERE email = 'x')", "C"},
		{"SELECT o.sku FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id AND c.email LIKE 'x%')", "C"},
		{"SELECT c.id FROM customers c JOIN employees e ON lower(e.email) = lower(c.email)", "C"},
		{"SELECT id FROM customers WHERE email = ANY ($1) AND country = $2 ORDER BY email LIMIT 5", "C"},
		{"DELETE FROM customers WHERE email = $1", "C"},
		{"SELECT o.sku FROM orders o, (SELECT ascii(email) AS a FROM customers) q WHERE o.order_id = q.a", "D"},
		{"WITH q AS (SELECT ascii(email) AS a FROM customers) SELECT o.sku FROM orders o, q WHERE o.order_id = a", "D"},
		{"SELECT o.sku FROM orders o JOIN (SELECT ascii(email) AS order_id FROM customers) q USING (order_id)", "D"},
		{"SELECT o.sku FROM orders o NATURAL JOIN (SELECT ascii(email) AS order_id FROM customers) q", "D"},
		{"SELECT sku FROM orders WHERE (order_id, 1) IN (SELECT ascii(email), 1 FROM customers)", "D"},
		{"SELECT order_id, sku FROM orders INTERSECT SELECT ascii(email), 'x' FROM customers", "D"},
		{"SELECT sku FROM orders ORDER BY order_id = (SELECT ascii(email) FROM customers LIMIT 1) DESC LIMIT 1", "D"},
		{"SELECT DISTINCT ON (order_id = (SELECT ascii(email) FROM customers LIMIT 1)) order_id FROM orders", "D"},
		{"SELECT email FROM customers INTERSECT SELECT email FROM employees", "C"},
		{"SELECT log.id FROM log JOIN (SELECT email AS msg FROM customers) a USING (msg)", "C"},
		{"SELECT id FROM customers ORDER BY lower(email)", "C"},
		{"SELECT id FROM customers WHERE email IN (SELECT email FROM employees)", "C"},
		{"SELECT sku FROM (SELECT sku, order_id = (SELECT ascii(email) FROM customers LIMIT 1) AS b FROM orders) q WHERE b", "D"},
		{"SELECT sku FROM (SELECT sku, order_id = (SELECT ascii(email) FROM customers LIMIT 1) AS b FROM orders) q ORDER BY b", "D"},
		{"SELECT max(sku) FROM (SELECT sku, order_id = (SELECT ascii(email) FROM customers LIMIT 1) AS b FROM orders) q GROUP BY b", "D"},
		{"SELECT sku FROM (SELECT sku, row_number() OVER () = (SELECT ascii(email) FROM customers LIMIT 1) AS b FROM orders) q WHERE b", "D"},
		{"SELECT sku FROM (SELECT sku, order_id = (SELECT ascii(email) FROM customers LIMIT 1) AS b FROM orders UNION SELECT 'x', true) q WHERE b", "D"},
		{"SELECT id FROM (SELECT id, lower(email) AS e FROM customers) q WHERE e = 'x' ORDER BY e", "C"},
		{"SELECT count(*) FROM customers c, string_to_table(repeat('x,', ascii(email)), ',')", "D"},
		{"SELECT count(*) FROM customers c, unnest(array_fill(1, ARRAY[ascii(email)]))", "D"},
		{"WITH RECURSIVE r(n) AS (SELECT ascii(email) FROM customers UNION ALL SELECT n - 1 FROM r WHERE n > 1) SELECT count(*) FROM r", "D"},
		{"WITH RECURSIVE r(id, m) AS (SELECT id, full_name FROM customers UNION ALL SELECT e.id, r.m FROM employees e JOIN r ON r.id = e.manager_id) "
		 "SELECT * FROM r", "C"},
		{"SELECT lpad(email, 20), repeat(email, 2) FROM customers", "C"},
		/* a view hides where its columns come from */
		{"CREATE TEMP VIEW v AS SELECT ascii(email) AS x FROM customers", "D"},
		{"CREATE TEMP VIEW v AS SELECT id FROM customers", "C"},
		{"SELECT id FROM customers ORDER BY set_config('a.b', email, false)", "D"},
		{"SELECT count(*) FROM customers GROUP BY ROLLUP (my_function(email))", "D"},
		{"SELECT id FROM customers WHERE setval('s', ssn::bigint) > 0", "D"},
		{"SELECT lo_put(1, 0, email::bytea) FROM customers", "D"},
		{"EXPLAIN ANALYZE UPDATE log SET msg = (SELECT email FROM customers LIMIT 1)", "D"},
		{"EXPLAIN UPDATE log SET msg = (SELECT email FROM customers LIMIT 1)", "C"},
		{"DO $$ BEGIN END $$; CALL f(); SET x = 1; DROP TABLE log; SHOW x; EXECUTE p", "UUCCCU"},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		check_written(&t[i]);
}

Test(lineage, utility)
{
	static const struct expectation t[] = {
		{"SHOW server_version", "C"}, {"SHOW TimeZone", "C"}, {"SHOW application_name", "U"}, {"SHOW a.b", "U"}, {"SHOW ALL", "CUC"},
		{"EXPLAIN SELECT * FROM customers WHERE email='x@example.com'", "U"},
		{"EXPLAIN (COSTS off) SELECT * FROM customers WHERE email='x@example.com'", "C"},
		{"EXPLAIN (COSTS off, COSTS on) SELECT * FROM customers", "U"}, {"EXPLAIN SELECT id FROM customers WHERE country = 'DE'", "C"},
		{"EXPLAIN UPDATE customers SET status = 'x' WHERE email LIKE 'a%'", "U"}, {"EXPLAIN UPDATE orders SET status = 'x'", "C"},
		{"EXPLAIN (COSTS off, ANALYZE off) SELECT 1", "C"},
		{"EXPLAIN ANALYZE SELECT email FROM customers", "U"},
		{"EXPLAIN (ANALYZE) SELECT 1", "U"},
		{"EXPLAIN (ANALYZE 'on') SELECT 1", "U"},
		{"EXPLAIN SELECT my_immutable(1)", "U"},
		{"BEGIN; SELECT email FROM customers; COMMIT", "-/S/-"},
		{"SELECT 1; SELECT email FROM customers; FETCH ALL FROM cu; SHOW server_version", "C/S/?/C"},
		{"FETCH ALL FROM cu", "?"}, {"MOVE ALL IN cu", "-"}, {"EXECUTE p", "?"}, {"CALL f()", "?"},
		{"DECLARE cu CURSOR FOR SELECT email FROM customers", "-"}, {"PREPARE p AS SELECT email FROM customers", "-"},
		{"SET x = 1", "-"}, {"CREATE TABLE t AS SELECT email FROM customers", "-"}, {"SELECT email INTO t FROM customers", "-"},
		{"DO $$ BEGIN RAISE NOTICE 'x'; END $$", "-"},
		{"COPY customers TO STDOUT", "CSSSSSSSCCCCC"}, {"COPY customers (id, email) TO STDOUT WITH (FORMAT binary)", "CS"},
		{"COPY (SELECT email, id FROM customers) TO STDOUT", "SC"}, {"COPY nosuch TO STDOUT", "?"}, {"COPY log FROM STDIN", "-"},
		{"COPY customers (nosuch) TO STDOUT", "U"},
		{"DROP TABLE customers", "-"}, {"THIS IS NOT SQL", ""},
	};

	CHECK_ALL(t);
}

Test(lineage, catalogue)
{
	static const struct expectation t[] = {
		{"SELECT relname, relkind FROM pg_class WHERE relname = 'x'", "CC"},
		{"SELECT c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace", "C"},
		{"SELECT n.nspname, pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON true", "CC"},
		{"SELECT table_name, column_name FROM information_schema.columns", "CC"},
		{"SELECT query FROM pg_stat_activity", "U"},
		{"SELECT pid, state FROM pg_stat_activity", "CC"},
		{"SELECT most_common_vals, histogram_bounds, tablename FROM pg_stats", "UUC"},
		{"SELECT stavalues1 FROM pg_statistic", "U"},
		{"SELECT s::text FROM pg_stats s", "U"},
		{"SELECT rolname, rolpassword FROM pg_authid", "CU"},
		{"SELECT passwd FROM pg_shadow", "U"},
		{"SELECT query FROM pg_stat_statements", "U"},
		{"SELECT umoptions FROM pg_user_mappings", "U"},
		{"SELECT data FROM pg_largeobject", "U"},
		{"SELECT subconninfo FROM pg_subscription", "U"},
		{"SELECT * FROM pg_stat_activity", "CCUC"},
		{"SELECT * FROM pg_class", "?"},
		{"SELECT x FROM pg_mine", "U"},
		{"SELECT x FROM pg_toast.pg_toast_1", "U"},
		{"SELECT pg_stat_get_activity(1)", "U"},
		{"SELECT setting FROM pg_settings WHERE name = 'max_index_keys'", "C"},
	};

	CHECK_ALL(t);
}

Test(lineage, cursors_and_prepared_on_request)
{
	static const char *const sql[] = {"DECLARE cu CURSOR FOR SELECT id, email FROM customers", "PREPARE p AS SELECT id, email FROM customers"};

	for (size_t i = 0; i < 2; i++) {
		struct lineage_result r;
		struct pgtree *t = NULL;
		struct why w;
		char got[16];

		cr_assert_eq(pgtree_parse(span_str(sql[i]), &t, &w), 0);
		pgsql_lineage_tree(t, &cat, LINEAGE_INNER, &r);
		describe(&r, got, sizeof(got));
		cr_expect_str_eq(got, "CS", "%s", sql[i]);
		lineage_clear(&r);
		pgtree_free(t);
	}
}

Test(lineage, reasons)
{
	struct lineage_result r;

	pgsql_lineage(span_str("SELECT lower(email), my_function(id) FROM customers"), &cat, &r);
	cr_assert_eq(r.n_stmts, 1u);
	cr_assert_eq(r.stmts[0].n_cols, 2u);
	cr_expect_eq(r.stmts[0].cols[0].kind, EMAIL);
	cr_expect_str_eq(r.stmts[0].cols[0].source, "customers.email");
	cr_expect(strstr(r.stmts[0].cols[1].source, "function") != NULL);
	lineage_clear(&r);
}

/* Deep, wide and self-multiplying statements end soon and are not known rather than clean. */
Test(lineage, hostile_shapes)
{
	static char sql[1 << 19];
	struct lineage_result r;
	size_t n = 0;
	time_t begin = time(NULL);

	n = (size_t)snprintf(sql, sizeof(sql), "SELECT ");
	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, "(");
	n += (size_t)snprintf(sql + n, sizeof(sql) - n, "id");
	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, "+1)");
	(void)snprintf(sql + n, sizeof(sql) - n, " FROM customers");
	pgsql_lineage(span_str(sql), &cat, &r);
	cr_expect(r.n_stmts == 0 || !r.stmts[0].known || r.stmts[0].cols[0].what == LINEAGE_UNKNOWN);
	lineage_clear(&r);

	n = (size_t)snprintf(sql, sizeof(sql), "WITH c0 AS (SELECT * FROM customers)");
	for (int i = 1; i < 20; i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, ", c%d AS (SELECT a.*, b.* FROM c%d a, c%d b)", i, i - 1, i - 1);
	(void)snprintf(sql + n, sizeof(sql) - n, " SELECT * FROM c19");
	pgsql_lineage(span_str(sql), &cat, &r);
	cr_expect(r.n_stmts == 1 && !r.stmts[0].known);
	lineage_clear(&r);

	n = 0;
	for (int i = 0; i < 60; i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, i == 0 ? "SELECT EXISTS (" : "SELECT 1 WHERE EXISTS (");
	n += (size_t)snprintf(sql + n, sizeof(sql) - n, "SELECT 1 FROM customers WHERE email = 'x'");
	for (int i = 0; i < 60; i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, ")");
	pgsql_lineage(span_str(sql), &cat, &r);
	cr_expect(r.n_stmts == 0 || !r.stmts[0].known || r.stmts[0].cols[0].what != LINEAGE_CLEAN);
	lineage_clear(&r);
	cr_expect_leq(time(NULL) - begin, 20);
}

/* Every prefix and, bit by bit, every neighbour of a rich statement. */
Test(lineage, sweeps)
{
	static const char sql[] = "WITH RECURSIVE x(a) AS (SELECT 1 UNION ALL SELECT a+1 FROM x) SELECT c.*, (c).email, lower(o.sku), "
				  "(SELECT e.email FROM employees e WHERE e.id = c.id) FROM customers c JOIN orders o USING (status), "
				  "LATERAL jsonb_each(to_jsonb(c)) j(k, v), x WHERE c.id = x.a; UPDATE log SET msg = 'a' RETURNING *";
	char copy[sizeof(sql)];
	struct lineage_result r;

	for (size_t n = 0; n < sizeof(sql); n++) {
		pgsql_lineage(span_of(sql, n), &cat, &r);
		lineage_clear(&r);
	}
	for (size_t bit = 0; bit < 8 * (sizeof(sql) - 1); bit++) {
		memcpy(copy, sql, sizeof(sql));
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
		pgsql_lineage(span_of(copy, sizeof(sql) - 1), &cat, &r);
		lineage_clear(&r);
	}
}

Test(lineage, cost)
{
	static const char sql[] = "SELECT abalance FROM pgbench_accounts WHERE aid = 1";
	struct timespec a, b;
	struct pgtree *t = NULL;
	struct lineage_result r;
	struct why w;
	const int rounds = 20000;
	double us;

	cr_assert_eq(pgtree_parse(span_str(sql), &t, &w), 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < rounds; i++) {
		pgsql_lineage_tree(t, &cat, 0, &r);
		lineage_clear(&r);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	us = ((double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3) / rounds;
	fprintf(stderr, "lineage of a parsed statement: %.2f us\n", us);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < rounds; i++) {
		pgsql_lineage(span_str(sql), &cat, &r);
		lineage_clear(&r);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	us = ((double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3) / rounds;
	fprintf(stderr, "lineage with parsing: %.2f us\n", us);
	pgtree_free(t);
}
