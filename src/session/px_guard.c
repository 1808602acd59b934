/* SPDX-License-Identifier: Apache-2.0
 *
 * A write whose number of rows nobody can prove beforehand runs so that it can be undone: inside a savepoint of the client's
 * transaction, or in a transaction of the gateway's own when the client has none. What it answers is kept back until its
 * command tag has told how many rows it changed. Within the limit the client gets what it would have got; beyond it, or when
 * it takes too long, everything is undone and the statement is held with its effect (px_hold.c).
 *
 * The message stays at the front of the client's input meanwhile, and nothing of the client follows it. Which statements
 * may be counted like this is decided in sql/ (SQLF_MEASURE) and policy/ (VERDICT_MEASURE), not here.
 * Source: PostgreSQL documentation 55.2.2, 55.2.3, SAVEPOINT; xact.c (BEGIN takes over an implicit transaction).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "session/px_front.h"

#define KEPT_MAX (16u * 1024 * 1024) /* answers kept back; a statement that gives more is undone */
#define UNDO_TRIES 4                 /* our own cancel may reach a statement of ours */

static const char begin_sql[] = "BEGIN";
static const char commit_sql[] = "COMMIT";
static const char rollback_sql[] = "ROLLBACK";
/* Of a savepoint whose name nobody knows before: one of the client's could not stand in for it. */
static const char save_sql[] = "SAVEPOINT ";
static const char release_sql[] = "RELEASE SAVEPOINT ";
static const char undo_sql[] = "ROLLBACK TO SAVEPOINT ";

void px_guard_init(struct pgproxy *x)
{
	buf_init(&x->guard.kept, KEPT_MAX);
}

void px_guard_clear(struct pgproxy *x)
{
	struct px_guard *g = &x->guard;
	bool ours = g->ours;

	loop_cancel(x->p.loop, g->timer);
	px_text_unref(g->text);
	buf_clear(&g->kept);
	buf_clear(&g->commit_error);
	*g = (struct px_guard){.ours = ours};
	px_guard_init(x);
}

/* ---- the gateway's own statements around it ---- */

/* Rows that this transaction has changed so far, also by triggers and foreign keys, and also what was rolled back. */
static const char count_sql[] =
    "SELECT pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_updated(c.oid) OPERATOR(pg_catalog.+) "
    "pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)) FROM pg_catalog.pg_class c "
    "WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r','p']::pg_catalog.\"char\"[]) AND c.oid OPERATOR(pg_catalog.>=) 16384";

static int number_of_row(struct pg_row *row, int64_t *out)
{
	struct pg_value v;
	char n[24];

	if (!pg_row_next(row, &v) || pg_row_end(row) != 0)
		return E_FORMAT;
	if (v.null || v.data.n == 0 || v.data.n >= sizeof(n))
		return 0;
	memcpy(n, v.data.p, v.data.n);
	n[v.data.n] = '\0';
	*out = strtoll(n, NULL, 10);
	return 0;
}

static int before_row(struct pgproxy *x, struct pg_row *row)
{
	return number_of_row(row, &x->guard.before);
}

static int after_row(struct pgproxy *x, struct pg_row *row)
{
	return number_of_row(row, &x->guard.after);
}

static void own_query(struct pgproxy *x, const char *why, const char *sql, void (*done)(struct pgproxy *, const char *))
{
	struct rec_ticket leave = px_record_own(x, why, sql);
	struct px_exp *e;
	struct buf b;

	buf_init(&b, 1024);
	pg_put_query(&b, span_str(sql));
	px_up_put(x->to_up, leave, &b);
	buf_clear(&b);
	e = px_expect(x, EXP_QUERY);
	e->own = true;
	e->done = done;
}

static void own(struct pgproxy *x, const char *why, const char *sql, void (*done)(struct pgproxy *, const char *), bool more)
{
	if (x->guard.extended)
		(void)px_own_extended(x, why, sql, NULL, done, more);
	else
		own_query(x, why, sql, done);
}

