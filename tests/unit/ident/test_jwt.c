/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../support/jwtmake.h"
#include "base/crypto.h"
#include "ident/jwt.h"

#define N(a)   (sizeof(a) / sizeof((a)[0]))
#define NOW    1700000000
#define HEADER "{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"JWT\"}"

/* A good token's claims; tests replace one, leave one out (NULL) or add one. */
static const struct {
	const char *key, *value;
} good[] = {{"iss", "\"https://idp.example\""}, {"sub", "\"u-1\""}, {"aud", "\"client-1\""},
    {"exp", "1700000300"}, {"iat", "1699999900"}, {"nbf", "1699999900"}, {"jti", "\"j-1\""},
    {"nonce", "\"n-1\""}, {"email", "\"alice@example.com\""}, {"email_verified", "true"},
    {"groups", "[\"dba\",\"Domain Users\",\"/team/a\"]"}};

struct fixture {
	struct signer *key;
	struct jwks *set;
	struct buf text, token;
	struct jwt_rules r;
	struct jwt t;
	struct why w;
};

static void fix_init(struct fixture *f)
{
	struct buf b;

	*f = (struct fixture){.key = signer_new("P-256")};
	buf_init(&b, 4096);
	buf_init(&f->text, 1 << 16);
	buf_init(&f->token, 1 << 17);
	buf_put_str(&b, "{\"keys\":[");
	signer_jwk(f->key, ",\"kid\":\"e\"", &b);
	buf_put_str(&b, "]}");
	cr_assert_eq(jwks_parse(buf_span(&b), &f->set, NULL), 0);
	f->r = (struct jwt_rules){.issuer = "https://idp.example",
	    .audience = "client-1",
	    .client_id = "client-1",
	    .user_claim = "/email",
	    .groups_claim = "/groups",
	    .now_s = NOW};
	buf_clear(&b);
}

static void fix_clear(struct fixture *f)
{
	jwt_clear(&f->t);
	signer_free(f->key);
	jwks_free(f->set);
	buf_clear(&f->text);
	buf_clear(&f->token);
}

static void put(struct fixture *f, const char *key, const char *value)
{
	if (value != NULL)
		buf_printf(&f->text, "%s\"%s\":", buf_len(&f->text) > 1 ? "," : "", key);
	if (value != NULL)
		buf_put_str(&f->text, value);
}

/* Verify a token with these claims changed. */
static int with2(struct fixture *f, const char *k1, const char *v1, const char *k2, const char *v2)
{
	bool known1 = false, known2 = false;
	size_t i;

	buf_reset(&f->text);
	buf_put_str(&f->text, "{");
	for (i = 0; i < N(good); i++) {
		bool is1 = k1 != NULL && strcmp(good[i].key, k1) == 0,
		     is2 = k2 != NULL && strcmp(good[i].key, k2) == 0;

		put(f, good[i].key, is1 ? v1 : is2 ? v2 : good[i].value);
		known1 = known1 || is1;
		known2 = known2 || is2;
	}
	if (k1 != NULL && !known1)
		put(f, k1, v1);
	if (k2 != NULL && !known2)
		put(f, k2, v2);
	buf_put_str(&f->text, "}");
	signer_token(f->key, "ES256", HEADER, buf_cstr(&f->text), &f->token);
	jwt_clear(&f->t);
	f->w = (struct why){0};
	return jwt_verify(buf_span(&f->token), f->set, &f->r, &f->t, &f->w);
}

static int with(struct fixture *f, const char *key, const char *value)
{
	return with2(f, key, value, NULL, NULL);
}

struct row {
	const char *key, *value;
	int code;
	const char *says;
};

