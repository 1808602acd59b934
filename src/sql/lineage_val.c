/* SPDX-License-Identifier: Apache-2.0
 *
 * The lattice of lineage values and lists of columns. A join never loses sensitivity: SENSITIVE
 * over UNKNOWN over CLEAN.
 */
#include "sql/lineage_int.h"

const struct lval lval_clean = {.what = LINEAGE_CLEAN};

struct lval lval_unknown(const char *why)
{
	return (struct lval){.what = LINEAGE_UNKNOWN, .why = why};
}

struct lval lval_derive(struct lval v)
{
	if (v.what == LINEAGE_SENSITIVE)
		v.derived = true;
	return v;
}

struct lval lval_mix(struct lval a, struct lval b)
{
	if (a.what == LINEAGE_SENSITIVE && b.what == LINEAGE_SENSITIVE) {
		a.derived = a.derived || b.derived || a.kind != b.kind;
		return a;
	}
	if (a.what == LINEAGE_SENSITIVE || b.what == LINEAGE_SENSITIVE) {
		struct lval v = a.what == LINEAGE_SENSITIVE ? a : b,
			    other = a.what == LINEAGE_SENSITIVE ? b : a;

		v.derived = v.derived || other.what == LINEAGE_UNKNOWN;
		return v;
	}
	return a.what == LINEAGE_UNKNOWN ? a : b;
}

bool lval_same(struct lval a, struct lval b)
{
	return a.what == b.what && a.derived == b.derived && a.kind == b.kind;
}

void *lin_alloc(struct lin *l, size_t n)
{
	void *p = arena_zalloc(&l->mem, n);

	if (p == NULL)
		l->failed = true;
	return p;
}

bool lin_enter(struct lin *l)
{
	if (l->failed || ++l->steps > LIN_STEPS_MAX || l->depth >= LIN_DEPTH_MAX) {
		l->failed = l->failed || l->steps > LIN_STEPS_MAX;
		lin_note_write(l, lval_unknown("too large to follow"));
		return false;
	}
	l->depth++;
	return true;
}

void lin_leave(struct lin *l)
{
	l->depth--;
}

struct lcols lcols_open(struct lval rest)
{
	return (struct lcols){.open = true, .rest = rest};
}

static void cols_overflow(struct lcols *cols)
{
	*cols = lcols_open(lval_mix(lcols_whole(cols), lval_unknown("too many columns")));
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

void lcols_add(struct lin *l, struct lcols *cols, const char *name, struct lval v, bool made)
{
	struct lcol *c = lin_alloc(l, sizeof(*c));

	if (c != NULL)
		*c = (struct lcol){name, made, false, v.what == LINEAGE_SENSITIVE && v.derived, v};
	lcols_link(l, cols, c);
}

void lcols_mixed(struct lcols *cols, bool mixed)
{
	if (cols->n > 0)
		cols->c[cols->n - 1]->mixed = mixed;
}

struct lcols lcols_copy(struct lin *l, const struct lcols *from)
{
	struct lcols to = {.open = from->open, .rest = from->rest};

	for (size_t i = 0; i < from->n; i++) {
		lcols_add(l, &to, from->c[i]->name, from->c[i]->v, from->c[i]->made);
		lcols_mixed(&to, from->c[i]->mixed);
	}
	return to;
}

struct lval lcols_whole(const struct lcols *cols)
{
	struct lval v = cols->open ? cols->rest : lval_clean;

	for (size_t i = 0; i < cols->n; i++)
		v = lval_mix(v, cols->c[i]->v);
	return lval_derive(v);
}

struct lcols lcols_union(struct lin *l, const struct lcols *a, const struct lcols *b)
{
	struct lcols u = {0};

	if (a->open || b->open || a->n != b->n) {
		struct lval v = lval_mix(lcols_whole(a), lcols_whole(b));

		return lcols_open(
		    v.what == LINEAGE_CLEAN && a->n != b->n ? lval_unknown("arms differ") : v);
	}
	for (size_t i = 0; i < a->n; i++) {
		lcols_add(l, &u, a->c[i]->name, lval_mix(a->c[i]->v, b->c[i]->v),
		    a->c[i]->made || b->c[i]->made);
		lcols_mixed(&u, a->c[i]->mixed || b->c[i]->mixed);
	}
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
	cols->n = 0;
	cols->c = NULL;
	for (; n != NULL; n = n->next)
		lcols_add(l, cols, pgnode_str(n), whole, true);
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
}
