/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL 3.0 messages that the gateway sends. Source: PostgreSQL documentation 55.7.
 */
#include "wire/pgbuild.h"

#define PG_TEXT_OID 25u
#define PG_AUTH_CLEARTEXT 3u

static void poison(struct buf *b)
{
	if (b->err == 0)
		b->err = E_FORMAT;
}

size_t pg_open(struct buf *b, uint8_t type)
{
	size_t at = buf_len(b) + 1;

	buf_put_u8(b, type);
	buf_put_u32be(b, 0);
	return at;
}

/* at is where the length word stands; it counts itself. */
void pg_close(struct buf *b, size_t at)
{
	if (buf_err(b) != 0)
		return;
	if (buf_len(b) - at > INT32_MAX)
		poison(b);
	else
		buf_patch_u32be(b, at, (uint32_t)(buf_len(b) - at));
}

void pg_put_cstr(struct buf *b, struct span s)
{
	if (span_has_nul(s))
		poison(b);
	buf_put_span(b, s);
	buf_put_u8(b, 0);
}

void pg_put_value(struct buf *b, struct pg_value v)
{
	if (v.null) {
		buf_put_u32be(b, UINT32_MAX);
		return;
	}
	if (v.data.n > INT32_MAX)
		poison(b);
	buf_put_u32be(b, (uint32_t)v.data.n);
	buf_put_span(b, v.data);
}

void pg_put_empty(struct buf *b, uint8_t type)
{
	pg_close(b, pg_open(b, type));
}

void pg_put_msg(struct buf *b, const struct pg_msg *msg)
{
	size_t at = pg_open(b, msg->type);

	buf_put_span(b, msg->body);
	pg_close(b, at);
}

static void put_string_msg(struct buf *b, uint8_t type, struct span s)
{
	size_t at = pg_open(b, type);

	pg_put_cstr(b, s);
	pg_close(b, at);
}

static void put_auth(struct buf *b, uint32_t kind)
{
	size_t at = pg_open(b, 'R');

	buf_put_u32be(b, kind);
	pg_close(b, at);
}

void pg_put_auth_ok(struct buf *b)
{
	put_auth(b, 0);
}

void pg_put_auth_cleartext(struct buf *b)
{
	put_auth(b, PG_AUTH_CLEARTEXT);
}

void pg_put_backend_key(struct buf *b, uint32_t pid, uint32_t key)
{
	size_t at = pg_open(b, 'K');

	buf_put_u32be(b, pid);
	buf_put_u32be(b, key);
	pg_close(b, at);
}

void pg_put_parameter_status(struct buf *b, const char *name, const char *value)
{
	size_t at = pg_open(b, 'S');

	buf_put_cstr(b, name);
	buf_put_cstr(b, value);
	pg_close(b, at);
}

void pg_put_ready(struct buf *b, uint8_t status)
{
	size_t at = pg_open(b, 'Z');

	buf_put_u8(b, status);
	pg_close(b, at);
}

static void put_notice_msg(struct buf *b, uint8_t type, const struct pg_notice *e)
{
	const struct {
		uint8_t code;
		const char *value;
	} fields[] = {
		{'S', e->severity}, {'V', e->severity}, {'C', e->sqlstate},
		{'M', e->message},  {'D', e->detail},   {'H', e->hint},
	};
	size_t at = pg_open(b, type);

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (fields[i].value == NULL || fields[i].value[0] == '\0')
			continue;
		buf_put_u8(b, fields[i].code);
		buf_put_cstr(b, fields[i].value);
	}
	buf_put_u8(b, 0);
	pg_close(b, at);
}

void pg_put_error(struct buf *b, const struct pg_notice *e)
{
	put_notice_msg(b, 'E', e);
}

void pg_put_notice(struct buf *b, const struct pg_notice *n)
{
	put_notice_msg(b, 'N', n);
}

static void put_field(struct buf *b, const struct pg_field *f)
{
	pg_put_cstr(b, f->name);
	buf_put_u32be(b, f->table_oid);
	buf_put_u16be(b, (uint16_t)f->attnum);
	buf_put_u32be(b, f->type_oid);
	buf_put_u16be(b, (uint16_t)f->typlen);
	buf_put_u32be(b, (uint32_t)f->typmod);
	buf_put_u16be(b, (uint16_t)f->format);
}

void pg_put_fields(struct buf *b, const struct pg_field *f, uint16_t n)
{
	size_t at = pg_open(b, 'T');

	buf_put_u16be(b, n);
	for (uint16_t i = 0; i < n; i++)
		put_field(b, &f[i]);
	pg_close(b, at);
}

