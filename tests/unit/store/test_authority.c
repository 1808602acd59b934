/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static struct store_ca ca_of(const char *name, const char *fp, enum store_ca_state st)
{
	return (struct store_ca){.name = name,
	    .spec = "file:x",
	    .fingerprint = fp,
	    .blob = span_str(fp),
	    .state = st,
	    .added_s = 10,
	    .changed_s = 20};
}

static int show(void *ctx, const struct store_ca *ca)
{
	char *out = ctx;
	size_t n = strlen(out);

	(void)snprintf(out + n, 256 - n, "%s=%s:%s ", ca->name, ca->fingerprint,
	    store_ca_state_name(ca->state));
	cr_assert(span_is(ca->blob, ca->fingerprint));
	return 0;
}

static const char *all(struct store *s)
{
	static char out[256];

	out[0] = '\0';
	cr_assert_eq(store_ca_list(s, show, out), 0);
	return out;
}

Test(authority, a_new_key_leaves_the_former_one_trusted, .fini = remove_all)
{
	struct store *s = open_fresh();
	struct store_ca first = ca_of("default", "F1", STORE_CA_ACTIVE);
	struct store_ca second = ca_of("default", "F2", STORE_CA_TRUSTED);
	struct store_ca third = ca_of("default", "F3", STORE_CA_TRUSTED);
	struct store_ca same = ca_of("default", "F1", STORE_CA_TRUSTED);
	struct store_ca two = ca_of("two", "T", STORE_CA_TRUSTED);

	cr_assert_eq(store_ca_replace(s, &second, "default-1"), E_NOTFOUND);
	cr_assert_eq(store_ca_put(s, &first), 0);
	cr_assert_eq(store_ca_replace(s, &second, "default-1"), 0);
	cr_assert_str_eq(all(s), "default-1=F1:trusted default=F2:active ");

	/* All or nothing. */
	cr_assert_eq(store_ca_replace(s, &same, "default-2"), E_EXISTS);
	cr_assert_eq(store_ca_replace(s, &third, "default-1"), E_EXISTS);
	cr_assert_str_eq(all(s), "default-1=F1:trusted default=F2:active ");

	/* One that does not sign is not made to, and the retired stay so. */
	cr_assert_eq(store_ca_put(s, &two), 0);
	cr_assert_eq(store_ca_move(s, "two", STORE_CA_ACTIVE, 30), 0);
	cr_assert_eq(store_ca_move(s, "default", STORE_CA_RETIRED, 31), 0);
	cr_assert_eq(store_ca_replace(s, &third, "default-2"), 0);
	store_close(s);
	s = open_again();
	cr_assert_str_eq(
	    all(s), "default-1=F1:trusted default-2=F2:retired two=T:active default=F3:trusted ");
	store_close(s);
}
