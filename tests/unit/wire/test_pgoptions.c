/* SPDX-License-Identifier: Apache-2.0
 *
 * The `options` of a start-up packet as PostgreSQL splits them; and what is written is read back the same.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "wire/pgoptions.h"

#define STR(s) ((char *)(uintptr_t)(s))

/* "name=value;" of each setting, "!word;" of what is none. */
static void read_all(const char *text, char *out, size_t cap)
{
	struct pgoptions o;
	struct span name, value;
	enum pgoptions_got got;

	out[0] = '\0';
	pgoptions_init(&o, span_str(text));
	while ((got = pgoptions_next(&o, &name, &value)) != PGOPTIONS_END)
		snprintf(out + strlen(out), cap - strlen(out), got == PGOPTIONS_BAD ? "!%.*s%.*s;" : "%.*s=%.*s;", (int)name.n,
		    (const char *)name.p, (int)value.n, (const char *)value.p);
	pgoptions_clear(&o);
}

Test(pgoptions, reads_as_the_server_does)
{
	static const char *const cases[][2] = {{"", ""}, {"  \t\n\v\f\r ", ""}, {"-c a=b", "a=b;"}, {"-ca=b", "a=b;"}, {"--a=b", "a=b;"},
	    {"-c\ta=b\n--c=d", "a=b;c=d;"}, {"-c a-b-c=d-e", "a_b_c=d-e;"}, {"--a-b=c", "a_b=c;"}, {"-c a=b=c", "a=b=c;"}, {"-c a=", "a=;"},
	    {"-c a=b\\ c", "a=b c;"}, {"-c a=b\\\\c", "a=b\\c;"}, {"-c a=\\b", "a=b;"}, {"-c a=b\\", "a=b;"}, {"-c\\ a=b", " a=b;"},
	    {"\\-c a=b", "a=b;"}, {"-\\c a=b", "a=b;"}, {"-c a=\"b c\"", "a=\"b;!c\";"}, {"-c a='b'", "a='b';"}, {"-c a", "!a;"}, {"-c", "!-c;"},
	    {"-c =b", "!=b;"}, {"--", "!--;"}, {"--a", "!--a;"}, {"-", "!-;"}, {"a=b", "!a=b;"}, {"-W 3", "!-W;!3;"}, {"-Fc a=b", "!-Fc;!a=b;"},
	    {"-C a=b", "!-C;!a=b;"}, {"-c -c a=b", "!-c;!a=b;"}, {"-c --a=b", "__a=b;"}, {"-c \\", "!-c;"}, {"\\", "!;"}};
	char got[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_all(cases[i][0], got, sizeof(got));
		cr_expect(eq(str, STR(got), STR(cases[i][1])), "\"%s\"", cases[i][0]);
	}
}

Test(pgoptions, a_word_that_is_too_long_is_none)
{
	char text[20000], got[20100];

	memset(text, 'a', sizeof(text));
	memcpy(text, "-c x=", 5);
	text[sizeof(text) - 1] = '\0';
	read_all(text, got, sizeof(got));
	cr_expect(eq(chr, got[0], '!'));
	memcpy(text, "-c aaaaa", 8);
	text[200] = '=';
	text[300] = '\0';
	read_all(text, got, sizeof(got));
	cr_expect(eq(chr, got[0], '!'));
}

Test(pgoptions, what_is_written_is_read_back)
{
	struct pgoptions o;
	struct span name, value;
	struct buf b;
	uint8_t v[4];

	for (unsigned i = 1; i < 256; i++)
		for (unsigned k = 1; k < 256; k += 5) {
			v[0] = (uint8_t)i, v[1] = (uint8_t)k, v[2] = ' ', v[3] = (uint8_t)i;
			buf_init(&b, 256);
			pgoptions_put(&b, span_str("x"), span_str("1"));
			pgoptions_put(&b, span_str("a.b"), span_of(v, 4));
			pgoptions_put(&b, span_str("y"), span_str(""));
			pgoptions_init(&o, buf_span(&b));
			cr_expect(pgoptions_next(&o, &name, &value) == PGOPTIONS_SETTING && span_is(value, "1"));
			cr_expect(pgoptions_next(&o, &name, &value) == PGOPTIONS_SETTING && span_is(name, "a.b"));
			cr_expect(span_eq(value, span_of(v, 4)), "%u %u", i, k);
			cr_expect(pgoptions_next(&o, &name, &value) == PGOPTIONS_SETTING && span_is(name, "y") && value.n == 0);
			cr_expect(pgoptions_next(&o, &name, &value) == PGOPTIONS_END);
			pgoptions_clear(&o);
			buf_clear(&b);
		}
}
