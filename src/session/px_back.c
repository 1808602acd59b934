/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server sends, matched against the queue of expectations: passed on, masked, scrubbed, swallowed (answers
 * to own messages) or replaced (errors of a poisoned refusal). Every message type is in the table; an unknown or
 * unexpected one ends the session. Source: PostgreSQL documentation 55.2, 55.7.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "session/px.h"

/* ---- handlers: bytes are copied to the client only by pass() ---- */

static void pass(struct pgproxy *x, const struct pg_msg *m)
{
	pg_put_msg(&x->out, m);
}

static void unexpected(struct pgproxy *x, const struct pg_msg *m)
{
	char msg[96];

	snprintf(msg, sizeof(msg), "the database sent message '%c' out of place", m->type >= 32 && m->type < 127 ? m->type : '?');
	px_fatal(x, "08P01", msg, "", "upstream protocol violation");
}

/* An acknowledgement without content for the expectation at the head. */
static void ack(struct pgproxy *x, const struct pg_msg *m, enum px_exp_kind kind)
{
	struct px_exp *e = x->exp_head;
	void (*done)(struct pgproxy *, const char *);

	if (e == NULL || e->kind != kind) {
		unexpected(x, m);
		return;
	}
	if (!e->own)
		pass(x, m);
	done = e->done;
	px_exp_pop(x);
	if (done != NULL) /* it may wait for nothing more to be owed */
		done(x, "");
}

static void on_parse_complete(struct pgproxy *x, const struct pg_msg *m)
{
	ack(x, m, EXP_PARSE);
}

static void on_bind_complete(struct pgproxy *x, const struct pg_msg *m)
{
	ack(x, m, EXP_BIND);
}

static void on_close_complete(struct pgproxy *x, const struct pg_msg *m)
{
	ack(x, m, EXP_CLOSE);
}

static void on_no_data(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_text *t = x->exp_head != NULL && x->exp_head->kind == EXP_DESCRIBE ? x->exp_head->text : NULL;

	if (t != NULL) { /* rows would have no description */
		px_plan_free(t->plan);
		t->plan = NULL;
	}
	ack(x, m, EXP_DESCRIBE);
}

static void on_param_types(struct pgproxy *x, const struct pg_msg *m)
{
	if (x->exp_head == NULL || x->exp_head->kind != EXP_DESCRIBE || !x->exp_head->stmt_target)
		unexpected(x, m);
	else if (x->exp_head->own)
		px_meaning_types(x, m->body);
	else
		pass(x, m);
}

static void on_fields(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;

	if (e == NULL || (e->kind != EXP_QUERY && e->kind != EXP_DESCRIBE)) {
		unexpected(x, m);
		return;
	}
	if (e->own && e->kind == EXP_QUERY)
		return;
	e->described = true;
	if (e->kind == EXP_QUERY && e->text->facts.n_stmts != 1) {
		px_plan_free(e->plan);
		e->plan = px_plan_make(x, e->text, e->stmt, e->distrust, m->body);
	} else if (e->text != NULL && (e->distrust || !px_plan_fits(x, e->text->plan, m->body))) {
		px_plan_free(e->text->plan);
		e->text->plan = px_plan_make(x, e->text, 0, e->distrust, m->body);
	}
	if (!e->own)
		pass(x, m);
	if (e->kind == EXP_DESCRIBE)
		px_exp_pop(x);
}

static const struct px_plan *plan_of(const struct px_exp *e)
{
	return e->plan != NULL ? e->plan : e->text != NULL ? e->text->plan : NULL;
}

/* As many values as were described. */
static bool row_fits(const struct px_plan *p, struct span body)
{
	struct pg_row row;

	return pg_row_begin(body, &row) == 0 && row.n == p->n;
}

static void own_row(struct pgproxy *x, struct px_exp *e, const struct pg_msg *m)
{
	struct pg_row row;

	if (e->row == NULL)
		return;
	if (pg_row_begin(m->body, &row) != 0 || e->row(x, &row) != 0)
		unexpected(x, m);
}

