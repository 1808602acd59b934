/* SPDX-License-Identifier: Apache-2.0
 *
 * The main process. Order of start: listening sockets (as root) → listener → signer → archiver → state, credentials and
 * the control socket (monitor). So the listener and every session forked from it never had a secret but the host
 * keys in their memory, and the signer never had the state. Losing the listener or the signer ends the gateway
 * (a service manager starts it again); without the archiver recordings stay unsealed, which the log says. Programs of
 * their own (keeper.h) are executed last and again when they end.
 */
#include "server/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "config.h"
#include "server/dsetup.h"
#include "server/helper.h"
#include "server/keeper.h"
#include "server/listener.h"
#include "server/monitor.h"
#include "server/notify.h"
#include "server/web_start.h"
#include "session/sshedge.h"

#define DRAIN_MS 30000
#define QUICK_MS 1500
#define END_MS 3000 /* for the helpers to see their socket close */
#define ERRS_MAX (256u * 1024)

enum helper_kind { HELPER_LISTENER, HELPER_SIGNER, HELPER_ARCHIVER, HELPER_N };
static const char *const helper_names[HELPER_N] = {"listener", "signer", "archiver"};

struct daemon {
	const struct daemon_opts *o;
	struct conf *conf;       /* until the monitor owns it */
	struct dsetup s;
	char state[256], cli[512], log_path[512], fetch[512];
	struct loop *loop;
	struct monitor *monitor;
	int sigfd, exe;
	bool require_sandbox;
	struct {
		struct daemon *d;
		pid_t pid;
		int pidfd, sock;
	} helper[HELPER_N];
	struct keeper *fetcher;
	struct web_start *web; /* NULL: no pages */
	int status;
	bool stopping;
};

/* --- configuration --- */

static struct conf *load(const char *path)
{
	struct conf *c = NULL;
	struct buf errs;

	buf_init(&errs, ERRS_MAX);
	if (conf_load(path, &c, &errs) != 0) {
		fprintf(stderr, "%s", buf_cstr(&errs));
		if (access(path, F_OK) != 0)
			fprintf(stderr, "hint: name one with -f FILE; etc/sallyport.yaml of the source is one to start from\n");
		c = NULL;
	}
	buf_clear(&errs);
	return c;
}

int daemon_check(const char *path, bool dump)
{
	struct conf *c = load(path);
	struct buf out;

	if (c == NULL)
		return 1;
	if (dump) {
		buf_init(&out, 16u * 1024 * 1024);
		conf_dump(c, &out);
		fputs(buf_cstr(&out), stdout);
		buf_clear(&out);
	} else {
		fprintf(stderr, "%s: ok\n", path);
	}
	conf_free(c);
	return 0;
}

/* --- version --- */

static int show_library(struct dl_phdr_info *info, size_t size, void *ctx)
{
	char *real = info->dlpi_name != NULL && info->dlpi_name[0] == '/' ? realpath(info->dlpi_name, NULL) : NULL;

	(void)size;
	(void)ctx;
	if (real != NULL)
		printf("  %s\n", strrchr(real, '/') + 1);
	free(real);
	return 0;
}

void daemon_version(void)
{
	printf("sallyportd %s\nlibssh %s\n", PACKAGE_VERSION, edge_libssh_version());
	(void)dl_iterate_phdr(show_library, NULL);
}

/* --- log --- */

