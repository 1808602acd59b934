/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of the monitor: its state, its connections, their database sessions. Nobody
 * else includes this. monitor.c  start, stop, reload, tick            peer.c       one session
 * process: dispatch, end mon_auth.c who is it                            mon_target.c which target,
 * role, login, database mon_connect.c + mon_cred.c  the way upstream    mon_session.c  recording,
 * progress, end mon_seal.c ends of recordings after crashes, sealing mon_log.c  leaves and
 * checkpoints               hold.c       held statements spawn.c    exec verbs ctl*.c       control
 * messages
 */
#ifndef SP_SERVER_MON_H
#define SP_SERVER_MON_H

#include "base/crypto.h"
#include "base/secret.h"
#include "policy/verdict.h"
#include "server/chan.h"
#include "server/child.h"
#include "server/ident.h"
#include "server/monitor.h"
#include "server/permit.h"
#include "server/verbs.h"
#include "store/store.h"
#include "wire/recframe.h"

/* One loaded configuration. Whoever keeps a pointer into it keeps a reference. */
struct epoch {
	struct conf *conf;
	uint32_t n;
	unsigned refs;
};
struct epoch *epoch_new(struct conf *c, uint32_t n);
void epoch_unref(struct epoch *e);

struct mon_log;  /* mon_log.c */
struct ctl;      /* ctl.c */
struct exec;     /* spawn.c */
struct hold;     /* hold.c */
struct mconnect; /* mon_connect.c */
struct seal_job; /* mon_seal.c */
struct recovery; /* mon_seal.c */
struct login;    /* mon_login.c */
struct issued;   /* mon_issue.c */
struct mon_cas;  /* mon_ca.c */

struct monitor {
	struct loop *loop;
	char *conf_path, *state_path, *cli_path;
	uid_t uid;
	gid_t gid;
	pid_t listener_pid;
	int state_fd, recordings_fd, control_fd;
	struct epoch *epoch;
	struct store *store;
	struct mon_log *log;
	struct chan *listener, *signer, *archiver;
	struct chan *fetcher, *web; /* NULL: not running */
	struct calls signer_calls, archiver_calls, fetcher_calls;
	struct login *logins;
	struct mon_cas *cas;
	struct kids *kids;
	struct recovery *recoveries;
	struct seal_job *seals; /* the first is with the archiver */
	struct loop_timer *seal_timer;
	struct peer *peers;
	struct peer *dead; /* ended, freed by the tick: their callbacks may still be on the stack */
	struct ctl *ctls;
	struct loop_timer *tick;
	struct buf out;      /* messages are built here, one at a time */
	uint8_t ca_pub[128]; /* blob of the configuration's authority when it is a file, as the signer read it */
	size_t n_ca_pub;
	bool signer_known; /* it gave its public keys */
	uint8_t log_pub[ED25519_PUB_LEN];
	int64_t started_us;
	int64_t next_expiry_us; /* earliest deadline of an open request */
	int64_t next_prune_us;  /* what is long over is forgotten */
	bool draining;
	struct loop_timer *drain_timer;
	loop_timer_fn *drained;
	void *drained_ctx;
	monitor_epoch_fn *epoch_fn;
	void *epoch_ctx;
};

static inline const struct conf *mon_conf(const struct monitor *m)
{
	return m->epoch->conf;
}

/* A database session of a connection. */
struct msess {
	struct msess *next;
	struct peer *peer;
	char sid[REC_SID_LEN + 1];
	char target[NAME_CAP], login[NAME_CAP], database[NAME_CAP];
	char role[NAME_CAP];
	int64_t grace_ms; /* of an open transaction when the certificate expires, 0 = none */
	char host[NAME_CAP], hostaddr[64];
	int port;
	char tls[16];
	struct buf ca_pem; /* for the reaper */
	bool postgres;
	uint32_t backend_pid, backend_key;
	int64_t cancel_us; /* monotonic time of the last cancel */
	bool cancelled_twice; /* two cancel requests are on their way since cancel_us */
	int dir_fd;
	uint32_t segment;    /* the one being written */
	uint64_t seq, bytes; /* last reported head */
	uint8_t head[SHA256_LEN];
	uint64_t segment_base; /* bytes of all segments before this one */
	uint64_t leaf_seq;     /* of the last progress leaf */
	struct policy_view view;
	struct hold *holds;
	struct buf parts; /* HOLD_PART bytes so far */
	struct loop_timer *kill_timer;
	char kill_reason[200]; /* why it runs */
	int warned;            /* of the expiry: how often */
	int64_t expire_us;     /* monotonic: it has been told to end, by then; 0 = it has not */
	int64_t start_us;
	uint64_t counter;
};

