/* SPDX-License-Identifier: Apache-2.0
 *
 * Promise 1's foundation: what was committed is there after kill -9, a failed append is final, and
 * the reader gets back exactly what was written.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "record/reader.h"
#include "rig.h"

static struct rig g;

static struct reader *open_reader(const struct rig_session *s, unsigned flags)
{
	struct reader *r;
	struct why w;

	cr_assert(eq(int, reader_open(s->path, flags, &r, &w), 0), "%s", w.text);
	return r;
}

/* Read all; returns the number of records. */
static uint64_t count(struct reader *r, int *rc, struct why *w)
{
	const struct rec_frame *f;
	uint64_t n = 0;

	while ((*rc = reader_next(r, &f, w)) == 1)
		n++;
	return n;
}

Test(recorder, round_trip_over_segments)
{
	struct rig_session s;
	struct reader *r;
	const struct rec_frame *f;
	struct reader_pos p;
	struct why w;
	uint64_t seq;
	uint64_t bytes;
	uint8_t head[32];

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 3);
	rig_rotate(&s);
	cr_expect(eq(u64, recorder_segment_bytes(s.rec), 0));
	rig_statements(&s, 2);
	recorder_head(s.rec, &seq, &bytes, head);
	r = open_reader(&s, 0);
	cr_expect(eq(str, (char *)reader_meta(r)->user, "alice@example.com"));
	cr_assert(eq(int, reader_next(r, &f, &w), 1));
	cr_expect(eq(uint, f->type, REC_ANCHOR));
	cr_expect(gt(u64, rec_num(f, "wall_us", 0), 1000000));
	cr_assert(eq(int, reader_next(r, &f, &w), 1));
	cr_expect(eq(uint, f->type, REC_STATEMENT));
	cr_expect(span_is(rec_text(f, "sql"), "select abalance from t where aid = $1"));
	for (int i = 0; i < 9; i++)
		cr_assert(eq(int, reader_next(r, &f, &w), 1));
	cr_expect(eq(int, reader_next(r, &f, &w), 0));
	cr_expect(eq(int, reader_next(r, &f, &w), 0));
	reader_position(r, &p);
	cr_expect(eq(u64, p.seq, seq));
	cr_expect(eq(u64, p.bytes, bytes));
	cr_expect(eq(int, memcmp(p.hash, head, 32), 0));
	cr_expect(eq(u32, p.segment, 2));
	reader_free(r);
	rig_forget(&s);
	rig_close(&g);
}

/* The same bytes through descriptors only, as replay over ssh gets them. */
Test(recorder, reading_from_descriptors)
{
	struct rig_session s;
	struct reader *r;
	struct why w;
	struct reader_file f[3] = {{"000002.rec", -1}, {"meta", -1}, {"000001.rec.zst", -1}};
	int rc;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 3);
	rig_rotate(&s);
	rig_statements(&s, 2);
	rig_end(&g, &s, "x");
	s.segments = 1;
	rig_seal(&g, &s);
	for (int i = 0; i < 3; i++)
		f[i].fd = openat(s.dirfd, f[i].name, O_RDONLY);
	cr_assert(eq(int, reader_open_files(f, 3, 0, &r, &w), 0), "%s", w.text);
	cr_expect(eq(u64, count(r, &rc, &w), 12));
	cr_expect(eq(int, rc, 0));
	reader_free(r);
	cr_expect(eq(int, reader_open_files(f, 2, 0, &r, &w), E_TAMPER));
	cr_expect(eq(str, w.text, "segment 1 is missing"));
	cr_expect(eq(int, reader_open_files(f, 1, 0, &r, &w), E_TAMPER));
	f[0].name = "../../etc/passwd";
	cr_expect(eq(int, reader_open_files(f, 3, 0, &r, &w), E_FORMAT));
	f[0].name = "000001.rec.zst"; /* twice */
	cr_expect(eq(int, reader_open_files(f, 3, 0, &r, &w), E_FORMAT));
	for (int i = 0; i < 3; i++)
		close(f[i].fd);
	rig_forget(&s);
	rig_close(&g);
}

