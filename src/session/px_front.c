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
#include "session/px_front.h"

void px_forward(struct pgproxy *x, const struct pg_msg *m, struct rec_ticket t)
{
	/* Close gives up a name, Parse a meaning; Query and Execute may do anything. Bind and Describe leave all as it is. */
	static const char moves[] = "QPEC";

	x->moves += memchr(moves, m->type, sizeof(moves) - 1) != NULL;
	px_up_msg(x->to_up, t, m);
}

/* Look at this message again when everything in flight is answered. */
void px_wait_drain(struct pgproxy *x)
{
	x->wait = WAIT_DRAIN;
	if (x->ext_open)
		px_ask_answers(x);
}

/* ---- refusals ---- */

/* Something of the current transaction is already with the server, so the server itself must fail it. */
static bool needs_poison(const struct pgproxy *x)
{
	return !x->ext_failed && (x->ext_open || x->status == 'T');
}

/* Let the server fail what is open; its error is replaced by ours (taken). */
static void poison(struct pgproxy *x, bool extended, struct buf *error)
{
	static const char bad[] = "sallyport: this statement was refused";
	struct rec_ticket t = px_record_own(x, "refusal: fail the transaction", bad);
	struct px_exp *e = px_expect(x, extended ? EXP_PARSE : EXP_QUERY);
	struct buf b;

	e->poison = true;
	e->local = *error;
	if (!extended && x->guard.ours)
		px_exp_barrier(x, e); /* it ends the batch, and the block around that ends first */
	buf_init(&b, 1024);
	if (extended)
		pg_put_parse(&b, span_str("sallyport_refused"), span_str(bad), NULL, 0);
	else
		pg_put_query(&b, span_str(bad));
	px_up_put(x->to_up, t, &b);
	buf_clear(&b);
	if (!extended)
		x->ext_open = false;
}

