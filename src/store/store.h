/* SPDX-License-Identifier: Apache-2.0
 *
 * What survives a restart: certificate serials and issued certificates, revocations, locks, accounts, authorities, requests (holds),
 * sessions.
 * One interface, one driver per file (store_sqlite.c now; a shared driver later): no SQL, no driver type and no
 * assumption of a single process outside. Every state change is one durable transaction and every decision a
 * conditional UPDATE. Only the monitor calls it. Strings are copied in; rows are handed to callbacks, borrowed.
 */
#ifndef SP_STORE_STORE_H
#define SP_STORE_STORE_H

#include "base/err.h"
#include "base/span.h"

struct store;

/* spec: "sqlite:PATH". 0 or error with why. */
int store_open(const char *spec, struct store **out, struct why *w) MUST_CHECK;
void store_close(struct store *s);

/* --- certificates --- */
/* Next serial, unique for ever, 63 bits. */
int store_serial_next(struct store *s, uint64_t *serial) MUST_CHECK;
struct store_cert {
	uint64_t serial;
	const char *user, *key_id, *fingerprint; /* SHA256:... of the user's key */
	const char *source;                      /* address the login came from */
	const char *issuer;                      /* identity block */
	const char *on_behalf_of, *ca_fp;        /* "" = nobody; the authority that signed */
	uint64_t parent;                         /* serial of the certificate it was delegated from, 0 = none */
	int64_t issued_s, valid_after_s, valid_before_s;
	struct span blob;                        /* the certificate */
};
int store_cert_add(struct store *s, const struct store_cert *c) MUST_CHECK;
typedef int store_cert_fn(void *ctx, const struct store_cert *c); /* non-zero stops */
struct store_cert_filter {
	const char *user, *fingerprint, *source, *on_behalf_of; /* NULL = any */
	uint64_t serial;   /* 0 = any */
	int64_t valid_at_s; /* 0 = also expired ones */
	size_t limit;      /* 0 = all */
};
/* Newest first. */
int store_cert_list(struct store *s, const struct store_cert_filter *f, store_cert_fn *fn, void *ctx) MUST_CHECK;

/* kind: "serial" (decimal, no leading zero) | "user" | "key" (fingerprint) | "ca" (fingerprint) | "id" (key id). E_EXISTS: was
 * revoked before. */
int store_revoke(struct store *s, const char *kind, const char *value, const char *by, const char *why, int64_t now_s) MUST_CHECK;
struct store_revocation {
	const char *kind, *value, *by, *why;
	int64_t at_s;
};
typedef int store_revocation_fn(void *ctx, const struct store_revocation *r);
int store_revocation_list(struct store *s, store_revocation_fn *fn, void *ctx) MUST_CHECK;

/* What a certificate or key stands for; "" and 0 are not looked up. */
struct store_subject {
	uint64_t serial, parent; /* parent: as the certificate says, when our record of it may be missing */
	const char *user, *key_id, *key_fp, *ca_fp, *on_behalf_of;
};
enum store_standing { STORE_GOOD = 0, STORE_REVOKED = 1, STORE_LOCKED = 2 };
/* Any of these revoked, or the user or the person behind it locked; also by the certificate it was delegated from (its serial, its
 * key, its user). Negative error: treat as revoked. */
int store_standing(struct store *s, const struct store_subject *x) MUST_CHECK;
/* The same of an issued certificate. */
int store_cert_standing(struct store *s, const struct store_cert *c) MUST_CHECK;

/* --- locks --- */
/* E_EXISTS: locked already. */
int store_lock(struct store *s, const char *user, const char *by, const char *why, int64_t now_s) MUST_CHECK;
int store_unlock(struct store *s, const char *user) MUST_CHECK; /* E_NOTFOUND: was not locked */
typedef int store_lock_fn(void *ctx, const struct store_revocation *r); /* kind "user" */
int store_lock_list(struct store *s, store_lock_fn *fn, void *ctx) MUST_CHECK;

