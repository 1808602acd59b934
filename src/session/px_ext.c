/* SPDX-License-Identifier: Apache-2.0
 *
 * The extended query protocol: Parse can only deny, Bind gives a portal its values and its plan, the first Execute decides
 * whether it runs. Names mean what px_names.c says once the answers they hang on are there.
 * Source: PostgreSQL documentation 55.2.3, 55.2.4 and 55.7.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "session/px_front.h"

static void refuse_extended(struct pgproxy *x, const struct px_text *t, struct span sql, struct span name)
{
	(void)px_record_statement(x, "parse", t, sql, name, NULL, false);
	px_refuse_j(x, true, &t->j);
}

/* A refusal outside an open batch is told in its turn. True: the message waits. */
static bool refusal_waits(struct pgproxy *x)
{
	if (x->exp_head == NULL || x->ext_open)
		return false;
	px_wait_drain(x);
	return true;
}

/* What a name means hangs on answers that are due. True: the message waits. */
static bool unsettled(struct pgproxy *x, bool settled)
{
	if (!settled)
		px_wait_drain(x);
	return !settled;
}

/* A Parse that fails has dropped the unnamed statement before, unless it was skipped. */
static void unnamed_gone(struct pgproxy *x)
{
	struct px_exp *e = x->exp_last;

	if (e == NULL || !e->poison) {
		px_stmt_drop(x, span_str(""));
		return;
	}
	px_exp_takes_stmt(x, e, span_str(""));
}

static void parse_forward(struct pgproxy *x, const struct pg_msg *m, const struct pg_parse *p, struct px_text *t)
{
	struct rec_ticket leave = px_record_statement(x, "parse", t, p->sql, p->name, NULL, true);
	struct px_stmt *s;
	struct px_exp *e;

	px_forward(x, m, leave);
	e = px_expect(x, EXP_PARSE);
	e->text = t; /* its errors speak of it */
	px_text_ref(t);
	e->seq = leave.seq;
	px_exp_takes_stmt(x, e, p->name);
	s = px_stmt_set(x, p->name, t);
	if (s != NULL)
		px_stmt_types(s, p->types.p, p->n_types);
	else
		px_fatal(x, "54000", "too many prepared statements on this connection", "", "limit");
	x->ext_open = true;
}

enum px_taken px_on_parse(struct pgproxy *x, const struct pg_msg *m)
{
	struct pg_parse p;
	struct px_text *t;
	bool taken;

	if (pg_read_parse(m->body, &p) != 0)
		return px_end(x, "malformed Parse"), PX_TAKEN;
	taken = p.name.n > 0 && px_stmt_find(x, p.name) != NULL;
	t = px_text_get_typed(x, p.sql, span_of(p.types.p, (size_t)p.n_types * 4));
	if (t->j.verdict == VERDICT_DENY || taken) {
		if (refusal_waits(x) || (taken && unsettled(x, px_stmt_settled(x, p.name)))) {
			px_text_unref(t);
			return PX_LATER;
		}
		if (t->j.verdict == VERDICT_DENY)
			refuse_extended(x, t, p.sql, p.name);
		else
			px_refuse_text(x, true, "42P05", "prepared statement already exists", "");
		if (p.name.n == 0)
			unnamed_gone(x);
		px_text_unref(t);
		return PX_TAKEN;
	}
	parse_forward(x, m, &p, t);
	px_text_unref(t);
	return PX_TAKEN;
}

static void bind_keep(struct px_portal *p, const struct pg_bind *b, const struct pg_msg *m)
{
	p->n_formats = b->n_result_formats;
	if (b->result_formats.n > 0) {
		p->formats = xcalloc(1, b->result_formats.n);
		memcpy(p->formats, b->result_formats.p, b->result_formats.n);
	}
	p->bind = xcalloc(1, m->body.n);
	memcpy(p->bind, m->body.p, m->body.n);
	p->n_bind = m->body.n;
}

#define BIND_KEPT 65536 /* bytes of a Bind that waits for its Execute */

/* Is its way decided at Execute? Then its Bind is kept until that has come. */
static bool may_hold(const struct px_text *t)
{
	return t->late || t->j.verdict != VERDICT_ALLOW;
}