static void own_savepoint(struct pgproxy *x, const char *why, const char *verb, void (*done)(struct pgproxy *, const char *),
    bool more)
{
	char sql[80];

	(void)snprintf(sql, sizeof(sql), "%s%s", verb, x->guard.savepoint);
	own(x, why, sql, done, more);
}

/* ---- the end of it ---- */

/* What the client is owed, without the last `cut` bytes. */
static void kept_emit(struct pgproxy *x, size_t cut)
{
	struct span k = buf_span(&x->guard.kept);

	buf_put_span(&x->out, span_of(k.p, k.n - cut));
}

/* The message at the front is done with. */
static void guard_finish(struct pgproxy *x)
{
	struct pg_msg m;
	size_t used;

	px_guard_clear(x);
	if (pg_frame(buf_span(&x->in), PX_MSG_MAX, &m, &used) == 0)
		buf_consume(&x->in, used);
	px_resume(x);
}

static void ready_emit(struct pgproxy *x)
{
	px_notes_emit(x, true);
	pg_put_ready(&x->out, (uint8_t)x->status);
}

static void gave_up(struct pgproxy *x)
{
	px_fatal(x, "58000", "the gateway could not undo a statement that it had to undo, so the session ends",
	    "what was open is rolled back; connect again", "guard: undo failed");
}

/* ---- undone: hold it ---- */

/* The verdict is now the one on bulk; the next look at the text judges it anew. A request says the effect beside it. */
static void judge_beyond(struct pgproxy *x, struct px_text *t, const char *effect)
{
	char why[64] = "its effect cannot be measured";

	if (strncmp(effect, "unknown", 7) != 0)
		(void)snprintf(why, sizeof(why), "changes more than %lld rows", (long long)t->j.guard_rows);
	policy_judge_beyond(&x->view, why, &t->j);
	if (t->j.verdict == VERDICT_DENY)
		(void)str_copy(t->j.reason, sizeof(t->j.reason), effect);
	t->judged = false;
}

/* What stands at the front of the input, as a hold wants it. False: it is not there any more. */
static bool held_message(struct pgproxy *x, const struct pg_msg *m, struct px_hold_ask *ask, struct pg_bind *bind)
{
	struct pg_execute ex;
	struct px_portal *p;

	if (!x->guard.extended)
		return pg_read_string(m->body, &ask->sql) == 0;
	if (pg_read_execute(m->body, &ex) != 0 || (p = px_portal_find(x, ex.portal)) == NULL || !px_ask_portal(x, p, bind, ask))
		return false;
	p->undone = true;
	p->ran = false;
	p->moves = x->moves;
	return true;
}

static void hold_now(struct pgproxy *x)
{
	struct px_guard *g = &x->guard;
	int64_t rows = g->unknown != NULL ? -1 : (int64_t)g->rows;
	struct px_hold_ask ask = {.text = g->text};
	char effect[PX_EFFECT_MAX];
	bool extended = g->extended, found;
	struct pg_bind bind;
	struct pg_msg m;
	size_t used;

	px_effect_text(x, effect, sizeof(effect));
	found = pg_frame(buf_span(&x->in), PX_MSG_MAX, &m, &used) == 0 && held_message(x, &m, &ask, &bind);
	ask.effect = effect;
	ask.effect_rows = rows;
	px_text_ref(ask.text);
	px_guard_clear(x);
	x->wait = WAIT_NONE;
	judge_beyond(x, ask.text, effect);
	if (!found) {
		gave_up(x);
	} else if (ask.text->j.verdict == VERDICT_DENY) {
		px_refuse_j(x, extended, &ask.text->j);
		buf_consume(&x->in, used);
		px_resume(x);
	} else {
		px_hold_begin(x, &ask);
	}
	px_text_unref(ask.text);
	px_flush(x);
	px_wake(x);
}

/* ---- undoing ---- */

static void undo(struct pgproxy *x);

