/* SPDX-License-Identifier: Apache-2.0
 *
 * Accept, limit, fork. The loop here touches no byte of any client: it takes sockets, asks the throttle, and forks a process
 * that enters its sandbox before it reads. Ends of session processes are reaped and told to the monitor; a crash
 * punishes its source and makes the listener execute itself again, so that no later session shares the address
 * layout that was probed.
 */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "config.h"
#include "server/chan.h"
#include "server/limage.h"
#include "server/sandbox.h"
#include "server/title.h"
#include "session/pgup.h"
#include "session/sshedge.h"
#include "sql/facts.h"

#define ACCEPT_TURN 16           /* connections taken per readiness */
#define QUEUE_MAX (1024u * 1024) /* messages the monitor has not read */
#define REEXEC_EVERY 500         /* connections */
#define REEXEC_WAIT_MS 200       /* lets queued messages reach the monitor */
#define PAUSE_MS 200             /* no descriptors left: try again */
#define CRASH_PENALTY_S 10
#define CRASH_PENALTY_MAX_S 600
#define SESSION_FILES 1024
#define SESSION_MEMORY ((size_t)4 << 30)
#define FD_KEEP 3                /* first descriptor of a session: socket, monitor, log */

struct listener {
	struct listener_settings s;
	struct throttle t;
	struct loop *loop;
	struct chan *mon;
	struct edge_host *host;
	int sigfd;
	bool accepting;
	unsigned count;          /* connections since the last exec */
	struct loop_timer *reexec, *pause;
	struct buf out;
};

struct origin {
	char addr[INET6_ADDRSTRLEN];
	int port;
	struct throttle_src src;
};

static void on_accept(void *ctx, int fd, unsigned events);

/* --- the session process --- */

static _Noreturn void die(const char *what, const struct why *w)
{
	log_error("session-start", "what", what, "why", w != NULL ? w->text : err_str(-errno));
	_exit(EDGE_EXIT_INTERNAL);
}

/* Only these descriptors survive, as FD_KEEP and following; standard streams lead nowhere. */
static void keep_fds(int *fds, size_t n)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < n; i++) {
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 32);
		if (fds[i] < 0)
			die("descriptors", NULL);
	}
	for (size_t i = 0; i < n; i++) {
		if (dup3(fds[i], FD_KEEP + (int)i, O_CLOEXEC) < 0)
			die("descriptors", NULL);
		fds[i] = FD_KEEP + (int)i;
	}
#ifdef SP_ASAN
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
#else
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
#endif
		die("descriptors", NULL);
	if (close_range(FD_KEEP + (unsigned)n, ~0u, 0) != 0)
		die("descriptors", NULL);
}

static void signals_default(void)
{
	sigset_t none;

	sigemptyset(&none);
	for (int sig = 1; sig < 32; sig++)
		(void)signal(sig, SIG_DFL); /* KILL and STOP refuse */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void session_main(struct listener *l, int fd, int mon, const char *conn, pid_t parent)
{
	int fds[3] = {fd, mon, l->s.log};
	struct edge_params p = {
		.host = l->host,
		.gateway = l->s.gateway,
		.login_grace_ms = l->s.login_grace_ms,
		.max_auth_tries = l->s.max_auth_tries,
		.max_channels = l->s.max_channels,
		.idle_ms = l->s.idle_ms,
	};
	struct sandbox_params box = {
		.role = SANDBOX_SESSION,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.require = l->s.require_sandbox,
		.as_max_bytes = SESSION_MEMORY,
		.nofile = SESSION_FILES,
	};
	struct why w = {0};
	char title[32];

	signals_default();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(EDGE_EXIT_INTERNAL);
	(void)snprintf(title, sizeof(title), "session %s", conn);
	title_set(title);
	keep_fds(fds, 3);
	log_init("session", fds[2], (enum log_level)l->s.log_level, l->s.log_json);
	log_set_session(conn);
	edge_watch_start();
	if (sandbox_enter(&box, &w) != 0)
		die("sandbox", &w);
	p.fd = fds[0];
	p.mon = fds[1];
	_exit(edge_run(&p));
}

/* --- connections --- */

static void tell_new(struct listener *l, pid_t pid, const struct origin *o, const char *conn, int mon)
{
	ipc_begin(&l->out, IPC_NEW_SESSION, 0);
	ipc_int(&l->out, "pid", pid);
	ipc_str(&l->out, "addr", o->addr);
	ipc_int(&l->out, "port", o->port);
	ipc_str(&l->out, "conn", conn);
	chan_send(l->mon, &l->out, &mon, 1);
}

static void reexec_over(void *ctx);

static void want_reexec(struct listener *l)
{
	if (l->reexec == NULL)
		l->reexec = loop_after(l->loop, REEXEC_WAIT_MS, reexec_over, l);
}

static void start_session(struct listener *l, int fd, const struct origin *o)
{
	char conn[13];
	int sp[2];
	pid_t parent = getpid(), pid;

	random_id(conn, sizeof(conn) - 1);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) != 0) {
		log_error("session-socket", "why", err_str(-errno));
		return;
	}
	pid = fork();
	if (pid == 0)
		session_main(l, fd, sp[1], conn, parent);
	if (pid < 0) {
		log_error("session-fork", "why", err_str(-errno));
	} else {
		throttle_add(&l->t, pid, &o->src);
		log_info("connect", "conn", conn, "addr", o->addr, "pid", log_num(pid));
		tell_new(l, pid, o, conn, sp[0]);
		if (++l->count >= REEXEC_EVERY)
			want_reexec(l);
	}
	close(sp[0]);
	close(sp[1]);
}

