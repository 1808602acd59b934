/* SPDX-License-Identifier: Apache-2.0
 *
 * The signer's Ed25519 keys on disk: load, or make on the first start. Files are openssh-key-v1
 * text, mode 0600, written whole or not at all, with the public half beside them in FILE.pub.
 * Signer process only.
 */
#ifndef SP_SERVER_SIGNKEY_H
#define SP_SERVER_SIGNKEY_H

#include "base/crypto.h"
#include "base/secret.h"

struct signkey {
	struct secret *seed;
	uint8_t pub[ED25519_PUB_LEN];
};

/* -ENOENT when there is no such file; other failures (mode, form, passphrase) with why. */
int signkey_load(const char *path, struct signkey *out, struct why *w) MUST_CHECK;
/* From an open file, which must be ours alone. An empty one is filled with a fresh key when create. */
int signkey_load_fd(int fd, bool create, struct signkey *out, struct why *w) MUST_CHECK;
/* A fresh key, in memory only. */
int signkey_generate(struct signkey *out, struct why *w) MUST_CHECK;
/* Write the key to path and path.pub; comment goes into both. */
int signkey_save(
    const char *path, const struct signkey *k, const char *comment, struct why *w) MUST_CHECK;
void signkey_clear(struct signkey *k);

int signkey_sign(const struct signkey *k, struct span msg, uint8_t sig[ED25519_SIG_LEN]) MUST_CHECK;

#endif
