/* SPDX-License-Identifier: Apache-2.0
 *
 * struct policy_view as a msgpack map, for the message from the monitor to a session.
 */
#ifndef SP_POLICY_VIEW_H
#define SP_POLICY_VIEW_H

#include "base/buf.h"
#include "policy/verdict.h"
#include "wire/mp.h"

/* Append; check buf_err(b) at the end. */
void policy_view_put(struct buf *b, const struct policy_view *v);
/* Read back. Whatever is absent or malformed denies: out is always safe to use. 0, or E_FORMAT when the map as a whole
 * or an entry is not what policy_view_put() writes. */
int policy_view_get(const struct mp_val *m, struct policy_view *out);

#endif
