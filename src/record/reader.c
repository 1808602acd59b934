/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking the segments of a session and its chain. Format: doc/formats/recording.md.
 */
#include "record/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "record/recdir.h"
#include "record/segment.h"

/* One segment to read; fds are -1 when it is opened by name. */
struct part {
	uint32_t no;
	bool raw, sealed;
	int raw_fd, sealed_fd;
};

struct reader {
	unsigned flags;
	int dirfd; /* -1: descriptors only */
	struct part *parts;
	size_t n_parts;
	size_t at; /* next part to open */
	struct segment *seg;
	struct rec_meta meta;
	uint8_t meta_hash[SHA256_LEN];
	struct sha256_ctx *sha;
	struct buf b;
	size_t taken; /* bytes of the record handed out last */
	struct rec_frame frame;
	struct reader_pos pos;
	bool broken;
	uint64_t torn;
	int err;
	struct why why;
};

/* ---- opening ---- */

static struct reader *reader_new(unsigned flags)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->flags = flags;
	r->dirfd = -1;
	r->sha = sha256_new();
	buf_init(&r->b, REC_MAX + 1024u * 1024);
	return r;
}

static void parts_free(struct reader *r)
{
	for (size_t i = 0; i < r->n_parts; i++) {
		fd_close(&r->parts[i].raw_fd);
		fd_close(&r->parts[i].sealed_fd);
	}
	free(r->parts);
	r->parts = NULL;
	r->n_parts = 0;
}

void reader_free(struct reader *r)
{
	if (r == NULL)
		return;
	rec_frame_clear(&r->frame);
	segment_free(r->seg);
	parts_free(r);
	fd_close(&r->dirfd);
	sha256_free(r->sha);
	buf_clear(&r->b);
	free(r);
}

/* With pread(2): a descriptor from elsewhere may stand anywhere. */
static int read_small(int fd, struct buf *b)
{
	uint8_t *p;
	ssize_t n;
	int rc = buf_reserve(b, REC_META_MAX + 1, &p);

	if (rc != 0)
		return rc;
	do {
		n = pread(fd, p, REC_META_MAX + 1, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf_commit(b, (size_t)n);
	return n > (ssize_t)REC_META_MAX ? E_TOOBIG : 0;
}

static int read_meta(struct reader *r, int fd, struct why *w)
{
	struct buf b;
	int rc;

	buf_init(&b, REC_META_MAX + 1);
	rc = read_small(fd, &b);
	if (rc == 0) {
		sha256(buf_span(&b), r->meta_hash);
		memcpy(r->pos.hash, r->meta_hash, SHA256_LEN);
		rc = rec_meta_parse(buf_span(&b), &r->meta);
	}
	buf_clear(&b);
	if (rc == E_UNKNOWN)
		return why_set(w, rc, "meta has a format version that this program does not know");
	return rc == 0
		   ? 0
		   : why_set(w, rc < -999 ? E_TAMPER : rc, "meta cannot be read: %s", err_str(rc));
}

/* The first number of the list must be 1 and there must be no hole: a missing file is missing
 * evidence. */
static int parts_check(const struct reader *r, struct why *w)
{
	for (size_t i = 0; i < r->n_parts; i++)
		if (r->parts[i].no != i + 1)
			return why_set(w, E_TAMPER, "segment %zu is missing", i + 1);
	return 0;
}

static int list_parts(struct reader *r)
{
	struct recdir_segment *s;
	size_t n;
	size_t strange;
	int rc = recdir_segments(r->dirfd, &s, &n, &strange);

	if (rc == 0) {
		free(r->parts);
		r->n_parts = n;
		r->parts = n > 0 ? xcalloc(n, sizeof(*r->parts)) : NULL;
		for (size_t i = 0; i < n; i++)
			r->parts[i] = (struct part){s[i].no, s[i].raw, s[i].sealed, -1, -1};
	}
	free(s);
	return rc;
}

int reader_open_at(int dirfd, unsigned flags, struct reader **out, struct why *w)
{
	struct reader *r = reader_new(flags);
	int fd;
	int rc;

	*out = NULL;
	r->dirfd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd < 0) {
		rc = why_set(w, -errno, "cannot open the recording: %s", err_str(-errno));
		goto out;
	}
	/* Listed before meta is read: what is missing later was there. */
	rc = list_parts(r);
	if (rc != 0) {
		(void)why_set(w, rc, "cannot list the recording: %s", err_str(rc));
		goto out;
	}
	fd = openat(r->dirfd, "meta", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		rc = why_set(
		    w, errno == ENOENT ? E_TAMPER : -errno, "meta is missing: %s", err_str(-errno));
		goto out;
	}
	rc = read_meta(r, fd, w);
	close(fd);
	if (rc == 0)
		rc = parts_check(r, w);
out:
	if (rc != 0)
		reader_free(r);
	else
		*out = r;
	return rc;
}

int reader_open(const char *path, unsigned flags, struct reader **out, struct why *w)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	*out = NULL;
	if (fd < 0)
		return why_set(w, errno == ENOENT ? E_NOTFOUND : -errno, "cannot open %s: %s", path,
		    err_str(-errno));
	rc = reader_open_at(fd, flags, out, w);
	close(fd);
	return rc;
}

