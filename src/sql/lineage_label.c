/* SPDX-License-Identifier: Apache-2.0
 *
 * The name that the server gives an output column (FigureColname in parse_target.c of PostgreSQL 15). A kind of
 * expression that is not listed has a name that is not known here, which is not the same as having none.
 */
#include "sql/lineage_int.h"

#define NAME_DEPTH 50

/* How sure the server is of a name: 2 from a column or function, 1 from a type or CASE, 0 none. */
struct label {
	const char *name; /* NULL: not known to us */
	int strength;
};

static const struct label none = {"?column?", 0}, unknown = {NULL, 2};

/* Nodes that are always called the same. */
static const struct {
	const char *kind, *name;
} fixed[] = {
    {"CoalesceExpr", "coalesce"},
    {"A_ArrayExpr", "array"},
    {"RowExpr", "row"},
    {"GroupingFunc", "grouping"},
    {"XmlSerialize", "xmlserialize"},
    {"A_Const", NULL},
    {"ParamRef", NULL},
    {"BoolExpr", NULL},
    {"NullTest", NULL},
    {"BooleanTest", NULL},
    {"SetToDefault", NULL},
    {"CurrentOfExpr", NULL},
};

/* Nodes whose operation says the name. */
static const struct {
	const char *op, *name;
} by_op[] = {
    {"IS_GREATEST", "greatest"},
    {"IS_LEAST", "least"},
    {"IS_XMLCONCAT", "xmlconcat"},
    {"IS_XMLELEMENT", "xmlelement"},
    {"IS_XMLFOREST", "xmlforest"},
    {"IS_XMLPARSE", "xmlparse"},
    {"IS_XMLPI", "xmlpi"},
    {"IS_XMLROOT", "xmlroot"},
    {"SVFOP_CURRENT_DATE", "current_date"},
    {"SVFOP_CURRENT_TIME", "current_time"},
    {"SVFOP_CURRENT_TIME_N", "current_time"},
    {"SVFOP_CURRENT_TIMESTAMP", "current_timestamp"},
    {"SVFOP_CURRENT_TIMESTAMP_N", "current_timestamp"},
    {"SVFOP_LOCALTIME", "localtime"},
    {"SVFOP_LOCALTIME_N", "localtime"},
    {"SVFOP_LOCALTIMESTAMP", "localtimestamp"},
    {"SVFOP_LOCALTIMESTAMP_N", "localtimestamp"},
    {"SVFOP_CURRENT_ROLE", "current_role"},
    {"SVFOP_CURRENT_USER", "current_user"},
    {"SVFOP_USER", "user"},
    {"SVFOP_SESSION_USER", "session_user"},
    {"SVFOP_CURRENT_CATALOG", "current_catalog"},
    {"SVFOP_CURRENT_SCHEMA", "current_schema"},
};

static struct label label_of(const struct pgnode *n, int depth);

static const char *last_name(const struct pgnode *list)
{
	const char *name = NULL;

	for (const struct pgnode *f = pgnode_first(list); f != NULL; f = f->next) {
		if (pgnode_str(f) != NULL)
			name = pgnode_str(f);
	}
	return name;
}

static struct label label_of_names(const struct pgnode *n, const char *field)
{
	return (struct label){last_name(pgnode_field(n, field)), 2};
}

static struct label label_column(const struct pgnode *n, int depth)
{
	(void)depth;
	return label_of_names(n, "fields");
}

static struct label label_call(const struct pgnode *n, int depth)
{
	(void)depth;
	return label_of_names(n, "funcname");
}

static struct label label_indirection(const struct pgnode *n, int depth)
{
	struct label last = label_of_names(n, "indirection");

	return last.name != NULL ? last : label_of(pgnode_field(n, "arg"), depth);
}

static struct label label_cast(const struct pgnode *n, int depth)
{
	struct label inner = label_of(pgnode_field(n, "arg"), depth);

