/* SPDX-License-Identifier: Apache-2.0
 *
 * The lineage of an expression: what its value may tell. Everything that goes in taints what comes
 * out, predicates included (a boolean in the select list answers questions about the column). A
 * node that is not in the tables here is not understood. Node kinds: parsenodes.h and primnodes.h of
 * PostgreSQL 15. Calls are in lineage_call.c.
 */
#include "sql/lineage_int.h"
#include "sql/pgfuncs.h"

struct lval lin_exprs(struct lin *l, struct lscope *s, const struct pgnode *list)
{
	struct lval v = lval_clean;

	for (const struct pgnode *n = pgnode_first(list); n != NULL; n = n->next)
		v = lval_mix(v, lin_expr(l, s, n));
	return lval_derive(v);
}

struct lval lin_value(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	return lval_settle(lin_expr(l, s, n));
}

/* ---- operators ---- */

static struct lval a_expr(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *name = pgnode_first(pgnode_field(n, "name"));
	const char *schema = "", *op = pgnode_str(name);
	struct lval v = lval_mix(
	    lin_expr(l, s, pgnode_field(n, "lexpr")), lin_expr(l, s, pgnode_field(n, "rexpr")));

	if (name != NULL && name->next != NULL) {
		schema = op != NULL ? op : "?";
		op = pgnode_str(name->next);
	}
	/* IN, LIKE, BETWEEN and such carry the operator or its key words as name. */
	if (strncmp(pgnode_field_str(n, "kind"), "AEXPR_OP", 8) == 0 &&
	    (op == NULL || !pgfunc_is_operator(schema, op)))
		v = lval_mix(v, lval_unknown("an operator that is not built in"));
	return lval_derive(v);
}

/* That a value is there shows in its mask, too. */
static struct lval null_test(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lval v = lin_value(l, s, pgnode_field(n, "arg"));

	return v.what == LINEAGE_SENSITIVE && v.whole ? lval_vary() : lval_derive(v);
}

/* Casts that keep the whole value in another form. */
static bool cast_keeps(const struct pgnode *type)
{
	static const char *const whole[] = {"text", "varchar", "citext", "int4", "int8", "numeric", "uuid"};
	const char *name = pgnode_str(pgnode_last(pgnode_field(type, "names")));

	if (name == NULL || pgnode_len(pgnode_field(type, "typmods")) > 0 || pgnode_len(pgnode_field(type, "arrayBounds")) > 0)
		return false;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		if (strcmp(name, whole[i]) == 0)
			return true;
	}
	return false;
}

static struct lval cast(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lval in = lin_expr(l, s, pgnode_field(n, "arg")), v = lval_derive(in);

	v.whole = in.whole && cast_keeps(pgnode_field(n, "typeName"));
	return v;
}

static struct lval collate(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lval in = lin_expr(l, s, pgnode_field(n, "arg")), v = lval_derive(in);

	v.whole = in.whole;
	return v;
}

/* ---- sublinks ---- */

/* The one value of a subquery. By itself it is one for the whole level, unless it depends on the level's rows. */
static struct lval scalar(struct lin *l, const struct lcols *cols, bool correlated)
{
	struct lval v = !cols->open && cols->n == 1 ? cols->c[0]->v : lcols_whole(cols);

	if (v.what != LINEAGE_SENSITIVE) {
		v.whole = false;
		v.clear = correlated;
		v.src = correlated ? LIN_SRC_MANY : LIN_SRC_NONE;
	} else {
		v.src = correlated ? lin_new_src(l) : LIN_SRC_NONE;
	}
	return v;
}

static struct lval sublink_val(struct lin *l, struct lscope *s, const struct pgnode *n, const struct lcols *cols, bool correlated)
{
	const char *type = pgnode_field_str(n, "subLinkType");
	struct lval test = lin_expr(l, s, pgnode_field(n, "testexpr")), v;

	if (strcmp(type, "EXISTS_SUBLINK") == 0)
		return correlated ? lval_vary() : lval_clean;
	v = scalar(l, cols, correlated);
	if (strcmp(type, "EXPR_SUBLINK") == 0)
		return v;
	v = lval_derive(lval_mix(test, v));
	if (strcmp(type, "ANY_SUBLINK") == 0 || strcmp(type, "ALL_SUBLINK") == 0 ||
	    strcmp(type, "ROWCOMPARE_SUBLINK") == 0 || strcmp(type, "ARRAY_SUBLINK") == 0)
		return v;
	return lval_mix(v, lval_lost("a kind of subquery that is not followed"));
}

