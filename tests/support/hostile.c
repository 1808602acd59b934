/* SPDX-License-Identifier: Apache-2.0
 *
 * A client that breaks rules, one scenario per run: hostile PORT USER KEY CERT SCENARIO. Prints what the server did;
 * the judgement is tests/integration/21-hostile-client.sh's and 91-confusion.sh's. KEY: private Ed25519 key; CERT: its
 * certificate; HOSTILE_OTHER in the environment: a second private key, with its certificate beside it (-cert.pub).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/support/rawssh.h"

struct who {
	struct sshkey key;
	struct buf plain, cert;
};

static struct {
	int port;
	const char *user;
	struct sshkey key;
	struct buf plain, cert;
	struct who other;
} in;

static struct raw r;

static const char *word(int t)
{
	static char other[16];

	switch (t) {
	case 0:
		return "nothing";
	case -1:
		return "end";
	case 51:
		return "FAILURE";
	case 52:
		return "SUCCESS";
	case 60:
		return "PK_OK/INFO_REQUEST";
	case 81:
		return "REQUEST_SUCCESS";
	case 82:
		return "REQUEST_FAILURE";
	case 91:
		return "OPEN_CONFIRMATION";
	case 92:
		return "OPEN_FAILURE";
	default:
		snprintf(other, sizeof(other), "%d", t);
		return other;
	}
}

static void print_text(const char *head, struct span s)
{
	printf("%s", head);
	for (size_t i = 0; i < s.n; i++)
		printf("%c%s", s.p[i], s.p[i] == '\n' && i + 1 < s.n ? head : "");
	printf("%s", s.n > 0 && s.p[s.n - 1] == '\n' ? "" : "\n");
	fflush(stdout);
}

/* The next packet that is not EXT_INFO or other noise; banners are printed. */
static int next(int ms)
{
	int t;

	do {
		t = raw_recv(&r, ms);
		if (t == 53) {
			struct cur c = cur_of(buf_span(&r.payload));

			(void)cur_u8(&c);
			print_text("banner| ", cur_take(&c, cur_u32be(&c)));
		}
	} while (t == 7 || t == 53 || t == 2 || t == 4);
	return t == 1 ? -1 : t;
}

static void say(const char *what, int t)
{
	printf("%s: %s", what, word(t));
	if (t == 51) {
		struct cur c = cur_of(buf_span(&r.payload));
		struct span methods;

		(void)cur_u8(&c);
		methods = cur_take(&c, cur_u32be(&c));
		printf(" %.*s%s", (int)methods.n, (const char *)methods.p, cur_u8(&c) ? " partial" : "");
	}
	printf("\n");
	fflush(stdout);
}

static void start(void)
{
	raw_open(&r, in.port);
	raw_service(&r);
}

static void login(void)
{
	start();
	(void)raw_pubkey(&r, in.user, buf_span(&in.cert), &in.key);
	if (next(5000) != 52) {
		printf("login failed\n");
		exit(1);
	}
}

/* A channel: returns the server's number, or -1. window and packet are ours to announce. */
static int64_t channel(const char *type, uint32_t mine, uint32_t window, uint32_t packet, const char *host)
{
	struct buf b;
	struct cur c;
	int t;

	buf_init(&b, 1u << 20);
	buf_put_u8(&b, 90);
	raw_cstr(&b, type);
	buf_put_u32be(&b, mine);
	buf_put_u32be(&b, window);
	buf_put_u32be(&b, packet);
	if (host != NULL) {
		raw_cstr(&b, host);
		buf_put_u32be(&b, 5432);
		raw_cstr(&b, "127.0.0.1");
		buf_put_u32be(&b, 1);
	}
	(void)raw_send(&r, buf_span(&b));
	buf_clear(&b);
	if (r.hold)
		return 0;
	t = next(5000);
	if (t != 91)
		return t == 92 ? -1 : -2;
	c = cur_of(buf_span(&r.payload));
	(void)cur_take(&c, 5);
	return cur_u32be(&c);
}

static bool data(int64_t to, struct span s)
{
	struct buf b;
	bool ok;

	buf_init(&b, 1u << 20);
	buf_put_u8(&b, 94);
	buf_put_u32be(&b, (uint32_t)to);
	raw_str(&b, s);
	ok = raw_send(&r, buf_span(&b));
	buf_clear(&b);
	return ok;
}