Test(recorder, following_a_live_session)
{
	struct rig_session s;
	struct reader *r;
	struct why w;
	int rc;

	rig_open(&g);
	rig_begin(&g, &s);
	r = open_reader(&s, READER_FOLLOW);
	cr_expect(eq(u64, count(r, &rc, &w), 0));
	rig_statements(&s, 1);
	cr_expect(eq(u64, count(r, &rc, &w), 3));
	cr_expect(eq(int, rc, 0));
	rig_statements(&s, 1);
	rig_rotate(&s);
	rig_statements(&s, 1);
	rig_rotate(&s);
	cr_expect(eq(u64, count(r, &rc, &w), 4));
	rig_statements(&s, 1);
	rig_end(&g, &s, "x");
	cr_expect(eq(u64, count(r, &rc, &w), 3));
	cr_expect(eq(int, rc, 0));
	reader_free(r);
	rig_forget(&s);
	rig_close(&g);
}

Test(recorder, anchors_on_time_and_steps)
{
	struct rig_session s;
	struct reader *r;
	const struct rec_frame *f;
	struct why w;
	int anchors = 0;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 1);
	clock_test_shift_us(3600 * 1000000ll); /* somebody set the clock */
	rig_statements(&s, 1);
	clock_test_shift_us(0);
	rig_statements(&s, 1);
	r = open_reader(&s, 0);
	while (reader_next(r, &f, &w) == 1)
		anchors += f->type == REC_ANCHOR;
	cr_expect(eq(int, anchors, 3));
	reader_free(r);
	rig_forget(&s);
	rig_close(&g);
}

Test(recorder, nothing_is_written_before_commit_and_order_is_kept)
{
	struct rig_session s;
	struct rec_kv kv = {"text", span_str("x")};
	struct stat st;
	uint64_t seq;
	uint64_t bytes;
	uint8_t head[32];

	rig_open(&g);
	rig_begin(&g, &s);
	recorder_head(s.rec, &seq, &bytes, head);
	cr_expect(eq(u64, seq, 0));
	cr_expect(eq(int, memcmp(head, s.meta_hash, 32), 0));
	cr_expect(gt(i64, recorder_add(s.rec, REC_NOTICE, &kv, 1), 0));
	cr_expect(recorder_dirty(s.rec));
	cr_expect(eq(int, recorder_rotate(s.rec, -1), E_STATE));
	recorder_head(s.rec, &seq, &bytes, head);
	cr_expect(eq(u64, seq, 0));
	cr_assert(eq(int, fstatat(s.dirfd, "000001.rec", &st, 0), 0));
	cr_expect(eq(i64, st.st_size, 0));
	cr_expect(eq(int, recorder_commit(s.rec, true), 0));
	cr_expect(not(recorder_dirty(s.rec)));
	recorder_head(s.rec, &seq, &bytes, head);
	cr_expect(eq(u64, seq, 2));
	cr_assert(eq(int, fstatat(s.dirfd, "000001.rec", &st, 0), 0));
	cr_expect(eq(u64, (uint64_t)st.st_size, bytes));
	rig_forget(&s);
	rig_close(&g);
}

/* A statement of many megabytes: exact bytes back, and the memory is given back after it. */
Test(recorder, large_statement_is_never_cut)
{
	struct rig_session s;
	struct reader *r;
	const struct rec_frame *f;
	struct why w;
	size_t n = 20u << 20;
	char *sql = malloc(n);
	struct rec_statement st = {
	    .proto = "query", .cls = "write", .verdict = "allow", .forwarded = true};

	for (size_t i = 0; i < n; i++)
		sql[i] = (char)('a' + i % 23);
	rig_open(&g);
	rig_begin(&g, &s);
	st.sql = span_of(sql, n);
	cr_expect(eq(i64, recorder_add_statement(s.rec, &st, NULL), 2));
	cr_expect(eq(int, recorder_commit(s.rec, false), 0));
	rig_statements(&s, 1);
	rig_end(&g, &s, "x");
	for (int pass = 0; pass < 2; pass++) {
		r = open_reader(&s, 0);
		cr_assert(eq(int, reader_next(r, &f, &w), 1));
		cr_assert(eq(int, reader_next(r, &f, &w), 1), "%s", w.text);
		cr_expect(eq(sz, rec_text(f, "sql").n, n));
		cr_expect(eq(int, memcmp(rec_text(f, "sql").p, sql, n), 0));
		cr_assert(eq(int, reader_next(r, &f, &w), 1));
		reader_free(r);
		if (pass == 0)
			rig_seal(&g, &s);
	}
	free(sql);
	rig_forget(&s);
	rig_close(&g);
}

