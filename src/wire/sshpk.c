/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH public keys. RFC 4253 6.6, RFC 5656, RFC 8332, RFC 8709, OpenSSH PROTOCOL.u2f.
 */
#include "wire/sshpk.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "wire/sshw.h"

static const struct sshpk_kind kinds[] = {
    {"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", SSHPK_ED25519, NULL, 256},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", SSHPK_ECDSA, "nistp256",
	256},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com", SSHPK_ECDSA, "nistp384",
	384},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com", SSHPK_ECDSA, "nistp521",
	521},
    {"ssh-rsa", "ssh-rsa-cert-v01@openssh.com", SSHPK_RSA, NULL, 0},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", SSHPK_SK_ED25519, NULL,
	256},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
	SSHPK_SK_ECDSA, "nistp256", 256},
};

/* Signature algorithms that may stand under a certificate. "ssh-rsa" (SHA-1) is absent on purpose.
 */
static const struct sigalg {
	const char *name;
	enum sshpk_alg alg;
	int bits; /* EC: curve; RSA: hash */
} sigalgs[] = {
    {"ssh-ed25519", SSHPK_ED25519, 256},
    {"ecdsa-sha2-nistp256", SSHPK_ECDSA, 256},
    {"ecdsa-sha2-nistp384", SSHPK_ECDSA, 384},
    {"ecdsa-sha2-nistp521", SSHPK_ECDSA, 521},
    {"rsa-sha2-256", SSHPK_RSA, 256},
    {"rsa-sha2-512", SSHPK_RSA, 512},
};

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

const struct sshpk_kind *sshpk_kind_find(struct span name, bool *is_cert)
{
	for (size_t i = 0; i < N_OF(kinds); i++) {
		if (span_is(name, kinds[i].name) || span_is(name, kinds[i].cert_name)) {
			*is_cert = span_is(name, kinds[i].cert_name);
			return &kinds[i];
		}
	}
	*is_cert = false;
	return NULL;
}

static void get_ed25519(struct cur *c, struct sshpk *out)
{
	out->q = sshw_get_string(c);
	if (cur_ok(c) && out->q.n != ED25519_PUB_LEN)
		cur_fail(c, E_FORMAT);
}

/* Only uncompressed points of the curve's size; whether they lie on the curve is decided on use. */
static void get_ec(struct cur *c, const struct sshpk_kind *kind, struct sshpk *out)
{
	struct span curve = sshw_get_string(c);

	out->q = sshw_get_string(c);
	if (!cur_ok(c))
		return;
	if (!span_is(curve, kind->curve) || out->q.n != 1 + 2 * (size_t)((kind->bits + 7) / 8) ||
	    out->q.p[0] != 4)
		cur_fail(c, E_FORMAT);
}

static void get_rsa(struct cur *c, struct sshpk *out)
{
	out->e = sshw_get_mpint(c);
	out->n = sshw_get_mpint(c);
	if (!cur_ok(c))
		return;
	out->bits = sshw_mpint_bits(out->n);
	/* A long exponent only buys the sender our time; even numbers are no RSA key. */
	if (out->e.n == 0 || out->e.n > 8 || (out->e.p[out->e.n - 1] & 1) == 0 ||
	    sshw_mpint_bits(out->e) < 2 || out->n.n == 0 || (out->n.p[out->n.n - 1] & 1) == 0)
		cur_fail(c, E_FORMAT);
	else if (out->bits > SSHPK_RSA_MAX_BITS)
		cur_fail(c, E_TOOBIG);
}

void sshpk_get_fields(struct cur *c, const struct sshpk_kind *kind, struct sshpk *out)
{
	*out = (struct sshpk){.kind = kind, .bits = kind->bits};
	if (kind->alg == SSHPK_RSA)
		get_rsa(c, out);
	else if (kind->curve != NULL)
		get_ec(c, kind, out);
	else
		get_ed25519(c, out);
	if (kind->alg == SSHPK_SK_ED25519 || kind->alg == SSHPK_SK_ECDSA)
		out->app = sshw_get_string(c);
}

