/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's end of the control protocol (doc/formats/control.md): one verb, its items, its end.
 */
#ifndef SP_CMD_CTL_H
#define SP_CMD_CTL_H

#include "wire/ipc.h"

struct ctlc;

/* Connect to the control socket; 0 or an error with why. */
int ctlc_connect(const char *path, struct ctlc **out, struct why *w) MUST_CHECK;
/* Use a descriptor that is a SEQPACKET socket already (taken over). */
int ctlc_adopt(int fd, struct ctlc **out, struct why *w) MUST_CHECK;
void ctlc_free(struct ctlc *c); /* NULL is fine */

/* Arguments of a verb. */
struct ctlc_args {
	struct buf b; /* pairs */
	uint32_t n;
};
void ctlc_args_init(struct ctlc_args *a);
void ctlc_args_clear(struct ctlc_args *a);
void ctlc_arg_str(struct ctlc_args *a, const char *key, const char *v); /* NULL or "": not sent */
void ctlc_arg_int(struct ctlc_args *a, const char *key, int64_t v);
void ctlc_arg_flag(struct ctlc_args *a, const char *key, bool v); /* false: not sent */

struct ctlc_sink {
	void (*item)(
	    void *ctx, const struct mp_val *item); /* borrowed until it returns; NULL: ignored */
	void (*fd)(
	    void *ctx, const char *name, int fd); /* the descriptor is the callee's; NULL: closed */
	void *ctx;
};

struct ctlc_end {
	int code;        /* exit status */
	struct buf text; /* escaped for a terminal; lines are kept */
	char hint[512];
};
void ctlc_end_clear(struct ctlc_end *e);

/* One verb. 0 when it has an end (whatever its code), else an error of the channel with why; *end
 * is always to be cleared. args may be NULL; it is emptied. */
int ctlc_call(struct ctlc *c, const char *verb, struct ctlc_args *args,
    const struct ctlc_sink *sink, struct ctlc_end *end, struct why *w) MUST_CHECK;

/* Fields of an item, for printing: text is copied and cut to cap (never split inside a character
 * when it is UTF-8). */
const char *ctlc_text(const struct mp_val *item, const char *key, char *out, size_t cap);
int64_t ctlc_int(const struct mp_val *item, const char *key);
bool ctlc_flag(const struct mp_val *item, const char *key);

#endif
