/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured log: one line per event, `time level event key=value ...` (or JSON), untrusted values escaped in
 * one place. The event name is stable (tests and SIEM rules match it). Writes to an fd with one write(2).
 * Low floors do not log.
 */
#ifndef SP_BASE_LOG_H
#define SP_BASE_LOG_H

#include "base/err.h"
#include "base/span.h"

enum log_level { LOG_DEBUG_, LOG_INFO_, LOG_WARN_, LOG_ERROR_ };

/* process: "monitor", "session", ...; borrowed for ever. fd: where lines go (-1: nowhere). */
void log_init(const char *process, int fd, enum log_level min, bool json);
void log_set_fd(int fd);
/* Context on every later line of this process: session or connection id ("" for none). Copied (31 bytes). */
void log_set_session(const char *id);

/* Pairs are `key, value` C strings ended by NULL: LOG_INFO("session-start", "user", u, "target", t).
 * A pair with the value NULL is left out. Values are escaped. Keys and event names are literals. A line has at most 4 KiB: values that do not fit are
 * shortened or left out whole, and the line ends with cut=yes. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));
#define log_debug(...) log_event(LOG_DEBUG_, __VA_ARGS__, (char *)0)
#define log_info(...) log_event(LOG_INFO_, __VA_ARGS__, (char *)0)
#define log_warn(...) log_event(LOG_WARN_, __VA_ARGS__, (char *)0)
#define log_error(...) log_event(LOG_ERROR_, __VA_ARGS__, (char *)0)
/* A number as a value: lives in a small per-thread ring of 8 strings. */
const char *log_num(long long v);

#endif
