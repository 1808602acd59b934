/* SPDX-License-Identifier: Apache-2.0
 *
 * What a name in an expression means, by the server's rules (parse_relation.c, parse_expr.c): bare names look through
 * the FROM items of a level before the level around it; a name that no column has may be a whole row. Where a
 * level's columns are not all known, a name that is not found there may be one of them: what is found further out then
 * only adds to the doubt, and is never the answer.
 */
#include "sql/lineage_int.h"

/* What looking for a name gave so far. */
struct found {
	struct lval v;
	struct lcol *col; /* when it is exactly one */
	bool hit, maybe;  /* some column has the name; some column may have it */
	size_t n;
};

static const char *const system_columns[] = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"};

static bool is_system_column(const char *name)
{
	for (size_t i = 0; i < sizeof(system_columns) / sizeof(system_columns[0]); i++) {
		if (strcmp(name, system_columns[i]) == 0)
			return true;
	}
	return false;
}

static void found_add(struct found *f, struct lval v)
{
	f->v = f->hit || f->maybe ? lval_mix(f->v, v) : v;
}

/* A value that may be another one. */
static struct lval doubt(struct lval v)
{
	v.whole = false;
	v.clear = true;
	v.src = LIN_SRC_MANY;
	return v;
}

static void look_in(struct found *f, const struct lcols *cols, const char *name)
{
	struct found here = {0};

	for (size_t i = 0; i < cols->n; i++) {
		struct lcol *c = cols->c[i];

		if (c->name == NULL || strcmp(c->name, name) != 0)
			continue;
		found_add(&here, c->v);
		here.hit = true;
		here.col = here.n++ == 0 ? c : NULL;
	}
	for (size_t i = 0; !here.hit && i < cols->n; i++) {
		if (cols->c[i]->name != NULL)
			continue;
		found_add(&here, doubt(cols->c[i]->v));
		here.maybe = true;
	}
	if (!here.hit && cols->open) {
		found_add(&here, doubt(cols->rest));
		here.maybe = true;
	}
	if (!here.hit && !here.maybe)
		return;
	if (here.hit && f->maybe && !f->hit)
		*f = (struct found){0}; /* the server would find two otherwise: this is the one */
	else if (!here.hit && f->hit)
		return;
	found_add(f, here.v);
	f->col = here.hit && !f->hit ? here.col : NULL;
	f->hit = f->hit || here.hit;
	f->maybe = f->maybe || here.maybe;
}

static void reached(struct lin *l, const struct lscope *s)
{
	if (s->level < l->lowest)
		l->lowest = s->level;
}

struct lrel *lin_rel_of(struct lin *l, struct lscope *s, const char *schema, const char *name, bool *maybe)
{
	for (; s != NULL; s = s->outer) {
		for (struct lrel *r = s->rels; r != NULL && r != s->rels_end; r = r->next) {
			if (schema == NULL && (r->alias == NULL || strcmp(r->alias, name) != 0))
				continue;
			if (schema != NULL && (r->table == NULL || strcmp(r->table, name) != 0))
				continue;
			reached(l, s);
			if (schema != NULL && r->schema_unknown) {
				*maybe = true;
				return NULL;
			}
			if (schema == NULL || strcmp(r->schema, schema) == 0)
				return r;
		}
	}
	return NULL;
}

static struct found look_level(const struct lscope *s, const char *name)
{
	struct found level = {0};

	for (size_t i = s->first; i < s->n_items; i++)
		look_in(&level, &s->items[i], name);
	return level;
}

/* x */
static struct found look_bare(struct lin *l, struct lscope *s, const char *name)
{
	struct found all = {0};

	for (struct lscope *k = s; k != NULL; k = k->outer) {
		struct found level = look_level(k, name);

		if (!level.hit && !level.maybe)
			continue;
		reached(l, k);
		if (all.maybe) {
			level.v = doubt(lval_mix(all.v, level.v));
			level.col = NULL;
		}
		level.maybe = level.maybe && !level.hit;
		all = level;
		if (level.hit)
			break;
	}
	return all;
}

struct lcol *lin_local_column(struct lscope *s, const char *name, bool *maybe)
{
	struct found f = look_level(s, name);

	*maybe = f.maybe || (f.hit && f.col == NULL);
	return f.col;
}

static struct lval whole_row(const struct lrel *r)
{
	struct lval v = lcols_whole(&r->cols);

	v.clear = true;
	return v;
}

static struct lval bare(struct lin *l, struct lscope *s, const char *name)
{
	struct found f = look_bare(l, s, name);
	struct lrel *row;
	bool maybe = false;

