/* SPDX-License-Identifier: Apache-2.0
 *
 * Cancelling a query upstream: a short-lived child opens its own connection to the address of the
 * session and sends PostgreSQL's CancelRequest (protocol 3.0, 55.2.8), inside TLS when the target
 * uses TLS. Best effort, at most 5 seconds.
 */
#ifndef SP_SERVER_REAPER_H
#define SP_SERVER_REAPER_H

#include "server/child.h"

struct reaper_job {
	const char *host;     /* name for TLS */
	const char *hostaddr; /* numeric */
	int port;
	const char *tls;    /* the target's: "disable" | "require" | "verify-ca" | "verify-full" */
	struct span ca_pem; /* for the verifying modes */
	uint32_t pid, key;  /* BackendKeyData */
	uid_t uid;          /* the child's, (uid_t)-1 = ours */
	gid_t gid;
};

#define REAPER_BATCH 4 /* of one child */

/* Everything in job is only needed during the call. 0, or an error when no child could be started.
 */
int reaper_cancel(struct kids *kids, const struct reaper_job *job);
/* Several (at most REAPER_BATCH) one after the other; and all of them again after again_ms, unless that is 0. */
int reaper_cancel_all(
    struct kids *kids, const struct reaper_job *jobs, size_t n, int again_ms);

#endif
