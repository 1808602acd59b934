/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL 3.0: the table of message types, framing and start-up packets. The views of single messages are in
 * pgfront.c and pgback.c.
 */
#include "wire/pg.h"

#include "wire/pgview.h"

static const struct pg_type pg_front[256] = {
	['Q'] = {"Query", PG_IN_READY, true, false, pg_check_string},
	['P'] = {"Parse", PG_IN_READY, true, false, pg_check_parse},
	['B'] = {"Bind", PG_IN_READY, true, false, pg_check_bind},
	['D'] = {"Describe", PG_IN_READY, false, false, pg_check_target},
	['C'] = {"Close", PG_IN_READY, false, false, pg_check_target},
	['E'] = {"Execute", PG_IN_READY, false, false, pg_check_execute},
	['F'] = {"FunctionCall", PG_IN_READY, true, false, pg_check_function_call},
	/* the server ignores Flush and Sync inside a copy, and copy messages that come after it failed */
	['S'] = {"Sync", PG_IN_READY | PG_IN_COPY_IN, false, false, pg_read_empty},
	['H'] = {"Flush", PG_IN_READY | PG_IN_COPY_IN, false, false, pg_read_empty},
	['d'] = {"CopyData", PG_IN_READY | PG_IN_COPY_IN, true, true, pg_check_any},
	['c'] = {"CopyDone", PG_IN_READY | PG_IN_COPY_IN, false, false, pg_read_empty},
	['f'] = {"CopyFail", PG_IN_READY | PG_IN_COPY_IN, false, false, pg_check_string},
	['X'] = {"Terminate", PG_IN_AUTH | PG_IN_READY | PG_IN_COPY_IN | PG_IN_COPY_OUT, false, false, pg_read_empty},
	['p'] = {"PasswordMessage", PG_IN_AUTH, false, false, pg_check_any},
};

#define ANY_TIME (PG_IN_AUTH | PG_IN_READY | PG_IN_COPY_IN | PG_IN_COPY_OUT)

static const struct pg_type pg_back[256] = {
	['R'] = {"Authentication", PG_IN_AUTH, false, false, pg_check_auth},
	['K'] = {"BackendKeyData", PG_IN_AUTH, false, false, pg_check_backend_key},
	['v'] = {"NegotiateProtocolVersion", PG_IN_AUTH, false, false, pg_check_negotiate},
	['S'] = {"ParameterStatus", ANY_TIME, true, false, pg_check_parameter_status},
	['E'] = {"ErrorResponse", ANY_TIME, true, false, pg_read_error},
	['N'] = {"NoticeResponse", ANY_TIME, true, false, pg_read_error},
	['A'] = {"NotificationResponse", ANY_TIME & ~PG_IN_AUTH, true, false, pg_check_notification},
	['Z'] = {"ReadyForQuery", ANY_TIME, false, false, pg_check_ready},
	['T'] = {"RowDescription", PG_IN_READY, true, false, pg_check_fields},
	['D'] = {"DataRow", PG_IN_READY, true, true, pg_check_row},
	['C'] = {"CommandComplete", PG_IN_READY | PG_IN_COPY_IN | PG_IN_COPY_OUT, false, false, pg_check_string},
	['I'] = {"EmptyQueryResponse", PG_IN_READY, false, false, pg_read_empty},
	['1'] = {"ParseComplete", PG_IN_READY, false, false, pg_read_empty},
	['2'] = {"BindComplete", PG_IN_READY, false, false, pg_read_empty},
	['3'] = {"CloseComplete", PG_IN_READY, false, false, pg_read_empty},
	['n'] = {"NoData", PG_IN_READY, false, false, pg_read_empty},
	['s'] = {"PortalSuspended", PG_IN_READY, false, false, pg_read_empty},
	['t'] = {"ParameterDescription", PG_IN_READY, true, false, pg_check_param_types},
	['V'] = {"FunctionCallResponse", PG_IN_READY, true, false, pg_check_function_result},
	['G'] = {"CopyInResponse", PG_IN_READY, false, false, pg_check_copy},
	['H'] = {"CopyOutResponse", PG_IN_READY, false, false, pg_check_copy},
	['W'] = {"CopyBothResponse", PG_IN_READY, false, false, pg_check_copy},
	['d'] = {"CopyData", PG_IN_COPY_OUT, true, true, pg_check_any},
	['c'] = {"CopyDone", PG_IN_COPY_OUT, false, false, pg_read_empty},
};

const struct pg_type *pg_type_of(enum pg_dir dir, uint8_t type)
{
	const struct pg_type *t = dir == PG_FRONT ? &pg_front[type] : &pg_back[type];

	return t->name != NULL ? t : NULL;
}

int pg_header(struct span in, uint8_t *type, uint32_t *body_len)
{
	struct cur c = cur_of(in);
	uint32_t len;

	if (in.n < PG_HEADER_LEN)
		return E_MORE;
	*type = cur_u8(&c);
	len = cur_u32be(&c);
	if (len < 4 || len > INT32_MAX) /* the word counts itself and is signed on the wire */
		return E_FORMAT;
	*body_len = len - 4;
	return 0;
}

