/* SPDX-License-Identifier: Apache-2.0
 *
 * A statement that waits for an operator, in the live session. Steps: drain what is in flight → read from the server
 * what the statement means there (px_meaning.c) → ask the monitor → wait → read it again → have the
 * approval consumed → forward. Any difference, cancel, disconnect, or loss of the monitor withdraws; a statement
 * that does not go has the effect of a server error. The message itself stays at the front of the client's input.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "session/px.h"
#include "wire/meaning.h"
#include "wire/pgparam.h"

#define PART_MAX (64u * 1024) /* of a statement in one message */
#define REST_MAX (16u * 1024) /* of it beside parameters and meaning */
#define PARAMS_MAX (64u * 1024)

enum outcome { OUTCOME_PENDING, OUTCOME_DENIED, OUTCOME_EXPIRED, OUTCOME_WITHDRAWN, OUTCOME_CANCELED };

/* SQLSTATEs that no driver retries or evicts a connection for: doc/errors. */
static const struct {
	const char *state, *sqlstate;
} outcomes[] = {
	[OUTCOME_PENDING] = {"pending", "SP001"},
	[OUTCOME_DENIED] = {"denied", "SP002"},
	[OUTCOME_EXPIRED] = {"expired", "SP003"},
	[OUTCOME_WITHDRAWN] = {"withdrawn", "SP004"},
	[OUTCOME_CANCELED] = {"canceled", "57014"},
};

void px_hold_clear(struct pgproxy *x)
{
	struct px_hold *h = &x->hold;

	if (h->timer != NULL)
		loop_cancel(x->p.loop, h->timer);
	if (h->call != 0)
		monclient_forget(x->p.mon, h->call);
	px_text_unref(h->text);
	buf_clear(&h->meaning);
	buf_clear(&h->asked);
	buf_clear(&h->stmt);
	buf_clear(&h->bind);
	buf_clear(&h->sql);
	buf_clear(&h->params);
	free(h->declared);
	free(h->types);
	h->declared = h->types = NULL;
	h->n_types = 0;
	h->params_of = (struct pg_bind){0};
	h->timer = NULL;
	h->call = 0;
	h->text = NULL;
	h->held = h->leave = (struct rec_ticket){0};
	h->active = h->waits = h->failed = h->cancelled = false;
	h->id[0] = h->by[0] = h->why[0] = h->effect[0] = h->near[0] = '\0';
	h->effect_rows = h->approved_rows = -1;
}

static void notice(struct pgproxy *x, const char *msg, const char *hint)
{
	struct pg_notice n = {.severity = "NOTICE", .sqlstate = "01000", .message = msg, .hint = hint};

	px_record_kv(x, REC_NOTICE, "message", msg, "hint", hint, NULL, NULL);
	pg_put_notice(&x->out, &n);
}

/* End the hold with an error to the client; the message at the front is done with. */
static void hold_refuse(struct pgproxy *x, const char *sqlstate, const char *msg, const char *hint, const char *retry)
{
	char detail[256];
	struct pg_notice n = {.severity = "ERROR", .sqlstate = sqlstate, .message = msg, .detail = detail, .hint = hint};
	bool extended = x->hold.extended;
	struct pg_msg m;
	size_t used;

	snprintf(detail, sizeof(detail), "request=%s rule=%s policy=%u session=%s retry=%s", x->hold.id,
	    x->hold.text != NULL ? x->hold.text->j.rule : "", x->view.epoch, x->sid, retry);
	if (!extended)
		px_stmt_drop(x, span_str("")); /* as any simple query does */
	px_refuse(x, extended, &n);
	px_hold_clear(x);
	if (pg_frame(buf_span(&x->in), PX_MSG_MAX, &m, &used) == 0)
		buf_consume(&x->in, used);
	px_resume(x);
}

static void decision_record(struct pgproxy *x, const char *state)
{
	struct rec_kv kv[] = {{"id", span_str(x->hold.id)}, {"state", span_str(state)}, {"by", span_str(x->hold.by)},
	    {"why", span_str(x->hold.why)}, {"effect", span_str(x->hold.effect)}};

	(void)recorder_add(x->rec, REC_DECISION, kv, sizeof(kv) / sizeof(kv[0])); /* an error fails the next commit */
}

/* The approval is used: the record that says so gives the held statement its leave. */
static struct rec_ticket consumed_record(struct pgproxy *x)
{
	struct rec_kv kv[] = {{"id", span_str(x->hold.id)}, {"state", span_str("consumed")}, {"by", span_str(x->hold.by)},
	    {"why", span_str(x->hold.why)}};

