/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verbs about held statements: requests, show, approve, deny. Who may decide:
 * hold_may_decide().
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/ctl.h"
#include "server/hold.h"
#include "wire/pgparam.h"

#define STATEMENT_SHOWN 200
#define SHOW_FIRST      (24u * 1024) /* of a text in the first item */
#define SHOW_PART       (96u * 1024) /* of it in each further one */
#define PARAMS_SHOWN    (4u * 1024 * 1024)
#define LIST_MAX        500

/* --- items --- */

static bool is_mine(const struct ctl *c, const struct store_request *r)
{
	if (r->created_us < ctl_named_since_us(c))
		return false;
	if (c->id->kind == KIND_AGENT) /* not those of its person, or of another one's agent of the same name */
		return ident_is(c->id, r->user, r->on_behalf_of);
	return ident_is_behind(c->id, r->user, r->person, r->on_behalf_of);
}

/* Own ones, those the caller may decide, and all for who may watch or audit. */
static bool may_see(const struct ctl *c, const struct store_request *r)
{
	const struct conf *conf = mon_conf(c->m);

	return is_mine(c, r) || hold_may_decide(conf, c->id, r, NULL) == 0 ||
	       ident_right(c->id, conf, "watch") || ident_right(c->id, conf, "audit");
}

/* One line: white space folded, and where it is cut, how long it is. What stands behind a thousand spaces is not hidden. */
static void fold(struct span sql, char *out, size_t cap)
{
	char all[STATEMENT_SHOWN * 2];
	size_t n = 0, i = 0, at;

	while (i < sql.n && n < STATEMENT_SHOWN) {
		bool space = strchr(" \t\r\n\f\v", sql.p[i]) != NULL && sql.p[i] != '\0';

		if (!space)
			all[n++] = (char)sql.p[i];
		else if (n > 0 && all[n - 1] != ' ')
			all[n++] = ' ';
		i++;
	}
	while (i < sql.n && i > 0 && (sql.p[i] & 0xc0) == 0x80 && n > 0) { /* not inside a character */
		i--;
		n--;
	}
	at = span_escape(span_of(all, n), out, cap - 40);
	if (i < sql.n)
		(void)snprintf(out + at, cap - at, "\xe2\x80\xa6 (%zu bytes)", sql.n);
}

static void put_request(struct item *it, const struct ctl *c, const struct store_request *r)
{
	int64_t now = clock_wall_us();
	char who[2 * NAME_CAP + 16];
	char line[STATEMENT_SHOWN * 4 + 44], rows[24] = "?";

	snprintf(who, sizeof(who), r->on_behalf_of[0] != '\0' ? "%s for %s" : "%s", r->user,
	    r->on_behalf_of);
	fold(r->sql, line, sizeof(line));
	item_str(it, "id", r->id);
	item_str(it, "state", req_state_name(r->state));
	item_str(it, "user", r->user);
	item_str(it, "person", r->person);
	item_str(it, "on_behalf_of", r->on_behalf_of);
	item_str(it, "who", who);
	item_str(it, "target", r->target);
	item_str(it, "database", r->database);
	item_str(it, "login", r->login);
	item_str(it, "class", r->cls);
	item_str(it, "rule", r->rule);
	item_str(it, "reason", r->reason);
	item_str(it, "statement", line);
	item_int(it, "created_us", r->created_us);
	item_int(it, "waiting_s", r->state == REQ_PENDING ? (now - r->created_us) / 1000000 : 0);
	item_int(it, "deadline_us", r->deadline_us);
	item_bool(it, "waiting", r->waiting);
	item_str(it, "tx", r->tx);
	if (r->effect_rows >= 0)
		(void)snprintf(rows, sizeof(rows), "%lld", (long long)r->effect_rows);
	item_str(it, "rows", rows);
	item_str(it, "effect", r->effect);
	item_str(it, "approvers", r->approvers);
	item_int(it, "quorum", r->quorum);
	item_int(it, "approvals", r->approvals);
	item_str(it, "decided_by", r->decided_by);
	item_str(it, "decided_why", r->decided_why);
	item_bool(it, "mine", is_mine(c, r));
	item_bool(it, "can_approve",
	    r->state == REQ_PENDING && hold_may_decide(mon_conf(c->m), c->id, r, NULL) == 0);
}

/* --- requests --- */

struct listing {
	struct ctl *c;
	bool mine, all;
	size_t left;
};

static int list_one(void *ctx, const struct store_request *r)
{
	struct listing *l = ctx;
	struct item it;

	if (!may_see(l->c, r) || (l->mine && !is_mine(l->c, r)))
		return 0;
	item_init(&it);
	put_request(&it, l->c, r);
	ctl_item(l->c, &it);
	return --l->left == 0;
}

