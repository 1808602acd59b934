/* SPDX-License-Identifier: Apache-2.0
 *
 * A growable byte buffer with a hard maximum, consumed from the front. The only place where a size that came
 * from outside may lead to an allocation. Errors are sticky: after a failed append every later append fails
 * and buf_err() tells, so builders check once at the end.
 */
#ifndef SP_BASE_BUF_H
#define SP_BASE_BUF_H

#include "base/err.h"
#include "base/span.h"

struct buf {
	uint8_t *mem; /* private: use the functions */
	size_t off, n, cap, max;
	int err;
};

/* max: hard limit in bytes on the content; growth beyond gives E_TOOBIG. */
void buf_init(struct buf *b, size_t max);
/* Frees and re-inits with the same max. wipe: overwrite before free. */
void buf_clear(struct buf *b);
void buf_wipe(struct buf *b);
/* Drop the content, keep the memory (and clear the sticky error). */
void buf_reset(struct buf *b);
/* Give back memory when empty and larger than keep bytes. */
void buf_trim(struct buf *b, size_t keep);

/* Content; valid until the next buf_* call that writes. */
static inline struct span buf_span(const struct buf *b)
{
	return (struct span){b->mem != NULL ? b->mem + b->off : NULL, b->n};
}

static inline size_t buf_len(const struct buf *b)
{
	return b->n;
}

static inline int buf_err(const struct buf *b)
{
	return b->err;
}

/* Room for n more bytes at *p; nothing is added until buf_commit(). 0, E_TOOBIG or E_NOMEM. */
int buf_reserve(struct buf *b, size_t n, uint8_t **p) MUST_CHECK;
void buf_commit(struct buf *b, size_t n);
void buf_consume(struct buf *b, size_t n); /* n <= buf_len */
/* Cut the content to its first n bytes. */
void buf_truncate(struct buf *b, size_t n);

/* Appends; sticky error instead of a return value. A span of the buffer's own content is
 * allowed, except among buf_printf()'s arguments. */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_span(struct buf *b, struct span s);
void buf_put_str(struct buf *b, const char *s); /* without NUL */
void buf_put_cstr(struct buf *b, const char *s); /* with NUL */
/* As span_escape() has it, but whole, and with every backslash doubled: two texts never look the same. */
void buf_put_escaped(struct buf *b, struct span s);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16be(struct buf *b, uint16_t v);
void buf_put_u32be(struct buf *b, uint32_t v);
void buf_put_u64be(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) SP_PRINTF(2, 3);
/* Overwrite 4 bytes at offset off (from the content's start): back-patching of lengths. */
void buf_patch_u32be(struct buf *b, size_t off, uint32_t v);
/* Content as a C string (adds a NUL behind the content, not counted); "" on a failed buffer. */
const char *buf_cstr(struct buf *b);

#endif
