/* SPDX-License-Identifier: Apache-2.0
 *
 * What the pages hand out and want back: the code in a login's address, the browser's cookie, the state that goes to the
 * identity provider, the token in each form. All are bound to one another by HMAC-SHA-256 with a key that never leaves the web
 * process; nothing is kept here. That each is used once is the monitor's matter.
 */
#ifndef SP_SERVER_WEB_TOKEN_H
#define SP_SERVER_WEB_TOKEN_H

#include "base/err.h"
#include "base/span.h"

#define WEB_COOKIE "__Host-sallyport"

#define WEB_KEY_LEN    32
#define WEB_CODE_CAP   10  /* "WDJB-MJHT" */
#define WEB_COOKIE_CAP 49  /* 48 hex digits */
#define WEB_FORM_CAP   65  /* 64 hex digits */
#define WEB_STATE_CAP  100 /* CODE.NONCE.MAC */

/* A login's code as people type it: 8 letters of BCDFGHJKLMNPQRSTVWXZ, any case, with or without the dash in the middle. out is
 * as the monitor knows it. E_FORMAT. */
int web_code(struct span in, char out[WEB_CODE_CAP]) MUST_CHECK;

void web_cookie_new(char out[WEB_COOKIE_CAP]);
/* Ours out of a Cookie header: E_NOTFOUND when absent, malformed or there twice. */
int web_cookie_find(struct span header, char out[WEB_COOKIE_CAP]) MUST_CHECK;

/* The token of a form: for this browser, this login (its code or its state) and this purpose. */
void web_form_token(const uint8_t key[WEB_KEY_LEN], const char *cookie, const char *login, const char *purpose,
    char out[WEB_FORM_CAP]);
bool web_form_token_ok(const uint8_t key[WEB_KEY_LEN], const char *cookie, const char *login, const char *purpose,
    const char *token);

/* The state of one trip to the provider: carries the login's code, new every time. */
void web_state_new(const uint8_t key[WEB_KEY_LEN], const char *cookie, const char *code, char out[WEB_STATE_CAP]);
/* The code of a state that we made for this browser; else E_DENIED. */
int web_state_open(const uint8_t key[WEB_KEY_LEN], const char *cookie, struct span state, char code[WEB_CODE_CAP]) MUST_CHECK;

#endif
