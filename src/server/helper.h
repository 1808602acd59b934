/* SPDX-License-Identifier: Apache-2.0
 *
 * The two forked helpers of the main process, signer and archiver: fork, keep one socket, drop privileges, serve.
 */
#ifndef SP_SERVER_HELPER_H
#define SP_SERVER_HELPER_H

#include "server/dsetup.h"

/* Both: *sock is our end of a SEQPACKET pair, *pid the process. */
int helper_signer(const struct dsetup *d, pid_t *pid, int *sock, struct why *w) MUST_CHECK;
int helper_archiver(const struct dsetup *d, pid_t *pid, int *sock, struct why *w) MUST_CHECK;

#endif
