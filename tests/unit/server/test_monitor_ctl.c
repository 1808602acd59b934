/* SPDX-License-Identifier: Apache-2.0
 *
 * Control messages: who may use which verb, and what each answers; exec verbs as processes.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "keygen.h"
#include "monrig.h"
#include "base/mem.h"
#include "record/reader.h"

#define HERE "198.51.100.7"

static struct rig r;
static struct client c; /* alice */

static void up(void)
{
	rig_up(&r);
	client_open(&r, &c, HERE);
	client_login(&c, ALICE);
}

static void down(void)
{
	client_close(&c);
	rig_down(&r);
}

TestSuite(verbs, .init = up, .fini = down, .timeout = 60);
TestSuite(exec, .init = up, .fini = down, .timeout = 60);
TestSuite(reload, .init = up, .fini = down, .timeout = 60);

static struct verbcall v;

static int ask(struct client *x, const char *verb)
{
	return verb_run(&r, x, &v, verb, NULL);
}

static int ask1(struct client *x, const char *verb, const char *key, const char *value)
{
	return verb_run(&r, x, &v, verb, key, value, NULL);
}

Test(verbs, who_may_what)
{
	/* of alice over ssh, of the operator on the socket; -9 = not looked at */
	static const struct {
		const char *verb;
		int alice, root;
	} want[] = {
	    {"whoami", 0, 0},
	    {"targets", 0, 0},
	    {"requests", 0, 0},
	    {"sessions", 0, 0},
	    {"status", 4, 0},
	    {"reload", 4, 0},
	    {"revoke", 4, 2},
	    {"kill", 2, 2},
	    {"replay", 2, 2},
	    {"show", 2, 2},
	    {"approve", 2, 4},
	    {"deny", 2, 4},
	    {"config", 0, 0},
	    {"cert", 0, 4},
	    {"sql", 2, 2},
	    {"verify", 2, 2},
	    {"nonsense", 2, 2},
	    {"", 2, 2},
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		cr_assert_eq(
		    ask(&c, want[i].verb), want[i].alice, "alice %s: %d", want[i].verb, v.code);
		verb_clear(&v);
		cr_assert_eq(
		    ask(NULL, want[i].verb), want[i].root, "root %s: %d", want[i].verb, v.code);
		verb_clear(&v);
	}
}

Test(verbs, whoami_and_targets)
{
	cr_assert_eq(ask(&c, "whoami"), 0);
	cr_assert_str_eq(verb_str(&v, 0, "user"), "alice");
	cr_assert_str_eq(verb_str(&v, 0, "groups"), "dev");
	cr_assert_str_eq(verb_str(&v, 0, "roles"), "dev");
	cr_assert_str_eq(verb_str(&v, 0, "via"), "certificate");
	cr_assert_str_eq(verb_str(&v, 0, "source"), HERE);
	cr_assert_str_eq(verb_str(&v, 0, "gateway"), "gw-test");
	cr_assert_str_eq(verb_str(&v, 0, "epoch"), "1");
	verb_clear(&v);
	cr_assert_eq(ask(&c, "targets"), 0);
	cr_assert_eq(v.n_items, 1, "her own only");
	cr_assert_str_eq(verb_str(&v, 0, "name"), "orders-prod");
	cr_assert_str_eq(verb_str(&v, 0, "databases"), "orders");
	cr_assert_str_eq(verb_str(&v, 0, "logins"), "app_ro");
	cr_assert_str_eq(verb_str(&v, 0, "masked"), "full");
	cr_assert_str_eq(verb_str(&v, 0, "env"), "prod");
	verb_clear(&v);
	cr_assert_eq(ask1(&c, "config", "host", "bastion.example.com"), 0);
	cr_assert_not_null(strstr(verb_str(&v, 0, "text"), "HostName bastion.example.com\n"));
	cr_assert_not_null(strstr(verb_str(&v, 0, "text"), "-L 5432:orders-prod:5432"));
	cr_assert_null(strstr(verb_str(&v, 0, "text"), "payroll"));
	verb_clear(&v);
	cr_assert_eq(ask1(&c, "config", "host", "x\nProxyCommand evil"), 2);
	verb_clear(&v);
}