	if (f.hit)
		return f.v;
	row = lin_rel_of(l, s, NULL, name, &maybe);
	if (row != NULL)
		return f.maybe ? lval_mix(f.v, whole_row(row)) : whole_row(row);
	if (f.maybe)
		return f.v;
	if (is_system_column(name))
		return lval_vary();
	return lval_lost("a name that is no column here");
}

/* r.x; a name that is no column may still be a function of the row. */
static struct lval of_rel(const struct lrel *r, const char *name)
{
	struct found f = {0};

	if (r == NULL)
		return lval_lost("a relation that is not in FROM");
	look_in(&f, &r->cols, name);
	if (f.hit || f.maybe)
		return f.v;
	if (is_system_column(name))
		return lval_vary();
	return lval_mix(whole_row(r), lval_lost("a name that is no column here"));
}

/* The fields of a reference; n is how many. NULL is a star. 0: too many, or something else than names. */
static size_t ref_fields(const struct pgnode *ref, const char *out[4])
{
	size_t n = 0;

	for (const struct pgnode *f = pgnode_first(pgnode_field(ref, "fields")); f != NULL;
	     f = f->next) {
		if (n == 4 || (pgnode_str(f) == NULL && !(pgnode_is(f, "A_Star") && f->next == NULL)))
			return 0;
		out[n++] = pgnode_str(f);
	}
	return n;
}

/* r.x, s.r.x: database.schema.relation.column is not looked for. */
static struct lrel *ref_rel(struct lin *l, struct lscope *s, const char *const *f, size_t n)
{
	bool maybe = false;

	if (n == 4)
		return NULL;
	return lin_rel_of(l, s, n == 3 ? f[0] : NULL, f[n - 2], &maybe);
}

static struct lval star(struct lin *l, struct lscope *s, const char *const *f, size_t n)
{
	struct lval v = lval_vary();
	struct lrel *r;

	if (n == 1) {
		for (size_t i = 0; i < s->n_items; i++)
			v = lval_mix(v, lcols_whole(&s->items[i]));
		return v;
	}
	r = ref_rel(l, s, f, n);
	return r != NULL ? whole_row(r) : lval_lost("a relation that is not in FROM");
}

static struct lval column_ref(struct lin *l, struct lscope *s, const struct pgnode *ref)
{
	const char *f[4] = {NULL};
	size_t n = ref_fields(ref, f);

	if (n == 0)
		return lval_lost("a name that is not understood");
	if (f[n - 1] == NULL)
		return star(l, s, f, n);
	if (n == 1)
		return bare(l, s, f[0]);
	return of_rel(ref_rel(l, s, f, n), f[n - 1]);
}

struct lval lin_column_ref(struct lin *l, struct lscope *s, const struct pgnode *ref)
{
	struct lval v = column_ref(l, s, ref);

	if (lval_tells(v))
		l->seen_sensitive = true;
	return v;
}

/* (r).x of a row that is a relation of FROM */
static struct lcol *field_of_row(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *ind = pgnode_first(pgnode_field(n, "indirection"));
	struct lrel *r = pgnode_str(ind) != NULL && ind->next == NULL ? lin_row_of(l, s, pgnode_field(n, "arg")) : NULL;
	struct found found = {0};

	if (r != NULL)
		look_in(&found, &r->cols, pgnode_str(ind));
	return found.col;
}

struct lcol *lin_column_of(struct lin *l, struct lscope *s, const struct pgnode *ref)
{
	const char *f[4] = {NULL};
	size_t n = pgnode_is(ref, "ColumnRef") ? ref_fields(ref, f) : 0;
	struct found found = {0};
	struct lrel *r;

	if (pgnode_is(ref, "A_Indirection"))
		return field_of_row(l, s, ref);
	if (n == 0 || f[n - 1] == NULL)
		return NULL;
	if (n == 1)
		return look_bare(l, s, f[0]).col;
	r = ref_rel(l, s, f, n);
	if (r != NULL)
		look_in(&found, &r->cols, f[n - 1]);
	return found.col;
}

struct lrel *lin_row_of(struct lin *l, struct lscope *s, const struct pgnode *ref)
{
	const char *f[4] = {NULL};
	size_t n = pgnode_is(ref, "ColumnRef") ? ref_fields(ref, f) : 0;
	struct found found;
	bool maybe = false;

	if (n == 2 && f[1] == NULL)
		return lin_rel_of(l, s, NULL, f[0], &maybe); /* (c.*) */
	if (n != 1 || f[0] == NULL)
		return NULL;
	found = look_bare(l, s, f[0]);
	return found.hit || found.maybe ? NULL : lin_rel_of(l, s, NULL, f[0], &maybe);
}
