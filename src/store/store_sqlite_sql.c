/* SPDX-License-Identifier: Apache-2.0
 *
 * Every statement the SQLite driver runs, in one place. Values are always bound, never written into
 * the text.
 */
#include "store/store_sqlite.h"

#define SESSION_COLUMNS                                                                            \
	"id, counter, user, person, target, database, login, source, client, cert_serial, "        \
	"start_us, end_us, end_reason, statements, row_count, byte_count, on_behalf_of"

#define REQUEST_COLUMNS                                                                            \
	"id, state, session, user, person, on_behalf_of, target, database, login, sql, params, "   \
	"class, rule, reason, meaning, tx, approval, approvers, binding, quorum, outlives, "       \
	"waiting, created_us, deadline_us, decided_us, decided_by, decided_why, "                  \
	"(SELECT count(*) FROM approval a WHERE a.request = request.id), effect, effect_rows"

#define CERT_COLUMNS                                                                               \
	"serial, user, key_id, fingerprint, source, issuer, on_behalf_of, ca_fp, parent, "         \
	"issued_s, valid_after_s, valid_before_s, blob"

/* Every query has the whole filter; the lead is the part with an index. */
#define CERTS(lead) CERTS_OF("cert", lead)
#define CERTS_OF(table, lead)                                                                      \
	"SELECT " CERT_COLUMNS " FROM " table " WHERE " lead " AND (?1 = 0 OR serial = ?1) "       \
	"AND (?2 IS NULL OR fingerprint = ?2) AND (?3 IS NULL OR user = ?3) "                      \
	"AND (?4 IS NULL OR on_behalf_of = ?4) AND (?5 IS NULL OR source = ?5) "                   \
	"AND (?6 = 0 OR (valid_after_s <= ?6 AND valid_before_s > ?6)) "                           \
	"ORDER BY serial DESC LIMIT ?7"

#define REVOKED(kind_is, value_is)                                                                 \
	"EXISTS (SELECT 1 FROM revocation WHERE kind = " kind_is " AND value = " value_is ")"
#define LOCKED(user_is) "EXISTS (SELECT 1 FROM lock WHERE user = " user_is ")"
/* Something about the certificate that this one was delegated from: as our record of it (?2) says,
 * or the certificate itself (?8). */
#define PARENT(cond)                                                                               \
	"EXISTS (SELECT 1 FROM cert p WHERE p.serial IN ((SELECT parent FROM cert WHERE serial = " \
	"?2), ?8) AND p.serial > 0 AND " cond ")"

#define WHEN(cond, is) " WHEN " cond " THEN " is

#define ACCOUNT_COLUMNS "iss, sub, issuer, user, groups, key_fp, first_s, last_s"

