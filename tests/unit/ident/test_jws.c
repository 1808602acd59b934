/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../support/jwtmake.h"
#include "base/crypto.h"
#include "ident/jws.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static char *all_algs[] = {(char *)"RS256", (char *)"RS384", (char *)"RS512", (char *)"PS256",
    (char *)"PS384", (char *)"PS512", (char *)"ES256", (char *)"ES384", (char *)"ES512"};

static int parse_set(const char *keys, struct jwks **out, struct why *w)
{
	struct buf b;
	int rc;

	buf_init(&b, 1 << 20);
	buf_printf(&b, "{\"keys\":[%s]}", keys);
	rc = jwks_parse(buf_span(&b), out, w);
	buf_clear(&b);
	return rc;
}

static struct jwks *set_of(const char *keys)
{
	struct jwks *set;
	struct why w;

	cr_assert_eq(parse_set(keys, &set, &w), 0, "%s", w.text);
	return set;
}

/* How many keys of a set with this one key can be used: 0 or 1. */
static size_t usable(const char *key)
{
	struct jwks *set;
	size_t n = parse_set(key, &set, NULL) == 0 ? jwks_count(set) : 0;

	jwks_free(set);
	return n;
}

static int verify(struct span token, const struct jwks *set, struct buf *out, struct why *w)
{
	return jws_verify(token, set, all_algs, N(all_algs), out, w);
}

static void refused(struct span token, const struct jwks *set, int code, const char *says)
{
	struct why w = {0};
	struct buf out;

	buf_init(&out, JWS_TOKEN_MAX);
	cr_expect_eq(
	    verify(token, set, &out, &w), code, "want \"%s\", got %d %s", says, w.code, w.text);
	cr_expect_not_null(strstr(w.text, says), "want \"%s\", got \"%s\"", says, w.text);
	cr_expect_eq(buf_len(&out), 0);
	buf_clear(&out);
}

struct fixture {
	struct signer *rsa, *ec;
	struct buf keys, token;
	struct jwks *set;
};

/* One RSA key "r" and one P-256 key "e". */
static void fix_init(struct fixture *f)
{
	f->rsa = signer_new("RSA-2048");
	f->ec = signer_new("P-256");
	buf_init(&f->keys, 1 << 16);
	buf_init(&f->token, 1 << 16);
	signer_jwk(f->rsa, ",\"kid\":\"r\",\"use\":\"sig\"", &f->keys);
	buf_put_str(&f->keys, ",");
	signer_jwk(f->ec, ",\"kid\":\"e\",\"key_ops\":[\"verify\"]", &f->keys);
	f->set = set_of(buf_cstr(&f->keys));
}

static void fix_clear(struct fixture *f)
{
	signer_free(f->rsa);
	signer_free(f->ec);
	buf_clear(&f->keys);
	buf_clear(&f->token);
	jwks_free(f->set);
}

static struct span es(struct fixture *f, const char *header)
{
	signer_token(f->ec, "ES256", header, "{\"a\":1}", &f->token);
	return buf_span(&f->token);
}

Test(jws, base64url)
{
	static const struct {
		const char *text;
		int n; /* -1 = refused */
	} row[] = {{"", 0}, {"AA", 1}, {"AAA", 2}, {"AAAA", 3}, {"_-8", 2}, {"A", -1},
	    {"AAAAA", -1}, {"AB", -1}, {"AAB", -1}, {"AA==", -1}, {"AAA=", -1}, {"AA\n", -1},
	    {" AA", -1}, {"A A", -1}, {"+/8", -1}, {"A.A", -1}, {"\xc3\xa9", -1}};
	struct buf b, t;
	uint8_t all[256];
	size_t i;

	buf_init(&b, 1000);
	buf_init(&t, 1000);
	for (i = 0; i < N(row); i++) {
		buf_reset(&b);
		cr_expect_eq(base64url_decode(span_str(row[i].text), &b),
		    row[i].n < 0 ? E_FORMAT : 0, "%s", row[i].text);
		if (row[i].n >= 0)
			cr_expect_eq(buf_len(&b), (size_t)row[i].n, "%s", row[i].text);
	}
	for (i = 0; i < 256; i++)
		all[i] = (uint8_t)(255 - i);
	for (i = 0; i <= 256; i++) {
		buf_reset(&b);
		buf_reset(&t);
		base64url_encode(span_of(all, i), &t);
		cr_expect_eq(base64url_decode(buf_span(&t), &b), 0);
		cr_expect(span_eq(buf_span(&b), span_of(all, i)));
		cr_expect_null(memchr(buf_cstr(&t), '=', buf_len(&t)));
	}
	buf_clear(&b);
	buf_clear(&t);
}

