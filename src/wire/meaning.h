/* SPDX-License-Identifier: Apache-2.0
 *
 * What a statement means where it runs, as a request keeps it: a list of things with their values, in order. A thing is named by its
 * kind, then a space, then its name: "relation notes", "setting search_path", "prepared d". One line each, `KEY TAB VALUE NEWLINE`,
 * both escaped for a terminal, so that neither can look like another line. Whoever compares two of them says what differs.
 */
#ifndef SP_WIRE_MEANING_H
#define SP_WIRE_MEANING_H

#include "base/buf.h"

#define MEANING_MAX (64u * 1024)

/* Append one; an error is sticky in m. */
void meaning_put(struct buf *m, struct span key, struct span value);
/* The next line of *rest; false at the end or where a line is malformed. Spans borrow from the text and are still escaped. */
bool meaning_next(struct span *rest, struct span *key, struct span *value);
/* The value of a key; false when absent. */
bool meaning_get(struct span m, const char *key, struct span *value);
/* Do they differ? Then out says in one line what: the first thing, and how many others. */
bool meaning_differs(struct span was, struct span is, char *out, size_t cap);

#endif
