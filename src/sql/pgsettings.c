/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of settings. A setting in no list is nobody's: changing it is session control, which is held.
 */
#include "sql/pgsettings.h"

#include <strings.h>

#include "sql/facts.h"

enum rule {
	R_CLASS, /* the class of the entry */
	R_PIN,   /* only to one of the values, never a number: texts that differ in a number may share their facts; behind a
		  * bar what is also taken when the session begins: the driver's word for "yours" */
	R_PATH,  /* search_path */
	R_MSGS,  /* client_min_messages */
};

#define HARMLESS SQL_SESSION, R_CLASS, ""
#define LOGGING SQL_AUDIT, R_CLASS, "changes what the server logs or audits"
#define GUARD SQL_AUDIT, R_CLASS, "turns off a safeguard of the database"
#define IDENTITY SQL_PRIVILEGE, R_CLASS, "changes the database identity"
#define PRIVILEGE SQL_PRIVILEGE, R_CLASS, "changes privileges"
#define LOADS SQL_ESCAPE, R_CLASS, "loads native code or runs a program on the database host"
#define FILES SQL_ESCAPE, R_CLASS, "names files of the database host"
#define REPAIR SQL_CONTROL, R_CLASS, "lets the server pass over damaged data"

static const struct entry {
	const char *name; /* a '*' at the end covers every longer name */
	enum sql_class cls;
	enum rule rule;
	const char *why;
} entries[] = {
	{"allow_system_table_mods", PRIVILEGE},
	{"anon.*", GUARD},
	{"application_name", HARMLESS},
	{"archive_*", LOADS},
	{"array_nulls", HARMLESS},
	{"auto_explain.*", LOGGING},
	{"backslash_quote", SQL_AUDIT, R_PIN, "safe_encoding"},
	{"bytea_output", HARMLESS},
	{"check_function_bodies", HARMLESS},
	{"client_encoding", SQL_AUDIT, R_PIN, "utf8 unicode|auto sqlascii"},
	{"client_min_messages", SQL_SESSION, R_MSGS, ""},
	{"commit_delay", HARMLESS},
	{"commit_siblings", HARMLESS},
	{"compute_query_id", LOGGING},
	{"config_file", FILES},
	{"constraint_exclusion", HARMLESS},
	{"cpu_index_tuple_cost", HARMLESS},
	{"cpu_operator_cost", HARMLESS},
	{"cpu_tuple_cost", HARMLESS},
	{"createrole_self_grant", PRIVILEGE},
	{"cursor_tuple_fraction", HARMLESS},
	{"data_directory", FILES},
	{"datestyle", HARMLESS},
	{"deadlock_timeout", HARMLESS},
	{"default_statistics_target", HARMLESS},
	{"default_table_access_method", HARMLESS},
	{"default_tablespace", HARMLESS},
	{"default_text_search_config", HARMLESS},
	{"default_toast_compression", HARMLESS},
	{"default_transaction_deferrable", HARMLESS},
	{"default_transaction_isolation", HARMLESS},
	{"default_transaction_read_only", HARMLESS},
	{"default_with_oids", HARMLESS},
	{"dynamic_library_path", LOADS},
	{"effective_cache_size", HARMLESS},
	{"effective_io_concurrency", HARMLESS},
	{"enable_*", HARMLESS},
	{"escape_string_warning", HARMLESS},
	{"event_source", LOGGING},
	{"event_triggers", GUARD},
	{"extension_control_path", LOADS},
	{"extension_destdir", LOADS},
	{"external_pid_file", FILES},
	{"extra_float_digits", HARMLESS},
	{"force_parallel_mode", HARMLESS},
	{"from_collapse_limit", HARMLESS},
	{"geqo*", HARMLESS},
	{"gin_fuzzy_search_limit", HARMLESS},
	{"gin_pending_list_limit", HARMLESS},
	{"hash_mem_multiplier", HARMLESS},
	{"hba_file", FILES},
	{"ident_file", FILES},
	{"idle_in_transaction_session_timeout", HARMLESS},
	{"idle_session_timeout", HARMLESS},
	{"ignore_checksum_failure", REPAIR},
	{"ignore_system_indexes", REPAIR},
	{"intervalstyle", HARMLESS},
	{"is_superuser", IDENTITY},
	{"jit", HARMLESS},
	{"jit_above_cost", HARMLESS},
	{"jit_dump_bitcode", FILES},
	{"jit_expressions", HARMLESS},
	{"jit_inline_above_cost", HARMLESS},
	{"jit_optimize_above_cost", HARMLESS},
	{"jit_provider", LOADS},
	{"jit_tuple_deforming", HARMLESS},
	{"join_collapse_limit", HARMLESS},
	{"krb_server_keyfile", FILES},
	{"lc_messages", HARMLESS},
	{"lc_monetary", HARMLESS},
	{"lc_numeric", HARMLESS},
	{"lc_time", HARMLESS},
	{"lo_compat_privileges", PRIVILEGE},
	{"local_preload_libraries", LOADS},
	{"lock_timeout", HARMLESS},
	{"log_*", LOGGING},
	{"logging_collector", LOGGING},
	{"logical_decoding_work_mem", HARMLESS},
	{"maintenance_io_concurrency", HARMLESS},
	{"maintenance_work_mem", HARMLESS},
	{"max_parallel_maintenance_workers", HARMLESS},
	{"max_parallel_workers", HARMLESS},
	{"max_parallel_workers_per_gather", HARMLESS},
	{"min_parallel_index_scan_size", HARMLESS},
	{"min_parallel_table_scan_size", HARMLESS},
	{"output_plugin_libraries", LOADS},
	{"parallel_leader_participation", HARMLESS},
	{"parallel_setup_cost", HARMLESS},
	{"parallel_tuple_cost", HARMLESS},
	{"pg_stat_statements.*", LOGGING},
	{"pgaudit.*", LOGGING},
	{"plan_cache_mode", HARMLESS},
	{"plperl.*", LOADS},
	{"plpython*", LOADS},
	{"pltcl.*", LOADS},
	{"primary_conninfo", SQL_ESCAPE, R_CLASS, "connects the server to another one"},
	{"promote_trigger_file", FILES},
	{"quote_all_identifiers", HARMLESS},
	{"random_page_cost", HARMLESS},
	{"recovery_end_command", LOADS},
	{"recursive_worktable_factor", HARMLESS},
	{"restore_command", LOADS},
	{"restrict_nonsystem_relation_kind", HARMLESS},
	{"role", IDENTITY},
	{"row_security", GUARD},
	{"safeupdate.*", GUARD},
	{"search_path", SQL_SESSION, R_PATH, "lets other schemas come before pg_catalog"},
	{"seed", HARMLESS},
	{"sepgsql.*", GUARD},
	{"seq_page_cost", HARMLESS},
	{"session_authorization", IDENTITY},
	{"session_preload_libraries", LOADS},
	{"session_replication_role", GUARD},
	{"set_user.*", GUARD},
	{"shared_preload_libraries", LOADS},
	{"ssl_ca_file", FILES},
	{"ssl_cert_file", FILES},
	{"ssl_crl_dir", FILES},
	{"ssl_crl_file", FILES},
	{"ssl_dh_params_file", FILES},
	{"ssl_key_file", FILES},
	{"ssl_passphrase_command", LOADS},
	{"ssl_renegotiation_limit", HARMLESS},
	{"standard_conforming_strings", SQL_AUDIT, R_PIN, "on true yes"},
	{"statement_timeout", HARMLESS},
	{"stats_fetch_consistency", HARMLESS},
	{"supautils.*", GUARD},
	{"synchronize_seqscans", HARMLESS},
	{"synchronous_commit", HARMLESS},
	{"syslog_*", LOGGING},
	{"tcp_*", HARMLESS},
	{"temp_buffers", HARMLESS},
	{"temp_tablespaces", HARMLESS},
	{"timezone", HARMLESS},
	{"timezone_abbreviations", HARMLESS},
	{"track_activities", LOGGING},
	{"track_activity_query_size", LOGGING},
	{"transaction_deferrable", HARMLESS},
	{"transaction_isolation", HARMLESS},
	{"transaction_read_only", HARMLESS},
	{"transaction_timeout", HARMLESS},
	{"unix_socket_directories", FILES},
	{"vacuum_*", HARMLESS},
	{"wal_skip_threshold", HARMLESS},
	{"work_mem", HARMLESS},
	{"xmlbinary", HARMLESS},
	{"xmloption", HARMLESS},
	{"zero_damaged_pages", REPAIR},
};

