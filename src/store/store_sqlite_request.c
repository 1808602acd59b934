/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests: held statements and their way pending → approved → consumed | withdrawn | denied |
 * expired. Every step is an UPDATE that names the states it may come from, so it happens once
 * however many processes try.
 */
#include "store/store_sqlite.h"

#include <stdio.h>

#include "base/buf.h"

static struct lite *lite_of(struct store *s)
{
	return (struct lite *)s;
}

static const char *text(const char *s)
{
	return s != NULL ? s : "";
}

int lite_request_add(struct store *s, const struct store_request *r)
{
	struct lite_use u = lite_begin(lite_of(s), Q_REQUEST_ADD);
	const char *const strs[] = {
	    r->cls, r->rule, r->reason, r->meaning, r->tx, r->approval, r->approvers};
	size_t i;

	lite_bind_str(&u, r->id);
	lite_bind_str(&u, r->session);
	lite_bind_str(&u, r->user);
	lite_bind_str(&u, r->person);
	lite_bind_str(&u, r->on_behalf_of);
	lite_bind_str(&u, r->target);
	lite_bind_str(&u, r->database);
	lite_bind_str(&u, r->login);
	lite_bind_blob(&u, r->sql);
	lite_bind_blob(&u, r->params);
	for (i = 0; i < sizeof(strs) / sizeof(strs[0]); i++)
		lite_bind_str(&u, strs[i]);
	lite_bind_blob(&u, span_of(r->binding, sizeof(r->binding)));
	lite_bind_int(&u, r->quorum);
	lite_bind_int(&u, r->outlives);
	lite_bind_int(&u, r->waiting);
	lite_bind_int(&u, r->created_us);
	lite_bind_int(&u, r->deadline_us);
	lite_bind_str(&u, text(r->effect));
	lite_bind_int(&u, r->effect_rows);
	return lite_run(&u, NULL);
}

static void request_row(struct lite_use *u, struct store_request *r)
{
	struct span binding = lite_col_blob(u, 18);

	*r = (struct store_request){.id = lite_col_str(u, 0),
	    .state = (enum req_state)lite_col_int(u, 1),
	    .session = lite_col_str(u, 2),
	    .user = lite_col_str(u, 3),
	    .person = lite_col_str(u, 4),
	    .on_behalf_of = lite_col_str(u, 5),
	    .target = lite_col_str(u, 6),
	    .database = lite_col_str(u, 7),
	    .login = lite_col_str(u, 8),
	    .sql = lite_col_blob(u, 9),
	    .params = lite_col_blob(u, 10),
	    .cls = lite_col_str(u, 11),
	    .rule = lite_col_str(u, 12),
	    .reason = lite_col_str(u, 13),
	    .meaning = lite_col_str(u, 14),
	    .tx = lite_col_str(u, 15),
	    .approval = lite_col_str(u, 16),
	    .approvers = lite_col_str(u, 17),
	    .quorum = (int)lite_col_int(u, 19),
	    .outlives = lite_col_int(u, 20) != 0,
	    .waiting = lite_col_int(u, 21) != 0,
	    .created_us = lite_col_int(u, 22),
	    .deadline_us = lite_col_int(u, 23),
	    .decided_us = lite_col_int(u, 24),
	    .decided_by = lite_col_str(u, 25),
	    .decided_why = lite_col_str(u, 26),
	    .approvals = (int)lite_col_int(u, 27),
	    .effect = lite_col_str(u, 28),
	    .effect_rows = lite_col_int(u, 29)};
	if (binding.n == sizeof(r->binding))
		memcpy(r->binding, binding.p, sizeof(r->binding));
}

/* An exact id wins over longer ones with the same start; else the prefix must be unique. */
static int prefix_count(struct lite *l, const char *id, const char *end, bool *exact)
{
	struct lite_use u = lite_begin(l, Q_REQUEST_PREFIX);
	int rc, n = 0;

	*exact = false;
	lite_bind_str(&u, id);
	lite_bind_str(&u, end);
	while ((rc = lite_step(&u)) > 0) {
		*exact = *exact || strcmp(lite_col_str(&u, 0), id) == 0;
		n++;
	}
	(void)lite_end(&u);
	return rc < 0 ? rc : n;
}

int lite_request_get(struct store *s, const char *id, store_request_fn *fn, void *ctx)
{
	struct lite *l = lite_of(s);
	struct store_request r;
	struct lite_use u;
	char end[64];
	bool exact;
	int rc;

	(void)snprintf(end, sizeof(end), "%.60s\x7f", id);
	rc = prefix_count(l, id, end, &exact);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return E_NOTFOUND;
	if (rc > 1 && !exact)
		return E_EXISTS;
	u = lite_begin(l, Q_REQUEST_PREFIX);
	lite_bind_str(&u, id);
	lite_bind_str(&u, end);
	rc = lite_step(&u);
	if (rc > 0) {
		request_row(&u, &r);
		(void)fn(ctx, &r);
	}
	(void)lite_end(&u);
	return rc < 0 ? rc : rc == 0 ? E_NOTFOUND : 0;
}

