/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookup of the words of column and table names: what they veto, what context they make, what they
 * stand for, and the word sequences that begin with them. The decision is in name.c, the words in
 * lexicon.c and lexalias.c.
 */
#ifndef SP_DETECT_VOCAB_H
#define SP_DETECT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define W_VETO    0x0001u /* behind a sensitive word: the column is about it, not it (email_count) */
#define W_ASK     0x0002u /* before a sensitive word: the same (is_email, has_password) */
#define W_PERSON  0x0004u /* as a table: rows are persons; beside "name": a person's name */
#define W_PLACE   0x0008u /* as a table: rows are public places or firms */
#define W_LOG     0x0010u /* as a table: rows are network requests */
#define W_COMMS   0x0020u /* as a table: rows are what people wrote to each other */
#define W_PRODUCT 0x0040u /* as a table: rows are things for sale, releases, definitions */
#define W_NOISE   0x0080u /* as a part of a table name: says nothing */
#define W_HOLDER  0x0100u /* as a table's last word: the word before it says whose (user_profile)  \
			   */
#define W_GENERIC 0x0200u /* as a column: means what the table is named after (phones.number) */

#define S_PERSON     0x01u /* only where rows are persons */
#define S_PRIVATE    0x02u /* not where rows are public places */
#define S_LOG        0x04u /* only in request logs */
#define S_COMMS      0x08u /* only in what people wrote */
#define S_WHOLE      0x10u /* only as the whole name */
#define S_TEXTUAL    0x20u /* only in text, json or unknown types */
#define S_NOTPRODUCT 0x40u
#define S_SMALLINT   0x80u /* also as a small number: a PIN, a card's check value, a postal code */

struct vocab_seq {
	const char *p; /* words in normal form, one space between; not terminated */
	uint8_t len;
	uint8_t kind;  /* enum pii_kind; PII_NONE: known to be harmless */
	uint8_t when;  /* S_* */
	uint16_t next; /* handle of the next one with the same first word; 0 ends */
};

struct vocab_word {
	const char *p;  /* not terminated */
	const char *as; /* normal form, one or more words, or NULL */
	uint8_t len;
	uint16_t flags; /* W_* */
	uint16_t seq;   /* handle of the first sequence that begins with it; 0: none */
};

/* Build the lookup tables; otherwise done by the first lookup. Call before forking to share the
 * pages. */
void vocab_warm(void);
/* NULL when unknown. */
const struct vocab_word *vocab_find(const char *p, size_t n);
const struct vocab_seq *vocab_seq_get(uint16_t handle);
/* For tests: did every word and sequence find its place? */
bool vocab_sound(void);

#endif
