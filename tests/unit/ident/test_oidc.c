/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "ident/oidc.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

Test(oidc, addresses)
{
	static const struct {
		const char *url;
		int https, http; /* without and with allow_http */
	} row[] = {{"https://idp.example", 0, 0}, {"https://idp.example:8443/a/b?c=d&e=%20", 0, 0},
	    {"https://[2001:db8::1]:443/", 0, 0}, {"https://127.0.0.1/", 0, 0},
	    {"http://127.0.0.1:3000/x", E_DENIED, 0}, {"http://localhost:1", E_DENIED, 0},
	    {"http://[::1]/", E_DENIED, 0}, {"http://127.1.2.3", E_DENIED, 0},
	    {"http://idp.example", E_DENIED, E_DENIED},
	    {"http://127.0.0.1.example/", E_DENIED, E_DENIED},
	    {"http://localhost.example/", E_DENIED, E_DENIED},
	    {"http://127.1/", E_DENIED, E_DENIED}, {"http://0.0.0.0/", E_DENIED, E_DENIED},
	    {"http://[::2]/", E_DENIED, E_DENIED}, {"http://2130706433/", E_DENIED, E_DENIED},
	    {"http://127.0.0.1@idp.example/", E_FORMAT, E_FORMAT},
	    {"https://user:pw@idp.example/", E_FORMAT, E_FORMAT}, {"https://", E_FORMAT, E_FORMAT},
	    {"https:///x", E_FORMAT, E_FORMAT}, {"https://:443/", E_FORMAT, E_FORMAT},
	    {"https://a:/", E_FORMAT, E_FORMAT}, {"https://a:0/", E_FORMAT, E_FORMAT},
	    {"https://a:65536/", E_FORMAT, E_FORMAT}, {"https://a:123456/", E_FORMAT, E_FORMAT},
	    {"https://a:4a/", E_FORMAT, E_FORMAT}, {"https://[::1/", E_FORMAT, E_FORMAT},
	    {"https://[::1]x/", E_FORMAT, E_FORMAT}, {"https://a_b/", E_FORMAT, E_FORMAT},
	    {"https://idp.example/#f", E_FORMAT, E_FORMAT},
	    {"https://idp.example/a b", E_FORMAT, E_FORMAT},
	    {"https://idp.example/\n", E_FORMAT, E_FORMAT},
	    {"https://idp.example\\@evil/", E_FORMAT, E_FORMAT},
	    {"https://idp.example/\x1b[2J", E_FORMAT, E_FORMAT},
	    {"https://idp.ex\xc3\xa4mple/", E_FORMAT, E_FORMAT},
	    {"https://idp.example/a\\b", E_FORMAT, E_FORMAT},
	    {"https://idp.example/<b>", E_FORMAT, E_FORMAT},
	    {"https://idp.example/\"", E_FORMAT, E_FORMAT},
	    {"https://idp.example/\x7f", E_FORMAT, E_FORMAT},
	    {"https://idp.example/\xc2\x9b", E_FORMAT, E_FORMAT},
	    {"ftp://idp.example", E_FORMAT, E_FORMAT}, {"HTTPS://idp.example", E_FORMAT, E_FORMAT},
	    {"//idp.example", E_FORMAT, E_FORMAT}, {"/relative", E_FORMAT, E_FORMAT},
	    {"", E_FORMAT, E_FORMAT}, {"javascript:alert(1)", E_FORMAT, E_FORMAT},
	    {"file:///etc/passwd", E_FORMAT, E_FORMAT},
	    {"https://idp.example%2f/", E_FORMAT, E_FORMAT}};
	char large[OIDC_URL_MAX + 2];
	struct why w;
	size_t i;

	for (i = 0; i < N(row); i++) {
		cr_expect_eq(oidc_url_check(row[i].url, false, "the page", &w), row[i].https,
		    "%s: %s", row[i].url, w.text);
		cr_expect_eq(oidc_url_check(row[i].url, true, "the page", &w), row[i].http,
		    "%s: %s", row[i].url, w.text);
		if (row[i].http != 0)
			cr_expect_eq(strncmp(w.text, "the page is not ", 16), 0, "%s", w.text);
	}
	memset(large, 'a', sizeof(large));
	memcpy(large, "https://", 8);
	large[sizeof(large) - 1] = '\0';
	cr_expect_eq(oidc_url_check(large, false, "the page", &w), E_TOOBIG);
}

