/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of arbitrary bytes: no crash, no leak, and the promises that the relay builds on. The first byte chooses the
 * session's settings.
 */
#include <stdlib.h>

#include "sql/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sql_context cx = {0};
	struct sql_facts f;
	size_t i;

	if (n == 0)
		return 0;
	cx.scs_off = data[0] & 1;
	cx.dump_client = data[0] & 2;
	pgsql_facts(span_of(data + 1, n - 1), &cx, &f);
	check(f.cls < SQL_CLASS_N);
	for (i = 0; i < f.n_stmts; i++) {
		const struct sql_stmt *s = &f.stmts[i];

		check(s->off <= n - 1 && s->len <= n - 1 - s->off);
		check(s->classes & (1u << s->cls));
		check(sql_class_level(s->cls) <= sql_class_level(f.cls));
		check((s->flags & ~f.flags) == 0);
	}
	for (i = 0; i < f.n_rels; i++)
		check(f.rels[i].name[0] != '\0');
	if (f.cls == SQL_UNPARSABLE)
		check(f.n_stmts == 0 || f.stmts[0].cls <= SQL_ESCAPE);
	sql_facts_clear(&f);
	return 0;
}
