/* SPDX-License-Identifier: Apache-2.0
 *
 * Start-up self-test of the cipher: a libssh client in a forked child talks to a libssh server here, through a relay that
 * changes one bit in the tag of the first encrypted packet. A server that still hands the packet up does not
 * check the tag (CVE-2026-59847). A run without the change shows that the test itself works.
 * Framing up to the first encrypted packet: RFC 4253 sections 4.2 and 6, RFC 5647 section 7.
 */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cur.h"
#include "base/file.h"
#include "session/sshhost.h"
#include "session/sshio.h"

#define TRIAL_MS 5000
#define GCM_TAG 16
#define MSG_NEWKEYS 21

enum trial { TRIAL_TAKEN, TRIAL_REFUSED, TRIAL_BROKEN };

struct relay {
	int client, server;  /* our ends */
	struct buf in;       /* client bytes not yet passed on */
	enum { AT_BANNER, AT_PLAIN, AT_FIRST, AT_REST } at;
	bool change;         /* change the first encrypted packet */
	bool broken;         /* a socket failed: the trial says nothing */
	bool opaque;         /* its length is encrypted, too: take what arrived (the client waits for an answer) */
};

/* Length of the unit at the front, or 0 when it is not complete. */
static size_t unit(const struct relay *r)
{
	struct span s = buf_span(&r->in);
	struct cur c = cur_of(s);
	const uint8_t *nl;
	size_t n;

	if (r->at == AT_REST || (r->at == AT_FIRST && r->opaque))
		return s.n;
	if (r->at == AT_BANNER) {
		nl = s.n > 0 ? memchr(s.p, '\n', s.n) : NULL;
		return nl != NULL ? (size_t)(nl - s.p) + 1 : 0;
	}
	n = cur_u32be(&c);
	if (!cur_ok(&c) || n > 65536)
		return 0;
	n += 4 + (r->at == AT_FIRST ? GCM_TAG : 0);
	return n <= s.n ? n : 0;
}

/* Pass one unit on to the server; false when none is complete. */
static bool pass_unit(struct relay *r)
{
	size_t n = unit(r);
	struct span s = buf_span(&r->in);

	if (n == 0)
		return false;
	if (r->at == AT_FIRST && r->change)
		r->in.mem[r->in.off + n - 1] ^= 1;
	if (file_write_all(r->server, s.p, n) != 0)
		return false;
	if (r->at == AT_BANNER)
		r->at = AT_PLAIN;
	else if (r->at == AT_PLAIN && n > 5 && s.p[5] == MSG_NEWKEYS)
		r->at = AT_FIRST;
	else if (r->at == AT_FIRST)
		r->at = AT_REST;
	buf_consume(&r->in, n);
	return true;
}

/* Both directions, what is there now. */
static void relay_step(struct relay *r)
{
	struct pollfd p[2] = {{r->client, POLLIN, 0}, {r->server, POLLIN, 0}};
	uint8_t tmp[4096];
	ssize_t n;

	if (poll(p, 2, 20) <= 0)
		return;
	if (p[1].revents & POLLIN) {
		n = recv(r->server, tmp, sizeof(tmp), MSG_DONTWAIT);
		if (n > 0)
			r->broken |= file_write_all(r->client, tmp, (size_t)n) != 0;
	}
	if (p[0].revents & POLLIN) {
		n = recv(r->client, tmp, sizeof(tmp), MSG_DONTWAIT);
		if (n > 0)
			buf_put(&r->in, tmp, (size_t)n);
		r->broken |= n == 0 && r->at != AT_REST; /* the client gave up early */
		while (pass_unit(r))
			;
	}
}

