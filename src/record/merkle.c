/* SPDX-License-Identifier: Apache-2.0
 *
 * Merkle tree arithmetic: RFC 6962 section 2.1 (hashing and proofs), RFC 9162 section 2.1
 * (verification).
 */
#include "record/merkle.h"

void merkle_leaf(struct span leaf, struct merkle_hash *out)
{
	static const uint8_t prefix = 0x00;
	struct sha256_ctx *c = sha256_new();

	sha256_add(c, span_of(&prefix, 1));
	sha256_add(c, leaf);
	sha256_end(c, out->b);
	sha256_free(c);
}

void merkle_node(
    const struct merkle_hash *left, const struct merkle_hash *right, struct merkle_hash *out)
{
	uint8_t in[1 + 2 * SHA256_LEN] = {0x01};

	memcpy(in + 1, left->b, SHA256_LEN);
	memcpy(in + 1 + SHA256_LEN, right->b, SHA256_LEN);
	sha256(span_of(in, sizeof(in)), out->b);
}

void merkle_init(struct merkle_tree *t)
{
	*t = (struct merkle_tree){0};
}

void merkle_add(struct merkle_tree *t, const struct merkle_hash *leaf)
{
	struct merkle_hash h = *leaf;

	/* Each trailing 1 bit of the size is a complete subtree that this leaf completes into a
	 * larger one. */
	for (uint64_t s = t->size; (s & 1) != 0; s >>= 1)
		merkle_node(&t->stack[--t->depth], &h, &h);
	t->stack[t->depth++] = h;
	t->size++;
}

void merkle_root(const struct merkle_tree *t, struct merkle_hash *out)
{
	if (t->depth == 0) {
		sha256(span_of("", 0), out->b);
		return;
	}
	*out = t->stack[t->depth - 1];
	for (int i = t->depth - 2; i >= 0; i--)
		merkle_node(&t->stack[i], out, out);
}

/* Largest power of two smaller than n (n > 1). */
static uint64_t split(uint64_t n)
{
	uint64_t k = 1;

	while (k < n - k)
		k *= 2;
	return k;
}

struct source {
	merkle_leaf_fn *fn;
	void *ctx;
	struct merkle_proof *out;
};

/* MTH(D[lo:hi]) by the incremental tree: constant memory. */
static int range_root(const struct source *s, uint64_t lo, uint64_t hi, struct merkle_hash *out)
{
	struct merkle_tree t;
	struct merkle_hash h;

	merkle_init(&t);
	for (uint64_t i = lo; i < hi; i++) {
		int rc = s->fn(s->ctx, i, &h);

		if (rc != 0)
			return rc;
		merkle_add(&t, &h);
	}
	merkle_root(&t, out);
	return 0;
}

static int emit(const struct source *s, uint64_t lo, uint64_t hi, size_t at)
{
	return range_root(s, lo, hi, &s->out->h[at]);
}

/* One step of a proof's path: a range and whether its sibling comes before the inner part. */
struct level {
	uint64_t lo, hi; /* the sibling's leaves */
};

/* The siblings on the way down to the node that holds [0|index]; deepest last. */
static size_t path_levels(uint64_t index, uint64_t size, struct level *lv)
{
	uint64_t lo = 0;
	uint64_t n = size;
	size_t k = 0;

	while (n > 1) {
		uint64_t half = split(n);

		if (index - lo < half) {
			lv[k++] = (struct level){lo + half, lo + n};
			n = half;
		} else {
			lv[k++] = (struct level){lo, lo + half};
			lo += half;
			n -= half;
		}
	}
	return k;
}

/* Proofs list the deepest sibling first; leaves are asked for in rising order, so that a file is
 * read once. */
static int emit_levels(const struct source *s, const struct level *lv, size_t k, size_t base)
{
	size_t left = k;
	uint64_t from = 0;

	s->out->n = base + k;
	while (left > 0) {
		size_t best = k;
		int rc;

		for (size_t i = 0; i < k; i++)
			if (lv[i].lo >= from && (best == k || lv[i].lo < lv[best].lo))
				best = i;
		rc = emit(s, lv[best].lo, lv[best].hi, base + (k - 1 - best));
		if (rc != 0)
			return rc;
		from = lv[best].hi;
		left--;
	}
	return 0;
}

