/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "wire/recframe.h"

static const uint8_t hash[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static bool text_is(const struct rec_frame *f, const char *key, const char *want)
{
	return span_is(rec_text(f, key), want);
}

static void put_sample(struct buf *b)
{
	static const uint8_t bin[3] = {0, 0xff, 7};
	struct rec_param p[3] = {
	    {.value = span_str("o'neil")}, {.is_null = true}, {.format = 1, .value = {bin, 3}}};
	struct rec_statement s = {.proto = "execute",
	    .sql = span_str("select 1"),
	    .name = "s1",
	    .n_params = 3,
	    .params = p,
	    .cls = "read",
	    .verdict = "allow",
	    .rule = "base",
	    .reason = "",
	    .epoch = 7,
	    .forwarded = true};
	size_t at = rec_begin(b, 17, -5, REC_STATEMENT);

	rec_put_statement(b, &s);
	rec_end(b, hash);
	(void)at;
}

struct seen {
	size_t n;
	bool null[4];
	int16_t format[4];
	char value[4][16];
};

static void on_param(void *ctx, size_t i, const struct rec_param *p)
{
	struct seen *s = ctx;

	s->n = i + 1;
	if (i >= 4)
		return;
	s->null[i] = p->is_null;
	s->format[i] = p->format;
	memcpy(s->value[i], p->value.p != NULL ? (const char *)p->value.p : "",
	    p->value.n < 16 ? p->value.n : 0);
}

Test(recframe, statement_round_trip)
{
	struct buf b;
	struct rec_frame f;
	struct seen seen = {0};
	size_t used;

	buf_init(&b, 4096);
	put_sample(&b);
	buf_put_str(&b, "rest");
	cr_assert(eq(int, rec_parse(buf_span(&b), &f, &used), 0));
	cr_expect(eq(sz, used, buf_len(&b) - 4));
	cr_expect(eq(u64, f.seq, 17));
	cr_expect(eq(i64, f.mono_us, -5));
	cr_expect(eq(uint, f.type, REC_STATEMENT));
	cr_expect(eq(int, memcmp(f.hash.p, hash, 32), 0));
	cr_expect(eq(sz, f.body.n, used - 35));
	cr_expect(f.body.p == buf_span(&b).p + 1);
	cr_expect(text_is(&f, "proto", "execute") && text_is(&f, "sql", "select 1") &&
		  text_is(&f, "name", "s1"));
	cr_expect(text_is(&f, "class", "read") && text_is(&f, "verdict", "allow") &&
		  text_is(&f, "rule", "base"));
	cr_expect(rec_text(&f, "reason").p == NULL); /* left out */
	cr_expect(eq(u64, rec_num(&f, "epoch", 0), 7));
	cr_expect(eq(u64, rec_num(&f, "n", 0), 3));
	cr_expect(rec_flag(&f, "sent", false));
	cr_expect(eq(int, rec_each_param(&f, on_param, &seen), 0));
	cr_expect(eq(sz, seen.n, 3));
	cr_expect(eq(str, seen.value[0], "o'neil"));
	cr_expect(seen.null[1] && !seen.null[0]);
	cr_expect(eq(i16, seen.format[2], 1));
	cr_expect(eq(int, memcmp(seen.value[2], "\0\xff\7", 3), 0));
	rec_frame_clear(&f);
	buf_clear(&b);
}

/* The most parameters that the protocol has, as a large statement: nothing is cut. */
Test(recframe, many_parameters)
{
	struct rec_param *p = calloc(65535, sizeof(*p));
	struct rec_statement s = {
	    .proto = "execute", .sql = span_str("insert ..."), .n_params = 65535, .params = p};
	struct buf b;
	struct rec_frame f;
	struct seen seen = {0};
	size_t used;

	for (int i = 0; i < 65535; i++)
		p[i].value = span_str("0123456789");
	buf_init(&b, 8u << 20);
	rec_begin(&b, 1, 1, REC_STATEMENT);
	rec_put_statement(&b, &s);
	rec_end(&b, hash);
	cr_assert(eq(int, rec_parse(buf_span(&b), &f, &used), 0));
	cr_expect(eq(int, rec_each_param(&f, on_param, &seen), 0));
	cr_expect(eq(sz, seen.n, 65535));
	rec_frame_clear(&f);
	buf_clear(&b);
	free(p);
}

static void on_pair(void *ctx, struct span key, struct span text, uint64_t n)
{
	struct buf *b = ctx;

	buf_put_span(b, key);
	if (text.p != NULL)
		buf_printf(b, "='%.*s';", (int)text.n, (const char *)text.p);
	else
		buf_printf(b, "=%llu;", (unsigned long long)n);
}

Test(recframe, results_and_pairs)
{
	struct rec_result r = {.stmt_seq = 17,
	    .tag = "SELECT 2",
	    .rows = 2,
	    .bytes = 99,
	    .duration_us = 3000,
	    .masked = "name email"};
	struct rec_kv kv[3] = {
	    {"state", span_str("approved")}, {"n", span_str("1204")}, {"none", {NULL, 0}}};
	struct buf b;
	struct buf out;
	struct rec_frame f;
	size_t used;

	buf_init(&b, 4096);
	buf_init(&out, 4096);
	rec_begin(&b, 1, 1, REC_RESULT);
	rec_put_result(&b, &r);
	rec_end(&b, hash);
	cr_assert(eq(int, rec_parse(buf_span(&b), &f, &used), 0));
	rec_each_pair(&f, on_pair, &out);
	cr_expect(eq(str, (char *)buf_cstr(&out),
	    "stmt=17;tag='SELECT 2';rows=2;bytes=99;us=3000;masked='name email';"));
	rec_frame_clear(&f);
	buf_reset(&b);
	rec_begin(&b, 1, 1, REC_DECISION);
	rec_put_kv(&b, REC_DECISION, kv, 3);
	rec_end(&b, hash);
	cr_assert(eq(int, rec_parse(buf_span(&b), &f, &used), 0));
	cr_expect(eq(u64, rec_num(&f, "n", 0), 1204)); /* numbers in text are numbers */
	cr_expect(eq(u64, rec_num(&f, "state", 7), 7));
	cr_expect(eq(u64, rec_num(&f, "absent", 8), 8));
	buf_reset(&out);
	rec_each_pair(&f, on_pair, &out);
	cr_expect(eq(str, (char *)buf_cstr(&out), "state='approved';n='1204';none='';"));
	rec_frame_clear(&f);
	buf_clear(&b);
	buf_clear(&out);
}

/* Every prefix is short, never something else and never a crash; every flip parses or fails
 * cleanly. */
Test(recframe, truncation_and_flips)
{
	struct buf b;
	struct rec_frame f;
	size_t used;

	buf_init(&b, 4096);
	put_sample(&b);
	for (size_t n = 0; n < buf_len(&b); n++) {
		uint8_t *copy = malloc(n + 1); /* exact size: ASan sees a read past the end */

		memcpy(copy, buf_span(&b).p, n);
		cr_expect(eq(int, rec_parse(span_of(copy, n), &f, &used), E_SHORT), "at %zu", n);
		free(copy);
	}
	for (size_t i = 0; i < buf_len(&b) * 8; i++) {
		uint8_t *copy = malloc(buf_len(&b));
		struct seen seen = {0};

		memcpy(copy, buf_span(&b).p, buf_len(&b));
		copy[i / 8] ^= (uint8_t)(1u << (i % 8));
		if (rec_parse(span_of(copy, buf_len(&b)), &f, &used) == 0) {
			(void)rec_each_param(&f, on_param, &seen);
			rec_frame_clear(&f);
		}
		free(copy);
	}
	buf_clear(&b);
}

Test(recframe, malformed_records_are_refused)
{
	/* not an array of five; hash of another length or encoding; wrong element types */
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
	    {"\x94\x01\x01\x01\x80", 5},
	    {"\x96", 1},
	    {"\xdc\x00\x05\x01\x01\x01\x80\xc4\x20", 9},
	    {"\x95\x01\x01\x01\x80\xc4\x1f"
	     "0123456789012345678901234567890",
		38},
	    {"\x95\x01\x01\x01\x80\xc5\x00\x20"
	     "01234567890123456789012345678901",
		40},
	    {"\x95\x01\x01\x01\x80\xd9\x20"
	     "01234567890123456789012345678901",
		39},
	    {"\x95\xa1x\x01\x01\x80\xc4\x20"
	     "01234567890123456789012345678901",
		40},
	    {"\x95\x01\xa1x\x01\x80\xc4\x20"
	     "01234567890123456789012345678901",
		40},
	    {"\x95\x01\x01\xa1x\x80\xc4\x20"
	     "01234567890123456789012345678901",
		40},
	    {"\x95\x01\x01\x01\x90\xc4\x20"
	     "01234567890123456789012345678901",
		39},
	    {"\x95\x01\x01\xce\x00\x01\x00\x00\x80\xc4\x20"
	     "01234567890123456789012345678901",
		43},
	};
	struct rec_frame f;
	size_t used;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = rec_parse(span_of(bad[i].bytes, bad[i].n), &f, &used);

		cr_expect(rc == E_FORMAT || rc == E_SHORT, "case %zu: %d", i, rc);
		cr_expect(f.doc == NULL);
	}
}

