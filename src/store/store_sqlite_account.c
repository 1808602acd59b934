/* SPDX-License-Identifier: Apache-2.0
 *
 * What identity providers bring: accounts and the keys they logged in with, tokens that were used;
 * and forgetting what is long over.
 */
#include "store/store_sqlite.h"

static struct lite *lite_of(struct store *s)
{
	return (struct lite *)s;
}

/* --- accounts --- */

/* The conditional insert or update: no row changes when the account has another user name, and a
 * name that another account has is a constraint error, E_EXISTS as well. */
static int account_put(struct lite *l, const struct store_account *a)
{
	struct lite_use u = lite_begin(l, Q_ACCOUNT_PUT);
	int rc, changed;

	lite_bind_str(&u, a->iss);
	lite_bind_str(&u, a->sub);
	lite_bind_str(&u, a->issuer);
	lite_bind_str(&u, a->user);
	lite_bind_str(&u, a->groups);
	lite_bind_str(&u, a->key_fp);
	lite_bind_int(&u, a->last_s);
	rc = lite_run(&u, &changed);
	return rc == 0 && changed == 0 ? E_EXISTS : rc;
}

static int account_key(struct lite *l, const struct store_account *a, bool *new_key)
{
	struct lite_use u = lite_begin(l, Q_ACCOUNT_KEY);
	int rc, changed;

	lite_bind_str(&u, a->iss);
	lite_bind_str(&u, a->sub);
	lite_bind_str(&u, a->key_fp);
	rc = lite_run(&u, &changed);
	*new_key = rc == 0 && changed != 0;
	return rc;
}

int lite_account_login(struct store *s, const struct store_account *a, bool *new_key)
{
	struct lite *l = lite_of(s);
	int rc = lite_tx_begin(l);

	if (rc != 0)
		return rc;
	rc = account_put(l, a);
	if (rc == 0)
		rc = account_key(l, a, new_key);
	rc = lite_tx_end(l, rc);
	if (rc != 0)
		*new_key = false;
	return rc;
}

static int account_read(struct lite_use *u, store_account_fn *fn, void *ctx)
{
	struct store_account a;
	int rc, found = lite_step(u);

	if (found > 0) {
		a = (struct store_account){.iss = lite_col_str(u, 0),
		    .sub = lite_col_str(u, 1),
		    .issuer = lite_col_str(u, 2),
		    .user = lite_col_str(u, 3),
		    .groups = lite_col_str(u, 4),
		    .key_fp = lite_col_str(u, 5),
		    .first_s = lite_col_int(u, 6),
		    .last_s = lite_col_int(u, 7)};
		(void)fn(ctx, &a);
	}
	rc = lite_end(u);
	return rc != 0 ? rc : found > 0 ? 0 : E_NOTFOUND;
}

int lite_account_get(struct store *s, const char *user, store_account_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(lite_of(s), Q_ACCOUNT_GET);

	lite_bind_str(&u, user);
	return account_read(&u, fn, ctx);
}

int lite_account_of(struct store *s, const char *iss, const char *sub, store_account_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(lite_of(s), Q_ACCOUNT_OF);

	lite_bind_str(&u, iss);
	lite_bind_str(&u, sub);
	return account_read(&u, fn, ctx);
}

/* Its keys go with it (foreign key). */
int lite_account_forget(struct store *s, const char *user)
{
	struct lite_use u = lite_begin(lite_of(s), Q_ACCOUNT_FORGET);
	int rc, changed;

	lite_bind_str(&u, user);
	rc = lite_run(&u, &changed);
	return rc == 0 && changed == 0 ? E_NOTFOUND : rc;
}

/* --- tokens --- */

static int delete_before(struct lite *l, enum lite_query q, int64_t time_s)
{
	struct lite_use u = lite_begin(l, q);

	lite_bind_int(&u, time_s);
	return lite_run(&u, NULL);
}

static int token_add(struct lite *l, const uint8_t hash[32], int64_t expires_s)
{
	struct lite_use u = lite_begin(l, Q_TOKEN_ADD);
	int rc, changed;

	lite_bind_blob(&u, span_of(hash, 32));
	lite_bind_int(&u, expires_s);
	rc = lite_run(&u, &changed);
	return rc == 0 && changed == 0 ? E_EXISTS : rc;
}

int lite_token_use(struct store *s, const uint8_t hash[32], int64_t expires_s, int64_t now_s)
{
	struct lite *l = lite_of(s);
	int rc = lite_tx_begin(l);

	if (rc != 0)
		return rc;
	rc = delete_before(l, Q_TOKEN_PRUNE, now_s - STORE_TOKEN_SLACK_S);
	if (rc == 0)
		rc = token_add(l, hash, expires_s);
	return lite_tx_end(l, rc);
}

/* --- what is long over --- */

int lite_prune(struct store *s, int64_t now_s)
{
	struct lite *l = lite_of(s);
	int rc = lite_tx_begin(l);

	if (rc != 0)
		return rc;
	rc = delete_before(l, Q_CERT_PRUNE, now_s - STORE_CERT_KEEP_S);
	if (rc == 0)
		rc = delete_before(l, Q_TOKEN_PRUNE, now_s - STORE_TOKEN_SLACK_S);
	return lite_tx_end(l, rc);
}
