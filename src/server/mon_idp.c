/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor's side of the fetcher: the identity blocks it works with, the beginnings of logins, their
 * results. Tokens are parsed and verified over there; here are flat messages with bounded texts, which are
 * nevertheless checked as if a stranger had sent them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/login.h"
#include "wire/sshcert.h"

#define PEM_MAX     (100 * 1024)
#define GROUPS_MAX  512 /* as ident/jwt takes; those that nothing names are left out of the certificate */
#define BANNER_MAX  2000
#define NO_FETCHER  "the gateway cannot reach identity providers now"

/* --- configuration --- */

static void configured(void *ctx, const struct ipc_msg *m)
{
	(void)ctx;
	if (m == NULL || ipc_type_of(m) == IPC_OK)
		return;
	char text[200];

	ipc_take_str(m, "text", text, sizeof(text));
	log_error("identity-block", "why", text);
}

static void send_block(struct monitor *m, const struct conf_identity *x, const struct secret *secret, struct span pem)
{
	struct buf *b = &m->out;

	ipc_begin(b, IPC_IDP_BLOCK, calls_add(&m->fetcher_calls, configured, m));
	ipc_int(b, "gen", m->epoch->n);
	ipc_str(b, "name", x->name);
	ipc_str(b, "kind", ident_kind_name(x->kind));
	ipc_str(b, "issuer", x->issuer);
	ipc_str(b, "client_id", x->client_id);
	ipc_bin(b, "secret", secret != NULL ? secret_span(secret) : (struct span){0});
	ipc_strs(b, "scopes", x->scopes.v, x->scopes.n);
	ipc_str(b, "user_claim", x->user != NULL ? "" : x->user_claim);
	ipc_str(b, "groups_claim", x->groups_claim);
	ipc_str(b, "person_claim", x->person_claim);
	ipc_strs(b, "algs", x->algs.v, x->algs.n);
	ipc_strs(b, "claims", x->claims.v, x->claims.n);
	ipc_str(b, "audience", x->audience);
	ipc_bin(b, "ca", pem);
	ipc_bool(b, "allow_http", x->allow_http);
	chan_send(m->fetcher, b, NULL, 0);
	mem_wipe(b->mem, b->cap); /* the secret */
}

/* A block whose files cannot be read is not sent: its logins fail with a message, the others work. */
static void configure_block(struct monitor *m, const struct conf_identity *x)
{
	struct secret *secret = NULL;
	struct why w = {0};
	struct buf pem;
	int rc = 0;

	buf_init(&pem, PEM_MAX);
	if (x->secret != NULL)
		rc = cred_reference(x->secret, &secret, &w);
	if (rc == 0 && x->ca != NULL && (rc = file_read(x->ca, &pem)) != 0)
		why_set(&w, rc, "%s cannot be read: %s", x->ca, err_str(rc));
	if (rc == 0)
		send_block(m, x, secret, buf_span(&pem));
	else
		log_error("identity-block", "name", x->name, "why", w.text);
	secret_free(secret);
	buf_clear(&pem);
}

void idp_configure(struct monitor *m)
{
	const struct conf *c = mon_conf(m);

	if (m->fetcher == NULL)
		return;
	for (size_t i = 0; i < c->n_identities; i++)
		if (c->identities[i].type == IDENTITY_OIDC)
			configure_block(m, &c->identities[i]);
	ipc_begin(&m->out, IPC_IDP_APPLY, calls_add(&m->fetcher_calls, configured, m));
	ipc_int(&m->out, "gen", m->epoch->n);
	chan_send(m->fetcher, &m->out, NULL, 0);
}

/* --- failures --- */

static void fail_from(struct login *l, const struct ipc_msg *m)
{
	struct why w = {0};
	char text[300], hint[300];

	if (m == NULL) {
		login_failf(l, E_LIMIT, NO_FETCHER, "try again in a minute");
		return;
	}
	ipc_take_str(m, "text", text, sizeof(text));
	ipc_take_str(m, "hint", hint, sizeof(hint));
	why_set(&w, (int)ipc_get_int(m, "code", E_DENIED), "%s", text[0] != '\0' ? text : "the identity provider failed");
	if (w.code >= 0)
		w.code = E_DENIED;
	if (hint[0] != '\0')
		why_hint(&w, "%s", hint);
	login_fail(l, &w);
}

