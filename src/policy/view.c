/* SPDX-License-Identifier: Apache-2.0
 *
 * The view's map: names instead of numbers, so that a session never reads a class or verdict for
 * another one.
 *   {"epoch", "approvers", "quorum", "mode", "wait_ms", "wait_locks_ms", "mask", "max",
 *    "guard_rows", "lines": {CLASS: [VERDICT, RULE, APPROVAL], ...}}
 */
#include "policy/view.h"

#define QUORUM_MAX 100

void policy_view_put(struct buf *b, const struct policy_view *v)
{
	int i;

	mp_put_map(b, 10);
	mp_put_cstr(b, "epoch");
	mp_put_u64(b, v->epoch);
	mp_put_cstr(b, "approvers");
	mp_put_cstr(b, v->approvers);
	mp_put_cstr(b, "quorum");
	mp_put_i64(b, v->quorum);
	mp_put_cstr(b, "mode");
	mp_put_cstr(b, hold_mode_name(v->mode));
	mp_put_cstr(b, "wait_ms");
	mp_put_i64(b, v->wait_ms);
	mp_put_cstr(b, "wait_locks_ms");
	mp_put_i64(b, v->wait_locks_ms);
	mp_put_cstr(b, "mask");
	mp_put_cstr(b, mask_mode_name((enum mask_mode)v->mask));
	mp_put_cstr(b, "max");
	mp_put_cstr(b, sql_class_name(v->max));
	mp_put_cstr(b, "guard_rows");
	mp_put_i64(b, v->guard_rows);
	mp_put_cstr(b, "lines");
	mp_put_map(b, SQL_CLASS_N);
	for (i = 0; i < SQL_CLASS_N; i++) {
		mp_put_cstr(b, sql_class_name((enum sql_class)i));
		mp_put_array(b, 3);
		mp_put_cstr(b, verdict_name(v->line[i].verdict));
		mp_put_cstr(b, v->line[i].rule);
		mp_put_cstr(b, v->line[i].approval);
	}
}

/* A string value into a fixed array: E_FORMAT when it is none, holds a NUL or does not fit. */
static int get_str(const struct mp_val *v, char *out, size_t cap)
{
	struct span s = mp_span(v);

	out[0] = '\0';
	if (s.p == NULL || s.n >= cap || span_has_nul(s))
		return E_FORMAT;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

static int get_line(const struct mp_val *v, struct policy_line *out)
{
	struct policy_line l = {.verdict = VERDICT_DENY};
	char word[16];

	if (mp_count(v) != 3 || get_str(mp_at(v, 0), word, sizeof(word)) != 0 ||
	    verdict_parse(word, &l.verdict) != 0 ||
	    get_str(mp_at(v, 1), l.rule, sizeof(l.rule)) != 0 ||
	    get_str(mp_at(v, 2), l.approval, sizeof(l.approval)) != 0)
		return E_FORMAT;
	*out = l;
	return 0;
}

static int get_words(const struct mp_val *m, struct policy_view *out)
{
	enum mask_mode mask = MASK_FULL;
	char word[24];
	int r = 0;

	if (get_str(mp_get(m, "mode"), word, sizeof(word)) != 0 ||
	    hold_mode_parse(word, &out->mode) != 0)
		r = E_FORMAT;
	if (get_str(mp_get(m, "mask"), word, sizeof(word)) != 0 ||
	    mask_mode_parse(word, &mask) != 0)
		r = E_FORMAT;
	out->mask = (int)mask;
	/* No cap is a word like any other; without it nothing beyond reading. */
	out->max = SQL_READ;
	if (get_str(mp_get(m, "max"), word, sizeof(word)) != 0 ||
	    sql_class_parse(word, &out->max) != 0)
		r = E_FORMAT;
	return r;
}

int policy_view_get(const struct mp_val *m, struct policy_view *out)
{
	const struct mp_val *lines = mp_get(m, "lines");
	int r, i;

	*out = (struct policy_view){.max = SQL_READ};
	if (mp_type(m) != MP_MAP || mp_type(lines) != MP_MAP)
		return E_FORMAT;
	r = get_words(m, out);
	out->epoch = (uint32_t)mp_u64(mp_get(m, "epoch"), 0);
	out->quorum = (int)mp_i64(mp_get(m, "quorum"), 1);
	out->wait_ms = mp_i64(mp_get(m, "wait_ms"), 0);
	out->wait_locks_ms = mp_i64(mp_get(m, "wait_locks_ms"), 0);
	out->guard_rows = mp_i64(mp_get(m, "guard_rows"), -1);
	if (get_str(mp_get(m, "approvers"), out->approvers, sizeof(out->approvers)) != 0)
		r = E_FORMAT;
	if (out->quorum < 1 || out->quorum > QUORUM_MAX || out->wait_ms < 0 ||
	    out->wait_locks_ms < 0) {
		out->quorum = 1;
		out->wait_ms = out->wait_locks_ms = 0;
		r = E_FORMAT;
	}
	if (out->guard_rows < 0) {
		out->guard_rows = 0;
		r = E_FORMAT;
	}
	for (i = 0; i < SQL_CLASS_N; i++)
		if (get_line(mp_get(lines, sql_class_name((enum sql_class)i)), &out->line[i]) != 0)
			r = E_FORMAT;
	return r;
}