Test(verbs, one_at_a_time_and_nothing_else)
{
	struct buf b;
	int sv[2];

	for (int kind = 0; kind < 3; kind++) {
		struct pollfd p = {.events = POLLIN};
		char byte;

		cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
		cr_assert_not_null(ctl_bound(c.peer, sv[0]));
		buf_init(&b, IPC_MAX);
		ipc_begin(&b, kind == 0 ? IPC_EXEC : IPC_CTL, kind == 1 ? 0 : 1);
		ipc_str(&b, "verb", "whoami");
		cr_assert_eq(ipc_send(sv[1], &b, &sv[1], kind == 2 ? 1 : 0), 0);
		rig_spin(&r, 30);
		p.fd = sv[1];
		cr_assert_eq(poll(&p, 1, 0), 1);
		cr_assert_eq(
		    recv(sv[1], &byte, 1, MSG_DONTWAIT), 0, "kind %d: the channel ends", kind);
		buf_clear(&b);
		close(sv[1]);
	}
	cr_assert_eq(monitor_n_peers(r.m), 1);
}

/* What another uid of this machine gets: run in a child, because a process has one uid. */
static int as_uid(uid_t uid, const char *verb)
{
	pid_t pid = fork();
	int st;

	if (pid == 0) {
		struct sockaddr_un sa = {.sun_family = AF_UNIX};
		struct buf b;
		struct ipc_msg *m = NULL;
		int s = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/control.sock", r.dir);
		if (setresuid(uid, uid, uid) != 0 ||
		    connect(s, (struct sockaddr *)&sa, sizeof(sa)) != 0)
			_exit(99);
		buf_init(&b, IPC_MAX);
		ipc_begin(&b, IPC_CTL, 1);
		ipc_str(&b, "verb", verb);
		if (ipc_send(s, &b, NULL, 0) != 0)
			_exit(98);
		do {
			ipc_free(m);
			if (ipc_recv(s, &b, &m, NULL, NULL) != 0)
				_exit(97);
		} while (ipc_type_of(m) != IPC_CTL_END);
		_exit((int)ipc_get_int(m, "code", 96));
	}
	while (waitpid(pid, &st, WNOHANG) == 0)
		rig_spin(&r, 5);
	return WEXITSTATUS(st);
}

Test(verbs, uids_of_the_gateway)
{
	if (geteuid() != 0)
		return; /* needs to become somebody else */
	cr_assert_eq(chmod(r.dir, 0755), 0);
	cr_assert_eq(as_uid(54321, "whoami"), 0, "dave");
	cr_assert_eq(as_uid(54321, "status"), 4);
	cr_assert_eq(as_uid(54321, "revoke"), 4);
	cr_assert_eq(as_uid(12345, "whoami"), 4, "nobody we know");
	cr_assert_eq(as_uid(12345, "requests"), 4);
	cr_assert_eq(as_uid(0, "status"), 0);
}

Test(verbs, certificates_say_what_the_configuration_gives)
{
	struct sshcert cert;
	struct buf blob;

	rig_cert(&r, ROBOT, "192.0.2.9", &blob);
	cr_assert_eq(sshcert_parse(buf_span(&blob), &cert, NULL), 0);
	cr_assert_eq(cert.valid_before - cert.valid_after, 3600 + 60, "an hour for a service");
	buf_clear(&blob);
	rig_cert(&r, ALICE, HERE, &blob);
	cr_assert_eq(sshcert_parse(buf_span(&blob), &cert, NULL), 0);
	cr_assert_eq(cert.valid_before - cert.valid_after, 8 * 3600 + 60);
	buf_clear(&blob);
	rig_conf(&r, NULL);
	{
		struct buf b;
		char text[16384];
		char *at;

		buf_init(&b, sizeof(text));
		slurp(r.conf_path, &b);
		snprintf(text, sizeof(text), "%s", buf_cstr(&b));
		buf_reset(&b);
		at = strstr(text, "  dev: {");
		buf_put(&b, text, (size_t)(at - text));
		buf_put_str(&b, "  short: {groups: [dev], targets: [orders-prod], logins: "
				"[app_ro], session: {ttl: 2h}}\n");
		buf_put_str(&b, at);
		spill(r.conf_path, buf_span(&b));
		buf_clear(&b);
	}
	cr_assert_eq(ask(NULL, "reload"), 0, "%s", verb_text(&v));
	verb_clear(&v);
	rig_cert(&r, ALICE, HERE, &blob);
	cr_assert_eq(sshcert_parse(buf_span(&blob), &cert, NULL), 0);
	cr_assert_eq(cert.valid_before - cert.valid_after, 2 * 3600 + 60, "the role's");
	buf_clear(&blob);
}

/* --- recordings --- */

