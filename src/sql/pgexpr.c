/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes inside statements: function calls, operators, relations, and settings changed through a
 * function.
 */
#include <stdio.h>

#include "sql/pgfuncs.h"
#include "sql/pgsettings.h"
#include "sql/pgwalk.h"

/* A qualified name: the last two parts. false when it is no name at all. */
static bool split_name(const struct pgnode *list, const char **schema, const char **name)
{
	size_t n = pgnode_len(list);

	*name = pgnode_str(pgnode_last(list));
	*schema = n >= 2 ? pgnode_str(pgnode_at(list, n - 2)) : "";
	return *name != NULL && *schema != NULL;
}

/* ---- settings ---- */

const char *pgexpr_setting_value(struct pgwalk *w, const struct pgnode *args)
{
	const struct pgnode *a, *v;
	char text[512];
	size_t n = 0;

	text[0] = '\0';
	for (a = pgnode_first(args); a != NULL; a = a->next) {
		const struct pgnode *c = pgnode_is(a, "TypeCast") ? pgnode_field(a, "arg") : a;
		const char *s = pgnode_const_str(c);
		int r;

		if (!pgnode_is(c, "A_Const"))
			return NULL;
		v = pgnode_field(c, "ival");
		if (s == NULL)
			s = pgnode_str(pgnode_field(c, "fval"));
		if (s != NULL)
			r = snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? "," : "", s);
		else
			r = snprintf(text + n, sizeof(text) - n, "%s%lld", n > 0 ? "," : "",
			    (long long)pgnode_int(v));
		if (r < 0 || (size_t)r >= sizeof(text) - n)
			return NULL;
		n += (size_t)r;
	}
	return arena_strdup(w->mem, text);
}

void pgexpr_setting(struct pgwalk *w, const char *name, const char *value, int how)
{
	struct pgsetting s;

	pgsetting_judge(name, value, (enum pgsetting_how)how, &s);
	w->stmt->flags |= s.flags;
	if (w->cx != NULL && w->cx->dump_client && strcmp(name, "row_security") == 0 &&
	    value != NULL && strcmp(value, "off") == 0)
		pgwalk_raise_call(w, SQL_SESSION, "%s", "");
	else
		pgwalk_raise_call(w, s.cls, "setting %s%s%s", pgwalk_shown(w, name),
		    s.why[0] != '\0' ? " " : "", s.why);
}

/* pg_dump: SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'y'. The name, else
 * NULL. */
static const char *name_from_pg_settings(const struct pgnode *call)
{
	const struct pgnode *sel = call->parent, *from, *where;
	const char *schema;

	while (sel != NULL && !pgnode_is(sel, "SelectStmt"))
		sel = sel->parent;
	from = pgnode_first(pgnode_field(sel, "fromClause"));
	where = pgnode_field(sel, "whereClause");
	schema = pgnode_field_str(from, "schemaname");
	if (!pgnode_is(from, "RangeVar") || from->next != NULL ||
	    pgnode_field(from, "alias") != NULL ||
	    (schema[0] != '\0' && strcmp(schema, "pg_catalog") != 0) ||
	    pgnode_field(sel, "withClause") != NULL ||
	    strcmp(pgnode_field_str(from, "relname"), "pg_settings") != 0)
		return NULL;
	if (strcmp(pgnode_field_str(where, "kind"), "AEXPR_OP") != 0 ||
	    pgnode_len(pgnode_field(where, "name")) != 1 ||
	    strcmp(pgnode_str(pgnode_first(pgnode_field(where, "name"))), "=") != 0 ||
	    !pgnode_is(pgnode_field(where, "lexpr"), "ColumnRef") ||
	    pgnode_len(pgnode_field(pgnode_field(where, "lexpr"), "fields")) != 1)
		return NULL;
	if (strcmp(pgnode_str(pgnode_first(pgnode_field(pgnode_field(where, "lexpr"), "fields"))),
		"name") != 0)
		return NULL;
	return pgnode_const_str(pgnode_field(where, "rexpr"));
}

static const struct pgnode *uncast(const struct pgnode *e)
{
	while (pgnode_is(e, "TypeCast"))
		e = pgnode_field(e, "arg");
	return e;
}

static void call_set_config(struct pgwalk *w, const struct pgnode *call)
{
	const struct pgnode *args = pgnode_field(call, "args"), *a = uncast(pgnode_first(args));
	const struct pgnode *col = pgnode_first(pgnode_field(a, "fields"));
	const char *name = pgnode_const_str(a);

	if (pgnode_is(a, "ColumnRef") && pgnode_len(pgnode_field(a, "fields")) == 1 &&
	    pgnode_str(col) != NULL && strcmp(pgnode_str(col), "name") == 0)
		name = name_from_pg_settings(call);
	if (name == NULL)
		pgwalk_raise_call(w, SQL_PRIVILEGE, "set_config() of a setting that is computed");
	else
		pgexpr_setting(w, name, pgnode_const_str(uncast(pgnode_at(args, 1))), PGSET_VALUE);
}

