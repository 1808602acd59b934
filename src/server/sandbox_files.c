/* SPDX-License-Identifier: Apache-2.0
 *
 * Landlock by raw system calls: Debian 12's headers know less than the kernels we may run on, so the structures and
 * bits are spelled out here. Everything the running kernel can forbid is forbidden; then the listed paths are
 * opened again. Source: linux Documentation/userspace-api/landlock.rst, ABI 1 to 7.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/sandboxint.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define LL_VERSION_FLAG 1u
#define LL_PATH_BENEATH 1

#define LL_WRITE_FILE (1u << 1)
#define LL_READ_FILE (1u << 2)
#define LL_READ_DIR (1u << 3)
#define LL_REMOVE_FILE (1u << 5)
#define LL_MAKE_REG (1u << 8)
#define LL_TRUNCATE (1u << 14)

#define LL_NET_CONNECT 2u /* TCP */

struct ll_attr {
	uint64_t fs, net, scoped;
};

struct ll_path {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

/* What each version of the interface adds. */
static const struct {
	int abi;
	size_t attr_size;
	struct ll_attr attr;
} versions[] = {
	{6, 24, {0xffff, 3, 3}}, /* abstract unix sockets, signals */
	{5, 16, {0xffff, 3, 0}}, /* ioctl on devices */
	{4, 16, {0x7fff, 3, 0}}, /* TCP bind and connect */
	{3, 8, {0x7fff, 0, 0}},  /* truncate */
	{2, 8, {0x3fff, 0, 0}},  /* link and rename across directories */
	{1, 8, {0x1fff, 0, 0}},
};

static long ll_create(const struct ll_attr *a, size_t size, unsigned flags)
{
	return syscall(SYS_landlock_create_ruleset, a, size, flags);
}

/* Rights that make sense for a plain file; more than these on a file is an error to the kernel. */
#define LL_OF_FILES (LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE)

static int add_path(int ruleset, const char *path, uint64_t access, uint64_t handled, struct why *w)
{
	struct ll_path rule = {.access = access & handled};
	struct stat st;
	int rc = 0;

	rule.fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : why_set(w, -errno, "%s: %s", path, strerror(errno));
	if (fstat(rule.fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.access &= LL_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LL_PATH_BENEATH, &rule, 0) != 0)
		rc = why_set(w, -errno, "cannot allow %s: %s", path, strerror(errno));
	(void)close(rule.fd);
	return rc;
}

static int add_paths(int ruleset, const char *const *paths, uint64_t access, uint64_t handled, struct why *w)
{
	int rc = 0;

	for (; rc == 0 && paths != NULL && *paths != NULL; paths++)
		rc = add_path(ruleset, *paths, access, handled, w);
	return rc;
}

static int restrict_files(int ruleset, const struct sandbox_params *p, uint64_t handled, struct why *w)
{
	int rc = add_paths(ruleset, p->read_paths, LL_READ_FILE | LL_READ_DIR, handled, w);

	if (rc == 0)
		rc = add_paths(ruleset, p->write_paths,
		    LL_READ_FILE | LL_READ_DIR | LL_WRITE_FILE | LL_TRUNCATE | LL_REMOVE_FILE | LL_MAKE_REG, handled, w);
	if (rc == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		rc = why_set(w, -errno, "cannot enforce Landlock: %s", strerror(errno));
	return rc;
}

int landlock_enter(const struct sandbox_params *p, unsigned *have, struct why *w)
{
	long abi = ll_create(NULL, 0, LL_VERSION_FLAG);
	struct ll_attr attr;
	size_t i = 0;
	int ruleset, rc;

	if (abi < 1)
		return 0; /* not built in or switched off */
	while (versions[i].abi > abi)
		i++;
	attr = versions[i].attr;
	if (p->role == SANDBOX_FETCHER || p->role == SANDBOX_RESOLVER)
		attr.net &= ~(uint64_t)LL_NET_CONNECT;
	ruleset = (int)ll_create(&attr, versions[i].attr_size, 0);
	if (ruleset < 0)
		return why_set(w, -errno, "cannot make a Landlock ruleset: %s", strerror(errno));
	rc = restrict_files(ruleset, p, attr.fs, w);
	(void)close(ruleset);
	if (rc == 0)
		*have |= SANDBOX_HAS_LANDLOCK | ((attr.net & LL_NET_CONNECT) != 0 ? SANDBOX_HAS_LANDLOCK_NET : 0);
	return rc;
}