/* RFC 7515 A.3, RFC 7520 4.1, 4.2, 4.3. */
Test(jws, published_vectors)
{
	static const char rsa[] =
	    "{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"n\":\""
	    "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRoj"
	    "dNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2l"
	    "bzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6c"
	    "S6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3"
	    "-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwU"
	    "kRz5iaiQkqgc5gHdrNP5zw\",\"e\":\"AQAB\"}";
	static const char p521[] = "{\"kty\":\"EC\",\"kid\":\"bilbo.baggins@hobbiton.example\","
				   "\"use\":\"sig\",\"crv\":\"P-521\",\"x\":\""
				   "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_"
				   "oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt\",\"y\":\""
				   "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAg"
				   "DPrwQrJmbnX9cwlGfP-HqHZR1\"}";
	static const char p256[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
				   "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
				   "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
#define ROAD                                                                                       \
	".SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXA" \
	"gb250byB0aGUgcm9h"                                                                        \
	"ZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91" \
	"IG1pZ2h0IGJlIHN3ZXB0"                                                                     \
	"IG9mZiB0by4."
	static const struct {
		const char *key, *token;
	} row[] = {
	    {p256, "eyJhbGciOiJFUzI1NiJ9."
		   "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
		   "yb290Ijp0cnVlfQ."
		   "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
		   "Kg6NU1Q"},
	    {rsa, "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9" ROAD
		  "MRjdkly7_-"
		  "oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xu"
		  "glII7PNDi84wnB"
		  "-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_"
		  "qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxn"
		  "t8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-"
		  "ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcI"
		  "e8u9ipH84ogoree7vjbU5y18kDquDg"},
	    {rsa, "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9" ROAD
		  "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-"
		  "tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6"
		  "_1OLPpcbUrhiUSMxbbXUvdvWXzg-"
		  "UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3"
		  "lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_"
		  "jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6G"
		  "YmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"},
	    {p521, "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9" ROAD
		   "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-"
		   "JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDy"
		   "YjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"},
	};
	struct buf out;
	size_t i;

	buf_init(&out, JWS_TOKEN_MAX);
	for (i = 0; i < N(row); i++) {
		struct jwks *set = set_of(row[i].key);
		struct why w;

		cr_expect_eq(
		    verify(span_str(row[i].token), set, &out, &w), 0, "%zu: %s", i, w.text);
		cr_expect(span_is(
		    buf_span(&out), i == 0 ? "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
					     "\"http://example.com/is_root\":true}"
					   : "It\xe2\x80\x99s a dangerous business, Frodo, going "
					     "out your door. You step onto the road, and if "
					     "you don't keep your feet, there\xe2\x80\x99s no "
					     "knowing where you might be swept off to."));
		jwks_free(set);
	}
	buf_clear(&out);
}

Test(jws, every_algorithm_and_no_other_key)
{
	static const char *const kinds[] = {"RSA-2048", "P-256", "P-384", "P-521", "RSA-3072"};
	struct signer *s[N(kinds)];
	struct buf keys, token, out;
	struct jwks *set;
	size_t i, k;

	buf_init(&keys, 1 << 16);
	buf_init(&token, 1 << 16);
	buf_init(&out, JWS_TOKEN_MAX);
	for (i = 0; i < N(kinds); i++) {
		char more[32];

		s[i] = signer_new(kinds[i]);
		(void)snprintf(more, sizeof(more), ",\"kid\":\"k%zu\"", i);
		if (i > 0)
			buf_put_str(&keys, ",");
		signer_jwk(s[i], more, &keys);
	}
	set = set_of(buf_cstr(&keys));
	cr_assert_eq(jwks_count(set), N(kinds));
	for (i = 0; i < N(all_algs); i++) {
		size_t good = i < 6 ? 0 : i - 5; /* ES256 → P-256 ... */

		for (k = 0; k < N(kinds); k++) {
			char header[80];
			struct why w;

			(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k%zu\"}",
			    all_algs[i], k);
			signer_token(s[good], all_algs[i], header, "{\"x\":1}", &token);
			if (k == good)
				cr_expect_eq(verify(buf_span(&token), set, &out, &w), 0, "%s: %s",
				    all_algs[i], w.text);
			else
				refused(buf_span(&token), set, E_CRYPTO,
				    i < 6 && k == 4 ? "signature is wrong" : "is not one for");
		}
	}
	for (i = 0; i < N(kinds); i++)
		signer_free(s[i]);
	jwks_free(set);
	buf_clear(&keys);
	buf_clear(&token);
	buf_clear(&out);
}

Test(jws, headers)
{
	static const struct {
		const char *header;
		int code;
		const char *says;
	} row[] = {
	    {"{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"at+jwt\"}", 0, ""},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"jwt\"}", 0, ""},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\",\"jku\":\"https://"
	     "evil\",\"jwk\":{\"kty\":\"oct\"},\"x5u\":1,\"x5c\":[]}",
		0, ""},
	    {"{\"alg\":\"ES256\"}", 0, ""}, /* one key fits */
	    {"{\"alg\":\"none\",\"kid\":\"e\"}", E_DENIED, "not signed (alg none)"},
	    {"{\"alg\":\"nOnE\",\"kid\":\"e\"}", E_DENIED, "not signed (alg nOnE)"},
	    {"{\"alg\":\"HS256\",\"kid\":\"e\"}", E_DENIED,
		"signed with a shared secret (alg HS256)"},
	    {"{\"alg\":\"HS512\",\"kid\":\"r\"}", E_DENIED,
		"signed with a shared secret (alg HS512)"},
	    {"{\"alg\":\"EdDSA\",\"kid\":\"e\"}", E_DENIED,
		"signed with EdDSA, which is not accepted"},
	    {"{\"alg\":\"ES256K\",\"kid\":\"e\"}", E_DENIED, "signed with ES256K"},
	    {"{\"alg\":\"es256\",\"kid\":\"e\"}", E_DENIED, "signed with es256"},
	    {"{\"alg\":\"\\u001b[2J\",\"kid\":\"e\"}", E_DENIED, "signed with \\x1b[2J"},
	    {"{\"alg\":\"RS256\",\"kid\":\"e\"}", E_CRYPTO, "key \"e\" is not one for RS256"},
	    {"{\"alg\":\"ES384\",\"kid\":\"e\"}", E_CRYPTO, "key \"e\" is not one for ES384"},
	    {"{\"alg\":\"ES256\",\"kid\":\"r\"}", E_CRYPTO, "key \"r\" is not one for ES256"},
	    {"{\"alg\":\"ES384\"}", E_NOTFOUND, "names no key (kid) and the provider has 0 keys"},
	    {"{\"alg\":\"RS256\"}", E_NOTFOUND, "signature is wrong"},
	    {"{\"alg\":\"ES256\",\"kid\":\"E\"}", E_NOTFOUND, "no usable key \"E\""},
	    {"{\"alg\":\"ES256\",\"kid\":\"\"}", E_NOTFOUND, "no usable key \"\""},
	    {"{\"alg\":\"ES256\",\"kid\":\"\\u001b]0;x\"}", E_NOTFOUND,
		"no usable key \"\\x1b]0;x\""},
	    {"{\"alg\":\"ES256\",\"kid\":7}", E_FORMAT, "(kid) is not a string"},
	    {"{\"alg\":\"ES256\",\"kid\":null}", E_FORMAT, "(kid) is not a string"},
	    {"{\"kid\":\"e\"}", E_FORMAT, "names no algorithm"},
	    {"{\"alg\":null,\"kid\":\"e\"}", E_FORMAT, "names no algorithm"},
	    {"{\"alg\":[\"ES256\"],\"kid\":\"e\"}", E_FORMAT, "names no algorithm"},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\",\"crit\":[\"exp\"]}", E_UNKNOWN,
		"demands extensions (crit)"},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\",\"crit\":[]}", E_UNKNOWN,
		"demands extensions (crit)"},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\",\"crit\":null}", E_UNKNOWN,
		"demands extensions (crit)"},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"JOSE\"}", E_FORMAT,
		"of another type (typ JOSE)"},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"logout+jwt\"}", E_FORMAT,
		"of another type (typ logout+jwt)"},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":1}", E_FORMAT, "of another type"},
	    {"{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"e\"}", E_FORMAT,
		"header is not JSON: duplicate"},
	    {"{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"e\"}", E_FORMAT,
		"header is not JSON: duplicate"},
	    {"[\"ES256\"]", E_FORMAT, "header is not a JSON object"},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\"", E_FORMAT, "header is not JSON"},
	    {"{\"alg\":\"ES256\",\"kid\":\"e\"}x", E_FORMAT, "header is not JSON"},
	    {"{\"alg\":\"ES256\\u0000\",\"kid\":\"e\"}", E_FORMAT, "header is not JSON"},
	    {"{\"alg\":\"ES256\",\"kid\":\"\xff\"}", E_FORMAT,
		"header is not JSON: it is not UTF-8"},
	    {"{\"alg\":\"ES256\",\"x\":[[[[[[[[[[1]]]]]]]]]]}", E_TOOBIG, "nested too deep"},
	};
	struct fixture f;
	struct buf out;
	size_t i;

	fix_init(&f);
	buf_init(&out, JWS_TOKEN_MAX);
	for (i = 0; i < N(row); i++) {
		struct why w;

		if (row[i].code != 0)
			refused(es(&f, row[i].header), f.set, row[i].code, row[i].says);
		else
			cr_expect_eq(verify(es(&f, row[i].header), f.set, &out, &w), 0, "%s: %s",
			    row[i].header, w.text);
	}
	buf_clear(&out);
	fix_clear(&f);
}