/* ---- functions and operators ---- */

/* Numbers taken from a sequence and locks of the session stay when the rows are rolled back. */
static void lasts(struct pgwalk *w, const struct pgnode *n, const char *name)
{
	bool next = strcmp(name, "nextval") == 0;

	w->lasting |= next || strstr(name, "advisory") != NULL;
	if (next && w->bodies == 0 && pgrows_repeats(w, n))
		pgwalk_raise(w, SQL_BULK, "nextval() for each row of a query advances a sequence any number of times");
}

bool pgexpr_call(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *list = pgnode_field(n, "funcname");
	const char *schema, *name;
	const struct pgfunc *f;
	enum sql_code code;
	bool built_in;

	if (!split_name(list, &schema, &name)) {
		pgwalk_raise_call(w, SQL_OPAQUE, "calls a function without a name");
		return false;
	}
	code = pgwalk_func(w, SQL_CODE_FUNCTION, schema, name);
	built_in = schema[0] == '\0' || strcmp(schema, "pg_catalog") == 0;
	if (built_in && strcmp(name, "set_config") == 0) {
		call_set_config(w, n);
		return false;
	}
	if (built_in && strcmp(name, "ts_rewrite") == 0 && pgnode_len(pgnode_field(n, "args")) == 3)
		return false; /* the form without a query text */
	w->fills |= strstr(name, "_populate_record") != NULL;
	f = pgfunc_find(schema, name);
	if (f == NULL) {
		if (code == SQL_CODE_NONE && !(pgwalk_guesses(w) && pgfunc_is_extension(name)))
			pgwalk_raise_call(w, SQL_OPAQUE,
			    "calls %s(), which is not a known read-only function", pgwalk_shown(w, name));
		return false;
	}
	w->stmt->flags |= w->bodies == 0 ? f->flags & SQLF_NOTIFY : 0;
	if (f->cls > SQL_READ)
		pgwalk_raise_call(w, f->cls, "%s() %s", name, f->why);
	else if (strncmp(name, "pg_", 3) == 0 && strstr(name, "advisory") != NULL)
		w->stmt->flags |= SQLF_LOCKS;
	else
		return false;
	lasts(w, n, name);
	return false;
}

/* A name behind a dot calls the function of that name when there is no such column:
 * ('x'::text).pg_read_file. Only the dangerous ones are known by name; a caller with a catalogue
 * looks for others among the functions. */
static void attribute(struct pgwalk *w, const char *name)
{
	const struct pgfunc *f = pgfunc_find("", name);

	(void)pgwalk_func(w, SQL_CODE_FUNCTION, NULL, name);
	if (f != NULL && f->cls > SQL_READ)
		pgwalk_raise_call(w, f->cls, "%s %s", name, f->why);
}

bool pgexpr_column(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *list = pgnode_field(n, "fields"), *last = pgnode_last(list);

	if (last != pgnode_first(list) && pgnode_str(last) != NULL)
		attribute(w, pgnode_str(last));
	return true;
}

bool pgexpr_indirection(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *a;

	for (a = pgnode_first(pgnode_field(n, "indirection")); a != NULL; a = a->next)
		if (pgnode_is(a, "String"))
			attribute(w, pgnode_str(a));
	return false;
}

static void check_operator(struct pgwalk *w, const struct pgnode *list)
{
	const char *schema, *name;
	enum sql_code code;

	if (list == NULL)
		return;
	if (!split_name(list, &schema, &name)) {
		pgwalk_raise_call(w, SQL_OPAQUE, "uses an operator without a name");
		return;
	}
	if (strcmp(schema, "pg_catalog") == 0 && pgfunc_is_operator(schema, name))
		return;
	code = pgwalk_func(w, SQL_CODE_OPERATOR, schema, name); /* the database may have one of its own */
	if (code == SQL_CODE_NONE && !pgfunc_is_operator(schema, name) &&
	    !(pgwalk_guesses(w) && pgfunc_is_extension_operator(name)))
		pgwalk_raise_call(w, SQL_OPAQUE,
		    "uses the operator %s, which is not a built-in one", pgwalk_shown(w, name));
}

bool pgexpr_operator(struct pgwalk *w, const struct pgnode *n)
{
	const char *kind = pgnode_field_str(n, "kind");

	if (strstr(kind, "BETWEEN") == NULL) {
		check_operator(w, pgnode_field(n, "name"));
	} else {
		static const char *const ranges[] = {"<", "<=", ">", ">="};

		for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
			(void)pgwalk_func(w, SQL_CODE_OPERATOR, NULL, ranges[i]);
	}
	return false;
}

