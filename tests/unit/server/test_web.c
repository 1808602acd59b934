/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages, asked over real sockets of a real web process in its sandbox; the monitor is played (webrig.h).
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/web_form.h"
#include "server/web_http.h"
#include "server/web_page.h"
#include "server/web_token.h"
#include "webrig.h"

static struct webrig rig;
static struct webpage page;

static void up(void)
{
	webrig_up(&rig, false);
}

static void up_tls(void)
{
	webrig_up(&rig, true);
}

static void down(void)
{
	webpage_clear(&page);
	cr_expect(eq(int, webrig_down(&rig), 0));
}

static void get(const char *path, const char *cookie)
{
	webpage_clear(&page);
	cr_assert(web_get(&rig, path, cookie, &page), "no answer to GET %s", path);
}

static void post(const char *path, const char *cookie, const char *form)
{
	webpage_clear(&page);
	cr_assert(web_post(&rig, path, cookie, form, &page), "no answer to POST %s", path);
}

static bool says(const char *text)
{
	return strstr(page.body, text) != NULL;
}

#define EXPECT_STATUS(n) cr_expect(eq(int, page.status, (n)), "%.300s", page.head)
#define EXPECT_SAYS(text) cr_expect(says(text), "\"%s\" is not in: %s", (text), page.body)
#define EXPECT_NOT(text) cr_expect(not(says(text)), "\"%s\" is in: %s", (text), page.body)

/* What a browser does: each step leaves its page. */
static char cookie[RIG_COOKIE_CAP], form[1000], state[200], token[100];

static void open_login(void)
{
	get("/l/" RIG_CODE, "");
	EXPECT_STATUS(200);
	(void)snprintf(cookie, sizeof(cookie), "%s", page.cookie);
	cr_assert(web_input(&page, "/l/" RIG_CODE, "token", token, sizeof(token)));
}

static void go_on(void)
{
	open_login();
	(void)snprintf(form, sizeof(form), "token=%s", token);
	post("/l/" RIG_CODE, cookie, form);
	EXPECT_STATUS(200);
	(void)snprintf(state, sizeof(state), "%s", rig.token);
}

static void come_back(void)
{
	char path[400];

	go_on();
	(void)snprintf(path, sizeof(path), "/cb?code=answer%%2F1&state=%s&iss=https%%3A%%2F%%2Fidp.example.com", state);
	get(path, cookie);
	EXPECT_STATUS(200);
	cr_assert(web_input(&page, "/confirm", "token", token, sizeof(token)));
}

static void confirm(const char *digits)
{
	(void)snprintf(form, sizeof(form), "state=%s&token=%s&digits=%s", state, token, digits);
	post("/confirm", cookie, form);
}

/* --- the way through --- */

Test(web, first_page, .init = up, .fini = down)
{
	open_login();
	EXPECT_SAYS("SHA256:Zk3vExample");
	EXPECT_SAYS("203.0.113.9");
	EXPECT_SAYS("Log in to lab");
	EXPECT_SAYS("<dd>alice</dd>");
	EXPECT_SAYS("4:10 left");
	EXPECT_SAYS("Continue to idp.example.com");
	EXPECT_SAYS("Only continue if you started this ssh login yourself");
	EXPECT_NOT("<script");
	EXPECT_NOT("alice@example.com");
	cr_expect(eq(str, rig.code, RIG_CODE));
	cr_expect(eq(str, rig.addr, "127.0.0.1"));
}

Test(web, code_is_typed_as_people_type, .init = up, .fini = down)
{
	get("/l/wdjb-mjht", "");
	EXPECT_STATUS(200);
	get("/l/wdjbmjht", "");
	EXPECT_STATUS(200);
	rig.asks = 0;
	get("/l/WDJB-MJHA", "");
	EXPECT_STATUS(404);
	get("/l/WDJB-MJHTT", "");
	EXPECT_STATUS(404);
	get("/l/", "");
	EXPECT_STATUS(404);
	cr_expect(eq(int, rig.asks, 0), "malformed codes are not asked for");
	get("/l/BBBB-BBBB", "");
	EXPECT_STATUS(404);
	EXPECT_SAYS("There is no such login");
}