	return px_record_release(x, x->hold.held, kv, sizeof(kv) / sizeof(kv[0]));
}

static void hold_outcome(struct pgproxy *x, enum outcome o, const char *hint)
{
	const struct px_hold *h = &x->hold;
	char msg[900] = "";

	decision_record(x, outcomes[o].state);
	switch (o) {
	case OUTCOME_PENDING:
		snprintf(msg, sizeof(msg), "pending: request %s needs approval from %s%s%s", h->id, h->approvers,
		    h->near[0] != '\0' ? "; " : "", h->near);
		break;
	case OUTCOME_DENIED:
		snprintf(msg, sizeof(msg), "denied: request %s was denied by %s: \"%s\"", h->id, h->by, h->why);
		break;
	case OUTCOME_EXPIRED:
		snprintf(msg, sizeof(msg), "expired: nobody decided request %s in time", h->id);
		break;
	case OUTCOME_WITHDRAWN:
		snprintf(msg, sizeof(msg), "withdrawn: request %s: %s", h->id, h->why);
		break;
	case OUTCOME_CANCELED:
		snprintf(msg, sizeof(msg), "canceling statement due to user request (request %s withdrawn)", h->id);
		break;
	}
	hold_refuse(x, outcomes[o].sqlstate, msg, hint, o == OUTCOME_PENDING ? "after-approval" : "no");
}

void px_hold_withdraw(struct pgproxy *x, const char *why)
{
	struct buf *b;

	if (!x->hold.active || x->hold.id[0] == '\0')
		return;
	b = monclient_begin(x->p.mon, IPC_HOLD_WITHDRAW);
	ipc_str(b, "sid", x->sid);
	ipc_str(b, "id", x->hold.id);
	ipc_str(b, "why", why);
	(void)monclient_call(x->p.mon, NULL, NULL);
	px_record_kv(x, REC_DECISION, "id", x->hold.id, "state", "withdrawn", "why", why);
	x->hold.id[0] = '\0';
}

static void hold_withdrawn(struct pgproxy *x, const char *why)
{
	char id[sizeof(x->hold.id)];

	(void)str_copy(id, sizeof(id), x->hold.id);
	px_hold_withdraw(x, why);
	(void)str_copy(x->hold.id, sizeof(x->hold.id), id);
	(void)str_copy(x->hold.why, sizeof(x->hold.why), why);
	hold_outcome(x, OUTCOME_WITHDRAWN, "run the statement again to ask anew");
}

/* ---- what it means ---- */

static void meaning_read(struct pgproxy *x, enum px_wait wait)
{
	x->wait = wait;
	px_meaning_read(x);
	if (x->hold.too_much)
		px_hold_drained(x); /* nothing was asked */
	px_flush(x);
}

/* ---- asking ---- */

/* The values are packed when their types are known: the server tells those that the client left open. */
static void params_keep(struct px_hold *h, const struct px_hold_ask *a)
{
	const struct pg_bind *b = a->bind;
	struct span all;

	if (b == NULL)
		return;
	buf_put_span(&h->bind, b->formats);
	buf_put_span(&h->bind, b->params);
	buf_put_span(&h->stmt, b->stmt);
	h->other_stmt = a->other_stmt;
	all = buf_span(&h->bind);
	h->params_of = (struct pg_bind){.n_formats = b->n_formats, .n_params = b->n_params};
	if (buf_err(&h->bind) != 0)
		return;
	h->params_of.formats = span_of(all.p, b->formats.n);
	h->params_of.params = span_of(all.n > 0 ? all.p + b->formats.n : NULL, b->params.n);
	h->declared = xcalloc(b->n_params + 1u, sizeof(*h->declared));
	h->types = xcalloc(b->n_params + 1u, sizeof(*h->types));
	h->n_types = b->n_params;
	for (size_t i = 0; i < h->n_types && i < a->n_types; i++)
		h->declared[i] = h->types[i] = a->types[i];
}

/* Is an answer due that the client waits for? What the gateway asked itself is no reason to look at the message again. */
static bool client_in_flight(const struct pgproxy *x)
{
	for (const struct px_exp *e = x->exp_head; e != NULL; e = e->next)
		if (!e->own)
			return true;
	return false;
}

