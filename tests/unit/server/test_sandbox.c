/* SPDX-License-Identifier: Apache-2.0
 *
 * Every wall of the sandbox is run against, in a forked child per act (sandrig.c); what a session needs is done
 * inside, on real things: a recording, a PostgreSQL server over TLS, libpg_query.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pg_query.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/loop.h"
#include "sandrig.h"
#include "server/sandbox.h"
#include "session/pgup.h"
#include "session/sockgive.h"
#include "tests/support/pgserver.h"
#include "wire/pgbuild.h"

/* ---- running something inside ---- */

static const char *const outcome_names[] = {"worked", "refused", "killed", "broken"};

static struct sandbox_params params_of(enum sandbox_role role)
{
	return (struct sandbox_params){
		.role = role, .uid = NOBODY, .gid = NOBODY, .require = true, .as_max_bytes = (size_t)4 << 30, .nofile = 1024,
	};
}

static enum outcome outcome_of(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : BROKEN;
	return WEXITSTATUS(status) == 0 ? WORKED : WEXITSTATUS(status) == 1 ? REFUSED : BROKEN;
}

/* A kernel that lacks something, played by a filter of our own. */
static void without(int nr, int prctl_option, int err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	(void)seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)err), nr, 0);
	if (prctl_option != 0)
		(void)seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)err), SCMP_SYS(prctl), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)prctl_option, 0));
	(void)seccomp_load(ctx);
	seccomp_release(ctx);
}

#define NR_LANDLOCK 444

static bool no_landlock;

