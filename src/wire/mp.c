/* SPDX-License-Identifier: Apache-2.0
 *
 * msgpack-c behind wire/mp.h. Writing uses its packer over a struct buf; reading uses its unpacker after an own
 * pass that bounds nesting and element counts (the unpacker allocates by the counts it reads).
 * Source: msgpack specification, spec.md.
 */
#include "wire/mp.h"

#include <msgpack.h>
#include <stdlib.h>

#include "base/cur.h"
#include "base/mem.h"

static int packer_write(void *data, const char *p, size_t n)
{
	struct buf *b = data;

	buf_put(b, p, n);
	return buf_err(b) != 0 ? -1 : 0;
}

/* The packer holds no state of its own, so one per call costs nothing. */
#define PACKER(pk, b)      \
	msgpack_packer pk; \
	msgpack_packer_init(&pk, b, packer_write)

void mp_put_map(struct buf *b, uint32_t pairs)
{
	PACKER(pk, b);
	msgpack_pack_map(&pk, pairs);
}

void mp_put_array(struct buf *b, uint32_t n)
{
	PACKER(pk, b);
	msgpack_pack_array(&pk, n);
}

void mp_put_str(struct buf *b, struct span s)
{
	PACKER(pk, b);
	msgpack_pack_str(&pk, s.n);
	buf_put_span(b, s);
}

void mp_put_cstr(struct buf *b, const char *s)
{
	mp_put_str(b, span_str(s != NULL ? s : ""));
}

void mp_put_bin(struct buf *b, struct span s)
{
	PACKER(pk, b);
	msgpack_pack_bin(&pk, s.n);
	buf_put_span(b, s);
}

void mp_put_u64(struct buf *b, uint64_t v)
{
	PACKER(pk, b);
	msgpack_pack_uint64(&pk, v);
}

void mp_put_i64(struct buf *b, int64_t v)
{
	PACKER(pk, b);
	msgpack_pack_int64(&pk, v);
}

void mp_put_bool(struct buf *b, bool v)
{
	PACKER(pk, b);
	if (v)
		msgpack_pack_true(&pk);
	else
		msgpack_pack_false(&pk);
}

void mp_put_nil(struct buf *b)
{
	PACKER(pk, b);
	msgpack_pack_nil(&pk);
}

struct mp_val {
	msgpack_object o; /* only ever a cast of msgpack's own object */
};

struct mp_doc {
	msgpack_unpacked u;
};

static size_t take_be(struct cur *c, int bytes)
{
	size_t v = 0;

	for (int i = 0; i < bytes; i++)
		v = v << 8 | cur_u8(c);
	return v;
}

/* Fixed-size bodies of the types 0xc0..0xdf; -1: length-prefixed or container (handled apart), -2: invalid. */
static const int8_t body_bytes[32] = {0, -2, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, -1,
	-1, -1, -1, -1, -1, -1};

/* Skip one scalar or open one container: *items = elements to follow. */
static void skip_head(struct cur *c, size_t *items)
{
	uint8_t t = cur_u8(c);

	*items = 0;
	if (t < 0x80 || t >= 0xe0)
		return;
	if (t < 0x90) {
		*items = (size_t)(t & 15) * 2;
	} else if (t < 0xa0) {
		*items = t & 15;
	} else if (t < 0xc0) {
		(void)cur_take(c, t & 31);
	} else if (body_bytes[t - 0xc0] >= 0) {
		(void)cur_take(c, (size_t)body_bytes[t - 0xc0]);
	} else if (t >= 0xc4 && t <= 0xc6) {
		(void)cur_take(c, take_be(c, 1 << (t - 0xc4)));
	} else if (t >= 0xc7 && t <= 0xc9) {
		size_t n = take_be(c, 1 << (t - 0xc7));

		(void)cur_take(c, 1);
		(void)cur_take(c, n);
	} else if (t >= 0xd9 && t <= 0xdb) {
		(void)cur_take(c, take_be(c, 1 << (t - 0xd9)));
	} else if (t == 0xdc || t == 0xdd) {
		*items = take_be(c, t == 0xdc ? 2 : 4);
	} else if (t == 0xde || t == 0xdf) {
		*items = take_be(c, t == 0xde ? 2 : 4) * 2;
	} else {
		cur_fail(c, E_FORMAT);
	}
}

