/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl's multi interface on our loop.
 *
 * Names: libcurl would resolve in threads, which the sandbox does not have. So each request is given its addresses
 * (CURLOPT_RESOLVE) by fetch_dns before it starts; literals and localhost libcurl knows by itself.
 * Turns: 200 logins that are polled every 5 s must not become 200 transfers with a buffer each: a request waits in our queue
 * until fewer than HTTP_ACTIVE are under way, HTTP_PER_ORIGIN to its server; polls leave HTTP_FOR_PEOPLE of both free.
 */
#include "server/fetch_http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config.h"
#include "ident/oidc.h"

#define HEADERS_MAX   (32u * 1024)
#define HOPS_MAX      3
#define WAIT_MS       15000 /* for a turn */
#define POOL          4
#define ORIGIN_CAP    300
#define AGE_MAX_S     (366 * 86400L) /* of an answer; who keeps it has a shorter one */

enum req_state { REQ_WAITS, REQ_RESOLVES, REQ_RUNS, REQ_FAILED };

struct http_req {
	struct http_req *next;
	struct http *h;
	http_fn *fn;
	void *ctx;
	enum req_state state;
	bool allow_http, post, patient, too_big;
	int hops;
	size_t max_bytes;
	struct span ca;
	char *url, *authorization;
	char host[256], origin[ORIGIN_CAP]; /* origin: scheme://host:port */
	char port[8];
	struct buf form, body;
	size_t header_bytes;
	int64_t max_age_s;
	int64_t since_us; /* of its turn */
	struct loop_timer *timer;
	struct why failed; /* REQ_FAILED */
	CURL *easy;
	struct curl_slist *headers, *resolve;
	char error[CURL_ERROR_SIZE];
};

struct http {
	struct loop *loop;
	struct dns *dns;
	CURLM *multi;
	struct loop_timer *timer;
	struct http_req *list; /* in order of arrival */
	int active;
	CURL *pool[POOL];
	int n_pool;
	bool pumping, again;
};

static void pump(struct http *h);

/* --- addresses --- */

static char *url_part(CURLU *u, CURLUPart part, unsigned flags)
{
	char *v = NULL;

	return curl_url_get(u, part, &v, flags) == CURLUE_OK ? v : NULL;
}

/* host, port and origin of r->url. */
static int url_split(struct http_req *r, struct why *w)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL;
	int rc = oidc_url_check(r->url, r->allow_http, "the identity provider's address", w);

	if (rc == 0 && (u == NULL || curl_url_set(u, CURLUPART_URL, r->url, 0) != CURLUE_OK ||
			   (scheme = url_part(u, CURLUPART_SCHEME, 0)) == NULL || (host = url_part(u, CURLUPART_HOST, 0)) == NULL ||
			   (port = url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT)) == NULL))
		rc = why_set(w, E_FORMAT, "the identity provider's address is not a URL");
	if (rc == 0 && (str_copy(r->host, sizeof(r->host), host) != 0 || str_copy(r->port, sizeof(r->port), port) != 0 ||
			   snprintf(r->origin, sizeof(r->origin), "%s://%s:%s", scheme, host, port) >= (int)sizeof(r->origin)))
		rc = why_set(w, E_TOOBIG, "the identity provider's address is too long");
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return rc;
}

/* libcurl needs no resolver for these. */
static bool host_known(const char *host)
{
	struct in_addr a;

	return host[0] == '[' || inet_pton(AF_INET, host, &a) == 1 || strcasecmp(host, "localhost") == 0;
}

/* --- the life of a request --- */

static void release(struct http_req *r)
{
	struct http *h = r->h;

	if (r->easy == NULL)
		return;
	(void)curl_multi_remove_handle(h->multi, r->easy);
	if (h->n_pool < POOL) {
		curl_easy_reset(r->easy);
		h->pool[h->n_pool++] = r->easy;
	} else {
		curl_easy_cleanup(r->easy);
	}
	r->easy = NULL;
	for (struct curl_slist *x = r->headers; x != NULL; x = x->next)
		mem_wipe(x->data, strlen(x->data)); /* Authorization */
	curl_slist_free_all(r->headers);
	curl_slist_free_all(r->resolve);
	r->headers = r->resolve = NULL;
}

