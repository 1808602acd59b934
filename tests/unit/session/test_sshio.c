/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls libssh makes on its socket: they happen when the loop says so, never block, and other descriptors are
 * left alone. This program's own poll(), recv() and send() are the interposed ones, as libssh's are.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session/sshio.h"

static int fd, peer;

static void up(void)
{
	int sp[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM, 0, sp)));
	fd = sp[0];
	peer = sp[1];
	sshio_attach(fd);
}

static void down(void)
{
	sshio_detach();
	close(fd);
	close(peer);
}

TestSuite(sshio, .init = up, .fini = down);

static int ask(short events)
{
	struct pollfd p = {fd, events, 0};
	int n = poll(&p, 1, 0);

	return n == 0 ? 0 : p.revents;
}

static void say(const char *s)
{
	cr_assert(eq(long, write(peer, s, strlen(s)), (long)strlen(s)));
}

Test(sshio, input_is_seen_when_announced_and_through_the_gate_only)
{
	char b[8];

	say("hello");
	cr_assert(zero(int, ask(POLLIN)), "not announced");
	sshio_may_read();
	cr_assert(zero(int, ask(POLLIN)), "the gate is closed");
	sshio_gate(true);
	cr_assert(eq(int, ask(POLLIN), POLLIN));
	cr_assert(sshio_active());
	sshio_gate(false);
	cr_assert(zero(int, ask(POLLIN)), "also what was received already");
	cr_assert(sshio_has_input());
	sshio_gate(true);
	cr_assert(eq(long, recv(fd, b, 3, 0), 3L));
	cr_assert(eq(int, ask(POLLIN), POLLIN));
	cr_assert(eq(long, recv(fd, b, 8, 0), 2L));
	cr_assert(zero(int, ask(POLLIN)));
	say("more");
	cr_assert(zero(int, ask(POLLIN)), "one announcement, one receive");
}

Test(sshio, a_spurious_announcement_is_nothing)
{
	sshio_gate(true);
	sshio_may_read();
	cr_assert(zero(int, ask(POLLIN)));
	say("x");
	sshio_may_read();
	cr_assert(eq(int, ask(POLLIN), POLLIN));
}

Test(sshio, the_end_comes_behind_the_bytes)
{
	char b[8];

	say("last");
	close(peer);
	peer = -1;
	sshio_gate(true);
	sshio_may_read();
	cr_assert(eq(int, ask(POLLIN), POLLIN));
	cr_assert(eq(long, recv(fd, b, 8, 0), 4L));
	sshio_may_read();
	cr_assert(eq(int, ask(POLLIN), POLLIN));
	cr_assert(zero(long, recv(fd, b, 8, 0)));
}

Test(sshio, a_full_socket_takes_nothing_and_says_so_without_blocking)
{
	static char big[1 << 20];
	long n = 0, w;

	cr_assert(eq(int, ask(POLLOUT), POLLOUT));
	do {
		w = send(fd, big, sizeof(big), MSG_NOSIGNAL);
		cr_assert(ge(long, w, 0L), "libssh takes an error for the end");
		n += w;
	} while (w > 0 && n < (64L << 20));
	cr_assert(zero(long, w));
	cr_assert(sshio_blocked());
	cr_assert(zero(int, ask(POLLOUT)));
	while (recv(peer, big, sizeof(big), MSG_DONTWAIT) > 0)
		;
	sshio_may_write();
	cr_assert(eq(int, ask(POLLOUT), POLLOUT));
	cr_assert(gt(long, send(fd, "x", 1, MSG_NOSIGNAL), 0L));
}

Test(sshio, a_client_that_reads_nothing_is_noticed)
{
	static char big[1 << 16], b[4096];

	(void)ask(POLLOUT);
	while (send(fd, big, sizeof(big), MSG_NOSIGNAL) > 0)
		;
	sshio_gate(true);
	for (int i = 0; i < 16 && !sshio_flooded(); i++) {
		cr_assert(eq(long, write(peer, big, sizeof(big)), (long)sizeof(big)));
		sshio_may_read();
		while (ask(POLLIN))
			(void)!recv(fd, b, sizeof(b), 0);
	}
	cr_assert(sshio_flooded());
	while (recv(peer, big, sizeof(big), MSG_DONTWAIT) > 0)
		;
	sshio_may_write();
	cr_assert(not(sshio_flooded()));
}

Test(sshio, other_descriptors_go_to_the_kernel)
{
	struct pollfd p[2];
	int sp[2];
	char b[8];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM, 0, sp)));
	cr_assert(eq(long, send(sp[0], "abc", 3, 0), 3L));
	p[0] = (struct pollfd){sp[1], POLLIN, 0};
	p[1] = (struct pollfd){fd, POLLIN | POLLOUT, 0};
	cr_assert(eq(int, poll(p, 1, 0), 1));
	cr_assert(eq(int, poll(p, 2, 0), 2), "more than libssh's one");
	cr_assert(eq(long, recv(sp[1], b, 8, MSG_PEEK), 3L));
	cr_assert(eq(long, recv(sp[1], b, 8, 0), 3L));
	cr_assert(eq(long, recv(sp[1], b, 8, MSG_DONTWAIT), -1L));
	cr_assert(eq(int, errno, EAGAIN));
	cr_assert(not(sshio_active()));
	close(sp[0]);
	close(sp[1]);
}

Test(sshio, a_blocking_caller_still_works)
{
	struct pollfd p = {fd, POLLIN, 0};
	char b[8];

	sshio_gate(true);
	cr_assert(zero(int, poll(&p, 1, 10)), "times out");
	say("x");
	cr_assert(eq(int, poll(&p, 1, 1000), 1));
	cr_assert(eq(long, recv(fd, b, 8, 0), 1L));
}