/* The oldest trick: the public key as a shared secret. */
Test(jws, public_key_is_no_secret)
{
	static const char *const headers[] = {
	    "{\"alg\":\"HS256\",\"kid\":\"r\"}", "{\"alg\":\"RS256\",\"kid\":\"r\"}"};
	struct fixture f;
	struct buf pem;
	size_t i;

	fix_init(&f);
	buf_init(&pem, 4096);
	signer_pem(f.rsa, &pem);
	for (i = 0; i < N(headers); i++) {
		uint8_t mac[SHA256_LEN];

		buf_reset(&f.token);
		base64url_encode(span_str(headers[i]), &f.token);
		buf_put_str(&f.token, ".");
		base64url_encode(span_str("{}"), &f.token);
		hmac_sha256(buf_span(&pem), buf_span(&f.token), mac);
		buf_put_str(&f.token, ".");
		base64url_encode(span_of(mac, sizeof(mac)), &f.token);
		refused(buf_span(&f.token), f.set, i == 0 ? E_DENIED : E_CRYPTO,
		    i == 0 ? "shared secret" : "signature is wrong");
	}
	buf_clear(&pem);
	fix_clear(&f);
}

Test(jws, only_listed_algorithms)
{
	static char *only[] = {(char *)"ES384"};
	struct fixture f;
	struct buf out;
	struct why w;

	fix_init(&f);
	buf_init(&out, JWS_TOKEN_MAX);
	(void)es(&f, "{\"alg\":\"ES256\",\"kid\":\"e\"}");
	cr_expect_eq(jws_verify(buf_span(&f.token), f.set, NULL, 0, &out, &w), 0);
	cr_expect_eq(jws_verify(buf_span(&f.token), f.set, only, 1, &out, &w), E_DENIED);
	cr_expect_not_null(strstr(w.text, "signed with ES256, which is not accepted"));
	cr_expect_not_null(strstr(w.hint, "algs"));
	cr_expect_eq(jws_verify(buf_span(&f.token), f.set, only, 0, &out, &w), E_DENIED);
	signer_token(f.rsa, "RS512", "{\"alg\":\"RS512\",\"kid\":\"r\"}", "{}", &f.token);
	cr_expect_eq(jws_verify(buf_span(&f.token), f.set, NULL, 0, &out, &w), E_DENIED);
	buf_clear(&out);
	fix_clear(&f);
}

