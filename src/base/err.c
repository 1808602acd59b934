/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts of the error codes, and filling of struct why.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int code;
	const char *text;
} err_texts[] = {
	{0, "success"},
	{E_SHORT, "input ended early"},
	{E_TRAILING, "unexpected bytes at the end"},
	{E_FORMAT, "malformed input"},
	{E_TOOBIG, "over the size limit"},
	{E_MORE, "more input is needed"},
	{E_UNKNOWN, "unknown type or name"},
	{E_DENIED, "denied"},
	{E_STATE, "not allowed in this state"},
	{E_CRYPTO, "cryptographic check failed"},
	{E_NOTFOUND, "not found"},
	{E_EXISTS, "already exists"},
	{E_EXPIRED, "expired"},
	{E_TAMPER, "does not verify"},
	{E_CLOSED, "connection closed"},
	{E_LIMIT, "limit reached"},
	{E_CONFIG, "configuration error"},
	{E_NOMEM, "out of memory"},
	{E_INTERNAL, "internal error"},
};

const char *err_str(int code)
{
	for (size_t i = 0; i < sizeof(err_texts) / sizeof(err_texts[0]); i++)
		if (err_texts[i].code == code)
			return err_texts[i].text;
	if (code < 0 && code > -1000)
		return strerror(-code);
	return "unknown error";
}

int why_set(struct why *w, int code, const char *fmt, ...)
{
	va_list ap;

	if (w == NULL)
		return code;
	w->code = code;
	w->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
	return code;
}

void why_hint(struct why *w, const char *fmt, ...)
{
	va_list ap;

	if (w == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(w->hint, sizeof(w->hint), fmt, ap);
	va_end(ap);
}
