/* SPDX-License-Identifier: Apache-2.0
 *
 * The proof log of one gateway on disk: LOG/entries (append-only; each entry u16be length and the
 * leaf's bytes) and LOG/checkpoint (a signed note over a prefix of it). The monitor is its only
 * writer. Leaves are built and read by wire/recframe.h; format: doc/formats/log.md. No key here:
 * signatures come from a callback or from outside.
 */
#ifndef SP_RECORD_LEDGER_H
#define SP_RECORD_LEDGER_H

#include "record/checkpoint.h"
#include "record/merkle.h"
#include "wire/recframe.h"

struct ledger;

/* Called for each entry while the log is read (leaf borrowed; tree includes it). Non-zero stops and
 * is returned. */
typedef int ledger_fn(void *ctx, uint64_t index, struct span leaf, const struct merkle_tree *tree);

/* Open (create when absent) and lock the log in directory path for writing. Every entry is read,
 * hashed and handed to visit (may be NULL): the monitor finds sessions without an end leaf there.
 * The last checkpoint must be a prefix of the entries and, with pub, carry its signature. An entry
 * cut by a crash is removed. E_TAMPER when entries are fewer or others than the checkpoint says: do
 * not go on; E_STATE when another process has it. */
int ledger_open(const char *path, const char *origin, const uint8_t *pub, ledger_fn *visit,
    void *ctx, struct ledger **out, struct why *w) MUST_CHECK;
void ledger_close(struct ledger *l); /* NULL is fine */

/* One write(2); sync: also fdatasync. *index may be NULL. An error is final (E_STATE afterwards)
 * unless the file could be brought back to its last whole entry (a full disk that may become free
 * again). */
int ledger_append(
    struct ledger *l, const struct rec_leaf *leaf, bool sync, uint64_t *index) MUST_CHECK;
int ledger_sync(struct ledger *l) MUST_CHECK;
uint64_t ledger_size(const struct ledger *l);
void ledger_root(const struct ledger *l, struct merkle_hash *out);
uint64_t ledger_last_counter(
    const struct ledger *l); /* highest session counter seen in start and gap leaves */
uint64_t ledger_signed_size(const struct ledger *l); /* size of the checkpoint on disk */

/* The body to sign for the present size. Syncs the entries first: what is signed must survive a
 * power cut, or the next start looks like tampering. */
int ledger_checkpoint_body(struct ledger *l, struct buf *body) MUST_CHECK;
/* Put the note of an earlier body in place (atomically). E_STATE when it is older than the one on
 * disk. */
int ledger_checkpoint_put(struct ledger *l, struct span body, const uint8_t pub[ED25519_PUB_LEN],
    const uint8_t sig[ED25519_SIG_LEN]) MUST_CHECK;
/* Both in one go with a synchronous signer. */
typedef int ledger_sign_fn(
    void *ctx, struct span body, uint64_t size, uint8_t sig[ED25519_SIG_LEN]);
int ledger_checkpoint(struct ledger *l, const uint8_t pub[ED25519_PUB_LEN], ledger_sign_fn *sign,
    void *ctx) MUST_CHECK;

/* ---- reading without a lock (verifier, prover) ---- */

struct ledger_scan {
	struct merkle_tree tree;
	uint64_t bytes; /* of whole entries */
	uint64_t torn;  /* bytes behind them */
	bool cut;       /* they are the beginning of an entry */
	bool zeros;     /* they are all zero: left by a power cut */
};
/* Read entries from fd. Stops at an entry that is cut or has length 0; the rest is counted in torn.
 */
int ledger_scan(int fd, ledger_fn *fn, void *ctx, struct ledger_scan *out) MUST_CHECK;
/* Proofs from LOG/entries (one sequential read each). */
int ledger_prove_inclusion(
    int fd, uint64_t index, uint64_t size, struct merkle_proof *out) MUST_CHECK;
int ledger_prove_consistency(
    int fd, uint64_t old_size, uint64_t size, struct merkle_proof *out) MUST_CHECK;

#endif
