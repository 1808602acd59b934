/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table over the lexicon, built once from its tables. All memory is static; nothing here
 * comes from outside except the words that are looked up.
 */
#include "detect/vocab.h"

#include <assert.h>
#include <string.h>

#include "detect/lexicon.h"

#define SLOTS    4096u
#define SEQS_MAX 1024u

static struct vocab_word slots[SLOTS];
static struct vocab_seq seqs[SEQS_MAX]; /* handle 0 is not used */
static size_t n_words, n_seqs = 1;
static bool built, overflow;

static uint32_t word_hash(const char *p, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * 16777619u;
	return h;
}

/* The slot of the word, or the free slot where it belongs. */
static struct vocab_word *slot_of(const char *p, size_t n)
{
	uint32_t i = word_hash(p, n) & (SLOTS - 1);

	while (slots[i].p != NULL && !(slots[i].len == n && memcmp(slots[i].p, p, n) == 0))
		i = (i + 1) & (SLOTS - 1);
	return &slots[i];
}

static struct vocab_word *word_add(const char *p, size_t n)
{
	struct vocab_word *s = slot_of(p, n);

	if (s->p != NULL)
		return s;
	if (n_words >= SLOTS / 2 || n > UINT8_MAX) {
		overflow = true;
		return s;
	}
	n_words++;
	s->p = p;
	s->len = (uint8_t)n;
	return s;
}

/* Add each word of a list of n bytes. */
static void words_add(const char *list, size_t n, uint16_t flags, const char *as)
{
	while (n > 0) {
		const char *z = memchr(list, ' ', n);
		size_t len = z != NULL ? (size_t)(z - list) : n;
		struct vocab_word *w = word_add(list, len);

		w->flags |= flags;
		if (as != NULL)
			w->as = as;
		list += len + (z != NULL);
		n -= len + (z != NULL);
	}
}

static void seq_add(const char *p, size_t n, const struct lex_seqs *from)
{
	const char *z = memchr(p, ' ', n);
	struct vocab_word *w = word_add(p, z != NULL ? (size_t)(z - p) : n);

	if (n_seqs >= SEQS_MAX || n > UINT8_MAX) {
		overflow = true;
		return;
	}
	words_add(p, n, 0, NULL);
	seqs[n_seqs] = (struct vocab_seq){p, (uint8_t)n, from->kind, from->when, w->seq};
	w->seq = (uint16_t)n_seqs++;
}

static void seqs_add(const struct lex_seqs *s)
{
	const char *p = s->text;

	for (;;) {
		size_t n = strcspn(p, ",");

		seq_add(p, n, s);
		if (p[n] == '\0')
			return;
		p += n + 2;
	}
}

void vocab_warm(void)
{
	if (built)
		return;
	built = true;
	for (size_t i = 0; i < lex_groups_n; i++)
		words_add(
		    lex_groups[i].words, strlen(lex_groups[i].words), lex_groups[i].flags, NULL);
	for (size_t i = 0; i < lex_seqs_n; i++)
		seqs_add(&lex_seqs[i]);
	for (size_t i = 0; i < lex_aliases_n; i++) {
		words_add(lex_aliases[i].as, strlen(lex_aliases[i].as), 0, NULL);
		words_add(lex_aliases[i].words, strlen(lex_aliases[i].words), 0, lex_aliases[i].as);
	}
}

const struct vocab_word *vocab_find(const char *p, size_t n)
{
	const struct vocab_word *s;

	vocab_warm();
	s = slot_of(p, n);
	return s->p != NULL ? s : NULL;
}

const struct vocab_seq *vocab_seq_get(uint16_t handle)
{
	assert(handle > 0 && handle < n_seqs);
	return &seqs[handle];
}

bool vocab_sound(void)
{
	vocab_warm();
	return !overflow;
}
