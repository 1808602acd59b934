/* SPDX-License-Identifier: Apache-2.0
 *
 * Key sets and signatures. cjose computes, nothing else: it is given raw numbers of keys that were
 * judged here, and only a token whose alphabet, header and signature length were judged here. (It
 * decodes leniently, takes a header with a key twice, and reads as many bytes of a signature as the
 * modulus has.)
 */
#include "ident/jws.h"

#include <cjose/cjose.h>
#include <stdlib.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/cur.h"
#include "base/mem.h"
#include "ident/json.h"

#define N(a)         (sizeof(a) / sizeof((a)[0]))
#define HEADER_DEPTH 8
#define JWKS_DEPTH   8
#define NUMBER_MAX   (JWS_RSA_MAX / 8 + 1) /* bytes of one number of a key */
#define COORDINATE_MAX 66 /* of P-521 */

enum family { FAMILY_RSA, FAMILY_EC };

/* What we verify. size: bytes of one coordinate, which also names the curve. */
static const struct alg {
	char name[8];
	enum family family;
	size_t size;
} algs_known[] = {
    {"RS256", FAMILY_RSA, 0},
    {"RS384", FAMILY_RSA, 0},
    {"RS512", FAMILY_RSA, 0},
    {"PS256", FAMILY_RSA, 0},
    {"PS384", FAMILY_RSA, 0},
    {"PS512", FAMILY_RSA, 0},
    {"ES256", FAMILY_EC, 32},
    {"ES384", FAMILY_EC, 48},
    {"ES512", FAMILY_EC, 66},
};

static const struct curve {
	char name[8];
	size_t size;
	cjose_jwk_ec_curve id;
} curves[] = {
    {"P-256", 32, CJOSE_JWK_EC_P_256},
    {"P-384", 48, CJOSE_JWK_EC_P_384},
    {"P-521", 66, CJOSE_JWK_EC_P_521},
};

static const char *const algs_default[] = {"RS256", "PS256", "ES256"};
/* Parameters of private and symmetric keys (RFC 7518 6): a set that shows one is broken there. */
static const char *const private_parts[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

struct key {
	char *kid;             /* NULL = none */
	const struct alg *alg; /* NULL = any of its family */
	enum family family;
	size_t size; /* bytes of the modulus or of a coordinate */
	cjose_jwk_t *jwk;
};

struct jwks {
	size_t n;
	struct key key[JWKS_KEYS_MAX];
};

static const struct alg *find_alg(const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < N(algs_known); i++)
		if (strcmp(algs_known[i].name, name) == 0)
			return &algs_known[i];
	return NULL;
}

bool jws_alg_known(const char *alg)
{
	return find_alg(alg) != NULL;
}

/* --- base64url --- */

void base64url_encode(struct span in, struct buf *out)
{
	struct buf b;
	size_t i;

	buf_init(&b, in.n * 2 + 8);
	base64_encode_nopad(in, &b);
	for (i = 0; i < buf_len(&b); i++) {
		uint8_t c = buf_span(&b).p[i];

		buf_put_u8(out, c == '+' ? '-' : c == '/' ? '_' : c);
	}
	buf_wipe(&b);
}

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int base64url_decode(struct span in, struct buf *out)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t i;

	if (in.n % 4 == 1)
		return E_FORMAT;
	for (i = 0; i < in.n; i++) {
		int v = value_of(in.p[i]);

		if (v < 0)
			return E_FORMAT;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_put_u8(out, (uint8_t)(acc >> bits));
			acc &= (1u << bits) - 1;
		}
	}
	/* two texts for one value would be two tokens for one signature */
	return acc != 0 ? E_FORMAT : buf_err(out);
}

/* --- key sets --- */

/* A number of a key without leading zero bytes; empty on any error. */
static struct span number(const struct js *key, const char *name, struct buf *b)
{
	const char *text;
	struct span s;

