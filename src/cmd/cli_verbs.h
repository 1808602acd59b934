/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions and options of the verbs, beside server/verbs.h which has their names, permissions
 * and summaries.
 */
#ifndef SP_CMD_CLI_VERBS_H
#define SP_CMD_CLI_VERBS_H

#include "cmd/cli.h"

/* Rows of the options, for the verbs' own files. */
enum { REQ_MINE, REQ_ALL, REQ_WATCH };
enum { SES_LIVE, SES_USER, SES_TARGET, SES_SINCE, SES_LIMIT };
enum { REP_SPEED, REP_IDLE, REP_TEXT, REP_ALL, REP_DIR };
enum { VER_ALL, VER_KEY, VER_CHECKPOINT, VER_DIR };
enum { CFG_HOST, CFG_PORT, CFG_KEY, CFG_CERT, CFG_SCRIPT };
enum { HOST_SSHFP };
enum { DEL_TARGETS, DEL_NAME, DEL_RISK, DEL_TTL, DEL_SOURCE };
enum { CRT_USER };
enum { WHY_M };
enum { CA_FORCE, CA_M };
/* Verbs that parse their own options have rows for help and manual only. */

/* Every row, for completion and the manual. */
const struct cli_verb *cli_verb_table(size_t *n);
/* Bash completion and the verbs part of sallyport(1), from the tables. */
void cli_put_completion(FILE *out);
void cli_put_manual(FILE *out);

#endif
