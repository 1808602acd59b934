/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the lineage modules: values of the lattice, columns, relations and scopes, all in one
 * arena that dies with the message. Failure (memory, steps, depth) is sticky in struct lin and
 * makes every answer unknown.
 *
 * Two things are followed. A column's value: where it comes from (struct lval). And a level's rows: whether their
 * presence, number, order or grouping tells a sensitive value in another way than the documented one (lscope.told);
 * then every column of that level tells it, and so do the rows of the level around. Documented is that one
 * condition of WHERE, HAVING or ON compares sensitive columns with constants: one bit for each row.
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

/* Which row a value was made of. */
#define LIN_SRC_NONE 0u         /* of no column: a constant of the statement */
#define LIN_SRC_MANY UINT32_MAX /* of several rows, or of something that is no row of a table */

/* Where a value comes from. */
struct lval {
	enum lineage what;
	bool derived;
	bool lost;       /* UNKNOWN since it was not understood (not since it lies behind something that is not followed) */
	bool clear;      /* columns went into it that are not sensitive: they say which row, or what to compare with */
	bool whole;      /* the whole value of one column of a table, but for its case */
	bool fresh;      /* volatile: another value for each row */
	bool many_picks; /* more than one pick went into it */
	int kind;
	uint32_t src;    /* LIN_SRC_*, or the number of the relation whose row all its columns are of */
	const char *rel, *col; /* source of a sensitive one; col may be NULL */
	const char *why;       /* reason of UNKNOWN; static */
	const struct lval *pick; /* a subquery found its rows by this in the documented way, or NULL */
};

struct lcol {
	const char *name; /* NULL: it has one, but not known here */
	struct lval v;
};

/* Columns of a relation or query in their order. open: there are others, at places not known, all
 * like rest; then c holds only exceptions by name. Of a select list the first `head` of these stand in front of the
 * unknown ones and the others behind them. */
struct lcols {
	bool open;
	bool placed; /* open, and head says where */
	size_t n, head;
	struct lcol **c;
	struct lval rest;
	const struct lval *told;  /* what its rows tell, or NULL */
	const struct lval *picked; /* its rows were found by this in the documented way, or NULL */
};

/* Something in FROM that a qualified name can mean. */
struct lrel {
	const char *alias;          /* or the relation's own name */
	const char *schema, *table; /* when it may also be called schema.table; else NULL */
	bool schema_unknown;        /* table is set, but not the schema that it lies in */
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
	unsigned level;         /* 1 for the statement */
	struct lrel *rels;
	const struct lrel *rels_end; /* names from here on are not seen (inside ON) */
	size_t n_items, cap, first;  /* first: items before are not seen (inside ON) */
	struct lcols *items;    /* FROM items in order: what * and bare names see */
	struct lcte *ctes;
	const struct pgnode *windows; /* WINDOW clause */
	const struct lval *told, *picked; /* as in struct lcols */
};

struct lin {
	struct arena mem;
	const struct catalog *cat;
	unsigned steps, depth;
	uint32_t n_src;
	bool failed;
	bool touched;        /* a relation with sensitive or unknown columns was looked at */
	bool seen_sensitive; /* a sensitive column was used */
	unsigned lowest;     /* the outermost level in which a name was found */
	unsigned effects;    /* calls so far that somebody else can see */
	unsigned n_ranges, n_equals; /* conditions on sensitive values so far, in what is one query */
	const struct lval *range_by, *equal_by;
	struct lval written; /* what goes where no mask waits for it */
	bool searches;       /* some condition was a range */
	bool rows;           /* ... as the number, order or presence of rows of the result */
};

