/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificate verification. The order is: form, authority, signature, and only then what the
 * certificate says, so that no sentence to the client is based on bytes that nobody trusted has
 * signed.
 */
#include "policy/certcheck.h"

#include <stdlib.h>

#include "base/mem.h"
#include "policy/address.h"
#include "wire/sshw.h"

/* Every string of a certificate with a NUL behind it, and the user name. */
#define MEM_SIZE (SSHCERT_MAX + 1024)

void cert_identity_clear(struct cert_identity *id)
{
	free(id->mem);
	*id = (struct cert_identity){.user = "",
	    .key_id = "",
	    .gateway = "",
	    .issuer = "",
	    .login_id = "",
	    .person = "",
	    .source_address = "",
	    .on_behalf_of = "",
	    .max_risk = SQL_ESCAPE};
}

static void identity_init(struct cert_identity *id)
{
	id->mem = NULL;
	cert_identity_clear(id);
	id->mem = xcalloc(1, MEM_SIZE);
}

/* Keep s as a C string. The certificate's size bounds the sum of all strings, each of which had a
 * length word. */
static const char *keep(struct cert_identity *id, struct span s)
{
	char *at = id->mem + id->mem_used;

	if (s.n >= MEM_SIZE - id->mem_used)
		return NULL;
	if (s.n > 0)
		memcpy(at, s.p, s.n);
	at[s.n] = '\0';
	id->mem_used += s.n + 1;
	return at;
}

enum opt_kind { OPT_STRING, OPT_FLAG, OPT_LIST, OPT_RISK, OPT_KIND, OPT_SERIAL, OPT_REFUSE };

struct opt_rule {
	const char *name;
	enum opt_kind kind;
	size_t at; /* offset of the field in struct cert_identity */
};

#define AT(f) offsetof(struct cert_identity, f)

static const struct opt_rule critical_rules[] = {
    {SSHCERT_GATEWAY, OPT_STRING, AT(gateway)},
    {SSHCERT_MAX_RISK, OPT_RISK, AT(max_risk)},
    {SSHCERT_ON_BEHALF_OF, OPT_STRING, AT(on_behalf_of)},
    {SSHCERT_SOURCE_ADDRESS, OPT_STRING, AT(source_address)},
    {SSHCERT_TARGETS, OPT_LIST, AT(targets)},
    /* Known, and refused: we run no commands for users, and libssh hides the user-verified flag. */
    {SSHCERT_FORCE_COMMAND, OPT_REFUSE, 0},
    {SSHCERT_VERIFY_REQUIRED, OPT_REFUSE, 0},
};

static const struct opt_rule extension_rules[] = {
    {SSHCERT_GROUPS, OPT_LIST, AT(groups)},
    {SSHCERT_ISSUER, OPT_STRING, AT(issuer)},
    {SSHCERT_KIND, OPT_KIND, AT(kind)},
    {SSHCERT_LOGIN_ID, OPT_STRING, AT(login_id)},
    {SSHCERT_PARENT, OPT_SERIAL, AT(parent)},
    {SSHCERT_FORWARD, OPT_FLAG, AT(forward)},
    {SSHCERT_PTY, OPT_FLAG, AT(pty)},
    {SSHCERT_PERSON, OPT_STRING, AT(person)},
};

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static const struct opt_rule *rule_find(const struct opt_rule *rules, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++) {
		if (span_is(name, rules[i].name))
			return &rules[i];
	}
	return NULL;
}

static int take_list(struct cert_identity *id, struct cert_list *list, struct span value)
{
	struct cur c = cur_of(value);
	struct span name;

	while (sshw_next_name(&c, &name)) {
		if (list->n == SSHCERT_LIST_MAX)
			return E_TOOBIG;
		if (!sshcert_name_ok(name))
			return E_FORMAT;
		list->v[list->n] = keep(id, name);
		if (list->v[list->n++] == NULL)
			return E_TOOBIG;
	}
	return cur_ok(&c) ? 0 : E_FORMAT;
}

static int take_string(struct cert_identity *id, const char **field, struct span value)
{
	if (!sshcert_text_ok(value, SSHCERT_MAX))
		return E_FORMAT;
	*field = keep(id, value);
	return *field != NULL ? 0 : E_TOOBIG;
}

static int take_word(char word[32], struct span value)
{
	if (value.n >= 32 || span_has_nul(value))
		return E_FORMAT;
	memcpy(word, value.p, value.n);
	word[value.n] = '\0';
	return 0;
}

static int take_risk(enum sql_class *cls, struct span value)
{
	char word[32];

	if (take_word(word, value) != 0 || sql_class_parse(word, cls) != 0 ||
	    *cls == SQL_UNPARSABLE)
		return E_FORMAT;
	return 0;
}

