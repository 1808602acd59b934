/* SPDX-License-Identifier: Apache-2.0
 *
 * libmicrohttpd in its external-loop form: we accept and count connections ourselves, it reads and writes them when its epoll
 * descriptor says so. It has a time-out for silence only; the deadline of a connection as a whole is ours. While the monitor
 * thinks, a connection is suspended.
 */
#include "server/web_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/address.h"
#include "server/throttle.h"

#define POOL       (20 * 1024) /* memory of a connection: headers both ways */
#define SILENCE_S  10
#define ACCEPTS    32   /* per wake-up */
#define TICK_MS    500  /* how exact deadlines are */
#define SPINS      8    /* half a TLS record keeps libmicrohttpd asking to be run at once: after so many times, */
#define SPIN_MS    20   /* so seldom */
#define PAUSE_MS   200  /* without accepting, when descriptors are short */
#define PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-SHA1:-AES-128-CBC:-AES-256-CBC:%SERVER_PRECEDENCE"

enum phase { READING, THINKING, WRITING };

struct http_conn {
	struct http_conn *next;
	struct http *h;
	int fd; /* libmicrohttpd's */
	struct throttle_src src;
	char addr[64];
	enum phase phase;
	int64_t until_us; /* monotonic; not while THINKING */
	bool shut;
};

struct request { /* what a struct http_req is the face of */
	struct http_req face; /* first */
	struct http_conn *conn;
	struct MHD_Connection *mc;
	struct MHD_Response *response;
	char *uri;
	struct buf body;
	int status;
	bool looked_at, asked, in_call;
};

struct http {
	struct loop *loop;
	struct MHD_Daemon *mhd;
	int ep;
	int n_sockets, sockets[HTTP_SOCKETS];
	bool proxied;
	http_fn *fn;
	void *ctx;
	struct http_conn *conns; /* newest first */
	unsigned n_conns;
	unsigned spins; /* runs in a row without news from the network */
	struct loop_timer *run_timer, *tick_timer, *pause_timer;
	loop_timer_fn *drained;
	void *drained_ctx;
};

static char complaint[200]; /* libmicrohttpd's last words, for the error of a start */

/* --- running --- */

static void run(struct http *h);

static void on_run_timer(void *ctx)
{
	struct http *h = ctx;

	h->run_timer = NULL;
	h->spins++;
	run(h);
}

static void run_soon(struct http *h, int64_t ms)
{
	loop_cancel(h->loop, h->run_timer);
	h->run_timer = loop_after(h->loop, ms, on_run_timer, h);
}

static void run(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	(void)MHD_run(h->mhd);
	if (MHD_get_timeout(h->mhd, &ms) == MHD_YES) {
		if (ms == 0 && h->spins > SPINS)
			ms = SPIN_MS;
		run_soon(h, ms < 3600000 ? (int64_t)ms : 3600000);
	}
	if (h->n_conns == 0 && h->drained != NULL) {
		loop_timer_fn *fn = h->drained;

		h->drained = NULL;
		fn(h->drained_ctx);
	}
}

static void on_ready(void *ctx, int fd, unsigned events)
{
	struct http *h = ctx;

	(void)fd;
	(void)events;
	h->spins = 0;
	run(h);
}

/* --- connections --- */

static void conn_shut(struct http_conn *c)
{
	if (c->shut)
		return;
	c->shut = true;
	(void)shutdown(c->fd, SHUT_RDWR); /* libmicrohttpd sees the end and closes */
}

static void on_tick(void *ctx)
{
	struct http *h = ctx;
	int64_t now = clock_mono_us();

	h->tick_timer = NULL;
	for (struct http_conn *c = h->conns; c != NULL; c = c->next)
		if (c->phase != THINKING && now >= c->until_us)
			conn_shut(c);
	if (h->conns != NULL)
		h->tick_timer = loop_after(h->loop, TICK_MS, on_tick, h);
}

static void conn_phase(struct http_conn *c, enum phase p, int64_t ms)
{
	c->phase = p;
	c->until_us = clock_mono_us() + ms * 1000;
}