static int run_status(const struct sandbox_params *p, bool (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct why why = {0};

		if (no_landlock)
			without(NR_LANDLOCK, 0, ENOSYS);
		if (sandbox_enter(p, &why) != 0) {
			fprintf(stderr, "sandbox: %s\n", why.text);
			_exit(99);
		}
		_exit(act() ? 0 : 1);
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return status;
}

static enum outcome run(enum sandbox_role role, bool (*act)(void))
{
	struct sandbox_params p = params_of(role);

	return outcome_of(run_status(&p, act));
}

static void expect_recording(const char *want, const char *after)
{
	char got[256] = "";
	int fd = open(w.recording, O_RDONLY);
	ssize_t n = read(fd, got, sizeof(got) - 1);

	close(fd);
	cr_expect(n == (ssize_t)strlen(want) && strcmp(got, want) == 0, "the recording changed after %s", after);
}

Test(sandbox, a_session_cannot, .init = sandrig_up, .fini = sandrig_down)
{
	for (size_t i = 0; i < n_attacks; i++) {
		enum outcome got = run(SANDBOX_SESSION, attacks[i].act);

		cr_expect(got == attacks[i].want, "%s: %s, not %s", attacks[i].name, outcome_names[got],
		    outcome_names[attacks[i].want]);
		expect_recording(HEAD, attacks[i].name);
	}
}

/* Debian 12's kernel has Landlock, but it may be switched off: system calls alone must hold, except for reading. */
Test(sandbox, a_session_cannot_even_without_landlock, .init = sandrig_up, .fini = sandrig_down)
{
	no_landlock = true;
	for (size_t i = 0; i < n_attacks; i++) {
		enum outcome got = run(SANDBOX_SESSION, attacks[i].act);

		if (attacks[i].act == attack_read_file)
			continue;
		cr_expect(got == attacks[i].want, "%s: %s, not %s", attacks[i].name, outcome_names[got],
		    outcome_names[attacks[i].want]);
		expect_recording(HEAD, attacks[i].name);
	}
}

/* The attacks are real: without the sandbox the dangerous ones work. */
static enum outcome run_free(bool (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(act() ? 0 : 1);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return outcome_of(status);
}

Test(sandbox, the_attacks_work_outside, .init = sandrig_up, .fini = sandrig_down)
{
	static bool (*const acts[])(void) = {
		attack_dup_low, attack_open_write, attack_reopen, attack_read_file, attack_mmap_shared, attack_mmap_exec,
		attack_mprotect_exec, attack_socket, attack_socketpair, attack_connect_unix, attack_kill, attack_tgkill,
		attack_ptrace, attack_fork, attack_thread, attack_setfl_wide, attack_setfl, attack_pwrite, attack_ftruncate,
		attack_truncate, attack_chmod, attack_unlink,
	};

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		cr_expect(run_free(acts[i]) == WORKED, "attack %zu does not work even outside", i);
}

/* ---- what a session does: true when it works ---- */

static bool act_record(void)
{
	return write(w.high_fd, "more\n", 5) == 5 && fdatasync(w.high_fd) == 0 &&
	       (fcntl(w.high_fd, F_GETFL) & O_APPEND) != 0;
}

static bool act_dup_high(void)
{
	int fd = fcntl(w.rec_fd, F_DUPFD_CLOEXEC, SANDBOX_RECORD_FD);

	return fd > SANDBOX_RECORD_FD && close(w.rec_fd) == 0 && fcntl(fd, F_SETFL, 0) == -1;
}

static void on_timer(void *ctx)
{
	loop_stop(ctx, 7);
}

static bool act_loop(void)
{
	struct loop *l = loop_new();
	bool ok = l != NULL && loop_after(l, 5, on_timer, l) != NULL && loop_run(l) == 7;

	loop_free(l);
	return ok;
}

static bool act_receive_fd(void)
{
	struct buf b;
	int fds[FD_PASS_MAX];
	size_t n = FD_PASS_MAX;
	char c;
	bool ok;

	buf_init(&b, 1024);
	ok = fd_recv(w.pair[0], &b, fds, &n) == 0 && n == 1 && read(fds[0], &c, 1) == 1;
	buf_clear(&b);
	return ok && fd_set_nonblock(fds[0], true) == 0 && (fcntl(fds[0], F_GETFL) & O_NONBLOCK) != 0;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static bool act_memory(void)
{
	size_t n = 200000;
	int *v = malloc(n * sizeof(*v));
	void *big = malloc((size_t)64 << 20);

	if (v == NULL || big == NULL)
		return false;
	memset(big, 1, (size_t)64 << 20);
	for (size_t i = 0; i < n; i++)
		v[i] = (int)(n - i);
	qsort(v, n, sizeof(*v), compare);
	big = realloc(big, (size_t)96 << 20);
	free(v);
	free(big);
	return true;
}

static bool act_crypto(void)
{
	uint8_t seed[ED25519_SEED_LEN], pub[ED25519_PUB_LEN], sig[ED25519_SIG_LEN], x[16];
	struct secret *s;

	crypto_random(x, sizeof(x));
	s = secret_new(span_of(x, sizeof(x)));
	secret_free(s);
	return s != NULL && ed25519_keygen(seed, pub) == 0 && ed25519_sign(seed, span_str("m"), sig) == 0 &&
	       ed25519_verify(pub, span_str("m"), span_of(sig, sizeof(sig))) == 0;
}

static bool act_clock(void)
{
	struct timespec t = {0, 1000000};
	time_t now = time(NULL);
	struct tm tm;
	char text[64];

	return nanosleep(&t, NULL) == 0 && gmtime_r(&now, &tm) != NULL && strftime(text, sizeof(text), "%F %T", &tm) > 0;
}

static bool act_parse(void)
{
	PgQueryParseResult r = pg_query_parse("select a, b from t where c = 'x' order by (select max(d) from u)");
	bool ok = r.error == NULL && r.parse_tree != NULL;

	pg_query_free_parse_result(r);
	r = pg_query_parse("select (");
	ok = ok && r.error != NULL;
	pg_query_free_parse_result(r);
	return ok;
}

static volatile sig_atomic_t rang;

static void ring(int sig)
{
	rang = sig;
}

static bool act_cpu_timer(void)
{
	struct sigaction sa = {.sa_handler = ring};
	struct itimerval it = {{0, 0}, {0, 1000}};

	if (sigaction(SIGPROF, &sa, NULL) != 0 || setitimer(ITIMER_PROF, &it, NULL) != 0)
		return false;
	while (rang == 0)
		;
	return rang == SIGPROF;
}

static bool act_raise(void)
{
	struct sigaction sa = {.sa_handler = ring};

	return sigaction(SIGUSR1, &sa, NULL) == 0 && raise(SIGUSR1) == 0 && rang == SIGUSR1;
}

static bool act_abort(void)
{
	abort();
}

static bool act_have(void)
{
	return (sandbox_have() & SANDBOX_HAS_SECCOMP) != 0 && (geteuid() != 0 || getuid() == NOBODY) &&
	       prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) != 0;
}

static bool act_limits(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0 && getrlimit(RLIMIT_NPROC, &r) == 0 && r.rlim_max == 0 &&
	       getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max == 1024;
}

Test(sandbox, a_session_can, .init = sandrig_up, .fini = sandrig_down)
{
	cr_expect(run(SANDBOX_SESSION, act_record) == WORKED);
	expect_recording(HEAD "more\n", "an honest append");
	cr_expect(run(SANDBOX_SESSION, act_dup_high) == WORKED);
	cr_expect(run(SANDBOX_SESSION, act_loop) == WORKED);
	cr_assert(eq(int, fd_send(w.pair[1], span_str("fd"), &w.other_fd, 1), 0));
	cr_expect(run(SANDBOX_SESSION, act_receive_fd) == WORKED);
	cr_expect(run(SANDBOX_SESSION, act_memory) == WORKED);
	cr_expect(run(SANDBOX_SESSION, act_crypto) == WORKED);
	cr_expect(run(SANDBOX_SESSION, act_clock) == WORKED);
	cr_expect(run(SANDBOX_SESSION, act_parse) == WORKED);
	cr_expect(run(SANDBOX_SESSION, act_cpu_timer) == WORKED);
	cr_expect(run(SANDBOX_SESSION, act_raise) == WORKED);
	cr_expect(run(SANDBOX_SESSION, act_limits) == WORKED);
}

Test(sandbox, aborting_is_seen_as_abort, .init = sandrig_up, .fini = sandrig_down)
{
	struct sandbox_params p = params_of(SANDBOX_SESSION);
	int status = run_status(&p, act_abort);

	cr_assert(eq(int, status & 0x7f, SIGABRT));
}

/* ---- libpq inside ---- */

static struct pgup_params pg;

static bool act_postgres(void)
{
	enum pgup_state st = PGUP_CONNECTING;
	struct why why = {0};
	struct pgup *u = pgup_new(&pg, &why);
	struct buf b;
	int rc;

	for (int i = 0; u != NULL && st == PGUP_CONNECTING && i < 200; i++) {
		struct pollfd p = {pgup_fd(u), (pgup_wants(u) & LOOP_OUT) != 0 ? POLLOUT : POLLIN, 0};

		(void)poll(&p, 1, 2000);
		st = pgup_poll(u, &why);
	}
	if (st != PGUP_READY) {
		fprintf(stderr, "inside: %s\n", why.text);
		return false;
	}
	buf_init(&b, 1 << 16);
	pg_put_query(&b, span_str("select 1"));
	if (pgup_write(u, &b) != 0)
		return false;
	for (rc = 0; rc == 0;) {
		struct pollfd p = {pgup_fd(u), POLLIN, 0};

		(void)poll(&p, 1, 2000);
		rc = pgup_read(u, &b, 4096);
	}
	pgup_free(u);
	return rc > 0 && buf_span(&b).p[0] == 'T';
}

static int ca_memfd(void)
{
	char path[512], pem[8192];
	int in, fd = memfd_create("ca", MFD_CLOEXEC);
	ssize_t n;

	snprintf(path, sizeof(path), "%s/ca.pem", pgserver_dir());
	in = open(path, O_RDONLY);
	n = read(in, pem, sizeof(pem));
	close(in);
	cr_assert(n > 0 && write(fd, pem, (size_t)n) == n);
	return fd;
}

static bool lock_and_connect(void)
{
	sockgive_lock();
	return act_postgres();
}

Test(sandbox, a_session_reaches_postgres_through_the_given_socket_only, .init = sandrig_up, .fini = sandrig_down)
{
	struct secret *pw = secret_new(span_str("postgres"));

	if (pgserver_port() == 0)
		cr_skip_test("PostgreSQL is not installed");
	pgup_warm();
	pg = (struct pgup_params){
		.host = "localhost", .hostaddr = "127.0.0.1", .port = pgserver_port(), .user = "postgres",
		.database = "postgres", .password = pw, .sslmode = "verify-full", .ca_fd = ca_memfd(),
		.application_name = "sallyport", .options = "",
	};
	pg.fd = pgserver_dial();
	cr_expect(run(SANDBOX_SESSION, lock_and_connect) == WORKED);
	pg.fd = pgserver_dial();
	pg.sslmode = "disable";
	cr_expect(run(SANDBOX_SESSION, act_postgres) == WORKED);
	cr_expect(run(SANDBOX_SESSION, attack_socket) == REFUSED);
}

/* ---- the other roles ---- */

static bool archive(void)
{
	char path[128], to[160];
	int fd;

	snprintf(path, sizeof(path), "%s/a.tmp", w.dir);
	snprintf(to, sizeof(to), "%s/a", w.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && close(fd) == 0 &&
	       renameat(AT_FDCWD, path, AT_FDCWD, to) == 0 && unlinkat(AT_FDCWD, to, 0) == 0;
}

static bool archive_elsewhere(void)
{
	return open("/tmp/sallyport-sandbox-elsewhere", O_WRONLY | O_CREAT, 0600) >= 0;
}

Test(sandbox, the_archiver_writes_below_its_directory_only, .init = sandrig_up, .fini = sandrig_down)
{
	const char *const paths[] = {w.dir, NULL};
	struct sandbox_params p = params_of(SANDBOX_ARCHIVER);

	p.write_paths = paths;
	cr_expect(outcome_of(run_status(&p, archive)) == WORKED);
	cr_expect(outcome_of(run_status(&p, archive_elsewhere)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, attack_read_file)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, attack_socket)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, attack_execve)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_fork)) == KILLED);
}

