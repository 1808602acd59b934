/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that are programs of their own (doc/decisions/0005): sallyport-fetch, sallyport-web. Both sides are here: the
 * main process executes them (helper_exec.c), keeps them running (keeper.h), and they begin with helper_begin() (helper_main.c).
 * Such a process has: 0 and 1 = /dev/null, 2 = ours, 3 = its socket, 4 = the log, from 5 on the given descriptors, a clean
 * environment, no privileges; it dies with the main process and sees nothing of the state directory.
 */
#ifndef SP_SERVER_HELPER_EXEC_H
#define SP_SERVER_HELPER_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"

#define HELPER_FD_SOCK  3
#define HELPER_FD_LOG   4
#define HELPER_FD_FIRST 5
#define HELPER_FDS      24
#define HELPER_ARGS     24

/* --- the side of the main process --- */

struct helper_exec {
	const char *path;  /* of the program; helper_find() */
	const char *name;  /* for ps and logs: "fetcher", "web" */
	uid_t uid;         /* (uid_t)-1: stay */
	gid_t gid;
	int log_fd;        /* borrowed */
	enum log_level log_level;
	bool log_json, require_sandbox;
	size_t n_fds;      /* borrowed, become 5, 6, ... in this order */
	int fds[HELPER_FDS];
	size_t n_args;     /* borrowed; everybody on the machine can read them: no secrets */
	const char *args[HELPER_ARGS];
};

/* The program beside the running one (a build tree, a lab), else SP_LIBEXECDIR/sallyport/PROGRAM. */
int helper_find(const char *program, char *out, size_t cap) MUST_CHECK;
/* Fork and execute. *sock: our end of a SEQPACKET pair, *pid the process. A program that cannot be executed is an error with
 * why here; one that fails later just ends (status 1) and has logged why. */
int helper_exec(const struct helper_exec *h, pid_t *pid, int *sock, struct why *w) MUST_CHECK;

/* --- the side of the program --- */

struct helper_opts {
	enum log_level log_level;
	bool require_sandbox;
	int n_fds;   /* descriptors from HELPER_FD_FIRST on */
	int argc;    /* args of the other side */
	char **argv;
};

/* First thing in main(): title, log, signals (left to the main process), no dumps. An error (already said on stderr): it was not
 * the main process that executed us; exit with 2. */
int helper_begin(int argc, char **argv, const char *name, struct helper_opts *o) MUST_CHECK;

#endif