static int each_request(struct lite_use *u, store_request_fn *fn, void *ctx, int *n)
{
	struct store_request r;

	*n = 0;
	while (lite_step(u) > 0) {
		(*n)++;
		request_row(u, &r);
		if (fn(ctx, &r) != 0)
			break;
	}
	return lite_end(u);
}

int lite_request_list(
    struct store *s, const struct store_request_filter *f, store_request_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(lite_of(s), Q_REQUEST_LIST);
	int n;

	lite_bind_str_or_null(&u, f->user);
	lite_bind_str_or_null(&u, f->session);
	lite_bind_int(&u, f->open_only ? REQ_APPROVED : REQ_WITHDRAWN);
	lite_bind_u64(&u, f->limit != 0 ? f->limit : 1000);
	return each_request(&u, fn, ctx, &n);
}

int lite_request_find(
    struct store *s, const uint8_t binding[32], int64_t now_us, store_request_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(lite_of(s), Q_REQUEST_FIND);
	int n, rc;

	lite_bind_blob(&u, span_of(binding, 32));
	lite_bind_int(&u, now_us);
	rc = each_request(&u, fn, ctx, &n);
	return rc != 0 ? rc : n == 0 ? E_NOTFOUND : 0;
}

/* --- decisions --- */

struct request_state {
	enum req_state state;
	int64_t deadline_us;
	int quorum;
	bool own_person; /* the asked person is the requester or stands behind the request */
	bool same_binding;
};

static int request_state(struct lite *l, const char *id, const char *person, const uint8_t *binding,
    struct request_state *out)
{
	struct lite_use u = lite_begin(l, Q_REQUEST_STATE);
	int rc;

	lite_bind_str(&u, id);
	rc = lite_step(&u);
	if (rc > 0) {
		out->state = (enum req_state)lite_col_int(&u, 0);
		out->deadline_us = lite_col_int(&u, 1);
		out->quorum = (int)lite_col_int(&u, 2);
		out->own_person = person != NULL && (strcmp(lite_col_str(&u, 3), person) == 0 ||
							strcmp(lite_col_str(&u, 4), person) == 0);
		out->same_binding =
		    binding != NULL && span_eq_ct(lite_col_blob(&u, 5), span_of(binding, 32));
	}
	(void)lite_end(&u);
	return rc < 0 ? rc : rc == 0 ? E_NOTFOUND : 0;
}

static int approval_add(struct lite *l, const char *id, const struct store_approval *a)
{
	struct lite_use u = lite_begin(l, Q_APPROVAL_ADD);

	lite_bind_str(&u, id);
	lite_bind_str(&u, a->person);
	lite_bind_str(&u, a->user);
	lite_bind_str(&u, text(a->why));
	lite_bind_int(&u, a->at_us);
	lite_bind_int(&u, a->via);
	lite_bind_str(&u, text(a->issuer));
	lite_bind_str(&u, text(a->groups));
	lite_bind_u64(&u, a->serial);
	lite_bind_str(&u, text(a->key_id));
	lite_bind_str(&u, text(a->key_fp));
	lite_bind_str(&u, text(a->ca_fp));
	return lite_run(&u, NULL); /* E_EXISTS: this person has already said yes */
}

static int approval_count(struct lite *l, const char *id, int *n)
{
	struct lite_use u = lite_begin(l, Q_APPROVAL_COUNT);
	int rc;

	lite_bind_str(&u, id);
	rc = lite_step(&u);
	*n = rc > 0 ? (int)lite_col_int(&u, 0) : 0;
	(void)lite_end(&u);
	return rc < 0 ? rc : 0;
}

static int approve_now(struct lite *l, const char *id, const char *why, int64_t now_us)
{
	struct lite_use u = lite_begin(l, Q_REQUEST_APPROVE);
	int changed, rc;

	lite_bind_str(&u, id);
	lite_bind_int(&u, now_us);
	lite_bind_str(&u, why);
	rc = lite_run(&u, &changed);
	return rc != 0 ? rc : changed == 1 ? 0 : E_STATE;
}

static int approve_in_tx(
    struct lite *l, const char *id, const struct store_approval *a, bool *reached)
{
	struct request_state st;
	int n, rc = request_state(l, id, a->person, NULL, &st);

