/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL frontend/backend protocol 3.0: framing, start-up packets and strict typed views of messages.
 * Bytes to structs only: no I/O, no state machine, no SQL. Every view borrows from the message body. A message
 * is valid only when it is consumed to its last byte and all its counts agree with its length.
 * Building messages is wire/pgbuild.h. Source: PostgreSQL documentation 55.7 "Message Formats".
 */
#ifndef SP_WIRE_PG_H
#define SP_WIRE_PG_H

#include "base/cur.h"

#define PG_HEADER_LEN 5       /* type byte and length word */
#define PG_STARTUP_MAX 10000u /* the server's own MAX_STARTUP_PACKET_LENGTH */
#define PG_STARTUP_PAIRS 64   /* parameters in one StartupMessage */
#define PG_SMALL_MAX 10000u   /* body of a message that carries no text or data (as the server limits it) */

enum pg_dir { PG_FRONT, PG_BACK };

/* When a message may come, seen from the direction that sends it. */
#define PG_IN_AUTH 1u     /* after the start-up packet, before the first ReadyForQuery */
#define PG_IN_READY 2u    /* query processing */
#define PG_IN_COPY_IN 4u  /* between CopyInResponse and the end of the copy */
#define PG_IN_COPY_OUT 8u /* between CopyOutResponse and the end of the copy */

/* One row of the table of message types. */
struct pg_type {
	const char *name;  /* as in the documentation */
	unsigned phases;   /* PG_IN_* */
	bool large;        /* body may exceed PG_SMALL_MAX */
	bool data;         /* bulk data: may be passed on in pieces without being held whole */
	int (*check)(struct span body); /* complete strict validation */
};

/* NULL: there is no such message in this direction. */
const struct pg_type *pg_type_of(enum pg_dir dir, uint8_t type);

struct pg_msg {
	uint8_t type;
	struct span body;
};

/* Type and body length once 5 bytes are there: 0, E_MORE, or E_FORMAT for a length below 4 or above 2^31-1. */
int pg_header(struct span in, uint8_t *type, uint32_t *body_len) MUST_CHECK;
/* One whole message from the front of in. max limits the body; *used is its whole length. E_MORE, E_FORMAT, or
 * E_TOOBIG (msg->type is set as soon as the header is there). */
int pg_frame(struct span in, size_t max, struct pg_msg *msg, size_t *used) MUST_CHECK;
/* Is this message known in this direction and well formed? E_UNKNOWN, E_TOOBIG (small type, large body) or the
 * error of its view. */
int pg_check(enum pg_dir dir, const struct pg_msg *msg) MUST_CHECK;

/* ---- start-up packets (no type byte) ---- */
#define PG_PROTOCOL_3_0 0x00030000u
#define PG_CANCEL_CODE 80877102u
#define PG_SSL_CODE 80877103u
#define PG_GSS_CODE 80877104u

enum pg_startup_kind { PG_STARTUP, PG_SSL_REQUEST, PG_GSS_REQUEST, PG_CANCEL_REQUEST };

struct pg_startup {
	enum pg_startup_kind kind;
	uint32_t version;  /* the code word as sent */
	uint16_t minor;    /* PG_STARTUP: protocol minor version */
	uint16_t n_ext;    /* PG_STARTUP: number of _pq_.* options */
	struct span pairs; /* PG_STARTUP: name NUL value NUL ..., validated, without the final NUL */
	uint32_t pid, key; /* PG_CANCEL_REQUEST */
};

/* E_MORE, E_TOOBIG, E_FORMAT (also: a parameter given twice, an empty name) or E_UNKNOWN for another major protocol
 * version (version is set, *used too). */
int pg_startup_frame(struct span in, struct pg_startup *s, size_t *used) MUST_CHECK;
/* Walk the parameters: `struct cur c = cur_of(s->pairs); while (pg_startup_next(&c, &name, &value))`. */
bool pg_startup_next(struct cur *c, struct span *name, struct span *value);
/* One parameter's value, false when absent. */
bool pg_startup_get(const struct pg_startup *s, const char *name, struct span *value);
/* Must we answer NegotiateProtocolVersion (a newer minor version or a _pq_. option was asked for)? */
static inline bool pg_startup_negotiates(const struct pg_startup *s)
{
	return s->kind == PG_STARTUP && (s->minor > 0 || s->n_ext > 0);
}

/* ---- shared pieces ---- */
struct pg_value {
	struct span data;
	bool null;
};

/* Format codes: none given = text, one = for all, else one each. Formats come from a validated view. */
int pg_format_at(struct span formats, uint16_t n, size_t i);
/* Big-endian OID i of a validated list (Parse, ParameterDescription). */
uint32_t pg_oid_at(struct span oids, size_t i);