Test(verbs, recordings_are_read_by_their_owner_and_by_auditors)
{
	struct reader_file files[4];
	struct reader *rd;
	struct rec_leaf l;
	struct client x;

	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0);
	cr_assert_eq(ask1(&c, "replay", "id", c.sid), 0, "%s", verb_text(&v));
	cr_assert_eq(v.n_fds, 2);
	cr_assert_str_eq(v.names[0], "meta");
	cr_assert_str_eq(v.names[1], "000001.rec");
	cr_assert_eq(fcntl(v.fds[1], F_GETFL) & O_ACCMODE, O_RDONLY);
	for (size_t i = 0; i < v.n_fds; i++)
		files[i] = (struct reader_file){v.names[i], v.fds[i]};
	cr_assert_eq(reader_open_files(files, v.n_fds, 0, &rd, NULL), 0);
	cr_assert_str_eq(reader_meta(rd)->sid, c.sid);
	reader_free(rd);
	cr_assert_eq(rig_leaves(&r, LEAF_READ, c.sid, &l), 1);
	cr_assert_str_eq(l.who, "alice");
	verb_clear(&v);
	cr_assert_eq(ask1(&c, "sessions", "live", "true"), 0);
	cr_assert_eq(v.n_items, 1);
	cr_assert_str_eq(verb_str(&v, 0, "id"), c.sid);
	cr_assert_str_eq(verb_str(&v, 0, "live"), "true");
	verb_clear(&v);

	client_open(&r, &x, HERE);
	client_login(&x, DAVE);
	cr_assert_eq(ask1(&x, "replay", "id", c.sid), 4);
	cr_assert_eq(v.n_fds, 0);
	verb_clear(&v);
	cr_assert_eq(ask(&x, "sessions"), 0);
	cr_assert_eq(v.n_items, 0);
	verb_clear(&v);
	cr_assert_eq(ask1(&x, "sessions", "user", "alice"), 4);
	verb_clear(&v);
	cr_assert_eq(ask1(&x, "kill", "id", c.sid), 4);
	verb_clear(&v);
	client_close(&x);
	cr_assert_eq(rig_leaves(&r, LEAF_READ, c.sid, NULL), 1, "nothing was read");

	client_open(&r, &x, HERE);
	client_login(&x, BOB); /* audit, kill */
	cr_assert_eq(ask1(&x, "replay", "id", c.sid), 0);
	cr_assert_eq(v.n_fds, 2);
	verb_clear(&v);
	cr_assert_eq(ask1(&x, "kill", "id", c.sid), 0);
	verb_clear(&v);
	cr_assert_eq(client_next(&c, 1000), IPC_KILL);
	client_close(&x);
	cr_assert_eq(ask1(NULL, "replay", "id", "01"), 2, "too short");
	verb_clear(&v);
	cr_assert_eq(ask1(NULL, "replay", "id", "../../etc"), 3);
	verb_clear(&v);
}

/* --- reload --- */

Test(reload, a_broken_file_changes_nothing)
{
	spill(r.conf_path, span_str("gateway: {name: [}\n"));
	cr_assert_eq(ask(NULL, "reload"), 1);
	cr_assert_not_null(strstr(verb_text(&v), "sallyport.yaml:1:"), "%s", verb_text(&v));
	verb_clear(&v);
	cr_assert_eq(monitor_epoch(r.m), 1);
	rig_conf(&r, NULL);
	cr_assert_eq(ask(NULL, "reload"), 0);
	verb_clear(&v);
	cr_assert_eq(monitor_epoch(r.m), 2);
	cr_assert_eq(rig_leaves(&r, LEAF_POLICY, NULL, NULL), 2);
}

Test(reload, what_cannot_change)
{
	static const char *const web[] = {"web.url cannot change", "web.listen cannot change",
	    "web.tls_cert cannot change", "web.tls_key cannot change"};
	struct buf b;
	char *text;

	buf_init(&b, 65536);
	slurp(r.conf_path, &b);
	text = xstrdup(buf_cstr(&b));
	memcpy(strstr(text, "gw-test"), "gw-evil", 7);
	spill(r.conf_path, span_str(text));
	cr_assert_eq(ask(NULL, "reload"), 1);
	cr_assert_not_null(strstr(verb_text(&v), "gateway.name cannot change"));
	verb_clear(&v);
	buf_put_str(&b, "web: {url: \"https://gw.example.com\", listen: [\"127.0.0.1:8443\"], tls_cert: /c, tls_key: /k}\n");
	spill(r.conf_path, buf_span(&b));
	cr_assert_eq(ask(NULL, "reload"), 1);
	for (size_t i = 0; i < sizeof(web) / sizeof(*web); i++)
		cr_assert_not_null(strstr(verb_text(&v), web[i]), "%s", verb_text(&v));
	verb_clear(&v);
	cr_assert_eq(monitor_epoch(r.m), 1);
	free(text);
	buf_clear(&b);
}

