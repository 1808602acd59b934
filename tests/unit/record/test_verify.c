/* SPDX-License-Identifier: Apache-2.0
 *
 * Promise 8: any change to a recording, to the log or to a checkpoint is found, and an honest crash
 * is not called tampering.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/zst.h"
#include "rig.h"

static const struct span none = {NULL, 0};

static struct rig g;
static struct rig_verdict v;

static bool says(const char *text)
{
	return strstr(v.text, text) != NULL;
}

static void verify(void)
{
	rig_verify(&g, NULL, none, &v);
}

/* One closed session: two segments, progress in between. */
static void closed_session(struct rig_session *s)
{
	rig_begin(&g, s);
	rig_statements(s, 1);
	rig_progress(&g, s);
	rig_rotate(s);
	rig_statements(s, 1);
	rig_end(&g, s, "client closed");
}

/* Flip bits of every byte of a file: every one must be found. Returns the number of misses. */
static int flip_all(const char *dir, const char *name)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	uint8_t bytes[8192];
	size_t n = rig_read(dir, name, bytes, sizeof(bytes));
	int missed = 0;

	cr_assert(n > 0);
	for (size_t i = 0; i < n; i++) {
		for (size_t m = 0; m < sizeof(masks); m++) {
			bytes[i] ^= masks[m];
			rig_write(dir, name, bytes, n);
			verify();
			if (v.rc != E_TAMPER) {
				fprintf(stderr, "%s: flip %02x at %zu: rc %d %s\n", name, masks[m],
				    i, v.rc, v.text);
				missed++;
			}
			bytes[i] ^= masks[m];
		}
	}
	rig_write(dir, name, bytes, n);
	verify();
	cr_assert(eq(int, v.rc, 0), "%s", v.text);
	return missed;
}

/* Every shorter length of a file must be found. */
static int truncate_all(const char *dir, const char *name)
{
	uint8_t bytes[8192];
	size_t n = rig_read(dir, name, bytes, sizeof(bytes));
	int missed = 0;

	for (size_t k = 0; k < n; k++) {
		rig_write(dir, name, bytes, k);
		verify();
		if (v.rc != E_TAMPER) {
			fprintf(stderr, "%s: cut at %zu: rc %d %s\n", name, k, v.rc, v.text);
			missed++;
		}
	}
	rig_write(dir, name, bytes, n);
	return missed;
}

Test(verify, every_flip_and_cut_of_a_closed_raw_session)
{
	struct rig_session s;

	rig_open(&g);
	closed_session(&s);
	rig_checkpoint(&g);
	verify();
	cr_assert(eq(int, v.rc, 0), "%s", v.text);
	cr_expect(eq(u64, v.report.sessions, 1));
	cr_expect(eq(u64, v.report.statements, 2));
	cr_expect(eq(str, v.text, ""));
	cr_expect(eq(int, flip_all(s.path, "meta"), 0));
	cr_expect(eq(int, flip_all(s.path, "000001.rec"), 0));
	cr_expect(eq(int, flip_all(s.path, "000002.rec"), 0));
	cr_expect(eq(int, flip_all(g.log, "entries"), 0));
	cr_expect(eq(int, flip_all(g.log, "checkpoint"), 0));
	cr_expect(eq(int, truncate_all(s.path, "meta"), 0));
	cr_expect(eq(int, truncate_all(s.path, "000001.rec"), 0));
	cr_expect(eq(int, truncate_all(s.path, "000002.rec"), 0));
	cr_expect(eq(int, truncate_all(g.log, "entries"), 0));
	cr_expect(eq(int, truncate_all(g.log, "checkpoint"), 0));
	rig_forget(&s);
	rig_close(&g);
}

Test(verify, every_flip_and_cut_of_a_sealed_session)
{
	struct rig_session s;

	rig_open(&g);
	closed_session(&s);
	rig_seal(&g, &s);
	rig_checkpoint(&g);
	verify();
	cr_assert(eq(int, v.rc, 0), "%s", v.text);
	cr_expect(eq(str, v.text, ""));
	cr_expect(eq(int, flip_all(s.path, "000001.rec.zst"), 0));
	cr_expect(eq(int, flip_all(s.path, "000002.rec.zst"), 0));
	cr_expect(eq(int, truncate_all(s.path, "000001.rec.zst"), 0));
	rig_forget(&s);
	rig_close(&g);
}

