/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes and what happens on each. Forms are believed when their token fits the browser's cookie, the provider's answer when its
 * state does; only then is the monitor asked. Who began a login in one browser cannot finish it in another: the token of the
 * last form is bound to the state of the trip that this browser made.
 */
#include "server/web.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/chan.h"
#include "server/web_form.h"
#include "server/web_page.h"
#include "server/web_token.h"

#define ASK_MS      10000 /* the monitor answers at once, */
#define PROVIDER_MS 45000 /* except when a provider is behind the question */
#define DRAIN_MS    1000
#define WARNINGS_A_SECOND 10
#define QUEUE       (512u * 1024)
#define FORM_TYPE   "application/x-www-form-urlencoded"
#define HTML        "text/html; charset=utf-8"
#define PLAIN       "text/plain; charset=utf-8"

#define ANEW "Open the address from your terminal again, with cookies allowed for this site."
#define RUN  "Run ssh again for a new one."

struct web {
	struct loop *loop;
	struct http *http;
	struct chan *monitor;
	struct calls calls;
	struct buf out, page;
	const char *gateway;
	uint8_t key[WEB_KEY_LEN];
	int64_t second; /* of the last warning, */
	int warnings;   /* and how many there were in it */
};

/* Strangers cause these: they may not fill the log. */
static bool may_warn(struct web *w)
{
	int64_t now = clock_mono_us() / 1000000;

	w->warnings = now == w->second ? w->warnings + 1 : 1;
	w->second = now;
	return w->warnings <= WARNINGS_A_SECOND;
}

/* A question to the monitor, for a request that waits. */
struct ask;
typedef void answer_fn(struct ask *a, const struct ipc_msg *m);
struct ask {
	struct web *w;
	struct http_req *r;
	struct loop_timer *timer;
	answer_fn *fn;
	char cookie[WEB_COOKIE_CAP], code[WEB_CODE_CAP], state[WEB_STATE_CAP];
	bool fresh; /* the cookie is new */
	int tries;  /* confirm: left, -1 = not tried */
};

/* --- answers --- */

static void reply(struct web *w, struct http_req *r, int status, const char *type, const char *cookie, const char *allow)
{
	char set[160];

	if (buf_err(&w->page) != 0) {
		log_error("web-page", "why", err_str(buf_err(&w->page)));
		buf_reset(&w->page);
		status = 500;
	}
	if (cookie != NULL)
		(void)snprintf(set, sizeof(set), WEB_COOKIE "=%s; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax", cookie);
	log_debug("web", "status", log_num(status), "source", r->addr);
	http_reply(r, &(struct http_reply){.status = status, .type = type, .body = buf_span(&w->page), .policy = page_policy(),
			  .set_cookie = cookie != NULL ? set : NULL, .allow = allow});
	buf_reset(&w->page);
}

static void html(struct ask *a, int status)
{
	reply(a->w, a->r, status, HTML, a->fresh ? a->cookie : NULL, NULL);
}

static void problem(struct web *w, struct http_req *r, int status, const char *title, const char *text, const char *hint)
{
	page_problem(&w->page, w->gateway, title, text, hint);
	reply(w, r, status, HTML, NULL, NULL);
}

/* Messages begin small and end open; on a page they are sentences. */
static void sentence(char *s, size_t cap)
{
	size_t n = strlen(s);

	if (n == 0)
		return;
	if (s[0] >= 'a' && s[0] <= 'z')
		s[0] = (char)(s[0] - 'a' + 'A');
	if (n + 1 < cap && strchr(".!?:", s[n - 1]) == NULL) {
		s[n] = '.';
		s[n + 1] = '\0';
	}
}

