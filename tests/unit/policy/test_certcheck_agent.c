/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates of agents: kind, the person acted for, limits and names belong together.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../support/keygen.h"
#include "policy/certcheck.h"

#define NOW 2000 /* inside mint's 1000..5000 */

static int nobody_revoked(void *ctx, const struct certcheck_revocable *x)
{
	(void)ctx, (void)x;
	return 0;
}

struct agent { /* NULL: the option is left out */
	const char *what, *user, *second, *behalf, *max, *targets, *kind, *parent;
	const char *refused; /* part of the sentence, NULL: accepted */
};

static void put(struct buf *b, const char *name, const char *value)
{
	if (value != NULL)
		sshcert_put_option(b, name, span_str(value));
}

static void make(struct mint *m, const struct agent *a, struct buf *cert)
{
	const char *names[] = {a->user, a->second};

	mint_principals(m, a->second != NULL ? 2 : 1, names);
	buf_reset(&m->critical);
	put(&m->critical, SSHCERT_GATEWAY, "gw-test");
	put(&m->critical, SSHCERT_MAX_RISK, a->max);
	put(&m->critical, SSHCERT_ON_BEHALF_OF, a->behalf);
	put(&m->critical, SSHCERT_TARGETS, a->targets);
	buf_reset(&m->extensions);
	put(&m->extensions, SSHCERT_KIND, a->kind);
	put(&m->extensions, SSHCERT_PARENT, a->parent);
	mint_sign(m, cert);
}

static int check(const struct mint *m, const char *user, struct span cert,
    struct cert_identity *id, struct why *w)
{
	struct certcheck_ca ca = {buf_span(&m->ca_blob), true};
	struct certcheck_input in = {
	    .cert = cert,
	    .user = user,
	    .peer = "10.1.2.3",
	    .gateway = "gw-test",
	    .now_s = NOW,
	    .cas = &ca,
	    .n_cas = 1,
	    .revoked = nobody_revoked,
	};

	return certcheck_verify(&in, id, w);
}

static const struct agent cases[] = {
    {"delegated", "agent:etl", NULL, "carol", "read", "orders", "agent", "42", NULL},
    {"without targets", "agent:etl", NULL, "carol", "read", NULL, "agent", "42", NULL},
    {"without a risk limit", "agent:etl", NULL, "carol", NULL, "orders", "agent", NULL, NULL},
    {"a risk limit that limits nothing", "agent:etl", NULL, "carol", "escape", NULL, "agent", NULL,
	NULL},
    {"service", "alice", NULL, NULL, NULL, NULL, "service", NULL, NULL},
    {"person", "alice", NULL, NULL, "read", "orders", "person", NULL, NULL},
    {"no kind", "alice", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"a name like an agent's", "agentx", "agent:", NULL, NULL, NULL, NULL, NULL, NULL},
    {"no limit", "agent:etl", NULL, "carol", NULL, NULL, "agent", NULL, "without any limit"},
    {"for nobody", "agent:etl", NULL, NULL, "read", NULL, "agent", NULL, "acts for nobody"},
    {"a person's name", "alice", NULL, "carol", "read", NULL, "agent", NULL, "\"alice\" is no agent's name"},
    {"a person's name, too", "agent:etl", "alice", "carol", "read", NULL, "agent", NULL,
	"\"alice\" is no agent's name"},
    {"an agent's name, person", "agent:etl", NULL, NULL, NULL, NULL, "person", NULL,
	"\"agent:etl\" is an agent's name"},
    {"an agent's name, service", "alice", "agent:etl", NULL, NULL, NULL, "service", NULL,
	"\"agent:etl\" is an agent's name"},
    {"an agent's name, no kind", "agent:etl", NULL, "carol", "read", NULL, NULL, NULL,
	"\"agent:etl\" is an agent's name"},
    {"a person for another", "alice", NULL, "carol", "read", NULL, "person", NULL,
	"acts for somebody else"},
    {"somebody for another", "alice", NULL, "carol", "read", NULL, NULL, NULL,
	"acts for somebody else"},
    {"a delegated service", "alice", NULL, NULL, NULL, NULL, "service", "42",
	"acts for somebody else"},
    {"unknown kind", "alice", NULL, NULL, NULL, NULL, "Agent", NULL, "kind@sallyport is malformed"},
    {"kind with a longer name", "alice", NULL, NULL, NULL, NULL, "persons", NULL,
	"kind@sallyport is malformed"},
    {"empty kind", "alice", NULL, NULL, NULL, NULL, "", NULL, "kind@sallyport is malformed"},
    {"parent 0", "agent:etl", NULL, "carol", "read", NULL, "agent", "0", "parent@sallyport is malformed"},
    {"parent with zeros", "agent:etl", NULL, "carol", "read", NULL, "agent", "042",
	"parent@sallyport is malformed"},
    {"parent with a sign", "agent:etl", NULL, "carol", "read", NULL, "agent", "-42",
	"parent@sallyport is malformed"},
    {"parent of 64 bits", "agent:etl", NULL, "carol", "read", NULL, "agent", "9223372036854775808",
	"parent@sallyport is malformed"},
    {"parent of 20 digits", "agent:etl", NULL, "carol", "read", NULL, "agent",
	"10000000000000000000", "parent@sallyport is malformed"},
};

