/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded sessions: the list, and ending one.
 */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/cli_verbs.h"
#include "cmd/view.h"
#include "conf/conf_scalar.h"

static const struct view_col cols[] = {
    {{"id", false, false}, "id", VIEW_SHORT_ID},
    {{"start", false, false}, "start_us", VIEW_TIME_US},
    {{"user", false, true}, "who", VIEW_TEXT},
    {{"target", false, false}, "target", VIEW_TEXT},
    {{"database", false, true}, "database", VIEW_TEXT},
    {{"login", false, false}, "login", VIEW_TEXT},
    {{"client", false, true}, "client", VIEW_TEXT},
    {{"statements", true, false}, "statements", VIEW_INT},
    {{"rows", true, false}, "rows", VIEW_INT},
    {{"end", false, true}, "end_reason", VIEW_END},
};
static const struct view sessions_view = {
    "sessions", cols, sizeof(cols) / sizeof(cols[0]), "no session"};

/* "7d" ago, or a date (local midnight). */
static int parse_since(const char *s, int64_t *us)
{
	struct tm tm = {.tm_isdst = -1};
	const char *end;
	int64_t ms;
	time_t t;

	if (conf_duration_ms(s, &ms) == 0) {
		*us = clock_wall_us() - ms * 1000;
		return 0;
	}
	end = strptime(s, "%Y-%m-%d", &tm);
	if (end != NULL && *end == 'T')
		end = strptime(end, "T%H:%M:%S", &tm);
	if (end == NULL || *end != '\0')
		return E_FORMAT;
	t = mktime(&tm);
	if (t == (time_t)-1)
		return E_FORMAT;
	*us = (int64_t)t * 1000000;
	return 0;
}

int verb_sessions(struct cli *c, const struct cli_args *a)
{
	int64_t since = 0, limit = 0;
	struct ctlc_args args;

	if (a->opt[SES_SINCE] != NULL && parse_since(a->opt[SES_SINCE], &since) != 0)
		return cli_failf(c, EXIT_USAGE,
		    "\"%.64s\" is not a time like 7d, 12h or 2026-11-20", a->opt[SES_SINCE]);
	if (a->opt[SES_LIMIT] != NULL &&
	    (conf_integer(a->opt[SES_LIMIT], &limit) != 0 || limit < 1))
		return cli_failf(c, EXIT_USAGE, "\"%.64s\" is not a number", a->opt[SES_LIMIT]);
	ctlc_args_init(&args);
	ctlc_arg_flag(&args, "live", a->opt[SES_LIVE] != NULL);
	ctlc_arg_str(&args, "user", a->opt[SES_USER]);
	ctlc_arg_str(&args, "target", a->opt[SES_TARGET]);
	if (since > 0)
		ctlc_arg_int(&args, "since_us", since);
	if (limit > 0)
		ctlc_arg_int(&args, "limit", limit);
	return view_call(c, "sessions", &args, &sessions_view);
}

static const struct view kill_view = {"kill", NULL, 0, NULL};

int verb_kill(struct cli *c, const struct cli_args *a)
{
	struct ctlc_args args;

	ctlc_args_init(&args);
	ctlc_arg_str(&args, "id", a->v[0]);
	ctlc_arg_str(&args, "why", a->opt[WHY_M]);
	return view_call(c, "kill", &args, &kill_view);
}
