/* SPDX-License-Identifier: Apache-2.0
 *
 * What one recorded statement costs: the pgbench -S statement with its result, CPU time with and
 * without write(2), and reading, sealing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "record/reader.h"
#include "record/recdir.h"
#include "record/recorder.h"
#include "record/seal.h"

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int64_t one(struct recorder *r)
{
	struct rec_param p = {.value = span_str("7345112")};
	struct rec_statement s = {.proto = "execute",
	    .sql = span_str("SELECT abalance FROM pgbench_accounts WHERE aid = $1;"),
	    .name = "P0_1",
	    .n_params = 1,
	    .params = &p,
	    .cls = "read",
	    .verdict = "allow",
	    .rule = "base:env=prod/read",
	    .epoch = 14,
	    .forwarded = true};
	struct rec_result x = {
	    .tag = "SELECT 1", .rows = 1, .bytes = 38, .duration_us = 211, .masked = ""};
	int64_t seq = recorder_add_statement(r, &s, NULL);

	x.stmt_seq = (uint64_t)seq;
	return seq < 0 ? seq : recorder_add_result(r, &x);
}

/* n statements committed every per statements; CPU per statement. */
static double run(int fd, int n, int per)
{
	uint8_t prev[32] = {0};
	struct recorder *r = recorder_new(fd, prev, 1);
	double t = cpu_us();

	for (int i = 0; i < n; i++)
		if (one(r) < 0 || (i % per == 0 && recorder_commit(r, false) != 0))
			exit(1);
	t = cpu_us() - t;
	recorder_free(r);
	return t / n;
}

static void read_all(const char *path, const char *what)
{
	struct reader *r;
	const struct rec_frame *f;
	struct reader_pos p;
	struct why w;
	uint64_t n = 0;
	double t = cpu_us();

	if (reader_open(path, 0, &r, &w) != 0)
		exit(1);
	while (reader_next(r, &f, &w) == 1)
		n++;
	reader_position(r, &p);
	t = cpu_us() - t;
	printf("read %s: %llu records, %llu bytes, %.2f us CPU per record, %.0f MB/s\n", what,
	    (unsigned long long)n, (unsigned long long)p.bytes, t / (double)n, (double)p.bytes / t);
	reader_free(r);
}

int main(void)
{
	char root[] = "/tmp/sprecbenchXXXXXX";
	char path[128];
	struct rec_meta m = {.counter = 1, .user = "bench"};
	struct seal_params sp = {.segment = 1, .raw_fd = -1};
	struct seal_result sr;
	struct recorder *r;
	struct why w;
	uint8_t hash[32];
	int dirfd;
	int root_fd;
	int fd;
	double t;

	(void)run(open("/dev/null", O_WRONLY), 100000, 1000);
	printf("statement + result, no write(2): %.2f us CPU\n",
	    run(open("/dev/null", O_WRONLY), 400000, 1000));
	printf("statement + result, write(2) to /dev/null each: %.2f us CPU\n",
	    run(open("/dev/null", O_WRONLY), 400000, 1));
	if (mkdtemp(root) == NULL)
		return 1;
	root_fd = open(root, O_RDONLY | O_DIRECTORY);
	recdir_new_sid(1795000000000000ll, m.sid);
	if (recdir_create(root_fd, &m, &dirfd, hash) != 0 ||
	    recdir_segment_create(dirfd, 1, &fd) != 0)
		return 1;
	r = recorder_new(fd, hash, 1);
	t = cpu_us();
	for (int i = 0; i < 150000; i++)
		if (one(r) < 0 || recorder_commit(r, false) != 0)
			return 1;
	printf(
	    "statement + result, write(2) to a file each: %.2f us CPU\n", (cpu_us() - t) / 150000);
	recorder_free(r);
	snprintf(path, sizeof(path), "%s/%s", root, m.sid);
	read_all(path, "raw");
	sp.dirfd = dirfd;
	sp.prev = hash;
	t = cpu_us();
	if (seal_segment(&sp, &sr, &w) != 0)
		return 1;
	t = cpu_us() - t;
	printf("seal: %llu -> %llu bytes, %.0f MB/s CPU\n", (unsigned long long)sr.raw_bytes,
	    (unsigned long long)sr.bytes, (double)sr.raw_bytes / t);
	read_all(path, "sealed");
	return recdir_remove(root_fd, m.sid) != 0 || rmdir(root) != 0;
}