void ctl_requests(struct ctl *c, const struct mp_val *args)
{
	int64_t limit = ctl_arg_int(args, "limit", LIST_MAX);
	struct listing l = {c, ctl_arg_bool(args, "mine"), ctl_arg_bool(args, "all"), LIST_MAX};
	struct store_request_filter f = {.open_only = !l.all};

	if (limit > 0 && limit < LIST_MAX)
		l.left = (size_t)limit;
	if (store_request_list(c->m->store, &f, list_one, &l) < 0)
		ctl_end(c, CTL_FAILED, "the state store failed", "");
	else
		ctl_end(c, CTL_OK, "", "");
}

/* --- show --- */

/* What does not fit into the first item. */
static void show_rest(struct ctl *c, const char *id, const char *key, struct span s)
{
	for (size_t at = SHOW_FIRST; at < s.n; at += SHOW_PART) {
		size_t n = s.n - at < SHOW_PART ? s.n - at : SHOW_PART;
		struct item it;

		item_init(&it);
		item_str(&it, "id", id);
		item_span(&it, key, span_of(s.p + at, n));
		ctl_item(c, &it);
	}
}

static struct span first(struct span s)
{
	return span_of(s.p, s.n < SHOW_FIRST ? s.n : SHOW_FIRST);
}

static void show_one(struct ctl *c, const struct store_request *r)
{
	struct buf params;
	struct item it;

	buf_init(&params, PARAMS_SHOWN);
	if (pgparam_show(r->params, &params) != 0) {
		buf_reset(&params);
		buf_put_str(&params, "the parameters cannot be read: do not approve this\n");
	}
	item_init(&it);
	put_request(&it, c, r);
	item_span(&it, "meaning", span_str(r->meaning));
	item_str(&it, "session", r->session);
	item_int(&it, "decided_us", r->decided_us);
	item_int(&it, "sql_bytes", (int64_t)r->sql.n);
	item_span(&it, "sql", first(r->sql));
	item_span(&it, "params", first(buf_span(&params)));
	ctl_item(c, &it);
	show_rest(c, r->id, "sql_part", r->sql);
	show_rest(c, r->id, "params_part", buf_span(&params));
	buf_clear(&params);
}

/* The request named by the caller, if it may know of it. A request it may not see is not found. */
static struct request *requested(struct ctl *c, const struct mp_val *args)
{
	struct request *q = NULL;
	struct why w = {0};
	char id[40];
	int rc = ctl_arg(args, "id", id, sizeof(id));

	if (rc != 0 || id[0] == '\0')
		why_set(&w, E_FORMAT, "which request? its id, or the first 4 characters of it");
	else
		q = request_get(c->m->store, id, &w);
	if (q != NULL && !may_see(c, &q->r)) {
		why_set(&w, E_NOTFOUND, "no request \"%s\"", q->r.id);
		request_free(q);
		q = NULL;
	}
	if (q == NULL)
		ctl_fail(c, &w);
	return q;
}

void ctl_show(struct ctl *c, const struct mp_val *args)
{
	struct request *q = requested(c, args);

	if (q == NULL)
		return;
	/* The full text of a statement holds data: reading it leaves a trace like reading a
	 * recording. */
	if (mon_log_read(c->m, q->r.session, ctl_who_is(c), q->r.id) != 0) {
		ctl_end(c, CTL_FAILED, "the reading cannot be logged, so nothing is shown", "");
	} else {
		log_info("request-shown", "request", q->r.id, "by", ctl_who_is(c));
		show_one(c, &q->r);
		ctl_end(c, CTL_OK, "", "");
	}
	request_free(q);
}

/* --- decide --- */

static void put_decision(
    struct ctl *c, const struct store_request *r, enum req_state st, int approvals)
{
	struct item it;

	item_init(&it);
	item_str(&it, "id", r->id);
	item_str(&it, "state", req_state_name(st));
	item_str(&it, "user", r->user);
	item_str(&it, "target", r->target);
	item_int(&it, "approvals", approvals);
	item_int(&it, "quorum", r->quorum);
	ctl_item(c, &it);
}

static int decision_failed(const struct store_request *r, int rc, struct why *w)
{
	if (rc == E_EXISTS)
		return why_set(w, E_FORMAT, "you have approved %s already", r->id);
	if (rc == E_STATE || rc == E_EXPIRED)
		return why_set(w, E_DENIED, "request %s is no longer pending%s%s%s%s", r->id,
		    r->state != REQ_PENDING ? ": " : "",
		    r->state != REQ_PENDING ? req_state_name(r->state) : "",
		    r->state != REQ_PENDING && r->decided_by[0] != '\0' ? " by " : "",
		    r->state != REQ_PENDING ? r->decided_by : "");
	return why_set(w, rc, "the state store failed: %s", err_str(rc));
}

