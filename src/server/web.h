/* SPDX-License-Identifier: Apache-2.0
 *
 * The web process (program sallyport-web): the pages of the browser login, the host keys, nothing else. Knows no login: it asks
 * the monitor (doc/formats/ipc.md, Web) and shows what that says. What it hands to browsers is web_token.h's.
 */
#ifndef SP_SERVER_WEB_H
#define SP_SERVER_WEB_H

#include "server/web_http.h"

struct web_params {
	int sock;            /* to the monitor; owned */
	const char *gateway; /* name for pages that know no better */
	int n_sockets;
	int sockets[HTTP_SOCKETS]; /* listening; owned */
	struct span cert, key;     /* as in http_params */
	/* Drop what is not needed and enter the sandbox: TLS is loaded, nothing was read from the network yet. */
	int (*enter)(void *ctx, struct why *w);
	void *enter_ctx;
};

/* Serve until the monitor closes the socket, then let answers finish. The exit status: 0, or 1 when it could not start. */
int web_run(const struct web_params *p);
/* The program: arguments GATEWAY tls|plain; descriptors: listening sockets, then with tls certificate and key. */
int web_main(int argc, char **argv);

#endif
