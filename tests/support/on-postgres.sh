#!/bin/sh
# Run a program with the PG* environment of a throw-away server. Exit 77 (skipped) where there is no server to start.
# Usage: on-postgres.sh PROGRAM [ARGUMENT ...]
. "$(dirname "$0")/pgtmp.sh"
if [ ! -x "$(pgtmp_bin)/initdb" ]; then
    echo "SKIPPED: NO POSTGRESQL SERVER HERE, $1 PROVES NOTHING (set PGTMP_BIN)" >&2
    exit 77
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/sp-pg.XXXXXX") || exit 99
trap 'pgtmp_stop "$dir"; rm -rf "$dir"' EXIT
trap 'exit 99' INT TERM
port=$(pgtmp_start "$dir") || exit 99
PGHOST=$dir/sock PGPORT=$port PGUSER=postgres PGDATABASE=postgres "$@"
