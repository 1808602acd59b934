/* SPDX-License-Identifier: Apache-2.0
 *
 * The command as a process: what it prints, how it exits, what it asks for. The other end of its
 * control channel is this test, which answers as doc/formats/control.md says.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cmd/cli_verbs.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct run {
	int status;
	char out[65536], err[65536];
	char asked[8][300]; /* "verb key=value ..." */
	size_t n_asked;
};

typedef void server_fn(int sock, uint32_t call, const char *verb, const struct mp_val *args);

/* key, text; a key that begins with # is a number, with ? a flag */
struct rec_pair {
	const char *key, *text;
};

static void send_item(int sock, uint32_t call, const struct rec_pair *p, size_t n)
{
	struct buf b, item;
	size_t i;

	buf_init(&b, IPC_MAX);
	buf_init(&item, IPC_MAX);
	mp_put_map(&item, (uint32_t)n);
	for (i = 0; i < n; i++) {
		mp_put_cstr(&item, p[i].key + (p[i].key[0] == '#' || p[i].key[0] == '?'));
		if (p[i].key[0] == '#')
			mp_put_i64(&item, strtoll(p[i].text, NULL, 10));
		else if (p[i].key[0] == '?')
			mp_put_bool(&item, p[i].text[0] == 'y');
		else
			mp_put_cstr(&item, p[i].text);
	}
	ipc_begin(&b, IPC_CTL_ITEM, call);
	ipc_raw(&b, "item", buf_span(&item));
	cr_assert_eq(ipc_send(sock, &b, NULL, 0), 0);
	buf_clear(&b);
	buf_clear(&item);
}

static void send_end(int sock, uint32_t call, int code, const char *text, const char *hint)
{
	struct buf b;

	buf_init(&b, IPC_MAX);
	ipc_begin(&b, IPC_CTL_END, call);
	ipc_int(&b, "code", code);
	ipc_str(&b, "text", text);
	ipc_str(&b, "hint", hint);
	cr_assert_eq(ipc_send(sock, &b, NULL, 0), 0);
	buf_clear(&b);
}

static void note_call(struct run *r, const char *verb, const struct mp_val *args)
{
	char *to = r->asked[r->n_asked];
	size_t cap = sizeof(r->asked[0]), at, i;

	if (r->n_asked == N(r->asked))
		return;
	r->n_asked++;
	at = (size_t)snprintf(to, cap, "%s", verb);
	for (i = 0; i < mp_count(args); i++) {
		struct span k = mp_span(mp_key_at(args, i)), v = mp_span(mp_val_at(args, i));

		at += (size_t)snprintf(to + at, cap - at, " %.*s=", (int)k.n, (const char *)k.p);
		if (v.p != NULL)
			at += (size_t)snprintf(
			    to + at, cap - at, "%.*s", (int)v.n, (const char *)v.p);
		else
			at += (size_t)snprintf(to + at, cap - at, "%lld",
			    (long long)mp_i64(
				mp_val_at(args, i), mp_bool(mp_val_at(args, i), false)));
	}
}

static void serve(struct run *r, int sock, server_fn *fn)
{
	struct ipc_msg *m = NULL;
	char verb[32];
	struct buf in;
	size_t nfds;

	buf_init(&in, IPC_MAX);
	for (;;) {
		nfds = 0;
		if (ipc_recv(sock, &in, &m, NULL, &nfds) != 0)
			break;
		cr_assert_eq(ipc_type_of(m), IPC_CTL);
		cr_assert_eq(ipc_get_str(m, "verb", verb, sizeof(verb)), 0);
		note_call(r, verb, ipc_get(m, "args"));
		fn(sock, ipc_id(m), verb, ipc_get(m, "args"));
		ipc_free(m);
	}
	buf_clear(&in);
}

static void slurp(int fd, char *to, size_t cap)
{
	ssize_t n;

	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	n = read(fd, to, cap - 1);
	to[n > 0 ? n : 0] = '\0';
}

/* words: the command line behind the program's name. fn NULL: no control channel. */
static struct run *run(server_fn *fn, const char *const *words)
{
	static struct run r;
	int s[2], out = memfd_create("out", 0), err = memfd_create("err", 0), status;
	char *argv[40] = {"sallyport"};
	size_t n = 1;
	pid_t pid;

