/* SPDX-License-Identifier: Apache-2.0
 *
 * One session's files against what the log says about it: meta, the chain, every logged head, the
 * end, the hashes of sealed files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "record/reader.h"
#include "record/recdir.h"
#include "record/segment.h"
#include "record/verify_int.h"

#define LLU(x) ((unsigned long long)(x))

struct walk {
	struct verifier *v;
	const struct vsession *s;
	struct reader *r;
	size_t head;   /* next logged head to meet */
	bool bad;      /* something was already found: say it once */
	bool counting; /* first pass over the files */
	struct why why;
};

static void bad(struct walk *x, const char *text)
{
	if (!x->bad)
		verify_find(x->v, VERIFY_TAMPER, x->s->sid, "%s", text);
	x->bad = true;
}

static bool head_is(const struct vhead *h, const struct reader_pos *p)
{
	return h->seq == p->seq && h->bytes == p->bytes &&
	       memcmp(h->hash, p->hash, SHA256_LEN) == 0;
}

/* Logged heads at the present position must be on the chain. */
static void meet_heads(struct walk *x)
{
	struct reader_pos p;
	char text[128];

	if (x->head == x->s->n_heads)
		return;
	reader_position(x->r, &p);
	for (; x->head < x->s->n_heads && x->s->heads[x->head].seq <= p.seq; x->head++) {
		if (head_is(&x->s->heads[x->head], &p))
			continue;
		snprintf(text, sizeof(text),
		    "segment %u: record %llu is not the one that was logged (edited and chained "
		    "anew)",
		    p.segment, LLU(x->s->heads[x->head].seq));
		bad(x, text);
	}
}

/* The end leaf says exactly where the recording ends. */
static void meet_end(struct walk *x, int rc)
{
	const struct vhead *e = &x->s->end;
	struct reader_pos p;
	char text[256] = "";

	reader_position(x->r, &p);
	if (rc < 0)
		(void)snprintf(text, sizeof(text), "%s", x->why.text);
	else if (p.seq < e->seq)
		snprintf(text, sizeof(text), "segment %u: cut after record %llu; the log has %llu",
		    p.segment, LLU(p.seq), LLU(e->seq));
	else if (p.seq > e->seq)
		snprintf(text, sizeof(text),
		    "segment %u: records were added after the end, record %llu", p.segment,
		    LLU(e->seq));
	else if (!head_is(e, &p))
		snprintf(text, sizeof(text),
		    "segment %u: the last record is not the one that was logged", p.segment);
	else if (reader_torn_bytes(x->r) > 0)
		snprintf(text, sizeof(text), "segment %u: %llu bytes were added after the end",
		    p.segment, LLU(reader_torn_bytes(x->r)));
	else if (x->head < x->s->n_heads)
		snprintf(text, sizeof(text),
		    "segment %u: cut after record %llu before its end was logged; the log has seen "
		    "%llu",
		    p.segment, LLU(p.seq), LLU(x->s->heads[x->s->n_heads - 1].seq));
	else if (x->s->end_segments != 0 && x->s->end_segments != p.segment)
		snprintf(text, sizeof(text), "has %u segments; the log has %u", p.segment,
		    x->s->end_segments);
	if (text[0] != '\0')
		bad(x, text);
}

/* No end leaf: a crash or a session that goes on. What the log has seen must be there; behind it
 * only an unfinished write is excused, never a broken chain. */
static void meet_open_end(struct walk *x, int rc)
{
	struct reader_pos p;
	char text[160];

	reader_position(x->r, &p);
	if (rc < 0) {
		bad(x, x->why.text);
	} else if (x->head < x->s->n_heads) {
		snprintf(text, sizeof(text),
		    "segment %u: cut after record %llu; the log has seen %llu", p.segment,
		    LLU(p.seq), LLU(x->s->heads[x->s->n_heads - 1].seq));
		bad(x, text);
	}
}

/* One pass over all records. */
static void walk_records(struct walk *x)
{
	const struct rec_frame *f;
	int rc;

	x->head = 0;
	meet_heads(x);
	while ((rc = reader_next(x->r, &f, &x->why)) == 1) {
		meet_heads(x);
		if (x->counting) {
			x->v->out->records++;
			x->v->out->statements += f->type == REC_STATEMENT;
		}
	}
	if (rc < 0 && rc != E_TAMPER) {
		verify_find(x->v, VERIFY_ERROR, x->s->sid, "%s", x->why.text);
		x->bad = true;
	} else if (x->s->ended) {
		meet_end(x, rc);
	} else {
		meet_open_end(x, rc);
	}
}

static void check_meta(struct walk *x)
{
	uint8_t h[SHA256_LEN];
	const struct rec_meta *m = reader_meta(x->r);

	reader_meta_hash(x->r, h);
	if (memcmp(h, x->s->meta_hash, SHA256_LEN) != 0)
		bad(x, "meta is not the one that was logged (edited)");
	else if (strcmp(m->sid, x->s->sid) != 0 || m->counter != x->s->counter)
		bad(x, "meta names another session than the log");
}

