/* SPDX-License-Identifier: Apache-2.0
 *
 * Printing of result rows: psql-like tables, CSV (RFC 4180), JSON lines. Values come from the database: escaped for a
 * terminal in tables; CSV and JSON carry them as they are, encoded.
 */
#ifndef SP_CMD_CONSOLE_OUT_H
#define SP_CMD_CONSOLE_OUT_H

#include <stdbool.h>

#include "cmd/console.h"

struct pg_result; /* libpq's PGresult */

void console_print_rows(const struct pg_result *r, enum console_format format, bool expanded);

#endif
