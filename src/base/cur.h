/* SPDX-License-Identifier: Apache-2.0
 *
 * The read cursor: the only arithmetic on untrusted input. Rules: errors are sticky and empty the cursor, so
 * loops over cur_left() end; lengths are compared by subtraction; a child from cur_sub() cannot see past its
 * length; nothing read is used before cur_ok() or cur_done(). Codecs never touch p/end themselves.
 */
#ifndef SP_BASE_CUR_H
#define SP_BASE_CUR_H

#include "base/err.h"
#include "base/span.h"

struct cur {
	const uint8_t *p, *end;
	int err; /* 0 or the first E_* */
};

static inline struct cur cur_of(struct span s)
{
	return (struct cur){s.p, s.p != NULL ? s.p + s.n : s.p, 0};
}

static inline size_t cur_left(const struct cur *c)
{
	return (size_t)(c->end - c->p);
}

static inline void cur_fail(struct cur *c, int err)
{
	if (c->err == 0)
		c->err = err;
	c->p = c->end;
}

static inline bool cur_ok(const struct cur *c)
{
	return c->err == 0;
}

/* The verdict on the whole object: the first error, E_TRAILING if bytes are left, or 0. */
static inline int MUST_CHECK cur_done(const struct cur *c)
{
	return c->err != 0 ? c->err : c->p != c->end ? E_TRAILING : 0;
}

static inline struct span cur_take(struct cur *c, size_t n)
{
	struct span s = {c->p, n};

	if (n > cur_left(c)) { /* subtract, never add */
		cur_fail(c, E_SHORT);
		return (struct span){c->end, 0};
	}
	if (n > 0) /* an empty cursor may be a null pointer */
		c->p += n;
	return s;
}

static inline struct span cur_rest(struct cur *c)
{
	return cur_take(c, cur_left(c));
}

/* A child over the next n bytes; the parent moves past them. A short parent gives an empty, failed child. */
static inline struct cur cur_sub(struct cur *c, size_t n)
{
	struct cur k = cur_of(cur_take(c, n));

	k.err = c->err;
	return k;
}

static inline uint8_t cur_u8(struct cur *c)
{
	struct span s = cur_take(c, 1);

	return s.n == 1 ? s.p[0] : 0;
}

static inline int cur_peek(const struct cur *c)
{
	return c->p != c->end ? c->p[0] : -1;
}

static inline uint16_t cur_u16be(struct cur *c)
{
	struct span s = cur_take(c, 2);

	return (uint16_t)(s.n == 2 ? ((unsigned)s.p[0] << 8) | s.p[1] : 0);
}

static inline uint32_t cur_u32be(struct cur *c)
{
	struct span s = cur_take(c, 4);

	return s.n == 4 ? ((uint32_t)s.p[0] << 24) | ((uint32_t)s.p[1] << 16) |
			      ((uint32_t)s.p[2] << 8) | s.p[3]
			: 0;
}

static inline uint64_t cur_u64be(struct cur *c)
{
	uint64_t hi = cur_u32be(c);

	return (hi << 32) | cur_u32be(c);
}

/* Bytes up to (not including) a NUL, which is consumed; no NUL in sight is E_FORMAT. */
static inline struct span cur_cstr(struct cur *c)
{
	const uint8_t *z = cur_left(c) > 0 ? memchr(c->p, 0, cur_left(c)) : NULL;
	struct span s = {c->end, 0};

	if (z == NULL) {
		cur_fail(c, E_FORMAT);
		return s;
	}
	s = cur_take(c, (size_t)(z - c->p));
	(void)cur_take(c, 1);
	return s;
}

#endif
