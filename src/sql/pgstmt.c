/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements about sessions and prepared things. What they hold inside is met by the walk; rows are pgrows.c's.
 */
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "sql/pgsettings.h"
#include "sql/pgwalk.h"

/* ---- statements around statements ---- */

/* An option that is anything but a clear "off". */
static bool option_is_on(const struct pgnode *def)
{
	static const char *const off[] = {"false", "off", "no", "0", "f", "n"};
	const struct pgnode *arg = pgnode_field(def, "arg");
	const char *s = pgnode_str(arg);
	size_t i;

	if (arg == NULL)
		return true;
	if (s == NULL)
		return pgnode_int(arg) != 0;
	for (i = 0; i < 4; i++)
		if (strcasecmp(s, off[i]) == 0)
			return false;
	return true;
}

static bool has_option(const struct pgnode *n, const char *name)
{
	const struct pgnode *o;

	for (o = pgnode_first(pgnode_field(n, "options")); o != NULL; o = o->next)
		if (strcasecmp(pgnode_field_str(o, "defname"), name) == 0 && option_is_on(o))
			return true;
	return false;
}

bool pgstmt_explain(struct pgwalk *w, const struct pgnode *n)
{
	if (has_option(n, "analyze"))
		pgwalk_tag(w, n, "EXPLAIN ANALYZE");
	else if (n == w->root)
		w->planned = true;
	return false;
}

bool pgstmt_prepare(struct pgwalk *w, const struct pgnode *n)
{
	pgwalk_name(w, n, pgnode_field_str(n, "name"));
	return false;
}

/* A name prepared in this message or, as the caller tells, before it. */
static bool find_prepared(const struct pgwalk *w, const char *name, struct sql_prepared *out)
{
	const struct prepared *p;

	for (p = w->prepared; p != NULL; p = p->next)
		if (strcmp(p->name, name) == 0) {
			*out = p->what;
			return true;
		}
	return w->cx != NULL && w->cx->prepared != NULL && w->cx->prepared(w->cx->ctx, name, out);
}

/* The tag of EXECUTE is that of the statement behind it, and so counts the same rows. */
bool pgstmt_execute(struct pgwalk *w, const struct pgnode *n)
{
	const char *name = pgnode_field_str(n, "name");
	struct sql_prepared p = {.cls = SQL_UNPARSABLE};

	pgwalk_name(w, n, name);
	pgwalk_exec(w, name);
	w->stmt->flags |= SQLF_BY_NAME;
	if (!find_prepared(w, name, &p)) {
		pgwalk_raise(w, SQL_OPAQUE, "EXECUTE of a statement prepared elsewhere");
		return false;
	}
	pgwalk_raise(
	    w, p.cls, "EXECUTE of a prepared statement of class %s", sql_class_name(p.cls));
	if (w->planned)
		return false;
	w->stmt->classes |= p.classes;
	if ((p.flags & SQLF_MEASURE) != 0)
		pgrows_open(w, n, "EXECUTE of a statement that names no rows by a unique key");
	w->stmt->flags |= p.flags & SQLF_CARRIED;
	pgrows_proven(w, n, p.rows, p.inner_rows);
	return false;
}

bool pgstmt_declare(struct pgwalk *w, const struct pgnode *n)
{
	pgwalk_name(w, n, pgnode_field_str(n, "portalname"));
	return false;
}

bool pgstmt_fetch(struct pgwalk *w, const struct pgnode *n)
{
	pgwalk_name(w, n, pgnode_field_str(n, "portalname"));
	if (pgnode_field_bool(n, "ismove"))
		pgwalk_tag(w, n, "MOVE");
	return false;
}

bool pgstmt_close(struct pgwalk *w, const struct pgnode *n)
{
	pgwalk_name(w, n, pgnode_field_str(n, "portalname"));
	return false;
}

bool pgstmt_deallocate(struct pgwalk *w, const struct pgnode *n)
{
	if (pgnode_field(n, "name") == NULL)
		pgwalk_flag(w, n, SQLF_DISCARD);
	pgwalk_name(w, n, pgnode_field_str(n, "name"));
	return false;
}

/* ---- the session ---- */

