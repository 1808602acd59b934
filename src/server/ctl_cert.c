/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb cert: a certificate for exactly the key that was proven on this connection, as long as
 * the configuration still gives that key to that user. The body is built here, the signer decides
 * for itself whether to sign it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ident/issue.h"
#include "server/ctl.h"

#define SERVICE_TTL_S 3600

struct cert_job {
	struct cert_job *next;
	struct ctl *ctl; /* NULL: gone meanwhile */
	struct monitor *m;
	struct buf body;
	uint64_t serial;
	int64_t after_s, before_s;
	char user[NAME_CAP], source[64], key_id[ISSUE_KEY_ID_MAX + 1], fp[FP_CAP];
};

static struct cert_job *jobs;

static void job_free(struct cert_job *j)
{
	struct cert_job **at = &jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	calls_forget(&j->m->signer_calls, j);
	buf_clear(&j->body);
	free(j);
}

void ctl_cert_gone(struct ctl *c)
{
	struct cert_job *j = jobs;

	while (j != NULL) {
		struct cert_job *next = j->next;

		if (j->ctl == c)
			job_free(j);
		j = next;
	}
}

/* --- what goes in --- */

/* The shortest of the caller's roles, then the gateway's default, never more than its maximum. */
static int64_t ttl_of(const struct conf *c, const struct ident *id)
{
	int64_t ttl = id->service ? SERVICE_TTL_S : c->gateway.cert_ttl_s;
	int64_t role_ttl = 0;

	for (size_t i = 0; i < c->n_roles; i++)
		if (ident_in_role(id, &c->roles[i]) && c->roles[i].ttl_s > 0 &&
		    (role_ttl == 0 || c->roles[i].ttl_s < role_ttl))
			role_ttl = c->roles[i].ttl_s;
	if (role_ttl > 0)
		ttl = role_ttl;
	return ttl < c->gateway.cert_max_ttl_s ? ttl : c->gateway.cert_max_ttl_s;
}

static const char *local_issuer(const struct conf *c)
{
	for (size_t i = 0; i < c->n_identities; i++)
		if (c->identities[i].type == IDENTITY_LOCAL)
			return c->identities[i].name;
	return "local";
}

/* A service is bound to where it may come from; a person to where the login came from. */
static const char *source_list(
    const struct conf_user *u, const struct ident *id, char *out, size_t cap)
{
	return u->source.n > 0 ? list_join(&u->source, out, cap) : id->source;
}

static int body_build(struct ctl *c, struct cert_job *j, struct why *w)
{
	const struct conf *conf = mon_conf(c->m);
	const struct ident *id = c->id;
	const struct conf_user *u = conf_user_find(conf, id->user);
	char sources[ISSUE_TEXT_MAX];
	char login[40];
	char *principals[1];
	struct issue_request r = {.user_key = buf_span(&id->key),
	    .ca = span_of(c->m->ca_pub, c->m->n_ca_pub),
	    .principals = principals,
	    .n_principals = 1,
	    .now_s = clock_wall_s(),
	    .ttl_s = ttl_of(conf, id),
	    .gateway = conf->gateway.name,
	    .forward = true,
	    .pty = true,
	    .issuer = local_issuer(conf),
	    .login_id = login};
	int rc;

	if (u == NULL || !auth_key_known(u, buf_span(&id->key), id->source))
		return why_set(
		    w, E_DENIED, "this key is not (or no longer) configured for %s", id->user);
	if (store_is_revoked(c->m->store, 0, u->name, id->key_fp, "") != 0)
		return why_set(w, E_DENIED, "this key or user is revoked");
	rc = store_serial_next(c->m->store, &r.serial);
	if (rc != 0)
		return why_set(w, rc, "no serial number: %s", err_str(rc));
	principals[0] = u->name;
	random_id(login, 10);
	r.groups = u->groups.v;
	r.n_groups = u->groups.n;
	r.person = u->person;
	r.source_address = source_list(u, id, sources, sizeof(sources));
	rc = issue_body(&r, &j->body, w);
	j->serial = r.serial;
	j->after_s = r.now_s - ISSUE_BACKDATE_S;
	j->before_s = r.now_s + r.ttl_s;
	(void)str_copy(j->user, sizeof(j->user), u->name);
	(void)str_copy(j->source, sizeof(j->source), id->source);
	(void)str_copy(j->fp, sizeof(j->fp), id->key_fp);
	snprintf(j->key_id, sizeof(j->key_id), "user=%s login=%s", u->name, login);
	return rc;
}

