/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions about runs of bytes, strict UTF-8 (RFC 3629), and escaping for terminals and logs.
 */
#include "base/span.h"

#include <stdio.h>

bool span_eq_ct(struct span a, struct span b)
{
	uint8_t diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff |= (uint8_t)(a.p[i] ^ b.p[i]);
	return diff == 0;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool span_is_nocase(struct span a, const char *s)
{
	if (a.n != strlen(s))
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower((uint8_t)s[i]))
			return false;
	return true;
}

/* Length of the valid UTF-8 sequence at p (n bytes left) and its code point, or 0. */
static size_t utf8_take(const uint8_t *p, size_t n, uint32_t *cp)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len;

	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
		return 0;
	*cp = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*cp = (*cp << 6) | (p[i] & 0x3f);
	}
	if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return len;
}

bool span_is_utf8(struct span a)
{
	size_t i = 0;
	uint32_t cp;

	while (i < a.n) {
		uint64_t w;
		size_t len;

		/* Eight ASCII bytes at a time: nearly all SQL is. */
		if (a.n - i >= 8) {
			memcpy(&w, a.p + i, 8);
			if ((w & 0x8080808080808080ull) == 0) {
				i += 8;
				continue;
			}
		}
		len = utf8_take(a.p + i, a.n - i, &cp);
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

bool span_has_nul(struct span a)
{
	return a.n > 0 && memchr(a.p, 0, a.n) != NULL;
}

/* Code points that change how a line looks without being seen: C0/C1 controls, DEL, soft hyphen, zero-width, bidi
 * controls, line and paragraph separators, BOM, tags, variation selectors and interlinear annotation. */
static bool cp_hidden(uint32_t cp)
{
	static const struct {
		uint32_t lo, hi;
	} ranges[] = {{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160},
		{0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},
		{0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb},
		{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (cp >= ranges[i].lo && cp <= ranges[i].hi)
			return true;
	return false;
}

size_t span_escape_one(struct span a, char out[SPAN_UNIT_MAX], size_t *w)
{
	uint32_t cp;
	size_t len = utf8_take(a.p, a.n, &cp);

	if (len == 0) {
		*w = (size_t)snprintf(out, SPAN_UNIT_MAX, "\\x%02x", a.p[0]);
		return 1;
	}
	if (cp == '\n' || cp == '\t' || cp == '\r') {
		*w = (size_t)snprintf(out, SPAN_UNIT_MAX, "\\%c", cp == '\n' ? 'n' : cp == '\t' ? 't' : 'r');
	} else if (cp_hidden(cp)) {
		*w = (size_t)snprintf(out, SPAN_UNIT_MAX, cp < 0x100 ? "\\x%02x" : "\\u{%x}", cp);
	} else {
		memcpy(out, a.p, len);
		out[len] = '\0';
		*w = len;
	}
	return len;
}

bool span_is_plain(struct span a)
{
	uint32_t cp;

	for (size_t i = 0, len; i < a.n; i += len) {
		len = utf8_take(a.p + i, a.n - i, &cp);
		if (len == 0 || cp_hidden(cp))
			return false;
	}
	return true;
}

size_t span_escape(struct span a, char *out, size_t cap)
{
	size_t o = 0;
	size_t i = 0;
	char one[SPAN_UNIT_MAX];

	if (cap == 0)
		return 0;
	while (i < a.n) {
		size_t w;
		size_t used = span_escape_one(span_of(a.p + i, a.n - i), one, &w);

		if (w + 4 > cap - o && (i + used < a.n || w + 1 > cap - o)) {
			if (cap - o >= 4) {
				memcpy(out + o, "...", 3);
				o += 3;
			}
			break;
		}
		memcpy(out + o, one, w);
		o += w;
		i += used;
	}
	out[o] = '\0';
	return o;
}
