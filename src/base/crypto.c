/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL 3 behind a few functions. Algorithms are fetched once per process: EVP_sha256() style implicit fetches
 * cost more than hashing a short record.
 */
#include "base/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

static const EVP_MD *md_sha256(void)
{
	static EVP_MD *md;

	if (md == NULL)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	return md;
}

/* A failure of SHA-256 or of the random generator is a broken installation: nothing safe is left to do. */
static void must(int ok)
{
	static const char msg[] = "sallyport: cryptographic library failure\n";

	if (ok == 1)
		return;
	if (write(2, msg, sizeof(msg) - 1) < 0)
		_exit(71);
	_exit(70);
}

void crypto_random(void *p, size_t n)
{
	must(RAND_bytes(p, (int)n));
}

void crypto_forget_errors(void)
{
	ERR_clear_error();
}

void crypto_warm(void)
{
	uint8_t out[SHA256_LEN];
	uint8_t seed[ED25519_SEED_LEN];
	uint8_t pub[ED25519_PUB_LEN];

	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS,
	    NULL);
	crypto_random(out, sizeof(out));
	sha256(span_of(out, sizeof(out)), out);
	if (ed25519_keygen(seed, pub) != 0)
		must(0);
	mem_wipe(seed, sizeof(seed));
}

struct sha256_ctx {
	EVP_MD_CTX *md;
};

struct sha256_ctx *sha256_new(void)
{
	struct sha256_ctx *c = xcalloc(1, sizeof(*c));

	c->md = EVP_MD_CTX_new();
	must(c->md != NULL);
	sha256_begin(c);
	return c;
}

void sha256_free(struct sha256_ctx *c)
{
	if (c == NULL)
		return;
	EVP_MD_CTX_free(c->md);
	free(c);
}

void sha256_begin(struct sha256_ctx *c)
{
	must(EVP_DigestInit_ex2(c->md, md_sha256(), NULL));
}

void sha256_add(struct sha256_ctx *c, struct span in)
{
	must(EVP_DigestUpdate(c->md, in.p, in.n));
}

void sha256_end(struct sha256_ctx *c, uint8_t out[SHA256_LEN])
{
	must(EVP_DigestFinal_ex(c->md, out, NULL));
}

void sha256(struct span in, uint8_t out[SHA256_LEN])
{
	must(EVP_Digest(in.p, in.n, out, NULL, md_sha256(), NULL));
}

void hmac_sha256(struct span key, struct span in, uint8_t out[SHA256_LEN])
{
	size_t n = SHA256_LEN;

	must(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.p, key.n, in.p, in.n, out, SHA256_LEN, &n) != NULL);
}

int ed25519_keygen(uint8_t seed[ED25519_SEED_LEN], uint8_t pub[ED25519_PUB_LEN])
{
	crypto_random(seed, ED25519_SEED_LEN);
	return ed25519_pub(seed, pub);
}

int ed25519_pub(const uint8_t seed[ED25519_SEED_LEN], uint8_t pub[ED25519_PUB_LEN])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED_LEN);
	size_t n = ED25519_PUB_LEN;
	int rc = k != NULL && EVP_PKEY_get_raw_public_key(k, pub, &n) == 1 ? 0 : E_CRYPTO;

	EVP_PKEY_free(k);
	return rc;
}

int ed25519_sign(const uint8_t seed[ED25519_SEED_LEN], struct span msg, uint8_t sig[ED25519_SIG_LEN])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED_LEN);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = ED25519_SIG_LEN;
	int rc = E_CRYPTO;

	if (k != NULL && c != NULL && EVP_DigestSignInit(c, NULL, NULL, NULL, k) == 1 &&
	    EVP_DigestSign(c, sig, &n, msg.p, msg.n) == 1 && n == ED25519_SIG_LEN)
		rc = 0;
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	return rc;
}

/* Verify with a ready key; clears OpenSSL's error queue so that a later TLS call does not trip over it. */
static int verify_with(EVP_PKEY *k, const char *md, struct span msg, struct span sig)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int rc = E_CRYPTO;

	if (k != NULL && c != NULL && EVP_DigestVerifyInit_ex(c, NULL, md, NULL, NULL, k, NULL) == 1 &&
	    EVP_DigestVerify(c, sig.p, sig.n, msg.p, msg.n) == 1)
		rc = 0;
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return rc;
}

int ed25519_verify(const uint8_t pub[ED25519_PUB_LEN], struct span msg, struct span sig)
{
	EVP_PKEY *k;
	int rc;

	if (sig.n != ED25519_SIG_LEN)
		return E_CRYPTO;
	k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, ED25519_PUB_LEN);
	rc = verify_with(k, NULL, msg, sig);
	EVP_PKEY_free(k);
	return rc;
}

/* Build a public key from a parameter builder (freed here). */
static EVP_PKEY *pkey_from(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = bld != NULL ? OSSL_PARAM_BLD_to_param(bld) : NULL;
	EVP_PKEY_CTX *cx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *k = NULL;

	if (params == NULL || cx == NULL || EVP_PKEY_fromdata_init(cx) != 1 ||
	    EVP_PKEY_fromdata(cx, &k, EVP_PKEY_PUBLIC_KEY, params) != 1)
		k = NULL;
	EVP_PKEY_CTX_free(cx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	return k;
}

int rsa_verify(struct span e, struct span n, int hash_bits, struct span msg, struct span sig)
{
	OSSL_PARAM_BLD *bld;
	BIGNUM *be, *bn;
	EVP_PKEY *k = NULL;
	int rc = E_CRYPTO;

	if (e.n == 0 || e.n > 8 || n.n < 256 || n.n > 2049 || (hash_bits != 256 && hash_bits != 512))
		return E_CRYPTO;
	bld = OSSL_PARAM_BLD_new();
	be = BN_bin2bn(e.p, (int)e.n, NULL);
	bn = BN_bin2bn(n.p, (int)n.n, NULL);
	if (bld != NULL && be != NULL && bn != NULL && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) == 1) {
		k = pkey_from("RSA", bld);
		rc = verify_with(k, hash_bits == 256 ? "SHA256" : "SHA512", msg, sig);
	} else {
		OSSL_PARAM_BLD_free(bld);
	}
	EVP_PKEY_free(k);
	BN_free(be);
	BN_free(bn);
	ERR_clear_error();
	return rc;
}

