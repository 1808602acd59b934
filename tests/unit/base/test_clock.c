/* SPDX-License-Identifier: Apache-2.0
 *
 * Time: its spelling, and the moved clock of test builds, which no other build has.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

Test(clock, rfc3339)
{
	char out[32];

	clock_rfc3339(0, out);
	cr_expect(eq(str, out, "1970-01-01T00:00:00.000Z"));
	clock_rfc3339(1795210923123456, out);
	cr_expect(eq(str, out, "2026-11-20T21:42:03.123Z"));
}

Test(clock, wall_time_is_the_system_clock)
{
	cr_expect(llabs((long long)(clock_wall_s() - (int64_t)time(NULL))) <= 2);
	clock_test_shift_us(3600 * (int64_t)1000000);
	cr_expect(llabs((long long)(clock_wall_s() - (int64_t)time(NULL) - 3600)) <= 2);
	clock_test_shift_us(0);
}

static void moved_by(FILE *f, int64_t s)
{
	rewind(f);
	cr_assert(fwrite(&s, sizeof(s), 1, f) == 1 && fflush(f) == 0);
}

static int64_t shift(void)
{
	return clock_wall_s() - (int64_t)time(NULL);
}

Test(clock, a_file_moves_test_builds_only)
{
	char path[] = "/tmp/sallyport-clock-XXXXXX";
	FILE *f = fdopen(mkstemp(path), "r+");
	int status;
	pid_t pid;

	cr_assert(f != NULL);
	moved_by(f, 9 * 3600);
	cr_assert(setenv("SP_TEST_CLOCK", path, 1) == 0);
#ifdef SP_ATTACK
	cr_assert(clock_test_open() == 0);
	cr_expect(llabs((long long)(shift() - 9 * 3600)) <= 2);
	pid = fork();
	if (pid == 0) { /* a process that was forked later sees later changes as well */
		while (shift() < 19 * 3600)
			(void)usleep(1000);
		_exit(0);
	}
	moved_by(f, 20 * 3600);
	cr_expect(waitpid(pid, &status, 0) == pid && status == 0);
	cr_expect(llabs((long long)(shift() - 20 * 3600)) <= 2);
	moved_by(f, -60);
	cr_expect(shift() <= -58);
	/* named and not there, or too short: an error, never silently the real time */
	cr_expect(ftruncate(fileno(f), 4) == 0 && clock_test_open() < 0);
	cr_expect(unlink(path) == 0 && clock_test_open() < 0);
#else
	(void)status;
	(void)pid;
	cr_expect(llabs((long long)shift()) <= 2);
	(void)unlink(path);
#endif
	(void)fclose(f);
}
