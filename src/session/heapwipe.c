/* SPDX-License-Identifier: Apache-2.0
 *
 * A malloc chunk is a size word followed by the user's bytes, 16 aligned. Only chunks of the one size that an
 * allocation of the secret gets are compared, so other data is neither matched nor touched.
 */
#include "session/heapwipe.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "config.h"

#define CHUNK_ALIGN 16
#define CHUNK_FLAGS 7u
#define FREED_PIECES 64 /* more than the allocator keeps of one size in its quick list */

static const uint8_t *heap_start;

void heapwipe_init(void)
{
#if defined(__GLIBC__) && !defined(SP_ASAN)
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned long from;

	free(malloc(1)); /* there is a heap */
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strstr(line, "[heap]") != NULL && sscanf(line, "%lx-", &from) == 1)
			heap_start = (const uint8_t *)from;
	}
	if (f != NULL)
		(void)fclose(f);
#endif
}

static size_t chunk_size(size_t n)
{
	size_t size = (n + sizeof(size_t) + CHUNK_ALIGN - 1) & ~(size_t)(CHUNK_ALIGN - 1);

	return size < 2 * CHUNK_ALIGN ? 2 * CHUNK_ALIGN : size;
}

static void wipe_live(struct span s)
{
	const uint8_t *end = (const uint8_t *)sbrk(0);
	size_t chunk = chunk_size(s.n + 1), size;

	for (const uint8_t *p = heap_start + CHUNK_ALIGN; p + chunk <= end; p += CHUNK_ALIGN) {
		memcpy(&size, p - sizeof(size), sizeof(size));
		if ((size & ~(size_t)CHUNK_FLAGS) == chunk && memcmp(p, s.p, s.n) == 0 && p[s.n] == 0)
			mem_wipe((void *)(uintptr_t)p, s.n);
	}
}

/* Freed pieces lie in the list of their size: take them, wipe them, give them back. */
void heapwipe_freed(size_t n)
{
	void *piece[FREED_PIECES];

	for (size_t i = 0; i < FREED_PIECES; i++) {
		piece[i] = malloc(n + 1);
		if (piece[i] != NULL)
			mem_wipe(piece[i], n + 1);
	}
	for (size_t i = 0; i < FREED_PIECES; i++)
		free(piece[i]);
}

void heapwipe(struct span s)
{
	if (s.n == 0)
		return;
	if (heap_start != NULL && s.n >= HEAPWIPE_MIN)
		wipe_live(s);
	heapwipe_freed(s.n);
}
