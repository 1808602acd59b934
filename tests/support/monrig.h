/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: a real monitor with a real store, log, signer and archiver in a temporary directory, a
 * listening socket that plays the database, and the session's side of the conversation.
 */
#ifndef SP_TESTS_MONRIG_H
#define SP_TESTS_MONRIG_H

#include <sys/types.h>

#include "base/file.h"
#include "server/mon.h"
#include "wire/sshkey.h"

#define RIG_USERS 6

struct rig {
	char dir[64];
	char conf_path[128];
	char ca[256];         /* where the authority's key is: DIR/ca_key unless changed after rig_init() */
	char conf_extra[512]; /* lines for the gateway block, set before rig_start() */
	const char *identity;  /* instead of the local block alone; set between rig_init() and rig_conf() */
	struct loop *loop;
	struct monitor *m;
	int listener; /* the listener's end */
	pid_t signer, archiver;
	int upstream, port; /* plays the database */
	struct sshkey key[RIG_USERS];
	struct buf blob[RIG_USERS];
};

enum rig_user { ALICE, BOB, ALICE_TOO, ROBOT, DAVE, EVE };
extern const char *const rig_names[RIG_USERS];

void rig_init(struct rig *r);                   /* directory, keys */
void rig_conf(struct rig *r, const char *more); /* write the configuration; more: further text */
void rig_start(struct rig *r);                  /* helpers and monitor */
void rig_up(struct rig *r);                     /* the three above */
void rig_stop(struct rig *r);                   /* the monitor and its helpers */
void rig_down(struct rig *r);                   /* and everything else */
void rig_spin(struct rig *r, int ms);           /* run the loop for a while */
/* Take what the monitor sent to the listener; true when a message of this type was there. */
bool rig_listener_got(struct rig *r, enum ipc_type t);
/* Leaves of the log on disk of this type (and sid, unless NULL). last: a copy of the newest, may be
 * NULL. */
size_t rig_leaves(struct rig *r, enum leaf_type t, const char *sid, struct rec_leaf *last);

/* A session process: its socket is ours, the process itself only waits to be killed. */
struct client {
	struct rig *r;
	int sock;
	pid_t pid;
	uint32_t id;
	struct buf in, out;
	struct ipc_msg *m; /* the latest answer or push */
	int fds[FD_PASS_MAX];
	size_t nfds;
	char sid[REC_SID_LEN + 1];
	struct peer *peer;
};

void client_open(struct rig *r, struct client *c, const char *addr);
void client_close(struct client *c);
/* Build with client_msg() and ipc_*, then client_call(): the type of the answer, 0 when the
 * connection ended. */
struct buf *client_msg(struct client *c, enum ipc_type t);
int client_call(struct client *c);
/* Send only. */
void client_send(struct client *c);
/* The next message (answers and pushes): its type, 0 when the connection ended, -1 when none came
 * within ms. */
int client_next(struct client *c, int ms);
const char *client_str(struct client *c, const char *key); /* of the latest message; "" */
int64_t client_int(struct client *c, const char *key);
int client_fd(struct client *c, size_t i); /* take a descriptor */
/* Was the process killed with SIGKILL by now? */
bool client_killed(struct client *c);

/* A helper process of the monitor, played by the test: fetcher or web. */
struct side {
	struct rig *r;
	int sock;
	uint32_t id;
	struct buf in, out;
	struct ipc_msg *m;
};
void side_open(struct rig *r, struct side *s, void (*set)(struct monitor *m, int fd));
void side_close(struct side *s);
/* The next message: its type; -1 when none came within ms, 0 at the end. */
int side_next(struct side *s, int ms);
/* Skip to a message of this type; fails the test when it does not come. */
void side_want(struct side *s, enum ipc_type t);
const char *side_str(struct side *s, const char *key);
/* Build with side_msg() (a push has id 0, a request a new one, an answer the received one) and ipc_*, then side_send(). */
struct buf *side_msg(struct side *s, enum ipc_type t, uint32_t id);
void side_send(struct side *s);

/* A certificate for the user's key, issued by the gateway through the verb `cert`. */
void rig_cert(struct rig *r, enum rig_user u, const char *addr, struct buf *cert);
/* Certificate, AUTH_CERT, AUTH_DONE. */
void client_login(struct client *c, enum rig_user u);
int client_auth_cert(struct client *c, const char *user, struct span cert);
int client_auth_key(struct client *c, const char *user, struct span blob);
int client_done(struct client *c, bool key_only);
/* CONNECT: 0 and c->sid set, or the answer's type. Descriptors: 0 socket, 1 recording. */
int client_connect(struct client *c, const char *target, const char *login, const char *db);

/* The verb's side of a control channel. */
struct verbcall {
	int sock;
	struct buf in, out;
	struct ipc_msg *end;
	struct buf items[32]; /* encoded item maps */
	size_t n_items, n_fds;
	int fds[32];
	char names[32][32];
	int code;
};
/* Bound to the client's connection, or (c NULL) on the control socket. args: pairs of strings ended
 * by NULL. */
int verb_run(struct rig *r, struct client *c, struct verbcall *v, const char *verb, ...)
    __attribute__((sentinel));
void verb_clear(struct verbcall *v);
/* A field of item i as text (numbers in decimal, booleans true/false), in a small ring; "" when
 * absent. */
const char *verb_str(const struct verbcall *v, size_t i, const char *key);
const char *verb_text(const struct verbcall *v);
const char *verb_hint(const struct verbcall *v);

#endif
