/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's half of verification: checkpoints, roots, session counters, and an index of what was
 * logged about each session.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "record/verify_int.h"

/* ---- index by session id ---- */

static size_t bucket_of(const char *sid, size_t n)
{
	uint64_t h = 14695981039346656037ull; /* FNV-1a */

	for (; *sid != '\0'; sid++)
		h = (h ^ (uint8_t)*sid) * 1099511628211ull;
	return (size_t)(h % n);
}

struct vsession *verify_lookup(const struct verifier *v, const char *sid)
{
	struct vsession *s = v->n_buckets > 0 ? v->buckets[bucket_of(sid, v->n_buckets)] : NULL;

	while (s != NULL && strcmp(s->sid, sid) != 0)
		s = s->chain;
	return s;
}

static void rehash(struct verifier *v)
{
	size_t n = v->n_buckets == 0 ? 256 : v->n_buckets * 4;

	free(v->buckets);
	v->buckets = xcalloc(n, sizeof(*v->buckets));
	v->n_buckets = n;
	for (size_t i = 0; i < v->n; i++) {
		struct vsession **b = &v->buckets[bucket_of(v->list[i]->sid, n)];

		v->list[i]->chain = *b;
		*b = v->list[i];
	}
}

static struct vsession *session_new(struct verifier *v, const char *sid)
{
	struct vsession *s = xcalloc(1, sizeof(*s));

	memcpy(s->sid, sid, sizeof(s->sid));
	if (v->n == v->cap) {
		v->cap = v->cap == 0 ? 64 : v->cap * 2;
		v->list = xreallocarray(v->list, v->cap, sizeof(struct vsession *));
	}
	v->list[v->n++] = s;
	if (v->n > v->n_buckets / 2) {
		rehash(v);
	} else {
		struct vsession **b = &v->buckets[bucket_of(sid, v->n_buckets)];

		s->chain = *b;
		*b = s;
	}
	return s;
}

void verify_log_clear(struct verifier *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->list[i]->heads);
		free(v->list[i]->seals);
		free(v->list[i]);
	}
	free(v->list);
	free(v->buckets);
}

/* ---- leaves ---- */

typedef void leaf_fn(struct verifier *v, struct vsession *s, const struct rec_leaf *l);

/* Counters of one gateway have no hole: a number that never appears is a session that somebody took
 * out. */
static void count_to(struct verifier *v, const char *sid, uint64_t from, uint64_t to)
{
	if (from > v->next_counter)
		verify_find(v, VERIFY_TAMPER, sid, "session number %llu is missing in the log",
		    (unsigned long long)v->next_counter);
	else if (from < v->next_counter)
		verify_find(v, VERIFY_TAMPER, sid, "session number %llu appears twice in the log",
		    (unsigned long long)from);
	if (to >= v->next_counter)
		v->next_counter = to + 1;
}

static void on_start(struct verifier *v, struct vsession *s, const struct rec_leaf *l)
{
	if (s != NULL) {
		verify_find(v, VERIFY_TAMPER, l->sid, "started twice in the log");
		return;
	}
	count_to(v, l->sid, l->counter, l->counter);
	s = session_new(v, l->sid);
	s->counter = l->counter;
	memcpy(s->meta_hash, l->hash, SHA256_LEN);
}

static void on_progress(struct verifier *v, struct vsession *s, const struct rec_leaf *l)
{
	struct vhead *h;

	if (s->n_heads > 0 && s->heads[s->n_heads - 1].seq > l->seq) {
		verify_find(v, VERIFY_TAMPER, l->sid, "the log goes back from record %llu to %llu",
		    (unsigned long long)s->heads[s->n_heads - 1].seq, (unsigned long long)l->seq);
		return;
	}
	if (s->n_heads == s->cap_heads) {
		s->cap_heads = s->cap_heads == 0 ? 4 : s->cap_heads * 2;
		s->heads = xreallocarray(s->heads, s->cap_heads, sizeof(*s->heads));
	}
	h = &s->heads[s->n_heads++];
	*h = (struct vhead){.seq = l->seq, .bytes = l->bytes};
	memcpy(h->hash, l->hash, SHA256_LEN);
}

static void on_end(struct verifier *v, struct vsession *s, const struct rec_leaf *l)
{
	if (s->ended)
		verify_find(v, VERIFY_TAMPER, l->sid, "ended twice in the log");
	s->ended = true;
	s->end = (struct vhead){.seq = l->seq, .bytes = l->bytes};
	memcpy(s->end.hash, l->hash, SHA256_LEN);
	s->end_segments = l->segment;
	(void)str_copy(s->reason, sizeof(s->reason), l->reason);
}

static void on_seal(struct verifier *v, struct vsession *s, const struct rec_leaf *l)
{
	struct vseal *x;

	(void)v;
	if (s->n_seals == s->cap_seals) {
		s->cap_seals = s->cap_seals == 0 ? 2 : s->cap_seals * 2;
		s->seals = xreallocarray(s->seals, s->cap_seals, sizeof(*s->seals));
	}
	x = &s->seals[s->n_seals++];
	*x = (struct vseal){.segment = l->segment, .bytes = l->bytes};
	memcpy(x->hash, l->hash, SHA256_LEN);
}

