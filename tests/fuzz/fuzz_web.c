/* SPDX-License-Identifier: Apache-2.0
 *
 * What browsers send to the pages: forms, cookies, codes, states. What comes out is clean text that fits; nothing opens that was
 * not made with the key; no input makes HTML.
 */
#include <stdlib.h>
#include <string.h>

#include "server/web_form.h"
#include "server/web_page.h"
#include "server/web_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void form(struct span in)
{
	static const char *const names[] = {"state", "code", "token", "digits"};
	char out[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int rc = web_form_get(in, names[i], out, sizeof(out));

		if (rc != 0 && out[0] != '\0')
			abort();
		for (const char *p = out; *p != '\0'; p++)
			if ((unsigned char)*p < 0x20)
				abort();
	}
}

static void tokens(struct span in)
{
	static const uint8_t key[WEB_KEY_LEN] = {1};
	char code[WEB_CODE_CAP], cookie[WEB_COOKIE_CAP];

	if (web_code(in, code) == 0 && strlen(code) != WEB_CODE_CAP - 1)
		abort();
	if (web_cookie_find(in, cookie) == 0 && strlen(cookie) != WEB_COOKIE_CAP - 1)
		abort();
	if (web_state_open(key, "cookie", in, code) == 0)
		abort(); /* a forgery */
}

static void page(struct span in)
{
	struct buf b;
	struct span s;

	buf_init(&b, 256 * 1024);
	page_text(&b, in);
	s = buf_span(&b);
	for (size_t i = 0; i < s.n; i++)
		if (strchr("<>\"'", s.p[i]) != NULL)
			abort();
	buf_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char url[300], host[64];

	form(span_of(data, size));
	tokens(span_of(data, size));
	page(span_of(data, size));
	if (size < sizeof(url)) {
		memcpy(url, data, size);
		url[size] = '\0';
		if (page_host(url, host, sizeof(host)) == 0 && strncmp(url, "http", 4) != 0)
			abort();
	}
	return 0;
}
