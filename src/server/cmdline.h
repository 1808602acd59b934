/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of an ssh exec request → verb and arguments. Own rules, no shell: words are
 * separated by blanks, ' and " group, \ takes the next byte; a verb's rest option (verbs.h) takes
 * everything behind it as it stands, because ssh joins words with blanks and drops the user's
 * quotes. An empty line is the verb `welcome`.
 */
#ifndef SP_SERVER_CMDLINE_H
#define SP_SERVER_CMDLINE_H

#include "base/err.h"
#include "base/span.h"
#include "server/verbs.h"

#define CMDLINE_MAX_ARGS 32
#define CMDLINE_MAX      (64 * 1024) /* bytes of the line */

struct cmdline {
	const struct verb *verb;
	size_t argc;
	char *argv[CMDLINE_MAX_ARGS + 1]; /* behind the verb; NULL-ended */
	char *mem;
};

/* 0; E_UNKNOWN no such verb, E_FORMAT quotes or NUL, E_TOOBIG; w says it. Clear after success. */
int cmdline_parse(struct span line, struct cmdline *out, struct why *w) MUST_CHECK;
void cmdline_clear(struct cmdline *c);

#endif
