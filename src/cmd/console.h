/* SPDX-License-Identifier: Apache-2.0
 *
 * The `sql` verb: a console run by the gateway, a client of the same proxy path as every other (descriptor 4 is the
 * stream that the session process feeds to its proxy). Policy, recording and masking are not its business.
 */
#ifndef SP_CMD_CONSOLE_H
#define SP_CMD_CONSOLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/span.h"

enum console_format { CONSOLE_TABLE, CONSOLE_CSV, CONSOLE_JSON };

/* argv[0] = "sql". Exit status: 0, 1 failed, 2 usage, 4 denied, 5 pending approval, 75 try again. */
int verb_sql(int argc, char **argv);

/* ---- between the files of the console ---- */
struct console; /* opaque: holds the libpq connection */

/* Run one text (one or more statements in one message); prints results and errors; an exit status. */
int console_run(struct console *c, struct span sql);
/* Statements one after the other, each its own message; stops at the first failure. */
int console_run_all(struct console *c, struct span sql);
/* Read statements from a terminal until \q or end of file. */
int console_interactive(struct console *c, const char *target);
void console_set_format(struct console *c, enum console_format f);
void console_set_expanded(struct console *c, bool on);
bool console_expanded(const struct console *c);
/* Cancel what runs or waits; async-signal-safe. */
void console_cancel_now(void);
/* Is a transaction open ('T'), failed ('E') or none ('I')? */
char console_status(const struct console *c);
/* Has the connection ended? */
bool console_gone(const struct console *c);
/* Wait for a key; what the gateway says meanwhile is printed below the line being typed. False: the connection has ended. *said:
 * something was printed. Interrupted by a signal: true, with errno EINTR. */
bool console_wait_key(struct console *c, bool *said);

#endif
