/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the database's catalogue by own queries (recorded): at the start, after DDL and every half minute. All names in
 * the queries are qualified: a user's search_path must not change what they do. What the rows mean is px_catalog.c's and
 * px_known.c's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "session/px_catalog.h"

#define MAX_AGE_US (30 * 1000000ll)

#define EQ " OPERATOR(pg_catalog.=) "
#define NE " OPERATOR(pg_catalog.<>) "
#define GE " OPERATOR(pg_catalog.>=) "
#define GT " OPERATOR(pg_catalog.>) "
#define LE " OPERATOR(pg_catalog.<=) "
#define CLASS_OID(t) "'pg_catalog." t "'::pg_catalog.regclass::pg_catalog.oid"
#define CHARS(list) "ANY (ARRAY[" list "]::pg_catalog.\"char\"[])"
#define USERS GE "16384"

/* ---- rows ---- */

static bool row_texts(struct pg_row *row, struct span *out, size_t n)
{
	struct pg_value v;

	for (size_t i = 0; i < n; i++) {
		if (!pg_row_next(row, &v))
			return false;
		out[i] = v.null ? span_of(NULL, 0) : v.data;
	}
	return pg_row_end(row) == 0;
}

static long long span_num(struct span s)
{
	char t[24];

	snprintf(t, sizeof(t), "%.*s", (int)(s.n < 23 ? s.n : 22), s.n > 0 ? (const char *)s.p : "");
	return strtoll(t, NULL, 10);
}

static char *span_dup(struct span s)
{
	return xstrndup(s.n > 0 ? (const char *)s.p : "", s.n);
}

static char first_char(struct span s)
{
	return s.n > 0 ? (char)s.p[0] : '?';
}

/* Catalogue columns that hold values of tables, statements of others, or secrets. Whole relations with column NULL. */
static const struct {
	const char *rel, *col;
} value_bearing[] = {{"pg_stats", "most_common_vals"}, {"pg_stats", "histogram_bounds"}, {"pg_stats", "most_common_elems"},
    {"pg_stats_ext", "most_common_vals"},
    {"pg_stats", "n_distinct"}, {"pg_stats", "avg_width"}, {"pg_stats", "correlation"},
    {"pg_stats", "null_frac"}, {"pg_stats", "most_common_freqs"}, {"pg_stats", "most_common_elem_freqs"},
    {"pg_stats", "elem_count_histogram"}, {"pg_stats", "range_length_histogram"}, {"pg_stats", "range_empty_frac"},
    {"pg_stats", "range_bounds_histogram"}, {"pg_stats_ext", "most_common_val_nulls"}, {"pg_stats_ext", "most_common_freqs"},
    {"pg_stats_ext", "most_common_base_freqs"}, {"pg_stats_ext", "n_distinct"}, {"pg_stats_ext", "dependencies"},
    {"pg_stats_ext_exprs", NULL}, {"pg_statistic", NULL}, {"pg_statistic_ext_data", NULL},
    {"pg_stat_activity", "query"}, {"pg_authid", "rolpassword"}, {"pg_shadow", "passwd"}, {"pg_user_mapping", "umoptions"},
    {"pg_user_mappings", "umoptions"}, {"user_mapping_options", "option_value"}, {"pg_largeobject", "data"},
    {"pg_subscription", "subconninfo"}, {"pg_foreign_server", "srvoptions"}, {"pg_hba_file_rules", NULL},
    {"pg_file_settings", NULL}, {"pg_prepared_statements", "statement"}, {"pg_cursors", "statement"}};

static int system_kind(const char *rel, const char *col)
{
	for (size_t i = 0; i < sizeof(value_bearing) / sizeof(value_bearing[0]); i++)
		if (strcmp(value_bearing[i].rel, rel) == 0 && (value_bearing[i].col == NULL || strcmp(value_bearing[i].col, col) == 0))
			return PII_OTHER;
	return 0;
}

