/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verb config: an ssh_config that renews the caller's certificate by itself, or a script that does (for cron, services
 * and tools that start no ssh of their own). Both fetch by a way of their own, so that a renewal never needs another one,
 * and put the new certificate in the place of the old one in a single step; when that fails the old one stays.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "server/ctl.h"

#define TEXT_MAX     (64 * 1024)
#define MARGIN_MAX_S 900

struct client { /* what the text is about */
	const struct ctl *c;
	const char *alias, *user;
	char host[256], key[256], cert[300];
	int port;
	int64_t fresh_min; /* age at which a certificate is renewed */
};

/* A word that can stand in an ssh_config and in a shell without quoting. */
static bool plain_word(const char *s, const char *more)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:@_-";
	bool first = true;

	for (; *s != '\0'; s++, first = false)
		if ((strchr(letters, *s) == NULL && strchr(more, *s) == NULL) || (first && *s == '-'))
			return false;
	return !first;
}

int ctl_listen_port(const struct conf *conf)
{
	const char *colon = conf->gateway.listen.n > 0 ? strrchr(conf->gateway.listen.v[0], ':') : NULL;
	long port = colon != NULL ? strtol(colon + 1, NULL, 10) : 22;

	return port > 0 && port < 65536 ? (int)port : 22;
}

/* 15 minutes before the end, or with a quarter of a short life left. */
static int64_t fresh_minutes(const struct ctl *c)
{
	const struct conf *conf = mon_conf(c->m);
	int64_t life = issue_ttl(conf, conf_identity_find(conf, c->id->issuer), c->id->kind, &c->id->groups);
	int64_t margin = life / 4 < MARGIN_MAX_S ? life / 4 : MARGIN_MAX_S;

	return (life - margin) / 60;
}

/* --- the ssh_config --- */

static void put_forwards(struct buf *b, const struct client *x)
{
	const struct conf *conf = mon_conf(x->c->m);

	for (size_t i = 0; i < conf->n_targets; i++) {
		const struct conf_target *t = &conf->targets[i];

		if (!target_allowed(conf, x->c->id, t))
			continue;
		if (t->type == TARGET_POSTGRES) /* a socket in a directory of yours is open to nobody else on the machine */
			buf_printf(b,
			    "# %s: mkdir -p -m 700 ~/.sallyport/%s && ssh -N -L ~/.sallyport/%s/.s.PGSQL.%d:%s:%d %s &\n"
			    "#   psql -h ~/.sallyport/%s -p %d\n",
			    t->name, t->name, t->name, t->port, t->name, t->port, x->alias, t->name, t->port);
		buf_printf(b, "#   or a port: ssh -N -L %d:%s:%d %s &\n", t->port, t->name, t->port, x->alias);
	}
}

/* The lines of hostkeys under the name and port that this ssh_config uses. */
static void put_hosts(struct buf *b, const struct client *x)
{
	struct buf lines;
	struct span rest;

	buf_init(&lines, TEXT_MAX);
	if (hosts_put(mon_conf(x->c->m), false, &lines, NULL) != 0)
		buf_reset(&lines);
	rest = buf_span(&lines);
	if (rest.n > 0)
		buf_printf(b, "# Its host keys, for ~/.ssh/known_hosts (compare them with what your operator published):\n");
	while (rest.n > 0) {
		const uint8_t *nl = memchr(rest.p, '\n', rest.n);
		size_t n = nl != NULL ? (size_t)(nl - rest.p) : rest.n;
		const uint8_t *sp = memchr(rest.p, ' ', n);

		if (sp != NULL) {
			buf_printf(b, x->port == 22 ? "#   %s" : "#   [%s]:%d", x->host, x->port);
			buf_put_span(b, span_of(sp, n - (size_t)(sp - rest.p)));
			buf_put_u8(b, '\n');
		}
		rest = nl != NULL ? span_of(nl + 1, rest.n - n - 1) : (struct span){0};
	}
	buf_clear(&lines);
}

/* The shell is the user's own, whatever it is: one plain word for it, with no quote inside, because ssh has no way to write
 * one there. Fresh: of this key, not expired by its own word, and young enough by the file's age, which a clock that is
 * wrong does not change. Few processes: this runs before every connection. */
