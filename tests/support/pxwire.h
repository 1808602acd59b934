/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the lab: what leaves for the server, seen at the very call that sends it.
 */
#ifndef SP_TESTS_PXWIRE_H
#define SP_TESTS_PXWIRE_H

#include "tests/support/pxlab.h"

void pxwire_watch(struct pxlab *l);
void pxwire_forget(struct pxlab *l);

#endif
