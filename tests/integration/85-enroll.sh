#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Jobs and agents without a person at the keyboard: a token of their CI system for a certificate. A token is bound to the
# key, or good once; what does not fit is refused and said; the connection can do nothing else.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
. "$(dirname "$0")/../idp/oidc.sh"
idp=$(mktemp -d /tmp/sallyport-jobs.XXXXXX)
chmod 755 "$idp"
python3 "$(dirname "$0")/../support/jobidp.py" "$idp" > "$idp/log" 2>&1 &
idp_pid=$!
cleanup() {
    kill "$idp_pid" 2> /dev/null
    oidc_stop "$idp/real" > /dev/null 2>&1
    [ -z "${LAB:-}" ] || lab_down_quiet
    rm -rf "$idp"
}
trap cleanup EXIT
for _ in $(seq 1 200); do
    [ ! -e "$idp/issuer" ] || break
    sleep 0.1
done
issuer=$(cat "$idp/issuer") || {
    not_ok "the issuer of job tokens starts"
    exit 1
}
chmod 644 "$idp/ca.pem"

real=
if command -v npm > /dev/null 2>&1; then
    oidc_tls "$idp/real"
    oidc_start "$idp/real" '[{"id": "deploy", "secret": "job-secret", "grants": ["client_credentials"], "claims": {"team": "orders"}}]' && real=$OIDC_ISSUER
    [ -n "$real" ] || not_ok "oidc-provider starts"
else
    skip "there is no npm for the real provider"
fi

LAB_IDENTITY=$(mktemp /tmp/sallyport-identity.XXXXXX)
LAB_ROLES=$(mktemp /tmp/sallyport-roles.XXXXXX)
cat > "$LAB_IDENTITY" << EOF
  actions: {type: oidc, kind: service, issuer: "$issuer", ca: "$idp/ca.pem", name: ci-orders, add_groups: [ci], claims: ["/repository_id=42"]}
  once: {type: oidc, kind: service, issuer: "$issuer", ca: "$idp/ca.pem", name: ci-once, add_groups: [ci], claims: ["/repository_id=43"], audience: sallyport-lab, ttl: 20m}
  bots: {type: oidc, kind: agent, issuer: "$issuer", ca: "$idp/ca.pem", user: /bot, person: /owner, names: ["*.bot"], add_groups: [agents], claims: ["/repository_id=44"]}
EOF
[ -z "$real" ] || echo "  real: {type: oidc, kind: service, issuer: \"$real\", ca: \"$idp/real/ca.pem\", name: ci-real, add_groups: [ci], claims: [\"/team=orders\"]}" >> "$LAB_IDENTITY"
cat > "$LAB_ROLES" << EOF
  ci: {groups: [ci], targets: [orders-prod], logins: [app_ro]}
  agents: {groups: [agents], targets: ["*"], logins: [app_ro], max: read, delegated_by: [dba]}
EOF
lab_up
trap cleanup EXIT
rm -f "$LAB_IDENTITY" "$LAB_ROLES"
o=$LAB/o

mint() { # CLAIMS [KEY]
    curl -sS -m 20 --cacert "$idp/ca.pem" --data-urlencode "claims=$1" --data-urlencode "key=${2:-}" "$issuer/mint"
}
aud() { echo "ssh://lab/$(key_fp "$1")"; }
enroll_ssh() { # KEY ARG...: as the user enroll with nothing but the key
    local key=$1
    shift
    raw_ssh -o IdentityFile="$LAB/keys/$key" -o CertificateFile=none -o BatchMode=yes "$@"
}
enroll() { # KEY TOKEN: the exit status; the certificate is kept
    printf '%s\n' "$2" | enroll_ssh "$1" enroll@127.0.0.1 enroll > "$LAB/keys/$1-cert.pub" 2> "$o"
    rc=$?
}
refused() { # TEXT PATTERN
    is "refused: $1" "$rc" 4
    check "  and said" "$2" "$o"
}
for k in job thief once bot other; do key $k; done

