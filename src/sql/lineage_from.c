/* SPDX-License-Identifier: Apache-2.0
 *
 * FROM: tables, CTE references, subqueries, joins with their merged columns, functions. Also how
 * equality carries sensitivity sideways: what is only known to be equal to a sensitive column is as
 * good as the column (SELECT g FROM generate_series(1, 999999999) g JOIN customers c ON c.ssn = g).
 */
#include "sql/lineage_int.h"

/* ---- tables ---- */

static struct lcols catalog_columns(struct lin *l, const struct catalog_rel *rel, const char *name)
{
	struct lcols cols = {0};

	for (size_t i = 0; i < rel->n_cols; i++) {
		const struct catalog_col *c = &rel->cols[i];
		struct lval v = lval_clean;

		if (!rel->trusted)
			v = lval_unknown("a view or table that is not followed");
		else if (c->kind != 0)
			v = (struct lval){.what = LINEAGE_SENSITIVE,
			    .kind = c->kind,
			    .rel = name,
			    .col = c->name};
		lcols_add(l, &cols, c->name, v, false);
	}
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

/* The relation itself, never a CTE: also the target of INSERT, UPDATE, DELETE. */
static struct lcols base_table(struct lin *l, const char *schema, const char *name)
{
	struct catalog_rel rel = {0};
	struct lcols cols;

	if (l->cat->relation(l->cat->ctx, schema[0] != '\0' ? schema : NULL, name, &rel))
		cols = catalog_columns(l, &rel, name);
	else if (lin_is_system_relation(schema, name))
		cols = lcols_open(lval_clean);
	else
		return lcols_open(lval_unknown("a relation that is not known"));
	lin_system_columns(l, schema, name, &cols);
	return cols;
}

struct lcols lin_table(struct lin *l, struct lscope *s, const struct pgnode *rv)
{
	const char *schema = pgnode_field_str(rv, "schemaname"),
		   *name = pgnode_field_str(rv, "relname");
	struct lcte *cte = s != NULL && schema[0] == '\0' ? cte_find(s, name) : NULL;
	struct lcols cols;

