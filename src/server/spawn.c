/* SPDX-License-Identifier: Apache-2.0
 *
 * Exec verbs of an ssh connection: the command line becomes `sallyport --exec VERB ARG...` in a
 * process of its own, with clean environment and descriptors, the unprivileged uid, a terminal or
 * pipes whose other ends go to the session, and a control channel that is bound to the caller's
 * identity before the process exists.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/cmdline.h"
#include "server/mon.h"

#define EXECS_MAX     16 /* at the same time on one connection */
#define KILL_GRACE_MS 2000

struct exec {
	struct exec *next;
	struct peer *peer;
	int n; /* its number on this connection */
	struct child *child;
	int master; /* our copy of the terminal, for its size; -1 = pipes */
	bool sql;   /* a console: it lives as long as its session */
	struct loop_timer *kill_timer;
};

/* Ends of what connects the verb, -1 = none: ours go to the session, theirs to the child. */
struct exec_ends {
	int ours[3]; /* in, out, err; with a terminal only the first */
	int theirs[3];
	int ctl[2]; /* [0] monitor, [1] child */
	int db[2];  /* [0] session, [1] child; only for sql */
	bool tty;
};

struct exec_ask {
	struct cmdline cmd;
	bool pty;
	char term[64];
	int cols, rows;
};

/* --- descriptors --- */

static void ends_close(struct exec_ends *e)
{
	for (int i = 0; i < 3; i++) {
		fd_close(&e->ours[i]);
		fd_close(&e->theirs[i]);
	}
	for (int i = 0; i < 2; i++) {
		fd_close(&e->ctl[i]);
		fd_close(&e->db[i]);
	}
}

static void set_size(int fd, int cols, int rows)
{
	struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

	(void)ioctl(fd, TIOCSWINSZ, &ws);
}

static int open_tty(struct exec_ends *e, const struct exec_ask *a)
{
	char name[64];

	e->ours[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (e->ours[0] < 0 || grantpt(e->ours[0]) != 0 || unlockpt(e->ours[0]) != 0 ||
	    ptsname_r(e->ours[0], name, sizeof(name)) != 0)
		return -errno;
	e->theirs[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (e->theirs[0] < 0)
		return -errno;
	set_size(e->theirs[0], a->cols, a->rows);
	for (int i = 1; i < 3; i++)
		if ((e->theirs[i] = fcntl(e->theirs[0], F_DUPFD_CLOEXEC, 3)) < 0)
			return -errno;
	return 0;
}

/* A pipe; ours (the end given by which) does not block. */
static int open_pipe(int *ours, int *theirs, int which)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) != 0)
		return -errno;
	*ours = fd[which];
	*theirs = fd[1 - which];
	return fd_set_nonblock(*ours, true);
}

static int open_ends(struct exec_ends *e, const struct exec_ask *a)
{
	int rc = 0;

	*e = (struct exec_ends){{-1, -1, -1}, {-1, -1, -1}, {-1, -1}, {-1, -1}, a->pty};
	if (a->pty) {
		rc = open_tty(e, a);
	} else {
		for (int i = 0; i < 3 && rc == 0; i++)
			rc = open_pipe(&e->ours[i], &e->theirs[i], i == 0 ? 1 : 0);
	}
	if (rc == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e->ctl) != 0)
		rc = -errno;
	if (rc == 0 && a->cmd.verb->id == VERB_SQL &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, e->db) != 0)
		rc = -errno;
	if (rc == 0 && e->db[0] >= 0)
		rc = fd_set_nonblock(e->db[0], true);
	if (rc != 0)
		ends_close(e);
	return rc;
}

/* --- the process --- */

static void exec_free(struct exec *x)
{
	struct exec **at = &x->peer->execs;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	loop_cancel(x->peer->m->loop, x->kill_timer);
	fd_close(&x->master);
	free(x);
}

static void exec_done(void *ctx, int status, struct span out)
{
	struct exec *x = ctx;
	struct peer *p = x->peer;
	struct buf *b = &p->m->out;

	(void)out;
	log_info("exec-end", "conn", p->conn, "user", p->id.user, "for", ident_for(&p->id), "exec", log_num(x->n), "status",
	    log_num(status));
	ipc_begin(b, IPC_EXEC_EXIT, 0);
	ipc_int(b, "exec", x->n);
	ipc_int(b, "status", status < 0 ? 1 : status);
	chan_send(p->ch, b, NULL, 0);
	exec_free(x);
}

void execs_free(struct peer *p)
{
	while (p->execs != NULL) {
		child_cancel(p->execs->child);
		exec_free(p->execs);
	}
}

