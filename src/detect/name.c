/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict on a column's name: the last sensitive word sequence in it that nothing vetoes, in
 * the context of the table, unless the type cannot hold such a thing. Never looks at values.
 */
#include "detect/detect.h"

#include <string.h>

#include "detect/split.h"
#include "detect/vocab.h"

/* PostgreSQL type OIDs (pg_type.dat), grouped by what they can hold. */
enum type_class {
	TYPE_ANY = 0,
	TYPE_TEXT,
	TYPE_BOOL,
	TYPE_INT2,
	TYPE_INT4,
	TYPE_INT8,
	TYPE_REAL,
	TYPE_DATE,
	TYPE_TIME,
	TYPE_UUID,
	TYPE_INET,
	TYPE_MAC
};

static const struct {
	uint32_t oid;
	enum type_class cls;
} type_classes[] = {
    {25, TYPE_TEXT},
    {1043, TYPE_TEXT},
    {1042, TYPE_TEXT},
    {19, TYPE_TEXT},
    {18, TYPE_TEXT},
    {114, TYPE_TEXT},
    {3802, TYPE_TEXT},
    {142, TYPE_TEXT},
    {1009, TYPE_TEXT},
    {1015, TYPE_TEXT},
    {1014, TYPE_TEXT},
    {199, TYPE_TEXT},
    {3807, TYPE_TEXT},
    {16, TYPE_BOOL},
    {1000, TYPE_BOOL},
    {21, TYPE_INT2},
    {1005, TYPE_INT2},
    {23, TYPE_INT4},
    {26, TYPE_INT4},
    {1007, TYPE_INT4},
    {20, TYPE_INT8},
    {1016, TYPE_INT8},
    {700, TYPE_REAL},
    {701, TYPE_REAL},
    {1700, TYPE_REAL},
    {790, TYPE_REAL},
    {1021, TYPE_REAL},
    {1022, TYPE_REAL},
    {1231, TYPE_REAL},
    {1082, TYPE_DATE},
    {1182, TYPE_DATE},
    {1114, TYPE_DATE},
    {1184, TYPE_DATE},
    {1083, TYPE_TIME},
    {1266, TYPE_TIME},
    {1186, TYPE_TIME},
    {2950, TYPE_UUID},
    {869, TYPE_INET},
    {829, TYPE_MAC},
    {774, TYPE_MAC},
};

#define BIT(x)  (1u << (x))
#define NUMBERS (BIT(TYPE_INT4) | BIT(TYPE_INT8) | BIT(TYPE_REAL))

/* The kinds that a type class other than TYPE_ANY and TYPE_TEXT can hold, as BIT(type class) by
 * kind. */
static const unsigned kind_types[PII_KIND_N] = {
    [PII_NAME] = 0,
    [PII_EMAIL] = 0,
    [PII_PHONE] = NUMBERS,
    [PII_ADDRESS] = 0,
    [PII_BIRTH] = BIT(TYPE_DATE) | BIT(TYPE_INT2) | NUMBERS,
    [PII_NATIONAL] = NUMBERS,
    [PII_CARD] = BIT(TYPE_INT8) | BIT(TYPE_REAL),
    [PII_IBAN] = BIT(TYPE_INT8) | BIT(TYPE_REAL),
    [PII_IP] = BIT(TYPE_INET) | NUMBERS,
    [PII_GEO] = NUMBERS,
    [PII_SECRET] = BIT(TYPE_UUID),
    [PII_MONEY] = NUMBERS | BIT(TYPE_INT2),
    [PII_HEALTH] = NUMBERS | BIT(TYPE_INT2) | BIT(TYPE_BOOL),
    [PII_DEMOGRAPHIC] = NUMBERS | BIT(TYPE_INT2),
    [PII_TEXT] = 0,
    [PII_OTHER] = BIT(TYPE_MAC) | BIT(TYPE_INT8) | BIT(TYPE_UUID),
};

/* Columns that mean what their table is named after: credit_cards.number, api_keys.value. */
static const struct {
	uint8_t kind;
	const char *columns;
} table_kinds[] = {
    {PII_EMAIL, " value address "},
    {PII_PHONE, " value number "},
    {PII_CARD, " value number holder expiry data "},
    {PII_IBAN, " value number "},
    {PII_NATIONAL, " value number data "},
    {PII_IP, " value address "},
    {PII_SECRET, " value val number key hash data secret content text code "},
    {PII_MONEY, " value val amount gross net base "},
    {PII_HEALTH, " value code name description text result "},
};

struct context {
	bool person, place, log, comms, product;
	enum type_class type;
};

