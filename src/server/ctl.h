/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files that answer control messages (doc/formats/control.md): the caller, its
 * arguments, items and the end.
 */
#ifndef SP_SERVER_CTL_H
#define SP_SERVER_CTL_H

#include "server/mon.h"

/* Exit statuses of verbs. */
enum ctl_code {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NOTFOUND = 3,
	CTL_DENIED = 4,
	CTL_TEMPORARY = 75,
};

struct ctl {
	struct ctl *next;
	struct monitor *m;
	struct peer *peer;      /* bound to this connection, or NULL: a process of the gateway */
	uid_t uid;              /* then its uid */
	struct ident local;     /* and who that is now */
	const struct ident *id; /* the caller: peer's or local */
	struct chan *ch;
	unsigned transport; /* VERB_LOCAL or VERB_SSH */
	uint32_t call;      /* the verb being answered, 0 = none */
	bool dead;
	void *job; /* of the verb being answered, when that takes time */
	void (*job_free)(struct ctl *c); /* called when the channel ends first; NULL = no job */
};

/* Exactly one of: ctl_end() before the return, or later. args: MP_MAP or MP_NIL. */
typedef void ctl_fn(struct ctl *c, const struct mp_val *args);

ctl_fn ctl_whoami, ctl_targets, ctl_status;             /* ctl_who.c */
ctl_fn ctl_config;                                      /* ctl_config.c */
ctl_fn ctl_cert;                                        /* ctl_cert.c */
ctl_fn ctl_delegate;                                    /* ctl_delegate.c */
ctl_fn ctl_enroll;                                      /* ctl_enroll.c */
ctl_fn ctl_requests, ctl_show, ctl_approve, ctl_deny;   /* ctl_hold.c */
ctl_fn ctl_sessions, ctl_replay, ctl_kill;              /* ctl_sess.c */
ctl_fn ctl_hostkeys; /* ctl_host.c */
ctl_fn ctl_reload;                                      /* ctl_admin.c */
ctl_fn ctl_revoke, ctl_revoked, ctl_lock, ctl_unlock, ctl_forget; /* ctl_revoke.c */
ctl_fn ctl_certs, ctl_krl;                                        /* ctl_certs.c */
ctl_fn ctl_ca;                                          /* ctl_ca.c */

/* A flat item under construction. */
struct item {
	struct buf b;
	uint32_t n;
};
void item_init(struct item *it);
void item_str(struct item *it, const char *key, const char *v);
void item_span(struct item *it, const char *key, struct span v);
void item_int(struct item *it, const char *key, int64_t v);
void item_bool(struct item *it, const char *key, bool v);
void item_list(struct item *it, const char *key, const struct conf_list *l);

/* Send the item and clear it. */
void ctl_item(struct ctl *c, struct item *it);
void ctl_fd(struct ctl *c, const char *name, int fd);
void ctl_end(struct ctl *c, enum ctl_code code, const char *text, const char *hint);
/* The end for an error: its code gives the exit status. */
void ctl_fail(struct ctl *c, const struct why *w);
/* A string argument; absent: "". E_TOOBIG, E_FORMAT. */
int ctl_arg(const struct mp_val *args, const char *key, char *out, size_t cap) MUST_CHECK;
/* The argument `why`, escaped: it is shown to other people. False: the end was sent. */
bool ctl_arg_why(struct ctl *c, const struct mp_val *args, char *out, size_t cap);
bool ctl_arg_bool(const struct mp_val *args, const char *key);
int64_t ctl_arg_int(const struct mp_val *args, const char *key, int64_t dflt);
const char *ctl_who_is(const struct ctl *c); /* for logs and leaves: the user */
/* A name that an identity provider gives may have been another person's, whose account was forgotten: since when is it the
 * caller's (or that of the person behind the caller)? 0 = always. */
int64_t ctl_named_since_us(const struct ctl *c);

/* ctl_cert.c: the keys that every verb says of a new certificate. */
void item_cert(struct item *it, const struct issued *x);
const char *ctl_local_issuer(const struct conf *c); /* name of the block of type local */
int ctl_listen_port(const struct conf *c);          /* what clients connect to, as far as the gateway knows */

#endif
