/* SPDX-License-Identifier: Apache-2.0
 *
 * libpg_query, and nothing else. JSON and not protobuf: the latter is quadratic in depth and its reader recurses.
 */
#include "sql/pgparse.h"

#include <pg_query.h>
#include <stdlib.h>

#include "base/mem.h"

enum { PARSE_SQL, PARSE_PLPGSQL };

static void take_error(struct pgparse *out, const PgQueryError *e)
{
	if (e == NULL)
		return;
	out->error = e->message;
	out->where = e->cursorpos;
}

void pgparse_sql(const char *text, struct pgparse *out)
{
	PgQueryParseResult *r = xcalloc(1, sizeof(*r));

	*r = pg_query_parse(text);
	*out = (struct pgparse){.json = r->parse_tree, .result = r, .kind = PARSE_SQL};
	take_error(out, r->error);
}

void pgparse_plpgsql(const char *text, struct pgparse *out)
{
	PgQueryPlpgsqlParseResult *r = xcalloc(1, sizeof(*r));

	*r = pg_query_parse_plpgsql(text);
	*out = (struct pgparse){.json = r->plpgsql_funcs, .result = r, .kind = PARSE_PLPGSQL};
	take_error(out, r->error);
}

void pgparse_free(struct pgparse *p)
{
	if (p->result == NULL)
		return;
	if (p->kind == PARSE_SQL)
		pg_query_free_parse_result(*(PgQueryParseResult *)p->result);
	else
		pg_query_free_plpgsql_parse_result(*(PgQueryPlpgsqlParseResult *)p->result);
	free(p->result);
	*p = (struct pgparse){0};
}
