/* SPDX-License-Identifier: Apache-2.0
 *
 * share/schema.sql as a C string, so that the monitor needs no file to make a new store (a test
 * keeps them the same), and the steps from older versions. A file that was taken along the steps
 * has the same tables as a new one; a test compares that, too.
 */
#include "store/store_schema.h"

#include <stddef.h>

#define IDENTITY_TABLES                                                                            \
	"-- Users who may not log in until unlocked.\n"                                            \
	"CREATE TABLE lock (\n"                                                                    \
	"\tuser TEXT PRIMARY KEY,\n"                                                               \
	"\tby_user TEXT NOT NULL,\n"                                                               \
	"\twhy TEXT NOT NULL,\n"                                                                   \
	"\tat_s INTEGER NOT NULL\n"                                                                \
	") STRICT, WITHOUT ROWID;\n"                                                               \
	"\n"                                                                                       \
	"-- Who an identity provider's subject is here; key_fp, groups: of the latest login.\n"    \
	"CREATE TABLE account (\n"                                                                 \
	"\tiss TEXT NOT NULL,\n"                                                                   \
	"\tsub TEXT NOT NULL,\n"                                                                   \
	"\tissuer TEXT NOT NULL,\n"                                                                \
	"\tuser TEXT NOT NULL UNIQUE,\n"                                                           \
	"\tgroups TEXT NOT NULL,\n"                                                                \
	"\tkey_fp TEXT NOT NULL,\n"                                                                \
	"\tfirst_s INTEGER NOT NULL,\n"                                                            \
	"\tlast_s INTEGER NOT NULL,\n"                                                             \
	"\tPRIMARY KEY (iss, sub)\n"                                                               \
	") STRICT, WITHOUT ROWID;\n"                                                               \
	"\n"                                                                                       \
	"-- Keys an account logged in with.\n"                                                     \
	"CREATE TABLE account_key (\n"                                                             \
	"\tiss TEXT NOT NULL,\n"                                                                   \
	"\tsub TEXT NOT NULL,\n"                                                                   \
	"\tkey_fp TEXT NOT NULL,\n"                                                                \
	"\tPRIMARY KEY (iss, sub, key_fp),\n"                                                      \
	"\tFOREIGN KEY (iss, sub) REFERENCES account (iss, sub) ON DELETE CASCADE\n"               \
	") STRICT, WITHOUT ROWID;\n"                                                               \
	"\n"                                                                                       \
	"-- Tokens that were used and must not be used again.\n"                                   \
	"CREATE TABLE token (\n"                                                                   \
	"\thash BLOB PRIMARY KEY CHECK (length(hash) = 32),\n"                                     \
	"\texpires_s INTEGER NOT NULL\n"                                                           \
	") STRICT, WITHOUT ROWID;\n"                                                               \
	"CREATE INDEX token_expires ON token (expires_s);\n"                                       \
	"\n"                                                                                       \
	"-- Certificate authorities. state: 0 trusted, 1 active (signs), 2 retired.\n"             \
	"CREATE TABLE ca (\n"                                                                      \
	"\tnumber INTEGER PRIMARY KEY,\n"                                                          \
	"\tname TEXT NOT NULL UNIQUE,\n"                                                           \
	"\tspec TEXT NOT NULL,\n"                                                                  \
	"\tfingerprint TEXT NOT NULL UNIQUE,\n"                                                    \
	"\tblob BLOB NOT NULL,\n"                                                                  \
	"\tstate INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),\n"                                \
	"\tadded_s INTEGER NOT NULL,\n"                                                            \
	"\tchanged_s INTEGER NOT NULL\n"                                                           \
	") STRICT;\n"                                                                              \
	"CREATE UNIQUE INDEX ca_active ON ca (state) WHERE state = 1;\n"