static int origin_of(const struct sockaddr_storage *ss, struct origin *o)
{
	struct in6_addr a;

	memset(&a, 0, sizeof(a));
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

		a.s6_addr[10] = a.s6_addr[11] = 0xff;
		memcpy(a.s6_addr + 12, &in->sin_addr, 4);
		o->port = ntohs(in->sin_port);
	} else if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

		a = in6->sin6_addr;
		o->port = ntohs(in6->sin6_port);
	} else {
		return E_FORMAT;
	}
	o->src = throttle_src_of(a.s6_addr);
	if (IN6_IS_ADDR_V4MAPPED(&a)) /* one spelling, whatever socket it came through */
		return inet_ntop(AF_INET, a.s6_addr + 12, o->addr, sizeof(o->addr)) != NULL ? 0 : E_FORMAT;
	return inet_ntop(AF_INET6, &a, o->addr, sizeof(o->addr)) != NULL ? 0 : E_FORMAT;
}

static int dice(void)
{
	uint32_t r;

	crypto_random(&r, sizeof(r));
	return (int)(r % 100);
}

static void admit(struct listener *l, int fd, const struct sockaddr_storage *ss)
{
	struct origin o;
	const char *no;

	if (origin_of(ss, &o) != 0)
		return;
	no = throttle_refuses(&l->t, &o.src, clock_mono_us(), dice());
	if (no != NULL)
		log_info("connect-refused", "addr", o.addr, "why", no);
	else
		start_session(l, fd, &o);
}

static void sockets_on(struct listener *l, bool on)
{
	l->accepting = on;
	for (int i = 0; i < l->s.n_sockets; i++)
		loop_mod(l->loop, l->s.sockets[i], on ? LOOP_IN : 0u);
}

static void pause_over(void *ctx)
{
	struct listener *l = ctx;

	l->pause = NULL;
	sockets_on(l, true);
}

static void on_accept(void *ctx, int sock, unsigned events)
{
	struct listener *l = ctx;

	(void)events;
	for (int i = 0; i < ACCEPT_TURN && l->accepting; i++) {
		struct sockaddr_storage ss;
		socklen_t n = sizeof(ss);
		int fd = accept4(sock, (struct sockaddr *)&ss, &n, SOCK_CLOEXEC);

		if (fd >= 0) {
			admit(l, fd, &ss);
			close(fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			log_error("accept", "why", err_str(-errno));
			sockets_on(l, false);
			l->pause = loop_after(l->loop, PAUSE_MS, pause_over, l);
		}
		return; /* EAGAIN, or a client that left again */
	}
}

/* --- ends --- */

static bool crashed(int status)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	return sig == SIGSEGV || sig == SIGABRT || sig == SIGSYS || sig == SIGBUS || sig == SIGILL || sig == SIGFPE;
}

static void gone(struct listener *l, pid_t pid, int status)
{
	bool spin = WIFEXITED(status) && WEXITSTATUS(status) == EDGE_EXIT_SPIN;
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	struct throttle_conn was;

	if (!throttle_remove(&l->t, pid, &was))
		return;
	if (crashed(status) || spin) {
		log_error("session-crash", "pid", log_num(pid), "status", log_num(code));
		throttle_crashed(&l->t, &was.src, clock_mono_us(), CRASH_PENALTY_S, CRASH_PENALTY_MAX_S);
	}
	if (crashed(status))
		want_reexec(l);
	ipc_begin(&l->out, IPC_SESSION_GONE, 0);
	ipc_int(&l->out, "pid", pid);
	ipc_int(&l->out, "status", code);
	chan_send(l->mon, &l->out, NULL, 0);
}

