/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries and checkpoint on disk.
 */
#include "record/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cur.h"
#include "base/file.h"
#include "base/mem.h"

#define CHUNK ((size_t)64 * 1024)

struct ledger {
	int dirfd, fd;
	bool broken; /* the file may end inside an entry: nothing can be appended any more */
	bool unsynced;
	char origin[CHECKPOINT_NAME_MAX];
	struct merkle_tree tree;
	uint64_t bytes;
	uint64_t last_counter;
	uint64_t signed_size;
	struct buf leaf, b;
};

/* ---- scanning ---- */

struct feed {
	int fd;
	off_t at;
	struct buf b;
	bool eof;
};

static int feed_more(struct feed *f)
{
	uint8_t *p;
	ssize_t n;
	int rc = buf_reserve(&f->b, CHUNK, &p);

	if (rc != 0)
		return rc;
	do {
		n = pread(f->fd, p, CHUNK, f->at);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	f->at += n;
	f->eof = n == 0;
	buf_commit(&f->b, (size_t)n);
	return 0;
}

/* The entry at the front: 1 and its leaf, 0 at the end or at something that is no entry. */
static int feed_entry(struct feed *f, struct span *leaf)
{
	for (;;) {
		struct cur c = cur_of(buf_span(&f->b));
		uint16_t n = cur_u16be(&c);
		int rc;

		*leaf = cur_take(&c, n);
		if (cur_ok(&c))
			return n > 0;
		if (f->eof)
			return 0;
		rc = feed_more(f);
		if (rc != 0)
			return rc;
	}
}

static bool all_zero(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != 0)
			return false;
	return true;
}

/* What is behind the last whole entry. */
static int feed_rest(struct feed *f, struct ledger_scan *out)
{
	out->zeros = true;
	do {
		int rc;

		out->torn += buf_len(&f->b);
		out->zeros = out->zeros && all_zero(buf_span(&f->b));
		buf_reset(&f->b);
		rc = f->eof ? 0 : feed_more(f);
		if (rc != 0)
			return rc;
	} while (buf_len(&f->b) > 0);
	return 0;
}

int ledger_scan(int fd, ledger_fn *fn, void *ctx, struct ledger_scan *out)
{
	struct feed f = {.fd = fd};
	struct span leaf;
	struct merkle_hash h;
	int rc;

	*out = (struct ledger_scan){0};
	merkle_init(&out->tree);
	buf_init(&f.b, 4 * CHUNK);
	while ((rc = feed_entry(&f, &leaf)) == 1) {
		merkle_leaf(leaf, &h);
		merkle_add(&out->tree, &h);
		rc = fn != NULL ? fn(ctx, out->tree.size - 1, leaf, &out->tree) : 0;
		if (rc != 0)
			break;
		out->bytes += 2 + leaf.n;
		buf_consume(&f.b, 2 + leaf.n);
	}
	if (rc == 0) {
		struct cur c = cur_of(buf_span(&f.b));
		uint16_t n = cur_u16be(&c);

		out->cut = !cur_ok(&c) || n > 0;
		rc = feed_rest(&f, out);
	}
	buf_clear(&f.b);
	return rc;
}

/* Leaf hashes in rising order for the proof builders. */
struct leaf_source {
	struct feed f;
	uint64_t next;
};

static int source_leaf(void *ctx, uint64_t i, struct merkle_hash *out)
{
	struct leaf_source *s = ctx;
	struct span leaf;

	for (; s->next <= i; s->next++) {
		int rc = feed_entry(&s->f, &leaf);

		if (rc != 1)
			return rc < 0 ? rc : E_NOTFOUND;
		if (s->next == i)
			merkle_leaf(leaf, out);
		buf_consume(&s->f.b, 2 + leaf.n);
	}
	return 0;
}

int ledger_prove_inclusion(int fd, uint64_t index, uint64_t size, struct merkle_proof *out)
{
	struct leaf_source s = {.f = {.fd = fd}};
	int rc;

	buf_init(&s.f.b, 4 * CHUNK);
	rc = merkle_prove_inclusion(index, size, source_leaf, &s, out);
	buf_clear(&s.f.b);
	return rc;
}

int ledger_prove_consistency(int fd, uint64_t old_size, uint64_t size, struct merkle_proof *out)
{
	struct leaf_source s = {.f = {.fd = fd}};
	int rc;

	buf_init(&s.f.b, 4 * CHUNK);
	rc = merkle_prove_consistency(old_size, size, source_leaf, &s, out);
	buf_clear(&s.f.b);
	return rc;
}

/* ---- opening ---- */

struct opening {
	struct ledger *l;
	struct checkpoint cp;
	bool have_cp, cp_ok;
	ledger_fn *visit;
	void *ctx;
};

