/* SPDX-License-Identifier: Apache-2.0
 *
 * Was everything looked at? Rules mark the nodes that they have read; afterwards the whole statement is walked. A node
 * of a kind that is not in the table here, a field that its kind is not known to have, or a part that no rule has
 * marked: then nothing is known about the statement. So what the parser learns tomorrow fails closed without a line
 * of code.
 */
#include "sql/lineage_int.h"

/* Fields of each kind, space-separated. With '+' it holds expressions, queries or relations, and each of these must
 * have been marked; without, it holds names, types and switches only. Sorted by kind. */
static const struct {
	const char *kind, *fields;
} kinds[] = {
    {"A_ArrayExpr", "+elements"},
    {"A_Const", "ival fval boolval sval bsval isnull val"},
    {"A_Expr", "kind name +lexpr +rexpr"},
    {"A_Indices", "is_slice +lidx +uidx"},
    {"A_Indirection", "+arg +indirection"},
    {"A_Star", ""},
    {"BitString", ""},
    {"BoolExpr", "boolop +args"},
    {"Boolean", ""},
    {"BooleanTest", "+arg booltesttype"},
    {"CaseExpr", "+arg +args +defresult"},
    {"CaseWhen", "+expr +result"},
    {"CoalesceExpr", "+args"},
    {"CollateClause", "+arg collname"},
    {"ColumnRef", "fields"},
    {"CommonTableExpr", "ctename aliascolnames ctematerialized +ctequery search_clause cycle_clause"},
    {"CurrentOfExpr", "cvarno cursor_name cursor_param"},
    {"DeleteStmt", "relation +usingClause +whereClause +returningList +withClause"},
    {"Float", ""},
    {"FuncCall", "funcname +args +agg_order +agg_filter +over agg_within_group agg_star agg_distinct func_variadic funcformat"},
    {"GroupingFunc", "+args"},
    {"GroupingSet", "kind +content"},
    {"IndexElem", "name +expr indexcolname collation opclass opclassopts ordering nulls_ordering"},
    {"InferClause", "+indexElems +whereClause conname"},
    {"InsertStmt", "relation +cols +selectStmt +onConflictClause +returningList +withClause override"},
    {"Integer", ""},
    {"JoinExpr", "jointype isNatural +larg +rarg usingClause join_using_alias +quals alias rtindex"},
    {"List", "+items"},
    {"MinMaxExpr", "op +args"},
    {"MultiAssignRef", "+source colno ncolumns"},
    {"NamedArgExpr", "+arg name argnumber"},
    {"NullTest", "+arg nulltesttype argisrow"},
    {"OnConflictClause", "action +infer +targetList +whereClause"},
    {"ParamRef", "number"},
    {"RangeFunction", "lateral ordinality is_rowsfrom +functions alias coldeflist"},
    {"RangeSubselect", "lateral +subquery alias"},
    {"RangeTableFunc", "lateral +docexpr +rowexpr +namespaces +columns alias"},
    {"RangeTableFuncCol", "colname typeName for_ordinality is_not_null +colexpr +coldefexpr"},
    {"RangeTableSample", "+relation method +args +repeatable"},
    {"RangeVar", "catalogname schemaname relname inh relpersistence alias"},
    {"ResTarget", "name +indirection +val"},
    {"RowExpr", "+args row_format colnames"},
    {"SQLValueFunction", "op typmod"},
    {"SelectStmt", "+distinctClause intoClause +targetList +fromClause +whereClause +groupClause groupDistinct +havingClause "
         "+windowClause +valuesLists +sortClause +limitOffset +limitCount limitOption lockingClause +withClause op all +larg +rarg"},
    {"SetToDefault", ""},
    {"SortBy", "+node sortby_dir sortby_nulls useOp"},
    {"String", ""},
    {"SubLink", "subLinkType subLinkId +testexpr operName +subselect"},
    {"TypeCast", "+arg typeName"},
    {"UpdateStmt", "relation +targetList +whereClause +fromClause +returningList +withClause"},
    {"WindowDef", "name refname +partitionClause +orderClause frameOptions +startOffset +endOffset"},
    {"WithClause", "+ctes recursive"},
    {"XmlExpr", "op name +named_args arg_names +args xmloption"},
    {"XmlSerialize", "xmloption +expr typeName"},
};

enum { NOT_SEEN = 0, SEEN, PLAIN };

static void mark(const struct pgnode *n, int how)
{
	((struct pgnode *)(uintptr_t)n)->seen = (uint8_t)how;
}

void lin_seen(const struct pgnode *n)
{
	if (n != NULL)
		mark(n, SEEN);
}

void lin_forget_seen(const struct pgnode *root)
{
	for (const struct pgnode *n = root; n != NULL; n = pgnode_walk(root, n, false))
		mark(n, NOT_SEEN);
}

/* Fields of a fixed type have no kind of their own in the tree. */
static const char *kind_of(const struct pgnode *n)
{
	static const struct {
		const char *key, *kind;
	} fixed[] = {{"onConflictClause", "OnConflictClause"}, {"infer", "InferClause"}, {"over", "WindowDef"}};

	if (n->kind != NULL)
		return n->kind;
	for (size_t i = 0; n->key != NULL && i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (strcmp(n->key, fixed[i].key) == 0)
			return fixed[i].kind;
	}
	return "";
}

static const char *fields_of(const struct pgnode *n)
{
	const char *kind = kind_of(n);
	size_t lo = 0, hi = sizeof(kinds) / sizeof(kinds[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int d = strcmp(kind, kinds[mid].kind);

		if (d == 0)
			return kinds[mid].fields;
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* How a field of that kind counts: '+', ' ' plain, or 0: not known. */
static char field_of(const char *fields, const char *key)
{
	size_t len = strlen(key);

	while (*fields != '\0') {
		char how = *fields == '+' ? '+' : ' ';
		size_t n;

		fields += how == '+';
		n = strcspn(fields, " ");
		if (n == len && memcmp(fields, key, n) == 0)
			return how;
		fields += n;
		fields += *fields == ' ';
	}
	return 0;
}

/* Every field of the node is known; names, types and switches need no rule. */
static bool fields_known(const struct pgnode *n)
{
	const char *fields = fields_of(n);

	if (fields == NULL)
		return false;
	for (const struct pgnode *f = n->child; f != NULL; f = f->next) {
		char how = f->key != NULL ? field_of(fields, f->key) : 0;

		if (how == 0)
			return false;
		if (how == ' ')
			mark(f, PLAIN);
	}
	return true;
}

/* Names and nulls in a list need no rule. */
static bool needs_rule(const struct pgnode *n)
{
	return n->type == PGN_OBJ && !n->scalar_kind && !pgnode_is(n, "A_Star") && (n->kind != NULL || n->child != NULL);
}

bool lin_all_seen(const struct pgnode *root)
{
	const struct pgnode *n = root;

	for (; n != NULL; n = pgnode_walk(root, n, n->seen == PLAIN || n->scalar_kind)) {
		if (n->seen == PLAIN || !needs_rule(n))
			continue;
		if (n->seen != SEEN || !fields_known(n))
			return false;
	}
	return true;
}
