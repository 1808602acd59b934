/* SPDX-License-Identifier: Apache-2.0
 *
 * `sallyport policy explain`: what the policy would do with SQL from its arguments or standard input. Works without
 * a daemon, and without a configuration by the built-in base.
 *   --dialect pg|mysql   --label env=NAME   --config FILE   --target T [--user U] [--group G]...
 * [--login L]   --as-agent-of U [--max-risk CLASS] instead of --user
 *   --json (one object)  --jsonl (a line in, a line out)
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/explain.h"
#include "policy/resolve.h"

#define GROUPS_MAX     32
#define INPUT_MAX      (2u * SQL_MAX_TEXT)

struct options {
	const char *dialect, *label, *config, *target, *user, *login;
	const char *group[GROUPS_MAX];
	size_t n_groups;
	char **words; /* SQL behind the options; NULL-ended, none = standard input */
	bool json, jsonl;
	bool agent; /* not user itself asks, but an agent that acts for it */
	const char *risk;
};

static const char usage_text[] =
    "usage: sallyport policy explain [--dialect pg|mysql] [--label env=NAME] [--json | --jsonl]\n"
    "       sallyport policy explain --target T [--user U] [--group G]... [--login L] [--config "
    "FILE] [--json | --jsonl]\n"
    "       sallyport policy explain --target T --as-agent-of U [--max-risk CLASS] ...\n"
    "SQL is what follows the options, or standard input; --jsonl reads {\"id\",\"sql\"|\"sql_b64\",\"session\":{...}} "
    "lines.\n";

static int fail(int code, const char *why, const char *what)
{
	fprintf(stderr, "sallyport: policy: %s%s%s\n", why, what[0] != '\0' ? ": " : "", what);
	return code;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	    {"dialect", required_argument, NULL, 'd'},
	    {"label", required_argument, NULL, 'l'},
	    {"config", required_argument, NULL, 'f'},
	    {"target", required_argument, NULL, 't'},
	    {"user", required_argument, NULL, 'u'},
	    {"group", required_argument, NULL, 'g'},
	    {"login", required_argument, NULL, 'L'},
	    {"as-agent-of", required_argument, NULL, 'a'},
	    {"max-risk", required_argument, NULL, 'm'},
	    {"json", no_argument, NULL, 'j'},
	    {"jsonl", no_argument, NULL, 'J'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 'd':
			o->dialect = optarg;
			break;
		case 'l':
			o->label = optarg;
			break;
		case 'f':
			o->config = optarg;
			break;
		case 't':
			o->target = optarg;
			break;
		case 'u':
			o->user = optarg;
			break;
		case 'L':
			o->login = optarg;
			break;
		case 'a':
			o->user = optarg;
			o->agent = true;
			break;
		case 'm':
			o->risk = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'J':
			o->jsonl = true;
			break;
		case 'g':
			if (o->n_groups == GROUPS_MAX)
				return EXIT_USAGE;
			o->group[o->n_groups++] = optarg;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return -1;
		default:
			return EXIT_USAGE;
		}
	o->words = argv + optind;
	if ((optind < argc && o->jsonl) || (o->json && o->jsonl) || (o->target != NULL && o->label != NULL))
		return EXIT_USAGE;
	if (o->risk != NULL && !o->agent)
		return EXIT_USAGE;
	if (o->target == NULL && (o->user != NULL || o->n_groups > 0 || o->login != NULL))
		return EXIT_USAGE;
	return EXIT_OK;
}

/* ---- whose view ---- */

static bool in_groups(const struct options *o, const struct conf_user *u, const struct conf_role *r)
{
	size_t i;

	for (i = 0; i < r->groups.n; i++) {
		size_t k;

		if (u != NULL && conf_list_has(&u->groups, r->groups.v[i]))
			return true;
		for (k = 0; k < o->n_groups; k++)
			if (strcmp(o->group[k], r->groups.v[i]) == 0)
				return true;
	}
	return false;
}

static bool gives_login(const struct conf_role *r, const char *login)
{
	return login == NULL || conf_list_has(&r->logins, login) || conf_list_has(&r->logins, "*");
}

static bool reaches(const struct conf_role *r, const struct conf_target *t, const char *login)
{
	return conf_selects(&r->targets, t) && gives_login(r, login);
}

/* May the person give this role to agents? */
static bool is_given(const struct options *o, const struct conf_user *u, const struct conf_role *r)
{
	struct conf_role by = {.groups = r->delegated_by};

	return in_groups(o, u, &by);
}