Test(web, login, .init = up, .fini = down)
{
	go_on();
	EXPECT_SAYS("<meta http-equiv=\"refresh\" content=\"0;url=https://idp.example.com/auth?client_id=a&amp;state=b\">");
	EXPECT_SAYS("href=\"https://idp.example.com/auth?client_id=a&amp;state=b\"");
	cr_expect(eq(int, strncmp(state, RIG_CODE ".", 10), 0), "the code travels in the state: %s", state);
	come_back();
	cr_expect(eq(str, rig.answer, "answer/1"));
	cr_expect(eq(str, rig.iss, "https://idp.example.com"));
	EXPECT_SAYS("alice@example.com");
	EXPECT_SAYS("SHA256:Zk3vExample");
	EXPECT_SAYS("203.0.113.9");
	EXPECT_SAYS("name=\"digits\"");
	confirm("7+3+9+1");
	EXPECT_STATUS(200);
	cr_expect(eq(str, rig.digits, "7391"));
	EXPECT_SAYS("You are logged in");
	EXPECT_SAYS("alice@example.com");
	get("/l/" RIG_CODE, cookie);
	EXPECT_STATUS(410);
	EXPECT_SAYS("This login is finished");
}

Test(web, wrong_digits, .init = up, .fini = down)
{
	come_back();
	confirm("0000");
	EXPECT_STATUS(403);
	EXPECT_SAYS("2 tries left");
	cr_assert(web_input(&page, "/confirm", "token", token, sizeof(token)), "it can be tried again");
	confirm("");
	EXPECT_STATUS(403);
	EXPECT_SAYS("1 try left");
	confirm("12345678");
	EXPECT_STATUS(429);
	EXPECT_SAYS("That is not the code.");
	EXPECT_NOT("name=\"digits\"");
}

Test(web, cancel_from_both_pages, .init = up, .fini = down)
{
	open_login();
	cr_assert(web_input(&page, "/cancel", "token", token, sizeof(token)));
	(void)snprintf(form, sizeof(form), "code=" RIG_CODE "&token=%s", token);
	post("/cancel", cookie, form);
	EXPECT_STATUS(200);
	cr_expect(eq(int, rig.last, IPC_WEB_REFUSE));
	EXPECT_SAYS("The login is cancelled");
	rig.state = "wait";
	come_back();
	cr_assert(web_input(&page, "/cancel", "token", token, sizeof(token)));
	(void)snprintf(form, sizeof(form), "code=" RIG_CODE "&token=%s", token);
	post("/cancel", cookie, form);
	EXPECT_STATUS(200);
	cr_expect(eq(int, rig.last, IPC_WEB_REFUSE));
}

Test(web, provider_says_no, .init = up, .fini = down)
{
	char path[400];

	go_on();
	(void)snprintf(path, sizeof(path), "/cb?error=access_denied&state=%s", state);
	get(path, cookie);
	EXPECT_STATUS(403);
	cr_expect(eq(str, rig.error, "access_denied"));
	EXPECT_SAYS("The identity provider refused the login.");
	rig.asks = 0;
	(void)snprintf(path, sizeof(path), "/cb?error=a&code=b&state=%s", state);
	get(path, cookie);
	EXPECT_STATUS(400);
	(void)snprintf(path, sizeof(path), "/cb?state=%s", state);
	get(path, cookie);
	EXPECT_STATUS(400);
	cr_expect(eq(int, rig.asks, 0));
}

/* --- who may do what --- */

Test(web, forms_need_their_token, .init = up, .fini = down)
{
	char other[RIG_COOKIE_CAP], good[1000];

	open_login();
	(void)snprintf(good, sizeof(good), "token=%s", token);
	get("/l/" RIG_CODE, "");
	(void)snprintf(other, sizeof(other), "%s", page.cookie);
	cr_expect(ne(str, other, cookie));
	rig.asks = 0;
	post("/l/" RIG_CODE, "", good);
	EXPECT_STATUS(403);
	post("/l/" RIG_CODE, other, good);
	EXPECT_STATUS(403);
	post("/l/" RIG_CODE, cookie, "");
	EXPECT_STATUS(403);
	post("/l/" RIG_CODE, cookie, "token=");
	EXPECT_STATUS(403);
	good[10] = good[10] == 'a' ? 'b' : 'a';
	post("/l/" RIG_CODE, cookie, good);
	EXPECT_STATUS(403);
	EXPECT_SAYS("Not from this browser");
	good[10] = token[4];
	(void)snprintf(good, sizeof(good), "token=%s&token=%s", token, token);
	post("/l/" RIG_CODE, cookie, good);
	EXPECT_STATUS(403);
	/* of another login, for another purpose */
	(void)snprintf(good, sizeof(good), "token=%s", token);
	post("/l/BBBB-BBBB", cookie, good);
	EXPECT_STATUS(403);
	(void)snprintf(good, sizeof(good), "code=" RIG_CODE "&token=%s", token);
	post("/cancel", cookie, good);
	EXPECT_STATUS(403);
	cr_expect(eq(int, rig.asks, 0), "nothing of this reaches the monitor");
}

