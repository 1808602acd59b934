/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins: their merged columns, and what they compare.
 */
#include "sql/lineage_int.h"

static struct lcol *col_named(const struct lcols *cols, const char *name)
{
	for (size_t i = 0; i < cols->n; i++) {
		if (cols->c[i]->name != NULL && strcmp(cols->c[i]->name, name) == 0)
			return cols->c[i];
	}
	return NULL;
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
static void merge_column(struct lin *l, struct lscope *s, struct lcols *out, struct lcol *a, struct lcol *b)
{
	struct lval v = lval_mix(a->v, b->v);

	v.whole = lval_whole_pair(a->v, b->v);
	(void)lin_equal_columns(l, s, a, b);
	lcols_add(l, out, a->name, v);
}

/* Some columns of a side are not known: what is known keeps its name, the rest is all alike. */
static struct lcols join_open(
    struct lin *l, struct lscope *s, const struct pgnode *using, const struct lcols *a, const struct lcols *b)
{
	const struct lcols *sides[] = {a, b};
	struct lcols out = lcols_open(lval_clean);

	for (int i = 0; i < 2; i++) {
		if (sides[i]->open)
			out.rest = lval_mix(out.rest, sides[i]->rest);
		if (using != NULL) /* any of them may be compared */
			lin_tell(l, s, lcols_whole(sides[i]));
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
static struct lcols join_columns(struct lin *l, struct lscope *s, const struct pgnode *join, const struct lcols *a,
    const struct lcols *b, size_t *merged)
{
	const struct pgnode *using = pgnode_field(join, "usingClause");
	bool natural = pgnode_field_bool(join, "isNatural");
	struct lcols out = {0};

	*merged = 0;
	if (a->open || b->open || (natural && (has_nameless(a) || has_nameless(b))))
		return join_open(l, s, natural ? join : using, a, b);
	for (const struct pgnode *u = pgnode_first(using); u != NULL; u = u->next) {
		const char *name = pgnode_str(u) != NULL ? pgnode_str(u) : "";
		struct lcol *x = col_named(a, name), *y = col_named(b, name);

		if (x == NULL || y == NULL)
			return join_open(l, s, using, a, b);
		merge_column(l, s, &out, x, y);
	}
	for (size_t i = 0; natural && i < a->n; i++) {
		if (is_merged(join, a->c[i], b))
			merge_column(l, s, &out, a->c[i], col_named(b, a->c[i]->name));
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

/* Inside ON only the two sides are seen. */
static void join_quals(struct lin *l, struct lscope *s, const struct pgnode *quals, size_t first, const struct lrel *end)
{
	size_t was_first = s->first;
	const struct lrel *was_end = s->rels_end;

	s->first = first;
	s->rels_end = end;
	lin_quals(l, s, quals);
	s->first = was_first;
	s->rels_end = was_end;
}

void lin_from_join(struct lin *l, struct lscope *s, const struct pgnode *n)
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
	cols = join_columns(l, s, n, &a, &b, &merged);
	join_quals(l, s, pgnode_field(n, "quals"), at, before);
	s->n_items = at;
	if (alias != NULL) { /* hides what is inside */
		s->rels = before;
		lin_rel_add(l, s, alias, NULL, &cols);
		return;
	}
	lscope_add_item(l, s, &cols);
	if (using_alias != NULL) {
		struct lcols only = {
		    .open = cols.open, .rest = cols.rest, .n = merged, .c = cols.c};

		(void)lscope_add_rel(l, s, pgnode_field_str(using_alias, "aliasname"), &only);
	}
}
