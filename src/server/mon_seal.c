/* SPDX-License-Identifier: Apache-2.0
 *
 * After a recording's last record: where does it really end (asked of the files, in a child, when
 * the session process died), its end leaf, and the sealing of its segments by the archiver, one job
 * at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/recdir.h"
#include "record/seal.h"
#include "server/mon.h"
#include "server/sandbox.h"

#define SEAL_RETRY_MS 1000 /* the writer's process may still be dying */
#define SEAL_TRIES    30
#define RECOVER_MS    600000
#define WRITER_MS     5000

/* --- where does it end --- */

struct recovery {
	struct recovery *next;
	struct monitor *m;
	struct child *child;
	char sid[REC_SID_LEN + 1];
	char reason[200];
	int dir_fd;
	bool after_crash; /* of ours: no segment was handed to the archiver */
};

/* It reads bytes that a session process wrote: nothing but this one directory is in reach. */
static int recover_enclose(const struct monitor *m)
{
	static const char *const dir[] = {"/proc/self/fd/3", NULL};
	struct sandbox_params box = {.role = SANDBOX_ARCHIVER,
	    .uid = m->uid,
	    .gid = m->gid,
	    .write_paths = dir,
	    .require = mon_conf(m)->gateway.require_sandbox};
	struct why w;

	if (geteuid() == 0) /* never as root, except in tests that have no other user */
		return m->uid == (uid_t)-1 ? 0 : E_DENIED;
	return sandbox_enter(&box, &w);
}

/* In the child: descriptor 3 is the session's directory, 4 the pidfd of its writer (or /dev/null,
 * which is always ready): a killed process may still be inside its last write. */
static int recover_main(void *arg)
{
	struct pollfd writer = {.fd = 4, .events = POLLIN};
	struct recover_result r;
	struct why w = {0};
	int rc;

	(void)poll(&writer, 1, WRITER_MS);
	if (recover_enclose(arg) != 0)
		return 3;
	rc = recording_recover(3, true, &r, &w);
	if (rc != 0 && r.segments == 0)
		return 1;
	return file_write_all(1, &r, sizeof(r)) == 0 ? rc == 0 ? 0 : 2 : 1;
}

static void recovery_free(struct recovery *r)
{
	struct recovery **at = &r->m->recoveries;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	fd_close(&r->dir_fd);
	free(r);
}

void recording_end(struct monitor *m, const struct rec_leaf *end, uint64_t statements,
    uint64_t rows, int64_t end_us)
{
	struct rec_leaf l = *end;
	int rc;

	(void)mon_leaf(m, &l);
	rc = store_session_end(m->store, l.sid, l.reason, end_us, statements, rows, l.bytes);
	if (rc != 0)
		log_error("store-failed", "sid", l.sid, "why", err_str(rc));
	if (l.segment > 0)
		seal_later(m, l.sid, l.segment, l.hash);
}

/* Queue the raw segments in front of the last one (`last`, or the highest there is when 0). Returns
 * the last when it is raw. */
static uint32_t seal_raw(struct monitor *m, const char *sid, int dir_fd, uint32_t last)
{
	struct recdir_segment *seg = NULL;
	size_t n = 0;
	size_t strange = 0;
	uint32_t raw_last = 0;

	if (recdir_segments(dir_fd, &seg, &n, &strange) != 0)
		return 0;
	if (last == 0 && n > 0)
		last = seg[n - 1].no;
	for (size_t i = 0; i < n; i++) {
		if (seg[i].raw && seg[i].no < last)
			seal_later(m, sid, seg[i].no, NULL);
		else if (seg[i].raw && seg[i].no == last)
			raw_last = last;
	}
	free(seg);
	return raw_last;
}

static void recovered(void *ctx, int status, struct span out)
{
	struct recovery *r = ctx;
	struct monitor *m = r->m;
	struct recover_result res = {0};
	struct rec_leaf end = {.type = LEAF_END, .has_hash = true};

	if (out.n == sizeof(res))
		memcpy(&res, out.p, sizeof(res));
	if (status != 0 || out.n != sizeof(res))
		log_error("recording-damaged", "sid", r->sid, "status", log_num(status));
	(void)str_copy(end.sid, sizeof(end.sid), r->sid);
	(void)str_copy(end.reason, sizeof(end.reason), r->reason);
	end.seq = res.seq;
	end.bytes = res.bytes;
	end.segment = res.segments;
	memcpy(end.hash, res.head, SHA256_LEN);
	if (r->after_crash)
		seal_raw(m, r->sid, r->dir_fd, res.segments);
	recording_end(m, &end, res.statements, res.rows,
	    res.last_wall_us != 0 ? res.last_wall_us : clock_wall_us());
	recovery_free(r);
	mon_drain_check(m);
}

