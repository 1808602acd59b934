/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of the fetcher. Nobody else includes this.
 *   fetcher.c       the process, requests of the monitor, answers
 *   fetch_block.c   identity blocks and their generations
 *   fetch_disc.c    what a provider publishes: discovery document and keys, cached
 *   fetch_verify.c  a token against keys, fetching newer ones once
 *   fetch_login.c   logins under way: their list, their tokens, their end
 *   fetch_device.c  RFC 8628     fetch_code.c  authorization code with PKCE
 *   fetch_token.c   tokens that jobs and agents hand in
 *   fetch_http.c    requests (libcurl)    fetch_dns.c  names
 */
#ifndef SP_SERVER_FETCH_H
#define SP_SERVER_FETCH_H

#include "base/secret.h"
#include "base/words.h"
#include "ident/jwt.h"
#include "ident/oidc.h"
#include "server/chan.h"
#include "server/fetch_http.h"

#define FETCH_LOGINS_MAX 4096 /* more than the monitor ever has */
#define FETCH_TOKENS_MAX 256
#define LOGIN_MAX_S      1800 /* whatever a provider says about the life of its codes */

struct disc;
struct block;
struct flogin;
struct token_job;

struct fetch_limits { /* tests shorten them */
	int64_t refetch_ms;      /* unknown key: at most one new fetch of the keys in this time */
	int64_t age_min_ms, age_max_ms; /* of what a provider publishes */
};

struct fetcher {
	struct loop *loop;
	struct chan *monitor;
	struct dns *dns;
	struct http *http;
	struct fetch_limits limits;
	struct buf out; /* messages are built here, one at a time */
	int64_t gen;    /* in force */
	struct block *blocks;
	struct disc *discs;
	struct flogin *logins;
	struct token_job *tokens;
	size_t n_logins, n_tokens;
};

/* --- fetcher.c --- */
void fetch_ok(struct fetcher *f, uint32_t call);
void fetch_fail(struct fetcher *f, uint32_t call, const struct why *w);
/* The keys of a verified token, into the message being built. */
void fetch_put_token(struct buf *b, const struct block *k, const struct jwt *t);

/* --- fetch_block.c --- */
struct block_list {
	char **v;
	size_t n;
};

struct block {
	struct block *next;
	unsigned refs;           /* the list's and every user's */
	int64_t first_gen, last_gen; /* in which it is the same */
	uint8_t print[32];       /* of everything it says */
	char name[64];
	enum ident_kind kind;
	char *issuer, *client_id, *user_claim, *groups_claim, *person_claim, *audience;
	struct secret *secret;   /* NULL: public client */
	struct block_list scopes, algs, claims;
	bool allow_http;
	struct buf ca;
	struct disc *disc;
};

int block_take(struct fetcher *f, const struct ipc_msg *m, struct why *w) MUST_CHECK;
/* Another generation is in force: what is not in it is forgotten. */
void block_apply(struct fetcher *f, int64_t gen);
bool block_in_force(const struct fetcher *f, const struct block *k);
/* In force, or NULL. */
struct block *block_find(const struct fetcher *f, const char *name);
struct block *block_ref(struct block *k);
void block_unref(struct fetcher *f, struct block *k); /* NULL is fine */
void blocks_free(struct fetcher *f);
struct oidc_client block_client(const struct block *k);
/* What a token for this block must fulfil. */
struct jwt_rules block_rules(const struct block *k, const char *audience, const char *nonce);

/* --- fetch_disc.c --- */
/* One per (issuer, CA, allow_http); blocks share it, and it outlives generations. */
struct disc *disc_get(struct fetcher *f, const char *issuer, struct span ca, bool allow_http);
void disc_put(struct fetcher *f, struct disc *d);

enum disc_want {
	DISC_DOC,   /* the discovery document */
	DISC_KEYS,  /* and its keys */
	DISC_NEWER, /* keys newer than those at hand, because a token names an unknown one */
};
struct disc_wait;
/* p and keys (not for DISC_DOC) are valid until the callback returns; or both NULL and why. Runs later, exactly once, unless
 * cancelled. */
typedef void disc_fn(void *ctx, const struct oidc_provider *p, const struct jwks *keys, const struct why *failed);
struct disc_wait *disc_ask(struct disc *d, enum disc_want want, disc_fn *fn, void *ctx);
void disc_cancel(struct disc_wait *w); /* not from its own callback; NULL is fine */

/* --- fetch_verify.c --- */
/* Verify a token against the provider's keys, fetching newer ones when it names an unknown one. */
struct verify;
typedef void verify_fn(void *ctx, const struct jwt *t, const struct why *failed);
/* token and the rules' strings are copied or belong to k, which is referenced. */
struct verify *verify_start(struct fetcher *f, struct block *k, struct span token, const char *audience, const char *nonce, verify_fn *fn,
    void *ctx);
void verify_cancel(struct verify *v); /* not from its own callback; NULL is fine */

/* --- fetch_login.c --- */
enum flogin_state { /* changed by flogin_go() only */
	FL_DOC,     /* the discovery document is awaited */
	FL_ASK,     /* device: the codes are asked for */
	FL_WAIT,    /* device: between two polls; browser: until the code comes */
	FL_POLL,    /* device: a poll is under way; browser: the code is exchanged */
	FL_VERIFY,  /* the token is verified */
	FL_STATE_N
};

struct flogin {
	struct flogin *next;
	struct fetcher *f;
	struct block *block;
	enum flogin_state state;
	char id[24];
	uint32_t call; /* to be answered, 0 = none */
	bool browser;
	/* what is under way: at most one of them */
	struct http_req *req;
	struct disc_wait *wait;
	struct verify *verify;
	struct loop_timer *timer; /* next poll, or the deadline of FL_WAIT in the browser flow */
	int64_t deadline_us;
	/* device */
	char *device_code;
	int64_t interval_ms;
	unsigned failures; /* polls without an answer, in a row */
	struct why last;   /* the latest of them */
	/* browser */
	char *redirect_uri, *state_text;
	char verifier[OIDC_SECRET_LEN + 1], nonce[OIDC_SECRET_LEN + 1];
};

/* A new login of a message, or NULL: the message is answered. */
struct flogin *flogin_new(struct fetcher *f, const struct ipc_msg *m, bool browser);
struct flogin *flogin_find(struct fetcher *f, const char *id);
void flogin_go(struct flogin *l, enum flogin_state to);
/* The end without success: answer of the open call, or IDP_RESULT. l is freed. */
void flogin_fail(struct flogin *l, const struct why *w);
/* The provider gave this token: verify it, then IDP_RESULT. */
void flogin_verify(struct flogin *l, struct span token);
/* A POST to one of the provider's endpoints as this block's client. */
struct http_req *flogin_post(struct flogin *l, const struct oidc_provider *p, const char *url, struct buf *form, bool patient, http_fn *fn);
void flogin_free(struct flogin *l);
void flogins_apply(struct fetcher *f); /* blocks have changed */
void flogins_free(struct fetcher *f);

/* --- fetch_device.c, fetch_code.c --- */
void device_begin(struct flogin *l);
void browser_begin(struct flogin *l, const struct ipc_msg *m);
void browser_code(struct fetcher *f, const struct ipc_msg *m);

/* --- fetch_token.c --- */
void token_begin(struct fetcher *f, const struct ipc_msg *m);
void tokens_free(struct fetcher *f);

#endif
