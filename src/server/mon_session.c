/* SPDX-License-Identifier: Apache-2.0
 *
 * A database session as the monitor keeps it: its recording's directory and segments, its progress
 * in the log, its cancel key, its end. The session process writes the records; where they are and
 * what the log says of them is decided here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/recdir.h"
#include "server/hold.h"
#include "server/mon.h"
#include "server/reaper.h"

#define CANCEL_GAP_US 50000          /* between two cancels of one session */
#define SEGMENT_MIN   (1024u * 1024) /* a new segment before this is a broken session */
#define KILL_GRACE_MS 1000
#define CANCEL_AGAIN_MS 300

/* --- start --- */

static void own(const struct monitor *m, int fd)
{
	if (m->uid != (uid_t)-1 && fchown(fd, m->uid, m->gid) != 0)
		log_warn("chown-failed", "why", err_str(-errno));
}

/* The session gets an append-only descriptor; the archiver's and the session's user owns the files.
 */
static int segment_open(const struct monitor *m, int dir_fd, uint32_t no, int *fd)
{
	int rc = recdir_segment_create(dir_fd, no, fd);

	if (rc != 0)
		return rc;
	own(m, *fd);
	if (recdir_set_append_only(*fd, true) !=
	    0) /* the file system or the privilege is missing */
		log_debug("not-append-only", "segment", log_num(no));
	return 0;
}

static void own_meta(const struct monitor *m, int dir_fd)
{
	int fd = openat(dir_fd, "meta", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	own(m, dir_fd);
	if (fd >= 0)
		own(m, fd);
	fd_close(&fd);
}

static void meta_fill(const struct msess *s, const struct msess_start *st, struct rec_meta *meta)
{
	const struct peer *p = s->peer;
	const struct ident *id = &p->id;

	*meta = (struct rec_meta){.version = REC_VERSION,
	    .counter = s->counter,
	    .start_us = s->start_us,
	    .epoch = st->epoch->n};
	(void)str_copy(meta->sid, sizeof(meta->sid), s->sid);
	(void)str_copy(meta->gateway, sizeof(meta->gateway), st->epoch->conf->gateway.name);
	(void)str_copy(meta->user, sizeof(meta->user), id->user);
	(void)str_copy(meta->person, sizeof(meta->person), id->person);
	(void)str_copy(meta->on_behalf_of, sizeof(meta->on_behalf_of), id->on_behalf_of);
	(void)str_copy(meta->target, sizeof(meta->target), s->target);
	(void)str_copy(meta->engine, sizeof(meta->engine), s->postgres ? "postgres" : "mysql");
	(void)str_copy(meta->database, sizeof(meta->database), s->database);
	(void)str_copy(meta->login, sizeof(meta->login), s->login);
	snprintf(meta->source, sizeof(meta->source),
	    strchr(p->addr, ':') != NULL ? "[%s]:%d" : "%s:%d", p->addr, p->port);
	(void)str_copy(meta->client, sizeof(meta->client), st->app);
	snprintf(meta->cert, sizeof(meta->cert), "%llu", (unsigned long long)id->serial);
}

static int store_start(struct msess *s, const struct msess_start *st)
{
	const struct ident *id = &s->peer->id;
	char serial[24];
	struct store_session row = {.id = s->sid,
	    .user = id->user,
	    .person = id->person,
	    .target = s->target,
	    .database = s->database,
	    .login = s->login,
	    .source = s->peer->addr,
	    .client = st->app,
	    .cert_serial = serial,
	    .start_us = s->start_us,
	    .end_reason = "",
	    .on_behalf_of = id->on_behalf_of};

	snprintf(serial, sizeof(serial), "%llu", (unsigned long long)id->serial);
	return store_session_start(s->peer->m->store, &row, &s->counter);
}

static int start_leaf(const struct msess *s, const uint8_t hash[SHA256_LEN])
{
	struct rec_leaf l = {.type = LEAF_START, .counter = s->counter, .has_hash = true};

	(void)str_copy(l.sid, sizeof(l.sid), s->sid);
	memcpy(l.hash, hash, SHA256_LEN);
	if (s->peer->id.kind == KIND_AGENT)
		(void)ident_who(&s->peer->id, l.who, sizeof(l.who));
	return mon_leaf(s->peer->m, &l);
}

/* The number is used up although there will be no recording: the log says so, else it would look
 * deleted. */
static void number_lost(struct msess *s)
{
	struct monitor *m = s->peer->m;
	struct rec_leaf gap = {
	    .type = LEAF_GAP, .counter = s->counter, .last = s->counter, .reason = "not started"};

	(void)mon_leaf(m, &gap);
	if (store_session_end(m->store, s->sid, "not started", clock_wall_us(), 0, 0, 0) != 0)
		log_error("store-failed", "sid", s->sid);
}

static int recording_start(
    struct msess *s, const struct msess_start *st, int *segment_fd, uint8_t prev[SHA256_LEN])
{
	struct monitor *m = s->peer->m;
	struct rec_meta meta;
	int rc = store_start(s, st);

	if (rc != 0)
		return rc;
	meta_fill(s, st, &meta);
	rc = recdir_create(m->recordings_fd, &meta, &s->dir_fd, prev);
	if (rc == 0) {
		own_meta(m, s->dir_fd);
		rc = segment_open(m, s->dir_fd, 1, segment_fd);
	}
	if (rc == 0)
		rc = start_leaf(s, prev);
	if (rc != 0) {
		number_lost(s);
		fd_close(segment_fd);
		if (s->dir_fd >= 0 && recdir_remove(m->recordings_fd, s->sid) != 0)
			log_warn("recording-left-behind", "sid", s->sid);
	}
	return rc;
}

static void msess_free(struct msess *s)
{
	struct msess **at = &s->peer->sessions;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at != NULL)
		*at = s->next;
	loop_cancel(s->peer->m->loop, s->kill_timer);
	fd_close(&s->dir_fd);
	buf_clear(&s->ca_pem);
	buf_clear(&s->parts);
	free(s);
}

