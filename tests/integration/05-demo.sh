#!/bin/bash
# share/demo.sh --once is the main job end to end; then once more with people who come from an identity provider.
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp)
all=0
for option in "" "--idp glewlwyd"; do
    # shellcheck disable=SC2086
    SP_BUILD=${SP_BUILD:-$top/build/plain} timeout 170 "$top/share/demo.sh" $option --once > "$out" 2>&1
    rc=$?
    cat "$out"
    if [ "$rc" -eq 0 ]; then echo "ok - demo $option --once exits 0"; else echo "not ok - demo $option --once exits $rc"; fi
    [ "$rc" -eq 0 ] || all=$rc
done
rm -f "$out"
exit "$all"
