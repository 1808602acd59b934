/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's side of RFC 4253, RFC 8731 (curve25519-sha256) and RFC 5647 (AES-GCM), as little as will do.
 */
#include "tests/support/rawssh.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define MAX (8u * 1024 * 1024)

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "rawssh: %s\n", what);
	exit(99);
}

void raw_str(struct buf *b, struct span s)
{
	buf_put_u32be(b, (uint32_t)s.n);
	buf_put_span(b, s);
}

void raw_cstr(struct buf *b, const char *s)
{
	raw_str(b, span_str(s));
}

static void mpint(struct buf *b, const uint8_t *p, size_t n)
{
	while (n > 0 && *p == 0) {
		p++;
		n--;
	}
	buf_put_u32be(b, (uint32_t)(n + (n > 0 && (*p & 0x80))));
	if (n > 0 && (*p & 0x80))
		buf_put_u8(b, 0);
	buf_put(b, p, n);
}

/* --- packets --- */

static void nonce_next(uint8_t iv[12])
{
	for (int i = 11; i >= 4 && ++iv[i] == 0; i--)
		;
}

static void seal(struct raw *r, struct span payload)
{
	size_t pad = 16 - (payload.n + 1) % 16, n;
	uint8_t *plain, *ct, head[4], tag[16];
	EVP_CIPHER_CTX *c;
	int len = 0;

	if (!r->sealed)
		pad = 8 - (payload.n + 5) % 8;
	if (pad < 4)
		pad += r->sealed ? 16 : 8;
	n = 1 + payload.n + pad;
	plain = calloc(1, n);
	ct = malloc(n);
	plain[0] = (uint8_t)pad;
	memcpy(plain + 1, payload.p, payload.n);
	for (int i = 0; i < 4; i++)
		head[i] = (uint8_t)(n >> (24 - 8 * i));
	buf_put(&r->out, head, 4);
	if (!r->sealed) {
		buf_put(&r->out, plain, n);
	} else {
		c = EVP_CIPHER_CTX_new();
		EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, r->key_out, r->iv_out);
		EVP_EncryptUpdate(c, NULL, &len, head, 4);
		EVP_EncryptUpdate(c, ct, &len, plain, (int)n);
		EVP_EncryptFinal_ex(c, NULL, &len);
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, tag);
		EVP_CIPHER_CTX_free(c);
		buf_put(&r->out, ct, n);
		buf_put(&r->out, tag, 16);
		nonce_next(r->iv_out);
	}
	free(plain);
	free(ct);
}

bool raw_flush(struct raw *r)
{
	int rc = buf_len(&r->out) > 0 ? file_write_all(r->fd, buf_span(&r->out).p, buf_len(&r->out)) : 0;

	buf_reset(&r->out);
	return rc == 0;
}

bool raw_send(struct raw *r, struct span payload)
{
	seal(r, payload);
	return r->hold || raw_flush(r);
}

static bool fill(struct raw *r, size_t want, int64_t until)
{
	while (buf_len(&r->in) < want) {
		int64_t left = (until - clock_mono_us()) / 1000;
		struct pollfd p = {r->fd, POLLIN, 0};
		uint8_t *at;
		ssize_t n;

		if (poll(&p, 1, left > 0 ? (int)left : 0) == 0)
			return false;
		if (buf_reserve(&r->in, 65536, &at) != 0)
			die("too much at once");
		n = read(r->fd, at, 65536);
		if (n <= 0)
			return false;
		buf_commit(&r->in, (size_t)n);
	}
	return true;
}

