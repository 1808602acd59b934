/* SPDX-License-Identifier: Apache-2.0
 *
 * Trust on the gateway itself: what was issued, taking it back, locking, and the list for others.
 */
#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "cmd/cli_verbs.h"
#include "cmd/view.h"

#define COPY_BYTES (64 * 1024)

static const struct view_col cert_cols[] = {
    {{"serial", true, false}, "serial", VIEW_INT},
    {{"user", false, true}, "who", VIEW_TEXT},
    {{"key", false, true}, "fingerprint", VIEW_TEXT},
    {{"source", false, true}, "source", VIEW_TEXT},
    {{"issuer", false, true}, "issuer", VIEW_TEXT},
    {{"issued", false, false}, "issued_s", VIEW_TIME_S},
    {{"until", false, false}, "expires_s", VIEW_TIME_S},
    {{"live", true, false}, "live", VIEW_INT},
    {{"standing", false, false}, "standing", VIEW_TEXT},
};
static const struct view certs_view = {"certs", cert_cols, sizeof(cert_cols) / sizeof(cert_cols[0]),
    "no certificate that has not expired"};

int verb_certs(struct cli *c, const struct cli_args *a)
{
	struct ctlc_args args;

	ctlc_args_init(&args);
	ctlc_arg_str(&args, "user", a->opt[CRT_USER]);
	return view_call(c, "certs", &args, &certs_view);
}

/* --- taking back --- */

static const struct view revoke_view = {"revoke", NULL, 0, NULL};

int verb_revoke(struct cli *c, const struct cli_args *a)
{
	struct ctlc_args args;

	ctlc_args_init(&args);
	ctlc_arg_str(&args, "kind", a->v[0]);
	ctlc_arg_str(&args, "value", a->v[1]);
	ctlc_arg_str(&args, "why", a->opt[WHY_M]);
	return view_call(c, "revoke", &args, &revoke_view);
}

static const struct view_col revoked_cols[] = {
    {{"kind", false, false}, "kind", VIEW_TEXT},
    {{"value", false, true}, "value", VIEW_TEXT},
    {{"at", false, false}, "at_s", VIEW_TIME_S},
    {{"by", false, false}, "by", VIEW_TEXT},
    {{"why", false, true}, "why", VIEW_TEXT},
};
static const struct view revoked_view = {"revoked", revoked_cols,
    sizeof(revoked_cols) / sizeof(revoked_cols[0]), "nothing is revoked and nobody is locked"};

int verb_revoked(struct cli *c, const struct cli_args *a)
{
	(void)a;
	return view_call(c, "revoked", NULL, &revoked_view);
}

static int about_user(struct cli *c, const struct cli_args *a, const struct view *v, const char *why)
{
	struct ctlc_args args;

	ctlc_args_init(&args);
	ctlc_arg_str(&args, "user", a->v[0]);
	ctlc_arg_str(&args, "why", why);
	return view_call(c, v->name, &args, v);
}

int verb_lock(struct cli *c, const struct cli_args *a)
{
	static const struct view v = {"lock", NULL, 0, NULL};

	return about_user(c, a, &v, a->opt[WHY_M]);
}

int verb_unlock(struct cli *c, const struct cli_args *a)
{
	static const struct view v = {"unlock", NULL, 0, NULL};

	return about_user(c, a, &v, NULL);
}

int verb_forget(struct cli *c, const struct cli_args *a)
{
	static const struct view v = {"forget", NULL, 0, NULL};

	return about_user(c, a, &v, NULL);
}

/* --- the list for other hosts --- */

static void on_fd(void *ctx, const char *name, int fd)
{
	int *kept = ctx;

	(void)name;
	fd_close(kept);
	*kept = fd;
}

static int copy_out(int fd)
{
	static char room[COPY_BYTES];
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = read(fd, room, sizeof(room))) != 0)
		rc = n < 0 ? -errno : file_write_all(STDOUT_FILENO, room, (size_t)n);
	return rc;
}

int verb_krl(struct cli *c, const struct cli_args *a)
{
	int fd = -1, code, rc = 0;
	struct ctlc_sink sink = {.fd = on_fd, .ctx = &fd};
	struct ctlc_end end;

	(void)a;
	if (c->json)
		return cli_failf(c, EXIT_USAGE, "the list is binary, there is no JSON of it; see sallyport revoked --json");
	if (isatty(STDOUT_FILENO))
		return cli_failf(c, EXIT_USAGE,
		    "the list is binary: write it to a file, as in sallyport krl > FILE");
	code = cli_call(c, "krl", NULL, &sink, &end);
	if (code == EXIT_OK)
		rc = fd >= 0 ? copy_out(fd) : E_FORMAT;
	fd_close(&fd);
	if (code != EXIT_OK)
		code = cli_say(c, &end);
	else if (rc != 0)
		code = cli_failf(c, EXIT_FAILED, "the list could not be written: %s", err_str(rc));
	ctlc_end_clear(&end);
	return code;
}
