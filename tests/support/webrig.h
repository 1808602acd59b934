/* SPDX-License-Identifier: Apache-2.0
 *
 * A web process in its sandbox, a monitor for it that knows one login, and an HTTP client that reads all. Everything in one
 * thread: web_ask() answers the monitor's questions while it waits for the page.
 */
#ifndef SP_TESTS_WEBRIG_H
#define SP_TESTS_WEBRIG_H

#include <sys/types.h>

#include "base/buf.h"
#include "wire/ipc.h"

#define RIG_CODE "WDJB-MJHT"
#define RIG_COOKIE_CAP 80

struct webrig {
	pid_t pid;
	int sock, port;
	bool tls;
	/* the login */
	const char *state;  /* for LOOK */
	const char *user, *asked, *gateway, *url;
	char token[128];    /* state of the last BEGIN */
	int tries;
	bool silent;        /* asks are not answered */
	/* what the web process asked last */
	int asks, last;
	char code[64], addr[64], answer[512], error[128], digits[64], iss[128];
	struct buf in, out;
};

struct webpage {
	int status;
	struct buf all;
	const char *head, *body; /* of all */
	char cookie[RIG_COOKIE_CAP]; /* "__Host-sallyport=..." of Set-Cookie, or "" */
};

void webrig_up(struct webrig *r, bool tls);
/* The exit status. */
int webrig_down(struct webrig *r);

/* A connected socket from this local address (NULL: any). */
int web_connect(const struct webrig *r, const char *from);
/* Send these bytes, read to the end. False: nothing came within 5 seconds. */
bool web_raw(struct webrig *r, const char *from, struct span bytes, struct webpage *p);
bool web_get(struct webrig *r, const char *path, const char *cookie, struct webpage *p);
bool web_post(struct webrig *r, const char *path, const char *cookie, const char *form, struct webpage *p);
void webpage_clear(struct webpage *p);
/* A header's value into out, "" when absent. */
void web_header(const struct webpage *p, const char *name, char *out, size_t cap);
/* The value of <input name="NAME" value="..."> behind the n-th action="ACTION". */
bool web_input(const struct webpage *p, const char *action, const char *name, char *out, size_t cap);

#endif
