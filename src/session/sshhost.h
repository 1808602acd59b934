/* SPDX-License-Identifier: Apache-2.0
 *
 * The host part of the edge, for sshhost.c, sshself.c and sshedge.c only (libssh types).
 */
#ifndef SP_SESSION_SSHHOST_H
#define SP_SESSION_SSHHOST_H

#ifndef SSH_SUPPRESS_DEPRECATED
#define SSH_SUPPRESS_DEPRECATED /* the message functions are the only way to answer later, and to see direct-tcpip */
#endif
#include <libssh/libssh.h>
#include <libssh/server.h>

#include "session/sshedge.h"

struct edge_host {
	ssh_bind bind;
	bool io_ours;
};

/* Prepare s as the server side of fd (which libssh closes from here on). */
int edge_host_attach(struct edge_host *h, ssh_session s, int fd) MUST_CHECK;
int edge_host_ciphers(struct edge_host *h, const char *list, struct why *w) MUST_CHECK;
int edge_host_no_gcm(struct edge_host *h, struct why *w) MUST_CHECK;

#endif
