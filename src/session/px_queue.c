/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of expectations: what the server still owes an answer to, in order, with the gateway's own answers between.
 * After an error it is the place where the server's skipping is followed. Source: PostgreSQL documentation 55.2.3.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "session/px.h"

struct px_exp *px_expect(struct pgproxy *x, enum px_exp_kind kind)
{
	struct px_exp *e = xcalloc(1, sizeof(*e));

	e->kind = kind;
	e->distrust = x->catalog_stale;
	e->batch = x->batch;
	x->batch += kind == EXP_SYNC;
	if (kind == EXP_SYNC || kind == EXP_QUERY)
		e->group = ++x->group;
	e->start_us = clock_mono_us();
	*x->exp_tail = e;
	x->exp_tail = &e->next;
	x->exp_last = e;
	x->n_exp++;
	return e;
}

void px_exp_barrier(struct pgproxy *x, struct px_exp *e)
{
	x->n_barrier += !e->barrier;
	e->barrier = true;
}

/* As far as it counts for the server. */
static char *name_copy(struct span name)
{
	return xstrndup(name.n > 0 ? (const char *)name.p : "", name.n < PX_NAME_LEN ? name.n : PX_NAME_LEN);
}

void px_exp_takes_stmt(struct pgproxy *x, struct px_exp *e, struct span name)
{
	e->undo_stmt = true;
	x->n_undo_stmts++;
	e->name = name_copy(name);
	e->stmt_old = px_stmt_detach(x, name);
}

void px_exp_takes_portal(struct pgproxy *x, struct px_exp *e, struct span name)
{
	e->undo_portal = true;
	x->n_undo_portals++;
	e->portal_name = name_copy(name);
	e->portal_old = px_portal_detach(x, name);
}

static void exp_free(struct px_exp *e)
{
	px_text_unref(e->text);
	px_stmt_free(e->stmt_old);
	px_plan_free(e->plan);
	px_portal_free(e->portal_old);
	free(e->name);
	free(e->portal_name);
	free(e->formats);
	buf_clear(&e->local);
	free(e);
}

void px_exp_pop(struct pgproxy *x)
{
	struct px_exp *e = x->exp_head;

	x->exp_head = e->next;
	if (x->exp_head == NULL)
		x->exp_tail = &x->exp_head;
	if (x->exp_last == e)
		x->exp_last = NULL;
	x->n_exp--;
	x->n_barrier -= e->barrier;
	x->n_undo_stmts -= e->undo_stmt;
	x->n_undo_portals -= e->undo_portal;
	x->guard.flying &= !e->guarded;
	exp_free(e);
}

/* Answers of our own at the head of the queue are due. */
void px_locals_emit(struct pgproxy *x)
{
	while (x->exp_head != NULL && x->exp_head->kind == EXP_LOCAL) {
		buf_put_span(&x->out, buf_span(&x->exp_head->local));
		px_exp_pop(x);
	}
}

void px_local(struct pgproxy *x, struct buf *bytes)
{
	struct px_exp *e = px_expect(x, EXP_LOCAL);

	e->local = *bytes;
	buf_init(bytes, bytes->max);
	px_locals_emit(x);
}

/* What the name meant before e is what it means behind it. A later message, of another batch, may have given it a meaning
 * since: then that one's past changes, and the map stays. */
static void stmt_undo(struct pgproxy *x, struct px_exp *e)
{
	e->undo_stmt = false;
	x->n_undo_stmts--;
	for (struct px_exp *f = e->next; f != NULL; f = f->next)
		if (f->undo_stmt && strcmp(f->name, e->name) == 0) {
			px_stmt_free(f->stmt_old);
			f->stmt_old = e->stmt_old;
			e->stmt_old = NULL;
			return;
		}
	px_stmt_restore(x, e->name, &e->stmt_old);
}

static void portal_undo(struct pgproxy *x, struct px_exp *e)
{
	e->undo_portal = false;
	x->n_undo_portals--;
	for (struct px_exp *f = e->next; f != NULL; f = f->next)
		if (f->undo_portal && strcmp(f->portal_name, e->portal_name) == 0) {
			px_portal_free(f->portal_old);
			f->portal_old = e->portal_old;
			e->portal_old = NULL;
			return;
		}
	px_portal_restore(x, e->portal_name, &e->portal_old);
}

/* The server skipped this message: what it would have changed about names is taken back. */
static void exp_undo(struct pgproxy *x, struct px_exp *e)
{
	if (e->undo_portal)
		portal_undo(x, e);
	if (e->undo_stmt)
		stmt_undo(x, e);
}

/* The message that failed: Parse has removed an unnamed statement, Bind has left the portal alone. */
static void exp_failed(struct pgproxy *x, struct px_exp *e)
{
	if (e->undo_portal)
		portal_undo(x, e);
	if (e->kind != EXP_PARSE || !e->undo_stmt)
		return;
	px_stmt_free(e->stmt_old);
	e->stmt_old = NULL;
	stmt_undo(x, e);
}

/* It was recorded before it was forwarded, and the server did not look at it. */
static void exp_skipped(struct pgproxy *x, const struct px_exp *e)
{
	if ((e->kind == EXP_EXECUTE || e->kind == EXP_QUERY) && !e->own && !e->poison)
		px_record_result(x, e, "(not run: an earlier message of its batch failed)", "", "", "");
}

/* After an error in an extended message the server ignores everything, simple queries too, up to the next Sync: those
 * expectations are dropped, and what they did to names is undone newest first. */
void px_exp_fail(struct pgproxy *x)
{
	struct px_exp **skipped = xcalloc(x->n_exp, sizeof(struct px_exp *));
	struct px_exp *e;
	size_t n = 0;

	for (e = x->exp_head; e != NULL && e->kind != EXP_SYNC; e = e->next)
		skipped[n++] = e;
	for (size_t i = 1; i < n; i++)
		exp_skipped(x, skipped[i]);
	while (n > 1)
		exp_undo(x, skipped[--n]);
	exp_failed(x, skipped[0]);
	free(skipped);
	while (x->exp_head != NULL && x->exp_head->kind != EXP_SYNC)
		px_exp_pop(x);
	/* No Sync is on its way yet: what the client still sends belongs to the failed batch. */
	if (x->exp_head == NULL)
		x->skip = true;
}
