/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is it. The session process says which certificate or key the client proved to hold;
 * everything else about it is checked here again, with the client's address from the listener. The
 * identity is set once, by AUTH_DONE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/address.h"
#include "policy/certcheck.h"
#include "server/mon.h"

#define CAS_MAX  33 /* our own and 32 outside ones */
#define CERT_MAX (40 * 1024)

/* --- certificate authorities --- */

struct cas {
	size_t n;
	struct certcheck_ca ca[CAS_MAX];
	struct buf blob[CAS_MAX];
};

static void cas_load(const struct monitor *m, struct cas *cas)
{
	const struct conf_list *more = &mon_conf(m)->gateway.trusted_cas;

	*cas = (struct cas){.n = 1};
	cas->ca[0] = (struct certcheck_ca){span_of(m->ca_pub, m->n_ca_pub), true};
	for (size_t i = 0; i < more->n && cas->n < CAS_MAX; i++) {
		struct buf *b = &cas->blob[cas->n];

		buf_init(b, SSHPK_BLOB_MAX);
		if (sshpk_line_parse(span_str(more->v[i]), b, NULL, NULL) == 0)
			cas->ca[cas->n++] = (struct certcheck_ca){buf_span(b), false};
		else
			buf_clear(b);
	}
}

static void cas_clear(struct cas *cas)
{
	for (size_t i = 1; i < cas->n; i++)
		buf_clear(&cas->blob[i]);
}

static int revoked(void *ctx, const struct certcheck_revocable *x)
{
	struct monitor *m = ctx;
	struct store_subject y = {.serial = x->serial,
	    .user = x->user,
	    .key_id = x->key_id,
	    .key_fp = x->key_fp,
	    .ca_fp = x->ca_fp,
	    .on_behalf_of = x->on_behalf_of};
	int rc = store_standing(m->store, &y);

	return rc == STORE_LOCKED ? CERTCHECK_LOCKED : rc > 0 ? CERTCHECK_REVOKED : rc;
}

/* --- users --- */

static bool source_ok(const struct conf_user *u, const char *addr)
{
	struct address a;

	if (u->source.n == 0)
		return true;
	if (address_parse(span_str(addr), &a) != 0)
		return false;
	for (size_t i = 0; i < u->source.n; i++)
		if (cidr_list_match(span_str(u->source.v[i]), &a) == 1)
			return true;
	return false;
}

bool auth_key_known(const struct conf_user *u, struct span blob, const char *addr)
{
	bool known = false;
	struct buf b;

	if (!source_ok(u, addr))
		return false;
	buf_init(&b, SSHPK_BLOB_MAX);
	for (size_t i = 0; i < u->keys.n && !known; i++)
		known = sshpk_line_parse(span_str(u->keys.v[i]), &b, NULL, NULL) == 0 &&
			span_eq(buf_span(&b), blob);
	buf_clear(&b);
	return known;
}

static void from_user(struct ident *id, const struct conf_user *u, const char *addr)
{
	(void)str_copy(id->user, sizeof(id->user), u->name);
	(void)str_copy(id->person, sizeof(id->person), u->person != NULL ? u->person : u->name);
	(void)str_copy(id->source, sizeof(id->source), addr);
	id->service = u->kind == USER_SERVICE;
	list_clear(&id->claimed);
	for (size_t i = 0; i < u->groups.n; i++)
		list_add(&id->claimed, u->groups.v[i]);
}

/* --- certificate --- */

/* Lists that do not fit are refused, never cut: a shorter list of restrictions would be a different
 * one. */
static int join_targets(struct ident *id, const struct cert_identity *c)
{
	size_t at = 0;

	id->targets[0] = '\0';
	if (!c->has_targets)
		return 0;
	for (size_t i = 0; i < c->targets.n; i++) {
		at += (size_t)snprintf(
		    id->targets + at, sizeof(id->targets) - at, ",%s", c->targets.v[i]);
		if (at >= sizeof(id->targets) - 1)
			return E_TOOBIG;
	}
	(void)str_copy(id->targets + at, sizeof(id->targets) - at, ",");
	return 0;
}