static int column_row(struct pgproxy *x, struct pg_row *row)
{
	struct span f[9]; /* oid nspname relname relkind visible attnum attname atttypid mine */
	struct px_rel *r;
	uint32_t oid;

	if (!row_texts(row, f, 9))
		return E_FORMAT;
	oid = (uint32_t)span_num(f[0]);
	if (x->n_rels >= RELS_MAX || ++x->n_catalog_cols > COLS_MAX)
		return 0; /* the rest is unknown, so masked */
	r = x->n_rels > 0 && x->rels[x->n_rels - 1].oid == oid
		? &x->rels[x->n_rels - 1]
		: px_rel_add(x, oid, f[1], f[2], first_char(f[3]), span_is(f[4], "t"), span_is(f[8], "t"));
	if (r->n_cols == r->cap) {
		r->cap = r->cap == 0 ? 8 : r->cap * 2;
		r->cols = xreallocarray(r->cols, r->cap, sizeof(*r->cols));
		r->attnums = xreallocarray(r->attnums, r->cap, sizeof(*r->attnums));
	}
	r->attnums[r->n_cols] = (int16_t)span_num(f[5]);
	r->cols[r->n_cols] = (struct catalog_col){.name = span_dup(f[6])};
	r->cols[r->n_cols].kind = r->oid < FIRST_USER_OID ? system_kind(r->name, r->cols[r->n_cols].name)
							    : (int)detect_by_name(r->schema, r->name, r->cols[r->n_cols].name, (uint32_t)span_num(f[7]));
	r->n_cols++;
	return 0;
}

static int view_row(struct pgproxy *x, struct pg_row *row)
{
	struct span f[2];
	struct px_rel *r;

	if (!row_texts(row, f, 2))
		return E_FORMAT;
	r = px_rel_by_oid(x, (uint32_t)span_num(f[0]));
	if (r != NULL && r->def == NULL)
		r->def = span_dup(f[1]);
	return 0;
}

static int code_row(struct pgproxy *x, struct pg_row *row)
{
	struct span f[11]; /* what oid rel nspname name lanname extname traits config types body */
	struct px_code c;

	if (!row_texts(row, f, 11) || f[7].n != 3)
		return E_FORMAT;
	c = (struct px_code){
	    .what = first_char(f[0]),
	    .oid = (uint32_t)span_num(f[1]),
	    .rel = (uint32_t)span_num(f[2]),
	    .schema = span_dup(f[3]),
	    .name = span_dup(f[4]),
	    .lang = span_dup(f[5]),
	    .ext = span_dup(f[6]),
	    .volatility = (char)f[7].p[0],
	    .kind = (char)f[7].p[1],
	    .set = f[7].p[2] == 't',
	    .config = span_dup(f[8]),
	    .types = span_dup(f[9]),
	    .body = f[10].p != NULL ? span_dup(f[10]) : NULL,
	};
	if (c.rel != 0)
		px_hang_add(x, &(struct px_hang){.rel = c.rel, .what = 'y', .doing = 1, .ref = c.oid, .name = span_dup(f[4])});
	px_code_add(x, &c);
	return 0;
}

static int hang_row(struct pgproxy *x, struct pg_row *row)
{
	struct span f[5]; /* rel what doing ref name */

	if (!row_texts(row, f, 5))
		return E_FORMAT;
	px_hang_add(x, &(struct px_hang){.rel = (uint32_t)span_num(f[0]), .what = first_char(f[1]), .doing = (int)span_num(f[2]),
	    .ref = (uint32_t)span_num(f[3]), .name = span_dup(f[4])});
	return 0;
}

/* ---- queries ---- */

static const char columns_sql[] =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, pg_catalog.pg_table_is_visible(c.oid), a.attnum, a.attname, a.atttypid, "
    "n.oid" EQ "pg_catalog.pg_my_temp_schema() FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid" EQ "c.relnamespace "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid" EQ "c.oid "
    "WHERE a.attnum" GT "0 AND NOT a.attisdropped "
    "AND c.relkind" EQ CHARS("'r','p','v','m','f'") " "
    "AND (c.oid" USERS " OR c.relname" EQ "ANY (ARRAY['pg_stats','pg_stats_ext',"
    "'pg_stats_ext_exprs','pg_statistic','pg_statistic_ext_data','pg_stat_activity','pg_authid','pg_shadow','pg_user_mapping',"
    "'pg_user_mappings','user_mapping_options','pg_largeobject','pg_subscription','pg_foreign_server','pg_hba_file_rules',"
    "'pg_file_settings','pg_prepared_statements','pg_cursors']::pg_catalog.name[])) "
    "ORDER BY c.oid, a.attnum LIMIT 100001";
static const char lock_limit_sql[] = "SET LOCAL lock_timeout TO '300ms'";
static const char time_limit_sql[] = "SET LOCAL statement_timeout TO '10s'";
static const char views_sql[] =
    "SELECT c.oid, pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c "
    "WHERE c.relkind" EQ CHARS("'v','m'") " AND c.oid" USERS " LIMIT 5000";

