/* SPDX-License-Identifier: Apache-2.0
 *
 * A statement and an error that the server may have sent about it: what comes out is a well-formed error; unless it is the
 * same body, it has no CONTEXT and no query of a function, and no text that is not a whole word of the statement, a known
 * form's or our own. Input: flags, the statement and a NUL, the body.
 */
#include <stdlib.h>
#include <string.h>

#include "sql/pgerrors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool named(void *ctx, struct span name)
{
	(void)ctx;
	return span_is(name, "customers") || span_is(name, "email");
}

/* Does a text that came out hold the quoted piece, which is no word of anything? */
static void judge(struct span body, struct span out, struct span sql)
{
	struct cur c = cur_of(out);
	struct span v, m = pg_error_field(body, 'M');
	uint8_t code;

	if (pg_read_error(out) != 0)
		abort();
	if (span_eq(body, out))
		return;
	while (pg_error_next(&c, &code, &v)) {
		if (strchr("SVCMDHPstcdn", code) == NULL)
			abort();
		if (code == 'M' && m.n > 12 && span_eq(v, m) && memmem(m.p, m.n, "\"@\"", 3) != NULL &&
		    (sql.n == 0 || memmem(sql.p, sql.n, "@", 1) == NULL))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur c = cur_of(span_of(data, size));
	uint8_t flags = cur_u8(&c);
	struct span sql = cur_cstr(&c), body = cur_rest(&c);
	struct pgerror_scene s = {.sql = sql, .when = (enum pgerror_when)(flags % 3), .clear = (flags & 4) != 0, .code = (flags & 8) != 0,
	    .copy_in = (flags & 16) != 0, .named = named};
	struct buf out;

	if (!cur_ok(&c) || size > 20000)
		return 0;
	buf_init(&out, 1 << 20);
	pgerror_scrub(&s, body, &out);
	if (buf_err(&out) == 0)
		judge(body, buf_span(&out), sql);
	buf_clear(&out);
	return 0;
}
