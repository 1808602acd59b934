/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener process: accepts, limits, forks one session process per connection. It is started before any secret is
 * loaded and knows only the host keys. It is always an exec of our own program (fresh address layout, nothing inherited but
 * the descriptors named in its image) and executes itself again after a session crashed and every few hundred
 * connections; sessions go on meanwhile.
 */
#ifndef SP_SERVER_LISTENER_H
#define SP_SERVER_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/span.h"

#define LISTENER_SOCKETS 16
#define LISTENER_KEYS 4

/* What the listener needs to know. Descriptors in it are the listener's own numbers. */
struct listener_settings {
	char gateway[128];
	int64_t login_grace_ms, idle_ms;
	int startups_begin, startups_rate, startups_full;
	int per_source;          /* 0 = no limit */
	int max_auth_tries, max_channels;
	bool require_sandbox;    /* false: sessions run without what the kernel does not have */
	bool log_json;
	int log_level;
	int n_sockets, sockets[LISTENER_SOCKETS]; /* listening */
	int n_keys, keys[LISTENER_KEYS];          /* sealed memory with a private host key each */
	int monitor;             /* SEQPACKET */
	int log;
	int exe;                 /* our program, for executing it again */
};

struct listener_start {
	struct listener_settings s; /* sockets, log, exe: the caller's descriptors, borrowed; keys, monitor: filled here */
	size_t n_keys;
	const struct span *key_text; /* private host keys */
	uid_t uid;                   /* (uid_t)-1: stay */
	gid_t gid;
};

/* Forks and executes the listener and waits until its self-tests passed (30 s cap). *sock: our end, *pid: its process. */
int listener_start(const struct listener_start *p, pid_t *pid, int *sock, struct why *w) MUST_CHECK;
/* The program was executed as the listener: image is the descriptor of its settings. Returns the exit status. */
int listener_main(int image);

#endif