static void remove_user(const char *name)
{
	struct buf b;
	char *text, *at, *end;

	buf_init(&b, 65536);
	slurp(r.conf_path, &b);
	text = xstrdup(buf_cstr(&b));
	at = strstr(text, name);
	end = strchr(at, '\n');
	memmove(at, end + 1, strlen(end + 1) + 1);
	spill(r.conf_path, span_str(text));
	free(text);
	buf_clear(&b);
}

Test(reload, a_removed_user_is_out_at_once)
{
	struct buf cert;
	struct client x;

	rig_cert(&r, ALICE, HERE, &cert);
	remove_user("  alice: {");
	cr_assert_eq(ask(NULL, "reload"), 0, "%s", verb_text(&v));
	verb_clear(&v);
	cr_assert_eq(client_next(&c, 1000), IPC_KILL);
	cr_assert(client_killed(&c));
	client_open(&r, &x, HERE);
	cr_assert_eq(client_auth_cert(&x, "alice", buf_span(&cert)), IPC_FAIL);
	client_close(&x);
	buf_clear(&cert);
}

Test(reload, a_lost_target_ends_its_sessions)
{
	struct buf b;
	char *text, *at;

	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0);
	buf_init(&b, 65536);
	slurp(r.conf_path, &b);
	text = xstrdup(buf_cstr(&b));
	at = strstr(text, "dev: {groups: [dev], targets: [orders-prod]");
	cr_assert_not_null(at);
	memcpy(at, "dev: {groups: [xyz]", 19);
	spill(r.conf_path, span_str(text));
	cr_assert_eq(ask(NULL, "reload"), 0, "%s", verb_text(&v));
	verb_clear(&v);
	cr_assert_eq(client_next(&c, 1000), IPC_KILL);
	cr_assert_str_eq(client_str(&c, "sid"), c.sid);
	cr_assert_eq(ask(&c, "targets"), 0);
	cr_assert_eq(v.n_items, 0);
	verb_clear(&v);
	free(text);
	buf_clear(&b);
}

/* --- drain --- */

static void drained(void *ctx)
{
	*(bool *)ctx = true;
}

Test(reload, drain_waits_for_sessions)
{
	bool done = false;
	struct client idle;

	client_open(&r, &idle, HERE);
	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0);
	monitor_drain(r.m, 60000, drained, &done);
	cr_assert_eq(
	    client_next(&idle, 1000), IPC_KILL, "without a session there is nothing to wait for");
	cr_assert(rig_listener_got(&r, IPC_LISTENER_STOP));
	rig_spin(&r, 1500);
	cr_assert_not(done);
	cr_assert_eq(monitor_n_sessions(r.m), 1);
	cr_assert_eq(
	    client_connect(&c, "orders-prod", "app_ro", "orders"), IPC_FAIL, "no new ones");
	fd_close(&c.sock);
	for (int i = 0; i < 200 && !done; i++)
		rig_spin(&r, 10);
	cr_assert(done);
	client_close(&idle);
}

Test(reload, drain_gives_up_waiting)
{
	struct rec_leaf l;
	bool done = false;

	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0);
	monitor_drain(r.m, 200, drained, &done);
	for (int i = 0; i < 500 && !done; i++)
		rig_spin(&r, 10);
	cr_assert(done);
	cr_assert(client_killed(&c));
	cr_assert_eq(rig_leaves(&r, LEAF_END, c.sid, &l), 1, "with its end in the log");
}

/* --- exec --- */

static void cli(const char *script)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cli", r.dir);
	(void)unlink(path);
	spill(path, span_str(script));
	cr_assert_eq(chmod(path, 0755), 0);
}

static int run(struct client *x, const char *line, bool pty)
{
	struct buf *b = client_msg(x, IPC_EXEC);

	ipc_bin(b, "line", span_str(line));
	ipc_bool(b, "pty", pty);
	ipc_str(b, "term", "xterm-256color");
	ipc_int(b, "cols", 132);
	ipc_int(b, "rows", 43);
	return client_call(x);
}

