/* SPDX-License-Identifier: Apache-2.0
 *
 * What is sensitive, decided from names (table, column, type). Content evidence comes later and may only raise.
 */
#ifndef SP_DETECT_DETECT_H
#define SP_DETECT_DETECT_H

#include <stdbool.h>
#include <stdint.h>

enum pii_kind {
	PII_NONE = 0,
	PII_NAME,      /* person name */
	PII_EMAIL,
	PII_PHONE,
	PII_ADDRESS,   /* street, postal code, city of a person's address */
	PII_BIRTH,
	PII_NATIONAL,  /* SSN, tax id, passport, driving licence */
	PII_CARD,      /* payment card number */
	PII_IBAN,      /* bank account */
	PII_IP,
	PII_GEO,       /* coordinates of a person */
	PII_SECRET,    /* password, hash, token, key */
	PII_MONEY,     /* salary and the like of a person */
	PII_HEALTH,
	PII_DEMOGRAPHIC, /* gender, religion, ethnicity */
	PII_TEXT,      /* free text or documents that may hold any of them */
	PII_OTHER,     /* sensitive, kind unknown */
	PII_KIND_N
};

const char *pii_kind_name(enum pii_kind k); /* "person name", "email", ... as shown to users */

/* Classify by name. type: PostgreSQL type OID (0 unknown); schema and table give context. NULLs are "". */
enum pii_kind detect_by_name(const char *schema, const char *table, const char *column, uint32_t type);

#endif
