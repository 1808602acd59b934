/* SPDX-License-Identifier: Apache-2.0
 *
 * What running the body of a function of the database does.
 */
#ifndef SP_SQL_PGPROOF_H
#define SP_SQL_PGPROOF_H

#include "sql/facts.h"

/* lang: "sql" or "plpgsql"; body: as in pg_proc.prosrc, or as pg_get_function_sqlbody() gives it. Proven are SQL_READ,
 * SQL_SESSION (notifications, temporary tables) and SQL_WRITE (of a number of rows that the text proves); everything
 * else, and whatever is not understood to the last token, is SQL_OPAQUE. */
enum sql_class pgproof_body(const char *lang, struct span body, const struct sql_context *cx);

#endif
