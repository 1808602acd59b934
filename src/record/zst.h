/* SPDX-License-Identifier: Apache-2.0
 *
 * zstd behind a few functions (its doorway): one independent frame per call when writing, bounded
 * streaming when reading. Frames carry a content checksum; a window above 1 MiB is neither written
 * nor accepted.
 */
#ifndef SP_RECORD_ZST_H
#define SP_RECORD_ZST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct zst_out;
struct zst_out *zst_out_new(int level); /* NULL when out of memory */
void zst_out_free(struct zst_out *z);
/* Append one frame that holds in. */
int zst_out_frame(struct zst_out *z, struct span in, struct buf *out) MUST_CHECK;

struct zst_in;
struct zst_in *zst_in_new(void); /* NULL when out of memory */
void zst_in_free(struct zst_in *z);
/* Decode from the front of in into out (at most about 128 KiB per call); *used = input bytes taken.
 * 0, E_MORE when nothing can be done without more input, E_FORMAT on damage, a skippable frame or a
 * large window. */
int zst_in_step(struct zst_in *z, struct span in, size_t *used, struct buf *out) MUST_CHECK;
/* Between two frames: the only place where a file may end. */
bool zst_in_at_boundary(const struct zst_in *z);

#endif
