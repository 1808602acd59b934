/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH data types (RFC 4251 section 5) over struct cur and struct buf: string, mpint, name-list.
 * Not packets, not keys. mpints are taken as non-negative and must be minimal, so that a value has
 * one encoding.
 */
#ifndef SP_WIRE_SSHW_H
#define SP_WIRE_SSHW_H

#include "base/buf.h"
#include "base/cur.h"

/* string: uint32 length, bytes. */
struct span sshw_get_string(struct cur *c);
/* A child cursor over a string's bytes. */
struct cur sshw_get_sub(struct cur *c);
/* mpint, as its big-endian magnitude without leading zeros (empty for zero). Negative or padded:
 * E_FORMAT. */
struct span sshw_get_mpint(struct cur *c);
/* Number of significant bits of a magnitude. */
int sshw_mpint_bits(struct span magnitude);
/* Next name of a comma-separated list; true while there was one. An empty name (",,", leading or
 * trailing comma) is E_FORMAT on the cursor and ends the loop. */
bool sshw_next_name(struct cur *list, struct span *name);

void sshw_put_string(struct buf *b, struct span s);
void sshw_put_cstring(struct buf *b, const char *s);
/* magnitude: big-endian, leading zeros are dropped. */
void sshw_put_mpint(struct buf *b, struct span magnitude);
/* A string whose content is written between open and close; open returns what close wants. */
size_t sshw_open_string(struct buf *b);
void sshw_close_string(struct buf *b, size_t at);

#endif
