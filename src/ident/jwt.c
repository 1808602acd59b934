/* SPDX-License-Identifier: Apache-2.0
 *
 * Claims of a token whose signature is proven. The checks are a table; the first that fails says
 * why.
 */
#include "ident/jwt.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "ident/json.h"
#include "wire/sshcert.h"

#define N(a)      (sizeof(a) / sizeof((a)[0]))
#define DEPTH_MAX 16
#define JTI_MAX   255
#define SAFE_MAX  120 /* of a foreign value in a message */

struct safe {
	char s[SAFE_MAX];
};

static struct safe safe_of(const char *text)
{
	struct safe out;

	(void)span_escape(span_str(text), out.s, sizeof(out.s));
	return out;
}

static bool asked(const char *s)
{
	return s != NULL && s[0] != '\0';
}

/* --- whom it is from and for --- */

static int check_issuer(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	const char *iss;

	if (js_want_str(js_get(t, "iss"), &iss) != 0)
		return why_set(w, E_FORMAT, "the token names no issuer (iss)");
	if (strcmp(iss, r->issuer) != 0)
		return why_set(
		    w, E_DENIED, "the token is from another issuer (%s)", safe_of(iss).s);
	out->iss = xstrdup(iss);
	return 0;
}

static int check_audience(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	const struct js *aud = js_get(t, "aud");
	size_t n;

	(void)out;
	if (js_want_list(aud, &n) != 0 || n == 0)
		return why_set(w, E_FORMAT, "the token names no audience (aud)");
	if (!js_list_has(aud, r->audience)) {
		(void)why_set(w, E_DENIED, "the token is for another audience (%s)",
		    safe_of(js_list_at(aud, 0)).s);
		why_hint(w, "ask the issuer for a token with the audience %s", r->audience);
		return E_DENIED;
	}
	if (n > 1 && !asked(r->client_id))
		return why_set(w, E_DENIED,
		    "the token is for %zu audiences, it must be for this gateway alone", n);
	return 0;
}

/* OpenID Connect Core 3.1.3.7, 4 and 5. */
static int check_party(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	const struct js *azp = js_get(t, "azp");
	const char *party;
	size_t n;

	(void)out;
	if (!asked(r->client_id) ||
	    (azp == NULL && js_want_list(js_get(t, "aud"), &n) == 0 && n == 1))
		return 0;
	if (azp == NULL)
		return why_set(w, E_DENIED,
		    "the token is for several audiences and does not say for which client (azp)");
	if (js_want_str(azp, &party) != 0)
		return why_set(w, E_FORMAT, "the token's client (azp) is not a string");
	if (strcmp(party, r->client_id) != 0)
		return why_set(w, E_DENIED, "the token was made for another client (azp %s)",
		    safe_of(party).s);
	return 0;
}

/* --- when --- */

/* 0 with *s, or E_NOTFOUND when the claim may be absent and is. */
static int time_claim(const struct js *t, const char *name, int64_t *s, struct why *w)
{
	int rc = js_want_time(js_get(t, name), s);

	if (rc == E_FORMAT)
		return why_set(w, E_FORMAT, "the token's time `%s` is not a number", name);
	if (rc == E_TOOBIG)
		return why_set(w, E_FORMAT,
		    "the token's time `%s` is not between the years 1970 and 9999", name);
	return rc;
}

static int check_expiry(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	int rc = time_claim(t, "exp", &out->exp_s, w);

	if (rc == E_NOTFOUND)
		return why_set(w, E_FORMAT, "the token never expires (no exp)");
	if (rc == 0 && out->exp_s <= r->now_s - JWT_SKEW_S)
		return why_set(w, E_EXPIRED, "the token expired %lld seconds ago",
		    (long long)(r->now_s - out->exp_s));
	return rc;
}

