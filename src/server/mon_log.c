/* SPDX-License-Identifier: Apache-2.0
 *
 * The gateway's proof log: leaves of what happens, checkpoints signed by the signer at most once a
 * second. Sessions that the log shows begun and not ended, or ended and not sealed, are handed to
 * mon_session.c at start.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/ledger.h"
#include "server/mon.h"

struct mon_log {
	struct ledger *ledger;
	struct buf body; /* of the checkpoint that the signer has now */
	bool signing;
	uint32_t last_epoch;
	struct mon_unfinished *unfinished;
};

/* --- what a crash left --- */

static struct mon_unfinished *unfinished_find(struct mon_log *l, const char *sid)
{
	struct mon_unfinished *u = l->unfinished;

	while (u != NULL && strcmp(u->sid, sid) != 0)
		u = u->next;
	return u;
}

static void unfinished_drop(struct mon_log *l, struct mon_unfinished *u)
{
	struct mon_unfinished **at = &l->unfinished;

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	free(u);
}

/* Newest first: sessions that are still open are near the front, so the search is short. */
static int visit(void *ctx, uint64_t index, struct span leaf, const struct merkle_tree *tree)
{
	struct mon_log *l = ctx;
	struct mon_unfinished *u;
	struct rec_leaf x;

	(void)index;
	(void)tree;
	if (rec_leaf_parse(leaf, &x) != 0)
		return 0; /* a later version's */
	if (x.type == LEAF_POLICY)
		l->last_epoch = (uint32_t)x.seq;
	u = x.sid[0] != '\0' ? unfinished_find(l, x.sid) : NULL;
	if (x.type == LEAF_START && u == NULL) {
		u = xcalloc(1, sizeof(*u));
		u->next = l->unfinished;
		(void)str_copy(u->sid, sizeof(u->sid), x.sid);
		l->unfinished = u;
	} else if (x.type == LEAF_END && u != NULL) {
		u->ended = true;
		u->segments += x.segment;
		memcpy(u->head, x.hash, sizeof(u->head));
	} else if (x.type == LEAF_SEAL && u != NULL) {
		u->segments--; /* may come before the end: a closed segment of a live session */
	}
	if (u != NULL && ((u->ended && u->segments == 0) || x.type == LEAF_DELETE))
		unfinished_drop(l, u);
	return 0;
}

struct mon_unfinished *mon_log_unfinished(struct monitor *m)
{
	struct mon_unfinished *u = m->log->unfinished;

	m->log->unfinished = NULL;
	return u;
}

/* --- open, close --- */

static int newest(void *ctx, const struct store_session *x)
{
	*(uint64_t *)ctx = x->counter;
	return 1;
}

/* Store and log count the same sessions. The store ahead by a few: a crash came between the two,
 * and the log says so. */
static int check_counters(struct monitor *m, struct why *w)
{
	struct store_session_filter f = {.limit = 1};
	uint64_t in_store = 0;
	uint64_t in_log = ledger_last_counter(m->log->ledger);
	struct rec_leaf gap = {.type = LEAF_GAP, .counter = in_log + 1, .reason = "crash"};
	int rc = store_session_list(m->store, &f, newest, &in_store);

	if (rc < 0)
		return why_set(w, rc, "the state store cannot be read: %s", err_str(rc));
	if (in_store < in_log) {
		why_set(w, E_TAMPER, "the state store is older than the log (session %llu of %llu)",
		    (unsigned long long)in_store, (unsigned long long)in_log);
		why_hint(w, "restore both from the same moment; session numbers must never repeat");
		return E_TAMPER;
	}
	gap.last = in_store;
	return in_store > in_log ? mon_leaf(m, &gap) : 0;
}

int mon_log_open(struct monitor *m, struct why *w)
{
	char path[512];
	int rc;

	if (snprintf(path, sizeof(path), "%s/log", m->state_path) >= (int)sizeof(path))
		return why_set(w, E_TOOBIG, "the state directory's path is too long");
	rc = dir_make(path, 0700);
	if (rc != 0)
		return why_set(w, rc, "%s cannot be made: %s", path, err_str(rc));
	m->log = xcalloc(1, sizeof(*m->log));
	buf_init(&m->log->body, CHECKPOINT_MAX);
	rc = ledger_open(
	    path, mon_conf(m)->gateway.name, m->log_pub, visit, m->log, &m->log->ledger, w);
	return rc != 0 ? rc : check_counters(m, w);
}

