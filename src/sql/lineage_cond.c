/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditions: WHERE, HAVING, ON. Documented is what a person who may search does: a condition that compares sensitive
 * columns with constants or parameters finds rows, one bit for each row. Whatever brings a sensitive value together
 * with something that differs from row to row (another column, made-up rows, the result of a subquery for this row)
 * tells more than that, and so do several such conditions that are told apart by a clear one: the level's rows then
 * tell the value. Equality of two whole columns is a join; what is only known to equal a sensitive column is as good as it.
 */
#include "sql/lineage_int.h"

/* What a condition does. */
struct cond {
	bool sensitive; /* its outcome depends on sensitive values */
	bool range;     /* by more than finding whole values */
	bool clear;     /* ... and on something else that differs from row to row */
	uint32_t src;   /* the row that it is about, as in struct lval */
	/* The search in it: how many (of rows of several relations each is one), of which row, and what for when it
	 * compares whole values with just this. */
	unsigned n;
	uint32_t of;
	const struct pgnode *pattern;
	struct lval by;
};

static uint32_t src_mix(uint32_t a, uint32_t b)
{
	if (a == LIN_SRC_NONE || a == b)
		return b;
	return b == LIN_SRC_NONE ? a : LIN_SRC_MANY;
}

/* ---- searches ---- */

static bool same_tree(const struct pgnode *a, const struct pgnode *b, int depth)
{
	if (a == NULL || b == NULL || depth > 20)
		return a == b;
	if (strcmp(pgnode_kind(a), pgnode_kind(b)) != 0 || a->type != b->type || pgnode_int(a) != pgnode_int(b))
		return false;
	if ((pgnode_str(a) == NULL) != (pgnode_str(b) == NULL) || (pgnode_str(a) != NULL && strcmp(pgnode_str(a), pgnode_str(b)) != 0))
		return false;
	a = a->child;
	b = b->child;
	while (a != NULL && b != NULL) {
		bool keys = (a->key == NULL) == (b->key == NULL) && (a->key == NULL || strcmp(a->key, b->key) == 0);

		if (!keys || !same_tree(a, b, depth + 1))
			return false;
		a = a->next;
		b = b->next;
	}
	return a == b;
}

static void search_set(struct lin *l, struct cond *c, const struct pgnode *pattern)
{
	c->n = 1;
	c->of = c->src == LIN_SRC_NONE || c->src == LIN_SRC_MANY ? lin_new_src(l) : c->src;
	c->pattern = pattern;
}

/* Conditions on one row make one search; so do those that look for the same in several. */
static void search_add(struct cond *all, const struct cond *c)
{
	if (!c->sensitive || c->n == 0)
		return;
	if (all->n == 0) {
		all->n = c->n;
		all->of = c->of;
		all->pattern = c->pattern;
		return;
	}
	if (all->pattern == NULL || !same_tree(all->pattern, c->pattern, 0)) {
		all->n = all->of == c->of && all->of != LIN_SRC_MANY ? 1 : all->n + c->n;
		all->pattern = NULL;
	}
	if (all->of != c->of)
		all->of = LIN_SRC_MANY;
}

/* ---- equality ---- */

static bool raise(struct lcol *c, struct lval other)
{
	struct lval was = c->v;

	if (c->v.what == LINEAGE_SENSITIVE || other.what != LINEAGE_SENSITIVE)
		return false;
	c->v = lval_derive(lval_mix(c->v, other));
	c->v.whole = was.whole;
	c->v.src = was.src;
	c->v.clear = false;
	return true;
}

bool lin_equal_columns(struct lin *l, struct lscope *s, struct lcol *a, struct lcol *b)
{
	struct lval v = lval_mix(a->v, b->v);
	bool changed;

	if (!lval_tells(v))
		return false;
	if (!a->v.whole || !b->v.whole) {
		lin_tell(l, s, v);
		return false;
	}
	changed = raise(a, b->v);
	return raise(b, a->v) || changed;
}

static bool has_kind(const struct pgnode *q, const char *kind)
{
	return strcmp(pgnode_field_str(q, "kind"), kind) == 0;
}

