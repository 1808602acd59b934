/* SPDX-License-Identifier: Apache-2.0
 *
 * The only bound that counts without counting: all columns of a unique key compared with given values by =, IN or
 * = ANY (ARRAY[...]), on the top level of an AND list or on every arm of an OR; and WHERE CURRENT OF, which is one row.
 * A value is a literal or a parameter, bare or cast to a type to which no column's type is converted with loss; the
 * column stands bare. Everything else, however narrow it looks, is open: ranges, functions, subqueries, casts and
 * collations on either side. What an open predicate changes is counted by who runs it.
 */
#include "sql/pgbound.h"

#define MAX_DEPTH 50
#define MAX_EQUAL 32         /* columns of an AND list that are compared with values */
#define MAX_ROWS  1000000u
#define FIRST_USER_TYPE 16384u

struct equal {
	const char *col;
	uint32_t values;
};

/* What an AND list and the ones around it fix. */
struct fixed {
	size_t n;
	struct equal e[MAX_EQUAL];
};

struct bound {
	const char *table, *alias; /* of the relation; alias "" without one */
	const struct sql_table *known;
	const struct sql_context *cx;
	bool by_name; /* what is called a key is one */
	int depth;
};

static bool is_operator(const struct pgnode *list, const char *name)
{
	const char *schema = pgnode_str(pgnode_first(list)), *op = pgnode_str(pgnode_last(list));

	if (op == NULL || strcmp(op, name) != 0 || pgnode_len(list) > 2)
		return false;
	return pgnode_len(list) == 1 || (schema != NULL && strcmp(schema, "pg_catalog") == 0);
}

/* A column of the relation, bare: its name, else NULL. */
static const char *column(const struct bound *b, const struct pgnode *e)
{
	const struct pgnode *f = pgnode_field(e, "fields");
	const char *col = pgnode_str(pgnode_last(f)), *rel;
	size_t n = pgnode_len(f);

	if (!pgnode_is(e, "ColumnRef") || col == NULL || n > 3)
		return NULL;
	if (n == 1)
		return col;
	rel = pgnode_str(pgnode_at(f, n - 2));
	if (rel == NULL)
		return NULL;
	if (n == 2)
		return strcmp(rel, b->alias[0] != '\0' ? b->alias : b->table) == 0 ? col : NULL;
	return b->alias[0] == '\0' && strcmp(rel, b->table) == 0 ? col : NULL;
}

/* Types for whose sake the server converts no column with loss, as it does for floating-point numbers and for times of
 * one zone. */
