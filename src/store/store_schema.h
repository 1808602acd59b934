/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQL schema of a new store.
 */
#ifndef SP_STORE_STORE_SCHEMA_H
#define SP_STORE_STORE_SCHEMA_H

#define STORE_SCHEMA_VERSION 1

extern const char store_schema_sql[];

#endif
