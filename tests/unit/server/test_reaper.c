/* SPDX-License-Identifier: Apache-2.0
 *
 * Children, and the one that cancels queries: against a real PostgreSQL with and without TLS.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cur.h"
#include "base/file.h"
#include "base/log.h"
#include "server/child.h"
#include "server/reaper.h"
#include "tests/support/pgserver.h"

static struct loop *loop;
static struct kids *kids;

static void up(void)
{
	log_init("test", -1, LOG_DEBUG_, false);
	loop = loop_new();
	kids = kids_new(loop);
}

static void down(void)
{
	kids_free(kids);
	loop_free(loop);
}

TestSuite(child, .init = up, .fini = down, .timeout = 60);
TestSuite(reaper, .init = up, .fini = down, .timeout = 60);

static void stop(void *ctx)
{
	(void)ctx;
	loop_stop(loop, 0);
}

static void spin(int ms)
{
	(void)loop_after(loop, ms, stop, NULL);
	(void)loop_run(loop);
}

/* --- children --- */

struct result {
	bool done;
	int status;
	char out[8192];
};

static void done(void *ctx, int status, struct span out)
{
	struct result *r = ctx;

	r->done = true;
	r->status = status;
	snprintf(r->out, sizeof(r->out), "%.*s", (int)out.n, (const char *)out.p);
	loop_stop(loop, 0);
}

static struct result shell(const char *script, size_t capture, int64_t timeout_ms)
{
	struct result r = {0};
	char *argv[] = {"/bin/sh", "-c", (char *)(uintptr_t)script, NULL};
	char *env[] = {"PATH=/usr/bin:/bin", NULL};
	struct child_params p = {.argv = argv,
	    .envp = env,
	    .fds = {-1, -1, -1},
	    .n_fds = 3,
	    .capture = capture,
	    .uid = (uid_t)-1,
	    .timeout_ms = timeout_ms};

	cr_assert_not_null(child_start(kids, &p, done, &r));
	for (int i = 0; i < 100 && !r.done; i++)
		spin(200);
	cr_assert(r.done);
	return r;
}

Test(child, output_and_status)
{
	struct result r = shell("echo one; exec echo two", 100, 5000);

	cr_assert_eq(r.status, 0);
	cr_assert_str_eq(r.out, "one\ntwo\n");
	cr_assert_eq(shell("exit 9", 100, 5000).status, 9);
	cr_assert_eq(shell("kill -TERM $$", 0, 5000).status, 128 + SIGTERM);
	cr_assert_eq(shell("exec /nonexistent", 0, 5000).status, 127);
}

Test(child, nothing_is_inherited)
{
	int fd = open("/dev/null", O_RDONLY); /* not close-on-exec */
	struct result r;

	signal(SIGINT, SIG_IGN);
	r = shell("ls /proc/self/fd | tr '\\n' ' '; kill -INT $$; echo survived", 200, 5000);
	cr_assert_str_eq(r.out, "0 1 2 3 "); /* 3 is ls's own */
	cr_assert_eq(r.status, 128 + SIGINT);
	close(fd);
}

Test(child, time_and_size_are_limited)
{
	int64_t t = clock_mono_us();

	cr_assert_eq(shell("sleep 30", 100, 200).status, -ETIMEDOUT);
	cr_assert_eq(shell("yes", 1000, 5000).status, -ETIMEDOUT, "a flood is a failure");
	/* The leader is gone, what it left behind still holds the pipe. */
	cr_assert_eq(shell("sleep 30 & exit 0", 100, 300).status, -ETIMEDOUT);
	cr_assert_lt(clock_mono_us() - t, 5000000);
}

static int to_fd3(void *arg)
{
	return write(3, arg, 5) == 5 && write(1, "x", 1) == 1 ? 42 : 1;
}