static bool chan_msg(uint8_t type, int64_t to)
{
	struct buf b;
	bool ok;

	buf_init(&b, 64);
	buf_put_u8(&b, type);
	buf_put_u32be(&b, (uint32_t)to);
	ok = raw_send(&r, buf_span(&b));
	buf_clear(&b);
	return ok;
}

static bool chan_request(int64_t to, const char *what, bool reply, const char *arg)
{
	struct buf b;
	bool ok;

	buf_init(&b, 1u << 20);
	buf_put_u8(&b, 98);
	buf_put_u32be(&b, (uint32_t)to);
	raw_cstr(&b, what);
	buf_put_u8(&b, reply);
	if (arg != NULL)
		raw_cstr(&b, arg);
	ok = raw_send(&r, buf_span(&b));
	buf_clear(&b);
	return ok;
}

static void global(const char *what, bool reply)
{
	struct buf b;

	buf_init(&b, 1024);
	buf_put_u8(&b, 80);
	raw_cstr(&b, what);
	buf_put_u8(&b, reply);
	(void)raw_send(&r, buf_span(&b));
	buf_clear(&b);
}

/* Is the connection alive? A keepalive is always answered. */
static void alive(void)
{
	int t;

	global("keepalive@openssh.com", true);
	do {
		t = next(3000);
	} while (t > 0 && t != 81);
	printf("alive: %s\n", t == 81 ? "yes" : "no");
}

/* --- authentication --- */

static void s_kbdint_first(void)
{
	start();
	(void)raw_kbdint(&r, in.user);
	say("keyboard-interactive without a key", next(3000));
	(void)raw_info_response(&r);
	say("answer nobody asked for", next(3000));
}

static void s_unasked_answer(void)
{
	start();
	(void)raw_pubkey(&r, in.user, buf_span(&in.plain), &in.key);
	say("plain key", next(3000));
	(void)raw_info_response(&r);
	say("answer nobody asked for", next(3000));
}

static void s_user_change_kbdint(void)
{
	start();
	(void)raw_pubkey(&r, in.user, buf_span(&in.plain), &in.key);
	say("plain key", next(3000));
	(void)raw_kbdint(&r, "bob");
	say("as another user", next(3000));
}

static void s_user_change_cert(void)
{
	start();
	(void)raw_pubkey(&r, in.user, buf_span(&in.plain), &in.key);
	say("plain key", next(3000));
	(void)raw_pubkey(&r, "bob", buf_span(&in.cert), &in.key);
	say("as another user", next(3000));
}

static void s_probe_only(void)
{
	struct sshkey other;
	struct buf blob;

	start();
	if (sshkey_generate(&other) != 0)
		exit(1);
	buf_init(&blob, 1024);
	raw_cstr(&blob, "ssh-ed25519");
	raw_str(&blob, span_of(other.pub, sizeof(other.pub)));
	(void)raw_probe(&r, in.user, buf_span(&in.plain));
	say("known key of a known user", next(3000));
	(void)raw_probe(&r, "nobody-here", buf_span(&blob));
	say("unknown key of an unknown user", next(3000));
	(void)raw_probe(&r, in.user, buf_span(&in.cert));
	say("certificate", next(3000));
	(void)raw_kbdint(&r, in.user);
	say("keyboard-interactive after probes", next(3000));
	printf("channel: %lld\n", (long long)channel("session", 0, 100000, 32768, NULL));
	buf_clear(&blob);
}

static void s_early_channel(void)
{
	start();
	printf("channel: %lld\n", (long long)channel("session", 0, 100000, 32768, NULL));
	(void)raw_none(&r, in.user);
	say("afterwards", next(3000));
}

static void s_pipelined(void)
{
	raw_open(&r, in.port);
	r.hold = true;
	raw_service(&r);
	(void)raw_pubkey(&r, in.user, buf_span(&in.plain), &in.key);
	(void)raw_kbdint(&r, in.user);
	(void)raw_flush(&r);
	r.hold = false;
	say("service", next(3000));
	say("plain key", next(3000));
	say("keyboard-interactive", next(3000));
	(void)raw_info_response(&r);
	say("answer", next(3000));
	printf("forward: %lld\n", (long long)channel("direct-tcpip", 0, 100000, 32768, "orders-prod"));
}