/* --- device flow (RFC 8628) --- */

static void show_device(struct login *l, const char *uri, const char *whole, const char *code)
{
	char u[600], w[600], c[80], origin[300];
	char banner[BANNER_MAX], line[900];

	(void)span_escape(span_str(uri), u, sizeof(u));
	(void)span_escape(span_str(whole), w, sizeof(w));
	(void)span_escape(span_str(code), c, sizeof(c));
	login_origin(l, origin, sizeof(origin));
	snprintf(banner, sizeof(banner),
	    "\nTo log in, open   %s\nand %s the code  %s\n%s\nGo on there only if you started this ssh command yourself.\n\n",
	    w[0] != '\0' ? w : u, w[0] != '\0' ? "compare" : "type", c, origin);
	snprintf(line, sizeof(line), "Waiting for the login at %s with code %s", u, c);
	login_shown(l, banner, line);
}

static void device_begun(void *ctx, const struct ipc_msg *m)
{
	struct login *l = ctx;
	char uri[500], whole[600], code[64];
	int64_t expires;

	if (m == NULL || ipc_type_of(m) != IPC_OK || ipc_get_str(m, "uri", uri, sizeof(uri)) != 0 ||
	    ipc_get_str(m, "user_code", code, sizeof(code)) != 0) {
		fail_from(l, m);
		return;
	}
	ipc_take_str(m, "uri_complete", whole, sizeof(whole));
	expires = ipc_get_int(m, "expires_s", 0);
	if (expires > 0 && expires * 1000 < l->wait_ms) {
		l->wait_ms = expires * 1000;
		l->until_us = clock_mono_us() + l->wait_ms * 1000;
	}
	show_device(l, uri, whole, code);
}

void idp_begin_device(struct login *l)
{
	struct buf *b = &l->m->out;

	ipc_begin(b, IPC_IDP_DEVICE, calls_add(&l->m->fetcher_calls, device_begun, l));
	ipc_str(b, "login", l->id);
	ipc_str(b, "block", l->block);
	chan_send(l->m->fetcher, b, NULL, 0);
}

void idp_cancel(struct login *l)
{
	if (l->m->fetcher == NULL)
		return;
	ipc_begin(&l->m->out, IPC_IDP_CANCEL, 0);
	ipc_str(&l->m->out, "login", l->id);
	chan_send(l->m->fetcher, &l->m->out, NULL, 0);
}

/* --- browser flow --- */

static void browser_begun(void *ctx, const struct ipc_msg *m)
{
	struct login *l = ctx;
	uint32_t call = l->web_call;
	char url[2048];

	if (m == NULL || ipc_type_of(m) != IPC_OK || ipc_get_str(m, "url", url, sizeof(url)) != 0) {
		fail_from(l, m);
		return;
	}
	l->web_call = 0;
	if (l->m->web == NULL || call == 0) /* nobody waits for it any more */
		return;
	ipc_begin(&l->m->out, IPC_OK, call);
	ipc_str(&l->m->out, "url", url);
	chan_send(l->m->web, &l->m->out, NULL, 0);
}

void idp_begin_browser(struct login *l, uint32_t web_call)
{
	struct buf *b = &l->m->out;
	char back[600];

	snprintf(back, sizeof(back), "%s/cb", mon_conf(l->m)->web.url);
	l->web_call = web_call;
	if (l->m->fetcher == NULL) {
		fail_from(l, NULL);
		return;
	}
	ipc_begin(b, IPC_IDP_BROWSER, calls_add(&l->m->fetcher_calls, browser_begun, l));
	ipc_str(b, "login", l->id);
	ipc_str(b, "block", l->block);
	ipc_str(b, "redirect_uri", back);
	ipc_str(b, "state", l->token);
	chan_send(l->m->fetcher, b, NULL, 0);
}

