/* SPDX-License-Identifier: Apache-2.0
 *
 * Wall and monotonic time, replaceable in tests.
 */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void); /* microseconds since 1970 UTC */
int64_t clock_wall_s(void);
int64_t clock_mono_us(void); /* microseconds, arbitrary origin, never steps */
/* Tests: a fixed offset in microseconds added to wall time (0 resets). */
void clock_test_shift_us(int64_t us);
/* RFC 3339 UTC with milliseconds, "2026-11-20T14:22:03.123Z" (25 bytes with NUL). */
void clock_rfc3339(int64_t wall_us, char out[32]);

#endif
