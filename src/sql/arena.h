/* SPDX-License-Identifier: Apache-2.0
 *
 * A bump allocator with a hard maximum: everything that belongs to one parsed message lives and dies together.
 * No single object is ever freed. Allocation failure is a NULL, never an exit: the caller refuses the message.
 */
#ifndef SP_SQL_ARENA_H
#define SP_SQL_ARENA_H

#include "base/err.h"
#include "base/span.h"

struct arena_chunk;

struct arena {
	uint8_t *p, *end; /* free part of the newest chunk */
	struct arena_chunk *chunks;
	size_t used, max; /* bytes of all chunks, and the limit on them */
};

void arena_init(struct arena *a, size_t max);
void arena_clear(struct arena *a);
/* n bytes, aligned to 8, not zeroed; NULL over the maximum or out of memory. */
void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;
void *arena_zalloc(struct arena *a, size_t n) MUST_CHECK;
/* A NUL-terminated copy; NULL as above. */
char *arena_strndup(struct arena *a, const void *s, size_t n) MUST_CHECK;
char *arena_strdup(struct arena *a, const char *s) MUST_CHECK;

#endif
