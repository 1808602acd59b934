/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the text that PQtrace() wrote while libpq connected: names of the reported parameters, the cancel key and
 * the error of a failed connect, none of which libpq's interface tells. Values are not taken from here (they are
 * ambiguous in the text); a key that appears twice makes the whole trace unusable.
 */
#ifndef SP_SESSION_PGTRACE_H
#define SP_SESSION_PGTRACE_H

#include "base/cur.h"

#define PGTRACE_NAMES 64
#define PGTRACE_NAME_MAX 64

struct pgtrace {
	char names[PGTRACE_NAMES][PGTRACE_NAME_MAX]; /* in the server's order, each once */
	size_t n_names;
	bool ready;    /* ReadyForQuery was seen */
	bool has_key;
	uint32_t pid, key;
	char sqlstate[6];  /* of the last ErrorResponse, or "" */
	char message[256]; /* its text, as sent (untrusted) */
};

/* 0, E_FORMAT (not the format of libpq 14 to 17, or contradictory) or E_TOOBIG (too many or too long names). */
int pgtrace_parse(struct span text, struct pgtrace *out) MUST_CHECK;

#endif