/* The environment is built, never inherited. env: room for the texts; v: NULL-ended. */
static void environment(const struct exec_ask *a, char env[3][80], char *v[9])
{
	size_t n = 0;
#ifdef SP_ATTACK
	static char moved[512];
	const char *file = getenv(CLOCK_TEST_ENV);

	if (file != NULL && snprintf(moved, sizeof(moved), CLOCK_TEST_ENV "=%s", file) < (int)sizeof(moved))
		v[n++] = moved;
#endif

	v[n++] = "PATH=/usr/bin:/bin";
	v[n++] = "HOME=/nonexistent";
	v[n++] = "LANG=C.UTF-8";
	v[n++] = "SALLYPORT_EXEC=1";
	if (a->pty) {
		snprintf(env[0], sizeof(env[0]), "TERM=%s", a->term[0] != '\0' ? a->term : "dumb");
		snprintf(env[1], sizeof(env[1]), "COLUMNS=%d", a->cols);
		snprintf(env[2], sizeof(env[2]), "LINES=%d", a->rows);
		for (int i = 0; i < 3; i++)
			v[n++] = env[i];
	}
	v[n] = NULL;
}

static struct child *start(
    struct peer *p, const struct exec_ask *a, const struct exec_ends *e, struct exec *x)
{
	struct monitor *m = p->m;
	char env_text[3][80];
	char *env[9];
	char *argv[CMDLINE_MAX_ARGS + 4] = {m->cli_path, "--exec", NULL};
	char verb[32];
	struct child_params cp = {.argv = argv,
	    .envp = env,
	    .fds = {e->theirs[0], e->theirs[1], e->theirs[2], e->ctl[1], e->db[1]},
	    .n_fds = e->db[1] >= 0 ? 5 : 4,
	    .tty = e->tty,
	    .uid = m->uid,
	    .gid = m->gid};

	(void)str_copy(verb, sizeof(verb), a->cmd.verb->name);
	argv[2] = verb;
	for (size_t i = 0; i < a->cmd.argc; i++)
		argv[3 + i] = a->cmd.argv[i];
	argv[3 + a->cmd.argc] = NULL;
	environment(a, env_text, env);
	return child_start(m->kids, &cp, exec_done, x);
}

static struct exec *exec_new(struct peer *p, const struct exec_ask *a, struct exec_ends *e)
{
	struct exec *x = xcalloc(1, sizeof(*x));

	*x = (struct exec){.next = p->execs, .peer = p, .n = ++p->last_exec, .master = -1, .sql = a->cmd.verb->id == VERB_SQL};
	p->execs = x;
	if (e->tty)
		x->master = fcntl(e->ours[0], F_DUPFD_CLOEXEC, 3);
	/* The caller is known to the control channel before the process can say a word. */
	if (ctl_bound(p, e->ctl[0]) != NULL)
		x->child = start(p, a, e, x);
	e->ctl[0] = -1;
	if (x->child == NULL) {
		exec_free(x);
		return NULL;
	}
	return x;
}

/* --- the request --- */

static bool term_ok(const char *t)
{
	for (; *t != '\0'; t++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+._-",
			*t) == NULL)
			return false;
	return true;
}

static int size_of(const struct ipc_msg *m, const char *key, int dflt)
{
	int64_t v = ipc_get_int(m, key, dflt);

	return v > 0 && v <= 4096 ? (int)v : dflt;
}

static int permitted(struct peer *p, const struct exec_ask *a, struct why *w)
{
	const struct verb *v = a->cmd.verb;
	size_t n = 0;

	for (const struct exec *x = p->execs; x != NULL; x = x->next)
		n++;
	if (n >= EXECS_MAX)
		return why_set(w, E_LIMIT, "%d commands of this connection are running", EXECS_MAX);
	if ((v->transports & VERB_SSH) == 0) {
		why_set(w, E_DENIED, "\"%s\" runs on the gateway itself only", v->name);
		why_hint(w, "there: sallyport %s; from here: ssh %s help", v->name,
		    mon_conf(p->m)->gateway.name);
		return E_DENIED;
	}
	if (p->id.via == VIA_ENROLL && v->who != WHO_TOKEN) {
		why_set(w, E_DENIED, "the user enroll may hand in a token and nothing else");
		why_hint(w, "ssh enroll@%s enroll < token.jwt > key-cert.pub", mon_conf(p->m)->gateway.name);
		return E_DENIED;
	}
	if (p->id.via == VIA_ENROLL && (n > 0 || p->last_exec >= ENROLL_TRIES))
		return why_set(w, E_LIMIT, "one token at a time, and at most %d: connect again", ENROLL_TRIES);
	if (p->id.via != VIA_ENROLL && v->who == WHO_TOKEN) {
		why_set(w, E_DENIED, "\"%s\" is for the user enroll", v->name);
		why_hint(w, "ssh enroll@%s enroll < token.jwt > key-cert.pub", mon_conf(p->m)->gateway.name);
		return E_DENIED;
	}
	if (p->id.via != VIA_ENROLL && p->state == PEER_KEY && v->who != WHO_KEY) {
		why_set(w, E_DENIED, "a plain key may ask for a certificate and nothing else");
		why_hint(
		    w, "ssh %s cert > ~/.ssh/id_ed25519-cert.pub", mon_conf(p->m)->gateway.name);
		return E_DENIED;
	}
	if (a->pty && !p->id.pty)
		return why_set(w, E_DENIED, "your certificate does not permit a terminal");
	return 0;
}