static struct lval sublink(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	unsigned before = l->lowest;
	struct lcols cols;
	struct lval v;
	bool correlated;

	l->lowest = UINT32_MAX;
	cols = lin_query_apart(l, pgnode_field(n, "subselect"), s, s->ctes);
	correlated = l->lowest <= s->level;
	if (before < l->lowest)
		l->lowest = before;
	v = sublink_val(l, s, n, &cols, correlated);
	if (cols.told != NULL)
		v = lval_derive(lval_mix(v, *cols.told));
	else if (cols.picked != NULL) {
		v.many_picks = v.many_picks || v.pick != NULL;
		v.pick = cols.picked;
	}
	return v;
}

/* (x).field, x[1]: of a row that is a relation of FROM, just that column. */
static struct lval indirection(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *ind = pgnode_first(pgnode_field(n, "indirection"));
	struct lcol *c = lin_column_of(l, s, n);
	struct lval v = lval_derive(lin_expr(l, s, pgnode_field(n, "arg")));

	lin_seen(ind);
	if (c != NULL)
		return c->v;
	for (; ind != NULL; ind = ind->next) {
		lin_seen(ind);
		if (pgnode_is(ind, "A_Indices"))
			v = lval_mix(v, lval_mix(lin_expr(l, s, pgnode_field(ind, "lidx")),
					    lin_expr(l, s, pgnode_field(ind, "uidx"))));
		else if (!pgnode_is(ind, "String") && !pgnode_is(ind, "A_Star"))
			v = lval_mix(v, lval_lost("a part that is not understood"));
	}
	return lval_derive(v);
}

/* ---- dispatch ---- */

static struct lval clean(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	(void)l;
	(void)s;
	(void)n;
	return lval_clean;
}

/* The row that a cursor is at. */
static struct lval varying(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	(void)l;
	(void)s;
	(void)n;
	return lval_vary();
}

/* Every field of the node is an expression, a list of them, or a name or type. Parts of it may run or not run, as a value
 * says: CASE WHEN email LIKE 'a%' THEN pg_advisory_lock(1) END. */
static struct lval fold(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	static const char *const skip[] = {"typeName", "collname", "name"};
	struct lval v = lval_clean;
	unsigned effects = l->effects;

	for (const struct pgnode *f = n->child; f != NULL; f = f->next) {
		bool skipped = f->type != PGN_OBJ && f->type != PGN_LIST;

		for (size_t i = 0; f->key != NULL && i < sizeof(skip) / sizeof(skip[0]); i++)
			skipped = skipped || strcmp(f->key, skip[i]) == 0;
		if (skipped)
			continue;
		v = lval_mix(v, f->type == PGN_LIST ? lin_exprs(l, s, f) : lin_expr(l, s, f));
	}
	if (l->effects != effects && lval_settle(v).what == LINEAGE_SENSITIVE)
		lin_note_write(l, lval_settle(v));
	return lval_derive(v);
}

/* GROUPING(x) says which grouping set a row is of; it never looks at x. */
static struct lval grouping(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	(void)lin_exprs(l, s, pgnode_field(n, "args"));
	return lval_vary();
}

static const struct {
	const char *kind;
	struct lval (*val)(struct lin *l, struct lscope *s, const struct pgnode *n);
} kinds[] = {
    {"ColumnRef", lin_column_ref},
    {"A_Const", clean},
    {"FuncCall", lin_func_call},
    {"A_Expr", a_expr},
    {"TypeCast", cast},
    {"BoolExpr", fold},
    {"ParamRef", clean},
    {"SubLink", sublink},
    {"CaseExpr", fold},
    {"CaseWhen", fold},
    {"CoalesceExpr", fold},
    {"NullTest", null_test},
    {"BooleanTest", fold},
    {"MinMaxExpr", fold},
    {"A_Indirection", indirection},
    {"A_Indices", fold},
    {"A_ArrayExpr", fold},
    {"RowExpr", fold},
    {"List", fold},
    {"SortBy", fold},
    {"SQLValueFunction", clean},
    {"CollateClause", collate},
    {"NamedArgExpr", fold},
    {"XmlExpr", fold},
    {"XmlSerialize", fold},
    {"GroupingFunc", grouping},
    {"SetToDefault", clean},
    {"CurrentOfExpr", varying},
    {"ResTarget", fold},
    {"MultiAssignRef", fold},
    {"GroupingSet", fold},
    {"String", clean},
    {"Integer", clean},
    {"Float", clean},
    {"Boolean", clean},
    {"BitString", clean},
};

struct lval lin_expr(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lval v = lval_lost("an expression that is not understood");
	const char *kind = pgnode_kind(n);

	if (n != NULL && n->type == PGN_LIST)
		return lin_exprs(l, s, n);
	if (n == NULL || (n->type == PGN_OBJ && n->kind == NULL &&
			     n->child == NULL)) /* absent, or a null in a list */
		return lval_clean;
	if (!lin_enter(l))
		return lval_lost("too large to follow");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].kind) == 0) {
			lin_seen(n);
			v = kinds[i].val(l, s, n);
			break;
		}
	}
	lin_leave(l);
	return v;
}