static const struct {
	int code, status;
	const char *title, *text, *hint;
} failures[] = {
    {E_NOTFOUND, 404, "There is no such login", "It has ended or run out, or the address is mistyped.", RUN},
    {E_EXPIRED, 410, "This login has run out", "Nobody finished it in time.", RUN},
    {E_STATE, 409, "This login went on already", "It was opened or answered elsewhere, or this page was loaded twice.",
	"If you did not finish it, end the ssh command with Ctrl-C and start again."},
    {E_DENIED, 403, "The login was refused", "", ""},
    {E_LIMIT, 429, "The login has ended", "", "Try again in a few minutes."},
    {E_CLOSED, 410, "The ssh command has ended", "Nothing waits for this login any more.", RUN},
};

/* What the monitor refused, in its own words where it has some. NULL: it has gone. */
static void failed(struct ask *a, const struct ipc_msg *m)
{
	char text[300], hint[300];
	int code = m != NULL ? (int)ipc_get_int(m, "code", E_INTERNAL) : E_INTERNAL;

	if (m == NULL) {
		problem(a->w, a->r, 503, "The gateway is busy", "It did not answer in time.", "Try again in a moment.");
		return;
	}
	ipc_take_str(m, "text", text, sizeof(text));
	ipc_take_str(m, "hint", hint, sizeof(hint));
	sentence(text, sizeof(text));
	sentence(hint, sizeof(hint));
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].code == code) {
			problem(a->w, a->r, failures[i].status, failures[i].title, text[0] != '\0' ? text : failures[i].text,
			    hint[0] != '\0' ? hint : failures[i].hint);
			return;
		}
	problem(a->w, a->r, 502, "That did not work", text[0] != '\0' ? text : "The gateway's log has more.", hint);
}

/* --- questions --- */

static struct ask *ask_new(struct web *w, struct http_req *r)
{
	struct ask *a = xcalloc(1, sizeof(*a));

	a->w = w;
	a->r = r;
	a->tries = -1;
	return a;
}

static void ask_free(struct ask *a)
{
	loop_cancel(a->w->loop, a->timer);
	mem_wipe(a, sizeof(*a));
	free(a);
}

static void answered(void *ctx, const struct ipc_msg *m)
{
	struct ask *a = ctx;
	answer_fn *fn = a->fn;

	loop_cancel(a->w->loop, a->timer);
	a->timer = NULL;
	a->fn = NULL;
	if (m != NULL && ipc_type_of(m) == IPC_OK)
		fn(a, m);
	else if (m != NULL && ipc_get_int(m, "tries", 0) > 0)
		fn(a, m);
	else
		failed(a, m);
	if (a->fn == NULL) /* else it asked again */
		ask_free(a);
}

static void no_answer(void *ctx)
{
	struct ask *a = ctx;

	a->timer = NULL;
	calls_forget(&a->w->calls, a);
	if (may_warn(a->w))
		log_warn("web-no-answer", "source", a->r->addr);
	failed(a, NULL);
	ask_free(a);
}

static struct buf *question(struct ask *a, enum ipc_type t, answer_fn *fn)
{
	struct buf *b = &a->w->out;

	a->fn = fn;
	ipc_begin(b, t, calls_add(&a->w->calls, answered, a));
	if (t != IPC_WEB_HOSTS) {
		ipc_str(b, "code", a->code);
		ipc_str(b, "addr", a->r->addr);
	}
	return b;
}

static void send_question(struct ask *a, int64_t ms)
{
	a->timer = loop_after(a->w->loop, ms, no_answer, a);
	chan_send(a->w->monitor, &a->w->out, NULL, 0);
	mem_wipe(a->w->out.mem, a->w->out.cap); /* the provider's answer may have been in it */
}

/* --- what the monitor says, on a page --- */

struct told {
	char gateway[256], asked[256], fingerprint[64], source[64], provider[600], user[256], state[16];
};

