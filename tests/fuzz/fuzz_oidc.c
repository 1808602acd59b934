/* SPDX-License-Identifier: Apache-2.0
 *
 * What a provider answers. The first byte chooses the document. What goes on to a person or to the
 * network must be printable and an address that may be asked.
 */
#include <stdlib.h>

#include "ident/oidc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const char *url)
{
	if (url != NULL && oidc_url_check(url, true, "it", NULL) != 0)
		abort();
}

static void check_why(const struct why *w)
{
	const char *p;

	if (w->text[0] == '\0')
		abort();
	for (p = w->text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
}

static void discovery(struct span doc)
{
	struct oidc_provider p;
	struct why w = {0};

	if (oidc_discovery_parse(doc, "https://idp.example", true, &p, &w) != 0) {
		check_why(&w);
		return;
	}
	if (p.jwks == NULL || strcmp(p.issuer, "https://idp.example") != 0)
		abort();
	check_url(p.authorize);
	check_url(p.token);
	check_url(p.device);
	check_url(p.jwks);
	oidc_provider_clear(&p);
}

static void device(struct span doc)
{
	struct oidc_device d;
	struct why w = {0};

	if (oidc_device_parse(doc, true, &d, &w) != 0) {
		check_why(&w);
		return;
	}
	check_url(d.uri);
	check_url(d.uri_complete);
	if (d.uri == NULL || d.expires_s < 1 || d.expires_s > 3600 || d.interval_s < 1 ||
	    d.interval_s > 60)
		abort();
	oidc_device_clear(&d);
}

static void token(struct span doc)
{
	static const int statuses[] = {200, 400, 401, 503, 302};
	struct buf b;
	size_t i;

	buf_init(&b, 1 << 17);
	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct why w = {0};
		enum oidc_answer a = oidc_token_parse(statuses[i], doc, &b, &w);

		if (a != OIDC_TOKEN)
			check_why(&w);
		if (a != OIDC_TOKEN && buf_len(&b) != 0)
			abort();
		if (oidc_error(statuses[i], doc, "it", &w) == 0)
			abort();
		check_why(&w);
	}
	buf_clear(&b);
}

static void address(struct span s)
{
	char *url = strndup((const char *)s.p, s.n);
	struct why w = {0};
	struct buf b;

	buf_init(&b, 8192);
	if (oidc_url_check(url, false, "it", &w) != 0)
		check_why(&w);
	else if (strncmp(url, "https://", 8) != 0)
		abort();
	(void)!oidc_discovery_url(url, true, &b, &w);
	(void)!oidc_callback_error(url, url, &w);
	check_why(&w);
	buf_clear(&b);
	free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(struct span) = {discovery, device, token, address};

	if (size > 0)
		parsers[data[0] % 4](span_of(data + 1, size - 1));
	return 0;
}