Test(oidc, discovery_address)
{
	struct buf b;
	struct why w;

	buf_init(&b, 4096);
	cr_expect_eq(oidc_discovery_url("https://idp.example", false, &b, &w), 0);
	cr_expect_str_eq(buf_cstr(&b), "https://idp.example/.well-known/openid-configuration");
	buf_reset(&b);
	cr_expect_eq(oidc_discovery_url("https://idp.example/realms/x/", false, &b, &w), 0);
	cr_expect_str_eq(
	    buf_cstr(&b), "https://idp.example/realms/x/.well-known/openid-configuration");
	buf_reset(&b);
	cr_expect_eq(oidc_discovery_url("https://idp.example/?a=b", false, &b, &w), E_FORMAT);
	cr_expect_eq(oidc_discovery_url("http://idp.example/", true, &b, &w), E_DENIED);
	cr_expect_not_null(strstr(w.text, "the issuer is not https: http://idp.example/"));
	cr_expect_eq(buf_len(&b), 0);
	buf_clear(&b);
}

#define DOC(more)                                                                                  \
	"{\"issuer\":\"https://idp.example\",\"jwks_uri\":\"https://keys.example/"                 \
	"jwks\",\"token_endpoint\":\"https://"                                                     \
	"idp.example/token\"" more "}"

Test(oidc, discovery)
{
	struct oidc_provider p;
	struct why w;

	cr_assert_eq(
	    oidc_discovery_parse(
		span_str(DOC(",\"authorization_endpoint\":\"https://login.example/"
			     "auth\",\"device_authorization_endpoint\":"
			     "\"https://idp.example/"
			     "device\",\"id_token_signing_alg_values_supported\":[\"none\"],"
			     "\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"],"
			     "\"authorization_response_iss_parameter_supported\":true")),
		"https://idp.example", false, &p, &w),
	    0, "%s", w.text);
	cr_expect_str_eq(p.issuer, "https://idp.example");
	cr_expect_str_eq(p.authorize, "https://login.example/auth");
	cr_expect_str_eq(p.token, "https://idp.example/token");
	cr_expect_str_eq(p.device, "https://idp.example/device");
	cr_expect_str_eq(p.jwks, "https://keys.example/jwks");
	cr_expect(p.secret_post && p.iss_in_callback);
	oidc_provider_clear(&p);
	cr_assert_eq(
	    oidc_discovery_parse(span_str(DOC(",\"token_endpoint_auth_methods_supported\":["
					      "\"client_secret_basic\",\"client_secret_post\"]")),
		"https://idp.example", false, &p, &w),
	    0);
	cr_expect(p.authorize == NULL && p.device == NULL && !p.secret_post && !p.iss_in_callback);
	oidc_provider_clear(&p);
}

