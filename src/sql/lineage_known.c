/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known about the server's own relations, functions and settings for lineage. Values of
 * tables live in the catalogue too: statistics hold samples, views of activity hold other sessions'
 * literals.
 */
#include "sql/lineage_int.h"

/* Columns whose values are not the server's own; NULL: all of the relation. */
static const struct {
	const char *rel, *col;
} value_bearing[] = {
	{"pg_stats", "most_common_vals"}, {"pg_stats", "histogram_bounds"},
	{"pg_stats", "most_common_elems"}, {"pg_stats_ext", "most_common_vals"},
	{"pg_stats_ext_exprs", NULL}, {"pg_statistic", NULL}, {"pg_statistic_ext_data", NULL},
	{"pg_stat_activity", "query"}, {"pg_stat_statements", "query"},
	{"pg_authid", "rolpassword"}, {"pg_shadow", "passwd"}, {"pg_user_mapping", "umoptions"},
	{"pg_user_mappings", "umoptions"}, {"user_mapping_options", "option_value"},
	{"pg_largeobject", NULL}, {"pg_subscription", "subconninfo"},
	{"pg_foreign_server", "srvoptions"}, {"foreign_server_options", "option_value"},
	{"pg_stat_wal_receiver", "conninfo"}, {"pg_file_settings", "setting"},
	{"pg_hba_file_rules", NULL}, {"pg_sequences", "last_value"},
	{"pg_prepared_xacts", "gid"},
};

/* Relations of pg_catalog, PostgreSQL 13 to 18; sorted. */
static const char *const system_relations[] = {
	"pg_aggregate", "pg_aios", "pg_am", "pg_amop", "pg_amproc", "pg_attrdef",
	"pg_attribute", "pg_auth_members", "pg_authid", "pg_available_extension_versions",
	"pg_available_extensions", "pg_backend_memory_contexts", "pg_cast", "pg_class",
	"pg_collation", "pg_config", "pg_constraint", "pg_conversion", "pg_cursors",
	"pg_database", "pg_db_role_setting", "pg_default_acl", "pg_depend", "pg_description",
	"pg_enum", "pg_event_trigger", "pg_extension", "pg_file_settings",
	"pg_foreign_data_wrapper", "pg_foreign_server", "pg_foreign_table", "pg_group",
	"pg_hba_file_rules", "pg_ident_file_mappings", "pg_index", "pg_indexes", "pg_inherits",
	"pg_init_privs", "pg_language", "pg_largeobject", "pg_largeobject_metadata", "pg_locks",
	"pg_matviews", "pg_namespace", "pg_opclass", "pg_operator", "pg_opfamily",
	"pg_parameter_acl", "pg_partitioned_table", "pg_policies", "pg_policy",
	"pg_prepared_statements", "pg_prepared_xacts", "pg_proc", "pg_publication",
	"pg_publication_namespace", "pg_publication_rel", "pg_publication_tables", "pg_range",
	"pg_replication_origin", "pg_replication_origin_status", "pg_replication_slots",
	"pg_rewrite", "pg_roles", "pg_rules", "pg_seclabel", "pg_seclabels", "pg_sequence",
	"pg_sequences", "pg_settings", "pg_shadow", "pg_shdepend", "pg_shdescription",
	"pg_shmem_allocations", "pg_shseclabel", "pg_stat_activity", "pg_stat_all_indexes",
	"pg_stat_all_tables", "pg_stat_archiver", "pg_stat_bgwriter", "pg_stat_checkpointer",
	"pg_stat_database", "pg_stat_database_conflicts", "pg_stat_gssapi", "pg_stat_io",
	"pg_stat_progress_analyze", "pg_stat_progress_basebackup", "pg_stat_progress_cluster",
	"pg_stat_progress_copy", "pg_stat_progress_create_index", "pg_stat_progress_vacuum",
	"pg_stat_recovery_prefetch", "pg_stat_replication", "pg_stat_replication_slots",
	"pg_stat_slru", "pg_stat_ssl", "pg_stat_subscription", "pg_stat_subscription_stats",
	"pg_stat_sys_indexes", "pg_stat_sys_tables", "pg_stat_user_functions",
	"pg_stat_user_indexes", "pg_stat_user_tables", "pg_stat_wal", "pg_stat_wal_receiver",
	"pg_stat_xact_all_tables", "pg_stat_xact_sys_tables", "pg_stat_xact_user_functions",
	"pg_stat_xact_user_tables", "pg_statio_all_indexes", "pg_statio_all_sequences",
	"pg_statio_all_tables", "pg_statio_sys_indexes", "pg_statio_sys_sequences",
	"pg_statio_sys_tables", "pg_statio_user_indexes", "pg_statio_user_sequences",
	"pg_statio_user_tables", "pg_statistic", "pg_statistic_ext", "pg_statistic_ext_data",
	"pg_stats", "pg_stats_ext", "pg_stats_ext_exprs", "pg_subscription",
	"pg_subscription_rel", "pg_tables", "pg_tablespace", "pg_timezone_abbrevs",
	"pg_timezone_names", "pg_transform", "pg_trigger", "pg_ts_config", "pg_ts_config_map",
	"pg_ts_dict", "pg_ts_parser", "pg_ts_template", "pg_type", "pg_user", "pg_user_mapping",
	"pg_user_mappings", "pg_views", "pg_wait_events",
};

