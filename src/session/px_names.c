/* SPDX-License-Identifier: Apache-2.0
 *
 * Prepared statements and portals by name, as the server will have them if everything that was forwarded succeeds.
 * px_back.c takes back what an error made it skip; until the answer is there, px_*_settled() tells whether a name can
 * still turn out to mean something else. Source: PostgreSQL documentation 55.2.3; exec_parse_message() of postgres.c
 * (an unnamed statement goes before its successor is parsed, and stays when the message is skipped).
 */
#include <stdlib.h>

#include "base/mem.h"
#include "session/px.h"

/* Statement and portal names are keys of 64 bytes with their NUL for the server: two names that differ behind that are
 * one and the same. */
static struct span name_key(struct span name)
{
	return span_of(name.p, name.n < PX_NAME_LEN ? name.n : PX_NAME_LEN);
}

static char *name_dup(struct span s)
{
	return xstrndup(s.n > 0 ? (const char *)s.p : "", s.n);
}

static struct px_stmt *stmt_find(const struct pgproxy *x, struct span name)
{
	name = name_key(name);
	for (struct px_stmt *s = x->stmts; s != NULL; s = s->next)
		if (span_is(name, s->name))
			return s;
	return NULL;
}

static struct px_portal *portal_find(const struct pgproxy *x, struct span name)
{
	name = name_key(name);
	for (struct px_portal *p = x->portals; p != NULL; p = p->next)
		if (span_is(name, p->name))
			return p;
	return NULL;
}

struct px_stmt *px_stmt_find(struct pgproxy *x, struct span name)
{
	return stmt_find(x, name);
}

static void stmt_attach(struct pgproxy *x, struct px_stmt *s)
{
	s->next = x->stmts;
	x->stmts = s;
	x->n_stmts++;
}

struct px_stmt *px_stmt_set(struct pgproxy *x, struct span name, struct px_text *t)
{
	struct px_stmt *s;

	px_stmt_drop(x, name);
	if (x->n_stmts >= PX_NAMES_MAX)
		return NULL;
	px_text_ref(t);
	s = xcalloc(1, sizeof(*s));
	s->name = name_dup(name_key(name));
	s->text = t;
	s->batch = x->batch;
	s->id = ++x->stmt_ids;
	stmt_attach(x, s);
	return s;
}

void px_stmt_types(struct px_stmt *s, const uint8_t *be, uint16_t n)
{
	struct cur c = cur_of(span_of(be, (size_t)n * 4));

	if (n == 0)
		return;
	s->types = xcalloc(n, sizeof(*s->types));
	for (s->n_types = 0; s->n_types < n; s->n_types++)
		s->types[s->n_types] = cur_u32be(&c);
}

void px_stmt_free(struct px_stmt *s)
{
	if (s == NULL)
		return;
	px_text_unref(s->text);
	free(s->types);
	free(s->name);
	free(s);
}

struct px_stmt *px_stmt_detach(struct pgproxy *x, struct span name)
{
	name = name_key(name);
	for (struct px_stmt **at = &x->stmts; *at != NULL; at = &(*at)->next) {
		struct px_stmt *s = *at;

		if (!span_is(name, s->name))
			continue;
		*at = s->next;
		s->next = NULL;
		x->n_stmts--;
		return s;
	}
	return NULL;
}

void px_stmt_drop(struct pgproxy *x, struct span name)
{
	px_stmt_free(px_stmt_detach(x, name));
}

void px_stmt_restore(struct pgproxy *x, const char *name, struct px_stmt **old)
{
	px_stmt_drop(x, span_str(name));
	if (*old != NULL)
		stmt_attach(x, *old);
	*old = NULL;
}

/* ---- what the answers that are due may still change ---- */

