/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/reader.h"
#include "rig.h"

static struct rig g;

static bool exists(const struct rig_session *s, const char *name)
{
	return faccessat(s->dirfd, name, F_OK, 0) == 0;
}

static uint64_t records(const struct rig_session *s)
{
	struct reader *r;
	const struct rec_frame *f;
	struct why w;
	uint64_t n = 0;
	int rc;

	cr_assert(eq(int, reader_open(s->path, 0, &r, &w), 0), "%s", w.text);
	while ((rc = reader_next(r, &f, &w)) == 1)
		n++;
	cr_expect(eq(int, rc, 0), "%s", w.text);
	reader_free(r);
	return n;
}

static int seal(const struct rig_session *s, uint32_t no, struct seal_result *r, struct why *w)
{
	struct seal_params p = {.dirfd = s->dirfd,
	    .segment = no,
	    .raw_fd = -1,
	    .prev = s->seg_prev[no - 1],
	    .head = s->seg_head[no - 1]};

	return seal_segment(&p, r, w);
}

Test(seal, sealed_segment_reads_the_same_and_shrinks)
{
	struct rig_session s;
	struct seal_result a;
	struct seal_result b;
	struct rig_verdict v;
	struct stat st;
	struct why w;
	uint64_t n;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 3000); /* several frames */
	rig_end(&g, &s, "x");
	n = records(&s);
	cr_assert(eq(int, fstatat(s.dirfd, "000001.rec", &st, 0), 0));
	cr_assert(eq(int, seal(&s, 1, &a, &w), 0), "%s", w.text);
	cr_expect(eq(u64, a.raw_bytes, (uint64_t)st.st_size));
	cr_expect(lt(u64, a.bytes, a.raw_bytes / 3));
	cr_expect(eq(u64, a.records, n));
	cr_expect(eq(int, memcmp(a.head, s.seg_head[0], 32), 0));
	cr_expect(not(exists(&s, "000001.rec")));
	cr_expect(eq(u64, records(&s), n));
	/* again: the same answer */
	cr_assert(eq(int, seal(&s, 1, &b, &w), 0), "%s", w.text);
	cr_expect(eq(int, memcmp(&a, &b, sizeof(a)), 0));
	rig_checkpoint(&g);
	rig_verify(&g, NULL, span_of(NULL, 0), &v);
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	cr_expect(strstr(v.text, "N segment 1 is sealed, and that is not in the log yet") != NULL);
	rig_forget(&s);
	rig_close(&g);
}

Test(seal, what_is_written_or_does_not_match_is_not_sealed)
{
	struct rig_session s;
	struct seal_result r;
	struct why w;
	uint8_t bytes[16384];
	size_t n;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 5);
	cr_expect(eq(int, seal(&s, 1, &r, &w), E_STATE)); /* the writer holds it */
	cr_expect(eq(str, w.text, "segment 1 is still being written"));
	rig_end(&g, &s, "x");
	s.seg_head[0][0] ^= 1;
	cr_expect(eq(int, seal(&s, 1, &r, &w), E_TAMPER));
	s.seg_head[0][0] ^= 1;
	s.seg_prev[0][0] ^= 1;
	cr_expect(eq(int, seal(&s, 1, &r, &w), E_TAMPER));
	s.seg_prev[0][0] ^= 1;
	n = rig_read(s.path, "000001.rec", bytes, sizeof(bytes));
	for (size_t i = 0; i < n; i += 7) {
		bytes[i] ^= 0x20;
		rig_write(s.path, "000001.rec", bytes, n);
		cr_expect(eq(int, seal(&s, 1, &r, &w), E_TAMPER), "flip at %zu", i);
		bytes[i] ^= 0x20;
	}
	rig_write(s.path, "000001.rec", bytes, n - 1);
	cr_expect(eq(int, seal(&s, 1, &r, &w), E_TAMPER));
	{
		struct seal_params p = {.dirfd = s.dirfd, .segment = 1, .raw_fd = -1};

		cr_expect(eq(
		    int, seal_segment(&p, &r, &w), E_TAMPER)); /* torn, and nobody knows the head */
	}
	rig_write(s.path, "000001.rec", bytes, 0);
	cr_expect(eq(int, seal(&s, 1, &r, &w), E_TAMPER)); /* emptied: its head says otherwise */
	cr_expect(exists(&s, "000001.rec") && !exists(&s, "000001.rec.zst") &&
		  !exists(&s, "000001.rec.zst.tmp"));
	rig_write(s.path, "000001.rec", bytes, n);
	cr_expect(eq(int, seal(&s, 1, &r, &w), 0), "%s", w.text);
	rig_forget(&s);
	rig_close(&g);
}

/* A sealed file must not carry bytes that no record accounts for. */
Test(seal, skippable_and_garbage_frames_are_refused)
{
	static const uint8_t skip[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'e', 'v', 'i', 'l'};
	struct rig_session s;
	struct seal_result sr;
	uint8_t bytes[16384];
	struct reader *r;
	const struct rec_frame *f;
	struct why w;
	size_t n;
	int rc;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 5);
	rig_end(&g, &s, "x");
	cr_assert(eq(int, seal(&s, 1, &sr, &w), 0));
	n = rig_read(s.path, "000001.rec.zst", bytes, sizeof(bytes));
	memcpy(bytes + n, skip, sizeof(skip));
	for (size_t k = 1; k <= sizeof(skip); k++) {
		rig_write(s.path, "000001.rec.zst", bytes, n + k);
		cr_assert(eq(int, reader_open(s.path, 0, &r, &w), 0));
		while ((rc = reader_next(r, &f, &w)) == 1)
			;
		cr_expect(eq(int, rc, E_TAMPER), "%zu bytes behind the frame", k);
		reader_free(r);
	}
	rig_forget(&s);
	rig_close(&g);
}

