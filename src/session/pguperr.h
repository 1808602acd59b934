/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a connection to PostgreSQL failed, in words that may be shown: libpq's own text names the server's address
 * and may hold uninitialised bytes, so it is only searched for known phrases.
 */
#ifndef SP_SESSION_PGUPERR_H
#define SP_SESSION_PGUPERR_H

#include "base/err.h"
#include "session/pgtrace.h"

/* raw: libpq's error text; t: the parsed trace (its error wins). Fills sqlstate and w; returns w's code. The
 * server's own words are passed on, escaped, unless they contain one of the hidden strings (NULL-terminated). */
int pguperr_explain(const char *raw, const struct pgtrace *t, const char *const *hidden, char sqlstate[6],
		    struct why *w);

#endif
