/* SPDX-License-Identifier: Apache-2.0
 *
 * The signer's key files.
 */
#include "server/signkey.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "wire/sshkey.h"
#include "wire/sshpk.h"

void signkey_clear(struct signkey *k)
{
	secret_free(k->seed);
	*k = (struct signkey){0};
}

/* Move a parsed key into locked memory; the plain copy is wiped. */
static int adopt(struct sshkey *plain, struct signkey *out, struct why *w)
{
	out->seed = secret_new(span_of(plain->seed, sizeof(plain->seed)));
	memcpy(out->pub, plain->pub, sizeof(out->pub));
	sshkey_wipe(plain);
	return out->seed != NULL ? 0 : why_set(w, E_NOMEM, "a key cannot be kept in memory");
}

int signkey_load(const char *path, struct signkey *out, struct why *w)
{
	struct secret *text;
	struct sshkey plain;
	struct why inner;
	int r;

	*out = (struct signkey){0};
	r = secret_read_file(path, false, &text, w);
	if (r != 0)
		return r;
	r = sshkey_parse(secret_span(text), &plain, &inner);
	secret_free(text);
	if (r == 0)
		return adopt(&plain, out, w);
	why_set(w, r, "%s: %s", path, inner.text);
	why_hint(w, "%s", inner.hint);
	return r;
}

int signkey_generate(struct signkey *out, struct why *w)
{
	struct sshkey plain;
	int r;

	*out = (struct signkey){0};
	r = sshkey_generate(&plain);
	return r == 0 ? adopt(&plain, out, w) : why_set(w, r, "no key could be generated");
}

/* Open the directory of path; *base is the last component. */
static int open_dir_of(const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";
	int fd;

	*base = slash != NULL ? slash + 1 : path;
	if (slash == path)
		dir[0] = '/';
	else if (slash != NULL &&
		 snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

static int save_public(int dirfd, const char *base, const struct signkey *k, const char *comment)
{
	char name[NAME_MAX];
	struct buf blob, line;
	int r;

	if (snprintf(name, sizeof(name), "%s.pub", base) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	buf_init(&blob, SSHPK_BLOB_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	sshpk_put_ed25519_blob(&blob, k->pub);
	r = sshpk_line_put(&line, buf_span(&blob), comment);
	if (r == 0)
		r = file_replace_at(dirfd, name, buf_span(&line), 0644);
	buf_clear(&blob);
	buf_clear(&line);
	return r;
}

/* Text of the key file into b, whose memory is taken at once so that growth leaves no copies
 * behind. */
static int put_text(struct buf *b, const struct signkey *k, const char *comment)
{
	struct sshkey plain;
	uint8_t *room;
	int r = buf_reserve(b, SSHKEY_FILE_MAX, &room);

	if (r != 0)
		return r;
	memcpy(plain.seed, secret_span(k->seed).p, sizeof(plain.seed));
	memcpy(plain.pub, k->pub, sizeof(plain.pub));
	r = sshkey_put(b, &plain, comment);
	sshkey_wipe(&plain);
	return r;
}

int signkey_save(const char *path, const struct signkey *k, const char *comment, struct why *w)
{
	const char *base;
	struct buf text;
	int dirfd = open_dir_of(path, &base);
	int r = dirfd < 0 ? dirfd : 0;

	buf_init(&text, SSHKEY_FILE_MAX);
	if (r == 0)
		r = put_text(&text, k, comment);
	if (r == 0)
		r = save_public(dirfd, base, k, comment);
	if (r == 0) /* last: a private key on disk is complete with its public half */
		r = file_replace_at(dirfd, base, buf_span(&text), 0600);
	buf_wipe(&text);
	fd_close(&dirfd);
	return r == 0 ? 0 : why_set(w, r, "cannot write the key %s: %s", path, err_str(r));
}

/* --- by descriptor --- */

static int check_fd(int fd, off_t *size, struct why *w)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return why_set(w, E_FORMAT, "the authority's key is not a regular file");
	if ((st.st_mode & 077) != 0)
		return why_set(w, E_DENIED, "the authority's key file is readable by others (mode %03o)",
		    (unsigned)(st.st_mode & 0777));
	*size = st.st_size;
	return 0;
}

static int read_fd(int fd, struct signkey *out, struct why *w)
{
	struct sshkey plain;
	struct buf text;
	uint8_t *room;
	int r;

	buf_init(&text, SSHKEY_FILE_MAX);
	r = buf_reserve(&text, SSHKEY_FILE_MAX, &room); /* once: growing would leave copies behind */
	if (r == 0 && lseek(fd, 0, SEEK_SET) != 0)
		r = -errno;
	if (r == 0)
		r = file_read_fd(fd, &text);
	if (r != 0)
		why_set(w, r, "the authority's key file cannot be read: %s", err_str(r));
	else
		r = sshkey_parse(buf_span(&text), &plain, w);
	if (r == 0)
		r = adopt(&plain, out, w);
	buf_wipe(&text);
	return r;
}

static int fill_fd(int fd, struct signkey *out, struct why *w)
{
	struct buf text;
	int r = signkey_generate(out, w);

	if (r != 0)
		return r;
	buf_init(&text, SSHKEY_FILE_MAX);
	r = put_text(&text, out, "sallyport certificate authority");
	if (r == 0)
		r = file_write_all(fd, buf_span(&text).p, buf_len(&text));
	if (r == 0 && fsync(fd) != 0)
		r = -errno;
	buf_wipe(&text);
	if (r == 0)
		return 0;
	signkey_clear(out);
	return why_set(w, r, "the authority's key file cannot be written: %s", err_str(r));
}

int signkey_load_fd(int fd, bool create, struct signkey *out, struct why *w)
{
	off_t size = 0;
	int r = check_fd(fd, &size, w);

	*out = (struct signkey){0};
	if (r != 0)
		return r;
	return size == 0 && create ? fill_fd(fd, out, w) : read_fd(fd, out, w);
}

int signkey_sign(const struct signkey *k, struct span msg, uint8_t sig[ED25519_SIG_LEN])
{
	return ed25519_sign(secret_span(k->seed).p, msg, sig);
}
