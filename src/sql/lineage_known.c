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
	{"pg_stats", "n_distinct"}, {"pg_stats", "avg_width"}, {"pg_stats", "correlation"},
	{"pg_stats", "null_frac"}, {"pg_stats", "most_common_freqs"}, {"pg_stats", "most_common_elem_freqs"},
	{"pg_stats", "elem_count_histogram"}, {"pg_stats", "range_length_histogram"}, {"pg_stats", "range_empty_frac"},
	{"pg_stats", "range_bounds_histogram"}, {"pg_stats_ext", "most_common_val_nulls"}, {"pg_stats_ext", "most_common_freqs"},
	{"pg_stats_ext", "most_common_base_freqs"}, {"pg_stats_ext", "n_distinct"}, {"pg_stats_ext", "dependencies"},
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

/* Others see the argument where no mask waits: pg_locks, random(), the clock. */
static const char *const telling_functions[] = {
	"pg_advisory_*", "pg_try_advisory_*", "setseed", "pg_sleep*",
};

/* Built-ins that may give more than one row (pg_proc.proretset). */
static const char *const set_functions[] = {
	"aclexplode", "generate_series", "generate_subscripts", "json_array_elements", "json_array_elements_text",
	"json_each", "json_each_text", "json_object_keys", "json_populate_recordset", "json_to_recordset",
	"jsonb_array_elements", "jsonb_array_elements_text", "jsonb_each", "jsonb_each_text", "jsonb_object_keys",
	"jsonb_path_query", "jsonb_path_query_tz", "jsonb_populate_recordset", "jsonb_to_recordset",
	"pg_available_extension_versions", "pg_available_extensions", "pg_config", "pg_cursor",
	"pg_event_trigger_ddl_commands", "pg_event_trigger_dropped_objects", "pg_extension_update_paths",
	"pg_get_backend_memory_contexts", "pg_get_catalog_foreign_keys", "pg_get_keywords",
	"pg_get_multixact_members", "pg_get_publication_tables", "pg_get_replication_slots",
	"pg_get_shmem_allocations", "pg_get_wal_resource_managers", "pg_hba_file_rules", "pg_ident_file_mappings",
	"pg_listening_channels", "pg_lock_status", "pg_logical_*", "pg_ls_*", "pg_mcv_list_items",
	"pg_options_to_table", "pg_partition_ancestors", "pg_partition_tree", "pg_prepared_statement",
	"pg_prepared_xact", "pg_show_*", "pg_snapshot_xip", "pg_stat_get_*", "pg_tablespace_databases",
	"pg_timezone_abbrevs", "pg_timezone_names", "regexp_matches", "regexp_split_to_table", "string_to_table",
	"ts_debug", "ts_parse", "ts_stat", "ts_token_type", "txid_snapshot_xip", "unnest", "xpath_table",
	"crosstab*", "connectby", "dblink*",
};

/* Aggregates and window functions: of a constant they still make another value for each group (pg_proc.prokind). */
static const char *const group_functions[] = {
	"any_value", "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count",
	"covar_pop", "covar_samp", "cume_dist", "dense_rank", "every", "first_value", "json_agg", "json_object_agg",
	"jsonb_agg", "jsonb_object_agg", "lag", "last_value", "lead", "max", "min", "mode", "nth_value", "ntile",
	"percent_rank", "percentile_cont", "percentile_disc", "range_agg", "range_intersect_agg", "rank",
	"row_number", "stddev", "stddev_pop", "stddev_samp", "string_agg", "sum", "var_pop", "var_samp", "variance",
	"xmlagg", "regr_*",
};

/* Built-ins that give another value for each row, or read what the statement may change. */
static const char *const fresh_functions[] = {
	"clock_timestamp", "gen_random_uuid", "lastval", "nextval", "currval", "random", "random_normal",
	"timeofday", "setseed", "setval", "pg_nextoid", "uuid_generate_*", "gen_random_bytes", "txid_current",
	"pg_current_xact_id", "statement_timestamp", "pg_current_wal_lsn", "pg_current_wal_insert_lsn",
	"pg_try_advisory_*", "pg_advisory_*", "set_config", "uuidv4", "uuidv7", "pg_stat_get_*",
	"pg_backend_memory_*", "lo_get", "loread",
};

