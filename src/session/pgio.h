/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw bytes over a connected descriptor, through a TLS object when there is one. Non-blocking; owns neither.
 */
#ifndef SP_SESSION_PGIO_H
#define SP_SESSION_PGIO_H

#include "base/buf.h"

struct pgio {
	int fd;
	void *ssl;           /* OpenSSL's SSL, or NULL */
	bool write_blocked;  /* the rest of a write waits for room */
	bool read_wants_out; /* TLS must write before it can read */
};

/* Take a TLS object over. verified: refuse (E_CRYPTO) when it did not verify its peer's certificate. */
int pgio_init(struct pgio *io, int fd, void *ssl, bool verified) MUST_CHECK;
/* Appends up to max bytes; the count, 0 for "would block", E_CLOSED, E_CRYPTO, -errno, or in's error. A full count
 * may leave bytes inside TLS that no poll shows: see pgio_pending(). */
int pgio_read(struct pgio *io, struct buf *in, size_t max) MUST_CHECK;
/* Sends from the front of out and consumes what went: 0, E_MORE (the rest is blocked) or an error. */
int pgio_write(struct pgio *io, struct buf *out) MUST_CHECK;
/* Bytes that can be read without the descriptor becoming readable. */
bool pgio_pending(const struct pgio *io);
/* Load what OpenSSL loads at first use. */
void pgio_warm(void);

#endif
