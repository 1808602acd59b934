/* SPDX-License-Identifier: Apache-2.0
 *
 * Where does a recording end that nobody closed? Everything up to the last whole record that
 * matches the chain.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "record/reader.h"
#include "record/recdir.h"
#include "record/seal.h"

static int cut_tail(int dirfd, uint32_t segment, uint64_t bytes)
{
	char name[RECDIR_NAME_LEN];
	int fd;
	int rc = 0;

	recdir_segment_name(segment, false, name);
	fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) != 0 || fsync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

struct tally {
	int64_t wall_us, mono_us; /* last anchor */
	bool anchored;
};

static void count(struct recover_result *out, struct tally *t, const struct rec_frame *f)
{
	if (f->type == REC_ANCHOR) {
		t->wall_us = (int64_t)rec_num(f, "wall_us", 0);
		t->mono_us = f->mono_us;
		t->anchored = true;
	}
	if (t->anchored)
		out->last_wall_us = rec_wall_us(t->wall_us, t->mono_us, f->mono_us);
	out->statements += f->type == REC_STATEMENT;
	out->rows += f->type == REC_RESULT ? rec_num(f, "rows", 0) : 0;
	out->ended = f->type == REC_END;
}

int recording_recover(int dirfd, bool cut, struct recover_result *out, struct why *w)
{
	struct reader *r;
	const struct rec_frame *f;
	struct reader_pos pos;
	struct tally t = {0};
	int rc = reader_open_at(dirfd, 0, &r, w);

	*out = (struct recover_result){0};
	if (rc != 0)
		return rc;
	while ((rc = reader_next(r, &f, w)) == 1)
		count(out, &t, f);
	reader_position(r, &pos);
	out->seq = pos.seq;
	out->bytes = pos.bytes;
	out->segments = pos.segment;
	memcpy(out->head, pos.hash, SHA256_LEN);
	out->torn_bytes = reader_torn_bytes(r);
	reader_free(r);
	if (rc == 0 && cut && out->torn_bytes > 0) {
		rc = cut_tail(dirfd, pos.segment, pos.segment_bytes);
		if (rc != 0)
			(void)why_set(w, rc, "cannot cut the unfinished record: %s", err_str(rc));
	}
	return rc;
}