/* = <> IN, NOT IN, = ANY */
static bool finds_whole(const struct pgnode *q)
{
	const char *op = pgnode_str(pgnode_last(pgnode_field(q, "name")));

	if (!pgnode_is(q, "A_Expr") || op == NULL)
		return false;
	if (has_kind(q, "AEXPR_DISTINCT") || has_kind(q, "AEXPR_NOT_DISTINCT"))
		return true;
	return (strcmp(op, "=") == 0 || strcmp(op, "<>") == 0) &&
	       (has_kind(q, "AEXPR_OP") || has_kind(q, "AEXPR_OP_ANY") || has_kind(q, "AEXPR_OP_ALL") || has_kind(q, "AEXPR_IN"));
}

static bool is_constant(struct lval v)
{
	return v.what == LINEAGE_CLEAN && v.src == LIN_SRC_NONE && !v.clear && v.pick == NULL;
}

static bool compares(const struct pgnode *q)
{
	static const char *const ops[] = {"=", "<>", "<", ">", "<=", ">="};
	const char *op = pgnode_str(pgnode_last(pgnode_field(q, "name")));

	if (!pgnode_is(q, "A_Expr") || !has_kind(q, "AEXPR_OP") || op == NULL)
		return false;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(op, ops[i]) == 0)
			return true;
	}
	return false;
}

/* A column behind what keeps its whole value. */
static struct lcol *side_column(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	while (pgnode_is(n, "TypeCast") || pgnode_is(n, "CollateClause"))
		n = pgnode_field(n, "arg");
	if (pgnode_is(n, "FuncCall"))
		n = pgnode_first(pgnode_field(n, "args"));
	return lin_column_of(l, s, n);
}

/* Two whole values: a join. Its own outcome tells what is equal, not what the value is. */
static struct cond join_cond(struct lin *l, struct lscope *s, const struct pgnode *q, struct lval a, struct lval b, bool *changed)
{
	struct cond c = {.sensitive = true, .src = src_mix(a.src, b.src), .by = lval_mix(a, b)};
	struct lcol *x = side_column(l, s, pgnode_field(q, "lexpr")), *y = side_column(l, s, pgnode_field(q, "rexpr"));

	c.clear = a.what != LINEAGE_SENSITIVE || b.what != LINEAGE_SENSITIVE;
	if (x != NULL && a.what != LINEAGE_SENSITIVE)
		*changed |= raise(x, b);
	if (y != NULL && b.what != LINEAGE_SENSITIVE)
		*changed |= raise(y, a);
	return c;
}

/* ---- one comparison ---- */

static struct cond value_cond(struct lin *l, struct lscope *s, struct lval v, bool whole)
{
	struct cond c = {.src = v.src, .clear = v.clear, .by = v};

	if (lval_tells(v)) {
		c.sensitive = true;
		c.range = !whole;
		if (v.clear || v.fresh || v.pick != NULL || v.src == LIN_SRC_MANY)
			lin_tell(l, s, v);
		search_set(l, &c, NULL);
		return c;
	}
	if (v.pick == NULL)
		return c;
	c.sensitive = true; /* a subquery that found its rows so */
	c.clear = false;
	c.src = lin_new_src(l);
	c.by = *v.pick;
	c.range = true;
	search_set(l, &c, NULL);
	if (v.many_picks)
		lin_tell(l, s, c.by);
	return c;
}

/* How the subquery of x op ANY (SELECT ...) is compared. */
struct in_how {
	bool equal;      /* x IN, x = ANY */
	bool correlated; /* it gives something else for each row around */
};