static void run(struct fixture *f, const struct row *row, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		int rc = with(f, row[i].key, row[i].value);

		cr_expect_eq(
		    rc, row[i].code, "%s=%s: %d %s", row[i].key, row[i].value, rc, f->w.text);
		if (rc == 0)
			continue;
		cr_expect_not_null(strstr(f->w.text, row[i].says), "%s=%s: \"%s\"", row[i].key,
		    row[i].value, f->w.text);
		cr_expect(f->t.iss == NULL && f->t.sub == NULL && f->t.n_groups == 0 &&
			  f->t.groups == NULL);
	}
}

Test(jwt, a_good_token)
{
	struct fixture f;
	struct buf b;
	uint8_t want[SHA256_LEN];

	fix_init(&f);
	cr_assert_eq(with(&f, NULL, NULL), 0, "%s", f.w.text);
	cr_expect_str_eq(f.t.iss, "https://idp.example");
	cr_expect_str_eq(f.t.sub, "u-1");
	cr_expect_str_eq(f.t.jti, "j-1");
	cr_expect_str_eq(f.t.user, "alice@example.com");
	cr_expect_null(f.t.person);
	cr_expect_eq(f.t.exp_s, 1700000300);
	cr_expect_eq(f.t.iat_s, 1699999900);
	cr_assert_eq(f.t.n_groups, 3);
	cr_expect_str_eq(f.t.groups[0], "dba");
	cr_expect_str_eq(f.t.groups[1], "Domain Users");
	cr_expect_str_eq(f.t.groups[2], "/team/a");
	buf_init(&b, 100);
	buf_put_u32be(&b, 19);
	buf_put_str(&b, "https://idp.example");
	buf_put_u32be(&b, 3);
	buf_put_str(&b, "j-1");
	sha256(buf_span(&b), want);
	cr_expect_arr_eq(f.t.hash, want, sizeof(want));
	/* without jti: what was signed */
	cr_assert_eq(with(&f, "jti", NULL), 0, "%s", f.w.text);
	cr_expect_null(f.t.jti);
	sha256(span_of(buf_span(&f.token).p,
		   (size_t)(strrchr(buf_cstr(&f.token), '.') - buf_cstr(&f.token))),
	    want);
	cr_expect_arr_eq(f.t.hash, want, sizeof(want));
	buf_clear(&b);
	fix_clear(&f);
}

Test(jwt, issuer_and_audience)
{
	static const struct row row[] = {{"iss", NULL, E_FORMAT, "names no issuer"},
	    {"iss", "1", E_FORMAT, "names no issuer"},
	    {"iss", "\"https://idp.example/\"", E_DENIED,
		"from another issuer (https://idp.example/)"},
	    {"iss", "\"https://IDP.example\"", E_DENIED, "from another issuer"},
	    {"iss", "\"https://evil\\u001b[31m\"", E_DENIED,
		"from another issuer (https://evil\\x1b[31m)"},
	    {"aud", NULL, E_FORMAT, "names no audience"},
	    {"aud", "[]", E_FORMAT, "names no audience"},
	    {"aud", "7", E_FORMAT, "names no audience"},
	    {"aud", "[\"client-1\",7]", E_FORMAT, "names no audience"},
	    {"aud", "{\"client-1\":1}", E_FORMAT, "names no audience"},
	    {"aud", "\"client-2\"", E_DENIED, "for another audience (client-2)"},
	    {"aud", "\"client-1 client-2\"", E_DENIED, "for another audience"},
	    {"aud", "\"Client-1\"", E_DENIED, "for another audience"},
	    {"aud", "[\"client-1\"]", 0, NULL},
	    {"aud", "[\"x\",\"client-1\"]", E_DENIED, "does not say for which client (azp)"},
	    {"azp", "\"client-1\"", 0, NULL},
	    {"azp", "\"client-2\"", E_DENIED, "made for another client (azp client-2)"},
	    {"azp", "null", E_FORMAT, "(azp) is not a string"},
	    {"azp", "[\"client-1\"]", E_FORMAT, "(azp) is not a string"}};
	struct fixture f;

	fix_init(&f);
	run(&f, row, N(row));
	cr_expect_eq(with2(&f, "aud", "[\"x\",\"client-1\"]", "azp", "\"client-1\""), 0);
	cr_expect_eq(with2(&f, "aud", "[\"x\",\"client-1\"]", "azp", "\"x\""), E_DENIED);
	cr_expect_eq(with2(&f, "aud", "[\"x\",\"y\"]", "azp", "\"client-1\""), E_DENIED);
	cr_expect_not_null(strstr(f.w.hint, "with the audience client-1"));
	/* a workload has no client: azp means nothing, and a token for others too is not for us */
	f.r.client_id = NULL;
	cr_expect_eq(with(&f, "azp", "\"whoever\""), 0);
	cr_expect_eq(with(&f, "aud", "[\"x\",\"client-1\"]"), E_DENIED);
	cr_expect_not_null(strstr(f.w.text, "for 2 audiences, it must be for this gateway alone"));
	fix_clear(&f);
}

