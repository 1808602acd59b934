/* SPDX-License-Identifier: Apache-2.0
 *
 * libpg_query, and nothing else. JSON and not protobuf: the latter is quadratic in depth and its
 * reader recurses.
 */
#include "sql/pgparse.h"

#include <pg_query.h>
#include <stdlib.h>

#include "base/mem.h"

void pgparse_sql(const char *text, struct pgparse *out)
{
	PgQueryParseResult *r = xcalloc(1, sizeof(*r));

	*r = pg_query_parse(text);
	*out = (struct pgparse){.json = r->parse_tree, .result = r};
	if (r->error != NULL) {
		out->error = r->error->message;
		out->where = r->error->cursorpos;
	}
}

void pgparse_free(struct pgparse *p)
{
	if (p->result == NULL)
		return;
	pg_query_free_parse_result(*(PgQueryParseResult *)p->result);
	free(p->result);
	*p = (struct pgparse){0};
}
