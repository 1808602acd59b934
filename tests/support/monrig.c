/* SPDX-License-Identifier: Apache-2.0 */
#include "monrig.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "keygen.h"
#include "record/ledger.h"
#include "server/archiver.h"
#include "server/ctl.h"
#include "server/signer.h"
#include "wire/sshpk.h"

const char *const rig_names[RIG_USERS] = {"alice", "bob", "alice.too", "robot", "dave", "eve"};

/* --- set-up --- */

static void stop_loop(void *ctx)
{
	struct rig *r = ctx;

	loop_stop(r->loop, 0);
}

void rig_spin(struct rig *r, int ms)
{
	(void)loop_after(r->loop, ms, stop_loop, r);
	(void)loop_run(r->loop);
}

void rig_init(struct rig *r)
{
	*r = (struct rig){.listener = -1, .upstream = -1};
	tmp_make(r->dir);
	snprintf(r->ca, sizeof(r->ca), "file:%s/ca_key", r->dir);
	snprintf(r->conf_path, sizeof(r->conf_path), "%s/sallyport.yaml", r->dir);
	for (size_t i = 0; i < RIG_USERS; i++) {
		cr_assert_eq(sshkey_generate(&r->key[i]), 0);
		buf_init(&r->blob[i], 1024);
		sshpk_put_ed25519_blob(&r->blob[i], r->key[i].pub);
	}
}

static void listen_upstream(struct rig *r)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(sa);

	if (r->upstream >= 0)
		return;
	r->upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(r->upstream, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(listen(r->upstream, 16), 0);
	cr_assert_eq(getsockname(r->upstream, (struct sockaddr *)&sa, &n), 0);
	r->port = ntohs(sa.sin_port);
}

static void put_user(struct rig *r, struct buf *b, enum rig_user u, const char *rest)
{
	struct buf line;

	buf_init(&line, 4096);
	cr_assert_eq(sshpk_line_put(&line, buf_span(&r->blob[u]), "k"), 0);
	buf_truncate(&line, buf_len(&line) - 1);
	buf_printf(b, "  %s: {keys: [\"%s\"], %s}\n", rig_names[u], buf_cstr(&line), rest);
	buf_clear(&line);
}

void rig_conf(struct rig *r, const char *more)
{
	char path[128];
	struct buf b;

	listen_upstream(r);
	buf_init(&b, 64 * 1024);
	buf_printf(&b,
	    "gateway: {name: gw-test, state: %s, ca: \"%s\", require_sandbox: false%s%s}\n",
	    r->dir, r->ca, r->conf_extra[0] != '\0' ? ", " : "", r->conf_extra);
	buf_printf(&b, "identity: %s\nusers:\n", r->identity != NULL ? r->identity : "{local: {type: local}}");
	put_user(r, &b, ALICE, "groups: [dev]");
	put_user(r, &b, BOB, "groups: [dba]");
	put_user(r, &b, ALICE_TOO, "groups: [dba], person: alice");
	put_user(r, &b, ROBOT, "kind: service, groups: [dba], source: [192.0.2.0/24]");
	put_user(r, &b, DAVE, "groups: [sec], uid: 54321");
	put_user(r, &b, EVE, "uid: 54322");
	buf_printf(&b,
	    "targets:\n"
	    "  orders-prod: {type: postgres, address: [\"127.0.0.1:%d\"], port: 5432, labels: "
	    "{env: prod}, tls: disable,\n"
	    "    databases: [orders, invoices],\n"
	    "    logins: {app_ro: {password: \"env:RIG_PW_RO\"}, app_rw: {password: "
	    "\"file:%s/pw\"},\n"
	    "             cmd: {password_command: [/bin/sh, -c, \"echo from-command\"]},\n"
	    "             broken: {password: \"env:RIG_PW_MISSING\"},\n"
	    "             failing: {password_command: [/bin/false]}}}\n"
	    "  payroll: {type: postgres, address: [\"localhost:%d\"], port: 5432, tls: disable, "
	    "databases: [pay],\n"
	    "    logins: {app_pay: {password: \"env:RIG_PW_PAY\"}}}\n"
	    "  gone: {type: postgres, address: [\"127.0.0.1:1\"], port: 5432, tls: disable, "
	    "databases: [d], logins: {app: {}}}\n"
	    "  shop: {type: mysql, address: [\"127.0.0.1:1\"], tls: disable, databases: [d], logins: {app: {}}}\n",
	    r->port, r->dir, r->port);
	buf_put_str(&b,
	    "roles:\n"
	    "  dev: {groups: [dev], targets: [orders-prod], logins: [app_ro], databases: "
	    "[orders]}\n"
	    "  dba: {groups: [dba], targets: [\"*\"], logins: [\"*\"], verbs: [approve, kill, "
	    "audit]}\n"
	    "  sec: {groups: [sec], targets: [payroll], logins: [app_pay], verbs: [approve]}\n"
	    "approvals: {default: {approvers: [dba], quorum: 1, wait: 15m, wait_holding_locks: "
	    "60s}}\n");
	if (more != NULL)
		buf_put_str(&b, more);
	spill(r->conf_path, buf_span(&b));
	snprintf(path, sizeof(path), "%s/pw", r->dir);
	spill(path, span_str("from-file\n"));
	cr_assert_eq(chmod(path, 0600), 0);
	buf_clear(&b);
}

