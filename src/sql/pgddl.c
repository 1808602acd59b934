/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements about objects: what they create, change and remove, and through which of them code or
 * privileges slip.
 */
#include <strings.h>

#include "sql/pgfuncs.h"
#include "sql/pgsettings.h"
#include "sql/pgwalk.h"

/* ---- creating ---- */

/* Of the temporary schema, by name or as the catalogue has it: changes of such an object itself end with the session.
 * Its rows are another matter: a view there has those of other tables. */
static bool is_local(const struct pgwalk *w, const struct pgnode *rel)
{
	return pgwalk_is_temp(rel) || pgrows_is_temp(w, rel);
}

/* Temporary by key word or by name; others change the schema. */
static bool create(
    struct pgwalk *w, const struct pgnode *n, const struct pgnode *rel, const char *what)
{
	pgwalk_flag(w, n, SQLF_CATALOG);
	if (pgwalk_is_temp(rel) || strcmp(pgnode_field_str(rel, "relpersistence"), "t") == 0)
		pgwalk_raise(w, SQL_SESSION, "%s of this session only", what);
	else
		pgwalk_raise(w, SQL_SCHEMA, "%s changes the schema", what);
	return false;
}

bool pgddl_create(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *p;

	for (p = pgnode_first(pgnode_field(n, "inhRelations")); p != NULL; p = p->next)
		if (!pgrows_is_temp(w, p))
			pgwalk_raise(w, SQL_SCHEMA, "CREATE TABLE ... INHERITS adds rows to another table");
	return create(w, n, pgnode_field(n, "relation"), "CREATE TABLE");
}

bool pgddl_view(struct pgwalk *w, const struct pgnode *n)
{
	return create(w, n, pgnode_field(n, "view"), "CREATE VIEW");
}

bool pgddl_sequence(struct pgwalk *w, const struct pgnode *n)
{
	return create(w, n, pgnode_field(n, "sequence"),
	    pgnode_is(n, "AlterSeqStmt") ? "ALTER SEQUENCE" : "CREATE SEQUENCE");
}

bool pgddl_index(struct pgwalk *w, const struct pgnode *n)
{
	pgwalk_flag(w, n, SQLF_CATALOG);
	if (is_local(w, pgnode_field(n, "relation")))
		pgwalk_raise(w, SQL_SESSION, "CREATE INDEX on a temporary table");
	else
		pgwalk_raise(w, SQL_SCHEMA, "CREATE INDEX changes the schema");
	return false;
}

/* The work is in the INTO clause, which SELECT INTO has too. */
bool pgddl_table_as(struct pgwalk *w, const struct pgnode *n)
{
	if (strcmp(pgnode_field_str(n, "objtype"), "OBJECT_MATVIEW") == 0)
		pgwalk_tag(w, n, "CREATE MATERIALIZED VIEW");
	pgwalk_flag(w, n, SQLF_CATALOG);
	return false;
}

bool pgddl_into(struct pgwalk *w, const struct pgnode *n)
{
	bool as = pgnode_is(n->parent, "CreateTableAsStmt");

	if (w->bodies > 0 && !as)
		return true; /* SELECT INTO of PL/pgSQL names variables */
	if (!w->planned)
		w->stmt->flags |= SQLF_CATALOG;
	return create(w, n, pgnode_field(n, "rel"), as ? "CREATE ... AS" : "SELECT INTO");
}

/* ---- altering ---- */

