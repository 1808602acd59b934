/* SPDX-License-Identifier: Apache-2.0
 *
 * The gateway's pages: constant HTML with texts in it, all through one escaping function. No script, nothing from elsewhere,
 * readable on a phone and in a text browser, light or dark as the reader has it.
 */
#ifndef SP_SERVER_WEB_PAGE_H
#define SP_SERVER_WEB_PAGE_H

#include "base/buf.h"

#define PAGE_MAX (32u * 1024)

struct page { /* what a page says; NULL or "" = absent */
	const char *gateway;
	const char *asked, *fingerprint, *source; /* of the ssh connection */
	const char *provider;                     /* URL of the identity provider */
	const char *user;                         /* who it says the person is */
	const char *code, *state;                 /* of the login */
	const char *token, *refuse;               /* of the two forms */
	int64_t left_s, now_s;
};

/* Text into HTML, as content or in a quoted attribute. Control and bidi characters and invalid UTF-8 show as \x.. */
void page_text(struct buf *out, struct span text);

/* Each appends a whole document. */
void page_begin(struct buf *out, const struct page *p);   /* is this yours? continue to the provider */
void page_leave(struct buf *out, const struct page *p, const char *url); /* on the way there */
void page_confirm(struct buf *out, const struct page *p, int tries); /* digits, please; tries left, or -1 before the first */
void page_done(struct buf *out, const struct page *p);
void page_refused(struct buf *out, const struct page *p);
void page_problem(struct buf *out, const char *gateway, const char *title, const char *text, const char *hint);

/* The Content-Security-Policy of all of them. */
const char *page_policy(void);
/* "login.example.com" of a URL that may be shown and linked (http or https, printable ASCII); else E_FORMAT. */
int page_host(const char *url, char *out, size_t cap) MUST_CHECK;

#endif
