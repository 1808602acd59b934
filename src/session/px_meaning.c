/* SPDX-License-Identifier: Apache-2.0
 *
 * What a held statement means on this server, now: read from the server's catalogue by own statements on the user's connection,
 * before an approver is asked and again before the statement runs. Every relation that the text names, as the server resolves it,
 * with a digest of its definition; the relations and functions behind it (views, rules, triggers, policies, defaults, checks, cascades,
 * partitions); functions, operators and types of this database that it names; the text behind a prepared name or cursor; settings;
 * the database and its server. Nothing is decided here.
 *
 * The query must not fail, or it fails the user's transaction: no function that asks for a privilege, no name that is parsed, only
 * look-ups in the catalogue. All names in it are qualified, operators too: a search_path must not change what it does.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "session/px.h"
#include "wire/meaning.h"

#define QUERY_MAX (1u << 20)
#define ROWS_MAX  600 /* lines of meaning; more cannot be shown to a person */
#define WORDS_MAX 300 /* of a utility statement */
#define TEXTS_MAX 16  /* a text and what is prepared behind its names */

/* ---- parts of the query ---- */

#define EQ " OPERATOR(pg_catalog.=) "
#define CLASS(name) "'pg_catalog." name "'::pg_catalog.regclass::pg_catalog.oid"
#define DIGEST(text)                                                                                                   \
	"pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.decode(pg_catalog.replace(" text                 \
	", '\\', '\\\\'), 'escape')), 'hex'), 1, 32)"
/* All rows of a catalogue that belong to the relation r, as one text. */
#define ROWS_OF(catalog, alias, where, order)                                                                          \
	"(SELECT pg_catalog.string_agg(pg_catalog.to_jsonb(" alias ")::pg_catalog.text, ',' ORDER BY " alias "." order     \
	") FROM pg_catalog." catalog " " alias " WHERE " where ")"

/* named: (schema or NULL, name), called: names of functions, "schema.function", operators, "::type"; asked: prepared names; opened:
 * cursors; declared: oids of parameter types. */
static const char query_found[] =
    ", found(s, n, oid, meant) AS (SELECT d.s, d.n, c.oid, d.s IS NOT NULL OR pg_catalog.pg_table_is_visible(c.oid) FROM named d "
    "JOIN pg_catalog.pg_class c ON c.relname" EQ "d.n::pg_catalog.name "
    "JOIN pg_catalog.pg_namespace s ON s.oid" EQ "c.relnamespace WHERE CASE "
    "WHEN d.s IS NULL THEN s.nspname" EQ "ANY (pg_catalog.current_schemas(true)) "
    "WHEN d.s" EQ "'pg_temp' THEN s.oid" EQ "pg_catalog.pg_my_temp_schema() "
    "ELSE s.nspname" EQ "d.s::pg_catalog.name END), "
    /* the relations behind them */
    "reach(oid) AS (SELECT oid FROM (SELECT oid FROM found UNION ALL SELECT c.oid FROM words JOIN pg_catalog.pg_class c ON c.relname" EQ
    "words.w::pg_catalog.name WHERE c.oid OPERATOR(pg_catalog.>=) 16384 AND pg_catalog.pg_table_is_visible(c.oid)) q UNION SELECT x.oid FROM reach r CROSS JOIN LATERAL ("
    "SELECT d.refobjid FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.classid" EQ CLASS("pg_rewrite")
    " AND d.objid" EQ "w.oid AND d.refclassid" EQ CLASS("pg_class") " WHERE w.ev_class" EQ "r.oid "
    "UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent" EQ "r.oid "
    "UNION ALL SELECT k.conrelid FROM pg_catalog.pg_constraint k WHERE k.confrelid" EQ "r.oid AND (k.confdeltype" EQ
    "ANY ('{c,n,d}'::pg_catalog.\"char\"[]) OR k.confupdtype" EQ "ANY ('{c,n,d}'::pg_catalog.\"char\"[]))) x(oid) "
    "WHERE x.oid OPERATOR(pg_catalog.>=) 16384), "
    "types(oid) AS (SELECT t.oid FROM pg_catalog.pg_type t JOIN called ON called.f" EQ
    "pg_catalog.concat('::', pg_catalog.lower(t.typname::pg_catalog.text COLLATE pg_catalog.\"C\")) WHERE t.oid OPERATOR(pg_catalog.>=) 16384 "
    "UNION SELECT t.oid FROM pg_catalog.pg_type t JOIN declared ON t.oid" EQ "declared.oid WHERE t.oid OPERATOR(pg_catalog.>=) 16384 "
    "UNION SELECT a.atttypid FROM reach r JOIN pg_catalog.pg_attribute a ON a.attrelid" EQ "r.oid "
    "WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND a.atttypid OPERATOR(pg_catalog.>=) 16384 "
    "UNION SELECT pg_catalog.unnest(p.parameter_types::pg_catalog.oid[]) FROM pg_catalog.pg_prepared_statements p "
    "JOIN asked ON asked.n" EQ "p.name), ";

