/* SPDX-License-Identifier: Apache-2.0
 *
 * sallyportd: the gateway. Options only; the work is in server/.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/daemon.h"
#include "server/listener.h"
#include "server/title.h"

#define DEFAULT_CONF SP_SYSCONFDIR "/sallyport/sallyport.yaml"

static int usage(FILE *to, int status)
{
	fprintf(to,
	    "usage: sallyportd [-f FILE] [-t | -T] [-D] [-d] [-V]\n"
	    "  -f FILE  configuration (default %s)\n"
	    "  -t       check the configuration and exit\n"
	    "  -T       check it, print it with all defaults and without secrets, and exit\n"
	    "  -D       stay in the foreground and log to standard error\n"
	    "  -d       log more (implies -D)\n"
	    "  -V       print versions and exit\n"
	    "signals: HUP reload, TERM drain and stop, INT stop soon, USR1 reopen the log\n",
	    DEFAULT_CONF);
	return status;
}

int main(int argc, char **argv)
{
	struct daemon_opts o = {.conf = DEFAULT_CONF};
	bool test = false, dump = false;
	int c;

#ifdef SP_ATTACK
	if (clock_test_open() != 0) {
		fprintf(stderr, "sallyportd: the test clock cannot be mapped\n");
		return 1;
	}
#endif
	title_init(argc, &argv);
	/* how the listener is executed; see server/lstart.c */
	if (argc == 2 && strncmp(argv[1], "--listener=", 11) == 0)
		return listener_main((int)strtol(argv[1] + 11, NULL, 10));
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		daemon_version();
		return 0;
	}
	while ((c = getopt(argc, argv, "f:tTDdVh")) != -1) {
		switch (c) {
		case 'f':
			o.conf = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'T':
			dump = true;
			break;
		case 'd':
			o.debug = o.foreground = true;
			break;
		case 'D':
			o.foreground = true;
			break;
		case 'V':
			daemon_version();
			return 0;
		case 'h':
			return usage(stdout, 0);
		default:
			return usage(stderr, 2);
		}
	}
	if (optind != argc)
		return usage(stderr, 2);
	return test || dump ? daemon_check(o.conf, dump) : daemon_run(&o);
}