# --- a token bound to the key
token=$(mint "{\"aud\": \"$(aud job)\", \"repository_id\": \"42\"}")
enroll job "$token"
is "a job gets a certificate" "$rc" 0
check "and is told which" 'certificate [0-9]+ for ci-orders, good for (60|59|1).* from 127.0.0.1' "$o"
ssh-keygen -L -f "$LAB/keys/job-cert.pub" > "$o" 2>&1
check "for the block's name" '^ +ci-orders$' "$o"
check "bound to its address" 'source-address 127.0.0.1$' "$o"
check_not "without a terminal" 'permit-pty' "$o"
as job ci-orders whoami > "$o" 2>&1
check "it is somebody" '^ci-orders .*groups ci' "$o"
as job ci-orders sql orders-prod -c 'select 6 * 7 as answer' > "$o" 2>&1
check "it reads" '42' "$o"
raw_ssh -o IdentityFile="$LAB/keys/job" -o CertificateFile="$LAB/keys/job-cert.pub" -o LogLevel=ERROR ci-orders@127.0.0.1 delegate --targets orders-prod < "$LAB/keys/other.pub" > "$o" 2>&1
is "it does not delegate" $? 4
check "the log has the token's subject" ' enrolled .*user=ci-orders block=actions iss=.*actions sub=repo:acme/orders:ref:refs/heads/main key=SHA256:.* source=127.0.0.1 serial=[0-9]+' "$LAB/gateway.log"
enroll job "$token"
is "the same key may use its token again" "$rc" 0
enroll thief "$token"
refused "a stolen token with another key" "audience"
check "the log has it, too" ' enroll-refused .*iss=https://.*/actions .*key=SHA256:.* source=127.0.0.1 why=' "$LAB/gateway.log"
printf '%s\n' "$(mint "{\"aud\": \"$(aud other)\", \"repository_id\": \"42\"}")" | enroll_ssh other enroll@127.0.0.1 > "$LAB/keys/other-cert.pub" 2> "$o"
is "without a command it enrolls, too" "$(grep -c '^ssh-ed25519-cert' "$LAB/keys/other-cert.pub")" 1

# --- a token with a fixed audience
token=$(mint '{"aud": "sallyport-lab", "repository_id": "43", "jti": "once-1"}')
enroll once "$token"
is "a token without key is taken" "$rc" 0
check "for the block's time" 'good for (20|19) min' "$o"
as once ci-once whoami > "$o" 2>&1
check "and good" '^ci-once ' "$o"
enroll once "$token"
refused "the same once more" "used before"
enroll thief "$token"
refused "nor with another key" "used before"
enroll thief "$(mint '{"aud": "sallyport-lab", "repository_id": "43", "jti": "once-1", "actor": "x"}')"
refused "nor another token of the same id" "used before"
lab_gateway_stop "$LAB"
lab_gateway_start "$LAB" "$SP_BIN"
log_wait 'fetcher-start' 10
enroll thief "$token"
refused "nor after a restart" "used before"
enroll once "$(mint '{"aud": "sallyport-lab", "repository_id": "43"}')"
is "a new token is good" "$rc" 0

# --- what does not fit
enroll thief "$(mint "{\"aud\": \"$(aud thief)\", \"repository_id\": \"99\"}")"
refused "another repository" "/repository_id is not"
enroll thief "$(mint "{\"aud\": \"$(aud thief)\", \"repository_id\": null}")"
refused "no repository" "repository_id"
enroll thief "$(mint "{\"aud\": \"$(aud thief)\", \"repository_id\": \"42\", \"iss\": \"https://evil.example.com\"}")"
refused "an unknown issuer" "no identity block takes tokens of https://evil.example.com"
enroll thief "$(mint "{\"aud\": \"$(aud thief)\", \"repository_id\": \"42\", \"exp\": 1700000000}")"
refused "an expired token" "expired"
enroll thief "$(mint "{\"aud\": \"$(aud thief)\", \"repository_id\": \"42\"}" other)"
refused "a signature of another key" "signature"
enroll thief "$(mint "{\"aud\": \"$(aud thief)\", \"repository_id\": \"42\"}" none)"
refused "no signature" "algorithm|alg|signature|none"
enroll thief "no token at all"
is "refused: something else" "$rc" 2
printf '' | enroll_ssh thief enroll@127.0.0.1 enroll > "$o" 2>&1
is "refused: nothing" $? 2
head -c 20000 /dev/zero | tr '\0' A | enroll_ssh thief enroll@127.0.0.1 enroll > "$o" 2>&1
is "refused: too much" $? 2
check "  and said" "longer than 16384 bytes" "$o"
sleep 12 | enroll_ssh thief enroll@127.0.0.1 enroll > "$o.slow" 2>&1 &
slow=$!