void sshpk_put_fields(struct buf *b, const struct sshpk *k)
{
	if (k->kind->alg == SSHPK_RSA) {
		sshw_put_mpint(b, k->e);
		sshw_put_mpint(b, k->n);
		return;
	}
	if (k->kind->curve != NULL)
		sshw_put_cstring(b, k->kind->curve);
	sshw_put_string(b, k->q);
	if (k->kind->alg == SSHPK_SK_ED25519 || k->kind->alg == SSHPK_SK_ECDSA)
		sshw_put_string(b, k->app);
}

static int why_type(struct why *w, struct span name)
{
	char shown[64];

	span_escape(name, shown, sizeof(shown));
	return why_set(w, E_UNKNOWN, "the public key type \"%s\" is not supported", shown);
}

int sshpk_parse(struct span blob, struct sshpk *out, struct why *w)
{
	struct cur c = cur_of(blob);
	const struct sshpk_kind *kind;
	struct span name;
	bool is_cert;
	int r;

	*out = (struct sshpk){0};
	if (blob.n > SSHPK_BLOB_MAX)
		return why_set(
		    w, E_TOOBIG, "the public key is longer than %d bytes", SSHPK_BLOB_MAX);
	name = sshw_get_string(&c);
	if (!cur_ok(&c))
		return why_set(w, c.err, "the public key is cut off in its type name");
	kind = sshpk_kind_find(name, &is_cert);
	if (kind == NULL)
		return why_type(w, name);
	if (is_cert)
		return why_set(
		    w, E_UNKNOWN, "a certificate stands where a plain public key is required");
	sshpk_get_fields(&c, kind, out);
	r = cur_done(&c);
	return r == 0 ? 0
		      : why_set(w, r, "the %s public key is malformed: %s", kind->name, err_str(r));
}

void sshpk_put_blob(struct buf *b, const struct sshpk *k)
{
	sshw_put_cstring(b, k->kind->name);
	sshpk_put_fields(b, k);
}

void sshpk_fingerprint(struct span blob, char out[SSHPK_FP_CAP])
{
	uint8_t digest[SHA256_LEN];
	struct buf b;

	buf_init(&b, SSHPK_FP_CAP);
	sha256(blob, digest);
	buf_put_str(&b, "SHA256:");
	base64_encode_nopad(span_of(digest, sizeof(digest)), &b);
	if (str_copy(out, SSHPK_FP_CAP, buf_cstr(&b)) != 0)
		out[0] = '\0';
	buf_clear(&b);
}

int sshpk_key_fingerprint(const struct sshpk *k, char out[SSHPK_FP_CAP])
{
	struct buf b;
	int r;

	out[0] = '\0';
	buf_init(&b, SSHPK_BLOB_MAX);
	sshpk_put_blob(&b, k);
	r = buf_err(&b);
	if (r == 0)
		sshpk_fingerprint(buf_span(&b), out);
	buf_clear(&b);
	return r;
}

int sshpk_check_strength(const struct sshpk *k, struct why *w)
{
	if (k->kind->alg != SSHPK_RSA || k->bits >= SSHPK_RSA_MIN_BITS)
		return 0;
	return why_set(w, E_DENIED, "the RSA key has %d bits, at least %d are required", k->bits,
	    SSHPK_RSA_MIN_BITS);
}

static int verify_ec(const struct sshpk *k, struct span msg, struct span sig)
{
	struct cur c = cur_of(sig);
	struct span r = sshw_get_mpint(&c), s = sshw_get_mpint(&c);
	int err = cur_done(&c);

	return err != 0 ? err : ecdsa_verify(k->bits, k->q, r, s, msg);
}

static int verify_with(
    const struct sshpk *k, const struct sigalg *a, struct span msg, struct span sig)
{
	switch (a->alg) {
	case SSHPK_ED25519:
		return ed25519_verify(k->q.p, msg, sig);
	case SSHPK_ECDSA:
		return verify_ec(k, msg, sig);
	case SSHPK_RSA:
		return sig.n == k->n.n ? rsa_verify(k->e, k->n, a->bits, msg, sig) : E_CRYPTO;
	default:
		return E_UNKNOWN;
	}
}

static const struct sigalg *sigalg_find(struct span name)
{
	for (size_t i = 0; i < N_OF(sigalgs); i++) {
		if (span_is(name, sigalgs[i].name))
			return &sigalgs[i];
	}
	return NULL;
}