Test(oidc, discovery_refused)
{
	static const struct {
		const char *doc;
		int code;
		const char *says;
	} row[] = {{"", E_FORMAT, "discovery document is not JSON"},
	    {"[]", E_FORMAT, "discovery document is not a JSON object"},
	    {"<html>", E_FORMAT, "not JSON"}, {"{}", E_FORMAT, "names no issuer"},
	    {"{\"issuer\":1}", E_FORMAT, "names no issuer"},
	    {"{\"issuer\":\"https://idp.example/\"}", E_DENIED,
		"calls itself https://idp.example/, which is not the configured issuer"},
	    {"{\"issuer\":\"https://evil\\u001b[2J\"}", E_DENIED,
		"calls itself https://evil\\x1b[2J"},
	    {"{\"issuer\":\"https://idp.example\",\"issuer\":\"https://idp.example\"}", E_FORMAT,
		"duplicate"},
	    {"{\"issuer\":\"https://idp.example\"}", E_FORMAT, "where its keys are (jwks_uri)"},
	    {"{\"issuer\":\"https://idp.example\",\"jwks_uri\":null}", E_FORMAT,
		"address of the provider's keys is not a string"},
	    {"{\"issuer\":\"https://idp.example\",\"jwks_uri\":\"http://idp.example/keys\"}",
		E_DENIED, "provider's keys is not https"},
	    {"{\"issuer\":\"https://idp.example\",\"jwks_uri\":\"/keys\"}", E_FORMAT,
		"provider's keys is not an https address: /keys"},
	    {DOC(",\"device_authorization_endpoint\":\"http://127.0.0.1/d\""), E_DENIED,
		"device endpoint is not https"},
	    {DOC(",\"authorization_endpoint\":7"), E_FORMAT,
		"authorization endpoint is not a string"},
	    {"{\"issuer\":\"https://idp.example\",\"jwks_uri\":\"https://"
	     "a\",\"token_endpoint\":\"file:///etc/shadow\"}",
		E_FORMAT, "token endpoint is not an https address"}};
	static char large[OIDC_DOC_MAX + 1];
	struct oidc_provider p;
	struct why w;
	size_t i;

	for (i = 0; i < N(row); i++) {
		cr_expect_eq(oidc_discovery_parse(
				 span_str(row[i].doc), "https://idp.example", false, &p, &w),
		    row[i].code, "%s: %s", row[i].doc, w.text);
		cr_expect_not_null(strstr(w.text, row[i].says), "%s: %s", row[i].doc, w.text);
		cr_expect(p.issuer == NULL && p.jwks == NULL && p.token == NULL);
	}
	cr_expect_eq(oidc_discovery_parse(
			 span_of(large, sizeof(large)), "https://idp.example", false, &p, &w),
	    E_TOOBIG);
	for (i = 0; i < strlen(DOC("")); i++)
		cr_expect_lt(
		    oidc_discovery_parse(span_of(DOC(""), i), "https://idp.example", false, &p, &w),
		    0, "%zu", i);
}

Test(oidc, device)
{
	struct oidc_device d;
	struct why w;

	cr_assert_eq(
	    oidc_device_parse(span_str("{\"device_code\":\"secret\",\"user_code\":\"ABCD-EFGH\","
				       "\"verification_uri\":\"https://idp.example/d\","
				       "\"verification_uri_complete\":\"https://idp.example/"
				       "d?c=ABCD-EFGH\",\"expires_in\":600,\"interval\":3}"),
		false, &d, &w),
	    0, "%s", w.text);
	cr_expect_str_eq(d.device_code, "secret");
	cr_expect_str_eq(d.user_code, "ABCD-EFGH");
	cr_expect_str_eq(d.uri, "https://idp.example/d");
	cr_expect_str_eq(d.uri_complete, "https://idp.example/d?c=ABCD-EFGH");
	cr_expect(d.expires_s == 600 && d.interval_s == 3);
	oidc_device_clear(&d);
	cr_assert_eq(
	    oidc_device_parse(span_str("{\"device_code\":\"s\",\"user_code\":\"A\",\"verification_"
				       "url\":\"https://g.example/d\",\"expires_in\":99999}"),
		false, &d, &w),
	    0);
	cr_expect(d.uri_complete == NULL && d.expires_s == 3600 && d.interval_s == 5);
	oidc_device_clear(&d);
	cr_assert_eq(
	    oidc_device_parse(span_str("{\"device_code\":\"s\",\"user_code\":\"A\",\"verification_"
				       "uri\":\"http://localhost/d\",\"expires_in\":1,"
				       "\"interval\":0}"),
		true, &d, &w),
	    0);
	cr_expect_eq(d.interval_s, 1);
	oidc_device_clear(&d);
	cr_assert_eq(
	    oidc_device_parse(span_str("{\"device_code\":\"s\",\"user_code\":\"A\",\"verification_"
				       "uri\":\"https://a/d\",\"expires_in\":1,"
				       "\"interval\":100000}"),
		true, &d, &w),
	    0);
	cr_expect_eq(d.interval_s, 60);
	oidc_device_clear(&d);
}

