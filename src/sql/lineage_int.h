/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the lineage modules: values of the lattice, columns, relations and scopes, all in one
 * arena that dies with the message. Failure (memory, steps, depth) is sticky in struct lin and
 * makes every answer unknown.
 */
#ifndef SP_SQL_LINEAGE_INT_H
#define SP_SQL_LINEAGE_INT_H

#include "sql/arena.h"
#include "sql/lineage.h"
#include "sql/pgtree.h"

#define LIN_DEPTH_MAX 600    /* nested expressions and queries; deeper is unknown */
#define LIN_STEPS_MAX 400000 /* nodes looked at per message */
#define LIN_COLS_MAX  1664   /* the server's own limit on a target list */
#define LIN_ARENA_MAX (24u << 20)

/* Where a value comes from. */
struct lval {
	enum lineage what;
	bool derived;
	int kind;
	const char *rel, *col; /* source of a sensitive one; col may be NULL */
	const char *why;       /* reason of UNKNOWN; static */
};

struct lcol {
	const char *name; /* NULL: it has one, but not known here */
	bool made;        /* of VALUES or a function: its values exist only in this statement */
	bool mixed;       /* clear columns of the row went into it, too: it tells which row has the sensitive value */
	bool piece;       /* a subquery made it from something sensitive: to find a row by it tells the piece */
	struct lval v;
};

/* Columns of a relation or query in their order. open: there are others, at places not known, all
 * like rest; then c holds only exceptions by name. */
struct lcols {
	bool open;
	size_t n;
	struct lcol **c;
	struct lval rest;
};

/* Something in FROM that a qualified name can mean. */
struct lrel {
	const char *alias;          /* or the relation's own name */
	const char *schema, *table; /* when it may also be called schema.table; else NULL */
	struct lcols cols;
	struct lrel *next;
};

enum lcte_state { CTE_NEW = 0, CTE_BUSY, CTE_BOUND, CTE_DONE };

struct lscope;

struct lcte {
	const char *name;
	const struct pgnode *node; /* CommonTableExpr */
	enum lcte_state state;
	bool recursive, used_while_busy;
	struct lcols cols;
	struct lscope *outer; /* of the query that has the WITH */
	struct lcte *env;     /* what its query can see */
	struct lcte *next;    /* the WITH names around */
};

/* One query level. */
struct lscope {
	struct lscope *outer;
	struct lrel *rels;
	size_t n_items, cap;
	struct lcols *items; /* FROM items in order: what * and bare names see */
	struct lcte *ctes;
	const struct pgnode *windows; /* WINDOW clause */
};

struct lin {
	struct arena mem;
	const struct catalog *cat;
	unsigned steps, depth;
	bool failed;
	struct lval written; /* what goes where no mask waits for it */
};

/* ---- lineage_val.c ---- */
extern const struct lval lval_clean;
struct lval lval_unknown(const char *why);
/* Of two sources, as an expression sees them; and of two that stand in the same column of a result.
 */
struct lval lval_mix(struct lval a, struct lval b);
struct lval lval_derive(struct lval v);
bool lval_same(struct lval a, struct lval b);
void *lin_alloc(struct lin *l, size_t n);
/* False: stop, the answer is unknown. Pair with lin_leave() when true. */
bool lin_enter(struct lin *l);
void lin_leave(struct lin *l);

struct lcols lcols_open(struct lval rest);
struct lcols lcols_copy(struct lin *l, const struct lcols *from);
/* Append; becomes open when there are too many. */
void lcols_add(struct lin *l, struct lcols *cols, const char *name, struct lval v, bool made);
void lcols_link(struct lin *l, struct lcols *cols, struct lcol *c);
void lcols_mixed(struct lcols *cols, bool mixed); /* of the last one */
/* All columns in one: a whole row. */
struct lval lcols_whole(const struct lcols *cols);
/* Positionwise union of the arms of a set operation. */
struct lcols lcols_union(struct lin *l, const struct lcols *a, const struct lcols *b);
/* Column aliases: new names for the first ones. */
void lcols_rename(struct lin *l, struct lcols *cols, const struct pgnode *names);

