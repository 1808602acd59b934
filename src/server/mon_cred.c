/* SPDX-License-Identifier: Apache-2.0
 *
 * The secret of one login of one target, resolved when it is needed and for that session only: from
 * the environment, a file, a systemd credential, or a command's output. And the CA bundle that the
 * target's certificate is verified with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/mon.h"

#define PASSWORD_MAX  4096
#define COMMAND_MS    8000
#define CA_MAX        (2u * 1024 * 1024)
#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

struct cred_job {
	struct child *child;
	cred_fn *fn;
	void *ctx;
};

/* One trailing newline is the file's, not the password's. */
static struct secret *trimmed(struct span s)
{
	if (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	return secret_new(s);
}

static int from_file(const char *path, bool any_mode, struct secret **out, struct why *w)
{
	struct secret *raw = NULL;
	int rc = secret_read_file(path, any_mode, &raw, w);

	if (rc != 0)
		return rc;
	*out = trimmed(secret_span(raw));
	secret_free(raw);
	return *out != NULL ? 0 : why_set(w, E_NOMEM, "no memory for a secret");
}

static int from_env(const char *name, struct secret **out, struct why *w)
{
	const char *v = getenv(name);

	if (v == NULL)
		return why_set(w, E_NOTFOUND, "the environment has no %s", name);
	*out = secret_new(span_str(v));
	return *out != NULL ? 0 : why_set(w, E_NOMEM, "no memory for a secret");
}

static int from_credential(const char *name, struct secret **out, struct why *w)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[512];

	if (dir == NULL || name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return why_set(w, E_NOTFOUND, "no systemd credential \"%s\"", name);
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return why_set(w, E_TOOBIG, "the credential's path is too long");
	return from_file(path, true, out, w);
}

int cred_reference(const char *ref, struct secret **out, struct why *w)
{
	if (strncmp(ref, "env:", 4) == 0)
		return from_env(ref + 4, out, w);
	if (strncmp(ref, "file:", 5) == 0)
		return from_file(ref + 5, false, out, w);
	if (strncmp(ref, "credential:", 11) == 0)
		return from_credential(ref + 11, out, w);
	return why_set(w, E_CONFIG, "a password must be env:, file: or credential:");
}

static void command_done(void *ctx, int status, struct span out)
{
	struct cred_job *j = ctx;
	struct cred_job copy = *j;
	struct why w = {0};
	struct secret *s = NULL;

	free(j);
	if (status != 0)
		why_set(&w, E_INTERNAL, "the password command failed (status %d)", status);
	else if ((s = trimmed(out)) == NULL)
		why_set(&w, E_NOMEM, "no memory for a secret");
	copy.fn(copy.ctx, s, s == NULL ? &w : NULL);
}

static struct cred_job *run_command(
    struct monitor *m, const struct conf_login *l, cred_fn *fn, void *ctx)
{
	static char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", NULL};
	struct cred_job *j = xcalloc(1, sizeof(*j));
	char **argv = xcalloc(l->password_command.n + 1, sizeof(*argv));
	struct child_params p = {.argv = argv,
	    .envp = env,
	    .fds = {-1, -1, -1},
	    .n_fds = 3,
	    .capture = PASSWORD_MAX,
	    .uid = (uid_t)-1,
	    .timeout_ms = COMMAND_MS};

	/* As ourselves: what the command reads (a vault token) must not be readable by the
	 * sessions' user. */
	for (size_t i = 0; i < l->password_command.n; i++)
		argv[i] = l->password_command.v[i];
	*j = (struct cred_job){NULL, fn, ctx};
	j->child = child_start(m->kids, &p, command_done, j);
	free(argv);
	if (j->child == NULL) {
		struct why w;

		free(j);
		why_set(&w, E_INTERNAL, "the password command cannot be started");
		fn(ctx, NULL, &w);
		return NULL;
	}
	return j;
}

struct cred_job *cred_resolve(struct monitor *m, const struct conf_login *l, cred_fn *fn, void *ctx)
{
	struct secret *s = NULL;
	struct why w = {0};

	if (l->password_command.n > 0)
		return run_command(m, l, fn, ctx);
	if (l->password == NULL || cred_reference(l->password, &s, &w) == 0)
		fn(ctx, s, NULL);
	else
		fn(ctx, NULL, &w);
	return NULL;
}

void cred_cancel(struct cred_job *j)
{
	if (j == NULL)
		return;
	child_cancel(j->child);
	free(j);
}

int cred_ca_bundle(const struct conf_target *t, struct buf *out, struct why *w)
{
	const char *path = t->tls_ca != NULL ? t->tls_ca : SYSTEM_BUNDLE;
	int rc;

	buf_init(out, CA_MAX);
	if (t->tls != NULL && strncmp(t->tls, "verify", 6) != 0)
		return 0;
	rc = file_read(path, out);
	if (rc != 0) {
		buf_clear(out);
		return why_set(w, rc, "the CA file %s of target %s cannot be read: %s", path,
		    t->name, err_str(rc));
	}
	return 0;
}
