/* SPDX-License-Identifier: Apache-2.0
 *
 * Golden texts: what is said, and where, for every kind of mistake. `FRAME` gives a configuration
 * in which the mistake is the only one.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "conf/conf.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define ED1 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBohOVoUYzSBNOaHggM/c2S9aBJTiCcWJpkdMvJ37mit"
#define TARGET                                                                                     \
	"targets:\n"                                                                               \
	"  orders-prod: {type: postgres, address: [pg1], databases: [orders], logins: {ro: {}}}\n"
#define ROLE "roles:\n  dev: {groups: [dev], targets: [orders-prod], logins: [ro]}\n"

static void expect(const char *text, const char *want)
{
	struct conf *c = (struct conf *)1;
	struct buf errs;
	int rc;

	buf_init(&errs, 1 << 20);
	rc = conf_parse("f", span_str(text), &c, &errs);
	cr_assert_eq(rc, E_CONFIG, "accepted:\n%s", text);
	cr_assert_null(c);
	cr_assert_str_eq(buf_cstr(&errs), want, "for:\n%s\n---- got:\n%s", text, buf_cstr(&errs));
	buf_clear(&errs);
}

/* One error whose first line is want. */
static void expect_line(const char *text, const char *want)
{
	struct conf *c = NULL;
	struct buf errs;
	char first[600];
	size_t n;

	buf_init(&errs, 1 << 20);
	cr_assert_eq(conf_parse("f", span_str(text), &c, &errs), E_CONFIG, "accepted:\n%s", text);
	n = strcspn(buf_cstr(&errs), "\n");
	(void)snprintf(first, sizeof(first), "%.*s", (int)n, buf_cstr(&errs));
	cr_assert_str_eq(first, want, "for:\n%s\n---- got:\n%s", text, buf_cstr(&errs));
	cr_assert_not_null(strstr(buf_cstr(&errs), "\n1 error\n"), "for:\n%s\n---- got:\n%s", text,
	    buf_cstr(&errs));
	buf_clear(&errs);
}

Test(errors, shown_as_in_the_transcripts)
{
	expect(TARGET "roles:\n"
		      "  deploy:\n"
		      "    groups: [ci]\n"
		      "    targets: [order-prod]\n"
		      "    logins: [ro]\n"
		      "rules:\n"
		      "  - {name: pii-bulk, action: hold, approval: one-dbs}\n"
		      "approvals:\n"
		      "  one-dba: {approvers: [dba]}\n",
	    "f:6:15: role \"deploy\": unknown target \"order-prod\" (did you mean "
	    "\"orders-prod\"?)\n"
	    "    6 |     targets: [order-prod]\n"
	    "                      ^\n"
	    "f:9:46: rule \"pii-bulk\": \"approval: one-dbs\" names no approval (did you mean "
	    "\"one-dba\"?)\n"
	    "    9 |   - {name: pii-bulk, action: hold, approval: one-dbs}\n"
	    "                                                     ^\n"
	    "2 errors\n");
}

Test(errors, caret_counts_characters)
{
	expect("gateway: {user: \"\xc3\xa4\xc3\xb6\", log_level: loud}\n",
	    "f:1:17: gateway: \"user\": \"\xc3\xa4\xc3\xb6\" may hold only letters, digits and "
	    "-_.@:/+\n"
	    "    1 | gateway: {user: \"\xc3\xa4\xc3\xb6\", log_level: loud}\n"
	    "                        ^\n"
	    "f:1:34: gateway: \"log_level\": \"loud\" is not debug, info, warn or error\n"
	    "    1 | gateway: {user: \"\xc3\xa4\xc3\xb6\", log_level: loud}\n"
	    "                                         ^\n"
	    "2 errors\n");
}

