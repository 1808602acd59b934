/* SPDX-License-Identifier: Apache-2.0
 *
 * The TLS client.
 */
#include "base/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/mem.h"

struct tls {
	SSL_CTX *ctx;
	SSL *ssl;
};

static int add_ca(SSL_CTX *ctx, struct span pem, struct why *w)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio;
	X509 *x;
	int n = 0;

	if (pem.n == 0 || pem.n > INT_MAX)
		return why_set(w, E_CONFIG, "no CA certificates to verify the server with");
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (bio == NULL)
		return E_NOMEM;
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		n += X509_STORE_add_cert(store, x);
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();
	return n > 0 ? 0 : why_set(w, E_CONFIG, "no CA certificate in the bundle");
}

static bool is_literal(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

static int set_host(SSL *ssl, const char *host, enum tls_verify verify)
{
	X509_VERIFY_PARAM *vp = SSL_get0_param(ssl);
	int ok = 1;

	if (!is_literal(host))
		ok = (int)SSL_set_tlsext_host_name(ssl, host);
	if (verify == TLS_VERIFY_FULL && ok == 1)
		ok = is_literal(host) ? X509_VERIFY_PARAM_set1_ip_asc(vp, host)
				      : X509_VERIFY_PARAM_set1_host(vp, host, 0);
	X509_VERIFY_PARAM_set_hostflags(vp, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return ok == 1 ? 0 : E_CRYPTO;
}

static int handshake(struct tls *t, struct why *w)
{
	int rc = SSL_connect(t->ssl);
	long verdict;

	if (rc == 1)
		return 0;
	verdict = SSL_get_verify_result(t->ssl);
	ERR_clear_error();
	if (verdict != X509_V_OK)
		return why_set(w, E_CRYPTO, "TLS: the server's certificate: %s",
		    X509_verify_cert_error_string(verdict));
	return why_set(w, E_CRYPTO, "TLS: the handshake failed");
}

int tls_connect(int fd, const char *host, enum tls_verify verify, struct span ca_pem,
    struct tls **out, struct why *w)
{
	struct tls *t = xcalloc(1, sizeof(*t));
	int rc = 0;

	*out = NULL;
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (t->ctx == NULL || SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1)
		rc = E_CRYPTO;
	if (rc == 0 && verify != TLS_VERIFY_NONE) {
		SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
		rc = add_ca(t->ctx, ca_pem, w);
	}
	if (rc == 0 && ((t->ssl = SSL_new(t->ctx)) == NULL || SSL_set_fd(t->ssl, fd) != 1))
		rc = E_NOMEM;
	if (rc == 0)
		rc = set_host(t->ssl, host, verify);
	if (rc == 0)
		rc = handshake(t, w);
	if (rc != 0) {
		tls_free(t);
		return rc;
	}
	*out = t;
	return 0;
}

int tls_write(struct tls *t, const void *p, size_t n)
{
	size_t done = 0;

	/* Without SSL_MODE_ENABLE_PARTIAL_WRITE a success wrote everything. */
	return n == 0 || (SSL_write_ex(t->ssl, p, n, &done) == 1 && done == n) ? 0 : E_CLOSED;
}

int tls_read(struct tls *t, void *p, size_t n)
{
	size_t got = 0;

	if (n > INT_MAX)
		n = INT_MAX;
	if (SSL_read_ex(t->ssl, p, n, &got) == 1)
		return (int)got;
	return SSL_get_error(t->ssl, 0) == SSL_ERROR_ZERO_RETURN ? 0 : E_CLOSED;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	free(t);
}

/* --- pairs of files --- */

/* Nobody is there to type one. */
static int no_passphrase(char *out, int cap, int rw, void *ctx)
{
	(void)out;
	(void)cap;
	(void)rw;
	(void)ctx;
	return -1;
}

static int check_pair(X509 *x, EVP_PKEY *key, struct why *w)
{
	if (x == NULL)
		return why_set(w, E_CONFIG, "there is no certificate in PEM form in it");
	if (key == NULL)
		return why_set(w, E_CONFIG, "there is no private key in PEM form, or it has a passphrase");
	if (X509_check_private_key(x, key) != 1)
		return why_set(w, E_CONFIG, "the key is not the one of the first certificate");
	if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
		return why_set(w, E_EXPIRED, "the certificate has expired");
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
		return why_set(w, E_EXPIRED, "the certificate is not valid yet");
	return 0;
}

int tls_check_pair(struct span cert_pem, struct span key_pem, struct why *w)
{
	BIO *c = cert_pem.n <= INT_MAX ? BIO_new_mem_buf(cert_pem.p, (int)cert_pem.n) : NULL;
	BIO *k = key_pem.n <= INT_MAX ? BIO_new_mem_buf(key_pem.p, (int)key_pem.n) : NULL;
	X509 *x = c != NULL ? PEM_read_bio_X509(c, NULL, no_passphrase, NULL) : NULL;
	EVP_PKEY *key = k != NULL ? PEM_read_bio_PrivateKey(k, NULL, no_passphrase, NULL) : NULL;
	int rc = check_pair(x, key, w);

	EVP_PKEY_free(key);
	X509_free(x);
	BIO_free(c);
	BIO_free(k);
	ERR_clear_error();
	return rc;
}
