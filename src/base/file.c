/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and descriptors.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read_fd(int fd, struct buf *out)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return E_FORMAT;
	if (st.st_size > 0 && (uint64_t)st.st_size > out->max)
		return E_TOOBIG;
	for (;;) {
		uint8_t one;
		uint8_t *p = &one; /* at the limit, one byte more proves the file too big */
		size_t want = st.st_size > (off_t)buf_len(out) ? (size_t)st.st_size - buf_len(out) : 1;
		bool full = buf_len(out) == out->max;
		ssize_t n;
		int rc = full ? 0 : buf_reserve(out, want, &p);

		if (rc != 0)
			return rc;
		n = read(fd, p, full ? 1 : want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		if (full)
			return E_TOOBIG;
		buf_commit(out, (size_t)n);
	}
}

int file_read_at(int dirfd, const char *name, struct buf *out)
{
	/* O_NONBLOCK: opening a FIFO must not hang; regular files ignore it. */
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return -errno;
	rc = file_read_fd(fd, out);
	close(fd);
	return rc;
}

int file_read(const char *path, struct buf *out)
{
	return file_read_at(AT_FDCWD, path, out);
}

int file_write_all(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t w = write(fd, at, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		if (w == 0)
			return -EIO;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

int file_sync_dir(int dirfd)
{
	int rc = 0;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fsync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

int file_replace_at(int dirfd, const char *name, struct span data, mode_t mode)
{
	char tmp[256];
	int fd;
	int rc;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", name) >= (int)sizeof(tmp))
		return E_TOOBIG;
	(void)unlinkat(dirfd, tmp, 0);
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	rc = file_write_all(fd, data.p, data.n);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	close(fd);
	if (rc == 0 && renameat(dirfd, tmp, dirfd, name) != 0)
		rc = -errno;
	if (rc != 0) {
		(void)unlinkat(dirfd, tmp, 0);
		return rc;
	}
	return file_sync_dir(dirfd);
}

int dir_make(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st) != 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

union fd_ctl {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
};

int fd_send(int sock, struct span msg, const int *fds, size_t nfds)
{
	union fd_ctl ctl;
	struct iovec iov = {(void *)(uintptr_t)msg.p, msg.n};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (nfds > FD_PASS_MAX)
		return E_TOOBIG;
	if (nfds > 0) {
		struct cmsghdr *c;

		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = ctl.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	do {
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? E_MORE : errno == EPIPE || errno == ECONNRESET ? E_CLOSED : -errno;
	return (size_t)n == msg.n ? 0 : E_TOOBIG;
}

/* Copy received descriptors out; more than the caller has room for are closed and counted as an error. */
static int fds_take(struct msghdr *mh, int *fds, size_t cap, size_t *n)
{
	int rc = 0;

	*n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		size_t k;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < k; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*n < cap) {
				fds[(*n)++] = fd;
			} else {
				close(fd);
				rc = E_TOOBIG;
			}
		}
	}
	return rc;
}

int fd_recv(int sock, struct buf *msg, int *fds, size_t *nfds)
{
	union fd_ctl ctl;
	uint8_t *p;
	struct iovec iov;
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl.bytes, .msg_controllen = sizeof(ctl)};
	size_t cap = nfds != NULL ? *nfds : 0;
	size_t got = 0;
	bool reset = false;
	ssize_t n;
	int rc;

	if (nfds != NULL)
		*nfds = 0;
	buf_reset(msg);
	rc = buf_reserve(msg, msg->max, &p);
	if (rc != 0)
		return rc;
	iov = (struct iovec){p, msg->max};
	do {
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
		/* told once, when the other side went without reading all: what it had sent before is still there */
		reset = n < 0 && errno == ECONNRESET && !reset;
	} while (reset || (n < 0 && errno == EINTR));
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? E_MORE : errno == ECONNRESET ? E_CLOSED : -errno;
	rc = fds_take(&mh, fds, cap, &got);
	if (rc == 0 && (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		rc = E_TOOBIG;
	if (rc == 0 && n == 0)
		rc = E_CLOSED;
	if (rc != 0) {
		for (size_t i = 0; i < got; i++)
			close(fds[i]);
		return rc;
	}
	if (nfds != NULL)
		*nfds = got;
	buf_commit(msg, (size_t)n);
	return 0;
}

int fd_set_nonblock(int fd, bool on)
{
	int fl = fcntl(fd, F_GETFL);

	if (fl < 0)
		return -errno;
	fl = on ? fl | O_NONBLOCK : fl & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, fl) < 0 ? -errno : 0;
}

int fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
