/* SPDX-License-Identifier: Apache-2.0
 *
 * What the client sends after the welcome: one handler per message type, in a table. Each statement is judged,
 * recorded and only then appended for the server; a refusal has the effect of a server error (poison, see
 * px_refuse()). Source: PostgreSQL documentation 55.2.2-55.2.4 and 55.7.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "session/px.h"

/* Verdict of a handler: the message is done with, or it has to be looked at again after a pause. GO, of a part of a
 * handler: nothing stands in its way. */
enum taken { TAKEN, LATER, GO };

static void forward(struct pgproxy *x, const struct pg_msg *m)
{
	/* Close gives up a name, Parse a meaning; Query and Execute may do anything. Bind and Describe leave all as it is. */
	static const char moves[] = "QPEC";

	x->moves += memchr(moves, m->type, sizeof(moves) - 1) != NULL;
	pg_put_msg(&x->up_out, m);
}

/* Look at this message again when everything in flight is answered. */
static void wait_drain(struct pgproxy *x)
{
	x->wait = WAIT_DRAIN;
	if (x->ext_open)
		pg_put_empty(&x->up_out, 'H'); /* no Sync is on its way: without a Flush the server would sit on the answers */
}

/* ---- refusals ---- */

/* Something of the current transaction is already with the server, so the server itself must fail it. */
static bool needs_poison(const struct pgproxy *x)
{
	return !x->ext_failed && (x->ext_open || x->status == 'T');
}

/* Called with an empty queue unless extended messages are in flight. */
void px_refuse(struct pgproxy *x, bool extended, const struct pg_notice *n)
{
	static const char bad[] = "sallyport: this statement was refused";
	struct buf b;
	struct px_exp *e;

	px_record_kv(x, REC_ERROR, "sqlstate", n->sqlstate, "message", n->message, "hint", n->hint);
	buf_init(&b, 65536);
	pg_put_error(&b, n);
	if (needs_poison(x)) {
		px_record_own(x, "refusal: fail the transaction", bad);
		e = px_expect(x, extended ? EXP_PARSE : EXP_QUERY);
		e->poison = true;
		e->local = b;
		if (extended)
			pg_put_parse(&x->up_out, span_str("sallyport_refused"), span_str(bad), NULL, 0);
		else
			pg_put_query(&x->up_out, span_str(bad));
		if (!extended)
			x->ext_open = false;
	} else {
		if (!extended)
			pg_put_ready(&b, (uint8_t)x->status);
		px_local(x, &b);
	}
	if (extended)
		x->skip = true;
	x->ext_failed = false;
}

void px_refuse_j(struct pgproxy *x, bool extended, const struct judgement *j)
{
	char msg[320], detail[256];
	struct pg_notice n = {.severity = "ERROR", .sqlstate = "42501", .message = msg, .detail = detail, .hint = j->hint};

	snprintf(msg, sizeof(msg), "refused: %s (class %s)", j->reason, sql_class_name(j->cls));
	snprintf(detail, sizeof(detail), "rule=%s policy=%u session=%s retry=no", j->rule, x->view.epoch, x->sid);
	px_refuse(x, extended, &n);
}

static void refuse_text(struct pgproxy *x, bool extended, const char *sqlstate, const char *msg, const char *hint)
{
	struct pg_notice n = {.severity = "ERROR", .sqlstate = sqlstate, .message = msg, .hint = hint};

	px_refuse(x, extended, &n);
}

/* ---- simple query ---- */

static void tx_note(struct pgproxy *x, const struct px_text *t)
{
	px_expire_note(x, t);
	if ((t->facts.flags & (SQLF_WRITES | SQLF_LOCKS)) != 0)
		x->tx_wrote = true;
	/* What was read of the catalogue inside a transaction goes with it: SET LOCAL, DDL, a subtransaction's SET. */
	if ((t->facts.flags & SQLF_CATALOG) != 0 ||
	    ((t->facts.flags & (SQLF_ROLLBACK | SQLF_TX_END)) != 0 && x->views_stale))
		x->catalog_stale = true;
}