static int take_kind(struct cert_identity *id, enum ident_kind *kind, struct span value)
{
	char word[32];

	id->has_kind = true;
	return take_word(word, value) == 0 && ident_kind_parse(word, kind) == 0 ? 0 : E_FORMAT;
}

/* Decimal digits without a leading zero: one spelling per serial. */
static int take_serial(uint64_t *serial, struct span value)
{
	uint64_t n = 0;

	if (value.n > 19 || value.p[0] == '0')
		return E_FORMAT;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return E_FORMAT;
		n = n * 10 + (uint64_t)(value.p[i] - '0');
	}
	*serial = n;
	return n <= INT64_MAX ? 0 : E_FORMAT;
}

static int take_option(struct cert_identity *id, const struct opt_rule *rule, struct span data)
{
	void *field = (char *)id + rule->at;
	struct span value;

	if (rule->kind == OPT_FLAG) {
		*(bool *)field = true;
		return data.n == 0 ? 0 : E_FORMAT;
	}
	if (sshcert_option_string(data, &value) != 0 || value.n == 0)
		return E_FORMAT;
	switch (rule->kind) {
	case OPT_STRING:
		return take_string(id, field, value);
	case OPT_LIST:
		return take_list(id, field, value);
	case OPT_RISK:
		return take_risk(field, value);
	case OPT_KIND:
		return take_kind(id, field, value);
	case OPT_SERIAL:
		return take_serial(field, value);
	default:
		return E_INTERNAL;
	}
}

static int take_critical(const struct sshcert *c, struct cert_identity *id, struct why *w)
{
	struct cur cur = cur_of(c->critical);
	struct span name, data;
	char shown[64];

	while (sshcert_next_option(&cur, &name, &data)) {
		const struct opt_rule *rule = rule_find(critical_rules, N_OF(critical_rules), name);

		span_escape(name, shown, sizeof(shown));
		if (rule == NULL)
			return why_set(w, E_DENIED,
			    "the certificate has the unknown critical option \"%s\"", shown);
		if (rule->kind == OPT_REFUSE)
			return why_set(w, E_DENIED,
			    "certificates with the critical option %s are not accepted here",
			    shown);
		if (take_option(id, rule, data) != 0)
			return why_set(w, E_FORMAT,
			    "the certificate's critical option %s is malformed", shown);
		id->has_targets |= rule->kind == OPT_LIST;
		id->has_max_risk |= rule->kind == OPT_RISK;
	}
	return 0;
}

static int take_extensions(
    const struct sshcert *c, bool only_known, struct cert_identity *id, struct why *w)
{
	struct cur cur = cur_of(c->extensions);
	struct span name, data;
	char shown[64];

	while (sshcert_next_option(&cur, &name, &data)) {
		const struct opt_rule *rule =
		    rule_find(extension_rules, N_OF(extension_rules), name);

		span_escape(name, shown, sizeof(shown));
		if (rule == NULL && only_known)
			return why_set(
			    w, E_DENIED, "the certificate has the unknown extension \"%s\"", shown);
		if (rule != NULL && take_option(id, rule, data) != 0)
			return why_set(
			    w, E_FORMAT, "the certificate's extension %s is malformed", shown);
	}
	return 0;
}

/* Every principal must be one that no reader could split or expand; an empty list would mean
 * "anyone". */
static int check_principals(const struct sshcert *c, struct why *w)
{
	struct cur cur = cur_of(c->principals);
	struct span s;
	char shown[64];

	if (c->principals.n == 0)
		return why_set(w, E_DENIED, "the certificate names no principal");
	while (sshcert_next_string(&cur, &s)) {
		if (sshcert_principal_ok(s))
			continue;
		if (s.n == 0)
			return why_set(w, E_DENIED, "the certificate has an empty principal");
		span_escape(s, shown, sizeof(shown));
		return why_set(
		    w, E_DENIED, "the certificate's principal \"%s\" is not a usable name", shown);
	}
	return 0;
}

/* An agent is told by its principals, acts for a person, and only within limits that the
 * certificate names. Nobody else has any of that. */
static int check_kind(const struct sshcert *c, const struct cert_identity *id, struct why *w)
{
	struct cur cur = cur_of(c->principals);
	bool agent = id->kind == KIND_AGENT;
	struct span s;
	char shown[64];

	while (sshcert_next_string(&cur, &s)) {
		if (sshcert_is_agent_name(s) == agent)
			continue;
		span_escape(s, shown, sizeof(shown));
		return why_set(w, E_DENIED,
		    agent ? "the certificate is an agent's, but \"%s\" is no agent's name"
			  : "the certificate is not an agent's, but \"%s\" is an agent's name",
		    shown);
	}
	if (agent && id->on_behalf_of[0] == '\0')
		return why_set(w, E_DENIED, "the certificate is an agent's, but acts for nobody");
	if (agent && !id->has_targets && !id->has_max_risk)
		return why_set(w, E_DENIED, "the certificate is an agent's, but without any limit");
	if (!agent && (id->on_behalf_of[0] != '\0' || id->parent != 0))
		return why_set(
		    w, E_DENIED, "the certificate acts for somebody else, but is not an agent's");
	return 0;
}

