/* SPDX-License-Identifier: Apache-2.0
 *
 * One token against one block: keys, claims (ident/jwt), once more with newer keys when it names one that is not there.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/fetch.h"

struct verify {
	struct fetcher *f;
	struct block *block;
	struct buf token;
	char *audience, *nonce;
	verify_fn *fn;
	void *ctx;
	struct disc_wait *wait;
	bool again; /* with newer keys */
};

static void verify_free(struct verify *v)
{
	disc_cancel(v->wait);
	block_unref(v->f, v->block);
	buf_wipe(&v->token);
	free(v->audience);
	free(v->nonce);
	free(v);
}

static void got_keys(void *ctx, const struct oidc_provider *p, const struct jwks *keys, const struct why *failed)
{
	struct verify *v = ctx;
	struct jwt_rules r = block_rules(v->block, v->audience, v->nonce);
	struct jwt t = {0};
	struct why w = {0};
	int rc;

	(void)p;
	v->wait = NULL;
	r.now_s = clock_wall_s();
	if (failed != NULL)
		w = *failed;
	rc = failed != NULL ? failed->code : jwt_verify(buf_span(&v->token), keys, &r, &t, &w);
	if (rc == E_NOTFOUND && failed == NULL && !v->again) {
		v->again = true;
		v->wait = disc_ask(v->block->disc, DISC_NEWER, got_keys, v);
		return;
	}
	if (rc == 0 && !block_in_force(v->f, v->block)) {
		rc = why_set(&w, E_STATE, "the configuration of this identity provider has just changed");
		why_hint(&w, "try again");
	}
	v->fn(v->ctx, rc == 0 ? &t : NULL, rc == 0 ? NULL : &w);
	jwt_clear(&t);
	verify_free(v);
}

struct verify *verify_start(struct fetcher *f, struct block *k, struct span token, const char *audience, const char *nonce, verify_fn *fn,
    void *ctx)
{
	struct verify *v = xcalloc(1, sizeof(*v));

	*v = (struct verify){.f = f, .block = block_ref(k), .audience = xstrdup(audience), .nonce = xstrdup(nonce), .fn = fn, .ctx = ctx};
	buf_init(&v->token, JWS_TOKEN_MAX + 1);
	buf_put_span(&v->token, token); /* too long: an empty token, which is refused */
	v->wait = disc_ask(k->disc, DISC_KEYS, got_keys, v);
	return v;
}

void verify_cancel(struct verify *v)
{
	if (v != NULL)
		verify_free(v);
}
