/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks and value detectors over any bytes: kind, type and format from the first three, the value from the rest.
 */
#include <stdlib.h>

#include "detect/value.h"
#include "mask/form.h"
#include "mask/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t types[] = {25, 1043, 1042, 19, 705, 18, 114, 3802, 142, 17, 20, 21, 23, 1700, 700, 701, 16, 1082, 1114, 1184,
				 1083, 1186, 2950, 869, 650, 829, 1009, 2249, 0, 70000};

static void mask_one(const uint8_t *head, struct span value)
{
	struct mask_col c = {head[0] % 20 - 1, (head[2] & 1) != 0, types[head[1] % (sizeof(types) / sizeof(types[0]))],
			     (int16_t)((head[2] >> 1) & 1)};
	enum mask_answer a;
	struct buf out;

	buf_init(&out, 4096);
	a = mask_pg_value(&c, value, &out);
	if (buf_len(&out) > MASK_MAX || (a == MASK_IS_NULL && buf_len(&out) != 0))
		abort();
	if (a == MASK_IS_VALUE && c.format == 0 && !span_is_utf8(buf_span(&out)))
		abort();
	buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct value_hit hit;
	struct span value;
	size_t from = 0;

	if (size < 3)
		return 0;
	value = span_of(data + 3, size - 3);
	mask_one(data, value);
	(void)mask_is_form(value);
	while (detect_value_next(value, from, &hit)) {
		if (hit.len == 0 || hit.at > value.n || hit.len > value.n - hit.at || hit.at + hit.len <= from)
			abort();
		from = hit.at + hit.len;
	}
	return 0;
}
