/* SPDX-License-Identifier: Apache-2.0
 *
 * From a message to the lineage of each statement's result columns: queries through the resolver,
 * the few utility statements that answer with rows by table. A statement that is not in a table
 * here is not known.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sql/lineage_int.h"
#include "sql/pgfuncs.h"

/* A whole query of the statement: what its rows tell leaves with them. */
static struct lcols query_columns(struct lin *l, const struct pgnode *q)
{
	struct lcols cols = lin_query_apart(l, q, NULL, NULL);

	if (cols.told != NULL && (cols.told->what == LINEAGE_SENSITIVE || l->touched)) {
		lin_note_write(l, *cols.told);
		l->rows = true;
	}
	if (!lin_all_seen(q)) {
		const struct lval v = lval_lost("a part of the statement that is not understood");

		lin_note_write(l, v);
		l->rows = l->rows || l->touched;
		cols = lcols_open(lval_mix(lcols_whole(&cols), v));
	}
	return cols;
}

/* Statements that send no rows and store nothing but constants. */
static const char *const quiet[] = {
	"TransactionStmt", "VariableSetStmt", "DeallocateStmt", "ClosePortalStmt", "DiscardStmt",
	"ListenStmt", "UnlistenStmt", "NotifyStmt", "LockStmt", "CreateStmt", "DropStmt", "TruncateStmt",
	"RenameStmt", "IndexStmt", "CreateSeqStmt", "AlterSeqStmt",
	"CreateSchemaStmt", "GrantStmt", "GrantRoleStmt", "CommentStmt", "VacuumStmt",
	"RefreshMatViewStmt", "ReindexStmt", "ClusterStmt", "CheckPointStmt", "ConstraintsSetStmt",
	"CreateExtensionStmt", "CreateRoleStmt", "AlterRoleStmt", "DropRoleStmt", "CreateEnumStmt",
	"CompositeTypeStmt", "CreateDomainStmt", "AlterObjectSchemaStmt", "AlterOwnerStmt",
	"CreatePolicyStmt", "AlterPolicyStmt", "CreateStatsStmt", "LoadStmt",
};

/* Statements that send no rows; what they store is not followed. */
static const char *const opaque[] = {
	"DoStmt", "MergeStmt", "CreateFunctionStmt", "CreateTrigStmt", "RuleStmt",
};

#define IN_LIST(node, list) in_list(node, list, sizeof(list) / sizeof((list)[0]))

static bool in_list(const struct pgnode *n, const char *const *kinds, size_t n_kinds)
{
	for (size_t i = 0; i < n_kinds; i++) {
		if (pgnode_is(n, kinds[i]))
			return true;
	}
	return false;
}

static bool is_query(const struct pgnode *n)
{
	static const char *const kinds[] = {
	    "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"};

	return IN_LIST(n, kinds);
}

/* SELECT ... INTO sends no rows; the clause stands in the leftmost arm. */
static bool is_select_into(const struct pgnode *n)
{
	while (pgnode_field(n, "larg") != NULL)
		n = pgnode_field(n, "larg");
	return pgnode_field(n, "intoClause") != NULL;
}

static bool option_is_off(const struct pgnode *arg)
{
	const char *s = pgnode_str(arg);

	if (s != NULL)
		return span_is_nocase(span_str(s), "false") || span_is_nocase(span_str(s), "off");
	return pgnode_is(arg, "Integer") && pgnode_int(arg) == 0;
}

static struct lval explain_runs(struct lin *l, const struct pgnode *q)
{
	if (is_query(q))
		(void)query_columns(l, q);
	else
		lin_note_write(l, lval_lost("a statement that is not followed"));
	return lval_unknown("EXPLAIN ANALYZE");
}

/* Estimates of rows and widths come from statistics of the values. */
static bool explain_estimates(struct lin *l, const struct pgnode *q, bool costs)
{
	struct lval written = l->written;
	bool rows = l->rows;

	if (is_query(q))
		(void)query_columns(l, q);
	else
		l->seen_sensitive = true; /* not followed */
	l->written = written; /* it does not run */
	l->rows = rows;
	return costs && l->seen_sensitive;
}

/* Functions that are not built in might be folded. */
static bool explain_folds(struct lin *l, const struct pgnode *q)
{
	for (const struct pgnode *f = q; f != NULL; f = pgnode_walk(q, f, false)) {
		const char *schema, *name;

		if (!pgnode_is(f, "FuncCall"))
			continue;
		lin_func_name(f, &schema, &name);
		if (!pgfunc_is_read(schema, name) ||
		    (l->cat->shadowed != NULL &&
			l->cat->shadowed(l->cat->ctx, schema[0] ? schema : NULL, name)))
			return true;
	}
	return false;
}

