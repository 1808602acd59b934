/* SPDX-License-Identifier: Apache-2.0
 *
 * What this session knows of the database's catalogue: relations with their columns' classification by name, views
 * followed to what they select, names of user functions. Read by own queries (recorded) at the start, after DDL
 * and every half minute; incomplete or failed means unknown, and unknown is masked.
 * All names in the queries are qualified: a user's search_path must not change what they do.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "session/px.h"

#define RELS_MAX 20000
#define COLS_MAX 100000
#define FUNCS_MAX 20000
#define MAX_AGE_US (30 * 1000000ll)
#define FIRST_USER_OID 16384u
#define VIEW_PASSES 6

struct px_rel {
	uint32_t oid;
	char kind;      /* pg_class.relkind */
	bool visible;   /* found by its bare name */
	bool temp;
	bool trusted;   /* the kinds of its columns can be believed */
	bool opaque;    /* a view that runs more than a read */
	char *schema, *name;
	size_t n_cols, cap;
	struct catalog_col *cols;
	int16_t *attnums;
	char *def;      /* view definition until it is followed */
};

/* Catalogue columns that hold values of tables, statements of others, or secrets. Whole relations with column NULL. */
static const struct {
	const char *rel, *col;
} value_bearing[] = {{"pg_stats", "most_common_vals"}, {"pg_stats", "histogram_bounds"}, {"pg_stats", "most_common_elems"},
    {"pg_stats_ext", "most_common_vals"}, {"pg_stats_ext_exprs", NULL}, {"pg_statistic", NULL}, {"pg_statistic_ext_data", NULL},
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

void px_catalog_clear(struct pgproxy *x)
{
	for (size_t i = 0; i < x->n_rels; i++) {
		struct px_rel *r = &x->rels[i];

		for (size_t c = 0; c < r->n_cols; c++)
			free((char *)(uintptr_t)r->cols[c].name);
		free(r->cols);
		free(r->attnums);
		free(r->schema);
		free(r->name);
		free(r->def);
	}
	free(x->rels);
	x->rels = NULL;
	x->n_rels = x->cap_rels = 0;
	for (size_t i = 0; i < x->n_user_funcs; i++)
		free(x->user_funcs[i]);
	free(x->user_funcs);
	x->user_funcs = NULL;
	x->n_user_funcs = 0;
	x->n_catalog_cols = 0;
}

/* ---- rows of the own queries ---- */

static bool row_texts(struct pg_row *row, struct span *out, size_t n)
{
	struct pg_value v;

	for (size_t i = 0; i < n; i++) {
		if (!pg_row_next(row, &v))
			return false;
		out[i] = v.null ? span_of("", 0) : v.data;
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

static struct px_rel *rel_by_oid(struct pgproxy *x, uint32_t oid)
{
	size_t lo = 0, hi = x->n_rels; /* rows come in oid order */

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (x->rels[mid].oid == oid)
			return &x->rels[mid];
		if (x->rels[mid].oid < oid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static struct px_rel *rel_add(struct pgproxy *x, uint32_t oid, const struct span *f)
{
	struct px_rel *r;

	if (x->n_rels == x->cap_rels) {
		x->cap_rels = x->cap_rels == 0 ? 32 : x->cap_rels * 2;
		x->rels = xreallocarray(x->rels, x->cap_rels, sizeof(*x->rels));
	}
	r = &x->rels[x->n_rels++];
	*r = (struct px_rel){.oid = oid, .schema = span_dup(f[1]), .name = span_dup(f[2]), .kind = f[3].n > 0 ? (char)f[3].p[0] : '?',
	    .visible = span_is(f[4], "t")};
	r->temp = strncmp(r->schema, "pg_temp", 7) == 0;
	/* Views, and what is filled from queries, are believed once their definition has been followed. */
	r->trusted = !r->temp && (r->kind == 'r' || r->kind == 'p' || r->kind == 'f' || r->oid < FIRST_USER_OID);
	return r;
}

static int column_row(struct pgproxy *x, struct pg_row *row)
{
	struct span f[8]; /* oid nspname relname relkind visible attnum attname atttypid */
	struct px_rel *r;
	uint32_t oid;

	if (!row_texts(row, f, 8))
		return E_FORMAT;
	oid = (uint32_t)span_num(f[0]);
	if (x->n_rels >= RELS_MAX || ++x->n_catalog_cols > COLS_MAX)
		return 0; /* the rest is unknown, so masked */
	r = x->n_rels > 0 && x->rels[x->n_rels - 1].oid == oid ? &x->rels[x->n_rels - 1] : rel_add(x, oid, f);
	if (r->n_cols == r->cap) {
		r->cap = r->cap == 0 ? 8 : r->cap * 2;
		r->cols = xreallocarray(r->cols, r->cap, sizeof(*r->cols));
		r->attnums = xreallocarray(r->attnums, r->cap, sizeof(*r->attnums));
	}
	r->attnums[r->n_cols] = (int16_t)span_num(f[5]);
	r->cols[r->n_cols].name = span_dup(f[6]);
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
	r = rel_by_oid(x, (uint32_t)span_num(f[0]));
	if (r != NULL && r->def == NULL)
		r->def = span_dup(f[1]);
	return 0;
}

static int func_row(struct pgproxy *x, struct pg_row *row)
{
	struct span f[1];

	if (!row_texts(row, f, 1))
		return E_FORMAT;
	if (x->n_user_funcs == 0)
		x->user_funcs = xcalloc(FUNCS_MAX, sizeof(*x->user_funcs));
	if (x->n_user_funcs < FUNCS_MAX)
		x->user_funcs[x->n_user_funcs++] = span_dup(f[0]);
	return 0;
}

/* ---- look-ups ---- */

static struct px_rel *rel_by_name(struct pgproxy *x, const char *schema, const char *name)
{
	for (size_t i = 0; i < x->n_rels; i++) {
		struct px_rel *r = &x->rels[i];

		if (strcmp(r->name, name) == 0 && (schema == NULL ? r->visible : strcmp(r->schema, schema) == 0))
			return r;
	}
	return NULL;
}

static bool catalog_relation(void *ctx, const char *schema, const char *name, struct catalog_rel *out)
{
	struct px_rel *r = rel_by_name(ctx, schema, name);

	if (r == NULL)
		return false;
	*out = (struct catalog_rel){r->trusted, r->n_cols, r->cols};
	return true;
}

static int func_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool user_func(struct pgproxy *x, const char *name)
{
	return x->n_user_funcs > 0 && bsearch(&name, x->user_funcs, x->n_user_funcs, sizeof(*x->user_funcs), func_compare) != NULL;
}

static bool named(struct pgproxy *x, const char *prefix, const char *name)
{
	char full[160];

	(void)snprintf(full, sizeof(full), "%s%s", prefix, name);
	return user_func(x, full);
}

/* A bare name that the database also defines may not be the built-in. */
static bool catalog_shadowed(void *ctx, const char *schema, const char *name)
{
	return schema == NULL && user_func(ctx, name);
}

struct catalog px_catalog(struct pgproxy *x)
{
	return (struct catalog){x, catalog_relation, catalog_shadowed};
}

int px_catalog_origin(struct pgproxy *x, uint32_t oid, int16_t attnum, bool distrust, char *source, size_t cap)
{
	struct px_rel *r = rel_by_oid(x, oid);

	source[0] = '\0';
	if (r == NULL)
		return oid < FIRST_USER_OID && !x->catalog_failed ? 0 : -1;
	for (size_t i = 0; i < r->n_cols; i++)
		if (r->attnums[i] == attnum) {
			snprintf(source, cap, "%s.%s", r->name, r->cols[i].name);
			return r->trusted && !(distrust && r->kind == 'v' && oid >= FIRST_USER_OID) ? r->cols[i].kind : -1;
		}
	return -1;
}

/* jsonb_populate_record(o, '{...}') makes a row of whatever type o has. */
static bool fills_rows(const struct sql_facts *f)
{
	for (size_t i = 0; i < f->n_funcs; i++)
		if (strstr(f->funcs[i], "_populate_record") != NULL)
			return true;
	return false;
}

bool px_catalog_touches(struct pgproxy *x, const struct sql_facts *f, bool *opaque, const char **which)
{
	bool touches = f->cls == SQL_OPAQUE;

	for (size_t i = 0; i < f->n_rels; i++) {
		struct px_rel *r = rel_by_name(x, f->rels[i].schema, f->rels[i].name);

		if (r == NULL) {
			bool system = strncmp(f->rels[i].name, "pg_", 3) == 0 ||
			    (f->rels[i].schema != NULL && strcmp(f->rels[i].schema, "information_schema") == 0);

			touches |= !system;
			continue;
		}
		if (r->opaque) {
			*opaque = true;
			*which = r->name;
		}
		if ((f->rels[i].written && named(x, "rule ", r->name)) ||
		    ((f->rels[i].written || fills_rows(f)) && named(x, "::", r->name))) {
			*opaque = true;
			*which = r->name;
		}
		touches |= !r->trusted;
		for (size_t c = 0; c < r->n_cols && !touches; c++)
			touches = r->cols[c].kind != 0;
	}
	return touches;
}

bool px_catalog_shadowed(struct pgproxy *x, const struct sql_facts *f, const char **which)
{
	for (size_t i = 0; i < f->n_funcs; i++)
		if (strchr(f->funcs[i], '.') == NULL && user_func(x, f->funcs[i])) {
			*which = f->funcs[i];
			return true;
		}
	return false;
}

/* ---- views ---- */

/* Give a view's columns the kinds that its definition proves. True when it is settled. */
static bool view_follow(struct pgproxy *x, struct px_rel *r, bool last)
{
	struct catalog cat = px_catalog(x);
	struct lineage_result lr;
	const struct lineage_stmt *ls;
	bool settled = true;

	pgsql_lineage(span_str(r->def), &cat, &lr);
	ls = lr.n_stmts == 1 ? &lr.stmts[0] : NULL;
	if (ls == NULL || !ls->known || ls->n_cols != r->n_cols)
		settled = false;
	for (size_t i = 0; settled && i < ls->n_cols; i++)
		if (ls->cols[i].what == LINEAGE_UNKNOWN && !last)
			settled = false;
	for (size_t i = 0; settled && i < ls->n_cols; i++)
		r->cols[i].kind = ls->cols[i].what == LINEAGE_CLEAN ? 0
		    : ls->cols[i].what == LINEAGE_UNKNOWN            ? PII_OTHER
		    : ls->cols[i].derived || ls->cols[i].kind <= 0   ? PII_OTHER
								     : ls->cols[i].kind;
	lineage_clear(&lr);
	return settled;
}

static void views_follow(struct pgproxy *x)
{
	for (int pass = 0; pass < VIEW_PASSES; pass++)
		for (size_t i = 0; i < x->n_rels; i++) {
			struct px_rel *r = &x->rels[i];

			if (r->def == NULL || r->trusted || r->temp)
				continue;
			r->trusted = view_follow(x, r, pass == VIEW_PASSES - 1);
		}
	for (size_t i = 0; i < x->n_rels; i++) {
		struct px_rel *r = &x->rels[i];
		struct sql_facts f;

		if (r->def == NULL)
			continue;
		pgsql_facts(span_str(r->def), NULL, &f);
		r->opaque = r->kind == 'v' && sql_class_level(f.cls) >= sql_class_level(SQL_BULK);
		sql_facts_clear(&f);
		free(r->def);
		r->def = NULL;
	}
}

/* ---- loading ---- */

static const char columns_sql[] =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, pg_catalog.pg_table_is_visible(c.oid), a.attnum, a.attname, a.atttypid "
    "FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid "
    "WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped "
    "AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r','p','v','m','f']::pg_catalog.\"char\"[]) "
    "AND (c.oid OPERATOR(pg_catalog.>=) 16384 OR c.relname OPERATOR(pg_catalog.=) ANY (ARRAY['pg_stats','pg_stats_ext',"
    "'pg_stats_ext_exprs','pg_statistic','pg_statistic_ext_data','pg_stat_activity','pg_authid','pg_shadow','pg_user_mapping',"
    "'pg_user_mappings','user_mapping_options','pg_largeobject','pg_subscription','pg_foreign_server','pg_hba_file_rules',"
    "'pg_file_settings','pg_prepared_statements','pg_cursors']::pg_catalog.name[])) "
    "ORDER BY c.oid, a.attnum LIMIT 100001";
static const char lock_limit_sql[] = "SET LOCAL lock_timeout TO '300ms'";
static const char time_limit_sql[] = "SET LOCAL statement_timeout TO '10s'";
static const char views_sql[] =
    "SELECT c.oid, pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c "
    "WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['v','m']::pg_catalog.\"char\"[]) "
    "AND c.oid OPERATOR(pg_catalog.>=) 16384 LIMIT 5000";
/* Names that may run code of this database: functions; operators made of it; "::" and a type whose input, cast or CHECK
 * runs it, or that contains such a type; "rule " and a relation whose writes a rule turns into others. Parts and wholes
 * of types are joined, not looked up one by one: the estimate of that would make the server compile the query (JIT), which
 * takes it a second for every connection. */
static const char funcs_sql[] =
    "WITH RECURSIVE code(oid) AS (SELECT p.oid FROM pg_catalog.pg_proc p "
    "JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang "
    "WHERE p.oid OPERATOR(pg_catalog.>=) 16384 "
    "AND l.lanname OPERATOR(pg_catalog.<>) ALL (ARRAY['c','internal']::pg_catalog.name[])), "
    "made(part, whole) AS (SELECT t.typelem, t.oid FROM pg_catalog.pg_type t WHERE t.typelem OPERATOR(pg_catalog.>) 0 "
    "UNION ALL SELECT t.typbasetype, t.oid FROM pg_catalog.pg_type t WHERE t.typbasetype OPERATOR(pg_catalog.>) 0 "
    "UNION ALL SELECT f.atttypid, t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_attribute f "
    "ON f.attrelid OPERATOR(pg_catalog.=) t.typrelid WHERE t.typrelid OPERATOR(pg_catalog.>) 0), "
    "armed(oid) AS (SELECT k.contypid FROM pg_catalog.pg_constraint k "
    "JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) k.oid "
    "AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid "
    "WHERE k.contypid OPERATOR(pg_catalog.>) 0 AND d.refobjid OPERATOR(pg_catalog.>=) 16384 "
    "AND d.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, "
    "'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid]) "
    "UNION SELECT s.oid FROM pg_catalog.pg_cast c JOIN code ON code.oid OPERATOR(pg_catalog.=) c.castfunc "
    "JOIN pg_catalog.pg_type s ON s.oid OPERATOR(pg_catalog.=) ANY (ARRAY[c.castsource, c.casttarget]) "
    "WHERE s.oid OPERATOR(pg_catalog.>=) 16384 "
    "UNION SELECT m.whole FROM armed a JOIN made m ON m.part OPERATOR(pg_catalog.=) a.oid) "
    "SELECT p.proname::pg_catalog.text FROM pg_catalog.pg_proc p WHERE p.oid OPERATOR(pg_catalog.>=) 16384 "
    "UNION SELECT o.oprname::pg_catalog.text FROM pg_catalog.pg_operator o JOIN code ON code.oid OPERATOR(pg_catalog.=) o.oprcode "
    "UNION SELECT pg_catalog.concat('::', t.typname) FROM armed JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) armed.oid "
    "UNION SELECT pg_catalog.concat('rule ', c.relname) FROM pg_catalog.pg_rewrite r "
    "JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.ev_class "
    "WHERE r.oid OPERATOR(pg_catalog.>=) 16384 AND r.ev_type OPERATOR(pg_catalog.<>) '1'::pg_catalog.\"char\" "
    "LIMIT 20000";

static void loaded(struct pgproxy *x, const char *sqlstate)
{
	(void)sqlstate; /* views that could not be read stay untrusted */
	x->catalog_loading = false;
	x->catalog_us = clock_mono_us();
	x->catalog_epoch++;
	if (x->n_user_funcs > 0)
		qsort(x->user_funcs, x->n_user_funcs, sizeof(*x->user_funcs), func_compare);
	views_follow(x);
	if (x->phase == PX_PREPARE)
		px_start_ready(x);
	else if (x->wait == WAIT_CATALOG)
		px_resume(x);
}

static void step_done(struct pgproxy *x, const char *sqlstate)
{
	if (sqlstate[0] == '\0')
		return;
	x->catalog_failed = true;
	log_warn("catalog-failed", "sid", x->sid, "sqlstate", sqlstate);
}

static void last_columns(struct pgproxy *x, const char *sqlstate)
{
	step_done(x, sqlstate);
	loaded(x, sqlstate);
}

void px_catalog_load(struct pgproxy *x)
{
	bool in_tx = x->status != 'I';

	px_catalog_clear(x);
	x->catalog_failed = false;
	x->catalog_loading = true;
	x->catalog_stale = false;
	x->views_stale = in_tx; /* they wait for the end of the transaction: reading them takes locks */
	if (x->phase == PX_RELAY)
		x->wait = WAIT_CATALOG;
	(void)px_own_extended(x, "columns", columns_sql, column_row, step_done, false);
	(void)px_own_extended(x, "functions", funcs_sql, func_row, in_tx ? last_columns : step_done, false);
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
