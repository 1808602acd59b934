/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor client: answers find their callers, pushes their handlers, descriptors are never leaked, and whatever
 * an honest monitor would not do ends the process.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "session/monclient.h"

struct fix {
	struct loop *l;
	struct monclient *mc;
	int peer;
	struct buf out, in;
	struct ipc_msg *m;
};

static void up(struct fix *f)
{
	int sp[2];

	log_set_fd(-1);
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp)));
	*f = (struct fix){.l = loop_new(), .peer = sp[1]};
	f->mc = monclient_new(f->l, sp[0]);
	buf_init(&f->out, IPC_MAX);
	buf_init(&f->in, IPC_MAX);
}

static void down(struct fix *f)
{
	monclient_free(f->mc);
	loop_free(f->l);
	close(f->peer);
	ipc_free(f->m);
	buf_clear(&f->out);
	buf_clear(&f->in);
}

static void stop(void *ctx)
{
	loop_stop(ctx, 0);
}

/* Let the loop take what is there. */
static void turn(struct fix *f)
{
	(void)loop_after(f->l, 20, stop, f->l);
	cr_assert(zero(int, loop_run(f->l)));
}

static const struct ipc_msg *asked(struct fix *f)
{
	ipc_free(f->m);
	cr_assert(zero(int, ipc_recv(f->peer, &f->in, &f->m, NULL, NULL)));
	return f->m;
}

static void answer(struct fix *f, enum ipc_type t, uint32_t id, const char *text, int fd)
{
	ipc_begin(&f->out, t, id);
	ipc_str(&f->out, "text", text);
	cr_assert(zero(int, ipc_send(f->peer, &f->out, &fd, fd >= 0 ? 1 : 0)));
}

struct got {
	int n, type;
	char text[64];
	int fd;
};

static void on_answer(void *ctx, const struct ipc_msg *m, int *fds, size_t nfds)
{
	struct got *g = ctx;

	g->n++;
	g->type = m != NULL ? ipc_type_of(m) : -1;
	g->fd = nfds > 0 ? fds[0] : -1;
	if (m != NULL)
		(void)!ipc_get_str(m, "text", g->text, sizeof(g->text));
}

static void on_push(void *ctx, const struct ipc_msg *m)
{
	on_answer(ctx, m, NULL, 0);
}

Test(monclient, answers_find_their_callers_in_any_order)
{
	struct fix f;
	struct got a = {0}, b = {0};
	uint32_t ia, ib;

	up(&f);
	ipc_str(monclient_begin(f.mc, IPC_TARGET), "name", "one");
	ia = monclient_call(f.mc, on_answer, &a);
	ipc_str(monclient_begin(f.mc, IPC_TARGET), "name", "two");
	ib = monclient_call(f.mc, on_answer, &b);
	cr_assert(all(lt(u32, 0, ia), lt(u32, ia, ib)));
	cr_assert(eq(u32, ipc_id(asked(&f)), ia));
	cr_assert(eq(u32, ipc_id(asked(&f)), ib));
	answer(&f, IPC_FAIL, ib, "no", -1);
	answer(&f, IPC_OK, ia, "yes", 0);
	turn(&f);
	cr_assert(all(eq(int, a.n, 1), eq(int, a.type, IPC_OK), eq(str, a.text, "yes")));
	cr_assert(ge(int, a.fd, 0), "the descriptor is the callback's");
	cr_assert(all(eq(int, b.n, 1), eq(int, b.type, IPC_FAIL), eq(str, b.text, "no")));
	close(a.fd);
	down(&f);
}

static size_t open_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

Test(monclient, forgotten_and_unwanted_answers_drop_their_descriptors)
{
	struct fix f;
	struct got a = {0};
	uint32_t id;
	size_t before;

	up(&f);
	before = open_fds();
	(void)monclient_begin(f.mc, IPC_CONNECT);
	id = monclient_call(f.mc, on_answer, &a);
	monclient_forget(f.mc, id);
	answer(&f, IPC_OK, id, "", 0);
	(void)monclient_begin(f.mc, IPC_BACKEND);
	id = monclient_call(f.mc, NULL, NULL);
	answer(&f, IPC_OK, id, "", 0);
	turn(&f);
	cr_assert(zero(int, a.n));
	cr_assert(eq(sz, open_fds(), before));
	down(&f);
}

static void leave(void *ctx, const struct ipc_msg *m)
{
	struct got *g = ctx;

	on_answer(g, m, NULL, 0);
}

Test(monclient, pushes_reach_every_listener_of_their_type)
{
	struct fix f;
	struct got a = {0}, b = {0}, c = {0};

	up(&f);
	monclient_on(f.mc, IPC_KILL, on_push, &a);
	monclient_on(f.mc, IPC_KILL, leave, &b);
	monclient_on(f.mc, IPC_POLICY, on_push, &c);
	answer(&f, IPC_KILL, 0, "one", -1);
	turn(&f);
	monclient_on(f.mc, IPC_KILL, NULL, &a);
	answer(&f, IPC_KILL, 0, "two", -1);
	turn(&f);
	cr_assert(all(eq(int, a.n, 1), eq(str, a.text, "one")));
	cr_assert(all(eq(int, b.n, 2), eq(str, b.text, "two")));
	cr_assert(zero(int, c.n));
	down(&f);
}

