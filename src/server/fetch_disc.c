/* SPDX-License-Identifier: Apache-2.0
 *
 * What a provider publishes, cached: its discovery document, then its keys. Kept as long as Cache-Control says,
 * between 5 minutes and a day. Whoever asks while a fetch is under way waits for the same one. A failed fetch leaves what is
 * at hand in use (until it is two days old) and is repeated after a minute; with nothing at hand every asker tries.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/fetch.h"

#define DOC_MAX      (64u * 1024)
#define RETRY_MS     60000
#define HOUR_MS      3600000

struct disc_wait {
	struct disc_wait *next;
	struct disc *d;
	enum disc_want want;
	disc_fn *fn;
	void *ctx;
};

/* One of the two texts. */
struct shelf {
	bool have;
	int64_t fetched_us;  /* when the text at hand came */
	int64_t fresh_us;    /* until when it is used without asking */
};

struct disc {
	struct disc *next;
	unsigned refs;
	struct fetcher *f;
	char *issuer;
	struct buf ca;
	bool allow_http;
	struct oidc_provider p;
	struct jwks *keys;
	struct shelf doc_shelf, keys_shelf;
	bool need_newer;        /* the fetch under way was asked for by DISC_NEWER */
	int64_t newer_us;       /* when keys were last fetched for an unknown name, 0 = never */
	struct http_req *req;   /* under way: the document, or the keys once the document is fresh */
	bool req_is_keys;
	struct disc_wait *waits;
	struct loop_timer *timer; /* 0 ms: waiters of what is at hand */
};

static void step(struct disc *d);

/* --- time --- */

static bool fresh(const struct shelf *s)
{
	return s->have && clock_mono_us() < s->fresh_us;
}

static void stocked(struct disc *d, struct shelf *s, int64_t max_age_s)
{
	const struct fetch_limits *l = &d->f->limits;
	int64_t ms = max_age_s < 0 ? HOUR_MS : max_age_s * 1000;

	ms = ms < l->age_min_ms ? l->age_min_ms : ms > l->age_max_ms ? l->age_max_ms : ms;
	s->have = true;
	s->fetched_us = clock_mono_us();
	s->fresh_us = s->fetched_us + ms * 1000;
}

/* A fetch failed: true when what is at hand goes on. */
static bool kept(const struct disc *d, struct shelf *s)
{
	int64_t now = clock_mono_us();

	if (!s->have || now - s->fetched_us > 2 * d->f->limits.age_max_ms * 1000)
		return false;
	s->fresh_us = now > s->fresh_us ? now + RETRY_MS * 1000LL : s->fresh_us;
	return true;
}

/* --- waiters --- */

static struct disc_wait *take_waiter(struct disc *d, bool (*served)(const struct disc *, enum disc_want))
{
	for (struct disc_wait **at = &d->waits; *at != NULL; at = &(*at)->next) {
		struct disc_wait *w = *at;

		if (!served(d, w->want))
			continue;
		*at = w->next;
		return w;
	}
	return NULL;
}

static bool any(const struct disc *d, enum disc_want want)
{
	(void)d;
	(void)want;
	return true;
}

static bool served(const struct disc *d, enum disc_want want)
{
	if (want == DISC_DOC)
		return fresh(&d->doc_shelf);
	return fresh(&d->doc_shelf) && fresh(&d->keys_shelf) && !(want == DISC_NEWER && d->need_newer);
}

static void serve(struct disc *d, bool (*who)(const struct disc *, enum disc_want), const struct why *failed)
{
	struct disc_wait *w;

	d->refs++; /* a callback may drop the last block */
	while ((w = take_waiter(d, who)) != NULL) {
		struct disc_wait x = *w;

		free(w);
		if (failed != NULL)
			x.fn(x.ctx, NULL, NULL, failed);
		else
			x.fn(x.ctx, &d->p, x.want == DISC_DOC ? NULL : d->keys, NULL);
	}
	disc_put(d->f, d);
}

/* --- fetching --- */

static int take_doc(struct disc *d, const struct http_answer *a, struct why *w)
{
	struct oidc_provider p;
	int rc = a->status == 200 ? oidc_discovery_parse(a->body, d->issuer, d->allow_http, &p, w)
				  : oidc_error(a->status, a->body, "its discovery document", w);

	if (rc != 0)
		return rc;
	if (d->keys_shelf.have && (d->p.jwks == NULL || strcmp(d->p.jwks, p.jwks) != 0))
		d->keys_shelf.fresh_us = 0; /* they moved */
	oidc_provider_clear(&d->p);
	d->p = p;
	stocked(d, &d->doc_shelf, a->max_age_s);
	return 0;
}