const char store_schema_sql[] =
    "-- Sallyport state store, schema version 3 (SQLite). The text in src/store/store_schema.c is "
    "the same; a test compares.\n"
    "-- Times: *_s seconds, *_us microseconds since 1970 UTC.\n"
    "\n"
    "CREATE TABLE schema_version (\n"
    "\tversion INTEGER NOT NULL\n"
    ") STRICT;\n"
    "INSERT INTO schema_version (version) VALUES (3);\n"
    "\n"
    "-- Numbers that never repeat: certificate serials, session counters.\n"
    "CREATE TABLE counter (\n"
    "\tname TEXT PRIMARY KEY,\n"
    "\tvalue INTEGER NOT NULL\n"
    ") STRICT, WITHOUT ROWID;\n"
    "INSERT INTO counter (name, value) VALUES ('serial', 0), ('session', 0);\n"
    "\n"
    "CREATE TABLE cert (\n"
    "\tserial INTEGER PRIMARY KEY,\n"
    "\tuser TEXT NOT NULL,\n"
    "\tkey_id TEXT NOT NULL,\n"
    "\tfingerprint TEXT NOT NULL,\n"
    "\tsource TEXT NOT NULL,\n"
    "\tissued_s INTEGER NOT NULL,\n"
    "\tvalid_after_s INTEGER NOT NULL,\n"
    "\tvalid_before_s INTEGER NOT NULL,\n"
    "\tissuer TEXT NOT NULL DEFAULT '',\n"
    "\ton_behalf_of TEXT NOT NULL DEFAULT '',\n"
    "\tca_fp TEXT NOT NULL DEFAULT '',\n"
    "\tparent INTEGER NOT NULL DEFAULT 0,\n"
    "\tblob BLOB NOT NULL DEFAULT x''\n"
    ") STRICT;\n"
    "CREATE INDEX cert_fingerprint ON cert (fingerprint);\n"
    "CREATE INDEX cert_user ON cert (user);\n"
    "CREATE INDEX cert_behalf ON cert (on_behalf_of) WHERE on_behalf_of <> '';\n"
    "CREATE INDEX cert_valid ON cert (valid_before_s);\n"
    "\n"
    "CREATE TABLE revocation (\n"
    "\tkind TEXT NOT NULL CHECK (kind IN ('serial', 'user', 'key', 'ca', 'id')),\n"
    "\tvalue TEXT NOT NULL,\n"
    "\tby_user TEXT NOT NULL,\n"
    "\twhy TEXT NOT NULL,\n"
    "\tat_s INTEGER NOT NULL,\n"
    "\tPRIMARY KEY (kind, value)\n"
    ") STRICT, WITHOUT ROWID;\n"
    "\n"
    "-- end_us 0: live.\n"
    "CREATE TABLE session (\n"
    "\tcounter INTEGER PRIMARY KEY,\n"
    "\tid TEXT NOT NULL UNIQUE,\n"
    "\tuser TEXT NOT NULL,\n"
    "\tperson TEXT NOT NULL,\n"
    "\ttarget TEXT NOT NULL,\n"
    "\tdatabase TEXT NOT NULL,\n"
    "\tlogin TEXT NOT NULL,\n"
    "\tsource TEXT NOT NULL,\n"
    "\tclient TEXT NOT NULL,\n"
    "\tcert_serial TEXT NOT NULL,\n"
    "\tstart_us INTEGER NOT NULL,\n"
    "\tend_us INTEGER NOT NULL DEFAULT 0,\n"
    "\tend_reason TEXT NOT NULL DEFAULT '',\n"
    "\tstatements INTEGER NOT NULL DEFAULT 0,\n"
    "\trow_count INTEGER NOT NULL DEFAULT 0,\n"
    "\tbyte_count INTEGER NOT NULL DEFAULT 0,\n"
    "\ton_behalf_of TEXT NOT NULL DEFAULT ''\n"
    ") STRICT;\n"
    "CREATE INDEX session_live ON session (counter) WHERE end_us = 0;\n"
    "\n"
    "-- state: 0 pending, 1 approved, 2 consumed, 3 denied, 4 expired, 5 withdrawn.\n"
    "CREATE TABLE request (\n"
    "\tid TEXT PRIMARY KEY,\n"
    "\tstate INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),\n"
    "\tsession TEXT NOT NULL,\n"
    "\tuser TEXT NOT NULL,\n"
    "\tperson TEXT NOT NULL,\n"
    "\ton_behalf_of TEXT NOT NULL,\n"
    "\ttarget TEXT NOT NULL,\n"
    "\tdatabase TEXT NOT NULL,\n"
    "\tlogin TEXT NOT NULL,\n"
    "\tsql BLOB NOT NULL,\n"
    "\tparams BLOB NOT NULL,\n"
    "\tclass TEXT NOT NULL,\n"
    "\trule TEXT NOT NULL,\n"
    "\treason TEXT NOT NULL,\n"
    "\tmeaning TEXT NOT NULL,\n"
    "\ttx TEXT NOT NULL,\n"
    "\tapproval TEXT NOT NULL,\n"
    "\tapprovers TEXT NOT NULL,\n"
    "\tbinding BLOB NOT NULL CHECK (length(binding) = 32),\n"
    "\tquorum INTEGER NOT NULL CHECK (quorum > 0),\n"
    "\toutlives INTEGER NOT NULL,\n"
    "\twaiting INTEGER NOT NULL,\n"
    "\tcreated_us INTEGER NOT NULL,\n"
    "\tdeadline_us INTEGER NOT NULL,\n"
    "\tdecided_us INTEGER NOT NULL DEFAULT 0,\n"
    "\tdecided_by TEXT NOT NULL DEFAULT '',\n"
    "\tdecided_why TEXT NOT NULL DEFAULT '',\n"
    "\teffect TEXT NOT NULL DEFAULT '',\n"
    "\teffect_rows INTEGER NOT NULL DEFAULT -1\n"
    ") STRICT;\n"
    "CREATE INDEX request_open ON request (deadline_us) WHERE state < 2;\n"
    "CREATE INDEX request_created ON request (created_us);\n"
    "CREATE INDEX request_session ON request (session);\n"
    "CREATE INDEX request_binding ON request (binding) WHERE state = 1;\n"
    "\n"
    "-- One yes per person and request, and what the person was then: who that may not be any more does not count.\n"
    "CREATE TABLE approval (\n"
    "\trequest TEXT NOT NULL REFERENCES request (id),\n"
    "\tperson TEXT NOT NULL,\n"
    "\tuser TEXT NOT NULL,\n"
    "\twhy TEXT NOT NULL,\n"
    "\tat_us INTEGER NOT NULL,\n"
    "\tvia INTEGER NOT NULL DEFAULT 0,\n"
    "\tissuer TEXT NOT NULL DEFAULT '',\n"
    "\tgroups TEXT NOT NULL DEFAULT '',\n"
    "\tserial INTEGER NOT NULL DEFAULT 0,\n"
    "\tkey_id TEXT NOT NULL DEFAULT '',\n"
    "\tkey_fp TEXT NOT NULL DEFAULT '',\n"
    "\tca_fp TEXT NOT NULL DEFAULT '',\n"
    "\tPRIMARY KEY (request, person)\n"
    ") STRICT, WITHOUT ROWID;\n"
    "\n" IDENTITY_TABLES;