struct lrel *lscope_add_rel(
    struct lin *l, struct lscope *s, const char *alias, const struct lcols *cols);
void lscope_add_item(struct lin *l, struct lscope *s, const struct lcols *cols);

/* ---- lineage_name.c ---- */
struct lval lin_column_ref(struct lin *l, struct lscope *s, const struct pgnode *ref);
/* The column itself when the reference is one plain column of a known relation, else NULL. */
struct lcol *lin_column_of(struct lin *l, struct lscope *s, const struct pgnode *ref);
/* The relation that a bare name of one field means as a whole row, else NULL. */
struct lrel *lin_row_of(struct lin *l, struct lscope *s, const struct pgnode *ref);
struct lrel *lin_rel_of(struct lscope *s, const char *schema, const char *name);
/* The name that the server gives an output column; NULL when not known for sure. */
const char *lin_output_name(const struct pgnode *res_target);

/* ---- lineage_expr.c ---- */
struct lval lin_expr(struct lin *l, struct lscope *s, const struct pgnode *n);
/* Each item of a list. */
struct lval lin_exprs(struct lin *l, struct lscope *s, const struct pgnode *list);
/* Is it a built-in that makes its result from its arguments alone and is not shadowed? */
bool lin_func_pure(struct lin *l, const char *schema, const char *name);
void lin_func_name(const struct pgnode *call, const char **schema, const char **name);

/* ---- lineage_from.c ---- */
void lin_from_item(struct lin *l, struct lscope *s, const struct pgnode *n);
struct lcols lin_table(struct lin *l, struct lscope *s, const struct pgnode *range_var);
/* Let equality carry sensitivity to the other side: ON, WHERE. */
void lin_quals(struct lin *l, struct lscope *s, const struct pgnode *quals);
/* Every column that the expression names is as sensitive as v; true when one changed. */
bool lin_taint_columns(struct lin *l, struct lscope *s, const struct pgnode *e, struct lval v);
/* Rows are chosen by this expression: columns that mix sensitive with clear ones tell which. */
void lin_note_choice(struct lin *l, struct lscope *s, const struct pgnode *e);

/* ---- lineage_query.c ---- */
struct lcols lin_query(
    struct lin *l, const struct pgnode *stmt, struct lscope *outer, struct lcte *ctes);
struct lcols lin_targets(struct lin *l, struct lscope *s, const struct pgnode *list);
struct lcols lin_cte_columns(struct lin *l, struct lcte *c);

struct lcte *lin_with(
    struct lin *l, struct lscope *outer, struct lcte *env, const struct pgnode *with);

/* ---- lineage_write.c ---- */
struct lcols lin_write(
    struct lin *l, const struct pgnode *stmt, struct lscope *outer, struct lcte *ctes);
void lin_note_write(struct lin *l, struct lval v);

/* ---- lineage_known.c ---- */
/* A relation of the server's own catalogue, by a name that can mean nothing else to us. */
bool lin_is_system_relation(const char *schema, const char *name);
/* Raise the columns of a catalogue relation that hold values of tables, statements of others or
 * secrets. */
void lin_system_columns(struct lin *l, const char *schema, const char *name, struct lcols *cols);
/* Built-ins that read something else than their arguments. */
bool lin_func_reads_state(const char *name);
/* Built-ins whose arguments come out elsewhere: in a lock's number, the next random(), a count of rows, the time. */
bool lin_func_tells(const char *name);
/* Built-ins whose later arguments are a size. */
bool lin_func_sizes(const char *name);
bool lin_setting_plain(const char *name);
/* Column names of a built-in function in FROM, space-separated; "=" is one column named like the
 * alias; NULL when not known. */
const char *lin_func_columns(const char *name);

#endif
