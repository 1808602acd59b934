/* SPDX-License-Identifier: Apache-2.0
 *
 * Restart with back-off.
 */
#include "server/keeper.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define DELAY_MIN_MS 1000
#define DELAY_MAX_MS 60000
#define LIVED_MS     60000 /* so long that its end has nothing to do with its start */

struct keeper {
	struct loop *loop;
	struct helper_exec h;
	keeper_ready_fn *ready;
	keeper_fn *fn;
	void *ctx;
	bool want, again;
	pid_t pid; /* -1: none */
	int pidfd;
	int64_t since_us;
	int64_t delay_ms; /* before the next execution after an end */
	struct loop_timer *timer;
};

static void execute(void *ctx);

static void again_later(struct keeper *k)
{
	loop_cancel(k->loop, k->timer);
	k->timer = loop_after(k->loop, k->delay_ms, execute, k);
	k->delay_ms = k->delay_ms * 2 < DELAY_MAX_MS ? k->delay_ms * 2 : DELAY_MAX_MS;
}

static void gone(void *ctx, int fd, unsigned events)
{
	struct keeper *k = ctx;
	int status = 0;

	(void)events;
	loop_del(k->loop, fd);
	fd_close(&k->pidfd);
	(void)waitpid(k->pid, &status, 0);
	k->pid = -1;
	if (k->want && !k->again)
		log_error("process-gone", "name", k->h.name, "status",
		    log_num(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)));
	k->fn(k->ctx, -1);
	if (clock_mono_us() - k->since_us >= LIVED_MS * 1000)
		k->delay_ms = DELAY_MIN_MS;
	if (k->want && k->again)
		execute(k);
	else if (k->want)
		again_later(k);
	k->again = false;
}

static int watch(struct keeper *k)
{
	k->pidfd = (int)syscall(SYS_pidfd_open, k->pid, 0);
	return k->pidfd < 0 ? E_INTERNAL : loop_add(k->loop, k->pidfd, LOOP_IN, gone, k);
}

static void kill_now(struct keeper *k)
{
	(void)kill(k->pid, SIGKILL);
	(void)waitpid(k->pid, NULL, 0);
	k->pid = -1;
	fd_close(&k->pidfd);
}

static void execute(void *ctx)
{
	struct keeper *k = ctx;
	struct why w = {0};
	int sock = -1;
	int rc;

	k->timer = NULL;
	if (!k->want || k->pid > 0)
		return;
	rc = k->ready != NULL ? k->ready(k->ctx, &k->h, &w) : 0;
	if (rc == 0)
		rc = helper_exec(&k->h, &k->pid, &sock, &w);
	if (rc == 0 && (rc = watch(k)) != 0) {
		why_set(&w, rc, "its process cannot be watched");
		kill_now(k);
		fd_close(&sock);
	}
	if (rc != 0) {
		log_error("process-not-started", "name", k->h.name, "why", w.text, "hint", w.hint);
		again_later(k);
		return;
	}
	k->since_us = clock_mono_us();
	log_info("process-started", "name", k->h.name, "pid", log_num(k->pid));
	k->fn(k->ctx, sock);
}

struct keeper *keeper_new(struct loop *l, const struct helper_exec *h, keeper_ready_fn *ready, keeper_fn *fn, void *ctx)
{
	struct keeper *k = xcalloc(1, sizeof(*k));

	*k = (struct keeper){.loop = l, .h = *h, .ready = ready, .fn = fn, .ctx = ctx, .pid = -1, .pidfd = -1,
		.delay_ms = DELAY_MIN_MS};
	return k;
}

void keeper_want(struct keeper *k, bool want)
{
	k->want = want;
	if (want && k->pid < 0 && k->timer == NULL)
		execute(k);
	if (!want) {
		loop_cancel(k->loop, k->timer);
		k->timer = NULL;
		k->delay_ms = DELAY_MIN_MS;
	}
}

void keeper_again(struct keeper *k)
{
	k->delay_ms = DELAY_MIN_MS;
	k->again = k->pid > 0;
	if (k->pid > 0 || !k->want)
		return;
	loop_cancel(k->loop, k->timer);
	k->timer = NULL;
	execute(k);
}

void keeper_free(struct keeper *k, int wait_ms)
{
	if (k == NULL)
		return;
	loop_cancel(k->loop, k->timer);
	if (k->pidfd >= 0)
		loop_del(k->loop, k->pidfd);
	for (int ms = 0; k->pid > 0 && ms < wait_ms; ms += 10) {
		if (waitpid(k->pid, NULL, WNOHANG) != 0)
			k->pid = -1;
		else
			(void)usleep(10000);
	}
	if (k->pid > 0)
		kill_now(k);
	fd_close(&k->pidfd);
	free(k);
}
