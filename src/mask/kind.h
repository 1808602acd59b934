/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of mask.h's struct mask_col by number: the same list as enum pii_kind of detect/, which
 * a module of the same floor may not include. tests/unit/mask proves that they agree.
 */
#ifndef SP_MASK_KIND_H
#define SP_MASK_KIND_H

enum mask_kind {
	MASK_KIND_UNKNOWN = 0,
	MASK_KIND_NAME,
	MASK_KIND_EMAIL,
	MASK_KIND_PHONE,
	MASK_KIND_ADDRESS,
	MASK_KIND_BIRTH,
	MASK_KIND_NATIONAL,
	MASK_KIND_CARD,
	MASK_KIND_IBAN,
	MASK_KIND_IP,
	MASK_KIND_GEO,
	MASK_KIND_SECRET,
	MASK_KIND_MONEY,
	MASK_KIND_HEALTH,
	MASK_KIND_DEMOGRAPHIC,
	MASK_KIND_TEXT,
	MASK_KIND_OTHER,
	MASK_KIND_N
};

#endif