static int total_row(struct pgproxy *x, struct pg_row *row)
{
	return number_of_row(row, &x->guard.total);
}

void px_guard_undone(struct pgproxy *x)
{
	hold_now(x);
}

/* A hold begins with an empty queue: else its message would be looked at anew, and would run again. */
static void hold_soon(struct pgproxy *x)
{
	x->wait = WAIT_UNDONE;
	if (x->exp_head == NULL)
		px_guard_undone(x);
}

static void total_done(struct pgproxy *x, const char *sqlstate)
{
	(void)sqlstate;
	if (x->wait == WAIT_GUARD)
		hold_soon(x);
}

/* Asked once everything is undone; a table that was never looked at has no number. */
static void total_ask(struct pgproxy *x)
{
	struct buf sql;

	buf_init(&sql, 4096);
	if (x->guard.unknown == NULL && px_effect_total(x->guard.text, &sql))
		(void)px_own_extended(x, "rows of the table, for the approver", buf_cstr(&sql), total_row, total_done, false);
	else
		hold_soon(x);
	buf_clear(&sql);
	px_flush(x);
}

static void undone(struct pgproxy *x, const char *sqlstate)
{
	struct px_guard *g = &x->guard;

	if (x->wait != WAIT_GUARD)
		return;
	if (sqlstate[0] != '\0') {
		g->must_sync = g->extended;
		if (++g->undo_tries < UNDO_TRIES)
			undo(x);
		else
			gave_up(x);
		return;
	}
	x->status = g->in_block || g->extended ? 'T' : 'I';
	g->ours = g->ours && g->extended;
	total_ask(x);
}

static void synced(struct pgproxy *x, const char *sqlstate)
{
	(void)sqlstate;
	if (x->wait == WAIT_GUARD)
		undo(x);
}

/* The server skips everything up to a Sync of ours. */
static void resync(struct pgproxy *x, void (*done)(struct pgproxy *, const char *))
{
	struct px_exp *e;

	px_up_empty(x->to_up, px_record_own(x, "guard: after the error", "Sync"), 'S');
	e = px_expect(x, EXP_SYNC);
	e->own = true;
	e->done = done;
	x->guard.must_sync = false;
	x->skip = false;
}

static void undo(struct pgproxy *x)
{
	struct px_guard *g = &x->guard;

	if (g->must_sync) {
		resync(x, synced);
	} else if (g->extended || g->in_block) {
		own_savepoint(x, "guard: undo", undo_sql, NULL, true);
		own_savepoint(x, "guard: undo", release_sql, undone, false);
	} else {
		own(x, "guard: undo", rollback_sql, undone, false);
	}
	px_flush(x);
}

/* ---- kept ---- */

/* A transaction of our own around a simple query: the server would have committed before it said so. */
static void committed(struct pgproxy *x, const char *sqlstate)
{
	struct px_guard *g = &x->guard;

	if (x->wait != WAIT_GUARD)
		return;
	if (sqlstate[0] == '\0') {
		kept_emit(x, 0);
	} else {
		kept_emit(x, buf_len(&g->kept) - g->last_tag);
		buf_put_span(&x->out, buf_span(&g->commit_error));
	}
	buf_clear(&g->commit_error);
	g->ours = false;
	ready_emit(x);
	guard_finish(x);
}

static void rolled_back(struct pgproxy *x, const char *sqlstate)
{
	(void)sqlstate;
	if (x->wait != WAIT_GUARD)
		return;
	x->guard.ours = false;
	kept_emit(x, 0);
	ready_emit(x);
	guard_finish(x);
}

static void keep_query(struct pgproxy *x)
{
	struct px_guard *g = &x->guard;

	if (!g->in_block) {
		own(x, "guard: the end of its transaction", g->failed ? rollback_sql : commit_sql, g->failed ? rolled_back : committed,
		    false);
		px_flush(x);
		return;
	}
	kept_emit(x, 0);
	ready_emit(x);
	if (!g->failed)
		own_savepoint(x, "guard: within the limit", release_sql, NULL, false);
	guard_finish(x);
}

