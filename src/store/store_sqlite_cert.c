/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates, what was revoked, who is locked, and the one question about all three that every
 * login asks.
 */
#include "store/store_sqlite.h"

#include <stdio.h>

static struct lite *lite_of(struct store *s)
{
	return (struct lite *)s;
}

/* --- certificates --- */

int lite_serial_next(struct store *s, uint64_t *serial)
{
	struct lite *l = lite_of(s);
	int64_t v = 0;
	int rc = lite_tx_begin(l);

	if (rc == 0)
		rc = lite_tx_end(l, lite_counter_next(l, "serial", &v));
	*serial = rc == 0 ? (uint64_t)v : 0;
	return rc;
}

int lite_cert_add(struct store *s, const struct store_cert *c)
{
	struct lite_use u = lite_begin(lite_of(s), Q_CERT_ADD);

	lite_bind_u64(&u, c->serial);
	lite_bind_str(&u, c->user);
	lite_bind_str(&u, c->key_id);
	lite_bind_str(&u, c->fingerprint);
	lite_bind_str(&u, c->source);
	lite_bind_str(&u, c->issuer);
	lite_bind_str(&u, c->on_behalf_of);
	lite_bind_str(&u, c->ca_fp);
	lite_bind_u64(&u, c->parent);
	lite_bind_int(&u, c->issued_s);
	lite_bind_int(&u, c->valid_after_s);
	lite_bind_int(&u, c->valid_before_s);
	lite_bind_blob(&u, c->blob);
	return lite_run(&u, NULL);
}

static void cert_row(struct lite_use *u, struct store_cert *c)
{
	*c = (struct store_cert){.serial = (uint64_t)lite_col_int(u, 0),
	    .user = lite_col_str(u, 1),
	    .key_id = lite_col_str(u, 2),
	    .fingerprint = lite_col_str(u, 3),
	    .source = lite_col_str(u, 4),
	    .issuer = lite_col_str(u, 5),
	    .on_behalf_of = lite_col_str(u, 6),
	    .ca_fp = lite_col_str(u, 7),
	    .parent = (uint64_t)lite_col_int(u, 8),
	    .issued_s = lite_col_int(u, 9),
	    .valid_after_s = lite_col_int(u, 10),
	    .valid_before_s = lite_col_int(u, 11),
	    .blob = lite_col_blob(u, 12)};
}

/* The narrowest index leads; the rest of the filter is applied to its rows. */
static enum lite_query cert_query(const struct store_cert_filter *f)
{
	return f->serial != 0            ? Q_CERT_BY_SERIAL
	       : f->fingerprint != NULL  ? Q_CERT_BY_KEY
	       : f->user != NULL         ? Q_CERT_BY_USER
	       : f->on_behalf_of != NULL ? Q_CERT_BY_BEHALF
	       : f->valid_at_s != 0      ? Q_CERT_BY_TIME
					 : Q_CERT_ALL;
}

int lite_cert_list(struct store *s, const struct store_cert_filter *f, store_cert_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(lite_of(s), cert_query(f));
	struct store_cert c;

	lite_bind_u64(&u, f->serial);
	lite_bind_str_or_null(&u, f->fingerprint);
	lite_bind_str_or_null(&u, f->user);
	lite_bind_str_or_null(&u, f->on_behalf_of);
	lite_bind_str_or_null(&u, f->source);
	lite_bind_int(&u, f->valid_at_s);
	lite_bind_int(&u, f->limit == 0 || f->limit > INT64_MAX ? -1 : (int64_t)f->limit);
	while (lite_step(&u) > 0) {
		cert_row(&u, &c);
		if (fn(ctx, &c) != 0)
			break;
	}
	return lite_end(&u);
}

/* --- revocations and locks --- */

int lite_revoke(struct store *s, const char *kind, const char *value, const char *by,
    const char *why, int64_t now_s)
{
	struct lite_use u = lite_begin(lite_of(s), Q_REVOKE);
	int rc, changed;

	lite_bind_str(&u, kind);
	lite_bind_str(&u, value);
	lite_bind_str(&u, by);
	lite_bind_str(&u, why);
	lite_bind_int(&u, now_s);
	rc = lite_run(&u, &changed);
	return rc == 0 && changed == 0 ? E_EXISTS : rc;
}

static int list_revocations(struct lite *l, enum lite_query q, store_revocation_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(l, q);
	struct store_revocation r;

	while (lite_step(&u) > 0) {
		r = (struct store_revocation){.kind = lite_col_str(&u, 0),
		    .value = lite_col_str(&u, 1),
		    .by = lite_col_str(&u, 2),
		    .why = lite_col_str(&u, 3),
		    .at_s = lite_col_int(&u, 4)};
		if (fn(ctx, &r) != 0)
			break;
	}
	return lite_end(&u);
}

int lite_revocation_list(struct store *s, store_revocation_fn *fn, void *ctx)
{
	return list_revocations(lite_of(s), Q_REVOCATION_LIST, fn, ctx);
}

int lite_lock(struct store *s, const char *user, const char *by, const char *why, int64_t now_s)
{
	struct lite_use u = lite_begin(lite_of(s), Q_LOCK);
	int rc, changed;

	lite_bind_str(&u, user);
	lite_bind_str(&u, by);
	lite_bind_str(&u, why);
	lite_bind_int(&u, now_s);
	rc = lite_run(&u, &changed);
	return rc == 0 && changed == 0 ? E_EXISTS : rc;
}

int lite_unlock(struct store *s, const char *user)
{
	struct lite_use u = lite_begin(lite_of(s), Q_UNLOCK);
	int rc, changed;

	lite_bind_str(&u, user);
	rc = lite_run(&u, &changed);
	return rc == 0 && changed == 0 ? E_NOTFOUND : rc;
}

int lite_lock_list(struct store *s, store_lock_fn *fn, void *ctx)
{
	return list_revocations(lite_of(s), Q_LOCK_LIST, fn, ctx);
}

/* --- standing --- */

/* One statement, so that what it says was true at one moment; every branch is a search in a primary
 * key. No row of the tables has an empty value, so "" and NULL find nothing. */
int lite_standing(struct store *s, const struct store_subject *x)
{
	struct lite_use u = lite_begin(lite_of(s), Q_STANDING);
	char number[32];
	int rc;

	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)x->serial);
	lite_bind_str(&u, number);
	lite_bind_u64(&u, x->serial);
	lite_bind_str(&u, x->user);
	lite_bind_str(&u, x->key_id);
	lite_bind_str(&u, x->key_fp);
	lite_bind_str(&u, x->ca_fp);
	lite_bind_str(&u, x->on_behalf_of);
	lite_bind_u64(&u, x->parent);
	rc = lite_step(&u);
	if (rc > 0)
		rc = (int)lite_col_int(&u, 0);
	else if (rc == 0)
		rc = E_INTERNAL; /* it always has a row */
	(void)lite_end(&u);
	return rc;
}
