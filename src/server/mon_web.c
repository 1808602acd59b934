/* SPDX-License-Identifier: Apache-2.0
 *
 * The gateway's host keys for people: known_hosts lines (the page /.well-known/ssh-known-hosts, the verb hostkeys) and SSHFP records
 * (RFC 4255, 6594, 7479). From the public halves beside the key files; private keys are not touched.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "policy/address.h"
#include "server/mon.h"
#include "wire/sshpk.h"

#define TEXT_MAX (64 * 1024)
#define PORTS    16

/* --- names --- */

/* Where an ssh client would connect: the gateway's name, and the pages' host when that is another name. */
static size_t names(const struct conf *c, char out[2][256])
{
	const char *url = c->web.url != NULL ? strstr(c->web.url, "://") : NULL;
	size_t n = 1, len;

	(void)str_copy(out[0], 256, c->gateway.name);
	if (url == NULL)
		return n;
	url += 3;
	len = strcspn(url, ":/");
	if (url[0] == '[' || len == 0 || len >= 256)
		return n;
	memcpy(out[1], url, len);
	out[1][len] = '\0';
	return strcmp(out[0], out[1]) != 0 ? 2 : 1;
}

static size_t ports(const struct conf *c, long out[PORTS])
{
	size_t n = 0;

	for (size_t i = 0; i < c->gateway.listen.n && n < PORTS; i++) {
		const char *colon = strrchr(c->gateway.listen.v[i], ':');
		long port = colon != NULL ? strtol(colon + 1, NULL, 10) : 22;
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known = known || out[k] == port;
		if (!known)
			out[n++] = port;
	}
	return n;
}

/* --- one key --- */

static int read_public(const char *key_path, struct buf *blob, struct why *w)
{
	char path[600];
	struct buf text;
	int rc;

	if (snprintf(path, sizeof(path), "%s.pub", key_path) >= (int)sizeof(path))
		return why_set(w, E_TOOBIG, "%s: the path is too long", key_path);
	buf_init(&text, SSHPK_LINE_MAX);
	rc = file_read(path, &text);
	if (rc != 0) {
		why_set(w, rc, "%s cannot be read: %s", path, err_str(rc));
		why_hint(w, "ssh-keygen -y -f %s > %s", key_path, path);
	} else {
		struct span line = buf_span(&text);
		const uint8_t *end = line.n > 0 ? memchr(line.p, '\n', line.n) : NULL;

		rc = sshpk_line_parse(span_of(line.p, end != NULL ? (size_t)(end - line.p) : line.n), blob, NULL, w);
	}
	buf_clear(&text);
	return rc;
}

static int put_known(const struct conf *c, struct span blob, struct buf *out)
{
	char name[2][256];
	long port[PORTS];
	size_t n = names(c, name), n_ports = ports(c, port);
	bool first = true;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n_ports; k++, first = false)
			if (port[k] == 22)
				buf_printf(out, "%s%s", first ? "" : ",", name[i]);
			else
				buf_printf(out, "%s[%s]:%ld", first ? "" : ",", name[i], port[k]);
	buf_put_u8(out, ' ');
	return sshpk_line_put(out, blob, c->gateway.name);
}

/* Numbers of RFC 4255, 6594 and 7479; 2 is SHA-256. */
static int put_sshfp(const struct conf *c, struct span blob, struct buf *out, struct why *w)
{
	static const int alg[] = {[SSHPK_RSA] = 1, [SSHPK_ECDSA] = 3, [SSHPK_ED25519] = 4};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], name[2][256];
	struct address a; /* has no records */
	struct sshpk k;
	size_t n = names(c, name);
	int rc = sshpk_parse(blob, &k, w);

	if (rc != 0)
		return rc;
	sha256(blob, digest);
	hex_encode(span_of(digest, sizeof(digest)), hex);
	for (size_t i = 0; i < n; i++)
		if (address_parse(span_str(name[i]), &a) != 0 && k.kind->alg != SSHPK_SK_ED25519 && k.kind->alg != SSHPK_SK_ECDSA)
			buf_printf(out, "%s IN SSHFP %d 2 %s\n", name[i], alg[k.kind->alg], hex);
	return 0;
}

int hosts_put(const struct conf *c, bool sshfp, struct buf *out, struct why *w)
{
	struct buf blob;
	int rc = 0;

	buf_init(&blob, SSHPK_BLOB_MAX);
	for (size_t i = 0; rc == 0 && i < c->gateway.host_keys.n; i++) {
		buf_reset(&blob);
		rc = read_public(c->gateway.host_keys.v[i], &blob, w);
		if (rc == 0)
			rc = sshfp ? put_sshfp(c, buf_span(&blob), out, w) : put_known(c, buf_span(&blob), out);
	}
	buf_clear(&blob);
	return rc;
}

void web_hosts(struct monitor *m, const struct ipc_msg *msg)
{
	struct why w = {0};
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (hosts_put(mon_conf(m), false, &text, &w) == 0) {
		ipc_begin(&m->out, IPC_OK, ipc_id(msg));
		ipc_bin(&m->out, "text", buf_span(&text));
	} else {
		why_set(&w, E_INTERNAL, "the gateway's host keys cannot be shown");
		why_hint(&w, "on the gateway, sallyport hostkeys says why");
		ipc_fail(&m->out, ipc_id(msg), &w, "");
	}
	if (m->web != NULL)
		chan_send(m->web, &m->out, NULL, 0);
	buf_clear(&text);
}
