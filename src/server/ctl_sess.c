/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verbs about sessions: sessions, replay, kill. A recording is handed out as read-only
 * descriptors; who reads one is in the log before the first byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/recdir.h"
#include "server/ctl.h"

#define LIST_MAX     1000
#define SEGMENTS_MAX 2000
#define PREFIX_MIN   4

/* Whose sessions may the caller see: all, or its own. */
static bool sees_all(const struct ctl *c)
{
	const struct conf *conf = mon_conf(c->m);

	return ident_right(c->id, conf, "audit") || ident_right(c->id, conf, "watch");
}

static int note_first(void *ctx, const struct store_account *a)
{
	*(int64_t *)ctx = a->first_s * 1000000;
	return 0;
}

int64_t ctl_named_since_us(const struct ctl *c)
{
	const char *user = c->id->on_behalf_of[0] != '\0' ? c->id->on_behalf_of : c->id->user;
	int64_t us = 0;
	int rc;

	if (c->id->via != VIA_CERT || conf_user_find(mon_conf(c->m), user) != NULL)
		return 0;
	rc = store_account_get(c->m->store, user, note_first, &us);
	return rc == 0 || rc == E_NOTFOUND ? us : INT64_MAX;
}

static void put_session(struct item *it, const struct store_session *x)
{
	char who[2 * NAME_CAP + 16];

	snprintf(who, sizeof(who), x->on_behalf_of[0] != '\0' ? "%s for %s" : "%s", x->user, x->on_behalf_of);
	item_str(it, "id", x->id);
	item_int(it, "counter", (int64_t)x->counter);
	item_str(it, "user", x->user);
	item_str(it, "person", x->person);
	item_str(it, "on_behalf_of", x->on_behalf_of);
	item_str(it, "who", who);
	item_str(it, "target", x->target);
	item_str(it, "database", x->database);
	item_str(it, "login", x->login);
	item_str(it, "source", x->source);
	item_str(it, "client", x->client);
	item_str(it, "serial", x->cert_serial);
	item_int(it, "start_us", x->start_us);
	item_int(it, "end_us", x->end_us);
	item_str(it, "end_reason", x->end_reason);
	item_int(it, "statements", (int64_t)x->statements);
	item_int(it, "rows", (int64_t)x->rows);
	item_int(it, "bytes", (int64_t)x->bytes);
	item_bool(it, "live", x->end_us == 0);
}

/* --- sessions --- */

static int list_one(void *ctx, const struct store_session *x)
{
	struct ctl *c = ctx;
	struct item it;

	item_init(&it);
	put_session(&it, x);
	ctl_item(c, &it);
	return 0;
}

void ctl_sessions(struct ctl *c, const struct mp_val *args)
{
	char user[NAME_CAP], target[NAME_CAP], id[40];
	int64_t limit = ctl_arg_int(args, "limit", LIST_MAX);
	struct store_session_filter f = {
	    .since_us = ctl_arg_int(args, "since_us", 0), .live_only = ctl_arg_bool(args, "live")};

	if (ctl_arg(args, "user", user, sizeof(user)) != 0 ||
	    ctl_arg(args, "target", target, sizeof(target)) != 0 ||
	    ctl_arg(args, "id", id, sizeof(id)) != 0) {
		ctl_end(c, CTL_USAGE, "sessions: an argument is malformed", "");
		return;
	}
	f.user = user[0] != '\0' ? user : NULL;
	f.target = target[0] != '\0' ? target : NULL;
	f.id_prefix = id[0] != '\0' ? id : NULL;
	f.limit = limit > 0 && limit < LIST_MAX ? (size_t)limit : LIST_MAX;
	if (!sees_all(c)) {
		if (f.user != NULL && strcmp(f.user, c->id->user) != 0) {
			ctl_end(c, CTL_DENIED, "you may list your own sessions only",
			    "others need a role with the verb audit or watch");
			return;
		}
		f.user = c->id->user; /* and those of agents that act for this user */
		if (c->id->kind == KIND_AGENT)
			f.on_behalf_of = c->id->on_behalf_of;
		if (f.since_us < ctl_named_since_us(c))
			f.since_us = ctl_named_since_us(c);
	}
	if (store_session_list(c->m->store, &f, list_one, c) < 0)
		ctl_end(c, CTL_FAILED, "the state store failed", "");
	else
		ctl_end(c, CTL_OK, "", "");
}

/* --- one session by prefix --- */

struct found {
	size_t n;
	char id[REC_SID_LEN + 1];
	bool own, live;
	const struct ident *by; /* the caller, */
	int64_t since_us;       /* who has that name since then */
	struct item it;   /* of the first */
};

static int note(void *ctx, const struct store_session *x)
{
	struct found *f = ctx;

	if (f->n++ > 0)
		return 1;
	(void)str_copy(f->id, sizeof(f->id), x->id);
	f->own = x->start_us >= f->since_us &&
		 (ident_is(f->by, x->user, x->on_behalf_of) ||
		     (x->on_behalf_of[0] != '\0' && ident_is(f->by, x->on_behalf_of, "")));
	f->live = x->end_us == 0;
	put_session(&f->it, x);
	return 0;
}