static int log_open(const struct daemon *d)
{
	return open(d->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static void log_start(struct daemon *d)
{
	const struct conf_gateway *g = &d->conf->gateway;
	static const char *const levels[] = {"debug", "info", "warn", "error"};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (g->log_level != NULL && strcmp(g->log_level, levels[i]) == 0)
			d->s.log_level = (enum log_level)i;
	if (d->o->debug)
		d->s.log_level = LOG_DEBUG_;
	d->s.log_json = g->log_format != NULL && strcmp(g->log_format, "json") == 0;
	log_init("monitor", d->s.log_fd, d->s.log_level, d->s.log_json);
}

/* The processes share one descriptor: the new file takes its number here; sessions that live keep the old file. */
static void log_reopen(struct daemon *d)
{
	int fd = d->o->foreground ? -1 : log_open(d);

	if (fd >= 0 && dup3(fd, d->s.log_fd, O_CLOEXEC) < 0)
		log_error("log-reopen", "why", err_str(-errno));
	fd_close(&fd);
	log_info("log-reopened");
}

/* Detach from the terminal; the log goes to STATE/sallyportd.log. */
static int detach(struct daemon *d, struct why *w)
{
	pid_t pid;
	int null;

	d->s.log_fd = log_open(d);
	if (d->s.log_fd < 0)
		return why_set(w, -errno, "%s: %s", d->log_path, err_str(-errno));
	pid = fork();
	if (pid < 0)
		return why_set(w, -errno, "cannot fork: %s", err_str(-errno));
	if (pid > 0)
		_exit(0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (setsid() < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(d->s.log_fd, 2) < 0)
		return why_set(w, -errno, "cannot detach: %s", err_str(-errno));
	close(null);
	log_set_fd(d->s.log_fd);
	return 0;
}

/* --- helpers --- */

static void stop_now(struct daemon *d, int status)
{
	d->status = status;
	loop_stop(d->loop, 0);
}

static void helper_gone(void *ctx, int fd, unsigned events)
{
	struct daemon *d = *(struct daemon **)ctx;
	int status = 0;

	(void)events;
	for (int i = 0; i < HELPER_N; i++) {
		if (d->helper[i].pidfd != fd)
			continue;
		loop_del(d->loop, fd);
		fd_close(&d->helper[i].pidfd);
		(void)waitpid(d->helper[i].pid, &status, 0);
		d->helper[i].pid = -1;
		log_error("process-gone", "name", helper_names[i], "status",
		    log_num(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)));
		if (i != HELPER_ARCHIVER)
			stop_now(d, 1);
	}
}

static int helpers_watch(struct daemon *d, struct why *w)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < HELPER_N; i++) {
		d->helper[i].d = d;
		d->helper[i].pidfd = (int)syscall(SYS_pidfd_open, d->helper[i].pid, 0);
		rc = d->helper[i].pidfd < 0 ? -errno
					    : loop_add(d->loop, d->helper[i].pidfd, LOOP_IN, helper_gone, &d->helper[i].d);
	}
	return rc != 0 ? why_set(w, rc, "cannot watch the processes: %s", err_str(rc)) : 0;
}

/* They end when their socket closes; what does not is killed. */
static void helpers_end(struct daemon *d)
{
	for (int i = 0; i < HELPER_N; i++) {
		fd_close(&d->helper[i].sock);
		fd_close(&d->helper[i].pidfd);
	}
	for (int ms = 0; ms < END_MS; ms += 10) {
		int left = 0;

		for (int i = 0; i < HELPER_N; i++) {
			if (d->helper[i].pid > 0 && waitpid(d->helper[i].pid, NULL, WNOHANG) != 0)
				d->helper[i].pid = -1;
			left += d->helper[i].pid > 0;
		}
		if (left == 0)
			return;
		(void)usleep(10000);
	}
	for (int i = 0; i < HELPER_N; i++)
		if (d->helper[i].pid > 0) {
			(void)kill(d->helper[i].pid, SIGKILL);
			(void)waitpid(d->helper[i].pid, NULL, 0);
		}
}

static int start_listener(struct daemon *d, struct why *w)
{
	const struct conf_gateway *g = &d->conf->gateway;
	struct span keys[DSETUP_KEYS];
	struct listener_start p = {
		.s = {
			.login_grace_ms = g->login_grace_ms,
			.idle_ms = g->idle_ms,
			.startups_begin = g->max_startups_begin,
			.startups_rate = g->max_startups_rate,
			.startups_full = g->max_startups_full,
			.per_source = g->max_connections_per_source,
			.max_auth_tries = g->max_auth_tries,
			.max_channels = g->max_channels,
			.require_sandbox = g->require_sandbox,
			.log_json = d->s.log_json,
			.log_level = (int)d->s.log_level,
			.n_sockets = (int)d->s.n_sockets,
			.log = d->s.log_fd,
			.exe = d->exe,
		},
		.n_keys = d->s.n_keys,
		.key_text = keys,
		.uid = d->s.uid,
		.gid = d->s.gid,
	};
	int rc;

	(void)str_copy(p.s.gateway, sizeof(p.s.gateway), g->name);
	for (size_t i = 0; i < d->s.n_sockets; i++)
		p.s.sockets[i] = d->s.sockets[i];
	for (size_t i = 0; i < d->s.n_keys; i++)
		keys[i] = secret_span(d->s.keys[i]);
	rc = listener_start(&p, &d->helper[HELPER_LISTENER].pid, &d->helper[HELPER_LISTENER].sock, w);
	dsetup_forget_keys(&d->s);
	for (size_t i = 0; i < d->s.n_sockets; i++)
		fd_close(&d->s.sockets[i]); /* only the listener accepts */
	d->s.n_sockets = 0;
	return rc;
}

