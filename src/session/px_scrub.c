/* SPDX-License-Identifier: Apache-2.0
 *
 * What the rule of error and notice texts (sql/pgerrors.h) needs to know about this session: which statement the text
 * may be about, whether the server had begun to run it, and what it reaches. What columns a client may see is
 * px_mask.c's.
 */
#include <string.h>

#include "session/px.h"
#include "sql/pgerrors.h"

static bool scene_named(void *ctx, struct span name)
{
	return px_catalog_names(ctx, name);
}

/* A plain SELECT describes its rows before the first one is looked at; of everything else the answer to Execute, or to
 * a query, may come from anywhere in its run. */
static enum pgerror_when scene_when(const struct px_exp *e)
{
	const struct sql_facts *f;

	if (e == NULL || e->kind == EXP_PARSE || e->kind == EXP_BIND || e->kind == EXP_DESCRIBE)
		return e != NULL ? PGERR_BEFORE : PGERR_EITHER;
	f = e->text != NULL ? &e->text->facts : NULL;
	if (f != NULL && f->cls == SQL_UNPARSABLE)
		return PGERR_EITHER;
	if (f == NULL || (e->kind != EXP_QUERY && e->kind != EXP_EXECUTE) || e->stmt >= f->n_stmts)
		return PGERR_RUNNING;
	if ((f->stmts[e->stmt].flags & (SQLF_WRITES | SQLF_UTILITY)) != 0 || strcmp(f->stmts[e->stmt].tag, "SELECT") != 0)
		return PGERR_EITHER;
	return e->kind == EXP_QUERY && !e->described ? PGERR_BEFORE : PGERR_RUNNING;
}

/* Utilities that run expressions over tables that they do not name, or that others wrote. */
static bool reaches_unnamed(const struct sql_facts *f)
{
	static const char *const tags[] = {"REFRESH", "ANALYZE", "VACUUM", "REINDEX", "CLUSTER", "CALL", "DO", "SET CONSTRAINTS",
	    "ALTER DOMAIN", "ALTER TYPE"};

	for (size_t i = 0; i < f->n_stmts; i++)
		for (size_t k = 0; k < sizeof(tags) / sizeof(tags[0]); k++)
			if (strncmp(f->stmts[i].tag, tags[k], strlen(tags[k])) == 0)
				return true;
	return false;
}

/* SET and RESET have constants only. */
static bool only_settings(const struct sql_facts *f)
{
	for (size_t i = 0; i < f->n_stmts; i++)
		if (strcmp(f->stmts[i].tag, "SET") != 0 && strcmp(f->stmts[i].tag, "RESET") != 0)
			return false;
	return f->n_stmts > 0;
}

/* Nothing sensitive can be in what the statement reads, writes and sets off. */
static bool scene_clear(const struct px_text *t)
{
	if (only_settings(&t->facts))
		return true;
	if (t->touches || t->j.cls == SQL_OPAQUE || reaches_unnamed(&t->facts) || (t->facts.n_stmts > 1 && (t->facts.flags & SQLF_CATALOG) != 0))
		return false;
	return sql_class_level(t->facts.cls) < 2 || t->facts.cls == SQL_SCHEMA || t->facts.cls == SQL_WRITE ||
	    t->facts.cls == SQL_BULK;
}

/* The text that an answer could be about: of the expectation at the head, or the next one in the open pipeline. */
static const struct px_text *text_of(const struct px_exp *e)
{
	for (; e != NULL && e->kind != EXP_SYNC; e = e->next)
		if (e->text != NULL)
			return e->text;
	return NULL;
}

static void scrub(struct pgproxy *x, const struct px_text *t, struct pgerror_scene *s, uint8_t type, struct span body,
    struct buf *out)
{
	size_t at = pg_open(out, type);

	s->ctx = x;
	s->named = scene_named;
	if (t != NULL) {
		s->sql = span_of(t->sql, t->n_sql);
		s->code = t->facts.cls == SQL_OPAQUE || t->j.cls == SQL_OPAQUE;
		s->copy_in = x->copy_in && t->facts.n_stmts == 1;
	}
	if (x->view.mask == MASK_NONE)
		buf_put_span(out, body);
	else
		pgerror_scrub(s, body, out);
	pg_close(out, at);
}

void px_scrub(struct pgproxy *x, const struct px_exp *e, uint8_t type, struct span body, struct buf *out)
{
	/* Out of nowhere, or of a statement of its own: what only stands near by says nothing of what it reaches. */
	struct pgerror_scene s = {.when = scene_when(e), .clear = e == NULL || (e->text != NULL && scene_clear(e->text))};

	scrub(x, text_of(e), &s, type, body, out);
}

void px_scrub_commit(struct pgproxy *x, const struct px_text *t, struct span body, struct buf *out)
{
	struct pgerror_scene s = {.when = PGERR_RUNNING};

	scrub(x, t, &s, 'E', body, out);
}
