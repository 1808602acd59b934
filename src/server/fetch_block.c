/* SPDX-License-Identifier: Apache-2.0
 *
 * Identity blocks as the monitor sends them: IDP_BLOCK for each block of a generation (a configuration epoch), then
 * IDP_APPLY. A block that says the same in the next generation stays the same object, so logins under way go on; one that
 * changed or is gone ends them (flogins_apply()).
 */
#include <stdlib.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/fetch.h"

#define LIST_MAX   64
#define BLOCKS_MAX 256
#define PEM_MAX    (128u * 1024)
#define TEXT_CAP   2100
#define FRESH_S    3600 /* a person's token comes from a login of just now */

/* --- what a message says --- */

static int take_text(const struct ipc_msg *m, const char *key, char **out)
{
	char text[TEXT_CAP];
	int rc = ipc_get_str(m, key, text, sizeof(text));

	if (rc == 0 && text[0] != '\0')
		*out = xstrdup(text);
	return rc == E_NOTFOUND ? 0 : rc;
}

static int take_list(const struct ipc_msg *m, const char *key, struct block_list *out)
{
	const struct mp_val *v = ipc_get(m, key);
	size_t n = mp_count(v);

	if (mp_type(v) == MP_NIL)
		return 0;
	if (mp_type(v) != MP_ARRAY || n > LIST_MAX)
		return E_FORMAT;
	out->v = xcalloc(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++) {
		struct span s = mp_span(mp_at(v, i));

		if (s.n == 0 || s.n >= TEXT_CAP || memchr(s.p, '\0', s.n) != NULL)
			return E_FORMAT;
		out->v[out->n++] = xstrndup((const char *)s.p, s.n);
	}
	return 0;
}

static int take_kind(const struct ipc_msg *m, enum ident_kind *out)
{
	char text[16];
	int rc = ipc_get_str(m, "kind", text, sizeof(text));

	return rc != 0 ? rc : ident_kind_parse(text, out);
}

