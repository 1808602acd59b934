/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gateway tells a session about its own life: notices between statements, and the end when the identity behind it
 * runs out. A notice goes out where a server could have sent it: before a statement has given anything, or at its end,
 * never between rows or inside a COPY. An expiring session keeps the transaction that is open, if the monitor gives it
 * time, and begins no other.
 * Source: PostgreSQL documentation 55.2.2, 55.2.7 (asynchronous operations), 55.7 (NoticeResponse).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "session/px.h"

#define NOTES_MAX 8 /* of which the oldest goes first */

struct px_note {
	struct px_note *next;
	char text[400], hint[400];
};

/* ---- notices ---- */

static void note_pop(struct pgproxy *x)
{
	struct px_note *n = x->notes;

	x->notes = n->next;
	free(n);
}

void px_notes_clear(struct pgproxy *x)
{
	while (x->notes != NULL)
		note_pop(x);
}

/* Has the client nothing half told? */
static bool quiet(const struct pgproxy *x)
{
	const struct px_exp *e = x->exp_head;

	if (x->phase != PX_RELAY || e == NULL)
		return x->phase == PX_RELAY;
	if ((e->kind != EXP_QUERY && e->kind != EXP_EXECUTE) || e->own || e->poison || e->text == NULL)
		return false;
	return e->rows == 0 && !e->described && (e->text->facts.flags & (SQLF_COPY_IN | SQLF_COPY_OUT)) == 0;
}

/* at_end: the caller is about to say ReadyForQuery. */
void px_notes_emit(struct pgproxy *x, bool at_end)
{
	while (x->notes != NULL && (at_end || quiet(x))) {
		const struct px_note *n = x->notes;
		struct pg_notice m = {.severity = "NOTICE", .sqlstate = "01000", .message = n->text, .hint = n->hint};

		px_record_kv(x, REC_NOTICE, "message", n->text, "hint", n->hint, NULL, NULL);
		pg_put_notice(&x->out, &m);
		note_pop(x);
	}
}

static void note_add(struct pgproxy *x, const char *text, const char *hint)
{
	struct px_note **at = &x->notes;
	struct px_note *n = xcalloc(1, sizeof(*n));
	size_t count = 0;

	(void)str_copy(n->text, sizeof(n->text), text);
	(void)str_copy(n->hint, sizeof(n->hint), hint);
	while (*at != NULL) {
		at = &(*at)->next;
		count++;
	}
	*at = n;
	if (count >= NOTES_MAX)
		note_pop(x);
}

void pgproxy_notice(struct pgproxy *x, const char *text, const char *hint)
{
	if (x->phase == PX_ENDED)
		return;
	note_add(x, text, hint);
	px_notes_emit(x, false);
	px_flush(x);
	px_wake(x);
}

/* ---- expiry ---- */

static void expire_end(struct pgproxy *x, const char *hint)
{
	px_fatal(x, x->expiry.sqlstate, x->expiry.reason, hint, "identity expired");
	px_wake(x);
}

static void grace_over(void *ctx)
{
	struct pgproxy *x = ctx;

	x->expiry.timer = NULL;
	expire_end(x, "the time for the open transaction is over: it was rolled back");
}

/* Is anything of the client's open at the server, or on its way there? */
static bool in_transaction(const struct pgproxy *x)
{
	if (x->status != 'I' || x->ext_open)
		return true;
	for (const struct px_exp *e = x->exp_head; e != NULL; e = e->next)
		if (!e->own && e->kind != EXP_LOCAL)
			return true;
	return false;
}

static void expire_tell(struct pgproxy *x, int64_t grace_ms)
{
	char text[400];

	(void)snprintf(text, sizeof(text), "%s: this transaction may end within %lld %s, then the session does", x->expiry.reason,
	    (long long)(grace_ms >= 120000 ? grace_ms / 60000 : (grace_ms + 999) / 1000), grace_ms >= 120000 ? "min" : "s");
	note_add(x, text, "COMMIT or ROLLBACK now; another transaction needs a new connection");
	px_notes_emit(x, false);
}

void pgproxy_expire(struct pgproxy *x, int64_t grace_ms, const char *reason, const char *hint, const char *sqlstate)
{
	struct px_expiry *e = &x->expiry;

	if (x->phase == PX_ENDED || e->on)
		return; /* told once: what it was given stays */
	e->on = true;
	(void)str_copy(e->reason, sizeof(e->reason), reason);
	(void)str_copy(e->hint, sizeof(e->hint), hint);
	(void)str_copy(e->sqlstate, sizeof(e->sqlstate), strlen(sqlstate) == 5 ? sqlstate : "28000");
	if (x->phase == PX_STARTUP)
		return; /* the client hears it when it has said that it is one: px_start.c */
	if (x->phase != PX_RELAY || grace_ms <= 0 || !in_transaction(x)) {
		expire_end(x, e->hint);
		return;
	}
	e->timer = loop_after(x->p.loop, grace_ms, grace_over, x);
	expire_tell(x, grace_ms);
	px_flush(x);
	px_wake(x);
}

/* Statements behind the end of the transaction would be another one. */
static bool goes_beyond(struct pgproxy *x, const struct pg_msg *m)
{
	struct span sql;
	struct px_text *t;
	bool beyond = false;

	if (m->type != 'Q' || pg_read_string(m->body, &sql) != 0)
		return false;
	t = px_text_get(x, sql, true);
	for (size_t i = 0; i + 1 < t->facts.n_stmts; i++)
		beyond |= (t->facts.stmts[i].flags & SQLF_TX_END) != 0;
	px_text_unref(t);
	return beyond;
}

bool px_expire_stops(struct pgproxy *x, const struct pg_msg *m)
{
	if (!x->expiry.on || x->skip || strchr("SHdcfX", m->type) != NULL)
		return false;
	/* What is in flight may end the transaction: only its answer tells. */
	if (x->exp_head != NULL && !x->ext_open) {
		x->wait = WAIT_DRAIN;
		return true;
	}
	if ((x->ext_open || x->status != 'I') && !x->tx_ended && !goes_beyond(x, m))
		return false;
	if (x->exp_head != NULL) { /* answers that the client is owed come first */
		x->wait = WAIT_DRAIN;
		px_ask_answers(x);
	} else {
		expire_end(x, x->expiry.hint);
	}
	return true;
}

void px_expire_note(struct pgproxy *x, const struct px_text *t)
{
	if ((t->facts.flags & SQLF_TX_END) == 0)
		return;
	x->tx_ended = true;
	x->expiry.last |= x->expiry.on; /* also when it says AND CHAIN */
}

void px_expire_check(struct pgproxy *x)
{
	if (x->phase == PX_RELAY && x->expiry.on && x->exp_head == NULL && !x->ext_open &&
	    (x->status == 'I' || x->expiry.last))
		expire_end(x, x->expiry.hint);
}

void px_expire_clear(struct pgproxy *x)
{
	loop_cancel(x->p.loop, x->expiry.timer);
	x->expiry.timer = NULL;
}