/* The raw twin that a crash between rename and unlink leaves is covered too. */
Test(verify, twins_of_a_segment_are_both_checked)
{
	struct rig_session s;
	uint8_t bytes[8192];
	size_t n;

	rig_open(&g);
	closed_session(&s);
	n = rig_read(s.path, "000001.rec", bytes, sizeof(bytes));
	rig_seal(&g, &s);
	rig_checkpoint(&g);
	rig_write(s.path, "000001.rec", bytes, n);
	verify();
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	bytes[100] ^= 1;
	rig_write(s.path, "000001.rec", bytes, n);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER), "%s", v.text);
	rig_forget(&s);
	rig_close(&g);
}

/* Offsets of the records in a raw segment. */
static size_t offsets(const uint8_t *p, size_t n, size_t *at, size_t cap)
{
	size_t k = 0;
	size_t off = 0;

	while (off < n && k < cap) {
		struct rec_frame f;
		size_t used;

		cr_assert(eq(int, rec_parse(span_of(p + off, n - off), &f, &used), 0));
		rec_frame_clear(&f);
		at[k++] = off;
		off += used;
	}
	at[k] = n;
	return k;
}

Test(verify, removed_reordered_and_repeated_records)
{
	struct rig_session s;
	uint8_t a[8192];
	uint8_t b[8192];
	size_t at[65];
	size_t n;
	size_t k;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 6);
	rig_end(&g, &s, "x");
	rig_checkpoint(&g);
	n = rig_read(s.path, "000001.rec", a, sizeof(a));
	k = offsets(a, n, at, 64);
	for (size_t i = 0; i < k; i++) {
		size_t len = at[i + 1] - at[i];

		memcpy(b, a, at[i]);
		memcpy(b + at[i], a + at[i + 1], n - at[i + 1]);
		rig_write(s.path, "000001.rec", b, n - len);
		verify();
		cr_expect(eq(int, v.rc, E_TAMPER), "removed %zu: %s", i, v.text);
		/* twice */
		memcpy(b, a, at[i + 1]);
		memcpy(b + at[i + 1], a + at[i], n - at[i]);
		rig_write(s.path, "000001.rec", b, n + len);
		verify();
		cr_expect(eq(int, v.rc, E_TAMPER), "repeated %zu: %s", i, v.text);
		if (i + 1 == k)
			break;
		/* swapped with the next */
		memcpy(b, a, n);
		memcpy(b + at[i], a + at[i + 1], at[i + 2] - at[i + 1]);
		memcpy(b + at[i] + at[i + 2] - at[i + 1], a + at[i], len);
		rig_write(s.path, "000001.rec", b, n);
		verify();
		cr_expect(eq(int, v.rc, E_TAMPER), "swapped %zu: %s", i, v.text);
	}
	/* The message names the place. */
	memcpy(b, a, n);
	b[at[4] + 20] ^= 1;
	rig_write(s.path, "000001.rec", b, n);
	verify();
	cr_expect(says("T segment 1: record 5 does not match the chain (edited or reordered)"),
	    "%s", v.text);
	memcpy(b, a, at[4]);
	memcpy(b + at[4], a + at[5], n - at[5]);
	rig_write(s.path, "000001.rec", b, n - (at[5] - at[4]));
	verify();
	cr_expect(says("T segment 1: record 5 is missing (6 follows)"), "%s", v.text);
	rig_forget(&s);
	rig_close(&g);
}

/* Edit a record and recompute every hash behind it: the chain is right, the log is not fooled. */
Test(verify, rechained_recording)
{
	struct rig_session s;
	uint8_t a[8192];
	uint8_t prev[32];
	size_t at[65];
	size_t n;
	size_t k;
	struct sha256_ctx *c = sha256_new();

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 3);
	rig_progress(&g, &s);
	rig_statements(&s, 1);
	rig_end(&g, &s, "x");
	rig_checkpoint(&g);
	n = rig_read(s.path, "000001.rec", a, sizeof(a));
	k = offsets(a, n, at, 64);
	memcpy(prev, s.meta_hash, 32);
	a[at[1] + 60] ^= 1; /* inside the text of the first statement */
	for (size_t i = 0; i < k; i++) {
		sha256_begin(c);
		sha256_add(c, span_of(prev, 32));
		sha256_add(c, span_of(a + at[i] + 1, at[i + 1] - at[i] - 35));
		sha256_end(c, prev);
		memcpy(a + at[i + 1] - 32, prev, 32);
	}
	sha256_free(c);
	rig_write(s.path, "000001.rec", a, n);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("is not the one that was logged (edited and chained anew)"), "%s", v.text);
	rig_forget(&s);
	rig_close(&g);
}