static void leave_turn(struct http_req *r)
{
	if (r->state == REQ_RESOLVES || r->state == REQ_RUNS)
		r->h->active--;
	if (r->state == REQ_RESOLVES)
		dns_cancel(r->h->dns, r);
	release(r);
	loop_cancel(r->h->loop, r->timer);
	r->timer = NULL;
}

static void req_free(struct http_req *r)
{
	struct http_req **at = &r->h->list;

	leave_turn(r);
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (r->authorization != NULL)
		mem_wipe(r->authorization, strlen(r->authorization));
	free(r->authorization);
	free(r->url);
	buf_wipe(&r->form);
	buf_wipe(&r->body);
	free(r);
}

/* The log gets the address without its query, and never a body. */
static void log_failure(const struct http_req *r, const struct why *w, const char *detail, int status)
{
	char url[200];

	(void)snprintf(url, sizeof(url), "%.*s", (int)strcspn(r->url, "?"), r->url);
	log_warn("idp-request-failed", "url", url, "method", r->post ? "POST" : "GET", "why", w->text, "detail", detail, "status",
	    log_num(status));
}

static void end(struct http_req *r, const struct http_answer *a, const struct why *failed)
{
	struct http *h = r->h;
	http_fn *fn = r->fn;
	void *ctx = r->ctx;

	leave_turn(r);
	r->state = REQ_FAILED; /* its callback may look at others, not at this one */
	fn(ctx, a, failed);
	req_free(r);
	pump(h);
}

static void fail_now(void *ctx)
{
	struct http_req *r = ctx;

	r->timer = NULL;
	end(r, NULL, &r->failed);
}

/* A failure that is found while the caller still stands in http_start(), or in the queue. */
static void fail_later(struct http_req *r, const struct why *w, const char *detail)
{
	leave_turn(r);
	r->failed = *w;
	r->state = REQ_FAILED;
	log_failure(r, w, detail, 0);
	r->timer = loop_after(r->h->loop, 0, fail_now, r);
}

static void no_turn(void *ctx)
{
	struct http_req *r = ctx;
	struct why w = {0};

	r->timer = NULL;
	why_set(&w, E_LIMIT, "the identity provider is too slow for the number of logins now");
	why_hint(&w, "try again in a minute");
	fail_later(r, &w, "no turn");
}

/* --- what comes back --- */

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct http_req *r = ctx;

	if (n * size > r->max_bytes - buf_len(&r->body)) {
		r->too_big = true;
		return 0;
	}
	buf_put(&r->body, p, n * size);
	return n * size;
}

/* "max-age=N" in the value of Cache-Control; no-store and no-cache are 0. */
static int64_t max_age(const char *v, size_t n)
{
	char text[256], *at;
	unsigned long s;

	(void)snprintf(text, sizeof(text), "%.*s", n < sizeof(text) ? (int)n : (int)sizeof(text) - 1, v);
	if (strcasestr(text, "no-store") != NULL || strcasestr(text, "no-cache") != NULL)
		return 0;
	at = strcasestr(text, "max-age=");
	if (at == NULL || (at > text && strchr(" ,", at[-1]) == NULL)) /* not s-maxage */
		return -1;
	s = strtoul(at + 8, NULL, 10);
	return s < AGE_MAX_S ? (int64_t)s : AGE_MAX_S;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	static const char name[] = "cache-control:";
	struct http_req *r = ctx;
	size_t len = size * n;

	r->header_bytes += len;
	if (r->header_bytes > HEADERS_MAX) {
		r->too_big = true;
		return 0;
	}
	if (len > sizeof(name) && strncasecmp(p, name, sizeof(name) - 1) == 0)
		r->max_age_s = max_age(p + sizeof(name) - 1, len - sizeof(name) + 1);
	return len;
}