static void put_renewal(struct buf *b, const struct client *x)
{
	buf_printf(b,
	    "Match originalhost %s exec \"/bin/sh -c 'c=%s; test x$SALLYPORT_RENEWAL = x || exit 0; "
	    "set -- $(ssh-keygen -lf %s 2>/dev/null); l=$(TZ=UTC0 ssh-keygen -Lf $c 2>/dev/null); "
	    "case $l in *${2-SHA256}*) ;; *) l=;; esac; set -- ${l#*Valid: from * to }; IFS=:T-; set -- $1; IFS=; "
	    "test 0$1$2$3$4$5$6 -gt $(date -u +%%%%Y%%%%m%%%%d%%%%H%%%%M%%%%S) 2>/dev/null && "
	    "test x$(find $c -mmin -%lld) != x || { trap : INT HUP TERM; "
	    "SALLYPORT_RENEWAL=1 ssh %s-login cert > $c.$$ && ssh-keygen -Lf $c.$$ > /dev/null && mv -f $c.$$ $c || rm -f $c.$$; }'\"\n",
	    x->alias, x->cert, x->key, (long long)x->fresh_min, x->alias);
}

/* People log in again, a service of the configuration has its key; an agent's person delegates anew, a job enrolls. */
static bool renews(const struct ctl *c)
{
	return c->id->kind == KIND_PERSON || c->id->via == VIA_OPERATOR || conf_user_find(mon_conf(c->m), c->id->user) != NULL;
}

static void put_given(struct buf *b, const struct client *x)
{
	if (x->c->id->kind == KIND_AGENT)
		buf_printf(b, "# A new certificate comes from %s: ssh %s delegate ... < %s.pub > %s\n", x->c->id->on_behalf_of, x->alias,
		    x->key, x->cert);
	else
		buf_printf(b, "# A new certificate comes with a new token: ssh -p %d -i %s enroll@%s enroll < token.jwt > %s\n", x->port,
		    x->key, x->host, x->cert);
}

static void put_config(struct buf *b, const struct client *x)
{
	bool renewed = renews(x->c);

	buf_printf(b,
	    "# %s: append to ~/.ssh/config, before any \"Host *\"\n"
	    "# An IgnoreUnknown that stands before this one wins: then add WarnWeakCrypto to that one.\n"
	    "Match all\n    IgnoreUnknown WarnWeakCrypto,UseKeychain\n"
	    "%s",
	    x->alias,
	    renewed ? "# A new certificate before the old one ends, with the next connection. A login that it needs is shown here.\n" : "");
	if (renewed)
		put_renewal(b, x);
	else
		put_given(b, x);
	buf_printf(b,
	    "Host %s %s-login\n    HostName %s\n    Port %d\n    User %s\n    IdentityFile %s\n    IdentitiesOnly yes\n"
	    "    ServerAliveInterval 30\n    ForwardAgent no\n    WarnWeakCrypto no-pq-kex\n",
	    x->alias, x->alias, x->host, x->port, x->user, x->key);
	buf_printf(b,
	    "Host %s-login\n    CertificateFile none\n    ControlMaster no\n    ControlPath none\n    ConnectTimeout 20\n"
	    "    LogLevel INFO\n",
	    x->alias);
	buf_printf(b, "Host %s\n    CertificateFile %s\n    ExitOnForwardFailure yes\n    StreamLocalBindUnlink yes\n", x->alias,
	    x->cert);
	put_hosts(b, x);
	put_forwards(b, x);
}

/* --- the script --- */

/* ~ is not expanded inside of quotes. */
static void put_home_path(struct buf *b, const char *path)
{
	if (path[0] == '~' && path[1] == '/')
		buf_printf(b, "$HOME%s", path + 1);
	else
		buf_put_str(b, path);
}

