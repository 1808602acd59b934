#!/bin/bash
# Non-interference: cases that a client could tell two databases apart by, whose masked values differ and nothing else; and
# harmless work that must stay as it is. The generator that finds such cases is make fuzz-leak.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../leak/lab.sh"
dir=$(mktemp -d /tmp/sallyport-leak.XXXXXX)
trap 'leak_down "$dir"; [ -n "${LAB_KEEP:-}" ] || rm -rf "$dir"' EXIT
if ! leak_up "$dir" "${SP_BUILD:-$LAB_TOP/build/plain}" 1; then
    echo "not ok - the lab starts"
    exit 1
fi
failed=0
for f in control clear same; do
    python3 "$here/../leak/replay.py" "$dir/leak.json" "$here/../leak/corpus/$f.txt" || failed=1
done
[ "$failed" -eq 0 ] || grep -vE ' info ' "$dir/gateway.log" | tail -20 | sed 's/^/# /'
exit $failed