	if (cte == NULL)
		return base_table(l, schema, name);
	cols = lin_cte_columns(l, cte);
	return lcols_copy(l, &cols);
}

/* Put a relation into the namespace under its alias or own name. */
static void rel_add(struct lin *l, struct lscope *s, const struct pgnode *alias, const char *own,
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
	struct lcols cols = lin_table(l, s, n);

	rel_add(l, s, alias, pgnode_field_str(n, "relname"), &cols);
	if (alias == NULL && s->rels != NULL) {
		s->rels->table = pgnode_field_str(n, "relname");
		s->rels->schema = pgnode_field(n, "schemaname") != NULL
				      ? pgnode_field_str(n, "schemaname")
				      : NULL;
	}
}

static void from_subselect(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	/* Without LATERAL the items to the left are not seen. */
	struct lscope *outer = pgnode_field_bool(n, "lateral") ? s : s->outer;
	struct lcols made = lin_query(l, pgnode_field(n, "subquery"), outer, s->ctes),
		     cols = lcols_copy(l, &made);

	rel_add(l, s, pgnode_field(n, "alias"), NULL, &cols);
}

/* ---- functions ---- */

static void add_defined(struct lin *l, struct lcols *out, const struct pgnode *defs, struct lval v)
{
	for (const struct pgnode *d = pgnode_first(defs); d != NULL; d = d->next)
		lcols_add(l, out, pgnode_field_str(d, "colname"), v, true);
}

/* unnest(a, b): one column each. */
static void add_unnest(struct lin *l, struct lscope *s, struct lcols *out,
    const struct pgnode *args, const char *single)
{
	const struct pgnode *a = pgnode_first(args);

	if (a != NULL && a->next != NULL)
		single = "unnest";
	for (; a != NULL; a = a->next)
		lcols_add(l, out, single, lval_derive(lin_expr(l, s, a)), true);
}

static void add_named(
    struct lin *l, struct lcols *out, const char *names, const char *single, struct lval v)
{
	if (strcmp(names, "=") == 0) {
		lcols_add(l, out, single, v, true);
		return;
	}
	while (*names != '\0') {
		size_t n = strcspn(names, " ");
		char *name = arena_strndup(&l->mem, names, n);

		if (name == NULL)
			l->failed = true;
		lcols_add(l, out, name, v, true);
		names += n + (names[n] == ' ');
	}
}

/* One function of FROM: append its columns. alias: of the item when it has just this function. */
static void add_function(struct lin *l, struct lscope *s, struct lcols *out,
    const struct pgnode *item, const struct pgnode *defs, const char *alias)
{
	const struct pgnode *call = pgnode_at(item, 0);
	struct lval v = lval_derive(lin_expr(l, s, call));
	const char *schema, *name, *names;

	if (pgnode_len(defs) == 0)
		defs = pgnode_at(item, 1);
	lin_func_name(call, &schema, &name);
	names = pgnode_is(call, "FuncCall") && lin_func_pure(l, schema, name)
		    ? lin_func_columns(name)
		    : NULL;
	if (pgnode_len(defs) > 0) {
		add_defined(l, out, defs, v);
	} else if (names == NULL) {
		struct lval all = lval_mix(lcols_whole(out), v);

		*out = lcols_open(all);
	} else if (strcmp(name, "unnest") == 0) {
		add_unnest(l, s, out, pgnode_field(call, "args"), alias != NULL ? alias : name);
	} else {
		add_named(l, out, names, alias != NULL ? alias : name, v);
	}
}

static void from_function(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *alias = pgnode_field(n, "alias"),
			    *f = pgnode_first(pgnode_field(n, "functions"));
	const char *name =
	    pgnode_field(alias, "aliasname") != NULL ? pgnode_field_str(alias, "aliasname") : NULL;
	const char *schema, *own = "";
	struct lcols cols = {0};

	lin_func_name(pgnode_at(f, 0), &schema, &own);
	if (f != NULL && f->next == NULL) {
		add_function(l, s, &cols, f, pgnode_field(n, "coldeflist"),
		    pgnode_field_bool(n, "is_rowsfrom") ? NULL : name);
	} else {
		for (; f != NULL; f = f->next)
			add_function(l, s, &cols, f, NULL, NULL);
	}
	if (pgnode_field_bool(n, "ordinality"))
		lcols_add(l, &cols, "ordinality", lval_clean, true);
	rel_add(l, s, alias, own, &cols);
}

/* XMLTABLE */
static void from_tablefunc(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lval v = lval_mix(
	    lin_expr(l, s, pgnode_field(n, "docexpr")), lin_expr(l, s, pgnode_field(n, "rowexpr")));
	struct lcols cols = {0};

	v = lval_mix(v, lin_exprs(l, s, pgnode_field(n, "namespaces")));
	for (const struct pgnode *c = pgnode_first(pgnode_field(n, "columns")); c != NULL;
	     c = c->next) {
		struct lval e = lval_mix(lin_expr(l, s, pgnode_field(c, "colexpr")),
		    lin_expr(l, s, pgnode_field(c, "coldefexpr")));

		lcols_add(
		    l, &cols, pgnode_field_str(c, "colname"), lval_derive(lval_mix(v, e)), true);
	}
	rel_add(l, s, pgnode_field(n, "alias"), "xmltable", &cols);
}

/* ---- joins ---- */

static struct lcol *col_named(const struct lcols *cols, const char *name)
{
	for (size_t i = 0; i < cols->n; i++) {
		if (cols->c[i]->name != NULL && strcmp(cols->c[i]->name, name) == 0)
			return cols->c[i];
	}
	return NULL;
}

/* What is equal to something sensitive is sensitive; what was made up here and equals something
 * unknown, unknown. */
static bool equate(struct lcol *c, struct lval other)
{
	struct lval was = c->v;

	if (other.what == LINEAGE_SENSITIVE && c->v.what != LINEAGE_SENSITIVE)
		c->v = lval_derive(lval_mix(c->v, other));
	else if (other.what == LINEAGE_UNKNOWN && c->made)
		c->v = lval_mix(c->v, other);
	return !lval_same(was, c->v);
}

static bool in_names(const struct pgnode *names, const char *name)
{
	for (const struct pgnode *n = pgnode_first(names); n != NULL; n = n->next) {
		if (name != NULL && pgnode_str(n) != NULL && strcmp(pgnode_str(n), name) == 0)
			return true;
	}
	return false;
}

/* A merged column of both sides, which carry their sensitivity to each other. */
static void merge_column(struct lin *l, struct lcols *out, struct lcol *a, struct lcol *b)
{
	struct lval v = lval_mix(a->v, b->v);

	if ((a->piece || b->piece) && (a->v.what != LINEAGE_SENSITIVE || b->v.what != LINEAGE_SENSITIVE))
		lin_note_write(l, v);
	(void)equate(a, v);
	(void)equate(b, v);
	lcols_add(l, out, a->name, v, a->made || b->made);
	lcols_mixed(out, a->mixed || b->mixed);
}

/* Some columns of a side are not known: what is known keeps its name, the rest is all alike. */
static struct lcols join_open(
    struct lin *l, const struct pgnode *using, const struct lcols *a, const struct lcols *b)
{
	const struct lcols *sides[] = {a, b};
	struct lcols out = lcols_open(lval_clean);

