/* SPDX-License-Identifier: Apache-2.0
 *
 * Key sets of a stranger: what is taken has at least one key, and a token can be tried against it.
 */
#include <stdlib.h>

#include "ident/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 7515 A.3 and the same header with RS256. */
#define BODY                                                                                       \
	".e30.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"     \
	"Kg6NU1Q"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const tokens[] = {"eyJhbGciOiJFUzI1NiJ9" BODY,
	    "eyJhbGciOiJSUzI1NiJ9" BODY, "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ" BODY};
	struct why w = {0};
	struct jwks *set;
	struct buf out;
	size_t i;

	if (jwks_parse(span_of(data, size), &set, &w) != 0) {
		if (set != NULL || w.text[0] == '\0')
			abort();
		return 0;
	}
	if (jwks_count(set) < 1 || jwks_count(set) > JWKS_KEYS_MAX)
		abort();
	buf_init(&out, JWS_TOKEN_MAX);
	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (jws_verify(span_str(tokens[i]), set, NULL, 0, &out, &w) == 0)
			abort();
	buf_clear(&out);
	jwks_free(set);
	return 0;
}
