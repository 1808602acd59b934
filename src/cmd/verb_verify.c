/* SPDX-License-Identifier: Apache-2.0
 *
 * `verify`: recordings against the log, the log against a key and a checkpoint from outside. Needs
 * no gateway; works on a copy of the state directory.
 */
#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cmd/cli_verbs.h"
#include "cmd/view.h"
#include "conf/conf.h"
#include "record/verify.h"
#include "wire/sshpk.h"

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

/* "ssh-ed25519 BASE64 ...", as the gateway writes beside its log key. */
static int ssh_key(struct span line, uint8_t pub[ED25519_PUB_LEN])
{
	struct buf blob;
	struct sshpk k;
	int rc;

	buf_init(&blob, 1024);
	rc = sshpk_line_parse(line, &blob, NULL, NULL);
	if (rc == 0)
		rc = sshpk_parse(buf_span(&blob), &k, NULL);
	if (rc == 0 && (k.kind->alg != SSHPK_ED25519 || k.q.n != ED25519_PUB_LEN))
		rc = E_FORMAT;
	if (rc == 0)
		memcpy(pub, k.q.p, ED25519_PUB_LEN);
	buf_clear(&blob);
	return rc;
}

/* "name+keyid+base64", an SSH public key line, or 64 hex digits as `status` prints them. */
static int read_key(
    struct cli *c, const char *path, uint8_t pub[ED25519_PUB_LEN], char name[CHECKPOINT_NAME_MAX])
{
	struct span s;
	struct buf b;
	int rc;

	buf_init(&b, 4096);
	rc = file_read(path, &b);
	s = buf_span(&b);
	while (s.n > 0 && isspace(s.p[s.n - 1]))
		s.n--;
	name[0] = '\0';
	if (rc == 0 && s.n == 2 * ED25519_PUB_LEN) {
		char hex[2 * ED25519_PUB_LEN + 1];

		memcpy(hex, s.p, s.n);
		hex[s.n] = '\0';
		rc = hex_decode(hex, pub, ED25519_PUB_LEN);
	} else if (rc == 0 && s.n > 12 && memcmp(s.p, "ssh-ed25519 ", 12) == 0) {
		rc = ssh_key(s, pub);
	} else if (rc == 0) {
		rc = checkpoint_parse_key(s, name, pub);
	}
	buf_clear(&b);
	return rc != 0 ? cli_failf(c, EXIT_FAILED, "no usable key in %.120s: %s", path, err_str(rc))
		       : 0;
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

/* Better a key of doubtful origin than none: with none, signatures would not be looked at. */
static bool own_key(struct cli *c, const char *state, uint8_t pub[ED25519_PUB_LEN])
{
	char name[CHECKPOINT_NAME_MAX];
	char *path = NULL;
	bool ok;

	if (asprintf(&path, "%s/log_ed25519_key.pub", state) < 0)
		abort();
	ok = access(path, R_OK) == 0 && read_key(c, path, pub, name) == 0;
	free(path);
	return ok;
}

int verb_verify(struct cli *c, const struct cli_args *a)
{
	uint8_t pub[ED25519_PUB_LEN];
	char name[CHECKPOINT_NAME_MAX];
	struct verify_params p = {.recordings = NULL};
	struct buf note;
	char *state;
	int rc = 0;

	if (a->n > 0 && a->opt[VER_ALL] != NULL)
		return cli_failf(c, EXIT_USAGE, "name a session or give --all, not both");
	if (a->opt[VER_KEY] != NULL) {
		rc = read_key(c, a->opt[VER_KEY], pub, name);
		if (rc != 0)
			return rc;
		p.pub = pub;
		p.name = name[0] != '\0' ? name : NULL;
	}
	state = state_dir(c, a);
	if (p.pub == NULL && own_key(c, state, pub)) {
		p.pub = pub;
		fprintf(stderr, "the log key comes from the state directory itself: who can change the "
				"recordings may have changed it, too\nhint: keep a copy elsewhere and give --key\n");
	}
	buf_init(&note, CHECKPOINT_MAX);
	if (a->opt[VER_CHECKPOINT] != NULL) {
		rc = file_read(a->opt[VER_CHECKPOINT], &note);
		p.outside = buf_span(&note);
	}
	rc = rc != 0 ? cli_failf(c, EXIT_FAILED, "%.120s: %s", a->opt[VER_CHECKPOINT], err_str(rc))
		     : run(c, a, &p, state);
	free(state);
	buf_clear(&note);
	return rc;
}
