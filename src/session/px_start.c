/* SPDX-License-Identifier: Apache-2.0
 *
 * Before the welcome: start-up packets, the monitor's answers about target and connection, libpq's login, own
 * queries, and then the welcome with our own cancel key.
 * Source: PostgreSQL documentation 55.2.1 and 55.7 (StartupMessage, SSLRequest, CancelRequest).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/view.h"
#include "session/px.h"

/* "42501" unless the monitor says otherwise. */
static void monitor_refused(struct pgproxy *x, const struct ipc_msg *m)
{
	struct why w = {.text = "the gateway is not ready", .hint = "try again in a moment"};
	char sqlstate[6] = "57P03";

	if (m != NULL)
		monclient_why(m, &w, sqlstate);
	px_fatal(x, sqlstate[0] != '\0' ? sqlstate : "42501", w.text, w.hint, "refused");
}

static void upstream_start(struct pgproxy *x, const struct ipc_msg *m, int sock, int ca)
{
	char host[256], hostaddr[64], tls[32], app[160];
	struct secret *pw = secret_new(ipc_get_span(m, "password"));
	struct pgup_params p;
	struct why w = {0};

	ipc_take_str(m, "host", host, sizeof(host));
	ipc_take_str(m, "hostaddr", hostaddr, sizeof(hostaddr));
	ipc_take_str(m, "tls", tls, sizeof(tls));
	ipc_take_str(m, "application_name", app, sizeof(app));
	p = (struct pgup_params){.fd = sock, .host = host, .hostaddr = hostaddr, .port = (int)ipc_get_int(m, "port", 5432),
	    .user = x->login, .database = x->db, .password = pw, .sslmode = tls, .ca_fd = ca, .application_name = app,
	    .options = buf_cstr(&x->options)};
	x->up = pgup_new(&p, &w);
	secret_free(pw);
	if (x->up == NULL) {
		px_fatal(x, "08001", w.text, w.hint, "upstream connect failed");
		return;
	}
	x->up_fd = pgup_fd(x->up);
	px_enter(x, PX_LOGIN);
	if (loop_add(x->p.loop, x->up_fd, pgup_wants(x->up), px_up_event, x) != 0)
		px_fatal(x, "08001", "the gateway cannot watch the connection", "", "internal");
}

static void record_start(struct pgproxy *x)
{
	struct rec_kv kv[] = {{"target", span_str(x->target)}, {"database", span_str(x->db)}, {"login", span_str(x->login)},
	    {"client", span_str(x->app)}, {"asked_login", span_str(x->user)}, {"asked_database", span_str(x->database)},
	    {"options", buf_span(&x->options)}};

	(void)recorder_add(x->rec, REC_START, kv, sizeof(kv) / sizeof(kv[0]));
}

static void session_open(struct pgproxy *x, const struct ipc_msg *m, int *fds, size_t nfds)
{
	struct span prev = ipc_get_span(m, "prev");
	char sync[16], params[16];
	int rec_fd;

	ipc_take_str(m, "sid", x->sid, sizeof(x->sid));
	ipc_take_str(m, "login", x->login, sizeof(x->login));
	ipc_take_str(m, "database", x->db, sizeof(x->db));
	ipc_take_str(m, "sync", sync, sizeof(sync));
	ipc_take_str(m, "parameters", params, sizeof(params));
	x->sync_mode = sync[0] != '\0' ? sync[0] : 'w';
	x->params_hashed = strcmp(params, "hash") == 0;
	x->max_rows = ipc_get_int(m, "max_rows", 0);
	x->login_mapped = ipc_get_bool(m, "login_mapped", false);
	policy_view_get(ipc_get(m, "view"), &x->view);
	if (nfds < 2 || prev.n != SHA256_LEN) {
		px_fatal(x, "58000", "the gateway could not open a recording", "", "no recording");
		return;
	}
	rec_fd = px_record_fd(&fds[1]);
	if (rec_fd < 0) {
		log_error("no-recording", "sid", x->sid, "why", err_str(-errno));
		px_fatal(x, "53300", "this connection has no descriptor left for a recording",
		    "end sessions of it, or use another ssh connection", "no recording");
		return;
	}
	x->rec = recorder_new(rec_fd, prev.p, (uint64_t)ipc_get_int(m, "seq", 1));
	px_up_recorder(x->to_up, x->rec);
	if (!px_settings_judge(x))
		return;
	record_start(x);
	upstream_start(x, m, fds[0], nfds > 2 ? fds[2] : -1);
	fds[0] = -1;
	if (nfds > 2)
		fds[2] = -1;
}

static void connect_answer(void *ctx, const struct ipc_msg *m, int *fds, size_t nfds)
{
	struct pgproxy *x = ctx;

	x->call = 0;
	if (x->phase == PX_CONNECT && m != NULL && ipc_type_of(m) == IPC_OK)
		session_open(x, m, fds, nfds);
	else if (x->phase == PX_CONNECT)
		monitor_refused(x, m);
	for (size_t i = 0; i < nfds; i++)
		fd_close(&fds[i]);
	px_flush(x);
	px_wake(x);
}