struct hit {
	size_t len; /* in words; 0: none */
	uint8_t kind, when;
};

static enum type_class type_class_of(uint32_t oid)
{
	for (size_t i = 0; i < sizeof(type_classes) / sizeof(type_classes[0]); i++) {
		if (type_classes[i].oid == oid)
			return type_classes[i].cls;
	}
	return TYPE_ANY;
}

static bool has(const struct name_words *w, size_t i, unsigned flag)
{
	return w->v[i] != NULL && (w->v[i]->flags & flag) != 0;
}

static bool is_number(const char *w)
{
	return w[strspn(w, "0123456789")] == '\0';
}

/* The word that says what a table's rows are: the last one that is not noise; of user_profiles, the
 * user. */
static size_t table_head(const struct name_words *t)
{
	size_t i = t->n;

	while (i > 0 && (is_number(t->w[i - 1]) || has(t, i - 1, W_NOISE)))
		i--;
	if (i > 1 && has(t, i - 1, W_HOLDER) && has(t, i - 2, W_PERSON))
		i--;
	return i;
}

static void context_fill(struct context *cx, const struct name_words *t, enum type_class type)
{
	size_t head = table_head(t);

	*cx = (struct context){.type = type};
	for (size_t i = 0; i < t->n; i++)
		cx->log |= has(t, i, W_LOG);
	if (head == 0)
		return;
	cx->person = has(t, head - 1, W_PERSON);
	cx->place = has(t, head - 1, W_PLACE);
	cx->comms = has(t, head - 1, W_COMMS);
	cx->product = has(t, head - 1, W_PRODUCT);
}

/* Do all words outside [at, at + len) say nothing (digits)? */
static bool is_whole(const struct name_words *w, size_t at, size_t len)
{
	for (size_t i = 0; i < w->n; i++) {
		if ((i < at || i >= at + len) && !is_number(w->w[i]))
			return false;
	}
	return true;
}

static bool applies(
    const struct context *cx, const struct name_words *w, size_t at, size_t len, unsigned when)
{
	if ((when & S_PERSON) && !cx->person)
		return false;
	if ((when & S_PRIVATE) && cx->place)
		return false;
	if ((when & S_LOG) && !cx->log)
		return false;
	if ((when & S_COMMS) && !cx->comms)
		return false;
	if ((when & S_NOTPRODUCT) && cx->product)
		return false;
	if ((when & S_TEXTUAL) && cx->type != TYPE_ANY && cx->type != TYPE_TEXT)
		return false;
	return !(when & S_WHOLE) || is_whole(w, at, len);
}

/* How many words from at on spell the sequence; 0: they do not. */
static size_t seq_words(const struct name_words *w, size_t at, const struct vocab_seq *s)
{
	const char *p = s->p, *end = s->p + s->len;
	size_t i = at;

	while (p < end) {
		size_t n = i < w->n ? strlen(w->w[i]) : SIZE_MAX;

		if (n > (size_t)(end - p) || memcmp(p, w->w[i], n) != 0)
			return 0;
		p += n;
		if (p < end && *p++ != ' ')
			return 0;
		i++;
	}
	return i - at;
}

static bool word_is(const struct name_words *w, size_t i, const char *s)
{
	return i < w->n && strcmp(w->w[i], s) == 0;
}

/* The longest sequence that begins at a word and applies here. */
static struct hit hit_at(const struct context *cx, const struct name_words *w, size_t at)
{
	struct hit h = {0};

	if (w->v[at] == NULL)
		return h;
	for (uint16_t k = w->v[at]->seq; k != 0; k = vocab_seq_get(k)->next) {
		const struct vocab_seq *s = vocab_seq_get(k);
		size_t n = seq_words(w, at, s);

		if (n > h.len && applies(cx, w, at, n, s->when))
			h = (struct hit){n, s->kind, s->when};
	}
	if (h.len < 2 && has(w, at, W_PERSON) && word_is(w, at + 1, "name"))
		h = (struct hit){2, PII_NAME, 0};
	if (h.len < 2 && word_is(w, at, "name")) { /* name_user, name_of_user */
		size_t whose = at + 1 + word_is(w, at + 1, "of");

		if (whose + 1 == w->n && has(w, whose, W_PERSON))
			h = (struct hit){whose + 1 - at, PII_NAME, 0};
	}
	return h;
}

/* Words behind that make the column one about the thing, or words before that make it a question.
 */
