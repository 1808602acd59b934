/* SPDX-License-Identifier: Apache-2.0
 *
 * The process: start, requests of the monitor.
 */
#include "server/fetcher.h"

#include "base/loop.h"
#include "base/mem.h"
#include "server/chan.h"
#include "server/helper_exec.h"

struct fetcher {
	struct loop *loop;
	struct chan *monitor;
	struct buf out;
};

static void on_message(void *ctx, const struct ipc_msg *m, size_t len, int err, int *fds, size_t nfds)
{
	struct fetcher *f = ctx;

	(void)len;
	(void)err;
	(void)fds;
	(void)nfds;
	if (m == NULL) {
		loop_stop(f->loop, 0);
		return;
	}
	ipc_begin(&f->out, IPC_FAIL, ipc_id(m));
	ipc_int(&f->out, "code", E_UNKNOWN);
	ipc_str(&f->out, "text", "the fetcher does not know this request");
	ipc_str(&f->out, "hint", "");
	chan_send(f->monitor, &f->out, NULL, 0);
}

int fetcher_main(int argc, char **argv)
{
	struct fetcher f = {0};
	struct helper_opts o;

	if (helper_begin(argc, argv, "fetcher", &o) != 0)
		return 2;
	f.loop = loop_new();
	buf_init(&f.out, IPC_MAX + 1024);
	f.monitor = f.loop != NULL ? chan_new(f.loop, HELPER_FD_SOCK, 4u * 1024 * 1024, on_message, &f) : NULL;
	return f.monitor != NULL ? loop_run(f.loop) : 1;
}