static void conn_gone(struct http_conn *c)
{
	struct http_conn **at = &c->h->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->h->n_conns--;
	free(c);
}

/* The oldest that still reads gives way: with many slow ones from everywhere, those who come now are served. */
static bool make_room(struct http *h)
{
	struct http_conn *oldest = NULL;

	if (h->n_conns < HTTP_CONNS)
		return true;
	for (struct http_conn *c = h->conns; c != NULL; c = c->next)
		if (c->phase == READING)
			oldest = c;
	if (oldest == NULL)
		return false;
	conn_shut(oldest);
	conn_phase(oldest, WRITING, HTTP_WRITE_MS); /* not to be found again */
	run_soon(h, 0);
	return h->n_conns < HTTP_CONNS + 64; /* until libmicrohttpd has closed it */
}

static bool source_full(const struct http *h, const struct throttle_src *s)
{
	unsigned n = 0;

	for (const struct http_conn *c = h->conns; c != NULL; c = c->next)
		n += memcmp(&c->src, s, sizeof(*s)) == 0;
	return n >= HTTP_PER_SOURCE;
}

/* Address as 16 bytes and as text; IPv4 in IPv6 is shown as IPv4. */
static void address_of(const struct sockaddr_storage *ss, uint8_t raw[16], char text[64])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	memcpy(raw, mapped, sizeof(mapped));
	memset(raw + 12, 0, 4);
	if (ss->ss_family == AF_INET)
		memcpy(raw + 12, &((const struct sockaddr_in *)ss)->sin_addr, 4);
	else if (ss->ss_family == AF_INET6)
		memcpy(raw, &((const struct sockaddr_in6 *)ss)->sin6_addr, 16);
	if (memcmp(raw, mapped, sizeof(mapped)) == 0)
		(void)inet_ntop(AF_INET, raw + 12, text, 64);
	else
		(void)inet_ntop(AF_INET6, raw, text, 64);
}

static struct http_conn *conn_new(struct http *h, int fd, const struct throttle_src *src, const char *addr)
{
	struct http_conn *c = xcalloc(1, sizeof(*c));

	*c = (struct http_conn){.next = h->conns, .h = h, .fd = fd, .src = *src};
	(void)str_copy(c->addr, sizeof(c->addr), addr);
	conn_phase(c, READING, HTTP_READ_MS);
	h->conns = c;
	h->n_conns++;
	if (h->tick_timer == NULL)
		h->tick_timer = loop_after(h->loop, TICK_MS, on_tick, h);
	return c;
}

static void admit(struct http *h, int fd, const struct sockaddr_storage *ss, socklen_t n)
{
	struct throttle_src src;
	struct http_conn *c;
	uint8_t raw[16];
	char addr[64];

	address_of(ss, raw, addr);
	src = throttle_src_of(raw);
	if ((!h->proxied && source_full(h, &src)) || !make_room(h)) {
		(void)close(fd);
		return;
	}
	c = conn_new(h, fd, &src, addr);
	if (MHD_add_connection(h->mhd, fd, (const struct sockaddr *)ss, n) != MHD_YES)
		for (struct http_conn *x = h->conns; x != NULL; x = x->next)
			if (x == c) { /* not told of its end: it never began */
				conn_gone(c);
				break;
			}
}

static void on_pause_over(void *ctx)
{
	struct http *h = ctx;

	h->pause_timer = NULL;
	for (int i = 0; i < h->n_sockets; i++)
		loop_mod(h->loop, h->sockets[i], LOOP_IN);
}

static void pause_accepting(struct http *h)
{
	for (int i = 0; i < h->n_sockets; i++)
		loop_mod(h->loop, h->sockets[i], 0);
	if (h->pause_timer == NULL)
		h->pause_timer = loop_after(h->loop, PAUSE_MS, on_pause_over, h);
}