/* A plan without ANALYZE repeats the user's own constants. */
static struct lval explain_val(struct lin *l, const struct pgnode *n)
{
	const struct pgnode *q = pgnode_field(n, "query");
	bool costs = true;

	for (const struct pgnode *o = pgnode_first(pgnode_field(n, "options")); o != NULL;
	     o = o->next) {
		const char *name = pgnode_field_str(o, "defname");
		bool off = pgnode_field(o, "arg") != NULL && option_is_off(pgnode_field(o, "arg"));

		if (strcmp(name, "analyze") == 0 && !off)
			return explain_runs(l, q);
		if (strcmp(name, "costs") == 0)
			costs = !off;
	}
	if (explain_folds(l, q))
		return lval_unknown("EXPLAIN of a function that is not built in");
	if (explain_estimates(l, q, costs))
		return lval_unknown("estimates from masked data; EXPLAIN (COSTS OFF) shows the plan");
	return lval_clean;
}

static struct lcols explain_columns(struct lin *l, const struct pgnode *n)
{
	struct lcols cols = {0};

	lcols_add(l, &cols, "QUERY PLAN", explain_val(l, n));
	return cols;
}

static struct lcols show_columns(struct lin *l, const struct pgnode *n)
{
	const char *name = pgnode_field_str(n, "name");
	const struct lval unknown = lval_unknown("a setting that may hold anything");
	struct lcols cols = {0};

	if (span_is_nocase(span_str(name), "all")) {
		lcols_add(l, &cols, "name", lval_clean);
		lcols_add(l, &cols, "setting", unknown);
		lcols_add(l, &cols, "description", lval_clean);
	} else {
		lcols_add(l, &cols, name, lin_setting_plain(name) ? lval_clean : unknown);
	}
	return cols;
}

/* COPY ... TO: the columns of its rows. */
static struct lcols copy_columns(struct lin *l, const struct pgnode *n)
{
	const struct pgnode *names = pgnode_field(n, "attlist");
	struct lrel rel = {0};
	struct lcols all, cols = {0};

	if (pgnode_field_bool(n, "is_from"))
		return cols;
	if (pgnode_field(n, "query") != NULL)
		return query_columns(l, pgnode_field(n, "query"));
	all = lin_table(l, NULL, pgnode_field(n, "relation"), &rel);
	if (names == NULL)
		return all;
	for (const struct pgnode *a = pgnode_first(names); a != NULL; a = a->next) {
		struct lval v = all.open ? all.rest : lval_lost("a name that is no column here");

		for (size_t i = 0; i < all.n; i++) {
			if (all.c[i]->name != NULL && pgnode_str(a) != NULL &&
			    strcmp(all.c[i]->name, pgnode_str(a)) == 0)
				v = all.c[i]->v;
		}
		lcols_add(l, &cols, pgnode_str(a), v);
	}
	return cols;
}

/* CREATE TABLE AS, SELECT INTO, CREATE VIEW: every column becomes a new one whose name is all that is known. */
static struct lcols store_columns(struct lin *l, const struct pgnode *q)
{
	struct lcols cols = lcols_open(lval_lost("a statement that is not followed"));

	if (is_query(q))
		cols = query_columns(l, q);
	lin_note_write(l, lcols_whole(&cols));
	return (struct lcols){0};
}

/* PREPARE and DECLARE send no rows themselves. */
static struct lcols named_columns(struct lin *l, const struct pgnode *n, unsigned flags)
{
	const struct pgnode *q = pgnode_field(n, "query");
	struct lcols cols = lcols_open(lval_lost("a statement that is not followed"));

	if (is_query(q))
		cols = query_columns(l, q);
	else
		lin_note_write(l, cols.rest);
	return flags & LINEAGE_INNER ? cols : (struct lcols){0};
}

/* ALTER TABLE ... TYPE ... USING, and generated columns: values of one column become another's. */
static struct lcols alter_columns(struct lin *l, const struct pgnode *n)
{
	const struct pgnode *rel = pgnode_field(n, "relation");
	struct lscope s = {.level = 1};
	struct lrel names = {0};
	struct lcols cols;

	if (rel == NULL)
		return (struct lcols){0};
	cols = lin_table(l, NULL, rel, &names);
	lin_rel_add(l, &s, NULL, pgnode_field_str(rel, "relname"), &cols);
	for (const struct pgnode *e = n; e != NULL; e = pgnode_walk(n, e, false)) {
		struct lval v = lval_clean;

		if (e->key != NULL && (strcmp(e->key, "raw_default") == 0 || strcmp(e->key, "raw_expr") == 0))
			v = lin_value(l, &s, e);
		if (v.what == LINEAGE_SENSITIVE)
			lin_note_write(l, v);
	}
	return (struct lcols){0};
}

/* The columns of the statement's result; open: not known. */
static struct lcols statement_columns(struct lin *l, const struct pgnode *n, unsigned flags)
{
	const struct lval unknown = lval_lost("a statement that is not followed");

