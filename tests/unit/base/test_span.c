/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 conformance (RFC 3629), escaping for terminals and logs, comparisons, error texts and words.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/span.h"
#include "base/words.h"

#define B(s) span_of(s, sizeof(s) - 1)
#define N(a) (sizeof(a) / sizeof((a)[0]))

Test(utf8, good)
{
	static const char *const good[] = {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "12345678", "1234567\xc3\xa4", "12345678\xe2\x82\xac"};

	for (size_t i = 0; i < N(good); i++)
		cr_expect(span_is_utf8(span_str(good[i])), "case %zu", i);
	cr_expect(span_is_utf8(B("a\0b")));
	cr_expect(span_is_utf8(span_of(NULL, 0)));
}

Test(utf8, bad)
{
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xc2\xc0", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xe1\x80", "\xe1\x80\xc0", "\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0\xbd\xed\xb8\x80",
		"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80",
		"\xfe", "\xff", "1234567\xff", "12345678\xc3", "123456\xe2\x82", "1234567\xc3(89"};

	for (size_t i = 0; i < N(bad); i++)
		cr_expect_not(span_is_utf8(span_str(bad[i])), "case %zu", i);
}

static size_t utf8_encode(uint32_t cp, uint8_t out[4])
{
	if (cp < 0x80) {
		out[0] = (uint8_t)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (uint8_t)(0xc0 | cp >> 6);
		out[1] = (uint8_t)(0x80 | (cp & 63));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (uint8_t)(0xe0 | cp >> 12);
		out[1] = (uint8_t)(0x80 | (cp >> 6 & 63));
		out[2] = (uint8_t)(0x80 | (cp & 63));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | cp >> 18);
	out[1] = (uint8_t)(0x80 | (cp >> 12 & 63));
	out[2] = (uint8_t)(0x80 | (cp >> 6 & 63));
	out[3] = (uint8_t)(0x80 | (cp & 63));
	return 4;
}

Test(utf8, every_code_point_and_its_prefixes)
{
	for (uint32_t cp = 0; cp < 0x120000; cp++) {
		uint8_t b[4];
		size_t n = utf8_encode(cp, b);
		bool want = cp < 0xd800 || (cp > 0xdfff && cp <= 0x10ffff);

		if (span_is_utf8(span_of(b, n)) != want)
			cr_assert_fail("U+%04X", cp);
		for (size_t k = 1; k < n; k++)
			if (span_is_utf8(span_of(b, k)))
				cr_assert_fail("prefix %zu of U+%04X", k, cp);
	}
}

static const char *escaped(struct span s)
{
	static char out[256];

	span_escape(s, out, sizeof(out));
	return out;
}

Test(escape, texts)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"plain text", "plain text"}, {"a\nb\tc\rd", "a\\nb\\tc\\rd"}, {"\x1b[2J\x07", "\\x1b[2J\\x07"}, {"\x7f", "\\x7f"},
		{"\xc2\x9b" "31m", "\\x9b31m"},                         /* C1 CSI */
		{"\xe2\x80\xae", "\\u{202e}"}, {"\xe2\x81\xa6", "\\u{2066}"}, /* bidi override and isolate */
		{"\xe2\x80\x8b", "\\u{200b}"}, {"\xef\xbb\xbf", "\\u{feff}"}, /* zero width, BOM */
		{"\xc2\xad", "\\xad"}, {"\xe2\x80\xa8", "\\u{2028}"}, {"\xf3\xa0\x81\x81", "\\u{e0041}"}, {"\xd8\x9c", "\\u{61c}"},
		{"\xf0\x9d\x85\xb3", "\\u{1d173}"}, {"\xf0\x9b\xb2\xa0", "\\u{1bca0}"}, {"\xe3\x85\xa4", "\\u{3164}"},
		{"\xff\xfe", "\\xff\\xfe"}, {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, {"\xc0\x8a", "\\xc0\\x8a"}, {"\xe2\x82", "\\xe2\\x82"},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
	};

	for (size_t i = 0; i < N(cases); i++)
		cr_expect_str_eq(escaped(span_str(cases[i].in)), cases[i].want, "case %zu", i);
	cr_expect_str_eq(escaped(B("a\0b")), "a\\x00b");
	cr_expect_str_eq(escaped(span_of(NULL, 0)), "");
}

/* Whatever goes in, what comes out is UTF-8 without any control or invisible character. */
Test(escape, output_is_clean)
{
	char out[64];

	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		uint8_t b[4];
		size_t n = span_escape(span_of(b, utf8_encode(cp, b)), out, sizeof(out));

		if (!span_is_utf8(span_of(out, n)) || strlen(out) != n)
			cr_assert_fail("U+%04X", cp);
		for (size_t i = 0; i < n; i++)
			if ((uint8_t)out[i] < 0x20 || out[i] == 0x7f)
				cr_assert_fail("U+%04X leaves a control byte", cp);
	}
	srand(7);
	for (int round = 0; round < 20000; round++) {
		uint8_t in[13];
		size_t n;

		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (uint8_t)(rand() >> 7);
		n = span_escape(span_of(in, sizeof(in)), out, sizeof(out));
		cr_assert(span_is_utf8(span_of(out, n)));
		cr_assert_null(memchr(out, 0x1b, n));
	}
}