/* x IN (SELECT ...): x and the one column, or a row and the columns. */
static void in_pair(struct lin *l, struct lscope *s, const struct pgnode *test, struct lcol *col, struct in_how how, struct cond *c,
    bool *changed)
{
	struct lval a = lin_value(l, s, test), b = col->v, v = lval_mix(a, b);
	struct lcol *x = side_column(l, s, test);

	c->src = src_mix(c->src, a.src);
	if (!lval_tells(v)) {
		c->clear |= a.clear;
		return;
	}
	c->sensitive = true;
	c->by = v;
	if (how.correlated && a.what == LINEAGE_SENSITIVE && b.what != LINEAGE_SENSITIVE)
		lin_tell(l, s, v); /* a clear value of the same row: as x op column would */
	if (how.equal && a.whole && b.whole) {
		c->clear |= a.what != LINEAGE_SENSITIVE;
		if (x != NULL)
			*changed |= raise(x, b);
		return;
	}
	if (a.clear || v.fresh || v.lost || (b.what == LINEAGE_SENSITIVE && b.clear) || (a.what == b.what && !(a.whole && b.whole)))
		lin_tell(l, s, v);
	c->src = src_mix(c->src, b.what == LINEAGE_SENSITIVE ? b.src : LIN_SRC_NONE);
	c->range |= a.what == LINEAGE_SENSITIVE ? !a.whole : !b.whole || !is_constant(a);
	search_set(l, c, NULL);
}

static struct cond in_cond(struct lin *l, struct lscope *s, const struct pgnode *q, bool *changed)
{
	const struct pgnode *test = pgnode_field(q, "testexpr"), *a = pgnode_first(pgnode_field(test, "args"));
	struct cond c = {.by = lval_clean};
	struct lval whole = lin_expr(l, s, q); /* marks what is in it, and says how the rows were found */
	unsigned before = l->lowest;
	struct lcols cols;
	struct in_how how = {.equal = pgnode_field(q, "operName") == NULL};
	bool row = pgnode_is(test, "RowExpr");

	l->lowest = UINT32_MAX;
	cols = lin_query_apart(l, pgnode_field(q, "subselect"), s, s->ctes);
	how.correlated = l->lowest <= s->level;
	if (before < l->lowest)
		l->lowest = before;
	if (cols.told != NULL || cols.open || (row ? pgnode_len(pgnode_field(test, "args")) : 1) != cols.n)
		return value_cond(l, s, whole, false);
	if (!row)
		in_pair(l, s, test, cols.c[0], how, &c, changed);
	for (size_t i = 0; row && a != NULL; a = a->next)
		in_pair(l, s, a, cols.c[i++], how, &c, changed);
	if (cols.picked == NULL)
		return c;
	if (!c.sensitive)
		c = (struct cond){.src = lin_new_src(l), .by = *cols.picked};
	c.sensitive = c.range = true;
	search_set(l, &c, NULL);
	return c;
}

/* (tenant, email) = (1, 'x'), IN of such, (name, id) > ('x', 5): of one row with constants */
static bool row_cond(struct lin *l, struct lscope *s, const struct pgnode *q, struct lval v, struct cond *c)
{
	const struct pgnode *row = pgnode_field(q, "lexpr");

	if (!pgnode_is(row, "RowExpr") || !(finds_whole(q) || compares(q)) || !is_constant(lin_expr(l, s, pgnode_field(q, "rexpr"))) || v.lost ||
	    v.fresh || v.pick != NULL || v.src == LIN_SRC_MANY)
		return false;
	for (const struct pgnode *a = pgnode_first(pgnode_field(row, "args")); a != NULL; a = a->next) {
		struct lval one = lin_expr(l, s, a);

		if (!one.whole && !is_constant(one))
			return false;
	}
	*c = (struct cond){.sensitive = true, .range = !finds_whole(q), .src = v.src, .by = v};
	search_set(l, c, NULL);
	return true;
}

static struct cond simple_cond(struct lin *l, struct lscope *s, const struct pgnode *q, bool *changed)
{
	struct lval v, a, b;
	struct cond row;

