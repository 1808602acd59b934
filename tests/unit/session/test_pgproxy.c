/* SPDX-License-Identifier: Apache-2.0
 *
 * The PostgreSQL proxy: sessions as clients see them, and that each command is in the recording before the server has
 * it.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

Test(pgproxy, answers)
{
	struct pxlab l;

	lab_up(&l);
	cr_expect(eq(str, (char *)lab_query(&l, "SELECT 1 AS one"), "TDCZ"));
	cr_expect(eq(str, (char *)lab_value(&l, 0, 0), "1"));
	cr_expect(eq(str, (char *)lab_query(&l, "SELECT email FROM customers WHERE id = 1"), "TDCZ"));
	cr_expect(ne(str, (char *)lab_value(&l, 0, 0), "user1@example.org"));
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}
