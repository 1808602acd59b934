/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor's start, clockwork and stop.
 */
#include "server/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/mon.h"

#define HELPER_QUEUE (4u * 1024 * 1024)
#define SIGNER_MS    5000
#define TICK_MS      1000
#define PRUNE_US     (3600 * 1000000LL)
#define DESCRIPTORS  262144

/* --- looking around --- */

const struct conf *monitor_conf(const struct monitor *m)
{
	return mon_conf(m);
}

uint32_t monitor_epoch(const struct monitor *m)
{
	return m->epoch->n;
}

size_t monitor_n_sessions(const struct monitor *m)
{
	size_t n = 0;

	for (const struct peer *p = m->peers; p != NULL; p = p->next)
		for (const struct msess *s = p->sessions; s != NULL; s = s->next)
			n++;
	return n;
}

size_t monitor_n_peers(const struct monitor *m)
{
	size_t n = 0;

	for (const struct peer *p = m->peers; p != NULL; p = p->next)
		n++;
	return n;
}

struct msess *mon_session_find(struct monitor *m, const char *sid)
{
	for (struct peer *p = m->peers; p != NULL; p = p->next)
		for (struct msess *s = p->sessions; s != NULL; s = s->next)
			if (strcmp(s->sid, sid) == 0)
				return s;
	return NULL;
}

size_t mon_user_sessions(const struct monitor *m, const struct ident *id)
{
	size_t n = 0;

	for (const struct peer *p = m->peers; p != NULL; p = p->next) {
		if (!ident_is(id, p->id.user, p->id.on_behalf_of))
			continue;
		n += connects_of(p);
		for (const struct msess *s = p->sessions; s != NULL; s = s->next)
			n++;
	}
	return n;
}

int64_t mon_disk_free(const struct monitor *m)
{
	struct statvfs v;

	if (fstatvfs(m->recordings_fd, &v) != 0)
		return 0; /* unknown is full */
	return (int64_t)(v.f_bavail * v.f_frsize);
}

/* --- helpers' sockets --- */

static void on_listener(
    void *ctx, const struct ipc_msg *msg, size_t len, int err, int *fds, size_t nfds)
{
	struct monitor *m = ctx;
	char addr[64], conn[32];
	struct peer *p;

	(void)len;
	if (msg == NULL) {
		log_error("listener-lost", "why", err_str(err));
		chan_free(m->listener);
		m->listener = NULL;
		return;
	}
	if (ipc_type_of(msg) == IPC_NEW_SESSION && nfds == 1 &&
	    ipc_get_str(msg, "addr", addr, sizeof(addr)) == 0 &&
	    ipc_get_str(msg, "conn", conn, sizeof(conn)) == 0) {
		peer_new(m, (pid_t)ipc_get_int(msg, "pid", 0), addr,
		    (int)ipc_get_int(msg, "port", 0), conn, &fds[0]);
	} else if (ipc_type_of(msg) == IPC_SESSION_GONE) {
		p = peer_by_pid(m, (pid_t)ipc_get_int(msg, "pid", -1));
		if (p != NULL)
			peer_end(p, "disconnect");
	} else {
		log_warn("listener-message", "type", log_num(ipc_type_of(msg)));
	}
}

static void helper_answer(struct calls *cs, const struct ipc_msg *msg, const char *unasked)
{
	if (!calls_answer(cs, msg))
		log_warn(unasked, "type", log_num(ipc_type_of(msg)));
}

/* Its socket is closed and whoever waits for an answer hears that none comes. */
static void helper_end(struct chan **ch, struct calls *cs)
{
	chan_free(*ch);
	*ch = NULL;
	calls_fail(cs);
}

static void on_signer(
    void *ctx, const struct ipc_msg *msg, size_t len, int err, int *fds, size_t nfds)
{
	struct monitor *m = ctx;

	(void)len;
	(void)fds;
	(void)nfds;
	if (msg != NULL) {
		helper_answer(&m->signer_calls, msg, "signer-message");
		return;
	}
	log_error("signer-lost", "why", err_str(err));
	helper_end(&m->signer, &m->signer_calls);
}

static void on_archiver(
    void *ctx, const struct ipc_msg *msg, size_t len, int err, int *fds, size_t nfds)
{
	struct monitor *m = ctx;

	(void)len;
	(void)fds;
	(void)nfds;
	if (msg != NULL) {
		helper_answer(&m->archiver_calls, msg, "archiver-message");
		return;
	}
	log_error("archiver-lost", "why", err_str(err));
	helper_end(&m->archiver, &m->archiver_calls);
}

