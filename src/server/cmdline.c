/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokenising the command line of an exec request.
 */
#include "server/cmdline.h"

#include <stdlib.h>

#include "base/cur.h"
#include "base/mem.h"
#include "conf/suggest.h"

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct cur *c)
{
	while (cur_left(c) > 0 && is_blank(cur_peek(c)))
		(void)cur_u8(c);
}

/* One word into *to, which moves behind its NUL. A word is never longer than what it was written with. */
static int word(struct cur *c, char **to, struct why *w)
{
	int quote = 0;

	for (; cur_left(c) > 0; (void)cur_u8(c)) {
		int ch = cur_peek(c);

		if (quote == 0 && is_blank(ch))
			break;
		if (quote == 0 && (ch == '\'' || ch == '"')) {
			quote = ch;
			continue;
		}
		if (quote != 0 && ch == quote) {
			quote = 0;
			continue;
		}
		if (ch == '\\' && quote != '\'' && cur_left(c) > 1) {
			(void)cur_u8(c);
			ch = cur_peek(c);
		}
		*(*to)++ = (char)ch;
	}
	*(*to)++ = '\0';
	return quote == 0 ? 0 : why_set(w, E_FORMAT, "a quote (%c) is never closed", quote);
}

static int args(struct cur *c, struct cmdline *out, char *to, struct why *w)
{
	for (skip_blanks(c); cur_left(c) > 0; skip_blanks(c)) {
		bool rest = out->argc > 0 && out->verb->rest != NULL && strcmp(out->argv[out->argc - 1], out->verb->rest) == 0;
		struct span all;
		int rc;

		if (out->argc == CMDLINE_MAX_ARGS)
			return why_set(w, E_TOOBIG, "more than %d arguments", CMDLINE_MAX_ARGS);
		out->argv[out->argc++] = to;
		if (rest) {
			all = cur_rest(c);
			memcpy(to, all.p, all.n); /* mem has room for the whole line and a NUL per word */
			to[all.n] = '\0';
			return 0;
		}
		rc = word(c, &to, w);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int unknown_verb(const char *word, struct why *w)
{
	const struct verb *v;
	struct suggest sg;
	char shown[64];
	char hint[128];
	size_t n;

	suggest_init(&sg, word);
	v = verb_table(&n);
	for (size_t i = 0; i < n; i++)
		if ((v[i].transports & VERB_SSH) != 0)
			suggest_add(&sg, v[i].name);
	span_escape(span_str(word), shown, sizeof(shown));
	why_set(w, E_UNKNOWN, "unknown verb \"%s\"%s", shown, suggest_text(&sg, hint, sizeof(hint)));
	why_hint(w, "what can be typed: ssh GATEWAY help; the gateway gives no shell");
	return E_UNKNOWN;
}

int cmdline_parse(struct span line, struct cmdline *out, struct why *w)
{
	struct cur c = cur_of(line);
	char *to;
	int rc;

	*out = (struct cmdline){0};
	if (line.n > CMDLINE_MAX)
		return why_set(w, E_TOOBIG, "the command line is longer than %d bytes", CMDLINE_MAX);
	if (span_has_nul(line))
		return why_set(w, E_FORMAT, "the command line has a NUL byte");
	out->mem = to = xcalloc(2, CMDLINE_MAX + 1); /* each word takes at most its bytes, its blank and a NUL */
	skip_blanks(&c);
	rc = cur_left(&c) > 0 ? word(&c, &to, w) : 0;
	out->verb = to == out->mem ? verb_of(VERB_WELCOME) : verb_find(out->mem);
	if (rc == 0 && out->verb == NULL) {
		rc = unknown_verb(out->mem, w);
	}
	if (rc == 0)
		rc = args(&c, out, to, w);
	if (rc != 0)
		cmdline_clear(out);
	return rc;
}

void cmdline_clear(struct cmdline *c)
{
	free(c->mem);
	*c = (struct cmdline){0};
}