static int count(void *ctx, const struct store_approval *a)
{
	(void)a;
	++*(int *)ctx;
	return 0;
}

/* n: approvals that count now. */
static int approve(struct ctl *c, const struct store_request *r, const char *why, int *n,
    bool *now_approved, struct why *w)
{
	const struct ident *id = c->id;
	char groups[1024];
	struct store_approval yes = {.user = id->user,
	    .person = id->person,
	    .why = why,
	    .at_us = clock_wall_us(),
	    .via = id->via,
	    .issuer = id->issuer,
	    .groups = list_join(&id->claimed, groups, sizeof(groups)),
	    .serial = id->serial,
	    .key_id = id->key_id,
	    .key_fp = id->key_fp,
	    .ca_fp = id->ca_fp};
	int rc = hold_may_decide(mon_conf(c->m), id, r, w);

	if (rc == 0) /* only who may still approve is counted beside this one */
		rc = hold_recheck(c->m, r, w);
	if (rc != 0)
		return rc;
	rc = store_request_approve(c->m->store, r->id, &yes, now_approved);
	if (rc != 0)
		return decision_failed(r, rc, w);
	log_info("hold-approval", "request", r->id, "by", id->user, "person", id->person, "why",
	    why, "complete", *now_approved ? "yes" : "no");
	rc = hold_leaf(c->m, r, REQ_APPROVED, id->user);
	if (rc != 0) { /* an approval that is not in the log is none */
		int undo = store_request_move(c->m->store, r->id,
		    (1u << REQ_PENDING) | (1u << REQ_APPROVED), REQ_DENIED, "gateway",
		    "the approval could not be logged", clock_wall_us());

		*now_approved = false;
		return why_set(w, rc, "the approval cannot be logged: %s %s", r->id,
		    undo == 0 ? "is denied" : "may not be used");
	}
	*n = 0;
	return store_approval_list(c->m->store, r->id, count, n) == 0
		   ? 0
		   : why_set(w, E_INTERNAL, "the state store failed");
}

void ctl_approve(struct ctl *c, const struct mp_val *args)
{
	bool now_approved = false;
	struct why w = {0};
	char why[256], text[512];
	struct request *q;
	int n = 0;

	if (!ctl_arg_why(c, args, why, sizeof(why)))
		return;
	q = requested(c, args);
	if (q == NULL)
		return;
	if (approve(c, &q->r, why, &n, &now_approved, &w) != 0) {
		log_info("approval-refused", "request", q->r.id, "by", c->id->user, "why", w.text);
		ctl_fail(c, &w);
		request_free(q);
		return;
	}
	put_decision(c, &q->r, now_approved ? REQ_APPROVED : REQ_PENDING, n);
	if (now_approved) {
		hold_decided(c->m, q->r.id, REQ_APPROVED, c->id->user, why);
		snprintf(text, sizeof(text), "approved %s: %s may run this one statement on %s now",
		    q->r.id, q->r.user, q->r.target);
	} else {
		snprintf(text, sizeof(text), "approval %d of %d for %s", n,
		    q->r.quorum, q->r.id);
	}
	ctl_end(c, CTL_OK, text, "");
	request_free(q);
}

/* The requester takes it back; an approver denies it. */
static int deny(struct ctl *c, const struct store_request *r, const char *why, enum req_state *st,
    struct why *w)
{
	bool own = strcmp(r->user, c->id->user) == 0;
	int rc = own ? 0 : hold_may_decide(mon_conf(c->m), c->id, r, w);

	if (rc != 0)
		return rc;
	*st = own ? REQ_WITHDRAWN : REQ_DENIED;
	rc = store_request_move(c->m->store, r->id, 1u << REQ_PENDING | 1u << REQ_APPROVED, *st,
	    c->id->user, why, clock_wall_us());
	if (rc != 0)
		return decision_failed(r, rc, w);
	(void)hold_leaf(c->m, r, *st, c->id->user);
	log_info("hold-denied", "request", r->id, "by", c->id->user, "why", why);
	return 0;
}

void ctl_deny(struct ctl *c, const struct mp_val *args)
{
	enum req_state st = REQ_DENIED;
	struct why w = {0};
	char why[256], text[300];
	struct request *q;

	if (!ctl_arg_why(c, args, why, sizeof(why)))
		return;
	q = requested(c, args);
	if (q == NULL)
		return;
	if (deny(c, &q->r, why, &st, &w) != 0) {
		ctl_fail(c, &w);
	} else {
		hold_decided(c->m, q->r.id, st, c->id->user, why);
		put_decision(c, &q->r, st, q->r.approvals);
		snprintf(text, sizeof(text), "%s %s", req_state_name(st), q->r.id);
		ctl_end(c, CTL_OK, text, "");
	}
	request_free(q);
}