/* A session process. */
struct peer {
	struct peer *next;
	struct monitor *m;
	struct chan *ch;
	pid_t pid;
	int pidfd; /* -1 in tests without processes */
	char addr[64];
	int port;
	char conn[32];
	enum peer_state state;
	unsigned calls[PERMIT_N];
	struct ident cand_cert, cand_key; /* the last success of each kind before AUTH_DONE */
	struct ident id;
	struct msess *sessions;
	struct mconnect *connects;
	struct exec *execs;
	struct login *login; /* at an identity provider */
	int enrolls;         /* tokens handed in */
	int last_exec;
	bool expired; /* its certificate: what runs may have time to end, nothing begins */
	int64_t since_us;
	struct loop_timer *kill_timer;
	char kill_reason[200]; /* why it runs */
};

/* --- monitor.c --- */
int64_t mon_disk_free(const struct monitor *m);
struct msess *mon_session_find(struct monitor *m, const char *sid);
size_t mon_user_sessions(const struct monitor *m, const struct ident *id); /* of the same user, live or being connected */
/* What the user may do has changed (groups, locks): live connections of it and of agents that act for it are judged again. */
void mon_rejudge_user(struct monitor *m, const char *user);
/* A session or connection ended: a drain may be complete. */
void mon_drain_check(struct monitor *m);

/* --- peer.c --- */
void peer_new(struct monitor *m, pid_t pid, const char *addr, int port, const char *conn, int *fd);
/* Kill the process, end its sessions, forget it. reason goes into the recordings' end. */
void peer_end(struct peer *p, const char *reason);
/* Ask it to go (IPC_KILL for the whole connection), end it after a second. */
void peer_kick(struct peer *p, const char *reason, const char *sqlstate);
struct peer *peer_by_pid(struct monitor *m, pid_t pid);
void peer_enter(struct peer *p, enum peer_state st);
void peers_bury(struct monitor *m); /* free the dead */
/* Answers: ok_begin, fields, ok_send. */
struct buf *ok_begin(struct peer *p, uint32_t call);
void ok_send(struct peer *p, const int *fds, size_t nfds);
void answer_ok(struct peer *p, uint32_t call);
void answer_fail(struct peer *p, uint32_t call, const struct why *w, const char *sqlstate);
/* The session named by the message's sid, or NULL. Malformed sid: *rc = E_FORMAT (a violation). */
struct msess *peer_session(struct peer *p, const struct ipc_msg *m, int *rc);

/* --- mon_auth.c --- */
/* Identity of a local process. */
void auth_local(struct monitor *m, uid_t uid, struct ident *out);
/* A login at an identity provider ended well: the connection is who its new certificate says, after the same verification as any
 * other certificate's. */
int auth_login(struct peer *p, const struct issued *x, struct why *w) MUST_CHECK;
void auth_leave_start(struct peer *p); /* it no longer counts as a connection that has not authenticated */
/* Is this plain key blob one of the user's, from this address? */
bool auth_key_known(const struct conf_user *u, struct span blob, const char *addr);

/* --- mon_who.c --- */
/* What is left of an identity now: its groups (claimed ∩ what the configuration or the account gives), and of an agent the person
 * behind it. E_DENIED with why: it is nobody any more. */
int who_regroup(struct monitor *m, struct ident *id, struct why *w) MUST_CHECK;
/* A person by user name, local or an account, neither locked nor revoked: its groups in force are appended. E_DENIED with why. */
int who_person(struct monitor *m, const char *user, struct conf_list *groups, char person[NAME_CAP], struct why *w) MUST_CHECK;
/* Fill an identity of which only the name is left (its session ended): as wide as it could be now. Nobody any more: no groups. */
void who_named(struct monitor *m, const char *user, const char *on_behalf_of, struct ident *id);
/* Is it in good standing: neither its certificate, key and authority nor it or who it acts for revoked, forgotten or locked?
 * E_DENIED with why. */
