/* SPDX-License-Identifier: Apache-2.0
 *
 * SSL_read/SSL_write and recv/send behind one interface. The TLS object's BIO belongs to libpq and calls back into
 * its PGconn, which therefore stays alive as long as this is used.
 */
#include "session/pgio.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#define READ_PIECE (32 * 1024)
#define WRITE_PIECE (1 << 20)

int pgio_init(struct pgio *io, int fd, void *ssl, bool verified)
{
	*io = (struct pgio){.fd = fd, .ssl = ssl};
	if (ssl == NULL)
		return verified ? E_CRYPTO : 0;
	if (verified && SSL_get_verify_result(ssl) != X509_V_OK)
		return E_CRYPTO;
	/* our buffer moves and grows between attempts to write the same bytes */
	SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_set_read_ahead(ssl, 1); /* header and body of a record in one call */
	return 0;
}

static bool is_eof(void)
{
	return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

/* Only the would-block cases return 0, with what to wait for in *want. */
static int tls_error(struct pgio *io, int rc, int *want)
{
	int err = SSL_get_error(io->ssl, rc), saved = errno;

	*want = err;
	if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
		return 0;
	if (err == SSL_ERROR_ZERO_RETURN)
		return E_CLOSED;
	if (err == SSL_ERROR_SYSCALL)
		return saved == 0 || saved == ECONNRESET || saved == EPIPE ? E_CLOSED : -saved;
	rc = is_eof() ? E_CLOSED : E_CRYPTO;
	ERR_clear_error();
	return rc;
}

/* One attempt to read at most n bytes: count, 0 for "would block", or an error. */
static int read_tls(struct pgio *io, uint8_t *p, size_t n)
{
	int want, rc;

	io->read_wants_out = false;
	ERR_clear_error();
	errno = 0;
	rc = SSL_read(io->ssl, p, (int)n);
	if (rc > 0)
		return rc;
	rc = tls_error(io, rc, &want);
	io->read_wants_out = rc == 0 && want == SSL_ERROR_WANT_WRITE;
	return rc;
}

static int read_plain(struct pgio *io, uint8_t *p, size_t n)
{
	ssize_t rc;

	do
		rc = recv(io->fd, p, n, MSG_DONTWAIT);
	while (rc < 0 && errno == EINTR);
	if (rc > 0)
		return (int)rc;
	if (rc == 0 || errno == ECONNRESET || errno == EPIPE)
		return E_CLOSED;
	return errno == EAGAIN ? 0 : -errno;
}

int pgio_read(struct pgio *io, struct buf *in, size_t max)
{
	int got = 0, rc;

	while ((size_t)got < max && got < INT_MAX - READ_PIECE) {
		size_t n = max - (size_t)got < READ_PIECE ? max - (size_t)got : READ_PIECE;
		uint8_t *at;

		rc = buf_reserve(in, n, &at);
		if (rc == 0)
			rc = io->ssl != NULL ? read_tls(io, at, n) : read_plain(io, at, n);
		if (rc <= 0)
			return got > 0 ? got : rc; /* an error shows again at the next call */
		buf_commit(in, (size_t)rc);
		got += rc;
		if (io->ssl != NULL ? SSL_has_pending(io->ssl) == 0 : (size_t)rc < n)
			break; /* nothing is left: save the call that would say so */
	}
	return got;
}

static int write_tls(struct pgio *io, const uint8_t *p, size_t n)
{
	int want, rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_write(io->ssl, p, (int)n);
	return rc > 0 ? rc : tls_error(io, rc, &want);
}

static int write_plain(struct pgio *io, const uint8_t *p, size_t n)
{
	ssize_t rc;

	do
		rc = send(io->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (rc < 0 && errno == EINTR);
	if (rc >= 0)
		return (int)rc;
	if (errno == EPIPE || errno == ECONNRESET)
		return E_CLOSED;
	return errno == EAGAIN ? 0 : -errno;
}

int pgio_write(struct pgio *io, struct buf *out)
{
	while (buf_len(out) > 0) {
		struct span s = buf_span(out);
		size_t n = s.n < WRITE_PIECE ? s.n : WRITE_PIECE;
		int rc = io->ssl != NULL ? write_tls(io, s.p, n) : write_plain(io, s.p, n);

		io->write_blocked = rc == 0;
		if (rc == 0)
			return E_MORE;
		if (rc < 0)
			return rc;
		buf_consume(out, (size_t)rc);
	}
	io->write_blocked = false;
	return 0;
}

bool pgio_pending(const struct pgio *io)
{
	return io->ssl != NULL && SSL_has_pending(io->ssl) == 1; /* also of records not yet decrypted */
}

void pgio_warm(void)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	SSL_CTX *ctx;

	(void)OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
	ctx = SSL_CTX_new(TLS_client_method());
	SSL_free(ctx != NULL ? SSL_new(ctx) : NULL);
	SSL_CTX_free(ctx);
	(void)HMAC(EVP_sha256(), "k", 1, (const uint8_t *)"d", 1, out, &n); /* SCRAM */
	ERR_clear_error();
}