static void pass(struct walk *x, int dirfd, unsigned flags)
{
	int rc = reader_open_at(dirfd, flags, &x->r, &x->why);

	if (rc == E_TAMPER || rc == E_UNKNOWN) {
		bad(x, x->why.text);
		return;
	}
	if (rc != 0) {
		verify_find(x->v, VERIFY_ERROR, x->s->sid, "%s", x->why.text);
		x->bad = true;
		return;
	}
	check_meta(x);
	walk_records(x);
	reader_free(x->r);
}

static void check_seal(struct walk *x, int dirfd, const struct vseal *s)
{
	char name[RECDIR_NAME_LEN];
	char text[128];
	uint8_t h[SHA256_LEN];
	uint64_t bytes = 0;
	int fd;
	int rc;

	recdir_segment_name(s->segment, true, name);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	rc = fd >= 0 ? segment_file_hash(fd, h, &bytes) : -errno;
	fd_close(&fd);
	if (rc == -ENOENT)
		snprintf(text, sizeof(text), "segment %u: the sealed file is missing", s->segment);
	else if (rc == 0 && (bytes != s->bytes || memcmp(h, s->hash, SHA256_LEN) != 0))
		snprintf(text, sizeof(text),
		    "segment %u: the sealed file is not the one that was logged (edited)",
		    s->segment);
	else
		text[0] = '\0';
	if (text[0] != '\0')
		bad(x, text);
	else if (rc != 0)
		verify_find(
		    x->v, VERIFY_ERROR, x->s->sid, "segment %u: %s", s->segment, err_str(rc));
}

static bool seal_known(const struct vsession *s, uint32_t segment)
{
	for (size_t i = 0; i < s->n_seals; i++)
		if (s->seals[i].segment == segment)
			return true;
	return false;
}

/* A writer holds a lock on its segment as long as it lives. */
static bool is_live(int dirfd, const struct recdir_segment *last)
{
	char name[RECDIR_NAME_LEN];
	bool live;
	int fd;

	recdir_segment_name(last->no, false, name);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	live = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	fd_close(&fd);
	return live;
}

/* How a session that verifies ended. */
static void tell_end(struct walk *x, int dirfd, const struct recdir_segment *seg, size_t n)
{
	if (x->s->ended && strncmp(x->s->reason, "crash", 5) != 0)
		return;
	if (x->s->ended)
		verify_find(x->v, VERIFY_CRASH, x->s->sid, "ended by a crash (%s)", x->s->reason);
	else if (n > 0 && is_live(dirfd, &seg[n - 1]))
		verify_find(x->v, VERIFY_LIVE, x->s->sid, "still being written");
	else
		verify_find(x->v, VERIFY_CRASH, x->s->sid,
		    "was not closed: ended by a crash, or cut behind record %llu",
		    x->s->n_heads > 0 ? LLU(x->s->heads[x->s->n_heads - 1].seq) : 0);
}

static void check_files(struct walk *x, int dirfd)
{
	struct recdir_segment *seg = NULL;
	size_t n = 0;
	size_t strange = 0;
	bool twins = false;
	int rc = recdir_segments(dirfd, &seg, &n, &strange);

	if (rc != 0) {
		verify_find(x->v, VERIFY_ERROR, x->s->sid, "cannot be listed: %s", err_str(rc));
		return;
	}
	for (size_t i = 0; i < n; i++)
		twins = twins || (seg[i].raw && seg[i].sealed);
	x->counting = true;
	pass(x, dirfd, 0);
	x->counting = false;
	if (twins && !x->bad)
		pass(x, dirfd, READER_PREFER_RAW);
	for (size_t i = 0; i < x->s->n_seals && !x->bad; i++)
		check_seal(x, dirfd, &x->s->seals[i]);
	for (size_t i = 0; i < n && !x->bad; i++)
		if (seg[i].sealed && !seal_known(x->s, seg[i].no))
			verify_find(x->v, VERIFY_NOTE, x->s->sid,
			    "segment %u is sealed, and that is not in the log yet", seg[i].no);
	if (strange > 0)
		verify_find(x->v, VERIFY_NOTE, x->s->sid, "%zu files do not belong there", strange);
	if (!x->bad)
		tell_end(x, dirfd, seg, n);
	free(seg);
}

void verify_session(struct verifier *v, const struct vsession *s)
{
	struct walk x = {.v = v, .s = s};
	int fd = openat(v->root_fd, s->sid, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	v->out->sessions++;
	if (s->deleted) {
		v->out->deleted++;
		if (fd >= 0)
			verify_find(v, VERIFY_NOTE, s->sid,
			    "has a tombstone, but files of it are still there");
	} else if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
		verify_find(v, VERIFY_TAMPER, s->sid,
		    "the recording is gone, and no tombstone says why (deleted)");
	} else if (fd < 0) {
		verify_find(v, VERIFY_ERROR, s->sid, "cannot be opened: %s", err_str(-errno));
	} else {
		check_files(&x, fd);
	}
	fd_close(&fd);
}
