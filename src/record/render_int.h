/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared between the text and the JSON half of the renderer.
 */
#ifndef SP_RECORD_RENDER_INT_H
#define SP_RECORD_RENDER_INT_H

#include "base/crypto.h"
#include "record/render.h"

struct render {
	struct render_opts o;
	render_fn *fn;
	void *ctx;
	struct buf b; /* the chunk being built */
	struct rec_meta meta;
	/* time */
	bool have_first, anchored;
	int64_t first_mono_us, anchor_mono_us, anchor_wall_us;
	int64_t at_us; /* of the present record, since the first */
	int64_t wall_us;
	char day[12]; /* date of the last line */
	/* the open line */
	uint64_t open_seq; /* statement whose outcome is awaited; 0: no line is open */
	size_t col;
	const char *warn; /* put before its outcome, or NULL */
	struct buf extra; /* put behind its outcome: what a COPY moved */
	/* an unnamed Parse that is shown only if it fails */
	uint64_t quiet_seq;
	struct buf quiet;
	/* the statement on hold */
	uint64_t held_seq;
	bool held;
	uint8_t held_sql[SHA256_LEN];
	char held_class[32];
	bool refused; /* the last line said so: the error sent to the client repeats it */
};

int render_emit(struct render *r, enum render_kind kind);
int render_json_meta(struct render *r);
int render_json_record(struct render *r, const struct rec_frame *f, bool broken);
int render_text_meta(struct render *r);
int render_text_record(struct render *r, const struct rec_frame *f, bool broken);
/* End an open line without an outcome. */
int render_close_line(struct render *r);

#endif