Test(errors, structure)
{
	static const char *const cases[][2] = {
	    {"", "f: there is nothing in this file"},
	    {"# only a comment\n", "f: there is nothing in this file"},
	    {"[a]\n", "f:1:1: the file must be a map of sections, like gateway: {...}"},
	    {"gateway: *x\n", NULL},
	    {"gateway: &x {user: a}\n",
		"f:1:10: anchors (&name) are not supported: write the value out"},
	    {"gateway: {user: !!str a}\n",
		"f:1:17: tags (!name) are not supported: write the plain value"},
	    {"gateway: {user: ! a}\n",
		"f:1:17: tags (!name) are not supported: write the plain value"},
	    {"gateway: {user: a, user: b}\n", "f:1:20: \"user\" is given twice (first on line 1)"},
	    {"gateway: {user: a}\ngateway: {user: b}\n",
		"f:2:1: \"gateway\" is given twice (first on line 1)"},
	    {"gateway: {user: a}\n---\ngateway: {}\n",
		"f:2:1: a second document (---) in one file is not supported"},
	    {"%YAML 1.1\n---\ngateway: {user: a}\n",
		"f:1:1: directives (%YAML, %TAG) are not supported"},
	    {"gateway: {user: a\n", "f:2:1: did not find expected ',' or '}' while parsing a flow "
				    "mapping that starts on line 1"},
	    {"gateway: {? [a] : b}\n", "f:1:13: a key must be a word, not a list or a map"},
	    {"gateway: {user: [[[[[[[[[[[a]]]]]]]]]]]}\n",
		"f:1:25: lists and maps are nested more than 10 deep"},
	    {"gateway: {user: \"a\\0b\"}\n",
		"f:1:17: line breaks and invisible characters are not allowed in a value"},
	    {"gateway: {user: \"a\\u202eb\"}\n",
		"f:1:17: line breaks and invisible characters are not allowed in a value"},
	    {"gateway: {user: \"a\\nb\"}\n",
		"f:1:17: line breaks and invisible characters are not allowed in a value"},
	    {"gateway: # \x01\n  {user: a}\n", "f:1:12: control character in the text"},
	    {"gateway: {user: a} # \xff\n", "f:1:22: the text is not valid UTF-8"},
	    {"gateway: {user: a} # \xe2\x80\xae\n",
		"f:1:22: character that changes the direction of text in the text"},
	    {"gateway: {user: a} # x\ry\n", "f:1:23: carriage return inside a line in the text"},
	    {"\xef\xbb\xbfgateway: {user: a}\n", "f:1:1: byte order mark in the text"},
	    {"notify: {}\n", "f:1:1: \"notify\" is not supported by this version"},
	    {"mask: {}\n", "f:1:1: \"mask\" is not supported by this version"},
	    {"gatewy: {}\n", "f:1:1: unknown key \"gatewy\" (did you mean \"gateway\"?)"},
	    {"zzz: {}\n", "f:1:1: unknown key \"zzz\""},
	    {"gateway: [a]\n", "f:1:10: \"gateway\" must be a map"},
	    {"rules: {a: b}\n", "f:1:8: \"rules\" must be a list"},
	    {"rules: [a]\n", "f:1:9: rule number 1 must be a map, like {a: b}"},
	    {"users: {a: b}\n", "f:1:12: user \"a\" must be a map, like {a: b}"},
	};
	size_t i;

	for (i = 0; i < N(cases); i++)
		if (cases[i][1] != NULL)
			expect_line(cases[i][0], cases[i][1]);
}

Test(errors, aliases)
{
	/* libyaml itself refuses an alias without an anchor only in its loader: we see the event */
	expect_line("gateway: {user: *x}\n",
	    "f:1:17: aliases (*name) are not supported: write the value out");
	expect("gateway: {user: &x a, name: *x}\n",
	    "f:1:17: anchors (&name) are not supported: write the value out\n"
	    "    1 | gateway: {user: &x a, name: *x}\n"
	    "                        ^\n"
	    "f:1:29: aliases (*name) are not supported: write the value out\n"
	    "    1 | gateway: {user: &x a, name: *x}\n"
	    "                                    ^\n"
	    "2 errors\n");
}

Test(errors, nul_and_size)
{
	static char big[1024 * 1024 + 2];
	struct conf *c;
	struct buf errs;

	buf_init(&errs, 1 << 20);
	cr_assert_eq(conf_parse("f", span_of("gateway: {user: a\0b}\n", 21), &c, &errs), E_CONFIG);
	cr_assert_str_eq(buf_cstr(&errs), "f:1:18: NUL byte in the text\n1 error\n");
	memset(big, ' ', sizeof(big));
	buf_reset(&errs);
	cr_assert_eq(conf_parse("f", span_of(big, sizeof(big)), &c, &errs), E_CONFIG);
	cr_assert_str_eq(buf_cstr(&errs), "f: the file is larger than 1048576 bytes\n1 error\n");
	buf_clear(&errs);
}

