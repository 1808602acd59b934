/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH public keys: blob ⇄ struct, SHA-256 fingerprint, facts about strength, signature check, and
 * the text line "ssh-ed25519 AAAA... comment" (also for certificates, whose line has the same
 * shape). Private keys are sshkey's matter. RFC 4253 6.6, RFC 5656, RFC 8332, RFC 8709, OpenSSH
 * PROTOCOL.u2f.
 */
#ifndef SP_WIRE_SSHPK_H
#define SP_WIRE_SSHPK_H

#include "base/buf.h"
#include "base/cur.h"

#define SSHPK_BLOB_MAX     (16 * 1024) /* any public key or certificate blob */
#define SSHPK_LINE_MAX     (24 * 1024)
#define SSHPK_FP_CAP       52 /* "SHA256:" + 43 base64 characters + NUL, rounded up */
#define SSHPK_RSA_MIN_BITS 2048
#define SSHPK_RSA_MAX_BITS 16384

enum sshpk_alg { SSHPK_ED25519, SSHPK_ECDSA, SSHPK_RSA, SSHPK_SK_ED25519, SSHPK_SK_ECDSA };

struct sshpk_kind {
	const char *name;      /* "ssh-ed25519" */
	const char *cert_name; /* "ssh-ed25519-cert-v01@openssh.com" */
	enum sshpk_alg alg;
	const char *curve; /* "nistp256"; NULL where there is none */
	int bits;          /* of the field or curve; 0 for RSA */
};

/* The kind with this plain or certificate type name, NULL when unknown; *is_cert tells which name
 * it was. */
const struct sshpk_kind *sshpk_kind_find(struct span type_name, bool *is_cert);

/* A parsed key; spans borrow from the blob. */
struct sshpk {
	const struct sshpk_kind *kind;
	int bits;         /* RSA: of the modulus */
	struct span e, n; /* RSA, magnitudes */
	struct span q;    /* Ed25519 key or uncompressed EC point */
	struct span app;  /* FIDO application */
};

/* The fields behind the type name, which plain keys and certificates share. Errors go to the
 * cursor. */
void sshpk_get_fields(struct cur *c, const struct sshpk_kind *kind, struct sshpk *out);
void sshpk_put_fields(struct buf *b, const struct sshpk *k);

/* Parse a plain public-key blob, whole. E_UNKNOWN for other types (certificates too), E_FORMAT and
 * kin. */
int sshpk_parse(struct span blob, struct sshpk *out, struct why *w) MUST_CHECK;
/* The plain blob of a key (of a certificate, too). */
void sshpk_put_blob(struct buf *b, const struct sshpk *k);
/* "SHA256:<base64 without padding>" of a blob, as ssh-keygen -l prints it. */
void sshpk_fingerprint(struct span blob, char out[SSHPK_FP_CAP]);
/* The same for a parsed key. 0 or the error of building its blob. */
int sshpk_key_fingerprint(const struct sshpk *k, char out[SSHPK_FP_CAP]) MUST_CHECK;
/* 0, or E_DENIED with why when the key is too weak to be believed (RSA under SSHPK_RSA_MIN_BITS).
 */
int sshpk_check_strength(const struct sshpk *k, struct why *w) MUST_CHECK;

/* Verify an SSH signature blob (string algorithm, string signature) over msg. The algorithm must
 * belong to the key's type; SHA-1 ("ssh-rsa") and FIDO signatures are refused. 0, E_DENIED,
 * E_FORMAT or E_CRYPTO with why. */
int sshpk_verify(
    const struct sshpk *k, struct span msg, struct span sig_blob, struct why *w) MUST_CHECK;
/* The signature blob of an Ed25519 signature. */
void sshpk_put_ed25519_sig(struct buf *b, const uint8_t sig[64]);
/* The public-key blob of an Ed25519 key. */
void sshpk_put_ed25519_blob(struct buf *b, const uint8_t pub[32]);

/* Parse one line "TYPE BASE64 [comment]" into blob (cleared first; its max applies). TYPE must be
 * known (plain or certificate) and equal the type inside; options in front are refused. comment
 * (may be NULL) borrows from line. The blob's fields are not checked here: sshpk_parse() or
 * sshcert_parse() is next. */
int sshpk_line_parse(
    struct span line, struct buf *blob, struct span *comment, struct why *w) MUST_CHECK;
/* Append "TYPE BASE64 comment\n"; control bytes of the comment become '?'. E_FORMAT when blob has
 * no type name. */
int sshpk_line_put(struct buf *out, struct span blob, const char *comment) MUST_CHECK;

#endif
