/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed words. Numbers are read digit by digit with an explicit bound: no strtol, no locale.
 */
#include "conf/conf_scalar.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/cur.h"
#include "base/mem.h"

#define TEN_YEARS_MS (3653LL * 86400 * 1000)
#define SIZE_LIMIT   (1LL << 50)

struct unit {
	const char *name;
	int64_t factor;
};

/* Larger first: used in this order when writing. */
static const struct unit time_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit size_units[] = {
    {"TiB", 1LL << 40}, {"GiB", 1LL << 30}, {"MiB", 1LL << 20}, {"KiB", 1LL << 10}};

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* Digits at *s; moves past them. */
static int take_number(const char **s, int64_t *out)
{
	int64_t v = 0;
	const char *p = *s;

	if (*p < '0' || *p > '9')
		return E_FORMAT;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (v > (INT64_MAX - 9) / 10)
			return E_TOOBIG;
		v = v * 10 + (*p - '0');
	}
	*s = p;
	*out = v;
	return 0;
}

static const struct unit *take_unit(const struct unit *u, size_t n, const char **s)
{
	const struct unit *best = NULL;
	size_t i, len, best_len = 0;

	for (i = 0; i < n; i++) {
		len = strlen(u[i].name);
		if (strncmp(*s, u[i].name, len) == 0 && len > best_len) {
			best = &u[i];
			best_len = len;
		}
	}
	*s += best_len;
	return best;
}

int conf_duration_ms(const char *s, int64_t *ms)
{
	int64_t total = 0, v, last = INT64_MAX;
	const struct unit *u;
	int rc;

	if (strcmp(s, "0") == 0) {
		*ms = 0;
		return 0;
	}
	do {
		rc = take_number(&s, &v);
		if (rc != 0)
			return rc;
		u = take_unit(time_units, N(time_units), &s);
		if (u == NULL || u->factor >= last)
			return E_FORMAT;
		last = u->factor;
		if (v > (TEN_YEARS_MS - total) / u->factor)
			return E_TOOBIG;
		total += v * u->factor;
	} while (*s != '\0');
	*ms = total;
	return 0;
}

void conf_duration_put(struct buf *out, int64_t ms)
{
	size_t i;

	if (ms == 0)
		buf_put_str(out, "0");
	for (i = 0; i < N(time_units); i++) {
		if (ms / time_units[i].factor > 0)
			buf_printf(out, "%lld%s", (long long)(ms / time_units[i].factor),
			    time_units[i].name);
		ms %= time_units[i].factor;
	}
}

int conf_size(const char *s, int64_t *bytes)
{
	const struct unit *u;
	int64_t v, factor = 1;
	int rc = take_number(&s, &v);

	if (rc != 0)
		return rc;
	if (*s != '\0') {
		u = take_unit(size_units, N(size_units), &s);
		if (u == NULL || *s != '\0')
			return E_FORMAT;
		factor = u->factor;
	}
	if (v > SIZE_LIMIT / factor)
		return E_TOOBIG;
	*bytes = v * factor;
	return 0;
}

void conf_size_put(struct buf *out, int64_t bytes)
{
	size_t i;

	for (i = 0; i < N(size_units); i++) {
		if (bytes > 0 && bytes % size_units[i].factor == 0) {
			buf_printf(out, "%lld%s", (long long)(bytes / size_units[i].factor),
			    size_units[i].name);
			return;
		}
	}
	buf_printf(out, "%lld", (long long)bytes);
}

int conf_integer(const char *s, int64_t *out)
{
	bool zero_first = s[0] == '0' && s[1] != '\0';
	int rc = take_number(&s, out);

	if (rc != 0)
		return rc;
	return *s != '\0' || zero_first ? E_FORMAT : 0;
}

/* --- addresses --- */

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_';
}

static bool is_host_name(const char *s)
{
	size_t n = strlen(s), i;

	for (i = 0; i < n; i++)
		if (!is_host_char(s[i]) || (s[i] == '.' && (i == 0 || s[i - 1] == '.')))
			return false;
	return n > 0 && n <= 253 && s[0] != '-';
}

