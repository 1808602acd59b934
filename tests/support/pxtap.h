/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the lab: a relay between the session and the server that the test may slow down, cut or let lie. Log-in and
 * everything else that is not tampered with is the real server's.
 */
#ifndef SP_TESTS_PXTAP_H
#define SP_TESTS_PXTAP_H

#include "tests/support/pxlab.h"

struct lab_tap {
	int listen, session, server;
	struct buf up, down;     /* not yet passed on */
	size_t max_up;           /* pass on at most so many bytes per event towards the server (0: all) */
	bool hold_up, hold_down; /* pass nothing on; it stays in up, down */
	/* may change the bytes that came from the server before they go on */
	void (*tamper)(struct lab_tap *t, struct buf *down);
	void *ctx;
};

/* A connected socket for the session. */
int pxtap_dial(struct pxlab *l);
void pxtap_free(struct pxlab *l);
/* Bytes to the session as if the server had sent them. */
void pxtap_inject(struct pxlab *l, struct span bytes);
/* Look again after hold_* were cleared. */
void pxtap_go(struct pxlab *l);
/* The server is gone. */
void pxtap_cut(struct pxlab *l);

#endif