Test(jws, shapes)
{
	static const struct {
		const char *token;
		int code;
		const char *says;
	} row[] = {{"", E_FORMAT, "0 parts"}, {"a", E_FORMAT, "1 parts"},
	    {"a.b", E_FORMAT, "2 parts"}, {"a.b.c.d.e", E_FORMAT, "5 parts"},
	    {"..", E_FORMAT, "empty part"}, {"e30..", E_FORMAT, "empty part"},
	    {".e30.", E_FORMAT, "empty part"}, {"e30=.e30.AA", E_FORMAT, "strict base64url"},
	    {"e30.e30.A", E_FORMAT, "strict base64url"},
	    {"e30.e30.AB", E_FORMAT, "strict base64url"},
	    {"e30.e30.AA\n", E_FORMAT, "strict base64url"},
	    {" e30.e30.AA", E_FORMAT, "strict base64url"},
	    {"e30.e3+.AA", E_FORMAT, "strict base64url"},
	    {"e30.e30.AA", E_FORMAT, "names no algorithm"}};
	static char large[JWS_TOKEN_MAX + 1];
	struct fixture f;
	size_t i;

	fix_init(&f);
	for (i = 0; i < N(row); i++)
		refused(span_str(row[i].token), f.set, row[i].code, row[i].says);
	memset(large, 'A', sizeof(large));
	refused(span_of(large, sizeof(large)), f.set, E_TOOBIG,
	    "too large (16385 bytes, at most 16384)");
	fix_clear(&f);
}