static bool type_keeps(const struct pgnode *type)
{
	static const char *const names[] = {"int2", "int4", "int8", "numeric", "text", "varchar", "uuid", "bool", "date",
	    "timestamp", "bytea", "oid"};
	const struct pgnode *list = pgnode_field(type, "names");
	const char *schema = pgnode_str(pgnode_first(list)), *name = pgnode_str(pgnode_last(list));
	size_t i;

	if (name == NULL || pgnode_len(pgnode_field(type, "arrayBounds")) > 0 || pgnode_field_bool(type, "setof"))
		return false;
	if (pgnode_len(list) != 1 && (pgnode_len(list) != 2 || schema == NULL || strcmp(schema, "pg_catalog") != 0))
		return false;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* The same of the type that the client gave a parameter. */
static bool param_keeps(const struct bound *b, const struct pgnode *e)
{
	static const uint32_t lossy[] = {700 /* float4 */, 701 /* float8 */, 1184 /* timestamptz */};
	int64_t n = pgnode_field_int(e, "number");
	uint32_t type = b->cx != NULL && n >= 1 && (uint64_t)n <= b->cx->n_param_types ? b->cx->param_types[n - 1] : 0;
	size_t i;

	for (i = 0; i < sizeof(lossy) / sizeof(lossy[0]); i++)
		if (type == lossy[i])
			return false;
	return type < FIRST_USER_TYPE;
}

/* A value that is in the text or comes with it. */
static bool is_given(const struct bound *b, const struct pgnode *e)
{
	bool cast = false;

	for (; pgnode_is(e, "TypeCast") && type_keeps(pgnode_field(e, "typeName")); cast = true)
		e = pgnode_field(e, "arg");
	return pgnode_is(e, "A_Const") || (pgnode_is(e, "ParamRef") && (cast || param_keeps(b, e)));
}

/* The number of values in a list of given ones, 0 when it is none. */
static uint32_t count_given(const struct bound *b, const struct pgnode *list)
{
	const struct pgnode *v;
	size_t n = pgnode_len(list);

	for (v = pgnode_first(list); v != NULL; v = v->next)
		if (!is_given(b, v))
			return 0;
	return n < MAX_ROWS ? (uint32_t)n : 0;
}

static void fix(struct bound *b, struct fixed *f, const struct pgnode *e, uint32_t values)
{
	const char *col = column(b, e);

	if (col != NULL && values > 0 && f->n < MAX_EQUAL)
		f->e[f->n++] = (struct equal){col, values};
}

/* a = 1 and (a, b) = (1, 2), either way round. */
static void fix_equal(struct bound *b, struct fixed *f, const struct pgnode *l, const struct pgnode *r)
{
	const struct pgnode *x, *y;

	if (pgnode_is(l, "RowExpr") && pgnode_is(r, "RowExpr")) {
		x = pgnode_first(pgnode_field(l, "args"));
		y = pgnode_first(pgnode_field(r, "args"));
		for (; x != NULL && y != NULL; x = x->next, y = y->next)
			fix_equal(b, f, x, y);
		return;
	}
	if (is_given(b, r))
		fix(b, f, l, 1);
	else if (is_given(b, l))
		fix(b, f, r, 1);
}

/* (a, b) IN ((1, 2), (3, 4)): each column has as many values as there are rows, and the product of both is never less
 * than the number of pairs. */
static void fix_rows(struct bound *b, struct fixed *f, const struct pgnode *l, const struct pgnode *list)
{
	const struct pgnode *row, *col;
	size_t n = pgnode_len(list);

	for (row = pgnode_first(list); row != NULL; row = row->next)
		if (!pgnode_is(row, "RowExpr") || count_given(b, pgnode_field(row, "args")) == 0)
			return;
	for (col = pgnode_first(pgnode_field(l, "args")); col != NULL && n < MAX_ROWS; col = col->next)
		fix(b, f, col, (uint32_t)n);
}

static void fix_one(struct bound *b, struct fixed *f, const struct pgnode *e)
{
	const char *kind = pgnode_field_str(e, "kind");
	const struct pgnode *l = pgnode_field(e, "lexpr"), *r = pgnode_field(e, "rexpr");

	if (!pgnode_is(e, "A_Expr") || !is_operator(pgnode_field(e, "name"), "="))
		return;
	if (b->cx != NULL && b->cx->known != NULL && b->cx->known->own_equal && pgnode_len(pgnode_field(e, "name")) == 1)
		return;
	if (strcmp(kind, "AEXPR_OP") == 0)
		fix_equal(b, f, l, r);
	else if (strcmp(kind, "AEXPR_IN") == 0 && pgnode_is(l, "RowExpr"))
		fix_rows(b, f, l, r);
	else if (strcmp(kind, "AEXPR_IN") == 0)
		fix(b, f, l, count_given(b, r));
	else if (strcmp(kind, "AEXPR_OP_ANY") == 0 && pgnode_is(r, "A_ArrayExpr"))
		fix(b, f, l, count_given(b, pgnode_field(r, "elements")));
}

/* Rows that the fixed columns of one key leave, 0 when one is not fixed. */
static uint32_t key_rows(const struct sql_key *k, const struct fixed *f)
{
	uint64_t rows = k->n > 0;
	size_t i, j;

	for (i = 0; i < k->n && rows > 0; i++) {
		uint32_t best = 0;

		for (j = 0; j < f->n; j++)
			if (strcmp(f->e[j].col, k->cols[i]) == 0 && (best == 0 || f->e[j].values < best))
				best = f->e[j].values;
		rows *= best;
		if (rows > MAX_ROWS)
			rows = 0;
	}
	return (uint32_t)rows;
}

static bool called_key(const char *col)
{
	static const char *const ends[] = {"id", "uuid", "key", "pk"};
	size_t n = strlen(col), i, k;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		k = strlen(ends[i]);
		if (n >= k && strcmp(col + n - k, ends[i]) == 0 && (n == k || col[n - k - 1] == '_'))
			return true;
	}
	return false;
}

static uint32_t fixed_rows(const struct bound *b, const struct fixed *f)
{
	uint32_t best = 0, rows;
	size_t i;

	for (i = 0; b->by_name && i < f->n && best == 0; i++)
		best = called_key(f->e[i].col) ? f->e[i].values : 0;
	for (i = 0; b->known != NULL && i < b->known->n_keys; i++) {
		rows = key_rows(&b->known->keys[i], f);
		if (rows > 0 && (best == 0 || rows < best))
			best = rows;
	}
	return best;
}

