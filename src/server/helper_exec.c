/* SPDX-License-Identifier: Apache-2.0
 *
 * The main process executes a helper program. The child reports through a close-on-exec pipe when it could not be executed, so
 * that "the program is missing" is an error of the start and not a process that vanishes.
 */
#include "server/helper_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "server/dsetup.h"

#define FD_ABOVE 64 /* where descriptors are parked while their places are taken */

int helper_find(const char *program, char *out, size_t cap)
{
	char self[400];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL) {
			*slash = '\0';
			if (snprintf(out, cap, "%s/%s", self, program) < (int)cap && access(out, X_OK) == 0)
				return 0;
		}
	}
	return snprintf(out, cap, "%s/sallyport/%s", SP_LIBEXECDIR, program) < (int)cap ? 0 : E_TOOBIG;
}

struct start { /* of one child */
	const struct helper_exec *h;
	int exe, sock, report;
	pid_t parent;
};

static int park(int fd)
{
	int at = fcntl(fd, F_DUPFD_CLOEXEC, FD_ABOVE);

	return at < 0 ? -errno : at;
}

/* Every descriptor to its final number, then program and report pipe (both close-on-exec), the rest closed. */
static int place(struct start *s)
{
	int from[2 + HELPER_FDS + 2], n = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir("/") != 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		return -errno;
	from[n++] = park(s->sock);
	from[n++] = park(s->h->log_fd);
	for (size_t i = 0; i < s->h->n_fds; i++)
		from[n++] = park(s->h->fds[i]);
	from[n++] = park(s->exe);
	from[n++] = park(s->report);
	for (int i = 0; i < n; i++)
		if (from[i] < 0)
			return from[i];
	for (int i = 0; i < n; i++)
		if (dup3(from[i], HELPER_FD_SOCK + i, i < n - 2 ? 0 : O_CLOEXEC) < 0)
			return -errno;
	s->report = HELPER_FD_SOCK + n - 1;
	s->exe = s->report - 1;
	return close_range((unsigned)s->report + 1, ~0u, 0) != 0 ? -errno : 0;
}

static int drop(const struct start *s)
{
	int rc = privileges_drop(s->h->uid, s->h->gid);

	if (rc == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) /* after the change of identity, which clears it */
		rc = -errno;
	return rc == 0 && getppid() != s->parent ? E_CLOSED : rc;
}

/* "NAME=VALUE" of our own environment, for test builds. */
static char *inherited(const char *name, char *out, size_t cap)
{
	const char *v = getenv(name);

	return v != NULL && snprintf(out, cap, "%s=%s", name, v) < (int)cap ? out : NULL;
}

static int run(const struct start *s)
{
	static char env_path[] = "PATH=/usr/bin:/bin", env_home[] = "HOME=/nonexistent", env_lang[] = "LC_ALL=C.UTF-8";
	const struct helper_exec *h = s->h;
	char title[64], opts[64], asan[512], clock[512];
	char *envp[] = {env_path, env_home, env_lang, NULL, NULL, NULL};
	char *argv[2 + HELPER_ARGS + 1] = {title, opts};
	size_t n = 3;

	(void)snprintf(title, sizeof(title), "sallyportd: %s", h->name);
	(void)snprintf(opts, sizeof(opts), "--helper=%d:%d:%d:%zu", (int)h->log_level, h->log_json, h->require_sandbox, h->n_fds);
	for (size_t i = 0; i < h->n_args; i++)
		argv[2 + i] = (char *)h->args[i];
	if (inherited("ASAN_OPTIONS", asan, sizeof(asan)) != NULL)
		envp[n++] = asan;
#ifdef SP_ATTACK
	if (inherited("SP_TEST_CLOCK", clock, sizeof(clock)) != NULL)
		envp[n++] = clock;
#else
	(void)clock;
#endif
	(void)fexecve(s->exe, argv, envp);
	return -errno;
}

static _Noreturn void child(struct start *s)
{
	sigset_t none;
	int rc;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	rc = place(s);
	if (rc == 0)
		rc = drop(s);
	if (rc == 0)
		rc = run(s);
	(void)!write(s->report, &rc, sizeof(rc));
	_exit(1);
}

/* Nothing to read: the pipe was closed by a successful exec. */
static int wait_executed(int fd)
{
	int rc = 0;
	ssize_t n;

	do {
		n = read(fd, &rc, sizeof(rc));
	} while (n < 0 && errno == EINTR);
	return n == 0 ? 0 : n == (ssize_t)sizeof(rc) && rc != 0 ? rc : E_INTERNAL;
}

static int fork_child(struct start *s, pid_t *pid)
{
	int report[2];
	int rc;

	if (pipe2(report, O_CLOEXEC) != 0)
		return -errno;
	s->report = report[1];
	s->parent = getpid();
	*pid = fork();
	if (*pid == 0)
		child(s);
	rc = *pid < 0 ? -errno : 0;
	close(report[1]);
	if (rc == 0)
		rc = wait_executed(report[0]);
	close(report[0]);
	if (rc != 0 && *pid > 0) {
		(void)kill(*pid, SIGKILL);
		(void)waitpid(*pid, NULL, 0);
	}
	return rc;
}

int helper_exec(const struct helper_exec *h, pid_t *pid, int *sock, struct why *w)
{
	struct start s = {.h = h, .exe = open(h->path, O_PATH | O_CLOEXEC)};
	int sp[2] = {-1, -1};
	int rc = s.exe < 0 ? -errno : h->n_fds > HELPER_FDS || h->n_args > HELPER_ARGS ? E_LIMIT : 0;

	*sock = -1;
	if (rc == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) != 0)
		rc = -errno;
	s.sock = sp[1];
	if (rc == 0)
		rc = fork_child(&s, pid);
	fd_close(&s.exe);
	fd_close(&sp[1]);
	if (rc == 0) {
		*sock = sp[0];
		return 0;
	}
	fd_close(&sp[0]);
	*pid = -1;
	why_set(w, rc, "%s cannot be executed: %s", h->path, err_str(rc));
	why_hint(w, "it is installed together with sallyportd");
	return rc;
}
