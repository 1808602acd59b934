/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a server's error or notice somebody with masks may read. A text passes by where it comes from: from the
 * server's own code, at a time when it had seen nothing but the user's words, or in a form that is known and whose
 * places hold words of the statement or names of the catalogue. Everything else is told by its SQLSTATE alone.
 */
#ifndef SP_SQL_PGERRORS_H
#define SP_SQL_PGERRORS_H

#include "base/buf.h"
#include "wire/pg.h"

enum pgerror_when {
	PGERR_EITHER = 0, /* not known */
	PGERR_BEFORE,     /* no row has been looked at: parsing, analysis, planning */
	PGERR_RUNNING,
};

struct pgerror_scene {
	struct span sql;  /* the statement that it may be about, as the user sent it; empty when there is none */
	enum pgerror_when when;
	bool clear;       /* nothing that the statement reaches is sensitive */
	bool code;        /* it runs, or may run, code of the database: even planning may */
	bool copy_in;     /* the rows are the client's own: COPY FROM STDIN */
	void *ctx;
	bool (*named)(void *ctx, struct span name); /* a relation, column or schema that the session knows? */
};

/* Append the fields of an ErrorResponse or NoticeResponse with the NUL that ends them. A malformed body gives a
 * well-formed one without a text of the server. */
void pgerror_scrub(const struct pgerror_scene *s, struct span body, struct buf *out);

/* ---- pgerrors_known.c: what PostgreSQL 15 says ---- */

/* Places in a form: %n %t %c %d %s is the field of that letter, %w a word of the statement or a name of the catalogue,
 * %K key words in capitals, %i digits. %% does not occur. */
struct pgerror_form {
	const char *routine; /* the only function of the server that may say it; NULL: any, there is no place for a value */
	const char *message;
};

extern const struct pgerror_form pgerror_forms[];
extern const size_t pgerror_n_forms;
bool pgerror_hint_known(struct span hint);
bool pgerror_file_parses(struct span file);  /* source files whose texts hold words of the statement and of the catalogue */
bool pgerror_line_harmless(struct span line); /* a line of CONTEXT that no function wrote */
const char *pgerror_canned(struct span sqlstate);

#endif