/* Without the fetcher or the web process nobody logs in at a provider; all else goes on. */
static void fetcher_end(struct monitor *m)
{
	if (m->fetcher == NULL)
		return;
	helper_end(&m->fetcher, &m->fetcher_calls);
	idp_message(m, NULL);
}

static void web_end(struct monitor *m)
{
	if (m->web == NULL)
		return;
	chan_free(m->web);
	m->web = NULL;
	web_lost(m);
}

static void on_fetcher(
    void *ctx, const struct ipc_msg *msg, size_t len, int err, int *fds, size_t nfds)
{
	struct monitor *m = ctx;

	(void)len;
	(void)fds;
	(void)nfds;
	if (msg == NULL) {
		log_warn("fetcher-lost", "why", err_str(err));
		fetcher_end(m);
	} else if (ipc_id(msg) == 0) {
		idp_message(m, msg);
	} else {
		helper_answer(&m->fetcher_calls, msg, "fetcher-message");
	}
}

static void on_web(
    void *ctx, const struct ipc_msg *msg, size_t len, int err, int *fds, size_t nfds)
{
	struct monitor *m = ctx;

	(void)len;
	(void)fds;
	(void)nfds;
	if (msg != NULL) {
		web_message(m, msg);
		return;
	}
	log_warn("web-lost", "why", err_str(err));
	web_end(m);
}

void monitor_set_fetcher(struct monitor *m, int fd)
{
	fetcher_end(m);
	if (fd < 0)
		return;
	m->fetcher = chan_new(m->loop, fd, HELPER_QUEUE, on_fetcher, m);
	if (m->fetcher != NULL)
		idp_configure(m);
}

void monitor_set_web(struct monitor *m, int fd)
{
	web_end(m);
	m->web = fd >= 0 ? chan_new(m->loop, fd, HELPER_QUEUE, on_web, m) : NULL;
}

void monitor_on_epoch(struct monitor *m, monitor_epoch_fn *fn, void *ctx)
{
	m->epoch_fn = fn;
	m->epoch_ctx = ctx;
}

/* Read the signer's answers until no call is open, without the loop: at start and at the very end.
 */
static int signer_wait(struct monitor *m, int fd)
{
	int64_t until = clock_mono_us() + SIGNER_MS * 1000;
	struct buf in;
	int rc = 0;

	buf_init(&in, IPC_MAX);
	while (m->signer_calls.list != NULL && rc == 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = (until - clock_mono_us()) / 1000;
		struct ipc_msg *msg = NULL;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0) {
			rc = -ETIMEDOUT;
			break;
		}
		rc = ipc_recv(fd, &in, &msg, NULL, NULL);
		if (rc == E_MORE)
			rc = 0;
		else if (rc == 0 && !calls_answer(&m->signer_calls, msg))
			rc = E_STATE;
		ipc_free(msg);
	}
	buf_clear(&in);
	return rc;
}

static void got_keys(void *ctx, const struct ipc_msg *msg)
{
	struct monitor *m = ctx;
	struct span ca =
	    msg != NULL && ipc_type_of(msg) == IPC_OK ? ipc_get_span(msg, "ca") : (struct span){0};
	struct span log =
	    msg != NULL && ipc_type_of(msg) == IPC_OK ? ipc_get_span(msg, "log") : (struct span){0};

	if (ca.n > sizeof(m->ca_pub) || log.n != sizeof(m->log_pub))
		return;
	if (ca.n > 0) /* none: the configuration's authority is in an agent */
		memcpy(m->ca_pub, ca.p, ca.n);
	m->n_ca_pub = ca.n;
	memcpy(m->log_pub, log.p, log.n);
	m->signer_known = true;
}

static int signer_keys(struct monitor *m, int fd, struct why *w)
{
	int rc;

	if (fd < 0)
		return why_set(w, E_CONFIG, "there is no signer");
	ipc_begin(&m->out, IPC_SIGNER_KEYS, calls_add(&m->signer_calls, got_keys, m));
	rc = ipc_send(fd, &m->out, NULL, 0);
	if (rc == 0)
		rc = signer_wait(m, fd);
	if (rc == 0 && m->signer_known)
		return 0;
	rc = rc != 0 ? rc : E_FORMAT;
	why_set(w, rc, "the signer did not give its public keys");
	why_hint(w, "the log line signer-not-started has the reason");
	return rc;
}