static void msess_fill(struct msess *s, const struct msess_start *st)
{
	const struct grant *g = st->grant;
	const struct conf_target *t = g->target;

	(void)str_copy(s->target, sizeof(s->target), t->name);
	(void)str_copy(s->login, sizeof(s->login), g->login);
	(void)str_copy(s->database, sizeof(s->database), g->database);
	(void)str_copy(s->role, sizeof(s->role), g->role->name);
	s->grace_ms = grant_grace_ms(g);
	(void)str_copy(s->host, sizeof(s->host), st->host);
	(void)str_copy(s->hostaddr, sizeof(s->hostaddr), st->hostaddr);
	(void)str_copy(s->tls, sizeof(s->tls), t->tls != NULL ? t->tls : "verify-full");
	s->port = st->port;
	s->postgres = t->type == TARGET_POSTGRES;
	s->start_us = clock_wall_us();
	recdir_new_sid(s->start_us, s->sid);
	view_for(st->epoch, &s->peer->id, g, &s->view);
}

struct msess *msess_new(struct peer *p, const struct msess_start *st, int *segment_fd,
    uint8_t prev[SHA256_LEN], struct why *w)
{
	struct msess *s = xcalloc(1, sizeof(*s));
	int rc;

	*s = (struct msess){.next = p->sessions, .peer = p, .dir_fd = -1, .segment = 1};
	buf_init(&s->parts, HOLD_SQL_MAX);
	msess_fill(s, st);
	p->sessions = s;
	rc = cred_ca_bundle(st->grant->target, &s->ca_pem, w);
	if (rc == 0) {
		rc = recording_start(s, st, segment_fd, prev);
		if (rc != 0)
			why_set(w, rc, "the session cannot be recorded: %s", err_str(rc));
	}
	if (rc != 0) {
		log_error(
		    "session-start-failed", "conn", p->conn, "target", s->target, "why", w->text);
		msess_free(s);
		return NULL;
	}
	memcpy(s->head, prev, SHA256_LEN);
	log_info("session-start", "sid", s->sid, "conn", p->conn, "user", p->id.user, "for", ident_for(&p->id), "target",
	    s->target, "database", s->database, "login", s->login, "role", s->role, "source",
	    p->addr);
	return s;
}

