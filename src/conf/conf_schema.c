/* SPDX-License-Identifier: Apache-2.0
 *
 * The table. Only data and the small checks that it names; reading is conf_fill.c, meaning across
 * sections conf_check.c.
 */
#include "conf/conf_schema.h"

#include <stdio.h>
#include <unistd.h>

#include "conf/conf_scalar.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define HOUR 3600
#define DAY  86400

/* --- words --- */

#define WORDS(ident, first_, ...)                                                                  \
	static const char *const ident##_list[] = {__VA_ARGS__};                                   \
	static const char *ident##_name(int v)                                                     \
	{                                                                                          \
		return ident##_list[v];                                                            \
	}                                                                                          \
	static const struct conf_words ident = {first_, (int)N(ident##_list), ident##_name}

WORDS(words_log_format, 0, "text", "json");
WORDS(words_log_level, 0, "debug", "info", "warn", "error");
WORDS(words_identity, 0, "local", "oidc");
WORDS(words_kind, 0, "person", "service");
WORDS(words_flow, 0, "device", "browser");
WORDS(words_alg, 0, "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512");
WORDS(words_expiry, 0, "cancel", "finish-transaction");
WORDS(words_target, 0, "postgres", "mysql");
WORDS(words_tls, 0, "verify-full", "require", "disable");
WORDS(words_verbs, 0, "approve", "kill", "watch", "audit", "reload");
WORDS(words_overrides, 0, "base");
WORDS(words_rule_mode, 0, "enforce", "observe");
WORDS(words_sync, 0, "writes", "all", "interval");
WORDS(words_parameters, 0, "full", "hash");

static const char *class_name(int v)
{
	return sql_class_name((enum sql_class)v);
}

/* Only facts give "measure". */
static const char *action_name(int v)
{
	return v == VERDICT_MEASURE ? NULL : verdict_name((enum verdict)v);
}

static const char *mode_name(int v)
{
	return hold_mode_name((enum hold_mode)v);
}

static const char *mask_name(int v)
{
	return mask_mode_name((enum mask_mode)v);
}

static const char *idkind_name(int v)
{
	return ident_kind_name((enum ident_kind)v);
}

/* "unparsable" is no word of the language: what cannot be read is refused, whatever a rule says. */
static const struct conf_words words_class = {SQL_READ, SQL_CLASS_N, class_name};
static const struct conf_words words_verdict = {VERDICT_DENY, VERDICT_ALLOW + 1, action_name};
static const struct conf_words words_hold = {HOLD_AUTO, HOLD_REJECT + 1, mode_name};
static const struct conf_words words_idkind = {KIND_PERSON, KIND_AGENT + 1, idkind_name};
static const struct conf_words words_mask = {MASK_FULL, MASK_NONE + 1, mask_name};

/* --- checks --- */

static const char *check_path(const char *s)
{
	return s[0] != '/' ? "must be an absolute path" : strlen(s) > 4000 ? "is too long" : NULL;
}

static const char *check_socket(const char *s)
{
	return strlen(s) > 100 ? "is too long for a unix socket (100 bytes)" : check_path(s);
}

static const char *check_listen(const char *s)
{
	char host[256];
	int port;

	if (conf_address(s, true, host, sizeof(host), &port) != 0 || port == 0)
		return "is not an address and port like \"[::]:22\" or \"127.0.0.1:2222\"";
	return NULL;
}

static const char *check_ca(const char *s)
{
	const char *hash;

	if (strncmp(s, "file:", 5) == 0)
		return check_path(s + 5);
	if (strncmp(s, "agent:/", 7) != 0)
		return "must be \"file:PATH\" or \"agent:SOCKET#FINGERPRINT\"";
	hash = strchr(s, '#');
	return hash == NULL || strncmp(hash, "#SHA256:", 8) != 0 || hash[8] == '\0'
		   ? "needs the fingerprint of the key: agent:SOCKET#SHA256:..."
		   : NULL;
}

static const char *check_key(const char *s)
{
	const char *what = NULL;

	return conf_public_key(s, NULL, &what) != 0 ? what : NULL;
}

static const char *check_network(const char *s)
{
	int rc = conf_network(s);

	return rc == E_STATE ? "has bits set behind its prefix length"
	       : rc != 0     ? "is not a network like 10.0.0.0/8, 10.0.3.7 or 2001:db8::/32"
			     : NULL;
}

/* A zone that libc does not know would silently be UTC. */
static const char *check_zone(const char *s)
{
	char path[128];

	if (strlen(s) > 64 || s[0] == '/' || strstr(s, "..") != NULL || conf_name_plain(s) != NULL)
		return "is not a time zone like Europe/Berlin";
	(void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", s);
	if (strcmp(s, "UTC") != 0 && access("/usr/share/zoneinfo", X_OK) == 0 &&
	    access(path, R_OK) != 0)
		return "is not a time zone of this machine";
	return NULL;
}

static const char *check_label_part(const char *s, size_t n)
{
	char part[64];

	if (n >= sizeof(part))
		return "is too long";
	memcpy(part, s, n);
	part[n] = '\0';
	return conf_name_plain(part);
}

static const char *check_label(const char *s)
{
	const char *eq = strchr(s, '='), *what;

	if (eq == NULL)
		return "is not a label like env=prod";
	what = check_label_part(s, (size_t)(eq - s));
	return what != NULL ? what : check_label_part(eq + 1, strlen(eq + 1));
}

const char *conf_check_selector(const char *s)
{
	if (strcmp(s, "*") == 0)
		return NULL;
	return strchr(s, '=') != NULL ? check_label(s) : conf_name_target(s);
}

static const char *check_login(const char *s)
{
	return strlen(s) > 63 ? "is longer than the 63 bytes a database keeps" : conf_name_free(s);
}

/* The wrong value may be the password itself: conf_types.c does not repeat it. */
static const char *check_password(const char *s)
{
	static const char *const kinds[] = {"credential:", "env:", "file:"};
	size_t i;

	for (i = 0; i < N(kinds); i++)
		if (strncmp(s, kinds[i], strlen(kinds[i])) == 0 && s[strlen(kinds[i])] != '\0')
			return i == 2 ? check_path(s + 5) : conf_name_free(s);
	return "must be a reference: \"credential:NAME\", \"env:NAME\" or \"file:PATH\"";
}

/* An origin, and for issuers a path: no user, query or fragment. */
static const char *check_origin(const char *s, bool path)
{
	size_t n = strncmp(s, "https://", 8) == 0 ? 8 : strncmp(s, "http://", 7) == 0 ? 7 : 0;
	const char *p = s + n;

	if (n == 0 || *p == '\0' || *p == '/' || strlen(s) > 500)
		return "is not a URL like https://id.example.com";
	for (; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("?#@\\\"<>", *p) != NULL || (*p == '/' && !path))
			return path ? "has something that an issuer URL cannot have"
				    : "must be scheme, host and port only";
	return NULL;
}

static const char *check_issuer(const char *s)
{
	return check_origin(s, true);
}

static const char *check_url(const char *s)
{
	return check_origin(s, false);
}

static const char *check_pointer(const char *s)
{
	return s[0] != '/' || strlen(s) > 200 ? "is not a JSON pointer like /groups (RFC 6901)" : NULL;
}

static const char *check_pin(const char *s)
{
	const char *eq = strchr(s, '=');

	return check_pointer(s) != NULL || eq == NULL || eq[1] == '\0'
		   ? "is not /POINTER=VALUE"
		   : NULL;
}

static const char *check_names(const char *s)
{
	size_t n = strlen(s);
	char part[256];

	if (n > 200)
		return "is too long";
	if (s[0] == '*')
		memcpy(part, s + 1, n);
	else
		memcpy(part, s, n + 1);
	n = strlen(part);
	if (s[0] != '*' && n > 0 && part[n - 1] == '*')
		part[n - 1] = '\0';
	return part[0] == '\0' || strchr(part, '*') != NULL ? "is not a name, *SUFFIX or PREFIX*"
							     : conf_name_principal(part);
}

/* --- keys --- */

/* In the language, not in this version: refused. */
#define LATER(key)                                                                                 \
	{                                                                                          \
		key, CT_UNSUPPORTED, .desc = ""                                                    \
	}

#define G(f) offsetof(struct conf_gateway, f)
static const struct conf_key gateway_keys[] = {
    {"name", CT_TEXT, G(name), .check = conf_name_plain,
	.desc = "Name of this gateway, bound into certificates so that one gateway's certificate "
		"is not another's. "
		"Default: the host name."},
    {"listen", CT_LIST, G(listen), .dflt = "[::]:22", .check = check_listen,
	.desc = "Addresses and ports to accept SSH connections on."},
    {"ca", CT_TEXT, G(ca), .check = check_ca,
	.desc = "Key that signs user certificates: file:PATH (created at the first start) or "
		"agent:SOCKET#SHA256:FINGERPRINT (a key in an ssh-agent). Default: file:STATE/ca_ed25519_key. "
		"To change it without breaking certificates see sallyport(1), AUTHORITIES."},
    {"trusted_cas", CT_LIST, G(trusted_cas), .check = check_key,
	.desc = "Further CA public keys whose certificates are accepted, as in authorized_keys."},
    {"state", CT_TEXT, G(state), .dflt = "/var/lib/sallyport", .check = check_path,
	.desc = "Directory of the store, keys, recordings and the transparency log."},
    {"control", CT_TEXT, G(control), .check = check_socket,
	.desc = "Unix socket of the sallyport command. Default: STATE/control.sock."},
    {"user", CT_TEXT, G(user), .check = conf_name_plain,
	.desc = "Unprivileged user of listener, sessions and archiver. Default: sallyport if there "
		"is one, else nobody."},
    {"host_keys", CT_LIST, G(host_keys), .check = check_path,
	.desc = "SSH host keys. Default: STATE/ssh_host_ed25519_key, created at the first start."},
    {"log_format", CT_WORD, G(log_format), .dflt = "text", .words = &words_log_format,
	.desc = "Form of log lines."},
    {"log_level", CT_WORD, G(log_level), .dflt = "info", .words = &words_log_level,
	.desc = "Least level that is logged."},
    {"timezone", CT_TEXT, G(timezone), .dflt = "UTC", .check = check_zone,
	.desc = "Time zone of times shown to people."},
    {"cert_ttl", CT_SECONDS, G(cert_ttl_s), .dflt = "8h", .min = 60, .max = 7 * DAY,
	.desc = "Life of a certificate when no role says less or more."},
    {"cert_max_ttl", CT_SECONDS, G(cert_max_ttl_s), .dflt = "1d", .min = 60, .max = 30 * DAY,
	.desc = "Upper limit of every certificate's life."},
    {"login_grace", CT_MS, G(login_grace_ms), .dflt = "30s", .min = 1000, .max = 600000,
	.desc = "Time a connection has to authenticate."},
    {"max_startups", CT_STARTUPS, G(max_startups_begin), .dflt = "10:30:100",
	.desc = "begin:rate:full, as in sshd_config: from begin unauthenticated connections on, "
		"refuse rate percent, "
		"rising to all at full."},
    {"max_auth_tries", CT_INT, G(max_auth_tries), .dflt = "10", .min = 1, .max = 100,
	.desc = "Authentication attempts of one connection. Stock clients offer every key before "
		"the certificate."},
    {"max_channels", CT_INT, G(max_channels), .dflt = "64", .min = 1, .max = 1000,
	.desc = "Open channels of one connection."},
    {"max_sessions_per_user", CT_INT, G(max_sessions_per_user), .dflt = "0", .max = 1000000,
	.desc = "Live sessions of one user; 0 is no limit."},
    {"max_connections_per_source", CT_INT, G(max_connections_per_source), .dflt = "0",
	.max = 1000000, .desc = "Connections from one address; 0 is no limit."},
    {"max_pending_logins", CT_INT, G(max_pending_logins), .dflt = "256", .min = 1, .max = 100000,
	.desc = "Logins that wait for an identity provider, all together."},
    {"max_pending_logins_per_source", CT_INT, G(max_pending_logins_per_source), .dflt = "5",
	.min = 1, .max = 100000, .desc = "The same from one address (IPv6: one /64). Twelve times as many may come to nothing in a minute."},
    {"idle", CT_MS, G(idle_ms), .dflt = "0", .max = 30LL * DAY * 1000,
	.desc = "A connection without any channel ends after this time; 0 is no limit."},
    {"require_sandbox", CT_BOOL, G(require_sandbox), .dflt = "true",
	.desc = "Refuse to start a session that cannot be sandboxed. False is for debugging only."},
};

#define I(f) offsetof(struct conf_identity, f)
static const struct conf_key identity_keys[] = {
    {"type", CT_ENUM, I(type), .required = true, .words = &words_identity,
	.desc = "Where identities come from: local is the users section of this file, oidc an "
		"OpenID Connect provider. Everything below is for oidc."},
    {"kind", CT_ENUM, I(kind), .dflt = "person", .words = &words_idkind,
	.desc = "Who logs in: a person over a browser; a service or an agent with a token of the "
		"provider (the verb enroll)."},
    {"issuer", CT_TEXT, I(issuer), .check = check_issuer,
	.desc = "Issuer URL, exactly as in the provider's tokens."},
    {"client_id", CT_TEXT, I(client_id), .check = conf_name_free,
	.desc = "Client id of this gateway at the provider. Persons only."},
    {"secret", CT_TEXT, I(secret), .check = check_password,
	.desc = "Reference to the client secret: credential:NAME, env:NAME or file:PATH. Default: "
		"a public client."},
    {"login_flow", CT_ENUM, I(flow), .dflt = "device", .words = &words_flow,
	.desc = "device: RFC 8628, the person types a code at the provider. browser: authorization "
		"code with PKCE on the gateway's own page (section web), which withstands phishing "
		"better."},
    {"scopes", CT_LIST, I(scopes), .check = conf_name_plain,
	.desc = "Scopes to ask for. Default: openid, profile, email."},
    {"user", CT_TEXT, I(user_claim), .check = check_pointer,
	.desc = "JSON pointer of the claim that becomes the user name. Default: /email for persons "
		"(it must be verified), else /sub."},
    {"groups", CT_TEXT, I(groups_claim), .check = check_pointer,
	.desc = "JSON pointer of the groups claim, an array or a string. Default: /groups for "
		"persons, none for others."},
    {"person", CT_TEXT, I(person_claim), .check = check_pointer,
	.desc = "JSON pointer of the person an agent acts for. Required for kind: agent."},
    {"name", CT_TEXT, I(user), .check = conf_name_principal,
	.desc = "Fixed user name of a service or agent, instead of a claim."},
    {"add_groups", CT_LIST, I(add_groups), .check = conf_name_free,
	.desc = "Groups that everybody of this block has."},
    {"names", CT_LIST, I(names), .check = check_names,
	.desc = "User names the block may give: whole names, *SUFFIX or PREFIX*. Required as soon as "
		"another block or the users section could give the same name; no name may be given by "
		"two. Default: any."},
    {"claims", CT_LIST, I(claims), .check = check_pin,
	.desc = "Claims that must hold, as /POINTER=VALUE, for example /repository_id=1234. Of several "
		"blocks with one issuer, the first whose audience and claims fit takes the token."},
    {"algs", CT_LIST, I(algs), .words = &words_alg,
	.desc = "Signature algorithms. Default: RS256, PS256, ES256."},
    {"audience", CT_TEXT, I(audience), .check = conf_name_free,
	.desc = "Audience of tokens for enroll. Default: bound to the key, "
		"ssh://GATEWAY/SHA256:FINGERPRINT; a fixed one makes every token usable once."},
    {"ttl", CT_SECONDS, I(ttl_s), .dflt = "0", .max = 30 * DAY,
	.desc = "Life of a certificate. Default: the role's or cert_ttl, for services and agents 1h."},
    {"timeout", CT_MS, I(login_ms), .dflt = "5m", .min = 1000, .max = 900000,
	.desc = "Time a person has to finish the login."},
    {"ca", CT_TEXT, I(ca), .check = check_path,
	.desc = "PEM file with the CA of the provider's web server. Default: the system's."},
    {"allow_http", CT_BOOL, I(allow_http), .dflt = "false",
	.desc = "Accept an http issuer on a loopback address. For tests."},
};

#define U(f) offsetof(struct conf_user, f)
static const struct conf_key user_keys[] = {
    {"kind", CT_ENUM, U(kind), .dflt = "person", .words = &words_kind,
	.desc = "A service gets its certificate by key alone and never approves."},
    {"groups", CT_LIST, U(groups), .check = conf_name_free,
	.desc = "Groups, as roles and approvals name them."},
    {"keys", CT_LIST, U(keys), .check = check_key,
	.desc = "SSH public keys, as in authorized_keys."},
    {"source", CT_LIST, U(source), .check = check_network,
	.desc = "Addresses and networks the user, and the agents it delegates to, may come from. Default: anywhere."},
    {"person", CT_TEXT, U(person), .check = conf_name_principal,
	.desc = "The human behind this user: two users of one person count once for approvals. "
		"Default: the name."},
    {"uid", CT_INT64, U(uid), .max = 0xfffffffeLL,
	.desc = "Unix user id that is this person on the gateway itself. Default: none."},
};

#define L(f) offsetof(struct conf_login, f)
static const struct conf_key login_keys[] = {
    {"password", CT_TEXT, L(password), .check = check_password,
	.desc = "Reference to the password: credential:NAME (systemd), env:NAME or file:PATH."},
    {"password_command", CT_COMMAND, L(password_command), .check = conf_name_free,
	.desc = "Program and arguments that print the password."},
};

#define T(f) offsetof(struct conf_target, f)
static const struct conf_key target_keys[] = {
    {"type", CT_ENUM, T(type), .required = true, .words = &words_target,
	.desc = "Protocol of the server."},
    {"address", CT_ADDRESSES, T(addresses), .required = true,
	.desc = "Host and port of the server; several are tried in order."},
    {"port", CT_INT, T(port), .min = 1, .max = 65535,
	.desc = "Port that clients name in ssh -L. Default: 5432 for postgres, 3306 for mysql."},
    {"labels", CT_LABELS, T(labels),
	.desc = "Labels that base and selectors match. A target without env counts as prod."},
    {"databases", CT_LIST, T(databases), .required = true, .check = check_login,
	.desc = "Databases that are open; the first is the default."},
    {"logins", CT_LOGINS, T(logins), .required = true,
	.desc = "Database users the gateway authenticates as, least privileged first."},
    {"tls", CT_WORD, T(tls), .dflt = "verify-full", .words = &words_tls,
	.desc = "TLS to the server."},
    {"tls_ca", CT_TEXT, T(tls_ca), .check = check_path,
	.desc = "PEM file with the CA of the server's certificate. Default: the system's."},
    LATER("scan"),
    LATER("client_tls"),
    LATER("tunnel_secret"),
};

#define B(name, class, text)                                                                       \
	{                                                                                          \
		name, CT_VERDICT, .min = class, .words = &words_verdict, .desc = text              \
	}
static const struct conf_key base_keys[] = {
    B("read", SQL_READ, "SELECT, SHOW, EXPLAIN of a read, COPY TO STDOUT."),
    B("session-local", SQL_SESSION, "BEGIN, COMMIT, harmless SETs, temporary objects."),
    B("write", SQL_WRITE,
	"INSERT of values; UPDATE and DELETE of rows that a unique key names, or a predicate within "
	"guard_rows."),
    B("bulk", SQL_BULK,
	"UPDATE and DELETE without a predicate or of more than guard_rows rows, MERGE, INSERT from "
	"SELECT, COPY FROM."),
    B("opaque", SQL_OPAQUE, "DO, CALL, unknown functions, SQL from strings."),
    B("schema", SQL_SCHEMA, "CREATE, ALTER."),
    B("destructive", SQL_DESTRUCTIVE,
	"DROP, TRUNCATE. Default: what schema says in the same entry."),
    B("session-control", SQL_CONTROL,
	"Ending other sessions, global settings, exclusive locks. Default: what schema says in the "
	"same entry."),
    B("privilege", SQL_PRIVILEGE, "GRANT, roles, SET ROLE, catalogue writes."),
    B("audit-disable", SQL_AUDIT, "Settings that weaken logging or auditing."),
    B("escape", SQL_ESCAPE, "Files, programs, network and native code on the database host."),
    {"guard_rows", CT_INT64, offsetof(struct conf_base, guard_rows), .max = 1LL << 40,
	.desc = "Rows that a statement of class write may change without approval when no unique key names "
		"them: it runs, is counted, and above this number is undone and treated as bulk. 0: it is "
		"bulk at once. Of several entries the least. Default: 100."},
};

#define R(f) offsetof(struct conf_role, f)
static const struct conf_key role_keys[] = {
    {"groups", CT_LIST, R(groups), .required = true, .check = conf_name_free,
	.desc = "Who has this role."},
    {"targets", CT_LIST, R(targets), .required = true, .check = conf_check_selector,
	.ref = REF_TARGETS, .desc = "Target names, labels (env=prod) or \"*\"."},
    {"logins", CT_LIST, R(logins), .required = true, .check = conf_name_free, .ref = REF_LOGINS,
	.desc = "Logins of the targets or \"*\"; the order is the preference."},
    {"databases", CT_LIST, R(databases), .check = conf_name_free, .ref = REF_DATABASES,
	.desc = "Databases of the targets. Default: all."},
    {"verbs", CT_LIST, R(verbs), .words = &words_verbs,
	.desc = "What the role may do besides using targets."},
    {"mask", CT_ENUM, R(mask), .dflt = "full", .words = &words_mask,
	.desc = "How sensitive values are shown."},
    {"max", CT_ENUM, R(max), .dflt = "escape", .words = &words_class,
	.desc = "Most severe class of statement the role may even ask for."},
    {"guard_rows", CT_INT64, R(guard_rows), .max = 1LL << 40,
	.desc = "guard_rows for this role, instead of base's."},
    {"session.ttl", CT_SECONDS, R(ttl_s), .min = 60, .max = 30 * DAY,
	.desc = "Life of a certificate of this role. Default: cert_ttl of the gateway."},
    {"session.idle", CT_MS, R(idle_ms), .dflt = "0", .max = 30LL * DAY * 1000,
	.desc = "A session without a command ends after this time; 0 is no limit."},
    {"session.on_expiry", CT_FLAG_WORD, R(finish_transaction), .dflt = "cancel",
	.words = &words_expiry,
	.desc = "What happens to a session when its certificate expires: cancel ends it at once, "
		"finish-transaction lets an open transaction end first. A revocation always cancels."},
    {"session.grace", CT_MS, R(grace_ms), .dflt = "5m", .min = 1000, .max = 900000,
	.desc = "Longest time for that."},
    {"session.forwarding", CT_BOOL, R(forwarding), .dflt = "true",
	.desc = "Certificates permit port forwarding (ssh -L). A certificate permits it when one of its roles does."},
    {"session.terminal", CT_BOOL, R(terminal), .dflt = "true",
	.desc = "Certificates permit a terminal (ssh -t); likewise."},
    {"session.plain_key", CT_BOOL, R(plain_key), .dflt = "false",
	.desc = "For tools that cannot send certificates: a plain key is accepted while an unexpired "
		"certificate of this gateway for it exists, from the same address."},
    {"delegated_by", CT_LIST, R(delegated_by), .check = conf_name_free,
	.desc = "Groups whose persons may give this role to an agent (the verb delegate)."},
    {"limits.rows", CT_INT64, R(max_rows), .dflt = "0", .max = 1LL << 50,
	.desc = "Rows one statement may return; 0 is no limit."},
    LATER("limits.rows_per_day"),
    LATER("limits.pending"),
    LATER("limits.statement_timeout"),
    LATER("limits.bytes"),
    LATER("break_glass"),
};

#define A(f) offsetof(struct conf_approval, f)
static const struct conf_key approval_keys[] = {
    {"approvers", CT_LIST, A(approvers), .required = true, .check = conf_name_free,
	.desc = "Groups whose members may approve."},
    {"quorum", CT_INT, A(quorum), .dflt = "1", .min = 1, .max = 20,
	.desc = "Different persons who must approve."},
    {"wait", CT_MS, A(wait_ms), .dflt = "15m", .min = 1000, .max = 7LL * DAY * 1000,
	.desc = "Time after which an undecided request expires."},
    {"wait_holding_locks", CT_MS, A(wait_locks_ms), .dflt = "1m", .min = 1000,
	.max = 7LL * DAY * 1000,
	.desc = "The same while the transaction has written or holds locks."},
    {"mode", CT_ENUM, A(mode), .dflt = "auto", .words = &words_hold,
	.desc = "Wait for the decision, reject with a request id, or (auto) wait for psql and the "
		"console only."},
    LATER("ttl"),
    LATER("reason"),
};

#define X(f) offsetof(struct conf_rule, f)
static const struct conf_key rule_keys[] = {
    {"name", CT_TEXT, X(name), .required = true, .check = conf_name_plain,
	.desc = "Name, cited by every verdict of the rule."},
    {"targets", CT_LIST, X(targets), .check = conf_check_selector, .ref = REF_TARGETS,
	.desc = "Target names, labels or \"*\". Default: all."},
    {"roles", CT_LIST, X(roles), .check = conf_name_plain, .ref = REF_ROLES,
	.desc = "Roles. Default: all."},
    {"classes", CT_CLASSES, X(classes), .words = &words_class,
	.desc = "Classes of statements. Default: all."},
    {"action", CT_ENUM, X(action), .required = true, .words = &words_verdict,
	.desc = "What happens."},
    {"approval", CT_TEXT, X(approval), .check = conf_name_plain, .ref = REF_APPROVAL,
	.desc = "Approval that decides a hold. Default: the first one."},
    {"message", CT_TEXT, X(message), .check = conf_name_free,
	.desc = "Text shown with the refusal or hold."},
    {"overrides", CT_FLAG_LIST, X(overrides_base), .words = &words_overrides,
	.desc = "[base]: the rule may be milder than base for the classes it names."},
    {"guard_rows", CT_INT64, X(guard_rows), .max = 1LL << 40,
	.desc = "guard_rows where the rule applies to class write. A rule that overrides base may raise it, "
		"the others only lower it."},
    {"mode", CT_FLAG_WORD, X(observe), .dflt = "enforce", .words = &words_rule_mode,
	.desc = "observe only counts what the rule would have done."},
    LATER("touches"),
    LATER("access"),
    LATER("min_rows"),
    LATER("hours"),
    LATER("who"),
    LATER("tables"),
    LATER("until"),
};

#define C(f) offsetof(struct conf_recording, f)
static const struct conf_key recording_keys[] = {
    {"sync", CT_WORD, C(sync), .dflt = "writes", .words = &words_sync,
	.desc = "When a record must be on disk before the statement is forwarded: before writes, "
		"before all, or once a second."},
    {"parameters", CT_WORD, C(parameters), .dflt = "full", .words = &words_parameters,
	.desc = "Parameter values as they are, or their hashes."},
    {"low_water", CT_SIZE, C(low_water_bytes), .dflt = "64MiB", .max = 1LL << 50,
	.desc = "New sessions are refused below this much free space."},
    {"keep", CT_SECONDS, C(keep_s), .dflt = "0", .max = 3653LL * DAY,
	.desc = "Age at which recordings are deleted; 0 is never."},
    LATER("results"),
    LATER("encrypt_to"),
};

#define W(f) offsetof(struct conf_web, f)
static const struct conf_key web_keys[] = {
    {"url", CT_TEXT, W(url), .check = check_url,
	.desc = "Address of the gateway's pages as browsers see it, like https://bastion.example.com. "
		"Without it there are no pages."},
    {"listen", CT_LIST, W(listen), .dflt = "[::]:443", .check = check_listen,
	.desc = "Addresses and ports of the web server."},
    {"tls_cert", CT_TEXT, W(tls_cert), .check = check_path,
	.desc = "PEM file of the certificate chain. Only behind a proxy on this machine there is none: "
		"then listen on loopback addresses. The proxy limits connections and adds the browser's "
		"address to X-Forwarded-For. Files that were replaced are used from the next reload on."},
    {"tls_key", CT_TEXT, W(tls_key), .check = check_path,
	.desc = "PEM file of its key, which nobody else may read."},
};

/* --- sections --- */

#define ARRAY(type, v, n)     sizeof(struct type), offsetof(struct conf, v), offsetof(struct conf, n)
#define AT(type, name, where) offsetof(struct type, name), offsetof(struct type, where)
#define KEYS(k)               N(k), k

const struct conf_section conf_sections[CONF_SECTIONS] = {
    [SEC_GATEWAY] = {"gateway", "gateway", SHAPE_ONE, sizeof(struct conf_gateway),
	offsetof(struct conf, gateway), OFF_NONE, OFF_NONE, OFF_NONE, NULL, KEYS(gateway_keys),
	"The gateway itself."},
    [SEC_IDENTITY] = {"identity", "identity", SHAPE_NAMED,
	ARRAY(conf_identity, identities, n_identities), AT(conf_identity, name, where),
	conf_name_plain, KEYS(identity_keys),
	"Where people come from. Without this section: one block of type local."},
    [SEC_USERS] = {"users", "user", SHAPE_NAMED, ARRAY(conf_user, users, n_users),
	AT(conf_user, name, where), conf_name_principal, KEYS(user_keys),
	"Local people and services."},
    [SEC_TARGETS] = {"targets", "target", SHAPE_NAMED, ARRAY(conf_target, targets, n_targets),
	AT(conf_target, name, where), conf_name_target, KEYS(target_keys),
	"Database servers that may be reached."},
    [SEC_BASE] = {"base", "base", SHAPE_NAMED, ARRAY(conf_base, base, n_base),
	AT(conf_base, key, where), check_label, KEYS(base_keys),
	"Verdict (allow, warn, hold, deny) of each class for targets with a label. Classes that "
	"are not named keep "
	"the built-in verdict."},
    [SEC_ROLES] = {"roles", "role", SHAPE_NAMED, ARRAY(conf_role, roles, n_roles),
	AT(conf_role, name, where), conf_name_plain, KEYS(role_keys),
	"What groups may reach and do."},
    [SEC_APPROVALS] = {"approvals", "approval", SHAPE_NAMED,
	ARRAY(conf_approval, approvals, n_approvals), AT(conf_approval, name, where),
	conf_name_plain, KEYS(approval_keys), "Who decides held statements."},
    [SEC_RULES] = {"rules", "rule", SHAPE_LIST, ARRAY(conf_rule, rules, n_rules),
	AT(conf_rule, name, where), NULL, KEYS(rule_keys),
	"Rules on top of base: deny wins over hold over warn over allow."},
    [SEC_RECORDING] = {"recording", "recording", SHAPE_ONE, sizeof(struct conf_recording),
	offsetof(struct conf, recording), OFF_NONE, OFF_NONE, OFF_NONE, NULL, KEYS(recording_keys),
	"How sessions are recorded."},
    [SEC_WEB] = {"web", "web", SHAPE_ONE, sizeof(struct conf_web), offsetof(struct conf, web),
	OFF_NONE, OFF_NONE, OFF_NONE, NULL, KEYS(web_keys), "The gateway's own pages."},
};

const struct conf_section conf_section_login = {"logins", "login", SHAPE_NAMED,
    sizeof(struct conf_login), offsetof(struct conf_target, logins),
    offsetof(struct conf_target, n_logins), offsetof(struct conf_login, name), OFF_NONE,
    check_login, KEYS(login_keys), "Database users of a target."};

const char *const conf_later[] = {"mask", "notify", NULL};