/* What belongs to them and may run code, and the functions it may run. */
static const char query_code[] =
    "parts(c, o) AS (SELECT " CLASS("pg_rewrite") ", w.oid FROM pg_catalog.pg_rewrite w JOIN reach r ON w.ev_class" EQ "r.oid "
    "UNION ALL SELECT " CLASS("pg_trigger") ", t.oid FROM pg_catalog.pg_trigger t JOIN reach r ON t.tgrelid" EQ "r.oid "
    "UNION ALL SELECT " CLASS("pg_policy") ", p.oid FROM pg_catalog.pg_policy p JOIN reach r ON p.polrelid" EQ "r.oid "
    "UNION ALL SELECT " CLASS("pg_attrdef") ", a.oid FROM pg_catalog.pg_attrdef a JOIN reach r ON a.adrelid" EQ "r.oid "
    "UNION ALL SELECT " CLASS("pg_constraint") ", k.oid FROM pg_catalog.pg_constraint k JOIN reach r ON k.conrelid" EQ "r.oid "
    "UNION ALL SELECT " CLASS("pg_constraint") ", k.oid FROM pg_catalog.pg_constraint k JOIN types t ON k.contypid" EQ "t.oid "
    "UNION ALL SELECT " CLASS("pg_cast") ", k.oid FROM pg_catalog.pg_cast k JOIN types t ON t.oid" EQ "ANY (ARRAY[k.castsource, k.casttarget]) "
    "UNION ALL SELECT " CLASS("pg_operator") ", o.oid FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace s ON s.oid" EQ
    "o.oprnamespace JOIN called ON called.f" EQ "ANY (ARRAY[o.oprname::pg_catalog.text, pg_catalog.concat(s.nspname, '.', o.oprname)]) WHERE o.oid OPERATOR(pg_catalog.>=) 16384), "
    "procs(oid) AS (SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace s ON s.oid" EQ "p.pronamespace "
    "JOIN called ON called.f" EQ "pg_catalog.lower(p.proname::pg_catalog.text COLLATE pg_catalog.\"C\") OR called.f" EQ
    "pg_catalog.lower(pg_catalog.concat(s.nspname, '.', p.proname) COLLATE pg_catalog.\"C\") WHERE p.oid OPERATOR(pg_catalog.>=) 16384 "
    "UNION SELECT d.refobjid FROM parts JOIN pg_catalog.pg_depend d ON d.classid" EQ "parts.c AND d.objid" EQ "parts.o "
    "AND d.refclassid" EQ CLASS("pg_proc") " WHERE d.refobjid OPERATOR(pg_catalog.>=) 16384 "
    "UNION SELECT o.oprcode::pg_catalog.oid FROM parts JOIN pg_catalog.pg_depend d ON d.classid" EQ "parts.c AND d.objid" EQ
    "parts.o AND d.refclassid" EQ CLASS("pg_operator") " JOIN pg_catalog.pg_operator o ON o.oid" EQ "d.refobjid "
    "WHERE o.oprcode::pg_catalog.oid OPERATOR(pg_catalog.>=) 16384), "
    "inner_procs(oid) AS (SELECT oid FROM procs UNION SELECT d.refobjid FROM inner_procs p JOIN pg_catalog.pg_depend d ON d.classid" EQ
    CLASS("pg_proc") " AND d.objid" EQ "p.oid AND d.refclassid" EQ CLASS("pg_proc") " WHERE d.refobjid OPERATOR(pg_catalog.>=) 16384), ";