static void warn_notice(struct pgproxy *x, const struct judgement *j)
{
	char msg[320];
	struct pg_notice n = {.severity = "WARNING", .sqlstate = "01000", .message = msg, .hint = j->hint};
	struct buf b;

	snprintf(msg, sizeof(msg), "policy warning: %s (rule %s)", j->reason, j->rule);
	buf_init(&b, 4096);
	pg_put_notice(&b, &n);
	px_local(x, &b);
}

/* Does this change which names exist, or turn the connection round for COPY? What follows then waits for its answer:
 * the map of names stays exact, and the server reads nothing as something else. */
static bool is_barrier(const struct px_text *t)
{
	static const char *const tags[] = {"PREPARE", "DEALLOCATE", "DECLARE", "CLOSE", "DISCARD"};

	if (t->by_name || (t->facts.flags & (SQLF_COPY_IN | SQLF_DISCARD)) != 0)
		return true;
	for (size_t i = 0; i < t->facts.n_stmts; i++)
		for (size_t k = 0; k < sizeof(tags) / sizeof(tags[0]); k++)
			if (strcmp(t->facts.stmts[i].tag, tags[k]) == 0)
				return true;
	return false;
}

static void barrier_set(struct pgproxy *x, struct px_exp *e, bool extended)
{
	e->barrier = is_barrier(e->text);
	x->n_barrier += e->barrier;
	if (e->barrier && extended)
		pg_put_empty(&x->up_out, 'H'); /* the Sync behind it waits, too */
}

/* A simple query drops the unnamed statement before it does anything else. */
static void unnamed_drop(struct pgproxy *x, struct px_exp *e)
{
	e->stmt_old = px_stmt_detach(x, span_str(""));
	e->undo_stmt = e->stmt_old != NULL;
	e->name = e->undo_stmt ? xstrndup("", 0) : NULL;
}

static void query_forward(struct pgproxy *x, const struct pg_msg *m, struct px_text *t, struct span sql, bool recorded)
{
	struct px_exp *e;
	int64_t seq = recorded ? 0 : px_record_statement(x, "query", t, sql, span_str(""), NULL, true);

	if (t->j.verdict == VERDICT_WARN)
		warn_notice(x, &t->j);
	forward(x, m);
	tx_note(x, t);
	e = px_expect(x, EXP_QUERY);
	e->text = t; /* takes the caller's reference */
	e->seq = recorded ? x->hold_seq : (uint64_t)(seq > 0 ? seq : 0);
	x->ext_open = x->tx_ended = false;
	unnamed_drop(x, e);
	barrier_set(x, e, false);
}

/* Would COPY ... TO STDOUT carry columns that this role sees masked? Rows of COPY are not parsed. */
static bool copy_refused(struct pgproxy *x, struct px_text *t)
{
	return (t->facts.flags & SQLF_COPY_OUT) != 0 && !px_copy_clean(x, t);
}

static void refuse_copy(struct pgproxy *x, bool extended)
{
	refuse_text(x, extended, "42501", "refused: COPY … TO STDOUT of masked columns is not available",
	    "use SELECT (masked), name only clean columns, or ask for an unmasked view");
}

static void query_refuse(struct pgproxy *x, struct px_text *t, struct span sql)
{
	(void)px_record_statement(x, "query", t, sql, span_str(""), NULL, false);
	px_stmt_drop(x, span_str("")); /* as any simple query does */
	if (t->j.verdict == VERDICT_DENY)
		px_refuse_j(x, false, &t->j);
	else
		refuse_copy(x, false);
	px_text_unref(t);
}

static enum taken on_query(struct pgproxy *x, const struct pg_msg *m)
{
	struct span sql;
	struct px_text *t;
	bool refused, release = x->hold.release;

