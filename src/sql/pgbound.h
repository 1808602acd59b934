/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the WHERE clause of an UPDATE or DELETE on one table a proven bound?
 */
#ifndef SP_SQL_PGBOUND_H
#define SP_SQL_PGBOUND_H

#include "sql/pgtree.h"

/* stmt: an UpdateStmt or DeleteStmt. true: on every OR arm a column of the target is compared with values that do
 * not come from the table. false: *why says what is missing ("no WHERE clause"). */
bool pgbound_proven(const struct pgnode *stmt, const char **why);

#endif
