/* SPDX-License-Identifier: Apache-2.0
 *
 * What a text of SQL would meet, and how to say it: the work behind `policy explain`. No daemon, no database.
 */
#ifndef SP_CMD_EXPLAIN_H
#define SP_CMD_EXPLAIN_H

#include <stdio.h>

#include "conf/conf.h"
#include "ident/json.h"
#include "policy/verdict.h"

enum explain_dialect { EXPLAIN_PG, EXPLAIN_MYSQL };

/* Who asks where. */
struct explain {
	enum explain_dialect dialect;
	struct policy_view view;
	const struct conf *conf; /* NULL: built-in base */
};

/* Session settings that change what text means. NULL and false: as the gateway pins them. */
struct explain_session {
	const char *client_encoding, *scs, *application;
};

/* One judged text; clear with explained_clear(). */
struct explained {
	struct sql_facts facts;
	struct judgement j;
};

void explain_text(const struct explain *x, struct span sql, const struct explain_session *s, struct explained *out);
void explained_clear(struct explained *e);

/* For a person. */
void explain_print(const struct explain *x, const struct explained *e, FILE *out);
/* Put "verdict", "class", "rule", ... and "statements" into obj. */
void explain_put(const struct explain *x, const struct explained *e, struct js *obj);
/* Answer one line of JSON ({"id","sql"|"sql_b64","session":{...},"dialect"|"server"}) with one object in out (with its
 * newline). A line that cannot be read is denied; returns 0 or E_FORMAT then. */
int explain_line(const struct explain *x, struct span line, struct buf *out);

#endif