/* How each of them is spoken of. */
static const char query_shapes[] =
    "shapes(oid, what, name) AS (SELECT c.oid, pg_catalog.concat(CASE WHEN c.relpersistence" EQ "'t' THEN 'temporary ' END, "
    "CASE c.relkind::pg_catalog.text WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' "
    "WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' "
    "WHEN 'I' THEN 'partitioned index' WHEN 'c' THEN 'type' ELSE 'relation' END, ' ', pg_catalog.quote_ident(s.nspname), '.', "
    "pg_catalog.quote_ident(c.relname), ' (oid ', c.oid, ')', CASE WHEN c.oid OPERATOR(pg_catalog.>=) 16384 THEN "
    "pg_catalog.concat(', definition ', " DIGEST(
	"pg_catalog.concat_ws(' ', c.relname, c.relnamespace, c.relowner, c.relkind, c.relpersistence, c.relrowsecurity, "
	"c.relforcerowsecurity, c.relispartition, c.relpartbound::pg_catalog.text, c.reloptions::pg_catalog.text, "
	ROWS_OF("pg_attribute", "a", "a.attrelid" EQ "c.oid AND a.attnum OPERATOR(pg_catalog.>) 0", "attnum") ", "
	ROWS_OF("pg_attrdef", "a", "a.adrelid" EQ "c.oid", "adnum") ", "
	ROWS_OF("pg_rewrite", "w", "w.ev_class" EQ "c.oid", "rulename") ", "
	ROWS_OF("pg_trigger", "t", "t.tgrelid" EQ "c.oid", "tgname") ", "
	ROWS_OF("pg_policy", "p", "p.polrelid" EQ "c.oid", "polname") ", "
	ROWS_OF("pg_constraint", "k", "c.oid" EQ "ANY (ARRAY[k.conrelid, k.confrelid])", "oid") ", "
	ROWS_OF("pg_inherits", "i", "c.oid" EQ "ANY (ARRAY[i.inhrelid, i.inhparent])", "inhrelid") ")")
    ") END), pg_catalog.concat(pg_catalog.quote_ident(s.nspname), '.', pg_catalog.quote_ident(c.relname)) "
    "FROM reach r JOIN pg_catalog.pg_class c ON c.oid" EQ "r.oid JOIN pg_catalog.pg_namespace s ON s.oid" EQ "c.relnamespace) ";

static const char query_relations[] =
    "SELECT 2, pg_catalog.concat('relation ', CASE WHEN d.s IS NOT NULL THEN pg_catalog.concat(pg_catalog.quote_ident(d.s), '.') END, "
    "pg_catalog.quote_ident(d.n)), COALESCE((SELECT pg_catalog.string_agg(pg_catalog.concat(CASE WHEN NOT f.meant THEN (SELECT w FROM hides) END, h.what), "
    "', ' ORDER BY f.meant DESC, h.oid) FROM found f JOIN shapes h ON h.oid" EQ "f.oid WHERE f.n" EQ "d.n AND "
    "(f.s" EQ "d.s OR f.s IS NULL AND d.s IS NULL)), 'nothing') FROM named d ";

