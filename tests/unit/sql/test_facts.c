/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "sql/facts.h"
#include "sql/pgfuncs.h"
#include "sql/pgsettings.h"

static struct sql_facts facts(const char *sql)
{
	struct sql_facts f;

	pgsql_facts(span_str(sql), NULL, &f);
	return f;
}

struct expect {
	const char *sql;
	enum sql_class cls;
	unsigned flags; /* all of SQLF_*, exactly */
	const char *tag, *reason;
};

#define W SQLF_WRITES
#define C SQLF_CATALOG
#define U SQLF_UTILITY
#define DDL (W | C | U)

static const struct expect table[] = {
	{"SELECT 1", SQL_READ, 0, "SELECT", ""},
	{"SELECT * FROM t FOR KEY SHARE", SQL_READ, SQLF_LOCKS, "SELECT", ""},
	{"SELECT * FROM t FOR UPDATE", SQL_BULK, W | SQLF_LOCKS, "SELECT", "SELECT ... FOR UPDATE locks every row"},
	{"SELECT * FROM t WHERE a = 1 FOR UPDATE", SQL_WRITE, W | SQLF_LOCKS | SQLF_MEASURE, "SELECT", NULL},
	{"INSERT INTO t VALUES (1)", SQL_WRITE, W, "INSERT", "INSERT of listed rows"},
	{"DELETE FROM t", SQL_BULK, W, "DELETE", "DELETE without a WHERE clause"},
	{"DELETE FROM t WHERE 1 = 1", SQL_BULK, W, "DELETE", "DELETE with a WHERE clause that looks at no column of the table"},
	{"DELETE FROM t WHERE a <> 1", SQL_WRITE, W | SQLF_MEASURE, "DELETE", "DELETE of rows that no unique key names"},
	{"UPDATE t SET a = 1 FROM u WHERE t.id = 1", SQL_BULK, W, "UPDATE", "UPDATE of rows chosen by a join"},
	{"COPY t TO PROGRAM 'cat'", SQL_ESCAPE, DDL, "COPY", "COPY … TO PROGRAM runs a program on the database host"},
	{"COPY t FROM '/x'", SQL_ESCAPE, DDL, "COPY", "COPY … FROM a file reads files of the database host"},
	{"COPY t FROM STDIN", SQL_BULK, W | U | SQLF_COPY_IN, "COPY", "COPY FROM STDIN writes any number of rows"},
	{"COPY t TO STDOUT", SQL_READ, U | SQLF_COPY_OUT, "COPY", ""},
	{"BEGIN", SQL_SESSION, U | SQLF_TX_BEGIN, "BEGIN", NULL},
	{"START TRANSACTION READ ONLY", SQL_SESSION, U | SQLF_TX_BEGIN, "START TRANSACTION", NULL},
	{"COMMIT", SQL_SESSION, U | SQLF_TX_END, "COMMIT", NULL},
	{"END", SQL_SESSION, U | SQLF_TX_END, "COMMIT", NULL},
	{"COMMIT AND CHAIN", SQL_SESSION, U | SQLF_TX_END | SQLF_TX_BEGIN, "COMMIT", NULL},
	{"ABORT", SQL_SESSION, U | SQLF_TX_END | SQLF_ROLLBACK, "ROLLBACK", NULL},
	{"ROLLBACK TO s", SQL_SESSION, U | SQLF_ROLLBACK | SQLF_SAVEPOINT, "ROLLBACK TO", NULL},
	{"PREPARE TRANSACTION 'x'", SQL_CONTROL, DDL | SQLF_TX_END, "PREPARE TRANSACTION",
	 "PREPARE TRANSACTION leaves changes and locks behind that no session ends"},
	{"COMMIT PREPARED 'x'", SQL_CONTROL, DDL, "COMMIT PREPARED", NULL},
	{"SET work_mem = '1MB'", SQL_SESSION, U | SQLF_SESSION_SET, "SET", NULL},
	{"SET search_path = a, b", SQL_SESSION, U | C | SQLF_SESSION_SET, "SET", NULL},
	{"RESET ALL", SQL_SESSION, U | C | SQLF_SESSION_SET, "RESET", NULL},
	{"DISCARD ALL", SQL_SESSION, U | C | SQLF_SESSION_SET | SQLF_DISCARD, "DISCARD", NULL},
	{"DEALLOCATE ALL", SQL_SESSION, U | SQLF_DISCARD, "DEALLOCATE", NULL},
	{"DEALLOCATE p", SQL_SESSION, U, "DEALLOCATE", NULL},
	{"LISTEN c", SQL_SESSION, U | SQLF_NOTIFY, "LISTEN", NULL},
	{"SELECT pg_notify('c', 'x')", SQL_SESSION, SQLF_NOTIFY, "SELECT", NULL},
	{"SELECT pg_advisory_lock(1)", SQL_READ, SQLF_LOCKS, "SELECT", NULL},
	{"SELECT set_config('work_mem', '1', true)", SQL_SESSION, SQLF_SESSION_SET, "SELECT", NULL},
	{"LOCK t IN ACCESS SHARE MODE", SQL_SESSION, U | SQLF_LOCKS, "LOCK", NULL},
	{"LOCK t", SQL_CONTROL, DDL | SQLF_LOCKS, "LOCK", "LOCK in ACCESS EXCLUSIVE mode keeps other sessions out"},
	{"EXPLAIN DELETE FROM t", SQL_READ, U, "EXPLAIN", NULL},
	{"EXPLAIN ANALYZE DELETE FROM t", SQL_BULK, U | W, "EXPLAIN ANALYZE", NULL},
	{"CREATE TEMP TABLE t (a int)", SQL_SESSION, U | C, "CREATE TABLE", NULL},
	{"CREATE TEMP TABLE t AS SELECT 1", SQL_SESSION, U | C, "CREATE TABLE AS", NULL},
	{"CREATE MATERIALIZED VIEW m AS SELECT 1", SQL_SCHEMA, DDL, "CREATE MATERIALIZED VIEW", NULL},
	{"DROP MATERIALIZED VIEW m", SQL_DESTRUCTIVE, DDL, "DROP MATERIALIZED VIEW", "DROP MATERIALIZED VIEW cannot be undone"},
	{"ALTER FOREIGN TABLE t ADD COLUMN a int", SQL_SCHEMA, DDL, "ALTER FOREIGN TABLE", NULL},
	{"SHOW ALL", SQL_READ, U, "SHOW", NULL},
	{"MOVE 5 IN c", SQL_READ, U, "MOVE", NULL},
	{"SELECT purge()", SQL_OPAQUE, W | C, "SELECT", "calls purge(), which is not a known read-only function"},
	{"SELECT pg_read_file('x')", SQL_ESCAPE, W | C, "SELECT", "pg_read_file() reads files of the database host"},
	{"EXECUTE p", SQL_OPAQUE, DDL | SQLF_BY_NAME, "EXECUTE", "EXECUTE of a statement prepared elsewhere"},
	{"CREATE TABLE x AS EXECUTE p", SQL_SCHEMA, DDL | SQLF_BY_NAME, "CREATE TABLE AS", NULL},
	{"ANALYZE t", SQL_WRITE, U | W, "ANALYZE", NULL},
	{"SET x.y = 1", SQL_CONTROL, DDL | SQLF_SESSION_SET, "SET",
	 "setting x.y is a setting outside the list of harmless ones"},
	{"selekt", SQL_UNPARSABLE, 0, NULL, "syntax error at or near \"selekt\""},
};