static void on_row(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;
	const struct px_plan *p;

	if (e == NULL || (e->kind != EXP_QUERY && e->kind != EXP_EXECUTE)) {
		unexpected(x, m);
		return;
	}
	if (e->own) {
		own_row(x, e, m);
		return;
	}
	p = plan_of(e);
	if (p == NULL || (e->kind == EXP_QUERY && !e->described)) {
		unexpected(x, m); /* rows of unknown columns never pass */
		return;
	}
	e->rows++;
	e->bytes += m->body.n;
	if (x->max_rows > 0 && e->rows > (uint64_t)x->max_rows) {
		px_fatal(x, "54000", "more rows than your role may read in one statement", "ask for less, or for another role",
		    "row limit");
		return;
	}
	if (!p->any_mask && !p->any_scan) {
		if (row_fits(p, m->body))
			pass(x, m);
		else
			unexpected(x, m);
		return;
	}
	if (px_mask_row(x, p, span_of(e->formats, (size_t)e->n_formats * 2), e->kind == EXP_EXECUTE ? e->n_formats : UINT16_MAX,
		m->body) != 0)
		unexpected(x, m);
}

/* The name means this statement of the text and nothing else of it. */
static void prepare_follow(struct pgproxy *x, const struct px_text *t, const struct sql_stmt *s)
{
	struct px_text *one;
	struct px_stmt *made;
	char name[sizeof(s->name)];

	(void)str_copy(name, sizeof(name), s->name); /* looking at the text anew takes s away when both are one */
	one = px_text_get(x, span_of(t->sql + s->off, s->len), false);
	made = px_stmt_set(x, span_str(name), one);
	if (made != NULL)
		made->by_sql = true;
	else
		px_fatal(x, "54000", "too many prepared statements on this connection", "", "limit");
	px_text_unref(one);
}

static bool names_moved(const char *tag)
{
	static const char *const tags[] = {"PREPARE", "DEALLOCATE", "DEALLOCATE ALL", "DISCARD ALL", "DECLARE CURSOR",
	    "CLOSE CURSOR", "CLOSE CURSOR ALL"};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (strcmp(tags[i], tag) == 0)
			return true;
	return false;
}

/* A SQL-level PREPARE has named its statement; DEALLOCATE, DISCARD have removed names. Cursors and portals share their
 * names: CLOSE may have closed a portal, and what DECLARE opened is not what a Bind of that name was. */
static void names_follow(struct pgproxy *x, const struct px_exp *e, const char *tag)
{
	const struct sql_stmt *s = e->text != NULL && e->stmt < e->text->facts.n_stmts ? &e->text->facts.stmts[e->stmt] : NULL;

	if (e->text != NULL && e->text->by_name && names_moved(tag)) {
		px_stmts_clear(x); /* EXECUTE ran it: which name it was is not in this text */
		px_portals_clear(x);
	} else if (strcmp(tag, "DISCARD ALL") == 0 || strcmp(tag, "DEALLOCATE ALL") == 0) {
		px_stmts_clear(x);
	} else if (strcmp(tag, "CLOSE CURSOR ALL") == 0) {
		px_portals_clear(x);
	} else if (s == NULL || s->name[0] == '\0') {
		return;
	} else if (strcmp(tag, "DEALLOCATE") == 0) {
		px_stmt_drop(x, span_str(s->name));
	} else if (strcmp(tag, "PREPARE") == 0) {
		prepare_follow(x, e->text, s);
	} else if (strcmp(tag, "CLOSE CURSOR") == 0 || strcmp(tag, "DECLARE CURSOR") == 0) {
		px_portal_drop(x, span_str(s->name));
	}
}

static void on_complete(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;
	const struct px_plan *p;
	struct span tag_s;
	char tag[64];

	if (e == NULL || (e->kind != EXP_QUERY && e->kind != EXP_EXECUTE) || pg_read_string(m->body, &tag_s) != 0) {
		unexpected(x, m);
		return;
	}
	if (!e->own) {
		p = plan_of(e);
		snprintf(tag, sizeof(tag), "%.*s", (int)tag_s.n, tag_s.n > 0 ? (const char *)tag_s.p : "");
		if (p != NULL && p->any_mask && e->rows > 0 && (e->kind == EXP_QUERY || !e->text->told)) {
			px_mask_notice(p, x->p.gateway, &x->out);
			e->text->told = true;
		}
		if (e->guarded)
			px_guard_tag(x, e, tag, sizeof(tag));
		px_record_result(x, e, tag, p != NULL ? p->masked : "", "", "");
		names_follow(x, e, tag);
		if (x->phase == PX_ENDED)
			return;
		pass(x, m);
		e->rows = e->bytes = 0;
		e->described = false;
		e->stmt++;
		px_plan_free(e->plan);
		e->plan = NULL;
	}
	if (e->kind == EXP_EXECUTE)
		px_exp_pop(x);
}

