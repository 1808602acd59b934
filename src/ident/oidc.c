/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents and forms of OpenID Connect Discovery 1.0, RFC 8628, RFC 6749, RFC 7636.
 */
#include "ident/oidc.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "ident/json.h"
#include "ident/jws.h"

#define N(a)           (sizeof(a) / sizeof((a)[0]))
#define DEPTH_MAX      16
#define CODE_MAX       4096 /* a device code */
#define USER_CODE_MAX  48
#define SHOWN_MAX      480 /* an address that a person opens or types */
#define EXPIRES_MAX_S  3600
#define INTERVAL_S     5
#define INTERVAL_MAX_S 60
#define WELL_KNOWN     ".well-known/openid-configuration"
#define GRANT_DEVICE   "urn:ietf:params:oauth:grant-type:device_code"
#define FORM_MAX       (16u * 1024)

/* --- addresses --- */

/* The host of an authority ("host", "host:port", "[v6]:port") into out; false when malformed. */
static bool host_of(struct span auth, char *out, size_t cap)
{
	size_t n = 0, port = 0, digits = 0, i;
	bool v6 = auth.n > 0 && auth.p[0] == '[';

	while (n < auth.n && (v6 ? auth.p[n] != ']' : auth.p[n] != ':'))
		n++;
	if (v6 && n++ == auth.n)
		return false; /* no closing bracket */
	if (n == 0 || n >= cap)
		return false;
	for (i = 0; i < n; i++)
		if (strchr(v6 ? "[]:.0123456789abcdefABCDEF"
			      : "-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
			auth.p[i]) == NULL)
			return false;
	memcpy(out, auth.p, n);
	out[n] = '\0';
	if (n == auth.n)
		return true;
	if (auth.p[n] != ':')
		return false;
	for (i = n + 1; i < auth.n; i++, digits++) {
		if (auth.p[i] < '0' || auth.p[i] > '9' || digits == 5)
			return false;
		port = port * 10 + (size_t)(auth.p[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* The whole host decides: 127.0.0.1.example is not loopback. */
static bool loopback(const char *host)
{
	struct in_addr a;

	if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &a) == 1 && ntohl(a.s_addr) >> 24 == 127;
}

static bool plain_bytes(struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || strchr("\"<>\\^`{|}", s.p[i]) != NULL)
			return false;
	return true;
}

int oidc_url_check(const char *url, bool allow_http, const char *what, struct why *w)
{
	bool https = strncmp(url, "https://", 8) == 0, http = strncmp(url, "http://", 7) == 0;
	const char *auth = url + (https ? 8 : 7);
	char host[256], safe[120];
	struct span a;

	(void)span_escape(span_str(url), safe, sizeof(safe));
	if (strlen(url) > OIDC_URL_MAX)
		return why_set(w, E_TOOBIG, "%s is longer than %d bytes", what, OIDC_URL_MAX);
	if (!plain_bytes(span_str(url)) || (!https && !http))
		return why_set(w, E_FORMAT, "%s is not an https address: %s", what, safe);
	a = span_of(auth, strcspn(auth, "/?#"));
	if (!host_of(a, host, sizeof(host)) || strchr(url, '#') != NULL)
		return why_set(
		    w, E_FORMAT, "%s is not an address that can be asked: %s", what, safe);
	if (https || (allow_http && loopback(host)))
		return 0;
	(void)why_set(w, E_DENIED, "%s is not https: %s", what, safe);
	why_hint(w, "plain http is for tests only: with allow_http, to a loopback address");
	return E_DENIED;
}

int oidc_discovery_url(const char *issuer, bool allow_http, struct buf *out, struct why *w)
{
	size_t n = strlen(issuer);
	int rc = oidc_url_check(issuer, allow_http, "the issuer", w);

	if (rc == 0 && strchr(issuer, '?') != NULL)
		rc = why_set(w, E_FORMAT, "the issuer is an address with a query part");
	if (rc != 0)
		return rc;
	buf_put_str(out, issuer);
	if (issuer[n - 1] != '/')
		buf_put_u8(out, '/');
	buf_put_str(out, WELL_KNOWN);
	return buf_err(out);
}

/* --- discovery --- */

static const struct endpoint {
	const char *key, *what;
	size_t at;
} endpoints[] = {
    {"authorization_endpoint", "the provider's authorization endpoint",
	offsetof(struct oidc_provider, authorize)},
    {"token_endpoint", "the provider's token endpoint", offsetof(struct oidc_provider, token)},
    {"device_authorization_endpoint", "the provider's device endpoint",
	offsetof(struct oidc_provider, device)},
    {"jwks_uri", "the address of the provider's keys", offsetof(struct oidc_provider, jwks)},
};

static int take_endpoints(
    const struct js *doc, bool allow_http, struct oidc_provider *p, struct why *w)
{
	size_t i;
	int rc;

	for (i = 0; i < N(endpoints); i++) {
		const struct endpoint *e = &endpoints[i];
		const char *url;

		rc = js_want_str(js_get(doc, e->key), &url);
		if (rc == E_NOTFOUND)
			continue;
		rc = rc != 0 ? why_set(w, E_FORMAT, "%s is not a string", e->what)
			     : oidc_url_check(url, allow_http, e->what, w);
		if (rc != 0)
			return rc;
		*(char **)(void *)((char *)p + e->at) = xstrdup(url);
	}
	return p->jwks != NULL ? 0
			       : why_set(w, E_FORMAT,
				     "the provider does not say where its keys are (jwks_uri)");
}

static int take_provider(const struct js *doc, const char *issuer, bool allow_http,
    struct oidc_provider *p, struct why *w)
{
	const struct js *methods = js_get(doc, "token_endpoint_auth_methods_supported");
	const char *name;
	char safe[120];

	if (js_want_str(js_get(doc, "issuer"), &name) != 0)
		return why_set(w, E_FORMAT, "the provider's discovery document names no issuer");
	if (strcmp(name, issuer) != 0) {
		(void)span_escape(span_str(name), safe, sizeof(safe));
		(void)why_set(w, E_DENIED,
		    "the provider calls itself %s, which is not the configured issuer", safe);
		why_hint(w, "the two must be equal byte by byte, also in a slash at the end");
		return E_DENIED;
	}
	p->issuer = xstrdup(name);
	p->secret_post = js_list_has(methods, "client_secret_post") &&
			 !js_list_has(methods, "client_secret_basic");
	p->iss_in_callback =
	    js_bool(js_get(doc, "authorization_response_iss_parameter_supported"), false);
	return take_endpoints(doc, allow_http, p, w);
}

int oidc_discovery_parse(
    struct span text, const char *issuer, bool allow_http, struct oidc_provider *out, struct why *w)
{
	struct js *doc;
	int rc;

	*out = (struct oidc_provider){0};
	rc = js_read_object(
	    text, OIDC_DOC_MAX, DEPTH_MAX, "the provider's discovery document", &doc, w);
	if (rc == 0)
		rc = take_provider(doc, issuer, allow_http, out, w);
	if (rc != 0)
		oidc_provider_clear(out);
	js_free(doc);
	return rc;
}

void oidc_provider_clear(struct oidc_provider *p)
{
	free(p->issuer);
	free(p->authorize);
	free(p->token);
	free(p->device);
	free(p->jwks);
	*p = (struct oidc_provider){0};
}

/* --- device authorization --- */

static bool user_code_ok(const char *s)
{
	size_t i, n = strlen(s);

	if (n == 0 || n > USER_CODE_MAX || s[0] == ' ' || s[n - 1] == ' ')
		return false;
	for (i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return true;
}

static int take_uris(const struct js *doc, bool allow_http, struct oidc_device *d, struct why *w)
{
	const char *uri, *complete;
	int rc = js_want_str(js_get(doc, "verification_uri"), &uri);

	if (rc == E_NOTFOUND) /* the name in drafts, still Google's */
		rc = js_want_str(js_get(doc, "verification_url"), &uri);
	if (rc != 0)
		return why_set(w, E_FORMAT,
		    "the provider does not say where to enter the code (verification_uri)");
	rc = oidc_url_check(uri, allow_http, "the provider's page for the code", w);
	if (rc != 0)
		return rc;
	if (strlen(uri) > SHOWN_MAX)
		return why_set(w, E_TOOBIG,
		    "the address of the provider's page for the code is longer than %d bytes",
		    SHOWN_MAX);
	d->uri = xstrdup(uri);
	rc = js_want_str(js_get(doc, "verification_uri_complete"), &complete);
	if (rc == E_NOTFOUND)
		return 0;
	if (rc != 0)
		return why_set(
		    w, E_FORMAT, "the provider's verification_uri_complete is not a string");
	rc = oidc_url_check(complete, allow_http, "the provider's page with the code", w);
	if (rc == 0 && strlen(complete) <= SHOWN_MAX) /* the person can do without */
		d->uri_complete = xstrdup(complete);
	return rc;
}

static int take_device(const struct js *doc, bool allow_http, struct oidc_device *d, struct why *w)
{
	const char *device, *user;
	int rc;

	if (js_want_str(js_get(doc, "device_code"), &device) != 0 || device[0] == '\0' ||
	    strlen(device) > CODE_MAX)
		return why_set(w, E_FORMAT, "the provider's answer has no usable device_code");
	if (js_want_str(js_get(doc, "user_code"), &user) != 0 || !user_code_ok(user))
		return why_set(w, E_FORMAT,
		    "the provider's answer has no user_code of 1 to %d printable characters",
		    USER_CODE_MAX);
	d->device_code = xstrdup(device);
	d->user_code = xstrdup(user);
	if (js_want_time(js_get(doc, "expires_in"), &d->expires_s) != 0 || d->expires_s < 1)
		return why_set(w, E_FORMAT,
		    "the provider does not say how long the code is valid (expires_in)");
	if (d->expires_s > EXPIRES_MAX_S)
		d->expires_s = EXPIRES_MAX_S;
	rc = js_want_time(js_get(doc, "interval"), &d->interval_s);
	if (rc == E_NOTFOUND)
		d->interval_s = INTERVAL_S;
	else if (rc != 0)
		return why_set(
		    w, E_FORMAT, "the provider's polling interval is not a number of seconds");
	if (d->interval_s < 1)
		d->interval_s = 1;
	if (d->interval_s > INTERVAL_MAX_S)
		d->interval_s = INTERVAL_MAX_S;
	return take_uris(doc, allow_http, d, w);
}

int oidc_device_parse(struct span text, bool allow_http, struct oidc_device *out, struct why *w)
{
	struct js *doc;
	int rc;

	*out = (struct oidc_device){0};
	rc = js_read_object(text, OIDC_ANSWER_MAX, DEPTH_MAX, "the provider's answer", &doc, w);
	if (rc == 0)
		rc = take_device(doc, allow_http, out, w);
	if (rc != 0)
		oidc_device_clear(out);
	js_free(doc);
	return rc;
}

void oidc_device_clear(struct oidc_device *d)
{
	if (d->device_code != NULL)
		mem_wipe(d->device_code, strlen(d->device_code));
	free(d->device_code);
	free(d->user_code);
	free(d->uri);
	free(d->uri_complete);
	*d = (struct oidc_device){0};
}

/* --- errors and tokens --- */

/* Errors that mean something is to be changed by the operator. */
static const struct advice {
	const char *error, *hint;
} advices[] = {
    {"invalid_client", "check client_id and secret of the identity block against the provider"},
    {"unauthorized_client", "allow this login flow for the client at the provider"},
    {"unsupported_grant_type", "allow this login flow for the client at the provider"},
    {"invalid_scope", "check the scopes of the identity block"},
    {"invalid_grant", "begin the login again"},
    {"access_denied", "begin the login again, and agree at the provider"},
    {"expired_token", "begin the login again, and finish it sooner"},
    {"temporarily_unavailable", "try again later"},
    {"server_error", "try again later"},
};

static int say_error(const char *says, const char *error, const char *text, struct why *w)
{
	char safe[60], more[120];
	size_t i;

	(void)span_escape(span_str(error), safe, sizeof(safe));
	(void)span_escape(span_str(text), more, sizeof(more));
	if (more[0] != '\0')
		(void)why_set(w, E_DENIED, "%s: %s (%s)", says, safe, more);
	else
		(void)why_set(w, E_DENIED, "%s: %s", says, safe);
	for (i = 0; error != NULL && i < N(advices); i++)
		if (strcmp(advices[i].error, error) == 0)
			why_hint(w, "%s", advices[i].hint);
	return E_DENIED;
}

int oidc_callback_error(const char *error, const char *description, struct why *w)
{
	return say_error("the provider ended the login", error, description, w);
}

/* An answer with an error status; doc may be NULL. */
static int say_status(int status, const struct js *doc, const char *what, struct why *w)
{
	const char *error = js_str(js_get(doc, "error"));
	char says[120];

	if (error == NULL)
		return why_set(w, E_DENIED, "the provider answered %s with HTTP %d", what, status);
	(void)snprintf(says, sizeof(says), "the provider refused %s (HTTP %d)", what, status);
	return say_error(says, error, js_str(js_get(doc, "error_description")), w);
}

int oidc_error(int status, struct span text, const char *what, struct why *w)
{
	struct js *doc;
	int rc = js_read_object(text, OIDC_ANSWER_MAX, DEPTH_MAX, "the answer", &doc, NULL);

	rc = say_status(status, rc == 0 ? doc : NULL, what, w);
	js_free(doc);
	return rc;
}

static enum oidc_answer take_error(int status, const struct js *doc, struct why *w)
{
	const char *error = js_str(js_get(doc, "error"));

	if (strcmp(error, "authorization_pending") == 0) {
		(void)why_set(w, E_MORE, "the login is not finished at the provider");
		return OIDC_PENDING;
	}
	if (strcmp(error, "slow_down") == 0) {
		(void)why_set(w, E_LIMIT, "the provider wants to be asked less often");
		return OIDC_SLOW_DOWN;
	}
	if (strcmp(error, "access_denied") == 0)
		(void)say_error("the login was refused at the provider", error, NULL, w);
	else if (strcmp(error, "expired_token") == 0)
		(void)say_error("the code expired before the login was finished", error, NULL, w);
	else
		(void)say_status(status, doc, "the login", w);
	return OIDC_REFUSED;
}

/* The provider, or something before it, is busy for a moment. */
static bool busy(int status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

static enum oidc_answer take_token(const struct js *doc, struct buf *id_token, struct why *w)
{
	const char *token;

	if (js_want_str(js_get(doc, "id_token"), &token) != 0) {
		(void)why_set(w, E_FORMAT, "the provider sent no identity token (id_token)");
		why_hint(w, "the scopes of the identity block must contain openid");
		return OIDC_REFUSED;
	}
	buf_put_str(id_token, token);
	if (buf_err(id_token) == 0 && buf_len(id_token) <= JWS_TOKEN_MAX)
		return OIDC_TOKEN;
	buf_reset(id_token);
	(void)why_set(w, E_TOOBIG, "the token is too large (%zu bytes, at most %u)", strlen(token),
	    JWS_TOKEN_MAX);
	return OIDC_REFUSED;
}

enum oidc_answer oidc_token_parse(int status, struct span text, struct buf *id_token, struct why *w)
{
	enum oidc_answer a = OIDC_REFUSED;
	struct js *doc;
	int rc = js_read_object(text, OIDC_ANSWER_MAX, DEPTH_MAX, "the provider's answer", &doc, w);

	buf_reset(id_token);
	if (js_str(js_get(doc, "error")) != NULL) {
		a = take_error(status, doc, w);
	} else if (busy(status)) {
		(void)why_set(w, E_LIMIT, "the provider is busy (HTTP %d)", status);
		a = OIDC_SLOW_DOWN;
	} else if (status != 200) {
		(void)say_status(status, doc, "the login", w);
	} else if (rc == 0) {
		a = take_token(doc, id_token, w);
	}
	js_free(doc);
	return a;
}

/* --- forms --- */

static void put_encoded(struct buf *out, struct span s)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < s.n; i++) {
		uint8_t b = s.p[i];

		if ((b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z') ||
		    b == '-' || b == '.' || b == '_') {
			buf_put_u8(out, b);
		} else {
			buf_put_u8(out, '%');
			buf_put_u8(out, (uint8_t)digits[b >> 4]);
			buf_put_u8(out, (uint8_t)digits[b & 15]);
		}
	}
}

void oidc_form_add(struct buf *out, const char *key, struct span value)
{
	if (buf_len(out) > 0)
		buf_put_u8(out, '&');
	put_encoded(out, span_str(key));
	buf_put_u8(out, '=');
	put_encoded(out, value);
}

static void add(struct buf *out, const char *key, const char *value)
{
	oidc_form_add(out, key, span_str(value));
}

void oidc_basic(struct buf *out, const char *client_id, struct span secret)
{
	struct buf b;

	buf_init(&b, FORM_MAX);
	put_encoded(&b, span_str(client_id));
	buf_put_u8(&b, ':');
	put_encoded(&b, secret);
	buf_put_str(out, "Basic ");
	base64_encode(buf_span(&b), out);
	buf_wipe(&b);
}

static void add_scopes(struct buf *out, const struct oidc_client *c)
{
	struct buf b;
	size_t i;

	buf_init(&b, FORM_MAX);
	for (i = 0; i < c->n_scopes; i++) {
		if (i > 0)
			buf_put_u8(&b, ' ');
		buf_put_str(&b, c->scopes[i]);
	}
	oidc_form_add(out, "scope", buf_span(&b));
	buf_clear(&b);
}

static void add_client(struct buf *out, const struct oidc_provider *p, const struct oidc_client *c)
{
	add(out, "client_id", c->client_id);
	if (p->secret_post && c->secret.n > 0)
		oidc_form_add(out, "client_secret", c->secret);
}

void oidc_device_form(struct buf *out, const struct oidc_provider *p, const struct oidc_client *c)
{
	add_client(out, p, c);
	add_scopes(out, c);
}

void oidc_poll_form(struct buf *out, const struct oidc_provider *p, const struct oidc_client *c,
    const char *device_code)
{
	add(out, "grant_type", GRANT_DEVICE);
	add(out, "device_code", device_code);
	add_client(out, p, c);
}

void oidc_code_form(struct buf *out, const struct oidc_provider *p, const struct oidc_client *c,
    const char *code, const char *redirect_uri, const char *verifier)
{
	add(out, "grant_type", "authorization_code");
	add(out, "code", code);
	add(out, "redirect_uri", redirect_uri);
	add(out, "code_verifier", verifier);
	add_client(out, p, c);
}

/* --- the browser's way --- */

static void text_of(struct span bytes, char out[OIDC_SECRET_LEN + 1])
{
	struct buf b;

	buf_init(&b, 2 * OIDC_SECRET_LEN);
	base64url_encode(bytes, &b);
	(void)str_copy(out, OIDC_SECRET_LEN + 1, buf_cstr(&b));
	buf_wipe(&b);
}

void oidc_random(char out[OIDC_SECRET_LEN + 1])
{
	uint8_t raw[32];

	crypto_random(raw, sizeof(raw));
	text_of(span_of(raw, sizeof(raw)), out);
	mem_wipe(raw, sizeof(raw));
}

void oidc_challenge(const char *verifier, char out[OIDC_SECRET_LEN + 1])
{
	uint8_t hash[SHA256_LEN];

	sha256(span_str(verifier), hash);
	text_of(span_of(hash, sizeof(hash)), out);
}

int oidc_authorize_url(struct buf *out, const struct oidc_provider *p, const struct oidc_client *c,
    const char *redirect_uri, const char *state, const char *nonce, const char *verifier,
    struct why *w)
{
	char challenge[OIDC_SECRET_LEN + 1];
	struct buf form;

	if (p->authorize == NULL)
		return why_set(w, E_DENIED,
		    "the provider offers no login in a browser (authorization_endpoint)");
	oidc_challenge(verifier, challenge);
	buf_init(&form, FORM_MAX);
	add(&form, "response_type", "code");
	add(&form, "client_id", c->client_id);
	add(&form, "redirect_uri", redirect_uri);
	add_scopes(&form, c);
	add(&form, "state", state);
	add(&form, "nonce", nonce);
	add(&form, "code_challenge", challenge);
	add(&form, "code_challenge_method", "S256");
	buf_put_str(out, p->authorize);
	buf_put_u8(out, strchr(p->authorize, '?') != NULL ? '&' : '?');
	buf_put_span(out, buf_span(&form));
	if (buf_err(&form) != 0 || buf_err(out) != 0) {
		buf_clear(&form);
		return why_set(w, E_TOOBIG, "the address of the provider's login page is too long");
	}
	buf_clear(&form);
	return 0;
}
