/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion and manual from the verb tables: what is shipped is compared with this by a test, so
 * neither can forget a verb or an option.
 */
#include "cmd/cli_verbs.h"

/* --- bash completion --- */

static void put_words(FILE *out, const struct cli_verb *cv)
{
	size_t i;

	for (i = 0; i < cv->n_opts; i++)
		fprintf(out, "%s ", cv->opts[i].name);
	fputs(cv->raw == NULL ? "--json --help" : "--help", out);
}

void cli_put_completion(FILE *out)
{
	const struct verb *v;
	size_t i, n;

	fputs("# bash completion for sallyport(1); generated from its verb table\n"
	      "_sallyport()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= i\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t--socket|--config) ((i++));;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) verb=${COMP_WORDS[i]}; break;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $prev in\n"
	      "\t--socket|--config|--dir|--key|--checkpoint) COMPREPLY=($(compgen -f -- "
	      "\"$cur\")); return;;\n"
	      "\tesac\n"
	      "\tlocal words=\n"
	      "\tcase $verb in\n"
	      "\t'') words='",
	    out);
	for (v = verb_table(&n), i = 0; i < n; i++)
		if ((v[i].transports & VERB_LOCAL) != 0 && cli_verb_of(v[i].id) != NULL)
			fprintf(out, "%s ", v[i].name);
	fputs("--json --socket --config --help --version';;\n", out);
	for (i = 0; i < n; i++) {
		if ((v[i].transports & VERB_LOCAL) == 0 || cli_verb_of(v[i].id) == NULL)
			continue;
		fprintf(out, "\t%s) words='", v[i].name);
		put_words(out, cli_verb_of(v[i].id));
		fputs("';;\n", out);
	}
	fputs("\tesac\n"
	      "\tif [ \"$verb\" = help ]; then words=$(sallyport help 2>/dev/null | sed -n 's/^  "
	      "\\([a-z][a-z]*\\) .*/\\1/p'); fi\n"
	      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	      "}\n"
	      "complete -F _sallyport sallyport\n",
	    out);
}

/* --- the verbs part of sallyport(1) --- */

/* A hyphen that is typed. */
static void put_typed(FILE *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '-')
			fputs("\\-", out);
		else
			fputc(*s, out);
	}
}

static void put_verb(FILE *out, const struct verb *v, const struct cli_verb *cv)
{
	static const char *const where[] = {
	    [VERB_LOCAL] = "On the gateway only.", [VERB_SSH] = "Over ssh only."};
	size_t i;

	fprintf(out, ".It Cm %s", v->name);
	if (v->usage[0] != '\0') {
		fputs(" Ar ", out);
		put_typed(out, v->usage);
	}
	fprintf(out, "\n%c%s.\n",
	    v->summary[0] - ('a' <= v->summary[0] && v->summary[0] <= 'z' ? 32 : 0),
	    v->summary + 1);
	if (v->transports == VERB_LOCAL || v->transports == VERB_SSH)
		fprintf(out, "%s\n", where[v->transports]);
	if (cv->n_opts == 0)
		return;
	fputs(".Bl -tag -width Ds -compact\n", out);
	for (i = 0; i < cv->n_opts; i++) {
		fputs(".It Fl ", out);
		put_typed(out, cv->opts[i].name + 1);
		if (cv->opts[i].arg != NULL)
			fprintf(out, " Ar %s", cv->opts[i].arg);
		fprintf(out, "\n%c%s.\n",
		    cv->opts[i].help[0] -
			('a' <= cv->opts[i].help[0] && cv->opts[i].help[0] <= 'z' ? 32 : 0),
		    cv->opts[i].help + 1);
	}
	fputs(".El\n", out);
}

void cli_put_manual(FILE *out)
{
	const struct verb *v;
	size_t i, n;

	fputs(".Bl -tag -width Ds\n", out);
	for (v = verb_table(&n), i = 0; i < n; i++)
		if (cli_verb_of(v[i].id) != NULL)
			put_verb(out, &v[i], cli_verb_of(v[i].id));
	fputs(".El\n", out);
}
