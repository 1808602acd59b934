/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb table. Order of the rows = order of enum verb_id = order of help.
 */
#include "server/verbs.h"

#include <string.h>

#define BOTH (VERB_LOCAL | VERB_SSH)

static const struct verb verbs[] = {
    {VERB_APPROVE, "approve", WHO_PERSON, NULL, BOTH, "-m", "ID... [-m WHY]",
	"let one held statement run"},
    {VERB_CA, "ca", WHO_OPERATOR, NULL, VERB_LOCAL, NULL,
	"list | add NAME [agent:SOCKET#SHA256:FP] | activate NAME | retire NAME [--force] [-m WHY]",
	"certificate authorities; to change the key: add a new one, activate it, retire the former when its certificates have ended"},
    {VERB_CERT, "cert", WHO_KEY, NULL, VERB_SSH, NULL, "",
	"print a certificate for the key you logged in with"},
    {VERB_CERTS, "certs", WHO_OPERATOR, NULL, VERB_LOCAL, NULL, "[--user U]",
	"certificates that were issued and have not expired"},
    {VERB_CONFIG, "config", WHO_USER, NULL, BOTH, NULL, "[--script] [--host NAME] [--port N] [--key FILE] [--cert FILE]",
	"print the ssh_config for this gateway, which also renews your certificate"},
    {VERB_DELEGATE, "delegate", WHO_PERSON, NULL, VERB_SSH, NULL,
	"--targets T[,T] [--name NAME] [--max-risk CLASS] [--ttl D] [--source CIDR]",
	"give an agent's key a narrower certificate; its public key is read from standard input"},
    {VERB_DENY, "deny", WHO_PERSON, NULL, BOTH, "-m", "ID -m WHY", "refuse a held statement"},
    {VERB_ENROLL, "enroll", WHO_TOKEN, NULL, VERB_SSH, NULL, "",
	"exchange a job's token (standard input) for a certificate: ssh enroll@GATEWAY enroll"},
    {VERB_FORGET, "forget", WHO_OPERATOR, NULL, VERB_LOCAL, NULL, "USER",
	"forget an account of an identity provider, and revoke its certificates"},
    {VERB_HELP, "help", WHO_USER, NULL, BOTH, NULL, "[VERB]", "what can be typed"},
    {VERB_HOSTKEYS, "hostkeys", WHO_USER, NULL, BOTH, NULL, "[--sshfp]",
	"print the gateway's host keys for known_hosts"},
    {VERB_KILL, "kill", WHO_USER, NULL, BOTH, "-m", "SESSION [-m WHY]",
	"end a session and its running query"},
    {VERB_KRL, "krl", WHO_OPERATOR, NULL, VERB_LOCAL, NULL, "",
	"write what is revoked or locked as an OpenSSH revocation list to standard output"},
    {VERB_LOCK, "lock", WHO_OPERATOR, NULL, VERB_LOCAL, "-m", "USER [-m WHY]",
	"keep a user and its agents out until unlocked, and end their sessions"},
    {VERB_POLICY, "policy", WHO_NOBODY, NULL, VERB_LOCAL, NULL, "explain [--target T] [--user U] ... [SQL]",
	"say what a statement would meet and why"},
    {VERB_RELOAD, "reload", WHO_RIGHT, "reload", VERB_LOCAL, NULL, "",
	"load the configuration again"},
    {VERB_REPLAY, "replay", WHO_USER, NULL, BOTH, NULL, "SESSION",
	"show what happened in a session; keys: space pause, . step, ] next statement, / search, q quit"},
    {VERB_REQUESTS, "requests", WHO_USER, NULL, BOTH, NULL, "[--mine] [--all] [--watch]",
	"held statements"},
    {VERB_REVOKE, "revoke", WHO_OPERATOR, NULL, VERB_LOCAL, "-m",
	"serial|user|key|ca|id VALUE [-m WHY]", "revoke certificates for good and end their sessions"},
    {VERB_REVOKED, "revoked", WHO_OPERATOR, NULL, VERB_LOCAL, NULL, "", "what was revoked, and who is locked"},
    {VERB_SESSIONS, "sessions", WHO_USER, NULL, BOTH, NULL,
	"[--live] [--user U] [--target T] [--since S]", "recorded sessions"},
    {VERB_SHOW, "show", WHO_USER, NULL, BOTH, NULL, "ID", "one held statement in full"},
    {VERB_SQL, "sql", WHO_USER, NULL, VERB_SSH, "-c", "TARGET [-d DATABASE] [-U LOGIN] [-x] [--format F] [-c SQL]",
	"a console on a target; SQL comes from -c, standard input or the terminal (ssh -t)"},
    {VERB_STATUS, "status", WHO_OPERATOR, NULL, VERB_LOCAL, NULL, "", "state of the gateway"},
    {VERB_TARGETS, "targets", WHO_USER, NULL, BOTH, NULL, "", "the databases you may reach"},
    {VERB_UNLOCK, "unlock", WHO_OPERATOR, NULL, VERB_LOCAL, NULL, "USER", "let a locked user in again"},
    {VERB_VERIFY, "verify", WHO_NOBODY, NULL, VERB_LOCAL, NULL, "[SESSION | --all]",
	"check recordings against the log"},
    {VERB_WELCOME, "welcome", WHO_USER, NULL, VERB_SSH, NULL, "",
	"who you are, your targets, what to type next"},
    {VERB_WHOAMI, "whoami", WHO_USER, NULL, BOTH, NULL, "", "who the gateway thinks you are"},
};

_Static_assert(sizeof verbs / sizeof *verbs == VERB_N - 1, "one row per verb");

const struct verb *verb_table(size_t *n)
{
	*n = sizeof verbs / sizeof *verbs;
	return verbs;
}

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

const struct verb *verb_of(enum verb_id id)
{
	return id > VERB_NONE && id < VERB_N ? &verbs[id - 1] : NULL;
}
