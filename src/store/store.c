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

static const char *const revocation_kinds[] = {"serial", "user", "key", "ca"};

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
	return s->ops->cert_add(s, c);
}

int store_revoke(struct store *s, const char *kind, const char *value, const char *by,
    const char *why, int64_t now_s)
{
	size_t i;

	for (i = 0; i < N(revocation_kinds) && strcmp(kind, revocation_kinds[i]) != 0; i++)
		;
	if (i == N(revocation_kinds))
		return E_UNKNOWN;
	if (value == NULL || value[0] == '\0')
		return E_FORMAT;
	return s->ops->revoke(s, kind, value, by, why, now_s);
}

int store_is_revoked(
    struct store *s, uint64_t serial, const char *user, const char *key_fp, const char *ca_fp)
{
	return s->ops->is_revoked(s, serial, user, key_fp, ca_fp);
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

int store_request_approve(struct store *s, const char *id, const char *by_user,
    const char *by_person, const char *why, int64_t now_us, bool *now_approved)
{
	*now_approved = false;
	if (by_person == NULL || by_person[0] == '\0')
		return E_DENIED;
	return s->ops->request_approve(s, id, by_user, by_person, why, now_us, now_approved);
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
