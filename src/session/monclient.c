/* SPDX-License-Identifier: Apache-2.0
 *
 * The session's end of the monitor socket. Calls are numbered from 1 in the order they are begun; an answer finds
 * its caller by that number. What cannot be sent at once waits in order, up to a cap. Losing the monitor, or a message
 * that no honest monitor sends, ends the process: without the monitor there is neither authority nor recording.
 */
#include "session/monclient.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define QUEUE_MAX (4u * 1024 * 1024) /* bytes waiting for a monitor that does not read */
#define TURN_MAX 16                  /* messages taken per readiness, so that clients get their turn */
#define EXIT_NO_MONITOR 81

struct mon_wait { /* a call that was sent and not yet answered */
	uint32_t id;
	mon_reply_fn *fn; /* NULL: forgotten, the answer is dropped */
	void *ctx;
	struct mon_wait *next;
};

struct mon_on {
	int type;
	mon_push_fn *fn; /* NULL: removed while messages are handed out */
	void *ctx;
	struct mon_on *next;
};

struct mon_out { /* a datagram that did not fit into the socket */
	struct mon_out *next;
	struct buf bytes;
};

struct monclient {
	struct loop *loop;
	int sock;
	uint32_t last_id;
	bool building;
	bool pushing;
	struct buf out, in;
	struct mon_wait *waits;
	struct mon_on *ons;
	struct mon_out *queue, **queue_end;
	size_t queued;
};

static _Noreturn void lost(const char *what, int code)
{
	if (code == E_CLOSED)
		log_info("monitor-gone", "what", what);
	else
		log_error("monitor-protocol", "what", what, "why", err_str(code));
	_exit(EXIT_NO_MONITOR);
}

static void wants_update(struct monclient *mc)
{
	loop_mod(mc->loop, mc->sock, LOOP_IN | (mc->queue != NULL ? LOOP_OUT : 0u));
}

static void queue_push(struct monclient *mc)
{
	struct mon_out *o = xcalloc(1, sizeof(*o));

	buf_init(&o->bytes, IPC_MAX);
	buf_put_span(&o->bytes, buf_span(&mc->out));
	mc->queued += buf_len(&o->bytes);
	if (buf_err(&o->bytes) != 0 || mc->queued > QUEUE_MAX)
		lost("queue", E_LIMIT);
	*mc->queue_end = o;
	mc->queue_end = &o->next;
	wants_update(mc);
}

static void queue_flush(struct monclient *mc)
{
	while (mc->queue != NULL) {
		struct mon_out *o = mc->queue;
		int rc = fd_send(mc->sock, buf_span(&o->bytes), NULL, 0);

		if (rc == E_MORE)
			return;
		if (rc != 0)
			lost("send", rc);
		mc->queue = o->next;
		if (mc->queue == NULL)
			mc->queue_end = &mc->queue;
		mc->queued -= buf_len(&o->bytes);
		buf_clear(&o->bytes);
		free(o);
	}
	wants_update(mc);
}

static void fds_drop(int *fds, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++)
		fd_close(&fds[i]);
}

static void take_answer(struct monclient *mc, const struct ipc_msg *m, int *fds, size_t nfds)
{
	struct mon_wait **at = &mc->waits;
	struct mon_wait *w;

	while (*at != NULL && (*at)->id != ipc_id(m))
		at = &(*at)->next;
	w = *at;
	if (w == NULL) { /* a call that wanted no answer, or one that was never made */
		fds_drop(fds, nfds);
		if (ipc_id(m) > mc->last_id)
			lost("answer without a call", E_STATE);
		return;
	}
	*at = w->next;
	if (w->fn != NULL)
		w->fn(w->ctx, m, fds, nfds);
	else
		fds_drop(fds, nfds);
	free(w);
}

static void ons_sweep(struct monclient *mc)
{
	for (struct mon_on **at = &mc->ons; *at != NULL;) {
		struct mon_on *o = *at;

		if (o->fn != NULL) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		free(o);
	}
}

static void take_push(struct monclient *mc, const struct ipc_msg *m, int *fds, size_t nfds)
{
	fds_drop(fds, nfds); /* no pushed message carries any */
	mc->pushing = true;
	for (struct mon_on *o = mc->ons; o != NULL; o = o->next)
		if (o->fn != NULL && o->type == ipc_type_of(m))
			o->fn(o->ctx, m);
	mc->pushing = false;
	ons_sweep(mc);
}

static bool take_one(struct monclient *mc)
{
	int fds[FD_PASS_MAX];
	size_t nfds = FD_PASS_MAX;
	struct ipc_msg *m;
	int rc = ipc_recv(mc->sock, &mc->in, &m, fds, &nfds);

	if (rc == E_MORE)
		return false;
	if (rc != 0)
		lost("receive", rc);
	if (ipc_id(m) == 0)
		take_push(mc, m, fds, nfds);
	else if (ipc_type_of(m) == IPC_OK || ipc_type_of(m) == IPC_FAIL)
		take_answer(mc, m, fds, nfds);
	else
		lost("type of an answer", E_FORMAT);
	ipc_free(m);
	return true;
}