static void on_empty_query(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;

	if (e == NULL || (e->kind != EXP_QUERY && e->kind != EXP_EXECUTE)) {
		unexpected(x, m);
		return;
	}
	if (!e->own)
		pass(x, m);
	if (e->kind == EXP_EXECUTE)
		px_exp_pop(x);
}

static void on_suspended(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;

	if (e == NULL || e->kind != EXP_EXECUTE || e->own || e->guarded) {
		unexpected(x, m); /* rows of a counted statement are never asked for in portions */
		return;
	}
	px_record_result(x, e, "(suspended)", plan_of(e) != NULL ? plan_of(e)->masked : "", "", "");
	pass(x, m);
	px_exp_pop(x);
}

static void error_record(struct pgproxy *x, const struct px_exp *e, struct span body)
{
	struct span code = pg_error_field(body, 'C');
	struct span msg = pg_error_field(body, 'M');
	char sqlstate[8], text[512];

	snprintf(sqlstate, sizeof(sqlstate), "%.*s", (int)(code.n < 6 ? code.n : 5), code.n > 0 ? (const char *)code.p : "");
	snprintf(text, sizeof(text), "%.*s", (int)(msg.n < 500 ? msg.n : 500), msg.n > 0 ? (const char *)msg.p : "");
	px_record_result(x, e, "", "", sqlstate, text);
}

static void error_own(struct pgproxy *x, struct px_exp *e, struct span body)
{
	struct span code = pg_error_field(body, 'C');
	void (*done)(struct pgproxy *, const char *) = NULL;

	snprintf(e->sqlstate, sizeof(e->sqlstate), "%.*s", (int)(code.n < 6 ? code.n : 5),
	    code.n > 0 ? (const char *)code.p : "XX000");
	e->row = NULL;
	if (e->kind == EXP_QUERY) {
		px_guard_commit_error(x, e, body);
		return; /* told at its ReadyForQuery */
	}
	for (struct px_exp *f = e; f != NULL && f->own && done == NULL; f = f->next)
		done = f->done;
	px_exp_fail(x);
	if (done != NULL)
		done(x, "XX000");
}

static void on_error(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;
	size_t at = buf_len(&x->out);

	if (e == NULL) {
		/* Unsolicited: the server ends the session (shutdown, termination). */
		px_scrub(x, NULL, m->type, m->body, &x->out);
		px_end(x, "ended by the database");
		return;
	}
	if (x->copy_in)
		(void)px_record_copy(x, "in, failed by the database");
	px_guard_error(x);
	if (e->poison) {
		buf_put_span(&x->out, buf_span(&e->local));
		e->poison = false;
	} else if (e->own && !e->tell && (e->kind != EXP_DESCRIBE || e->done != NULL)) {
		x->copy_in = false;
		error_own(x, e, m->body);
		return;
	} else {
		px_scrub(x, e, m->type, m->body, &x->out);
		/* The recording holds what the client saw. */
		if (!e->own)
			error_record(x, e, span_of(buf_span(&x->out).p + at + PG_HEADER_LEN, buf_len(&x->out) - at - PG_HEADER_LEN));
	}
	x->copy_in = false;
	if (e->kind != EXP_QUERY && e->kind != EXP_SYNC)
		px_exp_fail(x);
}

static void on_notice(struct pgproxy *x, const struct pg_msg *m)
{
	if (x->exp_head != NULL && x->exp_head->own)
		return;
	if (x->phase == PX_RELAY)
		px_scrub(x, x->exp_head, m->type, m->body, &x->out);
}

