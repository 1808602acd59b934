/* SPDX-License-Identifier: Apache-2.0
 *
 * IP addresses and CIDR ranges. RFC 4291 2.2, RFC 4632.
 */
#include "policy/address.h"

#include <arpa/inet.h>

#include "wire/sshw.h"

#define TEXT_MAX 64 /* longer than any address */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* inet_pton as it is, without joining mapped addresses with IPv4. */
static int parse_plain(struct span text, struct address *out)
{
	char z[TEXT_MAX];

	*out = (struct address){0};
	if (text.n == 0 || text.n >= sizeof(z) || span_has_nul(text))
		return E_FORMAT;
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	if (inet_pton(AF_INET, z, out->b) == 1) {
		out->v4 = true;
		return 0;
	}
	return inet_pton(AF_INET6, z, out->b) == 1 ? 0 : E_FORMAT;
}

static bool is_mapped(const struct address *a)
{
	return !a->v4 && memcmp(a->b, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void unmap(struct address *a)
{
	struct address v4 = {.v4 = true};

	memcpy(v4.b, a->b + sizeof(mapped_prefix), 4);
	*a = v4;
}

int address_parse(struct span text, struct address *out)
{
	int r = parse_plain(text, out);

	if (r == 0 && is_mapped(out))
		unmap(out);
	return r;
}

/* One to three digits, no sign, no leading zero. */
static int parse_bits(struct span s, int max, int *out)
{
	int v = 0;

	if (s.n == 0 || s.n > 3 || (s.n > 1 && s.p[0] == '0'))
		return E_FORMAT;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return E_FORMAT;
		v = v * 10 + (s.p[i] - '0');
	}
	*out = v;
	return v <= max ? 0 : E_FORMAT;
}

/* Are the first bits of a and b equal? */
static bool prefix_eq(const uint8_t *a, const uint8_t *b, int bits)
{
	size_t whole = (size_t)bits / 8;
	unsigned mask = 0xff00u >> (bits % 8) & 0xff;

	return memcmp(a, b, whole) == 0 && (mask == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool host_bits_clear(const struct cidr *c)
{
	size_t n = c->net.v4 ? 4 : 16;
	unsigned bad = 0;

	for (size_t i = 0; i < n; i++) {
		int in = c->bits - (int)i * 8; /* prefix bits in this byte */
		unsigned host = in <= 0 ? 0xff : in >= 8 ? 0 : 0xffu >> in;

		bad |= c->net.b[i] & host;
	}
	return bad == 0;
}

int cidr_parse(struct span text, struct cidr *out)
{
	const uint8_t *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
	size_t n = slash != NULL ? (size_t)(slash - text.p) : text.n;
	int max, r;

	*out = (struct cidr){0};
	r = parse_plain(span_of(text.p, n), &out->net);
	if (r != 0)
		return r;
	out->bits = max = out->net.v4 ? 32 : 128;
	if (slash != NULL) {
		r = parse_bits(span_of(slash + 1, text.n - n - 1), max, &out->bits);
		if (r != 0)
			return r;
	}
	if (is_mapped(&out->net) && out->bits >= 96) {
		unmap(&out->net);
		out->bits -= 96;
	}
	return host_bits_clear(out) ? 0 : E_FORMAT;
}

bool cidr_match(const struct cidr *c, const struct address *a)
{
	return c->net.v4 == a->v4 && prefix_eq(c->net.b, a->b, c->bits);
}

int cidr_list_match(struct span list, const struct address *a)
{
	struct cur c = cur_of(list);
	struct span part;
	struct cidr one;
	int hit = 0;

	if (list.n == 0)
		return E_FORMAT;
	while (sshw_next_name(&c, &part)) {
		if (cidr_parse(part, &one) != 0)
			return E_FORMAT;
		if (cidr_match(&one, a))
			hit = 1;
	}
	return cur_ok(&c) ? hit : E_FORMAT;
}

bool address_same_source(const char *a, const char *b)
{
	struct address x, y;

	if (address_parse(span_str(a), &x) != 0 || address_parse(span_str(b), &y) != 0 || x.v4 != y.v4)
		return false;
	return memcmp(x.b, y.b, x.v4 ? 4 : 8) == 0;
}
