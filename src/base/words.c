/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of the shared words.
 */
#include "base/words.h"

#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name;
	int level;
} classes[SQL_CLASS_N] = {
	[SQL_UNPARSABLE] = {"unparsable", 6},
	[SQL_READ] = {"read", 0},
	[SQL_SESSION] = {"session-local", 0},
	[SQL_WRITE] = {"write", 1},
	[SQL_BULK] = {"bulk", 2},
	[SQL_OPAQUE] = {"opaque", 2},
	[SQL_SCHEMA] = {"schema", 3},
	[SQL_DESTRUCTIVE] = {"destructive", 3},
	[SQL_CONTROL] = {"session-control", 3},
	[SQL_PRIVILEGE] = {"privilege", 4},
	[SQL_AUDIT] = {"audit-disable", 4},
	[SQL_ESCAPE] = {"escape", 5},
};

static const char *const verdicts[] = {"deny", "hold", "measure", "warn", "allow"};
static const char *const hold_modes[] = {"auto", "wait", "reject"};
static const char *const mask_modes[] = {"full", "partial", "none"};
static const char *const kinds[] = {"person", "service", "agent"};

/* Index of s in names, or -1. */
static int word_find(const char *const *names, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], s) == 0)
			return (int)i;
	return -1;
}

const char *sql_class_name(enum sql_class c)
{
	return (unsigned)c < SQL_CLASS_N ? classes[c].name : "unparsable";
}

int sql_class_level(enum sql_class c)
{
	return (unsigned)c < SQL_CLASS_N ? classes[c].level : 6;
}

int sql_class_parse(const char *s, enum sql_class *out)
{
	for (int i = 0; i < SQL_CLASS_N; i++)
		if (strcmp(classes[i].name, s) == 0) {
			*out = (enum sql_class)i;
			return 0;
		}
	return E_UNKNOWN;
}

const char *verdict_name(enum verdict v)
{
	return (unsigned)v < N(verdicts) ? verdicts[v] : "deny";
}

int verdict_parse(const char *s, enum verdict *out)
{
	int i = word_find(verdicts, N(verdicts), s);

	if (i < 0)
		return E_UNKNOWN;
	*out = (enum verdict)i;
	return 0;
}

const char *hold_mode_name(enum hold_mode m)
{
	return (unsigned)m < N(hold_modes) ? hold_modes[m] : "auto";
}

int hold_mode_parse(const char *s, enum hold_mode *out)
{
	int i = word_find(hold_modes, N(hold_modes), s);

	if (i < 0)
		return E_UNKNOWN;
	*out = (enum hold_mode)i;
	return 0;
}

const char *mask_mode_name(enum mask_mode m)
{
	return (unsigned)m < N(mask_modes) ? mask_modes[m] : "full";
}

int mask_mode_parse(const char *s, enum mask_mode *out)
{
	int i = word_find(mask_modes, N(mask_modes), s);

	if (i < 0)
		return E_UNKNOWN;
	*out = (enum mask_mode)i;
	return 0;
}
const char *ident_kind_name(enum ident_kind k)
{
	return (unsigned)k < N(kinds) ? kinds[k] : "person";
}

int ident_kind_parse(const char *s, enum ident_kind *out)
{
	int i = word_find(kinds, N(kinds), s);

	if (i < 0)
		return E_UNKNOWN;
	*out = (enum ident_kind)i;
	return 0;
}
