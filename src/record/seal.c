/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing: write the new file beside the old one, fsync, read it back, rename, fsync the directory,
 * unlink the raw file. The raw file is whole until the sealed one is durable under its name, so a
 * crash leaves one or both.
 */
#include "record/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "record/recdir.h"
#include "record/segment.h"
#include "record/zst.h"

#define FRAME_BYTES (256u * 1024) /* a frame ends at the first record boundary at or above this */
#define LEVEL       3

/* One pass over a segment's records: the chain, a hash over all bytes, and optionally frames out.
 */
struct pass {
	struct segment *seg;
	struct buf in;
	struct sha256_ctx *chain, *all;
	uint8_t prev[SHA256_LEN];
	bool have_prev;
	uint64_t records, last_seq, bytes;
	uint8_t content[SHA256_LEN]; /* SHA-256 of all uncompressed bytes */
	/* writing */
	struct zst_out *z;
	int out_fd; /* -1: only reading */
	struct buf frame, packed;
};

static void pass_init(struct pass *x, const uint8_t *prev)
{
	*x = (struct pass){.out_fd = -1, .have_prev = prev != NULL};
	if (prev != NULL)
		memcpy(x->prev, prev, SHA256_LEN);
	x->chain = sha256_new();
	x->all = sha256_new();
	buf_init(&x->in, REC_MAX + 1024u * 1024);
	buf_init(&x->frame, REC_MAX + 1024u * 1024);
	buf_init(&x->packed, REC_MAX + 2048u * 1024);
}

static void pass_clear(struct pass *x)
{
	segment_free(x->seg);
	sha256_free(x->chain);
	sha256_free(x->all);
	zst_out_free(x->z);
	buf_clear(&x->in);
	buf_clear(&x->frame);
	buf_clear(&x->packed);
}

static int frame_out(struct pass *x)
{
	struct span s;
	int rc;

	if (x->out_fd < 0 || buf_len(&x->frame) == 0)
		return 0;
	rc = zst_out_frame(x->z, buf_span(&x->frame), &x->packed);
	if (rc != 0)
		return rc;
	s = buf_span(&x->packed);
	rc = file_write_all(x->out_fd, s.p, s.n);
	buf_reset(&x->packed);
	buf_reset(&x->frame);
	buf_trim(&x->frame, 4 * FRAME_BYTES);
	return rc;
}

static int pass_record(struct pass *x, const struct rec_frame *f)
{
	uint8_t h[SHA256_LEN];

	sha256_begin(x->chain);
	sha256_add(x->chain, span_of(x->prev, SHA256_LEN));
	sha256_add(x->chain, f->body);
	sha256_end(x->chain, h);
	if (x->have_prev && memcmp(h, f->hash.p, SHA256_LEN) != 0)
		return E_TAMPER;
	if (x->records > 0 && f->seq != x->last_seq + 1)
		return E_TAMPER;
	memcpy(x->prev, f->hash.p, SHA256_LEN);
	x->have_prev = true;
	x->records++;
	x->last_seq = f->seq;
	x->bytes += f->whole.n;
	sha256_add(x->all, f->whole);
	if (x->out_fd < 0)
		return 0;
	buf_put_span(&x->frame, f->whole);
	if (buf_err(&x->frame) != 0)
		return buf_err(&x->frame);
	return buf_len(&x->frame) >= FRAME_BYTES ? frame_out(x) : 0;
}

/* More bytes into the buffer, at least doubling it (a large record is measured few times). Bytes
 * added. */
static int64_t pass_pull(struct pass *x)
{
	size_t had = buf_len(&x->in);
	int64_t n;

	do {
		n = segment_fill(x->seg, &x->in);
	} while (n > 0 && buf_len(&x->in) < 2 * had);
	if (n < 0)
		return n > -1000 ? n : E_TAMPER;
	return (int64_t)(buf_len(&x->in) - had);
}

