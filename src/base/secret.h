/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that are locked in memory, kept out of core dumps and wiped: keys, passwords. Never printable.
 */
#ifndef SP_BASE_SECRET_H
#define SP_BASE_SECRET_H

#include "base/err.h"
#include "base/span.h"

struct secret; /* opaque */

/* Copies s (the caller wipes its own copy). At most 64 KiB. NULL on failure. */
struct secret *secret_new(struct span s);
void secret_free(struct secret *s); /* wipes; NULL is fine */
/* Borrowed; valid until secret_free(). There is always a NUL behind the bytes. */
struct span secret_span(const struct secret *s);
/* Read a whole file (mode must not be group- or world-readable unless any_mode). 0 or an error with why. */
int secret_read_file(const char *path, bool any_mode, struct secret **out, struct why *w) MUST_CHECK;

#endif