/* What a person is told for a failure of the transfer; the log has libcurl's words, too. */
static void explain(const struct http_req *r, CURLcode rc, struct why *w)
{
	curl_off_t us = 0;

	switch (rc) {
	case CURLE_OPERATION_TIMEDOUT:
		(void)curl_easy_getinfo(r->easy, CURLINFO_TOTAL_TIME_T, &us); /* shorter when there was no connection */
		why_set(w, E_LIMIT, "the identity provider did not answer within %d s", (int)((us + 500000) / 1000000));
		break;
	case CURLE_COULDNT_CONNECT:
		why_set(w, -ECONNREFUSED, "the identity provider cannot be reached: no connection to %s", r->origin);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		why_set(w, E_CRYPTO, "the identity provider's TLS certificate cannot be trusted");
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CIPHER:
		why_set(w, E_CRYPTO, "no TLS connection to the identity provider can be made");
		break;
	case CURLE_WRITE_ERROR:
	case CURLE_FILESIZE_EXCEEDED:
		why_set(w, E_TOOBIG, "the identity provider's answer is too large");
		break;
	default:
		why_set(w, E_CLOSED, "the identity provider did not give a whole answer");
		break;
	}
	why_hint(w, "try again; if it stays so, the gateway's operator finds more in its log (idp-request-failed)");
}

/* To the same server only; *to is where it points. */
static int redirect(struct http_req *r, int status, const char *to, struct why *w)
{
	char was[ORIGIN_CAP];
	char *from = r->url;

	(void)str_copy(was, sizeof(was), r->origin);
	why_set(w, E_DENIED, "the identity provider answers with a redirect (HTTP %d), which is not followed", status);
	why_hint(w, "the issuer in the gateway's configuration must be the provider's final address");
	if (r->post || to == NULL || ++r->hops > HOPS_MAX)
		return E_DENIED;
	r->url = xstrdup(to);
	if (url_split(r, NULL) != 0 || strcmp(was, r->origin) != 0) {
		free(r->url);
		r->url = from;
		return E_DENIED;
	}
	free(from);
	leave_turn(r);
	buf_reset(&r->body);
	r->header_bytes = 0;
	r->max_age_s = -1;
	r->state = REQ_WAITS;
	r->timer = loop_after(r->h->loop, WAIT_MS, no_turn, r);
	return 0;
}

static void finished(struct http_req *r, CURLcode rc)
{
	struct why w = {0};
	long status = 0;

	(void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	if (rc != CURLE_OK || r->too_big) {
		explain(r, r->too_big ? CURLE_WRITE_ERROR : rc, &w);
		log_failure(r, &w, r->error[0] != '\0' ? r->error : curl_easy_strerror(rc), (int)status);
		end(r, NULL, &w);
	} else if (status >= 300 && status < 400 && status != 304) {
		char *to = NULL;

		(void)curl_easy_getinfo(r->easy, CURLINFO_REDIRECT_URL, &to);
		if (redirect(r, (int)status, to, &w) == 0) {
			pump(r->h);
			return;
		}
		log_failure(r, &w, to, (int)status);
		end(r, NULL, &w);
	} else {
		struct http_answer a = {(int)status, buf_span(&r->body), r->max_age_s};

		end(r, &a, NULL);
	}
}

static void collect(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		CURLcode rc = m->data.result;
		char *r = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
		finished((struct http_req *)(void *)r, rc);
	}
}

/* --- libcurl on the loop --- */

static void on_ready(void *ctx, int fd, unsigned events)
{
	struct http *h = ctx;
	int running;

	(void)curl_multi_socket_action(h->multi, fd,
	    ((events & LOOP_IN) != 0 ? CURL_CSELECT_IN : 0) | ((events & LOOP_OUT) != 0 ? CURL_CSELECT_OUT : 0) |
		((events & LOOP_HUP) != 0 ? CURL_CSELECT_ERR : 0), &running);
	collect(h);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *sock_ctx)
{
	struct http *h = ctx;
	unsigned events = (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? LOOP_IN : 0) |
	    (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? LOOP_OUT : 0);

	(void)easy;
	(void)sock_ctx;
	if (what == CURL_POLL_REMOVE)
		loop_del(h->loop, fd);
	else if (loop_add(h->loop, fd, events, on_ready, h) != 0) /* watched already */
		loop_mod(h->loop, fd, events);
	return 0;
}