static int start_helpers(struct daemon *d, struct why *w)
{
	int rc = start_listener(d, w);

	if (rc == 0)
		rc = helper_signer(&d->s, &d->helper[HELPER_SIGNER].pid, &d->helper[HELPER_SIGNER].sock, w);
	if (rc == 0)
		rc = helper_archiver(&d->s, &d->helper[HELPER_ARCHIVER].pid, &d->helper[HELPER_ARCHIVER].sock, w);
	return rc;
}

/* --- programs of their own --- */

static void fetcher_socket(void *ctx, int sock)
{
	struct daemon *d = ctx;

	monitor_set_fetcher(d->monitor, sock);
}

/* At start and after each reload: the fetcher runs while an identity provider is configured. */
static void on_epoch(void *ctx, const struct conf *c)
{
	struct daemon *d = ctx;
	bool want = false;

	for (size_t i = 0; i < c->n_identities; i++)
		want = want || c->identities[i].type == IDENTITY_OIDC;
	keeper_want(d->fetcher, want);
	if (!want)
		monitor_set_fetcher(d->monitor, -1); /* it ends with its socket */
	web_start_reloaded(d->web);
}

static struct helper_exec program(const struct daemon *d, const char *path, const char *name)
{
	return (struct helper_exec){.path = path, .name = name, .uid = d->s.uid, .gid = d->s.gid, .log_fd = d->s.log_fd,
		.log_level = d->s.log_level, .log_json = d->s.log_json, .require_sandbox = d->require_sandbox};
}

static int start_programs(struct daemon *d, struct why *w)
{
	struct helper_exec h = program(d, d->fetch, "fetcher");
	int rc = helper_find("sallyport-fetch", d->fetch, sizeof(d->fetch));

	if (rc != 0)
		return why_set(w, rc, "the path of sallyport-fetch is too long");
	d->fetcher = keeper_new(d->loop, &h, NULL, fetcher_socket, d);
	on_epoch(d, monitor_conf(d->monitor));
	if (d->web != NULL) {
		h = program(d, NULL, NULL);
		rc = web_start_run(d->web, d->loop, d->monitor, &h, w);
	}
	monitor_on_epoch(d->monitor, on_epoch, d);
	return rc;
}

/* --- signals --- */

static void reload(struct daemon *d)
{
	struct buf errs;

	notify_reloading();
	buf_init(&errs, ERRS_MAX);
	(void)!monitor_reload(d->monitor, &errs); /* it logs what came of it */
	buf_clear(&errs);
	notify_ready();
}

static void drained(void *ctx)
{
	stop_now(ctx, 0);
}

static void stop(struct daemon *d, int64_t grace_ms)
{
	if (d->stopping) { /* asked twice: now */
		stop_now(d, 0);
		return;
	}
	d->stopping = true;
	notify_stopping();
	monitor_drain(d->monitor, grace_ms, drained, d);
}

static void on_signal(void *ctx, int fd, unsigned events)
{
	struct daemon *d = ctx;
	struct signalfd_siginfo si;

	(void)events;
	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			reload(d);
		else if (si.ssi_signo == SIGUSR1)
			log_reopen(d);
		else if (si.ssi_signo == SIGTERM)
			stop(d, DRAIN_MS);
		else
			stop(d, QUICK_MS);
	}
}

