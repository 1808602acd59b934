/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL 3.0: the views of what a server sends. Servers are not trusted either: a counterfeit or broken one
 * must not reach a client, or our masking, with a message that two parsers read differently.
 */
#include "wire/pgview.h"

bool pg_field_next(struct pg_fields *it, struct pg_field *f)
{
	uint16_t format;

	if (it->i == it->n)
		return false;
	it->i++;
	f->name = cur_cstr(&it->c);
	f->table_oid = cur_u32be(&it->c);
	f->attnum = (int16_t)cur_u16be(&it->c);
	f->type_oid = cur_u32be(&it->c);
	f->typlen = (int16_t)cur_u16be(&it->c);
	f->typmod = (int32_t)cur_u32be(&it->c);
	format = cur_u16be(&it->c);
	if (format > 1)
		cur_fail(&it->c, E_FORMAT);
	f->format = format;
	return cur_ok(&it->c);
}

int pg_read_fields(struct span body, struct pg_fields *out)
{
	struct pg_fields walk;
	struct pg_field f;

	out->c = cur_of(body);
	out->i = 0;
	out->n = cur_u16be(&out->c);
	walk = *out;
	while (pg_field_next(&walk, &f))
		;
	return cur_done(&walk.c);
}

int pg_row_begin(struct span body, struct pg_row *row)
{
	row->c = cur_of(body);
	row->i = 0;
	row->n = cur_u16be(&row->c);
	return cur_ok(&row->c) ? 0 : row->c.err;
}

bool pg_row_next(struct pg_row *row, struct pg_value *v)
{
	if (row->i == row->n || !cur_ok(&row->c))
		return false;
	row->i++;
	*v = pg_take_value(&row->c);
	return cur_ok(&row->c);
}

int pg_row_end(const struct pg_row *row)
{
	if (cur_ok(&row->c) && row->i != row->n)
		return E_STATE;
	return cur_done(&row->c);
}

int pg_read_param_types(struct span body, struct span *oids, uint16_t *n)
{
	struct cur c = cur_of(body);

	*n = cur_u16be(&c);
	*oids = pg_take_oids(&c, *n);
	return cur_done(&c);
}

int64_t pg_tag_rows(struct span tag)
{
	int64_t rows = 0, scale = 1;
	size_t i = tag.n;

	while (i > 0 && tag.p[i - 1] >= '0' && tag.p[i - 1] <= '9' && tag.n - i < 18) {
		rows += (tag.p[--i] - '0') * scale;
		scale *= 10;
	}
	return i > 0 && i < tag.n && tag.p[i - 1] == ' ' ? rows : -1;
}

/* Fields until the zero byte, which must be the last one. */
bool pg_error_next(struct cur *c, uint8_t *code, struct span *value)
{
	*code = cur_u8(c);
	if (*code == 0)
		return false;
	*value = cur_cstr(c);
	return cur_ok(c);
}

int pg_read_error(struct span body)
{
	struct cur c = cur_of(body);
	struct span value;
	uint8_t code;

	while (pg_error_next(&c, &code, &value))
		;
	return cur_done(&c);
}

struct span pg_error_field(struct span body, uint8_t code)
{
	struct cur c = cur_of(body);
	struct span value;
	uint8_t k;

	while (pg_error_next(&c, &k, &value)) {
		if (k == code)
			return value;
	}
	return (struct span){NULL, 0};
}

int pg_read_parameter_status(struct span body, struct span *name, struct span *value)
{
	struct cur c = cur_of(body);

	*name = cur_cstr(&c);
	*value = cur_cstr(&c);
	return cur_done(&c);
}

int pg_read_ready(struct span body, uint8_t *status)
{
	struct cur c = cur_of(body);

	*status = cur_u8(&c);
	if (*status != 'I' && *status != 'T' && *status != 'E')
		cur_fail(&c, E_FORMAT);
	return cur_done(&c);
}

int pg_read_copy(struct span body, struct pg_copy *out)
{
	struct cur c = cur_of(body);

	out->format = cur_u8(&c);
	if (out->format > 1)
		cur_fail(&c, E_FORMAT);
	out->n_formats = cur_u16be(&c);
	out->formats = pg_take_formats(&c, out->n_formats);
	return cur_done(&c);
}

int pg_read_notification(struct span body, struct pg_notification *out)
{
	struct cur c = cur_of(body);

	out->pid = cur_u32be(&c);
	out->channel = cur_cstr(&c);
	out->payload = cur_cstr(&c);
	return cur_done(&c);
}

int pg_read_backend_key(struct span body, uint32_t *pid, uint32_t *key)
{
	struct cur c = cur_of(body);

	*pid = cur_u32be(&c);
	*key = cur_u32be(&c);
	return cur_done(&c);
}

int pg_read_auth(struct span body, uint32_t *kind, struct span *data)
{
	struct cur c = cur_of(body);

	*kind = cur_u32be(&c);
	*data = cur_rest(&c);
	return cur_done(&c);
}

int pg_read_function_result(struct span body, struct pg_value *v)
{
	struct cur c = cur_of(body);

	*v = pg_take_value(&c);
	return cur_done(&c);
}

int pg_read_negotiate(struct span body, struct pg_negotiate *out)
{
	struct cur c = cur_of(body), k;

	out->minor = cur_u32be(&c);
	out->n_options = cur_u32be(&c);
	out->options = cur_rest(&c);
	k = cur_of(out->options);
	for (uint32_t i = 0; i < out->n_options && cur_ok(&k); i++)
		(void)cur_cstr(&k);
	return cur_ok(&c) ? cur_done(&k) : cur_done(&c);
}

int pg_check_auth(struct span body)
{
	struct span data;
	uint32_t kind;

	return pg_read_auth(body, &kind, &data);
}

int pg_check_backend_key(struct span body)
{
	uint32_t pid, key;

	return pg_read_backend_key(body, &pid, &key);
}

int pg_check_negotiate(struct span body)
{
	struct pg_negotiate n;

	return pg_read_negotiate(body, &n);
}

int pg_check_parameter_status(struct span body)
{
	struct span name, value;

	return pg_read_parameter_status(body, &name, &value);
}

int pg_check_notification(struct span body)
{
	struct pg_notification n;

	return pg_read_notification(body, &n);
}

int pg_check_ready(struct span body)
{
	uint8_t status;

	return pg_read_ready(body, &status);
}

int pg_check_fields(struct span body)
{
	struct pg_fields f;

	return pg_read_fields(body, &f);
}

int pg_check_row(struct span body)
{
	struct pg_row row;
	struct pg_value v;
	int rc = pg_row_begin(body, &row);

	if (rc != 0)
		return rc;
	while (pg_row_next(&row, &v))
		;
	return pg_row_end(&row);
}

int pg_check_param_types(struct span body)
{
	struct span oids;
	uint16_t n;

	return pg_read_param_types(body, &oids, &n);
}

int pg_check_function_result(struct span body)
{
	struct pg_value v;

	return pg_read_function_result(body, &v);
}

int pg_check_copy(struct span body)
{
	struct pg_copy copy;

	return pg_read_copy(body, &copy);
}