void px_hold_begin(struct pgproxy *x, const struct px_hold_ask *a)
{
	const struct pg_bind *bind = a->bind;
	struct px_hold *h = &x->hold;

	if (x->client_eof || px_hold_deserted(x)) {
		px_end(x, "client closed"); /* nobody waits for the decision */
		return;
	}
	if (client_in_flight(x)) {
		x->wait = WAIT_DRAIN;
		if (x->ext_open)
			px_ask_answers(x);
		return;
	}
	px_hold_clear(x);
	h->active = true;
	h->extended = bind != NULL;
	h->text = a->text;
	px_text_ref(a->text);
	h->since_us = clock_mono_us();
	(void)str_copy(h->effect, sizeof(h->effect), a->effect != NULL ? a->effect : "");
	h->effect_rows = a->effect_rows;
	buf_put_span(&h->sql, a->sql);
	params_keep(h, a);
	h->held = px_record_statement(x, bind != NULL ? "execute" : "query", a->text, a->sql,
	    bind != NULL ? bind->stmt : span_str(""), bind, false);
	x->hold_seq = h->held.seq;
	x->need_sync = true;
	if (buf_err(&h->sql) != 0 || buf_len(&h->bind) > PARAMS_MAX || buf_err(&h->bind) != 0) {
		hold_refuse(x, "54000", "the parameters are too large to be shown for approval (64 KiB)", "", "no");
		return;
	}
	if (x->status == 'E') {
		hold_refuse(x, "25P02", "current transaction is aborted, commands ignored until end of transaction block", "", "no");
		return;
	}
	meaning_read(x, WAIT_SETTINGS);
}

static const char *mode_of(const struct pgproxy *x)
{
	if (x->view.mode != HOLD_AUTO)
		return hold_mode_name(x->view.mode);
	if (x->p.console)
		return x->p.interactive ? "wait" : "reject";
	return x->psql ? "wait" : "auto";
}

static void hold_forward(struct pgproxy *x)
{
	struct px_hold *h = &x->hold;
	int64_t rows = h->approved_rows;
	struct rec_ticket leave = consumed_record(x);

	x->need_sync = true;
	px_hold_clear(x);
	h->leave = leave;
	h->release = true;
	h->approved_rows = rows;
	px_resume(x);
}

static void consume_answer(void *ctx, const struct ipc_msg *m, int *fds, size_t nfds)
{
	struct pgproxy *x = ctx;
	struct why w = {.text = "the gateway did not answer"};
	char sqlstate[6];

	(void)fds;
	(void)nfds;
	x->hold.call = 0;
	if (x->phase == PX_ENDED || x->wait != WAIT_CONSUME)
		return;
	if (m != NULL && ipc_type_of(m) == IPC_OK) {
		hold_forward(x);
		return;
	}
	if (m != NULL)
		monclient_why(m, &w, sqlstate);
	hold_withdrawn(x, w.text);
}

static void consume(struct pgproxy *x)
{
	uint8_t hash[SHA256_LEN];
	struct buf *b;
	char msg[640];

	if (x->client_eof) {
		px_end(x, "client closed while a statement was held");
		return;
	}
	if (x->hold.by[0] != '\0') {
		snprintf(msg, sizeof(msg), "approved by %s after %lld s%s%s%s", x->hold.by,
		    (long long)((clock_mono_us() - x->hold.since_us) / 1000000), x->hold.why[0] != '\0' ? ": \"" : "", x->hold.why,
		    x->hold.why[0] != '\0' ? "\"" : "");
		notice(x, msg, "");
	}
	x->wait = WAIT_CONSUME;
	b = monclient_begin(x->p.mon, IPC_HOLD_CONSUME);
	ipc_str(b, "sid", x->sid);
	ipc_str(b, "id", x->hold.id);
	sha256(buf_span(&x->hold.meaning), hash);
	ipc_bin(b, "meaning", span_of(hash, sizeof(hash)));
	x->hold.call = monclient_call(x->p.mon, consume_answer, x);
	px_flush(x);
	px_wake(x);
}

/* ---- waiting ---- */

static void hold_pending(struct pgproxy *x)
{
	char hint[400];

	snprintf(hint, sizeof(hint), "run the same statement again after approval; ssh %s requests --mine shows it", x->p.gateway);
	hold_outcome(x, OUTCOME_PENDING, hint);
}

static void wait_over(void *ctx)
{
	struct pgproxy *x = ctx;

	x->hold.timer = NULL;
	if (x->wait != WAIT_DECISION)
		return;
	if (strcmp(mode_of(x), "auto") == 0)
		hold_pending(x);
	else
		hold_outcome(x, OUTCOME_EXPIRED, "run the statement again to ask anew");
}

