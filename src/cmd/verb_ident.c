/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs about the caller: welcome, whoami, targets, cert, config.
 */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/cli_verbs.h"
#include "cmd/view.h"

#define TEXT_CAP 1024

/* "a,b" → "a, b" */
static const char *spaced(const struct mp_val *item, const char *key, char *out, size_t cap)
{
	struct span s = mp_span(mp_get(item, key));
	size_t o = 0, i;

	for (i = 0; i < s.n && o + 3 < cap; i++) {
		out[o++] = (char)s.p[i];
		if (s.p[i] == ',')
			out[o++] = ' ';
	}
	out[o] = '\0';
	return out;
}

static void put_safe(FILE *out, const char *s)
{
	char safe[2 * TEXT_CAP];

	(void)span_escape(span_str(s), safe, sizeof(safe));
	fputs(safe, out);
}

/* --- whoami --- */

/* "17:42 (8 h)", or with the date when that is not today. */
static const char *until(int64_t expires_s, char *out, size_t cap)
{
	time_t now = (time_t)clock_wall_s(), then = (time_t)expires_s;
	char when[64], left[32];
	struct tm a, b;
	bool today;

	if (localtime_r(&now, &a) == NULL || localtime_r(&then, &b) == NULL)
		return "?";
	today = a.tm_yday == b.tm_yday && a.tm_year == b.tm_year;
	(void)strftime(when, sizeof(when), today ? "%H:%M" : "%Y-%m-%d %H:%M", &b);
	(void)snprintf(out, cap, "%s%s (%s)", when, b.tm_gmtoff == 0 ? "Z" : "",
	    expires_s > now ? view_span(expires_s - now, left, sizeof(left)) : "expired");
	return out;
}

static void print_whoami(const struct mp_val *item)
{
	char text[TEXT_CAP], behalf[TEXT_CAP];
	int64_t expires = ctlc_int(item, "expires_s");

	put_safe(stdout, ctlc_text(item, "user", text, sizeof(text)));
	if (ctlc_text(item, "on_behalf_of", behalf, sizeof(behalf))[0] != '\0') {
		fputs(" for ", stdout);
		put_safe(stdout, behalf);
	}
	if (spaced(item, "groups", text, sizeof(text))[0] != '\0') {
		fputs(" \xc2\xb7 groups ", stdout);
		put_safe(stdout, text);
	}
	(void)ctlc_text(item, "via", text, sizeof(text));
	if (strcmp(text, "certificate") == 0 && expires > 0)
		printf(" \xc2\xb7 certificate until %s", until(expires, text, sizeof(text)));
	else if (strcmp(text, "key") == 0)
		fputs(" \xc2\xb7 known by key only", stdout);
	else
		printf(" \xc2\xb7 on the gateway itself (%s)",
		    ctlc_text(item, "kind", text, sizeof(text)));
	fputc('\n', stdout);
}

int verb_whoami(struct cli *c, const struct cli_args *a)
{
	(void)a;
	return view_one(c, "whoami", NULL, print_whoami);
}

/* --- targets --- */

static const struct view_col target_cols[] = {
    {{"name", false, false}, "name", VIEW_TEXT},
    {{"type", false, false}, "type", VIEW_TEXT},
    {{"port", true, false}, "port", VIEW_INT},
    {{"databases", false, true}, "databases", VIEW_TEXT},
    {{"logins", false, true}, "logins", VIEW_TEXT},
    {{"roles", false, true}, "roles", VIEW_TEXT},
    {{"masked", false, false}, "masked", VIEW_TEXT},
    {{"env", false, false}, "env", VIEW_TEXT},
};
static const struct view targets_view = {"targets", target_cols,
    sizeof(target_cols) / sizeof(target_cols[0]), "no target is open to you"};

int verb_targets(struct cli *c, const struct cli_args *a)
{
	(void)a;
	return view_call(c, "targets", NULL, &targets_view);
}

/* --- cert: the certificate and nothing else on stdout --- */

static void print_cert(const struct mp_val *item)
{
	char line[16384], text[TEXT_CAP];

	printf("%s\n", ctlc_text(item, "certificate", line, sizeof(line)));
	fputs("certificate ", stderr);
	fprintf(stderr, "%lld for ", (long long)ctlc_int(item, "serial"));
	put_safe(stderr, ctlc_text(item, "principals", text, sizeof(text)));
	fprintf(stderr, " until %s\n", until(ctlc_int(item, "expires_s"), text, sizeof(text)));
}

int verb_cert(struct cli *c, const struct cli_args *a)
{
	(void)a;
	return view_one(c, "cert", NULL, print_cert);
}

/* --- config --- */

static void print_config(const struct mp_val *item)
{
	struct span text = mp_span(mp_get(item, "text"));

	(void)fwrite(text.p, 1, text.n, stdout);
}

int verb_config(struct cli *c, const struct cli_args *a)
{
	struct ctlc_args args;
	char *end = NULL;
	long port;

	ctlc_args_init(&args);
	ctlc_arg_str(&args, "host", a->opt[CFG_HOST]);
	ctlc_arg_str(&args, "key", a->opt[CFG_KEY]);
	ctlc_arg_str(&args, "cert", a->opt[CFG_CERT]);
	if (a->opt[CFG_SCRIPT] != NULL)
		ctlc_arg_flag(&args, "script", true);
	if (a->opt[CFG_PORT] != NULL) {
		port = strtol(a->opt[CFG_PORT], &end, 10);
		if (end == a->opt[CFG_PORT] || *end != '\0' || port < 1 || port > 65535) {
			ctlc_args_clear(&args);
			return cli_failf(
			    c, EXIT_USAGE, "\"%.64s\" is not a port", a->opt[CFG_PORT]);
		}
		ctlc_arg_int(&args, "port", port);
	}
	return view_one(c, "config", &args, print_config);
}

