/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQL schema of a new store, and the way there from older ones.
 */
#ifndef SP_STORE_STORE_SCHEMA_H
#define SP_STORE_STORE_SCHEMA_H

#define STORE_SCHEMA_VERSION 3

extern const char store_schema_sql[];
/* [i]: from version i + 1 to i + 2. */
extern const char *const store_migrations[STORE_SCHEMA_VERSION - 1];

#endif
