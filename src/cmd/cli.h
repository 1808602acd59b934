/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of the `sallyport` command: what a verb gets (its options parsed by its table row), how
 * it says that something went wrong, how it reaches the gateway. Verbs: cli_verbs.c and one file
 * per family.
 */
#ifndef SP_CMD_CLI_H
#define SP_CMD_CLI_H

#include <stdio.h>

#include "base/err.h"
#include "cmd/ctl.h"
#include "server/verbs.h"

/* Exit statuses. */
enum cli_exit {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOTFOUND = 3,
	EXIT_DENIED = 4,
	EXIT_PENDING = 5,
	EXIT_VERIFY = 6,
	EXIT_UNREACHABLE = 7,
	EXIT_TEMPORARY = 75,
};

#define CLI_OPTS_MAX 12
#define CLI_EXEC_FD  3

struct cli_opt {
	const char *name; /* "--mine", "-m" */
	const char *arg;  /* name of its argument; NULL = a flag */
	bool local;       /* names a file or place: only on the gateway itself */
	const char *help;
};

struct cli_args {
	const char *opt[CLI_OPTS_MAX]; /* by row of the verb's options: "" for a flag that is set,
					  NULL = not given */
	size_t n;
	char **v; /* the words that are no options */
};

struct cli_verb;

struct cli {
	bool exec; /* run by the gateway for a caller over ssh: descriptor 3 is the control channel
		    */
	bool json;
	const char *socket, *config; /* options; NULL = not given */
	const struct cli_verb *verb;
	struct ctlc *ctl; /* once opened */
};

typedef int cli_fn(struct cli *c, const struct cli_args *a); /* an exit status */
typedef int cli_raw_fn(int argc, char **argv); /* parses its own arguments; argv[0] = the verb */

struct cli_verb {
	enum verb_id id;
	cli_fn *fn;
	cli_raw_fn *raw;
	size_t min, max;  /* words that are no options */
	bool local_words; /* the words may name files */
	const struct cli_opt *opts;
	size_t n_opts;
};

/* The row of a verb; NULL for what the command does not have. */
const struct cli_verb *cli_verb_of(enum verb_id id);
/* Everything behind the program's name; an exit status. */
int cli_main(int argc, char **argv);
/* usage line: "sallyport sessions [--live] ..." or the form over ssh. */
void cli_put_usage(const struct cli *c, const struct verb *v, FILE *out);
void cli_put_help(const struct cli *c, const struct verb *v, FILE *out);
/* "sallyport: VERB: WHY" and the hint on stderr; returns code. */
int cli_fail(const struct cli *c, int code, const struct why *w);
int cli_failf(const struct cli *c, int code, const char *fmt, ...) SP_PRINTF(3, 4);

/* The control channel, opened at first use. 0 or an exit status after a message. */
/* --config, $SALLYPORT_CONFIG or the installed one. Borrowed. */
const char *cli_config_path(const struct cli *c);
int cli_connect(struct cli *c);
/* Ask; on trouble with the channel says so. Returns the exit status the gateway gave, with its
 * words in *end (printed by cli_say()). */
int cli_call(struct cli *c, const char *verb, struct ctlc_args *args, const struct ctlc_sink *sink,
    struct ctlc_end *end);
/* What the gateway said at the end: text on stdout (stderr with --json), errors with their hint on
 * stderr. */
int cli_say(const struct cli *c, const struct ctlc_end *end);

/* Verbs. */
cli_fn verb_requests, verb_show, verb_approve, verb_deny;               /* verb_requests.c */
cli_fn verb_sessions, verb_kill;                                        /* verb_sessions.c */
cli_fn verb_replay;                                                     /* verb_replay.c */
cli_fn verb_verify;                                                     /* verb_verify.c */
cli_fn verb_whoami, verb_targets, verb_cert, verb_config, verb_hostkeys, verb_welcome; /* verb_ident.c */
cli_fn verb_delegate, verb_enroll;                                      /* verb_agent.c */
cli_fn verb_status, verb_reload;                                        /* verb_admin.c */
cli_fn verb_certs, verb_krl, verb_revoke, verb_revoked;                 /* verb_revoke.c */
cli_fn verb_lock, verb_unlock, verb_forget;                             /* verb_revoke.c */
cli_fn verb_ca;                                                         /* verb_ca.c */
cli_fn verb_help;                                                       /* cli.c */
int verb_policy(int argc, char **argv);                                 /* verb_policy.c */

#endif
