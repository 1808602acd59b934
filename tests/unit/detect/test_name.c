/* SPDX-License-Identifier: Apache-2.0
 *
 * Column names: the labelled list with its recall and false-positive bars, plus the rules one by one.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "detect/detect.h"
#include "detect/split.h"
#include "detect/vocab.h"

#define RECALL_BAR 0.97
#define FALSE_BAR 0.01

struct tally {
	unsigned sensitive, found, clean, wrong, any, other_kind;
};

static const char *const labels[PII_KIND_N] = {"clear", "name", "email", "phone", "address", "birth", "national", "card", "iban",
					       "ip", "geo", "secret", "money", "health", "demographic", "text", "other"};

static void judge(struct tally *t, const char *table, const char *col, uint32_t type, const char *want)
{
	enum pii_kind k = detect_by_name("public", table, col, type);

	if (strcmp(want, "any") == 0) {
		t->any++;
	} else if (strcmp(want, "clear") == 0) {
		t->clean++;
		t->wrong += k != PII_NONE;
		if (k != PII_NONE)
			fprintf(stderr, "false positive: %s.%s (%u): %s\n", table, col, type, labels[k]);
	} else {
		t->sensitive++;
		t->found += k != PII_NONE;
		t->other_kind += k != PII_NONE && strcmp(labels[k], want) != 0;
		if (strcmp(labels[k], want) != 0)
			fprintf(stderr, "%s: %s.%s (%u): %s, not %s\n", k == PII_NONE ? "missed" : "other kind", table, col,
				type, labels[k], want);
	}
}

Test(detect, labelled_columns)
{
	char line[512], table[128], col[128], want[32];
	struct tally t = {0};
	unsigned type;
	FILE *f = fopen(TEST_SRCDIR "/tests/vectors/detect/columns.tsv", "r");

	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] == '#')
			continue;
		cr_assert_eq(sscanf(line, "%127[^\t]\t%127[^\t]\t%u\t%31s", table, col, &type, want), 4, "%s", line);
		judge(&t, table, col, type, want);
	}
	fclose(f);
	fprintf(stderr, "columns: recall %u/%u = %.4f, false positives %u/%u = %.4f, other kind %u, not judged %u\n", t.found,
		t.sensitive, (double)t.found / t.sensitive, t.wrong, t.clean, (double)t.wrong / t.clean, t.other_kind, t.any);
	cr_assert_geq(t.sensitive + t.clean, 150u);
	cr_assert_geq((double)t.found, RECALL_BAR * t.sensitive);
	cr_assert_leq((double)t.wrong, FALSE_BAR * t.clean);
	cr_assert_leq(t.other_kind * 50, t.sensitive, "kinds drift");
}

static void expect_words(const char *name, const char *want)
{
	struct name_words w;
	char got[NAME_TEXT_MAX + NAME_WORDS_MAX] = "";

	name_split(name, &w);
	for (size_t i = 0; i < w.n; i++) {
		if (i > 0)
			strcat(got, " ");
		strcat(got, w.w[i]);
	}
	cr_expect_str_eq(got, want, "%s: \"%s\", not \"%s\"", name, got, want);
}

Test(detect, split)
{
	static const char *const cases[][2] = {
		{"first_name", "first name"}, {"FirstName", "first name"}, {"FIRST_NAME", "first name"}, {"firstname", "first name"},
		{"IPAddress", "ip address"}, {"ipv4", "ip 4"}, {"SSNHash", "ssn hash"}, {"gtin13", "gtin 13"}, {"custEmail2", "customer email 2"},
		{"pr\xc3\xa9nom", "first name"}, {"Stra\xc3\x9f" "e", "street"}, {"PR\xc3\x89NOM", "first name"}, {"addresses", "address"},
		{"histories", "history"}, {"status", "status"}, {"  __x--", "x"}, {"", ""}, {"dateofbirth", "birth date"},
		{"passage", "passage"}, {"scorecard", "scorecard"}, {"monkey", "monkey"},
		{"\xd0\xa2\xd0\x95\xd0\x9b\xd0\x95\xd0\xa4\xd0\x9e\xd0\x9d", "phone"},
	};

	cr_assert(vocab_sound());
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_words(cases[i][0], cases[i][1]);
}

Test(detect, types_veto)
{
	cr_expect_eq(detect_by_name("", "users", "email", 16), PII_NONE);
	cr_expect_eq(detect_by_name("", "users", "email", 21), PII_NONE);
	cr_expect_eq(detect_by_name("", "users", "email", 1184), PII_NONE);
	cr_expect_eq(detect_by_name("", "users", "email", 25), PII_EMAIL);
	cr_expect_eq(detect_by_name("", "users", "email", 99999), PII_EMAIL, "an unknown type vetoes nothing");
	cr_expect_eq(detect_by_name("", "users", "email_id", 1043), PII_EMAIL);
	cr_expect_eq(detect_by_name("", "users", "email_id", 23), PII_NONE);
	cr_expect_eq(detect_by_name("", "users", "pin", 21), PII_SECRET);
	cr_expect_eq(detect_by_name("", "users", "whatever", 869), PII_IP);
	cr_expect_eq(detect_by_name("", "subnets", "server_address", 869), PII_NONE);
}

Test(detect, context)
{
	cr_expect_eq(detect_by_name("", "customers", "name", 25), PII_NAME);
	cr_expect_eq(detect_by_name("", "tbl_customers_2023_bak", "name", 25), PII_NAME);
	cr_expect_eq(detect_by_name("", "user_profiles", "name", 25), PII_NAME);
	cr_expect_eq(detect_by_name("", "catalog", "name", 25), PII_NONE);
	cr_expect_eq(detect_by_name("", "customer_types", "name", 25), PII_NONE);
	cr_expect_eq(detect_by_name("", "http_log", "client", 25), PII_IP);
	cr_expect_eq(detect_by_name("", "stores", "city", 25), PII_NONE);
	cr_expect_eq(detect_by_name("pg_catalog", "pg_authid", "rolpassword", 25), PII_SECRET);
	cr_expect_eq(detect_by_name("pg_catalog", "pg_class", "relname", 19), PII_NONE);
}

/* Names are chosen by whoever may CREATE TABLE: nothing they spell may break the splitter. */
Test(detect, hostile_names)
{
	char name[1024];
	unsigned seed = 1;

	cr_expect_eq(detect_by_name(NULL, NULL, NULL, 0), PII_NONE);
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)rand_r(&seed) % (sizeof(name) - 1);

		for (size_t k = 0; k < n; k++)
			name[k] = (char)(1 + rand_r(&seed) % 255);
		if (i % 2)
			for (size_t k = 0; k < n; k++)
				name[k] = "a1_AzEmailssn"[rand_r(&seed) % 13];
		name[n] = '\0';
		(void)detect_by_name(name, name, name, (uint32_t)rand_r(&seed) % 4000);
	}
	memset(name, 'a', sizeof(name));
	for (size_t k = 0; k + 1 < sizeof(name); k += 2)
		name[k + 1] = '_';
	name[sizeof(name) - 1] = '\0';
	cr_expect_eq(detect_by_name("", "t", name, 25), PII_OTHER, "a name too long to read is not clear");
}

Test(detect, kind_names)
{
	for (int k = 0; k < PII_KIND_N; k++)
		cr_expect(pii_kind_name((enum pii_kind)k)[0] != '\0');
	cr_expect_str_eq(pii_kind_name((enum pii_kind)99), "sensitive");
	cr_expect_str_eq(pii_kind_name(PII_EMAIL), "email");
}