/* --- accounts of identity providers: (iss, sub) is the identity, the user name belongs to it --- */
struct store_account {
	const char *iss, *sub, *issuer; /* issuer: identity block */
	const char *user;
	const char *groups;             /* of the latest login, comma list */
	const char *key_fp;             /* of the latest login */
	int64_t first_s, last_s;
};
/* Remember a login: the account's groups, key and time. E_EXISTS: the user name belongs to another account, or the account has
 * another user name (see store_account_forget). *new_key: this key was not seen for the account before. */
int store_account_login(struct store *s, const struct store_account *a, bool *new_key) MUST_CHECK;
typedef int store_account_fn(void *ctx, const struct store_account *a);
int store_account_get(struct store *s, const char *user, store_account_fn *fn, void *ctx) MUST_CHECK; /* E_NOTFOUND */
/* The same by who it is. */
int store_account_of(struct store *s, const char *iss, const char *sub, store_account_fn *fn, void *ctx) MUST_CHECK;
int store_account_forget(struct store *s, const char *user) MUST_CHECK;

/* --- tokens that may be used once --- */
/* E_EXISTS: used before. E_EXPIRED: its time was over longer ago than anybody's clock skew. Forgets those for which that is so. */
#define STORE_TOKEN_SLACK_S 3600
int store_token_use(struct store *s, const uint8_t hash[32], int64_t expires_s, int64_t now_s) MUST_CHECK;

/* Forgets certificates that expired long ago and tokens past their time; revocations stay. Now and then. */
#define STORE_CERT_KEEP_S (90 * 86400)
int store_prune(struct store *s, int64_t now_s) MUST_CHECK;

/* --- certificate authorities --- */
enum store_ca_state { STORE_CA_TRUSTED, STORE_CA_ACTIVE, STORE_CA_RETIRED };
const char *store_ca_state_name(enum store_ca_state st);
struct store_ca {
	const char *name, *spec; /* "default": the one of the configuration */
	const char *fingerprint;
	struct span blob;        /* public key */
	enum store_ca_state state;
	int64_t added_s, changed_s;
};
/* Insert, or replace spec and key of the same name, whose state stays (ca->state counts for a new name only). E_EXISTS: another name
 * has this key, or another one is active and the new one shall be. */
int store_ca_put(struct store *s, const struct store_ca *ca) MUST_CHECK;
/* At most one is active: activating one makes the former trusted. E_STATE: a retired one stays retired; the active one cannot be
 * retired or made trusted. E_NOTFOUND. 0 when it is in that state already. */
int store_ca_move(struct store *s, const char *name, enum store_ca_state to, int64_t now_s) MUST_CHECK;
/* The name's key is another one from now on: the former one goes on as `keep`, trusted (a retired one stays retired), and ca is
 * active if the former was, else trusted. E_NOTFOUND: no such name. E_EXISTS: another name has this key, or `keep` is taken. */
int store_ca_replace(struct store *s, const struct store_ca *ca, const char *keep) MUST_CHECK;
typedef int store_ca_fn(void *ctx, const struct store_ca *ca);
int store_ca_list(struct store *s, store_ca_fn *fn, void *ctx) MUST_CHECK; /* oldest first */

/* --- sessions (index of recordings) --- */
struct store_session {
	const char *id;        /* 26-character ULID */
	uint64_t counter;      /* gap-free number */
	const char *user, *person, *target, *database, *login, *source, *client, *cert_serial;
	int64_t start_us, end_us;  /* end 0 = live */
	const char *end_reason;    /* "" while live */
	uint64_t statements, rows, bytes;
	const char *on_behalf_of;  /* person an agent acts for; "" = the user itself */
};
/* Assigns the next gap-free counter. */
int store_session_start(struct store *s, const struct store_session *x, uint64_t *counter) MUST_CHECK;
int store_session_end(struct store *s, const char *id, const char *reason, int64_t end_us, uint64_t statements, uint64_t rows, uint64_t bytes) MUST_CHECK;
struct store_session_filter {
	const char *id_prefix, *target; /* NULL = any */
	const char *user;               /* also sessions of agents that act for this user */
	const char *on_behalf_of;       /* exactly; "" = nobody */
	int64_t since_us;
	bool live_only;
	size_t limit;                          /* 0 = 1000 */
};
typedef int store_session_fn(void *ctx, const struct store_session *x); /* non-zero stops */
/* Newest first. */
int store_session_list(struct store *s, const struct store_session_filter *f, store_session_fn *fn, void *ctx) MUST_CHECK;

