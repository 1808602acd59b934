/* SPDX-License-Identifier: Apache-2.0
 *
 * The options part of sallyport.yaml(5) in mdoc, written from the schema so that the manual cannot
 * forget a key.
 */
#include "conf/conf_fill.h"

/* mdoc: a line must not start with a control character, and each sentence starts a new line. */
static void put_sentences(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			buf_put_str(out, "\\e");
		else if (*s == '-')
			buf_put_str(out, "\\-");
		else
			buf_put_u8(out, (uint8_t)*s);
		if ((s[0] == '.' || s[0] == ';') && s[1] == ' ') {
			buf_put_u8(out, '\n');
			s++;
		}
	}
	buf_put_u8(out, '\n');
}

static void put_words(struct buf *out, const struct conf_words *w)
{
	int i;

	buf_put_str(out, "One of\n");
	for (i = w->first; i < w->n; i++)
		if (w->name(i) != NULL)
			buf_printf(out, ".Cm %s%s\n", w->name(i), i == w->n - 1 ? " ." : " ,");
}

static void put_default(struct buf *out, const struct conf_key *k)
{
	if (k->required)
		buf_put_str(out, "Required.\n");
	else if (k->dflt != NULL)
		buf_printf(out, "Default:\n.Ql %s .\n", k->dflt);
}

static void put_key(struct buf *out, const struct conf_key *k)
{
	buf_printf(out, ".It Cm %s : Ar %s\n", k->name, conf_types[k->type].name);
	put_sentences(out, k->desc);
	if (k->words != NULL && k->type != CT_VERDICT && k->type != CT_CLASSES &&
	    k->words->n > k->words->first + 1)
		put_words(out, k->words);
	put_default(out, k);
}

static void put_section(struct buf *out, const struct conf_section *sec, const char *path)
{
	size_t i;

	buf_printf(out, ".Ss %s\n", path);
	put_sentences(out, sec->desc);
	buf_put_str(out, ".Bl -tag -width Ds\n");
	for (i = 0; i < sec->n_keys; i++)
		if (sec->keys[i].type != CT_UNSUPPORTED)
			put_key(out, &sec->keys[i]);
	buf_put_str(out, ".El\n");
}

void conf_manual(struct buf *out)
{
	size_t s;

	for (s = 0; s < CONF_SECTIONS; s++) {
		put_section(out, &conf_sections[s], conf_sections[s].name);
		if (s == SEC_TARGETS)
			put_section(out, &conf_section_login, "targets: logins");
	}
}
