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
#include "ident/issue.h"
#include "policy/address.h"
#include "policy/certcheck.h"
#include "server/mon.h"

#define CAS_MAX  64 /* our own (16 that are not retired) and outside ones */
#define CERT_MAX (40 * 1024)

/* --- certificate authorities --- */

struct cas {
	size_t n;
	struct certcheck_ca ca[CAS_MAX];
	struct buf blob[CAS_MAX];
};

/* A key that is or was ours is no outside authority: retired stays retired. */
static bool is_own(const struct monitor *m, struct span blob)
{
	for (const struct mon_ca *ca = mon_ca_first(m); ca != NULL; ca = ca->next)
		if (span_eq(buf_span(&ca->blob), blob))
			return true;
	return false;
}

static void cas_load(const struct monitor *m, struct cas *cas)
{
	const struct conf_list *more = &mon_conf(m)->gateway.trusted_cas;

	*cas = (struct cas){.n = 0};
	for (const struct mon_ca *ca = mon_ca_first(m); ca != NULL && cas->n < CAS_MAX; ca = ca->next)
		if (ca->state != STORE_CA_RETIRED && buf_len(&ca->blob) > 0)
			cas->ca[cas->n++] = (struct certcheck_ca){buf_span(&ca->blob), true};
	for (size_t i = 0; i < more->n && cas->n < CAS_MAX; i++) {
		struct buf *b = &cas->blob[cas->n];

		buf_init(b, SSHPK_BLOB_MAX);
		if (sshpk_line_parse(span_str(more->v[i]), b, NULL, NULL) == 0 && !is_own(m, buf_span(b)))
			cas->ca[cas->n++] = (struct certcheck_ca){buf_span(b), false};
		else
			buf_clear(b);
	}
}

static void cas_clear(struct cas *cas)
{
	for (size_t i = 0; i < cas->n; i++)
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
	    .on_behalf_of = x->on_behalf_of,
	    .parent = x->parent};
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
	id->kind = u->kind == USER_SERVICE ? KIND_SERVICE : KIND_PERSON;
	id->service = id->kind != KIND_PERSON;
	list_clear(&id->claimed);
	for (size_t i = 0; i < u->groups.n; i++)
		list_add(&id->claimed, u->groups.v[i]);
}

/* One form of line for every way in: who, with what, from where. */
static void log_login(const struct peer *p, const char *via)
{
	const struct ident *id = &p->id;

	log_info("login", "conn", p->conn, "user", id->user, "person", id->person, "for", ident_for(id), "source",
	    p->addr, "via", via, "serial", log_num((long long)id->serial), "key", id->key_fp, "issuer", id->issuer);
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
	if (c->has_kind && id->kind == KIND_PERSON) /* no certificate makes a person of a service */
		id->kind = c->kind;
	id->service = id->kind != KIND_PERSON;
	id->via = VIA_CERT;
	id->own_ca = !c->outside;
	id->parent = c->parent;
	id->serial = c->serial;
	id->issued_s = c->valid_after_s + (c->outside ? 0 : ISSUE_BACKDATE_S);
	id->expires_s = c->valid_before_s == INT64_MAX ? 0 : c->valid_before_s;
	id->forward = c->forward;
	id->pty = c->pty;
	id->max = c->max_risk;
	(void)str_copy(id->key_fp, sizeof(id->key_fp), c->key_fp);
	(void)str_copy(id->ca_fp, sizeof(id->ca_fp), c->ca_fp);
	(void)str_copy(id->key_id, sizeof(id->key_id), c->key_id);
	if (str_copy(id->on_behalf_of, sizeof(id->on_behalf_of), c->on_behalf_of) != 0 ||
	    str_copy(id->issuer, sizeof(id->issuer), c->outside ? "" : c->issuer) != 0 ||
	    join_targets(id, c) != 0)
		return why_set(w, E_TOOBIG, "the certificate's restrictions are too long");
	return 0;
}

/* Whom the certificate names: a user of the configuration, else somebody an identity provider vouched for. */
static int from_name(
    struct peer *p, const struct cert_identity *c, struct ident *id, struct why *w)
{
	const struct conf_user *u =
	    c->kind != KIND_AGENT ? conf_user_find(mon_conf(p->m), c->user) : NULL;
	/* Who may come from some places only does not come from others as an agent of its own. */
	const struct conf_user *by = c->parent != 0 ? conf_user_find(mon_conf(p->m), c->on_behalf_of) : NULL;

	if (by != NULL && !source_ok(by, p->addr))
		return why_set(w, E_DENIED, "agents of \"%s\" may not log in from %s", by->name, p->addr);
	if (u == NULL && c->outside)
		return why_set(w, E_DENIED, "user \"%s\" is not configured on this gateway", c->user);
	if (u != NULL && !source_ok(u, p->addr))
		return why_set(w, E_DENIED, "user \"%s\" may not log in from %s", c->user, p->addr);
	if (u != NULL) {
		from_user(id, u, p->addr);
		return 0;
	}
	(void)str_copy(id->source, sizeof(id->source), p->addr);
	(void)str_copy(id->person, sizeof(id->person), c->user);
	return str_copy(id->user, sizeof(id->user), c->user) == 0
		   ? 0
		   : why_set(w, E_TOOBIG, "the certificate's user name is too long");
}

