/* SPDX-License-Identifier: Apache-2.0
 *
 * The PostgreSQL upstream: libpq connects and authenticates over a socket that the monitor connected, then its
 * socket (and TLS) is taken over for raw v3 bytes. The only user of libpq in the session. libpq's socket() and
 * connect() calls reach the interposed functions in session/sockgive.c, which hand it our descriptor.
 * Source: libpq documentation 34; reference facts: PQtrace gives parameter names and the cancel key.
 */
#ifndef SP_SESSION_PGUP_H
#define SP_SESSION_PGUP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

struct pgup;

struct pgup_params {
	int fd;                  /* connected socket, owned from here on */
	const char *host;        /* name for TLS verification */
	const char *hostaddr;    /* numeric address */
	int port;
	const char *user, *database;
	const struct secret *password; /* NULL: none; copied where libpq needs it and wiped after connect */
	const char *sslmode;     /* "disable" | "require" | "verify-full" ... */
	int ca_fd;               /* memfd with the CA bundle, or -1; owned from here on, passed as /proc/self/fd/N */
	const char *application_name;
	const char *options;     /* "-c name=value ..." already escaped, or "" */
};

enum pgup_state { PGUP_CONNECTING, PGUP_READY, PGUP_FAILED };

struct pgup *pgup_new(const struct pgup_params *p, struct why *w);
void pgup_free(struct pgup *u); /* Terminate is sent when possible; closes */
int pgup_fd(const struct pgup *u);
/* Drive the connect; call when the fd is ready for what pgup_wants() says. */
enum pgup_state pgup_poll(struct pgup *u, struct why *w);
/* LOOP_IN | LOOP_OUT bits: what to wait for (connecting or TLS renegotiation needs); when READY: LOOP_IN plus
 * LOOP_OUT while a write is blocked. */
unsigned pgup_wants(const struct pgup *u);
/* SQLSTATE of a failed connect ("08001", "28P01", "3D000", ...). */
const char *pgup_sqlstate(const struct pgup *u);

/* After READY. ParameterStatus pairs in the server's order. */
size_t pgup_n_params(const struct pgup *u);
void pgup_param(const struct pgup *u, size_t i, const char **name, const char **value);
const char *pgup_param_value(const struct pgup *u, const char *name); /* NULL when absent */
void pgup_backend_key(const struct pgup *u, uint32_t *pid, uint32_t *key);

/* Raw bytes. read: appends up to max bytes to in; returns the count, 0 for "would block", E_CLOSED, or -errno.
 * write: sends from the front of out and consumes what went; 0, E_MORE (rest is blocked) or an error. */
int pgup_read(struct pgup *u, struct buf *in, size_t max) MUST_CHECK;
int pgup_write(struct pgup *u, struct buf *out) MUST_CHECK;
/* TLS holds decrypted bytes that no poll will announce: read again. Only after a read that returned max. */
bool pgup_pending(const struct pgup *u);

/* Load everything libpq and OpenSSL load lazily and remove libpq's variables from the environment: call in the
 * listener, before any fork and before any secret. */
void pgup_warm(void);
/* Start-up self-test: does the interposition reach libpq? 0 or an error with why. */
int pgup_selftest(struct why *w) MUST_CHECK;

#endif
