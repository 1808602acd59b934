/* SPDX-License-Identifier: Apache-2.0
 *
 * The lexer and the measuring tape. Where the server would report an error (junk after a number, an
 * unterminated comment) the exact token does not matter: the parser refuses the text afterwards.
 */
#include "sql/pglex.h"

#include "sql/facts.h"

/* Large arrays that are written before they are read, spared from -ftrivial-auto-var-init. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define SP_UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef SP_UNINITIALIZED
#define SP_UNINITIALIZED
#endif

void pglex_init(struct pglex *l, struct span sql, bool scs_off)
{
	*l = (struct pglex){cur_of(sql), scs_off};
}

static bool is_space(int ch)
{
	return ch == ' ' || (ch >= '\t' && ch <= '\r');
}

static bool is_digit(int ch)
{
	return ch >= '0' && ch <= '9';
}

static bool is_ident_start(int ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || ch >= 0x80;
}

static bool is_ident(int ch)
{
	return is_ident_start(ch) || is_digit(ch) || ch == '$';
}

static bool is_op(int ch)
{
	return ch > 0 && ch < 0x80 && strchr("~!@#^&|`?+-*/%<>=:", ch) != NULL;
}

/* The byte k places ahead, or -1. */
static int ahead(const struct cur *c, size_t k)
{
	return k < cur_left(c) ? c->p[k] : -1;
}

static void skip_line(struct cur *c)
{
	while (cur_peek(c) >= 0 && cur_peek(c) != '\n' && cur_peek(c) != '\r')
		(void)cur_u8(c);
}

/* A nested comment, the cursor being on its slash. false: unterminated. */
static bool skip_block(struct cur *c)
{
	size_t depth = 0;

	do {
		if (ahead(c, 0) == '/' && ahead(c, 1) == '*') {
			(void)cur_take(c, 2);
			depth++;
		} else if (ahead(c, 0) == '*' && ahead(c, 1) == '/') {
			(void)cur_take(c, 2);
			depth--;
		} else {
			(void)cur_u8(c);
		}
	} while (depth > 0 && cur_left(c) > 0);
	return depth == 0;
}

/* White space and comments before a token. false: an unterminated comment ate the rest. */
static bool skip_blank(struct cur *c)
{
	for (;;) {
		int ch = cur_peek(c);

		if (is_space(ch))
			(void)cur_u8(c);
		else if (ch == '-' && ahead(c, 1) == '-')
			skip_line(c);
		else if (ch == '/' && ahead(c, 1) == '*') {
			if (!skip_block(c))
				return false;
		} else {
			return true;
		}
	}
}

/* After a closing quote: white space with a newline and another quote continue the literal (SQL
 * standard). The cursor moves behind that quote, or stays. */
static bool quote_continues(struct cur *c)
{
	struct cur k = *c;
	bool newline = false;

	for (;;) {
		int ch = cur_peek(&k);

		if (is_space(ch)) {
			newline |= ch == '\n' || ch == '\r';
			(void)cur_u8(&k);
		} else if (ch == '-' && ahead(&k, 1) == '-') {
			skip_line(&k);
		} else {
			break;
		}
	}
	if (!newline || cur_peek(&k) != '\'')
		return false;
	(void)cur_u8(&k);
	*c = k;
	return true;
}

/* The body of a quoted literal, its opening quote already taken. */
static bool take_string(struct cur *c, bool escapes)
{
	while (cur_left(c) > 0) {
		uint8_t ch = cur_u8(c);

		if (ch == '\\' && escapes)
			(void)cur_u8(c);
		else if (ch == '\'' && cur_peek(c) == '\'')
			(void)cur_u8(c);
		else if (ch == '\'' && !quote_continues(c))
			return true;
	}
	return false;
}

static bool take_ident(struct cur *c)
{
	while (cur_left(c) > 0) {
		if (cur_u8(c) != '"')
			continue;
		if (cur_peek(c) != '"')
			return true;
		(void)cur_u8(c);
	}
	return false;
}

