/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of columns of a relation or query, and the FROM items of a level.
 */
#include "sql/lineage_int.h"

struct lcols lcols_open(struct lval rest)
{
	return (struct lcols){.open = true, .rest = rest};
}

static void cols_overflow(struct lcols *cols)
{
	const struct lval *told = cols->told, *picked = cols->picked;

	*cols = lcols_open(lval_mix(lcols_whole(cols), lval_lost("too many columns")));
	cols->told = told;
	cols->picked = picked;
}

void lcols_link(struct lin *l, struct lcols *cols, struct lcol *c)
{
	if (c == NULL || cols->n >= LIN_COLS_MAX) {
		cols_overflow(cols);
		return;
	}
	if ((cols->n & (cols->n - 1)) == 0) { /* a power of two, or none: full */
		struct lcol **more = lin_alloc(l, (cols->n == 0 ? 1 : cols->n * 2) * sizeof(*more));

		if (more == NULL) {
			cols_overflow(cols);
			return;
		}
		if (cols->n > 0)
			memcpy(more, cols->c, cols->n * sizeof(*more));
		cols->c = more;
	}
	cols->c[cols->n++] = c;
}

void lcols_add(struct lin *l, struct lcols *cols, const char *name, struct lval v)
{
	struct lcol *c = lin_alloc(l, sizeof(*c));

	if (c != NULL)
		*c = (struct lcol){name, v};
	lcols_link(l, cols, c);
}

struct lcols lcols_copy(struct lin *l, const struct lcols *from)
{
	struct lcols to = {.open = from->open, .rest = from->rest, .told = from->told, .picked = from->picked};

	for (size_t i = 0; i < from->n; i++)
		lcols_add(l, &to, from->c[i]->name, from->c[i]->v);
	to.head = from->head;
	return to;
}

/* Numbers of rows that stand for others in a second use. */
struct again {
	size_t n;
	uint32_t old[16], now[16];
};

static uint32_t src_again(struct lin *l, struct again *map, uint32_t src)
{
	if (src == LIN_SRC_NONE || src == LIN_SRC_MANY)
		return src;
	for (size_t i = 0; i < map->n; i++) {
		if (map->old[i] == src)
			return map->now[i];
	}
	if (map->n == sizeof(map->old) / sizeof(map->old[0]))
		return LIN_SRC_MANY;
	map->old[map->n] = src;
	return map->now[map->n++] = lin_new_src(l);
}

struct lcols lcols_again(struct lin *l, const struct lcols *from)
{
	struct lcols to = lcols_copy(l, from);
	struct again map = {0};

	for (size_t i = 0; i < to.n; i++)
		to.c[i]->v.src = src_again(l, &map, to.c[i]->v.src);
	to.rest.src = src_again(l, &map, to.rest.src);
	return to;
}

struct lval lcols_whole(const struct lcols *cols)
{
	struct lval v = cols->open ? cols->rest : lval_clean;

	for (size_t i = 0; i < cols->n; i++)
		v = lval_mix(v, cols->c[i]->v);
	return lval_derive(v);
}

/* One column of both arms. Whole columns of tables stay such, unless clear values would stand between sensitive ones; the
 * rows are new ones. What was a constant in each arm tells the arms apart. */
static struct lval union_val(struct lval a, struct lval b, uint32_t src)
{
	struct lval v = lval_mix(a, b);

	v.whole = lval_whole_pair(a, b);
	v.src = v.whole ? src : LIN_SRC_MANY;
	v.clear = v.what != LINEAGE_SENSITIVE || !v.whole;
	return v;
}

struct lcols lcols_union(struct lin *l, const struct lcols *a, const struct lcols *b)
{
	struct lcols u = {.told = a->told != NULL ? a->told : b->told, .picked = a->picked != NULL ? a->picked : b->picked};
	uint32_t src = lin_new_src(l);

	if (a->open || b->open || a->n != b->n) {
		struct lval v = lval_mix(lcols_whole(a), lcols_whole(b));

		u.open = true;
		v.clear = true;
		v.src = LIN_SRC_MANY;
		u.rest = v.what == LINEAGE_CLEAN && a->n != b->n && !a->open && !b->open ? lval_lost("arms differ") : v;
		return u;
	}
	for (size_t i = 0; i < a->n; i++)
		lcols_add(l, &u, a->c[i]->name, union_val(a->c[i]->v, b->c[i]->v, src));
	return u;
}

void lcols_rename(struct lin *l, struct lcols *cols, const struct pgnode *names)
{
	const struct pgnode *n = pgnode_first(names);
	struct lval whole;

	if (n == NULL)
		return;
	if (!cols->open) {
		for (size_t i = 0; n != NULL && i < cols->n; n = n->next)
			cols->c[i++]->name = pgnode_str(n);
		return;
	}
	whole = lcols_whole(cols); /* which column gets which name is not known */
	cols->rest = whole;
	cols->n = cols->head = 0;
	cols->c = NULL;
	for (; n != NULL; n = n->next)
		lcols_add(l, cols, pgnode_str(n), whole);
}

void lcols_tell(struct lin *l, struct lcols *cols, struct lval v)
{
	v = lval_derive(v);
	v.clear = true;
	v.src = LIN_SRC_MANY;
	for (size_t i = 0; i < cols->n; i++) {
		struct lcol *c = lin_alloc(l, sizeof(*c)); /* it may be a column of FROM as well */

		if (c == NULL)
			return;
		*c = (struct lcol){cols->c[i]->name, lval_derive(lval_mix(cols->c[i]->v, v))};
		cols->c[i] = c;
	}
	if (cols->open)
		cols->rest = lval_derive(lval_mix(cols->rest, v));
}

struct lrel *lscope_add_rel(
    struct lin *l, struct lscope *s, const char *alias, const struct lcols *cols)
{
	struct lrel *r = lin_alloc(l, sizeof(*r));

	if (r == NULL)
		return NULL;
	*r = (struct lrel){.alias = alias, .cols = *cols, .next = s->rels};
	s->rels = r;
	return r;
}

void lscope_add_item(struct lin *l, struct lscope *s, const struct lcols *cols)
{
	if (s->n_items == s->cap) {
		size_t cap = s->cap == 0 ? 4 : s->cap * 2;
		struct lcols *more = lin_alloc(l, cap * sizeof(*more));

		if (more == NULL)
			return;
		if (s->n_items > 0)
			memcpy(more, s->items, s->n_items * sizeof(*more));
		s->items = more;
		s->cap = cap;
	}
	s->items[s->n_items++] = *cols;
	if (cols->told != NULL)
		lin_tell(l, s, *cols->told);
	if (cols->picked != NULL)
		lin_picked(l, s, *cols->picked);
}

void lin_tell(struct lin *l, struct lscope *s, struct lval v)
{
	if (!lval_tells(v) || (s->told != NULL && s->told->what == LINEAGE_SENSITIVE))
		return;
	s->told = lval_keep(l, v);
}

void lin_picked(struct lin *l, struct lscope *s, struct lval v)
{
	if (s->picked == NULL)
		s->picked = lval_keep(l, v);
}
