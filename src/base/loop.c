/* SPDX-License-Identifier: Apache-2.0
 *
 * The epoll loop. Registrations are found by descriptor number in a growing table; timers are a sorted list
 * (a session has a handful).
 */
#include "base/loop.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define BATCH      32
#define GATHER_MIN 5 /* registered descriptors */

struct loop_fd {
	loop_fd_fn *fn; /* NULL: not registered */
	void *ctx;
	unsigned events;
	uint32_t gen;   /* tells a re-used number from the one an event was reported for */
};

struct loop_timer {
	int64_t due_us;
	loop_timer_fn *fn;
	void *ctx;
	struct loop_timer *next;
};

struct loop {
	int ep;
	struct loop_fd *fds;
	size_t n_fds;
	uint32_t gen;
	int n_active;              /* registered descriptors */
	struct loop_timer *timers; /* sorted by due_us */
	loop_timer_fn *after;
	void *after_ctx;
	bool stop;
	int code;
};

struct loop *loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof(*l));

	l->ep = epoll_create1(EPOLL_CLOEXEC);
	if (l->ep < 0) {
		free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	while (l->timers != NULL)
		loop_cancel(l, l->timers);
	close(l->ep);
	free(l->fds);
	free(l);
}

static uint32_t to_epoll(unsigned events)
{
	return (events & LOOP_IN ? EPOLLIN : 0u) | (events & LOOP_OUT ? EPOLLOUT : 0u);
}

static struct epoll_event event_of(const struct loop *l, int fd)
{
	return (struct epoll_event){.events = to_epoll(l->fds[fd].events),
		.data.u64 = ((uint64_t)l->fds[fd].gen << 32) | (uint32_t)fd};
}

int loop_add(struct loop *l, int fd, unsigned events, loop_fd_fn *fn, void *ctx)
{
	struct epoll_event ev;

	if (fd < 0)
		return -EBADF;
	if ((size_t)fd >= l->n_fds) {
		size_t n = (size_t)fd + 16;

		l->fds = xreallocarray(l->fds, n, sizeof(*l->fds));
		for (size_t i = l->n_fds; i < n; i++)
			l->fds[i] = (struct loop_fd){0};
		l->n_fds = n;
	}
	if (l->fds[fd].fn != NULL)
		return E_EXISTS;
	l->fds[fd] = (struct loop_fd){fn, ctx, events, ++l->gen};
	ev = event_of(l, fd);
	if (epoll_ctl(l->ep, EPOLL_CTL_ADD, fd, &ev) != 0) {
		l->fds[fd].fn = NULL;
		return -errno;
	}
	l->n_active++;
	return 0;
}

static bool registered(const struct loop *l, int fd)
{
	return fd >= 0 && (size_t)fd < l->n_fds && l->fds[fd].fn != NULL;
}

void loop_mod(struct loop *l, int fd, unsigned events)
{
	struct epoll_event ev;

	if (!registered(l, fd) || l->fds[fd].events == events)
		return;
	l->fds[fd].events = events;
	ev = event_of(l, fd);
	(void)epoll_ctl(l->ep, EPOLL_CTL_MOD, fd, &ev);
}

void loop_del(struct loop *l, int fd)
{
	if (!registered(l, fd))
		return;
	(void)epoll_ctl(l->ep, EPOLL_CTL_DEL, fd, NULL);
	l->fds[fd].fn = NULL;
	l->n_active--;
}

struct loop_timer *loop_after(struct loop *l, int64_t ms, loop_timer_fn *fn, void *ctx)
{
	struct loop_timer *t = xcalloc(1, sizeof(*t));
	struct loop_timer **at = &l->timers;

	*t = (struct loop_timer){clock_mono_us() + ms * 1000, fn, ctx, NULL};
	while (*at != NULL && (*at)->due_us <= t->due_us)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
	return t;
}

void loop_cancel(struct loop *l, struct loop_timer *t)
{
	struct loop_timer **at = &l->timers;

	if (t == NULL)
		return;
	while (*at != NULL && *at != t)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	*at = t->next;
	free(t);
}

void loop_set_after(struct loop *l, loop_timer_fn *fn, void *ctx)
{
	l->after = fn;
	l->after_ctx = ctx;
}

void loop_stop(struct loop *l, int code)
{
	l->stop = true;
	l->code = code;
}

static int timeout_ms(const struct loop *l)
{
	int64_t left;

	if (l->timers == NULL)
		return -1;
	left = (l->timers->due_us - clock_mono_us() + 999) / 1000;
	return left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

static void run_timers(struct loop *l)
{
	int64_t now;

	if (l->timers == NULL)
		return;
	now = clock_mono_us();
	while (l->timers != NULL && l->timers->due_us <= now && !l->stop) {
		struct loop_timer t = *l->timers;

		loop_cancel(l, l->timers);
		t.fn(t.ctx);
	}
}

static void run_events(struct loop *l, const struct epoll_event *ev, int n)
{
	for (int i = 0; i < n && !l->stop; i++) {
		int fd = (int)(uint32_t)ev[i].data.u64;
		uint32_t gen = (uint32_t)(ev[i].data.u64 >> 32);
		unsigned events = (ev[i].events & EPOLLIN ? LOOP_IN : 0u) | (ev[i].events & EPOLLOUT ? LOOP_OUT : 0u) |
		    (ev[i].events & (EPOLLHUP | EPOLLERR) ? LOOP_HUP : 0u);

		if (!registered(l, fd) || l->fds[fd].gen != gen)
			continue;
		events &= l->fds[fd].events | LOOP_HUP; /* an earlier callback may have lost interest */
		if (events != 0)
			l->fds[fd].fn(l->fds[fd].ctx, fd, events);
	}
}

/* With several descriptors at work, let others run before looking once more: what they have ready by then costs one wake-up
 * less each. On an idle machine this returns at once. */
static int gather(struct loop *l, struct epoll_event *ev, int n)
{
	int more;

	if (n != 1 || l->n_active < GATHER_MIN)
		return n;
	(void)sched_yield();
	more = epoll_wait(l->ep, ev, BATCH, 0); /* level-triggered: the first one comes again */
	return more > 0 ? more : n;
}

int loop_run(struct loop *l)
{
	struct epoll_event ev[BATCH];

	l->stop = false;
	while (!l->stop) {
		int n;

		if (l->after != NULL)
			l->after(l->after_ctx);
		if (l->stop)
			break;
		n = epoll_wait(l->ep, ev, BATCH, timeout_ms(l));
		if (n < 0 && errno != EINTR)
			return -errno;
		n = gather(l, ev, n);
		run_events(l, ev, n > 0 ? n : 0);
		run_timers(l);
	}
	return l->code;
}