Test(web, state_is_of_this_browser, .init = up, .fini = down)
{
	char path[400], other[RIG_COOKIE_CAP], forged[200];

	go_on();
	get("/l/" RIG_CODE, "");
	(void)snprintf(other, sizeof(other), "%s", page.cookie);
	rig.asks = 0;
	(void)snprintf(path, sizeof(path), "/cb?code=x&state=%s", state);
	get(path, "");
	EXPECT_STATUS(403);
	get(path, other);
	EXPECT_STATUS(403);
	for (size_t i = 0; i < strlen(state); i += 7) {
		(void)snprintf(forged, sizeof(forged), "%s", state);
		forged[i] = forged[i] == '0' ? '1' : '0';
		(void)snprintf(path, sizeof(path), "/cb?code=x&state=%s", forged);
		get(path, cookie);
		EXPECT_STATUS(403);
	}
	(void)snprintf(path, sizeof(path), "/cb?code=x&state=%.60s", state);
	get(path, cookie);
	EXPECT_STATUS(403);
	get("/cb?code=x", cookie);
	EXPECT_STATUS(403);
	cr_expect(eq(int, rig.asks, 0));
}

Test(web, every_trip_has_its_state, .init = up, .fini = down)
{
	char path[400], first[200];

	go_on();
	(void)snprintf(first, sizeof(first), "%s", state);
	(void)snprintf(form, sizeof(form), "token=%s", token);
	post("/l/" RIG_CODE, cookie, form); /* the second tab, or the back button */
	EXPECT_STATUS(200);
	cr_expect(ne(str, first, rig.token));
	(void)snprintf(path, sizeof(path), "/cb?code=x&state=%s", first);
	get(path, cookie);
	EXPECT_STATUS(409);
	EXPECT_SAYS("This login went on already");
}

/* Whoever started the ssh command has the address and the digits; the page with the form is for the browser that logged in. */
Test(web, digits_in_another_browser, .init = up, .fini = down)
{
	char good[100];

	come_back();
	(void)snprintf(good, sizeof(good), "%s", token);
	get("/l/" RIG_CODE, "");
	EXPECT_STATUS(409);
	EXPECT_SAYS("Somebody has logged in here");
	EXPECT_NOT("name=\"digits\"");
	EXPECT_NOT("alice@example.com");
	cr_expect(eq(str, page.cookie, ""));
	rig.asks = 0;
	(void)snprintf(form, sizeof(form), "state=%s&token=%s&digits=7391", state, good);
	post("/confirm", WEB_COOKIE "=000000000000000000000000000000000000000000000000", form);
	EXPECT_STATUS(403);
	post("/confirm", "", form);
	EXPECT_STATUS(403);
	(void)snprintf(form, sizeof(form), "state=%.99s&token=%.63s%c&digits=7391", state, good, good[63] == '0' ? '1' : '0');
	post("/confirm", cookie, form);
	EXPECT_STATUS(403);
	cr_expect(eq(int, rig.asks, 0));
}

/* --- what goes in shows as text --- */

Test(web, nothing_is_reflected_as_html, .init = up, .fini = down)
{
	static const char evil[] = "<img src=x onerror=alert(1)>\"'&";
	char path[600];

	rig.asked = rig.user = rig.gateway = evil;
	open_login();
	EXPECT_NOT("<img");
	EXPECT_SAYS("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;");
	come_back();
	EXPECT_NOT("<img");
	EXPECT_SAYS("&lt;img src=x");
	confirm("<img>");
	EXPECT_NOT("<img");
	static const char *const paths[] = {"/<script>alert(1)</script>", "/l/<script>", "/l/%3Cscript%3E", "/cb?state=<script>",
	    "/cb?error=<script>alert(1)</script>", "/?<script>", "/l/" RIG_CODE "?x=<script>"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		get(paths[i], cookie);
		EXPECT_NOT("<script");
	}
	rig.state = "wait";
	go_on();
	(void)snprintf(path, sizeof(path), "/cb?error=%%3Cscript%%3E&error_description=%%3Cscript%%3E&state=%s", state);
	get(path, cookie);
	EXPECT_NOT("<script");
	cr_expect(eq(str, rig.error, "<script>"));
}