Test(errors, values)
{
	static const char *const cases[][2] = {
	    {"gateway: {login_grace: 30x}\n", "f:1:24: gateway: \"login_grace\": \"30x\" is not a "
					      "duration (like 8h, 15m, 30s or 250ms)"},
	    {"gateway: {cert_ttl: 90500ms}\n", "f:1:21: gateway: \"cert_ttl\": \"90500ms\" is not "
					       "a duration in whole seconds (like 8h, 15m or 30s)"},
	    {"gateway: {cert_ttl: 1s}\n",
		"f:1:21: gateway: \"cert_ttl\": \"1s\" is outside 1m to 7d"},
	    {"gateway: {cert_ttl: 2d}\n",
		"f:1:1: gateway: \"cert_ttl\" is longer than \"cert_max_ttl\""},
	    {"gateway: {max_channels: 0}\n",
		"f:1:25: gateway: \"max_channels\": \"0\" is outside 1 to 1000"},
	    {"gateway: {max_channels: 99999999999999999999}\n",
		"f:1:25: gateway: \"max_channels\": \"99999999999999999999\" is outside 1 to 1000"},
	    {"gateway: {max_channels: many}\n",
		"f:1:25: gateway: \"max_channels\": \"many\" is not a whole number"},
	    {"gateway: {max_channels: [1]}\n",
		"f:1:25: gateway: \"max_channels\": must be a single value, not a list"},
	    {"gateway: {max_startups: 10:30}\n", "f:1:25: gateway: \"max_startups\": \"10:30\" is "
						 "not begin:rate:full like 10:30:100"},
	    {"gateway: {max_startups: 10:101:100}\n",
		"f:1:25: gateway: \"max_startups\": \"10:101:100\" is not begin:rate:full like "
		"10:30:100"},
	    {"gateway: {require_sandbox: yes}\n",
		"f:1:28: gateway: \"require_sandbox\": \"yes\" is not true or false"},
	    {"gateway: {listen: \"[::]:22\"}\n",
		"f:1:19: gateway: \"listen\": must be a list, like [a, b]"},
	    {"gateway: {listen: [localhost:22]}\n",
		"f:1:20: gateway: \"listen\": \"localhost:22\" is not an address and port like "
		"\"[::]:22\" or \"127.0.0.1:2222\""},
	    {"gateway: {listen: []}\n",
		"f:1:19: gateway: \"listen\": is empty: name something or leave the key out"},
	    {"gateway: {state: var}\n",
		"f:1:18: gateway: \"state\": \"var\" must be an absolute path"},
	    {"gateway: {state: }\n", "f:1:18: gateway: \"state\": has no value"},
	    {"gateway: {state: ~}\n", "f:1:18: gateway: \"state\": has no value"},
	    {"gateway: {ca: /key}\n", "f:1:15: gateway: \"ca\": \"/key\" must be \"file:PATH\" or "
				      "\"agent:SOCKET#FINGERPRINT\""},
	    {"gateway: {ca: \"agent:/s\"}\n", "f:1:15: gateway: \"ca\": \"agent:/s\" needs the "
					      "fingerprint of the key: agent:SOCKET#SHA256:..."},
	    {"gateway: {timezone: Mars/Olympus}\n",
		"f:1:21: gateway: \"timezone\": \"Mars/Olympus\" is not a time zone of this "
		"machine"},
	    {"gateway: {timezone: ../x}\n",
		"f:1:21: gateway: \"timezone\": \"../x\" is not a time zone like Europe/Berlin"},
	    {"gateway: {trusted_cas: [ssh-rsa x]}\n",
		"f:1:25: gateway: \"trusted_cas\": \"ssh-rsa x\" is cut or damaged"},
	    {"gateway: {log_levl: info}\n",
		"f:1:11: gateway: unknown key \"log_levl\" (did you mean \"log_level\"?)"},
	    {"identity: {a: {type: local}, b: {type: local}}\n",
		"f:1:30: identity \"b\": a second block of type local could name the same people"},
	    {"users: {\"a b\": {}}\n", NULL},
	    {"users: {bot: {kind: service}}\n", "f:1:9: user \"bot\": a service needs \"keys\""},
	    {"users: {a: {uid: 5}, b: {uid: 5}}\n",
		"f:1:26: user \"b\": uid 5 is already user \"a\""},
	    {"users: {a: {keys: [" ED1 "]}, b: {keys: [" ED1 " x]}}\n",
		"f:1:108: user \"b\": a key is also user \"a\"'s; say \"person\" if they are one "
		"human"},
	    {"users: {a: {source: [10.1.2.3/8]}}\n",
		"f:1:22: user \"a\": \"source\": \"10.1.2.3/8\" has bits set behind its prefix "
		"length"},
	    {"users: {a: {source: [10.1/8]}}\n",
		"f:1:22: user \"a\": \"source\": \"10.1/8\" is not a network like 10.0.0.0/8, "
		"10.0.3.7 or 2001:db8::/32"},
	    {"users: {a: {groups: [x, x]}}\n",
		"f:1:25: user \"a\": \"groups\": \"x\" is named twice"},
	    {"base: {prod: {bulk: hold}}\n",
		"f:1:8: base \"prod\": the name is not a label like env=prod"},
	    {"base: {env=prod: {bulk: maybe}}\n",
		"f:1:25: base \"env=prod\": \"bulk\": \"maybe\" is not deny, hold, warn or allow"},
	    {"base: {env=prod: {unparsable: allow}}\n",
		"f:1:19: base \"env=prod\": unknown key \"unparsable\""},
	    {"base: {env=prod: {bulks: hold}}\n",
		"f:1:19: base \"env=prod\": unknown key \"bulks\" (did you mean \"bulk\"?)"},
	    {"recording: {low_water: 64MB}\n", "f:1:24: recording: \"low_water\": \"64MB\" is not "
					       "a size (like 64MiB, 1GiB or 4096)"},
	    {"recording: {keep: {env=prod: 400d}}\n",
		"f:1:19: recording: \"keep\": must be a single value, not a map"},
	    {"recording: {results: summary}\n",
		"f:1:13: recording: \"results\" is not supported by this version"},
	    {"approvals: {x: {approvers: [a], mode: script}}\n",
		"f:1:39: approval \"x\": \"mode\": \"script\" is not auto, wait or reject"},
	    {"approvals: {x: {quorum: 2}}\n", "f:1:13: approval \"x\": \"approvers\" is missing"},
	    {"approvals: {x: {approvers: [a], reason: \"CHG\"}}\n",
		"f:1:33: approval \"x\": \"reason\" is not supported by this version"},
	    {"rules: [{action: deny}]\n", "f:1:9: rule number 1: \"name\" is missing"},
	    {"rules: [{name: a, action: deny}, {name: a, action: deny}]\n",
		"f:1:41: rule \"a\" is given twice (first in f:1)"},
	    {"rules: [{name: a, action: deny, hours: x}]\n",
		"f:1:33: rule \"a\": \"hours\" is not supported by this version"},
	    {"rules: [{name: a, action: deny, roles: [dev]}]\n",
		"f:1:41: rule \"a\": unknown role \"dev\""},
	    {"rules: [{name: a, action: deny, classes: [unparsable]}]\n", NULL},
	    {"rules: [{name: a, action: allow, overrides: [base]}]\n",
		"f:1:34: rule \"a\": \"overrides\" needs \"classes\": name what it may loosen"},
	    {"rules: [{name: a, action: deny, approval: x}]\napprovals: {x: {approvers: [y]}}\n",
		"f:1:33: rule \"a\": \"approval\" is only for action: hold"},
	};
	size_t i;

	for (i = 0; i < N(cases); i++)
		if (cases[i][1] != NULL)
			expect_line(cases[i][0], cases[i][1]);
}

