/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounts of identity providers, tokens that count once, authorities of which one signs; also with
 * several processes at once and with strings that somebody chose to hurt.
 */
#include "fixture.h"

#include <sys/wait.h>

#define N(a)     (sizeof(a) / sizeof((a)[0]))
#define CHILDREN 6

/* --- accounts --- */

static struct store_account an_account(const char *sub, const char *user)
{
	return (struct store_account){.iss = "https://id.example.com",
	    .sub = sub,
	    .issuer = "corp",
	    .user = user,
	    .groups = "dev,dba",
	    .key_fp = "SHA256:k",
	    .last_s = 100};
}

static int copy_account(void *ctx, const struct store_account *a)
{
	(void)snprintf(ctx, 1000, "%s|%s|%s|%s|%s|%s|%lld|%lld", a->iss, a->sub, a->issuer, a->user,
	    a->groups, a->key_fp, (long long)a->first_s, (long long)a->last_s);
	return 0;
}

static const char *account(struct store *s, const char *user)
{
	static char text[1000];
	int rc;

	text[0] = '\0';
	rc = store_account_get(s, user, copy_account, text);
	cr_assert(rc == 0 || (rc == E_NOTFOUND && text[0] == '\0'));
	return text;
}

Test(identity, a_login_is_remembered)
{
	struct store *s = open_fresh();
	struct store_account a = an_account("42", "alice@example.com");
	bool fresh = false;

	cr_assert_eq(store_account_login(s, &a, &fresh), 0);
	cr_assert(fresh);
	cr_assert_eq(store_account_login(s, &a, &fresh), 0);
	cr_assert(!fresh);
	a.last_s = 200;
	a.key_fp = "SHA256:other";
	a.groups = "dev";
	a.issuer = "renamed";
	cr_assert_eq(store_account_login(s, &a, &fresh), 0);
	cr_assert(fresh);
	store_close(s);
	s = open_again();
	cr_assert_str_eq(account(s, "alice@example.com"),
	    "https://id.example.com|42|renamed|alice@example.com|dev|SHA256:other|100|200");
	a.key_fp = "SHA256:k";
	cr_assert_eq(store_account_login(s, &a, &fresh), 0);
	cr_assert(!fresh, "an old key is still known");
	cr_assert_str_eq(account(s, "ALICE@example.com"), "");
	store_close(s);
	remove_all();
}

Test(identity, one_account_one_name)
{
	struct store *s = open_fresh();
	struct store_account a = an_account("42", "alice"), thief = an_account("43", "alice"),
			     renamed = an_account("42", "alice2"),
			     elsewhere = an_account("42", "alice");
	bool fresh = true;
	char text[1000];

	elsewhere.iss = "https://evil.example.com";
	cr_assert_eq(store_account_login(s, &a, &fresh), 0);
	cr_assert_eq(store_account_login(s, &thief, &fresh), E_EXISTS);
	cr_assert(!fresh);
	cr_assert_eq(store_account_login(s, &renamed, &fresh), E_EXISTS);
	cr_assert_eq(store_account_login(s, &elsewhere, &fresh), E_EXISTS);
	cr_assert_str_eq(account(s, "alice"),
	    "https://id.example.com|42|corp|alice|dev,dba|SHA256:k|100|100", "nothing changed");
	cr_assert_str_eq(account(s, "alice2"), "");
	cr_assert_eq(store_account_of(s, a.iss, "42", copy_account, text), 0);
	cr_assert_str_eq(text, account(s, "alice"), "found by who it is as well");
	cr_assert_eq(store_account_of(s, a.iss, "43", copy_account, text), E_NOTFOUND);
	cr_assert_eq(store_account_of(s, elsewhere.iss, "42", copy_account, text), E_NOTFOUND);
	cr_assert_eq(store_account_forget(s, "alice"), 0);
	cr_assert_eq(store_account_forget(s, "alice"), E_NOTFOUND);
	cr_assert_eq(store_account_login(s, &thief, &fresh), 0);
	cr_assert(fresh);
	cr_assert_eq(store_account_login(s, &renamed, &fresh), 0);
	cr_assert(fresh, "the keys were forgotten, too");
	for (size_t i = 0; i < 3; i++) {
		struct store_account bad = an_account("9", "x");

		*(i == 0 ? &bad.iss : i == 1 ? &bad.sub : &bad.user) = "";
		cr_assert_eq(store_account_login(s, &bad, &fresh), E_FORMAT);
	}
	store_close(s);
	remove_all();
}

/* --- tokens --- */

