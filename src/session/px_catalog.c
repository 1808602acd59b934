/* SPDX-License-Identifier: Apache-2.0
 *
 * What this session knows of the database's relations: their columns' classification by name, views followed to what
 * they select. Incomplete or failed means unknown, and unknown is masked. Loaded by px_catload.c; what statements set off
 * is px_known.c's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "detect/detect.h"
#include "session/px_catalog.h"

#define VIEW_PASSES 6

void px_catalog_clear(struct pgproxy *x)
{
	for (size_t i = 0; i < x->n_rels; i++) {
		struct px_rel *r = &x->rels[i];

		for (size_t c = 0; c < r->n_cols; c++)
			free((char *)(uintptr_t)r->cols[c].name);
		free(r->cols);
		free(r->attnums);
		free(r->schema);
		free(r->name);
		free(r->def);
	}
	free(x->rels);
	x->rels = NULL;
	x->n_rels = x->cap_rels = 0;
	x->n_catalog_cols = 0;
	px_known_clear(x);
}

struct px_rel *px_rel_add(struct pgproxy *x, uint32_t oid, struct span schema, struct span name, char kind, bool visible, bool mine)
{
	struct px_rel *r;

	if (x->n_rels == x->cap_rels) {
		x->cap_rels = x->cap_rels == 0 ? 32 : x->cap_rels * 2;
		x->rels = xreallocarray(x->rels, x->cap_rels, sizeof(*x->rels));
	}
	r = &x->rels[x->n_rels++];
	*r = (struct px_rel){.oid = oid, .kind = kind, .visible = visible, .mine = mine,
	    .schema = xstrndup(schema.n > 0 ? (const char *)schema.p : "", schema.n),
	    .name = xstrndup(name.n > 0 ? (const char *)name.p : "", name.n)};
	r->temp = strncmp(r->schema, "pg_temp", 7) == 0;
	/* Views, and what is filled from queries, are believed once their definition has been followed. */
	r->trusted = !r->temp && (r->kind == 'r' || r->kind == 'p' || r->kind == 'f' || r->oid < FIRST_USER_OID);
	return r;
}

/* ---- look-ups ---- */

