/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of logins at identity providers: mon_login.c (their life), mon_idp.c (what the fetcher is
 * told and says), mon_weblogin.c (what the person's browser does). Nobody else includes this.
 */
#ifndef SP_SERVER_LOGIN_H
#define SP_SERVER_LOGIN_H

#include "server/mon.h"

/* One function changes the state: login_go(). */
enum login_state {
	LOGIN_ASKED,   /* the fetcher was asked to begin; LOGIN_START is not answered */
	LOGIN_WAIT,    /* the person sees where to go */
	LOGIN_BEGUN,   /* browser: sent to the provider */
	LOGIN_CODE,    /* browser: came back, the fetcher exchanges the code */
	LOGIN_KNOWN,   /* browser: the provider said who it is; the terminal's digits are missing */
	LOGIN_ISSUING, /* the certificate is being made */
	LOGIN_OVER,
	LOGIN_STATE_N
};

#define LOGIN_TRIES 3

struct login {
	struct login *next;
	struct monitor *m;
	struct peer *peer;
	enum login_state state;
	bool browser;
	char id[20];    /* the fetcher's name for it */
	char block[64]; /* identity block */
	uint32_t call;  /* LOGIN_START, 0 = answered */
	char code[12];  /* of the page's address: "WDJB-MJHT" */
	char digits[8]; /* shown in the terminal only */
	int tries;
	char token[256];       /* browser: the state that went to the provider */
	uint32_t web_call;     /* CALLBACK or CONFIRM to be answered, 0 = none */
	int64_t until_us;      /* monotonic */
	int64_t wait_ms;
	char iss[600], sub[300], user[NAME_CAP]; /* what the provider said */
	struct conf_list groups;
	struct issuing *issuing;
};

/* mon_login.c */
void login_go(struct login *l, enum login_state to);
/* The end without success: the person at ssh and the browser are told, the log has it, l is freed. */
void login_fail(struct login *l, const struct why *w);
void login_failf(struct login *l, int code, const char *text, const char *hint);
/* Answer LOGIN_START: what to show. */
void login_shown(struct login *l, const char *banner, const char *instruction);
/* What the provider said (iss, sub, user, groups are set): may this name come in at all? */
int login_acceptable(struct login *l, struct why *w) MUST_CHECK;
/* The person is proven: account, certificate, success. */
void login_complete(struct login *l);
/* "Key SHA256:..., from 203.0.113.9, to gateway lab. Waiting (5:00)..." */
void login_origin(const struct login *l, char *out, size_t cap);
struct login *login_by_id(struct monitor *m, const char *id);
struct login *login_by_code(struct monitor *m, const char *code);
const struct conf_identity *login_block(const struct login *l); /* NULL: gone from the configuration */

/* mon_idp.c */
void idp_begin_device(struct login *l);
void idp_cancel(struct login *l);
void idp_exchange(struct login *l, const char *code);
/* The URL of the provider's page goes to the web call. */
void idp_begin_browser(struct login *l, uint32_t web_call);

/* mon_weblogin.c */
void web_show(struct login *l); /* code, digits, LOGIN_START's answer */
void web_fail(struct monitor *m, uint32_t call, const struct why *w);
/* Answer of CALLBACK (user known) and CONFIRM (done); nothing when no call waits. */
void web_known(struct login *l);
void web_done(struct login *l);

#endif
