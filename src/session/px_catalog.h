/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files that hold the database's catalogue for a session: px_catalog.c (relations and columns),
 * px_catload.c (the queries), px_known.c (what the facts of a statement ask). Not for others: they use px.h.
 */
#ifndef SP_SESSION_PX_CATALOG_H
#define SP_SESSION_PX_CATALOG_H

#include "session/px.h"

#define FIRST_USER_OID 16384u
#define RELS_MAX 20000
#define COLS_MAX 100000
#define CODE_MAX 20000
#define HANGS_MAX 60000

struct px_rel {
	uint32_t oid;
	char kind;      /* pg_class.relkind */
	bool visible;   /* found by its bare name */
	bool temp;      /* of any session's temporary schema */
	bool mine;      /* of this session's */
	bool trusted;   /* the kinds of its columns can be believed */
	bool opaque;    /* a view that runs more than a read */
	bool deep;      /* a view that reads what is sensitive, whatever it shows of it */
	char *schema, *name;
	size_t n_cols, cap;
	struct catalog_col *cols;
	int16_t *attnums;
	char *def;      /* view definition until it is followed */
};

/* Code of this database that a name stands for. */
struct px_code {
	char what;      /* 'f' function, 'o' operator, 'y' type that runs code */
	uint32_t oid;   /* of the function, the operator's function, the type */
	uint32_t rel;   /* of a row type: its relation */
	char *schema, *name;
	char *lang, *ext; /* ext: the extension it belongs to, or "" */
	char volatility, kind; /* pg_proc.provolatile, prokind */
	bool set;
	char *config;   /* its SET clauses, a line each */
	char *types;    /* oids of its arguments and results, blanks between */
	char *body;     /* NULL when it is not known; freed once proven or not */
	bool proven;    /* cls is known; while it is being proven, cls is SQL_OPAQUE */
	enum sql_class cls; /* the most severe that running it does */
};

/* What hangs on a relation besides its rows. */
struct px_hang {
	uint32_t rel;
	char what;      /* 'k' key (columns in name), 't' trigger, 'w' rule, 'x' cascade of deletes, 'u' column tied to others,
			 * 'c' child, 'v' relation behind a view, 'f' function it runs, 'y' type it uses */
	int doing;      /* 't': tgtype; 'w': event; 'f', 'y': 1 writes, 2 reads as well */
	uint32_t ref;   /* function, child, relation, type */
	char *name;
};

/* px_catalog.c */
struct px_rel *px_rel_by_oid(struct pgproxy *x, uint32_t oid);
struct px_rel *px_rel_by_name(struct pgproxy *x, const char *schema, const char *name);
struct px_rel *px_rel_add(struct pgproxy *x, uint32_t oid, struct span schema, struct span name, char kind, bool visible, bool mine);
/* Views: give their columns the kinds that their definitions prove; find those that run more than a read. */
void px_views_follow(struct pgproxy *x);

/* px_known.c */
void px_code_add(struct pgproxy *x, const struct px_code *c);   /* keeps its strings; drops them when there are too many */
void px_hang_add(struct pgproxy *x, const struct px_hang *h);
void px_known_sort(struct pgproxy *x);                           /* all rows are in */
/* Does the database have a function, or an operator made of code in a confined language, of that name? */
bool px_code_named(struct pgproxy *x, const char *name);

#endif
