/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQLite driver: opening, checking and making the file. WAL with synchronous=FULL: a commit
 * that returned is on disk. Several processes may open the same file; every change is one immediate
 * transaction.
 */
#include "store/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store_schema.h"

#define BUSY_MS           5000
#define APPLICATION_ID    0x53505354 /* "SPST" */
#define QUICK_CHECK_BYTES (64 << 20)

static int fail(struct why *w, const char *path, struct lite *l, int rc, const char *what)
{
	int code = lite_error(rc);

	if (code == E_TAMPER) {
		(void)why_set(w, code, "the state store %s is damaged or not a state store: %s",
		    path, l->db != NULL ? sqlite3_errmsg(l->db) : what);
		why_hint(w, "restore it from a backup; recordings are not affected");
		return code;
	}
	return why_set(w, code, "cannot %s the state store %s: %s", what, path,
	    l->db != NULL ? sqlite3_errmsg(l->db) : sqlite3_errstr(rc));
}

static int exec(struct lite *l, const char *sql)
{
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL);
}

/* The first column of the first row as a number. */
static int exec_int(struct lite *l, const char *sql, int64_t *v)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(l->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*v = sqlite3_column_int64(st, 0);
		rc = SQLITE_OK;
	} else if (rc == SQLITE_DONE) {
		rc = SQLITE_CORRUPT;
	}
	(void)sqlite3_finalize(st);
	return rc;
}

/* Make the file ourselves: 0600 from its first moment, never through a link, never a device. */
static int make_file(const char *path, off_t *size, struct why *w)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	struct stat sb;
	int rc = 0;

	if (fd < 0)
		return why_set(
		    w, -errno, "cannot open the state store %s: %s", path, err_str(-errno));
	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode))
		rc = why_set(w, E_FORMAT, "the state store %s is not a regular file", path);
	else if ((sb.st_mode & 077) != 0 && fchmod(fd, 0600) != 0)
		rc = why_set(
		    w, -errno, "cannot make the state store %s private: %s", path, err_str(-errno));
	*size = rc == 0 ? sb.st_size : 0;
	(void)close(fd);
	return rc;
}

/* SQLITE_OPEN_NOFOLLOW refuses links anywhere in the path: resolve the directory, not the file. */
static int real_path(const char *path, char *out, size_t cap, struct why *w)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX], real[PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%.*s", slash != NULL ? (int)(slash - path) : 1,
	    slash != NULL ? path : ".");
	if (realpath(slash == path ? "/" : dir, real) == NULL)
		return why_set(
		    w, -errno, "no directory for the state store %s: %s", path, err_str(-errno));
	if ((size_t)snprintf(out, cap, "%s/%s", real, slash != NULL ? slash + 1 : path) >= cap)
		return why_set(w, E_TOOBIG, "the path of the state store is too long");
	return 0;
}

