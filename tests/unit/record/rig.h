/* SPDX-License-Identifier: Apache-2.0
 *
 * A scratch gateway state: RECORDINGS and LOG below a temporary directory, a log key, and sessions
 * written through the real recorder, log and sealer.
 */
#ifndef SP_TEST_RECORD_RIG_H
#define SP_TEST_RECORD_RIG_H

#include "record/ledger.h"
#include "record/recdir.h"
#include "record/recorder.h"
#include "record/seal.h"
#include "record/verify.h"

struct rig {
	char root[64], recordings[96], log[96];
	int recordings_fd;
	uint8_t seed[32], pub[32];
	struct ledger *ledger;
	uint64_t counter;
	int64_t now_us;
};

struct rig_session {
	char sid[REC_SID_LEN + 1];
	char path[160];
	int dirfd;
	uint64_t counter;
	uint8_t meta_hash[32];
	uint32_t segments;
	struct recorder *rec;
	uint8_t seg_prev[16][32], seg_head[16][32]; /* by segment - 1 */
};

void rig_open(struct rig *g);
void rig_close(struct rig *g); /* removes everything */
void rig_checkpoint(struct rig *g);
void rig_reopen(struct rig *g); /* close and open the log */

void rig_begin(struct rig *g, struct rig_session *s);
/* n statements with results. */
void rig_statements(struct rig_session *s, int n);
void rig_progress(struct rig *g, struct rig_session *s);
void rig_rotate(struct rig_session *s);
/* End record, end leaf. The recorder is gone afterwards. */
void rig_end(struct rig *g, struct rig_session *s, const char *reason);
/* Seal all segments, with leaves. */
void rig_seal(struct rig *g, struct rig_session *s);
void rig_leaf(struct rig *g, const struct rec_leaf *l);
void rig_forget(struct rig_session *s); /* closes descriptors */

struct rig_verdict {
	int rc;
	struct verify_report report;
	char text[4096]; /* all findings, one per line, with a letter for their kind */
};
/* Verify everything (session NULL) with the rig's key and a checkpoint from outside, unless its p is NULL. */
void rig_verify(
    const struct rig *g, const char *session, struct span outside, struct rig_verdict *v);

/* Files */
size_t rig_read(const char *dir, const char *name, uint8_t *out, size_t cap);
void rig_write(const char *dir, const char *name, const void *p, size_t n);

#endif