static bool is_literal(const char *s, bool *v6)
{
	uint8_t raw[16];

	*v6 = inet_pton(AF_INET6, s, raw) == 1;
	return *v6 || inet_pton(AF_INET, s, raw) == 1;
}

static int take_port(const char *s, int *port)
{
	int64_t v;

	*port = 0;
	if (*s == '\0')
		return 0;
	if (*s != ':' || conf_integer(s + 1, &v) != 0 || v < 1 || v > 65535)
		return E_FORMAT;
	*port = (int)v;
	return 0;
}

int conf_address(const char *s, bool literal, char *host, size_t cap, int *port)
{
	bool bracket = s[0] == '[', v6;
	const char *start = bracket ? s + 1 : s;
	const char *end = bracket ? strchr(start, ']') : strchr(start, ':');
	size_t n = end != NULL ? (size_t)(end - start) : strlen(start);

	if (bracket && end == NULL)
		return E_FORMAT;
	if (n == 0 || n >= cap)
		return E_FORMAT;
	memcpy(host, start, n);
	host[n] = '\0';
	if (is_literal(host, &v6) ? v6 != bracket : literal || bracket || !is_host_name(host))
		return E_FORMAT;
	return take_port(bracket ? end + 1 : start + n, port);
}

int conf_network(const char *s)
{
	const char *slash = strchr(s, '/');
	char addr[64];
	uint8_t raw[16];
	size_t n = slash != NULL ? (size_t)(slash - s) : strlen(s), bits, i;
	int64_t prefix;
	int family;

	if (n == 0 || n >= sizeof(addr))
		return E_FORMAT;
	memcpy(addr, s, n);
	addr[n] = '\0';
	family = strchr(addr, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(family, addr, raw) != 1)
		return E_FORMAT;
	bits = family == AF_INET6 ? 128 : 32;
	prefix = (int64_t)bits;
	if (slash != NULL && (conf_integer(slash + 1, &prefix) != 0 || prefix > (int64_t)bits))
		return E_FORMAT;
	for (i = (size_t)prefix; i < bits; i++)
		if ((raw[i / 8] >> (7 - i % 8)) & 1)
			return E_STATE;
	return 0;
}

/* --- public keys (RFC 4253 6.6, RFC 5656, RFC 8709, PROTOCOL.u2f) --- */

struct key_type {
	const char *name;
	int fields; /* strings behind the type name */
	bool rsa;
};

static const struct key_type key_types[] = {{"ssh-ed25519", 1, false},
    {"ecdsa-sha2-nistp256", 2, false}, {"ecdsa-sha2-nistp384", 2, false},
    {"ecdsa-sha2-nistp521", 2, false}, {"ssh-rsa", 2, true},
    {"sk-ssh-ed25519@openssh.com", 2, false}, {"sk-ecdsa-sha2-nistp256@openssh.com", 3, false}};

static struct span cur_string(struct cur *c)
{
	return cur_take(c, cur_u32be(c));
}

static size_t mpint_bits(struct span n)
{
	size_t bits;
	uint8_t b;

	while (n.n > 0 && n.p[0] == 0) {
		n.p++;
		n.n--;
	}
	if (n.n == 0)
		return 0;
	bits = (n.n - 1) * 8;
	for (b = n.p[0]; b != 0; b >>= 1)
		bits++;
	return bits;
}

static int check_blob(struct span blob, const struct key_type *t, const char **what)
{
	struct cur c = cur_of(blob);
	struct span last = {NULL, 0};
	int i;

	*what = "is cut or damaged";
	if (!span_is(cur_string(&c), t->name))
		return E_FORMAT;
	for (i = 0; i < t->fields; i++)
		last = cur_string(&c);
	if (cur_done(&c) != 0 || last.n == 0)
		return E_FORMAT;
	if (strcmp(t->name, "ssh-ed25519") == 0 && last.n != 32)
		return E_FORMAT;
	if (t->rsa && mpint_bits(last) < 2048) {
		*what = "is an RSA key of less than 2048 bits";
		return E_FORMAT;
	}
	return 0;
}

