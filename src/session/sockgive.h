/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving a library our descriptor instead of a new socket. This file defines socket() and connect() for the whole
 * program: libpq's calls reach them because a program's own exported symbols come before libc's. A session has no
 * socket system call at all; the only connection a library can get in it is the one the monitor made.
 * Does not connect anything and closes nothing.
 */
#ifndef SP_SESSION_SOCKGIVE_H
#define SP_SESSION_SOCKGIVE_H

#include <stdbool.h>

/* Until sockgive_disarm(): the next socket() returns fd, whatever it asked for, and connect() on it succeeds if fd
 * is connected; every further socket() fails with EACCES. fd -1: every socket() fails. Not nestable. */
void sockgive_arm(int fd);
/* Back to normal. True when the library took the descriptor (it is the library's to close now). */
bool sockgive_disarm(void);
/* From now on socket() and connect() fail with EACCES except while armed. Irrevocable; survives fork. */
void sockgive_lock(void);

#endif
