/* SPDX-License-Identifier: Apache-2.0
 *
 * Walls around one process: identity, limits, no new privileges, no dumps, Landlock for files, seccomp for system
 * calls. Entered once, after everything the process opens itself is open; there is no way out and no second role.
 * Does not close inherited descriptors and does not wipe memory: whoever forks does.
 */
#ifndef SP_SERVER_SANDBOX_H
#define SP_SERVER_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* A session's recording descriptors live at or above this number: F_SETFL is refused for them, and the only way to
 * duplicate a descriptor is fcntl(fd, F_DUPFD_CLOEXEC, SANDBOX_RECORD_FD). */
#define SANDBOX_RECORD_FD 512

enum sandbox_role {
	SANDBOX_SESSION,  /* one SSH connection: bytes in, bytes out, nothing else */
	SANDBOX_SIGNER,   /* keys in memory, one head file open */
	SANDBOX_ARCHIVER, /* files below write_paths */
	SANDBOX_VERB,     /* an exec'd command of the CLI: terminal, reads below read_paths */
	SANDBOX_WEB,      /* accepts on sockets that it was given; no files */
	SANDBOX_LISTENER, /* forks sessions: identity, limits and a list of calls nobody here needs; no Landlock */
	SANDBOX_FETCHER,  /* outgoing TCP, reads below read_paths */
	SANDBOX_RESOLVER, /* getaddrinfo() and its plug-ins: all but what a resolver never does; reads below read_paths */
	SANDBOX_ROLES
};

struct sandbox_params {
	enum sandbox_role role;
	/* When root: become these; 0 is refused, except for the listener, which then stays root. Otherwise ignored. */
	uid_t uid;
	gid_t gid;
	/* NULL-terminated or NULL; files or directories that may be read (directories: everything beneath). A path that
	 * does not exist is skipped. */
	const char *const *read_paths;
	/* NULL-terminated or NULL; directories beneath which files may be made, written, renamed and removed. */
	const char *const *write_paths;
	bool require;         /* fail when seccomp is not available (Landlock's absence only shows in sandbox_have()) */
	size_t as_max_bytes;  /* RLIMIT_AS; 0: none. Impossible, so ignored, under AddressSanitizer */
	unsigned nofile;      /* RLIMIT_NOFILE; 0: as it is. A session needs more than SANDBOX_RECORD_FD */
};

#define SANDBOX_HAS_SECCOMP 1u
#define SANDBOX_HAS_LANDLOCK 2u     /* files */
#define SANDBOX_HAS_LANDLOCK_NET 4u /* and no TCP bind or connect, even without seccomp */

/* Build the role's filter ahead of sandbox_enter(): the listener does it once for all sessions it forks. */
int sandbox_prepare(enum sandbox_role role, struct why *w) MUST_CHECK;
/* 0, or an error with why: then the process must end, it may stand half inside. */
int sandbox_enter(const struct sandbox_params *p, struct why *w) MUST_CHECK;
/* What this process is enclosed by: SANDBOX_HAS_*; 0 before sandbox_enter(). */
unsigned sandbox_have(void);

#endif