	for (int i = 0; i < 2; i++) {
		if (sides[i]->open)
			out.rest = lval_mix(out.rest, sides[i]->rest);
	}
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < sides[i]->n; k++) {
			struct lcol *c = sides[i]->c[k];

			if (using == NULL && c->name != NULL)
				lcols_link(l, &out, c);
			else /* it may be merged with any column of the other side */
				out.rest = lval_mix(out.rest, c->v);
		}
	}
	return out;
}

static bool has_nameless(const struct lcols *cols)
{
	for (size_t i = 0; i < cols->n; i++) {
		if (cols->c[i]->name == NULL)
			return true;
	}
	return false;
}

/* Is the column merged with one of the other side? */
static bool is_merged(const struct pgnode *join, const struct lcol *c, const struct lcols *other)
{
	if (c->name == NULL)
		return false;
	if (pgnode_field_bool(join, "isNatural"))
		return col_named(other, c->name) != NULL;
	return in_names(pgnode_field(join, "usingClause"), c->name);
}

/* Columns of a join: merged ones first, then the rest of the left and of the right. */
static struct lcols join_columns(struct lin *l, const struct pgnode *join, const struct lcols *a,
    const struct lcols *b, size_t *merged)
{
	const struct pgnode *using = pgnode_field(join, "usingClause");
	bool natural = pgnode_field_bool(join, "isNatural");
	struct lcols out = {0};

	*merged = 0;
	if (a->open || b->open || (natural && (has_nameless(a) || has_nameless(b))))
		return join_open(l, natural ? join : using, a, b);
	for (const struct pgnode *u = pgnode_first(using); u != NULL; u = u->next) {
		const char *name = pgnode_str(u) != NULL ? pgnode_str(u) : "";
		struct lcol *x = col_named(a, name), *y = col_named(b, name);

		if (x == NULL || y == NULL)
			return join_open(l, using, a, b);
		merge_column(l, &out, x, y);
	}
	for (size_t i = 0; natural && i < a->n; i++) {
		if (is_merged(join, a->c[i], b))
			merge_column(l, &out, a->c[i], col_named(b, a->c[i]->name));
	}
	*merged = out.n;
	for (size_t i = 0; i < a->n; i++) {
		if (!is_merged(join, a->c[i], b))
			lcols_link(l, &out, a->c[i]);
	}
	for (size_t i = 0; i < b->n; i++) {
		if (!is_merged(join, b->c[i], a))
			lcols_link(l, &out, b->c[i]);
	}
	return out;
}

static void from_join(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *alias = pgnode_field(n, "alias"),
			    *using_alias = pgnode_field(n, "join_using_alias");
	struct lrel *before = s->rels;
	size_t at = s->n_items, merged;
	struct lcols cols, a, b;

	lin_from_item(l, s, pgnode_field(n, "larg"));
	lin_from_item(l, s, pgnode_field(n, "rarg"));
	if (s->n_items != at + 2) {
		l->failed = true; /* out of memory: each side adds one item */
		return;
	}
	a = s->items[at];
	b = s->items[at + 1];
	cols = join_columns(l, n, &a, &b, &merged);
	lin_quals(l, s, pgnode_field(n, "quals"));
	s->n_items = at;
	if (alias != NULL) { /* hides what is inside */
		s->rels = before;
		rel_add(l, s, alias, NULL, &cols);
		return;
	}
	lscope_add_item(l, s, &cols);
	if (using_alias != NULL) {
		struct lcols only = {
		    .open = cols.open, .rest = cols.rest, .n = merged, .c = cols.c};

		(void)lscope_add_rel(l, s, pgnode_field_str(using_alias, "aliasname"), &only);
	}
}