static void on_ready(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;
	uint8_t status;
	void (*done)(struct pgproxy *, const char *);
	char sqlstate[6];
	bool hidden;

	if (e == NULL || (e->kind != EXP_QUERY && e->kind != EXP_SYNC) || pg_read_ready(m->body, &status) != 0) {
		unexpected(x, m);
		return;
	}
	hidden = e->own || e->guarded;
	if (e->guarded && status == 'I') { /* it ran outside of what could undo it: that must not be */
		px_fatal(x, "58000", "the gateway lost the transaction around a statement that it counted", "", "guard: no transaction");
		return;
	}
	done = e->done;
	memcpy(sqlstate, e->sqlstate, sizeof(sqlstate));
	x->copy_in = false;
	x->status = (char)status;
	if (status == 'I')
		px_portals_end(x, e->group);
	if (status == 'I' && !x->ext_open)
		x->tx_wrote = false;
	px_exp_pop(x);
	if (!hidden && !px_guard_ready(x)) {
		px_notes_emit(x, true);
		pass(x, m);
	}
	if (done != NULL)
		done(x, sqlstate);
	px_expire_check(x);
}

static void on_copy_start(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;
	struct px_text *t = e != NULL ? e->text : NULL;
	unsigned want = m->type == 'G' ? SQLF_COPY_IN : SQLF_COPY_OUT;

	/* The server must do only what the text was judged for; COPY BOTH is replication. */
	if (t == NULL || e->own || m->type == 'W' || (t->facts.flags & want) == 0) {
		unexpected(x, m);
		return;
	}
	x->copy_in = m->type == 'G';
	pass(x, m);
	if (x->copy_in && x->client_eof)
		px_end(x, "client closed"); /* nobody will send the data */
}

static void on_copy_data(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;

	if (e == NULL || e->text == NULL || e->own || (e->text->facts.flags & SQLF_COPY_OUT) == 0) {
		unexpected(x, m);
		return;
	}
	e->rows++;
	e->bytes += m->body.n;
	pass(x, m);
}

static void on_copy_done(struct pgproxy *x, const struct pg_msg *m)
{
	struct px_exp *e = x->exp_head;

	if (e == NULL || e->text == NULL || e->own || (e->text->facts.flags & SQLF_COPY_OUT) == 0)
		unexpected(x, m);
	else
		pass(x, m);
}

/* Settings whose report the client needs; the pinned ones may not move. */
static void on_parameter(struct pgproxy *x, const struct pg_msg *m)
{
	static const struct {
		const char *name, *value; /* value NULL: free */
	} known[] = {{"client_encoding", "UTF8"}, {"standard_conforming_strings", "on"}, {"DateStyle", NULL}, {"TimeZone", NULL},
	    {"IntervalStyle", NULL}, {"default_transaction_read_only", NULL}, {"in_hot_standby", NULL}, {"is_superuser", NULL},
	    {"session_authorization", NULL}, {"integer_datetimes", NULL}, {"server_encoding", NULL}, {"server_version", NULL},
	    {"search_path", NULL}};
	struct span name, value;

	if (pg_read_parameter_status(m->body, &name, &value) != 0) {
		unexpected(x, m);
		return;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!span_is(name, known[i].name))
			continue;
		if (known[i].value != NULL && !span_is(value, known[i].value))
			px_fatal(x, "57P01", "a setting that the gateway relies on was changed", "", "pinned setting changed");
		else if (x->phase == PX_RELAY)
			pass(x, m);
		return;
	}
}

static void on_notification(struct pgproxy *x, const struct pg_msg *m)
{
	struct pg_notification n;
	size_t at;

	if (pg_read_notification(m->body, &n) != 0) {
		unexpected(x, m);
		return;
	}
	if (x->view.mask == MASK_NONE) {
		pass(x, m);
		return;
	}
	/* Anyone may have put a value into the payload: the channel is told, the payload is not. */
	at = pg_open(&x->out, 'A');
	buf_put_u32be(&x->out, n.pid);
	pg_put_cstr(&x->out, n.channel);
	pg_put_cstr(&x->out, span_str(""));
	pg_close(&x->out, at);
}

static const struct {
	uint8_t type;
	void (*take)(struct pgproxy *x, const struct pg_msg *m);
} backs[] = {
	{'D', on_row},
	{'C', on_complete},
	{'Z', on_ready},
	{'T', on_fields},
	{'1', on_parse_complete},
	{'2', on_bind_complete},
	{'3', on_close_complete},
	{'n', on_no_data},
	{'t', on_param_types},
	{'s', on_suspended},
	{'I', on_empty_query},
	{'E', on_error},
	{'N', on_notice},
	{'S', on_parameter},
	{'A', on_notification},
	{'G', on_copy_start},
	{'H', on_copy_start},
	{'W', on_copy_start},
	{'d', on_copy_data},
	{'c', on_copy_done},
};