static void on_timeout(void *ctx)
{
	struct http *h = ctx;
	int running;

	h->timer = NULL;
	(void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(h);
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct http *h = ctx;

	(void)multi;
	loop_cancel(h->loop, h->timer);
	h->timer = ms >= 0 ? loop_after(h->loop, ms, on_timeout, h) : NULL;
	return 0;
}

/* --- start --- */

#define SET(opt, value) (rc = rc == CURLE_OK ? curl_easy_setopt(e, opt, value) : rc)

static CURLcode set_common(struct http_req *r)
{
	CURL *e = r->easy;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_PRIVATE, (char *)r);
	SET(CURLOPT_ERRORBUFFER, r->error);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, r->allow_http ? "https,http" : "https"); /* which http: url_split() */
	SET(CURLOPT_FOLLOWLOCATION, 0L); /* redirect() does */
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* the smaller parser */
	SET(CURLOPT_USERAGENT, "sallyport/" PACKAGE_VERSION);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
	SET(CURLOPT_LOW_SPEED_LIMIT, 64L);
	SET(CURLOPT_LOW_SPEED_TIME, (long)HTTP_MS / 1000);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->max_bytes);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, r);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, r);
	return rc;
}

static CURLcode set_tls(struct http_req *r)
{
	CURL *e = r->easy;
	CURLcode rc = CURLE_OK;
	struct curl_blob pem = {(void *)(uintptr_t)r->ca.p, r->ca.n, CURL_BLOB_COPY};

	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_CAPATH, NULL);
	if (r->ca.n > 0) { /* these and no others */
		SET(CURLOPT_CAINFO, NULL);
		SET(CURLOPT_CAINFO_BLOB, &pem);
	}
	return rc;
}

static CURLcode set_request(struct http_req *r, const char *addresses)
{
	CURL *e = r->easy;
	CURLcode rc = CURLE_OK;
	char line[DNS_TEXT_MAX + 300];

	SET(CURLOPT_URL, r->url);
	SET(CURLOPT_TIMEOUT_MS, (long)HTTP_MS);
	r->headers = curl_slist_append(NULL, "Accept: application/json, application/jwk-set+json");
	if (r->post) {
		SET(CURLOPT_POSTFIELDS, (const char *)buf_cstr(&r->form));
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)buf_len(&r->form));
	}
	if (r->authorization != NULL) {
		(void)snprintf(line, sizeof(line), "Authorization: %s", r->authorization);
		r->headers = curl_slist_append(r->headers, line);
		mem_wipe(line, sizeof(line));
	}
	SET(CURLOPT_HTTPHEADER, r->headers);
	if (addresses != NULL) {
		(void)snprintf(line, sizeof(line), "%s:%s:%s", r->host, r->port, addresses);
		r->resolve = curl_slist_append(NULL, line);
		SET(CURLOPT_RESOLVE, r->resolve);
	}
	return rc;
}

static void run(struct http_req *r, const char *addresses)
{
	struct http *h = r->h;
	struct why w = {0};
	CURLcode rc;

	r->state = REQ_RUNS;
	r->easy = h->n_pool > 0 ? h->pool[--h->n_pool] : curl_easy_init();
	rc = r->easy != NULL ? set_common(r) : CURLE_OUT_OF_MEMORY;
	if (rc == CURLE_OK)
		rc = set_tls(r);
	if (rc == CURLE_OK)
		rc = set_request(r, addresses);
	if (rc == CURLE_OK && curl_multi_add_handle(h->multi, r->easy) != CURLM_OK)
		rc = CURLE_FAILED_INIT;
	if (rc == CURLE_OK)
		return;
	why_set(&w, E_INTERNAL, "the request to the identity provider cannot be made");
	fail_later(r, &w, curl_easy_strerror(rc));
}

