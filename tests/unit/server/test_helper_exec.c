/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that the main process executes: what they get, what they do not, and how they are kept running. The program is this
 * test itself, executed again.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "server/helper_exec.h"
#include "server/keeper.h"

#define NOBODY 65534

/* ---- the program ---- */

extern char **environ;

static int open_above(int fd)
{
	int n = 0;

	for (; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static bool is_null(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat("/dev/null", &b) == 0 && a.st_rdev == b.st_rdev;
}

static int program(int argc, char **argv)
{
	struct helper_opts o;
	char text[2000], cwd[200], line[200] = "";
	int n = 0, sig = 0;

	if (helper_begin(argc, argv, "tester", &o) != 0)
		return 2;
	if (o.argc > 0 && strcmp(o.argv[0], "end") == 0)
		return 7;
	for (char **e = environ; *e != NULL; e++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "%s ", *e);
	(void)prctl(PR_GET_PDEATHSIG, &sig);
	n = snprintf(text, sizeof(text), "fds=%d args=%d arg=%s null=%d above=%d uid=%d cwd=%s death=%d level=%d require=%d env=%s", o.n_fds, o.argc,
	    o.argc > 0 ? o.argv[0] : "", is_null(0) && is_null(1), open_above(HELPER_FD_FIRST + o.n_fds), (int)getuid(), getcwd(cwd, sizeof(cwd)),
	    sig, (int)o.log_level, o.require_sandbox, line);
	for (int i = 0; i < o.n_fds; i++) {
		char got[16] = "";

		(void)!pread(HELPER_FD_FIRST + i, got, sizeof(got) - 1, 0);
		n += snprintf(text + n, sizeof(text) - (size_t)n, " fd%d=%s", i, got);
	}
	(void)!write(HELPER_FD_SOCK, text, (size_t)n);
	(void)!read(HELPER_FD_SOCK, text, 1); /* until the socket closes */
	return 0;
}

/* ---- the tests ---- */

static struct helper_exec one(const char *path)
{
	return (struct helper_exec){.path = path, .name = "tester", .uid = geteuid() == 0 ? NOBODY : (uid_t)-1, .gid = geteuid() == 0 ? NOBODY : (gid_t)-1,
		.log_fd = 2, .log_level = LOG_WARN_, .require_sandbox = true};
}

static int file_with(const char *text)
{
	int fd = memfd_create("given", 0);

	cr_assert(eq(int, (int)write(fd, text, strlen(text)), (int)strlen(text)));
	return fd;
}

static void report(int sock, char *out, size_t cap)
{
	struct pollfd p = {sock, POLLIN, 0};
	ssize_t n = poll(&p, 1, 10000) == 1 ? read(sock, out, cap - 1) : 0;

	out[n > 0 ? n : 0] = '\0';
}

static bool has(const char *text, const char *what)
{
	if (strstr(text, what) != NULL)
		return true;
	cr_log_error("\"%s\" is not in \"%s\"", what, text);
	return false;
}

Test(helper_exec, it_gets_what_it_is_given_and_nothing_else)
{
	struct helper_exec h = one("/proc/self/exe");
	struct why w = {0};
	char got[2000], want[64];
	int sock, status;
	pid_t pid;

	(void)setenv("SECRET", "not-for-it", 1);
	(void)setenv("LD_LIBRARY_PATH", "/nonexistent", 1);
	h.n_fds = 2;
	h.fds[0] = file_with("first");
	h.fds[1] = file_with("second");
	h.n_args = 1;
	h.args[0] = "an argument";
	cr_assert(eq(int, helper_exec(&h, &pid, &sock, &w), 0), "%s", w.text);
	report(sock, got, sizeof(got));
	cr_expect(has(got, "fds=2 args=1 arg=an argument null=1 above=0 "));
	cr_expect(has(got, "fd0=first fd1=second"));
	cr_expect(has(got, "cwd=/ "));
	snprintf(want, sizeof(want), "death=%d level=%d require=1", SIGKILL, (int)LOG_WARN_);
	cr_expect(has(got, want));
	cr_expect(has(got, "env=PATH=/usr/bin:/bin HOME=/nonexistent LC_ALL=C.UTF-8 "));
	cr_expect(strstr(got, "not-for-it") == NULL && strstr(got, "LD_LIBRARY") == NULL);
	snprintf(want, sizeof(want), "uid=%d ", geteuid() == 0 ? NOBODY : (int)geteuid());
	cr_expect(has(got, want));
	close(sock);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(eq(int, status, 0), "it ends with its socket");
}

/* Descriptors that stand where others are to go: in a process of its own, whose low numbers nobody needs. */
static int crossed(void)
{
	struct helper_exec h = one("/proc/self/exe");
	struct why w = {0};
	char got[2000];
	int sock, status;
	pid_t pid;

	for (int i = 0; i < 4; i++) { /* 6, 5, 4, 3 in that order */
		int fd = fcntl(file_with((const char *[]){"a", "b", "c", "d"}[i]), F_DUPFD_CLOEXEC, 100);

		h.fds[i] = dup2(fd, 6 - i);
	}
	h.n_fds = 4;
	if (helper_exec(&h, &pid, &sock, &w) != 0)
		return 2;
	report(sock, got, sizeof(got));
	close(sock);
	(void)waitpid(pid, &status, 0);
	return strstr(got, "fd0=a fd1=b fd2=c fd3=d") != NULL ? 0 : 1;
}

Test(helper_exec, given_descriptors_may_have_any_number)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(crossed());
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(eq(int, status, 0));
}

Test(helper_exec, a_program_that_is_not_there_is_an_error)
{
	struct helper_exec h = one("/nonexistent/program");
	struct why w = {0};
	int sock;
	pid_t pid;

	cr_expect(eq(int, helper_exec(&h, &pid, &sock, &w), -ENOENT));
	cr_expect(has(w.text, "/nonexistent/program cannot be executed"));
	cr_expect(pid == -1 && sock == -1);
	h.path = "/etc/passwd";
	cr_expect(eq(int, helper_exec(&h, &pid, &sock, &w), -EACCES));
	h.path = "/proc/self/exe";
	h.n_fds = HELPER_FDS + 1;
	cr_expect(eq(int, helper_exec(&h, &pid, &sock, &w), E_LIMIT));
	cr_expect(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
}

/* ---- keeping it running ---- */

static struct {
	struct loop *loop;
	int starts, ends, last;
	int64_t at[8];
} seen;

static void on_keep(void *ctx, int sock)
{
	(void)ctx;
	if (sock >= 0) {
		seen.at[seen.starts++ % 8] = clock_mono_us();
		seen.last = sock;
	} else {
		seen.ends++;
	}
	if (seen.starts == 3)
		loop_stop(seen.loop, 0);
}

static void give_up(void *ctx)
{
	loop_stop(ctx, 1);
}

Test(helper_exec, what_ends_is_started_again_later_each_time)
{
	struct helper_exec h = one("/proc/self/exe");
	struct keeper *k;

	h.n_args = 1;
	h.args[0] = "end";
	log_set_fd(-1);
	seen.loop = loop_new();
	k = keeper_new(seen.loop, &h, NULL, on_keep, NULL);
	keeper_want(k, true);
	loop_after(seen.loop, 30000, give_up, seen.loop);
	cr_assert(eq(int, loop_run(seen.loop), 0), "it is started three times");
	cr_expect(eq(int, seen.ends, 2));
	cr_expect(seen.at[1] - seen.at[0] >= 1000000, "after a second");
	cr_expect(seen.at[2] - seen.at[1] >= 2000000, "then after two");
	keeper_want(k, false);
	keeper_free(k, 5000);
	loop_free(seen.loop);
	cr_expect(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
}

static int refuse(void *ctx, struct helper_exec *h, struct why *w)
{
	int *n = ctx;

	(void)h;
	return ++*n < 2 ? why_set(w, E_CONFIG, "not yet") : (loop_stop(seen.loop, 0), why_set(w, E_CONFIG, "never"));
}

Test(helper_exec, what_cannot_be_made_ready_is_tried_again)
{
	struct helper_exec h = one("/proc/self/exe");
	struct keeper *k;
	int n = 0;

	log_set_fd(-1);
	seen.loop = loop_new();
	k = keeper_new(seen.loop, &h, refuse, on_keep, &n);
	keeper_want(k, true);
	cr_expect(eq(int, n, 1));
	loop_after(seen.loop, 30000, give_up, seen.loop);
	cr_expect(eq(int, loop_run(seen.loop), 0));
	cr_expect(n == 2 && seen.starts == 0);
	keeper_free(k, 0);
	loop_free(seen.loop);
}

int main(int argc, char *argv[])
{
	struct criterion_test_set *tests;
	int rc = 0;

	if (argc > 1 && strncmp(argv[1], "--helper=", 9) == 0)
		_exit(program(argc, argv)); /* a leak checker at the end of it has no rights to check */
	tests = criterion_initialize();
	if (criterion_handle_args(argc, argv, true))
		rc = !criterion_run_all_tests(tests);
	criterion_finalize(tests);
	return rc;
}
