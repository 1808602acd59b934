/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificate authorities and their way trusted → active → trusted → retired. That at most one is
 * active is an index of the table, whoever writes.
 */
#include "store/store_sqlite.h"

static struct lite *lite_of(struct store *s)
{
	return (struct lite *)s;
}

int lite_ca_put(struct store *s, const struct store_ca *ca)
{
	struct lite_use u = lite_begin(lite_of(s), Q_CA_PUT);

	lite_bind_str(&u, ca->name);
	lite_bind_str(&u, ca->spec);
	lite_bind_str(&u, ca->fingerprint);
	lite_bind_blob(&u, ca->blob);
	lite_bind_int(&u, ca->state);
	lite_bind_int(&u, ca->added_s);
	lite_bind_int(&u, ca->changed_s);
	return lite_run(&u, NULL);
}

/* The state of a name, or E_NOTFOUND. */
static int ca_state(struct lite *l, const char *name)
{
	struct lite_use u = lite_begin(l, Q_CA_STATE);
	int rc;

	lite_bind_str(&u, name);
	rc = lite_step(&u);
	if (rc > 0)
		rc = (int)lite_col_int(&u, 0);
	else if (rc == 0)
		rc = E_NOTFOUND;
	(void)lite_end(&u);
	return rc;
}

/* name NULL: whichever is in the state `from`. */
static int ca_set(struct lite *l, const char *name, enum store_ca_state from,
    enum store_ca_state to, int64_t now_s)
{
	struct lite_use u = lite_begin(l, Q_CA_MOVE);
	int rc, changed;

	lite_bind_str_or_null(&u, name);
	lite_bind_int(&u, from);
	lite_bind_int(&u, to);
	lite_bind_int(&u, now_s);
	rc = lite_run(&u, &changed);
	return rc == 0 && changed == 0 && name != NULL ? E_STATE : rc;
}

static int ca_move(struct lite *l, const char *name, enum store_ca_state to, int64_t now_s)
{
	int is = ca_state(l, name), rc = 0;

	if (is < 0)
		return is;
	if (is == (int)to)
		return 0;
	if (is != STORE_CA_TRUSTED || to == STORE_CA_TRUSTED)
		return E_STATE;
	if (to == STORE_CA_ACTIVE)
		rc = ca_set(l, NULL, STORE_CA_ACTIVE, STORE_CA_TRUSTED, now_s);
	return rc != 0 ? rc : ca_set(l, name, STORE_CA_TRUSTED, to, now_s);
}

int lite_ca_move(struct store *s, const char *name, enum store_ca_state to, int64_t now_s)
{
	struct lite *l = lite_of(s);
	int rc = lite_tx_begin(l);

	return rc != 0 ? rc : lite_tx_end(l, ca_move(l, name, to, now_s));
}

static int ca_rename(struct lite *l, const char *name, const char *to, int64_t now_s)
{
	struct lite_use u = lite_begin(l, Q_CA_RENAME);

	lite_bind_str(&u, name);
	lite_bind_str(&u, to);
	lite_bind_int(&u, now_s);
	return lite_run(&u, NULL);
}

static int ca_replace(struct lite *l, const struct store_ca *ca, const char *keep)
{
	struct store_ca now = *ca;
	int was = ca_state(l, ca->name), rc;

	if (was < 0)
		return was;
	rc = ca_rename(l, ca->name, keep, ca->changed_s);
	now.state = was == STORE_CA_ACTIVE ? STORE_CA_ACTIVE : STORE_CA_TRUSTED;
	return rc != 0 ? rc : lite_ca_put((struct store *)l, &now);
}

int lite_ca_replace(struct store *s, const struct store_ca *ca, const char *keep)
{
	struct lite *l = lite_of(s);
	int rc = lite_tx_begin(l);

	return rc != 0 ? rc : lite_tx_end(l, ca_replace(l, ca, keep));
}

int lite_ca_list(struct store *s, store_ca_fn *fn, void *ctx)
{
	struct lite_use u = lite_begin(lite_of(s), Q_CA_LIST);
	struct store_ca ca;

	while (lite_step(&u) > 0) {
		ca = (struct store_ca){.name = lite_col_str(&u, 0),
		    .spec = lite_col_str(&u, 1),
		    .fingerprint = lite_col_str(&u, 2),
		    .blob = lite_col_blob(&u, 3),
		    .state = (enum store_ca_state)lite_col_int(&u, 4),
		    .added_s = lite_col_int(&u, 5),
		    .changed_s = lite_col_int(&u, 6)};
		if (fn(ctx, &ca) != 0)
			break;
	}
	return lite_end(&u);
}