const char *const lite_sql[Q_N] = {
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_COUNTER_NEXT] = "UPDATE counter SET value = value + 1 WHERE name = ?1 RETURNING value",

    [Q_CERT_ADD] = "INSERT INTO cert (" CERT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
		   "?9, ?10, ?11, ?12, ?13)",
    [Q_CERT_BY_SERIAL] = CERTS("serial = ?1"),
    [Q_CERT_BY_KEY] = CERTS("fingerprint = ?2"),
    [Q_CERT_BY_USER] = CERTS("user = ?3"),
    [Q_CERT_BY_BEHALF] = CERTS("on_behalf_of = ?4 AND on_behalf_of <> ''"),
    [Q_CERT_BY_TIME] = CERTS_OF("cert INDEXED BY cert_valid", "valid_before_s > ?6"),
    [Q_CERT_ALL] = CERTS("1"),
    [Q_CERT_PRUNE] = "DELETE FROM cert WHERE valid_before_s < ?1",
    [Q_REVOKE] =
	"INSERT INTO revocation (kind, value, by_user, why, at_s) VALUES (?1, ?2, ?3, ?4, ?5) "
	"ON CONFLICT DO NOTHING",
    [Q_REVOCATION_LIST] =
	"SELECT kind, value, by_user, why, at_s FROM revocation ORDER BY at_s, kind, value",
    [Q_LOCK] = "INSERT INTO lock (user, by_user, why, at_s) VALUES (?1, ?2, ?3, ?4) "
	       "ON CONFLICT DO NOTHING",
    [Q_UNLOCK] = "DELETE FROM lock WHERE user = ?1",
    [Q_LOCK_LIST] = "SELECT 'user', user, by_user, why, at_s FROM lock ORDER BY at_s, user",
    /* clang-format off */
    [Q_STANDING] = "SELECT CASE"
	WHEN(REVOKED("'serial'", "?1"), "1")
	WHEN(REVOKED("'user'", "?3"), "1")
	WHEN(REVOKED("'id'", "?4"), "1")
	WHEN(REVOKED("'key'", "?5"), "1")
	WHEN(REVOKED("'ca'", "?6"), "1")
	WHEN(REVOKED("'user'", "?7"), "1")
	WHEN(REVOKED("'serial'", "CAST(?8 AS TEXT)"), "1")
	WHEN(PARENT(REVOKED("'serial'", "CAST(p.serial AS TEXT)")), "1")
	WHEN(PARENT(REVOKED("'user'", "p.user")), "1")
	WHEN(PARENT(REVOKED("'id'", "p.key_id")), "1")
	WHEN(PARENT(REVOKED("'key'", "p.fingerprint")), "1")
	WHEN(PARENT(REVOKED("'ca'", "p.ca_fp")), "1")
	WHEN(LOCKED("?3"), "2")
	WHEN(LOCKED("?7"), "2")
	WHEN(PARENT(LOCKED("p.user")), "2")
	" ELSE 0 END",
    /* clang-format on */

    [Q_ACCOUNT_PUT] =
	"INSERT INTO account (" ACCOUNT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) "
	"ON CONFLICT (iss, sub) DO UPDATE SET issuer = ?3, groups = ?5, key_fp = ?6, last_s = ?7 "
	"WHERE user = ?4",
    [Q_ACCOUNT_KEY] = "INSERT INTO account_key (iss, sub, key_fp) VALUES (?1, ?2, ?3) "
		      "ON CONFLICT DO NOTHING",
    [Q_ACCOUNT_GET] = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE user = ?1",
    [Q_ACCOUNT_OF] = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE iss = ?1 AND sub = ?2",
    [Q_ACCOUNT_FORGET] = "DELETE FROM account WHERE user = ?1",
    [Q_TOKEN_ADD] = "INSERT INTO token (hash, expires_s) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    [Q_TOKEN_PRUNE] = "DELETE FROM token WHERE expires_s < ?1",

    [Q_CA_PUT] = "INSERT INTO ca (name, spec, fingerprint, blob, state, added_s, changed_s) "
		 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO UPDATE SET spec = ?2, "
		 "fingerprint = ?3, blob = ?4, changed_s = ?7 WHERE spec <> ?2 OR blob <> ?4",
    [Q_CA_STATE] = "SELECT state FROM ca WHERE name = ?1",
    [Q_CA_MOVE] = "UPDATE ca SET state = ?3, changed_s = ?4 WHERE (?1 IS NULL OR name = ?1) AND "
		  "state = ?2",
    [Q_CA_RENAME] = "UPDATE ca SET name = ?2, state = CASE state WHEN 1 THEN 0 ELSE state END, "
		    "changed_s = ?3 WHERE name = ?1",
    [Q_CA_LIST] = "SELECT name, spec, fingerprint, blob, state, added_s, changed_s FROM ca "
		  "ORDER BY number",

    [Q_SESSION_ADD] =
	"INSERT INTO session (counter, id, user, person, target, database, login, source, client, "
	"cert_serial, start_us, on_behalf_of) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
	"?11, "
	"?12)",
    [Q_SESSION_END] =
	"UPDATE session SET end_reason = ?2, end_us = ?3, statements = ?4, row_count = ?5, "
	"byte_count = ?6 WHERE id = ?1 AND end_us = 0",
    [Q_SESSION_EXISTS] = "SELECT 1 FROM session WHERE id = ?1",
    [Q_SESSION_LIST] =
	"SELECT " SESSION_COLUMNS " FROM session WHERE id >= ?1 AND id < ?2 AND start_us >= ?3 "
	"AND (?4 IS NULL OR user = ?4 OR on_behalf_of = ?4) AND (?5 IS NULL OR target = ?5) "
	"AND (?6 IS NULL OR on_behalf_of = ?6) ORDER BY counter DESC LIMIT ?7",
    [Q_SESSION_LIVE] =
	"SELECT " SESSION_COLUMNS " FROM session WHERE end_us = 0 AND id >= ?1 AND id < ?2 "
	"AND start_us >= ?3 AND (?4 IS NULL OR user = ?4 OR on_behalf_of = ?4) "
	"AND (?5 IS NULL OR target = ?5) AND (?6 IS NULL OR on_behalf_of = ?6) "
	"ORDER BY counter DESC LIMIT ?7",

    [Q_REQUEST_ADD] = "INSERT INTO request (id, state, session, user, person, on_behalf_of, "
		      "target, database, login, "
		      "sql, params, class, rule, reason, meaning, tx, approval, approvers, "
		      "binding, quorum, "
		      "outlives, waiting, created_us, deadline_us, effect, effect_rows) VALUES (?1, 0, ?2, ?3, ?4, ?5, "
		      "?6, ?7, ?8, ?9, ?10, "
		      "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, "
		      "?24, ?25)",
    [Q_REQUEST_PREFIX] =
	"SELECT " REQUEST_COLUMNS
	" FROM request WHERE id >= ?1 AND id < ?2 ORDER BY id = ?1 DESC, id LIMIT 2",
    [Q_REQUEST_LIST] =
	"SELECT " REQUEST_COLUMNS " FROM request WHERE (?1 IS NULL OR user = ?1) "
	"AND (?2 IS NULL OR session = ?2) AND state <= ?3 ORDER BY created_us DESC, id LIMIT ?4",
    [Q_REQUEST_FIND] =
	"SELECT " REQUEST_COLUMNS " FROM request WHERE binding = ?1 AND state = 1 AND outlives = 1 "
	"AND deadline_us > ?2 ORDER BY created_us LIMIT 1",
    [Q_REQUEST_STATE] = "SELECT state, deadline_us, quorum, person, on_behalf_of, binding FROM "
			"request WHERE id = ?1",
    [Q_APPROVAL_ADD] =
	"INSERT INTO approval (request, person, user, why, at_us, via, issuer, groups, serial, "
	"key_id, key_fp, ca_fp) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [Q_APPROVAL_LIST] =
	"SELECT user, person, why, at_us, via, issuer, groups, serial, key_id, key_fp, ca_fp "
	"FROM approval WHERE request = ?1 ORDER BY at_us, person",
    [Q_APPROVAL_DROP] = "DELETE FROM approval WHERE request = ?1 AND person = ?2",
    [Q_APPROVAL_COUNT] = "SELECT count(*) FROM approval WHERE request = ?1",
    [Q_REQUEST_APPROVE] =
	"UPDATE request SET state = 1, decided_us = ?2, decided_why = ?3, decided_by = (SELECT "
	"group_concat(user, ', ') FROM (SELECT user FROM approval WHERE request = ?1 ORDER BY "
	"at_us, person)) "
	"WHERE id = ?1 AND state = 0 AND deadline_us > ?2",
    [Q_REQUEST_MOVE] = "UPDATE request SET state = ?2, decided_by = ?3, decided_why = ?4, "
		       "decided_us = ?5, waiting = 0 "
		       "WHERE id = ?1 AND ((1 << state) & ?6) <> 0",
    [Q_REQUEST_CONSUME] =
	"UPDATE request SET state = 2, waiting = 0 WHERE id = ?1 AND state = 1 AND binding = ?2 "
	"AND deadline_us > ?3",
    [Q_REQUEST_EXPIRE] = "UPDATE request SET state = 4, waiting = 0, decided_us = ?1 WHERE state < "
			 "2 AND deadline_us <= ?1 "
			 "RETURNING id",
    [Q_REQUEST_ORPHANS] = "UPDATE request SET state = 5, waiting = 0, decided_us = ?1, decided_why "
			  "= 'the session is gone' "
			  "WHERE state < 2 AND waiting = 1 AND NOT EXISTS (SELECT 1 FROM session s "
			  "WHERE s.id = request.session "
			  "AND s.end_us = 0)",
};
