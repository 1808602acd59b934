/* SPDX-License-Identifier: Apache-2.0
 *
 * INSERT, UPDATE and DELETE: the columns of RETURNING, and whether what is written carries
 * sensitive values into columns that do not hold such: from there another statement would read them
 * clear.
 */
#include "sql/lineage_int.h"

/* The relation that is written. home: its columns as the catalogue knows them; now: with what the
 * statement puts into them. */
struct target {
	struct lcols home, now;
};

void lin_note_write(struct lin *l, struct lval v)
{
	if (v.what != LINEAGE_CLEAN)
		l->written = lval_mix(l->written, lval_derive(v));
}

/* v goes into column i. A sensitive one is masked for its own kind: its last digits would show a piece of anything
 * else, so only the same kind, whole, is at home there. */
static void put_column(struct lin *l, struct target *t, size_t i, struct lval v)
{
	struct lval home = t->home.c[i]->v;

	if (home.what != LINEAGE_SENSITIVE || v.what != LINEAGE_SENSITIVE || v.derived || v.kind != home.kind)
		lin_note_write(l, v);
	t->now.c[i]->v = lval_mix(t->now.c[i]->v, v);
}

/* v goes into columns that are not known. */
static void put_anywhere(struct lin *l, struct target *t, struct lval v)
{
	lin_note_write(l, v);
	t->now.rest = lval_mix(t->now.rest, v);
	for (size_t i = 0; i < t->now.n; i++)
		t->now.c[i]->v = lval_mix(t->now.c[i]->v, v);
}

static void put_named(struct lin *l, struct target *t, const char *name, struct lval v)
{
	bool found = false;

	for (size_t i = 0; i < t->now.n; i++) {
		if (t->now.c[i]->name == NULL || strcmp(t->now.c[i]->name, name) != 0)
			continue;
		put_column(l, t, i, v);
		found = true;
	}
	if (!found)
		put_anywhere(l, t, v);
}

bool lin_is_write(const struct pgnode *q)
{
	return pgnode_is(q, "InsertStmt") || pgnode_is(q, "UpdateStmt") ||
	       pgnode_is(q, "DeleteStmt");
}

/* lower(email): what a mask shows of it is the same as before. */
static struct lval assigned(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *args = pgnode_field(n, "args");
	struct lval v = lin_value(l, s, n);

	if (v.whole && pgnode_is(n, "FuncCall") && pgnode_is(pgnode_first(args), "ColumnRef"))
		v.derived = false;
	return v;
}

/* UPDATE ... SET, ON CONFLICT DO UPDATE SET */
static void assign(struct lin *l, struct lscope *s, struct target *t, const struct pgnode *list)
{
	for (const struct pgnode *n = pgnode_first(list); n != NULL; n = n->next) {
		struct lval v = lval_mix(assigned(l, s, pgnode_field(n, "val")),
		    lval_settle(lin_exprs(l, s, pgnode_field(n, "indirection"))));

		lin_seen(n);
		put_named(l, t, pgnode_field_str(n, "name"), v);
	}
}

/* INSERT: the source's columns go to the listed ones, or to the first ones in order. */
static void insert(
    struct lin *l, struct target *t, const struct pgnode *names, const struct lcols *from)
{
	const struct pgnode *n = pgnode_first(names);

	if (from->open) {
		put_anywhere(l, t, lcols_whole(from));
		return;
	}
	for (size_t i = 0; i < from->n; i++) {
		if (n != NULL)
			put_named(l, t, pgnode_field_str(n, "name"), from->c[i]->v);
		else if (names == NULL && i < t->now.n && !t->now.open)
			put_column(l, t, i, from->c[i]->v);
		else
			put_anywhere(l, t, from->c[i]->v);
		n = n != NULL ? n->next : NULL;
	}
}

