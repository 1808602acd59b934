#!/bin/bash
# share/demo.sh --once is the main job end to end.
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp)
SP_BUILD=${SP_BUILD:-$top/build/plain} timeout 170 "$top/share/demo.sh" --once > "$out" 2>&1
rc=$?
cat "$out"
if [ "$rc" -eq 0 ]; then echo "ok - demo --once exits 0"; else echo "not ok - demo --once exits $rc"; fi
rm -f "$out"
exit "$rc"