int who_stands(struct monitor *m, const struct ident *id, struct why *w) MUST_CHECK;
/* After a revocation or a lock: live connections that are no longer in good standing end, also those of agents whose person, or
 * whose person's certificate or key, is hit. How many. */
int who_end_unfit(struct monitor *m);

/* --- ctl_enroll.c --- */
#define ENROLL_TRIES 3
void enroll_tick(struct monitor *m); /* connections of the user enroll that stay too long */

/* --- mon_issue.c --- */
/* Strings are borrowed during the call; NULL or "" = absent. */
struct issue_ask {
	struct span key; /* plain public-key blob, possession proven */
	const char *user, *person, *issuer;
	enum ident_kind kind;
	const struct conf_list *groups;
	int64_t ttl_s;
	const char *source; /* CIDR list */
	const char *addr;   /* where it was asked for */
	const char *targets, *max_risk, *on_behalf_of;
	uint64_t parent;
	bool forward, pty;
};
struct issued { /* lives until the callback returns */
	uint64_t serial;
	int64_t after_s, before_s;
	const char *user, *key_id, *fingerprint;
	struct span blob, line; /* line: "TYPE BASE64 COMMENT", no newline */
};
/* Exactly once, perhaps before mon_issue() returns: x, or NULL and why. */
typedef void issued_fn(void *ctx, const struct issued *x, const struct why *failed);
struct issuing;
/* Number, build, have signed by the active authority, store, log. NULL: fn was called already. */
struct issuing *mon_issue(struct monitor *m, const struct issue_ask *a, issued_fn *fn, void *ctx);
void mon_issue_cancel(struct issuing *j); /* NULL is fine; fn is not called any more */
/* Life of a certificate for groups and kind: the shortest of their roles, else the block's (NULL = none), else the gateway's
 * default (1 h for services and agents); never more than the gateway's maximum. */
int64_t issue_ttl(const struct conf *c, const struct conf_identity *block, enum ident_kind kind, const struct conf_list *groups);
/* A certificate that was issued for the same user, key, groups and restrictions extends live connections. */
void mon_extend(struct monitor *m, const struct issue_ask *a, const struct issued *x);

/* --- mon_ca.c --- */
struct mon_ca { /* an authority of ours */
	struct mon_ca *next;
	char name[64], *spec;
	struct buf blob; /* public key; empty: its agent was never reached */
	char fp[FP_CAP];
	enum store_ca_state state;
	int64_t added_s, changed_s;
	char replaces[64];     /* blob still unknown: the key that had the name goes on under this one */
	bool held;             /* the signer has it and signs with it */
	char trouble[256];     /* why it could not sign at the last attempt; "" = it could */
	int64_t rest_until_us; /* its agent hangs: not asked before */
};
/* All of them, oldest first, retired ones too. */
const struct mon_ca *mon_ca_first(const struct monitor *m);
/* The one that signs; NULL when its public key is not known (yet). */
const struct mon_ca *mon_ca_active(const struct monitor *m);
/* Have a body that names the active authority signed. 0: fn is called once, later (IPC_OK with `sig`, IPC_FAIL with code and text,
 * E_LIMIT when its agent cannot be reached; NULL: the signer is gone). Else E_LIMIT and no call: there is no signer. */
int mon_sign(struct monitor *m, struct span tbs, call_fn *fn, void *ctx) MUST_CHECK;
void mon_sign_forget(struct monitor *m, const void *ctx); /* nobody waits any more */
/* Why mon_ca_active() is NULL, for whoever wanted a certificate. */
void mon_ca_missing(const struct monitor *m, struct why *w);
int mon_cas_open(struct monitor *m, struct why *w) MUST_CHECK;
void mon_cas_start(struct monitor *m); /* the one that signs is brought to the signer */
void mon_cas_tick(struct monitor *m);
void mon_cas_free(struct monitor *m);

/* --- mon_expire.c --- */
void expire_tick(struct monitor *m); /* warnings before certificates expire, and the end of connections */
/* Has the connection's certificate expired? Then the request is answered with a failure. */
bool expire_refuses(struct peer *p, const struct ipc_msg *m);
/* by has authenticated: its certificate extends the user's other connections, too (those from the same address). */
void mon_extend_by(struct peer *by);

