#!/bin/sh
# Regenerate the build system after a local.mk changed. Usage: tools/regen.sh [-u] [BUILD-DIR ...]
# -u: only when something it is made of is newer.
set -e
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
update=
if [ "${1:-}" = -u ]; then
    update=1
    shift
fi
mkdir -p build-aux
exec 9> build-aux/regen.lock
flock 9
if [ -n "$update" ] && [ -e configure ] && [ -e Makefile.in ] && [ -e config.h.in ] &&
    [ -z "$(find configure.ac Makefile.am src tests tools \( -name '*.mk' -o -name '*.am' -o -name '*.ac' \) -newer configure -print -quit)" ]; then
    exit 0
fi
autoreconf -fi > /dev/null 2> build-aux/regen.err || {
    cat build-aux/regen.err >&2
    exit 1
}
for b in "$@"; do
    (cd "$b" && ./config.status > /dev/null)
done
