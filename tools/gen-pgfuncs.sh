#!/bin/sh
# Write src/sql/pgfuncs_read.c: the built-in functions and operators of PostgreSQL that only read.
#
# Usage: tools/gen-pgfuncs.sh > src/sql/pgfuncs_read.c
# EXTENSIONS_DB names a second database of it, in which extensions are made.
# Needs a server that psql reaches by the usual PG* variables; use the oldest major version supported (15), with
# nothing installed in it. A name is listed when
#   - every function of that name in pg_catalog is immutable or stable (a claim, but one made by the server's own
#     authors, who keep it), takes and gives no internal type, is no trigger, handler or validator; or
#   - it is volatile and in the list below: harmless because it only looks, sleeps, draws random numbers, or takes
#     advisory locks; or it was added by a later version and would have passed the first test.
# src/sql/pgfuncs.c is asked first, so a name that is special there may also appear here.
set -eu

volatile='clock_timestamp current_query currtid2 currval gen_random_uuid lastval lo_close lo_get lo_lseek lo_lseek64
lo_open lo_tell lo_tell64 loread nextval pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock
pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_blocking_pids
pg_collation_actual_version pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system
pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn
pg_database_collation_actual_version pg_database_size pg_export_snapshot pg_get_backend_memory_contexts
pg_get_multixact_members pg_get_shmem_allocations pg_get_wal_replay_pause_state pg_get_wal_resource_managers
pg_indexes_size pg_is_in_recovery pg_is_wal_replay_paused pg_isolation_test_session_is_blocked pg_jit_available
pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status
pg_notification_queue_usage pg_partition_ancestors pg_partition_tree pg_prepared_xact pg_relation_size
pg_replication_origin_progress pg_replication_origin_session_is_setup pg_replication_origin_session_progress
pg_safe_snapshot_blocking_pids pg_sequence_last_value pg_show_replication_origin_status pg_sleep pg_sleep_for
pg_sleep_until pg_stat_clear_snapshot pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched
pg_stat_get_xact_blocks_hit pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time
pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted
pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted
pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated pg_stat_have_stats pg_table_size pg_tablespace_size
pg_total_relation_size pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
pg_try_advisory_xact_lock_shared pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status random
setseed timeofday txid_status'

later='any_value array_reverse array_sample array_shuffle array_sort bit_xor casefold crc32 crc32c date_add date_subtract
erf erfc gamma json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
json_value lgamma pg_basetype pg_get_acl pg_input_error_info pg_input_is_valid pg_stat_get_backend_subxact
pg_stat_get_io pg_get_wait_events pg_get_wal_summarizer_state pg_available_wal_summaries random_normal reverse
system_user to_bin to_oct to_regtypemod unicode_assigned unicode_version icu_unicode_version uuid_extract_timestamp
uuid_extract_version uuidv4 uuidv7 xmltext jsonb_strip_nulls json_strip_nulls pg_numa_available
pg_stat_get_total_vacuum_time pg_column_toast_chunk_id pg_char_to_encoding pg_relation_is_publishable'

sql() { LC_ALL=C psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }

functions() {
	sql "select p.proname from pg_proc p
	  where pronamespace = 'pg_catalog'::regnamespace
	  group by 1
	  having bool_and(provolatile in ('i','s'))
	     and not bool_or(prokind = 'p' or prorettype in ('internal'::regtype, 'trigger'::regtype,
	       'event_trigger'::regtype, 'index_am_handler'::regtype, 'table_am_handler'::regtype,
	       'fdw_handler'::regtype, 'tsm_handler'::regtype, 'language_handler'::regtype)
	       or 'internal'::regtype = any (proargtypes::oid[]))
	     and p.proname !~ '_validator\$|_to_xml|^ts_stat\$|^ts_rewrite\$|^pg_event_trigger|^binary_upgrade'"
	sql "select distinct 'information_schema.' || proname from pg_proc
	  where pronamespace = 'information_schema'::regnamespace and provolatile in ('i','s')"
	printf '%s\n' $volatile $later
}

