/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks: what each kind shows, what it must not show, hostile values. pg_types.sh asks a real server whether they
 * are valid.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "detect/detect.h"
#include "mask/form.h"
#include "mask/kind.h"
#include "mask/mask.h"

_Static_assert((int)PII_KIND_N == (int)MASK_KIND_N && (int)PII_NAME == (int)MASK_KIND_NAME, "kinds");
_Static_assert((int)PII_EMAIL == (int)MASK_KIND_EMAIL && (int)PII_PHONE == (int)MASK_KIND_PHONE, "kinds");
_Static_assert((int)PII_ADDRESS == (int)MASK_KIND_ADDRESS && (int)PII_BIRTH == (int)MASK_KIND_BIRTH, "kinds");
_Static_assert((int)PII_NATIONAL == (int)MASK_KIND_NATIONAL && (int)PII_CARD == (int)MASK_KIND_CARD, "kinds");
_Static_assert((int)PII_IBAN == (int)MASK_KIND_IBAN && (int)PII_IP == (int)MASK_KIND_IP, "kinds");
_Static_assert((int)PII_GEO == (int)MASK_KIND_GEO && (int)PII_SECRET == (int)MASK_KIND_SECRET, "kinds");
_Static_assert((int)PII_MONEY == (int)MASK_KIND_MONEY && (int)PII_HEALTH == (int)MASK_KIND_HEALTH, "kinds");
_Static_assert((int)PII_DEMOGRAPHIC == (int)MASK_KIND_DEMOGRAPHIC && (int)PII_TEXT == (int)MASK_KIND_TEXT, "kinds");

#define TEXT 25
#define IS_NULL "(null)"
#define STARS "********"

/* The mask as a C string; IS_NULL for NULL. Static. */
static const char *mask(int kind, bool derived, uint32_t type, int format, struct span v)
{
	struct mask_col c = {kind, derived, type, (int16_t)format};
	static char text[256];
	struct buf out;
	enum mask_answer a;

	buf_init(&out, 128);
	a = mask_pg_value(&c, v, &out);
	cr_assert(a == MASK_IS_VALUE || buf_len(&out) == 0);
	memset(text, 0, sizeof(text));
	memcpy(text, buf_span(&out).p != NULL ? (const void *)buf_span(&out).p : "", buf_len(&out));
	buf_clear(&out);
	return a == MASK_IS_VALUE ? text : IS_NULL;
}

static void expect(int kind, uint32_t type, const char *value, const char *want)
{
	const char *got = mask(kind, false, type, 0, span_str(value));

	cr_expect_str_eq(got, want, "%s (%s, %u): %s, not %s", value, pii_kind_name((enum pii_kind)kind), type, got, want);
}

