/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimal string alignment distance over three rows. Both words are capped, so the work is bounded.
 */
#include "conf/suggest.h"

#include <ctype.h>
#include <stdio.h>

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static int low(char c)
{
	return tolower((unsigned char)c);
}

size_t suggest_distance(const char *a, const char *b)
{
	size_t row[3][SUGGEST_WORD_MAX + 1];
	size_t na = strlen(a), nb = strlen(b), i, j;

	if (na > SUGGEST_WORD_MAX || nb > SUGGEST_WORD_MAX)
		return SIZE_MAX;
	for (j = 0; j <= nb; j++)
		row[0][j] = j;
	for (i = 1; i <= na; i++) {
		size_t *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		cur[0] = i;
		for (j = 1; j <= nb; j++) {
			bool same = low(a[i - 1]) == low(b[j - 1]);

			cur[j] = min3(up[j] + 1, cur[j - 1] + 1, up[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && low(a[i - 1]) == low(b[j - 2]) &&
			    low(a[i - 2]) == low(b[j - 1]) && up2[j - 2] + 1 < cur[j])
				cur[j] = up2[j - 2] + 1;
		}
	}
	return row[na % 3][nb];
}

void suggest_init(struct suggest *s, const char *word)
{
	*s = (struct suggest){word, NULL, SIZE_MAX};
}

void suggest_add(struct suggest *s, const char *candidate)
{
	size_t n = strlen(s->word), d;
	size_t limit = n < 3 ? 0 : n == 3 ? 1 : n <= 6 ? 2 : n / 3;

	if (candidate == NULL || candidate[0] == '\0')
		return;
	d = suggest_distance(s->word, candidate);
	if (d <= limit && d < s->distance) {
		s->best = candidate;
		s->distance = d;
	}
}

const char *suggest_text(const struct suggest *s, char *out, size_t cap)
{
	char name[SUGGEST_WORD_MAX * 4 + 1];

	if (cap == 0)
		return "";
	out[0] = '\0';
	if (s->best != NULL) {
		(void)span_escape(span_str(s->best), name, sizeof(name));
		(void)snprintf(out, cap, " (did you mean \"%s\"?)", name);
	}
	return out;
}