	buf_reset(b);
	if (js_want_str(js_get(key, name), &text) != 0 || base64url_decode(span_str(text), b) != 0)
		return span_of(NULL, 0);
	s = buf_span(b);
	while (s.n > 0 && s.p[0] == 0)
		s = span_of(s.p + 1, s.n - 1);
	return s;
}

static size_t bits_of(struct span s)
{
	size_t bits = s.n * 8;
	uint8_t mask = 0x80;

	if (s.n == 0)
		return 0;
	while ((s.p[0] & mask) == 0) { /* ends: the first byte is not zero */
		mask >>= 1;
		bits--;
	}
	return bits;
}

static bool odd(struct span s)
{
	return s.n > 0 && (s.p[s.n - 1] & 1) != 0;
}

static cjose_jwk_t *rsa_key(const struct js *k, size_t *size)
{
	cjose_jwk_rsa_keyspec spec = {0};
	cjose_jwk_t *jwk = NULL;
	struct buf nb, eb;
	struct span n, e;
	cjose_err err;

	buf_init(&nb, NUMBER_MAX);
	buf_init(&eb, NUMBER_MAX);
	n = number(k, "n", &nb);
	e = number(k, "e", &eb);
	if (bits_of(n) >= JWS_RSA_MIN && bits_of(n) <= JWS_RSA_MAX && odd(n) && odd(e) &&
	    e.n <= 4 && bits_of(e) > 1) {
		spec.n = (uint8_t *)(uintptr_t)n.p;
		spec.nlen = n.n;
		spec.e = (uint8_t *)(uintptr_t)e.p;
		spec.elen = e.n;
		*size = n.n;
		jwk = cjose_jwk_create_RSA_spec(&spec, &err);
	}
	buf_clear(&nb);
	buf_clear(&eb);
	return jwk;
}

/* RFC 7518 6.2.1.2 wants the full length. Providers exist that leave leading zeros out, with one key in 128: the same number,
 * filled up. Never longer. */
static bool coordinate(const struct js *k, const char *name, size_t size, uint8_t out[COORDINATE_MAX])
{
	struct buf b;
	const char *text;
	bool ok;

	buf_init(&b, NUMBER_MAX);
	ok = js_want_str(js_get(k, name), &text) == 0 && base64url_decode(span_str(text), &b) == 0 && buf_len(&b) > 0 &&
	     buf_len(&b) <= size;
	if (ok) {
		memset(out, 0, size);
		memcpy(out + size - buf_len(&b), buf_span(&b).p, buf_len(&b));
	}
	buf_clear(&b);
	return ok;
}

static cjose_jwk_t *ec_key(const struct js *k, size_t *size)
{
	const char *crv = js_str(js_get(k, "crv"));
	cjose_jwk_ec_keyspec spec = {0};
	cjose_jwk_t *jwk = NULL;
	uint8_t x[COORDINATE_MAX], y[COORDINATE_MAX];
	cjose_err err;
	size_t i;

	for (i = 0; crv != NULL && i < N(curves); i++) {
		if (strcmp(crv, curves[i].name) != 0 || !coordinate(k, "x", curves[i].size, x) ||
		    !coordinate(k, "y", curves[i].size, y))
			continue;
		spec.crv = curves[i].id;
		spec.x = x;
		spec.y = y;
		spec.xlen = spec.ylen = curves[i].size;
		*size = curves[i].size;
		jwk = cjose_jwk_create_EC_spec(&spec, &err); /* NULL off the curve */
	}
	return jwk;
}

/* Is the key meant for signatures, and public? Members that are there must say so. */
static bool for_signatures(const struct js *k)
{
	const struct js *use = js_get(k, "use"), *ops = js_get(k, "key_ops");
	size_t i;

	for (i = 0; i < N(private_parts); i++)
		if (js_get(k, private_parts[i]) != NULL)
			return false;
	if (use != NULL && (js_str(use) == NULL || strcmp(js_str(use), "sig") != 0))
		return false;
	return ops == NULL || js_list_has(ops, "verify");
}

