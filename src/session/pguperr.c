/* SPDX-License-Identifier: Apache-2.0
 *
 * The phrases of libpq and of servers that refuse before PQtrace sees their answer, and what they mean.
 */
#include "session/pguperr.h"

#include <ctype.h>

#include "base/mem.h"

static const struct phrase {
	const char *has;      /* in libpq's text */
	const char *sqlstate;
	const char *text;     /* NULL: the server's own words */
	const char *hint;
} phrases[] = {
	{"password authentication failed", "28P01", NULL, "the operator must check the target's login and password"},
	{"no password supplied", "28P01", "the database server wants a password and the target has none",
	 "the operator must give the target a password"},
	{"no pg_hba.conf entry", "28000", "the database server does not take this login from the gateway (pg_hba.conf)",
	 "the operator must allow the gateway's address, login and database on the server"},
	{"too many clients", "53300", NULL, "try again later"},
	{"too many connections", "53300", NULL, "try again later"},
	{"remaining connection slots", "53300", NULL, "try again later"},
	{"the database system is", "57P03", NULL, "try again later"},
	{"does not match host name", "08001", "the server's certificate is for another host name",
	 "the operator must check the target's host"},
	{"certificate verify failed", "08001", "the server's certificate could not be verified",
	 "the operator must check the target's CA"},
	{"server does not support SSL", "08001", "the database server does not offer TLS",
	 "the operator must enable TLS on the server or change the target's tls"},
	{"root certificate file", "08001", "the target's CA file could not be read", ""},
	{"could not read root certificate", "08001", "the target's CA file could not be read", ""},
	{"SSL error", "08001", "the TLS handshake with the database server failed", ""},
	{"channel binding", "28000", "the database server does not offer channel binding", ""},
	{"authentication method", "28000", "the database server wants an authentication method that is not supported", ""},
	{"Connection refused", "08001", "the database server refused the connection", ""},
	{"server closed the connection", "08001", "the database server closed the connection", ""},
	{"FATAL:", "28000", NULL, ""},
};

static const struct phrase unknown = {
	"", "08001", "the connection to the database server failed", "",
};

static const struct phrase traced = {"", "", NULL, ""}; /* state and words come from the trace */

static bool sqlstate_ok(const char *s)
{
	for (size_t i = 0; i < 5; i++) {
		if (!isupper((unsigned char)s[i]) && !isdigit((unsigned char)s[i]))
			return false;
	}
	return true;
}

static bool reveals(struct span text, const char *const *hidden)
{
	for (; *hidden != NULL; hidden++) {
		if ((*hidden)[0] != '\0' && memmem(text.p, text.n, *hidden, strlen(*hidden)) != NULL)
			return true;
	}
	return false;
}

static const struct phrase *find_phrase(const char *raw)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (strstr(raw, phrases[i].has) != NULL)
			return &phrases[i];
	}
	return &unknown;
}

/* What follows "FATAL:  " on its line. */
static struct span server_words(const char *raw)
{
	static const char mark[] = "FATAL:";
	const char *at = strstr(raw, mark);

	if (at == NULL)
		return span_of(NULL, 0);
	at += sizeof(mark) - 1;
	at += strspn(at, " ");
	return span_of(at, strcspn(at, "\n"));
}

int pguperr_explain(const char *raw, const struct pgtrace *t, const char *const *hidden, char sqlstate[6], struct why *w)
{
	const struct phrase *ph = find_phrase(raw);
	struct span words = server_words(raw);
	const char *state = ph->sqlstate;
	char text[192];

	if (t->sqlstate[0] != '\0' && sqlstate_ok(t->sqlstate)) {
		state = t->sqlstate;
		words = span_str(t->message);
		ph = &traced;
	}
	(void)str_copy(sqlstate, 6, state);
	if (ph->text == NULL && words.n > 0 && !reveals(words, hidden)) {
		(void)span_escape(words, text, sizeof(text));
		(void)why_set(w, E_DENIED, "the database server said: %s", text);
	} else {
		(void)why_set(w, E_CLOSED, "%s", ph->text != NULL ? ph->text : "the database server refused the login");
	}
	if (ph->hint[0] != '\0')
		why_hint(w, "%s", ph->hint);
	return ph->text == NULL ? E_DENIED : E_CLOSED;
}