Test(facts, classes_flags_tags_reasons)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct expect *e = &table[i];
		struct sql_facts f = facts(e->sql);

		cr_expect_eq(f.cls, e->cls, "%s: %s", e->sql, sql_class_name(f.cls));
		cr_expect_eq(f.flags, e->flags, "%s: flags %x", e->sql, f.flags);
		if (e->tag != NULL)
			cr_expect(f.n_stmts == 1 && strcmp(f.stmts[0].tag, e->tag) == 0, "%s: %s", e->sql,
				  f.n_stmts > 0 ? f.stmts[0].tag : "-");
		if (e->reason != NULL)
			cr_expect_str_eq(f.reason, e->reason, "%s: %s", e->sql, f.reason);
		sql_facts_clear(&f);
	}
}

Test(facts, strictest_statement_wins_and_each_has_its_place)
{
	struct sql_facts f = facts("SELECT 1; DROP TABLE a; DELETE FROM b");

	cr_assert_eq(f.n_stmts, 3);
	cr_assert_eq(f.cls, SQL_DESTRUCTIVE);
	cr_assert_str_eq(f.reason, "DROP TABLE cannot be undone");
	cr_assert_eq(f.stmts[0].cls, SQL_READ);
	cr_assert_eq(f.stmts[2].cls, SQL_BULK);
	cr_assert_eq(f.stmts[1].off, 9);
	cr_assert_eq(f.stmts[1].off + f.stmts[1].len, 22);
	sql_facts_clear(&f);
	f = facts("");
	cr_assert_eq(f.cls, SQL_READ);
	cr_assert_eq(f.n_stmts, 0);
	sql_facts_clear(&f);
}

