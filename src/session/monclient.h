/* SPDX-License-Identifier: Apache-2.0
 *
 * The session's end of the monitor socket: asynchronous calls answered by callback, pushed messages dispatched.
 * End of file on the socket ends the process at once (promise: monitor loss ends a session).
 */
#ifndef SP_SESSION_MONCLIENT_H
#define SP_SESSION_MONCLIENT_H

#include "base/loop.h"
#include "wire/ipc.h"

struct monclient;

/* m: IPC_OK or IPC_FAIL (or NULL when the call could not be sent); fds are owned by the callback. */
typedef void mon_reply_fn(void *ctx, const struct ipc_msg *m, int *fds, size_t nfds);
typedef void mon_push_fn(void *ctx, const struct ipc_msg *m);

struct monclient *monclient_new(struct loop *l, int sock);
void monclient_free(struct monclient *mc);
/* Start a message to the monitor: add fields with ipc_* to the returned buf, then monclient_call(). */
struct buf *monclient_begin(struct monclient *mc, enum ipc_type t);
/* fn NULL: no answer expected. Returns the call's id (> 0) for monclient_forget(). */
uint32_t monclient_call(struct monclient *mc, mon_reply_fn *fn, void *ctx);
/* The answer of this call is dropped (its descriptors closed). */
void monclient_forget(struct monclient *mc, uint32_t id);
/* A handler of pushed messages of one type. Several may listen to a type, one per ctx: the same (t, ctx) again
 * replaces, fn NULL removes. Each is called with every message of the type; it looks at sid itself. */
void monclient_on(struct monclient *mc, enum ipc_type t, mon_push_fn *fn, void *ctx);
/* Fill w from an IPC_FAIL. */
void monclient_why(const struct ipc_msg *m, struct why *w, char sqlstate[6]);

#endif
