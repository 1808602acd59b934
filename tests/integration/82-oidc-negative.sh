#!/bin/bash
# A provider that misbehaves: tests/idp/misbehave.mjs stands before npm's oidc-provider and changes tokens, documents and answers,
# signed with the provider's real keys where only that lets them come so far. Each is refused with its own sentence in the ssh
# client's output, and the gateway works on.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
. "$(dirname "$0")/../idp/oidc.sh"
OIDC_MODULES=$("$OIDC_TOP/install.sh") && command -v node > /dev/null || {
    skip "the packages of tests/idp/oidc-provider are not to be had"
    exit 0
}
idp=$(mktemp -d /tmp/sallyport-idp.XXXXXX)
chmod 755 "$idp"
front_pid=
clean_up() {
    oidc_stop "$idp"
    [ -z "$front_pid" ] || kill "$front_pid" 2> /dev/null
    lab_down_quiet
    [ -n "${LAB_KEEP:-}" ] || rm -rf "$idp"
}
trap clean_up EXIT
oidc_tls "$idp"
oidc_tls "$idp/other" # a CA that nobody here knows
for u in erin frank; do oidc_user "$idp" $u '{"groups": ["analysts"]}'; done

# --- the provider and what stands before it
front() { # DIR-OF-CERTIFICATE: sets front and front_pid
    : > "$idp/front.out"
    node "$OIDC_TOP/misbehave.mjs" --keys "$idp/keys.json" --tls "$1/tls.key,$1/tls.crt" --log "$idp/front.log" > "$idp/front.out" 2>> "$idp/err" &
    front_pid=$!
    for _ in $(seq 1 200); do
        grep -q '^issuer ' "$idp/front.out" && break
        sleep 0.1
    done
    front=$(sed -n 's/^issuer //p' "$idp/front.out")
}
front "$idp"
oidc_start "$idp" '[{"id": "rs", "alg": "RS256"}, {"id": "ps", "alg": "PS256"}, {"id": "es", "alg": "ES256"}]' "issuer=\"$front\"" || {
    not_ok "oidc-provider starts"
    exit 1
}
ask() { oidc_curl "$idp" "$@"; }
ask -o /dev/null -d "$(sed -n 's/^listens //p' "$idp/out")" "$front/test/upstream"
mode() { ask -o /dev/null -H 'content-type: text/plain' -d "$1" "$front/test/mode" || not_ok "the mode is taken"; }
count() { ask "$front/test/count?$1"; }
well_known=/.well-known/openid-configuration

block() { # CLIENT [more keys]
    echo "  corp: {type: oidc, issuer: \"$front\", client_id: $1, ca: $idp/ca.pem, timeout: 1m, names: [\"*@example.com\"]${2:-}}"
}
block es > "$idp/identity.yaml"
LAB_USERS=carol LAB_IDENTITY=$idp/identity.yaml
export LAB_GATEWAY_EXTRA=", max_pending_logins_per_source: 20" # of one address, in which most logins here fail
lab_up
trap clean_up EXIT
o=$LAB/o
set_line() { # LINE: the block of the running gateway
    sed -i "s#^  corp: .*#$1#" "$LAB/sallyport.yaml"
    "$SP_BIN/sallyport" reload > "$LAB/reload" 2>&1 || {
        not_ok "the block is taken"
        cat "$LAB/reload"
    }
}
# Makes the fetcher forget what the provider published: another provider, then the one again.
fresh() { # CLIENT
    set_line '  corp: {type: oidc, issuer: "https://127.0.0.1:1", client_id: none, names: ["*@example.com"]}'
    set_line "$(block "${1:-es}")"
}

n=0
# login WHO: a login from start to end; exit status in $rc, output in LAB/l.*, seconds in $took
login() {
    local t0=$SECONDS code
    n=$((n + 1))
    key l$n
    login_begin l l$n somebody cert
    if code=$(login_code l); then oidc_approve "$idp" "$1" "$code" > "$o" 2>&1 || cat "$o"; fi
    rc=$(login_end l)
    took=$((SECONDS - t0))
}
alive() {
    sshb carol whoami < /dev/null > "$o" 2>&1
    is "  the gateway works on" $? 0
}
refused() { # TEXT PATTERN
    is "$1" "$rc" 255
    check "  refused and said so" "sallyport: .*$2" "$LAB/l.err"
    is "  no certificate came" "$(cat "$LAB/l.out")" ""
    alive
}
bad_token() { # TEXT MODE PATTERN
    mode "$2"
    login erin
    mode '{}'
    refused "$1" "$3"
}
good() { # TEXT
    login erin
    is "$1" "$rc" 0
    check "  a certificate came" "^ssh-ed25519-cert-v01@openssh.com " "$LAB/l.out"
}

# --- what is right, through the same front
for c in rs ps es; do
    set_line "$(block $c)"
    good "a token signed with ${c^^}256"
