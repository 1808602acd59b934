/* SPDX-License-Identifier: Apache-2.0
 *
 * The signer process: holds the keys of the authorities (or sockets to agents that hold them) and the log
 * key and nothing else, and decides itself what it signs. It takes no one's word, the monitor's neither: certificates must be short-lived user
 * certificates bound to this gateway with known options only and a growing serial; checkpoints must
 * be of our log and never of a smaller or a different tree. Messages: wire/ipc.h. The answer to
 * SIGN_CERT is an SSH signature blob (issue_finish() takes it), the answer to SIGN_CHECKPOINT are
 * the 64 bytes of an Ed25519 signature.
 */
#ifndef SP_SERVER_SIGNER_H
#define SP_SERVER_SIGNER_H

#include <stdint.h>

#include "base/err.h"

struct signer_params {
	const char *ca;      /* "file:PATH"; created when absent. "agent:...": the monitor brings it */
	const char *log_key; /* path; created when absent; PATH.head beside it remembers the last
				checkpoint */
	const char *gateway; /* name that every certificate must be bound to */
	const char *origin;  /* first line of our log's checkpoints */
	int64_t max_ttl_s;   /* longest life of a certificate, counted from now */
	/* Drop privileges and enter the sandbox, after the keys are read and before the first
	 * message. Afterwards the process needs: reads and writes on open descriptors and those that come with
	 * messages (also pwrite, fdatasync, fsync, send, recv), poll, clock, memory. */
	int (*enter)(void *ctx, struct why *w);
	void *enter_ctx;
};

/* Serve until the monitor closes sock. Returns the exit status: 0 at end of file, 1 when it could
 * not start (the reason goes to the log and, as IPC_FAIL with id 0, to the monitor), 2 after a
 * message that breaks the contract. */
int signer_run(int sock, const struct signer_params *p);

#endif