static const struct {
	const char *subtype;
	enum sql_class cls;
	const char *why;
} alterations[] = {
    {"AT_ChangeOwner", SQL_PRIVILEGE, "changes an owner"},
    {"AT_DetachPartition", SQL_DESTRUCTIVE, "takes a partition's rows out of the table"},
    {"AT_DisableRowSecurity", SQL_AUDIT, "turns row security off"},
    {"AT_DisableRule", SQL_AUDIT, "turns a rule off"},
    {"AT_DisableTrig", SQL_AUDIT, "turns a trigger off"},
    {"AT_DisableTrigAll", SQL_AUDIT, "turns triggers off"},
    {"AT_DisableTrigUser", SQL_AUDIT, "turns triggers off"},
    {"AT_DropColumn", SQL_DESTRUCTIVE, "removes a column and its data"},
    {"AT_DropConstraint", SQL_DESTRUCTIVE, "removes a constraint"},
    {"AT_DropExpression", SQL_DESTRUCTIVE, "removes a generated column's expression"},
    {"AT_DropIdentity", SQL_DESTRUCTIVE, "removes an identity"},
    {"AT_DropInherit", SQL_DESTRUCTIVE, "takes a child's rows out of the table"},
    {"AT_DropOf", SQL_DESTRUCTIVE, "removes a table's type"},
    {"AT_EnableReplicaRule", SQL_AUDIT, "turns a rule off for ordinary sessions"},
    {"AT_EnableReplicaTrig", SQL_AUDIT, "turns a trigger off for ordinary sessions"},
    {"AT_GenericOptions", SQL_ESCAPE, "changes where a foreign table's rows come from"},
    {"AT_AlterColumnGenericOptions", SQL_ESCAPE, "changes where a foreign table's rows come from"},
    {"AT_NoForceRowSecurity", SQL_AUDIT, "turns row security off for the owner"},
};