/* $tag$ ... $tag$, the cursor being on the first dollar. 1 taken, 0 not a dollar quote, -1
 * unterminated. */
static int take_dollar(struct cur *c)
{
	struct cur k = *c;
	struct span tag;
	size_t n = 1;

	if (is_ident_start(ahead(c, n)))
		while (ahead(c, n) != '$' && is_ident(ahead(c, n)))
			n++;
	if (ahead(c, n) != '$')
		return 0;
	tag = cur_take(&k, n + 1);
	while (cur_left(&k) > 0) {
		const uint8_t *d = memchr(k.p, '$', cur_left(&k));

		if (d == NULL)
			break;
		(void)cur_take(&k, (size_t)(d - k.p));
		if (cur_left(&k) >= tag.n && memcmp(k.p, tag.p, tag.n) == 0) {
			(void)cur_take(&k, tag.n);
			*c = k;
			return 1;
		}
		(void)cur_u8(&k);
	}
	return -1;
}

/* An identifier, or a literal with a prefix letter. */
static enum pglex_type take_word(struct pglex *l)
{
	struct cur *c = &l->c;
	int ch = cur_u8(c) | 0x20, next = cur_peek(c);

	if (next == '\'' && strchr("ebxn", ch) != NULL) {
		(void)cur_u8(c);
		if (!take_string(c, ch == 'e' || (ch == 'n' && l->scs_off)))
			return PGL_BAD;
		return ch == 'n' ? PGL_STRING : PGL_LITERAL;
	}
	if (ch == 'u' && next == '&' && (ahead(c, 1) == '\'' || ahead(c, 1) == '"')) {
		(void)cur_u8(c);
		if (cur_u8(c) == '"')
			return take_ident(c) ? PGL_IDENT : PGL_BAD;
		return take_string(c, false) ? PGL_LITERAL : PGL_BAD;
	}
	while (is_ident(cur_peek(c)))
		(void)cur_u8(c);
	return PGL_WORD;
}

static enum pglex_type take_number(struct cur *c)
{
	while (is_digit(cur_peek(c)) || cur_peek(c) == '.')
		(void)cur_u8(c);
	if ((cur_peek(c) | 0x20) == 'e') {
		size_t sign = ahead(c, 1) == '+' || ahead(c, 1) == '-';

		if (is_digit(ahead(c, 1 + sign)))
			(void)cur_take(c, 1 + sign);
		while (is_digit(cur_peek(c)))
			(void)cur_u8(c);
	}
	return PGL_NUMBER;
}

static enum pglex_type take_op(struct cur *c)
{
	do
		(void)cur_u8(c);
	while (is_op(cur_peek(c)) && !(cur_peek(c) == '-' && ahead(c, 1) == '-') &&
	       !(cur_peek(c) == '/' && ahead(c, 1) == '*'));
	return PGL_OP;
}

static enum pglex_type take_token(struct pglex *l)
{
	struct cur *c = &l->c;
	int ch = cur_peek(c), dollar;

	if (is_ident_start(ch))
		return take_word(l);
	if (is_digit(ch) || (ch == '.' && is_digit(ahead(c, 1))))
		return take_number(c);
	if (is_op(ch))
		return take_op(c);
	if (ch == '$') {
		dollar = take_dollar(c);
		if (dollar != 0)
			return dollar > 0 ? PGL_LITERAL : PGL_BAD;
		(void)cur_u8(c);
		while (is_digit(cur_peek(c)))
			(void)cur_u8(c);
		return PGL_PARAM;
	}
	(void)cur_u8(c);
	if (ch == '\'')
		return take_string(c, l->scs_off) ? PGL_STRING : PGL_BAD;
	if (ch == '"')
		return take_ident(c) ? PGL_IDENT : PGL_BAD;
	return PGL_PUNCT;
}

struct pglex_token pglex_next(struct pglex *l)
{
	struct pglex_token t = {PGL_BAD, {l->c.p, 0}};
	bool fine = skip_blank(&l->c);