/* False: the end was sent. f->it is the caller's to send or clear. */
static bool session_arg(struct ctl *c, const struct mp_val *args, struct found *f)
{
	char id[40];
	struct store_session_filter filter = {.id_prefix = id, .limit = 2};
	int rc = ctl_arg(args, "id", id, sizeof(id));

	*f = (struct found){.by = c->id, .since_us = ctl_named_since_us(c)};
	item_init(&f->it);
	if (rc != 0 || strlen(id) < PREFIX_MIN) {
		ctl_end(c, CTL_USAGE,
		    "which session? its id, or at least the first 4 characters of it", "");
		return false;
	}
	rc = store_session_list(c->m->store, &filter, note, f);
	if (rc >= 0 && f->n == 1)
		return true;
	buf_clear(&f->it.b);
	if (rc < 0)
		ctl_end(c, CTL_FAILED, "the state store failed", "");
	else if (f->n == 0)
		ctl_end(c, CTL_NOTFOUND, "no such session", "the verb \"sessions\" lists those you may see");
	else
		ctl_end(c, CTL_USAGE, "more than one session begins like that", "");
	return false;
}

/* --- replay --- */

static bool may_read(const struct ctl *c, const struct found *f)
{
	const struct conf *conf = mon_conf(c->m);

	return f->own || ident_right(c->id, conf, "audit") ||
	       (f->live && ident_right(c->id, conf, "watch"));
}

static int send_file(struct ctl *c, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	ctl_fd(c, name, fd);
	close(fd);
	return 0;
}

static int send_files(struct ctl *c, int dir)
{
	struct recdir_segment *seg = NULL;
	size_t n = 0;
	size_t strange = 0;
	int rc = send_file(c, dir, "meta");

	if (rc == 0)
		rc = recdir_segments(dir, &seg, &n, &strange);
	for (size_t i = 0; i < n && i < SEGMENTS_MAX && rc == 0; i++) {
		char name[RECDIR_NAME_LEN];

		recdir_segment_name(seg[i].no, !seg[i].raw, name);
		rc = send_file(c, dir, name);
		if (rc == -ENOENT && seg[i].raw) { /* sealed since */
			recdir_segment_name(seg[i].no, true, name);
			rc = send_file(c, dir, name);
		}
	}
	free(seg);
	return rc;
}

void ctl_replay(struct ctl *c, const struct mp_val *args)
{
	char dir_name[600];
	struct found f;
	int dir, rc;

	if (!session_arg(c, args, &f))
		return;
	if (!may_read(c, &f)) {
		buf_clear(&f.it.b);
		ctl_end(c, CTL_DENIED, "this session is not yours",
		    "others' recordings need a role with the verb audit");
		return;
	}
	snprintf(dir_name, sizeof(dir_name), "%s/recordings/%s", c->m->state_path, f.id);
	item_str(&f.it, "dir", c->transport == VERB_LOCAL ? dir_name : "");
	ctl_item(c, &f.it);
	if (mon_log_read(c->m, f.id, ctl_who_is(c), "replay") != 0) {
		ctl_end(c, CTL_FAILED, "the reading cannot be logged, so nothing is shown", "");
		return;
	}
	log_info("recording-read", "sid", f.id, "by", ctl_who_is(c));
	dir = openat(c->m->recordings_fd, f.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	rc = dir < 0 ? -errno : send_files(c, dir);
	fd_close(&dir);
	if (rc != 0)
		ctl_end(c, rc == -ENOENT ? CTL_NOTFOUND : CTL_FAILED,
		    "the recording cannot be opened", "");
	else
		ctl_end(c, CTL_OK, "", "");
}

/* --- kill --- */

static void kill_one(struct ctl *c, struct msess *s, const char *why)
{
	char reason[400];
	struct item it;

	item_init(&it);
	item_str(&it, "id", s->sid);
	item_str(&it, "user", s->peer->id.user);
	item_str(&it, "on_behalf_of", s->peer->id.on_behalf_of);
	item_str(&it, "target", s->target);
	ctl_item(c, &it);
	snprintf(reason, sizeof(reason), "ended by %s%s%s", ctl_who_is(c),
	    why[0] != '\0' ? ": " : "", why);
	msess_kill(s, reason, "57P01");
	ctl_end(c, CTL_OK, "ended", "");
}

void ctl_kill(struct ctl *c, const struct mp_val *args)
{
	struct found f;
	struct msess *s;
	char why[256];

	if (!ctl_arg_why(c, args, why, sizeof(why)) || !session_arg(c, args, &f))
		return;
	buf_clear(&f.it.b);
	s = mon_session_find(c->m, f.id);
	if (!f.own && !ident_right(c->id, mon_conf(c->m), "kill"))
		ctl_end(c, CTL_DENIED, "this session is not yours",
		    "ending others' needs a role with the verb kill");
	else if (s == NULL)
		ctl_end(c, CTL_NOTFOUND, "this session has ended already", "");
	else
		kill_one(c, s, why);
}
