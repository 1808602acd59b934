/* SPDX-License-Identifier: Apache-2.0
 *
 * A borrowed run of bytes. Never owns; the header that returns one says until when it is valid.
 */
#ifndef SP_BASE_SPAN_H
#define SP_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;
	size_t n;
};

static inline struct span span_of(const void *p, size_t n)
{
	return (struct span){(const uint8_t *)p, n};
}

/* The bytes of a C string without its NUL; NULL gives an empty span. */
static inline struct span span_str(const char *s)
{
	return (struct span){(const uint8_t *)s, s != NULL ? strlen(s) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_is(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

/* Equality in time that depends on the lengths only: for secrets and digests. */
bool span_eq_ct(struct span a, struct span b);
/* ASCII case-insensitive equality with a C string. */
bool span_is_nocase(struct span a, const char *s);
/* Strict UTF-8 (RFC 3629: no overlong, no surrogates, at most U+10FFFF). NUL is valid UTF-8. */
bool span_is_utf8(struct span a);
bool span_has_nul(struct span a);

/* Escape untrusted bytes for a terminal or log line: control bytes, DEL, C1, bidi controls, zero-width
 * characters and invalid UTF-8 become \xNN or \u{...}; a newline becomes \n. Writes at most cap-1 bytes and a NUL;
 * ends with "..." when cut. Returns the length written. */
size_t span_escape(struct span a, char *out, size_t cap);
/* One unit of the same from the front of a (not empty): bytes of a used; out gets *w bytes, at most SPAN_UNIT_MAX - 1, and a NUL. */
#define SPAN_UNIT_MAX 12
size_t span_escape_one(struct span a, char out[SPAN_UNIT_MAX], size_t *w);
/* Would span_escape() change anything? */
bool span_is_plain(struct span a);

#endif