struct px_rel *px_rel_by_oid(struct pgproxy *x, uint32_t oid)
{
	size_t lo = 0, hi = x->n_rels; /* rows come in oid order */

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (x->rels[mid].oid == oid)
			return &x->rels[mid];
		if (x->rels[mid].oid < oid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

struct px_rel *px_rel_by_name(struct pgproxy *x, const char *schema, const char *name)
{
	bool mine = schema != NULL && strcmp(schema, "pg_temp") == 0;

	for (size_t i = 0; i < x->n_rels; i++) {
		struct px_rel *r = &x->rels[i];

		if (strcmp(r->name, name) == 0 && (schema == NULL ? r->visible : mine ? r->mine : strcmp(r->schema, schema) == 0))
			return r;
	}
	return NULL;
}

static bool catalog_relation(void *ctx, const char *schema, const char *name, struct catalog_rel *out)
{
	struct pgproxy *x = ctx;
	struct px_rel *r = px_rel_by_name(x, schema, name);

	if (r == NULL || (x->n_catalog_cols >= COLS_MAX && r == &x->rels[x->n_rels - 1])) /* the last one may lack columns */
		return false;
	*out = (struct catalog_rel){r->trusted, r->n_cols, r->cols, r->schema};
	return true;
}

/* A bare name that the database also defines may not be the built-in. */
static bool catalog_shadowed(void *ctx, const char *schema, const char *name)
{
	return schema == NULL && px_code_named(ctx, name);
}

struct catalog px_catalog(struct pgproxy *x)
{
	return (struct catalog){x, catalog_relation, catalog_shadowed, 0};
}

int px_catalog_origin(struct pgproxy *x, uint32_t oid, int16_t attnum, bool distrust, char *source, size_t cap)
{
	struct px_rel *r = px_rel_by_oid(x, oid);

	source[0] = '\0';
	if (r == NULL)
		return oid < FIRST_USER_OID && !x->catalog_failed ? 0 : -1;
	for (size_t i = 0; i < r->n_cols; i++)
		if (r->attnums[i] == attnum) {
			snprintf(source, cap, "%s.%s", r->name, r->cols[i].name);
			return r->trusted && !(distrust && r->kind == 'v' && oid >= FIRST_USER_OID) ? r->cols[i].kind : -1;
		}
	return -1;
}

bool px_catalog_touches(struct pgproxy *x, const struct sql_facts *f)
{
	bool touches = f->cls == SQL_OPAQUE;

	for (size_t i = 0; i < f->n_rels && !touches; i++) {
		struct px_rel *r = px_rel_by_name(x, f->rels[i].schema, f->rels[i].name);

		if (r == NULL) {
			bool system = strncmp(f->rels[i].name, "pg_", 3) == 0 ||
			    (f->rels[i].schema != NULL && strcmp(f->rels[i].schema, "information_schema") == 0);

			touches = !system;
			continue;
		}
		touches = !r->trusted || r->deep;
		for (size_t c = 0; c < r->n_cols && !touches; c++)
			touches = r->cols[c].kind != 0;
	}
	return touches;
}

bool px_catalog_names(const struct pgproxy *x, struct span name)
{
	for (size_t i = 0; i < x->n_rels; i++) {
		const struct px_rel *r = &x->rels[i];

		if (span_is(name, r->name) || span_is(name, r->schema))
			return true;
		for (size_t c = 0; c < r->n_cols; c++)
			if (span_is(name, r->cols[c].name))
				return true;
	}
	return false;
}

/* ---- views ---- */

/* Give a view's columns the kinds that its definition proves. True when it is settled. */
static bool view_follow(struct pgproxy *x, struct px_rel *r, bool last)
{
	struct catalog cat = px_catalog(x);
	struct lineage_result lr;
	const struct lineage_stmt *ls;
	bool settled = true;

	pgsql_lineage(span_str(r->def), &cat, &lr);
	ls = lr.n_stmts == 1 ? &lr.stmts[0] : NULL;
	if (ls == NULL || !ls->known || ls->n_cols != r->n_cols)
		settled = false;
	for (size_t i = 0; settled && i < ls->n_cols; i++)
		if (ls->cols[i].what == LINEAGE_UNKNOWN && !last)
			settled = false;
	for (size_t i = 0; settled && i < ls->n_cols; i++)
		r->cols[i].derived = ls->cols[i].what != LINEAGE_CLEAN && (ls->cols[i].what == LINEAGE_UNKNOWN || ls->cols[i].derived);
	for (size_t i = 0; settled && i < ls->n_cols; i++)
		r->cols[i].kind = ls->cols[i].what == LINEAGE_CLEAN ? 0
		    : ls->cols[i].what == LINEAGE_UNKNOWN            ? PII_OTHER
		    : ls->cols[i].derived || ls->cols[i].kind <= 0   ? PII_OTHER
								     : ls->cols[i].kind;
	lineage_clear(&lr);
	return settled;
}

/* A view may show nothing sensitive and still fail on it. */
static void views_reach(struct pgproxy *x, const struct sql_facts *facts)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < x->n_rels; i++) {
			struct px_rel *r = &x->rels[i];

			if (r->def == NULL || r->deep || !px_catalog_touches(x, &facts[i]))
				continue;
			r->deep = changed = true;
		}
	}
}

static void views_judge(struct pgproxy *x)
{
	struct sql_context cx = {.known = px_known(x)};
	struct sql_facts *facts = xcalloc(x->n_rels + 1, sizeof(*facts));

	for (size_t i = 0; i < x->n_rels; i++) {
		struct px_rel *r = &x->rels[i];

		if (r->def == NULL)
			continue;
		pgsql_facts(span_str(r->def), &cx, &facts[i]);
		r->opaque = r->kind == 'v' && facts[i].cls != SQL_READ;
	}
	views_reach(x, facts);
	for (size_t i = 0; i < x->n_rels; i++) {
		struct px_rel *r = &x->rels[i];

		if (r->def == NULL)
			continue;
		sql_facts_clear(&facts[i]);
		free(r->def);
		r->def = NULL;
	}
	free(facts);
}

void px_views_follow(struct pgproxy *x)
{
	for (int pass = 0; pass < VIEW_PASSES; pass++)
		for (size_t i = 0; i < x->n_rels; i++) {
			struct px_rel *r = &x->rels[i];

			if (r->def == NULL || r->trusted || r->temp)
				continue;
			r->trusted = view_follow(x, r, pass == VIEW_PASSES - 1);
		}
	views_judge(x);
}
