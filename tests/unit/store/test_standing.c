/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates, revocations and locks: what is kept, and what standing follows from it, also for
 * what was delegated; that the question is a few index searches; what is forgotten.
 */
#include "fixture.h"

#include <sqlite3.h>

#include "store/store_sqlite.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define DAY  86400

static struct store_cert a_cert(uint64_t serial, const char *user)
{
	return (struct store_cert){.serial = serial,
	    .user = user,
	    .key_id = "user=x login=y",
	    .fingerprint = "SHA256:k",
	    .source = "203.0.113.9",
	    .issuer = "corp",
	    .ca_fp = "SHA256:ca",
	    .issued_s = 1000,
	    .valid_after_s = 940,
	    .valid_before_s = 2000,
	    .blob = span_of("\0cert", 5)};
}

static void add(struct store *s, struct store_cert c)
{
	cr_assert_eq(store_cert_add(s, &c), 0);
}

static void must_revoke(struct store *s, const char *kind, const char *value)
{
	cr_assert_eq(store_revoke(s, kind, value, "bob", "lost", 1), 0);
}

/* --- certificates --- */

struct seen {
	char text[2000];
	int stop_after, n;
};

static int see(void *ctx, const struct store_cert *c)
{
	struct seen *v = ctx;
	size_t at = strlen(v->text);

	(void)snprintf(v->text + at, sizeof(v->text) - at, "%llu ", (unsigned long long)c->serial);
	return ++v->n == v->stop_after;
}

static const char *list(struct store *s, struct store_cert_filter f)
{
	static struct seen v;

	memset(&v, 0, sizeof(v));
	cr_assert_eq(store_cert_list(s, &f, see, &v), 0);
	return v.text;
}

static int check_fields(void *ctx, const struct store_cert *c)
{
	(void)ctx;
	cr_assert_str_eq(c->user, "agent:etl");
	cr_assert_str_eq(c->key_id, "user=x login=y");
	cr_assert_str_eq(c->fingerprint, "SHA256:k");
	cr_assert_str_eq(c->source, "203.0.113.9");
	cr_assert_str_eq(c->issuer, "corp");
	cr_assert_str_eq(c->on_behalf_of, "alice");
	cr_assert_str_eq(c->ca_fp, "SHA256:ca");
	cr_assert_eq(c->parent, 2);
	cr_assert(c->issued_s == 1000 && c->valid_after_s == 940 && c->valid_before_s == 2000);
	cr_assert(span_eq(c->blob, span_of("\0cert", 5)), "bytes behind a NUL are kept");
	return 0;
}

Test(standing, certificates_are_found_by_what_they_are)
{
	struct store *s = open_fresh();
	struct store_cert agent = a_cert(5, "agent:etl"), other = a_cert(6, "carol");

	agent.on_behalf_of = "alice";
	agent.parent = 2;
	other.fingerprint = "SHA256:other";
	other.source = "::1";
	other.valid_after_s = 1500;
	add(s, a_cert(2, "alice"));
	add(s, a_cert(3, "alice"));
	add(s, agent);
	add(s, other);
	cr_assert_eq(store_cert_add(s, &other), E_EXISTS);
	store_close(s);
	s = open_again();
	cr_assert_str_eq(list(s, (struct store_cert_filter){0}), "6 5 3 2 ");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.limit = 3}), "6 5 3 ");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.user = "alice"}), "3 2 ");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.user = "alice", .limit = 1}), "3 ");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.user = "nobody"}), "");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.user = ""}), "", "no name is no any");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.on_behalf_of = "alice"}), "5 ");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.fingerprint = "SHA256:k"}), "5 3 2 ");
	cr_assert_str_eq(list(s,
			     (struct store_cert_filter){
				 .fingerprint = "SHA256:k", .user = "alice", .source = "::1"}),
	    "");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.source = "::1"}), "6 ");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.serial = 3}), "3 ");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.serial = 3, .user = "carol"}), "");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.valid_at_s = 1499}), "5 3 2 ");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.valid_at_s = 1500}), "6 5 3 2 ");
	cr_assert_str_eq(list(s, (struct store_cert_filter){.valid_at_s = 2000}), "");
	cr_assert_str_eq(
	    list(s, (struct store_cert_filter){.valid_at_s = 1999, .user = "carol"}), "6 ");
	cr_assert_eq(
	    store_cert_list(s, &(struct store_cert_filter){.serial = 5}, check_fields, NULL), 0);
	cr_assert_eq(store_cert_list(s, &(struct store_cert_filter){.serial = UINT64_MAX}, see,
			 &(struct seen){0}),
	    0);
	store_close(s);
	remove_all();
}