static void on_delete(struct verifier *v, struct vsession *s, const struct rec_leaf *l)
{
	(void)v;
	(void)l;
	s->deleted = true;
}

static void on_gap(struct verifier *v, struct vsession *s, const struct rec_leaf *l)
{
	(void)s;
	if (l->counter != 0)
		count_to(v, "", l->counter, l->last > l->counter ? l->last : l->counter);
}

static const struct {
	leaf_fn *fn;
	bool hash, session; /* must carry a hash; must name a started session */
} leaf_table[LEAF_TYPE_N] = {
    [LEAF_START] = {on_start, true, false},
    [LEAF_PROGRESS] = {on_progress, true, true},
    [LEAF_END] = {on_end, true, true},
    [LEAF_SEAL] = {on_seal, true, true},
    [LEAF_DELETE] = {on_delete, false, true},
    [LEAF_GAP] = {on_gap, false, false},
};

static void take_leaf(struct verifier *v, uint64_t index, struct span bytes)
{
	struct rec_leaf l;
	struct vsession *s;
	int rc = rec_leaf_parse(bytes, &l);

	if (l.time_us != 0)
		v->last_us = l.time_us;
	if (rc == E_UNKNOWN) {
		verify_find(v, VERIFY_NOTE, "",
		    "log entry %llu is of a kind that this program does not know",
		    (unsigned long long)index);
		return;
	}
	if (rc != 0 || (leaf_table[l.type].hash && !l.has_hash) ||
	    (l.type == LEAF_START && l.sid[0] == '\0')) {
		verify_find(
		    v, VERIFY_TAMPER, "", "log entry %llu is damaged", (unsigned long long)index);
		return;
	}
	if (leaf_table[l.type].fn == NULL)
		return;
	s = verify_lookup(v, l.sid);
	if (s == NULL && leaf_table[l.type].session)
		verify_find(v, VERIFY_TAMPER, l.sid,
		    "log entry %llu (%s) is about a session that never started",
		    (unsigned long long)index, leaf_type_name((unsigned)l.type));
	else
		leaf_table[l.type].fn(v, s, &l);
}

static int on_entry(void *ctx, uint64_t index, struct span leaf, const struct merkle_tree *tree)
{
	struct verifier *v = ctx;
	struct merkle_hash root;

	take_leaf(v, index, leaf);
	if (v->have_cp && tree->size == v->cp.size) {
		merkle_root(tree, &root);
		v->cp_ok = memcmp(root.b, v->cp.root.b, SHA256_LEN) == 0;
	}
	if (v->out->outside_size > 0 && tree->size == v->outside.size) {
		merkle_root(tree, &root);
		v->outside_ok = memcmp(root.b, v->outside.root.b, SHA256_LEN) == 0;
		v->out->since_us = v->last_us;
	}
	return 0;
}

/* ---- checkpoints ---- */

/* Why a note is not the checkpoint that it should be. */
static const char *note_fault(const struct verifier *v, struct span note, const struct checkpoint *c, int rc)
{
	if (note.n == 0)
		return "it is empty";
	if (rc != E_CRYPTO)
		return rc == E_TOOBIG ? "it is too long" : "it is cut short or damaged";
	if (v->p->name != NULL && strcmp(c->origin, v->p->name) != 0)
		return "it is of another gateway";
	return "it is not signed by the given key";
}

static int note_open(const struct verifier *v, struct span note, struct checkpoint *c)
{
	int rc =
	    v->p->pub != NULL ? checkpoint_open(note, v->p->pub, c) : checkpoint_parse(note, c);

	if (rc == 0 && v->p->name != NULL && strcmp(c->origin, v->p->name) != 0)
		rc = E_CRYPTO; /* somebody else's log, however well signed */
	return rc;
}

/* Does c speak of a log without entries? */
static bool of_nothing(const struct checkpoint *c)
{
	struct merkle_tree none;
	struct merkle_hash root;

	merkle_init(&none);
	merkle_root(&none, &root);
	return c->size == 0 && memcmp(c->root.b, root.b, SHA256_LEN) == 0;
}

static int load_outside(struct verifier *v, struct why *w)
{
	int rc;

	if (v->p->outside == NULL)
		return 0;
	rc = note_open(v, *v->p->outside, &v->outside);
	if (rc != 0)
		return why_set(w, E_CRYPTO, "the checkpoint from outside cannot be used: %s",
		    note_fault(v, *v->p->outside, &v->outside, rc));
	v->out->outside_size = v->outside.size;
	v->outside_ok = of_nothing(&v->outside);
	if (v->outside_ok)
		verify_find(v, VERIFY_NOTE, "",
		    "the checkpoint from outside is of an empty log: it shows nothing about what came later");
	return 0;
}