/* A Bind that was forwarded and not yet executed is recorded with its values before anything leaves. */
static struct rec_ticket portal_record(struct pgproxy *x, struct px_portal *p, const char *proto)
{
	struct pg_bind b = {0};
	bool have = p->bind != NULL && pg_read_bind(span_of(p->bind, p->n_bind), &b) == 0;
	struct rec_ticket t = px_record_statement(x, proto, p->text, span_of(p->text->sql, p->text->n_sql), have ? b.stmt : span_str(p->stmt),
	    have ? &b : NULL, true);

	if (!p->recorded)
		px_up_pay(x->to_up, t);
	p->recorded = true;
	/* The approver will want to read the parameters, and so does who reads the record of an Execute that comes later. */
	if (may_hold(p->text) || (strcmp(proto, "bind") == 0 && p->n_bind <= BIND_KEPT))
		return t;
	free(p->bind);
	p->bind = NULL;
	p->n_bind = 0;
	return t;
}

void px_portals_record(struct pgproxy *x)
{
	if (x->n_unrecorded == 0)
		return;
	for (struct px_portal *p = x->portals; p != NULL; p = p->next)
		if (!p->recorded)
			(void)portal_record(x, p, "bind");
	x->n_unrecorded = 0;
}

static enum px_taken refuse_later(struct pgproxy *x, const char *sqlstate, const char *msg, const char *hint)
{
	if (refusal_waits(x))
		return PX_LATER;
	px_refuse_text(x, true, sqlstate, msg, hint);
	return PX_TAKEN;
}

static enum px_taken bound_refuse(struct pgproxy *x, const struct px_text *t, struct span name)
{
	if (refusal_waits(x))
		return PX_LATER;
	if (t->j.verdict == VERDICT_DENY)
		refuse_extended(x, t, span_of(t->sql, t->n_sql), name);
	else
		px_refuse_copy(x, true);
	return PX_TAKEN;
}

/* The portal as it will be. What had the name is kept until the server has agreed: after an error it is still there. */
static bool bind_forward(struct pgproxy *x, const struct pg_msg *m, const struct pg_bind *b, const struct px_stmt *s)
{
	struct px_portal *p = px_portal_find(x, b->portal);
	struct px_exp *e;

	if (p != NULL && !p->recorded)
		(void)portal_record(x, p, "bind");
	px_forward(x, m, px_pass(x)); /* its values are owed: portal_record() */
	e = px_expect(x, EXP_BIND);
	e->text = s->text;
	px_text_ref(s->text);
	px_exp_takes_portal(x, e, b->portal);
	x->ext_open = true;
	p = px_portal_set(x, b->portal, s);
	if (p == NULL) {
		px_fatal(x, "54000", "too many portals on this connection", "", "limit");
		return false;
	}
	bind_keep(p, b, m);
	x->n_unrecorded++;
	return true;
}

enum px_taken px_on_bind(struct pgproxy *x, const struct pg_msg *m)
{
	struct pg_bind b;
	struct px_stmt *s;

	if (pg_read_bind(m->body, &b) != 0)
		return px_end(x, "malformed Bind"), PX_TAKEN;
	if (unsettled(x, px_stmt_settled(x, b.stmt)))
		return PX_LATER;
	s = px_stmt_find(x, b.stmt);
	if (s == NULL)
		return refuse_later(x, "26000", "prepared statement does not exist", "");
	if (!s->text->late)
		px_text_judge(x, s->text); /* the policy or the catalogue may have moved since Parse */
	if (s->text->j.verdict == VERDICT_DENY)
		return bound_refuse(x, s->text, b.stmt);
	(void)bind_forward(x, m, &b, s);
	return PX_TAKEN;
}

/* Its names were resolved when it was bound: what is known of the catalogue now says nothing about it. */
static bool portal_distrust(const struct pgproxy *x, const struct px_portal *p)
{
	return p->distrust || p->catalog_epoch != x->catalog_epoch;
}

enum px_taken px_on_describe(struct pgproxy *x, const struct pg_msg *m)
{
	struct pg_target t;
	struct px_exp *e;
	struct px_stmt *s = NULL;
	struct px_portal *p = NULL;