static int check_issued(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	int rc = time_claim(t, "iat", &out->iat_s, w);

	if (rc == E_NOTFOUND)
		return why_set(w, E_FORMAT, "the token does not say when it was issued (no iat)");
	if (rc != 0)
		return rc;
	if (out->iat_s > r->now_s + JWT_SKEW_S) {
		(void)why_set(w, E_DENIED, "the token was issued %lld seconds in the future",
		    (long long)(out->iat_s - r->now_s));
		why_hint(w, "compare the clocks of the gateway and of the issuer");
		return E_DENIED;
	}
	if (r->max_age_s > 0 && r->now_s - out->iat_s > r->max_age_s + JWT_SKEW_S)
		return why_set(w, E_EXPIRED,
		    "the token is %lld seconds old, at most %lld are accepted",
		    (long long)(r->now_s - out->iat_s), (long long)r->max_age_s);
	return 0;
}

static int check_not_before(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	int64_t from;
	int rc = time_claim(t, "nbf", &from, w);

	(void)out;
	if (rc == 0 && from > r->now_s + JWT_SKEW_S)
		return why_set(w, E_DENIED, "the token is not valid for another %lld seconds (nbf)",
		    (long long)(from - r->now_s));
	return rc == E_NOTFOUND ? 0 : rc;
}

/* --- what it says --- */

static int check_subject(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	const char *sub;

	(void)r;
	if (js_want_str(js_get(t, "sub"), &sub) != 0)
		return why_set(w, E_FORMAT, "the token names no subject (sub)");
	if (!sshcert_text_ok(span_str(sub), JWT_SUB_MAX))
		return why_set(w, E_FORMAT,
		    "the token's subject (sub) is empty, over %d bytes or not printable",
		    JWT_SUB_MAX);
	out->sub = xstrdup(sub);
	return 0;
}

static int check_nonce(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	const char *nonce;

	(void)out;
	if (!asked(r->nonce))
		return 0;
	if (js_want_str(js_get(t, "nonce"), &nonce) != 0)
		return why_set(
		    w, E_DENIED, "the token carries no nonce, it does not belong to this login");
	if (!span_eq_ct(span_str(nonce), span_str(r->nonce)))
		return why_set(w, E_DENIED,
		    "the token's nonce is another one, it does not belong to this login");
	return 0;
}

static bool pin_holds(const struct js *v, const char *want)
{
	char text[32];

	switch (js_type(v)) {
	case JS_STRING:
		return strcmp(js_str(v), want) == 0;
	case JS_INT:
		(void)snprintf(text, sizeof(text), "%lld", (long long)js_int(v, 0));
		return strcmp(text, want) == 0;
	case JS_BOOL:
		return strcmp(js_bool(v, false) ? "true" : "false", want) == 0;
	default:
		return false;
	}
}

static int check_pin(const struct js *t, const char *pin, struct why *w)
{
	const char *eq = strchr(pin, '=');
	char *pointer = eq != NULL ? xstrndup(pin, (size_t)(eq - pin)) : NULL;
	const struct js *v = js_pointer(t, pointer);
	int rc = 0;

	if (pointer == NULL || !js_pointer_ok(pointer))
		rc = why_set(
		    w, E_CONFIG, "a required claim is not /POINTER=VALUE: %s", safe_of(pin).s);
	else if (v == NULL)
		rc = why_set(w, E_DENIED, "the token has no %s, which must be %s",
		    safe_of(pointer).s, safe_of(eq + 1).s);
	else if (!pin_holds(v, eq + 1))
		rc = why_set(
		    w, E_DENIED, "the token's %s is not %s", safe_of(pointer).s, safe_of(eq + 1).s);
	free(pointer);
	return rc;
}

static int check_pins(const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	size_t i;
	int rc = 0;

	(void)out;
	for (i = 0; i < r->n_claims && rc == 0; i++)
		rc = check_pin(t, r->claims[i], w);
	return rc;
}

/* --- names --- */

/* A claim that must be there and may stand in a certificate as a principal. */
static int name_claim(
    const struct js *t, const char *pointer, const char *what, char **out, struct why *w)
{
	const struct js *v = js_pointer(t, pointer);
	const char *name;

	if (v == NULL)
		return why_set(w, E_DENIED, "the token has no claim %s, which would be the %s",
		    safe_of(pointer).s, what);
	if (js_want_str(v, &name) != 0)
		return why_set(w, E_FORMAT, "the token's claim %s, the %s, is not a string",
		    safe_of(pointer).s, what);
	if (!sshcert_principal_ok(span_str(name)))
		return why_set(w, E_DENIED,
		    "the %s \"%s\" (claim %s) cannot stand in a certificate", what, safe_of(name).s,
		    safe_of(pointer).s);
	*out = xstrdup(name);
	return 0;
}