	if (pg_read_string(m->body, &sql) != 0)
		return px_end(x, "malformed Query"), TAKEN;
	x->hold.release = false;
	t = px_text_get(x, sql, true);
	/* What EXECUTE means is known when nothing that gives or takes names is on its way. */
	if (t->by_name && !release && x->exp_head != NULL) {
		px_text_unref(t);
		wait_drain(x);
		return LATER;
	}
	refused = t->j.verdict == VERDICT_DENY || copy_refused(x, t);
	/* The facts of a refusal or a hold need the exact transaction state: wait for what is in flight. */
	if ((refused || t->j.verdict == VERDICT_HOLD) && !release && x->exp_head != NULL) {
		px_text_unref(t);
		wait_drain(x);
		return LATER;
	}
	if (refused) {
		query_refuse(x, t, sql);
	} else if (t->j.verdict == VERDICT_HOLD && !release) {
		px_hold_begin(x, t, sql, NULL);
		px_text_unref(t);
		return LATER;
	} else {
		query_forward(x, m, t, sql, release);
	}
	return TAKEN;
}

/* ---- extended query ---- */

static void refuse_extended(struct pgproxy *x, const struct px_text *t, struct span sql, struct span name)
{
	(void)px_record_statement(x, "parse", t, sql, name, NULL, false);
	px_refuse_j(x, true, &t->j);
}

/* As far as it counts for the server. */
static char *name_copy(struct span name)
{
	return xstrndup(name.n > 0 ? (const char *)name.p : "", name.n < PX_NAME_LEN ? name.n : PX_NAME_LEN);
}

/* A refusal outside an open batch is told in its turn. True: the message waits. */
static bool refusal_waits(struct pgproxy *x)
{
	if (x->exp_head == NULL || x->ext_open)
		return false;
	wait_drain(x);
	return true;
}

/* What a name means hangs on answers that are due. True: the message waits. */
static bool unsettled(struct pgproxy *x, bool settled)
{
	if (!settled)
		wait_drain(x);
	return !settled;
}

static void parse_forward(struct pgproxy *x, const struct pg_msg *m, const struct pg_parse *p, struct px_text *t)
{
	int64_t seq = px_record_statement(x, "parse", t, p->sql, p->name, NULL, true);
	struct px_stmt *s;
	struct px_exp *e;

	forward(x, m);
	e = px_expect(x, EXP_PARSE);
	e->name = name_copy(p->name);
	e->seq = (uint64_t)(seq > 0 ? seq : 0);
	e->undo_stmt = true;
	e->stmt_old = px_stmt_detach(x, p->name);
	s = px_stmt_set(x, p->name, t);
	if (s != NULL)
		px_stmt_types(s, p->types.p, p->n_types);
	else
		px_fatal(x, "54000", "too many prepared statements on this connection", "", "limit");
	x->ext_open = true;
}

static enum taken on_parse(struct pgproxy *x, const struct pg_msg *m)
{
	struct pg_parse p;
	struct px_text *t;
	bool taken;

