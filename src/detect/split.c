/* SPDX-License-Identifier: Apache-2.0
 *
 * Names into words: cut at separators, case changes and digits; fold accents; expand abbreviations;
 * singular; and cut glued words ("custemail") when every part is a known word. Does not judge what
 * the words mean.
 */
#include "detect/split.h"

#include <string.h>

#include "detect/vocab.h"

#define PIECE_MIN 2
#define GLUE_MIN  6 /* shorter words are not taken apart */
#define GLUE_MAX  40

/* Where the cutter stands: raw folded words, before the vocabulary sees them. */
struct cutter {
	char word[128];
	size_t n;
	struct name_words *out;
};

/* U+00C0..U+00DF, small letters alike; a space: not a letter. */
static const char latin1_fold[] = "aaaaaaaceeeeiiiidnooooo ouuuuyty";
/* U+0100..U+017F */
static const char latin_a_fold[] =
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiijjjjkkkllllllllll"
    "nnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

static void word_put(struct name_words *o, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (o->n == NAME_WORDS_MAX || n >= NAME_TEXT_MAX - o->used) {
		o->cut = true;
		return;
	}
	memcpy(o->text + o->used, p, n);
	o->text[o->used + n] = '\0';
	o->w[o->n] = o->text + o->used;
	o->v[o->n++] = vocab_find(p, n);
	o->used += n + 1;
}

/* A word of the vocabulary, in its normal form. */
static void known_put(struct name_words *o, const struct vocab_word *v)
{
	const char *p = v->as;

	if (p == NULL) {
		word_put(o, v->p, v->len);
		return;
	}
	while (*p != '\0') {
		size_t n = strcspn(p, " ");

		word_put(o, p, n);
		p += n + (p[n] == ' ');
	}
}

/* The word or its singular. */
static const struct vocab_word *find_singular(const char *p, size_t n)
{
	const struct vocab_word *v = vocab_find(p, n);
	char y[64];

	if (v != NULL || n < 4 || p[n - 1] != 's' || n >= sizeof(y))
		return v;
	if (n > 4 && memcmp(p + n - 3, "ies", 3) == 0) {
		memcpy(y, p, n - 3);
		y[n - 3] = 'y';
		v = vocab_find(y, n - 2);
	}
	if (v == NULL)
		v = vocab_find(p, n - 1);
	if (v == NULL && p[n - 2] == 'e')
		v = vocab_find(p, n - 2);
	return v;
}

/* May a glued name have this part? Of the short words only those that people do glue on. */
static bool is_piece(const char *p, size_t n)
{
	static const char shorts[] = " pw cc no nr id ip tel fax zip ssn dob mob pin key otp api emp usr acc num "
				     "pwd ref sms app tax url mac iso msg day new old sub org ";
	char word[6] = " ";

	if (n > 3)
		return find_singular(p, n) != NULL;
	memcpy(word + 1, p, n);
	word[n + 1] = ' ';
	return strstr(shorts, word) != NULL && vocab_find(p, n) != NULL;
}

/* Cut p into the fewest known words of at least PIECE_MIN letters: take[i] is the length of the
 * word that starts at i in the best cut of the rest, best[i] how many words that needs. */
static bool glue_cut(const char *p, size_t n, uint8_t take[GLUE_MAX + 1])
{
	uint8_t best[GLUE_MAX + 1];

	if (n < GLUE_MIN || n > GLUE_MAX)
		return false;
	best[n] = 0;
	for (size_t i = n; i-- > 0;) {
		best[i] = UINT8_MAX;
		for (size_t len = PIECE_MIN; len <= n - i; len++) {
			if (best[i + len] == UINT8_MAX || best[i + len] + 1 >= best[i] ||
			    !is_piece(p + i, len))
				continue;
			best[i] = (uint8_t)(best[i + len] + 1);
			take[i] = (uint8_t)len;
		}
	}
	return best[0] != UINT8_MAX;
}

static void cutter_flush(struct cutter *c)
{
	const struct vocab_word *v = find_singular(c->word, c->n);
	uint8_t take[GLUE_MAX + 1];

	if (v != NULL) {
		known_put(c->out, v);
	} else if (glue_cut(c->word, c->n, take)) {
		for (size_t i = 0; i < c->n; i += take[i])
			known_put(c->out, find_singular(c->word + i, take[i]));
	} else {
		word_put(c->out, c->word, c->n);
	}
	c->n = 0;
}

static void cutter_add(struct cutter *c, const char *p, size_t n)
{
	if (n > sizeof(c->word) - c->n) {
		c->out->cut = true;
		return;
	}
	memcpy(c->word + c->n, p, n);
	c->n += n;
}

/* Two bytes of UTF-8, U+0080..U+07FF: Latin letters lose their accent, Cyrillic capitals become
 * small. */
static void fold_two(struct cutter *c, const uint8_t *s)
{
	unsigned cp = ((s[0] & 0x1fu) << 6) | (s[1] & 0x3fu);
	char two[2];

	if (cp == 0xdf || cp == 0xc6 || cp == 0xe6) {
		cutter_add(c, cp == 0xdf ? "ss" : "ae", 2);
	} else if (cp >= 0xc0 && cp <= 0xff && latin1_fold[(cp - 0xc0) & 31] != ' ') {
		cutter_add(c, &latin1_fold[(cp - 0xc0) & 31], 1);
	} else if (cp >= 0x100 && cp < 0x100 + sizeof(latin_a_fold) - 1) {
		cutter_add(c, &latin_a_fold[cp - 0x100], 1);
	} else {
		cp = cp >= 0x410 && cp <= 0x42f ? cp + 0x20 : cp;
		two[0] = (char)(0xc0 | (cp >> 6));
		two[1] = (char)(0x80 | (cp & 0x3f));
		cutter_add(c, two, 2);
	}
}

static bool is_upper(uint8_t ch)
{
	return ch >= 'A' && ch <= 'Z';
}

static bool is_lower(uint8_t ch)
{
	return ch >= 'a' && ch <= 'z';
}

static bool is_digit(uint8_t ch)
{
	return ch >= '0' && ch <= '9';
}

/* Does a word begin at s[1], given that s[0] and s[1] are not separators? */
static bool boundary(const uint8_t *s)
{
	if (is_digit(s[0]) != is_digit(s[1]))
		return true;
	if (is_lower(s[0]) && is_upper(s[1]))
		return true;
	return is_upper(s[0]) && is_upper(s[1]) &&
	       is_lower(s[2]); /* IPAddress: s[2] is at worst the NUL */
}

static void cut_byte(struct cutter *c, const uint8_t *s)
{
	char low = (char)(is_upper(s[0]) ? s[0] + ('a' - 'A') : s[0]);

	cutter_add(c, &low, 1);
	if (s[1] < 0x80 && boundary(s))
		cutter_flush(c);
}

void name_split(const char *name, struct name_words *out)
{
	const uint8_t *s = (const uint8_t *)(name != NULL ? name : "");
	struct cutter c = {.n = 0, .out = out};

	*out = (struct name_words){0};
	while (*s != 0) {
		if (is_upper(*s) || is_lower(*s) || is_digit(*s)) {
			cut_byte(&c, s++);
		} else if ((*s & 0xe0) == 0xc0 && (s[1] & 0xc0) == 0x80) {
			fold_two(&c, s);
			s += 2;
		} else if (*s >= 0x80) {
			cutter_add(&c, (const char *)s++, 1);
		} else {
			cutter_flush(&c);
			s++;
		}
	}
	cutter_flush(&c);
}
