/* SPDX-License-Identifier: Apache-2.0
 *
 * How many rows a statement can change or lock, against a catalogue made up here:
 *   orders (id) key, (tenant, nr) key, id tied to other tables; parent has children; heads carries deletes on;
 *   tmp is this session's own table, tv a view in its schema; hooked has a trigger that is not proven, seen a policy
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/buf.h"
#include "sql/facts.h"

static bool table(void *ctx, const char *schema, const char *name, struct sql_table *out)
{
	static const char *const id[] = {"id"}, *const pair[] = {"tenant", "nr"};
	static const struct sql_key keys[] = {{1, id}, {2, pair}};

	(void)ctx;
	*out = (struct sql_table){.n_keys = 2, .keys = keys, .code_why = "code", .cascade_why = "cascade"};
	if (schema != NULL && strcmp(schema, "pg_temp") != 0)
		return false;
	if (strcmp(name, "orders") == 0) {
		out->tied = id;
		out->n_tied = 1;
	} else if (strcmp(name, "parent") == 0) {
		out->children = true;
	} else if (strcmp(name, "heads") == 0) {
		out->cascade = SQL_ON_DELETE;
	} else if (strcmp(name, "tmp") == 0) {
		out->temp = true;
	} else if (strcmp(name, "tv") == 0 || strcmp(name, "bare") == 0) {
		out->n_keys = 0;
	} else if (strcmp(name, "hooked") == 0) {
		out->code = SQL_ON_UPDATE | SQL_ON_INSERT;
	} else if (strcmp(name, "seen") == 0) {
		out->code = SQL_ON_READ;
	} else {
		return false;
	}
	return true;
}

static enum sql_code code(void *ctx, enum sql_code_kind kind, const char *schema, const char *name)
{
	(void)ctx;
	(void)schema;
	if (kind == SQL_CODE_OPERATOR)
		return strcmp(name, "%%%") == 0 ? SQL_CODE_READS : strcmp(name, "<=>") == 0 ? SQL_CODE_OPAQUE : SQL_CODE_NONE;
	if (kind == SQL_CODE_TYPE)
		return strcmp(name, "evil") == 0 ? SQL_CODE_OPAQUE : SQL_CODE_NONE;
	return strcmp(name, "good") == 0  ? SQL_CODE_READS
	     : strcmp(name, "many") == 0  ? SQL_CODE_SET
	     : strcmp(name, "lower") == 0 ? SQL_CODE_OPAQUE
					  : SQL_CODE_NONE;
}

enum want { PROVEN, OPEN, BULK, OPAQUE, READ, LOCAL, SCHEMA, CONTROL };

static enum want got(const struct sql_facts *f)
{
	switch (f->cls) {
	case SQL_READ:
		return READ;
	case SQL_SESSION:
		return LOCAL;
	case SQL_WRITE:
		return (f->flags & SQLF_MEASURE) != 0 ? OPEN : PROVEN;
	case SQL_BULK:
		return BULK;
	case SQL_SCHEMA:
		return SCHEMA;
	case SQL_CONTROL:
		return CONTROL;
	default:
		return OPAQUE;
	}
}

static void expect(enum want want, const char *const *sql, size_t n)
{
	const struct sql_known known = {.complete = true, .table = table, .code = code};
	const struct sql_context cx = {.known = &known};
	struct sql_facts f;

	for (size_t i = 0; i < n; i++) {
		pgsql_facts(span_str(sql[i]), &cx, &f);
		cr_expect_eq(got(&f), want, "%s: %s %s%s", sql[i], sql_class_name(f.cls), f.reason,
		    (f.flags & SQLF_MEASURE) != 0 ? " (measured)" : "");
		sql_facts_clear(&f);
	}
}

#define EXPECT(want, ...) \
	do { \
		static const char *const sql[] = {__VA_ARGS__}; \
		expect(want, sql, sizeof(sql) / sizeof(sql[0])); \
	} while (0)

Test(rows, a_unique_key_with_given_values_is_proven)
{
	EXPECT(PROVEN, "DELETE FROM orders WHERE id = 5", "DELETE FROM orders WHERE id = $1", "DELETE FROM orders WHERE 5 = id",
	    "UPDATE orders SET a = 1, version = $3 WHERE id = $1 AND version = $2", "UPDATE orders SET a = a + 1 WHERE (id = $1)",
	    "DELETE FROM orders WHERE id IN (1, 2, $3)", "DELETE FROM orders WHERE id = ANY (ARRAY[1, 2])",
	    "DELETE FROM orders WHERE tenant = $1 AND nr = 'x'", "DELETE FROM orders WHERE (tenant, nr) = ($1, 'x')",
	    "DELETE FROM orders WHERE (tenant, nr) IN ((1, 'x'), (2, 'y'))", "DELETE FROM orders WHERE tenant = 1 AND (b AND (nr = 'x'))",
	    "DELETE FROM orders o WHERE o.id = 5", "DELETE FROM orders WHERE orders.id = 5", "DELETE FROM orders WHERE id = 5 OR id = 6",
	    "DELETE FROM orders WHERE tenant = 1 AND (nr = 'x' OR nr = 'y')", "DELETE FROM orders WHERE id = '5'::bigint",
	    "DELETE FROM orders WHERE id = CAST($1 AS integer)", "DELETE FROM orders WHERE id OPERATOR(pg_catalog.=) 5",
	    "DELETE FROM orders WHERE CURRENT OF c", "DELETE FROM ONLY parent WHERE id = 5", "DELETE FROM orders WHERE id = -5",
	    "PREPARE p AS DELETE FROM orders WHERE id = $1", "WITH d AS (DELETE FROM orders WHERE id = 1 RETURNING *) SELECT * FROM d",
	    "EXPLAIN ANALYZE DELETE FROM orders WHERE id = 1", "UPDATE orders SET a = (SELECT max(b) FROM bare) WHERE id = 1",
	    "DELETE FROM orders WHERE id = 5 AND status LIKE '%'");
}

/* The statements that emptied tables while a form was a bound, and their like. */
Test(rows, everything_else_that_looks_at_the_table_is_counted)
{
	EXPECT(OPEN, "delete from orders where id::bool = true", "delete from orders where id::bool is not distinct from true",
	    "update orders set city = 'x' where email::char = 'u'", "delete from orders where total::numeric(1, -6) = 0",
	    "delete from orders where date_trunc('millennium', created) = '2001-01-01'",
	    "delete from orders where id between '0' and '999999999'", "delete from orders where id between 0 and 999999990 + 9",
	    "delete from orders where id = (select order_id from bare limit 1)",
	    "delete from orders where ctid between '(0,1)' and '(999999,1)'", "delete from orders where id > extract(epoch from now()) * 0",
	    "delete from orders where status = 'active'", "delete from orders where tenant = 1", "delete from orders where ts < now()",
	    "delete from orders where id > $1", "delete from orders where email like 'a%'", "delete from orders where ctid = '(0,1)'",
	    "delete from orders where id >= 1 and id <= 999999999", "delete from orders where deleted in (true, false)",
	    "delete from orders where id = $1::float8", "delete from orders where id = 5::int::float4 and false or id > 0",
	    "delete from orders where id = 5 or tenant = 1", "delete from orders where id in (1, id)", "delete from orders where id = id",
	    "delete from orders where id = 'x' collate \"de\"", "delete from orders where (id)::text = '5'",
	    "delete from orders where id = any ($1)", "delete from orders where id is not distinct from null",
	    "delete from orders where id = (select id)", "delete from orders where id in (select b from bare where id = b)",
	    "delete from orders where not (id <> 5)", "delete from parent where id = 5", "delete from orders where nr = 'x'",
	    "delete from orders where id = 5 + 1", "delete from orders where id <> 5", "delete from orders where (id, 1) = (5, 1) is true",
	    "delete from orders where exists (select 1 from bare b where b.x = orders.id)", "delete from tv where id = 5",
	    "delete from missing where id = 5", "delete from orders where id = '5'::timestamptz", "delete from orders where orders is not null",
	    "prepare p as delete from orders where a = 1; execute p");
}