static void resolved(void *ctx, const char *addresses, const char *failed)
{
	struct http_req *r = ctx;
	struct why w = {0};

	if (addresses != NULL) {
		run(r, addresses);
		return;
	}
	why_set(&w, E_NOTFOUND, "the identity provider's name %s cannot be resolved", r->host);
	why_hint(&w, "try again; if it stays so, tell the gateway's operator");
	fail_later(r, &w, failed);
}

static void take_turn(struct http_req *r)
{
	loop_cancel(r->h->loop, r->timer);
	r->timer = NULL;
	r->h->active++;
	if (host_known(r->host)) {
		run(r, NULL);
	} else {
		r->state = REQ_RESOLVES;
		dns_lookup(r->h->dns, r->host, resolved, r);
	}
}

static int active_at(const struct http *h, const char *origin)
{
	int n = 0;

	for (const struct http_req *r = h->list; r != NULL; r = r->next)
		n += (r->state == REQ_RUNS || r->state == REQ_RESOLVES) && strcmp(r->origin, origin) == 0;
	return n;
}

/* Who is next: in order of arrival, people before polls. */
static struct http_req *next_turn(const struct http *h)
{
	const char *full = ""; /* most of those who wait do so for the same server */

	for (int patient = 0; patient < 2; patient++) {
		int kept = patient * HTTP_FOR_PEOPLE;

		for (struct http_req *r = h->list; r != NULL && h->active < HTTP_ACTIVE - kept; r = r->next) {
			if (r->state != REQ_WAITS || r->patient != (patient != 0) || strcmp(r->origin, full) == 0)
				continue;
			if (active_at(h, r->origin) < HTTP_PER_ORIGIN - kept)
				return r;
			full = r->origin;
		}
	}
	return NULL;
}

static void pump(struct http *h)
{
	struct http_req *r;

	while ((r = next_turn(h)) != NULL)
		take_turn(r);
}

struct http_req *http_start(struct http *h, const struct http_ask *a, http_fn *fn, void *ctx)
{
	struct http_req *r = xcalloc(1, sizeof(*r));
	struct http_req **at = &h->list;
	struct why w = {0};

	*r = (struct http_req){.h = h, .fn = fn, .ctx = ctx, .allow_http = a->allow_http, .post = a->post, .patient = a->patient,
		.max_bytes = a->max_bytes, .ca = a->ca, .max_age_s = -1, .url = xstrdup(a->url), .authorization = xstrdup(a->authorization)};
	buf_init(&r->form, 64 * 1024);
	buf_init(&r->body, a->max_bytes + 1);
	buf_put_span(&r->form, a->form);
	while (*at != NULL)
		at = &(*at)->next;
	*at = r;
	if (url_split(r, &w) != 0) {
		fail_later(r, &w, "not asked");
		return r;
	}
	r->timer = loop_after(h->loop, WAIT_MS, no_turn, r);
	pump(h);
	return r;
}

void http_cancel(struct http_req *r)
{
	struct http *h;

	if (r == NULL)
		return;
	h = r->h;
	req_free(r);
	pump(h);
}

struct http *http_new(struct loop *l, struct dns *dns)
{
	struct http *h = xcalloc(1, sizeof(*h));

	*h = (struct http){.loop = l, .dns = dns};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (h->multi = curl_multi_init()) == NULL ||
	    (h->pool[h->n_pool++] = curl_easy_init()) == NULL) {
		free(h);
		return NULL;
	}
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_ACTIVE);
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HTTP_PER_ORIGIN);
	return h;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	while (h->list != NULL)
		req_free(h->list);
	while (h->n_pool > 0)
		curl_easy_cleanup(h->pool[--h->n_pool]);
	(void)curl_multi_cleanup(h->multi);
	loop_cancel(h->loop, h->timer);
	free(h);
}

const char *http_version(void)
{
	return curl_version();
}
