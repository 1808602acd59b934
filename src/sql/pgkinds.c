/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of node kinds: every statement of PostgreSQL 15's grammar with its class, and the few nodes inside
 * statements that matter. A statement that is not here is refused. Sorted bytewise by kind.
 */
#include "sql/pgwalk.h"

#define NODE SQL_UNPARSABLE, 0, NULL, ""
#define BY_FN SQL_UNPARSABLE, SQLF_UTILITY
#define SCHEMA SQL_SCHEMA, SQLF_UTILITY
#define OUTSIDE SQL_ESCAPE, SQLF_UTILITY
#define RIGHTS SQL_PRIVILEGE, SQLF_UTILITY
#define REMOVES SQL_DESTRUCTIVE, SQLF_UTILITY
#define SERVER SQL_CONTROL, SQLF_UTILITY
#define LOCAL SQL_SESSION, SQLF_UTILITY

#define REACHES_OUT "reaches other servers or files from the database host"
#define GRANTS "changes privileges"
#define CHANGES "changes the schema"

static const struct pgkind kinds[] = {
	{"A_Expr", NODE, pgexpr_operator},
	{"A_Indirection", NODE, pgexpr_indirection},
	{"AlterCollationStmt", SCHEMA, "ALTER COLLATION", CHANGES, NULL},
	{"AlterDatabaseRefreshCollStmt", SCHEMA, "ALTER DATABASE", CHANGES, NULL},
	{"AlterDatabaseSetStmt", BY_FN, "ALTER DATABASE", "", pgddl_database},
	{"AlterDatabaseStmt", SCHEMA, "ALTER DATABASE", CHANGES, NULL},
	{"AlterDefaultPrivilegesStmt", RIGHTS, "ALTER DEFAULT PRIVILEGES", GRANTS, NULL},
	{"AlterDomainStmt", SCHEMA, "ALTER DOMAIN", CHANGES, NULL},
	{"AlterEnumStmt", SCHEMA, "ALTER TYPE", CHANGES, NULL},
	{"AlterEventTrigStmt", BY_FN, "ALTER EVENT TRIGGER", "", pgddl_event_trigger},
	{"AlterExtensionContentsStmt", RIGHTS, "ALTER EXTENSION", "changes what an extension owns", NULL},
	{"AlterExtensionStmt", BY_FN, "ALTER EXTENSION", "", pgddl_alter_extension},
	{"AlterFdwStmt", OUTSIDE, "ALTER FOREIGN DATA WRAPPER", REACHES_OUT, NULL},
	{"AlterForeignServerStmt", OUTSIDE, "ALTER SERVER", REACHES_OUT, NULL},
	{"AlterFunctionStmt", BY_FN, "ALTER FUNCTION", "", pgddl_alter_function},
	{"AlterObjectDependsStmt", SCHEMA, "ALTER", CHANGES, NULL},
	{"AlterObjectSchemaStmt", SCHEMA, "ALTER ... SET SCHEMA", CHANGES, NULL},
	{"AlterOpFamilyStmt", SCHEMA, "ALTER OPERATOR FAMILY", CHANGES, pgddl_define},
	{"AlterOperatorStmt", SCHEMA, "ALTER OPERATOR", CHANGES, pgddl_define},
	{"AlterOwnerStmt", RIGHTS, "ALTER ... OWNER TO", "changes an owner", NULL},
	{"AlterPolicyStmt", RIGHTS, "ALTER POLICY", "changes who may see which rows", NULL},
	{"AlterPublicationStmt", SCHEMA, "ALTER PUBLICATION", CHANGES, NULL},
	{"AlterRoleSetStmt", BY_FN, "ALTER ROLE ... SET", "", pgddl_role_set},
	{"AlterRoleStmt", RIGHTS, "ALTER ROLE", "changes a role", NULL},
	{"AlterSeqStmt", BY_FN, "ALTER SEQUENCE", CHANGES, pgddl_sequence},
	{"AlterStatsStmt", SCHEMA, "ALTER STATISTICS", CHANGES, NULL},
	{"AlterSubscriptionStmt", OUTSIDE, "ALTER SUBSCRIPTION", REACHES_OUT, NULL},
	{"AlterSystemStmt", BY_FN, "ALTER SYSTEM", "", pgddl_system},
	{"AlterTSConfigurationStmt", SCHEMA, "ALTER TEXT SEARCH CONFIGURATION", CHANGES, NULL},
	{"AlterTSDictionaryStmt", SCHEMA, "ALTER TEXT SEARCH DICTIONARY", CHANGES, NULL},
	{"AlterTableMoveAllStmt", SCHEMA, "ALTER TABLE ALL", CHANGES, NULL},
	{"AlterTableSpaceOptionsStmt", OUTSIDE, "ALTER TABLESPACE", REACHES_OUT, NULL},
	{"AlterTableStmt", BY_FN, "ALTER TABLE", CHANGES, pgddl_alter_table},
	{"AlterTypeStmt", SCHEMA, "ALTER TYPE", CHANGES, pgddl_define},
	{"AlterUserMappingStmt", OUTSIDE, "ALTER USER MAPPING", REACHES_OUT, NULL},
	{"CallStmt", SQL_OPAQUE, SQLF_UTILITY, "CALL", "runs a procedure nobody can see into", NULL},
	{"CaseExpr", NODE, pgexpr_equal},
	{"CheckPointStmt", SERVER, "CHECKPOINT", "makes the server write everything now", NULL},
	{"ClosePortalStmt", LOCAL, "CLOSE", "", pgstmt_close},
	{"ClusterStmt", SCHEMA, "CLUSTER", "rewrites tables under an exclusive lock", NULL},
	{"ColumnRef", NODE, pgexpr_column},
	{"CommentStmt", SCHEMA, "COMMENT", CHANGES, NULL},
	{"CompositeTypeStmt", SCHEMA, "CREATE TYPE", CHANGES, NULL},
	{"ConstraintsSetStmt", LOCAL, "SET CONSTRAINTS", "", NULL},
	{"CopyStmt", BY_FN, "COPY", "", pgrows_copy},
	{"CreateAmStmt", OUTSIDE, "CREATE ACCESS METHOD", "binds native code", NULL},
	{"CreateCastStmt", SCHEMA, "CREATE CAST", CHANGES, pgddl_define},
	{"CreateConversionStmt", SCHEMA, "CREATE CONVERSION", CHANGES, pgddl_define},
	{"CreateDomainStmt", SCHEMA, "CREATE DOMAIN", CHANGES, NULL},
	{"CreateEnumStmt", SCHEMA, "CREATE TYPE", CHANGES, NULL},
	{"CreateEventTrigStmt", SCHEMA, "CREATE EVENT TRIGGER", "runs a function on later statements", NULL},
	{"CreateExtensionStmt", BY_FN, "CREATE EXTENSION", "", pgddl_extension},
	{"CreateFdwStmt", OUTSIDE, "CREATE FOREIGN DATA WRAPPER", REACHES_OUT, NULL},
	{"CreateForeignServerStmt", OUTSIDE, "CREATE SERVER", REACHES_OUT, NULL},
	{"CreateForeignTableStmt", OUTSIDE, "CREATE FOREIGN TABLE", REACHES_OUT, NULL},
	{"CreateFunctionStmt", BY_FN, "CREATE FUNCTION", "", pgddl_function},
	{"CreateOpClassStmt", SCHEMA, "CREATE OPERATOR CLASS", CHANGES, pgddl_define},
	{"CreateOpFamilyStmt", SCHEMA, "CREATE OPERATOR FAMILY", CHANGES, NULL},
	{"CreatePLangStmt", OUTSIDE, "CREATE LANGUAGE", "binds native code", NULL},
	{"CreatePolicyStmt", RIGHTS, "CREATE POLICY", "changes who may see which rows", NULL},
	{"CreatePublicationStmt", SCHEMA, "CREATE PUBLICATION", "offers rows to other servers", NULL},
	{"CreateRangeStmt", SCHEMA, "CREATE TYPE", CHANGES, pgddl_define},
	{"CreateRoleStmt", RIGHTS, "CREATE ROLE", "creates a role", NULL},
	{"CreateSchemaStmt", SCHEMA, "CREATE SCHEMA", CHANGES, NULL},
	{"CreateSeqStmt", BY_FN, "CREATE SEQUENCE", CHANGES, pgddl_sequence},
	{"CreateStatsStmt", SCHEMA, "CREATE STATISTICS", CHANGES, NULL},
	{"CreateStmt", BY_FN, "CREATE TABLE", CHANGES, pgddl_create},
	{"CreateSubscriptionStmt", OUTSIDE, "CREATE SUBSCRIPTION", REACHES_OUT, NULL},
	{"CreateTableAsStmt", BY_FN, "CREATE TABLE AS", CHANGES, pgddl_table_as},
	{"CreateTableSpaceStmt", OUTSIDE, "CREATE TABLESPACE", "names a directory of the database host", NULL},
	{"CreateTransformStmt", RIGHTS, "CREATE TRANSFORM", "binds native code", NULL},
	{"CreateTrigStmt", SCHEMA, "CREATE TRIGGER", "runs a function on later writes", NULL},
	{"CreateUserMappingStmt", OUTSIDE, "CREATE USER MAPPING", REACHES_OUT, NULL},
	{"CreatedbStmt", SCHEMA, "CREATE DATABASE", CHANGES, NULL},
	{"DeallocateStmt", LOCAL, "DEALLOCATE", "", pgstmt_deallocate},
	{"DeclareCursorStmt", SQL_READ, SQLF_UTILITY, "DECLARE", "", pgstmt_declare},
	{"DefineStmt", SCHEMA, "CREATE", CHANGES, pgddl_define},
	{"DeleteStmt", SQL_UNPARSABLE, 0, "DELETE", "", pgrows_delete},
	{"DiscardStmt", LOCAL, "DISCARD", "", pgstmt_discard},
	{"DoStmt", SQL_OPAQUE, SQLF_UTILITY, "DO", "runs a block of code", pgddl_do},
	{"DropOwnedStmt", REMOVES, "DROP OWNED", "removes everything a role owns", NULL},
	{"DropRoleStmt", RIGHTS, "DROP ROLE", "removes a role", NULL},
	{"DropStmt", BY_FN, "DROP", "", pgddl_drop},
	{"DropSubscriptionStmt", REMOVES, "DROP SUBSCRIPTION", "removes a subscription", NULL},
	{"DropTableSpaceStmt", REMOVES, "DROP TABLESPACE", "removes a tablespace", NULL},
	{"DropUserMappingStmt", REMOVES, "DROP USER MAPPING", "removes a user mapping", NULL},
	{"DropdbStmt", REMOVES, "DROP DATABASE", "removes a database", NULL},
	{"ExecuteStmt", BY_FN, "EXECUTE", "", pgstmt_execute},
	{"ExplainStmt", SQL_READ, SQLF_UTILITY, "EXPLAIN", "", pgstmt_explain},
	{"FetchStmt", SQL_READ, SQLF_UTILITY, "FETCH", "", pgstmt_fetch},
	{"FuncCall", NODE, pgexpr_call},
	{"GrantRoleStmt", RIGHTS, "GRANT", GRANTS, NULL},
	{"GrantStmt", RIGHTS, "GRANT", GRANTS, NULL},
	{"ImportForeignSchemaStmt", OUTSIDE, "IMPORT FOREIGN SCHEMA", REACHES_OUT, NULL},
	{"IndexStmt", BY_FN, "CREATE INDEX", CHANGES, pgddl_index},
	{"InsertStmt", SQL_UNPARSABLE, 0, "INSERT", "", pgrows_insert},
	{"IntoClause", NODE, pgddl_into},
	{"JoinExpr", NODE, pgexpr_equal},
	{"ListenStmt", LOCAL, "LISTEN", "", pgstmt_notify},
	{"LoadStmt", OUTSIDE, "LOAD", "loads native code into the server", NULL},
	{"LockStmt", BY_FN, "LOCK", "", pgstmt_lock},
	{"LockingClause", NODE, pgrows_lock},
	{"MergeStmt", SQL_BULK, 0, "MERGE", "changes rows chosen by a join", NULL},
	{"NotifyStmt", LOCAL, "NOTIFY", "", pgstmt_notify},
	{"PLAssignStmt", SQL_OPAQUE, 0, "", "is code", NULL},
	{"PrepareStmt", SQL_READ, SQLF_UTILITY, "PREPARE", "", pgstmt_prepare},
	{"RangeTableSample", NODE, pgexpr_sample},
	{"RangeVar", NODE, pgexpr_relation},
	{"ReassignOwnedStmt", RIGHTS, "REASSIGN OWNED", "changes owners", NULL},
	{"RefreshMatViewStmt", SQL_BULK, SQLF_UTILITY, "REFRESH MATERIALIZED VIEW", "rewrites a materialized view", NULL},
	{"ReindexStmt", SCHEMA, "REINDEX", "rebuilds indexes under a lock", NULL},
	{"RenameStmt", BY_FN, "ALTER ... RENAME", CHANGES, pgddl_rename},
	{"RuleStmt", SCHEMA, "CREATE RULE", "turns later statements into others", NULL},
	{"SecLabelStmt", SQL_AUDIT, SQLF_UTILITY, "SECURITY LABEL", "changes security labels", NULL},
	{"SelectStmt", SQL_READ, 0, "SELECT", "", NULL},
	{"SortBy", NODE, pgexpr_sort},
	{"SubLink", NODE, pgexpr_sublink},
	{"TransactionStmt", LOCAL, "", "", pgstmt_transaction},
	{"TruncateStmt", BY_FN, "TRUNCATE", "", pgddl_truncate},
	{"TypeName", NODE, pgexpr_type},
	{"UnlistenStmt", LOCAL, "UNLISTEN", "", pgstmt_notify},
	{"UpdateStmt", SQL_UNPARSABLE, 0, "UPDATE", "", pgrows_update},
	{"VacuumStmt", BY_FN, "VACUUM", "", pgstmt_vacuum},
	{"VariableSetStmt", BY_FN, "SET", "", pgstmt_set},
	{"VariableShowStmt", SQL_READ, SQLF_UTILITY, "SHOW", "", NULL},
	{"ViewStmt", BY_FN, "CREATE VIEW", CHANGES, pgddl_view},
};

const struct pgkind *pgkind_find(const char *kind)
{
	size_t lo = 0, hi = sizeof(kinds) / sizeof(kinds[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int d = strcmp(kind, kinds[mid].kind);

		if (d == 0)
			return &kinds[mid];
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}