/* One key; false: not usable for us. */
static bool key_parse(const struct js *k, struct key *out)
{
	const char *kty = js_str(js_get(k, "kty"));
	const struct js *kid = js_get(k, "kid"), *alg = js_get(k, "alg");

	*out = (struct key){0};
	if (kty == NULL || !for_signatures(k) || (kid != NULL && js_str(kid) == NULL))
		return false;
	out->family = strcmp(kty, "EC") == 0 ? FAMILY_EC : FAMILY_RSA;
	if (out->family == FAMILY_RSA && strcmp(kty, "RSA") != 0)
		return false;
	out->alg = find_alg(js_str(alg));
	if (alg != NULL && (out->alg == NULL || out->alg->family != out->family))
		return false;
	out->jwk = out->family == FAMILY_EC ? ec_key(k, &out->size) : rsa_key(k, &out->size);
	crypto_forget_errors();
	if (out->jwk == NULL)
		return false;
	out->kid = xstrdup(js_str(kid));
	return true;
}

int jwks_parse(struct span text, struct jwks **out, struct why *w)
{
	const struct js *keys;
	struct jwks *set;
	struct js *doc;
	size_t i;
	int rc;

	*out = NULL;
	rc = js_read_object(text, JWKS_TEXT_MAX, JWKS_DEPTH, "the provider's key set", &doc, w);
	if (rc != 0)
		return rc;
	keys = js_get(doc, "keys");
	if (js_type(keys) != JS_ARRAY) {
		js_free(doc);
		return why_set(w, E_FORMAT, "the provider's key set has no list `keys`");
	}
	if (js_count(keys) > JWKS_KEYS_MAX) {
		rc = why_set(w, E_TOOBIG,
		    "the provider's key set has %zu keys, at most %d are taken", js_count(keys),
		    JWKS_KEYS_MAX);
		js_free(doc);
		return rc;
	}
	set = xcalloc(1, sizeof(*set));
	for (i = 0; i < js_count(keys); i++)
		if (key_parse(js_at(keys, i), &set->key[set->n]))
			set->n++;
	if (set->n == 0) {
		rc = why_set(w, E_CRYPTO,
		    "none of the %zu keys in the provider's key set can verify a token",
		    js_count(keys));
		why_hint(w,
		    "it takes a public RSA key of %d to %d bits, or an EC key on P-256, P-384 or "
		    "P-521",
		    JWS_RSA_MIN, JWS_RSA_MAX);
		jwks_free(set);
		set = NULL;
	}
	js_free(doc);
	*out = set;
	return rc;
}

void jwks_free(struct jwks *k)
{
	size_t i;

	for (i = 0; k != NULL && i < k->n; i++) {
		free(k->key[i].kid);
		(void)cjose_jwk_release(k->key[i].jwk);
	}
	free(k);
}

size_t jwks_count(const struct jwks *k)
{
	return k != NULL ? k->n : 0;
}

/* --- tokens --- */

struct token {
	struct span whole, input, head, body, sig; /* as text */
	struct buf header, payload, signature;     /* decoded */
	const struct alg *alg;
	char *kid; /* NULL = none */
};

static void token_init(struct token *t)
{
	*t = (struct token){0};
	buf_init(&t->header, JWS_TOKEN_MAX);
	buf_init(&t->payload, JWS_TOKEN_MAX);
	buf_init(&t->signature, JWS_TOKEN_MAX);
}

static void token_clear(struct token *t)
{
	buf_clear(&t->header);
	buf_clear(&t->payload);
	buf_clear(&t->signature);
	free(t->kid);
}

/* Up to the next dot, which is consumed; everything when there is none. */
static struct span part(struct cur *c)
{
	const uint8_t *dot = cur_left(c) > 0 ? memchr(c->p, '.', cur_left(c)) : NULL;
	struct span s = cur_take(c, dot != NULL ? (size_t)(dot - c->p) : cur_left(c));

