/* SPDX-License-Identifier: Apache-2.0
 *
 * The TLS client against a real server in a child process: which certificates pass at which level, old protocol
 * versions, a stream that is cut without a goodbye.
 */
#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/tls.h"

struct cert {
	EVP_PKEY *key;
	X509 *x;
};

enum ending { SAY_GOODBYE, CUT };

static void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX cx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&cx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &cx, nid, value);
	cr_assert_not_null(e, "%s", value);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* san NULL: a CA. by NULL: self-signed. life: seconds from now, negative is expired. */
static struct cert issue(const char *cn, const char *san, const struct cert *by, long life)
{
	struct cert c = {EVP_EC_gen("prime256v1"), X509_new()};
	X509 *issuer = by != NULL ? by->x : c.x;

	X509_set_version(c.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x), rand());
	X509_gmtime_adj(X509_getm_notBefore(c.x), -7200);
	X509_gmtime_adj(X509_getm_notAfter(c.x), life);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c.x), "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0);
	X509_set_issuer_name(c.x, X509_get_subject_name(issuer));
	X509_set_pubkey(c.x, c.key);
	add_ext(c.x, issuer, NID_basic_constraints, san == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (san != NULL)
		add_ext(c.x, issuer, NID_subject_alt_name, san);
	cr_assert_gt(X509_sign(c.x, by != NULL ? by->key : c.key, EVP_sha256()), 0);
	return c;
}

static void cert_free(struct cert *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->x);
}

static void pem_of(const struct cert *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	PEM_write_bio_X509(bio, c->x);
	n = BIO_get_mem_data(bio, &p);
	buf_put(out, p, (size_t)n);
	BIO_free(bio);
}

/* The child: one connection, echoes one read, ends as told. */
static void serve(int fd, const struct cert *c, int max_version, enum ending end)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl;
	char b[64];
	int n;

	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, 0);
	if (max_version != 0)
		SSL_CTX_set_max_proto_version(ctx, max_version);
	SSL_CTX_use_certificate(ctx, c->x);
	SSL_CTX_use_PrivateKey(ctx, c->key);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && (n = SSL_read(ssl, b, sizeof(b))) > 0) {
		(void)SSL_write(ssl, b, n);
		if (end == SAY_GOODBYE)
			(void)SSL_shutdown(ssl);
	}
	_exit(0);
}

struct dial {
	const struct cert *server;
	struct span ca;
	const char *host;
	enum tls_verify verify;
	int max_version;
	enum ending end;
};

/* 0 when the echo came back and the stream ended as promised, or tls_connect()'s error. */
static int dial(const struct dial *d, struct why *w)
{
	struct tls *t;
	char b[16] = "";
	int sv[2];
	int rc;
	pid_t pid;

	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	pid = fork();
	if (pid == 0) {
		close(sv[0]);
		serve(sv[1], d->server, d->max_version, d->end);
	}
	close(sv[1]);
	*w = (struct why){0};
	rc = tls_connect(sv[0], d->host, d->verify, d->ca, &t, w);
	cr_assert((rc == 0) == (t != NULL));
	if (rc == 0) {
		cr_expect_eq(tls_write(t, "", 0), 0);
		cr_expect_eq(tls_write(t, "echo", 4), 0);
		cr_expect_eq(tls_read(t, b, sizeof(b)), 4);
		cr_expect_str_eq(b, "echo");
		cr_expect_eq(tls_read(t, b, sizeof(b)), d->end == SAY_GOODBYE ? 0 : E_CLOSED);
		tls_free(t);
	}
	close(sv[0]);
	waitpid(pid, NULL, 0);
	return rc;
}

static struct cert ca, other, good, ip, wild, expired, self;
static struct buf bundle, other_pem;

/* A system that would allow everything: what is refused is refused by us. */
static void lax_system(void)
{
	static const char text[] = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
				   "MinProtocol = TLSv1\nCipherString = DEFAULT:@SECLEVEL=0\n";
	char path[] = "/tmp/sp-tls.XXXXXX";
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	cr_assert_eq(setenv("OPENSSL_CONF", path, 1), 0);
	cr_assert_eq(OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL), 1);
	close(fd);
	unlink(path);
}

