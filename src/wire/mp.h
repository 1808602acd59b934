/* SPDX-License-Identifier: Apache-2.0
 *
 * MessagePack (msgpack-c behind a small face): writing into a struct buf, reading a bounded document.
 * Used by wire/ipc (messages between processes) and wire/recframe (recordings). Nesting and element counts are capped.
 */
#ifndef SP_WIRE_MP_H
#define SP_WIRE_MP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* Writers append to b; check buf_err() once at the end. */
void mp_put_map(struct buf *b, uint32_t pairs);
void mp_put_array(struct buf *b, uint32_t n);
void mp_put_str(struct buf *b, struct span s);
void mp_put_cstr(struct buf *b, const char *s); /* NULL = "" */
void mp_put_bin(struct buf *b, struct span s);
void mp_put_u64(struct buf *b, uint64_t v);
void mp_put_i64(struct buf *b, int64_t v);
void mp_put_bool(struct buf *b, bool v);
void mp_put_nil(struct buf *b);

/* A parsed document; spans point into the input, which must outlive it. */
struct mp_doc;
struct mp_val; /* borrowed from its document */

enum mp_type { MP_NIL, MP_BOOL, MP_INT, MP_UINT, MP_STR, MP_BIN, MP_ARRAY, MP_MAP, MP_OTHER };

#define MP_MAX_DEPTH 8
#define MP_MAX_ITEMS 65536

/* Parse exactly one object at the front of in; *used = its bytes. With used NULL, trailing bytes are E_TRAILING.
 * E_SHORT when the object is cut, E_FORMAT on bad bytes, E_TOOBIG over a cap. */
int mp_parse(struct span in, struct mp_doc **out, size_t *used) MUST_CHECK;
void mp_free(struct mp_doc *d);
const struct mp_val *mp_root(const struct mp_doc *d);

enum mp_type mp_type(const struct mp_val *v); /* NULL gives MP_NIL */
size_t mp_count(const struct mp_val *v);      /* array elements or map pairs */
const struct mp_val *mp_at(const struct mp_val *v, size_t i);  /* array element, NULL outside */
const struct mp_val *mp_key_at(const struct mp_val *v, size_t i);
const struct mp_val *mp_val_at(const struct mp_val *v, size_t i);
const struct mp_val *mp_get(const struct mp_val *map, const char *key); /* NULL when absent or not a map */
/* Conversions with a default for absent or wrong type. */
uint64_t mp_u64(const struct mp_val *v, uint64_t dflt);
int64_t mp_i64(const struct mp_val *v, int64_t dflt);
bool mp_bool(const struct mp_val *v, bool dflt);
struct span mp_span(const struct mp_val *v); /* str or bin; else empty with p == NULL */

#endif