static void append_only_off(int dir_fd, uint32_t no)
{
	char name[RECDIR_NAME_LEN];
	int fd;

	recdir_segment_name(no, false, name);
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && recdir_set_append_only(fd, false) != 0)
		log_debug("append-only-stays", "segment",
		    log_num(no)); /* it was never set, or the archiver will say */
	fd_close(&fd);
}

static void append_only_off_all(int dir_fd)
{
	struct recdir_segment *seg = NULL;
	size_t n = 0;
	size_t strange = 0;

	if (recdir_segments(dir_fd, &seg, &n, &strange) == 0)
		for (size_t i = 0; i < n; i++)
			if (seg[i].raw)
				append_only_off(dir_fd, seg[i].no);
	free(seg);
}

void recover_later(struct monitor *m, const char *sid, int *dir_fd, int pidfd, const char *reason)
{
	struct recovery *r = xcalloc(1, sizeof(*r));
	struct child_params p = {.run = recover_main,
	    .arg = m,
	    .fds = {-1, -1, -1, *dir_fd, pidfd},
	    .n_fds = 5,
	    .capture = 4096,
	    .uid = m->uid,
	    .gid = m->gid,
	    .timeout_ms = RECOVER_MS};

	*r = (struct recovery){.next = m->recoveries, .m = m, .dir_fd = *dir_fd};
	*dir_fd = -1;
	m->recoveries = r;
	(void)str_copy(r->sid, sizeof(r->sid), sid);
	(void)str_copy(r->reason, sizeof(r->reason), reason);
	r->after_crash = strcmp(reason, "crash") == 0;
	append_only_off_all(r->dir_fd);
	r->child = child_start(m->kids, &p, recovered, r);
	if (r->child == NULL) {
		log_error("recording-not-ended", "sid", sid, "why", "no process");
		recovery_free(r); /* the next start does it */
	}
}

bool msess_busy(const struct monitor *m)
{
	return m->recoveries != NULL;
}

/* --- sealing --- */

struct seal_job {
	struct seal_job *next;
	char sid[REC_SID_LEN + 1];
	uint32_t segment;
	bool has_head, sent;
	uint8_t head[SHA256_LEN];
	int tries;
};

static void seal_next(struct monitor *m);

static void seal_done(struct monitor *m)
{
	struct seal_job *j = m->seals;

	m->seals = j->next;
	free(j);
	seal_next(m);
}

static void seal_retry(void *ctx)
{
	struct monitor *m = ctx;

	m->seal_timer = NULL;
	seal_next(m);
}

/* To the end of the line, after a pause. */
static void seal_again(struct monitor *m)
{
	struct seal_job *j = m->seals;
	struct seal_job **at = &m->seals;

	j->sent = false;
	m->seals = j->next;
	j->next = NULL;
	while (*at != NULL)
		at = &(*at)->next;
	*at = j;
	if (m->seal_timer == NULL)
		m->seal_timer = loop_after(m->loop, SEAL_RETRY_MS, seal_retry, m);
}

static void leaf_of_seal(struct monitor *m, const struct seal_job *j, const struct ipc_msg *msg)
{
	struct span hash = ipc_get_span(msg, "hash");
	struct span head = ipc_get_span(msg, "head");
	struct rec_leaf l = {.type = LEAF_SEAL,
	    .segment = j->segment,
	    .bytes = (uint64_t)ipc_get_int(msg, "bytes", 0),
	    .raw = (uint64_t)ipc_get_int(msg, "raw", 0),
	    .seq = (uint64_t)ipc_get_int(msg, "seq", 0),
	    .has_hash = true};

	if (hash.n != SHA256_LEN) {
		log_error("archiver-answer", "sid", j->sid);
		return;
	}
	memcpy(l.hash, hash.p, SHA256_LEN);
	if (head.n == SHA256_LEN) { /* absent for a segment without records */
		l.has_head = true;
		memcpy(l.head, head.p, SHA256_LEN);
	}
	(void)str_copy(l.sid, sizeof(l.sid), j->sid);
	(void)mon_leaf(m, &l);
}