Test(standing, a_callback_stops_the_list)
{
	struct store *s = open_fresh();
	struct seen v = {.stop_after = 2};

	for (uint64_t i = 1; i <= 5; i++)
		add(s, a_cert(i, "alice"));
	cr_assert_eq(store_cert_list(s, &(struct store_cert_filter){0}, see, &v), 0);
	cr_assert_str_eq(v.text, "5 4 ");
	store_close(s);
	remove_all();
}

/* --- revocations --- */

static int stand(struct store *s, struct store_subject x)
{
	return store_standing(s, &x);
}

static const struct store_subject whole = {.serial = 7,
    .user = "alice",
    .key_id = "user=alice login=a",
    .key_fp = "SHA256:k",
    .ca_fp = "SHA256:ca",
    .on_behalf_of = "carol"};

Test(standing, revoked_by_each_kind)
{
	static const char *const hits[][2] = {{"serial", "7"}, {"user", "alice"}, {"user", "carol"},
	    {"id", "user=alice login=a"}, {"key", "SHA256:k"}, {"ca", "SHA256:ca"}},
				 *const misses[][2] = {{"serial", "8"}, {"serial", "77"},
				     {"user", "Alice"}, {"user", "alice "}, {"user", "SHA256:k"},
				     {"id", "alice"}, {"key", "SHA256:ca"}, {"ca", "SHA256:k"},
				     {"key", "sha256:k"}, {"user", "%"}, {"user", "*"}};

	for (size_t i = 0; i < N(hits); i++) {
		struct store *s = open_fresh();

		cr_assert_eq(store_standing(s, &whole), STORE_GOOD);
		must_revoke(s, hits[i][0], hits[i][1]);
		cr_assert_eq(
		    store_standing(s, &whole), STORE_REVOKED, "%s %s", hits[i][0], hits[i][1]);
		store_close(s);
		s = open_again();
		cr_assert_eq(store_standing(s, &whole), STORE_REVOKED, "survives a restart");
		store_close(s);
		remove_all();
	}
	for (size_t i = 0; i < N(misses); i++) {
		struct store *s = open_fresh();

		must_revoke(s, misses[i][0], misses[i][1]);
		cr_assert_eq(
		    store_standing(s, &whole), STORE_GOOD, "%s %s", misses[i][0], misses[i][1]);
		store_close(s);
		remove_all();
	}
}

Test(standing, what_can_be_revoked)
{
	struct store *s = open_fresh();

	must_revoke(s, "serial", "7");
	cr_assert_eq(store_revoke(s, "serial", "7", "eve", "again", 2), E_EXISTS);
	cr_assert_eq(store_revoke(s, "host", "7", "bob", "", 2), E_UNKNOWN);
	cr_assert_eq(store_revoke(s, "user", "", "bob", "", 2), E_FORMAT);
	cr_assert_eq(store_revoke(s, "user", NULL, "bob", "", 2), E_FORMAT);
	cr_assert_eq(store_revoke(s, "serial", "0", "bob", "", 2), E_FORMAT);
	cr_assert_eq(store_revoke(s, "serial", "007", "bob", "", 2), E_FORMAT, "would never match");
	cr_assert_eq(store_revoke(s, "serial", "7 ", "bob", "", 2), E_FORMAT);
	cr_assert_eq(store_revoke(s, "serial", "-7", "bob", "", 2), E_FORMAT);
	cr_assert_eq(store_revoke(s, "serial", "18446744073709551615", "bob", "", 2), 0);
	cr_assert_eq(stand(s, (struct store_subject){.serial = UINT64_MAX}), STORE_REVOKED);
	cr_assert_eq(stand(s, (struct store_subject){0}), STORE_GOOD, "nothing is looked up");
	store_close(s);
	remove_all();
}