static void move(const char *dir, const char *from, const char *to)
{
	char a[256];
	char b[256];

	snprintf(a, sizeof(a), "%s/%s", dir, from);
	snprintf(b, sizeof(b), "%s/%s", dir, to);
	cr_assert(eq(int, rename(a, b), 0));
}

Test(verify, removed_segments_sessions_and_files)
{
	struct rig_session s[3];

	rig_open(&g);
	for (int i = 0; i < 3; i++)
		closed_session(&s[i]);
	rig_seal(&g, &s[2]);
	rig_checkpoint(&g);
	verify();
	cr_assert(eq(int, v.rc, 0), "%s", v.text);
	cr_expect(eq(u64, v.report.sessions, 3));

	move(s[0].path, "000001.rec", "../x");
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T segment 1 is missing"), "%s", v.text);
	move(s[0].path, "../x", "000001.rec");

	move(s[0].path, "000002.rec", "../x");
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T segment 1: cut after record"), "%s", v.text);
	move(s[0].path, "../x", "000002.rec");

	move(s[0].path, "meta", "../x");
	verify();
	cr_expect(says("T meta is missing"), "%s", v.text);
	move(s[0].path, "../x", "meta");

	/* exchanged */
	move(s[0].path, "000001.rec", "../x");
	move(s[0].path, "000002.rec", "000001.rec");
	move(s[0].path, "../x", "000002.rec");
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	move(s[0].path, "000001.rec", "../x");
	move(s[0].path, "000002.rec", "000001.rec");
	move(s[0].path, "../x", "000002.rec");

	move(g.recordings, s[1].sid, "gone");
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(
	    says("T the recording is gone, and no tombstone says why (deleted)"), "%s", v.text);
	/* only asked about another session: that one verifies */
	rig_verify(&g, s[0].sid, none, &v);
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	rig_verify(&g, s[1].sid, none, &v);
	cr_expect(eq(int, v.rc, E_TAMPER));
	rig_verify(&g, "7ZZZZZ", none, &v);
	cr_expect(eq(int, v.rc, E_NOTFOUND));
	rig_verify(&g, "0", none, &v);
	cr_expect(eq(int, v.rc, E_EXISTS));
	move(g.recordings, "gone", s[1].sid);
	verify();
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	for (int i = 0; i < 3; i++)
		rig_forget(&s[i]);
	rig_close(&g);
}

Test(verify, added_sessions_segments_and_records)
{
	struct rig_session s;
	struct rig_session t;
	struct rec_meta m = {.sid = "01JD8MAAAAAAAAAAAAAAAAAAAA", .counter = 9};
	uint8_t hash[32];
	uint8_t bytes[8192];
	char path[256];
	size_t n;
	int dirfd;

	rig_open(&g);
	closed_session(&s);
	closed_session(&t);
	rig_checkpoint(&g);
	cr_assert(eq(int, recdir_create(g.recordings_fd, &m, &dirfd, hash), 0));
	verify();
	cr_expect(eq(int, v.rc, 0)); /* nothing in it */
	cr_expect(says("N was prepared and never began"), "%s", v.text);
	n = rig_read(s.path, "000001.rec", bytes, sizeof(bytes));
	snprintf(path, sizeof(path), "%s/%s", g.recordings, m.sid);
	rig_write(path, "000001.rec", bytes, n);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T the recording is not in the log (added)"), "%s", v.text);
	cr_assert(eq(int, recdir_remove(g.recordings_fd, m.sid), 0));
	close(dirfd);

	rig_write(s.path, "000003.rec", "", 0);
	verify();
	cr_expect(says("T has 3 segments; the log has 2"), "%s", v.text);
	rig_write(s.path, "000003.rec", "\0\0\0", 3);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER), "%s", v.text);
	snprintf(path, sizeof(path), "%s/000003.rec", s.path);
	unlink(path);
	rig_write(s.path, "notes.txt", "x", 1);
	verify();
	cr_expect(eq(int, v.rc, 0));
	cr_expect(says("N 1 files do not belong there"), "%s", v.text);

	/* another session's files in this one's place */
	n = rig_read(t.path, "meta", bytes, sizeof(bytes));
	rig_write(s.path, "meta", bytes, n);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T meta is not the one that was logged"), "%s", v.text);
	rig_forget(&s);
	rig_forget(&t);
	rig_close(&g);
}

