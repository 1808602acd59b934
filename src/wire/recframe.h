/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a recording: chained records, the meta map of a session, the leaves of the proof
 * log. Bytes ⇄ structs only: no hashing, no I/O, no clock. Specs: doc/formats/recording.md,
 * doc/formats/log.md.
 *
 * A record is a msgpack array of five: seq, mono_us, type, payload (a map), hash (bin of 32). The
 * hash covers the previous record's hash and the encoded bytes of the first four elements ("body"),
 * so body is handed out as such.
 */
#ifndef SP_WIRE_RECFRAME_H
#define SP_WIRE_RECFRAME_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "wire/mp.h"

#define REC_VERSION  1u
#define REC_HASH_LEN 32u
#define REC_MAX                                                                                    \
	(128u * 1024 *                                                                             \
	    1024)        /* one record; a statement beyond it cannot be recorded, so is refused */
#define REC_SID_LEN  26u /* ULID */
#define REC_META_MAX (64u * 1024)
#define REC_LEAF_MAX 65535u /* C2SP entries carry a 16-bit length */

enum rec_type {
	REC_START = 1,     /* session start: copy of meta's identity */
	REC_STATEMENT = 2, /* bytes, parameters, class, verdict, rule, epoch */
	REC_DECISION = 3,  /* hold: pending, approved, denied, expired, withdrawn, consumed */
	REC_RESULT = 4,    /* tag, columns, masked flags, rows, bytes, duration, SQLSTATE */
	REC_ERROR = 5,
	REC_NOTICE = 6, /* shown to the user by the gateway */
	REC_COPY = 7,   /* rolling hash, bytes, rows */
	REC_OWN = 8,    /* the gateway's own statement on this connection */
	REC_OUTPUT = 9, /* terminal output of pty sessions */
	REC_INPUT = 10,
	REC_RESIZE = 11,
	REC_ANCHOR = 12, /* wall clock; the recorder writes these itself */
	REC_GAP = 13,
	REC_END = 14,
	REC_CANCEL = 15,
	REC_PROTOCOL = 16, /* other forwarded commands: FunctionCall, Close, Describe of interest */
};

/* "start", "statement", ...; "unknown" for a number of a later version. */
const char *rec_type_name(unsigned type);

struct rec_param {
	bool is_null;
	int16_t format; /* 0 text, 1 binary */
	struct span value;
};

struct rec_statement {
	const char *proto; /* "query" | "parse" | "execute" | "call" */
	struct span sql;   /* exact bytes; for an execute the text of its statement */
	const char *name;  /* prepared statement name, or "" */
	size_t n_params;
	const struct rec_param *params;
	const char *cls;     /* class name */
	const char *verdict; /* "allow" | "warn" | "hold" | "deny" */
	const char *rule;
	const char *reason;
	uint32_t epoch;
	bool forwarded; /* false: refused, never sent */
};

struct rec_result {
	uint64_t stmt_seq; /* seq of the statement record it answers */
	const char *tag;   /* CommandComplete tag, or "" */
	uint64_t rows, bytes;
	uint64_t duration_us;
	const char *masked;   /* "name email" or "" */
	const char *sqlstate; /* "" when it succeeded */
	const char *message;  /* error text (already scrubbed), or "" */
};

struct rec_kv {
	const char *key;
	struct span value;
};

/* ---- writing one record: begin, one payload, end; errors are sticky in b ---- */

/* Returns the record's offset in b. */
size_t rec_begin(struct buf *b, uint64_t seq, int64_t mono_us, enum rec_type type);
void rec_put_statement(struct buf *b, const struct rec_statement *s);
void rec_put_result(struct buf *b, const struct rec_result *r);
/* Values as msgpack str (bin for REC_OUTPUT and REC_INPUT data). */
void rec_put_kv(struct buf *b, enum rec_type type, const struct rec_kv *kv, size_t n);
/* The bytes to hash, after the payload and before rec_end(); valid until b is written to. */
struct span rec_body(const struct buf *b, size_t at);
void rec_end(struct buf *b, const uint8_t hash[REC_HASH_LEN]);

/* ---- reading ---- */

struct rec_frame {
	uint64_t seq;
	int64_t mono_us;
	unsigned type;     /* enum rec_type, or a number of a later version */
	struct span whole; /* the record's bytes; all spans borrow from the input */
	struct span body;
	struct span hash;
	struct mp_doc *doc;
};

