/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of meaning: written, walked, compared.
 */
#include "wire/meaning.h"

#include <stdio.h>

#include "base/err.h"

#define SHOWN 90 /* of a value, in words about a difference */

void meaning_put(struct buf *m, struct span key, struct span value)
{
	buf_put_escaped(m, key);
	buf_put_u8(m, '\t');
	buf_put_escaped(m, value);
	buf_put_u8(m, '\n');
}

bool meaning_next(struct span *rest, struct span *key, struct span *value)
{
	const uint8_t *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
	const uint8_t *tab = end != NULL ? memchr(rest->p, '\t', (size_t)(end - rest->p)) : NULL;

	if (tab == NULL)
		return false;
	*key = span_of(rest->p, (size_t)(tab - rest->p));
	*value = span_of(tab + 1, (size_t)(end - tab) - 1);
	*rest = span_of(end + 1, rest->n - (size_t)(end - rest->p) - 1);
	return true;
}

static bool find(struct span m, struct span key, struct span *value)
{
	struct span k;

	while (meaning_next(&m, &k, value))
		if (span_eq(k, key))
			return true;
	return false;
}

bool meaning_get(struct span m, const char *key, struct span *value)
{
	return find(m, span_str(key), value);
}

/* ---- differences ---- */

/* How a kind of thing is spoken of. quoted: its values are texts of somebody's choice. */
static const struct words {
	const char *kind, *before;
	bool quoted;
} kinds[] = {
    {"relation ", "", false},
    {"behind ", "", false},
    {"function ", "function ", false},
    {"type ", "type ", false},
    {"schema ", "schema ", false},
    {"role ", "role ", false},
    {"setting ", "", true},
    {"prepared ", "the prepared statement ", true},
    {"cursor ", "the cursor ", true},
    {"", "", false},
};

static const struct words *words_of(struct span key)
{
	const struct words *w = kinds;

	while (key.n < strlen(w->kind) || memcmp(key.p, w->kind, strlen(w->kind)) != 0)
		w++;
	return w;
}

/* A value as it stands in a sentence, cut where it is long; never inside a character. */
static const char *shown(struct span v, bool quoted, char out[SHOWN + 16])
{
	size_t n = v.n < SHOWN ? v.n : SHOWN;

	while (n < v.n && n > 0 && (v.p[n] & 0xc0) == 0x80)
		n--;
	(void)snprintf(out, SHOWN + 16, "%s%.*s%s%s", quoted ? "\"" : "", (int)n, n > 0 ? (const char *)v.p : "",
	    n < v.n ? "\xe2\x80\xa6" : "", quoted ? "\"" : "");
	return out;
}

/* was or is may be absent (p NULL). */
static void say(struct span key, struct span was, struct span is, char *out, size_t cap)
{
	const struct words *w = words_of(key);
	char a[SHOWN + 16], b[SHOWN + 16], name[SHOWN + 16];

	(void)shown(span_of(key.p + strlen(w->kind), key.n - strlen(w->kind)), false, name);
	(void)shown(was, w->quoted, a);
	(void)shown(is, w->quoted, b);
	if (is.p == NULL)
		(void)snprintf(out, cap, "%s%s was %s, is not there now", w->before, name, a);
	else if (was.p == NULL)
		(void)snprintf(out, cap, "%s%s is %s, was not there", w->before, name, b);
	else if (strcmp(w->kind, "setting ") == 0)
		(void)snprintf(out, cap, "%s was %s, is %s", name, a, b);
	else
		(void)snprintf(out, cap, "%s%s is now %s, was %s", w->before, name, b, a);
}

bool meaning_differs(struct span was, struct span is, char *out, size_t cap)
{
	struct span rest = was, key, a, b;
	size_t n = 0, at;

	out[0] = '\0';
	while (meaning_next(&rest, &key, &a)) {
		bool there = find(is, key, &b);

		if ((!there || !span_eq(a, b)) && n++ == 0)
			say(key, a, there ? b : span_of(NULL, 0), out, cap);
	}
	for (rest = is; meaning_next(&rest, &key, &b);)
		if (!find(was, key, &a) && n++ == 0)
			say(key, span_of(NULL, 0), b, out, cap);
	at = strlen(out);
	if (n > 1 && at < cap)
		(void)snprintf(out + at, cap - at, ", and %zu more", n - 1);
	if (n == 0 && !span_eq(was, is)) /* the same lines in another order, or none at all */
		(void)snprintf(out, cap, "its meaning is another one");
	return !span_eq(was, is);
}