/* A policy may loosen one class: the others inside the same statement must not vanish. */
Test(facts, all_classes_of_a_statement_are_kept)
{
	struct sql_facts f = facts("CREATE TABLE x AS WITH d AS (DELETE FROM t RETURNING purge()) SELECT * FROM d");

	cr_assert_eq(f.cls, SQL_SCHEMA);
	cr_assert_eq(f.stmts[0].classes, 1u << SQL_SCHEMA | 1u << SQL_OPAQUE | 1u << SQL_BULK);
	sql_facts_clear(&f);
}

static const struct sql_rel *rel(const struct sql_facts *f, const char *schema, const char *name)
{
	size_t i;

	for (i = 0; i < f->n_rels; i++)
		if (strcmp(f->rels[i].name, name) == 0 &&
		    (schema == NULL ? f->rels[i].schema == NULL
				    : f->rels[i].schema != NULL && strcmp(f->rels[i].schema, schema) == 0))
			return &f->rels[i];
	return NULL;
}

Test(facts, relations_and_functions)
{
	struct sql_facts f = facts("WITH c AS (SELECT * FROM s.a) INSERT INTO b SELECT lower(x), s.f(y), lower(z) FROM c, a, a AS q");

	cr_assert_eq(f.n_rels, 3);
	cr_assert(rel(&f, NULL, "b")->written);
	cr_assert(!rel(&f, "s", "a")->written);
	cr_assert(!rel(&f, NULL, "a")->written);
	cr_assert_eq(f.n_funcs, 2);
	cr_assert_str_eq(f.funcs[0], "lower");
	cr_assert_str_eq(f.funcs[1], "s.f");
	sql_facts_clear(&f);
}

/* A CTE hides a table only where the CTE can be seen. */
Test(facts, ctes_hide_only_what_they_can)
{
	static const struct {
		const char *sql;
		bool real;
	} cases[] = {
		{"WITH t AS (SELECT 1) SELECT * FROM t", false},
		{"WITH t AS (SELECT 1) SELECT * FROM (SELECT * FROM t) x", false},
		{"SELECT * FROM (WITH t AS (SELECT 1) SELECT * FROM t) x, t", true},
		{"WITH t AS (SELECT * FROM t) SELECT * FROM t", true},
		{"WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM t) SELECT * FROM t", false},
		{"WITH a AS (SELECT * FROM t), t AS (SELECT 1) SELECT 1", true},
		{"WITH t AS (SELECT 1) SELECT * FROM public.t", true},
		{"WITH t AS (SELECT 1) DELETE FROM t WHERE id = 1", true},
		{"WITH t AS (SELECT 1) SELECT 1 UNION SELECT * FROM t", false},
		{"SELECT 1; WITH t AS (SELECT 1) SELECT 1; SELECT * FROM t", true},
		{"SELECT (WITH t AS (SELECT 1) SELECT 1) FROM t", true},
		{"WITH t AS (SELECT 1) SELECT (SELECT max(a) FROM t)", false},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sql_facts f = facts(cases[i].sql);

		cr_expect_neq(f.cls, SQL_UNPARSABLE, "%s", cases[i].sql);
		cr_expect_eq(rel(&f, NULL, "t") != NULL || rel(&f, "public", "t") != NULL, cases[i].real, "%s",
			     cases[i].sql);
		sql_facts_clear(&f);
	}
}

Test(facts, many_names_are_found_again)
{
	struct buf b;
	struct sql_facts f;
	int i;

	buf_init(&b, 1u << 20);
	buf_put_str(&b, "SELECT 1 FROM t");
	for (i = 0; i < 20000; i++)
		buf_printf(&b, ",t%d", i % 10000);
	pgsql_facts(buf_span(&b), NULL, &f);
	cr_assert_eq(f.cls, SQL_READ);
	cr_assert_eq(f.n_rels, 10001);
	sql_facts_clear(&f);
	buf_clear(&b);
}