/* ---- equality ---- */

static bool is_equality(const struct pgnode *q)
{
	const char *kind = pgnode_field_str(q, "kind"),
		   *op = pgnode_str(pgnode_last(pgnode_field(q, "name")));

	if (!pgnode_is(q, "A_Expr") || op == NULL)
		return false;
	return strcmp(op, "=") == 0 &&
	       (strcmp(kind, "AEXPR_OP") == 0 || strcmp(kind, "AEXPR_OP_ANY") == 0 ||
		   strcmp(kind, "AEXPR_IN") == 0);
}

/* A column behind casts. */
static struct lcol *side_column(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	while (pgnode_is(n, "TypeCast") || pgnode_is(n, "CollateClause"))
		n = pgnode_field(n, "arg");
	return lin_column_of(l, s, n);
}

static bool equal_sides(
    struct lin *l, struct lscope *s, const struct pgnode *a, const struct pgnode *b)
{
	struct lcol *x = side_column(l, s, a);

	return x != NULL && equate(x, lin_expr(l, s, b));
}

/* Columns that exist only in this statement are as sensitive as what they are compared with in any
 * way. */
static bool compare_made(struct lin *l, struct lscope *s, const struct pgnode *q, struct lval v)
{
	const struct pgnode *n = q;
	bool changed = false;

	while (n != NULL && v.what == LINEAGE_SENSITIVE) {
		bool inner = n->key != NULL && strcmp(n->key, "subselect") == 0;
		struct lcol *c = lin_column_of(l, s, n);

		if (c != NULL && c->made)
			changed |= equate(c, v);
		n = pgnode_walk(q, n, inner);
	}
	return changed;
}

/* A scalar subquery that is a condition compares in its select list. */
static bool compare_sublink(struct lin *l, struct lscope *s, const struct pgnode *q, struct lval v)
{
	const struct pgnode *sub = pgnode_field(q, "subselect");
	bool changed = false;

	if (!pgnode_is(q, "SubLink") || strcmp(pgnode_field_str(q, "subLinkType"), "EXPR_SUBLINK") != 0)
		return false;
	for (const struct pgnode *n = sub; n != NULL && v.what == LINEAGE_SENSITIVE;
	     n = pgnode_walk(sub, n, false)) {
		struct lcol *c = lin_column_of(l, s, n);

		if (c != NULL && c->made)
			changed |= equate(c, v);
	}
	return changed;
}

bool lin_taint_columns(struct lin *l, struct lscope *s, const struct pgnode *e, struct lval v)
{
	const struct pgnode *n = e;
	bool changed = false;

	while (n != NULL && v.what == LINEAGE_SENSITIVE) {
		bool inner = n->key != NULL && strcmp(n->key, "subselect") == 0;
		struct lcol *c = lin_column_of(l, s, n);

		if (c != NULL)
			changed |= equate(c, v);
		n = pgnode_walk(e, n, inner);
	}
	return changed;
}

void lin_note_choice(struct lin *l, struct lscope *s, const struct pgnode *e)
{
	const struct pgnode *n = e;

	while (n != NULL) {
		bool inner = n->key != NULL && strcmp(n->key, "subselect") == 0;
		struct lcol *c = lin_column_of(l, s, n);

		if (c != NULL && c->mixed && c->v.what == LINEAGE_SENSITIVE)
			lin_note_write(l, c->v);
		n = pgnode_walk(e, n, inner);
	}
}

/* Two plain columns, behind casts: a join. Not with a piece of one that a subquery made. */
static bool is_plain_join(struct lin *l, struct lscope *s, const struct pgnode *q)
{
	struct lcol *a = side_column(l, s, pgnode_field(q, "lexpr")),
		    *b = side_column(l, s, pgnode_field(q, "rexpr"));

	return is_equality(q) && a != NULL && b != NULL && !a->piece && !b->piece;
}

/* A clear column next to a sensitive one in a condition tells it: by equality behind arithmetic (o.id + 0 =
 * ascii(c.email)), by a range, and by whatever else stands in the row that was let through. */
