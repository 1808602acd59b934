/* SPDX-License-Identifier: Apache-2.0
 *
 * The renderer's frame: time, escaping, chunks. The lines are in render_text.c and render_json.c.
 */
#include "record/render.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "record/render_int.h"

#define SQL_SHOWN ((size_t)16 * 1024)

struct render *render_new(const struct render_opts *o, render_fn *fn, void *ctx)
{
	struct render *r = xcalloc(1, sizeof(*r));

	r->o = *o;
	if (r->o.max_sql == 0)
		r->o.max_sql = SQL_SHOWN;
	r->fn = fn;
	r->ctx = ctx;
	/* An escaped byte takes up to six; parameters come on top. */
	buf_init(&r->b, (size_t)REC_MAX * 8);
	buf_init(&r->quiet, (size_t)REC_MAX * 8);
	buf_init(&r->extra, 4096);
	return r;
}

void render_free(struct render *r)
{
	if (r == NULL)
		return;
	buf_clear(&r->b);
	buf_clear(&r->quiet);
	buf_clear(&r->extra);
	free(r);
}

int render_emit(struct render *r, enum render_kind kind)
{
	struct render_chunk c = {kind, r->at_us, buf_span(&r->b)};
	int rc = buf_err(&r->b);

	if (rc == 0)
		rc = r->fn(r->ctx, &c);
	buf_reset(&r->b);
	buf_trim(&r->b, (size_t)256 * 1024);
	return rc;
}

/* Length of a UTF-8 sequence by its first byte; 1 for what cannot begin one. */
static size_t lead_len(uint8_t c)
{
	return c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
}

void render_escape(struct buf *b, struct span s)
{
	char out[6 * 64 + 16];

	while (s.n > 0) {
		size_t n = s.n < 64 ? s.n : 64;

		/* Do not cut a character in two: its halves would be shown as broken bytes. */
		for (int back = 0; n < s.n && back < 3 && (s.p[n] & 0xc0) == 0x80; back++)
			n--;
		buf_put(b, out, span_escape(span_of(s.p, n), out, sizeof(out)));
		s = span_of(s.p + n, s.n - n);
	}
}

static uint32_t code_point(const uint8_t *p, size_t n)
{
	uint32_t cp = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++)
		cp = cp << 6 | (p[i] & 0x3fu);
	return cp;
}

static void json_escape(struct buf *b, uint32_t cp)
{
	if (cp > 0xffff) {
		buf_printf(b, "\\u%04x", 0xd800 + ((cp - 0x10000) >> 10));
		cp = 0xdc00 + ((cp - 0x10000) & 0x3ff);
	}
	buf_printf(b, "\\u%04x", cp);
}

void render_json_str(struct buf *b, struct span s)
{
	char out[16];

	buf_put_u8(b, '"');
	while (s.n > 0) {
		size_t n = lead_len(s.p[0]) <= s.n ? lead_len(s.p[0]) : 1;
		struct span c = span_of(s.p, n);

		if (!span_is_utf8(c)) {
			buf_put_str(b, "\xef\xbf\xbd");
			n = 1;
		} else if (c.p[0] == '"' || c.p[0] == '\\') {
			buf_printf(b, "\\%c", c.p[0]);
		} else if (c.p[0] == '\n' || c.p[0] == '\t') {
			buf_put_str(b, c.p[0] == '\n' ? "\\n" : "\\t");
		} else if (span_escape(c, out, sizeof(out)) == n && memcmp(out, c.p, n) == 0) {
			buf_put_span(b, c);
		} else {
			json_escape(b, code_point(c.p, n));
		}
		s = span_of(s.p + n, s.n - n);
	}
	buf_put_u8(b, '"');
}

int render_meta(struct render *r, const struct rec_meta *m)
{
	r->meta = *m;
	r->wall_us = m->start_us;
	return r->o.json ? render_json_meta(r) : render_text_meta(r);
}

/* Wall time of a record by the last anchor; before the first anchor by the session's start. */
static void tell_time(struct render *r, const struct rec_frame *f)
{
	int64_t at;

	if (!r->have_first) {
		r->have_first = true;
		r->first_mono_us = f->mono_us;
	}
	if (f->type == REC_ANCHOR) {
		r->anchored = true;
		r->anchor_mono_us = f->mono_us;
		r->anchor_wall_us = (int64_t)rec_num(f, "wall_us", 0);
	}
	r->wall_us = r->anchored ? rec_wall_us(r->anchor_wall_us, r->anchor_mono_us, f->mono_us)
				 : rec_wall_us(r->meta.start_us, r->first_mono_us, f->mono_us);
	at = rec_wall_us(0, r->first_mono_us, f->mono_us);
	if (at > r->at_us)
		r->at_us = at;
}

int render_record(struct render *r, const struct rec_frame *f, bool broken)
{
	tell_time(r, f);
	return r->o.json ? render_json_record(r, f, broken) : render_text_record(r, f, broken);
}

int render_finish(struct render *r)
{
	return r->o.json ? 0 : render_close_line(r);
}