static const struct {
	int bits;
	const char *curve, *md;
} curves[] = {{256, "prime256v1", "SHA256"}, {384, "secp384r1", "SHA384"}, {521, "secp521r1", "SHA512"}};

/* r and s as the DER sequence that OpenSSL wants. Returns the length or -1; *der is to be OPENSSL_free'd. */
static int ecdsa_der(struct span r, struct span s, uint8_t **der)
{
	ECDSA_SIG *sg = ECDSA_SIG_new();
	BIGNUM *br = BN_bin2bn(r.p, (int)r.n, NULL);
	BIGNUM *bs = BN_bin2bn(s.p, (int)s.n, NULL);
	int n = -1;

	*der = NULL;
	if (sg != NULL && br != NULL && bs != NULL && ECDSA_SIG_set0(sg, br, bs) == 1) {
		br = bs = NULL; /* owned by sg now */
		n = i2d_ECDSA_SIG(sg, der);
	}
	BN_free(br);
	BN_free(bs);
	ECDSA_SIG_free(sg);
	return n;
}

int ecdsa_verify(int bits, struct span q, struct span r, struct span s, struct span msg)
{
	OSSL_PARAM_BLD *bld;
	EVP_PKEY *k = NULL;
	uint8_t *der = NULL;
	int n, rc = E_CRYPTO;
	size_t i = 0;

	while (i < 3 && curves[i].bits != bits)
		i++;
	if (i == 3 || r.n == 0 || s.n == 0 || r.n > 67 || s.n > 67 || q.n > 133)
		return E_CRYPTO;
	n = ecdsa_der(r, s, &der);
	bld = OSSL_PARAM_BLD_new();
	if (n > 0 && bld != NULL && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].curve, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, q.p, q.n) == 1) {
		k = pkey_from("EC", bld);
		rc = verify_with(k, curves[i].md, msg, span_of(der, (size_t)n));
	} else {
		OSSL_PARAM_BLD_free(bld);
	}
	EVP_PKEY_free(k);
	OPENSSL_free(der);
	ERR_clear_error();
	return rc;
}

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_put(struct span in, struct buf *out, bool pad)
{
	for (size_t i = 0; i < in.n; i += 3) {
		size_t left = in.n - i;
		uint32_t v = (uint32_t)in.p[i] << 16 | (left > 1 ? (uint32_t)in.p[i + 1] << 8 : 0) | (left > 2 ? in.p[i + 2] : 0);
		char c[4] = {b64[v >> 18], b64[v >> 12 & 63], left > 1 ? b64[v >> 6 & 63] : '=', left > 2 ? b64[v & 63] : '='};

		buf_put(out, c, pad || left > 2 ? 4 : left + 1);
	}
}

void base64_encode(struct span in, struct buf *out)
{
	base64_put(in, out, true);
}

void base64_encode_nopad(struct span in, struct buf *out)
{
	base64_put(in, out, false);
}

static int b64_value(uint8_t c)
{
	const char *at = c != 0 ? strchr(b64, c) : NULL;

	return at != NULL ? (int)(at - b64) : -1;
}

int base64_decode(struct span in, struct buf *out)
{
	if (in.n % 4 != 0)
		return E_FORMAT;
	for (size_t i = 0; i < in.n; i += 4) {
		const uint8_t *p = in.p + i;
		bool last = i + 4 == in.n;
		int pad = last && p[3] == '=' ? (p[2] == '=' ? 2 : 1) : 0;
		int v[4];
		uint32_t x;
		uint8_t o[3];

		for (int k = 0; k < 4; k++) {
			v[k] = k >= 4 - pad ? 0 : b64_value(p[k]);
			if (v[k] < 0)
				return E_FORMAT;
		}
		x = (uint32_t)v[0] << 18 | (uint32_t)v[1] << 12 | (uint32_t)v[2] << 6 | (uint32_t)v[3];
		o[0] = (uint8_t)(x >> 16);
		o[1] = (uint8_t)(x >> 8);
		o[2] = (uint8_t)x;
		/* Non-zero bits under the padding: two texts for one value, so refuse. */
		if ((pad == 1 && o[2] != 0) || (pad == 2 && (o[1] != 0 || o[2] != 0)))
			return E_FORMAT;
		buf_put(out, o, (size_t)(3 - pad));
	}
	return buf_err(out);
}

void hex_encode(struct span in, char *out)
{
	static const char d[] = "0123456789abcdef";

	for (size_t i = 0; i < in.n; i++) {
		out[2 * i] = d[in.p[i] >> 4];
		out[2 * i + 1] = d[in.p[i] & 15];
	}
	out[2 * in.n] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *in, uint8_t *out, size_t n)
{
	if (strlen(in) != 2 * n)
		return E_FORMAT;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(in[2 * i]);
		int lo = hex_value(in[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return E_FORMAT;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

void random_id(char *out, size_t n)
{
	static const char d[] = "0123456789abcdefghjkmnpqrstvwxyz";

	crypto_random(out, n);
	for (size_t i = 0; i < n; i++)
		out[i] = d[(uint8_t)out[i] & 31];
	out[n] = '\0';
}