static const struct conf_role *role_of_person(const struct options *o, const struct conf *c,
    const struct conf_user *u, const struct conf_target *t, const char *login)
{
	for (size_t i = 0; i < c->n_roles; i++)
		if (in_groups(o, u, &c->roles[i]) && reaches(&c->roles[i], t, login))
			return &c->roles[i];
	return NULL;
}

/* The first role given to agents that has a login on the target which a role of the person has, too; the stricter
 * of both. */
static int view_of_agent(const struct options *o, const struct conf *c, const struct conf_user *u,
    const struct conf_target *t, struct explain *x)
{
	enum sql_class max = SQL_ESCAPE;

	if (o->risk != NULL && sql_class_parse(o->risk, &max) != 0)
		return fail(EXIT_USAGE, "unknown statement class", o->risk);
	for (size_t i = 0; i < c->n_roles; i++)
		for (size_t k = 0; k < t->n_logins; k++) {
			const char *login = t->logins[k].name;
			const struct conf_role *p = role_of_person(o, c, u, t, login);
			struct policy_view behind;

			if (p == NULL || !is_given(o, u, &c->roles[i]) || !reaches(&c->roles[i], t, login) ||
			    (o->login != NULL && strcmp(o->login, login) != 0))
				continue;
			policy_view_resolve(c, 0, &c->roles[i], t, login, &x->view);
			policy_view_resolve(c, 0, p, t, login, &behind);
			policy_view_narrow(&x->view, &behind);
			if (class_beyond(x->view.max, max))
				x->view.max = max;
			return EXIT_OK;
		}
	return fail(EXIT_DENIED, "no role that may be given to an agent reaches the target with a login of the person's", o->target);
}

/* As a connection would: the first role in the configuration's order that reaches the target (with
 * the login). */
static int view_of_person(const struct options *o, const struct conf *c, struct explain *x)
{
	const struct conf_target *t = conf_target_find(c, o->target);
	const struct conf_user *u = conf_user_find(c, o->user);
	size_t i;

	if (t == NULL)
		return fail(EXIT_NOTFOUND, "unknown target", o->target);
	if (o->user != NULL && u == NULL && o->n_groups == 0)
		return fail(EXIT_NOTFOUND, "unknown user (name the groups with --group)", o->user);
	if (t->type == TARGET_MYSQL)
		x->dialect = EXPLAIN_MYSQL;
	if (o->agent)
		return view_of_agent(o, c, u, t, x);
	for (i = 0; i < c->n_roles; i++) {
		const struct conf_role *r = &c->roles[i];

		if (in_groups(o, u, r) && conf_selects(&r->targets, t) &&
		    gives_login(r, o->login)) {
			policy_view_resolve(c, 0, r, t, o->login, &x->view);
			return EXIT_OK;
		}
	}
	return fail(EXIT_DENIED, "no role of these groups reaches the target", o->target);
}

/* A label alone: a target that has just it, and a role that may ask for everything. */
static int view_of_label(const struct options *o, const struct conf *c, struct explain *x)
{
	char key[64], value[64], any[] = "*", name[] = "-";
	char *all[1] = {any};
	const char *eq = o->label != NULL ? strchr(o->label, '=') : NULL;
	struct conf_label label = {key, value};
	struct conf_target t = {.name = name, .n_labels = o->label != NULL, .labels = &label};
	struct conf_role r = {
	    .name = name, .targets = {1, all}, .logins = {1, all}, .max = SQL_ESCAPE};

	if (o->label != NULL) {
		if (eq == NULL || eq == o->label || (size_t)(eq - o->label) >= sizeof(key))
			return fail(EXIT_USAGE, "a label is KEY=VALUE", o->label);
		memcpy(key, o->label, (size_t)(eq - o->label));
		key[eq - o->label] = '\0';
		if (str_copy(value, sizeof(value), eq + 1) != 0)
			return fail(EXIT_USAGE, "a label is KEY=VALUE", o->label);
	}
	if (c != NULL)
		policy_view_resolve(c, 0, &r, &t, NULL, &x->view);
	else
		policy_view_default(&x->view, conf_target_label(&t, "env"));
	return EXIT_OK;
}

