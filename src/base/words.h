/* SPDX-License-Identifier: Apache-2.0
 *
 * The words that every floor shares: statement classes, verdicts, hold and mask modes, and their names in
 * configuration, recordings and messages. Only enumerations and their names; meaning lives in sql/ and policy/.
 */
#ifndef SP_BASE_WORDS_H
#define SP_BASE_WORDS_H

#include "base/err.h"

/* SQL_UNPARSABLE is the zero value: facts nobody filled are refused. */
enum sql_class {
	SQL_UNPARSABLE = 0, /* parse error, unsafe encoding, over a cap */
	SQL_READ,           /* level 0 */
	SQL_SESSION,        /* level 0: BEGIN, COMMIT, listed SETs, temporary tables, share locks */
	SQL_WRITE,          /* level 1: INSERT VALUES, UPDATE/DELETE of rows that a unique key or a predicate names */
	SQL_BULK,           /* level 2 */
	SQL_OPAQUE,         /* level 2 */
	SQL_SCHEMA,         /* level 3 */
	SQL_DESTRUCTIVE,    /* level 3 */
	SQL_CONTROL,        /* level 3: session-control */
	SQL_PRIVILEGE,      /* level 4 */
	SQL_AUDIT,          /* level 4: audit-disable */
	SQL_ESCAPE,         /* level 5 */
	SQL_CLASS_N
};

/* "unparsable" "read" "session-local" "write" "bulk" "opaque" "schema" "destructive" "session-control" "privilege"
 * "audit-disable" "escape" */
const char *sql_class_name(enum sql_class c);
int sql_class_level(enum sql_class c); /* 0..5; SQL_UNPARSABLE is 6 */
int sql_class_parse(const char *s, enum sql_class *out) MUST_CHECK; /* 0 or E_UNKNOWN */

/* A verdict nobody filled is DENY. */
/* From strict to mild. VERDICT_MEASURE: runs, counted, and is undone and held beyond a limit; no configuration gives it,
 * only facts that leave the number of rows open do. */
enum verdict { VERDICT_DENY = 0, VERDICT_HOLD, VERDICT_MEASURE, VERDICT_WARN, VERDICT_ALLOW };
const char *verdict_name(enum verdict v);
int verdict_parse(const char *s, enum verdict *out) MUST_CHECK;

/* auto: wait for psql and the console, reject with an id elsewhere. */
enum hold_mode { HOLD_AUTO = 0, HOLD_WAIT, HOLD_REJECT };
const char *hold_mode_name(enum hold_mode m);
int hold_mode_parse(const char *s, enum hold_mode *out) MUST_CHECK;

enum mask_mode { MASK_FULL = 0, MASK_PARTIAL = 1, MASK_NONE = 2 };
const char *mask_mode_name(enum mask_mode m);
int mask_mode_parse(const char *s, enum mask_mode *out) MUST_CHECK;

/* What stands behind an identity: a human being, a machine, or a machine that acts for a human being. */
enum ident_kind { KIND_PERSON = 0, KIND_SERVICE, KIND_AGENT };
const char *ident_kind_name(enum ident_kind k);
int ident_kind_parse(const char *s, enum ident_kind *out) MUST_CHECK;

#endif
