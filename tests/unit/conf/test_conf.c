/* SPDX-License-Identifier: Apache-2.0
 *
 * What a good configuration means: the sample, defaults, selectors, several files, -T; and sweeps
 * over damaged text.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/conf_fill.h"

#define SAMPLE SP_SRCDIR "/etc/sallyport.yaml"
#define N(a)   (sizeof(a) / sizeof((a)[0]))

static struct conf *must_load(const char *path)
{
	struct conf *c;
	struct buf errs;

	buf_init(&errs, 1 << 20);
	cr_assert_eq(conf_load(path, &c, &errs), 0, "%s", buf_cstr(&errs));
	cr_assert_eq(buf_len(&errs), 0);
	buf_clear(&errs);
	return c;
}

static struct conf *must_parse(const char *text)
{
	struct conf *c;
	struct buf errs;

	buf_init(&errs, 1 << 20);
	cr_assert_eq(conf_parse("f", span_str(text), &c, &errs), 0, "%s", buf_cstr(&errs));
	buf_clear(&errs);
	return c;
}

Test(conf, sample)
{
	struct conf *c = must_load(SAMPLE);
	const struct conf_target *t = conf_target_find(c, "orders-prod");
	const struct conf_role *r;
	const struct conf_user *u;

	cr_assert_str_eq(c->gateway.listen.v[0], "[::]:2222");
	cr_assert_str_eq(c->gateway.control, "/var/lib/sallyport/control.sock");
	cr_assert_str_eq(c->gateway.ca, "file:/var/lib/sallyport/ca_ed25519_key");
	cr_assert_eq(c->n_identities, 1);
	cr_assert_eq(c->n_users, 3);
	u = conf_user_find(c, "metabase");
	cr_assert_eq(u->kind, USER_SERVICE);
	cr_assert_eq(u->uid, -1);
	cr_assert_str_eq(u->person, "metabase");
	cr_assert_str_eq(u->source.v[0], "10.0.3.7/32");
	cr_assert_eq(t->n_addresses, 2);
	cr_assert_str_eq(t->addresses[1].host, "pg2.example.com");
	cr_assert_eq(t->port, 5432);
	cr_assert_str_eq(conf_target_label(t, "team"), "orders");
	cr_assert_eq(t->n_logins, 2);
	cr_assert_str_eq(t->logins[0].name, "app_ro");
	cr_assert_str_eq(t->logins[0].password, "credential:orders_ro");
	cr_assert_eq(t->logins[1].password_command.n, 4);
	cr_assert_str_eq(t->tls, "verify-full");
	cr_assert_eq(conf_target_find(c, "orders-stg")->port, 5432);
	r = conf_role_find(c, "bi");
	cr_assert_eq(r->max, SQL_READ);
	cr_assert_eq(r->max_rows, 100000);
	cr_assert_eq(r->mask, MASK_FULL);
	cr_assert_eq(conf_role_find(c, "dev")->ttl_s, 8 * 3600);
	cr_assert_eq(conf_role_find(c, "dev")->idle_ms, 8LL * 3600 * 1000);
	cr_assert_eq(conf_role_find(c, "dba")->mask, MASK_PARTIAL);
	cr_assert_eq(c->n_rules, 3);
	cr_assert(c->rules[1].overrides_base);
	cr_assert(c->rules[1].cls[SQL_BULK]);
	cr_assert(!c->rules[1].cls[SQL_READ]);
	cr_assert_eq(c->rules[1].action, VERDICT_HOLD);
	cr_assert(c->rules[2].observe);
	cr_assert_gt(c->rules[2].where.line, 90);
	cr_assert_eq(conf_approval_find(c, "change")->quorum, 2);
	cr_assert_eq(conf_approval_find(c, "change")->mode, HOLD_REJECT);
	cr_assert_eq(c->recording.low_water_bytes, 256LL << 20);
	conf_free(c);
}

Test(conf, defaults_are_the_documented_ones)
{
	struct conf *c = must_parse(
	    "approvals: {a: {approvers: [dba]}}\n"
	    "targets: {x: {type: mysql, address: [db], databases: [d], logins: {l: {}}}}\n"
	    "roles: {r: {groups: [g], targets: [x], logins: [l]}}\n");
	const struct conf_gateway *g = &c->gateway;

	cr_assert_str_eq(g->listen.v[0], "[::]:22");
	cr_assert_str_eq(g->state, "/var/lib/sallyport");
	cr_assert_str_eq(g->host_keys.v[0], "/var/lib/sallyport/ssh_host_ed25519_key");
	cr_assert_eq(g->cert_ttl_s, 8 * 3600);
	cr_assert_eq(g->cert_max_ttl_s, 24 * 3600);
	cr_assert_eq(g->login_grace_ms, 30000);
	cr_assert_eq(g->max_startups_begin, 10);
	cr_assert_eq(g->max_startups_rate, 30);
	cr_assert_eq(g->max_startups_full, 100);
	cr_assert_eq(g->max_auth_tries, 10);
	cr_assert_eq(g->max_channels, 64);
	cr_assert_eq(g->idle_ms, 0);
	cr_assert(g->require_sandbox);
	cr_assert_str_eq(g->log_format, "text");
	cr_assert_not_null(g->name);
	cr_assert_not_null(g->user);
	cr_assert_eq(c->n_identities, 1);
	cr_assert_eq(c->identities[0].type, IDENTITY_LOCAL);
	cr_assert_eq(c->approvals[0].wait_ms, 15 * 60000);
	cr_assert_eq(c->approvals[0].wait_locks_ms, 60000);
	cr_assert_eq(c->approvals[0].mode, HOLD_AUTO);
	cr_assert_eq(c->targets[0].port, 3306);
	cr_assert_eq(c->roles[0].mask, MASK_FULL, "what is not said is masked");
	cr_assert_eq(c->roles[0].max, SQL_ESCAPE);
	cr_assert_eq(c->roles[0].ttl_s, 0);
	cr_assert_eq(c->recording.low_water_bytes, 64 << 20);
	cr_assert_str_eq(c->recording.sync, "writes");
	cr_assert_eq(c->recording.keep_s, 0);
	conf_free(c);
}

Test(conf, destructive_follows_schema)
{
	struct conf *c = must_parse("base:\n"
				    "  env=a: {schema: warn}\n"
				    "  env=b: {schema: warn, destructive: deny}\n"
				    "  env=c: {bulk: warn}\n");

	cr_assert_str_eq(c->base[0].key, "env");
	cr_assert_str_eq(c->base[0].value, "a");
	cr_assert_eq(c->base[0].verdict[SQL_DESTRUCTIVE], VERDICT_WARN);
	cr_assert_eq(c->base[0].verdict[SQL_CONTROL], VERDICT_WARN);
	cr_assert_eq(c->base[1].verdict[SQL_DESTRUCTIVE], VERDICT_DENY);
	cr_assert_eq(c->base[1].verdict[SQL_CONTROL], VERDICT_WARN);
	cr_assert(!c->base[2].set[SQL_DESTRUCTIVE]);
	cr_assert(!c->base[2].set[SQL_SCHEMA]);
	conf_free(c);
}

Test(conf, selectors)
{
	struct conf *c =
	    must_parse("targets:\n"
		       "  a: {type: postgres, address: [h], databases: [d], logins: {l: {}}, "
		       "labels: {env: prod, team: x}}\n"
		       "  b: {type: postgres, address: [h], databases: [d], logins: {l: {}}, "
		       "labels: {env: staging}}\n"
		       "  c: {type: postgres, address: [h], databases: [d], logins: {l: {}}}\n");
	static const struct {
		char *sel;
		bool a, b, c;
	} cases[] = {{"*", true, true, true}, {"a", true, false, false},
	    {"env=prod", true, false, true}, {"env=staging", false, true, false},
	    {"team=x", true, false, false}, {"en=prod", false, false, false},
	    {"env=pro", false, false, false}, {"team=", false, false, false},
	    {"A", false, false, false}};
	size_t i;

	for (i = 0; i < N(cases); i++) {
		char *v[1] = {cases[i].sel};
		struct conf_list l = {1, v};

		cr_assert_eq(conf_selects(&l, &c->targets[0]), cases[i].a, "%s", cases[i].sel);
		cr_assert_eq(conf_selects(&l, &c->targets[1]), cases[i].b, "%s", cases[i].sel);
		cr_assert_eq(conf_selects(&l, &c->targets[2]), cases[i].c, "%s", cases[i].sel);
	}
	cr_assert(!conf_selects(&(struct conf_list){0, NULL}, &c->targets[0]),
	    "an empty list selects nothing");
	conf_free(c);
}

/* --- -T --- */

