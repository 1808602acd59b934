/* SPDX-License-Identifier: Apache-2.0
 *
 * Was everything looked at? Rules mark the nodes that they have read; afterwards the whole statement is walked. A node
 * of a kind that is not in the table here, a field that its kind is not known to have, or a part that no rule has
 * marked: then nothing is known about the statement. So what the parser learns tomorrow fails closed without a line
 * of code.
 */
#include "sql/lineage_int.h"

/* Fields of each kind, space-separated. With '+' it holds expressions, queries or relations, and each of these must
 * have been marked; without, it holds names, types and switches only. */
static const struct {
	const char *kind, *fields;
} kinds[] = {
    {"SelectStmt", "+distinctClause intoClause +targetList +fromClause +whereClause +groupClause groupDistinct +havingClause "
		   "+windowClause +valuesLists +sortClause +limitOffset +limitCount limitOption lockingClause +withClause op all +larg +rarg"},
    {"InsertStmt", "relation +cols +selectStmt +onConflictClause +returningList +withClause override"},
    {"UpdateStmt", "relation +targetList +whereClause +fromClause +returningList +withClause"},
    {"DeleteStmt", "relation +usingClause +whereClause +returningList +withClause"},
    {"OnConflictClause", "action +infer +targetList +whereClause"},
    {"InferClause", "+indexElems +whereClause conname"},
    {"IndexElem", "name +expr indexcolname collation opclass opclassopts ordering nulls_ordering"},
    {"WithClause", "+ctes recursive"},
    {"CommonTableExpr", "ctename aliascolnames ctematerialized +ctequery search_clause cycle_clause"},
    {"ResTarget", "name +indirection +val"},
    {"SortBy", "+node sortby_dir sortby_nulls useOp"},
    {"WindowDef", "name refname +partitionClause +orderClause frameOptions +startOffset +endOffset"},
    {"GroupingSet", "kind +content"},
    {"RangeVar", "catalogname schemaname relname inh relpersistence alias"},
    {"JoinExpr", "jointype isNatural +larg +rarg usingClause join_using_alias +quals alias rtindex"},
    {"RangeSubselect", "lateral +subquery alias"},
    {"RangeFunction", "lateral ordinality is_rowsfrom +functions alias coldeflist"},
    {"RangeTableSample", "+relation method +args +repeatable"},
    {"RangeTableFunc", "lateral +docexpr +rowexpr +namespaces +columns alias"},
    {"RangeTableFuncCol", "colname typeName for_ordinality is_not_null +colexpr +coldefexpr"},
    {"ColumnRef", "fields"},
    {"ParamRef", "number"},
    {"A_Const", "ival fval boolval sval bsval isnull val"},
    {"A_Expr", "kind name +lexpr +rexpr"},
    {"BoolExpr", "boolop +args"},
    {"TypeCast", "+arg typeName"},
    {"CollateClause", "+arg collname"},
    {"FuncCall", "funcname +args +agg_order +agg_filter +over agg_within_group agg_star agg_distinct func_variadic funcformat"},
    {"A_Star", ""},
    {"A_Indices", "is_slice +lidx +uidx"},
    {"A_Indirection", "+arg +indirection"},
    {"A_ArrayExpr", "+elements"},
    {"SubLink", "subLinkType subLinkId +testexpr operName +subselect"},
    {"CaseExpr", "+arg +args +defresult"},
    {"CaseWhen", "+expr +result"},
    {"CoalesceExpr", "+args"},
    {"MinMaxExpr", "op +args"},
    {"NullTest", "+arg nulltesttype argisrow"},
    {"BooleanTest", "+arg booltesttype"},
    {"RowExpr", "+args row_format colnames"},
    {"SQLValueFunction", "op typmod"},
    {"XmlExpr", "op name +named_args arg_names +args xmloption"},
    {"XmlSerialize", "xmloption +expr typeName"},
    {"GroupingFunc", "+args"},
    {"SetToDefault", ""},
    {"MultiAssignRef", "+source colno ncolumns"},
    {"NamedArgExpr", "+arg name argnumber"},
    {"List", "+items"},
    {"String", ""},
    {"Integer", ""},
    {"Float", ""},
    {"Boolean", ""},
    {"BitString", ""},
};

void lin_seen(const struct pgnode *n)
{
	if (n != NULL)
		((struct pgnode *)(uintptr_t)n)->seen = true;
}

void lin_forget_seen(const struct pgnode *root)
{
	for (const struct pgnode *n = root; n != NULL; n = pgnode_walk(root, n, false))
		((struct pgnode *)(uintptr_t)n)->seen = false;
}

static const char *fields_of(const struct pgnode *n)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].kind, n->kind) == 0)
			return kinds[i].fields;
	}
	return NULL;
}

/* How a field of that kind counts. */
enum part { PART_UNKNOWN, PART_PLAIN, PART_READ };

static enum part part_of(const char *fields, const char *key)
{
	size_t len = strlen(key);

	while (*fields != '\0') {
		bool read = *fields == '+';
		size_t n;

		fields += read;
		n = strcspn(fields, " ");
		if (n == len && memcmp(fields, key, n) == 0)
			return read ? PART_READ : PART_PLAIN;
		fields += n;
		fields += *fields == ' ';
	}
	return PART_UNKNOWN;
}

/* Plain names need no rule; nor does a null in a list. */
static bool needs_rule(const struct pgnode *n)
{
	return n->type == PGN_OBJ && !n->scalar_kind && !pgnode_is(n, "A_Star") && (n->kind != NULL || n->child != NULL);
}

/* An arm of a set operation and such have no kind of their own. */
static const char *fixed_fields(const struct pgnode *n)
{
	static const struct {
		const char *key, *kind;
	} fixed[] = {{"onConflictClause", "OnConflictClause"}, {"infer", "InferClause"}, {"over", "WindowDef"}, {"relation", "RangeVar"}};

	for (size_t i = 0; n->key != NULL && i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (strcmp(n->key, fixed[i].key) == 0) {
			struct pgnode as = {.kind = fixed[i].kind};

			return fields_of(&as);
		}
	}
	return NULL;
}

static bool fields_known(const struct pgnode *n, const char *fields)
{
	for (const struct pgnode *f = n->child; fields != NULL && f != NULL; f = f->next) {
		if (f->key == NULL || part_of(fields, f->key) == PART_UNKNOWN)
			return false;
	}
	return fields != NULL;
}

bool lin_all_seen(const struct pgnode *root)
{
	const struct pgnode *n = root;
	bool plain = false;

	for (; n != NULL; n = pgnode_walk(root, n, plain)) {
		const char *in = n != root && n->parent != NULL && n->parent->type == PGN_OBJ
				     ? n->parent->kind != NULL ? fields_of(n->parent) : fixed_fields(n->parent)
				     : NULL;
		enum part part = in != NULL && n->key != NULL ? part_of(in, n->key) : PART_READ;

		plain = part == PART_PLAIN || n->scalar_kind;
		if (plain || n->type != PGN_OBJ || !needs_rule(n))
			continue;
		if (!n->seen || !fields_known(n, n->kind != NULL ? fields_of(n) : fixed_fields(n)))
			return false;
	}
	return true;
}
