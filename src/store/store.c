/* SPDX-License-Identifier: Apache-2.0
 *
 * The face of the store: picks the driver by the spec, refuses calls that would break the state
 * machine of requests before any driver sees them, and hands the rest over.
 */
#include "store/store_driver.h"

static const struct driver {
	const char *prefix;
	int (*open)(const char *where, struct store **out, struct why *w);
} drivers[] = {{"sqlite:", store_sqlite_open}};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const char *const state_names[] = {[REQ_PENDING] = "pending",
    [REQ_APPROVED] = "approved",
    [REQ_CONSUMED] = "consumed",
    [REQ_DENIED] = "denied",
    [REQ_EXPIRED] = "expired",
    [REQ_WITHDRAWN] = "withdrawn"};

static const char *const ca_state_names[] = {
    [STORE_CA_TRUSTED] = "trusted", [STORE_CA_ACTIVE] = "active", [STORE_CA_RETIRED] = "retired"};

static const char *const revocation_kinds[] = {"serial", "user", "key", "ca", "id"};

const char *req_state_name(enum req_state st)
{
	return (size_t)st < N(state_names) ? state_names[st] : "unknown";
}

int store_open(const char *spec, struct store **out, struct why *w)
{
	size_t i;

	*out = NULL;
	for (i = 0; i < N(drivers); i++)
		if (strncmp(spec, drivers[i].prefix, strlen(drivers[i].prefix)) == 0)
			return drivers[i].open(spec + strlen(drivers[i].prefix), out, w);
	return why_set(w, E_CONFIG, "no driver for the state store \"%s\"", spec);
}

void store_close(struct store *s)
{
	if (s != NULL)
		s->ops->close(s);
}

int store_serial_next(struct store *s, uint64_t *serial)
{
	return s->ops->serial_next(s, serial);
}

int store_cert_add(struct store *s, const struct store_cert *c)
{
	if (c->serial == 0 || c->serial > INT64_MAX || c->parent > INT64_MAX)
		return E_FORMAT;
	return s->ops->cert_add(s, c);
}

int store_cert_list(
    struct store *s, const struct store_cert_filter *f, store_cert_fn *fn, void *ctx)
{
	return s->ops->cert_list(s, f, fn, ctx);
}

static bool empty(const char *s)
{
	return s == NULL || s[0] == '\0';
}

/* Serials are compared as text: only the one way to write a number can ever match. */
static bool is_serial(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 20 && s[n] == '\0' && s[0] != '0';
}

int store_revoke(struct store *s, const char *kind, const char *value, const char *by,
    const char *why, int64_t now_s)
{
	size_t i;

	for (i = 0; i < N(revocation_kinds) && strcmp(kind, revocation_kinds[i]) != 0; i++)
		;
	if (i == N(revocation_kinds))
		return E_UNKNOWN;
	if (empty(value) || (strcmp(kind, "serial") == 0 && !is_serial(value)))
		return E_FORMAT;
	return s->ops->revoke(s, kind, value, by, why, now_s);
}

int store_revocation_list(struct store *s, store_revocation_fn *fn, void *ctx)
{
	return s->ops->revocation_list(s, fn, ctx);
}

int store_standing(struct store *s, const struct store_subject *x)
{
	return s->ops->standing(s, x);
}

int store_cert_standing(struct store *s, const struct store_cert *c)
{
	struct store_subject x = {.serial = c->serial,
	    .parent = c->parent,
	    .user = c->user,
	    .key_id = c->key_id,
	    .key_fp = c->fingerprint,
	    .ca_fp = c->ca_fp,
	    .on_behalf_of = c->on_behalf_of};

	return store_standing(s, &x);
}

int store_lock(struct store *s, const char *user, const char *by, const char *why, int64_t now_s)
{
	return empty(user) ? E_FORMAT : s->ops->lock(s, user, by, why, now_s);
}

int store_unlock(struct store *s, const char *user)
{
	return s->ops->unlock(s, user);
}

int store_lock_list(struct store *s, store_lock_fn *fn, void *ctx)
{
	return s->ops->lock_list(s, fn, ctx);
}

int store_account_login(struct store *s, const struct store_account *a, bool *new_key)
{
	*new_key = false;
	if (empty(a->iss) || empty(a->sub) || empty(a->user))
		return E_FORMAT;
	return s->ops->account_login(s, a, new_key);
}

int store_account_get(struct store *s, const char *user, store_account_fn *fn, void *ctx)
{
	return s->ops->account_get(s, user, fn, ctx);
}

int store_account_of(struct store *s, const char *iss, const char *sub, store_account_fn *fn, void *ctx)
{
	return s->ops->account_of(s, iss, sub, fn, ctx);
}