	if (dot != NULL)
		(void)cur_take(c, 1);
	return s;
}

static int token_split(struct span text, struct token *t, struct why *w)
{
	struct cur c = cur_of(text);
	size_t i, dots = 0;

	if (text.n > JWS_TOKEN_MAX)
		return why_set(w, E_TOOBIG, "the token is too large (%zu bytes, at most %u)",
		    text.n, JWS_TOKEN_MAX);
	for (i = 0; i < text.n; i++)
		dots += text.p[i] == '.';
	if (dots != 2)
		return why_set(w, E_FORMAT,
		    "the token is not a signed token: it has %zu parts instead of 3",
		    text.n == 0 ? 0 : dots + 1);
	t->whole = text;
	t->head = part(&c);
	t->body = part(&c);
	t->sig = cur_rest(&c);
	t->input = span_of(text.p, t->head.n + 1 + t->body.n);
	if (base64url_decode(t->head, &t->header) != 0 ||
	    base64url_decode(t->body, &t->payload) != 0 ||
	    base64url_decode(t->sig, &t->signature) != 0)
		return why_set(w, E_FORMAT, "the token is not strict base64url");
	if (buf_len(&t->header) == 0 || buf_len(&t->payload) == 0)
		return why_set(w, E_FORMAT, "the token has an empty part");
	return 0;
}

static bool listed(const char *alg, char *const *algs, size_t n)
{
	const char *const *list = algs != NULL ? (const char *const *)algs : algs_default;
	size_t i, count = algs != NULL ? n : N(algs_default);

	for (i = 0; i < count; i++)
		if (strcmp(list[i], alg) == 0)
			return true;
	return false;
}

static int check_alg(
    const struct js *head, char *const *algs, size_t n, struct token *t, struct why *w)
{
	const char *alg;
	char safe[64];

	if (js_want_str(js_get(head, "alg"), &alg) != 0)
		return why_set(w, E_FORMAT, "the token's header names no algorithm (alg)");
	(void)span_escape(span_str(alg), safe, sizeof(safe));
	if (strcasecmp(alg, "none") == 0)
		return why_set(w, E_DENIED, "the token is not signed (alg %s)", safe);
	if (strncasecmp(alg, "HS", 2) == 0)
		return why_set(w, E_DENIED,
		    "the token is signed with a shared secret (alg %s), which proves nothing here",
		    safe);
	t->alg = find_alg(alg);
	if (t->alg != NULL && listed(alg, algs, n))
		return 0;
	(void)why_set(w, E_DENIED,
	    "the token is signed with %s, which is not accepted from this provider", safe);
	why_hint(
	    w, t->alg != NULL
		   ? "add it to the provider's `algs`, or set the algorithm of the client at the "
		     "provider"
		   : "set the algorithm of the client at the provider to RS256, PS256 or ES256");
	return E_DENIED;
}

/* RFC 7515 4.1: media types, compared without case. */
static bool typ_ok(const struct js *typ)
{
	struct span s = js_span(typ);

	return typ == NULL || span_is_nocase(s, "JWT") || span_is_nocase(s, "at+jwt");
}

static int check_header(struct token *t, char *const *algs, size_t n, struct why *w)
{
	struct js *head;
	const struct js *kid;
	char safe[64];
	int rc = js_read_object(
	    buf_span(&t->header), JWS_TOKEN_MAX, HEADER_DEPTH, "the token's header", &head, w);

	if (rc != 0)
		return rc;
	rc = check_alg(head, algs, n, t, w);
	if (rc == 0 && js_get(head, "crit") != NULL)
		rc = why_set(
		    w, E_UNKNOWN, "the token demands extensions (crit) that are not known here");
	if (rc == 0 && !typ_ok(js_get(head, "typ"))) {
		(void)span_escape(js_span(js_get(head, "typ")), safe, sizeof(safe));
		rc = why_set(w, E_FORMAT, "the token is of another type (typ %s)", safe);
	}
	kid = js_get(head, "kid");
	if (rc == 0 && kid != NULL && js_str(kid) == NULL)
		rc = why_set(w, E_FORMAT, "the token's key id (kid) is not a string");
	if (rc == 0)
		t->kid = xstrdup(js_str(kid));
	js_free(head);
	return rc;
}