/* --- clockwork --- */

static void prune(struct monitor *m)
{
	int64_t now = clock_mono_us();
	int rc;

	if (now < m->next_prune_us)
		return;
	m->next_prune_us = now + PRUNE_US;
	rc = store_prune(m->store, clock_wall_s());
	if (rc != 0)
		log_warn("prune-failed", "why", err_str(rc));
}

static void on_tick(void *ctx)
{
	struct monitor *m = ctx;

	m->tick = loop_after(m->loop, TICK_MS, on_tick, m);
	ctl_resume(m);
	peers_bury(m);
	expire_tick(m);
	logins_tick(m);
	enroll_tick(m);
	holds_tick(m);
	msess_tick(m);
	mon_cas_tick(m);
	mon_log_checkpoint(m);
	prune(m);
}

/* --- drain --- */

static void drain_over(void *ctx)
{
	struct monitor *m = ctx;
	loop_timer_fn *fn = m->drained;

	m->drain_timer = NULL;
	m->drained = NULL;
	if (fn != NULL)
		fn(m->drained_ctx);
}

static void drain_force(void *ctx)
{
	struct monitor *m = ctx;

	m->drain_timer = loop_after(m->loop, 10000, drain_over, m);
	for (struct peer *p = m->peers; p != NULL; p = p->next)
		peer_kick(p, "the gateway stops", "57P01");
	mon_drain_check(m);
}

void mon_drain_check(struct monitor *m)
{
	if (!m->draining || m->drained == NULL)
		return;
	for (struct peer *p = m->peers; p != NULL; p = p->next)
		if (p->sessions == NULL && p->execs == NULL)
			peer_kick(p, "the gateway stops", "57P01");
	if (m->peers != NULL || msess_busy(m))
		return;
	loop_cancel(m->loop, m->drain_timer);
	m->drain_timer =
	    loop_after(m->loop, 0, drain_over, m); /* not from within somebody's callback */
}

void monitor_drain(struct monitor *m, int64_t grace_ms, loop_timer_fn *done, void *ctx)
{
	if (m->draining)
		return;
	m->draining = true;
	m->drained = done;
	m->drained_ctx = ctx;
	log_info("drain", "sessions", log_num((long long)monitor_n_sessions(m)), "grace_ms",
	    log_num(grace_ms));
	ipc_begin(&m->out, IPC_LISTENER_STOP, 0);
	chan_send(m->listener, &m->out, NULL, 0);
	m->drain_timer = loop_after(m->loop, grace_ms, drain_force, m);
	mon_drain_check(m);
}

/* --- start and stop --- */

static int open_state(struct monitor *m, struct why *w)
{
	char spec[600];
	char path[512];
	int rc;

	snprintf(path, sizeof(path), "%s/recordings", m->state_path);
	rc = dir_make(path, 0700);
	if (rc != 0)
		return why_set(w, rc, "%s cannot be made: %s", path, err_str(rc));
	m->recordings_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->recordings_fd < 0)
		return why_set(w, -errno, "%s cannot be opened: %s", path, err_str(-errno));
	snprintf(spec, sizeof(spec), "sqlite:%s/state.db", m->state_path);
	rc = store_open(spec, &m->store, w);
	if (rc == 0)
		rc = mon_cas_open(m, w);
	return rc != 0 ? rc : mon_log_open(m, w);
}

static int first_epoch(struct monitor *m, struct why *w)
{
	int rc;

	m->epoch->n = mon_log_last_epoch(m) + 1;
	rc = mon_log_policy(m, "start");
	return rc != 0 ? why_set(w, rc, "the log cannot be written: %s", err_str(rc)) : 0;
}

static int old_requests(struct monitor *m, struct why *w)
{
	int rc = store_request_withdraw_orphans(m->store, clock_wall_us());

	m->next_expiry_us = 1; /* the first tick looks */
	return rc < 0 ? why_set(w, rc, "the state store failed: %s", err_str(rc)) : 0;
}