static bool head_file(void)
{
	return pwrite(w.rec_fd, "h", 1, 0) == 1 && fdatasync(w.rec_fd) == 0 && act_crypto();
}

Test(sandbox, the_signer_has_its_head_file_and_nothing_else, .init = sandrig_up, .fini = sandrig_down)
{
	cr_expect(run(SANDBOX_SIGNER, head_file) == WORKED);
	cr_expect(run(SANDBOX_SIGNER, act_loop) == WORKED);
	cr_expect(run(SANDBOX_SIGNER, attack_read_file) == REFUSED);
	cr_expect(run(SANDBOX_SIGNER, attack_open_write) == REFUSED);
	cr_expect(run(SANDBOX_SIGNER, attack_socket) == REFUSED);
	cr_expect(run(SANDBOX_SIGNER, attack_execve) == KILLED);
	cr_expect(run(SANDBOX_SIGNER, attack_ptrace) == KILLED);
}

static bool verb_reads(void)
{
	int fd = open("/etc/hostname", O_RDONLY);

	return fd >= 0 || open("/etc/passwd", O_RDONLY) >= 0;
}

static bool verb_terminal(void)
{
	struct winsize ws;

	return ioctl(0, TIOCGWINSZ, &ws) == 0 || errno == ENOTTY;
}

