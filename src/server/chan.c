/* SPDX-License-Identifier: Apache-2.0
 *
 * Message channels. Callbacks may free the channel they come from: a call in progress only marks it
 * and the outermost frame frees.
 */
#include "server/chan.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define CHAN_BATCH 16 /* messages per wake-up: one busy peer must not starve the others */

struct queued {
	struct queued *next;
	int fds[FD_PASS_MAX];
	size_t nfds;
	struct buf bytes;
};

struct chan {
	struct loop *loop;
	int fd;
	size_t max_queue, queued;
	struct queued *first, **tail;
	chan_fn *fn;
	void *ctx;
	int err; /* a failed send, reported from the loop */
	bool deaf; /* the other side reads no more: what it has said is still heard, to its end */
	struct loop_timer *failing;
	unsigned busy; /* callbacks in progress */
	bool dead;
};

static struct buf
    scratch; /* one receive buffer for all channels: a message lives only during its callback */

static void queued_free(struct chan *c, struct queued *q)
{
	c->queued -= buf_len(&q->bytes);
	for (size_t i = 0; i < q->nfds; i++)
		fd_close(&q->fds[i]);
	buf_wipe(&q->bytes); /* a queued answer may hold a password */
	free(q);
}

static void release(struct chan *c)
{
	while (c->first != NULL) {
		struct queued *q = c->first;

		c->first = q->next;
		queued_free(c, q);
	}
	free(c);
}

void chan_free(struct chan *c)
{
	if (c == NULL || c->dead)
		return;
	c->dead = true;
	loop_cancel(c->loop, c->failing);
	loop_del(c->loop, c->fd);
	fd_close(&c->fd);
	if (c->busy == 0)
		release(c);
}

/* Run the callback; false when the channel is gone afterwards. */
static bool deliver(struct chan *c, const struct ipc_msg *m, int err, int *fds, size_t nfds)
{
	bool alive;

	c->busy++;
	c->fn(c->ctx, m, m != NULL ? buf_len(&scratch) : 0, err, fds, nfds);
	for (size_t i = 0; i < nfds; i++)
		fd_close(&fds[i]);
	c->busy--;
	alive = !c->dead;
	if (!alive && c->busy == 0)
		release(c);
	return alive;
}

static void receive(struct chan *c)
{
	for (int i = 0; i < CHAN_BATCH; i++) {
		int fds[FD_PASS_MAX];
		size_t nfds = FD_PASS_MAX;
		struct ipc_msg *m;
		bool alive;
		int rc = ipc_recv(c->fd, &scratch, &m, fds, &nfds);

		if (rc == E_MORE)
			return;
		if (rc != 0) {
			loop_mod(c->loop, c->fd, 0);
			(void)deliver(c, NULL, rc, NULL, 0);
			return;
		}
		alive = deliver(c, m, 0, fds, nfds);
		ipc_free(m);
		if (!alive)
			return;
	}
}

static void fail_now(void *ctx)
{
	struct chan *c = ctx;

	c->failing = NULL;
	(void)deliver(c, NULL, c->err, NULL, 0);
}

/* A send happens inside somebody's work: its failure is told from the loop, not from within. */
static void fail_later(struct chan *c, int err)
{
	if (c->err != 0)
		return;
	c->err = err;
	loop_mod(c->loop, c->fd, 0);
	c->failing = loop_after(c->loop, 0, fail_now, c);
}

static void send_failed(struct chan *c, int err)
{
	if (err != E_CLOSED) {
		fail_later(c, err);
		return;
	}
	c->deaf = true;
	loop_mod(c->loop, c->fd, LOOP_IN);
}

static void flush(struct chan *c)
{
	while (c->first != NULL && c->err == 0) {
		struct queued *q = c->first;
		int rc = fd_send(c->fd, buf_span(&q->bytes), q->fds, q->nfds);

		if (rc == E_MORE)
			return;
		if (rc != 0) {
			send_failed(c, rc);
			return;
		}
		c->first = q->next;
		if (c->first == NULL)
			c->tail = &c->first;
		queued_free(c, q);
	}
	if (c->err == 0)
		loop_mod(c->loop, c->fd, LOOP_IN);
}

