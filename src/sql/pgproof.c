/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the body of a function to the last token. SQL bodies go to the parser as they are. Of PL/pgSQL a small grammar
 * is known: blocks, declarations, assignments, IF, loops, RETURN, RAISE, PERFORM, SELECT INTO, plain DML, EXIT, CONTINUE,
 * exception handlers. Its expressions and statements go to the parser one by one; every word that this grammar does not
 * place (EXECUTE, CALL, COMMIT, OPEN, GET DIAGNOSTICS, ...) proves nothing. Source: PostgreSQL documentation, 43.
 */
#include "sql/pgproof.h"

#include "base/buf.h"
#include "sql/pglex.h"
#include "sql/pgtree.h"

#define PIECE_MAX 65536u
#define ROWS_MAX  100u /* existing rows that one call may change */
#define DEPTH_MAX 50

struct proof {
	const struct sql_context *cx;
	struct pglex l;
	struct pglex_token t;
	enum sql_class cls; /* the most severe so far */
	bool failed;
	int depth;
};

/* ---- pieces of SQL ---- */

static enum sql_class class_of_facts(const struct sql_facts *f)
{
	uint64_t rows = 0;
	size_t i;

	for (i = 0; i < f->n_stmts; i++)
		rows += (uint64_t)f->stmts[i].rows + f->stmts[i].inner_rows;
	if (rows > ROWS_MAX || (f->flags & (SQLF_MEASURE | SQLF_LOCKS | SQLF_BY_NAME | SQLF_CATALOG)) != 0 ||
	    sql_class_level(f->cls) > 1)
		return SQL_OPAQUE;
	return f->cls;
}

static enum sql_class judge(const struct sql_context *cx, struct span sql)
{
	struct sql_facts f;
	enum sql_class cls;

	pgsql_facts(sql, cx, &f);
	cls = f.n_stmts == 0 ? SQL_OPAQUE : class_of_facts(&f);
	sql_facts_clear(&f);
	return cls;
}

static void fail(struct proof *p)
{
	p->failed = true;
	p->t = (struct pglex_token){PGL_END, {NULL, 0}};
}

/* prefix and the bytes from..to as one statement; skip..skip_end (may be NULL) left out. */
static void piece(struct proof *p, const char *prefix, const uint8_t *from, const uint8_t *to, const uint8_t *skip, const uint8_t *skip_end)
{
	struct buf b;
	enum sql_class cls = SQL_OPAQUE;

	if (p->failed)
		return;
	buf_init(&b, PIECE_MAX);
	buf_put_str(&b, prefix);
	if (skip == NULL)
		skip = skip_end = to;
	buf_put(&b, from, (size_t)(skip - from));
	buf_put_str(&b, " ");
	buf_put(&b, skip_end, (size_t)(to - skip_end));
	if (buf_err(&b) == 0)
		cls = judge(p->cx, buf_span(&b));
	buf_clear(&b);
	if (cls == SQL_OPAQUE)
		fail(p);
	else if (cls > p->cls)
		p->cls = cls;
}

/* ---- tokens ---- */

static void next(struct proof *p)
{
	if (!p->failed)
		p->t = pglex_next(&p->l);
	if (p->t.type == PGL_BAD)
		fail(p);
}

static bool is_word(const struct proof *p, const char *word)
{
	return p->t.type == PGL_WORD && span_is_nocase(p->t.text, word);
}

static bool is_any(const struct proof *p, const char *const *words)
{
	for (; *words != NULL; words++)
		if (is_word(p, *words))
			return true;
	return false;
}

static bool is_punct(const struct proof *p, char ch)
{
	return p->t.type == PGL_PUNCT && p->t.text.p[0] == ch;
}

static bool is_op(const struct proof *p, const char *op)
{
	return p->t.type == PGL_OP && span_is(p->t.text, op);
}

static void expect_word(struct proof *p, const char *word)
{
	if (!is_word(p, word))
		fail(p);
	next(p);
}

static void expect_punct(struct proof *p, char ch)
{
	if (!is_punct(p, ch))
		fail(p);
	next(p);
}

/* name, name.name, name[...] is left at what follows; false when there is no name. */
static bool skip_name(struct proof *p)
{
	if (p->t.type != PGL_WORD && p->t.type != PGL_IDENT)
		return false;
	next(p);
	while (is_punct(p, '.')) {
		next(p);
		if (p->t.type != PGL_WORD && p->t.type != PGL_IDENT)
			return false;
		next(p);
	}
	return true;
}

