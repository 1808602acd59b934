/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "policy/address.h"

Test(address, parse)
{
	static const char *const good[] = {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1",
	    "2001:db8::1", "::ffff:192.0.2.1", "fe80::1"};
	static const char *const bad[] = {"", " ", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1",
	    "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/8", "0x7f.0.0.1", "localhost",
	    "fe80::1%eth0", "[::1]", "::g", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
	    "::ffff:300.1.1.1",
	    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
	struct address a;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert_eq(address_parse(span_str(good[i]), &a), 0, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(address_parse(span_str(bad[i]), &a), E_FORMAT, "%s", bad[i]);
	cr_assert_eq(address_parse(span_of("1.2.3.4\0", 8), &a), E_FORMAT);
	cr_assert_eq(address_parse(span_str(NULL), &a), E_FORMAT);
	cr_assert_eq(address_parse(span_str("::ffff:192.0.2.1"), &a), 0);
	cr_assert(a.v4);
}

Test(address, cidr_form)
{
	static const char *const good[] = {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "192.0.2.1/32",
	    "10.128.0.0/9", "::/0", "2001:db8::/32", "::1/128", "::ffff:10.0.0.0/104",
	    "::ffff:0:0/96", "fe80::/10"};
	static const char *const bad[] = {"10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/-1",
	    "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ", "10.0.0.0/8x", "10.0.0.1/8",
	    "10.0.0.0/7/8", "::/129", "2001:db8::1/32", "::ffff:10.0.0.1/104", "10.0.0.0/255.0.0.0",
	    "!10.0.0.0/8", "0.0.0.0/:", "0.0.0.0/-1", "*", "10.0.0.0/1000", "10.192.0.0/9"};
	struct cidr c;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert_eq(cidr_parse(span_str(good[i]), &c), 0, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(cidr_parse(span_str(bad[i]), &c), E_FORMAT, "%s", bad[i]);
}

Test(address, list_match)
{
	static const struct {
		const char *list, *peer;
		int want;
	} v[] = {
	    {"10.0.0.0/8", "10.255.1.2", 1},
	    {"10.0.0.0/8", "11.0.0.0", 0},
	    {"10.128.0.0/9", "10.128.0.0", 1},
	    {"10.128.0.0/9", "10.127.255.255", 0},
	    {"192.0.2.1", "192.0.2.1", 1},
	    {"192.0.2.1", "192.0.2.2", 0},
	    {"192.0.2.0/31", "192.0.2.1", 1},
	    {"192.0.2.0/31", "192.0.2.2", 0},
	    {"0.0.0.0/0", "203.0.113.9", 1},
	    {"0.0.0.0/0", "2001:db8::1", 0}, /* the families stay apart */
	    {"::/0", "203.0.113.9", 0},
	    {"::/0", "2001:db8::1", 1},
	    {"2001:db8::/33", "2001:db8:7fff::1", 1},
	    {"2001:db8::/33", "2001:db8:8000::1", 0},
	    {"2001:db8::1", "2001:db8:0:0::1", 1},
	    /* IPv4-mapped is IPv4, on either side */
	    {"10.0.0.0/8", "::ffff:10.1.2.3", 1},
	    {"10.0.0.0/8", "::ffff:a01:203", 1},
	    {"10.0.0.0/8", "::ffff:11.1.2.3", 0},
	    {"::ffff:10.0.0.0/104", "10.1.2.3", 1},
	    {"::ffff:10.0.0.0/104", "11.1.2.3", 0},
	    {"::ffff:0:0/96", "203.0.113.9", 1},
	    {"::/0", "::ffff:203.0.113.9", 0},
	    {"192.0.2.1,10.0.0.0/8,::1", "::1", 1},
	    {"192.0.2.1,10.0.0.0/8,::1", "::2", 0},
	    /* malformed anywhere, also behind a match */
	    {"", "10.0.0.1", E_FORMAT},
	    {"10.0.0.0/8,", "10.0.0.1", E_FORMAT},
	    {",10.0.0.0/8", "10.0.0.1", E_FORMAT},
	    {"10.0.0.0/8,,::1", "10.0.0.1", E_FORMAT},
	    {"10.0.0.0/8,nonsense", "10.0.0.1", E_FORMAT},
	    {"10.0.0.0/8, ::1", "10.0.0.1", E_FORMAT},
	};
	struct address a;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int r;

		cr_assert_eq(address_parse(span_str(v[i].peer), &a), 0, "%s", v[i].peer);
		r = cidr_list_match(span_str(v[i].list), &a);
		cr_assert_eq(r, v[i].want, "%s in %s: %d", v[i].peer, v[i].list, r);
	}
}