static const char query_rest[] =
    "UNION ALL SELECT 3, pg_catalog.concat('behind ', h.name), h.what FROM shapes h "
    "WHERE NOT EXISTS (SELECT 1 FROM found f WHERE f.oid" EQ "h.oid) "
    "UNION ALL SELECT 4, pg_catalog.concat('function ', pg_catalog.quote_ident(s.nspname), '.', pg_catalog.quote_ident(p.proname), '(', "
    "pg_catalog.pg_get_function_identity_arguments(p.oid), ')'), pg_catalog.concat('oid ', p.oid, ', definition ', " DIGEST(
	"pg_catalog.to_jsonb(p)::pg_catalog.text") ") FROM inner_procs i JOIN pg_catalog.pg_proc p ON p.oid" EQ "i.oid "
    "JOIN pg_catalog.pg_namespace s ON s.oid" EQ "p.pronamespace "
    "UNION ALL SELECT 5, pg_catalog.concat('operator ', o.oprname, ' ', o.oid), pg_catalog.concat('function oid ', o.oprcode::pg_catalog.oid) "
    "FROM parts JOIN pg_catalog.pg_operator o ON parts.c" EQ CLASS("pg_operator") " AND parts.o" EQ "o.oid "
    "UNION ALL SELECT 6, pg_catalog.concat('type ', pg_catalog.quote_ident(s.nspname), '.', pg_catalog.quote_ident(t.typname)), "
    "pg_catalog.concat('oid ', t.oid, ', definition ', " DIGEST("pg_catalog.concat_ws(' ', pg_catalog.to_jsonb(t)::pg_catalog.text, "
	ROWS_OF("pg_constraint", "k", "k.contypid" EQ "t.oid", "oid") ", "
	ROWS_OF("pg_enum", "e", "e.enumtypid" EQ "t.oid", "enumsortorder") ", "
	ROWS_OF("pg_cast", "c", "t.oid" EQ "ANY (ARRAY[c.castsource, c.casttarget])", "oid") ")")
    ") FROM types x JOIN pg_catalog.pg_type t ON t.oid" EQ "x.oid JOIN pg_catalog.pg_namespace s ON s.oid" EQ "t.typnamespace "
    "WHERE t.oid OPERATOR(pg_catalog.>=) 16384 "
    "UNION ALL SELECT 6, pg_catalog.concat('schema ', s.nspname), pg_catalog.concat('oid ', s.oid, ', ', "
    "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c WHERE c.relnamespace" EQ "s.oid), ' relations, content ', " DIGEST(
	"pg_catalog.concat_ws(' ', pg_catalog.to_jsonb(s)::pg_catalog.text, "
	"(SELECT pg_catalog.string_agg(pg_catalog.concat(c.oid, c.relname, c.relkind), ',' ORDER BY c.oid) FROM pg_catalog.pg_class c "
	"WHERE c.relnamespace" EQ "s.oid), (SELECT pg_catalog.string_agg(p.oid::pg_catalog.text, ',' ORDER BY p.oid) "
	"FROM pg_catalog.pg_proc p WHERE p.pronamespace" EQ "s.oid))")
    ") FROM words JOIN pg_catalog.pg_namespace s ON s.nspname" EQ "words.w::pg_catalog.name WHERE s.oid OPERATOR(pg_catalog.>=) 16384 "
    "OR s.nspname" EQ "'public' "
    "UNION ALL SELECT 6, pg_catalog.concat('role ', r.rolname), pg_catalog.concat('oid ', r.oid) FROM words "
    "JOIN pg_catalog.pg_roles r ON r.rolname" EQ "words.w::pg_catalog.name "
    "UNION ALL SELECT 1, pg_catalog.concat('prepared ', asked.n), COALESCE((SELECT pg_catalog.concat('(', pg_catalog.array_to_string("
    "p.parameter_types, ', '), ') ', p.statement) FROM pg_catalog.pg_prepared_statements p WHERE p.name" EQ "asked.n), 'nothing') FROM asked "
    "UNION ALL SELECT 1, pg_catalog.concat('cursor ', p.name), p.statement FROM cursors p "
    "UNION ALL SELECT 0, 'database', pg_catalog.concat(d.datname, ' (oid ', d.oid, ')') FROM pg_catalog.pg_database d "
    "WHERE d.datname" EQ "pg_catalog.current_database() "
    "UNION ALL SELECT 7, 'setting current_user', current_user::pg_catalog.text "
    "UNION ALL SELECT 7, 'setting session_user', session_user::pg_catalog.text "
    "UNION ALL SELECT 7, 'setting schemas', pg_catalog.array_to_string(pg_catalog.current_schemas(false), ', ') "
    "UNION ALL SELECT 8, pg_catalog.concat('setting ', g.name), g.setting FROM pg_catalog.pg_settings g "
    "WHERE g.name" EQ "ANY (ARRAY['search_path', 'TimeZone', 'DateStyle', 'IntervalStyle', 'row_security', 'session_replication_role', "
    "'standard_conforming_strings', 'client_encoding', 'check_function_bodies']) "
    "OR g.name" EQ "ANY (ARRAY['allow_system_table_mods', 'array_nulls', 'backslash_quote', 'bytea_output', 'createrole_self_grant', "
    "'default_table_access_method', 'default_tablespace', 'default_text_search_config', 'default_toast_compression', "
    "'default_transaction_deferrable', 'default_transaction_isolation', 'default_transaction_read_only', 'event_triggers', "
    "'extra_float_digits', 'ignore_checksum_failure', 'ignore_system_indexes', 'lc_monetary', 'lc_numeric', 'lc_time', "
    "'lo_compat_privileges', 'password_encryption', 'plpgsql.variable_conflict', 'quote_all_identifiers', "
    "'restrict_nonsystem_relation_kind', 'temp_tablespaces', 'timezone_abbreviations', 'transaction_deferrable', "
    "'transaction_isolation', 'transaction_read_only', 'transform_null_equals', 'xmlbinary', 'xmloption', 'zero_damaged_pages']) "
    "AND (g.setting" EQ "g.boot_val) IS NOT TRUE ";

