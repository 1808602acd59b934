/* SPDX-License-Identifier: Apache-2.0
 *
 * Two signed slots in one file. Layout: doc/formats/signer-head.md.
 */
#include "server/signhead.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cur.h"
#include "base/file.h"

#define MAGIC       "SPHEAD1\n"
#define MAGIC_LEN   8
#define DOMAIN      "sallyport signer head v1\n"
#define SLOT_STRIDE 4096 /* slots in different blocks */
#define FIELDS_LEN  (MAGIC_LEN + 8 + 8 + SHA256_LEN)
#define SLOT_LEN    (FIELDS_LEN + ED25519_SIG_LEN)

int signhead_lock(struct signhead *h, const char *path, struct why *w)
{
	struct stat st;

	*h = (struct signhead){
	    .fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600)};
	if (h->fd < 0)
		return why_set(w, -errno, "cannot open %s: %s", path, strerror(errno));
	if (fstat(h->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return why_set(w, E_FORMAT, "%s is not a regular file", path);
	if (flock(h->fd, LOCK_EX | LOCK_NB) != 0) {
		why_set(w, E_STATE, "another signer is using %s", path);
		why_hint(w, "is a second gateway running on the same state directory?");
		return E_STATE;
	}
	return 0;
}

void signhead_close(struct signhead *h)
{
	fd_close(&h->fd);
}

static void put_fields(
    struct buf *b, uint64_t counter, uint64_t size, const uint8_t root[SHA256_LEN])
{
	buf_put(b, MAGIC, MAGIC_LEN);
	buf_put_u64be(b, counter);
	buf_put_u64be(b, size);
	buf_put(b, root, SHA256_LEN);
}

/* What the slot's signature covers: it cannot be taken for a checkpoint or a certificate. */
static void put_signed(struct buf *b, const char *origin, struct span fields)
{
	buf_put_str(b, DOMAIN);
	buf_put_u32be(b, (uint32_t)strlen(origin));
	buf_put_str(b, origin);
	buf_put_span(b, fields);
}

static int write_slot(
    struct signhead *h, uint64_t counter, uint64_t size, const uint8_t root[SHA256_LEN])
{
	uint8_t sig[ED25519_SIG_LEN];
	struct buf slot, msg;
	struct span s;
	int r;

	buf_init(&slot, SLOT_LEN);
	buf_init(&msg, 4096);
	put_fields(&slot, counter, size, root);
	put_signed(&msg, h->origin, buf_span(&slot));
	r = buf_err(&msg);
	if (r == 0)
		r = signkey_sign(h->key, buf_span(&msg), sig);
	if (r == 0) {
		buf_put(&slot, sig, sizeof(sig));
		s = buf_span(&slot);
		if (pwrite(h->fd, s.p, s.n, (off_t)(counter % 2) * SLOT_STRIDE) != SLOT_LEN ||
		    fdatasync(h->fd) != 0)
			r = errno != 0 ? -errno : -EIO;
	}
	buf_clear(&slot);
	buf_clear(&msg);
	if (r == 0) {
		h->counter = counter;
		h->size = size;
		memcpy(h->root, root, SHA256_LEN);
	}
	return r;
}

int signhead_init(struct signhead *h, const struct signkey *key, const char *origin, struct why *w)
{
	uint8_t empty_root[SHA256_LEN];
	int r;

	h->key = key;
	h->origin = origin;
	sha256(span_of("", 0), empty_root);
	if (ftruncate(h->fd, 0) != 0)
		return why_set(
		    w, -errno, "cannot empty the signer's head file: %s", strerror(errno));
	r = write_slot(h, 1, 0, empty_root);
	if (r == 0 && fsync(h->fd) != 0)
		r = -errno;
	return r == 0 ? 0 : why_set(w, r, "cannot write the signer's head file: %s", err_str(r));
}

/* Take the slot when it is good and newer than what h has. */
static bool read_slot(struct signhead *h, int which)
{
	uint8_t raw[SLOT_LEN];
	struct cur c;
	struct span fields, magic, root;
	uint64_t counter, size;
	struct buf msg;
	bool ok;

	if (pread(h->fd, raw, sizeof(raw), (off_t)which * SLOT_STRIDE) != SLOT_LEN)
		return false;
	fields = span_of(raw, FIELDS_LEN);
	c = cur_of(fields);
	magic = cur_take(&c, MAGIC_LEN);
	counter = cur_u64be(&c);
	size = cur_u64be(&c);
	root = cur_take(&c, SHA256_LEN);
	if (cur_done(&c) != 0 || !span_is(magic, MAGIC) || counter % 2 != (uint64_t)which)
		return false;
	buf_init(&msg, 4096);
	put_signed(&msg, h->origin, fields);
	ok = buf_err(&msg) == 0 && ed25519_verify(h->key->pub, buf_span(&msg),
				       span_of(raw + FIELDS_LEN, ED25519_SIG_LEN)) == 0;
	buf_clear(&msg);
	if (ok && counter > h->counter) {
		h->counter = counter;
		h->size = size;
		memcpy(h->root, root.p, SHA256_LEN);
	}
	return ok;
}

int signhead_load(struct signhead *h, const struct signkey *key, const char *origin, struct why *w)
{
	bool even, odd;

	h->key = key;
	h->origin = origin;
	h->counter = 0;
	even = read_slot(h, 0);
	odd = read_slot(h, 1);
	if (even || odd)
		return 0;
	why_set(
	    w, E_TAMPER, "the record of the last signed checkpoint is missing or does not verify");
	why_hint(w, "restore the log key's .head file; or retire log key and log together and "
		    "start new ones");
	return E_TAMPER;
}

int signhead_advance(
    struct signhead *h, uint64_t size, const uint8_t root[SHA256_LEN], struct why *w)
{
	int r;

	if (size < h->size)
		return why_set(w, E_DENIED,
		    "the log would shrink from %" PRIu64 " to %" PRIu64 " entries", h->size, size);
	if (size == h->size && memcmp(root, h->root, SHA256_LEN) != 0)
		return why_set(
		    w, E_DENIED, "a different log of %" PRIu64 " entries was signed before", size);
	if (size == h->size)
		return 0;
	r = write_slot(h, h->counter + 1, size, root);
	return r == 0 ? 0
		      : why_set(w, r, "the signed checkpoint cannot be remembered: %s", err_str(r));
}
