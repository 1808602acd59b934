/* SPDX-License-Identifier: Apache-2.0
 *
 * sd_notify(3): one datagram per state to the socket named by NOTIFY_SOCKET; a leading @ is an abstract name.
 */
#include "server/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	socklen_t n;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@') || str_copy(sa.sun_path, sizeof(sa.sun_path), path) != 0)
		return;
	n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	else
		n++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa, n);
	close(fd);
}

void notify_ready(void)
{
	notify("READY=1");
}

void notify_reloading(void)
{
	char s[64];

	(void)snprintf(s, sizeof(s), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
	notify(s);
}

void notify_stopping(void)
{
	notify("STOPPING=1");
}
