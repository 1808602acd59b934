/* SPDX-License-Identifier: Apache-2.0
 *
 * The process: start, sandbox, requests of the monitor. It ends when its socket closes.
 */
#include "server/fetcher.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/fetch.h"
#include "server/helper_exec.h"
#include "server/sandbox.h"

#define QUEUE_MAX   (8u * 1024 * 1024)
#define NOFILE      256
#define REFETCH_MS  60000
#define AGE_MIN_MS  (5 * 60000)
#define AGE_MAX_MS  (24 * 3600000LL)

/* --- answers --- */

void fetch_ok(struct fetcher *f, uint32_t call)
{
	ipc_begin(&f->out, IPC_OK, call);
	chan_send(f->monitor, &f->out, NULL, 0);
}

void fetch_fail(struct fetcher *f, uint32_t call, const struct why *w)
{
	ipc_fail(&f->out, call, w, "");
	chan_send(f->monitor, &f->out, NULL, 0);
}

void fetch_put_token(struct buf *b, const struct block *k, const struct jwt *t)
{
	ipc_str(b, "block", k->name);
	ipc_str(b, "iss", t->iss);
	ipc_str(b, "sub", t->sub);
	ipc_str(b, "user", t->user != NULL ? t->user : "");
	ipc_strs(b, "groups", t->groups, t->n_groups);
	ipc_str(b, "person", t->person != NULL ? t->person : "");
	ipc_int(b, "exp", t->exp_s);
	ipc_bin(b, "token", span_of(t->hash, sizeof(t->hash)));
}

/* --- requests --- */

static void do_block(struct fetcher *f, const struct ipc_msg *m)
{
	struct why w = {0};

	if (block_take(f, m, &w) == 0)
		fetch_ok(f, ipc_id(m));
	else
		fetch_fail(f, ipc_id(m), &w);
}

static void do_apply(struct fetcher *f, const struct ipc_msg *m)
{
	block_apply(f, ipc_get_int(m, "gen", 0));
	fetch_ok(f, ipc_id(m));
}

static void do_device(struct fetcher *f, const struct ipc_msg *m)
{
	struct flogin *l = flogin_new(f, m, false);

	if (l != NULL)
		device_begin(l);
}

static void do_browser(struct fetcher *f, const struct ipc_msg *m)
{
	struct flogin *l = flogin_new(f, m, true);

	if (l != NULL)
		browser_begin(l, m);
}

static void do_cancel(struct fetcher *f, const struct ipc_msg *m)
{
	char id[24];
	struct flogin *l = ipc_get_str(m, "login", id, sizeof(id)) == 0 ? flogin_find(f, id) : NULL;

	if (l != NULL)
		flogin_free(l);
}

static const struct {
	enum ipc_type type;
	void (*run)(struct fetcher *, const struct ipc_msg *);
} requests[] = {
	{IPC_IDP_BLOCK, do_block},
	{IPC_IDP_APPLY, do_apply},
	{IPC_IDP_DEVICE, do_device},
	{IPC_IDP_BROWSER, do_browser},
	{IPC_IDP_CODE, browser_code},
	{IPC_IDP_CANCEL, do_cancel},
	{IPC_IDP_TOKEN, token_begin},
};

static void on_message(void *ctx, const struct ipc_msg *m, size_t len, int err, int *fds, size_t nfds)
{
	struct fetcher *f = ctx;
	struct why w = {0};

	(void)len;
	(void)fds;
	(void)nfds;
	if (m == NULL) {
		if (err != E_CLOSED)
			log_error("monitor-lost", "why", err_str(err));
		loop_stop(f->loop, err == E_CLOSED ? 0 : 1);
		return;
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if ((int)requests[i].type == ipc_type_of(m)) {
			requests[i].run(f, m);
			return;
		}
	why_set(&w, E_UNKNOWN, "the fetcher does not know this request");
	fetch_fail(f, ipc_id(m), &w);
}

/* --- start --- */

static int enter(const struct helper_opts *o, struct why *w)
{
	/* the system's authorities, read when a connection is made; directories, because files in them are replaced */
	static const char *const paths[] = {"/etc/ssl", "/usr/lib/ssl", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
		"/etc/pki", "/dev/urandom", NULL};
	struct sandbox_params p = {.role = SANDBOX_FETCHER, .uid = (uid_t)-1, .gid = (gid_t)-1, .read_paths = paths,
		.require = o->require_sandbox, .nofile = NOFILE};

	return sandbox_enter(&p, w);
}

/* Tests have no time: "refetch-ms=2000". */
static void limits_of(const struct helper_opts *o, struct fetch_limits *l)
{
	static const char refetch[] = "refetch-ms=", min[] = "age-min-ms=";

	*l = (struct fetch_limits){REFETCH_MS, AGE_MIN_MS, AGE_MAX_MS};
	for (int i = 0; i < o->argc; i++) {
		if (strncmp(o->argv[i], refetch, sizeof(refetch) - 1) == 0)
			l->refetch_ms = strtol(o->argv[i] + sizeof(refetch) - 1, NULL, 10);
		if (strncmp(o->argv[i], min, sizeof(min) - 1) == 0)
			l->age_min_ms = strtol(o->argv[i] + sizeof(min) - 1, NULL, 10);
	}
}

static int start(struct fetcher *f, const struct helper_opts *o, struct why *w)
{
	f->loop = loop_new();
	if (f->loop == NULL)
		return why_set(w, E_NOMEM, "no event loop");
	f->dns = dns_new(f->loop, o->require_sandbox, w);
	if (f->dns == NULL)
		return w->code;
	crypto_warm();
	f->http = http_new(f->loop, f->dns);
	if (f->http == NULL)
		return why_set(w, E_INTERNAL, "libcurl does not start");
	return enter(o, w);
}

int fetcher_main(int argc, char **argv)
{
	struct fetcher f = {0};
	struct helper_opts o;
	struct why w = {0};
	int status = 1;

	if (helper_begin(argc, argv, "fetcher", &o) != 0)
		return 2;
	(void)mallopt(M_ARENA_MAX, 1);
	limits_of(&o, &f.limits);
	buf_init(&f.out, IPC_MAX + 1024);
	if (start(&f, &o, &w) != 0) {
		log_error("fetcher-not-started", "why", w.text);
		return 1;
	}
	f.monitor = chan_new(f.loop, HELPER_FD_SOCK, QUEUE_MAX, on_message, &f);
	if (f.monitor != NULL) {
		log_info("fetcher-start", "http", http_version());
		status = loop_run(f.loop);
	}
	flogins_free(&f);
	tokens_free(&f);
	blocks_free(&f);
	http_free(f.http);
	dns_free(f.dns);
	chan_free(f.monitor);
	buf_wipe(&f.out);
	loop_free(f.loop);
	return status;
}