/* Called with an empty queue unless extended messages are in flight. */
void px_refuse(struct pgproxy *x, bool extended, const struct pg_notice *n)
{
	struct buf b;

	px_record_kv(x, REC_ERROR, "sqlstate", n->sqlstate, "message", n->message, "hint", n->hint);
	buf_init(&b, 65536);
	pg_put_error(&b, n);
	if (needs_poison(x)) {
		poison(x, extended, &b);
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

void px_refuse_text(struct pgproxy *x, bool extended, const char *sqlstate, const char *msg, const char *hint)
{
	struct pg_notice n = {.severity = "ERROR", .sqlstate = sqlstate, .message = msg, .hint = hint};

	px_refuse(x, extended, &n);
}

/* ---- simple query ---- */

void px_tx_note(struct pgproxy *x, const struct px_text *t)
{
	px_expire_note(x, t);
	if ((t->facts.flags & SQLF_TX_END) != 0)
		x->tx_begun = false;
	if ((t->facts.flags & SQLF_TX_BEGIN) != 0)
		x->tx_begun = true;
	if ((t->facts.flags & (SQLF_TX_BEGIN | SQLF_TX_END)) != 0)
		x->guard.ours = false; /* the client's now */
	if ((t->facts.flags & (SQLF_WRITES | SQLF_LOCKS)) != 0)
		x->tx_wrote = true;
	/* What was read of the catalogue inside a transaction goes with it: SET LOCAL, DDL, a subtransaction's SET. */
	if ((t->facts.flags & SQLF_CATALOG) != 0 ||
	    ((t->facts.flags & (SQLF_ROLLBACK | SQLF_TX_END)) != 0 && x->views_stale))
		x->catalog_stale = true;
}

void px_warn_notice(struct pgproxy *x, const struct judgement *j)
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

void px_barrier_set(struct pgproxy *x, struct px_exp *e, bool extended)
{
	if (is_barrier(e->text))
		px_exp_barrier(x, e);
	if (e->barrier && extended)
		px_ask_answers(x); /* the Sync behind it waits, too */
}

/* A simple query drops the unnamed statement before it does anything else. */
static void unnamed_drop(struct pgproxy *x, struct px_exp *e)
{
	if (px_stmt_find(x, span_str("")) != NULL)
		px_exp_takes_stmt(x, e, span_str(""));
}

void px_query_forward(struct pgproxy *x, const struct pg_msg *m, struct px_text *t, struct span sql, bool recorded)
{
	struct px_exp *e;
	struct rec_ticket leave =
	    recorded ? x->hold.leave : px_record_statement(x, "query", t, sql, span_str(""), NULL, true);

	if (t->j.verdict == VERDICT_WARN)
		px_warn_notice(x, &t->j);
	px_forward(x, m, leave);
	px_tx_note(x, t);
	e = px_expect(x, EXP_QUERY);
	e->text = t; /* takes the caller's reference */
	e->seq = recorded ? x->hold_seq : leave.seq;
	x->ext_open = x->tx_ended = x->tx_begun = false;
	unnamed_drop(x, e);
	px_barrier_set(x, e, false);
	if (x->guard.ours && !x->guard.runs)
		px_exp_barrier(x, e); /* it ends the batch, and the block around that ends before its answer does */
}

/* Would COPY ... TO STDOUT carry columns that this role sees masked? Rows of COPY are not parsed. */
bool px_copy_refused(struct pgproxy *x, struct px_text *t)
{
	return (t->facts.flags & SQLF_COPY_OUT) != 0 && !px_copy_clean(x, t);
}

void px_refuse_copy(struct pgproxy *x, bool extended)
{
	px_refuse_text(x, extended, "42501", "refused: COPY … TO STDOUT of masked columns is not available",
	    "use SELECT (masked), name only clean columns, or ask for an unmasked view");
}

static void query_refuse(struct pgproxy *x, struct px_text *t, struct span sql)
{
	(void)px_record_statement(x, "query", t, sql, span_str(""), NULL, false);
	px_stmt_drop(x, span_str("")); /* as any simple query does */
	if (t->j.verdict == VERDICT_DENY)
		px_refuse_j(x, false, &t->j);
	else
		px_refuse_copy(x, false);
	px_text_unref(t);
}

static enum px_taken on_query(struct pgproxy *x, const struct pg_msg *m)
{
	struct span sql;
	struct px_text *t;
	bool refused, release = x->hold.release;

	if (pg_read_string(m->body, &sql) != 0)
		return px_end(x, "malformed Query"), PX_TAKEN;
	x->hold.release = false;
	t = px_text_get(x, sql, true);
	/* What EXECUTE means is known when nothing that gives or takes names is on its way. */
	if (t->by_name && !release && x->exp_head != NULL) {
		px_text_unref(t);
		px_wait_drain(x);
		return PX_LATER;
	}
	refused = t->j.verdict == VERDICT_DENY || px_copy_refused(x, t);
	/* The facts of a refusal or a hold need the exact transaction state: wait for what is in flight. */
	if (x->exp_head != NULL && !release && (refused || t->j.verdict <= VERDICT_MEASURE || x->guard.ours)) {
		px_text_unref(t);
		px_wait_drain(x);
		return PX_LATER;
	}
	if (refused) {
		query_refuse(x, t, sql);
	} else if (px_text_holds(t) && !release) {
		px_hold_begin(x, &(struct px_hold_ask){.text = t, .sql = sql, .effect_rows = -1});
		px_text_unref(t);
		return PX_LATER;
	} else if (t->j.verdict == VERDICT_MEASURE && (!release || x->hold.approved_rows >= 0)) {
		(void)px_guard_query(x, m, t, sql, release ? x->hold.approved_rows : -1, release);
		px_text_unref(t);
		return PX_LATER;
	} else {
		px_query_forward(x, m, t, sql, release);
	}
	return PX_TAKEN;
}

/* ---- COPY, function call, the rest ---- */

static enum px_taken on_copy_data(struct pgproxy *x, const struct pg_msg *m)
{
	if (!x->copy_in)
		return PX_TAKEN; /* left over from a failed COPY: the server would drop it, too */
	if (x->copy_sha == NULL) {
		x->copy_sha = sha256_new();
		x->copy_bytes = 0;
	}
	sha256_add(x->copy_sha, m->body);
	x->copy_bytes += m->body.n;
	px_forward(x, m, px_pass(x));
	return PX_TAKEN;
}

static enum px_taken on_copy_end(struct pgproxy *x, const struct pg_msg *m)
{
	if (!x->copy_in)
		return PX_TAKEN;
	x->copy_in = false;
	px_forward(x, m, px_record_copy(x, m->type == 'c' ? "in" : "in, failed by the client"));
	if (x->ext_open)
		px_ask_answers(x); /* the Sync waits for the answer (barrier_set) */
	return PX_TAKEN;
}

static enum px_taken on_function_call(struct pgproxy *x, const struct pg_msg *m)
{
	(void)m;
	if (x->exp_head != NULL) {
		px_wait_drain(x);
		return PX_LATER;
	}
	px_refuse_text(x, false, "42501", "refused: the function call message runs functions by number, unseen by policy",
	    "call the function in a SELECT");
	return PX_TAKEN;
}

static enum px_taken on_terminate(struct pgproxy *x, const struct pg_msg *m)
{
	(void)m;
	px_end(x, "client terminated");
	return PX_TAKEN;
}

static const struct front {
	uint8_t type;
	bool in_copy; /* allowed while the server expects copy data */
	enum px_taken (*take)(struct pgproxy *x, const struct pg_msg *m);
} fronts[] = {
	{'Q', false, on_query},
	{'P', false, px_on_parse},
	{'B', false, px_on_bind},
	{'D', false, px_on_describe},
	{'E', false, px_on_execute},
	{'C', false, px_on_close},
	{'S', true, px_on_sync},
	{'H', true, px_on_flush},
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

static enum px_taken front_message(struct pgproxy *x, const struct pg_msg *m)
{
	const struct front *f = front_find(m->type);
	char msg[96];

	if (f == NULL || pg_check(PG_FRONT, m) != 0) {
		snprintf(msg, sizeof(msg), "message type 0x%02x is %s", m->type, f == NULL ? "not known" : "malformed");
		px_fatal(x, "08P01", msg, "", "protocol violation");
		return PX_TAKEN;
	}
	x->hold.release &= !x->skip;
	if (x->skip && m->type != 'S' && m->type != 'X')
		return PX_TAKEN; /* as the server does after an error: everything up to Sync */
	if (x->copy_in && !f->in_copy) {
		px_fatal(x, "08P01", "message out of place: COPY FROM STDIN is running", "", "protocol violation");
		return PX_TAKEN;
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
		px_wait_drain(x);
	else
		px_catalog_load(x);
	return true;
}

bool px_front_blocked(const struct pgproxy *x)
{
	return x->wait != WAIT_NONE || px_up_len(x->to_up) >= PX_UP_HIGH || x->n_exp >= PX_EXP_MAX ||
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
		if (px_expire_stops(x, &m) || catalog_first(x, &m) || front_message(x, &m) == PX_LATER)
			break;
		buf_consume(&x->in, used);
	}
	buf_trim(&x->in, 65536);
}