Test(jwt, times)
{
	static const struct row row[] = {{"exp", NULL, E_FORMAT, "never expires"},
	    {"exp", "\"1700000300\"", E_FORMAT, "`exp` is not a number"},
	    {"exp", "null", E_FORMAT, "`exp` is not a number"},
	    {"exp", "1e300", E_FORMAT, "`exp` is not between"},
	    {"exp", "-1", E_FORMAT, "`exp` is not between"},
	    {"exp", "9223372036854775807", E_FORMAT, "`exp` is not between"},
	    {"exp", "99999999999999999999", E_FORMAT, "not JSON"},
	    {"exp", "0", E_EXPIRED, "expired 1700000000 seconds ago"},
	    {"exp", "1699999940", E_EXPIRED, "expired 60 seconds ago"},
	    {"exp", "1699999940.9", E_EXPIRED, "expired 60 seconds ago"},
	    {"exp", "1699999941", 0, NULL}, {"exp", "1700000300.5", 0, NULL},
	    {"exp", "1.7000003e9", 0, NULL}, {"iat", NULL, E_FORMAT, "when it was issued"},
	    {"iat", "true", E_FORMAT, "`iat` is not a number"},
	    {"iat", "-1e300", E_FORMAT, "`iat` is not between"}, {"iat", "1700000060", 0, NULL},
	    {"iat", "1700000061", E_DENIED, "issued 61 seconds in the future"},
	    {"iat", "0", 0, NULL}, {"nbf", NULL, 0, NULL}, {"nbf", "0", 0, NULL},
	    {"nbf", "1700000060", 0, NULL},
	    {"nbf", "1700000061", E_DENIED, "not valid for another 61 seconds"},
	    {"nbf", "\"x\"", E_FORMAT, "`nbf` is not a number"},
	    {"nbf", "1e300", E_FORMAT, "`nbf` is not between"}};
	struct fixture f;

	fix_init(&f);
	run(&f, row, N(row));
	f.r.max_age_s = 100;
	cr_expect_eq(with(&f, "iat", "1699999840"), 0);
	cr_expect_eq(with(&f, "iat", "1699999839"), E_EXPIRED);
	cr_expect_not_null(strstr(f.w.text, "161 seconds old, at most 100 are accepted"));
	fix_clear(&f);
}

