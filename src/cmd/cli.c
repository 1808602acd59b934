/* SPDX-License-Identifier: Apache-2.0
 *
 * From words to a verb: options by the verb's own table, help from the same tables, one place for
 * messages and for reaching the gateway. Run as `sallyport --exec VERB ...` by the gateway for a
 * caller over ssh, nothing the caller writes may name a file, a socket or a configuration of the
 * gateway: those options do not exist there.
 */
#include "cmd/cli.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cmd/cli_verbs.h"
#include "conf/conf.h"
#include "conf/suggest.h"

#define DEFAULT_SOCKET "/var/lib/sallyport/control.sock"

/* Options of every verb. */
static const struct cli_opt common[] = {
    {"--json", NULL, false, "print JSON"},
    {"--socket", "PATH", true, "control socket of the gateway"},
    {"--config", "FILE", true, "configuration that names the control socket"},
    {"--help", NULL, false, "this text"},
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- messages --- */

int cli_fail(const struct cli *c, int code, const struct why *w)
{
	const struct verb *v = c->verb != NULL ? verb_of(c->verb->id) : NULL;
	char text[1100], hint[1100];

	(void)span_escape(span_str(w->text), text, sizeof(text));
	(void)span_escape(span_str(w->hint), hint, sizeof(hint));
	fflush(stdout);
	fprintf(
	    stderr, "sallyport: %s%s%s\n", v != NULL ? v->name : "", v != NULL ? ": " : "", text);
	if (hint[0] != '\0')
		fprintf(stderr, "hint: %s\n", hint);
	return code;
}

int cli_failf(const struct cli *c, int code, const char *fmt, ...)
{
	struct why w = {0};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w.text, sizeof(w.text), fmt, ap);
	va_end(ap);
	return cli_fail(c, code, &w);
}

int cli_say(const struct cli *c, const struct ctlc_end *end)
{
	struct span text = buf_span(&end->text);
	FILE *out = end->code == 0 && !c->json ? stdout : stderr;

	if (text.n > 0) {
		fflush(stdout);
		fputs(end->code != 0 ? "sallyport: " : "", out);
		(void)fwrite(text.p, 1, text.n, out);
		fputs(text.p[text.n - 1] != '\n' ? "\n" : "", out);
		fflush(out); /* before the hint, also in a file */
	}
	if (end->hint[0] != '\0')
		fprintf(stderr, "hint: %s\n", end->hint);
	return end->code;
}

/* --- help --- */

static const char *command(const struct cli *c)
{
	return c->exec ? "ssh GATEWAY" : "sallyport";
}

void cli_put_usage(const struct cli *c, const struct verb *v, FILE *out)
{
	fprintf(out, "usage: %s %s%s%s\n", v->transports == VERB_SSH ? "ssh GATEWAY" : command(c), v->name, v->usage[0] != '\0' ? " " : "",
	    v->usage);
}

static void put_opts(const struct cli *c, const struct cli_opt *o, size_t n, FILE *out)
{
	char left[64];
	size_t i;

	for (i = 0; i < n; i++) {
		if (o[i].local && c->exec)
			continue;
		(void)snprintf(left, sizeof(left), "%s%s%s", o[i].name, o[i].arg != NULL ? " " : "",
		    o[i].arg != NULL ? o[i].arg : "");
		fprintf(out, "  %-18s %s\n", left, o[i].help);
	}
}

void cli_put_help(const struct cli *c, const struct verb *v, FILE *out)
{
	const struct cli_verb *cv = cli_verb_of(v->id);

	cli_put_usage(c, v, out);
	fprintf(out, "%s\n\n", v->summary);
	if (cv == NULL)
		return;
	put_opts(c, cv->opts, cv->n_opts, out);
	if (cv->raw == NULL)
		put_opts(c, common, N(common), out);
}

static void put_verbs(const struct cli *c, FILE *out)
{
	unsigned here = c->exec ? VERB_SSH : VERB_LOCAL;
	const struct verb *v;
	size_t i, n;

	fprintf(out, "usage: %s VERB ...\n\n", command(c));
	for (v = verb_table(&n), i = 0; i < n; i++)
		if ((v[i].transports & here) != 0 && cli_verb_of(v[i].id) != NULL)
			fprintf(out, "  %-10s %s\n", v[i].name, v[i].summary);
	fprintf(out, "\nmore: %s help VERB\n", command(c));
}

static int unknown_verb(struct cli *c, const char *word)
{
	unsigned here = c->exec ? VERB_SSH : VERB_LOCAL;
	struct why w = {0};
	struct suggest sg;
	const struct verb *v;
	size_t i, n;

	suggest_init(&sg, word);
	for (v = verb_table(&n), i = 0; i < n; i++)
		if ((v[i].transports & here) != 0)
			suggest_add(&sg, v[i].name);
	(void)why_set(&w, E_UNKNOWN, "unknown verb \"%.64s\"", word);
	if (sg.best != NULL)
		why_hint(&w, "did you mean \"%s\"? all verbs: %s help", sg.best, command(c));
	else
		why_hint(&w, "all verbs: %s help", command(c));
	return cli_fail(c, EXIT_USAGE, &w);
}

