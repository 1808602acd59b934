/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL codec: the first byte picks direction or start-up; the rest is a byte stream of messages. Whatever
 * is valid must survive being walked, and a valid message is never larger than the input.
 */
#include <stdlib.h>

#include "wire/pg.h"
#include "wire/pgoptions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_params(struct pg_param_iter *it)
{
	unsigned n = 0, want = it->n;
	struct pg_param p;

	for (; pg_param_next(it, &p); n++)
		(void)span_has_nul(p.value.data);
	if (n != want)
		abort();
}

static void walk_front(const struct pg_msg *m)
{
	struct pg_param_iter it;
	struct pg_function_call f;
	struct pg_bind b;

	if (m->type == 'B' && pg_read_bind(m->body, &b) == 0) {
		pg_bind_params(&b, &it);
		walk_params(&it);
	}
	if (m->type == 'F' && pg_read_function_call(m->body, &f) == 0) {
		pg_function_args(&f, &it);
		walk_params(&it);
	}
}

static void walk_back(const struct pg_msg *m)
{
	struct pg_fields fs;
	struct pg_field f;
	struct pg_row row;
	struct pg_value v;
	unsigned n = 0;

	if (m->type == 'T' && pg_read_fields(m->body, &fs) == 0) {
		for (; pg_field_next(&fs, &f); n++)
			(void)span_has_nul(f.name);
		if (n != fs.n)
			abort();
	}
	if (m->type == 'D' && pg_row_begin(m->body, &row) == 0) {
		while (pg_row_next(&row, &v))
			(void)span_has_nul(v.data);
	}
	if (m->type == 'C')
		(void)pg_tag_rows(m->body);
	if (m->type == 'E' || m->type == 'N')
		(void)pg_error_field(m->body, 'C');
}

/* What is read of options and written again is read the same. */
static void walk_options(struct span text)
{
	struct pgoptions o, again;
	struct span name, value, n, v;
	enum pgoptions_got got;
	struct buf b;

	pgoptions_init(&o, text);
	while ((got = pgoptions_next(&o, &name, &value)) != PGOPTIONS_END) {
		if (got == PGOPTIONS_BAD)
			continue;
		buf_init(&b, 1 << 20);
		pgoptions_put(&b, name, value);
		pgoptions_init(&again, buf_span(&b));
		if (pgoptions_next(&again, &n, &v) != PGOPTIONS_SETTING || !span_eq(n, name) || !span_eq(v, value) ||
		    pgoptions_next(&again, &n, &v) != PGOPTIONS_END)
			abort();
		pgoptions_clear(&again);
		buf_clear(&b);
	}
	pgoptions_clear(&o);
}

static void one_startup(struct span in)
{
	struct pg_startup s;
	struct span name, value;
	struct cur c;
	size_t used;

	if (pg_startup_frame(in, &s, &used) != 0)
		return;
	c = cur_of(s.pairs);
	while (pg_startup_next(&c, &name, &value)) {
		walk_options(value);
		if (name.n == 0 || !pg_startup_get(&s, "user", &value))
			continue;
	}
	if (cur_done(&c) != 0 || used > in.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur c = cur_of(span_of(data, size));
	unsigned dir = cur_u8(&c) % 3;
	struct span in = cur_rest(&c);
	struct pg_msg m;
	size_t used;

	if (dir == 2) {
		one_startup(in);
		return 0;
	}
	while (pg_frame(in, 1 << 20, &m, &used) == 0) {
		if (pg_check((enum pg_dir)dir, &m) == 0)
			(dir == PG_FRONT ? walk_front : walk_back)(&m);
		in = span_of(in.p + used, in.n - used);
	}
	return 0;
}
