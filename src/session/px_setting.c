/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client wants set before its session begins: start-up parameters and `options` (PGOPTIONS). They are judged as
 * SET of the same setting to the same value is (sql/pgsettings.h), by the policy in force; but nobody can be asked
 * before there is a session, so what would wait for an approval is refused. The order is the server's: options first,
 * then parameters, and the last value of a setting counts.
 * Source: ProcessStartupPacket() and process_startup_options() of PostgreSQL 15.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "session/px.h"
#include "sql/pgsettings.h"
#include "wire/pgoptions.h"

static bool refuse(struct pgproxy *x, const char *what, const char *name, const char *why, const char *hint)
{
	char msg[600];

	snprintf(msg, sizeof(msg), "refused: %s%s%s", what, name, why);
	px_fatal(x, "42501", msg, hint, "start-up refused");
	return false;
}

static bool refuse_word(struct pgproxy *x, struct span word)
{
	char esc[80];

	span_escape(word, esc, sizeof(esc));
	return refuse(x, "start-up option \"", esc, "\" is no setting", "of options, the gateway takes -c name=value and --name=value");
}

/* ---- taking ---- */

/* Notes of a driver to itself. */
static bool is_note(struct span name)
{
	return span_is_nocase(name, "assumeMinServerVersion") || span_is_nocase(name, "fallback_application_name");
}

static bool text_take(struct pgproxy *x, char *dst, size_t cap, struct span name, struct span value)
{
	char esc[80];

	snprintf(dst, cap, "%.*s", (int)value.n, value.n > 0 ? (const char *)value.p : "");
	if (value.n < cap || dst == x->app)
		return true;
	span_escape(name, esc, sizeof(esc));
	return refuse(x, "start-up parameter \"", esc, "\" is too long", "");
}

static bool setting_take(struct pgproxy *x, struct span name, struct span value)
{
	if (span_is_nocase(name, "application_name"))
		return text_take(x, x->app, sizeof(x->app), name, value); /* the gateway sends one of its own */
	buf_put_span(&x->settings, name);
	buf_put_u8(&x->settings, 0);
	buf_put_span(&x->settings, value);
	buf_put_u8(&x->settings, 0);
	if (buf_err(&x->settings) == 0)
		return true;
	return refuse(x, "start-up options", "", " are too long", "set fewer, or SET them in the session");
}

static bool options_take(struct pgproxy *x, struct span text)
{
	struct pgoptions o;
	struct span name, value;
	enum pgoptions_got got;
	bool ok = true;

	pgoptions_init(&o, text);
	while (ok && (got = pgoptions_next(&o, &name, &value)) != PGOPTIONS_END)
		ok = got == PGOPTIONS_SETTING ? setting_take(x, name, value) : refuse_word(x, name);
	pgoptions_clear(&o);
	return ok;
}

static bool replication_take(struct pgproxy *x, struct span value)
{
	static const char *const off[] = {"false", "off", "no", "0", "f", "n"};

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		if (span_is_nocase(value, off[i]))
			return true;
	return refuse(x, "replication connections", "", " are not open through the gateway", "connect without it");
}

static bool pair_take(struct pgproxy *x, struct span name, struct span value)
{
	if (span_is(name, "user"))
		return text_take(x, x->user, sizeof(x->user), name, value);
	if (span_is(name, "database"))
		return text_take(x, x->database, sizeof(x->database), name, value);
	if (span_is(name, "replication"))
		return replication_take(x, value);
	if (span_is(name, "options") || is_note(name) || (name.n > 5 && memcmp(name.p, "_pq_.", 5) == 0))
		return true; /* read before; nothing to the server; answered by NegotiateProtocolVersion */
	return setting_take(x, name, value);
}

bool px_settings_take(struct pgproxy *x, const struct pg_startup *s)
{
	struct cur c = cur_of(s->pairs);
	struct span name, value, options = span_of(NULL, 0);

	while (pg_startup_next(&c, &name, &value))
		if (span_is(name, "options"))
			options = value;
	if (!options_take(x, options))
		return false;
	c = cur_of(s->pairs);
	while (pg_startup_next(&c, &name, &value))
		if (!pair_take(x, name, value))
			return false;
	return true;
}

