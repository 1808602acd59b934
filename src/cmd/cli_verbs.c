/* SPDX-License-Identifier: Apache-2.0
 *
 * The command's half of the verb table.
 */
#include "cmd/cli_verbs.h"

#include "cmd/console.h"

#define N(a)    (sizeof(a) / sizeof((a)[0]))
#define OPTS(o) o, N(o)
#define MANY    64

static const struct cli_opt requests_opts[] = {
    [REQ_MINE] = {"--mine", NULL, false, "only my own"},
    [REQ_ALL] = {"--all", NULL, false, "also those that are decided"},
    [REQ_WATCH] = {"--watch", NULL, false,
	"stay and print what changes; with --mine until none is pending (status 4: refused)"},
};

static const struct cli_opt why_opts[] = {
    [WHY_M] = {"-m", "WHY", false, "reason, kept with the decision"},
};

static const struct cli_opt ca_opts[] = {
    [CA_FORCE] = {"--force", NULL, false, "retire: also when certificates of it are still valid; ends their sessions"},
    [CA_M] = {"-m", "WHY", false, "retire: reason, kept in the log"},
};

static const struct cli_opt certs_opts[] = {
    [CRT_USER] = {"--user", "U", false, "of this user"},
};

static const struct cli_opt sessions_opts[] = {
    [SES_LIVE] = {"--live", NULL, false, "only those that go on"},
    [SES_USER] = {"--user", "U", false, "of this user"},
    [SES_TARGET] = {"--target", "T", false, "on this target"},
    [SES_SINCE] = {"--since", "S", false, "started since then: 7d, 12h, or 2026-11-20"},
    [SES_LIMIT] = {"--limit", "N", false, "at most so many"},
};

static const struct cli_opt replay_opts[] = {
    [REP_SPEED] = {"-s", "SPEED", false, "times as fast (default 1)"},
    [REP_IDLE] = {"-i", "SECONDS", false, "pauses are cut to this (default 2)"},
    [REP_TEXT] = {"--text", NULL, false, "everything at once, without delays"},
    [REP_ALL] = {"--all", NULL, false, "also the gateway's own statements and notices"},
    [REP_DIR] = {"--dir", "DIR", true, "read a copied recording, without a gateway"},
};

static const struct cli_opt verify_opts[] = {
    [VER_ALL] = {"--all", NULL, false, "every session (the default)"},
    [VER_KEY] = {"--key", "FILE", true, "verifier key of the log, kept outside"},
    [VER_CHECKPOINT] = {"--checkpoint", "FILE", true, "last checkpoint, kept outside"},
    [VER_DIR] = {"--dir", "DIR", true, "state directory or a copy of it"},
};

static const struct cli_opt config_opts[] = {
    [CFG_HOST] = {"--host", "NAME", false, "name of the gateway to write"},
    [CFG_PORT] = {"--port", "N", false, "its port"},
    [CFG_KEY] = {"--key", "FILE", false, "your key, when it is not where ssh-keygen puts it"},
    [CFG_CERT] = {"--cert", "FILE", false, "its certificate (default KEY-cert.pub); every gateway needs its own"},
    [CFG_SCRIPT] = {"--script", NULL, false, "instead a shell script that renews, for cron, services and tools without ssh"},
};

static const struct cli_opt delegate_opts[] = {
    [DEL_TARGETS] = {"--targets", "T[,T]", false, "the only targets it may reach; each must be open to you"},
    [DEL_NAME] = {"--name", "NAME", false, "its user name becomes agent:NAME (default agent)"},
    [DEL_RISK] = {"--max-risk", "CLASS", false, "most severe class of statement: read, write, bulk, ..."},
    [DEL_TTL] = {"--ttl", "D", false, "life of the certificate, never beyond your own: 30m, 2h"},
    [DEL_SOURCE] = {"--source", "CIDR", false, "where it may come from (default: your own address)"},
};

static const struct cli_opt hostkeys_opts[] = {
    [HOST_SSHFP] = {"--sshfp", NULL, false, "SSHFP records for DNS instead"},
};

static const struct cli_opt sql_opts[] = {
    {"-c", "SQL", false, "the rest of the line is SQL; quote it for your own shell"},
    {"-d", "DATABASE", false, "instead of the target's first"},
    {"-U", "LOGIN", false, "as this database user, when a role of yours has it"},
    {"-x", NULL, false, "one line a column"},
    {"--format", "F", false, "table, csv or json"},
};

