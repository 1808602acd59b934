/* SPDX-License-Identifier: Apache-2.0
 *
 * The archiver process: one job at a time.
 */
#include "server/archiver.h"

#include <poll.h>

#include "base/file.h"
#include "base/log.h"
#include "record/seal.h"
#include "wire/ipc.h"

#define N_FDS 2 /* raw segment, session directory; or the directory alone */

static void wait_for(int sock, short events)
{
	struct pollfd p = {.fd = sock, .events = events};

	(void)poll(&p, 1, -1);
}

/* Fill the job from its message; false when the message breaks the contract. */
static bool parse_job(
    const struct ipc_msg *m, const int *fds, size_t n_fds, struct seal_params *job)
{
	struct span hash = ipc_get_span(m, "hash");
	int64_t seg = ipc_get_int(m, "seg", -1);

	if (ipc_type_of(m) != IPC_SEAL || ipc_id(m) == 0 || n_fds == 0 || seg < 1 ||
	    seg > UINT32_MAX || (hash.n != 0 && hash.n != SHA256_LEN))
		return false;
	*job =
	    (struct seal_params){.raw_fd = n_fds == N_FDS ? fds[0] : -1, .dirfd = fds[n_fds - 1]};
	job->segment = (uint32_t)seg;
	job->head = hash.n != 0 ? hash.p : NULL;
	return true;
}

static int handle(const struct ipc_msg *m, const int *fds, size_t n_fds, struct buf *out)
{
	struct seal_params job;
	struct seal_result res;
	struct why w = {0};
	char sid[40] = "";
	int r;

	if (!parse_job(m, fds, n_fds, &job) || ipc_get_str(m, "sid", sid, sizeof(sid)) != 0)
		return E_FORMAT;
	r = seal_segment(&job, &res, &w);
	if (r == 0) {
		log_info("segment-sealed", "sid", sid, "segment", log_num(job.segment), "bytes",
		    log_num((long long)res.bytes));
		ipc_begin(out, IPC_OK, ipc_id(m));
		ipc_bin(out, "hash", span_of(res.hash, sizeof(res.hash)));
		ipc_int(out, "bytes", (int64_t)res.bytes);
		ipc_int(out, "raw", (int64_t)res.raw_bytes);
		ipc_int(out, "seq", res.records > 0 ? (int64_t)res.last_seq : 0);
		if (res.records > 0)
			ipc_bin(out, "head", span_of(res.head, sizeof(res.head)));
	} else {
		w.code = r;
		if (r != E_STATE) /* the writer is still at it: the monitor asks again */
			log_error("segment-not-sealed", "sid", sid, "segment",
			    log_num(job.segment), "why", w.text);
		ipc_fail(out, ipc_id(m), &w, "");
	}
	return ipc_end(out);
}

static int send_all(int sock, struct buf *out)
{
	int r;

	while ((r = ipc_send(sock, out, NULL, 0)) == E_MORE)
		wait_for(sock, POLLOUT);
	return r;
}

/* One message in, one out. E_MORE: nothing there yet. */
static int serve_one(int sock, struct buf *in, struct buf *out)
{
	int fds[N_FDS] = {-1, -1};
	size_t n_fds = N_FDS;
	struct ipc_msg *m = NULL;
	int r = ipc_recv(sock, in, &m, fds, &n_fds);

	if (r != 0)
		return r;
	r = handle(m, fds, n_fds, out);
	ipc_free(m);
	for (size_t i = 0; i < n_fds; i++)
		fd_close(&fds[i]);
	return r == 0 ? send_all(sock, out) : r;
}

static int serve(int sock)
{
	struct buf in, out;
	int r;

	buf_init(&in, IPC_MAX);
	buf_init(&out, IPC_MAX);
	for (;;) {
		r = serve_one(sock, &in, &out);
		if (r == E_MORE)
			wait_for(sock, POLLIN);
		else if (r != 0)
			break;
	}
	buf_clear(&in);
	buf_clear(&out);
	if (r == E_CLOSED)
		return 0;
	log_error("archiver-contract-broken", "code", log_num(r));
	return 2;
}

int archiver_run(int sock, const struct archiver_params *p)
{
	struct why w = {0};

	if (p->enter != NULL && p->enter(p->enter_ctx, &w) != 0) {
		log_error("archiver-not-started", "why", w.text, "hint", w.hint);
		return 1;
	}
	return serve(sock);
}
