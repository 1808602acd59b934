/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb ca: certificate authorities, on the gateway itself.
 */
#include "cmd/cli_verbs.h"
#include "cmd/view.h"

static const struct view_col ca_cols[] = {
    {{"name", false, false}, "name", VIEW_TEXT},
    {{"state", false, false}, "state", VIEW_TEXT},
    {{"type", false, false}, "type", VIEW_TEXT},
    {{"fingerprint", false, false}, "fingerprint", VIEW_TEXT},
    {{"since", false, false}, "since_s", VIEW_TIME_S},
    {{"valid", true, false}, "alive", VIEW_INT},
    {{"until", false, false}, "until_s", VIEW_TIME_S},
    {{"where", false, true}, "where", VIEW_TEXT},
    {{"trouble", false, true}, "trouble", VIEW_TEXT},
};
static const struct view list_view = {"ca", ca_cols, sizeof(ca_cols) / sizeof(ca_cols[0]), NULL};
static const struct view change_view = {"ca", NULL, 0, NULL};

static const struct {
	const char *what;
	size_t min, max; /* words behind it */
} forms[] = {{"list", 0, 0}, {"add", 1, 2}, {"activate", 1, 1}, {"retire", 1, 1}};

/* NULL: it has the right form. */
static const char *form_fault(const struct cli_args *a)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].what, a->v[0]) == 0)
			return a->n - 1 < forms[i].min   ? "which authority? its name is missing"
			       : a->n - 1 > forms[i].max ? "there is a word too many"
							 : NULL;
	return "its first word is list, add, activate or retire";
}

int verb_ca(struct cli *c, const struct cli_args *a)
{
	const char *fault = form_fault(a);
	struct ctlc_args args;

	if (fault != NULL) {
		(void)cli_failf(c, EXIT_USAGE, "%s", fault);
		cli_put_usage(c, verb_of(VERB_CA), stderr);
		return EXIT_USAGE;
	}
	ctlc_args_init(&args);
	ctlc_arg_str(&args, "do", a->v[0]);
	ctlc_arg_str(&args, "name", a->n > 1 ? a->v[1] : NULL);
	ctlc_arg_str(&args, "spec", a->n > 2 ? a->v[2] : NULL);
	ctlc_arg_str(&args, "why", a->opt[CA_M]);
	ctlc_arg_flag(&args, "force", a->opt[CA_FORCE] != NULL);
	return view_call(c, "ca", &args, a->n == 1 ? &list_view : &change_view);
}
