/* SPDX-License-Identifier: Apache-2.0
 *
 * Overwrites copies of a secret that a library keeps or has freed in the heap, where no interface reaches them:
 * libpq holds the prepared SCRAM password until the connection ends. Knows glibc's main heap only; elsewhere
 * (other allocators, sanitizers) it does nothing.
 */
#ifndef SP_SESSION_HEAPWIPE_H
#define SP_SESSION_HEAPWIPE_H

#include "base/span.h"

#define HEAPWIPE_MIN 12 /* a shorter string may be in the heap for another reason: it is left alone */

/* Learn where the heap starts, while /proc can still be read. Inherited by fork. */
void heapwipe_init(void);
/* Wipe every allocation that holds exactly s and a NUL, and the freed ones of its size. The caller makes sure that
 * nothing alive needs such a string. */
void heapwipe(struct span s);
/* Only the freed ones of an n byte string: safe at any time. */
void heapwipe_freed(size_t n);

#endif