	if (rc != 0)
		return rc;
	if (st.own_person)
		return E_DENIED;
	if (st.state != REQ_PENDING || st.deadline_us <= a->at_us)
		return E_STATE;
	rc = approval_add(l, id, a);
	if (rc == 0)
		rc = approval_count(l, id, &n);
	if (rc != 0)
		return rc;
	*reached = n >= st.quorum;
	return *reached ? approve_now(l, id, text(a->why), a->at_us) : 0;
}

int lite_request_approve(
    struct store *s, const char *id, const struct store_approval *a, bool *now_approved)
{
	struct lite *l = lite_of(s);
	bool reached = false;
	int rc = lite_tx_begin(l);

	if (rc != 0)
		return rc;
	rc = lite_tx_end(l, approve_in_tx(l, id, a, &reached));
	*now_approved = rc == 0 && reached;
	return rc;
}

int lite_approval_list(struct store *s, const char *id, store_approval_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(lite_of(s), Q_APPROVAL_LIST);

	lite_bind_str(&u, id);
	while (lite_step(&u) > 0) {
		struct store_approval a = {.user = lite_col_str(&u, 0),
		    .person = lite_col_str(&u, 1),
		    .why = lite_col_str(&u, 2),
		    .at_us = lite_col_int(&u, 3),
		    .via = (int)lite_col_int(&u, 4),
		    .issuer = lite_col_str(&u, 5),
		    .groups = lite_col_str(&u, 6),
		    .serial = (uint64_t)lite_col_int(&u, 7),
		    .key_id = lite_col_str(&u, 8),
		    .key_fp = lite_col_str(&u, 9),
		    .ca_fp = lite_col_str(&u, 10)};

		if (fn(ctx, &a) != 0)
			break;
	}
	return lite_end(&u);
}

int lite_approval_drop(struct store *s, const char *id, const char *person)
{
	struct lite_use u = lite_begin(lite_of(s), Q_APPROVAL_DROP);
	int changed, rc;

	lite_bind_str(&u, id);
	lite_bind_str(&u, person);
	rc = lite_run(&u, &changed);
	return rc != 0 ? rc : changed == 1 ? 0 : E_NOTFOUND;
}

int lite_request_move(struct store *s, const char *id, unsigned from_mask, enum req_state to,
    const char *by, const char *why, int64_t now_us)
{
	struct lite *l = lite_of(s);
	struct lite_use u = lite_begin(l, Q_REQUEST_MOVE);
	struct request_state st;
	int changed, rc;

	lite_bind_str(&u, id);
	lite_bind_int(&u, to);
	lite_bind_str(&u, by);
	lite_bind_str(&u, why);
	lite_bind_int(&u, now_us);
	lite_bind_int(&u, from_mask);
	rc = lite_run(&u, &changed);
	if (rc != 0 || changed == 1)
		return rc;
	rc = request_state(l, id, NULL, NULL, &st);
	return rc != 0 ? rc : E_STATE;
}

int lite_request_consume(struct store *s, const char *id, const uint8_t binding[32], int64_t now_us)
{
	struct lite *l = lite_of(s);
	struct lite_use u = lite_begin(l, Q_REQUEST_CONSUME);
	struct request_state st;
	int changed, rc;

	lite_bind_str(&u, id);
	lite_bind_blob(&u, span_of(binding, 32));
	lite_bind_int(&u, now_us);
	rc = lite_run(&u, &changed);
	if (rc != 0 || changed == 1)
		return rc;
	rc = request_state(l, id, NULL, binding, &st);
	if (rc != 0)
		return rc;
	return st.state == REQ_APPROVED && st.deadline_us > now_us && !st.same_binding ? E_DENIED
										       : E_STATE;
}

/* The ids are kept and the change committed before anybody is told. */
int lite_request_expire(struct store *s, int64_t now_us, store_request_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(lite_of(s), Q_REQUEST_EXPIRE);
	struct buf ids;
	struct span left;
	int rc;

	buf_init(&ids, 16 << 20);
	lite_bind_int(&u, now_us);
	while (lite_step(&u) > 0)
		buf_put_cstr(&ids, lite_col_str(&u, 0));
	rc = lite_end(&u);
	if (rc == 0)
		rc = buf_err(&ids);
	left = buf_span(&ids);
	while (rc == 0 && fn != NULL && left.n > 0) {
		size_t n = strlen((const char *)left.p) + 1;

		rc = lite_request_get(s, (const char *)left.p, fn, ctx);
		left = span_of(left.p + n, left.n - n);
	}
	buf_clear(&ids);
	return rc;
}

int lite_request_withdraw_orphans(struct store *s, int64_t now_us)
{
	struct lite_use u = lite_begin(lite_of(s), Q_REQUEST_ORPHANS);

	lite_bind_int(&u, now_us);
	return lite_run(&u, NULL);
}