	if (is_query(n))
		return is_select_into(n) ? store_columns(l, n) : query_columns(l, n);
	if (pgnode_is(n, "CreateTableAsStmt"))
		return store_columns(l, pgnode_field(n, "query"));
	if (pgnode_is(n, "ViewStmt"))
		return store_columns(l, pgnode_field(n, "query"));
	if (pgnode_is(n, "DeclareCursorStmt") || pgnode_is(n, "PrepareStmt"))
		return named_columns(l, n, flags);
	if (pgnode_is(n, "ExplainStmt"))
		return explain_columns(l, n);
	if (pgnode_is(n, "VariableShowStmt"))
		return show_columns(l, n);
	if (pgnode_is(n, "CopyStmt"))
		return copy_columns(l, n);
	if (pgnode_is(n, "FetchStmt"))
		return pgnode_field_bool(n, "ismove") ? (struct lcols){0} : lcols_open(unknown);
	if (pgnode_is(n, "AlterTableStmt"))
		return alter_columns(l, n);
	if (IN_LIST(n, quiet))
		return (struct lcols){0};
	lin_note_write(l, unknown);
	return IN_LIST(n, opaque) ? (struct lcols){0} : lcols_open(unknown);
}

static void column_out(const struct lval *v, struct lineage_col *out)
{
	*out = (struct lineage_col){.what = v->what, .kind = v->kind, .derived = v->derived};
	if (v->what == LINEAGE_SENSITIVE)
		(void)snprintf(out->source, sizeof(out->source), "%s%s%s",
		    v->rel != NULL ? v->rel : "", v->col != NULL ? "." : "",
		    v->col != NULL ? v->col : "");
	else if (v->what == LINEAGE_UNKNOWN)
		(void)snprintf(
		    out->source, sizeof(out->source), "%s", v->why != NULL ? v->why : "not known");
}

/* Results live in one block of their own: the trees and the arena go. */
struct result_mem {
	struct lineage_stmt *stmts;
	struct lineage_col **cols;
	size_t n;
};

static void columns_out(const struct lcols *cols, struct lineage_stmt *out, struct lineage_col **mem)
{
	out->n_cols = cols->n;
	if (cols->n == 0)
		return;
	*mem = out->cols = xcalloc(cols->n, sizeof(*out->cols));
	for (size_t i = 0; i < cols->n; i++)
		column_out(&cols->c[i]->v, &out->cols[i]);
}

static void statement_out(
    struct lin *l, const struct lcols *cols, struct lineage_stmt *out, struct lineage_col **mem)
{
	if (l->failed) { /* nothing is known, so anything may be told */
		out->rows = l->touched;
		return;
	}
	column_out(&l->written, &out->written);
	out->rows = l->rows;
	out->searches = l->searches;
	out->known = !cols->open;
	out->partly = cols->open && cols->placed;
	if (out->partly) {
		out->head = cols->head;
		out->tail = cols->n - cols->head;
		column_out(&cols->rest, &out->rest);
	}
	if (out->known || out->partly)
		columns_out(cols, out, mem);
}

void pgsql_lineage_tree(
    const struct pgtree *t, const struct catalog *cat, unsigned flags, struct lineage_result *out)
{
	struct result_mem *m;
	size_t n = pgtree_count(t);

	*out = (struct lineage_result){0};
	if (n == 0)
		return;
	m = xcalloc(1, sizeof(*m));
	m->n = n;
	m->stmts = xcalloc(n, sizeof(*m->stmts));
	m->cols = xcalloc(n, sizeof(struct lineage_col *));
	for (size_t i = 0; i < n; i++) {
		struct lin l = {.cat = cat, .written = lval_clean};
		struct lcols cols;

		arena_init(&l.mem, LIN_ARENA_MAX);
		lin_forget_seen(pgtree_stmt(t, i, NULL, NULL));
		cols = statement_columns(&l, pgtree_stmt(t, i, NULL, NULL), flags);
		statement_out(&l, &cols, &m->stmts[i], &m->cols[i]);
		arena_clear(&l.mem);
	}
	*out = (struct lineage_result){n, m->stmts, m};
}

void pgsql_lineage(struct span sql, const struct catalog *cat, struct lineage_result *out)
{
	struct pgtree *t = NULL;
	struct why w;

	*out = (struct lineage_result){0};
	if (pgtree_parse(sql, &t, &w) == 0)
		pgsql_lineage_tree(t, cat, 0, out);
	pgtree_free(t);
}

void lineage_clear(struct lineage_result *r)
{
	struct result_mem *m = r->mem;

	for (size_t i = 0; m != NULL && i < m->n; i++)
		free(m->cols[i]);
	if (m != NULL) {
		free(m->cols);
		free(m->stmts);
		free(m);
	}
	*r = (struct lineage_result){0};
}
