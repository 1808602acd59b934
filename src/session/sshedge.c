/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection: set-up, the loop, and the step that runs after every batch of events. libssh may take messages in any
 * of its calls, tells nobody when a window grows, and sends nothing until asked again: so the step drains its
 * queue, moves every channel, and repeats until nothing changes and nothing is left to send.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "session/sshhost.h"
#include "session/sshint.h"
#include "session/sshio.h"

#define TURN_MAX 32         /* rounds of the step before other descriptors get their turn */
#define LEAVE_MS 300        /* at most, for last words after the monitor ended the connection; it waits 900 ms */

static void edge_stop(struct edge *e, enum edge_exit code)
{
	if (e->ending)
		return;
	e->ending = true;
	e->exit = code;
	loop_stop(e->loop, 0);
}

void edge_end(struct edge *e, enum edge_exit code, const char *reason)
{
	if (e->ending)
		return;
	if (code == EDGE_EXIT_PROTOCOL)
		log_warn("ssh-ended", "why", reason);
	else
		log_info("ssh-ended", "why", reason);
	sshio_hold(false);
	(void)ssh_session_set_disconnect_message(e->ssh, reason);
	ssh_set_fd_towrite(e->ssh); /* the message goes out now or never */
	chans_clear(e, reason);     /* ssh_disconnect() frees libssh's channels */
	loop_del(e->loop, e->fd);
	ssh_disconnect(e->ssh);
	edge_stop(e, code);
}

void edge_doom(struct edge *e, enum edge_exit code, const char *reason)
{
	if (e->doomed == NULL) {
		e->doomed = reason;
		e->doom_code = code;
	}
}

void edge_banner(struct edge *e, const char *text)
{
	ssh_string s = ssh_string_from_char(text);

	if (s == NULL)
		return;
	(void)ssh_send_issue_banner(e->ssh, s);
	ssh_string_free(s);
}

/* --- messages --- */

static void service_request(struct edge *e, ssh_message m)
{
	const char *name = ssh_message_service_service(m);

	if (name != NULL && strcmp(name, "ssh-userauth") == 0)
		(void)ssh_message_service_reply_success(m);
	else
		edge_doom(e, EDGE_EXIT_PROTOCOL, "unknown service");
	ssh_message_free(m);
}

static void refuse(ssh_message m)
{
	(void)ssh_message_reply_default(m);
	ssh_message_free(m);
}

static void message(struct edge *e, ssh_message m)
{
	switch (ssh_message_type(m)) {
	case SSH_REQUEST_SERVICE:
		service_request(e, m);
		return;
	case SSH_REQUEST_AUTH:
		auth_message(e, m);
		return;
	case SSH_REQUEST_CHANNEL_OPEN:
		chan_open(e, m);
		return;
	case SSH_REQUEST_CHANNEL:
		chan_request(e, m);
		return;
	default: /* global requests: forwarding to us is never offered */
		refuse(m);
	}
}

/* Every queued message; false when the connection is over. A call without a queued message also lets libssh
 * receive (what sshio_may_read() released) and send. */
static bool drain(struct edge *e, bool *moved)
{
	while (!auth_waiting(e)) {
		ssh_message m;

		sshio_gate(true);
		m = ssh_message_get(e->ssh);
		sshio_gate(false);
		if (m == NULL)
			break;
		*moved = true;
		message(e, m);
		if (e->ending)
			return false;
	}
	if (ssh_get_status(e->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)) {
		log_info("ssh-closed", "why", ssh_get_error(e->ssh));
		edge_stop(e, auth_done(e) ? EDGE_EXIT_OK : EDGE_EXIT_AUTH);
		return false;
	}
	return true;
}

static void again_fn(void *ctx)
{
	struct edge *e = ctx;

	e->again = NULL;
}

static unsigned wants(struct edge *e)
{
	unsigned ev = auth_waiting(e) || sshio_flooded() ? 0u : LOOP_IN;
	bool blocked = sshio_active() ? sshio_blocked() : (ssh_get_status(e->ssh) & SSH_WRITE_PENDING) != 0;

	return blocked ? ev | LOOP_OUT : ev;
}

static bool unsent(struct edge *e)
{
	return sshio_active() && !sshio_blocked() && (ssh_get_status(e->ssh) & SSH_WRITE_PENDING) != 0;
}