void pg_put_text_fields(struct buf *b, const char *const *names, uint16_t n)
{
	struct pg_field f = {.type_oid = PG_TEXT_OID, .typlen = -1, .typmod = -1};
	size_t at = pg_open(b, 'T');

	buf_put_u16be(b, n);
	for (uint16_t i = 0; i < n; i++) {
		f.name = span_str(names[i]);
		put_field(b, &f);
	}
	pg_close(b, at);
}

void pg_put_row(struct buf *b, const struct pg_value *v, uint16_t n)
{
	size_t at = pg_open(b, 'D');

	buf_put_u16be(b, n);
	for (uint16_t i = 0; i < n; i++)
		pg_put_value(b, v[i]);
	pg_close(b, at);
}

void pg_put_text_row(struct buf *b, const char *const *values, uint16_t n)
{
	size_t at = pg_open(b, 'D');

	buf_put_u16be(b, n);
	for (uint16_t i = 0; i < n; i++)
		pg_put_value(b, (struct pg_value){span_str(values[i]), values[i] == NULL});
	pg_close(b, at);
}

void pg_put_complete(struct buf *b, const char *tag)
{
	put_string_msg(b, 'C', span_str(tag));
}

static bool is_ext(struct span name)
{
	return name.n >= 5 && memcmp(name.p, "_pq_.", 5) == 0;
}

void pg_put_negotiate(struct buf *b, uint32_t minor, const struct pg_startup *s)
{
	struct cur c = cur_of(s->pairs);
	struct span name, value;
	size_t at = pg_open(b, 'v');

	buf_put_u32be(b, minor);
	buf_put_u32be(b, s->n_ext);
	while (pg_startup_next(&c, &name, &value)) {
		if (is_ext(name))
			pg_put_cstr(b, name);
	}
	pg_close(b, at);
}

/* Start-up packets have no type byte. */
static size_t open_startup(struct buf *b, uint32_t code)
{
	size_t at = buf_len(b);

	buf_put_u32be(b, 0);
	buf_put_u32be(b, code);
	return at;
}

void pg_put_startup(struct buf *b, const struct pg_pair *p, size_t n)
{
	size_t at = open_startup(b, PG_PROTOCOL_3_0);

	for (size_t i = 0; i < n; i++) {
		buf_put_cstr(b, p[i].name);
		buf_put_cstr(b, p[i].value);
	}
	buf_put_u8(b, 0);
	pg_close(b, at);
}

void pg_put_ssl_request(struct buf *b)
{
	pg_close(b, open_startup(b, PG_SSL_CODE));
}

void pg_put_cancel(struct buf *b, uint32_t pid, uint32_t key)
{
	size_t at = open_startup(b, PG_CANCEL_CODE);

	buf_put_u32be(b, pid);
	buf_put_u32be(b, key);
	pg_close(b, at);
}

void pg_put_query(struct buf *b, struct span sql)
{
	put_string_msg(b, 'Q', sql);
}

void pg_put_parse(struct buf *b, struct span name, struct span sql, const uint32_t *types, uint16_t n)
{
	size_t at = pg_open(b, 'P');

	pg_put_cstr(b, name);
	pg_put_cstr(b, sql);
	buf_put_u16be(b, n);
	for (uint16_t i = 0; i < n; i++)
		buf_put_u32be(b, types[i]);
	pg_close(b, at);
}

void pg_put_bind(struct buf *b, struct span portal, struct span stmt, const struct pg_value *v, uint16_t n)
{
	size_t at = pg_open(b, 'B');

	pg_put_cstr(b, portal);
	pg_put_cstr(b, stmt);
	buf_put_u16be(b, 0);
	buf_put_u16be(b, n);
	for (uint16_t i = 0; i < n; i++)
		pg_put_value(b, v[i]);
	buf_put_u16be(b, 0);
	pg_close(b, at);
}

static void put_target(struct buf *b, uint8_t type, uint8_t kind, struct span name)
{
	size_t at = pg_open(b, type);

	buf_put_u8(b, kind);
	pg_put_cstr(b, name);
	pg_close(b, at);
}

void pg_put_describe(struct buf *b, uint8_t kind, struct span name)
{
	put_target(b, 'D', kind, name);
}

void pg_put_close_target(struct buf *b, uint8_t kind, struct span name)
{
	put_target(b, 'C', kind, name);
}

void pg_put_execute(struct buf *b, struct span portal, int32_t max_rows)
{
	size_t at = pg_open(b, 'E');

	pg_put_cstr(b, portal);
	buf_put_u32be(b, (uint32_t)max_rows);
	pg_close(b, at);
}

void pg_put_copy_fail(struct buf *b, const char *why)
{
	put_string_msg(b, 'f', span_str(why));
}