Test(rows, what_looks_at_no_column_or_is_not_counted_is_bulk)
{
	EXPECT(BULK, "delete from orders", "delete from orders where true", "delete from orders where 'a' = 'a'",
	    "delete from orders where $1", "delete from orders where random() < 2", "delete from orders where (select true)",
	    "delete from orders where exists (select 1 from bare where id = 5)", "delete from orders o where exists (select o2.id from orders o2)",
	    "delete from orders using bare where orders.id = bare.id", "update orders set a = 1 from bare where orders.id = 5",
	    "with d as (delete from orders where tenant = 1 returning *) select * from d",
	    "explain analyze delete from orders where tenant = 1", "copy (delete from orders where tenant = 1 returning 1) to stdout",
	    "insert into orders select * from bare", "insert into orders select 1 from bare", "copy orders from stdin",
	    "merge into orders using bare on true when matched then delete", "delete from heads where id = 5",
	    "update orders set id = 7 where id = 5", "insert into orders values (1) on conflict (id) do update set id = 9",
	    "delete from orders where tenant = nextval('s')", "delete from orders where tenant = 1 and pg_advisory_lock(id) is null",
	    "prepare p as delete from orders where a = 1; explain analyze execute p");
}

Test(rows, given_rows)
{
	EXPECT(PROVEN, "insert into orders values (1), (2)", "insert into orders default values", "insert into orders values (nextval('s'))",
	    "insert into orders select 1, 2", "insert into orders select 1 where not exists (select 1 from orders where id = 1)",
	    "insert into orders select 1 union all select 2", "insert into orders values (1) on conflict do nothing",
	    "insert into orders values (1) on conflict (id) do update set a = excluded.a", "insert into orders values ((select max(id) from bare))",
	    "insert into orders values (array(select generate_series(1, 9)))", "insert into orders values (good(1)) returning id");
	EXPECT(BULK, "insert into orders values (generate_series(1, 1000000))", "insert into orders select generate_series(1, 9)",
	    "insert into orders values (1 + generate_series(1, 9))", "insert into orders values ((unnest('{1,2}'::int[])))",
	    "insert into orders values (1), (many())", "insert into orders select (json_each('{}')).key",
	    "insert into orders values (1) on conflict (id) do update set a = generate_series(1, 9)",
	    "insert into orders values (pg_catalog.jsonb_array_elements('[1]'))", "insert into orders values (s.many())",
	    "insert into orders select 1 union select generate_series(1, 9)", "insert into orders values (('{1,2}'::int[]).unnest)",
	    "insert into orders values (case when true then regexp_split_to_table('a b', ' ') end)");
}