Test(errors, targets_and_roles)
{
	static const char *const cases[][2] = {
	    {"targets: {X: {type: postgres, address: [a], databases: [b], logins: {c: {}}}}\n",
		"f:1:11: target \"X\": the name may hold only a-z, 0-9, \".\" and \"-\""},
	    {"targets: {x: {type: oracle, address: [a], databases: [b], logins: {c: {}}}}\n",
		"f:1:21: target \"x\": \"type\": \"oracle\" is not postgres or mysql"},
	    {"targets: {x: {type: postgres, address: [\"a:b\"], databases: [b], logins: {c: "
	     "{}}}}\n",
		"f:1:41: target \"x\": \"address\": \"a:b\" is not a host and port like "
		"db1.example.com:5432"},
	    {"targets: {x: {type: postgres, address: [a], databases: [b], logins: [c]}}\n",
		"f:1:69: target \"x\": \"logins\": must be a map, like {a: b}"},
	    {"targets: {x: {type: postgres, address: [a], databases: [b], logins: {c: {pasword: "
	     "x}}}}\n",
		"f:1:74: target \"x\": login \"c\": unknown key \"pasword\" (did you mean "
		"\"password\"?)"},
	    {"targets: {x: {type: postgres, address: [a], databases: [b], logins: {c: {}}, tls: "
	     "disable, tls_ca: /x}}\n",
		"f:1:92: target \"x\": \"tls_ca\" has no effect with tls: disable"},
	    {"targets: {x: {type: postgres, address: [a], databases: [b], logins: {c: {}}, scan: "
	     "{}}}\n",
		"f:1:78: target \"x\": \"scan\" is not supported by this version"},
	    {"targets: {x: {type: postgres, address: [a], databases: [b], logins: {c: "
	     "{password_command: [vault]}}}}\n",
		"f:1:93: target \"x\": login \"c\": \"password_command\": \"vault\" must be an "
		"absolute path"},
	    {"targets: {x: {type: postgres, address: [a], databases: [b], labels: {\"a b\": c}, "
	     "logins: {c: {}}}}\n",
		"f:1:70: target \"x\": \"labels\": \"a b\" may hold only letters, digits and "
		"-_.@:/+"},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [rw]}}\n",
		"f:3:61: role \"dev\": unknown login of its targets \"rw\""},
	    {TARGET
		"roles: {dev: {groups: [d], targets: [\"*\"], logins: [ro], databases: [order]}}\n",
		"f:3:70: role \"dev\": unknown database of its targets \"order\" (did you mean "
		"\"orders\"?)"},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [ro], verbs: "
		    "[aprove]}}\n",
		"f:3:74: role \"dev\": \"verbs\": \"aprove\" is not approve, kill, watch, audit or "
		"reload (did you mean \"approve\"?)"},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [ro], session: "
		    "{ttl: 2d}}}\n",
		"f:3:66: role \"dev\": \"session.ttl\" is longer than \"cert_max_ttl\" of the "
		"gateway"},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [ro], session: "
		    "{idel: 2h}}}\n",
		"f:3:76: role \"dev\": unknown key \"session.idel\" (did you mean \"idle\"?)"},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [ro], session.ttl: "
		    "2h}}\n",
		"f:3:66: role \"dev\": unknown key \"session.ttl\""},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [ro], sesion: "
		    "{ttl: 2h}}}\n",
		"f:3:66: role \"dev\": unknown key \"sesion\" (did you mean \"session\"?)"},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [ro], session: "
		    "{on_expiry: later}}}\n",
		"f:3:87: role \"dev\": \"session.on_expiry\": \"later\" is not cancel or "
		"finish-transaction"},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [ro], limits: "
		    "{pending: 3}}}\n",
		"f:3:75: role \"dev\": \"limits.pending\" is not supported by this version"},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [ro], break_glass: "
		    "{}}}\n",
		"f:3:66: role \"dev\": \"break_glass\" is not supported by this version"},
	    {TARGET "roles: {dev: {groups: [d], targets: [orders-prod], logins: [ro], max: "
		    "unparsable}}\n",
		"f:3:71: role \"dev\": \"max\": \"unparsable\" is not read, session-local, write, "
		"bulk, opaque, schema, destructive, "
		"session-control, privilege, audit-disable or escape"},
	    {TARGET "roles: {dev: {targets: [orders-prod], logins: [ro]}}\n",
		"f:3:9: role \"dev\": \"groups\" is missing"},
	};
	size_t i;

	for (i = 0; i < N(cases); i++)
		expect_line(cases[i][0], cases[i][1]);
}

