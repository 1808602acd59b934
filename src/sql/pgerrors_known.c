/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms of PostgreSQL 15's messages that may pass where values could have been in play, its source files that
 * only speak of the statement, and what is said in place of the rest. A form that is missing costs a text, never a
 * value. Source: ereport() calls of REL_15_STABLE.
 */
#include <string.h>

#include "sql/pgerrors.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

const struct pgerror_form pgerror_forms[] = {
	/* constraints: the names are fields, which the server's own code fills */
	{"_bt_check_unique", "duplicate key value violates unique constraint \"%n\""},
	{"check_exclusion_or_unique_constraint", "conflicting key value violates exclusion constraint \"%n\""},
	{"comparetup_index_btree", "could not create unique index \"%n\""},
	{"ExecConstraints", "null value in column \"%c\" of relation \"%t\" violates not-null constraint"},
	{"ExecConstraints", "new row for relation \"%t\" violates check constraint \"%n\""},
	{"ExecPartitionCheckEmitError", "new row for relation \"%t\" violates partition constraint"},
	{"ExecFindPartition", "no partition of relation \"%t\" found for row"},
	{"ri_ReportViolation", "insert or update on table \"%t\" violates foreign key constraint \"%n\""},
	{"ri_ReportViolation", "update or delete on table \"%w\" violates foreign key constraint \"%n\" on table \"%t\""},
	{"ExecWithCheckOptions", "new row violates row-level security policy for table \"%w\""},
	{"ExecWithCheckOptions", "new row violates check option for view \"%w\""},
	{"ExecEvalConstraintCheck", "value for domain %d violates check constraint \"%n\""},
	{"ExecEvalConstraintNotNull", "domain %d does not allow null values"},
	{"domain_check_input", "value for domain %d violates check constraint \"%n\""},
	{"domain_check_input", "domain %d does not allow null values"},
	{"ATRewriteTable", "column \"%c\" of relation \"%t\" contains null values"},
	{"ATRewriteTable", "check constraint \"%n\" of relation \"%t\" is violated by some row"},
	/* rights */
	{"aclcheck_error", "permission denied for table %w"},
	{"aclcheck_error", "permission denied for view %w"},
	{"aclcheck_error", "permission denied for schema %w"},
	{"aclcheck_error", "permission denied for sequence %w"},
	{"aclcheck_error", "permission denied for function %w"},
	{"aclcheck_error", "permission denied for materialized view %w"},
	{"aclcheck_error", "must be owner of table %w"},
	{"aclcheck_error", "must be owner of view %w"},
	{"aclcheck_error", "must be owner of sequence %w"},
	{"aclcheck_error", "must be owner of index %w"},
	{"aclcheck_error", "must be owner of schema %w"},
	{"aclcheck_error", "must be owner of materialized view %w"},
	/* locks, transactions */
	{"heapam_tuple_lock", "could not obtain lock on row in relation \"%w\""},
	{"heap_lock_tuple", "could not obtain lock on row in relation \"%w\""},
	{"RangeVarGetRelidExtended", "could not obtain lock on relation \"%w\""},
	{"PreventCommandIfReadOnly", "cannot execute %K in a read-only transaction"},
	{"PreventInTransactionBlock", "%K cannot run inside a transaction block"},
	{"CheckTransactionBlock", "%K can only be used in transaction blocks"},
	{"ReleaseSavepoint", "savepoint \"%w\" does not exist"},
	{"RollbackToSavepoint", "savepoint \"%w\" does not exist"},
	/* names of prepared statements and cursors are identifiers */
	{"FetchPreparedStatement", "prepared statement \"%w\" does not exist"},
	{"StorePreparedStatement", "prepared statement \"%w\" already exists"},
	{"EvaluateParams", "wrong number of parameters for prepared statement \"%w\""},
	{"PerformPortalFetch", "cursor \"%w\" does not exist"},
	{"PerformPortalClose", "cursor \"%w\" does not exist"},
	{"CreatePortal", "cursor \"%w\" already exists"},
	{"AfterTriggerSetState", "constraint \"%w\" does not exist"},
	{"AfterTriggerSetState", "constraint \"%w\" is not deferrable"},
	/* schema changes */
	{"heap_create_with_catalog", "relation \"%w\" already exists"},
	{"transformCreateStmt", "relation \"%w\" already exists, skipping"},
	{"RangeVarGetAndCheckCreationNamespace", "relation \"%w\" already exists"},
	{"index_create", "relation \"%w\" already exists"},
	{"index_create", "relation \"%w\" already exists, skipping"},
	{"check_for_column_name_collision", "column \"%w\" of relation \"%w\" already exists"},
	{"check_for_column_name_collision", "column \"%w\" of relation \"%w\" already exists, skipping"},
	{"ATExecDropColumn", "column \"%w\" of relation \"%w\" does not exist"},
	{"ATExecDropColumn", "column \"%w\" of relation \"%w\" does not exist, skipping"},
	{"ATPrepAlterColumnType", "column \"%w\" of relation \"%w\" does not exist"},
	{"ATExecColumnDefault", "column \"%w\" of relation \"%w\" does not exist"},
	{"ATExecDropNotNull", "column \"%w\" of relation \"%w\" does not exist"},
	{"ATExecSetNotNull", "column \"%w\" of relation \"%w\" does not exist"},
	{"renameatt_internal", "column \"%w\" does not exist"},
	{"CopyGetAttnums", "column \"%w\" of relation \"%w\" does not exist"},
	{"ComputeIndexAttrs", "column \"%w\" does not exist"},
	{"ATExecDropConstraint", "constraint \"%w\" of relation \"%w\" does not exist"},
	{"ATExecAddConstraint", "constraint \"%w\" for relation \"%w\" already exists"},
	{"AddRelationNewConstraints", "constraint \"%w\" for relation \"%w\" already exists"},
	{"DropErrorMsgNonExistent", "table \"%w\" does not exist"},
	{"DropErrorMsgNonExistent", "table \"%w\" does not exist, skipping"},
	{"DropErrorMsgNonExistent", "view \"%w\" does not exist"},
	{"DropErrorMsgNonExistent", "view \"%w\" does not exist, skipping"},
	{"DropErrorMsgNonExistent", "index \"%w\" does not exist"},
	{"DropErrorMsgNonExistent", "index \"%w\" does not exist, skipping"},
	{"DropErrorMsgNonExistent", "sequence \"%w\" does not exist"},
	{"DropErrorMsgNonExistent", "sequence \"%w\" does not exist, skipping"},
	{"reportDependentObjects", "cannot drop table %w because other objects depend on it"},
	{"reportDependentObjects", "cannot drop column %w of table %w because other objects depend on it"},
	{"reportDependentObjects", "cannot drop view %w because other objects depend on it"},
	/* no place for anything */
	{NULL, "canceling statement due to user request"},
	{NULL, "canceling statement due to statement timeout"},
	{NULL, "canceling statement due to lock timeout"},
	{NULL, "canceling statement due to conflict with recovery"},
	{NULL, "canceling autovacuum task"},
	{NULL, "deadlock detected"},
	{NULL, "terminating connection due to administrator command"},
	{NULL, "terminating connection due to conflict with recovery"},
	{NULL, "terminating connection due to idle-in-transaction timeout"},
	{NULL, "terminating connection due to idle-session timeout"},
	{NULL, "terminating connection because of crash of another server process"},
	{NULL, "connection to client lost"},
	{NULL, "the database system is shutting down"},
	{NULL, "current transaction is aborted, commands ignored until end of transaction block"},
	{NULL, "there is already a transaction in progress"},
	{NULL, "there is no transaction in progress"},
	{NULL, "SET LOCAL can only be used in transaction blocks"},
	{NULL, "SET TRANSACTION can only be used in transaction blocks"},
	{NULL, "SET CONSTRAINTS can only be used in transaction blocks"},
	{NULL, "SET TRANSACTION ISOLATION LEVEL must be called before any query"},
	{NULL, "could not serialize access due to concurrent update"},
	{NULL, "could not serialize access due to concurrent delete"},
	{NULL, "could not serialize access due to read/write dependencies among transactions"},
	{NULL, "tuple to be locked was already moved to another partition due to concurrent update"},
	{NULL, "tuple to be updated was already modified by an operation triggered by the current command"},
	{NULL, "tuple to be deleted was already modified by an operation triggered by the current command"},
	{NULL, "ON CONFLICT DO UPDATE command cannot affect row a second time"},
	{NULL, "MERGE command cannot affect row a second time"},
	{NULL, "cached plan must not change result type"},
	{NULL, "could not resize shared memory segment"},
	{NULL, "out of memory"},
	{NULL, "out of shared memory"},
	{NULL, "stack depth limit exceeded"},
	{NULL, "cursor can only scan forward"},
	{NULL, "set-valued function called in context that cannot accept a set"},
};
const size_t pgerror_n_forms = N(pgerror_forms);