Test(jwt, subject_and_id)
{
	static const struct row row[] = {{"sub", NULL, E_FORMAT, "names no subject"},
	    {"sub", "7", E_FORMAT, "names no subject"},
	    {"sub", "\"\"", E_FORMAT, "is empty, over 255 bytes or not printable"},
	    {"sub", "\"a\\nb\"", E_FORMAT, "not printable"},
	    {"sub", "\"a\\u0000\"", E_FORMAT, "not JSON"},
	    {"sub", "\"\\u009b31m\"", E_FORMAT, "not printable"},
	    {"sub", "\"system:serviceaccount:ns:name\"", 0, NULL},
	    {"sub", "\"J\\u00f6rg\"", 0, NULL},
	    {"jti", "7", E_FORMAT, "(jti) is not a printable string"},
	    {"jti", "\"\"", E_FORMAT, "(jti) is not"}, {"jti", "null", E_FORMAT, "(jti) is not"}};
	struct fixture f;
	char text[300];

	fix_init(&f);
	run(&f, row, N(row));
	memset(text, 'a', sizeof(text));
	text[0] = text[256] = '"';
	text[257] = '\0';
	cr_expect_eq(with(&f, "sub", text), 0); /* 255 */
	cr_expect_eq(with(&f, "jti", text), 0);
	text[256] = 'a';
	text[257] = '"';
	text[258] = '\0';
	cr_expect_eq(with(&f, "sub", text), E_FORMAT);
	cr_expect_eq(with(&f, "jti", text), E_FORMAT);
	fix_clear(&f);
}

Test(jwt, nonce)
{
	static const struct row row[] = {{"nonce", "\"n-1\"", 0, NULL},
	    {"nonce", NULL, E_DENIED, "carries no nonce"},
	    {"nonce", "1", E_DENIED, "carries no nonce"},
	    {"nonce", "\"n-2\"", E_DENIED, "nonce is another one"},
	    {"nonce", "\"n-11\"", E_DENIED, "nonce is another one"},
	    {"nonce", "\"\"", E_DENIED, "nonce is another one"}};
	struct fixture f;

	fix_init(&f);
	f.r.nonce = "n-1";
	run(&f, row, N(row));
	f.r.nonce = NULL; /* the device flow has none */
	cr_expect_eq(with(&f, "nonce", NULL), 0);
	fix_clear(&f);
}

Test(jwt, pins)
{
	static const struct {
		const char *pin;
		int code;
		const char *says;
	} row[] = {{"/repo/id=1234", 0, NULL}, {"/repo/name=a=b", 0, NULL},
	    {"/ref_protected=true", 0, NULL}, {"/https:~1~1x~1env=prod", 0, NULL},
	    {"/repo/id=12345", E_DENIED, "token's /repo/id is not 12345"},
	    {"/repo/id=01234", E_DENIED, "is not 01234"},
	    {"/repo/id=1234 ", E_DENIED, "is not 1234 "}, {"/repo/name=a", E_DENIED, "is not a"},
	    {"/ref_protected=TRUE", E_DENIED, "is not TRUE"},
	    {"/ref_protected=1", E_DENIED, "is not 1"},
	    {"/missing=x", E_DENIED, "token has no /missing, which must be x"},
	    {"/repo={}", E_DENIED, "token's /repo is not {}"},
	    {"/list=a", E_DENIED, "/list is not a"}, {"/list/0=a", 0, NULL},
	    {"/nothing=null", E_DENIED, "/nothing is not null"},
	    {"/half=0.5", E_DENIED, "/half is not 0.5"}, {"/number=\"7\"", E_DENIED, "is not"},
	    {"repo=1", E_CONFIG, "not /POINTER=VALUE"}, {"/repo", E_CONFIG, "not /POINTER=VALUE"},
	    {"/a~=1", E_CONFIG, "not /POINTER=VALUE"}};
	struct fixture f;
	size_t i;

	fix_init(&f);
	for (i = 0; i < N(row); i++) {
		char *pins[2] = {(char *)"/sub=u-1", (char *)(uintptr_t)row[i].pin};

		f.r.claims = pins;
		f.r.n_claims = 2;
		cr_expect_eq(with2(&f, "repo",
				 "{\"id\":1234,\"name\":\"a=b\"},\"https://x/"
				 "env\":\"prod\",\"list\":[\"a\"],\"nothing\":null,\"half\":0.5",
				 "ref_protected", "true,\"number\":7"),
		    row[i].code, "%s: %s", row[i].pin, f.w.text);
		if (row[i].says != NULL)
			cr_expect_not_null(
			    strstr(f.w.text, row[i].says), "%s: %s", row[i].pin, f.w.text);
	}
	fix_clear(&f);
}

