/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens that jobs and agents hand in (IDP_TOKEN): whose issuer is it, and does a block of that issuer take it? Blocks are tried
 * in the order of the configuration: several may share an issuer and differ in the claims that they want.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/fetch.h"

struct token_job {
	struct token_job *next;
	struct fetcher *f;
	uint32_t call;
	struct buf token;
	char audience[600]; /* the key-bound one */
	char issuer[OIDC_URL_MAX + 1];
	struct block *block; /* being tried */
	struct verify *verify;
};

static void job_free(struct token_job *j)
{
	struct token_job **at = &j->f->tokens;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	j->f->n_tokens--;
	verify_cancel(j->verify);
	block_unref(j->f, j->block);
	buf_wipe(&j->token);
	free(j);
}

static void job_fail(struct token_job *j, const struct why *w)
{
	struct buf *b = &j->f->out;

	log_info("idp-token-refused", "issuer", j->issuer, "block", j->block != NULL ? j->block->name : "", "why", w->text);
	ipc_fail(b, j->call, w, "");
	ipc_str(b, "iss", j->issuer); /* claimed: for the log */
	chan_send(j->f->monitor, b, NULL, 0);
	job_free(j);
}

static bool takes(const struct token_job *j, const struct block *k)
{
	return k->kind != KIND_PERSON && strcmp(k->issuer, j->issuer) == 0 && block_in_force(j->f, k);
}

/* The next block of this issuer behind k (NULL: the first). */
static struct block *next_block(const struct token_job *j, const struct block *k)
{
	struct block *x = k != NULL ? k->next : j->f->blocks;

	while (x != NULL && !takes(j, x))
		x = x->next;
	return x;
}

static void try_block(struct token_job *j, struct block *k);

static void answer(struct token_job *j, const struct jwt *t)
{
	struct buf *b = &j->f->out;
	struct why w = {0};

	ipc_begin(b, IPC_OK, j->call);
	fetch_put_token(b, j->block, t);
	ipc_bool(b, "once", j->block->audience != NULL);
	if (buf_err(b) != 0) {
		why_set(&w, E_TOOBIG, "the token says too much (groups)");
		job_fail(j, &w);
		return;
	}
	chan_send(j->f->monitor, b, NULL, 0);
	log_info("idp-token", "block", j->block->name, "sub", t->sub);
	job_free(j);
}

static void verified(void *ctx, const struct jwt *t, const struct why *failed)
{
	struct token_job *j = ctx;
	struct block *next;

	j->verify = NULL;
	if (failed == NULL) {
		answer(j, t);
		return;
	}
	next = block_in_force(j->f, j->block) ? next_block(j, j->block) : NULL;
	if (next != NULL)
		try_block(j, next);
	else
		job_fail(j, failed);
}

static void try_block(struct token_job *j, struct block *k)
{
	struct block *was = j->block;

	j->block = block_ref(k);
	block_unref(j->f, was);
	j->verify = verify_start(j->f, k, buf_span(&j->token), k->audience != NULL ? k->audience : j->audience, NULL, verified, j);
}

static int job_take(struct token_job *j, const struct ipc_msg *m, struct why *w)
{
	struct span token = ipc_get_span(m, "token");

	if (ipc_get_str(m, "audience", j->audience, sizeof(j->audience)) != 0 || token.n == 0)
		return why_set(w, E_FORMAT, "the request for a token is malformed");
	if (token.n > JWS_TOKEN_MAX)
		return why_set(w, E_TOOBIG, "the token is too large (%zu bytes, at most %u)", token.n, JWS_TOKEN_MAX);
	buf_put_span(&j->token, token);
	return jwt_claimed_issuer(token, j->issuer, sizeof(j->issuer), w);
}

void token_begin(struct fetcher *f, const struct ipc_msg *m)
{
	struct token_job *j;
	struct block *k;
	struct why w = {0};

	if (f->n_tokens >= FETCH_TOKENS_MAX) {
		why_set(&w, E_LIMIT, "too many tokens are looked at in this moment");
		why_hint(&w, "try again in a minute");
		fetch_fail(f, ipc_id(m), &w);
		return;
	}
	j = xcalloc(1, sizeof(*j));
	*j = (struct token_job){.next = f->tokens, .f = f, .call = ipc_id(m)};
	buf_init(&j->token, JWS_TOKEN_MAX + 1);
	f->tokens = j;
	f->n_tokens++;
	if (job_take(j, m, &w) != 0) {
		job_fail(j, &w);
		return;
	}
	k = next_block(j, NULL);
	if (k == NULL) {
		char safe[150];

		(void)span_escape(span_str(j->issuer), safe, sizeof(safe));
		why_set(&w, E_DENIED, "no identity block takes tokens of %s", safe);
		why_hint(&w, "an identity block of kind service or agent with this issuer is needed, equal byte by byte");
		job_fail(j, &w);
		return;
	}
	try_block(j, k);
}

void tokens_free(struct fetcher *f)
{
	while (f->tokens != NULL)
		job_free(f->tokens);
}
