/* SPDX-License-Identifier: Apache-2.0
 *
 * One line per message: direction, TAB, length, TAB, name, TAB, fields. Strings are printed raw between quotes, so
 * a value may contain newlines that look like further lines; for ParameterStatus the printed length tells where
 * the value ends, and for everything else a forged line can only contradict what it forges.
 * Source: libpq fe-trace.c (format stable from PostgreSQL 14, PQTRACE_SUPPRESS_TIMESTAMPS set).
 */
#include "session/pgtrace.h"

#include <stdlib.h>

#define WORD_MAX 32

/* Bytes up to one of the stop characters, which is not consumed; the rest when there is none. */
static struct span take_until(struct cur *c, const char *stops)
{
	const uint8_t *from = c->p;
	size_t n = 0;

	while (n < cur_left(c) && memchr(stops, from[n], strlen(stops)) == NULL)
		n++;
	return cur_take(c, n);
}

static bool take_lit(struct cur *c, const char *lit)
{
	size_t n = strlen(lit);

	if (cur_left(c) < n || memcmp(c->p, lit, n) != 0)
		return false;
	(void)cur_take(c, n);
	return true;
}

static bool take_int(struct cur *c, long long *out)
{
	char word[WORD_MAX];
	struct span s = take_until(c, " \t\n");
	char *end;

	if (s.n == 0 || s.n >= sizeof(word))
		return false;
	memcpy(word, s.p, s.n);
	word[s.n] = '\0';
	*out = strtoll(word, &end, 10);
	return *end == '\0';
}

static int copy_text(char *dst, size_t cap, struct span s)
{
	size_t n = s.n < cap ? s.n : cap - 1;

	memcpy(dst, s.p, n);
	dst[n] = '\0';
	return n == s.n ? 0 : E_TOOBIG;
}

static int add_name(struct pgtrace *t, struct span name)
{
	for (size_t i = 0; i < t->n_names; i++) {
		if (span_is(name, t->names[i]))
			return 0;
	}
	if (t->n_names == PGTRACE_NAMES || name.n == 0)
		return E_TOOBIG;
	return copy_text(t->names[t->n_names++], PGTRACE_NAME_MAX, name);
}

/* ` "name" "value"`: the length word covers itself, both strings and their NULs. */
static int on_parameter(struct cur *c, long long len, struct pgtrace *t)
{
	struct span name;

	if (!take_lit(c, " \""))
		return E_FORMAT;
	name = take_until(c, "\"\n");
	len -= 4 + (long long)name.n + 1 + 1;
	if (!take_lit(c, "\" \"") || len < 0 || (unsigned long long)len > cur_left(c))
		return E_FORMAT;
	(void)cur_take(c, (size_t)len);
	return take_lit(c, "\"\n") ? add_name(t, name) : E_FORMAT;
}

static int on_key(struct cur *c, long long len, struct pgtrace *t)
{
	long long pid, key;

	if (t->has_key || len != 12 || !take_lit(c, " ") || !take_int(c, &pid) || !take_lit(c, " ") ||
	    !take_int(c, &key) || !take_lit(c, "\n"))
		return E_FORMAT;
	t->has_key = true;
	t->pid = (uint32_t)pid;
	t->key = (uint32_t)key; /* printed as a signed number */
	return 0;
}

static int on_ready(struct cur *c, long long len, struct pgtrace *t)
{
	(void)len;
	(void)take_until(c, "\n");
	t->ready = true;
	return 0;
}

/* ` S "FATAL" V "FATAL" C "28P01" M "text" ...`: nothing before the text can hold a quote. */
static int on_error(struct cur *c, long long len, struct pgtrace *t)
{
	struct span text;

	(void)len;
	while (cur_left(c) > 0 && !take_lit(c, " C \"") && cur_peek(c) != '\n')
		(void)cur_take(c, 1);
	(void)copy_text(t->sqlstate, sizeof(t->sqlstate), take_until(c, "\"\n"));
	if (!take_lit(c, "\" M \""))
		return 0;
	text = take_until(c, "\n");
	/* the text ends where the next field starts; cut there as far as that can be seen */
	for (size_t i = 0; i + 4 < text.n; i++) {
		if (text.p[i] == '"' && text.p[i + 1] == ' ' && text.p[i + 3] == ' ' && text.p[i + 4] == '"') {
			text.n = i;
			break;
		}
	}
	(void)copy_text(t->message, sizeof(t->message), text);
	return 0;
}

static const struct {
	const char *name;
	int (*on)(struct cur *c, long long len, struct pgtrace *t);
} lines[] = {
	{"ParameterStatus", on_parameter},
	{"BackendKeyData", on_key},
	{"ReadyForQuery", on_ready},
	{"ErrorResponse", on_error},
};

static int one_line(struct cur *c, struct pgtrace *t)
{
	long long len;
	struct span name;

	if (!take_lit(c, "B\t") || !take_int(c, &len) || !take_lit(c, "\t"))
		return 0; /* a sent message, or the inside of a text */
	name = take_until(c, "\t\n");
	if (!take_lit(c, "\t"))
		return 0;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (span_is(name, lines[i].name))
			return lines[i].on(c, len, t);
	}
	return 0;
}

int pgtrace_parse(struct span text, struct pgtrace *out)
{
	struct cur c = cur_of(text);
	int rc;

	memset(out, 0, sizeof(*out));
	while (cur_left(&c) > 0) {
		const uint8_t *from = c.p;

		rc = one_line(&c, out);
		if (rc != 0)
			return rc;
		if (c.p > from && c.p[-1] == '\n')
			continue; /* the line was consumed with its end */
		(void)take_until(&c, "\n");
		(void)take_lit(&c, "\n");
	}
	return cur_ok(&c) ? 0 : c.err;
}
