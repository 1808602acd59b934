/* SPDX-License-Identifier: Apache-2.0
 *
 * Start and new start of sallyport-web.
 */
#include "server/web_start.h"

#include <stdlib.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/tls.h"
#include "server/limage.h"

#define SOCKETS 16

struct web_start {
	struct monitor *m;
	struct keeper *keeper;
	char path[512], gateway[256];
	char *files[2];            /* certificate, key; or NULL */
	uint8_t hash[SHA256_LEN];  /* of what the running process got */
	int pem[2];                /* sealed memory with them, during an execution */
	size_t n_sockets;
	int sockets[SOCKETS];
};

/* --- TLS files --- */

struct pem {
	struct secret *text[2];
	uint8_t hash[SHA256_LEN];
};

static void pem_clear(struct pem *p)
{
	secret_free(p->text[0]);
	secret_free(p->text[1]);
}

static void pem_hash(struct pem *p)
{
	struct sha256_ctx *h = sha256_new();

	sha256_begin(h);
	for (int i = 0; i < 2; i++) {
		uint8_t one[SHA256_LEN];

		sha256(secret_span(p->text[i]), one);
		sha256_add(h, span_of(one, sizeof(one)));
	}
	sha256_end(h, p->hash);
	sha256_free(h);
}

/* Better here than in a process that ends for it: an old pair goes on while the new one is wrong. */
static int pem_check(char *const files[2], const struct pem *p, struct why *w)
{
	struct why x = {0};
	int rc = tls_check_pair(secret_span(p->text[0]), secret_span(p->text[1]), &x);

	if (rc == E_EXPIRED) {
		log_warn("web-certificate", "path", files[0], "why", x.text);
		return 0;
	}
	if (rc != 0) {
		why_set(w, rc, "%s with %s: %s", files[0], files[1], x.text);
		why_hint(w, "web.tls_cert is a PEM chain with the gateway's own certificate first, web.tls_key the key of that one");
	}
	return rc;
}

/* A certificate may be read by everybody, its key not. */
static int pem_read(char *const files[2], struct pem *p, struct why *w)
{
	int rc = 0;

	*p = (struct pem){0};
	for (int i = 0; rc == 0 && i < 2; i++)
		rc = secret_read_file(files[i], i == 0, &p->text[i], w);
	if (rc == 0)
		rc = pem_check(files, p, w);
	if (rc == 0)
		pem_hash(p);
	else
		pem_clear(p);
	return rc;
}

/* --- the process --- */

static void pem_close(struct web_start *s)
{
	fd_close(&s->pem[0]);
	fd_close(&s->pem[1]);
}

/* The files are read anew for each execution. */
static int pem_open(struct web_start *s, struct why *w)
{
	struct pem p;
	int rc = pem_read(s->files, &p, w);

	if (rc != 0)
		return rc;
	for (int i = 0; rc == 0 && i < 2; i++) {
		s->pem[i] = limage_memfd(i == 0 ? "tls-cert" : "tls-key", secret_span(p.text[i]));
		if (s->pem[i] < 0)
			rc = why_set(w, s->pem[i], "the TLS files cannot be held: %s", err_str(s->pem[i]));
	}
	memcpy(s->hash, p.hash, sizeof(s->hash));
	pem_clear(&p);
	return rc;
}

static int on_ready(void *ctx, struct helper_exec *h, struct why *w)
{
	struct web_start *s = ctx;
	int rc = 0;

	pem_close(s);
	if (s->files[0] != NULL)
		rc = pem_open(s, w);
	h->n_fds = 0;
	for (size_t i = 0; i < s->n_sockets; i++)
		h->fds[h->n_fds++] = s->sockets[i];
	for (int i = 0; i < 2; i++)
		if (s->pem[i] >= 0)
			h->fds[h->n_fds++] = s->pem[i];
	h->n_args = 2;
	h->args[0] = s->gateway;
	h->args[1] = s->files[0] != NULL ? "tls" : "plain";
	return rc;
}

static void on_socket(void *ctx, int sock)
{
	struct web_start *s = ctx;

	pem_close(s);
	monitor_set_web(s->m, sock);
}

/* --- life --- */

int web_start_new(const struct conf *c, struct web_start **out, struct why *w)
{
	struct web_start *s;
	struct pem p;
	int rc;

	*out = NULL;
	if (c->web.url == NULL)
		return 0;
	*out = s = xcalloc(1, sizeof(*s));
	s->pem[0] = s->pem[1] = -1;
	(void)str_copy(s->gateway, sizeof(s->gateway), c->gateway.name);
	s->files[0] = xstrdup(c->web.tls_cert);
	s->files[1] = xstrdup(c->web.tls_key);
	rc = dsetup_listen_list(&c->web.listen, s->sockets, &s->n_sockets, SOCKETS, w);
	if (rc == 0 && s->files[0] != NULL) {
		rc = pem_read(s->files, &p, w);
		if (rc == 0)
			pem_clear(&p);
	}
	return rc;
}

int web_start_run(struct web_start *s, struct loop *l, struct monitor *m, const struct helper_exec *h, struct why *w)
{
	struct helper_exec mine = *h;

	if (helper_find("sallyport-web", s->path, sizeof(s->path)) != 0)
		return why_set(w, E_TOOBIG, "the path of sallyport-web is too long");
	mine.path = s->path;
	mine.name = "web";
	s->m = m;
	s->keeper = keeper_new(l, &mine, on_ready, on_socket, s);
	keeper_want(s->keeper, true);
	return 0;
}

void web_start_reloaded(struct web_start *s)
{
	struct why w = {0};
	struct pem p;

	if (s == NULL || s->keeper == NULL || s->files[0] == NULL)
		return;
	if (pem_read(s->files, &p, &w) != 0) {
		log_error("web-certificate", "why", w.text, "hint", w.hint, "pages", "go on with the one before");
		return;
	}
	pem_clear(&p);
	if (memcmp(p.hash, s->hash, sizeof(s->hash)) == 0)
		return;
	log_info("web-certificate", "path", s->files[0]);
	monitor_set_web(s->m, -1); /* it answers what it has and ends */
	keeper_again(s->keeper);
}

void web_start_free(struct web_start *s, int wait_ms)
{
	if (s == NULL)
		return;
	keeper_free(s->keeper, wait_ms);
	pem_close(s);
	for (size_t i = 0; i < s->n_sockets; i++)
		fd_close(&s->sockets[i]);
	free(s->files[0]);
	free(s->files[1]);
	free(s);
}
