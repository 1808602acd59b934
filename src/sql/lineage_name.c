/* SPDX-License-Identifier: Apache-2.0
 *
 * What a name in an expression means, by the server's rules (parse_relation.c, parse_expr.c,
 * parse_target.c): bare names look through the FROM items of a level before the level around it; a
 * name that no column has may be a whole row; and the name that an output column gets. Where a
 * relation's columns are not all known, a name that is not found may be one of them, so what is
 * found further out only adds to the doubt.
 */
#include "sql/lineage_int.h"

/* What looking for a name gave so far. */
struct found {
	struct lval v;
	struct lcol *col; /* when it is exactly one */
	bool hit, maybe;  /* some column has the name; some column may have it */
	size_t n;
};

static const char *const system_columns[] = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"};

static bool is_system_column(const char *name)
{
	for (size_t i = 0; i < sizeof(system_columns) / sizeof(system_columns[0]); i++) {
		if (strcmp(name, system_columns[i]) == 0)
			return true;
	}
	return false;
}

static void found_add(struct found *f, struct lval v)
{
	f->v = f->hit || f->maybe ? lval_mix(f->v, v) : v;
}

static void look_in(struct found *f, const struct lcols *cols, const char *name)
{
	struct found here = {0};

	for (size_t i = 0; i < cols->n; i++) {
		struct lcol *c = cols->c[i];

		if (c->name == NULL || strcmp(c->name, name) != 0)
			continue;
		found_add(&here, c->v);
		here.hit = true;
		here.col = here.n++ == 0 ? c : NULL;
	}
	for (size_t i = 0; !here.hit && i < cols->n; i++) {
		if (cols->c[i]->name != NULL)
			continue;
		found_add(&here, cols->c[i]->v);
		here.maybe = true;
	}
	if (!here.hit && cols->open) {
		found_add(&here, cols->rest);
		here.maybe = true;
	}
	if (!here.hit && !here.maybe)
		return;
	if (here.hit && f->maybe && !f->hit)
		f->maybe = false; /* the server would find two otherwise: this is the one */
	else if (!here.hit && f->hit)
		return;
	found_add(f, here.v);
	f->col = here.hit && !f->hit ? here.col : NULL;
	f->hit = f->hit || here.hit;
	f->maybe = f->maybe || here.maybe;
}

struct lrel *lin_rel_of(struct lscope *s, const char *schema, const char *name)
{
	for (; s != NULL; s = s->outer) {
		for (struct lrel *r = s->rels; r != NULL; r = r->next) {
			if (schema == NULL && r->alias != NULL && strcmp(r->alias, name) == 0)
				return r;
			if (schema != NULL && r->table != NULL && strcmp(r->table, name) == 0 &&
			    (r->schema == NULL || strcmp(r->schema, schema) == 0))
				return r;
		}
	}
	return NULL;
}

/* x */
static struct found look_bare(struct lscope *s, const char *name)
{
	struct found all = {0};

	for (struct lscope *k = s; k != NULL; k = k->outer) {
		struct found level = {0};

		for (size_t i = 0; i < k->n_items; i++)
			look_in(&level, &k->items[i], name);
		if (!level.hit && !level.maybe)
			continue;
		level.v = all.maybe ? lval_mix(all.v, level.v) : level.v;
		level.col = all.maybe ? NULL : level.col;
		level.maybe = level.maybe && !level.hit;
		all = level;
		if (level.hit)
			break;
	}
	return all;
}

static struct lval bare(struct lscope *s, const char *name)
{
	struct found f = look_bare(s, name);
	struct lrel *row;

	if (f.hit)
		return f.v;
	row = lin_rel_of(s, NULL, name);
	if (row != NULL)
		return f.maybe ? lval_mix(f.v, lcols_whole(&row->cols)) : lcols_whole(&row->cols);
	if (f.maybe)
		return f.v;
	if (is_system_column(name))
		return lval_clean;
	return lval_unknown("a name that is no column here");
}