Test(verify, crash_and_live_are_told_from_tampering)
{
	struct rig_session s;
	uint8_t bytes[8192];
	size_t at[65];
	size_t n;
	size_t k;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 2);
	rig_progress(&g, &s);
	rig_statements(&s, 2);
	rig_checkpoint(&g);
	verify();
	cr_expect(eq(int, v.rc, 0));
	cr_expect(eq(u64, v.report.live, 1));
	cr_expect(says("L still being written"), "%s", v.text);
	recorder_free(s.rec);
	s.rec = NULL;
	verify();
	cr_expect(eq(int, v.rc, 0));
	cr_expect(eq(u64, v.report.crashed, 1));
	cr_expect(eq(str, v.report.first_crash, s.sid));

	n = rig_read(s.path, "000001.rec", bytes, sizeof(bytes));
	k = offsets(bytes, n, at, 64);
	cr_assert(eq(sz, k, 9)); /* anchor and 4 x 2 */
	for (size_t cut = 0; cut < n; cut++) {
		rig_write(s.path, "000001.rec", bytes, cut);
		verify();
		/* the log has seen 5 records: cutting into them is tampering, behind them a crash
		 */
		cr_expect(eq(int, v.rc, cut < at[5] ? E_TAMPER : 0), "cut at %zu: %s", cut, v.text);
	}
	/* what a power cut leaves: zeros */
	memset(bytes + at[7] + 9, 0, 30);
	rig_write(s.path, "000001.rec", bytes, at[7] + 9);
	verify();
	cr_expect(eq(int, v.rc, 0));
	memset(bytes + at[7], 0, 30);
	rig_write(s.path, "000001.rec", bytes, at[7] + 30);
	verify();
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	/* a record behind the last logged head that was edited is not excused by the crash */
	n = rig_read(s.path, "000001.rec", bytes, sizeof(bytes));
	bytes[at[6] + 20] ^= 1;
	rig_write(s.path, "000001.rec", bytes, at[7]);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER), "%s", v.text);
	rig_forget(&s);
	rig_close(&g);
}

Test(verify, recovered_crash_gets_an_end)
{
	struct rig_session s;
	struct recover_result r;
	struct rec_leaf l = {.type = LEAF_END, .has_hash = true, .reason = "crash"};
	uint8_t bytes[8192];
	struct why w;
	size_t n;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 2);
	recorder_free(s.rec);
	s.rec = NULL;
	n = rig_read(s.path, "000001.rec", bytes, sizeof(bytes));
	rig_write(s.path, "000001.rec", bytes, n - 10);
	cr_assert(eq(int, recording_recover(s.dirfd, true, &r, &w), 0), "%s", w.text);
	cr_expect(eq(u64, r.seq, 4));
	cr_expect(eq(u64, r.statements, 2));
	cr_expect(eq(u64, r.rows, 1));
	cr_expect(gt(u64, r.torn_bytes, 0));
	cr_expect(not(r.ended));
	memcpy(l.sid, s.sid, sizeof(l.sid));
	l.seq = r.seq;
	l.bytes = r.bytes;
	l.segment = r.segments;
	memcpy(l.hash, r.head, 32);
	memcpy(s.seg_head[0], r.head, 32);
	rig_leaf(&g, &l);
	rig_checkpoint(&g);
	verify();
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	cr_expect(says("C ended by a crash (crash)"), "%s", v.text);
	rig_seal(&g, &s);
	rig_checkpoint(&g);
	verify();
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	cr_expect(eq(int, truncate_all(s.path, "000001.rec.zst"), 0));
	rig_forget(&s);
	rig_close(&g);
}