/* ---- EXECUTE ---- */

static bool knows(void *ctx, const char *name, struct sql_prepared *out)
{
	cr_assert_str_eq(ctx, "ctx");
	if (strcmp(name, "reads") != 0 && strcmp(name, "drops") != 0)
		return false;
	out->cls = name[0] == 'r' ? SQL_READ : SQL_DESTRUCTIVE;
	out->classes = 1u << out->cls;
	return true;
}

Test(facts, execute_is_what_was_prepared)
{
	static const struct {
		const char *sql;
		enum sql_class cls;
	} cases[] = {
		{"EXECUTE reads", SQL_READ}, {"EXECUTE drops(1)", SQL_DESTRUCTIVE}, {"EXECUTE other", SQL_OPAQUE},
		{"EXECUTE reads(purge())", SQL_OPAQUE}, {"EXPLAIN EXECUTE drops", SQL_READ},
		{"EXPLAIN ANALYZE EXECUTE drops", SQL_DESTRUCTIVE}, {"CREATE TEMP TABLE x AS EXECUTE drops", SQL_DESTRUCTIVE},
		{"PREPARE reads AS DELETE FROM t; EXECUTE reads", SQL_BULK}, {"EXECUTE reads(pg_read_file('x'))", SQL_ESCAPE},
	};
	char ctx[] = "ctx";
	struct sql_context cx = {.prepared = knows, .ctx = ctx};
	struct sql_facts f;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgsql_facts(span_str(cases[i].sql), &cx, &f);
		cr_expect_eq(f.cls, cases[i].cls, "%s: %s", cases[i].sql, sql_class_name(f.cls));
		cr_expect(f.flags & SQLF_BY_NAME, "%s", cases[i].sql);
		sql_facts_clear(&f);
	}
	f = facts("PREPARE p (int) AS SELECT 1; DECLARE c CURSOR FOR SELECT 1; FETCH c; SAVEPOINT s");
	cr_assert_str_eq(f.stmts[0].name, "p");
	cr_assert_str_eq(f.stmts[1].name, "c");
	cr_assert_str_eq(f.stmts[2].name, "c");
	cr_assert_str_eq(f.stmts[3].name, "s");
	sql_facts_clear(&f);
}

/* ---- two readings ---- */

Test(facts, literals_that_end_elsewhere)
{
	static const struct {
		const char *sql;
		enum sql_class cls;
	} cases[] = {
		{"SELECT '\\'; DROP TABLE orders; --'", SQL_DESTRUCTIVE}, /* the other reading is one harmless SELECT */
		{"SELECT 'a\\'' ; DROP TABLE orders; --'", SQL_UNPARSABLE}, /* the other reading drops */
		{"SELECT 'a\\'', email FROM customers; --'", SQL_UNPARSABLE}, /* the other reading shows a column */
		{"SELECT 'C:\\dir\\'", SQL_READ}, /* the other reading is an error */
		{"SELECT '\\\\', '\\d'", SQL_READ}, {"SELECT E'a\\'' ; DROP TABLE orders", SQL_DESTRUCTIVE},
	};
	struct sql_context off = {.scs_off = true};
	struct sql_facts f;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f = facts(cases[i].sql);
		cr_expect_eq(f.cls, cases[i].cls, "%s: %s %s", cases[i].sql, sql_class_name(f.cls), f.reason);
		sql_facts_clear(&f);
	}
	pgsql_facts(span_str("SELECT '\\n'"), &off, &f);
	cr_assert_eq(f.cls, SQL_UNPARSABLE);
	sql_facts_clear(&f);
	pgsql_facts(span_str("SELECT 'n', E'\\n'"), &off, &f);
	cr_assert_eq(f.cls, SQL_READ);
	sql_facts_clear(&f);
}