static bool compare_stored(struct lin *l, struct lscope *s, const struct pgnode *q, struct lval v)
{
	if (pgnode_is(q, "SubLink") || !lin_taint_columns(l, s, q, v))
		return false;
	if (!is_plain_join(l, s, q))
		lin_note_write(l, v);
	return true;
}

static bool found_as(struct lin *l, struct lscope *s, const struct pgnode *test, struct lval v, bool piece)
{
	if (!lin_taint_columns(l, s, test, v))
		return false;
	if (piece)
		lin_note_write(l, v);
	return true;
}

/* x IN (SELECT ...), (x, y) IN (SELECT ...) */
static bool found_in(struct lin *l, struct lscope *s, const struct pgnode *test, const struct lcols *cols)
{
	const struct pgnode *args = pgnode_field(test, "args");
	bool changed = false;
	size_t i = 0;

	if (!cols->open && cols->n == 1 && !pgnode_is(test, "RowExpr"))
		return found_as(l, s, test, lval_derive(cols->c[0]->v), cols->c[0]->piece);
	if (cols->open || !pgnode_is(test, "RowExpr") || pgnode_len(args) != cols->n)
		return found_as(l, s, test, lcols_whole(cols), true);
	for (const struct pgnode *a = pgnode_first(args); a != NULL; a = a->next, i++)
		changed |= found_as(l, s, a, lval_derive(cols->c[i]->v), cols->c[i]->piece);
	return changed;
}

/* One conjunct; true when a column changed. */
static bool conjunct(struct lin *l, struct lscope *s, const struct pgnode *q)
{
	const struct pgnode *left = pgnode_field(q, "lexpr"), *right = pgnode_field(q, "rexpr");
	bool changed = false;
	struct lval v;

	if (pgnode_is(q, "BoolExpr")) {
		for (const struct pgnode *a = pgnode_first(pgnode_field(q, "args"));
		     a != NULL && lin_enter(l); a = a->next) {
			changed |= conjunct(l, s, a);
			lin_leave(l);
		}
		return changed;
	}
	v = lin_expr(l, s, q);
	lin_note_choice(l, s, q);
	changed = compare_stored(l, s, q, v);
	if (compare_made(l, s, q, v) || compare_sublink(l, s, q, v)) {
		changed = true;
		lin_note_write(l, v);
	}
	if (is_equality(q)) {
		changed |= equal_sides(l, s, left, right);
		changed |= equal_sides(l, s, right, left);
	}
	if (pgnode_is(q, "SubLink") && pgnode_field(q, "testexpr") != NULL) {
		struct lcols cols = lin_query(l, pgnode_field(q, "subselect"), s, s->ctes);

		changed |= found_in(l, s, pgnode_field(q, "testexpr"), &cols);
	}
	return changed;
}

void lin_quals(struct lin *l, struct lscope *s, const struct pgnode *quals)
{
	if (quals == NULL)
		return;
	for (int pass = 0; pass < 4 && conjunct(l, s, quals); pass++)
		;
}

/* ---- dispatch ---- */

static void from_sample(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lval v = lval_mix(lin_expr(l, s, pgnode_field(n, "args")), lin_expr(l, s, pgnode_field(n, "repeatable")));

	if (v.what == LINEAGE_SENSITIVE) /* how many rows, and which */
		lin_note_write(l, v);
	lin_from_item(l, s, pgnode_field(n, "relation"));
}

static const struct {
	const char *kind;
	void (*add)(struct lin *l, struct lscope *s, const struct pgnode *n);
} kinds[] = {
    {"RangeVar", from_table},
    {"JoinExpr", from_join},
    {"RangeSubselect", from_subselect},
    {"RangeFunction", from_function},
    {"RangeTableSample", from_sample},
    {"RangeTableFunc", from_tablefunc},
};

void lin_from_item(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lcols cols = lcols_open(lval_unknown("an item of FROM that is not understood"));
	const char *kind = pgnode_kind(n);

	if (!lin_enter(l)) {
		lscope_add_item(l, s, &cols);
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].kind) == 0) {
			kinds[i].add(l, s, n);
			lin_leave(l);
			return;
		}
	}
	rel_add(l, s, pgnode_field(n, "alias"), NULL, &cols);
	lin_leave(l);
}
