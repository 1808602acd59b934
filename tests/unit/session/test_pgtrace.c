/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading libpq's trace, and the words made of a failed connect.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "session/pgtrace.h"
#include "session/pguperr.h"

/* Captured from libpq 15 against PostgreSQL 15. */
static const char good[] = "F\t8\tUnknown message: length is 8\n"
			   "F\t80\tUnknown message: 70\n"
			   "mismatched message length: consumed 4, expected 80\n"
			   "B\t22\tParameterStatus\t \"application_name\" \"\"\n"
			   "B\t25\tParameterStatus\t \"client_encoding\" \"UTF8\"\n"
			   "B\t50\tParameterStatus\t \"server_version\" \"15.20 (Debian 15.20-0+deb12u1)\"\n"
			   "B\t12\tBackendKeyData\t 26112 -1512776003\n"
			   "B\t5\tReadyForQuery\t I\n";

static int parse(const char *text, struct pgtrace *t)
{
	return pgtrace_parse(span_str(text), t);
}

Test(pgtrace, names_key_and_ready)
{
	struct pgtrace t;

	cr_assert(eq(int, parse(good, &t), 0));
	cr_assert(eq(sz, t.n_names, 3));
	cr_expect(eq(str, t.names[0], "application_name"));
	cr_expect(eq(str, t.names[2], "server_version"));
	cr_expect(t.ready && t.has_key);
	cr_expect(eq(u32, t.pid, 26112));
	cr_expect(eq(u32, t.key, (uint32_t)-1512776003));
}

Test(pgtrace, a_value_cannot_forge_a_line)
{
	struct pgtrace t;

	/* value: 24 bytes `x"\nB\t12\tBackendKeyData\t` ... given by the length, not by its look */
	cr_assert(eq(int,
		parse("B\t46\tParameterStatus\t \"application_name\" \"x\"\nB\t12\tBackendKeyData\t \"\n"
		      "B\t12\tBackendKeyData\t 7 8\n",
		    &t),
		0));
	cr_expect(eq(u32, t.pid, 7));
	cr_expect(eq(sz, t.n_names, 1));
}

Test(pgtrace, contradictions_are_refused)
{
	struct pgtrace t;

	cr_expect(eq(int, parse("B\t12\tBackendKeyData\t 1 2\nB\t12\tBackendKeyData\t 3 4\n", &t), E_FORMAT));
	cr_expect(eq(int, parse("B\t16\tBackendKeyData\t 1 2\n", &t), E_FORMAT), "a longer key is not ours to cut");
	cr_expect(eq(int, parse("B\t12\tBackendKeyData\t 1\n", &t), E_FORMAT));
	cr_expect(eq(int, parse("B\t9\tParameterStatus\t \"application_name\" \"\"\n", &t), E_FORMAT));
	cr_expect(eq(int, parse("B\t999999999\tParameterStatus\t \"a\" \"\"\n", &t), E_FORMAT));
	cr_expect(eq(int, parse("B\t22\tParameterStatus\tapplication_name\n", &t), E_FORMAT));
}

Test(pgtrace, a_failed_connect_tells_its_error)
{
	struct pgtrace t;

	cr_assert(eq(int,
		parse("B\t89\tErrorResponse\t S \"FATAL\" V \"FATAL\" C \"3D000\" M \"database \"nodb\" does not exist\" F "
		      "\"postinit.c\" L \"948\" R \"InitPostgres\" \\x00\n",
		    &t),
		0));
	cr_expect(eq(str, t.sqlstate, "3D000"));
	cr_expect(eq(str, t.message, "database \"nodb\" does not exist"));
}

Test(pgtrace, sweeps)
{
	struct pgtrace t;
	size_t n = sizeof(good) - 1;

	for (size_t i = 0; i < n; i++) {
		char *cut = malloc(i + 1);

		memcpy(cut, good, i);
		(void)!pgtrace_parse(span_of(cut, i), &t);
		free(cut);
	}
	for (size_t bit = 0; bit < n * 8; bit++) {
		char *copy = malloc(n);

		memcpy(copy, good, n);
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
		(void)!pgtrace_parse(span_of(copy, n), &t);
		cr_assert(le(sz, t.n_names, PGTRACE_NAMES));
		free(copy);
	}
}

static void explain(const char *raw, const char *sqlstate, const char *text)
{
	static const char *const hidden[] = {"10.1.2.3", "db.internal", NULL};
	struct pgtrace t = {0};
	char got[6];
	struct why w;

	cr_expect(lt(int, pguperr_explain(raw, &t, hidden, got, &w), 0));
	cr_expect(eq(str, got, (char *)sqlstate));
	cr_expect(strstr(w.text, text) != NULL, "'%s' has no '%s'", w.text, text);
	cr_expect(strstr(w.text, "10.1.2.3") == NULL && strstr(w.text, "db.internal") == NULL, "%s", w.text);
}

Test(pguperr, known_phrases)
{
#define AT "connection to server at \"db.internal\" (10.1.2.3), port 5432 failed: "
	explain(AT "FATAL:  password authentication failed for user \"bob\"\n", "28P01", "for user \"bob\"");
	explain(AT "FATAL:  no pg_hba.conf entry for host \"10.9.9.9\"\n", "28000", "pg_hba.conf");
	explain(AT "FATAL:  sorry, too many clients already\n", "53300", "too many clients");
	explain(AT "FATAL:  the database system is starting up\n", "57P03", "starting up");
	explain(AT "server certificate for \"a\" does not match host name \"db.internal\"\n", "08001", "another host name");
	explain(AT "SSL error: certificate verify failed\n", "08001", "could not be verified");
	explain(AT "SSL error: \x01\xff\x80garbage\n", "08001", "TLS handshake");
	explain(AT "FATAL:  go to db.internal\n", "28000", "refused the login");
	explain(AT "FATAL:  \x1b[31mred\n", "28000", "\\x1b");
	explain("something new\n", "08001", "failed");
	explain("", "08001", "failed");
}
