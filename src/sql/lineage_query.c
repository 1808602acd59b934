/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries: what columns a SELECT, VALUES or set operation gives, and WITH. Row selection
 * (WHERE, HAVING, LIMIT) does not taint results, except through equality (see lineage_from.c).
 */
#include <stdio.h>

#include "sql/lineage_int.h"

/* ---- select lists ---- */

static void add_all(struct lin *l, struct lcols *out, const struct lcols *from)
{
	if (from->open) {
		*out = lcols_open(lval_mix(lcols_whole(out), lcols_whole(from)));
		return;
	}
	for (size_t i = 0; i < from->n && !out->open; i++) {
		lcols_add(l, out, from->c[i]->name, from->c[i]->v, from->c[i]->made);
		lcols_mixed(out, from->c[i]->mixed);
	}
}

/* Does the expression take clear columns as well, or the place of the row? */
static bool is_mixed(struct lin *l, struct lscope *s, const struct pgnode *val)
{
	const struct pgnode *n = val;

	while (n != NULL) {
		bool inner = n->key != NULL && strcmp(n->key, "subselect") == 0;
		struct lcol *c = lin_column_of(l, s, n);

		if (c != NULL && (c->mixed || c->v.what != LINEAGE_SENSITIVE))
			return true;
		if (pgnode_is(n, "FuncCall") && pgnode_field(n, "over") != NULL)
			return true;
		n = pgnode_walk(val, n, inner);
	}
	return false;
}

/* *, t.*, s.t.*, (row).* */
static void add_star(struct lin *l, struct lscope *s, struct lcols *out, const struct pgnode *val)
{
	const struct pgnode *fields = pgnode_field(val, "fields");
	size_t n = pgnode_len(fields);
	const struct lcols unknown = lcols_open(lval_unknown("a row whose columns are not known"));
	struct lrel *r = NULL;

	if (pgnode_is(val, "ColumnRef") && n == 1) {
		for (size_t i = 0; i < s->n_items; i++)
			add_all(l, out, &s->items[i]);
		return;
	}
	if (pgnode_is(val, "A_Indirection")) {
		r = pgnode_len(pgnode_field(val, "indirection")) == 1
			? lin_row_of(l, s, pgnode_field(val, "arg"))
			: NULL;
	} else if (n == 2 || n == 3) {
		const char *schema = n == 3 ? pgnode_str(pgnode_at(fields, 0)) : NULL,
			   *name = pgnode_str(pgnode_at(fields, n - 2));

		r = name != NULL ? lin_rel_of(s, schema, name) : NULL;
	}
	add_all(l, out, r != NULL ? &r->cols : &unknown);
	if (r == NULL)
		out->rest = lval_mix(out->rest, lin_expr(l, s, val));
}

static bool is_star(const struct pgnode *val)
{
	const struct pgnode *last = pgnode_last(pgnode_field(val, "fields"));

	if (pgnode_is(val, "A_Indirection"))
		last = pgnode_last(pgnode_field(val, "indirection"));
	return pgnode_is(last, "A_Star");
}

struct lcols lin_targets(struct lin *l, struct lscope *s, const struct pgnode *list)
{
	struct lcols out = {0};

	for (const struct pgnode *t = pgnode_first(list); t != NULL; t = t->next) {
		const struct pgnode *val = pgnode_field(t, "val");

		if (is_star(val)) {
			add_star(l, s, &out, val);
		} else {
			struct lval v = lin_expr(l, s, val);
			struct lcol *c = lin_column_of(l, s, val);

			if (out.open)
				out.rest = lval_mix(out.rest, v);
			else
				lcols_add(l, &out, lin_output_name(t), v, c == NULL || c->made);
			if (!out.open && v.what == LINEAGE_SENSITIVE)
				lcols_mixed(&out, is_mixed(l, s, val));
		}
	}
	return out;
}

/* ---- WITH ---- */

static bool is_write(const struct pgnode *q)
{
	return pgnode_is(q, "InsertStmt") || pgnode_is(q, "UpdateStmt") ||
	       pgnode_is(q, "DeleteStmt");
}

struct lcte *lin_with(
    struct lin *l, struct lscope *outer, struct lcte *env, const struct pgnode *with)
{
	bool recursive = pgnode_field_bool(with, "recursive");
	struct lcte *all = env;

