/* SPDX-License-Identifier: Apache-2.0
 *
 * Names to addresses for the fetcher, in a process of its own: getaddrinfo() blocks, loads plug-ins, opens files and sockets of
 * all kinds, or needs threads. So the fetcher, which parses what strangers send and holds client secrets, need not be
 * allowed any of that; the resolver process holds nothing and is forked before anything is known.
 */
#ifndef SP_SERVER_FETCH_DNS_H
#define SP_SERVER_FETCH_DNS_H

#include <stdbool.h>

#include "base/loop.h"

struct dns;

#define DNS_TEXT_MAX 1000
#define DNS_MS       5000 /* a lookup that takes longer has failed */

/* addresses: numeric, separated by commas, IPv6 in brackets; or NULL and why. */
typedef void dns_fn(void *ctx, const char *addresses, const char *failed);

/* Fork the resolver; before the caller's sandbox and secrets. Its end stops the loop with 1. NULL with why. */
struct dns *dns_new(struct loop *l, bool require_sandbox, struct why *w);
void dns_free(struct dns *d);
/* fn runs later, exactly once, unless cancelled. Answers are kept for half a minute. */
void dns_lookup(struct dns *d, const char *host, dns_fn *fn, void *ctx);
/* Forget all lookups of this ctx. */
void dns_cancel(struct dns *d, const void *ctx);

#endif