/* "OBJECT_FOREIGN_TABLE" -> "FOREIGN TABLE". */
static const char *object_word(struct pgwalk *w, const char *type)
{
	char *s, *p;

	if (strcmp(type, "OBJECT_MATVIEW") == 0)
		return "MATERIALIZED VIEW";
	if (strcmp(type, "OBJECT_FDW") == 0)
		return "FOREIGN DATA WRAPPER";
	s = arena_strdup(w->mem, strncmp(type, "OBJECT_", 7) == 0 ? type + 7 : type);
	for (p = s; p != NULL && *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	return s != NULL ? s : "";
}

static void alter_command(struct pgwalk *w, const struct pgnode *cmd, const char *word)
{
	const char *sub = pgnode_field_str(cmd, "subtype");
	size_t i;

	for (i = 0; i < sizeof(alterations) / sizeof(alterations[0]); i++)
		if (strcmp(alterations[i].subtype, sub) == 0)
			pgwalk_raise(
			    w, alterations[i].cls, "ALTER %s %s", word, alterations[i].why);
}

/* Changes that stay inside the table. */
static bool stays_inside(const struct pgnode *cmds)
{
	static const char *const subtypes[] = {"AT_AddColumn", "AT_AddConstraint", "AT_AddIndex", "AT_AlterColumnType",
	    "AT_ColumnDefault", "AT_DropColumn", "AT_DropConstraint", "AT_DropNotNull", "AT_SetNotNull", "AT_SetOptions",
	    "AT_SetStatistics", "AT_SetStorage", "AT_ValidateConstraint"};
	const struct pgnode *c;
	size_t i, n = sizeof(subtypes) / sizeof(subtypes[0]);

	for (c = pgnode_first(cmds); c != NULL; c = c->next) {
		for (i = 0; i < n && strcmp(subtypes[i], pgnode_field_str(c, "subtype")) != 0; i++)
			;
		if (i == n)
			return false;
	}
	return true;
}

bool pgddl_alter_table(struct pgwalk *w, const struct pgnode *n)
{
	const char *word = object_word(w, pgnode_field_str(n, "objtype"));
	const struct pgnode *c;

	pgwalk_tag(w, n, "ALTER %s", word);
	pgwalk_flag(w, n, SQLF_CATALOG);
	if (is_local(w, pgnode_field(n, "relation")) && stays_inside(pgnode_field(n, "cmds"))) {
		pgwalk_raise(w, SQL_SESSION, "ALTER %s of a temporary table", word);
		return false;
	}
	pgwalk_raise(w, SQL_SCHEMA, "ALTER %s changes the schema", word);
	for (c = pgnode_first(pgnode_field(n, "cmds")); c != NULL; c = c->next)
		alter_command(w, c, word);
	return false;
}

bool pgddl_rename(struct pgwalk *w, const struct pgnode *n)
{
	const char *type = pgnode_field_str(n, "renameType");

	pgwalk_flag(w, n, SQLF_CATALOG);
	if (strcmp(type, "OBJECT_ROLE") == 0)
		pgwalk_raise(w, SQL_PRIVILEGE, "ALTER ROLE renames a role");
	else if (is_local(w, pgnode_field(n, "relation")))
		pgwalk_raise(w, SQL_SESSION, "RENAME of a temporary table");
	else
		pgwalk_raise(
		    w, SQL_SCHEMA, "ALTER %s ... RENAME changes the schema", object_word(w, type));
	return false;
}

bool pgddl_event_trigger(struct pgwalk *w, const struct pgnode *n)
{
	if (strcmp(pgnode_field_str(n, "tgenabled"), "D") == 0 ||
	    strcmp(pgnode_field_str(n, "tgenabled"), "R") == 0)
		pgwalk_raise(w, SQL_AUDIT, "ALTER EVENT TRIGGER turns an event trigger off");
	else
		pgwalk_raise(w, SQL_SCHEMA, "ALTER EVENT TRIGGER changes the schema");
	return false;
}

/* ALTER SYSTEM, ALTER DATABASE and ALTER ROLE: settings of sessions to come. */
static bool stored_setting(struct pgwalk *w, const struct pgnode *n, const char *verb)
{
	const struct pgnode *set = pgnode_field(n, "setstmt");
	const char *name = pgnode_field_str(set, "name");
	struct pgsetting s;

	if (strcmp(pgnode_field_str(set, "kind"), "VAR_RESET_ALL") == 0) {
		pgwalk_raise(w, SQL_AUDIT, "%s RESET ALL also resets what is logged", verb);
		return true;
	}
	pgsetting_judge(name, NULL, PGSET_STORED, &s);
	pgwalk_raise(w, s.cls, "%s: setting %s %s", verb, pgwalk_shown(w, name), s.why);
	return true;
}

bool pgddl_system(struct pgwalk *w, const struct pgnode *n)
{
	return stored_setting(w, n, "ALTER SYSTEM");
}

bool pgddl_database(struct pgwalk *w, const struct pgnode *n)
{
	return stored_setting(w, n, "ALTER DATABASE");
}

/* Who may change a role at all is a question of its own; the stricter class counts. */
bool pgddl_role_set(struct pgwalk *w, const struct pgnode *n)
{
	pgwalk_raise(w, SQL_PRIVILEGE, "ALTER ROLE ... SET changes a role");
	return stored_setting(w, n, "ALTER ROLE");
}

/* ---- removing ---- */

static bool is_relation_type(const char *type)
{
	static const char *const types[] = {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW",
	    "OBJECT_SEQUENCE", "OBJECT_INDEX", "OBJECT_FOREIGN_TABLE"};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* Objects of DROP whose loss is more than destructive. */
static enum sql_class drop_class(const char *type, const char *name)
{
	static const char *const audit[] = {
	    "pgaudit", "pg_stat_statements", "anon", "sepgsql", "supautils", "pgauditlogtofile"};
	size_t i;

	if (strcmp(type, "OBJECT_EVENT_TRIGGER") == 0)
		return SQL_AUDIT;
	if (strcmp(type, "OBJECT_POLICY") == 0)
		return SQL_PRIVILEGE;
	for (i = 0; strcmp(type, "OBJECT_EXTENSION") == 0 && i < sizeof(audit) / sizeof(audit[0]);
	     i++)
		if (strcasecmp(name, audit[i]) == 0)
			return SQL_AUDIT;
	return SQL_DESTRUCTIVE;
}

/* The name of a dropped object: a list of strings, one string, or an object with arguments. */
static const struct pgnode *object_name(const struct pgnode *o)
{
	const struct pgnode *list = pgnode_field(o, "objname");

	if (list == NULL && pgnode_is(o, "TypeName"))
		list = pgnode_field(o, "names");
	return list != NULL ? list : o;
}

bool pgddl_drop(struct pgwalk *w, const struct pgnode *n)
{
	const char *type = pgnode_field_str(n, "removeType"), *word = object_word(w, type);
	bool cascades = strcmp(pgnode_field_str(n, "behavior"), "DROP_CASCADE") == 0;
	const struct pgnode *o;

	pgwalk_tag(w, n, "DROP %s", word);
	pgwalk_flag(w, n, SQLF_CATALOG);
	for (o = pgnode_first(pgnode_field(n, "objects")); o != NULL; o = o->next) {
		const struct pgnode *list = object_name(o), *first = pgnode_first(list);
		size_t len = pgnode_len(list);
		const char *name = pgnode_str(len > 0 ? pgnode_last(list) : list), *schema;

		schema = len >= 2 ? pgnode_str(pgnode_at(list, len - 2)) : "";
		name = name != NULL ? name : "";
		schema = schema != NULL ? schema : "";
		if (is_relation_type(type) && !w->planned)
			pgwalk_rel(w, schema, name, true);
		if (is_relation_type(type) && strcmp(schema, "pg_temp") == 0 && !cascades)
			pgwalk_raise(w, SQL_SESSION, "DROP of a temporary object");
		else if (first != NULL && (strcmp(schema, "pg_catalog") == 0 ||
					      strcmp(schema, "information_schema") == 0))
			pgwalk_raise(w, SQL_PRIVILEGE, "DROP %s of the system catalogue", word);
		else
			pgwalk_raise(w, drop_class(type, name), "DROP %s %s", word,
			    drop_class(type, name) == SQL_DESTRUCTIVE ? "cannot be undone"
								      : "removes a safeguard");
	}
	return true;
}

bool pgddl_truncate(struct pgwalk *w, const struct pgnode *n)
{
	bool cascades = strcmp(pgnode_field_str(n, "behavior"), "DROP_CASCADE") == 0;
	const struct pgnode *r;

	for (r = pgnode_first(pgnode_field(n, "relations")); r != NULL; r = r->next) {
		const char *schema = pgnode_field_str(r, "schemaname"),
			   *name = pgnode_field_str(r, "relname");

		if (!w->planned)
			pgwalk_rel(w, schema, name, true);
		if (is_local(w, r) && !cascades)
			pgwalk_raise(w, SQL_SESSION, "TRUNCATE of a temporary table");
		else if (pgwalk_is_catalog(schema, name))
			pgwalk_raise(w, SQL_PRIVILEGE, "TRUNCATE of the system catalogue");
		else
			pgwalk_raise(w, SQL_DESTRUCTIVE, "TRUNCATE removes all rows");
	}
	return true;
}

/* ---- code ---- */

static const struct pgnode *option(const struct pgnode *list, const char *name)
{
	const struct pgnode *o;

	for (o = pgnode_first(list); o != NULL; o = o->next)
		if (strcasecmp(pgnode_field_str(o, "defname"), name) == 0)
			return pgnode_field(o, "arg");
	return NULL;
}

static bool in_words(const char *const *words, size_t n, const char *s)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcasecmp(words[i], s) == 0)
			return true;
	return false;
}