Test(verify, tombstones_gaps_and_counters)
{
	struct rig_session s[3];
	struct rec_leaf l = {
	    .type = LEAF_DELETE, .who = "retention", .reason = "older than 90 days"};
	struct rec_leaf gap = {
	    .type = LEAF_GAP, .counter = 4, .last = 5, .reason = "crash before start"};

	rig_open(&g);
	for (int i = 0; i < 3; i++)
		closed_session(&s[i]);
	memcpy(l.sid, s[1].sid, sizeof(l.sid));
	rig_leaf(&g, &l);
	rig_checkpoint(&g);
	verify();
	cr_expect(eq(int, v.rc, 0));
	cr_expect(says("N has a tombstone, but files of it are still there"), "%s", v.text);
	cr_assert(eq(int, recdir_remove(g.recordings_fd, s[1].sid), 0));
	verify();
	cr_expect(eq(int, v.rc, 0));
	cr_expect(eq(u64, v.report.deleted, 1));
	cr_expect(eq(str, v.text, ""));

	g.counter = 5; /* 4 and 5 are lost */
	rig_leaf(&g, &gap);
	rig_forget(&s[1]);
	closed_session(&s[1]);
	rig_checkpoint(&g);
	verify();
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	cr_expect(eq(u64, ledger_last_counter(g.ledger), 6));

	g.counter = 7; /* 7 is lost and nothing says so */
	rig_forget(&s[1]);
	closed_session(&s[1]);
	rig_checkpoint(&g);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T session number 7 is missing in the log"), "%s", v.text);
	g.counter = 7; /* 8 again */
	rig_forget(&s[1]);
	closed_session(&s[1]);
	rig_checkpoint(&g);
	verify();
	cr_expect(says("T session number 8 appears twice in the log"), "%s", v.text);
	for (int i = 0; i < 3; i++)
		rig_forget(&s[i]);
	rig_close(&g);
}

Test(verify, rollback_rewrite_and_wrong_keys_are_seen_from_outside)
{
	struct rig_session s;
	struct rig_session t;
	struct rig h;
	uint8_t outside[2048];
	uint8_t old_entries[8192];
	uint8_t old_cp[2048];
	uint8_t cp[2048];
	size_t n_out;
	size_t n_entries;
	size_t n_old;
	size_t n_cp;

	rig_open(&g);
	closed_session(&s);
	rig_checkpoint(&g);
	n_entries = rig_read(g.log, "entries", old_entries, sizeof(old_entries));
	n_old = rig_read(g.log, "checkpoint", old_cp, sizeof(old_cp));
	closed_session(&t);
	rig_checkpoint(&g);
	n_out = rig_read(g.log, "checkpoint", outside, sizeof(outside));
	rig_verify(&g, NULL, span_of(outside, n_out), &v);
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	cr_expect(eq(i64, v.report.since_us, g.now_us));
	rig_verify(&g, NULL, span_of(old_cp, n_old), &v);
	cr_expect(eq(int, v.rc, 0), "%s", v.text);

	/* roll everything back to a state that was true once: only the outside checkpoint knows
	 * better */
	cr_assert(eq(int, recdir_remove(g.recordings_fd, t.sid), 0));
	rig_write(g.log, "entries", old_entries, n_entries);
	rig_write(g.log, "checkpoint", old_cp, n_old);
	verify();
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	rig_verify(&g, NULL, span_of(outside, n_out), &v);
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("(cut or rolled back)"), "%s", v.text);

	/* rewrite the log with the real key, as a thief of the key would: same size or larger,
	 * other root */
	rig_reopen(&g);
	g.counter = 1;
	rig_forget(&t);
	closed_session(&t);
	closed_session(&t);
	rig_checkpoint(&g);
	verify();
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	rig_verify(&g, NULL, span_of(outside, n_out), &v);
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("(rewritten)"), "%s", v.text);

	/* re-signed with another key */
	h = g;
	h.seed[0] ^= 1;
	cr_assert(eq(int, ed25519_pub(h.seed, h.pub), 0));
	n_cp = rig_read(g.log, "checkpoint", cp, sizeof(cp));
	ledger_close(g.ledger);
	{
		struct why w;
		char path[160];

		snprintf(path, sizeof(path), "%s/checkpoint", g.log);
		unlink(path);
		cr_assert(eq(
		    int, ledger_open(g.log, "gw.example.com", NULL, NULL, NULL, &h.ledger, &w), 0));
		rig_checkpoint(&h);
		ledger_close(h.ledger);
	}
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("not signed by the given key"), "%s", v.text);
	/* an outside checkpoint that does not carry the key is not usable at all */
	rig_verify(&h, NULL, span_of(outside, n_out), &v);
	cr_expect(eq(int, v.rc, E_CRYPTO));
	cr_expect(eq(int, verify_exit_code(v.rc), 6));
	rig_write(g.log, "checkpoint", cp, n_cp);
	g.ledger = NULL;
	rig_forget(&s);
	rig_forget(&t);
	rig_close(&g);
}

