/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: verifies tokens, one per line of standard input, and prints a line for each: "ok SUB
 * USER GROUP,GROUP" or "no SENTENCE". Usage: jwt-check KEYS-FILE ISSUER AUDIENCE NOW
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ident/jwt.h"

static char *algs[] = {(char *)"RS256", (char *)"RS384", (char *)"RS512", (char *)"PS256",
    (char *)"PS384", (char *)"PS512", (char *)"ES256", (char *)"ES384", (char *)"ES512"};

static struct jwks *keys_of(const char *path)
{
	static char text[JWKS_TEXT_MAX];
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(text, 1, sizeof(text), f) : 0;
	struct jwks *set;
	struct why w;

	if (f != NULL)
		fclose(f);
	if (jwks_parse(span_of(text, n), &set, &w) == 0)
		return set;
	fprintf(stderr, "jwt-check: %s\n", w.text);
	exit(2);
}

static void check(struct span token, const struct jwks *set, const struct jwt_rules *r)
{
	struct why w;
	struct jwt t;
	size_t i;

	if (jwt_verify(token, set, r, &t, &w) != 0) {
		printf("no %s\n", w.text);
		return;
	}
	printf("ok %s %s ", t.sub, t.user);
	for (i = 0; i < t.n_groups; i++)
		printf("%s%s", i > 0 ? "," : "", t.groups[i]);
	printf("\n");
	jwt_clear(&t);
}

int main(int argc, char **argv)
{
	struct jwt_rules r = {.algs = algs,
	    .n_algs = sizeof(algs) / sizeof(algs[0]),
	    .user_claim = "/sub",
	    .groups_claim = "/groups"};
	struct jwks *set;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (argc != 5)
		return 2;
	set = keys_of(argv[1]);
	r.issuer = argv[2];
	r.audience = r.client_id = argv[3];
	r.now_s = strtoll(argv[4], NULL, 10);
	while ((n = getline(&line, &cap, stdin)) > 0)
		check(span_of(line, (size_t)n - (line[n - 1] == '\n')), set, &r);
	free(line);
	jwks_free(set);
	return 0;
}