static int load_checkpoint(struct verifier *v, int dirfd, struct why *w)
{
	struct buf b;
	int rc;

	buf_init(&b, CHECKPOINT_MAX);
	rc = file_read_at(dirfd, "checkpoint", &b);
	if (rc == 0) {
		rc = note_open(v, buf_span(&b), &v->cp);
		v->have_cp = rc == 0;
		v->cp_ok = v->have_cp && of_nothing(&v->cp);
		if (rc != 0)
			verify_find(v, VERIFY_TAMPER, "", "the log's checkpoint is not valid: %s",
			    note_fault(v, buf_span(&b), &v->cp, rc));
		rc = 0;
	} else if (rc == E_TOOBIG || rc == E_FORMAT) {
		verify_find(
		    v, VERIFY_TAMPER, "", "the log's checkpoint is not valid: %s", err_str(rc));
		rc = 0;
	} else if (rc != -ENOENT) {
		(void)why_set(w, rc, "cannot read the log's checkpoint: %s", err_str(rc));
	}
	buf_clear(&b);
	return rc == -ENOENT ? 0 : rc;
}

/* Checkpoints against the entries that were read. */
static void judge(struct verifier *v, const struct ledger_scan *s)
{
	if (!v->have_cp && v->out->tampered == 0 && s->tree.size + s->torn > 0)
		verify_find(v, VERIFY_TAMPER, "", "the log's checkpoint is missing");
	if (v->have_cp && s->tree.size < v->cp.size)
		verify_find(v, VERIFY_TAMPER, "",
		    "the log has %llu entries, its checkpoint says %llu (cut)",
		    (unsigned long long)s->tree.size, (unsigned long long)v->cp.size);
	else if (v->have_cp && !v->cp_ok)
		verify_find(v, VERIFY_TAMPER, "",
		    "the log's entries do not match its checkpoint (edited or reordered)");
	if (v->out->outside_size > s->tree.size)
		verify_find(v, VERIFY_TAMPER, "",
		    "the log has %llu entries, the checkpoint from outside says %llu "
		    "(cut or rolled back)",
		    (unsigned long long)s->tree.size, (unsigned long long)v->outside.size);
	else if (v->p->outside != NULL && !v->outside_ok)
		verify_find(v, VERIFY_TAMPER, "",
		    "the log is not the one that the checkpoint from outside saw (rewritten)");
	if (v->have_cp && v->p->outside != NULL && strcmp(v->cp.origin, v->outside.origin) != 0)
		verify_find(v, VERIFY_TAMPER, "",
		    "the log's checkpoint is of another gateway than the one from outside");
	if (v->have_cp && v->cp.size < v->outside.size)
		verify_find(
		    v, VERIFY_NOTE, "", "the log's checkpoint is older than the one from outside");
	if (s->torn > 0 && !s->cut && !s->zeros)
		verify_find(v, VERIFY_TAMPER, "", "the log is damaged behind entry %llu",
		    (unsigned long long)s->tree.size);
	else if (s->torn > 0)
		verify_find(v, VERIFY_NOTE, "", "the log ends in an unfinished entry");
}

int verify_log(struct verifier *v, struct why *w)
{
	struct ledger_scan s;
	int dirfd = open(v->p->log, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;
	int rc;

	v->next_counter = 1;
	rc = dirfd < 0 ? why_set(w, -errno, "cannot open %s: %s", v->p->log, err_str(-errno))
		       : load_outside(v, w);
	/* The checkpoint before the entries: a live log only grows between the two reads. */
	if (rc == 0)
		rc = load_checkpoint(v, dirfd, w);
	if (rc != 0)
		goto out;
	fd = openat(dirfd, "entries", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno != ENOENT) {
		rc = why_set(w, -errno, "cannot open the log's entries: %s", err_str(-errno));
		goto out;
	}
	s = (struct ledger_scan){0};
	rc = fd >= 0 ? ledger_scan(fd, on_entry, v, &s) : 0;
	if (rc != 0) {
		(void)why_set(w, rc, "cannot read the log's entries: %s", err_str(rc));
		goto out;
	}
	if (fd < 0)
		verify_find(v, VERIFY_TAMPER, "", "the log's entries are missing");
	v->out->log_size = s.tree.size;
	v->out->signed_size = v->have_cp ? v->cp.size : 0;
	merkle_root(&s.tree, &v->out->root);
	judge(v, &s);
	if (v->p->pub == NULL)
		verify_find(v, VERIFY_NOTE, "", "no key was given: signatures were not checked");
out:
	fd_close(&fd);
	fd_close(&dirfd);
	return rc;
}

static int match_start(void *ctx, uint64_t index, struct span leaf, const struct merkle_tree *tree)
{
	struct rec_leaf l;

	(void)index;
	(void)tree;
	return rec_leaf_parse(leaf, &l) == 0 && l.type == LEAF_START && strcmp(l.sid, ctx) == 0;
}

bool verify_log_has(const struct verifier *v, const char *sid)
{
	char id[REC_SID_LEN + 1];
	struct ledger_scan s;
	int dirfd = open(v->p->log, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dirfd >= 0
		     ? openat(dirfd, "entries", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
		     : -1;
	bool found = str_copy(id, sizeof(id), sid) == 0 && fd >= 0 &&
		     ledger_scan(fd, match_start, id, &s) == 1;

	fd_close(&fd);
	fd_close(&dirfd);
	return found;
}
