/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of the PostgreSQL codec: pieces of messages and the whole-message checks of the type table.
 */
#ifndef SP_WIRE_PGVIEW_H
#define SP_WIRE_PGVIEW_H

#include "wire/pg.h"

/* n format codes, each 0 or 1. */
struct span pg_take_formats(struct cur *c, uint16_t n);
/* n OIDs. */
struct span pg_take_oids(struct cur *c, uint16_t n);
/* One length-prefixed value; -1 is NULL, other negative lengths are E_FORMAT. */
struct pg_value pg_take_value(struct cur *c);

int pg_check_any(struct span body) MUST_CHECK;
int pg_check_string(struct span body) MUST_CHECK;

int pg_check_parse(struct span body) MUST_CHECK;
int pg_check_bind(struct span body) MUST_CHECK;
int pg_check_target(struct span body) MUST_CHECK;
int pg_check_execute(struct span body) MUST_CHECK;
int pg_check_function_call(struct span body) MUST_CHECK;

int pg_check_auth(struct span body) MUST_CHECK;
int pg_check_backend_key(struct span body) MUST_CHECK;
int pg_check_negotiate(struct span body) MUST_CHECK;
int pg_check_parameter_status(struct span body) MUST_CHECK;
int pg_check_notification(struct span body) MUST_CHECK;
int pg_check_ready(struct span body) MUST_CHECK;
int pg_check_fields(struct span body) MUST_CHECK;
int pg_check_row(struct span body) MUST_CHECK;
int pg_check_param_types(struct span body) MUST_CHECK;
int pg_check_function_result(struct span body) MUST_CHECK;
int pg_check_copy(struct span body) MUST_CHECK;

#endif
