/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages' text. The way to the provider is a page of its own that forwards by itself, not a redirect of the form's answer:
 * browsers apply form-action to every hop of such a redirect, also to those between a provider and the one behind it, which nobody
 * can list beforehand.
 */
#include "server/web_page.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/crypto.h"

#define TEXT_MAX 4096

static const char css[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--paper:#f4f5f7;--card:#fff;--line:#d5d9de;--go:#1f5fbf;"
    "--warn:#7a4b00;--warnbg:#fff4dc;--bad:#a1260d;--badbg:#fdecea}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--dim:#9aa4ae;--paper:#14171a;--card:#1d2125;--line:#343a40;"
    "--go:#6ea8ff;--warn:#f0c674;--warnbg:#33290f;--bad:#ff9a88;--badbg:#3a1a15}}"
    "*{box-sizing:border-box}"
    "body{margin:0;padding:1rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}"
    "main{max-width:38rem;margin:6vh auto 2rem;padding:1.5rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:.75rem}"
    "h1{margin:0 0 1rem;font-size:1.4rem;line-height:1.25;overflow-wrap:anywhere}"
    "p{margin:.75rem 0}"
    "dl{margin:1rem 0;display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1rem}"
    "dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}"
    "@media(max-width:28rem){dl{display:block}dd{margin-bottom:.5rem}}"
    "code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}"
    ".who{font-weight:600}"
    ".warn,.bad{padding:.6rem .8rem;border-radius:.5rem;border-left:.3rem solid}"
    ".warn{background:var(--warnbg);color:var(--warn)}.bad{background:var(--badbg);color:var(--bad)}"
    ".acts{display:flex;flex-wrap:wrap;gap:.75rem;align-items:flex-end;margin-top:1.25rem}"
    "form{margin:0}label{display:block;margin-bottom:.35rem}"
    "input{display:block;width:8rem;padding:.5rem .6rem;margin-bottom:1rem;font:1.5rem ui-monospace,monospace;letter-spacing:.3em;"
    "color:inherit;background:var(--paper);border:1px solid var(--dim);border-radius:.5rem}"
    "button{padding:.6rem 1.1rem;font:inherit;font-weight:600;border-radius:.5rem;border:1px solid var(--go);"
    "background:var(--go);color:var(--card);cursor:pointer}"
    "button.no{background:none;color:var(--bad);border-color:var(--bad)}"
    ":focus-visible{outline:3px solid var(--go);outline-offset:2px}"
    "footer{max-width:38rem;margin:0 auto;color:var(--dim);font-size:.85rem;text-align:center}a{color:var(--go)}";

const char *page_policy(void)
{
	static char policy[256];
	uint8_t digest[SHA256_LEN];
	struct buf b;

	if (policy[0] != '\0')
		return policy;
	sha256(span_str(css), digest);
	buf_init(&b, 64);
	base64_encode(span_of(digest, sizeof(digest)), &b);
	(void)snprintf(policy, sizeof(policy),
	    "default-src 'none'; style-src 'sha256-%s'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'", buf_cstr(&b));
	buf_clear(&b);
	return policy;
}

int page_host(const char *url, char *out, size_t cap)
{
	const char *at = url != NULL ? strstr(url, "://") : NULL;
	size_t n;

	if (at == NULL || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
		return E_FORMAT;
	for (const char *s = url; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~' || *s == '"' || *s == '\'' || *s == '<' || *s == '>' || *s == '\\')
			return E_FORMAT;
	at += 3;
	n = strcspn(at, "/?#");
	if (n == 0 || n >= cap || memchr(at, '@', n) != NULL)
		return E_FORMAT;
	memcpy(out, at, n);
	out[n] = '\0';
	return 0;
}

/* --- building --- */

void page_text(struct buf *out, struct span text)
{
	char clean[TEXT_MAX];
	size_t n = span_escape(text, clean, sizeof(clean));

	for (size_t i = 0; i < n; i++) {
		switch (clean[i]) {
		case '&':
			buf_put_str(out, "&amp;");
			break;
		case '<':
			buf_put_str(out, "&lt;");
			break;
		case '>':
			buf_put_str(out, "&gt;");
			break;
		case '"':
			buf_put_str(out, "&quot;");
			break;
		case '\'':
			buf_put_str(out, "&#39;");
			break;
		default:
			buf_put_u8(out, (uint8_t)clean[i]);
		}
	}
}

static void text(struct buf *b, const char *s)
{
	page_text(b, span_str(s));
}

/* Constants and texts in turn, ended by NULL: put(b, "<p>", name, "</p>", NULL). */
static void put(struct buf *b, ...) __attribute__((sentinel));
static void put(struct buf *b, ...)
{
	va_list ap;
	bool constant = true;

	va_start(ap, b);
	for (const char *s; (s = va_arg(ap, const char *)) != NULL; constant = !constant) {
		if (constant)
			buf_put_str(b, s);
		else
			text(b, s);
	}
	va_end(ap);
}

static const char *or(const char *s, const char *other)
{
	return s != NULL && s[0] != '\0' ? s : other;
}

static void head(struct buf *b, const char *title, const char *extra)
{
	buf_put_str(b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		       "<meta name=\"robots\" content=\"noindex\">\n");
	put(b, "<title>", title, "</title>\n", NULL);
	buf_put_str(b, extra);
	buf_put_str(b, "<style>");
	buf_put_str(b, css);
	put(b, "</style></head>\n<body><main>\n<h1>", title, "</h1>\n", NULL);
}

static void foot(struct buf *b, const char *gateway)
{
	buf_put_str(b, "</main>\n<footer>");
	if (or(gateway, "")[0] != '\0')
		put(b, "Sallyport at ", gateway, "", NULL);
	else
		buf_put_str(b, "Sallyport");
	buf_put_str(b, "</footer></body></html>\n");
}

static void when(struct buf *b, const struct page *p)
{
	time_t t = (time_t)p->now_s;
	struct tm tm;

	if (p->now_s <= 0 || gmtime_r(&t, &tm) == NULL)
		return;
	buf_printf(b, "<dt>Time</dt><dd>%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min);
	if (p->left_s > 0)
		buf_printf(b, ", %d:%02d left", (int)(p->left_s / 60), (int)(p->left_s % 60));
	buf_put_str(b, "</dd>\n");
}

/* The ssh connection that asks. */
static void facts(struct buf *b, const struct page *p)
{
	buf_put_str(b, "<dl>\n");
	if (or(p->user, "")[0] != '\0')
		put(b, "<dt>You are</dt><dd class=\"who\">", p->user, "</dd>\n", NULL);
	put(b, "<dt>Gateway</dt><dd>", or(p->gateway, "?"), "</dd>\n", NULL);
	if (or(p->asked, "")[0] != '\0')
		put(b, "<dt>ssh user</dt><dd>", p->asked, "</dd>\n", NULL);
	put(b, "<dt>From</dt><dd>", or(p->source, "?"), "</dd>\n<dt>Key</dt><dd><code>", or(p->fingerprint, "?"), "</code></dd>\n",
	    NULL);
	when(b, p);
	buf_put_str(b, "</dl>\n");
}

static void refuse_form(struct buf *b, const struct page *p, const char *label)
{
	put(b, "<form method=\"post\" action=\"/cancel\"><input type=\"hidden\" name=\"code\" value=\"", p->code,
	    "\"><input type=\"hidden\" name=\"token\" value=\"", p->refuse, "\"><button class=\"no\">", label, "</button></form>\n",
	    NULL);
}

/* --- pages --- */

void page_begin(struct buf *out, const struct page *p)
{
	char host[200], title[300];

	if (page_host(p->provider, host, sizeof(host)) != 0)
		host[0] = '\0';
	(void)snprintf(title, sizeof(title), "Log in to %s", or(p->gateway, "the gateway"));
	head(out, title, "");
	buf_put_str(out, "<p>An ssh command waits for this login:</p>\n");
	facts(out, p);
	buf_put_str(out, "<p class=\"warn\"><strong>Only continue if you started this ssh login yourself, just now.</strong> Whoever "
			 "sent you this page, or reads its address to you, would act as you.</p>\n");
	put(out, "<div class=\"acts\"><form method=\"post\" action=\"/l/", p->code, "\"><input type=\"hidden\" name=\"token\" value=\"",
	    p->token, "\"><button>", host[0] != '\0' ? "Continue to " : "Continue", "", host, "</button></form>\n", NULL);
	refuse_form(out, p, "This was not me");
	buf_put_str(out, "</div>\n");
	foot(out, p->gateway);
}

void page_leave(struct buf *out, const struct page *p, const char *url)
{
	char host[200], title[300];
	struct buf extra;

	if (page_host(url, host, sizeof(host)) != 0)
		(void)snprintf(host, sizeof(host), "?");
	(void)snprintf(title, sizeof(title), "On to %s", host);
	buf_init(&extra, PAGE_MAX);
	buf_put_str(&extra, "<meta http-equiv=\"refresh\" content=\"0;url=");
	text(&extra, url);
	buf_put_str(&extra, "\">\n");
	head(out, title, buf_cstr(&extra));
	buf_clear(&extra);
	buf_put_str(out, "<p>Your identity provider asks you to log in and sends you back here.</p>\n<p><a id=\"on\" href=\"");
	text(out, url);
	put(out, "\">Go on to ", host, "</a> if nothing happens by itself.</p>\n", NULL);
	foot(out, p->gateway);
}

void page_confirm(struct buf *out, const struct page *p, int tries)
{
	head(out, "Is this your terminal?", "");
	if (tries >= 0) {
		buf_put_str(out, "<p class=\"bad\" role=\"alert\"><strong>These are not the digits of the terminal.</strong> ");
		buf_printf(out, "%d %s left.</p>\n", tries, tries == 1 ? "try" : "tries");
	}
	facts(out, p);
	buf_put_str(out, "<p class=\"warn\">Type the four digits <strong>from your own terminal</strong>, from below the ssh command that "
			 "you started. Never digits that somebody tells you.</p>\n");
	put(out, "<div class=\"acts\"><form method=\"post\" action=\"/confirm\" autocomplete=\"off\">"
		 "<input type=\"hidden\" name=\"state\" value=\"", p->state, "\"><input type=\"hidden\" name=\"token\" value=\"", p->token,
	    "\"><label for=\"digits\">Four digits</label><input id=\"digits\" name=\"digits\" inputmode=\"numeric\" "
	    "pattern=\"[0-9 ]{4,9}\" maxlength=\"9\" required autofocus autocomplete=\"off\"><button>Confirm</button></form>\n", NULL);
	refuse_form(out, p, "Cancel");
	buf_put_str(out, "</div>\n");
	foot(out, p->gateway);
}

void page_done(struct buf *out, const struct page *p)
{
	head(out, "You are logged in", "");
	put(out, "<p>As <strong class=\"who\">", p->user, "</strong>. Go back to your terminal; this page can be closed.</p>\n", NULL);
	foot(out, p->gateway);
}

void page_refused(struct buf *out, const struct page *p)
{
	head(out, "The login is cancelled", "");
	buf_put_str(out, "<p>The ssh command that waited for it gets nothing and ends. This page can be closed.</p>\n"
			 "<p>If you did not start it: somebody tried to log in as you. Tell whoever runs this gateway, with the time and the "
			 "address that the page before showed.</p>\n");
	foot(out, p->gateway);
}

void page_problem(struct buf *out, const char *gateway, const char *title, const char *words, const char *hint)
{
	head(out, title, "");
	put(out, "<p>", words, "</p>\n", NULL);
	if (or(hint, "")[0] != '\0')
		put(out, "<p>", hint, "</p>\n", NULL);
	foot(out, gateway);
}
