/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSH certificates: blob ⇄ struct, for user and host certificates of every key type in sshpk.
 * Only form is judged here (lengths, order, uniqueness, nothing left over); whether to believe one
 * is policy/certcheck's matter. OpenSSH PROTOCOL.certkeys, draft-ietf-sshm-cert. Our own options:
 * doc/formats/certificate.md.
 */
#ifndef SP_WIRE_SSHCERT_H
#define SP_WIRE_SSHCERT_H

#include "wire/sshpk.h"

#define SSHCERT_MAX           SSHPK_BLOB_MAX
#define SSHCERT_LIST_MAX      256 /* principals; options; names in one list */
#define SSHCERT_PRINCIPAL_MAX 255 /* bytes */
#define SSHCERT_USER          1u
#define SSHCERT_HOST          2u

/* Names of options. Whatever restricts is critical, so that another verifier refuses instead of
 * ignoring it. */
#define SSHCERT_GATEWAY         "gateway@sallyport"
#define SSHCERT_MAX_RISK        "max-risk@sallyport"
#define SSHCERT_ON_BEHALF_OF    "on-behalf-of@sallyport"
#define SSHCERT_TARGETS         "targets@sallyport"
#define SSHCERT_SOURCE_ADDRESS  "source-address"
#define SSHCERT_FORCE_COMMAND   "force-command"
#define SSHCERT_VERIFY_REQUIRED "verify-required"
#define SSHCERT_GROUPS          "groups@sallyport"
#define SSHCERT_ISSUER          "issuer@sallyport"
#define SSHCERT_KIND            "kind@sallyport"
#define SSHCERT_LOGIN_ID        "login-id@sallyport"
#define SSHCERT_PARENT          "parent@sallyport"
#define SSHCERT_PERSON          "person@sallyport"
#define SSHCERT_FORWARD         "permit-port-forwarding"
#define SSHCERT_PTY             "permit-pty"

/* Principals that only agents have, and agents have no other. */
#define SSHCERT_AGENT_PREFIX "agent:"

/* Spans borrow from the blob. */
struct sshcert {
	struct sshpk key; /* the certified key */
	struct span nonce;
	uint64_t serial;
	uint32_t type; /* SSHCERT_USER, SSHCERT_HOST or anything else the wire said */
	struct span key_id;
	struct span principals; /* packed strings: sshcert_next_string() */
	uint64_t valid_after, valid_before;
	struct span critical, extensions; /* packed (name, data): sshcert_next_option() */
	struct span reserved;
	struct span ca;   /* signature key blob, as is */
	struct span body; /* everything the signature covers */
	struct span signature;
};

/* Parse a whole certificate. Refused with why: unknown type, cut or left-over bytes, malformed key,
 * options that are unsorted, repeated or over SSHCERT_LIST_MAX, non-empty reserved field. */
int sshcert_parse(struct span blob, struct sshcert *out, struct why *w) MUST_CHECK;
/* The same for a body that is not signed yet (signature stays empty). */
int sshcert_parse_body(struct span body, struct sshcert *out, struct why *w) MUST_CHECK;

/* Append the body (all fields but the signature) of c; c->body and c->signature are not looked at.
 */
void sshcert_put_body(struct buf *b, const struct sshcert *c);
/* Append a whole certificate: body, then sig_blob as a string. */
void sshcert_put(struct buf *b, struct span body, struct span sig_blob);

/* Walks over parsed lists: c = cur_of(cert.principals) and cur_of(cert.critical). False at the end.
 */
bool sshcert_next_string(struct cur *c, struct span *s);
bool sshcert_next_option(struct cur *c, struct span *name, struct span *data);
/* The string inside an option's data (string values are wrapped twice). E_FORMAT when it is not
 * exactly that. */
int sshcert_option_string(struct span data, struct span *value) MUST_CHECK;
/* Append an option: a flag (no data) or a string value. */
void sshcert_put_flag(struct buf *b, const char *name);
void sshcert_put_option(struct buf *b, const char *name, struct span value);

/* May this be a principal? Non-empty, at most SSHCERT_PRINCIPAL_MAX bytes of UTF-8 without comma,
 * blanks, control bytes, '*' or '?': nothing that another reader could split or expand. */
bool sshcert_principal_ok(struct span s);
/* May this be a name inside a comma list (group, target)? Like a principal, but inner spaces are
 * fine. */
bool sshcert_name_ok(struct span s);
/* "agent:" and something behind it. */
bool sshcert_is_agent_name(struct span s);
/* One line of text for a person: non-empty, at most max bytes of UTF-8 without control bytes. */
bool sshcert_text_ok(struct span s, size_t max);

#endif
