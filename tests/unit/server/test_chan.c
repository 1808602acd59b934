/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel whose other side goes: its last words come before the end, whatever we were about to tell it.
 */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "server/chan.h"

static struct loop *loop;
static struct chan *ch;
static int far;
static char heard[64];
static int ended;

static void on_message(void *ctx, const struct ipc_msg *m, size_t len, int err, int *fds, size_t nfds)
{
	char text[8];

	(void)ctx;
	(void)len;
	(void)fds;
	(void)nfds;
	if (m == NULL) {
		ended = err;
		loop_stop(loop, 0);
		return;
	}
	ipc_take_str(m, "text", text, sizeof(text));
	strcat(heard, text);
}

static void setup(void)
{
	int sv[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	loop = loop_new();
	heard[0] = '\0';
	ended = 0;
	far = sv[1];
	ch = chan_new(loop, sv[0], 1 << 20, on_message, NULL);
	cr_assert(ch != NULL);
}

static void teardown(void)
{
	chan_free(ch);
	loop_free(loop);
}

TestSuite(chan, .init = setup, .fini = teardown, .timeout = 20);

static struct buf *message(const char *text)
{
	static struct buf b;

	if (b.max == 0)
		buf_init(&b, IPC_MAX);
	ipc_begin(&b, IPC_OK, 1);
	ipc_str(&b, "text", text);
	return &b;
}

static void far_says(const char *text)
{
	cr_assert_eq(ipc_send(far, message(text), NULL, 0), 0);
}

Test(chan, last_words_before_the_end)
{
	far_says("a");
	far_says("b");
	chan_send(ch, message("nobody reads this"), NULL, 0);
	close(far);
	chan_send(ch, message("nor this"), NULL, 0);
	chan_send(ch, message("nor that"), NULL, 0);
	(void)loop_run(loop);
	cr_expect_str_eq(heard, "ab");
	cr_expect_eq(ended, E_CLOSED);
}

Test(chan, also_when_much_was_waiting_for_it)
{
	static char big[30000];

	memset(big, 'x', sizeof(big) - 1);
	for (int i = 0; i < 30; i++)
		chan_send(ch, message(big), NULL, 0);
	far_says("a");
	close(far);
	(void)loop_run(loop);
	cr_expect_str_eq(heard, "a");
	cr_expect_eq(ended, E_CLOSED);
}

/* What we cannot send for a reason of ours ends it as before. */
Test(chan, a_full_queue_is_an_error)
{
	static char big[60000];

	memset(big, 'x', sizeof(big) - 1);
	for (int i = 0; i < 60; i++)
		chan_send(ch, message(big), NULL, 0);
	(void)loop_run(loop);
	cr_expect_eq(ended, E_LIMIT);
	close(far);
}