Test(errors, a_password_in_clear_is_not_repeated)
{
	struct conf *c;
	struct buf errs;

	buf_init(&errs, 1 << 20);
	cr_assert_eq(conf_parse("f",
			 span_str("targets: {x: {type: postgres, address: [a], databases: [b], "
				  "logins: {c: {password: hunter2}}}}\n"),
			 &c, &errs),
	    E_CONFIG);
	cr_assert_str_eq(buf_cstr(&errs), "f:1:84: target \"x\": login \"c\": \"password\" must be "
					  "a reference: \"credential:NAME\", \"env:NAME\" or "
					  "\"file:PATH\"\n1 error\n");
	buf_clear(&errs);
}

Test(errors, many_are_capped_and_counted)
{
	static char text[32768];
	struct conf *c;
	struct buf errs;
	size_t i, n = 0;

	n += (size_t)snprintf(text, sizeof(text), "users:\n");
	for (i = 0; i < 150; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "  u%zu: {bad: 1}\n", i);
	buf_init(&errs, 1 << 20);
	cr_assert_eq(conf_parse("f", span_of(text, n), &c, &errs), E_CONFIG);
	cr_assert_not_null(strstr(buf_cstr(&errs), "\nand 50 more\n150 errors\n"));
	buf_clear(&errs);
}
