/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor: holds the state store, the configuration epochs and the credentials of targets, and
 * answers every session process through the permit table (server/permit.h). Runs on the main
 * process's loop. It parses no SSH and no database protocol; whatever a session process sends is
 * taken as hostile.
 */
#ifndef SP_SERVER_MONITOR_H
#define SP_SERVER_MONITOR_H

#include <sys/types.h>

#include "base/loop.h"
#include "conf/conf.h"

struct monitor;

/* Descriptors are owned by the monitor from monitor_new() on (also when it fails), -1 = absent;
 * strings are copied. */
struct monitor_params {
	struct loop *loop;     /* borrowed */
	struct conf *conf;     /* owned from here on, also on failure */
	const char *conf_path; /* what monitor_reload() loads again; NULL: reload refuses */
	int listener_fd;       /* SEQPACKET: IPC_NEW_SESSION (+ fd), IPC_SESSION_GONE arrive here */
	pid_t listener_pid;    /* parent of every session process; 0 = not checked (tests) */
	int signer_fd;         /* SEQPACKET: IPC_SIGNER_KEYS, IPC_SIGN_CERT, IPC_SIGN_CHECKPOINT */
	int archiver_fd;       /* SEQPACKET: IPC_SEAL; -1 = closed segments stay raw */
	int control_fd; /* listening SEQPACKET unix socket of the CLI, mode 0666; -1 = none */
	int state_fd;   /* the state directory */
	const char *state_path; /* the same directory by name (the store's driver opens by path) */
	const char *cli_path;   /* the `sallyport` binary that exec verbs run */
	uid_t
	    uid; /* unprivileged user of exec verbs, resolvers, reapers and owner of recordings; */
	gid_t gid; /* (uid_t)-1: keep ours (tests, unprivileged runs) */
};

/* Opens the store and the log, ends what a crash left behind, asks the signer for its public keys
 * (blocking, 5 s cap), writes the first policy leaf and registers on the loop. NULL with why on
 * failure. */
struct monitor *monitor_new(const struct monitor_params *p, struct why *w);
/* Load the configuration again: all or nothing. On failure errs holds the report and the old epoch
 * stays. */
int monitor_reload(struct monitor *m, struct buf *errs) MUST_CHECK;
/* Called with the configuration in force after each reload. */
typedef void monitor_epoch_fn(void *ctx, const struct conf *c);
void monitor_on_epoch(struct monitor *m, monitor_epoch_fn *fn, void *ctx);
/* The socket (owned) of a process that starts later and perhaps again; -1: it is gone, and what
 * waits for it fails. The fetcher gets its configuration at once. */
void monitor_set_fetcher(struct monitor *m, int fd);
void monitor_set_web(struct monitor *m, int fd);
/* Refuse new sessions and tell the listener to stop; done(ctx) runs when the last session has ended
 * or after grace_ms (then what is left is ended). */
void monitor_drain(struct monitor *m, int64_t grace_ms, loop_timer_fn *done, void *ctx);
/* Ends every session process, writes the end leaves, closes the store. */
void monitor_free(struct monitor *m);

/* In force until the next reload. */
const struct conf *monitor_conf(const struct monitor *m);
/* For log lines and tests. */
uint32_t monitor_epoch(const struct monitor *m);
size_t monitor_n_sessions(const struct monitor *m); /* live database sessions */
size_t monitor_n_peers(const struct monitor *m);    /* session processes (SSH connections) */

#endif
