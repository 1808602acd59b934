/* SPDX-License-Identifier: Apache-2.0
 *
 * The schema of the configuration language: one table that drives reading, -T and the manual. A key
 * that is not in the table is an error; a key of type CT_UNSUPPORTED is known and refused, so that
 * nothing is silently ignored.
 */
#ifndef SP_CONF_CONF_SCHEMA_H
#define SP_CONF_CONF_SCHEMA_H

#include "conf/conf_int.h"

enum conf_type {
	CT_UNSUPPORTED,
	CT_TEXT,      /* char * */
	CT_WORD,      /* char *, one of words */
	CT_ENUM,      /* int, index into words */
	CT_BOOL,      /* bool */
	CT_INT,       /* int */
	CT_INT64,     /* int64_t */
	CT_SECONDS,   /* int64_t, whole seconds */
	CT_MS,        /* int64_t */
	CT_SIZE,      /* int64_t, bytes */
	CT_LIST,      /* struct conf_list; words or check apply to each */
	CT_COMMAND,   /* struct conf_list; repeats allowed, the first is an absolute path */
	CT_STARTUPS,  /* begin:rate:full, three ints */
	CT_ADDRESSES, /* conf_address array of a target */
	CT_LABELS,    /* conf_label array of a target */
	CT_LOGINS,    /* conf_login array of a target: a sub-section */
	CT_VERDICT,   /* base: set[] and verdict[] at index min */
	CT_CLASSES,   /* rule: names and cls[] */
	CT_FLAG_LIST, /* list with the one word of words → bool */
	CT_FLAG_WORD, /* words[1] → true */
	CT_N
};

/* What the words of a value must name. */
enum conf_ref { REF_NONE, REF_TARGETS, REF_ROLES, REF_APPROVAL, REF_LOGINS, REF_DATABASES };

struct conf_words {
	int first, n; /* valid values are first .. n-1 */
	const char *(*name)(int v); /* NULL: no word of the language, though in between */
};

struct conf_key {
	const char *name; /* "session.ttl" is the key ttl of the map session */
	enum conf_type type;
	size_t off;
	bool required;
	const char *dflt; /* as it would be written; NULL = none */
	const struct conf_words *words;
	const char *(*check)(const char *s); /* NULL or what is wrong */
	int64_t min, max;
	enum conf_ref ref;
	const char *desc; /* for the manual */
};

enum conf_shape {
	SHAPE_ONE,   /* gateway: {...} */
	SHAPE_NAMED, /* roles: {NAME: {...}} */
	SHAPE_LIST   /* rules: [{name: NAME, ...}] */
};

#define OFF_NONE ((size_t)-1)

struct conf_section {
	const char *name, *noun;
	enum conf_shape shape;
	size_t size, off_v,
	    off_n; /* in the parent: the array (or the struct itself) and its count */
	size_t off_name, off_where;
	const char *(*check_name)(const char *s);
	size_t n_keys;
	const struct conf_key *keys;
	const char *desc;
};

#define CONF_SECTIONS 10
#define CONF_KEYS_MAX 32 /* keys of one section */
enum {
	SEC_GATEWAY,
	SEC_IDENTITY,
	SEC_USERS,
	SEC_TARGETS,
	SEC_BASE,
	SEC_ROLES,
	SEC_APPROVALS,
	SEC_RULES,
	SEC_RECORDING,
	SEC_WEB
};
extern const struct conf_section conf_sections[CONF_SECTIONS];
extern const struct conf_section conf_section_login; /* of a target */
/* Top-level keys that belong to the language and not to this version; NULL at the end. */
extern const char *const conf_later[];

/* Checks that other files of conf/ use. */
const char *conf_check_selector(const char *s);

#endif