/* --- mon_login.c --- */
void login_gone(struct peer *p); /* its login is cancelled */
void logins_tick(struct monitor *m);
void logins_free(struct monitor *m);
/* Configuration of the identity providers to the fetcher, at start and after every reload. */
void idp_configure(struct monitor *m);
/* Pushed by the fetcher; NULL: it is gone (m->fetcher is NULL, open calls have failed), so every login there fails. */
void idp_message(struct monitor *m, const struct ipc_msg *msg);
void web_message(struct monitor *m, const struct ipc_msg *msg); /* a request */
void web_lost(struct monitor *m); /* its process ended: what browsers of logins had is worth nothing any more */
/* The groups of a result of the fetcher, appended to out. E_FORMAT, E_TOOBIG. */
int idp_groups(const struct ipc_msg *m, struct conf_list *out) MUST_CHECK;

/* --- mon_web.c --- */
void web_hosts(struct monitor *m, const struct ipc_msg *msg); /* answers IPC_WEB_HOSTS */
/* known_hosts lines, or SSHFP records, of the gateway. */
int hosts_put(const struct conf *c, bool sshfp, struct buf *out, struct why *w) MUST_CHECK;

/* --- mon_target.c --- */
struct grant { /* what a caller gets for (target, login, database); pointers into the epoch's
		  configuration */
	const struct conf_target *target;
	const struct conf_role *role;
	const struct conf_role *behind; /* agents: the role of the person; else NULL */
	const char *login, *database;
	bool login_mapped;
};
/* Limits of the grant, the stricter of both roles; 0 = none. */
int64_t grant_max_rows(const struct grant *g);
int64_t grant_idle_ms(const struct grant *g);
/* How long an open transaction may go on when the certificate expires; of an agent only as long as both roles allow. */
int64_t grant_grace_ms(const struct grant *g);
/* The target by name, if the caller may reach it; else NULL with why (and its "did you mean"). */
const struct conf_target *target_for(
    const struct conf *c, const struct ident *id, const char *name, struct why *w);
bool target_allowed(const struct conf *c, const struct ident *id, const struct conf_target *t);
int grant_for(const struct conf *c, const struct ident *id, const char *target, const char *login,
    const char *database, struct grant *out, struct why *w, char sqlstate[6]);
/* What the caller may use on t: appended to the lists, without duplicates, best first. */
void target_logins(const struct conf *c, const struct ident *id, const struct conf_target *t,
    struct conf_list *out);
void target_databases(const struct conf *c, const struct ident *id, const struct conf_target *t,
    struct conf_list *out);
/* The view of a granted role under an epoch. */
void view_for(
    const struct epoch *e, const struct ident *id, const struct grant *g, struct policy_view *out);
void view_put(struct buf *b, const struct policy_view *v);

/* --- mon_connect.c --- */
void connect_cancel(struct mconnect *c);
size_t connects_of(const struct peer *p); /* under way */
/* Answer with a failure and cancel. */
void connect_refuse(struct mconnect *c, const struct why *w, const char *sqlstate);

/* --- mon_cred.c --- */
struct cred_job;
typedef void cred_fn(void *ctx, struct secret *password,
    const struct why *failed); /* password owned by the callee; may be NULL */
/* env:, file: or credential:. */
int cred_reference(const char *ref, struct secret **out, struct why *w) MUST_CHECK;
/* Resolve a login's password. The callback may run before the return (then NULL is returned). */
struct cred_job *cred_resolve(
    struct monitor *m, const struct conf_login *l, cred_fn *fn, void *ctx);
void cred_cancel(struct cred_job *j); /* NULL is fine */
/* The CA bundle of a target: its own file or the system's. Empty for tls modes that do not verify.
 */
int cred_ca_bundle(const struct conf_target *t, struct buf *out, struct why *w) MUST_CHECK;

/* --- mon_session.c --- */
struct msess_start { /* what mon_connect.c found */
	const struct grant *grant;
	struct epoch *epoch;
	const char *host, *hostaddr, *app;
	int port;
};
/* Recording directory, first segment, store row, start leaf. *segment_fd is for the session. NULL
 * with why. */
