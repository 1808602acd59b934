/* SPDX-License-Identifier: Apache-2.0
 *
 * One session process as the monitor sees it: its socket, its permitted requests, its end. Any
 * breach of the contract kills the process; losing the socket kills it too, because it still holds
 * connections to databases.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/address.h"
#include "server/mon.h"

#define PEER_QUEUE    (1024u * 1024) /* a session that does not read its answers is broken */
#define KILL_GRACE_MS 900 /* for last words to the clients; a session needs 300 at most */
#define PENALTY_S     60

/* --- answers --- */

struct buf *ok_begin(struct peer *p, uint32_t call)
{
	ipc_begin(&p->m->out, IPC_OK, call);
	return &p->m->out;
}

void ok_send(struct peer *p, const int *fds, size_t nfds)
{
	chan_send(p->ch, &p->m->out, fds, nfds);
	mem_wipe(p->m->out.mem, p->m->out.cap); /* may have held a password */
}

void answer_ok(struct peer *p, uint32_t call)
{
	(void)ok_begin(p, call);
	ok_send(p, NULL, 0);
}

void answer_fail(struct peer *p, uint32_t call, const struct why *w, const char *sqlstate)
{
	ipc_fail(&p->m->out, call, w, sqlstate);
	chan_send(p->ch, &p->m->out, NULL, 0);
}

struct msess *peer_session(struct peer *p, const struct ipc_msg *m, int *rc)
{
	char sid[REC_SID_LEN + 2];

	*rc = ipc_get_str(m, "sid", sid, sizeof(sid));
	if (*rc != 0)
		return NULL;
	for (struct msess *s = p->sessions; s != NULL; s = s->next)
		if (strcmp(s->sid, sid) == 0)
			return s;
	return NULL;
}

int do_ping(struct peer *p, const struct ipc_msg *m)
{
	answer_ok(p, ipc_id(m));
	return 0;
}

/* --- states --- */

/* PRE → KEY or FULL, once; anything → DEAD. */
void peer_enter(struct peer *p, enum peer_state st)
{
	if (st != PEER_DEAD && p->state != PEER_PRE) {
		log_error("impossible-transition", "from", log_num(p->state), "to", log_num(st));
		st = PEER_DEAD;
	}
	p->state = st;
}

struct peer *peer_by_pid(struct monitor *m, pid_t pid)
{
	struct peer *p = m->peers;

	while (p != NULL && p->pid != pid)
		p = p->next;
	return p;
}

static void peer_unlink(struct peer *p)
{
	struct peer **at = &p->m->peers;

	while (*at != NULL && *at != p)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	*at = p->next;
	p->next = p->m->dead;
	p->m->dead = p;
}

void peer_end(struct peer *p, const char *reason)
{
	struct monitor *m = p->m;

	if (p->state == PEER_DEAD)
		return;
	peer_enter(p, PEER_DEAD);
	log_info("connection-end", "conn", p->conn, "user", p->id.user, "for", ident_for(&p->id), "source", p->addr, "reason",
	    reason);
	if (p->pidfd >= 0)
		(void)pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
	chan_free(p->ch);
	p->ch = NULL;
	loop_cancel(m->loop, p->kill_timer);
	p->kill_timer = NULL;
	login_gone(p);
	while (p->connects != NULL)
		connect_cancel(p->connects);
	execs_free(p);
	ctls_of_peer_gone(p);
	while (p->sessions != NULL)
		msess_end(p->sessions, reason);
	peer_unlink(p);
	mon_drain_check(m);
}

void peers_bury(struct monitor *m)
{
	while (m->dead != NULL) {
		struct peer *p = m->dead;

		m->dead = p->next;
		fd_close(&p->pidfd);
		ident_clear(&p->cand_cert);
		ident_clear(&p->cand_key);
		ident_clear(&p->id);
		free(p);
	}
}

static void kill_now(void *ctx)
{
	struct peer *p = ctx;

	p->kill_timer = NULL;
	peer_end(p, p->kill_reason);
}

/* In a turn of its own: of many connections that end together every one is told so first. */
static void kick_cancel(void *ctx)
{
	struct peer *p = ctx;

	msess_cancel_all(p);
	p->kill_timer = loop_after(p->m->loop, KILL_GRACE_MS, kill_now, p);
}