Test(recorder, beyond_the_record_limit_is_final)
{
	struct rig_session s;
	size_t n = REC_MAX;
	void *sql = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rec_statement st = {
	    .proto = "query", .sql = {sql, n}, .verdict = "allow", .forwarded = true};
	struct rec_kv kv = {"text", span_str("x")};

	cr_assert(sql != MAP_FAILED);
	rig_open(&g);
	rig_begin(&g, &s);
	cr_expect(eq(i64, recorder_add_statement(s.rec, &st, NULL), E_TOOBIG));
	cr_expect(eq(i64, recorder_add(s.rec, REC_NOTICE, &kv, 1), E_TOOBIG));
	cr_expect(eq(int, recorder_commit(s.rec, false), E_TOOBIG));
	rig_forget(&s);
	rig_close(&g);
}

/* A full disk: commit fails, stays failed, and what was committed before still reads. */
Test(recorder, full_disk_is_final)
{
	struct rig_session s;
	struct recover_result rec;
	struct why w;
	pid_t pid;
	int status;

	rig_open(&g);
	rig_begin(&g, &s);
	pid = fork();
	if (pid == 0) {
		struct rlimit rl = {5000, 5000};
		struct rec_kv kv = {"text", span_str("0123456789012345678901234567890123456789")};
		int rc = 0;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &rl);
		for (int i = 0; i < 1000 && rc == 0; i++)
			rc = recorder_add(s.rec, REC_NOTICE, &kv, 1) < 0
				 ? -1
				 : recorder_commit(s.rec, false);
		if (rc != -EFBIG || recorder_commit(s.rec, false) != -EFBIG ||
		    recorder_add(s.rec, REC_NOTICE, &kv, 1) != -EFBIG)
			_exit(1);
		_exit(0);
	}
	cr_assert(eq(int, (int)waitpid(pid, &status, 0), (int)pid));
	cr_expect(eq(int, status, 0));
	cr_assert(eq(int, recording_recover(s.dirfd, false, &rec, &w), 0), "%s", w.text);
	cr_expect(gt(u64, rec.seq, 20));
	cr_expect(gt(u64, rec.torn_bytes, 0));
	rig_forget(&s);
	rig_close(&g);
}

/* A device that is always full. */
Test(recorder, no_space)
{
	int fd = open("/dev/full", O_WRONLY);
	uint8_t zero[32] = {0};
	struct recorder *r = recorder_new(fd, zero, 1);
	struct rec_kv kv = {"text", span_str("x")};

	cr_assert(fd >= 0);
	cr_expect(eq(i64, recorder_add(r, REC_NOTICE, &kv, 1), 2));
	cr_expect(eq(int, recorder_commit(r, false), -ENOSPC));
	cr_expect(eq(int, recorder_commit(r, true), -ENOSPC));
	recorder_free(r);
}

struct shared {
	volatile uint64_t committed; /* last sequence number that commit returned for */
	volatile uint64_t bytes;
};

/* Writes until it is killed; tells through shared memory what was committed. */
static void write_for_ever(struct rig_session *s, struct shared *sh)
{
	for (uint32_t i = 0;; i++) {
		uint64_t seq;
		uint64_t bytes;
		uint8_t head[32];

		if (i % 64 == 63)
			rig_rotate(s);
		rig_statements(s, 1 + (int)(i % 3));
		recorder_head(s->rec, &seq, &bytes, head);
		sh->bytes = bytes;
		sh->committed = seq;
		if (s->segments > 14)
			pause();
	}
}