/* One record from the front of in. E_SHORT when it is cut, E_FORMAT, E_TOOBIG. Clear f after
 * success. */
int rec_parse(struct span in, struct rec_frame *f, size_t *used) MUST_CHECK;
void rec_frame_clear(struct rec_frame *f); /* safe on a zeroed or cleared frame */
/* Payload fields; absent or of another type: empty span, dflt. rec_num also takes a decimal text.
 */
struct span rec_text(const struct rec_frame *f, const char *key);
uint64_t rec_num(const struct rec_frame *f, const char *key, uint64_t dflt);
bool rec_flag(const struct rec_frame *f, const char *key, bool dflt);
/* Wall time of a record from the last anchor; the numbers are untrusted, so the sum wraps instead
 * of overflowing. */
static inline int64_t rec_wall_us(int64_t anchor_wall_us, int64_t anchor_mono_us, int64_t mono_us)
{
	return (int64_t)((uint64_t)anchor_wall_us + (uint64_t)mono_us - (uint64_t)anchor_mono_us);
}

/* Calls fn for each payload pair in order; number is used when text.p is NULL. */
typedef void rec_pair_fn(void *ctx, struct span key, struct span text, uint64_t number);
void rec_each_pair(const struct rec_frame *f, rec_pair_fn *fn, void *ctx);
/* Calls fn for each parameter of a statement. 0, or an error when they are malformed. */
typedef void rec_param_fn(void *ctx, size_t i, const struct rec_param *p);
int rec_each_param(const struct rec_frame *f, rec_param_fn *fn, void *ctx);

/* ---- meta ---- */

struct rec_meta {
	uint32_t version; /* written as REC_VERSION */
	char sid[REC_SID_LEN + 1];
	uint64_t counter;  /* gap-free per gateway */
	int64_t start_us;  /* wall clock */
	uint32_t epoch;    /* policy epoch at start */
	char gateway[128]; /* key name of its log */
	char user[256], person[256], on_behalf_of[256];
	char target[128], engine[32], database[256], login[128];
	char source[128]; /* address:port */
	char client[128]; /* application_name or ssh version */
	char cert[32];    /* certificate serial, decimal */
};

void rec_meta_put(struct buf *b, const struct rec_meta *m);
/* E_UNKNOWN for another version; unknown keys are ignored. */
int rec_meta_parse(struct span in, struct rec_meta *m) MUST_CHECK;
/* 26 characters of the ULID alphabet? */
bool rec_sid_ok(struct span s);

/* ---- leaves of the proof log ---- */

enum leaf_type {
	LEAF_START = 1, /* sid counter hash=SHA-256(meta); who of an agent: "agent:etl for carol" */
	LEAF_PROGRESS,  /* sid seq bytes hash=head */
	LEAF_END,       /* sid seq bytes hash=head segment=how many reason */
	LEAF_SEAL,      /* sid segment bytes hash=SHA-256(sealed file); seq head raw: where its last
			   record left the chain */
	LEAF_APPROVAL,  /* sid id who reason(decision) hash=binding */
	LEAF_POLICY,    /* seq=epoch hash=SHA-256(configuration) who */
	LEAF_READ,      /* sid who reason: a recording was read */
	LEAF_DELETE,    /* sid who reason: tombstone */
	LEAF_GAP, /* counter..last were never used; or, without counter, a time when nothing could
		     be recorded */
	LEAF_TYPE_N
};
const char *leaf_type_name(unsigned type);

struct rec_leaf {
	enum leaf_type type;
	int64_t time_us;
	char sid[REC_SID_LEN + 1];
	uint64_t counter, last;
	uint64_t seq, bytes;
	uint32_t segment;
	uint64_t raw; /* seal: uncompressed bytes of the segment */
	bool has_hash, has_head;
	uint8_t hash[REC_HASH_LEN];
	uint8_t head[REC_HASH_LEN];
	char id[64], who[256], reason[256];
};

/* Appends the leaf's bytes (at most REC_LEAF_MAX by construction). */
void rec_leaf_put(struct buf *b, const struct rec_leaf *l);
/* E_UNKNOWN for a type of a later version (l->time_us is set as far as it could be read). */
int rec_leaf_parse(struct span in, struct rec_leaf *l) MUST_CHECK;

#endif
