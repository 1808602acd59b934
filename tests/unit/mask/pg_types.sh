#!/bin/sh
# Run pg_types against a throw-away PostgreSQL server on a unix socket. Exit 77 (skipped) without one.
prog=${PG_TYPES:-tests/unit/mask/pg_types}
bin=${PG_BINDIR:-}
for d in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin; do
    [ -z "$bin" ] && [ -x "$d/initdb" ] && [ -x "$d/postgres" ] && bin=$d
done
if [ -z "$bin" ]; then
    echo "SKIPPED: NO POSTGRESQL SERVER HERE, THE TYPES OF MASKS ARE NOT PROVEN (set PG_BINDIR)" >&2
    exit 77
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/pgtypes.XXXXXX") || exit 99
as=
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
    chown 65534:65534 "$dir"
fi
stop() {
    $as "$bin/pg_ctl" -D "$dir/data" -m immediate -s stop >/dev/null 2>&1
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 99' INT TERM
cd / || exit 99
$as "$bin/initdb" -D "$dir/data" -U test -A trust -E UTF8 --locale=C.UTF-8 -N >"$dir.log" 2>&1 ||
    { cat "$dir.log" >&2; rm -f "$dir.log"; exit 99; }
rm -f "$dir.log"
$as "$bin/pg_ctl" -D "$dir/data" -s -w -l "$dir/log" -o "-k $dir -c listen_addresses='' -c fsync=off" start ||
    { cat "$dir/log" >&2; exit 99; }
cd "$OLDPWD" || exit 99
PGHOST=$dir PGUSER=test PGDATABASE=postgres "$prog"
