/* SPDX-License-Identifier: Apache-2.0
 *
 * Start-up checks of the PostgreSQL upstream against a server played by ourselves over a socket pair: does libpq
 * use the descriptor we give it, and does its trace tell the parameters and the cancel key? Without a yes to both no
 * session may be opened.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/loop.h"
#include "session/pgupint.h"
#include "wire/pgbuild.h"

#define SELF_PID 4711u
#define SELF_KEY 0x89abcdefu /* printed as a negative number by the trace */
#define SELF_VALUE "a\nB\t12\tBackendKeyData\t 1 2\n\"b" /* a value that looks like a message */
#define SELF_ROUNDS 50

static int self_wait(int fd, short events)
{
	struct pollfd p = {fd, events, 0};

	return poll(&p, 1, 1000) == 1 ? 0 : E_LIMIT;
}

/* What arrives at the far end must be our start-up packet with our user. */
static int self_startup(int fd)
{
	uint8_t in[PG_STARTUP_MAX];
	struct pg_startup s;
	struct span user;
	size_t used;
	ssize_t n;

	if (self_wait(fd, POLLIN) != 0)
		return E_LIMIT;
	n = read(fd, in, sizeof(in));
	if (n <= 0 || pg_startup_frame(span_of(in, (size_t)n), &s, &used) != 0)
		return E_FORMAT;
	return pg_startup_get(&s, "user", &user) && span_is(user, "selftest") ? 0 : E_FORMAT;
}

static int self_answer(int fd)
{
	struct buf b;
	int rc;

	buf_init(&b, 4096);
	pg_put_auth_ok(&b);
	pg_put_parameter_status(&b, "server_version", "15.0");
	pg_put_parameter_status(&b, "application_name", SELF_VALUE);
	pg_put_backend_key(&b, SELF_PID, SELF_KEY);
	pg_put_ready(&b, 'I');
	rc = buf_err(&b) != 0 ? buf_err(&b) : file_write_all(fd, buf_span(&b).p, buf_len(&b));
	buf_clear(&b);
	return rc;
}

static int self_connect(struct pgup *u, int far, struct why *w)
{
	enum pgup_state st = PGUP_CONNECTING;
	bool answered = false;

	for (int i = 0; i < SELF_ROUNDS && st == PGUP_CONNECTING; i++) {
		short events = (pgup_wants(u) & LOOP_OUT) != 0 ? POLLOUT : POLLIN;

		if (events == POLLIN && !answered) {
			if (self_startup(far) != 0 || self_answer(far) != 0)
				return why_set(w, E_INTERNAL, "libpq does not speak through the given socket");
			answered = true;
		}
		if (self_wait(pgup_fd(u), events) != 0)
			break;
		st = pgup_poll(u, w);
	}
	if (st == PGUP_CONNECTING)
		return why_set(w, E_LIMIT, "libpq did not finish the self-test");
	return st == PGUP_READY ? 0 : E_INTERNAL;
}

static int self_verify(const struct pgup *u, struct why *w)
{
	const char *value = pgup_param_value(u, "application_name");
	uint32_t pid, key;

	pgup_backend_key(u, &pid, &key);
	if (pid != SELF_PID || key != SELF_KEY)
		return why_set(w, E_INTERNAL, "libpq's trace does not tell the cancel key");
	if (pgup_n_params(u) != 2 || value == NULL || strcmp(value, SELF_VALUE) != 0)
		return why_set(w, E_INTERNAL, "libpq's trace does not tell the server's parameters");
	return 0;
}

int pgup_selftest(struct why *w)
{
	struct pgup_params p = {
		.host = "/sallyport-selftest", .port = 1, .user = "selftest", .database = "selftest",
		.sslmode = "disable", .ca_fd = -1, .application_name = "selftest", .options = "",
	};
	struct pgup *u;
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
		return why_set(w, -errno, "no socket pair for the self-test");
	p.fd = pair[0];
	u = pgup_new(&p, w);
	rc = u == NULL ? E_INTERNAL : self_connect(u, pair[1], w);
	if (rc == 0)
		rc = self_verify(u, w);
	pgup_free(u);
	fd_close(&pair[1]);
	if (rc != 0)
		why_hint(w, "this build cannot open PostgreSQL sessions: check libpq and that the program exports socket()");
	return rc;
}

/* A connected pair of TCP sockets, the only kind on which libpq tries TLS. */
static int tcp_pair(int out[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = -1;

	out[0] = out[1] = -1;
	if (l < 0 || bind(l, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(l, 1) != 0 ||
	    getsockname(l, (struct sockaddr *)&a, &len) != 0)
		goto out;
	out[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (out[0] < 0 || connect(out[0], (struct sockaddr *)&a, sizeof(a)) != 0)
		goto out;
	out[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	rc = out[1] >= 0 ? fd_set_nonblock(out[0], true) : -1;
out:
	fd_close(&l);
	return rc;
}

/* Answer the SSLRequest with yes, take the ClientHello, hang up. */
static void warm_server(struct pgup *u, int far)
{
	struct why w;
	char in[4096];

	for (int i = 0; i < SELF_ROUNDS; i++) {
		short events = (pgup_wants(u) & LOOP_OUT) != 0 ? POLLOUT : POLLIN;

		if (events == POLLIN) {
			if (self_wait(far, POLLIN) != 0 || read(far, in, sizeof(in)) <= 0)
				return;
			if (in[0] != 0) /* a TLS record: libpq has loaded all there is to load */
				return;
			if (write(far, "S", 1) != 1)
				return;
		}
		if (self_wait(pgup_fd(u), events) != 0 || pgup_poll(u, &w) != PGUP_CONNECTING)
			return;
	}
}

void pgup_warm_tls(void)
{
	struct pgup_params p = {
		.host = "warm.invalid", .hostaddr = "127.0.0.1", .port = 1, .user = "warm", .database = "warm",
		.sslmode = "require", .ca_fd = -1, .application_name = "warm", .options = "",
	};
	struct pgup *u;
	struct why w;
	int pair[2];

	if (tcp_pair(pair) == 0) {
		p.fd = pair[0];
		u = pgup_new(&p, &w);
		pair[0] = -1; /* owned by pgup_new() */
		if (u != NULL)
			warm_server(u, pair[1]);
		pgup_free(u);
	}
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}
