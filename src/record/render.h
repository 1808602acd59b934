/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns the records of a session into the lines of a timeline, or into JSON lines. Only formatting:
 * no input, no output, no delays (record/player.h). Everything that came from outside is escaped:
 * control bytes, bidi and zero-width characters of a recording never reach a terminal. Times are
 * UTC.
 */
#ifndef SP_RECORD_RENDER_H
#define SP_RECORD_RENDER_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/recframe.h"

struct render;

struct render_opts {
	bool json; /* one JSON object per record, {"type":"meta",...} first */
	bool all;  /* text: also the gateway's own statements, notices, protocol commands, terminal
		      output */
	size_t max_sql; /* text: bytes of one statement shown before "..."; 0 = 16 KiB */
	const char *
	    tag; /* put before each line (several sessions in one timeline); NULL: none; borrowed */
};

/* A statement's line is one chunk when it begins and another (RENDER_OUTCOME) when its result is
 * there, so that a player can show the wait between them. A line whose outcome never comes is ended
 * by an empty outcome. */
enum render_kind { RENDER_HEAD, RENDER_STATEMENT, RENDER_OUTCOME, RENDER_EVENT };

struct render_chunk {
	enum render_kind kind;
	int64_t at_us;    /* since the first record; never falls */
	struct span text; /* borrowed; ends with a newline unless an outcome follows */
};
/* A non-zero return stops rendering and is returned. */
typedef int render_fn(void *ctx, const struct render_chunk *c);

struct render *render_new(const struct render_opts *o, render_fn *fn, void *ctx);
void render_free(struct render *r); /* NULL is fine */
/* The head; then each record; then the end of an open line. broken: this record does not match the
 * chain (said). */
int render_meta(struct render *r, const struct rec_meta *m) MUST_CHECK;
int render_record(struct render *r, const struct rec_frame *f, bool broken) MUST_CHECK;
int render_finish(struct render *r) MUST_CHECK;

/* Appends s escaped for a terminal (span_escape without a limit). */
void render_escape(struct buf *b, struct span s);
/* Appends s as a JSON string with quotes: invalid UTF-8 becomes U+FFFD, invisible characters \u
 * escapes. */
void render_json_str(struct buf *b, struct span s);

#endif
