/* SPDX-License-Identifier: Apache-2.0 */
#include "jwtmake.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ident/jws.h"

struct signer {
	EVP_PKEY *key;
	char kind[16];
	size_t size; /* bytes of a coordinate; 0 = RSA */
};

static void must(int ok)
{
	if (ok <= 0)
		abort();
}

struct signer *signer_new(const char *kind)
{
	struct signer *s = calloc(1, sizeof(*s));
	bool rsa = strncmp(kind, "RSA-", 4) == 0;

	(void)snprintf(s->kind, sizeof(s->kind), "%s", kind);
	s->key = rsa ? EVP_RSA_gen((unsigned)strtoul(kind + 4, NULL, 10)) : EVP_EC_gen(kind);
	must(s->key != NULL);
	if (!rsa)
		s->size = (size_t)(EVP_PKEY_get_bits(s->key) + 7) / 8;
	return s;
}

void signer_free(struct signer *s)
{
	EVP_PKEY_free(s->key);
	free(s);
}

static void put_number(const struct signer *s, const char *name, const char *param, struct buf *out)
{
	BIGNUM *n = NULL;
	uint8_t raw[1100];
	size_t len;

	must(EVP_PKEY_get_bn_param(s->key, param, &n));
	len = s->size > 0 ? s->size : (size_t)BN_num_bytes(n);
	must(BN_bn2binpad(n, raw, (int)len));
	buf_printf(out, ",\"%s\":\"", name);
	base64url_encode(span_of(raw, len), out);
	buf_put_str(out, "\"");
	BN_free(n);
}

void signer_jwk(const struct signer *s, const char *more, struct buf *out)
{
	if (s->size > 0) {
		buf_printf(out, "{\"kty\":\"EC\",\"crv\":\"%s\"", s->kind);
		put_number(s, "x", OSSL_PKEY_PARAM_EC_PUB_X, out);
		put_number(s, "y", OSSL_PKEY_PARAM_EC_PUB_Y, out);
	} else {
		buf_put_str(out, "{\"kty\":\"RSA\"");
		put_number(s, "n", OSSL_PKEY_PARAM_RSA_N, out);
		put_number(s, "e", OSSL_PKEY_PARAM_RSA_E, out);
	}
	buf_printf(out, "%s}", more);
}

void signer_pem(const struct signer *s, struct buf *out)
{
	BIO *mem = BIO_new(BIO_s_mem());
	char *text;
	long n;

	must(PEM_write_bio_PUBKEY(mem, s->key));
	n = BIO_get_mem_data(mem, &text);
	buf_put(out, text, (size_t)n);
	BIO_free(mem);
}

/* DER to R || S. */
static void put_plain(const struct signer *s, const uint8_t *der, size_t n, struct buf *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	uint8_t raw[66];

	must(sig != NULL);
	must(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)s->size));
	buf_put(out, raw, s->size);
	must(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw, (int)s->size));
	buf_put(out, raw, s->size);
	ECDSA_SIG_free(sig);
}

void signer_sign(const struct signer *s, const char *alg, struct span text, struct buf *out)
{
	const EVP_MD *md = strcmp(alg + 2, "512") == 0   ? EVP_sha512()
			   : strcmp(alg + 2, "384") == 0 ? EVP_sha384()
							 : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pk;
	uint8_t sig[1100];
	size_t n = sizeof(sig);

	must(EVP_DigestSignInit(ctx, &pk, md, NULL, s->key));
	if (alg[0] == 'P') {
		must(EVP_PKEY_CTX_set_rsa_padding(pk, RSA_PKCS1_PSS_PADDING));
		must(EVP_PKEY_CTX_set_rsa_pss_saltlen(pk, RSA_PSS_SALTLEN_DIGEST));
	}
	must(EVP_DigestSign(ctx, sig, &n, text.p, text.n));
	EVP_MD_CTX_free(ctx);
	if (s->size > 0)
		put_plain(s, sig, n, out);
	else
		buf_put(out, sig, n);
}

void signer_token(const struct signer *s, const char *alg, const char *header, const char *payload,
    struct buf *out)
{
	struct buf sig;

	buf_init(&sig, 2048);
	buf_reset(out);
	base64url_encode(span_str(header), out);
	buf_put_str(out, ".");
	base64url_encode(span_str(payload), out);
	signer_sign(s, alg, buf_span(out), &sig);
	buf_put_str(out, ".");
	base64url_encode(buf_span(&sig), out);
	buf_clear(&sig);
}
