/* SPDX-License-Identifier: Apache-2.0
 *
 * Where each result column of a statement comes from, proven from the parse tree and a catalogue that the
 * caller supplies. Three values: a taint (sensitive kind), CLEAN (proven), UNKNOWN. UNKNOWN is the zero value
 * and the default of every switch.
 */
#ifndef SP_SQL_LINEAGE_H
#define SP_SQL_LINEAGE_H

#include "base/err.h"
#include "base/span.h"

enum lineage { LINEAGE_UNKNOWN = 0, LINEAGE_CLEAN, LINEAGE_SENSITIVE };

struct lineage_col {
	enum lineage what;
	int kind;        /* LINEAGE_SENSITIVE: the caller's kind (detect/), of a plain column; else see derived */
	bool derived;    /* an expression over the source rather than the plain column: mask in full */
	char source[96]; /* "customers.email" or the reason of UNKNOWN, for the user's notice */
};

struct lineage_stmt {
	size_t n_cols;   /* 0 with known == false: nothing is known about this statement's columns */
	bool known;
	struct lineage_col *cols;
	/* What the statement puts where no mask waits for it: a column that is not sensitive, a table it creates, a
	 * function that may keep its arguments. CLEAN: nothing but clean values. UNKNOWN when not followed. */
	struct lineage_col written;
	/* ... or what the presence, number, order or groups of its rows tell (not by the condition of a search): masks of
	 * its columns would not hide that. written says what. */
	bool rows;
	/* A condition compares more than whole sensitive values with constants: it finds rows by a part or a range. */
	bool searches;
	/* With known == false: are the columns at least known as head many from the front (cols), others like rest, and
	 * tail many at the end (cols + head)? Then n_cols is head + tail. */
	bool partly;
	size_t head, tail;
	struct lineage_col rest;
};

struct lineage_result {
	size_t n_stmts; /* as many as in the message */
	struct lineage_stmt *stmts;
	void *mem;
};

struct catalog_col {
	const char *name;
	int kind; /* 0 = not sensitive, else the caller's kind */
	bool derived; /* sensitive, but an expression of a view rather than the whole value */
};

struct catalog_rel {
	bool trusted; /* columns can be believed (base table, partition, matview of nothing sensitive, catalogue view);
	               * false: every column is UNKNOWN (a view that was not followed) */
	size_t n_cols;
	const struct catalog_col *cols;
	const char *schema; /* where it lies; NULL: not known */
};

/* Find a relation as the server's search path would. schema may be NULL. Returns true and fills *out (borrowed
 * until the call returns to the server's next message), or false: then its columns are UNKNOWN. */
struct catalog {
	void *ctx;
	bool (*relation)(void *ctx, const char *schema, const char *name, struct catalog_rel *out);
	/* May a visible user function be called instead of the built-in of this name (lower case, schema may be NULL)?
	 * Only built-ins that are not shadowed turn CLEAN inputs into a CLEAN output. NULL: the list alone decides. */
	bool (*shadowed)(void *ctx, const char *schema, const char *name);
	/* Not 0: what is known may be of the past, so every column may be sensitive, of this kind. */
	int unsure_kind;
};

/* Never fails: what is not understood is UNKNOWN. */
void pgsql_lineage(struct span sql, const struct catalog *cat, struct lineage_result *out);
void lineage_clear(struct lineage_result *r);

/* The same of a text that is parsed already. LINEAGE_INNER: of DECLARE CURSOR and PREPARE, the columns that FETCH
 * and EXECUTE will give, instead of none. */
#define LINEAGE_INNER 0x1u
struct pgtree;
void pgsql_lineage_tree(const struct pgtree *t, const struct catalog *cat, unsigned flags, struct lineage_result *out);

#endif