static int take_user(const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	bool verified;

	if (!asked(r->user_claim))
		return 0;
	if (strcmp(r->user_claim, "/email") == 0 && js_get(t, "email") != NULL &&
	    (js_want_bool(js_get(t, "email_verified"), &verified) != 0 || !verified)) {
		(void)why_set(w, E_DENIED,
		    "the provider has not verified the e-mail address \"%s\"",
		    safe_of(js_str(js_get(t, "email")) != NULL ? js_str(js_get(t, "email")) : "")
			.s);
		why_hint(w, "it must say email_verified: true; or choose another claim as user "
			    "name (user)");
		return E_DENIED;
	}
	return name_claim(t, r->user_claim, "user name", &out->user, w);
}

static int take_person(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	return asked(r->person_claim) ? name_claim(t, r->person_claim, "person", &out->person, w)
				      : 0;
}

/* Entra ID leaves the groups out when there are many, and says so in one of two ways. */
static bool groups_left_out(const struct js *t, const char *pointer)
{
	const struct js *elsewhere = js_get(t, "_claim_names"), *has = js_get(t, "hasgroups");
	size_t n = strcspn(pointer + 1, "/");
	char *top = xstrndup(pointer, n + 1);
	bool out;

	out = elsewhere != NULL &&
	      (js_type(elsewhere) != JS_OBJECT || js_pointer(elsewhere, top) != NULL);
	if (strcmp(top, "/groups") == 0 && has != NULL && js_get(t, "groups") == NULL)
		out = out || js_bool(has, true); /* anything but false */
	free(top);
	return out;
}

static bool has_group(const struct jwt *t, const char *g)
{
	size_t i;

	for (i = 0; i < t->n_groups; i++)
		if (strcmp(t->groups[i], g) == 0)
			return true;
	return false;
}

static int take_groups(
    const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	const struct js *v;
	size_t i, n;
	int rc;

	if (!asked(r->groups_claim))
		return 0;
	if (groups_left_out(t, r->groups_claim)) {
		(void)why_set(
		    w, E_TOOBIG, "too many groups: the provider left them out of the token");
		why_hint(w, "at the provider, put only the groups assigned to this application "
			    "into tokens, or use "
			    "application roles (groups: /roles)");
		return E_TOOBIG;
	}
	v = js_pointer(t, r->groups_claim);
	rc = js_want_list(v, &n);
	if (rc == E_NOTFOUND)
		return 0;
	if (rc == E_TOOBIG || n > JWT_GROUPS_MAX)
		return why_set(w, E_TOOBIG,
		    "too many groups: %zu in the token, at most %d are accepted", js_count(v),
		    JWT_GROUPS_MAX);
	if (rc != 0)
		return why_set(w, E_FORMAT,
		    "the token's groups (%s) are neither a string nor a list of strings",
		    safe_of(r->groups_claim).s);
	out->groups = xcalloc(n + 1, sizeof(*out->groups));
	for (i = 0; i < n; i++) {
		const char *g = js_list_at(v, i);

		if (!sshcert_name_ok(span_str(g)))
			return why_set(w, E_DENIED,
			    "the group \"%s\" cannot stand in a certificate", safe_of(g).s);
		if (!has_group(out, g))
			out->groups[out->n_groups++] = xstrdup(g);
	}
	return 0;
}

static int take_id(const struct js *t, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	const struct js *v = js_get(t, "jti");

	(void)r;
	if (v != NULL && !sshcert_text_ok(js_span(v), JTI_MAX))
		return why_set(w, E_FORMAT,
		    "the token's id (jti) is not a printable string of 1 to %d bytes", JTI_MAX);
	out->jti = xstrdup(js_str(v));
	return 0;
}