static void reap(struct listener *l)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		gone(l, pid, status);
}

static void on_signal(void *ctx, int fd, unsigned events)
{
	struct signalfd_siginfo si;

	(void)events;
	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		;
	reap(ctx);
}

/* --- the monitor --- */

static void stop_accepting(struct listener *l)
{
	l->accepting = false;
	loop_cancel(l->loop, l->pause);
	l->pause = NULL;
	for (int i = 0; i < l->s.n_sockets; i++) {
		loop_del(l->loop, l->s.sockets[i]);
		close(l->s.sockets[i]);
	}
	l->s.n_sockets = 0;
}

static void penalty(struct listener *l, const struct ipc_msg *m)
{
	struct throttle_src src;
	struct in6_addr a;
	char addr[64];
	int64_t seconds = ipc_get_int(m, "seconds", 0);

	memset(&a, 0, sizeof(a));
	if (ipc_get_str(m, "addr", addr, sizeof(addr)) != 0 || seconds <= 0 || seconds > 86400)
		return;
	if (inet_pton(AF_INET, addr, a.s6_addr + 12) == 1)
		a.s6_addr[10] = a.s6_addr[11] = 0xff;
	else if (inet_pton(AF_INET6, addr, &a) != 1)
		return;
	src = throttle_src_of(a.s6_addr);
	throttle_punish(&l->t, &src, clock_mono_us(), seconds);
	log_info("penalty", "addr", addr, "seconds", log_num(seconds));
}

static void on_monitor(void *ctx, const struct ipc_msg *m, size_t len, int err, int *fds, size_t nfds)
{
	struct listener *l = ctx;

	(void)len;
	(void)fds;
	(void)nfds;
	if (m == NULL) { /* without the monitor nothing may go on: the sessions end with us */
		log_info("monitor-gone", "why", err_str(err));
		loop_stop(l->loop, err == E_CLOSED ? 0 : 1);
		return;
	}
	switch (ipc_type_of(m)) {
	case IPC_LISTENER_STOP:
		stop_accepting(l);
		return;
	case IPC_PENALTY:
		penalty(l, m);
		return;
	case IPC_CONN_STATE:
		throttle_authenticated(&l->t, (pid_t)ipc_get_int(m, "pid", -1), ipc_get_bool(m, "authenticated", false));
		return;
	default:
		log_error("monitor-message", "type", log_num(ipc_type_of(m)));
	}
}

/* --- start, and start again --- */

/* Whether our descriptors survive exec. */
static int inherit(const struct listener_settings *s, bool yes)
{
	const int single[] = {s->monitor, s->log, s->exe};
	int rc = 0;

	for (int i = 0; rc == 0 && i < s->n_sockets; i++)
		rc = fd_set_cloexec(s->sockets[i], !yes);
	for (int i = 0; rc == 0 && i < s->n_keys; i++)
		rc = fd_set_cloexec(s->keys[i], !yes);
	for (size_t i = 0; rc == 0 && i < sizeof(single) / sizeof(single[0]); i++)
		rc = fd_set_cloexec(single[i], !yes);
	return rc;
}

static void reexec_over(void *ctx)
{
	struct listener *l = ctx;
	int image = limage_write(&l->s, &l->t, false);
	struct why w = {0};

	l->reexec = NULL;
	log_debug("listener-again", "connections", log_num(l->count), "live", log_num((long long)l->t.n_conns));
	if (image >= 0 && inherit(&l->s, true) == 0)
		listener_exec(&l->s, image, &w);
	/* still here: go on with the old layout, and the descriptors as they were */
	log_error("listener-again", "why", image < 0 ? err_str(image) : w.text);
	if (image >= 0)
		close(image);
	if (inherit(&l->s, false) != 0)
		loop_stop(l->loop, 1);
	l->count = 0;
}

static struct edge_host *host_load(const struct listener_settings *s, struct why *w)
{
	struct buf b[LISTENER_KEYS];
	struct span keys[LISTENER_KEYS];
	struct edge_host *h = NULL;
	int rc = 0;

	for (int i = 0; i < s->n_keys; i++) {
		buf_init(&b[i], 64 * 1024);
		if (lseek(s->keys[i], 0, SEEK_SET) != 0 || file_read_fd(s->keys[i], &b[i]) != 0)
			rc = E_INTERNAL;
		keys[i] = buf_span(&b[i]);
	}
	if (rc == 0)
		h = edge_host_new(keys, (size_t)s->n_keys, w);
	else
		why_set(w, rc, "the host keys cannot be read");
	for (int i = 0; i < s->n_keys; i++)
		buf_wipe(&b[i]);
	return h;
}