# --- nothing else
for what in whoami targets cert "sql orders-prod" "delegate --targets orders-prod" "approve abcdefgh" help; do
    # shellcheck disable=SC2086
    enroll_ssh job enroll@127.0.0.1 $what > "$o.2" 2>&1 < /dev/null
    is "the user enroll cannot: $what" $? 4
done
check "  and is told what to do" "hint: ssh enroll@lab enroll < token.jwt" "$o.2"
enroll_ssh job -o ExitOnForwardFailure=yes -W orders-prod:5432 enroll@127.0.0.1 > "$o.2" 2>&1 < /dev/null
check "no forward" 'prohibited|refused|failed' "$o.2"
enroll_ssh job -tt enroll@127.0.0.1 enroll > "$o.2" 2>&1 < /dev/null
check_not "no terminal" 'certificate [0-9]+ for' "$o.2"
sshb alice enroll > "$o.2" 2>&1 < /dev/null
is "and nobody else enrolls" $? 4
wait "$slow"
check "refused: nothing for ten seconds" "within 10 seconds" "$o.slow"

# --- agents
bot() { # OWNER
    enroll bot "$(mint "{\"aud\": \"$(aud bot)\", \"repository_id\": \"44\", \"bot\": \"etl.bot\", \"owner\": $1}")"
}
bot '"carol"'
is "an agent of carol gets a certificate" "$rc" 0
check "and is told for whom" 'for agent:etl.bot for carol.* from 127.0.0.1' "$o"
check "with the limit of its role" 'nothing beyond read' "$o"
as bot agent:etl.bot whoami > "$o" 2>&1
check "it acts for carol" '^agent:etl.bot for carol ' "$o"
as bot agent:etl.bot sql orders-prod -c 'select 6 * 7 as answer' > "$o" 2>&1
check "it reads" '42' "$o"
bot '"alice"'
refused "a person who may have no agent" "alice may give agent:etl.bot no role"
bot '"mallory"'
refused "nobody's agent" "mallory is no user of this gateway"
bot null
refused "an agent without a person" "person|owner"
enroll bot "$(mint "{\"aud\": \"$(aud bot)\", \"repository_id\": \"44\", \"bot\": \"root\", \"owner\": \"carol\"}")"
refused "a name that the block may not give" 'may not give the name "root"'
bot '"carol"'
"$SP_BIN/sallyport" lock carol -m "on leave" > "$o" 2>&1
check "locking carol ends nothing else" "carol is locked" "$o"
as bot agent:etl.bot -o LogLevel=INFO whoami > "$o" 2>&1
check_not "her agent does not get in" '^agent:etl.bot for' "$o"
bot '"carol"'
refused "nor a new one" "carol is locked"
"$SP_BIN/sallyport" unlock carol > "$o" 2>&1

# --- a real provider
if [ -n "$real" ]; then
    token=$(oidc_token "$idp/real" deploy job-secret "$(aud job)")
    enroll job "$token"
    is "a token of a real provider, bound to the key" "$rc" 0
    as job ci-real whoami > "$o" 2>&1
    check "  is somebody" '^ci-real .*groups ci' "$o"
    enroll thief "$token"
    refused "with another key" "audience"
    enroll job "$(oidc_token "$idp/real" deploy job-secret https://elsewhere.example.com/)"
    refused "a token of the same provider for somebody else" "audience"
fi

# --- the block goes
sed -i '/^  actions:/d' "$SP_CONF"
"$SP_BIN/sallyport" reload > "$o" 2>&1
enroll job "$(mint "{\"aud\": \"$(aud job)\", \"repository_id\": \"42\"}")"
is "refused: its block is gone" "$rc" 4
as other ci-orders whoami > "$o" 2>&1
check_not "and the certificates that it gave are worth nothing" '^ci-orders ' "$o"
lab_down
