/* SPDX-License-Identifier: Apache-2.0
 *
 * Text to key. Source: c2sp.org/signed-note (verifier keys), sshd(8) "AUTHORIZED_KEYS FILE FORMAT" (the line).
 */
#include "record/logkey.h"

#include "wire/sshpk.h"

static const char ssh_type[] = "ssh-ed25519 ";

static int parse_ssh(struct span line, struct logkey *out)
{
	struct sshpk k;
	struct buf blob;
	int rc;

	buf_init(&blob, 1024);
	rc = sshpk_line_parse(line, &blob, NULL, NULL);
	if (rc == 0)
		rc = sshpk_parse(buf_span(&blob), &k, NULL);
	if (rc == 0 && (k.kind->alg != SSHPK_ED25519 || k.q.n != ED25519_PUB_LEN))
		rc = E_FORMAT;
	if (rc == 0)
		memcpy(out->pub, k.q.p, ED25519_PUB_LEN);
	buf_clear(&blob);
	return rc;
}

static int parse_hex(struct span line, struct logkey *out)
{
	char hex[2 * ED25519_PUB_LEN + 1];

	memcpy(hex, line.p, 2 * ED25519_PUB_LEN);
	hex[2 * ED25519_PUB_LEN] = '\0';
	return hex_decode(hex, out->pub, ED25519_PUB_LEN);
}

static int parse_line(struct span line, struct logkey *out)
{
	if (line.n == 2 * ED25519_PUB_LEN && memchr(line.p, '+', line.n) == NULL)
		return parse_hex(line, out);
	if (line.n >= sizeof(ssh_type) && memcmp(line.p, ssh_type, sizeof(ssh_type) - 1) == 0)
		return parse_ssh(line, out);
	return checkpoint_parse_key(line, out->name, out->pub);
}

/* The line without its end; NULL bytes and further lines make it none. */
static int take_line(struct span text, struct span *line, struct why *w)
{
	if (text.n == 0)
		return why_set(w, E_SHORT, "it is empty");
	if (text.n > LOGKEY_MAX)
		return why_set(w, E_TOOBIG, "it is too long for a key");
	if (text.p[text.n - 1] != '\n')
		return why_set(w, E_SHORT, "it is cut short: it does not end with its newline");
	*line = span_of(text.p, text.n - 1);
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	for (size_t i = 0; i < line->n; i++)
		if (line->p[i] < ' ' || line->p[i] == 0x7f)
			return why_set(w, E_TRAILING, "it holds more than the one line of a key");
	return 0;
}

int logkey_parse(struct span text, struct logkey *out, struct why *w)
{
	struct span line = {NULL, 0};
	int rc = take_line(text, &line, w);

	*out = (struct logkey){0};
	if (rc != 0)
		return rc;
	rc = parse_line(line, out);
	if (rc == E_CRYPTO)
		return why_set(w, rc, "the key does not match the hash that stands beside it");
	if (rc != 0)
		(void)why_set(w, rc, "it is not an Ed25519 key as ssh, `status` or a verifier key write it");
	return rc;
}
