/* SPDX-License-Identifier: Apache-2.0
 *
 * See pgoptions.h. Source: pg_split_opts() in postinit.c, the switches in postgres.c and ParseLongOption() in guc.c of
 * PostgreSQL 15: white space separates words, a backslash takes the next byte as it is, quotes mean nothing.
 */
#include "wire/pgoptions.h"

#define WORD_MAX 8192u

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void pgoptions_init(struct pgoptions *o, struct span text)
{
	o->rest = text;
	buf_init(&o->word, WORD_MAX);
}

void pgoptions_clear(struct pgoptions *o)
{
	buf_clear(&o->word);
}

/* False at the end of the text. A backslash at the very end is nothing. */
static bool next_word(struct pgoptions *o)
{
	struct span s = o->rest;
	size_t i = 0;

	buf_reset(&o->word);
	while (i < s.n && is_space(s.p[i]))
		i++;
	if (i == s.n)
		return false;
	for (; i < s.n && !is_space(s.p[i]); i++) {
		if (s.p[i] == '\\' && ++i == s.n)
			break;
		buf_put_u8(&o->word, s.p[i]);
	}
	o->rest = span_of(s.p + i, s.n - i);
	return true;
}

/* The word behind its first bytes as name and value; dashes of the name stand for underscores. */
static bool split(struct pgoptions *o, size_t from, struct span *name, struct span *value)
{
	struct span w = buf_span(&o->word);
	size_t n = 0;

	if (buf_err(&o->word) != 0)
		return false;
	for (; from + n < w.n && w.p[from + n] != '='; n++) {
		if (n == sizeof(o->name))
			return false;
		o->name[n] = (char)(w.p[from + n] == '-' ? '_' : w.p[from + n]);
	}
	if (n == 0 || from + n == w.n)
		return false;
	*name = span_of(o->name, n);
	*value = span_of(w.p + from + n + 1, w.n - from - n - 1);
	return true;
}

enum pgoptions_got pgoptions_next(struct pgoptions *o, struct span *name, struct span *value)
{
	struct span w;
	size_t from = 2;

	*name = *value = span_of(NULL, 0);
	if (!next_word(o))
		return PGOPTIONS_END;
	w = buf_span(&o->word);
	if (span_is(w, "-c")) {
		from = 0;
		(void)next_word(o); /* none: the word is empty */
	} else if (w.n < 2 || w.p[0] != '-' || (w.p[1] != 'c' && w.p[1] != '-')) {
		*name = w;
		return PGOPTIONS_BAD;
	}
	if (split(o, from, name, value))
		return PGOPTIONS_SETTING;
	*name = buf_len(&o->word) > 0 ? buf_span(&o->word) : span_str("-c");
	return PGOPTIONS_BAD;
}

static void put_word(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_space(s.p[i]) || s.p[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, s.p[i]);
	}
}

void pgoptions_put(struct buf *out, struct span name, struct span value)
{
	buf_put_str(out, buf_len(out) > 0 ? " -c " : "-c ");
	put_word(out, name);
	buf_put_u8(out, '=');
	put_word(out, value);
}
