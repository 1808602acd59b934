/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration text (YAML through libyaml, typed by our own schema table) → immutable snapshot, validated whole.
 * Every error is reported as file:line:col with the source line; any error means no snapshot. No secret is
 * resolved here: passwords stay references ("credential:NAME", "env:NAME", "file:PATH").
 */
#ifndef SP_CONF_CONF_H
#define SP_CONF_CONF_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "base/words.h"

struct conf_list { /* of strings */
	size_t n;
	char **v;
};

struct conf_where { /* for messages and for verdicts that cite a rule */
	const char *file;
	int line, col;
};

struct conf_address {
	char *host; /* name or literal */
	int port;
};

struct conf_label {
	char *key, *value;
};

struct conf_gateway {
	char *name;                 /* gateway id bound into certificates: default = host name */
	struct conf_list listen;    /* "[::]:22", "127.0.0.1:2222" */
	char *ca;                   /* "file:PATH" (created on first start) or "agent:SOCKET#SHA256:..." */
	struct conf_list trusted_cas; /* further CA public keys (authorized_keys lines) */
	char *state;                /* directory: store, keys, recordings, log */
	char *control;              /* unix socket; default STATE/control.sock */
	char *user;                 /* unprivileged user of listener, sessions, archiver; default sallyport, else nobody */
	struct conf_list host_keys; /* default STATE/ssh_host_ed25519_key, created */
	char *log_format;           /* "text" | "json" */
	char *log_level;
	char *timezone;
	int64_t cert_ttl_s;         /* people: 8 h */
	int64_t cert_max_ttl_s;     /* 24 h */
	int64_t login_grace_ms;     /* 30 s */
	int max_startups_begin, max_startups_rate, max_startups_full; /* 10:30:100 */
	int max_auth_tries;         /* 10: stock clients offer every key, then the certificate */
	int max_channels;           /* per connection: 64 */
	int max_sessions_per_user;  /* 0 = no limit */
	int max_connections_per_source; /* 0 = no limit */
	int max_pending_logins;            /* logins that wait for an identity provider, all together: 256 */
	int max_pending_logins_per_source; /* of one address (IPv6: /64): 5 */
	int64_t idle_ms;            /* connection without any channel: 0 = no limit */
	bool require_sandbox;       /* true; false only for debugging builds */
};

enum conf_identity_type { IDENTITY_LOCAL, IDENTITY_OIDC };

enum conf_login_flow { FLOW_DEVICE, FLOW_BROWSER };

/* One identity provider and what it may name. Everything but name and type is for type oidc. */
struct conf_identity {
	char *name; /* stands in certificates (issuer@) and logs */
	enum conf_identity_type type;
	enum ident_kind kind;      /* persons log in over keyboard-interactive; services and agents hand in a JWT with the verb
				    * enroll, agents on behalf of the person that person_claim names */
	char *issuer;              /* https URL, compared byte by byte */
	char *client_id;           /* persons only */
	char *secret;              /* reference of the client secret, or NULL = public client */
	enum conf_login_flow flow;
	struct conf_list scopes;   /* default openid profile email */
	char *user_claim;          /* JSON pointers into the verified token; default /email (persons), /sub */
	char *groups_claim;        /* default /groups for persons; NULL = none */
	char *person_claim;        /* agents */
	char *user;                /* workloads: fixed name instead of user_claim, or NULL */
	struct conf_list add_groups; /* given to everybody of this block */
	struct conf_list names;    /* which user names the block may give: exact, "*SUFFIX" or "PREFIX*" */
	struct conf_list claims;   /* "/POINTER=VALUE": all must hold (strings, numbers and booleans) */
	struct conf_list algs;     /* default RS256 PS256 ES256 */
	char *audience;            /* workloads: instead of the key-bound one; then tokens are used once */
	int64_t ttl_s;             /* certificate life, 0 = role's or default (workloads: 1 h) */
	int64_t login_ms;          /* time a person has for the login: 5 m */
	char *ca;                  /* PEM file of CAs, or NULL = the system's */
	bool allow_http;           /* loopback issuers only, for tests */
	struct conf_where where;
};

/* The gateway's own HTTPS pages. */
struct conf_web {
	char *url;               /* as browsers reach it: "https://bastion.example.com"; NULL = no web process */
	struct conf_list listen; /* default [::]:443 */
	char *tls_cert, *tls_key; /* PEM files; both NULL only when every listen address is loopback (a proxy does TLS) */
};

enum conf_user_kind { USER_PERSON, USER_SERVICE };

struct conf_user {
	char *name;                /* principal: "alice", "alice@example.com" */
	enum conf_user_kind kind;
	struct conf_list groups;
	struct conf_list keys;     /* authorized_keys style "ssh-ed25519 AAAA... comment" */
	struct conf_list source;   /* CIDR list; empty = anywhere */
	char *person;              /* links identities of one human; default: the name */
	int64_t uid;               /* unix uid on the gateway that is this person, -1 = none */
	struct conf_where where;
};

struct conf_login {
	char *name;
	char *password;                    /* reference, or NULL */
	struct conf_list password_command; /* or empty */
};

enum conf_target_type { TARGET_POSTGRES, TARGET_MYSQL };