	if (pg_read_target(m->body, &t) != 0)
		return px_end(x, "malformed Describe"), PX_TAKEN;
	if (unsettled(x, t.kind == 'S' ? px_stmt_settled(x, t.name) : px_portal_settled(x, t.name)))
		return PX_LATER;
	if (t.kind == 'S')
		s = px_stmt_find(x, t.name);
	else
		p = px_portal_find(x, t.name);
	px_forward(x, m, px_pass(x));
	e = px_expect(x, EXP_DESCRIBE);
	e->stmt_target = t.kind == 'S';
	e->text = s != NULL ? s->text : p != NULL ? p->text : NULL;
	if (e->text != NULL)
		px_text_ref(e->text);
	if (p != NULL) {
		e->portal_name = xstrdup(p->name);
		e->distrust |= portal_distrust(x, p);
	}
	x->ext_open = true;
	return PX_TAKEN;
}

/* Masking must know the columns before the first row: ask when the client did not. */
static void describe_inject(struct pgproxy *x, struct px_portal *p, struct span name)
{
	struct px_plan *plan = p->text->plan;
	struct px_exp *last = x->exp_last;
	struct px_exp *e;
	struct buf b;

	if (last != NULL && last->kind == EXP_DESCRIBE && last->portal_name != NULL && strcmp(last->portal_name, p->name) == 0)
		return; /* the client has just asked for this portal */
	if (plan != NULL && !p->text->late && !plan->distrust && !x->catalog_stale && !portal_distrust(x, p) &&
	    plan->view_seq == x->view_seq && plan->catalog_epoch == x->catalog_epoch && clock_mono_us() - plan->made_us < 1000000)
		return;
	buf_init(&b, PG_SMALL_MAX + 64);
	pg_put_describe(&b, 'P', name);
	px_up_put(x->to_up, px_record_own(x, "columns of the portal, for masking", "Describe"), &b);
	buf_clear(&b);
	e = px_expect(x, EXP_DESCRIBE);
	e->own = true;
	e->distrust |= portal_distrust(x, p);
	e->text = p->text;
	px_text_ref(e->text);
}

void px_execute_forward(struct pgproxy *x, const struct pg_msg *m, struct px_portal *p, struct span portal, bool recorded)
{
	struct rec_ticket leave = x->hold.leave;
	struct px_exp *e;

	if (p->undone)
		px_guard_bind_again(x, p, recorded);
	describe_inject(x, p, portal);
	if (!p->recorded && x->n_unrecorded > 0)
		x->n_unrecorded--;
	if (!recorded)
		leave = portal_record(x, p, "execute");
	if (p->text->j.verdict == VERDICT_WARN)
		px_warn_notice(x, &p->text->j);
	p->ran = true;
	px_forward(x, m, leave);
	e = px_expect(x, EXP_EXECUTE);
	e->text = p->text;
	px_text_ref(e->text);
	e->seq = recorded ? x->hold_seq : leave.seq;
	e->n_formats = p->n_formats;
	if (p->n_formats > 0) {
		e->formats = xcalloc(p->n_formats, 2);
		memcpy(e->formats, p->formats, (size_t)p->n_formats * 2);
	}
	px_tx_note(x, p->text);
	px_barrier_set(x, e, true);
	x->ext_open = true;
}

bool px_ask_portal(struct pgproxy *x, const struct px_portal *p, struct pg_bind *bind, struct px_hold_ask *ask)
{
	const struct px_stmt *s = px_stmt_find(x, span_str(p->stmt));

	if (p->bind == NULL || pg_read_bind(span_of(p->bind, p->n_bind), bind) != 0)
		return false;
	*ask = (struct px_hold_ask){.text = p->text, .sql = span_of(p->text->sql, p->text->n_sql), .bind = bind, .types = p->types,
	    .n_types = p->n_types, .other_stmt = s == NULL || s->id != p->stmt_id, .effect_rows = -1};
	return true;
}

/* Could the server mean something else by it than what is being judged? A portal whose names were resolved for a write, or
 * for anything that is not simply let through, is executed behind its Bind or not at all. */
