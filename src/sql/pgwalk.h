/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared inside the PostgreSQL analysis: the state of a walk over one message, and how its parts report. Not for
 * other directories: they use sql/facts.h.
 */
#ifndef SP_SQL_PGWALK_H
#define SP_SQL_PGWALK_H

#include "sql/arena.h"
#include "sql/facts.h"
#include "sql/pgtree.h"

/* A set of names in order of arrival, found by hash. */
struct nameset_item {
	struct nameset_item *next, *chain;
	const char *schema; /* NULL: unqualified */
	const char *name;
	bool written;
};

struct nameset {
	size_t n;
	struct nameset_item *first, **tail;
	struct nameset_item **slot; /* hash table, NULL while small */
	size_t slots;
};

/* A name prepared in this message, and what executing it means. */
struct prepared {
	struct prepared *next;
	const char *name;
	struct sql_prepared what;
};

struct pgwalk {
	struct arena *mem;
	const struct sql_context *cx;
	struct nameset rels, funcs, execs;
	struct prepared *prepared;
	size_t n_prepared;
	/* The statement at hand. */
	struct sql_stmt *stmt;
	const struct pgnode *root; /* its node: only this one gives tag, name and flags */
	bool with;    /* the text has CTEs: a name may not be a relation */
	bool planned; /* EXPLAIN without ANALYZE: planned, not executed */
	bool later;   /* a function's body: runs some other time, only what nobody may do counts */
	bool fills;   /* makes rows of whatever type an argument has */
	bool lasting; /* calls something that a rollback does not undo and that a limit of rows keeps small */
	bool renamed; /* an earlier statement of the message may have changed what names mean */
	int bodies;   /* bodies inside bodies */
	bool failed;  /* out of memory: the message is refused */
};

#define PGWALK_MAX_BODIES 4

/* The statement is at least of this class; the strictest reason stays. raise: for what statements do, which EXPLAIN
 * does not; raise_call: for functions and operators, which planning may already run. */
void pgwalk_raise(struct pgwalk *w, enum sql_class cls, const char *fmt, ...) SP_PRINTF(3, 4);
void pgwalk_raise_call(struct pgwalk *w, enum sql_class cls, const char *fmt, ...) SP_PRINTF(3, 4);
/* Only when n is the statement itself. */
void pgwalk_flag(struct pgwalk *w, const struct pgnode *n, unsigned flags);
void pgwalk_tag(struct pgwalk *w, const struct pgnode *n, const char *fmt, ...) SP_PRINTF(3, 4);
void pgwalk_name(struct pgwalk *w, const struct pgnode *n, const char *name);
/* A name fit for a sentence: control and invisible characters escaped. In the arena, never NULL. */
const char *pgwalk_shown(struct pgwalk *w, const char *name);
/* Record a relation or function; schema "" or NULL is unqualified. */
void pgwalk_rel(struct pgwalk *w, const char *schema, const char *name, bool written);
/* Record a name that the server looks up among functions (operators, types), and raise when the database's own of that
 * name are not proven. The answer tells what they are. */
enum sql_code pgwalk_func(struct pgwalk *w, enum sql_code_kind kind, const char *schema, const char *name);
void pgwalk_exec(struct pgwalk *w, const char *name);

/* Everything below n (and n itself). */
void pgwalk_tree(struct pgwalk *w, const struct pgnode *n);

/* What a node does by itself. Returns true when its children were dealt with. Looked up by kind. */
typedef bool pgwalk_fn(struct pgwalk *w, const struct pgnode *n);
struct pgkind {
	const char *kind;
	enum sql_class cls; /* a plain statement's class; SQL_UNPARSABLE when fn alone decides */
	unsigned flags;
	const char *tag; /* NULL for nodes that are no statements */
	const char *why;
	pgwalk_fn *fn; /* may be NULL */
};
/* NULL: no statement we know and nothing to do. */
const struct pgkind *pgkind_find(const char *kind);

/* pgrows.c: statements that change or lock rows. */
pgwalk_fn pgrows_insert, pgrows_update, pgrows_delete, pgrows_copy, pgrows_lock;
/* n may change any number of rows: measured when its tag counts them, else bulk. Or at most these numbers, the second
 * by statements inside it. */
void pgrows_open(struct pgwalk *w, const struct pgnode *n, const char *why);
void pgrows_proven(struct pgwalk *w, const struct pgnode *n, uint32_t rows, uint32_t inner_rows);
/* Does a call at n run once per row of something, not once per given row? */
bool pgrows_repeats(struct pgwalk *w, const struct pgnode *n);
/* What the catalogue knows of the relation; false: nothing. */
bool pgrows_known(const struct pgwalk *w, const struct pgnode *rel, struct sql_table *out);
/* Is the relation known to be a table of this session only? */
bool pgrows_is_temp(const struct pgwalk *w, const struct pgnode *rel);
/* pgstmt.c: statements that only sessions know. */
pgwalk_fn pgstmt_explain, pgstmt_prepare,
	pgstmt_execute, pgstmt_declare, pgstmt_fetch, pgstmt_close, pgstmt_deallocate, pgstmt_transaction, pgstmt_set,
	pgstmt_discard, pgstmt_lock, pgstmt_notify, pgstmt_vacuum;
/* pgddl.c: statements about objects. */
pgwalk_fn pgddl_into, pgddl_create, pgddl_view, pgddl_sequence, pgddl_index, pgddl_table_as, pgddl_alter_table,
	pgddl_drop, pgddl_truncate, pgddl_rename, pgddl_function, pgddl_alter_function, pgddl_do, pgddl_extension,
	pgddl_alter_extension, pgddl_system, pgddl_database, pgddl_role_set, pgddl_event_trigger, pgddl_define;
/* pgexpr.c: nodes inside statements. */
pgwalk_fn pgexpr_call, pgexpr_equal, pgexpr_type, pgexpr_operator, pgexpr_relation, pgexpr_sort, pgexpr_sublink, pgexpr_sample,
	pgexpr_column, pgexpr_indirection;

/* SET and set_config(): value NULL is not a constant. */
void pgexpr_setting(struct pgwalk *w, const char *name, const char *value, int how);
/* The arguments of SET as one text in the arena, commas between; NULL when one is no constant. */
const char *pgexpr_setting_value(struct pgwalk *w, const struct pgnode *args);

/* Named pg_temp.x. */
bool pgwalk_is_temp(const struct pgnode *rangevar);
/* What is known of the database, NULL: nothing, or nothing any more at this place of the message. */
const struct sql_known *pgwalk_known(const struct pgwalk *w);
/* Is there no catalogue at all (policy explain)? Then a name is all there is; the session itself always has one. */
bool pgwalk_guesses(const struct pgwalk *w);
/* What the database's own functions (operators, types) of that name run. */
enum sql_code pgwalk_code(const struct pgwalk *w, enum sql_code_kind kind, const char *schema, const char *name);
bool pgwalk_is_catalog(const char *schema, const char *name);

/* pgbody.c: PL/pgSQL and SQL bodies. now: they run with this statement (DO), else later (CREATE FUNCTION): then only
 * what nobody may do counts. */
void pgbody_scan(struct pgwalk *w, const char *body, bool now);

#endif
