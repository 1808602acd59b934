/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads one session's recording, raw and sealed segments alike, and checks the hash chain on the
 * way. Input is hostile: sizes are capped, damage is an error with its place, never a crash. It
 * knows nothing of the proof log (record/verify.h does): a chain that was recomputed from the start
 * looks right here.
 */
#ifndef SP_RECORD_READER_H
#define SP_RECORD_READER_H

#include "base/crypto.h"
#include "base/err.h"
#include "wire/recframe.h"

struct reader;

#define READER_LAX 1u /* hand out records that do not match the chain too (reader_broken() tells)  \
		       */
#define READER_FOLLOW     2u /* a live session: after 0 the next call looks for more */
#define READER_PREFER_RAW 4u /* where a segment exists both raw and sealed, read the raw file */

/* dirfd stays the caller's (duplicated). */
int reader_open_at(int dirfd, unsigned flags, struct reader **out, struct why *w) MUST_CHECK;
int reader_open(const char *path, unsigned flags, struct reader **out, struct why *w) MUST_CHECK;

/* Already opened files: "meta", "000001.rec", "000002.rec.zst" ... in any order. The descriptors
 * stay the caller's (duplicated). Other names are E_FORMAT. */
struct reader_file {
	const char *name;
	int fd;
};
int reader_open_files(const struct reader_file *files, size_t n, unsigned flags,
    struct reader **out, struct why *w) MUST_CHECK;
void reader_free(struct reader *r); /* NULL is fine */

const struct rec_meta *reader_meta(const struct reader *r);
void reader_meta_hash(const struct reader *r, uint8_t out[SHA256_LEN]);

/* The next record, borrowed until the next call. 1; 0 at the end (see reader_torn_bytes());
 * E_TAMPER with why
 * ("segment 3: record 118 does not match the chain (edited or reordered)"); other errors of files
 * and memory. An error is final. */
int reader_next(struct reader *r, const struct rec_frame **f, struct why *w) MUST_CHECK;

/* State after the last record that was handed out. */
struct reader_pos {
	uint32_t segment;       /* 0: none yet */
	uint64_t seq;           /* last sequence number, 0: none */
	uint64_t bytes;         /* of all records so far, uncompressed */
	uint64_t segment_bytes; /* of those in this segment */
	uint8_t hash[SHA256_LEN];
};
void reader_position(const struct reader *r, struct reader_pos *p);
/* READER_LAX: did the record that was just handed out break the chain? */
bool reader_broken(const struct reader *r);
/* After 0: bytes of an unfinished record at the very end (a write that a crash or a full disk cut,
 * or the zeros that a power cut left of it). */
uint64_t reader_torn_bytes(const struct reader *r);

#endif
