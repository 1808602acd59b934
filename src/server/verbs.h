/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs people type, as one table: who may, over which transport, usage, summary. Read by the
 * monitor (permission and dispatch), by the exec spawner and by the CLI (help, completion). No
 * handler is referenced here, so that the CLI links it without the monitor. Arguments and items of
 * each verb on the wire: doc/formats/control.md.
 */
#ifndef SP_SERVER_VERBS_H
#define SP_SERVER_VERBS_H

#include <stdbool.h>
#include <stddef.h>

enum verb_id {
	VERB_NONE = 0,
	VERB_APPROVE,
	VERB_CA,
	VERB_CERT,
	VERB_CERTS,
	VERB_CONFIG,
	VERB_DELEGATE,
	VERB_DENY,
	VERB_ENROLL,
	VERB_FORGET,
	VERB_HELP,
	VERB_HOSTKEYS,
	VERB_KILL,
	VERB_KRL,
	VERB_LOCK,
	VERB_POLICY,
	VERB_RELOAD,
	VERB_REPLAY,
	VERB_REQUESTS,
	VERB_REVOKE,
	VERB_REVOKED,
	VERB_SESSIONS,
	VERB_SHOW,
	VERB_SQL,
	VERB_STATUS,
	VERB_TARGETS,
	VERB_UNLOCK,
	VERB_VERIFY,
	VERB_WELCOME,
	VERB_WHOAMI,
	VERB_N
};

/* The least a caller must be. Finer rules (own sessions only, approver of this request) are the
 * handler's. */
enum verb_who {
	WHO_TOKEN,  /* only a connection with the user name "enroll", and no other */
	WHO_KEY,    /* a connection proven by a plain key is enough; also everything below */
	WHO_USER,   /* a verified certificate, or a local uid that is a configured user; the local
		       operator */
	WHO_PERSON, /* as WHO_USER, but a human being: no service, no operator */
	WHO_RIGHT,  /* as WHO_USER with a role whose verbs list names the right; the local operator
		     */
	WHO_OPERATOR, /* uid 0 of the gateway (or the daemon's own uid) on the control socket */
	WHO_NOBODY,   /* runs in the CLI alone: never asked of the monitor */
};

#define VERB_LOCAL 1u /* the gateway's own `sallyport VERB` */
#define VERB_SSH   2u /* ssh bastion VERB */

struct verb {
	enum verb_id id;
	const char *name;
	enum verb_who who;
	const char *right;   /* for WHO_RIGHT */
	unsigned transports; /* VERB_LOCAL | VERB_SSH */
	const char *rest;  /* over ssh this option takes the rest of the line: ssh drops the user's
			      quotes; or NULL */
	const char *usage; /* arguments */
	const char *summary;
};

/* In name order; n = VERB_N - 1. */
const struct verb *verb_table(size_t *n);
const struct verb *verb_find(const char *name); /* NULL when unknown */
const struct verb *verb_of(enum verb_id id);

#endif
