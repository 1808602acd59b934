/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../support/keygen.h"
#include "base/file.h"
#include "record/recdir.h"
#include "record/recorder.h"
#include "server/archiver.h"
#include "wire/ipc.h"

/* A real archiver process at the other end of a socketpair, and one session's directory. */
struct rig {
	char dir[64], sid[REC_SID_LEN + 1];
	int root, session, sock;
	pid_t pid;
	struct archiver_params p;
	struct buf in, out;
	struct ipc_msg *m;
	struct recorder *rec;
	uint8_t head[SHA256_LEN];
};

static void start(struct rig *r)
{
	int sv[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	r->pid = fork();
	cr_assert(r->pid >= 0);
	if (r->pid == 0) {
		close(sv[0]);
		_exit(archiver_run(sv[1], &r->p));
	}
	close(sv[1]);
	r->sock = sv[0];
}

static void stop(struct rig *r, int want)
{
	int status;

	close(r->sock);
	cr_assert_eq(waitpid(r->pid, &status, 0), r->pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == want, "status %d", status);
}

/* Segment 1 with a few records; the writer stays open in r->rec. */
static void record(struct rig *r)
{
	struct rec_meta meta = {.counter = 1, .start_us = 1, .gateway = "gw-test", .user = "alice"};
	uint8_t genesis[SHA256_LEN];
	uint64_t seq, bytes;
	int fd;

	recdir_new_sid(1, r->sid);
	memcpy(meta.sid, r->sid, sizeof(meta.sid));
	cr_assert_eq(recdir_create(r->root, &meta, &r->session, genesis), 0);
	cr_assert_eq(recdir_segment_create(r->session, 1, &fd), 0);
	r->rec = recorder_new(fd, genesis, 1);
	for (int i = 0; i < 100; i++) {
		struct rec_kv kv = {"text", span_str("the same words again and again")};

		cr_assert(recorder_add(r->rec, REC_NOTICE, &kv, 1) > 0);
	}
	cr_assert_eq(recorder_commit(r->rec, true), 0);
	recorder_head(r->rec, &seq, &bytes, r->head);
}

static void rig_open(struct rig *r)
{
	alarm(30); /* a process that should have left must not hang the run */
	*r = (struct rig){0};
	tmp_make(r->dir);
	r->root = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(r->root >= 0);
	buf_init(&r->in, IPC_MAX);
	buf_init(&r->out, IPC_MAX);
	start(r); /* before the segment exists: a child that inherited its descriptor would hold the
		     writer's lock */
	record(r);
}

static void rig_clear(struct rig *r)
{
	recorder_free(r->rec);
	close(r->session);
	close(r->root);
	ipc_free(r->m);
	buf_clear(&r->in);
	buf_clear(&r->out);
	tmp_remove(r->dir);
}

static void ask(struct rig *r, struct span head)
{
	int fds[2] = {openat(r->session, "000001.rec", O_RDONLY | O_CLOEXEC), r->session};

	bool raw = fds[0] >= 0;

	ipc_begin(&r->out, IPC_SEAL, 3);
	ipc_str(&r->out, "sid", r->sid);
	ipc_int(&r->out, "seg", 1);
	ipc_bin(&r->out, "hash", head);
	cr_assert_eq(ipc_end(&r->out), 0);
	cr_assert_eq(ipc_send(r->sock, &r->out, raw ? fds : fds + 1, raw ? 2 : 1), 0);
	fd_close(&fds[0]);
	ipc_free(r->m);
	r->m = NULL;
	cr_assert_eq(ipc_recv(r->sock, &r->in, &r->m, NULL, NULL), 0);
	cr_assert_eq(ipc_id(r->m), 3);
}

static bool exists(struct rig *r, const char *name)
{
	return faccessat(r->session, name, F_OK, 0) == 0;
}

Test(archiver, seals_a_closed_segment_and_nothing_else)
{
	struct rig r;
	uint8_t hash[SHA256_LEN], wrong[SHA256_LEN] = {1};
	struct buf file;
	int fd;

	rig_open(&r);
	ask(&r, span_of(r.head, sizeof(r.head)));
	cr_assert_eq(ipc_type_of(r.m), IPC_FAIL, "sealed a segment that is still being written");
	cr_assert_eq(ipc_get_int(r.m, "code", 0), E_STATE);
	recorder_free(r.rec);
	r.rec = NULL;
	ask(&r, span_of(wrong, sizeof(wrong)));
	cr_assert_eq(ipc_type_of(r.m), IPC_FAIL, "sealed a segment with another head");
	cr_assert_eq(ipc_get_int(r.m, "code", 0), E_TAMPER);
	cr_assert(exists(&r, "000001.rec") && !exists(&r, "000001.rec.zst"));

	ask(&r, span_of(r.head, sizeof(r.head)));
	cr_assert_eq(ipc_type_of(r.m), IPC_OK);
	cr_assert(!exists(&r, "000001.rec") && exists(&r, "000001.rec.zst"));
	buf_init(&file, 1 << 20);
	fd = openat(r.session, "000001.rec.zst", O_RDONLY | O_CLOEXEC);
	cr_assert_eq(file_read_fd(fd, &file), 0);
	close(fd);
	sha256(buf_span(&file), hash);
	cr_assert(span_eq(ipc_get_span(r.m, "hash"), span_of(hash, sizeof(hash))));
	cr_assert_eq(ipc_get_int(r.m, "bytes", 0), (int64_t)buf_len(&file));
	buf_clear(&file);

	ask(&r, span_of(r.head, sizeof(r.head))); /* again: the same answer */
	cr_assert_eq(ipc_type_of(r.m), IPC_OK);
	cr_assert(span_eq(ipc_get_span(r.m, "hash"), span_of(hash, sizeof(hash))));
	stop(&r, 0);
	rig_clear(&r);
}

Test(archiver, leaves_after_a_message_that_breaks_the_contract)
{
	struct rig r;

	rig_open(&r);
	stop(&r, 0);
	for (int i = 0; i < 6; i++) {
		int fds[3] = {r.session, r.session, r.session};

		start(&r);
		ipc_begin(&r.out, i == 1 ? IPC_SIGN_CERT : IPC_SEAL, 3);
		ipc_str(&r.out, "sid", r.sid);
		ipc_int(&r.out, "seg", i == 2 ? 0 : 1);
		ipc_bin(
		    &r.out, "hash", i == 3 ? span_str("short") : span_of(r.head, sizeof(r.head)));
		cr_assert_eq(ipc_end(&r.out), 0);
		if (i == 0) {
			buf_reset(&r.out);
			buf_put_str(&r.out, "junk");
		}
		cr_assert_eq(ipc_send(r.sock, &r.out, fds, i == 4 ? 0 : i == 5 ? 3 : 2), 0);
		ipc_free(r.m);
		r.m = NULL;
		cr_assert_eq(ipc_recv(r.sock, &r.in, &r.m, NULL, NULL), E_CLOSED, "case %d", i);
		stop(&r, 2);
	}
	rig_clear(&r);
}

static int enter_refuses(void *ctx, struct why *w)
{
	(void)ctx;
	return why_set(w, E_INTERNAL, "no sandbox here");
}

Test(archiver, does_not_serve_outside_its_sandbox)
{
	struct rig r;

	rig_open(&r);
	stop(&r, 0);
	r.p.enter = enter_refuses;
	start(&r);
	cr_assert_eq(ipc_recv(r.sock, &r.in, &r.m, NULL, NULL), E_CLOSED);
	stop(&r, 1);
	rig_clear(&r);
}
