/* SPDX-License-Identifier: Apache-2.0
 *
 * Timing and keys around the renderer. The terminal is put into character mode while playing and
 * restored on every way out; Ctrl-C is a key (quit), so it cannot leave the terminal changed.
 */
#include "record/player.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define IDLE_CAP_US (2 * 1000 * 1000ll)
#define WAIT_MAX_US (24 * 3600 * 1000000ll)
#define FOLLOW_MS   250
#define FIND_MAX    128
#define PLAYER_QUIT 1 /* from the chunk callback: stop */

enum mode {
	PLAY,  /* wait before each chunk */
	PAUSE, /* wait for a key */
	SEEK,  /* no waits until the next statement */
	FIND,  /* no waits until a chunk with the text */
};

struct player {
	const struct player_opts *o;
	bool timed, keys;     /* delays are kept; keys are read */
	enum mode mode, back; /* back: what SEEK and FIND return to */
	bool step;            /* PAUSE: show one chunk */
	int64_t last_us;
	char find[FIND_MAX];
	struct termios saved;
};

/* ---- terminal ---- */

static void terminal_enter(struct player *p)
{
	struct termios t;

	p->keys = p->timed && p->o->in_fd >= 0 && tcgetattr(p->o->in_fd, &p->saved) == 0;
	if (!p->keys)
		return;
	t = p->saved;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	p->keys = tcsetattr(p->o->in_fd, TCSANOW, &t) == 0;
}

static void terminal_leave(struct player *p)
{
	if (p->keys)
		(void)tcsetattr(p->o->in_fd, TCSANOW, &p->saved);
	p->keys = false;
}

static int put(const struct player *p, struct span s)
{
	int rc = file_write_all(p->o->out_fd, s.p, s.n);

	return rc == -EPIPE || rc == -EIO ? E_CLOSED : rc;
}

/* One key within ms (-1: however long); 0 on timeout, 'q' when the keyboard is gone. */
static int key_wait(const struct player *p, int64_t ms)
{
	struct pollfd pf = {p->o->in_fd, POLLIN, 0};
	unsigned char c;
	int rc = poll(p->keys ? &pf : NULL, p->keys ? 1 : 0, (int)(ms > 3600000 ? 3600000 : ms));

	if (rc == 0 || (rc < 0 && errno == EINTR))
		return 0;
	return rc > 0 && read(p->o->in_fd, &c, 1) == 1 ? c : 'q';
}

/* The text to search for, edited on the last line. False when it was given up. */
static bool ask_find(struct player *p)
{
	size_t n = 0;
	bool go = false;

	(void)put(p, span_str("\n/"));
	for (;;) {
		int c = key_wait(p, -1);
		char ch = (char)c;

		if (c == '\r' || c == '\n') {
			go = n > 0;
			break;
		}
		if (c == 3 || c == 27 || (c == 'q' && !p->keys))
			break;
		if ((c == 127 || c == 8) && n > 0) {
			n--;
			(void)put(p, span_str("\b \b"));
		} else if (c >= ' ' && c != 127 && n + 1 < sizeof(p->find)) {
			p->find[n++] = ch;
			(void)put(p, span_of(&ch, 1));
		}
	}
	p->find[n] = '\0';
	(void)put(p, span_str("\n"));
	return go;
}

/* ---- keys ---- */

static int on_key(struct player *p, int c)
{
	switch (c) {
	case 'q':
	case 3: /* Ctrl-C */
	case 4:
		return PLAYER_QUIT;
	case ' ':
		p->mode = p->mode == PAUSE ? PLAY : PAUSE;
		break;
	case '.':
		p->mode = PAUSE;
		p->step = true;
		break;
	case ']':
		p->back = p->mode == PAUSE ? PAUSE : PLAY;
		p->mode = SEEK;
		break;
	case '/':
		p->back = p->mode == PAUSE ? PAUSE : PLAY;
		if (ask_find(p))
			p->mode = FIND;
		break;
	default:
		break;
	}
	return 0;
}

/* Times in a recording are untrusted: the wait is clamped before it becomes a number of
 * microseconds again. */
