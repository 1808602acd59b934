/* SPDX-License-Identifier: Apache-2.0
 *
 * Appending chained records. One buffer and one hash context live as long as the session; a commit
 * is one write(2). Errors stick: a recorder that failed once never records again, so nothing can be
 * forwarded on it. It starts with a wall-clock anchor, repeats it every minute, and adds one when
 * the wall clock steps.
 */
#include "record/recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define KEEP_BYTES  (64u * 1024) /* buffer kept between commits */
#define PENDING_MAX (REC_MAX + (16u * 1024 * 1024))
#define ANCHOR_US   (60 * 1000 * 1000ll)
#define STEP_US     (1000 * 1000ll) /* wall clock moved against the monotonic one */

struct recorder {
	int fd;
	int err;       /* first error; final */
	bool unsynced; /* written since the last fdatasync */
	bool anchored;
	struct sha256_ctx *sha;
	struct buf b;             /* added, not committed */
	uint64_t next;            /* sequence number of the next record */
	uint8_t tip[SHA256_LEN];  /* hash of the last added record */
	uint64_t head_seq, bytes; /* committed */
	uint8_t head[SHA256_LEN];
	uint64_t segment_bytes;
	int64_t anchor_mono_us, anchor_wall_us;
	uint64_t mark; /* in the tickets */
};

struct recorder *recorder_new(int fd, const uint8_t prev[SHA256_LEN], uint64_t seq)
{
	struct recorder *r = xcalloc(1, sizeof(*r));

	r->fd = fd;
	r->sha = sha256_new();
	r->next = seq;
	r->head_seq = seq - 1;
	memcpy(r->tip, prev, SHA256_LEN);
	memcpy(r->head, prev, SHA256_LEN);
	buf_init(&r->b, PENDING_MAX);
	crypto_random(&r->mark, sizeof(r->mark));
	return r;
}

void recorder_free(struct recorder *r)
{
	if (r == NULL)
		return;
	fd_close(&r->fd);
	sha256_free(r->sha);
	buf_wipe(&r->b); /* parameters may be personal data */
	free(r);
}

int recorder_break(struct recorder *r, int err)
{
	if (r->err == 0)
		r->err = err < 0 ? err : E_INTERNAL;
	return r->err;
}

int recorder_err(const struct recorder *r)
{
	return r->err;
}

/* ---- leave to send ---- */

uint64_t recorder_what(struct span sql)
{
	uint64_t h = 14695981039346656037ull; /* FNV-1a, by eight bytes */
	uint64_t word;

	for (; sql.n >= sizeof(word); sql = span_of(sql.p + sizeof(word), sql.n - sizeof(word))) {
		memcpy(&word, sql.p, sizeof(word));
		h = (h ^ word) * 1099511628211ull;
		h ^= h >> 29;
	}
	for (size_t i = 0; i < sql.n; i++)
		h = (h ^ sql.p[i]) * 1099511628211ull;
	return h;
}

bool recorder_gave(const struct recorder *r, struct rec_ticket t)
{
	return r->err == 0 && t.leave != REC_LEAVE_NONE && t.mark == r->mark && t.seq > 0 && t.seq < r->next;
}

struct rec_ticket recorder_pass(const struct recorder *r)
{
	if (r->err != 0 || r->next < 2)
		return (struct rec_ticket){0};
	return (struct rec_ticket){.seq = r->next - 1, .mark = r->mark, .leave = REC_LEAVE_PASS};
}

/* The ticket of the record that was just added, or none. */
static void ticket_fill(
    const struct recorder *r, struct rec_ticket *t, int64_t seq, enum rec_leave leave, uint64_t what)
{
	if (t == NULL)
		return;
	*t = (struct rec_ticket){0};
	if (seq > 0 && r->err == 0)
		*t = (struct rec_ticket){.seq = (uint64_t)seq, .what = what, .mark = r->mark, .leave = leave};
}

/* ---- records ---- */

/* Hash the open record at offset at, close it, and move the tip. */
static int64_t seal_record(struct recorder *r, size_t at)
{
	struct span body = rec_body(&r->b, at);

	if (body.p == NULL || body.n > REC_MAX - 64)
		return recorder_break(r, buf_err(&r->b) != 0 ? buf_err(&r->b) : E_TOOBIG);
	sha256_begin(r->sha);
	sha256_add(r->sha, span_of(r->tip, SHA256_LEN));
	sha256_add(r->sha, body);
	sha256_end(r->sha, r->tip);
	rec_end(&r->b, r->tip);
	if (buf_err(&r->b) != 0)
		return recorder_break(r, buf_err(&r->b));
	return (int64_t)r->next++;
}

static void put_anchor(struct recorder *r, int64_t mono_us, int64_t wall_us)
{
	char text[24];
	struct rec_kv kv = {"wall_us", {NULL, 0}};
	size_t at = rec_begin(&r->b, r->next, mono_us, REC_ANCHOR);

	snprintf(text, sizeof(text), "%lld", (long long)wall_us);
	kv.value = span_str(text);
	rec_put_kv(&r->b, REC_ANCHOR, &kv, 1);
	(void)seal_record(r, at); /* a failure sticks in r */
	r->anchored = true;
	r->anchor_mono_us = mono_us;
	r->anchor_wall_us = wall_us;
}

