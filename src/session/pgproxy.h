/* SPDX-License-Identifier: Apache-2.0
 *
 * One database session of a PostgreSQL target: the client's v3 bytes in, the client's v3 bytes out; between them
 * start-up, recording, judgement, holding, masking and the upstream. Knows nothing of SSH: the edge feeds it
 * bytes and drains its output (ssh channel or the console's socket).
 */
#ifndef SP_SESSION_PGPROXY_H
#define SP_SESSION_PGPROXY_H

#include "base/buf.h"
#include "base/loop.h"

struct pgproxy;
struct monclient; /* session/monclient.h: the stubs that talk to the monitor */

/* The console has one stream only: a message of this type and no body, alone in a write, cancels what runs or waits.
 * Taken from the console alone. */
#define PGPROXY_CONSOLE_CANCEL 0x03

struct pgproxy_params {
	struct loop *loop;
	struct monclient *mon;
	const char *gateway; /* its name, for hints; NULL: "bastion" */
	const char *target;  /* as the client named it, unverified */
	int port;
	bool console;        /* the gateway's own console (trusted framing of nothing; only labels the session) */
	bool interactive;    /* console on a terminal: holds may wait */
	/* Called (from loop callbacks) when output was added, input was taken or the session ended: the edge then
	 * drains pgproxy_out() and feeds what it still has. */
	void (*wake)(void *ctx);
	void *ctx;
};

struct pgproxy *pgproxy_new(const struct pgproxy_params *p);
/* Ends the session: withdraws holds, cancels upstream, finishes the recording. */
void pgproxy_free(struct pgproxy *x, const char *reason);
/* Feed client bytes; returns how many were taken (fewer = back-pressure; feed the rest after wake()). */
size_t pgproxy_feed(struct pgproxy *x, struct span in);
void pgproxy_client_eof(struct pgproxy *x);
struct buf *pgproxy_out(struct pgproxy *x); /* the edge consumes from its front, then calls pgproxy_drained() */
void pgproxy_drained(struct pgproxy *x);
/* Nothing more will come and out may be empty: close the channel. */
bool pgproxy_ended(const struct pgproxy *x);
/* The monitor ended this session (revocation, kill, drain). */
void pgproxy_kill(struct pgproxy *x, const char *reason, const char *sqlstate);

/* Shown to the client between statements; at once when it waits for nothing. */
void pgproxy_notice(struct pgproxy *x, const char *text, const char *hint);
/* The identity behind it has run out: outside a transaction the session ends now, else with its transaction or after
 * grace_ms; no other transaction begins. A second call changes nothing. hint: what the client reads at the end, or "". */
void pgproxy_expire(struct pgproxy *x, int64_t grace_ms, const char *reason, const char *hint, const char *sqlstate);

/* A CancelRequest carries our own key; finds the session of this connection it belongs to, or NULL. */
struct pgproxy *pgproxy_by_key(uint32_t pid, uint32_t key);

#endif