/* A message without a body: Sync, Flush, Terminate, CopyDone, ParseComplete, NoData, ... */
int pg_read_empty(struct span body) MUST_CHECK;
/* A message of one string: Query, CommandComplete, CopyFail, PasswordMessage (clear text). */
int pg_read_string(struct span body, struct span *s) MUST_CHECK;

/* ---- frontend ---- */
struct pg_parse {
	struct span name, sql, types;
	uint16_t n_types;
};

struct pg_bind {
	struct span portal, stmt;
	struct span formats, params, result_formats; /* raw, validated */
	uint16_t n_formats, n_params, n_result_formats;
};

struct pg_param {
	struct pg_value value;
	int format; /* 0 text, 1 binary */
};

struct pg_param_iter {
	struct cur c;
	struct span formats;
	uint16_t n_formats, i, n;
};

struct pg_target {
	uint8_t kind; /* 'S' prepared statement or 'P' portal */
	struct span name;
};

struct pg_execute {
	struct span portal;
	int32_t max_rows; /* <= 0: all */
};

struct pg_function_call {
	uint32_t function_oid;
	struct span formats, args;
	uint16_t n_formats, n_args;
	int result_format;
};

int pg_read_parse(struct span body, struct pg_parse *out) MUST_CHECK;
int pg_read_bind(struct span body, struct pg_bind *out) MUST_CHECK;
void pg_bind_params(const struct pg_bind *b, struct pg_param_iter *it);
void pg_function_args(const struct pg_function_call *f, struct pg_param_iter *it);
bool pg_param_next(struct pg_param_iter *it, struct pg_param *p);
int pg_read_target(struct span body, struct pg_target *out) MUST_CHECK; /* Describe, Close */
int pg_read_execute(struct span body, struct pg_execute *out) MUST_CHECK;
int pg_read_function_call(struct span body, struct pg_function_call *out) MUST_CHECK;

/* ---- backend ---- */
struct pg_field {
	struct span name;
	uint32_t table_oid, type_oid;
	int32_t typmod;
	int16_t attnum, typlen;
	int format;
};

struct pg_fields {
	struct cur c;
	uint16_t i, n;
};

/* DataRow values, validated while walking: nothing may be used before pg_row_end() said 0. */
struct pg_row {
	struct cur c;
	uint16_t i, n;
};

struct pg_copy {
	int format; /* overall: 0 text, 1 binary */
	uint16_t n_formats;
	struct span formats;
};

struct pg_notification {
	uint32_t pid;
	struct span channel, payload;
};

struct pg_negotiate {
	uint32_t minor, n_options;
	struct span options; /* NUL-terminated names */
};

int pg_read_fields(struct span body, struct pg_fields *out) MUST_CHECK; /* RowDescription; validates all */
bool pg_field_next(struct pg_fields *it, struct pg_field *f);
int pg_row_begin(struct span body, struct pg_row *row) MUST_CHECK;
bool pg_row_next(struct pg_row *row, struct pg_value *v); /* false: no more, or malformed */
int pg_row_end(const struct pg_row *row) MUST_CHECK;      /* 0, E_SHORT, E_FORMAT or E_TRAILING */
int pg_read_param_types(struct span body, struct span *oids, uint16_t *n) MUST_CHECK; /* ParameterDescription */
/* Row count at the end of a command tag ("INSERT 0 5", "SELECT 3"); -1 when the tag has none. */
int64_t pg_tag_rows(struct span tag);
/* ErrorResponse, NoticeResponse: validate, then walk or pick fields by their letter. */
int pg_read_error(struct span body) MUST_CHECK;
bool pg_error_next(struct cur *c, uint8_t *code, struct span *value); /* c = cur_of(body) */
struct span pg_error_field(struct span body, uint8_t code);           /* empty when absent */
int pg_read_parameter_status(struct span body, struct span *name, struct span *value) MUST_CHECK;
int pg_read_ready(struct span body, uint8_t *status) MUST_CHECK; /* 'I', 'T' or 'E' */
int pg_read_copy(struct span body, struct pg_copy *out) MUST_CHECK; /* CopyIn/CopyOut/CopyBothResponse */
int pg_read_notification(struct span body, struct pg_notification *out) MUST_CHECK;
int pg_read_backend_key(struct span body, uint32_t *pid, uint32_t *key) MUST_CHECK;
int pg_read_auth(struct span body, uint32_t *kind, struct span *data) MUST_CHECK;
int pg_read_function_result(struct span body, struct pg_value *v) MUST_CHECK;
int pg_read_negotiate(struct span body, struct pg_negotiate *out) MUST_CHECK;

#endif