Test(web, urls_of_the_provider, .init = up, .fini = down)
{
	static const char *const bad[] = {"javascript:alert(1)", "data:text/html,x", "https://a\"onclick=x", "http://", "https://a@b/",
	    "ftp://a/", "https://a/ b", "//a/b", ""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig.url = bad[i];
		open_login();
		(void)snprintf(form, sizeof(form), "token=%s", token);
		post("/l/" RIG_CODE, cookie, form);
		EXPECT_STATUS(502);
		EXPECT_NOT("refresh");
	}
}

/* --- headers --- */

static void expect_header(const char *name, const char *want)
{
	char got[600];

	web_header(&page, name, got, sizeof(got));
	cr_expect(eq(str, got, (char *)want), "%s: \"%s\"", name, got);
}

static void expect_headers(void)
{
	char csp[400];

	expect_header("X-Content-Type-Options", "nosniff");
	expect_header("X-Frame-Options", "DENY");
	expect_header("Referrer-Policy", "no-referrer");
	expect_header("Cache-Control", "no-store");
	expect_header("Strict-Transport-Security", "max-age=31536000");
	expect_header("Cross-Origin-Opener-Policy", "same-origin");
	expect_header("Connection", "close");
	web_header(&page, "Content-Security-Policy", csp, sizeof(csp));
	cr_expect(eq(str, csp, (char *)page_policy()));
	cr_expect(ne(ptr, strstr(csp, "default-src 'none'; style-src 'sha256-"), NULL));
	cr_expect(ne(ptr, strstr(csp, "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"), NULL));
}

Test(web, headers_of_every_answer, .init = up, .fini = down)
{
	static const char *const paths[] = {"/l/" RIG_CODE, "/l/x", "/", "/cb", "/confirm", "/healthz", "/.well-known/ssh-known-hosts"};
	char set[300], want[400];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		get(paths[i], "");
		expect_headers();
	}
	expect_header("Content-Type", "text/plain; charset=utf-8");
	cr_expect(eq(str, (char *)page.body, "lab ssh-ed25519 AAAA\n"));
	open_login();
	expect_headers();
	expect_header("Content-Type", "text/html; charset=utf-8");
	web_header(&page, "Set-Cookie", set, sizeof(set));
	(void)snprintf(want, sizeof(want), "%s; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax", cookie);
	cr_expect(eq(str, set, want));
	get("/l/" RIG_CODE, cookie);
	expect_header("Set-Cookie", "");
	come_back();
	expect_headers();
	confirm("7391");
	expect_headers();
}