int verb_help(struct cli *c, const struct cli_args *a)
{
	const struct verb *v = a->n > 0 ? verb_find(a->v[0]) : NULL;

	if (a->n > 0 && (v == NULL || cli_verb_of(v->id) == NULL)) {
		c->verb = NULL;
		return unknown_verb(c, a->v[0]);
	}
	if (v != NULL)
		cli_put_help(c, v, stdout);
	else
		put_verbs(c, stdout);
	return 0;
}

/* --- options --- */

struct parse {
	struct cli *c;
	struct cli_args *a;
	int argc, i;
	char **argv;
	bool help;
};

static int SP_PRINTF(2, 3) usage(const struct cli *c, const char *fmt, ...)
{
	struct why w = {0};
	const struct verb *v = verb_of(c->verb->id);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w.text, sizeof(w.text), fmt, ap);
	va_end(ap);
	(void)cli_fail(c, EXIT_USAGE, &w);
	cli_put_usage(c, v, stderr);
	return EXIT_USAGE;
}

/* The row of an option, its value in *value ("" for a flag). NULL when word is not in this table.
 */
static const struct cli_opt *find_opt(
    struct parse *p, const struct cli_opt *o, size_t n, const char **value)
{
	const char *word = p->argv[p->i],
		   *eq = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
	size_t len = eq != NULL ? (size_t)(eq - word) : strlen(word), i;

	for (i = 0; i < n; i++)
		if (strlen(o[i].name) == len && strncmp(o[i].name, word, len) == 0)
			break;
	if (i == n)
		return NULL;
	*value = eq != NULL           ? eq + 1
		 : o[i].arg == NULL   ? ""
		 : p->i + 1 < p->argc ? p->argv[++p->i]
				      : NULL;
	if (eq != NULL && o[i].arg == NULL)
		*value = NULL;
	return &o[i];
}

static int take_common(struct parse *p, const struct cli_opt *o, const char *value)
{
	if (strcmp(o->name, "--json") == 0)
		p->c->json = true;
	else if (strcmp(o->name, "--help") == 0)
		p->help = true;
	else if (strcmp(o->name, "--socket") == 0)
		p->c->socket = value;
	else
		p->c->config = value;
	return 0;
}

static int take_option(struct parse *p)
{
	const struct cli_verb *cv = p->c->verb;
	const char *value = NULL, *word = p->argv[p->i];
	const struct cli_opt *o = find_opt(p, cv->opts, cv->n_opts, &value);
	bool own = o != NULL;

	if (o == NULL)
		o = find_opt(p, common, N(common), &value);
	if (o == NULL && strcmp(word, "-h") == 0) {
		p->help = true;
		return 0;
	}
	if (o == NULL)
		return usage(p->c, "there is no option \"%.64s\"", word);
	if (value == NULL)
		return usage(p->c, "\"%.64s\" %s", word,
		    o->arg != NULL ? "needs a value" : "takes no value");
	if (o->local && p->c->exec)
		return usage(p->c, "\"%.64s\" is for the gateway's own command line only", word);
	if (!own)
		return take_common(p, o, value);
	p->a->opt[o - cv->opts] = value;
	return 0;
}

/* argv: behind the verb. 0, or an exit status after a message. */
static int parse_args(struct cli *c, int argc, char **argv, struct cli_args *a, bool *help)
{
	struct parse p = {c, a, argc, 0, argv, false};
	bool words_only = false;
	int rc = 0;

	for (p.i = 0; p.i < argc && rc == 0; p.i++) {
		if (!words_only && strcmp(argv[p.i], "--") == 0)
			words_only = true;
		else if (!words_only && argv[p.i][0] == '-' && argv[p.i][1] != '\0')
			rc = take_option(&p);
		else
			a->v[a->n++] = argv[p.i];
	}
	*help = p.help;
	if (rc != 0 || p.help)
		return rc;
	if (a->n < c->verb->min)
		return usage(c, "%s",
		    c->verb->min == 1 ? "an argument is missing" : "arguments are missing");
	if (a->n > c->verb->max)
		return usage(c, "\"%.64s\" is one argument too many", a->v[c->verb->max]);
	return 0;
}

/* --- the gateway --- */

const char *cli_config_path(const struct cli *c)
{
	const char *env = getenv("SALLYPORT_CONFIG");

	return c->config != NULL               ? c->config
	       : env != NULL && env[0] != '\0' ? env
					       : SP_SYSCONFDIR "/sallyport/sallyport.yaml";
}

/* The configuration may be unreadable for this user, or broken while the gateway runs an older one.
 */