	memset(&r, 0, sizeof(r));
	for (; words[n - 1] != NULL; n++)
		argv[n] = (char *)(uintptr_t)words[n - 1];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		(void)dup2(out, 1);
		(void)dup2(err, 2);
		(void)close(s[0]);
		if (fn != NULL && s[1] != CLI_EXEC_FD)
			(void)dup2(s[1], CLI_EXEC_FD);
		if (fn == NULL)
			(void)close(CLI_EXEC_FD);
		_exit(cli_main((int)n, argv));
	}
	(void)close(s[1]);
	if (fn != NULL)
		serve(&r, s[0], fn);
	(void)close(s[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	r.status = WEXITSTATUS(status);
	slurp(out, r.out, sizeof(r.out));
	slurp(err, r.err, sizeof(r.err));
	(void)close(out);
	(void)close(err);
	return &r;
}

#define RUN(fn, ...) run(fn, (const char *const[]){__VA_ARGS__, NULL})

/* --- words --- */

Test(cli, unknown_verbs_get_a_suggestion)
{
	struct run *r = RUN(NULL, "requets");

	cr_assert_eq(r->status, 2);
	cr_assert_str_eq(r->err, "sallyport: unknown verb \"requets\"\nhint: did you mean "
				 "\"requests\"? all verbs: sallyport help\n");
	cr_assert_str_eq(r->out, "");
	r = RUN(NULL, "\x1b[2J");
	cr_assert_eq(r->status, 2);
	cr_assert_null(strchr(r->err, '\x1b'), "what was typed is escaped");
	cr_assert_eq(RUN(NULL, "--frob")->status, 2);
	cr_assert_eq(RUN(NULL, "sessions", "--frob")->status, 2);
	cr_assert_eq(RUN(NULL, "sessions", "extra")->status, 2);
	cr_assert_eq(RUN(NULL, "show")->status, 2);
	cr_assert_eq(RUN(NULL, "sessions", "--user")->status, 2, "a value is missing");
	cr_assert_eq(RUN(NULL, "sessions", "--live=yes")->status, 2, "a flag takes no value");
	cr_assert_eq(RUN(NULL, "cert")->status, 2, "over ssh only");
	cr_assert_eq(RUN(NULL, "--version")->status, 0);
}

Test(cli, every_verb_has_help)
{
	const struct verb *v;
	size_t i, n;

	for (v = verb_table(&n), i = 0; i < n; i++) {
		struct run *r;

		cr_assert_not_null(cli_verb_of(v[i].id), "%s has no function", v[i].name);
		if ((v[i].transports & VERB_LOCAL) == 0)
			continue;
		r = RUN(NULL, v[i].name, "--help");
		cr_assert_eq(r->status, 0, "%s", v[i].name);
		cr_assert_not_null(strstr(r->out, v[i].summary), "%s", v[i].name);
		r = RUN(NULL, "help", v[i].name);
		cr_assert_eq(r->status, 0, "%s", v[i].name);
	}
}

static void no_server(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	(void)verb;
	(void)args;
	send_end(sock, call, 1, "nothing should have been asked", "");
}

/* Over ssh nothing that the caller writes may name a file, a socket or a configuration of the
 * gateway. */
Test(cli, nothing_local_over_ssh)
{
	static const char *const cases[][8] = {{"--exec", "sessions", "--socket", "/tmp/x"},
	    {"--exec", "sessions", "--socket=/tmp/x"},
	    {"--exec", "sessions", "--config", "/etc/shadow"},
	    {"--exec", "--config", "/etc/shadow", "sessions"},
	    {"--exec", "replay", "--dir", "/var/lib"}, {"--exec", "verify", "--key", "/etc/shadow"},
	    {"--exec", "verify", "--all"}, {"--exec", "policy", "explain"}, {"--exec", "status"},
	    {"--exec", "reload"}, {"--exec", "revoke", "user", "x"}, {"--exec", "--exec", "status"},
	    {"sessions", "--exec"}};
	size_t i;

	for (i = 0; i < N(cases); i++) {
		struct run *r = run(no_server, cases[i]);

		cr_assert_eq(
		    r->status, 2, "%s %s: %d %s", cases[i][1], cases[i][2], r->status, r->err);
		cr_assert_eq(r->n_asked, 0, "%s %s", cases[i][1], cases[i][2]);
	}
}

Test(cli, an_unreachable_gateway_is_status_7)
{
	struct run *r = RUN(NULL, "--socket", "/nonexistent/control.sock", "sessions");

	cr_assert_eq(r->status, 7);
	cr_assert_str_eq(r->err,
	    "sallyport: sessions: cannot reach the gateway at /nonexistent/control.sock: "
	    "No such file or directory\nhint: is sallyportd running? another socket: --socket "
	    "PATH\n");
	cr_assert_eq(RUN(NULL, "--exec", "sessions")->status, 7, "no channel on descriptor 3");
}

static void hang_up(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	(void)call;
	(void)verb;
	(void)args;
	(void)shutdown(sock, SHUT_RDWR);
}

Test(cli, a_gateway_that_goes_away_is_status_7)
{
	struct run *r = RUN(hang_up, "--exec", "sessions");

	cr_assert_eq(r->status, 7);
	cr_assert_str_eq(r->err, "sallyport: sessions: the gateway closed the connection\n");
}

/* --- requests --- */

static void two_requests(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	char soon[32], created[32];

	(void)verb;
	(void)args;
	(void)snprintf(soon, sizeof(soon), "%lld", (long long)clock_wall_us() + 31000000);
	(void)snprintf(created, sizeof(created), "%lld", (long long)1795190583000000);
	send_item(sock, call,
	    (const struct rec_pair[]){{"id", "7f3a9c0000"}, {"state", "pending"},
		{"who", "alice@example.com"}, {"target", "orders-prod"}, {"class", "bulk"},
		{"statement", "delete from customers"}, {"#waiting_s", "22"}, {"rows", "?"},
		{"tx", ""}, {"#deadline_us", "0"}, {"#created_us", created}},
	    11);
	send_item(sock, call,
	    (const struct rec_pair[]){{"id", "c01d550000"}, {"state", "pending"},
		{"who", "agent:etl for carol"}, {"target", "orders-prod"}, {"class", "bulk"},
		{"statement", "update \x1b[2J"}, {"#waiting_s", "3"}, {"rows", "~1200"},
		{"tx", "in transaction"}, {"#deadline_us", soon}},
	    10);
	send_end(sock, call, 0, "", "");
}

Test(cli, requests)
{
	struct run *r = RUN(two_requests, "--exec", "requests");

	cr_assert_eq(r->status, 0);
	cr_assert_str_eq(r->asked[0], "requests");
	cr_assert_str_eq(r->out, " id         | waiting | who                 | target      | "
				 "class | statement             | rows  | deadline\n"
				 "------------+---------+---------------------+-------------+------"
				 "-+-----------------------+-------+----------"
				 "------------------\n"
				 " 7f3a9c0000 | 0:22    | alice@example.com   | orders-prod | bulk "
				 " | delete from customers |     ? | -\n"
				 " c01d550000 | 0:03    | agent:etl for carol | orders-prod | bulk "
				 " | update \\x1b[2J        | ~1200 | 30 s left "
				 "(in transaction)\n");
	cr_assert_str_eq(RUN(two_requests, "--exec", "requests", "--mine", "--all")->asked[0],
	    "requests mine=1 all=1");
	r = RUN(two_requests, "--exec", "requests", "--json");
	cr_assert_eq(
	    strncmp(r->out,
		"{\"schema\":\"sallyport/requests/1\",\"items\":[{\"id\":\"7f3a9c0000\"", 60),
	    0, "%s", r->out);
	cr_assert_not_null(strstr(r->out, "\"created\":\"2026-11-20T16:03:03.000Z\""));
	cr_assert_not_null(strstr(r->out, "\"statement\":\"update \\u001B[2J\""));
}

static void nothing(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	(void)verb;
	(void)args;
	send_end(sock, call, 0, "", "");
}

Test(cli, an_empty_list_says_so_in_words)
{
	struct run *r = RUN(nothing, "--exec", "requests");

	cr_assert_eq(r->status, 0);
	cr_assert_str_eq(r->out, "");
	cr_assert_str_eq(r->err, "no statement is held\n");
	r = RUN(nothing, "--exec", "requests", "--json");
	cr_assert_str_eq(r->out, "{\"schema\":\"sallyport/requests/1\",\"items\":[]}\n");
}

static void decide(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	char id[40], text[200];

	(void)verb;
	(void)ctlc_text(args, "id", id, sizeof(id));
	if (id[0] == 'c') {
		send_end(sock, call, 4,
		    "you cannot approve c01d55: the agent acts for you (carol@example.com)", "");
		return;
	}
	(void)snprintf(text, sizeof(text),
	    "approved %s: alice may run this one statement on orders-prod now", id);
	send_item(sock, call, (const struct rec_pair[]){{"id", id}, {"state", "approved"}}, 2);
	send_end(sock, call, 0, text, "");
}

Test(cli, decisions)
{
	struct run *r = RUN(decide, "--exec", "approve", "c01d55", "7f3a9c", "-m", "ticket 812");

	cr_assert_eq(r->status, 4, "the refused one gives the status");
	cr_assert_eq(r->n_asked, 2, "and does not stop the other");
	cr_assert_str_eq(r->asked[0], "approve id=c01d55 why=ticket 812");
	cr_assert_str_eq(r->asked[1], "approve id=7f3a9c why=ticket 812");
	cr_assert_str_eq(
	    r->out, "approved 7f3a9c: alice may run this one statement on orders-prod now\n");
	cr_assert_str_eq(r->err,
	    "sallyport: you cannot approve c01d55: the agent acts for you (carol@example.com)\n");
	r = RUN(decide, "--exec", "approve", "7f3a9c", "--json");
	cr_assert_str_eq(r->out, "{\"schema\":\"sallyport/approve/"
				 "1\",\"items\":[{\"id\":\"7f3a9c\",\"state\":\"approved\"}]}\n");
	r = RUN(decide, "--exec", "deny", "7f3a9c");
	cr_assert_eq(r->status, 2, "a denial needs a reason");
	cr_assert_eq(r->n_asked, 0);
}

static void show(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	(void)verb;
	(void)args;
	send_item(sock, call,
	    (const struct rec_pair[]){{"id", "7f3a9c0000"}, {"state", "pending"}, {"who", "alice"},
		{"person", "alice"}, {"target", "orders-prod"}, {"database", "orders"},
		{"login", "app_ro"}, {"class", "bulk"}, {"rule", "base:env=prod/bulk"},
		{"reason", "no proven bound"}, {"#approvals", "0"}, {"#quorum", "1"},
		{"approvers", "dba"}, {"?waiting", "y"}, {"sql", "delete from t\nwhere "},
		{"params", "$1 = 'x'\n"}, {"session", "01JD"}, {"meaning", "role=x"}},
	    18);
	send_item(sock, call,
	    (const struct rec_pair[]){{"id", "7f3a9c0000"}, {"sql_part", "a = $1 -- \xe2\x80\xae"}},
	    2);
	send_end(sock, call, 0, "", "");
}

Test(cli, show_has_the_exact_text)
{
	struct run *r = RUN(show, "--exec", "show", "7f3a");

	cr_assert_eq(r->status, 0);
	cr_assert_not_null(strstr(r->out, "rule        base:env=prod/bulk\n"));
	cr_assert_not_null(strstr(r->out, "approval    0 of 1 from dba\n"));
	cr_assert_not_null(
	    strstr(r->out, "statement   33 bytes\n    delete from t\n    where a = $1 -- "), "%s",
	    r->out);
	cr_assert_null(strstr(r->out, "\xe2\x80\xae"), "nothing turns the text around");
	cr_assert_not_null(strstr(r->out, "parameters\n    $1 = 'x'\n"));
	r = RUN(show, "--exec", "show", "7f3a", "--json");
	cr_assert_not_null(
	    strstr(r->out, "\"sql\":\"delete from t\\nwhere a = $1 -- \\u202E\""), "%s", r->out);
}

static int watch_round;
static const char *watch_outcome;

/* pending, then decided. */
static void watched(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	const char *now = watch_round == 0 ? "pending" : watch_outcome;

	(void)verb;
	(void)args;
	watch_round++;
	send_item(sock, call,
	    (const struct rec_pair[]){{"id", "7f3a9c0000"}, {"state", now}, {"who", "alice"},
		{"target", "t"}, {"class", "bulk"}, {"statement", "delete"}},
	    6);
	send_item(sock, call,
	    (const struct rec_pair[]){{"id", "old0000000"}, {"state", "denied"}, {"who", "alice"},
		{"target", "t"}, {"class", "bulk"}, {"statement", "drop"}},
	    6);
	send_end(sock, call, 0, "", "");
}

Test(cli, watching_own_requests_ends_with_the_last, .timeout = 30)
{
	struct run *r;

	watch_outcome = "approved";
	r = RUN(watched, "--exec", "requests", "--mine", "--watch");
	cr_assert_eq(r->status, 0);
	cr_assert_eq(r->n_asked, 2, "what is approved may be run: there is nothing to wait for");
	cr_assert_str_eq(r->asked[0], "requests all=1 mine=1 limit=500");
	cr_assert_not_null(strstr(r->out, "7f3a9c0000 pending"));
	cr_assert_not_null(strstr(r->out, "7f3a9c0000 approved"));
	cr_assert_null(strstr(r->out, "old0000000"), "what was decided before is no news");
	watch_round = 0;
	watch_outcome = "denied";
	r = RUN(watched, "--exec", "requests", "--mine", "--watch");
	cr_assert_eq(r->status, 4, "a script can tell a no from a yes");
}

/* --- sessions, who, certificates --- */

static void sessions(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	(void)verb;
	(void)args;
	send_item(sock, call,
	    (const struct rec_pair[]){{"id", "01JD8M00000000000000000001"},
		{"#start_us", "1795190583000000"}, {"user", "alice"}, {"target", "t"},
		{"?live", "y"}, {"#statements", "3"}},
	    6);
	send_item(sock, call,
	    (const struct rec_pair[]){{"id", "01JD8M00000A00000000000001"},
		{"#start_us", "1795190583000000"}, {"user", "bob"}, {"target", "t"}, {"?live", "n"},
		{"end_reason", "closed"}},
	    6);
	send_end(sock, call, 0, "", "");
}

Test(cli, sessions)
{
	struct run *r = RUN(sessions, "--exec", "sessions", "--user", "alice", "--live");

	cr_assert_eq(r->status, 0);
	cr_assert_str_eq(r->asked[0], "sessions live=1 user=alice");
	cr_assert_not_null(
	    strstr(r->out, "\n 01JD8M000000 | "), "long enough to differ: %s", r->out);
	cr_assert_not_null(strstr(r->out, "\n 01JD8M00000A | "));
	cr_assert_not_null(strstr(r->out, " | live\n"));
	cr_assert_not_null(strstr(r->out, " | closed\n"));
	cr_assert_eq(RUN(sessions, "--exec", "sessions", "--since", "yesterday")->status, 2);
	cr_assert_eq(strncmp(RUN(sessions, "--exec", "sessions", "--since", "7d")->asked[0],
			 "sessions since_us=", 18),
	    0);
}

static void who(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	char soon[32];

	(void)args;
	(void)snprintf(soon, sizeof(soon), "%lld", (long long)clock_wall_s() + 8 * 3600);
	if (strcmp(verb, "whoami") == 0)
		send_item(sock, call,
		    (const struct rec_pair[]){{"user", "alice@example.com"},
			{"groups", "dev,oncall"}, {"via", "certificate"}, {"#expires_s", soon},
			{"gateway", "bastion.example.com"}, {"#port", "2222"}, {"kind", "person"}},
		    7);
	else if (strcmp(verb, "targets") == 0)
		send_item(sock, call,
		    (const struct rec_pair[]){{"name", "orders-prod"}, {"type", "postgres"},
			{"#port", "5432"}, {"databases", "orders,invoices"},
			{"default_database", "orders"}, {"default_login", "app_ro"},
			{"masked", "full"}},
		    7);
	else
		send_item(sock, call,
		    (const struct rec_pair[]){
			{"certificate", "ssh-ed25519-cert-v01@openssh.com AAAA x"},
			{"#serial", "1041"}, {"#expires_s", soon},
			{"principals", "alice@example.com"}},
		    4);
	send_end(sock, call, 0, "", "");
}

Test(cli, welcome_tells_what_to_type_next)
{
	struct run *r = RUN(who, "--exec", "welcome");

	cr_assert_eq(r->status, 0);
	cr_assert_eq(
	    strncmp(r->out,
		"alice@example.com \xc2\xb7 groups dev, oncall \xc2\xb7 certificate until ", 59),
	    0, "%s", r->out);
	cr_assert_not_null(
	    strstr(r->out,
		" (8 h)\n\ntargets   orders-prod   postgres  orders, invoices   login app_ro"),
	    "%s", r->out);
	cr_assert_not_null(
	    strstr(r->out, "next      ssh -p 2222 alice@example.com@bastion.example.com config >> ~/.ssh/config\n"), "%s", r->out);
	cr_assert_not_null(
	    strstr(r->out, "          ssh -t bastion.example.com sql orders-prod\n"));
}

Test(cli, cert_is_alone_on_stdout)
{
	struct run *r = RUN(who, "--exec", "cert");

	cr_assert_eq(r->status, 0);
	cr_assert_str_eq(r->out, "ssh-ed25519-cert-v01@openssh.com AAAA x\n");
	cr_assert_not_null(strstr(r->err, "certificate 1041 for alice@example.com until "));
}

/* --- replay and verify --- */

Test(cli, replay_and_verify_of_nothing)
{
	struct run *r = RUN(NULL, "replay", "--dir", "/nonexistent", "01JD");

	cr_assert_eq(r->status, 1);
	r = RUN(NULL, "verify", "--dir", "/nonexistent");
	cr_assert_eq(r->status, 1);
	cr_assert_eq(strncmp(r->err, "sallyport: verify: ", 19), 0, "%s", r->err);
	cr_assert_eq(RUN(NULL, "verify", "--all", "01JD")->status, 2);
	cr_assert_eq(RUN(NULL, "verify", "--key", "/nonexistent")->status, 1);
	cr_assert_eq(RUN(NULL, "replay", "-s", "0", "--dir", "/x")->status, 2);
}

static void odd_file(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	int fd = memfd_create("odd", 0);
	struct buf b;

	(void)verb;
	(void)args;
	buf_init(&b, IPC_MAX);
	ipc_begin(&b, IPC_CTL_FD, call);
	ipc_str(&b, "name", "../etc/passwd");
	cr_assert_eq(ipc_send(sock, &b, &fd, 1), 0);
	buf_clear(&b);
	(void)close(fd);
	send_end(sock, call, 0, "", "");
}

Test(cli, replay_takes_only_files_of_a_recording)
{
	cr_assert_eq(RUN(odd_file, "--exec", "replay", "01JD8M")->status, 1);
}

static void no_session(int sock, uint32_t call, const char *verb, const struct mp_val *args)
{
	(void)verb;
	(void)args;
	send_end(sock, call, 3, "no session \"01JD8M\"", "list them: sessions");
}

Test(cli, what_the_gateway_says_is_passed_on)
{
	struct run *r = RUN(no_session, "--exec", "replay", "01JD8M");

	cr_assert_eq(r->status, 3);
	cr_assert_str_eq(r->err, "sallyport: no session \"01JD8M\"\nhint: list them: sessions\n");
}

/* --- what is shipped --- */

static void is_in(const char *file, void (*put)(FILE *out), const char *fix)
{
	char path[400], *text = NULL;
	struct buf page;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	put(f);
	(void)fclose(f);
	buf_init(&page, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/%s", SP_SRCDIR, file);
	cr_assert_eq(file_read(path, &page), 0);
	cr_assert_not_null(
	    strstr(buf_cstr(&page), text), "%s is behind the verb table: %s", file, fix);
	buf_clear(&page);
	free(text);
}

Test(cli, completion_and_manual_follow_the_table)
{
	is_in("share/completion/sallyport", cli_put_completion,
	    "tests/unit/cmd/doc completion > share/completion/sallyport");
	is_in("man/sallyport.1", cli_put_manual,
	    "paste the output of tests/unit/cmd/doc manual between its markers");
}