	if (pg_read_parse(m->body, &p) != 0)
		return px_end(x, "malformed Parse"), TAKEN;
	taken = p.name.n > 0 && px_stmt_find(x, p.name) != NULL;
	t = px_text_get(x, p.sql, false);
	if (t->j.verdict == VERDICT_DENY || taken) {
		if (refusal_waits(x) || (taken && unsettled(x, px_stmt_settled(x, p.name)))) {
			px_text_unref(t);
			return LATER;
		}
		if (t->j.verdict == VERDICT_DENY)
			refuse_extended(x, t, p.sql, p.name);
		else
			refuse_text(x, true, "42P05", "prepared statement already exists", "");
		px_text_unref(t);
		return TAKEN;
	}
	parse_forward(x, m, &p, t);
	px_text_unref(t);
	return TAKEN;
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

/* Is its way decided at Execute? Then its Bind is kept until that has come. */
static bool may_hold(const struct px_text *t)
{
	return t->late || t->j.verdict != VERDICT_ALLOW;
}

/* A Bind that was forwarded and not yet executed is recorded with its values before anything leaves. */
static void portal_record(struct pgproxy *x, struct px_portal *p, const char *proto, int64_t *seq)
{
	struct pg_bind b = {0};
	bool have = p->bind != NULL && pg_read_bind(span_of(p->bind, p->n_bind), &b) == 0;

	*seq = px_record_statement(x, proto, p->text, span_of(p->text->sql, p->text->n_sql), have ? b.stmt : span_str(p->stmt),
	    have ? &b : NULL, true);
	p->recorded = true;
	if (may_hold(p->text))
		return; /* the approver will want to read the parameters */
	free(p->bind);
	p->bind = NULL;
	p->n_bind = 0;
}

void px_portals_record(struct pgproxy *x)
{
	int64_t seq;

	if (x->n_unrecorded == 0)
		return;
	for (struct px_portal *p = x->portals; p != NULL; p = p->next)
		if (!p->recorded)
			portal_record(x, p, "bind", &seq);
	x->n_unrecorded = 0;
}

static enum taken refuse_later(struct pgproxy *x, const char *sqlstate, const char *msg, const char *hint)
{
	if (refusal_waits(x))
		return LATER;
	refuse_text(x, true, sqlstate, msg, hint);
	return TAKEN;
}

static enum taken bound_refuse(struct pgproxy *x, const struct px_text *t, struct span name)
{
	if (refusal_waits(x))
		return LATER;
	if (t->j.verdict == VERDICT_DENY)
		refuse_extended(x, t, span_of(t->sql, t->n_sql), name);
	else
		refuse_copy(x, true);
	return TAKEN;
}

/* The portal as it will be. What had the name is kept until the server has agreed: after an error it is still there. */
static bool bind_forward(struct pgproxy *x, const struct pg_msg *m, const struct pg_bind *b, const struct px_stmt *s)
{
	struct px_portal *p = px_portal_find(x, b->portal);
	struct px_portal *old;
	struct px_exp *e;
	int64_t seq;

	if (p != NULL && !p->recorded)
		portal_record(x, p, "bind", &seq);
	old = px_portal_detach(x, b->portal);
	p = px_portal_set(x, b->portal, s);
	if (p == NULL) {
		px_portal_free(old);
		px_fatal(x, "54000", "too many portals on this connection", "", "limit");
		return false;
	}
	bind_keep(p, b, m);
	x->n_unrecorded++;
	forward(x, m);
	e = px_expect(x, EXP_BIND);
	e->undo_portal = true;
	e->portal_name = xstrdup(p->name);
	e->portal_old = old;
	x->ext_open = true;
	return true;
}

static enum taken on_bind(struct pgproxy *x, const struct pg_msg *m)
{
	struct pg_bind b;
	struct px_stmt *s;

	if (pg_read_bind(m->body, &b) != 0)
		return px_end(x, "malformed Bind"), TAKEN;
	if (unsettled(x, px_stmt_settled(x, b.stmt)))
		return LATER;
	s = px_stmt_find(x, b.stmt);
	if (s == NULL)
		return refuse_later(x, "26000", "prepared statement does not exist", "");
	if (!s->text->late)
		px_text_judge(x, s->text); /* the policy or the catalogue may have moved since Parse */
	if (s->text->j.verdict == VERDICT_DENY)
		return bound_refuse(x, s->text, b.stmt);
	(void)bind_forward(x, m, &b, s);
	return TAKEN;
}

/* Its names were resolved when it was bound: what is known of the catalogue now says nothing about it. */
static bool portal_distrust(const struct pgproxy *x, const struct px_portal *p)
{
	return p->distrust || p->catalog_epoch != x->catalog_epoch;
}

static enum taken on_describe(struct pgproxy *x, const struct pg_msg *m)
{
	struct pg_target t;
	struct px_exp *e;
	struct px_stmt *s = NULL;
	struct px_portal *p = NULL;