static int from_cert(
    struct ident *id, const struct cert_identity *c, struct span blob, struct why *w)
{
	struct sshcert parsed;
	int rc = sshcert_parse(blob, &parsed, w);

	if (rc != 0)
		return rc;
	sshpk_put_blob(&id->key, &parsed.key);
	if (!c->outside) { /* an outside authority knows people, not our groups */
		list_clear(&id->claimed);
		for (size_t i = 0; i < c->groups.n; i++)
			list_add(&id->claimed, c->groups.v[i]);
	}
	id->via = VIA_CERT;
	id->own_ca = !c->outside;
	id->serial = c->serial;
	id->expires_s = c->valid_before_s == INT64_MAX ? 0 : c->valid_before_s;
	id->forward = c->forward;
	id->pty = c->pty;
	id->max = c->max_risk;
	(void)str_copy(id->key_fp, sizeof(id->key_fp), c->key_fp);
	(void)str_copy(id->ca_fp, sizeof(id->ca_fp), c->ca_fp);
	if (str_copy(id->on_behalf_of, sizeof(id->on_behalf_of), c->on_behalf_of) != 0 ||
	    join_targets(id, c) != 0)
		return why_set(w, E_TOOBIG, "the certificate's restrictions are too long");
	return 0;
}

static int check_cert(
    struct peer *p, const char *user, struct span blob, struct ident *id, struct why *w)
{
	struct monitor *m = p->m;
	const struct conf_user *u;
	struct cert_identity c;
	struct cas cas;
	struct certcheck_input in = {.cert = blob,
	    .user = user,
	    .peer = p->addr,
	    .gateway = mon_conf(m)->gateway.name,
	    .now_s = clock_wall_s(),
	    .revoked = revoked,
	    .revoked_ctx = m};
	int rc;

	cas_load(m, &cas);
	in.cas = cas.ca;
	in.n_cas = cas.n;
	rc = certcheck_verify(&in, &c, w);
	cas_clear(&cas);
	if (rc != 0)
		return rc;
	u = conf_user_find(mon_conf(m), c.user);
	if (u == NULL)
		rc = why_set(w, E_DENIED, "user \"%s\" is not configured on this gateway", user);
	else if (!source_ok(u, p->addr))
		rc = why_set(w, E_DENIED, "user \"%s\" may not log in from %s", user, p->addr);
	if (rc == 0) {
		from_user(id, u, p->addr);
		rc = from_cert(id, &c, blob, w);
	}
	if (rc == 0 && !ident_regroup(id, mon_conf(m)))
		rc = why_set(w, E_DENIED, "user \"%s\" is not configured on this gateway", user);
	cert_identity_clear(&c);
	return rc;
}

static void answer_cert(struct peer *p, uint32_t call, const struct ident *id)
{
	struct buf *b = ok_begin(p, call);

	ipc_str(b, "user", id->user);
	ipc_str(b, "person", id->person);
	ipc_str(b, "kind", id->service ? "service" : "person");
	ipc_strs(b, "groups", id->groups.v, id->groups.n);
	ipc_int(b, "serial", (int64_t)id->serial);
	ipc_int(b, "expires", id->expires_s);
	ipc_bool(b, "forward", id->forward);
	ipc_bool(b, "pty", id->pty);
	ipc_str(b, "label", id->user);
	ok_send(p, NULL, 0);
}

int do_auth_cert(struct peer *p, const struct ipc_msg *m)
{
	char user[NAME_CAP];
	struct span blob = ipc_get_span(m, "cert");
	struct why w = {0};
	int rc = ipc_get_str(m, "user", user, sizeof(user));

	if (rc != 0 || blob.n == 0 || blob.n > CERT_MAX)
		return rc != 0 ? rc : E_FORMAT;
	ident_clear(&p->cand_cert); /* a failure forgets the success before it */
	rc = check_cert(p, user, blob, &p->cand_cert, &w);
	if (rc != 0) {
		ident_clear(&p->cand_cert);
		log_info("certificate-refused", "conn", p->conn, "user", user, "source", p->addr,
		    "why", w.text);
		answer_fail(p, ipc_id(m), &w, "28000");
		return 0;
	}
	answer_cert(p, ipc_id(m), &p->cand_cert);
	return 0;
}