static int part_order(const void *a, const void *b)
{
	const struct part *x = a;
	const struct part *y = b;

	return (x->no > y->no) - (x->no < y->no);
}

static struct part *part_for(struct reader *r, uint32_t no)
{
	for (size_t i = 0; i < r->n_parts; i++)
		if (r->parts[i].no == no)
			return &r->parts[i];
	r->parts[r->n_parts] = (struct part){no, false, false, -1, -1};
	return &r->parts[r->n_parts++];
}

static int add_file(struct reader *r, const struct reader_file *f, bool *meta, struct why *w)
{
	uint32_t no;
	bool sealed;
	struct part *p;
	int *slot;

	if (strcmp(f->name, "meta") == 0 && !*meta) {
		*meta = true;
		return read_meta(r, f->fd, w);
	}
	if (!recdir_segment_parse(f->name, &no, &sealed))
		return why_set(w, E_FORMAT, "unexpected file in a recording");
	p = part_for(r, no);
	slot = sealed ? &p->sealed_fd : &p->raw_fd;
	if (*slot >= 0)
		return why_set(w, E_FORMAT, "segment %u is given twice", no);
	*slot = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	if (*slot < 0)
		return why_set(w, -errno, "cannot keep segment %u: %s", no, err_str(-errno));
	*(sealed ? &p->sealed : &p->raw) = true;
	return 0;
}

int reader_open_files(
    const struct reader_file *files, size_t n, unsigned flags, struct reader **out, struct why *w)
{
	struct reader *r = reader_new(flags & ~READER_FOLLOW);
	bool meta = false;
	int rc = 0;

	*out = NULL;
	r->parts = n > 0 ? xcalloc(n, sizeof(*r->parts)) : NULL;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_file(r, &files[i], &meta, w);
	if (rc == 0 && !meta)
		rc = why_set(w, E_TAMPER, "meta is missing");
	if (r->n_parts > 0)
		qsort(r->parts, r->n_parts, sizeof(*r->parts), part_order);
	if (rc == 0)
		rc = parts_check(r, w);
	if (rc != 0)
		reader_free(r);
	else
		*out = r;
	return rc;
}

/* ---- walking ---- */

static int fail(struct reader *r, int code, const char *what)
{
	r->err = code;
	return why_set(&r->why, code, "segment %u: %s", r->pos.segment, what);
}

