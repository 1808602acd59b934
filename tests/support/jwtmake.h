/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: keys and tokens, also wrong ones, signed with OpenSSL over any text.
 */
#ifndef SP_TESTS_JWTMAKE_H
#define SP_TESTS_JWTMAKE_H

#include "base/buf.h"

struct signer; /* a key pair */

/* "RSA-2048" (any size), "P-256", "P-384", "P-521", "secp256k1". */
struct signer *signer_new(const char *kind);
void signer_free(struct signer *s);
/* Its public key as a JWK; more: further members with a comma before them, or "". */
void signer_jwk(const struct signer *s, const char *more, struct buf *out);
/* The public key in PEM: what a confused verifier would take for a shared secret. */
void signer_pem(const struct signer *s, struct buf *out);
/* Append the signature (raw bytes) over text in the way of alg. */
void signer_sign(const struct signer *s, const char *alg, struct span text, struct buf *out);
/* A token: header and payload are encoded as they are, the signature is made in the way of alg; out
 * is reset. */
void signer_token(const struct signer *s, const char *alg, const char *header, const char *payload,
    struct buf *out);

#endif
