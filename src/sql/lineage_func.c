/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions in FROM and XMLTABLE: what columns they give, under which names, and what their number of rows tells.
 */
#include "sql/lineage_int.h"

/* What comes out of a function: another row each time. */
static struct lval row_val(struct lval v, uint32_t src)
{
	v = lval_derive(lval_settle(v));
	v.clear = v.clear || v.what != LINEAGE_SENSITIVE;
	v.src = v.what == LINEAGE_SENSITIVE ? LIN_SRC_MANY : src;
	return v;
}

/* Values of types that have no columns of their own. */
static bool is_scalar_array(struct lin *l, const struct pgnode *n)
{
	static const char *const makers[] = {"string_to_array", "regexp_split_to_array", "regexp_match", "current_schemas"};
	static const char *const types[] = {"int2", "int4", "int8", "text", "varchar", "bpchar", "numeric", "float4", "float8", "bool", "date",
	    "timestamp", "timestamptz", "time", "uuid", "json", "jsonb", "oid", "name", "inet", "bytea", "interval", "regclass", "regtype",
	    "_text", "_int4", "_int8", "char"};
	const char *schema, *name;

	if (pgnode_is(n, "TypeCast")) {
		name = pgnode_str(pgnode_last(pgnode_field(pgnode_field(n, "typeName"), "names")));
		for (size_t i = 0; name != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
			if (strcmp(name, types[i]) == 0)
				return true;
		}
		return false;
	}
	if (pgnode_is(n, "A_ArrayExpr")) {
		for (const struct pgnode *e = pgnode_first(pgnode_field(n, "elements")); e != NULL; e = e->next) {
			if (!pgnode_is(e, "A_Const") && !is_scalar_array(l, e))
				return false;
		}
		return true;
	}
	if (!pgnode_is(n, "FuncCall"))
		return false;
	lin_func_name(n, &schema, &name);
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		if (strcmp(name, makers[i]) == 0)
			return lin_func_pure(l, schema, name);
	}
	return false;
}

static void add_defined(struct lin *l, struct lcols *out, const struct pgnode *defs, struct lval v)
{
	for (const struct pgnode *d = pgnode_first(defs); d != NULL; d = d->next)
		lcols_add(l, out, pgnode_field_str(d, "colname"), v);
}

/* unnest(a, b): one column each. The elements may be rows: then it has their columns. */
static void add_unnest(struct lin *l, struct lscope *s, struct lcols *out,
    const struct pgnode *args, const char *single, uint32_t src)
{
	const struct pgnode *a = pgnode_first(args);
	bool scalar = true;

	if (a != NULL && a->next != NULL)
		single = "unnest";
	for (const struct pgnode *e = a; e != NULL; e = e->next)
		scalar = scalar && is_scalar_array(l, e);
	for (; a != NULL; a = a->next)
		lcols_add(l, out, single, row_val(lin_expr(l, s, a), src));
	if (!scalar && !out->open) {
		out->rest = lcols_whole(out);
		out->rest.clear = true;
		out->open = true;
		out->head = 0;
	}
}

static void add_named(
    struct lin *l, struct lcols *out, const char *names, const char *single, struct lval v)
{
	if (strcmp(names, "=") == 0) {
		lcols_add(l, out, single, v);
		return;
	}
	while (*names != '\0') {
		size_t n = strcspn(names, " ");
		char *name = arena_strndup(&l->mem, names, n);

		if (name == NULL)
			l->failed = true;
		lcols_add(l, out, name, v);
		names += n + (names[n] == ' ');
	}
}

/* One function of FROM: append its columns. alias: of the item when it has just this function. */
static void add_function(struct lin *l, struct lscope *s, struct lcols *out,
    const struct pgnode *item, const struct pgnode *defs, const char *alias)
{
	const struct pgnode *call = pgnode_at(item, 0);
	uint32_t src = lin_new_src(l);
	struct lval v = row_val(lin_expr(l, s, call), src);
	const char *schema, *name, *names;

	if (pgnode_len(defs) == 0)
		defs = pgnode_at(item, 1);
	lin_func_name(call, &schema, &name);
	names = pgnode_is(call, "FuncCall") && lin_func_pure(l, schema, name)
		    ? lin_func_columns(name)
		    : NULL;
	if (pgnode_len(defs) > 0) {
		add_defined(l, out, defs, v);
	} else if (names == NULL) {
		struct lval all = lval_mix(lcols_whole(out), v);

		*out = lcols_open(all);
	} else if (strcmp(name, "unnest") == 0) {
		add_unnest(l, s, out, pgnode_field(call, "args"), alias != NULL ? alias : name, src);
	} else {
		add_named(l, out, names, alias != NULL ? alias : name, v);
	}
}

static void seen_items(const struct pgnode *functions)
{
	for (const struct pgnode *f = pgnode_first(functions); f != NULL; f = f->next) {
		lin_seen(f);
		for (const struct pgnode *part = pgnode_first(f); part != NULL; part = part->next)
			if (part->kind == NULL || strcmp(part->kind, "List") == 0)
				lin_seen(part);
	}
}

void lin_from_function(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *alias = pgnode_field(n, "alias"),
			    *f = pgnode_first(pgnode_field(n, "functions"));
	const char *name =
	    pgnode_field(alias, "aliasname") != NULL ? pgnode_field_str(alias, "aliasname") : NULL;
	const char *schema, *own = "";
	struct lcols cols = {0};

	seen_items(pgnode_field(n, "functions"));
	lin_func_name(pgnode_at(f, 0), &schema, &own);
	if (f != NULL && f->next == NULL) { /* ROWS FROM with one function is called like the function alone */
		add_function(l, s, &cols, f, pgnode_field(n, "coldeflist"), name);
	} else {
		for (; f != NULL; f = f->next)
			add_function(l, s, &cols, f, NULL, NULL);
	}
	if (pgnode_field_bool(n, "ordinality"))
		lcols_add(l, &cols, "ordinality", lval_vary());
	lin_rel_add(l, s, alias, own, &cols);
}

/* XMLTABLE */
void lin_from_tablefunc(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	struct lval v = lval_mix(
	    lin_expr(l, s, pgnode_field(n, "docexpr")), lin_expr(l, s, pgnode_field(n, "rowexpr")));
	struct lcols cols = {0};
	uint32_t src = lin_new_src(l);

	v = lval_mix(v, lin_exprs(l, s, pgnode_field(n, "namespaces")));
	lin_tell(l, s, lval_settle(v)); /* its rows are the document's */
	for (const struct pgnode *c = pgnode_first(pgnode_field(n, "columns")); c != NULL;
	     c = c->next) {
		struct lval e = lval_mix(lin_expr(l, s, pgnode_field(c, "colexpr")),
		    lin_expr(l, s, pgnode_field(c, "coldefexpr")));

		lin_seen(c);
		lcols_add(l, &cols, pgnode_field_str(c, "colname"), row_val(lval_mix(v, e), src));
	}
	lin_rel_add(l, s, pgnode_field(n, "alias"), "xmltable", &cols);
}
