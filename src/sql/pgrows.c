/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements that change or lock rows: how many rows it can be. Given rows and rows named by a unique key are proven.
 * Rows chosen by any other predicate are measured, when the statement's own command tag counts them: only the
 * statement itself, not one inside another. Everything else is bulk. What a write sets off behind the table (triggers,
 * rules, cascades, foreign servers) is seen by no count: the catalogue's word on it is final.
 */
#include <stdio.h>

#include "sql/pgbound.h"
#include "sql/pgfuncs.h"
#include "sql/pgwalk.h"

#define LOCK_LIMIT 100 /* rows that SELECT ... FOR UPDATE LIMIT n may lock uncounted */

/* ---- what is known of a relation ---- */

bool pgrows_known(const struct pgwalk *w, const struct pgnode *rel, struct sql_table *out)
{
	const struct sql_known *k = pgwalk_known(w);
	const char *schema = pgnode_field_str(rel, "schemaname"), *name = pgnode_field_str(rel, "relname");

	*out = (struct sql_table){0};
	return k != NULL && k->table != NULL && k->table(k->ctx, schema[0] != '\0' ? schema : NULL, name, out);
}

bool pgrows_is_temp(const struct pgwalk *w, const struct pgnode *rel)
{
	struct sql_table t;

	return pgrows_known(w, rel, &t) && t.temp;
}

/* ---- counting ---- */

/* Is n the statement itself, or the one that the statement prepares: will its tag be the one the server sends? */
static bool has_the_tag(const struct pgwalk *w, const struct pgnode *n)
{
	return w->bodies == 0 && (n == w->root || (n->parent == w->root && pgnode_is(w->root, "PrepareStmt")));
}

void pgrows_open(struct pgwalk *w, const struct pgnode *n, const char *why)
{
	if (w->planned)
		return;
	if (!has_the_tag(w, n)) {
		pgwalk_raise(w, SQL_BULK, "%s", why);
		return;
	}
	w->stmt->flags |= SQLF_MEASURE;
	pgwalk_raise(w, SQL_WRITE, "%s", why);
}

static void add_rows(uint32_t *sum, uint32_t rows)
{
	*sum = *sum <= UINT32_MAX - rows ? *sum + rows : UINT32_MAX;
}

void pgrows_proven(struct pgwalk *w, const struct pgnode *n, uint32_t rows, uint32_t inner_rows)
{
	if (w->planned)
		return;
	add_rows(has_the_tag(w, n) ? &w->stmt->rows : &w->stmt->inner_rows, rows);
	add_rows(&w->stmt->inner_rows, inner_rows);
}

/* ---- sets ---- */

/* Does this node alone stand for any number of rows? */
static bool is_set(const struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *list;
	const char *name, *schema;
	bool operator = pgnode_is(n, "A_Expr");

	if (!operator && !pgnode_is(n, "FuncCall") && !pgnode_is(n, "ColumnRef") && !pgnode_is(n, "A_Indirection"))
		return false;
	list = pgnode_field(n, operator ? "name" : pgnode_is(n, "FuncCall") ? "funcname" : pgnode_is(n, "ColumnRef") ? "fields" : "indirection");
	name = pgnode_str(pgnode_last(list));
	if (name == NULL)
		return false;
	schema = pgnode_is(n, "FuncCall") && pgnode_len(list) > 1 ? pgnode_str(pgnode_first(list)) : NULL;
	return pgfunc_is_set(name) ||
	       pgwalk_code(w, operator ? SQL_CODE_OPERATOR : SQL_CODE_FUNCTION, schema, name) == SQL_CODE_SET;
}

/* The same of everything in an expression or a list of them, but not inside subqueries: those are one value each. */
static bool has_set(const struct pgwalk *w, const struct pgnode *e)
{
	const struct pgnode *n;

	for (n = e; n != NULL; n = pgnode_walk(e, n, pgnode_is(n, "SubLink")))
		if (is_set(w, n))
			return true;
	return false;
}

