#!/bin/sh
# Regenerate the build system after a local.mk changed. Usage: tools/regen.sh [BUILD-DIR ...]
set -e
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
exec 9> "${TMPDIR:-/tmp}/sallyport-regen.lock"
flock 9
mkdir -p build-aux
autoreconf -fi >/dev/null 2>"${TMPDIR:-/tmp}/sallyport-regen.err" || { cat "${TMPDIR:-/tmp}/sallyport-regen.err" >&2; exit 1; }
for b in "$@"; do
    (cd "$b" && ./config.status >/dev/null)
done
