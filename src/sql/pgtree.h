/* SPDX-License-Identifier: Apache-2.0
 *
 * The raw parse tree of a PostgreSQL text, read from libpg_query's JSON into one arena. Shapes:
 *   {"SelectStmt":{...}}   one node, kind "SelectStmt", children = its fields
 *   "alias":{...}          a field of a fixed type: a node without kind, key "alias"; but a range variable
 *                          ("relation", "rel", ...) has kind "RangeVar", larg and rarg "SelectStmt", funccall
 *                          "FuncCall", withClause "WithClause", into and intoClause "IntoClause", typeName "TypeName" all the same
 *   [...]                  a list; its items have no key
 *   {"String":{"sval":s}}  one node of kind "String" whose string value is s; Integer, Float, Boolean likewise
 *   {"List":{"items":[]}}  one node of kind "List" with a field "items"
 * A field that is absent has its type's zero value (false, 0, NULL, empty), as in the server's own structs.
 * Trees are built and walked without recursion; nothing here decides what a statement means.
 */
#ifndef SP_SQL_PGTREE_H
#define SP_SQL_PGTREE_H

#include "base/err.h"
#include "base/span.h"

enum pgnode_type { PGN_OBJ, PGN_LIST, PGN_STR, PGN_INT, PGN_BOOL, PGN_NULL };

struct pgnode {
	const char *key;  /* name of this field in its parent, NULL in a list */
	const char *kind; /* "SelectStmt", or NULL */
	struct pgnode *parent, *child, *next; /* read-only for callers */
	union {
		const char *str;      /* PGN_STR, and kinds String, Float, BitString */
		int64_t num;          /* PGN_INT, PGN_BOOL, and kinds Integer, Boolean */
		struct pgnode *last;  /* private, while building */
	} v;
	int32_t loc;      /* byte offset in the text, -1 when unknown */
	uint8_t type;     /* enum pgnode_type */
	bool scalar_kind; /* kind String, Integer, ... with its value in v */
	bool wrapped;     /* private: the kind stood in the JSON */
	uint8_t seen;     /* private to lineage: whether a rule has read it */
};

struct pgtree;
struct pglex_shape;

/* Parse one message. 0 and *out (free with pgtree_free), or with *out == NULL:
 *   E_FORMAT  the parser refuses it, or it is not clean UTF-8, or it holds a NUL
 *   E_TOOBIG  over a cap of sql/facts.h (bytes, tokens, nesting, operator chain) or of memory
 * and w says which, in words for a person. Text without any statement gives a tree of 0 statements. */
int pgtree_parse(struct span sql, struct pgtree **out, struct why *w) MUST_CHECK;
/* NULL is fine. */
void pgtree_free(struct pgtree *t);

size_t pgtree_count(const struct pgtree *t);
/* The i-th statement's node (kind "SelectStmt", ...), never NULL for i < count; off, len: its bytes in the text. */
const struct pgnode *pgtree_stmt(const struct pgtree *t, size_t i, uint32_t *off, uint32_t *len);
const struct pgnode *pgtree_root(const struct pgtree *t);
/* What the text's literals hold, for standard_conforming_strings: see sql/pglex.h. */
const struct pglex_shape *pgtree_shape(const struct pgtree *t);
/* Is there a WITH clause anywhere: may an unqualified name be a CTE? */
bool pgtree_has_with(const struct pgtree *t);

/* All of these take NULL and return NULL, "" , 0 or false then. */
const char *pgnode_kind(const struct pgnode *n);                           /* "" without kind */
bool pgnode_is(const struct pgnode *n, const char *kind);
const struct pgnode *pgnode_field(const struct pgnode *n, const char *key); /* NULL when absent */
/* Lists, and nodes of kind List: first item, number of items, i-th item. Next item: n->next. */
const struct pgnode *pgnode_first(const struct pgnode *list);
size_t pgnode_len(const struct pgnode *list);
const struct pgnode *pgnode_at(const struct pgnode *list, size_t i);
const struct pgnode *pgnode_last(const struct pgnode *list);
/* Values of a scalar or a scalar kind; enumerations are strings ("AEXPR_OP"). */
const char *pgnode_str(const struct pgnode *n); /* NULL when it is no string */
int64_t pgnode_int(const struct pgnode *n);
bool pgnode_bool(const struct pgnode *n);
/* The same of a field. */
const char *pgnode_field_str(const struct pgnode *n, const char *key); /* "" when absent */
int64_t pgnode_field_int(const struct pgnode *n, const char *key);
bool pgnode_field_bool(const struct pgnode *n, const char *key);
/* A_Const or bare scalar kind that is a string constant: the string, else NULL. */
const char *pgnode_const_str(const struct pgnode *n);

/* Walk without recursion: the node after n in pre-order inside root, or NULL. skip: do not enter n's children. */
const struct pgnode *pgnode_walk(const struct pgnode *root, const struct pgnode *n, bool skip);

/* For fuzzing and tests: read JSON of that shape without any parser behind it; without "stmts" it has no statements. */
int pgtree_read_json(struct span json, struct pgtree **out, struct why *w) MUST_CHECK;

#endif
