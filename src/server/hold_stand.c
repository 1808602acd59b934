/* SPDX-License-Identifier: Apache-2.0
 *
 * Does an approval still stand? Asked when it is to be used, when another one is counted beside it, and after every lock,
 * revocation and reload. An approver who is locked, forgotten, revoked by certificate, key or authority, out of the groups that may
 * approve, or by now the person behind the request, no longer counts; a request with fewer valid approvals than it needs is
 * withdrawn. A certificate that has merely expired does not take back what was approved with it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/hold.h"
#include "server/mon.h"

#define FALLEN_MAX 16 /* approvals of one request that fall at once */

struct standing {
	struct monitor *m;
	const struct store_request *r;
	const struct conf_approval *block; /* as it is configured now */
	int valid;
	size_t n_fallen;
	char fallen[FALLEN_MAX][NAME_CAP]; /* persons */
	struct why why;                    /* of the first */
};

static void add_groups(struct conf_list *l, const char *comma_list)
{
	while (*comma_list != '\0') {
		size_t n = strcspn(comma_list, ",");
		char *name = xstrndup(comma_list, n);

		list_add_new(l, name);
		free(name);
		comma_list += n + (comma_list[n] == ',');
	}
}

/* The approver as a caller of today, from what is known of then. */
static int as_of_today(struct monitor *m, const struct store_approval *a, struct ident *id, struct why *w)
{
	struct conf_list unused = {0};
	int rc;

	id->via = (enum via)a->via;
	id->kind = KIND_PERSON;
	id->serial = a->serial;
	add_groups(&id->claimed, a->groups);
	if ((a->via != VIA_CERT && a->via != VIA_LOCAL) || str_copy(id->user, sizeof(id->user), a->user) != 0 ||
	    str_copy(id->issuer, sizeof(id->issuer), a->issuer) != 0 || str_copy(id->key_id, sizeof(id->key_id), a->key_id) != 0 ||
	    str_copy(id->key_fp, sizeof(id->key_fp), a->key_fp) != 0 || str_copy(id->ca_fp, sizeof(id->ca_fp), a->ca_fp) != 0)
		return why_set(w, E_DENIED, "nothing is known of it");
	rc = who_person(m, a->user, &unused, id->person, w);
	list_clear(&unused);
	if (rc == 0)
		rc = who_stands(m, id, w);
	return rc == 0 ? who_regroup(m, id, w) : rc;
}

static int stands(struct standing *s, const struct store_approval *a, struct why *w)
{
	struct ident id, then;
	int rc;

	ident_init(&id);
	rc = as_of_today(s->m, a, &id, w);
	if (rc == 0 && s->block != NULL && !lists_meet(&id.groups, &s->block->approvers))
		rc = why_set(w, E_DENIED, "%s is in no group that approves this", a->user);
	if (rc == 0)
		rc = hold_may_decide(mon_conf(s->m), &id, s->r, w);
	ident_init(&then); /* under the name of then and under that of now */
	(void)str_copy(then.person, sizeof(then.person), a->person);
	if (rc == 0 && ident_is_behind(&then, s->r->user, s->r->person, s->r->on_behalf_of))
		rc = why_set(w, E_DENIED, "%s is behind the request", a->user);
	ident_clear(&then);
	ident_clear(&id);
	return rc;
}

static int look(void *ctx, const struct store_approval *a)
{
	struct standing *s = ctx;
	struct why w = {0};

	if (stands(s, a, &w) == 0) {
		s->valid++;
		return 0;
	}
	log_info("approval-fell", "request", s->r->id, "by", a->user, "why", w.text);
	if (s->n_fallen == 0)
		why_set(&s->why, E_DENIED, "the approval of %s does not count any more: %s", a->user, w.text);
	if (s->n_fallen < FALLEN_MAX)
		(void)str_copy(s->fallen[s->n_fallen++], NAME_CAP, a->person);
	return 0;
}

static int withdraw(struct monitor *m, const struct store_request *r, const struct why *w)
{
	int rc = store_request_move(m->store, r->id, (1u << REQ_PENDING) | (1u << REQ_APPROVED), REQ_WITHDRAWN, "gateway",
	    w->text, clock_wall_us());

	if (rc != 0)
		return rc;
	log_info("hold-withdrawn", "request", r->id, "by", "gateway", "why", w->text);
	(void)hold_leaf(m, r, REQ_WITHDRAWN, "gateway");
	return 0;
}

int hold_recheck(struct monitor *m, const struct store_request *r, struct why *w)
{
	struct standing s = {.m = m, .r = r, .block = conf_approval_find(mon_conf(m), r->approval)};
	int quorum = s.block != NULL && s.block->quorum > r->quorum ? s.block->quorum : r->quorum;
	int rc = store_approval_list(m->store, r->id, look, &s);

	for (size_t i = 0; rc == 0 && i < s.n_fallen; i++)
		rc = store_approval_drop(m->store, r->id, s.fallen[i]);
	if (rc != 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	if (r->state != REQ_APPROVED || s.valid >= quorum)
		return 0;
	if (s.n_fallen == 0)
		why_set(&s.why, E_DENIED, "it has %d of the %d approvals that are needed now", s.valid, quorum);
	rc = withdraw(m, r, &s.why);
	if (rc != 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	return why_set(w, E_DENIED, "%s", s.why.text);
}

/* ---- all of them ---- */

struct open_ids {
	char (*v)[HOLD_ID_LEN + 1];
	size_t n;
};

static int note(void *ctx, const struct store_request *r)
{
	struct open_ids *o = ctx;

	if (r->approvals == 0)
		return 0;
	o->v = xreallocarray(o->v, o->n + 1, sizeof(*o->v));
	return str_copy(o->v[o->n++], sizeof(*o->v), r->id);
}

void holds_recheck(struct monitor *m)
{
	struct store_request_filter open = {.open_only = true};
	struct open_ids o = {0};

	if (store_request_list(m->store, &open, note, &o) < 0)
		log_error("store-failed", "what", "list requests");
	for (size_t i = 0; i < o.n; i++) {
		struct request *q = request_get(m->store, o.v[i], NULL);
		struct why w = {0};

		if (q != NULL && hold_recheck(m, &q->r, &w) == E_DENIED)
			hold_decided(m, q->r.id, REQ_WITHDRAWN, "gateway", w.text);
		request_free(q);
	}
	free(o.v);
}