/* Rows that a query without FROM gives, VALUES above all; 0: any number. */
static uint32_t given_rows(const struct pgwalk *w, const struct pgnode *s, int depth)
{
	const struct pgnode *values = pgnode_field(s, "valuesLists");
	uint32_t a, b;

	if (depth > 50 || pgnode_len(pgnode_field(s, "fromClause")) > 0)
		return 0;
	if (pgnode_field(s, "larg") != NULL) {
		a = given_rows(w, pgnode_field(s, "larg"), depth + 1);
		b = given_rows(w, pgnode_field(s, "rarg"), depth + 1);
		return a > 0 && b > 0 ? a + b : 0;
	}
	if (pgnode_len(values) > 0)
		return has_set(w, values) ? 0 : (uint32_t)pgnode_len(values);
	return has_set(w, pgnode_field(s, "targetList")) ? 0 : 1;
}

/* Is every item of FROM a query that gives one row? */
static bool from_one_row(const struct pgwalk *w, const struct pgnode *from)
{
	const struct pgnode *f;

	for (f = pgnode_first(from); f != NULL; f = f->next)
		if (!pgnode_is(f, "RangeSubselect") || given_rows(w, pgnode_field(f, "subquery"), 0) == 0)
			return false;
	return true;
}

bool pgrows_repeats(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *p;

	for (p = n->parent; p != NULL; p = p->parent)
		if (pgnode_is(p, "SelectStmt") && (!from_one_row(w, pgnode_field(p, "fromClause")) ||
						      has_set(w, pgnode_field(p, "targetList"))))
			return true;
	return false;
}

/* ---- writes ---- */

/* SET (or ON CONFLICT DO UPDATE SET) of a column to which rows of other tables are tied. */
static bool moves_others(const struct sql_table *t, const struct pgnode *targets)
{
	const struct pgnode *a;
	size_t i;

	for (a = pgnode_first(targets); a != NULL; a = a->next)
		for (i = 0; i < t->n_tied; i++)
			if (strcmp(pgnode_field_str(a, "name"), t->tied[i]) == 0)
				return true;
	return false;
}

/* Rows of other tables, which the tag does not count. */
static void carried_on(struct pgwalk *w, const struct pgnode *n, const char *why)
{
	const struct sql_known *k = pgwalk_known(w);

	if (k == NULL || !k->counts_all) {
		pgwalk_raise(w, SQL_BULK, "%s", why);
		return;
	}
	pgrows_open(w, n, why);
	if (has_the_tag(w, n) && !w->planned)
		w->stmt->flags |= SQLF_CARRIED;
}

/* What the write n sets off besides. */
static void behind(struct pgwalk *w, const struct pgnode *n, const struct sql_table *t, unsigned on, const struct pgnode *targets)
{
	if ((t->code & on) != 0)
		pgwalk_raise(w, SQL_OPAQUE, "%s", t->code_why);
	if ((t->cascade & on) != 0)
		carried_on(w, n, t->cascade_why);
	if ((on & SQL_ON_UPDATE) != 0 && moves_others(t, targets))
		carried_on(w, n, "the new key is carried into other tables, any number of rows");
}

/* Changes to a temporary table concern this session only. */
static bool is_local(struct pgwalk *w, const struct sql_table *t)
{
	if (!t->temp)
		return false;
	pgwalk_raise(w, SQL_SESSION, "changes a temporary table");
	return true;
}

/* Nobody knows what the name means at this place: an earlier statement may have changed that, or the catalogue could not
 * be read. */
static void note_unseen(struct pgwalk *w, bool known)
{
	const struct sql_known *k = w->cx != NULL ? w->cx->known : NULL;

	if (k != NULL && (w->renamed || k->stale || (!known && !k->complete)))
		pgwalk_raise(w, SQL_OPAQUE, "writes to a table that the gateway cannot look at here");
}

