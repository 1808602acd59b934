/* SPDX-License-Identifier: Apache-2.0
 *
 * The control socket and the control channels of exec verbs: one dispatcher, one verb table, two
 * ways in. Who the caller is was settled before the first byte: by SO_PEERCRED, or by the
 * connection that the channel was made for.
 */
#include "server/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define CTL_QUEUE   (16u * 1024 * 1024) /* a long list to a slow reader */
#define CTL_UID_MAX 32 /* channels of one local uid (the operator is not counted) */
#define ITEM_MAX    (144u * 1024)

static ctl_fn *const handlers[VERB_N] = {
    [VERB_APPROVE] = ctl_approve,
    [VERB_CA] = ctl_ca,
    [VERB_CERT] = ctl_cert,
    [VERB_CERTS] = ctl_certs,
    [VERB_CONFIG] = ctl_config,
    [VERB_DELEGATE] = ctl_delegate,
    [VERB_DENY] = ctl_deny,
    [VERB_ENROLL] = ctl_enroll,
    [VERB_HOSTKEYS] = ctl_hostkeys,
    [VERB_FORGET] = ctl_forget,
    [VERB_KILL] = ctl_kill,
    [VERB_KRL] = ctl_krl,
    [VERB_LOCK] = ctl_lock,
    [VERB_RELOAD] = ctl_reload,
    [VERB_REPLAY] = ctl_replay,
    [VERB_REQUESTS] = ctl_requests,
    [VERB_REVOKE] = ctl_revoke,
    [VERB_REVOKED] = ctl_revoked,
    [VERB_SESSIONS] = ctl_sessions,
    [VERB_SHOW] = ctl_show,
    [VERB_STATUS] = ctl_status,
    [VERB_TARGETS] = ctl_targets,
    [VERB_UNLOCK] = ctl_unlock,
    [VERB_WHOAMI] = ctl_whoami,
};

/* --- items --- */

void item_init(struct item *it)
{
	buf_init(&it->b, ITEM_MAX);
	it->n = 0;
}

void item_span(struct item *it, const char *key, struct span v)
{
	mp_put_cstr(&it->b, key);
	mp_put_str(&it->b, v);
	it->n++;
}

void item_str(struct item *it, const char *key, const char *v)
{
	item_span(it, key, span_str(v));
}

void item_int(struct item *it, const char *key, int64_t v)
{
	mp_put_cstr(&it->b, key);
	mp_put_i64(&it->b, v);
	it->n++;
}

void item_bool(struct item *it, const char *key, bool v)
{
	mp_put_cstr(&it->b, key);
	mp_put_bool(&it->b, v);
	it->n++;
}

void item_list(struct item *it, const char *key, const struct conf_list *l)
{
	char text[4096];

	item_str(it, key, list_join(l, text, sizeof(text)));
}

void ctl_item(struct ctl *c, struct item *it)
{
	struct buf whole;
	struct buf *b = &c->m->out;

	buf_init(&whole, ITEM_MAX + 16);
	mp_put_map(&whole, it->n);
	buf_put_span(&whole, buf_span(&it->b));
	ipc_begin(b, IPC_CTL_ITEM, c->call);
	ipc_raw(b, "item", buf_span(&whole));
	chan_send(c->ch, b, NULL, 0);
	buf_clear(&whole);
	buf_clear(&it->b);
}

void ctl_fd(struct ctl *c, const char *name, int fd)
{
	struct buf *b = &c->m->out;

	ipc_begin(b, IPC_CTL_FD, c->call);
	ipc_str(b, "name", name);
	chan_send(c->ch, b, &fd, 1);
}

void ctl_end(struct ctl *c, enum ctl_code code, const char *text, const char *hint)
{
	struct buf *b = &c->m->out;

	ipc_begin(b, IPC_CTL_END, c->call);
	ipc_int(b, "code", code);
	ipc_str(b, "text", text);
	ipc_str(b, "hint", hint);
	chan_send(c->ch, b, NULL, 0);
	c->call = 0;
}