/* Names that may run code of this database: functions with their bodies; operators with their functions; types whose
 * input, cast or CHECK runs code in a confined language, or that contain such a type. Parts and wholes of types are
 * joined, not looked up one by one: the estimate of that would make the server compile the query (JIT), which takes it a
 * second for every connection. */
#define BODY_OF \
	"CASE WHEN l.lanname" EQ "ANY (ARRAY['sql','plpgsql']::pg_catalog.name[]) AND pg_catalog.length(p.prosrc)" LE "8192 " \
	"THEN CASE WHEN p.prosqlbody IS NOT NULL THEN pg_catalog.pg_get_function_sqlbody(p.oid) ELSE p.prosrc END END"
#define EXTENSION_OF(oid) \
	"LEFT JOIN (pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid" EQ "d.refobjid AND d.refclassid" EQ \
	CLASS_OID("pg_extension") " AND d.deptype" EQ "'e') ON d.classid" EQ CLASS_OID("pg_proc") " AND d.objid" EQ oid " "
#define TRAITS "pg_catalog.concat(p.provolatile, p.prokind, p.proretset)"
static const char code_sql[] =
    "WITH RECURSIVE code(oid) AS (SELECT p.oid FROM pg_catalog.pg_proc p "
    "JOIN pg_catalog.pg_language l ON l.oid" EQ "p.prolang WHERE p.oid" USERS " "
    "AND l.lanname" NE "ALL (ARRAY['c','internal']::pg_catalog.name[])), "
    "made(part, whole) AS (SELECT t.typelem, t.oid FROM pg_catalog.pg_type t WHERE t.typelem" GT "0 "
    "UNION ALL SELECT t.typbasetype, t.oid FROM pg_catalog.pg_type t WHERE t.typbasetype" GT "0 "
    "UNION ALL SELECT f.atttypid, t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_attribute f "
    "ON f.attrelid" EQ "t.typrelid WHERE t.typrelid" GT "0), "
    "armed(oid) AS (SELECT k.contypid FROM pg_catalog.pg_constraint k "
    "JOIN pg_catalog.pg_depend d ON d.objid" EQ "k.oid AND d.classid" EQ CLASS_OID("pg_constraint") " "
    "WHERE k.contypid" GT "0 AND d.refobjid" USERS " AND d.refclassid" EQ "ANY (ARRAY[" CLASS_OID("pg_proc") ", "
    CLASS_OID("pg_operator") "]) "
    "UNION SELECT s.oid FROM pg_catalog.pg_cast c JOIN code ON code.oid" EQ "c.castfunc "
    "JOIN pg_catalog.pg_type s ON s.oid" EQ "ANY (ARRAY[c.castsource, c.casttarget]) WHERE s.oid" USERS " "
    "UNION SELECT m.whole FROM armed a JOIN made m ON m.part" EQ "a.oid) "
    "SELECT 'f', p.oid, 0, n.nspname, p.proname, l.lanname, e.extname, " TRAITS ", "
    "pg_catalog.array_to_string(p.proconfig, pg_catalog.chr(10)), pg_catalog.concat_ws(' ', p.prorettype, p.proargtypes, "
    "pg_catalog.array_to_string(p.proallargtypes, ' ')), " BODY_OF " "
    "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid" EQ "p.pronamespace "
    "JOIN pg_catalog.pg_language l ON l.oid" EQ "p.prolang " EXTENSION_OF("p.oid") "WHERE p.oid" USERS " "
    "UNION ALL SELECT 'o', p.oid, 0, n.nspname, o.oprname, l.lanname, e.extname, " TRAITS ", "
    "pg_catalog.array_to_string(p.proconfig, pg_catalog.chr(10)), pg_catalog.concat_ws(' ', p.prorettype, p.proargtypes), "
    BODY_OF " FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid" EQ "o.oprnamespace "
    "JOIN pg_catalog.pg_proc p ON p.oid" EQ "o.oprcode JOIN pg_catalog.pg_language l ON l.oid" EQ "p.prolang "
    EXTENSION_OF("p.oid") "WHERE o.oid" USERS " "
    "UNION ALL SELECT 'y', t.oid, t.typrelid, n.nspname, t.typname, '', NULL, 'vff', '', '', NULL "
    "FROM armed JOIN pg_catalog.pg_type t ON t.oid" EQ "armed.oid "
    "JOIN pg_catalog.pg_namespace n ON n.oid" EQ "t.typnamespace LIMIT 20001";

/* What hangs on relations: unique keys in force whose equality is that of their columns' types; triggers of users that
 * fire; rules; foreign keys that carry changes on; children; what views read; code behind defaults, checks, policies,
 * indexes and views. */
