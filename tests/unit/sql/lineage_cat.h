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
	{"customers", true, COLS({"id", 0}, {"full_name", NAME}, {"email", EMAIL}, {"phone", PHONE}, {"ssn", NATIONAL},
				 {"birth_date", BIRTH}, {"address", ADDRESS}, {"city", ADDRESS}, {"country", 0}, {"status", 0},
				 {"created_at", 0}, {"email_verified", 0}, {"loyalty_points", 0})},
	{"orders", true, COLS({"order_id", 0}, {"customer_id", 0}, {"order_no", 0}, {"product_name", 0}, {"sku", 0}, {"status", 0},
			      {"amount", 0}, {"checksum", 0}, {"tracking_no", 0}, {"invoice_no", 0}, {"qty", 0})},
	{"payments", true, COLS({"id", 0}, {"order_no", 0}, {"amount", 0}, {"card_no", CARD}, {"iban", IBAN}, {"gateway_ref", 0})},
	{"employees", true, COLS({"id", 0}, {"name", NAME}, {"email", EMAIL}, {"salary", MONEY}, {"manager_id", 0}, {"department", 0})},
	{"catalog", true, COLS({"gtin13", 0}, {"name", 0}, {"author", NAME}, {"price", 0})},
	{"http_log", true, COLS({"id", 0}, {"client", IP}, {"path", 0}, {"app_version", 0})},
	{"vendors", true, COLS({"vendor_id", 0}, {"company_name", 0}, {"contact_person", NAME})},
	{"tickets", true, COLS({"id", 0}, {"customer_id", 0}, {"payload", TEXT})},
	{"log", true, COLS({"id", 0}, {"msg", 0})},
	{"v_customers", false, COLS({"id", 0}, {"mail", 0})},
	{"pgbench_accounts", true, COLS({"aid", 0}, {"bid", 0}, {"abalance", 0}, {"filler", 0})},
	{"pg_stat_activity", true, COLS({"pid", 0}, {"usename", 0}, {"query", 0}, {"state", 0})},
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

static const struct catalog cat = {NULL, find_relation, is_shadowed};

#endif
