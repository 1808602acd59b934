/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocation that ends the process on exhaustion.
 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

void *mem_check(void *p)
{
	static const char msg[] = "sallyport: out of memory\n";

	if (p == NULL) {
		if (write(2, msg, sizeof(msg) - 1) < 0)
			_exit(71);
		_exit(70);
	}
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	return mem_check(calloc(n > 0 ? n : 1, size > 0 ? size : 1));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	return mem_check(reallocarray(p, n > 0 ? n : 1, size > 0 ? size : 1));
}

char *xstrdup(const char *s)
{
	return s != NULL ? mem_check(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	return mem_check(strndup(s, n));
}

void mem_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

int str_copy(char *dst, size_t cap, const char *src)
{
	size_t n = strlen(src);

	if (n >= cap) {
		memcpy(dst, src, cap - 1);
		dst[cap - 1] = '\0';
		return E_TOOBIG;
	}
	memcpy(dst, src, n + 1);
	return 0;
}
