/* SPDX-License-Identifier: Apache-2.0
 *
 * The lattice of lineage values. A join never loses sensitivity: SENSITIVE over UNKNOWN over CLEAN. The other marks of
 * a value (which row it is of, what else went into it) only add up.
 */
#include "sql/lineage_int.h"

const struct lval lval_clean = {.what = LINEAGE_CLEAN};

struct lval lval_unknown(const char *why)
{
	return (struct lval){.what = LINEAGE_UNKNOWN, .clear = true, .src = LIN_SRC_MANY, .why = why};
}

struct lval lval_lost(const char *why)
{
	struct lval v = lval_unknown(why);

	v.lost = true;
	return v;
}

struct lval lval_vary(void)
{
	return (struct lval){.what = LINEAGE_CLEAN, .clear = true, .src = LIN_SRC_MANY};
}

struct lval lval_derive(struct lval v)
{
	if (v.what == LINEAGE_SENSITIVE)
		v.derived = true;
	v.whole = false;
	return v;
}

/* The kind and source of both together. */
static struct lval mix_source(struct lval a, struct lval b)
{
	struct lval v = a.what == LINEAGE_SENSITIVE || b.what != LINEAGE_SENSITIVE ? a : b;

	if (a.what == LINEAGE_SENSITIVE && b.what == LINEAGE_SENSITIVE)
		v.derived = a.derived || b.derived || a.kind != b.kind;
	else if (a.what == LINEAGE_SENSITIVE || b.what == LINEAGE_SENSITIVE)
		v.derived = v.derived || a.what == LINEAGE_UNKNOWN || b.what == LINEAGE_UNKNOWN;
	else
		v = a.what == LINEAGE_UNKNOWN ? a : b;
	return v;
}

struct lval lval_mix(struct lval a, struct lval b)
{
	struct lval v = mix_source(a, b);

	v.whole = false;
	v.lost = a.lost || b.lost;
	v.clear = a.clear || b.clear;
	v.fresh = a.fresh || b.fresh;
	v.many_picks = a.many_picks || b.many_picks || (a.pick != NULL && b.pick != NULL && a.pick != b.pick);
	v.pick = a.pick != NULL ? a.pick : b.pick;
	if (a.src == LIN_SRC_NONE || a.src == b.src)
		v.src = b.src;
	else
		v.src = b.src == LIN_SRC_NONE ? a.src : LIN_SRC_MANY;
	return v;
}

struct lval lval_settle(struct lval v)
{
	struct lval by;

	if (v.pick == NULL)
		return v;
	by = *v.pick;
	by.pick = NULL;
	v.pick = NULL;
	v.many_picks = false;
	return lval_derive(lval_mix(v, by));
}

bool lval_same(struct lval a, struct lval b)
{
	return a.what == b.what && a.derived == b.derived && a.kind == b.kind && a.lost == b.lost;
}

bool lval_whole_pair(struct lval a, struct lval b)
{
	return a.whole && b.whole && a.what == b.what;
}

bool lval_tells(struct lval v)
{
	return v.what == LINEAGE_SENSITIVE || v.lost;
}

const struct lval *lval_keep(struct lin *l, struct lval v)
{
	static const struct lval none = {.what = LINEAGE_UNKNOWN, .lost = true, .why = "too large to follow"};
	struct lval *p = lin_alloc(l, sizeof(*p));

	if (p == NULL)
		return &none;
	*p = v;
	p->pick = NULL;
	p->whole = false;
	p->derived = true;
	return p;
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
		l->failed = true;
		return false;
	}
	l->depth++;
	return true;
}

void lin_leave(struct lin *l)
{
	l->depth--;
}

uint32_t lin_new_src(struct lin *l)
{
	return ++l->n_src;
}
