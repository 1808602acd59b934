/* SPDX-License-Identifier: Apache-2.0
 *
 * The reaper child.
 */
#include "server/reaper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
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
	char port[8];
	int fd;

	snprintf(port, sizeof(port), "%d", j->port);
	if (getaddrinfo(j->hostaddr, port, &hints, &ai) != 0)
		return -EINVAL;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &cap, sizeof(cap));
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

static int reaper_main(void *arg)
{
	const struct reaper_job *j = arg;
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

/* --- in the monitor --- */

static void reaped(void *ctx, int status, struct span out)
{
	(void)ctx;
	(void)out;
	if (status != 0)
		log_warn("upstream-cancel-failed", "status", log_num(status));
}

int reaper_cancel(struct kids *kids, const struct reaper_job *job)
{
	struct reaper_job copy = *job; /* fork copies the rest */
	struct child_params p = {.run = reaper_main,
	    .arg = &copy,
	    .fds = {-1, -1, -1},
	    .n_fds = 3,
	    .uid = job->uid,
	    .gid = job->gid,
	    .timeout_ms = REAPER_MS};

	return child_start(kids, &p, reaped, NULL) != NULL ? 0 : -EAGAIN;
}