static void keep_extended(struct pgproxy *x)
{
	kept_emit(x, 0);
	x->own_tells = true; /* a late cancel may hit it: then the client's batch has failed, and it hears so */
	if (!x->guard.failed)
		own_savepoint(x, "guard: within the limit", release_sql, NULL, true);
	x->own_tells = false;
	guard_finish(x);
}

static void guard_ended(struct pgproxy *x);

static void counted(struct pgproxy *x, const char *sqlstate)
{
	struct px_guard *g = &x->guard;

	if (x->wait != WAIT_GUARD)
		return;
	if (sqlstate[0] != '\0' || g->before < 0 || g->after < g->before)
		g->unknown = "the rows that foreign keys carry it on to could not be counted";
	else if ((uint64_t)(g->after - g->before) > g->rows)
		g->rows = (uint64_t)(g->after - g->before);
	g->must_sync = sqlstate[0] != '\0' && g->extended;
	guard_ended(x);
}

/* A simple query that the server skipped, as the transaction around it did not begin: the client has read why. */
static void not_begun(struct pgproxy *x, const char *sqlstate)
{
	(void)sqlstate;
	if (x->wait != WAIT_GUARD)
		return;
	x->guard.ours = false;
	ready_emit(x);
	guard_finish(x);
}

/* The guarded statement has ended, one way or the other. */
static void guard_ended(struct pgproxy *x)
{
	struct px_guard *g = &x->guard;

	loop_cancel(x->p.loop, g->timer);
	g->timer = NULL;
	g->runs = false;
	/* Also beyond the limit: what is approved is the whole effect, and it is compared with when it runs. */
	if (g->carried && !g->counted && !g->failed && g->unknown == NULL) {
		g->counted = true;
		(void)px_own_extended(x, "guard: rows changed by it", count_sql, after_row, counted, false);
		px_flush(x);
		return;
	}
	if (!g->extended && !g->in_block && !g->began) {
		resync(x, not_begun);
		px_flush(x);
	} else if (g->extended && g->failed && !g->saved) {
		keep_extended(x); /* something before it failed: it has not run */
	} else if (g->unknown != NULL || (!g->failed && g->rows > (uint64_t)g->limit)) {
		g->must_sync |= g->failed && g->extended;
		undo(x);
	} else if (g->extended) {
		keep_extended(x);
	} else {
		keep_query(x);
	}
}

/* ---- watching it ---- */

static void cancel(struct pgproxy *x, const char *unknown)
{
	x->guard.unknown = unknown;
	px_cancel_upstream(x, "the gateway");
}

static void too_long(void *ctx)
{
	struct pgproxy *x = ctx;

	x->guard.timer = NULL;
	if (x->guard.runs)
		cancel(x, "it did not end within 5 s, or waited for a lock");
	px_flush(x);
}

bool px_guard_keeps(const struct pgproxy *x)
{
	return x->guard.runs && x->exp_head != NULL && x->exp_head->guarded;
}

void px_guard_swap(struct pgproxy *x)
{
	struct buf real = x->out;

	x->out = x->guard.kept;
	x->guard.kept = real;
	x->guard.swapped = !x->guard.swapped;
}

void px_guard_row(struct pgproxy *x)
{
	struct px_guard *g = &x->guard;

	if (g->unknown == NULL && (buf_err(&x->out) != 0 || buf_len(&x->out) > KEPT_MAX / 2))
		cancel(x, "it returns more than the gateway keeps back");
	/* nobody will see them */
	if (g->unknown != NULL || (px_guard_keeps(x) && x->exp_head->rows > (uint64_t)g->limit))
		buf_reset(&x->out);
}

