/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/support/pgtmp.sh from C: one throw-away PostgreSQL server for a whole test program. A program's main()
 * starts it, the environment tells each test (Criterion runs every test in a process of its own) where it is.
 */
#ifndef SP_TESTS_PGSERVER_H
#define SP_TESTS_PGSERVER_H

#include <stdbool.h>

/* options: words for pgtmp_start. False (and no environment) when PostgreSQL is not installed or did not start. */
bool pgserver_start(const char *options);
void pgserver_stop(void);

/* In a test: 0 when there is no server. */
int pgserver_port(void);
const char *pgserver_dir(void);
/* psql as the superuser; true on success. */
bool pgserver_sql(const char *db, const char *sql);
bool pgserver_file(const char *db, const char *path);
/* A connected, non-blocking TCP socket to the server. */
int pgserver_dial(void);

#endif
