/* SPDX-License-Identifier: Apache-2.0
 *
 * The lineage of an expression: what its value may tell. Everything that goes in taints what comes
 * out, predicates included (a boolean in the select list answers questions about the column). A
 * node that is not in the tables here is UNKNOWN. Node kinds: parsenodes.h and primnodes.h of
 * PostgreSQL 15.
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

/* ---- functions ---- */

void lin_func_name(const struct pgnode *call, const char **schema, const char **name)
{
	const struct pgnode *f = pgnode_first(pgnode_field(call, "funcname"));

	*schema = "";
	*name = pgnode_str(f) != NULL ? pgnode_str(f) : "";
	if (f != NULL && f->next != NULL) {
		*schema = *name;
		*name = pgnode_str(f->next) != NULL ? pgnode_str(f->next) : "";
	}
	if (f != NULL && f->next != NULL && f->next->next != NULL)
		*schema = "?"; /* database.schema.function: not one that we know */
}

static bool is_builtin(struct lin *l, const char *schema, const char *name)
{
	const char *in = schema[0] != '\0' ? schema : NULL;

	if (!pgfunc_is_read(schema, name))
		return false;
	return l->cat->shadowed == NULL || !l->cat->shadowed(l->cat->ctx, in, name);
}

bool lin_func_pure(struct lin *l, const char *schema, const char *name)
{
	return is_builtin(l, schema, name) && !lin_func_reads_state(name);
}

/* current_setting('server_version'): a setting that cannot be made to hold a value of a table. */
static bool reads_plain_setting(
    struct lin *l, const char *schema, const char *name, const struct pgnode *args)
{
	const char *setting = pgnode_const_str(pgnode_first(args));

	return strcmp(name, "current_setting") == 0 && is_builtin(l, schema, name) &&
	       setting != NULL && lin_setting_plain(setting);
}

/* PARTITION BY, ORDER BY and frame of a window: ranks tell the order. */
static struct lval window_def(struct lin *l, struct lscope *s, const struct pgnode *w)
{
	static const char *const lists[] = {"partitionClause", "orderClause"};
	static const char *const parts[] = {"startOffset", "endOffset"};
	struct lval v = lval_clean;

	for (size_t i = 0; i < 2; i++)
		v = lval_mix(v, lin_exprs(l, s, pgnode_field(w, lists[i])));
	for (size_t i = 0; i < 2; i++)
		v = lval_mix(v, lin_expr(l, s, pgnode_field(w, parts[i])));
	return lval_derive(v);
}

static struct lval window(struct lin *l, struct lscope *s, const struct pgnode *over)
{
	struct lval v;

	if (over == NULL)
		return lval_clean;
	v = window_def(l, s, over);
	if (pgnode_field(over, "name") == NULL && pgnode_field(over, "refname") == NULL)
		return v;
	for (const struct pgnode *w = pgnode_first(s->windows); w != NULL; w = w->next)
		v = lval_mix(
		    v, window_def(l, s, w)); /* any of them: they may build on each other */
	return v;
}

/* repeat('x,', ascii(email)): split into rows it is a number. */
static void note_size(struct lin *l, struct lscope *s, const char *name, const struct pgnode *args)
{
	const struct pgnode *a = pgnode_first(args);

	if (a == NULL || !lin_func_sizes(name))
		return;
	for (a = a->next; a != NULL; a = a->next) {
		struct lval v = lin_expr(l, s, a);

		if (v.what == LINEAGE_SENSITIVE)
			lin_note_write(l, v);
	}
}