	if (fine && cur_left(&l->c) == 0)
		return (struct pglex_token){PGL_END, {l->c.p, 0}};
	if (fine) {
		t.text.p = l->c.p;
		t.type = take_token(l);
	}
	if (t.type == PGL_BAD)
		(void)cur_rest(&l->c);
	t.text.n = (size_t)(l->c.p - t.text.p);
	return t;
}

/* ---- measuring ---- */

enum word_role { W_LINK, W_SPLIT, W_SET, W_OPEN, W_CLOSE };

/* Key words that matter for the shape. LINK: left-recursive word operators. SPLIT: what an operator
 * chain cannot cross (AND and OR are flattened by the parser). SET: left-recursive above
 * expressions. */
static const struct {
	const char *word;
	enum word_role role;
} shape_words[] = {
    {"and", W_SPLIT},
    {"at", W_LINK},
    {"between", W_LINK},
    {"case", W_OPEN},
    {"collate", W_LINK},
    {"else", W_SPLIT},
    {"end", W_CLOSE},
    {"except", W_SET},
    {"ilike", W_LINK},
    {"in", W_LINK},
    {"intersect", W_SET},
    {"is", W_LINK},
    {"isnull", W_LINK},
    {"join", W_SET},
    {"like", W_LINK},
    {"not", W_LINK},
    {"notnull", W_LINK},
    {"operator", W_LINK},
    {"or", W_SPLIT},
    {"similar", W_LINK},
    {"then", W_SPLIT},
    {"union", W_SET},
    {"when", W_SPLIT},
};

struct level {
	uint8_t opener; /* '(' '[' or 'c' for CASE */
	uint16_t ops, sets;
};

struct tape {
	struct pglex_shape *shape;
	size_t depth;
	struct level level[SQL_MAX_CHAIN + 1];
};

static int shape_word(struct span t)
{
	size_t lo = 0, hi = sizeof(shape_words) / sizeof(shape_words[0]);

	if (t.n < 2 || t.n > 9)
		return -1;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const char *w = shape_words[mid].word;
		int d = 0;
		size_t i;

		for (i = 0; i < t.n && d == 0; i++)
			d = ((t.p[i] >= 'A' && t.p[i] <= 'Z') ? t.p[i] | 0x20 : t.p[i]) -
			    (int)(uint8_t)w[i];
		if (d == 0)
			d = w[i] != '\0' ? -1 : 0;
		if (d == 0)
			return (int)shape_words[mid].role;
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return -1;
}

static void tape_link(struct tape *m, bool set)
{
	struct level *v = &m->level[m->depth];
	uint16_t n = set ? ++v->sets : ++v->ops;

	if (n > m->shape->chain)
		m->shape->chain = n;
}

static int tape_open(struct tape *m, int opener, struct why *w)
{
	if (m->depth >= SQL_MAX_CHAIN)
		return why_set(w, E_TOOBIG, "nested more than %d deep", SQL_MAX_CHAIN);
	m->level[++m->depth] = (struct level){(uint8_t)opener, 0, 0};
	if (m->depth > m->shape->depth)
		m->shape->depth = m->depth;
	return 0;
}

/* Close the innermost level that opener began; a CASE never closed goes with its parenthesis. */
static void tape_close(struct tape *m, int opener)
{
	while (opener != 'c' && m->depth > 0 && m->level[m->depth].opener == 'c')
		m->depth--;
	if (m->depth > 0 && m->level[m->depth].opener == opener)
		m->depth--;
}

static int tape_word(struct tape *m, struct span word, struct why *w)
{
	switch (shape_word(word)) {
	case W_LINK:
		tape_link(m, false);
		break;
	case W_SET:
		tape_link(m, true);
		break;
	case W_SPLIT:
		m->level[m->depth].ops = 0;
		break;
	case W_OPEN:
		return tape_open(m, 'c', w);
	case W_CLOSE:
		tape_close(m, 'c');
		break;
	default:
		break;
	}
	return 0;
}