static pid_t start_signer(struct rig *r, int sv[2])
{
	pid_t pid;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	pid = fork();
	if (pid == 0) {
		char key[128];
		struct signer_params p = {.ca = r->ca,
		    .log_key = key,
		    .gateway = "gw-test",
		    .origin = "gw-test",
		    .max_ttl_s = 86400};

		snprintf(key, sizeof(key), "%s/log.key", r->dir);
		close(sv[0]);
		_exit(signer_run(sv[1], &p));
	}
	close(sv[1]);
	return pid;
}

static pid_t start_archiver(int sv[2])
{
	pid_t pid;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	pid = fork();
	if (pid == 0) {
		struct archiver_params p = {0};

		close(sv[0]);
		_exit(archiver_run(sv[1], &p));
	}
	close(sv[1]);
	return pid;
}

static int control_socket(struct rig *r)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/control.sock", r->dir);
	(void)unlink(sa.sun_path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(chmod(sa.sun_path, 0666), 0);
	cr_assert_eq(listen(fd, 8), 0);
	return fd;
}

void rig_start(struct rig *r)
{
	int lst[2], sgn[2], arc[2];
	struct why w = {0};
	struct buf errs;
	char cli[128];
	struct monitor_params p = {.conf_path = r->conf_path,
	    .listener_pid = getpid(),
	    .state_path = r->dir,
	    .cli_path = cli,
	    .uid = (uid_t)-1,
	    .gid = (gid_t)-1};

	log_init("test", getenv("RIG_LOG") != NULL ? 2 : -1, LOG_DEBUG_, false);
	buf_init(&errs, 65536);
	cr_assert_eq(conf_load(r->conf_path, &p.conf, &errs), 0, "%s", buf_cstr(&errs));
	buf_clear(&errs);
	setenv("RIG_PW_RO", "secret-ro", 1);
	setenv("RIG_PW_PAY", "secret-pay", 1);
	r->loop = loop_new();
	p.loop = r->loop;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, lst), 0);
	r->listener = lst[0];
	p.listener_fd = lst[1];
	r->signer = start_signer(r, sgn);
	p.signer_fd = sgn[0];
	r->archiver = start_archiver(arc);
	p.archiver_fd = arc[0];
	p.control_fd = control_socket(r);
	p.state_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(cli, sizeof(cli), "%s/cli", r->dir);
	r->m = monitor_new(&p, &w);
	cr_assert_not_null(r->m, "%s", w.text);
}

void rig_up(struct rig *r)
{
	rig_init(r);
	rig_conf(r, NULL);
	rig_start(r);
}

