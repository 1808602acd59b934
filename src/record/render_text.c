/* SPDX-License-Identifier: Apache-2.0
 *
 * The timeline for people:
 *   14:22:10 orders=> select id, email from customers limit 2;      2 rows, 3 ms, masked email
 * SQL with several lines goes on under "orders->", so no text of a statement can pose as a line of
 * the timeline.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "record/render_int.h"

#define OUTCOME_COL 77
#define PARAM_SHOWN ((size_t)256)

#define LLU(x) ((unsigned long long)(x))

/* ---- lines ---- */

/* Columns of the last line in b (a character per code point). */
static size_t columns(struct span s)
{
	size_t n = 0;

	for (size_t i = s.n; i > 0 && s.p[i - 1] != '\n'; i--)
		n += (s.p[i - 1] & 0xc0) != 0x80;
	return n;
}

static void put_tag(struct render *r)
{
	if (r->o.tag != NULL) {
		render_escape(&r->b, span_str(r->o.tag));
		buf_put_u8(&r->b, ' ');
	}
}

/* "14:22:10 "; a line with the date goes before it when the day changed. */
static void put_time(struct render *r)
{
	char t[32];
	char day[12];

	clock_rfc3339(r->wall_us, t);
	snprintf(day, sizeof(day), "%.10s", t);
	if (strcmp(day, r->day) != 0) {
		if (r->day[0] != '\0') {
			put_tag(r);
			buf_printf(&r->b, "-- %s UTC --\n", day);
		}
		memcpy(r->day, day, sizeof(day));
	}
	put_tag(r);
	buf_printf(&r->b, "%.8s ", t + 11);
}

int render_close_line(struct render *r)
{
	if (r->open_seq == 0)
		return 0;
	r->open_seq = 0;
	r->warn = NULL;
	buf_put_span(&r->b, buf_span(&r->extra));
	buf_reset(&r->extra);
	buf_put_u8(&r->b, '\n');
	return render_emit(r, RENDER_OUTCOME);
}

/* Show what was built as a line that waits for the outcome of statement seq. */
static int open_line(struct render *r, enum render_kind kind, uint64_t seq)
{
	r->open_seq = seq;
	r->col = columns(buf_span(&r->b));
	return render_emit(r, kind);
}

/* A whole line of its own: time, indent, text in r->b by the caller between these two. */
static int begin_event(struct render *r)
{
	int rc = render_close_line(r);

	put_time(r);
	buf_put_str(&r->b, "         ");
	return rc;
}

static int end_event(struct render *r)
{
	buf_put_u8(&r->b, '\n');
	return render_emit(r, RENDER_EVENT);
}

/* Start the outcome of statement seq: at the end of its open line, or on a line that says whose it
 * is. */
static int begin_outcome(struct render *r, uint64_t seq)
{
	int rc = 0;

	if (r->open_seq != 0 && (seq == 0 || r->open_seq == seq)) {
		buf_printf(
		    &r->b, "%*s", r->col + 3 < OUTCOME_COL ? (int)(OUTCOME_COL - r->col) : 3, "");
	} else {
		rc = begin_event(r);
		if (seq != 0)
			buf_printf(&r->b, "(statement %llu) ", LLU(seq));
	}
	if (r->warn != NULL)
		buf_printf(&r->b, "%s, ", r->warn);
	r->warn = NULL;
	return rc;
}

static int end_outcome(struct render *r)
{
	r->open_seq = 0;
	buf_put_span(&r->b, buf_span(&r->extra));
	buf_reset(&r->extra);
	buf_put_u8(&r->b, '\n');
	return render_emit(r, RENDER_OUTCOME);
}

static void put_field(struct render *r, const struct rec_frame *f, const char *key)
{
	render_escape(&r->b, rec_text(f, key));
}

static bool has(const struct rec_frame *f, const char *key)
{
	return rec_text(f, key).n > 0;
}