static int64_t wait_us(const struct player *p, int64_t at_us)
{
	double d = (double)(at_us - p->last_us); /* neither is negative */
	int64_t cap = p->o->idle_cap_us == 0 ? IDLE_CAP_US : p->o->idle_cap_us;

	if (p->o->speed > 0)
		d /= p->o->speed;
	if (cap < 0 || cap > WAIT_MAX_US)
		cap = WAIT_MAX_US;
	return d > (double)cap ? cap : (int64_t)d;
}

/* Wait until the chunk is due, minding the keys. */
static int pace(struct player *p, int64_t at_us)
{
	int64_t due = clock_mono_us() + wait_us(p, at_us);
	int rc = 0;

	while (rc == 0) {
		int64_t left_ms = (due - clock_mono_us() + 999) / 1000;
		int c;

		if (p->mode == SEEK || p->mode == FIND || (p->mode == PLAY && left_ms <= 0)) {
			c = key_wait(p, 0); /* a long seek can be broken off */
			return c == 'q' || c == 3 ? PLAYER_QUIT : 0;
		}
		if (p->mode == PAUSE && p->step) {
			p->step = false;
			return 0;
		}
		c = key_wait(p, p->mode == PAUSE ? -1 : left_ms);
		if (c != 0)
			rc = on_key(p, c);
	}
	return rc;
}

static bool has_text(struct span s, const char *find)
{
	size_t n = strlen(find);

	for (size_t i = 0; s.n >= n && i <= s.n - n; i++)
		if (span_is_nocase(span_of(s.p + i, n), find))
			return true;
	return false;
}

static int on_chunk(void *ctx, const struct render_chunk *c)
{
	struct player *p = ctx;
	int rc = 0;

	if ((p->mode == SEEK && c->kind == RENDER_STATEMENT) ||
	    (p->mode == FIND && has_text(c->text, p->find))) {
		rc = put(p, c->text);
		p->mode = p->back;
		p->last_us = c->at_us;
		return rc;
	}
	if (p->timed && !p->o->follow)
		rc = pace(p, c->at_us);
	p->last_us = c->at_us;
	return rc != 0 ? rc : put(p, c->text);
}

/* ---- playing ---- */

/* At the end of a live session: wait for more. */
static int follow_wait(struct player *p)
{
	int c = key_wait(p, FOLLOW_MS);

	return c == 'q' || c == 3 ? PLAYER_QUIT : 0;
}

static int play(
    struct player *p, struct reader *r, struct render *x, struct player_result *out, struct why *w)
{
	const struct rec_frame *f;
	int rc = render_meta(x, reader_meta(r));
	bool ended = false;

	while (rc == 0 && !ended) {
		rc = reader_next(r, &f, w);
		if (rc == 0 && p->o->follow) {
			rc = follow_wait(p);
			continue;
		}
		if (rc != 1)
			break;
		out->records++;
		out->broken += reader_broken(r);
		ended = p->o->follow && f->type == REC_END;
		rc = render_record(x, f, reader_broken(r));
	}
	if (rc == 0)
		rc = render_finish(x);
	else if (rc < 0 && !p->o->render.json && rc != E_CLOSED && render_finish(x) != 0)
		rc = E_CLOSED;
	return rc;
}

int player_run(
    struct reader *r, const struct player_opts *o, struct player_result *out, struct why *w)
{
	struct player p = {.o = o, .mode = PLAY, .back = PLAY};
	struct render *x = render_new(&o->render, on_chunk, &p);
	int rc;

	*out = (struct player_result){0};
	p.timed = isatty(o->out_fd) && !o->render.json && !o->no_delay;
	terminal_enter(&p);
	rc = play(&p, r, x, out, w);
	terminal_leave(&p);
	if (rc == PLAYER_QUIT && p.timed) /* perhaps in the middle of a line */
		(void)put(&p, span_str("\n"));
	render_free(x);
	out->torn_bytes = reader_torn_bytes(r);
	out->quit = rc == PLAYER_QUIT;
	if (rc == E_CLOSED)
		(void)why_set(w, rc, "the output is gone");
	return out->quit ? 0 : rc;
}