void rig_stop(struct rig *r)
{
	monitor_free(r->m);
	r->m = NULL;
	loop_free(r->loop);
	fd_close(&r->listener);
	cr_assert_eq(waitpid(r->signer, NULL, 0), r->signer);
	cr_assert_eq(waitpid(r->archiver, NULL, 0), r->archiver);
}

void rig_down(struct rig *r)
{
	if (r->m != NULL)
		rig_stop(r);
	fd_close(&r->upstream);
	for (size_t i = 0; i < RIG_USERS; i++) {
		buf_clear(&r->blob[i]);
		sshkey_wipe(&r->key[i]);
	}
	clock_test_shift_us(0);
	tmp_remove(r->dir);
}

bool rig_listener_got(struct rig *r, enum ipc_type t)
{
	struct buf in;
	struct ipc_msg *m;
	bool got = false;

	buf_init(&in, IPC_MAX);
	cr_assert_eq(fd_set_nonblock(r->listener, true), 0);
	while (ipc_recv(r->listener, &in, &m, NULL, NULL) == 0) {
		got = got || ipc_type_of(m) == (int)t;
		ipc_free(m);
	}
	buf_clear(&in);
	return got;
}

struct leaf_count {
	enum leaf_type t;
	const char *sid;
	struct rec_leaf *last;
	size_t n;
};

static int count_leaf(void *ctx, uint64_t i, struct span leaf, const struct merkle_tree *tree)
{
	struct leaf_count *k = ctx;
	struct rec_leaf l;

	(void)i;
	(void)tree;
	cr_assert_eq(rec_leaf_parse(leaf, &l), 0);
	if (l.type != k->t || (k->sid != NULL && strcmp(l.sid, k->sid) != 0))
		return 0;
	k->n++;
	if (k->last != NULL)
		*k->last = l;
	return 0;
}

size_t rig_leaves(struct rig *r, enum leaf_type t, const char *sid, struct rec_leaf *last)
{
	struct leaf_count k = {t, sid, last, 0};
	struct ledger_scan scan;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/log/entries", r->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert(fd >= 0);
	cr_assert_eq(ledger_scan(fd, count_leaf, &k, &scan), 0);
	close(fd);
	return k.n;
}

/* --- a session process --- */

void client_open(struct rig *r, struct client *c, const char *addr)
{
	static int number;
	struct buf b;
	char conn[16];
	int sv[2];

	*c = (struct client){.r = r};
	buf_init(&c->in, IPC_MAX);
	buf_init(&c->out, IPC_MAX);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	c->sock = sv[0];
	c->pid = fork();
	if (c->pid == 0) {
		(void)close_range(3, ~0u, 0);
		for (;;)
			pause();
	}
	snprintf(conn, sizeof(conn), "c%d", ++number);
	buf_init(&b, IPC_MAX);
	ipc_begin(&b, IPC_NEW_SESSION, 0);
	ipc_int(&b, "pid", c->pid);
	ipc_str(&b, "addr", addr);
	ipc_int(&b, "port", 40000);
	ipc_str(&b, "conn", conn);
	cr_assert_eq(ipc_send(r->listener, &b, &sv[1], 1), 0);
	buf_clear(&b);
	close(sv[1]);
	cr_assert_eq(fd_set_nonblock(c->sock, true), 0);
	for (int i = 0; i < 200 && c->peer == NULL; i++) {
		rig_spin(r, 5);
		c->peer = peer_by_pid(r->m, c->pid);
	}
	cr_assert_not_null(c->peer);
}

static void drop_message(struct client *c)
{
	ipc_free(c->m);
	c->m = NULL;
	for (size_t i = 0; i < c->nfds; i++)
		fd_close(&c->fds[i]);
	c->nfds = 0;
}

void client_close(struct client *c)
{
	drop_message(c);
	fd_close(&c->sock);
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
	}
	buf_clear(&c->in);
	buf_clear(&c->out);
	rig_spin(c->r, 20);
}

