/* SPDX-License-Identifier: Apache-2.0
 *
 * Logins under way. Each is a few hundred bytes; a request's memory exists only during the request.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/fetch.h"

/* Which state may follow which. */
static const bool may[FL_STATE_N][FL_STATE_N] = {
	[FL_DOC] = {[FL_ASK] = true, [FL_WAIT] = true},
	[FL_ASK] = {[FL_WAIT] = true},
	[FL_WAIT] = {[FL_POLL] = true},
	[FL_POLL] = {[FL_WAIT] = true, [FL_VERIFY] = true},
};

void flogin_go(struct flogin *l, enum flogin_state to)
{
	if (!may[l->state][to])
		log_error("login-state", "login", l->id, "from", log_num(l->state), "to", log_num(to));
	l->state = to;
}

struct flogin *flogin_find(struct fetcher *f, const char *id)
{
	struct flogin *l = f->logins;

	while (l != NULL && strcmp(l->id, id) != 0)
		l = l->next;
	return l;
}

static void wipe_free(char *s)
{
	if (s != NULL)
		mem_wipe(s, strlen(s));
	free(s);
}

void flogin_free(struct flogin *l)
{
	struct fetcher *f = l->f;
	struct flogin **at = &f->logins;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	f->n_logins--;
	http_cancel(l->req);
	disc_cancel(l->wait);
	verify_cancel(l->verify);
	loop_cancel(f->loop, l->timer);
	block_unref(f, l->block);
	wipe_free(l->device_code);
	free(l->redirect_uri);
	free(l->state_text);
	mem_wipe(l, sizeof(*l)); /* verifier, nonce */
	free(l);
}

void flogin_fail(struct flogin *l, const struct why *w)
{
	struct fetcher *f = l->f;
	struct buf *b = &f->out;

	log_info("idp-login-failed", "login", l->id, "block", l->block->name, "why", w->text);
	if (l->call != 0) {
		fetch_fail(f, l->call, w);
	} else {
		ipc_begin(b, IPC_IDP_RESULT, 0);
		ipc_str(b, "login", l->id);
		ipc_bool(b, "ok", false);
		ipc_int(b, "code", w->code);
		ipc_str(b, "text", w->text);
		ipc_str(b, "hint", w->hint);
		chan_send(f->monitor, b, NULL, 0);
	}
	flogin_free(l);
}

static int new_check(struct fetcher *f, const char *id, const struct block *k, struct why *w)
{
	if (k == NULL || k->kind != KIND_PERSON) {
		why_set(w, E_NOTFOUND, "this identity provider is not configured now");
		why_hint(w, "the gateway's log says why: identity-block");
		return E_NOTFOUND;
	}
	if (flogin_find(f, id) != NULL)
		return why_set(w, E_EXISTS, "this login has begun already");
	if (f->n_logins >= FETCH_LOGINS_MAX)
		return why_set(w, E_LIMIT, "too many people log in at this moment");
	return 0;
}

struct flogin *flogin_new(struct fetcher *f, const struct ipc_msg *m, bool browser)
{
	struct flogin *l = xcalloc(1, sizeof(*l));
	struct block *k = NULL;
	struct why w = {0};
	char name[64];
	int rc = ipc_get_str(m, "login", l->id, sizeof(l->id));

	if (rc == 0)
		rc = ipc_get_str(m, "block", name, sizeof(name));
	if (rc != 0)
		why_set(&w, rc, "the request for a login is malformed");
	if (rc == 0)
		rc = new_check(f, l->id, k = block_find(f, name), &w);
	if (rc != 0) {
		fetch_fail(f, ipc_id(m), &w);
		free(l);
		return NULL;
	}
	l->f = f;
	l->call = ipc_id(m);
	l->browser = browser;
	l->block = block_ref(k);
	l->next = f->logins;
	f->logins = l;
	f->n_logins++;
	return l;
}

/* --- its token --- */

static void verified(void *ctx, const struct jwt *t, const struct why *failed)
{
	struct flogin *l = ctx;
	struct buf *b = &l->f->out;

	l->verify = NULL;
	if (failed != NULL) {
		flogin_fail(l, failed);
		return;
	}
	ipc_begin(b, IPC_IDP_RESULT, 0);
	ipc_str(b, "login", l->id);
	ipc_bool(b, "ok", true);
	fetch_put_token(b, l->block, t);
	if (buf_err(b) != 0) {
		struct why w = {0};

		why_set(&w, E_TOOBIG, "the identity provider says too much about you (groups)");
		flogin_fail(l, &w);
		return;
	}
	chan_send(l->f->monitor, b, NULL, 0);
	log_info("idp-login", "login", l->id, "block", l->block->name, "sub", t->sub);
	flogin_free(l);
}

void flogin_verify(struct flogin *l, struct span token)
{
	flogin_go(l, FL_VERIFY);
	l->verify = verify_start(l->f, l->block, token, l->block->client_id, l->browser ? l->nonce : NULL, verified, l);
}

struct http_req *flogin_post(struct flogin *l, const struct oidc_provider *p, const char *url, struct buf *form, bool patient, http_fn *fn)
{
	struct oidc_client c = block_client(l->block);
	struct http_ask a = {.url = url, .allow_http = l->block->allow_http, .ca = buf_span(&l->block->ca), .post = true,
		.form = buf_span(form), .max_bytes = 64u * 1024, .patient = patient};
	struct buf basic;
	struct http_req *r;

	buf_init(&basic, 8 * 1024);
	if (c.secret.n > 0 && !p->secret_post) {
		oidc_basic(&basic, c.client_id, c.secret);
		a.authorization = buf_cstr(&basic);
	}
	r = http_start(l->f->http, &a, fn, l);
	buf_wipe(&basic);
	return r;
}

/* --- all of them --- */

void flogins_apply(struct fetcher *f)
{
	struct why w = {0};
	struct flogin *next;

	why_set(&w, E_STATE, "the configuration of this identity provider has just changed");
	why_hint(&w, "begin the login again");
	for (struct flogin *l = f->logins; l != NULL; l = next) {
		next = l->next;
		if (!block_in_force(f, l->block))
			flogin_fail(l, &w);
	}
}

void flogins_free(struct fetcher *f)
{
	while (f->logins != NULL)
		flogin_free(f->logins);
}
