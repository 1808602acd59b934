/* SPDX-License-Identifier: Apache-2.0
 *
 * What an approver reads, from any bytes: packed parameters, binary values (type from the first two bytes), lines of meaning. Whatever
 * comes in, nothing comes out that a terminal would act on, and no line that nobody wrote.
 */
#include <stdlib.h>

#include "wire/meaning.h"
#include "wire/pgparam.h"
#include "wire/pgvalue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plain_lines(struct span s)
{
	while (s.n > 0) {
		const uint8_t *nl = memchr(s.p, '\n', s.n);

		if (nl == NULL || s.p[0] != '$' || !span_is_plain(span_of(s.p, (size_t)(nl - s.p))))
			abort();
		s = span_of(nl + 1, s.n - (size_t)(nl - s.p) - 1);
	}
}

static void show(struct span packed)
{
	struct buf out;
	char what[300];

	buf_init(&out, 1u << 20);
	if (pgparam_show(packed, &out) == 0) {
		plain_lines(buf_span(&out));
		if (pgparam_differs(packed, packed, what, sizeof(what)))
			abort();
	}
	buf_clear(&out);
}

static void value(uint32_t type, struct span s)
{
	struct buf out;

	buf_init(&out, 1u << 20);
	if (!pgvalue_text(type, s, &out) && buf_err(&out) == 0 && buf_len(&out) != 0)
		abort();
	buf_clear(&out);
}

static void meaning(struct span s)
{
	struct span rest, key, val;
	struct buf m;
	char what[300];
	size_t half = s.n / 2;

	buf_init(&m, MEANING_MAX);
	meaning_put(&m, span_of(s.p, half), span_of(s.p + half, s.n - half));
	rest = buf_span(&m);
	if (buf_err(&m) == 0 && (!meaning_next(&rest, &key, &val) || rest.n != 0 || !span_is_plain(key) || !span_is_plain(val)))
		abort();
	(void)meaning_differs(buf_span(&m), s, what, sizeof(what));
	buf_clear(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);

	show(s);
	meaning(s);
	if (size >= 2)
		value((uint32_t)(data[0] << 8 | data[1]), span_of(data + 2, size - 2));
	return 0;
}