static struct lval func_call(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *args = pgnode_field(n, "args");
	const char *schema, *name;
	struct lval v, around;

	lin_func_name(n, &schema, &name);
	v = lin_exprs(l, s, args);
	around = lval_mix(
	    lin_expr(l, s, pgnode_field(n, "agg_filter")), window(l, s, pgnode_field(n, "over")));
	if (strcmp(name, "count") == 0 && lin_func_pure(l, schema, name))
		return lval_derive(around);
	v = lval_mix(v, lval_mix(around, lin_exprs(l, s, pgnode_field(n, "agg_order"))));
	if (v.what == LINEAGE_SENSITIVE) {
		note_size(l, s, name, args);
		if (!lin_func_pure(l, schema, name) || /* pg_notify, set_config, setval: it may keep it */
		    lin_func_tells(name))
			lin_note_write(l, v);
		return lval_derive(v);
	}
	if (!lin_func_pure(l, schema, name) && !reads_plain_setting(l, schema, name, args))
		return lval_unknown("a function that is not known to use only its arguments");
	return v;
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

/* ---- sublinks ---- */

/* Conjuncts of a sublink's WHERE other than comparing for equality: finding a row by a key is no
 * oracle beyond what the statement's own WHERE is. */
static struct lval quals_val(struct lin *l, struct lscope *s, const struct pgnode *q)
{
	struct lval v = lval_clean;

	if (pgnode_is(q, "BoolExpr") && strcmp(pgnode_field_str(q, "boolop"), "AND_EXPR") == 0) {
		for (const struct pgnode *a = pgnode_first(pgnode_field(q, "args")); a != NULL;
		     a = a->next)
			v = lval_mix(v, quals_val(l, s, a));
		return v;
	}
	if (pgnode_is(q, "A_Expr") && strcmp(pgnode_field_str(q, "kind"), "AEXPR_OP") == 0) {
		const char *op = pgnode_str(pgnode_first(pgnode_field(q, "name")));

		if (op != NULL && strcmp(op, "=") == 0)
			return lval_clean;
	}
	return lin_expr(l, s, q);
}

/* Conditions of the joins below a FROM item. */
static struct lval joins_val(struct lin *l, struct lscope *s, const struct pgnode *item)
{
	struct lval v;

	if (!pgnode_is(item, "JoinExpr") || !lin_enter(l))
		return lval_clean;
	v = lval_mix(joins_val(l, s, pgnode_field(item, "larg")),
	    joins_val(l, s, pgnode_field(item, "rarg")));
	v = lval_mix(v, lin_expr(l, s, pgnode_field(item, "quals")));
	lin_leave(l);
	return v;
}

/* What a sublink's row selection tells when only that some row exists is shown. */
static struct lval selection_val(struct lin *l, struct lscope *s, const struct pgnode *q, bool all)
{
	struct lscope k = {.outer = s, .ctes = s->ctes};
	const struct pgnode *where = pgnode_field(q, "whereClause");
	struct lval v = lval_clean;

	if (pgnode_field(q, "larg") != NULL) /* set operation */
		return lval_mix(selection_val(l, s, pgnode_field(q, "larg"), all),
		    selection_val(l, s, pgnode_field(q, "rarg"), all));
	if (pgnode_field(q, "withClause") != NULL)
		return all ? lval_unknown("WITH in a sublink") : lval_clean;
	for (const struct pgnode *f = pgnode_first(pgnode_field(q, "fromClause")); f != NULL;
	     f = f->next)
		lin_from_item(l, &k, f);
	if (!all)
		return quals_val(l, &k, where);
	for (const struct pgnode *f = pgnode_first(pgnode_field(q, "fromClause")); f != NULL;
	     f = f->next)
		v = lval_mix(v, joins_val(l, &k, f));
	v = lval_mix(v, lin_expr(l, &k, where));
	return lval_mix(v, lin_expr(l, &k, pgnode_field(q, "havingClause")));
}

static struct lval sublink(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const char *type = pgnode_field_str(n, "subLinkType");
	const struct pgnode *q = pgnode_field(n, "subselect");
	struct lval test = lin_expr(l, s, pgnode_field(n, "testexpr"));
	struct lcols cols = lin_query(l, q, s, s->ctes);
	struct lval v = lcols_whole(&cols);

	if (strcmp(type, "EXISTS_SUBLINK") == 0)
		return lval_derive(selection_val(l, s, q, true));
	if (strcmp(type, "EXPR_SUBLINK") == 0) {
		if (!cols.open && cols.n == 1)
			v = cols.c[0]->v; /* the plain value */
		return v.what == LINEAGE_CLEAN
			   ? lval_derive(lval_mix(v, selection_val(l, s, q, false)))
			   : v;
	}
	if (strcmp(type, "ANY_SUBLINK") == 0 || strcmp(type, "ALL_SUBLINK") == 0 ||
	    strcmp(type, "ROWCOMPARE_SUBLINK") == 0 || strcmp(type, "ARRAY_SUBLINK") == 0)
		return lval_derive(lval_mix(test, v));
	return lval_mix(lval_derive(lval_mix(test, v)),
	    lval_unknown("a kind of subquery that is not followed"));
}

/* (x).field, x[1]: of a row that is a relation of FROM, just that column. */
static struct lval indirection(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *arg = pgnode_field(n, "arg"),
			    *ind = pgnode_first(pgnode_field(n, "indirection"));
	struct lval v = lval_derive(lin_expr(l, s, arg));
	struct lrel *r = lin_row_of(l, s, arg);

	if (r != NULL && ind != NULL && ind->next == NULL && pgnode_is(ind, "String") &&
	    !r->cols.open) {
		for (size_t i = 0; i < r->cols.n; i++) {
			const char *name = r->cols.c[i]->name;

			if (name != NULL && strcmp(name, pgnode_str(ind)) == 0)
				return r->cols.c[i]->v;
		}
	}
	for (; ind != NULL; ind = ind->next) {
		if (pgnode_is(ind, "A_Indices"))
			v = lval_mix(v, lval_mix(lin_expr(l, s, pgnode_field(ind, "lidx")),
					    lin_expr(l, s, pgnode_field(ind, "uidx"))));
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

/* Every field of the node is an expression, a list of them, or a name or type. */
static struct lval fold(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	static const char *const skip[] = {"typeName", "collname", "name"};
	struct lval v = lval_clean;

	for (const struct pgnode *f = n->child; f != NULL; f = f->next) {
		bool skipped = f->type != PGN_OBJ && f->type != PGN_LIST;

		for (size_t i = 0; f->key != NULL && i < sizeof(skip) / sizeof(skip[0]); i++)
			skipped = skipped || strcmp(f->key, skip[i]) == 0;
		if (skipped)
			continue;
		v = lval_mix(v, f->type == PGN_LIST ? lin_exprs(l, s, f) : lin_expr(l, s, f));
	}
	return lval_derive(v);
}

static const struct {
	const char *kind;
	struct lval (*val)(struct lin *l, struct lscope *s, const struct pgnode *n);
} kinds[] = {
    {"ColumnRef", lin_column_ref},
    {"A_Const", clean},
    {"FuncCall", func_call},
    {"A_Expr", a_expr},
    {"TypeCast", fold},
    {"BoolExpr", fold},
    {"ParamRef", clean},
    {"SubLink", sublink},
    {"CaseExpr", fold},
    {"CaseWhen", fold},
    {"CoalesceExpr", fold},
    {"NullTest", fold},
    {"BooleanTest", fold},
    {"MinMaxExpr", fold},
    {"A_Indirection", indirection},
    {"A_ArrayExpr", fold},
    {"RowExpr", fold},
    {"List", fold},
    {"SortBy", fold},
    {"SQLValueFunction", clean},
    {"CollateClause", fold},
    {"NamedArgExpr", fold},
    {"XmlExpr", fold},
    {"XmlSerialize", fold},
    {"GroupingFunc", clean},
    {"SetToDefault", clean},
    {"ResTarget", fold},
    {"MultiAssignRef", fold},
    {"GroupingSet", fold},
    {"String", clean},
    {"Integer", clean},
    {"Float", clean},
    {"Boolean", clean},
};

struct lval lin_expr(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lval v = lval_unknown("an expression that is not understood");
	const char *kind = pgnode_kind(n);

	if (n != NULL && n->type == PGN_LIST)
		return lin_exprs(l, s, n);
	if (n == NULL || (n->type == PGN_OBJ && n->kind == NULL &&
			     n->child == NULL)) /* absent, or a null in a list */
		return lval_clean;
	if (!lin_enter(l))
		return lval_unknown("too large to follow");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].kind) == 0) {
			v = kinds[i].val(l, s, n);
			break;
		}
	}
	lin_leave(l);
	return v;
}