Test(jwt, user_names)
{
	static const struct row row[] = {
	    {"email_verified", "false", E_DENIED,
		"not verified the e-mail address \"alice@example.com\""},
	    {"email_verified", NULL, E_DENIED, "not verified the e-mail"},
	    {"email_verified", "\"true\"", E_DENIED, "not verified the e-mail"},
	    {"email_verified", "1", E_DENIED, "not verified the e-mail"},
	    {"email", NULL, E_DENIED, "no claim /email, which would be the user name"},
	    {"email", "[\"a\"]", E_FORMAT, "is not a string"},
	    {"email", "\"\"", E_DENIED,
		"user name \"\" (claim /email) cannot stand in a certificate"},
	    {"email", "\"a b\"", E_DENIED, "cannot stand in"},
	    {"email", "\"a,b\"", E_DENIED, "cannot stand in"},
	    {"email", "\"*\"", E_DENIED, "cannot stand in"},
	    {"email", "\"a\\n\"", E_DENIED, "cannot stand in"}};
	struct fixture f;

	fix_init(&f);
	run(&f, row, N(row));
	f.r.user_claim = "/sub"; /* then the address does not matter */
	cr_expect_eq(with(&f, "email_verified", "false"), 0);
	cr_expect_str_eq(f.t.user, "u-1");
	f.r.user_claim = "";
	cr_expect_eq(with(&f, "email", NULL), 0);
	cr_expect_null(f.t.user);
	f.r.person_claim = "/act/person";
	cr_expect_eq(with(&f, NULL, NULL), E_DENIED);
	cr_expect_not_null(strstr(f.w.text, "no claim /act/person, which would be the person"));
	cr_expect_eq(with(&f, "act", "{\"person\":\"bob\"}"), 0);
	cr_expect_str_eq(f.t.person, "bob");
	cr_expect_eq(with(&f, "act", "{\"person\":true}"), E_FORMAT);
	f.r.person_claim = "person";
	cr_expect_eq(with(&f, NULL, NULL), E_CONFIG);
	cr_expect_not_null(strstr(f.w.text, "\"person\" is not a JSON pointer"));
	fix_clear(&f);
}

