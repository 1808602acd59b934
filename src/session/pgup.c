/* SPDX-License-Identifier: Apache-2.0
 *
 * Connect with libpq, then use its descriptor and TLS object for raw protocol bytes. libpq's PGconn stays alive
 * for its TLS callbacks, but after the hand-over no libpq call is made on it except PQfinish().
 *
 * Secrets: libpq keeps two copies of the password until the connection ends (one that PQpass() tells, one inside its
 * SCRAM state) and frees others unwiped: session/heapwipe.c looks for them. The trace may hold the cancel key and,
 * in newer versions of libpq, parts of the authentication: it is collected in one buffer and wiped.
 */
#include "session/pgup.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/loop.h"
#include "base/mem.h"
#include "session/heapwipe.h"
#include "session/pgio.h"
#include "session/pgtrace.h"
#include "session/pguperr.h"
#include "session/pgupint.h"
#include "session/sockgive.h"

#define TRACE_MAX (256 * 1024)
#define TRACE_FIRST (32 * 1024) /* reserved at once, so that growing leaves no copies behind */

struct param {
	char *name, *value;
};

struct pgup {
	PGconn *conn;
	struct pgio io;
	int fd; /* libpq's from the moment it took it */
	int ca_fd; /* until libpq has read it; -1 */
	enum pgup_state state;
	PostgresPollingStatusType poll;
	bool tls;    /* TLS is required */
	bool verify; /* and the certificate must have been verified */
	struct secret *password; /* until no copy of it is left with libpq */
	bool wipe_heap;          /* the password is no name that is needed elsewhere */
	struct pgup *next;       /* all of this process */
	char *host, *hostaddr;
	FILE *trace;
	struct buf trace_text;
	char sqlstate[6];
	struct param *params;
	size_t n_params;
	uint32_t pid, key;
};

/* Files that must not be looked for in a home directory: libpq takes "not there" for "not wanted". */
#define NO_FILE "/nonexistent/sallyport"
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

static const struct {
	const char *name;
	bool tls, verify;
} sslmodes[] = {
	/* allow and prefer are missing: what they promise depends on who answers */
	{"disable", false, false},
	{"require", true, false},
	{"verify-ca", true, true},
	{"verify-full", true, true},
};

static int set_sslmode(struct pgup *u, const char *mode, struct why *w)
{
	for (size_t i = 0; i < sizeof(sslmodes) / sizeof(sslmodes[0]); i++) {
		if (strcmp(mode, sslmodes[i].name) == 0) {
			u->tls = sslmodes[i].tls;
			u->verify = sslmodes[i].verify;
			return 0;
		}
	}
	return why_set(w, E_CONFIG, "unknown TLS mode '%s'", mode);
}

static ssize_t trace_write(void *ctx, const char *p, size_t n)
{
	struct pgup *u = ctx;

	buf_put(&u->trace_text, p, n);
	return (ssize_t)n;
}

static int trace_open(struct pgup *u)
{
	uint8_t *at;

	buf_init(&u->trace_text, TRACE_MAX);
	if (buf_reserve(&u->trace_text, TRACE_FIRST, &at) != 0)
		return E_NOMEM;
	u->trace = fopencookie(u, "w", (cookie_io_functions_t){.write = trace_write});
	if (u->trace == NULL)
		return -errno;
	setvbuf(u->trace, NULL, _IONBF, 0);
	return 0;
}

static void trace_close(struct pgup *u)
{
	if (u->trace != NULL)
		(void)fclose(u->trace);
	u->trace = NULL;
	buf_wipe(&u->trace_text);
}

static struct pgup *all;

static void forget_one(struct pgup *u)
{
	struct span s = secret_span(u->password);
	char *copy = u->conn != NULL ? PQpass(u->conn) : NULL;

	if (copy != NULL && s.n > 0 && strlen(copy) == s.n)
		mem_wipe(copy, s.n);
	if (u->wipe_heap)
		heapwipe(s);
	secret_free(u->password);
	u->password = NULL;
}

/* Called when a connection is made or has failed. Another one that is still at it may use the same password, and
 * the search cannot tell whose copy it finds: the last one to finish wipes for all. */
static void forget_passwords(void)
{
	for (struct pgup *u = all; u != NULL; u = u->next) {
		if (u->state == PGUP_CONNECTING)
			return;
	}
	for (struct pgup *u = all; u != NULL; u = u->next) {
		if (u->password != NULL)
			forget_one(u);
	}
}

