/* SPDX-License-Identifier: Apache-2.0
 *
 * Validated detectors for single values: the backstop behind names and lineage. Each one checks a
 * structure (a checksum, a registered prefix, a decodable shape), so a hit is a hit; what has no
 * structure (names, addresses, plain numbers) is never found here.
 */
#ifndef SP_DETECT_VALUE_H
#define SP_DETECT_VALUE_H

#include "base/span.h"
#include "detect/detect.h"

struct value_hit {
	enum pii_kind kind;
	size_t at, len; /* bytes within the value */
};

/* The kind of the first sensitive thing in a text value, PII_NONE if there is none. Any bytes are
 * fine. */
enum pii_kind detect_value(struct span value);
/* The first sensitive thing at or behind byte from; false: none. */
bool detect_value_next(struct span value, size_t from, struct value_hit *hit);

/* Build the lookup tables; otherwise done by the first use (also those of detect_by_name). */
void detect_warm(void);

#endif
