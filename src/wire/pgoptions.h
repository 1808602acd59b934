/* SPDX-License-Identifier: Apache-2.0
 *
 * The `options` of a PostgreSQL start-up packet (PGOPTIONS), read as the server splits them and written so that it splits
 * them the same way. Only settings are read; which of them may pass is not decided here.
 */
#ifndef SP_WIRE_PGOPTIONS_H
#define SP_WIRE_PGOPTIONS_H

#include "base/buf.h"

#define PGOPTIONS_NAME_MAX 128 /* no setting has a longer one */

enum pgoptions_got {
	PGOPTIONS_END = 0,
	PGOPTIONS_SETTING,
	PGOPTIONS_BAD, /* a word that is no setting: a switch of another kind, no value, too long */
};

struct pgoptions {
	struct span rest;
	struct buf word;
	char name[PGOPTIONS_NAME_MAX];
};

void pgoptions_init(struct pgoptions *o, struct span text); /* borrows text */
void pgoptions_clear(struct pgoptions *o);
/* The next of "-c name=value", "-cname=value", "--name=value"; a dash inside a name is an underscore. Name and value
 * borrow from o until the next call. PGOPTIONS_BAD: name is the word. */
enum pgoptions_got pgoptions_next(struct pgoptions *o, struct span *name, struct span *value);
/* Append "-c name=value", escaped. */
void pgoptions_put(struct buf *out, struct span name, struct span value);

#endif