Test(recorder, kill_9_loses_nothing_committed)
{
	struct shared *sh =
	    mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert(sh != MAP_FAILED);
	rig_open(&g);
	for (unsigned i = 0; i < 60; i++) {
		struct rig_session s;
		struct recover_result r;
		struct why w;
		struct timespec ts = {0, (long)(300000 + (i * 7919u * 1009u) % 4000000u)};
		pid_t pid;

		sh->committed = sh->bytes = 0;
		rig_begin(&g, &s);
		pid = fork();
		if (pid == 0)
			write_for_ever(&s, sh);
		nanosleep(&ts, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		cr_assert(eq(int, recording_recover(s.dirfd, true, &r, &w), 0), "%s", w.text);
		cr_expect(ge(u64, r.seq, sh->committed));
		cr_expect(ge(u64, r.bytes, sh->bytes));
		rig_forget(&s);
	}
	rig_close(&g);
	munmap(sh, sizeof(*sh));
}

/* Hostile bytes behind good ones, and every cut, through the reader: an error or an end, never a
 * crash. */
Test(recorder, reader_survives_damage)
{
	static const char *const tails[] = {"\xc1", "\x95", "\x95\x01\x01\x01\xdf\xff\xff\xff\xff",
	    "\x95\x01\x01\x01\xdd\xff\xff\xff\xff", "\x95\x01\x01\x01\xc6\xff\xff\xff\xff",
	    "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"};
	struct rig_session s;
	uint8_t a[8192];
	size_t n;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 2);
	n = rig_read(s.path, "000001.rec", a, sizeof(a));
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct reader *r;
		struct why w;
		int rc;

		memcpy(a + n, tails[i], strlen(tails[i]));
		rig_write(s.path, "000001.rec", a, n + strlen(tails[i]));
		r = open_reader(&s, 0);
		cr_expect(eq(u64, count(r, &rc, &w), 5));
		cr_expect(
		    rc == 0 ? reader_torn_bytes(r) > 0 : rc == E_TAMPER, "tail %zu: %d", i, rc);
		reader_free(r);
	}
	for (size_t i = 0; i < n; i++) {
		struct reader *r;
		struct why w;
		int rc;

		a[i] ^= 0x10;
		rig_write(s.path, "000001.rec", a, n);
		a[i] ^= 0x10;
		r = open_reader(&s, 0);
		(void)count(r, &rc, &w);
		cr_expect(rc == E_TAMPER || reader_torn_bytes(r) > 0, "flip at %zu", i);
		reader_free(r);
		r = open_reader(&s, READER_LAX);
		(void)count(r, &rc, &w);
		reader_free(r);
	}
	rig_forget(&s);
	rig_close(&g);
}

Test(recorder, lax_reading_goes_on_and_tells)
{
	struct rig_session s;
	uint8_t a[8192];
	struct reader *r;
	const struct rec_frame *f;
	struct why w;
	size_t n;
	int broken = 0;
	int total = 0;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 2);
	n = rig_read(s.path, "000001.rec", a, sizeof(a));
	a[100] ^= 1; /* inside the first statement */
	rig_write(s.path, "000001.rec", a, n);
	r = open_reader(&s, READER_LAX);
	while (reader_next(r, &f, &w) == 1) {
		broken += reader_broken(r);
		total++;
	}
	cr_expect(eq(int, total, 5));
	cr_expect(eq(int, broken, 1));
	reader_free(r);
	rig_forget(&s);
	rig_close(&g);
}

/* Numbers are checked for themselves: a writer that leaves one out chains it perfectly. */
Test(recorder, left_out_numbers_are_seen)
{
	struct rig_session s;
	struct reader *r;
	struct why w;
	struct rec_kv kv = {"text", span_str("x")};
	uint8_t head[32];
	uint64_t seq;
	uint64_t bytes;
	int rc;
	int fd;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 1);
	recorder_head(s.rec, &seq, &bytes, head);
	recorder_free(s.rec);
	fd = openat(s.dirfd, "000001.rec", O_WRONLY | O_APPEND);
	s.rec = recorder_new(fd, head, seq + 3);
	cr_expect(gt(i64, recorder_add(s.rec, REC_NOTICE, &kv, 1), 0));
	cr_expect(eq(int, recorder_commit(s.rec, false), 0));
	r = open_reader(&s, 0);
	cr_expect(eq(u64, count(r, &rc, &w), 3));
	cr_expect(eq(int, rc, E_TAMPER));
	cr_expect(eq(str, w.text, "segment 1: record 4 is missing (6 follows)"));
	reader_free(r);
	rig_forget(&s);
	rig_close(&g);
}

Test(recorder, session_ids_sort_by_time)
{
	char a[27];
	char b[27];

	recdir_new_sid(1795000000000000ll, a);
	recdir_new_sid(1795000000001000ll, b);
	cr_expect(rec_sid_ok(span_str(a)) && rec_sid_ok(span_str(b)));
	cr_expect(lt(int, strcmp(a, b), 0));
}
