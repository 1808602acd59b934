/* SPDX-License-Identifier: Apache-2.0
 *
 * Admission of connections. Penalties live in a small fixed table: when it is full, the one that ends first gives way, so
 * that many sources cannot make us forget the worst of them.
 */
#include "server/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define US 1000000
#define FORGET_US (3600LL * US) /* a quiet hour after the penalty clears the count of crashes */

struct throttle_src throttle_src_of(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct throttle_src s;

	memcpy(s.b, addr, sizeof(s.b));
	if (memcmp(addr, mapped, sizeof(mapped)) != 0)
		memset(s.b + 8, 0, 8);
	return s;
}

static bool same(const struct throttle_src *a, const struct throttle_src *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void throttle_clear(struct throttle *t)
{
	free(t->conns);
	t->conns = NULL;
	t->n_conns = t->cap_conns = t->n_penalties = 0;
}

static bool punished(const struct throttle *t, const struct throttle_src *s, int64_t now_us)
{
	for (size_t i = 0; i < t->n_penalties; i++)
		if (same(&t->penalties[i].src, s))
			return t->penalties[i].until_us > now_us;
	return false;
}

/* From begin to full the chance to be dropped grows from rate to 100 percent. */
static bool unlucky(const struct throttle *t, int waiting, int dice)
{
	int p;

	if (waiting < t->begin)
		return false;
	if (waiting >= t->full)
		return true;
	p = t->rate + (100 - t->rate) * (waiting - t->begin) / (t->full - t->begin);
	return dice < p;
}

const char *throttle_refuses(const struct throttle *t, const struct throttle_src *s, int64_t now_us, int dice)
{
	int waiting = 0, same_source = 0;

	if (punished(t, s, now_us))
		return "penalty";
	for (size_t i = 0; i < t->n_conns; i++) {
		waiting += !t->conns[i].authenticated;
		same_source += same(&t->conns[i].src, s);
	}
	if (t->per_source > 0 && same_source >= t->per_source)
		return "per-source";
	return unlucky(t, waiting, dice) ? "max-startups" : NULL;
}

void throttle_add(struct throttle *t, pid_t pid, const struct throttle_src *s)
{
	if (t->n_conns == t->cap_conns) {
		t->cap_conns = t->cap_conns == 0 ? 16 : t->cap_conns * 2;
		t->conns = xreallocarray(t->conns, t->cap_conns, sizeof(*t->conns));
	}
	t->conns[t->n_conns++] = (struct throttle_conn){pid, *s, false};
}

static struct throttle_conn *find(const struct throttle *t, pid_t pid)
{
	for (size_t i = 0; i < t->n_conns; i++)
		if (t->conns[i].pid == pid)
			return &t->conns[i];
	return NULL;
}

void throttle_authenticated(struct throttle *t, pid_t pid, bool yes)
{
	struct throttle_conn *c = find(t, pid);

	if (c != NULL)
		c->authenticated = yes;
}

bool throttle_remove(struct throttle *t, pid_t pid, struct throttle_conn *was)
{
	struct throttle_conn *c = find(t, pid);

	if (c == NULL)
		return false;
	*was = *c;
	*c = t->conns[--t->n_conns];
	return true;
}

/* The entry of s; else a free one; else the one that ends first. */
static struct throttle_penalty *entry(struct throttle *t, const struct throttle_src *s)
{
	struct throttle_penalty *first = t->penalties;

	for (size_t i = 0; i < t->n_penalties; i++) {
		if (same(&t->penalties[i].src, s))
			return &t->penalties[i];
		if (t->penalties[i].until_us < first->until_us)
			first = &t->penalties[i];
	}
	if (t->n_penalties < THROTTLE_PENALTIES)
		first = &t->penalties[t->n_penalties++];
	*first = (struct throttle_penalty){.src = *s};
	return first;
}

void throttle_punish(struct throttle *t, const struct throttle_src *s, int64_t now_us, int64_t seconds)
{
	struct throttle_penalty *p = entry(t, s);

	if (now_us + seconds * US > p->until_us)
		p->until_us = now_us + seconds * US;
}

void throttle_crashed(struct throttle *t, const struct throttle_src *s, int64_t now_us, int64_t base, int64_t max)
{
	struct throttle_penalty *p = entry(t, s);
	int64_t seconds;

	if (p->until_us + FORGET_US < now_us)
		p->times = 0;
	seconds = p->times < 20 ? base << p->times : max;
	if (seconds > max)
		seconds = max;
	p->times++;
	throttle_punish(t, s, now_us, seconds);
}