/* --- requests --- */
enum req_state { REQ_PENDING, REQ_APPROVED, REQ_CONSUMED, REQ_DENIED, REQ_EXPIRED, REQ_WITHDRAWN };
const char *req_state_name(enum req_state st);

struct store_request {
	const char *id;           /* 10 characters of base32 (50 random bits) */
	enum req_state state;
	const char *session, *user, *person, *on_behalf_of, *target, *database, *login;
	struct span sql;          /* exact bytes */
	struct span params;       /* msgpack array */
	const char *cls, *rule, *reason, *meaning, *tx, *approval, *approvers; /* meaning: wire/meaning.h */
	const char *effect;       /* measured: what it does, "" when it was not measured */
	int64_t effect_rows;      /* rows it changes, -1 unknown */
	uint8_t binding[32];      /* SHA-256 over all that must not change (monitor/binding) */
	int quorum;
	bool outlives;            /* may be consumed by a later session with the same binding (reject-with-id) */
	bool waiting;             /* a session waits for it now */
	int64_t created_us, deadline_us, decided_us;
	const char *decided_by, *decided_why;
	int approvals;            /* number so far */
};
int store_request_add(struct store *s, const struct store_request *r) MUST_CHECK;
typedef int store_request_fn(void *ctx, const struct store_request *r);
/* id may be a unique prefix (>= 4 characters); E_NOTFOUND, or E_EXISTS when ambiguous. */
int store_request_get(struct store *s, const char *id, store_request_fn *fn, void *ctx) MUST_CHECK;
struct store_request_filter {
	const char *user, *session;
	bool open_only; /* pending or approved */
	size_t limit;
};
int store_request_list(struct store *s, const struct store_request_filter *f, store_request_fn *fn, void *ctx) MUST_CHECK;
/* An approved, unexpired, unconsumed, `outlives` request with this binding; E_NOTFOUND. */
int store_request_find(struct store *s, const uint8_t binding[32], int64_t now_us, store_request_fn *fn, void *ctx) MUST_CHECK;
struct store_approval { /* a person's yes, and what the person was then */
	const char *user, *person, *why;
	int64_t at_us;
	int via;            /* how it was proven: enum via, 0 = not known */
	const char *issuer; /* identity block */
	const char *groups; /* claimed, comma list */
	uint64_t serial;    /* certificate, 0 = none */
	const char *key_id, *key_fp, *ca_fp; /* "" = none */
};
/* One approval by a person: recorded once per person (E_EXISTS for a second one); when the quorum is reached pending → approved.
 * *now_approved tells. E_STATE when it is not pending (or past its deadline). NULL strings of a are "". */
int store_request_approve(struct store *s, const char *id, const struct store_approval *a, bool *now_approved) MUST_CHECK;
typedef int store_approval_fn(void *ctx, const struct store_approval *a); /* non-zero stops */
/* Those of a request by its whole id, oldest first. */
int store_approval_list(struct store *s, const char *id, store_approval_fn *fn, void *ctx) MUST_CHECK;
/* It counts no longer; E_NOTFOUND. The request's state stays. */
int store_approval_drop(struct store *s, const char *id, const char *person) MUST_CHECK;
/* Conditional state change from any of the states in the bit mask (1 << REQ_...); E_STATE when it did not apply. */
int store_request_move(struct store *s, const char *id, unsigned from_mask, enum req_state to, const char *by, const char *why, int64_t now_us) MUST_CHECK;
/* approved → consumed only if the binding is equal and the deadline not passed; E_STATE or E_DENIED (binding). */
int store_request_consume(struct store *s, const char *id, const uint8_t binding[32], int64_t now_us) MUST_CHECK;
/* pending and approved ones past their deadline → expired; calls fn for each. */
int store_request_expire(struct store *s, int64_t now_us, store_request_fn *fn, void *ctx) MUST_CHECK;
/* At start: waiting requests of sessions that no longer exist → withdrawn. */
int store_request_withdraw_orphans(struct store *s, int64_t now_us) MUST_CHECK;

#endif
