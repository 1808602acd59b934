/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH certificates and public keys, as blobs: what parses must write back the same bytes. The
 * authority named in the input is taken as trusted, so that the whole path up to the signature is
 * walked.
 */
#include <stdlib.h>

#include "policy/certcheck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int nobody(void *ctx, const struct certcheck_revocable *x)
{
	(void)ctx, (void)x;
	return 0;
}

static void check_round_trip(const struct sshcert *c)
{
	struct buf b;

	buf_init(&b, SSHCERT_MAX);
	sshcert_put_body(&b, c);
	if (buf_err(&b) != 0 || !span_eq(buf_span(&b), c->body))
		abort();
	buf_clear(&b);
}

static void check_key(struct span blob)
{
	struct sshpk k;
	struct buf b;

	if (sshpk_parse(blob, &k, NULL) != 0)
		return;
	buf_init(&b, SSHPK_BLOB_MAX);
	sshpk_put_blob(&b, &k);
	if (!span_eq(buf_span(&b), blob))
		abort();
	buf_clear(&b);
}

/* Options and principals without a signature in the way. */
static void check_body(const struct sshcert *c)
{
	struct cert_identity id;
	struct why w;

	if (certcheck_body(c, "gw-test", false, false, &id, &w) == 0)
		cert_identity_clear(&id);
	else if (w.text[0] == '\0' || id.mem != NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct sshcert c;
	struct certcheck_ca ca = {.require_gateway = false};
	struct certcheck_input q = {.cert = in,
	    .user = "alice",
	    .peer = "10.1.2.3",
	    .gateway = "gw-test",
	    .now_s = 2000,
	    .cas = &ca,
	    .n_cas = 1,
	    .revoked = nobody};
	struct cert_identity id;
	struct why w;

	check_key(in);
	if (sshcert_parse_body(in, &c, NULL) == 0)
		check_round_trip(&c);
	if (sshcert_parse(in, &c, &w) != 0)
		return 0;
	check_round_trip(&c);
	check_body(&c);
	ca.blob = c.ca;
	if (certcheck_verify(&q, &id, &w) == 0)
		cert_identity_clear(&id); /* the seed itself */
	return 0;
}
