/* SPDX-License-Identifier: Apache-2.0
 *
 * The archiver process: seals closed recording segments (record/seal.h), unprivileged, with nothing
 * but the descriptors of each job. It reads bytes that a session process wrote, so it holds no
 * secret and can be killed and started again at any moment. Messages: wire/ipc.h (IPC_SEAL).
 */
#ifndef SP_SERVER_ARCHIVER_H
#define SP_SERVER_ARCHIVER_H

#include "base/err.h"

struct archiver_params {
	/* Drop privileges and enter the sandbox, before the first message. Afterwards the process
	 * needs: reads, writes, flock, openat, renameat, unlinkat, fsync below the passed
	 * directories, memory for zstd. May be NULL. */
	int (*enter)(void *ctx, struct why *w);
	void *enter_ctx;
};

/* Serve until the monitor closes sock. Returns the exit status: 0 at end of file, 1 when it could
 * not start, 2 after a message that breaks the contract. The descriptors of a job are, in this
 * order, the raw segment (an open file description of its own: a shared one would share the
 * writer's lock) and the session's directory; or the directory alone, then the segment is opened by
 * name. The second form also serves a job that is asked for again when the raw file is gone: the
 * answer is the same. A job whose `hash` is absent or empty accepts the chain as it is. */
int archiver_run(int sock, const struct archiver_params *p);

#endif
