/* SPDX-License-Identifier: Apache-2.0
 *
 * Value detectors: what they find, what they must not find, hostile bytes, and the cost of a clean value.
 * Key-like strings are put together at run time so that the source holds none.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "detect/value.h"

static void expect(const char *text, enum pii_kind want)
{
	enum pii_kind got = detect_value(span_str(text));

	cr_expect_eq(got, want, "%s: %s, not %s", text, pii_kind_name(got), pii_kind_name(want));
}

Test(value, found)
{
	static const struct {
		const char *text;
		enum pii_kind kind;
	} cases[] = {
		{"lena@example.com", PII_EMAIL}, {"write to Bob <bob.o'neil+x@mail.example.co.uk>, please", PII_EMAIL},
		{"j\xc3\xbcrgen@m\xc3\xbcller.de", PII_EMAIL}, {"a@b.io", PII_EMAIL}, {"4111111111111111", PII_CARD},
		{"4111 1111 1111 1111", PII_CARD}, {"4111-1111-1111-1111", PII_CARD}, {"card:5555555555554444;", PII_CARD},
		{"3782 822463 10005", PII_CARD}, {"378282246310005", PII_CARD}, {"30569309025904", PII_CARD}, {"6011111111111117", PII_CARD},
		{"3530111333300000", PII_CARD}, {"paid with 4111111111111111.", PII_CARD}, {"DE89370400440532013000", PII_IBAN},
		{"DE89 3704 0044 0532 0130 00", PII_IBAN}, {"GB82WEST12345698765432", PII_IBAN}, {"iban=NO9386011117947", PII_IBAN},
		{"123-45-6789", PII_NATIONAL}, {"SSN 219-09-9999!", PII_NATIONAL}, {"+49 170 1234567", PII_PHONE}, {"+14155550143", PII_PHONE},
		{"(202) 555-0143", PII_PHONE}, {"call 202-555-0143 now", PII_PHONE}, {"-----BEGIN RSA PRIVATE KEY-----\nMIIE", PII_SECRET},
		{"-----BEGIN PRIVATE KEY-----", PII_SECRET}, {"postgres://app:s3cret@db.internal:5432/x", PII_SECRET},
		{"$2b$12$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234", PII_SECRET},
		{"$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g", PII_SECRET}, {"md55d41402abc4b2a76b9719d911017c592", PII_SECRET},
		{"SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$c3RvcmVk:c2VydmVy", PII_SECRET},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i].text, cases[i].kind);
}

Test(value, keys_found)
{
	static const char *const prefixes[] = {"AKIA", "ghp_", "github_pat_", "glpat-", "xoxb-", "sk_live_", "npm_", "hf_"};
	char text[128];

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		int n = strcmp(prefixes[i], "AKIA") == 0 ? 16 : 40;

		snprintf(text, sizeof(text), "key=%s%.*s", prefixes[i], n, "A1B2C3D4E5F6G7H8J9K0A1B2C3D4E5F6G7H8J9K0");
		expect(text, PII_SECRET);
		text[4 + strlen(prefixes[i]) + 3] = '\0';
		expect(text, PII_NONE);
	}
	snprintf(text, sizeof(text), "%s.%s.%s", "eyJhbGciOiJub25lIn0", "eyJzdWIiOiIxMjM0In0", "c2ln");
	expect(text, PII_SECRET);
}

Test(value, clean)
{
	static const char *const clean[] = {
		"", "x", "hello", "Blue widget, large", "4111111111111112", "1234567812345678", "2024011512345678", "411111111111111",
		"41111111111111111111", "A4111111111111111", "3.4111111111111111", "4111111111111111-7", "user@host", "icon@2x.png", "@here",
		"a @ b.com", "git@github.com:org/repo.git", "v1.2.3", "10.0.0.1", "192.168.1.10", "2024-01-15", "2024-01-15 10:11:12.123456+02",
		"550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e", "000-12-3456", "666-12-3456", "900-12-3456",
		"123-00-4567", "123-45-0000", "0123-45-6789", "123-45-67890", "DE00370400440532013000", "DE8937040044", "XX89370400440532013000",
		"SKU-4711-0815", "1Z999AA10123456784", "4006381333931", "-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----",
		"eyJhbGciOi", "risk_free", "sku-12345", "skateboard", "AKIA", "+1.5", "+02:00", "-12.50", "(123) 45", "555-0143", "pkg@1.2.3",
		"$12.00", "INV-2024-000123", "{\"a\": 1, \"b\": [2, 3]}", "md5sum", "SG.", "https://example.com/a?b=c&d=1", "SELECT 1",
	};

	for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++)
		expect(clean[i], PII_NONE);
}

Test(value, extents)
{
	struct span s = span_str("Ann: ann@example.org, card 4111 1111 1111 1111 and +49 170 1234567.");
	static const char *const want[] = {"ann@example.org", "4111 1111 1111 1111", "+49 170 1234567"};
	struct value_hit h;
	size_t from = 0, n = 0;

	while (detect_value_next(s, from, &h)) {
		cr_assert_lt(n, 3u);
		cr_assert_leq(h.at + h.len, s.n);
		cr_expect(span_is(span_of(s.p + h.at, h.len), want[n]), "%.*s", (int)h.len, s.p + h.at);
		from = h.at + h.len;
		n++;
	}
	cr_expect_eq(n, 3u);
}

/* Every prefix and every flipped bit of rich samples, and random bytes: hits stay inside, scans move forward. */
static void scan_all(struct span s)
{
	struct value_hit h;
	size_t from = 0;

	while (detect_value_next(s, from, &h)) {
		cr_assert_gt(h.len, 0u);
		cr_assert_leq(h.at, s.n);
		cr_assert_leq(h.len, s.n - h.at);
		cr_assert_gt(h.at + h.len, from);
		from = h.at + h.len;
	}
}

