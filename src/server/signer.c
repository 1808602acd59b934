/* SPDX-License-Identifier: Apache-2.0
 *
 * The signer process: start, the two decisions, the message loop.
 */
#include "server/signer.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/certcheck.h"
#include "record/checkpoint.h"
#include "server/signca.h"
#include "server/signhead.h"
#include "wire/ipc.h"
#include "wire/sshagent.h"
#include "wire/sshcert.h"

#define NONCE_MIN      16
#define KEY_ID_MAX     1024
#define BACKDATE_MAX_S 300
#define ROOT_B64_LEN   44
#define SPEC_MAX       512
#define BROKEN         1 /* a handler's word for "end the process" */
#define FIRST          "default"

struct signer {
	const struct signer_params *p;
	struct signkey log;
	struct signcas cas;
	struct signhead head;
	uint64_t last_serial; /* over all authorities */
	int fd;               /* came with the message; -1 = none */
};

/* --- start --- */

/* The configuration's authority, when it is a file. An agent's comes later, by CA_LOAD: the monitor
 * can connect it again, we cannot. */
static int open_ca(struct signer *s, struct why *w)
{
	const char *path = s->p->ca;
	struct signkey key = {0};
	struct signca *ca;
	int r;

	if (strncmp(path, "agent:", 6) == 0)
		return 0;
	if (strncmp(path, "file:", 5) != 0)
		return why_set(
		    w, E_CONFIG, "the certificate authority \"%s\" is not file:PATH", path);
	path += 5;
	r = signkey_load(path, &key, w);
	if (r == -ENOENT) {
		r = signkey_generate(&key, w);
		if (r == 0)
			r = signkey_save(path, &key, "sallyport certificate authority", w);
		if (r == 0)
			log_warn("ca-key-created", "path", path);
	}
	ca = r == 0 ? signca_of_key(FIRST, &key, w) : NULL;
	signkey_clear(&key);
	if (ca == NULL)
		return r != 0 ? r : E_NOMEM;
	r = signcas_put(&s->cas, ca, w);
	return r == 0 ? signcas_activate(&s->cas, FIRST, w) : r;
}

/* A new log key starts with a head that says "nothing signed", written before the key: a key
 * without a head can then only mean that the head was taken away. */
static int open_log(struct signer *s, struct why *w)
{
	char head[PATH_MAX];
	int r;

	if (snprintf(head, sizeof(head), "%s.head", s->p->log_key) >= (int)sizeof(head))
		return why_set(w, E_CONFIG, "the log key's path is too long");
	r = signhead_lock(&s->head, head, w);
	if (r != 0)
		return r;
	r = signkey_load(s->p->log_key, &s->log, w);
	if (r == 0)
		return signhead_load(&s->head, &s->log, s->p->origin, w);
	if (r != -ENOENT)
		return r;
	r = signkey_generate(&s->log, w);
	if (r == 0)
		r = signhead_init(&s->head, &s->log, s->p->origin, w);
	if (r == 0)
		r = signkey_save(s->p->log_key, &s->log, "sallyport log", w);
	if (r == 0)
		log_warn("log-key-created", "path", s->p->log_key);
	return r;
}

static int signer_open(struct signer *s, const struct signer_params *p, struct why *w)
{
	int r;

	*s = (struct signer){.p = p, .head.fd = -1, .fd = -1};
	if (p->max_ttl_s <= 0 || !sshcert_name_ok(span_str(p->gateway)) ||
	    !checkpoint_name_ok(span_str(p->origin)))
		return why_set(w, E_CONFIG,
		    "the signer has no usable gateway name, log origin or longest life time");
	r = open_log(s, w); /* first: its lock keeps a second signer away from both keys */
	if (r == 0)
		r = open_ca(s, w);
	if (r == 0 && p->enter != NULL)
		r = p->enter(p->enter_ctx, w);
	return r;
}

static void signer_close(struct signer *s)
{
	signcas_clear(&s->cas);
	signkey_clear(&s->log);
	signhead_close(&s->head);
}

/* --- certificates --- */