static bool is_one_of(struct span s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(s, list[i]))
			return true;
	return false;
}

bool pgerror_hint_known(struct span hint)
{
	static const char *const hints[] = {
	    "No function matches the given name and argument types. You might need to add explicit type casts.",
	    "No operator matches the given name and argument types. You might need to add explicit type casts.",
	    "No operator matches the given name and argument type. You might need to add an explicit type cast.",
	    "Could not choose a best candidate function. You might need to add explicit type casts.",
	    "Could not choose a best candidate operator. You might need to add explicit type casts.",
	    "You will need to rewrite or cast the expression.", "See server log for query details.",
	    "The transaction might succeed if retried.", "Use DROP ... CASCADE to drop the dependent objects too.",
	    "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
	    "Ensure that not more than one source row matches any one target row.", "Declare it with SCROLL option to enable backward scan.",
	    "Consider using an AFTER trigger instead of a BEFORE trigger to propagate changes to other rows.",
	    "Use \"escape\" string syntax for escapes, e.g., E'\\r\\n'.",
	    "Increase the configuration parameter \"max_stack_depth\" (currently 2048kB), after ensuring the platform's stack depth limit "
	    "is adequate.",
	    "You might need to increase max_locks_per_transaction."};

	return is_one_of(hint, hints, N(hints));
}