void mon_log_close(struct monitor *m)
{
	if (m->log == NULL)
		return;
	while (m->log->unfinished != NULL)
		unfinished_drop(m->log, m->log->unfinished);
	if (m->log->ledger != NULL && ledger_sync(m->log->ledger) != 0)
		log_error("log-sync-failed");
	ledger_close(m->log->ledger);
	buf_clear(&m->log->body);
	free(m->log);
	m->log = NULL;
}

/* --- leaves --- */

int mon_leaf(struct monitor *m, struct rec_leaf *l)
{
	/* Progress is confirmed by the next checkpoint, which syncs; everything else now. */
	bool sync = l->type != LEAF_PROGRESS;
	int rc;

	if (l->time_us == 0)
		l->time_us = clock_wall_us();
	rc = ledger_append(m->log->ledger, l, sync, NULL);
	if (rc != 0)
		log_error("log-append-failed", "leaf", leaf_type_name(l->type), "sid", l->sid,
		    "why", err_str(rc));
	return rc;
}

int mon_log_policy(struct monitor *m, const char *who)
{
	struct rec_leaf l = {.type = LEAF_POLICY, .seq = m->epoch->n, .has_hash = true};

	memcpy(l.hash, mon_conf(m)->hash, sizeof(l.hash));
	(void)str_copy(l.who, sizeof(l.who), who);
	return mon_leaf(m, &l);
}

int mon_log_read(struct monitor *m, const char *sid, const char *who, const char *reason)
{
	struct rec_leaf l = {.type = LEAF_READ};

	(void)str_copy(l.sid, sizeof(l.sid), sid);
	(void)str_copy(l.who, sizeof(l.who), who);
	(void)str_copy(l.reason, sizeof(l.reason), reason);
	return mon_leaf(m, &l);
}

uint32_t mon_log_last_epoch(const struct monitor *m)
{
	return m->log->last_epoch;
}

uint64_t mon_log_size(const struct monitor *m)
{
	return ledger_size(m->log->ledger);
}

void mon_log_root(const struct monitor *m, char hex[65])
{
	struct merkle_hash root;

	ledger_root(m->log->ledger, &root);
	hex_encode(span_of(root.b, sizeof(root.b)), hex);
}

/* --- checkpoints --- */

static void signed_now(void *ctx, const struct ipc_msg *msg)
{
	struct monitor *m = ctx;
	struct mon_log *l = m->log;
	struct span sig =
	    msg != NULL && ipc_type_of(msg) == IPC_OK ? ipc_get_span(msg, "sig") : (struct span){0};
	int rc = E_CRYPTO;

	l->signing = false;
	if (sig.n == ED25519_SIG_LEN)
		rc = ledger_checkpoint_put(l->ledger, buf_span(&l->body), m->log_pub, sig.p);
	if (rc != 0) {
		char text[200] = "";

		if (msg != NULL && ipc_get_str(msg, "text", text, sizeof(text)) != 0)
			text[0] = '\0';
		log_error("checkpoint-failed", "why", text[0] != '\0' ? text : err_str(rc));
	}
}

void mon_log_checkpoint(struct monitor *m)
{
	struct mon_log *l = m->log;
	struct buf *b = &m->out;
	int rc;

	if (l->signing || m->signer == NULL ||
	    ledger_size(l->ledger) == ledger_signed_size(l->ledger))
		return;
	buf_reset(&l->body);
	rc = ledger_checkpoint_body(l->ledger, &l->body);
	if (rc != 0) {
		log_error("checkpoint-failed", "why", err_str(rc));
		return;
	}
	l->signing = true;
	ipc_begin(b, IPC_SIGN_CHECKPOINT, calls_add(&m->signer_calls, signed_now, m));
	ipc_bin(b, "body", buf_span(&l->body));
	ipc_int(b, "size", (int64_t)ledger_size(l->ledger));
	chan_send(m->signer, b, NULL, 0);
}