/* A language that confines its code; all others run as the server. */
static bool language_is_trusted(const char *lang)
{
	static const char *const trusted[] = {
	    "sql", "plpgsql", "plperl", "pltcl", "plv8", "plr_trusted"};

	return in_words(trusted, sizeof(trusted) / sizeof(trusted[0]), lang);
}

static void function_rights(struct pgwalk *w, const struct pgnode *options)
{
	if (pgnode_bool(option(options, "security")))
		pgwalk_raise(
		    w, SQL_PRIVILEGE, "SECURITY DEFINER lends the owner's rights to every caller");
	if (pgnode_bool(option(options, "leakproof")))
		pgwalk_raise(
		    w, SQL_PRIVILEGE, "LEAKPROOF lets a function see rows before row security");
	if (option(options, "support") != NULL)
		pgwalk_raise(w, SQL_PRIVILEGE, "SUPPORT binds a planner function");
}

bool pgddl_function(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *options = pgnode_field(n, "options"), *as = option(options, "as"), *b;
	const char *lang = pgnode_str(option(options, "language"));
	const char *word = pgnode_field_bool(n, "is_procedure") ? "PROCEDURE" : "FUNCTION";
	const char *schema = pgnode_str(pgnode_first(pgnode_field(n, "funcname")));

	pgwalk_tag(w, n, "CREATE %s", word);
	pgwalk_raise(w, SQL_SCHEMA, "CREATE %s stores code for later", word);
	if (lang == NULL)
		lang = "sql";
	if (!language_is_trusted(lang))
		pgwalk_raise(w, SQL_ESCAPE, "LANGUAGE %s runs native code on the database host",
		    pgwalk_shown(w, lang));
	if (pgnode_len(pgnode_field(n, "funcname")) > 1 && schema != NULL &&
	    strcmp(schema, "pg_catalog") == 0)
		pgwalk_raise(w, SQL_PRIVILEGE, "CREATE %s in pg_catalog", word);
	function_rights(w, options);
	for (b = pgnode_first(as); b != NULL && !w->planned; b = b->next)
		if (pgnode_str(b) != NULL)
			pgbody_scan(w, pgnode_str(b), false);
	return false;
}