# Those that may give any number of rows.
sets() {
	sql "select distinct proname from pg_proc where proretset and pronamespace = 'pg_catalog'::regnamespace"
	printf '%s\n' _pg_expandarray pg_available_wal_summaries pg_get_wait_events pg_stat_get_io pg_get_wal_summarizer_state \
	    each skeys svals normal_rand pgp_armor_headers
}

# What the extensions of the server's own package that only compute bring, and the best known of others; in another
# database, for the lists above are of an empty one. Only what people call: no support functions.
extensions='btree_gin btree_gist citext cube dict_int earthdistance fuzzystrmatch hstore intarray isn ltree pg_trgm
pgcrypto seg tablefunc unaccent uuid-ossp'
others='cosine_distance inner_product l1_distance l2_distance l2_normalize vector_dims vector_norm'
other_operators='<#> <=> <+> <->'

ext() { LC_ALL=C psql -XAtq -v ON_ERROR_STOP=1 -d "$EXTENSIONS_DB" -c "$1"; }

extension_functions() {
	for e in $extensions; do ext "create extension if not exists \"$e\" cascade" 2> /dev/null; done
	ext "select distinct p.proname from pg_proc p join pg_depend d on d.objid = p.oid and d.classid = 'pg_proc'::regclass
	  and d.deptype = 'e' join pg_extension e on e.oid = d.refobjid where e.extname <> 'plpgsql'
	  and p.prokind in ('f', 'a') and 'internal'::regtype <> all (p.proargtypes::oid[]) and p.prorettype <> 'internal'::regtype
	  and not exists (select from pg_proc b where b.proname = p.proname and b.oid < 16384)
	  and p.proname <> 'delete' and p.proname !~ '^(g_|gin_|gbt_|gtrgm_|ghstore_|ltree_gist|_ltree_)|(_in|_out|_recv|_send|_cmp|_consistent|_compress)\$'"
	printf '%s\n' $others
}

extension_operators() {
	ext "select distinct o.oprname from pg_operator o where o.oid >= 16384
	  and not exists (select from pg_operator b where b.oprname = o.oprname and b.oid < 16384)"
	printf '%s\n' $other_operators
}

operators() {
	sql "select distinct oprname from pg_operator where oprnamespace = 'pg_catalog'::regnamespace"
	printf '!=\n' # the lexer's spelling of <>
}

array() {
	LC_ALL=C sort -u | sed 's/\\/\\\\/g; s/.*/"&",/' | tr '\n' ' ' | fold -s -w 108 | sed 's/^/	/; s/ *$//'
	echo
}

cat <<'END'
/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by tools/gen-pgfuncs.sh from a server's catalogue; do not edit. Sorted bytewise.
 */
#include "sql/pgfuncs.h"

const char *const pgfuncs_read[] = {
END
functions | array
cat <<'END'
};
const size_t pgfuncs_read_n = sizeof(pgfuncs_read) / sizeof(pgfuncs_read[0]);

const char *const pgfuncs_operator[] = {
END
operators | array
cat <<'END'
};
const size_t pgfuncs_operator_n = sizeof(pgfuncs_operator) / sizeof(pgfuncs_operator[0]);
END
cat <<'END'

const char *const pgfuncs_set[] = {
END
sets | array
cat <<'END'
};
const size_t pgfuncs_set_n = sizeof(pgfuncs_set) / sizeof(pgfuncs_set[0]);
END
cat <<'END'

const char *const pgfuncs_ext[] = {
END
extension_functions | array
cat <<'END'
};
const size_t pgfuncs_ext_n = sizeof(pgfuncs_ext) / sizeof(pgfuncs_ext[0]);

const char *const pgfuncs_ext_operator[] = {
END
extension_operators | array
cat <<'END'
};
const size_t pgfuncs_ext_operator_n = sizeof(pgfuncs_ext_operator) / sizeof(pgfuncs_ext_operator[0]);
END
