/* SPDX-License-Identifier: Apache-2.0
 *
 * The arena of a configuration: a list of chunks that are freed together.
 */
#include "conf/conf_int.h"

#include <stdlib.h>

#include "base/mem.h"

#define CHUNK_BYTES 16384u
#define ALIGN       16u

struct chunk {
	struct chunk *next;
	size_t used, cap;
	_Alignas(16) uint8_t bytes[];
};

struct conf_mem {
	struct chunk *head;
};

struct conf_mem *conf_mem_new(void)
{
	return xcalloc(1, sizeof(struct conf_mem));
}

void conf_mem_free(struct conf_mem *m)
{
	struct chunk *c = m != NULL ? m->head : NULL;

	while (c != NULL) {
		struct chunk *next = c->next;

		free(c);
		c = next;
	}
	free(m);
}

static struct chunk *chunk_add(struct conf_mem *m, size_t want)
{
	size_t cap = want > CHUNK_BYTES ? want : CHUNK_BYTES;
	struct chunk *c = xcalloc(1, sizeof(*c) + cap);

	c->cap = cap;
	c->next = m->head;
	m->head = c;
	return c;
}

void *conf_alloc(struct conf_mem *m, size_t n, size_t size)
{
	struct chunk *c = m->head;
	size_t want;
	void *p;

	/* counts are bounded by the text's size; more than memory can hold ends in base/mem like
	 * any exhaustion */
	want = size != 0 && n > ((size_t)PTRDIFF_MAX - ALIGN) / size
		   ? (size_t)PTRDIFF_MAX
		   : (n * size + ALIGN - 1) / ALIGN * ALIGN;
	if (c == NULL || want > c->cap - c->used)
		c = chunk_add(m, want);
	p = c->bytes + c->used;
	c->used += want;
	return p;
}

char *conf_strndup(struct conf_mem *m, const char *s, size_t n)
{
	char *p = conf_alloc(m, n + 1, 1);

	if (n > 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *conf_strdup(struct conf_mem *m, const char *s)
{
	return s != NULL ? conf_strndup(m, s, strlen(s)) : NULL;
}
