/* SPDX-License-Identifier: Apache-2.0
 *
 * Host keys and the start-up self-test: a libssh that takes packets with a wrong AES-GCM tag (simulated by turning OpenSSL's
 * check off under it) loses GCM, one that checks keeps it; and our poll/recv/send are the ones libssh calls.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <libssh/libssh.h>
#include <openssl/evp.h>

#include "session/sshedge.h"

static bool tag_check_off;
static unsigned finals;

/* libssh is bound to this one: the program's symbols come first. */
__attribute__((visibility("default"))) int EVP_DecryptFinal(EVP_CIPHER_CTX *ctx, unsigned char *out, int *n)
{
	static int (*real)(EVP_CIPHER_CTX *, unsigned char *, int *);
	int rc;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "EVP_DecryptFinal");
	rc = real(ctx, out, n);
	finals++;
	if (tag_check_off) {
		*n = 0;
		return 1;
	}
	return rc;
}

static char *new_key(enum ssh_keytypes_e type)
{
	ssh_key k = NULL;
	char *text = NULL;

	cr_assert(eq(int, ssh_pki_generate(type, type == SSH_KEYTYPE_ED25519 ? 0 : 256, &k), SSH_OK));
	cr_assert(eq(int, ssh_pki_export_privkey_base64(k, NULL, NULL, NULL, &text), SSH_OK));
	ssh_key_free(k);
	return text;
}

static struct edge_host *host(void)
{
	char *a = new_key(SSH_KEYTYPE_ED25519), *b = new_key(SSH_KEYTYPE_ECDSA_P256);
	struct span keys[2] = {span_str(a), span_str(b)};
	struct why w = {0};
	struct edge_host *h = edge_host_new(keys, 2, &w);

	cr_assert(ne(ptr, h, NULL), "%s", w.text);
	ssh_string_free_char(a);
	ssh_string_free_char(b);
	return h;
}

Test(sshhost, a_sound_cipher_passes_and_the_calls_are_ours)
{
	struct edge_host *h = host();
	struct why w = {0};
	bool gcm = false;

	cr_assert(zero(int, edge_host_selftest(h, &gcm, &w)), "%s", w.text);
	cr_assert(gcm);
	cr_assert(gt(u32, finals, 0), "the simulation below would prove nothing");
	cr_assert(edge_host_io_ours(h), "libssh does not reach poll, recv and send of this program");
	edge_host_free(h);
}

Test(sshhost, a_cipher_that_takes_changed_packets_is_dropped)
{
	struct edge_host *h = host();
	struct why w = {0};
	bool gcm = true;

	tag_check_off = true;
	cr_assert(zero(int, edge_host_selftest(h, &gcm, &w)), "%s", w.text);
	cr_assert(not(gcm));
	/* what is left is not GCM: a second test cannot make a GCM connection at all */
	cr_assert(ne(int, edge_host_selftest(h, &gcm, &w), 0));
	edge_host_free(h);
}

Test(sshhost, what_is_no_private_key_is_refused)
{
	static const char *const bad[] = {"", "x", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ0Y29tbWVudA== c",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"};
	struct why w = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct span s = span_str(bad[i]);

		cr_assert(eq(ptr, edge_host_new(&s, 1, &w), NULL), "case %zu", i);
		cr_assert(ne(int, w.code, 0));
	}
	cr_assert(eq(ptr, edge_host_new(NULL, 0, &w), NULL));
}