Test(jwt, groups)
{
	static const struct row row[] = {{"groups", "\"dba\"", 0, NULL}, {"groups", "[]", 0, NULL},
	    {"groups", NULL, 0, NULL}, {"groups", "[\"dba\",\"dba\"]", 0, NULL},
	    {"groups", "null", E_FORMAT, "groups (/groups) are neither a string nor a list"},
	    {"groups", "[{\"name\":\"dba\"}]", E_FORMAT, "neither a string nor a list"},
	    {"groups", "{\"dba\":true}", E_FORMAT, "neither"},
	    {"groups", "[\"dba\",null]", E_FORMAT, "neither"}, {"groups", "7", E_FORMAT, "neither"},
	    {"groups", "[\"a,b\"]", E_DENIED, "group \"a,b\" cannot stand in a certificate"},
	    {"groups", "\"\"", E_DENIED, "group \"\" cannot"},
	    {"groups", "[\"dba\",\" x\"]", E_DENIED, "group \" x\" cannot"},
	    {"groups", "[\"a\\u001b\"]", E_DENIED, "group \"a\\x1b\" cannot"}};
	struct fixture f;
	struct buf b;
	size_t n, i;

	fix_init(&f);
	run(&f, row, N(row));
	cr_expect_eq(with(&f, "groups", "[\"dba\",\"x\",\"dba\"]"), 0);
	cr_expect_eq(f.t.n_groups, 2);
	cr_expect_eq(with(&f, "groups", "\"dba\""), 0);
	cr_expect_eq(f.t.n_groups, 1);
	cr_expect_eq(with(&f, "groups", NULL), 0);
	cr_expect_eq(f.t.n_groups, 0);
	buf_init(&b, 1 << 16);
	for (n = 512; n <= 513; n++) {
		buf_reset(&b);
		for (i = 0; i < n; i++)
			buf_printf(&b, "%s\"g%zu\"", i == 0 ? "[" : ",", i);
		buf_put_str(&b, "]");
		cr_expect_eq(with(&f, "groups", buf_cstr(&b)), n == 512 ? 0 : E_TOOBIG);
		if (n == 513)
			cr_expect_not_null(
			    strstr(f.w.text, "too many groups: 513 in the token, at most 512"));
		else
			cr_expect_eq(f.t.n_groups, 512);
	}
	f.r.groups_claim = "/https:~1~1x~1groups";
	cr_expect_eq(with(&f, "https://x/groups", "[\"ns\"]"), 0);
	cr_expect(f.t.n_groups == 1 && strcmp(f.t.groups[0], "ns") == 0);
	f.r.groups_claim = "/realm_access/roles";
	cr_expect_eq(with(&f, "realm_access", "{\"roles\":[\"r\"]}"), 0);
	cr_expect(f.t.n_groups == 1 && strcmp(f.t.groups[0], "r") == 0);
	f.r.groups_claim = NULL;
	cr_expect_eq(with(&f, "groups", "7"), 0); /* not asked for */
	cr_expect_eq(f.t.n_groups, 0);
	buf_clear(&b);
	fix_clear(&f);
}

/* Entra ID: the claim is replaced by a hint where to ask. Never "no groups". */
Test(jwt, groups_left_out)
{
	static const struct {
		const char *claim, *key, *value, *groups;
		int code;
	} row[] = {{"/groups", "_claim_names", "{\"groups\":\"src1\"}", NULL, E_TOOBIG},
	    {"/groups", "_claim_names", "{\"groups\":\"src1\"}", "[\"dba\"]", E_TOOBIG},
	    {"/groups", "_claim_names", "7", NULL, E_TOOBIG},
	    {"/groups", "hasgroups", "true", NULL, E_TOOBIG},
	    {"/groups", "hasgroups", "\"true\"", NULL, E_TOOBIG},
	    {"/groups", "hasgroups", "false", NULL, 0},
	    {"/groups", "hasgroups", "true", "[\"dba\"]", 0},
	    {"/groups", "_claim_names", "{\"other\":\"src1\"}", NULL, 0},
	    {"/roles", "_claim_names", "{\"groups\":\"src1\"}", NULL, 0},
	    {"/roles", "hasgroups", "true", NULL, 0},
	    {"/realm/roles", "_claim_names", "{\"realm\":\"src1\"}", NULL, E_TOOBIG},
	    {NULL, "_claim_names", "{\"groups\":\"src1\"}", NULL, 0}};
	struct fixture f;
	size_t i;

	fix_init(&f);
	for (i = 0; i < N(row); i++) {
		f.r.groups_claim = row[i].claim;
		cr_expect_eq(with2(&f, row[i].key, row[i].value, "groups", row[i].groups),
		    row[i].code, "%zu: %s", i, f.w.text);
		if (row[i].code != 0)
			cr_expect(strstr(f.w.text, "too many groups: the provider left them out") !=
				      NULL &&
				  f.w.hint[0] != '\0');
	}
	fix_clear(&f);
}