static void on_accept(void *ctx, int fd, unsigned events)
{
	struct http *h = ctx;

	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage ss = {0};
		socklen_t n = sizeof(ss);
		int c = accept4(fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (c < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (c < 0) {
			if (errno != EAGAIN)
				pause_accepting(h);
			break;
		}
		admit(h, c, &ss, n);
	}
	run(h);
}

static void on_connection(void *cls, struct MHD_Connection *mc, void **socket_ctx, enum MHD_ConnectionNotificationCode code)
{
	struct http *h = cls;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket_ctx != NULL)
			conn_gone(*socket_ctx);
		return;
	}
	info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
	for (struct http_conn *c = h->conns; info != NULL && c != NULL; c = c->next)
		if (c->fd == info->connect_fd) {
			*socket_ctx = c;
			return;
		}
}

/* --- requests --- */

static const char *header(struct request *q, const char *name)
{
	const char *v = MHD_lookup_connection_value(q->mc, MHD_HEADER_KIND, name);

	return v != NULL ? v : "";
}

/* The request line as it came; the beginning of a request. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mc)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct request *q;

	(void)cls;
	if (info == NULL || info->socket_context == NULL)
		return NULL;
	q = xcalloc(1, sizeof(*q));
	q->mc = mc;
	q->conn = info->socket_context;
	q->uri = xstrdup(uri);
	q->face.cookie = q->face.type = q->face.site = "";
	(void)str_copy(q->face.addr, sizeof(q->face.addr), q->conn->addr);
	buf_init(&q->body, HTTP_BODY_MAX);
	return q;
}

static void on_completed(void *cls, struct MHD_Connection *mc, void **req, enum MHD_RequestTerminationCode code)
{
	struct request *q = *req;

	(void)cls;
	(void)mc;
	(void)code;
	if (q == NULL)
		return;
	*req = NULL;
	if (q->response != NULL)
		MHD_destroy_response(q->response);
	buf_wipe(&q->body);
	mem_wipe(q->uri, strlen(q->uri));
	free(q->uri);
	free(q);
}

static bool loopback(const struct address *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return a->v4 ? a->b[0] == 127 : memcmp(a->b, one, sizeof(one)) == 0;
}

/* Behind a proxy of this machine: what it appended last. Anything else in the header was written by strangers. */
static void forwarded(struct request *q)
{
	const char *all = header(q, "X-Forwarded-For");
	const char *comma = strrchr(all, ',');
	const char *last = comma != NULL ? comma + 1 : all;
	struct address a;
	size_t n;

	if (address_parse(span_str(q->conn->addr), &a) != 0 || !loopback(&a))
		return;
	last += strspn(last, " \t");
	n = strcspn(last, " \t");
	if (n >= sizeof(q->face.addr) || address_parse(span_of(last, n), &a) != 0)
		return;
	memcpy(q->face.addr, last, n);
	q->face.addr[n] = '\0';
}

struct header_sum {
	size_t bytes;
	unsigned lengths, hosts;
	bool chunked;
};

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header_sum *s = cls;
	struct span n = span_str(name);

	(void)kind;
	s->bytes += n.n + (value != NULL ? strlen(value) : 0) + 4;
	s->lengths += span_is_nocase(n, "Content-Length");
	s->hosts += span_is_nocase(n, "Host");
	s->chunked = s->chunked || span_is_nocase(n, "Transfer-Encoding") || span_is_nocase(n, "Trailer");
	return MHD_YES;
}

/* Digits only; -1 otherwise. */
static long body_length(const char *s)
{
	long n = 0;

	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || n > 1000000000)
			return -1;
		n = n * 10 + (*s - '0');
	}
	return n;
}

static int fault_of(struct request *q, const char *method, const char *version)
{
	struct header_sum s = {.bytes = strlen(q->uri)};
	long n = body_length(header(q, "Content-Length"));

	(void)MHD_get_connection_values(q->mc, MHD_HEADER_KIND, add_header, &s);
	if (s.bytes > HTTP_HEADERS_MAX)
		return 431;
	if (s.chunked || s.lengths > 1 || s.hosts > 1 || n < 0 || q->uri[0] != '/')
		return 400;
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		return 505;
	if (strcmp(method, "POST") == 0)
		return s.lengths == 0 ? 411 : n > HTTP_BODY_MAX ? 413 : 0;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return 405;
	return n > 0 ? 400 : 0;
}