/* --- plain key --- */

static int check_key(struct peer *p, const char *user, struct span blob, struct ident *id)
{
	const struct conf_user *u = conf_user_find(mon_conf(p->m), user);
	struct sshpk key;
	int rc = sshpk_parse(blob, &key, NULL);

	if (rc == 0)
		rc = sshpk_check_strength(&key, NULL);
	if (rc != 0)
		return rc;
	if (u == NULL || !auth_key_known(u, blob, p->addr))
		return E_NOTFOUND;
	from_user(id, u, p->addr);
	sshpk_fingerprint(blob, id->key_fp);
	if (store_standing(p->m->store, &(struct store_subject){.user = u->name, .key_fp = id->key_fp}) !=
	    STORE_GOOD)
		return E_DENIED;
	buf_put_span(&id->key, blob);
	id->via = VIA_KEY;
	return ident_regroup(id, mon_conf(p->m)) ? 0 : E_DENIED;
}

int do_auth_key(struct peer *p, const struct ipc_msg *m)
{
	char user[NAME_CAP];
	struct span blob = ipc_get_span(m, "key");
	struct buf *b;
	int rc = ipc_get_str(m, "user", user, sizeof(user));

	if (rc != 0 || blob.n == 0 || blob.n > CERT_MAX)
		return rc != 0 ? rc : E_FORMAT;
	ident_clear(&p->cand_key);
	rc = check_key(p, user, blob, &p->cand_key);
	if (rc != 0)
		ident_clear(&p->cand_key);
	b = ok_begin(p, ipc_id(m));
	ipc_bool(b, "known", rc == 0);
	ipc_str(b, "user", p->cand_key.user);
	ipc_bool(b, "service", p->cand_key.service);
	ok_send(p, NULL, 0);
	return 0;
}

/* --- done --- */

static void tell_listener(struct peer *p)
{
	struct buf *b = &p->m->out;

	ipc_begin(b, IPC_CONN_STATE, 0);
	ipc_int(b, "pid", p->pid);
	ipc_bool(b, "authenticated", true);
	chan_send(p->m->listener, b, NULL, 0);
}

int do_auth_done(struct peer *p, const struct ipc_msg *m)
{
	bool key_only = ipc_get_bool(m, "key_only", false);
	struct ident *cand = key_only ? &p->cand_key : &p->cand_cert;
	struct why w = {0};

	if (cand->via == VIA_NOTHING)
		return E_STATE;
	ident_copy(&p->id, cand);
	ident_clear(&p->cand_cert);
	ident_clear(&p->cand_key);
	if (!ident_regroup(&p->id, mon_conf(p->m))) {
		why_set(&w, E_DENIED, "user \"%s\" is not configured on this gateway", p->id.user);
		answer_fail(p, ipc_id(m), &w, "28000");
		peer_end(p, "user removed");
		return 0;
	}
	peer_enter(p, key_only ? PEER_KEY : PEER_FULL);
	log_info("login", "conn", p->conn, "user", p->id.user, "person", p->id.person, "source",
	    p->addr, "via", key_only ? "key" : "certificate", "serial",
	    log_num((long long)p->id.serial), "key", p->id.key_fp);
	answer_ok(p, ipc_id(m));
	tell_listener(p);
	return 0;
}

/* --- local processes --- */

void auth_local(struct monitor *m, uid_t uid, struct ident *out)
{
	const struct conf *c = mon_conf(m);

	ident_clear(out);
	if (uid == 0 || uid == geteuid()) {
		out->via = VIA_OPERATOR;
		(void)str_copy(out->user, sizeof(out->user), uid == 0 ? "root" : "operator");
		(void)str_copy(out->person, sizeof(out->person), out->user);
		(void)str_copy(out->source, sizeof(out->source), "local");
		return;
	}
	for (size_t i = 0; i < c->n_users; i++) {
		if (c->users[i].uid < 0 || (uid_t)c->users[i].uid != uid)
			continue;
		from_user(out, &c->users[i], "local");
		out->via = VIA_LOCAL;
		(void)ident_regroup(out, c);
		return;
	}
	snprintf(out->user, sizeof(out->user), "uid %u", (unsigned)uid);
}