/* Every capacity: never over it, terminated, and the text is a whole-unit prefix plus "..." or everything. */
Test(escape, capacities)
{
	static const char in[] = "ab\xe2\x80\xae\n\xc3\xa4\xff\xf3\xa0\x81\x81z\xf0\x9f\x98\x80";
	static const char *const units[] = {"a", "b", "\\u{202e}", "\\n", "\xc3\xa4", "\\xff", "\\u{e0041}", "z", "\xf0\x9f\x98\x80"};
	char full[64];
	size_t whole = span_escape(span_str(in), full, sizeof(full));

	for (size_t cap = 0; cap <= sizeof(full); cap++) {
		char *out = malloc(cap > 0 ? cap : 1); /* exact: the sanitizer sees one byte too many */
		size_t n = span_escape(span_str(in), out, cap);
		size_t keep;
		size_t edge = 0;

		cr_assert(cap == 0 ? n == 0 : n < cap);
		if (cap > 0)
			cr_assert_eq(strlen(out), n);
		if (cap > whole) {
			cr_assert_str_eq(out, full);
		} else if (cap >= 4) {
			cr_assert(n >= 3 && strcmp(out + n - 3, "...") == 0, "cap %zu: %s", cap, out);
			keep = n - 3;
			for (size_t i = 0; i < N(units) && edge < keep; i++)
				edge += strlen(units[i]);
			cr_assert_eq(edge, keep, "cap %zu cuts inside a unit: %s", cap, out);
			cr_assert_eq(memcmp(out, full, keep), 0);
		}
		free(out);
	}
}

Test(span, comparisons)
{
	uint8_t a[32], b[32];

	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t)i;
	cr_expect(span_eq_ct(span_of(a, 32), span_of(b, 32)));
	for (size_t i = 0; i < sizeof(a); i++)
		for (int bit = 0; bit < 8; bit++) {
			b[i] ^= (uint8_t)(1 << bit);
			cr_assert_not(span_eq_ct(span_of(a, 32), span_of(b, 32)));
			b[i] ^= (uint8_t)(1 << bit);
		}
	cr_expect_not(span_eq_ct(span_of(a, 32), span_of(b, 31)));
	cr_expect(span_eq_ct(span_of(NULL, 0), span_of(a, 0)));
	cr_expect(span_eq(span_of(NULL, 0), span_str("")));
	cr_expect(span_is(B("ab"), "ab") && !span_is(B("ab\0"), "ab") && !span_is(B("ab"), "abc"));
	cr_expect(span_is_nocase(B("SeLeCt"), "select") && !span_is_nocase(B("selec"), "select"));
	cr_expect_not(span_is_nocase(B("\xc4"), "\xe4"), "ASCII only");
	cr_expect_not(span_is_nocase(B("@[`{"), "`{@["));
	cr_expect(span_has_nul(B("a\0")) && !span_has_nul(B("a")) && !span_has_nul(span_of(NULL, 0)));
}

Test(err, texts_and_why)
{
	struct why w = {0};
	char longer[400];

	for (int c = E_SHORT; c >= E_INTERNAL; c--)
		cr_expect_str_neq(err_str(c), "unknown error", "%d", c);
	cr_expect_str_eq(err_str(-ENOENT), "No such file or directory");
	cr_expect_str_eq(err_str(5), "unknown error");
	cr_expect_str_eq(err_str(-5000), "unknown error");
	cr_expect_eq(why_set(&w, E_DENIED, "no %s", "x"), E_DENIED);
	cr_expect_str_eq(w.text, "no x");
	why_hint(&w, "try %d", 2);
	cr_expect_str_eq(w.hint, "try 2");
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	cr_expect_eq(why_set(&w, E_STATE, "%s", longer), E_STATE);
	cr_expect_eq(strlen(w.text), sizeof(w.text) - 1);
	cr_expect_str_eq(w.hint, "", "an old hint does not stay with a new failure");
	cr_expect_eq(why_set(NULL, E_LIMIT, "x"), E_LIMIT);
	why_hint(NULL, "x");
}

/* What nobody filled, and what is out of range, is the strictest word. */
Test(words, names)
{
	enum sql_class c;
	enum verdict v;
	enum hold_mode h;
	enum mask_mode m;

	for (int i = 0; i < SQL_CLASS_N; i++) {
		cr_expect_eq(sql_class_parse(sql_class_name((enum sql_class)i), &c), 0);
		cr_expect_eq((int)c, i);
	}
	cr_expect_eq(sql_class_level((enum sql_class)99), 6);
	cr_expect_eq(sql_class_level((enum sql_class)-1), 6);
	cr_expect_str_eq(sql_class_name((enum sql_class)99), "unparsable");
	cr_expect_eq(sql_class_level((enum sql_class)0), 6);
	for (int i = VERDICT_DENY; i <= VERDICT_ALLOW; i++)
		cr_expect(verdict_parse(verdict_name((enum verdict)i), &v) == 0 && (int)v == i);
	cr_expect_str_eq(verdict_name((enum verdict)7), "deny");
	cr_expect_str_eq(verdict_name((enum verdict)0), "deny");
	for (int i = HOLD_AUTO; i <= HOLD_REJECT; i++)
		cr_expect(hold_mode_parse(hold_mode_name((enum hold_mode)i), &h) == 0 && (int)h == i);
	for (int i = MASK_FULL; i <= MASK_NONE; i++)
		cr_expect(mask_mode_parse(mask_mode_name((enum mask_mode)i), &m) == 0 && (int)m == i);
	cr_expect_str_eq(mask_mode_name((enum mask_mode)9), "full");
	cr_expect_eq(sql_class_parse("Read", &c), E_UNKNOWN);
	cr_expect_eq(verdict_parse("", &v), E_UNKNOWN);
	cr_expect_eq(hold_mode_parse("wait ", &h), E_UNKNOWN);
	cr_expect_eq(mask_mode_parse("no", &m), E_UNKNOWN);
}
