/* SPDX-License-Identifier: Apache-2.0
 *
 * Device authorization (RFC 8628): codes are asked for, then the token endpoint is polled until the person has decided. The
 * provider's interval is kept, slow_down adds 5 s for good, polls without an answer double the wait; the life of the code ends it.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/fetch.h"

#define SLOW_DOWN_MS 5000
#define WAIT_MAX_MS  60000

static void poll_now(void *ctx);

/* --- polling --- */

static void expired(struct flogin *l)
{
	struct why w = {0};

	if (l->failures > 0) { /* it would not have ended so if the provider had answered */
		flogin_fail(l, &l->last);
		return;
	}
	why_set(&w, E_EXPIRED, "the code expired before the login was finished");
	why_hint(&w, "begin the login again, and finish it sooner");
	flogin_fail(l, &w);
}

static void expire(void *ctx)
{
	struct flogin *l = ctx;

	l->timer = NULL;
	expired(l);
}

static void poll_later(struct flogin *l)
{
	unsigned shift = l->failures < 5 ? l->failures : 5;
	int64_t wait = l->interval_ms << shift;
	int64_t left = (l->deadline_us - clock_mono_us()) / 1000;

	if (l->failures > 0 && wait > WAIT_MAX_MS)
		wait = WAIT_MAX_MS > l->interval_ms ? WAIT_MAX_MS : l->interval_ms;
	flogin_go(l, FL_WAIT);
	l->timer = wait < left ? loop_after(l->f->loop, wait, poll_now, l) : loop_after(l->f->loop, left > 0 ? left : 0, expire, l);
}

/* The provider, or what stands before it, is ill for the moment: not an answer about this login. */
static bool ill(const struct http_answer *a, struct why *w)
{
	if (a->status < 500 && a->status != 429)
		return false;
	why_set(w, E_LIMIT, "the identity provider has a problem (HTTP %d)", a->status);
	why_hint(w, "try again later");
	return true;
}

static void polled(void *ctx, const struct http_answer *a, const struct why *failed)
{
	struct flogin *l = ctx;
	struct why w = {0};
	struct buf token;

	l->req = NULL;
	if (failed != NULL || ill(a, &w)) {
		l->failures++;
		l->last = failed != NULL ? *failed : w;
		poll_later(l);
		return;
	}
	l->failures = 0;
	buf_init(&token, 64u * 1024);
	switch (oidc_token_parse(a->status, a->body, &token, &w)) {
	case OIDC_TOKEN:
		flogin_verify(l, buf_span(&token));
		break;
	case OIDC_SLOW_DOWN:
		l->interval_ms += SLOW_DOWN_MS;
		log_debug("idp-slow-down", "login", l->id, "interval_ms", log_num(l->interval_ms));
		poll_later(l);
		break;
	case OIDC_PENDING:
		poll_later(l);
		break;
	case OIDC_REFUSED:
	default:
		flogin_fail(l, &w);
		break;
	}
	buf_wipe(&token);
}

static void poll_with(void *ctx, const struct oidc_provider *p, const struct jwks *keys, const struct why *failed)
{
	struct flogin *l = ctx;
	struct oidc_client c = block_client(l->block);
	struct buf form;

	(void)keys;
	l->wait = NULL;
	if (failed != NULL || p->token == NULL) {
		l->failures++;
		if (failed != NULL)
			l->last = *failed;
		else
			why_set(&l->last, E_DENIED, "the identity provider has no token endpoint");
		poll_later(l);
		return;
	}
	buf_init(&form, 32u * 1024);
	oidc_poll_form(&form, p, &c, l->device_code);
	l->req = flogin_post(l, p, p->token, &form, true, polled);
	buf_wipe(&form);
}

static void poll_now(void *ctx)
{
	struct flogin *l = ctx;

	l->timer = NULL;
	flogin_go(l, FL_POLL);
	l->wait = disc_ask(l->block->disc, DISC_DOC, poll_with, l);
}

/* --- beginning --- */

static void begun(struct flogin *l, struct oidc_device *d)
{
	struct buf *b = &l->f->out;
	int64_t expires_s = d->expires_s < LOGIN_MAX_S ? d->expires_s : LOGIN_MAX_S;

	l->device_code = d->device_code;
	d->device_code = NULL;
	l->interval_ms = d->interval_s * 1000;
	l->deadline_us = clock_mono_us() + expires_s * 1000000;
	ipc_begin(b, IPC_OK, l->call);
	ipc_str(b, "user_code", d->user_code);
	ipc_str(b, "uri", d->uri);
	ipc_str(b, "uri_complete", d->uri_complete != NULL ? d->uri_complete : "");
	ipc_int(b, "expires_s", expires_s);
	chan_send(l->f->monitor, b, NULL, 0);
	l->call = 0;
	poll_later(l);
}

static void got_codes(void *ctx, const struct http_answer *a, const struct why *failed)
{
	struct flogin *l = ctx;
	struct oidc_device d = {0};
	struct why w = {0};
	int rc;

	l->req = NULL;
	if (failed != NULL) {
		flogin_fail(l, failed);
		return;
	}
	rc = a->status == 200 ? oidc_device_parse(a->body, l->block->allow_http, &d, &w)
			      : oidc_error(a->status, a->body, "the login", &w);
	if (rc == 0)
		begun(l, &d);
	else
		flogin_fail(l, &w);
	oidc_device_clear(&d);
}

static void ask_codes(void *ctx, const struct oidc_provider *p, const struct jwks *keys, const struct why *failed)
{
	struct flogin *l = ctx;
	struct oidc_client c = block_client(l->block);
	struct why w = {0};
	struct buf form;

	(void)keys;
	l->wait = NULL;
	if (failed == NULL && (p->device == NULL || p->token == NULL)) {
		why_set(&w, E_DENIED, "the identity provider does not offer the device flow");
		why_hint(&w, "the gateway's operator can set login_flow: browser for it");
		failed = &w;
	}
	if (failed != NULL) {
		flogin_fail(l, failed);
		return;
	}
	flogin_go(l, FL_ASK);
	buf_init(&form, 32u * 1024);
	oidc_device_form(&form, p, &c);
	l->req = flogin_post(l, p, p->device, &form, false, got_codes);
	buf_wipe(&form);
}

void device_begin(struct flogin *l)
{
	l->wait = disc_ask(l->block->disc, DISC_DOC, ask_codes, l);
}