Test(identity, a_token_counts_once)
{
	struct store *s = open_fresh();
	uint8_t a[32] = {1}, b[32] = {2};

	cr_assert_eq(store_token_use(s, a, 10000, 9000), 0);
	cr_assert_eq(store_token_use(s, a, 10000, 9000), E_EXISTS);
	cr_assert_eq(
	    store_token_use(s, a, 99999, 9001), E_EXISTS, "whatever it says about its end");
	cr_assert_eq(store_token_use(s, b, 10000, 9000), 0);
	store_close(s);
	s = open_again();
	cr_assert_eq(store_token_use(s, a, 10000, 9001), E_EXISTS, "survives a restart");
	cr_assert_eq(
	    store_token_use(s, a, 10000, 10060), E_EXISTS, "also for a clock that is late");
	cr_assert_eq(store_token_use(s, a, 10000, 10001 + STORE_TOKEN_SLACK_S), E_EXPIRED,
	    "what cannot be remembered is refused");
	cr_assert_eq(store_prune(s, 10000 + STORE_TOKEN_SLACK_S), 0);
	cr_assert_eq(store_token_use(s, a, 10000, 10000), E_EXISTS, "not forgotten yet");
	cr_assert_eq(store_prune(s, 10001 + STORE_TOKEN_SLACK_S), 0);
	cr_assert_eq(store_token_use(s, a, 10000, 10000), 0, "forgotten");
	store_close(s);
	remove_all();
}

/* --- authorities --- */

static struct store_ca a_ca(const char *name, const char *fp, enum store_ca_state state)
{
	return (struct store_ca){.name = name,
	    .spec = "file:/ca",
	    .fingerprint = fp,
	    .blob = span_str(fp),
	    .state = state,
	    .added_s = 1,
	    .changed_s = 1};
}

static int see_ca(void *ctx, const struct store_ca *ca)
{
	char *text = ctx;
	size_t at = strlen(text);

	(void)snprintf(text + at, 1000 - at, "%s:%s:%s:%lld ", ca->name, ca->fingerprint,
	    store_ca_state_name(ca->state), (long long)ca->changed_s);
	cr_assert(span_is(ca->blob, ca->fingerprint));
	return 0;
}

static const char *cas(struct store *s)
{
	static char text[1000];

	text[0] = '\0';
	cr_assert_eq(store_ca_list(s, see_ca, text), 0);
	return text;
}

Test(identity, authorities_add_activate_retire)
{
	struct store *s = open_fresh();
	struct store_ca one = a_ca("default", "SHA256:1", STORE_CA_ACTIVE),
			two = a_ca("two", "SHA256:2", STORE_CA_TRUSTED),
			third = a_ca("third", "SHA256:1", STORE_CA_TRUSTED);

	cr_assert_eq(store_ca_put(s, &one), 0);
	cr_assert_eq(store_ca_put(s, &two), 0);
	cr_assert_eq(store_ca_put(s, &third), E_EXISTS, "one key, one name");
	third = a_ca("third", "SHA256:3", STORE_CA_ACTIVE);
	cr_assert_eq(store_ca_put(s, &third), E_EXISTS, "one is active");
	cr_assert_str_eq(cas(s), "default:SHA256:1:active:1 two:SHA256:2:trusted:1 ");
	cr_assert_eq(store_ca_move(s, "default", STORE_CA_RETIRED, 2), E_STATE);
	cr_assert_eq(store_ca_move(s, "default", STORE_CA_TRUSTED, 2), E_STATE);
	cr_assert_eq(store_ca_move(s, "none", STORE_CA_ACTIVE, 2), E_NOTFOUND);
	cr_assert_eq(store_ca_move(s, "two", STORE_CA_ACTIVE, 3), 0);
	cr_assert_eq(store_ca_move(s, "two", STORE_CA_ACTIVE, 4), 0, "is so already");
	cr_assert_str_eq(cas(s), "default:SHA256:1:trusted:3 two:SHA256:2:active:3 ");
	cr_assert_eq(store_ca_move(s, "default", STORE_CA_RETIRED, 5), 0);
	store_close(s);
	s = open_again();
	cr_assert_str_eq(cas(s), "default:SHA256:1:retired:5 two:SHA256:2:active:3 ");
	cr_assert_eq(store_ca_move(s, "default", STORE_CA_ACTIVE, 6), E_STATE, "retired stays so");
	cr_assert_eq(store_ca_move(s, "default", STORE_CA_TRUSTED, 6), E_STATE);
	store_close(s);
	remove_all();
}

Test(identity, the_key_of_an_authority_can_change_its_state_stays)
{
	struct store *s = open_fresh();
	struct store_ca one = a_ca("default", "SHA256:1", STORE_CA_ACTIVE);

	cr_assert_eq(store_ca_put(s, &one), 0);
	one.changed_s = 2;
	cr_assert_eq(store_ca_put(s, &one), 0);
	cr_assert_str_eq(cas(s), "default:SHA256:1:active:1 ", "the same again is no change");
	one = a_ca("default", "SHA256:9", STORE_CA_RETIRED);
	one.changed_s = 3;
	cr_assert_eq(store_ca_put(s, &one), 0);
	cr_assert_str_eq(cas(s), "default:SHA256:9:active:3 ");
	one.name = "";
	cr_assert_eq(store_ca_put(s, &one), E_FORMAT);
	one.name = "x";
	one.blob.n = 0;
	cr_assert_eq(store_ca_put(s, &one), E_FORMAT);
	store_close(s);
	remove_all();
}