/* No signature: as many bytes as it should have, fewer, more, none. */
Test(jws, signature_lengths)
{
	static const size_t lengths[] = {0, 1, 31, 63, 65, 96, 132, 255, 257, 512};
	static const uint8_t zero[512] = {0};
	struct fixture f;
	size_t i, k;

	fix_init(&f);
	for (k = 0; k < 3; k++) {
		static const char *const head[] = {"{\"alg\":\"RS256\",\"kid\":\"r\"}",
		    "{\"alg\":\"PS256\",\"kid\":\"r\"}", "{\"alg\":\"ES256\",\"kid\":\"e\"}"};

		for (i = 0; i < N(lengths) + 2; i++) {
			size_t n = i < N(lengths) ? lengths[i] : i == N(lengths) ? 64 : 256;

			buf_reset(&f.token);
			base64url_encode(span_str(head[k]), &f.token);
			buf_put_str(&f.token, ".e30.");
			base64url_encode(span_of(zero, n), &f.token);
			refused(buf_span(&f.token), f.set, E_CRYPTO, "signature is wrong");
		}
	}
	fix_clear(&f);
}

static void sweep(struct fixture *f)
{
	struct buf copy, out;
	size_t i, bit, n = buf_len(&f->token);

	buf_init(&copy, 1 << 16);
	buf_init(&out, JWS_TOKEN_MAX);
	cr_assert_eq(verify(buf_span(&f->token), f->set, &out, NULL), 0);
	for (i = 0; i < n; i++)
		cr_expect_lt(verify(span_of(buf_span(&f->token).p, i), f->set, &out, NULL), 0,
		    "prefix %zu", i);
	for (i = 0; i < n; i++) {
		for (bit = 0; bit < 8; bit++) {
			buf_reset(&copy);
			buf_put(&copy, buf_span(&f->token).p, i);
			buf_put_u8(&copy, (uint8_t)(buf_span(&f->token).p[i] ^ 1u << bit));
			buf_put(&copy, buf_span(&f->token).p + i + 1, n - i - 1);
			cr_expect_lt(verify(buf_span(&copy), f->set, &out, NULL), 0,
			    "byte %zu bit %zu", i, bit);
		}
	}
	for (i = 0; i < n; i++) { /* a byte left out, a byte twice */
		buf_reset(&copy);
		buf_put(&copy, buf_span(&f->token).p, i);
		buf_put(&copy, buf_span(&f->token).p + i + 1, n - i - 1);
		cr_expect_lt(verify(buf_span(&copy), f->set, &out, NULL), 0, "without byte %zu", i);
	}
	buf_put_span(&f->token, span_str("A"));
	cr_expect_lt(verify(buf_span(&f->token), f->set, &out, NULL), 0);
	buf_clear(&copy);
	buf_clear(&out);
}

