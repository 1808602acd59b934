/* SPDX-License-Identifier: Apache-2.0
 *
 * The independent verifier (share/sallyport-verify.py) and ours must agree on intact and on
 * tampered states.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static struct rig g;
static struct rig_verdict v;
static char key[256], outside[160];
static struct buf outside_note;

/* Exit code of the script. */
static int script(bool with_outside)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		if (with_outside)
			execlp("python3", "python3", SP_TEST_SRCDIR "/share/sallyport-verify.py",
			    "--key", key, "--checkpoint", outside, g.recordings, g.log,
			    (char *)NULL);
		else
			execlp("python3", "python3", SP_TEST_SRCDIR "/share/sallyport-verify.py",
			    "--key", key, g.recordings, g.log, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void agree(int want, const char *what)
{
	int got = script(true);

	rig_verify(&g, NULL, buf_span(&outside_note), &v);
	cr_expect(eq(int, verify_exit_code(v.rc), want), "%s: ours: %s", what, v.text);
	cr_expect(eq(int, got, want), "%s: the script", what);
}

static void sample_flips(const char *dir, const char *name, size_t step)
{
	uint8_t bytes[65536];
	char what[128];
	size_t n = rig_read(dir, name, bytes, sizeof(bytes));

	for (size_t i = 0; i < n; i += step) {
		bytes[i] ^= 0x41;
		rig_write(dir, name, bytes, n);
		snprintf(what, sizeof(what), "%s at %zu", name, i);
		agree(6, what);
		bytes[i] ^= 0x41;
	}
	rig_write(dir, name, bytes, n - 1);
	agree(6, name);
	rig_write(dir, name, bytes, n);
}

static void keep_outside(void)
{
	uint8_t bytes[2048];
	size_t n = rig_read(g.log, "checkpoint", bytes, sizeof(bytes));
	struct buf b;

	buf_init(&outside_note, 2048);
	buf_put(&outside_note, bytes, n);
	rig_write(g.root, "outside", bytes, n);
	snprintf(outside, sizeof(outside), "%s/outside", g.root);
	buf_init(&b, 256);
	checkpoint_put_key(&b, "gw.example.com", g.pub);
	snprintf(key, sizeof(key), "%s", buf_cstr(&b));
	buf_clear(&b);
}

Test(independent, agrees_with_ours)
{
	struct rig_session raw;
	struct rig_session sealed;
	struct rig_session mixed;
	struct rig_session crashed;
	struct rig_session gone;
	struct rec_leaf l = {.type = LEAF_DELETE, .who = "retention"};
	uint8_t bytes[65536];
	char path[400];
	size_t n;

	if (system("python3 -c 'import sys; sys.exit(0)' 2>/dev/null") != 0)
		cr_skip_test("no python3");
	rig_open(&g);
	rig_begin(&g, &raw);
	rig_statements(&raw, 3);
	rig_progress(&g, &raw);
	rig_rotate(&raw);
	rig_statements(&raw, 2);
	rig_end(&g, &raw, "closed");
	rig_begin(&g, &sealed);
	rig_statements(&sealed, 5);
	rig_end(&g, &sealed, "closed");
	rig_seal(&g, &sealed);
	rig_begin(&g, &gone);
	rig_end(&g, &gone, "closed");
	memcpy(l.sid, gone.sid, sizeof(l.sid));
	rig_leaf(&g, &l);
	cr_assert(eq(int, recdir_remove(g.recordings_fd, gone.sid), 0));
	/* an old segment sealed while the session goes on raw */
	rig_begin(&g, &mixed);
	rig_statements(&mixed, 5);
	rig_rotate(&mixed);
	rig_statements(&mixed, 2);
	rig_progress(&g, &mixed);
	rig_end(&g, &mixed, "closed");
	mixed.segments = 1;
	rig_seal(&g, &mixed);
	rig_begin(&g, &crashed);
	rig_statements(&crashed, 2);
	rig_progress(&g, &crashed);
	rig_statements(&crashed, 1);
	rig_forget(&crashed);
	rig_checkpoint(&g);
	keep_outside();

	agree(0, "intact");
	sample_flips(raw.path, "meta", 150);
	sample_flips(raw.path, "000001.rec", 400);
	sample_flips(raw.path, "000002.rec", 400);
	sample_flips(sealed.path, "000001.rec.zst", 300);
	sample_flips(mixed.path, "000001.rec.zst", 400);
	sample_flips(mixed.path, "000002.rec", 300);
	sample_flips(g.log, "entries", 500);
	sample_flips(g.log, "checkpoint", 60);
	agree(0, "restored");

	n = rig_read(crashed.path, "000001.rec", bytes, sizeof(bytes));
	rig_write(crashed.path, "000001.rec", bytes, n - 5);
	agree(0, "a crash cut the last record");
	rig_write(crashed.path, "000001.rec", bytes, n / 3);
	agree(6, "cut into what the log has seen");
	rig_write(crashed.path, "000001.rec", bytes, n);

	snprintf(path, sizeof(path), "%s/x", g.root);
	{
		char from[400];

		snprintf(from, sizeof(from), "%s/%s", g.recordings, sealed.sid);
		cr_assert(eq(int, rename(from, path), 0));
		agree(6, "a session deleted");
		snprintf(from, sizeof(from), "%s/01JD8MAAAAAAAAAAAAAAAAAAAA", g.recordings);
		cr_assert(eq(int, rename(path, from), 0));
		agree(6, "a session under another name");
		snprintf(path, sizeof(path), "%s/%s", g.recordings, sealed.sid);
		cr_assert(eq(int, rename(from, path), 0));
	}
	agree(0, "restored");
	cr_expect(eq(int, script(false), 0));
	/* roll back the log to before the outside checkpoint */
	n = rig_read(g.log, "entries", bytes, sizeof(bytes));
	rig_write(g.log, "entries", bytes, n / 2);
	agree(6, "log cut");
	rig_write(g.log, "entries", bytes, n);
	key[20] = key[20] == 'a' ? 'b' : 'a';
	cr_expect(ne(int, script(true), 0));
	buf_clear(&outside_note);
	rig_forget(&raw);
	rig_forget(&sealed);
	rig_forget(&mixed);
	rig_close(&g);
}