static struct monclient *removing;

static void remove_both(void *ctx, const struct ipc_msg *m)
{
	struct got *g = ctx;

	(void)m;
	g[0].n++;
	monclient_on(removing, IPC_KILL, NULL, &g[0]);
	monclient_on(removing, IPC_KILL, NULL, &g[1]);
}

Test(monclient, a_listener_may_remove_itself_and_others)
{
	struct fix f;
	struct got g[2] = {{0}, {0}};

	up(&f);
	removing = f.mc;
	monclient_on(f.mc, IPC_KILL, on_push, &g[1]);
	monclient_on(f.mc, IPC_KILL, remove_both, &g[0]); /* called first */
	answer(&f, IPC_KILL, 0, "", -1);
	answer(&f, IPC_KILL, 0, "", -1);
	turn(&f);
	cr_assert(all(eq(int, g[0].n, 1), zero(int, g[1].n)));
	down(&f);
}

Test(monclient, a_slow_monitor_gets_everything_in_order)
{
	struct fix f;
	char big[20000];
	int n = 60; /* more than a socket buffer holds */

	up(&f);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (int i = 0; i < n; i++) {
		struct buf *b = monclient_begin(f.mc, IPC_HOLD_PART);

		ipc_int(b, "n", i);
		ipc_str(b, "part", big);
		(void)monclient_call(f.mc, NULL, NULL);
	}
	for (int i = 0; i < n; i++) {
		cr_assert(eq(i64, ipc_get_int(asked(&f), "n", -1), i));
		if (i % 5 == 0)
			turn(&f);
	}
	down(&f);
}

Test(monclient, too_big_a_call_is_answered_with_nothing)
{
	struct fix f;
	struct got a = {0};
	struct buf *b;
	static uint8_t big[IPC_MAX];

	up(&f);
	b = monclient_begin(f.mc, IPC_HOLD_NEW);
	ipc_bin(b, "sql", span_of(big, sizeof(big)));
	(void)monclient_call(f.mc, on_answer, &a);
	cr_assert(all(eq(int, a.n, 1), eq(int, a.type, -1)));
	(void)monclient_begin(f.mc, IPC_TARGET); /* the next one works */
	(void)monclient_call(f.mc, on_answer, &a);
	cr_assert(eq(int, ipc_type_of(asked(&f)), IPC_TARGET));
	down(&f);
}

Test(monclient, why_takes_the_words_of_a_refusal)
{
	struct buf b;
	struct ipc_msg *m;
	struct why w;
	char state[6];

	buf_init(&b, IPC_MAX);
	ipc_begin(&b, IPC_FAIL, 1);
	ipc_int(&b, "code", E_DENIED);
	ipc_str(&b, "text", "not yours");
	ipc_str(&b, "hint", "ask");
	ipc_str(&b, "sqlstate", "42501");
	cr_assert(zero(int, ipc_end(&b)));
	cr_assert(zero(int, ipc_parse(buf_span(&b), &m)));
	monclient_why(m, &w, state);
	cr_assert(all(eq(int, w.code, E_DENIED), eq(str, w.text, "not yours"), eq(str, w.hint, "ask")));
	cr_assert(eq(str, state, "42501"));
	monclient_why(NULL, &w, state);
	cr_assert(all(lt(int, w.code, 0), eq(str, state, "XX000")));
	ipc_free(m);
	buf_clear(&b);
}

/* What a hostile or dead monitor does, done to a forked client: its exit status. */
static int end_of(void (*deed)(struct fix *))
{
	int status = 0;
	pid_t pid = fork();

	cr_assert(ge(int, pid, 0));
	if (pid == 0) {
		struct fix f;

		up(&f);
		deed(&f);
		(void)loop_after(f.l, 2000, stop, f.l);
		(void)loop_run(f.l);
		_exit(0); /* survived */
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void hang_up(struct fix *f)
{
	close(f->peer);
}

static void answer_nobody(struct fix *f)
{
	answer(f, IPC_OK, 7, "", -1);
}

static void wrong_type(struct fix *f)
{
	(void)monclient_begin(f->mc, IPC_TARGET);
	(void)monclient_call(f->mc, on_answer, &(struct got){0});
	answer(f, IPC_KILL, 1, "", -1);
}

static void garbage(struct fix *f)
{
	cr_assert(zero(int, fd_send(f->peer, span_str("\xc1garbage"), NULL, 0)));
}

static void flood_it(struct fix *f)
{
	static char big[100000];

	memset(big, 'x', sizeof(big) - 1);
	for (int i = 0; i < 100; i++) {
		ipc_str(monclient_begin(f->mc, IPC_HOLD_PART), "part", big);
		(void)monclient_call(f->mc, NULL, NULL);
	}
}

Test(monclient, without_an_honest_monitor_the_process_ends)
{
	static const struct {
		const char *what;
		void (*deed)(struct fix *);
	} cases[] = {{"end of file", hang_up}, {"answer without a call", answer_nobody}, {"type of an answer", wrong_type},
		{"garbage", garbage}, {"a monitor that never reads", flood_it}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert(eq(int, end_of(cases[i].deed), 81), "%s", cases[i].what);
}