/* Everything that comes out of fd until its end. */
static const char *drain_fd(int fd)
{
	static char out[65536];
	size_t n = 0;

	for (int i = 0; i < 1000; i++) {
		ssize_t k = read(fd, out + n, sizeof(out) - 1 - n);

		if (k == 0 || (k < 0 && errno == EIO))
			break;
		if (k > 0)
			n += (size_t)k;
		else
			rig_spin(&r, 5);
	}
	out[n] = '\0';
	close(fd);
	return out;
}

static int64_t exit_of(struct client *x)
{
	cr_assert_eq(client_next(x, 5000), IPC_EXEC_EXIT);
	return client_int(x, "status");
}

Test(exec, arguments_environment_and_status)
{
	const char *out;
	int in, err, o;

	setenv("SECRET_OF_THE_MONITOR", "x", 1);
	cli("#!/bin/sh\nfor a in \"$@\"; do echo \"<$a>\"; done\nenv | grep -v "
	    "'^_=\\|^PWD=\\|^SHLVL=\\|^OLDPWD=' | sort\n"
	    "echo oops >&2\nread x && echo \"in:$x\"\nexit 7\n");
	cr_assert_eq(run(&c, "sessions  --user 'a b' \"c\\\"d\" e\\ f", false), IPC_OK, "%s",
	    client_str(&c, "text"));
	cr_assert_str_eq(client_str(&c, "verb"), "sessions");
	cr_assert_eq(client_int(&c, "fds"), 3);
	in = client_fd(&c, 0);
	o = client_fd(&c, 1);
	err = client_fd(&c, 2);
	cr_assert(fcntl(o, F_GETFL) & O_NONBLOCK);
	cr_assert_eq(write(in, "hi\n", 3), 3);
	close(in);
	out = drain_fd(o);
	cr_assert_str_eq(out,
	    "<--exec>\n<sessions>\n<--user>\n<a b>\n<c\"d>\n<e f>\n"
	    "HOME=/nonexistent\nLANG=C.UTF-8\nPATH=/usr/bin:/bin\nSALLYPORT_EXEC=1\nin:hi\n");
	cr_assert_str_eq(drain_fd(err), "oops\n");
	cr_assert_eq(exit_of(&c), 7);
	cr_assert_null(c.peer->execs);
}

Test(exec, the_rest_of_the_line_is_sql)
{
	int o;

	cli("#!/bin/sh\nfor a in \"$@\"; do printf '<%s>' \"$a\"; done\nls /proc/self/fd | tr "
	    "'\\n' ' '\n");
	cr_assert_eq(
	    run(&c, "sql orders-prod -c select 'it''s'  from \"T\" where a > 1 -- $HOME `id`",
		false),
	    IPC_OK);
	cr_assert_str_eq(client_str(&c, "sql_target"), "orders-prod");
	cr_assert_eq(client_int(&c, "fds"), 4, "and the database's socket");
	o = client_fd(&c, 1);
	cr_assert_str_eq(drain_fd(o),
	    "<--exec><sql><orders-prod><-c><select 'it''s'  from \"T\" where a > 1 -- $HOME `id`>"
	    "0 1 2 3 4 5 ",
	    "and no other descriptor (5 is ls's own)");
	cr_assert_eq(exit_of(&c), 0);
}

Test(exec, a_terminal)
{
	const char *out;
	int fd;

	cli("#!/bin/sh\nstty size\nwhile [ \"$(stty size)\" = \"43 132\" ]; do sleep 0.05; "
	    "done\nstty size\necho $TERM $COLUMNS $LINES\ntty "
	    "</dev/tty\n");
	cr_assert_eq(run(&c, "targets", true), IPC_OK, "%s", client_str(&c, "text"));
	cr_assert_eq(c.nfds, 1);
	fd = client_fd(&c, 0);
	{
		struct buf *b = client_msg(&c, IPC_EXEC_WINCH);

		rig_spin(&r, 100);
		ipc_int(b, "exec", 1);
		ipc_int(b, "cols", 90);
		ipc_int(b, "rows", 30);
		client_send(&c);
	}
	out = drain_fd(fd);
	cr_assert_str_eq(out, "43 132\r\n30 90\r\nxterm-256color 132 43\r\n/dev/tty\r\n");
	cr_assert_eq(exit_of(&c), 0);
}