static void look(struct request *q, const char *method, const char *version)
{
	const char *mark = strchr(q->uri, '?');
	struct http_req *f = &q->face;

	q->looked_at = true;
	f->method = strcmp(method, "POST") == 0 ? HTTP_POST : strcmp(method, "HEAD") == 0 ? HTTP_HEAD : HTTP_GET;
	f->path = mark != NULL ? span_of(q->uri, (size_t)(mark - q->uri)) : span_str(q->uri);
	if (mark != NULL)
		f->query = span_str(mark + 1);
	f->cookie = header(q, "Cookie");
	f->type = header(q, "Content-Type");
	f->site = header(q, "Sec-Fetch-Site");
	if (q->conn->h->proxied)
		forwarded(q);
	f->fault = fault_of(q, method, version);
}

static enum MHD_Result respond(struct request *q)
{
	enum MHD_Result rc = MHD_queue_response(q->mc, (unsigned)q->status, q->response);

	MHD_destroy_response(q->response);
	q->response = NULL;
	return rc;
}

static enum MHD_Result ask(struct request *q)
{
	struct http *h = q->conn->h;

	q->asked = true;
	q->face.body = buf_span(&q->body);
	conn_phase(q->conn, THINKING, 0);
	q->in_call = true;
	h->fn(h->ctx, &q->face);
	q->in_call = false;
	if (q->response != NULL)
		return respond(q);
	MHD_suspend_connection(q->mc);
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mc, const char *url, const char *method,
    const char *version, const char *data, size_t *n, void **req)
{
	struct request *q = *req;

	(void)cls;
	(void)mc;
	(void)url;
	if (q == NULL)
		return MHD_NO;
	if (!q->looked_at) {
		look(q, method, version);
		return q->face.fault != 0 ? ask(q) : MHD_YES;
	}
	if (*n > 0) {
		buf_put(&q->body, data, *n);
		*n = 0;
		return buf_err(&q->body) != 0 ? MHD_NO : MHD_YES;
	}
	if (!q->asked)
		return ask(q);
	return q->response != NULL ? respond(q) : MHD_YES;
}

/* --- answers --- */

static void add(struct MHD_Response *r, const char *name, const char *value)
{
	if (value != NULL && MHD_add_response_header(r, name, value) != MHD_YES)
		log_error("web-header", "name", name);
}

static struct MHD_Response *response_of(const struct http_reply *reply)
{
	/* the cast: the memory is copied */
	struct MHD_Response *r =
	    mem_check(MHD_create_response_from_buffer(reply->body.n, (void *)reply->body.p, MHD_RESPMEM_MUST_COPY));

	add(r, "Content-Type", reply->type);
	add(r, "Content-Security-Policy", reply->policy);
	add(r, "X-Content-Type-Options", "nosniff");
	add(r, "X-Frame-Options", "DENY"); /* for browsers that do not know frame-ancestors */
	add(r, "Referrer-Policy", "no-referrer");
	add(r, "Cross-Origin-Opener-Policy", "same-origin");
	add(r, "Cross-Origin-Resource-Policy", "same-origin");
	add(r, "Cache-Control", "no-store");
	add(r, "Strict-Transport-Security", "max-age=31536000");
	add(r, "Set-Cookie", reply->set_cookie);
	add(r, "Allow", reply->allow);
	add(r, "Connection", "close");
	return r;
}

void http_reply(struct http_req *face, const struct http_reply *reply)
{
	struct request *q = (struct request *)face;

	q->response = response_of(reply);
	q->status = reply->status;
	conn_phase(q->conn, WRITING, HTTP_WRITE_MS);
	if (q->in_call)
		return;
	MHD_resume_connection(q->mc);
	run_soon(q->conn->h, 0);
}

