/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of one session's recording: names, creation, listing. RECORDINGS/<sid>/ holds
 * `meta` and segments `000001.rec`, `000002.rec` ... (raw) or `000001.rec.zst` (sealed). Not their
 * content (record/reader.h).
 */
#ifndef SP_RECORD_RECDIR_H
#define SP_RECORD_RECDIR_H

#include "base/crypto.h"
#include "base/err.h"
#include "wire/recframe.h"

#define RECDIR_NAME_LEN     20 /* "000001.rec.zst.tmp" and a NUL */
#define RECDIR_SEGMENTS_MAX 999999u

/* A new ULID: milliseconds of wall_us and 80 random bits. */
void recdir_new_sid(int64_t wall_us, char out[REC_SID_LEN + 1]);

/* mkdir RECORDINGS/<m->sid>, write and fsync meta, fsync both directories. *dirfd is the new
 * directory (O_RDONLY), meta_hash = SHA-256(meta): the chain's genesis and the start leaf's hash.
 * E_EXISTS when the id is taken. */
int recdir_create(
    int root_fd, const struct rec_meta *m, int *dirfd, uint8_t meta_hash[SHA256_LEN]) MUST_CHECK;
/* Create segment no (O_APPEND, 0600, exclusive, flock held as long as the descriptor lives in any
 * process) and fsync the directory. */
int recdir_segment_create(int dirfd, uint32_t no, int *fd) MUST_CHECK;
/* Where the file system has it (needs CAP_LINUX_IMMUTABLE): only appends are possible from now on.
 * Clear before sealing or deleting. -ENOTTY, -EPERM ... when it could not be set. */
int recdir_set_append_only(int fd, bool on) MUST_CHECK;

void recdir_segment_name(uint32_t no, bool sealed, char out[RECDIR_NAME_LEN]);
/* Is this the name of a segment? */
bool recdir_segment_parse(const char *name, uint32_t *no, bool *sealed);

struct recdir_segment {
	uint32_t no;
	bool raw, sealed; /* which files exist; both for a moment while sealing */
};
/* All segments in order of number (array to be freed). Names that are neither meta, a segment nor a
 * temporary file are counted in *strange. */
int recdir_segments(int dirfd, struct recdir_segment **out, size_t *n, size_t *strange) MUST_CHECK;

/* Calls fn for each session directory in order of id; a non-zero return stops and is returned. */
typedef int recdir_fn(void *ctx, const char *sid);
int recdir_each(int root_fd, recdir_fn *fn, void *ctx) MUST_CHECK;

/* Remove a session's files and directory (after its tombstone is in the log). */
int recdir_remove(int root_fd, const char *sid) MUST_CHECK;

#endif