/* ---- lineage_val.c ---- */
extern const struct lval lval_clean;
struct lval lval_unknown(const char *why);
struct lval lval_lost(const char *why); /* not understood: what depends on it may tell anything */
/* A clean value of which nothing is known but that it differs from row to row. */
struct lval lval_vary(void);
/* Of two sources, as an expression sees them. */
struct lval lval_mix(struct lval a, struct lval b);
struct lval lval_derive(struct lval v);
/* Its pick becomes a part of the value: nobody will ask for it later. */
struct lval lval_settle(struct lval v);
bool lval_same(struct lval a, struct lval b);
/* Two values in one column: is each a whole column of the same sort? */
bool lval_whole_pair(struct lval a, struct lval b);
/* Does it tell something where it decides about rows? */
bool lval_tells(struct lval v);
const struct lval *lval_keep(struct lin *l, struct lval v);
void *lin_alloc(struct lin *l, size_t n);
/* False: stop, the answer is unknown. Pair with lin_leave() when true. */
bool lin_enter(struct lin *l);
void lin_leave(struct lin *l);
uint32_t lin_new_src(struct lin *l);

struct lcols lcols_open(struct lval rest);
struct lcols lcols_copy(struct lin *l, const struct lcols *from);
/* A copy for another place in FROM: its rows are other rows. */
struct lcols lcols_again(struct lin *l, const struct lcols *from);
/* Append; becomes open when there are too many. */
void lcols_add(struct lin *l, struct lcols *cols, const char *name, struct lval v);
void lcols_link(struct lin *l, struct lcols *cols, struct lcol *c);
/* All columns in one: a whole row. */
struct lval lcols_whole(const struct lcols *cols);
/* Positionwise union of the arms of a set operation. */
struct lcols lcols_union(struct lin *l, const struct lcols *a, const struct lcols *b);
/* Column aliases: new names for the first ones. */
void lcols_rename(struct lin *l, struct lcols *cols, const struct pgnode *names);
/* The rows of a level are told: so is every column of it. */
void lcols_tell(struct lin *l, struct lcols *cols, struct lval v);

struct lrel *lscope_add_rel(
    struct lin *l, struct lscope *s, const char *alias, const struct lcols *cols);
/* Its rows become part of the level's. */
void lscope_add_item(struct lin *l, struct lscope *s, const struct lcols *cols);
/* The level's rows tell v, when it is something to tell; they were found by v in the documented way. */
void lin_tell(struct lin *l, struct lscope *s, struct lval v);
void lin_picked(struct lin *l, struct lscope *s, struct lval v);

/* ---- lineage_name.c ---- */
struct lval lin_column_ref(struct lin *l, struct lscope *s, const struct pgnode *ref);
/* The column itself when the expression is one plain column of a known relation, else NULL. */
struct lcol *lin_column_of(struct lin *l, struct lscope *s, const struct pgnode *ref);
/* The same of a bare name, in this level only; *maybe: some column of it may have the name. */
struct lcol *lin_local_column(struct lscope *s, const char *name, bool *maybe);
/* The relation that a bare name of one field means as a whole row, else NULL. */
struct lrel *lin_row_of(struct lin *l, struct lscope *s, const struct pgnode *ref);
/* maybe: a relation that is not known well enough could be meant instead. */
struct lrel *lin_rel_of(struct lin *l, struct lscope *s, const char *schema, const char *name, bool *maybe);

/* ---- lineage_label.c ---- */
/* The name that the server gives an output column; NULL when not known for sure. */
const char *lin_output_name(const struct pgnode *res_target);

/* ---- lineage_expr.c ---- */
/* A value that decides nothing by itself; the pick of a subquery is kept apart. */
struct lval lin_expr(struct lin *l, struct lscope *s, const struct pgnode *n);
/* A value that comes out. */
struct lval lin_value(struct lin *l, struct lscope *s, const struct pgnode *n);
/* Each item of a list. */
struct lval lin_exprs(struct lin *l, struct lscope *s, const struct pgnode *list);

/* ---- lineage_call.c ---- */
struct lval lin_func_call(struct lin *l, struct lscope *s, const struct pgnode *n);
/* PARTITION BY, ORDER BY and frame of a window. */
struct lval lin_window_def(struct lin *l, struct lscope *s, const struct pgnode *w);
/* Is it a built-in that makes its result from its arguments alone and is not shadowed? */
bool lin_func_pure(struct lin *l, const char *schema, const char *name);
void lin_func_name(const struct pgnode *call, const char **schema, const char **name);
/* Does a call give as many rows whatever its arguments hold: unnest(ARRAY[a, b]), jsonb_each(to_jsonb(c))? */
bool lin_func_fixed(struct lin *l, struct lscope *s, const struct pgnode *call);

