/* SPDX-License-Identifier: Apache-2.0
 *
 * Short-lived child processes: start with a clean set of descriptors, signals and identity, collect
 * what they write, time out, reap. Whatever may block or parses foreign bytes (name resolution,
 * password commands, cancel requests, exec verbs) runs in one of these, never in the monitor. Exits
 * are seen through pidfds: only children of this list are ever waited for.
 */
#ifndef SP_SERVER_CHILD_H
#define SP_SERVER_CHILD_H

#include <sys/types.h>

#include "base/loop.h"
#include "base/span.h"

struct kids; /* all children of one loop */
struct child;

/* Runs in the child after descriptors and identity are set; the return value is its exit status. */
typedef int child_main_fn(void *arg);
/* status: exit status, 128 + signal, or -ETIMEDOUT; out: what it wrote to descriptor 1 (capture),
 * borrowed and wiped after. */
typedef void child_done_fn(void *ctx, int status, struct span out);

#define CHILD_FDS 5

struct child_params {
	child_main_fn *run; /* or NULL: argv is executed */
	void *arg;
	char *const *argv, *const *envp;
	int fds[CHILD_FDS]; /* become 0..n_fds-1 (borrowed; -1 = /dev/null, also for capture) */
	size_t n_fds;       /* at least 3 */
	size_t capture;     /* collect at most so many bytes of descriptor 1; more is a failure. 0 =
			       none */
	bool tty;           /* descriptor 0 becomes the controlling terminal */
	uid_t uid;          /* (uid_t)-1: stay */
	gid_t gid;
	int64_t timeout_ms; /* 0 = none; then SIGKILL to its process group */
};

struct kids *kids_new(struct loop *l);
void kids_free(struct kids *k); /* kills and waits for what is left; no callbacks */
/* NULL when it could not be started (done is not called then). */
struct child *child_start(
    struct kids *k, const struct child_params *p, child_done_fn *done, void *ctx);
/* Kill its process group; done is not called. NULL is fine. */
void child_cancel(struct child *c);
/* Signal its process group; done follows as usual. */
void child_signal(const struct child *c, int sig);

#endif
