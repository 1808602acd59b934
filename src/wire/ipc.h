/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between our processes and between the CLI and the monitor: one msgpack map per SEQPACKET datagram
 * (at most IPC_MAX bytes), "t" = type, "i" = request id (an answer carries the id of its request; 0 = pushed), further keys as
 * listed per type in the table of doc/formats/ipc.md. Descriptors travel beside the datagram (base/file.h fd_send).
 * Only bytes ⇄ fields here: what is permitted when is the permit table's matter (server/permit.h).
 */
#ifndef SP_WIRE_IPC_H
#define SP_WIRE_IPC_H

#include "wire/mp.h"

#define IPC_MAX (160 * 1024)  /* one datagram; longer texts go in parts (IPC_HOLD_PART) */

enum ipc_type {
	/* any process: answer */
	IPC_OK = 1,      /* keys of the answered request */
	IPC_FAIL = 2,    /* code:int text:str hint:str sqlstate:str */

	/* session → monitor (permit table), answers in parentheses */
	IPC_AUTH_CERT = 10,  /* user:str cert:bin → (user kind groups serial expires forward:bool pty:bool label:str) */
	IPC_AUTH_KEY = 11,   /* user:str key:bin (public key blob, possession proven) → (known:bool user service:bool
	                      * how:str "cert" | "login" | "full" | "enroll") */
	IPC_AUTH_DONE = 12,  /* the connection is authenticated by AUTH_CERT's or AUTH_KEY's last success; key_only:bool →
	                      * (user forward:bool pty:bool) */
	IPC_TARGET = 13,     /* name:str port:int → (name type databases:[str] logins:[str] default_database default_login) */
	IPC_CONNECT = 14,    /* target login database app:str → fds [socket, recording, ca_memfd?]; (sid host hostaddr port
	                      * tls password:bin application_name view:map prev:bin seq:int sync:str) */
	IPC_BACKEND = 15,    /* sid pid:int key:int → () : registers the cancel key */
	IPC_CANCEL = 16,     /* sid → () : cancel the running query upstream */
	IPC_HEAD = 17,       /* sid seq bytes hash → no answer; progress of a recording */
	IPC_SEGMENT = 18,    /* sid → fds [recording] () : next segment */
	IPC_SESSION_END = 19,/* sid reason:str seq bytes hash statements:int rows:int → () */
	IPC_HOLD_PART = 20,  /* sid part:bin → () : statement bytes ahead of IPC_HOLD_NEW when over 64 KiB, in order */
	IPC_HOLD_NEW = 21,   /* sid sql:bin (rest of it) params:bin (wire/pgparam.h) class rule reason meaning:bin
	                      * (wire/meaning.h) tx:str locks:bool mode:str(auto|wait|reject) effect:str effect_rows:int →
	                      * (id state:"pending"|"approved" wait_ms approvers quorum by why near effect_rows:int) */
	IPC_HOLD_CONSUME = 22,  /* sid id meaning:bin(sha256) → () or FAIL: approved → consumed, exactly once */
	IPC_HOLD_WITHDRAW = 23, /* sid id why:str → () */
	IPC_EXEC = 24,       /* line:bin pty:bool term:str cols rows → fds [in, out, err] or [pty], + [db] for sql;
	                      * (exec:int sql_target:str verb:str sid_hint:str); in = write end, out/err = read ends */
	IPC_EXEC_WINCH = 25, /* exec cols rows → no answer */
	IPC_EXEC_KILL = 26,  /* exec → no answer: channel closed */
	IPC_LOGIN_START = 28,/* → (banner:str instruction:str wait_ms) : only after AUTH_KEY said how "login" */
	IPC_RECORD_PING = 27,/* → () : is the monitor alive (used by tests) */

	/* monitor → session, pushed (id 0) */
	IPC_HOLD_DECIDED = 40, /* id state:"approved"|"denied"|"expired" by:str why:str */
	IPC_EXEC_EXIT = 41,    /* exec status:int */
	IPC_POLICY = 42,       /* sid view:map : replaces the session's policy view */
	IPC_KILL = 43,         /* sid:str ("" = the whole connection) reason:str sqlstate:str */
	IPC_LOGIN_RESULT = 44, /* ok:bool user forward:bool pty:bool | text hint : the end of LOGIN_START; ok = authenticated */
	IPC_NOTICE = 45,       /* sid:str ("" = every session) text hint : shown to the client between statements */
	IPC_EXPIRE = 46,       /* sid grace_ms reason hint sqlstate : outside a transaction end now, else with it, at the latest
	                        * after grace_ms; no new transaction begins; sid "": also commands end, no new channels */

	/* listener → monitor */
	IPC_NEW_SESSION = 60,  /* pid:int addr:str port:int conn:str + fd */
	IPC_SESSION_GONE = 61, /* pid:int status:int */
	/* monitor → listener */
	IPC_LISTENER_STOP = 62, /* stop accepting; sessions go on */
	IPC_PENALTY = 63,       /* addr seconds */
	IPC_CONN_STATE = 64,    /* pid authenticated:bool : leaves the pre-auth count */

	/* monitor → signer */
	IPC_SIGN_CERT = 80,      /* tbs:bin → (sig:bin) : certificate body up to the signature field */
	IPC_SIGN_CHECKPOINT = 81,/* body:bin size:int → (sig:bin) */
	IPC_SIGNER_KEYS = 82,    /* → (ca:bin blob of the file: authority or empty, log:bin ed25519 pub) */
	IPC_CA_LOAD = 83,        /* name:str spec:str fingerprint:str create:bool + fd (key file, or socket connected to the agent) →
	                          * (ca:bin) : adds or replaces an authority; an empty key file is filled when create is true;
	                          * fingerprint: of the key it must be, "" = any */
	IPC_CA_ACTIVATE = 84,    /* name → () : SIGN_CERT uses it from now on */
	IPC_CA_DROP = 85,        /* name → () : its key is wiped; not the active one */