done
# the same key, resigned by the front: what is refused below is refused for its content
mode '{"claims": {"more": 1}}'
good "a token that the front signed again"

# --- claims
bad_token "another issuer" '{"claims": {"iss": "https://evil.example"}}' 'from another issuer \(https://evil.example\)'
bad_token "another audience" '{"claims": {"aud": "somebody-else"}}' 'for another audience \(somebody-else\)'
bad_token "several audiences and no client" '{"claims": {"aud": ["es", "x"]}}' 'does not say for which client'
bad_token "another client" '{"claims": {"azp": "somebody-else"}}' 'made for another client \(azp somebody-else\)'
bad_token "expired" '{"claims": {"exp": "now-120"}}' 'expired 1[0-9][0-9] seconds ago'
bad_token "without an expiry" '{"claims": {"exp": null}}' 'never expires'
bad_token "issued in the future" '{"claims": {"iat": "now+600"}}' 'issued [0-9]+ seconds in the future'
bad_token "of yesterday's login" '{"claims": {"iat": "now-86400"}}' 'seconds old, at most 3600'
bad_token "not valid yet" '{"claims": {"nbf": "now+600"}}' 'not valid for another [0-9]+ seconds'
bad_token "no subject" '{"claims": {"sub": ""}}' 'subject \(sub\) is empty'
bad_token "not signed" '{"alg": "none"}' 'not signed \(alg none\)'
bad_token "the public key as a shared secret" '{"alg": "HS256"}' 'shared secret \(alg HS256\)'
bad_token "signed by another key than it names" '{"alg": "RS256"}' 'not one for RS256'
bad_token "demanding unknown extensions" '{"header": {"crit": ["exp"]}}' 'extensions \(crit\)'
bad_token "another kind of token" '{"header": {"typ": "logout+jwt"}}' 'of another type \(typ logout\+jwt\)'
bad_token "a claim that stands twice" '{"twice": "sub"}' 'not JSON: duplicate'
bad_token "bytes that are no UTF-8" '{"raw": "\"x\": \"\u00ff\""}' 'not UTF-8'
bad_token "too large" '{"pad": 20000}' 'token is too large'
bad_token "groups left out by the provider" '{"claims": {"groups": null, "_claim_names": {"groups": "src1"}}}' 'too many groups: the provider left them out'
bad_token "groups as objects" '{"claims": {"groups": [{"name": "dba"}]}}' 'neither a string nor a list of strings'
bad_token "a group with a comma" '{"claims": {"groups": ["a,b"]}}' 'group "a,b" cannot stand in a certificate'
bad_token "an address that is not verified" '{"claims": {"email_verified": false}}' 'has not verified the e-mail address'
bad_token "no address" '{"claims": {"email": null}}' 'no claim /email'
bad_token "a name that the block does not give" '{"claims": {"email": "erin@evil.example"}}' 'no user name it may give'
bad_token "the name of another account" '{"claims": {"sub": "not-erin"}}' 'belongs to another account'
bad_token "a terminal's control bytes in a claim" '{"claims": {"iss": "\u001b[2Jevil"}}' 'another issuer \(\\x1b\[2Jevil\)'
many=$(seq -f '"group-%g"' 1 450 | paste -sd,)
mode "{\"claims\": {\"groups\": [$many, \"analysts\"]}}"
good "more groups than a certificate can hold, few of which matter here"
mode "{\"claims\": {\"groups\": [$many, $many]}}"
login erin
refused "more groups than anybody has" 'too many groups: 900 in the token'
mode '{"claims": {"groups": "analysts"}}'
good "groups as one string"
mode '{}'
cp "$LAB/l.out" "$LAB/keys/l$n-cert.pub"
as l$n erin@example.com whoami > "$o" 2>&1
check "  it is the group" "^erin@example.com .*analysts" "$o"

# --- keys: an unknown one makes the gateway ask again, but not more than once in a minute
fresh
mode '{"header": {"kid": "nobody-has-this"}}'
login erin
refused "signed by an unknown key" 'no usable key "nobody-has-this"'
is "  the keys were asked for once more" "$(count /jwks)" 2
login erin
refused "again within a minute" 'no usable key "nobody-has-this"'
is "  they were not" "$(count /jwks)" 2
mode '{}'
good "a known key meanwhile"