/* --- progress --- */

struct head_report {
	uint64_t seq, bytes;
	struct span hash;
};

/* Counters never go back: a report that does is a lie. */
static int head_get(const struct ipc_msg *m, const struct msess *s, struct head_report *h)
{
	int64_t seq = ipc_get_int(m, "seq", -1);
	int64_t bytes = ipc_get_int(m, "bytes", -1);

	h->hash = ipc_get_span(m, "hash");
	if (seq < 0 || bytes < 0 || h->hash.n != SHA256_LEN)
		return E_FORMAT;
	h->seq = (uint64_t)seq;
	h->bytes = (uint64_t)bytes;
	return s != NULL && (h->seq < s->seq || h->bytes < s->bytes) ? E_STATE : 0;
}

static void head_set(struct msess *s, const struct head_report *h)
{
	s->seq = h->seq;
	s->bytes = h->bytes;
	memcpy(s->head, h->hash.p, SHA256_LEN);
}

int do_head(struct peer *p, const struct ipc_msg *m)
{
	struct head_report h;
	int rc;
	struct msess *s = peer_session(p, m, &rc);

	if (rc == 0)
		rc = head_get(m, s, &h);
	if (rc == 0 && s != NULL)
		head_set(s, &h);
	return rc;
}

static void progress_leaf(struct msess *s)
{
	struct rec_leaf l = {
	    .type = LEAF_PROGRESS, .seq = s->seq, .bytes = s->bytes, .has_hash = true};

	(void)str_copy(l.sid, sizeof(l.sid), s->sid);
	memcpy(l.hash, s->head, SHA256_LEN);
	if (mon_leaf(s->peer->m, &l) == 0)
		s->leaf_seq = s->seq;
}

void msess_tick(struct monitor *m)
{
	for (struct peer *p = m->peers; p != NULL; p = p->next)
		for (struct msess *s = p->sessions; s != NULL; s = s->next)
			if (s->seq != s->leaf_seq)
				progress_leaf(s);
}

/* --- segments --- */

static int64_t segment_size(const struct msess *s)
{
	char name[RECDIR_NAME_LEN];
	struct stat st;

	recdir_segment_name(s->segment, false, name);
	return fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (int64_t)st.st_size : -1;
}

static int segment_next(struct msess *s, int *fd, struct why *w)
{
	int rc;

	if (segment_size(s) < (int64_t)SEGMENT_MIN)
		return why_set(w, E_STATE, "the present segment is not full");
	if (mon_disk_free(s->peer->m) < mon_conf(s->peer->m)->recording.low_water_bytes / 2)
		return why_set(w, -ENOSPC, "the gateway has no room for recordings");
	rc = segment_open(s->peer->m, s->dir_fd, s->segment + 1, fd);
	return rc != 0 ? why_set(w, rc, "no further segment: %s", err_str(rc)) : 0;
}

int do_segment(struct peer *p, const struct ipc_msg *m)
{
	struct why w = {0};
	int fd = -1;
	int rc;
	struct msess *s = peer_session(p, m, &rc);

	if (rc != 0)
		return rc;
	if (s == NULL)
		rc = why_set(&w, E_NOTFOUND, "no such session");
	else
		rc = segment_next(s, &fd, &w);
	if (rc != 0) {
		answer_fail(p, ipc_id(m), &w, "58030");
		return 0;
	}
	/* The session goes on in the old segment until it has the new one: only its chain says where it ends. */
	seal_later(p->m, s->sid, s->segment, NULL);
	s->segment++;
	s->segment_base = s->bytes;
	(void)ok_begin(p, ipc_id(m));
	ok_send(p, &fd, 1);
	fd_close(&fd);
	return 0;
}