static int tape_punct(struct tape *m, int ch, struct why *w)
{
	switch (ch) {
	case '(':
	case '[':
		return tape_open(m, ch, w);
	case ')':
		tape_close(m, '(');
		break;
	case ']':
		tape_close(m, '[');
		break;
	case ',':
		m->level[m->depth].ops = 0;
		break;
	case ';':
		m->depth = 0;
		m->level[0] = (struct level){0, 0, 0};
		break;
	default:
		break;
	}
	return 0;
}

/* Does a backslash occur in a '...' literal, and directly before a quote that is not the first
 * byte? */
static void look_inside(struct span s, struct pglex_shape *out)
{
	const uint8_t *b = memchr(s.p, '\\', s.n), *end = s.p + s.n;

	for (; b != NULL; b = memchr(b + 1, '\\', (size_t)(end - b - 1))) {
		out->backslash = true;
		if (end - b > 1 && b[1] == '\'')
			out->ambiguous = true;
	}
}

static int tape_token(struct tape *m, const struct pglex_token *t, bool after_dot, struct why *w)
{
	switch (t->type) {
	case PGL_OP:
		tape_link(m, false);
		return 0;
	case PGL_WORD:
		return after_dot ? 0 : tape_word(m, t->text, w);
	case PGL_PUNCT:
		return tape_punct(m, t->text.p[0], w);
	case PGL_STRING:
		look_inside(t->text, m->shape);
		return 0;
	default:
		return 0;
	}
}

int pglex_measure(struct span sql, struct pglex_shape *out, struct why *w)
{
	struct pglex_token t;
	struct pglex l;
	struct tape m SP_UNINITIALIZED; /* 18 KiB: levels are set when they are opened */
	bool after_dot = false;
	int r;

	*out = (struct pglex_shape){0};
	m.shape = out;
	m.depth = 0;
	m.level[0] = (struct level){0, 0, 0};
	pglex_init(&l, sql, false);
	for (t = pglex_next(&l); t.type != PGL_END && t.type != PGL_BAD; t = pglex_next(&l)) {
		if (++out->tokens > SQL_MAX_TOKENS)
			return why_set(w, E_TOOBIG, "more than %d words", SQL_MAX_TOKENS);
		r = tape_token(&m, &t, after_dot, w);
		if (r != 0)
			return r;
		if (out->chain > SQL_MAX_CHAIN)
			return why_set(
			    w, E_TOOBIG, "a chain of more than %d operators", SQL_MAX_CHAIN);
		after_dot = t.type == PGL_PUNCT && t.text.p[0] == '.';
	}
	return t.type == PGL_END ? 0 : why_set(w, E_FORMAT, "a literal or comment that never ends");
}

bool pglex_depends_on_scs(struct span sql)
{
	struct pglex_token a, b;
	struct pglex on, off;

	pglex_init(&on, sql, false);
	pglex_init(&off, sql, true);
	do {
		a = pglex_next(&on);
		b = pglex_next(&off);
		if (a.type != b.type || a.text.p != b.text.p || a.text.n != b.text.n)
			return true;
	} while (a.type != PGL_END && a.type != PGL_BAD);
	return false;
}

bool pglex_as_escapes(struct span sql, struct buf *out)
{
	const uint8_t *done = sql.p;
	struct pglex_token t;
	struct pglex l;

	pglex_init(&l, sql, true);
	for (t = pglex_next(&l); t.type != PGL_END && t.type != PGL_BAD; t = pglex_next(&l)) {
		if (t.type != PGL_STRING)
			continue;
		buf_put(out, done, (size_t)(t.text.p - done));
		buf_put_str(out, " E");
		done = t.text.p + (t.text.p[0] != '\''); /* without the N of N'...' */
	}
	buf_put(out, done, sql.n - (size_t)(done - sql.p));
	return t.type == PGL_END;
}
