/* SPDX-License-Identifier: Apache-2.0
 *
 * Source: c2sp.org/signed-note, c2sp.org/tlog-checkpoint.
 */
#include "record/checkpoint.h"

#include "base/cur.h"
#include "base/mem.h"

#define ALG_ED25519   0x01u
#define KEY_ID_LEN    4u
#define SIG_LINES_MAX 16

static const char dash[] = "\xe2\x80\x94 "; /* em dash and a space begin a signature line */

bool checkpoint_name_ok(struct span s)
{
	if (s.n == 0 || s.n >= CHECKPOINT_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '+')
			return false;
	return true;
}

static void key_id(const char *name, const uint8_t pub[ED25519_PUB_LEN], uint8_t id[KEY_ID_LEN])
{
	struct sha256_ctx *c = sha256_new();
	uint8_t h[SHA256_LEN];
	static const uint8_t mid[2] = {'\n', ALG_ED25519};

	sha256_add(c, span_str(name));
	sha256_add(c, span_of(mid, sizeof(mid)));
	sha256_add(c, span_of(pub, ED25519_PUB_LEN));
	sha256_end(c, h);
	sha256_free(c);
	memcpy(id, h, KEY_ID_LEN);
}

void checkpoint_put_body(struct buf *b, const struct checkpoint *c)
{
	buf_printf(b, "%s\n%llu\n", c->origin, (unsigned long long)c->size);
	base64_encode(span_of(c->root.b, SHA256_LEN), b);
	buf_put_u8(b, '\n');
}

/* Up to the next newline, which is consumed; a line without one is malformed. */
static struct span take_line(struct cur *c)
{
	const uint8_t *nl = cur_left(c) > 0 ? memchr(c->p, '\n', cur_left(c)) : NULL;
	struct span s = {NULL, 0};

	if (nl == NULL) {
		cur_fail(c, E_FORMAT);
		return s;
	}
	s = cur_take(c, (size_t)(nl - c->p));
	(void)cur_take(c, 1);
	return s;
}

/* Decimal without leading zeros, up to 2^63-1. */
static int parse_size(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 19 || (s.n > 1 && s.p[0] == '0'))
		return E_FORMAT;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return E_FORMAT;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = v;
	return v <= INT64_MAX ? 0 : E_FORMAT;
}

/* Exactly n bytes in base64. */
static int parse_b64(struct span s, uint8_t *out, size_t n)
{
	struct buf b;
	int rc;

	buf_init(&b, 256);
	rc = base64_decode(s, &b);
	if (rc == 0 && buf_len(&b) != n)
		rc = E_FORMAT;
	if (rc == 0)
		memcpy(out, buf_span(&b).p, n);
	buf_clear(&b);
	return rc == 0 ? 0 : E_FORMAT;
}

int checkpoint_parse_body(struct span body, struct checkpoint *c)
{
	struct cur in = cur_of(body);
	struct span origin = take_line(&in);
	struct span size = take_line(&in);
	struct span root = take_line(&in);

	*c = (struct checkpoint){0};
	while (cur_left(&in) > 0) /* extension lines: signed, not ours */
		if (take_line(&in).n == 0)
			return E_FORMAT;
	if (!cur_ok(&in) || !checkpoint_name_ok(origin))
		return E_FORMAT;
	memcpy(c->origin, origin.p, origin.n);
	if (parse_size(size, &c->size) != 0)
		return E_FORMAT;
	return parse_b64(root, c->root.b, SHA256_LEN);
}

int checkpoint_put_note(struct buf *b, struct span body, const uint8_t pub[ED25519_PUB_LEN],
    const uint8_t sig[ED25519_SIG_LEN])
{
	struct checkpoint c;
	uint8_t blob[KEY_ID_LEN + ED25519_SIG_LEN];
	int rc = checkpoint_parse_body(body, &c);

	if (rc != 0)
		return rc;
	key_id(c.origin, pub, blob);
	memcpy(blob + KEY_ID_LEN, sig, ED25519_SIG_LEN);
	buf_put_span(b, body);
	buf_printf(b, "\n%s%s ", dash, c.origin);
	base64_encode(span_of(blob, sizeof(blob)), b);
	buf_put_u8(b, '\n');
	return buf_err(b);
}

/* Split at the last blank line: body with its newline, and the signature lines. */
static int note_split(struct span note, struct span *body, struct span *sigs)
{
	if (note.n > CHECKPOINT_MAX)
		return E_TOOBIG;
	for (size_t i = note.n; i >= 2; i--) {
		if (note.p[i - 1] != '\n' || note.p[i - 2] != '\n')
			continue;
		*body = span_of(note.p, i - 1);
		*sigs = span_of(note.p + i, note.n - i);
		return sigs->n > 0 ? 0 : E_FORMAT;
	}
	return E_FORMAT;
}