static struct page told(const struct ask *a, const struct ipc_msg *m, struct told *t)
{
	ipc_take_str(m, "gateway", t->gateway, sizeof(t->gateway));
	ipc_take_str(m, "asked", t->asked, sizeof(t->asked));
	ipc_take_str(m, "fingerprint", t->fingerprint, sizeof(t->fingerprint));
	ipc_take_str(m, "source", t->source, sizeof(t->source));
	ipc_take_str(m, "provider", t->provider, sizeof(t->provider));
	ipc_take_str(m, "user", t->user, sizeof(t->user));
	ipc_take_str(m, "state", t->state, sizeof(t->state));
	return (struct page){.gateway = t->gateway[0] != '\0' ? t->gateway : a->w->gateway, .asked = t->asked,
		.fingerprint = t->fingerprint, .source = t->source, .provider = t->provider, .user = t->user, .code = a->code,
		.state = a->state, .left_s = ipc_get_int(m, "expires_s", 0), .now_s = clock_wall_s()};
}

/* --- GET /l/CODE --- */

static void looked(struct ask *a, const struct ipc_msg *m)
{
	char token[WEB_FORM_CAP], refuse[WEB_FORM_CAP];
	struct told t;
	struct page p = told(a, m, &t);

	if (strcmp(t.state, "known") == 0) {
		/* Not the form with the digits: whoever has the address gets here, also the one who sent it to somebody. */
		problem(a->w, a->r, 409, "Somebody has logged in here", "This login waits for its digits, in the browser window in "
			"which it was begun.", "If that was you and the window is gone, end the ssh command with Ctrl-C and start again.");
		return;
	}
	if (strcmp(t.state, "done") == 0) {
		problem(a->w, a->r, 410, "This login is finished", "Go back to your terminal; this page can be closed.", "");
		return;
	}
	p.user = NULL;
	web_form_token(a->w->key, a->cookie, a->code, "begin", token);
	web_form_token(a->w->key, a->cookie, a->code, "cancel", refuse);
	p.token = token;
	p.refuse = refuse;
	page_begin(&a->w->page, &p);
	html(a, 200);
}

static void no_such_login(struct web *w, struct http_req *r)
{
	problem(w, r, 404, failures[0].title, failures[0].text, failures[0].hint);
}

/* The code behind "/l/". */
static int code_of(const struct http_req *r, char out[WEB_CODE_CAP])
{
	return web_code(span_of(r->path.p + 3, r->path.n - 3), out);
}

static void get_login(struct web *w, struct http_req *r)
{
	struct ask *a = ask_new(w, r);

	if (code_of(r, a->code) != 0) {
		no_such_login(w, r);
		ask_free(a);
		return;
	}
	if (web_cookie_find(span_str(r->cookie), a->cookie) != 0) {
		web_cookie_new(a->cookie);
		a->fresh = true;
	}
	(void)question(a, IPC_WEB_LOOK, looked);
	send_question(a, ASK_MS);
}

/* --- forms --- */

static void not_this_browser(struct ask *a, const char *what)
{
	if (may_warn(a->w))
		log_warn("web-refused", "what", what, "source", a->r->addr);
	problem(a->w, a->r, 403, "Not from this browser", "This does not belong to a login that was begun in this browser.", ANEW);
	ask_free(a);
}

/* A form of ours with cookie and token; login: what the token is bound to besides. NULL: answered. */
static struct ask *form_begin(struct web *w, struct http_req *r, const char *field, const char *purpose)
{
	struct ask *a = ask_new(w, r);
	char token[WEB_FORM_CAP], login[WEB_STATE_CAP];
	bool ok = web_cookie_find(span_str(r->cookie), a->cookie) == 0 && web_form_get(r->body, "token", token, sizeof(token)) == 0;

	if (ok && field != NULL)
		ok = web_form_get(r->body, field, login, sizeof(login)) == 0;
	else if (ok)
		ok = code_of(r, login) == 0;
	if (!ok || !web_form_token_ok(w->key, a->cookie, login, purpose, token)) {
		not_this_browser(a, purpose);
		return NULL;
	}
	if (strcmp(purpose, "confirm") != 0) {
		(void)str_copy(a->code, sizeof(a->code), login);
		return a;
	}
	if (web_state_open(w->key, a->cookie, span_str(login), a->code) != 0) {
		not_this_browser(a, "state");
		return NULL;
	}
	(void)str_copy(a->state, sizeof(a->state), login);
	return a;
}

/* --- POST /l/CODE --- */

