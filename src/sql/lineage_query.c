/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries: what columns a SELECT, VALUES or set operation gives, and what its rows tell.
 */
#include <stdio.h>

#include "sql/lineage_int.h"

#define RANGES_MAX 1u /* conditions of one query that compare parts of sensitive values: one bit for each row */
#define EQUALS_MAX 4u /* conditions that find whole values */

/* ---- select lists ---- */

/* Behind columns at places not known there is more: what stands before them keeps its place, what follows is counted
 * from the end. */
static void add_open(struct lin *l, struct lcols *out, const struct lcols *from)
{
	struct lval more = lcols_whole(from);

	if (out->open) {
		more = lval_mix(more, out->rest);
		for (size_t i = out->head; i < out->n; i++)
			more = lval_mix(more, out->c[i]->v);
		out->n = out->head;
	} else {
		out->head = out->n;
		out->placed = true;
	}
	out->open = true;
	out->rest = lval_derive(more);
	(void)l;
}

static void add_all(struct lin *l, struct lcols *out, const struct lcols *from)
{
	if (from->open) {
		add_open(l, out, from);
		return;
	}
	for (size_t i = 0; i < from->n; i++)
		lcols_add(l, out, from->c[i]->name, from->c[i]->v);
}

/* *, t.*, s.t.*, (row).* */
static void add_star(struct lin *l, struct lscope *s, struct lcols *out, const struct pgnode *val)
{
	const struct pgnode *fields = pgnode_field(val, "fields");
	size_t n = pgnode_len(fields);
	struct lcols unknown;
	struct lrel *r = NULL;
	bool maybe = false;

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

		r = name != NULL ? lin_rel_of(l, s, schema, name, &maybe) : NULL;
	}
	if (r != NULL) {
		add_all(l, out, &r->cols);
		return;
	}
	unknown = lcols_open(lval_mix(lval_unknown("a row whose columns are not known"), lin_value(l, s, val)));
	add_all(l, out, &unknown);
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
		struct lval v = lin_value(l, s, val); /* of a star, too: its parts are looked at */

		lin_seen(t);
		if (is_star(val))
			add_star(l, s, &out, val);
		else
			lcols_add(l, &out, lin_output_name(t), v);
	}
	return out;
}

/* ---- VALUES ---- */

static struct lcols values(struct lin *l, struct lscope *s, const struct pgnode *lists)
{
	const struct pgnode *first = pgnode_first(lists);
	struct lcols out = {0};
	uint32_t src = lin_new_src(l);

	for (const struct pgnode *row = first; row != NULL; row = row->next) {
		size_t i = 0;

		lin_seen(row);
		for (const struct pgnode *n = pgnode_first(row); n != NULL; n = n->next, i++) {
			struct lval v = lin_value(l, s, n);
			char name[32];

			if (i < out.n) {
				out.c[i]->v = lval_mix(out.c[i]->v, v);
				continue;
			}
			if (row != first)
				return lcols_open(lval_lost("rows of VALUES differ"));
			(void)snprintf(name, sizeof(name), "column%zu", i + 1);
			lcols_add(l, &out, arena_strdup(&l->mem, name), v);
			if (out.open)
				return out;
		}
	}
	for (size_t i = 0; i < out.n; i++) { /* rows that somebody made up */
		struct lval *v = &out.c[i]->v;

		if (v->what == LINEAGE_SENSITIVE && first->next == NULL)
			continue;
		v->clear = true;
		v->src = v->what == LINEAGE_CLEAN ? src : LIN_SRC_MANY;
	}
	return out;
}

/* ---- SELECT ---- */

static void row_settle(struct lin *l, struct lscope *s, struct lcols *out)
{
	if (s->told != NULL)
		lcols_tell(l, out, *s->told);
	out->told = s->told;
	out->picked = s->picked;
}

static struct lcols set_operation(struct lin *l, struct lscope *s, const struct pgnode *q)
{
	struct lcols a = lin_query(l, pgnode_field(q, "larg"), s->outer, s->ctes);
	struct lcols b = lin_query(l, pgnode_field(q, "rarg"), s->outer, s->ctes);
	bool keeps_all = strcmp(pgnode_field_str(q, "op"), "SETOP_UNION") == 0 && pgnode_field_bool(q, "all");
	struct lcols u = lcols_union(l, &a, &b);

	if (u.told != NULL)
		lin_tell(l, s, *u.told);
	if (u.picked != NULL)
		lin_picked(l, s, *u.picked);
	if (!keeps_all)
		lin_row_match(l, s, &a, &b);
	return u;
}

static struct lcols plain_select(struct lin *l, struct lscope *s, const struct pgnode *q)
{
	struct lcols out;

	for (const struct pgnode *f = pgnode_first(pgnode_field(q, "fromClause")); f != NULL;
	     f = f->next)
		lin_from_item(l, s, f);
	lin_quals(l, s, pgnode_field(q, "whereClause"));
	lin_quals(l, s, pgnode_field(q, "havingClause"));
	for (const struct pgnode *w = pgnode_first(s->windows); w != NULL; w = w->next)
		(void)lin_window_def(l, s, w);
	out = lin_targets(l, s, pgnode_field(q, "targetList"));
	return out;
}

static struct lcols select_columns(
    struct lin *l, const struct pgnode *q, struct lscope *outer, struct lcte *ctes)
{
	struct lscope s = {.outer = outer, .level = outer != NULL ? outer->level + 1 : 1, .ctes = ctes,
	    .windows = pgnode_field(q, "windowClause")};
	struct lcols out;

	if (pgnode_field(q, "withClause") != NULL)
		s.ctes = lin_with(l, outer, ctes, pgnode_field(q, "withClause"));
	if (pgnode_field(q, "larg") != NULL)
		out = set_operation(l, &s, q);
	else if (pgnode_field(q, "valuesLists") != NULL)
		out = values(l, &s, pgnode_field(q, "valuesLists"));
	else
		out = plain_select(l, &s, q);
	lin_row_clauses(l, &s, q, &out);
	row_settle(l, &s, &out);
	return out;
}

struct lcols lin_query(
    struct lin *l, const struct pgnode *q, struct lscope *outer, struct lcte *ctes)
{
	const char *kind = pgnode_kind(q);
	struct lcols cols;

	if (q == NULL || !lin_enter(l))
		return lcols_open(lval_lost("too large to follow"));
	if (kind[0] == '\0' || strcmp(kind, "SelectStmt") == 0) { /* an arm has no kind */
		lin_seen(q);
		cols = select_columns(l, q, outer, ctes);
	} else if (lin_is_write(q)) {
		lin_seen(q);
		cols = lin_write(l, q, outer, ctes);
	} else {
		cols = lcols_open(lval_lost("a statement that is not followed"));
	}
	lin_leave(l);
	return cols;
}

struct lcols lin_query_apart(
    struct lin *l, const struct pgnode *q, struct lscope *outer, struct lcte *ctes)
{
	unsigned ranges = l->n_ranges, equals = l->n_equals;
	const struct lval *told = NULL;
	struct lcols cols;

	l->n_ranges = l->n_equals = 0;
	cols = lin_query(l, q, outer, ctes);
	if (l->n_ranges > RANGES_MAX)
		told = l->range_by;
	else if (l->n_equals > EQUALS_MAX)
		told = l->equal_by;
	l->n_ranges = ranges;
	l->n_equals = equals;
	if (cols.told == NULL && told != NULL) {
		lcols_tell(l, &cols, *told);
		cols.told = told;
	}
	return cols;
}