/* One signature line: its name, and the blob when it has our size (others are unknown kinds: *known
 * false). */
static int parse_sig(
    struct span line, struct span *name, uint8_t blob[KEY_ID_LEN + ED25519_SIG_LEN], bool *known)
{
	struct cur c = cur_of(line);
	const uint8_t *sp;

	if (!span_is(cur_take(&c, sizeof(dash) - 1), dash))
		return E_FORMAT;
	sp = cur_left(&c) > 0 ? memchr(c.p, ' ', cur_left(&c)) : NULL;
	if (sp == NULL)
		return E_FORMAT;
	*name = cur_take(&c, (size_t)(sp - c.p));
	(void)cur_take(&c, 1);
	*known = parse_b64(cur_rest(&c), blob, KEY_ID_LEN + ED25519_SIG_LEN) == 0;
	return checkpoint_name_ok(*name) ? 0 : E_FORMAT;
}

static int check_sigs(struct span body, struct span sigs, const char *origin, const uint8_t *pub)
{
	struct cur c = cur_of(sigs);
	uint8_t id[KEY_ID_LEN];
	uint8_t blob[KEY_ID_LEN + ED25519_SIG_LEN];
	bool good = false;

	if (pub != NULL)
		key_id(origin, pub, id);
	for (int i = 0; cur_left(&c) > 0; i++) {
		struct span name;
		bool known;
		struct span line = take_line(&c);

		if (!cur_ok(&c) || i >= SIG_LINES_MAX || parse_sig(line, &name, blob, &known) != 0)
			return E_FORMAT;
		if (pub == NULL || !known || !span_is(name, origin) ||
		    memcmp(blob, id, KEY_ID_LEN) != 0)
			continue;
		if (ed25519_verify(pub, body, span_of(blob + KEY_ID_LEN, ED25519_SIG_LEN)) != 0)
			return E_CRYPTO; /* a known key with a wrong signature is worse than an
					    unknown key */
		good = true;
	}
	return pub == NULL || good ? 0 : E_CRYPTO;
}

static int note_read(struct span note, const uint8_t *pub, struct checkpoint *c)
{
	struct span body;
	struct span sigs;
	int rc = note_split(note, &body, &sigs);

	if (rc == 0)
		rc = checkpoint_parse_body(body, c);
	return rc == 0 ? check_sigs(body, sigs, c->origin, pub) : rc;
}

int checkpoint_parse(struct span note, struct checkpoint *c)
{
	return note_read(note, NULL, c);
}

int checkpoint_open(struct span note, const uint8_t pub[ED25519_PUB_LEN], struct checkpoint *c)
{
	return note_read(note, pub, c);
}

void checkpoint_put_key(struct buf *b, const char *name, const uint8_t pub[ED25519_PUB_LEN])
{
	uint8_t id[KEY_ID_LEN];
	uint8_t blob[1 + ED25519_PUB_LEN] = {ALG_ED25519};
	char hex[2 * KEY_ID_LEN + 1];

	key_id(name, pub, id);
	hex_encode(span_of(id, KEY_ID_LEN), hex);
	memcpy(blob + 1, pub, ED25519_PUB_LEN);
	buf_printf(b, "%s+%s+", name, hex);
	base64_encode(span_of(blob, sizeof(blob)), b);
}

int checkpoint_parse_key(
    struct span text, char name[CHECKPOINT_NAME_MAX], uint8_t pub[ED25519_PUB_LEN])
{
	struct cur c = cur_of(text);
	const uint8_t *plus = text.n > 0 ? memchr(text.p, '+', text.n) : NULL;
	struct span who = plus != NULL ? cur_take(&c, (size_t)(plus - text.p)) : span_of(NULL, 0);
	struct span mid = cur_take(&c, 2 + 2 * KEY_ID_LEN);
	uint8_t blob[1 + ED25519_PUB_LEN];
	uint8_t id[KEY_ID_LEN];
	char hex[2 * KEY_ID_LEN + 1];

	if (!cur_ok(&c) || !checkpoint_name_ok(who) || mid.p[mid.n - 1] != '+' ||
	    parse_b64(cur_rest(&c), blob, sizeof(blob)) != 0 || blob[0] != ALG_ED25519)
		return E_FORMAT;
	memcpy(name, who.p, who.n);
	name[who.n] = '\0';
	memcpy(pub, blob + 1, ED25519_PUB_LEN);
	key_id(name, pub, id);
	hex_encode(span_of(id, KEY_ID_LEN), hex);
	return memcmp(hex, mid.p + 1, 2 * KEY_ID_LEN) == 0 ? 0 : E_CRYPTO;
}