/* Entries behind the checkpoint are not signed: said, not hidden. */
Test(verify, unsigned_tail_and_summary)
{
	struct rig_session s;
	struct buf b;

	rig_open(&g);
	rig_checkpoint(&g);
	closed_session(&s);
	verify();
	cr_expect(eq(int, v.rc, 0));
	cr_expect(eq(u64, v.report.log_size - v.report.signed_size, 3));
	buf_init(&b, 4096);
	verify_put_summary(&b, &v.report);
	cr_expect(strstr(buf_cstr(&b), "verified 1 session, 2 statements, log size 3, root ") ==
		  buf_cstr(&b));
	cr_expect(strstr(buf_cstr(&b), "; 3 log entries not signed yet") != NULL);
	buf_reset(&b);
	v.report.sessions = 1204;
	v.report.statements = 1088391;
	v.report.since_us = 1795132798000000ll;
	verify_put_summary(&b, &v.report);
	cr_expect(
	    strstr(buf_cstr(&b), "verified 1 204 sessions, 1 088 391 statements") == buf_cstr(&b));
	cr_expect(
	    strstr(buf_cstr(&b), "nothing missing since 2026-11-") != NULL, "%s", buf_cstr(&b));
	buf_clear(&b);
	rig_forget(&s);
	rig_close(&g);
}

/* Bytes behind the end of a closed session: rests of a write are excused nowhere but in an open
 * one. */
Test(verify, anything_behind_the_end_is_found)
{
	static const struct {
		const char *bytes;
		size_t n;
	} tails[] = {{"\x95", 1}, {"\x95\x05\x01", 3}, {"\0", 1}, {"\0\0\0\0", 4}, {"x", 1}};
	struct rig_session s;
	uint8_t bytes[8192];
	struct recorder *r;
	struct rec_kv kv = {"text", span_str("more")};
	char path[256];
	size_t n;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 2);
	rig_end(&g, &s, "x");
	rig_checkpoint(&g);
	n = rig_read(s.path, "000001.rec", bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		memcpy(bytes + n, tails[i].bytes, tails[i].n);
		rig_write(s.path, "000001.rec", bytes, n + tails[i].n);
		verify();
		cr_expect(eq(int, v.rc, E_TAMPER), "tail %zu", i);
	}
	/* a well-chained record */
	rig_write(s.path, "000001.rec", bytes, n);
	snprintf(path, sizeof(path), "%s/000001.rec", s.path);
	r = recorder_new(open(path, O_WRONLY | O_APPEND), s.seg_head[0], 7);
	cr_expect(gt(i64, recorder_add(r, REC_NOTICE, &kv, 1), 0));
	cr_expect(eq(int, recorder_commit(r, false), 0));
	recorder_free(r);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T segment 1: records were added after the end, record 6"), "%s", v.text);
	rig_forget(&s);
	rig_close(&g);
}

/* The same content in another encoding, or unpacked again: only the logged hash of the file tells.
 */
Test(verify, sealed_file_is_the_very_file_that_was_logged)
{
	struct rig_session s;
	struct zst_out *z = zst_out_new(1);
	struct buf packed;
	uint8_t raw[16384];
	char path[256];
	size_t n;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 20);
	rig_end(&g, &s, "x");
	n = rig_read(s.path, "000001.rec", raw, sizeof(raw));
	rig_seal(&g, &s);
	rig_checkpoint(&g);
	buf_init(&packed, 1u << 20);
	cr_assert(eq(int, zst_out_frame(z, span_of(raw, n / 2), &packed), 0));
	cr_assert(eq(int, zst_out_frame(z, span_of(raw + n / 2, n - n / 2), &packed), 0));
	zst_out_free(z);
	rig_write(s.path, "000001.rec.zst", buf_span(&packed).p, buf_len(&packed));
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T segment 1: the sealed file is not the one that was logged (edited)"),
	    "%s", v.text);
	snprintf(path, sizeof(path), "%s/000001.rec.zst", s.path);
	unlink(path);
	rig_write(s.path, "000001.rec", raw, n);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T segment 1: the sealed file is missing"), "%s", v.text);
	buf_clear(&packed);
	rig_forget(&s);
	rig_close(&g);
}