/* ON CONFLICT DO UPDATE changes as many rows as are given. */
static void upsert(struct pgwalk *w, const struct pgnode *n, const struct sql_table *t, uint32_t rows)
{
	const struct pgnode *c = pgnode_field(n, "onConflictClause"), *set = pgnode_field(c, "targetList");

	if (strcmp(pgnode_field_str(c, "action"), "ONCONFLICT_UPDATE") != 0)
		return;
	behind(w, n, t, SQL_ON_UPDATE, set);
	if (has_set(w, set))
		pgwalk_raise(w, SQL_BULK, "INSERT ... ON CONFLICT with a set of rows in SET");
	pgrows_proven(w, n, rows, 0);
}

bool pgrows_insert(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *s = pgnode_field(n, "selectStmt"), *rel = pgnode_field(n, "relation");
	uint32_t rows = s == NULL ? 1 : given_rows(w, s, 0);
	struct sql_table t;
	bool known = pgrows_known(w, rel, &t);

	if (is_local(w, &t))
		return false;
	note_unseen(w, known);
	behind(w, n, &t, SQL_ON_INSERT, NULL);
	upsert(w, n, &t, rows);
	if (rows > 0)
		pgwalk_raise(w, SQL_WRITE, "INSERT of listed rows");
	else if (!known && pgwalk_is_temp(rel))
		pgrows_open(w, n, "INSERT of any number of rows into what is called temporary");
	else
		pgwalk_raise(w, SQL_BULK, "INSERT ... SELECT writes as many rows as its query finds");
	return false;
}

/* UPDATE or DELETE: joined names the clause with more tables. */
static void change(struct pgwalk *w, const struct pgnode *n, const char *verb, const char *joined, unsigned on)
{
	const struct pgnode *rel = pgnode_field(n, "relation"), *where = pgnode_field(n, "whereClause");
	struct sql_table t;
	bool known = pgrows_known(w, rel, &t);
	char why[96];
	uint32_t rows;

	if (is_local(w, &t))
		return;
	note_unseen(w, known);
	behind(w, n, &t, on, pgnode_field(n, "targetList"));
	if (t.children && pgnode_field_bool(rel, "inh"))
		t.n_keys = 0;
	if (pgnode_len(pgnode_field(n, joined)) > 0) {
		pgwalk_raise(w, SQL_BULK, "%s of rows chosen by a join", verb);
		return;
	}
	switch (pgbound_of(rel, where, known ? &t : NULL, w->cx, &rows)) {
	case PGBOUND_PROVEN:
		pgwalk_raise(w, SQL_WRITE, "%s of rows named by a unique key", verb);
		pgrows_proven(w, n, rows, 0);
		break;
	case PGBOUND_OPEN:
		if (pgwalk_guesses(w) && pgbound_called_key(rel, where)) {
			w->stmt->flags |= w->planned ? 0 : SQLF_MEASURE;
			pgwalk_raise(w, SQL_WRITE, "%s of rows named by what is called a key", verb);
			break;
		}
		(void)snprintf(why, sizeof(why), "%s of rows that no unique key names", verb);
		pgrows_open(w, n, why);
		break;
	case PGBOUND_NONE:
		if (!known && pgwalk_is_temp(rel))
			pgrows_open(w, n, "changes any number of rows of what is called temporary");
		else if (where == NULL)
			pgwalk_raise(w, SQL_BULK, "%s without a WHERE clause", verb);
		else
			pgwalk_raise(w, SQL_BULK, "%s with a WHERE clause that looks at no column of the table", verb);
		break;
	}
}

bool pgrows_update(struct pgwalk *w, const struct pgnode *n)
{
	change(w, n, "UPDATE", "fromClause", SQL_ON_UPDATE);
	return false;
}

bool pgrows_delete(struct pgwalk *w, const struct pgnode *n)
{
	change(w, n, "DELETE", "usingClause", SQL_ON_DELETE);
	return false;
}

