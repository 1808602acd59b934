/* SPDX-License-Identifier: Apache-2.0
 *
 * The public key of a proof log as people keep it: one line of text, in the form of `status` (64 hex digits), of a
 * verifier key (name+hash+base64, C2SP signed-note) or of an SSH public key. Not reading files, not secret keys.
 */
#ifndef SP_RECORD_LOGKEY_H
#define SP_RECORD_LOGKEY_H

#include "record/checkpoint.h"

#define LOGKEY_MAX 4096 /* bytes of the text */

struct logkey {
	uint8_t pub[ED25519_PUB_LEN];
	char name[CHECKPOINT_NAME_MAX]; /* of the gateway whose log it signs, or "" when the form does not say */
};

/* text: exactly one line with its newline; no proper prefix of a good text is good, so a file that was cut short never
 * passes for a whole one. E_* with why. */
int logkey_parse(struct span text, struct logkey *out, struct why *w) MUST_CHECK;

#endif
