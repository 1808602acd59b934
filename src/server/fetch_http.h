/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP requests of the fetcher: the doorway to libcurl. One GET or form POST at a time, its whole answer or a reason. https with
 * a verified certificate; http only to this machine and only when the block allows it. No proxy, cookies, .netrc, redirects to
 * other places, decompression. Answers have a maximum size, requests a maximum time; connections are kept and few.
 */
#ifndef SP_SERVER_FETCH_HTTP_H
#define SP_SERVER_FETCH_HTTP_H

#include "base/buf.h"
#include "base/loop.h"
#include "server/fetch_dns.h"

#define HTTP_MS         10000 /* a request from its turn to its end */
#define HTTP_CONNECT_MS 5000
#define HTTP_ACTIVE     24 /* requests at the same time, all together */
#define HTTP_PER_ORIGIN 6  /* to one server; also its connections */
#define HTTP_FOR_PEOPLE 2  /* of both: not for patient requests, which a silent provider would let stand for long */

struct http;
struct http_req;

struct http_ask { /* borrowed during the call, but for ca */
	const char *url;
	bool allow_http;
	struct span ca;            /* PEM of the trusted authorities, borrowed until the end; empty: the system's */
	bool post;                 /* else GET, which may follow redirects on the same server */
	struct span form;          /* body of a POST */
	const char *authorization; /* value of that header, or NULL */
	size_t max_bytes;
	bool patient;              /* may wait behind requests of people who look at a screen */
};

struct http_answer { /* lives until the callback returns */
	int status;
	struct span body;
	int64_t max_age_s; /* of Cache-Control; -1 = not given */
};

/* a, or NULL and why. */
typedef void http_fn(void *ctx, const struct http_answer *a, const struct why *failed);

/* Loads what libcurl and OpenSSL load lazily: before the sandbox. NULL on failure. */
struct http *http_new(struct loop *l, struct dns *dns);
void http_free(struct http *h); /* callbacks do not run any more */
/* fn runs exactly once, later, unless cancelled. */
struct http_req *http_start(struct http *h, const struct http_ask *a, http_fn *fn, void *ctx);
void http_cancel(struct http_req *r); /* not from its own callback; NULL is fine */
/* "libcurl/7.88.1 OpenSSL/3.0.17 ..." */
const char *http_version(void);

#endif