bool pgstmt_transaction(struct pgwalk *w, const struct pgnode *n)
{
	static const struct {
		const char *kind, *tag;
		unsigned flags;
	} kinds[] = {
	    {"TRANS_STMT_BEGIN", "BEGIN", SQLF_TX_BEGIN},
	    {"TRANS_STMT_START", "START TRANSACTION", SQLF_TX_BEGIN},
	    {"TRANS_STMT_COMMIT", "COMMIT", SQLF_TX_END},
	    {"TRANS_STMT_ROLLBACK", "ROLLBACK", SQLF_TX_END | SQLF_ROLLBACK},
	    {"TRANS_STMT_SAVEPOINT", "SAVEPOINT", SQLF_SAVEPOINT},
	    {"TRANS_STMT_RELEASE", "RELEASE", SQLF_SAVEPOINT},
	    {"TRANS_STMT_ROLLBACK_TO", "ROLLBACK TO", SQLF_ROLLBACK | SQLF_SAVEPOINT},
	    {"TRANS_STMT_PREPARE", "PREPARE TRANSACTION", SQLF_TX_END | SQLF_WRITES},
	    {"TRANS_STMT_COMMIT_PREPARED", "COMMIT PREPARED", SQLF_WRITES},
	    {"TRANS_STMT_ROLLBACK_PREPARED", "ROLLBACK PREPARED", SQLF_WRITES},
	};
	const char *kind = pgnode_field_str(n, "kind");
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[i].kind, kind) != 0; i++)
		;
	if (i == sizeof(kinds) / sizeof(kinds[0])) {
		pgwalk_raise(w, SQL_UNPARSABLE, "a transaction command of an unknown kind");
		return false;
	}
	pgwalk_tag(w, n, "%s", kinds[i].tag);
	pgwalk_flag(w, n, kinds[i].flags);
	pgwalk_name(w, n, pgnode_field_str(n, "savepoint_name"));
	if (pgnode_field_bool(n, "chain"))
		pgwalk_flag(w, n, SQLF_TX_BEGIN);
	if (i == 7)
		pgwalk_raise(
		    w, SQL_CONTROL, "PREPARE TRANSACTION leaves changes and locks behind that no session ends");
	else if (i > 7)
		pgwalk_raise(
		    w, SQL_CONTROL, "%s ends a transaction that was prepared earlier", kinds[i].tag);
	return false;
}

bool pgstmt_set(struct pgwalk *w, const struct pgnode *n)
{
	const char *kind = pgnode_field_str(n, "kind"), *name = pgnode_field_str(n, "name");

	pgwalk_flag(w, n, SQLF_SESSION_SET);
	if (strncmp(kind, "VAR_RESET", 9) == 0)
		pgwalk_tag(w, n, "RESET");
	if (strcmp(kind, "VAR_SET_VALUE") == 0) {
		pgexpr_setting(
		    w, name, pgexpr_setting_value(w, pgnode_field(n, "args")), PGSET_VALUE);
	} else if (strcmp(kind, "VAR_RESET") == 0 || strcmp(kind, "VAR_SET_DEFAULT") == 0 ||
		   strcmp(kind, "VAR_SET_CURRENT") == 0) {
		pgexpr_setting(w, name, NULL, PGSET_RESET);
	} else if (strcmp(kind, "VAR_RESET_ALL") == 0) {
		pgwalk_flag(w, n, SQLF_CATALOG);
		pgwalk_raise(w, SQL_SESSION, "RESET ALL");
	} else if (strcmp(kind, "VAR_SET_MULTI") == 0) {
		pgwalk_raise(w, SQL_SESSION, "SET %s",
		    name); /* TRANSACTION, SESSION CHARACTERISTICS, ... SNAPSHOT */
	} else {
		pgwalk_raise(w, SQL_UNPARSABLE, "a SET of an unknown kind");
	}
	return true;
}

bool pgstmt_discard(struct pgwalk *w, const struct pgnode *n)
{
	const char *what = pgnode_field_str(n, "target");

	if (strcmp(what, "DISCARD_ALL") == 0)
		pgwalk_flag(w, n, SQLF_DISCARD | SQLF_CATALOG | SQLF_SESSION_SET);
	else if (strcmp(what, "DISCARD_TEMP") == 0)
		pgwalk_flag(w, n, SQLF_CATALOG);
	return false;
}

bool pgstmt_lock(struct pgwalk *w, const struct pgnode *n)
{
	static const char *const modes[] = {"?", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE",
	    "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE",
	    "ACCESS EXCLUSIVE"};
	int64_t mode = pgnode_field_int(n, "mode");

	pgwalk_flag(w, n, SQLF_LOCKS);
	if (mode >= 1 && mode <= 3)
		pgwalk_raise(w, SQL_SESSION, "LOCK ... IN %s MODE", modes[mode]);
	else
		pgwalk_raise(w, SQL_CONTROL, "LOCK in %s mode keeps other sessions out",
		    modes[mode >= 4 && mode <= 8 ? mode : 0]);
	return false;
}

bool pgstmt_notify(struct pgwalk *w, const struct pgnode *n)
{
	pgwalk_flag(w, n, SQLF_NOTIFY);
	return false;
}

bool pgstmt_vacuum(struct pgwalk *w, const struct pgnode *n)
{
	if (!pgnode_field_bool(n, "is_vacuumcmd")) {
		pgwalk_tag(w, n, "ANALYZE");
		pgwalk_raise(w, SQL_WRITE, "ANALYZE refreshes statistics");
	} else if (has_option(n, "full")) {
		pgwalk_raise(w, SQL_SCHEMA, "VACUUM FULL rewrites tables under an exclusive lock");
	} else {
		pgwalk_raise(w, SQL_WRITE, "VACUUM cleans up dead rows");
	}
	return false;
}
