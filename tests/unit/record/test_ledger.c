/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "rig.h"

static struct rig g;

/* ---- the tree ---- */

/* The leaves of the reference trees that certificate transparency implementations are tested with.
 */
static const struct {
	const char *hex;
	const char *root; /* of the tree up to and with this leaf */
} ct[] = {
    {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"606162636465666768696a6b6c6d6e6f",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

static bool hash_is(const struct merkle_hash *h, const char *hex)
{
	char x[65];

	hex_encode(span_of(h->b, 32), x);
	return strcmp(x, hex) == 0;
}

Test(merkle, known_roots)
{
	struct merkle_tree t;
	struct merkle_hash h;

	merkle_init(&t);
	merkle_root(&t, &h);
	cr_expect(hash_is(&h, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
	for (size_t i = 0; i < sizeof(ct) / sizeof(ct[0]); i++) {
		uint8_t leaf[16];

		cr_assert(eq(int, hex_decode(ct[i].hex, leaf, strlen(ct[i].hex) / 2), 0));
		merkle_leaf(span_of(leaf, strlen(ct[i].hex) / 2), &h);
		merkle_add(&t, &h);
		merkle_root(&t, &h);
		cr_expect(hash_is(&h, ct[i].root), "tree of %zu", i + 1);
	}
}

static int number_leaf(void *ctx, uint64_t i, struct merkle_hash *out)
{
	uint64_t *last = ctx;

	if (last != NULL) {
		if (*last != UINT64_MAX && i <= *last)
			return E_INTERNAL; /* must rise: a file is read once */
		*last = i;
	}
	merkle_leaf(span_of(&i, sizeof(i)), out);
	return 0;
}

static void root_of(uint64_t n, struct merkle_hash *out)
{
	struct merkle_tree t;

	merkle_init(&t);
	for (uint64_t i = 0; i < n; i++) {
		struct merkle_hash h;

		number_leaf(NULL, i, &h);
		merkle_add(&t, &h);
	}
	merkle_root(&t, out);
}

Test(merkle, all_inclusion_proofs_up_to_40)
{
	for (uint64_t n = 1; n <= 40; n++) {
		struct merkle_hash root;

		root_of(n, &root);
		for (uint64_t i = 0; i < n; i++) {
			struct merkle_proof p;
			struct merkle_hash leaf;
			uint64_t last = UINT64_MAX;

			cr_assert(eq(int, merkle_prove_inclusion(i, n, number_leaf, &last, &p), 0));
			number_leaf(NULL, i, &leaf);
			cr_expect(eq(int, merkle_check_inclusion(i, n, &leaf, &root, &p), 0),
			    "%d of %d", (int)i, (int)n);
			cr_expect(eq(int, merkle_check_inclusion(i ^ 1, n, &leaf, &root, &p),
			    n == 1 ? E_TAMPER : E_TAMPER));
			leaf.b[0] ^= 1;
			cr_expect(
			    eq(int, merkle_check_inclusion(i, n, &leaf, &root, &p), E_TAMPER));
			leaf.b[0] ^= 1;
			for (size_t k = 0; k < p.n; k++) {
				p.h[k].b[5] ^= 1;
				cr_expect(eq(
				    int, merkle_check_inclusion(i, n, &leaf, &root, &p), E_TAMPER));
				p.h[k].b[5] ^= 1;
			}
			p.n++;
			cr_expect(
			    eq(int, merkle_check_inclusion(i, n, &leaf, &root, &p), E_TAMPER));
			if (p.n > 1) {
				p.n -= 2;
				cr_expect(eq(
				    int, merkle_check_inclusion(i, n, &leaf, &root, &p), E_TAMPER));
			}
		}
	}
	{
		struct merkle_proof p;

		cr_expect(eq(int, merkle_prove_inclusion(3, 3, number_leaf, NULL, &p), E_NOTFOUND));
	}
}

Test(merkle, all_consistency_proofs_up_to_40)
{
	for (uint64_t n = 0; n <= 40; n++) {
		struct merkle_hash root;

		root_of(n, &root);
		for (uint64_t m = 0; m <= n; m++) {
			struct merkle_proof p;
			struct merkle_hash old;
			uint64_t last = UINT64_MAX;

			root_of(m, &old);
			cr_assert(
			    eq(int, merkle_prove_consistency(m, n, number_leaf, &last, &p), 0));
			cr_expect(eq(int, merkle_check_consistency(m, &old, n, &root, &p), 0),
			    "%d in %d", (int)m, (int)n);
			if (m == 0)
				continue;
			old.b[0] ^= 1;
			cr_expect(
			    eq(int, merkle_check_consistency(m, &old, n, &root, &p), E_TAMPER));
			old.b[0] ^= 1;
			root.b[0] ^= 1;
			cr_expect(
			    eq(int, merkle_check_consistency(m, &old, n, &root, &p), E_TAMPER));
			root.b[0] ^= 1;
			for (size_t k = 0; k < p.n; k++) {
				p.h[k].b[31] ^= 0x80;
				cr_expect(eq(int, merkle_check_consistency(m, &old, n, &root, &p),
				    E_TAMPER));
				p.h[k].b[31] ^= 0x80;
			}
		}
	}
	{
		struct merkle_proof p = {0};
		struct merkle_hash h = {0};

		cr_expect(
		    eq(int, merkle_prove_consistency(4, 3, number_leaf, NULL, &p), E_NOTFOUND));
		cr_expect(eq(int, merkle_check_consistency(4, &h, 3, &h, &p), E_TAMPER));
	}
}

/* ---- checkpoints ---- */

/* The example key of golang.org/x/mod/sumdb/note, an independent implementation of signed notes. */
Test(checkpoint, verifier_key_of_another_implementation)
{
	char name[CHECKPOINT_NAME_MAX];
	uint8_t pub[32];
	struct buf b;
	const char *key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

	buf_init(&b, 1024);
	cr_assert(eq(int, checkpoint_parse_key(span_str(key), name, pub), 0));
	cr_expect(eq(str, name, "PeterNeumann"));
	checkpoint_put_key(&b, name, pub);
	cr_expect(eq(str, (char *)buf_cstr(&b), (char *)key));
	cr_expect(ne(int,
	    checkpoint_parse_key(
		span_str("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
		name, pub),
	    0));
	for (size_t n = 0; n < strlen(key); n++)
		cr_expect(ne(int, checkpoint_parse_key(span_of(key, n), name, pub), 0));
	buf_clear(&b);
}

static void note(struct buf *b, const struct checkpoint *c)
{
	struct buf body;
	uint8_t sig[64];

	buf_init(&body, 1024);
	checkpoint_put_body(&body, c);
	cr_assert(eq(int, ed25519_sign(g.seed, buf_span(&body), sig), 0));
	cr_assert(eq(int, checkpoint_put_note(b, buf_span(&body), g.pub, sig), 0));
	buf_clear(&body);
}

Test(checkpoint, round_trip_and_every_change)
{
	struct checkpoint c = {.origin = "gw.example.com", .size = 93005};
	struct checkpoint x;
	struct buf b;
	uint8_t copy[1024];

	rig_open(&g);
	buf_init(&b, 4096);
	root_of(5, &c.root);
	note(&b, &c);
	cr_assert(eq(int, checkpoint_open(buf_span(&b), g.pub, &x), 0));
	cr_expect(eq(int, memcmp(&c, &x, sizeof(c)), 0));
	cr_expect(eq(int, checkpoint_parse(buf_span(&b), &x), 0));
	for (size_t i = 0; i < buf_len(&b) * 8; i++) {
		memcpy(copy, buf_span(&b).p, buf_len(&b));
		copy[i / 8] ^= (uint8_t)(1u << (i % 8));
		cr_expect(ne(int, checkpoint_open(span_of(copy, buf_len(&b)), g.pub, &x), 0),
		    "bit %zu", i);
	}
	for (size_t n = 0; n < buf_len(&b); n++)
		cr_expect(ne(int, checkpoint_open(span_of(buf_span(&b).p, n), g.pub, &x), 0),
		    "cut at %zu", n);
	{
		struct buf two;
		struct span good = buf_span(&b);

		/* the right signature beside a wrong one of the same key: refused, not searched */
		buf_init(&two, 4096);
		memcpy(copy, good.p, good.n);
		copy[good.n - 20] = copy[good.n - 20] == 'A' ? 'B' : 'A';
		buf_put_span(&two, good);
		buf_put(&two, copy + good.n - 112, 112);
		cr_expect(eq(int, checkpoint_open(buf_span(&two), g.pub, &x), E_CRYPTO));
		buf_clear(&two);
	}
	/* a second, unknown signature is fine; the same key with a wrong signature is not */
	buf_put_str(&b, "\xe2\x80\x94 witness.example AAAAAAAAAAAA\n");
	cr_expect(eq(int, checkpoint_open(buf_span(&b), g.pub, &x), 0));
	g.pub[0] ^= 1;
	cr_expect(eq(int, checkpoint_open(buf_span(&b), g.pub, &x), E_CRYPTO));
	buf_clear(&b);
	rig_close(&g);
}

Test(checkpoint, malformed_bodies)
{
	static const char *const bad[] = {"", "gw\n", "gw\n1\n", "gw\n1\nAAAA\n",
	    "\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    "gw\n01\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    "gw\n-1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    "g w\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    "g+w\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    "gw\n99999999999999999999\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    "gw\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
	    "gw\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	    "gw\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"};
	struct checkpoint c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(ne(int, checkpoint_parse_body(span_str(bad[i]), &c), 0), "case %zu", i);
	cr_expect(eq(int,
	    checkpoint_parse_body(
		span_str("gw\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nextension\n"), &c),
	    0));
}

/* ---- the log on disk ---- */

static void leaves(int n)
{
	struct rec_leaf l = {.type = LEAF_POLICY, .who = "test"};

	for (int i = 0; i < n; i++) {
		l.seq++;
		rig_leaf(&g, &l);
	}
}

static int try_open(struct why *w)
{
	struct ledger *l = NULL;
	int rc = ledger_open(g.log, "gw.example.com", g.pub, NULL, NULL, &l, w);

	ledger_close(l);
	return rc;
}

Test(ledger, reopened_log_is_the_same)
{
	struct merkle_hash a;
	struct merkle_hash b;
	struct why w;

	rig_open(&g);
	leaves(100);
	ledger_root(g.ledger, &a);
	cr_expect(eq(int, try_open(&w), E_STATE)); /* one writer */
	rig_reopen(&g);
	ledger_root(g.ledger, &b);
	cr_expect(eq(u64, ledger_size(g.ledger), 100));
	cr_expect(eq(int, memcmp(&a, &b, sizeof(a)), 0));
	cr_expect(eq(u64, ledger_signed_size(g.ledger), 0));
	rig_checkpoint(&g);
	rig_reopen(&g);
	cr_expect(eq(u64, ledger_signed_size(g.ledger), 100));
	rig_close(&g);
}

Test(ledger, torn_tail_goes_and_signed_entries_must_be_there)
{
	uint8_t bytes[8192];
	size_t n;
	size_t signed_bytes;
	struct why w;

	rig_open(&g);
	leaves(5);
	rig_checkpoint(&g);
	signed_bytes = rig_read(g.log, "entries", bytes, sizeof(bytes));
	leaves(2);
	n = rig_read(g.log, "entries", bytes, sizeof(bytes));
	ledger_close(g.ledger);
	g.ledger = NULL;
	for (size_t cut = 0; cut <= n; cut++) {
		rig_write(g.log, "entries", bytes, cut);
		cr_expect(eq(int, try_open(&w), cut < signed_bytes ? E_TAMPER : 0),
		    "cut at %zu: %s", cut, w.text);
	}
	for (size_t i = 0; i < signed_bytes; i++) {
		bytes[i] ^= 4;
		rig_write(g.log, "entries", bytes, n);
		cr_expect(eq(int, try_open(&w), E_TAMPER), "flip at %zu", i);
		bytes[i] ^= 4;
	}
	/* zeros of a power cut go; anything else behind the end stays and stops us */
	memset(bytes + n, 0, 100);
	rig_write(g.log, "entries", bytes, n + 100);
	cr_expect(eq(int, try_open(&w), 0));
	cr_expect(eq(sz, rig_read(g.log, "entries", bytes, sizeof(bytes)), n));
	memcpy(bytes + n, "\0\0xyz", 5);
	rig_write(g.log, "entries", bytes, n + 5);
	cr_expect(eq(int, try_open(&w), E_TAMPER));
	rig_close(&g);
}

Test(ledger, checkpoints_only_grow_and_are_checked)
{
	struct buf old;
	struct buf body;
	uint8_t sig[64];
	uint8_t cp[2048];
	size_t n;
	struct why w;

	rig_open(&g);
	buf_init(&old, 1024);
	buf_init(&body, 1024);
	leaves(3);
	cr_assert(eq(int, ledger_checkpoint_body(g.ledger, &old), 0));
	leaves(1);
	cr_assert(eq(int, ledger_checkpoint_body(g.ledger, &body), 0));
	cr_assert(eq(int, ed25519_sign(g.seed, buf_span(&body), sig), 0));
	cr_expect(eq(int, ledger_checkpoint_put(g.ledger, buf_span(&body), g.pub, sig), 0));
	cr_expect(eq(u64, ledger_signed_size(g.ledger), 4));
	cr_assert(eq(int, ed25519_sign(g.seed, buf_span(&old), sig), 0));
	cr_expect(eq(int, ledger_checkpoint_put(g.ledger, buf_span(&old), g.pub, sig), E_STATE));
	cr_expect(eq(int, ledger_checkpoint_put(g.ledger, buf_span(&body), g.pub, sig),
	    E_CRYPTO)); /* old's signature */
	n = rig_read(g.log, "checkpoint", cp, sizeof(cp));
	rig_reopen(&g);
	ledger_close(g.ledger);
	g.ledger = NULL;
	cp[n / 2] ^= 1;
	rig_write(g.log, "checkpoint", cp, n);
	cr_expect(eq(int, try_open(&w), E_TAMPER));
	buf_clear(&old);
	buf_clear(&body);
	rig_close(&g);
}

Test(ledger, proofs_from_the_file)
{
	struct merkle_hash root;
	struct merkle_hash old;
	struct merkle_hash leaf = {0};
	struct merkle_proof p;
	struct ledger_scan s;
	char path[160];
	int fd;

	rig_open(&g);
	leaves(20);
	ledger_root(g.ledger, &old);
	leaves(17);
	ledger_root(g.ledger, &root);
	snprintf(path, sizeof(path), "%s/entries", g.log);
	fd = open(path, O_RDONLY);
	cr_assert(eq(int, ledger_scan(fd, NULL, NULL, &s), 0));
	cr_expect(eq(u64, s.tree.size, 37));
	cr_assert(eq(int, ledger_prove_consistency(fd, 20, 37, &p), 0));
	cr_expect(eq(int, merkle_check_consistency(20, &old, 37, &root, &p), 0));
	cr_assert(eq(int, ledger_prove_inclusion(fd, 11, 37, &p), 0));
	{
		uint8_t bytes[8192];
		size_t n = rig_read(g.log, "entries", bytes, sizeof(bytes));
		size_t off = 0;

		for (int i = 0; i < 11; i++)
			off += 2u + ((size_t)bytes[off] << 8 | bytes[off + 1]);
		cr_assert(lt(sz, off, n));
		merkle_leaf(
		    span_of(bytes + off + 2, (size_t)bytes[off] << 8 | bytes[off + 1]), &leaf);
	}
	cr_expect(eq(int, merkle_check_inclusion(11, 37, &leaf, &root, &p), 0));
	cr_expect(eq(int, ledger_prove_inclusion(fd, 11, 38, &p), E_NOTFOUND));
	close(fd);
	rig_close(&g);
}

Test(ledger, names_that_cannot_be_key_names)
{
	struct ledger *l;
	struct why w;

	rig_open(&g);
	cr_expect(eq(int, ledger_open(g.log, "a b", g.pub, NULL, NULL, &l, &w), E_CONFIG));
	cr_expect(eq(int, ledger_open(g.log, "", g.pub, NULL, NULL, &l, &w), E_CONFIG));
	cr_expect(eq(int, ledger_open("/nonexistent/x", "gw", g.pub, NULL, NULL, &l, &w), -ENOENT));
	rig_close(&g);
}
