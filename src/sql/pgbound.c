/* SPDX-License-Identifier: Apache-2.0
 *
 * The bound rule. Everything it does not recognise is unproven. What counts, for a column c of the
 * target: c = v, c IN (v, ...), c = ANY (v), c BETWEEN v AND v, (c, d) = (v, w), c LIKE
 * 'prefix...', WHERE CURRENT OF, c < v and the like when v is a parameter or depends on the clock
 * (a moving window), or when the arm closes the range on both sides. A range that a literal leaves
 * open at one end is as wide as the table may be. v holds no column at all, except inside a scalar
 * subquery over other tables that cannot reach out. System columns that are alike on every row
 * (tableoid, xmin, ...) do not count.
 */
#include "sql/pgbound.h"

#include <stdlib.h>
#include <strings.h>

#define MAX_DEPTH  100
#define MAX_RANGES 16
#define MAX_SPAN   100000.0 /* numbers a closed range may cover and still pick out rows */

struct bound {
	const char *table, *alias; /* of the target; alias "" without one */
	int depth;
};

/* One open range of an AND list. */
struct range {
	const char *col;
	const struct pgnode *end;
	bool up;
};

struct ranges {
	size_t n;
	struct range r[MAX_RANGES];
};

static bool proven(struct bound *b, const struct pgnode *e, struct ranges *open);

static const char *op_name(const struct pgnode *expr)
{
	const struct pgnode *list = pgnode_field(expr, "name");
	const char *schema = pgnode_str(pgnode_first(list)), *name = pgnode_str(pgnode_last(list));

	if (pgnode_len(list) == 2 && (schema == NULL || strcmp(schema, "pg_catalog") != 0))
		return "";
	return name != NULL && pgnode_len(list) <= 2 ? name : "";
}

/* Take off what does not change which column it is. */
static const struct pgnode *strip(const struct pgnode *e)
{
	while (pgnode_is(e, "TypeCast") || pgnode_is(e, "CollateClause"))
		e = pgnode_field(e, "arg");
	return e;
}