	for (const struct pgnode *n = pgnode_first(pgnode_field(with, "ctes")); n != NULL;
	     n = n->next) {
		struct lcte *c = lin_alloc(l, sizeof(*c));

		if (c == NULL)
			return all;
		*c = (struct lcte){.name = pgnode_field_str(n, "ctename"),
		    .node = n,
		    .recursive = recursive,
		    .outer = outer,
		    .env = all,
		    .next = all};
		all = c;
	}
	if (recursive) { /* each sees all, itself included */
		for (struct lcte *c = all; c != env; c = c->next)
			c->env = all;
	}
	for (struct lcte *c = all; c != env; c = c->next) {
		if (is_write(pgnode_field(c->node, "ctequery"))) /* it runs, referenced or not */
			(void)lin_cte_columns(l, c);
	}
	return all;
}

static bool cols_same(const struct lcols *a, const struct lcols *b)
{
	if (a->open || b->open || a->n != b->n)
		return a->open && b->open && lval_same(a->rest, b->rest);
	for (size_t i = 0; i < a->n; i++) {
		if (!lval_same(a->c[i]->v, b->c[i]->v))
			return false;
	}
	return true;
}

/* The non-recursive arm first; then the other with what is known so far, until nothing changes.
 * Values only rise in the lattice, so this ends; if not soon, nothing is known. */
static struct lcols cte_recursive(struct lin *l, struct lcte *c, const struct pgnode *q)
{
	struct lcols now = lin_query(l, pgnode_field(q, "larg"), c->outer, c->env);

	for (int round = 0; round < 6; round++) {
		struct lcols arm, next;

		c->cols = lcols_copy(l, &now);
		lcols_rename(l, &c->cols, pgnode_field(c->node, "aliascolnames"));
		for (size_t i = 0; i < c->cols.n; i++) /* what ends the rounds is a number of rows */
			c->cols.c[i]->mixed = true;
		c->state = CTE_BOUND;
		arm = lin_query(l, pgnode_field(q, "rarg"), c->outer, c->env);
		next = lcols_union(l, &now, &arm);
		if (cols_same(&now, &next))
			return next;
		now = next;
	}
	return lcols_open(
	    lval_mix(lcols_whole(&now), lval_unknown("a recursive query that is not followed")));
}

struct lcols lin_cte_columns(struct lin *l, struct lcte *c)
{
	const struct pgnode *q = pgnode_field(c->node, "ctequery");

	if (c->state == CTE_DONE || c->state == CTE_BOUND)
		return c->cols;
	if (c->state == CTE_BUSY || !lin_enter(l))
		return lcols_open(lval_unknown("a recursive query that is not followed"));
	c->state = CTE_BUSY;
	if (c->recursive && pgnode_is(q, "SelectStmt") && pgnode_field(q, "larg") != NULL &&
	    pgnode_field(q, "withClause") == NULL &&
	    strcmp(pgnode_field_str(q, "op"), "SETOP_UNION") == 0)
		c->cols = cte_recursive(l, c, q);
	else
		c->cols = lin_query(l, q, c->outer, c->env);
	lcols_rename(l, &c->cols, pgnode_field(c->node, "aliascolnames"));
	if (pgnode_field(c->node, "search_clause") != NULL ||
	    pgnode_field(c->node, "cycle_clause") != NULL)
		c->cols =
		    lcols_open(lval_mix(lcols_whole(&c->cols), lval_unknown("SEARCH or CYCLE")));
	c->state = CTE_DONE;
	lin_leave(l);
	return c->cols;
}

/* ---- SELECT ---- */

static struct lcols values(struct lin *l, struct lscope *s, const struct pgnode *lists)
{
	struct lcols out = {0};

	for (const struct pgnode *row = pgnode_first(lists); row != NULL; row = row->next) {
		size_t i = 0;

		for (const struct pgnode *v = pgnode_first(row); v != NULL; v = v->next, i++) {
			char name[32];

			if (i < out.n) {
				out.c[i]->v = lval_mix(out.c[i]->v, lin_expr(l, s, v));
				continue;
			}
			if (row != pgnode_first(lists))
				return lcols_open(lval_unknown("rows of VALUES differ"));
			(void)snprintf(name, sizeof(name), "column%zu", i + 1);
			lcols_add(l, &out, arena_strdup(&l->mem, name), lin_expr(l, s, v), true);
			if (out.open)
				return out;
		}
	}
	return out;
}

