/* SPDX-License-Identifier: Apache-2.0
 *
 * Turning a closed raw segment into independent zstd frames, safe under kill -9 at each step; and
 * finding out where a recording that was cut by a crash really ends. Only these two ever change
 * recording files.
 */
#ifndef SP_RECORD_SEAL_H
#define SP_RECORD_SEAL_H

#include "base/crypto.h"
#include "base/err.h"
#include "wire/recframe.h"

/* After each of these the process may die and a later call finishes the work. */
enum seal_step {
	SEAL_BEGUN,
	SEAL_WRITTEN,
	SEAL_SYNCED,
	SEAL_VERIFIED,
	SEAL_RENAMED,
	SEAL_DIR_SYNCED,
	SEAL_UNLINKED
};

struct seal_params {
	int dirfd; /* the session's directory; borrowed */
	uint32_t segment;
	int raw_fd;          /* readable, borrowed; -1: opened by name */
	const uint8_t *prev; /* chain hash before the segment's first record, or NULL: that one link
				is not checked */
	const uint8_t
	    *head; /* chain hash of its last record, as the log has it; NULL takes what is there */
	void (*step)(void *ctx, enum seal_step s); /* tests; may be NULL */
	void *ctx;
};

struct seal_result {
	uint8_t hash[SHA256_LEN]; /* of the whole sealed file: for the seal leaf */
	uint64_t bytes;           /* its size */
	uint64_t raw_bytes;       /* uncompressed */
	uint64_t records, last_seq;
	uint8_t head[SHA256_LEN];
};

/* 0; E_STATE while a writer still holds the segment; E_TAMPER when the content does not match;
 * -errno. Idempotent: when the sealed file is there already it is checked against head, a raw twin
 * with the same content is removed, and the result is the same as the first time. An empty segment
 * is sealed too. */
int seal_segment(const struct seal_params *p, struct seal_result *out, struct why *w) MUST_CHECK;

/* The leaf that goes into the log for it (time_us is the caller's). */
void seal_leaf(const char *sid, uint32_t segment, const struct seal_result *r, struct rec_leaf *l);

struct recover_result {
	uint64_t seq, bytes;
	uint8_t head[SHA256_LEN];
	uint32_t segments;
	uint64_t statements, rows; /* rows: sum over results */
	int64_t last_wall_us;      /* of the last record, by the last anchor; 0 when unknown */
	bool ended;                /* the last record is REC_END */
	uint64_t torn_bytes;       /* cut away when cut was true */
};

/* Read a session's recording to its end. For the end leaf after an abnormal end: what is in the
 * files counts, not what the dead process said. cut: remove the bytes of an unfinished last record
 * (needs the file writable and not append-only) so that the segment can be sealed. E_TAMPER when
 * the chain is broken before the end. */
int recording_recover(int dirfd, bool cut, struct recover_result *out, struct why *w) MUST_CHECK;

#endif
