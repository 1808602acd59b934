/* SPDX-License-Identifier: Apache-2.0
 *
 * MessagePack: vectors of the specification, every prefix and every flipped bit, nesting and count bombs, ext types,
 * conversions that must not wrap.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>


#include "wire/mp.h"

#define B(s) span_of(s, sizeof(s) - 1)
#define N(a) (sizeof(a) / sizeof((a)[0]))

static int parse(struct span in, struct mp_doc **d)
{
	/* an exact copy lets the sanitizer see one byte too many; it stays until the next call */
	static uint8_t *copy;
	int rc;

	free(copy);
	copy = malloc(in.n > 0 ? in.n : 1);
	if (in.n > 0)
		memcpy(copy, in.p, in.n);
	rc = mp_parse(span_of(copy, in.n), d, NULL);
	cr_assert((rc == 0) == (*d != NULL));
	return rc;
}

Test(mp, integers)
{
	static const struct {
		struct span in;
		uint64_t u;
		int64_t i;
	} cases[] = {
		{{(const uint8_t *)"\x00", 1}, 0, 0}, {{(const uint8_t *)"\x7f", 1}, 127, 127}, {{(const uint8_t *)"\xff", 1}, 9, -1},
		{{(const uint8_t *)"\xe0", 1}, 9, -32}, {{(const uint8_t *)"\xcc\xff", 2}, 255, 255}, {{(const uint8_t *)"\xcd\xff\xff", 3}, 65535, 65535},
		{{(const uint8_t *)"\xce\xff\xff\xff\xff", 5}, 4294967295u, 4294967295}, {{(const uint8_t *)"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9}, INT64_MAX, INT64_MAX},
		{{(const uint8_t *)"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9}, UINT64_MAX, 9}, /* no wrap to -1 */
		{{(const uint8_t *)"\xd0\x80", 2}, 9, -128}, {{(const uint8_t *)"\xd1\x80\x00", 3}, 9, -32768},
		{{(const uint8_t *)"\xd2\x80\x00\x00\x00", 5}, 9, INT32_MIN}, {{(const uint8_t *)"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9}, 9, INT64_MIN},
		{{(const uint8_t *)"\xd0\x05", 2}, 5, 5}, {{(const uint8_t *)"\xca\x3f\x80\x00\x00", 5}, 9, 9}, {{(const uint8_t *)"\xc0", 1}, 9, 9},
		{{(const uint8_t *)"\xc3", 1}, 9, 9}, {{(const uint8_t *)"\xa1" "7", 2}, 9, 9},
	};
	struct mp_doc *d;

	for (size_t i = 0; i < N(cases); i++) {
		cr_assert_eq(parse(cases[i].in, &d), 0, "case %zu", i);
		cr_expect_eq(mp_u64(mp_root(d), 9), cases[i].u, "case %zu", i);
		cr_expect_eq(mp_i64(mp_root(d), 9), cases[i].i, "case %zu", i);
		mp_free(d);
	}
}

Test(mp, writers_round_trip)
{
	static const uint64_t us[] = {0, 127, 128, 255, 256, 65535, 65536, UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX, UINT64_MAX};
	static const int64_t is[] = {0, -1, -32, -33, -128, -129, -32768, -32769, INT32_MIN, (int64_t)INT32_MIN - 1, INT64_MIN, INT64_MAX};
	static char text[70000];
	static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536};
	struct mp_doc *d;
	struct buf b;
	size_t k = 0;

	memset(text, 'q', sizeof(text));
	buf_init(&b, 1 << 20);
	mp_put_array(&b, N(us) + N(is) + 2 * N(sizes) + 4);
	for (size_t i = 0; i < N(us); i++)
		mp_put_u64(&b, us[i]);
	for (size_t i = 0; i < N(is); i++)
		mp_put_i64(&b, is[i]);
	for (size_t i = 0; i < N(sizes); i++) {
		mp_put_str(&b, span_of(text, sizes[i]));
		mp_put_bin(&b, span_of(text, sizes[i]));
	}
	mp_put_nil(&b);
	mp_put_bool(&b, true);
	mp_put_cstr(&b, NULL);
	mp_put_map(&b, 1);
	mp_put_cstr(&b, "k");
	mp_put_bool(&b, false);
	cr_assert_eq(buf_err(&b), 0);
	cr_assert_eq(parse(buf_span(&b), &d), 0);
	for (size_t i = 0; i < N(us); i++)
		cr_expect_eq(mp_u64(mp_at(mp_root(d), k++), 9), us[i]);
	for (size_t i = 0; i < N(is); i++)
		cr_expect_eq(mp_i64(mp_at(mp_root(d), k++), 9), is[i]);
	for (size_t i = 0; i < N(sizes); i++, k += 2) {
		cr_expect_eq(mp_type(mp_at(mp_root(d), k)), MP_STR);
		cr_expect_eq(mp_type(mp_at(mp_root(d), k + 1)), MP_BIN);
		cr_expect(span_eq(mp_span(mp_at(mp_root(d), k)), span_of(text, sizes[i])));
		cr_expect(span_eq(mp_span(mp_at(mp_root(d), k + 1)), span_of(text, sizes[i])));
	}
	cr_expect_eq(mp_type(mp_at(mp_root(d), k)), MP_NIL);
	cr_expect(mp_bool(mp_at(mp_root(d), k + 1), false));
	cr_expect(mp_type(mp_at(mp_root(d), k + 2)) == MP_STR && mp_span(mp_at(mp_root(d), k + 2)).n == 0);
	cr_expect_not(mp_bool(mp_get(mp_at(mp_root(d), k + 3), "k"), true));
	cr_expect_null(mp_at(mp_root(d), k + 4));
	mp_free(d);
	buf_clear(&b);
	buf_init(&b, 4);
	mp_put_cstr(&b, "hello");
	cr_expect_eq(buf_err(&b), E_TOOBIG);
	buf_clear(&b);
}

Test(mp, accessors_on_the_wrong_type)
{
	struct mp_doc *d;

	cr_assert_eq(parse(B("\x81\xa1k\x93\x01\x02\x03"), &d), 0);
	cr_expect(mp_at(mp_root(d), 0) == NULL && mp_key_at(mp_root(d), 1) == NULL && mp_val_at(mp_root(d), SIZE_MAX) == NULL);
	cr_expect(mp_get(mp_root(d), "K") == NULL && mp_get(mp_root(d), "") == NULL);
	cr_expect(mp_get(mp_get(mp_root(d), "k"), "k") == NULL);
	cr_expect_eq(mp_count(mp_get(mp_root(d), "k")), 3);
	cr_expect(mp_span(mp_root(d)).p == NULL && mp_span(NULL).p == NULL);
	cr_expect(mp_type(NULL) == MP_NIL && mp_count(NULL) == 0 && mp_at(NULL, 0) == NULL && mp_u64(NULL, 4) == 4);
	mp_free(d);
	mp_free(NULL);
	cr_expect_null(mp_root(NULL));
	/* keys that are no strings are not found by name */
	cr_assert_eq(parse(B("\x83\x01\x02\xc4\x01k\x03\xa1k\x04"), &d), 0);
	cr_expect_eq(mp_u64(mp_get(mp_root(d), "k"), 0), 4);
	mp_free(d);
}

Test(mp, ext_types_are_other)
{
	static const struct span in[] = {{(const uint8_t *)"\xd4\x01\x00", 3}, {(const uint8_t *)"\xd5\xff\x00\x00", 4},
		{(const uint8_t *)"\xd6\xff\x00\x00\x00\x00", 6}, {(const uint8_t *)"\xd7\xff\x00\x00\x00\x00\x00\x00\x00\x00", 10},
		{(const uint8_t *)"\xd8\x01"
				  "0123456789abcdef",
		    18},
		{(const uint8_t *)"\xc7\x00\x01", 3}, {(const uint8_t *)"\xc8\x00\x01\x05x", 5}, {(const uint8_t *)"\xc9\x00\x00\x00\x02\x05xy", 8},
		{(const uint8_t *)"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 9}};
	struct mp_doc *d;

	for (size_t i = 0; i < N(in); i++) {
		cr_assert_eq(parse(in[i], &d), 0, "case %zu", i);
		cr_expect(mp_type(mp_root(d)) == MP_OTHER && mp_span(mp_root(d)).p == NULL && mp_count(mp_root(d)) == 0);
		mp_free(d);
		for (size_t n = 0; n < in[i].n; n++)
			cr_assert_eq(parse(span_of(in[i].p, n), &d), E_SHORT, "case %zu cut at %zu", i, n);
	}
}

Test(mp, malformed)
{
	size_t used = 99;
	struct mp_doc *d;

	cr_expect_eq(parse(B(""), &d), E_SHORT);
	cr_expect_eq(mp_parse(span_of(NULL, 0), &d, NULL), E_SHORT);
	cr_expect_eq(parse(B("\xc1"), &d), E_FORMAT);
	cr_expect_eq(parse(B("\x92\x01\xc1"), &d), E_FORMAT);
	cr_expect_eq(parse(B("\x01\x02"), &d), E_TRAILING);
	cr_expect_eq(mp_parse(B("\xa1x\x02"), &d, &used), 0);
	cr_expect_eq(used, 2);
	mp_free(d);
	cr_expect_eq(parse(B("\xdb\xff\xff\xff\xffx"), &d), E_SHORT);
	cr_expect_eq(parse(B("\xc6\xff\xff\xff\xffx"), &d), E_SHORT);
	cr_expect_eq(parse(B("\xc9\xff\xff\xff\xff\x01x"), &d), E_SHORT);
}

static long peak_kb(void)
{
	char line[256];
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	fclose(f);
	return kb;
}

Test(mp, bombs, .timeout = 20)
{
	static uint8_t bomb[300000];
	long before = peak_kb();
	struct mp_doc *d;

	memset(bomb, 0x91, 100000);
	cr_expect_eq(parse(span_of(bomb, 100000), &d), E_TOOBIG, "100 000 arrays in each other");
	memset(bomb, 0x81, 100000);
	cr_expect_eq(parse(span_of(bomb, 100000), &d), E_TOOBIG, "maps as keys of maps");
	for (size_t i = 0; i + 1 < 100000; i += 2) {
		bomb[i] = 0x81;
		bomb[i + 1] = 0xc0;
	}
	cr_expect_eq(parse(span_of(bomb, 100000), &d), E_TOOBIG);
	cr_expect_eq(parse(B("\xdd\xff\xff\xff\xff"), &d), E_TOOBIG);
	cr_expect_eq(parse(B("\xdf\xff\xff\xff\xff"), &d), E_TOOBIG);
	cr_expect_eq(parse(B("\xdf\x80\x00\x00\x00"), &d), E_TOOBIG, "twice the count does not wrap");
	cr_expect_eq(parse(B("\xdd\x00\x00\xff\xff"), &d), E_SHORT);
	/* many small containers, each within its cap */
	bomb[0] = 0xdc;
	bomb[1] = 0xff;
	bomb[2] = 0xff;
	for (size_t i = 3; i + 1 < sizeof(bomb); i += 2) {
		bomb[i] = 0x91;
		bomb[i + 1] = 0xc0;
	}
	cr_expect_eq(parse(span_of(bomb, 3 + 2 * 65535), &d), E_TOOBIG);
	cr_expect_lt(peak_kb() - before, 64 * 1024);
}

Test(mp, caps_are_exact)
{
	static uint8_t flat[3 + 65535] = {0xdc, 0xff, 0xff};
	uint8_t deep[MP_MAX_DEPTH + 2];
	struct mp_doc *d;

	memset(deep, 0x91, sizeof(deep));
	deep[MP_MAX_DEPTH] = 0xc0;
	cr_expect_eq(parse(span_of(deep, MP_MAX_DEPTH + 1), &d), 0);
	mp_free(d);
	deep[MP_MAX_DEPTH] = 0x90; /* an empty container opens nothing */
	cr_expect_eq(parse(span_of(deep, MP_MAX_DEPTH + 1), &d), 0);
	mp_free(d);
	deep[MP_MAX_DEPTH] = 0x91;
	deep[MP_MAX_DEPTH + 1] = 0xc0;
	cr_expect_eq(parse(span_of(deep, MP_MAX_DEPTH + 2), &d), E_TOOBIG);
	cr_expect_eq(parse(span_of(flat, sizeof(flat)), &d), 0, "65536 with the array itself");
	cr_expect_eq(mp_count(mp_root(d)), 65535);
	mp_free(d);
	flat[2] = 0xfe;
	flat[3] = 0x91; /* 65534 elements, the first with one more inside: still 65536 */
	cr_expect_eq(parse(span_of(flat, sizeof(flat)), &d), 0);
	mp_free(d);
}

static const uint8_t sample[] = {0x86, 0xa1, 't', 0x0a, 0xa1, 'i', 0xce, 0, 0, 0, 7, 0xa4, 'l', 'i', 's', 't', 0x93, 0xc0, 0xd1, 0xff,
	0, 0x81, 0xa1, 'x', 0xc4, 2, 1, 2, 0xa3, 's', 't', 'r', 0xd9, 3, 'a', 'b', 'c', 0xa1, 'f', 0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0,
	0xa1, 'e', 0xd6, 1, 1, 2, 3, 4};

/* Touch everything a parsed document offers. */
static size_t walk(const struct mp_val *v)
{
	struct span s = mp_span(v);
	size_t sum = 1;

	for (size_t i = 0; i < s.n; i++)
		sum += s.p[i];
	for (size_t i = 0; i < mp_count(v); i++)
		sum += mp_type(v) == MP_ARRAY ? walk(mp_at(v, i)) : walk(mp_key_at(v, i)) + walk(mp_val_at(v, i));
	return sum + mp_u64(v, 0) + (size_t)mp_i64(v, 0) + mp_bool(v, false);
}

Test(mp, every_prefix_fails)
{
	struct mp_doc *d;

	cr_assert_eq(parse(span_of(sample, sizeof(sample)), &d), 0);
	mp_free(d);
	for (size_t n = 0; n < sizeof(sample); n++)
		cr_assert_eq(parse(span_of(sample, n), &d), E_SHORT, "cut at %zu", n);
}

Test(mp, every_flipped_bit_and_byte)
{
	uint8_t m[sizeof(sample)];
	struct mp_doc *d;

	for (size_t at = 0; at < sizeof(sample); at++) {
		for (int v = 0; v < 256; v++) {
			memcpy(m, sample, sizeof(m));
			m[at] = (uint8_t)v;
			if (parse(span_of(m, sizeof(m)), &d) == 0)
				cr_assert_neq(walk(mp_root(d)), SIZE_MAX);
			mp_free(d);
		}
	}
}