static void begun(struct ask *a, const struct ipc_msg *m)
{
	struct page p = {.gateway = a->w->gateway};
	char url[2048], host[200];

	if (ipc_get_str(m, "url", url, sizeof(url)) != 0 || page_host(url, host, sizeof(host)) != 0) {
		log_error("web-bad-url");
		problem(a->w, a->r, 502, "The login failed", "The identity provider's address cannot be used.", "");
		return;
	}
	page_leave(&a->w->page, &p, url);
	html(a, 200);
}

static void post_login(struct web *w, struct http_req *r)
{
	struct ask *a = form_begin(w, r, NULL, "begin");

	if (a == NULL)
		return;
	web_state_new(w->key, a->cookie, a->code, a->state);
	ipc_str(question(a, IPC_WEB_BEGIN, begun), "state", a->state);
	send_question(a, PROVIDER_MS);
}

/* --- GET /cb --- */

static void show_confirm(struct ask *a, const struct ipc_msg *m, int status)
{
	char token[WEB_FORM_CAP], refuse[WEB_FORM_CAP];
	struct told t;
	struct page p = told(a, m, &t);

	web_form_token(a->w->key, a->cookie, a->state, "confirm", token);
	web_form_token(a->w->key, a->cookie, a->code, "cancel", refuse);
	p.token = token;
	p.refuse = refuse;
	page_confirm(&a->w->page, &p, a->tries);
	html(a, status);
}

static void called_back(struct ask *a, const struct ipc_msg *m)
{
	show_confirm(a, m, 200);
}

/* Absent is fine and ""; what is broken or too long makes the whole answer unusable. */
static bool optional(struct span query, const char *name, char *out, size_t cap)
{
	int rc = web_form_get(query, name, out, cap);

	return rc == 0 || rc == E_NOTFOUND;
}

static void get_callback(struct web *w, struct http_req *r)
{
	struct ask *a = ask_new(w, r);
	char state[WEB_STATE_CAP], answer[4096], error[128], iss[600];
	struct buf *b;

	if (web_form_get(r->query, "state", state, sizeof(state)) != 0 || web_cookie_find(span_str(r->cookie), a->cookie) != 0 ||
	    web_state_open(w->key, a->cookie, span_str(state), a->code) != 0) {
		not_this_browser(a, "state");
		return;
	}
	if (!optional(r->query, "code", answer, sizeof(answer)) || !optional(r->query, "error", error, sizeof(error)) ||
	    !optional(r->query, "iss", iss, sizeof(iss)) || (answer[0] == '\0') == (error[0] == '\0')) {
		problem(w, r, 400, "The answer cannot be used", "The identity provider sent you back with an answer that makes no sense.",
		    "Open the address from your terminal again.");
		ask_free(a);
		return;
	}
	(void)str_copy(a->state, sizeof(a->state), state);
	b = question(a, IPC_WEB_CALLBACK, called_back);
	ipc_str(b, "state", state);
	ipc_str(b, "answer", answer);
	ipc_str(b, "error", error);
	ipc_str(b, "iss", iss);
	send_question(a, PROVIDER_MS);
	mem_wipe(answer, sizeof(answer));
}

/* --- POST /confirm --- */

static void looked_again(struct ask *a, const struct ipc_msg *m)
{
	show_confirm(a, m, 403);
}

static void confirmed(struct ask *a, const struct ipc_msg *m)
{
	struct told t;
	struct page p;

	if (ipc_type_of(m) != IPC_OK) { /* wrong digits, and more tries */
		a->tries = (int)ipc_get_int(m, "tries", 0);
		(void)question(a, IPC_WEB_LOOK, looked_again);
		send_question(a, ASK_MS);
		return;
	}
	p = told(a, m, &t);
	page_done(&a->w->page, &p);
	html(a, 200);
}

