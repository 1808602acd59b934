/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session process may ask, when, how often and how large: the permit table. Everything else
 * ends the process.
 */
#ifndef SP_SERVER_PERMIT_H
#define SP_SERVER_PERMIT_H

#include "wire/ipc.h"

struct peer;

/* One function changes a connection's state: peer_enter(). The bits are masks of the table. */
enum peer_state {
	PEER_PRE = 1,  /* nothing proven */
	PEER_KEY = 2,  /* a plain key: may ask for a certificate, nothing else */
	PEER_FULL = 4, /* a verified certificate */
	PEER_DEAD = 8, /* killed, waiting for the end of the callback */
};

/* 0: answered, or to be answered. Negative: the request breaks the contract and ends the process.
 */
typedef int permit_fn(struct peer *p, const struct ipc_msg *m);

struct permit {
	enum ipc_type type;
	unsigned states;    /* of enum peer_state */
	unsigned max_calls; /* 0 = any number; 1 = once */
	size_t max_bytes;   /* of the datagram */
	permit_fn *fn;
};

#define PERMIT_N 20 /* at least the rows of the table: for counters */

/* The row for a message of len bytes in a state, counted in calls[PERMIT_N]; NULL with why when it
 * is not permitted. */
const struct permit *permit_check(
    int type, size_t len, enum peer_state st, unsigned *calls, struct why *w);

/* Handlers. mon_auth.c: */
permit_fn do_auth_cert, do_auth_key, do_auth_done;
/* mon_login.c: */
permit_fn do_login_start;
/* mon_target.c, mon_connect.c: */
permit_fn do_target, do_connect;
/* mon_session.c: */
permit_fn do_backend, do_cancel, do_head, do_segment, do_session_end;
/* hold.c: */
permit_fn do_hold_part, do_hold_new, do_hold_consume, do_hold_withdraw;
/* spawn.c: */
permit_fn do_exec, do_exec_winch, do_exec_kill;
/* peer.c: */
permit_fn do_ping;

#endif
