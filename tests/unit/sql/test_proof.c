/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "sql/pgproof.h"

struct body {
	const char *lang, *text;
	enum sql_class cls;
};

static enum sql_code code(void *ctx, enum sql_code_kind kind, const char *schema, const char *name)
{
	(void)ctx;
	(void)schema;
	if (kind == SQL_CODE_TYPE)
		return strcmp(name, "evil") == 0 ? SQL_CODE_OPAQUE : SQL_CODE_NONE;
	return strcmp(name, "good") == 0 ? SQL_CODE_READS : strcmp(name, "bad") == 0 ? SQL_CODE_OPAQUE : SQL_CODE_NONE;
}

static bool table(void *ctx, const char *schema, const char *name, struct sql_table *out)
{
	static const char *const id[] = {"id"};
	static const struct sql_key key = {1, id};

	(void)ctx;
	(void)schema;
	*out = (struct sql_table){.n_keys = 1, .keys = &key};
	if (strcmp(name, "armed") == 0) {
		out->code = SQL_ON_READ | SQL_ON_INSERT;
		out->code_why = "armed";
	}
	return true;
}

static void check(const struct body *b, size_t n)
{
	const struct sql_known known = {.complete = true, .table = table, .code = code};
	const struct sql_context cx = {.known = &known};

	for (size_t i = 0; i < n; i++) {
		enum sql_class cls = pgproof_body(b[i].lang, span_str(b[i].text), &cx);

		cr_expect_eq(cls, b[i].cls, "%s: %s", b[i].text, sql_class_name(cls));
	}
}

#define CHECK(t) check(t, sizeof(t) / sizeof(t[0]))

Test(proof, sql_bodies)
{
	static const struct body t[] = {
	    {"sql", "SELECT $1 + 1", SQL_READ},
	    {"sql", "  select good(x) from t where id = $1", SQL_READ},
	    {"sql", "select 1; select 2", SQL_READ},
	    {"sql", "RETURN a + b", SQL_READ},
	    {"sql", "BEGIN ATOMIC\n SELECT 1;\n SELECT 2;\nEND", SQL_READ},
	    {"sql", "insert into t values ($1)", SQL_WRITE},
	    {"sql", "delete from t where id = $1", SQL_WRITE},
	    {"sql", "delete from t where a = $1", SQL_OPAQUE},
	    {"sql", "delete from t", SQL_OPAQUE},
	    {"sql", "select bad()", SQL_OPAQUE},
	    {"sql", "select other()", SQL_OPAQUE},
	    {"sql", "select * from armed", SQL_OPAQUE},
	    {"sql", "select 1::evil", SQL_OPAQUE},
	    {"sql", "select 1 from t where id = 1 for update", SQL_OPAQUE},
	    {"sql", "select pg_advisory_lock(1)", SQL_OPAQUE},
	    {"sql", "select set_config('search_path', 'x', false)", SQL_OPAQUE},
	    {"sql", "BEGIN ATOMIC DELETE FROM t; END", SQL_OPAQUE},
	    {"sql", "RETURN bad()", SQL_OPAQUE},
	    {"sql", "selekt", SQL_OPAQUE},
	    {"sql", "", SQL_OPAQUE},
	    {"plperl", "return 1;", SQL_OPAQUE},
	    {"c", "x", SQL_OPAQUE},
	};

	CHECK(t);
}

Test(proof, plpgsql_that_reads)
{
	static const struct body t[] = {
	    {"plpgsql", "begin return 1; end", SQL_READ},
	    {"plpgsql", "BEGIN\n  RETURN NEW;\nEND;\n", SQL_READ},
	    {"plpgsql", "begin new.at := now(); new.n = coalesce(new.n, 0) + 1; return new; end", SQL_READ},
	    {"plpgsql", "declare a int := 1; b text not null default 'x'; r record; c constant numeric(10,2) = 1.5; begin return a; end", SQL_READ},
	    {"plpgsql", "declare i t.id%type; r t%rowtype; begin select id into strict i from t where id = 1; return i; end", SQL_READ},
	    {"plpgsql", "begin if a = 1 then return 1; elsif case when b then 1 else 2 end = 2 then null; else return 3; end if; end", SQL_READ},
	    {"plpgsql", "begin for i in 1..n loop if i % 2 = 0 then r := r + i; else continue; end if; end loop; end", SQL_READ},
	    {"plpgsql", "begin for i in reverse 10 .. 1 by 2 loop null; end loop; end", SQL_READ},
	    {"plpgsql", "begin for r in select * from t loop return next r; end loop; return; end", SQL_READ},
	    {"plpgsql", "begin foreach x slice 1 in array a loop exit when x > 1; end loop; end", SQL_READ},
	    {"plpgsql", "begin while a < 3 loop a := a + 1; end loop; loop exit; end loop; end", SQL_READ},
	    {"plpgsql", "begin perform good(1); perform 1 from t; return query select * from t; end", SQL_READ},
	    {"plpgsql", "begin raise notice 'a % b', x, y; raise exception 'no' using errcode = '23505', hint = 'h'; end", SQL_READ},
	    {"plpgsql", "begin a[1] := 2; a[i + 1][2] = 3; declare x int; begin x := 1; end; return a; exception when others or division_by_zero then return null; end", SQL_READ},
	    {"plpgsql", "begin select a, b into x, y from t where id = z; return x; end", SQL_READ},
	};

	CHECK(t);
}

