/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the SSH edge (ssh*.c) share. The only header with libssh's types; no other folder includes it.
 *
 * The rule of the edge: callbacks of libssh only note what happened and move bytes inward; they never call libssh.
 * Channels are written to in the step that runs after each batch of events and nowhere else.
 */
#ifndef SP_SESSION_SSHINT_H
#define SP_SESSION_SSHINT_H

#ifndef SSH_SUPPRESS_DEPRECATED
#define SSH_SUPPRESS_DEPRECATED /* the message functions are the only way to answer later, and to see direct-tcpip */
#endif
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include "base/buf.h"
#include "base/loop.h"
#include "config.h"
#include "session/monclient.h"
#include "session/sshedge.h"

#define EDGE_PACKET 32758u             /* data bytes in a full packet: 32768 less libssh's allowance of 10 */
#define EDGE_WRITE_MAX (4u * EDGE_PACKET)
#define EDGE_OVERRUN (2600u * 1000)    /* unread bytes of one channel that no honest client can reach */
#define EDGE_USER_MAX 128

/* --- authentication (sshauth.c) --- */
enum auth_state {
	AUTH_START,     /* nothing proven */
	AUTH_KEY,       /* possession of a known plain key is proven; partial success was sent */
	AUTH_ASKED,     /* keyboard-interactive: the request without prompts is out */
	AUTH_LOGIN,     /* the same while an identity provider decides; an answer in msg is held */
	AUTH_DONE_KEY,  /* succeeded with the key only: may fetch a certificate and nothing else */
	AUTH_DONE_CERT, /* succeeded with a certificate that the monitor verified */
	AUTH_STATE_N
};

struct auth {
	enum auth_state state;
	enum auth_state asked;    /* where the monitor's answer leads */
	ssh_message msg;          /* the request that waits for the monitor; nothing else is read meanwhile */
	char user[EDGE_USER_MAX]; /* fixed by the first signed request that succeeded, else of the pending one */
	int tries, probes;
	char name[EDGE_USER_MAX]; /* the identity, as the monitor gave it */
	bool forward, pty;
	bool provider;           /* the proven key belongs to nobody yet: keyboard-interactive is a login */
	bool held;               /* msg is an answer that is held while the login goes on */
	bool result;             /* LOGIN_RESULT is here: failure.code tells */
	struct why failure;
	struct loop_timer *heartbeat;
};

struct edge;

bool auth_done(const struct edge *e);
bool auth_waiting(const struct edge *e);
/* IPC_LOGIN_RESULT; ctx is the edge. */
void auth_login_result(void *ctx, const struct ipc_msg *m);
/* Takes the message. */
void auth_message(struct edge *e, ssh_message m);
void auth_clear(struct edge *e);

/* --- channels (sshchan.c) --- */
struct chan;

struct chan_ops {
	/* Client bytes; how many were taken. Must not call libssh. */
	size_t (*feed)(struct chan *c, struct span in);
	void (*eof)(struct chan *c);  /* the client will send no more */
	void (*pump)(struct chan *c); /* write what there is; chan_finish() when all is said */
	void (*kill)(struct chan *c, const char *reason, const char *sqlstate);
	void (*notice)(struct chan *c, const char *text, const char *hint);
	void (*expire)(struct chan *c, int64_t grace_ms); /* why is in the edge */
	void (*drop)(struct chan *c, const char *reason); /* free the body; libssh is not called */
};

enum chan_state {
	CHAN_IDLE,    /* a session channel that has not asked for anything yet */
	CHAN_LIVE,    /* has a body */
	CHAN_CLOSING, /* our close is not (wholly) sent yet */
	CHAN_CLOSED,  /* sent; waiting for the client's */
};

struct chan {
	struct edge *edge;
	struct chan *next;
	ssh_channel ch;
	struct ssh_channel_callbacks_struct cb;
	enum chan_state state;
	bool session;            /* "session" (exec) or direct-tcpip */
	const struct chan_ops *ops;
	void *body;
	struct buf carry;        /* client bytes taken from libssh and not by the body */
	bool backlog;            /* libssh has more */
	bool eof_in, eof_given;  /* the client's EOF: seen, handed on */
	bool gone;               /* the client's close was seen */
	bool pty;
	char term[64];
	int cols, rows;
	char signal[16];         /* a signal request, for the body */
};

void chan_open(struct edge *e, ssh_message m);    /* takes the message */
void chan_request(struct edge *e, ssh_message m); /* takes the message */
/* Free what is closed on both sides: only while no message is queued in libssh. */
void chans_reap(struct edge *e);
/* One step of every channel. */
void chans_step(struct edge *e);
void chans_kill(struct edge *e, const char *reason, const char *sqlstate);
void chans_notice(struct edge *e, const char *text, const char *hint);
void chans_expire(struct edge *e, int64_t grace_ms);
void chans_clear(struct edge *e, const char *reason);
size_t chans_live(const struct edge *e); /* with a body */
bool chans_closed(const struct edge *e); /* nothing is open, or still to be closed by either side */

/* For bodies. */
bool chan_may_write(const struct chan *c);
/* Send from the front of b what the window and the socket allow and consume it. */
void chan_write(struct chan *c, struct buf *b, bool is_stderr);
/* No more output: EOF, exit status (>= 0) and close will be sent; the body is dropped. */
void chan_finish(struct chan *c, int exit_status);

/* --- exec (sshexec.c) --- */
/* Runs a command line ("" = none) on a session channel; takes over the channel's body. */
void exec_start(struct chan *c, struct span line);
void exec_winch(struct chan *c);

#ifdef SP_ATTACK
/* attack.c: test builds only. what = "NAME [ARGUMENT]": appends the outcome of one attempt to break out to b. */
void attack_run(struct edge *e, const char *what, struct buf *b);
#endif

/* --- the connection (sshedge.c) --- */
struct edge {
	struct edge_params p;
	struct loop *loop;
	struct monclient *mon;
	ssh_session ssh;
	int fd;
	struct auth auth;
	struct chan *chans;
	size_t n_chans;
	struct loop_timer *grace, *idle, *again, *leave;
	const char *doomed;      /* set by callbacks: why the next step ends the connection */
	enum edge_exit doom_code;
	char leave_reason[400];
	struct {
		bool on; /* the identity has run out: nothing new begins */
		char reason[200], hint[200], sqlstate[6];
	} expired;
	bool ending;
	int exit;
	uint8_t scratch[EDGE_PACKET];
};

/* Send a disconnect with this reason and stop the loop. Safe anywhere but in libssh's callbacks. */
void edge_end(struct edge *e, enum edge_exit code, const char *reason);
/* From libssh's callbacks: the connection ends in the next step. */
void edge_doom(struct edge *e, enum edge_exit code, const char *reason);
/* Time left to authenticate, from now on. */
void edge_grace(struct edge *e, int64_t ms);
/* A line for the user before authentication is over; ASCII. */
void edge_banner(struct edge *e, const char *text);
/* Re-start or stop the timer of connections without channels. */
void edge_idle_update(struct edge *e);

/* --- sshwatch.c --- */
void edge_watch_turn(void);

#endif