Test(recframe, meta_round_trip_and_sweeps)
{
	struct rec_meta m = {.sid = "01JD8MABCDEFGHJKMNPQRSTVWX",
	    .counter = 1ull << 40,
	    .start_us = 1795000000000000,
	    .epoch = 14,
	    .gateway = "gw",
	    .user = "alice",
	    .person = "p",
	    .on_behalf_of = "carol",
	    .target = "t",
	    .engine = "postgres",
	    .database = "d",
	    .login = "l",
	    .source = "203.0.113.9:1",
	    .client = "psql",
	    .cert = "1041"};
	struct rec_meta x;
	struct buf b;

	buf_init(&b, REC_META_MAX);
	rec_meta_put(&b, &m);
	cr_assert(eq(int, rec_meta_parse(buf_span(&b), &x), 0));
	cr_expect(eq(u32, x.version, 1));
	cr_expect(eq(str, x.sid, m.sid));
	cr_expect(eq(u64, x.counter, m.counter));
	cr_expect(eq(i64, x.start_us, m.start_us));
	cr_expect(eq(u32, x.epoch, 14));
	cr_expect(eq(str, x.on_behalf_of, "carol"));
	cr_expect(eq(str, x.cert, "1041"));
	for (size_t n = 0; n < buf_len(&b); n++)
		cr_expect(ne(int, rec_meta_parse(span_of(buf_span(&b).p, n), &x), 0));
	for (size_t i = 0; i < buf_len(&b) * 8; i++) {
		uint8_t copy[1024];

		memcpy(copy, buf_span(&b).p, buf_len(&b));
		copy[i / 8] ^= (uint8_t)(1u << (i % 8));
		cr_expect(le(int, rec_meta_parse(span_of(copy, buf_len(&b)), &x), 0));
	}
	/* another version is not guessed at */
	buf_reset(&b);
	mp_put_map(&b, 2);
	mp_put_cstr(&b, "version");
	mp_put_u64(&b, 2);
	mp_put_cstr(&b, "sid");
	mp_put_cstr(&b, m.sid);
	cr_expect(eq(int, rec_meta_parse(buf_span(&b), &x), E_UNKNOWN));
	/* a value that does not fit is refused, not cut */
	buf_reset(&b);
	mp_put_map(&b, 3);
	mp_put_cstr(&b, "version");
	mp_put_u64(&b, 1);
	mp_put_cstr(&b, "sid");
	mp_put_cstr(&b, m.sid);
	mp_put_cstr(&b, "cert");
	mp_put_cstr(&b, "0123456789012345678901234567890123456789");
	cr_expect(eq(int, rec_meta_parse(buf_span(&b), &x), E_TOOBIG));
	buf_clear(&b);
}