/* The connection is to end, and the client has passed on the last words of every channel: it closes a channel when it has,
 * while a disconnect ends it with what it still holds. */
static bool said_all(const struct edge *e)
{
	return e->leave != NULL && e->doomed == NULL && chans_closed(e) &&
	       (ssh_get_status(e->ssh) & SSH_WRITE_PENDING) == 0;
}

static void after(void *ctx)
{
	struct edge *e = ctx;
	bool moved = true;

	edge_watch_turn();
	sshio_hold(auth_done(e));
	for (int i = 0; i < TURN_MAX && moved; i++) {
		moved = false;
		if (!drain(e, &moved)) {
			sshio_hold(false);
			return;
		}
		if (e->doomed != NULL) {
			edge_end(e, e->doom_code, e->doomed);
			return;
		}
		chans_reap(e); /* here libssh's queue is empty: no message points to a channel */
		chans_step(e);
		if (unsent(e)) {
			/* An error: drain() sees the end. Else a channel may have held back while this was in the way. */
			(void)ssh_blocking_flush(e->ssh, 0);
			moved = true;
		}
		if (said_all(e)) {
			edge_doom(e, EDGE_EXIT_OK, e->leave_reason);
			moved = true;
		}
		if (sshio_has_input() ? !auth_waiting(e) : !sshio_active() && i == 0)
			moved = true; /* without our poll() any call above may have queued messages */
	}
	sshio_hold(false);
	if ((moved || unsent(e)) && e->again == NULL) /* bytes that epoll does not know of, in either direction */
		e->again = loop_after(e->loop, 0, again_fn, e);
	loop_mod(e->loop, e->fd, wants(e));
}

/* Until login is over the client's socket has Nagle's algorithm on: what it says next waits for our acknowledgement of
 * what it said before, which the kernel may delay by 40 ms. The kernel forgets the option, so it is set again. */