static void remember_password(struct pgup *u, const struct pgup_params *p)
{
	const char *names[] = {p->host, p->hostaddr, p->user, p->database, p->application_name, p->options};
	struct span s = secret_span(p->password);

	if (p->password == NULL || s.n == 0)
		return;
	u->password = secret_new(s);
	u->wipe_heap = true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i] != NULL && span_is(s, names[i]))
			u->wipe_heap = false;
	}
}

static void unlink_pgup(struct pgup *u)
{
	struct pgup **at = &all;

	while (*at != NULL && *at != u)
		at = &(*at)->next;
	if (*at == u)
		*at = u->next;
}

static void silent(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

struct conninfo {
	const char *keys[40], *values[40];
	size_t n;
	char port[16], ca[40];
};

static void ci_add(struct conninfo *ci, const char *key, const char *value)
{
	ci->keys[ci->n] = key;
	ci->values[ci->n++] = value;
}

/* Everything that libpq would otherwise take from the environment, a home directory or a service file. */
static void ci_fixed(struct conninfo *ci)
{
	static const char *const fixed[][2] = {
		{"gssencmode", "disable"},
		{"passfile", NO_FILE},
		{"sslcert", NO_FILE},
		{"sslkey", NO_FILE},
		{"sslcrl", NO_FILE},
		{"sslcompression", "0"},
		{"ssl_min_protocol_version", "TLSv1.2"},
		{"channel_binding", "prefer"},
		{"client_encoding", "UTF8"},
		{"target_session_attrs", "any"},
		{"keepalives", "1"},
		{"keepalives_idle", "60"},
		{"keepalives_interval", "15"},
		{"keepalives_count", "4"},
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		ci_add(ci, fixed[i][0], fixed[i][1]);
}

static const char *ci_ca(struct conninfo *ci, const struct pgup *u, int ca_fd)
{
	if (ca_fd < 0)
		return u->verify ? SYSTEM_CA : NO_FILE;
	(void)snprintf(ci->ca, sizeof(ci->ca), "/proc/self/fd/%d", ca_fd);
	return ci->ca;
}

static void ci_build(struct conninfo *ci, const struct pgup *u, const struct pgup_params *p)
{
	ci->n = 0;
	(void)snprintf(ci->port, sizeof(ci->port), "%d", p->port);
	ci_fixed(ci);
	ci_add(ci, "host", p->host);
	if (p->hostaddr != NULL)
		ci_add(ci, "hostaddr", p->hostaddr);
	ci_add(ci, "port", ci->port);
	ci_add(ci, "user", p->user);
	ci_add(ci, "dbname", p->database);
	ci_add(ci, "password", p->password != NULL ? (const char *)secret_span(p->password).p : "");
	ci_add(ci, "sslmode", p->sslmode);
	ci_add(ci, "sslrootcert", ci_ca(ci, u, p->ca_fd));
	ci_add(ci, "application_name", p->application_name);
	ci_add(ci, "options", p->options != NULL ? p->options : "");
	ci->keys[ci->n] = ci->values[ci->n] = NULL;
}

static int check_params(const struct pgup_params *p, struct why *w)
{
	if (p->password != NULL && span_has_nul(secret_span(p->password)))
		return why_set(w, E_CONFIG, "the target's password contains a NUL byte");
	if (p->host == NULL || p->user == NULL || p->user[0] == '\0' || p->database == NULL || p->database[0] == '\0')
		return why_set(w, E_CONFIG, "host, user and database must be given");
	return 0;
}

/* libpq asks for non-blocking mode itself, but in the sandbox that request may have no effect. */
static int check_nonblock(int fd, struct why *w)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return why_set(w, -errno, "the target's socket is not usable");
	if ((flags & O_NONBLOCK) == 0 && fd_set_nonblock(fd, true) != 0)
		return why_set(w, E_STATE, "the target's socket is in blocking mode");
	return 0;
}

static int start(struct pgup *u, const struct pgup_params *p, struct why *w)
{
	struct conninfo ci;
	bool taken;

	ci_build(&ci, u, p);
	sockgive_arm(u->fd);
	u->conn = PQconnectStartParams(ci.keys, ci.values, 0); /* dbname is never expanded into a conninfo */
	taken = sockgive_disarm();
	if (u->conn != NULL)
		PQsetNoticeReceiver(u->conn, silent, NULL);
	if (!taken)
		return why_set(w, E_INTERNAL, "libpq did not ask for the target's socket");
	if (u->conn == NULL || PQstatus(u->conn) == CONNECTION_BAD) {
		u->fd = -1; /* closed by libpq */
		return why_set(w, E_CLOSED, "libpq could not use the target's socket");
	}
	if (PQsocket(u->conn) != u->fd)
		return why_set(w, E_INTERNAL, "libpq made a socket of its own");
	PQtrace(u->conn, u->trace);
	PQsetTraceFlags(u->conn, PQTRACE_SUPPRESS_TIMESTAMPS);
	u->poll = PGRES_POLLING_WRITING;
	return 0;
}

struct pgup *pgup_new(const struct pgup_params *p, struct why *w)
{
	struct pgup *u = xcalloc(1, sizeof(*u));

	u->fd = p->fd;
	u->ca_fd = p->ca_fd;
	u->next = all;
	all = u;
	(void)str_copy(u->sqlstate, sizeof(u->sqlstate), "08001");
	u->host = xstrdup(p->host);
	u->hostaddr = xstrdup(p->hostaddr);
	if (set_sslmode(u, p->sslmode, w) != 0 || check_params(p, w) != 0 || check_nonblock(u->fd, w) != 0)
		goto fail;
	if (trace_open(u) != 0) {
		(void)why_set(w, E_NOMEM, "no memory for the connection's trace");
		goto fail;
	}
	remember_password(u, p);
	if (start(u, p, w) == 0)
		return u;
fail:
	pgup_free(u);
	return NULL;
}

void pgup_free(struct pgup *u)
{
	bool libpq_owns;

	if (u == NULL)
		return;
	libpq_owns = u->conn != NULL && PQsocket(u->conn) == u->fd;
	u->state = PGUP_FAILED;
	forget_passwords();
	/* Terminate behind half a message would become part of it */
	if (libpq_owns && u->io.write_blocked)
		(void)shutdown(u->fd, SHUT_WR);
	sockgive_arm(-1);
	PQfinish(u->conn);
	(void)sockgive_disarm();
	if (u->password != NULL) /* another one is connecting: now at least libpq's copies are freed ones */
		heapwipe_freed(secret_span(u->password).n);
	secret_free(u->password);
	unlink_pgup(u);
	trace_close(u);
	if (!libpq_owns)
		fd_close(&u->fd);
	fd_close(&u->ca_fd);
	for (size_t i = 0; i < u->n_params; i++) {
		free(u->params[i].name);
		free(u->params[i].value);
	}
	free(u->params);
	free(u->host);
	free(u->hostaddr);
	free(u);
}

int pgup_fd(const struct pgup *u)
{
	return u->fd;
}

static void copy_params(struct pgup *u, const struct pgtrace *t)
{
	u->params = xcalloc(t->n_names + 1, sizeof(*u->params));
	for (size_t i = 0; i < t->n_names; i++) {
		const char *value = PQparameterStatus(u->conn, t->names[i]);

		if (value == NULL)
			continue;
		u->params[u->n_params].name = xstrdup(t->names[i]);
		u->params[u->n_params++].value = xstrdup(value);
	}
}

static int take_socket(struct pgup *u, struct why *w)
{
	void *ssl = u->tls ? PQsslStruct(u->conn, "OpenSSL") : NULL;

	if (u->tls && ssl == NULL)
		return why_set(w, E_CRYPTO, "the connection to the database server is not encrypted");
	if (pgio_init(&u->io, u->fd, ssl, u->verify) != 0)
		return why_set(w, E_CRYPTO, "the server's certificate could not be verified");
	return 0;
}

/* Connected: libpq has read up to ReadyForQuery. Take everything it knows, then take its socket. */
static int take_over(struct pgup *u, struct why *w)
{
	struct pgtrace t;
	int rc;

	(void)PQisBusy(u->conn); /* parse what came behind ReadyForQuery, while the trace still listens */
	PQuntrace(u->conn);
	rc = buf_err(&u->trace_text) != 0 ? buf_err(&u->trace_text) : pgtrace_parse(buf_span(&u->trace_text), &t);
	if (rc == 0 && (!t.ready || !t.has_key || (int)t.pid != PQbackendPID(u->conn)))
		rc = E_FORMAT;
	if (rc != 0)
		return why_set(w, rc, "the start of the connection could not be followed (%s)", err_str(rc));
	rc = take_socket(u, w);
	if (rc != 0)
		return rc;
	copy_params(u, &t);
	u->pid = t.pid;
	u->key = t.key;
	mem_wipe(&t, sizeof(t));
	(void)PQsetnonblocking(u->conn, 1); /* PQfinish must not wait for a server that does not read */
	return 0;
}

static void explain(struct pgup *u, struct why *w)
{
	/* a bare name such as "db" or "localhost" is no secret and appears in honest messages */
	const char *host = u->host != NULL && strchr(u->host, '.') != NULL ? u->host : "";
	const char *hidden[] = {host, u->hostaddr != NULL ? u->hostaddr : "", NULL};
	struct pgtrace t;

	if (pgtrace_parse(buf_span(&u->trace_text), &t) != 0)
		memset(&t, 0, sizeof(t));
	(void)pguperr_explain(PQerrorMessage(u->conn), &t, hidden, u->sqlstate, w);
	mem_wipe(&t, sizeof(t));
}

static enum pgup_state finish_connect(struct pgup *u, struct why *w)
{
	if (u->poll == PGRES_POLLING_OK) {
		u->state = take_over(u, w) == 0 ? PGUP_READY : PGUP_FAILED;
	} else {
		u->state = PGUP_FAILED;
		PQuntrace(u->conn);
		explain(u, w);
		u->fd = PQsocket(u->conn); /* -1 once libpq has closed it */
	}
	trace_close(u);
	fd_close(&u->ca_fd);
	forget_passwords();
	return u->state;
}

enum pgup_state pgup_poll(struct pgup *u, struct why *w)
{
	if (u->state != PGUP_CONNECTING)
		return u->state;
	sockgive_arm(-1); /* a retry by libpq would be a connection nobody granted */
	u->poll = PQconnectPoll(u->conn);
	(void)sockgive_disarm();
	if (u->poll == PGRES_POLLING_OK || u->poll == PGRES_POLLING_FAILED)
		return finish_connect(u, w);
	return PGUP_CONNECTING;
}

unsigned pgup_wants(const struct pgup *u)
{
	if (u->state == PGUP_CONNECTING)
		return u->poll == PGRES_POLLING_READING ? LOOP_IN : LOOP_OUT;
	if (u->state != PGUP_READY)
		return 0;
	return LOOP_IN | (u->io.write_blocked || u->io.read_wants_out ? LOOP_OUT : 0);
}

const char *pgup_sqlstate(const struct pgup *u)
{
	return u->sqlstate;
}

size_t pgup_n_params(const struct pgup *u)
{
	return u->n_params;
}

void pgup_param(const struct pgup *u, size_t i, const char **name, const char **value)
{
	*name = u->params[i].name;
	*value = u->params[i].value;
}

const char *pgup_param_value(const struct pgup *u, const char *name)
{
	for (size_t i = 0; i < u->n_params; i++) {
		if (strcmp(u->params[i].name, name) == 0)
			return u->params[i].value;
	}
	return NULL;
}

void pgup_backend_key(const struct pgup *u, uint32_t *pid, uint32_t *key)
{
	*pid = u->pid;
	*key = u->key;
}

int pgup_read(struct pgup *u, struct buf *in, size_t max)
{
	return u->state == PGUP_READY ? pgio_read(&u->io, in, max) : E_STATE;
}

int pgup_write(struct pgup *u, struct buf *out)
{
	return u->state == PGUP_READY ? pgio_write(&u->io, out) : E_STATE;
}

bool pgup_pending(const struct pgup *u)
{
	return u->state == PGUP_READY && pgio_pending(&u->io);
}

/* The environment can name a service file, a password file, a TLS mode: nothing of it is meant for us. */
static void clear_environment(void)
{
	PQconninfoOption *opts = PQconndefaults();

	for (PQconninfoOption *o = opts; o != NULL && o->keyword != NULL; o++) {
		if (o->envvar != NULL)
			(void)unsetenv(o->envvar);
	}
	PQconninfoFree(opts);
}

void pgup_warm(void)
{
	struct why w;

	clear_environment();
	heapwipe_init();
	pgio_warm();
	pgup_warm_tls();
	if (pgup_selftest(&w) != 0)
		return; /* only warming: the verdict is for the one who asks at start */
}
