/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a token is about: one function that verifies an identity provider's token completely
 * (signature by ident/jws, then every claim) and gives what a certificate needs. OpenID Connect
 * Core 3.1.3.7, RFC 7519, RFC 8725. No clock, no network: the caller brings time and keys. Each
 * refusal is a sentence for a person.
 */
#ifndef SP_IDENT_JWT_H
#define SP_IDENT_JWT_H

#include "ident/jws.h"

#define JWT_SKEW_S     60  /* clocks of two hosts may differ by this */
#define JWT_SUB_MAX    255 /* bytes */
#define JWT_GROUPS_MAX 512

/* What must hold. Strings are borrowed; NULL or "" = not asked for, unless said otherwise. */
struct jwt_rules {
	const char *issuer;    /* required: iss, byte by byte */
	const char *audience;  /* required: aud is this or contains it */
	const char *client_id; /* what azp must be when it is present or when aud has several
				* values; without a client (workloads) azp means nothing and several
				* audiences are refused */
	const char *nonce;     /* browser flow */
	char *const *algs;     /* NULL = RS256, PS256, ES256 */
	size_t n_algs;
	char *const *claims; /* "/POINTER=VALUE": all must hold; strings, integers, booleans */
	size_t n_claims;
	/* JSON pointers. User and person that are asked for must be there and possible as a
	 * principal; groups may be absent, which means none. */
	const char *user_claim, *groups_claim, *person_claim;
	int64_t now_s;     /* required */
	int64_t max_age_s; /* since iat; 0 = exp alone decides */
};

struct jwt {
	char *iss, *sub;
	char *jti;           /* NULL when the token has none */
	char *user, *person; /* NULL when not asked for */
	char **groups; /* each may stand in a certificate's list (sshcert_name_ok), none twice */
	size_t n_groups;
	int64_t exp_s, iat_s;
	uint8_t hash[32]; /* what makes the token usable once: doc/formats/ipc.md `token` */
};

/* Verify everything. 0 and *out (give it to jwt_clear), or an error with why and *out zeroed;
 * E_NOTFOUND means one thing only: the key set lacks the key, fetch a newer one. */
int jwt_verify(struct span token, const struct jwks *keys, const struct jwt_rules *r,
    struct jwt *out, struct why *w) MUST_CHECK;
void jwt_clear(struct jwt *t);

/* The issuer that a token claims, NOT verified: to choose whose keys to try. E_* with why when the
 * token is malformed or has none, or when it is longer than cap - 1. */
int jwt_claimed_issuer(struct span token, char *out, size_t cap, struct why *w) MUST_CHECK;

#endif