	if (pgnode_is(q, "SubLink") && pgnode_field(q, "testexpr") != NULL)
		return in_cond(l, s, q, changed);
	v = lin_expr(l, s, q);
	if (!lval_tells(v) || !pgnode_is(q, "A_Expr"))
		return value_cond(l, s, v, false);
	a = lin_expr(l, s, pgnode_field(q, "lexpr"));
	b = lin_expr(l, s, pgnode_field(q, "rexpr"));
	if (a.whole && b.whole && !v.lost && v.pick == NULL &&
	    (finds_whole(q) || (compares(q) && a.what == b.what))) /* salary > boss.salary: as ORDER BY would say */
		return join_cond(l, s, q, a, b, changed);
	if (row_cond(l, s, q, v, &row))
		return row;
	row = value_cond(l, s, v, finds_whole(q) && ((a.whole && is_constant(b)) || (b.whole && is_constant(a))));
	if (a.whole && is_constant(b) && row.n > 0)
		row.pattern = pgnode_field(q, "rexpr");
	return row;
}

/* ---- AND, OR, NOT ---- */

static struct cond any_cond(struct lin *l, struct lscope *s, const struct pgnode *q, bool *changed);

/* Several conditions on sensitive values in one: when clear ones tell them apart, each answers for other rows. To find
 * whole values in one row of one relation is still one answer for that row. */
static struct cond bool_cond(struct lin *l, struct lscope *s, const struct pgnode *q, bool *changed)
{
	struct cond all = {.by = lval_clean};
	bool apart = false, ranges = false;
	unsigned n = 0;

	for (const struct pgnode *a = pgnode_first(pgnode_field(q, "args")); a != NULL; a = a->next) {
		struct cond c = any_cond(l, s, a, changed);

		if (c.sensitive) {
			all.by = n++ == 0 ? c.by : lval_mix(all.by, c.by);
			apart |= c.clear;
			ranges |= c.clear && c.range;
			all.sensitive = true;
		}
		search_add(&all, &c);
		all.range |= c.range;
		all.clear |= c.clear;
		all.src = src_mix(all.src, c.src);
	}
	if (n > 1 && (ranges || (apart && (all.src == LIN_SRC_MANY || all.src == LIN_SRC_NONE))))
		lin_tell(l, s, all.by);
	return all;
}

static struct cond any_cond(struct lin *l, struct lscope *s, const struct pgnode *q, bool *changed)
{
	struct cond c = {.by = lval_clean};

	if (!lin_enter(l))
		return c;
	if (pgnode_is(q, "BoolExpr")) {
		lin_seen(q);
		c = bool_cond(l, s, q, changed);
	} else {
		c = simple_cond(l, s, q, changed);
	}
	lin_leave(l);
	return c;
}

/* Conditions that all hold are one. */
static bool conjuncts(struct lin *l, struct lscope *s, const struct pgnode *q, struct cond *all)
{
	bool changed = false;
	struct cond c;

	if (pgnode_is(q, "BoolExpr") && strcmp(pgnode_field_str(q, "boolop"), "AND_EXPR") == 0) {
		lin_seen(q);
		for (const struct pgnode *a = pgnode_first(pgnode_field(q, "args")); a != NULL && lin_enter(l); a = a->next) {
			changed |= conjuncts(l, s, a, all);
			lin_leave(l);
		}
		return changed;
	}
	c = any_cond(l, s, q, &changed);
	if (c.sensitive && (c.range || !all->range))
		all->by = c.by;
	search_add(all, &c);
	all->sensitive |= c.sensitive;
	all->range |= c.range;
	return changed;
}

void lin_quals(struct lin *l, struct lscope *s, const struct pgnode *quals)
{
	struct cond all = {.by = lval_clean};
	unsigned effects = l->effects;

	if (quals == NULL)
		return;
	for (int pass = 0; pass < 4 && conjuncts(l, s, quals, &all); pass++)
		all = (struct cond){.by = lval_clean};
	if (!all.sensitive)
		return;
	if (l->effects != effects) /* what runs depends on it */
		lin_note_write(l, all.by);
	lin_picked(l, s, all.by);
	if (all.range) {
		l->n_ranges += all.n > 0 ? all.n : 1;
		l->searches = true;
		l->range_by = lval_keep(l, all.by);
	} else if (all.n > 0) {
		l->n_equals += all.n;
		l->equal_by = lval_keep(l, all.by);
	}
}
