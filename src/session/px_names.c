/* SPDX-License-Identifier: Apache-2.0
 *
 * Prepared statements and portals by name, as the server will have them once it has seen what was forwarded.
 * Undone by px_back.c when the server skipped a message. Source: PostgreSQL documentation 55.2.3.
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

struct px_stmt *px_stmt_find(struct pgproxy *x, struct span name)
{
	name = name_key(name);
	for (struct px_stmt *s = x->stmts; s != NULL; s = s->next)
		if (span_is(name, s->name))
			return s;
	return NULL;
}

int px_stmt_set(struct pgproxy *x, struct span name, struct px_text *t)
{
	struct px_stmt *s = px_stmt_find(x, name);

	if (s == NULL && x->n_stmts >= PX_NAMES_MAX)
		return E_LIMIT;
	px_text_ref(t);
	if (s != NULL) {
		px_text_unref(s->text);
		s->text = t;
		return 0;
	}
	s = xcalloc(1, sizeof(*s));
	*s = (struct px_stmt){name_dup(name_key(name)), t, x->stmts};
	x->stmts = s;
	x->n_stmts++;
	return 0;
}

void px_stmt_drop(struct pgproxy *x, struct span name)
{
	name = name_key(name);
	for (struct px_stmt **at = &x->stmts; *at != NULL; at = &(*at)->next) {
		struct px_stmt *s = *at;

		if (!span_is(name, s->name))
			continue;
		*at = s->next;
		px_text_unref(s->text);
		free(s->name);
		free(s);
		x->n_stmts--;
		return;
	}
}

void px_stmts_clear(struct pgproxy *x)
{
	while (x->stmts != NULL)
		px_stmt_drop(x, span_str(x->stmts->name));
}

struct px_portal *px_portal_find(struct pgproxy *x, struct span name)
{
	name = name_key(name);
	for (struct px_portal *p = x->portals; p != NULL; p = p->next)
		if (span_is(name, p->name))
			return p;
	return NULL;
}

void px_portal_free(struct px_portal *p)
{
	if (p == NULL)
		return;
	px_text_unref(p->text);
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

struct px_portal *px_portal_set(struct pgproxy *x, struct span name, struct px_text *t)
{
	struct px_portal *p;

	px_portal_drop(x, name);
	if (x->n_portals >= PX_NAMES_MAX)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->name = name_dup(name_key(name));
	px_text_ref(t);
	p->text = t;
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
