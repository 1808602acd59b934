/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that are more than a read, and the look-up. The table is sorted by name ('_' sorts before letters); a
 * name that ends in '*' covers every name that begins so.
 */
#include "sql/pgfuncs.h"

#include "sql/facts.h"

#define FILES "reads files of the database host"
#define FILES_W "writes files on the database host"
#define NET "opens a connection from the database host past the gateway"
#define FROM_STRING "runs SQL from a string, which nobody can see into"
#define WAL "reads the write-ahead log past masking"
#define SERVER "acts on the whole server"
#define STATS "forgets statistics of the server"
#define ORIGIN "changes replication state"
#define UPGRADE "changes what the catalogue will hold"
#define LARGE "changes a large object"

static const struct pgfunc special[] = {
	{"binary_upgrade_*", SQL_PRIVILEGE, SQLF_WRITES, UPGRADE},
	{"brin_desummarize_range", SQL_SCHEMA, SQLF_WRITES, "changes an index"},
	{"brin_summarize_new_values", SQL_WRITE, SQLF_WRITES, "maintains an index"},
	{"brin_summarize_range", SQL_WRITE, SQLF_WRITES, "maintains an index"},
	{"connectby", SQL_OPAQUE, 0, FROM_STRING},
	{"crosstab*", SQL_OPAQUE, 0, FROM_STRING},
	{"cursor_to_xml*", SQL_OPAQUE, 0, FROM_STRING},
	{"database_to_xml*", SQL_OPAQUE, 0, "reads whole tables, which masking cannot follow"},
	{"dblink*", SQL_ESCAPE, SQLF_WRITES, NET},
	{"file_fdw_*", SQL_ESCAPE, 0, FILES},
	{"gin_clean_pending_list", SQL_WRITE, SQLF_WRITES, "maintains an index"},
	{"http_delete", SQL_ESCAPE, SQLF_WRITES, NET},
	{"http_get", SQL_ESCAPE, SQLF_WRITES, NET},
	{"http_head", SQL_ESCAPE, SQLF_WRITES, NET},
	{"http_patch", SQL_ESCAPE, SQLF_WRITES, NET},
	{"http_post", SQL_ESCAPE, SQLF_WRITES, NET},
	{"http_put", SQL_ESCAPE, SQLF_WRITES, NET},
	{"lo_creat", SQL_OPAQUE, SQLF_WRITES, LARGE},
	{"lo_create", SQL_OPAQUE, SQLF_WRITES, LARGE},
	{"lo_export", SQL_ESCAPE, SQLF_WRITES, FILES_W},
	{"lo_from_bytea", SQL_ESCAPE, SQLF_WRITES, "stores a file's content for lo_export"},
	{"lo_import*", SQL_ESCAPE, SQLF_WRITES, FILES},
	{"lo_manage", SQL_OPAQUE, SQLF_WRITES, LARGE},
	{"lo_put", SQL_ESCAPE, SQLF_WRITES, "stores a file's content for lo_export"},
	{"lo_truncate*", SQL_DESTRUCTIVE, SQLF_WRITES, LARGE},
	{"lo_unlink", SQL_DESTRUCTIVE, SQLF_WRITES, "removes a large object"},
	{"lowrite", SQL_OPAQUE, SQLF_WRITES, LARGE},
	{"nextval", SQL_WRITE, SQLF_WRITES, "advances a sequence"},
	{"pg_backup_start", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_backup_stop", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_cancel_backend", SQL_CONTROL, SQLF_WRITES, "stops another session's statement"},
	{"pg_copy_logical_replication_slot", SQL_ESCAPE, SQLF_WRITES, WAL},
	{"pg_copy_physical_replication_slot", SQL_ESCAPE, SQLF_WRITES, WAL},
	{"pg_create_logical_replication_slot", SQL_ESCAPE, SQLF_WRITES, WAL},
	{"pg_create_physical_replication_slot", SQL_ESCAPE, SQLF_WRITES, WAL},
	{"pg_create_restore_point", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_drop_replication_slot", SQL_CONTROL, SQLF_WRITES, ORIGIN},
	{"pg_execute_server_program", SQL_ESCAPE, SQLF_WRITES, "runs a program on the database host"},
	{"pg_file_*", SQL_ESCAPE, SQLF_WRITES, FILES_W},
	{"pg_hba_file_rules", SQL_ESCAPE, 0, FILES},
	{"pg_ident_file_mappings", SQL_ESCAPE, 0, FILES},
	{"pg_import_system_collations", SQL_SCHEMA, SQLF_WRITES | SQLF_CATALOG, "creates collations"},
	{"pg_log_backend_memory_contexts", SQL_CONTROL, 0, SERVER},
	{"pg_logdir_ls", SQL_ESCAPE, 0, FILES},
	{"pg_logical_emit_message", SQL_CONTROL, SQLF_WRITES, "writes into the write-ahead log"},
	{"pg_logical_slot_*", SQL_ESCAPE, SQLF_WRITES, WAL},
	{"pg_ls_*", SQL_ESCAPE, 0, "lists files of the database host"},
	{"pg_notify", SQL_SESSION, SQLF_NOTIFY, "sends a notification"},
	{"pg_promote", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_read_*", SQL_ESCAPE, 0, FILES},
	{"pg_reload_conf", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_replication_origin_*", SQL_CONTROL, SQLF_WRITES, ORIGIN},
	{"pg_replication_slot_advance", SQL_CONTROL, SQLF_WRITES, ORIGIN},
	{"pg_restore_*", SQL_PRIVILEGE, SQLF_WRITES, "overwrites planner statistics"},
	{"pg_rotate_logfile*", SQL_CONTROL, SQLF_WRITES, "rotates the server's log"},
	{"pg_show_all_file_settings", SQL_ESCAPE, 0, FILES},
	{"pg_start_backup", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_stat_file", SQL_ESCAPE, 0, FILES},
	{"pg_stat_force_next_flush", SQL_READ, 0, ""},
	{"pg_stat_reset*", SQL_CONTROL, SQLF_WRITES, STATS},
	{"pg_stat_statements_reset", SQL_AUDIT, SQLF_WRITES, "forgets the statements that ran"},
	{"pg_stop_backup", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_stop_making_pinned_objects", SQL_PRIVILEGE, SQLF_WRITES, UPGRADE},
	{"pg_switch_wal", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_switch_xlog", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_terminate_backend", SQL_CONTROL, SQLF_WRITES, "ends another session"},
	{"pg_wal_replay_pause", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"pg_wal_replay_resume", SQL_CONTROL, SQLF_WRITES, SERVER},
	{"postgres_fdw_*", SQL_ESCAPE, SQLF_WRITES, NET},
	{"query_to_xml*", SQL_OPAQUE, 0, FROM_STRING},
	{"schema_to_xml*", SQL_OPAQUE, 0, "reads whole tables, which masking cannot follow"},
	{"setval", SQL_SCHEMA, SQLF_WRITES, "sets a sequence, as ALTER SEQUENCE does"},
	{"table_to_xml*", SQL_OPAQUE, 0, "reads a whole table, which masking cannot follow"},
	{"ts_rewrite", SQL_OPAQUE, 0, FROM_STRING},
	{"ts_stat", SQL_OPAQUE, 0, FROM_STRING},
	{"xpath_table", SQL_OPAQUE, 0, FROM_STRING},
};

/* Read-only names inside a family of the table above. */
static const char *const exempt[] = {
	"pg_replication_origin_oid", "pg_replication_origin_progress", "pg_replication_origin_session_is_setup",
	"pg_replication_origin_session_progress",
};

static const struct pgfunc only_reads = {"", SQL_READ, 0, ""};

/* Order of a name against a table entry: 0 on the entry itself or inside its family. */
static int compare(const char *name, const char *entry)
{
	size_t n = strlen(entry);

	if (entry[n - 1] == '*')
		return strncmp(name, entry, n - 1);
	return strcmp(name, entry);
}

static const struct pgfunc *find_special(const char *name)
{
	size_t lo = 0, hi = sizeof(special) / sizeof(special[0]), i;

	for (i = 0; i < sizeof(exempt) / sizeof(exempt[0]); i++)
		if (strcmp(name, exempt[i]) == 0)
			return NULL;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int d = compare(name, special[mid].name);

		if (d == 0)
			return &special[mid];
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static bool find_in(const char *const *list, size_t n, const char *name)
{
	size_t lo = 0;

	while (lo < n) {
		size_t mid = (lo + n) / 2;
		int d = strcmp(name, list[mid]);

		if (d == 0)
			return true;
		if (d < 0)
			n = mid;
		else
			lo = mid + 1;
	}
	return false;
}

bool pgfunc_is_read(const char *schema, const char *name)
{
	char qualified[128] = "information_schema.";
	size_t n = strlen(qualified), len = strlen(name);

	if (schema[0] == '\0' || strcmp(schema, "pg_catalog") == 0)
		return find_in(pgfuncs_read, pgfuncs_read_n, name);
	if (strcmp(schema, "information_schema") != 0 || len >= sizeof(qualified) - n)
		return false;
	memcpy(qualified + n, name, len + 1);
	return find_in(pgfuncs_read, pgfuncs_read_n, qualified);
}

const struct pgfunc *pgfunc_find(const char *schema, const char *name)
{
	const struct pgfunc *f = find_special(name);

	/* A harmless special name in another schema is somebody's own function. */
	if (f != NULL && sql_class_level(f->cls) < 2 && schema[0] != '\0' && strcmp(schema, "pg_catalog") != 0)
		return NULL;
	if (f != NULL)
		return f;
	return pgfunc_is_read(schema, name) ? &only_reads : NULL;
}

bool pgfunc_is_operator(const char *schema, const char *name)
{
	if (schema[0] != '\0' && strcmp(schema, "pg_catalog") != 0)
		return false;
	return find_in(pgfuncs_operator, pgfuncs_operator_n, name);
}

bool pgfunc_is_set(const char *name)
{
	return find_in(pgfuncs_set, pgfuncs_set_n, name);
}

bool pgfunc_is_extension(const char *name)
{
	return strncmp(name, "st_", 3) == 0 || find_in(pgfuncs_ext, pgfuncs_ext_n, name);
}

bool pgfunc_is_extension_operator(const char *name)
{
	return find_in(pgfuncs_ext_operator, pgfuncs_ext_operator_n, name);
}