	if (pg_read_target(m->body, &t) != 0)
		return px_end(x, "malformed Describe"), TAKEN;
	if (unsettled(x, t.kind == 'S' ? px_stmt_settled(x, t.name) : px_portal_settled(x, t.name)))
		return LATER;
	if (t.kind == 'S')
		s = px_stmt_find(x, t.name);
	else
		p = px_portal_find(x, t.name);
	forward(x, m);
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
	return TAKEN;
}

/* Masking must know the columns before the first row: ask when the client did not. */
static void describe_inject(struct pgproxy *x, struct px_portal *p, struct span name)
{
	struct px_plan *plan = p->text->plan;
	struct px_exp *last = x->exp_last;
	struct px_exp *e;

	if (last != NULL && last->kind == EXP_DESCRIBE && last->portal_name != NULL && strcmp(last->portal_name, p->name) == 0)
		return; /* the client has just asked for this portal */
	if (plan != NULL && !p->text->late && !plan->distrust && !x->catalog_stale && !portal_distrust(x, p) &&
	    plan->view_seq == x->view_seq && plan->catalog_epoch == x->catalog_epoch && clock_mono_us() - plan->made_us < 1000000)
		return;
	px_record_own(x, "columns of the portal, for masking", "Describe");
	pg_put_describe(&x->up_out, 'P', name);
	e = px_expect(x, EXP_DESCRIBE);
	e->own = true;
	e->distrust |= portal_distrust(x, p);
	e->text = p->text;
	px_text_ref(e->text);
}

/* recorded: as a held statement, which an approval has released. */
static void execute_forward(struct pgproxy *x, const struct pg_msg *m, struct px_portal *p, struct span portal, bool recorded)
{
	struct px_exp *e;
	int64_t seq = (int64_t)x->hold_seq;

	describe_inject(x, p, portal);
	if (!p->recorded && x->n_unrecorded > 0)
		x->n_unrecorded--;
	if (!recorded)
		portal_record(x, p, "execute", &seq);
	if (p->text->j.verdict == VERDICT_WARN)
		warn_notice(x, &p->text->j);
	p->ran = true;
	forward(x, m);
	e = px_expect(x, EXP_EXECUTE);
	e->text = p->text;
	px_text_ref(e->text);
	e->seq = (uint64_t)(seq > 0 ? seq : 0);
	e->n_formats = p->n_formats;
	if (p->n_formats > 0) {
		e->formats = xcalloc(p->n_formats, 2);
		memcpy(e->formats, p->formats, (size_t)p->n_formats * 2);
	}
	tx_note(x, p->text);
	barrier_set(x, e, true);
	x->ext_open = true;
}

/* The first Execute decides: here the server resolves what a utility statement speaks of, and here it runs. Whatever is
 * decided now was described, resolved and planned at Bind: nothing that could change its meaning may have come between. */
static enum taken execute_decide(struct pgproxy *x, struct px_portal *p, bool release)
{
	struct px_text *t = p->text;
	struct pg_bind b = {0};

	if (t->by_name && unsettled(x, px_names_settled(x)))
		return LATER;
	px_text_judge(x, t);
	if ((t->late || t->j.verdict == VERDICT_HOLD) && p->moves != x->moves)
		return refuse_later(x, "55000", "the portal was bound before other messages, so what it means may have changed",
		    "bind it again and execute it at once");
	if (t->j.verdict == VERDICT_DENY || copy_refused(x, t))
		return bound_refuse(x, t, span_str(p->stmt));
	if (t->j.verdict != VERDICT_HOLD || release)
		return GO;
	if (p->bind == NULL || pg_read_bind(span_of(p->bind, p->n_bind), &b) != 0)
		return refuse_later(x, "55000", "the policy has changed since the portal was bound", "bind it again");
	px_hold_begin(x, t, span_of(t->sql, t->n_sql), &b);
	return LATER;
}

static enum taken on_execute(struct pgproxy *x, const struct pg_msg *m)
{
	bool release = x->hold.release;
	enum taken way = GO;
	struct pg_execute ex;
	struct px_portal *p;