#define RULE_OF_VIEW "rw.rulename" EQ "'_RETURN'"
static const char hangs_sql[] =
    "SELECT i.indrelid, 'k', 0, i.indexrelid, pg_catalog.string_agg(a.attname::pg_catalog.text, pg_catalog.chr(31)) "
    "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid" EQ "i.indexrelid "
    "JOIN pg_catalog.pg_class rc ON rc.oid" EQ "i.indrelid AND rc.relkind" EQ CHARS("'r','p'") " "
    "JOIN pg_catalog.pg_am m ON m.oid" EQ "ic.relam AND m.amname" EQ "'btree' "
    "CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(i.indkey::pg_catalog.int2[]), pg_catalog.unnest(i.indclass::pg_catalog.oid[]), "
    "pg_catalog.unnest(i.indcollation::pg_catalog.oid[])) WITH ORDINALITY u(att, cls, coll, n) "
    "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid" EQ "i.indrelid AND a.attnum" EQ "u.att "
    "LEFT JOIN pg_catalog.pg_opclass oc ON oc.oid" EQ "u.cls "
    "WHERE i.indrelid" USERS " AND i.indisunique AND i.indisvalid AND i.indisready AND i.indislive AND i.indimmediate "
    "AND i.indpred IS NULL AND i.indexprs IS NULL AND u.n" LE "i.indnkeyatts "
    "GROUP BY i.indexrelid, i.indrelid HAVING pg_catalog.bool_and(oc.oid" LE "16383 AND oc.opcdefault "
    "AND a.attcollation" EQ "u.coll AND pg_catalog.strpos(a.attname::pg_catalog.text, pg_catalog.chr(31))" EQ "0) "
    "UNION ALL SELECT t.tgrelid, 't', t.tgtype, t.tgfoid, t.tgname::pg_catalog.text FROM pg_catalog.pg_trigger t "
    "WHERE NOT t.tgisinternal AND t.tgenabled" EQ CHARS("'O','A'") " "
    "UNION ALL SELECT rw.ev_class, 'w', rw.ev_type::pg_catalog.text::pg_catalog.int4, rw.oid, rw.rulename::pg_catalog.text "
    "FROM pg_catalog.pg_rewrite rw WHERE rw.ev_class" USERS " AND rw.ev_type" NE "'1' AND rw.ev_enabled" NE "'D' "
    "UNION ALL SELECT k.confrelid, 'x', 0, k.conrelid, c.relname::pg_catalog.text FROM pg_catalog.pg_constraint k "
    "JOIN pg_catalog.pg_class c ON c.oid" EQ "k.conrelid WHERE k.contype" EQ "'f' AND k.confdeltype" EQ CHARS("'c','n','d'") " "
    "UNION ALL SELECT k.confrelid, 'u', 0, k.conrelid, a.attname::pg_catalog.text FROM pg_catalog.pg_constraint k "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid" EQ "k.confrelid AND a.attnum" EQ "ANY (k.confkey) "
    "WHERE k.contype" EQ "'f' AND k.confupdtype" EQ CHARS("'c','n','d'") " "
    "UNION ALL SELECT h.inhparent, 'c', 0, h.inhrelid, '' FROM pg_catalog.pg_inherits h WHERE h.inhparent" USERS " "
    "UNION ALL SELECT DISTINCT rw.ev_class, 'v', 0, d.refobjid, '' FROM pg_catalog.pg_rewrite rw "
    "JOIN pg_catalog.pg_class c ON c.oid" EQ "rw.ev_class AND c.relkind" EQ "'v' "
    "JOIN pg_catalog.pg_depend d ON d.classid" EQ CLASS_OID("pg_rewrite") " AND d.objid" EQ "rw.oid "
    "AND d.refclassid" EQ CLASS_OID("pg_class") " WHERE rw.ev_class" USERS " AND " RULE_OF_VIEW " AND d.refobjid" NE "rw.ev_class "
    "UNION ALL SELECT h.rel, CASE WHEN d.refclassid" EQ CLASS_OID("pg_type") " THEN 'y' ELSE 'f' END, h.doing, "
    "CASE WHEN d.refclassid" EQ CLASS_OID("pg_operator") " THEN o.oprcode::pg_catalog.oid ELSE d.refobjid END, '' FROM ("
    "SELECT " CLASS_OID("pg_attrdef") " AS cls, ad.oid AS obj, ad.adrelid AS rel, 1 AS doing FROM pg_catalog.pg_attrdef ad "
    "UNION ALL SELECT " CLASS_OID("pg_constraint") ", k.oid, k.conrelid, 1 FROM pg_catalog.pg_constraint k "
    "WHERE k.conrelid" USERS " AND k.contype" EQ "'c' "
    "UNION ALL SELECT " CLASS_OID("pg_policy") ", p.oid, p.polrelid, 2 FROM pg_catalog.pg_policy p "
    "UNION ALL SELECT " CLASS_OID("pg_class") ", i.indexrelid, i.indrelid, 1 FROM pg_catalog.pg_index i WHERE i.indrelid" USERS " "
    "UNION ALL SELECT " CLASS_OID("pg_rewrite") ", rw.oid, rw.ev_class, 2 FROM pg_catalog.pg_rewrite rw "
    "JOIN pg_catalog.pg_class c ON c.oid" EQ "rw.ev_class AND c.relkind" EQ "'v' WHERE rw.ev_class" USERS " AND " RULE_OF_VIEW
    ") h JOIN pg_catalog.pg_depend d ON d.classid" EQ "h.cls AND d.objid" EQ "h.obj AND d.refobjid" USERS " "
    "AND d.refclassid" EQ "ANY (ARRAY[" CLASS_OID("pg_proc") ", " CLASS_OID("pg_operator") ", " CLASS_OID("pg_type") "]) "
    "LEFT JOIN pg_catalog.pg_operator o ON o.oid" EQ "d.refobjid LIMIT 60001";