static int see_revocation(void *ctx, const struct store_revocation *r)
{
	char *text = ctx;
	size_t at = strlen(text);

	(void)snprintf(text + at, 1000 - at, "%s|%s|%s|%s|%lld\n", r->kind, r->value, r->by, r->why,
	    (long long)r->at_s);
	return 0;
}

Test(standing, revocations_and_locks_are_listed_oldest_first)
{
	struct store *s = open_fresh();
	char text[1000] = "";

	cr_assert_eq(store_revoke(s, "user", "carol", "bob", "left", 30), 0);
	cr_assert_eq(store_revoke(s, "key", "SHA256:x", NULL, NULL, 20), 0);
	cr_assert_eq(store_lock(s, "eve", "bob", "hm; '--", 15), 0);
	cr_assert_eq(store_lock(s, "dan", "root", "", 10), 0);
	cr_assert_eq(store_revocation_list(s, see_revocation, text), 0);
	cr_assert_str_eq(text, "key|SHA256:x|||20\nuser|carol|bob|left|30\n");
	text[0] = '\0';
	cr_assert_eq(store_lock_list(s, see_revocation, text), 0);
	cr_assert_str_eq(text, "user|dan|root||10\nuser|eve|bob|hm; '--|15\n");
	store_close(s);
	remove_all();
}

/* --- locks --- */

Test(standing, locked_and_unlocked)
{
	struct store *s = open_fresh();

	cr_assert_eq(store_lock(s, "alice", "bob", "holiday", 1), 0);
	cr_assert_eq(store_lock(s, "alice", "eve", "", 2), E_EXISTS);
	cr_assert_eq(store_lock(s, "", "eve", "", 2), E_FORMAT);
	cr_assert_eq(store_standing(s, &whole), STORE_LOCKED);
	store_close(s);
	s = open_again();
	cr_assert_eq(store_standing(s, &whole), STORE_LOCKED, "survives a restart");
	cr_assert_eq(stand(s, (struct store_subject){.user = "bob"}), STORE_GOOD);
	cr_assert_eq(stand(s, (struct store_subject){.user = "agent:x", .on_behalf_of = "alice"}),
	    STORE_LOCKED);
	must_revoke(s, "serial", "7");
	cr_assert_eq(store_standing(s, &whole), STORE_REVOKED, "the one that stays is said");
	cr_assert_eq(store_unlock(s, "alice"), 0);
	cr_assert_eq(store_unlock(s, "alice"), E_NOTFOUND);
	cr_assert_eq(stand(s, (struct store_subject){.user = "alice"}), STORE_GOOD);
	cr_assert_eq(store_lock(s, "alice", "bob", "again", 3), 0);
	cr_assert_eq(stand(s, (struct store_subject){.user = "alice"}), STORE_LOCKED);
	store_close(s);
	remove_all();
}

/* --- what was delegated --- */

static struct store *family(void)
{
	struct store *s = open_fresh();
	struct store_cert parent = a_cert(10, "alice"), child = a_cert(11, "agent:etl");

	parent.key_id = "user=alice login=a";
	parent.fingerprint = "SHA256:alice";
	parent.ca_fp = "SHA256:old";
	child.parent = 10;
	child.on_behalf_of = "alice";
	child.fingerprint = "SHA256:etl";
	add(s, parent);
	add(s, child);
	return s;
}