/* An open session excuses only an unfinished write at the very end. */
Test(verify, open_sessions_excuse_nothing_else)
{
	struct rig_session s;
	uint8_t a[8192];
	uint8_t b[8192];
	size_t na;
	size_t nb;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 1);
	rig_progress(&g, &s);
	rig_statements(&s, 1);
	rig_rotate(&s);
	rig_statements(&s, 1);
	rig_forget(&s);
	rig_checkpoint(&g);
	na = rig_read(s.path, "000001.rec", a, sizeof(a));
	nb = rig_read(s.path, "000002.rec", b, sizeof(b));
	verify();
	cr_expect(eq(int, v.rc, 0), "%s", v.text);
	/* garbage instead of zeros */
	memcpy(b + nb, "\0\0\1\0", 4);
	rig_write(s.path, "000002.rec", b, nb + 4);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER), "%s", v.text);
	rig_write(s.path, "000002.rec", b, nb);
	/* the unfinished record stands in an earlier segment */
	rig_write(s.path, "000001.rec", a, na - 3);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER), "%s", v.text);
	rig_write(s.path, "000002.rec", "", 0);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER), "%s", v.text);
	memset(a + na, 0, 8);
	rig_write(s.path, "000001.rec", a, na + 8);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER), "%s", v.text);
	rig_close(&g);
}

Test(verify, missing_checkpoint_and_foreign_names)
{
	struct rig_session s;
	struct verify_params p = {
	    .recordings = g.recordings, .log = g.log, .pub = g.pub, .name = "other.example.com"};
	struct verify_report r;
	struct why w;
	uint8_t cp[2048];
	struct span note;
	char path[256];
	size_t n;

	rig_open(&g);
	closed_session(&s);
	rig_checkpoint(&g);
	n = rig_read(g.log, "checkpoint", cp, sizeof(cp));
	note = span_of(cp, n);
	cr_expect(eq(int, verify_run(&p, &r, &w), E_TAMPER)); /* the right key under another name */
	p.name = NULL;
	cr_expect(eq(int, verify_run(&p, &r, &w), 0));
	p.name = "other.example.com";
	p.outside = &note;
	cr_expect(eq(int, verify_run(&p, &r, &w), E_CRYPTO));
	snprintf(path, sizeof(path), "%s/checkpoint", g.log);
	unlink(path);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T the log's checkpoint is missing"), "%s", v.text);
	rig_write(g.log, "checkpoint", cp, n);
	snprintf(path, sizeof(path), "%s/entries", g.log);
	unlink(path);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T the log's entries are missing"), "%s", v.text);
	rig_forget(&s);
	rig_close(&g);
}

/* Leaves that contradict the files or each other, as a gateway gone wrong would write them. */
Test(verify, contradicting_leaves)
{
	struct rig_session s;
	struct rec_leaf l = {.type = LEAF_START,
	    .has_hash = true,
	    .sid = "01JD8MAAAAAAAAAAAAAAAAAAAA",
	    .counter = 2};
	char path[256];
	char from[256];

	rig_open(&g);
	closed_session(&s);
	memcpy(l.hash, s.meta_hash, 32);
	rig_leaf(&g, &l);
	rig_checkpoint(&g);
	snprintf(from, sizeof(from), "%s", s.path);
	snprintf(path, sizeof(path), "%s/%s", g.recordings, l.sid);
	cr_assert(eq(int, rename(from, path), 0));
	rig_verify(&g, l.sid, none, &v);
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(says("T meta names another session than the log"), "%s", v.text);
	l.type = LEAF_PROGRESS;
	l.seq = 9;
	rig_leaf(&g, &l);
	l.seq = 8;
	rig_leaf(&g, &l);
	l.type = LEAF_END;
	rig_leaf(&g, &l);
	rig_leaf(&g, &l);
	snprintf(l.sid, sizeof(l.sid), "01JD8MBBBBBBBBBBBBBBBBBBBB");
	rig_leaf(&g, &l);
	verify();
	cr_expect(says("T the log goes back from record 9 to 8"), "%s", v.text);
	cr_expect(says("T ended twice in the log"));
	cr_expect(says("(end) is about a session that never started"));
	rig_forget(&s);
	rig_close(&g);
}

/* Cut while the gateway was down: the end that it logs after the restart does not whitewash that.
 */
