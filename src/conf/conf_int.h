/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of conf/ share and nobody else sees: the arena that owns a configuration, the tree
 * of nodes read from text, the list of errors.
 */
#ifndef SP_CONF_CONF_INT_H
#define SP_CONF_CONF_INT_H

#include "conf/conf.h"

#define CONF_FILE_MAX   (1024u * 1024) /* bytes of one file */
#define CONF_FILES_MAX  256            /* files of one configuration */
#define CONF_DEPTH_MAX  10             /* nested lists and maps */
#define CONF_NODES_MAX  200000         /* nodes of one file */
#define CONF_MAP_MAX    4096           /* keys of one map */
#define CONF_ERRORS_MAX 100            /* errors shown */

/* --- arena: everything of one configuration is freed together --- */
struct conf_mem;
struct conf_mem *conf_mem_new(void);
void conf_mem_free(struct conf_mem *m);
void *conf_alloc(struct conf_mem *m, size_t n, size_t size); /* zeroed, never NULL */
char *conf_strndup(struct conf_mem *m, const char *s, size_t n);
char *conf_strdup(struct conf_mem *m, const char *s); /* NULL gives NULL */

/* --- text of one file, kept for error messages --- */
struct conf_text {
	const char *name;
	struct span text;
};

/* --- errors --- */
struct conf_error {
	struct conf_where at; /* file NULL: no place */
	bool secret;          /* do not print the source line */
	size_t order;
	char *text;
};

struct conf_errs {
	struct conf_mem *mem;
	size_t n, cap, dropped;
	struct conf_error *v;
	size_t n_texts;
	struct conf_text texts[CONF_FILES_MAX];
};

void conf_errs_init(struct conf_errs *e, struct conf_mem *m);
void conf_errs_clear(struct conf_errs *e);
void conf_err(struct conf_errs *e, const struct conf_where *at, const char *fmt, ...)
    SP_PRINTF(3, 4);
/* The same for a line that may hold a password: it is not shown. */
void conf_err_secret(struct conf_errs *e, const struct conf_where *at, const char *fmt, ...)
    SP_PRINTF(3, 4);
/* All errors in the order of the text, each with its source line and a caret, and "N errors". */
void conf_errs_print(struct conf_errs *e, struct buf *out);

/* --- nodes --- */
enum cnode_kind { CN_SCALAR, CN_LIST, CN_MAP };

struct cnode {
	enum cnode_kind kind;
	struct conf_where at;
	bool plain;    /* scalar without quotes */
	bool bad;      /* already reported: say nothing more */
	char *text;    /* scalar: no control bytes, valid UTF-8 */
	size_t n, cap; /* children of a list or map */
	struct cnode **item;
	struct cnode **key; /* map: scalars, unique */
};

/* Read one document. Structural errors (syntax, aliases, tags, duplicate keys, several documents,
 * nesting) go to e. Returns NULL when there is nothing usable. The doorway to libyaml. */
struct cnode *conf_yaml_read(
    struct conf_mem *m, const char *file, struct span text, struct conf_errs *e);
/* The value of key in a map, or NULL. key_node (may be NULL) gets the key. */
const struct cnode *cnode_get(
    const struct cnode *map, const char *key, const struct cnode **key_node);

#endif
