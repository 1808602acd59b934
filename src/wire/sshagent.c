/* SPDX-License-Identifier: Apache-2.0
 *
 * The SSH agent protocol, the side that asks.
 */
#include "wire/sshagent.h"

#include "wire/sshw.h"

enum {
	FAILURE = 5,
	REQUEST_IDENTITIES = 11,
	IDENTITIES_ANSWER = 12,
	SIGN_REQUEST = 13,
	SIGN_RESPONSE = 14,
};

void sshagent_put_list(struct buf *b)
{
	size_t at = sshw_open_string(b);

	buf_put_u8(b, REQUEST_IDENTITIES);
	sshw_close_string(b, at);
}

void sshagent_put_sign(struct buf *b, struct span key, struct span data, uint32_t flags)
{
	size_t at = sshw_open_string(b);

	buf_put_u8(b, SIGN_REQUEST);
	sshw_put_string(b, key);
	sshw_put_string(b, data);
	buf_put_u32be(b, flags);
	sshw_close_string(b, at);
}

int sshagent_head(struct span head, size_t *n, struct why *w)
{
	struct cur c = cur_of(head);

	*n = cur_u32be(&c);
	if (cur_done(&c) != 0 || *n == 0)
		return why_set(w, E_FORMAT, "the agent's answer has no length");
	if (*n > SSHAGENT_MAX)
		return why_set(w, E_TOOBIG, "the agent's answer is longer than %d bytes", SSHAGENT_MAX);
	return 0;
}

/* A cursor behind the type, which must be this one. */
static int answer_of(struct span msg, uint8_t type, struct cur *c, struct why *w)
{
	uint8_t is;

	*c = cur_of(msg);
	is = cur_u8(c);
	if (!cur_ok(c))
		return why_set(w, E_FORMAT, "the agent's answer is empty");
	if (msg.n > SSHAGENT_MAX)
		return why_set(w, E_TOOBIG, "the agent's answer is longer than %d bytes", SSHAGENT_MAX);
	if (is == FAILURE && cur_left(c) == 0)
		return why_set(w, E_DENIED, "the agent refused");
	if (is != type)
		return why_set(w, E_FORMAT, "the agent's answer is of type %u, not %u", is, type);
	return 0;
}

static struct span get_bounded(struct cur *c, size_t max)
{
	struct span s = sshw_get_string(c);

	if (s.n > max)
		cur_fail(c, E_TOOBIG);
	return s;
}

bool sshagent_next(struct sshagent_keys *k, struct span *blob, struct span *comment)
{
	if (k->n == 0)
		return false;
	k->n--;
	*blob = get_bounded(&k->c, SSHAGENT_KEY_MAX);
	*comment = get_bounded(&k->c, SSHAGENT_COMMENT_MAX);
	return cur_ok(&k->c);
}

int sshagent_get_keys(struct span msg, struct sshagent_keys *out, struct why *w)
{
	struct sshagent_keys walk;
	struct span blob, comment;
	int r;

	*out = (struct sshagent_keys){0};
	r = answer_of(msg, IDENTITIES_ANSWER, &walk.c, w);
	if (r != 0)
		return r;
	walk.n = cur_u32be(&walk.c);
	if (walk.n > SSHAGENT_KEYS_MAX)
		return why_set(w, E_TOOBIG, "the agent says it has %u keys", (unsigned)walk.n);
	*out = walk;
	while (sshagent_next(&walk, &blob, &comment))
		continue;
	r = cur_done(&walk.c);
	if (r == 0)
		return 0;
	*out = (struct sshagent_keys){0};
	return why_set(w, r, "the agent's list of keys is malformed: %s", err_str(r));
}

int sshagent_get_signature(struct span msg, struct span *sig, struct why *w)
{
	struct cur c;
	int r = answer_of(msg, SIGN_RESPONSE, &c, w);

	*sig = (struct span){0};
	if (r != 0)
		return r;
	*sig = get_bounded(&c, SSHAGENT_SIG_MAX);
	r = cur_done(&c);
	if (r == 0 && sig->n > 0)
		return 0;
	*sig = (struct span){0};
	r = r != 0 ? r : E_FORMAT;
	return why_set(w, r, "the agent's signature is malformed: %s", err_str(r));
}