Test(mask, text_parts)
{
	expect(PII_EMAIL, TEXT, "lena@example.com", "l***@e***.com");
	expect(PII_EMAIL, 1043, "lena.maria@mail.example.co.uk", "l***@m***.uk");
	expect(PII_EMAIL, TEXT, "al@ex.de", "***@***.de");
	expect(PII_EMAIL, TEXT, "not an email@x.de", STARS);
	expect(PII_EMAIL, TEXT, "a@b", STARS);
	expect(PII_EMAIL, TEXT, "", STARS);
	expect(PII_CARD, TEXT, "4111 1111 1111 1234", "**** **** **** 1234");
	expect(PII_CARD, TEXT, "378282246310005", "**** **** **** 0005");
	expect(PII_CARD, TEXT, "12345", STARS);
	expect(PII_CARD, TEXT, "visa 4111111111111111", STARS);
	expect(PII_NATIONAL, TEXT, "219-09-9999", "***-**-9999");
	expect(PII_NATIONAL, TEXT, "219099999", "*****9999");
	expect(PII_NATIONAL, TEXT, "C01X0T478", "*****T478");
	expect(PII_NATIONAL, TEXT, "AB12345", "*****45");
	expect(PII_NATIONAL, TEXT, "12345", STARS);
	expect(PII_IBAN, TEXT, "DE89370400440532013067", "DE** **** **67");
	expect(PII_IBAN, TEXT, "DE89 3704 0044 0532 0130 67", "DE** **** **67");
	expect(PII_IBAN, TEXT, "0532013067", "********67");
	expect(PII_IBAN, TEXT, "053", STARS);
	expect(PII_PHONE, TEXT, "+49 170 1234567", "*** *** **67");
	expect(PII_PHONE, TEXT, "12345", STARS);
	expect(PII_PHONE, TEXT, "ask Bob 1234567", STARS);
	expect(PII_NAME, TEXT, "Anna Schmidt", "A. S.");
	expect(PII_NAME, TEXT, "Anna Maria Schmidt", "A. S.");
	expect(PII_NAME, TEXT, "Schmidt", "S.");
	expect(PII_NAME, 1042, "Schmidt     ", "S.");
	expect(PII_NAME, TEXT, "\xc3\x84nne \xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd", "\xc3\x84. \xd0\x98.");
	expect(PII_NAME, TEXT, "X", STARS);
	expect(PII_NAME, TEXT, "A. S.", STARS);
	expect(PII_NAME, TEXT, "\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e", STARS);
	expect(PII_NAME, TEXT, "user4711", STARS);
	expect(PII_BIRTH, TEXT, "1984-05-12", "1984-01-01");
	expect(PII_BIRTH, TEXT, "12.05.1984", STARS);
	expect(PII_IP, TEXT, "203.0.113.77", "203.0.113.0/24");
	expect(PII_IP, TEXT, "2001:db8:1:2::77", "2001:db8:1::/48");
	expect(PII_IP, TEXT, "203.0.113.77:443", STARS);
	expect(PII_GEO, TEXT, "52.5200066", "52.5");
	expect(PII_GEO, TEXT, "52.5200066,13.4", STARS);
	expect(PII_SECRET, TEXT, "hunter2", STARS);
	expect(PII_TEXT, TEXT, "a long story", STARS);
	expect(PII_NONE, TEXT, "lena@example.com", STARS);
	expect(PII_OTHER, 19, "x", STARS);
	expect(999, TEXT, "x", STARS);
	expect(-1, TEXT, "x", STARS);
}

Test(mask, derived_shows_nothing)
{
	static const char *const values[] = {"lena@example.com", "4111 1111 1111 1234", "219-09-9999", "DE89370400440532013067",
					     "+49 170 1234567", "Anna Schmidt", "1984-05-12", "203.0.113.77", "52.5200066"};

	for (int k = -1; k <= PII_KIND_N; k++)
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
			cr_expect_str_eq(mask(k, true, TEXT, 0, span_str(values[i])), STARS, "kind %d, %s", k, values[i]);
	cr_expect_str_eq(mask(PII_BIRTH, true, 1082, 0, span_str("1984-05-12")), IS_NULL);
	cr_expect_str_eq(mask(PII_IP, true, 869, 0, span_str("10.1.2.3")), IS_NULL);
	cr_expect_str_eq(mask(PII_CARD, true, 20, 0, span_str("4111111111111111")), IS_NULL);
	cr_expect_str_eq(mask(PII_GEO, true, 701, 0, span_str("52.52")), IS_NULL);
}

