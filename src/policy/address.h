/* SPDX-License-Identifier: Apache-2.0
 *
 * Numeric IPv4 and IPv6 addresses and CIDR ranges: parse, match. No names, no ports, no resolving.
 * IPv4-mapped IPv6 (::ffff:a.b.c.d) is the same address as its IPv4 form everywhere; otherwise the
 * families never match.
 */
#ifndef SP_POLICY_ADDRESS_H
#define SP_POLICY_ADDRESS_H

#include "base/err.h"
#include "base/span.h"

struct address {
	bool v4;       /* then only the first 4 bytes count */
	uint8_t b[16]; /* network order */
};

struct cidr {
	struct address net;
	int bits; /* prefix length in net's own family */
};

/* "192.0.2.1", "2001:db8::1". Zone ids, brackets and anything else: E_FORMAT. */
int address_parse(struct span text, struct address *out) MUST_CHECK;
/* An address, or address/bits. Host bits behind the prefix must be zero (a typing error otherwise):
 * E_FORMAT. */
int cidr_parse(struct span text, struct cidr *out) MUST_CHECK;
bool cidr_match(const struct cidr *c, const struct address *a);
/* Comma list of CIDRs: 1 = a member matches, 0 = none does, E_FORMAT when any part (or the list) is
 * malformed. */
int cidr_list_match(struct span list, const struct address *a);

/* Do both texts count as one place for limits: the same host of IPv4, the same /64 of IPv6? */
bool address_same_source(const char *a, const char *b);

#endif
