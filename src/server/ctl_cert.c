/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb cert: a certificate for exactly the key that was proven on this connection. For a local user, as
 * long as the configuration still gives that key to that user; after a login at an identity provider, the one
 * that the login made.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/ctl.h"
#include "wire/sshpk.h"

#define JUST_NOW_S 60

static void cert_free(struct ctl *c)
{
	mon_issue_cancel(c->job);
	c->job = NULL;
	c->job_free = NULL;
}

/* --- answers --- */

void item_cert(struct item *it, const struct issued *x)
{
	item_span(it, "certificate", x->line);
	item_int(it, "serial", (int64_t)x->serial);
	item_int(it, "expires_s", x->before_s);
	item_str(it, "key_id", x->key_id);
	item_str(it, "fingerprint", x->fingerprint);
	item_str(it, "principals", x->user);
}

static void put_cert(struct ctl *c, const struct issued *x)
{
	struct item it;

	item_init(&it);
	item_cert(&it, x);
	ctl_item(c, &it);
	ctl_end(c, CTL_OK, "", "");
}

static void issued(void *ctx, const struct issued *x, const struct why *failed)
{
	struct ctl *c = ctx;

	c->job = NULL;
	c->job_free = NULL;
	if (x != NULL)
		put_cert(c, x);
	else
		ctl_fail(c, failed);
}

/* --- a local user --- */

/* A service is bound to where it may come from; a person to where the login came from. */
static const char *source_list(const struct conf_user *u, const struct ident *id, char *out, size_t cap)
{
	return u->source.n > 0 ? list_join(&u->source, out, cap) : id->source;
}

const char *ctl_local_issuer(const struct conf *c)
{
	for (size_t i = 0; i < c->n_identities; i++)
		if (c->identities[i].type == IDENTITY_LOCAL)
			return c->identities[i].name;
	return "local";
}

static void issue_local(struct ctl *c, const struct conf_user *u)
{
	const struct conf *conf = mon_conf(c->m);
	const struct ident *id = c->id;
	enum ident_kind kind = u->kind == USER_SERVICE ? KIND_SERVICE : KIND_PERSON;
	char sources[1024];
	struct issue_ask a = {.key = buf_span(&id->key),
	    .user = u->name,
	    .person = u->person,
	    .issuer = ctl_local_issuer(conf),
	    .kind = kind,
	    .groups = &u->groups,
	    .ttl_s = issue_ttl(conf, NULL, kind, &id->groups),
	    .source = source_list(u, id, sources, sizeof(sources)),
	    .addr = id->source,
	    .forward = true,
	    .pty = true};
	struct issuing *x = mon_issue(c->m, &a, issued, c);

	if (x != NULL) {
		c->job = x;
		c->job_free = cert_free;
	}
}

/* --- after a login --- */

/* The certificate of this connection, as it is in the store. */
static int put_stored(void *ctx, const struct store_cert *s)
{
	struct ctl *c = ctx;
	struct issued x = {.serial = s->serial,
	    .before_s = s->valid_before_s,
	    .user = s->user,
	    .key_id = s->key_id,
	    .fingerprint = s->fingerprint};
	struct buf line;

	buf_init(&line, SSHPK_LINE_MAX);
	if (s->blob.n > 0 && sshpk_line_put(&line, s->blob, s->key_id) == 0) {
		x.line = buf_span(&line);
		if (x.line.n > 0 && x.line.p[x.line.n - 1] == '\n')
			x.line.n--;
		put_cert(c, &x);
	}
	buf_clear(&line);
	return 1;
}

static void cert_of_login(struct ctl *c)
{
	struct store_cert_filter f = {.serial = c->id->serial, .limit = 1};
	uint32_t call = c->call;
	struct why w = {0};

	if (store_cert_list(c->m->store, &f, put_stored, c) < 0 || c->call == call) {
		why_set(&w, E_INTERNAL, "the certificate of this login is not in the store");
		ctl_fail(c, &w);
	}
}

static int note_issued(void *ctx, const struct store_cert *s)
{
	*(int64_t *)ctx = s->issued_s;
	return 1;
}

/* Where an ssh_config of ours fetches a new certificate just before it connects, `ssh GATEWAY cert > FILE` is asked with that new one. */
static bool just_issued(struct ctl *c)
{
	struct store_cert_filter f = {.serial = c->id->serial, .limit = 1};
	int64_t at = 0;

	return c->id->via == VIA_CERT && c->id->own_ca && f.serial != 0 && store_cert_list(c->m->store, &f, note_issued, &at) >= 0 &&
	       at != 0 && clock_wall_s() - at < JUST_NOW_S;
}

void ctl_cert(struct ctl *c, const struct mp_val *args)
{
	const struct ident *id = c->id;
	const struct conf_user *u = conf_user_find(mon_conf(c->m), id->user);
	struct why w = {0};

	(void)args;
	if (u != NULL && auth_key_known(u, buf_span(&id->key), id->source)) {
		issue_local(c, u);
		return;
	}
	if (id->login || (u == NULL && id->kind == KIND_PERSON && just_issued(c))) {
		cert_of_login(c);
		return;
	}
	if (u != NULL || id->issuer[0] == '\0') {
		why_set(&w, E_DENIED, "this key is not (or no longer) configured for %s", id->user);
	} else { /* a certificate does not make another one */
		why_set(&w, E_DENIED, "a new certificate needs a new login");
		why_hint(&w, "log in without the old one: ssh %s-login cert, or without an ssh_config from here: ssh -o CertificateFile=none %s cert",
		    mon_conf(c->m)->gateway.name, mon_conf(c->m)->gateway.name);
	}
	log_warn("certificate-failed", "user", id->user, "why", w.text);
	ctl_fail(c, &w);
}
