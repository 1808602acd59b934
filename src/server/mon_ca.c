/* SPDX-License-Identifier: Apache-2.0
 *
 * Our certificate authorities as the monitor sees them, and the one way to a signature.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/mon.h"
#include "wire/sshpk.h"

struct signing {
	struct signing *next;
	struct monitor *m;
	call_fn *fn; /* NULL: nobody waits any more */
	void *ctx;
};

struct mon_cas {
	struct mon_ca *list;
	struct signing *signings;
};

const struct mon_ca *mon_ca_first(const struct monitor *m)
{
	return m->cas != NULL ? m->cas->list : NULL;
}

const struct mon_ca *mon_ca_active(const struct monitor *m)
{
	for (const struct mon_ca *ca = mon_ca_first(m); ca != NULL; ca = ca->next)
		if (ca->state == STORE_CA_ACTIVE && buf_len(&ca->blob) > 0)
			return ca;
	return NULL;
}

/* --- signatures --- */

static void signing_free(struct signing *s)
{
	struct signing **at = &s->m->cas->signings;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	calls_forget(&s->m->signer_calls, s);
	free(s);
}

static void signing_done(void *ctx, const struct ipc_msg *msg)
{
	struct signing *s = ctx;
	call_fn *fn = s->fn;
	void *to = s->ctx;

	signing_free(s);
	if (fn != NULL)
		fn(to, msg);
}

int mon_sign(struct monitor *m, struct span tbs, call_fn *fn, void *ctx)
{
	struct signing *s;
	struct buf *b = &m->out;

	if (m->signer == NULL || m->cas == NULL)
		return E_LIMIT;
	s = xcalloc(1, sizeof(*s));
	*s = (struct signing){m->cas->signings, m, fn, ctx};
	m->cas->signings = s;
	ipc_begin(b, IPC_SIGN_CERT, calls_add(&m->signer_calls, signing_done, s));
	ipc_bin(b, "tbs", tbs);
	chan_send(m->signer, b, NULL, 0);
	return 0;
}

void mon_sign_forget(struct monitor *m, const void *ctx)
{
	if (m->cas == NULL)
		return;
	for (struct signing *s = m->cas->signings; s != NULL; s = s->next)
		if (s->ctx == ctx)
			s->fn = NULL;
}

/* --- start and stop --- */

int mon_cas_open(struct monitor *m, struct why *w)
{
	struct mon_ca *ca = xcalloc(1, sizeof(*ca));

	(void)w;
	m->cas = xcalloc(1, sizeof(*m->cas));
	*ca = (struct mon_ca){.state = STORE_CA_ACTIVE, .added_s = clock_wall_s()};
	(void)str_copy(ca->name, sizeof(ca->name), "default");
	buf_init(&ca->blob, SSHPK_BLOB_MAX);
	buf_put(&ca->blob, m->ca_pub, m->n_ca_pub);
	sshpk_fingerprint(buf_span(&ca->blob), ca->fp);
	m->cas->list = ca;
	return 0;
}

void mon_cas_free(struct monitor *m)
{
	if (m->cas == NULL)
		return;
	while (m->cas->signings != NULL)
		signing_free(m->cas->signings);
	while (m->cas->list != NULL) {
		struct mon_ca *ca = m->cas->list;

		m->cas->list = ca->next;
		buf_clear(&ca->blob);
		free(ca);
	}
	free(m->cas);
	m->cas = NULL;
}
