/* SPDX-License-Identifier: Apache-2.0
 *
 * Lineage over any text, and over any tree: input that begins with '{' is read as the parser's JSON, which reaches
 * shapes that the grammar never makes. Nothing may crash or read outside, and results keep their own rules.
 */
#include <stdlib.h>
#include <string.h>

#include "sql/lineage.h"
#include "sql/pgtree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool find_relation(void *ctx, const char *schema, const char *name, struct catalog_rel *out)
{
	static const struct catalog_col cols[] = {{"id", 0, false}, {"email", 2, false}, {"status", 0, false}};

	(void)ctx;
	if (schema != NULL && strcmp(schema, "public") != 0)
		return false;
	*out = (struct catalog_rel){name[0] != 'v', 3, cols, name[0] == 'o' ? NULL : "public"};
	return name[0] == 'c' || name[0] == 'v' || name[0] == 'o';
}

static void judge(const struct lineage_result *r)
{
	for (size_t i = 0; i < r->n_stmts; i++) {
		const struct lineage_stmt *s = &r->stmts[i];

		if (!s->known && s->n_cols != (s->partly ? s->head + s->tail : 0))
			abort();
		for (size_t k = 0; k < s->n_cols; k++) {
			if (s->cols[k].what == LINEAGE_SENSITIVE && s->cols[k].kind == 0)
				abort();
			if (memchr(s->cols[k].source, 0, sizeof(s->cols[k].source)) == NULL)
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct catalog cat = {NULL, find_relation, NULL, 0};
	struct lineage_result r = {0};
	struct pgtree *t = NULL;
	struct why w;
	int rc;

	if (size > 20000)
		return 0;
	rc = size > 0 && data[0] == '{' ? pgtree_read_json(span_of(data, size), &t, &w) : pgtree_parse(span_of(data, size), &t, &w);
	if (rc == 0) {
		pgsql_lineage_tree(t, &cat, LINEAGE_INNER, &r);
		judge(&r);
	}
	lineage_clear(&r);
	pgtree_free(t);
	return 0;
}