/* All records of the segment; bytes that are no whole record are an error (recording_recover()
 * comes first). */
static int pass_run(struct pass *x)
{
	struct rec_frame f;
	size_t used = 0;
	int64_t n;
	int rc;

	for (;;) {
		rc = rec_parse(buf_span(&x->in), &f, &used);
		if (rc == 0) {
			rc = pass_record(x, &f);
			rec_frame_clear(&f);
			buf_consume(&x->in, used);
			if (rc != 0)
				return rc;
			continue;
		}
		n = rc == E_SHORT ? pass_pull(x) : E_TAMPER;
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
	}
	if (buf_len(&x->in) > 0)
		return E_TAMPER;
	sha256_end(x->all, x->content);
	return frame_out(x);
}

/* Does the pass end where the log says it must? An empty segment ends where it began: when that is not known, the head
 * belongs to what came before (of a session without a record: to its meta), and verification looks at it there. */
static int pass_head(const struct pass *x, const uint8_t *head)
{
	if (head == NULL || (x->records == 0 && !x->have_prev))
		return 0;
	return x->have_prev && memcmp(head, x->prev, SHA256_LEN) == 0 ? 0 : E_TAMPER;
}

static void report(const struct seal_params *p, enum seal_step s)
{
	if (p->step != NULL)
		p->step(p->ctx, s);
}

static int pass_open(struct pass *x, int fd, bool sealed)
{
	x->seg = segment_new(fd, sealed);
	return x->seg != NULL ? 0 : E_NOMEM;
}

/* Read a sealed file: its records against prev and head, content against want (NULL: any), and its
 * own hash. */