/* In the order of what a person should hear first. */
static int (*const checks[])(
    const struct js *, const struct jwt_rules *, struct jwt *, struct why *) = {
    check_issuer,
    check_audience,
    check_party,
    check_expiry,
    check_issued,
    check_not_before,
    check_subject,
    check_nonce,
    check_pins,
    take_id,
    take_user,
    take_person,
    take_groups,
};

/* doc/formats/ipc.md `token`. */
static void token_hash(struct jwt *t, struct span input)
{
	struct buf b;

	if (t->jti == NULL) {
		sha256(input, t->hash);
		return;
	}
	buf_init(&b, JWS_TOKEN_MAX + 16);
	buf_put_u32be(&b, (uint32_t)strlen(t->iss));
	buf_put_str(&b, t->iss);
	buf_put_u32be(&b, (uint32_t)strlen(t->jti));
	buf_put_str(&b, t->jti);
	sha256(buf_span(&b), t->hash);
	buf_clear(&b);
}

static int judge(const struct js *claims, const struct jwt_rules *r, struct jwt *out, struct why *w)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < N(checks) && rc == 0; i++)
		rc = checks[i](claims, r, out, w);
	return rc;
}

static int check_rules(const struct jwt_rules *r, struct why *w)
{
	const char *pointers[] = {r->user_claim, r->groups_claim, r->person_claim};
	size_t i;

	if (!asked(r->issuer) || !asked(r->audience) || r->now_s <= 0)
		return why_set(w, E_INTERNAL,
		    "a token was to be verified without an issuer, an audience or a time");
	for (i = 0; i < N(pointers); i++)
		if (asked(pointers[i]) && !js_pointer_ok(pointers[i]))
			return why_set(w, E_CONFIG,
			    "the claim \"%s\" is not a JSON pointer (/NAME)",
			    safe_of(pointers[i]).s);
	return 0;
}

int jwt_verify(struct span token, const struct jwks *keys, const struct jwt_rules *r,
    struct jwt *out, struct why *w)
{
	struct js *claims = NULL;
	struct span input;
	struct buf payload;
	int rc;

	*out = (struct jwt){0};
	rc = check_rules(r, w);
	buf_init(&payload, JWS_TOKEN_MAX);
	if (rc == 0)
		rc = jws_verify(token, keys, r->algs, r->n_algs, &payload, w);
	if (rc == 0)
		rc = js_read_object(
		    buf_span(&payload), JWS_TOKEN_MAX, DEPTH_MAX, "the token", &claims, w);
	if (rc == 0)
		rc = judge(claims, r, out, w);
	if (rc == 0)
		rc = jws_split(token, &input, &payload, w);
	if (rc == 0)
		token_hash(out, input);
	else
		jwt_clear(out);
	js_free(claims);
	buf_clear(&payload);
	return rc;
}

void jwt_clear(struct jwt *t)
{
	size_t i;

	for (i = 0; i < t->n_groups; i++)
		free(t->groups[i]);
	free(t->groups);
	free(t->iss);
	free(t->sub);
	free(t->jti);
	free(t->user);
	free(t->person);
	*t = (struct jwt){0};
}

int jwt_claimed_issuer(struct span token, char *out, size_t cap, struct why *w)
{
	struct js *claims = NULL;
	const char *iss = "";
	struct span input;
	struct buf payload;
	int rc;

	out[0] = '\0';
	buf_init(&payload, JWS_TOKEN_MAX);
	rc = jws_split(token, &input, &payload, w);
	if (rc == 0)
		rc = js_read_object(
		    buf_span(&payload), JWS_TOKEN_MAX, DEPTH_MAX, "the token", &claims, w);
	if (rc == 0 && js_want_str(js_get(claims, "iss"), &iss) != 0)
		rc = why_set(w, E_FORMAT, "the token names no issuer (iss)");
	if (rc == 0 && str_copy(out, cap, iss) != 0) {
		out[0] = '\0';
		rc = why_set(w, E_TOOBIG, "the token's issuer is too long");
	}
	js_free(claims);
	buf_clear(&payload);
	return rc;
}
