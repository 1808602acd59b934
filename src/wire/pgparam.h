/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of a statement as a request keeps, binds and shows them: one form, written here and read here. A msgpack array; per
 * parameter [type:uint (its oid, 0 = not known), format:int (0 text, 1 binary), value: nil | bin].
 */
#ifndef SP_WIRE_PGPARAM_H
#define SP_WIRE_PGPARAM_H

#include "base/buf.h"
#include "wire/pg.h"

/* bind: NULL has no parameters. types: of the first n_types of them. An error is sticky in out. */
void pgparam_put(struct buf *out, const struct pg_bind *bind, const uint32_t *types, size_t n_types);
/* A line for each: "$1 = 'text' (type)", "$2 = NULL (type)"; binary ones decoded where the type is known, else "\x..." and
 * what it is. Escaped for a terminal, nothing cut; E'...' where something was escaped. E_FORMAT: not what pgparam_put() writes. */
int pgparam_show(struct span packed, struct buf *out) MUST_CHECK;
/* Do they differ? Then out says in one line how. */
bool pgparam_differs(struct span was, struct span is, char *out, size_t cap);

#endif