static bool fits(const struct key *k, const struct alg *a)
{
	return k->family == a->family && (k->alg == NULL || k->alg == a) &&
	       (a->family == FAMILY_RSA || k->size == a->size);
}

static bool signature_ok(const struct token *t, const struct key *k)
{
	size_t want = k->family == FAMILY_EC ? 2 * k->size : k->size;
	uint8_t *plain = NULL;
	size_t n = 0;
	cjose_jws_t *jws;
	cjose_err err;
	bool ok;

	if (buf_len(&t->signature) != want)
		return false;
	jws = cjose_jws_import((const char *)t->whole.p, t->whole.n, &err);
	ok = jws != NULL && cjose_jws_verify(jws, k->jwk, &err) &&
	     cjose_jws_get_plaintext(jws, &plain, &n, &err) &&
	     span_eq(span_of(plain, n), buf_span(&t->payload));
	cjose_jws_release(jws);
	crypto_forget_errors();
	return ok;
}

/* Without a key id there must be no choice. A provider that names no keys may have changed them: E_NOTFOUND, as for a name
 * that is not in the set. */
static int verify_without_kid(const struct token *t, const struct jwks *keys, struct why *w)
{
	const struct key *only = NULL;
	size_t i, n = 0;

	for (i = 0; i < keys->n; i++) {
		if (fits(&keys->key[i], t->alg)) {
			only = &keys->key[i];
			n++;
		}
	}
	if (n != 1)
		return why_set(w, E_NOTFOUND,
		    "the token names no key (kid) and the provider has %zu keys that could be "
		    "meant",
		    n);
	return signature_ok(t, only) ? 0 : why_set(w, E_NOTFOUND, "the token's signature is wrong");
}

static int verify_with_kid(const struct token *t, const struct jwks *keys, struct why *w)
{
	size_t i, named = 0, fitting = 0;
	char safe[100];

	for (i = 0; i < keys->n; i++) {
		const struct key *k = &keys->key[i];

		if (k->kid == NULL || strcmp(k->kid, t->kid) != 0)
			continue;
		named++;
		if (!fits(k, t->alg))
			continue;
		fitting++;
		if (signature_ok(t, k))
			return 0;
	}
	(void)span_escape(span_str(t->kid), safe, sizeof(safe));
	if (named == 0)
		return why_set(w, E_NOTFOUND,
		    "the provider has no usable key \"%s\", which signed the token", safe);
	if (fitting == 0)
		return why_set(
		    w, E_CRYPTO, "the provider's key \"%s\" is not one for %s", safe, t->alg->name);
	return why_set(w, E_CRYPTO, "the token's signature is wrong");
}

int jws_verify(struct span token, const struct jwks *keys, char *const *algs, size_t n_algs,
    struct buf *out, struct why *w)
{
	struct token t;
	int rc;

	buf_reset(out);
	token_init(&t);
	rc = token_split(token, &t, w);
	if (rc == 0)
		rc = check_header(&t, algs, n_algs, w);
	if (rc == 0)
		rc = t.kid != NULL ? verify_with_kid(&t, keys, w) : verify_without_kid(&t, keys, w);
	if (rc == 0) {
		buf_put_span(out, buf_span(&t.payload));
		rc = buf_err(out);
	}
	token_clear(&t);
	return rc;
}

int jws_split(struct span token, struct span *input, struct buf *out, struct why *w)
{
	struct token t;
	int rc;

	buf_reset(out);
	token_init(&t);
	rc = token_split(token, &t, w);
	*input = t.input;
	if (rc == 0) {
		buf_put_span(out, buf_span(&t.payload));
		rc = buf_err(out);
	}
	token_clear(&t);
	return rc;
}