void peer_kick(struct peer *p, const char *reason, const char *sqlstate)
{
	struct buf *b = &p->m->out;

	if (p->state == PEER_DEAD || p->kill_timer != NULL)
		return;
	log_info("connection-kill", "conn", p->conn, "user", p->id.user, "for", ident_for(&p->id), "reason", reason);
	ipc_begin(b, IPC_KILL, 0);
	ipc_str(b, "sid", "");
	ipc_str(b, "reason", reason);
	ipc_str(b, "sqlstate", sqlstate);
	chan_send(p->ch, b, NULL, 0);
	(void)str_copy(p->kill_reason, sizeof(p->kill_reason), reason);
	p->kill_timer = loop_after(p->m->loop, 0, kick_cancel, p);
}

/* --- requests --- */

static void violation(struct peer *p, const struct why *w)
{
	struct buf *b = &p->m->out;

	if (p->state == PEER_DEAD)
		return;
	log_warn("peer-violation", "conn", p->conn, "user", p->id.user, "for", ident_for(&p->id), "source", p->addr, "why",
	    w->text);
	ipc_begin(b, IPC_PENALTY, 0);
	ipc_str(b, "addr", p->addr);
	ipc_int(b, "seconds", PENALTY_S);
	chan_send(p->m->listener, b, NULL, 0);
	peer_end(p, "violation");
}

static void on_request(
    void *ctx, const struct ipc_msg *m, size_t len, int err, int *fds, size_t nfds)
{
	struct peer *p = ctx;
	struct why w = {0};
	const struct permit *row;
	int rc;

	(void)fds;
	if (m == NULL && err == E_CLOSED) {
		peer_end(p, "disconnect");
		return;
	}
	row = m != NULL && nfds == 0 ? permit_check(ipc_type_of(m), len, p->state, p->calls, &w)
				     : NULL;
	if (row == NULL) {
		if (m == NULL)
			why_set(&w, err, "broken message: %s", err_str(err));
		else if (nfds > 0)
			why_set(&w, E_DENIED, "request %d carries a descriptor", ipc_type_of(m));
		violation(p, &w);
		return;
	}
	rc = row->fn(p, m);
	if (rc != 0) {
		why_set(&w, rc, "request %d is malformed: %s", ipc_type_of(m), err_str(rc));
		violation(p, &w);
	}
}

/* --- start --- */

/* The parent of a process, from /proc; 0 when it cannot be told. */
static pid_t parent_of(pid_t pid)
{
	char path[40];
	char text[512];
	char *end;
	int ppid = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	end = strrchr(text, ')'); /* the name in between may hold anything */
	if (end == NULL || sscanf(end + 1, " %*c %d", &ppid) != 1)
		return 0;
	return ppid;
}

/* The listener is trusted with little: it may only name its own children, so that we never kill
 * another process. *fd stays -1 only where there is no listener (tests). */
static int pid_open(const struct monitor *m, pid_t pid, int *fd)
{
	*fd = -1;
	if (pid <= 0)
		return m->listener_pid == 0 ? 0 : -ESRCH;
	*fd = pidfd_open(pid, 0);
	if (*fd < 0)
		return -errno;
	if (m->listener_pid == 0 || parent_of(pid) == m->listener_pid)
		return 0;
	fd_close(fd);
	return -ESRCH;
}

void peer_new(struct monitor *m, pid_t pid, const char *addr, int port, const char *conn, int *fd)
{
	struct address a;
	struct peer *p;
	int pidfd;

	if (pid_open(m, pid, &pidfd) != 0 || address_parse(span_str(addr), &a) != 0) {
		log_warn("session-refused", "pid", log_num(pid), "addr", addr);
		fd_close(&pidfd);
		return;
	}
	p = xcalloc(1, sizeof(*p));
	*p = (struct peer){.m = m,
	    .pid = pid,
	    .pidfd = pidfd,
	    .port = port,
	    .state = PEER_PRE,
	    .since_us = clock_mono_us()};
	(void)str_copy(p->addr, sizeof(p->addr), addr);
	(void)str_copy(p->conn, sizeof(p->conn), conn);
	ident_init(&p->id);
	ident_init(&p->cand_cert);
	ident_init(&p->cand_key);
	p->ch = chan_new(m->loop, *fd, PEER_QUEUE, on_request, p);
	*fd = -1;
	p->next = m->peers;
	m->peers = p;
	if (p->ch == NULL)
		peer_end(p, "no descriptor");
}
