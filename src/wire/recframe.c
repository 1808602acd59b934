/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of a session as msgpack. Empty and zero fields are left out: a typical statement with its
 * result takes about 300 bytes. SQL is always bin (exact bytes, whatever encoding); short words are
 * str.
 */
#include "wire/recframe.h"

#include "base/cur.h"

#define REC_HEAD     0x95u /* fixarray of 5 */
#define REC_TAIL_LEN 34u   /* 0xc4 0x20 and 32 bytes of hash */
#define FIELDS_MAX   16

static const char *const type_names[] = {"unknown", "start", "statement", "decision", "result",
    "error", "notice", "copy", "own", "output", "input", "resize", "anchor", "gap", "end", "cancel",
    "protocol"};

const char *rec_type_name(unsigned type)
{
	return type_names[type < sizeof(type_names) / sizeof(type_names[0]) ? type : 0];
}

size_t rec_begin(struct buf *b, uint64_t seq, int64_t mono_us, enum rec_type type)
{
	size_t at = buf_len(b);

	buf_put_u8(b, REC_HEAD);
	mp_put_u64(b, seq);
	mp_put_i64(b, mono_us);
	mp_put_u64(b, (uint64_t)type);
	return at;
}

struct span rec_body(const struct buf *b, size_t at)
{
	struct span s = buf_span(b);

	if (buf_err(b) != 0 || s.n <= at)
		return span_of(NULL, 0);
	return span_of(s.p + at + 1, s.n - at - 1);
}

void rec_end(struct buf *b, const uint8_t hash[REC_HASH_LEN])
{
	mp_put_bin(b, span_of(hash, REC_HASH_LEN));
}

/* Payload maps are collected as a small table first, because the count of present fields comes
 * before them. */
struct field {
	const char *key;
	enum { F_STR, F_BIN, F_NUM, F_YES } kind;
	struct span s;
	uint64_t n;
};

struct fields {
	size_t n;
	struct field f[FIELDS_MAX];
};

static void add_span(struct fields *t, const char *key, bool bin, struct span s)
{
	if (s.n > 0)
		t->f[t->n++] = (struct field){key, bin ? F_BIN : F_STR, s, 0};
}

static void add_str(struct fields *t, const char *key, const char *s)
{
	add_span(t, key, false, span_str(s));
}

static void add_num(struct fields *t, const char *key, uint64_t n)
{
	if (n != 0)
		t->f[t->n++] = (struct field){key, F_NUM, {NULL, 0}, n};
}

static void add_yes(struct fields *t, const char *key, bool yes)
{
	if (yes)
		t->f[t->n++] = (struct field){key, F_YES, {NULL, 0}, 1};
}

static void put_field(struct buf *b, const struct field *f)
{
	mp_put_cstr(b, f->key);
	if (f->kind == F_STR)
		mp_put_str(b, f->s);
	else if (f->kind == F_BIN)
		mp_put_bin(b, f->s);
	else if (f->kind == F_NUM)
		mp_put_u64(b, f->n);
	else
		mp_put_bool(b, true);
}

static void put_fields(struct buf *b, const struct fields *t)
{
	mp_put_map(b, (uint32_t)t->n);
	for (size_t i = 0; i < t->n; i++)
		put_field(b, &t->f[i]);
}

/* Parameters are one bin that holds the values one after another (nil, str = text, bin = binary): a
 * statement may have 65535 of them, more elements than a bounded reader takes in one document. */
static void put_params(struct buf *b, const struct rec_statement *s)
{
	static const uint8_t bin32[5] = {0xc6};
	size_t at;

	mp_put_cstr(b, "params");
	at = buf_len(b);
	buf_put(
	    b, bin32, sizeof(bin32)); /* always bin 32: the length is filled in behind the values */
	for (size_t i = 0; i < s->n_params; i++) {
		const struct rec_param *p = &s->params[i];

		if (p->is_null)
			mp_put_nil(b);
		else if (p->format == 0)
			mp_put_str(b, p->value);
		else
			mp_put_bin(b, p->value);
	}
	if (buf_err(b) == 0) /* REC_MAX keeps this within 32 bits */
		buf_patch_u32be(b, at + 1, (uint32_t)(buf_len(b) - at - sizeof(bin32)));
}

void rec_put_statement(struct buf *b, const struct rec_statement *s)
{
	struct fields t = {0};

	add_str(&t, "proto", s->proto);
	add_span(&t, "sql", true, s->sql);
	add_str(&t, "name", s->name);
	add_num(&t, "n", s->n_params);
	add_str(&t, "class", s->cls);
	add_str(&t, "verdict", s->verdict);
	add_str(&t, "rule", s->rule);
	add_str(&t, "reason", s->reason);
	add_num(&t, "epoch", s->epoch);
	add_yes(&t, "sent", s->forwarded);
	mp_put_map(b, (uint32_t)t.n + (s->n_params > 0 ? 1 : 0));
	for (size_t i = 0; i < t.n; i++)
		put_field(b, &t.f[i]);
	if (s->n_params > 0)
		put_params(b, s);
}

