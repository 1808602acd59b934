#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Somebody with a wire client of his own makes the server run something else than what was judged: names that changed in
# flight, names resolved later, approvals of other meanings, temporary objects that are none, values dressed as other
# things, bounds that are none. Each case asks the server itself, past the gateway, what came of it. BREAK_ONLY=text runs
# the cases whose name contains it.
. "$(dirname "$0")/../support/lab-test.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
LAB_PEOPLE="alice alice2 alice3 alice4 rita bob ben ben2 ben3 ben4 carol" LAB_USERS=$LAB_PEOPLE
LAB_ROLES=$(mktemp /tmp/sallyport-roles.XXXXXX)
cat > "$LAB_ROLES" << 'EOF'
  agents: {groups: [agents], targets: ["*"], logins: [app_rw, app_ro], mask: full, delegated_by: [analysts]}
  reader: {groups: [readers], targets: ["*"], logins: [app_rw], mask: full, max: read}
EOF
lab_up conf="logging_collector = on" conf="log_destination = 'jsonlog'" conf="log_filename = 'server'" conf="log_rotation_size = 0" conf="max_connections = 200"
rm -f "$LAB_ROLES"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/support:$here/breaks python3 "$here/breaks/all.py" "${BREAK_ONLY:-}" > "$LAB/breaks" 2>&1
cat "$LAB/breaks"
failures=$(grep -c '^not ok' "$LAB/breaks")
grep -q '^ok' "$LAB/breaks" || not_ok "cases ran"
lab_down
