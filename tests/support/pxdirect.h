/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: a raw protocol connection straight to the test server (trusted, by its unix socket), to compare with and
 * to look behind the proxy; and the server's log.
 */
#ifndef SP_TESTS_PXDIRECT_H
#define SP_TESTS_PXDIRECT_H

#include "base/buf.h"

struct direct {
	int fd;
	struct buf tx, rx;
};

void direct_open(struct direct *d, const char *db, const char *user);
void direct_close(struct direct *d);
/* Sends d->tx and reads until n ReadyForQuery came: types without the letters in skip, in lab_ring(). */
const char *direct_run(struct direct *d, size_t n, const char *skip);
/* Sends d->tx and reads until these bytes and then a ReadyForQuery came. */
bool direct_until(struct direct *d, const char *mark);
/* Value of the first row of a query as the superuser, "" when there is none. */
const char *direct_sql(const char *db, const char *sql);
const char *direct_types(struct span rx, const char *skip);

/* Lines of the server's log about the session called name that hold these bytes. */
size_t server_log_count(const char *name, const char *bytes);
/* Calls fn with each statement that the session called name had executed (continuation lines joined by \n). */
void server_log_each(const char *name, void (*fn)(void *ctx, const char *statement), void *ctx);

#endif