Test(verify, cut_before_recovery_is_found)
{
	struct rig_session s;
	struct recover_result r;
	struct rec_leaf l = {.type = LEAF_END, .has_hash = true, .reason = "crash"};
	uint8_t bytes[8192];
	size_t at[65];
	struct why w;

	rig_open(&g);
	rig_begin(&g, &s);
	rig_statements(&s, 3);
	rig_progress(&g, &s);
	recorder_free(s.rec);
	s.rec = NULL;
	(void)offsets(bytes, rig_read(s.path, "000001.rec", bytes, sizeof(bytes)), at, 64);
	rig_write(s.path, "000001.rec", bytes, at[5]);
	cr_assert(eq(int, recording_recover(s.dirfd, true, &r, &w), 0));
	cr_expect(eq(u64, r.seq, 5));
	memcpy(l.sid, s.sid, sizeof(l.sid));
	memcpy(l.hash, r.head, 32);
	l.seq = r.seq;
	l.bytes = r.bytes;
	l.segment = r.segments;
	rig_leaf(&g, &l);
	rig_checkpoint(&g);
	verify();
	cr_expect(eq(int, v.rc, E_TAMPER));
	cr_expect(
	    says("T segment 1: cut after record 5 before its end was logged; the log has seen 7"),
	    "%s", v.text);
	rig_forget(&s);
	rig_close(&g);
}

/* ---- a checkpoint from outside is one, whole, of this gateway and key, or nothing is verified with it ---- */

static void outside_refused(const void *p, size_t n, const char *word, const char *what)
{
	rig_verify(&g, NULL, span_of(p, n), &v);
	cr_expect(eq(int, v.rc, E_CRYPTO), "%s: %s", what, v.text);
	cr_expect(eq(int, verify_exit_code(v.rc), 6));
	cr_expect(says(word), "%s: %s", what, v.text);
}

Test(verify, every_cut_of_an_outside_checkpoint)
{
	struct rig_session s;
	uint8_t cp[2048];
	size_t n;

	rig_open(&g);
	closed_session(&s);
	rig_checkpoint(&g);
	n = rig_read(g.log, "checkpoint", cp, sizeof(cp));
	rig_verify(&g, NULL, span_of(cp, n), &v);
	cr_assert(eq(int, v.rc, 0), "%s", v.text);
	outside_refused(cp, 0, "it is empty", "empty");
	for (size_t k = 1; k < n; k++)
		outside_refused(cp, k, "cannot be used", "cut");
	cp[n] = '\n';
	outside_refused(cp, n + 1, "cut short or damaged", "a newline more");
	cp[n] = 'x';
	outside_refused(cp, n + 1, "cut short or damaged", "a byte more");
	memcpy(cp + n, "more\n", 5);
	outside_refused(cp, n + 5, "cut short or damaged", "a line more");
	rig_forget(&s);
	rig_close(&g);
}

static size_t put_note(const char *origin, const uint8_t seed[32], uint64_t size, uint8_t out[2048])
{
	struct checkpoint c = {.size = size};
	uint8_t pub[32], sig[64];
	struct buf body, note;
	size_t n;

	(void)snprintf(c.origin, sizeof(c.origin), "%s", origin);
	buf_init(&body, 1024);
	buf_init(&note, 2048);
	checkpoint_put_body(&body, &c);
	cr_assert(eq(int, ed25519_pub(seed, pub), 0));
	cr_assert(eq(int, ed25519_sign(seed, buf_span(&body), sig), 0));
	cr_assert(eq(int, checkpoint_put_note(&note, buf_span(&body), pub, sig), 0));
	n = buf_len(&note);
	memcpy(out, buf_span(&note).p, n);
	buf_clear(&body);
	buf_clear(&note);
	return n;
}

Test(verify, foreign_outside_checkpoints)
{
	struct rig_session s;
	uint8_t cp[2048], seed[32] = {7};
	size_t n;

	rig_open(&g);
	closed_session(&s);
	rig_checkpoint(&g);
	n = put_note("other.example.com", g.seed, 3, cp);
	outside_refused(cp, n, "of another gateway", "another name, the same key");
	n = put_note("gw.example.com", seed, 3, cp);
	outside_refused(cp, n, "not signed by the given key", "the same name, another key");
	/* An empty log has one root; another one is of no log at all. */
	n = put_note("gw.example.com", g.seed, 0, cp);
	rig_verify(&g, NULL, span_of(cp, n), &v);
	cr_expect(eq(int, v.rc, E_TAMPER), "%s", v.text);
	n = put_note("gw.example.com", g.seed, 2, cp);
	rig_verify(&g, NULL, span_of(cp, n), &v);
	cr_expect(eq(int, v.rc, E_TAMPER), "%s", v.text);
	rig_forget(&s);
	rig_close(&g);
}
