/* SPDX-License-Identifier: Apache-2.0
 *
 * FROM: tables, CTE references, subqueries, samples. Functions are in lineage_func.c, joins in lineage_join.c.
 */
#include "sql/lineage_int.h"

static struct lval column_val(struct lin *l, const struct catalog_rel *rel, const char *name, const struct catalog_col *c, uint32_t src)
{
	int kind = c->kind != 0 ? c->kind : l->cat->unsure_kind;

	if (!rel->trusted && kind == 0) {
		struct lval v = lval_unknown("a view or table that is not followed");

		l->touched = true;
		v.src = src;
		return v;
	}
	if (kind == 0)
		return (struct lval){.what = LINEAGE_CLEAN, .clear = true, .whole = true, .src = src};
	l->touched = true;
	return (struct lval){.what = LINEAGE_SENSITIVE, .whole = !c->derived, .derived = c->derived, .kind = kind, .src = src, .rel = name,
	    .col = c->name};
}

static struct lcols catalog_columns(struct lin *l, const struct catalog_rel *rel, const char *name)
{
	struct lcols cols = {0};
	uint32_t src = lin_new_src(l);

	for (size_t i = 0; i < rel->n_cols; i++)
		lcols_add(l, &cols, rel->cols[i].name, column_val(l, rel, name, &rel->cols[i], src));
	return cols;
}

static struct lcte *cte_find(struct lscope *s, const char *name)
{
	for (struct lcte *c = s->ctes; c != NULL; c = c->next) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

/* Columns of the server's own catalogue: many known values, so an equality with one is no join. */
static struct lcols system_table(struct lin *l, const char *name)
{
	struct lval v = lval_vary();

	v.src = lin_new_src(l);
	v.rel = name;
	return lcols_open(v);
}

/* The relation itself, never a CTE: also the target of INSERT, UPDATE, DELETE. */
static struct lcols base_table(struct lin *l, const char *schema, const char *name, struct lrel *names)
{
	struct catalog_rel rel = {0};
	struct lcols cols;
	bool system = lin_is_system_relation(schema, name);

	names->table = name;
	names->schema = schema[0] != '\0' ? schema : NULL;
	if (l->cat->relation(l->cat->ctx, names->schema, name, &rel)) {
		cols = catalog_columns(l, &rel, name);
		if (rel.schema != NULL)
			names->schema = rel.schema;
		for (size_t i = 0; system && i < cols.n; i++)
			cols.c[i]->v.whole = false;
	} else if (system) {
		cols = system_table(l, name);
		if (names->schema == NULL)
			names->schema = "pg_catalog";
	} else {
		l->touched = true;
		cols = lcols_open(l->cat->unsure_kind != 0 ? lval_lost("a relation that is not known yet") : lval_unknown("a relation that is not known"));
	}
	names->schema_unknown = names->schema == NULL;
	lin_system_columns(l, schema, name, &cols);
	return cols;
}

struct lcols lin_table(struct lin *l, struct lscope *s, const struct pgnode *rv, struct lrel *names)
{
	const char *schema = pgnode_field_str(rv, "schemaname"),
		   *name = pgnode_field_str(rv, "relname");
	struct lcte *cte = s != NULL && schema[0] == '\0' ? cte_find(s, name) : NULL;
	struct lcols cols;

	lin_seen(rv);
	if (cte == NULL)
		return base_table(l, schema, name, names);
	cols = lin_cte_columns(l, cte);
	return lcols_again(l, &cols);
}

/* Put a relation into the namespace under its alias or own name. */
void lin_rel_add(struct lin *l, struct lscope *s, const struct pgnode *alias, const char *own,
    struct lcols *cols)
{
	const char *name =
	    pgnode_field(alias, "aliasname") != NULL ? pgnode_field_str(alias, "aliasname") : own;

	lcols_rename(l, cols, pgnode_field(alias, "colnames"));
	lscope_add_item(l, s, cols);
	if (name != NULL)
		(void)lscope_add_rel(l, s, name, cols);
}

static void from_table(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *alias = pgnode_field(n, "alias");
	struct lrel names = {0};
	struct lcols cols = lin_table(l, s, n, &names);

	lin_rel_add(l, s, alias, pgnode_field_str(n, "relname"), &cols);
	if (alias == NULL && s->rels != NULL) {
		s->rels->table = names.table;
		s->rels->schema = names.schema;
		s->rels->schema_unknown = names.schema_unknown;
	}
}

static void from_subselect(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	/* Without LATERAL the items to the left are not seen. */
	struct lscope *outer = pgnode_field_bool(n, "lateral") ? s : s->outer;
	struct lcols made = lin_query(l, pgnode_field(n, "subquery"), outer, s->ctes),
		     cols = lcols_copy(l, &made);

	lin_rel_add(l, s, pgnode_field(n, "alias"), NULL, &cols);
}

static void from_sample(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	/* how many rows, and which */
	lin_tell(l, s, lval_settle(lin_exprs(l, s, pgnode_field(n, "args"))));
	lin_tell(l, s, lin_value(l, s, pgnode_field(n, "repeatable")));
	lin_from_item(l, s, pgnode_field(n, "relation"));
}

static const struct {
	const char *kind;
	void (*add)(struct lin *l, struct lscope *s, const struct pgnode *n);
} kinds[] = {
    {"RangeVar", from_table},
    {"JoinExpr", lin_from_join},
    {"RangeSubselect", from_subselect},
    {"RangeFunction", lin_from_function},
    {"RangeTableSample", from_sample},
    {"RangeTableFunc", lin_from_tablefunc},
};

void lin_from_item(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lcols cols = lcols_open(lval_lost("an item of FROM that is not understood"));
	const char *kind = pgnode_kind(n);

	if (!lin_enter(l)) {
		lscope_add_item(l, s, &cols);
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].kind) == 0) {
			lin_seen(n);
			kinds[i].add(l, s, n);
			lin_leave(l);
			return;
		}
	}
	lin_tell(l, s, cols.rest);
	lin_rel_add(l, s, pgnode_field(n, "alias"), NULL, &cols);
	lin_leave(l);
}