static int check_life(const struct signer *s, const struct sshcert *c, struct why *w)
{
	int64_t now = clock_wall_s();
	uint64_t now_u = now > 0 ? (uint64_t)now : 0, max = (uint64_t)s->p->max_ttl_s;

	if (c->valid_before <= now_u)
		return why_set(w, E_DENIED, "the certificate would be expired from the start");
	if (c->valid_before - now_u > max)
		return why_set(
		    w, E_DENIED, "the certificate would live longer than %" PRIu64 " seconds", max);
	if (c->valid_after > now_u)
		return why_set(w, E_DENIED, "the certificate would begin in the future");
	if (now_u - c->valid_after > BACKDATE_MAX_S)
		return why_set(w, E_DENIED, "the certificate would begin more than %d seconds ago",
		    BACKDATE_MAX_S);
	return 0;
}

static bool is_authority(const struct signer *s, const struct sshpk *k)
{
	struct buf blob;
	bool is;

	buf_init(&blob, SSHPK_BLOB_MAX);
	sshpk_put_blob(&blob, k);
	is = buf_err(&blob) != 0 || signcas_has(&s->cas, buf_span(&blob));
	buf_clear(&blob);
	return is;
}

static int check_fields(const struct signer *s, const struct sshcert *c, struct why *w)
{
	if (s->cas.active == NULL)
		return why_set(w, E_STATE, "no authority is active");
	if (!span_eq(c->ca, buf_span(&s->cas.active->blob)))
		return why_set(w, E_STATE, "the certificate names another authority");
	if (is_authority(s, &c->key))
		return why_set(w, E_DENIED, "the authority's own key cannot be certified");
	if (c->nonce.n < NONCE_MIN)
		return why_set(w, E_DENIED, "the certificate's nonce is too short");
	if (!sshcert_text_ok(c->key_id, KEY_ID_MAX))
		return why_set(w, E_DENIED, "the certificate's key id is empty or not text");
	if (c->serial == 0 || c->serial <= s->last_serial)
		return why_set(
		    w, E_DENIED, "the certificate's serial %" PRIu64 " was used before", c->serial);
	return 0;
}

static int check_cert(const struct signer *s, struct span tbs, struct sshcert *c, struct why *w)
{
	struct cert_identity id;
	int r = sshcert_parse_body(tbs, c, w);

	if (r == 0)
		r = check_fields(s, c, w);
	if (r == 0)
		r = check_life(s, c, w);
	if (r != 0)
		return r;
	r = certcheck_body(c, s->p->gateway, true, true, &id, w);
	if (r == 0)
		cert_identity_clear(&id);
	return r;
}

static void log_signed(const struct sshcert *c, const char *ca)
{
	char id[256], fp[SSHPK_FP_CAP];

	span_escape(c->key_id, id, sizeof(id));
	if (sshpk_key_fingerprint(&c->key, fp) != 0)
		fp[0] = '\0';
	log_info("certificate-signed", "serial", log_num((long long)c->serial), "key-id", id, "key",
	    fp, "before", log_num((long long)c->valid_before), "ca", ca);
}

static int on_sign_cert(struct signer *s, const struct ipc_msg *m, struct buf *out, struct why *w)
{
	const struct mp_val *v = ipc_get(m, "tbs");
	struct sshcert c;
	struct buf blob;
	int r;

	if (mp_type(v) != MP_BIN)
		return BROKEN;
	r = check_cert(s, mp_span(v), &c, w);
	if (r != 0)
		return r;
	buf_init(&blob, SSHAGENT_SIG_MAX);
	r = signca_sign(s->cas.active, mp_span(v), &blob, w);
	if (r == 0) {
		s->last_serial = c.serial;
		log_signed(&c, s->cas.active->name);
		ipc_begin(out, IPC_OK, ipc_id(m));
		ipc_bin(out, "sig", buf_span(&blob));
	}
	buf_clear(&blob);
	return r;
}

/* --- authorities --- */

static bool take_name(const struct ipc_msg *m, char name[SIGNCA_NAME_CAP])
{
	return ipc_get_str(m, "name", name, SIGNCA_NAME_CAP) == 0 && name[0] != '\0';
}

