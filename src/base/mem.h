/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocation that ends the process on exhaustion (a session is one process: that is one user's connection).
 * Never call these with a size taken from the wire: use base/buf.
 */
#ifndef SP_BASE_MEM_H
#define SP_BASE_MEM_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
/* p itself; ends the process when it is NULL: for libraries that allocate and can only fail so. */
void *mem_check(void *p);
/* Overwrite memory in a way the compiler keeps. */
void mem_wipe(void *p, size_t n);
/* Copy a C string into a fixed array; always terminated. Returns 0, or E_TOOBIG when it was cut. */
int str_copy(char *dst, size_t cap, const char *src);

#endif
