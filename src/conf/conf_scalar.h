/* SPDX-License-Identifier: Apache-2.0
 *
 * The typed words of the configuration: durations, sizes, addresses, networks, keys, names. Pure;
 * each returns 0 or an error and, where given, a constant text that says what is wrong ("is not
 * ...").
 */
#ifndef SP_CONF_CONF_SCALAR_H
#define SP_CONF_CONF_SCALAR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* "8h", "15m", "30s", "250ms", "1h30m", "2d", "0"; at most ten years. E_FORMAT or E_TOOBIG. */
int conf_duration_ms(const char *s, int64_t *ms) MUST_CHECK;
void conf_duration_put(struct buf *out, int64_t ms);
/* "64MiB", "1GiB", "512KiB", "4096"; E_FORMAT or E_TOOBIG. */
int conf_size(const char *s, int64_t *bytes) MUST_CHECK;
void conf_size_put(struct buf *out, int64_t bytes);
/* Decimal without sign, leading zeros or blanks. */
int conf_integer(const char *s, int64_t *out) MUST_CHECK;

/* "host:port", "[v6]:port", "host"; port 0 = not given. literal: the host must be an IP address.
 * host gets the text without brackets. */
int conf_address(const char *s, bool literal, char *host, size_t cap, int *port) MUST_CHECK;
/* "10.0.0.0/8", "10.0.3.7", "2001:db8::/32". E_FORMAT; E_STATE when bits are set behind the prefix.
 */
int conf_network(const char *s) MUST_CHECK;
/* An OpenSSH public key line, "TYPE BASE64 [COMMENT]". blob (may be NULL) gets the key. what: the
 * reason. */
int conf_public_key(const char *s, struct buf *blob, const char **what) MUST_CHECK;

/* Kinds of names; NULL when fine, else what is wrong. */
const char *conf_name_target(const char *s);    /* [a-z0-9.-]+ */
const char *conf_name_plain(const char *s);     /* letters, digits and -_.@:/+ */
const char *conf_name_principal(const char *s); /* printable, no comma, blank, * or quotes */
const char *conf_name_free(const char *s);      /* any text of at most 255 bytes */
/* User names that the gateway itself gives a meaning: "agent:..." and "enroll". */
const char *conf_name_reserved(const char *s);
/* Also those under which the gateway's own doings are logged: no identity provider gives them. */
const char *conf_name_taken(const char *s);
/* "name", "*suffix" or "prefix*"; the star stands for at least one byte. */
bool conf_name_matches(const char *pattern, const char *name);

/* Numeric addresses and URLs of this machine itself. */
bool conf_host_is_v4_loopback(const char *host, size_t n);
bool conf_url_is_loopback(const char *url);

#endif
