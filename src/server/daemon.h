/* SPDX-License-Identifier: Apache-2.0
 *
 * The main process: starts the others in the order that keeps secrets out of them, then is the monitor.
 */
#ifndef SP_SERVER_DAEMON_H
#define SP_SERVER_DAEMON_H

#include <stdbool.h>

struct daemon_opts {
	const char *conf;   /* path of the configuration */
	bool foreground;    /* stay attached, log to stderr */
	bool debug;         /* log level debug */
};

/* Check (dump: and print) the configuration; errors to stderr. Exit status. */
int daemon_check(const char *conf, bool dump);
/* Run the gateway to its end. Exit status. */
int daemon_run(const struct daemon_opts *o);
/* Version and loaded libraries, to stdout. */
void daemon_version(void);

#endif
