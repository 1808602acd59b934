/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSH certificates, wire form only. OpenSSH PROTOCOL.certkeys, draft-ietf-sshm-cert.
 */
#include "wire/sshcert.h"

#include "wire/sshw.h"

static int get_kind(struct cur *c, const struct sshpk_kind **kind, struct why *w)
{
	struct span name = sshw_get_string(c);
	char shown[64];
	bool is_cert;

	if (!cur_ok(c))
		return why_set(w, c->err, "the certificate is cut off in its type name");
	*kind = sshpk_kind_find(name, &is_cert);
	if (*kind != NULL && is_cert)
		return 0;
	span_escape(name, shown, sizeof(shown));
	if (*kind != NULL)
		return why_set(w, E_UNKNOWN, "this is a plain %s key, not a certificate", shown);
	return why_set(w, E_UNKNOWN, "the certificate type \"%s\" is not supported", shown);
}

static void get_fields(struct cur *c, const struct sshpk_kind *kind, struct sshcert *out)
{
	out->nonce = sshw_get_string(c);
	sshpk_get_fields(c, kind, &out->key);
	out->serial = cur_u64be(c);
	out->type = cur_u32be(c);
	out->key_id = sshw_get_string(c);
	out->principals = sshw_get_string(c);
	out->valid_after = cur_u64be(c);
	out->valid_before = cur_u64be(c);
	out->critical = sshw_get_string(c);
	out->extensions = sshw_get_string(c);
	out->reserved = sshw_get_string(c);
	out->ca = sshw_get_string(c);
}

/* The order of option names: bytewise, a prefix before what it begins. */
static int name_cmp(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return d != 0 ? d : a.n < b.n ? -1 : a.n > b.n;
}

static int check_options(struct span packed, const char *what, struct why *w)
{
	struct cur c = cur_of(packed);
	struct span name, data, last = {NULL, 0};
	size_t n = 0;

	while (sshcert_next_option(&c, &name, &data)) {
		int d = n > 0 ? name_cmp(last, name) : -1;

		if (++n > SSHCERT_LIST_MAX)
			return why_set(w, E_TOOBIG, "the certificate has more than %d %ss",
			    SSHCERT_LIST_MAX, what);
		if (name.n == 0)
			return why_set(
			    w, E_FORMAT, "one of the certificate's %ss has no name", what);
		if (d == 0)
			return why_set(w, E_FORMAT, "two of the certificate's %ss have the same name", what);
		if (d > 0)
			return why_set(
			    w, E_FORMAT, "the certificate's %ss are not sorted by name", what);
		last = name;
	}
	return cur_ok(&c) ? 0
			  : why_set(w, c.err, "the certificate's list of %ss is malformed", what);
}

static int check_principals(struct span packed, struct why *w)
{
	struct cur c = cur_of(packed);
	struct span s;
	size_t n = 0;

	while (sshcert_next_string(&c, &s)) {
		if (++n > SSHCERT_LIST_MAX)
			return why_set(w, E_TOOBIG, "the certificate has more than %d principals",
			    SSHCERT_LIST_MAX);
	}
	return cur_ok(&c) ? 0
			  : why_set(w, c.err, "the certificate's list of principals is malformed");
}

static int check_lists(const struct sshcert *c, struct why *w)
{
	int r = check_principals(c->principals, w);

	if (r == 0)
		r = check_options(c->critical, "critical option", w);
	if (r == 0)
		r = check_options(c->extensions, "extension", w);
	if (r == 0 && c->reserved.n != 0)
		r = why_set(w, E_FORMAT, "the certificate's reserved field is not empty");
	return r;
}

static int parse(struct span blob, bool is_signed, struct sshcert *out, struct why *w)
{
	struct cur c = cur_of(blob);
	const struct sshpk_kind *kind = NULL;
	int r;

	*out = (struct sshcert){0};
	if (blob.n > SSHCERT_MAX)
		return why_set(w, E_TOOBIG, "the certificate is longer than %d bytes", SSHCERT_MAX);
	r = get_kind(&c, &kind, w);
	if (r != 0)
		return r;
	get_fields(&c, kind, out);
	out->body = span_of(blob.p, blob.n - cur_left(&c));
	if (is_signed)
		out->signature = sshw_get_string(&c);
	r = cur_done(&c);
	if (r != 0)
		return why_set(w, r, "the certificate is malformed: %s", err_str(r));
	return check_lists(out, w);
}

int sshcert_parse(struct span blob, struct sshcert *out, struct why *w)
{
	return parse(blob, true, out, w);
}

int sshcert_parse_body(struct span body, struct sshcert *out, struct why *w)
{
	return parse(body, false, out, w);
}

void sshcert_put_body(struct buf *b, const struct sshcert *c)
{
	sshw_put_cstring(b, c->key.kind->cert_name);
	sshw_put_string(b, c->nonce);
	sshpk_put_fields(b, &c->key);
	buf_put_u64be(b, c->serial);
	buf_put_u32be(b, c->type);
	sshw_put_string(b, c->key_id);
	sshw_put_string(b, c->principals);
	buf_put_u64be(b, c->valid_after);
	buf_put_u64be(b, c->valid_before);
	sshw_put_string(b, c->critical);
	sshw_put_string(b, c->extensions);
	sshw_put_string(b, c->reserved);
	sshw_put_string(b, c->ca);
}

void sshcert_put(struct buf *b, struct span body, struct span sig_blob)
{
	buf_put_span(b, body);
	sshw_put_string(b, sig_blob);
}

bool sshcert_next_string(struct cur *c, struct span *s)
{
	if (cur_left(c) == 0)
		return false;
	*s = sshw_get_string(c);
	return cur_ok(c);
}

bool sshcert_next_option(struct cur *c, struct span *name, struct span *data)
{
	if (cur_left(c) == 0)
		return false;
	*name = sshw_get_string(c);
	*data = sshw_get_string(c);
	return cur_ok(c);
}

int sshcert_option_string(struct span data, struct span *value)
{
	struct cur c = cur_of(data);

	*value = sshw_get_string(&c);
	return cur_done(&c) == 0 ? 0 : E_FORMAT;
}

void sshcert_put_flag(struct buf *b, const char *name)
{
	sshw_put_cstring(b, name);
	sshw_put_cstring(b, "");
}

void sshcert_put_option(struct buf *b, const char *name, struct span value)
{
	size_t at;

	sshw_put_cstring(b, name);
	at = sshw_open_string(b);
	sshw_put_string(b, value);
	sshw_close_string(b, at);
}

bool sshcert_text_ok(struct span s, size_t max)
{
	if (s.n == 0 || s.n > max || !span_is_utf8(s))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
		if (s.p[i] == 0xc2 && i + 1 < s.n &&
		    s.p[i + 1] < 0xa0) /* U+0080..U+009F: C1 controls */
			return false;
	}
	return true;
}

bool sshcert_name_ok(struct span s)
{
	if (!sshcert_text_ok(s, SSHCERT_PRINCIPAL_MAX) || s.p[0] == ' ' || s.p[s.n - 1] == ' ')
		return false;
	return memchr(s.p, ',', s.n) == NULL;
}

bool sshcert_is_agent_name(struct span s)
{
	size_t n = strlen(SSHCERT_AGENT_PREFIX);

	return s.n > n && memcmp(s.p, SSHCERT_AGENT_PREFIX, n) == 0;
}

bool sshcert_principal_ok(struct span s)
{
	return sshcert_name_ok(s) && memchr(s.p, ' ', s.n) == NULL &&
	       memchr(s.p, '*', s.n) == NULL && memchr(s.p, '?', s.n) == NULL;
}
