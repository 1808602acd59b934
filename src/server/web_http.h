/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 and TLS for a handful of small pages, on the loop (libmicrohttpd's doorway, without threads). One request per
 * connection, small, soon: whoever is slow or has too many connections loses them, so that others are served. No ranges, no
 * chunked bodies, no uploads. Adopts listening sockets; opens nothing.
 */
#ifndef SP_SERVER_WEB_HTTP_H
#define SP_SERVER_WEB_HTTP_H

#include "base/loop.h"
#include "base/span.h"

#define HTTP_SOCKETS     16
#define HTTP_HEADERS_MAX 8192 /* request line and headers */
#define HTTP_BODY_MAX    4096
#define HTTP_CONNS       512 /* connections; more than that: the slowest one goes */
#define HTTP_PER_SOURCE  32  /* of one IPv4 address or IPv6 /64; not behind a proxy */
#define HTTP_READ_MS     10000
#define HTTP_WRITE_MS    10000

struct http;
struct http_conn;

enum http_method { HTTP_GET = 1, HTTP_HEAD = 2, HTTP_POST = 4 }; /* bits, for tables */

/* A complete request. Everything lives until the answer; strings are never NULL. */
struct http_req {
	enum http_method method;
	int fault;          /* a status: it was not understood or not wanted; all else may be empty then */
	struct span path;   /* as it came, not decoded, without the query */
	struct span query;
	struct span body;
	const char *cookie; /* header values, "" when absent */
	const char *type;
	const char *site;   /* Sec-Fetch-Site */
	char addr[64];      /* of the client, numeric */
};

struct http_reply {
	int status;
	const char *type;       /* Content-Type */
	struct span body;       /* copied */
	const char *policy;     /* Content-Security-Policy */
	const char *set_cookie; /* or NULL */
	const char *allow;      /* or NULL: for 405 */
};

/* Must be answered by http_reply() exactly once, in the call or later. */
typedef void http_fn(void *ctx, struct http_req *r);

struct http_params {
	struct loop *loop;
	int n_sockets;
	int sockets[HTTP_SOCKETS]; /* listening; owned from here on */
	struct span cert, key;     /* PEM; empty: no TLS, a proxy on this machine is in front and its last X-Forwarded-For counts */
	http_fn *fn;
	void *ctx;
};

/* NULL with why, which says what is wrong with a certificate. */
struct http *http_new(const struct http_params *p, struct why *w);
void http_reply(struct http_req *r, const struct http_reply *reply);
/* No new connections; drained(ctx) once the last one is gone. */
void http_drain(struct http *h, loop_timer_fn *drained, void *ctx);
/* Drops all connections. Requests that were not answered are gone. */
void http_free(struct http *h);

#endif
