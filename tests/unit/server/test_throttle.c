/* SPDX-License-Identifier: Apache-2.0
 *
 * Admission of connections, and the image it survives exec in.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "server/limage.h"

#define S 1000000LL

static struct throttle t;

static struct throttle_src v4(uint8_t last)
{
	uint8_t a[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last};

	return throttle_src_of(a);
}

static void setup(void)
{
	throttle_clear(&t);
	t.begin = 10;
	t.rate = 30;
	t.full = 100;
	t.per_source = 0;
}

TestSuite(throttle, .init = setup);

static bool in(uint8_t source, int64_t now, int dice)
{
	struct throttle_src s = v4(source);

	return throttle_refuses(&t, &s, now, dice) == NULL;
}

static void add(pid_t pid, uint8_t source)
{
	struct throttle_src s = v4(source);

	throttle_add(&t, pid, &s);
}

/* How many of the hundred sides of the dice let a connection in. */
static int chance(void)
{
	int n = 0;

	for (int d = 0; d < 100; d++)
		n += in(250, 0, d);
	return n;
}

Test(throttle, early_drop_grows_from_begin_to_full)
{
	struct throttle_conn was;

	for (pid_t pid = 1; pid <= 100; pid++) {
		if (pid <= 10)
			cr_assert(eq(int, chance(), 100), "with %d waiting", pid - 1);
		add(pid, (uint8_t)pid);
	}
	cr_assert(eq(int, chance(), 0), "full");
	for (pid_t pid = 100; pid > 55; pid--)
		cr_assert(throttle_remove(&t, pid, &was));
	cr_assert(eq(int, chance(), 100 - (30 + 70 * 45 / 90)));
	for (pid_t pid = 55; pid > 10; pid--)
		throttle_authenticated(&t, pid, true);
	cr_assert(eq(int, chance(), 70), "at begin: rate percent are dropped");
	throttle_authenticated(&t, 10, true);
	cr_assert(eq(int, chance(), 100), "who is logged in does not count");
}

Test(throttle, sources_are_capped_apart)
{
	struct throttle_conn was;

	t.per_source = 2;
	add(1, 1);
	add(2, 1);
	throttle_authenticated(&t, 1, true);
	cr_assert(not(in(1, 0, 99)), "logged in or not");
	cr_assert(in(2, 0, 99));
	cr_assert(throttle_remove(&t, 2, &was));
	cr_assert(in(1, 0, 99));
	cr_assert(not(throttle_remove(&t, 2, &was)), "only once");
}

Test(throttle, an_ipv6_source_is_its_64_bit_prefix)
{
	uint8_t a[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1}, b[16], c[16];
	struct throttle_src x, y, z;

	memcpy(b, a, 16);
	memcpy(c, a, 16);
	b[15] = 9;
	c[7] = 2;
	x = throttle_src_of(a);
	y = throttle_src_of(b);
	z = throttle_src_of(c);
	throttle_punish(&t, &x, 0, 10);
	cr_assert(ne(ptr, (void *)(uintptr_t)throttle_refuses(&t, &y, 1, 99), NULL));
	cr_assert(eq(ptr, (void *)(uintptr_t)throttle_refuses(&t, &z, 1, 99), NULL));
}

Test(throttle, penalties_end_and_never_shrink)
{
	struct throttle_src s = v4(1);

	throttle_punish(&t, &s, 0, 10);
	throttle_punish(&t, &s, 0, 5);
	cr_assert(not(in(1, 9 * S, 99)));
	cr_assert(in(1, 10 * S, 99));
	cr_assert(in(2, 0, 99));
}

Test(throttle, crashes_double_the_penalty_until_a_quiet_hour)
{
	struct throttle_src s = v4(1);
	int64_t now = 0, each[] = {10, 20, 40, 80, 100, 100};

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		throttle_crashed(&t, &s, now, 10, 100);
		cr_assert(not(in(1, now + (each[i] - 1) * S, 99)), "crash %zu", i);
		cr_assert(in(1, now + each[i] * S, 99), "crash %zu", i);
		now += each[i] * S;
	}
	now += 3601 * S;
	throttle_crashed(&t, &s, now, 10, 100);
	cr_assert(in(1, now + 10 * S, 99));
	for (int i = 0; i < 100; i++)
		throttle_crashed(&t, &s, now, 10, 100); /* the shift stays defined */
	cr_assert(in(1, now + 100 * S, 99));
}

Test(throttle, a_full_table_forgets_the_shortest_penalty)
{
	struct throttle_src worst = v4(1);
	uint8_t a[16] = {0x20, 1};

	throttle_punish(&t, &worst, 0, 3600);
	for (int i = 0; i < 3 * THROTTLE_PENALTIES; i++) {
		struct throttle_src s;

		a[4] = (uint8_t)(i >> 8);
		a[5] = (uint8_t)i;
		s = throttle_src_of(a);
		throttle_punish(&t, &s, 0, 1 + i);
	}
	cr_assert(eq(sz, t.n_penalties, THROTTLE_PENALTIES));
	cr_assert(not(in(1, 3599 * S, 99)));
}

Test(throttle, the_image_carries_settings_and_state)
{
	static struct throttle back;
	struct listener_settings s = {.gateway = "gw", .login_grace_ms = 5, .n_sockets = 1, .sockets = {7}}, s2;
	struct throttle_src bad = v4(9);
	bool fresh = true;
	int fd;

	for (pid_t pid = 1; pid <= 40; pid++)
		add(pid, (uint8_t)pid);
	throttle_authenticated(&t, 3, true);
	throttle_punish(&t, &bad, 0, 10);
	fd = limage_write(&s, &t, false);
	cr_assert(ge(int, fd, 0));
	cr_assert(lt(long, write(fd, "x", 1), 0), "sealed");
	cr_assert(zero(int, limage_read(fd, &s2, &back, &fresh)));
	cr_assert(zero(int, memcmp(&s, &s2, sizeof(s))));
	cr_assert(not(fresh));
	cr_assert(eq(sz, back.n_conns, 40));
	cr_assert(zero(int, memcmp(back.conns, t.conns, 40 * sizeof(*t.conns))));
	cr_assert(eq(sz, back.n_penalties, 1));
	cr_assert(zero(int, memcmp(back.penalties, t.penalties, sizeof(*t.penalties))));
	close(fd);
	throttle_clear(&back);
}

Test(throttle, a_cut_or_foreign_image_is_refused)
{
	static struct throttle back;
	struct listener_settings s = {.gateway = "gw"}, s2;
	struct buf b;
	bool fresh;
	int fd, rc;

	add(1, 1);
	fd = limage_write(&s, &t, true);
	buf_init(&b, 1 << 20);
	cr_assert(zero(long, lseek(fd, 0, SEEK_SET)));
	cr_assert(zero(int, file_read_fd(fd, &b)));
	close(fd);
	for (size_t n = 0; n <= buf_len(&b); n += 7) {
		fd = limage_memfd("cut", span_of(buf_span(&b).p, n));
		rc = limage_read(fd, &s2, &back, &fresh);
		cr_assert(eq(int, rc == 0, n == buf_len(&b)), "%zu bytes", n);
		close(fd);
	}
	b.mem[b.off] ^= 1;
	fd = limage_memfd("foreign", buf_span(&b));
	cr_assert(ne(int, limage_read(fd, &s2, &back, &fresh), 0));
	close(fd);
	buf_clear(&b);
	throttle_clear(&back);
}
