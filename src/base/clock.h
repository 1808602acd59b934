/* SPDX-License-Identifier: Apache-2.0
 *
 * Wall and monotonic time, replaceable in tests.
 */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <stdint.h>

#include "config.h"

int64_t clock_wall_us(void); /* microseconds since 1970 UTC */
int64_t clock_wall_s(void);
int64_t clock_mono_us(void); /* microseconds, arbitrary origin, never steps */
/* Tests: a fixed offset in microseconds added to wall time (0 resets). */
void clock_test_shift_us(int64_t us);
#ifdef SP_ATTACK
/* Test builds: the file that this variable names holds 8 bytes, an int64 in native order: seconds added to wall time from
 * now on, changes included. Once, early in main(), before a sandbox and before any fork. 0 also without the variable. */
#define CLOCK_TEST_ENV "SP_TEST_CLOCK"
int clock_test_open(void);
#endif
/* RFC 3339 UTC with milliseconds, "2026-11-20T14:22:03.123Z" (25 bytes with NUL). */
void clock_rfc3339(int64_t wall_us, char out[32]);

#endif