static void span_copy(char *dst, size_t cap, struct span s)
{
	size_t n = s.n < cap ? s.n : cap - 1;

	if (n > 0)
		memcpy(dst, s.p, n);
	dst[n] = '\0';
}

/* ---- statements ---- */

/* SQL line by line; the first line stands behind the prompt. */
static void put_sql(struct render *r, struct span sql)
{
	struct span left = sql;
	size_t shown = 0;

	if (left.n > r->o.max_sql)
		left.n = r->o.max_sql;
	while (left.n > 0 && (left.p[left.n - 1] == '\n' || left.p[left.n - 1] == '\r' ||
				 left.p[left.n - 1] == ' '))
		left.n--;
	while (left.n > 0) {
		const uint8_t *nl = memchr(left.p, '\n', left.n);
		size_t n = nl != NULL ? (size_t)(nl - left.p) : left.n;

		if (shown++ > 0) {
			buf_put_u8(&r->b, '\n');
			put_tag(r);
			buf_put_str(&r->b, "         ");
			render_escape(&r->b, span_str(r->meta.database));
			buf_put_str(&r->b, "-> ");
		}
		render_escape(&r->b, span_of(left.p, n > 0 && left.p[n - 1] == '\r' ? n - 1 : n));
		left = nl != NULL ? span_of(nl + 1, left.n - n - 1) : span_of(NULL, 0);
	}
	if (sql.n > r->o.max_sql)
		buf_printf(&r->b, " ... (%llu bytes, in full with --json)", LLU(sql.n));
}

static void put_param(void *ctx, size_t i, const struct rec_param *p)
{
	struct render *r = ctx;
	struct span v = p->value;

	buf_printf(&r->b, "%s$%zu=", i == 0 ? "   " : ", ", i + 1);
	if (p->is_null) {
		buf_put_str(&r->b, "NULL");
		return;
	}
	if (v.n > PARAM_SHOWN)
		v.n = PARAM_SHOWN;
	if (p->format == 0) {
		buf_put_u8(&r->b, '\'');
		render_escape(&r->b, v);
		buf_put_u8(&r->b, '\'');
	} else {
		char hex[2 * PARAM_SHOWN + 1];

		hex_encode(v, hex);
		buf_printf(&r->b, "\\x%s", hex);
	}
	if (v.n < p->value.n)
		buf_printf(&r->b, " ... (%llu bytes)", LLU(p->value.n));
}

static void put_statement(struct render *r, const struct rec_frame *f)
{
	bool named = span_is(rec_text(f, "proto"), "parse");

	put_time(r);
	render_escape(&r->b, span_str(r->meta.database));
	buf_put_str(&r->b, "=> ");
	if (named) {
		buf_put_str(&r->b, "(prepare");
		if (has(f, "name")) {
			buf_put_u8(&r->b, ' ');
			put_field(r, f, "name");
		}
		buf_put_str(&r->b, ") ");
	} else if (span_is(rec_text(f, "proto"), "call")) {
		buf_put_str(&r->b, "(function call) ");
	}
	put_sql(r, rec_text(f, "sql"));
	if (rec_each_param(f, put_param, r) != 0)
		buf_put_str(&r->b, " (parameters are damaged)");
}

static int refuse(struct render *r, const struct rec_frame *f)
{
	int rc = begin_outcome(r, f->seq);

	buf_put_str(&r->b, "REFUSED ");
	put_field(r, f, "class");
	if (has(f, "reason")) {
		buf_put_str(&r->b, ": ");
		put_field(r, f, "reason");
	}
	if (has(f, "rule")) {
		buf_put_str(&r->b, " (");
		put_field(r, f, "rule");
		buf_put_u8(&r->b, ')');
	}
	r->refused = true;
	return rc != 0 ? rc : end_outcome(r);
}