static int signals(struct daemon *d, struct why *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || (d->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return why_set(w, -errno, "signals: %s", err_str(-errno));
	return 0;
}

/* --- start --- */

/* The command beside us (a build tree), else where it is installed. */
static void find_cli(struct daemon *d)
{
	char self[400];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	(void)str_copy(d->cli, sizeof(d->cli), SP_BINDIR "/sallyport");
	if (n <= 0)
		return;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return;
	*slash = '\0';
	if (strcmp(self, SP_SBINDIR) != 0)
		(void)snprintf(d->cli, sizeof(d->cli), "%s/sallyport", self);
}

static int prepare(struct daemon *d, struct why *w)
{
	int rc;

	(void)str_copy(d->state, sizeof(d->state), d->conf->gateway.state);
	d->require_sandbox = d->conf->gateway.require_sandbox;
	(void)snprintf(d->log_path, sizeof(d->log_path), "%s/sallyportd.log", d->state);
	find_cli(d);
	d->exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	rc = d->exe < 0 ? why_set(w, -errno, "/proc/self/exe: %s", err_str(-errno)) : 0;
	if (rc == 0)
		rc = dsetup_user(&d->s, w);
	if (rc == 0)
		rc = dsetup_state(&d->s, w);
	if (rc == 0)
		rc = dsetup_listen(&d->s, w);
	if (rc == 0)
		rc = dsetup_host_keys(&d->s, w);
	if (rc == 0)
		rc = web_start_new(d->conf, &d->web, w);
	if (rc == 0 && !d->o->foreground)
		rc = detach(d, w);
	return rc == 0 ? signals(d, w) : rc;
}

static int become_monitor(struct daemon *d, struct why *w)
{
	struct monitor_params p = {
		.conf = d->conf,
		.conf_path = d->o->conf,
		.listener_fd = d->helper[HELPER_LISTENER].sock,
		.listener_pid = d->helper[HELPER_LISTENER].pid,
		.signer_fd = d->helper[HELPER_SIGNER].sock,
		.archiver_fd = d->helper[HELPER_ARCHIVER].sock,
		.control_fd = d->s.control_fd,
		.state_fd = d->s.state_fd,
		.state_path = d->state,
		.cli_path = d->cli,
		.uid = d->s.uid,
		.gid = d->s.gid,
	};

	d->loop = loop_new();
	if (d->loop == NULL)
		return why_set(w, E_NOMEM, "cannot create the event loop");
	p.loop = d->loop;
	for (int i = 0; i < HELPER_N; i++)
		d->helper[i].sock = -1; /* the monitor's from here on, as all of p */
	d->s.control_fd = d->s.state_fd = -1;
	d->conf = NULL;
	d->s.conf = NULL;
	d->monitor = monitor_new(&p, w);
	if (d->monitor == NULL)
		return w->code != 0 ? w->code : E_INTERNAL;
	return loop_add(d->loop, d->sigfd, LOOP_IN, on_signal, d);
}

static int start(struct daemon *d, struct why *w)
{
	int rc = prepare(d, w);

	(void)prctl(PR_SET_DUMPABLE, 0);
	if (rc == 0)
		rc = start_helpers(d, w);
	if (rc == 0)
		rc = dsetup_control(&d->s, w);
	if (rc == 0)
		rc = become_monitor(d, w);
	if (rc == 0)
		rc = helpers_watch(d, w);
	return rc == 0 ? start_programs(d, w) : rc;
}

/* Descriptors 0 to 2 exist, so that nothing else gets their numbers; nothing else is inherited. */
static void descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	(void)close_range(3, ~0u, 0);
}

int daemon_run(const struct daemon_opts *o)
{
	static struct daemon d;
	struct why w = {0};

	d.o = o;
	d.sigfd = d.exe = -1;
	for (int i = 0; i < HELPER_N; i++)
		d.helper[i].pid = d.helper[i].pidfd = d.helper[i].sock = -1;
	descriptors();
	(void)umask(077);
	(void)mallopt(M_ARENA_MAX, 1);
	d.conf = load(o->conf);
	if (d.conf == NULL)
		return 1;
	dsetup_init(&d.s, d.conf);
	log_start(&d);
	if (start(&d, &w) == 0) {
		log_info("started", "version", PACKAGE_VERSION, "libssh", edge_libssh_version());
		notify_ready();
		(void)loop_run(d.loop);
		notify_stopping();
	} else {
		fprintf(stderr, "sallyportd: %s\n%s%s%s", w.text, w.hint[0] != '\0' ? "hint: " : "", w.hint,
		    w.hint[0] != '\0' ? "\n" : "");
		log_error("start-failed", "why", w.text);
		d.status = 1;
	}
	monitor_free(d.monitor);
	keeper_free(d.fetcher, END_MS);
	web_start_free(d.web, END_MS);
	helpers_end(&d);
	log_info("stopped", "status", log_num(d.status));
	loop_free(d.loop);
	conf_free(d.conf);
	dsetup_clear(&d.s);
	fd_close(&d.sigfd);
	fd_close(&d.exe);
	return d.status;
}
