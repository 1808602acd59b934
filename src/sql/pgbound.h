/* SPDX-License-Identifier: Apache-2.0
 *
 * How many rows of a table a predicate can name.
 */
#ifndef SP_SQL_PGBOUND_H
#define SP_SQL_PGBOUND_H

#include "sql/facts.h"
#include "sql/pgtree.h"

enum pgbound {
	PGBOUND_NONE,    /* no predicate, or none that looks at the table: as many rows as it has */
	PGBOUND_OPEN,    /* any number of rows: to be counted */
	PGBOUND_PROVEN,  /* *rows at most */
};

/* rel: the range variable; where: its predicate or NULL; table: what is known of it, or NULL; cx: for the types of
 * parameters, may be NULL. */
enum pgbound pgbound_of(const struct pgnode *rel, const struct pgnode *where, const struct sql_table *table,
    const struct sql_context *cx, uint32_t *rows);

/* Where nothing is known of keys: is a column that is called like one (id, order_id, uuid) compared as a key would be? */
bool pgbound_called_key(const struct pgnode *rel, const struct pgnode *where);

/* Does the expression name a column of the table in no subquery, or in one by the table's name? */
bool pgbound_looks_at(const struct pgnode *rel, const struct pgnode *expr);

#endif
