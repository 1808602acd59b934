/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints of a proof log: C2SP tlog-checkpoint bodies in C2SP signed notes with one Ed25519
 * signature (type 0x01). Text ⇄ struct and signature checks; where notes are kept is
 * record/ledger.h.
 */
#ifndef SP_RECORD_CHECKPOINT_H
#define SP_RECORD_CHECKPOINT_H

#include "record/merkle.h"

#define CHECKPOINT_MAX      (16u * 1024)
#define CHECKPOINT_NAME_MAX 128

struct checkpoint {
	char origin[CHECKPOINT_NAME_MAX]; /* the gateway's name, which is also the key name */
	uint64_t size;
	struct merkle_hash root;
};

/* The three lines that get signed. */
void checkpoint_put_body(struct buf *b, const struct checkpoint *c);
int checkpoint_parse_body(struct span body, struct checkpoint *c) MUST_CHECK;
/* body, blank line, signature line of the origin's key. */
int checkpoint_put_note(struct buf *b, struct span body, const uint8_t pub[ED25519_PUB_LEN],
    const uint8_t sig[ED25519_SIG_LEN]) MUST_CHECK;
/* Read a note without trusting it. */
int checkpoint_parse(struct span note, struct checkpoint *c) MUST_CHECK;
/* Read a note and require a valid signature of its origin's key with this public key. E_FORMAT,
 * E_CRYPTO. */
int checkpoint_open(
    struct span note, const uint8_t pub[ED25519_PUB_LEN], struct checkpoint *c) MUST_CHECK;

/* Is this usable as a key name (not empty, printable, no space, no plus)? */
bool checkpoint_name_ok(struct span s);
/* Verifier keys as text: name+keyid(hex)+base64(0x01 pub). */
void checkpoint_put_key(struct buf *b, const char *name, const uint8_t pub[ED25519_PUB_LEN]);
int checkpoint_parse_key(
    struct span text, char name[CHECKPOINT_NAME_MAX], uint8_t pub[ED25519_PUB_LEN]) MUST_CHECK;

#endif