/* After an approval the statement is recorded once more when it is sent: the same line goes on. */
static bool is_release(struct render *r, const struct rec_frame *f)
{
	uint8_t h[SHA256_LEN];

	if (!r->held || !rec_flag(f, "sent", false) || r->open_seq != r->held_seq)
		return false;
	sha256(rec_text(f, "sql"), h);
	return memcmp(h, r->held_sql, SHA256_LEN) == 0;
}

static int on_statement(struct render *r, const struct rec_frame *f)
{
	struct span verdict = rec_text(f, "verdict");
	bool sent = rec_flag(f, "sent", false);
	bool waits = span_is(verdict, "hold") || span_is(verdict, "measure");
	int rc;

	r->refused = false;
	if (is_release(r, f)) {
		r->held = false;
		r->open_seq = f->seq;
		return 0;
	}
	/* Drivers prepare everything without a name and execute it at once: shown when executed, or
	 * when it fails. */
	if (sent && span_is(rec_text(f, "proto"), "parse") && !has(f, "name") &&
	    span_is(verdict, "allow") && !r->o.all) {
		struct buf keep = r->b;

		r->b = r->quiet;
		buf_reset(&r->b);
		put_statement(r, f);
		r->quiet = r->b;
		r->b = keep;
		r->quiet_seq = f->seq;
		return 0;
	}
	rc = render_close_line(r);
	if (rc != 0)
		return rc;
	put_statement(r, f);
	r->warn = span_is(verdict, "warn") ? "WARNED" : NULL;
	if (waits && !sent) {
		r->held_seq = f->seq;
		r->held = true;
		span_copy(r->held_class, sizeof(r->held_class), rec_text(f, "class"));
		sha256(rec_text(f, "sql"), r->held_sql);
	}
	rc = open_line(r, RENDER_STATEMENT, f->seq);
	if (rc == 0 && !sent && !waits)
		rc = refuse(r, f);
	return rc;
}

static void put_ms(struct buf *b, uint64_t us)
{
	if (us < 1000)
		buf_printf(b, "0.%llu ms", LLU(us / 100));
	else if (us < 10000000)
		buf_printf(b, "%llu ms", LLU(us / 1000));
	else
		buf_printf(b, "%llu s", LLU(us / 1000000));
}

