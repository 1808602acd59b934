/* SPDX-License-Identifier: Apache-2.0
 *
 * Builders for the PostgreSQL 3.0 messages that the gateway itself sends, to clients and to servers. All append
 * to a struct buf whose sticky error is the verdict. A string with a NUL byte inside poisons the buffer with
 * E_FORMAT: it would end the field early and turn its tail into protocol.
 */
#ifndef SP_WIRE_PGBUILD_H
#define SP_WIRE_PGBUILD_H

#include "base/buf.h"
#include "wire/pg.h"

/* Any message: at = pg_open(b, type); append the body; pg_close(b, at). Offsets stay right only while nothing is
 * consumed from b in between. */
size_t pg_open(struct buf *b, uint8_t type);
void pg_close(struct buf *b, size_t at);
void pg_put_cstr(struct buf *b, struct span s); /* bytes and a NUL */
void pg_put_value(struct buf *b, struct pg_value v); /* length and bytes, or -1 */
/* A message without a body: 'S' 'H' 'X' 'c' '1' '2' '3' 'n' 's' 'I'. */
void pg_put_empty(struct buf *b, uint8_t type);
/* A received message, unchanged. */
void pg_put_msg(struct buf *b, const struct pg_msg *msg);

/* ---- to a client ---- */
struct pg_notice {
	const char *severity; /* "ERROR", "FATAL", "NOTICE", "WARNING", ... */
	const char *sqlstate; /* five characters */
	const char *message;
	const char *detail, *hint; /* NULL or "": left out */
};

void pg_put_auth_ok(struct buf *b);
void pg_put_auth_cleartext(struct buf *b); /* AuthenticationCleartextPassword */
void pg_put_backend_key(struct buf *b, uint32_t pid, uint32_t key);
void pg_put_parameter_status(struct buf *b, const char *name, const char *value);
void pg_put_ready(struct buf *b, uint8_t status);
void pg_put_error(struct buf *b, const struct pg_notice *e);  /* ErrorResponse */
void pg_put_notice(struct buf *b, const struct pg_notice *n); /* NoticeResponse */
void pg_put_fields(struct buf *b, const struct pg_field *f, uint16_t n); /* RowDescription */
void pg_put_text_fields(struct buf *b, const char *const *names, uint16_t n); /* RowDescription, type text */
void pg_put_row(struct buf *b, const struct pg_value *v, uint16_t n);
void pg_put_text_row(struct buf *b, const char *const *values, uint16_t n); /* a NULL pointer is NULL */
void pg_put_complete(struct buf *b, const char *tag); /* CommandComplete */
void pg_put_negotiate(struct buf *b, uint32_t minor, const struct pg_startup *s); /* lists s's _pq_. options */

/* ---- to a server ---- */
struct pg_pair {
	const char *name, *value;
};

void pg_put_startup(struct buf *b, const struct pg_pair *p, size_t n);
void pg_put_ssl_request(struct buf *b);
void pg_put_cancel(struct buf *b, uint32_t pid, uint32_t key);
void pg_put_query(struct buf *b, struct span sql);
void pg_put_parse(struct buf *b, struct span name, struct span sql, const uint32_t *types, uint16_t n);
/* Parameters and results in text. */
void pg_put_bind(struct buf *b, struct span portal, struct span stmt, const struct pg_value *v, uint16_t n);
void pg_put_describe(struct buf *b, uint8_t kind, struct span name);
void pg_put_close_target(struct buf *b, uint8_t kind, struct span name); /* Close */
void pg_put_execute(struct buf *b, struct span portal, int32_t max_rows);
void pg_put_copy_fail(struct buf *b, const char *why);

#endif
