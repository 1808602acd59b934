/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may connect now: connections that have not authenticated yet are limited with random early drop (begin:rate:full as
 * in sshd), connections per source are capped, and sources that crashed a session or were reported by the monitor wait out
 * a penalty. Pure bookkeeping: no sockets, no clock, no randomness of its own.
 */
#ifndef SP_SERVER_THROTTLE_H
#define SP_SERVER_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A source: an IPv4 address mapped into IPv6, or the /64 of an IPv6 address (whoever has one address of it has all). */
struct throttle_src {
	uint8_t b[16];
};

struct throttle_conn {
	pid_t pid;
	struct throttle_src src;
	bool authenticated;
};

struct throttle_penalty {
	struct throttle_src src;
	int64_t until_us; /* monotonic */
	int times;        /* crashes in a row, for growing penalties */
};

#define THROTTLE_PENALTIES 1024

struct throttle {
	int begin, rate, full;  /* unauthenticated connections: drop none below begin, all from full on */
	int per_source;         /* 0 = no limit */
	size_t n_conns, cap_conns;
	struct throttle_conn *conns;
	size_t n_penalties;
	struct throttle_penalty penalties[THROTTLE_PENALTIES];
};

/* addr: 16 bytes in network order (IPv4 mapped). */
struct throttle_src throttle_src_of(const uint8_t addr[16]);
void throttle_clear(struct throttle *t);
/* NULL: admitted; else the reason, a literal. dice: 0..99, random. */
const char *throttle_refuses(const struct throttle *t, const struct throttle_src *s, int64_t now_us, int dice);
void throttle_add(struct throttle *t, pid_t pid, const struct throttle_src *s);
void throttle_authenticated(struct throttle *t, pid_t pid, bool yes);
/* The process ended. False: not one of ours. */
bool throttle_remove(struct throttle *t, pid_t pid, struct throttle_conn *was);
/* Nothing from s for so long. */
void throttle_punish(struct throttle *t, const struct throttle_src *s, int64_t now_us, int64_t seconds);
/* A session of s crashed: base seconds, doubled each time until an hour passed quietly, at most max. */
void throttle_crashed(struct throttle *t, const struct throttle_src *s, int64_t now_us, int64_t base, int64_t max);

#endif