Test(jwt, texts_that_are_no_claims)
{
	static const struct {
		const char *payload;
		int code;
		const char *says;
	} row[] = {{"[]", E_FORMAT, "token is not a JSON object"}, {"\"x\"", E_FORMAT, "not JSON"},
	    {"hello", E_FORMAT, "not JSON"},
	    {"{\"iss\":\"https://idp.example\",\"iss\":\"https://idp.example\"}", E_FORMAT,
		"duplicate"},
	    {"{\"iss\":\"https://idp.example\",\"x\":{\"a\":1,\"a\":1}}", E_FORMAT, "duplicate"},
	    {"{\"iss\":\"\xff\"}", E_FORMAT, "not UTF-8"}, {"{}", E_FORMAT, "names no issuer"},
	    {"{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", E_TOOBIG, "nested too deep"}};
	struct fixture f;
	size_t i;

	fix_init(&f);
	for (i = 0; i < N(row); i++) {
		signer_token(f.key, "ES256", HEADER, row[i].payload, &f.token);
		cr_expect_eq(jwt_verify(buf_span(&f.token), f.set, &f.r, &f.t, &f.w), row[i].code);
		cr_expect_not_null(
		    strstr(f.w.text, row[i].says), "%s: %s", row[i].payload, f.w.text);
	}
	fix_clear(&f);
}

/* What the fetcher asks for again must be a missing key and nothing else. */
Test(jwt, only_an_unknown_key_is_not_found)
{
	struct fixture f;

	fix_init(&f);
	cr_assert_eq(with(&f, NULL, NULL), 0);
	jwt_clear(&f.t);
	signer_token(
	    f.key, "ES256", "{\"alg\":\"ES256\",\"kid\":\"new\"}", buf_cstr(&f.text), &f.token);
	cr_expect_eq(jwt_verify(buf_span(&f.token), f.set, &f.r, &f.t, &f.w), E_NOTFOUND);
	cr_expect_str_eq(
	    f.w.text, "the provider has no usable key \"new\", which signed the token");
	fix_clear(&f);
}

Test(jwt, rules_must_be_complete)
{
	struct fixture f;

	fix_init(&f);
	f.r.audience = "";
	cr_expect_eq(with(&f, NULL, NULL), E_INTERNAL);
	f.r.audience = "client-1";
	f.r.issuer = NULL;
	cr_expect_eq(with(&f, NULL, NULL), E_INTERNAL);
	f.r.issuer = "https://idp.example";
	f.r.now_s = 0;
	cr_expect_eq(with(&f, NULL, NULL), E_INTERNAL);
	fix_clear(&f);
}

Test(jwt, claimed_issuer)
{
	struct fixture f;
	char iss[64];

	fix_init(&f);
	(void)with(&f, NULL, NULL);
	cr_expect_eq(jwt_claimed_issuer(buf_span(&f.token), iss, sizeof(iss), NULL), 0);
	cr_expect_str_eq(iss, "https://idp.example");
	cr_expect_eq(jwt_claimed_issuer(buf_span(&f.token), iss, 5, &f.w), E_TOOBIG);
	cr_expect_str_eq(iss, "");
	(void)with(&f, "iss", "[1]");
	cr_expect_eq(jwt_claimed_issuer(buf_span(&f.token), iss, sizeof(iss), &f.w), E_FORMAT);
	cr_expect_eq(jwt_claimed_issuer(span_str("a.b"), iss, sizeof(iss), &f.w), E_FORMAT);
	cr_expect_eq(jwt_claimed_issuer(span_str("e30.e30.AA"), iss, sizeof(iss), &f.w), E_FORMAT);
	fix_clear(&f);
}

/* A token over the limit is refused before anything is computed. */
Test(jwt, oversize)
{
	struct fixture f;
	struct buf big;
	size_t i;

	fix_init(&f);
	buf_init(&big, 1 << 16);
	buf_put_str(&big, "\"");
	for (i = 0; i < 13000; i++)
		buf_put_str(&big, "a");
	buf_put_str(&big, "\"");
	cr_expect_eq(with(&f, "picture", buf_cstr(&big)), E_TOOBIG);
	cr_expect_not_null(strstr(f.w.text, "the token is too large"));
	buf_clear(&big);
	fix_clear(&f);
}