static int check_sealed(
    const struct seal_params *p, const char *name, const uint8_t *want, struct seal_result *out)
{
	struct pass x;
	int fd = openat(p->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (fd < 0)
		return -errno;
	pass_init(&x, p->prev);
	rc = segment_file_hash(fd, out->hash, &out->bytes);
	if (rc == 0)
		rc = pass_open(&x, fd, true);
	else
		close(fd);
	if (rc == 0)
		rc = pass_run(&x);
	if (rc == 0 && want != NULL && memcmp(want, x.content, SHA256_LEN) != 0)
		rc = E_TAMPER;
	if (rc == 0)
		rc = pass_head(&x, p->head);
	out->raw_bytes = x.bytes;
	out->records = x.records;
	out->last_seq = x.last_seq;
	memcpy(out->head, x.prev, SHA256_LEN);
	pass_clear(&x);
	return rc;
}

/* The raw file's own descriptor with the writer's lock taken: held by nobody else, or E_STATE. */
static int open_raw(const struct seal_params *p, int *fd)
{
	char name[RECDIR_NAME_LEN];

	recdir_segment_name(p->segment, false, name);
	*fd = p->raw_fd >= 0 ? fcntl(p->raw_fd, F_DUPFD_CLOEXEC, 0)
			     : openat(p->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		return -errno;
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		int rc = errno == EWOULDBLOCK ? E_STATE : -errno;

		fd_close(fd);
		return rc;
	}
	return 0;
}

/* Compress raw_fd (taken over) into tmp; content gets the hash of the raw bytes. */
static int write_sealed(
    const struct seal_params *p, int raw_fd, const char *tmp, uint8_t content[SHA256_LEN])
{
	struct pass x;
	int rc;

	pass_init(&x, p->prev);
	rc = pass_open(&x, raw_fd, false);
	x.z = zst_out_new(LEVEL);
	(void)unlinkat(p->dirfd, tmp, 0); /* left by a crash */
	x.out_fd =
	    openat(p->dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (rc == 0 && (x.z == NULL || x.out_fd < 0))
		rc = x.z == NULL ? E_NOMEM : -errno;
	report(p, SEAL_BEGUN);
	if (rc == 0)
		rc = pass_run(&x);
	if (rc == 0)
		rc = pass_head(&x, p->head);
	memcpy(content, x.content, SHA256_LEN);
	report(p, SEAL_WRITTEN);
	if (rc == 0 && fsync(x.out_fd) != 0)
		rc = -errno;
	report(p, SEAL_SYNCED);
	if (x.out_fd >= 0)
		close(x.out_fd);
	pass_clear(&x);
	return rc;
}

static int publish(const struct seal_params *p, const char *tmp, const char *name)
{
	int rc;

	report(p, SEAL_VERIFIED);
	if (renameat(p->dirfd, tmp, p->dirfd, name) != 0)
		return -errno;
	report(p, SEAL_RENAMED);
	rc = file_sync_dir(p->dirfd);
	report(p, SEAL_DIR_SYNCED);
	return rc;
}

static int remove_raw(const struct seal_params *p)
{
	char raw[RECDIR_NAME_LEN];

	recdir_segment_name(p->segment, false, raw);
	if (unlinkat(p->dirfd, raw, 0) != 0 && errno != ENOENT)
		return -errno;
	report(p, SEAL_UNLINKED);
	return file_sync_dir(p->dirfd);
}

/* A crash came between rename and unlink: the raw twin goes only when it holds the same bytes. */
static int finish_twin(const struct seal_params *p, const char *name, struct seal_result *out)
{
	struct pass x;
	int raw_fd;
	int rc = open_raw(p, &raw_fd);

	if (rc == -ENOENT) /* the work was done */
		return check_sealed(p, name, NULL, out);
	if (rc != 0)
		return rc;
	pass_init(&x, p->prev);
	rc = pass_open(&x, raw_fd, false);
	if (rc == 0)
		rc = pass_run(&x);
	if (rc == 0)
		rc = check_sealed(p, name, x.content, out);
	pass_clear(&x);
	if (rc == 0)
		rc = file_sync_dir(p->dirfd);
	return rc == 0 ? remove_raw(p) : rc;
}

int seal_segment(const struct seal_params *p, struct seal_result *out, struct why *w)
{
	char name[RECDIR_NAME_LEN];
	char tmp[RECDIR_NAME_LEN + 4];
	uint8_t content[SHA256_LEN];
	int raw_fd;
	int rc;

	*out = (struct seal_result){0};
	recdir_segment_name(p->segment, true, name);
	snprintf(tmp, sizeof(tmp), "%s.tmp", name);
	if (faccessat(p->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		rc = finish_twin(p, name, out);
		goto out;
	}
	rc = open_raw(p, &raw_fd);
	if (rc == 0)
		rc = write_sealed(p, raw_fd, tmp, content);
	if (rc == 0)
		rc = check_sealed(p, tmp, content, out);
	if (rc == 0)
		rc = publish(p, tmp, name);
	if (rc == 0)
		rc = remove_raw(p);
	else if (rc != E_STATE)
		(void)unlinkat(p->dirfd, tmp, 0);
out:
	if (rc == E_TAMPER)
		return why_set(w, rc, "segment %u does not match its chain or its head: not sealed",
		    p->segment);
	if (rc == E_STATE)
		return why_set(w, rc, "segment %u is still being written", p->segment);
	return rc == 0 ? 0 : why_set(w, rc, "cannot seal segment %u: %s", p->segment, err_str(rc));
}

void seal_leaf(const char *sid, uint32_t segment, const struct seal_result *r, struct rec_leaf *l)
{
	*l = (struct rec_leaf){.type = LEAF_SEAL,
	    .segment = segment,
	    .bytes = r->bytes,
	    .raw = r->raw_bytes,
	    .has_hash = true};
	(void)str_copy(l->sid, sizeof(l->sid), sid);
	memcpy(l->hash, r->hash, SHA256_LEN);
	if (r->records > 0) {
		l->seq = r->last_seq;
		l->has_head = true;
		memcpy(l->head, r->head, SHA256_LEN);
	}
}