static void s_none_flood(void)
{
	int n = 0, t;

	start();
	do {
		n++;
		t = raw_none(&r, in.user) ? next(3000) : -1;
	} while (t == 51 && n < 1000);
	printf("requests answered: %s\n", t == -1 && n < 1000 ? "bounded" : "unbounded");
}

static void s_bad_signature(void)
{
	struct sshkey other = in.key;

	start();
	other.seed[0] ^= 1;
	(void)raw_pubkey(&r, in.user, buf_span(&in.plain), &other);
	say("wrong signature", next(1000));
	(void)raw_pubkey(&r, in.user, buf_span(&in.cert), &other);
	say("wrong signature with a certificate", next(1000));
	printf("channel: %lld\n", (long long)channel("session", 0, 100000, 32768, NULL));
}

static void s_changed_cert(void)
{
	start();
	in.cert.mem[in.cert.off + buf_len(&in.cert) - 1] ^= 1; /* of the authority's signature */
	(void)raw_pubkey(&r, in.user, buf_span(&in.cert), &in.key);
	say("changed certificate", next(3000));
}

static void s_auth_again(void)
{
	login();
	(void)raw_pubkey(&r, "bob", buf_span(&in.cert), &in.key);
	say("authenticating again", next(1000));
}

/* --- whose key, whose certificate --- */

/* A verb on this connection, its output printed as "out| ...". */
static void run(const char *line)
{
	int64_t ch = channel("session", 7, 1000000, 32768, NULL);
	int t;

	if (ch < 0) {
		printf("no channel: %lld\n", (long long)ch);
		return;
	}
	(void)chan_request(ch, "exec", false, line);
	while ((t = next(10000)) > 0 && t != 97)
		if (t == 94) {
			struct cur c = cur_of(buf_span(&r.payload));

			(void)cur_take(&c, 5);
			print_text("out| ", cur_take(&c, cur_u32be(&c)));
		}
}

/* Answer requests without prompts until something else comes. */
static int wait_login(int ms)
{
	int64_t until = clock_mono_us() + (int64_t)ms * 1000;
	int t = 60;

	while (t == 60 && clock_mono_us() < until) {
		(void)raw_info_response(&r);
		t = next((int)((until - clock_mono_us()) / 1000));
	}
	return t;
}

static void s_probe_other_sign_mine(void)
{
	start();
	(void)raw_probe(&r, in.user, buf_span(&in.other.plain));
	say("probe of another's key", next(3000));
	(void)raw_probe(&r, in.user, buf_span(&in.other.cert));
	say("probe of another's certificate", next(3000));
	(void)raw_pubkey(&r, in.user, buf_span(&in.cert), &in.key);
	say("own certificate", next(3000));
	run("whoami");
}

/* Only what was signed last counts, whatever is probed before and after. */
static void s_probe_between(void)
{
	start();
	(void)raw_pubkey(&r, in.user, buf_span(&in.plain), &in.key);
	say("own key", next(3000));
	(void)raw_probe(&r, in.user, buf_span(&in.other.plain));
	say("probe of another's key", next(3000));
	(void)raw_probe(&r, in.user, buf_span(&in.other.cert));
	say("probe of another's certificate", next(3000));
	(void)raw_kbdint(&r, in.user);
	say("keyboard-interactive", next(3000));
	(void)raw_probe(&r, in.user, buf_span(&in.other.plain));
	say("probe in between", next(3000));
	(void)raw_kbdint(&r, in.user);
	(void)next(3000);
	say("login", wait_login(10000));
	run("cert");
}

/* Another's certificate with a signature of mine. */
static void s_other_cert_my_signature(void)
{
	start();
	(void)raw_pubkey(&r, in.user, buf_span(&in.other.cert), &in.key);
	say("another's certificate, my signature", next(1000));
	printf("channel: %lld\n", (long long)channel("session", 0, 100000, 32768, NULL));
}

/* My key is proven, then another's certificate is shown without proof. */
static void s_mine_then_other_unproven(void)
{
	start();
	(void)raw_pubkey(&r, in.user, buf_span(&in.plain), &in.key);
	say("own key", next(3000));
	(void)raw_probe(&r, in.user, buf_span(&in.other.cert));
	say("probe of another's certificate", next(3000));
	printf("channel: %lld\n", (long long)channel("session", 0, 100000, 32768, NULL));
}