Test(facts, client_encodings)
{
	static const struct {
		const char *enc;
		bool safe;
	} cases[] = {
		{"UTF8", true}, {"'utf-8'", true}, {"UNICODE", true}, {"LATIN1", true}, {"EUC_JP", true}, {"WIN1252", true},
		{"SQL_ASCII", true}, {"SJIS", false}, {"Shift_JIS_2004", false}, {"BIG5", false}, {"GBK", false},
		{"gb18030", false}, {"UHC", false}, {"JOHAB", false}, {"MULE_INTERNAL", false}, {"windows-936", false},
		{"", false}, {"utf8x", false}, {"UTF16", false},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sql_context cx = {.client_encoding = cases[i].enc};
		struct sql_facts f;

		pgsql_facts(span_str("SELECT 1"), &cx, &f);
		cr_expect_eq(f.cls != SQL_UNPARSABLE, cases[i].safe, "%s", cases[i].enc);
		sql_facts_clear(&f);
	}
}

/* ---- what tools send ---- */

/* psql's commands, pg_dump, JDBC, pgAdmin, ORMs: never held, never refused. */
Test(facts, tools_work_as_they_are)
{
	struct buf b;
	const char *p, *end;
	size_t n = 0;

	buf_init(&b, 1u << 20);
	cr_assert_eq(file_read(SP_SRCDIR "/tests/vectors/guard/tools.sql", &b), 0);
	for (p = buf_cstr(&b); p != NULL; p = end != NULL ? end + 8 : NULL) {
		struct sql_facts f;

		end = strstr(p, "\n--next\n");
		pgsql_facts(span_of(p, end != NULL ? (size_t)(end - p) : strlen(p)), NULL, &f);
		cr_expect_leq(sql_class_level(f.cls), 1, "%.200s: %s", p, f.reason);
		sql_facts_clear(&f);
		n++;
	}
	cr_assert_geq(n, 250);
	buf_clear(&b);
}

Test(facts, pg_dump_may_make_row_filters_errors)
{
	struct sql_context dump = {.dump_client = true};
	struct sql_facts f;

	pgsql_facts(span_str("SET row_security = off"), &dump, &f);
	cr_assert_eq(f.cls, SQL_SESSION);
	sql_facts_clear(&f);
	pgsql_facts(span_str("SET session_replication_role = replica"), &dump, &f);
	cr_assert_eq(f.cls, SQL_AUDIT);
	sql_facts_clear(&f);
	f = facts("SET row_security = off");
	cr_assert_eq(f.cls, SQL_AUDIT);
	sql_facts_clear(&f);
}

/* ---- lists ---- */