# --- documents
document() { # TEXT MODE PATTERN: for a provider that nothing is known of
    fresh
    mode "$2"
    login erin
    mode '{}'
    refused "$1" "$3"
}
document "a discovery document of another issuer" '{"discovery": {"issuer": "https://other.example"}}' 'calls itself https://other.example'
document "an issuer with one more slash" "{\"discovery\": {\"issuer\": \"$front/\"}}" 'calls itself'
document "a token endpoint without TLS" '{"discovery": {"token_endpoint": "http://127.0.0.1/token"}}' 'token endpoint is not https'
document "keys from a file" '{"discovery": {"jwks_uri": "file:///etc/passwd"}}' 'keys is not an https address'
document "no device flow" '{"discovery": {"device_authorization_endpoint": null}}' 'does not offer the device flow'
document "a redirect to another host" "{\"path\": {\"$well_known\": {\"redirect\": \"https://localhost:${front##*:}$well_known\"}}}" 'redirect'
check_not "  the other host was not asked" " localhost:" "$idp/front.log"
document "a redirect away from TLS" "{\"path\": {\"$well_known\": {\"redirect\": \"http://127.0.0.1:1/\"}}}" 'redirect'
document "a redirect of the keys" '{"path": {"/jwks": {"redirect": "https://localhost:1/jwks"}}}' 'redirect'
document "a document that is cut" "{\"path\": {\"$well_known\": {\"truncate\": 40}}}" 'did not give a whole answer'
document "a document that is no UTF-8" "{\"path\": {\"$well_known\": {\"body\": \"{\\\"issuer\\\": \\\"\u00ff\\\"}\"}}}" 'not UTF-8'
document "a document that is a web page" "{\"path\": {\"$well_known\": {\"body\": \"<html>\"}}}" 'discovery document is not JSON'
document "a document of a gigabyte" "{\"path\": {\"$well_known\": {\"huge\": 1000000000}}}" 'answer is too large'
document "keys of a gigabyte" '{"path": {"/jwks": {"huge": 1000000000}}}' 'answer is too large'
document "a set without keys" '{"path": {"/jwks": {"body": "{\"keys\": []}"}}}' 'none of the 0 keys'
document "keys that are cut" '{"path": {"/jwks": {"truncate": 40}}}' 'did not give a whole answer'
document "a code for a terminal's control bytes" '{"path": {"/device/auth": {"body": "{\"device_code\": \"x\", \"user_code\": \"A\\u001b[2J\", \"verification_uri\": \"https://a\", \"expires_in\": 60}"}}}' 'no user_code'
document "a page for the code without TLS" '{"path": {"/device/auth": {"body": "{\"device_code\": \"x\", \"user_code\": \"A\", \"verification_uri\": \"http://a\", \"expires_in\": 60}"}}}' 'page for the code is not https'
document "an error with control bytes" '{"path": {"/device/auth": {"status": 400, "body": "{\"error\": \"invalid_client\", \"error_description\": \"no\\u001b[2J\"}"}}}' 'invalid_client \(no\\x1b\[2J\)'
check_not "no control byte reached the terminal" $'\x1b' "$LAB/l.err"
document "a provider that never answers" "{\"path\": {\"$well_known\": {\"hang\": true}}}" 'did not answer within 10 s'
if [ "$took" -le 20 ]; then ok "  after $took s"; else not_ok "  after $took s"; fi
document "a provider that answers a byte at a time" "{\"path\": {\"$well_known\": {\"drip\": 200}}}" 'did not answer within 10 s'
if [ "$took" -le 20 ]; then ok "  after $took s"; else not_ok "  after $took s"; fi

# --- between two polls the provider may have a bad moment
fresh
mode '{"path": {"/token": {"truncate": 5}}}'
key t1
login_begin l t1 somebody cert
code=$(login_code l)
sleep 2.5
mode '{}'
oidc_approve "$idp" erin "$code" > "$o" 2>&1 || cat "$o"
is "cut answers to polls do not end a login" "$(login_end l)" 0

# --- TLS
good "the provider's CA is known"
set_line "$(block es | sed "s#ca: $idp/ca.pem#ca: $idp/other/ca.pem#")"
login erin
refused "a certificate of an unknown CA" 'TLS certificate cannot be trusted'
set_line "$(block es | sed "s#, ca: $idp/ca.pem##")"
login erin
refused "  the system's CAs do not know it either" 'TLS certificate cannot be trusted'
set_line "$(block es | sed "s#127.0.0.1:#127.0.0.2:#")"
login erin
refused "nobody there" 'cannot be reached'

# --- without TLS: refused in the configuration already
no_tls() { # TEXT ISSUER MORE
    cp "$LAB/sallyport.yaml" "$LAB/before.yaml"
    sed -i "s#^  corp: .*#  corp: {type: oidc, issuer: \"$2\", client_id: es, names: [\"*@example.com\"]$3}#" "$LAB/sallyport.yaml"
    "$SP_BIN/sallyport" reload > "$o" 2>&1
    is "$1" "$(($? > 0))" 1
    check "  refused and said so" "https" "$o"
    cp "$LAB/before.yaml" "$LAB/sallyport.yaml"
    alive
}
no_tls "an issuer without TLS" "http://127.0.0.1:${front##*:}" ""
no_tls "an issuer without TLS that is not this machine" "http://idp.example" ", allow_http: true"
fresh
good "after all that"
check_not "the gateway's processes did not die" "process-gone|signal" "$LAB/gateway.log"
check_not "no token is in its log" "eyJ" "$LAB/gateway.log"
lab_down