static void copy_outside(struct pgwalk *w, const struct pgnode *n, bool from)
{
	const char *dir = from ? "FROM" : "TO";

	if (pgnode_field_bool(n, "is_program"))
		pgwalk_raise(
		    w, SQL_ESCAPE, "COPY … %s PROGRAM runs a program on the database host", dir);
	else
		pgwalk_raise(w, SQL_ESCAPE, "COPY … %s a file %s files of the database host", dir,
		    from ? "reads" : "writes");
}

bool pgrows_copy(struct pgwalk *w, const struct pgnode *n)
{
	bool from = pgnode_field_bool(n, "is_from");
	struct sql_table t;

	if (pgnode_field_bool(n, "is_program") || pgnode_field(n, "filename") != NULL) {
		copy_outside(w, n, from);
		return false;
	}
	pgwalk_flag(w, n, from ? SQLF_COPY_IN : SQLF_COPY_OUT);
	if (!from) {
		pgwalk_raise(w, SQL_READ, "COPY TO STDOUT");
		return false;
	}
	(void)pgrows_known(w, pgnode_field(n, "relation"), &t);
	if (is_local(w, &t))
		return false;
	behind(w, n, &t, SQL_ON_INSERT, NULL);
	pgwalk_raise(w, SQL_BULK, "COPY FROM STDIN writes any number of rows");
	return false;
}

/* ---- SELECT ... FOR UPDATE ---- */

/* A count that is in the text, and small. absent: what none at all means. */
static bool is_small(const struct pgnode *e, bool absent)
{
	const struct pgnode *i = pgnode_field(e, "ival");

	if (e == NULL)
		return absent;
	return pgnode_is(e, "A_Const") && i != NULL && pgnode_int(i) <= LOCK_LIMIT;
}

static bool lock_is_limited(const struct pgnode *s)
{
	return strcmp(pgnode_field_str(s, "limitOption"), "LIMIT_OPTION_WITH_TIES") != 0 &&
	       is_small(pgnode_field(s, "limitCount"), false) && is_small(pgnode_field(s, "limitOffset"), true);
}

/* Rows that OFFSET skips and that a set of no rows swallows are locked, too, and counted by nobody. */
static bool lock_is_counted(const struct pgwalk *w, const struct pgnode *s)
{
	return pgnode_field(s, "limitOffset") == NULL && !has_set(w, pgnode_field(s, "targetList"));
}

static enum pgbound lock_bound(const struct pgwalk *w, const struct pgnode *s)
{
	const struct pgnode *from = pgnode_field(s, "fromClause"), *rel = pgnode_first(from),
			    *where = pgnode_field(s, "whereClause");
	struct sql_table t;
	uint32_t rows;

	if (pgnode_len(from) != 1 || !pgnode_is(rel, "RangeVar"))
		return where != NULL ? PGBOUND_OPEN : PGBOUND_NONE;
	if (pgrows_known(w, rel, &t) && t.temp)
		return PGBOUND_PROVEN;
	if (t.children && pgnode_field_bool(rel, "inh"))
		t.n_keys = 0;
	return pgbound_of(rel, where, &t, w->cx, &rows);
}

bool pgrows_lock(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *s = n->parent;

	if (w->planned || w->bodies > 0)
		return false;
	w->stmt->flags |= SQLF_LOCKS;
	while (s != NULL && !pgnode_is(s, "SelectStmt"))
		s = s->parent;
	if (s == NULL || strcmp(pgnode_field_str(n, "strength"), "LCS_FORKEYSHARE") == 0 || lock_is_limited(s))
		return false;
	switch (lock_bound(w, s)) {
	case PGBOUND_PROVEN:
		break;
	case PGBOUND_OPEN:
		if (lock_is_counted(w, s))
			pgrows_open(w, s, "SELECT ... FOR UPDATE of rows that no unique key names");
		else
			pgwalk_raise(w, SQL_BULK, "SELECT ... FOR UPDATE that locks rows it does not return");
		break;
	case PGBOUND_NONE:
		pgwalk_raise(w, SQL_BULK, "SELECT ... FOR UPDATE locks every row");
		break;
	}
	return false;
}
