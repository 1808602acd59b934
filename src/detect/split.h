/* SPDX-License-Identifier: Apache-2.0
 *
 * A column or table name cut into lower-case words in a normal form: snake_case, camelCase, digits,
 * accents and abbreviations are gone, plurals are singular, glued words ("dateofbirth") are apart.
 */
#ifndef SP_DETECT_SPLIT_H
#define SP_DETECT_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_WORDS_MAX 32
#define NAME_TEXT_MAX  384

struct vocab_word;

struct name_words {
	size_t n;
	const char *w[NAME_WORDS_MAX];              /* into text */
	const struct vocab_word *v[NAME_WORDS_MAX]; /* NULL: a word nobody knows */
	bool cut;                                   /* the name was longer than there is room for */
	size_t used;
	char text[NAME_TEXT_MAX];
};

/* Any bytes are fine. NULL is an empty name. */
void name_split(const char *name, struct name_words *out);

#endif
