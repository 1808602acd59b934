/* SPDX-License-Identifier: Apache-2.0
 *
 * openssh-key-v1, unencrypted, Ed25519. OpenSSH PROTOCOL.key.
 */
#include "wire/sshkey.h"

#include "base/mem.h"
#include "wire/sshpk.h"
#include "wire/sshw.h"

#define BEGIN_LINE "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END_LINE   "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC      "openssh-key-v1" /* with its NUL */
#define COLUMNS    70
#define BLOCK      8 /* padding block of cipher "none" */

void sshkey_wipe(struct sshkey *k)
{
	mem_wipe(k, sizeof(*k));
}

int sshkey_generate(struct sshkey *out)
{
	return ed25519_keygen(out->seed, out->pub);
}

/* A line without its end of line; false when there is none left. */
static bool next_line(struct cur *c, struct span *line)
{
	if (cur_left(c) == 0)
		return false;
	*line = cur_take(c, 0);
	while (cur_left(c) > 0 && cur_peek(c) != '\n') {
		(void)cur_u8(c);
		line->n++;
	}
	if (cur_left(c) > 0)
		(void)cur_u8(c);
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

/* Collect the base64 between the two marker lines; nothing but empty lines may follow. */
static int unarmor(struct span text, struct buf *b64)
{
	struct cur c = cur_of(text);
	struct span line;

	if (!next_line(&c, &line) || !span_is(line, BEGIN_LINE))
		return E_FORMAT;
	for (;;) {
		if (!next_line(&c, &line))
			return E_SHORT;
		if (span_is(line, END_LINE))
			break;
		buf_put_span(b64, line);
	}
	while (next_line(&c, &line)) {
		if (line.n != 0)
			return E_TRAILING;
	}
	return buf_err(b64);
}

static bool padding_ok(struct span pad)
{
	for (size_t i = 0; i < pad.n; i++) {
		if (pad.p[i] != i + 1)
			return false;
	}
	return pad.n < BLOCK;
}

/* The private section: two equal check words, type, public key, seed and public key, comment,
 * padding. */
static int parse_private(struct cur *c, struct span pub_blob, struct sshkey *out, struct why *w)
{
	uint32_t check1 = cur_u32be(c), check2 = cur_u32be(c);
	struct span type = sshw_get_string(c), pub, priv, pad;
	struct sshpk outer;

	if (cur_ok(c) && check1 == check2 && !span_is(type, "ssh-ed25519"))
		return why_set(w, E_UNKNOWN, "only Ed25519 private keys are supported");
	pub = sshw_get_string(c);
	priv = sshw_get_string(c);
	(void)sshw_get_string(c); /* comment */
	pad = cur_rest(c);
	if (!cur_ok(c) || check1 != check2 || !padding_ok(pad))
		return why_set(w, E_FORMAT, "the private key's inner section is malformed");
	if (pub.n != ED25519_PUB_LEN || priv.n != ED25519_SEED_LEN + ED25519_PUB_LEN)
		return why_set(w, E_FORMAT, "the private key has a wrong length");
	if (sshpk_parse(pub_blob, &outer, NULL) != 0 || outer.kind->alg != SSHPK_ED25519 ||
	    !span_eq(outer.q, pub) ||
	    !span_eq(span_of(priv.p + ED25519_SEED_LEN, ED25519_PUB_LEN), pub))
		return why_set(w, E_FORMAT, "the key file's public halves differ");
	memcpy(out->seed, priv.p, sizeof(out->seed));
	if (ed25519_pub(out->seed, out->pub) != 0 ||
	    !span_eq(span_of(out->pub, sizeof(out->pub)), pub))
		return why_set(w, E_CRYPTO, "the public half does not belong to the private key");
	return 0;
}

static int parse_binary(struct span bin, struct sshkey *out, struct why *w)
{
	struct cur c = cur_of(bin), inner;
	struct span magic = cur_take(&c, sizeof(MAGIC));
	struct span cipher = sshw_get_string(&c), kdf = sshw_get_string(&c),
		    kdfopt = sshw_get_string(&c);
	uint32_t n = cur_u32be(&c);
	struct span pub_blob = sshw_get_string(&c);

	inner = sshw_get_sub(&c);
	if (cur_done(&c) != 0 || !span_eq(magic, span_of(MAGIC, sizeof(MAGIC))))
		return why_set(w, E_FORMAT, "the key file is not a complete openssh-key-v1 key");
	if (!span_is(cipher, "none") || !span_is(kdf, "none") || kdfopt.n != 0) {
		why_set(w, E_UNKNOWN, "the private key is protected by a passphrase");
		why_hint(
		    w, "remove it with ssh-keygen -p -N '' -f FILE, or keep the key in an agent");
		return E_UNKNOWN;
	}
	if (n != 1)
		return why_set(
		    w, E_FORMAT, "the key file holds %u keys instead of one", (unsigned)n);
	return parse_private(&inner, pub_blob, out, w);
}

/* Take all the room at once: a growing buffer would leave copies of the key behind in freed memory.
 */
static void buf_init_secret(struct buf *b)
{
	uint8_t *p;

	buf_init(b, SSHKEY_FILE_MAX);
	if (buf_reserve(b, SSHKEY_FILE_MAX, &p) != 0)
		return; /* sticky: every append fails */
}

int sshkey_parse(struct span text, struct sshkey *out, struct why *w)
{
	struct buf b64, bin;
	int r;

	memset(out, 0, sizeof(*out));
	buf_init_secret(&b64);
	buf_init_secret(&bin);
	r = unarmor(text, &b64);
	if (r == 0)
		r = base64_decode(buf_span(&b64), &bin);
	if (r != 0)
		why_set(w, r, "the file is not an OpenSSH private key: %s", err_str(r));
	else
		r = parse_binary(buf_span(&bin), out, w);
	if (r != 0)
		sshkey_wipe(out);
	buf_wipe(&b64);
	buf_wipe(&bin);
	return r;
}

static void put_private(struct buf *b, const struct sshkey *k, const char *comment)
{
	size_t at = sshw_open_string(b), priv;
	uint8_t check[4];

	crypto_random(check, sizeof(check));
	buf_put(b, check, sizeof(check));
	buf_put(b, check, sizeof(check));
	sshw_put_cstring(b, "ssh-ed25519");
	sshw_put_string(b, span_of(k->pub, sizeof(k->pub)));
	priv = sshw_open_string(b);
	buf_put(b, k->seed, sizeof(k->seed));
	buf_put(b, k->pub, sizeof(k->pub));
	sshw_close_string(b, priv);
	sshw_put_cstring(b, comment);
	for (uint8_t i = 1; buf_err(b) == 0 && (buf_len(b) - at - 4) % BLOCK != 0; i++)
		buf_put_u8(b, i);
	sshw_close_string(b, at);
}

static void put_armored(struct buf *out, struct span b64)
{
	buf_put_str(out, BEGIN_LINE "\n");
	for (size_t i = 0; i < b64.n; i += COLUMNS) {
		buf_put(out, b64.p + i, b64.n - i < COLUMNS ? b64.n - i : COLUMNS);
		buf_put_u8(out, '\n');
	}
	buf_put_str(out, END_LINE "\n");
}

int sshkey_put(struct buf *out, const struct sshkey *k, const char *comment)
{
	struct buf bin, b64;
	size_t at;

	buf_init_secret(&bin);
	buf_init_secret(&b64);
	buf_put(&bin, MAGIC, sizeof(MAGIC));
	sshw_put_cstring(&bin, "none");
	sshw_put_cstring(&bin, "none");
	sshw_put_cstring(&bin, "");
	buf_put_u32be(&bin, 1);
	at = sshw_open_string(&bin);
	sshpk_put_ed25519_blob(&bin, k->pub);
	sshw_close_string(&bin, at);
	put_private(&bin, k, comment != NULL ? comment : "");
	base64_encode(buf_span(&bin), &b64);
	if (buf_err(&bin) == 0 && buf_err(&b64) == 0)
		put_armored(out, buf_span(&b64));
	else
		out->err = out->err != 0 ? out->err : E_TOOBIG;
	buf_wipe(&bin);
	buf_wipe(&b64);
	return buf_err(out);
}