static void note_counter(struct ledger *l, const struct rec_leaf *leaf)
{
	uint64_t c = leaf->last > leaf->counter ? leaf->last : leaf->counter;

	if ((leaf->type == LEAF_START || leaf->type == LEAF_GAP) && c > l->last_counter)
		l->last_counter = c;
}

static int open_entry(void *ctx, uint64_t index, struct span leaf, const struct merkle_tree *tree)
{
	struct opening *o = ctx;
	struct rec_leaf x;
	struct merkle_hash root;

	if (rec_leaf_parse(leaf, &x) == 0)
		note_counter(o->l, &x);
	if (o->have_cp && tree->size == o->cp.size) {
		merkle_root(tree, &root);
		o->cp_ok = memcmp(root.b, o->cp.root.b, SHA256_LEN) == 0;
	}
	return o->visit != NULL ? o->visit(o->ctx, index, leaf, tree) : 0;
}

static int load_checkpoint(struct opening *o, const uint8_t *pub, struct why *w)
{
	struct buf b;
	int rc;

	buf_init(&b, CHECKPOINT_MAX);
	rc = file_read_at(o->l->dirfd, "checkpoint", &b);
	if (rc == -ENOENT) {
		buf_clear(&b);
		return 0;
	}
	if (rc == 0)
		rc = pub != NULL ? checkpoint_open(buf_span(&b), pub, &o->cp)
				 : checkpoint_parse(buf_span(&b), &o->cp);
	buf_clear(&b);
	if (rc != 0)
		return why_set(w, rc == E_CRYPTO || rc == E_FORMAT ? E_TAMPER : rc,
		    "the proof log's checkpoint is not valid: %s", err_str(rc));
	if (strcmp(o->cp.origin, o->l->origin) != 0)
		return why_set(w, E_TAMPER, "the proof log's checkpoint is of another gateway");
	o->have_cp = true;
	o->cp_ok = o->cp.size == 0;
	o->l->signed_size = o->cp.size;
	return 0;
}

static int open_files(struct ledger *l, const char *path, struct why *w)
{
	int rc = 0;

	l->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dirfd >= 0)
		l->fd = openat(l->dirfd, "entries",
		    O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->fd < 0)
		return why_set(
		    w, -errno, "cannot open the proof log in %s: %s", path, err_str(-errno));
	if (flock(l->fd, LOCK_EX | LOCK_NB) != 0)
		return why_set(w, errno == EWOULDBLOCK ? E_STATE : -errno,
		    "the proof log in %s is in use", path);
	rc = file_sync_dir(l->dirfd);
	return rc == 0 ? 0 : why_set(w, rc, "cannot sync %s: %s", path, err_str(rc));
}

/* An entry that a crash cut goes away; anything else behind the last entry is not ours to repair.
 */
static int drop_tail(struct ledger *l, const struct ledger_scan *s, struct why *w)
{
	if (s->torn == 0)
		return 0;
	if (!s->zeros && !s->cut)
		return why_set(w, E_TAMPER, "the proof log is damaged behind entry %llu",
		    (unsigned long long)s->tree.size);
	if (ftruncate(l->fd, (off_t)s->bytes) != 0 || fsync(l->fd) != 0)
		return why_set(w, -errno, "cannot repair the proof log: %s", err_str(-errno));
	return 0;
}

static int load_entries(struct opening *o, struct why *w)
{
	struct ledger_scan s;
	int rc = ledger_scan(o->l->fd, open_entry, o, &s);

	if (rc != 0)
		return why_set(w, rc, "cannot read the proof log: %s", err_str(rc));
	if (o->have_cp && s.tree.size < o->cp.size)
		return why_set(w, E_TAMPER,
		    "the proof log has %llu entries, its checkpoint says %llu (cut or rolled back)",
		    (unsigned long long)s.tree.size, (unsigned long long)o->cp.size);
	if (o->have_cp && !o->cp_ok)
		return why_set(
		    w, E_TAMPER, "the proof log does not match its checkpoint (rewritten)");
	rc = drop_tail(o->l, &s, w);
	o->l->tree = s.tree;
	o->l->bytes = s.bytes;
	return rc;
}