static bool verb_types_for_you(void)
{
	return ioctl(0, TIOCSTI, "x") == 0 || errno == ENOTTY;
}

Test(sandbox, a_verb_reads_what_is_listed, .init = sandrig_up, .fini = sandrig_down)
{
	static const char *const paths[] = {"/etc/hostname", "/etc/passwd", "/nonexistent", NULL};
	struct sandbox_params p = params_of(SANDBOX_VERB);

	p.read_paths = paths;
	cr_expect(outcome_of(run_status(&p, verb_reads)) == WORKED);
	p.read_paths = NULL;
	cr_expect(outcome_of(run_status(&p, verb_reads)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, verb_terminal)) == WORKED);
	cr_expect(outcome_of(run_status(&p, verb_types_for_you)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, attack_open_write)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, attack_socket)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, attack_execve)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_fork)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_kill)) == KILLED);
}

/* ---- those that speak to identity providers ---- */

static struct sockaddr_in neighbour; /* a TCP server on this machine */

static void neighbour_up(void)
{
	socklen_t n = sizeof(neighbour);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sandrig_up();
	neighbour = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	cr_assert(eq(int, bind(fd, (struct sockaddr *)&neighbour, n), 0));
	cr_assert(eq(int, listen(fd, 5), 0));
	cr_assert(eq(int, getsockname(fd, (struct sockaddr *)&neighbour, &n), 0));
}