/* Eight lines. Days are counted as in the proleptic Gregorian calendar, years beginning in March. */
static void put_script(struct buf *b, const struct client *x)
{
	buf_printf(b,
	    "#!/bin/sh\n"
	    "# Keeps a certificate for %s fresh: RENEW [KEY [CERTIFICATE]]. Says and does nothing while there is time.\n"
	    "k=${1:-",
	    x->alias);
	put_home_path(b, x->key);
	buf_put_str(b, "} c=${2:-${1:+$1-cert.pub}} c=${c:-");
	put_home_path(b, x->cert);
	buf_put_str(b, "} new=$c.$$; trap : INT HUP TERM\n"
		       "TZ=UTC0 ssh-keygen -Lf \"$c\" 2> /dev/null | awk -F '[ T:-]+' -v key=\"$(ssh-keygen -lf \"$k\" | cut -d ' ' -f 2)\" "
		       "-v now=\"$(date -u +%Y-%m-%d-%H-%M-%S)\" '\n"
		       "function s(y, m, d, H, M, S) { if (m < 3) { y--; m += 12 } return (((365 * y + int(y / 4) - int(y / 100) + "
		       "int(y / 400) + int((153 * m - 457) / 5) + d) * 24 + H) * 60 + M) * 60 + S }\n"
		       "/Public key:/ && index($0, key) { mine = 1 } /Valid: from/ { split(now, n, \"-\"); end = s($11, $12, $13, $14, $15, "
		       "$16); margin = (end - s($4, $5, $6, $7, $8, $9)) / 4; left = end - s(n[1], n[2], n[3], n[4], n[5], n[6]) }\n"
		       "END { exit !(mine && left > (margin < 900 ? margin : 900)) }' && exit 0\n");
	buf_printf(b,
	    "ssh -F \"${SSH_CONFIG:-none}\" -p %d -l %s -i \"$k\" -o IdentitiesOnly=yes -o CertificateFile=none -o ConnectTimeout=20 %s "
	    "cert < /dev/null > \"$new\" && ssh-keygen -Lf \"$new\" > /dev/null && mv -f \"$new\" \"$c\" || { rm -f \"$new\"; exit 1; }\n",
	    x->port, x->user, x->host);
}

/* --- the verb --- */

static int client_fill(struct client *x, const struct ctl *c, const struct mp_val *args)
{
	const struct conf *conf = mon_conf(c->m);
	int64_t port = ctl_arg_int(args, "port", ctl_listen_port(conf));
	int rc = ctl_arg(args, "host", x->host, sizeof(x->host));

	if (rc == 0)
		rc = ctl_arg(args, "key", x->key, sizeof(x->key));
	if (rc == 0)
		rc = ctl_arg(args, "cert", x->cert, sizeof(x->cert));
	if (rc != 0 || port < 1 || port > 65535)
		return E_FORMAT;
	x->c = c;
	x->port = (int)port;
	x->alias = conf->gateway.name;
	x->user = c->id->via == VIA_OPERATOR ? "YOUR-NAME" : c->id->user; /* root on the gateway is nobody there */
	x->fresh_min = fresh_minutes(c);
	if (x->host[0] == '\0')
		(void)str_copy(x->host, sizeof(x->host), x->alias);
	if (x->key[0] == '\0')
		(void)str_copy(x->key, sizeof(x->key), ident_key_file(c->id));
	if (x->cert[0] == '\0')
		(void)snprintf(x->cert, sizeof(x->cert), "%s-cert.pub", x->key);
	return plain_word(x->host, "") && plain_word(x->key, "/~+") && plain_word(x->cert, "/~+") ? 0 : E_FORMAT;
}

void ctl_config(struct ctl *c, const struct mp_val *args)
{
	struct client x = {0};
	struct buf text;
	struct item it;

	if (client_fill(&x, c, args) != 0) {
		ctl_end(c, CTL_USAGE, "config: not a host name, port or file name that needs no quotes", "");
		return;
	}
	if (!plain_word(x.user, "+")) {
		ctl_end(c, CTL_FAILED, "config: your user name cannot stand in an ssh_config", "");
		return;
	}
	if (ctl_arg_bool(args, "script") && !renews(c)) {
		ctl_end(c, CTL_DENIED, "config: certificates of agents and of jobs with a token are not renewed by a script",
		    c->id->kind == KIND_AGENT ? "their person delegates anew" : "the job enrolls with a new token");
		return;
	}
	buf_init(&text, TEXT_MAX);
	if (ctl_arg_bool(args, "script"))
		put_script(&text, &x);
	else
		put_config(&text, &x);
	item_init(&it);
	item_span(&it, "text", buf_span(&text));
	ctl_item(c, &it);
	buf_clear(&text);
	ctl_end(c, CTL_OK, "", "");
}
