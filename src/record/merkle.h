/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 6962 Merkle tree hashing over SHA-256: an incremental root, inclusion and consistency proofs
 * and their verification. Hashes only: no files, no signatures (record/ledger.h,
 * record/checkpoint.h).
 */
#ifndef SP_RECORD_MERKLE_H
#define SP_RECORD_MERKLE_H

#include "base/crypto.h"
#include "base/err.h"
#include "base/span.h"

#define MERKLE_PROOF_MAX 128 /* hashes; a consistency proof over 2^63 leaves has at most 64 + 1 */

struct merkle_hash {
	uint8_t b[SHA256_LEN];
};

/* SHA-256(0x00 || leaf) and SHA-256(0x01 || left || right). */
void merkle_leaf(struct span leaf, struct merkle_hash *out);
void merkle_node(
    const struct merkle_hash *left, const struct merkle_hash *right, struct merkle_hash *out);

/* The growing tree: the roots of the complete subtrees, largest first. */
struct merkle_tree {
	uint64_t size;
	int depth;
	struct merkle_hash stack[64];
};
void merkle_init(struct merkle_tree *t);
void merkle_add(struct merkle_tree *t, const struct merkle_hash *leaf);
/* SHA-256("") for the empty tree. */
void merkle_root(const struct merkle_tree *t, struct merkle_hash *out);

struct merkle_proof {
	size_t n;
	struct merkle_hash h[MERKLE_PROOF_MAX];
};

/* Hash of leaf number i (< size); a non-zero return stops the builder and is returned. */
typedef int merkle_leaf_fn(void *ctx, uint64_t i, struct merkle_hash *out);
/* Proof for leaf index in the tree of size leaves; that old_size leaves are a prefix of size.
 * E_NOTFOUND when out of range. Each leaf is asked for once, in order. */
int merkle_prove_inclusion(uint64_t index, uint64_t size, merkle_leaf_fn *fn, void *ctx,
    struct merkle_proof *out) MUST_CHECK;
int merkle_prove_consistency(uint64_t old_size, uint64_t size, merkle_leaf_fn *fn, void *ctx,
    struct merkle_proof *out) MUST_CHECK;

/* 0 or E_TAMPER (RFC 9162 2.1.3.2 and 2.1.4.2). */
int merkle_check_inclusion(uint64_t index, uint64_t size, const struct merkle_hash *leaf,
    const struct merkle_hash *root, const struct merkle_proof *p) MUST_CHECK;
int merkle_check_consistency(uint64_t old_size, const struct merkle_hash *old_root, uint64_t size,
    const struct merkle_hash *root, const struct merkle_proof *p) MUST_CHECK;

#endif
