/* SPDX-License-Identifier: Apache-2.0
 *
 * What changing a PostgreSQL setting means, by its name and, where it matters, the value.
 */
#ifndef SP_SQL_PGSETTINGS_H
#define SP_SQL_PGSETTINGS_H

#include "base/span.h"
#include "base/words.h"

struct pgsetting {
	enum sql_class cls;
	unsigned flags;  /* SQLF_* */
	const char *why; /* "turns off what the server logs"; "" for a harmless setting */
	bool pinned;     /* the gateway keeps it at the only values that are harmless */
};

enum pgsetting_how {
	PGSET_VALUE,  /* SET, SET LOCAL, set_config() */
	PGSET_START,  /* the same before the session begins: start-up parameter, options */
	PGSET_RESET,  /* RESET x, SET x TO DEFAULT: back to what the session started with */
	PGSET_STORED, /* ALTER SYSTEM, ALTER DATABASE, ALTER ROLE ... SET: for later sessions, not behind our pins */
};

/* value: the new value as text, several joined by commas; NULL when it is not a constant. */
void pgsetting_judge(const char *name, const char *value, enum pgsetting_how how, struct pgsetting *out);

#endif