static void ready(void *ctx, int fd, unsigned events)
{
	struct chan *c = ctx;

	(void)fd;
	if (c->err != 0)
		return;
	if (events & LOOP_OUT)
		flush(c);
	if (c->err == 0 && (events & (LOOP_IN | LOOP_HUP)))
		receive(c);
}

struct chan *chan_new(struct loop *l, int fd, size_t max_queue, chan_fn *fn, void *ctx)
{
	struct chan *c = xcalloc(1, sizeof(*c));

	if (scratch.max == 0)
		buf_init(&scratch, IPC_MAX);
	*c = (struct chan){.loop = l, .fd = fd, .max_queue = max_queue, .fn = fn, .ctx = ctx};
	c->tail = &c->first;
	if (fd_set_nonblock(fd, true) != 0 || loop_add(l, fd, LOOP_IN, ready, c) != 0) {
		fd_close(&c->fd);
		free(c);
		return NULL;
	}
	return c;
}

int chan_fd(const struct chan *c)
{
	return c->fd;
}

static void enqueue(struct chan *c, struct span bytes, const int *fds, size_t nfds)
{
	struct queued *q = xcalloc(1, sizeof(*q));

	buf_init(&q->bytes, IPC_MAX);
	buf_put_span(&q->bytes, bytes);
	c->queued += buf_len(&q->bytes);
	for (; q->nfds < nfds; q->nfds++) {
		q->fds[q->nfds] = fcntl(fds[q->nfds], F_DUPFD_CLOEXEC, 3);
		if (q->fds[q->nfds] < 0)
			break;
	}
	*c->tail = q;
	c->tail = &q->next;
	if (q->nfds < nfds)
		fail_later(c, E_LIMIT);
	else
		loop_mod(c->loop, c->fd, LOOP_IN | LOOP_OUT);
}

void chan_send(struct chan *c, struct buf *b, const int *fds, size_t nfds)
{
	int rc;

	if (c == NULL || c->dead || c->err != 0 || c->deaf)
		return;
	rc = ipc_end(b);
	if (rc != 0) {
		fail_later(c, rc);
		return;
	}
	rc = c->first != NULL ? E_MORE : fd_send(c->fd, buf_span(b), fds, nfds);
	if (rc == E_MORE && c->queued + buf_len(b) > c->max_queue)
		rc = E_LIMIT;
	if (rc == E_MORE)
		enqueue(c, buf_span(b), fds, nfds);
	else if (rc != 0)
		send_failed(c, rc);
}

struct call {
	struct call *next;
	uint32_t id;
	call_fn *fn;
	void *ctx;
};

uint32_t calls_add(struct calls *cs, call_fn *fn, void *ctx)
{
	struct call *c = xcalloc(1, sizeof(*c));

	if (++cs->last == 0)
		cs->last = 1;
	*c = (struct call){cs->list, cs->last, fn, ctx};
	cs->list = c;
	return c->id;
}

bool calls_answer(struct calls *cs, const struct ipc_msg *m)
{
	for (struct call **at = &cs->list; *at != NULL; at = &(*at)->next) {
		struct call c = **at;

		if (c.id != ipc_id(m))
			continue;
		free(*at);
		*at = c.next;
		if (c.fn != NULL)
			c.fn(c.ctx, m);
		return true;
	}
	return false;
}

void calls_forget(struct calls *cs, const void *ctx)
{
	for (struct call *c = cs->list; c != NULL; c = c->next)
		if (c->ctx == ctx)
			c->fn = NULL;
}

void calls_fail(struct calls *cs)
{
	while (cs->list != NULL) {
		struct call c = *cs->list;

		free(cs->list);
		cs->list = c.next;
		if (c.fn != NULL)
			c.fn(c.ctx, NULL);
	}
}

void calls_drop(struct calls *cs)
{
	for (struct call *c = cs->list; c != NULL; c = c->next)
		c->fn = NULL;
	calls_fail(cs);
}