/* Others see that they were called. */
static const char *const acting_functions[] = {"nextval", "setval", "set_config", "pg_notify", "lo_*", "pg_cancel_backend", "pg_terminate_backend"};

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
	{"generate_series", "="}, {"generate_subscripts", "="}, {"unnest", "="}, {"regexp_split_to_table", "="},
	{"regexp_matches", "="}, {"string_to_table", "="}, {"json_object_keys", "="}, {"jsonb_object_keys", "="},
	{"jsonb_path_query", "="}, {"jsonb_path_query_tz", "="}, {"pg_snapshot_xip", "="},
	{"txid_snapshot_xip", "="}, {"pg_tablespace_databases", "="}, {"current_database", "="},
	{"current_schema", "="}, {"current_schemas", "="}, {"now", "="}, {"version", "="}, {"lower", "="},
	{"upper", "="}, {"length", "="}, {"abs", "="}, {"random", "="}, {"string_to_array", "="},
	{"regexp_match", "="}, {"concat", "="}, {"format", "="}, {"to_date", "="}, {"to_timestamp", "="},
	{"to_char", "="}, {"date_trunc", "="}, {"current_setting", "="}, {"pg_backend_pid", "="},
	{"pg_get_userbyid", "="}, {"pg_get_viewdef", "="}, {"pg_get_constraintdef", "="}, {"pg_get_indexdef", "="},
	{"pg_get_expr", "="}, {"obj_description", "="}, {"col_description", "="}, {"pg_relation_size", "="},
	{"pg_total_relation_size", "="}, {"pg_size_pretty", "="}, {"has_table_privilege", "="},
	{"pg_table_is_visible", "="}, {"clock_timestamp", "="}, {"jsonb_build_object", "="},
	{"json_build_object", "="}, {"jsonb_build_array", "="}, {"to_json", "="}, {"to_jsonb", "="},
	{"row_to_json", "="}, {"array_to_string", "="}, {"split_part", "="}, {"substr", "="}, {"substring", "="},
	{"replace", "="}, {"ascii", "="}, {"chr", "="},
	{"aclexplode", "grantor grantee privilege_type is_grantable"}, {"json_array_elements", "value"},
	{"json_array_elements_text", "value"}, {"json_each", "key value"}, {"json_each_text", "key value"},
	{"jsonb_array_elements", "value"}, {"jsonb_array_elements_text", "value"}, {"jsonb_each", "key value"},
	{"jsonb_each_text", "key value"},
	{"pg_available_extension_versions", "name version superuser trusted relocatable schema requires comment"},
	{"pg_available_extensions", "name default_version comment"}, {"pg_config", "name setting"},
	{"pg_control_init", "max_data_alignment database_block_size blocks_per_segment wal_block_size bytes_per_wal_segment max_identifier_length max_index_columns max_toast_chunk_size large_object_chunk_size float8_pass_by_value data_page_checksum_version"},
	{"pg_control_recovery", "min_recovery_end_lsn min_recovery_end_timeline backup_start_lsn backup_end_lsn end_of_backup_record_required"},
	{"pg_control_system", "pg_control_version catalog_version_no system_identifier pg_control_last_modified"},
	{"pg_cursor", "name statement is_holdable is_binary is_scrollable creation_time"},
	{"pg_extension_update_paths", "source target path"},
	{"pg_get_catalog_foreign_keys", "fktable fkcols pktable pkcols is_array is_opt"},
	{"pg_get_keywords", "word catcode barelabel catdesc baredesc"}, {"pg_get_multixact_members", "xid mode"},
	{"pg_get_object_address", "classid objid objsubid"},
	{"pg_get_shmem_allocations", "name off size allocated_size"},
	{"pg_get_wal_resource_managers", "rm_id rm_name rm_builtin"},
	{"pg_identify_object", "type schema name identity"},
	{"pg_identify_object_as_address", "type object_names object_args"},
	{"pg_last_committed_xact", "xid timestamp roident"},
	{"pg_mcv_list_items", "index values nulls frequency base_frequency"},
	{"pg_options_to_table", "option_name option_value"}, {"pg_partition_ancestors", "relid"},
	{"pg_partition_tree", "relid parentrelid isleaf level"},
	{"pg_prepared_xact", "transaction gid prepared ownerid dbid"},
	{"pg_sequence_parameters", "start_value minimum_value maximum_value increment cycle_option cache_size data_type"},
	{"pg_timezone_abbrevs", "abbrev utc_offset is_dst"}, {"pg_timezone_names", "name abbrev utc_offset is_dst"},
	{"pg_walfile_name_offset", "file_name file_offset"},
	{"pg_xact_commit_timestamp_origin", "timestamp roident"},
	{"ts_debug", "alias description token dictionaries dictionary lexemes"}, {"ts_parse", "tokid token"},
	{"ts_stat", "word ndoc nentry"}, {"ts_token_type", "tokid alias description"},
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
		if (cols->c[i]->v.what != LINEAGE_SENSITIVE) /* else the caller knows it as such */
			cols->c[i]->v = lval_mix(cols->c[i]->v, v);
		seen = true;
	}
	if (!cols->open)
		return;
	if (name == NULL)
		cols->rest = lval_mix(cols->rest, v);
	else if (!seen)
		lcols_add(l, cols, name, lval_mix(cols->rest, v));
}

void lin_system_columns(struct lin *l, const char *schema, const char *name, struct lcols *cols)
{
	(void)schema; /* a relation of that name elsewhere is an extension's, or made to look like one */
	for (size_t i = 0; i < sizeof(value_bearing) / sizeof(value_bearing[0]); i++) {
		if (strcmp(value_bearing[i].rel, name) == 0)
			raise_column(l, cols, value_bearing[i].col);
	}
}

static bool in_list(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (matches(list[i], name))
			return true;
	}
	return false;
}

#define IN_LIST(list, name) in_list(list, sizeof(list) / sizeof((list)[0]), name)

bool lin_func_reads_state(const char *name)
{
	return IN_LIST(state_functions, name);
}

bool lin_func_tells(const char *name)
{
	return IN_LIST(telling_functions, name);
}

bool lin_func_acts(const char *name)
{
	return IN_LIST(acting_functions, name) || lin_func_tells(name);
}

bool lin_func_fresh(const char *name)
{
	return IN_LIST(fresh_functions, name);
}

bool lin_func_groups(const char *name)
{
	return IN_LIST(group_functions, name);
}

bool lin_func_sets(const char *name)
{
	return IN_LIST(set_functions, name);
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