Test(seal, empty_segment)
{
	struct rig_session s;
	struct seal_result r;
	struct rig_verdict v;
	struct why w;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 2);
	rig_rotate(&s);
	recorder_free(s.rec);
	s.rec = NULL;
	memcpy(s.seg_head[1], s.seg_prev[1], 32);
	cr_assert(eq(int, seal(&s, 2, &r, &w), 0), "%s", w.text);
	cr_expect(eq(u64, r.records, 0));
	cr_assert(eq(int, seal(&s, 1, &r, &w), 0), "%s", w.text);
	cr_expect(eq(u64, records(&s), 5));
	rig_checkpoint(&g);
	rig_verify(&g, NULL, span_of(NULL, 0), &v);
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	rig_forget(&s);
	rig_close(&g);
}

/* A session that ended before its first record: the log has its beginning as its end. */
Test(seal, a_session_without_records)
{
	struct rig_session s;
	struct seal_params p = {.segment = 1, .raw_fd = -1};
	struct seal_result r;
	struct why w;

	rig_open(&g);
	rig_begin(&g, &s);
	recorder_free(s.rec);
	s.rec = NULL;
	p.dirfd = s.dirfd;
	p.head = s.meta_hash;
	cr_assert(eq(int, seal_segment(&p, &r, &w), 0), "%s", w.text);
	cr_expect(eq(u64, r.records, 0));
	rig_forget(&s);
	rig_close(&g);
}

static enum seal_step die_at;

static void die(void *ctx, enum seal_step s)
{
	(void)ctx;
	if (s == die_at)
		kill(getpid(), SIGKILL);
}

/* kill -9 after each step: everything still reads and verifies, and the next call finishes the
 * work. */
Test(seal, kill_9_at_each_step)
{
	for (int at = SEAL_BEGUN; at <= SEAL_UNLINKED; at++) {
		struct rig_session s;
		struct seal_result r;
		struct rig_verdict v;
		struct why w;
		uint64_t n;
		int status;
		pid_t pid;

		rig_open(&g);
		rig_begin(&g, &s);
		rig_statements(&s, 40);
		rig_end(&g, &s, "x");
		rig_checkpoint(&g);
		n = records(&s);
		pid = fork();
		if (pid == 0) {
			struct seal_params p = {.dirfd = s.dirfd,
			    .segment = 1,
			    .raw_fd = -1,
			    .prev = s.seg_prev[0],
			    .head = s.seg_head[0],
			    .step = die};

			die_at = (enum seal_step)at;
			_exit(seal_segment(&p, &r, &w) != 0);
		}
		waitpid(pid, &status, 0);
		cr_assert(eq(int, status, SIGKILL));
		cr_expect(exists(&s, "000001.rec") || exists(&s, "000001.rec.zst"));
		cr_expect(eq(u64, records(&s), n), "step %d", at);
		rig_verify(&g, NULL, span_of(NULL, 0), &v);
		cr_expect(eq(int, v.rc, 0), "step %d: %s", at, v.text);
		cr_assert(eq(int, seal(&s, 1, &r, &w), 0), "step %d: %s", at, w.text);
		cr_expect(not(exists(&s, "000001.rec")));
		cr_expect(exists(&s, "000001.rec.zst"));
		cr_expect(not(exists(&s, "000001.rec.zst.tmp")));
		cr_expect(eq(u64, records(&s), n));
		rig_forget(&s);
		rig_close(&g);
	}
}

/* A raw twin with other content is evidence: it is not removed. */
Test(seal, differing_twin_is_kept)
{
	struct rig_session s;
	struct seal_result r;
	uint8_t bytes[16384];
	struct why w;
	size_t n;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 5);
	rig_end(&g, &s, "x");
	n = rig_read(s.path, "000001.rec", bytes, sizeof(bytes));
	cr_assert(eq(int, seal(&s, 1, &r, &w), 0));
	bytes[50] ^= 1;
	rig_write(s.path, "000001.rec", bytes, n);
	cr_expect(eq(int, seal(&s, 1, &r, &w), E_TAMPER));
	cr_expect(exists(&s, "000001.rec"));
	{
		/* whole records, right chain, but fewer of them: nothing but the comparison with
		 * the sealed file tells */
		struct seal_params p = {.dirfd = s.dirfd, .segment = 1, .raw_fd = -1};
		struct rec_frame f;
		size_t used;

		bytes[50] ^= 1;
		cr_assert(eq(int, rec_parse(span_of(bytes, n), &f, &used), 0));
		rec_frame_clear(&f);
		rig_write(s.path, "000001.rec", bytes, used);
		cr_expect(eq(int, seal_segment(&p, &r, &w), E_TAMPER));
		cr_expect(exists(&s, "000001.rec"));
	}
	rig_forget(&s);
	rig_close(&g);
}
