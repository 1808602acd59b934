/* SPDX-License-Identifier: Apache-2.0
 *
 * What masks look like: the bytes of one mask being made, and the question whether a text is one (a
 * masked value that a client sends back must not overwrite the original).
 */
#ifndef SP_MASK_FORM_H
#define SP_MASK_FORM_H

#include "base/span.h"
#include "mask/mask.h"

/* The longest mask is an e-mail's: 1 + 4 + 1 + 4 + 24. */
#define MASK_MAX 64

struct form {
	size_t n;
	char p[MASK_MAX];
};

/* Is the text, or a whole word of it, something that this module writes in place of a value? NULLs
 * and plain numbers and dates cannot be told from values: false. */
bool mask_is_form(struct span text);

/* Private to mask/: fill f with the mask of a value; false: NULL. */
void form_set(struct form *f, const char *text);
void form_add(struct form *f, const void *p, size_t n);
bool mask_text(const struct mask_col *c, struct span value, struct form *f);
bool mask_integer(const struct mask_col *c, struct span value, struct form *f);
bool mask_numeric(const struct mask_col *c, struct span value, struct form *f);
bool mask_float(const struct mask_col *c, struct span value, struct form *f);
bool mask_date(const struct mask_col *c, struct span value, struct form *f);
bool mask_timestamp(const struct mask_col *c, struct span value, struct form *f);
bool mask_inet(const struct mask_col *c, struct span value, struct form *f);
/* "203.0.113.7" as text: its network. False when it is no address. */
bool mask_address_text(struct span value, struct form *f);
bool mask_birth_text(struct span value, struct form *f);
bool mask_decimal_text(struct span value, struct form *f);

#endif
