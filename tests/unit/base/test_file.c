/* SPDX-License-Identifier: Apache-2.0
 *
 * Files (only regular ones are read, replacement is all or nothing), descriptor passing under too many descriptors and
 * truncation without leaking any, and secrets.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"

static char dir[64];
static int dfd;

static void dir_up(void)
{
	snprintf(dir, sizeof(dir), "/tmp/sp-file.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	dfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(dfd, 0);
	umask(022);
}

static void dir_down(void)
{
	DIR *d = fdopendir(dup(dfd));
	struct dirent *e;

	cr_assert_not_null(d);
	rewinddir(d);
	while ((e = readdir(d)) != NULL)
		if (unlinkat(dfd, e->d_name, 0) != 0)
			(void)unlinkat(dfd, e->d_name, AT_REMOVEDIR);
	closedir(d);
	close(dfd);
	rmdir(dir);
}

static const char *path(const char *name)
{
	static char out[128];

	snprintf(out, sizeof(out), "%s/%s", dir, name);
	return out;
}

static void put(const char *name, const void *p, size_t n, mode_t mode)
{
	int fd = openat(dfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	cr_assert_eq(file_write_all(fd, p, n), 0);
	cr_assert_eq(fchmod(fd, mode), 0);
	close(fd);
}

static int entries(void)
{
	DIR *d = fdopendir(dup(dfd));
	int n = 0;

	rewinddir(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

Test(file, reads_whole_regular_files)
{
	static uint8_t data[5000];
	struct buf b;

	dir_up();
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= sizeof(data); n += n < 2 ? 1 : 833) {
		put("f", data, n, 0600);
		buf_init(&b, n);
		cr_expect_eq(file_read_at(dfd, "f", &b), 0, "%zu bytes at a maximum of as many", n);
		cr_expect(span_eq(buf_span(&b), span_of(data, n)));
		buf_clear(&b);
		if (n == 0)
			continue;
		buf_init(&b, n - 1);
		cr_expect_eq(file_read(path("f"), &b), E_TOOBIG);
		buf_clear(&b);
	}
	buf_init(&b, 1 << 16);
	cr_expect_eq(file_read("/proc/self/status", &b), 0, "a size of 0 that is not true");
	cr_expect_gt(buf_len(&b), 100);
	buf_clear(&b);
	buf_init(&b, 20);
	cr_expect_eq(file_read("/proc/self/status", &b), E_TOOBIG);
	buf_clear(&b);
	dir_down();
}

Test(file, refuses_what_is_no_file, .timeout = 10)
{
	struct buf b;
	int fd;

	dir_up();
	buf_init(&b, 1024);
	cr_assert_eq(mkfifoat(dfd, "fifo", 0600), 0);
	cr_expect_eq(file_read(path("fifo"), &b), E_FORMAT, "without hanging");
	cr_expect_eq(file_read("/dev/zero", &b), E_FORMAT);
	cr_expect_eq(file_read(dir, &b), E_FORMAT);
	cr_expect_eq(file_read(path("none"), &b), -ENOENT);
	fd = openat(dfd, "huge", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_eq(ftruncate(fd, (off_t)1 << 40), 0);
	cr_expect_eq(file_read_fd(fd, &b), E_TOOBIG);
	cr_expect_eq(b.cap, 0, "nothing was allocated");
	close(fd);
	buf_clear(&b);
	dir_down();
}

Test(file, replaces_all_or_nothing)
{
	struct buf b;
	struct stat st;
	char name[300];

	dir_up();
	buf_init(&b, 1024);
	put("f", "old", 3, 0644);
	put("victim", "victim", 6, 0600);
	cr_expect_eq(file_replace_at(dfd, "f", span_str("new content"), 0600), 0);
	cr_expect_eq(fstatat(dfd, "f", &st, 0), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	cr_expect(file_read_at(dfd, "f", &b) == 0 && span_is(buf_span(&b), "new content"));
	/* a left-over or planted temporary name is neither followed nor in the way */
	cr_assert_eq(symlinkat("victim", dfd, "f.tmp"), 0);
	cr_expect_eq(file_replace_at(dfd, "f", span_str("newer"), 0600), 0);
	buf_reset(&b);
	cr_expect(file_read_at(dfd, "victim", &b) == 0 && span_is(buf_span(&b), "victim"));
	/* the rename fails: the old thing stays, no temporary file stays */
	cr_assert_eq(mkdirat(dfd, "d", 0700), 0);
	cr_expect_lt(file_replace_at(dfd, "d", span_str("x"), 0600), 0);
	/* the temporary name is taken by something that cannot go away */
	cr_assert_eq(mkdirat(dfd, "f.tmp", 0700), 0);
	cr_expect_lt(file_replace_at(dfd, "f", span_str("lost"), 0600), 0);
	cr_assert_eq(unlinkat(dfd, "f.tmp", AT_REMOVEDIR), 0);
	buf_reset(&b);
	cr_expect(file_read_at(dfd, "f", &b) == 0 && span_is(buf_span(&b), "newer"));
	cr_expect_eq(entries(), 3);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_expect_eq(file_replace_at(dfd, name, span_str("x"), 0600), E_TOOBIG);
	buf_clear(&b);
	dir_down();
}

