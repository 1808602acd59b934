/* SPDX-License-Identifier: Apache-2.0
 *
 * The effective configuration as text that loads again. There is no secret in it because none is in
 * a configuration: passwords are references.
 */
#include "conf/conf_fill.h"

#include <stdio.h>

void conf_dump_quoted(struct buf *out, const char *s)
{
	buf_put_u8(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t)*s);
	}
	buf_put_u8(out, '"');
}

/* The map "session:" of "session.ttl" is opened once for keys that follow each other. */
static void put_key(struct buf *out, const char *indent, const char *name, const char **open_map)
{
	const char *dot = strchr(name, '.');
	size_t n = dot != NULL ? (size_t)(dot - name) + 1 : 0;

	if (dot == NULL) {
		*open_map = NULL;
		buf_printf(out, "\n%s%s:", indent, name);
		return;
	}
	if (*open_map == NULL || strncmp(*open_map, name, n) != 0)
		buf_printf(out, "\n%s%.*s:", indent, (int)n - 1, name);
	*open_map = name;
	buf_printf(out, "\n%s  %s:", indent, dot + 1);
}

void conf_dump_element(
    const struct conf_section *sec, const void *base, const char *indent, struct buf *out)
{
	const char *open_map = NULL;
	struct buf value;
	size_t i;

	buf_init(&value, CONF_FILE_MAX);
	for (i = 0; i < sec->n_keys; i++) {
		const struct conf_key *k = &sec->keys[i];

		if (k->type == CT_UNSUPPORTED ||
		    (sec == &conf_sections[SEC_IDENTITY] && !conf_identity_uses(base, k->name)))
			continue;
		buf_reset(&value);
		conf_types[k->type].dump(k, base, &value);
		if (buf_len(&value) == 0)
			continue;
		put_key(out, indent, k->name, &open_map);
		if (buf_span(&value).p[0] != '\n')
			buf_put_u8(out, ' ');
		buf_put_span(out, buf_span(&value));
	}
	buf_clear(&value);
}

static void dump_name(const struct conf_section *sec, const void *base, struct buf *out)
{
	char label[200];
	const struct conf_base *b = base;

	if (sec != &conf_sections[SEC_BASE]) {
		conf_dump_quoted(out, *(char *const *)((const char *)base + sec->off_name));
		return;
	}
	(void)snprintf(label, sizeof(label), "%s=%s", b->key, b->value);
	conf_dump_quoted(out, label);
}

static void dump_array(const struct conf *c, const struct conf_section *sec, struct buf *out)
{
	const char *array = *(char *const *)((const char *)c + sec->off_v);
	size_t n = *(const size_t *)((const char *)c + sec->off_n), i;

	for (i = 0; i < n; i++) {
		if (sec->shape == SHAPE_LIST) {
			buf_put_str(out, "\n  -");
			conf_dump_element(sec, array + i * sec->size, "    ", out);
			continue;
		}
		buf_put_str(out, "\n  ");
		dump_name(sec, array + i * sec->size, out);
		buf_put_u8(out, ':');
		conf_dump_element(sec, array + i * sec->size, "    ", out);
	}
}

void conf_dump(const struct conf *c, struct buf *out)
{
	size_t s;

	for (s = 0; s < CONF_SECTIONS; s++) {
		const struct conf_section *sec = &conf_sections[s];

		if (sec->shape != SHAPE_ONE && *(const size_t *)((const char *)c + sec->off_n) == 0)
			continue;
		buf_printf(out, "%s:", sec->name);
		if (sec->shape == SHAPE_ONE)
			conf_dump_element(sec, (const char *)c + sec->off_v, "  ", out);
		else
			dump_array(c, sec, out);
		buf_put_u8(out, '\n');
	}
}
