#!/bin/bash
# Logins at npm's oidc-provider over https with a CA of our own: each signature algorithm, polling as told, keys that change, what
# the person or the provider can answer, and who a name belongs to.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
. "$(dirname "$0")/../idp/oidc.sh"
OIDC_MODULES=$("$OIDC_TOP/install.sh") && command -v node > /dev/null || {
    skip "the packages of tests/idp/oidc-provider are not to be had"
    exit 0
}
idp=$(mktemp -d /tmp/sallyport-idp.XXXXXX)
chmod 755 "$idp"
more_down() {
    oidc_stop "$idp"
    rm -rf "$idp"
}
trap more_down EXIT
oidc_tls "$idp"
for u in alice bob erin; do oidc_user "$idp" $u '{"groups": ["analysts"]}'; done
printf top-secret > "$idp/secret"
chmod 600 "$idp/secret"
oidc_start "$idp" '[{"id": "rs", "alg": "RS256"}, {"id": "ps", "alg": "PS256", "secret": "top-secret"}, {"id": "es", "alg": "ES256"}]' || {
    not_ok "oidc-provider starts"
    exit 1
}
block() { # CLIENT [more keys]
    echo "  corp: {type: oidc, issuer: \"$OIDC_ISSUER\", client_id: $1, ca: $idp/ca.pem, timeout: 1m, names: [\"*@example.com\"]${2:-}}"
}
block rs > "$idp/identity.yaml"
LAB_USERS=carol LAB_IDENTITY=$idp/identity.yaml
lab_up
o=$LAB/o
set_block() { # CLIENT [more keys]: another block in the running gateway
    sed -i "s#^  corp: .*#$(block "$@")#" "$LAB/sallyport.yaml"
    "$SP_BIN/sallyport" reload > "$LAB/reload" 2>&1 || {
        not_ok "the block is taken"
        cat "$LAB/reload"
    }
}
n=0
# login WHO [KEY]: a login from start to end; its exit status in $rc, files LAB/l.*
login() {
    n=$((n + 1))
    [ -n "${2:-}" ] || key l$n
    login_begin l "${2:-l$n}" somebody cert
    oidc_approve "$idp" "$1" "$(login_code l)" > "$o" 2>&1 || cat "$o"
    rc=$(login_end l)
}
refused() { # TEXT PATTERN
    is "$1" "$rc" 255
    check "  and says so" "sallyport: .*$2" "$LAB/l.err"
    is "  no certificate came" "$(cat "$LAB/l.out")" ""
}

# --- algorithms
for c in rs ps es; do
    more=
    [ $c != ps ] || more=", secret: \"file:$idp/secret\""
    set_block $c "$more"
    login erin
    is "a token signed with ${c^^}256" "$rc" 0
    check "  becomes a certificate" "^ssh-ed25519-cert-v01@openssh.com " "$LAB/l.out"
done
cp "$LAB/l.out" "$LAB/keys/l$n-cert.pub"
as l$n erin@example.com whoami > "$o" 2>&1
check "the name is the verified e-mail address" "^erin@example.com .*analysts" "$o"
set_block ps ", secret: \"file:$idp/secret\", algs: [ES256]"
login erin
refused "an algorithm that the block does not take" "alg|sign|token"
set_block es

# --- polling
: > "$idp/requests"
key p1
login_begin l p1 somebody cert
code=$(login_code l)
sleep 3.5
polls=$(oidc_requests "$idp" /token)
if [ "$polls" -ge 2 ] && [ "$polls" -le 4 ]; then ok "it asks once per second, as told ($polls times in 3.5 s)"; else not_ok "it asks once per second, as told ($polls times in 3.5 s)"; fi
oidc_faults "$idp" '{"slow_down": 1}'
sleep 2
: > "$idp/requests"
sleep 9
polls=$(oidc_requests "$idp" /token)
if [ "$polls" -ge 1 ] && [ "$polls" -le 2 ]; then ok "told to slow down it asks every six seconds ($polls times in 9 s)"; else not_ok "told to slow down it asks every six seconds ($polls times in 9 s)"; fi
oidc_approve "$idp" erin "$code" > "$o" 2>&1 || cat "$o"
is "  and still gets the answer" "$(login_end l)" 0
key p2
login_begin l p2 somebody cert
code=$(login_code l)
oidc_faults "$idp" '{"status": {"/token": 503}}'
sleep 3
oidc_faults "$idp" '{}'
oidc_approve "$idp" erin "$code" > "$o" 2>&1 || cat "$o"
is "an outage of the provider in between does not end the login" "$(login_end l)" 0

