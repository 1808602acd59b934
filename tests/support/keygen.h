/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: a temporary directory, ssh-keygen as the independent oracle, and certificates written
 * field by field (also wrong ones) and signed with an Ed25519 key of the test's own.
 */
#ifndef SP_TESTS_KEYGEN_H
#define SP_TESTS_KEYGEN_H

#include "base/buf.h"
#include "wire/sshcert.h"
#include "wire/sshkey.h"

/* A fresh directory, removed with everything in it by tmp_remove(). */
void tmp_make(char dir[64]);
void tmp_remove(const char *dir);
/* "DIR/NAME" in a small ring of static buffers. */
const char *tmp_path(const char *dir, const char *name);

/* Run argv[0] (searched in PATH) with stdin from /dev/null; stdout and stderr together into out
 * (NUL-terminated). Returns the exit status, -1 when it was killed. */
int run_cmd(const char *const argv[], char *out, size_t cap);
/* Whole file into b (reset first); aborts when it cannot be read. */
void slurp(const char *path, struct buf *b);
void spill(const char *path, struct span s);

/* ssh-keygen -t TYPE -b BITS (0 = default) without passphrase: DIR/NAME and DIR/NAME.pub. */
void keygen(const char *dir, const char *name, const char *type, int bits);
/* The blob of the first line of a .pub file. */
void pub_blob(const char *path, struct buf *blob);
/* ssh-keygen -s DIR/CA -I ID -n PRINCIPALS ... DIR/USER.pub, with up to 30 further arguments; blob
 * of the result. */
void keygen_sign(const char *dir, const char *ca, const char *user, const char *principals,
    const char *const *more, struct buf *blob);

/* A certificate in the making. mint_init() gives a good one for "alice" at the gateway "gw-test",
 * valid from 1000 to 5000; tests change fields, then mint_sign(). */
struct mint {
	struct sshcert c;
	struct sshkey ca, user;
	struct buf ca_blob, principals, critical, extensions;
	uint8_t nonce[32];
};
void mint_init(struct mint *m);
void mint_clear(struct mint *m);
void mint_principals(struct mint *m, size_t n, const char *const *names);
void mint_sign(struct mint *m, struct buf *cert);

#endif