struct buf *client_msg(struct client *c, enum ipc_type t)
{
	ipc_begin(&c->out, t, ++c->id);
	return &c->out;
}

void client_send(struct client *c)
{
	cr_assert_eq(ipc_send(c->sock, &c->out, NULL, 0), 0);
}

int client_next(struct client *c, int ms)
{
	drop_message(c);
	for (int64_t until = clock_mono_us() + ms * 1000;;) {
		int rc;

		c->nfds = FD_PASS_MAX;
		rc = ipc_recv(c->sock, &c->in, &c->m, c->fds, &c->nfds);
		if (rc == 0)
			return ipc_type_of(c->m);
		c->nfds = 0;
		if (rc != E_MORE)
			return 0;
		if (clock_mono_us() > until)
			return -1;
		rig_spin(c->r, 2);
	}
}

int client_call(struct client *c)
{
	int t;

	if (ipc_send(c->sock, &c->out, NULL, 0) != 0)
		return 0;
	while ((t = client_next(c, 15000)) > 0)
		if (ipc_id(c->m) == c->id)
			break;
	cr_assert_neq(t, -1, "no answer");
	return t;
}

/* --- a helper --- */

void side_open(struct rig *r, struct side *s, void (*set)(struct monitor *m, int fd))
{
	int sv[2];

	*s = (struct side){.r = r, .id = 1000};
	buf_init(&s->in, IPC_MAX);
	buf_init(&s->out, IPC_MAX);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	s->sock = sv[0];
	cr_assert_eq(fd_set_nonblock(s->sock, true), 0);
	set(r->m, sv[1]);
}

void side_close(struct side *s)
{
	ipc_free(s->m);
	s->m = NULL;
	fd_close(&s->sock);
	buf_clear(&s->in);
	buf_clear(&s->out);
	rig_spin(s->r, 20);
}

int side_next(struct side *s, int ms)
{
	ipc_free(s->m);
	s->m = NULL;
	for (int64_t until = clock_mono_us() + ms * 1000;;) {
		int rc = ipc_recv(s->sock, &s->in, &s->m, NULL, NULL);

		if (rc == 0)
			return ipc_type_of(s->m);
		if (rc != E_MORE)
			return 0;
		if (clock_mono_us() > until)
			return -1;
		rig_spin(s->r, 2);
	}
}

void side_want(struct side *s, enum ipc_type t)
{
	int got;

	while ((got = side_next(s, 5000)) > 0)
		if (got == (int)t)
			return;
	cr_assert_fail("message %d did not come", (int)t);
}

const char *side_str(struct side *s, const char *key)
{
	static char ring[4][4096];
	static int at;
	char *out = ring[at = (at + 1) % 4];

	out[0] = '\0';
	if (s->m != NULL)
		ipc_take_str(s->m, key, out, sizeof(ring[0]));
	return out;
}

struct buf *side_msg(struct side *s, enum ipc_type t, uint32_t id)
{
	ipc_begin(&s->out, t, id);
	return &s->out;
}

void side_send(struct side *s)
{
	cr_assert_eq(ipc_send(s->sock, &s->out, NULL, 0), 0);
}

const char *client_str(struct client *c, const char *key)
{
	static char ring[4][4096];
	static int at;
	char *out = ring[at = (at + 1) % 4];

	if (c->m == NULL || ipc_get_str(c->m, key, out, sizeof(ring[0])) != 0)
		out[0] = '\0';
	return out;
}

int64_t client_int(struct client *c, const char *key)
{
	return c->m != NULL ? ipc_get_int(c->m, key, -1) : -1;
}

int client_fd(struct client *c, size_t i)
{
	int fd = -1;

	cr_assert_lt(i, c->nfds);
	fd = c->fds[i];
	c->fds[i] = -1;
	return fd;
}

bool client_killed(struct client *c)
{
	int st = 0;

	for (int i = 0; i < 400; i++) {
		if (waitpid(c->pid, &st, WNOHANG) == c->pid) {
			c->pid = -1;
			return WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL;
		}
		rig_spin(c->r, 5);
	}
	return false;
}