bool pgerror_file_parses(struct span file)
{
	static const char *const files[] = {
	    /* the grammar and what gives names their meaning */
	    "scan.l", "gram.y", "parser.c", "scansup.c", "analyze.c", "namespace.c", "parse_agg.c", "parse_clause.c", "parse_coerce.c",
	    "parse_collate.c", "parse_cte.c", "parse_expr.c", "parse_func.c", "parse_merge.c", "parse_node.c", "parse_oper.c",
	    "parse_param.c", "parse_relation.c", "parse_target.c", "parse_type.c", "parse_utilcmd.c", "rewriteHandler.c", "copy.c",
	    "tablecmds.c", "heap.c", "prepare.c",
	    /* literals, which take their type before anything runs */
	    "arrayfuncs.c", "bool.c", "cash.c", "date.c", "datetime.c", "encode.c", "enum.c", "float.c", "int.c", "int8.c", "json.c",
	    "jsonb.c", "jsonfuncs.c", "mac.c", "mac8.c", "multirangetypes.c", "network.c", "numeric.c", "numutils.c", "rangetypes.c",
	    "rowtypes.c", "timestamp.c", "tsquery.c", "tsvector_parser.c", "uuid.c", "varbit.c", "varchar.c", "varlena.c", "xml.c"};

	return is_one_of(file, files, N(files));
}

bool pgerror_line_harmless(struct span line)
{
	static const char *const starts[] = {"JSON data, line ", "unnamed portal parameter $", "unnamed portal with parameters:",
	    "portal \"", "while locking tuple (", "while updating tuple (", "while deleting tuple (", "while rechecking updated tuple (",
	    "while inserting index tuple (", "while checking exclusion constraint on tuple (", "while checking uniqueness of tuple (",
	    "invalid type name \"", "COPY "};

	for (size_t i = 0; i < N(starts); i++)
		if (line.n >= strlen(starts[i]) && memcmp(line.p, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

/* By SQLSTATE or its class, the longer first. */
const char *pgerror_canned(struct span sqlstate)
{
	static const struct {
		const char *code, *text;
	} texts[] = {{"21000", "more than one row returned by a subquery used as an expression"}, {"22001", "a value is too long for its type"},
	    {"22003", "a number is out of range"}, {"22004", "a null value is not allowed here"}, {"22007", "a date or time is malformed"},
	    {"22008", "a date or time is out of range"}, {"22012", "division by zero"}, {"22023", "a parameter value is not valid"},
	    {"2201W", "LIMIT must not be negative"}, {"2201X", "OFFSET must not be negative"},
	    {"2202E", "an array subscript is wrong"}, {"22P02", "a value has not the syntax of its type"},
	    {"22P03", "a binary value is malformed"}, {"22P04", "the data of COPY are malformed"}, {"23502", "a null value violates a not-null constraint"},
	    {"23503", "a foreign key constraint was violated"}, {"23505", "a unique constraint was violated"},
	    {"23514", "a check constraint was violated"}, {"42501", "permission denied"}, {"42601", "a syntax error"},
	    {"42703", "a column does not exist"}, {"42704", "an object does not exist"}, {"42883", "a function or operator does not exist"},
	    {"42P01", "a relation does not exist"}, {"22", "a value could not be converted or is out of range"},
	    {"23", "a constraint was violated"}, {"25", "the state of the transaction does not allow this"},
	    {"40", "the transaction was rolled back"}, {"42", "the statement is not valid here"}, {"53", "the database is short of resources"},
	    {"54", "the statement is too complex or too large"}, {"55", "an object is not in the state it should be in"},
	    {"57", "an operator of the database intervened"}, {"P0", "a function raised an error"}, {"00", "a notice of the database"},
	    {"01", "a warning of the database"}, {"02", "a warning of the database"}};

	for (size_t i = 0; sqlstate.n == 5 && i < N(texts); i++)
		if (memcmp(sqlstate.p, texts[i].code, strlen(texts[i].code)) == 0)
			return texts[i].text;
	return "the database reported an error";
}