/* --- what comes out --- */

static int remember(const struct cert_job *j)
{
	struct store_cert x = {.serial = j->serial,
	    .user = j->user,
	    .key_id = j->key_id,
	    .fingerprint = j->fp,
	    .source = j->source,
	    .issued_s = clock_wall_s(),
	    .valid_after_s = j->after_s,
	    .valid_before_s = j->before_s};

	return store_cert_add(j->m->store, &x);
}

static int finish(struct cert_job *j, struct span sig, struct buf *line, struct why *w)
{
	struct buf cert;
	int rc;

	buf_init(&cert, SSHCERT_MAX);
	rc = issue_finish(buf_span(&j->body), sig, &cert, w);
	if (rc == 0) {
		rc = remember(j); /* what is not remembered could not be revoked by its user */
		if (rc != 0)
			why_set(w, rc, "the state store failed: %s", err_str(rc));
	}
	if (rc == 0)
		rc = sshpk_line_put(line, buf_span(&cert), j->key_id);
	buf_clear(&cert);
	return rc;
}

static void answer(struct cert_job *j, struct buf *line)
{
	struct span text = buf_span(line);
	struct item it;

	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	item_init(&it);
	item_span(&it, "certificate", text);
	item_int(&it, "serial", (int64_t)j->serial);
	item_int(&it, "expires_s", j->before_s);
	item_str(&it, "key_id", j->key_id);
	item_str(&it, "fingerprint", j->fp);
	item_str(&it, "principals", j->user);
	ctl_item(j->ctl, &it);
	ctl_end(j->ctl, CTL_OK, "", "");
}

static void signed_now(void *ctx, const struct ipc_msg *m)
{
	struct cert_job *j = ctx;
	struct why w = {0};
	struct buf line;
	int rc = E_CLOSED;

	buf_init(&line, SSHPK_LINE_MAX);
	why_set(&w, E_LIMIT, "the signer does not answer");
	if (m != NULL && ipc_type_of(m) == IPC_OK) {
		rc = finish(j, ipc_get_span(m, "sig"), &line, &w);
	} else if (m != NULL) {
		char text[200];

		if (ipc_get_str(m, "text", text, sizeof(text)) == 0)
			why_set(&w, E_DENIED, "the signer refused: %s", text);
	}
	if (rc == 0) {
		log_info("certificate-issued", "user", j->user, "serial",
		    log_num((long long)j->serial), "key", j->fp, "source", j->source);
		answer(j, &line);
	} else {
		log_warn("certificate-failed", "user", j->user, "why", w.text);
		ctl_fail(j->ctl, &w);
	}
	buf_clear(&line);
	job_free(j);
}

void ctl_cert(struct ctl *c, const struct mp_val *args)
{
	struct cert_job *j = xcalloc(1, sizeof(*j));
	struct why w = {0};
	struct buf *b = &c->m->out;

	(void)args;
	*j = (struct cert_job){.next = jobs, .ctl = c, .m = c->m};
	jobs = j;
	buf_init(&j->body, SSHCERT_MAX);
	if (c->m->signer == NULL || body_build(c, j, &w) != 0) {
		if (c->m->signer == NULL)
			why_set(&w, E_LIMIT, "the signer is not running");
		log_warn("certificate-failed", "user", c->id->user, "why", w.text);
		ctl_fail(c, &w);
		job_free(j);
		return;
	}
	ipc_begin(b, IPC_SIGN_CERT, calls_add(&c->m->signer_calls, signed_now, j));
	ipc_bin(b, "tbs", buf_span(&j->body));
	chan_send(c->m->signer, b, NULL, 0);
}