/* The key that is expected under this name; nothing is replaced by another one. */
static int check_expected(const struct ipc_msg *m, const struct signca *ca, struct why *w)
{
	char want[SSHPK_FP_CAP], is[SSHPK_FP_CAP];

	ipc_take_str(m, "fingerprint", want, sizeof(want));
	if (want[0] == '\0')
		return 0;
	sshpk_fingerprint(buf_span(&ca->blob), is);
	if (strcmp(want, is) == 0)
		return 0;
	why_set(w, E_DENIED, "the key of the authority \"%s\" is not its key any more: %s", ca->name, is);
	why_hint(w, "put %s back, or make another authority: sallyport ca add NAME", want);
	return E_DENIED;
}

static int on_ca_load(struct signer *s, const struct ipc_msg *m, struct buf *out, struct why *w)
{
	char name[SIGNCA_NAME_CAP], spec[SPEC_MAX];
	struct signca *ca;
	const char *fp;
	int r;

	if (!take_name(m, name) || ipc_get_str(m, "spec", spec, sizeof(spec)) != 0 || s->fd < 0)
		return BROKEN;
	fp = strrchr(spec, '#');
	if (strncmp(spec, "agent:", 6) == 0 && fp != NULL)
		ca = signca_of_agent(name, s->fd, fp + 1, w);
	else if (strncmp(spec, "file:", 5) == 0)
		ca = signca_of_file(name, s->fd, ipc_get_bool(m, "create", false), w);
	else
		return BROKEN;
	if (ca == NULL)
		return w->code != 0 ? w->code : E_INTERNAL;
	r = check_expected(m, ca, w);
	if (r != 0) {
		signca_free(ca);
		return r;
	}
	r = signcas_put(&s->cas, ca, w);
	if (r != 0)
		return r;
	log_info("ca-loaded", "name", name);
	ipc_begin(out, IPC_OK, ipc_id(m));
	ipc_bin(out, "ca", buf_span(&ca->blob));
	return 0;
}

static int on_ca_activate(struct signer *s, const struct ipc_msg *m, struct buf *out, struct why *w)
{
	char name[SIGNCA_NAME_CAP];
	int r;

	if (!take_name(m, name))
		return BROKEN;
	r = signcas_activate(&s->cas, name, w);
	if (r == 0)
		ipc_begin(out, IPC_OK, ipc_id(m));
	return r;
}

static int on_ca_drop(struct signer *s, const struct ipc_msg *m, struct buf *out, struct why *w)
{
	char name[SIGNCA_NAME_CAP];
	int r;

	if (!take_name(m, name))
		return BROKEN;
	r = signcas_drop(&s->cas, name, w);
	if (r == 0)
		ipc_begin(out, IPC_OK, ipc_id(m));
	return r;
}

/* --- checkpoints --- */

/* Exactly the three lines that we would write ourselves: no extension lines, no other spelling. */
static int parse_checkpoint(
    const struct signer *s, struct span body, struct checkpoint *c, struct why *w)
{
	struct buf again;
	int r = checkpoint_parse_body(body, c);

	buf_init(&again, CHECKPOINT_MAX);
	if (r == 0) {
		checkpoint_put_body(&again, c);
		r = buf_err(&again) == 0 && span_eq(buf_span(&again), body) ? 0 : E_FORMAT;
	}
	buf_clear(&again);
	if (r != 0)
		return why_set(w, E_FORMAT, "the checkpoint is malformed");
	if (strcmp(c->origin, s->p->origin) != 0)
		return why_set(w, E_DENIED, "the checkpoint is of another log");
	return 0;
}

static int on_sign_checkpoint(
    struct signer *s, const struct ipc_msg *m, struct buf *out, struct why *w)
{
	const struct mp_val *v = ipc_get(m, "body");
	int64_t told = ipc_get_int(m, "size", -1);
	uint8_t sig[ED25519_SIG_LEN];
	struct checkpoint c;
	int r;

	/* Bytes or text: the body is both. */
	if ((mp_type(v) != MP_BIN && mp_type(v) != MP_STR) || told < 0)
		return BROKEN;
	r = parse_checkpoint(s, mp_span(v), &c, w);
	if (r == 0 && c.size != (uint64_t)told)
		r = why_set(w, E_DENIED, "the checkpoint's size differs from the announced one");
	if (r == 0)
		r = signhead_advance(&s->head, c.size, c.root.b, w);
	if (r != 0)
		return r;
	r = signkey_sign(&s->log, mp_span(v), sig);
	if (r != 0)
		return why_set(w, r, "the checkpoint could not be signed");
	ipc_begin(out, IPC_OK, ipc_id(m));
	ipc_bin(out, "sig", span_of(sig, sizeof(sig)));
	return 0;
}

