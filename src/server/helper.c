/* SPDX-License-Identifier: Apache-2.0
 *
 * Start of signer and archiver. They are forked before the monitor opens the state store, so neither ever has the
 * other's secrets or the store in its memory; each keeps exactly one socket and the log.
 */
#include "server/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "server/archiver.h"
#include "server/sandbox.h"
#include "server/signer.h"
#include "server/title.h"

#define FD_SOCK 3
#define FD_LOG 4

struct entry { /* for the enter callbacks */
	const struct dsetup *d;
	struct sandbox_params box;
};

static int enter(void *ctx, struct why *w)
{
	const struct entry *e = ctx;
	int rc = privileges_drop(e->d->uid, e->d->gid);

	if (rc == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) /* the change of identity cleared it */
		rc = -errno;
	return rc != 0 ? why_set(w, rc, "cannot drop privileges: %s", err_str(rc)) : sandbox_enter(&e->box, w);
}

static struct entry entry_of(const struct dsetup *d, enum sandbox_role role)
{
	return (struct entry){d, {.role = role, .uid = d->uid, .gid = d->gid, .require = d->conf->gateway.require_sandbox}};
}

static int serve_signer(const struct dsetup *d, int sock)
{
	struct entry e = entry_of(d, SANDBOX_SIGNER);
	char log_key[512];
	struct signer_params p = {
		.ca = d->conf->gateway.ca,
		.log_key = log_key,
		.gateway = d->conf->gateway.name,
		.origin = d->conf->gateway.name,
		.max_ttl_s = d->conf->gateway.cert_max_ttl_s,
		.enter = enter,
		.enter_ctx = &e,
	};

	if (snprintf(log_key, sizeof(log_key), "%s/log_ed25519_key", d->conf->gateway.state) >= (int)sizeof(log_key))
		return 1;
	return signer_run(sock, &p);
}

static int serve_archiver(const struct dsetup *d, int sock)
{
	static const char *const paths[] = {"recordings", NULL}; /* of the state directory, where we are */
	struct entry e = entry_of(d, SANDBOX_ARCHIVER);
	struct archiver_params p = {.enter = enter, .enter_ctx = &e};

	e.box.write_paths = paths;
	return archiver_run(sock, &p);
}

/* Move what stays to fixed numbers and close the rest. */
static int keep(const struct dsetup *d, int sock)
{
	int s = fcntl(sock, F_DUPFD_CLOEXEC, 32), l = fcntl(d->log_fd, F_DUPFD_CLOEXEC, 32);

	if (fchdir(d->state_fd) != 0 || s < 0 || l < 0 || dup3(s, FD_SOCK, O_CLOEXEC) < 0 || dup3(l, FD_LOG, O_CLOEXEC) < 0)
		return -errno;
	return close_range(FD_LOG + 1, ~0u, 0) != 0 ? -errno : 0;
}

static _Noreturn void child(const struct dsetup *d, const char *name, int (*serve)(const struct dsetup *, int), int sock,
    pid_t parent)
{
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || keep(d, sock) != 0)
		_exit(1);
	title_set(name);
	log_init(name, FD_LOG, d->log_level, d->log_json);
	/* the terminal's signals are the main process's matter */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGUSR1, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(serve(d, FD_SOCK));
}

static int start(const struct dsetup *d, const char *name, int (*serve)(const struct dsetup *, int), pid_t *pid,
    int *sock, struct why *w)
{
	pid_t parent = getpid();
	int sp[2];

	*sock = -1;
	*pid = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) != 0)
		return why_set(w, -errno, "%s: %s", name, err_str(-errno));
	*pid = fork();
	if (*pid == 0)
		child(d, name, serve, sp[1], parent);
	close(sp[1]);
	if (*pid < 0) {
		close(sp[0]);
		return why_set(w, -errno, "%s: cannot fork: %s", name, err_str(-errno));
	}
	*sock = sp[0];
	return 0;
}

int helper_signer(const struct dsetup *d, pid_t *pid, int *sock, struct why *w)
{
	return start(d, "signer", serve_signer, pid, sock, w);
}

int helper_archiver(const struct dsetup *d, pid_t *pid, int *sock, struct why *w)
{
	return start(d, "archiver", serve_archiver, pid, sock, w);
}
