/* SPDX-License-Identifier: Apache-2.0
 *
 * application/x-www-form-urlencoded: query strings and bodies of forms. One field at a time, out of the raw bytes.
 */
#ifndef SP_SERVER_WEB_FORM_H
#define SP_SERVER_WEB_FORM_H

#include "base/err.h"
#include "base/span.h"

/* The decoded value of the field. E_NOTFOUND when absent; E_FORMAT when it is there twice, has a broken escape, a control
 * byte or is not UTF-8; E_TOOBIG when it does not fit (cap counts the NUL). out is "" on any failure. */
int web_form_get(struct span form, const char *name, char *out, size_t cap) MUST_CHECK;

#endif
