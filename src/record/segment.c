/* SPDX-License-Identifier: Apache-2.0
 *
 * Segment files as byte streams.
 */
#include "record/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "record/zst.h"

#define CHUNK ((size_t)128 * 1024)

struct segment {
	int fd;
	off_t at;
	struct zst_in *z; /* NULL for a raw segment */
	struct buf in;    /* compressed bytes not yet decoded */
};

struct segment *segment_new(int fd, bool sealed)
{
	struct segment *s = xcalloc(1, sizeof(*s));

	s->fd = fd;
	buf_init(&s->in, 2 * CHUNK);
	if (sealed) {
		s->z = zst_in_new();
		if (s->z == NULL) {
			segment_free(s);
			return NULL;
		}
	}
	return s;
}

void segment_free(struct segment *s)
{
	if (s == NULL)
		return;
	fd_close(&s->fd);
	zst_in_free(s->z);
	buf_clear(&s->in);
	free(s);
}

bool segment_sealed(const struct segment *s)
{
	return s->z != NULL;
}

static int64_t read_chunk(struct segment *s, struct buf *out)
{
	uint8_t *p;
	ssize_t n;
	int rc = buf_reserve(out, CHUNK, &p);

	if (rc != 0)
		return rc;
	do {
		n = pread(s->fd, p, CHUNK, s->at);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	s->at += n;
	buf_commit(out, (size_t)n);
	return n;
}

int64_t segment_fill(struct segment *s, struct buf *out)
{
	size_t before = buf_len(out);
	size_t used = 0;

	if (s->z == NULL)
		return read_chunk(s, out);
	while (buf_len(out) == before) {
		int rc = zst_in_step(s->z, buf_span(&s->in), &used, out);
		int64_t n;

		buf_consume(&s->in, used);
		if (rc == 0)
			continue;
		if (rc != E_MORE)
			return rc;
		n = read_chunk(s, &s->in);
		if (n < 0)
			return n;
		if (n == 0)
			return buf_len(&s->in) == 0 && zst_in_at_boundary(s->z) ? 0 : E_SHORT;
	}
	return (int64_t)(buf_len(out) - before);
}

int segment_file_hash(int fd, uint8_t out[32], uint64_t *bytes)
{
	struct segment s = {.fd = fd};
	struct sha256_ctx *sha = sha256_new();
	struct buf b;
	int64_t n;

	buf_init(&b, 2 * CHUNK);
	while ((n = read_chunk(&s, &b)) > 0) {
		sha256_add(sha, buf_span(&b));
		buf_reset(&b);
	}
	*bytes = (uint64_t)s.at;
	sha256_end(sha, out);
	sha256_free(sha);
	buf_clear(&b);
	return (int)n;
}
