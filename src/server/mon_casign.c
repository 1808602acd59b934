/* SPDX-License-Identifier: Apache-2.0
 *
 * What the signer is asked about authorities, one thing at a time: an agent may take seconds, and while the
 * signer waits for it nothing else is signed, checkpoints neither. Descriptors are opened here, because the
 * signer cannot. An agent that is gone is connected again and asked once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/mon_ca.h"

#define SLOW_US   2000000  /* who took that long to fail */
#define REST_US   10000000 /* is left alone for that long */
#define JOBS_MAX  256

/* --- descriptors --- */

static bool ours(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static int open_key(const struct monitor *m, const char *path, struct why *w)
{
	/* Our own are below the state directory; the configuration's may be a link, its owner's matter. */
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (path[0] != '/' ? O_NOFOLLOW : 0);
	struct stat st;
	int fd = openat(m->state_fd, path, flags);

	if (fd < 0)
		return why_set(w, -errno, "the authority's key %s cannot be opened: %s", path, err_str(-errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ours(st.st_uid) && (st.st_mode & 077) == 0)
		return fd;
	close(fd);
	why_set(w, E_DENIED, "the authority's key %s must be a file of ours that nobody else may read", path);
	why_hint(w, "chown root %s && chmod 600 %s", path, path);
	return E_DENIED;
}

/* Whoever may write to the socket may sign; whoever listens there may see what is signed. */
static int check_socket(const char *path, struct why *w)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return why_set(w, E_LIMIT, "the agent %s is not there: %s", path, err_str(-errno));
	if (S_ISSOCK(st.st_mode) && ours(st.st_uid) && (st.st_mode & 022) == 0)
		return 0;
	why_set(w, E_DENIED, "the agent %s must be a socket of ours that nobody else may write to", path);
	why_hint(w, "run the agent as the gateway's user or as root, with umask 077");
	return E_DENIED;
}

static int connect_to(const char *path, int *fd)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (str_copy(sa.sun_path, sizeof(sa.sun_path), path) != 0)
		return -ENAMETOOLONG;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Does not wait: a unix socket connects at once, or its queue is full. */
	if (*fd < 0 || connect(*fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		return -errno;
	if (getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
		return -errno;
	return ours(cred.uid) ? 0 : -EPERM;
}

static int connect_agent(const char *path, struct why *w)
{
	int fd = -1;
	int rc = check_socket(path, w);

	if (rc != 0)
		return rc;
	rc = connect_to(path, &fd);
	if (rc == 0)
		return fd;
	fd_close(&fd);
	why_set(w, E_LIMIT, "the agent %s cannot be reached: %s", path, err_str(rc));
	why_hint(w, "start the agent and add the key (ssh-add FILE, or ssh-add -s PROVIDER)");
	return E_LIMIT;
}

int ca_open(const struct monitor *m, const char *spec, struct why *w)
{
	char path[CA_SPEC_MAX], fp[FP_CAP];
	int fd;

	if (strncmp(spec, "file:", 5) == 0)
		fd = open_key(m, spec + 5, w);
	else if (ca_agent_spec(spec, path, fp))
		fd = connect_agent(path, w);
	else
		fd = why_set(w, E_CONFIG, "\"%s\" is no place of a key", spec);
	return fd >= 0 ? fd : -1;
}

/* --- jobs --- */

enum job_kind { JOB_SIGN, JOB_LOAD, JOB_ACTIVATE, JOB_DROP };

struct cajob {
	struct cajob *next;
	struct monitor *m;
	enum job_kind kind;
	struct mon_ca *ca;
	char name[64];
	int fd;
	bool create, again, running;
	struct buf tbs;
	int64_t since_us;
	call_fn *fn; /* NULL: nobody waits */
	void *ctx;
	call_fn *step; /* at the signer: what its answer leads to */
	struct why failed;
};

static void run_first(void *ctx);

static void kick(struct monitor *m)
{
	if (m->cas->first != NULL && m->cas->timer == NULL && !m->cas->first->running)
		m->cas->timer = loop_after(m->loop, 0, run_first, m);
}

static struct cajob *job_new(struct monitor *m, enum job_kind kind, struct mon_ca *ca)
{
	struct cajob *j = xcalloc(1, sizeof(*j));

	*j = (struct cajob){.m = m, .kind = kind, .ca = ca, .fd = -1};
	buf_init(&j->tbs, SSHPK_BLOB_MAX);
	*m->cas->tail = j;
	m->cas->tail = &j->next;
	kick(m);
	return j;
}

static void job_free(struct cajob *j)
{
	fd_close(&j->fd);
	buf_clear(&j->tbs);
	free(j);
}

/* The first one is over; msg NULL: the signer is gone. */
static void job_end(struct cajob *j, const struct ipc_msg *msg)
{
	struct mon_cas *cas = j->m->cas;
	call_fn *fn = j->fn;
	void *ctx = j->ctx;

	cas->first = j->next;
	if (cas->first == NULL)
		cas->tail = &cas->first;
	kick(j->m);
	job_free(j);
	if (fn != NULL)
		fn(ctx, msg);
}

/* As if the signer had said so. */
static void job_end_failed(struct cajob *j)
{
	struct ipc_msg *msg = NULL;
	struct buf b;

	buf_init(&b, IPC_MAX);
	ipc_fail(&b, 1, &j->failed, "");
	if (ipc_end(&b) != 0 || ipc_parse(buf_span(&b), &msg) != 0)
		msg = NULL;
	job_end(j, msg);
	ipc_free(msg);
	buf_clear(&b);
}

static void fail_now(void *ctx)
{
	struct monitor *m = ctx;

	m->cas->timer = NULL;
	job_end_failed(m->cas->first);
}

/* Told from the loop: the asker may still be asking. */
static void job_fail(struct cajob *j, const struct why *w)
{
	struct mon_ca *ca = j->ca;

	j->failed = *w;
	j->running = true;
	if (ca != NULL && clock_mono_us() - j->since_us > SLOW_US) {
		ca->rest_until_us = clock_mono_us() + REST_US;
		(void)str_copy(ca->trouble, sizeof(ca->trouble), w->text);
	}
	j->m->cas->timer = loop_after(j->m->loop, 0, fail_now, j->m);
}

static void take_why(const struct ipc_msg *msg, struct why *w)
{
	*w = (struct why){.code = (int)ipc_get_int(msg, "code", E_INTERNAL)};
	ipc_take_str(msg, "text", w->text, sizeof(w->text));
	ipc_take_str(msg, "hint", w->hint, sizeof(w->hint));
}

/* What the agent or the file had against it is temporary for whoever asked for a certificate. */
static void job_fail_unavailable(struct cajob *j, struct why *why)
{
	struct why w = *why;

	if (j->kind == JOB_SIGN) {
		(void)str_copy(j->ca->trouble, sizeof(j->ca->trouble), why->text);
		mon_ca_missing(j->m, &w);
		log_warn("ca-unreachable", "name", j->ca->name, "why", why->text);
	} else if (w.code == E_CLOSED) {
		w.code = E_LIMIT;
	}
	job_fail(j, &w);
}

/* The signer's answer to the running job. */
static void answered(void *ctx, const struct ipc_msg *msg)
{
	struct cajob *j = ctx;

	if (msg == NULL)
		job_end(j, NULL);
	else
		j->step(j, msg);
}

static struct buf *ask(struct cajob *j, enum ipc_type t, call_fn *then)
{
	struct buf *b = &j->m->out;

	j->running = true;
	j->step = then;
	ipc_begin(b, t, calls_add(&j->m->signer_calls, answered, j));
	return b;
}

/* --- steps --- */

static void do_load(struct cajob *j);

static void signed_now(void *ctx, const struct ipc_msg *msg)
{
	struct cajob *j = ctx;
	struct why w;

	if (ipc_type_of(msg) == IPC_OK) {
		j->ca->trouble[0] = '\0';
		job_end(j, msg);
		return;
	}
	take_why(msg, &w);
	if (w.code != E_CLOSED && w.code != E_STATE) {
		job_end(j, msg);
		return;
	}
	j->ca->held = false;
	if (j->again) {
		job_fail_unavailable(j, &w);
		return;
	}
	j->again = true;
	do_load(j);
}

static void do_sign(struct cajob *j)
{
	struct buf *b = ask(j, IPC_SIGN_CERT, signed_now);

	ipc_bin(b, "tbs", buf_span(&j->tbs));
	chan_send(j->m->signer, b, NULL, 0);
}

static void activated(void *ctx, const struct ipc_msg *msg)
{
	struct cajob *j = ctx;
	struct why w;

	if (ipc_type_of(msg) == IPC_OK) {
		for (struct mon_ca *ca = j->m->cas->list; ca != NULL; ca = ca->next)
			ca->held = ca == j->ca;
		if (j->kind == JOB_SIGN)
			do_sign(j);
		else
			job_end(j, msg);
		return;
	}
	take_why(msg, &w);
	log_error("ca-not-activated", "name", j->ca->name, "why", w.text);
	job_fail_unavailable(j, &w);
}

static void do_activate(struct cajob *j)
{
	struct buf *b = ask(j, IPC_CA_ACTIVATE, activated);

	ipc_str(b, "name", j->ca->name);
	chan_send(j->m->signer, b, NULL, 0);
}

/* The key that came must be the one that is known under this name. */
static int check_loaded(struct cajob *j, struct span blob, struct why *w)
{
	struct mon_ca *ca = j->ca;
	char fp[FP_CAP];

	sshpk_fingerprint(blob, fp);
	if (ca->fp[0] == '\0') /* just made: the asker's matter */
		return 0;
	if (strcmp(fp, ca->fp) != 0) /* the signer was told which it shall be */
		return why_set(w, E_INTERNAL, "the signer loaded %s as the authority \"%s\"", fp, ca->name);
	return buf_len(&ca->blob) == 0 && ca_find(j->m, ca->name) == ca ? ca_learn(j->m, ca, blob, w) : 0;
}

static void loaded(void *ctx, const struct ipc_msg *msg)
{
	struct cajob *j = ctx;
	struct why w = {0};

	if (ipc_type_of(msg) != IPC_OK) {
		take_why(msg, &w);
		job_fail_unavailable(j, &w);
	} else if (check_loaded(j, ipc_get_span(msg, "ca"), &w) != 0) {
		job_fail_unavailable(j, &w);
	} else if (j->kind == JOB_SIGN) {
		do_activate(j);
	} else {
		job_end(j, msg);
	}
}

static void do_load(struct cajob *j)
{
	struct why w = {0};
	struct buf *b;

	if (j->fd < 0)
		j->fd = ca_open(j->m, j->ca->spec, &w);
	if (j->fd < 0) {
		job_fail_unavailable(j, &w);
		return;
	}
	b = ask(j, IPC_CA_LOAD, loaded);
	ipc_str(b, "name", j->ca->name);
	ipc_str(b, "spec", j->ca->spec);
	ipc_str(b, "fingerprint", j->ca->fp);
	ipc_bool(b, "create", j->create);
	chan_send(j->m->signer, b, &j->fd, 1);
	fd_close(&j->fd);
}

static void dropped(void *ctx, const struct ipc_msg *msg)
{
	job_end(ctx, msg); /* it is gone, or was not there */
}

static void do_drop(struct cajob *j)
{
	struct buf *b = ask(j, IPC_CA_DROP, dropped);

	ipc_str(b, "name", j->name);
	chan_send(j->m->signer, b, NULL, 0);
}

static void start_sign(struct cajob *j)
{
	struct why w = {0};

	if (clock_mono_us() < j->ca->rest_until_us) {
		mon_ca_missing(j->m, &w);
		job_fail(j, &w);
	} else if (j->ca->held) {
		do_sign(j);
	} else {
		j->again = true;
		do_load(j);
	}
}

static void run_first(void *ctx)
{
	struct monitor *m = ctx;
	struct cajob *j = m->cas->first;

	m->cas->timer = NULL;
	if (j == NULL || j->running)
		return;
	j->since_us = clock_mono_us();
	if (m->signer == NULL) {
		job_end(j, NULL);
		return;
	}
	switch (j->kind) {
	case JOB_SIGN:
		start_sign(j);
		break;
	case JOB_LOAD:
		do_load(j);
		break;
	case JOB_ACTIVATE:
		do_activate(j);
		break;
	case JOB_DROP:
		do_drop(j);
		break;
	}
}

/* --- from outside --- */

int mon_sign(struct monitor *m, struct span tbs, call_fn *fn, void *ctx)
{
	const struct mon_ca *active = mon_ca_active(m);
	struct cajob *j;
	size_t n = 0;

	for (j = m->cas != NULL ? m->cas->first : NULL; j != NULL; j = j->next)
		n++;
	if (m->signer == NULL || active == NULL || n >= JOBS_MAX)
		return E_LIMIT;
	j = job_new(m, JOB_SIGN, ca_find(m, active->name));
	buf_put_span(&j->tbs, tbs);
	j->fn = fn;
	j->ctx = ctx;
	return 0;
}

void ca_load(struct monitor *m, struct mon_ca *ca, int fd, bool create, call_fn *fn, void *ctx)
{
	struct cajob *j = job_new(m, JOB_LOAD, ca);

	j->fd = fd;
	j->create = create;
	j->fn = fn;
	j->ctx = ctx;
}

void ca_activate(struct monitor *m, struct mon_ca *ca)
{
	(void)job_new(m, JOB_ACTIVATE, ca);
}

void ca_drop(struct monitor *m, const char *name)
{
	struct cajob *j = job_new(m, JOB_DROP, NULL);

	(void)str_copy(j->name, sizeof(j->name), name);
}

void cajobs_forget(struct monitor *m, const void *ctx)
{
	for (struct cajob *j = m->cas != NULL ? m->cas->first : NULL; j != NULL; j = j->next)
		if (j->ctx == ctx)
			j->fn = NULL;
}

void mon_sign_forget(struct monitor *m, const void *ctx)
{
	cajobs_forget(m, ctx);
}

void cajobs_free(struct monitor *m)
{
	loop_cancel(m->loop, m->cas->timer);
	m->cas->timer = NULL;
	while (m->cas->first != NULL) {
		struct cajob *j = m->cas->first;

		m->cas->first = j->next;
		job_free(j);
	}
	m->cas->tail = &m->cas->first;
}
