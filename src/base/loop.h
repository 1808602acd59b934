/* SPDX-License-Identifier: Apache-2.0
 *
 * A small epoll loop: descriptors, one-shot timers, and a step that runs after every batch of events (libssh
 * may do work inside any call, so the session re-checks everything there). Single-threaded; signals come
 * through a signalfd registered as a descriptor.
 */
#ifndef SP_BASE_LOOP_H
#define SP_BASE_LOOP_H

#include <stdint.h>

#include "base/err.h"

#define LOOP_IN 1u
#define LOOP_OUT 4u
#define LOOP_HUP 16u /* reported, never asked for (EPOLLHUP or EPOLLERR) */

struct loop;
struct loop_timer;

typedef void loop_fd_fn(void *ctx, int fd, unsigned events);
typedef void loop_timer_fn(void *ctx);

struct loop *loop_new(void);
void loop_free(struct loop *l);
/* Register fd (not owned). At most one registration per fd. */
int loop_add(struct loop *l, int fd, unsigned events, loop_fd_fn *fn, void *ctx) MUST_CHECK;
/* Change the interest; no system call when it is unchanged. events may be 0 (only HUP is reported). */
void loop_mod(struct loop *l, int fd, unsigned events);
/* Unregister; safe inside callbacks (pending events for fd are dropped). Call before close(). */
void loop_del(struct loop *l, int fd);

/* One-shot timer in ms from now; returns a handle that is valid until it fired or was cancelled. */
struct loop_timer *loop_after(struct loop *l, int64_t ms, loop_timer_fn *fn, void *ctx);
/* NULL is fine. */
void loop_cancel(struct loop *l, struct loop_timer *t);

/* fn runs after each batch of callbacks, before sleeping. */
void loop_set_after(struct loop *l, loop_timer_fn *fn, void *ctx);
/* Run until loop_stop(); returns the code given to it. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l, int code);

#endif