/* Readers see the old or the new content, never a part. */
Test(file, readers_see_whole_versions)
{
	static char version[2][40000];
	struct buf b;
	pid_t writer;
	int status;

	dir_up();
	memset(version[0], 'a', sizeof(version[0]));
	memset(version[1], 'b', sizeof(version[1]));
	cr_assert_eq(file_replace_at(dfd, "f", span_of(version[0], sizeof(version[0])), 0600), 0);
	writer = fork();
	if (writer == 0) {
		for (int i = 0; i < 40; i++)
			if (file_replace_at(dfd, "f", span_of(version[i % 2], sizeof(version[0])), 0600) != 0)
				_exit(1);
		_exit(0);
	}
	buf_init(&b, sizeof(version[0]));
	for (int i = 0; i < 2000; i++) {
		buf_reset(&b);
		cr_assert_eq(file_read_at(dfd, "f", &b), 0);
		cr_assert_eq(buf_len(&b), sizeof(version[0]));
		cr_assert(span_eq(buf_span(&b), span_of(version[0], sizeof(version[0]))) ||
		    span_eq(buf_span(&b), span_of(version[1], sizeof(version[1]))));
	}
	buf_clear(&b);
	cr_assert_eq(waitpid(writer, &status, 0), writer);
	cr_expect_eq(status, 0);
	dir_down();
}

