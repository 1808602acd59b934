/* SPDX-License-Identifier: Apache-2.0
 *
 * The web process as the main process has it: listening sockets and TLS files are opened here, as root, and kept; the program gets
 * them at each start. A reload that finds other bytes in the TLS files starts it anew.
 */
#ifndef SP_SERVER_WEB_START_H
#define SP_SERVER_WEB_START_H

#include "server/dsetup.h"
#include "server/keeper.h"
#include "server/monitor.h"

struct web_start;

/* Listens and reads what web.* names; *out NULL when there is no web.url. */
int web_start_new(const struct conf *c, struct web_start **out, struct why *w) MUST_CHECK;
/* h: what all programs have in common; path, name, descriptors and arguments are filled in here. */
int web_start_run(struct web_start *s, struct loop *l, struct monitor *m, const struct helper_exec *h, struct why *w) MUST_CHECK;
/* Look at the TLS files again. NULL is fine. */
void web_start_reloaded(struct web_start *s);
/* After monitor_free(), which closed its socket. NULL is fine. */
void web_start_free(struct web_start *s, int wait_ms);

#endif