static struct lrel *target_add(
    struct lin *l, struct lscope *s, const struct pgnode *rv, struct target *t)
{
	const struct pgnode *alias = pgnode_field(rv, "alias");
	const char *own = pgnode_field_str(rv, "relname");
	struct lrel *r, names = {0};

	t->now = lin_table(l, NULL, rv, &names);
	t->home = lcols_copy(l, &t->now);
	lscope_add_item(l, s, &t->now);
	r = lscope_add_rel(
	    l, s, alias != NULL ? pgnode_field_str(alias, "aliasname") : own, &t->now);
	if (r != NULL && alias == NULL) {
		r->table = names.table;
		r->schema = names.schema;
		r->schema_unknown = names.schema_unknown;
	}
	return r;
}

/* ON CONFLICT: the index it means, and the rows that it changes. */
static void conflict(struct lin *l, struct lscope *s, struct target *t, const struct pgnode *n)
{
	const struct pgnode *infer = pgnode_field(n, "infer");

	if (n == NULL)
		return;
	lin_seen(n);
	lin_seen(infer);
	for (const struct pgnode *e = pgnode_first(pgnode_field(infer, "indexElems")); e != NULL; e = e->next) {
		lin_seen(e);
		(void)lin_value(l, s, pgnode_field(e, "expr"));
	}
	lin_quals(l, s, pgnode_field(infer, "whereClause"));
	(void)lscope_add_rel(l, s, "excluded", &t->now);
	lin_quals(l, s, pgnode_field(n, "whereClause"));
	assign(l, s, t, pgnode_field(n, "targetList"));
}

/* What is told by how many rows are written stays in the table. */
static void note_rows(struct lin *l, const struct lscope *s, const struct lcols *from)
{
	if (s->told != NULL)
		lin_note_write(l, *s->told);
	if (from->told != NULL)
		lin_note_write(l, *from->told);
}

struct lcols lin_write(
    struct lin *l, const struct pgnode *q, struct lscope *outer, struct lcte *ctes)
{
	static const char *const froms[] = {"fromClause", "usingClause"};
	struct lscope s = {.outer = outer, .level = outer != NULL ? outer->level + 1 : 1, .ctes = ctes};
	struct target t = {0};
	struct lcols from = {0}, out = {0};
	struct lval v;
	struct lrel *r;

	if (pgnode_field(q, "withClause") != NULL)
		s.ctes = lin_with(l, outer, ctes, pgnode_field(q, "withClause"));
	r = target_add(l, &s, pgnode_field(q, "relation"), &t);
	for (size_t i = 0; i < 2; i++) {
		const struct pgnode *f = pgnode_first(pgnode_field(q, froms[i]));

		for (; f != NULL; f = f->next)
			lin_from_item(l, &s, f);
	}
	lin_quals(l, &s, pgnode_field(q, "whereClause"));
	if (pgnode_field(q, "selectStmt") != NULL)
		from = lin_query(l, pgnode_field(q, "selectStmt"), outer, s.ctes);
	v = lin_value(l, &s, pgnode_field(q, "cols")); /* subscripts of what is written */
	if (v.what == LINEAGE_SENSITIVE)
		lin_note_write(l, v);
	insert(l, &t, pgnode_field(q, "cols"), &from);
	conflict(l, &s, &t, pgnode_field(q, "onConflictClause"));
	assign(l, &s, &t, pgnode_field(q, "targetList"));
	note_rows(l, &s, &from);
	if (pgnode_field(q, "returningList") == NULL)
		return out;
	if (s.n_items > 0 && r != NULL) { /* columns that are not known are held by value */
		s.items[0].rest = t.now.rest;
		r->cols.rest = t.now.rest;
	}
	out = lin_targets(l, &s, pgnode_field(q, "returningList"));
	out.told = s.told != NULL ? s.told : from.told;
	out.picked = s.picked != NULL ? s.picked : from.picked;
	if (out.told != NULL)
		lcols_tell(l, &out, *out.told);
	return out;
}
