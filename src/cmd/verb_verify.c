/* SPDX-License-Identifier: Apache-2.0
 *
 * `verify`: recordings against the log, the log against a key and a checkpoint from outside. Needs
 * no gateway; works on a copy of the state directory.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cmd/cli_verbs.h"
#include "cmd/view.h"
#include "conf/conf.h"
#include "record/logkey.h"
#include "record/verify.h"

struct verifying {
	struct cli *c;
	struct js *items;
};

static const char *const kind_names[] = {[VERIFY_TAMPER] = "tampered",
    [VERIFY_ERROR] = "error",
    [VERIFY_CRASH] = "crash",
    [VERIFY_LIVE] = "live",
    [VERIFY_NOTE] = "note"};

static void on_finding(void *ctx, const struct verify_finding *f)
{
	struct verifying *v = ctx;
	struct buf b;

	if (v->items != NULL) {
		struct js *obj = js_object();

		js_put_str(obj, "kind", kind_names[f->kind]);
		js_put_str(obj, "session", f->sid[0] != '\0' ? f->sid : NULL);
		js_put_str(obj, "text", f->text);
		js_push(v->items, obj);
		return;
	}
	buf_init(&b, 4096);
	verify_put_finding(&b, f);
	view_print_lines(f->kind == VERIFY_TAMPER || f->kind == VERIFY_ERROR ? stdout : stderr, "",
	    buf_span(&b));
	buf_clear(&b);
}

static bool has_log(const char *dir)
{
	char *path = NULL;
	bool yes;

	if (asprintf(&path, "%s/log", dir) < 0)
		abort();
	yes = access(path, F_OK) == 0;
	free(path);
	return yes;
}

/* --dir names the state directory, or the recordings in it. */
static char *dir_of(const char *dir)
{
	char *parent = NULL;

	if (has_log(dir))
		return xstrdup(dir);
	if (asprintf(&parent, "%s/..", dir) < 0)
		abort();
	if (has_log(parent))
		return parent;
	free(parent);
	return xstrdup(dir);
}

/* The state directory: --dir, or the configuration's. */
static char *state_dir(struct cli *c, const struct cli_args *a)
{
	struct conf *conf = NULL;
	struct buf errs;
	char *dir;

	if (a->opt[VER_DIR] != NULL)
		return dir_of(a->opt[VER_DIR]);
	buf_init(&errs, 1 << 20);
	if (conf_load(cli_config_path(c), &conf, &errs) != 0 && c->config != NULL)
		(void)fwrite(buf_span(&errs).p, 1, buf_len(&errs), stderr);
	dir = xstrdup(conf != NULL ? conf->gateway.state : "/var/lib/sallyport");
	conf_free(conf);
	buf_clear(&errs);
	return dir;
}

/* A file that the caller names. What is there and cannot be what it should be fails the verification; what is not
 * there at all is an error of the call. */
static int read_given(struct cli *c, const char *what, const char *path, struct buf *out)
{
	int rc = file_read(path, out);

	if (rc == 0)
		return 0;
	if (rc == E_TOOBIG)
		return cli_failf(c, EXIT_VERIFY, "%.120s is too large for a %s", path, what);
	return cli_failf(c, EXIT_FAILED, "cannot read the %s %.120s: %s", what, path,
	    rc == E_FORMAT ? "it is not a regular file" : err_str(rc));
}

static int read_key(struct cli *c, const char *path, struct logkey *key)
{
	struct why w = {0};
	struct buf b;
	int rc;

	buf_init(&b, LOGKEY_MAX);
	rc = read_given(c, "key", path, &b);
	if (rc == 0 && logkey_parse(buf_span(&b), key, &w) != 0)
		rc = cli_failf(c, EXIT_VERIFY, "no usable key in %.120s: %s", path, w.text);
	buf_clear(&b);
	return rc;
}