Test(exec, who_may_run_what)
{
	struct client k;

	cli("#!/bin/sh\nexit 0\n");
	cr_assert_eq(run(&c, "reload", false), IPC_FAIL, "the gateway's own");
	cr_assert_eq(run(&c, "policy explain", false), IPC_FAIL);
	cr_assert_eq(run(&c, "/bin/sh", false), IPC_FAIL);
	cr_assert_not_null(strstr(client_str(&c, "text"), "unknown verb"));
	cr_assert_eq(run(&c, "targets 'open", false), IPC_FAIL);
	client_open(&r, &k, HERE);
	cr_assert_eq(client_auth_key(&k, "alice", buf_span(&r.blob[ALICE])), IPC_OK);
	cr_assert_eq(client_done(&k, true), IPC_OK);
	cr_assert_eq(run(&k, "targets", false), IPC_FAIL);
	cr_assert_eq(run(&k, "sql orders-prod", false), IPC_FAIL);
	cr_assert_eq(run(&k, "", false), IPC_FAIL);
	cr_assert_not_null(strstr(client_str(&k, "hint"), "cert"));
	cr_assert_eq(run(&k, "cert", false), IPC_OK);
	cr_assert_eq(exit_of(&k), 0);
	client_close(&k);
}

Test(exec, closing_the_channel_and_the_connection_ends_it)
{
	char path[128];
	struct buf pid;
	pid_t p;

	snprintf(path, sizeof(path), "%s/pid", r.dir);
	cli("#!/bin/sh\ntrap '' HUP TERM\necho $$ > \"$(dirname \"$0\")/pid\"\nwhile :; do sleep "
	    "1; done\n");
	cr_assert_eq(run(&c, "targets", false), IPC_OK);
	for (int i = 0; i < 100 && access(path, F_OK) != 0; i++)
		rig_spin(&r, 10);
	ipc_int(client_msg(&c, IPC_EXEC_KILL), "exec", 1);
	client_send(&c);
	cr_assert_eq(exit_of(&c), 128 + SIGKILL, "although it ignores SIGHUP");
	(void)unlink(path);
	cr_assert_eq(run(&c, "targets", false), IPC_OK);
	for (int i = 0; i < 100 && access(path, F_OK) != 0; i++)
		rig_spin(&r, 10);
	rig_spin(&r, 20);
	buf_init(&pid, 64);
	slurp(path, &pid);
	p = (pid_t)strtol(buf_cstr(&pid), NULL, 10);
	cr_assert_gt(p, 1);
	fd_close(&c.sock);
	rig_spin(&r, 300);
	cr_assert_eq(kill(p, 0), -1, "it lives on");
	buf_clear(&pid);
}

Test(exec, no_more_than_so_many)
{
	int t = IPC_OK;

	cli("#!/bin/sh\nsleep 20\n");
	for (int i = 0; i < 16; i++)
		cr_assert_eq(run(&c, "targets", false), IPC_OK);
	t = run(&c, "targets", false);
	cr_assert_eq(t, IPC_FAIL);
}

Test(exec, a_missing_program_is_an_exit_status)
{
	cr_assert_eq(run(&c, "targets", false), IPC_OK);
	cr_assert_eq(exit_of(&c), 127);
}

Test(exec, the_child_is_unprivileged)
{
	char want[64];
	int o;

	if (geteuid() != 0)
		return; /* cannot change identity */
	r.m->uid = 54399;
	r.m->gid = 54398;
	cr_assert_eq(chmod(r.dir, 0755), 0);
	cli("#!/bin/sh\nid -u; id -g; id -G\n");
	cr_assert_eq(run(&c, "targets", false), IPC_OK);
	o = client_fd(&c, 1);
	snprintf(want, sizeof(want), "54399\n54398\n54398\n");
	cr_assert_str_eq(drain_fd(o), want);
	cr_assert_eq(exit_of(&c), 0);
	cr_assert_eq(client_connect(&c, "payroll", "x", "y"), IPC_FAIL);
	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0);
	{
		struct stat st;
		char path[160];

		snprintf(path, sizeof(path), "%s/recordings/%s/000001.rec", r.dir, c.sid);
		cr_assert_eq(stat(path, &st), 0);
		cr_assert_eq(st.st_uid, 54399);
		cr_assert_eq(st.st_mode & 07777, 0600);
	}
	/* and what looks through the recording of a dead session is enclosed, but can do its work */
	{
		struct rec_leaf l = {0};

		fd_close(&c.sock);
		for (int i = 0; i < 300 && rig_leaves(&r, LEAF_END, c.sid, &l) == 0; i++)
			rig_spin(&r, 10);
		cr_assert_eq(rig_leaves(&r, LEAF_END, c.sid, &l), 1);
		cr_assert_eq(l.segment, 1, "it was not found");
	}
}
