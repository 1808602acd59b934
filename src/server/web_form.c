/* SPDX-License-Identifier: Apache-2.0
 *
 * Form decoding (URL Standard 5.1), strict: what is not clean is refused, not repaired.
 */
#include "server/web_form.h"

#include "base/cur.h"

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One decoded byte, or -1. */
static int decode_one(struct cur *c)
{
	uint8_t b = cur_u8(c);
	int hi, lo;

	if (b == '+')
		return ' ';
	if (b != '%')
		return b;
	hi = hex_digit(cur_u8(c));
	lo = hex_digit(cur_u8(c));
	return !cur_ok(c) || hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
}

static int decode(struct span in, char *out, size_t cap)
{
	struct cur c = cur_of(in);
	size_t n = 0;

	while (cur_left(&c) > 0) {
		int b = decode_one(&c);

		if (b < 0x20 || b == 0x7f)
			return E_FORMAT;
		if (n + 1 >= cap)
			return E_TOOBIG;
		out[n++] = (char)b;
	}
	out[n] = '\0';
	return span_is_utf8(span_of(out, n)) ? 0 : E_FORMAT;
}

static struct span until(struct cur *c, uint8_t stop)
{
	const uint8_t *p = cur_left(c) > 0 ? memchr(c->p, stop, cur_left(c)) : NULL;
	struct span s;

	if (p == NULL)
		return cur_rest(c);
	s = cur_take(c, (size_t)(p - c->p));
	(void)cur_take(c, 1);
	return s;
}

int web_form_get(struct span form, const char *name, char *out, size_t cap)
{
	struct cur c = cur_of(form);
	int rc = E_NOTFOUND;

	out[0] = '\0';
	while (cur_left(&c) > 0) {
		struct cur pair = cur_of(until(&c, '&'));

		if (!span_is(until(&pair, '='), name))
			continue;
		rc = rc == E_NOTFOUND ? decode(cur_rest(&pair), out, cap) : E_FORMAT;
		if (rc != 0)
			break;
	}
	if (rc != 0)
		out[0] = '\0';
	return rc;
}