Test(file, directories_and_flags)
{
	int fds[2];
	int none = -1;

	dir_up();
	cr_expect_eq(dir_make(path("d"), 0700), 0);
	cr_expect_eq(dir_make(path("d"), 0700), 0);
	put("f", "", 0, 0600);
	cr_expect_eq(dir_make(path("f"), 0700), -ENOTDIR);
	cr_expect_eq(dir_make(path("no/d"), 0700), -ENOENT);
	cr_expect_eq(file_sync_dir(dfd), 0);
	cr_expect_eq(file_sync_dir(-1), -EBADF);
	cr_assert_eq(pipe(fds), 0);
	cr_expect_eq(fd_set_nonblock(fds[0], true), 0);
	cr_expect(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	cr_expect_eq(fd_set_nonblock(fds[0], false), 0);
	cr_expect_not(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	cr_expect_eq(fd_set_cloexec(fds[0], true), 0);
	cr_expect_eq(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	fd_close(&fds[0]);
	cr_expect_eq(fds[0], -1);
	fd_close(&fds[0]);
	fd_close(&none);
	cr_expect_eq(file_write_all(-1, "x", 1), -EBADF);
	cr_expect_eq(file_write_all(-1, "x", 0), 0);
	fd_close(&fds[1]);
	dir_down();
}

static int sv[2];
static struct buf msg;

static void sock_up(size_t max)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	cr_assert_eq(fd_set_nonblock(sv[1], true), 0);
	buf_init(&msg, max);
}

static void sock_down(void)
{
	close(sv[0]);
	close(sv[1]);
	buf_clear(&msg);
}

Test(fds, pass_and_come_out_close_on_exec)
{
	int out[FD_PASS_MAX], in[FD_PASS_MAX];
	size_t n = FD_PASS_MAX;
	struct stat a, b;

	sock_up(100);
	for (int i = 0; i < FD_PASS_MAX; i++)
		out[i] = dup(sv[0]);
	cr_expect_eq(fd_send(sv[0], span_str("hello"), out, FD_PASS_MAX), 0);
	cr_expect_eq(fd_recv(sv[1], &msg, in, &n), 0);
	cr_expect(n == FD_PASS_MAX && span_is(buf_span(&msg), "hello"));
	for (size_t i = 0; i < n; i++) {
		cr_expect_eq(fcntl(in[i], F_GETFD), FD_CLOEXEC);
		cr_expect(fstat(in[i], &a) == 0 && fstat(out[i], &b) == 0 && a.st_ino == b.st_ino);
		close(in[i]);
		close(out[i]);
	}
	n = FD_PASS_MAX;
	cr_expect_eq(fd_recv(sv[1], &msg, in, &n), E_MORE);
	cr_expect_eq(n, 0);
	sock_down();
}

/* Send k descriptors in one message without fd_send()'s own limit. */
static void send_raw(size_t k, const void *p, size_t len)
{
	char ctl[CMSG_SPACE(sizeof(int) * 64)] = {0};
	struct iovec iov = {(void *)(uintptr_t)p, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = CMSG_SPACE(sizeof(int) * k)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * k);
	for (size_t i = 0; i < k; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &sv[0], sizeof(int));
	cr_assert_eq(sendmsg(sv[0], &mh, 0), (ssize_t)len);
}

Test(fds, too_many_are_closed)
{
	int in[64];
	int before;

	sock_up(100);
	before = open_fds();
	cr_expect_eq(fd_send(sv[0], span_str("x"), in, FD_PASS_MAX + 1), E_TOOBIG);
	for (size_t k = 1; k <= 64; k++) {
		for (size_t cap = 0; cap <= FD_PASS_MAX; cap++) {
			size_t n = cap;

			send_raw(k, "x", 1);
			if (k <= cap) {
				cr_assert_eq(fd_recv(sv[1], &msg, in, &n), 0);
				cr_assert_eq(n, k);
				for (size_t i = 0; i < n; i++)
					close(in[i]);
			} else {
				cr_assert_eq(fd_recv(sv[1], &msg, in, &n), E_TOOBIG, "%zu into %zu", k, cap);
				cr_assert(n == 0 && buf_len(&msg) == 0);
			}
			cr_assert_eq(open_fds(), before, "%zu into %zu leaks", k, cap);
		}
		send_raw(k, "x", 1);
		cr_assert_eq(fd_recv(sv[1], &msg, NULL, NULL), E_TOOBIG, "a receiver that wants none");
		cr_assert_eq(open_fds(), before);
	}
	sock_down();
}

Test(fds, truncated_and_empty_datagrams)
{
	static uint8_t big[101];
	int in[4];
	size_t n = 4;
	int before;

	sock_up(100);
	before = open_fds();
	cr_expect_eq(fd_send(sv[0], span_of(big, 100), NULL, 0), 0);
	cr_expect_eq(fd_recv(sv[1], &msg, in, &n), 0);
	cr_expect_eq(buf_len(&msg), 100);
	n = 4;
	send_raw(3, big, 101);
	cr_expect_eq(fd_recv(sv[1], &msg, in, &n), E_TOOBIG, "one byte too many");
	cr_expect(n == 0 && buf_len(&msg) == 0);
	cr_expect_eq(open_fds(), before);
	n = 4;
	send_raw(2, big, 0);
	cr_expect_eq(fd_recv(sv[1], &msg, in, &n), E_CLOSED, "an empty datagram is no message");
	cr_expect_eq(open_fds(), before);
	close(sv[0]);
	n = 4;
	cr_expect_eq(fd_recv(sv[1], &msg, in, &n), E_CLOSED);
	cr_expect_eq(fd_send(sv[1], span_str("x"), NULL, 0), E_CLOSED);
	sv[0] = dup(sv[1]);
	sock_down();
}

/* Who goes without having read everything has still said what it said. */
Test(fds, last_words_are_heard)
{
	sock_up(100);
	cr_expect_eq(fd_send(sv[0], span_str("one"), NULL, 0), 0);
	cr_expect_eq(fd_send(sv[0], span_str("two"), NULL, 0), 0);
	cr_expect_eq(fd_send(sv[1], span_str("unread"), NULL, 0), 0);
	close(sv[0]);
	cr_expect_eq(fd_recv(sv[1], &msg, NULL, NULL), 0);
	cr_expect(span_is(buf_span(&msg), "one"));
	cr_expect_eq(fd_send(sv[1], span_str("x"), NULL, 0), E_CLOSED);
	cr_expect_eq(fd_recv(sv[1], &msg, NULL, NULL), 0);
	cr_expect(span_is(buf_span(&msg), "two"));
	cr_expect_eq(fd_recv(sv[1], &msg, NULL, NULL), E_CLOSED);
	sv[0] = dup(sv[1]);
	sock_down();
	sock_up(100);
	cr_expect_eq(fd_send(sv[1], span_str("unread"), NULL, 0), 0);
	close(sv[0]);
	cr_expect_eq(fd_send(sv[1], span_str("x"), NULL, 0), E_CLOSED, "also when the reset is met in sending");
	sv[0] = dup(sv[1]);
	sock_down();
}

Test(secret, keeps_copies_and_reads_files)
{
	static uint8_t data[64 * 1024 + 1];
	struct secret *s = secret_new(span_str("hunter2"));
	struct why w = {0};

	cr_expect(span_is(secret_span(s), "hunter2"));
	cr_expect_eq(secret_span(s).p[7], 0);
	secret_free(s);
	secret_free(NULL);
	cr_expect_eq(secret_span(NULL).n, 0);
	cr_expect_null(secret_new(span_of(data, sizeof(data))));
	cr_expect_null(secret_new(span_of(data, SIZE_MAX)));
	dir_up();
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31);
	for (size_t n = 0; n < sizeof(data); n = n * 2 + 1) {
		put("key", data, n, 0600);
		cr_expect_eq(secret_read_file(path("key"), false, &s, &w), 0, "%zu", n);
		cr_expect(span_eq(secret_span(s), span_of(data, n)) && secret_span(s).p[n] == 0);
		secret_free(s);
	}
	put("key", data, sizeof(data), 0600);
	cr_expect_eq(secret_read_file(path("key"), false, &s, &w), E_TOOBIG);
	cr_expect_null(s);
	cr_expect_eq(secret_read_file(path("none"), false, &s, &w), -ENOENT);
	dir_down();
}

Test(secret, refuses_files_that_others_read, .timeout = 10)
{
	static const mode_t open_modes[] = {0640, 0604, 0660, 0601, 0610, 0620, 0602};
	struct secret *s;
	struct why w = {0};

	dir_up();
	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++) {
		put("key", "k", 1, open_modes[i]);
		cr_expect_eq(secret_read_file(path("key"), false, &s, &w), E_DENIED);
		cr_expect(s == NULL && strstr(w.hint, "chmod 600") != NULL);
		cr_expect_eq(secret_read_file(path("key"), true, &s, &w), 0);
		secret_free(s);
	}
	cr_assert_eq(mkfifoat(dfd, "fifo", 0600), 0);
	cr_expect_eq(secret_read_file(path("fifo"), false, &s, &w), E_FORMAT, "without hanging");
	cr_expect_eq(secret_read_file(dir, false, &s, &w), E_FORMAT);
	dir_down();
}