Test(standing, a_delegated_certificate_falls_with_its_parent)
{
	static const char *const kinds[][2] = {{"serial", "10"}, {"user", "alice"},
	    {"id", "user=alice login=a"}, {"key", "SHA256:alice"}, {"ca", "SHA256:old"}};
	const struct store_subject child = {.serial = 11,
				       .user = "agent:etl",
				       .key_fp = "SHA256:etl",
				       .ca_fp = "SHA256:ca"},
				   parent = {.serial = 10, .user = "alice"};

	for (size_t i = 0; i < N(kinds); i++) {
		struct store *s = family();

		cr_assert_eq(store_standing(s, &child), STORE_GOOD);
		must_revoke(s, kinds[i][0], kinds[i][1]);
		cr_assert_eq(
		    store_standing(s, &child), STORE_REVOKED, "%s %s", kinds[i][0], kinds[i][1]);
		store_close(s);
		remove_all();
	}
	struct store *s = family();
	struct store_subject unknown = {.serial = 99, .user = "agent:etl", .parent = 10};

	cr_assert_eq(store_standing(s, &unknown), STORE_GOOD);
	unknown.parent = 77;
	cr_assert_eq(store_standing(s, &unknown), STORE_GOOD);
	must_revoke(s, "serial", "77");
	cr_assert_eq(store_standing(s, &unknown), STORE_REVOKED, "neither has a record");
	unknown.parent = 10;
	must_revoke(s, "key", "SHA256:alice");
	cr_assert_eq(store_standing(s, &unknown), STORE_REVOKED, "by what the certificate says");
	store_close(s);
	remove_all();
	s = family();
	cr_assert_eq(store_lock(s, "alice", "bob", "", 1), 0);
	cr_assert_eq(store_standing(s, &child), STORE_LOCKED);
	cr_assert_eq(store_unlock(s, "alice"), 0);
	must_revoke(s, "serial", "11");
	must_revoke(s, "key", "SHA256:etl");
	cr_assert_eq(store_standing(s, &child), STORE_REVOKED);
	cr_assert_eq(store_standing(s, &parent), STORE_GOOD, "never upwards");
	store_close(s);
	remove_all();
}

/* --- cost --- */

static int explain(void *ctx, int n, char **v, char **names)
{
	(void)names;
	cr_assert_eq(n, 4);
	cr_assert_null(strstr(v[3], "SCAN cert"), "%s: %s", (const char *)ctx, v[3]);
	cr_assert_null(strstr(v[3], "SCAN revocation"), "%s: %s", (const char *)ctx, v[3]);
	cr_assert_null(strstr(v[3], "SCAN lock"), "%s: %s", (const char *)ctx, v[3]);
	cr_assert_null(strstr(v[3], "SCAN account"), "%s: %s", (const char *)ctx, v[3]);
	cr_assert_null(strstr(v[3], "SCAN token"), "%s: %s", (const char *)ctx, v[3]);
	return 0;
}

/* What is asked at a login, or by somebody who waits, searches an index. */
Test(standing, questions_of_a_login_are_index_searches)
{
	static const enum lite_query asked[] = {Q_STANDING, Q_CERT_BY_SERIAL, Q_CERT_BY_KEY,
	    Q_CERT_BY_USER, Q_CERT_BY_BEHALF, Q_CERT_BY_TIME, Q_CERT_PRUNE, Q_TOKEN_PRUNE,
	    Q_ACCOUNT_GET, Q_ACCOUNT_FORGET, Q_UNLOCK};
	struct store *s = open_fresh();
	sqlite3 *db;
	char sql[8000];

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < N(asked); i++) {
		(void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", lite_sql[asked[i]]);
		cr_assert_eq(
		    sqlite3_exec(db, sql, explain, (void *)(uintptr_t)lite_sql[asked[i]], NULL),
		    SQLITE_OK, "%s", sqlite3_errmsg(db));
	}
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	store_close(s);
	remove_all();
}

/* --- forgetting --- */

Test(standing, long_expired_certificates_are_forgotten_and_revocations_stay)
{
	struct store *s = open_fresh();
	struct store_cert old = a_cert(1, "alice"), young = a_cert(2, "alice");
	uint64_t serial;

	old.valid_before_s = 1000 * DAY - 1;
	young.valid_before_s = 1000 * DAY;
	add(s, old);
	add(s, young);
	must_revoke(s, "serial", "1");
	cr_assert_eq(store_prune(s, 1090LL * DAY), 0);
	cr_assert_str_eq(list(s, (struct store_cert_filter){0}), "2 ");
	cr_assert_eq(stand(s, (struct store_subject){.serial = 1}), STORE_REVOKED);
	cr_assert_eq(store_prune(s, 0), 0);
	cr_assert_str_eq(list(s, (struct store_cert_filter){0}), "2 ");
	cr_assert_eq(store_serial_next(s, &serial), 0);
	store_close(s);
	remove_all();
}