/* Bound the object at the front of in: its length into *used, or an error. Iterative. */
static int mp_measure(struct span in, size_t *used)
{
	struct cur c = cur_of(in);
	size_t left[MP_MAX_DEPTH + 1] = {1};
	size_t total = 0;
	int depth = 0;

	while (depth >= 0) {
		size_t items;

		if (left[depth] == 0) {
			depth--;
			continue;
		}
		left[depth]--;
		if (++total > MP_MAX_ITEMS)
			return E_TOOBIG;
		skip_head(&c, &items);
		if (!cur_ok(&c))
			return c.err;
		if (items == 0)
			continue;
		if (items > MP_MAX_ITEMS || depth == MP_MAX_DEPTH)
			return E_TOOBIG;
		if (items > cur_left(&c))
			return E_SHORT;
		left[++depth] = items;
	}
	*used = in.n - cur_left(&c);
	return 0;
}

int mp_parse(struct span in, struct mp_doc **out, size_t *used)
{
	struct mp_doc *d;
	size_t n = 0;
	size_t off = 0;
	int rc = mp_measure(in, &n);

	*out = NULL;
	if (rc != 0)
		return rc;
	if (used == NULL && n != in.n)
		return E_TRAILING;
	d = xcalloc(1, sizeof(*d));
	msgpack_unpacked_init(&d->u);
	if (msgpack_unpack_next(&d->u, (const char *)in.p, n, &off) != MSGPACK_UNPACK_SUCCESS || off != n) {
		mp_free(d);
		return E_FORMAT;
	}
	if (used != NULL)
		*used = n;
	*out = d;
	return 0;
}

void mp_free(struct mp_doc *d)
{
	if (d == NULL)
		return;
	msgpack_unpacked_destroy(&d->u);
	free(d);
}

static const struct mp_val *val(const msgpack_object *o)
{
	return (const struct mp_val *)o;
}

const struct mp_val *mp_root(const struct mp_doc *d)
{
	return d != NULL ? val(&d->u.data) : NULL;
}

enum mp_type mp_type(const struct mp_val *v)
{
	if (v == NULL)
		return MP_NIL;
	switch (v->o.type) {
	case MSGPACK_OBJECT_NIL:
		return MP_NIL;
	case MSGPACK_OBJECT_BOOLEAN:
		return MP_BOOL;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		return MP_UINT;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return MP_INT;
	case MSGPACK_OBJECT_STR:
		return MP_STR;
	case MSGPACK_OBJECT_BIN:
		return MP_BIN;
	case MSGPACK_OBJECT_ARRAY:
		return MP_ARRAY;
	case MSGPACK_OBJECT_MAP:
		return MP_MAP;
	default:
		return MP_OTHER;
	}
}

size_t mp_count(const struct mp_val *v)
{
	switch (mp_type(v)) {
	case MP_ARRAY:
		return v->o.via.array.size;
	case MP_MAP:
		return v->o.via.map.size;
	default:
		return 0;
	}
}

const struct mp_val *mp_at(const struct mp_val *v, size_t i)
{
	return mp_type(v) == MP_ARRAY && i < mp_count(v) ? val(&v->o.via.array.ptr[i]) : NULL;
}

const struct mp_val *mp_key_at(const struct mp_val *v, size_t i)
{
	return mp_type(v) == MP_MAP && i < mp_count(v) ? val(&v->o.via.map.ptr[i].key) : NULL;
}

const struct mp_val *mp_val_at(const struct mp_val *v, size_t i)
{
	return mp_type(v) == MP_MAP && i < mp_count(v) ? val(&v->o.via.map.ptr[i].val) : NULL;
}

const struct mp_val *mp_get(const struct mp_val *map, const char *key)
{
	for (size_t i = 0; i < mp_count(map); i++) {
		const struct mp_val *k = mp_key_at(map, i);

		if (mp_type(k) == MP_STR && span_is(mp_span(k), key))
			return mp_val_at(map, i);
	}
	return NULL;
}

uint64_t mp_u64(const struct mp_val *v, uint64_t dflt)
{
	return mp_type(v) == MP_UINT ? v->o.via.u64 : dflt;
}

int64_t mp_i64(const struct mp_val *v, int64_t dflt)
{
	if (mp_type(v) == MP_UINT)
		return v->o.via.u64 <= INT64_MAX ? (int64_t)v->o.via.u64 : dflt;
	return mp_type(v) == MP_INT ? v->o.via.i64 : dflt;
}

bool mp_bool(const struct mp_val *v, bool dflt)
{
	return mp_type(v) == MP_BOOL ? v->o.via.boolean : dflt;
}

struct span mp_span(const struct mp_val *v)
{
	switch (mp_type(v)) {
	case MP_STR:
		return span_of(v->o.via.str.ptr, v->o.via.str.size);
	case MP_BIN:
		return span_of(v->o.via.bin.ptr, v->o.via.bin.size);
	default:
		return span_of(NULL, 0);
	}
}
