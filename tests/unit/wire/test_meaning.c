/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of meaning: two different ones never look the same, and a difference has a name.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "wire/meaning.h"

#define STR(s) ((char *)(uintptr_t)(s))

struct line {
	const char *key, *value;
};

static void fill(struct buf *m, const struct line *l)
{
	buf_init(m, MEANING_MAX);
	for (; l->key != NULL; l++)
		meaning_put(m, span_str(l->key), span_str(l->value));
	cr_assert(eq(int, buf_err(m), 0));
}

Test(meaning, lines_are_escaped_and_walked)
{
	static const struct line lines[] = {{"relation a\tb", "x\ny"}, {"setting q", "tab\there \\ \x1b[2J \xe2\x80\xae"}, {NULL, NULL}};
	struct span rest, key, value;
	struct buf m;

	fill(&m, lines);
	rest = buf_span(&m);
	cr_assert(meaning_next(&rest, &key, &value));
	cr_expect(span_is(key, "relation a\\tb") && span_is(value, "x\\ny"));
	cr_assert(meaning_next(&rest, &key, &value));
	cr_expect(span_is(value, "tab\\there \\\\ \\x1b[2J \\u{202e}"));
	cr_expect(not(meaning_next(&rest, &key, &value)));
	cr_expect(eq(sz, rest.n, 0));
	cr_expect(meaning_get(buf_span(&m), "setting q", &value));
	cr_expect(not(meaning_get(buf_span(&m), "setting", &value)));
	buf_clear(&m);
}

/* What an attacker may choose: names and texts that try to be a line of their own, or another text. */
Test(meaning, different_texts_stay_different)
{
	static const struct line texts[] = {{"prepared d", "delete from t --\n where id = 1"}, {"prepared d", "delete from t --\\n where id = 1"},
	    {"prepared d", "delete from t --\\\n where id = 1"}, {"prepared d", "a\tb\nrelation t\tx"}, {"prepared d\tx", ""},
	    {"prepared d", "x"}, {"prepared d", "\xff"}, {"prepared d", "\\xff"}, {"prepared d", "\\u{202e}"}, {"prepared d", "\xe2\x80\xae"}};
	const size_t n = sizeof(texts) / sizeof(texts[0]);
	char what[300];

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			const struct line a[] = {texts[i], {NULL, NULL}}, b[] = {texts[j], {NULL, NULL}};
			struct buf x, y;

			fill(&x, a);
			fill(&y, b);
			cr_expect(eq(int, meaning_differs(buf_span(&x), buf_span(&y), what, sizeof(what)), i != j), "%zu %zu", i, j);
			buf_clear(&x);
			buf_clear(&y);
		}
}

static const struct line base[] = {{"database", "orders (oid 16384)"}, {"relation notes", "table public.notes (oid 5)"},
    {"prepared d", "() delete from notes"}, {"setting search_path", "\"$user\", public"}, {NULL, NULL}};

static const char *differs(const struct line *other)
{
	static char what[400];
	struct buf a, b;

	fill(&a, base);
	fill(&b, other);
	cr_assert(meaning_differs(buf_span(&a), buf_span(&b), what, sizeof(what)));
	buf_clear(&a);
	buf_clear(&b);
	return what;
}

#define CHANGED(i, v)                                                                                                  \
	differs((const struct line[]){{base[0].key, i == 0 ? v : base[0].value}, {base[1].key, i == 1 ? v : base[1].value}, \
	    {base[2].key, i == 2 ? v : base[2].value}, {base[3].key, i == 3 ? v : base[3].value}, {NULL, NULL}})

Test(meaning, a_difference_is_named)
{
	static char big[400];

	cr_expect(eq(str, STR(CHANGED(1, "view pg_temp_3.notes (oid 7)")),
	    "notes is now view pg_temp_3.notes (oid 7), was table public.notes (oid 5)"));
	cr_expect(eq(str, STR(CHANGED(3, "hr, public")), "search_path was \"\"$user\", public\", is \"hr, public\""));
	cr_expect(eq(str, STR(CHANGED(2, "() delete from orders")),
	    "the prepared statement d is now \"() delete from orders\", was \"() delete from notes\""));
	cr_expect(eq(str, STR(CHANGED(0, "orders (oid 9)")), "database is now orders (oid 9), was orders (oid 16384)"));
	cr_expect(eq(str, STR(differs((const struct line[]){base[0], base[1], base[3], {NULL, NULL}})),
	    "the prepared statement d was \"() delete from notes\", is not there now"));
	cr_expect(eq(str, STR(differs((const struct line[]){base[0], base[1], base[2], base[3], {"function public.f()", "oid 9"}, {NULL, NULL}})),
	    "function public.f() is oid 9, was not there"));
	cr_expect(eq(str, STR(differs((const struct line[]){base[0], {NULL, NULL}})),
	    "notes was table public.notes (oid 5), is not there now, and 2 more"));
	cr_expect(eq(str, STR(differs((const struct line[]){base[1], base[0], base[2], base[3], {NULL, NULL}})), "its meaning is another one"));
	memset(big, 'x', sizeof(big) - 1);
	memcpy(big + 89, "\xc3\xa9", 2); /* the cut would fall into this character */
	cr_expect(strstr(CHANGED(2, big), "x\xe2\x80\xa6\"") != NULL);
}

Test(meaning, too_much_is_an_error)
{
	static char big[MEANING_MAX];
	struct buf m;

	memset(big, 'x', sizeof(big) - 1);
	buf_init(&m, MEANING_MAX);
	meaning_put(&m, span_str("prepared d"), span_str(big));
	cr_expect(buf_err(&m) != 0);
	buf_clear(&m);
}
