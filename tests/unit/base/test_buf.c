/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded buffer (maximum, growth, consuming, sticky errors, own content appended) and the read cursor under
 * hostile lengths.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cur.h"
#include "base/mem.h"

#define B(s) span_of(s, sizeof(s) - 1)

Test(buf, maximum_is_hard_and_sticky)
{
	struct buf b;
	uint8_t *p;

	buf_init(&b, 10);
	buf_put_str(&b, "0123456789");
	cr_expect_eq(buf_err(&b), 0);
	cr_expect_str_eq(buf_cstr(&b), "0123456789", "the NUL does not count against the maximum");
	buf_put_u8(&b, 'x');
	cr_expect_eq(buf_err(&b), E_TOOBIG);
	buf_consume(&b, 5);
	buf_put_u8(&b, 'y');
	cr_expect_eq(buf_err(&b), E_TOOBIG, "sticky");
	cr_expect_eq(buf_reserve(&b, 1, &p), E_TOOBIG);
	cr_expect(span_is(buf_span(&b), "56789"));
	cr_expect_str_eq(buf_cstr(&b), "");
	buf_reset(&b);
	cr_expect(buf_err(&b) == 0 && buf_len(&b) == 0);
	buf_put_u8(&b, 1);
	cr_expect_eq(buf_reserve(&b, SIZE_MAX, &p), E_TOOBIG, "no wrap");
	buf_clear(&b);
	cr_expect(buf_span(&b).p == NULL && b.max == 10);
}

Test(buf, absurd_maximum_fails_instead_of_looping)
{
	struct buf b;
	uint8_t *p;

	buf_init(&b, SIZE_MAX);
	buf_put_u8(&b, 1);
	cr_expect_eq(buf_reserve(&b, SIZE_MAX - 1, &p), E_NOMEM);
	buf_clear(&b);
}

Test(buf, printf_to_the_brim)
{
	struct buf b;

	buf_init(&b, 5);
	buf_printf(&b, "%d", 12345);
	cr_expect(buf_err(&b) == 0 && span_is(buf_span(&b), "12345"));
	buf_printf(&b, "%s", "");
	cr_expect_eq(buf_err(&b), 0);
	buf_reset(&b);
	buf_printf(&b, "%s", "123456");
	cr_expect(buf_err(&b) == E_TOOBIG && buf_len(&b) == 0);
	buf_clear(&b);
	buf_init(&b, 0);
	buf_put(&b, "", 0);
	cr_expect_eq(buf_err(&b), 0);
	cr_expect_str_eq(buf_cstr(&b), "");
	buf_put_u8(&b, 0);
	cr_expect_eq(buf_err(&b), E_TOOBIG);
	buf_clear(&b);
}

/* Against a plain array: random appends, consumes and truncations. */
Test(buf, model)
{
	enum { MAX = 3000 };
	static uint8_t model[MAX];
	size_t n = 0;
	struct buf b;

	srand(3);
	buf_init(&b, MAX);
	for (int step = 0; step < 60000; step++) {
		uint8_t chunk[400];
		size_t k = (size_t)(rand() % 400);

		for (size_t i = 0; i < k; i++)
			chunk[i] = (uint8_t)rand();
		if (rand() % 2 == 0 && n + k <= MAX) {
			buf_put(&b, chunk, k);
			memcpy(model + n, chunk, k);
			n += k;
		} else if (rand() % 8 == 0) {
			n = n < k ? n : k;
			buf_truncate(&b, k);
		} else if (rand() % 16 == 0) {
			buf_trim(&b, 256);
		} else {
			k = k < n ? k : n;
			buf_consume(&b, k);
			memmove(model, model + k, n - k);
			n -= k;
		}
		cr_assert(buf_err(&b) == 0 && span_eq(buf_span(&b), span_of(model, n)), "step %d", step);
		cr_assert(b.off + b.n <= b.cap);
	}
	buf_clear(&b);
}

/* Memory does not creep when a stream passes through. */
Test(buf, streaming_reuses_memory)
{
	struct buf b;
	uint8_t chunk[100] = {0};

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 100000; i++) {
		buf_put(&b, chunk, sizeof(chunk));
		buf_consume(&b, i % 2 == 0 ? 99 : buf_len(&b));
	}
	cr_expect_leq(b.cap, 1024);
	buf_clear(&b);
}

Test(buf, own_content_can_be_appended)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	buf_put_str(&b, "ab");
	for (int i = 0; i < 14; i++) /* grows several times */
		buf_put_span(&b, buf_span(&b));
	cr_assert_eq(buf_len(&b), 2u << 14);
	for (size_t i = 0; i < buf_len(&b); i++)
		cr_assert_eq(buf_span(&b).p[i], "ab"[i % 2]);
	buf_clear(&b);
	buf_put(&b, "0123456789", 10);
	for (int i = 0; i < 25; i++)
		buf_put(&b, "0123456789", 10);
	buf_consume(&b, 255); /* 5 left, at the end of the first 256 bytes: the next append moves */
	buf_put(&b, buf_span(&b).p + 1, 3);
	cr_expect(span_is(buf_span(&b), "56789678"));
	buf_clear(&b);
}

