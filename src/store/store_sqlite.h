/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the SQLite driver share: the connection, cached statements, transactions.
 */
#ifndef SP_STORE_STORE_SQLITE_H
#define SP_STORE_STORE_SQLITE_H

#include "store/store_driver.h"

struct sqlite3;
struct sqlite3_stmt;

enum lite_query {
	Q_BEGIN,
	Q_COMMIT,
	Q_ROLLBACK,
	Q_COUNTER_NEXT,
	Q_CERT_ADD,
	Q_CERT_BY_SERIAL,
	Q_CERT_BY_KEY,
	Q_CERT_BY_USER,
	Q_CERT_BY_BEHALF,
	Q_CERT_BY_TIME,
	Q_CERT_ALL,
	Q_CERT_PRUNE,
	Q_REVOKE,
	Q_REVOCATION_LIST,
	Q_LOCK,
	Q_UNLOCK,
	Q_LOCK_LIST,
	Q_STANDING,
	Q_ACCOUNT_PUT,
	Q_ACCOUNT_KEY,
	Q_ACCOUNT_GET,
	Q_ACCOUNT_OF,
	Q_ACCOUNT_FORGET,
	Q_TOKEN_ADD,
	Q_TOKEN_PRUNE,
	Q_CA_PUT,
	Q_CA_STATE,
	Q_CA_MOVE,
	Q_CA_RENAME,
	Q_CA_LIST,
	Q_SESSION_ADD,
	Q_SESSION_END,
	Q_SESSION_EXISTS,
	Q_SESSION_LIST,
	Q_SESSION_LIVE,
	Q_REQUEST_ADD,
	Q_REQUEST_PREFIX,
	Q_REQUEST_LIST,
	Q_REQUEST_FIND,
	Q_REQUEST_STATE,
	Q_APPROVAL_ADD,
	Q_APPROVAL_COUNT,
	Q_APPROVAL_LIST,
	Q_APPROVAL_DROP,
	Q_REQUEST_APPROVE,
	Q_REQUEST_MOVE,
	Q_REQUEST_CONSUME,
	Q_REQUEST_EXPIRE,
	Q_REQUEST_ORPHANS,
	Q_N
};

struct lite {
	struct store store; /* first */
	struct sqlite3 *db;
	struct sqlite3_stmt *cache[Q_N];
};

/* One use of a statement: begin, bind (1, 2, ... in order), step, read columns, end. Errors are
 * sticky. */
struct lite_use {
	struct lite *l;
	struct sqlite3_stmt *st;
	bool own; /* not the cached one: a callback uses the same query again */
	int next, err;
};

struct lite_use lite_begin(struct lite *l, enum lite_query q);
void lite_bind_int(struct lite_use *u, int64_t v);
void lite_bind_u64(
    struct lite_use *u, uint64_t v); /* more than 63 bits are kept as the largest number */
void lite_bind_str(struct lite_use *u, const char *s);         /* NULL = "" */
void lite_bind_str_or_null(struct lite_use *u, const char *s); /* NULL = NULL */
void lite_bind_blob(struct lite_use *u, struct span s);
/* 1 a row, 0 no more, negative error. */
int lite_step(struct lite_use *u) MUST_CHECK;
int64_t lite_col_int(struct lite_use *u, int col);
const char *lite_col_str(struct lite_use *u, int col); /* never NULL; until the next step */
struct span lite_col_blob(struct lite_use *u, int col);
/* Gives the statement back; returns the first error or 0. */
int lite_end(struct lite_use *u);
/* Begin, step to the end, end: for statements that change. *changed (may be NULL): rows. */
int lite_run(struct lite_use *u, int *changed) MUST_CHECK;

int lite_tx_begin(struct lite *l) MUST_CHECK;
/* Commits when rc is 0, else rolls back; returns rc or the commit's error. */
int lite_tx_end(struct lite *l, int rc);
/* Next value of a counter, inside a transaction. */
int lite_counter_next(struct lite *l, const char *name, int64_t *v) MUST_CHECK;
/* SQLite's result code as ours. */
int lite_error(int rc);
extern const char *const lite_sql[Q_N];
void lite_close_statements(struct lite *l);
int lite_open(const char *path, struct lite *l, struct why *w) MUST_CHECK;

/* Operations, per file. */
extern const struct store_ops lite_ops;
int lite_serial_next(struct store *s, uint64_t *serial);
int lite_cert_add(struct store *s, const struct store_cert *c);
int lite_revoke(struct store *s, const char *kind, const char *value, const char *by,
    const char *why, int64_t now_s);
int lite_cert_list(
    struct store *s, const struct store_cert_filter *f, store_cert_fn *fn, void *ctx);
int lite_revocation_list(struct store *s, store_revocation_fn *fn, void *ctx);
int lite_standing(struct store *s, const struct store_subject *x);
int lite_lock(struct store *s, const char *user, const char *by, const char *why, int64_t now_s);
int lite_unlock(struct store *s, const char *user);
int lite_lock_list(struct store *s, store_lock_fn *fn, void *ctx);
int lite_account_login(struct store *s, const struct store_account *a, bool *new_key);
int lite_account_get(struct store *s, const char *user, store_account_fn *fn, void *ctx);
int lite_account_of(struct store *s, const char *iss, const char *sub, store_account_fn *fn, void *ctx);
int lite_account_forget(struct store *s, const char *user);
int lite_token_use(struct store *s, const uint8_t hash[32], int64_t expires_s, int64_t now_s);
int lite_prune(struct store *s, int64_t now_s);
int lite_ca_put(struct store *s, const struct store_ca *ca);
int lite_ca_move(struct store *s, const char *name, enum store_ca_state to, int64_t now_s);
int lite_ca_replace(struct store *s, const struct store_ca *ca, const char *keep);
int lite_ca_list(struct store *s, store_ca_fn *fn, void *ctx);
int lite_session_start(struct store *s, const struct store_session *x, uint64_t *counter);
int lite_session_end(struct store *s, const char *id, const char *reason, int64_t end_us,
    uint64_t statements, uint64_t rows, uint64_t bytes);
int lite_session_list(
    struct store *s, const struct store_session_filter *f, store_session_fn *fn, void *ctx);
int lite_request_add(struct store *s, const struct store_request *r);
int lite_request_get(struct store *s, const char *id, store_request_fn *fn, void *ctx);
int lite_request_list(
    struct store *s, const struct store_request_filter *f, store_request_fn *fn, void *ctx);
int lite_request_find(
    struct store *s, const uint8_t binding[32], int64_t now_us, store_request_fn *fn, void *ctx);
int lite_request_approve(
    struct store *s, const char *id, const struct store_approval *a, bool *now_approved);
int lite_approval_list(struct store *s, const char *id, store_approval_fn *fn, void *ctx);
int lite_approval_drop(struct store *s, const char *id, const char *person);
int lite_request_move(struct store *s, const char *id, unsigned from_mask, enum req_state to,
    const char *by, const char *why, int64_t now_us);
int lite_request_consume(
    struct store *s, const char *id, const uint8_t binding[32], int64_t now_us);
int lite_request_expire(struct store *s, int64_t now_us, store_request_fn *fn, void *ctx);
int lite_request_withdraw_orphans(struct store *s, int64_t now_us);

#endif