Test(conf, dump_loads_again_and_says_the_same)
{
	struct conf *c = must_load(SAMPLE), *again;
	struct buf one, two;

	buf_init(&one, 1 << 20);
	buf_init(&two, 1 << 20);
	conf_dump(c, &one);
	again = must_parse(buf_cstr(&one));
	conf_dump(again, &two);
	cr_assert_str_eq(buf_cstr(&one), buf_cstr(&two));
	cr_assert_not_null(strstr(buf_cstr(&one), "cert_ttl: 8h"));
	cr_assert_not_null(strstr(buf_cstr(&one), "    session:\n      ttl: 8h\n      idle: 8h\n"));
	cr_assert_eq(again->n_rules, c->n_rules);
	cr_assert_eq(again->n_users, c->n_users);
	cr_assert_str_eq(again->targets[0].logins[1].password_command.v[3], "db/orders");
	buf_clear(&one);
	buf_clear(&two);
	conf_free(c);
	conf_free(again);
}

/* --- files --- */

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[600];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	cr_assert_not_null(f);
	cr_assert_geq(fputs(text, f), 0);
	cr_assert_eq(fclose(f), 0);
}

static void make_dir(char *dir, size_t cap)
{
	char sub[600];

	(void)snprintf(dir, cap, "/tmp/test_conf.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(sub, sizeof(sub), "%s/conf.d", dir);
	cr_assert_eq(mkdir(sub, 0700), 0);
}

static void remove_dir(const char *dir)
{
	static const char *const names[] = {"main.yaml", "conf.d/10.yaml", "conf.d/20.yaml",
	    "conf.d/.30.yaml", "conf.d/40.yaml~", "conf.d", ""};
	char path[600];
	size_t i;

	for (i = 0; i < N(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
}

Test(conf, files_beside_it_merge)
{
	char dir[64], path[600];
	struct conf *c;

	make_dir(dir, sizeof(dir));
	write_file(dir, "main.yaml",
	    "gateway: {log_level: warn}\nusers: {a: {uid: 1}}\nrules: [{name: r1, action: "
	    "deny}]\n");
	write_file(
	    dir, "conf.d/20.yaml", "users: {c: {uid: 3}}\nrules: [{name: r3, action: deny}]\n");
	write_file(dir, "conf.d/10.yaml",
	    "users: {b: {uid: 2}}\nrules: [{name: r2, action: deny}]\ngateway: {idle: 5m}\n");
	write_file(dir, "conf.d/.30.yaml", "]");
	write_file(dir, "conf.d/40.yaml~", "]");
	(void)snprintf(path, sizeof(path), "%s/main.yaml", dir);
	c = must_load(path);
	cr_assert_eq(c->n_users, 3);
	cr_assert_str_eq(c->users[1].name, "b");
	cr_assert_str_eq(c->rules[2].name, "r3");
	cr_assert_str_eq(c->gateway.log_level, "warn");
	cr_assert_eq(c->gateway.idle_ms, 300000);
	conf_free(c);
	remove_dir(dir);
}

Test(conf, duplicates_across_files_are_errors)
{
	char dir[64], path[600], want[2000];
	struct conf *c;
	struct buf errs;

	make_dir(dir, sizeof(dir));
	write_file(dir, "main.yaml", "gateway: {log_level: warn}\nusers: {a: {uid: 1}}\n");
	write_file(dir, "conf.d/10.yaml", "users: {a: {uid: 2}}\ngateway: {log_level: info}\n");
	(void)snprintf(path, sizeof(path), "%s/main.yaml", dir);
	buf_init(&errs, 1 << 20);
	cr_assert_eq(conf_load(path, &c, &errs), E_CONFIG);
	(void)snprintf(want, sizeof(want),
	    "%s/conf.d/10.yaml:1:9: user \"a\" is given twice (first in %s:2)\n"
	    "    1 | users: {a: {uid: 2}}\n"
	    "                ^\n"
	    "%s/conf.d/10.yaml:2:11: gateway: \"log_level\" is given twice (first in %s:1)\n"
	    "    2 | gateway: {log_level: info}\n"
	    "                  ^\n"
	    "2 errors\n",
	    dir, path, dir, path);
	cr_assert_str_eq(buf_cstr(&errs), want);
	buf_clear(&errs);
	remove_dir(dir);
}

Test(conf, a_broken_file_stops_everything_and_makes_no_false_errors)
{
	char dir[64], path[600];
	struct conf *c;
	struct buf errs;

	make_dir(dir, sizeof(dir));
	write_file(dir, "main.yaml", "roles: {r: {groups: [g], targets: [x], logins: [l]}}\n");
	write_file(dir, "conf.d/10.yaml", "targets: {x: {\n");
	(void)snprintf(path, sizeof(path), "%s/main.yaml", dir);
	buf_init(&errs, 1 << 20);
	cr_assert_eq(conf_load(path, &c, &errs), E_CONFIG);
	cr_assert_null(strstr(buf_cstr(&errs), "unknown target"));
	cr_assert_not_null(strstr(buf_cstr(&errs), "\n1 error\n"));
	(void)snprintf(path, sizeof(path), "%s/none.yaml", dir);
	buf_reset(&errs);
	cr_assert_eq(conf_load(path, &c, &errs), E_CONFIG);
	cr_assert_not_null(strstr(buf_cstr(&errs), "none.yaml: cannot be read: "));
	buf_clear(&errs);
	remove_dir(dir);
}

Test(conf, hash_is_over_the_text)
{
	struct conf *a = must_parse("gateway: {user: a}\n"),
		    *b = must_parse("gateway: {user: a} \n");

	cr_assert_neq(memcmp(a->hash, b->hash, 32), 0);
	conf_free(a);
	conf_free(b);
}

/* --- the manual knows every key --- */

Test(conf, manual_has_the_generated_part)
{
	struct buf page, part;

	buf_init(&page, 1 << 20);
	buf_init(&part, 1 << 20);
	cr_assert_eq(file_read(SP_SRCDIR "/man/sallyport.yaml.5", &page), 0);
	conf_manual(&part);
	cr_assert_not_null(strstr(buf_cstr(&page), buf_cstr(&part)),
	    "man/sallyport.yaml.5 is behind the schema: paste the output of tests/unit/conf/manual "
	    "between its markers");
	buf_clear(&page);
	buf_clear(&part);
}

/* --- damaged text --- */

static void try_text(struct span text)
{
	struct conf *c = NULL;
	struct buf errs;
	int rc;

	buf_init(&errs, 1 << 20);
	rc = conf_parse("f", text, &c, &errs);
	cr_assert((rc == 0 && c != NULL && buf_len(&errs) == 0) ||
		  (rc == E_CONFIG && c == NULL && buf_len(&errs) > 0));
	conf_free(c);
	buf_clear(&errs);
}

Test(conf, every_prefix_of_the_sample_fails_cleanly_or_loads, .timeout = 300)
{
	struct buf text;
	uint8_t *copy;
	size_t i;

	buf_init(&text, 1 << 20);
	cr_assert_eq(file_read(SAMPLE, &text), 0);
	for (i = 0; i < buf_len(&text); i++) {
		copy = malloc(
		    i + 1); /* of the exact size, so that the sanitizer sees reads past the end */
		memcpy(copy, buf_span(&text).p, i);
		try_text(span_of(copy, i));
		free(copy);
	}
	buf_clear(&text);
}

Test(conf, flipped_bits_fail_cleanly_or_load, .timeout = 300)
{
	struct buf text;
	uint8_t *copy;
	size_t i;

	buf_init(&text, 1 << 20);
	cr_assert_eq(file_read(SAMPLE, &text), 0);
	copy = malloc(buf_len(&text));
	memcpy(copy, buf_span(&text).p, buf_len(&text));
	for (i = 0; i < buf_len(&text); i++) {
		copy[i] ^= (uint8_t)(1u << (i % 8));
		try_text(span_of(copy, buf_len(&text)));
		copy[i] ^= (uint8_t)(1u << (i % 8));
	}
	free(copy);
	buf_clear(&text);
}