/* --- start and stop --- */

static void on_log(void *cls, const char *fmt, va_list ap) SP_PRINTF(2, 0);
static void on_log(void *cls, const char *fmt, va_list ap)
{
	(void)cls;
	(void)vsnprintf(complaint, sizeof(complaint), fmt, ap);
	complaint[strcspn(complaint, "\n")] = '\0';
	log_debug("web-library", "text", complaint);
}

static void on_panic(void *cls, const char *file, unsigned line, const char *reason)
{
	(void)cls;
	log_error("web-library-panic", "file", file, "line", log_num(line), "why", reason != NULL ? reason : "");
	abort();
}

static struct MHD_Daemon *start(struct http *h, const struct http_params *p)
{
	unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	bool with_tls = p->cert.n > 0;
	char *cert = with_tls ? xstrndup((const char *)p->cert.p, p->cert.n) : NULL;
	char *key = with_tls ? xstrndup((const char *)p->key.p, p->key.n) : NULL;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (char *)PRIORITIES},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_Daemon *d;

	if (!with_tls)
		tls[0].option = MHD_OPTION_END;
	else
		flags |= MHD_USE_TLS;
	complaint[0] = '\0';
	d = MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_ARRAY, tls, MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNS + 128u, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL, MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
	    (size_t)4096, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, h,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
	if (with_tls)
		mem_wipe(key, strlen(key));
	free(cert);
	free(key);
	return d;
}

static int watch(struct http *h)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	int rc;

	h->ep = info != NULL ? info->epoll_fd : -1;
	rc = h->ep < 0 ? E_UNKNOWN : loop_add(h->loop, h->ep, LOOP_IN, on_ready, h);
	for (int i = 0; rc == 0 && i < h->n_sockets; i++) {
		rc = fd_set_nonblock(h->sockets[i], true);
		if (rc == 0)
			rc = loop_add(h->loop, h->sockets[i], LOOP_IN, on_accept, h);
	}
	return rc;
}

struct http *http_new(const struct http_params *p, struct why *w)
{
	struct http *h = xcalloc(1, sizeof(*h));
	int rc;

	*h = (struct http){.loop = p->loop, .ep = -1, .n_sockets = p->n_sockets, .proxied = p->cert.n == 0, .fn = p->fn,
		.ctx = p->ctx};
	memcpy(h->sockets, p->sockets, sizeof(h->sockets));
	MHD_set_panic_func(on_panic, NULL);
	h->mhd = start(h, p);
	if (h->mhd == NULL) {
		why_set(w, E_CONFIG, "the web server does not start: %s", complaint[0] != '\0' ? complaint : "unknown reason");
		why_hint(w, "web.tls_cert must be a PEM chain and web.tls_key the key of its first certificate");
		http_free(h);
		return NULL;
	}
	rc = watch(h);
	if (rc == 0)
		return h;
	why_set(w, rc, "the web server's sockets cannot be watched: %s", err_str(rc));
	http_free(h);
	return NULL;
}

static void stop_accepting(struct http *h)
{
	loop_cancel(h->loop, h->pause_timer);
	h->pause_timer = NULL;
	for (int i = 0; i < h->n_sockets; i++) {
		loop_del(h->loop, h->sockets[i]);
		fd_close(&h->sockets[i]);
	}
	h->n_sockets = 0;
}

void http_drain(struct http *h, loop_timer_fn *drained, void *ctx)
{
	stop_accepting(h);
	h->drained = drained;
	h->drained_ctx = ctx;
	run_soon(h, 0);
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	stop_accepting(h);
	h->drained = NULL;
	if (h->ep >= 0)
		loop_del(h->loop, h->ep);
	/* libmicrohttpd cannot be stopped while a connection is suspended: with requests open it is left to the process's end */
	if (h->mhd != NULL && h->n_conns == 0)
		MHD_stop_daemon(h->mhd);
	loop_cancel(h->loop, h->run_timer);
	loop_cancel(h->loop, h->tick_timer);
	free(h);
}
