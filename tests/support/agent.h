/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: a real ssh-agent on a socket of the test's own.
 */
#ifndef SP_TESTS_AGENT_H
#define SP_TESTS_AGENT_H

#include <sys/types.h>

#include "base/span.h"

/* Start one and wait until it answers. */
pid_t agent_start(const char *socket_path);
void agent_stop(pid_t *pid); /* SIGKILL; -1 is fine */
/* Connected; -1 when nobody listens. */
int agent_connect(const char *socket_path);
void agent_add(const char *socket_path, const char *key_file);
/* "agent:SOCKET#SHA256:..." of a public key blob. */
void agent_spec(const char *socket_path, struct span blob, char out[256]);

#endif
