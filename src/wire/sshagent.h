/* SPDX-License-Identifier: Apache-2.0
 *
 * The two requests of the SSH agent protocol that a signer needs: which keys are there, and sign
 * this (OpenSSH PROTOCOL.agent, draft-ietf-sshm-ssh-agent). Bytes only; sockets, time-outs and
 * whether to believe a signature are the caller's matter. An agent is another program: its answers
 * are as hostile as anything from a network.
 */
#ifndef SP_WIRE_SSHAGENT_H
#define SP_WIRE_SSHAGENT_H

#include "base/buf.h"
#include "base/cur.h"

#define SSHAGENT_HEAD         4            /* bytes of the length in front of a message */
#define SSHAGENT_MAX          (256 * 1024) /* a message: OpenSSH's own limit */
#define SSHAGENT_KEYS_MAX     2048         /* keys in one answer: OpenSSH's own limit */
#define SSHAGENT_KEY_MAX      (16 * 1024)  /* a key blob, a certificate in the agent, too */
#define SSHAGENT_COMMENT_MAX  (16 * 1024)
#define SSHAGENT_SIG_MAX      (4 * 1024) /* a signature blob; RSA with 16384 bits has 2 KiB */
#define SSHAGENT_RSA_SHA2_512 4u         /* flag: sign with rsa-sha2-512 instead of SHA-1 */

/* Append a request, its length in front. */
void sshagent_put_list(struct buf *b);
void sshagent_put_sign(struct buf *b, struct span key, struct span data, uint32_t flags);

/* From the SSHAGENT_HEAD bytes in front of an answer, how many follow: E_FORMAT when none,
 * E_TOOBIG when more than SSHAGENT_MAX. */
int sshagent_head(struct span head, size_t *n, struct why *w) MUST_CHECK;

/* The answer to sshagent_put_list(), without its head. Complete and in bounds when 0 was returned;
 * walk it with sshagent_next(). E_DENIED: the agent said that it cannot. */
struct sshagent_keys {
	uint32_t n; /* left */
	struct cur c;
};
int sshagent_get_keys(struct span msg, struct sshagent_keys *out, struct why *w) MUST_CHECK;
/* False at the end. Key blobs are not looked into. */
bool sshagent_next(struct sshagent_keys *k, struct span *blob, struct span *comment);

/* The answer to sshagent_put_sign(): the signature blob, borrowed from msg. E_DENIED: refused. */
int sshagent_get_signature(struct span msg, struct span *sig, struct why *w) MUST_CHECK;

#endif