static int64_t clamp_time(uint64_t t)
{
	return t > INT64_MAX ? INT64_MAX : (int64_t)t;
}

static int check_gateway(
    const struct cert_identity *id, const char *gateway, bool required, struct why *w)
{
	char shown[64];

	if (id->gateway[0] == '\0')
		return !required
			   ? 0
			   : why_set(w, E_DENIED, "the certificate is not bound to a gateway");
	if (gateway != NULL && strcmp(id->gateway, gateway) == 0)
		return 0;
	span_escape(span_str(id->gateway), shown, sizeof(shown));
	return why_set(
	    w, E_DENIED, "the certificate is for the gateway \"%s\", not for this one", shown);
}

static int check_source_form(const struct cert_identity *id, struct why *w)
{
	const struct address any = {.v4 = true};

	if (id->source_address[0] == '\0' ||
	    cidr_list_match(span_str(id->source_address), &any) >= 0)
		return 0;
	return why_set(w, E_FORMAT, "the certificate's source-address list is malformed");
}

static int check_type(const struct sshcert *c, struct why *w)
{
	if (c->type == SSHCERT_HOST)
		return why_set(w, E_DENIED, "this is a host certificate, not a user certificate");
	if (c->type != SSHCERT_USER)
		return why_set(
		    w, E_DENIED, "the certificate is neither a user nor a host certificate");
	if (c->valid_after >= c->valid_before)
		return why_set(w, E_DENIED, "the certificate's validity ends before it begins");
	return sshpk_check_strength(&c->key, w);
}

static int fill_body(
    const struct sshcert *c, bool only_known, struct cert_identity *out, struct why *w)
{
	int r = take_critical(c, out, w);

	if (r == 0)
		r = take_extensions(c, only_known, out, w);
	if (r != 0)
		return r;
	if (span_has_nul(c->key_id) || (out->key_id = keep(out, c->key_id)) == NULL)
		return why_set(w, E_FORMAT, "the certificate's key id is not text");
	out->serial = c->serial;
	out->valid_after_s = clamp_time(c->valid_after);
	out->valid_before_s = clamp_time(c->valid_before);
	return 0;
}

int certcheck_body(const struct sshcert *c, const char *gateway, bool require_gateway,
    bool only_known, struct cert_identity *out, struct why *w)
{
	int r;

	identity_init(out);
	r = check_type(c, w);
	if (r == 0)
		r = check_principals(c, w);
	if (r == 0)
		r = fill_body(c, only_known, out, w);
	if (r == 0)
		r = check_kind(c, out, w);
	if (r == 0)
		r = check_gateway(out, gateway, require_gateway, w);
	if (r == 0)
		r = check_source_form(out, w);
	if (r != 0)
		cert_identity_clear(out);
	return r;
}

static const struct certcheck_ca *ca_find(const struct certcheck_input *in, struct span blob)
{
	const struct certcheck_ca *hit = NULL;

	for (size_t i = 0; i < in->n_cas; i++) {
		/* Listed twice: the stricter entry counts. */
		if (span_eq(in->cas[i].blob, blob) && (hit == NULL || in->cas[i].require_gateway))
			hit = &in->cas[i];
	}
	return hit;
}

static bool is_cert_blob(struct span blob)
{
	struct cur c = cur_of(blob);
	bool is_cert = false;

	(void)sshpk_kind_find(sshw_get_string(&c), &is_cert);
	return is_cert;
}

/* The authority: no certificate itself (a user could sign for others with a certified key),
 * trusted, strong, and its signature holds. */
static int check_authority(const struct certcheck_input *in, const struct sshcert *c,
    const struct certcheck_ca **ca, struct why *w)
{
	struct sshpk key;
	char fp[SSHPK_FP_CAP];
	int r;

	if (is_cert_blob(c->ca))
		return why_set(w, E_DENIED, "the certificate is signed with another certificate");
	*ca = ca_find(in, c->ca);
	if (*ca == NULL) {
		sshpk_fingerprint(c->ca, fp);
		return why_set(
		    w, E_DENIED, "the certificate's authority %s is not trusted here", fp);
	}
	r = sshpk_parse(c->ca, &key, w);
	if (r != 0)
		return r;
	if (sshpk_check_strength(&key, NULL) != 0)
		return why_set(
		    w, E_DENIED, "the certificate authority's RSA key has only %d bits", key.bits);
	return sshpk_verify(&key, c->body, c->signature, w);
}