int store_account_forget(struct store *s, const char *user)
{
	return s->ops->account_forget(s, user);
}

/* A token whose entry would be forgotten at once could be used twice. */
int store_token_use(struct store *s, const uint8_t hash[32], int64_t expires_s, int64_t now_s)
{
	if (expires_s < now_s - STORE_TOKEN_SLACK_S)
		return E_EXPIRED;
	return s->ops->token_use(s, hash, expires_s, now_s);
}

int store_prune(struct store *s, int64_t now_s)
{
	return s->ops->prune(s, now_s);
}

const char *store_ca_state_name(enum store_ca_state st)
{
	return (size_t)st < N(ca_state_names) ? ca_state_names[st] : "unknown";
}

int store_ca_put(struct store *s, const struct store_ca *ca)
{
	if (empty(ca->name) || empty(ca->fingerprint) || ca->blob.n == 0)
		return E_FORMAT;
	return s->ops->ca_put(s, ca);
}

int store_ca_move(struct store *s, const char *name, enum store_ca_state to, int64_t now_s)
{
	return s->ops->ca_move(s, name, to, now_s);
}

int store_ca_replace(struct store *s, const struct store_ca *ca, const char *keep)
{
	if (empty(ca->name) || empty(ca->fingerprint) || empty(keep) || ca->blob.n == 0)
		return E_FORMAT;
	return s->ops->ca_replace(s, ca, keep);
}

int store_ca_list(struct store *s, store_ca_fn *fn, void *ctx)
{
	return s->ops->ca_list(s, fn, ctx);
}

int store_session_start(struct store *s, const struct store_session *x, uint64_t *counter)
{
	return s->ops->session_start(s, x, counter);
}

int store_session_end(struct store *s, const char *id, const char *reason, int64_t end_us,
    uint64_t statements, uint64_t rows, uint64_t bytes)
{
	return end_us <= 0 ? E_FORMAT
			   : s->ops->session_end(s, id, reason, end_us, statements, rows, bytes);
}

int store_session_list(
    struct store *s, const struct store_session_filter *f, store_session_fn *fn, void *ctx)
{
	return s->ops->session_list(s, f, fn, ctx);
}

int store_request_add(struct store *s, const struct store_request *r)
{
	/* A request starts undecided, whoever asks. */
	if (r->state != REQ_PENDING || r->quorum < 1 || r->id == NULL || strlen(r->id) < 8)
		return E_STATE;
	return s->ops->request_add(s, r);
}

int store_request_get(struct store *s, const char *id, store_request_fn *fn, void *ctx)
{
	return strlen(id) < 4 ? E_NOTFOUND : s->ops->request_get(s, id, fn, ctx);
}

int store_request_list(
    struct store *s, const struct store_request_filter *f, store_request_fn *fn, void *ctx)
{
	return s->ops->request_list(s, f, fn, ctx);
}

int store_request_find(
    struct store *s, const uint8_t binding[32], int64_t now_us, store_request_fn *fn, void *ctx)
{
	return s->ops->request_find(s, binding, now_us, fn, ctx);
}

int store_request_approve(
    struct store *s, const char *id, const struct store_approval *a, bool *now_approved)
{
	*now_approved = false;
	if (empty(a->person))
		return E_DENIED;
	return s->ops->request_approve(s, id, a, now_approved);
}

int store_approval_list(struct store *s, const char *id, store_approval_fn *fn, void *ctx)
{
	return s->ops->approval_list(s, id, fn, ctx);
}

int store_approval_drop(struct store *s, const char *id, const char *person)
{
	return s->ops->approval_drop(s, id, person);
}

/* The only ways into approved and consumed are approve and consume; out of a final state there is
 * none. */
int store_request_move(struct store *s, const char *id, unsigned from_mask, enum req_state to,
    const char *by, const char *why, int64_t now_us)
{
	if (to != REQ_DENIED && to != REQ_EXPIRED && to != REQ_WITHDRAWN)
		return E_STATE;
	if ((from_mask & ~((1u << REQ_PENDING) | (1u << REQ_APPROVED))) != 0)
		return E_STATE;
	return s->ops->request_move(s, id, from_mask, to, by, why, now_us);
}

int store_request_consume(
    struct store *s, const char *id, const uint8_t binding[32], int64_t now_us)
{
	return s->ops->request_consume(s, id, binding, now_us);
}

int store_request_expire(struct store *s, int64_t now_us, store_request_fn *fn, void *ctx)
{
	return s->ops->request_expire(s, now_us, fn, ctx);
}

int store_request_withdraw_orphans(struct store *s, int64_t now_us)
{
	return s->ops->request_withdraw_orphans(s, now_us);
}