static void post_confirm(struct web *w, struct http_req *r)
{
	struct ask *a = form_begin(w, r, "state", "confirm");
	char typed[32], digits[32];
	size_t n = 0;

	if (a == NULL)
		return;
	if (web_form_get(r->body, "digits", typed, sizeof(typed)) != 0)
		typed[0] = '\0'; /* wrong like any other */
	for (size_t i = 0; typed[i] != '\0'; i++)
		if (typed[i] != ' ' && typed[i] != '-') /* shown with gaps, typed with gaps */
			digits[n++] = typed[i];
	digits[n] = '\0';
	struct buf *b = question(a, IPC_WEB_CONFIRM, confirmed);

	ipc_str(b, "state", a->state);
	ipc_str(b, "digits", digits);
	send_question(a, PROVIDER_MS);
}

/* --- POST /cancel --- */

static void refused(struct ask *a, const struct ipc_msg *m)
{
	struct page p = {.gateway = a->w->gateway};

	(void)m;
	page_refused(&a->w->page, &p);
	html(a, 200);
}

static void post_cancel(struct web *w, struct http_req *r)
{
	struct ask *a = form_begin(w, r, "code", "cancel");

	if (a == NULL)
		return;
	(void)question(a, IPC_WEB_REFUSE, refused);
	send_question(a, ASK_MS);
}

/* --- the rest --- */

static void told_hosts(struct ask *a, const struct ipc_msg *m)
{
	buf_put_span(&a->w->page, ipc_get_span(m, "text"));
	reply(a->w, a->r, 200, PLAIN, NULL, NULL);
}

static void get_hosts(struct web *w, struct http_req *r)
{
	struct ask *a = ask_new(w, r);

	(void)question(a, IPC_WEB_HOSTS, told_hosts);
	send_question(a, ASK_MS);
}

static void get_health(struct web *w, struct http_req *r)
{
	buf_put_str(&w->page, "ok\n");
	reply(w, r, 200, PLAIN, NULL, NULL);
}

/* --- routes --- */

static const struct route {
	unsigned methods;
	const char *path;
	bool prefix;
	void (*fn)(struct web *w, struct http_req *r);
} routes[] = {
    {HTTP_GET | HTTP_HEAD, "/l/", true, get_login},
    {HTTP_POST, "/l/", true, post_login},
    {HTTP_GET, "/cb", false, get_callback},
    {HTTP_POST, "/confirm", false, post_confirm},
    {HTTP_POST, "/cancel", false, post_cancel},
    {HTTP_GET | HTTP_HEAD, "/.well-known/ssh-known-hosts", false, get_hosts},
    {HTTP_GET | HTTP_HEAD, "/healthz", false, get_health},
};

static const struct {
	int status;
	const char *title, *text;
} faults[] = {
    {400, "Not understood", "The request is malformed."},
    {403, "Not from another site", "Forms are taken from this gateway's own pages only."},
    {405, "Not that way", "This page does not take that method."},
    {411, "Not understood", "A form must say how long it is."},
    {413, "Too long", "The form is longer than any of ours."},
    {415, "Not understood", "This is not a form."},
    {431, "Too long", "The request has more in its head than any of ours needs."},
    {505, "Not understood", "This is not HTTP/1.1."},
};

static void fault(struct web *w, struct http_req *r, int status, const char *allow)
{
	size_t i = 0;

	while (i < sizeof(faults) / sizeof(faults[0]) - 1 && faults[i].status != status)
		i++;
	page_problem(&w->page, w->gateway, faults[i].title, faults[i].text, "");
	reply(w, r, status, HTML, NULL, allow);
}

static bool path_is(const struct route *t, struct span path)
{
	size_t n = strlen(t->path);

	return path.n >= n && memcmp(path.p, t->path, n) == 0 && (t->prefix || path.n == n);
}

static const char *allowed(unsigned methods)
{
	return methods == (HTTP_GET | HTTP_HEAD | HTTP_POST) ? "GET, HEAD, POST"
	       : methods == (HTTP_GET | HTTP_HEAD)	     ? "GET, HEAD"
	       : methods == HTTP_GET			     ? "GET"
							     : "POST";
}