/* Takes the descriptors out of p as they are used. */
static int open_channels(struct monitor *m, struct monitor_params *p, struct why *w)
{
	struct {
		int *fd;
		struct chan **to;
		chan_fn *fn;
	} ch[] = {
	    {&p->signer_fd, &m->signer, on_signer},
	    {&p->archiver_fd, &m->archiver, on_archiver},
	    {&p->listener_fd, &m->listener, on_listener},
	};

	for (size_t i = 0; i < sizeof(ch) / sizeof(*ch); i++) {
		if (*ch[i].fd < 0)
			continue;
		*ch[i].to = chan_new(m->loop, *ch[i].fd, HELPER_QUEUE, ch[i].fn, m);
		*ch[i].fd = -1;
		if (*ch[i].to == NULL)
			return why_set(w, E_INTERNAL, "a helper's socket cannot be watched");
	}
	return 0;
}

/* A session takes four descriptors here for its whole life; the soft limit is made for less. */
static void raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= l.rlim_max)
		return;
	l.rlim_cur = l.rlim_max < DESCRIPTORS ? l.rlim_max : DESCRIPTORS;
	if (setrlimit(RLIMIT_NOFILE, &l) != 0)
		log_warn("descriptor-limit", "why", err_str(-errno));
}

static struct monitor *monitor_alloc(const struct monitor_params *p)
{
	struct monitor *m = xcalloc(1, sizeof(*m));

	*m = (struct monitor){.loop = p->loop,
	    .uid = p->uid,
	    .gid = p->gid,
	    .listener_pid = p->listener_pid,
	    .state_fd = p->state_fd,
	    .control_fd = p->control_fd,
	    .recordings_fd = -1,
	    .started_us = clock_mono_us()};
	m->conf_path = xstrdup(p->conf_path);
	m->state_path = xstrdup(p->state_path);
	m->cli_path = xstrdup(p->cli_path != NULL ? p->cli_path : "sallyport");
	m->epoch = epoch_new(p->conf, 0);
	m->kids = kids_new(p->loop);
	buf_init(&m->out, IPC_MAX + 1024);
	return m;
}

struct monitor *monitor_new(const struct monitor_params *params, struct why *w)
{
	struct monitor_params p = *params;
	struct monitor *m = monitor_alloc(&p);
	int rc = signer_keys(m, p.signer_fd, w);

	if (rc == 0)
		rc = open_state(m, w);
	if (rc == 0)
		rc = first_epoch(m, w);
	if (rc == 0)
		rc = old_requests(m, w);
	if (rc == 0)
		rc = open_channels(m, &p, w);
	if (rc != 0) {
		fd_close(&p.signer_fd);
		fd_close(&p.archiver_fd);
		fd_close(&p.listener_fd);
		monitor_free(m);
		return NULL;
	}
	raise_descriptors();
	msess_recover(m);
	mon_cas_start(m);
	ctl_listen(m);
	m->tick = loop_after(m->loop, 0, on_tick, m);
	log_info("monitor-start", "gateway", mon_conf(m)->gateway.name, "epoch",
	    log_num(m->epoch->n), "log", log_num((long long)mon_log_size(m)));
	return m;
}

/* The last leaves are signed before we go, if the signer is there. */
static void final_checkpoint(struct monitor *m)
{
	if (m->signer == NULL || m->log == NULL || mon_log_size(m) == 0)
		return;
	if (signer_wait(m, chan_fd(m->signer)) != 0)
		return;
	mon_log_checkpoint(m);
	(void)signer_wait(m, chan_fd(m->signer));
}

void monitor_free(struct monitor *m)
{
	if (m == NULL)
		return;
	m->drained = NULL;
	ctls_free(m);
	while (m->peers != NULL)
		peer_end(m->peers, "the gateway stops");
	logins_free(m);
	peers_bury(m);
	msess_free_all(m);
	final_checkpoint(m);
	loop_cancel(m->loop, m->tick);
	loop_cancel(m->loop, m->drain_timer);
	kids_free(m->kids);
	if (m->control_fd >= 0)
		loop_del(m->loop, m->control_fd);
	chan_free(m->listener);
	chan_free(m->archiver);
	chan_free(m->signer);
	chan_free(m->fetcher);
	chan_free(m->web);
	calls_drop(&m->fetcher_calls);
	calls_drop(&m->archiver_calls);
	calls_drop(&m->signer_calls);
	mon_cas_free(m);
	mon_log_close(m);
	store_close(m->store);
	epoch_unref(m->epoch);
	fd_close(&m->control_fd);
	fd_close(&m->recordings_fd);
	fd_close(&m->state_fd);
	buf_wipe(&m->out);
	free(m->conf_path);
	free(m->state_path);
	free(m->cli_path);
	free(m);
}
