/* SPDX-License-Identifier: Apache-2.0
 *
 * The uncompressed bytes of one segment file, raw or sealed, read with pread(2) so that a shared
 * descriptor's offset does not matter. Not records (record/reader.h).
 */
#ifndef SP_RECORD_SEGMENT_H
#define SP_RECORD_SEGMENT_H

#include "base/buf.h"
#include "base/err.h"

struct segment;

/* fd is owned from here on in every case. NULL: out of memory. */
struct segment *segment_new(int fd, bool sealed);
void segment_free(struct segment *s); /* NULL is fine */
/* Append up to about 128 KiB to out. Returns the bytes added, 0 at the end (a raw file may grow
 * later), E_FORMAT on damage, E_SHORT when a sealed file ends inside a frame, -errno. */
int64_t segment_fill(struct segment *s, struct buf *out);
bool segment_sealed(const struct segment *s);

/* SHA-256 and size of everything behind fd (pread from 0). */
int segment_file_hash(int fd, uint8_t out[32], uint64_t *bytes) MUST_CHECK;

#endif
