/* SPDX-License-Identifier: Apache-2.0
 *
 * The reaper child.
 */
#include "server/reaper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/tls.h"

#define REAPER_MS      5000
#define PG_CANCEL_CODE 80877102u /* 1234 << 16 | 5678 */
#define PG_SSL_CODE    80877103u /* 1234 << 16 | 5679 */

/* --- in the child --- */

static int dial(const struct reaper_job *j)
{
	struct addrinfo hints = {
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	struct addrinfo *ai = NULL;
	struct timeval cap = {REAPER_MS / 1000, 0};
	const int on = 1; /* the request follows the handshake: do not wait 40 ms for an acknowledgement */
	char port[8];
	int fd;

	snprintf(port, sizeof(port), "%d", j->port);
	if (getaddrinfo(j->hostaddr, port, &hints, &ai) != 0)
		return -EINVAL;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &cap, sizeof(cap));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &cap, sizeof(cap));
		if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0)
			fd_close(&fd);
	}
	freeaddrinfo(ai);
	return fd;
}

static enum tls_verify verify_of(const char *tls)
{
	return strcmp(tls, "verify-full") == 0 ? TLS_VERIFY_FULL
	       : strcmp(tls, "verify-ca") == 0 ? TLS_VERIFY_CA
					       : TLS_VERIFY_NONE;
}

static int send_tls(int fd, const struct reaper_job *j, struct span req)
{
	struct tls *t;
	uint8_t ask[8] = {0, 0, 0, 8, PG_SSL_CODE >> 24, (PG_SSL_CODE >> 16) & 0xff,
	    (PG_SSL_CODE >> 8) & 0xff, PG_SSL_CODE & 0xff};
	uint8_t yes = 0;
	int rc = file_write_all(fd, ask, sizeof(ask));

	/* The key never travels in the clear to a server that is configured with TLS. */
	if (rc != 0 || read(fd, &yes, 1) != 1 || yes != 'S')
		return E_CRYPTO;
	rc = tls_connect(fd, j->host, verify_of(j->tls), j->ca_pem, &t, NULL);
	if (rc != 0)
		return rc;
	rc = tls_write(t, req.p, req.n);
	if (rc == 0) /* the server closes when it has acted */
		while (tls_read(t, &yes, 1) > 0)
			;
	tls_free(t);
	return rc;
}

static int send_once(const struct reaper_job *j)
{
	struct buf req;
	uint8_t byte;
	int fd = dial(j);
	int rc;

	if (fd < 0)
		return 1;
	buf_init(&req, 16);
	buf_put_u32be(&req, 16);
	buf_put_u32be(&req, PG_CANCEL_CODE);
	buf_put_u32be(&req, j->pid);
	buf_put_u32be(&req, j->key);
	if (strcmp(j->tls, "disable") != 0) {
		rc = send_tls(fd, j, buf_span(&req));
	} else {
		rc = file_write_all(fd, buf_span(&req).p, buf_len(&req));
		while (rc == 0 && read(fd, &byte, 1) > 0)
			;
	}
	return rc == 0 ? 0 : 2;
}

struct batch {
	const struct reaper_job *jobs;
	size_t n;
	int again_ms;
};

static int send_all(const struct batch *b)
{
	int rc = 0, r;

	for (size_t i = 0; i < b->n; i++) {
		r = send_once(&b->jobs[i]);
		rc = rc != 0 ? rc : r;
	}
	return rc;
}

static int reaper_main(void *arg)
{
	const struct batch *b = arg;
	const struct timespec gap = {b->again_ms / 1000, b->again_ms % 1000 * 1000000L};
	int rc = send_all(b);

	if (b->again_ms > 0 && nanosleep(&gap, NULL) == 0)
		rc = send_all(b);
	return rc;
}

/* --- in the monitor --- */

static void reaped(void *ctx, int status, struct span out)
{
	(void)ctx;
	(void)out;
	if (status != 0)
		log_warn("upstream-cancel-failed", "status", log_num(status));
}

int reaper_cancel_all(struct kids *kids, const struct reaper_job *jobs, size_t n, int again_ms)
{
	struct batch b = {jobs, n, again_ms}; /* fork copies all of it */
	struct child_params p = {.run = reaper_main,
	    .arg = &b,
	    .fds = {-1, -1, -1},
	    .n_fds = 3,
	    .uid = jobs[0].uid,
	    .gid = jobs[0].gid,
	    .timeout_ms = REAPER_MS + again_ms};

	return child_start(kids, &p, reaped, NULL) != NULL ? 0 : -EAGAIN;
}

int reaper_cancel(struct kids *kids, const struct reaper_job *job)
{
	return reaper_cancel_all(kids, job, 1, 0);
}