static int check_cert(
    struct peer *p, const char *user, struct span blob, struct ident *id, struct why *w)
{
	struct monitor *m = p->m;
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
	rc = from_name(p, &c, id, w);
	if (rc == 0)
		rc = from_cert(id, &c, blob, w);
	if (rc == 0)
		rc = who_regroup(m, id, w);
	cert_identity_clear(&c);
	return rc;
}

static void answer_cert(struct peer *p, uint32_t call, const struct ident *id)
{
	struct buf *b = ok_begin(p, call);

	ipc_str(b, "user", id->user);
	ipc_str(b, "person", id->person);
	ipc_str(b, "kind", ident_kind_name(id->kind));
	ipc_strs(b, "groups", id->groups.v, id->groups.n);
	ipc_int(b, "serial", (int64_t)id->serial);
	ipc_int(b, "expires", id->expires_s);
	ipc_bool(b, "forward", id->forward);
	ipc_bool(b, "pty", id->pty);
	ipc_str(b, "label", id->user);
	ok_send(p, NULL, 0);
}

int auth_login(struct peer *p, const struct issued *x, struct why *w)
{
	struct ident id;
	int rc;

	ident_init(&id);
	rc = check_cert(p, x->user, x->blob, &id, w);
	if (rc == 0) {
		id.login = true;
		ident_copy(&p->id, &id);
		peer_enter(p, PEER_FULL);
		log_login(p, "login");
	}
	ident_clear(&id);
	return rc;
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

/* What a proven plain key is good for. Each decides whether it is the one; the first wins. */
struct key_way {
	const char *how;
	/* 0; E_NOTFOUND: another one; else refused, and why. */
	int (*fits)(struct peer *p, const char *user, struct span blob, struct why *w);
};

static void from_key(struct ident *id, const char *user, struct span blob, const char *addr)
{
	(void)str_copy(id->user, sizeof(id->user), user);
	(void)str_copy(id->source, sizeof(id->source), addr);
	sshpk_fingerprint(blob, id->key_fp);
	buf_put_span(&id->key, blob);
}

static int key_good(struct peer *p, const char *user, struct why *w)
{
	struct store_subject x = {.user = user,
	    .key_id = "",
	    .key_fp = p->cand_key.key_fp,
	    .ca_fp = "",
	    .on_behalf_of = ""};

	int rc = store_standing(p->m->store, &x);

	if (rc == STORE_GOOD)
		return 0;
	why_set(w, E_DENIED, "this key or its user is revoked");
	if (rc == STORE_LOCKED) {
		why_set(w, E_DENIED, "user \"%s\" is locked", user);
		why_hint(w, "an operator of the gateway can unlock");
	} else if (rc < 0) {
		why_set(w, E_DENIED, "revocation cannot be checked: %s", err_str(rc));
	}
	return E_DENIED;
}

/* "enroll": any key, which a token will have to vouch for. */
static int fits_enroll(struct peer *p, const char *user, struct span blob, struct why *w)
{
	if (strcmp(user, "enroll") != 0)
		return E_NOTFOUND;
	from_key(&p->cand_key, user, blob, p->addr);
	p->cand_key.via = VIA_ENROLL;
	return key_good(p, "", w);
}

struct window {
	struct peer *p;
	const char *user;
	bool found;
};

static int window_cert(void *ctx, const struct store_cert *c)
{
	struct window *x = ctx;
	struct why w = {0};

	if (c->blob.n == 0 || strcmp(c->user, x->user) != 0 ||
	    check_cert(x->p, x->user, c->blob, &x->p->cand_cert, &w) != 0) {
		ident_clear(&x->p->cand_cert);
		return 0;
	}
	x->found = true;
	return 1;
}

static bool window_allowed(const struct ident *id, const struct conf *c)
{
	for (size_t i = 0; i < c->n_roles; i++)
		if (c->roles[i].plain_key && ident_in_role(id, &c->roles[i]))
			return true;
	return false;
}

/* "full": for tools that cannot send certificates. An unexpired certificate of ours for exactly this key, asked for
 * from this address, stands for it if a role of its user allows that; it is verified like one that was sent. */
static int fits_window(struct peer *p, const char *user, struct span blob, struct why *w)
{
	struct window x = {p, user, false};
	char fp[FP_CAP];
	struct store_cert_filter f = {.fingerprint = fp, .source = p->addr, .valid_at_s = clock_wall_s(), .limit = 8};
	bool any = false;

	(void)w; /* then it is a plain key, which has its own answer */
	for (size_t i = 0; i < mon_conf(p->m)->n_roles; i++)
		any = any || mon_conf(p->m)->roles[i].plain_key;
	sshpk_fingerprint(blob, fp);
	if (!any || store_cert_list(p->m->store, &f, window_cert, &x) < 0 || !x.found ||
	    !window_allowed(&p->cand_cert, mon_conf(p->m))) {
		ident_clear(&p->cand_cert);
		return E_NOTFOUND;
	}
	p->cand_cert.window = true;
	from_key(&p->cand_key, user, blob, p->addr);
	return 0;
}

/* "cert": a local user's configured key. */
static int fits_local(struct peer *p, const char *user, struct span blob, struct why *w)
{
	const struct conf_user *u = conf_user_find(mon_conf(p->m), user);
	struct ident *id = &p->cand_key;

	if (u == NULL || !auth_key_known(u, blob, p->addr))
		return E_NOTFOUND;
	from_user(id, u, p->addr);
	from_key(id, u->name, blob, p->addr);
	if (key_good(p, u->name, w) != 0)
		return E_DENIED;
	id->via = VIA_KEY;
	return who_regroup(p->m, id, w) == 0 ? 0 : E_DENIED;
}

/* "login": an identity provider will say who it is. Nothing to adopt yet: via stays VIA_NOTHING. */
static int fits_login(struct peer *p, const char *user, struct span blob, struct why *w)
{
	if (conf_identity_login(mon_conf(p->m)) == NULL)
		return E_NOTFOUND;
	from_key(&p->cand_key, user, blob, p->addr);
	p->cand_key.login = true;
	return key_good(p, "", w);
}

static const struct key_way key_ways[] = {
    {"enroll", fits_enroll},
    {"full", fits_window},
    {"cert", fits_local},
    {"login", fits_login},
};

/* NULL with why: refused; NULL without: a key that nobody knows. */
static const char *key_way_for(struct peer *p, const char *user, struct span blob, struct why *w)
{
	struct sshpk key;

	if (sshpk_parse(blob, &key, NULL) != 0 || sshpk_check_strength(&key, NULL) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(key_ways) / sizeof(*key_ways); i++) {
		int rc = key_ways[i].fits(p, user, blob, w);

		if (rc == 0)
			return key_ways[i].how;
		ident_clear(&p->cand_key);
		if (rc != E_NOTFOUND)
			break;
	}
	return NULL;
}

int do_auth_key(struct peer *p, const struct ipc_msg *m)
{
	char user[NAME_CAP];
	struct span blob = ipc_get_span(m, "key");
	const char *how;
	struct why w = {0};
	struct buf *b;
	int rc = ipc_get_str(m, "user", user, sizeof(user));

	if (rc != 0 || blob.n == 0 || blob.n > CERT_MAX)
		return rc != 0 ? rc : E_FORMAT;
	if (p->login != NULL)
		return E_STATE; /* that login is for the key proven before */
	ident_clear(&p->cand_key);
	ident_clear(&p->cand_cert);
	how = key_way_for(p, user, blob, &w);
	if (how == NULL)
		ident_clear(&p->cand_key);
	if (w.code != 0) {
		char fp[FP_CAP];

		sshpk_fingerprint(blob, fp);
		log_info("key-refused", "conn", p->conn, "user", user, "source", p->addr, "key", fp, "why", w.text);
		answer_fail(p, ipc_id(m), &w, "28000");
		return 0;
	}
	b = ok_begin(p, ipc_id(m));
	ipc_bool(b, "known", how != NULL);
	ipc_str(b, "user", p->cand_key.user);
	ipc_bool(b, "service", p->cand_key.service);
	ipc_str(b, "how", how != NULL ? how : "");
	ok_send(p, NULL, 0);
	return 0;
}

/* --- done --- */

void auth_leave_start(struct peer *p)
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
	struct buf *b;

	if (cand->via == VIA_NOTHING)
		return E_STATE;
	login_gone(p); /* it came in another way */
	ident_copy(&p->id, cand);
	ident_clear(&p->cand_cert);
	ident_clear(&p->cand_key);
	if (who_regroup(p->m, &p->id, &w) != 0) {
		answer_fail(p, ipc_id(m), &w, "28000");
		peer_end(p, "user removed");
		return 0;
	}
	peer_enter(p, key_only ? PEER_KEY : PEER_FULL);
	log_login(p, key_only ? "key" : p->id.window ? "stored-certificate" : "certificate");
	mon_extend_by(p);
	b = ok_begin(p, ipc_id(m));
	ipc_str(b, "user", p->id.user);
	ipc_bool(b, "forward", p->id.forward);
	ipc_bool(b, "pty", p->id.pty);
	ok_send(p, NULL, 0);
	if (p->id.via != VIA_ENROLL) /* any key gets that far: it counts as a stranger until it is gone */
		auth_leave_start(p);
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
		if (who_regroup(m, out, NULL) != 0)
			out->via = VIA_NOTHING;
		return;
	}
	snprintf(out->user, sizeof(out->user), "uid %u", (unsigned)uid);
}
