/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of the store: private, never through a link, refused with a clear text when damaged,
 * foreign or newer.
 */
#include "fixture.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "base/file.h"
#include "store/store_schema.h"

static int try_open(struct why *w)
{
	struct store *s = NULL;
	int rc = store_open(spec, &s, w);

	cr_assert((rc == 0) == (s != NULL));
	store_close(s);
	return rc;
}

static void write_path(const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	cr_assert_not_null(f);
	cr_assert_eq(fwrite(p, 1, n, f), n);
	cr_assert_eq(fclose(f), 0);
}

static void run_sql(const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

Test(store_file, is_private)
{
	struct store *s = open_fresh();
	char wal[200];
	struct stat sb;

	cr_assert_eq(stat(path, &sb), 0);
	cr_assert_eq(sb.st_mode & 0777, 0600);
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	cr_assert_eq(stat(wal, &sb), 0, "write-ahead log");
	cr_assert_eq(sb.st_mode & 0777, 0600);
	store_close(s);
	cr_assert_eq(chmod(path, 0644), 0);
	store_close(open_again());
	cr_assert_eq(stat(path, &sb), 0);
	cr_assert_eq(sb.st_mode & 0777, 0600, "made private again");
	remove_all();
}

Test(store_file, links_and_other_things_are_refused)
{
	struct why w;
	char link[200];

	store_close(open_fresh());
	(void)snprintf(link, sizeof(link), "%s.link", path);
	cr_assert_eq(symlink(path, link), 0);
	(void)snprintf(spec, sizeof(spec), "sqlite:%s", link);
	cr_assert_lt(try_open(&w), 0);
	(void)snprintf(spec, sizeof(spec), "sqlite:%s", dir);
	cr_assert_lt(try_open(&w), 0);
	(void)snprintf(spec, sizeof(spec), "sqlite:%s/none/state.db", dir);
	cr_assert_lt(try_open(&w), 0);
	(void)snprintf(spec, sizeof(spec), "postgres:%s", dir);
	cr_assert_eq(try_open(&w), E_CONFIG);
	remove_all();
}

Test(store_file, damage_is_said)
{
	static char junk[8192];
	struct why w;

	store_close(open_fresh());
	memset(junk, 'x', sizeof(junk));
	write_path(junk, sizeof(junk));
	cr_assert_eq(try_open(&w), E_TAMPER);
	cr_assert_not_null(strstr(w.text, "damaged"), "%s", w.text);
	cr_assert_not_null(strstr(w.text, path));
	cr_assert_neq(w.hint[0], '\0');
	remove_all();
}

Test(store_file, foreign_and_newer_files_are_refused)
{
	struct why w;

	store_close(open_fresh());
	run_sql("UPDATE schema_version SET version = 1000");
	cr_assert_eq(try_open(&w), E_UNKNOWN);
	cr_assert_not_null(strstr(w.text, "schema version 1000"), "%s", w.text);
	remove_all();
	store_close(open_fresh());
	cr_assert_eq(unlink(path), 0);
	run_sql("CREATE TABLE counter (name TEXT, value INTEGER)");
	cr_assert_eq(try_open(&w), E_TAMPER);
	cr_assert_not_null(strstr(w.text, "not a state store"), "%s", w.text);
	remove_all();
}

Test(store_file, schema_in_share_is_the_one_built_in)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	cr_assert_eq(file_read(SP_SRCDIR "/share/schema.sql", &text), 0);
	cr_assert_str_eq(buf_cstr(&text), store_schema_sql);
	buf_clear(&text);
}

static int count_sessions(void *ctx, const struct store_session *x)
{
	(void)x;
	(*(int *)ctx)++;
	return 0;
}

static void use_it(void)
{
	struct store *s = NULL;
	struct store_session x = a_session("S2");
	uint64_t counter;
	struct why w;
	int n = 0;

	if (store_open(spec, &s, &w) != 0) {
		cr_assert_neq(w.text[0], '\0');
		return;
	}
	cr_assert_leq(
	    store_session_list(s, &(struct store_session_filter){.limit = 10}, count_sessions, &n),
	    0);
	cr_assert_leq(store_session_start(s, &x, &counter), 0);
	store_close(s);
}

static void remove_log(void)
{
	char name[200];

	(void)snprintf(name, sizeof(name), "%s-wal", path);
	(void)unlink(name);
	(void)snprintf(name, sizeof(name), "%s-shm", path);
	(void)unlink(name);
}

/* A damaged file is refused or used, never a crash. */
Test(store_file, cut_and_flipped_files_do_no_harm, .timeout = 120)
{
	struct store *s = open_fresh();
	struct store_session x = a_session("S1");
	struct buf file;
	uint8_t *copy;
	uint64_t n;
	size_t i;

	cr_assert_eq(store_session_start(s, &x, &n), 0);
	store_close(s);
	buf_init(&file, 1 << 24);
	cr_assert_eq(file_read(path, &file), 0);
	copy = malloc(buf_len(&file));
	memcpy(copy, buf_span(&file).p, buf_len(&file));
	for (i = 0; i < buf_len(&file); i += 997) {
		remove_log();
		write_path(copy, i);
		use_it();
		copy[i] ^= (uint8_t)(1u << (i % 8));
		remove_log();
		write_path(copy, buf_len(&file));
		use_it();
		copy[i] ^= (uint8_t)(1u << (i % 8));
	}
	free(copy);
	buf_clear(&file);
	remove_all();
}
