/* SPDX-License-Identifier: Apache-2.0
 *
 * The signer's durable memory of the last checkpoint it signed: tree size and root, signed with the
 * log key. It is written before the signature is handed out, so that no restart, crash or restored
 * monitor state makes the signer sign a smaller or a different tree. Two slots, written in turn: a
 * torn write leaves the other one. Byte layout: doc/formats/signer-head.md.
 */
#ifndef SP_SERVER_SIGNHEAD_H
#define SP_SERVER_SIGNHEAD_H

#include "server/signkey.h"

struct signhead {
	int fd; /* locked; stays open so that it works after privileges are dropped */
	const struct signkey *key;
	const char *origin;
	uint64_t counter, size;
	uint8_t root[SHA256_LEN];
};

/* Open and lock the file (created empty when absent); E_STATE when another signer holds it. */
int signhead_lock(struct signhead *h, const char *path, struct why *w) MUST_CHECK;
/* Start over with an empty tree: only together with a new log key. key and origin are borrowed for
 * ever. */
int signhead_init(
    struct signhead *h, const struct signkey *key, const char *origin, struct why *w) MUST_CHECK;
/* Read what was signed last; E_TAMPER when there is no slot with a good signature. */
int signhead_load(
    struct signhead *h, const struct signkey *key, const char *origin, struct why *w) MUST_CHECK;
/* May a tree of this size and root be signed? Remembers it durably. E_DENIED with why, or a write
 * error. */
int signhead_advance(
    struct signhead *h, uint64_t size, const uint8_t root[SHA256_LEN], struct why *w) MUST_CHECK;
void signhead_close(struct signhead *h);

#endif
