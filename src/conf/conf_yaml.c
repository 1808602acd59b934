/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML text → tree of nodes with places: the doorway to libyaml. Read through the event interface
 * because the document interface resolves aliases and fills in tags before anybody can see (and
 * refuse) them. Scalars stay text: what they mean is the schema's matter, never YAML's guess.
 * Refused: aliases, anchors, tags, merge keys by being unknown keys, duplicate keys, directives,
 * several documents, deep nesting, control and direction-changing characters.
 */
#include "conf/conf_int.h"

#include <yaml.h>

struct reader {
	struct conf_mem *mem;
	struct conf_errs *errs;
	const char *file;
	yaml_parser_t parser;
	struct cnode *root;
	size_t n_nodes, depth, documents;
	struct {
		struct cnode *node;
		struct cnode *key; /* map: key that waits for its value */
	} stack[CONF_DEPTH_MAX + 1];
	bool stop, cut; /* cut: the tree is not whole, so it is not used */
};

static struct conf_where where_of(const struct reader *r, const yaml_mark_t *m)
{
	return (struct conf_where){r->file, (int)m->line + 1, (int)m->column + 1};
}

/* --- characters --- */

static uint32_t utf8_decode(const uint8_t *p, size_t n)
{
	static const uint8_t lead_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = p[0] & lead_mask[n];
	size_t i;

	for (i = 1; i < n; i++)
		c = (c << 6) | (p[i] & 0x3fu);
	return c;
}

static const char *bad_char(uint32_t c, bool cr_before_lf)
{
	if (c == 0)
		return "NUL byte";
	if (c == '\r' && !cr_before_lf)
		return "carriage return inside a line";
	if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c < 0xa0))
		return "control character";
	if (c == 0x2028 || c == 0x2029)
		return "unicode line separator";
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return "character that changes the direction of text";
	if (c == 0xfeff)
		return "byte order mark";
	return NULL;
}

/* Lines and columns are counted here as libyaml counts them; characters that it would take for a
 * line break and an editor would not are refused, so that places in messages are true. */
static bool check_text(struct reader *r, struct span t)
{
	struct conf_where at = {r->file, 1, 1};
	size_t i, n;

	if (t.n > CONF_FILE_MAX) {
		at.line = 0;
		conf_err(r->errs, &at, "the file is larger than %u bytes", CONF_FILE_MAX);
		return false;
	}
	for (i = 0; i < t.n; i += n, at.col++) {
		uint8_t b = t.p[i];
		const char *what;

		n = b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
		if (n > t.n - i || !span_is_utf8(span_of(t.p + i, n))) {
			conf_err_secret(r->errs, &at, "the text is not valid UTF-8");
			return false;
		}
		what = bad_char(utf8_decode(t.p + i, n), i + 1 < t.n && t.p[i + 1] == '\n');
		if (what != NULL) {
			conf_err_secret(r->errs, &at, "%s in the text", what);
			return false;
		}
		if (b == '\n') {
			at.line++;
			at.col = 0;
		}
	}
	return true;
}

/* --- tree --- */

static struct cnode *node_new(struct reader *r, enum cnode_kind kind, const yaml_mark_t *m)
{
	struct cnode *n = conf_alloc(r->mem, 1, sizeof(*n));

	n->kind = kind;
	n->at = where_of(r, m);
	n->text = "";
	if (++r->n_nodes > CONF_NODES_MAX && !r->cut) {
		conf_err(r->errs, &n->at, "more than %u values", CONF_NODES_MAX);
		r->cut = true;
	}
	return n;
}

static void grow(struct reader *r, struct cnode *n)
{
	size_t cap = n->cap != 0 ? n->cap * 2 : 4;
	struct cnode **item, **key;

	if (n->n < n->cap)
		return;
	item = conf_alloc(r->mem, cap, sizeof(*item));
	key = conf_alloc(r->mem, cap, sizeof(*key));
	if (n->n > 0) {
		memcpy(item, n->item, n->n * sizeof(*item));
		memcpy(key, n->key, n->n * sizeof(*key));
	}
	n->item = item;
	n->key = key;
	n->cap = cap;
}

const struct cnode *cnode_get(
    const struct cnode *map, const char *key, const struct cnode **key_node)
{
	size_t i;

	for (i = 0; map != NULL && map->kind == CN_MAP && i < map->n; i++) {
		if (strcmp(map->key[i]->text, key) != 0)
			continue;
		if (key_node != NULL)
			*key_node = map->key[i];
		return map->item[i];
	}
	return NULL;
}

static void check_key(struct reader *r, const struct cnode *map, struct cnode *key)
{
	const struct cnode *first;
	char name[128];

	if (key->kind != CN_SCALAR) {
		conf_err(r->errs, &key->at, "a key must be a word, not a list or a map");
		key->bad = true;
	} else if (!key->bad && cnode_get(map, key->text, &first) != NULL) {
		(void)span_escape(span_str(key->text), name, sizeof(name));
		conf_err(r->errs, &key->at, "\"%s\" is given twice (first on line %d)", name,
		    first->at.line);
		key->bad = true;
	}
	if (map->n >= CONF_MAP_MAX && !r->cut) {
		conf_err(r->errs, &key->at, "more than %u keys in one map", CONF_MAP_MAX);
		r->cut = true;
	}
}

