/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH data types (RFC 4251 section 5).
 */
#include "wire/sshw.h"

struct span sshw_get_string(struct cur *c)
{
	uint32_t n = cur_u32be(c);

	return cur_take(c, n);
}

struct cur sshw_get_sub(struct cur *c)
{
	uint32_t n = cur_u32be(c);

	return cur_sub(c, n);
}

struct span sshw_get_mpint(struct cur *c)
{
	struct span s = sshw_get_string(c);

	if (s.n == 0)
		return s;
	if ((s.p[0] & 0x80) != 0) /* negative */
		cur_fail(c, E_FORMAT);
	else if (s.p[0] == 0 && (s.n == 1 || (s.p[1] & 0x80) == 0)) /* padded */
		cur_fail(c, E_FORMAT);
	else if (s.p[0] == 0)
		return span_of(s.p + 1, s.n - 1);
	return cur_ok(c) ? s : cur_take(c, 0);
}

int sshw_mpint_bits(struct span m)
{
	size_t i = 0;
	int bits = 0;

	while (i < m.n && m.p[i] == 0)
		i++;
	if (i == m.n)
		return 0;
	for (unsigned top = m.p[i]; top != 0; top >>= 1)
		bits++;
	return bits + (int)(m.n - i - 1) * 8;
}

bool sshw_next_name(struct cur *list, struct span *name)
{
	*name = cur_take(list, 0);
	if (cur_left(list) == 0)
		return false;
	while (cur_left(list) > 0 && cur_peek(list) != ',') {
		(void)cur_u8(list);
		name->n++;
	}
	if (name->n == 0)
		cur_fail(list, E_FORMAT);
	if (cur_peek(list) == ',') {
		(void)cur_u8(list);
		if (cur_left(list) == 0) /* a comma promises another name */
			cur_fail(list, E_FORMAT);
	}
	return cur_ok(list);
}

void sshw_put_string(struct buf *b, struct span s)
{
	if (s.n > UINT32_MAX) {
		b->err = b->err != 0 ? b->err : E_TOOBIG;
		return;
	}
	buf_put_u32be(b, (uint32_t)s.n);
	buf_put_span(b, s);
}

void sshw_put_cstring(struct buf *b, const char *s)
{
	sshw_put_string(b, span_str(s));
}

void sshw_put_mpint(struct buf *b, struct span m)
{
	while (m.n > 0 && m.p[0] == 0)
		m = span_of(m.p + 1, m.n - 1);
	if (m.n > 0 && (m.p[0] & 0x80) != 0) {
		buf_put_u32be(b, (uint32_t)(m.n + 1));
		buf_put_u8(b, 0);
		buf_put_span(b, m);
		return;
	}
	sshw_put_string(b, m);
}

size_t sshw_open_string(struct buf *b)
{
	size_t at = buf_len(b);

	buf_put_u32be(b, 0);
	return at;
}

void sshw_close_string(struct buf *b, size_t at)
{
	if (buf_err(b) == 0)
		buf_patch_u32be(b, at, (uint32_t)(buf_len(b) - at - 4));
}