/* Go to the first of these words or the semicolon, outside parentheses and CASE. Where it begins. */
static const uint8_t *run_to(struct proof *p, const char *const *ends)
{
	int depth = 0;

	while (p->t.type != PGL_END) {
		if (depth == 0 && (is_punct(p, ';') || is_any(p, ends)))
			return p->t.text.p;
		depth += is_punct(p, '(') || is_punct(p, '[') || is_word(p, "case");
		depth -= is_punct(p, ')') || is_punct(p, ']') || is_word(p, "end");
		next(p);
	}
	fail(p);
	return NULL;
}

static const char *const nowhere[] = {NULL};

/* An expression up to one of the words; may be empty when `optional`. */
static void expression(struct proof *p, const char *const *ends)
{
	const uint8_t *from = p->t.text.p, *to = run_to(p, ends);

	if (!p->failed)
		piece(p, "SELECT ", from, to, NULL, NULL);
}

static void semicolon(struct proof *p)
{
	expect_punct(p, ';');
}

/* ---- statements ---- */

static void statements(struct proof *p, const char *const *ends);

/* SELECT ... [INTO [STRICT] name, ...] ..., or DML; verb: what stands for PERFORM. */
static void sql_statement(struct proof *p, const char *prefix)
{
	static const char *const into[] = {"into", NULL};
	const uint8_t *from = p->t.text.p, *skip = NULL, *skip_end = NULL, *to;
	bool insert = is_word(p, "insert");

	next(p);
	if (insert)
		next(p); /* INTO */
	to = run_to(p, into);
	if (is_word(p, "into")) {
		skip = to;
		next(p);
		if (is_word(p, "strict"))
			next(p);
		while (skip_name(p) && is_punct(p, ','))
			next(p);
		skip_end = p->failed ? to : p->t.text.p;
		to = run_to(p, nowhere);
	}
	if (!p->failed)
		piece(p, prefix, from, to, skip, skip_end);
	semicolon(p);
}

static void statement_if(struct proof *p)
{
	static const char *const then[] = {"then", NULL}, *const arms[] = {"elsif", "elseif", "else", "end", NULL},
				 *const end[] = {"end", NULL};

	do {
		next(p);
		expression(p, then);
		expect_word(p, "then");
		statements(p, arms);
	} while (is_word(p, "elsif") || is_word(p, "elseif"));
	if (is_word(p, "else")) {
		next(p);
		statements(p, end);
	}
	expect_word(p, "end");
	expect_word(p, "if");
	semicolon(p);
}

static void loop_body(struct proof *p)
{
	static const char *const end[] = {"end", NULL};

	expect_word(p, "loop");
	statements(p, end);
	expect_word(p, "end");
	expect_word(p, "loop");
	(void)skip_name(p);
	semicolon(p);
}

/* The ".." that begins at or in this token, NULL when there is none: the lexer takes the dots for punctuation or for
 * parts of a number. */
static const uint8_t *two_dots(const struct proof *p)
{
	const uint8_t *at = p->t.text.p, *end = p->l.c.end;

	if (p->t.type != PGL_NUMBER && !is_punct(p, '.'))
		return NULL;
	for (; at < p->t.text.p + p->t.text.n; at++)
		if (at[0] == '.' && at + 1 < end && at[1] == '.')
			return at;
	return NULL;
}

/* FOR i IN [REVERSE] a .. b [BY c] LOOP, FOR r IN query LOOP. */
static void for_source(struct proof *p)
{
	static const char *const loop[] = {"loop", NULL};
	const uint8_t *from, *to;
	bool query = is_word(p, "select") || is_word(p, "with") || is_punct(p, '(');

	if (is_word(p, "execute"))
		fail(p);
	if (is_word(p, "reverse"))
		next(p);
	if (query) {
		from = p->t.text.p;
		to = run_to(p, loop);
		if (!p->failed)
			piece(p, "", from, to, NULL, NULL);
		return;
	}
	from = p->t.text.p;
	while (p->t.type != PGL_END && !is_word(p, "loop") && !is_punct(p, ';')) {
		const uint8_t *dots = two_dots(p);

		if (dots != NULL) {
			piece(p, "SELECT ", from, dots, NULL, NULL);
			from = dots + 2;
			do
				next(p);
			while (p->t.type != PGL_END && p->t.text.p < from);
		} else if (is_word(p, "by")) {
			piece(p, "SELECT ", from, p->t.text.p, NULL, NULL);
			next(p);
			from = p->t.text.p;
		} else {
			next(p);
		}
	}
	if (!p->failed)
		piece(p, "SELECT ", from, p->t.text.p, NULL, NULL);
}