void ctl_fail(struct ctl *c, const struct why *w)
{
	static const struct {
		int err;
		enum ctl_code code;
	} map[] = {
	    {E_NOTFOUND, CTL_NOTFOUND},
	    {E_EXISTS, CTL_USAGE},
	    {E_DENIED, CTL_DENIED},
	    {E_FORMAT, CTL_USAGE},
	    {E_TOOBIG, CTL_USAGE},
	    {E_LIMIT, CTL_TEMPORARY},
	};
	enum ctl_code code = CTL_FAILED;

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (map[i].err == w->code)
			code = map[i].code;
	ctl_end(c, code, w->text, w->hint);
}

int ctl_arg(const struct mp_val *args, const char *key, char *out, size_t cap)
{
	const struct mp_val *v = mp_get(args, key);
	struct span s = mp_span(v);

	out[0] = '\0';
	if (mp_type(v) == MP_NIL)
		return 0;
	if (mp_type(v) != MP_STR || span_has_nul(s))
		return E_FORMAT;
	if (s.n >= cap)
		return E_TOOBIG;
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

bool ctl_arg_why(struct ctl *c, const struct mp_val *args, char *out, size_t cap)
{
	char raw[256];

	if (ctl_arg(args, "why", raw, sizeof(raw)) != 0) {
		ctl_end(c, CTL_USAGE, "the reason must be one line of at most 255 bytes", "");
		return false;
	}
	span_escape(span_str(raw), out, cap);
	return true;
}

bool ctl_arg_bool(const struct mp_val *args, const char *key)
{
	return mp_bool(mp_get(args, key), false);
}

int64_t ctl_arg_int(const struct mp_val *args, const char *key, int64_t dflt)
{
	return mp_i64(mp_get(args, key), dflt);
}

const char *ctl_who_is(const struct ctl *c)
{
	return c->id->user;
}

/* --- who may --- */

static int may(const struct ctl *c, const struct verb *v, struct why *w)
{
	const struct ident *id = c->id;
	bool user = id->via == VIA_CERT || id->via == VIA_LOCAL || id->via == VIA_OPERATOR;
	bool ok = false;

	if ((v->transports & c->transport) == 0)
		return why_set(w, E_DENIED, "\"%s\" is not available here", v->name);
	switch (v->who) {
	case WHO_TOKEN:
		ok = id->via == VIA_ENROLL;
		break;
	case WHO_KEY:
		ok = user || id->via == VIA_KEY;
		break;
	case WHO_USER:
		ok = user;
		break;
	case WHO_PERSON:
		ok = user && id->via != VIA_OPERATOR && !id->service;
		break;
	case WHO_RIGHT:
		ok = user && ident_right(id, mon_conf(c->m), v->right);
		break;
	case WHO_OPERATOR:
		ok = id->via == VIA_OPERATOR;
		break;
	case WHO_NOBODY:
		break;
	}
	if (ok)
		return 0;
	why_set(w, E_DENIED, "%s may not use \"%s\"", id->user, v->name);
	if (id->via == VIA_NOTHING)
		why_hint(w, "no configured user has this uid: set users: NAME: {uid: %u}",
		    (unsigned)c->uid);
	else if (v->who == WHO_TOKEN)
		why_hint(w, "hand in the token as the user enroll: ssh enroll@%s enroll < token.jwt", mon_conf(c->m)->gateway.name);
	else if (v->id == VERB_DELEGATE)
		why_hint(w, "only people delegate, each for itself");
	else if (v->who == WHO_PERSON)
		why_hint(w, "a decision is a person's: log in with your own certificate");
	return E_DENIED;
}

static void dispatch(struct ctl *c, const struct ipc_msg *m)
{
	const struct mp_val *args = ipc_get(m, "args");
	const struct verb *v;
	struct why w = {0};
	char name[32];

	if (ipc_get_str(m, "verb", name, sizeof(name)) != 0)
		name[0] = '\0';
	v = verb_find(name);
	if (v == NULL || handlers[v->id] == NULL) {
		ctl_end(c, CTL_USAGE, "the gateway does not know this verb", "");
		return;
	}
	if (c->peer == NULL) {
		auth_local(c->m, c->uid, &c->local);
	} else if (c->peer->kill_timer != NULL || c->peer->expired) { /* last words are for clients of databases */
		ctl_end(c, CTL_DENIED, "this connection has been told to end", "connect again");
		return;
	}
	if (may(c, v, &w) != 0) {
		log_info("verb-refused", "user", c->id->user, "for", ident_for(c->id), "verb", v->name);
		ctl_fail(c, &w);
		return;
	}
	handlers[v->id](c, args);
}

/* --- channels --- */

static void ctl_unlink(struct ctl *c)
{
	struct ctl **at = &c->m->ctls;

	while (*at != NULL && *at != c)
		at = &(*at)->next;
	if (*at != NULL)
		*at = c->next;
}

static void ctl_free(struct ctl *c)
{
	ctl_unlink(c);
	if (c->job_free != NULL)
		c->job_free(c);
	chan_free(c->ch);
	ident_clear(&c->local);
	free(c);
}

static void on_message(
    void *ctx, const struct ipc_msg *m, size_t len, int err, int *fds, size_t nfds)
{
	struct ctl *c = ctx;

	(void)len;
	(void)err;
	(void)fds;
	/* One verb at a time; anything that is not a verb ends the channel. */
	if (m == NULL || nfds > 0 || ipc_type_of(m) != IPC_CTL || ipc_id(m) == 0 || c->call != 0) {
		ctl_free(c);
		return;
	}
	c->call = ipc_id(m);
	dispatch(c, m);
}

static struct ctl *ctl_new(struct monitor *m, struct peer *p, uid_t uid, int fd)
{
	struct ctl *c = xcalloc(1, sizeof(*c));

	*c = (struct ctl){.next = m->ctls,
	    .m = m,
	    .peer = p,
	    .uid = uid,
	    .transport = p != NULL ? VERB_SSH : VERB_LOCAL};
	ident_init(&c->local);
	c->id = p != NULL ? &p->id : &c->local;
	c->ch = chan_new(m->loop, fd, CTL_QUEUE, on_message, c);
	if (c->ch == NULL) {
		free(c);
		return NULL;
	}
	m->ctls = c;
	return c;
}

struct ctl *ctl_bound(struct peer *p, int fd)
{
	return ctl_new(p->m, p, (uid_t)-1, fd);
}

void ctls_of_peer_gone(struct peer *p)
{
	struct ctl *c = p->m->ctls;

	while (c != NULL) {
		struct ctl *next = c->next;

		if (c->peer == p)
			ctl_free(c);
		c = next;
	}
}

void ctls_free(struct monitor *m)
{
	while (m->ctls != NULL)
		ctl_free(m->ctls);
}

static void on_accept(void *ctx, int fd, unsigned events)
{
	struct monitor *m = ctx;
	struct ucred cred;
	socklen_t n = sizeof(cred);
	size_t open = 0;
	int s = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (s < 0) {
		if (errno == EMFILE ||
		    errno == ENFILE) /* the connection stays: do not spin over it */
			loop_mod(m->loop, fd, 0);
		return;
	}
	if (getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0) {
		fd_close(&s);
		return;
	}
	for (const struct ctl *c = m->ctls; c != NULL; c = c->next)
		open += c->peer == NULL && c->uid == cred.uid;
	if (open >= CTL_UID_MAX && cred.uid != 0) {
		fd_close(&s);
		return;
	}
	(void)ctl_new(m, NULL, cred.uid, s);
}

void ctl_resume(struct monitor *m)
{
	loop_mod(m->loop, m->control_fd, LOOP_IN);
}

void ctl_listen(struct monitor *m)
{
	if (m->control_fd < 0)
		return;
	if (fd_set_nonblock(m->control_fd, true) != 0 ||
	    loop_add(m->loop, m->control_fd, LOOP_IN, on_accept, m) != 0)
		log_error("control-socket-failed");
}
