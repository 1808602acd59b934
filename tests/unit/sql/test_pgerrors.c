/* SPDX-License-Identifier: Apache-2.0
 *
 * Which texts of the server pass, by where they come from: each way that lets one pass, and beside it what differs
 * from it in one thing and must not.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "sql/pgerrors.h"

#define STR(s) ((char *)(uintptr_t)(s))
#define EITHER PGERR_EITHER
#define BEFORE PGERR_BEFORE
#define RUNNING PGERR_RUNNING

/* "C42703|Rroutine|Mtext" to a message's body. */
static void body_of(const char *spec, struct buf *b)
{
	while (*spec != '\0') {
		size_t n = strcspn(spec, "|");

		buf_put_span(b, span_of(spec, n));
		buf_put_u8(b, 0);
		spec += n + (spec[n] == '|');
	}
	buf_put_u8(b, 0);
}

static bool named(void *ctx, struct span name)
{
	(void)ctx;
	return span_is(name, "customers") || span_is(name, "email") || span_is(name, "orders") || span_is(name, "id");
}

static void scrub(const struct pgerror_scene *s, const char *spec, char *out, size_t cap)
{
	struct buf body, got;
	struct cur c;
	struct span v;
	uint8_t code;

	buf_init(&body, 65536);
	buf_init(&got, 65536);
	body_of(spec, &body);
	pgerror_scrub(s, buf_span(&body), &got);
	cr_expect(eq(int, pg_read_error(buf_span(&got)), 0), "%s", spec);
	out[0] = '\0';
	c = cur_of(buf_span(&got));
	while (pg_error_next(&c, &code, &v))
		snprintf(out + strlen(out), cap - strlen(out), "%s%c%.*s", out[0] != '\0' ? "|" : "", code, (int)v.n, v.p);
	buf_clear(&body);
	buf_clear(&got);
}

#define SYNTAX "SERROR|VERROR|C42601|Msyntax error at or near \"from\"|P8|Fscan.l|L1188|Rscanner_yyerror"
#define UNIQUE_M "duplicate key value violates unique constraint \"customers_pkey\""
#define UNIQUE_F "|spublic|tcustomers|ncustomers_pkey|Fnbtinsert.c|R_bt_check_unique"