	if (pg_read_execute(m->body, &ex) != 0)
		return px_end(x, "malformed Execute"), TAKEN;
	x->hold.release = false;
	if (unsettled(x, px_portal_settled(x, ex.portal)))
		return LATER;
	p = px_portal_find(x, ex.portal);
	if (p == NULL)
		return refuse_later(x, "34000", "portal does not exist",
		    "cursors declared in SQL are read by FETCH through the gateway");
	if (!p->ran)
		way = execute_decide(x, p, release);
	if (way != GO)
		return way;
	execute_forward(x, m, p, ex.portal, release);
	return TAKEN;
}

static enum taken on_close(struct pgproxy *x, const struct pg_msg *m)
{
	struct pg_target t;
	struct px_exp *e;

	if (pg_read_target(m->body, &t) != 0)
		return px_end(x, "malformed Close"), TAKEN;
	if (unsettled(x, t.kind == 'P' ? px_portal_settled(x, t.name) : px_stmt_settled(x, t.name)))
		return LATER;
	forward(x, m);
	e = px_expect(x, EXP_CLOSE);
	x->ext_open = true;
	if (t.kind == 'P') {
		px_portals_record(x);
		e->undo_portal = true;
		e->portal_name = name_copy(t.name);
		e->portal_old = px_portal_detach(x, t.name);
		return TAKEN;
	}
	e->undo_stmt = true;
	e->name = name_copy(t.name);
	e->stmt_old = px_stmt_detach(x, t.name);
	return TAKEN;
}

static enum taken on_sync(struct pgproxy *x, const struct pg_msg *m)
{
	if (x->copy_in)
		return TAKEN; /* the server ignores it there, so no answer may be expected */
	forward(x, m);
	(void)px_expect(x, EXP_SYNC);
	x->ext_open = x->tx_ended = false;
	x->skip = false;
	return TAKEN;
}

static enum taken on_flush(struct pgproxy *x, const struct pg_msg *m)
{
	forward(x, m);
	return TAKEN;
}

/* ---- COPY, function call, the rest ---- */

static enum taken on_copy_data(struct pgproxy *x, const struct pg_msg *m)
{
	if (!x->copy_in)
		return TAKEN; /* left over from a failed COPY: the server would drop it, too */
	if (x->copy_sha == NULL) {
		x->copy_sha = sha256_new();
		x->copy_bytes = 0;
	}
	sha256_add(x->copy_sha, m->body);
	x->copy_bytes += m->body.n;
	forward(x, m);
	return TAKEN;
}

static enum taken on_copy_end(struct pgproxy *x, const struct pg_msg *m)
{
	uint8_t hash[SHA256_LEN] = {0};
	char hex[2 * SHA256_LEN + 1], bytes[32];

	if (!x->copy_in)
		return TAKEN;
	if (x->copy_sha != NULL)
		sha256_end(x->copy_sha, hash);
	sha256_free(x->copy_sha);
	x->copy_sha = NULL;
	hex_encode(span_of(hash, sizeof(hash)), hex);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)x->copy_bytes);
	px_record_kv(x, REC_COPY, "direction", m->type == 'c' ? "in" : "in, failed by the client", "bytes", bytes, "sha256", hex);
	x->copy_in = false;
	x->copy_bytes = 0;
	forward(x, m);
	if (x->ext_open)
		pg_put_empty(&x->up_out, 'H'); /* the Sync waits for the answer (barrier_set) */
	return TAKEN;
}

static enum taken on_function_call(struct pgproxy *x, const struct pg_msg *m)
{
	(void)m;
	if (x->exp_head != NULL) {
		wait_drain(x);
		return LATER;
	}
	refuse_text(x, false, "42501", "refused: the function call message runs functions by number, unseen by policy",
	    "call the function in a SELECT");
	return TAKEN;
}