void px_guard_tag(struct pgproxy *x, const struct px_exp *e, char *tag, size_t cap)
{
	struct px_guard *g = &x->guard;
	const struct sql_facts *f = &e->text->facts;
	const char *n = strrchr(tag, ' ');
	size_t len = strlen(tag);

	g->last_tag = buf_len(&x->out);
	if (strcmp(tag, "PREPARE") == 0 ||
	    (e->stmt < f->n_stmts && (f->stmts[e->stmt].flags & SQLF_MEASURE) == 0 && f->stmts[e->stmt].rows == 0))
		return;
	if (n == NULL || n[1] < '0' || n[1] > '9')
		g->unknown = "its answer has no number of rows";
	else
		g->rows += strtoull(n + 1, NULL, 10);
	if (g->unknown != NULL || g->rows > (uint64_t)g->limit)
		(void)snprintf(tag + len, cap - len, " (rolled back)");
}

void px_guard_error(struct pgproxy *x)
{
	x->guard.failed |= x->guard.runs;
}

void px_guard_commit_error(struct pgproxy *x, const struct px_exp *e, struct span body)
{
	struct px_guard *g = &x->guard;

	if (e->done != committed)
		return;
	buf_init(&g->commit_error, 65536);
	px_scrub_commit(x, g->text, body, &g->commit_error);
}

void px_guard_check(struct pgproxy *x)
{
	if (x->guard.runs && !x->guard.flying && x->phase == PX_RELAY)
		guard_ended(x);
}

/* ---- beginning ---- */

static bool one_block(const struct px_text *t)
{
	const unsigned moves = SQLF_TX_BEGIN | SQLF_TX_END | SQLF_ROLLBACK | SQLF_SAVEPOINT | SQLF_DISCARD | SQLF_COPY_IN | SQLF_COPY_OUT;

	return t->facts.n_stmts > 0 && (t->facts.flags & moves) == 0;
}

/* The state of the transaction is known as of the last answer; a batch that is on its way may only have added to it. What
 * runs before it has its own time, too. */
static bool block_known(const struct pgproxy *x)
{
	for (const struct px_exp *e = x->exp_head; e != NULL; e = e->next)
		if (e->kind == EXP_SYNC || e->kind == EXP_QUERY || (e->kind == EXP_EXECUTE && !e->own))
			return false;
	return true;
}

static bool in_block(const struct pgproxy *x)
{
	return (x->status != 'I' && !x->tx_ended) || x->tx_begun;
}

static void began(struct pgproxy *x, const char *sqlstate)
{
	x->guard.began = sqlstate[0] == '\0';
}

static void saved(struct pgproxy *x, const char *sqlstate)
{
	x->guard.saved = sqlstate[0] == '\0';
}

static void guard_start(struct pgproxy *x, struct px_text *t, bool extended, int64_t approved)
{
	struct px_guard *g = &x->guard;
	bool ours = g->ours;
	uint64_t salt;

	px_guard_clear(x);
	g->text = t;
	px_text_ref(t);
	g->extended = extended;
	g->in_block = ours || in_block(x);
	g->ours = ours;
	crypto_random(&salt, sizeof(salt));
	(void)snprintf(g->savepoint, sizeof(g->savepoint), "sallyport_%016llx", (unsigned long long)salt);
	g->limit = approved >= 0 ? approved + approved / 10 : t->j.guard_rows;
	g->total = g->before = g->after = -1;
	g->carried = (t->facts.flags & SQLF_CARRIED) != 0;
	g->runs = g->flying = true;
	g->timer = loop_after(x->p.loop, PX_GUARD_MS, too_long, x);
	x->wait = WAIT_GUARD;
	if (!g->in_block)
		g->ours = true;
	x->own_tells = true; /* a failed transaction says so here already */
	/* In the extended protocol also for a simple query: when it fails, the server skips what follows. */
	if (!g->in_block)
		(void)px_own_extended(x, "guard: a transaction to undo it", begin_sql, NULL, began, true);
	if (g->in_block || extended)
		own_savepoint(x, "guard: a savepoint to undo it", save_sql, saved, true);
	x->own_tells = false;
	if (g->carried)
		(void)px_own_extended(x, "guard: rows changed before it", count_sql, before_row, NULL, extended);
}