Test(rows, temporary_is_what_the_catalogue_says)
{
	EXPECT(LOCAL, "delete from pg_temp.tmp", "delete from tmp", "update tmp set a = 1", "insert into tmp select * from bare",
	    "copy tmp from stdin", "truncate tmp", "alter table tmp add column b int", "create index on tmp (a)", "drop table pg_temp.tmp",
	    "insert into pg_temp.tmp values (generate_series(1, 9))", "create temp table x (a int)", "create temp table x () inherits (tmp)",
	    "select * from tmp; delete from tmp");
	EXPECT(BULK, "delete from pg_temp.tv", "update tv set a = 1", "insert into pg_temp.tv select * from bare", "copy tv from stdin");
	EXPECT(OPEN, "delete from pg_temp.tv where id = 1", "delete from pg_temp.missing where id = 1");
	EXPECT(SCHEMA, "alter table pg_temp.tmp inherit orders", "alter table tmp attach partition orders default",
	    "create temp table x () inherits (orders)", "create rule r as on delete to tmp do instead delete from orders",
	    "create trigger t before insert on pg_temp.tmp execute function f()", "alter table pg_temp.tmp enable row level security",
	    "alter table bare add column b int", "alter table pg_temp.tmp of orders_type", "alter table tmp set (x = 1), inherit orders",
	    "create index on bare (a)");
}

/* After a statement that may change what names mean, and while the catalogue is behind, a name proves nothing. */
Test(rows, names_that_may_have_changed)
{
	static const char *const sql[] = {"delete from orders where id = 1", "delete from tmp", "insert into orders values (1)"};
	const struct sql_known behind = {.complete = false, .table = NULL, .code = code};
	const struct sql_context cx = {.known = &behind};
	struct sql_facts f;

	EXPECT(OPAQUE, "set search_path = other; delete from orders where id = 1", "drop table pg_temp.tmp; delete from tmp",
	    "select set_config('search_path', 'x', false); insert into orders values (1)", "discard temp; update tmp set a = 1",
	    "create temp table orders (id int); delete from orders where id = 1", "set search_path = x; insert into orders values (1)");
	EXPECT(PROVEN, "set work_mem = '1MB'; delete from orders where id = 1", "begin; delete from orders where id = 1; commit");
	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		pgsql_facts(span_str(sql[i]), &cx, &f);
		cr_expect_eq(f.cls, SQL_OPAQUE, "%s", sql[i]);
		sql_facts_clear(&f);
	}
}

Test(rows, what_a_statement_sets_off)
{
	EXPECT(OPAQUE, "insert into hooked values (1)", "update hooked set a = 1 where id = 1", "select * from seen",
	    "insert into orders select * from seen", "select 1 from orders where exists (select 1 from seen)", "copy hooked from stdin",
	    "insert into hooked values (1) on conflict do nothing", "update orders set a = 1 where id = (select max(id) from seen)",
	    "explain select * from seen", "select lower('x')", "select o.lower from orders o", "select 1::evil", "select '1' <=> '2'",
	    "select 1 operator(s.<=>) 2", "select cast(null as evil[])", "select nobody()");
	EXPECT(PROVEN, "delete from hooked where id = 1", "insert into seen values (1)");
	EXPECT(READ, "select good(1)", "select 1 %%% 2", "select many()", "select s.good(1)", "explain select good(1)", "select x.good from orders x");
}

