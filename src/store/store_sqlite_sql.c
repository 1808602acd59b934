/* SPDX-License-Identifier: Apache-2.0
 *
 * Every statement the SQLite driver runs, in one place. Values are always bound, never written into
 * the text.
 */
#include "store/store_sqlite.h"

#define SESSION_COLUMNS                                                                            \
	"id, counter, user, person, target, database, login, source, client, cert_serial, "        \
	"start_us, end_us, end_reason, statements, row_count, byte_count"

#define REQUEST_COLUMNS                                                                            \
	"id, state, session, user, person, on_behalf_of, target, database, login, sql, params, "   \
	"class, rule, reason, settings_text, tx, approval, approvers, binding, quorum, outlives, " \
	"waiting, created_us, deadline_us, decided_us, decided_by, decided_why, "                  \
	"(SELECT count(*) FROM approval a WHERE a.request = request.id)"

const char *const lite_sql[Q_N] = {
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_COUNTER_NEXT] = "UPDATE counter SET value = value + 1 WHERE name = ?1 RETURNING value",

    [Q_CERT_ADD] =
	"INSERT INTO cert (serial, user, key_id, fingerprint, source, issued_s, valid_after_s, "
	"valid_before_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [Q_REVOKE] =
	"INSERT INTO revocation (kind, value, by_user, why, at_s) VALUES (?1, ?2, ?3, ?4, ?5) "
	"ON CONFLICT DO NOTHING",
    [Q_IS_REVOKED] = "SELECT 1 FROM revocation WHERE (kind = 'serial' AND value = ?1) OR (kind = "
		     "'user' AND value = ?2) "
		     "OR (kind = 'key' AND value = ?3) OR (kind = 'ca' AND value = ?4) LIMIT 1",

    [Q_SESSION_ADD] =
	"INSERT INTO session (counter, id, user, person, target, database, login, source, client, "
	"cert_serial, start_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [Q_SESSION_END] =
	"UPDATE session SET end_reason = ?2, end_us = ?3, statements = ?4, row_count = ?5, "
	"byte_count = ?6 WHERE id = ?1 AND end_us = 0",
    [Q_SESSION_EXISTS] = "SELECT 1 FROM session WHERE id = ?1",
    [Q_SESSION_LIST] =
	"SELECT " SESSION_COLUMNS " FROM session WHERE id >= ?1 AND id < ?2 AND start_us >= ?3 "
	"AND (?4 IS NULL OR user = ?4) AND (?5 IS NULL OR target = ?5) ORDER BY counter DESC LIMIT "
	"?6",
    [Q_SESSION_LIVE] =
	"SELECT " SESSION_COLUMNS " FROM session WHERE end_us = 0 AND id >= ?1 AND id < ?2 "
	"AND start_us >= ?3 AND (?4 IS NULL OR user = ?4) AND (?5 IS NULL OR target = ?5) "
	"ORDER BY counter DESC LIMIT ?6",

    [Q_REQUEST_ADD] = "INSERT INTO request (id, state, session, user, person, on_behalf_of, "
		      "target, database, login, "
		      "sql, params, class, rule, reason, settings_text, tx, approval, approvers, "
		      "binding, quorum, "
		      "outlives, waiting, created_us, deadline_us) VALUES (?1, 0, ?2, ?3, ?4, ?5, "
		      "?6, ?7, ?8, ?9, ?10, "
		      "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
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
	"INSERT INTO approval (request, person, user, why, at_us) VALUES (?1, ?2, ?3, ?4, ?5)",
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
