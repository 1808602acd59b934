/* SPDX-License-Identifier: Apache-2.0
 *
 * Codes, cookie, state and form tokens. Fields under the HMAC are length-prefixed, so that no two different lists of them are
 * the same bytes.
 */
#include "server/web_token.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/crypto.h"

#define LETTERS   "BCDFGHJKLMNPQRSTVWXZ" /* no vowels, no words; none that looks like another */
#define NONCE_LEN 12
#define MAC_HEX   (2 * SHA256_LEN)

int web_code(struct span in, char out[WEB_CODE_CAP])
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		char c = (char)in.p[i];

		if (c == '-' && i == 4)
			continue;
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (c == '\0' || strchr(LETTERS, c) == NULL || n == WEB_CODE_CAP - 1)
			return E_FORMAT;
		if (n == 4)
			out[n++] = '-';
		out[n++] = c;
	}
	if (n != WEB_CODE_CAP - 1)
		return E_FORMAT;
	out[n] = '\0';
	return 0;
}

/* --- cookie --- */

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

void web_cookie_new(char out[WEB_COOKIE_CAP])
{
	uint8_t raw[(WEB_COOKIE_CAP - 1) / 2];

	crypto_random(raw, sizeof(raw));
	hex_encode(span_of(raw, sizeof(raw)), out);
}

/* The next "name=value" of the header, without blanks around it. */
static struct span next_pair(struct span *rest)
{
	const uint8_t *semi = rest->n > 0 ? memchr(rest->p, ';', rest->n) : NULL;
	struct span s = {rest->p, semi != NULL ? (size_t)(semi - rest->p) : rest->n};

	*rest = semi != NULL ? span_of(semi + 1, rest->n - s.n - 1) : (struct span){0};
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

int web_cookie_find(struct span header, char out[WEB_COOKIE_CAP])
{
	const size_t name = sizeof(WEB_COOKIE "=") - 1;
	int found = 0;

	while (header.n > 0) {
		struct span s = next_pair(&header), v;

		if (s.n < name || memcmp(s.p, WEB_COOKIE "=", name) != 0)
			continue;
		v = span_of(s.p + name, s.n - name);
		if (found++ > 0 || v.n != WEB_COOKIE_CAP - 1 || !is_hex(v))
			return E_NOTFOUND;
		memcpy(out, v.p, v.n);
		out[v.n] = '\0';
	}
	return found == 1 ? 0 : E_NOTFOUND;
}

/* --- tokens --- */

static void mac(const uint8_t key[WEB_KEY_LEN], const char *const fields[4], char out[MAC_HEX + 1])
{
	uint8_t digest[SHA256_LEN];
	struct buf b;

	buf_init(&b, 4096);
	for (int i = 0; i < 4; i++) {
		buf_put_u32be(&b, (uint32_t)strlen(fields[i]));
		buf_put_str(&b, fields[i]);
	}
	hmac_sha256(span_of(key, WEB_KEY_LEN), buf_span(&b), digest);
	hex_encode(span_of(digest, sizeof(digest)), out);
	buf_clear(&b);
}

void web_form_token(const uint8_t key[WEB_KEY_LEN], const char *cookie, const char *login, const char *purpose,
    char out[WEB_FORM_CAP])
{
	mac(key, (const char *const[]){"form", cookie, login, purpose}, out);
}

bool web_form_token_ok(const uint8_t key[WEB_KEY_LEN], const char *cookie, const char *login, const char *purpose,
    const char *token)
{
	char want[WEB_FORM_CAP];

	web_form_token(key, cookie, login, purpose, want);
	return span_eq_ct(span_str(want), span_str(token));
}

static void state_of(const uint8_t key[WEB_KEY_LEN], const char *cookie, const char *code, const char *nonce,
    char out[WEB_STATE_CAP])
{
	char digest[MAC_HEX + 1];

	mac(key, (const char *const[]){"state", cookie, code, nonce}, digest);
	(void)snprintf(out, WEB_STATE_CAP, "%s.%s.%s", code, nonce, digest);
}

void web_state_new(const uint8_t key[WEB_KEY_LEN], const char *cookie, const char *code, char out[WEB_STATE_CAP])
{
	uint8_t raw[NONCE_LEN];
	char nonce[2 * NONCE_LEN + 1];

	crypto_random(raw, sizeof(raw));
	hex_encode(span_of(raw, sizeof(raw)), nonce);
	state_of(key, cookie, code, nonce, out);
}

int web_state_open(const uint8_t key[WEB_KEY_LEN], const char *cookie, struct span state, char code[WEB_CODE_CAP])
{
	const size_t at = WEB_CODE_CAP; /* of the nonce, behind "CODE." */
	char nonce[2 * NONCE_LEN + 1], want[WEB_STATE_CAP], c[WEB_CODE_CAP];

	if (state.n != WEB_STATE_CAP - 1 || web_code(span_of(state.p, WEB_CODE_CAP - 1), c) != 0)
		return E_DENIED;
	memcpy(nonce, state.p + at, sizeof(nonce) - 1);
	nonce[sizeof(nonce) - 1] = '\0';
	if (!is_hex(span_str(nonce)) || strlen(nonce) != sizeof(nonce) - 1)
		return E_DENIED;
	state_of(key, cookie, c, nonce, want);
	if (!span_eq_ct(span_str(want), state))
		return E_DENIED;
	memcpy(code, c, WEB_CODE_CAP);
	return 0;
}