int pg_frame(struct span in, size_t max, struct pg_msg *msg, size_t *used)
{
	struct cur c = cur_of(in);
	uint32_t body_len;
	int rc = pg_header(in, &msg->type, &body_len);

	if (rc != 0)
		return rc;
	if (body_len > max)
		return E_TOOBIG;
	(void)cur_take(&c, PG_HEADER_LEN);
	if (cur_left(&c) < body_len)
		return E_MORE;
	msg->body = cur_take(&c, body_len);
	*used = PG_HEADER_LEN + (size_t)body_len;
	return 0;
}

int pg_check(enum pg_dir dir, const struct pg_msg *msg)
{
	const struct pg_type *t = pg_type_of(dir, msg->type);

	if (t == NULL)
		return E_UNKNOWN;
	if (!t->large && msg->body.n > PG_SMALL_MAX)
		return E_TOOBIG;
	return t->check(msg->body);
}

bool pg_startup_next(struct cur *c, struct span *name, struct span *value)
{
	if (cur_left(c) == 0)
		return false;
	*name = cur_cstr(c);
	*value = cur_cstr(c);
	return cur_ok(c);
}

bool pg_startup_get(const struct pg_startup *s, const char *name, struct span *value)
{
	struct cur c = cur_of(s->pairs);
	struct span n, v;

	while (pg_startup_next(&c, &n, &v)) {
		if (span_is(n, name)) {
			*value = v;
			return true;
		}
	}
	return false;
}

static bool startup_is_ext(struct span name)
{
	static const char prefix[] = "_pq_.";

	return name.n >= sizeof(prefix) - 1 && memcmp(name.p, prefix, sizeof(prefix) - 1) == 0;
}

/* Who and where to may stand once: two readers (us and the server) could pick different values. Of a setting the last
 * one counts. */
static bool startup_once(struct span name)
{
	return span_is(name, "user") || span_is(name, "database") || span_is(name, "replication") || startup_is_ext(name);
}

static bool startup_seen(struct span *names, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq(names[i], name))
			return true;
	}
	return false;
}

/* name NUL value NUL ... NUL: the final NUL is the last byte of the packet. */
static int startup_pairs(struct cur *c, struct pg_startup *s)
{
	struct span names[PG_STARTUP_PAIRS], name, value;
	size_t n = 0;
	struct cur k;

	if (cur_left(c) == 0)
		return E_SHORT;
	s->pairs = cur_take(c, cur_left(c) - 1);
	if (cur_u8(c) != 0)
		return E_FORMAT;
	k = cur_of(s->pairs);
	while (pg_startup_next(&k, &name, &value)) {
		if (name.n == 0 || (startup_once(name) && startup_seen(names, n, name)))
			return E_FORMAT;
		if (n == PG_STARTUP_PAIRS)
			return E_TOOBIG;
		names[n++] = name;
		s->n_ext = (uint16_t)(s->n_ext + startup_is_ext(name));
	}
	return cur_done(&k);
}

static int startup_none(struct cur *c, struct pg_startup *s)
{
	(void)s;
	return cur_done(c);
}

static int startup_cancel(struct cur *c, struct pg_startup *s)
{
	s->pid = cur_u32be(c);
	s->key = cur_u32be(c);
	return cur_done(c);
}

static const struct {
	uint32_t code;
	enum pg_startup_kind kind;
	int (*body)(struct cur *c, struct pg_startup *s);
} startup_codes[] = {
	{PG_SSL_CODE, PG_SSL_REQUEST, startup_none},
	{PG_GSS_CODE, PG_GSS_REQUEST, startup_none},
	{PG_CANCEL_CODE, PG_CANCEL_REQUEST, startup_cancel},
};

static int startup_body(struct cur *c, struct pg_startup *s)
{
	s->version = cur_u32be(c);
	if (!cur_ok(c))
		return E_FORMAT;
	for (size_t i = 0; i < sizeof(startup_codes) / sizeof(startup_codes[0]); i++) {
		if (s->version == startup_codes[i].code) {
			s->kind = startup_codes[i].kind;
			return startup_codes[i].body(c, s);
		}
	}
	if (s->version >> 16 != PG_PROTOCOL_3_0 >> 16)
		return E_UNKNOWN;
	s->kind = PG_STARTUP;
	s->minor = (uint16_t)(s->version & 0xffff);
	return startup_pairs(c, s);
}

int pg_startup_frame(struct span in, struct pg_startup *s, size_t *used)
{
	struct cur c = cur_of(in), body;
	uint32_t len;

	memset(s, 0, sizeof(*s));
	if (in.n < 4)
		return E_MORE;
	len = cur_u32be(&c);
	if (len < 8)
		return E_FORMAT;
	if (len > PG_STARTUP_MAX)
		return E_TOOBIG;
	if (cur_left(&c) < len - 4)
		return E_MORE;
	body = cur_sub(&c, len - 4);
	*used = len;
	return startup_body(&body, s);
}
