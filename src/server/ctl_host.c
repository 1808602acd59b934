/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verb hostkeys.
 */
#include "server/ctl.h"

#define TEXT_MAX (64 * 1024)

void ctl_hostkeys(struct ctl *c, const struct mp_val *args)
{
	struct why w = {0};
	struct item it;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (hosts_put(mon_conf(c->m), ctl_arg_bool(args, "sshfp"), &text, &w) != 0) {
		ctl_fail(c, &w);
	} else {
		item_init(&it);
		item_span(&it, "text", buf_span(&text));
		ctl_item(c, &it);
		ctl_end(c, CTL_OK, "", "");
	}
	buf_clear(&text);
}