static bool ended(const struct raw *r)
{
	uint8_t b;
	struct pollfd p = {r->fd, POLLIN, 0};

	return poll(&p, 1, 0) > 0 && recv(r->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

static void open_packet(struct raw *r, size_t n)
{
	const uint8_t *p = buf_span(&r->in).p;
	uint8_t *plain = malloc(n);
	EVP_CIPHER_CTX *c;
	int len = 0;

	if (!r->sealed) {
		memcpy(plain, p + 4, n);
	} else {
		c = EVP_CIPHER_CTX_new();
		EVP_DecryptInit_ex(c, EVP_aes_128_gcm(), NULL, r->key_in, r->iv_in);
		EVP_DecryptUpdate(c, NULL, &len, p, 4);
		EVP_DecryptUpdate(c, plain, &len, p + 4, (int)n);
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, (void *)(uintptr_t)(p + 4 + n));
		if (EVP_DecryptFinal_ex(c, NULL, &len) != 1)
			die("the server's packet does not verify");
		EVP_CIPHER_CTX_free(c);
		nonce_next(r->iv_in);
	}
	buf_reset(&r->payload);
	if (plain[0] + 1u <= n)
		buf_put(&r->payload, plain + 1, n - 1 - plain[0]);
	buf_consume(&r->in, 4 + n + (r->sealed ? 16 : 0));
	free(plain);
}

int raw_recv(struct raw *r, int ms)
{
	int64_t until = clock_mono_us() + ms * 1000LL;
	struct cur c;
	size_t n;

	if (!fill(r, 4, until))
		return ended(r) ? -1 : 0;
	c = cur_of(buf_span(&r->in));
	n = cur_u32be(&c);
	if (n > 300000)
		die("packet length");
	if (!fill(r, 4 + n + (r->sealed ? 16 : 0), until))
		return ended(r) ? -1 : 0;
	open_packet(r, n);
	return buf_len(&r->payload) > 0 ? buf_span(&r->payload).p[0] : 0;
}

int raw_expect(struct raw *r, int want, int ms)
{
	int64_t until = clock_mono_us() + ms * 1000LL;

	for (;;) {
		int64_t left = (until - clock_mono_us()) / 1000;
		int t = raw_recv(r, left > 0 ? (int)left : 0);

		if (t == want || t == 0 || t == -1)
			return t;
		if (t == 1)
			return -1;
	}
}

/* --- key exchange --- */

static void kexinit(struct buf *b)
{
	static const char *const lists[10] = {"curve25519-sha256", "ssh-ed25519", "aes128-gcm@openssh.com",
		"aes128-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "none", "none", "", ""};

	buf_put_u8(b, 20);
	for (int i = 0; i < 16; i++)
		buf_put_u8(b, (uint8_t)i);
	for (int i = 0; i < 10; i++)
		raw_cstr(b, lists[i]);
	buf_put_u8(b, 0);
	buf_put_u32be(b, 0);
}

static void derive(const struct raw *r, struct span k, char letter, uint8_t *out, size_t n)
{
	uint8_t d[SHA256_LEN];
	struct buf b;

	buf_init(&b, 4096);
	buf_put_span(&b, k);
	buf_put(&b, r->sid, sizeof(r->sid));
	buf_put_u8(&b, (uint8_t)letter);
	buf_put(&b, r->sid, sizeof(r->sid));
	sha256(buf_span(&b), d);
	memcpy(out, d, n);
	buf_clear(&b);
}

static void banner(struct raw *r, char *line, size_t cap)
{
	static const char ours[] = "SSH-2.0-rawssh\r\n";
	size_t n = 0;

	if (file_write_all(r->fd, ours, sizeof(ours) - 1) != 0)
		die("write");
	while (n + 1 < cap && read(r->fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	while (n > 0 && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
}

static void exchange(struct raw *r, const char *server_banner)
{
	struct buf ours, theirs, e, h, k;
	EVP_PKEY *mine = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), *peer;
	uint8_t pub[32], shared[32];
	size_t n = 32;
	struct cur c;
	struct span host, f;
	EVP_PKEY_CTX *ctx;

	buf_init(&ours, MAX);
	buf_init(&theirs, MAX);
	buf_init(&e, MAX);
	buf_init(&h, MAX);
	buf_init(&k, MAX);
	kexinit(&ours);
	(void)raw_send(r, buf_span(&ours));
	if (raw_expect(r, 20, 5000) != 20)
		die("no KEXINIT");
	buf_put_span(&theirs, buf_span(&r->payload));
	EVP_PKEY_get_raw_public_key(mine, pub, &n);
	buf_put_u8(&e, 30);
	raw_str(&e, span_of(pub, 32));
	(void)raw_send(r, buf_span(&e));
	if (raw_expect(r, 31, 5000) != 31)
		die("no ECDH reply");
	c = cur_of(buf_span(&r->payload));
	(void)cur_u8(&c);
	host = cur_take(&c, cur_u32be(&c));
	f = cur_take(&c, cur_u32be(&c));
	peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, f.p, f.n);
	ctx = EVP_PKEY_CTX_new(mine, NULL);
	n = sizeof(shared);
	if (EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
	    EVP_PKEY_derive(ctx, shared, &n) != 1)
		die("X25519");
	mpint(&k, shared, n);
	raw_cstr(&h, "SSH-2.0-rawssh");
	raw_cstr(&h, server_banner);
	raw_str(&h, buf_span(&ours));
	raw_str(&h, buf_span(&theirs));
	raw_str(&h, host);
	raw_str(&h, span_of(pub, 32));
	raw_str(&h, f);
	buf_put_span(&h, buf_span(&k));
	sha256(buf_span(&h), r->sid);
	derive(r, buf_span(&k), 'A', r->iv_out, 12);
	derive(r, buf_span(&k), 'B', r->iv_in, 12);
	derive(r, buf_span(&k), 'C', r->key_out, 16);
	derive(r, buf_span(&k), 'D', r->key_in, 16);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(peer);
	buf_clear(&ours);
	buf_clear(&theirs);
	buf_clear(&e);
	buf_clear(&h);
	buf_clear(&k);
}

void raw_open(struct raw *r, int port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in from = {.sin_family = AF_INET};
	const char *source = getenv("RAW_SOURCE");
	const int on = 1;
	char line[256];

	(void)signal(SIGPIPE, SIG_IGN);
	*r = (struct raw){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	buf_init(&r->out, 64u * 1024 * 1024);
	buf_init(&r->in, MAX);
	buf_init(&r->payload, MAX);
	if (source != NULL && (inet_pton(AF_INET, source, &from.sin_addr) != 1 ||
			       bind(r->fd, (struct sockaddr *)&from, sizeof(from)) != 0))
		die("RAW_SOURCE");
	if (connect(r->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		die("connect");
	(void)setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	banner(r, line, sizeof(line));
	exchange(r, line);
	if (raw_expect(r, 21, 5000) != 21)
		die("no NEWKEYS");
	(void)raw_send(r, span_of("\x15", 1));
	r->sealed = true;
}

void raw_close(struct raw *r)
{
	close(r->fd);
	buf_clear(&r->out);
	buf_clear(&r->in);
	buf_clear(&r->payload);
}

/* --- authentication --- */

void raw_service(struct raw *r)
{
	struct buf b;

	buf_init(&b, 1024);
	buf_put_u8(&b, 5);
	raw_cstr(&b, "ssh-userauth");
	(void)raw_send(r, buf_span(&b));
	buf_clear(&b);
	if (!r->hold && raw_expect(r, 6, 5000) != 6)
		die("no SERVICE_ACCEPT");
}

static void request(struct buf *b, const char *user, const char *method)
{
	buf_init(b, MAX);
	buf_put_u8(b, 50);
	raw_cstr(b, user);
	raw_cstr(b, "ssh-connection");
	raw_cstr(b, method);
}

static bool send_and_clear(struct raw *r, struct buf *b)
{
	bool ok = raw_send(r, buf_span(b));

	buf_clear(b);
	return ok;
}

bool raw_none(struct raw *r, const char *user)
{
	struct buf b;

	request(&b, user, "none");
	return send_and_clear(r, &b);
}

static void put_key(struct buf *b, bool sign, struct span blob)
{
	struct cur c = cur_of(blob);
	struct span type = cur_take(&c, cur_u32be(&c));

	buf_put_u8(b, sign);
	raw_str(b, type);
	raw_str(b, blob);
}

bool raw_probe(struct raw *r, const char *user, struct span blob)
{
	struct buf b;

	request(&b, user, "publickey");
	put_key(&b, false, blob);
	return send_and_clear(r, &b);
}

bool raw_pubkey(struct raw *r, const char *user, struct span blob, const struct sshkey *k)
{
	uint8_t sig[ED25519_SIG_LEN];
	struct buf b, signed_data, s;

	request(&b, user, "publickey");
	put_key(&b, true, blob);
	buf_init(&signed_data, MAX);
	raw_str(&signed_data, span_of(r->sid, sizeof(r->sid)));
	buf_put_span(&signed_data, buf_span(&b));
	if (ed25519_sign(k->seed, buf_span(&signed_data), sig) != 0)
		die("sign");
	buf_init(&s, 1024);
	raw_cstr(&s, "ssh-ed25519");
	raw_str(&s, span_of(sig, sizeof(sig)));
	raw_str(&b, buf_span(&s));
	buf_clear(&s);
	buf_clear(&signed_data);
	return send_and_clear(r, &b);
}

bool raw_kbdint(struct raw *r, const char *user)
{
	struct buf b;

	request(&b, user, "keyboard-interactive");
	raw_cstr(&b, "");
	raw_cstr(&b, "");
	return send_and_clear(r, &b);
}

bool raw_info_response(struct raw *r)
{
	return raw_send(r, span_of("\x3d\0\0\0\0", 5));
}
