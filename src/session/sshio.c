/* SPDX-License-Identifier: Apache-2.0
 *
 * poll(), recv() and send() as libssh sees them. A send without room reports 0 bytes written, not EAGAIN: libssh takes
 * EAGAIN for a dead connection and 0 for "keep the rest and wait for POLLOUT". poll() does the receiving, so that
 * recv() is only called when there is something to hand out.
 */
#include "session/sshio.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define READ_AHEAD 65536
#define TOGETHER   32768 /* packets of one loop turn that leave in one call */
#define FLOOD (512u * 1024) /* a client that reads nothing may say so much more */

static struct {
	int fd;
	bool may_read, gate, blocked, active, eof;
	int err;        /* errno of a failed receive */
	size_t off, n;  /* unread part of mem */
	size_t deaf;    /* bytes received since the client stopped reading */
	pid_t pid;      /* ours, once the process cannot fork any more */
	bool hold;      /* collect what is sent until the turn is over */
	size_t out_off, n_out;
	uint8_t out[TOGETHER];
	uint8_t mem[READ_AHEAD];
} io = {.fd = -1};

static int kernel_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
#ifdef SYS_poll
	return (int)syscall(SYS_poll, fds, n, timeout_ms);
#else
	struct timespec ts = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};

	return (int)syscall(SYS_ppoll, fds, n, timeout_ms < 0 ? NULL : &ts, NULL, 0);
#endif
}

static ssize_t kernel_recv(int fd, void *p, size_t n, int flags)
{
	return (ssize_t)syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL);
}

static ssize_t kernel_send(int fd, const void *p, size_t n, int flags)
{
	return (ssize_t)syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
}

void sshio_attach(int fd)
{
	io.fd = fd;
	io.may_read = io.gate = io.blocked = io.active = io.eof = false;
	io.err = 0;
	io.off = io.n = io.deaf = 0;
	io.hold = false;
	io.pid = (pid_t)syscall(SYS_getpid);
	io.out_off = io.n_out = 0;
}

void sshio_detach(void)
{
	sshio_attach(-1);
	io.pid = 0;
}

void sshio_may_read(void)
{
	io.may_read = true;
}

void sshio_gate(bool open)
{
	io.gate = open;
}

void sshio_may_write(void)
{
	io.blocked = false;
	io.deaf = 0;
}

bool sshio_flooded(void)
{
	return io.blocked && io.deaf > FLOOD;
}

bool sshio_has_input(void)
{
	return io.n > 0;
}

bool sshio_blocked(void)
{
	return io.blocked;
}

bool sshio_active(void)
{
	return io.active;
}

/* Receive what the loop announced. An end or an error is told to libssh only after all bytes before it were. */
static void fill(void)
{
	ssize_t r;

	io.may_read = false;
	r = kernel_recv(io.fd, io.mem, sizeof(io.mem), MSG_DONTWAIT);
	io.off = 0;
	if (r > 0) {
		io.n = (size_t)r;
		io.deaf += io.blocked ? io.n : 0;
	} else if (r == 0) {
		io.eof = true;
	} else if (errno == EINTR) {
		io.may_read = true;
	} else if (errno != EAGAIN && errno != EWOULDBLOCK) {
		io.err = errno;
	}
}

static short ready(short events)
{
	short re = 0;

	if ((events & POLLIN) && io.gate) {
		if (io.n == 0 && io.may_read && !io.eof && io.err == 0)
			fill();
		if (io.n > 0 || io.eof || io.err != 0)
			re |= POLLIN;
	}
	if ((events & POLLOUT) && !io.blocked)
		re |= POLLOUT;
	return re;
}

static int own_poll(struct pollfd *p, int timeout_ms)
{
	io.active = true;
	p->revents = ready(p->events);
	if (p->revents == 0 && timeout_ms != 0) { /* a blocking session: not ours, but it must work */
		int r = kernel_poll(p, 1, timeout_ms);

		if (r <= 0)
			return r;
		io.may_read = io.gate = (p->revents & (POLLIN | POLLHUP | POLLERR)) != 0;
		io.blocked = io.blocked && (p->revents & POLLOUT) == 0;
		p->revents = ready(p->events);
	}
	return p->revents != 0 ? 1 : 0;
}

/* The symbols libssh is bound to. The labels keep libc's declarations (with attributes that assume a write-only
 * argument) apart from our definitions. */
#define OURS(name) __asm__(name) __attribute__((visibility("default"), used))
int sshio_poll(struct pollfd *fds, nfds_t n, int timeout_ms) OURS("poll");
ssize_t sshio_recv(int fd, void *p, size_t n, int flags) OURS("recv");
ssize_t sshio_send(int fd, const void *p, size_t n, int flags) OURS("send");
pid_t sshio_getpid(void) OURS("getpid");

/* OpenSSL asks for each random number whether it is in a forked child; a session process cannot fork (its sandbox has no
 * such call), so the answer never changes. */
pid_t sshio_getpid(void)
{
	return io.pid != 0 ? io.pid : (pid_t)syscall(SYS_getpid);
}

int sshio_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	if (n == 1 && fds[0].fd == io.fd && io.fd >= 0)
		return own_poll(&fds[0], timeout_ms);
	return kernel_poll(fds, n, timeout_ms);
}

static ssize_t own_recv(void *p, size_t n)
{
	if (io.n == 0 && io.eof)
		return 0;
	if (io.n == 0) {
		errno = io.err != 0 ? io.err : EAGAIN;
		return -1;
	}
	if (n > io.n)
		n = io.n;
	memcpy(p, io.mem + io.off, n);
	io.off += n;
	io.n -= n;
	return (ssize_t)n;
}

ssize_t sshio_recv(int fd, void *p, size_t n, int flags)
{
	if (fd == io.fd && io.fd >= 0 && flags == 0 && io.active)
		return own_recv(p, n);
	return kernel_recv(fd, p, n, flags);
}

/* As much as the kernel takes at once: a count (0: no room) or -1. */
static ssize_t send_some(const void *p, size_t n, int flags)
{
	ssize_t w;

	do {
		w = kernel_send(io.fd, p, n, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (w < 0 && errno == EINTR);
	if (w < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		w = 0;
	if (w >= 0 && (size_t)w < n)
		io.blocked = true;
	return w;
}

/* What was collected goes first. False when some of it must wait, or on an error (errno). */
static bool push(void)
{
	ssize_t w;

	if (io.n_out == 0)
		return true;
	w = io.blocked ? 0 : send_some(io.out + io.out_off, io.n_out, 0);
	if (w < 0)
		return false;
	io.out_off += (size_t)w;
	io.n_out -= (size_t)w;
	if (io.n_out == 0)
		io.out_off = 0;
	errno = EAGAIN;
	return io.n_out == 0;
}

static ssize_t own_send(const void *p, size_t n, int flags)
{
	if (io.hold && n <= TOGETHER - io.out_off - io.n_out) {
		memcpy(io.out + io.out_off + io.n_out, p, n);
		io.n_out += n;
		return (ssize_t)n;
	}
	if (!push())
		return errno == EAGAIN ? 0 : -1;
	return send_some(p, n, flags);
}

void sshio_hold(bool on)
{
	io.hold = on && io.active;
	if (!on && !push() && errno != EAGAIN)
		io.err = errno; /* the next receive reports it */
}

ssize_t sshio_send(int fd, const void *p, size_t n, int flags)
{
	if (fd == io.fd && io.fd >= 0 && io.active)
		return own_send(p, n, flags);
	return kernel_send(fd, p, n, flags);
}
