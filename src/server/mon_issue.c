/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates: number, body, the signer's signature, the store, the log; one way for everybody who gives
 * one out (the verbs cert, delegate, enroll, a login). The body is built here, the signer decides for itself
 * whether to sign it. What is not in the store was never given out: it could not be revoked by its user.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ident/issue.h"
#include "server/mon.h"

#define WORKLOAD_TTL_S 3600

struct issuing {
	struct monitor *m;
	issued_fn *fn;
	void *ctx; /* fn == NULL: nobody waits any more */
	struct buf body, key;
	uint64_t serial, parent;
	int64_t after_s, before_s;
	char user[NAME_CAP], person[NAME_CAP], issuer[NAME_CAP], addr[64], fp[FP_CAP], ca_fp[FP_CAP];
	char on_behalf_of[NAME_CAP], targets[1024], max_risk[32];
	char key_id[ISSUE_KEY_ID_MAX + 1];
	enum ident_kind kind;
	struct conf_list groups;
};

static void issuing_free(struct issuing *j)
{
	mon_sign_forget(j->m, j);
	buf_clear(&j->body);
	buf_clear(&j->key);
	list_clear(&j->groups);
	free(j);
}

void mon_issue_cancel(struct issuing *j)
{
	if (j != NULL)
		issuing_free(j);
}

/* --- life --- */

int64_t issue_ttl(const struct conf *c, const struct conf_identity *block, enum ident_kind kind,
    const struct conf_list *groups)
{
	int64_t ttl = kind == KIND_PERSON ? c->gateway.cert_ttl_s : WORKLOAD_TTL_S;
	int64_t role = 0;

	for (size_t i = 0; i < c->n_roles; i++)
		if (lists_meet(groups, &c->roles[i].groups) && c->roles[i].ttl_s > 0 &&
		    (role == 0 || c->roles[i].ttl_s < role))
			role = c->roles[i].ttl_s;
	if (block != NULL && block->ttl_s > 0)
		ttl = block->ttl_s;
	if (role > 0 && (block == NULL || block->ttl_s == 0 || role < ttl))
		ttl = role;
	return ttl < c->gateway.cert_max_ttl_s ? ttl : c->gateway.cert_max_ttl_s;
}

/* What one of the roles permits; who has no role yet may be given one later. */
static bool permits(const struct conf *c, const struct conf_list *groups, size_t flag)
{
	bool any = false;

	for (size_t i = 0; i < c->n_roles; i++) {
		if (!lists_meet(groups, &c->roles[i].groups))
			continue;
		any = true;
		if (*(const bool *)((const char *)&c->roles[i] + flag))
			return true;
	}
	return !any;
}

/* --- what goes in --- */

static const char *text_of(const char *s)
{
	return s != NULL ? s : "";
}