static bool portal_strayed(struct pgproxy *x, const struct px_portal *p)
{
	const struct px_text *t = p->text;
	const struct px_stmt *s;

	if (p->undone) {
		s = px_stmt_find(x, span_str(p->stmt));
		if (s == NULL || s->id != p->stmt_id)
			return true;
	}
	return p->moves != x->moves &&
	    (p->undone || t->late || t->j.verdict <= VERDICT_MEASURE || p->bound <= VERDICT_MEASURE ||
		(p->catalog_epoch != x->catalog_epoch && (t->facts.flags & SQLF_WRITES) != 0));
}

/* The first Execute decides: here the server resolves what a utility statement speaks of, and here it runs. Whatever is
 * decided now was described, resolved and planned at Bind: nothing that could change its meaning may have come between. */
static enum px_taken execute_decide(struct pgproxy *x, struct px_portal *p, bool release)
{
	struct px_text *t = p->text;
	struct px_hold_ask ask;
	struct pg_bind b = {0};

	if (t->by_name && unsettled(x, px_names_settled(x)))
		return PX_LATER;
	px_text_judge(x, t);
	if (portal_strayed(x, p))
		return refuse_later(x, "55000", "the portal was bound before other messages, so what it means may have changed",
		    "bind it again and execute it at once");
	if (t->j.verdict == VERDICT_DENY || px_copy_refused(x, t))
		return bound_refuse(x, t, span_str(p->stmt));
	if (!px_text_holds(t) || release)
		return PX_GO;
	if (!px_ask_portal(x, p, &b, &ask))
		return refuse_later(x, "55000", "the policy has changed since the portal was bound", "bind it again");
	px_hold_begin(x, &ask);
	return PX_LATER;
}

enum px_taken px_on_execute(struct pgproxy *x, const struct pg_msg *m)
{
	bool release = x->hold.release;
	enum px_taken way = PX_GO;
	struct pg_execute ex;
	struct px_portal *p;

	if (pg_read_execute(m->body, &ex) != 0)
		return px_end(x, "malformed Execute"), PX_TAKEN;
	x->hold.release = false;
	if (unsettled(x, px_portal_settled(x, ex.portal)))
		return PX_LATER;
	p = px_portal_find(x, ex.portal);
	if (p == NULL)
		return refuse_later(x, "34000", "portal does not exist",
		    "cursors declared in SQL are read by FETCH through the gateway");
	if (!p->ran)
		way = execute_decide(x, p, release);
	if (way != PX_GO)
		return way;
	if (!p->ran && p->text->j.verdict == VERDICT_MEASURE && (!release || x->hold.approved_rows >= 0))
		return px_guard_execute(x, m, p, &ex, release ? x->hold.approved_rows : -1, release);
	px_execute_forward(x, m, p, ex.portal, release);
	return PX_TAKEN;
}

enum px_taken px_on_close(struct pgproxy *x, const struct pg_msg *m)
{
	struct pg_target t;
	struct px_exp *e;

	if (pg_read_target(m->body, &t) != 0)
		return px_end(x, "malformed Close"), PX_TAKEN;
	if (unsettled(x, t.kind == 'P' ? px_portal_settled(x, t.name) : px_stmt_settled(x, t.name)))
		return PX_LATER;
	px_forward(x, m, px_pass(x));
	e = px_expect(x, EXP_CLOSE);
	x->ext_open = true;
	if (t.kind == 'P') {
		px_portals_record(x);
		px_exp_takes_portal(x, e, t.name);
		return PX_TAKEN;
	}
	px_exp_takes_stmt(x, e, t.name);
	return PX_TAKEN;
}

enum px_taken px_on_sync(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e;
	bool waits;

	if (x->copy_in)
		return PX_TAKEN; /* the server ignores it there, so no answer may be expected */
	waits = px_guard_sync(x);
	px_forward(x, m, px_pass(x));
	e = px_expect(x, EXP_SYNC);
	if (waits)
		px_exp_barrier(x, e);
	x->ext_open = x->tx_ended = x->tx_begun = false;
	x->skip = false;
	return PX_TAKEN;
}

enum px_taken px_on_flush(struct pgproxy *x, const struct pg_msg *m)
{
	px_forward(x, m, px_pass(x));
	return PX_TAKEN;
}
