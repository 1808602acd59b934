/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks of text by kind. A part is shown only when the value has the shape of its kind, is long
 * enough that the part does not tell the rest, and is no derived expression; star counts are fixed.
 * Everything else is eight stars. The output is always UTF-8: what is shown is ASCII or a code
 * point that was checked.
 */
#include "mask/form.h"

#include "mask/kind.h"

#define STARS "********"

void form_set(struct form *f, const char *text)
{
	f->n = 0;
	form_add(f, text, strlen(text));
}

void form_add(struct form *f, const void *p, size_t n)
{
	if (n > sizeof(f->p) - f->n)
		return;
	memcpy(f->p + f->n, p, n);
	f->n += n;
}

static void add(struct form *f, const char *text)
{
	form_add(f, text, strlen(text));
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(uint8_t c)
{
	return is_digit(c) || is_letter(c);
}

static size_t utf8_count(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static struct span span_from(struct span s, size_t at)
{
	return span_of(s.p + at, s.n - at);
}

/* The first letter of a part of an e-mail when the part is long enough not to be told by it. */
static void add_first(struct form *f, struct span part)
{
	if (part.n >= 3 && is_alnum(part.p[0]))
		form_add(f, part.p, 1);
	add(f, "***");
}

/* l***@e***.com */
static bool text_email(struct span v, struct form *f)
{
	const uint8_t *sign = v.n > 0 ? memchr(v.p, '@', v.n) : NULL;
	struct span local, host, tld;
	size_t dot;

	if (sign == NULL)
		return false;
	local = span_of(v.p, (size_t)(sign - v.p));
	host = span_from(v, local.n + 1);
	for (dot = host.n; dot > 0 && host.p[dot - 1] != '.'; dot--) {
		if (!is_letter(host.p[dot - 1]))
			return false;
	}
	tld = span_from(host, dot);
	if (local.n == 0 || dot < 2 || tld.n < 2 || tld.n > 24 || memchr(v.p, ' ', v.n) != NULL)
		return false;
	add_first(f, local);
	add(f, "@");
	add_first(f, span_of(host.p, dot - 1));
	add(f, ".");
	form_add(f, tld.p, tld.n);
	return true;
}

/* The last n letters or digits of v, when it holds at least min of them and nothing but them and
 * separators. */
static bool add_last(
    struct form *f, struct span v, size_t n, size_t min, const char *separators, bool letters)
{
	uint8_t last[4] = {0};
	size_t seen = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (is_digit(v.p[i]) || (letters && is_letter(v.p[i])))
			last[seen++ % n] = v.p[i];
		else if (v.p[i] == 0 || strchr(separators, v.p[i]) == NULL)
			return false;
	}
	if (seen < min)
		return false;
	for (size_t i = 0; i < n; i++)
		form_add(f, &last[(seen + i) % n], 1);
	return true;
}

static bool text_phone(struct span v, struct form *f)
{
	form_set(f, "*** *** **");
	return add_last(f, v, 2, 7, " +-()./x", false);
}

static bool text_card(struct span v, struct form *f)
{
	form_set(f, "**** **** **** ");
	return add_last(f, v, 4, 12, " -", false);
}

static bool is_ssn(struct span v)
{
	return v.n == 11 && v.p[3] == '-' && v.p[6] == '-';
}

static bool text_national(struct span v, struct form *f)
{
	form_set(f, is_ssn(v) ? "***-**-" : "*****");
	if (add_last(f, v, 4, 9, " -./", true))
		return true;
	form_set(f, "*****");
	return add_last(f, v, 2, 7, " -./", true);
}

/* DE** **** **67, or the last two of another account number. */
static bool text_iban(struct span v, struct form *f)
{
	if (v.n >= 15 && is_letter(v.p[0]) && is_letter(v.p[1]) && is_digit(v.p[2]) &&
	    is_digit(v.p[3])) {
		form_add(f, v.p, 2);
		add(f, "** **** **");
		return add_last(f, span_from(v, 2), 2, 13, " -", true);
	}
	form_set(f, STARS);
	return add_last(f, v, 2, 8, " -/", false);
}

/* The length of the code point at v[0] when its letter may stand for a name: Latin, Greek, Cyrillic
 * and such; where one character is a whole syllable or name, nothing is shown. */
static size_t initial_len(struct span v)
{
	unsigned cp;

	if (v.n > 0 && is_letter(v.p[0]))
		return 1;
	if (v.n < 2 || (v.p[0] & 0xe0) != 0xc0 || (v.p[1] & 0xc0) != 0x80)
		return 0;
	cp = ((v.p[0] & 0x1fu) << 6) | (v.p[1] & 0x3fu);
	return cp >= 0xc0 && cp < 0x590 ? 2 : 0;
}

static bool add_initial(struct form *f, struct span word)
{
	size_t n = utf8_count(word) >= 2 ? initial_len(word) : 0;

	if (n == 0)
		return false;
	if (f->n > 0)
		add(f, " ");
	form_add(f, word.p, n);
	add(f, ".");
	return true;
}

/* A. S.: the initials of the first and the last word. */
static bool text_name(struct span v, struct form *f)
{
	size_t first = 0, last;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < ' ' || is_digit(v.p[i]) || v.p[i] == '@')
			return false;
	}
	while (v.n > 0 && v.p[v.n - 1] == ' ') /* character(n) is padded */
		v.n--;
	while (first < v.n && v.p[first] != ' ')
		first++;
	for (last = v.n; last > 0 && v.p[last - 1] != ' ';)
		last--;
	if (!add_initial(f, span_of(v.p, first)))
		return false;
	return last == 0 || add_initial(f, span_from(v, last));
}

typedef bool text_fn(struct span v, struct form *f);

static text_fn *const parts[MASK_KIND_N] = {
    [MASK_KIND_NAME] = text_name,
    [MASK_KIND_EMAIL] = text_email,
    [MASK_KIND_PHONE] = text_phone,
    [MASK_KIND_BIRTH] = mask_birth_text,
    [MASK_KIND_NATIONAL] = text_national,
    [MASK_KIND_CARD] = text_card,
    [MASK_KIND_IBAN] = text_iban,
    [MASK_KIND_IP] = mask_address_text,
    [MASK_KIND_GEO] = mask_decimal_text,
};

bool mask_text(const struct mask_col *c, struct span value, struct form *f)
{
	text_fn *part = c->kind > 0 && c->kind < MASK_KIND_N ? parts[c->kind] : NULL;

	f->n = 0;
	if (part == NULL || c->derived || value.n > 1024 || !span_is_utf8(value) ||
	    !part(value, f) || span_eq(span_of(f->p, f->n), value))
		form_set(f, STARS);
	return true;
}

bool mask_is_form(struct span text)
{
	static const char *const marks[] = {"***", "<masked/>", "\\x2a2a2a2a2a2a2a2a"};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		size_t n = strlen(marks[i]);

		if (text.n >= n && memmem(text.p, text.n, marks[i], n) != NULL)
			return true;
	}
	return span_is(text, "00000000-0000-0000-0000-000000000000");
}