Test(rows, locks)
{
	EXPECT(READ, "select * from orders where id = 1 for update", "select * from orders where id = $1 for no key update nowait",
	    "select * from orders where status = 'x' order by id for update skip locked limit 10", "select * from tmp for update",
	    "select * from orders for key share", "select * from orders where id in (1, 2) for share", "select * from orders for update limit 100",
	    "select * from (select * from orders where id = 1 for update) x", "select * from orders o where o.id = $1 and o.v = 2 for update of o",
	    "declare c cursor for select * from orders where id = 1 for update");
	EXPECT(OPEN, "select * from orders where status = 'x' for update", "select * from orders o join bare b on true where o.id = 1 for update of o",
	    "select * from orders where status = 'x' for share", "select * from orders where a = 1 for update limit $1");
	EXPECT(BULK, "select * from orders for update", "select * from orders for no key update skip locked", "select * from orders for share",
	    "select * from orders where true for update", "select * from orders where a = 1 for update offset 1000000",
	    "select * from orders for update limit 10 offset 1000000", "select generate_series(1, 0) from orders where a = 1 for update",
	    "select count(*) from (select * from orders where a = 1 for update) x", "select * from orders for update limit 100000",
	    "with x as (select * from orders where a = 1 for update) select 1", "declare c cursor for select * from orders where a = 1 for update",
	    "select * from orders, bare for update", "select * from orders for update limit all",
	    "select * from orders order by a fetch first 1 rows with ties for update");
}

Test(rows, sequences_and_transactions)
{
	EXPECT(PROVEN, "select nextval('s')", "select nextval('s'), nextval('t')", "select nextval('s') from (select 1) x",
	    "select nextval('s') from (values (1), (2)) x", "update orders set a = nextval('s') where id = 1");
	EXPECT(BULK, "select nextval('s') from generate_series(1, 1000)", "select nextval('s') from orders",
	    "select nextval('s'), generate_series(1, 1000)", "select (select nextval('s') where x.id > 0) from orders x",
	    "select x.n from orders, lateral (select nextval('s') as n) x", "select sum(nextval('s')) from orders",
	    "with recursive r as (select nextval('s') as n union all select nextval('s') from r) select 1",
	    "select 1 from orders where nextval('s') > 0", "select nextval('s') from (values (1)) x, orders");
	EXPECT(CONTROL, "prepare transaction 'x'", "commit prepared 'x'", "rollback prepared 'x'");
	EXPECT(LOCAL, "reset role", "reset session authorization", "set session authorization default", "reset all", "discard all");
}

static void rows_of(const char *sql, uint32_t rows, uint32_t inner)
{
	const struct sql_known known = {.complete = true, .table = table, .code = code};
	const struct sql_context cx = {.known = &known};
	struct sql_facts f;

	pgsql_facts(span_str(sql), &cx, &f);
	cr_expect_eq(f.stmts[f.n_stmts - 1].rows, rows, "%s: %u", sql, f.stmts[f.n_stmts - 1].rows);
	cr_expect_eq(f.stmts[f.n_stmts - 1].inner_rows, inner, "%s: %u", sql, f.stmts[f.n_stmts - 1].inner_rows);
	sql_facts_clear(&f);
}

Test(rows, numbers_that_are_proven)
{
	rows_of("delete from orders where id = 1", 1, 0);
	rows_of("delete from orders where id in (1, 2, 3)", 3, 0);
	rows_of("delete from orders where id = any (array[1, 2, 3, 4])", 4, 0);
	rows_of("delete from orders where id in (1, 2) or id = 3", 3, 0);
	rows_of("delete from orders where tenant in (1, 2) and nr in ('a', 'b', 'c')", 6, 0);
	rows_of("delete from orders where id in (1, 2, 3) and id = 1", 1, 0);
	rows_of("delete from orders where tenant in (1, 2) and nr in ('a', 'b', 'c') and id in (1, 2, 3, 4)", 4, 0);
	rows_of("insert into orders values (1), (2)", 0, 0);
	rows_of("insert into orders values (1), (2) on conflict (id) do update set a = 1", 2, 0);
	rows_of("with d as (delete from orders where id in (1, 2) returning 1) select 1", 0, 2);
	rows_of("with d as (delete from orders where id in (1, 2) returning 1) delete from orders where id = 3", 1, 2);
	rows_of("prepare p as delete from orders where id in (1, 2); execute p", 2, 0);
	rows_of("explain delete from orders where id = 1", 0, 0);
	rows_of("select * from orders where id = 1 for update", 0, 0);
}

