/* SPDX-License-Identifier: Apache-2.0
 *
 * The small fixed catalogue that the lineage tests judge by.
 */
#ifndef TESTS_LINEAGE_CAT_H
#define TESTS_LINEAGE_CAT_H

#include <string.h>

#include "sql/lineage.h"

enum { NAME = 1, EMAIL, PHONE, ADDRESS, BIRTH, NATIONAL, CARD, IBAN, IP, MONEY, TEXT, SECRET };

#define COLS(...) (const struct catalog_col[]){__VA_ARGS__}, sizeof((const struct catalog_col[]){__VA_ARGS__}) / sizeof(struct catalog_col)

static const struct {
	const char *name;
	bool trusted;
	const struct catalog_col *cols;
	size_t n;
} rels[] = {
	{"customers", true, COLS({"id", 0, false}, {"full_name", NAME, false}, {"email", EMAIL, false}, {"phone", PHONE, false}, {"ssn", NATIONAL, false},
				 {"birth_date", BIRTH, false}, {"address", ADDRESS, false}, {"city", ADDRESS, false}, {"country", 0, false}, {"status", 0, false},
				 {"created_at", 0, false}, {"email_verified", 0, false}, {"loyalty_points", 0, false})},
	{"orders", true, COLS({"order_id", 0, false}, {"customer_id", 0, false}, {"order_no", 0, false}, {"product_name", 0, false}, {"sku", 0, false}, {"status", 0, false},
			      {"amount", 0, false}, {"checksum", 0, false}, {"tracking_no", 0, false}, {"invoice_no", 0, false}, {"qty", 0, false})},
	{"payments", true, COLS({"id", 0, false}, {"order_no", 0, false}, {"amount", 0, false}, {"card_no", CARD, false}, {"iban", IBAN, false}, {"gateway_ref", 0, false})},
	{"employees", true, COLS({"id", 0, false}, {"name", NAME, false}, {"email", EMAIL, false}, {"salary", MONEY, false}, {"manager_id", 0, false}, {"department", 0, false})},
	{"catalog", true, COLS({"gtin13", 0, false}, {"name", 0, false}, {"author", NAME, false}, {"price", 0, false})},
	{"http_log", true, COLS({"id", 0, false}, {"client", IP, false}, {"path", 0, false}, {"app_version", 0, false})},
	{"vendors", true, COLS({"vendor_id", 0, false}, {"company_name", 0, false}, {"contact_person", NAME, false})},
	{"tickets", true, COLS({"id", 0, false}, {"customer_id", 0, false}, {"payload", TEXT, false})},
	{"log", true, COLS({"id", 0, false}, {"msg", 0, false})},
	{"v_customers", false, COLS({"id", 0, false}, {"mail", 0, false})},
	{"pgbench_accounts", true, COLS({"aid", 0, false}, {"bid", 0, false}, {"abalance", 0, false}, {"filler", 0, false})},
	{"pg_stat_activity", true, COLS({"pid", 0, false}, {"usename", 0, false}, {"query", 0, false}, {"state", 0, false})},
};

static bool find_relation(void *ctx, const char *schema, const char *name, struct catalog_rel *out)
{
	(void)ctx;
	if (schema != NULL && strcmp(schema, "public") != 0)
		return false;
	for (size_t i = 0; i < sizeof(rels) / sizeof(rels[0]); i++) {
		if (strcmp(rels[i].name, name) == 0) {
			*out = (struct catalog_rel){rels[i].trusted, rels[i].n, rels[i].cols, "public"};
			return true;
		}
	}
	return false;
}

static bool is_shadowed(void *ctx, const char *schema, const char *name)
{
	(void)ctx;
	return schema == NULL && strcmp(name, "initcap") == 0;
}

static const struct catalog cat = {NULL, find_relation, is_shadowed, 0};

#endif