/* The word of `sql` that is no option: what the console connects to. "" for none. */
static const char *sql_target(const struct cmdline *cmd)
{
	if (cmd->verb->id != VERB_SQL)
		return "";
	for (size_t i = 0; i < cmd->argc; i++) {
		const char *s = cmd->argv[i];

		if (s[0] != '-')
			return s;
		if (strcmp(s, "-c") == 0)
			break; /* the rest is SQL */
		if (strcmp(s, "--format") == 0 || strcmp(s, "-d") == 0 || strcmp(s, "-U") == 0)
			i++;
	}
	return "";
}

static void answer_exec(struct peer *p, uint32_t call, const struct exec_ask *a,
    const struct exec *x, const struct exec_ends *e)
{
	const char *target = sql_target(&a->cmd);
	int fds[4];
	size_t n = 0;
	struct buf *b = ok_begin(p, call);

	for (int i = 0; i < 3; i++)
		if (e->ours[i] >= 0)
			fds[n++] = e->ours[i];
	if (e->db[0] >= 0 && target[0] != '\0')
		fds[n++] = e->db[0];
	ipc_int(b, "exec", x->n);
	ipc_str(b, "sql_target", target);
	ipc_str(b, "verb", a->cmd.verb->name);
	ipc_str(b, "sid_hint", "");
	ipc_int(b, "fds", (int64_t)n);
	ok_send(p, fds, n);
}

static int run(struct peer *p, uint32_t call, const struct exec_ask *a, struct why *w)
{
	struct exec_ends e;
	struct exec *x;
	int rc = permitted(p, a, w);

	if (rc != 0)
		return rc;
	rc = open_ends(&e, a);
	if (rc != 0)
		return why_set(w, rc, "the command cannot be started: %s", err_str(rc));
	x = exec_new(p, a, &e);
	if (x == NULL) {
		ends_close(&e);
		return why_set(w, E_LIMIT, "the command cannot be started");
	}
	log_info("exec", "conn", p->conn, "user", p->id.user, "for", ident_for(&p->id), "verb", a->cmd.verb->name, "exec",
	    log_num(x->n));
	answer_exec(p, call, a, x, &e);
	ends_close(&e);
	return 0;
}

int do_exec(struct peer *p, const struct ipc_msg *m)
{
	struct exec_ask a = {.pty = ipc_get_bool(m, "pty", false),
	    .cols = size_of(m, "cols", 80),
	    .rows = size_of(m, "rows", 24)};
	struct why w = {0};
	int rc;

	if (expire_refuses(p, m))
		return 0;
	if (ipc_get_str(m, "term", a.term, sizeof(a.term)) != 0 || !term_ok(a.term))
		a.term[0] = '\0';
	rc = cmdline_parse(ipc_get_span(m, "line"), &a.cmd, &w);
	if (rc == 0 && a.cmd.verb->id == VERB_WELCOME && p->id.via == VIA_ENROLL)
		a.cmd.verb = verb_of(VERB_ENROLL); /* there is nothing else to do here */
	if (rc == 0)
		rc = run(p, ipc_id(m), &a, &w);
	if (rc != 0) {
		w.code = rc;
		log_info("exec-refused", "conn", p->conn, "user", p->id.user, "for", ident_for(&p->id), "why", w.text);
		answer_fail(p, ipc_id(m), &w, "");
	}
	cmdline_clear(&a.cmd);
	return 0;
}

static struct exec *exec_find(struct peer *p, const struct ipc_msg *m)
{
	int64_t n = ipc_get_int(m, "exec", -1);
	struct exec *x = p->execs;

	while (x != NULL && x->n != n)
		x = x->next;
	return x;
}

int do_exec_winch(struct peer *p, const struct ipc_msg *m)
{
	struct exec *x = exec_find(p, m);

	if (x != NULL && x->master >= 0)
		set_size(x->master, size_of(m, "cols", 80), size_of(m, "rows", 24));
	return 0;
}

static void kill_now(void *ctx)
{
	struct exec *x = ctx;

	x->kill_timer = NULL;
	child_signal(x->child, SIGKILL);
}

static void hang_up(struct exec *x)
{
	if (x->kill_timer != NULL)
		return;
	child_signal(x->child, SIGHUP);
	x->kill_timer = loop_after(x->peer->m->loop, KILL_GRACE_MS, kill_now, x);
}

int do_exec_kill(struct peer *p, const struct ipc_msg *m)
{
	struct exec *x = exec_find(p, m);

	if (x != NULL)
		hang_up(x);
	return 0;
}

void execs_expire(struct peer *p)
{
	for (struct exec *x = p->execs; x != NULL; x = x->next)
		if (!x->sql)
			hang_up(x);
}