/* --- upstream --- */

int do_backend(struct peer *p, const struct ipc_msg *m)
{
	struct why w = {0};
	int64_t pid = ipc_get_int(m, "pid", -1);
	int64_t key = ipc_get_int(m, "key", -1);
	int rc;
	struct msess *s = peer_session(p, m, &rc);

	if (rc != 0)
		return rc;
	if (pid < 0 || pid > UINT32_MAX || key < 0 || key > UINT32_MAX)
		return E_FORMAT;
	if (s == NULL) {
		why_set(&w, E_NOTFOUND, "no such session");
		answer_fail(p, ipc_id(m), &w, "42501");
		return 0;
	}
	s->backend_pid = (uint32_t)pid;
	s->backend_key = (uint32_t)key;
	log_info("session-backend", "sid", s->sid, "pid", log_num(pid));
	answer_ok(p, ipc_id(m));
	return 0;
}

/* Is there something to cancel, now? Each one costs the server a connection: a session that asks in a
 * loop gets few of them. */
static bool cancel_due(struct msess *s)
{
	int64_t now = clock_mono_us();

	if (!s->postgres || s->backend_pid == 0 ||
	    (s->cancel_us != 0 && now - s->cancel_us < CANCEL_GAP_US))
		return false;
	s->cancel_us = now;
	return true;
}

static struct reaper_job job_of(const struct msess *s)
{
	return (struct reaper_job){.host = s->host,
	    .hostaddr = s->hostaddr,
	    .port = s->port,
	    .tls = s->tls,
	    .ca_pem = buf_span(&s->ca_pem),
	    .pid = s->backend_pid,
	    .key = s->backend_key,
	    .uid = s->peer->m->uid,
	    .gid = s->peer->m->gid};
}

void msess_cancel_upstream(struct msess *s)
{
	struct reaper_job job = job_of(s);

	if (cancel_due(s) && reaper_cancel(s->peer->m->kids, &job) != 0)
		log_warn("upstream-cancel-failed", "sid", s->sid, "why", "no process");
}

/* A session that was told to end may have forwarded one more statement before it read that: what the
 * first request misses the second one gets, unless the end takes longer, which cancels again. */
static void cancel_killed(struct msess *const *v, const struct reaper_job *jobs, size_t n)
{
	int rc = n > 0 ? reaper_cancel_all(v[0]->peer->m->kids, jobs, n, CANCEL_AGAIN_MS) : 0;

	for (size_t i = 0; i < n; i++)
		v[i]->cancelled_twice = rc == 0;
	if (rc != 0)
		log_warn("upstream-cancel-failed", "sid", v[0]->sid, "why", "no process");
}

void msess_cancel_all(struct peer *p)
{
	struct reaper_job jobs[REAPER_BATCH];
	struct msess *v[REAPER_BATCH];
	size_t n = 0;

	for (struct msess *s = p->sessions; s != NULL; s = s->next) {
		s->cancel_us = 0;
		if (!cancel_due(s))
			continue;
		v[n] = s;
		jobs[n++] = job_of(s);
		if (n == REAPER_BATCH) {
			cancel_killed(v, jobs, n);
			n = 0;
		}
	}
	cancel_killed(v, jobs, n);
}

int do_cancel(struct peer *p, const struct ipc_msg *m)
{
	struct why w = {0};
	int rc;
	struct msess *s = peer_session(p, m, &rc);

	if (rc != 0)
		return rc;
	if (s == NULL) {
		why_set(&w, E_NOTFOUND, "no such session");
		answer_fail(p, ipc_id(m), &w, "42501");
		return 0;
	}
	msess_cancel_upstream(s);
	answer_ok(p, ipc_id(m));
	return 0;
}

/* --- end --- */

