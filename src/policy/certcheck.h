/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this certificate good, now, here, for this user name, from this address? Pure: no clock, no
 * files, no log. libssh only proves that the client holds the certified key; everything else about
 * a certificate is decided in this module. OpenSSH PROTOCOL.certkeys, draft-ietf-sshm-cert; our
 * options: doc/formats/certificate.md.
 */
#ifndef SP_POLICY_CERTCHECK_H
#define SP_POLICY_CERTCHECK_H

#include "base/words.h"
#include "wire/sshcert.h"

struct certcheck_ca {
	struct span blob;     /* plain public-key blob */
	bool require_gateway; /* our own authority: certificates must name this gateway. false: an
				 outside one */
};

/* 0 = in good standing, 1 = revoked, 2 = its user (or who is behind it) is locked, negative = cannot
 * tell (counts as revoked). Called once per principal of the certificate, so that revoking a user
 * also ends certificates that carry another name first. */
enum certcheck_standing { CERTCHECK_GOOD = 0, CERTCHECK_REVOKED = 1, CERTCHECK_LOCKED = 2 };
struct certcheck_revocable {
	uint64_t serial;
	const char *user, *key_id, *key_fp, *ca_fp; /* key_id: "" when it is no plain text */
	const char *on_behalf_of;                   /* "" = nobody */
	uint64_t parent; /* serial of the certificate it was delegated from; 0 = none */
};
typedef int certcheck_revoked_fn(void *ctx, const struct certcheck_revocable *x);

struct certcheck_input {
	struct span cert;
	const char *user;    /* requested login name */
	const char *peer;    /* numeric address of the client */
	const char *gateway; /* our name */
	int64_t now_s;
	const struct certcheck_ca *cas;
	size_t n_cas;
	certcheck_revoked_fn *revoked; /* required */
	void *revoked_ctx;
};

struct cert_list {
	size_t n;
	const char *v[SSHCERT_LIST_MAX];
};

/* What a good certificate says. Strings live in mem until cert_identity_clear(); absent ones are
 * "". */
struct cert_identity {
	const char *user; /* the matched principal */
	uint64_t serial;
	const char *key_id;
	char key_fp[SSHPK_FP_CAP]; /* of the certified key */
	char ca_fp[SSHPK_FP_CAP];
	int64_t valid_after_s, valid_before_s; /* INT64_MAX = for ever */
	bool outside;                          /* signed by an authority without require_gateway */
	bool forward, pty;
	struct cert_list groups;
	const char *gateway, *issuer, *login_id, *person, *source_address;
	/* restrictions */
	bool has_targets, has_max_risk;
	struct cert_list targets;
	enum sql_class max_risk; /* SQL_ESCAPE = no cap */
	const char *on_behalf_of;
	bool has_kind;       /* absent: what the gateway's configuration says of the user */
	enum ident_kind kind;
	uint64_t parent;     /* serial of the certificate it was delegated from; 0 = none */
	char *mem; /* private */
	size_t mem_used;
};

void cert_identity_clear(struct cert_identity *id);

/* 0 and *out filled (clear it), or a negative code with one sentence that names the check that
 * failed, and *out empty. E_EXPIRED: outside its validity; E_DENIED: not believed; E_CRYPTO:
 * signature; others: malformed. */
int certcheck_verify(
    const struct certcheck_input *in, struct cert_identity *out, struct why *w) MUST_CHECK;

/* The part that needs no signature, peer or clock: type, key strength, principals, validity order,
 * options known and well-formed, gateway. The signer asks it about bodies before it signs.
 * only_known: unknown extensions are refused, too. *out is filled (clear it) without user,
 * fingerprints and ca. */
int certcheck_body(const struct sshcert *c, const char *gateway, bool require_gateway,
    bool only_known, struct cert_identity *out, struct why *w) MUST_CHECK;

#endif
