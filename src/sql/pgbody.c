/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of DO blocks and functions, as far as tokens go: every piece that begins like a statement
 * is parsed and walked, constant strings given to EXECUTE likewise, and every name in front of a
 * parenthesis is looked up. What this misses stays at the class of the statement around it (opaque
 * or schema), so it can only make things stricter. PL/pgSQL's own parser is not used: it rejects
 * bodies that are valid in a server with a catalogue.
 */
#include <stdio.h>
#include <strings.h>

#include "sql/pgfuncs.h"
#include "sql/pglex.h"
#include "sql/pgwalk.h"

#define PIECE_MAX 65536u

struct body {
	struct pgwalk *w;
	struct pglex l;
	struct pglex_token t;
	size_t pieces;
};

static bool word_is(const struct pglex_token *t, const char *word)
{
	return t->type == PGL_WORD && span_is_nocase(t->text, word);
}

static bool word_in(const struct pglex_token *t, const char *const *words, size_t n)
{
	size_t i;

	for (i = 0; t->type == PGL_WORD && i < n; i++)
		if (span_is_nocase(t->text, words[i]))
			return true;
	return false;
}

/* ---- names before a parenthesis ---- */

/* The token as the server folds it, "" when it does not fit. */
static void fold(const struct pglex_token *t, char *out, size_t cap)
{
	struct span s = t->text;
	size_t i;

	out[0] = '\0';
	if (t->type == PGL_IDENT && s.n >= 2 && s.p[0] == '"')
		s = span_of(s.p + 1, s.n - 2);
	else if (t->type != PGL_WORD)
		return;
	if (s.n >= cap)
		return;
	for (i = 0; i < s.n; i++)
		out[i] =
		    (char)(t->type == PGL_WORD && s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20
										 : s.p[i]);
	out[s.n] = '\0';
}

static void scan_names(struct pgwalk *w, struct span text)
{
	struct pglex l;
	struct pglex_token t, before = {PGL_END, {NULL, 0}};
	const struct pgfunc *f;
	char name[80];

	pglex_init(&l, text, false);
	for (t = pglex_next(&l); t.type != PGL_END && t.type != PGL_BAD;
	     before = t, t = pglex_next(&l)) {
		if (t.type != PGL_PUNCT || t.text.p[0] != '(')
			continue;
		fold(&before, name, sizeof(name));
		f = name[0] != '\0' ? pgfunc_find("", name) : NULL;
		if (f != NULL && sql_class_level(f->cls) >= 2)
			pgwalk_raise_call(w, f->cls, "%s() %s", name, f->why);
	}
}

/* ---- pieces ---- */

/* Parse text and walk its statements as part of the current one. */
static void walk_text(struct pgwalk *w, struct span text)
{
	struct pgtree *t = NULL;
	bool with = w->with;
	size_t i;

	if (text.n > PIECE_MAX || w->bodies >= PGWALK_MAX_BODIES ||
	    pgtree_parse(text, &t, NULL) != 0)
		return;
	w->bodies++;
	w->with = pgtree_has_with(t);
	for (i = 0; i < pgtree_count(t); i++)
		pgwalk_tree(w, pgtree_stmt(t, i, NULL, NULL));
	w->with = with;
	w->bodies--;
	pgtree_free(t);
}

/* A string literal's value, by letting the parser read it. */
static void walk_literal(struct pgwalk *w, struct span literal)
{
	char text[4096];
	struct pgtree *t = NULL;
	const struct pgnode *val;
	const char *s;
	int n = literal.n < sizeof(text) - 16 ? snprintf(text, sizeof(text), "SELECT %.*s",
						    (int)literal.n, (const char *)literal.p)
					      : -1;

	if (n < 0 || w->bodies >= PGWALK_MAX_BODIES ||
	    pgtree_parse(span_of(text, (size_t)n), &t, NULL) != 0)
		return;
	val = pgtree_count(t) == 1
		  ? pgnode_first(pgnode_field(pgtree_stmt(t, 0, NULL, NULL), "targetList"))
		  : NULL;
	s = pgnode_const_str(pgnode_field(val, "val"));
	if (s != NULL)
		walk_text(w, span_str(s));
	pgtree_free(t);
}

static void next(struct body *b)
{
	b->t = pglex_next(&b->l);
}

static bool at_end(const struct body *b)
{
	return b->t.type == PGL_END || b->t.type == PGL_BAD;
}

static bool at_punct(const struct body *b, char ch)
{
	return b->t.type == PGL_PUNCT && b->t.text.p[0] == ch;
}

/* EXECUTE 'constant' ... : other expressions stay opaque. */
static void piece_execute(struct body *b)
{
	struct pglex_token first;

	next(b);
	first = b->t;
	if (at_end(b) || (first.type != PGL_STRING && first.type != PGL_LITERAL))
		return;
	next(b);
	if (at_end(b) || at_punct(b, ';') || word_is(&b->t, "into") || word_is(&b->t, "using"))
		walk_literal(b->w, first.text);
}

/* From the current token to the next semicolon outside parentheses; perform: PERFORM is SELECT
 * without a result. */
static void piece_statement(struct body *b, bool perform)
{
	const uint8_t *from = b->t.text.p + (perform ? 7 : 0);
	struct buf text;
	int depth = 0;

	while (!at_end(b) && !(depth <= 0 && at_punct(b, ';'))) {
		depth += at_punct(b, '(') - at_punct(b, ')');
		next(b);
	}
	buf_init(&text, PIECE_MAX);
	if (perform)
		buf_put_str(&text, "SELECT");
	buf_put(&text, from, (size_t)(b->t.text.p - from));
	if (buf_err(&text) == 0)
		walk_text(b->w, buf_span(&text));
	buf_clear(&text);
}

static void scan_pieces(struct pgwalk *w, struct span text)
{
	static const char *const starters[] = {"begin", "then", "else", "loop", "atomic"};
	static const char *const verbs[] = {
	    "alter",
	    "call",
	    "cluster",
	    "comment",
	    "copy",
	    "create",
	    "delete",
	    "discard",
	    "do",
	    "drop",
	    "grant",
	    "import",
	    "insert",
	    "load",
	    "lock",
	    "merge",
	    "notify",
	    "reassign",
	    "refresh",
	    "reindex",
	    "reset",
	    "revoke",
	    "security",
	    "set",
	    "truncate",
	    "update",
	    "vacuum",
	    "with",
	    "select",
	    "checkpoint",
	};
	struct body b = {.w = w};
	bool start = true;

	pglex_init(&b.l, text, false);
	next(&b);
	while (!at_end(&b) && ++b.pieces < 20000) {
		if (start && word_is(&b.t, "execute")) {
			piece_execute(&b);
			start = false;
		} else if (start && word_is(&b.t, "perform")) {
			piece_statement(&b, true);
		} else if (start && word_in(&b.t, verbs, sizeof(verbs) / sizeof(verbs[0]))) {
			piece_statement(&b, false);
		} else {
			start = at_punct(&b, ';') ||
				word_in(&b.t, starters, sizeof(starters) / sizeof(starters[0]));
			next(&b);
		}
	}
}

void pgbody_scan(struct pgwalk *w, const char *body, bool now)
{
	struct span text = span_str(body);
	struct pglex_shape shape;
	bool later = w->later;

	if (w->bodies >= PGWALK_MAX_BODIES || pglex_measure(text, &shape, NULL) != 0)
		return;
	w->later = later || !now;
	w->bodies++;
	scan_names(w, text);
	scan_pieces(w, text);
	w->bodies--;
	w->later = later;
}