static void statement_for(struct proof *p, bool each)
{
	static const char *const loop[] = {"loop", NULL};

	next(p);
	while (skip_name(p) && is_punct(p, ','))
		next(p);
	if (each && is_word(p, "slice")) {
		next(p);
		next(p);
	}
	expect_word(p, "in");
	if (each) {
		expect_word(p, "array");
		expression(p, loop);
	} else {
		for_source(p);
	}
	loop_body(p);
}

static void statement_while(struct proof *p)
{
	static const char *const loop[] = {"loop", NULL};

	next(p);
	expression(p, loop);
	loop_body(p);
}

/* RETURN [NEXT | QUERY] ...; RETURN QUERY EXECUTE is not known. */
static void statement_return(struct proof *p)
{
	const uint8_t *from, *to;

	next(p);
	if (is_word(p, "query")) {
		next(p);
		from = p->t.text.p;
		if (is_word(p, "execute"))
			fail(p);
		to = run_to(p, nowhere);
		if (!p->failed)
			piece(p, "", from, to, NULL, NULL);
	} else {
		if (is_word(p, "next"))
			next(p);
		if (!is_punct(p, ';'))
			expression(p, nowhere);
	}
	semicolon(p);
}

/* RAISE [level] ['format' [, expression ...]] [USING option = expression, ...]; */
static void statement_raise(struct proof *p)
{
	static const char *const levels[] = {"debug", "log", "info", "notice", "warning", "exception", NULL},
				 *const with[] = {"using", NULL};

	next(p);
	if (is_any(p, levels))
		next(p);
	if (p->t.type == PGL_STRING || p->t.type == PGL_LITERAL) {
		next(p);
		if (is_punct(p, ',')) {
			next(p);
			expression(p, with);
		}
	} else if (p->t.type == PGL_WORD && !is_word(p, "using")) {
		next(p); /* a condition's name */
	}
	if (is_word(p, "using")) {
		next(p);
		expression(p, nowhere);
	}
	semicolon(p);
}

static void statement_exit(struct proof *p)
{
	next(p);
	if (!is_word(p, "when") && !is_punct(p, ';'))
		(void)skip_name(p);
	if (is_word(p, "when")) {
		next(p);
		expression(p, nowhere);
	}
	semicolon(p);
}

/* name [:= | = | [subscript]] expression; */
static void statement_assign(struct proof *p)
{
	const uint8_t *from;

	if (!skip_name(p))
		fail(p);
	while (is_punct(p, '[')) {
		int depth = 0;

		next(p);
		from = p->t.text.p;
		while (p->t.type != PGL_END && (depth > 0 || !is_punct(p, ']'))) {
			depth += is_punct(p, '[') - is_punct(p, ']');
			next(p);
		}
		if (!p->failed && p->t.type != PGL_END)
			piece(p, "SELECT ", from, p->t.text.p, NULL, NULL);
		next(p);
	}
	if (!is_op(p, ":=") && !is_op(p, "="))
		fail(p);
	next(p);
	expression(p, nowhere);
	semicolon(p);
}

/* name%ROWTYPE and name.column%TYPE are as harmless as a row of the relation. */
static void declared_like(struct proof *p, const uint8_t *from, const uint8_t *to)
{
	const uint8_t *dot;

	next(p);
	for (dot = to; is_word(p, "type") && dot > from && *dot != '.'; dot--)
		;
	piece(p, "SELECT NULL::", from, is_word(p, "type") && dot > from ? dot : to, NULL, NULL);
	next(p);
}

/* name [CONSTANT] type [NOT NULL] [DEFAULT | := | =] expression; the type goes to the parser as a cast. */
static void declaration(struct proof *p)
{
	static const char *const ends[] = {"not", "default", "collate", NULL};
	const uint8_t *from, *to;

	if (!skip_name(p) || is_word(p, "alias") || is_word(p, "cursor"))
		fail(p);
	if (is_word(p, "constant"))
		next(p);
	from = p->t.text.p;
	while (p->t.type != PGL_END && !is_punct(p, ';') && !is_any(p, ends) && !is_op(p, ":=") && !is_op(p, "=") && !is_op(p, "%"))
		next(p);
	to = p->t.text.p;
	if (p->failed || to == from)
		fail(p);
	else if (is_op(p, "%"))
		declared_like(p, from, to);
	else if (!span_is_nocase(span_of(from, (size_t)(to - from)), "record"))
		piece(p, "SELECT NULL::", from, to, NULL, NULL);
	while (is_word(p, "not") || is_word(p, "null") || is_word(p, "collate"))
		next(p);
	if (is_word(p, "default") || is_op(p, ":=") || is_op(p, "=")) {
		next(p);
		expression(p, nowhere);
	}
	semicolon(p);
}

