/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define NAME "gw.example.com"

/* The tests' own checks must hold in every build. */
#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #x);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void ledger_up(struct rig *g)
{
	struct why w;

	if (ledger_open(g->log, NAME, g->pub, NULL, NULL, &g->ledger, &w) != 0) {
		fprintf(stderr, "ledger_open: %s\n", w.text);
		abort();
	}
}

void rig_open(struct rig *g)
{
	memset(g, 0, sizeof(*g));
	snprintf(g->root, sizeof(g->root), "%s/sprecXXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(g->root) != NULL);
	snprintf(g->recordings, sizeof(g->recordings), "%s/recordings", g->root);
	snprintf(g->log, sizeof(g->log), "%s/log", g->root);
	MUST(mkdir(g->recordings, 0700) == 0 && mkdir(g->log, 0700) == 0);
	g->recordings_fd = open(g->recordings, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 32; i++)
		g->seed[i] = (uint8_t)(i * 7 + 1);
	MUST(ed25519_pub(g->seed, g->pub) == 0);
	g->now_us = 1795000000000000ll;
	ledger_up(g);
}

static void remove_tree(const char *path)
{
	char cmd[256];
	pid_t pid;

	snprintf(cmd, sizeof(cmd), "%s", path);
	pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", cmd, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void rig_close(struct rig *g)
{
	ledger_close(g->ledger);
	close(g->recordings_fd);
	remove_tree(g->root);
}

void rig_reopen(struct rig *g)
{
	ledger_close(g->ledger);
	ledger_up(g);
}

static int sign(void *ctx, struct span body, uint64_t size, uint8_t sig[64])
{
	struct rig *g = ctx;

	(void)size;
	return ed25519_sign(g->seed, body, sig);
}

void rig_checkpoint(struct rig *g)
{
	MUST(ledger_checkpoint(g->ledger, g->pub, sign, g) == 0);
}

void rig_leaf(struct rig *g, const struct rec_leaf *l)
{
	struct rec_leaf x = *l;

	g->now_us += 1000000;
	x.time_us = g->now_us;
	MUST(ledger_append(g->ledger, &x, false, NULL) == 0);
}

void rig_begin(struct rig *g, struct rig_session *s)
{
	struct rec_meta m = {.counter = ++g->counter,
	    .start_us = g->now_us,
	    .epoch = 3,
	    .gateway = NAME,
	    .user = "alice@example.com",
	    .person = "https://idp alice",
	    .target = "orders-prod",
	    .engine = "postgres",
	    .database = "orders",
	    .login = "app_ro",
	    .source = "203.0.113.9:4711",
	    .client = "psql",
	    .cert = "1041"};
	struct rec_leaf l = {.type = LEAF_START, .has_hash = true, .counter = m.counter};
	int fd;

	memset(s, 0, sizeof(*s));
	recdir_new_sid(g->now_us + (int64_t)m.counter * 1000, m.sid);
	memcpy(s->sid, m.sid, sizeof(s->sid));
	s->counter = m.counter;
	snprintf(s->path, sizeof(s->path), "%s/%s", g->recordings, s->sid);
	MUST(recdir_create(g->recordings_fd, &m, &s->dirfd, s->meta_hash) == 0);
	memcpy(l.sid, s->sid, sizeof(l.sid));
	memcpy(l.hash, s->meta_hash, 32);
	rig_leaf(g, &l);
	MUST(recdir_segment_create(s->dirfd, 1, &fd) == 0);
	s->segments = 1;
	memcpy(s->seg_prev[0], s->meta_hash, 32);
	s->rec = recorder_new(fd, s->meta_hash, 1);
}

void rig_statements(struct rig_session *s, int n)
{
	for (int i = 0; i < n; i++) {
		struct rec_param p = {.value = span_str("42")};
		struct rec_statement st = {.proto = "execute",
		    .sql = span_str("select abalance from t where aid = $1"),
		    .name = "S1",
		    .n_params = 1,
		    .params = &p,
		    .cls = "read",
		    .verdict = "allow",
		    .rule = "base:env=prod/read",
		    .epoch = 3,
		    .forwarded = true};
		struct rec_result r = {
		    .tag = "SELECT 1", .rows = 1, .bytes = 12, .duration_us = 812, .masked = ""};
		int64_t seq = recorder_add_statement(s->rec, &st, NULL);

		MUST(seq > 0);
		MUST(recorder_commit(s->rec, false) == 0);
		r.stmt_seq = (uint64_t)seq;
		MUST(recorder_add_result(s->rec, &r) > 0);
	}
	MUST(recorder_commit(s->rec, false) == 0);
}

void rig_progress(struct rig *g, struct rig_session *s)
{
	struct rec_leaf l = {.type = LEAF_PROGRESS, .has_hash = true};

	memcpy(l.sid, s->sid, sizeof(l.sid));
	recorder_head(s->rec, &l.seq, &l.bytes, l.hash);
	rig_leaf(g, &l);
}

void rig_rotate(struct rig_session *s)
{
	uint64_t seq;
	uint64_t bytes;
	int fd;

	recorder_head(s->rec, &seq, &bytes, s->seg_head[s->segments - 1]);
	memcpy(s->seg_prev[s->segments], s->seg_head[s->segments - 1], 32);
	MUST(recdir_segment_create(s->dirfd, ++s->segments, &fd) == 0);
	MUST(recorder_rotate(s->rec, fd) == 0);
}

void rig_end(struct rig *g, struct rig_session *s, const char *reason)
{
	struct rec_kv kv = {"reason", span_str(reason)};
	struct rec_leaf l = {.type = LEAF_END, .has_hash = true, .segment = s->segments};

	MUST(recorder_add(s->rec, REC_END, &kv, 1) > 0);
	MUST(recorder_commit(s->rec, true) == 0);
	memcpy(l.sid, s->sid, sizeof(l.sid));
	recorder_head(s->rec, &l.seq, &l.bytes, l.hash);
	memcpy(s->seg_head[s->segments - 1], l.hash, 32);
	snprintf(l.reason, sizeof(l.reason), "%s", reason);
	rig_leaf(g, &l);
	recorder_free(s->rec);
	s->rec = NULL;
}

void rig_seal(struct rig *g, struct rig_session *s)
{
	for (uint32_t i = 1; i <= s->segments; i++) {
		struct seal_params p = {.dirfd = s->dirfd,
		    .segment = i,
		    .raw_fd = -1,
		    .prev = s->seg_prev[i - 1],
		    .head = s->seg_head[i - 1]};
		struct rec_leaf l;
		struct seal_result r;
		struct why w;

		if (seal_segment(&p, &r, &w) != 0) {
			fprintf(stderr, "seal: %s\n", w.text);
			abort();
		}
		seal_leaf(s->sid, i, &r, &l);
		rig_leaf(g, &l);
	}
}

void rig_forget(struct rig_session *s)
{
	recorder_free(s->rec);
	s->rec = NULL;
	fd_close(&s->dirfd);
}

static void on_finding(void *ctx, const struct verify_finding *f)
{
	struct rig_verdict *v = ctx;
	size_t n = strlen(v->text);

	snprintf(v->text + n, sizeof(v->text) - n, "%c %s\n", "TECLN"[f->kind], f -> text);
}

void rig_verify(
    const struct rig *g, const char *session, struct span outside, struct rig_verdict *v)
{
	struct verify_params p = {.recordings = g->recordings,
	    .log = g->log,
	    .pub = g->pub,
	    .name = NAME,
	    .outside = outside.p != NULL ? &outside : NULL,
	    .session = session,
	    .fn = on_finding,
	    .ctx = v};
	struct why w = {0};

	memset(v, 0, sizeof(*v));
	v->rc = verify_run(&p, &v->report, &w);
	if (v->rc != 0 && v->rc != E_TAMPER)
		snprintf(v->text + strlen(v->text), sizeof(v->text) - strlen(v->text), "why: %s\n",
		    w.text);
}

size_t rig_read(const char *dir, const char *name, uint8_t *out, size_t cap)
{
	char path[256];
	struct buf b;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	buf_init(&b, cap);
	MUST(file_read(path, &b) == 0);
	n = buf_len(&b);
	memcpy(out, buf_span(&b).p, n);
	buf_clear(&b);
	return n;
}

void rig_write(const char *dir, const char *name, const void *p, size_t n)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	MUST(fd >= 0 && file_write_all(fd, p, n) == 0);
	close(fd);
}