struct msess *msess_new(struct peer *p, const struct msess_start *st, int *segment_fd,
    uint8_t prev[SHA256_LEN], struct why *w);
/* The end without IPC_SESSION_END: cancel upstream, withdraw holds; what is on disk decides where
 * the recording ends. Frees s. */
void msess_end(struct msess *s, const char *reason);
/* Once a second: progress leaves. */
void msess_tick(struct monitor *m);
/* Are recordings of ended sessions still being looked through? */
bool msess_busy(const struct monitor *m);
void msess_free_all(struct monitor *m); /* jobs under way; the next start finishes them */
/* Push IPC_KILL; the whole process goes after a second if the session has not ended. */
void msess_kill(struct msess *s, const char *reason, const char *sqlstate);
void msess_cancel_upstream(struct msess *s);
void msess_cancel_all(struct peer *p); /* of a connection that was told to end */
/* At start: recordings without an end leaf get one, unsealed segments are sealed. */
void msess_recover(struct monitor *m);

/* --- mon_seal.c --- */
/* Hand a closed segment to the archiver, sometime. head: its last chain hash, or NULL. */
void seal_later(struct monitor *m, const char *sid, uint32_t segment, const uint8_t *head);
/* Find out where the recording in dir_fd (owned from here on) ends, then write its end leaf and
 * seal. pidfd: its writer, which may still be dying, or -1. */
void recover_later(struct monitor *m, const char *sid, int *dir_fd, int pidfd, const char *reason);
/* The end leaf and the store row of a recording; then its last segment is sealed. */
void recording_end(struct monitor *m, const struct rec_leaf *end, uint64_t statements,
    uint64_t rows, int64_t end_us);

/* --- mon_log.c --- */
struct mon_unfinished { /* a session without an end leaf, or with segments that were not sealed */
	struct mon_unfinished *next;
	char sid[REC_SID_LEN + 1];
	bool ended;
	uint32_t
	    segments; /* ended: how many are not sealed yet (modulo 2^32 before the end is seen) */
	uint8_t head[SHA256_LEN]; /* ended: of the last one */
};
/* Found while the log was opened, newest first; the caller frees each. */
struct mon_unfinished *mon_log_unfinished(struct monitor *m);
/* Have the present size signed unless that is under way. */
void mon_log_checkpoint(struct monitor *m);
int mon_log_open(struct monitor *m, struct why *w) MUST_CHECK;
void mon_log_close(struct monitor *m);
/* Append a leaf (time is filled in when 0); the next tick has a checkpoint signed. */
int mon_leaf(struct monitor *m, struct rec_leaf *l);
uint32_t mon_log_last_epoch(const struct monitor *m); /* of the newest policy leaf, 0 = none */
uint64_t mon_log_size(const struct monitor *m);
void mon_log_root(const struct monitor *m, char hex[65]);
int mon_log_policy(struct monitor *m, const char *who);
int mon_log_read(struct monitor *m, const char *sid, const char *who, const char *reason);

/* --- hold.c --- */
void holds_session_gone(struct msess *s); /* withdraws what waits */
void holds_tick(struct monitor *m);       /* expiry */
void holds_rejudge(struct monitor *m);    /* after a reload: never loosened */
void holds_recheck(struct monitor *m);    /* after a lock, a revocation or a reload: approvals that fell with it */
void holds_forget(struct monitor *m, const char *user); /* the name may become somebody else's */
void hold_decided(
    struct monitor *m, const char *id, enum req_state st, const char *by, const char *why);
int hold_leaf(struct monitor *m, const struct store_request *r, enum req_state st, const char *who);

/* --- spawn.c --- */
void execs_free(struct peer *p);
void execs_expire(struct peer *p); /* commands are told to end, but for consoles: their sessions decide */

/* --- ctl.c --- */
void ctl_listen(struct monitor *m);
void ctl_resume(struct monitor *m); /* accept again after a shortage of descriptors */
/* A control channel bound to a connection's identity; fd is owned. */
struct ctl *ctl_bound(struct peer *p, int fd);
void ctls_free(struct monitor *m);
void ctls_of_peer_gone(struct peer *p);

#endif