/* CASE x WHEN y, JOIN ... USING and NATURAL JOIN look for an = of their own. */
bool pgexpr_equal(struct pgwalk *w, const struct pgnode *n)
{
	if (pgnode_field(n, "arg") != NULL || pgnode_field(n, "usingClause") != NULL || pgnode_field_bool(n, "isNatural"))
		(void)pgwalk_func(w, SQL_CODE_OPERATOR, NULL, "=");
	return false;
}

/* A type's input function, casts and CHECKs run by its name. */
bool pgexpr_type(struct pgwalk *w, const struct pgnode *n)
{
	const char *schema, *last;

	if (split_name(pgnode_field(n, "names"), &schema, &last) && strcmp(schema, "pg_catalog") != 0)
		(void)pgwalk_func(w, SQL_CODE_TYPE, schema, last);
	return false;
}

bool pgexpr_sort(struct pgwalk *w, const struct pgnode *n)
{
	check_operator(w, pgnode_field(n, "useOp"));
	return false;
}

bool pgexpr_sublink(struct pgwalk *w, const struct pgnode *n)
{
	check_operator(w, pgnode_field(n, "operName"));
	if (pgnode_field(n, "operName") == NULL && pgnode_field(n, "testexpr") != NULL)
		(void)pgwalk_func(w, SQL_CODE_OPERATOR, NULL, "=");
	return false;
}

bool pgexpr_sample(struct pgwalk *w, const struct pgnode *n)
{
	const char *schema, *name;

	if (!split_name(pgnode_field(n, "method"), &schema, &name) ||
	    (strcmp(name, "system") != 0 && strcmp(name, "bernoulli") != 0))
		pgwalk_raise_call(
		    w, SQL_OPAQUE, "samples with a method that is not a built-in one");
	return false;
}

/* ---- relations ---- */

/* Is name one of the CTEs of the clause that a node below child of the clause's owner can see?
 * from: the CTE the node stands in, NULL when it stands outside the clause. */
static bool clause_defines(const struct pgnode *clause, const struct pgnode *from, const char *name)
{
	bool recursive = pgnode_field_bool(clause, "recursive");
	const struct pgnode *c;

	for (c = pgnode_first(pgnode_field(clause, "ctes")); c != NULL; c = c->next) {
		if (c == from && !recursive)
			return false; /* sees only the ones before it */
		if (strcmp(pgnode_field_str(c, "ctename"), name) == 0)
			return true;
	}
	return false;
}

static bool is_cte(const struct pgnode *n, const char *name)
{
	const struct pgnode *cte = NULL, *below = n, *p;

	for (p = n->parent; p != NULL; below = p, p = p->parent) {
		const struct pgnode *clause =
		    p->type == PGN_OBJ ? pgnode_field(p, "withClause") : NULL;

		if (pgnode_is(below, "CommonTableExpr"))
			cte = below;
		if (clause != NULL && clause_defines(clause, below == clause ? cte : NULL, name))
			return true;
	}
	return false;
}

/* Is this range variable the object that its statement changes? */
static bool is_target(const struct pgwalk *w, const struct pgnode *n)
{
	static const char *const reading[] = {
	    "CopyStmt", "ReindexStmt", "ClusterStmt", "AlterObjectDependsStmt"};
	const char *up = pgnode_kind(n->parent);
	size_t len = strlen(up), i;

	if (w->planned || n->key == NULL)
		return false;
	if (strcmp(up, "IntoClause") == 0)
		return true;
	if (strcmp(up, "CopyStmt") == 0)
		return pgnode_field_bool(n->parent, "is_from");
	for (i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
		if (strcmp(up, reading[i]) == 0)
			return false;
	return len > 4 && strcmp(up + len - 4, "Stmt") == 0 && strcmp(up, "SelectStmt") != 0;
}

bool pgexpr_relation(struct pgwalk *w, const struct pgnode *n)
{
	const char *schema = pgnode_field_str(n, "schemaname"),
		   *name = pgnode_field_str(n, "relname");
	bool target = is_target(w, n),
	     temp = strcmp(pgnode_field_str(n, "relpersistence"), "t") == 0;
	struct sql_table t;

	if (w->with && schema[0] == '\0' && !target && is_cte(n, name))
		return true;
	pgwalk_rel(w, schema, name, target);
	if (!target && pgrows_known(w, n, &t) && (t.code & SQL_ON_READ) != 0)
		pgwalk_raise_call(w, SQL_OPAQUE, "%s", t.code_why);
	if (target && !temp && pgwalk_is_catalog(schema, name))
		pgwalk_raise(
		    w, SQL_PRIVILEGE, "changes the system catalogue %s", pgwalk_shown(w, name));
	return true;
}
