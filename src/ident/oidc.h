/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said to and by an OpenID provider, as bytes: its discovery document, device authorization
 * (RFC 8628), answers of the token endpoint, forms, the address for the browser with PKCE (RFC
 * 7636). No network, no clock: server/fetch carries the bytes. Provider's words that end before a
 * person (user code, error text) are checked or escaped here.
 */
#ifndef SP_IDENT_OIDC_H
#define SP_IDENT_OIDC_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define OIDC_URL_MAX    2048
#define OIDC_DOC_MAX    (256u * 1024) /* discovery document */
#define OIDC_ANSWER_MAX (128u * 1024) /* any other answer */
#define OIDC_SECRET_LEN 43            /* characters of oidc_random(): 256 bits */

/* An absolute URL that we may ask or show: https, or http to a loopback address when allow_http; a
 * host, no user info, no fragment, printable ASCII, at most OIDC_URL_MAX bytes. E_FORMAT, E_TOOBIG
 * or E_DENIED with why; `what` names it. */
int oidc_url_check(const char *url, bool allow_http, const char *what, struct why *w) MUST_CHECK;
/* Append the address of the issuer's discovery document (without a NUL). */
int oidc_discovery_url(
    const char *issuer, bool allow_http, struct buf *out, struct why *w) MUST_CHECK;

/* NULL = the provider does not offer it. */
struct oidc_provider {
	char *issuer;
	char *authorize; /* browser flow */
	char *token;
	char *device;         /* device flow */
	char *jwks;           /* always there */
	bool secret_post;     /* the client secret goes into the form, because the provider does not
				 take HTTP Basic */
	bool iss_in_callback; /* RFC 9207: the callback carries iss, which must then be right */
};

/* The document must name exactly `issuer` and a key set; every endpoint in it must pass
 * oidc_url_check(). Endpoints on other hosts are usual. 0 and *out (give it to
 * oidc_provider_clear), or an error with why and *out zeroed. */
int oidc_discovery_parse(struct span doc, const char *issuer, bool allow_http,
    struct oidc_provider *out, struct why *w) MUST_CHECK;
void oidc_provider_clear(struct oidc_provider *p);

/* The device endpoint's answer with HTTP status 200. */
struct oidc_device {
	char *device_code;  /* a secret between the provider and us */
	char *user_code;    /* printable ASCII without blanks at the ends, at most 48 */
	char *uri;          /* passed oidc_url_check(), at most 480 bytes */
	char *uri_complete; /* NULL when the provider has none, or a longer one */
	int64_t expires_s;  /* 1 .. 3600 */
	int64_t interval_s; /* 1 .. 60; 5 when the provider does not say */
};

int oidc_device_parse(
    struct span doc, bool allow_http, struct oidc_device *out, struct why *w) MUST_CHECK;
void oidc_device_clear(struct oidc_device *d); /* wipes */

enum oidc_answer {
	OIDC_TOKEN,     /* id_token holds the token, not verified */
	OIDC_PENDING,   /* ask again after the interval */
	OIDC_SLOW_DOWN, /* the interval grows by 5 s, for good; also HTTP 429, 502, 503 and 504 */
	OIDC_REFUSED, /* over (access_denied, expired_token, any other error, a malformed answer) */
};

/* The token endpoint's answer with this HTTP status. id_token is reset, then filled for OIDC_TOKEN;
 * for every other result why is filled (who exchanges a code cannot wait: anything but OIDC_TOKEN
 * is the end). */
enum oidc_answer oidc_token_parse(int status, struct span doc, struct buf *id_token, struct why *w);
/* An answer with an error status of any other endpoint: always an error with why; error and
 * error_description of the provider are quoted, escaped. `what` names what was asked. */
int oidc_error(int status, struct span doc, const char *what, struct why *w) MUST_CHECK;
/* The provider's error in a callback's parameters, as why. Codes as in RFC 6749 4.1.2.1. */
int oidc_callback_error(const char *error, const char *description, struct why *w) MUST_CHECK;

/* application/x-www-form-urlencoded: appends "&" when out is not empty, then KEY=VALUE. */
void oidc_form_add(struct buf *out, const char *key, struct span value);
/* Append the value of the header Authorization for HTTP Basic (RFC 6749 2.3.1): "Basic ...". */
void oidc_basic(struct buf *out, const char *client_id, struct span secret);
/* What a client is and asks for. The secret (may be empty) goes into the form only when
 * `p->secret_post`; else send oidc_basic() as a header, unless the secret is empty. */
struct oidc_client {
	const char *client_id;
	struct span secret;
	char *const *scopes;
	size_t n_scopes;
};
void oidc_device_form(struct buf *out, const struct oidc_provider *p, const struct oidc_client *c);
void oidc_poll_form(struct buf *out, const struct oidc_provider *p, const struct oidc_client *c,
    const char *device_code);
void oidc_code_form(struct buf *out, const struct oidc_provider *p, const struct oidc_client *c,
    const char *code, const char *redirect_uri, const char *verifier);

/* 256 random bits as text, for PKCE verifier and nonce. */
void oidc_random(char out[OIDC_SECRET_LEN + 1]);
/* S256 challenge of a verifier. */
void oidc_challenge(const char *verifier, char out[OIDC_SECRET_LEN + 1]);
/* Append the address where the browser goes: response_type=code with PKCE S256, state and nonce. */
int oidc_authorize_url(struct buf *out, const struct oidc_provider *p, const struct oidc_client *c,
    const char *redirect_uri, const char *state, const char *nonce, const char *verifier,
    struct why *w) MUST_CHECK;

#endif