static const struct {
	const char *sql;
	enum pgerror_when when;
	bool clear, code, copy;
	const char *in;
	const char *out; /* "=": as it is */
} cases[] = {
    /* before any row is looked at, and where nothing is sensitive: as it is */
    {"select emial from customers", BEFORE, 0, 0, 0, "SERROR|VERROR|C42703|Mcolumn \"emial\" does not exist|HPerhaps you meant to "
	"reference the column \"customers.email\".|P8|Fparse_relation.c|RerrorMissingColumn", "="},
    {"select from from", BEFORE, 0, 0, 0, SYNTAX, "="},
    {"select 1", EITHER, 1, 0, 0, "SERROR|C22P02|Minvalid input syntax for type integer: \"x\"|Fnumutils.c|Rpg_strtoint32", "="},
    {"select 1", RUNNING, 1, 0, 0, "SERROR|C22P02|Minvalid input syntax for type json|DToken \"x\" is invalid.|WJSON data, line 1: x"
	"|Fjsonfuncs.c|Rjson_ereport_error", "="},
    /* ... but not what a function says */
    {"select f()", BEFORE, 0, 1, 0, "SERROR|VERROR|CP0001|Mit is Alan|Fpl_exec.c|Rexec_stmt_raise", "SERROR|VERROR|CP0001|M!"},
    {"select 1", RUNNING, 1, 0, 0, "SERROR|CP0001|Mit is Alan|WPL/pgSQL function f() line 1 at RAISE|Fpl_exec.c|Rexec_stmt_raise",
	"SERROR|CP0001|M!"},
    {"select 1", RUNNING, 1, 0, 0, "SERROR|C22012|Mit is Alan|WSQL function \"f\" statement 1|Fint.c|Rint4div", "SERROR|C22012|M!"},
    {"select 1", BEFORE, 0, 0, 0, "SERROR|C22012|Mit is Alan|WJSON data, line 1: x\nSQL statement \"select\"|Fint.c|Rx",
	"SERROR|C22012|M!"},
    {"select 1", BEFORE, 0, 0, 0, "SERROR|C42601|Mit is Alan|qselect secret|p8|Fscan.l|Rscanner_yyerror", "SERROR|C42601|M!"},
    {"select 1", RUNNING, 1, 0, 0, "SERROR|CXX000|Mit is Alan", "SERROR|CXX000|M!"}, /* from nowhere */
    {"select 1", RUNNING, 1, 0, 0, "SERROR|C22023|Mit is Alan|Wremote SQL command: SELECT 1|Fconnection.c|Rpgfdw_report_error",
	"SERROR|C22023|M!"},
    /* rows were read: only the SQLSTATE */
    {"select email::regtype from customers", RUNNING, 0, 0, 0, "SERROR|VERROR|C42601|Msyntax error at or near \"@\"|P6|Winvalid type "
	"name \"user1@example.org\"|Fscan.l|Rscanner_yyerror", "SERROR|VERROR|C42601|M!"},
    {"select '@' from customers", EITHER, 0, 0, 0, "SERROR|VERROR|C42601|Msyntax error at or near \"@\"|P6|Winvalid type name \"u@e\""
	"|Fscan.l|Rscanner_yyerror", "SERROR|VERROR|C42601|M!"},
    {"select \"user1\" from customers", RUNNING, 0, 0, 0, "SERROR|VERROR|C42704|Mtype \"user1\" does not exist|P8|Fparse_type.c|R"
	"typenameType", "SERROR|VERROR|C42704|M!"},
    {"update customers set city = 'user1'", EITHER, 0, 0, 0, "SERROR|VERROR|C42704|Mtype \"user1\" does not exist|Fparse_type.c|R"
	"typenameType", "SERROR|VERROR|C42704|M!"}, /* no position: not of the statement */
    {"update customers set city = 'user1'", EITHER, 0, 0, 0, "SERROR|VERROR|C42P01|Mrelation \"user1\" does not exist|Fnamespace.c|R"
	"RangeVarGetRelidExtended", "SERROR|VERROR|C42P01|M!"},
    {"update customers set city = 'x'", EITHER, 0, 0, 0, "SERROR|VERROR|C22P02|Minvalid input syntax for type integer: \"x\"|Fnumutils.c"
	"|Rpg_strtoint32", "SERROR|VERROR|C22P02|M!"},
    {"select 1", RUNNING, 0, 0, 0, "SERROR|C22012|Mdivision by zero|Fint.c|Rint4div", "SERROR|C22012|Mdivision by zero"},
    {"select 1", RUNNING, 0, 0, 0, "SNOTICE|C00000|Midentifier \"alan\" will be truncated to \"al\"|Fscansup.c|Rtruncate_identifier",
	"SNOTICE|C00000|M!"},
    /* words of the statement, from analysis */
    {"update customers set emial='x'", EITHER, 0, 0, 0, "SERROR|VERROR|C42703|Mcolumn \"emial\" of relation \"customers\" does not exist"
	"|P22|Fanalyze.c|L1|RtransformUpdateTargetList", "SERROR|VERROR|C42703|Mcolumn \"emial\" of relation \"customers\" does not exist|P22"},
    {"update customers set city='x' where nofunc(id)=1", EITHER, 0, 0, 0, "SERROR|VERROR|C42883|Mfunction nofunc(integer) does not exist"
	"|HNo function matches the given name and argument types. You might need to add explicit type casts.|P37|Fparse_func.c|R"
	"ParseFuncOrColumn", "SERROR|VERROR|C42883|Mfunction nofunc(integer) does not exist|HNo function matches the given name and "
	"argument types. You might need to add explicit type casts.|P37"},
    {"insert into customers(id) values ('abc')", EITHER, 0, 0, 0, "SERROR|VERROR|C22P02|Minvalid input syntax for type integer: \"abc\""
	"|P35|Fnumutils.c|Rpg_strtoint32", "SERROR|VERROR|C22P02|Minvalid input syntax for type integer: \"abc\"|P35"},
    {"insert into customers(id) values ('abc')", EITHER, 0, 0, 0, "SERROR|VERROR|C22P02|Minvalid input syntax for type integer: \"ab\""
	"|P35|Fnumutils.c|Rpg_strtoint32", "SERROR|VERROR|C22P02|M!"}, /* a piece of a word is none */
    {"insert into customers(id) values ('a''b\"c')", EITHER, 0, 0, 0, "SERROR|VERROR|C22P02|Minvalid input syntax for type integer: "
	"\"a'b\"c\"|P35|Fnumutils.c|Rx", "SERROR|VERROR|C22P02|Minvalid input syntax for type integer: \"a'b\"c\"|P35"},
    {"update customers set Emial='x'", EITHER, 0, 0, 0, "SERROR|VERROR|C42703|Mcolumn \"emial\" of relation \"customers\" does not exist|"
	"HPerhaps you meant to reference the column \"customers.email\".|P22|Fanalyze.c|Rx", "SERROR|VERROR|C42703|Mcolumn \"emial\" of "
	"relation \"customers\" does not exist|HPerhaps you meant to reference the column \"customers.email\".|P22"},
    {"update customers set city = 1", EITHER, 0, 0, 0, "SERROR|VERROR|C42703|Mcolumn \"user1\" of relation \"customers\" does not exist"
	"|P22|Fanalyze.c|Rx", "SERROR|VERROR|C42703|M!"},
    {"update customers set x='x'", EITHER, 0, 0, 0, "SERROR|VERROR|C42703|Mcolumn \"x\" of relation \"customers\" does not exist|P99"
	"|Fanalyze.c|Rx", "SERROR|VERROR|C42703|M!"}, /* points outside */
    {"update customers set x='x'", EITHER, 0, 0, 0, "SERROR|VERROR|C42703|Mcolumn \"x\" of relation \"customers\" does not exist|P22"
	"|Fdblink.c|Rx", "SERROR|VERROR|C42703|M!"},
    {"update customers set x='x'", EITHER, 0, 0, 0, "SFEHLER|VERROR|C42703|MSpalte \xc2\xbbx\xc2\xab gibt es nicht|P22|Fanalyze.c|Rx",
	"SFEHLER|VERROR|C42703|M!"},
    /* forms with names that the server's own code fills in */
    {"insert into customers values (1)", EITHER, 0, 0, 0, "SERROR|VERROR|C23505|M" UNIQUE_M "|DKey (id)=(1) already exists." UNIQUE_F,
	"SERROR|VERROR|C23505|M" UNIQUE_M "|spublic|tcustomers|ncustomers_pkey"},
    {"delete from customers where id = 1", EITHER, 0, 0, 0, "SERROR|C23503|Mupdate or delete on table \"customers\" violates foreign key "
	"constraint \"fk\" on table \"orders\"|DKey (id)=(1) is still referenced from table \"orders\".|torders|nfk|Rri_ReportViolation|F"
	"ri_triggers.c", "SERROR|C23503|Mupdate or delete on table \"customers\" violates foreign key constraint \"fk\" on table \"orders\""
	"|torders|nfk"},
    {"insert into orders values (1)", EITHER, 0, 0, 0, "SERROR|C23502|Mnull value in column \"email\" of relation \"customers\" violates "
	"not-null constraint|DFailing row contains (1, Alan).|tcustomers|cemail|FexecMain.c|RExecConstraints", "SERROR|C23502|Mnull value in "
	"column \"email\" of relation \"customers\" violates not-null constraint|tcustomers|cemail"},
    {"insert into customers values (1)", EITHER, 0, 0, 0, "SERROR|C23505|M" UNIQUE_M "|tcustomers|ncustomers_pkey|Fpl_exec.c|R"
	"exec_stmt_raise", "SERROR|C23505|M!"}, /* RAISE ... USING CONSTRAINT */
    {"insert into customers values (1)", EITHER, 0, 0, 0, "SERROR|C23505|Mduplicate key value violates unique constraint \"Alan\"|n"
	"customers_pkey|R_bt_check_unique|Fx.c", "SERROR|C23505|M!"},
    {"truncate customers", EITHER, 0, 0, 0, "SERROR|C42501|Mpermission denied for table customers|Faclchk.c|Raclcheck_error",
	"SERROR|C42501|Mpermission denied for table customers"},
    {"truncate customers", EITHER, 0, 0, 0, "SERROR|C42501|Mpermission denied for table alan|Faclchk.c|Raclcheck_error",
	"SERROR|C42501|M!"},
    {"execute p", EITHER, 0, 0, 0, "SERROR|C26000|Mprepared statement \"p\" does not exist|Fprepare.c|RFetchPreparedStatement",
	"SERROR|C26000|Mprepared statement \"p\" does not exist"},
    {"", EITHER, 0, 0, 0, "SFATAL|VFATAL|C57P01|Mterminating connection due to administrator command|Fpostgres.c|RProcessInterrupts",
	"SFATAL|VFATAL|C57P01|Mterminating connection due to administrator command"},
    {"update customers set id=1", EITHER, 0, 0, 0, "SERROR|C25006|Mcannot execute UPDATE in a read-only transaction|Futility.c|R"
	"PreventCommandIfReadOnly", "SERROR|C25006|Mcannot execute UPDATE in a read-only transaction"},
    {"update customers set id=1", EITHER, 0, 0, 0, "SERROR|C25006|Mcannot execute Alan in a read-only transaction|Futility.c|R"
	"PreventCommandIfReadOnly", "SERROR|C25006|M!"},
    {"update customers set id=1", EITHER, 0, 0, 0, "SERROR|C40001|Mcould not serialize access due to concurrent update|DAlan|HAlan|qAlan|W"
	"Alan|nAlan|dAlan|FnodeModifyTable.c|Rx", "SERROR|C40001|Mcould not serialize access due to concurrent update"},
    /* rows of the client's own */
    {"copy customers from stdin", EITHER, 0, 0, 1, "SERROR|C22P02|Minvalid input syntax for type integer: \"x\"|WCOPY customers, line 1, "
	"column id: \"x\"|Fnumutils.c|Rx", "="},
    {"copy customers from stdin", EITHER, 0, 0, 1, "SERROR|C22P02|MAlan|WPL/pgSQL function f() line 1 at RAISE\nCOPY customers, line 1"
	"|Fnumutils.c|Rx", "SERROR|C22P02|M!"},
    {"copy customers from stdin", EITHER, 0, 0, 1, "SERROR|C23P01|MAlan|WCOPY customers, line 1|Fx.c|Rx", "SERROR|C23P01|M!"},
};