Test(facts, function_lists_are_sorted_and_complete)
{
	static const char *const escapes[] = {
		"pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_ls_waldir", "pg_stat_file", "lo_import", "lo_export",
		"lo_put", "lo_from_bytea", "pg_file_write", "pg_file_unlink", "dblink", "dblink_exec", "dblink_connect_u",
		"pg_logical_slot_get_changes", "pg_create_logical_replication_slot", "postgres_fdw_get_connections", "http_get",
	};
	static const char *const held[] = {
		"pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_switch_wal", "pg_promote",
		"query_to_xml", "table_to_xml", "database_to_xml_and_xmlschema", "ts_stat", "crosstab4", "connectby", "xpath_table",
		"pg_stat_reset_shared", "pg_replication_origin_create", "lowrite", "lo_unlink", "pg_wal_replay_pause",
	};
	size_t i;

	for (i = 1; i < pgfuncs_read_n; i++)
		cr_assert_lt(strcmp(pgfuncs_read[i - 1], pgfuncs_read[i]), 0, "%s", pgfuncs_read[i]);
	for (i = 1; i < pgfuncs_operator_n; i++)
		cr_assert_lt(strcmp(pgfuncs_operator[i - 1], pgfuncs_operator[i]), 0, "%s", pgfuncs_operator[i]);
	for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
		cr_expect(pgfunc_find("any", escapes[i]) != NULL && pgfunc_find("any", escapes[i])->cls == SQL_ESCAPE, "%s",
			  escapes[i]);
	for (i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		cr_expect(pgfunc_find("", held[i]) != NULL && sql_class_level(pgfunc_find("", held[i])->cls) >= 2, "%s",
			  held[i]);
	cr_assert(pgfunc_is_read("", "lower"));
	cr_assert(pgfunc_is_read("pg_catalog", "lower"));
	cr_assert(!pgfunc_is_read("public", "lower"));
	cr_assert(!pgfunc_is_read("", "lowe"));
	cr_assert_eq(pgfunc_find("", "pg_replication_origin_progress")->cls, SQL_READ);
	cr_assert_null(pgfunc_find("public", "nextval"));
}

Test(facts, settings)
{
	static const struct {
		const char *name, *value;
		enum pgsetting_how how;
		enum sql_class cls;
	} cases[] = {
		{"WORK_MEM", "1", PGSET_VALUE, SQL_SESSION}, {"role", "x", PGSET_VALUE, SQL_PRIVILEGE},
		{"role", NULL, PGSET_RESET, SQL_SESSION}, {"log_statement", NULL, PGSET_VALUE, SQL_AUDIT},
		{"Log_Statement", NULL, PGSET_RESET, SQL_AUDIT}, {"pgaudit.log", "none", PGSET_VALUE, SQL_AUDIT},
		{"client_encoding", "UTF8", PGSET_VALUE, SQL_SESSION}, {"client_encoding", "Unicode", PGSET_VALUE, SQL_SESSION},
		{"client_encoding", "utf8 ", PGSET_VALUE, SQL_SESSION}, {"client_encoding", "sjis", PGSET_VALUE, SQL_AUDIT},
		{"client_encoding", NULL, PGSET_VALUE, SQL_AUDIT}, {"client_encoding", NULL, PGSET_RESET, SQL_SESSION},
		{"client_encoding", "UTF8", PGSET_STORED, SQL_AUDIT}, {"standard_conforming_strings", "off", PGSET_VALUE, SQL_AUDIT},
		{"standard_conforming_strings", "on", PGSET_VALUE, SQL_SESSION}, {"standard_conforming_strings", "1", PGSET_VALUE, SQL_AUDIT},
		{"search_path", "a,public", PGSET_VALUE, SQL_SESSION}, {"search_path", "pg_catalog, a", PGSET_VALUE, SQL_SESSION},
		{"search_path", "a, PG_CATALOG", PGSET_VALUE, SQL_OPAQUE}, {"search_path", "a,\"pg_catalog\"", PGSET_VALUE, SQL_OPAQUE},
		{"search_path", NULL, PGSET_VALUE, SQL_OPAQUE}, {"work_mem", "1", PGSET_STORED, SQL_CONTROL},
		{"archive_command", "x", PGSET_STORED, SQL_ESCAPE}, {"shared_preload_libraries", "x", PGSET_STORED, SQL_ESCAPE},
		{"nobody.knows", "x", PGSET_VALUE, SQL_CONTROL}, {"enable_seqscan", "off", PGSET_VALUE, SQL_SESSION},
		{"client_min_messages", "debug1", PGSET_VALUE, SQL_CONTROL}, {"client_min_messages", "error", PGSET_VALUE, SQL_SESSION},
		{"session_replication_role", "replica", PGSET_VALUE, SQL_AUDIT}, {"zero_damaged_pages", "on", PGSET_VALUE, SQL_CONTROL},
		{"", "x", PGSET_VALUE, SQL_CONTROL}, {"xmloption", "content", PGSET_VALUE, SQL_SESSION},
		{"client_encoding", "auto", PGSET_START, SQL_SESSION}, {"client_encoding", "auto", PGSET_VALUE, SQL_AUDIT},
		{"client_encoding", "'utf-8'", PGSET_START, SQL_SESSION}, {"client_encoding", "", PGSET_START, SQL_SESSION},
		{"client_encoding", "", PGSET_VALUE, SQL_AUDIT}, {"client_encoding", "LATIN1", PGSET_START, SQL_AUDIT},
		{"client_encoding", "auto sqlascii", PGSET_START, SQL_AUDIT}, {"client_encoding", "unicode|auto", PGSET_START, SQL_AUDIT},
		{"search_path", "public, pg_catalog", PGSET_START, SQL_OPAQUE}, {"search_path", "\"$user\", public", PGSET_START, SQL_SESSION},
		{"client_min_messages", "DEBUG5", PGSET_START, SQL_CONTROL}, {"my.var", "1", PGSET_START, SQL_CONTROL},
		{"tcp_user_timeout", "1", PGSET_START, SQL_SESSION}, {"role", "none", PGSET_START, SQL_PRIVILEGE},
	};
	struct pgsetting s;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgsetting_judge(cases[i].name, cases[i].value, cases[i].how, &s);
		cr_expect_eq(s.cls, cases[i].cls, "%s: %s", cases[i].name, sql_class_name(s.cls));
	}
}