/* r.x; a name that is no column may still be a function of the row. */
static struct lval of_rel(const struct lrel *r, const char *name)
{
	struct found f = {0};

	if (r == NULL)
		return lval_unknown("a relation that is not in FROM");
	look_in(&f, &r->cols, name);
	if (f.hit || f.maybe)
		return f.v;
	if (is_system_column(name))
		return lval_clean;
	return lval_mix(lcols_whole(&r->cols), lval_unknown("a name that is no column here"));
}

/* The fields of a reference; n is how many. False when one is no name (a star). */
static size_t ref_fields(const struct pgnode *ref, const char *out[4])
{
	size_t n = 0;

	for (const struct pgnode *f = pgnode_first(pgnode_field(ref, "fields")); f != NULL;
	     f = f->next) {
		if (n == 4)
			return 0;
		out[n++] = pgnode_is(f, "A_Star") ? NULL : pgnode_str(f);
	}
	return n;
}

static struct lval star(struct lscope *s, const char *const *f, size_t n)
{
	struct lval v = lval_clean;
	struct lrel *r;

	if (n == 1) {
		for (size_t i = 0; i < s->n_items; i++)
			v = lval_mix(v, lcols_whole(&s->items[i]));
		return v;
	}
	r = f[n - 2] != NULL ? lin_rel_of(s, n >= 3 ? f[n - 3] : NULL, f[n - 2]) : NULL;
	return r != NULL ? lcols_whole(&r->cols) : lval_unknown("a relation that is not in FROM");
}

struct lval lin_column_ref(struct lin *l, struct lscope *s, const struct pgnode *ref)
{
	const char *f[4] = {NULL};
	size_t n = ref_fields(ref, f);

	(void)l;
	if (n == 0)
		return lval_unknown("a name of too many parts");
	if (f[n - 1] == NULL)
		return star(s, f, n);
	for (size_t i = 0; i < n; i++) {
		if (f[i] == NULL)
			return lval_unknown("a name that is not understood");
	}
	if (n == 1)
		return bare(s, f[0]);
	return of_rel(lin_rel_of(s, n >= 3 ? f[n - 3] : NULL, f[n - 2]), f[n - 1]);
}

struct lcol *lin_column_of(struct lin *l, struct lscope *s, const struct pgnode *ref)
{
	const char *f[4] = {NULL};
	size_t n = pgnode_is(ref, "ColumnRef") ? ref_fields(ref, f) : 0;
	struct found found = {0};
	struct lrel *r;

	(void)l;
	if (n == 0 || f[n - 1] == NULL)
		return NULL;
	if (n == 1)
		return look_bare(s, f[0]).col;
	r = f[n - 2] != NULL ? lin_rel_of(s, n >= 3 ? f[n - 3] : NULL, f[n - 2]) : NULL;
	if (r != NULL)
		look_in(&found, &r->cols, f[n - 1]);
	return found.col;
}

struct lrel *lin_row_of(struct lin *l, struct lscope *s, const struct pgnode *ref)
{
	const char *f[4] = {NULL};
	size_t n = pgnode_is(ref, "ColumnRef") ? ref_fields(ref, f) : 0;
	struct found found;

	(void)l;
	if (n == 2 && f[0] != NULL && f[1] == NULL)
		return lin_rel_of(s, NULL, f[0]); /* (c.*) */
	if (n != 1 || f[0] == NULL)
		return NULL;
	found = look_bare(s, f[0]);
	return found.hit || found.maybe ? NULL : lin_rel_of(s, NULL, f[0]);
}

/* ---- names of output columns (FigureColname) ---- */

/* Nodes that are always called the same. */
static const struct {
	const char *kind, *name;
} fixed_names[] = {
    {"CoalesceExpr", "coalesce"},
    {"A_ArrayExpr", "array"},
    {"RowExpr", "row"},
    {"GroupingFunc", "grouping"},
    {"XmlSerialize", "xmlserialize"},
    {"A_Const", "?column?"},
    {"ParamRef", "?column?"},
    {"BoolExpr", "?column?"},
    {"NullTest", "?column?"},
    {"BooleanTest", "?column?"},
};

