/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed tokens in compact form (RFC 7515) against a set of keys (RFC 7517), the doorway to cjose.
 * The header never chooses the trust: the algorithm must be in the caller's list and fit the key,
 * and keys come from the set only (`jku`, `jwk`, `x5u`, `x5c` are not looked at). No claim is
 * judged here: ident/jwt does.
 */
#ifndef SP_IDENT_JWS_H
#define SP_IDENT_JWS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define JWS_TOKEN_MAX (16u * 1024)
#define JWKS_TEXT_MAX (256u * 1024)
#define JWKS_KEYS_MAX 64
#define JWS_RSA_MIN   2048 /* bits of the modulus */
#define JWS_RSA_MAX   8192

struct jwks; /* usable public keys */

/* Parse a key set. Keys that we cannot use (symmetric or of another type, private parameters, too
 * small, for encryption, malformed) are left out; none left, over JWKS_TEXT_MAX or JWKS_KEYS_MAX is
 * an error with why. */
int jwks_parse(struct span text, struct jwks **out, struct why *w) MUST_CHECK;
void jwks_free(struct jwks *k); /* NULL is fine */
size_t jwks_count(const struct jwks *k);

/* Is this an algorithm that we verify: RS, PS, ES with 256, 384, 512? */
bool jws_alg_known(const char *alg);

/* Verify the signature and append the payload to out (reset on failure). algs: what the caller
 * accepts; NULL = RS256, PS256, ES256. E_NOTFOUND: the set does not have the key that the token
 * names, or it names none and no key of the set verifies it; a newer set may; every other refusal is final. */
int jws_verify(struct span token, const struct jwks *keys, char *const *algs, size_t n_algs,
    struct buf *out, struct why *w) MUST_CHECK;

/* Split a token: strict base64url in three parts, payload decoded into out, nothing verified,
 * nothing to be believed. *input: the bytes that are signed. */
int jws_split(struct span token, struct span *input, struct buf *out, struct why *w) MUST_CHECK;

/* base64url without padding (RFC 4648 5, RFC 7515 2); decode is strict: no padding, no blanks, last
 * bits zero. */
void base64url_encode(struct span in, struct buf *out);
int base64url_decode(struct span in, struct buf *out) MUST_CHECK;

#endif
