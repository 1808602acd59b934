/* SPDX-License-Identifier: Apache-2.0
 *
 * Administration on the gateway itself: status, reload.
 */
#include "cmd/cli_verbs.h"
#include "cmd/view.h"

static const struct {
	const char *key, *label;
} status_lines[] = {{"gateway", "gateway"}, {"epoch", "configuration epoch"},
    {"conf_hash", "configuration hash"}, {"pid", "process"}, {"uptime_s", "up"},
    {"connections", "connections"}, {"sessions", "sessions"}, {"requests", "open requests"},
    {"log_size", "log entries"}, {"log_root", "log root"}, {"log_key", "log key"},
    {"ca", "authority"}, {"disk_free_bytes", "disk free"}, {"draining", "draining"}};

static const char *bytes_text(int64_t v, char *out, size_t cap)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t i = 0;

	for (; v >= 10 * 1024 && i < 4; i++)
		v /= 1024;
	(void)snprintf(out, cap, "%lld %s", (long long)v, units[i]);
	return out;
}

static const char *status_value(const char *key, const struct mp_val *item, char *out, size_t cap)
{
	const struct mp_val *v = mp_get(item, key);

	if (strcmp(key, "uptime_s") == 0)
		return view_span(mp_i64(v, 0), out, cap);
	if (strcmp(key, "disk_free_bytes") == 0)
		return bytes_text(mp_i64(v, 0), out, cap);
	if (mp_type(v) == MP_BOOL)
		return mp_bool(v, false) ? "yes" : "no";
	if (mp_type(v) == MP_STR)
		return ctlc_text(item, key, out, cap);
	(void)snprintf(out, cap, "%lld", (long long)mp_i64(v, 0));
	return out;
}

static void print_status(const struct mp_val *item)
{
	char value[300], safe[600];
	size_t i;

	for (i = 0; i < sizeof(status_lines) / sizeof(status_lines[0]); i++) {
		if (mp_get(item, status_lines[i].key) == NULL)
			continue;
		(void)span_escape(
		    span_str(status_value(status_lines[i].key, item, value, sizeof(value))), safe,
		    sizeof(safe));
		printf("%-20s %s\n", status_lines[i].label, safe);
	}
}

int verb_status(struct cli *c, const struct cli_args *a)
{
	(void)a;
	return view_one(c, "status", NULL, print_status);
}

static const struct view reload_view = {"reload", NULL, 0, NULL};

int verb_reload(struct cli *c, const struct cli_args *a)
{
	(void)a;
	return view_call(c, "reload", NULL, &reload_view);
}
