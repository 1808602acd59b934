/* SPDX-License-Identifier: Apache-2.0
 *
 * Unencrypted Ed25519 private keys in the openssh-key-v1 text format (OpenSSH PROTOCOL.key), so
 * that ssh-keygen reads what we write and we read what it writes. Nothing else: no other key types,
 * no passphrases.
 */
#ifndef SP_WIRE_SSHKEY_H
#define SP_WIRE_SSHKEY_H

#include "base/buf.h"
#include "base/crypto.h"

#define SSHKEY_FILE_MAX (16 * 1024)

struct sshkey {
	uint8_t seed[ED25519_SEED_LEN]; /* wipe with sshkey_wipe() */
	uint8_t pub[ED25519_PUB_LEN];
};

/* Parse the text of a key file; the public half is checked against the seed. */
int sshkey_parse(struct span text, struct sshkey *out, struct why *w) MUST_CHECK;
/* Append the text of a key file; out should be wiped by the caller (buf_wipe). */
int sshkey_put(struct buf *out, const struct sshkey *k, const char *comment) MUST_CHECK;
int sshkey_generate(struct sshkey *out) MUST_CHECK;
void sshkey_wipe(struct sshkey *k);

#endif