static void print_report(const struct verifying *v, const struct verify_report *r, int rc)
{
	struct js *obj;
	struct buf b;

	if (v->items == NULL) {
		buf_init(&b, 4096);
		verify_put_summary(&b, r);
		view_print_lines(stdout, "", buf_span(&b));
		buf_clear(&b);
		return;
	}
	obj = js_object();
	js_put_str(obj, "kind", "summary");
	js_put_bool(obj, "ok", rc == 0);
	js_put_int(obj, "sessions", (int64_t)r->sessions);
	js_put_int(obj, "statements", (int64_t)r->statements);
	js_put_int(obj, "records", (int64_t)r->records);
	js_put_int(obj, "tampered", (int64_t)r->tampered);
	js_put_int(obj, "errors", (int64_t)r->errors);
	js_put_int(obj, "crashed", (int64_t)r->crashed);
	js_put_int(obj, "live", (int64_t)r->live);
	js_put_int(obj, "deleted", (int64_t)r->deleted);
	js_put_int(obj, "log_size", (int64_t)r->log_size);
	js_put_int(obj, "signed_size", (int64_t)r->signed_size);
	js_put_int(obj, "outside_size", (int64_t)r->outside_size);
	js_push(v->items, obj);
}

static int run(struct cli *c, const struct cli_args *a, struct verify_params *p, const char *state)
{
	struct verifying v = {c, c->json ? js_array() : NULL};
	char *recordings = NULL, *log = NULL;
	struct verify_report report = {0};
	struct why w = {0};
	int rc;

	if (asprintf(&recordings, "%s/recordings", state) < 0 ||
	    asprintf(&log, "%s/log", state) < 0)
		abort();
	p->recordings = recordings;
	p->log = log;
	p->session = a->n > 0 ? a->v[0] : NULL;
	p->fn = on_finding;
	p->ctx = &v;
	rc = verify_run(p, &report, &w);
	if (rc == 0 || rc == E_TAMPER)
		print_report(&v, &report, rc);
	else
		(void)cli_fail(c, verify_exit_code(rc), &w);
	if (v.items != NULL)
		view_print_json("verify", v.items);
	free(recordings);
	free(log);
	return verify_exit_code(rc);
}

/* Better a key of doubtful origin than none; but with none, signatures would not be looked at at all. */
static int own_key(struct cli *c, const char *state, struct logkey *key)
{
	char *path = NULL;
	int rc;

	if (asprintf(&path, "%s/log_ed25519_key.pub", state) < 0)
		abort();
	if (access(path, F_OK) != 0)
		rc = cli_failf(c, EXIT_FAILED,
		    "%.120s is not there: without a key no signature can be checked (give --key)", path);
	else
		rc = read_key(c, path, key);
	free(path);
	if (rc == 0)
		fprintf(stderr, "the log key comes from the state directory itself: who can change the "
				"recordings may have changed it, too\nhint: keep a copy elsewhere and give --key\n");
	return rc;
}

int verb_verify(struct cli *c, const struct cli_args *a)
{
	const char *outside = a->opt[VER_CHECKPOINT];
	struct verify_params p = {.recordings = NULL};
	struct logkey key = {0};
	struct span note_bytes;
	struct buf note;
	char *state;
	int rc;

	if (a->n > 0 && a->opt[VER_ALL] != NULL)
		return cli_failf(c, EXIT_USAGE, "name a session or give --all, not both");
	state = state_dir(c, a);
	buf_init(&note, CHECKPOINT_MAX);
	if (a->opt[VER_KEY] != NULL)
		rc = read_key(c, a->opt[VER_KEY], &key);
	else
		rc = has_log(state) ? own_key(c, state, &key) : 0; /* without a log: verify_run says so */
	if (rc == 0 && outside != NULL)
		rc = read_given(c, "checkpoint", outside, &note);
	p.pub = key.pub;
	p.name = key.name[0] != '\0' ? key.name : NULL;
	note_bytes = buf_span(&note);
	p.outside = outside != NULL ? &note_bytes : NULL;
	if (rc == 0)
		rc = run(c, a, &p, state);
	free(state);
	buf_clear(&note);
	return rc;
}