bool pgddl_alter_function(struct pgwalk *w, const struct pgnode *n)
{
	pgwalk_raise(w, SQL_SCHEMA, "ALTER FUNCTION changes the schema");
	function_rights(w, pgnode_field(n, "actions"));
	return false;
}

bool pgddl_do(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *o;

	for (o = pgnode_first(pgnode_field(n, "args")); o != NULL; o = o->next) {
		const char *s = pgnode_str(pgnode_field(o, "arg")),
			   *what = pgnode_field_str(o, "defname");

		if (s != NULL && strcasecmp(what, "language") == 0 && !language_is_trusted(s))
			pgwalk_raise(w, SQL_ESCAPE,
			    "LANGUAGE %s runs native code on the database host",
			    pgwalk_shown(w, s));
		else if (s != NULL && strcasecmp(what, "as") == 0 && !w->planned)
			pgbody_scan(w, s, true);
	}
	return false;
}

/* Extensions that bring data types, operators and helpers only. */
static bool extension_is_trusted(const char *name)
{
	static const char *const trusted[] = {
	    "amcheck",
	    "autoinc",
	    "bloom",
	    "btree_gin",
	    "btree_gist",
	    "citext",
	    "cube",
	    "dict_int",
	    "dict_xsyn",
	    "earthdistance",
	    "fuzzystrmatch",
	    "h3",
	    "hll",
	    "hstore",
	    "insert_username",
	    "intagg",
	    "intarray",
	    "ip4r",
	    "isn",
	    "ltree",
	    "moddatetime",
	    "pg_buffercache",
	    "pg_freespacemap",
	    "pg_stat_statements",
	    "pg_trgm",
	    "pg_uuidv7",
	    "pg_visibility",
	    "pgcrypto",
	    "pgrowlocks",
	    "pgstattuple",
	    "plpgsql",
	    "postgis",
	    "postgis_topology",
	    "prefix",
	    "refint",
	    "rum",
	    "seg",
	    "tablefunc",
	    "sslinfo",
	    "tcn",
	    "tsm_system_rows",
	    "tsm_system_time",
	    "unaccent",
	    "unit",
	    "uuid-ossp",
	    "vector",
	};

	return in_words(trusted, sizeof(trusted) / sizeof(trusted[0]), name);
}

static bool extension(struct pgwalk *w, const char *verb, const char *name)
{
	if (extension_is_trusted(name))
		pgwalk_raise(w, SQL_SCHEMA, "%s EXTENSION changes the schema", verb);
	else
		pgwalk_raise(w, SQL_ESCAPE,
		    "extension %s may reach files, programs or other servers",
		    pgwalk_shown(w, name));
	return false;
}

bool pgddl_extension(struct pgwalk *w, const struct pgnode *n)
{
	return extension(w, "CREATE", pgnode_field_str(n, "extname"));
}

bool pgddl_alter_extension(struct pgwalk *w, const struct pgnode *n)
{
	return extension(w, "ALTER", pgnode_field_str(n, "extname"));
}

/* Operators, aggregates, casts and the like give a function another name: a dangerous one stays
 * dangerous. */
bool pgddl_define(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgnode *c;

	if (pgnode_is(n, "DefineStmt"))
		pgwalk_tag(w, n, "CREATE %s", object_word(w, pgnode_field_str(n, "kind")));
	for (c = n; c != NULL; c = pgnode_walk(n, c, false)) {
		const char *s = pgnode_is(c, "String") ? pgnode_str(c) : NULL;
		const struct pgfunc *f = s != NULL ? pgfunc_find("", s) : NULL;

		if (f != NULL && sql_class_level(f->cls) >= 4)
			pgwalk_raise(w, f->cls, "binds %s(), which %s", s, f->why);
	}
	return false;
}
