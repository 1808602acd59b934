/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls: functions, aggregates, windows. A built-in that is not shadowed makes its value of its arguments; everything
 * else may do anything with them. What a call does to the number of rows, or to something that others can look at, is
 * noted at once.
 */
#include "sql/lineage_int.h"
#include "sql/pgfuncs.h"

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

/* current_setting('server_version'): a setting that cannot be made to hold a value of a table. The names of pg_settings
 * are as good as its values. */
static bool reads_plain_setting(
    struct lin *l, struct lscope *s, const char *schema, const char *name, const struct pgnode *args)
{
	const char *setting = pgnode_const_str(pgnode_first(args));
	struct lval v;

	if (strcmp(name, "current_setting") != 0 || !is_builtin(l, schema, name))
		return false;
	if (setting != NULL)
		return lin_setting_plain(setting);
	if (!pgnode_is(pgnode_first(args), "ColumnRef"))
		return false;
	v = lin_expr(l, s, pgnode_first(args));
	return v.what == LINEAGE_CLEAN && v.rel != NULL && strcmp(v.rel, "pg_settings") == 0;
}

/* The rows come out sorted as the window wants them. Groups of whole values are what GROUP BY shows; their order is not. */
static struct lval window_keys(struct lin *l, struct lscope *s, const struct pgnode *keys, bool groups)
{
	struct lval v = lval_clean;

	for (const struct pgnode *k = pgnode_first(keys); k != NULL; k = k->next) {
		struct lval one = lin_value(l, s, pgnode_is(k, "SortBy") ? pgnode_field(k, "node") : k);

		lin_seen(k);
		lin_row_key(l, s, one);
		if (!groups || !one.whole)
			v = lval_mix(v, one);
	}
	return v;
}

struct lval lin_window_def(struct lin *l, struct lscope *s, const struct pgnode *w)
{
	struct lval v = lval_mix(window_keys(l, s, pgnode_field(w, "partitionClause"), true), window_keys(l, s, pgnode_field(w, "orderClause"), false));

	lin_seen(w);
	v = lval_mix(v, lin_value(l, s, pgnode_field(w, "startOffset")));
	return lval_derive(lval_mix(v, lin_value(l, s, pgnode_field(w, "endOffset"))));
}

/* Ranks tell the order. */
static struct lval window(struct lin *l, struct lscope *s, const struct pgnode *over)
{
	struct lval v;

	if (over == NULL)
		return lval_clean;
	v = lval_mix(lval_vary(), lin_window_def(l, s, over));
	if (pgnode_field(over, "name") == NULL && pgnode_field(over, "refname") == NULL)
		return v;
	for (const struct pgnode *w = pgnode_first(s->windows); w != NULL; w = w->next)
		v = lval_mix(
		    v, lin_window_def(l, s, w)); /* any of them: they may build on each other */
	return v;
}

/* to_jsonb(c) of a whole row, whose fields are its columns */
static bool is_row_json(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	static const char *const makers[] = {"to_json", "to_jsonb", "row_to_json"};
	const struct pgnode *args = pgnode_field(n, "args");
	const char *schema, *name;

	if (!pgnode_is(n, "FuncCall") || pgnode_len(args) != 1)
		return false;
	lin_func_name(n, &schema, &name);
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		if (strcmp(name, makers[i]) == 0)
			return lin_func_pure(l, schema, name) && lin_row_of(l, s, pgnode_first(args)) != NULL;
	}
	return false;
}

bool lin_func_fixed(struct lin *l, struct lscope *s, const struct pgnode *call)
{
	static const char *const walkers[] = {"json_each", "jsonb_each", "json_each_text", "jsonb_each_text", "json_object_keys",
	    "jsonb_object_keys"};
	const struct pgnode *arg = pgnode_first(pgnode_field(call, "args"));
	const char *schema, *name;

	lin_func_name(call, &schema, &name);
	if (strcmp(name, "unnest") == 0) {
		for (; arg != NULL; arg = arg->next) {
			if (!pgnode_is(arg, "A_ArrayExpr"))
				return false;
		}
		return true;
	}
	for (size_t i = 0; i < sizeof(walkers) / sizeof(walkers[0]); i++) {
		if (strcmp(name, walkers[i]) == 0)
			return arg != NULL && arg->next == NULL && is_row_json(l, s, arg);
	}
	return false;
}

