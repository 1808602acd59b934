/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded write buffer.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define BUF_FIRST 256

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_clear(struct buf *b)
{
	size_t max = b->max;

	free(b->mem);
	buf_init(b, max);
}

void buf_wipe(struct buf *b)
{
	if (b->mem != NULL)
		mem_wipe(b->mem, b->cap);
	buf_clear(b);
}

void buf_reset(struct buf *b)
{
	b->off = b->n = 0;
	b->err = 0;
}

void buf_trim(struct buf *b, size_t keep)
{
	if (b->n == 0 && b->cap > keep)
		buf_clear(b);
}

static int buf_fail(struct buf *b, int err)
{
	if (b->err == 0)
		b->err = err;
	return b->err;
}

/* Room for n more bytes; beyond: bytes behind the content that do not count against max (a NUL). */
static int buf_room(struct buf *b, size_t n, size_t beyond, uint8_t **p)
{
	size_t cap;
	uint8_t *mem;

	if (b->err != 0)
		return b->err;
	if (n > b->max - b->n) /* n <= max always holds for the content */
		return buf_fail(b, E_TOOBIG);
	n += beyond;
	if (b->mem != NULL && n <= b->cap - b->off - b->n)
		goto out;
	/* Moving is cheap only while little is left; otherwise grow. */
	if (b->off > 0 && n <= b->cap - b->n && b->n <= b->cap / 2) {
		memmove(b->mem, b->mem + b->off, b->n);
		b->off = 0;
		goto out;
	}
	cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
	while (cap - b->n < n) { /* max bounds this: n and b->n are at most max */
		if (cap > SIZE_MAX / 2)
			return buf_fail(b, E_NOMEM);
		cap *= 2;
	}
	mem = malloc(cap);
	if (mem == NULL)
		return buf_fail(b, E_NOMEM);
	if (b->n > 0)
		memcpy(mem, b->mem + b->off, b->n);
	free(b->mem);
	b->mem = mem;
	b->cap = cap;
	b->off = 0;
out:
	*p = b->mem + b->off + b->n;
	return 0;
}

int buf_reserve(struct buf *b, size_t n, uint8_t **p)
{
	return buf_room(b, n, 0, p);
}

void buf_commit(struct buf *b, size_t n)
{
	b->n += n;
}

void buf_consume(struct buf *b, size_t n)
{
	b->off += n;
	b->n -= n;
	if (b->n == 0)
		b->off = 0;
}

void buf_truncate(struct buf *b, size_t n)
{
	if (n < b->n)
		b->n = n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	/* A span of this very buffer is fine: it is found again after a move. */
	size_t own = b->n > 0 ? (uintptr_t)p - (uintptr_t)(b->mem + b->off) : 0;
	bool self = own < b->n && n <= b->n - own;
	uint8_t *at;

	if (n == 0 || buf_reserve(b, n, &at) != 0)
		return;
	memcpy(at, self ? b->mem + b->off + own : p, n);
	b->n += n;
}

void buf_put_span(struct buf *b, struct span s)
{
	buf_put(b, s.p, s.n);
}

void buf_put_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_put_cstr(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s) + 1);
}

void buf_put_escaped(struct buf *b, struct span s)
{
	char one[SPAN_UNIT_MAX];

	while (s.n > 0 && b->err == 0) {
		size_t w, used = span_escape_one(s, one, &w);

		if (s.p[0] == '\\')
			buf_put_u8(b, '\\');
		buf_put(b, one, w);
		s = span_of(s.p + used, s.n - used);
	}
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void buf_put_u16be(struct buf *b, uint16_t v)
{
	uint8_t x[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	buf_put(b, x, sizeof(x));
}

void buf_put_u32be(struct buf *b, uint32_t v)
{
	uint8_t x[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	buf_put(b, x, sizeof(x));
}

void buf_put_u64be(struct buf *b, uint64_t v)
{
	buf_put_u32be(b, (uint32_t)(v >> 32));
	buf_put_u32be(b, (uint32_t)v);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	uint8_t *at;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_room(b, (size_t)n, 1, &at) != 0) {
		(void)buf_fail(b, E_TOOBIG);
		return;
	}
	va_start(ap, fmt);
	vsnprintf((char *)at, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

void buf_patch_u32be(struct buf *b, size_t off, uint32_t v)
{
	uint8_t x[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	if (b->err == 0 && off <= b->n && b->n - off >= sizeof(x))
		memcpy(b->mem + b->off + off, x, sizeof(x));
}

const char *buf_cstr(struct buf *b)
{
	uint8_t *at;

	if (buf_room(b, 0, 1, &at) != 0)
		return "";
	*at = 0;
	return (const char *)(b->mem + b->off);
}