static char *configured_socket(const struct cli *c)
{
	const char *file = cli_config_path(c);
	struct conf *conf = NULL;
	struct buf errs;
	char *path;

	buf_init(&errs, 1 << 20);
	if (conf_load(file, &conf, &errs) != 0 && c->config != NULL)
		fprintf(stderr, "sallyport: %s cannot be used, trying %s\n", file, DEFAULT_SOCKET);
	path = xstrdup(conf != NULL ? conf->gateway.control : DEFAULT_SOCKET);
	conf_free(conf);
	buf_clear(&errs);
	return path;
}

int cli_connect(struct cli *c)
{
	const char *env = getenv("SALLYPORT_SOCKET");
	char *path = NULL;
	struct why w = {0};
	int rc;

	if (c->ctl != NULL)
		return 0;
	if (c->exec) {
		rc = ctlc_adopt(CLI_EXEC_FD, &c->ctl, &w);
	} else {
		path = c->socket != NULL               ? xstrdup(c->socket)
		       : env != NULL && env[0] != '\0' ? xstrdup(env)
						       : configured_socket(c);
		rc = ctlc_connect(path, &c->ctl, &w);
		free(path);
	}
	return rc != 0 ? cli_fail(c, EXIT_UNREACHABLE, &w) : 0;
}

int cli_call(struct cli *c, const char *verb, struct ctlc_args *args, const struct ctlc_sink *sink,
    struct ctlc_end *end)
{
	struct why w = {0};
	int rc = cli_connect(c);

	*end = (struct ctlc_end){.code = rc};
	buf_init(&end->text, 1);
	if (rc != 0) {
		if (args != NULL)
			ctlc_args_clear(args);
		return rc;
	}
	if (ctlc_call(c->ctl, verb, args, sink, end, &w) == 0)
		return end->code;
	end->code = cli_fail(c, w.code == E_LIMIT ? EXIT_TEMPORARY : EXIT_UNREACHABLE, &w);
	return end->code;
}

/* --- main --- */

static int run_verb(struct cli *c, int argc, char **argv)
{
	const struct verb *v = verb_of(c->verb->id);
	struct cli_args a = {.n = 0};
	bool help = false;
	int rc;

	if (c->verb->raw != NULL) {
		if (argc < 2 || (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0))
			return c->verb->raw(argc, argv);
		cli_put_help(c, v, stdout);
		return 0;
	}
	a.v = xcalloc((size_t)argc + 1, sizeof(char *));
	rc = parse_args(c, argc - 1, argv + 1, &a, &help);
	if (rc == 0 && help)
		cli_put_help(c, v, stdout);
	else if (rc == 0)
		rc = c->verb->fn(c, &a);
	free(a.v);
	return rc;
}

/* Options in front of the verb. Returns how many words they are, or -1 after a message. */
static int leading_options(struct cli *c, int argc, char **argv, bool *done)
{
	int i = 0;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			c->json = true;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			put_verbs(c, stdout);
			*done = true;
			return i;
		} else if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
			printf("sallyport %s\n", SP_VERSION);
			*done = true;
			return i;
		} else if (!c->exec && i + 1 < argc && strcmp(argv[i], "--socket") == 0) {
			c->socket = argv[++i];
		} else if (!c->exec && i + 1 < argc && strcmp(argv[i], "--config") == 0) {
			c->config = argv[++i];
		} else {
			(void)cli_failf(c, -1, "there is no option \"%.64s\", or its value is missing", argv[i]);
			fprintf(stderr, "hint: all verbs: %s help\n", command(c));
			return -1;
		}
	}
	return i;
}

static int dispatch(struct cli *c, int argc, char **argv)
{
	unsigned here = c->exec ? VERB_SSH : VERB_LOCAL;
	bool done = false;
	int skip = leading_options(c, argc, argv, &done);
	const struct verb *v;

	if (skip < 0)
		return EXIT_USAGE;
	if (done)
		return 0;
	if (skip == argc && !c->exec) {
		put_verbs(c, stderr);
		return EXIT_USAGE;
	}
	v = verb_find(skip < argc ? argv[skip] : "welcome");
	if (v == NULL || cli_verb_of(v->id) == NULL)
		return unknown_verb(c, skip < argc ? argv[skip] : "welcome");
	c->verb = cli_verb_of(v->id);
	if ((v->transports & here) == 0)
		return c->exec
			   ? cli_failf(c, EXIT_USAGE, "is for the gateway's own command line only")
			   : cli_failf(c, EXIT_USAGE, "works over ssh only: ssh GATEWAY %s%s%s", v->name,
				 v->usage[0] != '\0' ? " " : "", v->usage);
	return skip < argc ? run_verb(c, argc - skip, argv + skip)
			   : run_verb(c, 1, (char *[]){NULL, NULL});
}

int cli_main(int argc, char **argv)
{
	struct cli c = {.exec = argc > 1 && strcmp(argv[1], "--exec") == 0};
	int rc = dispatch(&c, argc - (c.exec ? 2 : 1), argv + (c.exec ? 2 : 1));

	ctlc_free(c.ctl);
	if (fflush(stdout) != 0 && rc == 0)
		rc = EXIT_FAILED;
	return rc;
}
