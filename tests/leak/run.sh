#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The non-interference fuzzer with a lab of its own; make fuzz-leak calls it in the build directory.
#   SP_BUILD=DIR tests/leak/run.sh
# FUZZ_LEAK_SECONDS   how long (0: no limit; default 120)
# FUZZ_LEAK_N         how many statements in all; a run that is interrupted goes on from leak-work/progress (0: no limit)
# FUZZ_LEAK_SEED      the seed of the first statements (default: random, printed)
# FUZZ_LEAK_WORKERS   sessions at a time on each side (default: processors)
# FUZZ_LEAK_KINDS     only these kinds of scripts (scripts.py), with commas
# FUZZ_LEAK_LAB       the directory of a running lab (leak_up) to use instead of a new one
# Leaks are printed and added to leak-work/leaks.jsonl, one replayable case a line: tests/leak/replay.py --leaks runs them again.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lab.sh"
build=${SP_BUILD:-$LAB_TOP/build/plain}
workers=${FUZZ_LEAK_WORKERS:-$(nproc)}
mkdir -p leak-work
lab=${FUZZ_LEAK_LAB:-}
if [ -z "$lab" ]; then
    lab=$(mktemp -d /tmp/sallyport-leak.XXXXXX)
    trap 'leak_down "$lab"; rm -rf "$lab"' EXIT
    leak_up "$lab" "$build" "$workers" || exit 2
fi
python3 "$here/fuzz.py" "$lab/leak.json" --seconds "${FUZZ_LEAK_SECONDS:-120}" --n "${FUZZ_LEAK_N:-0}" --workers "$workers" \
    ${FUZZ_LEAK_SEED:+--seed "$FUZZ_LEAK_SEED"} --kinds "${FUZZ_LEAK_KINDS:-}" --out leak-work/leaks.jsonl --progress leak-work/progress
