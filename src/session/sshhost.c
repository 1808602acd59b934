/* SPDX-License-Identifier: Apache-2.0
 *
 * Host keys and the algorithms we offer, loaded once and inherited by every session process. libssh gives no way to
 * keep the host key elsewhere: key exchange and re-keying need it in the process that does them.
 *
 * What is offered and why: post-quantum exchanges where this libssh knows them, else Curve25519 and the cheap
 * NIST curves (group18 costs the server 120 ms per connection); AES-GCM only, because the client's order wins and every
 * stock client puts the slower ChaCha20 first; no compression; no SHA-1 anywhere.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "session/sshhost.h"

#define KEX \
	"mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com," \
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384"
#define CIPHERS_GCM "aes128-gcm@openssh.com,aes256-gcm@openssh.com"
#define CIPHERS_NO_GCM "chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr"
#define MACS "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"
#define HOST_KEYS \
	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"
/* libssh matches these against the type of the *signature* and announces them to clients: with only the certificate
 * names listed, clients hang. That a plain key is never enough is decided in sshauth.c. */
#define USER_KEYS \
	"ssh-ed25519-cert-v01@openssh.com,sk-ssh-ed25519-cert-v01@openssh.com," \
	"ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com," \
	"ecdsa-sha2-nistp521-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com," \
	"rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com," \
	"ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521," \
	"sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256"

const char *edge_libssh_version(void)
{
	return ssh_version(0);
}

bool edge_host_io_ours(const struct edge_host *h)
{
	return h->io_ours;
}

static int set_str(ssh_bind b, enum ssh_bind_options_e opt, const char *value, struct why *w)
{
	if (ssh_bind_options_set(b, opt, value) == SSH_OK)
		return 0;
	return why_set(w, E_CONFIG, "libssh refuses an option: %s", ssh_get_error(b));
}

int edge_host_ciphers(struct edge_host *h, const char *list, struct why *w)
{
	int rc = set_str(h->bind, SSH_BIND_OPTIONS_CIPHERS_C_S, list, w);

	return rc != 0 ? rc : set_str(h->bind, SSH_BIND_OPTIONS_CIPHERS_S_C, list, w);
}

int edge_host_no_gcm(struct edge_host *h, struct why *w)
{
	return edge_host_ciphers(h, CIPHERS_NO_GCM, w);
}

static int set_all(struct edge_host *h, struct why *w)
{
	static const struct {
		enum ssh_bind_options_e opt;
		const char *value;
	} opts[] = {
		{SSH_BIND_OPTIONS_BANNER, "Sallyport"},
		{SSH_BIND_OPTIONS_KEY_EXCHANGE, KEX},
		{SSH_BIND_OPTIONS_CIPHERS_C_S, CIPHERS_GCM},
		{SSH_BIND_OPTIONS_CIPHERS_S_C, CIPHERS_GCM},
		{SSH_BIND_OPTIONS_HMAC_C_S, MACS},
		{SSH_BIND_OPTIONS_HMAC_S_C, MACS},
		{SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, HOST_KEYS},
		{SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, USER_KEYS},
	};
	const bool off = false;
	int rc = 0;

	/* else a file under /etc/ssh is read at accept, inside the sandbox */
	if (ssh_bind_options_set(h->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &off) != SSH_OK)
		return why_set(w, E_CONFIG, "libssh refuses an option: %s", ssh_get_error(h->bind));
	for (size_t i = 0; rc == 0 && i < sizeof(opts) / sizeof(opts[0]); i++)
		rc = set_str(h->bind, opts[i].opt, opts[i].value, w);
	return rc;
}

static int import_key(struct edge_host *h, struct span text, struct why *w)
{
	struct buf b;
	ssh_key key = NULL;
	int rc = 0;

	buf_init(&b, 64 * 1024);
	buf_put_span(&b, text);
	if (buf_err(&b) != 0 || ssh_pki_import_privkey_base64(buf_cstr(&b), NULL, NULL, NULL, &key) != SSH_OK)
		rc = why_set(w, E_CONFIG, "a host key cannot be read (encrypted, or not a private key)");
	else if (ssh_bind_options_set(h->bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) != SSH_OK) {
		rc = why_set(w, E_CONFIG, "a host key is refused: %s", ssh_get_error(h->bind));
		ssh_key_free(key);
	}
	buf_wipe(&b);
	return rc;
}

struct edge_host *edge_host_new(const struct span *keys, size_t n, struct why *w)
{
	struct edge_host *h = xcalloc(1, sizeof(*h));
	int rc = 0;

	if (ssh_init() != SSH_OK || (h->bind = ssh_bind_new()) == NULL)
		rc = why_set(w, E_INTERNAL, "libssh cannot be initialised");
	if (rc == 0)
		rc = set_all(h, w);
	if (rc == 0 && n == 0)
		rc = why_set(w, E_CONFIG, "no host key");
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = import_key(h, keys[i], w);
	if (rc != 0) {
		edge_host_free(h);
		return NULL;
	}
	return h;
}

void edge_host_free(struct edge_host *h)
{
	if (h == NULL)
		return;
	if (h->bind != NULL)
		ssh_bind_free(h->bind);
	free(h);
}

int edge_host_attach(struct edge_host *h, ssh_session s, int fd)
{
	if (ssh_bind_accept_fd(h->bind, s, fd) != SSH_OK)
		return E_INTERNAL;
	if (ssh_options_set(s, SSH_OPTIONS_COMPRESSION_C_S, "none") != SSH_OK ||
	    ssh_options_set(s, SSH_OPTIONS_COMPRESSION_S_C, "none") != SSH_OK)
		return E_INTERNAL;
	ssh_set_blocking(s, 0);
	return 0;
}
