/* SPDX-License-Identifier: Apache-2.0
 *
 * Held statements: the binding that an approval is for, who may decide, and an owned copy of a
 * stored request.
 */
#ifndef SP_SERVER_HOLD_H
#define SP_SERVER_HOLD_H

#include "base/crypto.h"
#include "server/ident.h"
#include "store/store.h"

#define HOLD_ID_LEN      10
#define HOLD_SQL_MAX     (1024u * 1024 + 64 * 1024) /* statement bytes of a request */
#define HOLD_PARAMS_MAX  (128u * 1024)
#define HOLD_PENDING_MAX 20    /* undecided requests of one user */
#define HOLD_AUTO_MS     20000 /* mode auto: how long the session waits */

struct monitor;
struct hold_subject { /* everything an approval is bound to but its meaning */
	const char *user, *person, *on_behalf_of, *target, *database, *login;
	struct span sql, params;
};
/* SHA-256 over the length-prefixed parts. */
void hold_body(const struct hold_subject *s, uint8_t out[SHA256_LEN]);
/* SHA-256(body ‖ meaning), meaning: SHA-256 of its lines (wire/meaning.h). */
void hold_binding(
    const uint8_t body[SHA256_LEN], const uint8_t meaning[SHA256_LEN], uint8_t out[SHA256_LEN]);

/* An owned copy of a stored request. */
struct request {
	struct store_request r; /* its pointers point into mem */
	void *mem;
};
struct request *request_copy(const struct store_request *r);
void request_free(struct request *q); /* NULL is fine */
/* By id or unique prefix (>= 4 characters); NULL with why. */
struct request *request_get(struct store *s, const char *id, struct why *w);

/* May this caller decide this request? 0, or E_DENIED with why. The requester, a person behind the
 * requester, machines and bare uids never may. */
int hold_may_decide(const struct conf *c, const struct ident *id, const struct store_request *r,
    struct why *w) MUST_CHECK;

/* Which of a request's approvals still stand? Those that do not are dropped; an approved request without enough of them is
 * withdrawn. 0: it is as it was; E_DENIED with why: withdrawn; other errors: it may not be used now. r is a copy of the caller's. */
int hold_recheck(struct monitor *m, const struct store_request *r, struct why *w) MUST_CHECK;

#endif