/* How sure the server is of a name: 2 from a column or function, 1 from a type or CASE, 0 none. */
struct named {
	const char *name; /* NULL: not known to us */
	int strength;
};

static struct named name_of(const struct pgnode *n, int depth);

static const char *last_name(const struct pgnode *list)
{
	const char *name = NULL;

	for (const struct pgnode *f = pgnode_first(list); f != NULL; f = f->next) {
		if (pgnode_str(f) != NULL)
			name = pgnode_str(f);
	}
	return name;
}

static struct named name_of_sublink(const struct pgnode *n, int depth)
{
	const char *type = pgnode_field_str(n, "subLinkType");
	const struct pgnode *q = pgnode_field(n, "subselect");

	if (strcmp(type, "EXISTS_SUBLINK") == 0)
		return (struct named){"exists", 2};
	if (strcmp(type, "ARRAY_SUBLINK") == 0)
		return (struct named){"array", 2};
	if (strcmp(type, "EXPR_SUBLINK") != 0)
		return (struct named){"?column?", 0};
	while (pgnode_field(q, "larg") != NULL)
		q = pgnode_field(q, "larg");
	q = pgnode_first(pgnode_field(q, "targetList"));
	if (q == NULL)
		return (struct named){NULL, 0};
	if (pgnode_field(q, "name") != NULL)
		return (struct named){pgnode_field_str(q, "name"), 2};
	return name_of(pgnode_field(q, "val"), depth + 1);
}

static struct named name_of(const struct pgnode *n, int depth)
{
	const char *kind = pgnode_kind(n);
	struct named inner;

	if (depth > 50)
		return (struct named){NULL, 0};
	if (strcmp(kind, "ColumnRef") == 0)
		return (struct named){last_name(pgnode_field(n, "fields")), 2};
	if (strcmp(kind, "FuncCall") == 0)
		return (struct named){last_name(pgnode_field(n, "funcname")), 2};
	if (strcmp(kind, "A_Indirection") == 0) {
		const char *name = last_name(pgnode_field(n, "indirection"));

		return name != NULL ? (struct named){name, 2}
				    : name_of(pgnode_field(n, "arg"), depth + 1);
	}
	if (strcmp(kind, "TypeCast") == 0) {
		inner = name_of(pgnode_field(n, "arg"), depth + 1);
		if (inner.strength > 1 || inner.name == NULL)
			return inner;
		return (struct named){
		    last_name(pgnode_field(pgnode_field(n, "typeName"), "names")), 1};
	}
	if (strcmp(kind, "CollateClause") == 0)
		return name_of(pgnode_field(n, "arg"), depth + 1);
	if (strcmp(kind, "CaseExpr") == 0) {
		inner = name_of(pgnode_field(n, "defresult"), depth + 1);
		return inner.strength > 0 || inner.name == NULL ? inner : (struct named){"case", 1};
	}
	if (strcmp(kind, "SubLink") == 0)
		return name_of_sublink(n, depth);
	if (strcmp(kind, "A_Expr") == 0)
		return strcmp(pgnode_field_str(n, "kind"), "AEXPR_NULLIF") == 0
			   ? (struct named){"nullif", 2}
			   : (struct named){"?column?", 0};
	for (size_t i = 0; i < sizeof(fixed_names) / sizeof(fixed_names[0]); i++) {
		if (strcmp(kind, fixed_names[i].kind) == 0)
			return (struct named){
			    fixed_names[i].name, fixed_names[i].name[0] == '?' ? 0 : 2};
	}
	/* Without ELSE, CASE looks at an absent node. */
	return n == NULL ? (struct named){"?column?", 0} : (struct named){NULL, 0};
}

const char *lin_output_name(const struct pgnode *res_target)
{
	if (pgnode_field(res_target, "name") != NULL)
		return pgnode_field_str(res_target, "name");
	return name_of(pgnode_field(res_target, "val"), 0).name;
}
