/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration epochs: loading again, what cannot change while the gateway runs, and judging again
 * everything that lives under the new one.
 */
#include "server/monitor.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/mon.h"

/* --- epochs --- */

struct epoch *epoch_new(struct conf *c, uint32_t n)
{
	struct epoch *e = xcalloc(1, sizeof(*e));

	*e = (struct epoch){c, n, 1};
	return e;
}

void epoch_unref(struct epoch *e)
{
	if (e == NULL || --e->refs > 0)
		return;
	conf_free(e->conf);
	free(e);
}

/* --- reload --- */

/* What other processes were started with cannot change under them. */
static const struct {
	const char *what;
	size_t off;
} fixed[] = {
    {"gateway.name", offsetof(struct conf, gateway.name)},
    {"gateway.state", offsetof(struct conf, gateway.state)},
    {"gateway.ca", offsetof(struct conf, gateway.ca)},
    {"gateway.user", offsetof(struct conf, gateway.user)},
    {"web.url", offsetof(struct conf, web.url)},
    {"web.tls_cert", offsetof(struct conf, web.tls_cert)},
    {"web.tls_key", offsetof(struct conf, web.tls_key)},
};

static bool same_list(const struct conf_list *a, const struct conf_list *b)
{
	size_t i;

	for (i = 0; a->n == b->n && i < a->n && strcmp(a->v[i], b->v[i]) == 0; i++)
		;
	return a->n == b->n && i == a->n;
}

static void fixed_error(const char *what, int *rc, struct buf *errs)
{
	buf_printf(errs, "%s cannot change while the gateway runs: restart it\n", what);
	*rc = E_CONFIG;
}

static int fixed_check(const struct conf *was, const struct conf *now, struct buf *errs)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		const char *a = *(char *const *)((const char *)was + fixed[i].off);
		const char *b = *(char *const *)((const char *)now + fixed[i].off);

		if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0))
			fixed_error(fixed[i].what, &rc, errs);
	}
	if (!same_list(&was->web.listen, &now->web.listen))
		fixed_error("web.listen", &rc, errs);
	return rc;
}

static void push_view(struct msess *s, const struct grant *g)
{
	struct monitor *m = s->peer->m;
	struct buf *b = &m->out;
	struct buf view;

	view_for(m->epoch, &s->peer->id, g, &s->view);
	buf_init(&view, 64 * 1024);
	view_put(&view, &s->view);
	ipc_begin(b, IPC_POLICY, 0);
	ipc_str(b, "sid", s->sid);
	ipc_raw(b, "view", buf_span(&view));
	chan_send(s->peer->ch, b, NULL, 0);
	buf_clear(&view);
}

/* A live session goes on under the new epoch, or ends when its target, database or login is no
 * longer the caller's. */
static void session_rejudge(struct msess *s)
{
	struct grant g;
	char state[6];
	struct why w = {0};

	if (grant_for(mon_conf(s->peer->m), &s->peer->id, s->target, s->login, s->database, &g, &w,
		state) != 0 ||
	    strcmp(g.login, s->login) != 0 || strcmp(g.database, s->database) != 0) {
		msess_kill(s, "the configuration changed: this is no longer open to you", "57P01");
		return;
	}
	(void)str_copy(s->role, sizeof(s->role), g.role->name);
	s->grace_ms = grant_grace_ms(&g);
	push_view(s, &g);
}

static void peer_rejudge(struct peer *p)
{
	static const struct why changed = {
	    E_STATE, "the configuration changed meanwhile", "connect again"};
	struct why w = {0};

	while (p->connects != NULL) /* decided under the old epoch */
		connect_refuse(p->connects, &changed, "57P03");
	if (p->state != PEER_KEY && p->state != PEER_FULL)
		return;
	if (who_regroup(p->m, &p->id, &w) != 0) {
		peer_kick(p, w.text, "28000");
		return;
	}
	for (struct msess *s = p->sessions; s != NULL; s = s->next)
		session_rejudge(s);
}

void mon_rejudge_user(struct monitor *m, const char *user)
{
	for (struct peer *p = m->peers; p != NULL; p = p->next)
		if (strcmp(p->id.user, user) == 0 || strcmp(p->id.on_behalf_of, user) == 0)
			peer_rejudge(p);
	holds_recheck(m);
}

static int epoch_switch(struct monitor *m, struct conf *c, struct buf *errs)
{
	struct epoch *was = m->epoch;

	m->epoch = epoch_new(c, was->n + 1);
	if (mon_log_policy(m, "reload") !=
	    0) { /* an epoch that is not in the log must not decide anything */
		epoch_unref(m->epoch);
		m->epoch = was;
		buf_put_str(errs, "the new configuration cannot be logged\n");
		return -EIO;
	}
	for (struct peer *p = m->peers; p != NULL; p = p->next)
		peer_rejudge(p);
	holds_rejudge(m);
	holds_recheck(m);
	epoch_unref(was);
	if (m->fetcher != NULL)
		idp_configure(m);
	if (m->epoch_fn != NULL)
		m->epoch_fn(m->epoch_ctx, mon_conf(m));
	return 0;
}

int monitor_reload(struct monitor *m, struct buf *errs)
{
	struct conf *c = NULL;
	int rc;

	if (m->conf_path == NULL) {
		buf_put_str(errs, "there is no configuration file to load again\n");
		return E_STATE;
	}
	rc = conf_load(m->conf_path, &c, errs);
	if (rc == 0) {
		rc = fixed_check(mon_conf(m), c, errs);
		if (rc == 0)
			rc = epoch_switch(m, c, errs);
		else
			conf_free(c);
	}
	if (rc == 0)
		log_info("reload", "epoch", log_num(m->epoch->n));
	else
		log_error("reload-failed", "why", buf_cstr(errs), "epoch", log_num(m->epoch->n));
	return rc;
}