int merkle_prove_inclusion(
    uint64_t index, uint64_t size, merkle_leaf_fn *fn, void *ctx, struct merkle_proof *out)
{
	struct source s = {fn, ctx, out};
	struct level lv[64];

	out->n = 0;
	if (index >= size || size > INT64_MAX)
		return E_NOTFOUND;
	return emit_levels(&s, lv, path_levels(index, size, lv), 0);
}

/* SUBPROOF (RFC 6962 2.1.2), from the top: the last range is the old tree's right-most complete
 * subtree; it is part of the proof unless it is the whole old tree. */
static size_t consistency_levels(uint64_t old_size, uint64_t size, struct level *lv)
{
	uint64_t lo = 0;
	uint64_t n = size;
	uint64_t m = old_size;
	size_t k = 0;

	while (m != n) {
		uint64_t half = split(n);

		if (m <= half) {
			lv[k++] = (struct level){lo + half, lo + n};
			n = half;
		} else {
			lv[k++] = (struct level){lo, lo + half};
			lo += half;
			n -= half;
			m -= half;
		}
	}
	if (lo > 0)
		lv[k++] = (struct level){lo, lo + n};
	return k;
}

int merkle_prove_consistency(
    uint64_t old_size, uint64_t size, merkle_leaf_fn *fn, void *ctx, struct merkle_proof *out)
{
	struct source s = {fn, ctx, out};
	struct level lv[66];

	out->n = 0;
	if (old_size > size || size > INT64_MAX)
		return E_NOTFOUND;
	if (old_size == 0 || old_size == size)
		return 0;
	return emit_levels(&s, lv, consistency_levels(old_size, size, lv), 0);
}

static bool hash_eq(const struct merkle_hash *a, const struct merkle_hash *b)
{
	return memcmp(a->b, b->b, SHA256_LEN) == 0;
}

int merkle_check_inclusion(uint64_t index, uint64_t size, const struct merkle_hash *leaf,
    const struct merkle_hash *root, const struct merkle_proof *p)
{
	uint64_t fn = index;
	uint64_t sn = size - 1;
	struct merkle_hash r = *leaf;

	if (index >= size)
		return E_TAMPER;
	for (size_t i = 0; i < p->n; i++) {
		if (sn == 0)
			return E_TAMPER;
		if ((fn & 1) != 0 || fn == sn) {
			merkle_node(&p->h[i], &r, &r);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			merkle_node(&r, &p->h[i], &r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && hash_eq(&r, root) ? 0 : E_TAMPER;
}

/* The two roots rebuilt side by side from the proof (RFC 9162 2.1.4.2). */
static int consistency_walk(uint64_t old_size, uint64_t size, struct merkle_hash *fr,
    struct merkle_hash *sr, const struct merkle_proof *p, size_t i)
{
	uint64_t fn = old_size - 1;
	uint64_t sn = size - 1;

	while ((fn & 1) != 0) {
		fn >>= 1;
		sn >>= 1;
	}
	for (; i < p->n; i++) {
		if (sn == 0)
			return E_TAMPER;
		if ((fn & 1) != 0 || fn == sn) {
			merkle_node(&p->h[i], fr, fr);
			merkle_node(&p->h[i], sr, sr);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			merkle_node(sr, &p->h[i], sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 ? 0 : E_TAMPER;
}

int merkle_check_consistency(uint64_t old_size, const struct merkle_hash *old_root, uint64_t size,
    const struct merkle_hash *root, const struct merkle_proof *p)
{
	bool power = old_size != 0 && (old_size & (old_size - 1)) == 0;
	struct merkle_hash fr;
	struct merkle_hash sr;

	if (old_size > size || p->n > MERKLE_PROOF_MAX)
		return E_TAMPER;
	if (old_size == 0 || old_size == size) /* nothing to prove; equal sizes have equal roots */
		return p->n == 0 && (old_size == 0 || hash_eq(old_root, root)) ? 0 : E_TAMPER;
	if (!power && p->n == 0)
		return E_TAMPER;
	fr = sr = power ? *old_root : p->h[0];
	if (consistency_walk(old_size, size, &fr, &sr, p, power ? 0 : 1) != 0)
		return E_TAMPER;
	return hash_eq(&fr, old_root) && hash_eq(&sr, root) ? 0 : E_TAMPER;
}