static bool act_connect_out(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = {fd, POLLOUT, 0};
	int err = -1;
	socklen_t n = sizeof(err);

	if (fd < 0 || (connect(fd, (struct sockaddr *)&neighbour, sizeof(neighbour)) != 0 && errno != EINPROGRESS))
		return false;
	return poll(&p, 1, 2000) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) == 0 && err == 0;
}

static bool act_datagram(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool act_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool act_raw(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0 || socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0;
}

static bool attack_listen(void)
{
	return listen(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 5) == 0;
}

static bool attack_bind_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return bind(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&a, sizeof(a)) == 0;
}

static void expect_fetcher(void)
{
	static const char *const paths[] = {"/etc/ssl", NULL};
	struct sandbox_params p = params_of(SANDBOX_FETCHER);

	p.read_paths = paths;
	cr_expect(outcome_of(run_status(&p, act_connect_out)) == WORKED);
	cr_expect(outcome_of(run_status(&p, act_loop)) == WORKED);
	cr_expect(outcome_of(run_status(&p, act_crypto)) == WORKED);
	cr_expect(outcome_of(run_status(&p, act_datagram)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, act_unix)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, act_raw)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, attack_socketpair)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, attack_listen)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_bind_port)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_execve)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_fork)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_thread)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_ptrace)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_kill)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_unlink)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_pwrite)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_mmap_exec)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, attack_open_write)) == REFUSED);
}

static bool reads_authorities(void)
{
	return open("/etc/ssl/openssl.cnf", O_RDONLY) >= 0 || open("/etc/ssl/certs", O_RDONLY | O_DIRECTORY) >= 0;
}

Test(sandbox, the_fetcher_goes_out_and_nowhere_else, .init = neighbour_up, .fini = sandrig_down)
{
	static const char *const paths[] = {"/etc/ssl", NULL};
	struct sandbox_params p = params_of(SANDBOX_FETCHER);

	p.read_paths = paths;
	expect_fetcher();
	cr_expect(outcome_of(run_status(&p, attack_read_file)) == REFUSED);
	cr_expect(outcome_of(run_status(&p, reads_authorities)) == WORKED);
}

Test(sandbox, the_fetcher_even_without_landlock, .init = neighbour_up, .fini = sandrig_down)
{
	no_landlock = true;
	expect_fetcher();
}

static int given_listener;

static void web_up(void)
{
	neighbour_up();
	given_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cr_assert(eq(int, listen(given_listener, 5), 0));
}