bool px_stmt_settled(const struct pgproxy *x, struct span name)
{
	const struct px_stmt *s = stmt_find(x, name);
	bool doubt = false;

	if (x->n_undo_stmts == 0 || (s != NULL && s->batch == x->batch))
		return true;
	name = name_key(name);
	for (const struct px_exp *e = x->exp_head; e != NULL; e = e->next) {
		if (!e->undo_stmt || !span_is(name, e->name))
			continue;
		if (e->batch == x->batch)
			return true;
		/* A name that is free for all we know may be taken: PREPARE inside code. Nothing but Parse makes the unnamed one. */
		doubt |= name.n > 0 || e->stmt_old != NULL;
	}
	return !doubt;
}

bool px_portal_settled(const struct pgproxy *x, struct span name)
{
	const struct px_portal *p = portal_find(x, name);
	bool doubt = false;

	if (x->n_undo_portals == 0 || (p != NULL && p->batch == x->batch))
		return true;
	name = name_key(name);
	for (const struct px_exp *e = x->exp_head; e != NULL; e = e->next) {
		if (!e->undo_portal || !span_is(name, e->portal_name))
			continue;
		if (e->batch == x->batch)
			return true;
		doubt = true; /* a cursor of SQL may have the name */
	}
	return !doubt;
}

bool px_names_settled(const struct pgproxy *x)
{
	for (const struct px_exp *e = x->exp_head; e != NULL && e->batch != x->batch; e = e->next)
		if (e->undo_stmt || e->undo_portal || e->barrier)
			return false;
	return true;
}

/* ---- portals ---- */

void px_stmts_clear(struct pgproxy *x)
{
	while (x->stmts != NULL)
		px_stmt_drop(x, span_str(x->stmts->name));
}

struct px_portal *px_portal_find(struct pgproxy *x, struct span name)
{
	return portal_find(x, name);
}

void px_portal_free(struct px_portal *p)
{
	if (p == NULL)
		return;
	px_text_unref(p->text);
	free(p->stmt);
	free(p->types);
	free(p->formats);
	free(p->bind);
	free(p->name);
	free(p);
}

struct px_portal *px_portal_detach(struct pgproxy *x, struct span name)
{
	name = name_key(name);
	for (struct px_portal **at = &x->portals; *at != NULL; at = &(*at)->next) {
		struct px_portal *p = *at;

		if (!span_is(name, p->name))
			continue;
		*at = p->next;
		p->next = NULL;
		x->n_portals--;
		return p;
	}
	return NULL;
}

void px_portal_drop(struct pgproxy *x, struct span name)
{
	px_portal_free(px_portal_detach(x, name));
}

static void portal_attach(struct pgproxy *x, struct px_portal *p)
{
	p->next = x->portals;
	x->portals = p;
	x->n_portals++;
}

struct px_portal *px_portal_set(struct pgproxy *x, struct span name, const struct px_stmt *s)
{
	struct px_portal *p;

	px_portal_drop(x, name);
	if (x->n_portals >= PX_NAMES_MAX)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->name = name_dup(name_key(name));
	px_text_ref(s->text);
	p->text = s->text;
	p->stmt = xstrndup(s->name, strlen(s->name));
	p->stmt_id = s->id;
	p->bound = s->text->j.verdict;
	p->n_types = s->n_types;
	if (s->n_types > 0) {
		p->types = xcalloc(s->n_types, sizeof(*p->types));
		memcpy(p->types, s->types, s->n_types * sizeof(*p->types));
	}
	p->moves = x->moves;
	p->batch = x->batch;
	p->group = x->group;
	p->catalog_epoch = x->catalog_epoch;
	p->distrust = x->catalog_stale;
	portal_attach(x, p);
	return p;
}

void px_portal_restore(struct pgproxy *x, const char *name, struct px_portal **old)
{
	px_portal_drop(x, span_str(name));
	if (*old != NULL)
		portal_attach(x, *old);
	*old = NULL;
}

void px_portals_clear(struct pgproxy *x)
{
	while (x->portals != NULL)
		px_portal_drop(x, span_str(x->portals->name));
}

void px_portals_end(struct pgproxy *x, uint64_t group)
{
	struct px_portal **at = &x->portals;

	while (*at != NULL) {
		struct px_portal *p = *at;

		if (p->group >= group) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		x->n_portals--;
		px_portal_free(p);
	}
}
