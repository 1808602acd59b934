/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean ...?": the nearest of some candidates to a mistyped word.
 */
#ifndef SP_CONF_SUGGEST_H
#define SP_CONF_SUGGEST_H

#include "base/span.h"

#define SUGGEST_WORD_MAX 64 /* longer words get no suggestion */

struct suggest {
	const char *word; /* borrowed */
	const char *best; /* borrowed from the candidates; NULL = none near enough */
	size_t distance;
};

void suggest_init(struct suggest *s, const char *word);
/* Offer one more candidate (NULL is ignored). Of equally near ones the first wins. */
void suggest_add(struct suggest *s, const char *candidate);
/* " (did you mean "X"?)" into out, or "". Returns out. */
const char *suggest_text(const struct suggest *s, char *out, size_t cap);
/* Edits (insert, delete, replace, swap neighbours) from a to b, letters compared without case;
 * words longer than SUGGEST_WORD_MAX are infinitely far (SIZE_MAX). */
size_t suggest_distance(const char *a, const char *b);

#endif
