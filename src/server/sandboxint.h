/* SPDX-License-Identifier: Apache-2.0
 *
 * Between sandbox.c and the two kernel interfaces it uses.
 */
#ifndef SP_SERVER_SANDBOXINT_H
#define SP_SERVER_SANDBOXINT_H

#include "server/sandbox.h"

/* Restrict file access to the paths of p; *have gets SANDBOX_HAS_LANDLOCK*. A kernel without it is no error. */
int landlock_enter(const struct sandbox_params *p, unsigned *have, struct why *w) MUST_CHECK;
int seccomp_prepare(enum sandbox_role role, struct why *w) MUST_CHECK;
/* Load the role's list of system calls. E_UNKNOWN: the kernel has no seccomp filters. */
int seccomp_enter(enum sandbox_role role, struct why *w) MUST_CHECK;

#endif