/* A name that nothing was proven for is free to change; afterwards it is not. */
static void s_name_after_probe(void)
{
	start();
	(void)raw_probe(&r, "nobody-here", buf_span(&in.plain));
	say("probe as somebody else", next(3000));
	(void)raw_pubkey(&r, in.user, buf_span(&in.cert), &in.key);
	say("own certificate", next(3000));
	run("whoami");
}

/* The login of my key waits. */
static bool login_waits(void)
{
	int t;

	start();
	(void)raw_pubkey(&r, in.user, buf_span(&in.plain), &in.key);
	say("unknown key", next(3000));
	(void)raw_kbdint(&r, in.user);
	t = next(10000);
	say("keyboard-interactive", t);
	return t == 60;
}

static void s_login(void)
{
	if (!login_waits())
		return;
	say("login", wait_login(60000));
	run("whoami");
}

/* Another certificate takes over while the login waits: all of its identity and nothing of the login's. */
static void s_login_then_cert(void)
{
	if (!login_waits())
		return;
	(void)raw_pubkey(&r, in.user, buf_span(&in.other.cert), &in.other.key);
	say("another's certificate", next(5000));
	printf("waiting\n");
	fflush(stdout);
	sleep(3); /* somebody approves the login */
	run("whoami");
}

static void s_login_then_key(void)
{
	if (!login_waits())
		return;
	(void)raw_pubkey(&r, in.user, buf_span(&in.other.plain), &in.other.key);
	say("another key", next(5000));
	(void)raw_info_response(&r);
	say("login", wait_login(4000));
	printf("channel: %lld\n", (long long)channel("session", 0, 100000, 32768, NULL));
}

static void s_login_then_name(void)
{
	if (!login_waits())
		return;
	(void)raw_kbdint(&r, "bob");
	say("as another user", next(3000));
}

static void s_login_then_channel(void)
{
	if (!login_waits())
		return;
	printf("channel: %lld\n", (long long)channel("session", 0, 100000, 32768, NULL));
	printf("forward: %lld\n", (long long)channel("direct-tcpip", 1, 100000, 32768, "orders-prod"));
}

/* Only a probe of a key that nobody knows. */
static void s_login_probe(void)
{
	start();
	(void)raw_probe(&r, in.user, buf_span(&in.plain));
	say("probe", next(3000));
	(void)raw_kbdint(&r, in.user);
	say("keyboard-interactive after a probe", next(3000));
	(void)raw_info_response(&r);
	say("an answer", next(3000));
}

/* For four seconds, or until the server takes no more. */
static void flood(bool (*what)(struct raw *), const char *name)
{
	int64_t until = clock_mono_us() + 4000000;
	long n = 0;

	if (!login_waits())
		return;
	r.hold = true;
	if (fd_set_nonblock(r.fd, true) != 0)
		exit(1);
	while (clock_mono_us() < until && n < 3000000) {
		for (int i = 0; i < 1000; i++, n++)
			(void)what(&r);
		if (!raw_flush(&r))
			break;
	}
	printf("%s sent: %ld\n", name, n);
	fflush(stdout);
	sleep(4);
}

static bool begin_again(struct raw *x)
{
	return raw_kbdint(x, in.user);
}

static void s_login_answers(void)
{
	flood(raw_info_response, "answers");
}

static void s_login_beginnings(void)
{
	flood(begin_again, "beginnings");
}

/* --- channels --- */

static void s_globals(void)
{
	login();
	global("no-such-request@example.com", true);
	say("unknown request", next(3000));
	global("no-such-request@example.com", false);
	global("no-more-sessions@openssh.com", false);
	global("hostkeys-prove-00@openssh.com", true);
	say("hostkeys-prove", next(3000));
	alive();
}

static void s_overrun(void)
{
	static uint8_t zeros[32768];
	int64_t ch, sent = 0;

	login();
	ch = channel("direct-tcpip", 0, 0, 32768, "orders-prod");
	memset(zeros, 0, sizeof(zeros));
	while (sent < 64 * 1024 * 1024 && data(ch, span_of(zeros, sizeof(zeros))))
		sent += (int64_t)sizeof(zeros);
	printf("overrun: %s\n", sent < 32 * 1024 * 1024 ? "ended" : "taken");
}