static bool same_for_every_row(const char *col)
{
	static const char *const system[] = {"tableoid", "xmin", "xmax", "cmin", "cmax"};
	size_t i;

	for (i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		if (strcmp(col, system[i]) == 0)
			return true;
	return false;
}

/* A plain column of the target: its name, else NULL. */
static const char *plain_column(const struct bound *b, const struct pgnode *e)
{
	const struct pgnode *f = pgnode_field(strip(e), "fields"), *last = pgnode_last(f);
	const char *col = pgnode_str(last), *rel;
	size_t n = pgnode_len(f);

	if (!pgnode_is(strip(e), "ColumnRef") || col == NULL || n > 3 || same_for_every_row(col))
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

/* Functions of one column that keep different rows apart well enough for a comparison by equality.
 */
static bool keeps_rows_apart(const struct pgnode *call)
{
	static const char *const names[] = {"lower", "upper", "date", "date_trunc"};
	const struct pgnode *f = pgnode_field(call, "funcname");
	const char *name = pgnode_str(pgnode_last(f));
	size_t i;

	if (name == NULL ||
	    (pgnode_len(f) == 2 && strcmp(pgnode_str(pgnode_first(f)), "pg_catalog") != 0))
		return false;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool has_kind(const struct pgnode *e, const char *a, const char *b)
{
	const struct pgnode *n;

	for (n = e; n != NULL; n = pgnode_walk(e, n, false))
		if (n->kind != NULL &&
		    (strcmp(n->kind, a) == 0 || (b != NULL && strcmp(n->kind, b) == 0)))
			return true;
	return false;
}

/* c, c::type, lower(c), doc->>'key'. */
static const char *compared_column(const struct bound *b, const struct pgnode *e)
{
	const struct pgnode *args, *a;
	const char *col = plain_column(b, e), *op;

	e = strip(e);
	if (col != NULL)
		return col;
	if (pgnode_is(e, "FuncCall") && keeps_rows_apart(e)) {
		args = pgnode_field(e, "args");
		for (a = pgnode_first(args); a != NULL; a = a->next)
			if (plain_column(b, a) != NULL)
				col = plain_column(b, a);
			else if (has_kind(a, "ColumnRef", "SubLink"))
				return NULL;
		return col;
	}
	if (pgnode_is(e, "A_Expr")) {
		op = op_name(e);
		if ((strcmp(op, "->>") == 0 || strcmp(op, "->") == 0 || strcmp(op, "#>>") == 0) &&
		    !has_kind(pgnode_field(e, "rexpr"), "ColumnRef", "SubLink"))
			return plain_column(b, pgnode_field(e, "lexpr"));
	}
	return NULL;
}

/* A scalar subquery over one other table whose result cannot be the outer column: qualified, or
 * another name. */
static bool subquery_is_value(const struct bound *b, const struct pgnode *link, const char *col)
{
	const struct pgnode *s = pgnode_field(link, "subselect"),
			    *from = pgnode_first(pgnode_field(s, "fromClause"));
	const struct pgnode *list = pgnode_field(s, "targetList"),
			    *val = pgnode_field(pgnode_first(list), "val"), *n;
	const char *inner;

	if (strcmp(pgnode_field_str(link, "subLinkType"), "EXPR_SUBLINK") != 0 ||
	    pgnode_len(list) != 1)
		return false;
	if (!has_kind(s, "ColumnRef", "SubLink"))
		return true;
	if (!pgnode_is(from, "RangeVar") || from->next != NULL ||
	    pgnode_field(s, "withClause") != NULL || has_kind(s, "SubLink", "JoinExpr") ||
	    pgnode_field(s, "larg") != NULL)
		return false;
	if (strcmp(pgnode_field_str(from, "relname"), b->table) == 0)
		return false;
	for (n = s; n != NULL; n = pgnode_walk(s, n, false))
		if (pgnode_is(n, "ColumnRef") && pgnode_len(pgnode_field(n, "fields")) > 1 &&
		    plain_column(b, n) != NULL)
			return false; /* names the target: correlated */
	inner = pgnode_str(pgnode_last(pgnode_field(val, "fields")));
	if (!pgnode_is(val, "ColumnRef"))
		return !has_kind(val, "ColumnRef", NULL);
	return inner != NULL &&
	       (pgnode_len(pgnode_field(val, "fields")) > 1 || strcmp(inner, col) != 0);
}

/* Does e hold nothing that comes from a table? */
static bool is_value(const struct pgnode *e)
{
	return e != NULL && !has_kind(e, "ColumnRef", "SubLink");
}

/* A numeric literal. */
static bool number_of(const struct pgnode *e, double *out)
{
	const struct pgnode *c = strip(e), *f = pgnode_field(c, "fval"),
			    *i = pgnode_field(c, "ival");

	if (!pgnode_is(c, "A_Const") || (f == NULL && i == NULL))
		return false;
	*out = f != NULL && pgnode_str(f) != NULL ? strtod(pgnode_str(f), NULL)
						  : (double)pgnode_int(i);
	return true;
}

/* Do two ends leave a range that is no sweep? Only numbers can be told apart without a catalogue.
 */
static bool is_narrow(const struct pgnode *a, const struct pgnode *b)
{
	static const char *const endless[] = {"infinity", "-infinity", "+infinity", "inf", "-inf"};
	const struct pgnode *ends[2] = {a, b};
	double x, y;
	size_t i, k;

	for (k = 0; k < 2; k++) {
		const char *s = pgnode_const_str(strip(ends[k]));

		for (i = 0; s != NULL && i < sizeof(endless) / sizeof(endless[0]); i++)
			if (strcasecmp(s, endless[i]) == 0)
				return false;
	}
	if (!number_of(a, &x) || !number_of(b, &y))
		return true;
	return x - y <= MAX_SPAN && y - x <= MAX_SPAN;
}

/* A parameter, or something the clock moves: an open range against it is a window, not a sweep. */
static bool is_window(const struct pgnode *e)
{
	static const char *const clocks[] = {
	    "now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"};
	const struct pgnode *n;
	size_t i;

	for (n = e; n != NULL; n = pgnode_walk(e, n, false)) {
		const char *name = pgnode_str(pgnode_last(pgnode_field(n, "funcname")));

		if (pgnode_is(n, "ParamRef"))
			return true;
		if (pgnode_is(n, "SQLValueFunction")) {
			const char *op = pgnode_field_str(n, "op");

			return strstr(op, "_CURRENT_DATE") != NULL || strstr(op, "TIME") != NULL;
		}
		for (i = 0; pgnode_is(n, "FuncCall") && name != NULL &&
			    i < sizeof(clocks) / sizeof(clocks[0]);
		     i++)
			if (strcmp(name, clocks[i]) == 0)
				return true;
	}
	return false;
}

static bool proven_equal(struct bound *b, const struct pgnode *l, const struct pgnode *r)
{
	const char *col = compared_column(b, l);

	if (col == NULL)
		return false;
	return is_value(r) || (pgnode_is(r, "SubLink") && subquery_is_value(b, r, col));
}

/* (a, b) = (1, 2): one pair is enough. */
static bool proven_row(struct bound *b, const struct pgnode *l, const struct pgnode *r)
{
	const struct pgnode *x = pgnode_first(pgnode_field(l, "args")),
			    *y = pgnode_first(pgnode_field(r, "args"));

	for (; x != NULL && y != NULL; x = x->next, y = y->next)
		if (proven_equal(b, x, y) || proven_equal(b, y, x))
			return true;
	return false;
}

/* c < v. Closed by its partner in the AND list, or a window of its own. */
static bool proven_range(
    struct bound *b, const struct pgnode *l, const struct pgnode *r, bool up, struct ranges *open)
{
	const char *col = plain_column(b, l);
	size_t i;

	if (col == NULL || !is_value(r))
		return false;
	if (is_window(r))
		return true;
	for (i = 0; open != NULL && i < open->n; i++)
		if (open->r[i].up != up && strcmp(open->r[i].col, col) == 0 &&
		    is_narrow(open->r[i].end, r))
			return true;
	if (open != NULL && open->n < MAX_RANGES)
		open->r[open->n++] = (struct range){col, r, up};
	return false;
}

static bool proven_op(struct bound *b, const struct pgnode *e, struct ranges *open)
{
	const struct pgnode *l = pgnode_field(e, "lexpr"), *r = pgnode_field(e, "rexpr");
	const char *op = op_name(e);
	bool less = op[0] == '<', strict = op[0] != '\0' && op[1] == '\0', range;

	if (strcmp(op, "=") == 0) {
		if (pgnode_is(l, "RowExpr") && pgnode_is(r, "RowExpr"))
			return proven_row(b, l, r);
		return proven_equal(b, l, r) || proven_equal(b, r, l);
	}
	range = (less || op[0] == '>') && (strict || (op[1] == '=' && op[2] == '\0'));
	return range && (proven_range(b, l, r, !less, open) || proven_range(b, r, l, less, open));
}

static bool proven_in(struct bound *b, const struct pgnode *e)
{
	const struct pgnode *l = pgnode_field(e, "lexpr"), *r = pgnode_field(e, "rexpr"), *a;

	if (strcmp(op_name(e), "=") != 0 || !is_value(r))
		return false;
	if (!pgnode_is(l, "RowExpr"))
		return compared_column(b, l) != NULL;
	for (a = pgnode_first(pgnode_field(l, "args")); a != NULL; a = a->next)
		if (compared_column(b, a) != NULL)
			return true;
	return false;
}

static bool proven_like(struct bound *b, const struct pgnode *e)
{
	const char *pattern = pgnode_const_str(strip(pgnode_field(e, "rexpr")));

	return (strcmp(op_name(e), "~~") == 0 || strcmp(op_name(e), "~~*") == 0) &&
	       plain_column(b, pgnode_field(e, "lexpr")) != NULL && pattern != NULL &&
	       pattern[0] != '\0' && strchr("%_\\", pattern[0]) == NULL;
}

static bool proven_between(struct bound *b, const struct pgnode *e)
{
	const struct pgnode *ends = pgnode_field(e, "rexpr");

	return plain_column(b, pgnode_field(e, "lexpr")) != NULL && is_value(ends) &&
	       is_narrow(pgnode_at(ends, 0), pgnode_at(ends, 1));
}

/* c IN (VALUES (1), (2)). */
static bool proven_sublink(struct bound *b, const struct pgnode *e)
{
	const struct pgnode *s = pgnode_field(e, "subselect");

	return strcmp(pgnode_field_str(e, "subLinkType"), "ANY_SUBLINK") == 0 &&
	       pgnode_field(e, "operName") == NULL &&
	       pgnode_len(pgnode_field(s, "valuesLists")) > 0 && is_value(s) &&
	       compared_column(b, pgnode_field(e, "testexpr")) != NULL;
}

static bool proven_expr(struct bound *b, const struct pgnode *e, struct ranges *open)
{
	const char *kind = pgnode_field_str(e, "kind");
	const struct pgnode *r = strip(pgnode_field(e, "rexpr"));

	if (strcmp(kind, "AEXPR_OP") == 0)
		return proven_op(b, e, open);
	if (strcmp(kind, "AEXPR_IN") == 0)
		return proven_in(b, e);
	if (strcmp(kind, "AEXPR_OP_ANY") == 0)
		return strcmp(op_name(e), "=") == 0 && is_value(r) &&
		       compared_column(b, pgnode_field(e, "lexpr")) != NULL;
	if (strcmp(kind, "AEXPR_BETWEEN") == 0 || strcmp(kind, "AEXPR_BETWEEN_SYM") == 0)
		return proven_between(b, e);
	if (strcmp(kind, "AEXPR_LIKE") == 0 || strcmp(kind, "AEXPR_ILIKE") == 0)
		return proven_like(b, e);
	if (strcmp(kind, "AEXPR_NOT_DISTINCT") == 0) /* from NULL: every row without a value */
		return pgnode_is(r, "A_Const") && !pgnode_field_bool(r, "isnull") &&
		       proven_equal(b, pgnode_field(e, "lexpr"), r);
	return false;
}

static bool proven_bool(struct bound *b, const struct pgnode *e)
{
	const char *op = pgnode_field_str(e, "boolop");
	const struct pgnode *a = pgnode_first(pgnode_field(e, "args"));
	struct ranges open = {.n = 0};

	if (strcmp(op, "AND_EXPR") == 0) {
		for (; a != NULL; a = a->next)
			if (proven(b, a, &open))
				return true;
		return false;
	}
	if (strcmp(op, "OR_EXPR") != 0)
		return false; /* NOT */
	for (; a != NULL; a = a->next)
		if (!proven(b, a, NULL))
			return false;
	return true;
}

static bool proven(struct bound *b, const struct pgnode *e, struct ranges *open)
{
	bool r = false;

	if (++b->depth > MAX_DEPTH)
		r = false;
	else if (pgnode_is(e, "A_Expr"))
		r = proven_expr(b, e, open);
	else if (pgnode_is(e, "BoolExpr"))
		r = proven_bool(b, e);
	else if (pgnode_is(e, "SubLink"))
		r = proven_sublink(b, e);
	else if (pgnode_is(e, "CurrentOfExpr"))
		r = true;
	b->depth--;
	return r;
}

bool pgbound_proven(const struct pgnode *stmt, const char **why)
{
	const struct pgnode *rel = pgnode_field(stmt, "relation"),
			    *where = pgnode_field(stmt, "whereClause");
	struct bound b = {
	    .table = pgnode_field_str(rel, "relname"),
	    .alias = pgnode_field_str(pgnode_field(rel, "alias"), "aliasname"),
	};

	*why = "without a WHERE clause";
	if (where == NULL)
		return false;
	*why = "without a proven bound";
	return proven(&b, where, NULL);
}