/* Everything libraries load lazily, so that sessions share the pages and find nothing missing in their sandbox. */
static void warm(void)
{
	static const char sql[] = "SELECT a.id, count(*) FROM t a JOIN u b USING (id) WHERE a.x = $1 GROUP BY 1";
	const struct sql_context cx = {0};
	struct sql_facts f;

	crypto_warm();
	pgup_warm();
	pgsql_facts(span_str(sql), &cx, &f);
	sql_facts_clear(&f);
	(void)malloc_trim(0);
}

static int selftests(struct listener *l, bool *gcm, struct why *w)
{
	int rc;

	l->host = host_load(&l->s, w);
	if (l->host == NULL)
		return w->code;
	rc = edge_host_selftest(l->host, gcm, w);
	return rc != 0 ? rc : pgup_selftest(w);
}

static void announce(struct listener *l, int rc, bool gcm, const struct why *w)
{
	ipc_begin(&l->out, rc == 0 ? IPC_OK : IPC_FAIL, 0);
	if (rc == 0) {
		ipc_str(&l->out, "libssh", edge_libssh_version());
		ipc_bool(&l->out, "gcm", gcm);
		ipc_bool(&l->out, "io", edge_host_io_ours(l->host));
	} else {
		ipc_int(&l->out, "code", rc);
		ipc_str(&l->out, "text", w->text);
		ipc_str(&l->out, "hint", w->hint);
	}
	if (ipc_send(l->s.monitor, &l->out, NULL, 0) != 0)
		_exit(1);
}

static int register_all(struct listener *l)
{
	sigset_t chld;
	int rc = 0;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &chld, NULL) != 0)
		return -errno;
	l->loop = loop_new();
	l->sigfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->loop == NULL || l->sigfd < 0)
		return E_INTERNAL;
	rc = loop_add(l->loop, l->sigfd, LOOP_IN, on_signal, l);
	l->mon = chan_new(l->loop, l->s.monitor, QUEUE_MAX, on_monitor, l);
	l->accepting = true;
	for (int i = 0; rc == 0 && i < l->s.n_sockets; i++) {
		rc = fd_set_nonblock(l->s.sockets[i], true);
		if (rc == 0)
			rc = loop_add(l->loop, l->s.sockets[i], LOOP_IN, on_accept, l);
	}
	return rc;
}

/* The terminal's and the service manager's signals are the main process's matter. */
static void signals_ours(void)
{
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGUSR1, SIG_IGN);
}

static int load(struct listener *l, int image, bool *fresh)
{
	int rc = limage_read(image, &l->s, &l->t, fresh);

	close(image);
	if (rc != 0)
		return rc;
	l->t.begin = l->s.startups_begin;
	l->t.rate = l->s.startups_rate;
	l->t.full = l->s.startups_full;
	l->t.per_source = l->s.per_source;
	return inherit(&l->s, false);
}

/* The list stays across exec: once is enough. */
static int enclose(const struct listener *l, bool fresh, struct why *w)
{
	struct sandbox_params box = {.role = SANDBOX_LISTENER, .require = l->s.require_sandbox};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		return why_set(w, -errno, "cannot protect the process: %s", err_str(-errno));
	return fresh ? sandbox_enter(&box, w) : 0;
}

int listener_main(int image)
{
	static struct listener l; /* large: the penalty table */
	struct why w = {0};
	bool fresh, gcm = false;
	int rc = load(&l, image, &fresh);

	if (rc != 0)
		return 1;
	log_init("listener", l.s.log, (enum log_level)l.s.log_level, l.s.log_json);
	buf_init(&l.out, IPC_MAX);
	title_set("listener");
	(void)mallopt(M_ARENA_MAX, 1);
	signals_ours();
	rc = enclose(&l, fresh, &w);
	if (rc == 0)
		rc = selftests(&l, &gcm, &w);
	if (fresh)
		announce(&l, rc, gcm, &w);
	if (rc != 0) {
		log_error("listener-selftest", "why", w.text);
		return 1;
	}
	if (!gcm)
		log_warn("gcm-broken", "libssh", edge_libssh_version(), "why", "changed packets pass: AES-GCM is not offered");
	warm();
	rc = register_all(&l);
	if (rc != 0) {
		log_error("listener-start", "why", err_str(rc));
		return 1;
	}
	reap(&l); /* those that ended during the exec */
	return loop_run(l.loop);
}
