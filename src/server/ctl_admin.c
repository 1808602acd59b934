/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verbs of the operator: reload.
 */
#include <stdio.h>

#include "server/ctl.h"

void ctl_reload(struct ctl *c, const struct mp_val *args)
{
	struct item it;
	struct buf errs;
	char text[64];

	(void)args;
	buf_init(&errs, 64 * 1024);
	if (monitor_reload(c->m, &errs) != 0) {
		ctl_end(c, CTL_FAILED, buf_cstr(&errs), "the running configuration stays");
	} else {
		item_init(&it);
		item_int(&it, "epoch", c->m->epoch->n);
		ctl_item(c, &it);
		snprintf(text, sizeof(text), "policy epoch %u", c->m->epoch->n);
		ctl_end(c, CTL_OK, text, "");
	}
	buf_clear(&errs);
}