int sshpk_verify(const struct sshpk *k, struct span msg, struct span sig_blob, struct why *w)
{
	struct cur c = cur_of(sig_blob);
	struct span name = sshw_get_string(&c), sig = sshw_get_string(&c);
	const struct sigalg *a;
	int r = cur_done(&c);

	if (r != 0)
		return why_set(w, r, "the signature is malformed: %s", err_str(r));
	if (span_is(name, "ssh-rsa"))
		return why_set(
		    w, E_DENIED, "the signature uses ssh-rsa (SHA-1), which is not accepted");
	a = sigalg_find(name);
	if (a == NULL)
		return why_set(w, E_DENIED, "the signature algorithm is not in the accepted list");
	if (a->alg != k->kind->alg || (a->alg == SSHPK_ECDSA && a->bits != k->bits))
		return why_set(w, E_DENIED,
		    "the signature algorithm %s does not belong to a %s key", a->name,
		    k->kind->name);
	r = verify_with(k, a, msg, sig);
	return r == 0 ? 0 : why_set(w, E_CRYPTO, "the signature does not verify");
}

void sshpk_put_ed25519_sig(struct buf *b, const uint8_t sig[64])
{
	sshw_put_cstring(b, "ssh-ed25519");
	sshw_put_string(b, span_of(sig, ED25519_SIG_LEN));
}

void sshpk_put_ed25519_blob(struct buf *b, const uint8_t pub[32])
{
	sshw_put_cstring(b, "ssh-ed25519");
	sshw_put_string(b, span_of(pub, ED25519_PUB_LEN));
}

static bool is_blank(int ch)
{
	return ch == ' ' || ch == '\t';
}

/* The next run of non-blanks; blanks in front are skipped. */
static struct span next_word(struct cur *c)
{
	struct span w;

	while (is_blank(cur_peek(c)))
		(void)cur_u8(c);
	w = cur_take(c, 0);
	while (cur_left(c) > 0 && !is_blank(cur_peek(c))) {
		(void)cur_u8(c);
		w.n++;
	}
	return w;
}

static struct span trim_end(struct span s)
{
	while (s.n > 0 && (is_blank(s.p[s.n - 1]) || s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

int sshpk_line_parse(struct span line, struct buf *blob, struct span *comment, struct why *w)
{
	struct cur c = cur_of(trim_end(line)), in;
	struct span type, b64;
	bool is_cert;

	buf_reset(blob);
	if (line.n > SSHPK_LINE_MAX)
		return why_set(w, E_TOOBIG, "the key line is longer than %d bytes", SSHPK_LINE_MAX);
	type = next_word(&c);
	if (sshpk_kind_find(type, &is_cert) == NULL) {
		why_set(w, E_FORMAT, "the line does not start with a supported key type");
		why_hint(w, "write it as in a .pub file: ssh-ed25519 AAAA... comment");
		return E_FORMAT;
	}
	b64 = next_word(&c);
	if (b64.n == 0 || base64_decode(b64, blob) != 0 || buf_err(blob) != 0)
		return why_set(w, E_FORMAT, "the key behind %.*s is not base64", (int)type.n,
		    (const char *)type.p);
	in = cur_of(buf_span(blob));
	if (!span_eq(sshw_get_string(&in), type) || !cur_ok(&in))
		return why_set(w, E_FORMAT, "the key type in the base64 differs from %.*s",
		    (int)type.n, (const char *)type.p);
	while (is_blank(cur_peek(&c)))
		(void)cur_u8(&c);
	if (comment != NULL)
		*comment = cur_rest(&c);
	return 0;
}

int sshpk_line_put(struct buf *out, struct span blob, const char *comment)
{
	struct cur c = cur_of(blob);
	struct span type = sshw_get_string(&c);
	bool is_cert;

	if (!cur_ok(&c) || sshpk_kind_find(type, &is_cert) == NULL)
		return E_FORMAT;
	buf_put_span(out, type);
	buf_put_u8(out, ' ');
	base64_encode(blob, out);
	if (comment != NULL && comment[0] != '\0')
		buf_put_u8(out, ' ');
	for (const char *p = comment != NULL ? comment : ""; *p != '\0'; p++) {
		unsigned char ch = (unsigned char)*p;

		buf_put_u8(out, ch < 0x20 || ch == 0x7f ? '?' : ch);
	}
	buf_put_u8(out, '\n');
	return buf_err(out);
}