/* --- hostile strings --- */

Test(identity, strings_are_values_whatever_they_hold)
{
	static const char *const evil[] = {"'; DROP TABLE cert; --", "\" OR 1=1 --", "%", "_", "*",
	    "\xff\xfe", "\xc3\x28", "a\nb", "\x1b[31m", "\\", "x' UNION SELECT 1 --"};
	struct store *s = open_fresh();
	char serial[24];
	bool fresh;

	for (size_t i = 0; i < N(evil); i++) {
		struct store_account a = an_account(evil[i], evil[i]);
		struct store_cert c = {.serial = i + 1,
		    .user = evil[i],
		    .key_id = evil[i],
		    .fingerprint = evil[i],
		    .on_behalf_of = evil[i]};
		struct store_ca ca = a_ca(evil[i], evil[i], STORE_CA_TRUSTED);

		(void)snprintf(serial, sizeof(serial), "%zu", i + 1);
		cr_assert_eq(store_account_login(s, &a, &fresh), 0);
		cr_assert_eq(store_cert_add(s, &c), 0);
		cr_assert_eq(store_ca_put(s, &ca), 0);
		cr_assert_eq(store_standing(s, &(struct store_subject){.user = evil[i],
						   .key_id = evil[i],
						   .key_fp = evil[i],
						   .ca_fp = evil[i],
						   .on_behalf_of = evil[i]}),
		    STORE_GOOD, "%s", evil[i]);
		cr_assert_eq(store_lock(s, evil[i], evil[i], evil[i], 1), 0);
		cr_assert_eq(
		    store_standing(s, &(struct store_subject){.user = evil[i]}), STORE_LOCKED);
		cr_assert_eq(store_unlock(s, evil[i]), 0);
		cr_assert_eq(store_revoke(s, "id", evil[i], evil[i], evil[i], 1), 0);
		cr_assert_eq(
		    store_standing(s, &(struct store_subject){.key_id = evil[i]}), STORE_REVOKED);
		cr_assert_eq(store_account_forget(s, evil[i]), 0);
	}
	cr_assert_eq(store_standing(s, &(struct store_subject){.user = "alice"}), STORE_GOOD);
	store_close(s);
	remove_all();
}

/* --- several processes --- */

/* Each child does what fn says with its number; the sum of their results is returned. */
static int children(int (*fn)(struct store *s, int me))
{
	pid_t pid[CHILDREN];
	int status, sum = 0;

	for (int i = 0; i < CHILDREN; i++) {
		pid[i] = fork();
		cr_assert_geq(pid[i], 0);
		if (pid[i] == 0) {
			struct store *s = open_again();
			int rc = fn(s, i);

			store_close(s);
			_exit(rc);
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) < 200);
		sum += WEXITSTATUS(status);
	}
	return sum;
}

static int use_tokens(struct store *s, int me)
{
	int won = 0, rc;

	(void)me;
	for (uint8_t i = 0; i < 20; i++) {
		uint8_t hash[32] = {i};

		rc = store_token_use(s, hash, 10000, 9000);
		if (rc != 0 && rc != E_EXISTS)
			return 255;
		won += rc == 0;
	}
	return won;
}

static int take_name(struct store *s, int me)
{
	char sub[16];
	bool fresh;
	struct store_account a;
	int rc;

	(void)snprintf(sub, sizeof(sub), "sub%d", me);
	a = an_account(sub, "alice");
	rc = store_account_login(s, &a, &fresh);
	return rc == 0 ? 1 : rc == E_EXISTS ? 0 : 255;
}

static int activate(struct store *s, int me)
{
	char name[16];
	int rc = 0;

	(void)snprintf(name, sizeof(name), "ca%d", me);
	for (int i = 0; i < 10 && rc == 0; i++)
		rc = store_ca_move(s, name, STORE_CA_ACTIVE, i);
	return rc == 0 ? 0 : 255;
}

static int count_active(void *ctx, const struct store_ca *ca)
{
	*(int *)ctx += ca->state == STORE_CA_ACTIVE;
	return 0;
}

Test(identity, several_processes_decide_once, .timeout = 60)
{
	struct store *s = open_fresh();
	char name[16], fp[16];
	int active = 0;

	cr_assert_eq(children(use_tokens), 20, "every token has one winner");
	cr_assert_eq(children(take_name), 1, "one account has the name");
	for (int i = 0; i < CHILDREN; i++) {
		struct store_ca ca = a_ca(name, fp, STORE_CA_TRUSTED);

		(void)snprintf(name, sizeof(name), "ca%d", i);
		(void)snprintf(fp, sizeof(fp), "SHA256:%d", i);
		ca.blob = span_str(fp);
		cr_assert_eq(store_ca_put(s, &ca), 0);
	}
	cr_assert_eq(children(activate), 0);
	cr_assert_eq(store_ca_list(s, count_active, &active), 0);
	cr_assert_eq(active, 1);
	store_close(s);
	remove_all();
}
