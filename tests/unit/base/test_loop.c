/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop under its users' worst habits: unregistering and re-using descriptors inside callbacks, timers that cancel
 * and arm timers, stopping in the middle of a batch.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

struct rig {
	struct loop *l;
	int a[2], b[2], c[2];
	int hits_a, hits_b, hits_c;
	unsigned last;
	struct loop_timer *t;
	int fired, order[8];
};

static void pair(int s[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
}

static void poke(int fd)
{
	cr_assert_eq(write(fd, "x", 1), 1);
}

static void rig_up(struct rig *r)
{
	*r = (struct rig){.l = loop_new()};
	cr_assert_not_null(r->l);
	pair(r->a);
	pair(r->b);
	pair(r->c);
}

static void rig_down(struct rig *r)
{
	loop_free(r->l);
	for (int i = 0; i < 2; i++) {
		close(r->a[i]);
		close(r->b[i]);
		close(r->c[i]);
	}
}

static void stop_now(void *ctx)
{
	loop_stop(((struct rig *)ctx)->l, 7);
}

static void count_b(void *ctx, int fd, unsigned events)
{
	struct rig *r = ctx;
	char x;

	r->hits_b++;
	r->last = events;
	if (events & LOOP_IN)
		(void)!read(fd, &x, 1);
}

static void other_dies(void *ctx, int fd, unsigned events)
{
	struct rig *r = ctx;
	int other = fd == r->a[0] ? r->b[0] : r->a[0];

	(void)events;
	r->hits_a++;
	loop_del(r->l, fd);
	loop_del(r->l, other);
}

Test(loop, deleted_in_the_same_batch_is_not_called)
{
	struct rig r;

	rig_up(&r);
	cr_assert_eq(loop_add(r.l, r.a[0], LOOP_IN, other_dies, &r), 0);
	cr_assert_eq(loop_add(r.l, r.b[0], LOOP_IN, other_dies, &r), 0);
	poke(r.a[1]);
	poke(r.b[1]);
	loop_after(r.l, 20, stop_now, &r);
	cr_expect_eq(loop_run(r.l), 7);
	cr_expect_eq(r.hits_a, 1);
	rig_down(&r);
}

static void reuse(void *ctx, int fd, unsigned events)
{
	struct rig *r = ctx;
	int victim = fd == r->a[0] ? r->b[0] : r->a[0];

	(void)events;
	r->hits_a++;
	loop_del(r->l, fd);
	loop_del(r->l, victim);
	/* the victim's number now means a silent socket: its pending event must not reach the new owner */
	cr_assert_eq(dup2(r->c[0], victim), victim);
	cr_assert_eq(loop_add(r->l, victim, LOOP_IN, count_b, r), 0);
}

Test(loop, reused_number_does_not_inherit_events)
{
	struct rig r;

	rig_up(&r);
	cr_assert_eq(loop_add(r.l, r.a[0], LOOP_IN, reuse, &r), 0);
	cr_assert_eq(loop_add(r.l, r.b[0], LOOP_IN, reuse, &r), 0);
	poke(r.a[1]);
	poke(r.b[1]);
	loop_after(r.l, 20, stop_now, &r);
	cr_expect_eq(loop_run(r.l), 7);
	cr_expect_eq(r.hits_a, 1);
	cr_expect_eq(r.hits_b, 0);
	poke(r.c[1]);
	loop_after(r.l, 20, stop_now, &r);
	cr_expect_eq(loop_run(r.l), 7);
	cr_expect_eq(r.hits_b, 1, "the new registration works");
	rig_down(&r);
}

static void deafen(void *ctx, int fd, unsigned events)
{
	struct rig *r = ctx;

	(void)events;
	r->hits_a++;
	loop_mod(r->l, fd, 0);
	loop_mod(r->l, fd == r->a[0] ? r->b[0] : r->a[0], 0);
}

/* Back-pressure set by one callback holds for the rest of the batch. */
Test(loop, lost_interest_counts_at_once)
{
	struct rig r;

	rig_up(&r);
	cr_assert_eq(loop_add(r.l, r.a[0], LOOP_IN, deafen, &r), 0);
	cr_assert_eq(loop_add(r.l, r.b[0], LOOP_IN, deafen, &r), 0);
	poke(r.a[1]);
	poke(r.b[1]);
	loop_after(r.l, 20, stop_now, &r);
	(void)loop_run(r.l);
	cr_expect_eq(r.hits_a, 1);
	rig_down(&r);
}

static void del_self(void *ctx, int fd, unsigned events)
{
	struct rig *r = ctx;

	r->hits_c++;
	r->last = events;
	loop_del(r->l, fd);
	loop_stop(r->l, 3);
}

Test(loop, hangup_is_reported_without_interest)
{
	struct rig r;

	rig_up(&r);
	cr_assert_eq(loop_add(r.l, r.a[0], 0, del_self, &r), 0);
	poke(r.a[1]);
	close(r.a[1]);
	cr_expect_eq(loop_run(r.l), 3);
	cr_expect_eq(r.last, LOOP_HUP);
	r.a[1] = dup(0);
	cr_assert_eq(loop_add(r.l, r.b[0], LOOP_OUT, del_self, &r), 0);
	cr_expect_eq(loop_run(r.l), 3);
	cr_expect_eq(r.last, LOOP_OUT);
	rig_down(&r);
}

Test(loop, registrations)
{
	struct rig r;
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int high;

	rig_up(&r);
	cr_expect_eq(loop_add(r.l, -1, LOOP_IN, count_b, &r), -EBADF);
	cr_expect_eq(loop_add(r.l, 900, LOOP_IN, count_b, &r), -EBADF);
	cr_expect_eq(loop_add(r.l, file, LOOP_IN, count_b, &r), -EPERM, "epoll takes no such file");
	cr_expect_eq(loop_add(r.l, r.b[0], LOOP_IN, count_b, &r), 0);
	cr_expect_eq(loop_add(r.l, r.b[0], LOOP_IN, count_b, &r), E_EXISTS);
	high = fcntl(r.c[0], F_DUPFD_CLOEXEC, 700);
	cr_expect_eq(loop_add(r.l, high, LOOP_IN, count_b, &r), 0, "the table grows");
	loop_del(r.l, 9999);
	loop_del(r.l, -1);
	loop_mod(r.l, 9999, LOOP_IN);
	loop_del(r.l, r.b[0]);
	loop_del(r.l, r.b[0]);
	cr_expect_eq(loop_add(r.l, r.b[0], LOOP_IN, count_b, &r), 0);
	poke(r.b[1]);
	poke(r.c[1]);
	loop_after(r.l, 20, stop_now, &r);
	(void)loop_run(r.l);
	cr_expect_eq(r.hits_b, 2);
	close(high);
	close(file);
	rig_down(&r);
}

static void fire1(void *ctx)
{
	struct rig *r = ctx;

	r->order[r->fired++] = 1;
	loop_cancel(r->l, r->t); /* due in this very pass */
	r->t = NULL;
	loop_after(r->l, 1, stop_now, r);
}

static void fire2(void *ctx)
{
	struct rig *r = ctx;

	r->order[r->fired++] = 2;
}

Test(loop, timer_cancelled_by_a_timer_of_the_same_pass)
{
	struct rig r;

	rig_up(&r);
	loop_after(r.l, 0, fire2, &r);
	loop_after(r.l, 0, fire1, &r);
	r.t = loop_after(r.l, 0, fire2, &r);
	usleep(2000);
	cr_expect_eq(loop_run(r.l), 7);
	cr_expect_eq(r.fired, 2);
	cr_expect(r.order[0] == 2 && r.order[1] == 1, "in the order they were armed");
	loop_cancel(r.l, NULL);
	rig_down(&r);
}

static int next_turn;

static void in_turn(void *ctx)
{
	cr_assert_eq(*(int *)ctx, next_turn++);
}

/* Many within one microsecond: first armed, first called. */
Test(loop, timers_due_together_keep_their_order)
{
	static int turn[2000];
	struct rig r;

	rig_up(&r);
	for (int i = 0; i < 2000; i++) {
		turn[i] = i;
		loop_after(r.l, 0, in_turn, &turn[i]);
	}
	loop_after(r.l, 1, stop_now, &r);
	(void)loop_run(r.l);
	cr_expect_eq(next_turn, 2000);
	rig_down(&r);
}

static void rearm(void *ctx)
{
	struct rig *r = ctx;

	if (++r->fired < 1000)
		loop_after(r->l, 0, rearm, r);
}

/* A timer that arms itself again does not starve the descriptors. */
Test(loop, rearming_timer_and_due_order)
{
	struct rig r;
	int64_t start;

	rig_up(&r);
	cr_assert_eq(loop_add(r.l, r.b[0], LOOP_IN, del_self, &r), 0);
	loop_after(r.l, 0, rearm, &r);
	poke(r.b[1]);
	cr_expect_eq(loop_run(r.l), 3);
	cr_expect_eq(r.hits_c, 1);
	start = clock_mono_us();
	loop_after(r.l, 30, stop_now, &r);
	cr_expect_eq(loop_run(r.l), 7);
	cr_expect_geq(clock_mono_us() - start, 30000, "never early");
	rig_down(&r);
}

static void stop_first(void *ctx, int fd, unsigned events)
{
	(void)fd;
	(void)events;
	((struct rig *)ctx)->hits_a++;
	stop_now(ctx);
}

static void after_step(void *ctx)
{
	((struct rig *)ctx)->fired++;
}

static void after_stop(void *ctx)
{
	loop_stop(((struct rig *)ctx)->l, 9);
}

Test(loop, stop_ends_the_batch)
{
	struct rig r;

	rig_up(&r);
	loop_set_after(r.l, after_step, &r);
	cr_assert_eq(loop_add(r.l, r.a[0], LOOP_IN, stop_first, &r), 0);
	cr_assert_eq(loop_add(r.l, r.b[0], LOOP_IN, stop_first, &r), 0);
	poke(r.a[1]);
	poke(r.b[1]);
	cr_expect_eq(loop_run(r.l), 7);
	cr_expect_eq(r.hits_a, 1);
	cr_expect_eq(r.fired, 1, "the step ran before sleeping, not after the stop");
	cr_expect_eq(loop_run(r.l), 7, "it can run again");
	loop_set_after(r.l, after_stop, &r);
	cr_expect_eq(loop_run(r.l), 9, "a stop in the step does not sleep");
	loop_after(r.l, 100000, stop_now, &r); /* freed with the loop */
	rig_down(&r);
	loop_free(NULL);
}