Test(buf, integers_and_patches)
{
	static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct buf b;

	buf_init(&b, 64);
	buf_put_u8(&b, 1);
	buf_put_u16be(&b, 0x0203);
	buf_put_u32be(&b, 0x04050607);
	buf_put_u64be(&b, 0x08090a0b0c0d0e0f);
	cr_expect(span_eq(buf_span(&b), span_of(want, sizeof(want))));
	buf_consume(&b, 1);
	buf_patch_u32be(&b, 10, 0xaabbccdd);
	cr_expect_eq(memcmp(buf_span(&b).p + 10, "\xaa\xbb\xcc\xdd", 4), 0);
	buf_patch_u32be(&b, 11, 0); /* not inside: refused */
	buf_patch_u32be(&b, SIZE_MAX, 0);
	cr_expect_eq(memcmp(buf_span(&b).p + 10, "\xaa\xbb\xcc\xdd", 4), 0);
	buf_put_cstr(&b, "z");
	cr_expect_eq(buf_span(&b).p[buf_len(&b) - 1], 0);
	buf_wipe(&b);
	cr_expect_eq(buf_len(&b), 0);
}

static const size_t hostile[] = {5, 6, 255, 65535, 0x7fffffff, 0x80000000, 0xffffffff, (size_t)1 << 62, SIZE_MAX / 2,
	SIZE_MAX / 2 + 1, SIZE_MAX - 4, SIZE_MAX - 1, SIZE_MAX};

Test(cur, hostile_lengths)
{
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct cur c = cur_of(B("abcd"));
		struct cur k;
		struct span s = cur_take(&c, hostile[i]);

		cr_expect(s.n == 0 && c.err == E_SHORT && cur_left(&c) == 0);
		c = cur_of(B("abcd"));
		(void)cur_u8(&c);
		k = cur_sub(&c, hostile[i]);
		cr_expect(cur_left(&k) == 0 && cur_done(&k) == E_SHORT && cur_done(&c) == E_SHORT);
		cr_expect_eq(cur_u32be(&k), 0);
		cr_expect_eq(cur_rest(&k).n, 0);
	}
}

Test(cur, errors_stick_and_loops_end)
{
	struct cur c = cur_of(B("\x01\x02\x03"));
	int turns = 0;

	cr_expect_eq(cur_u16be(&c), 0x0102);
	cr_expect_eq(cur_done(&c), E_TRAILING);
	cr_expect_eq(cur_u32be(&c), 0);
	cur_fail(&c, E_FORMAT);
	cr_expect_eq(cur_done(&c), E_SHORT, "the first error stays");
	cr_expect(cur_peek(&c) == -1 && cur_u8(&c) == 0 && cur_u64be(&c) == 0);
	c = cur_of(B("\xff\xff\xff\xff"));
	while (cur_left(&c) > 0 && turns < 10) {
		(void)cur_take(&c, cur_u8(&c));
		turns++;
	}
	cr_expect_eq(turns, 1);
}

Test(cur, empty_and_null)
{
	struct cur c = cur_of(span_of(NULL, 0));

	cr_expect_eq(cur_done(&c), 0);
	cr_expect_eq(cur_take(&c, 0).n, 0);
	cr_expect_eq(cur_rest(&c).n, 0);
	cr_expect(cur_ok(&c) && cur_peek(&c) == -1);
	cr_expect_eq(cur_cstr(&c).n, 0);
	cr_expect_eq(cur_done(&c), E_FORMAT);
	c = cur_of(span_of(NULL, 4)); /* a span that lies about a null pointer reads nothing */
	cr_expect_eq(cur_u8(&c), 0);
	cr_expect_eq(cur_done(&c), E_SHORT);
}

Test(cur, children_and_strings)
{
	struct cur c = cur_of(B("ab\0cd\0e"));
	struct cur k;

	cr_expect(span_is(cur_cstr(&c), "ab"));
	k = cur_sub(&c, 2);
	cr_expect_eq(cur_cstr(&k).n, 0);
	cr_expect_eq(cur_done(&k), E_FORMAT, "the NUL behind the child is out of its sight");
	cr_expect(cur_ok(&c));
	cr_expect_eq(cur_u8(&c), 0);
	cr_expect_eq(cur_peek(&c), 'e');
	cr_expect_eq(cur_cstr(&c).n, 0);
	cr_expect_eq(cur_done(&c), E_FORMAT);
	c = cur_of(B("\x01\x02\x03\x04\x05\x06\x07\x08"));
	cr_expect_eq(cur_u64be(&c), 0x0102030405060708u);
	cr_expect_eq(cur_done(&c), 0);
}

Test(mem, strings)
{
	char out[4];
	char *s = xstrndup("abcdef", 3);

	cr_expect_str_eq(s, "abc");
	free(s);
	cr_expect_null(xstrdup(NULL));
	cr_expect_eq(str_copy(out, sizeof(out), "abc"), 0);
	cr_expect_eq(str_copy(out, sizeof(out), "abcd"), E_TOOBIG);
	cr_expect_str_eq(out, "abc");
	cr_expect_eq(str_copy(out, 1, "a"), E_TOOBIG);
	cr_expect_str_eq(out, "");
	mem_wipe(out, sizeof(out));
	free(xcalloc(0, 0));
	free(xreallocarray(NULL, 0, 8));
}

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifndef WITH_ASAN /* the sanitizer ends the process first */
/* The product overflows: the process ends with EX_SOFTWARE, it does not go on with a short block. */
Test(mem, overflow_ends_the_process, .exit_code = 70)
{
	volatile size_t n = SIZE_MAX / 2;

	free(xreallocarray(NULL, n, 4));
}
#endif