/* --- logging in --- */

int client_auth_cert(struct client *c, const char *user, struct span cert)
{
	struct buf *b = client_msg(c, IPC_AUTH_CERT);

	ipc_str(b, "user", user);
	ipc_bin(b, "cert", cert);
	return client_call(c);
}

int client_auth_key(struct client *c, const char *user, struct span blob)
{
	struct buf *b = client_msg(c, IPC_AUTH_KEY);

	ipc_str(b, "user", user);
	ipc_bin(b, "key", blob);
	return client_call(c);
}

int client_done(struct client *c, bool key_only)
{
	ipc_bool(client_msg(c, IPC_AUTH_DONE), "key_only", key_only);
	return client_call(c);
}

void rig_cert(struct rig *r, enum rig_user u, const char *addr, struct buf *cert)
{
	struct client c;
	struct verbcall v;

	client_open(r, &c, addr);
	cr_assert_eq(client_auth_key(&c, rig_names[u], buf_span(&r->blob[u])), IPC_OK);
	cr_assert(ipc_get_bool(c.m, "known", false));
	cr_assert_eq(client_done(&c, true), IPC_OK);
	cr_assert_eq(verb_run(r, &c, &v, "cert", NULL), 0, "%s", verb_text(&v));
	buf_init(cert, SSHPK_BLOB_MAX);
	cr_assert_eq(
	    sshpk_line_parse(span_str(verb_str(&v, 0, "certificate")), cert, NULL, NULL), 0);
	verb_clear(&v);
	client_close(&c);
}

void client_login(struct client *c, enum rig_user u)
{
	struct buf cert;

	rig_cert(c->r, u, c->peer->addr, &cert);
	cr_assert_eq(client_auth_cert(c, rig_names[u], buf_span(&cert)), IPC_OK, "%s",
	    client_str(c, "text"));
	cr_assert_eq(client_done(c, false), IPC_OK);
	buf_clear(&cert);
}

int client_connect(struct client *c, const char *target, const char *login, const char *db)
{
	struct buf *b = client_msg(c, IPC_CONNECT);
	int t;

	ipc_str(b, "target", target);
	ipc_str(b, "login", login);
	ipc_str(b, "database", db);
	ipc_str(b, "app", "psql");
	t = client_call(c);
	if (t != IPC_OK)
		return t;
	snprintf(c->sid, sizeof(c->sid), "%s", client_str(c, "sid"));
	return 0;
}

/* --- verbs --- */

static int verb_socket(struct rig *r, struct client *c)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int sv[2];

	if (c != NULL) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
		cr_assert_not_null(ctl_bound(c->peer, sv[0]));
		return sv[1];
	}
	sv[0] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/control.sock", r->dir);
	cr_assert_eq(connect(sv[0], (struct sockaddr *)&sa, sizeof(sa)), 0);
	return sv[0];
}

static bool verb_message(struct verbcall *v, struct ipc_msg *m, int *fds, size_t nfds)
{
	const struct mp_val *item = ipc_get(m, "item");

	if (ipc_type_of(m) == IPC_CTL_ITEM && v->n_items < 32) {
		struct buf *b = &v->items[v->n_items++];

		buf_init(b, IPC_MAX);
		mp_put_map(b, (uint32_t)mp_count(item));
		for (size_t i = 0; i < mp_count(item); i++) {
			const struct mp_val *val = mp_val_at(item, i);

			mp_put_str(b, mp_span(mp_key_at(item, i)));
			if (mp_type(val) == MP_STR)
				mp_put_str(b, mp_span(val));
			else if (mp_type(val) == MP_BOOL)
				mp_put_bool(b, mp_bool(val, false));
			else
				mp_put_i64(b, mp_i64(val, 0));
		}
	}
	if (ipc_type_of(m) == IPC_CTL_FD && nfds == 1 && v->n_fds < 32) {
		cr_assert_eq(ipc_get_str(m, "name", v->names[v->n_fds], sizeof(v->names[0])), 0);
		v->fds[v->n_fds++] = fds[0];
	}
	return ipc_type_of(m) == IPC_CTL_END;
}

