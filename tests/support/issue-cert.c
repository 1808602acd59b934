/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: issue one certificate with the project's own code and print it as a line.
 *   issue-cert [-g GROUPS] [-s CIDR] [-t TTL] [-f] [-p] [-x] CA-KEY USER.pub PRINCIPAL GATEWAY
 * SERIAL -x leaves the gateway option out, which nothing but this helper can do: it takes the
 * finished body apart, drops the option and writes and signs the rest again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "ident/issue.h"
#include "wire/sshkey.h"

static void die(const char *what, const char *why)
{
	fprintf(stderr, "issue-cert: %s: %s\n", what, why);
	exit(1);
}

static void load(const char *path, struct buf *b)
{
	int r = file_read(path, b);

	if (r != 0)
		die(path, err_str(r));
}

static void load_public(const char *path, struct buf *blob)
{
	struct buf line;
	struct why w;

	buf_init(&line, SSHPK_LINE_MAX);
	load(path, &line);
	if (sshpk_line_parse(buf_span(&line), blob, NULL, &w) != 0)
		die(path, w.text);
	buf_clear(&line);
}

/* Write the body again without its gateway option. */
static void drop_gateway(struct buf *body)
{
	struct buf kept, out;
	struct sshcert c;
	struct cur cur;
	struct span name, data, value;
	struct why w;

	buf_init(&kept, SSHCERT_MAX);
	buf_init(&out, SSHCERT_MAX);
	if (sshcert_parse_body(buf_span(body), &c, &w) != 0)
		die("own body", w.text);
	cur = cur_of(c.critical);
	while (sshcert_next_option(&cur, &name, &data)) {
		if (span_is(name, SSHCERT_SOURCE_ADDRESS) &&
		    sshcert_option_string(data, &value) == 0)
			sshcert_put_option(&kept, SSHCERT_SOURCE_ADDRESS, value);
	}
	c.critical = buf_span(&kept);
	sshcert_put_body(&out, &c);
	buf_reset(body);
	buf_put_span(body, buf_span(&out));
	buf_clear(&kept);
	buf_clear(&out);
}

static void print_signed(const struct sshkey *ca, struct span body)
{
	uint8_t raw[ED25519_SIG_LEN];
	struct buf sig, cert, line;
	struct why w;

	buf_init(&sig, 256);
	buf_init(&cert, SSHCERT_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	if (ed25519_sign(ca->seed, body, raw) != 0)
		die("sign", "failed");
	sshpk_put_ed25519_sig(&sig, raw);
	if (issue_finish(body, buf_span(&sig), &cert, &w) != 0)
		die("finish", w.text);
	if (sshpk_line_put(&line, buf_span(&cert), "issue-cert") != 0)
		die("line", "too long");
	fputs(buf_cstr(&line), stdout);
	buf_clear(&sig);
	buf_clear(&cert);
	buf_clear(&line);
}

static bool parse_args(int argc, char **argv, struct issue_request *rq, char **group)
{
	bool drop = false;
	int o;

	while ((o = getopt(argc, argv, "g:s:t:fpx")) != -1) {
		if (o == 'g') {
			*group = optarg;
			rq->groups = group;
			rq->n_groups = 1;
		} else if (o == 's') {
			rq->source_address = optarg;
		} else if (o == 't') {
			rq->ttl_s = strtol(optarg, NULL, 10);
		} else if (o == 'f') {
			rq->forward = true;
		} else if (o == 'p') {
			rq->pty = true;
		} else if (o == 'x') {
			drop = true;
		} else {
			exit(2);
		}
	}
	if (argc - optind != 5)
		die("usage", "[options] CA-KEY USER.pub PRINCIPAL GATEWAY SERIAL");
	return drop;
}

int main(int argc, char **argv)
{
	struct issue_request rq = {.n_principals = 1, .ttl_s = 3600, .login_id = "test"};
	struct buf text, user, ca_blob, body;
	struct sshkey ca;
	struct why w;
	char *group = NULL;
	bool drop = parse_args(argc, argv, &rq, &group);

	argv += optind;
	buf_init(&text, SSHKEY_FILE_MAX);
	buf_init(&user, SSHPK_BLOB_MAX);
	buf_init(&ca_blob, SSHPK_BLOB_MAX);
	buf_init(&body, SSHCERT_MAX);
	load(argv[0], &text);
	if (sshkey_parse(buf_span(&text), &ca, &w) != 0)
		die(argv[0], w.text);
	load_public(argv[1], &user);
	sshpk_put_ed25519_blob(&ca_blob, ca.pub);
	rq.user_key = buf_span(&user);
	rq.ca = buf_span(&ca_blob);
	rq.principals = &argv[2];
	rq.gateway = argv[3];
	rq.serial = strtoull(argv[4], NULL, 10);
	rq.now_s = clock_wall_s();
	if (issue_body(&rq, &body, &w) != 0)
		die("issue", w.text);
	if (drop)
		drop_gateway(&body);
	print_signed(&ca, buf_span(&body));
	sshkey_wipe(&ca);
	buf_wipe(&text);
	buf_clear(&user);
	buf_clear(&ca_blob);
	buf_clear(&body);
	return 0;
}
