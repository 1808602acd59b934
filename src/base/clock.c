/* SPDX-License-Identifier: Apache-2.0
 *
 * Wall and monotonic time.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t test_shift_us;

static int64_t now_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
	return now_us(CLOCK_REALTIME) + test_shift_us;
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