static const struct cli_opt policy_opts[] = {
    {"--target", "T", false, "on this target of the configuration"},
    {"--user", "U", false, "for this user"},
    {"--group", "G", false, "for somebody of this group (may be repeated)"},
    {"--login", "L", false, "as this database user"},
    {"--as-agent-of", "U", false, "for an agent that acts for this user"},
    {"--max-risk", "CLASS", false, "with a certificate that says so"},
    {"--label", "env=NAME", false, "without a target: one with this label"},
    {"--dialect", "pg|mysql", false, "of the SQL, without a target"},
    {"--config", "FILE", true, "configuration to read"},
    {"--json", NULL, false, "print JSON"},
    {"--jsonl", NULL, false, "a JSON object in, one out, line by line"},
};

static const struct cli_verb verbs[] = {
    {VERB_APPROVE, verb_approve, NULL, 1, MANY, false, OPTS(why_opts)},
    {VERB_CA, verb_ca, NULL, 1, 3, false, OPTS(ca_opts)},
    {VERB_CERT, verb_cert, NULL, 0, 0, false, NULL, 0},
    {VERB_CERTS, verb_certs, NULL, 0, 0, false, OPTS(certs_opts)},
    {VERB_CONFIG, verb_config, NULL, 0, 0, false, OPTS(config_opts)},
    {VERB_DELEGATE, verb_delegate, NULL, 0, 0, false, OPTS(delegate_opts)},
    {VERB_DENY, verb_deny, NULL, 1, 1, false, OPTS(why_opts)},
    {VERB_ENROLL, verb_enroll, NULL, 0, 0, false, NULL, 0},
    {VERB_FORGET, verb_forget, NULL, 1, 1, false, NULL, 0},
    {VERB_HELP, verb_help, NULL, 0, 1, false, NULL, 0},
    {VERB_HOSTKEYS, verb_hostkeys, NULL, 0, 0, false, OPTS(hostkeys_opts)},
    {VERB_KILL, verb_kill, NULL, 1, 1, false, OPTS(why_opts)},
    {VERB_KRL, verb_krl, NULL, 0, 0, false, NULL, 0},
    {VERB_LOCK, verb_lock, NULL, 1, 1, false, OPTS(why_opts)},
    {VERB_POLICY, NULL, verb_policy, 0, MANY, true, OPTS(policy_opts)},
    {VERB_RELOAD, verb_reload, NULL, 0, 0, false, NULL, 0},
    {VERB_REPLAY, verb_replay, NULL, 0, 1, false, OPTS(replay_opts)},
    {VERB_REQUESTS, verb_requests, NULL, 0, 0, false, OPTS(requests_opts)},
    {VERB_REVOKE, verb_revoke, NULL, 2, 2, false, OPTS(why_opts)},
    {VERB_REVOKED, verb_revoked, NULL, 0, 0, false, NULL, 0},
    {VERB_SESSIONS, verb_sessions, NULL, 0, 0, false, OPTS(sessions_opts)},
    {VERB_SHOW, verb_show, NULL, 1, 1, false, NULL, 0},
    {VERB_SQL, NULL, verb_sql, 1, MANY, false, OPTS(sql_opts)},
    {VERB_STATUS, verb_status, NULL, 0, 0, false, NULL, 0},
    {VERB_TARGETS, verb_targets, NULL, 0, 0, false, NULL, 0},
    {VERB_UNLOCK, verb_unlock, NULL, 1, 1, false, NULL, 0},
    {VERB_VERIFY, verb_verify, NULL, 0, 1, false, OPTS(verify_opts)},
    {VERB_WELCOME, verb_welcome, NULL, 0, 0, false, NULL, 0},
    {VERB_WHOAMI, verb_whoami, NULL, 0, 0, false, NULL, 0},
};

const struct cli_verb *cli_verb_table(size_t *n)
{
	*n = N(verbs);
	return verbs;
}

const struct cli_verb *cli_verb_of(enum verb_id id)
{
	size_t i;

	for (i = 0; i < N(verbs); i++)
		if (verbs[i].id == id)
			return &verbs[i];
	return NULL;
}
