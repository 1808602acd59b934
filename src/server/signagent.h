/* SPDX-License-Identifier: Apache-2.0
 *
 * The signer's conversation with an ssh-agent over a socket that the monitor connected. Blocking, with
 * a limit of SIGNAGENT_MS on a whole question. The agent is not believed: a signature is verified
 * before it counts. After any failure but E_NOTFOUND the conversation is out of step: close it.
 */
#ifndef SP_SERVER_SIGNAGENT_H
#define SP_SERVER_SIGNAGENT_H

#include "wire/sshpk.h"

#define SIGNAGENT_MS 5000

/* Append the blob of the key with this fingerprint. E_NOTFOUND: the agent does not have it, E_CLOSED:
 * there is no agreement with this agent. */
int signagent_find(int sock, const char *fp, struct buf *blob, struct why *w) MUST_CHECK;
/* Append the signature blob of msg by the key. 0 or E_CLOSED. */
int signagent_sign(
    int sock, struct span key, struct span msg, struct buf *sig, struct why *w) MUST_CHECK;

#endif