/* ---- hostile texts ---- */

static const char *const nasty[] = {
	"WITH a AS (UPDATE t SET x = pg_read_file('y') WHERE id IN (1, 2) OR id BETWEEN 1 AND 2 RETURNING *) SELECT a::int, b->>'c' "
	"FROM a JOIN s.\"B\" ON true, LATERAL f(1) WHERE x = ANY ($1) ORDER BY 1 USING < FOR UPDATE; PREPARE p AS SELECT 1; EXECUTE p",
	"DO $$ DECLARE r record; BEGIN IF a THEN EXECUTE 'COPY t TO ''/x''' USING b; ELSE PERFORM dblink('x'); END IF; END $$;"
	"CREATE FUNCTION f() RETURNS int LANGUAGE sql SET role = x AS $f$ SELECT '\\', E'\\''; $f$",
	"SET search_path = a, \"b\"; SELECT set_config(name, 'v', false) FROM pg_settings WHERE name = 'x'; EXPLAIN (ANALYZE 'off') SELECT 1; "
	"DROP TABLE pg_temp.a, b.c; ALTER TABLE x DISABLE TRIGGER ALL, DROP COLUMN y; COPY t (a) FROM STDIN; LOCK t; SELECT 'a\\'b''c'",
};

Test(facts, every_prefix_and_flip_ends_cleanly)
{
	size_t k, i, n;

	for (k = 0; k < sizeof(nasty) / sizeof(nasty[0]); k++) {
		n = strlen(nasty[k]);
		for (i = 0; i <= n; i++) {
			char *copy = malloc(i + 1);
			struct sql_facts f;

			memcpy(copy, nasty[k], i);
			pgsql_facts(span_of(copy, i), NULL, &f);
			sql_facts_clear(&f);
			free(copy);
		}
		for (i = 0; i < n * 8; i += 3) {
			char *copy = strdup(nasty[k]);
			struct sql_facts f;

			copy[i / 8] ^= (char)(1 << (i % 8));
			pgsql_facts(span_of(copy, n), NULL, &f);
			sql_facts_clear(&f);
			free(copy);
		}
	}
}

static enum sql_class bomb(const char *head, const char *unit, size_t n, const char *tail)
{
	struct buf b;
	struct sql_facts f;
	enum sql_class c;
	size_t i;

	buf_init(&b, 4u << 20);
	buf_put_str(&b, head);
	for (i = 0; i < n; i++)
		buf_put_str(&b, unit);
	buf_put_str(&b, tail);
	pgsql_facts(buf_span(&b), NULL, &f);
	c = f.cls;
	sql_facts_clear(&f);
	buf_clear(&b);
	return c;
}

Test(facts, bombs)
{
	cr_assert_eq(bomb("SELECT 1", "+1", 50000, ""), SQL_UNPARSABLE);
	cr_assert_eq(bomb("SELECT ", "(", 100000, "1"), SQL_UNPARSABLE);
	cr_assert_eq(bomb("DO $$ BEGIN PERFORM 1", "+1", 50000, "; END $$"), SQL_OPAQUE);
	cr_assert_eq(bomb("DO $$ BEGIN PERFORM ", "(", 100000, "; END $$"), SQL_OPAQUE);
	cr_assert_eq(bomb("DO $$ ", "BEGIN ", 50000, " $$"), SQL_OPAQUE);
	cr_assert_eq(bomb("DELETE FROM t WHERE ", "(", 2000, "1"), SQL_UNPARSABLE);
	cr_assert_eq(bomb("DELETE FROM t WHERE a = 1", " AND (b = 2 OR c = 3)", 5000, ""), SQL_WRITE);
	cr_assert_eq(bomb("DELETE FROM t WHERE a <> 1", " AND a < 2", 5000, ""), SQL_WRITE);
	cr_assert_eq(bomb("WITH t AS (SELECT 1) SELECT 1", " UNION SELECT * FROM t", 2900, ""), SQL_READ);
	cr_assert_eq(bomb("", "SELECT pg_read_file('x');", 20000, ""), SQL_ESCAPE);
	cr_assert_eq(bomb("DO $a$ BEGIN ", "EXECUTE 'DO $b$ BEGIN PERFORM 1; END $b$';", 1000, " END $a$"), SQL_OPAQUE);
}
