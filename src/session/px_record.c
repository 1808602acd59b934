/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes into the recording and when it must be on disk. Statements are added before they are forwarded and
 * committed in px_flush(); anything that changes data is synced first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "session/px.h"

#define SYNC_LATER_MS 1000
#define PARAMS_MAX 1024

static void params_fill(struct pgproxy *x, const struct pg_bind *b, struct rec_param *out, uint8_t (*hash)[SHA256_LEN],
    size_t *n)
{
	struct pg_param_iter it;
	struct pg_param p;

	*n = 0;
	if (b == NULL)
		return;
	pg_bind_params(b, &it);
	while (*n < b->n_params && pg_param_next(&it, &p)) {
		out[*n] = (struct rec_param){p.value.null, (int16_t)p.format, p.value.data};
		if (x->params_hashed && !p.value.null) {
			sha256(p.value.data, hash[*n]);
			out[*n].value = span_of(hash[*n], SHA256_LEN);
		}
		(*n)++;
	}
}

struct rec_ticket px_record_statement(struct pgproxy *x, const char *proto, const struct px_text *t, struct span sql,
    struct span name, const struct pg_bind *bind, bool forwarded)
{
	char nm[128];
	size_t n = bind != NULL ? bind->n_params : 0;
	struct rec_param *params = n > 0 ? calloc(n, sizeof(*params)) : NULL;
	uint8_t(*hash)[SHA256_LEN] = n > 0 && x->params_hashed ? calloc(n, SHA256_LEN) : NULL;
	struct rec_statement s = {.proto = proto,
	    .sql = sql,
	    .name = nm,
	    .cls = sql_class_name(t->j.cls),
	    .verdict = verdict_name(t->j.verdict),
	    .rule = t->j.rule,
	    .reason = t->j.reason,
	    .epoch = x->view.epoch,
	    .forwarded = forwarded};
	bool room = n == 0 || (params != NULL && (!x->params_hashed || hash != NULL));
	struct rec_ticket ticket = {0};

	snprintf(nm, sizeof(nm), "%.*s", (int)(name.n < 127 ? name.n : 127), name.n > 0 ? (const char *)name.p : "");
	if (room)
		params_fill(x, bind, params, hash, &s.n_params);
	s.params = params;
	/* Values that found no room are not left out: without them there is no record, and without that no session. */
	if (room)
		(void)recorder_add_statement(x->rec, &s, &ticket);
	else
		(void)recorder_break(x->rec, E_NOMEM);
	free(params);
	free(hash);
	x->n_statements++;
	if (forwarded && ((t->facts.flags & SQLF_WRITES) != 0 || x->sync_mode == 'a') && x->sync_mode != 'i')
		x->need_sync = true;
	return ticket;
}

void px_record_result(struct pgproxy *x, const struct px_exp *e, const char *tag, const char *masked, const char *sqlstate,
    const char *message)
{
	struct rec_result r = {.stmt_seq = e->seq,
	    .tag = tag,
	    .rows = e->rows,
	    .bytes = e->bytes,
	    .duration_us = (uint64_t)(clock_mono_us() - e->start_us),
	    .masked = masked,
	    .sqlstate = sqlstate,
	    .message = message};

	x->n_rows += e->rows;
	(void)recorder_add_result(x->rec, &r); /* an error is sticky: the next commit fails */
}

void px_record_kv(struct pgproxy *x, enum rec_type type, const char *k1, const char *v1, const char *k2, const char *v2,
    const char *k3, const char *v3)
{
	struct rec_kv kv[3];
	size_t n = 0;

	if (x->rec == NULL)
		return;
	if (k1 != NULL)
		kv[n++] = (struct rec_kv){k1, span_str(v1)};
	if (k2 != NULL)
		kv[n++] = (struct rec_kv){k2, span_str(v2)};
	if (k3 != NULL)
		kv[n++] = (struct rec_kv){k3, span_str(v3)};
	(void)recorder_add(x->rec, type, kv, n);
}

struct rec_ticket px_record_own(struct pgproxy *x, const char *why, const char *sql)
{
	struct rec_ticket t = {0};

	if (x->rec != NULL)
		(void)recorder_add_own(x->rec, why, sql, &t);
	return t;
}

/* What came of a COPY, and forget it. */
struct rec_ticket px_record_copy(struct pgproxy *x, const char *direction)
{
	uint8_t hash[SHA256_LEN] = {0};
	char hex[2 * SHA256_LEN + 1], bytes[32];
	struct rec_kv kv[] = {{"direction", span_str(direction)}, {"bytes", {NULL, 0}}, {"sha256", {NULL, 0}}};
	struct rec_ticket t = {0};

	if (x->copy_sha != NULL)
		sha256_end(x->copy_sha, hash);
	sha256_free(x->copy_sha);
	x->copy_sha = NULL;
	hex_encode(span_of(hash, sizeof(hash)), hex);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)x->copy_bytes);
	x->copy_bytes = 0;
	kv[1].value = span_str(bytes);
	kv[2].value = span_str(hex);
	if (x->rec != NULL)
		(void)recorder_add_copy(x->rec, kv, sizeof(kv) / sizeof(kv[0]), &t);
	return t;
}

struct rec_ticket px_record_release(struct pgproxy *x, struct rec_ticket held, const struct rec_kv *kv, size_t n)
{
	struct rec_ticket t = {0};

	if (x->rec != NULL)
		(void)recorder_add_release(x->rec, held, kv, n, &t);
	return t;
}

struct rec_ticket px_pass(const struct pgproxy *x)
{
	return x->rec != NULL ? recorder_pass(x->rec) : (struct rec_ticket){0};
}

