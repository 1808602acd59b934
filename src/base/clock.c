/* SPDX-License-Identifier: Apache-2.0
 *
 * Wall and monotonic time. Test builds (--enable-attack) take an offset from a mapped file, so that a test moves the clock
 * of a whole running gateway at once; no other build has that.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "config.h"

#ifdef SP_ATTACK
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever writes the file moves the clock of every process that has it mapped: those forked later, too. */
static const volatile int64_t *moved_s;

static int64_t moved_us(void)
{
	return moved_s != NULL ? *moved_s * 1000000 : 0;
}

int clock_test_open(void)
{
	const char *path = getenv(CLOCK_TEST_ENV);
	struct stat st;
	int fd, rc = 0;
	void *p;

	if (path == NULL || path[0] == '\0')
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(*moved_s)) {
		rc = -EINVAL; /* a shorter file would be a SIGBUS later */
	} else {
		p = mmap(NULL, sizeof(*moved_s), PROT_READ, MAP_SHARED, fd, 0);
		rc = p == MAP_FAILED ? -errno : 0;
		moved_s = rc == 0 ? p : NULL;
	}
	close(fd);
	return rc;
}
#else
static int64_t moved_us(void)
{
	return 0;
}
#endif

static int64_t test_shift_us;

static int64_t now_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
	return now_us(CLOCK_REALTIME) + test_shift_us + moved_us();
}

int64_t clock_wall_s(void)
{
	return clock_wall_us() / 1000000;
}

int64_t clock_mono_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

void clock_test_shift_us(int64_t us)
{
	test_shift_us = us;
}

void clock_rfc3339(int64_t wall_us, char out[32])
{
	int64_t ms = wall_us % 1000000 / 1000 - (wall_us % 1000 < 0);
	time_t s = (time_t)(wall_us / 1000000) - (ms < 0);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, 32 - n, ".%03dZ", (int)(ms < 0 ? ms + 1000 : ms));
}
