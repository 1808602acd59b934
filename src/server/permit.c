/* SPDX-License-Identifier: Apache-2.0
 *
 * The permit table.
 */
#include "server/permit.h"

#define KI 1024u
#define P  PEER_PRE
#define K  PEER_KEY
#define F  PEER_FULL

/* clang-format off */
static const struct permit table[] = {
	/* type              states     calls  most bytes  handler */
	{IPC_AUTH_CERT,     P,         64,    48 * KI,    do_auth_cert},
	{IPC_AUTH_KEY,      P,         64,    48 * KI,    do_auth_key},
	{IPC_AUTH_DONE,     P,         1,     256,        do_auth_done},
	{IPC_LOGIN_START,   P,         4,     256,        do_login_start},
	{IPC_TARGET,        F,         0,     1 * KI,     do_target},
	{IPC_CONNECT,       F,         0,     4 * KI,     do_connect},
	{IPC_BACKEND,       F,         0,     256,        do_backend},
	{IPC_CANCEL,        F,         0,     256,        do_cancel},
	{IPC_HEAD,          F,         0,     256,        do_head},
	{IPC_SEGMENT,       F,         0,     256,        do_segment},
	{IPC_SESSION_END,   F,         0,     1 * KI,     do_session_end},
	{IPC_HOLD_PART,     F,         0,     80 * KI,    do_hold_part},
	{IPC_HOLD_NEW,      F,         0,     IPC_MAX,    do_hold_new},
	{IPC_HOLD_CONSUME,  F,         0,     256,        do_hold_consume},
	{IPC_HOLD_WITHDRAW, F,         0,     1 * KI,     do_hold_withdraw},
	{IPC_EXEC,          K | F,     0,     80 * KI,    do_exec},
	{IPC_EXEC_WINCH,    K | F,     0,     256,        do_exec_winch},
	{IPC_EXEC_KILL,     K | F,     0,     256,        do_exec_kill},
	{IPC_RECORD_PING,   P | K | F, 0,     64,         do_ping},
};
/* clang-format on */
#define ROWS (sizeof(table) / sizeof(*table))
_Static_assert(ROWS <= PERMIT_N, "one counter per row");

const struct permit *permit_check(
    int type, size_t len, enum peer_state st, unsigned *calls, struct why *w)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct permit *p = &table[i];

		if ((int)p->type != type)
			continue;
		if ((p->states & st) == 0)
			why_set(
			    w, E_STATE, "request %d is not permitted in state %d", type, (int)st);
		else if (len > p->max_bytes)
			why_set(w, E_TOOBIG, "request %d has %zu bytes, more than %zu", type, len,
			    p->max_bytes);
		else if (p->max_calls != 0 && ++calls[i] > p->max_calls)
			why_set(
			    w, E_LIMIT, "request %d came more than %u times", type, p->max_calls);
		else
			return p;
		return NULL;
	}
	why_set(w, E_UNKNOWN, "request %d is in no row of the table", type);
	return NULL;
}