	/* monitor ↔ archiver */
	IPC_SEAL = 90,         /* sid seg:int hash:bin + fd raw segment, dir fd → (hash:bin of the sealed file, bytes) */

	/* monitor → fetcher (answers in parentheses). A login is an opaque id of the monitor's. */
	IPC_IDP_BLOCK = 110,  /* gen:int name kind issuer client_id secret:bin scopes:[str] user_claim groups_claim person_claim
	                       * algs:[str] claims:[str] audience ca:bin allow_http:bool → () */
	IPC_IDP_APPLY = 111,  /* gen:int → () : blocks of other generations are forgotten, their logins fail; what is the same goes on */
	IPC_IDP_DEVICE = 112, /* login block → (user_code uri uri_complete expires_s) ; later IDP_RESULT */
	IPC_IDP_BROWSER = 113,/* login block redirect_uri state → (url) */
	IPC_IDP_CODE = 114,   /* login code → () ; later IDP_RESULT */
	IPC_IDP_CANCEL = 115, /* login → no answer */
	IPC_IDP_TOKEN = 116,  /* token:bin audience:str (the key-bound one) → (the keys of IDP_RESULT and once:bool) */
	/* fetcher → monitor, pushed */
	IPC_IDP_RESULT = 120, /* login ok:bool block iss sub user groups:[str] person exp:int token:bin[32] | code text hint */

	/* web → monitor (answers in parentheses) */
	IPC_WEB_LOOK = 130,    /* code addr → (state fingerprint source asked gateway provider expires_s user) */
	IPC_WEB_BEGIN = 131,   /* code addr state:str → (url) : the person goes to the provider */
	IPC_WEB_CALLBACK = 132,/* code addr state answer:str error:str iss:str → (user fingerprint source asked gateway expires_s) */
	IPC_WEB_CONFIRM = 133, /* code addr state digits → (user) | FAIL with tries:int */
	IPC_WEB_REFUSE = 134,  /* code addr → () */
	IPC_WEB_HOSTS = 135,   /* → (text) : known_hosts lines */

	/* CLI ↔ monitor (control socket or inherited socketpair) */
	IPC_CTL = 100,         /* verb:str args:map → any number of CTL_ITEM/CTL_FD, then CTL_END */
	IPC_CTL_ITEM = 101,    /* item:map of str → str|int|bool */
	IPC_CTL_FD = 102,      /* name:str + fd */
	IPC_CTL_END = 103,     /* code:int (exit status) text:str hint:str */
};

struct ipc_msg; /* a parsed message */

/* Build: begin clears b, then fields, then end; one message at a time per buf. */
void ipc_begin(struct buf *b, enum ipc_type t, uint32_t id);
void ipc_str(struct buf *b, const char *key, const char *v);
void ipc_bin(struct buf *b, const char *key, struct span v);
void ipc_int(struct buf *b, const char *key, int64_t v);
void ipc_bool(struct buf *b, const char *key, bool v);
void ipc_strs(struct buf *b, const char *key, char *const *v, size_t n);
/* An already encoded msgpack value under key (maps, arrays built with mp_put_*). */
void ipc_raw(struct buf *b, const char *key, struct span encoded);
/* A whole IPC_FAIL but for the end: further fields may follow. sqlstate: "" where no database client hears of it. */
void ipc_fail(struct buf *b, uint32_t id, const struct why *w, const char *sqlstate);
int ipc_end(struct buf *b) MUST_CHECK; /* 0 or the buffer's error */

/* Parse: fields borrow from the datagram's bytes. Wrong or missing "t"/"i", duplicate keys, more than 40 keys: E_FORMAT. */
int ipc_parse(struct span in, struct ipc_msg **out) MUST_CHECK;
void ipc_free(struct ipc_msg *m);
int ipc_type_of(const struct ipc_msg *m);
uint32_t ipc_id(const struct ipc_msg *m);
const struct mp_val *ipc_get(const struct ipc_msg *m, const char *key);
struct span ipc_get_span(const struct ipc_msg *m, const char *key);
/* Copy a string field into out; E_NOTFOUND when absent, E_FORMAT when it has a NUL, E_TOOBIG when cut. */
int ipc_get_str(const struct ipc_msg *m, const char *key, char *out, size_t cap) MUST_CHECK;
/* The same when absence is fine: out is "" on any failure. */
void ipc_take_str(const struct ipc_msg *m, const char *key, char *out, size_t cap);
/* A text for people: what does not fit is cut off (never inside a character), and so is what follows a NUL. "" when absent. */
void ipc_take_text(const struct ipc_msg *m, const char *key, char *out, size_t cap);
int64_t ipc_get_int(const struct ipc_msg *m, const char *key, int64_t dflt);
bool ipc_get_bool(const struct ipc_msg *m, const char *key, bool dflt);

/* Send a built message with descriptors over a SEQPACKET socket; receive one (E_MORE, E_CLOSED, E_FORMAT, ...).
 * ipc_recv parses in place: msg borrows from scratch until the next call. */
int ipc_send(int sock, struct buf *b, const int *fds, size_t nfds) MUST_CHECK;
int ipc_recv(int sock, struct buf *scratch, struct ipc_msg **out, int *fds, size_t *nfds) MUST_CHECK;

/* struct policy_view ⇄ msgpack map lives in policy/view.h (policy_view_put / policy_view_get). */

#endif