/* --- hostkeys --- */

int verb_hostkeys(struct cli *c, const struct cli_args *a)
{
	struct ctlc_args args;

	ctlc_args_init(&args);
	ctlc_arg_flag(&args, "sshfp", a->opt[HOST_SSHFP] != NULL);
	return view_one(c, "hostkeys", &args, print_config);
}

/* --- welcome: what an ssh without a command shows --- */

#define WELCOME_TARGETS 12

struct welcome_target {
	char name[80], type[16], databases[160], login[80], masked[16], database[80];
	int64_t port;
};

struct welcome {
	char user[TEXT_CAP], kind[16], gateway[256];
	int64_t port;
	size_t n, more;
	struct welcome_target t[WELCOME_TARGETS];
};

static void welcome_who(void *ctx, const struct mp_val *item)
{
	struct welcome *w = ctx;

	print_whoami(item);
	(void)ctlc_text(item, "user", w->user, sizeof(w->user));
	(void)ctlc_text(item, "kind", w->kind, sizeof(w->kind));
	(void)ctlc_text(item, "gateway", w->gateway, sizeof(w->gateway));
	w->port = ctlc_int(item, "port");
}

static void welcome_target(void *ctx, const struct mp_val *item)
{
	struct welcome *w = ctx;
	struct welcome_target *t;

	if (w->n == WELCOME_TARGETS) {
		w->more++;
		return;
	}
	t = &w->t[w->n++];
	(void)ctlc_text(item, "name", t->name, sizeof(t->name));
	(void)ctlc_text(item, "type", t->type, sizeof(t->type));
	(void)spaced(item, "databases", t->databases, sizeof(t->databases));
	(void)ctlc_text(item, "default_login", t->login, sizeof(t->login));
	(void)ctlc_text(item, "default_database", t->database, sizeof(t->database));
	(void)ctlc_text(item, "masked", t->masked, sizeof(t->masked));
	t->port = ctlc_int(item, "port");
}

static const char *masked_text(const char *mode)
{
	return strcmp(mode, "none") == 0      ? "not masked"
	       : strcmp(mode, "partial") == 0 ? "partly masked"
					      : "masked";
}

static void put_padded(const char *s, size_t width)
{
	char safe[TEXT_CAP];
	size_t w;

	(void)span_escape(span_str(s), safe, sizeof(safe));
	fputs(safe, stdout);
	for (w = table_width(safe); w < width; w++)
		fputc(' ', stdout);
}

static void welcome_table(const struct welcome *w)
{
	size_t name = 0, db = 0, i;

	for (i = 0; i < w->n; i++) {
		name = table_width(w->t[i].name) > name ? table_width(w->t[i].name) : name;
		db = table_width(w->t[i].databases) > db ? table_width(w->t[i].databases) : db;
	}
	for (i = 0; i < w->n; i++) {
		fputs(i == 0 ? "targets   " : "          ", stdout);
		put_padded(w->t[i].name, name + 3);
		put_padded(w->t[i].type, 10);
		put_padded(w->t[i].databases, db + 3);
		fputs("login ", stdout);
		put_padded(w->t[i].login, 10);
		printf("  %s\n", masked_text(w->t[i].masked));
	}
	if (w->more > 0)
		printf("          and %zu more: ssh %s targets\n", w->more, w->gateway);
	if (w->n == 0)
		fputs("targets   none is open to you yet\n", stdout);
}

/* Whoever needs it has nothing in ssh_config about this gateway yet: the port and the user name are written out. Nothing renews an
 * agent's certificate. */
static bool welcome_config(const struct welcome *w)
{
	if (strcmp(w->kind, "agent") == 0)
		return false;
	fputs("next      ssh ", stdout);
	if (w->port > 0 && w->port != 22)
		printf("-p %lld ", (long long)w->port);
	put_safe(stdout, w->user);
	printf("@%s config >> ~/.ssh/config\n", w->gateway);
	return true;
}

static void welcome_next(const struct welcome *w)
{
	const struct welcome_target *t = &w->t[0];
	bool begun = welcome_config(w);

	if (w->n == 0)
		return;
	printf("%sssh -N -L %lld:%s:%lld %s &", begun ? "          " : "next      ", (long long)t->port, t->name, (long long)t->port,
	    w->gateway);
	if (strcmp(t->type, "postgres") == 0)
		printf("   psql -h localhost -p %lld %s\n          ssh -t %s sql %s", (long long)t->port, t->database, w->gateway, t->name);
	putchar('\n');
}

static int welcome_call(struct cli *c, const char *verb,
    void (*item)(void *ctx, const struct mp_val *item), struct welcome *w)
{
	struct ctlc_sink sink = {.item = item, .ctx = w};
	struct ctlc_end end;
	int code = cli_call(c, verb, NULL, &sink, &end);

	if (code != 0)
		(void)cli_say(c, &end);
	ctlc_end_clear(&end);
	return code;
}

int verb_welcome(struct cli *c, const struct cli_args *a)
{
	struct welcome w = {.n = 0};
	int code;

	if (c->json)
		return verb_whoami(c, a);
	code = welcome_call(c, "whoami", welcome_who, &w);
	if (code == 0) {
		fputc('\n', stdout);
		code = welcome_call(c, "targets", welcome_target, &w);
	}
	if (code != 0)
		return code;
	welcome_table(&w);
	welcome_next(&w);
	return 0;
}
