/* SPDX-License-Identifier: Apache-2.0
 *
 * The order matters: limits while they can still be set, identity before no_new_privs is relied upon, dumpable
 * after the identity (setuid resets it), Landlock before seccomp forbids its calls.
 */
#include "server/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config.h"
#include "server/sandboxint.h"

static unsigned have;

unsigned sandbox_have(void)
{
	return have;
}

static int limit(int what, rlim_t value, const char *name, struct why *w)
{
	struct rlimit r = {value, value};

	if (setrlimit((__rlimit_resource_t)what, &r) != 0)
		return why_set(w, -errno, "cannot set the limit %s: %s", name, strerror(errno));
	return 0;
}

static int set_limits(const struct sandbox_params *p, struct why *w)
{
	int rc = limit(RLIMIT_CORE, 0, "CORE", w);

	if (rc == 0 && p->nofile != 0)
		rc = limit(RLIMIT_NOFILE, p->nofile, "NOFILE", w);
#ifndef SP_ASAN
	if (rc == 0 && p->as_max_bytes != 0)
		rc = limit(RLIMIT_AS, p->as_max_bytes, "AS", w);
#endif
	if (rc == 0 && p->role != SANDBOX_LISTENER && p->role != SANDBOX_RESOLVER) /* none of the others forks */
		rc = limit(RLIMIT_NPROC, 0, "NPROC", w);
	return rc;
}

static int set_identity(const struct sandbox_params *p, struct why *w)
{
	if (geteuid() != 0)
		return 0;
	if (p->uid == 0 || p->gid == 0 || p->uid == (uid_t)-1 || p->gid == (gid_t)-1) {
		if (p->role == SANDBOX_LISTENER && p->uid == 0)
			return 0;
		return why_set(w, E_CONFIG, "a sandboxed process must not stay root");
	}
	if (setgroups(0, NULL) != 0 || setresgid(p->gid, p->gid, p->gid) != 0 || setresuid(p->uid, p->uid, p->uid) != 0)
		return why_set(w, -errno, "cannot become uid %u: %s", (unsigned)p->uid, strerror(errno));
	if (setuid(0) == 0 || setgid(0) == 0 || geteuid() != p->uid || getegid() != p->gid)
		return why_set(w, E_INTERNAL, "privileges came back after they were dropped");
	return 0;
}

static int set_flags(struct why *w)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0)
		return why_set(w, -errno, "cannot set no_new_privs: %s", strerror(errno));
	if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) != 0)
		return why_set(w, -errno, "cannot switch dumps off: %s", strerror(errno));
	return 0;
}

/* The walls around system calls: the one thing whose absence can be forbidden. */
static int enter_seccomp(const struct sandbox_params *p, struct why *w)
{
	int rc = seccomp_enter(p->role, w);

	if (rc == 0) {
		have |= SANDBOX_HAS_SECCOMP;
		return 0;
	}
	if (rc == E_UNKNOWN && !p->require)
		return 0;
	why_hint(w, "the kernel must be built with CONFIG_SECCOMP_FILTER");
	return rc;
}

int sandbox_prepare(enum sandbox_role role, struct why *w)
{
	return seccomp_prepare(role, w);
}

int sandbox_enter(const struct sandbox_params *p, struct why *w)
{
	int rc = set_limits(p, w);

	if (rc == 0)
		rc = set_identity(p, w);
	if (rc == 0)
		rc = set_flags(w);
	if (rc == 0 && p->role != SANDBOX_LISTENER)
		rc = landlock_enter(p, &have, w);
	if (rc == 0)
		rc = enter_seccomp(p, w);
	return rc;
}