static bool vetoed(const struct name_words *w, size_t at, size_t len)
{
	for (size_t i = at + len; i < w->n; i++) {
		if (has(w, i, W_VETO))
			return true;
	}
	for (size_t i = 0; i < at; i++) {
		if (has(w, i, W_ASK))
			return true;
	}
	return false;
}

static struct hit words_hit(const struct context *cx, const struct name_words *w)
{
	struct hit last = {0};

	for (size_t i = 0; i < w->n;) {
		struct hit h = hit_at(cx, w, i);

		if (h.len > 0 && h.kind != PII_NONE && !vetoed(w, i, h.len))
			last = h;
		i += h.len > 0 ? h.len : 1;
	}
	return last;
}

/* Is the word in the list, which begins and ends with a space? */
static bool list_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = strstr(list, word); n > 0 && p != NULL; p = strstr(p + 1, word)) {
		if (p > list && p[-1] == ' ' && p[n] == ' ')
			return true;
	}
	return false;
}

/* A column such as "number" that means what the table is named after. */
static enum pii_kind kind_from_table(
    const struct context *cx, const struct name_words *t, const struct name_words *c)
{
	const struct context none = {0};
	struct hit h;

	if (cx->person && word_is(c, 0, "name"))
		return PII_NAME;
	h = words_hit(&none, t);
	for (size_t i = 0; i < sizeof(table_kinds) / sizeof(table_kinds[0]); i++) {
		if (h.kind == table_kinds[i].kind && list_has(table_kinds[i].columns, c->w[0]))
			return h.kind;
	}
	return PII_NONE;
}

static bool type_holds(enum type_class type, const struct hit *h)
{
	if (type == TYPE_ANY || type == TYPE_TEXT)
		return true;
	if ((h->when & S_SMALLINT) && (BIT(type) & (NUMBERS | BIT(TYPE_INT2))))
		return true;
	return (kind_types[h->kind] & BIT(type)) != 0;
}

/* No name says so, but the type alone holds addresses of machines that people use. */
static enum pii_kind kind_from_type(enum type_class type, const struct name_words *c)
{
	static const char *const networks[] = {
	    "network", "subnet", "server", "gateway", "dns", "mask", "destination", "host"};

	if (type == TYPE_MAC)
		return PII_OTHER;
	if (type != TYPE_INET)
		return PII_NONE;
	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; k < sizeof(networks) / sizeof(networks[0]); k++) {
			if (strcmp(c->w[i], networks[k]) == 0)
				return PII_NONE;
		}
	}
	return PII_IP;
}

/* The server's own catalogues are public but for their passwords and connection strings. */
static bool is_catalogue(const char *schema)
{
	return schema != NULL &&
	       (strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0);
}

enum pii_kind detect_by_name(
    const char *schema, const char *table, const char *column, uint32_t type)
{
	struct name_words t, c;
	struct context cx;
	struct hit h;

	name_split(table, &t);
	name_split(column, &c);
	context_fill(&cx, &t, type_class_of(type));
	h = words_hit(&cx, &c);
	if (is_catalogue(schema))
		return h.kind == PII_SECRET && type_holds(cx.type, &h) ? PII_SECRET : PII_NONE;
	if ((h.kind == PII_NONE || h.kind == PII_ADDRESS) && c.n > 0 && is_whole(&c, 0, 1)) {
		uint8_t k = (uint8_t)kind_from_table(&cx, &t, &c);

		h = k != PII_NONE ? (struct hit){1, k, 0} : h;
	}
	if (h.kind != PII_NONE && type_holds(cx.type, &h))
		return (enum pii_kind)h.kind;
	if (c.cut)
		return PII_OTHER;
	return kind_from_type(cx.type, &c);
}

static const char *const kind_names[PII_KIND_N] = {
    [PII_NONE] = "not sensitive",
    [PII_NAME] = "person name",
    [PII_EMAIL] = "email",
    [PII_PHONE] = "phone",
    [PII_ADDRESS] = "address",
    [PII_BIRTH] = "birth date",
    [PII_NATIONAL] = "identity number",
    [PII_CARD] = "payment card",
    [PII_IBAN] = "bank account",
    [PII_IP] = "IP address",
    [PII_GEO] = "position",
    [PII_SECRET] = "secret",
    [PII_MONEY] = "personal income",
    [PII_HEALTH] = "health",
    [PII_DEMOGRAPHIC] = "personal trait",
    [PII_TEXT] = "free text",
    [PII_OTHER] = "sensitive",
};

const char *pii_kind_name(enum pii_kind k)
{
	return (unsigned)k < PII_KIND_N ? kind_names[k] : kind_names[PII_OTHER];
}
