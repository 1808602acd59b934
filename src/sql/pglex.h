/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL's tokens by its own rules (scan.l of PostgreSQL 15), as byte ranges only. It exists to measure a text
 * before the parser sees it and to tell whether a string literal ends elsewhere under another setting; it decides
 * nothing about meaning. Iterative, no allocation, linear time.
 */
#ifndef SP_SQL_PGLEX_H
#define SP_SQL_PGLEX_H

#include "base/buf.h"
#include "base/cur.h"

enum pglex_type {
	PGL_END = 0,
	PGL_WORD,    /* identifier or key word, unquoted */
	PGL_IDENT,   /* "quoted" */
	PGL_STRING,  /* '...' whose escapes depend on standard_conforming_strings */
	PGL_LITERAL, /* E'', U&'', B'', X'', $tag$...$tag$ */
	PGL_NUMBER,
	PGL_PARAM,
	PGL_OP,      /* a run of operator characters or colons */
	PGL_PUNCT,   /* one of ( ) [ ] , ; . or any other byte */
	PGL_BAD,     /* unterminated literal, identifier or comment: the rest of the text */
};

struct pglex_token {
	enum pglex_type type;
	struct span text;
};

struct pglex {
	struct cur c;
	bool scs_off; /* backslashes in '...' escape */

};

void pglex_init(struct pglex *l, struct span sql, bool scs_off);
struct pglex_token pglex_next(struct pglex *l);

/* What a text looks like from far away. */
struct pglex_shape {
	size_t tokens;
	size_t depth;       /* deepest nesting of ( [ CASE */
	size_t chain;       /* longest run of operators or set operations that nests to the left */
	bool backslash;     /* a '...' literal holds a backslash: its value depends on the setting */
	bool ambiguous;     /* ... directly before a quote: its end may depend on it too */
};

/* Measure; E_TOOBIG as soon as a cap of sql/facts.h is passed, E_FORMAT when a literal or comment never ends. */
int pglex_measure(struct span sql, struct pglex_shape *out, struct why *w) MUST_CHECK;

/* Do the tokens of the text end elsewhere when backslashes escape in '...'? */
bool pglex_depends_on_scs(struct span sql);

/* The text as a server with standard_conforming_strings=off reads it, written for one that has it on: every '...'
 * becomes E'...'. false when a literal never ends in that reading. Errors are sticky in out. */
bool pglex_as_escapes(struct span sql, struct buf *out);

#endif
