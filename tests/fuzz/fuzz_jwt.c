/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens. The first byte chooses: a whole token as it comes (no such thing can verify), claims that
 * are signed here, a header under a real signature. What is accepted must be fit for a certificate.
 */
#include <stdlib.h>

#include "../support/jwtmake.h"
#include "ident/jwt.h"
#include "wire/sshcert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GOOD_HEADER "{\"alg\":\"ES256\",\"kid\":\"e\"}"
#define GOOD_PAYLOAD                                                                               \
	"{\"iss\":\"https://"                                                                      \
	"idp.example\",\"sub\":\"s\",\"aud\":\"c\",\"exp\":1700000300,\"iat\":1699999900}"

static struct signer *key;
static struct jwks *set;

static void once(void)
{
	struct signer *rsa;
	struct buf b;

	if (set != NULL)
		return;
	key = signer_new("P-256");
	rsa = signer_new("RSA-2048");
	buf_init(&b, 8192);
	buf_put_str(&b, "{\"keys\":[");
	signer_jwk(key, ",\"kid\":\"e\"", &b);
	buf_put_str(&b, ",");
	signer_jwk(rsa, ",\"kid\":\"r\"", &b);
	buf_put_str(&b, "]}");
	if (jwks_parse(buf_span(&b), &set, NULL) != 0)
		abort();
	signer_free(rsa);
	buf_clear(&b);
}

static void check(const struct jwt *t)
{
	size_t i;

	if (strcmp(t->iss, "https://idp.example") != 0 || t->sub[0] == '\0' ||
	    t->exp_s < 1700000000 - JWT_SKEW_S)
		abort();
	if (!sshcert_principal_ok(span_str(t->user)) || t->n_groups > JWT_GROUPS_MAX)
		abort();
	for (i = 0; i < t->n_groups; i++)
		if (!sshcert_name_ok(span_str(t->groups[i])))
			abort();
}

static void verify(struct span token, bool possible)
{
	static char *pins[] = {(char *)"/x/0=1"};
	struct jwt_rules r = {.issuer = "https://idp.example",
	    .audience = "c",
	    .client_id = "c",
	    .user_claim = "/sub",
	    .groups_claim = "/groups",
	    .now_s = 1700000000};
	struct why w = {0};
	struct jwt t;
	int rc = jwt_verify(token, set, &r, &t, &w);

	if (rc == 0) {
		if (!possible)
			abort();
		check(&t);
	} else if (w.text[0] == '\0' || t.iss != NULL || t.groups != NULL) {
		abort();
	}
	if (rc == E_NOTFOUND && strstr(w.text, "no usable key") == NULL && strstr(w.text, "no key (kid)") == NULL &&
	    strstr(w.text, "signature is wrong") == NULL)
		abort();
	jwt_clear(&t);
	r.claims = pins;
	r.n_claims = 1;
	r.user_claim = "/email";
	r.person_claim = "/a~1b/c";
	r.nonce = "n";
	if (jwt_verify(token, set, &r, &t, &w) == 0 && !possible)
		abort();
	jwt_clear(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char iss[256];
	struct buf token;
	char *text;

	once();
	if (size < 1)
		return 0;
	if (data[0] % 3 == 0) {
		verify(span_of(data + 1, size - 1), false);
		(void)!jwt_claimed_issuer(span_of(data + 1, size - 1), iss, sizeof(iss), NULL);
		return 0;
	}
	if (memchr(data + 1, 0, size - 1) != NULL || size > JWS_TOKEN_MAX)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	buf_init(&token, 4 * JWS_TOKEN_MAX);
	signer_token(key, "ES256", data[0] % 3 == 1 ? GOOD_HEADER : text,
	    data[0] % 3 == 1 ? text : GOOD_PAYLOAD, &token);
	verify(buf_span(&token), true);
	free(text);
	buf_clear(&token);
	return 0;
}