/* The same on a session channel whose command does not read. */
static void s_overrun_exec(void)
{
	static uint8_t zeros[32768];
	int64_t ch, sent = 0;

	login();
	ch = channel("session", 0, 0, 32768, NULL);
	while (sent < 64 * 1024 * 1024 && data(ch, span_of(zeros, sizeof(zeros))))
		sent += (int64_t)sizeof(zeros);
	printf("overrun: %s\n", sent < 32 * 1024 * 1024 ? "ended" : "taken");
}

static void s_tiny_packets(uint32_t size)
{
	int64_t ch, t0;
	int t;

	login();
	ch = channel("session", 0, 1000000, size, NULL);
	printf("channel: %s\n", ch >= 0 ? "open" : "refused");
	if (ch < 0) {
		alive();
		return;
	}
	(void)chan_request(ch, "exec", false, "whoami");
	t0 = clock_mono_us();
	do {
		t = raw_recv(&r, 15000);
	} while (t > 0 && t != 97 && clock_mono_us() - t0 < 15000000);
	printf("within 15 s: %s\n", t == -1 || t == 1 ? "end" : t == 97 ? "closed" : "still there");
}

static void s_tiny10(void)
{
	s_tiny_packets(10);
}

static void s_tiny1(void)
{
	s_tiny_packets(1);
}

static void s_tiny0(void)
{
	s_tiny_packets(0);
}

/* Requests behind the close of their channel, in one segment: libssh queues them with a pointer to the channel. */
static void s_close_then_request(void)
{
	login();
	for (int i = 0; i < 200; i++) {
		int64_t ch = channel("session", (uint32_t)i, 100000, 32768, NULL);

		if (ch < 0)
			break;
		r.hold = true;
		if (i % 2 == 0)
			(void)chan_request(ch, "exec", true, "nosuchverb");
		(void)chan_msg(96, ch);
		(void)chan_msg(97, ch);
		(void)chan_request(ch, "env", true, "A");
		(void)chan_request(ch, "exec", true, "whoami");
		(void)chan_request(ch, "window-change", true, NULL);
		(void)chan_msg(97, ch);
		(void)data(ch, span_str("late"));
		(void)chan_request(ch, "shell", true, NULL);
		(void)raw_flush(&r);
		r.hold = false;
		while (raw_recv(&r, 5) > 0)
			;
	}
	alive();
}

static void s_nonsense(void)
{
	int64_t ch;

	login();
	(void)data(77, span_str("nobody"));
	(void)chan_msg(97, 78);
	(void)chan_request(79, "exec", true, "whoami");
	ch = channel("session", 1, 0xffffffff, 32768, NULL);
	(void)chan_request(ch, "exec", false, "whoami");
	(void)chan_request(ch, "exec", true, "whoami");
	(void)chan_request(ch, "shell", true, NULL);
	(void)chan_request(ch, "subsystem", true, "sftp");
	(void)chan_request(ch, "pty-req", true, "x");
	(void)chan_request(ch, "signal", false, "NOSUCH");
	(void)chan_msg(96, ch);
	(void)chan_msg(96, ch);
	(void)data(ch, span_str("after the end"));
	(void)raw_send(&r, span_of("\x5d\0\0\0\0\xff\xff\xff\xff", 9)); /* window adjust */
	(void)raw_send(&r, span_of("\x5d\0\0\0\0\xff\xff\xff\xff", 9));
	(void)raw_send(&r, span_of("\x5a", 1)); /* channel open without a body */
	(void)raw_send(&r, span_of("\xc0garbage", 8));
	alive();
}

static void s_channel_flood(void)
{
	int open = 0;

	login();
	for (uint32_t i = 0; i < 500; i++)
		open += channel("session", i, 100000, 32768, NULL) >= 0;
	printf("open: %d\n", open);
	alive();
}

static void s_long_target(void)
{
	static char name[100000];

	login();
	memset(name, 'x', sizeof(name) - 1);
	printf("channel: %s\n", channel("direct-tcpip", 0, 100000, 32768, name) >= 0 ? "open" : "refused");
	printf("channel: %s\n", channel("direct-tcpip", 1, 100000, 32768, "a\x01\xff\n") >= 0 ? "open" : "refused");
	alive();
}

