/* SPDX-License-Identifier: Apache-2.0
 *
 * Type-valid masks: a masked value parses as the column's type, in PostgreSQL's text and binary formats, is
 * recognisable as masked and never keeps the true length. When no valid value exists the answer is NULL.
 */
#ifndef SP_MASK_MASK_H
#define SP_MASK_MASK_H

#include "base/buf.h"
#include "base/span.h"
#include "base/words.h"

enum mask_answer { MASK_IS_NULL = 0, MASK_IS_VALUE = 1 };

struct mask_col {
	int kind;        /* enum pii_kind; 0 = unknown origin: mask in full */
	bool derived;    /* an expression: never show a part of the value */
	uint32_t type;   /* PostgreSQL type OID */
	int16_t format;  /* 0 text, 1 binary */
};

/* Append the mask of a non-NULL value to out. On any doubt MASK_IS_NULL and nothing is appended.
 * Types without a valid mask (numbers, dates of unknown origin, arrays, composites, unknown OIDs) are NULL. */
enum mask_answer mask_pg_value(const struct mask_col *c, struct span value, struct buf *out);

#endif