Test(child, descriptors_in_any_order)
{
	struct result r = {0};
	char got[5];
	int fds[2];
	struct child_params p = {.run = to_fd3,
	    .arg = "hello",
	    .n_fds = 4,
	    .capture = 10,
	    .uid = (uid_t)-1,
	    .timeout_ms = 5000};

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	p.fds[0] = p.fds[1] = p.fds[2] = -1;
	p.fds[3] = fds[1];
	cr_assert_not_null(child_start(kids, &p, done, &r));
	while (!r.done)
		spin(100);
	cr_assert_eq(r.status, 42);
	cr_assert_str_eq(r.out, "x");
	cr_assert_eq(read(fds[0], got, 5), 5);
	cr_assert_arr_eq(got, "hello", 5);
	close(fds[0]);
	close(fds[1]);
}

Test(child, a_cancelled_one_does_not_report)
{
	struct result r = {0};
	char *argv[] = {"/bin/sleep", "30", NULL};
	struct child_params p = {
	    .argv = argv, .envp = argv + 2, .fds = {-1, -1, -1}, .n_fds = 3, .uid = (uid_t)-1};

	child_cancel(child_start(kids, &p, done, &r));
	spin(200);
	cr_assert_not(r.done);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "it was reaped");
	cr_assert_not_null(child_start(kids, &p, done, &r)); /* left to kids_free() */
}

/* --- cancel --- */

static void must_write(int fd, struct span s)
{
	cr_assert_eq(file_write_all(fd, s.p, s.n), 0);
}

static void must_read(int fd, void *p, size_t n)
{
	uint8_t *at = p;

	while (n > 0) {
		struct pollfd pf = {.fd = fd, .events = POLLIN};
		ssize_t k;

		cr_assert_eq(poll(&pf, 1, 20000), 1);
		k = read(fd, at, n);
		cr_assert_gt(k, 0);
		at += k;
		n -= (size_t)k;
	}
}

/* One message: its type, its body in b. */
static int message(int fd, struct buf *b)
{
	uint8_t head[5];
	uint8_t *p;
	struct cur c;
	uint32_t n;

	must_read(fd, head, 5);
	c = cur_of(span_of(head + 1, 4));
	n = cur_u32be(&c) - 4;
	buf_reset(b);
	cr_assert_eq(buf_reserve(b, n, &p), 0);
	must_read(fd, p, n);
	buf_commit(b, n);
	return head[0];
}

static void start_message(struct buf *b)
{
	buf_put_u32be(b, 0);
	buf_put_u32be(b, 196608);
	buf_put(b, "user\0postgres\0database\0postgres\0\0", 33);
	buf_patch_u32be(b, 0, (uint32_t)buf_len(b));
}

/* A connection with a query that runs for long. */
static void ask(int fd, const char *sql)
{
	struct buf b;

	buf_init(&b, 1024);
	buf_put_u8(&b, 'Q');
	buf_put_u32be(&b, (uint32_t)(4 + strlen(sql) + 1));
	buf_put_cstr(&b, sql);
	must_write(fd, buf_span(&b));
	buf_clear(&b);
	spin(200); /* it is running */
}

static int busy(uint32_t *pid, uint32_t *key)
{
	static const char sql[] = "select pg_sleep(60)";
	int fd = pgserver_dial();
	struct buf b;
	int t;

	cr_assert(fd >= 0);
	cr_assert_eq(fd_set_nonblock(fd, false), 0);
	buf_init(&b, 65536);
	start_message(&b);
	must_write(fd, buf_span(&b));
	while ((t = message(fd, &b)) != 'Z') {
		struct cur c = cur_of(buf_span(&b));

		cr_assert_neq(t, 'E');
		if (t == 'K') {
			*pid = cur_u32be(&c);
			*key = cur_u32be(&c);
		}
	}
	buf_clear(&b);
	ask(fd, sql);
	return fd;
}

/* Does the query end with 57014 in time? */
static bool cancelled(int fd, int tenths)
{
	struct buf b;
	bool got = false;

	buf_init(&b, 65536);
	for (int i = 0; i < tenths; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		spin(100);
		if (poll(&p, 1, 0) == 1 && message(fd, &b) == 'E') {
			got = memmem(buf_span(&b).p, buf_len(&b), "C57014", 6) != NULL;
			break;
		}
	}
	buf_clear(&b);
	return got;
}