# --- keys that change
oidc_restart "$idp" new-keys || not_ok "the provider starts again"
login erin
is "a provider with new keys is believed after it was asked for them" "$rc" 0
rotated=$SECONDS

# --- answers
login_no() { # OPTION
    n=$((n + 1))
    key l$n
    login_begin l l$n somebody cert
    oidc_approve "$idp" erin "$(login_code l)" "$1" > "$o" 2>&1 || cat "$o"
    rc=$(login_end l)
}
login_no --no
refused "the person disagrees" "(denied|refused|declined|disagree|said no)"
login_no --no-at-device
refused "it is not the person's device" "(denied|refused|declined|disagree|said no)"
oidc_user "$idp" erin '{"groups": ["analysts"], "email_verified": false}'
login erin
refused "an address that the provider has not verified" "verified"
oidc_user "$idp" erin '{"groups": ["analysts"], "email": "erin*@example.com"}'
login erin
refused "a name with a wildcard" ""
oidc_user "$idp" erin '{"groups": ["analysts"], "email": "carol"}'
login erin
refused "the name of a user of the configuration" "no user name it may give"
oidc_user "$idp" erin '{"groups": ["analysts"], "email": "agent:etl"}'
login erin
refused "an agent's name" ""
oidc_user "$idp" erin '{"groups": "analysts"}'
login erin
is "groups as one string" "$rc" 0
oidc_restart "$idp"
oidc_user "$idp" erin '{"groups": ["Domain Users", "analysts", "/staff/db", "https://x/y", "gruppe-ä"]}'
login erin
is "groups with odd names" "$rc" 0
cp "$LAB/l.out" "$LAB/keys/l$n-cert.pub"
as l$n erin@example.com whoami > "$o" 2>&1
check_not "  those that nothing in the configuration names are left out" "staff|https|Domain|gruppe" "$o"

# --- who a name belongs to
oidc_user "$idp" frank '{"groups": ["analysts"], "sub": "first-frank"}'
login frank
is "frank logs in" "$rc" 0
oidc_user "$idp" frank '{"groups": ["dba", "approver"], "sub": "second-frank"}'
login frank
refused "another account under the same name" "belongs to another account"
oidc_user "$idp" frank null
oidc_user "$idp" francis '{"groups": ["analysts"], "sub": "first-frank"}'
login francis
refused "the same account under another name" "knows your account as frank@example.com"
"$SP_BIN/sallyport" forget frank@example.com > "$o" 2>&1
is "an operator lets the name go" $? 0
login francis
is "  and the account has its new name" "$rc" 0
check "  on record" "login.* user=francis@example.com" "$LAB/gateway.log"

# --- the provider is away
oidc_stop "$idp"
key q1
t0=$SECONDS
login_begin l q1 somebody cert
rc=$(login_end l)
refused "a provider that is not there" "."
if [ $((SECONDS - t0)) -le 15 ]; then ok "  after $((SECONDS - t0)) s"; else not_ok "  after $((SECONDS - t0)) s"; fi
sshb carol whoami < /dev/null > "$o" 2>&1
is "  carol works on" $? 0
oidc_restart "$idp"
login erin
is "  and back again" "$rc" 0

# --- keys that change twice in a minute: a stranger's key ids must not make the gateway ask all the time
: > "$idp/requests"
oidc_restart "$idp" new-keys || not_ok "the provider starts again"
login erin
if [ $((SECONDS - rotated)) -lt 60 ]; then refused "new keys within the same minute are not asked for" "no usable key"; fi
login erin
fetched=$(oidc_requests "$idp" /jwks)
is "  however often it is tried" "${fetched:-0}" 0
left=$((62 - SECONDS + rotated))
[ "$left" -le 0 ] || sleep "$left"
login erin
is "  but after it" "$rc" 0
check_not "no token, code or secret is in the log" "eyJ|top-secret" "$LAB/gateway.log"
lab_down
