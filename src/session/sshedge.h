/* SPDX-License-Identifier: Apache-2.0
 *
 * One SSH connection, from the first byte to the last: the face towards the listener. The host part is loaded once,
 * before connections are taken, and inherited by fork; the edge runs in the forked process, inside its sandbox.
 */
#ifndef SP_SESSION_SSHEDGE_H
#define SP_SESSION_SSHEDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

/* --- host keys and algorithms, loaded once --- */
struct edge_host;

/* keys: private host keys as PEM or OpenSSH text, one per key type (Ed25519, ECDSA, RSA). NULL with why. */
struct edge_host *edge_host_new(const struct span *keys, size_t n, struct why *w);
void edge_host_free(struct edge_host *h);
/* A connection through socket pairs with one bit of an encrypted packet changed: does the server refuse it? When AES-GCM
 * lets it pass (CVE-2026-59847), GCM is dropped from the offer and *gcm_ok is false. Needs fork(2): call before the
 * sandbox. 0, or an error when no authenticated cipher is left or the control run without a change fails. */
int edge_host_selftest(struct edge_host *h, bool *gcm_ok, struct why *w) MUST_CHECK;
/* Does libssh reach our poll/recv/send (session/sshio.h)? Known after edge_host_selftest(). */
bool edge_host_io_ours(const struct edge_host *h);
const char *edge_libssh_version(void);

/* --- one connection --- */
struct edge_params {
	struct edge_host *host;
	int fd;                  /* accepted socket, blocking; owned from here on */
	int mon;                 /* SEQPACKET to the monitor; owned from here on */
	const char *gateway;     /* name of this gateway, for texts */
	int64_t login_grace_ms;
	int max_auth_tries;
	int max_channels;
	int64_t idle_ms;         /* without any channel; 0 = no limit */
};

/* How a session process ends; the listener reads it as exit status. */
enum edge_exit {
	EDGE_EXIT_OK = 0,         /* the user left, or the monitor ended it */
	EDGE_EXIT_AUTH = 40,      /* gone or sent away before authentication succeeded */
	EDGE_EXIT_PROTOCOL = 41,  /* the client broke a rule of SSH or of ours */
	EDGE_EXIT_SPIN = 42,      /* one turn of the loop burned over two seconds of CPU */
	EDGE_EXIT_INTERNAL = 43,
};

/* Before the sandbox: the timer that kills a session whose loop does not turn (see sshwatch.c). */
void edge_watch_start(void);
/* Runs the connection to its end; returns an edge_exit. */
int edge_run(const struct edge_params *p);

#endif
