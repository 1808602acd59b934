/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the lab: the monitor's end of the conversation.
 */
#ifndef SP_TESTS_PXMON_H
#define SP_TESTS_PXMON_H

#include "tests/support/pxlab.h"

void pxmon_init(struct pxlab *l, int sock);
/* Take (and answer) what is waiting. */
void pxmon_take(struct pxlab *l);

#endif