static void certs_up(void)
{
	lax_system();
	ca = issue("unit CA", NULL, NULL, 3600);
	other = issue("unit CA", NULL, NULL, 3600); /* the same name, another key */
	good = issue("ignored.example", "DNS:db.example", &ca, 3600);
	ip = issue("db.example", "IP:192.0.2.7", &ca, 3600);
	wild = issue("x", "DNS:d*.part.example,DNS:*.wild.example", &ca, 3600);
	expired = issue("x", "DNS:db.example", &ca, -60);
	self = issue("x", "DNS:db.example", NULL, 3600);
	buf_init(&bundle, 1 << 16);
	buf_init(&other_pem, 1 << 16);
	pem_of(&ca, &bundle);
	pem_of(&other, &other_pem);
}

static void certs_down(void)
{
	struct cert *all[] = {&ca, &other, &good, &ip, &wild, &expired, &self};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		cert_free(all[i]);
	buf_clear(&bundle);
	buf_clear(&other_pem);
}

Test(tls, who_passes, .init = certs_up, .fini = certs_down, .timeout = 60)
{
	const struct span ok = buf_span(&bundle), foreign = buf_span(&other_pem), none = {NULL, 0};
	const struct {
		const char *what;
		struct dial d;
		int want;
	} cases[] = {
		{"the right host", {&good, ok, "db.example", TLS_VERIFY_FULL, 0, SAY_GOODBYE}, 0},
		{"case does not matter", {&good, ok, "DB.Example", TLS_VERIFY_FULL, 0, CUT}, 0},
		{"another host", {&good, ok, "db2.example", TLS_VERIFY_FULL, 0, CUT}, E_CRYPTO},
		{"the CN is ignored when there are names", {&good, ok, "ignored.example", TLS_VERIFY_FULL, 0, CUT}, E_CRYPTO},
		{"a suffix", {&good, ok, "evil.db.example", TLS_VERIFY_FULL, 0, CUT}, E_CRYPTO},
		{"another host is fine at ca", {&good, ok, "db2.example", TLS_VERIFY_CA, 0, CUT}, 0},
		{"an address", {&ip, ok, "192.0.2.7", TLS_VERIFY_FULL, 0, CUT}, 0},
		{"another address", {&ip, ok, "192.0.2.8", TLS_VERIFY_FULL, 0, CUT}, E_CRYPTO},
		{"a name is no address", {&good, ok, "192.0.2.7", TLS_VERIFY_FULL, 0, CUT}, E_CRYPTO},
		{"a whole wildcard", {&wild, ok, "a.wild.example", TLS_VERIFY_FULL, 0, CUT}, 0},
		{"a wildcard over two labels", {&wild, ok, "a.b.wild.example", TLS_VERIFY_FULL, 0, CUT}, E_CRYPTO},
		{"a partial wildcard", {&wild, ok, "db.part.example", TLS_VERIFY_FULL, 0, CUT}, E_CRYPTO},
		{"expired", {&expired, ok, "db.example", TLS_VERIFY_FULL, 0, CUT}, E_CRYPTO},
		{"expired at ca", {&expired, ok, "db.example", TLS_VERIFY_CA, 0, CUT}, E_CRYPTO},
		{"self-signed", {&self, ok, "db.example", TLS_VERIFY_CA, 0, CUT}, E_CRYPTO},
		{"a CA of the same name", {&good, foreign, "db.example", TLS_VERIFY_CA, 0, CUT}, E_CRYPTO},
		{"no bundle", {&good, none, "db.example", TLS_VERIFY_FULL, 0, CUT}, E_CONFIG},
		{"no certificate in the bundle", {&good, span_str("-----"), "db.example", TLS_VERIFY_CA, 0, CUT}, E_CONFIG},
		{"anything at none", {&self, none, "db.example", TLS_VERIFY_NONE, 0, CUT}, 0},
		{"TLS 1.2", {&good, ok, "db.example", TLS_VERIFY_FULL, TLS1_2_VERSION, SAY_GOODBYE}, 0},
		{"TLS 1.1", {&good, ok, "db.example", TLS_VERIFY_NONE, TLS1_1_VERSION, CUT}, E_CRYPTO},
	};
	struct why w;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = dial(&cases[i].d, &w);

		cr_expect_eq(rc, cases[i].want, "%s: %d (%s)", cases[i].what, rc, w.text);
		if (rc != 0)
			cr_expect_neq(w.text[0], '\0', "%s: a person gets a reason", cases[i].what);
	}
}