/* Put a finished or just opened node where it belongs. */
static void attach(struct reader *r, struct cnode *n)
{
	struct cnode *up;

	if (r->depth == 0) {
		r->root = n;
		return;
	}
	up = r->stack[r->depth - 1].node;
	if (up->kind == CN_MAP && r->stack[r->depth - 1].key == NULL) {
		check_key(r, up, n);
		r->stack[r->depth - 1].key = n;
		return;
	}
	grow(r, up);
	up->item[up->n] = n;
	up->key[up->n] = r->stack[r->depth - 1].key;
	up->n++;
	r->stack[r->depth - 1].key = NULL;
}

static void refuse_extras(
    struct reader *r, const yaml_mark_t *m, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct conf_where at = where_of(r, m);

	if (anchor != NULL)
		conf_err(r->errs, &at, "anchors (&name) are not supported: write the value out");
	if (tag != NULL)
		conf_err(r->errs, &at, "tags (!name) are not supported: write the plain value");
}

/* Escapes in quotes can make any character: only visible ones are let in. */
static bool is_visible(struct span s)
{
	char safe[32];
	size_t i, n, k;

	if (!span_is_utf8(s))
		return false;
	for (i = 0; i < s.n; i += n) {
		n = s.p[i] < 0x80 ? 1 : s.p[i] < 0xe0 ? 2 : s.p[i] < 0xf0 ? 3 : 4;
		k = span_escape(span_of(s.p + i, n), safe, sizeof(safe));
		if (s.p[i] != '\\' && (k != n || memcmp(safe, s.p + i, n) != 0))
			return false;
	}
	return true;
}

static void on_scalar(struct reader *r, const yaml_event_t *ev)
{
	struct cnode *n = node_new(r, CN_SCALAR, &ev->start_mark);
	struct span s = span_of(ev->data.scalar.value, ev->data.scalar.length);

	refuse_extras(r, &ev->start_mark, ev->data.scalar.anchor, ev->data.scalar.tag);
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = conf_strndup(r->mem, (const char *)s.p, s.n);
	n->bad = !is_visible(s);
	if (n->bad)
		conf_err(r->errs, &n->at,
		    "line breaks and invisible characters are not allowed in a value");
	attach(r, n);
}

static void on_alias(struct reader *r, const yaml_event_t *ev)
{
	struct cnode *n = node_new(r, CN_SCALAR, &ev->start_mark);

	conf_err(r->errs, &n->at, "aliases (*name) are not supported: write the value out");
	n->bad = true;
	attach(r, n);
}

static void on_open(struct reader *r, enum cnode_kind kind, const yaml_event_t *ev)
{
	struct cnode *n = node_new(r, kind, &ev->start_mark);

	if (kind == CN_MAP)
		refuse_extras(
		    r, &ev->start_mark, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
	else
		refuse_extras(r, &ev->start_mark, ev->data.sequence_start.anchor,
		    ev->data.sequence_start.tag);
	attach(r, n);
	if (r->depth == CONF_DEPTH_MAX) {
		conf_err(
		    r->errs, &n->at, "lists and maps are nested more than %d deep", CONF_DEPTH_MAX);
		r->cut = true;
		return;
	}
	r->stack[r->depth].node = n;
	r->stack[r->depth].key = NULL;
	r->depth++;
}

static void on_document(struct reader *r, const yaml_event_t *ev)
{
	struct conf_where at = where_of(r, &ev->start_mark);

	if (++r->documents > 1) {
		conf_err(r->errs, &at, "a second document (---) in one file is not supported");
		r->stop = true;
	}
	if (ev->data.document_start.version_directive != NULL ||
	    ev->data.document_start.tag_directives.start !=
		ev->data.document_start.tag_directives.end)
		conf_err(r->errs, &at, "directives (%%YAML, %%TAG) are not supported");
}

static void on_event(struct reader *r, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		on_document(r, ev);
		break;
	case YAML_SCALAR_EVENT:
		on_scalar(r, ev);
		break;
	case YAML_ALIAS_EVENT:
		on_alias(r, ev);
		break;
	case YAML_MAPPING_START_EVENT:
		on_open(r, CN_MAP, ev);
		break;
	case YAML_SEQUENCE_START_EVENT:
		on_open(r, CN_LIST, ev);
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		r->depth--;
		break;
	case YAML_STREAM_END_EVENT:
		r->stop = true;
		break;
	default:
		break;
	}
}

/* libyaml says what it expected and in which context; both are constant texts. */
static void on_syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct conf_where at = where_of(r, &p->problem_mark);

	if (p->problem == NULL)
		conf_err(r->errs, &at, "not readable as YAML");
	else if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
		conf_err(r->errs, &at, "%s %s that starts on line %zu", p->problem, p->context,
		    p->context_mark.line + 1);
	else if (p->context != NULL)
		conf_err(r->errs, &at, "%s %s", p->problem, p->context);
	else
		conf_err(r->errs, &at, "%s", p->problem);
	r->cut = true;
}

static void read_events(struct reader *r)
{
	yaml_event_t ev;

	while (!r->stop && !r->cut) {
		if (!yaml_parser_parse(&r->parser, &ev)) {
			on_syntax_error(r);
			return;
		}
		on_event(r, &ev);
		yaml_event_delete(&ev);
	}
}

struct cnode *conf_yaml_read(
    struct conf_mem *m, const char *file, struct span text, struct conf_errs *e)
{
	struct reader r = {.mem = m, .errs = e, .file = file};

	if (!check_text(&r, text))
		return NULL;
	if (!yaml_parser_initialize(&r.parser)) {
		conf_err(e, NULL, "out of memory");
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &r.parser, text.p != NULL ? text.p : (const uint8_t *)"", text.n);
	read_events(&r);
	yaml_parser_delete(&r.parser);
	return r.cut ? NULL : r.root;
}