void rec_put_result(struct buf *b, const struct rec_result *r)
{
	struct fields t = {0};

	add_num(&t, "stmt", r->stmt_seq);
	add_str(&t, "tag", r->tag);
	add_num(&t, "rows", r->rows);
	add_num(&t, "bytes", r->bytes);
	add_num(&t, "us", r->duration_us);
	add_str(&t, "masked", r->masked);
	add_str(&t, "sqlstate", r->sqlstate);
	add_str(&t, "message", r->message);
	put_fields(b, &t);
}

void rec_put_kv(struct buf *b, enum rec_type type, const struct rec_kv *kv, size_t n)
{
	bool raw = type == REC_OUTPUT || type == REC_INPUT;

	mp_put_map(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		mp_put_cstr(b, kv[i].key);
		if (raw && strcmp(kv[i].key, "data") == 0)
			mp_put_bin(b, kv[i].value);
		else
			mp_put_str(b, kv[i].value);
	}
}

/* ---- reading ---- */

static int frame_fields(struct rec_frame *f)
{
	const struct mp_val *root = mp_root(f->doc);

	if (mp_type(mp_at(root, 0)) != MP_UINT || mp_type(mp_at(root, 2)) != MP_UINT ||
	    mp_type(mp_at(root, 3)) != MP_MAP)
		return E_FORMAT;
	if (mp_type(mp_at(root, 1)) != MP_UINT && mp_type(mp_at(root, 1)) != MP_INT)
		return E_FORMAT;
	if (mp_u64(mp_at(root, 2), 0) > 0xffff)
		return E_FORMAT;
	f->seq = mp_u64(mp_at(root, 0), 0);
	f->mono_us = mp_i64(mp_at(root, 1), 0);
	f->type = (unsigned)mp_u64(mp_at(root, 2), 0);
	return 0;
}

int rec_parse(struct span in, struct rec_frame *f, size_t *used)
{
	size_t n = 0;
	int rc;

	*f = (struct rec_frame){0};
	if (in.n == 0)
		return E_SHORT;
	if (in.p[0] != REC_HEAD)
		return E_FORMAT;
	rc = mp_parse(span_of(in.p, in.n < REC_MAX ? in.n : REC_MAX), &f->doc, &n);
	if (rc != 0)
		return rc == E_SHORT && in.n >= REC_MAX ? E_TOOBIG : rc;
	/* The hash has one encoding only, so where the hashed bytes end is never a question of
	 * parsing. */
	if (n < REC_TAIL_LEN + 5 || in.p[n - REC_TAIL_LEN] != 0xc4 ||
	    in.p[n - REC_TAIL_LEN + 1] != REC_HASH_LEN ||
	    mp_span(mp_at(mp_root(f->doc), 4)).p != in.p + n - REC_HASH_LEN ||
	    frame_fields(f) != 0) {
		rec_frame_clear(f);
		return E_FORMAT;
	}
	f->whole = span_of(in.p, n);
	f->body = span_of(in.p + 1, n - 1 - REC_TAIL_LEN);
	f->hash = span_of(in.p + n - REC_HASH_LEN, REC_HASH_LEN);
	*used = n;
	return 0;
}

void rec_frame_clear(struct rec_frame *f)
{
	mp_free(f->doc);
	*f = (struct rec_frame){0};
}

static const struct mp_val *payload(const struct rec_frame *f)
{
	return mp_at(mp_root(f->doc), 3);
}

struct span rec_text(const struct rec_frame *f, const char *key)
{
	return mp_span(mp_get(payload(f), key));
}

/* A decimal text of at most 19 digits. */
static uint64_t text_num(struct span s, uint64_t dflt)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 19)
		return dflt;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return dflt;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	return v;
}

uint64_t rec_num(const struct rec_frame *f, const char *key, uint64_t dflt)
{
	const struct mp_val *v = mp_get(payload(f), key);

	return mp_type(v) == MP_STR ? text_num(mp_span(v), dflt) : mp_u64(v, dflt);
}

bool rec_flag(const struct rec_frame *f, const char *key, bool dflt)
{
	return mp_bool(mp_get(payload(f), key), dflt);
}

void rec_each_pair(const struct rec_frame *f, rec_pair_fn *fn, void *ctx)
{
	const struct mp_val *map = payload(f);

	for (size_t i = 0; i < mp_count(map); i++) {
		const struct mp_val *k = mp_key_at(map, i);
		const struct mp_val *v = mp_val_at(map, i);
		struct span text = mp_span(v);

		if (mp_type(k) != MP_STR)
			continue;
		if (text.p == NULL && (mp_type(v) == MP_STR || mp_type(v) == MP_BIN))
			text.p = (const uint8_t *)"";
		fn(ctx, mp_span(k), text, mp_type(v) == MP_BOOL ? mp_bool(v, false) : mp_u64(v, 0));
	}
}

int rec_each_param(const struct rec_frame *f, rec_param_fn *fn, void *ctx)
{
	struct span left = rec_text(f, "params");

	for (size_t i = 0; left.n > 0; i++) {
		struct mp_doc *d;
		struct rec_param p = {0};
		size_t used;
		int rc = mp_parse(left, &d, &used);

		if (rc != 0)
			return rc;
		p.is_null = mp_type(mp_root(d)) == MP_NIL;
		p.format = mp_type(mp_root(d)) == MP_BIN;
		p.value = mp_span(mp_root(d));
		fn(ctx, i, &p);
		mp_free(d);
		left = span_of(left.p + used, left.n - used);
	}
	return 0;
}