static void end_common(struct msess *s, const char *reason, bool cancel)
{
	log_info("session-end", "sid", s->sid, "user", s->peer->id.user, "for", ident_for(&s->peer->id), "target", s->target,
	    "reason", reason);
	if (s->cancelled_twice && clock_mono_us() - s->cancel_us < CANCEL_AGAIN_MS * 1000LL / 2)
		cancel = false; /* the second request is still to come */
	s->cancel_us = 0;
	if (cancel)
		msess_cancel_upstream(s);
	holds_session_gone(s);
}

void msess_end(struct msess *s, const char *reason)
{
	struct monitor *m = s->peer->m;

	end_common(s, reason, true);
	recover_later(m, s->sid, &s->dir_fd, s->peer->pidfd, reason);
	msess_free(s);
	mon_drain_check(m);
}

/* The session closed its recording itself. What it says must be what is on disk, or the disk is
 * asked. */
static void end_clean(struct msess *s, const struct head_report *h, const char *reason,
    uint64_t statements, uint64_t rows)
{
	struct monitor *m = s->peer->m;
	struct rec_leaf end = {.type = LEAF_END,
	    .seq = h->seq,
	    .bytes = h->bytes,
	    .segment = s->segment,
	    .has_hash = true};

	(void)str_copy(end.sid, sizeof(end.sid), s->sid);
	(void)str_copy(end.reason, sizeof(end.reason), reason);
	memcpy(end.hash, h->hash.p, SHA256_LEN);
	if (h->bytes < s->segment_base || segment_size(s) != (int64_t)(h->bytes - s->segment_base))
		recover_later(m, s->sid, &s->dir_fd, -1, reason);
	else
		recording_end(m, &end, statements, rows, clock_wall_us());
}

int do_session_end(struct peer *p, const struct ipc_msg *m)
{
	struct head_report h;
	struct why w = {0};
	char reason[200];
	int64_t statements = ipc_get_int(m, "statements", 0);
	int64_t rows = ipc_get_int(m, "rows", 0);
	int rc;
	struct msess *s = peer_session(p, m, &rc);

	if (rc == 0)
		rc = ipc_get_str(m, "reason", reason, sizeof(reason));
	if (rc == 0)
		rc = statements < 0 || rows < 0 ? E_FORMAT : head_get(m, s, &h);
	if (rc != 0)
		return rc;
	if (s == NULL) {
		why_set(&w, E_NOTFOUND, "no such session");
		answer_fail(p, ipc_id(m), &w, "42501");
		return 0;
	}
	end_common(s, reason, ipc_get_bool(m, "busy", true));
	end_clean(s, &h, reason, (uint64_t)statements, (uint64_t)rows);
	msess_free(s);
	answer_ok(p, ipc_id(m));
	mon_drain_check(p->m);
	return 0;
}

static void kill_now(void *ctx)
{
	struct msess *s = ctx;
	char reason[sizeof(s->kill_reason)];

	s->kill_timer = NULL;
	(void)str_copy(reason, sizeof(reason), s->kill_reason); /* s goes on the way */
	/* It did not end one session when told to: it is not to be trusted with others. */
	peer_end(s->peer, reason);
}

void msess_kill(struct msess *s, const char *reason, const char *sqlstate)
{
	struct buf *b = &s->peer->m->out;

	if (s->kill_timer != NULL)
		return;
	log_info("session-kill", "sid", s->sid, "user", s->peer->id.user, "for", ident_for(&s->peer->id), "reason", reason);
	ipc_begin(b, IPC_KILL, 0);
	ipc_str(b, "sid", s->sid);
	ipc_str(b, "reason", reason);
	ipc_str(b, "sqlstate", sqlstate);
	chan_send(s->peer->ch, b, NULL, 0);
	msess_cancel_upstream(s);
	(void)str_copy(s->kill_reason, sizeof(s->kill_reason), reason);
	s->kill_timer = loop_after(s->peer->m->loop, KILL_GRACE_MS, kill_now, s);
}
