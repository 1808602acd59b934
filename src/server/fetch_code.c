/* SPDX-License-Identifier: Apache-2.0
 *
 * Authorization code with PKCE and nonce (RFC 6749, RFC 7636, OpenID Connect Core 3.1): the address for the browser, then,
 * once, the exchange of the code that came back.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/fetch.h"

#define CODE_CAP 4096
#define TEXT_CAP 1024

static void expire(void *ctx)
{
	struct flogin *l = ctx;
	struct why w = {0};

	l->timer = NULL;
	why_set(&w, E_EXPIRED, "the login was not finished in time");
	why_hint(&w, "begin the login again");
	flogin_fail(l, &w);
}

/* --- the exchange --- */

static void exchanged(void *ctx, const struct http_answer *a, const struct why *failed)
{
	struct flogin *l = ctx;
	struct why w = {0};
	struct buf token;

	l->req = NULL;
	if (failed != NULL) {
		flogin_fail(l, failed);
		return;
	}
	buf_init(&token, 64u * 1024);
	switch (oidc_token_parse(a->status, a->body, &token, &w)) {
	case OIDC_TOKEN:
		flogin_verify(l, buf_span(&token));
		break;
	case OIDC_PENDING:
	case OIDC_SLOW_DOWN: /* a code is good for one try */
	case OIDC_REFUSED:
	default:
		flogin_fail(l, &w);
		break;
	}
	buf_wipe(&token);
}

static void exchange_with(void *ctx, const struct oidc_provider *p, const struct jwks *keys, const struct why *failed)
{
	struct flogin *l = ctx;
	struct oidc_client c = block_client(l->block);
	struct why w = {0};
	struct buf form;

	(void)keys;
	l->wait = NULL;
	if (failed == NULL && p->token == NULL) {
		why_set(&w, E_DENIED, "the identity provider has no token endpoint");
		failed = &w;
	}
	if (failed != NULL) {
		flogin_fail(l, failed);
		return;
	}
	buf_init(&form, 32u * 1024);
	oidc_code_form(&form, p, &c, l->device_code, l->redirect_uri, l->verifier);
	l->req = flogin_post(l, p, p->token, &form, false, exchanged);
	buf_wipe(&form);
}

void browser_code(struct fetcher *f, const struct ipc_msg *m)
{
	struct flogin *l = NULL;
	struct why w = {0};
	char id[24], code[CODE_CAP];
	int rc = ipc_get_str(m, "login", id, sizeof(id));

	if (rc == 0)
		rc = ipc_get_str(m, "code", code, sizeof(code));
	if (rc == 0)
		l = flogin_find(f, id);
	if (rc != 0 || code[0] == '\0') {
		why_set(&w, E_FORMAT, "the code from the identity provider is malformed");
	} else if (l == NULL || !l->browser || l->state != FL_WAIT) {
		why_set(&w, E_STATE, "this login does not wait for a code");
		why_hint(&w, "begin the login again");
	} else {
		flogin_go(l, FL_POLL);
		loop_cancel(f->loop, l->timer);
		l->timer = NULL;
		l->device_code = xstrdup(code);
		fetch_ok(f, ipc_id(m));
		l->wait = disc_ask(l->block->disc, DISC_DOC, exchange_with, l);
	}
	if (w.code != 0)
		fetch_fail(f, ipc_id(m), &w);
	mem_wipe(code, sizeof(code));
}

/* --- beginning --- */

static void begin_with(void *ctx, const struct oidc_provider *p, const struct jwks *keys, const struct why *failed)
{
	struct flogin *l = ctx;
	struct oidc_client c = block_client(l->block);
	struct buf url, *b = &l->f->out;
	struct why w = {0};
	int rc;

	(void)keys;
	l->wait = NULL;
	if (failed != NULL) {
		flogin_fail(l, failed);
		return;
	}
	buf_init(&url, 2 * OIDC_URL_MAX);
	rc = oidc_authorize_url(&url, p, &c, l->redirect_uri, l->state_text, l->nonce, l->verifier, &w);
	if (rc == 0) {
		ipc_begin(b, IPC_OK, l->call);
		ipc_str(b, "url", buf_cstr(&url));
		chan_send(l->f->monitor, b, NULL, 0);
		l->call = 0;
		flogin_go(l, FL_WAIT);
		l->timer = loop_after(l->f->loop, LOGIN_MAX_S * 1000, expire, l);
	} else {
		flogin_fail(l, &w);
	}
	buf_clear(&url);
}

void browser_begin(struct flogin *l, const struct ipc_msg *m)
{
	struct why w = {0};
	char uri[TEXT_CAP], state[TEXT_CAP];

	if (ipc_get_str(m, "redirect_uri", uri, sizeof(uri)) != 0 || ipc_get_str(m, "state", state, sizeof(state)) != 0) {
		why_set(&w, E_FORMAT, "the request for a login is malformed");
		flogin_fail(l, &w);
		return;
	}
	l->redirect_uri = xstrdup(uri);
	l->state_text = xstrdup(state);
	oidc_random(l->verifier);
	oidc_random(l->nonce);
	l->wait = disc_ask(l->block->disc, DISC_DOC, begin_with, l);
}