/* Nobody is there: that is what it hears, too. */
static bool act_accept(void)
{
	return accept4(given_listener, NULL, NULL, SOCK_CLOEXEC) >= 0 || errno == EAGAIN;
}

static void expect_web(void)
{
	cr_expect(run(SANDBOX_WEB, act_accept) == WORKED);
	cr_expect(run(SANDBOX_WEB, act_loop) == WORKED);
	cr_expect(run(SANDBOX_WEB, act_crypto) == WORKED);
	cr_expect(run(SANDBOX_WEB, act_connect_out) == REFUSED);
	cr_expect(run(SANDBOX_WEB, act_datagram) == REFUSED);
	cr_expect(run(SANDBOX_WEB, act_unix) == REFUSED);
	cr_expect(run(SANDBOX_WEB, attack_socketpair) == REFUSED);
	cr_expect(run(SANDBOX_WEB, attack_connect_unix) == REFUSED);
	cr_expect(run(SANDBOX_WEB, attack_read_file) == REFUSED); /* even one that everybody may read */
	cr_expect(run(SANDBOX_WEB, verb_reads) == REFUSED);
	cr_expect(run(SANDBOX_WEB, attack_open_write) == REFUSED);
	cr_expect(run(SANDBOX_WEB, attack_mmap_exec) == REFUSED);
	cr_expect(run(SANDBOX_WEB, attack_listen) == KILLED);
	cr_expect(run(SANDBOX_WEB, attack_bind_port) == KILLED);
	cr_expect(run(SANDBOX_WEB, attack_execve) == KILLED);
	cr_expect(run(SANDBOX_WEB, attack_fork) == KILLED);
	cr_expect(run(SANDBOX_WEB, attack_thread) == KILLED);
	cr_expect(run(SANDBOX_WEB, attack_ptrace) == KILLED);
	cr_expect(run(SANDBOX_WEB, attack_kill) == KILLED);
	cr_expect(run(SANDBOX_WEB, attack_unlink) == KILLED);
	cr_expect(run(SANDBOX_WEB, attack_pwrite) == KILLED);
}

Test(sandbox, the_web_accepts_and_nothing_else, .init = web_up, .fini = sandrig_down)
{
	expect_web();
}

Test(sandbox, the_web_even_without_landlock, .init = web_up, .fini = sandrig_down)
{
	no_landlock = true;
	expect_web();
}

static bool act_accept_elsewhere(void)
{
	(void)accept4(given_listener, NULL, NULL, SOCK_CLOEXEC);
	return true;
}

Test(sandbox, others_do_not_accept, .init = web_up, .fini = sandrig_down)
{
	static const enum sandbox_role roles[] = {SANDBOX_SESSION, SANDBOX_SIGNER, SANDBOX_ARCHIVER, SANDBOX_VERB, SANDBOX_FETCHER};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		cr_expect(run(roles[i], act_accept_elsewhere) == KILLED, "role %d", (int)roles[i]);
}

static bool act_resolve(void)
{
	struct addrinfo *list = NULL;
	bool ok = getaddrinfo("localhost", NULL, NULL, &list) == 0 && list != NULL;

	if (list != NULL)
		freeaddrinfo(list);
	return ok;
}

static bool act_fork(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(3);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 3;
}

Test(sandbox, the_resolver_resolves, .init = neighbour_up, .fini = sandrig_down)
{
	static const char *const paths[] = {"/etc", "/run", "/lib", "/lib64", "/usr/lib", NULL};
	struct sandbox_params p = params_of(SANDBOX_RESOLVER);

	p.read_paths = paths;
	cr_expect(outcome_of(run_status(&p, act_resolve)) == WORKED);
	cr_expect(outcome_of(run_status(&p, act_fork)) == WORKED);
	cr_expect(outcome_of(run_status(&p, act_datagram)) == WORKED);
	cr_expect(outcome_of(run_status(&p, act_connect_out)) == WORKED); /* long answers come over TCP */
	cr_expect(outcome_of(run_status(&p, act_unix)) == REFUSED);       /* no way to the control socket */
	cr_expect(outcome_of(run_status(&p, attack_listen)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_execve)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_ptrace)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_kill)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_unlink)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_open_write)) == REFUSED); /* Landlock */
	cr_expect(outcome_of(run_status(&p, attack_bpf)) == KILLED);
}