/* No reply is read while requests pour in. */
static void s_deaf(void)
{
	struct buf b;
	int64_t until = clock_mono_us() + 4000000;
	long n = 0;

	login();
	buf_init(&b, 1024);
	buf_put_u8(&b, 80);
	raw_cstr(&b, "keepalive@openssh.com");
	buf_put_u8(&b, 1);
	r.hold = true;
	if (fd_set_nonblock(r.fd, true) != 0)
		exit(1);
	while (clock_mono_us() < until && n < 3000000) {
		for (int i = 0; i < 1000; i++, n++)
			(void)raw_send(&r, buf_span(&b));
		if (!raw_flush(&r))
			break;
	}
	printf("requests without reading: %ld\n", n);
	fflush(stdout);
	sleep(2);
	buf_clear(&b);
}

static const struct {
	const char *name;
	void (*fn)(void);
} scenarios[] = {
	{"kbdint-first", s_kbdint_first}, {"unasked-answer", s_unasked_answer}, {"user-change-kbdint", s_user_change_kbdint},
	{"user-change-cert", s_user_change_cert}, {"probe-only", s_probe_only}, {"early-channel", s_early_channel},
	{"pipelined", s_pipelined}, {"none-flood", s_none_flood}, {"bad-signature", s_bad_signature},
	{"changed-cert", s_changed_cert}, {"auth-again", s_auth_again}, {"globals", s_globals}, {"overrun", s_overrun},
	{"overrun-exec", s_overrun_exec}, {"tiny10", s_tiny10}, {"tiny1", s_tiny1}, {"tiny0", s_tiny0},
	{"close-then-request", s_close_then_request}, {"nonsense", s_nonsense}, {"channel-flood", s_channel_flood},
	{"long-target", s_long_target}, {"deaf", s_deaf}, {"probe-other-sign-mine", s_probe_other_sign_mine},
	{"probe-between", s_probe_between}, {"other-cert-my-signature", s_other_cert_my_signature},
	{"mine-then-other-unproven", s_mine_then_other_unproven}, {"name-after-probe", s_name_after_probe}, {"login", s_login},
	{"login-then-cert", s_login_then_cert}, {"login-then-key", s_login_then_key}, {"login-then-name", s_login_then_name},
	{"login-then-channel", s_login_then_channel}, {"login-probe", s_login_probe}, {"login-answers", s_login_answers},
	{"login-beginnings", s_login_beginnings},
};

/* The certificate may be missing: a key for a login has none. */
static void load(const char *key, const char *cert, struct sshkey *k, struct buf *plain, struct buf *blob)
{
	struct buf b;
	struct why w = {0};
	struct cur c;
	struct span line;

	buf_init(&b, 1u << 20);
	buf_init(plain, 1u << 20);
	buf_init(blob, 1u << 20);
	if (file_read(key, &b) != 0 || sshkey_parse(buf_span(&b), k, &w) != 0) {
		fprintf(stderr, "hostile: %s: %s\n", key, w.text);
		exit(99);
	}
	raw_cstr(plain, "ssh-ed25519");
	raw_str(plain, span_of(k->pub, sizeof(k->pub)));
	buf_reset(&b);
	if (file_read(cert, &b) == 0) {
		c = cur_of(buf_span(&b));
		while (cur_left(&c) > 0 && cur_u8(&c) != ' ')
			;
		line = cur_rest(&c);
		for (size_t i = 0; i < line.n; i++)
			if (line.p[i] == ' ' || line.p[i] == '\n')
				line.n = i;
		if (base64_decode(line, blob) != 0)
			exit(99);
	}
	buf_clear(&b);
}

static void load_other(const char *key)
{
	char cert[4096];

	if (key == NULL || key[0] == '\0')
		return;
	snprintf(cert, sizeof(cert), "%s-cert.pub", key);
	load(key, cert, &in.other.key, &in.other.plain, &in.other.cert);
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: hostile PORT USER KEY CERT SCENARIO\n");
		return 2;
	}
	in.port = (int)strtol(argv[1], NULL, 10);
	in.user = argv[2];
	load(argv[3], argv[4], &in.key, &in.plain, &in.cert);
	load_other(getenv("HOSTILE_OTHER"));
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(scenarios[i].name, argv[5]) == 0) {
			scenarios[i].fn();
			raw_close(&r);
			return 0;
		}
	fprintf(stderr, "hostile: no such scenario\n");
	return 2;
}