/* WHEN condition [OR condition ...] THEN statements */
static void handlers(struct proof *p)
{
	static const char *const then[] = {"then", NULL}, *const ends[] = {"when", "end", NULL};

	next(p);
	while (is_word(p, "when")) {
		(void)run_to(p, then);
		expect_word(p, "then");
		statements(p, ends);
	}
}

/* [DECLARE ...] BEGIN statements [EXCEPTION ...] END [label] */
static void block(struct proof *p)
{
	static const char *const ends[] = {"exception", "end", NULL};

	if (is_word(p, "declare")) {
		next(p);
		while (!p->failed && p->t.type != PGL_END && !is_word(p, "begin")) {
			if (is_word(p, "declare"))
				next(p);
			declaration(p);
		}
	}
	expect_word(p, "begin");
	statements(p, ends);
	if (is_word(p, "exception"))
		handlers(p);
	expect_word(p, "end");
	(void)skip_name(p);
}

static void statement(struct proof *p)
{
	static const char *const dml[] = {"select", "with", "insert", "update", "delete", "values", NULL};
	/* What begins another kind of statement cannot begin an assignment here. */
	static const char *const unknown[] = {"execute", "call", "commit", "rollback", "open", "fetch", "move", "close",
	    "get", "assert", "case", "do", "copy", "create", "alter", "drop", "truncate", "grant", "revoke", "lock", "notify",
	    "set", "reset", "merge", NULL};

	if (is_any(p, dml)) {
		sql_statement(p, "");
	} else if (is_word(p, "perform")) {
		next(p);
		expression(p, nowhere);
		semicolon(p);
	} else if (is_word(p, "if")) {
		statement_if(p);
	} else if (is_word(p, "for") || is_word(p, "foreach")) {
		statement_for(p, is_word(p, "foreach"));
	} else if (is_word(p, "while")) {
		statement_while(p);
	} else if (is_word(p, "loop")) {
		loop_body(p);
	} else if (is_word(p, "return")) {
		statement_return(p);
	} else if (is_word(p, "raise")) {
		statement_raise(p);
	} else if (is_word(p, "exit") || is_word(p, "continue")) {
		statement_exit(p);
	} else if (is_word(p, "null")) {
		next(p);
		semicolon(p);
	} else if (is_word(p, "begin") || is_word(p, "declare")) {
		block(p);
		semicolon(p);
	} else if (is_any(p, unknown)) {
		fail(p);
	} else {
		statement_assign(p);
	}
}

static void statements(struct proof *p, const char *const *ends)
{
	if (++p->depth > DEPTH_MAX)
		fail(p);
	while (!p->failed && p->t.type != PGL_END && !is_any(p, ends))
		statement(p);
	p->depth--;
}

static enum sql_class plpgsql(struct span body, const struct sql_context *cx)
{
	struct proof p = {.cx = cx, .cls = SQL_READ};

	pglex_init(&p.l, body, false);
	next(&p);
	block(&p);
	if (is_punct(&p, ';'))
		next(&p);
	return p.failed || p.t.type != PGL_END ? SQL_OPAQUE : p.cls;
}

/* ---- SQL ---- */

/* RETURN expression, or BEGIN ATOMIC statements END: as the server shows a body that it keeps parsed. */
static enum sql_class sql_standard(struct span body, const struct sql_context *cx, bool atomic)
{
	struct buf b;
	enum sql_class cls = SQL_OPAQUE;

	buf_init(&b, SQL_MAX_TEXT);
	if (atomic) {
		size_t n = body.n;

		while (n > 0 && strchr(" \t\n\r", body.p[n - 1]) != NULL)
			n--;
		if (n > 16)
			buf_put(&b, body.p + 12, n - 12 - 3);
	} else {
		buf_put_str(&b, "SELECT");
		buf_put(&b, body.p + 6, body.n - 6);
	}
	if (buf_err(&b) == 0)
		cls = judge(cx, buf_span(&b));
	buf_clear(&b);
	return cls;
}

static bool begins(struct span s, const char *words)
{
	size_t n = strlen(words);

	return s.n > n && span_is_nocase(span_of(s.p, n), words);
}

enum sql_class pgproof_body(const char *lang, struct span body, const struct sql_context *cx)
{
	while (body.n > 0 && strchr(" \t\n\r", body.p[0]) != NULL)
		body = span_of(body.p + 1, body.n - 1);
	if (strcmp(lang, "plpgsql") == 0)
		return plpgsql(body, cx);
	if (strcmp(lang, "sql") != 0)
		return SQL_OPAQUE;
	if (begins(body, "BEGIN ATOMIC"))
		return sql_standard(body, cx, true);
	if (begins(body, "RETURN "))
		return sql_standard(body, cx, false);
	return judge(cx, body);
}
