/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/cmdline.h"

static struct cmdline c;

/* "verb|arg|arg" or "" when it is refused. */
static const char *parsed(const char *line)
{
	static char out[4096];
	struct why w;
	size_t at;

	if (cmdline_parse(span_str(line), &c, &w) != 0)
		return "";
	at = (size_t)snprintf(out, sizeof(out), "%s", c.verb->name);
	for (size_t i = 0; i < c.argc; i++)
		at += (size_t)snprintf(out + at, sizeof(out) - at, "|%s", c.argv[i]);
	cr_assert_null(c.argv[c.argc]);
	cmdline_clear(&c);
	return out;
}

Test(cmdline, words)
{
	static const char *const cases[][2] = {
	    {"", "welcome"},
	    {"  \t ", "welcome"},
	    {"whoami", "whoami"},
	    {" targets  ", "targets"},
	    {"show 7f3a9c", "show|7f3a9c"},
	    {"sessions --user 'a b'", "sessions|--user|a b"},
	    {"sessions --user \"a\\\"b\"", "sessions|--user|a\"b"},
	    {"sessions --user a\\ b ''", "sessions|--user|a b|"},
	    {"sessions 'a\\b'", "sessions|a\\b"},
	    {"sessions a\\", "sessions|a\\"},
	    {"approve 7f3a -m ticket 812, says \"bob\"",
		"approve|7f3a|-m|ticket 812, says \"bob\""},
	    {"approve 7f3a c01d", "approve|7f3a|c01d"},
	    {"sql t -c select 1; -- 'x", "sql|t|-c|select 1; -- 'x"},
	    {"sql t --format csv -c  select\n1 ", "sql|t|--format|csv|-c|select\n1 "},
	    {"sql t -c", "sql|t|-c"},
	    {"sql t '-c' x y", "sql|t|-c|x y"},
	    {"show -c a b", "show|-c|a|b"},
	    {"sh -c id", ""},
	    {"sessions 'open", ""},
	    {"sessions \"open", ""},
	    {"; id", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_assert_str_eq(
		    parsed(cases[i][0]), cases[i][1], "case %zu: %s", i, parsed(cases[i][0]));
}

Test(cmdline, limits)
{
	static char big[CMDLINE_MAX + 2];
	struct why w;

	cr_assert_eq(cmdline_parse(span_of("show a\0b", 8), &c, &w), E_FORMAT);
	memset(big, ' ', sizeof(big));
	memcpy(big, "show", 4);
	cr_assert_eq(cmdline_parse(span_of(big, CMDLINE_MAX + 1), &c, &w), E_TOOBIG);
	for (size_t i = 5; i < CMDLINE_MAX; i += 2)
		big[i] = 'x';
	cr_assert_eq(cmdline_parse(span_of(big, CMDLINE_MAX), &c, &w), E_TOOBIG, "too many words");
	memset(big + 5, 'x', CMDLINE_MAX - 5);
	cr_assert_eq(cmdline_parse(span_of(big, CMDLINE_MAX), &c, &w), 0);
	cr_assert_eq(strlen(c.argv[0]), CMDLINE_MAX - 5);
	cmdline_clear(&c);
}

Test(cmdline, every_prefix_and_every_flipped_bit)
{
	static const char line[] = "sql orders-prod --format 'a b' \"c\\\"\" -c select 'x' from t";
	struct why w;

	for (size_t n = 0; n < sizeof(line); n++)
		if (cmdline_parse(span_of(line, n), &c, &w) == 0)
			cmdline_clear(&c);
	for (size_t i = 0; i < (sizeof(line) - 1) * 8; i++) {
		char copy[sizeof(line)];

		memcpy(copy, line, sizeof(line));
		copy[i / 8] = (char)(copy[i / 8] ^ (1 << (i % 8)));
		if (cmdline_parse(span_of(copy, sizeof(line) - 1), &c, &w) == 0)
			cmdline_clear(&c);
	}
}

Test(verbs, the_table_is_in_order_and_complete)
{
	size_t n;
	const struct verb *v = verb_table(&n);

	cr_assert_eq(n, VERB_N - 1);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(v[i].id, (enum verb_id)(i + 1));
		cr_assert(i == 0 || strcmp(v[i - 1].name, v[i].name) < 0, "%s", v[i].name);
		cr_assert_eq(verb_find(v[i].name), &v[i]);
		cr_assert_eq(verb_of(v[i].id), &v[i]);
		cr_assert_neq(v[i].transports, 0);
	}
	cr_assert_null(verb_find("sh"));
	cr_assert_null(verb_of(VERB_N));
}
