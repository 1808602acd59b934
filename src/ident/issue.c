/* SPDX-License-Identifier: Apache-2.0
 *
 * Issue of user certificates: body and assembly.
 */
#include "ident/issue.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/words.h"
#include "wire/sshw.h"

#define NONCE_LEN 32

static bool is_set(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static int check_times(const struct issue_request *r, struct why *w)
{
	if (r->serial == 0 || r->serial > INT64_MAX)
		return why_set(w, E_FORMAT, "the certificate serial is out of range");
	if (r->ttl_s <= 0 || r->now_s <= ISSUE_BACKDATE_S || r->ttl_s > INT64_MAX - r->now_s)
		return why_set(w, E_FORMAT, "the certificate's life time is out of range");
	return 0;
}

static int check_principals(const struct issue_request *r, struct why *w)
{
	char shown[64];

	if (r->n_principals == 0 || r->n_principals > SSHCERT_LIST_MAX)
		return why_set(
		    w, E_DENIED, "a certificate needs 1 to %d principals", SSHCERT_LIST_MAX);
	for (size_t i = 0; i < r->n_principals; i++) {
		struct span s = span_str(r->principals[i]);

		if (sshcert_principal_ok(s))
			continue;
		span_escape(s, shown, sizeof(shown));
		why_set(w, E_DENIED, "\"%s\" cannot be a principal", shown);
		why_hint(w, "no commas, blanks, control bytes or wildcards; at most %d bytes",
		    SSHCERT_PRINCIPAL_MAX);
		return E_DENIED;
	}
	return 0;
}

/* An agent is told by its principals, and always acts for somebody within limits that are written down. The
 * verifier and the signer ask the same (policy/certcheck). */
static int check_kind(const struct issue_request *r, struct why *w)
{
	enum ident_kind kind = KIND_PERSON;

	if (is_set(r->kind) && ident_kind_parse(r->kind, &kind) != 0)
		return why_set(w, E_DENIED, "there is no such kind of identity: %s", r->kind);
	for (size_t i = 0; i < r->n_principals; i++)
		if (sshcert_is_agent_name(span_str(r->principals[i])) != (kind == KIND_AGENT))
			return why_set(w, E_DENIED, "\"%s\" cannot be the name of a%s",
			    r->principals[i], kind == KIND_AGENT ? "n agent" : " person or service");
	if (kind == KIND_AGENT && !is_set(r->on_behalf_of))
		return why_set(w, E_DENIED, "an agent acts for a person: which one?");
	if (kind == KIND_AGENT && !is_set(r->targets) && !is_set(r->max_risk))
		return why_set(w, E_DENIED, "an agent's certificate must limit targets or risk");
	if (kind != KIND_AGENT && (is_set(r->on_behalf_of) || r->parent != 0))
		return why_set(w, E_DENIED, "only an agent acts for somebody else");
	return r->parent <= INT64_MAX ? 0 : why_set(w, E_FORMAT, "the parent's serial is out of range");
}

static int check_groups(const struct issue_request *r, struct why *w)
{
	char shown[64];

	if (r->n_groups > SSHCERT_LIST_MAX)
		return why_set(
		    w, E_TOOBIG, "a certificate holds at most %d groups", SSHCERT_LIST_MAX);
	for (size_t i = 0; i < r->n_groups; i++) {
		struct span s = span_str(r->groups[i]);

		if (sshcert_name_ok(s))
			continue;
		span_escape(s, shown, sizeof(shown));
		return why_set(
		    w, E_DENIED, "\"%s\" cannot be a group name in a certificate", shown);
	}
	return 0;
}

static int check_texts(const struct issue_request *r, struct why *w)
{
	const struct {
		const char *what, *value;
	} texts[] = {
	    {"source address list", r->source_address},
	    {"target list", r->targets},
	    {"risk class", r->max_risk},
	    {"person acted for", r->on_behalf_of},
	    {"issuer", r->issuer},
	    {"login id", r->login_id},
	    {"person", r->person},
	};

	if (!sshcert_name_ok(span_str(r->gateway)))
		return why_set(w, E_DENIED, "the gateway has no usable name for certificates");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (is_set(texts[i].value) &&
		    !sshcert_text_ok(span_str(texts[i].value), ISSUE_TEXT_MAX))
			return why_set(w, E_DENIED, "the %s cannot be written into a certificate",
			    texts[i].what);
	}
	return 0;
}

int issue_ca_ok(const struct sshpk *ca, struct why *w)
{
	switch (ca->kind->alg) {
	case SSHPK_ED25519:
	case SSHPK_ECDSA:
	case SSHPK_RSA:
		return sshpk_check_strength(ca, w);
	default: /* its signatures are over more than the certificate */
		return why_set(w, E_DENIED, "a FIDO key cannot be a certificate authority");
	}
}

static int check_keys(const struct issue_request *r, struct sshpk *user, struct why *w)
{
	struct sshpk ca;
	int rc = sshpk_parse(r->user_key, user, w);

	if (rc == 0)
		rc = sshpk_check_strength(user, w);
	if (rc == 0)
		rc = sshpk_parse(r->ca, &ca, w);
	if (rc == 0)
		rc = issue_ca_ok(&ca, w);
	if (rc == 0 && span_eq(r->user_key, r->ca))
		rc =
		    why_set(w, E_DENIED, "the certificate authority's own key cannot be certified");
	return rc;
}

