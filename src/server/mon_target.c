/* SPDX-License-Identifier: Apache-2.0
 *
 * Names: which targets, databases and logins a caller may use. Unknown and forbidden targets are
 * answered alike, and suggestions come from the caller's own names only: nobody learns what others
 * have. An agent may use what one of its own roles gives and a role of the person behind it, too:
 * target, login and database together.
 */
#include <stdio.h>

#include "conf/suggest.h"
#include "server/mon.h"

/* Is t in the certificate's own list of targets (",a,b,"; "" = no such list)? */
static bool in_cert_list(const struct ident *id, const struct conf_target *t)
{
	char want[NAME_CAP];

	if (id->targets[0] == '\0')
		return true;
	return snprintf(want, sizeof(want), ",%s,", t->name) < (int)sizeof(want) &&
	       strstr(id->targets, want) != NULL;
}

static bool role_reaches(
    const struct ident *id, const struct conf_role *r, const struct conf_target *t)
{
	return ident_in_role(id, r) && conf_selects(&r->targets, t) && in_cert_list(id, t);
}

/* --- what a role gives on a target --- */

static bool role_has_login(const struct conf_role *r, const char *login)
{
	return conf_list_has(&r->logins, login) || conf_list_has(&r->logins, "*");
}

static const char *target_login(const struct conf_target *t, const char *name)
{
	for (size_t i = 0; i < t->n_logins; i++)
		if (strcmp(t->logins[i].name, name) == 0)
			return t->logins[i].name;
	return NULL;
}

static const char *target_database(const struct conf_target *t, const char *name)
{
	for (size_t i = 0; i < t->databases.n; i++)
		if (strcmp(t->databases.v[i], name) == 0)
			return t->databases.v[i];
	return NULL;
}

/* The role's k-th login on t in its order of preference; "*" stands for the target's own order. */
static const char *role_login(const struct conf_role *r, const struct conf_target *t, size_t k)
{
	for (size_t i = 0; i < r->logins.n; i++) {
		const char *name;

		if (strcmp(r->logins.v[i], "*") == 0) {
			if (k < t->n_logins)
				return t->logins[k].name;
			k -= t->n_logins;
			continue;
		}
		name = target_login(t, r->logins.v[i]);
		if (name != NULL && k-- == 0)
			return name;
	}
	return NULL;
}

static bool role_has_database(const struct conf_role *r, const char *db)
{
	return r->databases.n == 0 || conf_list_has(&r->databases, db);
}

/* --- the person behind an agent --- */

/* The first role of the person behind that gives the login and the database on t; NULL: none. */
static const struct conf_role *behind_role(const struct conf *c, const struct ident *id,
    const struct conf_target *t, const char *login, const char *db)
{
	for (size_t i = 0; i < c->n_roles; i++) {
		const struct conf_role *r = &c->roles[i];

		if (lists_meet(&id->behind, &r->groups) && conf_selects(&r->targets, t) &&
		    role_has_login(r, login) && role_has_database(r, db))
			return r;
	}
	return NULL;
}

static bool open_behind(const struct conf *c, const struct ident *id, const struct conf_target *t,
    const char *login, const char *db)
{
	return id->kind != KIND_AGENT || behind_role(c, id, t, login, db) != NULL;
}

/* Is the login of role r of any use: with some database? */
static bool login_open(const struct conf *c, const struct ident *id, const struct conf_role *r,
    const struct conf_target *t, const char *login)
{
	for (size_t d = 0; d < t->databases.n; d++)
		if (role_has_database(r, t->databases.v[d]) &&
		    open_behind(c, id, t, login, t->databases.v[d]))
			return true;
	return id->kind != KIND_AGENT;
}

static bool database_open(const struct conf *c, const struct ident *id, const struct conf_role *r,
    const struct conf_target *t, const char *db)
{
	const char *login;

	if (!role_has_database(r, db))
		return false;
	for (size_t k = 0; (login = role_login(r, t, k)) != NULL; k++)
		if (open_behind(c, id, t, login, db))
			return true;
	return id->kind != KIND_AGENT;
}

/* --- targets --- */

