/* SPDX-License-Identifier: Apache-2.0
 *
 * What decides about order, groups and number of rows besides conditions: ORDER BY, GROUP BY, DISTINCT, LIMIT, OFFSET
 * and set operations that compare rows. Documented is to sort, group or compare by whole columns of tables; by anything
 * made of them, or by a column that constants were put into, the rows tell the value.
 */
#include "sql/lineage_int.h"

void lin_row_key(struct lin *l, struct lscope *s, struct lval v)
{
	if (!lval_tells(v))
		return;
	if (v.what == LINEAGE_SENSITIVE && v.whole && !v.lost)
		lin_picked(l, s, v);
	else
		lin_tell(l, s, v);
}

/* The output columns that a name means, or may mean. */
enum named { NAMED_NOT, NAMED_MAYBE, NAMED_SURE };

static enum named output_named(const struct lcols *out, const char *name, struct lval *v)
{
	enum named how = out->open ? NAMED_MAYBE : NAMED_NOT;

	if (out->open)
		*v = out->rest;
	for (size_t i = 0; i < out->n; i++) {
		const struct lcol *c = out->c[i];

		if (c->name != NULL && strcmp(c->name, name) != 0)
			continue;
		*v = how == NAMED_NOT ? c->v : lval_mix(*v, c->v);
		how = c->name != NULL ? NAMED_SURE : how == NAMED_NOT ? NAMED_MAYBE : how;
	}
	return how;
}

static bool output_numbered(const struct lcols *out, const struct pgnode *n, struct lval *v)
{
	const struct pgnode *num = pgnode_is(n, "A_Const") ? pgnode_field(n, "ival") : NULL;
	int64_t i = pgnode_int(num);

	if (num == NULL)
		return false;
	if (out->open || i < 1 || (uint64_t)i > out->n)
		*v = lcols_whole(out);
	else
		*v = out->c[i - 1]->v;
	return true;
}

static const char *bare_name(const struct pgnode *n)
{
	const struct pgnode *fields = pgnode_is(n, "ColumnRef") ? pgnode_field(n, "fields") : NULL;

	return pgnode_len(fields) == 1 ? pgnode_str(pgnode_first(fields)) : NULL;
}

/* One key. GROUP BY means a column before it means an output name, the others the other way round. */
static void key(struct lin *l, struct lscope *s, const struct pgnode *n, const struct lcols *out, bool column_first)
{
	const char *name = bare_name(n);
	struct lval own = lin_value(l, s, n), v = own;
	enum named how = NAMED_NOT;
	bool maybe = false;

	if (output_numbered(out, n, &v)) {
		lin_row_key(l, s, v);
		return;
	}
	if (name != NULL && column_first && lin_local_column(s, name, &maybe) != NULL && !maybe) {
		lin_row_key(l, s, own);
		return;
	}
	if (name != NULL)
		how = output_named(out, name, &v);
	if (how != NAMED_NOT)
		lin_row_key(l, s, v);
	if (how != NAMED_SURE || maybe)
		lin_row_key(l, s, own);
}

static void group_keys(struct lin *l, struct lscope *s, const struct pgnode *list, const struct lcols *out)
{
	for (const struct pgnode *n = pgnode_first(list); n != NULL && lin_enter(l); n = n->next) {
		if (pgnode_is(n, "GroupingSet")) {
			lin_seen(n);
			group_keys(l, s, pgnode_field(n, "content"), out);
		} else if (pgnode_is(n, "RowExpr")) { /* (a, b) in a grouping set; as a row elsewhere */
			lin_seen(n);
			group_keys(l, s, pgnode_field(n, "args"), out);
		} else {
			key(l, s, n, out, true);
		}
		lin_leave(l);
	}
}

static void distinct_keys(struct lin *l, struct lscope *s, const struct pgnode *list, const struct lcols *out)
{
	for (const struct pgnode *n = pgnode_first(list); n != NULL; n = n->next) {
		if (n->kind != NULL) {
			key(l, s, n, out, false);
			continue;
		}
		for (size_t i = 0; i < out->n; i++) /* plain DISTINCT compares all of it */
			lin_row_key(l, s, out->c[i]->v);
		if (out->open)
			lin_row_key(l, s, out->rest);
	}
}

void lin_row_clauses(struct lin *l, struct lscope *s, const struct pgnode *q, const struct lcols *out)
{
	static const char *const counts[] = {"limitOffset", "limitCount"};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		lin_tell(l, s, lin_value(l, s, pgnode_field(q, counts[i])));
	for (const struct pgnode *n = pgnode_first(pgnode_field(q, "sortClause")); n != NULL; n = n->next) {
		lin_seen(n);
		key(l, s, pgnode_field(n, "node"), out, false);
	}
	group_keys(l, s, pgnode_field(q, "groupClause"), out);
	distinct_keys(l, s, pgnode_field(q, "distinctClause"), out);
}

void lin_row_match(struct lin *l, struct lscope *s, const struct lcols *a, const struct lcols *b)
{
	if (a->open || b->open || a->n != b->n) {
		lin_tell(l, s, lval_mix(lcols_whole(a), lcols_whole(b)));
		return;
	}
	for (size_t i = 0; i < a->n; i++) {
		struct lval v = lval_mix(a->c[i]->v, b->c[i]->v);

		if (!lval_tells(v))
			continue;
		if (a->c[i]->v.whole && b->c[i]->v.whole && !v.lost)
			lin_picked(l, s, v);
		else
			lin_tell(l, s, v);
	}
}
