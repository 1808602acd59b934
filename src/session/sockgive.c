/* SPDX-License-Identifier: Apache-2.0
 *
 * The interposed socket() and connect(). They must be visible in the executable's dynamic symbol table: under
 * -fvisibility=hidden the attribute below is what keeps the interposition alive, and pgup_selftest() proves it.
 */
#include "session/sockgive.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default"), used))

static struct {
	bool armed, taken, locked;
	int fd;
} give = {.fd = -1};

void sockgive_arm(int fd)
{
	give.armed = true;
	give.taken = false;
	give.fd = fd;
}

bool sockgive_disarm(void)
{
	give.armed = false;
	give.fd = -1;
	return give.taken;
}

void sockgive_lock(void)
{
	give.locked = true;
}

static int refuse(void)
{
	errno = EACCES;
	return -1;
}

EXPORT int socket(int domain, int type, int protocol)
{
	if (give.armed) {
		if (give.taken || give.fd == -1)
			return refuse();
		give.taken = true;
		return give.fd;
	}
	if (give.locked)
		return refuse();
	return (int)syscall(SYS_socket, domain, type, protocol);
}

/* The given descriptor is connected already: say so, but only if it is true. */
static int connect_given(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len);
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	if (give.armed)
		return give.taken && fd == give.fd ? connect_given(fd) : refuse();
	if (give.locked)
		return refuse();
	return (int)syscall(SYS_connect, fd, addr.__sockaddr__, len);
}