int ledger_open(const char *path, const char *origin, const uint8_t *pub, ledger_fn *visit,
    void *ctx, struct ledger **out, struct why *w)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	struct opening o = {.l = l, .visit = visit, .ctx = ctx};
	int rc;

	*out = NULL;
	l->dirfd = l->fd = -1;
	buf_init(&l->leaf, REC_LEAF_MAX);
	buf_init(&l->b, REC_LEAF_MAX + 2);
	if (!checkpoint_name_ok(span_str(origin)) ||
	    str_copy(l->origin, sizeof(l->origin), origin) != 0)
		rc = why_set(w, E_CONFIG,
		    "the gateway's name cannot be a key name (printable, no space, no plus)");
	else
		rc = open_files(l, path, w);
	if (rc == 0)
		rc = load_checkpoint(&o, pub, w);
	if (rc == 0)
		rc = load_entries(&o, w);
	if (rc != 0)
		ledger_close(l);
	else
		*out = l;
	return rc;
}

void ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	fd_close(&l->fd);
	fd_close(&l->dirfd);
	buf_clear(&l->leaf);
	buf_clear(&l->b);
	free(l);
}

/* ---- writing ---- */

int ledger_append(struct ledger *l, const struct rec_leaf *leaf, bool sync, uint64_t *index)
{
	struct merkle_hash h;
	struct span s;
	int rc;

	if (l->broken)
		return E_STATE;
	buf_reset(&l->leaf);
	buf_reset(&l->b);
	rec_leaf_put(&l->leaf, leaf);
	buf_put_u16be(
	    &l->b, (uint16_t)buf_len(&l->leaf)); /* at most REC_LEAF_MAX: the buffer's limit */
	buf_put_span(&l->b, buf_span(&l->leaf));
	if (buf_err(&l->leaf) != 0 || buf_err(&l->b) != 0)
		return E_TOOBIG;
	s = buf_span(&l->b);
	rc = file_write_all(l->fd, s.p, s.n);
	if (rc != 0) {
		l->broken = ftruncate(l->fd, (off_t)l->bytes) != 0;
		return rc;
	}
	merkle_leaf(span_of(s.p + 2, s.n - 2), &h);
	merkle_add(&l->tree, &h);
	l->bytes += s.n;
	l->unsynced = true;
	note_counter(l, leaf);
	if (index != NULL)
		*index = l->tree.size - 1;
	return sync ? ledger_sync(l) : 0;
}

int ledger_sync(struct ledger *l)
{
	if (!l->unsynced)
		return 0;
	/* After a failed fdatasync the kernel may have dropped the pages: what is on disk is
	 * unknown. */
	if (fdatasync(l->fd) != 0) {
		l->broken = true;
		return -errno;
	}
	l->unsynced = false;
	return 0;
}

uint64_t ledger_size(const struct ledger *l)
{
	return l->tree.size;
}

void ledger_root(const struct ledger *l, struct merkle_hash *out)
{
	merkle_root(&l->tree, out);
}

uint64_t ledger_last_counter(const struct ledger *l)
{
	return l->last_counter;
}

uint64_t ledger_signed_size(const struct ledger *l)
{
	return l->signed_size;
}

int ledger_checkpoint_body(struct ledger *l, struct buf *body)
{
	struct checkpoint c = {.size = l->tree.size};
	int rc = ledger_sync(l);

	if (rc != 0)
		return rc;
	memcpy(c.origin, l->origin, sizeof(c.origin));
	merkle_root(&l->tree, &c.root);
	checkpoint_put_body(body, &c);
	return buf_err(body);
}

int ledger_checkpoint_put(struct ledger *l, struct span body, const uint8_t pub[ED25519_PUB_LEN],
    const uint8_t sig[ED25519_SIG_LEN])
{
	struct checkpoint c;
	struct buf b;
	int rc = checkpoint_parse_body(body, &c);

	if (rc != 0)
		return rc;
	if (c.size < l->signed_size || c.size > l->tree.size || strcmp(c.origin, l->origin) != 0)
		return E_STATE;
	buf_init(&b, CHECKPOINT_MAX);
	rc = checkpoint_put_note(&b, body, pub, sig);
	/* A wrong signature on disk would stop the next start: look before it is kept. */
	if (rc == 0)
		rc = checkpoint_open(buf_span(&b), pub, &c);
	if (rc == 0)
		rc = file_replace_at(l->dirfd, "checkpoint", buf_span(&b), 0644);
	if (rc == 0)
		l->signed_size = c.size;
	buf_clear(&b);
	return rc;
}

int ledger_checkpoint(
    struct ledger *l, const uint8_t pub[ED25519_PUB_LEN], ledger_sign_fn *sign, void *ctx)
{
	uint8_t sig[ED25519_SIG_LEN];
	struct buf body;
	int rc;

	buf_init(&body, CHECKPOINT_MAX);
	rc = ledger_checkpoint_body(l, &body);
	if (rc == 0)
		rc = sign(ctx, buf_span(&body), l->tree.size, sig);
	if (rc == 0)
		rc = ledger_checkpoint_put(l, buf_span(&body), pub, sig);
	buf_clear(&body);
	return rc;
}
