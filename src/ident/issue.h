/* SPDX-License-Identifier: Apache-2.0
 *
 * Build the body of a user certificate from who the user is and what policy says, and join it with
 * the CA's signature. The signature itself is made elsewhere (server/signer), which checks the body
 * again. Form: wire/sshcert.h; our options: doc/formats/certificate.md.
 */
#ifndef SP_IDENT_ISSUE_H
#define SP_IDENT_ISSUE_H

#include "wire/sshcert.h"

#define ISSUE_BACKDATE_S 60 /* valid_after = now - this: clocks of other hosts may be behind */
#define ISSUE_KEY_ID_MAX 512
#define ISSUE_TEXT_MAX   512

/* Strings are borrowed; NULL or "" means absent. */
struct issue_request {
	struct span user_key;    /* plain public-key blob, possession proven by the caller */
	struct span ca;          /* the CA's plain public-key blob */
	uint64_t serial;         /* unique for ever, not 0 */
	char *const *principals; /* at least one; the first is the user */
	size_t n_principals;
	int64_t now_s, ttl_s;
	const char *gateway; /* required: only this gateway will accept the certificate */

	const char *source_address; /* CIDR list; NULL = from anywhere */
	const char *targets;        /* comma list */
	const char *max_risk;       /* class name */
	const char *on_behalf_of;

	bool forward, pty;
	char *const *groups;
	size_t n_groups;
	const char *issuer, *login_id, *person;
	const char *kind;        /* "person", "service" or "agent" (needs on_behalf_of, and targets or max_risk) */
	uint64_t parent;         /* serial of the certificate it was delegated from; 0 = none */
};

/* Append the to-be-signed body. Errors (E_DENIED, E_FORMAT, E_TOOBIG) with why; body is reset then.
 * The key id is "user=FIRST-PRINCIPAL login=LOGIN-ID". */
int issue_body(const struct issue_request *r, struct buf *body, struct why *w) MUST_CHECK;
/* May this key be an authority? Ed25519, ECDSA, RSA of at least SSHPK_RSA_MIN_BITS. */
int issue_ca_ok(const struct sshpk *ca, struct why *w) MUST_CHECK;
/* Append the certificate made of body and the CA's signature blob. The signature is verified
 * against the CA key inside the body first, so that a broken signer cannot hand out waste. */
int issue_finish(
    struct span body, struct span sig_blob, struct buf *cert, struct why *w) MUST_CHECK;

#endif