	if (inner.strength > 1)
		return inner;
	return (struct label){last_name(pgnode_field(pgnode_field(n, "typeName"), "names")), 1};
}

static struct label label_collate(const struct pgnode *n, int depth)
{
	return label_of(pgnode_field(n, "arg"), depth);
}

static struct label label_case(const struct pgnode *n, int depth)
{
	struct label inner = label_of(pgnode_field(n, "defresult"), depth);

	return inner.strength > 1 ? inner : (struct label){"case", 1};
}

static struct label label_operator(const struct pgnode *n, int depth)
{
	(void)depth;
	return strcmp(pgnode_field_str(n, "kind"), "AEXPR_NULLIF") == 0 ? (struct label){"nullif", 2} : none;
}

/* The subquery has its names by then: "?column?" and "case" count as much as a column's. */
static struct label label_sublink(const struct pgnode *n, int depth)
{
	const char *type = pgnode_field_str(n, "subLinkType");
	const struct pgnode *q = pgnode_field(n, "subselect");
	struct label first;

	if (strcmp(type, "EXISTS_SUBLINK") == 0)
		return (struct label){"exists", 2};
	if (strcmp(type, "ARRAY_SUBLINK") == 0)
		return (struct label){"array", 2};
	if (strcmp(type, "EXPR_SUBLINK") != 0)
		return none;
	while (pgnode_field(q, "larg") != NULL)
		q = pgnode_field(q, "larg");
	if (pgnode_field(q, "valuesLists") != NULL)
		return (struct label){"column1", 2};
	q = pgnode_first(pgnode_field(q, "targetList"));
	if (q == NULL)
		return unknown;
	if (pgnode_field(q, "name") != NULL)
		return (struct label){pgnode_field_str(q, "name"), 2};
	q = pgnode_field(q, "val");
	if (pgnode_is(pgnode_last(pgnode_field(q, "fields")), "A_Star") ||
	    pgnode_is(pgnode_last(pgnode_field(q, "indirection")), "A_Star"))
		return unknown; /* the first column of what is behind the star */
	first = label_of(q, depth);
	return (struct label){first.name, 2};
}

static struct label label_op(const struct pgnode *n, int depth)
{
	const char *op = pgnode_field_str(n, "op");

	(void)depth;
	if (strcmp(op, "IS_DOCUMENT") == 0)
		return none;
	for (size_t i = 0; i < sizeof(by_op) / sizeof(by_op[0]); i++) {
		if (strcmp(op, by_op[i].op) == 0)
			return (struct label){by_op[i].name, 2};
	}
	return unknown;
}

static const struct {
	const char *kind;
	struct label (*label)(const struct pgnode *n, int depth);
} kinds[] = {
    {"ColumnRef", label_column},
    {"FuncCall", label_call},
    {"A_Indirection", label_indirection},
    {"TypeCast", label_cast},
    {"CollateClause", label_collate},
    {"CaseExpr", label_case},
    {"A_Expr", label_operator},
    {"SubLink", label_sublink},
    {"MinMaxExpr", label_op},
    {"XmlExpr", label_op},
    {"SQLValueFunction", label_op},
};

static struct label label_of(const struct pgnode *n, int depth)
{
	const char *kind = pgnode_kind(n);

	if (n == NULL) /* CASE without ELSE */
		return none;
	if (depth > NAME_DEPTH)
		return unknown;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].kind) == 0)
			return kinds[i].label(n, depth + 1);
	}
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (strcmp(kind, fixed[i].kind) == 0)
			return fixed[i].name == NULL ? none : (struct label){fixed[i].name, 2};
	}
	return unknown;
}

const char *lin_output_name(const struct pgnode *res_target)
{
	if (pgnode_field(res_target, "name") != NULL)
		return pgnode_field_str(res_target, "name");
	return label_of(pgnode_field(res_target, "val"), 0).name;
}