static bool any_login(const struct conf *c, const struct ident *id, const struct conf_role *r,
    const struct conf_target *t)
{
	const char *login;

	for (size_t k = 0; (login = role_login(r, t, k)) != NULL; k++)
		if (login_open(c, id, r, t, login))
			return true;
	return false;
}

bool target_allowed(const struct conf *c, const struct ident *id, const struct conf_target *t)
{
	for (size_t i = 0; i < c->n_roles; i++)
		if (role_reaches(id, &c->roles[i], t) &&
		    (id->kind != KIND_AGENT || any_login(c, id, &c->roles[i], t)))
			return true;
	return false;
}

const struct conf_target *target_for(
    const struct conf *c, const struct ident *id, const char *name, struct why *w)
{
	const struct conf_target *t = conf_target_find(c, name);
	struct suggest s;
	char shown[64];

	if (t != NULL && target_allowed(c, id, t))
		return t;
	suggest_init(&s, name);
	for (size_t i = 0; i < c->n_targets; i++)
		if (target_allowed(c, id, &c->targets[i]))
			suggest_add(&s, c->targets[i].name);
	span_escape(span_str(name), shown, sizeof(shown));
	why_set(w, E_NOTFOUND, "unknown target \"%s\"", shown);
	if (s.best != NULL)
		why_hint(
		    w, "did you mean %s? your targets: ssh %s targets", s.best, c->gateway.name);
	else
		why_hint(w, "your targets: ssh %s targets", c->gateway.name);
	return NULL;
}

/* --- lists --- */

void target_logins(const struct conf *c, const struct ident *id, const struct conf_target *t,
    struct conf_list *out)
{
	const char *name;

	for (size_t i = 0; i < c->n_roles; i++)
		if (role_reaches(id, &c->roles[i], t))
			for (size_t k = 0; (name = role_login(&c->roles[i], t, k)) != NULL; k++)
				if (login_open(c, id, &c->roles[i], t, name))
					list_add_new(out, name);
}

void target_databases(const struct conf *c, const struct ident *id, const struct conf_target *t,
    struct conf_list *out)
{
	for (size_t d = 0; d < t->databases.n; d++)
		for (size_t i = 0; i < c->n_roles; i++)
			if (role_reaches(id, &c->roles[i], t) &&
			    database_open(c, id, &c->roles[i], t, t->databases.v[d]))
				list_add_new(out, t->databases.v[d]);
}

/* --- the choice --- */

static int refuse(struct why *w, char sqlstate[6], const char *state, const char *what,
    const char *name, const char *target, struct conf_list *mine)
{
	char shown[64];
	char list[160];

	snprintf(sqlstate, 6, "%s", state);
	span_escape(span_str(name), shown, sizeof(shown));
	why_set(w, E_DENIED, "%s \"%s\" is not open to you on %s", what, shown, target);
	why_hint(w, "yours there: %s", mine->n > 0 ? list_join(mine, list, sizeof(list)) : "none");
	list_clear(mine);
	return E_DENIED;
}

/* Empty or equal to the start-up user: the first database that is the caller's. Else a listed one
 * or nothing. */
static int choose_database(const struct conf *c, const struct ident *id, const char *login,
    const char *asked, struct grant *g, struct why *w, char sqlstate[6])
{
	struct conf_list mine = {0};

	target_databases(c, id, g->target, &mine);
	if (conf_list_has(&mine, asked))
		g->database = target_database(g->target, asked);
	else if (mine.n > 0 && (asked[0] == '\0' || strcmp(asked, login) == 0))
		g->database = target_database(g->target, mine.v[0]);
	if (g->database == NULL)
		return refuse(w, sqlstate, "3D000", "database", asked, g->target->name, &mine);
	list_clear(&mine);
	return 0;
}

/* What role r gives for an asked-for login on the granted target and database: itself, or, when the target does
 * not have it, the first one. */
static const char *login_from(const struct conf *c, const struct ident *id, const struct grant *g,
    const struct conf_role *r, const char *known)
{
	const char *login;

	if (known != NULL)
		return role_has_login(r, known) && open_behind(c, id, g->target, known, g->database)
			   ? known
			   : NULL;
	for (size_t k = 0; (login = role_login(r, g->target, k)) != NULL; k++)
		if (open_behind(c, id, g->target, login, g->database))
			return login;
	return NULL;
}

