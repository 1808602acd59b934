/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays a recording's timeline. On a terminal with the original timing and keys: space pause, . one
 * step, ] next statement, / search, q quit. Elsewhere (or as JSON) everything at once. No curses:
 * it only prints lines.
 */
#ifndef SP_RECORD_PLAYER_H
#define SP_RECORD_PLAYER_H

#include "record/reader.h"
#include "record/render.h"

struct player_opts {
	struct render_opts render;
	double speed;        /* 0 or 1: as it was; 2: twice as fast */
	int64_t idle_cap_us; /* no wait is longer; 0: 2 s; negative: no cap */
	bool follow;   /* the reader follows a live session: go on until its end record, without
			  delays */
	bool no_delay; /* terminal too: everything at once */
	int in_fd;     /* keys, when it is a terminal; -1: none */
	int out_fd;
};

struct player_result {
	uint64_t records,
	    broken; /* broken: records that do not match the chain (with READER_LAX) */
	uint64_t torn_bytes;
	bool quit; /* by the user */
};

/* Reads r to its end. 0; errors of the reader with why (what came before is on the output);
 * E_CLOSED when the output is gone. */
int player_run(struct reader *r, const struct player_opts *o, struct player_result *out,
    struct why *w) MUST_CHECK;

#endif
