/* SPDX-License-Identifier: Apache-2.0
 *
 * The two small maps beside the records: a session's meta and a leaf of the proof log. Both are
 * tables of named fields over one struct; empty and zero fields are left out.
 */
#include <stddef.h>

#include "base/mem.h"
#include "wire/recframe.h"

enum kind { K_STR, K_U64, K_U32, K_I64, K_HASH, K_VERSION };

struct column {
	const char *key;
	enum kind kind;
	size_t at, size; /* place in the struct */
	size_t has;      /* K_HASH: place of its presence flag */
};

#define COL(type, key, kind, field)                                                                \
	{                                                                                          \
		key, kind, offsetof(struct type, field), sizeof(((struct type *)0)->field), 0      \
	}
#define COL_HASH(type, key, field)                                                                 \
	{                                                                                          \
		key, K_HASH, offsetof(struct type, field), REC_HASH_LEN,                           \
		    offsetof(struct type, has_##field)                                             \
	}

static const struct column meta_cols[] = {
    COL(rec_meta, "version", K_VERSION, version),
    COL(rec_meta, "sid", K_STR, sid),
    COL(rec_meta, "counter", K_U64, counter),
    COL(rec_meta, "start_us", K_I64, start_us),
    COL(rec_meta, "epoch", K_U32, epoch),
    COL(rec_meta, "gateway", K_STR, gateway),
    COL(rec_meta, "user", K_STR, user),
    COL(rec_meta, "person", K_STR, person),
    COL(rec_meta, "on_behalf_of", K_STR, on_behalf_of),
    COL(rec_meta, "target", K_STR, target),
    COL(rec_meta, "engine", K_STR, engine),
    COL(rec_meta, "database", K_STR, database),
    COL(rec_meta, "login", K_STR, login),
    COL(rec_meta, "source", K_STR, source),
    COL(rec_meta, "client", K_STR, client),
    COL(rec_meta, "cert", K_STR, cert),
};

static const struct column leaf_cols[] = {
    COL(rec_leaf, "time_us", K_I64, time_us),
    COL(rec_leaf, "sid", K_STR, sid),
    COL(rec_leaf, "counter", K_U64, counter),
    COL(rec_leaf, "last", K_U64, last),
    COL(rec_leaf, "seq", K_U64, seq),
    COL(rec_leaf, "bytes", K_U64, bytes),
    COL(rec_leaf, "segment", K_U32, segment),
    COL(rec_leaf, "raw", K_U64, raw),
    COL_HASH(rec_leaf, "hash", hash),
    COL_HASH(rec_leaf, "head", head),
    COL(rec_leaf, "id", K_STR, id),
    COL(rec_leaf, "who", K_STR, who),
    COL(rec_leaf, "reason", K_STR, reason),
};

#define N_META (sizeof(meta_cols) / sizeof(meta_cols[0]))
#define N_LEAF (sizeof(leaf_cols) / sizeof(leaf_cols[0]))

static const char *const leaf_names[LEAF_TYPE_N] = {
    "unknown", "start", "progress", "end", "seal", "approval", "policy", "read", "delete", "gap"};

const char *leaf_type_name(unsigned type)
{
	return leaf_names[type < LEAF_TYPE_N ? type : 0];
}

static uint64_t col_num(const struct column *c, const void *obj)
{
	const uint8_t *at = (const uint8_t *)obj + c->at;
	uint64_t v64 = 0;
	uint32_t v32 = 0;

	if (c->kind == K_VERSION)
		return REC_VERSION; /* whatever the struct says: this is what we write */
	if (c->kind == K_U32) {
		memcpy(&v32, at, sizeof(v32));
		return v32;
	}
	memcpy(&v64, at, sizeof(v64));
	return v64;
}

static bool col_present(const struct column *c, const void *obj)
{
	const char *at = (const char *)obj + c->at;

	if (c->kind == K_STR)
		return at[0] != '\0';
	if (c->kind == K_HASH)
		return *(const bool *)((const char *)obj + c->has);
	return col_num(c, obj) != 0;
}

static void col_put(struct buf *b, const struct column *c, const void *obj)
{
	const char *at = (const char *)obj + c->at;

	mp_put_cstr(b, c->key);
	if (c->kind == K_STR)
		mp_put_str(b, span_of(at, strnlen(at, c->size - 1)));
	else if (c->kind == K_HASH)
		mp_put_bin(b, span_of(at, REC_HASH_LEN));
	else if (c->kind == K_I64)
		mp_put_i64(b, (int64_t)col_num(c, obj));
	else
		mp_put_u64(b, col_num(c, obj));
}

static uint32_t cols_count(const struct column *cols, size_t n, const void *obj)
{
	uint32_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += col_present(&cols[i], obj);
	return k;
}

static void cols_put(struct buf *b, const struct column *cols, size_t n, const void *obj)
{
	for (size_t i = 0; i < n; i++)
		if (col_present(&cols[i], obj))
			col_put(b, &cols[i], obj);
}

static int col_get_str(const struct column *c, char *at, const struct mp_val *v)
{
	struct span s = mp_span(v);

	if (mp_type(v) != MP_STR || span_has_nul(s))
		return E_FORMAT;
	if (s.n >= c->size)
		return E_TOOBIG;
	if (s.n > 0)
		memcpy(at, s.p, s.n);
	at[s.n] = '\0';
	return 0;
}

static int col_get(const struct column *c, void *obj, const struct mp_val *v)
{
	uint8_t *at = (uint8_t *)obj + c->at;
	uint64_t u = mp_u64(v, 0);
	int64_t i = mp_i64(v, 0);
	uint32_t u32 = (uint32_t)u;

	if (c->kind == K_STR)
		return col_get_str(c, (char *)at, v);
	if (c->kind == K_HASH) {
		if (mp_type(v) != MP_BIN || mp_span(v).n != REC_HASH_LEN)
			return E_FORMAT;
		memcpy(at, mp_span(v).p, REC_HASH_LEN);
		*(bool *)((char *)obj + c->has) = true;
		return 0;
	}
	if (mp_type(v) != MP_UINT && !(c->kind == K_I64 && mp_type(v) == MP_INT))
		return E_FORMAT;
	if (c->size == sizeof(u32) && u > UINT32_MAX)
		return E_TOOBIG;
	if (c->size == sizeof(u32))
		memcpy(at, &u32, sizeof(u32));
	else if (c->kind == K_I64)
		memcpy(at, &i, sizeof(i));
	else
		memcpy(at, &u, sizeof(u));
	return 0;
}

static int cols_get(const struct column *cols, size_t n, void *obj, const struct mp_val *map)
{
	for (size_t i = 0; i < n; i++) {
		const struct mp_val *v = mp_get(map, cols[i].key);
		int rc = v != NULL ? col_get(&cols[i], obj, v) : 0;

		if (rc != 0)
			return rc;
	}
	return 0;
}

void rec_meta_put(struct buf *b, const struct rec_meta *m)
{
	mp_put_map(b, cols_count(meta_cols, N_META, m));
	cols_put(b, meta_cols, N_META, m);
}

int rec_meta_parse(struct span in, struct rec_meta *m)
{
	struct mp_doc *d = NULL;
	int rc;

	*m = (struct rec_meta){0};
	if (in.n > REC_META_MAX)
		return E_TOOBIG;
	rc = mp_parse(in, &d, NULL);
	if (rc == 0 && mp_type(mp_root(d)) != MP_MAP)
		rc = E_FORMAT;
	if (rc == 0 && mp_u64(mp_get(mp_root(d), "version"), 0) != REC_VERSION)
		rc = mp_get(mp_root(d), "version") != NULL ? E_UNKNOWN : E_FORMAT;
	if (rc == 0)
		rc = cols_get(meta_cols, N_META, m, mp_root(d));
	if (rc == 0 && !rec_sid_ok(span_str(m->sid)))
		rc = E_FORMAT;
	mp_free(d);
	return rc;
}

bool rec_sid_ok(struct span s)
{
	static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

	if (s.n != REC_SID_LEN || s.p[0] > '7') /* 128 bits in 26 characters */
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == 0 || strchr(crockford, s.p[i]) == NULL)
			return false;
	return true;
}