/* The first role (in the order of the configuration) that gives the login and the database. A login
 * that the target does not have stands for that role's first one; a configured one that no role
 * gives is refused. */
static int choose_login(const struct conf *c, const struct ident *id, const char *asked,
    struct grant *g, struct why *w, char sqlstate[6])
{
	const char *known = target_login(g->target, asked);
	struct conf_list mine = {0};

	for (size_t i = 0; i < c->n_roles; i++) {
		const struct conf_role *r = &c->roles[i];
		const char *login;

		if (!role_reaches(id, r, g->target) || !role_has_database(r, g->database))
			continue;
		login = login_from(c, id, g, r, known);
		if (login == NULL)
			continue;
		g->role = r;
		g->behind = id->kind == KIND_AGENT ? behind_role(c, id, g->target, login, g->database)
						   : NULL;
		g->login = login;
		g->login_mapped = known == NULL && asked[0] != '\0';
		return 0;
	}
	target_logins(c, id, g->target, &mine);
	return refuse(w, sqlstate, "28000", "login", asked, g->target->name, &mine);
}

int grant_for(const struct conf *c, const struct ident *id, const char *target, const char *login,
    const char *database, struct grant *out, struct why *w, char sqlstate[6])
{
	int rc;

	*out = (struct grant){0};
	snprintf(sqlstate, 6, "3D000");
	out->target = target_for(c, id, target, w);
	if (out->target == NULL)
		return E_NOTFOUND;
	/* Its bytes would pass another protocol's codec. */
	if (out->target->type != TARGET_POSTGRES) {
		snprintf(sqlstate, 6, "0A000");
		return why_set(w, E_UNKNOWN, "target %s is a MySQL server: this gateway speaks PostgreSQL only", out->target->name);
	}
	rc = choose_database(c, id, login, database, out, w, sqlstate);
	return rc != 0 ? rc : choose_login(c, id, login, out, w, sqlstate);
}

/* --- the request --- */

static void put_target(
    struct buf *b, const struct conf *c, const struct ident *id, const struct conf_target *t)
{
	struct conf_list dbs = {0};
	struct conf_list logins = {0};

	target_databases(c, id, t, &dbs);
	target_logins(c, id, t, &logins);
	ipc_str(b, "name", t->name);
	ipc_str(b, "type", t->type == TARGET_MYSQL ? "mysql" : "postgres");
	ipc_int(b, "port", t->port);
	ipc_strs(b, "databases", dbs.v, dbs.n);
	ipc_strs(b, "logins", logins.v, logins.n);
	ipc_str(b, "default_database", dbs.n > 0 ? dbs.v[0] : "");
	ipc_str(b, "default_login", logins.n > 0 ? logins.v[0] : "");
	list_clear(&dbs);
	list_clear(&logins);
}

int do_target(struct peer *p, const struct ipc_msg *m)
{
	const struct conf *c = mon_conf(p->m);
	const struct conf_target *t;
	char name[NAME_CAP];
	struct why w = {0};
	int64_t port = ipc_get_int(m, "port", -1);
	int rc = ipc_get_str(m, "name", name, sizeof(name));

	if (rc != 0 || port < 0 || port > 65535)
		return rc != 0 ? rc : E_FORMAT;
	if (expire_refuses(p, m))
		return 0;
	t = target_for(c, &p->id, name, &w);
	if (t != NULL && t->port != (int)port && port != 0) { /* 0: the gateway's own console */
		why_set(
		    &w, E_NOTFOUND, "target %s is at port %d, not %d", t->name, t->port, (int)port);
		why_hint(&w, "use -L %d:%s:%d", t->port, t->name, t->port);
		t = NULL;
	}
	if (t == NULL) {
		answer_fail(p, ipc_id(m), &w, "3D000");
		return 0;
	}
	put_target(ok_begin(p, ipc_id(m)), c, &p->id, t);
	ok_send(p, NULL, 0);
	return 0;
}
