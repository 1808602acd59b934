#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An approval is for what a statement means where it runs, by somebody who may still approve it; and the approver reads that.
# The cases are in tests/support/approvals_cases.py. APPROVALS_ONLY="again: parameter types" runs those of that name.
. "$(dirname "$0")/../support/lab-test.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
LAB_PEOPLE="alice alice2 alice3 bob ben ben1 ben2 ben3 carol" LAB_USERS=$LAB_PEOPLE
LAB_ROLES=$(mktemp /tmp/sallyport-roles.XXXXXX)
cat > "$LAB_ROLES" << 'EOF'
  agents: {groups: [agents], targets: ["*"], logins: [app_rw, app_ro], mask: full, delegated_by: [analysts]}
EOF
lab_up conf="max_connections = 100" conf="shared_buffers = 64MB"
rm -f "$LAB_ROLES"
sed -i 's/databases: \[orders\]/databases: [orders, spare]/' "$SP_CONF"
"$SP_BIN/sallyport" reload > "$LAB/reload" 2>&1 || not_ok "reload: $(cat "$LAB/reload")"

# An agent of alice's: its own key, a certificate that alice's delegates.
ssh-keygen -q -t ed25519 -N "" -C bot -f "$LAB/keys/bot"
sshb alice delegate --name bot --targets orders-prod --ttl 30m < "$LAB/keys/bot.pub" > "$LAB/keys/bot-cert.pub" 2> "$LAB/bot.err" || not_ok "delegate: $(cat "$LAB/bot.err")"
awk '/^Host bastion-alice$/ { on = 1 } /^Host / && !/^Host bastion-alice$/ { on = 0 } on' "$SP_SSH_CONFIG" |
    sed -E "s/bastion-alice/bastion-bot/; s#keys/alice#keys/bot#g; s/User alice/User agent:bot/" >> "$SP_SSH_CONFIG"

cases() { # KIND
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/support python3 "$here/support/approvals_cases.py" "$@" > "$LAB/cases" 2>&1
    cat "$LAB/cases"
    failures=$((failures + $(grep -c '^not ok' "$LAB/cases")))
    grep -q '^ok\|^not ok' "$LAB/cases" || not_ok "cases of $1 ran"
}
mode() { # KEY: how the statement is held, for programs
    sed -i -E "s/wait: 15m(, mode: [a-z]*)?/wait: 15m$1/" "$SP_CONF"
    "$SP_BIN/sallyport" reload > "$LAB/reload" 2>&1 || not_ok "reload: $(cat "$LAB/reload")"
}
if [ -n "${APPROVALS_ONLY:-}" ]; then
    case $APPROVALS_ONLY in again* | approver*) mode ", mode: reject" ;; esac
    # shellcheck disable=SC2086
    cases $APPROVALS_ONLY
    lab_down
fi
cases waits
cases reads
mode ", mode: reject"
cases again
cases approver
# The gateway's own questions never failed on the server, nor anybody's transaction with them.
check_not "no own question failed" 'STATEMENT: .*(WITH RECURSIVE named|pg_control_system)' "$SP_PG_LOG"
lab_down