/* Version 2: what identity providers, delegation and several authorities need. */
static const char to_2[] =
    "ALTER TABLE cert ADD COLUMN issuer TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE cert ADD COLUMN on_behalf_of TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE cert ADD COLUMN ca_fp TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE cert ADD COLUMN parent INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE cert ADD COLUMN blob BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE session ADD COLUMN on_behalf_of TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX cert_user ON cert (user);"
    "CREATE INDEX cert_behalf ON cert (on_behalf_of) WHERE on_behalf_of <> '';"
    "CREATE INDEX cert_valid ON cert (valid_before_s);"
    "ALTER TABLE revocation RENAME TO revocation_1;"
    "CREATE TABLE revocation ("
    "kind TEXT NOT NULL CHECK (kind IN ('serial', 'user', 'key', 'ca', 'id')), "
    "value TEXT NOT NULL, by_user TEXT NOT NULL, why TEXT NOT NULL, at_s INTEGER NOT NULL, "
    "PRIMARY KEY (kind, value)) STRICT, WITHOUT ROWID;"
    "INSERT INTO revocation (kind, value, by_user, why, at_s) "
    "SELECT kind, value, by_user, why, at_s FROM revocation_1;"
    "DROP TABLE revocation_1;" IDENTITY_TABLES;

/* Version 3: a request has its meaning and its measured effect, an approval who gave it. Those given before say nothing of
 * who gave them (via 0), so they are not used any more. */
static const char to_3[] =
    "ALTER TABLE request RENAME COLUMN settings_text TO meaning;"
    "ALTER TABLE request ADD COLUMN effect TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE request ADD COLUMN effect_rows INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE approval ADD COLUMN via INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE approval ADD COLUMN issuer TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE approval ADD COLUMN groups TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE approval ADD COLUMN serial INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE approval ADD COLUMN key_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE approval ADD COLUMN key_fp TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE approval ADD COLUMN ca_fp TEXT NOT NULL DEFAULT '';";

const char *const store_migrations[STORE_SCHEMA_VERSION - 1] = {to_2, to_3};
