/* SPDX-License-Identifier: Apache-2.0
 *
 * A recording from somewhere: meta and one segment, raw or sealed, read and rendered; or the files
 * of a proof log. Input: a byte of flags (1 sealed, 2 JSON, 4 lax, 8 everything shown, 16 log
 * entries, 32 checkpoint), for recordings a big-endian 16-bit length and that many bytes of meta,
 * then the segment.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cur.h"
#include "base/file.h"
#include "record/checkpoint.h"
#include "record/ledger.h"
#include "record/reader.h"
#include "record/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int memory_file(struct span s)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || file_write_all(fd, s.p, s.n) != 0)
		abort();
	return fd;
}

/* What reaches a terminal has no control bytes but our newlines. */
static int on_chunk(void *ctx, const struct render_chunk *c)
{
	(void)ctx;
	for (size_t i = 0; i < c->text.n; i++)
		if ((c->text.p[i] < 0x20 && c->text.p[i] != '\n') || c->text.p[i] == 0x7f)
			abort();
	return 0;
}

static void read_records(struct reader *r, unsigned flags)
{
	struct render_opts o = {.json = flags & 2, .all = flags & 8};
	struct render *x = render_new(&o, on_chunk, NULL);
	const struct rec_frame *f;
	struct why w;
	int rc = render_meta(x, reader_meta(r));

	while (rc == 0 && reader_next(r, &f, &w) == 1)
		rc = render_record(x, f, reader_broken(r));
	if (rc == 0 && render_finish(x) != 0)
		abort();
	render_free(x);
}

static void recording(struct cur *c, unsigned flags)
{
	struct span meta = cur_take(c, cur_u16be(c));
	struct reader_file f[2] = {
	    {"meta", -1}, {(flags & 1) != 0 ? "000001.rec.zst" : "000001.rec", -1}};
	struct reader *r;
	struct why w;

	if (!cur_ok(c))
		return;
	f[0].fd = memory_file(meta);
	f[1].fd = memory_file(cur_rest(c));
	if (reader_open_files(f, 2, (flags & 4) != 0 ? READER_LAX : 0, &r, &w) == 0) {
		read_records(r, flags);
		reader_free(r);
	}
	close(f[0].fd);
	close(f[1].fd);
}

static int on_entry(void *ctx, uint64_t index, struct span leaf, const struct merkle_tree *tree)
{
	struct rec_leaf l;

	(void)ctx;
	(void)index;
	(void)tree;
	return rec_leaf_parse(leaf, &l) > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur c = cur_of(span_of(data, size));
	unsigned flags = cur_u8(&c);
	struct ledger_scan s;
	struct checkpoint cp;
	int fd;

	if ((flags & 16) != 0) {
		fd = memory_file(cur_rest(&c));
		if (ledger_scan(fd, on_entry, NULL, &s) > 0)
			abort();
		close(fd);
	} else if ((flags & 32) != 0) {
		if (checkpoint_parse(cur_rest(&c), &cp) == 0 &&
		    !checkpoint_name_ok(span_str(cp.origin)))
			abort();
	} else {
		recording(&c, flags);
	}
	return 0;
}