static _Noreturn void client(int fd, const char *cipher)
{
	ssh_session s = ssh_new();
	const bool off = false;

	if (s == NULL || ssh_options_set(s, SSH_OPTIONS_HOST, "selftest") != 0 ||
	    ssh_options_set(s, SSH_OPTIONS_USER, "selftest") != 0 ||
	    ssh_options_set(s, SSH_OPTIONS_SSH_DIR, "/nonexistent") != 0 ||
	    ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &off) != 0 ||
	    ssh_options_set(s, SSH_OPTIONS_CIPHERS_C_S, cipher) != 0 ||
	    ssh_options_set(s, SSH_OPTIONS_CIPHERS_S_C, cipher) != 0 ||
	    ssh_options_set(s, SSH_OPTIONS_COMPRESSION, "none") != 0 ||
	    ssh_options_set(s, SSH_OPTIONS_FD, &fd) != 0)
		_exit(1);
	if (ssh_connect(s) == SSH_OK)
		(void)ssh_userauth_none(s, NULL);
	_exit(0);
}

static enum trial serve(struct edge_host *h, struct relay *r, int fd)
{
	int64_t until = clock_mono_us() + TRIAL_MS * 1000;
	enum trial t = TRIAL_BROKEN;
	ssh_session s = ssh_new();

	if (s == NULL)
		return TRIAL_BROKEN;
	sshio_attach(fd);
	if (edge_host_attach(h, s, fd) == 0 && ssh_handle_key_exchange(s) != SSH_ERROR) {
		while (clock_mono_us() < until && !r->broken) {
			ssh_message m;

			relay_step(r);
			sshio_may_read();
			sshio_gate(true);
			sshio_may_write();
			m = ssh_message_get(s);
			if (m != NULL) {
				ssh_message_free(m);
				t = TRIAL_TAKEN;
				break;
			}
			if (ssh_get_status(s) & (SSH_CLOSED | SSH_CLOSED_ERROR)) {
				t = r->at == AT_REST ? TRIAL_REFUSED : TRIAL_BROKEN;
				break;
			}
		}
	}
	h->io_ours = sshio_active();
	ssh_free(s);
	sshio_detach();
	return t;
}

static enum trial trial(struct edge_host *h, const char *cipher, bool change)
{
	struct relay r = {.client = -1, .server = -1, .change = change, .opaque = strstr(cipher, "gcm") == NULL};
	int cs[2] = {-1, -1}, ss[2] = {-1, -1};
	enum trial t = TRIAL_BROKEN;
	pid_t pid;

	buf_init(&r.in, 256 * 1024);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, cs) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ss) != 0)
		goto out;
	pid = fork();
	if (pid == 0)
		client(cs[1], cipher);
	fd_close(&cs[1]);
	if (pid < 0)
		goto out;
	r.client = cs[0];
	r.server = ss[0];
	t = serve(h, &r, ss[1]);
	ss[1] = -1; /* libssh has closed it */
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
out:
	fd_close(&cs[0]);
	fd_close(&cs[1]);
	fd_close(&ss[0]);
	fd_close(&ss[1]);
	buf_clear(&r.in);
	return t;
}

int edge_host_selftest(struct edge_host *h, bool *gcm_ok, struct why *w)
{
	static const char *const gcm[] = {"aes128-gcm@openssh.com", "aes256-gcm@openssh.com"};

	*gcm_ok = true;
	for (size_t i = 0; i < sizeof(gcm) / sizeof(gcm[0]); i++) {
		if (trial(h, gcm[i], false) != TRIAL_TAKEN)
			return why_set(w, E_CRYPTO, "self-test: a connection with %s does not work", gcm[i]);
		if (trial(h, gcm[i], true) != TRIAL_REFUSED)
			*gcm_ok = false;
	}
	if (*gcm_ok)
		return 0;
	if (edge_host_no_gcm(h, w) != 0)
		return E_CRYPTO;
	if (trial(h, "chacha20-poly1305@openssh.com", false) != TRIAL_TAKEN ||
	    trial(h, "chacha20-poly1305@openssh.com", true) != TRIAL_REFUSED)
		return why_set(w, E_CRYPTO, "self-test: no cipher refuses a changed packet");
	return 0;
}