static void target_answer(void *ctx, const struct ipc_msg *m, int *fds, size_t nfds)
{
	struct pgproxy *x = ctx;
	struct buf *b;

	for (size_t i = 0; i < nfds; i++)
		fd_close(&fds[i]);
	x->call = 0;
	if (x->phase != PX_TARGET)
		return;
	if (m == NULL || ipc_type_of(m) != IPC_OK) {
		monitor_refused(x, m);
		return;
	}
	px_enter(x, PX_CONNECT);
	ipc_take_str(m, "name", x->target, sizeof(x->target));
	b = monclient_begin(x->p.mon, IPC_CONNECT);
	ipc_str(b, "target", x->target);
	ipc_str(b, "login", x->user);
	ipc_str(b, "database", x->database);
	ipc_str(b, "app", x->app);
	x->call = monclient_call(x->p.mon, connect_answer, x);
}

static void ask_target(struct pgproxy *x)
{
	struct buf *b;

	px_enter(x, PX_TARGET);
	b = monclient_begin(x->p.mon, IPC_TARGET);
	ipc_str(b, "name", x->target);
	ipc_int(b, "port", x->p.port);
	x->call = monclient_call(x->p.mon, target_answer, x);
}

static void start_message(struct pgproxy *x, const struct pg_startup *s)
{
	if (pg_startup_negotiates(s))
		pg_put_negotiate(&x->out, 0, s);
	if (!px_settings_take(x, s))
		return;
	x->psql = strcmp(x->app, "psql") == 0;
	if (x->phase == PX_STARTUP && x->expiry.on)
		px_fatal(x, x->expiry.sqlstate, x->expiry.reason, x->expiry.hint, "identity expired");
	else if (x->phase == PX_STARTUP)
		ask_target(x);
}

/* The cancel key is ours and belongs to this SSH connection: nothing but its own sessions can be cancelled. */
static void cancel_message(struct pgproxy *x, const struct pg_startup *s)
{
	struct pgproxy *victim = pgproxy_by_key(s->pid, s->key);

	if (victim != NULL && !px_hold_cancel(victim))
		px_cancel_upstream(victim, "client");
	px_end(x, "cancel request");
}

static void start_packet(struct pgproxy *x, const struct pg_startup *s)
{
	switch (s->kind) {
	case PG_SSL_REQUEST:
	case PG_GSS_REQUEST:
		/* SSH protects these bytes. Anything behind the request would be taken as inside TLS by some clients. */
		if (buf_len(&x->in) > 0)
			px_end(x, "bytes behind an encryption request");
		else
			buf_put_u8(&x->out, 'N');
		return;
	case PG_CANCEL_REQUEST:
		cancel_message(x, s);
		return;
	case PG_STARTUP:
		start_message(x, s);
		return;
	}
}

void px_start_input(struct pgproxy *x)
{
	while (x->phase == PX_STARTUP) {
		struct pg_startup s = {0};
		size_t used = 0;
		int rc = pg_startup_frame(buf_span(&x->in), &s, &used);

		if (rc == E_MORE)
			return;
		if (rc == E_UNKNOWN) {
			px_fatal(x, "08P01", "the gateway speaks PostgreSQL protocol 3.0 only", "", "protocol version");
			return;
		}
		if (rc != 0) {
			px_fatal(x, "08P01", "malformed start-up packet", "is this a PostgreSQL client?", "malformed start-up");
			return;
		}
		/* The pairs borrow from the buffer: take the packet's copy before consuming. */
		if (s.kind == PG_STARTUP) {
			start_packet(x, &s);
			if (x->phase != PX_ENDED)
				buf_consume(&x->in, used);
		} else {
			buf_consume(&x->in, used);
			start_packet(x, &s);
		}
	}
}

/* ---- welcome ---- */

static void backend_register(struct pgproxy *x)
{
	uint32_t pid, key;
	struct buf *b = monclient_begin(x->p.mon, IPC_BACKEND);

	pgup_backend_key(x->up, &pid, &key);
	ipc_str(b, "sid", x->sid);
	ipc_int(b, "pid", pid);
	ipc_int(b, "key", key);
	(void)monclient_call(x->p.mon, NULL, NULL);
}

static void welcome(struct pgproxy *x)
{
	char msg[512];

	px_enter(x, PX_RELAY);
	pg_put_auth_ok(&x->out);
	for (size_t i = 0; i < pgup_n_params(x->up); i++) {
		const char *name, *value;

		pgup_param(x->up, i, &name, &value);
		pg_put_parameter_status(&x->out, name, strcmp(name, "application_name") == 0 ? x->app : value);
	}
	pg_put_backend_key(&x->out, x->key_pid, x->key_secret);
	if (x->login_mapped && !x->p.console && x->user[0] != '\0') {
		struct pg_notice n = {.severity = "NOTICE", .sqlstate = "00000", .message = msg};

		snprintf(msg, sizeof(msg), "\"%s\" is no login of %s: you are %s", x->user, x->target, x->login);
		pg_put_notice(&x->out, &n);
	}
	px_notes_emit(x, true);
	pg_put_ready(&x->out, 'I');
	x->status = 'I';
}

void px_start_ready(struct pgproxy *x)
{
	if (x->phase == PX_PREPARE && x->catalog_epoch == 0 && !x->catalog_failed) {
		backend_register(x);
		px_meaning_server(x);
		px_catalog_load(x);
		px_flush(x);
		return;
	}
	if (x->phase != PX_PREPARE)
		return;
	welcome(x);
	px_front_input(x);
}
