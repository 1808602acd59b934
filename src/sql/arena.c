/* SPDX-License-Identifier: Apache-2.0
 *
 * The bump allocator of sql/. Chunks double from 4 KiB to 1 MiB, so a short statement costs one
 * malloc and a megabyte of INSERT a few dozen.
 */
#include "sql/arena.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN 4096u
#define CHUNK_MAX (1024u * 1024u)

struct arena_chunk {
	struct arena_chunk *next;
	size_t n;
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){.max = max};
}

void arena_clear(struct arena *a)
{
	struct arena_chunk *c, *next;

	for (c = a->chunks; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(a, a->max);
}

/* A new chunk that holds at least n bytes; what was left of the old one is lost. */
static int arena_grow(struct arena *a, size_t n)
{
	size_t want = a->chunks != NULL ? a->chunks->n * 2 : CHUNK_MIN;
	struct arena_chunk *c;

	if (want > CHUNK_MAX)
		want = CHUNK_MAX;
	if (n > a->max || a->used > a->max - n)
		return E_TOOBIG;
	if (want < n + sizeof(*c))
		want = n + sizeof(*c);
	c = malloc(want);
	if (c == NULL)
		return E_NOMEM;
	c->next = a->chunks;
	c->n = want;
	a->chunks = c;
	a->used += want;
	a->p = (uint8_t *)(c + 1);
	a->end = (uint8_t *)c + want;
	return 0;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p;

	if (n > SIZE_MAX - 64)
		return NULL;
	n = (n + 7) & ~(size_t)7;
	if (n > (size_t)(a->end - a->p) && arena_grow(a, n) != 0)
		return NULL;
	p = a->p;
	a->p += n;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	if (p != NULL)
		memset(p, 0, n);
	return p;
}

char *arena_strndup(struct arena *a, const void *s, size_t n)
{
	char *p = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;

	if (p == NULL)
		return NULL;
	if (n > 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}