/* Readers of something else than their arguments; a name that ends in '*' covers all that begin so. */
static const char *const state_functions[] = {
	"current_setting", "currval", "lastval", "setval", "lo_*", "loread",
	"currtid*", "pg_cursor", "pg_prepared_statement", "pg_prepared_xact",
	"pg_sequence_last_value", "pg_stat_get_activity", "pg_stat_get_backend_activity",
	"pg_stat_get_backend_client_addr", "pg_stat_get_wal_receiver",
	"pg_stat_get_wal_senders", "pg_show_all_settings", "pg_show_all_file_settings",
	"pg_mcv_list_items", "pg_listening_channels", "pg_get_replication_slots",
	"pg_show_replication_origin_status", "pg_hba_file_rules", "pg_ident_file_mappings",
	"pg_stat_statements*", "query_to_xml*", "table_to_xml*", "schema_to_xml*",
	"database_to_xml*", "cursor_to_xml*", "ts_stat", "ts_rewrite", "dblink*", "pg_read_*",
	"pg_ls_*", "pg_logical_*", "xpath_table", "crosstab*", "connectby",
};

/* Others see the argument where no mask waits: pg_locks, random(), the number of rows, the clock. */
static const char *const telling_functions[] = {
	"pg_advisory_*", "pg_try_advisory_*", "setseed", "generate_series", "pg_sleep*",
};

/* Settings that take any text a session gives them; those with a dot are anybody's. */
static const char *const free_settings[] = {
	"application_name", "local_preload_libraries", "session_preload_libraries",
	"shared_preload_libraries", "dynamic_library_path", "temp_tablespaces", "cluster_name",
	"log_line_prefix", "backtrace_functions", "unix_socket_directories", "primary_conninfo",
	"archive_command", "restore_command",
};

static const struct {
	const char *name, *columns;
} func_columns[] = {
	{"generate_series", "="}, {"generate_subscripts", "="}, {"unnest", "="},
	{"regexp_split_to_table", "="}, {"regexp_matches", "="}, {"string_to_table", "="},
	{"json_array_elements", "value"}, {"jsonb_array_elements", "value"},
	{"json_array_elements_text", "value"}, {"jsonb_array_elements_text", "value"},
	{"json_object_keys", "="}, {"jsonb_object_keys", "="}, {"json_each", "key value"},
	{"jsonb_each", "key value"}, {"json_each_text", "key value"},
	{"jsonb_each_text", "key value"}, {"jsonb_path_query", "="},
	{"jsonb_path_query_tz", "="},
	{"aclexplode", "grantor grantee privilege_type is_grantable"},
	{"pg_options_to_table", "option_name option_value"},
	{"pg_partition_tree", "relid parentrelid isleaf level"},
	{"pg_partition_ancestors", "relid"}, {"current_database", "="}, {"current_schema", "="},
	{"now", "="}, {"version", "="}, {"lower", "="}, {"upper", "="}, {"length", "="},
	{"abs", "="}, {"random", "="},
};

static bool matches(const char *entry, const char *name)
{
	size_t n = strlen(entry);

	return entry[n - 1] == '*' ? strncmp(entry, name, n - 1) == 0 : strcmp(entry, name) == 0;
}

bool lin_is_system_relation(const char *schema, const char *name)
{
	size_t lo = 0, hi = sizeof(system_relations) / sizeof(system_relations[0]);

	if (strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0)
		return true;
	while (schema[0] == '\0' && lo < hi) {
		size_t mid = (lo + hi) / 2;
		int d = strcmp(name, system_relations[mid]);

		if (d == 0)
			return true;
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

/* One column, or for NULL every column, is at best unknown. */
static void raise_column(struct lin *l, struct lcols *cols, const char *name)
{
	const struct lval v = lval_unknown("values of tables, statements or secrets in the catalogue");
	bool seen = false;

	for (size_t i = 0; i < cols->n; i++) {
		if (name != NULL && (cols->c[i]->name == NULL || strcmp(cols->c[i]->name, name) != 0))
			continue;
		cols->c[i]->v = lval_mix(cols->c[i]->v, v);
		seen = true;
	}
	if (!cols->open)
		return;
	if (name == NULL)
		cols->rest = lval_mix(cols->rest, v);
	else if (!seen)
		lcols_add(l, cols, name, lval_mix(cols->rest, v), false);
}

void lin_system_columns(struct lin *l, const char *schema, const char *name, struct lcols *cols)
{
	(void)schema; /* a relation of that name elsewhere is an extension's, or made to look like one */
	for (size_t i = 0; i < sizeof(value_bearing) / sizeof(value_bearing[0]); i++) {
		if (strcmp(value_bearing[i].rel, name) == 0)
			raise_column(l, cols, value_bearing[i].col);
	}
}

bool lin_func_reads_state(const char *name)
{
	for (size_t i = 0; i < sizeof(state_functions) / sizeof(state_functions[0]); i++) {
		if (matches(state_functions[i], name))
			return true;
	}
	return false;
}

bool lin_func_sizes(const char *name)
{
	static const char *const sizing[] = {"repeat", "array_fill", "lpad", "rpad"};

	for (size_t i = 0; i < sizeof(sizing) / sizeof(sizing[0]); i++) {
		if (strcmp(sizing[i], name) == 0)
			return true;
	}
	return false;
}

bool lin_func_tells(const char *name)
{
	for (size_t i = 0; i < sizeof(telling_functions) / sizeof(telling_functions[0]); i++) {
		if (matches(telling_functions[i], name))
			return true;
	}
	return false;
}

bool lin_setting_plain(const char *name)
{
	if (name[0] == '\0' || strchr(name, '.') != NULL || strlen(name) > 60)
		return false;
	for (size_t i = 0; i < sizeof(free_settings) / sizeof(free_settings[0]); i++) {
		if (span_is_nocase(span_str(name), free_settings[i]))
			return false;
	}
	return true;
}

const char *lin_func_columns(const char *name)
{
	for (size_t i = 0; i < sizeof(func_columns) / sizeof(func_columns[0]); i++) {
		if (strcmp(func_columns[i].name, name) == 0)
			return func_columns[i].columns;
	}
	return NULL;
}