Test(mask, other_types)
{
	expect(PII_TEXT, 114, "{\"a\": \"b\"}", "\"********\"");
	expect(PII_TEXT, 3802, "[1]", "\"********\"");
	expect(PII_TEXT, 142, "<a>b</a>", "<masked/>");
	expect(PII_SECRET, 17, "\\x0102", "\\x2a2a2a2a2a2a2a2a");
	expect(PII_SECRET, 2950, "550e8400-e29b-41d4-a716-446655440000", "00000000-0000-0000-0000-000000000000");
	expect(PII_BIRTH, 1082, "1984-05-12", "1984-01-01");
	expect(PII_BIRTH, 1082, "0044-03-15 BC", IS_NULL);
	expect(PII_BIRTH, 1082, "infinity", IS_NULL);
	expect(PII_BIRTH, 1082, "12/05/1984", IS_NULL);
	expect(PII_NONE, 1082, "1984-05-12", IS_NULL);
	expect(PII_BIRTH, 1114, "1984-05-12 10:11:12", "1984-01-01 00:00:00");
	expect(PII_BIRTH, 1184, "1984-05-12 10:11:12.5+02", "1984-01-01 00:00:00+00");
	expect(PII_IP, 869, "203.0.113.77", "203.0.113.0/24");
	expect(PII_IP, 869, "10.0.0.0/8", IS_NULL);
	expect(PII_IP, 650, "10.1.2.0/24", "10.1.2.0/24");
	expect(PII_CARD, 20, "4111111111111234", "1234");
	expect(PII_NATIONAL, 1700, "219090042", "42");
	expect(PII_NATIONAL, 23, "12345678", IS_NULL);
	expect(PII_MONEY, 1700, "5000.00", IS_NULL);
	expect(PII_GEO, 701, "-13.4049540", "-13.4");
	expect(PII_GEO, 701, "13.4", IS_NULL);
	expect(PII_GEO, 701, "1.34e+01", IS_NULL);
	expect(PII_HEALTH, 16, "t", IS_NULL);
	expect(PII_PHONE, 1009, "{a,b}", IS_NULL);
	expect(PII_NAME, 18, "x", "*");
	expect(PII_EMAIL, 70000, "lena@example.com", IS_NULL);
	cr_expect_str_eq(mask(PII_EMAIL, false, TEXT, 7, span_str("lena@example.com")), IS_NULL, "unknown format");
}

Test(mask, length_never_tells)
{
	char v[64];

	for (int k = 0; k < PII_KIND_N; k++) {
		for (size_t n = 0; n < sizeof(v); n++) {
			memset(v, '!', sizeof(v));
			cr_expect_str_eq(mask(k, false, TEXT, 0, span_of(v, n)), STARS, "kind %d, %zu bytes", k, n);
		}
	}
}

Test(mask, full_buffer_is_null)
{
	struct mask_col c = {PII_SECRET, false, TEXT, 0};
	struct buf out;

	buf_init(&out, 4);
	cr_expect_eq(mask_pg_value(&c, span_str("x"), &out), MASK_IS_NULL);
	cr_expect_eq(buf_len(&out), 0u);
	buf_clear(&out);
}

Test(mask, forms)
{
	static const char *const values[] = {"lena@example.com", "4111 1111 1111 1234", "219-09-9999", "DE89370400440532013067",
					     "+49 170 1234567", "some secret"};
	static const int kinds[] = {PII_EMAIL, PII_CARD, PII_NATIONAL, PII_IBAN, PII_PHONE, PII_SECRET};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		cr_expect(mask_is_form(span_str(mask(kinds[i], false, TEXT, 0, span_str(values[i])))));
		cr_expect_not(mask_is_form(span_str(values[i])));
	}
	cr_expect(mask_is_form(span_str("\"********\"")));
	cr_expect(mask_is_form(span_str("<masked/>")));
	cr_expect_not(mask_is_form(span_str("")));
	cr_expect_not(mask_is_form((struct span){0}));
	cr_expect_not(mask_is_form(span_str("5 ** stars")));
}

/* Random and truncated bytes as every type, kind and format: no crash, valid UTF-8 for text, and never more than
 * the allowed part of the value. */
Test(mask, sweeps)
{
	static const uint32_t types[] = {25, 1043, 1042, 19, 705, 18, 114, 3802, 142, 17, 20, 21, 23, 1700, 700, 701, 16, 1082,
					 1114, 1184, 1083, 1186, 2950, 869, 650, 829, 1009, 2249, 0, 4294967295u};
	unsigned seed = 3;

	for (int i = 0; i < 60000; i++) {
		size_t n = (size_t)rand_r(&seed) % 40;
		uint8_t *p = malloc(n + 1);
		uint32_t type = types[rand_r(&seed) % (sizeof(types) / sizeof(types[0]))];
		int format = rand_r(&seed) % 2;
		const char *got;

		for (size_t k = 0; k < n; k++)
			p[k] = (uint8_t)(i % 3 == 0 ? rand_r(&seed) : "0123456789-@.: /aB\xc3\xa4"[rand_r(&seed) % 20]);
		got = mask(rand_r(&seed) % (PII_KIND_N + 2) - 1, rand_r(&seed) % 2, type, format, span_of(p, n));
		if (format == 0 || type == TEXT)
			cr_assert(span_is_utf8(span_str(got)));
		free(p);
	}
}