static int take_keys(struct disc *d, const struct http_answer *a, struct why *w)
{
	struct jwks *keys = NULL;
	int rc = a->status == 200 ? jwks_parse(a->body, &keys, w) : oidc_error(a->status, a->body, "its keys", w);

	if (rc != 0)
		return rc;
	jwks_free(d->keys);
	d->keys = keys;
	stocked(d, &d->keys_shelf, a->max_age_s);
	return 0;
}

static void fetched(void *ctx, const struct http_answer *a, const struct why *failed)
{
	struct disc *d = ctx;
	struct why w = {0};
	bool keys = d->req_is_keys;
	int rc;

	d->req = NULL;
	if (failed != NULL)
		w = *failed;
	rc = failed != NULL ? failed->code : keys ? take_keys(d, a, &w) : take_doc(d, a, &w);
	if (rc != 0 && failed == NULL) /* else the request has said it */
		log_warn("idp-unusable", "issuer", d->issuer, "what", keys ? "keys" : "discovery", "status", log_num(a->status), "why",
		    w.text);
	if (keys)
		d->need_newer = false;
	if (rc != 0 && !kept(d, keys ? &d->keys_shelf : &d->doc_shelf)) {
		d->need_newer = false;
		serve(d, any, &w);
		return;
	}
	step(d);
}

static void fetch(struct disc *d, bool keys)
{
	struct http_ask a = {.allow_http = d->allow_http, .ca = buf_span(&d->ca), .max_bytes = keys ? JWKS_TEXT_MAX : DOC_MAX};
	struct why w = {0};
	struct buf url;
	int rc = 0;

	buf_init(&url, OIDC_URL_MAX + 64);
	if (keys)
		buf_put_str(&url, d->p.jwks);
	else
		rc = oidc_discovery_url(d->issuer, d->allow_http, &url, &w);
	a.url = buf_cstr(&url);
	d->req_is_keys = keys;
	if (rc == 0)
		d->req = http_start(d->f->http, &a, fetched, d);
	else
		serve(d, any, &w);
	buf_clear(&url);
}

/* Serve whom it can, fetch what the others need. */
static void step(struct disc *d)
{
	d->refs++;
	serve(d, served, NULL);
	if (d->waits != NULL && d->req == NULL)
		fetch(d, fresh(&d->doc_shelf));
	disc_put(d->f, d);
}

static void stepped(void *ctx)
{
	struct disc *d = ctx;

	d->timer = NULL;
	step(d);
}

/* At most once in a while, or anybody who hands in tokens could make us ask without end. */
static void want_newer(struct disc *d)
{
	int64_t now = clock_mono_us();

	if (d->need_newer || (d->newer_us != 0 && now - d->newer_us < d->f->limits.refetch_ms * 1000))
		return;
	d->newer_us = now;
	d->need_newer = true;
	log_info("idp-keys-again", "issuer", d->issuer);
}

struct disc_wait *disc_ask(struct disc *d, enum disc_want want, disc_fn *fn, void *ctx)
{
	struct disc_wait *w = xcalloc(1, sizeof(*w));
	struct disc_wait **at = &d->waits;

	*w = (struct disc_wait){NULL, d, want, fn, ctx};
	while (*at != NULL)
		at = &(*at)->next;
	*at = w;
	if (want == DISC_NEWER)
		want_newer(d);
	if (d->timer == NULL)
		d->timer = loop_after(d->f->loop, 0, stepped, d);
	return w;
}

void disc_cancel(struct disc_wait *w)
{
	struct disc_wait **at;

	if (w == NULL)
		return;
	at = &w->d->waits;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w);
}

/* --- the list --- */

struct disc *disc_get(struct fetcher *f, const char *issuer, struct span ca, bool allow_http)
{
	struct disc *d = f->discs;

	while (d != NULL && (strcmp(d->issuer, issuer) != 0 || !span_eq(buf_span(&d->ca), ca) || d->allow_http != allow_http))
		d = d->next;
	if (d != NULL) {
		d->refs++;
		return d;
	}
	d = xcalloc(1, sizeof(*d));
	*d = (struct disc){.next = f->discs, .refs = 1, .f = f, .issuer = xstrdup(issuer), .allow_http = allow_http};
	buf_init(&d->ca, ca.n + 1);
	buf_put_span(&d->ca, ca);
	f->discs = d;
	return d;
}

void disc_put(struct fetcher *f, struct disc *d)
{
	struct disc **at = &f->discs;

	if (d == NULL || --d->refs > 0)
		return;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	http_cancel(d->req);
	loop_cancel(f->loop, d->timer);
	while (d->waits != NULL)
		disc_cancel(d->waits);
	oidc_provider_clear(&d->p);
	jwks_free(d->keys);
	buf_clear(&d->ca);
	free(d->issuer);
	free(d);
}