struct conf_target {
	char *name;                     /* [a-z0-9.-]+ */
	enum conf_target_type type;
	size_t n_addresses;
	struct conf_address *addresses; /* tried in order */
	int port;                       /* the port clients must name in -L; default 5432 or 3306 */
	size_t n_labels;
	struct conf_label *labels;
	struct conf_list databases;     /* the first is the default */
	size_t n_logins;
	struct conf_login *logins;      /* order as written: the first is the least privileged */
	char *tls;                      /* "verify-full" (default) | "require" | "disable" */
	char *tls_ca;                   /* PEM file, or NULL = system bundle */
	struct conf_where where;
};

struct conf_base { /* one "base" entry: verdicts of classes for targets with this label */
	char *key, *value;
	bool set[SQL_CLASS_N];
	enum verdict verdict[SQL_CLASS_N];
	int64_t guard_rows;         /* -1 = not given */
	struct conf_where where;
};

struct conf_role {
	char *name;
	struct conf_list groups;
	struct conf_list targets;  /* names, "key=value" label selectors, "*" */
	struct conf_list logins;   /* names or "*"; the order given is the preference */
	struct conf_list databases; /* empty = all of the target's */
	struct conf_list verbs;    /* "approve", "kill", "watch", "audit", "reload" */
	int mask;                  /* enum mask_mode */
	enum sql_class max;        /* most severe class; default SQL_ESCAPE (no cap) */
	int64_t guard_rows;        /* -1 = as base says */
	int64_t ttl_s;             /* certificate life for this role, 0 = gateway default */
	int64_t idle_ms;           /* 0 = no limit */
	bool finish_transaction;   /* on_expiry: an open transaction may end first ... */
	int64_t grace_ms;          /* ... within this time: 5 m, at most 15 m */
	bool forwarding, terminal; /* permit-port-forwarding and permit-pty in certificates: true */
	bool plain_key;            /* a plain key stands for its unexpired certificate of the same source */
	struct conf_list delegated_by; /* groups whose persons may give this role to an agent */
	int64_t max_rows;          /* per statement; 0 = no limit */
	struct conf_where where;
};

struct conf_approval {
	char *name;
	struct conf_list approvers; /* groups */
	int quorum;
	int64_t wait_ms;            /* 15 m */
	int64_t wait_locks_ms;      /* 60 s */
	enum hold_mode mode;
	struct conf_where where;
};

struct conf_rule {
	char *name;
	struct conf_list targets;  /* like a role's */
	struct conf_list roles;
	struct conf_list classes;  /* class names */
	bool cls[SQL_CLASS_N];
	enum verdict action;
	char *approval;
	char *message;
	bool overrides_base;
	bool observe;              /* mode: observe */
	int64_t guard_rows;        /* -1 = none */
	struct conf_where where;
};

struct conf_recording {
	char *sync;        /* "writes" | "all" | "interval" */
	char *parameters;  /* "full" | "hash" */
	int64_t low_water_bytes; /* refuse new sessions below this much free space: 64 MiB */
	int64_t keep_s;    /* 0 = for ever */
};

struct conf {
	struct conf_gateway gateway;
	size_t n_identities;
	struct conf_identity *identities;
	size_t n_users;
	struct conf_user *users;
	size_t n_targets;
	struct conf_target *targets;
	size_t n_base;
	struct conf_base *base;
	size_t n_roles;
	struct conf_role *roles;
	size_t n_approvals;
	struct conf_approval *approvals;
	size_t n_rules;
	struct conf_rule *rules;
	struct conf_recording recording;
	struct conf_web web;
	uint8_t hash[32]; /* SHA-256 over the text of all files */
	void *mem;        /* private: owns everything */
};

/* Load path and path's sibling directory conf.d/ (files *.yaml in name order; top-level maps merge, duplicate names are errors). On
 * failure *out is NULL and errs holds all errors, one "file:line:col: message" each followed by the source line
 * and a caret, and a last line "N errors". */
int conf_load(const char *path, struct conf **out, struct buf *errs) MUST_CHECK;
/* The same for text in memory (tests, fuzzing); name stands for the file. */
int conf_parse(const char *name, struct span text, struct conf **out, struct buf *errs) MUST_CHECK;
void conf_free(struct conf *c);
/* The effective configuration as YAML without secrets (-T). */
void conf_dump(const struct conf *c, struct buf *out);

const struct conf_user *conf_user_find(const struct conf *c, const char *name);
const struct conf_target *conf_target_find(const struct conf *c, const char *name);
const struct conf_role *conf_role_find(const struct conf *c, const char *name);
const struct conf_approval *conf_approval_find(const struct conf *c, const char *name);
const char *conf_target_label(const struct conf_target *t, const char *key); /* NULL when absent */
bool conf_list_has(const struct conf_list *l, const char *s);
const struct conf_identity *conf_identity_find(const struct conf *c, const char *name);
/* The block of kind person that logins go to: the first one of type oidc; NULL = only local users. */
const struct conf_identity *conf_identity_login(const struct conf *c);
/* May the block give this user name? local: the names of `users`. oidc: the fixed name, else one that fits `names` (without
 * entries: any), but never a name of `users` or a reserved one ("agent:...", "enroll"). kind: agent: the name
 * without the "agent:" that keeps it apart from those of `users` and other blocks. */
bool conf_identity_names(const struct conf *c, const struct conf_identity *i, const char *user);
/* Does a selector list (names, key=value, "*") match the target? A target without env matches env=prod. */
bool conf_selects(const struct conf_list *sel, const struct conf_target *t);

#endif
