/* SPDX-License-Identifier: Apache-2.0
 *
 * Short-lived children.
 */
#include "server/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

struct child {
	struct child *next;
	struct kids *kids;
	pid_t pid;
	int pidfd;
	int out; /* read end of its descriptor 1, or -1 */
	struct buf got;
	struct loop_timer *timer;
	child_done_fn *done;
	void *ctx;
	bool exited, timed_out;
	int status;
};

struct kids {
	struct loop *loop;
	struct child *list;
};

/* --- in the child --- */

static void signals_default(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int move_fds(const int *fds, size_t n)
{
	int up[CHILD_FDS];

	for (size_t i = 0; i < n;
	     i++) { /* out of the way first: any order of the originals works */
		int fd = fds[i] >= 0 ? fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);

		up[i] = fcntl(fd, F_DUPFD_CLOEXEC, 64);
		if (up[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < n; i++)
		if (dup2(up[i], (int)i) < 0)
			return -errno;
	return close_range((unsigned)n, ~0u, 0) == 0 ? 0 : -errno;
}

static int drop(uid_t uid, gid_t gid)
{
	if (uid == (uid_t)-1)
		return 0;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return -errno;
	return getuid() == uid && geteuid() == uid && (uid == 0 || setuid(0) != 0) ? 0 : -EPERM;
}

static _Noreturn void child_run(const struct child_params *p, pid_t parent)
{
	static const struct rlimit no_core = {0, 0};
	static const struct rlimit few_files = {1024, 1024};

	signals_default();
	if ((p->tty ? setsid() < 0 : setpgid(0, 0) != 0) || move_fds(p->fds, p->n_fds) != 0)
		_exit(126);
	if (p->tty && ioctl(0, TIOCSCTTY, 0) != 0)
		_exit(126);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)setrlimit(RLIMIT_NOFILE, &few_files); /* ours may be large */
	if (drop(p->uid, p->gid) != 0)
		_exit(126);
	/* After the change of identity: that clears both. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (p->uid != (uid_t)-1 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		_exit(126);
	if (getppid() != parent)
		_exit(126);
	if (p->run != NULL)
		_exit(p->run(p->arg));
	execve(p->argv[0], p->argv, p->envp);
	_exit(127);
}

/* --- in the parent --- */

static void child_unlink(struct child *c)
{
	struct child **at = &c->kids->list;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	loop_cancel(c->kids->loop, c->timer);
	loop_del(c->kids->loop, c->pidfd);
	fd_close(&c->pidfd);
	if (c->out >= 0)
		loop_del(c->kids->loop, c->out);
	fd_close(&c->out);
}

static void child_finish(struct child *c)
{
	if (!c->exited || c->out >= 0)
		return;
	child_unlink(c);
	if (c->done != NULL)
		c->done(c->ctx, c->timed_out ? -ETIMEDOUT : c->status, buf_span(&c->got));
	buf_wipe(&c->got);
	free(c);
}

static void on_exit_of(void *ctx, int fd, unsigned events)
{
	struct child *c = ctx;
	int st = 0;

	(void)events;
	if (waitpid(c->pid, &st, WNOHANG) != c->pid)
		return;
	c->exited = true;
	c->status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	loop_del(c->kids->loop, fd);
	child_finish(c);
}

static void out_close(struct child *c)
{
	loop_del(c->kids->loop, c->out);
	fd_close(&c->out);
}

static void on_output(void *ctx, int fd, unsigned events)
{
	struct child *c = ctx;
	uint8_t block[4096];
	ssize_t n = read(fd, block, sizeof(block));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		buf_put(&c->got, block, (size_t)n);
		mem_wipe(block, sizeof(block));
		if (buf_err(&c->got) == 0)
			return;
		c->timed_out = true; /* flooding is as good as hanging */
		child_signal(c, SIGKILL);
	}
	out_close(c);
	child_finish(c);
}

/* The leader may be gone while something it started still holds the pipe: that is over now, too. */
static void on_timeout(void *ctx)
{
	struct child *c = ctx;

	c->timer = NULL;
	c->timed_out = true;
	if (!c->exited)
		child_signal(c, SIGKILL);
	if (c->out >= 0)
		out_close(c);
	child_finish(c);
}

void child_signal(const struct child *c, int sig)
{
	if (!c->exited) { /* not reaped yet: the number is still its own */
		(void)kill(-c->pid, sig);
		(void)kill(c->pid, sig);
	}
}

void child_cancel(struct child *c)
{
	if (c == NULL)
		return;
	c->done = NULL;
	child_signal(c, SIGKILL);
	if (c->out >= 0)
		out_close(c);
	child_finish(c);
}

struct kids *kids_new(struct loop *l)
{
	struct kids *k = xcalloc(1, sizeof(*k));

	k->loop = l;
	return k;
}

void kids_free(struct kids *k)
{
	if (k == NULL)
		return;
	while (k->list != NULL) {
		struct child *c = k->list;

		child_signal(c, SIGKILL);
		if (!c->exited)
			(void)waitpid(c->pid, NULL, 0);
		child_unlink(c);
		buf_wipe(&c->got);
		free(c);
	}
	free(k);
}

static int watch(struct child *c, const struct child_params *p)
{
	struct loop *l = c->kids->loop;
	int rc;

	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0)
		return -errno;
	rc = loop_add(l, c->pidfd, LOOP_IN, on_exit_of, c);
	if (rc == 0 && c->out >= 0)
		rc = fd_set_nonblock(c->out, true);
	if (rc == 0 && c->out >= 0)
		rc = loop_add(l, c->out, LOOP_IN, on_output, c);
	if (rc == 0 && p->timeout_ms > 0)
		c->timer = loop_after(l, p->timeout_ms, on_timeout, c);
	return rc;
}

struct child *child_start(
    struct kids *k, const struct child_params *p, child_done_fn *done, void *ctx)
{
	struct child *c = xcalloc(1, sizeof(*c));
	struct child_params mine = *p;
	int pipe_fds[2] = {-1, -1};
	pid_t me = getpid();

	*c = (struct child){
	    .kids = k, .pidfd = -1, .out = -1, .done = done, .ctx = ctx, .next = k->list};
	buf_init(&c->got, p->capture > 0 ? p->capture : 1);
	if (p->capture > 0) {
		if (pipe2(pipe_fds, O_CLOEXEC) != 0)
			goto fail;
		mine.fds[1] = pipe_fds[1];
	}
	c->pid = fork();
	if (c->pid == 0)
		child_run(&mine, me);
	fd_close(&pipe_fds[1]);
	c->out = pipe_fds[0];
	if (c->pid < 0)
		goto fail;
	k->list = c;
	if (watch(c, p) == 0)
		return c;
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
	child_unlink(c);
	free(c);
	return NULL;
fail:
	fd_close(&pipe_fds[0]);
	fd_close(&pipe_fds[1]);
	free(c);
	return NULL;
}