/* What a person cannot type is not shown; what a person can do without is left out. */
Test(oidc, device_long_addresses)
{
	static char page[500], doc[2000];
	struct oidc_device d;
	struct why w;
	size_t n;

	for (n = 480; n <= 481; n++) {
		memset(page, 'a', n);
		memcpy(page, "https://b/", 10);
		page[n] = '\0';
		(void)snprintf(doc, sizeof(doc),
		    "{\"device_code\":\"s\",\"user_code\":\"A\",\"expires_in\":60,\"verification_"
		    "uri\":\"https://a\","
		    "\"verification_uri_complete\":\"%s\"}",
		    page);
		cr_expect_eq(oidc_device_parse(span_str(doc), false, &d, &w), 0, "%s", w.text);
		cr_expect_eq(d.uri_complete != NULL, n == 480);
		oidc_device_clear(&d);
		(void)snprintf(doc, sizeof(doc),
		    "{\"device_code\":\"s\",\"user_code\":\"A\",\"expires_in\":60,\"verification_"
		    "uri\":\"%s\"}",
		    page);
		cr_expect_eq(oidc_device_parse(span_str(doc), false, &d, &w),
		    n == 480 ? 0 : E_TOOBIG, "%s", w.text);
		oidc_device_clear(&d);
	}
}

Test(oidc, device_refused)
{
#define DEV(device, user, rest) "{\"device_code\":" device ",\"user_code\":" user "," rest "}"
#define REST                    "\"verification_uri\":\"https://a/d\",\"expires_in\":600"
	static const struct {
		const char *doc;
		int code;
		const char *says;
	} row[] = {{"{}", E_FORMAT, "no usable device_code"},
	    {DEV("\"\"", "\"A\"", REST), E_FORMAT, "no usable device_code"},
	    {DEV("7", "\"A\"", REST), E_FORMAT, "no usable device_code"},
	    {DEV("\"s\"", "\"\"", REST), E_FORMAT, "no user_code"},
	    {DEV("\"s\"", "\"A\\nB\"", REST), E_FORMAT, "no user_code"},
	    {DEV("\"s\"", "\"\\u001b[2J\"", REST), E_FORMAT, "no user_code"},
	    {DEV("\"s\"", "\"\\u202eA\"", REST), E_FORMAT, "no user_code"},
	    {DEV("\"s\"", "\" A\"", REST), E_FORMAT, "no user_code"},
	    {DEV("\"s\"", "\"0123456789012345678901234567890123456789012345678901234567890123X\"",
		 REST),
		E_FORMAT, "no user_code"},
	    {DEV("\"s\"", "\"A\"", "\"expires_in\":600"), E_FORMAT, "where to enter the code"},
	    {DEV("\"s\"", "\"A\"", "\"verification_uri\":\"https://a/d\""), E_FORMAT,
		"how long the code is valid"},
	    {DEV("\"s\"", "\"A\"", "\"verification_uri\":\"https://a/d\",\"expires_in\":\"600\""),
		E_FORMAT, "how long the code is valid"},
	    {DEV("\"s\"", "\"A\"", "\"verification_uri\":\"https://a/d\",\"expires_in\":0"),
		E_FORMAT, "how long the code is valid"},
	    {DEV("\"s\"", "\"A\"", "\"verification_uri\":\"https://a/d\",\"expires_in\":-5"),
		E_FORMAT, "how long the code is valid"},
	    {DEV("\"s\"", "\"A\"", REST ",\"interval\":\"5\""), E_FORMAT,
		"interval is not a number"},
	    {DEV("\"s\"", "\"A\"", "\"verification_uri\":\"http://a/d\",\"expires_in\":600"),
		E_DENIED, "page for the code is not https"},
	    {DEV("\"s\"", "\"A\"", REST ",\"verification_uri_complete\":\"javascript:1\""),
		E_FORMAT, "page with the code is not an https"},
	    {DEV("\"s\"", "\"A\"", REST ",\"verification_uri_complete\":1"), E_FORMAT,
		"verification_uri_complete is not a string"}};
	struct oidc_device d;
	struct why w;
	size_t i;

	for (i = 0; i < N(row); i++) {
		cr_expect_eq(oidc_device_parse(span_str(row[i].doc), false, &d, &w), row[i].code,
		    "%s: %s", row[i].doc, w.text);
		cr_expect_not_null(strstr(w.text, row[i].says), "%s: %s", row[i].doc, w.text);
		cr_expect(d.device_code == NULL && d.user_code == NULL && d.uri == NULL);
	}
}

