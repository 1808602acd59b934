#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The generators of tests/model on small input: what they once found (tests/model/*.jsonl), and a few hundred new ones of a fixed
# seed. make fuzz-protocol and make fuzz-effect are the long runs.
. "$(dirname "$0")/../support/lab-test.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
LAB_PEOPLE="alice alice2 alice3 alice4 bob" LAB_USERS=$LAB_PEOPLE
lab_up conf="logging_collector = on" conf="log_destination = 'jsonlog'" conf="log_filename = 'server'" conf="log_rotation_size = 0" conf="log_parameter_max_length = -1" \
    conf="max_connections = 200" conf="autovacuum = off"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/support:$here/model

for what in protocol effect; do
    FUZZ_CORPUS=$here/model/$what.jsonl python3 "$here/model/$what.py" > "$LAB/$what" 2>&1
    cat "$LAB/$what"
    n=$(grep -c '^not ok' "$LAB/$what")
    failures=$((failures + n))
    grep -q '^ok' "$LAB/$what" || not_ok "the corpus of $what runs"
done
for what in protocol effect; do
    FUZZ_N=800 FUZZ_JOBS=2 FUZZ_SEED=20261201 FUZZ_SECONDS=12 FUZZ_SHORTEN=5 python3 "$here/model/$what.py" > "$LAB/$what.new" 2>&1
    is "new ones of a fixed seed: $what" $? 0
    grep -A40 FAILED "$LAB/$what.new" | cut -c1-300 | sed 's/^/#   /'
done
lab_down