static int take_fields(const struct ipc_msg *m, struct block *k)
{
	const struct {
		const char *key;
		char **to;
	} texts[] = {{"issuer", &k->issuer}, {"client_id", &k->client_id}, {"user_claim", &k->user_claim},
		{"groups_claim", &k->groups_claim}, {"person_claim", &k->person_claim}, {"audience", &k->audience}};
	struct span secret = ipc_get_span(m, "secret");
	int rc = ipc_get_str(m, "name", k->name, sizeof(k->name));

	if (rc == 0)
		rc = take_kind(m, &k->kind);
	for (size_t i = 0; rc == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = take_text(m, texts[i].key, texts[i].to);
	if (rc == 0)
		rc = take_list(m, "scopes", &k->scopes);
	if (rc == 0)
		rc = take_list(m, "algs", &k->algs);
	if (rc == 0)
		rc = take_list(m, "claims", &k->claims);
	if (rc == 0 && secret.n > 0 && (k->secret = secret_new(secret)) == NULL)
		rc = E_NOMEM;
	if (secret.n > 0)
		mem_wipe((void *)(uintptr_t)secret.p, secret.n); /* in the message */
	buf_put_span(&k->ca, ipc_get_span(m, "ca"));
	k->allow_http = ipc_get_bool(m, "allow_http", false);
	return rc != 0 ? rc : buf_err(&k->ca);
}

static int check(const struct block *k)
{
	if (k->name[0] == '\0' || k->issuer == NULL)
		return E_FORMAT;
	return k->kind == KIND_PERSON && k->client_id == NULL ? E_FORMAT : 0;
}

/* --- the same or changed --- */

static void add_text(struct sha256_ctx *c, const char *s)
{
	uint8_t mark = s != NULL;

	sha256_add(c, span_of(&mark, 1));
	sha256_add(c, span_of(s != NULL ? s : "", s != NULL ? strlen(s) + 1 : 1)); /* with the NUL */
}

static void add_list(struct sha256_ctx *c, const struct block_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		add_text(c, l->v[i]);
	add_text(c, NULL);
}

static void print_of(struct block *k)
{
	struct sha256_ctx *c = sha256_new();
	uint8_t flags[2] = {(uint8_t)k->kind, k->allow_http};
	const char *const texts[] = {k->name, k->issuer, k->client_id, k->user_claim, k->groups_claim, k->person_claim, k->audience};

	sha256_begin(c);
	sha256_add(c, span_of(flags, sizeof(flags)));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		add_text(c, texts[i]);
	add_list(c, &k->scopes);
	add_list(c, &k->algs);
	add_list(c, &k->claims);
	sha256_add(c, buf_span(&k->ca));
	if (k->secret != NULL)
		sha256_add(c, secret_span(k->secret));
	sha256_end(c, k->print);
	sha256_free(c);
}

/* --- life --- */

static void list_free(struct block_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

struct block *block_ref(struct block *k)
{
	k->refs++;
	return k;
}

void block_unref(struct fetcher *f, struct block *k)
{
	if (k == NULL || --k->refs > 0)
		return;
	disc_put(f, k->disc);
	secret_free(k->secret);
	buf_clear(&k->ca);
	list_free(&k->scopes);
	list_free(&k->algs);
	list_free(&k->claims);
	free(k->issuer);
	free(k->client_id);
	free(k->user_claim);
	free(k->groups_claim);
	free(k->person_claim);
	free(k->audience);
	free(k);
}

static struct block *same(const struct fetcher *f, const struct block *k)
{
	struct block *x = f->blocks;

	while (x != NULL && memcmp(x->print, k->print, sizeof(k->print)) != 0)
		x = x->next;
	return x;
}

static size_t count(const struct fetcher *f)
{
	size_t n = 0;

	for (const struct block *k = f->blocks; k != NULL; k = k->next)
		n++;
	return n;
}

/* Blocks stay in the order in which they came: it is that of the configuration. */
static void append(struct fetcher *f, struct block *k)
{
	struct block **at = &f->blocks;

	while (*at != NULL)
		at = &(*at)->next;
	k->next = NULL;
	*at = k;
}

static struct block *unlink_block(struct fetcher *f, struct block *k)
{
	struct block **at = &f->blocks;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	return k;
}

int block_take(struct fetcher *f, const struct ipc_msg *m, struct why *w)
{
	struct block *k = xcalloc(1, sizeof(*k)), *was;
	int rc;

	k->refs = 1;
	k->first_gen = k->last_gen = ipc_get_int(m, "gen", 0);
	buf_init(&k->ca, PEM_MAX);
	rc = take_fields(m, k);
	if (rc == 0)
		rc = check(k);
	if (rc == 0 && count(f) >= BLOCKS_MAX)
		rc = E_LIMIT;
	if (rc != 0) {
		why_set(w, rc, "identity block \"%s\": %s", k->name, err_str(rc));
		block_unref(f, k);
		return rc;
	}
	print_of(k);
	was = same(f, k);
	if (was != NULL) {
		was->last_gen = k->last_gen;
		append(f, unlink_block(f, was));
		block_unref(f, k);
		return 0;
	}
	k->disc = disc_get(f, k->issuer, buf_span(&k->ca), k->allow_http);
	append(f, k);
	return 0;
}

bool block_in_force(const struct fetcher *f, const struct block *k)
{
	return k->first_gen <= f->gen && f->gen <= k->last_gen;
}

void block_apply(struct fetcher *f, int64_t gen)
{
	size_t n = 0;

	f->gen = gen;
	flogins_apply(f); /* while their blocks still stand in the list */
	for (struct block **at = &f->blocks; *at != NULL;) {
		struct block *k = *at;

		if (block_in_force(f, k)) {
			at = &k->next;
			n++;
		} else {
			*at = k->next;
			block_unref(f, k);
		}
	}
	log_info("idp-blocks", "epoch", log_num(gen), "blocks", log_num((long long)n));
}

struct block *block_find(const struct fetcher *f, const char *name)
{
	struct block *k = f->blocks;

	while (k != NULL && (strcmp(k->name, name) != 0 || !block_in_force(f, k)))
		k = k->next;
	return k;
}

void blocks_free(struct fetcher *f)
{
	while (f->blocks != NULL) {
		struct block *k = f->blocks;

		f->blocks = k->next;
		block_unref(f, k);
	}
}

/* --- what it means for requests and tokens --- */

struct oidc_client block_client(const struct block *k)
{
	return (struct oidc_client){
		.client_id = k->client_id != NULL ? k->client_id : "",
		.secret = k->secret != NULL ? secret_span(k->secret) : (struct span){0},
		.scopes = k->scopes.v,
		.n_scopes = k->scopes.n,
	};
}

struct jwt_rules block_rules(const struct block *k, const char *audience, const char *nonce)
{
	return (struct jwt_rules){
		.issuer = k->issuer,
		.audience = audience,
		.client_id = k->kind == KIND_PERSON ? k->client_id : NULL,
		.nonce = nonce,
		.algs = k->algs.n > 0 ? k->algs.v : NULL,
		.n_algs = k->algs.n,
		.claims = k->claims.v,
		.n_claims = k->claims.n,
		.user_claim = k->user_claim,
		.groups_claim = k->groups_claim,
		.person_claim = k->person_claim,
		.max_age_s = k->kind == KIND_PERSON ? FRESH_S : 0,
	};
}