static int open_named(const struct reader *r, uint32_t no, bool sealed)
{
	char name[RECDIR_NAME_LEN];
	int fd;

	recdir_segment_name(no, sealed, name);
	fd = openat(r->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* The archiver may turn a raw file into a sealed one between listing and opening: try the other
 * name too. */
static int open_part(const struct reader *r, const struct part *p, bool *sealed)
{
	int fd;

	*sealed = p->sealed && !(p->raw && (r->flags & READER_PREFER_RAW) != 0);
	if (r->dirfd < 0) {
		fd = fcntl(*sealed ? p->sealed_fd : p->raw_fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	fd = open_named(r, p->no, *sealed);
	if (fd == -ENOENT) {
		*sealed = !*sealed;
		fd = open_named(r, p->no, *sealed);
	}
	return fd;
}

static int next_part(struct reader *r)
{
	const struct part *p = &r->parts[r->at];
	bool sealed;
	int fd = open_part(r, p, &sealed);

	r->pos.segment = p->no;
	if (fd < 0)
		return fail(r, fd == -ENOENT ? E_TAMPER : fd,
		    fd == -ENOENT ? "the file is missing" : err_str(fd));
	segment_free(r->seg);
	r->seg = segment_new(fd, sealed);
	if (r->seg == NULL)
		return fail(r, E_NOMEM, err_str(E_NOMEM));
	r->at++;
	r->pos.segment_bytes = 0;
	return 0;
}

/* Is there a successor? For a live session the directory is listed again, and then the current
 * segment must be read to its end once more: its last records may have come between. 1 = go on, 0 =
 * end, negative error. */
static int advance(struct reader *r)
{
	int rc;

	if (r->at == r->n_parts && (r->flags & READER_FOLLOW) != 0 && r->dirfd >= 0) {
		rc = list_parts(r);
		if (rc != 0)
			return fail(r, rc, err_str(rc));
		if (parts_check(r, &r->why) != 0)
			return r->err = E_TAMPER;
		if (r->seg != NULL && r->at < r->n_parts)
			return 1;
	}
	if (r->at == r->n_parts)
		return 0;
	rc = next_part(r);
	return rc != 0 ? rc : 1;
}

/* More bytes into the buffer. 1 = some came, or another segment is open; 0 = end. */
static int more(struct reader *r)
{
	size_t target =
	    buf_len(&r->b) * 2; /* doubles, so that a large record is measured few times */
	size_t had = buf_len(&r->b);
	int64_t n = 0;

	if (r->seg == NULL)
		return advance(r);
	do {
		n = segment_fill(r->seg, &r->b);
	} while (n > 0 && buf_len(&r->b) < target);
	if (n == E_TOOBIG)
		return fail(
		    r, E_TAMPER, "a record is larger than any that is ever written (damaged)");
	if (n == E_FORMAT || n == E_SHORT)
		return fail(r, E_TAMPER,
		    n == E_SHORT ? "the sealed file is cut" : "the sealed file is damaged");
	if (n < 0)
		return fail(r, (int)n, err_str((int)n));
	if (buf_len(&r->b) > had)
		return 1;
	if (had > 0 && (r->at < r->n_parts || segment_sealed(r->seg)))
		return fail(r, E_TAMPER, "ends inside a record (cut)");
	r->torn = had;
	return had > 0 ? 0 : advance(r);
}

/* Chain and number of a parsed record against what must come. */
static int check_record(struct reader *r)
{
	const struct rec_frame *f = &r->frame;
	uint8_t h[SHA256_LEN];
	uint64_t want = r->pos.seq + 1;
	bool ok;

	sha256_begin(r->sha);
	sha256_add(r->sha, span_of(r->pos.hash, SHA256_LEN));
	sha256_add(r->sha, f->body);
	sha256_end(r->sha, h);
	ok = memcmp(h, f->hash.p, SHA256_LEN) == 0 && f->seq == want;
	r->broken = !ok;
	if (!ok && (r->flags & READER_LAX) == 0) {
		r->err = E_TAMPER;
		if (f->seq > want)
			return why_set(&r->why, E_TAMPER,
			    "segment %u: record %llu is missing (%llu follows)", r->pos.segment,
			    (unsigned long long)want, (unsigned long long)f->seq);
		return why_set(&r->why, E_TAMPER,
		    "segment %u: record %llu does not match the chain (edited or reordered)",
		    r->pos.segment, (unsigned long long)want);
	}
	r->pos.seq = f->seq;
	memcpy(r->pos.hash, f->hash.p, SHA256_LEN);
	return 0;
}

static int take_record(struct reader *r, size_t used)
{
	int rc = check_record(r);

	if (rc != 0)
		return rc;
	r->taken = used;
	r->pos.bytes += used;
	r->pos.segment_bytes += used;
	r->torn = 0;
	return 1;
}

static bool all_zero(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != 0)
			return false;
	return true;
}

/* Zeros up to the end of the last raw segment are what a power cut leaves of a write: an unfinished
 * record. */
static bool zero_tail(struct reader *r)
{
	uint64_t n = 0;

	if (r->at < r->n_parts || segment_sealed(r->seg))
		return false;
	do {
		if (!all_zero(buf_span(&r->b)))
			return false;
		n += buf_len(&r->b);
		buf_reset(&r->b);
	} while (segment_fill(r->seg, &r->b) > 0);
	r->torn = n;
	return true;
}

/* What stands where a record must begin is none. */
static int damaged(struct reader *r)
{
	char text[96];

	if (zero_tail(r))
		return 0;
	snprintf(text, sizeof(text), "record %llu is damaged", (unsigned long long)r->pos.seq + 1);
	return fail(r, E_TAMPER, text);
}

static int step(struct reader *r)
{

	if (r->err != 0)
		return r->err;
	rec_frame_clear(&r->frame);
	buf_consume(&r->b, r->taken);
	r->taken = 0;
	for (;;) {
		size_t used = 0;
		int rc = rec_parse(buf_span(&r->b), &r->frame, &used);

		if (rc == 0)
			return take_record(r, used);
		if (rc != E_SHORT)
			return damaged(r);
		rc = more(r);
		if (rc <= 0)
			return rc;
	}
}

int reader_next(struct reader *r, const struct rec_frame **f, struct why *w)
{
	int rc = step(r);

	*f = rc == 1 ? &r->frame : NULL;
	if (rc < 0 && w != NULL)
		*w = r->why;
	return rc;
}

const struct rec_meta *reader_meta(const struct reader *r)
{
	return &r->meta;
}

void reader_meta_hash(const struct reader *r, uint8_t out[SHA256_LEN])
{
	memcpy(out, r->meta_hash, SHA256_LEN);
}

void reader_position(const struct reader *r, struct reader_pos *p)
{
	*p = r->pos;
}

bool reader_broken(const struct reader *r)
{
	return r->broken;
}

uint64_t reader_torn_bytes(const struct reader *r)
{
	return r->torn;
}
