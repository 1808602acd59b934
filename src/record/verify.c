/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of verification and its report: directories are listed first, then the log is read,
 * then every session of the log is checked against its directory, then directories that the log
 * does not know.
 */
#include "record/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "record/recdir.h"
#include "record/verify_int.h"

void verify_find(struct verifier *v, enum verify_kind kind, const char *sid, const char *fmt, ...)
{
	struct verify_finding f = {.kind = kind};
	uint64_t *const count[] = {
	    &v->out->tampered, &v->out->errors, &v->out->crashed, &v->out->live, &v->out->notes};
	va_list ap;

	(void)str_copy(f.sid, sizeof(f.sid), sid);
	va_start(ap, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	++*count[kind];
	if (kind == VERIFY_CRASH && v->out->first_crash[0] == '\0')
		memcpy(v->out->first_crash, f.sid, sizeof(f.sid));
	if (v->p->fn != NULL)
		v->p->fn(v->p->ctx, &f);
}

struct dirs {
	char (*sid)[REC_SID_LEN + 1];
	size_t n, cap;
};

static int add_dir(void *ctx, const char *sid)
{
	struct dirs *d = ctx;

	if (d->n == d->cap) {
		d->cap = d->cap == 0 ? 64 : d->cap * 2;
		d->sid = xreallocarray(d->sid, d->cap, sizeof(*d->sid));
	}
	memcpy(d->sid[d->n++], sid, REC_SID_LEN + 1);
	return 0;
}

static bool wanted(const struct verifier *v, const char *sid)
{
	const char *p = v->p->session;

	return p == NULL || strncmp(sid, p, strlen(p)) == 0;
}

/* A prefix must name exactly one session of the log or the disk. */
static int check_prefix(const struct verifier *v, const struct dirs *d, struct why *w)
{
	size_t hits = 0;

	if (v->p->session == NULL)
		return 0;
	if (strlen(v->p->session) < 4)
		return why_set(w, E_EXISTS, "give at least 4 characters of the session's id");
	for (size_t i = 0; i < v->n; i++)
		hits += wanted(v, v->list[i]->sid);
	for (size_t i = 0; i < d->n; i++)
		hits += wanted(v, d->sid[i]) && verify_lookup(v, d->sid[i]) == NULL;
	if (hits == 1)
		return 0;
	return hits == 0 ? why_set(w, E_NOTFOUND, "no session %s", v->p->session)
			 : why_set(w, E_EXISTS, "%zu sessions begin with %s", hits, v->p->session);
}

static bool has_records(int dirfd)
{
	struct recdir_segment *s = NULL;
	struct stat st;
	size_t n = 0;
	size_t strange;
	bool any = recdir_segments(dirfd, &s, &n, &strange) != 0;

	for (size_t i = 0; i < n && !any; i++) {
		char name[RECDIR_NAME_LEN];

		recdir_segment_name(s[i].no, s[i].sealed, name);
		any = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_size > 0;
	}
	free(s);
	return any;
}

/* A directory without a start leaf: the gateway writes the leaf before the first record can be
 * written. */
static void check_extra(struct verifier *v, const char *sid)
{
	int fd = openat(v->root_fd, sid, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return; /* deleted since the listing */
	if (fd < 0)
		verify_find(v, VERIFY_ERROR, sid, "cannot be opened: %s", err_str(-errno));
	else if (!has_records(fd))
		verify_find(
		    v, VERIFY_NOTE, sid, "was prepared and never began: nothing is recorded in it");
	else if (verify_log_has(v, sid))
		verify_find(v, VERIFY_LIVE, sid, "began while this verification ran");
	else
		verify_find(v, VERIFY_TAMPER, sid, "the recording is not in the log (added)");
	fd_close(&fd);
}

int verify_run(const struct verify_params *p, struct verify_report *out, struct why *w)
{
	struct verifier v = {.p = p, .out = out};
	struct dirs d = {0};
	int rc;

	*out = (struct verify_report){0};
	v.root_fd = open(p->recordings, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v.root_fd < 0)
		return why_set(w, -errno, "cannot open %s: %s", p->recordings, err_str(-errno));
	rc = recdir_each(v.root_fd, add_dir, &d);
	if (rc != 0)
		(void)why_set(w, rc, "cannot list %s: %s", p->recordings, err_str(rc));
	if (rc == 0)
		rc = verify_log(&v, w);
	if (rc == 0)
		rc = check_prefix(&v, &d, w);
	for (size_t i = 0; i < v.n && rc == 0; i++)
		if (wanted(&v, v.list[i]->sid))
			verify_session(&v, v.list[i]);
	for (size_t i = 0; i < d.n && rc == 0; i++)
		if (wanted(&v, d.sid[i]) && verify_lookup(&v, d.sid[i]) == NULL)
			check_extra(&v, d.sid[i]);
	if (rc == 0 && out->tampered > 0)
		rc = why_set(w, E_TAMPER, "verification failed");
	else if (rc == 0 && out->errors > 0)
		rc = why_set(w, -EIO, "some recordings could not be read");
	verify_log_clear(&v);
	free(d.sid);
	close(v.root_fd);
	return rc;
}

int verify_exit_code(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case E_TAMPER:
	case E_CRYPTO:
		return 6;
	case E_NOTFOUND:
		return 3;
	default:
		return 1;
	}
}

void verify_put_finding(struct buf *b, const struct verify_finding *f)
{
	if (f->sid[0] != '\0')
		buf_printf(b, "%s ", f->sid);
	buf_put_str(b, f->text);
}

/* 93005 as "93 005". */
static void put_grouped(struct buf *b, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_put_u8(b, ' ');
		buf_put_u8(b, (uint8_t)digits[i]);
	}
}

static void put_count(
    struct buf *b, const char *before, uint64_t n, const char *one, const char *many)
{
	buf_put_str(b, before);
	put_grouped(b, n);
	buf_put_str(b, n == 1 ? one : many);
}

void verify_put_summary(struct buf *b, const struct verify_report *r)
{
	char t[32];

	put_count(
	    b, r->tampered > 0 ? "FAILED: " : "verified ", r->sessions, " session", " sessions");
	put_count(b, ", ", r->statements, " statement", " statements");
	put_count(b, ", log size ", r->log_size, "", "");
	buf_put_str(b, ", root ");
	base64_encode(span_of(r->root.b, SHA256_LEN), b);
	if (r->tampered > 0)
		put_count(b, "; ", r->tampered, " problem", " problems");
	if (r->errors > 0)
		put_count(b, "; ", r->errors, " could not be read", " could not be read");
	if (r->crashed > 0) {
		put_count(b, "; ", r->crashed, " ended by a crash (", " ended by a crash (first ");
		buf_printf(b, "%s)", r->first_crash);
	}
	if (r->live > 0)
		put_count(b, "; ", r->live, " still live", " still live");
	if (r->deleted > 0)
		put_count(b, "; ", r->deleted, " deleted by retention", " deleted by retention");
	if (r->log_size > r->signed_size)
		put_count(b, "; ", r->log_size - r->signed_size, " log entry not signed yet",
		    " log entries not signed yet");
	if (r->tampered == 0 && r->since_us != 0) {
		clock_rfc3339(r->since_us, t);
		buf_printf(b, "; nothing missing since %.10s %.8sZ", t, t + 11);
	}
}