Test(oidc, token_answers)
{
	static const struct {
		int status;
		const char *doc;
		enum oidc_answer answer;
		const char *says, *hint;
	} row[] = {{200, "{\"id_token\":\"a.b.c\",\"access_token\":\"x\"}", OIDC_TOKEN, "", ""},
	    {200, "{\"access_token\":\"x\"}", OIDC_REFUSED, "sent no identity token", "openid"},
	    {200, "{\"id_token\":7}", OIDC_REFUSED, "sent no identity token", ""},
	    {200, "{", OIDC_REFUSED, "answer is not JSON", ""},
	    {200, "[]", OIDC_REFUSED, "not a JSON object", ""},
	    {200, "{\"id_token\":\"a\",\"id_token\":\"b\"}", OIDC_REFUSED, "duplicate", ""},
	    {201, "{\"id_token\":\"a.b.c\"}", OIDC_REFUSED, "answered the login with HTTP 201", ""},
	    {400, "{\"error\":\"authorization_pending\"}", OIDC_PENDING, "not finished", ""},
	    {200, "{\"error\":\"authorization_pending\",\"id_token\":\"a.b.c\"}", OIDC_PENDING,
		"not finished", ""},
	    {400, "{\"error\":\"slow_down\"}", OIDC_SLOW_DOWN, "less often", ""},
	    {503, "busy", OIDC_SLOW_DOWN, "is busy (HTTP 503)", ""},
	    {429, "", OIDC_SLOW_DOWN, "is busy (HTTP 429)", ""},
	    {400, "{\"error\":\"access_denied\"}", OIDC_REFUSED,
		"refused at the provider: access_denied", "agree at the provider"},
	    {400, "{\"error\":\"expired_token\"}", OIDC_REFUSED,
		"code expired before the login was finished", "sooner"},
	    {401,
		"{\"error\":\"invalid_client\",\"error_description\":\"bad\\n\\u001b[31msecret\"}",
		OIDC_REFUSED,
		"refused the login (HTTP 401): invalid_client (bad\\n\\x1b[31msecret)",
		"check client_id and secret"},
	    {400, "{\"error\":\"x\\u001b]0;y\"}", OIDC_REFUSED, "(HTTP 400): x\\x1b]0;y", ""},
	    {400, "{\"error\":7}", OIDC_REFUSED, "answered the login with HTTP 400", ""},
	    {500, "<html>", OIDC_REFUSED, "answered the login with HTTP 500", ""},
	    {302, "", OIDC_REFUSED, "answered the login with HTTP 302", ""}};
	struct buf b;
	size_t i;

	buf_init(&b, 1 << 16);
	for (i = 0; i < N(row); i++) {
		struct why w = {0};

		buf_put_str(&b, "left over");
		cr_expect_eq(oidc_token_parse(row[i].status, span_str(row[i].doc), &b, &w),
		    row[i].answer, "%s: %s", row[i].doc, w.text);
		cr_expect_not_null(strstr(w.text, row[i].says), "%s: %s", row[i].doc, w.text);
		cr_expect_not_null(strstr(w.hint, row[i].hint), "%s: %s", row[i].doc, w.hint);
		cr_expect_str_eq(buf_cstr(&b), row[i].answer == OIDC_TOKEN ? "a.b.c" : "");
	}
	buf_clear(&b);
}

Test(oidc, token_too_large)
{
	static char doc[20000];
	struct why w;
	struct buf b;

	memset(doc, 'a', sizeof(doc));
	memcpy(doc, "{\"id_token\":\"", 13);
	memcpy(doc + sizeof(doc) - 3, "\"}", 3);
	buf_init(&b, 1 << 16);
	cr_expect_eq(oidc_token_parse(200, span_str(doc), &b, &w), OIDC_REFUSED);
	cr_expect_not_null(strstr(w.text, "token is too large"), "%s", w.text);
	cr_expect_eq(buf_len(&b), 0);
	buf_clear(&b);
}