/* The record's time; puts an anchor before it when one is due. */
static int64_t record_time(struct recorder *r)
{
	int64_t mono = clock_mono_us();
	int64_t wall = clock_wall_us();
	int64_t since = mono - r->anchor_mono_us;
	int64_t step = wall - r->anchor_wall_us - since;

	if (!r->anchored || since >= ANCHOR_US || step > STEP_US || step < -STEP_US)
		put_anchor(r, mono, wall);
	return mono;
}

int64_t recorder_add_statement(struct recorder *r, const struct rec_statement *s, struct rec_ticket *t)
{
	size_t at;
	int64_t seq, now = record_time(r);

	ticket_fill(r, t, 0, REC_LEAVE_NONE, 0);
	if (r->err != 0)
		return r->err;
	at = rec_begin(&r->b, r->next, now, REC_STATEMENT);
	rec_put_statement(&r->b, s);
	seq = seal_record(r, at);
	ticket_fill(r, t, seq, s->forwarded ? REC_LEAVE_STATEMENT : REC_LEAVE_HELD,
	    t != NULL ? recorder_what(s->sql) : 0);
	if (t != NULL)
		t->n_values = s->n_params;
	return seq;
}

int64_t recorder_add_result(struct recorder *r, const struct rec_result *s)
{
	size_t at;
	int64_t now = record_time(r);

	if (r->err != 0)
		return r->err;
	at = rec_begin(&r->b, r->next, now, REC_RESULT);
	rec_put_result(&r->b, s);
	return seal_record(r, at);
}

int64_t recorder_add(struct recorder *r, enum rec_type type, const struct rec_kv *kv, size_t n)
{
	size_t at;
	int64_t now = record_time(r);

	if (r->err != 0)
		return r->err;
	at = rec_begin(&r->b, r->next, now, type);
	rec_put_kv(&r->b, type, kv, n);
	return seal_record(r, at);
}

int64_t recorder_add_own(struct recorder *r, const char *why, const char *sql, struct rec_ticket *t)
{
	struct rec_kv kv[] = {{"why", span_str(why)}, {"sql", span_str(sql)}};
	int64_t seq = recorder_add(r, REC_OWN, kv, sizeof(kv) / sizeof(kv[0]));

	ticket_fill(r, t, seq, REC_LEAVE_OWN, t != NULL ? recorder_what(span_str(sql)) : 0);
	return seq;
}

int64_t recorder_add_copy(struct recorder *r, const struct rec_kv *kv, size_t n, struct rec_ticket *t)
{
	int64_t seq = recorder_add(r, REC_COPY, kv, n);

	ticket_fill(r, t, seq, REC_LEAVE_COPY, 0);
	return seq;
}

int64_t recorder_add_release(struct recorder *r, struct rec_ticket held, const struct rec_kv *kv, size_t n,
    struct rec_ticket *t)
{
	bool ours = recorder_gave(r, held) && held.leave == REC_LEAVE_HELD;
	int64_t seq = recorder_add(r, REC_DECISION, kv, n);

	ticket_fill(r, t, ours ? seq : 0, REC_LEAVE_STATEMENT, held.what);
	if (t != NULL)
		t->n_values = held.n_values;
	return seq;
}

int recorder_commit(struct recorder *r, bool sync)
{
	struct span s = buf_span(&r->b);
	int rc;

	if (r->err != 0)
		return r->err;
	if (s.n > 0) {
		rc = file_write_all(r->fd, s.p, s.n);
		if (rc != 0)
			return recorder_break(r, rc);
		r->unsynced = true;
		r->bytes += s.n;
		r->segment_bytes += s.n;
		r->head_seq = r->next - 1;
		memcpy(r->head, r->tip, SHA256_LEN);
		buf_reset(&r->b);
		buf_trim(&r->b, KEEP_BYTES);
	}
	if (sync && r->unsynced) {
		if (fdatasync(r->fd) != 0)
			return recorder_break(r, -errno);
		r->unsynced = false;
	}
	return 0;
}

bool recorder_dirty(const struct recorder *r)
{
	return buf_len(&r->b) > 0 || r->err != 0;
}

uint64_t recorder_committed(const struct recorder *r)
{
	return r->head_seq;
}

void recorder_head(
    const struct recorder *r, uint64_t *seq, uint64_t *bytes, uint8_t hash[SHA256_LEN])
{
	*seq = r->head_seq;
	*bytes = r->bytes;
	memcpy(hash, r->head, SHA256_LEN);
}

int recorder_rotate(struct recorder *r, int fd)
{
	int rc = r->err;

	if (rc == 0 && recorder_dirty(r))
		rc = E_STATE;
	if (rc == 0 && fd < 0)
		rc = recorder_break(r, -EBADF);
	/* What was promised durable must not hang on a descriptor that is gone. */
	if (rc == 0 && r->unsynced && fdatasync(r->fd) != 0)
		rc = recorder_break(r, -errno);
	if (rc != 0) {
		fd_close(&fd);
		return rc;
	}
	fd_close(&r->fd);
	r->fd = fd;
	r->unsynced = false;
	r->segment_bytes = 0;
	return 0;
}

uint64_t recorder_segment_bytes(const struct recorder *r)
{
	return r->segment_bytes;
}
