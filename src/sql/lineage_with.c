/* SPDX-License-Identifier: Apache-2.0
 *
 * WITH: what its names see and the columns of each; recursive queries until nothing changes.
 */
#include "sql/lineage_int.h"

#define ROUNDS_MAX 6

struct lcte *lin_with(
    struct lin *l, struct lscope *outer, struct lcte *env, const struct pgnode *with)
{
	bool recursive = pgnode_field_bool(with, "recursive");
	struct lcte *all = env;

	lin_seen(with);
	for (const struct pgnode *n = pgnode_first(pgnode_field(with, "ctes")); n != NULL;
	     n = n->next) {
		struct lcte *c = lin_alloc(l, sizeof(*c));

		if (c == NULL)
			return all;
		lin_seen(n);
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
	/* All of them, used or not: a write runs anyway, and nothing may stay unread. */
	for (struct lcte *c = all; c != env; c = c->next)
		(void)lin_cte_columns(l, c);
	return all;
}

static bool cols_same(const struct lcols *a, const struct lcols *b)
{
	if ((a->told != NULL) != (b->told != NULL))
		return false;
	if (a->open || b->open || a->n != b->n)
		return a->open && b->open && lval_same(a->rest, b->rest);
	for (size_t i = 0; i < a->n; i++) {
		if (!lval_same(a->c[i]->v, b->c[i]->v))
			return false;
	}
	return true;
}

/* What ends the rounds is a number of rows: whoever compares what they carry counts. */
static void bind(struct lin *l, struct lcte *c, const struct lcols *now)
{
	c->cols = lcols_copy(l, now);
	lcols_rename(l, &c->cols, pgnode_field(c->node, "aliascolnames"));
	for (size_t i = 0; i < c->cols.n; i++) {
		c->cols.c[i]->v.src = LIN_SRC_MANY;
		c->cols.c[i]->v.clear = true;
	}
	c->state = CTE_BOUND;
}

/* The non-recursive arm first; then the other with what is known so far, until nothing changes.
 * Values only rise in the lattice, so this ends; if not soon, nothing is known. */
static struct lcols cte_recursive(struct lin *l, struct lcte *c, const struct pgnode *q)
{
	struct lcols now = lin_query(l, pgnode_field(q, "larg"), c->outer, c->env);
	unsigned ranges = l->n_ranges, equals = l->n_equals;

	lin_seen(q);
	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct lscope s = {.outer = c->outer, .ctes = c->env};
		struct lcols arm, next;

		l->n_ranges = ranges;
		l->n_equals = equals;
		bind(l, c, &now);
		arm = lin_query(l, pgnode_field(q, "rarg"), c->outer, c->env);
		next = lcols_union(l, &now, &arm);
		if (!pgnode_field_bool(q, "all"))
			lin_row_match(l, &s, &now, &arm);
		lin_row_clauses(l, &s, q, &next);
		if (next.told == NULL && s.told != NULL) {
			lcols_tell(l, &next, *s.told);
			next.told = s.told;
		}
		if (cols_same(&now, &next))
			return next;
		now = next;
	}
	return lcols_open(
	    lval_mix(lcols_whole(&now), lval_lost("a recursive query that is not followed")));
}

struct lcols lin_cte_columns(struct lin *l, struct lcte *c)
{
	const struct pgnode *q = pgnode_field(c->node, "ctequery");

	if (c->state == CTE_DONE || c->state == CTE_BOUND)
		return c->cols;
	if (c->state == CTE_BUSY || !lin_enter(l))
		return lcols_open(lval_lost("a recursive query that is not followed"));
	c->state = CTE_BUSY;
	if (c->recursive && pgnode_is(q, "SelectStmt") && pgnode_field(q, "larg") != NULL &&
	    pgnode_field(q, "withClause") == NULL &&
	    strcmp(pgnode_field_str(q, "op"), "SETOP_UNION") == 0)
		c->cols = cte_recursive(l, c, q);
	else
		c->cols = lin_query(l, q, c->outer, c->env);
	lcols_rename(l, &c->cols, pgnode_field(c->node, "aliascolnames"));
	if (pgnode_field(c->node, "search_clause") != NULL ||
	    pgnode_field(c->node, "cycle_clause") != NULL) {
		struct lcols cols = lcols_open(lval_mix(lcols_whole(&c->cols), lval_unknown("SEARCH or CYCLE")));

		cols.told = c->cols.told;
		cols.picked = c->cols.picked;
		c->cols = cols;
	}
	c->state = CTE_DONE;
	lin_leave(l);
	return c->cols;
}