static uint32_t proven(struct bound *b, const struct pgnode *e, const struct fixed *outer);

static bool is_bool(const struct pgnode *e, const char *op)
{
	return pgnode_is(e, "BoolExpr") && strcmp(pgnode_field_str(e, "boolop"), op) == 0;
}

/* Every arm must be proven. */
static uint32_t proven_or(struct bound *b, const struct pgnode *e, const struct fixed *outer)
{
	const struct pgnode *a;
	uint64_t sum = 0;
	uint32_t rows;

	for (a = pgnode_first(pgnode_field(e, "args")); a != NULL; a = a->next) {
		rows = proven(b, a, outer);
		sum += rows;
		if (rows == 0 || sum > MAX_ROWS)
			return 0;
	}
	return (uint32_t)sum;
}

/* What the AND list e fixes, lists inside it included. */
static void fix_list(struct bound *b, struct fixed *f, const struct pgnode *e)
{
	const struct pgnode *a;

	if (!is_bool(e, "AND_EXPR")) {
		fix_one(b, f, e);
	} else if (++b->depth <= MAX_DEPTH) {
		for (a = pgnode_first(pgnode_field(e, "args")); a != NULL; a = a->next)
			fix_list(b, f, a);
		b->depth--;
	}
}

/* An OR of the AND list e that is proven given what the list fixes. */
static uint32_t proven_in_list(struct bound *b, const struct pgnode *e, const struct fixed *f)
{
	const struct pgnode *a;
	uint32_t rows = 0;

	if (is_bool(e, "OR_EXPR"))
		return proven_or(b, e, f);
	if (!is_bool(e, "AND_EXPR") || ++b->depth > MAX_DEPTH)
		return 0;
	for (a = pgnode_first(pgnode_field(e, "args")); a != NULL && rows == 0; a = a->next)
		rows = proven_in_list(b, a, f);
	b->depth--;
	return rows;
}

/* Rows that e leaves together with what is fixed around it; 0: not proven. Too deep is not proven. */
static uint32_t proven(struct bound *b, const struct pgnode *e, const struct fixed *outer)
{
	struct fixed f = *outer;
	uint32_t rows;

	if (++b->depth > MAX_DEPTH)
		return 0;
	fix_list(b, &f, e);
	rows = fixed_rows(b, &f);
	if (rows == 0)
		rows = proven_in_list(b, e, &f);
	b->depth--;
	return rows;
}

static struct bound bound_of(const struct pgnode *rel, const struct sql_table *table)
{
	return (struct bound){
	    .table = pgnode_field_str(rel, "relname"),
	    .alias = pgnode_field_str(pgnode_field(rel, "alias"), "aliasname"),
	    .known = table,
	};
}

static bool is_subquery(const struct pgnode *n)
{
	return n->key != NULL && strcmp(n->key, "subselect") == 0;
}

/* A bare name in a subquery may be a column of the tables there. */
bool pgbound_looks_at(const struct pgnode *rel, const struct pgnode *expr)
{
	struct bound b = bound_of(rel, NULL);
	const struct pgnode *n;

	for (n = expr; n != NULL; n = pgnode_walk(expr, n, is_subquery(n)))
		if (column(&b, n) != NULL)
			return true;
	for (n = expr; n != NULL; n = pgnode_walk(expr, n, false))
		if (column(&b, n) != NULL && pgnode_len(pgnode_field(n, "fields")) > 1)
			return true;
	return false;
}

enum pgbound pgbound_of(const struct pgnode *rel, const struct pgnode *where, const struct sql_table *table,
    const struct sql_context *cx, uint32_t *rows)
{
	struct bound b = bound_of(rel, table);
	const struct fixed none = {.n = 0};

	b.cx = cx;
	*rows = 1;
	if (pgnode_is(where, "CurrentOfExpr"))
		return PGBOUND_PROVEN;
	*rows = where != NULL ? proven(&b, where, &none) : 0;
	if (*rows > 0)
		return PGBOUND_PROVEN;
	return pgbound_looks_at(rel, where) ? PGBOUND_OPEN : PGBOUND_NONE;
}

bool pgbound_called_key(const struct pgnode *rel, const struct pgnode *where)
{
	struct bound b = bound_of(rel, NULL);
	const struct fixed none = {.n = 0};

	b.by_name = true;
	return where != NULL && proven(&b, where, &none) > 0;
}
