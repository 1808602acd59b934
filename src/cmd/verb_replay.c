/* SPDX-License-Identifier: Apache-2.0
 *
 * `replay`: a session's timeline. The gateway hands out the recording's files (and logs that they
 * were read); with --dir a copied recording is read without a gateway.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cmd/cli_verbs.h"
#include "record/player.h"
#include "record/recdir.h"

#define SPEED_MAX  1000.0
#define IDLE_MAX_S 3600.0

struct files {
	size_t n, cap;
	struct reader_file *v;
	bool failed;
};

static void on_fd(void *ctx, const char *name, int fd)
{
	struct files *f = ctx;

	if (f->n == f->cap) {
		f->cap = f->cap != 0 ? f->cap * 2 : 8;
		f->v = xreallocarray(f->v, f->cap, sizeof(*f->v));
	}
	f->v[f->n++] = (struct reader_file){xstrdup(name), fd};
}

static void files_clear(struct files *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		(void)close(f->v[i].fd);
		free((char *)(uintptr_t)f->v[i].name);
	}
	free(f->v);
}

/* Ask the gateway. 0 or an exit status after a message. */
static int open_asked(struct cli *c, const char *id, struct reader **out)
{
	struct files f = {0};
	struct ctlc_sink sink = {.fd = on_fd, .ctx = &f};
	struct ctlc_args args;
	struct ctlc_end end;
	struct why w = {0};
	int code;

	ctlc_args_init(&args);
	ctlc_arg_str(&args, "id", id);
	code = cli_call(c, "replay", &args, &sink, &end);
	if (code != 0)
		(void)cli_say(c, &end);
	else if (reader_open_files(f.v, f.n, READER_LAX, out, &w) != 0)
		code = cli_fail(c, EXIT_FAILED, &w);
	ctlc_end_clear(&end);
	files_clear(&f);
	return code;
}

/* --- a copied directory --- */

struct match {
	const char *prefix;
	char sid[REC_SID_LEN + 1];
	size_t n;
};

static int on_session(void *ctx, const char *sid)
{
	struct match *m = ctx;

	if (strncmp(sid, m->prefix, strlen(m->prefix)) != 0)
		return 0;
	m->n++;
	(void)str_copy(m->sid, sizeof(m->sid), sid);
	return 0;
}

/* dir/SESSION for a directory of recordings. */
static int open_copied(struct cli *c, const char *dir, const char *prefix, struct reader **out)
{
	struct match m = {.prefix = prefix};
	struct why w = {0};
	char path[4096];
	int fd, rc;

	if (prefix == NULL) {
		rc = reader_open(dir, READER_LAX, out, &w);
		return rc != 0 ? cli_fail(c, EXIT_FAILED, &w) : 0;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cli_failf(c, EXIT_FAILED, "%.200s is not a directory that can be read", dir);
	rc = recdir_each(fd, on_session, &m);
	(void)close(fd);
	if (rc != 0)
		return cli_failf(c, EXIT_FAILED, "%.200s: %s", dir, err_str(rc));
	if (m.n != 1)
		return cli_failf(c, m.n == 0 ? EXIT_NOTFOUND : EXIT_USAGE,
		    "%s session in %.200s begins with %.64s", m.n == 0 ? "no" : "more than one",
		    dir, prefix);
	(void)snprintf(path, sizeof(path), "%.4000s/%s", dir, m.sid);
	rc = reader_open(path, READER_LAX, out, &w);
	return rc != 0 ? cli_fail(c, EXIT_FAILED, &w) : 0;
}

/* --- playing --- */

static int parse_number(const char *s, double max, double *out)
{
	char *end;

	if (s == NULL)
		return 0;
	*out = strtod(s, &end);
	return end == s || *end != '\0' || !(*out > 0 && *out <= max) ? E_FORMAT : 0;
}

static int play(struct cli *c, struct reader *r, const struct player_opts *o)
{
	struct player_result res = {0};
	struct why w = {0};
	int rc;

	fflush(stdout);
	rc = player_run(r, o, &res, &w);
	if (rc == E_CLOSED)
		return 0; /* the reader of our output has seen enough */
	if (rc != 0)
		return cli_fail(c, rc == E_TAMPER ? EXIT_VERIFY : EXIT_FAILED, &w);
	if (res.broken > 0) {
		(void)why_set(&w, E_TAMPER,
		    "%llu records do not match the chain: this recording was changed",
		    (unsigned long long)res.broken);
		why_hint(&w, "sallyport verify says where");
		return cli_fail(c, EXIT_VERIFY, &w);
	}
	return 0;
}

int verb_replay(struct cli *c, const struct cli_args *a)
{
	const char *dir = a->opt[REP_DIR];
	bool tty = isatty(STDOUT_FILENO) != 0 && !c->json;
	struct player_opts o = {.render = {.json = c->json, .all = a->opt[REP_ALL] != NULL},
	    .speed = 1,
	    .out_fd = STDOUT_FILENO,
	    .in_fd = tty && isatty(STDIN_FILENO) ? STDIN_FILENO : -1,
	    .no_delay = !tty || a->opt[REP_TEXT] != NULL};
	struct reader *r = NULL;
	double idle_s = 2;
	int code;

	if (a->n == 0 && dir == NULL)
		return cli_failf(
		    c, EXIT_USAGE, "which session? its id, or the first characters of it");
	if (parse_number(a->opt[REP_SPEED], SPEED_MAX, &o.speed) != 0 ||
	    parse_number(a->opt[REP_IDLE], IDLE_MAX_S, &idle_s) != 0)
		return cli_failf(c, EXIT_USAGE, "the speed and the idle time are numbers above 0");
	o.idle_cap_us = (int64_t)(idle_s * 1e6);
	code = dir != NULL ? open_copied(c, dir, a->n > 0 ? a->v[0] : NULL, &r)
			   : open_asked(c, a->v[0], &r);
	if (code == 0)
		code = play(c, r, &o);
	reader_free(r);
	return code;
}
