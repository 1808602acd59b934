/* SPDX-License-Identifier: Apache-2.0
 *
 * Between pgup.c and pgupself.c.
 */
#ifndef SP_SESSION_PGUPINT_H
#define SP_SESSION_PGUPINT_H

#include "session/pgup.h"

/* Run one TLS handshake with libpq up to its first flight against ourselves, over the loopback if there is one. */
void pgup_warm_tls(void);

#endif