void px_record_lost(struct pgproxy *x)
{
	if (x->rec != NULL)
		log_error("recording-failed", "sid", x->sid, "why", err_str(recorder_err(x->rec)));
	px_fatal(x, "58030", "the session cannot be recorded, so it ends", "tell the operator of the gateway",
	    "recording failed");
}

static void sync_later(void *ctx)
{
	struct pgproxy *x = ctx;

	x->sync_timer = NULL;
	if (x->rec == NULL || x->phase == PX_ENDED)
		return;
	if (recorder_commit(x->rec, true) != 0) {
		px_record_lost(x);
		return;
	}
	px_record_head(x);
}

/* Move a recording descriptor to the numbers that the sandbox keeps from F_SETFL; closes *fd. */
int px_record_fd(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, PX_FD_RECORD);
	int err = errno;

	fd_close(fd);
	errno = err;
	return high;
}

static void segment_given(void *ctx, const struct ipc_msg *m, int *fds, size_t nfds)
{
	struct pgproxy *x = ctx;
	int rc = m != NULL && ipc_type_of(m) == IPC_OK && nfds == 1 ? 0 : -ENOSPC;

	x->segment_call = 0;
	if (x->phase != PX_ENDED && x->rec != NULL) {
		if (rc == 0)
			rc = recorder_commit(x->rec, true);
		if (rc == 0)
			rc = recorder_rotate(x->rec, px_record_fd(&fds[0]));
		if (rc != 0) {
			(void)recorder_break(x->rec, rc);
			px_record_lost(x);
		}
	}
	for (size_t i = 0; i < nfds; i++)
		fd_close(&fds[i]);
}

/* Ask for the next segment when this one is full. */
static int segment_check(struct pgproxy *x)
{
	struct buf *b;
	int rc;

	if (x->segment_call != 0 || recorder_segment_bytes(x->rec) < RECORDER_SEGMENT_MAX)
		return 0;
	/* A head that is reported must be on disk: the log may not know more than the recording after a power cut. */
	rc = recorder_commit(x->rec, true);
	if (rc != 0)
		return rc;
	px_record_head(x);
	b = monclient_begin(x->p.mon, IPC_SEGMENT);
	ipc_str(b, "sid", x->sid);
	x->segment_call = monclient_call(x->p.mon, segment_given, x);
	return 0;
}

int px_record_commit(struct pgproxy *x)
{
	int rc;

	if (x->rec == NULL || !recorder_dirty(x->rec))
		return 0;
	/* Results alone may wait for the next statement or the timer. */
	if (recorder_err(x->rec) == 0 && px_up_len(x->to_up) == 0 && !x->need_sync) {
		if (x->sync_timer == NULL)
			x->sync_timer = loop_after(x->p.loop, SYNC_LATER_MS, sync_later, x);
		return 0;
	}
	rc = recorder_commit(x->rec, x->need_sync);
	x->need_sync = false;
	if (x->sync_timer == NULL)
		x->sync_timer = loop_after(x->p.loop, SYNC_LATER_MS, sync_later, x);
	return rc == 0 ? segment_check(x) : rc;
}

void px_record_clear(struct pgproxy *x)
{
	if (x->segment_call != 0)
		monclient_forget(x->p.mon, x->segment_call);
	x->segment_call = 0;
	loop_cancel(x->p.loop, x->sync_timer);
	x->sync_timer = NULL;
	px_up_recorder(x->to_up, NULL);
	recorder_free(x->rec);
	x->rec = NULL;
	sha256_free(x->copy_sha);
	x->copy_sha = NULL;
}

/* Tell the monitor how far the recording has come: it goes into the log of all recordings. */
void px_record_head(struct pgproxy *x)
{
	uint64_t seq, bytes;
	uint8_t hash[SHA256_LEN];
	struct buf *b;

	if (x->rec == NULL)
		return;
	recorder_head(x->rec, &seq, &bytes, hash);
	if (seq == x->head_seq)
		return;
	x->head_seq = seq;
	b = monclient_begin(x->p.mon, IPC_HEAD);
	ipc_str(b, "sid", x->sid);
	ipc_int(b, "seq", (int64_t)seq);
	ipc_int(b, "bytes", (int64_t)bytes);
	ipc_bin(b, "hash", span_of(hash, sizeof(hash)));
	(void)monclient_call(x->p.mon, NULL, NULL);
}

void px_record_end(struct pgproxy *x, const char *reason)
{
	uint64_t seq = 0, bytes = 0;
	uint8_t hash[SHA256_LEN] = {0};
	struct buf *b;

	if (x->rec == NULL || x->sid[0] == '\0')
		return;
	px_record_kv(x, REC_END, "reason", reason, NULL, NULL, NULL, NULL);
	/* When even this fails, the monitor ends the recording from what it finds on disk. */
	if (recorder_commit(x->rec, true) != 0)
		log_error("recording-end-lost", "sid", x->sid);
	recorder_head(x->rec, &seq, &bytes, hash);
	b = monclient_begin(x->p.mon, IPC_SESSION_END);
	ipc_str(b, "sid", x->sid);
	ipc_str(b, "reason", reason);
	ipc_int(b, "seq", (int64_t)seq);
	ipc_int(b, "bytes", (int64_t)bytes);
	ipc_bin(b, "hash", span_of(hash, sizeof(hash)));
	ipc_int(b, "statements", (int64_t)x->n_statements);
	ipc_int(b, "rows", (int64_t)x->n_rows);
	ipc_bool(b, "busy", x->exp_head != NULL); /* then the monitor cancels what still runs */
	(void)monclient_call(x->p.mon, NULL, NULL);
	px_up_recorder(x->to_up, NULL);
	recorder_free(x->rec);
	x->rec = NULL;
}