Test(value, sweeps)
{
	static const char sample[] = "x@y.de DE89370400440532013000 4111-1111-1111-1111 123-45-6789 (202) 555-0143 +49 170 1234567 "
				     "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.x $2b$12$ab -----BEGIN EC PRIVATE KEY----- u://a:b@c.de";
	unsigned seed = 7;

	for (size_t n = 0; n < sizeof(sample); n++) {
		char *p = malloc(n + 1); /* the heap, so that a sanitizer sees one byte too far */

		memcpy(p, sample, n);
		scan_all(span_of(p, n));
		free(p);
	}
	for (size_t bit = 0; bit < 8 * (sizeof(sample) - 1); bit++) {
		char copy[sizeof(sample)];

		memcpy(copy, sample, sizeof(sample));
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
		scan_all(span_of(copy, sizeof(sample) - 1));
	}
	for (int i = 0; i < 20000; i++) {
		char r[64];

		for (size_t k = 0; k < sizeof(r); k++)
			r[k] = (char)(i % 2 ? rand_r(&seed) : "0123456789-@. +(AaDE$e"[rand_r(&seed) % 22]);
		scan_all(span_of(r, sizeof(r)));
	}
}

static double ns_per_value(const char *const *values, size_t n)
{
	struct timespec a, b;
	unsigned found = 0;
	const int rounds = 200000;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < rounds; i++)
		found += detect_value(span_str(values[(size_t)i % n])) != PII_NONE;
	clock_gettime(CLOCK_MONOTONIC, &b);
	cr_assert_eq(found, 0u);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / rounds;
}

Test(value, cost)
{
	static const char *const typical[] = {"shipped", "Blue widget", "DE", "2024-01-15", "SKU-4711-081", "pending", "EUR", "standard"};
	double ns;

	detect_warm();
	ns = ns_per_value(typical, 8);
	fprintf(stderr, "clean value: %.1f ns\n", ns);
#if !defined(SP_ASAN) && defined(__OPTIMIZE__)
	cr_assert_lt(ns, 300.0, "ten times the budget of 30 ns: something is wrong beyond a busy machine");
#endif
}
