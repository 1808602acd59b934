/* SPDX-License-Identifier: Apache-2.0
 *
 * sallyport-web as a program: what it was given, and into the sandbox.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "server/helper_exec.h"
#include "server/sandbox.h"
#include "server/web.h"

#define PEM_MAX     (256u * 1024)
#define DESCRIPTORS (HTTP_CONNS + 256u)

static int enter(void *ctx, struct why *w)
{
	const struct helper_opts *o = ctx;
	const struct sandbox_params box = {
		.role = SANDBOX_WEB,
		.uid = getuid(),
		.gid = getgid(),
		.require = o->require_sandbox,
		.nofile = DESCRIPTORS,
	};

	return sandbox_enter(&box, w);
}

/* Sealed memory with PEM text; closed afterwards. */
static int take_pem(int fd, struct buf *out, struct why *w)
{
	int rc = lseek(fd, 0, SEEK_SET) != 0 ? -errno : file_read_fd(fd, out);

	fd_close(&fd);
	if (rc == 0 && buf_len(out) == 0) /* empty would mean: without TLS */
		rc = E_SHORT;
	return rc != 0 ? why_set(w, rc, "the certificate or its key cannot be read: %s", err_str(rc)) : 0;
}

static int take(const struct helper_opts *o, struct web_params *p, struct buf *cert, struct buf *key, struct why *w)
{
	bool tls = o->argc == 2 && strcmp(o->argv[1], "tls") == 0;
	int n = o->n_fds - (tls ? 2 : 0);
	int rc = 0;

	if (o->argc != 2 || n < 1 || n > HTTP_SOCKETS)
		return why_set(w, E_CONFIG, "there is nothing to listen on");
	p->gateway = o->argv[0];
	p->n_sockets = n;
	for (int i = 0; i < n; i++)
		p->sockets[i] = HELPER_FD_FIRST + i;
	if (tls) {
		rc = take_pem(HELPER_FD_FIRST + n, cert, w);
		if (rc == 0)
			rc = take_pem(HELPER_FD_FIRST + n + 1, key, w);
	}
	p->cert = buf_span(cert);
	p->key = buf_span(key);
	return rc;
}

int web_main(int argc, char **argv)
{
	struct web_params p = {.sock = HELPER_FD_SOCK, .enter = enter};
	struct helper_opts o;
	struct buf cert, key;
	struct why w = {0};
	int status = 1;

	if (helper_begin(argc, argv, "web", &o) != 0)
		return 2;
	crypto_warm();
	p.enter_ctx = &o;
	buf_init(&cert, PEM_MAX);
	buf_init(&key, PEM_MAX);
	if (take(&o, &p, &cert, &key, &w) == 0)
		status = web_run(&p);
	else
		log_error("web-not-started", "why", w.text);
	buf_wipe(&key);
	buf_clear(&cert);
	return status;
}
