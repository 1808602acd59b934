/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of the store: private, never through a link, refused with a clear text when damaged,
 * foreign or newer.
 */
#include "fixture.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

/* --- older versions --- */

static void file_from(const char *vector)
{
	struct buf b;

	store_close(open_fresh());
	buf_init(&b, 1 << 24);
	cr_assert_eq(file_read(vector, &b), 0);
	write_path(buf_span(&b).p, buf_len(&b));
	buf_clear(&b);
}

static int one_line(void *ctx, int n, char **v, char **names)
{
	char *text = ctx;
	size_t at = strlen(text);

	(void)names;
	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, 20000 - at, "%s%s", v[i] != NULL ? v[i] : "-",
		    i < n - 1 ? "|" : "\n");
	return 0;
}

static const char *select_text(const char *sql)
{
	static char text[20000];
	sqlite3 *db;

	text[0] = '\0';
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(
	    sqlite3_exec(db, sql, one_line, text, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	return text;
}

/* Columns, checks, keys and indexes, however their text is written. */
static char *shape(void)
{
	static const char columns[] =
	    "SELECT m.name, t.strict, t.wr, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk "
	    "FROM sqlite_schema m JOIN pragma_table_list t ON t.name = m.name AND t.schema = "
	    "'main', "
	    "pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid",
			  indexes[] = "SELECT m.name, i.name, i.\"unique\", i.origin, i.partial, "
				      "x.name FROM sqlite_schema m, pragma_index_list(m.name) i, "
				      "pragma_index_info(i.name) x WHERE m.type = 'table' ORDER BY "
				      "1, 2, x.seqno";
	char *all = strdup(select_text(columns));
	const char *more = select_text(indexes);
	size_t n = strlen(all);

	all = realloc(all, n + strlen(more) + 1);
	memcpy(all + n, more, strlen(more) + 1);
	return all;
}

#define VERSION_1 SP_SRCDIR "/tests/vectors/store/version-1.db"

Test(store_file, version_1_becomes_the_present_one)
{
	struct store *s;
	char *fresh, *migrated;
	struct why w;
	uint64_t serial;

	store_close(open_fresh());
	fresh = shape();
	remove_all();
	file_from(VERSION_1);
	cr_assert_str_eq(select_text("SELECT version FROM schema_version"), "1\n");
	cr_assert_eq(try_open(&w), 0, "%s", w.text);
	migrated = shape();
	cr_assert_str_eq(migrated, fresh);
	cr_assert_str_eq(select_text("SELECT version FROM schema_version"), "3\n");
	cr_assert_str_eq(
	    select_text(
		"SELECT serial, user, source, parent, on_behalf_of, length(blob) FROM cert"),
	    "1|alice|203.0.113.9|0||0\n2|alice|203.0.113.9|0||0\n3|bob|203.0.113.9|0||0\n");
	cr_assert_str_eq(
	    select_text("SELECT count(*), sum(end_us = 0), max(counter) FROM session"), "2|1|2\n");
	cr_assert_str_eq(
	    select_text("SELECT id, state, decided_by, effect_rows FROM request"), "7f3a9c0000|1|bob|-1\n");
	s = open_again();
	cr_assert_eq(store_standing(s, &(struct store_subject){.serial = 1}), STORE_REVOKED);
	cr_assert_eq(store_standing(s, &(struct store_subject){.serial = 2}), STORE_GOOD);
	cr_assert_eq(store_standing(s, &(struct store_subject){.user = "mallory"}), STORE_REVOKED);
	cr_assert_eq(
	    store_standing(s, &(struct store_subject){.ca_fp = "SHA256:ccc"}), STORE_REVOKED);
	cr_assert_eq(store_revoke(s, "id", "user=bob login=l2", "root", "", 1), 0, "a new kind");
	cr_assert_eq(store_serial_next(s, &serial), 0);
	cr_assert_eq(serial, 4, "numbers go on");
	store_close(s);
	free(fresh);
	free(migrated);
	remove_all();
}

Test(store_file, several_processes_migrate_once)
{
	pid_t pid[6];
	int status;

	file_from(VERSION_1);
	for (size_t i = 0; i < 6; i++) {
		pid[i] = fork();
		cr_assert_geq(pid[i], 0);
		if (pid[i] == 0) {
			struct store *s = NULL;
			struct why w;
			int rc = store_open(spec, &s, &w);

			if (rc == 0)
				rc = store_standing(s, &(struct store_subject){.serial = 1}) ==
					     STORE_REVOKED
					 ? 0
					 : E_INTERNAL;
			store_close(s);
			_exit(rc == 0 ? 0 : 1);
		}
	}
	for (size_t i = 0; i < 6; i++) {
		cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
		cr_assert_eq(status, 0);
	}
	cr_assert_str_eq(
	    select_text("SELECT version, (SELECT count(*) FROM cert) FROM schema_version"),
	    "3|3\n");
	remove_all();
}

/* All or nothing: what stops in the middle is version 1 as before. */
Test(store_file, a_migration_that_fails_changes_nothing)
{
	struct why w;
	char *before, *after;

	file_from(VERSION_1);
	run_sql("CREATE TABLE account (x INTEGER)");
	before = shape();
	cr_assert_lt(try_open(&w), 0);
	cr_assert_not_null(strstr(w.text, "cannot prepare"), "%s", w.text);
	after = shape();
	cr_assert_str_eq(before, after);
	cr_assert_str_eq(select_text("SELECT version FROM schema_version"), "1\n");
	free(before);
	free(after);
	remove_all();
}

/* --- damage --- */

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
