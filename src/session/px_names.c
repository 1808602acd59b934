/* SPDX-License-Identifier: Apache-2.0
 *
 * Prepared statements and portals by name, as the server will have them once it has seen what was forwarded.
 * Undone by px_back.c when the server skipped a message. Source: PostgreSQL documentation 55.2.3.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "session/px.h"

static char *name_dup(struct span s)
{
	return xstrndup(s.n > 0 ? (const char *)s.p : "", s.n);
}

struct px_stmt *px_stmt_find(struct pgproxy *x, struct span name)
{
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
	*s = (struct px_stmt){name_dup(name), t, x->stmts};
	x->stmts = s;
	x->n_stmts++;
	return 0;
}

void px_stmt_drop(struct pgproxy *x, struct span name)
{
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
	for (struct px_portal *p = x->portals; p != NULL; p = p->next)
		if (span_is(name, p->name))
			return p;
	return NULL;
}

static void portal_reset(struct px_portal *p)
{
	px_text_unref(p->text);
	free(p->formats);
	free(p->bind);
	p->text = NULL;
	p->formats = p->bind = NULL;
	p->n_formats = 0;
	p->n_bind = 0;
	p->recorded = false;
}

struct px_portal *px_portal_set(struct pgproxy *x, struct span name, struct px_text *t)
{
	struct px_portal *p = px_portal_find(x, name);

	if (p == NULL && x->n_portals >= PX_NAMES_MAX)
		return NULL;
	px_text_ref(t);
	if (p != NULL) {
		portal_reset(p);
	} else {
		p = xcalloc(1, sizeof(*p));
		p->name = name_dup(name);
		p->next = x->portals;
		x->portals = p;
		x->n_portals++;
	}
	p->text = t;
	return p;
}

void px_portal_drop(struct pgproxy *x, struct span name)
{
	for (struct px_portal **at = &x->portals; *at != NULL; at = &(*at)->next) {
		struct px_portal *p = *at;

		if (!span_is(name, p->name))
			continue;
		*at = p->next;
		portal_reset(p);
		free(p->name);
		free(p);
		x->n_portals--;
		return;
	}
}

void px_portals_clear(struct pgproxy *x)
{
	while (x->portals != NULL)
		px_portal_drop(x, span_str(x->portals->name));
}