static int settings(struct lite *l)
{
	static const char *const pragmas[] = {"PRAGMA trusted_schema = OFF",
	    "PRAGMA foreign_keys = ON", "PRAGMA cell_size_check = ON", "PRAGMA journal_mode = WAL",
	    "PRAGMA synchronous = FULL", "PRAGMA temp_store = MEMORY"};
	size_t i;
	int rc;

	(void)sqlite3_busy_timeout(l->db, BUSY_MS);
	rc = sqlite3_db_config(l->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	for (i = 0; rc == SQLITE_OK && i < sizeof(pragmas) / sizeof(pragmas[0]); i++)
		rc = exec(l, pragmas[i]);
	return rc;
}

/* "ok" or SQLITE_CORRUPT. Large files are not walked at every start: damage there shows when it is
 * read. */
static int quick_check(struct lite *l, off_t size)
{
	sqlite3_stmt *st = NULL;
	const unsigned char *text;
	int rc;

	if (size > QUICK_CHECK_BYTES)
		return SQLITE_OK;
	rc = sqlite3_prepare_v2(l->db, "PRAGMA quick_check(1)", -1, &st, NULL);
	if (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
		text = sqlite3_column_text(st, 0);
		rc = text != NULL && strcmp((const char *)text, "ok") == 0 ? SQLITE_OK
									   : SQLITE_CORRUPT;
	} else if (rc == SQLITE_OK) {
		rc = SQLITE_CORRUPT;
	}
	(void)sqlite3_finalize(st);
	return rc;
}

static int create_schema(struct lite *l)
{
	char id[64];
	int rc = exec(l, store_schema_sql);

	(void)snprintf(id, sizeof(id), "PRAGMA application_id = %d", APPLICATION_ID);
	return rc == SQLITE_OK ? exec(l, id) : rc;
}

static int migrate(struct lite *l, int64_t from)
{
	char sql[80];
	int rc = SQLITE_OK;

	for (; rc == SQLITE_OK && from < STORE_SCHEMA_VERSION; from++)
		rc = exec(l, store_migrations[from - 1]);
	(void)snprintf(
	    sql, sizeof(sql), "UPDATE schema_version SET version = %d", STORE_SCHEMA_VERSION);
	return rc == SQLITE_OK ? exec(l, sql) : rc;
}

/* In one transaction, so that two processes that start together make one schema. */
static int schema(struct lite *l, const char *path, struct why *w)
{
	int64_t tables = 0, id = 0, version = 0;
	int rc = exec(l, "BEGIN IMMEDIATE");

	if (rc == SQLITE_OK)
		rc = exec_int(l, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc == SQLITE_OK && tables == 0)
		rc = create_schema(l);
	if (rc == SQLITE_OK)
		rc = exec_int(l, "PRAGMA application_id", &id);
	if (rc == SQLITE_OK && id != APPLICATION_ID) {
		(void)exec(l, "ROLLBACK");
		return why_set(w, E_TAMPER, "%s is an SQLite file but not a state store", path);
	}
	if (rc == SQLITE_OK)
		rc = exec_int(l, "SELECT version FROM schema_version", &version);
	if (rc == SQLITE_OK && (version < 1 || version > STORE_SCHEMA_VERSION)) {
		(void)exec(l, "ROLLBACK");
		return why_set(w, E_UNKNOWN,
		    "the state store %s has schema version %lld, this program knows %d", path,
		    (long long)version, STORE_SCHEMA_VERSION);
	}
	if (rc == SQLITE_OK && version < STORE_SCHEMA_VERSION)
		rc = migrate(l, version);
	if (rc == SQLITE_OK)
		rc = exec(l, "COMMIT");
	return rc != SQLITE_OK ? fail(w, path, l, rc, "prepare") : 0;
}

int lite_open(const char *path, struct lite *l, struct why *w)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
		    SQLITE_OPEN_EXRESCODE;
	char real[PATH_MAX];
	off_t size;
	int rc = real_path(path, real, sizeof(real), w);

	if (rc == 0)
		rc = make_file(real, &size, w);
	if (rc != 0)
		return rc;
	rc = sqlite3_open_v2(real, &l->db, flags, NULL);
	if (rc == SQLITE_OK)
		rc = settings(l);
	if (rc != SQLITE_OK)
		return fail(w, path, l, rc, "open");
	rc = size > 0 ? quick_check(l, size) : SQLITE_OK;
	if (rc != SQLITE_OK) {
		(void)why_set(w, E_TAMPER, "the state store %s is damaged", path);
		why_hint(w, "restore it from a backup; recordings are not affected");
		return E_TAMPER;
	}
	return schema(l, path, w);
}

static void lite_close(struct store *s)
{
	struct lite *l = (struct lite *)s;

	lite_close_statements(l);
	(void)sqlite3_close(l->db);
	free(l);
}

const struct store_ops lite_ops = {.close = lite_close,
    .serial_next = lite_serial_next,
    .cert_add = lite_cert_add,
    .cert_list = lite_cert_list,
    .revoke = lite_revoke,
    .revocation_list = lite_revocation_list,
    .standing = lite_standing,
    .lock = lite_lock,
    .unlock = lite_unlock,
    .lock_list = lite_lock_list,
    .account_login = lite_account_login,
    .account_get = lite_account_get,
    .account_of = lite_account_of,
    .account_forget = lite_account_forget,
    .token_use = lite_token_use,
    .prune = lite_prune,
    .ca_put = lite_ca_put,
    .ca_move = lite_ca_move,
    .ca_replace = lite_ca_replace,
    .ca_list = lite_ca_list,
    .session_start = lite_session_start,
    .session_end = lite_session_end,
    .session_list = lite_session_list,
    .request_add = lite_request_add,
    .request_get = lite_request_get,
    .request_list = lite_request_list,
    .request_find = lite_request_find,
    .request_approve = lite_request_approve,
    .approval_list = lite_approval_list,
    .approval_drop = lite_approval_drop,
    .request_move = lite_request_move,
    .request_consume = lite_request_consume,
    .request_expire = lite_request_expire,
    .request_withdraw_orphans = lite_request_withdraw_orphans};

int store_sqlite_open(const char *path, struct store **out, struct why *w)
{
	struct lite *l = xcalloc(1, sizeof(*l));
	int rc;

	l->store.ops = &lite_ops;
	rc = lite_open(path, l, w);
	if (rc != 0) {
		lite_close(&l->store);
		return rc;
	}
	*out = &l->store;
	return 0;
}
