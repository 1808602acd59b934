/* SPDX-License-Identifier: Apache-2.0
 *
 * What the main process sets up before it becomes the monitor: directory, lock, sockets, host keys, helper processes.
 */
#ifndef SP_SERVER_DSETUP_H
#define SP_SERVER_DSETUP_H

#include <sys/types.h>

#include "base/log.h"
#include "base/secret.h"
#include "conf/conf.h"

#define DSETUP_SOCKETS 16
#define DSETUP_KEYS 4

struct dsetup {
	const struct conf *conf;
	uid_t uid;               /* (uid_t)-1: not root, everything runs as we do */
	gid_t gid;
	int log_fd;              /* borrowed */
	enum log_level log_level;
	bool log_json;
	int state_fd, lock_fd, control_fd;
	size_t n_sockets;
	int sockets[DSETUP_SOCKETS];
	size_t n_keys;
	struct secret *keys[DSETUP_KEYS];
};

void dsetup_init(struct dsetup *d, const struct conf *c);
/* Closes what is still owned. */
void dsetup_clear(struct dsetup *d);
/* The unprivileged user; without root only a warning. */
int dsetup_user(struct dsetup *d, struct why *w) MUST_CHECK;
/* State directory (0711: the control socket in it is for everybody) and the lock that makes us the only instance. */
int dsetup_state(struct dsetup *d, struct why *w) MUST_CHECK;
int dsetup_listen(struct dsetup *d, struct why *w) MUST_CHECK;
/* Listening sockets for each "HOST:PORT" of the list (more than one where a name has several addresses), behind those that are
 * there. What was opened stays the caller's, also on failure. */
int dsetup_listen_list(const struct conf_list *list, int *sockets, size_t *n, size_t max, struct why *w) MUST_CHECK;
/* Host keys; the default one is made on the first start. */
int dsetup_host_keys(struct dsetup *d, struct why *w) MUST_CHECK;
void dsetup_forget_keys(struct dsetup *d);
/* The control socket, replacing a stale one. */
int dsetup_control(struct dsetup *d, struct why *w) MUST_CHECK;

/* For good: groups, gid, uid. uid -1: nothing. */
int privileges_drop(uid_t uid, gid_t gid) MUST_CHECK;

#endif
