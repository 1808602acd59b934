/* SPDX-License-Identifier: Apache-2.0
 *
 * The closed list of error codes, and `struct why`, the sentence a person gets.
 * Low floors return these codes and never log or exit; the floor that ends a matter logs once.
 */
#ifndef SP_BASE_ERR_H
#define SP_BASE_ERR_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define SP_PRINTF(a, b) __attribute__((format(printf, a, b)))

/* 0 = success; -1..-999 are -errno; ours start at -1000. */
enum sp_err {
	E_SHORT = -1000,    /* input ended inside a field */
	E_TRAILING = -1001, /* bytes left behind a complete object */
	E_FORMAT = -1002,   /* malformed */
	E_TOOBIG = -1003,   /* over a named maximum */
	E_MORE = -1004,     /* framer: need more bytes (not a failure) */
	E_UNKNOWN = -1005,  /* unknown type, name or option */
	E_DENIED = -1006,   /* policy or permission says no */
	E_STATE = -1007,    /* not allowed in this state */
	E_CRYPTO = -1008,   /* signature, digest or key failure */
	E_NOTFOUND = -1009,
	E_EXISTS = -1010,
	E_EXPIRED = -1011,
	E_TAMPER = -1012,   /* a recording or log does not verify */
	E_CLOSED = -1013,   /* peer is gone */
	E_LIMIT = -1014,    /* a rate, count or time limit */
	E_CONFIG = -1015,
	E_NOMEM = -1016,
	E_INTERNAL = -1017, /* our bug */
};

/* One short sentence for any code above or -errno; never NULL, never to be freed. */
const char *err_str(int code);

/* Why something failed, for a person: fixed size, filled at the point of failure. */
struct why {
	int code;
	char text[256]; /* what and why, no newline, no trailing dot */
	char hint[256]; /* what to do next, or "" */
};

/* Fill w (may be NULL) and return code, so that `return why_set(...)` reads well. Clears hint. */
int why_set(struct why *w, int code, const char *fmt, ...) SP_PRINTF(3, 4);
/* Add the hint to an already filled w (may be NULL). */
void why_hint(struct why *w, const char *fmt, ...) SP_PRINTF(2, 3);

#endif