static void put_string_if(struct buf *b, const char *name, const char *value)
{
	if (is_set(value))
		sshcert_put_option(b, name, span_str(value));
}

/* Written in the order of the names, which the format requires. */
static void put_critical(struct buf *b, const struct issue_request *r)
{
	sshcert_put_option(b, SSHCERT_GATEWAY, span_str(r->gateway));
	put_string_if(b, SSHCERT_MAX_RISK, r->max_risk);
	put_string_if(b, SSHCERT_ON_BEHALF_OF, r->on_behalf_of);
	put_string_if(b, SSHCERT_SOURCE_ADDRESS, r->source_address);
	put_string_if(b, SSHCERT_TARGETS, r->targets);
}

static void put_groups(struct buf *b, const struct issue_request *r)
{
	struct buf list;

	if (r->n_groups == 0)
		return;
	buf_init(&list, SSHCERT_MAX);
	for (size_t i = 0; i < r->n_groups; i++) {
		if (i > 0)
			buf_put_u8(&list, ',');
		buf_put_str(&list, r->groups[i]);
	}
	if (buf_err(&list) == 0)
		sshcert_put_option(b, SSHCERT_GROUPS, buf_span(&list));
	else
		b->err = buf_err(&list); /* never a certificate with fewer groups than asked */
	buf_clear(&list);
}

static void put_extensions(struct buf *b, const struct issue_request *r)
{
	char parent[24];

	snprintf(parent, sizeof(parent), "%" PRIu64, r->parent);
	put_groups(b, r);
	put_string_if(b, SSHCERT_ISSUER, r->issuer);
	put_string_if(b, SSHCERT_KIND, r->kind);
	put_string_if(b, SSHCERT_LOGIN_ID, r->login_id);
	if (r->parent != 0)
		put_string_if(b, SSHCERT_PARENT, parent);
	if (r->forward)
		sshcert_put_flag(b, SSHCERT_FORWARD);
	if (r->pty)
		sshcert_put_flag(b, SSHCERT_PTY);
	put_string_if(b, SSHCERT_PERSON, r->person);
}

static void put_key_id(struct buf *b, const struct issue_request *r)
{
	buf_put_str(b, "user=");
	buf_put_str(b, r->principals[0]);
	if (is_set(r->login_id)) {
		buf_put_str(b, " login=");
		buf_put_str(b, r->login_id);
	}
}

static int assemble(const struct issue_request *r, const struct sshpk *user, struct buf *body)
{
	uint8_t nonce[NONCE_LEN];
	struct buf id, names, critical, ext;
	struct sshcert c = {.key = *user, .serial = r->serial, .type = SSHCERT_USER, .ca = r->ca};
	int rc;

	buf_init(&id, ISSUE_KEY_ID_MAX + SSHCERT_PRINCIPAL_MAX + 16);
	buf_init(&names, SSHCERT_MAX);
	buf_init(&critical, SSHCERT_MAX);
	buf_init(&ext, SSHCERT_MAX);
	crypto_random(nonce, sizeof(nonce));
	put_key_id(&id, r);
	for (size_t i = 0; i < r->n_principals; i++)
		sshw_put_cstring(&names, r->principals[i]);
	put_critical(&critical, r);
	put_extensions(&ext, r);
	rc = buf_err(&id) | buf_err(&names) | buf_err(&critical) | buf_err(&ext) ? E_TOOBIG : 0;
	c.nonce = span_of(nonce, sizeof(nonce));
	c.key_id = buf_span(&id);
	c.principals = buf_span(&names);
	c.valid_after = (uint64_t)(r->now_s - ISSUE_BACKDATE_S);
	c.valid_before = (uint64_t)(r->now_s + r->ttl_s);
	c.critical = buf_span(&critical);
	c.extensions = buf_span(&ext);
	if (rc == 0)
		sshcert_put_body(body, &c);
	buf_clear(&id);
	buf_clear(&names);
	buf_clear(&critical);
	buf_clear(&ext);
	return rc != 0 ? rc : buf_err(body);
}

int issue_body(const struct issue_request *r, struct buf *body, struct why *w)
{
	struct sshcert made;
	struct sshpk user;
	int rc;

	buf_reset(body);
	if ((rc = check_times(r, w)) != 0 || (rc = check_principals(r, w)) != 0 ||
	    (rc = check_kind(r, w)) != 0 || (rc = check_groups(r, w)) != 0 || (rc = check_texts(r, w)) != 0 ||
	    (rc = check_keys(r, &user, w)) != 0)
		return rc;
	rc = assemble(r, &user, body);
	if (rc != 0)
		why_set(w, rc, "the certificate cannot be built: %s", err_str(rc));
	else
		rc = sshcert_parse_body(buf_span(body), &made, w);
	if (rc != 0)
		buf_reset(body);
	return rc;
}

int issue_finish(struct span body, struct span sig_blob, struct buf *cert, struct why *w)
{
	struct sshcert c;
	struct sshpk ca;
	int rc = sshcert_parse_body(body, &c, w);

	buf_reset(cert);
	if (rc == 0)
		rc = sshpk_parse(c.ca, &ca, w);
	if (rc == 0)
		rc = sshpk_verify(&ca, body, sig_blob, w);
	if (rc != 0)
		return rc;
	sshcert_put(cert, body, sig_blob);
	rc = buf_err(cert);
	return rc == 0 ? 0 : why_set(w, rc, "the certificate cannot be built: %s", err_str(rc));
}
