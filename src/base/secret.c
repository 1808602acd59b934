/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets live in their own locked pages: not swapped, not dumped, not inherited as a copy by later forks of
 * careless code (MADV_WIPEONFORK is not used: the signer forks before loading).
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define SECRET_MAX (64 * 1024)

struct secret {
	size_t n;    /* bytes of the secret */
	size_t size; /* bytes of the mapping */
	uint8_t bytes[];
};

struct secret *secret_new(struct span s)
{
	struct secret *x;
	size_t size = (sizeof(*x) + s.n + 1 + 4095) & ~(size_t)4095;

	if (s.n > SECRET_MAX)
		return NULL;
	x = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (x == MAP_FAILED)
		return NULL;
	/* Best effort: RLIMIT_MEMLOCK may forbid the lock; the dump exclusion always works. */
	(void)mlock(x, size);
	(void)madvise(x, size, MADV_DONTDUMP);
	x->n = s.n;
	x->size = size;
	if (s.n > 0)
		memcpy(x->bytes, s.p, s.n);
	x->bytes[s.n] = 0;
	return x;
}

void secret_free(struct secret *s)
{
	size_t size;

	if (s == NULL)
		return;
	size = s->size;
	mem_wipe(s, size);
	(void)munmap(s, size);
}

struct span secret_span(const struct secret *s)
{
	return s != NULL ? span_of(s->bytes, s->n) : span_of("", 0);
}

int secret_read_file(const char *path, bool any_mode, struct secret **out, struct why *w)
{
	struct stat st;
	struct buf b;
	uint8_t *room;
	int rc;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	*out = NULL;
	buf_init(&b, SECRET_MAX);
	if (fd < 0)
		return why_set(w, -errno, "cannot open %s: %s", path, strerror(errno));
	rc = fstat(fd, &st) != 0 ? -errno : 0;
	if (rc == 0 && !any_mode && (st.st_mode & 077) != 0) {
		rc = why_set(w, E_DENIED, "%s is readable by others (mode %03o)", path, (unsigned)(st.st_mode & 0777));
		why_hint(w, "chmod 600 %s", path);
		goto out;
	}
	if (rc == 0)
		rc = buf_reserve(&b, SECRET_MAX, &room); /* once: growing would leave copies on the heap */
	if (rc == 0)
		rc = file_read_fd(fd, &b);
	if (rc != 0) {
		why_set(w, rc, "cannot read %s: %s", path, err_str(rc));
		goto out;
	}
	*out = secret_new(buf_span(&b));
	if (*out == NULL)
		rc = why_set(w, E_NOMEM, "cannot keep %s in memory", path);
out:
	buf_wipe(&b);
	fd_close(&fd);
	return rc;
}
