/* SPDX-License-Identifier: Apache-2.0
 *
 * Offline verification of recordings against the proof log, and of the log against a key and a
 * checkpoint from outside. Finds edited, cut, reordered, deleted and added records, segments and
 * sessions, and a rolled back or rewritten log. What it cannot find: lies told before a leaf was
 * written, and anything newer than the last checkpoint that left the host when the key was stolen
 * too. Only reads; safe while the gateway runs.
 */
#ifndef SP_RECORD_VERIFY_H
#define SP_RECORD_VERIFY_H

#include "base/buf.h"
#include "record/checkpoint.h"
#include "wire/recframe.h"

enum verify_kind {
	VERIFY_TAMPER, /* does not verify: exit 6 */
	VERIFY_ERROR,  /* could not be read (permission, I/O): exit 1 */
	VERIFY_CRASH, /* ended without being closed, or closed after a crash; what is there verifies
		       */
	VERIFY_LIVE,  /* still being written; what is there verifies */
	VERIFY_NOTE,  /* worth knowing, nothing wrong */
};

struct verify_finding {
	enum verify_kind kind;
	char sid[REC_SID_LEN + 1]; /* "" : about the log itself */
	char text[320]; /* "segment 3: record 118 does not match the chain (edited or reordered)" */
};
typedef void verify_fn(void *ctx, const struct verify_finding *f);

struct verify_params {
	const char *recordings; /* directory of session directories */
	const char *log;        /* directory with entries and checkpoint */
	const uint8_t *pub; /* log key (ED25519_PUB_LEN bytes); NULL: signatures are not checked,
			       which is noted */
	const char
	    *name; /* key name that checkpoints must carry; NULL: any, but one and the same */
	const struct span *outside; /* a checkpoint note kept outside; NULL: none. An empty one is no checkpoint */
	const char *session; /* id or unique prefix (at least 4 characters); NULL: all */
	verify_fn *fn;       /* called for each finding as it is made; may be NULL */
	void *ctx;
};

struct verify_report {
	uint64_t sessions, statements, records; /* verified */
	uint64_t tampered, errors, crashed, live, deleted,
	    notes; /* findings by kind; deleted: honoured tombstones */
	uint64_t log_size;
	struct merkle_hash root;
	uint64_t signed_size;  /* covered by LOG/checkpoint; log_size - signed_size entries are not
				  signed yet */
	uint64_t outside_size; /* 0 without one */
	int64_t since_us; /* time of the newest entry that the outside checkpoint covers; 0 without
			     one */
	char first_crash[REC_SID_LEN + 1];
};

/* 0: everything verifies; E_TAMPER: at least one VERIFY_TAMPER; E_CRYPTO with why: the checkpoint from outside is
 * none (empty, cut, damaged) or not of this key or gateway, nothing was looked at; E_NOTFOUND, E_EXISTS: the session
 * prefix names none or several; other errors with why (a file cannot be read). */
int verify_run(const struct verify_params *p, struct verify_report *out, struct why *w) MUST_CHECK;
/* 0, 6, 3 or 1. */
int verify_exit_code(int rc);
/* "01J... segment 3: ..." */
void verify_put_finding(struct buf *b, const struct verify_finding *f);
/* "verified 1 204 sessions, 88 391 statements, log size 93 005, root 5tQk...; ..." or what failed.
 */
void verify_put_summary(struct buf *b, const struct verify_report *r);

#endif
