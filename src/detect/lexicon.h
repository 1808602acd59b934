/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to detect/: the tables of the vocabulary as people edit them.
 */
#ifndef SP_DETECT_LEXICON_H
#define SP_DETECT_LEXICON_H

#include <stddef.h>
#include <stdint.h>

struct lex_group {
	uint16_t flags;    /* W_* */
	const char *words; /* one space between */
};

struct lex_alias {
	const char *as;    /* the normal form: one or more words */
	const char *words; /* that stand for it */
};

struct lex_seqs {
	uint8_t kind;     /* enum pii_kind; PII_NONE: harmless, hides what is inside it */
	uint8_t when;     /* S_* */
	const char *text; /* sequences of words, ", " between */
};

extern const struct lex_group lex_groups[];
extern const size_t lex_groups_n;
extern const struct lex_alias lex_aliases[];
extern const size_t lex_aliases_n;
extern const struct lex_seqs lex_seqs[];
extern const size_t lex_seqs_n;

#endif