/* A server that speaks something else, or leaves at once. */
Test(tls, no_tls_at_all, .timeout = 20)
{
	static const char *const answers[] = {"", "N", "HTTP/1.0 400 no\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x28"};
	struct tls *t;
	struct why w;
	int sv[2];

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
		cr_assert_eq(write(sv[1], answers[i], strlen(answers[i])), (ssize_t)strlen(answers[i]));
		shutdown(sv[1], SHUT_WR);
		cr_expect_eq(tls_connect(sv[0], "db.example", TLS_VERIFY_NONE, span_of(NULL, 0), &t, &w), E_CRYPTO);
		cr_expect_null(t);
		close(sv[0]);
		close(sv[1]);
	}
	tls_free(NULL);
}

static struct span written(BIO *b)
{
	char *p = NULL;
	long n = BIO_get_mem_data(b, &p);

	return span_of(p, (size_t)n);
}

Test(tls, pairs_of_files)
{
	struct cert a = issue("a", "DNS:a", NULL, 3600), b = issue("b", "DNS:b", NULL, 3600), old = issue("o", "DNS:o", NULL, -60);
	BIO *certs = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem()), *locked = BIO_new(BIO_s_mem()), *gone = BIO_new(BIO_s_mem()),
	    *gone_key = BIO_new(BIO_s_mem()), *other = BIO_new(BIO_s_mem());
	struct why w;

	cr_assert(PEM_write_bio_X509(certs, a.x) && PEM_write_bio_X509(certs, b.x) && PEM_write_bio_X509(gone, old.x));
	cr_assert(PEM_write_bio_PrivateKey(key, a.key, NULL, NULL, 0, NULL, NULL));
	cr_assert(PEM_write_bio_PrivateKey(other, b.key, NULL, NULL, 0, NULL, NULL));
	cr_assert(PEM_write_bio_PrivateKey(gone_key, old.key, NULL, NULL, 0, NULL, NULL));
	cr_assert(PEM_write_bio_PrivateKey(locked, a.key, EVP_aes_128_cbc(), (const unsigned char *)"pw", 2, NULL, NULL));
	cr_expect_eq(tls_check_pair(written(certs), written(key), &w), 0);
	cr_expect_eq(tls_check_pair(written(certs), written(other), &w), E_CONFIG, "of the second certificate");
	cr_expect_not_null(strstr(w.text, "not the one of the first certificate"));
	cr_expect_eq(tls_check_pair(written(certs), written(locked), &w), E_CONFIG, "with a passphrase");
	cr_expect_eq(tls_check_pair(written(key), written(key), &w), E_CONFIG);
	cr_expect_eq(tls_check_pair(written(certs), written(certs), &w), E_CONFIG);
	cr_expect_eq(tls_check_pair((struct span){0}, (struct span){0}, &w), E_CONFIG);
	cr_expect_eq(tls_check_pair(written(gone), written(gone_key), &w), E_EXPIRED);
	for (size_t n = 0; n < written(certs).n / 2 - 30; n += 7)
		cr_expect_eq(tls_check_pair(span_of(written(certs).p, n), written(key), &w), E_CONFIG);
	BIO_free(certs);
	BIO_free(key);
	BIO_free(locked);
	BIO_free(gone);
	BIO_free(gone_key);
	BIO_free(other);
	cert_free(&a);
	cert_free(&b);
	cert_free(&old);
}
