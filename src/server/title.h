/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a process in ps(1): forked processes say what they are.
 */
#ifndef SP_SERVER_TITLE_H
#define SP_SERVER_TITLE_H

/* Call first in main(); the strings of argv are moved away, *argv gets the copies. */
void title_init(int argc, char ***argv);
/* "sallyportd: TEXT" (and "sp-NAME" as the short name, NAME being the first word), cut to the room there is. */
void title_set(const char *text);

#endif