static void sealed(void *ctx, const struct ipc_msg *msg)
{
	struct monitor *m = ctx;
	struct seal_job *j = m->seals;
	char text[200] = "";

	if (msg == NULL) { /* the archiver is gone: the next start goes on */
		j->sent = false;
		return;
	}
	if (ipc_type_of(msg) == IPC_OK) {
		leaf_of_seal(m, j, msg);
		seal_done(m);
		return;
	}
	if (ipc_get_int(msg, "code", 0) == E_STATE && ++j->tries < SEAL_TRIES) {
		seal_again(m);
		return;
	}
	if (ipc_get_str(msg, "text", text, sizeof(text)) != 0)
		text[0] = '\0';
	log_error("segment-not-sealed", "sid", j->sid, "segment", log_num(j->segment), "why", text);
	seal_done(m);
}

static int seal_open(struct monitor *m, const struct seal_job *j, int fds[2])
{
	char name[RECDIR_NAME_LEN];

	fds[0] = -1;
	fds[1] = openat(m->recordings_fd, j->sid, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fds[1] < 0)
		return -errno;
	append_only_off(fds[1], j->segment);
	recdir_segment_name(j->segment, false, name);
	fds[0] = openat(fds[1], name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fds[0] < 0 ? -errno : 0;
}

static void seal_next(struct monitor *m)
{
	struct seal_job *j = m->seals;
	struct buf *b = &m->out;
	int fds[2];
	int rc;

	if (j == NULL || j->sent || m->archiver == NULL || m->seal_timer != NULL)
		return;
	rc = seal_open(m, j, fds);
	if (rc == 0) {
		j->sent = true;
		ipc_begin(b, IPC_SEAL, calls_add(&m->archiver_calls, sealed, m));
		ipc_str(b, "sid", j->sid);
		ipc_int(b, "seg", j->segment);
		ipc_bin(b, "hash", j->has_head ? span_of(j->head, SHA256_LEN) : (struct span){0});
		chan_send(m->archiver, b, fds, 2);
	}
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	if (rc != 0) {
		log_error("segment-not-sealed", "sid", j->sid, "segment", log_num(j->segment),
		    "why", err_str(rc));
		seal_done(m);
	}
}

void seal_later(struct monitor *m, const char *sid, uint32_t segment, const uint8_t *head)
{
	struct seal_job *j;
	struct seal_job **at = &m->seals;

	if (m->archiver == NULL)
		return;
	j = xcalloc(1, sizeof(*j));
	(void)str_copy(j->sid, sizeof(j->sid), sid);
	j->segment = segment;
	j->has_head = head != NULL;
	if (head != NULL)
		memcpy(j->head, head, SHA256_LEN);
	while (*at != NULL)
		at = &(*at)->next;
	*at = j;
	seal_next(m);
}

/* --- at start and at the end --- */

/* Only the last segment's head is in the log's end leaf. */
static void seal_ended(struct monitor *m, const struct mon_unfinished *u, int dir_fd)
{
	uint32_t last = seal_raw(m, u->sid, dir_fd, 0);

	if (last != 0)
		seal_later(m, u->sid, last, u->head);
}

void msess_recover(struct monitor *m)
{
	struct mon_unfinished *u = mon_log_unfinished(m);

	while (u != NULL) {
		struct mon_unfinished *next = u->next;
		int dir = openat(
		    m->recordings_fd, u->sid, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		if (dir < 0)
			log_error("recording-missing", "sid", u->sid, "why", err_str(-errno));
		else if (u->ended)
			seal_ended(m, u, dir);
		else
			recover_later(m, u->sid, &dir, -1, "crash");
		fd_close(&dir);
		free(u);
		u = next;
	}
}

void msess_free_all(struct monitor *m)
{
	while (m->recoveries != NULL) {
		child_cancel(m->recoveries->child);
		recovery_free(m->recoveries);
	}
	while (m->seals != NULL) {
		struct seal_job *j = m->seals;

		m->seals = j->next;
		free(j);
	}
	loop_cancel(m->loop, m->seal_timer);
	m->seal_timer = NULL;
}
