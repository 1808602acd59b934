/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL behind a few functions (the doorway with base/tls): random, SHA-256, HMAC, Ed25519, signature
 * verification of SSH key types, base64, hex. All lengths in bytes.
 */
#ifndef SP_BASE_CRYPTO_H
#define SP_BASE_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define SHA256_LEN 32
#define ED25519_SEED_LEN 32
#define ED25519_PUB_LEN 32
#define ED25519_SIG_LEN 64

/* Exits the process when the system has no randomness: there is no weaker answer. */
void crypto_random(void *p, size_t n);
/* Loads OpenSSL's lazily initialised parts; call before forking or entering a sandbox. */
void crypto_warm(void);
/* Forget what another user of OpenSSL left in its error queue: libraries take old entries for new ones. */
void crypto_forget_errors(void);

void sha256(struct span in, uint8_t out[SHA256_LEN]);
/* Incremental; one context may be reused by sha256_begin() any number of times. */
struct sha256_ctx;
struct sha256_ctx *sha256_new(void);
void sha256_free(struct sha256_ctx *c);
void sha256_begin(struct sha256_ctx *c);
void sha256_add(struct sha256_ctx *c, struct span in);
void sha256_end(struct sha256_ctx *c, uint8_t out[SHA256_LEN]);
void hmac_sha256(struct span key, struct span in, uint8_t out[SHA256_LEN]);

/* Ed25519 (RFC 8032). */
int ed25519_keygen(uint8_t seed[ED25519_SEED_LEN], uint8_t pub[ED25519_PUB_LEN]) MUST_CHECK;
int ed25519_pub(const uint8_t seed[ED25519_SEED_LEN], uint8_t pub[ED25519_PUB_LEN]) MUST_CHECK;
int ed25519_sign(const uint8_t seed[ED25519_SEED_LEN], struct span msg, uint8_t sig[ED25519_SIG_LEN]) MUST_CHECK;
/* 0 or E_CRYPTO. */
int ed25519_verify(const uint8_t pub[ED25519_PUB_LEN], struct span msg, struct span sig) MUST_CHECK;

/* RSA public key from big-endian e and n (unsigned magnitudes); hash is 256 or 512; PKCS#1 v1.5. 0 or E_CRYPTO. */
int rsa_verify(struct span e, struct span n, int hash_bits, struct span msg, struct span sig) MUST_CHECK;
/* ECDSA over NIST P-256/384/521 (bits selects curve and SHA-256/384/512); q is the uncompressed point, r and s
 * big-endian magnitudes. 0 or E_CRYPTO. */
int ecdsa_verify(int bits, struct span q, struct span r, struct span s, struct span msg) MUST_CHECK;

/* Standard base64 with padding (RFC 4648 4). decode: strict, E_FORMAT on anything else. */
void base64_encode(struct span in, struct buf *out);
void base64_encode_nopad(struct span in, struct buf *out);
int base64_decode(struct span in, struct buf *out) MUST_CHECK;
/* Lower-case hex into out (2n+1 bytes). */
void hex_encode(struct span in, char *out);
int hex_decode(const char *in, uint8_t *out, size_t n) MUST_CHECK;
/* n random characters of Crockford base32 (lower case, 5 bits each) and a NUL into out[n+1]: ids. */
void random_id(char *out, size_t n);

#endif
