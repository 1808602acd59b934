/* SPDX-License-Identifier: Apache-2.0
 *
 * Session directories on disk. Everything is relative to directory descriptors; no path from
 * outside is followed.
 */
#include "record/recdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

void recdir_new_sid(int64_t wall_us, char out[REC_SID_LEN + 1])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t ms = wall_us > 0 ? (uint64_t)(wall_us / 1000) : 0;
	uint8_t r[16];

	crypto_random(r, sizeof(r));
	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[i] = digits[ms & 31];
	for (int i = 0; i < 16; i++)
		out[10 + i] = digits[r[i] & 31];
	out[REC_SID_LEN] = '\0';
}

static int write_meta(int dirfd, struct span bytes)
{
	int fd = openat(dirfd, "meta", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = file_write_all(fd, bytes.p, bytes.n);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

int recdir_create(int root_fd, const struct rec_meta *m, int *dirfd, uint8_t meta_hash[SHA256_LEN])
{
	struct buf b;
	int rc = rec_sid_ok(span_str(m->sid)) ? 0 : E_FORMAT;

	*dirfd = -1;
	buf_init(&b, REC_META_MAX);
	rec_meta_put(&b, m);
	if (rc == 0)
		rc = buf_err(&b);
	if (rc == 0 && mkdirat(root_fd, m->sid, 0700) != 0)
		rc = errno == EEXIST ? E_EXISTS : -errno;
	if (rc != 0)
		goto out;
	*dirfd = openat(root_fd, m->sid, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	rc = *dirfd < 0 ? -errno : write_meta(*dirfd, buf_span(&b));
	if (rc == 0)
		rc = file_sync_dir(*dirfd);
	if (rc == 0)
		rc = file_sync_dir(root_fd);
	sha256(buf_span(&b), meta_hash);
	if (rc != 0)
		fd_close(dirfd);
out:
	buf_clear(&b);
	return rc;
}

int recdir_segment_create(int dirfd, uint32_t no, int *fd)
{
	char name[RECDIR_NAME_LEN];
	int rc;

	*fd = -1;
	if (no == 0 || no > RECDIR_SEGMENTS_MAX)
		return E_LIMIT;
	recdir_segment_name(no, false, name);
	*fd = openat(
	    dirfd, name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0)
		return -errno;
	rc = flock(*fd, LOCK_EX | LOCK_NB) != 0 ? -errno : file_sync_dir(dirfd);
	if (rc != 0)
		fd_close(fd);
	return rc;
}

int recdir_set_append_only(int fd, bool on)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
		return -errno;
	flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) != 0 ? -errno : 0;
}

void recdir_segment_name(uint32_t no, bool sealed, char out[RECDIR_NAME_LEN])
{
	snprintf(out, RECDIR_NAME_LEN, "%06u.rec%s", no % (RECDIR_SEGMENTS_MAX + 1),
	    sealed ? ".zst" : "");
}

bool recdir_segment_parse(const char *name, uint32_t *no, bool *sealed)
{
	uint32_t v = 0;

	for (int i = 0; i < 6; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(name[i] - '0');
	}
	*no = v;
	*sealed = strcmp(name + 6, ".rec.zst") == 0;
	return v > 0 && (*sealed || strcmp(name + 6, ".rec") == 0);
}

static DIR *dir_open(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL && fd >= 0)
		close(fd);
	return d;
}

static int segment_order(const void *a, const void *b)
{
	const struct recdir_segment *x = a;
	const struct recdir_segment *y = b;

	return (x->no > y->no) - (x->no < y->no);
}

/* Fold the two files of one number into one entry; the array is sorted. */
static size_t segments_fold(struct recdir_segment *s, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (k > 0 && s[k - 1].no == s[i].no) {
			s[k - 1].raw |= s[i].raw;
			s[k - 1].sealed |= s[i].sealed;
		} else {
			s[k++] = s[i];
		}
	}
	return k;
}

static bool name_expected(const char *name)
{
	size_t n = strlen(name);

	return strcmp(name, "meta") == 0 || (n > 4 && strcmp(name + n - 4, ".tmp") == 0);
}

int recdir_segments(int dirfd, struct recdir_segment **out, size_t *n, size_t *strange)
{
	DIR *d = dir_open(dirfd);
	struct dirent *e;
	size_t cap = 0;

	*out = NULL;
	*n = *strange = 0;
	if (d == NULL)
		return -errno;
	while ((e = readdir(d)) != NULL) {
		struct recdir_segment s = {0};
		bool sealed;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (!recdir_segment_parse(e->d_name, &s.no, &sealed)) {
			*strange += !name_expected(e->d_name);
			continue;
		}
		s.raw = !sealed;
		s.sealed = sealed;
		if (*n == cap) {
			cap = cap == 0 ? 8 : cap * 2;
			*out = xreallocarray(*out, cap, sizeof(**out));
		}
		(*out)[(*n)++] = s;
	}
	closedir(d);
	if (*n > 0)
		qsort(*out, *n, sizeof(**out), segment_order);
	*n = segments_fold(*out, *n);
	return 0;
}

static int sid_order(const void *a, const void *b)
{
	return memcmp(a, b, REC_SID_LEN);
}

int recdir_each(int root_fd, recdir_fn *fn, void *ctx)
{
	DIR *d = dir_open(root_fd);
	struct dirent *e;
	char(*sids)[REC_SID_LEN + 1] = NULL;
	size_t n = 0;
	size_t cap = 0;
	int rc = 0;

	if (d == NULL)
		return -errno;
	while ((e = readdir(d)) != NULL) {
		if (!rec_sid_ok(span_str(e->d_name)))
			continue;
		if (n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			sids = xreallocarray(sids, cap, sizeof(*sids));
		}
		memcpy(sids[n++], e->d_name, REC_SID_LEN + 1);
	}
	closedir(d);
	if (n > 0)
		qsort(sids, n, sizeof(*sids), sid_order);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = fn(ctx, sids[i]);
	free(sids);
	return rc;
}

int recdir_remove(int root_fd, const char *sid)
{
	DIR *d = NULL;
	struct dirent *e;
	int rc = 0;
	int fd;

	if (!rec_sid_ok(span_str(sid)))
		return E_FORMAT;
	fd = openat(root_fd, sid, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? E_NOTFOUND : -errno;
	d = dir_open(fd);
	while (d != NULL && rc == 0 && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    unlinkat(fd, e->d_name, 0) != 0)
			rc = -errno;
	if (d == NULL)
		rc = -errno;
	else
		closedir(d);
	close(fd);
	if (rc == 0 && unlinkat(root_fd, sid, AT_REMOVEDIR) != 0)
		rc = -errno;
	return rc == 0 ? file_sync_dir(root_fd) : rc;
}