/* ---- lineage_from.c, lineage_join.c ---- */
void lin_from_item(struct lin *l, struct lscope *s, const struct pgnode *n);
void lin_from_join(struct lin *l, struct lscope *s, const struct pgnode *n);
struct lcols lin_table(struct lin *l, struct lscope *s, const struct pgnode *range_var, struct lrel *names);
void lin_rel_add(
    struct lin *l, struct lscope *s, const struct pgnode *alias, const char *own, struct lcols *cols);

/* ---- lineage_func.c ---- */
void lin_from_function(struct lin *l, struct lscope *s, const struct pgnode *n);
void lin_from_tablefunc(struct lin *l, struct lscope *s, const struct pgnode *n);

/* ---- lineage_cond.c ---- */
/* WHERE, HAVING, ON. */
void lin_quals(struct lin *l, struct lscope *s, const struct pgnode *quals);
/* Two columns are equal in every row: what one is, the other is. True when that changed one. */
bool lin_equal_columns(struct lin *l, struct lscope *s, struct lcol *a, struct lcol *b);

/* ---- lineage_rows.c ---- */
/* ORDER BY, GROUP BY, DISTINCT, LIMIT, OFFSET of a level whose select list gave out. */
void lin_row_clauses(struct lin *l, struct lscope *s, const struct pgnode *q, const struct lcols *out);
/* Rows are sorted or grouped by v. */
void lin_row_key(struct lin *l, struct lscope *s, struct lval v);
/* UNION, INTERSECT, EXCEPT that compare rows. */
void lin_row_match(struct lin *l, struct lscope *s, const struct lcols *a, const struct lcols *b);

/* ---- lineage_query.c ---- */
struct lcols lin_query(
    struct lin *l, const struct pgnode *stmt, struct lscope *outer, struct lcte *ctes);
/* One whose conditions are counted apart: a statement, a subquery in an expression. */
struct lcols lin_query_apart(
    struct lin *l, const struct pgnode *stmt, struct lscope *outer, struct lcte *ctes);
struct lcols lin_targets(struct lin *l, struct lscope *s, const struct pgnode *list);

/* ---- lineage_with.c ---- */
struct lcols lin_cte_columns(struct lin *l, struct lcte *c);
struct lcte *lin_with(
    struct lin *l, struct lscope *outer, struct lcte *env, const struct pgnode *with);

/* ---- lineage_write.c ---- */
bool lin_is_write(const struct pgnode *q);
struct lcols lin_write(
    struct lin *l, const struct pgnode *stmt, struct lscope *outer, struct lcte *ctes);
void lin_note_write(struct lin *l, struct lval v);

/* ---- lineage_account.c ---- */
/* A rule has looked at this node. */
void lin_seen(const struct pgnode *n);
void lin_forget_seen(const struct pgnode *root);
/* Was every part of the statement looked at, and is every field of it one that we know? */
bool lin_all_seen(const struct pgnode *root);

/* ---- lineage_known.c ---- */
/* A relation of the server's own catalogue, by a name that can mean nothing else to us. */
bool lin_is_system_relation(const char *schema, const char *name);
/* Raise the columns of a catalogue relation that hold values of tables, statements of others or
 * secrets. */
void lin_system_columns(struct lin *l, const char *schema, const char *name, struct lcols *cols);
/* Built-ins that read something else than their arguments. */
bool lin_func_reads_state(const char *name);
/* Built-ins whose arguments come out elsewhere: in a lock's number, the next random(), the time. */
bool lin_func_tells(const char *name);
/* Built-ins whose mere call shows elsewhere. */
bool lin_func_acts(const char *name);
/* Built-ins that give another value each time. */
bool lin_func_fresh(const char *name);
/* Aggregates and window functions. */
bool lin_func_groups(const char *name);
/* Built-ins that may return more than one row. */
bool lin_func_sets(const char *name);
bool lin_setting_plain(const char *name);
/* Column names of a built-in function in FROM, space-separated; "=" is one column named like the
 * alias; NULL when not known. */
const char *lin_func_columns(const char *name);

#endif