/* ---- loading ---- */

static void step_done(struct pgproxy *x, const char *sqlstate)
{
	if (sqlstate[0] == '\0')
		return;
	x->catalog_failed = true;
	log_warn("catalog-failed", "sid", x->sid, "sqlstate", sqlstate);
}

/* Inside a transaction definitions are not read; a view that is made there was judged when it was. */
static void opaque_keep(struct pgproxy *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_rels; i++)
		n += x->rels[i].opaque;
	free(x->opaque_views);
	x->opaque_views = xcalloc(n + 1, sizeof(*x->opaque_views));
	x->n_opaque_views = 0;
	for (size_t i = 0; i < x->n_rels; i++)
		if (x->rels[i].opaque)
			x->opaque_views[x->n_opaque_views++] = x->rels[i].oid;
}

static void opaque_restore(struct pgproxy *x)
{
	for (size_t i = 0; i < x->n_opaque_views; i++) {
		struct px_rel *r = px_rel_by_oid(x, x->opaque_views[i]);

		if (r != NULL)
			r->opaque = true;
	}
}

/* Views that could not be read stay untrusted. */
static void loaded(struct pgproxy *x, const char *sqlstate)
{
	(void)sqlstate;
	x->catalog_loading = false;
	x->catalog_us = clock_mono_us();
	x->catalog_epoch++;
	if (x->views_stale)
		opaque_restore(x);
	px_views_follow(x);
	if (x->phase == PX_PREPARE)
		px_start_ready(x);
	else if (x->wait == WAIT_CATALOG)
		px_resume(x);
}

static void code_done(struct pgproxy *x, const char *sqlstate)
{
	step_done(x, sqlstate);
	px_known_sort(x);
}

static void code_done_in_tx(struct pgproxy *x, const char *sqlstate)
{
	code_done(x, sqlstate);
	loaded(x, sqlstate);
}

void px_catalog_load(struct pgproxy *x)
{
	bool in_tx = x->status != 'I';

	opaque_keep(x);
	px_catalog_clear(x);
	x->catalog_failed = false;
	x->catalog_loading = true;
	x->catalog_stale = false;
	x->views_stale = in_tx; /* they wait for the end of the transaction: reading them takes locks */
	if (x->phase == PX_RELAY)
		x->wait = WAIT_CATALOG;
	(void)px_own_extended(x, "columns", columns_sql, column_row, step_done, false);
	(void)px_own_extended(x, "what hangs on tables", hangs_sql, hang_row, step_done, false);
	(void)px_own_extended(x, "functions", code_sql, code_row, in_tx ? code_done_in_tx : code_done, false);
	if (in_tx)
		return;
	(void)px_own_extended(x, "limits for views", lock_limit_sql, NULL, NULL, true);
	(void)px_own_extended(x, "limits for views", time_limit_sql, NULL, NULL, true);
	(void)px_own_extended(x, "views", views_sql, view_row, loaded, false);
}

bool px_catalog_due(const struct pgproxy *x)
{
	if (x->status != 'I')
		return x->catalog_stale && x->status == 'T';
	return x->catalog_stale || x->views_stale || clock_mono_us() - x->catalog_us > MAX_AGE_US;
}
