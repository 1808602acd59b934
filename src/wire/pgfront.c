/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL 3.0: pieces shared by both directions, and the views of what a client sends. Counts are compared
 * with what is really there; an unknown format code or a length below -1 is malformed.
 */
#include "wire/pgview.h"

struct span pg_take_formats(struct cur *c, uint16_t n)
{
	struct span s = cur_take(c, (size_t)n * 2);
	struct cur k = cur_of(s);

	while (cur_left(&k) > 0) {
		if (cur_u16be(&k) > 1) {
			cur_fail(c, E_FORMAT);
			return (struct span){c->end, 0};
		}
	}
	return s;
}

struct span pg_take_oids(struct cur *c, uint16_t n)
{
	return cur_take(c, (size_t)n * 4);
}

struct pg_value pg_take_value(struct cur *c)
{
	uint32_t len = cur_u32be(c);

	if (len == UINT32_MAX && cur_ok(c))
		return (struct pg_value){{c->p, 0}, true};
	if (len > INT32_MAX)
		cur_fail(c, E_FORMAT);
	return (struct pg_value){cur_take(c, len), false};
}

int pg_format_at(struct span formats, uint16_t n, size_t i)
{
	struct cur c = cur_of(formats);

	if (n == 0)
		return 0;
	(void)cur_take(&c, n == 1 ? 0 : i * 2);
	return cur_u16be(&c);
}

uint32_t pg_oid_at(struct span oids, size_t i)
{
	struct cur c = cur_of(oids);

	(void)cur_take(&c, i * 4);
	return cur_u32be(&c);
}

int pg_check_any(struct span body)
{
	(void)body;
	return 0;
}

int pg_read_empty(struct span body)
{
	return body.n == 0 ? 0 : E_TRAILING;
}

int pg_read_string(struct span body, struct span *s)
{
	struct cur c = cur_of(body);

	*s = cur_cstr(&c);
	return cur_done(&c);
}

int pg_read_parse(struct span body, struct pg_parse *out)
{
	struct cur c = cur_of(body);

	out->name = cur_cstr(&c);
	out->sql = cur_cstr(&c);
	out->n_types = cur_u16be(&c);
	out->types = pg_take_oids(&c, out->n_types);
	return cur_done(&c);
}

/* Walk n values and return the bytes they cover. */
static struct span take_values(struct cur *c, uint16_t n)
{
	const uint8_t *from = c->p;

	for (uint16_t i = 0; i < n && cur_ok(c); i++)
		(void)pg_take_value(c);
	return cur_ok(c) ? span_of(from, (size_t)(c->p - from)) : (struct span){c->end, 0};
}

/* Format codes and values as Bind and FunctionCall carry them: 0, 1 or as many codes as values. */
static void take_params(struct cur *c, struct span *formats, uint16_t *n_formats, struct span *values, uint16_t *n)
{
	*n_formats = cur_u16be(c);
	*formats = pg_take_formats(c, *n_formats);
	*n = cur_u16be(c);
	if (*n_formats > 1 && *n_formats != *n)
		cur_fail(c, E_FORMAT);
	*values = take_values(c, *n);
}

int pg_read_bind(struct span body, struct pg_bind *out)
{
	struct cur c = cur_of(body);

	out->portal = cur_cstr(&c);
	out->stmt = cur_cstr(&c);
	take_params(&c, &out->formats, &out->n_formats, &out->params, &out->n_params);
	out->n_result_formats = cur_u16be(&c);
	out->result_formats = pg_take_formats(&c, out->n_result_formats);
	return cur_done(&c);
}

void pg_bind_params(const struct pg_bind *b, struct pg_param_iter *it)
{
	*it = (struct pg_param_iter){cur_of(b->params), b->formats, b->n_formats, 0, b->n_params};
}

void pg_function_args(const struct pg_function_call *f, struct pg_param_iter *it)
{
	*it = (struct pg_param_iter){cur_of(f->args), f->formats, f->n_formats, 0, f->n_args};
}

bool pg_param_next(struct pg_param_iter *it, struct pg_param *p)
{
	if (it->i == it->n)
		return false;
	p->value = pg_take_value(&it->c);
	p->format = pg_format_at(it->formats, it->n_formats, it->i);
	it->i++;
	return cur_ok(&it->c);
}

int pg_read_target(struct span body, struct pg_target *out)
{
	struct cur c = cur_of(body);

	out->kind = cur_u8(&c);
	if (cur_ok(&c) && out->kind != 'S' && out->kind != 'P')
		cur_fail(&c, E_FORMAT);
	out->name = cur_cstr(&c);
	return cur_done(&c);
}

int pg_read_execute(struct span body, struct pg_execute *out)
{
	struct cur c = cur_of(body);

	out->portal = cur_cstr(&c);
	out->max_rows = (int32_t)cur_u32be(&c);
	return cur_done(&c);
}

int pg_read_function_call(struct span body, struct pg_function_call *out)
{
	struct cur c = cur_of(body);

	out->function_oid = cur_u32be(&c);
	take_params(&c, &out->formats, &out->n_formats, &out->args, &out->n_args);
	out->result_format = cur_u16be(&c);
	if (out->result_format > 1)
		cur_fail(&c, E_FORMAT);
	return cur_done(&c);
}

int pg_check_string(struct span body)
{
	struct span s;

	return pg_read_string(body, &s);
}

int pg_check_parse(struct span body)
{
	struct pg_parse p;

	return pg_read_parse(body, &p);
}

int pg_check_bind(struct span body)
{
	struct pg_bind b;

	return pg_read_bind(body, &b);
}

int pg_check_target(struct span body)
{
	struct pg_target t;

	return pg_read_target(body, &t);
}

int pg_check_execute(struct span body)
{
	struct pg_execute e;

	return pg_read_execute(body, &e);
}

int pg_check_function_call(struct span body)
{
	struct pg_function_call f;

	return pg_read_function_call(body, &f);
}
