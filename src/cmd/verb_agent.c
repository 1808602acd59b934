/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of machines: delegate (a person gives an agent's key a certificate) and enroll (a job exchanges a token for
 * one). The certificate and nothing else goes to standard output.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/cli_verbs.h"
#include "cmd/view.h"

#define INPUT_MAX (16u * 1024)
#define TOKEN_MS  10000
#define KEY_MS    60000 /* somebody may paste it */

#define QUIET_MS  2000  /* then a person is told what is missing */

/* What a verb reads, and what it should look like. */
struct wanted {
	const char *what, *example;
	bool line; /* its first line is enough */
	int64_t max_ms;
};
static const struct wanted wanted_key = {"public key", "< agent.pub > agent-cert.pub", true, KEY_MS};
static const struct wanted wanted_token = {"token", "< token.jwt > key-cert.pub", false, TOKEN_MS};

struct input {
	char text[INPUT_MAX + 2]; /* one byte more than allowed, and a NUL */
	size_t n;
};

static void tell_quiet(const struct wanted *w)
{
	fprintf(stderr, "waiting for the %s on standard input, as in: %s\n", w->what, w->example);
}

/* All of standard input, or at least its first line; in time. */
static int read_input(struct input *in, const struct wanted *w)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	int64_t until = clock_mono_us() + w->max_ms * 1000;

	if (poll(&p, 1, QUIET_MS) == 0)
		tell_quiet(w);
	while (!w->line || memchr(in->text, '\n', in->n) == NULL) {
		int64_t left = (until - clock_mono_us()) / 1000;
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (in->n > INPUT_MAX)
			return E_TOOBIG;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(0, in->text + in->n, INPUT_MAX + 1 - in->n);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		in->n += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The input (or its first line) without blanks around it; "" when there is none or a NUL byte in it. */
static const char *trimmed(struct input *in, bool line)
{
	const char *end = line ? memchr(in->text, '\n', in->n) : NULL;
	size_t from = 0, to = end != NULL ? (size_t)(end - in->text) : in->n;

	while (to > 0 && (unsigned char)in->text[to - 1] <= ' ')
		to--;
	while (from < to && (unsigned char)in->text[from] <= ' ')
		from++;
	in->text[to] = '\0';
	return memchr(in->text + from, '\0', to - from) == NULL ? in->text + from : "";
}

static int take_input(struct cli *c, struct input *in, const struct wanted *w, const char **out)
{
	int rc = read_input(in, w);

	if (rc == E_TOOBIG)
		return cli_failf(c, EXIT_USAGE, "the %s on standard input is longer than %u bytes", w->what, INPUT_MAX);
	if (rc == -ETIMEDOUT)
		return cli_failf(c, EXIT_USAGE, "no %s came on standard input within %lld seconds", w->what,
		    (long long)(w->max_ms / 1000));
	if (rc != 0)
		return cli_failf(c, EXIT_FAILED, "standard input cannot be read: %s", err_str(rc));
	*out = trimmed(in, w->line);
	if (**out == '\0')
		return cli_failf(c, EXIT_USAGE, "there is no %s on standard input, as in: %s", w->what, w->example);
	return 0;
}

/* --- what came of it --- */

static void put_safe(FILE *out, const struct mp_val *item, const char *key)
{
	char text[1024], safe[2048];

	(void)span_escape(span_str(ctlc_text(item, key, text, sizeof(text))), safe, sizeof(safe));
	fputs(safe, out);
}

static bool has(const struct mp_val *item, const char *key)
{
	return mp_span(mp_get(item, key)).n > 0;
}

static void print_agent(const struct mp_val *item)
{
	char line[16384], text[64];
	int64_t left = ctlc_int(item, "expires_s") - clock_wall_s();

	printf("%s\n", ctlc_text(item, "certificate", line, sizeof(line)));
	fprintf(stderr, "certificate %lld for ", (long long)ctlc_int(item, "serial"));
	put_safe(stderr, item, "principals");
	if (has(item, "on_behalf_of")) {
		fputs(" for ", stderr);
		put_safe(stderr, item, "on_behalf_of");
	}
	fprintf(stderr, ", good for %s", view_span(left > 0 ? left : 0, text, sizeof(text)));
	fputs(" from ", stderr);
	put_safe(stderr, item, "source");
	if (has(item, "targets")) {
		fputs("\nonly on ", stderr);
		put_safe(stderr, item, "targets");
	}
	if (has(item, "max_risk")) {
		fputs(has(item, "targets") ? ", nothing beyond " : "\nnothing beyond ", stderr);
		put_safe(stderr, item, "max_risk");
	}
	fputc('\n', stderr);
	if (has(item, "notes"))
		view_print_lines(stderr, "note: ", mp_span(mp_get(item, "notes")));
}

int verb_delegate(struct cli *c, const struct cli_args *a)
{
	static struct input in;
	struct ctlc_args args;
	const char *key = "";
	int code = take_input(c, &in, &wanted_key, &key);

	if (code != 0)
		return code;
	ctlc_args_init(&args);
	ctlc_arg_str(&args, "key", key);
	ctlc_arg_str(&args, "targets", a->opt[DEL_TARGETS]);
	ctlc_arg_str(&args, "name", a->opt[DEL_NAME]);
	ctlc_arg_str(&args, "max_risk", a->opt[DEL_RISK]);
	ctlc_arg_str(&args, "ttl", a->opt[DEL_TTL]);
	ctlc_arg_str(&args, "source", a->opt[DEL_SOURCE]);
	return view_one(c, "delegate", &args, print_agent);
}

int verb_enroll(struct cli *c, const struct cli_args *a)
{
	static struct input in;
	struct ctlc_args args;
	const char *token = "";
	int code = take_input(c, &in, &wanted_token, &token);

	(void)a;
	if (code == 0) {
		ctlc_args_init(&args);
		ctlc_arg_str(&args, "token", token);
		code = view_one(c, "enroll", &args, print_agent);
	}
	mem_wipe(&in, sizeof(in));
	return code;
}
