/* SPDX-License-Identifier: Apache-2.0
 *
 * The lab's monitor: answers what a session asks as the lab's fields say, keeps every request for the test, opens the
 * recording and the connection to the server.
 */
#include "tests/support/pxmon.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "policy/view.h"
#include "session/px.h"
#include "tests/support/pgserver.h"
#include "tests/support/pxtap.h"

struct buf *lab_answer(struct pxlab *l, enum ipc_type t, uint32_t id)
{
	ipc_begin(&l->mon_out, t, id);
	return &l->mon_out;
}

void lab_answered(struct pxlab *l, const int *fds, size_t n)
{
	cr_assert(ipc_send(l->mon, &l->mon_out, fds, n) == 0);
}

/* ---- the recording ---- */

static void meta_write(struct pxlab *l, uint8_t hash[SHA256_LEN])
{
	struct rec_meta m = {.version = REC_VERSION, .counter = 1, .start_us = 1, .epoch = 1, .gateway = "lab", .user = "alice",
	    .target = "orders-prod", .engine = "postgres", .login = "app_rw"};
	struct buf b;
	int fd;

	memcpy(m.sid, l->sid, sizeof(m.sid));
	buf_init(&b, REC_META_MAX);
	rec_meta_put(&b, &m);
	sha256(buf_span(&b), hash);
	fd = open(lab_ring(span_str(l->dir)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(fd >= 0 && file_replace_at(fd, "meta", buf_span(&b), 0600) == 0);
	close(fd);
	buf_clear(&b);
}

static int segment_open(struct pxlab *l)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%06u.rec", l->dir, ++l->segment);
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void recording_make(struct pxlab *l, uint8_t hash[SHA256_LEN])
{
	static unsigned n;

	snprintf(l->sid, sizeof(l->sid), "01TEST%010u%010u", (unsigned)getpid(), n++);
	snprintf(l->name, sizeof(l->name), "sallyport:%s:alice", l->sid);
	snprintf(l->dir, sizeof(l->dir), "/tmp/sallyport-rec-XXXXXX");
	cr_assert(mkdtemp(l->dir) != NULL);
	meta_write(l, hash);
}

/* ---- answers ---- */

static void answer_connect(struct pxlab *l, uint32_t id)
{
	uint8_t hash[SHA256_LEN];
	struct buf view, *b;
	int fds[2];

	recording_make(l, hash);
	fds[0] = l->tap ? pxtap_dial(l) : pgserver_dial();
	fds[1] = l->rec_fd >= 0 ? dup(l->rec_fd) : segment_open(l);
	buf_init(&view, 65536);
	policy_view_put(&view, &l->view);
	b = lab_answer(l, IPC_OK, id);
	ipc_str(b, "sid", l->sid);
	ipc_str(b, "host", "localhost");
	ipc_str(b, "hostaddr", "127.0.0.1");
	ipc_int(b, "port", pgserver_port());
	ipc_str(b, "tls", "disable");
	ipc_bin(b, "password", span_str(l->password));
	ipc_str(b, "application_name", l->name);
	ipc_raw(b, "view", buf_span(&view));
	ipc_bin(b, "prev", span_of(hash, sizeof(hash)));
	ipc_int(b, "seq", 1);
	ipc_str(b, "sync", l->sync);
	ipc_str(b, "parameters", l->parameters);
	ipc_int(b, "max_rows", l->max_rows);
	ipc_str(b, "login", l->login);
	ipc_str(b, "database", l->db);
	lab_answered(l, fds, 2);
	close(fds[0]);
	close(fds[1]);
	buf_clear(&view);
}

static void answer_hold(struct pxlab *l, uint32_t id)
{
	const char *rows = lab_ask(l, IPC_HOLD_NEW, lab_n_asked(l, IPC_HOLD_NEW) - 1, "effect_rows");
	struct buf *b;
	char hold[24];

	if (l->hold_mute)
		return;
	snprintf(hold, sizeof(hold), "hold%u", l->n_holds++);
	b = lab_answer(l, IPC_OK, id);
	ipc_str(b, "id", hold);
	ipc_str(b, "state", l->hold_state);
	ipc_int(b, "wait_ms", l->wait_ms);
	ipc_str(b, "approvers", "dba");
	ipc_int(b, "quorum", 1);
	ipc_int(b, "effect_rows", rows[0] != '\0' ? strtoll(rows, NULL, 10) : -1);
	if (strcmp(l->hold_state, "approved") == 0)
		ipc_str(b, "by", "bob");
	lab_answered(l, NULL, 0);
	if (l->decision != NULL)
		lab_decide(l, l->decision, "bob", "ticket 812");
}

static void answer_segment(struct pxlab *l, uint32_t id)
{
	int fd = segment_open(l);

	(void)lab_answer(l, IPC_OK, id);
	lab_answered(l, &fd, 1);
	close(fd);
}

static void answer_consume(struct pxlab *l, uint32_t id)
{
	struct buf *b = lab_answer(l, l->consume_refused != NULL ? IPC_FAIL : IPC_OK, id);

	if (l->consume_refused != NULL)
		ipc_str(b, "text", l->consume_refused);
	lab_answered(l, NULL, 0);
}

static void answer(struct pxlab *l, const struct ipc_msg *m)
{
	uint32_t id = ipc_id(m);

	if (l->on_ask != NULL && l->on_ask(l, m))
		return;
	switch (ipc_type_of(m)) {
	case IPC_CONNECT:
		answer_connect(l, id);
		break;
	case IPC_HOLD_NEW:
		answer_hold(l, id);
		break;
	case IPC_HOLD_CONSUME:
		answer_consume(l, id);
		break;
	case IPC_SEGMENT:
		answer_segment(l, id);
		break;
	case IPC_HEAD:
		break;
	case IPC_TARGET:
		ipc_str(lab_answer(l, IPC_OK, id), "name", "orders-prod");
		lab_answered(l, NULL, 0);
		break;
	default:
		(void)lab_answer(l, IPC_OK, id);
		lab_answered(l, NULL, 0);
	}
}

static void ask_keep(struct pxlab *l, const struct ipc_msg *m, struct span raw)
{
	struct lab_ask *a = &l->ask[l->n_asks];

	if (l->n_asks == LAB_ASKS || ipc_type_of(m) == IPC_HEAD)
		return;
	l->n_asks++;
	*a = (struct lab_ask){.type = ipc_type_of(m), .id = ipc_id(m)};
	buf_init(&a->raw, IPC_MAX);
	buf_put_span(&a->raw, raw);
}

void pxmon_take(struct pxlab *l)
{
	for (;;) {
		struct ipc_msg *m;
		int fds[FD_PASS_MAX];
		size_t n = FD_PASS_MAX;

		if (ipc_recv(l->mon, &l->mon_in, &m, fds, &n) != 0)
			return;
		ask_keep(l, m, buf_span(&l->mon_in));
		if (l->x != NULL)
			answer(l, m);
		ipc_free(m);
	}
}

static void mon_event(void *ctx, int fd, unsigned events)
{
	(void)fd;
	(void)events;
	pxmon_take(ctx);
}

void pxmon_init(struct pxlab *l, int sock)
{
	l->mon = sock;
	buf_init(&l->mon_in, IPC_MAX + 64);
	buf_init(&l->mon_out, IPC_MAX);
	cr_assert(loop_add(l->loop, sock, LOOP_IN, mon_event, l) == 0);
}

/* ---- pushed ---- */

void lab_decide(struct pxlab *l, const char *state, const char *by, const char *why)
{
	struct buf *b = lab_answer(l, IPC_HOLD_DECIDED, 0);
	char hold[24];

	snprintf(hold, sizeof(hold), "hold%u", l->n_holds - 1);
	ipc_str(b, "id", hold);
	ipc_str(b, "state", state);
	ipc_str(b, "by", by);
	ipc_str(b, "why", why);
	lab_answered(l, NULL, 0);
}

static bool view_arrived(struct pxlab *l)
{
	return l->x->view.epoch == l->view.epoch;
}

/* A new epoch, as a reload makes one; returns when the session has it. */
void lab_push_view(struct pxlab *l)
{
	struct buf view, *b;

	l->view.epoch++;
	b = lab_answer(l, IPC_POLICY, 0);
	buf_init(&view, 65536);
	policy_view_put(&view, &l->view);
	ipc_str(b, "sid", l->sid);
	ipc_raw(b, "view", buf_span(&view));
	lab_answered(l, NULL, 0);
	buf_clear(&view);
	(void)lab_until(l, view_arrived, 5000);
}

void lab_push_kill(struct pxlab *l, const char *reason, const char *sqlstate)
{
	struct buf *b = lab_answer(l, IPC_KILL, 0);

	ipc_str(b, "sid", l->sid);
	ipc_str(b, "reason", reason);
	ipc_str(b, "sqlstate", sqlstate);
	lab_answered(l, NULL, 0);
}

/* ---- what was asked ---- */

size_t lab_n_asked(const struct pxlab *l, enum ipc_type t)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_asks; i++)
		n += l->ask[i].type == (int)t;
	return n;
}

static const char *value_text(const struct ipc_msg *m, const char *key)
{
	char num[32];

	if (ipc_get(m, key) == NULL)
		return "";
	if (ipc_get_span(m, key).p != NULL)
		return lab_ring(ipc_get_span(m, key));
	snprintf(num, sizeof(num), "%lld", (long long)ipc_get_int(m, key, ipc_get_bool(m, key, false)));
	return lab_ring(span_str(num));
}

const char *lab_ask(struct pxlab *l, enum ipc_type t, size_t i, const char *key)
{
	for (size_t k = 0; k < l->n_asks; k++) {
		struct ipc_msg *m;
		const char *text;

		if (l->ask[k].type != (int)t || i-- > 0)
			continue;
		if (ipc_parse(buf_span(&l->ask[k].raw), &m) != 0)
			return "";
		text = value_text(m, key);
		ipc_free(m);
		return text;
	}
	return "";
}
