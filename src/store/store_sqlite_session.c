/* SPDX-License-Identifier: Apache-2.0
 *
 * The index of sessions.
 */
#include "store/store_sqlite.h"

#include <stdio.h>

#include "base/mem.h"

static struct lite *lite_of(struct store *s)
{
	return (struct lite *)s;
}

static int session_insert(struct lite *l, const struct store_session *x, int64_t counter)
{
	struct lite_use u = lite_begin(l, Q_SESSION_ADD);

	lite_bind_int(&u, counter);
	lite_bind_str(&u, x->id);
	lite_bind_str(&u, x->user);
	lite_bind_str(&u, x->person);
	lite_bind_str(&u, x->target);
	lite_bind_str(&u, x->database);
	lite_bind_str(&u, x->login);
	lite_bind_str(&u, x->source);
	lite_bind_str(&u, x->client);
	lite_bind_str(&u, x->cert_serial);
	lite_bind_int(&u, x->start_us);
	lite_bind_str(&u, x->on_behalf_of);
	return lite_run(&u, NULL);
}

/* Counter and row in one transaction: a crash between them leaves neither, so the counters have no
 * gap. */
int lite_session_start(struct store *s, const struct store_session *x, uint64_t *counter)
{
	struct lite *l = lite_of(s);
	int64_t v = 0;
	int rc = lite_tx_begin(l);

	*counter = 0;
	if (rc != 0)
		return rc;
	rc = lite_counter_next(l, "session", &v);
	if (rc == 0)
		rc = session_insert(l, x, v);
	rc = lite_tx_end(l, rc);
	if (rc == 0)
		*counter = (uint64_t)v;
	return rc;
}

static int session_exists(struct lite *l, const char *id)
{
	struct lite_use u = lite_begin(l, Q_SESSION_EXISTS);
	int rc;

	lite_bind_str(&u, id);
	rc = lite_step(&u);
	(void)lite_end(&u);
	return rc;
}

int lite_session_end(struct store *s, const char *id, const char *reason, int64_t end_us,
    uint64_t statements, uint64_t rows, uint64_t bytes)
{
	struct lite *l = lite_of(s);
	struct lite_use u = lite_begin(l, Q_SESSION_END);
	int changed, rc;

	lite_bind_str(&u, id);
	lite_bind_str(&u, reason);
	lite_bind_int(&u, end_us);
	lite_bind_u64(&u, statements);
	lite_bind_u64(&u, rows);
	lite_bind_u64(&u, bytes);
	rc = lite_run(&u, &changed);
	if (rc != 0 || changed == 1)
		return rc;
	rc = session_exists(l, id);
	return rc < 0 ? rc : rc > 0 ? E_STATE : E_NOTFOUND;
}

static void session_row(struct lite_use *u, struct store_session *x)
{
	x->id = lite_col_str(u, 0);
	x->counter = (uint64_t)lite_col_int(u, 1);
	x->user = lite_col_str(u, 2);
	x->person = lite_col_str(u, 3);
	x->target = lite_col_str(u, 4);
	x->database = lite_col_str(u, 5);
	x->login = lite_col_str(u, 6);
	x->source = lite_col_str(u, 7);
	x->client = lite_col_str(u, 8);
	x->cert_serial = lite_col_str(u, 9);
	x->start_us = lite_col_int(u, 10);
	x->end_us = lite_col_int(u, 11);
	x->end_reason = lite_col_str(u, 12);
	x->statements = (uint64_t)lite_col_int(u, 13);
	x->rows = (uint64_t)lite_col_int(u, 14);
	x->bytes = (uint64_t)lite_col_int(u, 15);
	x->on_behalf_of = lite_col_str(u, 16);
}

int lite_session_list(
    struct store *s, const struct store_session_filter *f, store_session_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(lite_of(s), f->live_only ? Q_SESSION_LIVE : Q_SESSION_LIST);
	const char *prefix = f->id_prefix != NULL ? f->id_prefix : "";
	struct store_session x;
	char end[64];
	int rc;

	/* ids are ASCII letters and digits: the prefix and then DEL ends the range */
	(void)snprintf(end, sizeof(end), "%.60s\x7f", prefix);
	lite_bind_str(&u, prefix);
	lite_bind_str(&u, end);
	lite_bind_int(&u, f->since_us);
	lite_bind_str_or_null(&u, f->user);
	lite_bind_str_or_null(&u, f->target);
	lite_bind_str_or_null(&u, f->on_behalf_of);
	lite_bind_u64(&u, f->limit != 0 ? f->limit : 1000);
	while ((rc = lite_step(&u)) > 0) {
		session_row(&u, &x);
		if (fn(ctx, &x) != 0)
			break;
	}
	return lite_end(&u);
}
