/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of PostgreSQL's binary formats as a person reads them: the built-in types that drivers send as parameters, and arrays of
 * them. What is not exactly in a type's format is not guessed at. Source: the send and recv functions of src/backend/utils/adt.
 */
#ifndef SP_WIRE_PGVALUE_H
#define SP_WIRE_PGVALUE_H

#include "base/buf.h"

/* Name of a built-in type; NULL: not one of those known here. */
const char *pgvalue_type(uint32_t oid);
/* Append the text of a value in binary format, as psql would show it (timestamps with time zone in UTC); not escaped. False, and
 * nothing appended: the type is not known here, or these bytes are none of it. */
bool pgvalue_text(uint32_t oid, struct span value, struct buf *out);

#endif