Test(jws, every_prefix_and_bit_of_an_rsa_token, .timeout = 60)
{
	struct fixture f;

	fix_init(&f);
	signer_token(f.rsa, "PS256", "{\"alg\":\"PS256\",\"kid\":\"r\"}", "{\"a\":1}", &f.token);
	sweep(&f);
	fix_clear(&f);
}

Test(jws, every_prefix_and_bit_of_an_ec_token, .timeout = 60)
{
	struct fixture f;

	fix_init(&f);
	(void)es(&f, "{\"alg\":\"ES256\",\"kid\":\"e\"}");
	sweep(&f);
	fix_clear(&f);
}

/* A key that says for what it is, is for nothing else. */
Test(jws, algorithm_of_the_key)
{
	struct signer *s = signer_new("RSA-2048");
	struct buf keys, token, out;
	struct jwks *set;

	buf_init(&keys, 4096);
	buf_init(&token, 4096);
	buf_init(&out, JWS_TOKEN_MAX);
	signer_jwk(s, ",\"kid\":\"r\",\"alg\":\"RS256\"", &keys);
	set = set_of(buf_cstr(&keys));
	signer_token(s, "RS256", "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{}", &token);
	cr_expect_eq(verify(buf_span(&token), set, &out, NULL), 0);
	signer_token(s, "PS256", "{\"alg\":\"PS256\",\"kid\":\"r\"}", "{}", &token);
	refused(buf_span(&token), set, E_CRYPTO, "key \"r\" is not one for PS256");
	signer_token(s, "RS512", "{\"alg\":\"RS512\"}", "{}", &token);
	refused(buf_span(&token), set, E_NOTFOUND, "has 0 keys that could be meant");
	jwks_free(set);
	signer_free(s);
	buf_clear(&keys);
	buf_clear(&token);
	buf_clear(&out);
}

/* --- key sets --- */

Test(jwks, which_keys_are_usable)
{
	static const struct {
		const char *more;
		size_t usable;
	} row[] = {{"", 1}, {",\"kid\":\"a\"", 1}, {",\"kid\":1", 0}, {",\"use\":\"sig\"", 1},
	    {",\"use\":\"enc\"", 0}, {",\"use\":1", 0}, {",\"key_ops\":[\"verify\"]", 1},
	    {",\"key_ops\":[\"sign\",\"verify\"]", 1}, {",\"key_ops\":[\"encrypt\"]", 0},
	    {",\"key_ops\":[]", 0}, {",\"key_ops\":7", 0}, {",\"alg\":\"ES256\"", 1},
	    {",\"alg\":\"RS256\"", 0}, {",\"alg\":\"ECDH-ES\"", 0}, {",\"alg\":1", 0},
	    {",\"d\":\"AQ\"", 0}, {",\"k\":\"AQ\"", 0},
	    {",\"x5c\":[\"x\"],\"x5t\":\"y\",\"other\":{}", 1}};
	struct signer *s = signer_new("P-256");
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	for (i = 0; i < N(row); i++) {
		buf_reset(&b);
		signer_jwk(s, row[i].more, &b);
		cr_expect_eq(usable(buf_cstr(&b)), row[i].usable, "%s", row[i].more);
	}
	buf_clear(&b);
	signer_free(s);
}