static void quick_ack(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void ssh_ready(void *ctx, int fd, unsigned events)
{
	struct edge *e = ctx;

	if (!auth_done(e))
		quick_ack(fd);
	if (events & (LOOP_IN | LOOP_HUP))
		sshio_may_read();
	if (events & (LOOP_OUT | LOOP_HUP))
		sshio_may_write();
}

/* --- timers and pushed messages --- */

static void grace_over(void *ctx)
{
	struct edge *e = ctx;

	e->grace = NULL;
	if (!auth_done(e))
		edge_end(e, EDGE_EXIT_AUTH, "login took too long");
}

static void idle_over(void *ctx)
{
	struct edge *e = ctx;

	e->idle = NULL;
	edge_end(e, EDGE_EXIT_OK, "idle for too long");
}

void edge_grace(struct edge *e, int64_t ms)
{
	loop_cancel(e->loop, e->grace);
	e->grace = loop_after(e->loop, ms, grace_over, e);
}

void edge_idle_update(struct edge *e)
{
	bool idle = e->p.idle_ms > 0 && auth_done(e) && chans_live(e) == 0;

	if (idle && e->idle == NULL)
		e->idle = loop_after(e->loop, e->p.idle_ms, idle_over, e);
	if (!idle && e->idle != NULL) {
		loop_cancel(e->loop, e->idle);
		e->idle = NULL;
	}
}

static void leave_over(void *ctx)
{
	struct edge *e = ctx;

	e->leave = NULL;
	edge_end(e, EDGE_EXIT_OK, e->leave_reason);
}

/* The whole connection: every session says why to its client, then the connection ends. */
static void kill_all(struct edge *e, const char *reason, const char *state)
{
	if (e->leave != NULL)
		return;
	(void)str_copy(e->leave_reason, sizeof(e->leave_reason), reason);
	chans_kill(e, e->leave_reason, state);
	e->leave = loop_after(e->loop, chans_live(e) == 0 ? 0 : LEAVE_MS, leave_over, e);
}

static void pushed_kill(void *ctx, const struct ipc_msg *m)
{
	char sid[64], reason[400], state[6];

	if (ipc_get_str(m, "sid", sid, sizeof(sid)) != 0)
		sid[0] = '\0'; /* unreadable: rather too much than nothing */
	ipc_take_text(m, "reason", reason, sizeof(reason));
	if (reason[0] == '\0')
		(void)str_copy(reason, sizeof(reason), "ended by the gateway");
	if (ipc_get_str(m, "sqlstate", state, sizeof(state)) != 0 || strlen(state) != 5)
		(void)str_copy(state, sizeof(state), "57P01");
	if (sid[0] == '\0') /* a single session is its pgproxy's matter */
		kill_all(ctx, reason, state);
}

/* To all sessions; to a single one: pgproxy.c. */
static void pushed_notice(void *ctx, const struct ipc_msg *m)
{
	char sid[64], text[400], hint[400];

	if (ipc_get_str(m, "sid", sid, sizeof(sid)) != 0 || sid[0] != '\0')
		return;
	ipc_take_text(m, "text", text, sizeof(text));
	ipc_take_text(m, "hint", hint, sizeof(hint));
	chans_notice(ctx, text, hint);
}

static void pushed_expire(void *ctx, const struct ipc_msg *m)
{
	struct edge *e = ctx;
	char sid[64];

	if (ipc_get_str(m, "sid", sid, sizeof(sid)) != 0)
		sid[0] = '\0'; /* unreadable: rather too much than nothing */
	if (sid[0] != '\0' || e->expired.on)
		return;
	e->expired.on = true;
	ipc_take_text(m, "reason", e->expired.reason, sizeof(e->expired.reason));
	ipc_take_text(m, "hint", e->expired.hint, sizeof(e->expired.hint));
	ipc_take_str(m, "sqlstate", e->expired.sqlstate, sizeof(e->expired.sqlstate));
	chans_expire(e, ipc_get_int(m, "grace_ms", 0));
}

/* --- life --- */

static void socket_options(int fd)
{
	const int on = 1;
	const struct timeval tv = {30, 0};
	static const struct {
		int opt, value;
	} alive[] = {{TCP_KEEPIDLE, 60}, {TCP_KEEPINTVL, 15}, {TCP_KEEPCNT, 4}}; /* seconds, seconds, times */

	/* Where the interposition works no send blocks; where it does not, this bounds it. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	for (size_t i = 0; i < sizeof(alive) / sizeof(alive[0]); i++)
		(void)setsockopt(fd, IPPROTO_TCP, alive[i].opt, &alive[i].value, sizeof(int));
}

static int start(struct edge *e)
{
	e->loop = loop_new();
	e->ssh = ssh_new();
	if (e->loop == NULL || e->ssh == NULL)
		return E_NOMEM;
	socket_options(e->fd);
	e->mon = monclient_new(e->loop, e->p.mon);
	monclient_on(e->mon, IPC_KILL, pushed_kill, e);
	monclient_on(e->mon, IPC_NOTICE, pushed_notice, e);
	monclient_on(e->mon, IPC_EXPIRE, pushed_expire, e);
	sshio_attach(e->fd);
	if (edge_host_attach(e->p.host, e->ssh, e->fd) != 0 || ssh_handle_key_exchange(e->ssh) == SSH_ERROR)
		return E_INTERNAL;
	loop_set_after(e->loop, after, e);
	monclient_on(e->mon, IPC_LOGIN_RESULT, auth_login_result, e);
	edge_grace(e, e->p.login_grace_ms);
	return loop_add(e->loop, e->fd, LOOP_IN, ssh_ready, e);
}

static void finish(struct edge *e)
{
	chans_clear(e, "connection closed");
	auth_clear(e);
	if (e->loop != NULL) {
		loop_cancel(e->loop, e->grace);
		loop_cancel(e->loop, e->idle);
		loop_cancel(e->loop, e->again);
		loop_cancel(e->loop, e->leave);
		loop_del(e->loop, e->fd);
	}
	if (e->ssh != NULL)
		ssh_free(e->ssh);
	sshio_detach();
	monclient_free(e->mon);
	loop_free(e->loop);
}

int edge_run(const struct edge_params *p)
{
	struct edge *e = xcalloc(1, sizeof(*e));
	int code = EDGE_EXIT_INTERNAL;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a full file is an error of the recorder, not a death */
	e->p = *p;
	e->fd = p->fd;
	if (start(e) == 0 && loop_run(e->loop) == 0)
		code = e->exit;
	else
		log_error("ssh-start", "why", e->ssh != NULL ? ssh_get_error(e->ssh) : "out of memory");
	finish(e);
	free(e);
	return code;
}
