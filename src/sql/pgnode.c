/* SPDX-License-Identifier: Apache-2.0
 *
 * Accessors over the nodes of a parse tree. Absent means zero, as in the server's own structs.
 */
#include "sql/pgtree.h"

const char *pgnode_kind(const struct pgnode *n)
{
	return n != NULL && n->kind != NULL ? n->kind : "";
}

bool pgnode_is(const struct pgnode *n, const char *kind)
{
	return n != NULL && n->kind != NULL && strcmp(n->kind, kind) == 0;
}

const struct pgnode *pgnode_field(const struct pgnode *n, const char *key)
{
	const struct pgnode *c = n != NULL ? n->child : NULL;

	while (c != NULL && (c->key == NULL || strcmp(c->key, key) != 0))
		c = c->next;
	return c;
}

const struct pgnode *pgnode_first(const struct pgnode *list)
{
	if (list == NULL)
		return NULL;
	if (list->type == PGN_LIST)
		return list->child;
	return pgnode_is(list, "List") ? pgnode_first(pgnode_field(list, "items")) : NULL;
}

size_t pgnode_len(const struct pgnode *list)
{
	const struct pgnode *c;
	size_t n = 0;

	for (c = pgnode_first(list); c != NULL; c = c->next)
		n++;
	return n;
}

const struct pgnode *pgnode_at(const struct pgnode *list, size_t i)
{
	const struct pgnode *c = pgnode_first(list);

	while (c != NULL && i-- > 0)
		c = c->next;
	return c;
}

const struct pgnode *pgnode_last(const struct pgnode *list)
{
	const struct pgnode *c = pgnode_first(list);

	while (c != NULL && c->next != NULL)
		c = c->next;
	return c;
}

const char *pgnode_str(const struct pgnode *n)
{
	if (n == NULL)
		return NULL;
	if (n->type == PGN_STR)
		return n->v.str;
	if (n->scalar_kind && n->kind[0] != 'I' && strcmp(n->kind, "Boolean") != 0)
		return n->v.str;
	return NULL;
}

int64_t pgnode_int(const struct pgnode *n)
{
	if (n == NULL)
		return 0;
	if (n->type == PGN_INT || n->type == PGN_BOOL)
		return n->v.num;
	return n->scalar_kind && pgnode_str(n) == NULL ? n->v.num : 0;
}

bool pgnode_bool(const struct pgnode *n)
{
	return pgnode_int(n) != 0;
}

const char *pgnode_field_str(const struct pgnode *n, const char *key)
{
	const char *s = pgnode_str(pgnode_field(n, key));

	return s != NULL ? s : "";
}

int64_t pgnode_field_int(const struct pgnode *n, const char *key)
{
	return pgnode_int(pgnode_field(n, key));
}

bool pgnode_field_bool(const struct pgnode *n, const char *key)
{
	return pgnode_bool(pgnode_field(n, key));
}

const char *pgnode_const_str(const struct pgnode *n)
{
	const struct pgnode *s = pgnode_is(n, "A_Const") ? pgnode_field(n, "sval") : n;

	if (s == NULL)
		return NULL;
	if (s != n && s->type == PGN_OBJ)
		return ""; /* the empty string has no field */
	if (s == n && !pgnode_is(n, "String") && n->type != PGN_STR)
		return NULL;
	return pgnode_str(s);
}

const struct pgnode *pgnode_walk(const struct pgnode *root, const struct pgnode *n, bool skip)
{
	if (n == NULL)
		return NULL;
	if (!skip && n->child != NULL)
		return n->child;
	while (n != root && n->next == NULL)
		n = n->parent;
	return n != root ? n->next : NULL;
}
