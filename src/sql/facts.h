/* SPDX-License-Identifier: Apache-2.0
 *
 * What a message of SQL does, free of any dialect: statements with their class, relations read and written,
 * functions called, flags. No verdicts here (policy/verdict.h) and no I/O.
 */
#ifndef SP_SQL_FACTS_H
#define SP_SQL_FACTS_H

#include "base/err.h"
#include "base/span.h"
#include "base/words.h"

/* What the relay needs to know about a statement besides its class. */
#define SQLF_WRITES 0x0001u   /* changes data, schema or server state: fdatasync before forwarding */
#define SQLF_CATALOG 0x0002u  /* may change what a name means: DDL, SET search_path, DISCARD, temp tables, unknown */
#define SQLF_TX_BEGIN 0x0004u
#define SQLF_TX_END 0x0008u   /* COMMIT, ROLLBACK, ABORT, END, PREPARE TRANSACTION */
#define SQLF_ROLLBACK 0x0010u /* ROLLBACK / ABORT / ROLLBACK TO: harmless in a failed transaction */
#define SQLF_COPY_IN 0x0020u
#define SQLF_COPY_OUT 0x0040u
#define SQLF_UTILITY 0x0080u  /* not SELECT/INSERT/UPDATE/DELETE/MERGE/VALUES */
#define SQLF_DISCARD 0x0100u  /* DISCARD/DEALLOCATE ALL: prepared statements are gone */
#define SQLF_SESSION_SET 0x0200u /* SET / RESET / set_config of an allowed setting */
#define SQLF_LOCKS 0x0400u    /* takes row or table locks beyond a plain read */
#define SQLF_NOTIFY 0x0800u   /* LISTEN/NOTIFY/UNLISTEN */
#define SQLF_BY_NAME 0x1000u  /* EXECUTE of a prepared name, anywhere inside: what it does may change, never cache */

struct sql_stmt {
	enum sql_class cls; /* the strictest of: */
	uint32_t classes;   /* every class seen inside, 1u << class each (a policy may loosen one of them); 0: cls only */
	unsigned flags;     /* SQLF_* */
	char reason[128];   /* why this class: "DELETE without a proven bound" */
	char tag[32];       /* "SELECT", "DELETE", "DROP TABLE": what a person would call it */
	char name[64];      /* name of a PREPARE/EXECUTE/DEALLOCATE/DECLARE/FETCH/CLOSE object, or "" */
	uint32_t off, len;  /* bytes of the statement in the text */
};

struct sql_rel {
	const char *schema; /* NULL when unqualified */
	const char *name;
	bool written;
};

struct sql_facts {
	enum sql_class cls;  /* the strictest of all statements and function calls; SQL_READ for empty text */
	unsigned flags;      /* OR of all statements */
	char reason[160];    /* of the strictest statement; for SQL_UNPARSABLE what the parser said */
	size_t n_stmts;
	struct sql_stmt *stmts;
	size_t n_rels;       /* relations by name, CTE names left out, no duplicates */
	struct sql_rel *rels;
	size_t n_funcs;      /* functions called, lower case, schema-qualified when written so, no duplicates; also names
			      * behind a dot (o.total): without such a column the server calls a function; operators; types
			      * as "::name", always bare: a cast or a CHECK may call one */
	const char **funcs;
	void *mem;           /* private: owns everything above */
};

/* Dialect-free settings that change what text means; zero = our pinned session (UTF8, scs on). */
struct sql_context {
	bool scs_off;             /* standard_conforming_strings = off: refused when the text's tokens would differ */
	const char *client_encoding; /* NULL or "UTF8" = fine; anything multibyte-unsafe gives SQL_UNPARSABLE */
	bool dump_client;            /* the client is pg_dump: its own `SET row_security = off` is harmless then */
	/* What EXECUTE of a name prepared by an earlier message does (PREPARE has its statement's class): false when
	 * the name is unknown, which is opaque. NULL: nothing is known. Arguments are judged by themselves. */
	bool (*prepared)(void *ctx, const char *name, enum sql_class *cls, uint32_t *classes);
	void *ctx;
};

/* Caps on what is looked at; over a cap is SQL_UNPARSABLE with a reason. */
#define SQL_MAX_TEXT (1024 * 1024)
#define SQL_MAX_TOKENS 200000
#define SQL_MAX_CHAIN 3000 /* nesting depth or operator chain */

/* Facts of a PostgreSQL message. Never fails: whatever is not understood is SQL_UNPARSABLE. Text must be what
 * would be sent (any NUL or invalid UTF-8 is SQL_UNPARSABLE). Call sql_facts_clear() afterwards. */
void pgsql_facts(struct span sql, const struct sql_context *cx, struct sql_facts *out);
void sql_facts_clear(struct sql_facts *f);

#endif