/* A parameter's type may make the server convert the column, and with loss. */
Test(rows, types_of_parameters)
{
	static const struct {
		uint32_t type;
		enum want want;
	} t[] = {{0, PROVEN}, {20, PROVEN}, {21, PROVEN}, {23, PROVEN}, {25, PROVEN}, {1043, PROVEN}, {1700, PROVEN}, {2950, PROVEN},
	    {1114, PROVEN}, {705, PROVEN}, {700, OPEN}, {701, OPEN}, {1184, OPEN}, {16384, OPEN}, {70000, OPEN}};
	const struct sql_known known = {.complete = true, .table = table, .code = code};
	struct sql_facts f;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const uint32_t types[] = {23, t[i].type};
		const struct sql_context cx = {.known = &known, .param_types = types, .n_param_types = 2};

		pgsql_facts(span_str("update orders set a = $1 where id = $2"), &cx, &f);
		cr_expect_eq(got(&f), t[i].want, "%u", t[i].type);
		sql_facts_clear(&f);
		pgsql_facts(span_str("update orders set a = $2 where id = $1"), &cx, &f);
		cr_expect_eq(got(&f), PROVEN, "%u", t[i].type);
		sql_facts_clear(&f);
		pgsql_facts(span_str("delete from orders where id = $2::int or id = $3"), &cx, &f);
		cr_expect_eq(got(&f), PROVEN, "%u", t[i].type);
		sql_facts_clear(&f);
	}
	pgsql_facts(span_str("select $1"), &(struct sql_context){.known = &known, .param_runs = "runs"}, &f);
	cr_expect_eq(f.cls, SQL_OPAQUE);
	cr_expect_str_eq(f.reason, "runs");
	sql_facts_clear(&f);
}

/* create operator = (leftarg = int, rightarg = text, function = always_true): harmless to run, and no equality. */
Test(rows, an_equal_sign_of_the_database)
{
	static const char *const open[] = {"delete from orders where id = 7::text", "delete from orders where id = 7",
	    "delete from orders where id in (1, 2)", "delete from orders where (tenant, nr) = (1, 'x')"};
	const struct sql_known known = {.complete = true, .own_equal = true, .table = table, .code = code};
	const struct sql_context cx = {.known = &known};
	struct sql_facts f;

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		pgsql_facts(span_str(open[i]), &cx, &f);
		cr_expect_eq(got(&f), OPEN, "%s: %s", open[i], f.reason);
		sql_facts_clear(&f);
	}
	pgsql_facts(span_str("delete from orders where id operator(pg_catalog.=) 7"), &cx, &f);
	cr_expect_eq(got(&f), PROVEN, "%s", f.reason);
	sql_facts_clear(&f);
}

/* Who counts all tables may run what foreign keys carry on. */
Test(rows, what_foreign_keys_carry_on)
{
	static const char *const sql[] = {"delete from heads where id = 5", "update orders set id = 7 where id = 5",
	    "insert into orders values (1) on conflict (id) do update set id = 9", "delete from heads where a = 1"};
	const struct sql_known known = {.complete = true, .counts_all = true, .table = table, .code = code};
	const struct sql_context cx = {.known = &known};
	struct sql_facts f;

	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		pgsql_facts(span_str(sql[i]), &cx, &f);
		cr_expect_eq(got(&f), OPEN, "%s: %s", sql[i], f.reason);
		sql_facts_clear(&f);
	}
	pgsql_facts(span_str("with d as (delete from heads where id = 5) select 1"), &cx, &f);
	cr_expect_eq(got(&f), BULK, "%s", f.reason);
	sql_facts_clear(&f);
}

/* Conditions nested deeper than is looked at prove nothing. */
Test(rows, depth)
{
	const struct sql_known known = {.complete = true, .table = table, .code = code};
	const struct sql_context cx = {.known = &known};
	struct sql_facts f;
	struct buf b;
	int i;

	buf_init(&b, 1u << 20);
	buf_put_str(&b, "delete from orders where ");
	for (i = 0; i < 200; i++)
		buf_put_str(&b, i % 2 == 0 ? "(id = 1 or " : "(a = 1 and ");
	buf_put_str(&b, "id = 1");
	for (i = 0; i < 200; i++)
		buf_put_str(&b, ")");
	pgsql_facts(buf_span(&b), &cx, &f);
	cr_expect_eq(got(&f), OPEN, "%s", f.reason);
	sql_facts_clear(&f);
	buf_clear(&b);
}