Test(proof, plpgsql_that_does_more)
{
	static const struct body t[] = {
	    {"plpgsql", "begin insert into log(t) values (tg_op); return null; end", SQL_WRITE},
	    {"plpgsql", "begin insert into log(t) values (new.id) returning id into x; return new; end", SQL_WRITE},
	    {"plpgsql", "begin perform pg_notify('a', 'b'); return new; end", SQL_SESSION},
	    {"plpgsql", "begin delete from t; return 1; end", SQL_OPAQUE},
	    {"plpgsql", "begin delete from t where a = 1; return 1; end", SQL_OPAQUE},
	    {"plpgsql", "begin execute 'delete from t'; return 1; end", SQL_OPAQUE},
	    {"plpgsql", "begin for r in execute 'delete from t returning 1' loop null; end loop; end", SQL_OPAQUE},
	    {"plpgsql", "begin return query execute 'delete from t returning 1'; end", SQL_OPAQUE},
	    {"plpgsql", "begin if bad() then return 1; end if; end", SQL_OPAQUE},
	    {"plpgsql", "begin return bad(); end", SQL_OPAQUE},
	    {"plpgsql", "begin x := bad(); end", SQL_OPAQUE},
	    {"plpgsql", "begin a[bad()] := 1; end", SQL_OPAQUE},
	    {"plpgsql", "begin for i in 1..bad() loop null; end loop; end", SQL_OPAQUE},
	    {"plpgsql", "begin for i in bad()..2 loop null; end loop; end", SQL_OPAQUE},
	    {"plpgsql", "begin while bad() loop null; end loop; end", SQL_OPAQUE},
	    {"plpgsql", "begin foreach x in array bad() loop null; end loop; end", SQL_OPAQUE},
	    {"plpgsql", "begin exit when bad(); end", SQL_OPAQUE},
	    {"plpgsql", "begin raise notice '%', bad(); end", SQL_OPAQUE},
	    {"plpgsql", "begin raise exception using message = bad(); end", SQL_OPAQUE},
	    {"plpgsql", "begin perform bad(); end", SQL_OPAQUE},
	    {"plpgsql", "begin return 1; exception when others then perform bad(); end", SQL_OPAQUE},
	    {"plpgsql", "declare x int := bad(); begin return 1; end", SQL_OPAQUE},
	    {"plpgsql", "declare x evil; begin return 1; end", SQL_OPAQUE},
	    {"plpgsql", "declare x evil%type; begin return 1; end", SQL_OPAQUE},
	    {"plpgsql", "declare c cursor for delete from t returning 1; begin return 1; end", SQL_OPAQUE},
	    {"plpgsql", "begin select * from armed into x; end", SQL_OPAQUE},
	    {"plpgsql", "begin open c for execute 'x'; end", SQL_OPAQUE},
	    {"plpgsql", "begin call p(); end", SQL_OPAQUE},
	    {"plpgsql", "begin commit; end", SQL_OPAQUE},
	    {"plpgsql", "begin truncate t; end", SQL_OPAQUE},
	    {"plpgsql", "begin get diagnostics x = row_count; end", SQL_OPAQUE},
	    {"plpgsql", "begin begin delete from t; end; end", SQL_OPAQUE},
	    {"plpgsql", "begin return 1; end; delete from t", SQL_OPAQUE},
	    {"plpgsql", "begin return 1", SQL_OPAQUE},
	    {"plpgsql", "begin if a then return 1; end", SQL_OPAQUE},
	    {"plpgsql", "", SQL_OPAQUE},
	    {"plpgsql", "begin return 'x; end", SQL_OPAQUE},
	};

	CHECK(t);
}

/* Every prefix of a body is either the body or no proof. */
Test(proof, truncation)
{
	static const char text[] = "declare x int := 1; begin if x = 1 then x := 2; end if; for i in 1..3 loop null; end loop; return x; end";
	const struct sql_known known = {.complete = true, .table = table, .code = code};
	const struct sql_context cx = {.known = &known};

	for (size_t n = 0; n + 1 < sizeof(text); n++)
		cr_expect_eq(pgproof_body("plpgsql", span_of(text, n), &cx), SQL_OPAQUE, "%zu", n);
	cr_expect_eq(pgproof_body("plpgsql", span_str(text), &cx), SQL_READ);
}
