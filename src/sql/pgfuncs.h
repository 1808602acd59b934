/* SPDX-License-Identifier: Apache-2.0
 *
 * What calling a PostgreSQL function or operator means, by name. A name that is in no list is unknown: opaque.
 * Names say nothing about shadowing (a user's lower(varchar)): the caller with a catalogue checks that.
 */
#ifndef SP_SQL_PGFUNCS_H
#define SP_SQL_PGFUNCS_H

#include "base/span.h"
#include "base/words.h"

struct pgfunc {
	const char *name;
	enum sql_class cls;
	unsigned flags;  /* SQLF_* */
	const char *why; /* "reads files of the database host" */
};

/* Names in lower case as the parser gives them; schema "" when unqualified. NULL: in no list. The dangerous names
 * count in every schema, the harmless ones only in pg_catalog or unqualified (and information_schema._pg_*). */
const struct pgfunc *pgfunc_find(const char *schema, const char *name);
/* Is this an allow-listed built-in that only reads? */
bool pgfunc_is_read(const char *schema, const char *name);
/* A built-in operator ("=", "||", ...); schema "" or "pg_catalog". */
bool pgfunc_is_operator(const char *schema, const char *name);

/* May a call of this built-in give any number of rows? */
bool pgfunc_is_set(const char *name);

/* Called like what an extension brings that only computes: a guess for where no catalogue tells whose it is. */
bool pgfunc_is_extension(const char *name);
bool pgfunc_is_extension_operator(const char *name);

/* Generated, sorted bytewise: tools/gen-pgfuncs.sh. */
extern const char *const pgfuncs_read[];
extern const size_t pgfuncs_read_n;
extern const char *const pgfuncs_operator[];
extern const size_t pgfuncs_operator_n;
extern const char *const pgfuncs_set[];
extern const size_t pgfuncs_set_n;
extern const char *const pgfuncs_ext[], *const pgfuncs_ext_operator[];
extern const size_t pgfuncs_ext_n, pgfuncs_ext_operator_n;

#endif