int verb_run(struct rig *r, struct client *c, struct verbcall *v, const char *verb, ...)
{
	int64_t until = clock_mono_us() + 10000000;
	struct buf args;
	uint32_t n = 0;
	va_list ap;

	*v = (struct verbcall){.code = -1};
	buf_init(&v->in, IPC_MAX);
	buf_init(&v->out, IPC_MAX);
	buf_init(&args, 65536);
	va_start(ap, verb);
	for (const char *k; (k = va_arg(ap, const char *)) != NULL; n++) {
		const char *val = va_arg(ap, const char *);

		mp_put_cstr(&args, k);
		if (strcmp(val, "true") == 0)
			mp_put_bool(&args, true);
		else
			mp_put_cstr(&args, val);
	}
	va_end(ap);
	v->sock = verb_socket(r, c);
	ipc_begin(&v->out, IPC_CTL, 1);
	ipc_str(&v->out, "verb", verb);
	if (n > 0) {
		struct buf whole;

		buf_init(&whole, 65600);
		mp_put_map(&whole, n);
		buf_put_span(&whole, buf_span(&args));
		ipc_raw(&v->out, "args", buf_span(&whole));
		buf_clear(&whole);
	}
	buf_clear(&args);
	cr_assert_eq(ipc_send(v->sock, &v->out, NULL, 0), 0);
	cr_assert_eq(fd_set_nonblock(v->sock, true), 0);
	while (clock_mono_us() < until) {
		int fds[FD_PASS_MAX];
		size_t nfds = FD_PASS_MAX;
		struct ipc_msg *m = NULL;
		int rc = ipc_recv(v->sock, &v->in, &m, fds, &nfds);

		if (rc == E_MORE) {
			rig_spin(r, 2);
			continue;
		}
		if (rc != 0)
			return -1;
		if (verb_message(v, m, fds, nfds)) {
			v->end = m; /* borrows from v->in */
			v->code = (int)ipc_get_int(m, "code", -1);
			return v->code;
		}
		ipc_free(m);
	}
	return -2;
}

void verb_clear(struct verbcall *v)
{
	ipc_free(v->end);
	for (size_t i = 0; i < v->n_items; i++)
		buf_clear(&v->items[i]);
	for (size_t i = 0; i < v->n_fds; i++)
		fd_close(&v->fds[i]);
	fd_close(&v->sock);
	buf_clear(&v->in);
	buf_clear(&v->out);
}

const char *verb_str(const struct verbcall *v, size_t i, const char *key)
{
	static char ring[4][65536];
	static int at;
	char *out = ring[at = (at + 1) % 4];
	struct mp_doc *d;
	const struct mp_val *x;

	out[0] = '\0';
	if (i >= v->n_items || mp_parse(buf_span(&v->items[i]), &d, NULL) != 0)
		return out;
	x = mp_get(mp_root(d), key);
	if (mp_type(x) == MP_STR)
		snprintf(
		    out, sizeof(ring[0]), "%.*s", (int)mp_span(x).n, (const char *)mp_span(x).p);
	else if (mp_type(x) == MP_BOOL)
		snprintf(out, sizeof(ring[0]), "%s", mp_bool(x, false) ? "true" : "false");
	else if (mp_type(x) == MP_INT || mp_type(x) == MP_UINT)
		snprintf(out, sizeof(ring[0]), "%lld", (long long)mp_i64(x, 0));
	mp_free(d);
	return out;
}

static const char *end_str(const struct verbcall *v, const char *key)
{
	static char out[4096];

	if (v->end == NULL || ipc_get_str(v->end, key, out, sizeof(out)) != 0)
		out[0] = '\0';
	return out;
}

const char *verb_text(const struct verbcall *v)
{
	return end_str(v, "text");
}

const char *verb_hint(const struct verbcall *v)
{
	return end_str(v, "hint");
}
