/* SPDX-License-Identifier: Apache-2.0
 *
 * Using statements: prepared once, bound in order, errors kept until the end; and transactions.
 */
#include "store/store_sqlite.h"

#include <errno.h>
#include <sqlite3.h>

static const struct {
	int lite, ours;
} error_map[] = {{SQLITE_OK, 0}, {SQLITE_BUSY, -EBUSY}, {SQLITE_LOCKED, -EBUSY},
    {SQLITE_CONSTRAINT, E_EXISTS}, {SQLITE_FULL, -ENOSPC}, {SQLITE_IOERR, -EIO},
    {SQLITE_READONLY, -EROFS}, {SQLITE_CORRUPT, E_TAMPER}, {SQLITE_NOTADB, E_TAMPER},
    {SQLITE_CANTOPEN, -EACCES}, {SQLITE_NOMEM, E_NOMEM}, {SQLITE_TOOBIG, E_TOOBIG},
    {SQLITE_PERM, -EACCES}, {SQLITE_AUTH, -EACCES}};

int lite_error(int rc)
{
	size_t i;

	for (i = 0; i < sizeof(error_map) / sizeof(error_map[0]); i++)
		if (error_map[i].lite == (rc & 0xff))
			return error_map[i].ours;
	return E_INTERNAL;
}

static void use_check(struct lite_use *u, int rc)
{
	if (u->err == 0 && rc != SQLITE_OK)
		u->err = lite_error(rc);
}

struct lite_use lite_begin(struct lite *l, enum lite_query q)
{
	struct lite_use u = {l, NULL, false, 1, 0};
	unsigned flags = SQLITE_PREPARE_PERSISTENT;

	if (l->cache[q] != NULL && !sqlite3_stmt_busy(l->cache[q])) {
		u.st = l->cache[q];
		return u;
	}
	u.own = l->cache[q] != NULL;
	use_check(&u, sqlite3_prepare_v3(l->db, lite_sql[q], -1, u.own ? 0 : flags, &u.st, NULL));
	if (u.err == 0 && !u.own)
		l->cache[q] = u.st;
	return u;
}

void lite_bind_int(struct lite_use *u, int64_t v)
{
	if (u->err == 0)
		use_check(u, sqlite3_bind_int64(u->st, u->next++, v));
}

void lite_bind_u64(struct lite_use *u, uint64_t v)
{
	lite_bind_int(u, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

/* The caller's text is borrowed until lite_end(), which comes before the caller returns. */
void lite_bind_str(struct lite_use *u, const char *s)
{
	if (u->err == 0)
		use_check(
		    u, sqlite3_bind_text(u->st, u->next++, s != NULL ? s : "", -1, SQLITE_STATIC));
}

void lite_bind_str_or_null(struct lite_use *u, const char *s)
{
	if (s != NULL)
		lite_bind_str(u, s);
	else if (u->err == 0)
		use_check(u, sqlite3_bind_null(u->st, u->next++));
}

void lite_bind_blob(struct lite_use *u, struct span s)
{
	if (u->err != 0)
		return;
	if (s.n == 0) /* a NULL pointer would bind NULL */
		use_check(u, sqlite3_bind_zeroblob(u->st, u->next++, 0));
	else
		use_check(u, sqlite3_bind_blob64(u->st, u->next++, s.p, s.n, SQLITE_STATIC));
}

int lite_step(struct lite_use *u)
{
	int rc;

	if (u->err != 0)
		return u->err;
	rc = sqlite3_step(u->st);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	u->err = lite_error(rc);
	return u->err;
}

int64_t lite_col_int(struct lite_use *u, int col)
{
	return sqlite3_column_int64(u->st, col);
}

const char *lite_col_str(struct lite_use *u, int col)
{
	const unsigned char *s = sqlite3_column_text(u->st, col);

	return s != NULL ? (const char *)s : "";
}

struct span lite_col_blob(struct lite_use *u, int col)
{
	const void *p = sqlite3_column_blob(u->st, col);
	int n = sqlite3_column_bytes(u->st, col);

	return span_of(p != NULL ? p : "", p != NULL && n > 0 ? (size_t)n : 0);
}

int lite_end(struct lite_use *u)
{
	if (u->st == NULL)
		return u->err;
	(void)sqlite3_reset(u->st);
	(void)sqlite3_clear_bindings(u->st);
	if (u->own)
		(void)sqlite3_finalize(u->st);
	u->st = NULL;
	return u->err;
}

int lite_run(struct lite_use *u, int *changed)
{
	int rc;

	do
		rc = lite_step(u);
	while (rc > 0);
	if (changed != NULL)
		*changed = rc == 0 ? sqlite3_changes(u->l->db) : 0;
	return lite_end(u);
}

void lite_close_statements(struct lite *l)
{
	size_t i;

	for (i = 0; i < Q_N; i++) {
		(void)sqlite3_finalize(l->cache[i]);
		l->cache[i] = NULL;
	}
}

/* --- transactions --- */

int lite_tx_begin(struct lite *l)
{
	struct lite_use u = lite_begin(l, Q_BEGIN);

	return lite_run(&u, NULL);
}

int lite_tx_end(struct lite *l, int rc)
{
	struct lite_use u;
	int undo;

	if (rc == 0) {
		u = lite_begin(l, Q_COMMIT);
		rc = lite_run(&u, NULL);
	}
	if (rc != 0 && sqlite3_get_autocommit(l->db) == 0) {
		u = lite_begin(l, Q_ROLLBACK);
		undo = lite_run(&u, NULL);
		rc = undo != 0 ? undo : rc;
	}
	return rc;
}

int lite_counter_next(struct lite *l, const char *name, int64_t *v)
{
	struct lite_use u = lite_begin(l, Q_COUNTER_NEXT);
	int rc;

	lite_bind_str(&u, name);
	rc = lite_step(&u);
	if (rc > 0)
		*v = lite_col_int(&u, 0);
	(void)lite_end(&u);
	return rc > 0 ? (*v > 0 ? 0 : E_INTERNAL) : rc < 0 ? rc : E_INTERNAL;
}
