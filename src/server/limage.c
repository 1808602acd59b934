/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings and state of a listener as sealed memory.
 */
#include "server/limage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

#define IMAGE_MAX (16u * 1024 * 1024)

struct image {
	uint64_t size; /* of this structure: another program file would differ */
	struct listener_settings s;
	bool fresh;
	uint64_t n_conns, n_penalties;
};

int limage_memfd(const char *name, struct span bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (fd < 0)
		return -errno;
	rc = file_write_all(fd, bytes.p, bytes.n);
	if (rc == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
		rc = -errno;
	if (rc != 0)
		close(fd);
	return rc != 0 ? rc : fd;
}

int limage_write(const struct listener_settings *s, const struct throttle *t, bool fresh)
{
	struct image im;
	struct buf b;
	int fd;

	memset(&im, 0, sizeof(im));
	im.size = sizeof(im);
	im.s = *s;
	im.fresh = fresh;
	im.n_conns = t != NULL ? t->n_conns : 0;
	im.n_penalties = t != NULL ? t->n_penalties : 0;
	buf_init(&b, IMAGE_MAX);
	buf_put(&b, &im, sizeof(im));
	if (t != NULL) {
		buf_put(&b, t->conns, t->n_conns * sizeof(*t->conns));
		buf_put(&b, t->penalties, t->n_penalties * sizeof(*t->penalties));
	}
	fd = buf_err(&b) != 0 ? buf_err(&b) : limage_memfd("listener", buf_span(&b));
	buf_clear(&b);
	return fd;
}

static int load(int fd, struct buf *b)
{
	if (lseek(fd, 0, SEEK_SET) != 0)
		return -errno;
	return file_read_fd(fd, b);
}

int limage_read(int fd, struct listener_settings *s, struct throttle *t, bool *fresh)
{
	struct image im;
	struct buf b;
	int rc;

	buf_init(&b, IMAGE_MAX);
	rc = load(fd, &b);
	if (rc == 0 && buf_len(&b) < sizeof(im))
		rc = E_SHORT;
	if (rc != 0)
		goto out;
	memcpy(&im, buf_span(&b).p, sizeof(im));
	rc = im.size != sizeof(im) || im.n_conns > IMAGE_MAX / sizeof(*t->conns) || im.n_penalties > THROTTLE_PENALTIES ||
	    buf_len(&b) != sizeof(im) + im.n_conns * sizeof(*t->conns) + im.n_penalties * sizeof(*t->penalties)
	    ? E_FORMAT
	    : 0;
	if (rc != 0)
		goto out;
	buf_consume(&b, sizeof(im));
	*s = im.s;
	*fresh = im.fresh;
	for (size_t i = 0; i < im.n_conns; i++) {
		struct throttle_conn c;

		memcpy(&c, buf_span(&b).p, sizeof(c));
		buf_consume(&b, sizeof(c));
		throttle_add(t, c.pid, &c.src);
		throttle_authenticated(t, c.pid, c.authenticated);
	}
	t->n_penalties = im.n_penalties;
	memcpy(t->penalties, buf_span(&b).p, buf_len(&b));
out:
	buf_clear(&b);
	return rc;
}
