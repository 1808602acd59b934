/* SPDX-License-Identifier: Apache-2.0
 *
 * MessagePack documents: whatever parses is within the caps, is reached through every accessor, and its spans lie
 * inside the input.
 */
#include <stdlib.h>

#include "wire/mp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct walk {
	struct span in;
	size_t seen;
};

static void check_scalar(const struct walk *w, const struct mp_val *v)
{
	struct span s = mp_span(v);

	(void)mp_u64(v, 1);
	(void)mp_i64(v, -1);
	(void)mp_bool(v, true);
	if (s.n > 0 && (s.p < w->in.p || s.n > w->in.n || s.p > w->in.p + (w->in.n - s.n)))
		abort();
}

static void walk_value(struct walk *w, const struct mp_val *v, int depth)
{
	if (++w->seen > MP_MAX_ITEMS || depth > MP_MAX_DEPTH)
		abort();
	check_scalar(w, v);
	for (size_t i = 0; i < mp_count(v); i++) {
		if (mp_type(v) == MP_ARRAY) {
			walk_value(w, mp_at(v, i), depth + 1);
			continue;
		}
		walk_value(w, mp_key_at(v, i), depth + 1);
		walk_value(w, mp_val_at(v, i), depth + 1);
	}
	if (mp_at(v, mp_count(v)) != NULL || mp_val_at(v, mp_count(v)) != NULL)
		abort();
	(void)mp_get(v, "t");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct walk w = {span_of(data, size), 0};
	struct mp_doc *d;
	size_t used = 0;

	if (mp_parse(w.in, &d, &used) != 0) {
		if (d != NULL)
			abort();
		return 0;
	}
	if (used == 0 || used > size)
		abort();
	walk_value(&w, mp_root(d), 0);
	mp_free(d);
	/* the same bytes alone are one whole document; with one byte less they are none */
	if (mp_parse(span_of(data, used), &d, NULL) != 0)
		abort();
	mp_free(d);
	if (mp_parse(span_of(data, used - 1), &d, NULL) == 0)
		abort();
	return 0;
}