/* ---- the query of one statement ---- */

/* The text and all that is prepared behind the names it executes. */
struct texts {
	const struct px_text *v[TEXTS_MAX];
	size_t n;
	bool too_many;
};

static void texts_add(struct pgproxy *x, struct texts *ts, const struct px_text *t)
{
	for (size_t i = 0; i < ts->n; i++)
		if (ts->v[i] == t)
			return;
	if (ts->n == TEXTS_MAX) {
		ts->too_many = true;
		return;
	}
	ts->v[ts->n++] = t;
	for (size_t i = 0; i < t->facts.n_execs; i++) {
		const struct px_stmt *s = px_stmt_find(x, span_str(t->facts.execs[i]));

		if (s != NULL)
			texts_add(x, ts, s->text);
	}
}

static void put_literal(struct buf *q, struct span s)
{
	buf_put_u8(q, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\'')
			buf_put_u8(q, '\'');
		buf_put_u8(q, s.p[i]);
	}
	buf_put_str(q, "'::pg_catalog.text");
}

static bool is_word(uint8_t c)
{
	return isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

/* A list of the query: name(columns), one row per item, without duplicates. first: a row of the right types, which is dropped. */
static void list_begin(struct buf *q, const char *name, const char *columns, const char *first)
{
	buf_printf(q, "%s %s(%s) AS (SELECT DISTINCT v.* FROM (VALUES (%s)", buf_len(q) == 0 ? "WITH RECURSIVE" : ",", name, columns, first);
}

static void list_item(struct buf *q, const char *s)
{
	buf_put_str(q, ", (");
	put_literal(q, span_str(s));
	buf_put_str(q, ")");
}

static void list_end(struct buf *q, const char *columns, const char *key)
{
	buf_printf(q, ") v(%s) WHERE v.%s IS NOT NULL)", columns, key);
}

static void put_named(struct buf *q, const struct texts *ts)
{
	list_begin(q, "named", "s, n", "NULL::pg_catalog.text, NULL::pg_catalog.text");
	for (size_t i = 0; i < ts->n; i++)
		for (size_t k = 0; k < ts->v[i]->facts.n_rels; k++) {
			const struct sql_rel *r = &ts->v[i]->facts.rels[k];

			buf_put_str(q, ", (");
			if (r->schema != NULL)
				put_literal(q, span_str(r->schema));
			else
				buf_put_str(q, "NULL");
			buf_put_str(q, ", ");
			put_literal(q, span_str(r->name));
			buf_put_str(q, ")");
		}
	list_end(q, "s, n", "n");
}

/* The next name of a text, as the server folds it; *rest moves behind it. False at the end. */
static bool word_next(struct span *rest, char word[PX_NAME_LEN + 1])
{
	size_t i = 0, n = 0;
	bool quoted;

	while (i < rest->n && rest->p[i] != '"' && !is_word(rest->p[i]))
		i++;
	if (i == rest->n)
		return false;
	quoted = rest->p[i] == '"';
	for (i += quoted; i < rest->n && (quoted ? rest->p[i] != '"' : is_word(rest->p[i])); i++)
		if (n < PX_NAME_LEN)
			word[n++] = quoted ? (char)rest->p[i] : (char)tolower(rest->p[i]);
	i += quoted && i < rest->n;
	while (n > 0 && !span_is_utf8(span_of(word, n))) /* cut inside a character: the server would refuse the query */
		n--;
	word[n] = '\0';
	*rest = span_of(rest->p + i, rest->n - i);
	return true;
}

/* Utility statements speak of schemas, functions, types, triggers and roles, of which the facts have no list: every word of the text
 * that is the name of one of these counts. */
static void put_words(struct buf *q, const struct px_text *t, const char *before)
{
	struct span rest = span_of(t->sql, t->n_sql);
	char word[PX_NAME_LEN + 1], item[PX_NAME_LEN + 8];

	if ((t->facts.flags & SQLF_UTILITY) == 0)
		return;
	for (size_t n = 0; n < WORDS_MAX && word_next(&rest, word); n++) {
		(void)snprintf(item, sizeof(item), "%s%s", before, word);
		if (word[0] != '\0')
			list_item(q, item);
	}
}

static void put_called(struct buf *q, const struct texts *ts)
{
	list_begin(q, "called", "f", "NULL::pg_catalog.text");
	for (size_t i = 0; i < ts->n; i++) {
		for (size_t k = 0; k < ts->v[i]->facts.n_funcs; k++)
			list_item(q, ts->v[i]->facts.funcs[k]);
		put_words(q, ts->v[i], "");
		put_words(q, ts->v[i], "::");
	}
	list_end(q, "f", "f");
	list_begin(q, "words", "w", "NULL::pg_catalog.text");
	for (size_t i = 0; i < ts->n; i++)
		put_words(q, ts->v[i], "");
	list_end(q, "w", "w");
}

static void put_asked(struct buf *q, const struct texts *ts)
{
	list_begin(q, "asked", "n", "NULL::pg_catalog.text");
	for (size_t i = 0; i < ts->n; i++)
		for (size_t k = 0; k < ts->v[i]->facts.n_execs; k++)
			list_item(q, ts->v[i]->facts.execs[k]);
	list_end(q, "n", "n");
}

/* Does it say "current" (of a cursor)? The facts do not name the cursor. */
static bool says_current(struct span sql)
{
	for (size_t i = 0; i + 7 <= sql.n; i++)
		if (span_is_nocase(span_of(sql.p + i, 7), "current"))
			return true;
	return false;
}

/* Cursors that the text names: FETCH, MOVE, CLOSE; all of them for WHERE CURRENT OF. */
static void put_opened(struct buf *q, const struct texts *ts)
{
	bool all = false;

	list_begin(q, "opened", "n", "NULL::pg_catalog.text");
	for (size_t i = 0; i < ts->n; i++) {
		all |= says_current(span_of(ts->v[i]->sql, ts->v[i]->n_sql));
		for (size_t k = 0; k < ts->v[i]->facts.n_stmts; k++)
			if (ts->v[i]->facts.stmts[k].name[0] != '\0')
				list_item(q, ts->v[i]->facts.stmts[k].name);
	}
	list_end(q, "n", "n");
	buf_printf(q, ", cursors(name, statement) AS (SELECT p.name, p.statement FROM pg_catalog.pg_cursors p "
		      "WHERE p.name" EQ "ANY (SELECT n FROM opened)%s)",
	    all ? " OR p.name OPERATOR(pg_catalog.<>) ALL (ARRAY['', 'sallyport_own'])" : "");
}

static void put_declared(struct buf *q, const struct px_hold *h)
{
	list_begin(q, "declared", "oid", "NULL::pg_catalog.oid");
	for (size_t i = 0; i < h->n_types; i++)
		if (h->declared[i] != 0)
			buf_printf(q, ", (%u::pg_catalog.oid)", h->declared[i]);
	list_end(q, "oid", "oid");
}

/* Resolved before now: by Parse or Bind, or when it was prepared. What hides another name may have come later. */
static bool resolved_before(const struct px_hold *h)
{
	return h->text->facts.n_execs > 0 || (h->extended && (h->text->facts.flags & SQLF_UTILITY) == 0);
}

static void put_query(struct buf *q, const struct px_hold *h, const struct texts *ts)
{
	put_named(q, ts);
	put_called(q, ts);
	put_asked(q, ts);
	put_opened(q, ts);
	put_declared(q, h);
	buf_printf(q, ", hides(w) AS (SELECT '%s'::pg_catalog.text)", resolved_before(h) ? "or " : "hides ");
	buf_put_str(q, query_found);
	buf_put_str(q, query_code);
	buf_put_str(q, query_shapes);
	buf_put_str(q, query_relations);
	buf_put_str(q, query_rest);
	buf_printf(q, "ORDER BY 1, 2 LIMIT %d", ROWS_MAX + 1);
}

/* ---- its answer ---- */

static int meaning_row(struct pgproxy *x, struct pg_row *row)
{
	struct px_hold *h = &x->hold;
	struct pg_value v[3];

	for (size_t i = 0; i < 3; i++)
		if (!pg_row_next(row, &v[i]))
			return E_FORMAT;
	if (pg_row_end(row) != 0)
		return E_FORMAT;
	if (++h->n_lines <= ROWS_MAX)
		meaning_put(&h->meaning, v[1].data, v[2].data);
	else
		h->too_much = true;
	return 0;
}

static void meaning_done(struct pgproxy *x, const char *sqlstate)
{
	if (sqlstate[0] != '\0')
		x->hold.failed = true;
	meaning_put(&x->hold.meaning, span_str("server"), span_str(x->server));
}

/* ---- types that the client left to the server ---- */

void px_meaning_types(struct pgproxy *x, struct span body)
{
	struct px_hold *h = &x->hold;
	struct span oids;
	uint16_t n;

	if (pg_read_param_types(body, &oids, &n) != 0)
		return;
	for (size_t i = 0; i < h->n_types && i < n; i++)
		if (h->types[i] == 0)
			h->types[i] = pg_oid_at(oids, i);
}

static void types_done(struct pgproxy *x, const char *sqlstate)
{
	if (sqlstate[0] != '\0')
		x->hold.failed = true;
}

/* Ahead of the query, in its group. */
static void types_ask(struct pgproxy *x)
{
	struct px_hold *h = &x->hold;
	struct px_exp *e;
	size_t open = 0;
	struct buf b;

	for (size_t i = 0; i < h->n_types; i++)
		open += h->types[i] == 0;
	if (open == 0 || h->other_stmt)
		return;
	buf_init(&b, PG_SMALL_MAX + 64);
	pg_put_describe(&b, 'S', buf_span(&h->stmt));
	px_up_put(x->to_up, px_record_own(x, "parameter types of a held statement", "Describe"), &b);
	buf_clear(&b);
	e = px_expect(x, EXP_DESCRIBE);
	e->own = e->stmt_target = true;
	e->done = types_done;
}

void px_meaning_read(struct pgproxy *x)
{
	struct px_hold *h = &x->hold;
	struct texts ts = {.n = 0};
	struct buf q;

	buf_reset(&h->meaning);
	h->n_lines = 0;
	texts_add(x, &ts, h->text);
	buf_init(&q, QUERY_MAX);
	put_query(&q, h, &ts);
	h->too_much = ts.too_many || buf_err(&q) != 0;
	if (h->too_much) {
		buf_clear(&q);
		return;
	}
	types_ask(x);
	(void)px_own_extended(x, "meaning of a held statement", buf_cstr(&q), meaning_row, meaning_done, false);
	buf_clear(&q);
}

/* ---- which server ---- */

static const char server_sql[] =
    "SELECT pg_catalog.concat('system ', s.system_identifier, ', started at ', "
    "pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())) FROM pg_catalog.pg_control_system() s";

static int server_row(struct pgproxy *x, struct pg_row *row)
{
	struct pg_value v;

	if (!pg_row_next(row, &v) || v.null || pg_row_end(row) != 0)
		return E_FORMAT;
	(void)snprintf(x->server, sizeof(x->server), "%.*s", (int)v.data.n, (const char *)v.data.p);
	return 0;
}

/* Where it may not be asked, an approval is good in this session only. */
static void server_done(struct pgproxy *x, const char *sqlstate)
{
	if (sqlstate[0] != '\0' || x->server[0] == '\0')
		(void)snprintf(x->server, sizeof(x->server), "does not say which it is; session %s", x->sid);
}

void px_meaning_server(struct pgproxy *x)
{
	(void)px_own_extended(x, "which server it is", server_sql, server_row, server_done, false);
}