static bool tag_of_rows(struct span tag)
{
	static const char *const words[] = {
	    "SELECT", "FETCH", "SHOW", "VALUES", "TABLE", "EXPLAIN"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (tag.n >= strlen(words[i]) && memcmp(tag.p, words[i], strlen(words[i])) == 0)
			return true;
	return tag.n == 0;
}

static void put_result(struct render *r, const struct rec_frame *f)
{
	uint64_t rows = rec_num(f, "rows", 0);

	if (has(f, "sqlstate")) {
		buf_put_str(&r->b, "ERROR ");
		put_field(r, f, "sqlstate");
		if (has(f, "message")) {
			buf_put_str(&r->b, ": ");
			put_field(r, f, "message");
		}
	} else if (tag_of_rows(rec_text(f, "tag"))) {
		buf_printf(&r->b, "%llu row%s", LLU(rows), rows == 1 ? "" : "s");
	} else {
		put_field(r, f, "tag");
	}
	buf_put_str(&r->b, ", ");
	put_ms(&r->b, rec_num(f, "us", 0));
	if (has(f, "masked")) {
		buf_put_str(&r->b, ", masked ");
		put_field(r, f, "masked");
	}
}

static int on_result(struct render *r, const struct rec_frame *f)
{
	uint64_t seq = rec_num(f, "stmt", 0);
	int rc = 0;

	if (seq != 0 && seq == r->quiet_seq) {
		r->quiet_seq = 0;
		if (!has(f, "sqlstate"))
			return 0;
		rc = render_close_line(r);
		if (rc == 0) {
			buf_put_span(&r->b, buf_span(&r->quiet));
			rc = open_line(r, RENDER_STATEMENT, seq);
		}
	}
	if (rc == 0)
		rc = begin_outcome(r, seq);
	put_result(r, f);
	return rc != 0 ? rc : end_outcome(r);
}

/* ---- holds ---- */

static int on_pending(struct render *r, const struct rec_frame *f)
{
	int rc = begin_outcome(r, rec_num(f, "stmt", r->held_seq));

	buf_put_str(&r->b, "HELD ");
	render_escape(&r->b, span_str(r->held_class));
	buf_put_str(&r->b, r->held_class[0] != '\0' ? " \xe2\x86\x92 " : "\xe2\x86\x92 ");
	put_field(r, f, "id");
	if (has(f, "effect")) {
		buf_put_str(&r->b, ": ");
		put_field(r, f, "effect");
	}
	return rc != 0 ? rc : end_outcome(r);
}

static int on_decision(struct render *r, const struct rec_frame *f)
{
	struct span state = rec_text(f, "state");
	uint64_t seq = rec_num(f, "stmt", r->held_seq);
	int rc;

	if (span_is(state, "pending"))
		return on_pending(r, f);
	if (span_is(state, "consumed") && !r->o.all)
		return 0;
	rc = begin_event(r);
	render_escape(&r->b, state);
	if (has(f, "by")) {
		buf_put_str(&r->b, " by ");
		put_field(r, f, "by");
	}
	if (has(f, "why")) {
		buf_put_str(&r->b, " \"");
		put_field(r, f, "why");
		buf_put_u8(&r->b, '"');
	}
	if (rc == 0 && span_is(state, "approved") && seq != 0) {
		r->held_seq = seq;
		return open_line(r, RENDER_EVENT, seq);
	}
	r->held = false;
	r->refused = !span_is(state, "consumed");
	return rc != 0 ? rc : end_event(r);
}

/* ---- the rest ---- */

static int on_error(struct render *r, const struct rec_frame *f)
{
	uint64_t seq = rec_num(f, "stmt", 0);
	int rc;

	if (r->refused && seq == 0 && !r->o.all) {
		r->refused = false;
		return 0;
	}
	rc = seq != 0 ? begin_outcome(r, seq) : begin_event(r);
	buf_put_str(&r->b, "ERROR ");
	put_field(r, f, "sqlstate");
	buf_put_str(&r->b, ": ");
	put_field(r, f, "message");
	if (rc != 0)
		return rc;
	return r->open_seq != 0 ? end_outcome(r) : end_event(r);
}

static void put_copy(struct buf *b, const struct rec_frame *f)
{
	buf_put_str(b, "copied ");
	render_escape(b, rec_text(f, "direction"));
	if (rec_num(f, "rows", 0) != 0)
		buf_printf(b, ", %llu rows", LLU(rec_num(f, "rows", 0)));
	buf_printf(b, ", %llu bytes, sha256 ", LLU(rec_num(f, "bytes", 0)));
	render_escape(b, rec_text(f, "sha256"));
}

/* Goes behind the outcome of its statement when that is still awaited. */
static int on_copy(struct render *r, const struct rec_frame *f)
{
	int rc;

	if (r->open_seq != 0 && r->open_seq == rec_num(f, "stmt", r->open_seq)) {
		buf_put_str(&r->extra, ", ");
		put_copy(&r->extra, f);
		return 0;
	}
	rc = begin_event(r);
	put_copy(&r->b, f);
	return rc != 0 ? rc : end_event(r);
}

/* Label and one field. */
static int simple(struct render *r, const struct rec_frame *f, const char *label, const char *key)
{
	int rc = begin_event(r);

	buf_put_str(&r->b, label);
	if (has(f, key)) {
		buf_put_str(&r->b, ": ");
		put_field(r, f, key);
	}
	return rc != 0 ? rc : end_event(r);
}

static int on_end(struct render *r, const struct rec_frame *f)
{
	return simple(r, f, "session ended", "reason");
}

static int on_cancel(struct render *r, const struct rec_frame *f)
{
	return simple(r, f, "cancel requested", "by");
}

static int on_gap(struct render *r, const struct rec_frame *f)
{
	return simple(r, f, "GAP in the recording", "reason");
}

static int on_notice(struct render *r, const struct rec_frame *f)
{
	return simple(r, f, "notice", "message");
}

static int on_output(struct render *r, const struct rec_frame *f)
{
	return simple(r, f, rec_type_name(f->type), "data");
}

static int on_protocol(struct render *r, const struct rec_frame *f)
{
	int rc = begin_event(r);

	put_field(r, f, "msg");
	if (has(f, "name")) {
		buf_put_u8(&r->b, ' ');
		put_field(r, f, "name");
	}
	return rc != 0 ? rc : end_event(r);
}

static int on_own(struct render *r, const struct rec_frame *f)
{
	int rc = render_close_line(r);

	put_time(r);
	buf_put_str(&r->b, "gateway=> ");
	put_sql(r, rec_text(f, "sql"));
	return rc != 0 ? rc : end_event(r);
}

static int on_unknown(struct render *r, const struct rec_frame *f)
{
	int rc = begin_event(r);

	buf_printf(&r->b, "record %llu of type %u, which this program does not know", LLU(f->seq),
	    f->type);
	return rc != 0 ? rc : end_event(r);
}

typedef int record_fn(struct render *r, const struct rec_frame *f);

static const struct {
	record_fn *fn;
	bool always; /* else only with opts.all */
} table[] = {
    [REC_STATEMENT] = {on_statement, true},
    [REC_DECISION] = {on_decision, true},
    [REC_RESULT] = {on_result, true},
    [REC_ERROR] = {on_error, true},
    [REC_NOTICE] = {on_notice, false},
    [REC_COPY] = {on_copy, true},
    [REC_OWN] = {on_own, false},
    [REC_OUTPUT] = {on_output, false},
    [REC_INPUT] = {on_output, false},
    [REC_GAP] = {on_gap, true},
    [REC_END] = {on_end, true},
    [REC_CANCEL] = {on_cancel, true},
    [REC_PROTOCOL] = {on_protocol, false},
    [REC_START] = {NULL, false},
    [REC_RESIZE] = {NULL, false},
    [REC_ANCHOR] = {NULL, false},
};
#define TABLE_N (sizeof(table) / sizeof(table[0]))

int render_text_record(struct render *r, const struct rec_frame *f, bool broken)
{
	int rc = 0;

	if (broken) {
		rc = begin_event(r);
		buf_printf(&r->b, "!! record %llu does not match the chain (edited or reordered)",
		    LLU(f->seq));
		if (rc == 0)
			rc = end_event(r);
	}
	if (rc != 0)
		return rc;
	if (f->type >= TABLE_N || f->type == 0)
		return r->o.all ? on_unknown(r, f) : 0;
	if (table[f->type].fn == NULL || !(table[f->type].always || r->o.all))
		return 0;
	return table[f->type].fn(r, f);
}

static void put_detail(struct render *r, const char *before, const char *value)
{
	if (value[0] == '\0')
		return;
	buf_put_str(&r->b, before);
	render_escape(&r->b, span_str(value));
}

int render_text_meta(struct render *r)
{
	const struct rec_meta *m = &r->meta;

	put_time(r);
	render_escape(&r->b, span_str(m->user));
	put_detail(r, " for ", m->on_behalf_of);
	put_detail(r, " \xe2\x86\x92 ", m->target);
	put_detail(r, "/", m->database);
	put_detail(r, " as ", m->login);
	buf_printf(&r->b, "  (%s UTC", r->day);
	put_detail(r, ", certificate ", m->cert);
	put_detail(r, ", from ", m->source);
	put_detail(r, ", ", m->client);
	buf_put_str(&r->b, ")\n");
	return render_emit(r, RENDER_HEAD);
}
