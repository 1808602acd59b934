/* SPDX-License-Identifier: Apache-2.0
 *
 * May this text of the server pass? Three ways, tried in turn (see pgerrors.h); the tables are in pgerrors_known.c.
 * What a function of the database raised never passes where anything sensitive is in reach.
 * Source: PostgreSQL documentation 55.8 (fields of errors and notices).
 */
#include "sql/pgerrors.h"

#include <string.h>

#include "sql/pglex.h"

#define WORD_MAX 256u /* no name is longer; of literals only shorter ones count as words */
#define NAME_KEEP 63u /* bytes of a name that the server keeps */

/* The fields by their letter; the last of a letter counts, as for libpq. */
struct fields {
	struct span of[128];
};

#define F(f, letter) ((f)->of[(unsigned char)(letter)])

static bool fields_read(struct span body, struct fields *f)
{
	struct cur c = cur_of(body);
	struct span value;
	uint8_t code;

	memset(f, 0, sizeof(*f));
	if (pg_read_error(body) != 0)
		return false;
	while (pg_error_next(&c, &code, &value))
		if (code < 128)
			f->of[code] = value;
	return true;
}

/* ---- words of the statement ---- */

/* What a token stands for: folded, without its quotes. False when it has escapes of a kind that is not followed. */
static bool token_content(struct pglex_token t, char *out, size_t *n)
{
	struct span s = t.text;
	uint8_t quote = t.type == PGL_IDENT ? '"' : '\'';

	*n = 0;
	if (t.type == PGL_IDENT || t.type == PGL_STRING) {
		if (s.n < 2 || s.p[0] != quote || s.p[s.n - 1] != quote)
			return false;
		s = span_of(s.p + 1, s.n - 2);
	}
	if (s.n > WORD_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if ((t.type == PGL_IDENT || t.type == PGL_STRING) && s.p[i] == quote)
			i++; /* doubled */
		out[(*n)++] = (char)(t.type == PGL_WORD && s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
	}
	return true;
}

/* The token, raw (as syntax errors quote it) or as what it stands for. */
static bool token_is(struct pglex_token t, struct span word)
{
	char content[WORD_MAX];
	size_t n;

	if (span_eq(t.text, word))
		return true;
	if (!token_content(t, content, &n))
		return false;
	if (word.n == NAME_KEEP && n > NAME_KEEP)
		n = NAME_KEEP;
	return span_eq(span_of(content, n), word);
}

static bool text_has(struct span sql, struct span word)
{
	struct pglex l;
	struct pglex_token t;

	if (word.n == 0)
		return false;
	pglex_init(&l, sql, false);
	while ((t = pglex_next(&l)).type != PGL_END)
		if (token_is(t, word))
			return true;
	return false;
}

/* A word that the user wrote or that the catalogue has; a.b when each part is one. */
static bool word_ok(const struct pgerror_scene *s, struct span word)
{
	size_t from = 0;

	if (text_has(s->sql, word) || (s->named != NULL && word.n > 0 && s->named(s->ctx, word)))
		return true;
	if (word.n == 0 || memchr(word.p, '.', word.n) == NULL)
		return false;
	for (size_t i = 0; i <= word.n; i++) {
		struct span part = span_of(word.p + from, i - from);

		if (i < word.n && word.p[i] != '.')
			continue;
		if (part.n == 0 || !(text_has(s->sql, part) || (s->named != NULL && s->named(s->ctx, part))))
			return false;
		from = i + 1;
	}
	return true;
}

/* ---- forms ---- */

static size_t place_keys(struct span rest)
{
	size_t n = 0;

	while (n < rest.n && ((rest.p[n] >= 'A' && rest.p[n] <= 'Z') || (n > 0 && rest.p[n] == ' ' && n + 1 < rest.n &&
		rest.p[n + 1] >= 'A' && rest.p[n + 1] <= 'Z')))
		n++;
	return n;
}

static size_t place_digits(struct span rest)
{
	size_t n = 0;

	while (n < rest.n && n < 10 && rest.p[n] >= '0' && rest.p[n] <= '9')
		n++;
	return n;
}

/* A name of a field, bare or behind its schema. */
static size_t place_field(struct span rest, struct span field)
{
	return field.n > 0 && rest.n >= field.n && memcmp(rest.p, field.p, field.n) == 0 ? field.n : 0;
}

/* The end of the word is where the form goes on; a word that holds that is none. */
static size_t place_word(const struct pgerror_scene *s, struct span rest, char until)
{
	size_t n = 0;

	while (n < rest.n && rest.p[n] != (uint8_t)until)
		n++;
	return word_ok(s, span_of(rest.p, n)) ? n : 0;
}

static bool form_fits(const struct pgerror_scene *s, const struct fields *f, const char *form)
{
	struct span rest = F(f, 'M');

	while (*form != '\0') {
		size_t n = 1;

		if (*form == '%') {
			char kind = form[1], next = form[2];

			n = kind == 'K' ? place_keys(rest) : kind == 'i' ? place_digits(rest)
			    : kind == 'w'                               ? place_word(s, rest, next)
									: place_field(rest, F(f, kind));
			if (n == 0)
				return false;
			form++;
		} else if (rest.n == 0 || rest.p[0] != (uint8_t)*form) {
			return false;
		}
		form++;
		rest = span_of(rest.p + n, rest.n - n);
	}
	return rest.n == 0;
}

/* The known text that it is, from the function of the server that says it; or NULL. */
static const struct pgerror_form *known_form(const struct pgerror_scene *s, const struct fields *f)
{
	if (span_is(F(f, 'F'), "pl_exec.c"))
		return NULL;
	for (size_t i = 0; i < pgerror_n_forms; i++) {
		const struct pgerror_form *k = &pgerror_forms[i];

		if ((k->routine == NULL || span_is(F(f, 'R'), k->routine)) && form_fits(s, f, k->message))
			return k;
	}
	return NULL;
}

/* ---- where it comes from ---- */

/* Nothing but the server's own code at the statement itself: no function, trigger, cascade or foreign server. */
static bool of_the_server(const struct fields *f)
{
	struct span w = F(f, 'W');

	if (F(f, 'q').n > 0 || F(f, 'F').n == 0 || span_is(F(f, 'F'), "pl_exec.c"))
		return false;
	while (w.n > 0) {
		const uint8_t *nl = memchr(w.p, '\n', w.n);
		size_t n = nl != NULL ? (size_t)(nl - w.p) : w.n;

		if (!pgerror_line_harmless(span_of(w.p, n)))
			return false;
		w = nl != NULL ? span_of(nl + 1, w.n - n - 1) : span_of(NULL, 0);
	}
	return true;
}

static bool class_is(const struct fields *f, const char *cls)
{
	return F(f, 'C').n == 5 && memcmp(F(f, 'C').p, cls, 2) == 0;
}

/* A malformed line of what the client itself sends; "conflicts with key ..." would speak of other rows. */
static bool of_own_rows(const struct pgerror_scene *s, const struct fields *f)
{
	struct span w = F(f, 'W');

	return s->copy_in && class_is(f, "22") && of_the_server(f) && w.n > 5 && memcmp(w.p, "COPY ", 5) == 0 &&
	    memchr(w.p, '\n', w.n) == NULL;
}

static bool as_it_is(const struct pgerror_scene *s, const struct fields *f)
{
	if (of_own_rows(s, f))
		return true;
	return (s->clear || (s->when == PGERR_BEFORE && !s->code)) && of_the_server(f);
}

/* ---- texts about the statement ---- */

/* Each "..." of the text holds a word of the user or the catalogue; what is between them is plain ASCII (a server that
 * speaks another language quotes otherwise). */
static bool quotes_ok(const struct pgerror_scene *s, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		size_t e;

		if (text.p[i] < 0x20 || text.p[i] >= 0x7f)
			return false;
		if (text.p[i] != '"')
			continue;
		for (e = i + 1; e < text.n; e++)
			if (text.p[e] == '"' && word_ok(s, span_of(text.p + i + 1, e - i - 1)))
				break;
		if (e >= text.n)
			return false;
		i = e;
	}
	return true;
}

