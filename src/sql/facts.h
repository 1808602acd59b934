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
#define SQLF_MEASURE 0x2000u  /* class write only within a limit of rows: its command tag counts every row it changes or
			       * locks, and a rollback to a savepoint undoes all it does; beyond the limit it is bulk */
#define SQLF_SAVEPOINT 0x8000u /* SAVEPOINT, RELEASE, ROLLBACK TO */
#define SQLF_CARRIED 0x4000u  /* measured, and foreign keys carry it on: the rows of all tables count, not only its tag's */

struct sql_stmt {
	enum sql_class cls; /* the strictest of: */
	uint32_t classes;   /* every class seen inside, 1u << class each (a policy may loosen one of them); 0: cls only */
	unsigned flags;     /* SQLF_* */
	char reason[128];   /* why this class: "DELETE without a proven bound" */
	char tag[32];       /* "SELECT", "DELETE", "DROP TABLE": what a person would call it */
	/* Existing rows that it changes at most, as the text proves; 0: none, or nothing proven. */
	uint32_t rows;       /* counted by its command tag */
	uint32_t inner_rows; /* of statements inside it, which the tag does not count */
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
	size_t n_execs;      /* names of prepared statements that it executes, wherever the EXECUTE stands, no duplicates */
	const char **execs;
	void *mem;           /* private: owns everything above */
};

/* ---- what the database is known to hold ---- */

/* Columns that together name one row at most: a unique index in force, without predicate and expressions, whose
 * equality is that of the operator = on its columns. */
struct sql_key {
	size_t n;
	const char *const *cols;
};

/* Kinds of writes. */
#define SQL_ON_INSERT 0x01u
#define SQL_ON_UPDATE 0x02u
#define SQL_ON_DELETE 0x04u
#define SQL_ON_READ 0x08u

/* A relation that a name means now. */
struct sql_table {
	bool temp;           /* an ordinary table of this session's temporary schema; nothing hangs on it and it hangs on nothing */
	bool children;       /* further tables inherit from it: its keys do not hold for their rows */
	unsigned code;       /* SQL_ON_*: this runs what is not proven harmless, or leaves the database ... */
	const char *code_why; /* ... for instance "trigger audit of orders runs code that is not proven to be harmless" */
	unsigned cascade;    /* SQL_ON_*: this also changes any number of rows elsewhere ... */
	const char *cascade_why;
	size_t n_tied;       /* columns whose changes are carried into other tables */
	const char *const *tied;
	size_t n_keys;
	const struct sql_key *keys;
};

enum sql_code_kind { SQL_CODE_FUNCTION, SQL_CODE_OPERATOR, SQL_CODE_TYPE };
/* What the database's own functions, operators or types of a name run: the strictest of all that have it. */
enum sql_code {
	SQL_CODE_NONE,   /* there are none: a built-in, if anything */
	SQL_CODE_READS,  /* proven to read only, one value each */
	SQL_CODE_SET,    /* the same, and some give any number of rows */
	SQL_CODE_OPAQUE, /* not proven */
};

/* Answers from the catalogue. Names as the parser gives them; schema NULL: found by the search path. */
struct sql_known {
	void *ctx;
	bool complete; /* as of now, and what is not found is not there */
	bool stale;    /* what names mean may have changed since: nothing that it says of tables counts */
	bool own_equal; /* the database has an operator = made of code: a bare = proves nothing, however harmless the code is */
	/* The caller counts the rows of every table that a statement changes, not only those of its command tag: what
	 * foreign keys carry on can be measured. */
	bool counts_all;
	/* false: no such relation is known. What it points to is good until the next question. */
	bool (*table)(void *ctx, const char *schema, const char *name, struct sql_table *out);
	enum sql_code (*code)(void *ctx, enum sql_code_kind kind, const char *schema, const char *name);
};

/* What executing a prepared name means: fields as in struct sql_stmt. */
struct sql_prepared {
	enum sql_class cls;
	uint32_t classes;
	unsigned flags; /* SQLF_MEASURE and SQLF_CARRIED count */
	uint32_t rows, inner_rows;
};

/* Dialect-free settings that change what text means; zero = our pinned session (UTF8, scs on). */
struct sql_context {
	bool scs_off;             /* standard_conforming_strings = off: refused when the text's tokens would differ */
	const char *client_encoding; /* NULL or "UTF8" = fine; anything multibyte-unsafe gives SQL_UNPARSABLE */
	bool dump_client;            /* the client is pg_dump: its own `SET row_security = off` is harmless then */
	/* What EXECUTE of a name prepared by an earlier message does (PREPARE has its statement's class): false when
	 * the name is unknown, which is opaque. NULL: nothing is known. Arguments are judged by themselves. */
	bool (*prepared)(void *ctx, const char *name, struct sql_prepared *out);
	void *ctx;
	/* NULL: nothing is known of the database. Then no key is proven, temporary is a name only, and functions that are
	 * not built in are opaque. */
	const struct sql_known *known;
	/* Types of the parameters as the client declared them, 0 = left to the server; fewer than there are parameters is
	 * fine. param_runs: what is said of a type among them that runs code of this database, or NULL. */
	const uint32_t *param_types;
	size_t n_param_types;
	const char *param_runs;
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
