/* SPDX-License-Identifier: Apache-2.0
 *
 * Between mon_ca.c (which authorities there are), mon_casign.c (what the signer does with them) and
 * ctl_ca.c (the verb ca).
 */
#ifndef SP_SERVER_MON_CA_H
#define SP_SERVER_MON_CA_H

#include "server/ctl.h"
#include "wire/sshpk.h"

#define CA_OWN_MAX   16 /* that are not retired */
#define CA_SPEC_MAX  512
#define CA_CONFIGURED "default"

struct cajob; /* mon_casign.c */
struct caop;  /* ctl_ca.c */

struct mon_cas {
	struct mon_ca *list; /* oldest first */
	struct cajob *first, **tail;
	struct loop_timer *timer; /* the first job goes on */
	struct caop *ops;
	int64_t again_us; /* ask for the unknown key of the active one again */
};

/* --- mon_ca.c --- */
struct mon_ca *ca_new(const char *name, const char *spec, struct span blob, const char *fp);
void ca_free(struct mon_ca *ca);
struct mon_ca *ca_find(const struct monitor *m, const char *name);
struct mon_ca *ca_by_fp(const struct monitor *m, const char *fp);
void ca_link(struct monitor *m, struct mon_ca *ca);
/* The public key has become known: into memory and the store. */
int ca_learn(struct monitor *m, struct mon_ca *ca, struct span blob, struct why *w) MUST_CHECK;
/* Durable, then in memory, then in the signer; *former: the one that signed before, or NULL. */
int ca_switch(struct monitor *m, struct mon_ca *to, struct mon_ca **former, struct why *w) MUST_CHECK;
int ca_retire(struct monitor *m, struct mon_ca *ca, const char *by, const char *why, int *ended,
    struct why *w) MUST_CHECK;
struct span ca_type(const struct mon_ca *ca); /* "ssh-ed25519" */
/* "agent:SOCKET#SHA256:..." → SOCKET, fingerprint. False: it is not that. */
bool ca_agent_spec(const char *spec, char path[CA_SPEC_MAX], char fp[FP_CAP]);

/* --- ctl_ca.c --- */
void caops_free(struct monitor *m);

/* --- mon_casign.c --- */
/* The key file or a connection to the agent. -1 with why. */
int ca_open(const struct monitor *m, const char *spec, struct why *w);
/* Bring it to the signer; fd: its descriptor (owned from here on), or -1 to open it. fn gets OK with `ca`,
 * whose key is the known one, if one is known; or FAIL. */
void ca_load(struct monitor *m, struct mon_ca *ca, int fd, bool create, call_fn *fn, void *ctx);
void ca_activate(struct monitor *m, struct mon_ca *ca);
void ca_drop(struct monitor *m, const char *name);
void cajobs_forget(struct monitor *m, const void *ctx);
void cajobs_free(struct monitor *m);

#endif