/* The listener forks, and its child goes into the session's sandbox. */
static bool listener_forks(void)
{
	struct sandbox_params p = params_of(SANDBOX_SESSION);

	return outcome_of(run_status(&p, act_have)) == WORKED && outcome_of(run_status(&p, attack_fork)) == KILLED;
}

Test(sandbox, the_listener_forks_sessions, .init = sandrig_up, .fini = sandrig_down)
{
	struct sandbox_params p = params_of(SANDBOX_LISTENER);

	p.uid = p.gid = 0; /* stays root where the test is */
	cr_expect(outcome_of(run_status(&p, listener_forks)) == WORKED);
	cr_expect(outcome_of(run_status(&p, attack_ptrace)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_bpf)) == KILLED);
	cr_expect(outcome_of(run_status(&p, attack_fork)) == WORKED);
}

Test(sandbox, root_is_refused)
{
	struct sandbox_params p = params_of(SANDBOX_SESSION);

	if (geteuid() != 0)
		cr_skip_test("not root");
	p.uid = 0;
	cr_expect(eq(int, WEXITSTATUS(run_status(&p, act_have)), 99));
	p = params_of(SANDBOX_SESSION);
	p.gid = 0;
	cr_expect(eq(int, WEXITSTATUS(run_status(&p, act_have)), 99));
}

static int enter_without(bool require, int nr, int option, int err, unsigned *have)
{
	struct sandbox_params p = params_of(SANDBOX_SESSION);
	int pipefd[2], status;
	pid_t pid;

	p.require = require;
	cr_assert(eq(int, pipe(pipefd), 0));
	pid = fork();
	if (pid == 0) {
		struct why why;
		int rc;

		without(nr, option, err);
		rc = sandbox_enter(&p, &why);
		*have = sandbox_have();
		(void)!write(pipefd[1], have, sizeof(*have));
		_exit(rc == 0 ? 0 : 1);
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(eq(int, (int)read(pipefd[0], have, sizeof(*have)), (int)sizeof(*have)));
	close(pipefd[0]);
	close(pipefd[1]);
	return WEXITSTATUS(status);
}

Test(sandbox, a_kernel_without_seccomp_is_refused_when_required)
{
	unsigned have;

	cr_expect(eq(int, enter_without(true, SCMP_SYS(seccomp), PR_SET_SECCOMP, EINVAL, &have), 1));
	cr_expect(eq(int, (int)(have & SANDBOX_HAS_SECCOMP), 0));
	cr_expect(eq(int, enter_without(false, SCMP_SYS(seccomp), PR_SET_SECCOMP, EINVAL, &have), 0));
	cr_expect(eq(int, (int)(have & SANDBOX_HAS_SECCOMP), 0));
}

Test(sandbox, a_kernel_without_landlock_shows)
{
	unsigned have;

	cr_expect(eq(int, enter_without(true, NR_LANDLOCK, 0, ENOSYS, &have), 0));
	cr_expect(eq(int, (int)have, SANDBOX_HAS_SECCOMP));
}

int main(int argc, char *argv[])
{
	struct criterion_test_set *tests = criterion_initialize();
	int rc = 0;

	if (criterion_handle_args(argc, argv, true)) {
		(void)pgserver_start("tls=yes");
		rc = !criterion_run_all_tests(tests);
		pgserver_stop();
	}
	criterion_finalize(tests);
	return rc;
}