Test(certcheck_agent, kind_names_limits_and_person_belong_together)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct agent *a = &cases[i];
		struct cert_identity id;
		struct why w = {0};
		struct mint m;
		struct buf cert;
		int r;

		mint_init(&m);
		buf_init(&cert, SSHCERT_MAX);
		make(&m, a, &cert);
		r = check(&m, a->user, buf_span(&cert), &id, &w);
		if (a->refused == NULL) {
			cr_assert_eq(r, 0, "%s: %s", a->what, w.text);
		} else {
			cr_assert_neq(r, 0, "ACCEPTED: %s", a->what);
			cr_assert(strstr(w.text, a->refused) != NULL, "%s: \"%s\"", a->what, w.text);
			cr_assert(id.on_behalf_of[0] == '\0' && !id.has_kind && id.parent == 0, "%s", a->what);
		}
		cert_identity_clear(&id);
		buf_clear(&cert);
		mint_clear(&m);
	}
}

Test(certcheck_agent, says_what_the_certificate_says)
{
	struct cert_identity id;
	struct why w = {0};
	struct mint m;
	struct buf cert;

	mint_init(&m);
	buf_init(&cert, SSHCERT_MAX);
	make(&m, &cases[0], &cert);
	cr_assert_eq(check(&m, "agent:etl", buf_span(&cert), &id, &w), 0, "%s", w.text);
	cr_assert_eq(id.kind, KIND_AGENT);
	cr_assert(id.has_kind && id.has_max_risk && id.has_targets);
	cr_assert_str_eq(id.on_behalf_of, "carol");
	cr_assert_eq(id.max_risk, SQL_READ);
	cr_assert_eq(id.parent, 42);
	cert_identity_clear(&id);
	make(&m, &cases[4], &cert);
	cr_assert_eq(check(&m, "alice", buf_span(&cert), &id, &w), 0, "%s", w.text);
	cr_assert(id.has_kind && id.kind == KIND_SERVICE && !id.has_max_risk && id.parent == 0);
	cert_identity_clear(&id);
	buf_clear(&cert);
	mint_clear(&m);
}

/* The signer asks the body check: it must not depend on a signature. */
Test(certcheck_agent, the_body_alone_is_refused_too)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cert_identity id;
		struct sshcert c;
		struct why w = {0};
		struct mint m;
		struct buf cert;

		mint_init(&m);
		buf_init(&cert, SSHCERT_MAX);
		make(&m, &cases[i], &cert);
		cr_assert_eq(sshcert_parse(buf_span(&cert), &c, &w), 0, "%s", w.text);
		cr_assert_eq(certcheck_body(&c, "gw-test", true, true, &id, &w) == 0,
		    cases[i].refused == NULL, "%s: %s", cases[i].what, w.text);
		cert_identity_clear(&id);
		buf_clear(&cert);
		mint_clear(&m);
	}
}