enum px_taken px_guard_query(struct pgproxy *x, const struct pg_msg *m, struct px_text *t, struct span sql, int64_t approved,
    bool recorded)
{
	if (!one_block(t) || x->ext_open) {
		judge_beyond(x, t, "unknown");
		px_hold_begin(x, &(struct px_hold_ask){.text = t, .sql = sql, .effect_rows = -1,
		    .effect = "unknown: in one message with other transaction control"});
		return PX_LATER;
	}
	guard_start(x, t, false, approved);
	px_text_ref(t);
	px_query_forward(x, m, t, sql, recorded);
	x->exp_last->guarded = true;
	return PX_LATER;
}

/* A portal that ran and was undone does not run twice. recorded: with its values in the record that was released; else the
 * record of its Execute will have them. */
void px_guard_bind_again(struct pgproxy *x, struct px_portal *p, bool recorded)
{
	struct pg_msg bind = {'B', span_of(p->bind, p->n_bind)};
	struct rec_ticket leave = px_record_own(x, "guard: the portal again", "Bind");
	struct buf b;

	buf_init(&b, 1024);
	pg_put_close_target(&b, 'P', span_str(p->name));
	px_up_put(x->to_up, leave, &b);
	buf_clear(&b);
	px_expect(x, EXP_CLOSE)->own = true;
	px_up_msg(x->to_up, recorded ? x->hold.leave : px_pass(x), &bind);
	x->n_unrecorded += !recorded && p->recorded;
	p->recorded = p->recorded && recorded;
	px_expect(x, EXP_BIND)->own = true;
	p->undone = false;
}

enum px_taken px_guard_execute(struct pgproxy *x, const struct pg_msg *m, struct px_portal *p, const struct pg_execute *ex,
    int64_t approved, bool recorded)
{
	struct px_text *t = p->text;
	struct px_hold_ask ask;
	struct pg_bind b;

	if (!block_known(x)) {
		px_wait_drain(x);
		return PX_LATER;
	}
	if (!px_ask_portal(x, p, &b, &ask))
		return px_refuse_text(x, true, "55000", "the policy has changed since the portal was bound", "bind it again"), PX_TAKEN;
	if (ex->max_rows > 0 && recorded)
		return px_refuse_text(x, true, "55000", "what was approved is a number of rows, so it runs in one piece",
			   "execute it without a limit of rows"), PX_TAKEN;
	if (!one_block(t) || ex->max_rows > 0) {
		judge_beyond(x, t, "unknown");
		ask.effect = "unknown: its rows are asked for in portions";
		px_hold_begin(x, &ask);
		return PX_LATER;
	}
	guard_start(x, t, true, approved);
	px_execute_forward(x, m, p, ex->portal, recorded);
	x->exp_last->guarded = true;
	px_ask_answers(x);
	return PX_LATER;
}

/* ---- the transaction of our own around a batch ---- */

bool px_guard_sync(struct pgproxy *x)
{
	if (!x->guard.ours)
		return false;
	x->own_tells = true; /* the commit of the client's batch may fail: a deferred constraint */
	if (!x->skip)
		(void)px_own_extended(x, "guard: the end of its transaction", commit_sql, NULL, NULL, true);
	x->own_tells = false;
	return true;
}

static void block_left(struct pgproxy *x, const char *sqlstate)
{
	(void)sqlstate;
	ready_emit(x);
}

bool px_guard_ready(struct pgproxy *x)
{
	bool ours = x->guard.ours;

	x->guard.ours = false;
	if (!ours || x->status == 'I')
		return false;
	own_query(x, "guard: the end of its transaction", x->status == 'E' ? rollback_sql : commit_sql, block_left);
	x->exp_last->tell = true;
	px_flush(x);
	return true;
}