static size_t position(struct span p)
{
	size_t v = 0;

	if (p.n == 0 || p.n > 8)
		return 0;
	for (size_t i = 0; i < p.n; i++) {
		if (p.p[i] < '0' || p.p[i] > '9')
			return 0;
		v = v * 10 + (size_t)(p.p[i] - '0');
	}
	return v;
}

/* Analysis alone sets a position in the statement without a context: a parser that is called while rows are read (type
 * names, say) tells in its context what it was reading. */
static bool about_the_statement(const struct pgerror_scene *s, const struct fields *f)
{
	size_t at = position(F(f, 'P'));

	if (s->when == PGERR_RUNNING || at == 0 || at > s->sql.n + 1 || F(f, 'q').n > 0 || F(f, 'p').n > 0 || F(f, 'W').n > 0)
		return false;
	return span_eq(F(f, 'S'), F(f, 'V')) && pgerror_file_parses(F(f, 'F')) && quotes_ok(s, F(f, 'M'));
}

/* ---- the answer ---- */

static void put(struct buf *out, char letter, struct span value)
{
	buf_put_u8(out, (uint8_t)letter);
	buf_put_span(out, value);
	buf_put_u8(out, 0);
}

static void put_some(struct buf *out, const struct fields *f, const char *letters)
{
	for (; *letters != '\0'; letters++)
		if (F(f, *letters).n > 0)
			put(out, *letters, F(f, *letters));
}

static void put_canned(struct buf *out, const struct fields *f)
{
	const char *text = pgerror_canned(F(f, 'C'));

	buf_put_u8(out, 'M');
	buf_put_str(out, text);
	if (!span_is(F(f, 'M'), text))
		buf_put_str(out, " (text withheld: it may hold masked data)");
	buf_put_u8(out, 0);
}

void pgerror_scrub(const struct pgerror_scene *s, struct span body, struct buf *out)
{
	struct fields f;
	const struct pgerror_form *known;
	bool statement;

	if (fields_read(body, &f) && as_it_is(s, &f)) {
		buf_put_span(out, body);
		return;
	}
	statement = about_the_statement(s, &f);
	known = statement ? NULL : known_form(s, &f);
	put_some(out, &f, "SVC");
	if (statement || known != NULL)
		put_some(out, &f, "M");
	else
		put_canned(out, &f);
	if (statement && quotes_ok(s, F(&f, 'D'))) /* of a known form it holds values: keys, rows */
		put_some(out, &f, "D");
	if (pgerror_hint_known(F(&f, 'H')) || (statement && quotes_ok(s, F(&f, 'H'))))
		put_some(out, &f, "H");
	if (statement)
		put_some(out, &f, "P");
	if (known != NULL && known->routine != NULL) /* else anybody could have filled them in */
		put_some(out, &f, "stcdn");
	buf_put_u8(out, 0);
}