static int on_keys(struct signer *s, const struct ipc_msg *m, struct buf *out, struct why *w)
{
	(void)w;
	ipc_begin(out, IPC_OK, ipc_id(m));
	ipc_bin(out, "ca",
	    s->cas.active != NULL ? buf_span(&s->cas.active->blob) : span_str(""));
	ipc_bin(out, "log", span_of(s->log.pub, sizeof(s->log.pub)));
	return 0;
}

/* --- messages --- */

static const struct {
	enum ipc_type type;
	int (*fn)(struct signer *s, const struct ipc_msg *m, struct buf *out, struct why *w);
	const char *refused; /* log event */
} handlers[] = {
    {IPC_SIGN_CERT, on_sign_cert, "certificate-refused"},
    {IPC_SIGN_CHECKPOINT, on_sign_checkpoint, "checkpoint-refused"},
    {IPC_SIGNER_KEYS, on_keys, "keys-refused"},
    {IPC_CA_LOAD, on_ca_load, "ca-not-loaded"},
    {IPC_CA_ACTIVATE, on_ca_activate, "ca-not-activated"},
    {IPC_CA_DROP, on_ca_drop, "ca-not-dropped"},
};

/* 0 with the answer in out, or BROKEN. */
static int handle(struct signer *s, const struct ipc_msg *m, struct buf *out)
{
	struct why w = {0};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		int r;

		if (ipc_type_of(m) != (int)handlers[i].type || ipc_id(m) == 0)
			continue;
		if (s->fd >= 0 && handlers[i].type != IPC_CA_LOAD)
			return BROKEN;
		r = handlers[i].fn(s, m, out, &w);
		if (r == BROKEN)
			return BROKEN;
		if (r != 0) {
			log_error(handlers[i].refused, "why", w.text);
			ipc_fail(out, ipc_id(m), &w, "");
		}
		return ipc_end(out) == 0 ? 0 : BROKEN;
	}
	return BROKEN;
}

static void wait_for(int sock, short events)
{
	struct pollfd p = {.fd = sock, .events = events};

	(void)poll(&p, 1, -1);
}

static int send_all(int sock, struct buf *out)
{
	int r;

	while ((r = ipc_send(sock, out, NULL, 0)) == E_MORE)
		wait_for(sock, POLLOUT);
	return r;
}

static int serve(struct signer *s, int sock)
{
	struct buf in, out;
	struct ipc_msg *m = NULL;
	int r;

	buf_init(&in, IPC_MAX);
	buf_init(&out, IPC_MAX);
	do {
		size_t nfds = 1;

		r = ipc_recv(sock, &in, &m, &s->fd, &nfds);
		if (r != 0)
			s->fd = -1; /* closed with the failure */
		if (r == E_MORE) {
			wait_for(sock, POLLIN);
			r = 0;
			continue;
		}
		if (r == 0)
			r = handle(s, m, &out);
		fd_close(&s->fd);
		ipc_free(m);
		m = NULL;
		if (r == 0)
			r = send_all(sock, &out);
	} while (r == 0);
	buf_clear(&in);
	buf_clear(&out);
	if (r == E_CLOSED)
		return 0;
	log_error("signer-contract-broken", "code", log_num(r));
	return 2;
}

static void report_start(int sock, const struct why *w)
{
	struct buf out;

	log_error("signer-not-started", "why", w->text, "hint", w->hint);
	buf_init(&out, IPC_MAX);
	ipc_fail(&out, 0, w, "");
	if (ipc_end(&out) == 0 && ipc_send(sock, &out, NULL, 0) != 0)
		log_error("signer-report-lost", "why", w->text);
	buf_clear(&out);
}

int signer_run(int sock, const struct signer_params *p)
{
	struct why w = {0};
	struct signer s;
	int status = 1;

	if (signer_open(&s, p, &w) == 0)
		status = serve(&s, sock);
	else
		report_start(sock, &w);
	signer_close(&s);
	return status;
}