static void ca_of_server(struct buf *b)
{
	char path[256];

	buf_init(b, 65536);
	snprintf(path, sizeof(path), "%s/ca.pem", pgserver_dir());
	cr_assert_eq(file_read(path, b), 0);
}

static bool cancels_within(
    int tenths, const char *tls, const char *host, bool right_ca, bool right_key)
{
	struct buf ca, none;
	uint32_t pid = 0, key = 0;
	int fd = busy(&pid, &key);
	struct reaper_job job = {.host = host,
	    .hostaddr = "127.0.0.1",
	    .port = pgserver_port(),
	    .tls = tls,
	    .pid = pid,
	    .key = right_key ? key : ~key,
	    .uid = (uid_t)-1};
	bool got;

	ca_of_server(&ca);
	buf_init(&none, 65536);
	if (file_read("/etc/ssl/certs/ca-certificates.crt", &none) != 0)
		buf_reset(&none);
	job.ca_pem = right_ca ? buf_span(&ca) : buf_span(&none);
	cr_assert_eq(reaper_cancel(kids, &job), 0);
	got = cancelled(fd, tenths);
	close(fd);
	buf_clear(&ca);
	buf_clear(&none);
	return got;
}

Test(reaper, plain_and_tls)
{
	if (pgserver_port() == 0)
		return; /* no PostgreSQL here */
	cr_assert(cancels_within(100, "disable", "localhost", true, true));
	cr_assert(cancels_within(100, "require", "whatever", false, true));
	cr_assert(cancels_within(100, "verify-ca", "whatever", true, true));
	cr_assert(cancels_within(100, "verify-full", "localhost", true, true));
	cr_assert(cancels_within(100, "verify-full", "127.0.0.1", true, true));
}

Test(reaper, a_wrong_server_never_sees_the_key)
{
	if (pgserver_port() == 0)
		return;
	cr_assert_not(cancels_within(10, "verify-full", "example.com", true, true), "another name");
	cr_assert_not(
	    cancels_within(10, "verify-full", "localhost", false, true), "another authority");
	cr_assert_not(cancels_within(10, "verify-ca", "localhost", false, true));
	cr_assert_not(cancels_within(10, "disable", "localhost", true, false), "another key");
}

int main(int argc, char *argv[])
{
	struct criterion_test_set *tests = criterion_initialize();
	int rc = 0;

	if (criterion_handle_args(argc, argv, true)) {
		(void)pgserver_start("tls=yes auth=trust");
		rc = !criterion_run_all_tests(tests);
		pgserver_stop();
	}
	criterion_finalize(tests);
	return rc;
}

/* One process for several; what cannot be reached does not keep the others; and all again. */
Test(reaper, several_and_again)
{
	uint32_t pid[2], key[2];
	struct reaper_job jobs[3];
	struct buf b;
	int fd[2];

	if (pgserver_port() == 0)
		return;
	for (int i = 0; i < 2; i++) {
		fd[i] = busy(&pid[i], &key[i]);
		jobs[i + 1] = (struct reaper_job){.host = "localhost",
		    .hostaddr = "127.0.0.1",
		    .port = pgserver_port(),
		    .tls = "require",
		    .pid = pid[i],
		    .key = key[i],
		    .uid = (uid_t)-1};
	}
	jobs[0] = jobs[1];
	jobs[0].port = 1; /* refused */
	cr_assert_eq(reaper_cancel_all(kids, jobs, 3, 2000), 0);
	cr_assert(cancelled(fd[0], 100));
	cr_assert(cancelled(fd[1], 100));
	buf_init(&b, 65536);
	while (message(fd[1], &b) != 'Z')
		;
	buf_clear(&b);
	ask(fd[1], "select pg_sleep(60)"); /* forwarded when the first request had been there */
	cr_assert(cancelled(fd[1], 100));
	close(fd[0]);
	close(fd[1]);
}
