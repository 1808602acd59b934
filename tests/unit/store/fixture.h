/* SPDX-License-Identifier: Apache-2.0
 *
 * A store in a fresh directory, and requests and sessions to put in.
 */
#ifndef SP_TEST_STORE_FIXTURE_H
#define SP_TEST_STORE_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"

#define SEC 1000000LL

static char dir[64], path[128], spec[256];

static struct store *open_again(void)
{
	struct store *s = NULL;
	struct why w;

	cr_assert_eq(store_open(spec, &s, &w), 0, "%s", w.text);
	return s;
}

static struct store *open_fresh(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/test_store.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/state.db", dir);
	(void)snprintf(spec, sizeof(spec), "sqlite:%s", path);
	return open_again();
}

static void remove_all(void)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".link"};
	char name[200];
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		(void)unlink(name);
	}
	(void)rmdir(dir);
}

static inline struct store_request a_request(const char *id)
{
	struct store_request r = {.id = id,
	    .session = "01JD8M0000000000000000000A",
	    .user = "alice@example.com",
	    .person = "alice",
	    .on_behalf_of = "",
	    .target = "orders-prod",
	    .database = "orders",
	    .login = "app_ro",
	    .sql = span_of("delete\0from t", 13),
	    .params = span_of("\x91\x01", 2),
	    .cls = "bulk",
	    .rule = "base:env=prod/bulk",
	    .reason = "no bound",
	    .meaning = "role=x",
	    .effect = "changes 3 of 10 rows",
	    .effect_rows = 3,
	    .tx = "idle",
	    .approval = "one-dba",
	    .approvers = "dba",
	    .quorum = 1,
	    .waiting = true,
	    .created_us = 100 * SEC,
	    .deadline_us = 200 * SEC};

	memset(r.binding, 7, sizeof(r.binding));
	return r;
}

static inline struct store_session a_session(const char *id)
{
	return (struct store_session){.id = id,
	    .user = "alice@example.com",
	    .person = "alice",
	    .target = "orders-prod",
	    .database = "orders",
	    .login = "app_ro",
	    .source = "203.0.113.9",
	    .client = "psql",
	    .cert_serial = "1041",
	    .start_us = 5 * SEC};
}

#endif