/* What is needed after the caller's ask is gone. */
static int keep(struct issuing *j, const struct issue_ask *a)
{
	const struct {
		char *to;
		size_t cap;
		const char *from;
	} texts[] = {
	    {j->user, sizeof(j->user), a->user},
	    {j->person, sizeof(j->person), a->person},
	    {j->issuer, sizeof(j->issuer), a->issuer},
	    {j->addr, sizeof(j->addr), a->addr},
	    {j->on_behalf_of, sizeof(j->on_behalf_of), a->on_behalf_of},
	    {j->targets, sizeof(j->targets), a->targets},
	    {j->max_risk, sizeof(j->max_risk), a->max_risk},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (str_copy(texts[i].to, texts[i].cap, text_of(texts[i].from)) != 0)
			return E_TOOBIG;
	for (size_t i = 0; a->groups != NULL && i < a->groups->n; i++)
		list_add(&j->groups, a->groups->v[i]);
	buf_put_span(&j->key, a->key);
	j->kind = a->kind;
	j->parent = a->parent;
	sshpk_fingerprint(a->key, j->fp);
	return buf_err(&j->key);
}

static int check_standing(struct issuing *j, struct why *w)
{
	struct store_subject x = {.parent = j->parent,
	    .user = j->user,
	    .key_id = "",
	    .key_fp = j->fp,
	    .ca_fp = "",
	    .on_behalf_of = j->on_behalf_of};
	int rc = store_standing(j->m->store, &x);

	if (rc == STORE_GOOD)
		return 0;
	if (rc == STORE_LOCKED)
		return why_set(w, E_DENIED, "%s is locked: an operator has to unlock it",
		    j->on_behalf_of[0] != '\0' ? j->on_behalf_of : j->user);
	return why_set(w, E_DENIED, rc > 0 ? "this key or user is revoked" : "revocation cannot be checked");
}

static int body_build(struct issuing *j, const struct issue_ask *a, const struct mon_ca *ca, struct why *w)
{
	char *principals[1] = {j->user};
	char login[40];
	struct issue_request r = {.user_key = a->key,
	    .ca = buf_span(&ca->blob),
	    .principals = principals,
	    .n_principals = 1,
	    .now_s = clock_wall_s(),
	    .ttl_s = a->ttl_s,
	    .gateway = mon_conf(j->m)->gateway.name,
	    .source_address = a->source,
	    .targets = a->targets,
	    .max_risk = a->max_risk,
	    .on_behalf_of = a->on_behalf_of,
	    .forward = a->forward && permits(mon_conf(j->m), &j->groups, offsetof(struct conf_role, forwarding)),
	    .pty = a->pty && permits(mon_conf(j->m), &j->groups, offsetof(struct conf_role, terminal)),
	    .groups = j->groups.v,
	    .n_groups = j->groups.n,
	    .issuer = a->issuer,
	    .login_id = login,
	    .person = a->person,
	    .kind = ident_kind_name(a->kind),
	    .parent = a->parent};
	int rc = store_serial_next(j->m->store, &r.serial);

	if (rc != 0)
		return why_set(w, rc, "no serial number: %s", err_str(rc));
	random_id(login, 10);
	rc = issue_body(&r, &j->body, w);
	j->serial = r.serial;
	j->after_s = r.now_s - ISSUE_BACKDATE_S;
	j->before_s = r.now_s + r.ttl_s;
	sshpk_fingerprint(r.ca, j->ca_fp);
	snprintf(j->key_id, sizeof(j->key_id), "user=%s login=%s", j->user, login);
	return rc;
}

/* --- what comes out --- */

static int remember(const struct issuing *j, struct span cert)
{
	struct store_cert x = {.serial = j->serial,
	    .user = j->user,
	    .key_id = j->key_id,
	    .fingerprint = j->fp,
	    .source = j->addr,
	    .issuer = j->issuer,
	    .on_behalf_of = j->on_behalf_of,
	    .ca_fp = j->ca_fp,
	    .parent = j->parent,
	    .issued_s = clock_wall_s(),
	    .valid_after_s = j->after_s,
	    .valid_before_s = j->before_s,
	    .blob = cert};

	return store_cert_add(j->m->store, &x);
}

static int finish(struct issuing *j, struct span sig, struct buf *cert, struct buf *line, struct why *w)
{
	int rc = issue_finish(buf_span(&j->body), sig, cert, w);

	if (rc != 0)
		return rc;
	rc = remember(j, buf_span(cert));
	if (rc != 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	return sshpk_line_put(line, buf_span(cert), j->key_id);
}

static void log_issued(const struct issuing *j)
{
	log_info("certificate-issued", "user", j->user, "serial", log_num((long long)j->serial), "key",
	    j->fp, "source", j->addr, "issuer", j->issuer, "for", j->on_behalf_of, "before",
	    log_num((long long)j->before_s));
}

static struct issue_ask ask_again(const struct issuing *j)
{
	return (struct issue_ask){.key = buf_span(&j->key),
	    .user = j->user,
	    .person = j->person,
	    .issuer = j->issuer,
	    .kind = j->kind,
	    .groups = &j->groups,
	    .addr = j->addr,
	    .targets = j->targets,
	    .max_risk = j->max_risk,
	    .on_behalf_of = j->on_behalf_of,
	    .parent = j->parent};
}

static void hand_over(struct issuing *j, struct span cert, const struct buf *line)
{
	struct span text = buf_span(line);
	struct issue_ask a = ask_again(j);
	struct issued x = {.serial = j->serial,
	    .after_s = j->after_s,
	    .before_s = j->before_s,
	    .user = j->user,
	    .key_id = j->key_id,
	    .fingerprint = j->fp,
	    .blob = cert};

	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	x.line = text;
	mon_extend(j->m, &a, &x);
	j->fn(j->ctx, &x, NULL);
}

static void fail(struct issuing *j, const struct why *w)
{
	log_warn("certificate-failed", "user", j->user, "key", j->fp, "source", j->addr, "why", w->text);
	j->fn(j->ctx, NULL, w);
}

static void signed_now(void *ctx, const struct ipc_msg *m)
{
	struct issuing *j = ctx;
	struct buf cert, line;
	struct why w = {0};
	int rc = E_LIMIT;

	buf_init(&cert, SSHCERT_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	why_set(&w, E_LIMIT, "the signer does not answer");
	if (m != NULL && ipc_type_of(m) == IPC_OK) {
		w = (struct why){0};
		rc = finish(j, ipc_get_span(m, "sig"), &cert, &line, &w);
		if (rc != 0 && w.code == 0)
			why_set(&w, rc, "the certificate cannot be written: %s", err_str(rc));
	} else if (m != NULL) {
		char text[200];

		ipc_take_str(m, "text", text, sizeof(text));
		if (ipc_get_int(m, "code", 0) == E_LIMIT) {
			why_set(&w, E_LIMIT, "%s", text);
			ipc_take_str(m, "hint", w.hint, sizeof(w.hint));
		} else {
			why_set(&w, E_DENIED, "the signer refused: %s", text);
		}
	}
	if (rc == 0) {
		log_issued(j);
		hand_over(j, buf_span(&cert), &line);
	} else {
		fail(j, &w);
	}
	buf_clear(&cert);
	buf_clear(&line);
	issuing_free(j);
}

static int start(struct issuing *j, const struct issue_ask *a, struct why *w)
{
	const struct mon_ca *ca = mon_ca_active(j->m);
	int rc = keep(j, a);

	if (rc != 0)
		return why_set(w, rc, "the certificate would be too long");
	if (ca == NULL) {
		mon_ca_missing(j->m, w);
		return E_LIMIT;
	}
	rc = check_standing(j, w);
	if (rc == 0)
		rc = body_build(j, a, ca, w);
	if (rc != 0)
		return rc;
	rc = mon_sign(j->m, buf_span(&j->body), signed_now, j);
	return rc == 0 ? 0 : why_set(w, rc, "the signer is not running");
}

struct issuing *mon_issue(struct monitor *m, const struct issue_ask *a, issued_fn *fn, void *ctx)
{
	struct issuing *j = xcalloc(1, sizeof(*j));
	struct why w = {0};

	*j = (struct issuing){.m = m, .fn = fn, .ctx = ctx};
	buf_init(&j->body, SSHCERT_MAX);
	buf_init(&j->key, SSHPK_BLOB_MAX);
	if (start(j, a, &w) == 0)
		return j;
	fail(j, &w);
	issuing_free(j);
	return NULL;
}