/* count(*), count(column): they tell what is missing, as masks do. Of anything else it is a value. */
static struct lval count(struct lin *l, struct lscope *s, const struct pgnode *args, struct lval around)
{
	struct lval v = lval_vary();

	for (const struct pgnode *a = pgnode_first(args); a != NULL; a = a->next) {
		struct lval in = lin_value(l, s, a);

		if (lval_tells(in) && (!in.whole || a->next != NULL))
			v = lval_mix(v, in);
	}
	return lval_derive(lval_mix(v, around));
}

/* lower(x), upper(x) */
static bool only_folds(const char *name, const struct pgnode *args)
{
	return (strcmp(name, "lower") == 0 || strcmp(name, "upper") == 0) && pgnode_len(args) == 1;
}

/* Not a constant; of a sensitive column alone it stays that. */
static struct lval varies(struct lval v)
{
	if (v.what != LINEAGE_SENSITIVE) {
		v.clear = true;
		v.src = LIN_SRC_MANY;
	}
	return v;
}

static void note_effects(struct lin *l, struct lscope *s, const struct pgnode *n, const char *name, bool pure, struct lval v)
{
	v = lval_settle(v);
	if (lin_func_acts(name) || (!pure && !lin_func_reads_state(name)))
		l->effects++;
	if (v.what == LINEAGE_SENSITIVE && (!pure || lin_func_tells(name))) /* pg_notify, set_config, setval: it may keep it */
		lin_note_write(l, v);
	if (lval_tells(v) && (!pure || lin_func_sets(name)) && !(pure && lin_func_fixed(l, s, n)))
		lin_tell(l, s, v);
}

/* A setting may hold anything, but it is one value for the whole statement. */
static struct lval unknown_call(struct lin *l, const char *schema, const char *name, struct lval args)
{
	struct lval v = lval_unknown("a function that is not known to use only its arguments");

	if (strcmp(name, "current_setting") == 0 && is_builtin(l, schema, name)) {
		v.clear = args.clear;
		v.src = args.src;
	}
	return v;
}

struct lval lin_func_call(struct lin *l, struct lscope *s, const struct pgnode *n)
{
	const struct pgnode *args = pgnode_field(n, "args");
	const char *schema, *name;
	struct lval v, around;
	bool pure;

	lin_func_name(n, &schema, &name);
	pure = lin_func_pure(l, schema, name);
	around = lval_mix(
	    lin_expr(l, s, pgnode_field(n, "agg_filter")), window(l, s, pgnode_field(n, "over")));
	around = lval_mix(around, lin_exprs(l, s, pgnode_field(n, "agg_order")));
	if (strcmp(name, "count") == 0 && pure)
		return count(l, s, args, around);
	if (pure && only_folds(name, args)) {
		struct lval in = lin_expr(l, s, pgnode_first(args));

		v = lval_derive(in);
		v.whole = in.whole;
	} else {
		v = lval_mix(lin_exprs(l, s, args), around);
	}
	if ((!pure && strcmp(name, "current_setting") != 0) || lin_func_sets(name) || lin_func_groups(name)) /* of constants, too, it may be another one for each row */
		v = varies(v);
	v.fresh = v.fresh || (!pure && strcmp(name, "current_setting") != 0) || lin_func_fresh(name);
	note_effects(l, s, n, name, pure, v);
	if (v.what != LINEAGE_SENSITIVE && !pure && !reads_plain_setting(l, s, schema, name, args))
		v = lval_mix(v, unknown_call(l, schema, name, v));
	return v;
}