static void wait_begin(struct pgproxy *x, int64_t wait_ms, int quorum)
{
	bool leaves = strcmp(mode_of(x), "auto") == 0; /* then the request stays and the statement fails as pending */
	bool minutes = wait_ms >= 120000;
	const char *effect = strcmp(x->hold.effect, x->hold.text->j.reason) != 0 ? x->hold.effect : ""; /* often the reason */
	char msg[900], hint[512];

	snprintf(msg, sizeof(msg), "held: request %s needs %d approval%s from %s (rule %s: %s%s%s)", x->hold.id, quorum,
	    quorum == 1 ? "" : "s", x->hold.approvers, x->hold.text->j.rule, x->hold.text->j.reason,
	    effect[0] != '\0' ? "; " : "", effect);
	if (x->hold.near[0] != '\0')
		notice(x, x->hold.near, "");
	snprintf(hint, sizeof(hint), "waiting up to %lld %s%s; Ctrl-C withdraws. Approver: ssh %s approve %s",
	    (long long)(wait_ms / (minutes ? 60000 : 1000)), minutes ? "min" : "s",
	    leaves ? ", after that run it again once approved" : "", x->p.gateway, x->hold.id);
	notice(x, msg, hint);
	x->wait = WAIT_DECISION;
	/* The monitor expires it; the margin only catches a lost message. */
	x->hold.timer = loop_after(x->p.loop, wait_ms + (leaves ? 0 : 2000), wait_over, x);
}

static void release(struct pgproxy *x)
{
	if (x->hold.timer != NULL)
		loop_cancel(x->p.loop, x->hold.timer);
	x->hold.timer = NULL;
	decision_record(x, "approved");
	meaning_read(x, WAIT_RESETTINGS);
}

static void ask_answer(void *ctx, const struct ipc_msg *m, int *fds, size_t nfds)
{
	struct pgproxy *x = ctx;
	struct px_hold *h = &x->hold;
	struct why w = {.text = "the gateway cannot ask for approval now"};
	char sqlstate[6] = "58000", state[16] = "";

	(void)fds;
	(void)nfds;
	h->call = 0;
	if (x->phase == PX_ENDED || x->wait != WAIT_MONITOR)
		return;
	if (m == NULL || ipc_type_of(m) != IPC_OK || ipc_get_str(m, "id", h->id, sizeof(h->id)) != 0 ||
	    ipc_get_str(m, "state", state, sizeof(state)) != 0) {
		if (m != NULL)
			monclient_why(m, &w, sqlstate);
		hold_refuse(x, sqlstate[0] != '\0' ? sqlstate : "58000", w.text, w.hint, "no");
		px_flush(x);
		px_wake(x);
		return;
	}
	ipc_take_str(m, "approvers", h->approvers, sizeof(h->approvers));
	ipc_take_str(m, "by", h->by, sizeof(h->by));
	ipc_take_str(m, "why", h->why, sizeof(h->why));
	h->approved_rows = ipc_get_int(m, "effect_rows", -1);
	ipc_take_str(m, "near", h->near, sizeof(h->near));
	if (h->cancelled) {
		(void)px_hold_cancel(x);
		return;
	}
	if (strcmp(state, "approved") == 0) {
		release(x);
	} else {
		decision_record(x, "pending");
		if (ipc_get_int(m, "wait_ms", 0) <= 0 || strcmp(mode_of(x), "reject") == 0)
			hold_pending(x);
		else
			wait_begin(x, ipc_get_int(m, "wait_ms", 0), (int)ipc_get_int(m, "quorum", 1));
	}
	px_flush(x);
	px_wake(x);
}

static void ask_parts(struct pgproxy *x, struct span *rest)
{
	while (rest->n > REST_MAX) {
		struct buf *b = monclient_begin(x->p.mon, IPC_HOLD_PART);
		size_t n = rest->n < PART_MAX ? rest->n - 1 : PART_MAX; /* something is left for the request itself */

		ipc_str(b, "sid", x->sid);
		ipc_bin(b, "part", span_of(rest->p, n));
		(void)monclient_call(x->p.mon, NULL, NULL);
		*rest = span_of(rest->p + n, rest->n - n);
	}
}