static const struct entry *find(const char *name)
{
	size_t lo = 0, hi = sizeof(entries) / sizeof(entries[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2, n = strlen(entries[mid].name);
		bool prefix = entries[mid].name[n - 1] == '*';
		int d = prefix ? strncasecmp(name, entries[mid].name, n - 1) : strcasecmp(name, entries[mid].name);

		if (d == 0)
			return &entries[mid];
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* Letters and digits of s, lower case: what the server compares of an encoding's name. */
static void squeeze(const char *s, char *out, size_t cap)
{
	size_t n = 0;

	for (; *s != '\0' && n + 1 < cap; s++)
		if ((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9'))
			out[n++] = *s;
		else if (*s >= 'A' && *s <= 'Z')
			out[n++] = (char)(*s | 0x20);
		else if (*s != ' ' && *s != '-' && *s != '_' && *s != '\'' && *s != '"')
			out[n++] = '?';
	out[n] = '\0';
}

/* Is value one of the words of the pin? The empty one is at the start. */
static bool pin_allows(const char *words, const char *value, bool start)
{
	char want[32], have[32], word[32];
	const char *w = words;

	squeeze(value, have, sizeof(have));
	if (have[0] == '\0')
		return start;
	while (*w != '\0' && (*w != '|' || start)) {
		size_t n = strcspn(w += *w == '|', " |");

		memcpy(word, w, n < sizeof(word) ? n : sizeof(word) - 1);
		word[n < sizeof(word) ? n : sizeof(word) - 1] = '\0';
		squeeze(word, want, sizeof(want));
		if (strcmp(want, have) == 0)
			return true;
		w += n + (w[n] == ' ');
	}
	return false;
}

/* pg_catalog is searched first unless the path names it: then its place counts. */
static bool path_is_plain(const char *value)
{
	bool first = true;

	while (*value != '\0') {
		size_t n;

		value += strspn(value, " \t\n\r\f\"'");
		n = strcspn(value, ",");
		if (!first && n >= 10 && strncasecmp(value, "pg_catalog", 10) == 0)
			return false;
		first = false;
		value += n + (value[n] == ',');
	}
	return true;
}

static void judge_value(const struct entry *e, const char *value, bool start, struct pgsetting *out)
{
	switch (e->rule) {
	case R_PIN:
		if (value != NULL && pin_allows(e->why, value, start))
			*out = (struct pgsetting){SQL_SESSION, SQLF_SESSION_SET, "", true};
		else
			out->why = "changes how the server reads statements";
		return;
	case R_PATH:
		out->flags |= SQLF_CATALOG;
		if (value == NULL || !path_is_plain(value))
			out->cls = SQL_OPAQUE;
		else
			out->why = "";
		return;
	case R_MSGS:
		if (value == NULL || strncasecmp(value, "debug", 5) == 0) {
			out->cls = SQL_CONTROL;
			out->why = "sends the server's debugging output to the client";
		}
		return;
	case R_CLASS:
		return;
	}
}

void pgsetting_judge(const char *name, const char *value, enum pgsetting_how how, struct pgsetting *out)
{
	const struct entry *e = find(name);

	*out = (struct pgsetting){SQL_CONTROL, SQLF_SESSION_SET, "is a setting outside the list of harmless ones", false};
	if (e == NULL)
		return;
	out->cls = e->cls;
	out->why = e->why;
	out->pinned = e->rule == R_PIN;
	if (how == PGSET_VALUE || how == PGSET_START) {
		judge_value(e, value, how == PGSET_START, out);
	} else if (how == PGSET_RESET) {
		/* The session began with the pinned value, and with the identity that the gateway logged in with: DISCARD ALL
		 * goes back to it as well. */
		if (e->rule != R_CLASS || strcmp(e->name, "role") == 0 || strcmp(e->name, "session_authorization") == 0)
			*out = (struct pgsetting){SQL_SESSION, SQLF_SESSION_SET | SQLF_CATALOG, "", e->rule == R_PIN};
	} else if (e->rule == R_PIN) {
		out->why = "changes how later sessions read statements";
	} else if (sql_class_level(e->cls) < 3) {
		out->cls = SQL_CONTROL;
		out->why = "changes later sessions";
	}
}