static int set_up(const struct options *o, struct conf **conf, struct explain *x)
{
	const struct cli c = {.config = o->config};
	const char *path = o->config != NULL || o->target != NULL ? cli_config_path(&c) : NULL;
	struct buf errs;
	int r;

	if (o->dialect != NULL && strcmp(o->dialect, "pg") != 0 && strcmp(o->dialect, "mysql") != 0)
		return fail(EXIT_USAGE, "--dialect is pg or mysql", "");
	if (o->dialect != NULL && o->dialect[0] == 'm')
		x->dialect = EXPLAIN_MYSQL;
	if (path != NULL) {
		buf_init(&errs, 1u << 20);
		r = conf_load(path, conf, &errs);
		if (r != 0)
			fprintf(stderr, "%s", buf_cstr(&errs));
		buf_clear(&errs);
		if (r != 0)
			return EXIT_FAILED;
		x->conf = *conf;
	}
	return o->target != NULL ? view_of_person(o, *conf, x) : view_of_label(o, *conf, x);
}

/* ---- input ---- */

/* Read more of standard input. 0, E_CLOSED at its end, or an error. */
static int read_more(struct buf *in)
{
	uint8_t *p;
	ssize_t n;
	int r = buf_reserve(in, 65536, &p);

	if (r != 0)
		return r;
	n = read(STDIN_FILENO, p, 65536);
	if (n < 0)
		return E_INTERNAL;
	buf_commit(in, (size_t)n);
	return n > 0 ? 0 : E_CLOSED;
}

static bool is_blank(struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (strchr(" \t\r", s.p[i]) == NULL || s.p[i] == '\0')
			return false;
	return true;
}

static int answer(const struct explain *x, struct span line)
{
	struct buf out;
	int r, code = EXIT_OK;

	if (is_blank(line))
		return EXIT_OK;
	buf_init(&out, 4 * JS_TEXT_MAX);
	r = explain_line(x, line, &out);
	if (r != 0 || buf_err(&out) != 0)
		code = EXIT_FAILED;
	fwrite(buf_span(&out).p, 1, buf_len(&out), stdout);
	buf_clear(&out);
	return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

static int run_lines(const struct explain *x)
{
	struct buf in;
	int r = 0, code = EXIT_OK;

	buf_init(&in, JS_TEXT_MAX + 65536);
	while (r == 0) {
		struct span s = buf_span(&in);
		const uint8_t *nl = s.n > 0 ? memchr(s.p, '\n', s.n) : NULL;

		if (nl == NULL) {
			r = read_more(&in);
			continue;
		}
		if (answer(x, span_of(s.p, (size_t)(nl - s.p))) != EXIT_OK)
			code = EXIT_FAILED;
		buf_consume(&in, (size_t)(nl - s.p) + 1);
	}
	if (r == E_CLOSED && buf_len(&in) > 0 && answer(x, buf_span(&in)) != EXIT_OK)
		code = EXIT_FAILED;
	buf_clear(&in);
	return r == E_CLOSED ? code : fail(EXIT_FAILED, "standard input", err_str(r));
}

static int run_text(const struct explain *x, const struct options *o)
{
	const struct explain_session pinned = {NULL, NULL, NULL};
	struct explained e;
	struct buf in;
	struct js *obj;
	int r;

	buf_init(&in, INPUT_MAX);
	for (char **s = o->words; *s != NULL; s++)
		buf_printf(&in, "%s%s", s > o->words ? " " : "", *s);
	r = o->words[0] != NULL ? E_CLOSED : 0;
	while (r == 0)
		r = read_more(&in);
	if (r != E_CLOSED || buf_err(&in) != 0) {
		buf_clear(&in);
		return fail(EXIT_FAILED, "standard input", err_str(r));
	}
	explain_text(x, buf_span(&in), &pinned, &e);
	buf_clear(&in);
	if (!o->json) {
		explain_print(x, &e, stdout);
		explained_clear(&e);
		return EXIT_OK;
	}
	obj = js_object();
	js_put_str(obj, "schema", "sallyport/policy-explain/1");
	explain_put(x, &e, obj);
	buf_init(&in, 4 * JS_TEXT_MAX);
	js_dump(obj, &in);
	puts(buf_cstr(&in));
	buf_clear(&in);
	js_free(obj);
	explained_clear(&e);
	return EXIT_OK;
}

int verb_policy(int argc, char **argv)
{
	struct options o = {.dialect = NULL};
	struct explain x = {.dialect = EXPLAIN_PG};
	struct conf *conf = NULL;
	int code;

	if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage_text, stdout);
		return EXIT_OK;
	}
	if (argc < 2 || strcmp(argv[1], "explain") != 0) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	code = parse_options(argc - 1, argv + 1, &o);
	if (code == -1)
		return EXIT_OK;
	if (code != EXIT_OK) {
		fputs(usage_text, stderr);
		return code;
	}
	code = set_up(&o, &conf, &x);
	if (code == EXIT_OK)
		code = o.jsonl ? run_lines(&x) : run_text(&x, &o);
	conf_free(conf);
	return code;
}