Test(recframe, session_ids)
{
	cr_expect(rec_sid_ok(span_str("01JD8MABCDEFGHJKMNPQRSTVWX")));
	cr_expect(not(rec_sid_ok(span_str("01JD8MABCDEFGHJKMNPQRSTVW"))));
	cr_expect(not(rec_sid_ok(span_str("01JD8MABCDEFGHJKMNPQRSTVWXY"))));
	cr_expect(not(rec_sid_ok(span_str("81JD8MABCDEFGHJKMNPQRSTVWX"))));
	cr_expect(not(rec_sid_ok(span_str("01JD8MABCDEFGHJKMNPQRSTVWU"))));
	cr_expect(not(rec_sid_ok(span_str("01jd8mabcdefghjkmnpqrstvwx"))));
	cr_expect(not(rec_sid_ok(span_str("../../../../../etc/passwd!"))));
	cr_expect(not(rec_sid_ok(span_of("01JD8MABCDEFGHJKMNPQRSTVW\0", 26))));
}

Test(recframe, leaf_round_trip)
{
	struct rec_leaf l = {.type = LEAF_END,
	    .time_us = 5,
	    .sid = "01JD8MABCDEFGHJKMNPQRSTVWX",
	    .seq = 9,
	    .bytes = 1000,
	    .segment = 2,
	    .raw = 77,
	    .has_hash = true,
	    .has_head = true,
	    .who = "alice",
	    .reason = "closed"};
	struct rec_leaf x;
	struct buf b;

	l.hash[31] = 9;
	buf_init(&b, REC_LEAF_MAX);
	for (unsigned t = 1; t < LEAF_TYPE_N; t++) {
		buf_reset(&b);
		l.type = (enum leaf_type)t;
		rec_leaf_put(&b, &l);
		cr_assert(eq(int, rec_leaf_parse(buf_span(&b), &x), 0));
		cr_expect(eq(int, memcmp(&x, &l, sizeof(x)), 0), "%s", leaf_type_name(t));
	}
	for (size_t n = 0; n < buf_len(&b); n++)
		cr_expect(ne(int, rec_leaf_parse(span_of(buf_span(&b).p, n), &x), 0));
	for (size_t i = 0; i < buf_len(&b) * 8; i++) {
		uint8_t copy[1024];

		memcpy(copy, buf_span(&b).p, buf_len(&b));
		copy[i / 8] ^= (uint8_t)(1u << (i % 8));
		cr_expect(le(int, rec_leaf_parse(span_of(copy, buf_len(&b)), &x), 0));
	}
	buf_reset(&b);
	mp_put_map(&b, 1);
	mp_put_cstr(&b, "type");
	mp_put_cstr(&b, "witness");
	cr_expect(eq(int, rec_leaf_parse(buf_span(&b), &x), E_UNKNOWN));
	buf_clear(&b);
}
