/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes → structs by the schema table. conf_fill.c walks maps and sections, conf_types.c reads and
 * writes the values of each type, conf_check.c looks at the whole.
 */
#ifndef SP_CONF_CONF_FILL_H
#define SP_CONF_CONF_FILL_H

#include "conf/conf_schema.h"

/* One map that is being read into one struct. */
struct conf_fill {
	struct conf_mem *mem;
	struct conf_errs *errs;
	const struct conf_section *sec;
	char ctx[200];                         /* "role \"dba\"", before every message */
	void *base;                            /* the struct */
	struct conf_where at;                  /* of the element, for what is missing */
	struct conf_where seen[CONF_KEYS_MAX]; /* line 0 = not seen */
};

/* Everything read so far from all files. */
struct conf_build {
	struct conf *c;
	struct conf_mem *mem;
	struct conf_errs errs;
	bool incomplete; /* a file could not be read at all: references cannot be judged */
	struct conf_fill one[CONF_SECTIONS];       /* state of SHAPE_ONE sections across files */
	const struct cnode **nodes[CONF_SECTIONS]; /* node of each element of the others */
	struct conf_where sections_at[CONF_SECTIONS];
};

void conf_fill_begin(struct conf_build *b);
/* The top-level map of one file. */
void conf_fill_file(struct conf_build *b, const struct cnode *root, const char *file);
/* Required keys and defaults of the SHAPE_ONE sections. */
void conf_fill_end(struct conf_build *b);
/* A map into the elements of a sub-section (logins of a target). */
void conf_fill_sub(struct conf_fill *up, const struct conf_section *sec, const struct cnode *map);

/* Message about a key's value: "CTX: \"KEY\": ...". */
void conf_fill_err(struct conf_fill *f, const struct conf_where *at, const struct conf_key *k,
    const char *fmt, ...) SP_PRINTF(4, 5);
/* Untrusted text for a message; at most 100 characters. */
struct conf_quoted {
	char s[128];
};
struct conf_quoted conf_quote(const char *s);

struct conf_type_ops {
	const char *name; /* for the manual */
	void (*read)(struct conf_fill *f, const struct conf_key *k, const struct cnode *n);
	/* Writes nothing when there is no value. base: the struct that holds the key. */
	void (*dump)(const struct conf_key *k, const void *base, struct buf *out);
};
extern const struct conf_type_ops conf_types[CT_N];

/* Where a key of an element stands, else the element. */
const struct conf_where *conf_place(const struct conf_build *b, int s, size_t i, const char *key);
/* Has this key a meaning for this kind of block? */
bool conf_identity_uses(const struct conf_identity *x, const char *key);
/* Parts of the two below, about identity and web. */
void conf_check_ident(struct conf_build *b);
void conf_check_web(struct conf_build *b);
void conf_finish_ident(struct conf_mem *m, struct conf_identity *x);

/* Whole-configuration checks; with no error at all also the computed defaults. */
void conf_check(struct conf_build *b);
void conf_finish(struct conf_build *b);

/* A text in double quotes with escapes. */
void conf_dump_quoted(struct buf *out, const char *s);
void conf_dump_element(
    const struct conf_section *sec, const void *base, const char *indent, struct buf *out);
/* The options part of sallyport.yaml(5), from the schema. */
void conf_manual(struct buf *out);

#endif