static void exchange_begun(void *ctx, const struct ipc_msg *m)
{
	if (m == NULL || ipc_type_of(m) != IPC_OK)
		fail_from(ctx, m);
}

void idp_exchange(struct login *l, const char *code)
{
	struct buf *b = &l->m->out;

	if (l->m->fetcher == NULL) {
		fail_from(l, NULL);
		return;
	}
	ipc_begin(b, IPC_IDP_CODE, calls_add(&l->m->fetcher_calls, exchange_begun, l));
	ipc_str(b, "login", l->id);
	ipc_str(b, "code", code);
	chan_send(l->m->fetcher, b, NULL, 0);
}

/* --- results --- */

int idp_groups(const struct ipc_msg *m, struct conf_list *out)
{
	const struct mp_val *v = ipc_get(m, "groups");
	size_t n = mp_count(v);
	char name[NAME_CAP];

	if (mp_type(v) == MP_NIL)
		return 0;
	if (mp_type(v) != MP_ARRAY || n > GROUPS_MAX)
		return E_TOOBIG;
	for (size_t i = 0; i < n; i++) {
		struct span s = mp_span(mp_at(v, i));

		if (s.n >= sizeof(name) || !sshcert_name_ok(s))
			return E_FORMAT;
		memcpy(name, s.p, s.n);
		name[s.n] = '\0';
		list_add(out, name);
	}
	return 0;
}

static int take_result(struct login *l, const struct ipc_msg *m)
{
	char block[64];
	int rc = ipc_get_str(m, "iss", l->iss, sizeof(l->iss));

	if (rc == 0)
		rc = ipc_get_str(m, "sub", l->sub, sizeof(l->sub));
	if (rc == 0)
		rc = ipc_get_str(m, "user", l->user, sizeof(l->user));
	if (rc == 0)
		rc = ipc_get_str(m, "block", block, sizeof(block));
	if (rc == 0 && (strcmp(block, l->block) != 0 || l->sub[0] == '\0' || l->user[0] == '\0'))
		rc = E_FORMAT;
	list_clear(&l->groups);
	return rc == 0 ? idp_groups(m, &l->groups) : rc;
}

static void on_result(struct login *l, const struct ipc_msg *m)
{
	struct why w = {0};

	if (!ipc_get_bool(m, "ok", false)) {
		fail_from(l, m);
		return;
	}
	if (l->state != (l->browser ? LOGIN_CODE : LOGIN_WAIT)) {
		login_failf(l, E_STATE, "the identity provider answered out of turn", "run ssh again");
		return;
	}
	if (take_result(l, m) != 0) {
		login_failf(l, E_FORMAT, "the identity provider's answer cannot be used", "the gateway's log has more");
		return;
	}
	if (!l->browser) {
		login_complete(l);
	} else if (login_acceptable(l, &w) != 0) {
		login_fail(l, &w);
	} else {
		login_go(l, LOGIN_KNOWN);
		web_known(l);
	}
}

/* Who is at the provider, or on the way back, will hear nothing more. */
static void fetcher_gone(struct monitor *m)
{
	struct login *l = m->logins;

	while (l != NULL) {
		struct login *next = l->next;

		if (l->state != LOGIN_ISSUING && l->state != LOGIN_KNOWN && !(l->browser && l->state == LOGIN_WAIT))
			fail_from(l, NULL);
		l = next;
	}
}

void idp_message(struct monitor *m, const struct ipc_msg *msg)
{
	char id[32];
	struct login *l;

	if (msg == NULL) {
		fetcher_gone(m);
		return;
	}
	if (ipc_type_of(msg) != IPC_IDP_RESULT || ipc_get_str(msg, "login", id, sizeof(id)) != 0) {
		log_warn("fetcher-message", "type", log_num(ipc_type_of(msg)));
		return;
	}
	l = login_by_id(m, id);
	if (l != NULL && l->state != LOGIN_ISSUING) /* else cancelled meanwhile */
		on_result(l, msg);
}
