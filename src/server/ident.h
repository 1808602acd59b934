/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a caller is, as proven: by certificate, by a plain key, or by the uid of a local process.
 * Filled in one place (mon_auth.c), fixed for the life of a connection; only its groups are cut
 * again when the configuration changes.
 */
#ifndef SP_SERVER_IDENT_H
#define SP_SERVER_IDENT_H

#include "base/buf.h"
#include "conf/conf.h"

enum via {
	VIA_NOTHING = 0, /* nobody: may nothing */
	VIA_ENROLL,      /* some key, user name "enroll": may hand in a token */
	VIA_KEY,         /* plain key of a local user: may ask for a certificate */
	VIA_CERT,
	VIA_LOCAL,    /* uid of the gateway that is a configured user */
	VIA_OPERATOR, /* uid 0 or the daemon's own */
};

#define NAME_CAP 256 /* users, persons, databases, logins */
#define FP_CAP   52  /* "SHA256:..." */

struct ident {
	enum via via;
	enum ident_kind kind;
	char issuer[64]; /* identity block */
	char user[NAME_CAP], person[NAME_CAP], on_behalf_of[NAME_CAP];
	bool service;             /* no human being (kind is not KIND_PERSON): never approves */
	struct conf_list groups;  /* in force */
	struct conf_list claimed; /* of the certificate (or the configuration when it was made) */
	char key_fp[FP_CAP], ca_fp[FP_CAP];
	struct conf_list behind; /* agents: groups in force of the person on_behalf_of; else empty */
	char key_id[600];
	uint64_t serial;   /* 0 = none */
	uint64_t parent;   /* of the certificate it was delegated from, 0 = none */
	uint64_t extended; /* of the newer certificate that extended it, 0 = none */
	int64_t issued_s, expires_s; /* expires_s: 0 = never */
	bool forward, pty;
	bool own_ca;
	bool login; /* an identity provider vouched on this connection; serial is of the certificate made for it */
	bool window; /* a plain key; serial is of the stored certificate that stands for it */
	char source[64];    /* numeric address */
	char targets[1024]; /* only these ("" = all that roles give), comma list */
	enum sql_class max; /* and nothing more severe; SQL_ESCAPE = no cap */
	struct buf key;     /* plain public-key blob, for `cert` */
};

#define IDENT_KEY_MAX (32 * 1024)

void ident_init(struct ident *id);
void ident_clear(struct ident *id);
/* Deep copy; dst is cleared first. */
void ident_copy(struct ident *dst, const struct ident *src);

/* Does a role apply: do its groups meet the caller's? */
bool ident_in_role(const struct ident *id, const struct conf_role *r);
/* A role with this verb. The operator has every right but "approve", which nobody has by uid alone.
 */
bool ident_right(const struct ident *id, const struct conf *c, const char *right);
/* The person behind an agent, as a caller of its own right: what of the two may both, the agent may. groups is borrowed
 * from id. Not for ident_clear(). */
void ident_behind(const struct ident *id, struct ident *out);
/* "alice@example.com", or "agent:etl for carol" when acting for somebody. */
const char *ident_who(const struct ident *id, char *out, size_t cap);
/* For log lines, beside the user: whom it acts for, NULL = nobody else. */
const char *ident_for(const struct ident *id);
/* The very same user: agents of two people may have one name. */
bool ident_is(const struct ident *id, const char *user, const char *on_behalf_of);
/* Where ssh-keygen puts a private key of the caller's type: "~/.ssh/id_ed25519". */
const char *ident_key_file(const struct ident *id);
/* Same human or machine behind both? By user and by person, in either direction. */
bool ident_is_behind(
    const struct ident *id, const char *user, const char *person, const char *on_behalf_of);

/* Small owned lists of strings. */
void list_add(struct conf_list *l, const char *s);
void list_add_new(struct conf_list *l, const char *s); /* unless it is there */
bool lists_meet(const struct conf_list *a, const struct conf_list *b); /* have a member in common */
void list_clear(struct conf_list *l);
/* "a,b,c" into out (cut at cap). */
const char *list_join(const struct conf_list *l, char *out, size_t cap);

#endif
