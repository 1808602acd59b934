/* SPDX-License-Identifier: Apache-2.0
 *
 * A small blocking TLS client over a connected socket (OpenSSL's doorway for TLS, with
 * base/crypto): for short exchanges made by short-lived processes. No server side, no sessions, no
 * client certificates.
 */
#ifndef SP_BASE_TLS_H
#define SP_BASE_TLS_H

#include "base/err.h"
#include "base/span.h"

struct tls;

enum tls_verify {
	TLS_VERIFY_NONE, /* encrypt only */
	TLS_VERIFY_CA,   /* the chain ends in ca_pem */
	TLS_VERIFY_FULL, /* and the certificate is host's */
};

/* Handshake over fd (borrowed; the caller sets its timeouts). host: name for SNI and the check;
 * ca_pem: PEM certificates, needed unless TLS_VERIFY_NONE. At least TLS 1.2. 0 or an error with
 * why. */
int tls_connect(int fd, const char *host, enum tls_verify verify, struct span ca_pem,
    struct tls **out, struct why *w) MUST_CHECK;
/* All n bytes. 0 or an error. */
int tls_write(struct tls *t, const void *p, size_t n) MUST_CHECK;
/* Up to n bytes: the count, 0 at the end, or an error. */
int tls_read(struct tls *t, void *p, size_t n) MUST_CHECK;
void tls_free(struct tls *t); /* the socket stays open */

/* Is key_pem the key of the first certificate in cert_pem? E_CONFIG with why when not, or when either cannot be read; E_EXPIRED
 * with why when they fit but the certificate's time is over or has not come. */
int tls_check_pair(struct span cert_pem, struct span key_pem, struct why *w) MUST_CHECK;

#endif