/* "M!" stands for a text of ours. */
static void expect_canned(const char *in, const char *want, const char *got)
{
	size_t n = strlen(want) - 1;

	cr_expect(strncmp(got, want, n) == 0 && strstr(got, "withheld") != NULL, "%s\n gave %s", in, got);
	cr_expect(strstr(got, "Alan") == NULL && strstr(got, "user1") == NULL && strchr(got + n, '|') == NULL, "%s\n gave %s", in, got);
}

Test(pgerrors, by_origin)
{
	char got[2048];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pgerror_scene s = {span_str(cases[i].sql), cases[i].when, cases[i].clear, cases[i].code, cases[i].copy, NULL,
		    named};
		const char *want = cases[i].out[0] == '=' ? cases[i].in : cases[i].out;

		scrub(&s, cases[i].in, got, sizeof(got));
		if (want[strlen(want) - 1] == '!')
			expect_canned(cases[i].in, want, got);
		else
			cr_expect(eq(str, STR(got), STR(want)), "case %zu: %s", i, cases[i].in);
	}
}

/* Every known form, with each of its places filled with a stranger's word, passes nothing of it. */
Test(pgerrors, no_form_lets_a_stranger_through)
{
	char msg[400], spec[2400], got[4096];

	for (size_t i = 0; i < pgerror_n_forms; i++) {
		const struct pgerror_form *k = &pgerror_forms[i];
		struct pgerror_scene s = {.sql = span_str("select 1 from customers"), .named = named};
		size_t n = 0;

		for (const char *p = k->message; *p != '\0' && n < sizeof(msg) - 20; p++)
			if (*p == '%')
				n += (size_t)snprintf(msg + n, sizeof(msg) - n, "alan@x"), p++;
			else
				msg[n++] = *p;
		msg[n] = '\0';
		snprintf(spec, sizeof(spec), "SERROR|C42000|M%s|Fx.c|R%s|D%s|W%s|q%s|Halan@x", msg, k->routine != NULL ? k->routine : "r", msg,
		    msg, msg);
		scrub(&s, spec, got, sizeof(got));
		cr_expect(strstr(got, "alan@x") == NULL, "%s gave %s", spec, got);
		if (strchr(k->message, '%') == NULL)
			cr_expect(strstr(got, k->message) != NULL, "%s gave %s", spec, got);
	}
}

Test(pgerrors, whatever_is_cut_or_flipped_is_well_formed)
{
	struct pgerror_scene s = {.sql = span_str("select 1"), .named = named};
	struct buf body, got;
	uint8_t copy[256];
	size_t n;

	buf_init(&body, 65536);
	body_of(SYNTAX, &body);
	n = buf_len(&body);
	for (size_t i = 0; i < n * 9; i++) {
		size_t keep = i < n ? i : n;

		memcpy(copy, buf_span(&body).p, n);
		if (i >= n)
			copy[(i - n) / 8] ^= (uint8_t)(1u << ((i - n) % 8));
		buf_init(&got, 65536);
		pgerror_scrub(&s, span_of(copy, keep), &got);
		cr_expect(eq(int, pg_read_error(buf_span(&got)), 0), "%zu", i);
		buf_clear(&got);
	}
	buf_clear(&body);
}
