/* SPDX-License-Identifier: Apache-2.0
 *
 * What a driver of the store implements: one function per operation of store.h, with the same
 * meaning. A driver's state starts with struct store.
 */
#ifndef SP_STORE_STORE_DRIVER_H
#define SP_STORE_STORE_DRIVER_H

#include "store/store.h"

struct store_ops {
	void (*close)(struct store *s);
	int (*serial_next)(struct store *s, uint64_t *serial);
	int (*cert_add)(struct store *s, const struct store_cert *c);
	int (*cert_list)(
	    struct store *s, const struct store_cert_filter *f, store_cert_fn *fn, void *ctx);
	int (*revoke)(struct store *s, const char *kind, const char *value, const char *by,
	    const char *why, int64_t now_s);
	int (*revocation_list)(struct store *s, store_revocation_fn *fn, void *ctx);
	int (*standing)(struct store *s, const struct store_subject *x);
	int (*lock)(
	    struct store *s, const char *user, const char *by, const char *why, int64_t now_s);
	int (*unlock)(struct store *s, const char *user);
	int (*lock_list)(struct store *s, store_lock_fn *fn, void *ctx);
	int (*account_login)(struct store *s, const struct store_account *a, bool *new_key);
	int (*account_get)(struct store *s, const char *user, store_account_fn *fn, void *ctx);
	int (*account_of)(struct store *s, const char *iss, const char *sub, store_account_fn *fn, void *ctx);
	int (*account_forget)(struct store *s, const char *user);
	int (*token_use)(struct store *s, const uint8_t hash[32], int64_t expires_s, int64_t now_s);
	int (*prune)(struct store *s, int64_t now_s);
	int (*ca_put)(struct store *s, const struct store_ca *ca);
	int (*ca_move)(struct store *s, const char *name, enum store_ca_state to, int64_t now_s);
	int (*ca_replace)(struct store *s, const struct store_ca *ca, const char *keep);
	int (*ca_list)(struct store *s, store_ca_fn *fn, void *ctx);
	int (*session_start)(struct store *s, const struct store_session *x, uint64_t *counter);
	int (*session_end)(struct store *s, const char *id, const char *reason, int64_t end_us,
	    uint64_t statements, uint64_t rows, uint64_t bytes);
	int (*session_list)(
	    struct store *s, const struct store_session_filter *f, store_session_fn *fn, void *ctx);
	int (*request_add)(struct store *s, const struct store_request *r);
	int (*request_get)(struct store *s, const char *id, store_request_fn *fn, void *ctx);
	int (*request_list)(
	    struct store *s, const struct store_request_filter *f, store_request_fn *fn, void *ctx);
	int (*request_find)(struct store *s, const uint8_t binding[32], int64_t now_us,
	    store_request_fn *fn, void *ctx);
	int (*request_approve)(
	    struct store *s, const char *id, const struct store_approval *a, bool *now_approved);
	int (*approval_list)(struct store *s, const char *id, store_approval_fn *fn, void *ctx);
	int (*approval_drop)(struct store *s, const char *id, const char *person);
	int (*request_move)(struct store *s, const char *id, unsigned from_mask, enum req_state to,
	    const char *by, const char *why, int64_t now_us);
	int (*request_consume)(
	    struct store *s, const char *id, const uint8_t binding[32], int64_t now_us);
	int (*request_expire)(struct store *s, int64_t now_us, store_request_fn *fn, void *ctx);
	int (*request_withdraw_orphans)(struct store *s, int64_t now_us);
};

struct store {
	const struct store_ops *ops;
};

int store_sqlite_open(const char *path, struct store **out, struct why *w) MUST_CHECK;

#endif