static void back_message(struct pgproxy *x, const struct pg_msg *m)
{
	/* Rows are validated where they are walked, or passed whole: their own header is all that clean ones need. */
	if (m->type != 'D' && m->type != 'd' && pg_check(PG_BACK, m) != 0) {
		unexpected(x, m);
		return;
	}
	/* A poisoned message can only fail. */
	if (x->exp_head != NULL && x->exp_head->poison && strchr("ENSA", m->type) == NULL) {
		unexpected(x, m);
		return;
	}
	for (size_t i = 0; i < sizeof(backs) / sizeof(backs[0]); i++)
		if (backs[i].type == m->type) {
			backs[i].take(x, m);
			px_locals_emit(x);
			px_notes_emit(x, false);
			return;
		}
	unexpected(x, m);
}

/* A pause that only waited for the queue is over. */
static void drained_check(struct pgproxy *x)
{
	if (x->exp_head != NULL || x->phase != PX_RELAY)
		return;
	if (x->wait == WAIT_DRAIN)
		px_resume(x);
	else if (x->wait == WAIT_SETTINGS || x->wait == WAIT_RESETTINGS)
		px_hold_drained(x);
	else if (x->wait == WAIT_UNDONE)
		px_guard_undone(x);
	else if (x->client_eof && x->wait == WAIT_NONE)
		px_end(x, "client closed");
}

/* May rows (or COPY data) of the expectation at the head pass without being looked at? */
static bool rows_pass(const struct pgproxy *x, const struct px_exp *e, uint8_t type)
{
	const struct px_plan *p;

	if (e == NULL || e->own || e->poison || e->text == NULL || x->max_rows > 0)
		return false;
	if (type == 'd')
		return (e->text->facts.flags & SQLF_COPY_OUT) != 0;
	p = plan_of(e);
	return type == 'D' && p != NULL && !p->any_mask && !p->any_scan &&
	    (e->kind == EXP_EXECUTE || (e->kind == EXP_QUERY && e->described));
}

/* Clean rows go through in one piece: the whole messages of one type at the front of the input. */
static bool run_pass(struct pgproxy *x)
{
	struct span in = buf_span(&x->up_in);
	struct px_exp *e = x->exp_head;
	uint8_t type = in.n > 0 ? in.p[0] : 0;
	size_t total = 0, used;
	struct pg_msg m;

	if (!rows_pass(x, e, type))
		return false;
	while (pg_frame(span_of(in.p + total, in.n - total), PX_MSG_MAX, &m, &used) == 0 && m.type == type) {
		if (type == 'D' && !row_fits(plan_of(e), m.body))
			break; /* on_row() ends the session */
		e->rows++;
		e->bytes += m.body.n;
		total += used;
	}
	buf_put(&x->out, in.p, total);
	buf_consume(&x->up_in, total);
	return total > 0;
}

/* A message, or a run of clean rows; false when no whole one is there. */
static bool back_step(struct pgproxy *x)
{
	struct pg_msg m;
	size_t used;
	int rc;

	if (run_pass(x))
		return true;
	rc = pg_frame(buf_span(&x->up_in), PX_MSG_MAX, &m, &used);
	if (rc == E_MORE)
		return false;
	if (rc != 0) {
		px_fatal(x, "08P01", rc == E_TOOBIG ? "the database sent a row larger than 64 MiB" : "malformed answer of the database",
		    "", "upstream protocol violation");
		return false;
	}
	back_message(x, &m);
	if (x->phase != PX_ENDED)
		buf_consume(&x->up_in, used);
	return true;
}

/* The same with what a counted statement gives kept back. */
static bool back_guarded(struct pgproxy *x)
{
	bool more;

	if (px_guard_keeps(x))
		px_guard_swap(x);
	more = back_step(x);
	if (x->guard.swapped) {
		px_guard_row(x);
		px_guard_swap(x);
	}
	px_guard_check(x);
	return more;
}

void px_back_input(struct pgproxy *x)
{
	while (x->phase != PX_ENDED && buf_len(&x->out) < PX_OUT_HIGH && back_guarded(x))
		;
	buf_trim(&x->up_in, 131072);
	if (x->phase == PX_RELAY && x->wait == WAIT_NONE && buf_len(&x->in) > 0)
		px_front_input(x);
	drained_check(x);
}