Test(jwks, weak_and_malformed_keys_are_left_out)
{
	/* a point that is not on the curve, short and long coordinates, other curves and types, bad
	 * numbers */
	static const char *const row[] = {
	    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
	    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_"
	    "tue659LNpXW6pCyStikYjKIWI5a4\"}",
	    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
	    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
	    "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":"
	    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_"
	    "tue659LNpXW6pCyStikYjKIWI5a0\"}",
	    "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":"
	    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_"
	    "tue659LNpXW6pCyStikYjKIWI5a0\"}",
	    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU="
	    "\",\"y\":\"x_FEzRu9m36HLN_"
	    "tue659LNpXW6pCyStikYjKIWI5a0\"}",
	    "{\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
	    "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
	    "1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
	    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
	    "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	    "{\"kty\":\"RSA\"}", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
	    "{\"kty\":\"RSA\",\"n\":1,\"e\":\"AQAB\"}", "{\"kty\":\"rsa\"}", "{}", "1", "null",
	    "[]", "\"x\""};
	size_t i;

	for (i = 0; i < N(row); i++)
		cr_expect_eq(usable(row[i]), 0, "%s", row[i]);
}

/* A coordinate that begins with a zero byte, as it must be written and as some write it; the other number is another point. */
Test(jwks, leading_zeros_of_coordinates_may_be_missing)
{
	static const char *const x[] = {"AIvuA3GyVUpqppTie4GSne0eja5-Bjc-vK9jmROWKUI",
	    "i-4DcbJVSmqmlOJ7gZKd7R6Nrn4GNz68r2OZE5YpQg", "i-4DcbJVSmqmlOJ7gZKd7R6Nrn4GNz68r2OZE5YpQw"};
	size_t i;

	for (i = 0; i < N(x); i++) {
		char key[300];

		(void)snprintf(key, sizeof(key),
		    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"BlEfuaEClLmp8x_ZCtMMDoXz0U9KLNk914Q3xcMjZsw\"}", x[i]);
		cr_expect_eq(usable(key), i < 2, "%s", key);
	}
}

/* A point on the curve, but a coordinate is longer than the curve's. */
Test(jwks, coordinates_have_full_length)
{
	static const char x[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
	struct buf raw, b;
	size_t i;

	buf_init(&raw, 100);
	buf_init(&b, 1000);
	for (i = 0; i < 2; i++) {
		buf_reset(&b);
		buf_reset(&raw);
		if (i == 1)
			buf_put_u8(&raw, 0);
		cr_assert_eq(base64url_decode(span_str(x), &raw), 0);
		buf_put_str(&b, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"");
		base64url_encode(buf_span(&raw), &b);
		buf_put_str(&b, "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
		cr_expect_eq(usable(buf_cstr(&b)), 1 - i, "%s", buf_cstr(&b));
	}
	buf_clear(&raw);
	buf_clear(&b);
}

static size_t rsa_usable(const char *kind, const char *e)
{
	struct signer *s = signer_new(kind);
	struct buf b;
	char *at;
	size_t n;

	buf_init(&b, 1 << 16);
	signer_jwk(s, "", &b);
	at = strstr((char *)(uintptr_t)buf_cstr(&b), "\"e\":\"AQAB\"");
	cr_assert_not_null(at);
	buf_truncate(&b, (size_t)(at - buf_cstr(&b)));
	buf_printf(&b, "\"e\":\"%s\"}", e);
	n = usable(buf_cstr(&b));
	buf_clear(&b);
	signer_free(s);
	return n;
}

Test(jwks, rsa_numbers, .timeout = 60)
{
	cr_expect_eq(rsa_usable("RSA-2048", "AQAB"), 1);
	cr_expect_eq(rsa_usable("RSA-2048", "Aw"), 1);
	cr_expect_eq(rsa_usable("RSA-2048", "AAEAAQ"), 1); /* leading zero byte */
	cr_expect_eq(rsa_usable("RSA-2048", "AQ"), 0);
	cr_expect_eq(rsa_usable("RSA-2048", ""), 0);
	cr_expect_eq(rsa_usable("RSA-2048", "AA"), 0);
	cr_expect_eq(rsa_usable("RSA-2048", "AQAA"), 0);     /* even */
	cr_expect_eq(rsa_usable("RSA-2048", "AQAAAAAB"), 0); /* over 32 bits */
	cr_expect_eq(rsa_usable("RSA-2047", "AQAB"), 0);
	cr_expect_eq(rsa_usable("RSA-1024", "AQAB"), 0);
}

/* A modulus of our own: too large, even. */
Test(jwks, rsa_modulus)
{
	uint8_t n[1100];
	struct buf b;
	size_t i;

	buf_init(&b, 1 << 16);
	memset(n, 0xff, sizeof(n));
	for (i = 0; i < 4; i++) {
		size_t len = i == 0 ? 1024 : i == 1 ? 1025 : i == 2 ? 256 : 1100;

		n[len - 1] = i == 2 ? 0xfe : 0xff;
		buf_reset(&b);
		buf_put_str(&b, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
		base64url_encode(span_of(n, len), &b);
		buf_put_str(&b, "\"}");
		cr_expect_eq(usable(buf_cstr(&b)), i == 0 ? 1 : 0, "%zu", len);
	}
	buf_clear(&b);
}

static void set_refused(struct span text, int code, const char *says)
{
	struct jwks *set;
	struct why w;

	cr_expect_eq(jwks_parse(text, &set, &w), code, "%s", says);
	cr_expect_null(set);
	cr_expect_not_null(strstr(w.text, says), "want \"%s\", got \"%s\"", says, w.text);
}

Test(jwks, whole_sets)
{
	static char large[JWKS_TEXT_MAX + 1];
	struct buf b;
	struct signer *s = signer_new("P-256");
	struct jwks *set;
	size_t i;

	buf_init(&b, 1 << 20);
	set_refused(span_str(""), E_FORMAT, "key set is not JSON");
	set_refused(span_str("{}"), E_FORMAT, "has no list `keys`");
	set_refused(span_str("{\"keys\":{}}"), E_FORMAT, "has no list `keys`");
	set_refused(span_str("[]"), E_FORMAT, "key set is not a JSON object");
	set_refused(span_str("{\"keys\":[]}"), E_CRYPTO, "none of the 0 keys");
	set_refused(span_str("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"},7]}"), E_CRYPTO,
	    "none of the 2 keys");
	set_refused(span_str("{\"keys\":[],\"keys\":[]}"), E_FORMAT, "duplicate");
	set_refused(span_of(large, sizeof(large)), E_TOOBIG, "too large (262145 bytes");
	buf_put_str(&b, "{\"keys\":[");
	for (i = 0; i < JWKS_KEYS_MAX + 1; i++)
		buf_printf(&b, "%s{\"kty\":\"oct\"}", i > 0 ? "," : "");
	buf_put_str(&b, "]}");
	set_refused(buf_span(&b), E_TOOBIG, "has 65 keys, at most 64");
	/* one good key among waste */
	buf_reset(&b);
	buf_put_str(&b, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\",\"kid\":\"x\"},null,");
	signer_jwk(s, ",\"kid\":\"g\"", &b);
	buf_put_str(&b, "],\"more\":1}");
	cr_assert_eq(jwks_parse(buf_span(&b), &set, NULL), 0);
	cr_expect_eq(jwks_count(set), 1);
	jwks_free(set);
	signer_free(s);
	buf_clear(&b);
}

/* A key that was left out is as unknown as one that never was. */
Test(jwks, unusable_key_id_is_unknown)
{
	struct signer *s = signer_new("P-256"), *other = signer_new("P-256");
	struct buf keys, token;
	struct jwks *set;

	buf_init(&keys, 4096);
	buf_init(&token, 4096);
	signer_jwk(s, ",\"kid\":\"a\",\"use\":\"enc\"", &keys);
	buf_put_str(&keys, ",");
	signer_jwk(other, ",\"kid\":\"b\"", &keys);
	set = set_of(buf_cstr(&keys));
	signer_token(s, "ES256", "{\"alg\":\"ES256\",\"kid\":\"a\"}", "{}", &token);
	refused(buf_span(&token), set, E_NOTFOUND, "no usable key \"a\"");
	signer_token(s, "ES256", "{\"alg\":\"ES256\"}", "{}", &token);
	refused(buf_span(&token), set, E_NOTFOUND, "signature is wrong");
	jwks_free(set);
	buf_reset(&keys);
	signer_jwk(s, ",\"kid\":\"a\"", &keys);
	buf_put_str(&keys, ",");
	signer_jwk(other, ",\"kid\":\"a\"", &keys);
	set = set_of(
	    buf_cstr(&keys)); /* two keys with one id: either may have signed, never a third */
	signer_token(other, "ES256", "{\"alg\":\"ES256\",\"kid\":\"a\"}", "{}", &token);
	{
		struct buf out;

		buf_init(&out, 100);
		cr_expect_eq(verify(buf_span(&token), set, &out, NULL), 0);
		buf_clear(&out);
	}
	signer_token(other, "ES256", "{\"alg\":\"ES256\"}", "{}", &token);
	refused(buf_span(&token), set, E_NOTFOUND, "has 2 keys that could be meant");
	jwks_free(set);
	signer_free(s);
	signer_free(other);
	buf_clear(&keys);
	buf_clear(&token);
}