static void row_key(struct lin *l, struct lscope *s, const struct pgnode *key)
{
	struct lval v = lin_expr(l, s, key);

	lin_note_choice(l, s, key);
	if (!pgnode_is(key, "ColumnRef") && lin_taint_columns(l, s, key, v))
		lin_note_write(l, v);
}

/* Which rows come, and how many, tells the value of LIMIT and OFFSET; the first row of ORDER BY what its key compares. */
static void row_choice(struct lin *l, struct lscope *s, const struct pgnode *q)
{
	static const char *const counts[] = {"limitOffset", "limitCount"};
	const struct pgnode *sort = pgnode_first(pgnode_field(q, "sortClause"));
	const struct pgnode *key = pgnode_first(pgnode_field(q, "distinctClause"));

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct lval v = lin_expr(l, s, pgnode_field(q, counts[i]));

		if (v.what == LINEAGE_SENSITIVE)
			lin_note_write(l, v);
	}
	for (; sort != NULL; sort = sort->next)
		row_key(l, s, pgnode_field(sort, "node"));
	for (; key != NULL; key = key->next)
		row_key(l, s, key);
	lin_note_choice(l, s, pgnode_field(q, "groupClause"));
}

/* INTERSECT and EXCEPT find rows by all columns: what stands beside a piece of something sensitive tells it. */
static void row_match(struct lin *l, const struct lcols *a, const struct lcols *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		bool sa = a->c[i]->v.what == LINEAGE_SENSITIVE, sb = b->c[i]->v.what == LINEAGE_SENSITIVE;

		if (sa != sb && (a->c[i]->piece || b->c[i]->piece))
			lin_note_write(l, lval_mix(a->c[i]->v, b->c[i]->v));
	}
}

static struct lcols select_columns(
    struct lin *l, const struct pgnode *q, struct lscope *outer, struct lcte *ctes)
{
	/* They add nothing to the result, but what they call may keep what it is given. */
	static const char *const unseen[] = {"groupClause", "sortClause", "distinctClause"};
	struct lscope s = {
	    .outer = outer, .ctes = ctes, .windows = pgnode_field(q, "windowClause")};

	if (pgnode_field(q, "withClause") != NULL)
		s.ctes = lin_with(l, outer, ctes, pgnode_field(q, "withClause"));
	if (pgnode_field(q, "larg") != NULL) {
		struct lcols a = lin_query(l, pgnode_field(q, "larg"), outer, s.ctes);
		struct lcols b = lin_query(l, pgnode_field(q, "rarg"), outer, s.ctes);

		if (strcmp(pgnode_field_str(q, "op"), "SETOP_UNION") != 0)
			row_match(l, &a, &b);
		return lcols_union(l, &a, &b);
	}
	if (pgnode_field(q, "valuesLists") != NULL)
		return values(l, &s, pgnode_field(q, "valuesLists"));
	for (const struct pgnode *f = pgnode_first(pgnode_field(q, "fromClause")); f != NULL;
	     f = f->next)
		lin_from_item(l, &s, f);
	lin_quals(l, &s, pgnode_field(q, "whereClause"));
	lin_quals(l, &s, pgnode_field(q, "havingClause"));
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		(void)lin_expr(l, &s, pgnode_field(q, unseen[i]));
	row_choice(l, &s, q);
	return lin_targets(l, &s, pgnode_field(q, "targetList"));
}

struct lcols lin_query(
    struct lin *l, const struct pgnode *q, struct lscope *outer, struct lcte *ctes)
{
	const char *kind = pgnode_kind(q);
	struct lcols cols;

	if (q == NULL || !lin_enter(l))
		return lcols_open(lval_unknown("too large to follow"));
	if (kind[0] == '\0' || strcmp(kind, "SelectStmt") == 0) /* an arm has no kind */
		cols = select_columns(l, q, outer, ctes);
	else if (is_write(q))
		cols = lin_write(l, q, outer, ctes);
	else
		cols = lcols_open(lval_unknown("a statement that is not followed"));
	lin_leave(l);
	return cols;
}
