/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables as they stand on a terminal.
 */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdlib.h>

#include "cmd/table.h"

static char *printed(struct table *t, size_t width)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	table_print(t, f, width);
	(void)fclose(f);
	return text;
}

static void cells(struct table *t, const char *const *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		table_cell(t, span_str(v[i]));
}

static const struct table_col cols[] = {
    {"id", false, false}, {"rows", true, false}, {"statement", false, true}};

Test(table, aligned_like_psql)
{
	static const char *const v[] = {
	    "7f3a9c", "1204", "delete from customers", "c0", "?", "update"};
	struct table *t = table_new(cols, 3);
	char *text;

	cells(t, v, 6);
	cr_assert_eq(table_rows(t), 2);
	text = printed(t, 0);
	cr_assert_str_eq(text, " id     | rows | statement\n"
			       "--------+------+-----------------------\n"
			       " 7f3a9c | 1204 | delete from customers\n"
			       " c0     |    ? | update\n");
	free(text);
	text = printed(t, 30);
	cr_assert_str_eq(text, " id     | rows | statement\n"
			       "--------+------+--------------\n"
			       " 7f3a9c | 1204 | delete from\xe2\x80\xa6\n"
			       " c0     |    ? | update\n");
	free(text);
	table_free(t);
}

Test(table, values_cannot_break_out)
{
	static const char *const v[] = {"a\nb", "\x1b[2J", "x\xe2\x80\xaey\x7f"};
	struct table *t = table_new(cols, 3);
	char *text, *p;
	size_t lines = 0;

	cells(t, v, 3);
	text = printed(t, 0);
	for (p = text; *p != '\0'; p++) {
		lines += *p == '\n';
		cr_assert(*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7f), "%s", text);
	}
	cr_assert_eq(lines, 3);
	cr_assert_null(strstr(text, "\xe2\x80\xae"));
	free(text);
	table_free(t);
}

Test(table, wide_characters_are_measured)
{
	cr_assert_not_null(setlocale(LC_CTYPE, "C.UTF-8"));
	cr_assert_eq(table_width("abc"), 3);
	cr_assert_eq(table_width("\xc3\xa4"), 1);
	cr_assert_eq(table_width("\xe6\x97\xa5\xe6\x9c\xac"), 4, "two columns each");
	cr_assert_eq(table_width("e\xcc\x81"), 1, "a combining mark takes none");
}
