/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps a helper program running that the gateway can live without for a while: when its process ends, that is logged
 * (process-gone) and it is executed again after 1 s, 2 s, 4 s ... 60 s; one that lived for a minute starts again from 1 s.
 */
#ifndef SP_SERVER_KEEPER_H
#define SP_SERVER_KEEPER_H

#include "base/loop.h"
#include "server/helper_exec.h"

struct keeper;

/* A process was executed: sock is its socket, owned by the callee. Or it ended: -1. */
typedef void keeper_fn(void *ctx, int sock);
/* Called before each execution; may fill in descriptors and arguments anew (files that may have been replaced). Optional. */
typedef int keeper_ready_fn(void *ctx, struct helper_exec *h, struct why *w);

/* h is copied, what it points to is borrowed. Nothing runs until keeper_want(). */
struct keeper *keeper_new(struct loop *l, const struct helper_exec *h, keeper_ready_fn *ready, keeper_fn *fn, void *ctx);
/* true: execute it unless it runs. false: it is not executed again; the caller closes its socket, which ends it. */
void keeper_want(struct keeper *k, bool want);
/* The caller closed its socket, so that it ends: execute it again at once. */
void keeper_again(struct keeper *k);
/* Not executed any more; its process is awaited for at most wait_ms (its socket is closed by now), then killed. NULL is fine. */
void keeper_free(struct keeper *k, int wait_ms);

#endif