static void mon_ready(void *ctx, int fd, unsigned events)
{
	struct monclient *mc = ctx;

	(void)fd;
	if (events & LOOP_OUT)
		queue_flush(mc);
	if (events & (LOOP_IN | LOOP_HUP))
		for (int i = 0; i < TURN_MAX && take_one(mc); i++)
			;
}

struct monclient *monclient_new(struct loop *l, int sock)
{
	struct monclient *mc = xcalloc(1, sizeof(*mc));
	int rc = fd_set_nonblock(sock, true);

	mc->loop = l;
	mc->sock = sock;
	mc->queue_end = &mc->queue;
	buf_init(&mc->out, IPC_MAX);
	buf_init(&mc->in, IPC_MAX);
	if (rc == 0)
		rc = loop_add(l, sock, LOOP_IN, mon_ready, mc);
	if (rc != 0)
		lost("register", rc);
	return mc;
}

void monclient_free(struct monclient *mc)
{
	if (mc == NULL)
		return;
	loop_del(mc->loop, mc->sock);
	close(mc->sock);
	while (mc->waits != NULL) {
		struct mon_wait *w = mc->waits;

		mc->waits = w->next;
		free(w);
	}
	for (struct mon_on *o = mc->ons; o != NULL; o = o->next)
		o->fn = NULL;
	ons_sweep(mc);
	while (mc->queue != NULL) {
		struct mon_out *o = mc->queue;

		mc->queue = o->next;
		buf_clear(&o->bytes);
		free(o);
	}
	buf_clear(&mc->out);
	buf_clear(&mc->in);
	free(mc);
}

struct buf *monclient_begin(struct monclient *mc, enum ipc_type t)
{
	assert(!mc->building);
	mc->building = true;
	ipc_begin(&mc->out, t, ++mc->last_id);
	return &mc->out;
}

static void wait_add(struct monclient *mc, uint32_t id, mon_reply_fn *fn, void *ctx)
{
	struct mon_wait **at = &mc->waits;
	struct mon_wait *w = xcalloc(1, sizeof(*w));

	*w = (struct mon_wait){id, fn, ctx, NULL};
	while (*at != NULL)
		at = &(*at)->next; /* a handful at most; oldest first */
	*at = w;
}

uint32_t monclient_call(struct monclient *mc, mon_reply_fn *fn, void *ctx)
{
	uint32_t id = mc->last_id;
	int rc = ipc_end(&mc->out);

	assert(mc->building);
	mc->building = false;
	if (rc != 0) { /* too big to send: the caller hears of it at once */
		if (fn != NULL)
			fn(ctx, NULL, NULL, 0);
		return id;
	}
	if (fn != NULL)
		wait_add(mc, id, fn, ctx);
	rc = mc->queue != NULL ? E_MORE : fd_send(mc->sock, buf_span(&mc->out), NULL, 0);
	if (rc == E_MORE)
		queue_push(mc);
	else if (rc != 0)
		lost("send", rc);
	return id;
}

void monclient_forget(struct monclient *mc, uint32_t id)
{
	for (struct mon_wait *w = mc->waits; w != NULL; w = w->next)
		if (w->id == id)
			w->fn = NULL;
}

void monclient_on(struct monclient *mc, enum ipc_type t, mon_push_fn *fn, void *ctx)
{
	struct mon_on *o = mc->ons;

	while (o != NULL && (o->type != (int)t || o->ctx != ctx))
		o = o->next;
	if (o == NULL && fn == NULL)
		return;
	if (o == NULL) {
		o = xcalloc(1, sizeof(*o));
		o->type = (int)t;
		o->ctx = ctx;
		o->next = mc->ons;
		mc->ons = o;
	}
	o->fn = fn;
	if (fn == NULL && !mc->pushing)
		ons_sweep(mc);
}

void monclient_why(const struct ipc_msg *m, struct why *w, char sqlstate[6])
{
	char text[sizeof(w->text)] = "", hint[sizeof(w->hint)] = "", state[6] = "";

	if (m == NULL) {
		why_set(w, E_INTERNAL, "the request to the monitor could not be sent");
	} else {
		int64_t code = ipc_get_int(m, "code", E_INTERNAL);

		if (ipc_get_str(m, "text", text, sizeof(text)) != 0)
			(void)str_copy(text, sizeof(text), "refused");
		if (ipc_get_str(m, "hint", hint, sizeof(hint)) != 0)
			hint[0] = '\0';
		if (ipc_get_str(m, "sqlstate", state, sizeof(state)) != 0 || strlen(state) != 5)
			state[0] = '\0';
		why_set(w, code >= INT32_MIN && code <= INT32_MAX ? (int)code : E_INTERNAL, "%s", text);
		if (hint[0] != '\0')
			why_hint(w, "%s", hint);
	}
	if (sqlstate != NULL)
		memcpy(sqlstate, state[0] != '\0' ? state : "XX000", 6);
}