Test(oidc, other_errors)
{
	struct why w;

	cr_expect_eq(oidc_error(400, span_str("{\"error\":\"unauthorized_client\"}"),
			 "the device login", &w),
	    E_DENIED);
	cr_expect_str_eq(
	    w.text, "the provider refused the device login (HTTP 400): unauthorized_client");
	cr_expect_str_eq(w.hint, "allow this login flow for the client at the provider");
	cr_expect_eq(oidc_error(404, span_str("not found"), "the key set", &w), E_DENIED);
	cr_expect_str_eq(w.text, "the provider answered the key set with HTTP 404");
	cr_expect_eq(oidc_callback_error("access_denied", "No \x1b[1mway", &w), E_DENIED);
	cr_expect_str_eq(w.text, "the provider ended the login: access_denied (No \\x1b[1mway)");
	cr_expect_eq(oidc_callback_error("x", NULL, &w), E_DENIED);
	cr_expect_str_eq(w.text, "the provider ended the login: x");
}

Test(oidc, forms)
{
	static char *scopes[] = {(char *)"openid", (char *)"email"};
	struct oidc_provider p = {.token = (char *)"https://a/t"};
	struct oidc_client c = {"client 1", span_str("s&=+/\xc3\xa9"), scopes, 2};
	struct buf b;

	buf_init(&b, 4096);
	oidc_form_add(&b, "a b", span_str("~*-._1Z"));
	oidc_form_add(&b, "c", span_of("\0\xff", 2));
	cr_expect_str_eq(buf_cstr(&b), "a%20b=%7E%2A-._1Z&c=%00%FF");
	buf_reset(&b);
	oidc_device_form(&b, &p, &c);
	cr_expect_str_eq(buf_cstr(&b), "client_id=client%201&scope=openid%20email");
	buf_reset(&b);
	oidc_poll_form(&b, &p, &c, "d/c");
	cr_expect_str_eq(buf_cstr(&b), "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%"
				       "3Adevice_code&device_code=d%2Fc&client_id=client%201");
	p.secret_post = true;
	buf_reset(&b);
	oidc_code_form(&b, &p, &c, "co de", "https://gw/cb", "ver");
	cr_expect_str_eq(buf_cstr(&b),
	    "grant_type=authorization_code&code=co%20de&redirect_uri=https%3A%2F%2Fgw%2Fcb&code_"
	    "verifier=ver&client_id=client%201&"
	    "client_secret=s%26%3D%2B%2F%C3%A9");
	buf_reset(&b);
	oidc_basic(&b, "a:b", span_str("c d")); /* "a%3Ab:c%20d" */
	cr_expect_str_eq(buf_cstr(&b), "Basic YSUzQWI6YyUyMGQ=");
	buf_clear(&b);
}

/* RFC 7636 appendix B. */
Test(oidc, pkce)
{
	char out[OIDC_SECRET_LEN + 1], again[OIDC_SECRET_LEN + 1];

	oidc_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", out);
	cr_expect_str_eq(out, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
	oidc_random(out);
	oidc_random(again);
	cr_expect_eq(strlen(out), OIDC_SECRET_LEN);
	cr_expect_str_neq(out, again);
	cr_expect_eq(
	    strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
	    OIDC_SECRET_LEN);
}

Test(oidc, authorize_address)
{
	static char *scopes[] = {(char *)"openid"};
	struct oidc_provider p = {.authorize = (char *)"https://a/auth"};
	struct oidc_client c = {"c", span_str("secret"), scopes, 1};
	struct why w;
	struct buf b;

	buf_init(&b, 4096);
	cr_expect_eq(oidc_authorize_url(&b, &p, &c, "https://gw/cb", "st", "no",
			 "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", &w),
	    0);
	cr_expect_str_eq(buf_cstr(&b), "https://a/"
				       "auth?response_type=code&client_id=c&redirect_uri=https%3A%"
				       "2F%2Fgw%2Fcb&scope=openid&state=st&nonce=no&"
				       "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&"
				       "code_challenge_method=S256");
	p.authorize = (char *)"https://a/auth?tenant=1";
	buf_reset(&b);
	cr_expect_eq(oidc_authorize_url(&b, &p, &c, "u", "s", "n", "v", &w), 0);
	cr_expect_eq(strncmp(buf_cstr(&b), "https://a/auth?tenant=1&response_type=code&", 43), 0);
	p.authorize = NULL;
	cr_expect_eq(oidc_authorize_url(&b, &p, &c, "u", "s", "n", "v", &w), E_DENIED);
	cr_expect_not_null(strstr(w.text, "no login in a browser"));
	buf_clear(&b);
}
