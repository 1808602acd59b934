/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer of one session's recording: plain chained records appended to a descriptor that the
 * monitor opened (O_APPEND). Not sealing, not reading. Format: doc/formats/recording.md; the record
 * types and their structs (enum rec_type, struct rec_statement, rec_result, rec_param, rec_kv) are
 * in wire/recframe.h.
 *
 * Rule of use: recorder_add_*() buffers a record; recorder_commit() makes everything added so far
 * survive a kill -9 of this process (write(2) returned) and, with sync, a power cut (fdatasync). A
 * statement is committed before it is forwarded; results may wait for the next commit. Any error is
 * final and stays visible: no later add or commit succeeds, the recorder never counts as clean again,
 * and no leave (struct rec_ticket) is given: the session must end.
 */
#ifndef SP_RECORD_RECORDER_H
#define SP_RECORD_RECORDER_H

#include "base/crypto.h"
#include "base/err.h"
#include "base/span.h"
#include "wire/recframe.h"

struct recorder; /* a relay can be built only from one of these */

/* Leave to send bytes to the server (session/px_up.h is the one who asks for it): what an add gives once its record
 * is in. Only the recorder makes them; a zeroed one opens nothing. */
enum rec_leave {
	REC_LEAVE_NONE,
	REC_LEAVE_HELD,      /* of a statement that is not to be forwarded (yet): recorder_add_release() */
	REC_LEAVE_STATEMENT, /* this statement, once */
	REC_LEAVE_OWN,       /* this statement of the gateway, and what belongs to it */
	REC_LEAVE_COPY,      /* the end of the data of a COPY, once */
	REC_LEAVE_PASS,      /* protocol messages that carry no command of their own */
};

struct rec_ticket {
	uint64_t seq;  /* of the record, or of the last one before it: that must be out first. 0: no leave */
	uint64_t what; /* recorder_what() of the SQL in the record */
	uint64_t mark; /* of the recorder that gave it */
	size_t n_values; /* parameters in the record */
	enum rec_leave leave;
};

/* fd: owned by the recorder from here on, opened for append at the segment's end. prev: chain hash
 * to start from (SHA-256 of the meta file for segment 1), seq: first sequence number (1 for a new
 * session). */
struct recorder *recorder_new(int fd, const uint8_t prev[SHA256_LEN], uint64_t seq);
void recorder_free(struct recorder *r); /* commits nothing; NULL is fine */

/* Each returns the record's sequence number, or a negative error (final). The recorder puts
 * wall-clock anchors (REC_ANCHOR) between records by itself, so numbers of consecutive calls may
 * differ by two. t (may be NULL): the leave that comes with the record, or none after an error. */
int64_t recorder_add_statement(struct recorder *r, const struct rec_statement *s, struct rec_ticket *t);
/* The gateway's own statement: why and sql are C strings. */
int64_t recorder_add_own(struct recorder *r, const char *why, const char *sql, struct rec_ticket *t);
/* REC_COPY: the data of a COPY has ended. */
int64_t recorder_add_copy(struct recorder *r, const struct rec_kv *kv, size_t n, struct rec_ticket *t);
/* REC_DECISION that lets the statement of `held` go. */
int64_t recorder_add_release(struct recorder *r, struct rec_ticket held, const struct rec_kv *kv, size_t n,
    struct rec_ticket *t);
int64_t recorder_add_result(struct recorder *r, const struct rec_result *s);
/* Generic: n pairs of key and value, for DECISION, NOTICE, CANCEL, START, END...
 * The keys of each type are listed in doc/formats/recording.md. */
int64_t recorder_add(struct recorder *r, enum rec_type type, const struct rec_kv *kv, size_t n);

/* Leave for messages without a command (Sync, Flush, Describe, Close, CopyData): there is one as long as everything
 * could be recorded. */
struct rec_ticket recorder_pass(const struct recorder *r);
/* Was this leave given by this recorder, and is all well? */
bool recorder_gave(const struct recorder *r, struct rec_ticket t);
/* What a ticket and a message are compared by. */
uint64_t recorder_what(struct span sql);

/* The caller could not even make a record (no memory): final like any error. Returns the first error. */
int recorder_break(struct recorder *r, int err);
/* The first error, or 0. */
int recorder_err(const struct recorder *r);

/* write(2) all that was added; sync: also fdatasync (of earlier commits too). 0 or a negative error
 * (final). */
int recorder_commit(struct recorder *r, bool sync) MUST_CHECK;
/* Is anything added and not yet committed, or lost for ever? */
bool recorder_dirty(const struct recorder *r);
/* Number of the last committed record. */
uint64_t recorder_committed(const struct recorder *r);
/* Committed head, for progress reports: last sequence number, bytes of all records of the session
 * since recorder_new() and the chain hash. Before the first commit: seq - 1, 0 and prev. */
void recorder_head(
    const struct recorder *r, uint64_t *seq, uint64_t *bytes, uint8_t hash[SHA256_LEN]);
/* Go on in the next segment (after a commit; E_STATE when dirty): fd is owned from here on in every
 * case. */
int recorder_rotate(struct recorder *r, int fd) MUST_CHECK;
/* Bytes in the current segment: rotate above RECORDER_SEGMENT_MAX. */
#define RECORDER_SEGMENT_MAX (64u * 1024 * 1024)
uint64_t recorder_segment_bytes(const struct recorder *r);

#endif
