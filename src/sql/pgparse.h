/* SPDX-License-Identifier: Apache-2.0
 *
 * The doorway to libpg_query: a text in, its JSON parse tree out.
 */
#ifndef SP_SQL_PGPARSE_H
#define SP_SQL_PGPARSE_H

#include "base/err.h"

/* What the parser made of a text; free with pgparse_free(). error is NULL when json is valid. */
struct pgparse {
	char *json;
	char *error;  /* the parser's message */
	int where;    /* 1-based character of the error, 0 unknown */
	void *result; /* private */
};

/* text is NUL-terminated, bounded and measured by the caller: the parser recurses. */
void pgparse_sql(const char *text, struct pgparse *out);
void pgparse_free(struct pgparse *p);

#endif