static int check_time(const struct cert_identity *id, int64_t now_s, struct why *w)
{
	if (now_s < id->valid_after_s)
		return why_set(w, E_EXPIRED, "the certificate is not valid yet");
	if (now_s < id->valid_before_s)
		return 0;
	why_set(w, E_EXPIRED, "the certificate has expired");
	why_hint(w, "get a new one: ssh GATEWAY cert");
	return E_EXPIRED;
}

static int check_user(
    const struct sshcert *c, const char *user, struct cert_identity *id, struct why *w)
{
	struct cur cur = cur_of(c->principals);
	struct span s;
	char shown[64];

	while (sshcert_next_string(&cur, &s)) {
		if (user != NULL && span_is(s, user)) {
			id->user = keep(id, s);
			return id->user != NULL
				   ? 0
				   : why_set(w, E_TOOBIG, "the certificate is too long");
		}
	}
	span_escape(span_str(user), shown, sizeof(shown));
	return why_set(w, E_DENIED, "the certificate is not for the user name \"%s\"", shown);
}

static int check_source(const struct cert_identity *id, const char *peer, struct why *w)
{
	struct address a;

	if (address_parse(span_str(peer), &a) != 0)
		return why_set(w, E_INTERNAL, "the client's address is not known");
	if (id->source_address[0] == '\0' || cidr_list_match(span_str(id->source_address), &a) == 1)
		return 0;
	why_set(w, E_DENIED, "the certificate may not be used from %s", peer);
	why_hint(w, "it is bound to the address it was issued to: get a new one from here");
	return E_DENIED;
}

static int refuse_locked(const char *user, const char *on_behalf_of, struct why *w)
{
	char shown[64], behind[64];

	span_escape(span_str(user), shown, sizeof(shown));
	span_escape(span_str(on_behalf_of), behind, sizeof(behind));
	if (on_behalf_of[0] == '\0')
		why_set(w, E_DENIED, "user \"%s\" is locked", shown);
	else
		why_set(w, E_DENIED, "user \"%s\" or \"%s\", for whom it acts, is locked", shown,
		    behind);
	why_hint(w, "an operator of the gateway can unlock: the certificate stays good");
	return E_DENIED;
}

static int check_revoked(const struct certcheck_input *in, const struct sshcert *c,
    const struct cert_identity *id, struct why *w)
{
	struct cur cur = cur_of(c->principals);
	char name[SSHCERT_PRINCIPAL_MAX + 1];
	struct certcheck_revocable x = {
	    id->serial, name, id->key_id, id->key_fp, id->ca_fp, id->on_behalf_of, id->parent};
	struct span s;
	int r;

	if (in->revoked == NULL)
		return why_set(w, E_INTERNAL, "revocation cannot be checked");
	while (sshcert_next_string(&cur, &s)) {
		memcpy(name, s.p, s.n); /* check_principals() bounded it */
		name[s.n] = '\0';
		r = in->revoked(in->revoked_ctx, &x);
		if (r < 0)
			return why_set(w, r, "revocation cannot be checked: %s", err_str(r));
		if (r == CERTCHECK_LOCKED)
			return refuse_locked(name, id->on_behalf_of, w);
		if (r > 0)
			return why_set(w, E_DENIED,
			    "the certificate, its key, its user or its authority is revoked");
	}
	return 0;
}

static int verify(const struct certcheck_input *in, const struct sshcert *c,
    struct cert_identity *out, struct why *w)
{
	const struct certcheck_ca *ca = NULL;
	int r = check_authority(in, c, &ca, w);

	if (r != 0)
		return r;
	r = certcheck_body(c, in->gateway, ca->require_gateway, false, out, w);
	if (r != 0)
		return r;
	out->outside = !ca->require_gateway;
	sshpk_fingerprint(c->ca, out->ca_fp);
	r = sshpk_key_fingerprint(&c->key, out->key_fp);
	if (r != 0)
		return why_set(w, r, "the certified key has no fingerprint");
	if ((r = check_time(out, in->now_s, w)) != 0 ||
	    (r = check_user(c, in->user, out, w)) != 0 || (r = check_source(out, in->peer, w)) != 0)
		return r;
	return check_revoked(in, c, out, w);
}

int certcheck_verify(const struct certcheck_input *in, struct cert_identity *out, struct why *w)
{
	struct sshcert c;
	int r;

	*out = (struct cert_identity){0};
	cert_identity_clear(out);
	r = sshcert_parse(in->cert, &c, w);
	if (r == 0)
		r = verify(in, &c, out, w);
	if (r != 0)
		cert_identity_clear(out);
	return r;
}
