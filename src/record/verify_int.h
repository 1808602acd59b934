/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared inside the verifier: what the log says about each session, and how findings are made.
 */
#ifndef SP_RECORD_VERIFY_INT_H
#define SP_RECORD_VERIFY_INT_H

#include "record/ledger.h"
#include "record/verify.h"

struct vhead {
	uint64_t seq, bytes;
	uint8_t hash[SHA256_LEN];
};

struct vseal {
	uint32_t segment;
	uint64_t bytes;
	uint8_t hash[SHA256_LEN];
};

/* One session as the log knows it. */
struct vsession {
	char sid[REC_SID_LEN + 1];
	uint64_t counter;
	uint8_t meta_hash[SHA256_LEN];
	struct vhead *heads; /* progress, rising */
	size_t n_heads, cap_heads;
	struct vseal *seals;
	size_t n_seals, cap_seals;
	bool ended, deleted;
	struct vhead end;
	uint32_t end_segments;
	char reason[64];
	struct vsession *chain; /* hash bucket */
};

struct verifier {
	const struct verify_params *p;
	struct verify_report *out;
	int root_fd;
	/* the log */
	struct checkpoint cp, outside;
	bool have_cp, cp_ok, outside_ok;
	int64_t last_us;
	uint64_t next_counter;
	struct vsession **list; /* in the order of their start leaves */
	size_t n, cap;
	struct vsession **buckets;
	size_t n_buckets;
};

void verify_find(struct verifier *v, enum verify_kind kind, const char *sid, const char *fmt, ...)
    SP_PRINTF(4, 5);

/* verify_log.c: reads checkpoints and entries into v. */
int verify_log(struct verifier *v, struct why *w) MUST_CHECK;
void verify_log_clear(struct verifier *v);
struct vsession *verify_lookup(const struct verifier *v, const char *sid);
/* Is there a start leaf for sid by now (one that came after the log was read)? */
bool verify_log_has(const struct verifier *v, const char *sid);

/* verify_session.c */
void verify_session(struct verifier *v, const struct vsession *s);

#endif
