/* SPDX-License-Identifier: Apache-2.0
 *
 * zstd frames (RFC 8878).
 */
#include "record/zst.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/mem.h"

#define WINDOW_LOG 20
#define STEP_BYTES ((size_t)128 * 1024)

struct zst_out {
	ZSTD_CCtx *c;
};

struct zst_in {
	ZSTD_DCtx *d;
	bool inside; /* a frame has begun and not ended */
};

struct zst_out *zst_out_new(int level)
{
	struct zst_out *z = xcalloc(1, sizeof(*z));

	z->c = ZSTD_createCCtx();
	if (z->c == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z->c, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z->c, ZSTD_c_checksumFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z->c, ZSTD_c_windowLog, WINDOW_LOG))) {
		zst_out_free(z);
		return NULL;
	}
	return z;
}

void zst_out_free(struct zst_out *z)
{
	if (z == NULL)
		return;
	ZSTD_freeCCtx(z->c);
	free(z);
}

int zst_out_frame(struct zst_out *z, struct span in, struct buf *out)
{
	size_t bound = ZSTD_compressBound(in.n);
	uint8_t *at;
	size_t n;
	int rc = buf_reserve(out, bound, &at);

	if (rc != 0)
		return rc;
	n = ZSTD_compress2(z->c, at, bound, in.p, in.n);
	if (ZSTD_isError(n))
		return E_INTERNAL;
	buf_commit(out, n);
	return 0;
}

struct zst_in *zst_in_new(void)
{
	struct zst_in *z = xcalloc(1, sizeof(*z));

	z->d = ZSTD_createDCtx();
	if (z->d == NULL ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(z->d, ZSTD_d_windowLogMax, WINDOW_LOG))) {
		zst_in_free(z);
		return NULL;
	}
	return z;
}

void zst_in_free(struct zst_in *z)
{
	if (z == NULL)
		return;
	ZSTD_freeDCtx(z->d);
	free(z);
}

bool zst_in_at_boundary(const struct zst_in *z)
{
	return !z->inside;
}

/* The decoder would silently pass over skippable frames: bytes that no chain covers. Take plain
 * frames only. */
static int frame_begin(struct zst_in *z, struct span in)
{
	static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

	if (in.n < sizeof(magic))
		return E_MORE;
	if (memcmp(in.p, magic, sizeof(magic)) != 0)
		return E_FORMAT;
	z->inside = true;
	return 0;
}

int zst_in_step(struct zst_in *z, struct span in, size_t *used, struct buf *out)
{
	ZSTD_inBuffer src = {in.p, in.n, 0};
	ZSTD_outBuffer dst = {NULL, STEP_BYTES, 0};
	uint8_t *at;
	size_t left;
	int rc = z->inside ? 0 : frame_begin(z, in);

	*used = 0;
	if (rc == 0)
		rc = buf_reserve(out, STEP_BYTES, &at);
	if (rc != 0)
		return rc;
	dst.dst = at;
	left = ZSTD_decompressStream(z->d, &dst, &src);
	if (ZSTD_isError(left))
		return E_FORMAT;
	if (left == 0)
		z->inside = false;
	buf_commit(out, dst.pos);
	*used = src.pos;
	return dst.pos == 0 && src.pos == 0 && left != 0 ? E_MORE : 0;
}