void rec_leaf_put(struct buf *b, const struct rec_leaf *l)
{
	mp_put_map(b, cols_count(leaf_cols, N_LEAF, l) + 1);
	mp_put_cstr(b, "type");
	mp_put_cstr(b, leaf_type_name((unsigned)l->type));
	cols_put(b, leaf_cols, N_LEAF, l);
}

static enum leaf_type leaf_type_parse(struct span s)
{
	for (unsigned i = 1; i < LEAF_TYPE_N; i++)
		if (span_is(s, leaf_names[i]))
			return (enum leaf_type)i;
	return (enum leaf_type)0;
}

int rec_leaf_parse(struct span in, struct rec_leaf *l)
{
	struct mp_doc *d = NULL;
	int rc;

	*l = (struct rec_leaf){0};
	if (in.n > REC_LEAF_MAX)
		return E_TOOBIG;
	rc = mp_parse(in, &d, NULL);
	if (rc != 0)
		return rc;
	rc = mp_type(mp_root(d)) == MP_MAP ? cols_get(leaf_cols, N_LEAF, l, mp_root(d)) : E_FORMAT;
	if (rc == 0 && l->sid[0] != '\0' && !rec_sid_ok(span_str(l->sid)))
		rc = E_FORMAT;
	l->type = leaf_type_parse(mp_span(mp_get(mp_root(d), "type")));
	if (rc == 0 && l->type == 0)
		rc = mp_get(mp_root(d), "type") != NULL ? E_UNKNOWN : E_FORMAT;
	mp_free(d);
	return rc;
}