Test(web, methods_and_paths, .init = up, .fini = down)
{
	static const struct {
		const char *request;
		int status;
		const char *allow;
	} c[] = {
	    {"POST /cb HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, "GET"},
	    {"GET /confirm HTTP/1.1\r\nHost: a\r\n\r\n", 405, "POST"},
	    {"GET /cancel HTTP/1.1\r\nHost: a\r\n\r\n", 405, "POST"},
	    {"HEAD /cb HTTP/1.1\r\nHost: a\r\n\r\n", 405, "GET"},
	    {"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, "GET, HEAD"},
	    {"PUT /l/" RIG_CODE " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, "GET, HEAD, POST"},
	    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, ""},
	    {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "GET, HEAD"},
	    {"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n", 405, "GET, HEAD"},
	    {"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, ""},
	    {"GET /healthz HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n\r\n", 200, ""},
	    {"GET /healthz/ HTTP/1.1\r\nHost: a\r\n\r\n", 404, ""},
	    {"GET /HEALTHZ HTTP/1.1\r\nHost: a\r\n\r\n", 404, ""},
	    {"GET /%68ealthz HTTP/1.1\r\nHost: a\r\n\r\n", 404, ""},
	    {"GET http://evil/healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400, ""},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		webpage_clear(&page);
		cr_assert(web_raw(&rig, NULL, span_str(c[i].request), &page));
		cr_expect(eq(int, page.status, c[i].status), "%s: %.200s", c[i].request, page.head);
		expect_header("Allow", c[i].allow);
	}
	webpage_clear(&page);
	cr_assert(web_raw(&rig, NULL, span_str("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), &page));
	EXPECT_STATUS(200);
	cr_expect(eq(str, (char *)page.body, ""));
}

static void expect_raw(const char *request, int status)
{
	webpage_clear(&page);
	cr_assert(web_raw(&rig, NULL, span_str(request), &page), "%.80s", request);
	cr_expect(eq(int, page.status, status), "%.120s: %.200s", request, page.head);
}

#define POST_HEAD "POST /confirm HTTP/1.1\r\nHost: a\r\n"
#define FORM      "Content-Type: application/x-www-form-urlencoded\r\n"

Test(web, bodies, .init = up, .fini = down)
{
	expect_raw(POST_HEAD FORM "\r\n", 411);
	expect_raw(POST_HEAD FORM "Content-Length: 4097\r\n\r\n", 413);
	expect_raw(POST_HEAD FORM "Content-Length: 99999999999999999999\r\n\r\n", 413);
	expect_raw(POST_HEAD FORM "Content-Length: 2\r\nContent-Length: 3\r\n\r\nab", 400);
	expect_raw(POST_HEAD FORM "Content-Length: -1\r\n\r\n", 400);
	expect_raw(POST_HEAD FORM "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 400);
	expect_raw(POST_HEAD "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nab", 415);
	expect_raw(POST_HEAD "Content-Type: application/x-www-form-urlencodedx\r\nContent-Length: 2\r\n\r\nab", 415);
	expect_raw(POST_HEAD "Content-Length: 2\r\n\r\nab", 415);
	expect_raw(POST_HEAD FORM "Sec-Fetch-Site: cross-site\r\nContent-Length: 2\r\n\r\nab", 403);
	EXPECT_SAYS("Not from another site");
	expect_raw(POST_HEAD FORM "Sec-Fetch-Site: same-site\r\nContent-Length: 2\r\n\r\nab", 403);
	EXPECT_SAYS("Not from another site");
	expect_raw(POST_HEAD FORM "Sec-Fetch-Site: same-origin\r\nContent-Length: 2\r\n\r\nab", 403);
	EXPECT_SAYS("Not from this browser");
	expect_raw("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", 400);
	expect_raw("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
	cr_expect(eq(int, rig.asks, 0));
}

Test(web, long_heads, .init = up, .fini = down)
{
	static char b[40000], x[30000];

	memset(x, 'x', sizeof(x) - 1);
	(void)snprintf(b, sizeof(b), "GET /healthz HTTP/1.1\r\nHost: a\r\nX: %.8200s\r\n\r\n", x);
	expect_raw(b, 431);
	(void)snprintf(b, sizeof(b), "GET /%.8200s HTTP/1.1\r\nHost: a\r\n\r\n", x);
	expect_raw(b, 431);
	(void)snprintf(b, sizeof(b), "GET /healthz HTTP/1.1\r\nHost: a\r\nX: %.7000s\r\n\r\n", x);
	expect_raw(b, 200);
	(void)snprintf(b, sizeof(b), "GET /healthz HTTP/1.1\r\nHost: a\r\nX: %.29000s\r\n\r\n", x);
	webpage_clear(&page);
	cr_expect(web_raw(&rig, NULL, span_str(b), &page));
	cr_expect(page.status == 431 || page.status == 413 || page.status == 0, "%d", page.status);
	expect_raw("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 200);
}

Test(web, garbage, .init = up, .fini = down)
{
	static const char *const bad[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	    "GET / HTTP/9.9\r\n\r\n", "GET /l/\x01\x02 HTTP/1.1\r\nHost: a\r\n\r\n", ": :\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost\r\n\r\n", "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nA: \xff\xfe\r\n\r\n"};
	uint8_t noise[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = web_connect(&rig, NULL);

		cr_expect(send(fd, bad[i], strlen(bad[i]), MSG_NOSIGNAL) > 0);
		close(fd);
	}
	srandom(7);
	for (int k = 0; k < 100; k++) {
		int fd = web_connect(&rig, NULL);

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)random();
		(void)send(fd, noise, sizeof(noise), MSG_NOSIGNAL);
		close(fd);
	}
	expect_raw("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 200);
}

/* --- whose address --- */

Test(web, proxy_of_this_machine, .init = up, .fini = down)
{
	static const struct {
		const char *header, *addr;
	} c[] = {
	    {"X-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7"},
	    {"X-Forwarded-For: 1.1.1.1, 198.51.100.7\r\n", "198.51.100.7"},
	    {"X-Forwarded-For: 1.1.1.1 ,2001:db8::1 \r\n", "2001:db8::1"},
	    {"X-Forwarded-For: 198.51.100.7, junk\r\n", "127.0.0.1"},
	    {"X-Forwarded-For: 198.51.100.7:80\r\n", "127.0.0.1"},
	    {"X-Forwarded-For:\r\n", "127.0.0.1"},
	    {"X-Real-IP: 198.51.100.7\r\n", "127.0.0.1"},
	    {"Forwarded: for=198.51.100.7\r\n", "127.0.0.1"},
	};
	char b[400];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		(void)snprintf(b, sizeof(b), "GET /l/" RIG_CODE " HTTP/1.1\r\nHost: a\r\n%s\r\n", c[i].header);
		expect_raw(b, 200);
		cr_expect(eq(str, rig.addr, (char *)c[i].addr), "%s", c[i].header);
	}
}

Test(web, no_proxy_with_tls, .init = up_tls, .fini = down)
{
	expect_raw("GET /l/" RIG_CODE " HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n", 200);
	cr_expect(eq(str, rig.addr, "127.0.0.1"));
}

Test(web, login_with_tls, .init = up_tls, .fini = down)
{
	come_back();
	confirm("7391");
	EXPECT_STATUS(200);
	EXPECT_SAYS("You are logged in");
}

/* --- many, and slow --- */

static void idle(bool tls, const char *first)
{
	int fds[200], open = 0;
	int64_t t;

	webrig_up(&rig, tls);
	for (int i = 0; i < 200; i++) {
		fds[i] = web_connect(&rig, NULL);
		(void)send(fds[i], first, strlen(first), MSG_NOSIGNAL);
	}
	t = clock_mono_us();
	rig.tls = tls;
	webpage_clear(&page);
	cr_assert(web_raw(&rig, "127.0.0.2", span_str("GET /l/" RIG_CODE " HTTP/1.1\r\nHost: a\r\n\r\n"), &page));
	EXPECT_STATUS(200);
	cr_expect(lt(i64, clock_mono_us() - t, 1000000));
	for (int i = 0; i < 200; i++) {
		char b[64];

		open += recv(fds[i], b, sizeof(b), MSG_DONTWAIT) < 0 && errno == EAGAIN;
		close(fds[i]);
	}
	cr_expect(eq(int, open, tls ? HTTP_PER_SOURCE : 200), "of one address, unless a proxy is in front");
}

/* Without TLS a proxy is in front, which may have many connections: the slowest go when there are too many. */
Test(web, more_connections_than_there_is_room, .fini = down)
{
	int fds[HTTP_CONNS + 100];

	webrig_up(&rig, false);
	for (int i = 0; i < HTTP_CONNS + 100; i++) {
		fds[i] = web_connect(&rig, NULL);
		(void)send(fds[i], "GET /", 5, MSG_NOSIGNAL);
	}
	expect_raw("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 200);
	for (int i = 0; i < HTTP_CONNS + 100; i++)
		close(fds[i]);
}

Test(web, idle_connections, .fini = down)
{
	idle(false, "");
}

Test(web, idle_tls_connections, .fini = down)
{
	idle(true, "");
}

Test(web, half_hellos, .fini = down)
{
	idle(true, "\x16\x03\x01");
}

/* A byte now and then keeps no connection alive. */
static void slow(const char *first, bool more)
{
	int fd = web_connect(&rig, NULL);
	int64_t since = clock_mono_us();
	char b[64];

	(void)send(fd, first, strlen(first), MSG_NOSIGNAL);
	while (clock_mono_us() - since < 20 * 1000000LL) {
		(void)usleep(300000);
		if (recv(fd, b, sizeof(b), MSG_DONTWAIT) >= 0 || (more && send(fd, "x", 1, MSG_NOSIGNAL) != 1))
			break;
	}
	cr_expect(lt(i64, clock_mono_us() - since, 15 * 1000000LL), "%s", first);
	cr_expect(gt(i64, clock_mono_us() - since, 8 * 1000000LL), "%s", first);
	close(fd);
}

Test(web, slow_loris, .init = up, .fini = down)
{
	slow("GET /healthz HTTP/1.1\r\nX: ", true);
}

Test(web, silent_with_tls, .init = up_tls, .fini = down)
{
	slow("", false);
}

/* Clock ticks of the web process so far. */
static long cpu(void)
{
	char path[64], text[512] = "", *end;
	unsigned long user = 0, system = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)rig.pid);
	f = fopen(path, "r");
	cr_assert(ne(ptr, f, NULL));
	cr_assert(ne(sz, fread(text, 1, sizeof(text) - 1, f), 0));
	(void)fclose(f);
	end = strrchr(text, ')');
	cr_assert(ne(ptr, end, NULL));
	cr_assert(eq(int, sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system), 2));
	return (long)(user + system);
}

Test(web, half_a_hello_with_tls, .init = up_tls, .fini = down)
{
	long before = cpu();

	slow("\x16\x03\x01\x02", true);
	cr_expect(lt(long, cpu() - before, sysconf(_SC_CLK_TCK)), "it waits without turning");
}

/* --- the monitor --- */

#define LOOK "GET /l/" RIG_CODE " HTTP/1.1\r\nHost: a\r\n\r\n"

Test(web, monitor_is_silent, .init = up, .fini = down)
{
	rig.silent = true;
	int fd = web_connect(&rig, NULL);

	cr_assert(send(fd, LOOK, sizeof(LOOK) - 1, MSG_NOSIGNAL) > 0);
	get("/healthz", "");
	EXPECT_STATUS(200);
	close(fd);
}

Test(web, monitor_goes, .init = up)
{
	int fd = web_connect(&rig, NULL);
	char b[512];
	ssize_t n;

	rig.silent = true;
	cr_assert(send(fd, LOOK, sizeof(LOOK) - 1, MSG_NOSIGNAL) > 0);
	get("/healthz", "");
	for (int i = 0; i < 100 && rig.asks == 0; i++)
		get("/healthz", "");
	webpage_clear(&page);
	cr_expect(eq(int, webrig_down(&rig), 0), "it ends by itself");
	n = recv(fd, b, sizeof(b) - 1, 0);
	b[n > 0 ? n : 0] = '\0';
	cr_expect(ne(ptr, strstr(b, "HTTP/1.1 503"), NULL), "who waited is told: %s", b);
	close(fd);
}

/* --- parts --- */

static char *text_of(const char *in)
{
	static struct buf b;

	if (b.max == 0)
		buf_init(&b, 4096);
	buf_reset(&b);
	page_text(&b, span_str(in));
	return (char *)buf_cstr(&b);
}

Test(web_page, escaping)
{
	cr_expect(eq(str, text_of("a<b>&\"'c"), "a&lt;b&gt;&amp;&quot;&#39;c"));
	cr_expect(eq(str, text_of("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f"));
	cr_expect(eq(str, text_of("a\x1b[31m"), "a\\x1b[31m"));
	cr_expect(eq(str, text_of("\xff"), "\\xff"));
	cr_expect(eq(ptr, strstr(text_of("a\xe2\x80\xae" "b"), "\xe2\x80\xae"), NULL), "bidi");
}

Test(web_page, hosts)
{
	char h[32];

	cr_expect(eq(int, page_host("https://a.b:1/c?d", h, sizeof(h)), 0));
	cr_expect(eq(str, h, "a.b:1"));
	cr_expect(eq(int, page_host("http://127.0.0.1", h, sizeof(h)), 0));
	cr_expect(lt(int, page_host("https://a<b/", h, sizeof(h)), 0));
	cr_expect(lt(int, page_host("https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/", h, sizeof(h)), 0));
	cr_expect(lt(int, page_host(NULL, h, sizeof(h)), 0));
}

Test(web_form, fields)
{
	static const struct {
		const char *form, *want;
		int rc;
	} c[] = {
	    {"a=1", "1", 0},
	    {"b=2&a=1&c=3", "1", 0},
	    {"a=", "", 0},
	    {"a", "", 0},
	    {"", "", E_NOTFOUND},
	    {"aa=1", "", E_NOTFOUND},
	    {"a=1&a=1", "", E_FORMAT},
	    {"a=%41+%2b", "A +", 0},
	    {"a=%4", "", E_FORMAT},
	    {"a=%", "", E_FORMAT},
	    {"a=%zz", "", E_FORMAT},
	    {"a=%00", "", E_FORMAT},
	    {"a=%0a", "", E_FORMAT},
	    {"a=\x01", "", E_FORMAT},
	    {"a=%7f", "", E_FORMAT},
	    {"a=%ff", "", E_FORMAT},
	    {"a=%c3%bc", "\xc3\xbc", 0},
	    {"a=1234567", "1234567", 0},
	    {"a=12345678", "", E_TOOBIG},
	    {"&&=&a=1", "1", 0},
	};
	char out[8];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		cr_expect(eq(int, web_form_get(span_str(c[i].form), "a", out, sizeof(out)), c[i].rc), "%s", c[i].form);
		cr_expect(eq(str, out, (char *)c[i].want), "%s", c[i].form);
	}
}

Test(web_token, cookies)
{
	char a[WEB_COOKIE_CAP], b[WEB_COOKIE_CAP], h[400];

	web_cookie_new(a);
	web_cookie_new(b);
	cr_expect(ne(str, a, b));
	(void)snprintf(h, sizeof(h), "x=1; " WEB_COOKIE "=%s ; y=2", a);
	cr_expect(eq(int, web_cookie_find(span_str(h), b), 0));
	cr_expect(eq(str, a, b));
	(void)snprintf(h, sizeof(h), WEB_COOKIE "=%s;" WEB_COOKIE "=%s", a, a);
	cr_expect(eq(int, web_cookie_find(span_str(h), b), E_NOTFOUND));
	(void)snprintf(h, sizeof(h), "x" WEB_COOKIE "=%s", a);
	cr_expect(eq(int, web_cookie_find(span_str(h), b), E_NOTFOUND));
	(void)snprintf(h, sizeof(h), WEB_COOKIE "=%.47s", a);
	cr_expect(eq(int, web_cookie_find(span_str(h), b), E_NOTFOUND));
	(void)snprintf(h, sizeof(h), WEB_COOKIE "=%.47sG", a);
	cr_expect(eq(int, web_cookie_find(span_str(h), b), E_NOTFOUND));
	cr_expect(eq(int, web_cookie_find(span_str(""), b), E_NOTFOUND));
}

Test(web_token, states)
{
	uint8_t key[WEB_KEY_LEN] = {1}, other[WEB_KEY_LEN] = {2};
	char s[WEB_STATE_CAP], t[WEB_STATE_CAP], code[WEB_CODE_CAP];

	web_state_new(key, "cookie", RIG_CODE, s);
	web_state_new(key, "cookie", RIG_CODE, t);
	cr_expect(ne(str, s, t));
	cr_expect(eq(int, web_state_open(key, "cookie", span_str(s), code), 0));
	cr_expect(eq(str, code, RIG_CODE));
	cr_expect(eq(int, web_state_open(other, "cookie", span_str(s), code), E_DENIED));
	cr_expect(eq(int, web_state_open(key, "cookiE", span_str(s), code), E_DENIED));
	for (size_t i = 0; i <= strlen(s); i++)
		if (i < strlen(s))
			cr_expect(eq(int, web_state_open(key, "cookie", span_of(s, i), code), E_DENIED));
	for (size_t i = 0; i < strlen(s) * 8; i++) {
		memcpy(t, s, sizeof(t));
		t[i / 8] = (char)(t[i / 8] ^ (1 << (i % 8)));
		cr_expect(eq(int, web_state_open(key, "cookie", span_of(t, strlen(s)), code), E_DENIED), "bit %zu", i);
	}
}

Test(web_token, forms)
{
	uint8_t key[WEB_KEY_LEN] = {1};
	char a[WEB_FORM_CAP];

	web_form_token(key, "c", RIG_CODE, "begin", a);
	cr_expect(web_form_token_ok(key, "c", RIG_CODE, "begin", a));
	cr_expect(not(web_form_token_ok(key, "c", RIG_CODE, "cancel", a)));
	cr_expect(not(web_form_token_ok(key, "d", RIG_CODE, "begin", a)));
	cr_expect(not(web_form_token_ok(key, "c", "WDJB-MJHV", "begin", a)));
	cr_expect(not(web_form_token_ok(key, "c", RIG_CODE, "begin", "")));
	web_form_token(key, "ab", "c", "x", a);
	cr_expect(not(web_form_token_ok(key, "a", "bc", "x", a)));
}
