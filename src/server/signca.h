/* SPDX-License-Identifier: Apache-2.0
 *
 * The signer's certificate authorities: a small table by name, at most one of them active. A key is
 * in our memory (from a file that the monitor opened, or from the configuration at the start) or in an
 * ssh-agent at the other end of a socket that the monitor connected. Signer process only.
 */
#ifndef SP_SERVER_SIGNCA_H
#define SP_SERVER_SIGNCA_H

#include "server/signkey.h"
#include "wire/sshpk.h"

#define SIGNCA_MAX      8 /* loaded at once: the active one, and the next during a change */
#define SIGNCA_NAME_CAP 64

struct signca {
	char name[SIGNCA_NAME_CAP];
	struct buf blob; /* public key */
	struct signkey key;
	bool agent;
	int sock; /* to the agent; -1: there was no agreement with it, load it again */
};

struct signcas {
	struct signca *ca[SIGNCA_MAX];
	size_t n;
	struct signca *active;
};

/* Make one; NULL with why. fd stays the caller's. */
struct signca *signca_of_key(const char *name, struct signkey *key, struct why *w); /* takes key */
struct signca *signca_of_file(const char *name, int fd, bool create, struct why *w);
struct signca *signca_of_agent(const char *name, int fd, const char *fp, struct why *w);

void signca_free(struct signca *ca);

/* Takes ca; one of the same name is replaced (and stays active if it was). E_LIMIT: ca is freed. */
int signcas_put(struct signcas *t, struct signca *ca, struct why *w) MUST_CHECK;
int signcas_activate(struct signcas *t, const char *name, struct why *w) MUST_CHECK;
int signcas_drop(struct signcas *t, const char *name, struct why *w) MUST_CHECK;
/* Is this plain key blob an authority's? */
bool signcas_has(const struct signcas *t, struct span blob);
void signcas_clear(struct signcas *t);

/* Append the signature blob of msg. E_CLOSED: the agent cannot be talked to (any more). */
int signca_sign(struct signca *ca, struct span msg, struct buf *sig, struct why *w) MUST_CHECK;

#endif
