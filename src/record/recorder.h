/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer of one session's recording: plain chained records appended to a descriptor that the monitor
 * opened (O_APPEND). Not sealing, not reading. Format: doc/formats/recording.md.
 *
 * Rule of use: recorder_add_*() buffers a record; recorder_commit() makes everything added so far survive a
 * kill -9 of this process (write(2) returned) and, with sync, a power cut (fdatasync). A statement is committed
 * before it is forwarded; results may wait for the next commit. Any error is final: the session must end.
 */
#ifndef SP_RECORD_RECORDER_H
#define SP_RECORD_RECORDER_H

#include "base/crypto.h"
#include "base/err.h"
#include "base/span.h"

struct recorder; /* a relay can be built only from one of these */

enum rec_type {
	REC_START = 1,     /* session start: copy of meta's identity */
	REC_STATEMENT = 2, /* bytes, parameters, class, verdict, rule, epoch */
	REC_DECISION = 3,  /* hold: created, approved, denied, expired, withdrawn, consumed */
	REC_RESULT = 4,    /* tag, columns, masked flags, rows, bytes, duration, SQLSTATE */
	REC_ERROR = 5,
	REC_NOTICE = 6,    /* shown to the user by the gateway */
	REC_COPY = 7,      /* rolling hash, bytes, rows */
	REC_OWN = 8,       /* the gateway's own statement on this connection */
	REC_OUTPUT = 9,    /* terminal output of pty sessions */
	REC_INPUT = 10,
	REC_RESIZE = 11,
	REC_ANCHOR = 12,   /* wall clock */
	REC_GAP = 13,
	REC_END = 14,
	REC_CANCEL = 15,
	REC_PROTOCOL = 16, /* other forwarded commands: FunctionCall, Close, Describe of interest */
};

struct rec_param {
	bool is_null;
	int16_t format; /* 0 text, 1 binary */
	struct span value;
};

struct rec_statement {
	const char *proto;     /* "query" | "parse" | "execute" | "call" */
	struct span sql;       /* exact bytes; for an execute the text of its statement */
	const char *name;      /* prepared statement name, or "" */
	size_t n_params;
	const struct rec_param *params;
	const char *cls;       /* class name */
	const char *verdict;   /* "allow" | "warn" | "hold" | "deny" */
	const char *rule;
	const char *reason;
	uint32_t epoch;
	bool forwarded;        /* false: refused, never sent */
};

struct rec_result {
	uint64_t stmt_seq;     /* seq of the statement record it answers */
	const char *tag;       /* CommandComplete tag, or "" */
	uint64_t rows, bytes;
	uint64_t duration_us;
	const char *masked;    /* "name email" or "" */
	const char *sqlstate;  /* "" when it succeeded */
	const char *message;   /* error text (already scrubbed), or "" */
};

/* fd: owned by the recorder from here on, opened for append at the segment's end. prev: chain hash to start
 * from (all zero for segment 1's genesis = SHA-256 of meta), seq: first sequence number. */
struct recorder *recorder_new(int fd, const uint8_t prev[SHA256_LEN], uint64_t seq);
void recorder_free(struct recorder *r); /* commits nothing */

/* Each returns the record's sequence number, or a negative error (final). */
int64_t recorder_add_statement(struct recorder *r, const struct rec_statement *s);
int64_t recorder_add_result(struct recorder *r, const struct rec_result *s);
/* Generic: n pairs of key and value (C strings, NULL value = ""), for DECISION, NOTICE, OWN, CANCEL, START, END... */
struct rec_kv {
	const char *key;
	struct span value;
};
int64_t recorder_add(struct recorder *r, enum rec_type type, const struct rec_kv *kv, size_t n);

/* write(2) all that was added; sync: also fdatasync. 0 or a negative error (final). */
int recorder_commit(struct recorder *r, bool sync) MUST_CHECK;
/* Is anything added and not yet committed? */
bool recorder_dirty(const struct recorder *r);
/* Committed head: for progress reports. */
void recorder_head(const struct recorder *r, uint64_t *seq, uint64_t *bytes, uint8_t hash[SHA256_LEN]);
/* Go on in the next segment (after a commit): fd is owned from here on. */
int recorder_rotate(struct recorder *r, int fd) MUST_CHECK;
/* Bytes in the current segment: rotate above RECORDER_SEGMENT_MAX. */
#define RECORDER_SEGMENT_MAX (64u * 1024 * 1024)
uint64_t recorder_segment_bytes(const struct recorder *r);

#endif
