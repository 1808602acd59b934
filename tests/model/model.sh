#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a generator of this folder against a lab of its own: model.sh protocol | effect. The variables of fuzzing.py apply.
. "$(dirname "$0")/../support/lab-test.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
LAB_PEOPLE="alice alice2 alice3 alice4 bob" LAB_USERS=$LAB_PEOPLE
lab_up conf="logging_collector = on" conf="log_destination = 'jsonlog'" conf="log_filename = 'server'" conf="log_rotation_size = 0" conf="log_parameter_max_length = -1" \
    conf="max_connections = 200" conf="autovacuum = off"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/support:$here/model python3 "$here/model/$1.py"
failures=$?
grep -h 'terminated by signal' "$LAB/pg/data/log/server.json" | grep -o '"detail":"[^"]*' | sort | uniq -c | head -3 | sed 's/^/the server itself crashed: /'
[ "$failures" -eq 0 ] || grep -vE ' info ' "$LAB/gateway.log" | tail -5
exit $((failures > 0))
