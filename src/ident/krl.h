/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes an OpenSSH key revocation list (PROTOCOL.krl, format 1), for hosts that trust the same
 * authorities: RevokedKeys of sshd_config, ssh-keygen -Q. Certificates are named by serial and by
 * key id, keys and authorities by their SHA-256.
 */
#ifndef SP_IDENT_KRL_H
#define SP_IDENT_KRL_H

#include "base/buf.h"

struct krl;

struct krl *krl_new(void);
void krl_free(struct krl *k);

/* In any order and as often as one likes. Serial 0 is ignored: it would name every certificate
 * without a number. */
void krl_serial(struct krl *k, uint64_t serial);
void krl_key_id(struct krl *k, const char *key_id);
/* "SHA256:..." of a plain key or of an authority's key; E_FORMAT. */
int krl_fingerprint(struct krl *k, const char *fp) MUST_CHECK;
/* An authority (plain public-key blob) whose certificates the serials and key ids are of. Without
 * any: whoever signed. */
void krl_authority(struct krl *k, struct span blob);

/* number: must grow from list to list. The list replaces what out holds; its maximum bounds it. */
int krl_write(struct krl *k, uint64_t number, int64_t now_s, const char *comment, struct buf *out)
    MUST_CHECK;

#endif
