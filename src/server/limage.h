/* SPDX-License-Identifier: Apache-2.0
 *
 * The image a listener hands to itself across exec: settings and the state of admission, in sealed memory. Written and read
 * by the same program file, so it is the plain bytes of the structures.
 */
#ifndef SP_SERVER_LIMAGE_H
#define SP_SERVER_LIMAGE_H

#include "server/listener.h"
#include "server/throttle.h"

/* Sealed memory with these bytes; -errno. Close-on-exec. */
int limage_memfd(const char *name, struct span bytes) MUST_CHECK;
/* t NULL: no state. fresh: the receiver announces itself to the monitor. Returns the descriptor or -errno. */
int limage_write(const struct listener_settings *s, const struct throttle *t, bool fresh) MUST_CHECK;
int limage_read(int fd, struct listener_settings *s, struct throttle *t, bool *fresh) MUST_CHECK;
/* Execute our program as a listener with this image; returns only on failure. */
int listener_exec(const struct listener_settings *s, int image, struct why *w);

#endif
