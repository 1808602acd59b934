/* SPDX-License-Identifier: Apache-2.0
 *
 * How a helper program begins.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "server/helper_exec.h"
#include "server/title.h"

/* Is the descriptor a SEQPACKET socket of the unix family? */
static bool is_our_socket(int fd)
{
	int type = 0, domain = 0;
	socklen_t n = sizeof(type), m = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &m) == 0 && domain == AF_UNIX;
}

int helper_begin(int argc, char **argv, const char *name, struct helper_opts *o)
{
	static const int left_to_main[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE};
	int level = 0, json = 0, require = 1, n_fds = 0, end = 0;

	(void)prctl(PR_SET_DUMPABLE, 0);
	if (argc < 2 || sscanf(argv[1], "--helper=%1d:%1d:%1d:%2d%n", &level, &json, &require, &n_fds, &end) != 4 ||
	    argv[1][end] != '\0' || !is_our_socket(HELPER_FD_SOCK)) {
		fprintf(stderr, "this program is a part of sallyportd, which starts it\n");
		return E_STATE;
	}
	title_init(argc, &argv);
	title_set(name);
	for (size_t i = 0; i < sizeof(left_to_main) / sizeof(left_to_main[0]); i++)
		(void)signal(left_to_main[i], SIG_IGN);
	*o = (struct helper_opts){(enum log_level)level, require != 0, n_fds, argc - 2, argv + 2};
	log_init(name, HELPER_FD_LOG, o->log_level, json != 0);
	(void)clock_wall_us(); /* whatever it opens, before a sandbox forbids it */
	return 0;
}