static enum taken on_terminate(struct pgproxy *x, const struct pg_msg *m)
{
	(void)m;
	px_end(x, "client terminated");
	return TAKEN;
}

static const struct front {
	uint8_t type;
	bool in_copy; /* allowed while the server expects copy data */
	enum taken (*take)(struct pgproxy *x, const struct pg_msg *m);
} fronts[] = {
	{'Q', false, on_query},
	{'P', false, on_parse},
	{'B', false, on_bind},
	{'D', false, on_describe},
	{'E', false, on_execute},
	{'C', false, on_close},
	{'S', true, on_sync},
	{'H', true, on_flush},
	{'d', true, on_copy_data},
	{'c', true, on_copy_end},
	{'f', true, on_copy_end},
	{'F', false, on_function_call},
	{'X', true, on_terminate},
};

static const struct front *front_find(uint8_t type)
{
	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++)
		if (fronts[i].type == type)
			return &fronts[i];
	return NULL;
}

/* Is it worth waiting for the rest of this message? */
static bool front_bearable(struct span in)
{
	const struct pg_type *t;
	uint32_t len;
	uint8_t type;

	if (pg_header(in, &type, &len) != 0)
		return true;
	t = pg_type_of(PG_FRONT, type);
	return t != NULL && front_find(type) != NULL && (t->large || len <= PG_SMALL_MAX);
}

static enum taken front_message(struct pgproxy *x, const struct pg_msg *m)
{
	const struct front *f = front_find(m->type);
	char msg[96];

	if (f == NULL || pg_check(PG_FRONT, m) != 0) {
		snprintf(msg, sizeof(msg), "message type 0x%02x is %s", m->type, f == NULL ? "not known" : "malformed");
		px_fatal(x, "08P01", msg, "", "protocol violation");
		return TAKEN;
	}
	if (x->skip && m->type != 'S' && m->type != 'X')
		return TAKEN; /* as the server does after an error: everything up to Sync */
	if (x->copy_in && !f->in_copy) {
		px_fatal(x, "08P01", "message out of place: COPY FROM STDIN is running", "", "protocol violation");
		return TAKEN;
	}
	return f->take(x, m);
}

/* The catalogue is read again between transactions' statements, never inside a pipeline. */
static bool catalog_first(struct pgproxy *x, const struct pg_msg *m)
{
	if ((m->type != 'Q' && m->type != 'P' && m->type != 'B') || !px_catalog_due(x) || x->ext_open || x->skip ||
	    x->status == 'E' || x->copy_in || x->hold.release)
		return false;
	if (x->exp_head != NULL)
		wait_drain(x);
	else
		px_catalog_load(x);
	return true;
}

bool px_front_blocked(const struct pgproxy *x)
{
	return x->wait != WAIT_NONE || buf_len(&x->up_out) >= PX_UP_HIGH || x->n_exp >= PX_EXP_MAX ||
	    (x->n_barrier > 0 && !x->copy_in);
}

void px_front_input(struct pgproxy *x)
{
	while (x->phase == PX_RELAY && !px_front_blocked(x)) {
		struct pg_msg m;
		size_t used;
		int rc = pg_frame(buf_span(&x->in), PX_MSG_MAX, &m, &used);

		if (rc == E_MORE && front_bearable(buf_span(&x->in)))
			break;
		if (rc != 0) {
			px_fatal(x, "08P01", rc == E_TOOBIG ? "message too large for the gateway (64 MiB)" : "malformed message", "",
			    "protocol violation");
			break;
		}
		if (px_expire_stops(x, &m) || catalog_first(x, &m) || front_message(x, &m) == LATER)
			break;
		buf_consume(&x->in, used);
	}
	buf_trim(&x->in, 65536);
	if (x->phase == PX_RELAY)
		px_portals_record(x);
}