/* ---- judging ---- */

/* Does the rest of the settings set it again? */
static bool set_again(struct cur rest, struct span name)
{
	struct span n, v;

	while (pg_startup_next(&rest, &n, &v))
		if (n.n == name.n && strncasecmp((const char *)n.p, (const char *)name.p, n.n) == 0)
			return true;
	return false;
}

/* A name with anything else could be read as more than one word, or as another name. */
static bool is_name(struct span s)
{
	if (s.n == 0 || (s.p[0] >= '0' && s.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '_' &&
		    s.p[i] != '.')
			return false;
	return true;
}

/* What the gateway keeps itself is not sent: it is as wanted already, or refused whatever the policy. */
static bool pinned_ok(struct pgproxy *x, const char *name, const struct pgsetting *s)
{
	char why[160];

	if (s->why[0] == '\0')
		return true;
	snprintf(why, sizeof(why), " %s", s->why);
	return refuse(x, "start-up option ", name, why,
	    strcasecmp(name, "client_encoding") == 0 ? "the gateway speaks UTF8 alone: set PGCLIENTENCODING=UTF8, or leave it out"
						     : "leave it out of the connection settings");
}

static bool setting_judge(struct pgproxy *x, const char *name, const char *value)
{
	struct sql_stmt one = {.tag = "SET"};
	struct sql_facts f = {.n_stmts = 1, .stmts = &one};
	struct pgsetting s;
	struct judgement j;
	char why[200];

	pgsetting_judge(name, value, PGSET_START, &s);
	if (s.pinned)
		return pinned_ok(x, name, &s);
	f.cls = one.cls = s.cls;
	f.flags = one.flags = s.flags;
	snprintf(one.reason, sizeof(one.reason), "start-up option %s%s%s", name, s.why[0] != '\0' ? " " : "", s.why);
	snprintf(f.reason, sizeof(f.reason), "%s", one.reason);
	policy_judge(&x->view, &f, &j);
	if (j.verdict >= VERDICT_WARN) {
		pgoptions_put(&x->options, span_str(name), span_str(value));
		return true;
	}
	snprintf(why, sizeof(why), " (class %s, rule %s, policy %u)", sql_class_name(s.cls), j.rule, x->view.epoch);
	return refuse(x, "", one.reason, why,
	    j.verdict == VERDICT_HOLD ? "leave it out of the connection settings and SET it in the session, where it can be approved"
				      : "leave it out of the connection settings; no role of yours may do this here");
}

/* Behind all of the client's: the last one counts. */
static void own_settings(struct pgproxy *x)
{
	pgoptions_put(&x->options, span_str("standard_conforming_strings"), span_str("on"));
	pgoptions_put(&x->options, span_str("backslash_quote"), span_str("safe_encoding"));
	/* When this process or the gateway dies, the server notices by itself and stops the query. */
	pgoptions_put(&x->options, span_str("client_connection_check_interval"), span_str("1s"));
}

bool px_settings_judge(struct pgproxy *x)
{
	struct cur c = cur_of(buf_span(&x->settings));
	struct span name, value;
	char esc[80];

	while (pg_startup_next(&c, &name, &value)) {
		if (set_again(c, name))
			continue;
		if (!is_name(name) || name.n > PGOPTIONS_NAME_MAX) {
			span_escape(name, esc, sizeof(esc));
			return refuse(x, "start-up option \"", esc, "\" has no name", "leave it out of the connection settings");
		}
		/* both end with a NUL in the buffer */
		if (!setting_judge(x, (const char *)name.p, (const char *)value.p))
			return false;
	}
	own_settings(x);
	if (buf_err(&x->options) == 0)
		return true;
	return refuse(x, "start-up options", "", " are too long", "set fewer, or SET them in the session");
}
