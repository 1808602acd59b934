/* SPDX-License-Identifier: Apache-2.0
 *
 * One SEQPACKET socket on the loop: received messages go to a callback, sent ones are queued while
 * the other side does not read. No meaning of messages here. A queue over its limit closes the
 * channel: the other side is broken or hostile.
 */
#ifndef SP_SERVER_CHAN_H
#define SP_SERVER_CHAN_H

#include "base/loop.h"
#include "wire/ipc.h"

struct chan;

/* m: the message, or NULL when the channel ended with err (E_CLOSED, E_FORMAT, E_TOOBIG, E_LIMIT,
 * -errno). len: bytes of the datagram. Descriptors left other than -1 are closed after the call. m
 * lives until the return. chan_free() is allowed inside. */
typedef void chan_fn(
    void *ctx, const struct ipc_msg *m, size_t len, int err, int *fds, size_t nfds);

/* fd is owned from here on, made non-blocking. max_queue: bytes that may wait. */
struct chan *chan_new(struct loop *l, int fd, size_t max_queue, chan_fn *fn, void *ctx);
/* Closes; the callback is not called again. NULL is fine. */
void chan_free(struct chan *c);
int chan_fd(const struct chan *c);
/* Send a message built in b; descriptors stay the caller's (duplicated when queued). Errors end the
 * channel through the callback, later; until then further sends are dropped. When the other side has gone, what it
 * sent before still comes, and then E_CLOSED. */
void chan_send(struct chan *c, struct buf *b, const int *fds, size_t nfds);

/* Calls to a helper process: ids handed out, answers matched. */
typedef void call_fn(
    void *ctx, const struct ipc_msg *m); /* IPC_OK or IPC_FAIL; NULL: the helper is gone */
struct calls {
	uint32_t last;
	struct call *list;
};
uint32_t calls_add(struct calls *cs, call_fn *fn, void *ctx);
/* False: nobody asked. */
bool calls_answer(struct calls *cs, const struct ipc_msg *m);
/* The asker is gone: its answers are dropped. */
void calls_forget(struct calls *cs, const void *ctx);
/* Every open call gets NULL; or nothing any more. */
void calls_fail(struct calls *cs);
void calls_drop(struct calls *cs);

#endif
