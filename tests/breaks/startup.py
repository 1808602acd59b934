# SPDX-License-Identifier: Apache-2.0
#
# What a client sets with its start-up packet is judged as what it SETs later: one table of rules. The server says which
# value a session really has.
import pgwire
from pglab import case

SETTINGS = {
    "search_path": "public, pg_catalog", "client_min_messages": "debug5", "session_replication_role": "replica", "row_security": "off", "standard_conforming_strings": "off",
    "backslash_quote": "on", "log_statement": "none", "default_transaction_read_only": "off", "statement_timeout": "0", "lock_timeout": "12345", "TimeZone": "Asia/Tokyo",
    "DateStyle": "SQL, DMY", "IntervalStyle": "iso_8601", "work_mem": "12345kB", "temp_tablespaces": "", "default_tablespace": "pg_default", "xmloption": "document", "bytea_output": "escape",
    "escape_string_warning": "off", "quote_all_identifiers": "on", "array_nulls": "off", "transform_null_equals": "on", "lo_compat_privileges": "on", "debug_print_parse": "on",
    "check_function_bodies": "off", "plan_cache_mode": "force_generic_plan", "extra_float_digits": "0", "role": "app_ro", "session_authorization": "app_ro", "client_encoding": "LATIN1",
    "log_min_messages": "panic", "log_parameter_max_length": "0", "track_activities": "off", "jit": "off", "enable_seqscan": "off", "my.own": "1",
}


def show(p, name):
    reply = p.simple("show " + name)
    return (reply.errors and "error " + reply.state) or reply.text


def by_start(t, parameters, name):
    """The value a session has that asked for it at its start, or None where the session was refused."""
    try:
        p = t.gate(parameters=parameters)
    except pgwire.Closed:
        return None
    return show(p, name)


def same_rule(t, name, value, as_options):
    p = t.gate()
    usual = show(p, name)
    done = p.simple("set %s = %s" % (name, ", ".join("'%s'" % v.strip() for v in value.split(",")) if name == "search_path" else "'%s'" % value), timeout=3)
    if not done.errors and not done.status:
        p.cancel()
        done = p.until("Z", timeout=3)
    passes = not done.errors
    after = show(p, name) if passes else usual
    packet = {"options": "-c %s=%s" % (name, value.replace(" ", "\\ "))} if as_options else {name: value}
    started = by_start(t, packet, name)
    if started is None:
        return
    t.true("SET %s; at the start it has the effect" % ("passes" if passes else "is refused: %s" % done.state),
           started == usual or passes and started == after, "usually %r, SET gives %r, the start gives %r" % (usual, after, started))


for number, (name, value) in enumerate(SETTINGS.items()):
    case("start-up", "%s = %s" % (name, value))(lambda t, n=name, v=value: same_rule(t, n, v, False))
    if number % 2 == 0:
        case("start-up", "options -c %s = %s" % (name, value))(lambda t, n=name, v=value: same_rule(t, n, v, True))

for what, options in {"two in one": "-c client_min_messages=debug5 -c search_path=public,pg_catalog", "--name=value": "--search_path=public,pg_catalog", "-- with dashes": "--client-min-messages=debug5",
                      "glued": "-csearch_path=public,pg_catalog", "escaped": "-c search_path=public\\,pg_catalog", "upper case": "-c SEARCH_PATH=public,pg_catalog",
                      "tabs": "-c\tsearch_path=public,pg_catalog", "single letters": "-fs -P -d5"}.items():
    @case("start-up", "options: " + what)
    def _(t, o=options):
        try:
            p = t.gate(parameters={"options": o})
        except pgwire.Closed:
            return
        t.is_("pg_catalog is found first", p.value("select current_schemas(true)").startswith("{pg_catalog"), True)
        t.true("no debug messages", p.value("show client_min_messages") in ("notice", "warning", "error", "log"), p.value("show client_min_messages"))


@case("start-up", "usual settings of drivers pass")
def _(t):
    p = t.gate(parameters={"extra_float_digits": "3", "DateStyle": "ISO", "TimeZone": "Europe/Berlin", "client_encoding": "UTF8"})
    t.is_("settings", (p.value("show timezone"), p.value("show client_encoding"), p.value("show extra_float_digits")), ("Europe/Berlin", "UTF8", "3"))
