#!/bin/sh
# Replays every corpus through its target (TAP).
here=$(cd "$(dirname "$0")" && pwd)
n=0
rc=0
for dir in "$here"/corpus/*/; do
    t=$(basename "$dir")
    [ -x "tests/fuzz/$t" ] || continue
    n=$((n + 1))
    if find "$dir" -type f -print0 | xargs -0 -r "tests/fuzz/$t" > /dev/null 2> "tests/fuzz/$t.err"; then
        echo "ok $n - replay $t"
    else
        echo "not ok $n - replay $t"
        sed 's/^/# /' "tests/fuzz/$t.err"
        rc=1
    fi
    rm -f "tests/fuzz/$t.err"
done
echo "1..$n"
exit $rc