/* A form of a page of ours, as far as the browser tells. */
static int form_fault(const struct http_req *r)
{
	const char *rest = r->type + strlen(FORM_TYPE);

	if (strncmp(r->type, FORM_TYPE, strlen(FORM_TYPE)) != 0 || (*rest != '\0' && *rest != ';'))
		return 415;
	return r->site[0] == '\0' || strcmp(r->site, "same-origin") == 0 || strcmp(r->site, "none") == 0 ? 0 : 403;
}

static void on_request(void *ctx, struct http_req *r)
{
	struct web *w = ctx;
	const struct route *hit = NULL;
	unsigned methods = 0;
	int rc = r->fault;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (path_is(&routes[i], r->path)) {
			methods |= routes[i].methods;
			hit = (routes[i].methods & (unsigned)r->method) != 0 ? &routes[i] : hit;
		}
	if (rc == 0 && methods != 0 && hit == NULL)
		rc = 405;
	if (rc == 0 && hit != NULL && r->method == HTTP_POST)
		rc = form_fault(r);
	if (rc == 405)
		fault(w, r, rc, allowed(methods != 0 ? methods : HTTP_GET | HTTP_HEAD));
	else if (rc != 0)
		fault(w, r, rc, NULL);
	else if (hit != NULL && w->monitor == NULL && hit->fn != get_health) /* we are about to end */
		problem(w, r, 503, "The gateway is busy", "It is about to stop or to start again.", "Try again in a moment.");
	else if (hit != NULL)
		hit->fn(w, r);
	else
		problem(w, r, 404, "Nothing here", "The addresses of logins are shown by ssh.", "");
}

/* --- life --- */

static void over(void *ctx)
{
	struct web *w = ctx;

	loop_stop(w->loop, 0);
}

static void on_monitor(void *ctx, const struct ipc_msg *m, size_t len, int err, int *fds, size_t nfds)
{
	struct web *w = ctx;

	(void)len;
	(void)fds;
	(void)nfds;
	if (m != NULL) {
		(void)calls_answer(&w->calls, m); /* late ones have nobody waiting */
		return;
	}
	log_debug("web-end", "why", err_str(err));
	calls_fail(&w->calls);
	chan_free(w->monitor);
	w->monitor = NULL;
	(void)loop_after(w->loop, DRAIN_MS, over, w);
	http_drain(w->http, over, w);
}

static int start(struct web *w, const struct web_params *p, struct why *w_out)
{
	struct http_params h = {.loop = w->loop, .n_sockets = p->n_sockets, .cert = p->cert, .key = p->key, .fn = on_request,
		.ctx = w};

	memcpy(h.sockets, p->sockets, sizeof(h.sockets));
	w->http = http_new(&h, w_out);
	if (w->http == NULL)
		return w_out->code;
	w->monitor = chan_new(w->loop, p->sock, QUEUE, on_monitor, w);
	if (w->monitor == NULL)
		return why_set(w_out, E_INTERNAL, "the socket to the monitor cannot be watched");
	return p->enter != NULL ? p->enter(p->enter_ctx, w_out) : 0;
}

int web_run(const struct web_params *p)
{
	struct web w = {.loop = loop_new(), .gateway = p->gateway};
	struct why why = {0};
	int rc;

	if (w.loop == NULL)
		return 1;
	crypto_random(w.key, sizeof(w.key));
	buf_init(&w.out, IPC_MAX);
	buf_init(&w.page, PAGE_MAX);
	(void)page_policy();
	rc = start(&w, p, &why);
	if (rc == 0) {
		log_info("web-start", "sockets", log_num(p->n_sockets), "tls", p->cert.n > 0 ? "yes" : "no");
		rc = loop_run(w.loop);
	} else {
		log_error("web-not-started", "why", why.text, "hint", why.hint);
	}
	http_free(w.http);
	chan_free(w.monitor);
	calls_drop(&w.calls);
	loop_free(w.loop);
	buf_wipe(&w.out);
	buf_clear(&w.page);
	mem_wipe(w.key, sizeof(w.key));
	return rc == 0 ? 0 : 1;
}