static void ask(struct pgproxy *x)
{
	struct px_hold *h = &x->hold;
	struct span sql = buf_span(&h->sql);
	struct buf *b;

	x->wait = WAIT_MONITOR;
	ask_parts(x, &sql);
	b = monclient_begin(x->p.mon, IPC_HOLD_NEW);
	ipc_str(b, "sid", x->sid);
	ipc_bin(b, "sql", sql);
	ipc_bin(b, "params", buf_span(&h->params));
	ipc_str(b, "class", sql_class_name(h->text->j.cls));
	ipc_str(b, "rule", h->text->j.rule);
	ipc_str(b, "reason", h->text->j.reason);
	ipc_bin(b, "meaning", buf_span(&h->meaning));
	ipc_str(b, "tx", x->status == 'T' || x->ext_open ? "in transaction" : "");
	ipc_bool(b, "locks", x->tx_wrote && (x->status == 'T' || x->ext_open));
	ipc_str(b, "mode", mode_of(x));
	ipc_str(b, "effect", h->effect);
	ipc_int(b, "effect_rows", h->effect_rows);
	h->call = monclient_call(x->p.mon, ask_answer, x);
}

/* The meaning could not be read, or not be shown. */
static void meaning_failed(struct pgproxy *x)
{
	struct px_hold *h = &x->hold;

	px_hold_withdraw(x, "what the statement means could not be read");
	if (h->failed) { /* the server has failed the transaction already (and skips to Sync inside a batch): only tell */
		h->failed = false;
		x->ext_failed = x->ext_open;
		hold_refuse(x, "58000", "refused: the gateway could not read what the statement means on this server",
		    "try again; the transaction has failed", "yes");
		return;
	}
	hold_refuse(x, "54000", "refused: what the statement means is too much to be shown for approval",
	    "name fewer relations or functions at once", "no");
}

/* The queue is empty: own queries have answered. */
void px_hold_drained(struct pgproxy *x)
{
	struct px_hold *h = &x->hold;
	char what[sizeof(h->why)];

	if (h->failed || h->too_much || buf_err(&h->meaning) != 0 || buf_len(&h->meaning) == 0) {
		meaning_failed(x);
	} else if (x->wait == WAIT_SETTINGS) {
		buf_put_span(&h->asked, buf_span(&h->meaning));
		pgparam_put(&h->params, h->extended ? &h->params_of : NULL, h->types, h->n_types);
		ask(x);
	} else if (meaning_differs(buf_span(&h->asked), buf_span(&h->meaning), what, sizeof(what))) {
		hold_withdrawn(x, what);
	} else {
		consume(x);
	}
}

void px_hold_decided(struct pgproxy *x, const struct ipc_msg *m)
{
	struct px_hold *h = &x->hold;
	char state[16] = "";

	if (!h->active || h->id[0] == '\0' || x->wait != WAIT_DECISION || !span_is(ipc_get_span(m, "id"), h->id) ||
	    ipc_get_str(m, "state", state, sizeof(state)) != 0)
		return;
	ipc_take_str(m, "by", h->by, sizeof(h->by));
	ipc_take_str(m, "why", h->why, sizeof(h->why));
	if (strcmp(state, "approved") == 0)
		release(x);
	else if (strcmp(state, "denied") == 0)
		hold_outcome(x, OUTCOME_DENIED, "talk to the approver before asking again");
	else if (strcmp(state, "expired") == 0)
		hold_outcome(x, OUTCOME_EXPIRED, "run the statement again to ask anew");
	else
		hold_withdrawn(x, h->why[0] != '\0' ? h->why : "withdrawn by the gateway");
	px_flush(x);
	px_wake(x);
}

bool px_hold_deserted(const struct pgproxy *x)
{
	struct span in = buf_span(&x->in);
	struct pg_msg m;
	size_t used;

	while (pg_frame(in, PX_MSG_MAX, &m, &used) == 0) {
		if (m.type == 'X')
			return true;
		in = span_of(in.p + used, in.n - used);
	}
	return false;
}

bool px_hold_cancel(struct pgproxy *x)
{
	char id[sizeof(x->hold.id)];

	if (!x->hold.active || (x->wait != WAIT_DECISION && x->wait != WAIT_MONITOR))
		return false;
	if (x->hold.id[0] == '\0') { /* ask_answer() brings the name by which it can be withdrawn */
		x->hold.cancelled = true;
		return true;
	}
	(void)str_copy(id, sizeof(id), x->hold.id);
	px_hold_withdraw(x, "cancelled by the client");
	(void)str_copy(x->hold.id, sizeof(x->hold.id), id);
	hold_outcome(x, OUTCOME_CANCELED, "");
	px_flush(x);
	px_wake(x);
	return true;
}