static const struct key_type *key_type_find(struct span name, const char **what)
{
	size_t i;

	for (i = 0; i < N(key_types); i++)
		if (span_is(name, key_types[i].name))
			return &key_types[i];
	*what = "is not an OpenSSH public key (TYPE BASE64 [COMMENT])";
	if (memmem(name.p, name.n, "-cert-v01@", 10) != NULL)
		*what = "is a certificate: give the plain key";
	else if (span_is(name, "ssh-dss"))
		*what = "is a DSA key, which is not secure";
	return NULL;
}

int conf_public_key(const char *s, struct buf *blob, const char **what)
{
	size_t n = strcspn(s, " "), m;
	const struct key_type *t = key_type_find(span_of(s, n), what);
	struct buf own;
	int rc;

	if (t == NULL || s[n] == '\0')
		return E_FORMAT;
	s += n + 1;
	m = strcspn(s, " ");
	*what = "is cut or damaged";
	buf_init(&own, 16384);
	rc = base64_decode(span_of(s, m), &own);
	if (rc == 0)
		rc = check_blob(buf_span(&own), t, what);
	if (rc == 0 && blob != NULL)
		buf_put_span(blob, buf_span(&own));
	buf_clear(&own);
	return rc != 0 ? E_FORMAT : 0;
}

/* --- names --- */

static const char *name_of(const char *s, size_t max, const char *chars, const char *what)
{
	size_t n = strlen(s);

	if (n == 0)
		return "must not be empty";
	if (n > max)
		return "is too long";
	return strspn(s, chars) == n ? NULL : what;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

const char *conf_name_target(const char *s)
{
	if (s[0] == '-' || s[0] == '.')
		return "must start with a letter or digit";
	return name_of(s, 63, LOWER DIGIT ".-", "may hold only a-z, 0-9, \".\" and \"-\"");
}

const char *conf_name_plain(const char *s)
{
	return name_of(
	    s, 63, LOWER UPPER DIGIT "-_.@:/+", "may hold only letters, digits and -_.@:/+");
}

const char *conf_name_principal(const char *s)
{
	size_t n = strlen(s);

	if (n == 0)
		return "must not be empty";
	if (n > 127)
		return "is too long";
	if (strpbrk(s, ", \t*?!\"'\\`=") != NULL || s[0] == '-')
		return "may not hold blanks, commas, quotes, \"=\", \"*\", \"?\", \"!\" or start "
		       "with \"-\"";
	return NULL;
}

const char *conf_name_free(const char *s)
{
	size_t n = strlen(s);

	return n == 0 ? "must not be empty" : n > 255 ? "is too long" : NULL;
}

const char *conf_name_reserved(const char *s)
{
	if (strncmp(s, "agent:", 6) == 0)
		return "is reserved: \"agent:\" names are made by the verb delegate";
	return strcmp(s, "enroll") == 0
		   ? "is reserved: it is how services and agents hand in tokens"
		   : NULL;
}

const char *conf_name_taken(const char *s)
{
	static const char *const ours[] = {"root", "operator", "gateway"};
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(s, ours[i]) == 0)
			return "is reserved: in logs it is who runs the gateway";
	return conf_name_reserved(s);
}

bool conf_name_matches(const char *pattern, const char *name)
{
	size_t p = strlen(pattern), n = strlen(name);

	if (pattern[0] == '*')
		return n >= p && strcmp(name + n - (p - 1), pattern + 1) == 0;
	if (pattern[p - 1] == '*')
		return n >= p && strncmp(name, pattern, p - 1) == 0;
	return strcmp(name, pattern) == 0;
}

/* --- this machine --- */

bool conf_host_is_v4_loopback(const char *host, size_t n)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr a;

	if (n >= sizeof(text))
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	return inet_pton(AF_INET, text, &a) == 1 && ntohl(a.s_addr) >> 24 == 127;
}

bool conf_url_is_loopback(const char *url)
{
	const char *host = strstr(url, "://");
	size_t n;

	if (host == NULL)
		return false;
	host += 3;
	n = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":/");
	n += host[n] == ']';
	if (strchr(":/", host[n]) == NULL) /* which finds the end, too */
		return false;
	return (n == 9 && strncmp(host, "localhost", n) == 0) ||
	       (n == 5 && strncmp(host, "[::1]", n) == 0) || conf_host_is_v4_loopback(host, n);
}
