#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a real gateway does with certificates that its own authority signed, by ssh-keygen: each one is wrong in one thing,
# or is good to show that the others are refused for that one thing. The client's key is nobody's, so that there is no other
# way in. What neither ssh-keygen makes nor ssh sends (changed bytes, malformed lists): tests/unit/policy/test_certcheck.
. "$(dirname "$0")/../support/lab-test.sh"
LAB_PEOPLE="alice bob carol dave"
LAB_USERS=$LAB_PEOPLE
OUT=$(mktemp -d /tmp/sallyport-outside.XXXXXX)
for k in rsaca other key rsakey weak ecca; do
    case $k in
    rsaca | rsakey) type="-t rsa -b 2048" ;;
    weak) type="-t rsa -b 1024" ;;
    ecca) type="-t ecdsa -b 384" ;;
    *) type="-t ed25519" ;;
    esac
    # shellcheck disable=SC2086
    ssh-keygen -q $type -N '' -C "$k" -f "$OUT/$k" < /dev/null
done
LAB_GATEWAY_EXTRA=", trusted_cas: [\"$(cat "$OUT/rsaca.pub")\", \"$(cat "$OUT/ecca.pub")\"]"
LAB_ROLES=$OUT/roles
LAB_IDENTITY=
echo '  tools: {groups: [tools], targets: ["*"], logins: [app_ro], session: {plain_key: true}}' > "$LAB_ROLES"
lab_up
cp "$OUT"/* "$LAB/keys/"
rm -rf "$OUT"
K=$LAB/keys
CA=$SP_STATE/ca_ed25519_key
n_refused=0
serial=900000

# sign CA KEY ARG...: KEY-cert.pub, with the options every good one has unless GW is empty
GW="critical:gateway@sallyport=lab"
V="-1m:+1h"
sign() {
    local ca=$1 key=$2
    shift 2
    serial=$((serial + 1))
    rm -f "$K/$key-cert.pub"
    # shellcheck disable=SC2086
    ssh-keygen -q -s "$ca" -z $serial -V "$V" -O clear -O permit-pty ${GW:+-O "$GW"} "$@" "$K/$key.pub" 2> "$LAB/sign.err"
}
# try KEY USER [ssh ARG...]: who the gateway says it is, with what it says in $LAB/o
try() {
    local key=$1 user=$2
    shift 2
    ssh -F none -p "$SP_SSH_PORT" -i "$K/$key" -o CertificateFile="$K/$key-cert.pub" -o IdentitiesOnly=yes -o BatchMode=yes \
        -o IdentityAgent=none -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$LAB/known_hosts" -o LogLevel=INFO "$@" \
        "$user@127.0.0.1" whoami > "$LAB/o" 2>&1 < /dev/null
}
good() { # TEXT KEY USER [ARG...]
    local text=$1
    shift
    if try "$@"; then ok "accepted: $text"; else
        not_ok "accepted: $text"
        sed 's/^/#   /' "$LAB/o" "$LAB/sign.err"
    fi
}
bad() { # TEXT PATTERN KEY USER [ARG...]
    local text=$1 pattern=$2
    shift 2
    n_refused=$((n_refused + 1))
    if [ ! -s "$K/$1-cert.pub" ]; then
        not_ok "refused: $text (ssh-keygen did not sign: $(cat "$LAB/sign.err"))"
    elif try "$@"; then
        not_ok "ACCEPTED: $text"
    elif grep -q 'Permission denied' "$LAB/o" && grep -qE -- "$pattern" "$LAB/o"; then
        ok "refused: $text"
    else
        not_ok "refused: $text, but not for $pattern"
        sed 's/^/#   /' "$LAB/o"
    fi
}

sign "$CA" key -I good -n alice && good "what the others are a change of" key alice
sign "$CA" key -I good -n bob,alice && good "two principals" key alice
sign "$CA" key -I good -n alice -O extension:unknown@example.com=x && good "an unknown extension" key alice
sign "$CA" key -I good -n alice -O source-address=10.0.0.0/8,127.0.0.0/8 && good "source-address that fits" key alice
sign "$CA" rsakey -I good -n alice && good "an RSA key of 2048 bits" rsakey alice
GW='' sign "$K/ecca" key -I good -n alice && good "an outside authority (ECDSA)" key alice
GW='' sign "$K/rsaca" key -t rsa-sha2-256 -I good -n alice && good "an outside authority (RSA, SHA-256)" key alice

# type
sign "$CA" key -h -I x -n alice
bad "a host certificate" "host certificate|Permission denied" key alice
# validity
V="-2h:-1h" sign "$CA" key -I x -n alice
bad "expired" "the certificate has expired" key alice
V="+1h:+2h" sign "$CA" key -I x -n alice
bad "not yet valid" "the certificate is not valid yet" key alice
# principals
sign "$CA" key -I x
bad "no principals" "names no principal" key alice
sign "$CA" key -I x -n bob
bad "another principal" 'not for the user name "alice"' key alice
sign "$CA" key -I x -n alice
bad "another user" 'not for the user name "bob"' key bob
sign "$CA" key -I x -n ALICE
bad "a principal in capitals" 'not for the user name "alice"' key alice
sign "$CA" key -I x -n '*'
bad "a wildcard principal" 'principal "\*" is not a usable name' key alice
sign "$CA" key -I x -n 'alice,al*'
bad "a wildcard beside a good principal" 'principal "al\*" is not a usable name' key alice
sign "$CA" key -I x -n 'alice root'
bad "a space in a principal" 'is not a usable name' key alice
sign "$CA" key -I x -n mallory
bad "a user that is not configured" 'user "mallory" is not configured' key mallory
sign "$CA" key -I x -n agent:x
bad "an agent's name without a person" "agent|not configured" key agent:x
sign "$CA" key -I x -n enroll
try key enroll
check "the reserved name: the certificate is worth nothing, the key may hand in a token" 'user "enroll" is not configured' "$LAB/o"
# critical options
GW='' sign "$CA" key -I x -n alice
bad "no gateway" "not bound to a gateway" key alice
GW="critical:gateway@sallyport=staging" sign "$CA" key -I x -n alice
bad "another gateway" 'for the gateway "staging"' key alice
GW="critical:gateway@sallyport=la" sign "$CA" key -I x -n alice
bad "the beginning of our name" 'for the gateway "la"' key alice
GW="critical:gateway@sallyport" sign "$CA" key -I x -n alice
bad "a gateway without a name" "gateway@sallyport is malformed" key alice
GW="extension:gateway@sallyport=lab" sign "$CA" key -I x -n alice
bad "the gateway as an extension" "not bound to a gateway" key alice
sign "$CA" key -I x -n alice -O critical:zzz@example.com=1
bad "an unknown critical option" 'unknown critical option "zzz@example.com"' key alice
sign "$CA" key -I x -n alice -O critical:zzz
bad "an unknown critical flag" 'unknown critical option "zzz"' key alice
sign "$CA" key -I x -n alice -O critical:permit-pty
bad "an extension as a critical option" 'unknown critical option "permit-pty"' key alice
sign "$CA" key -I x -n alice -O force-command=id
bad "force-command" "force-command are not accepted" key alice
sign "$CA" key -I x -n alice -O verify-required
bad "verify-required" "verify-required are not accepted" key alice
sign "$CA" key -I x -n alice -O source-address=192.0.2.0/24
bad "another source-address" "may not be used from 127.0.0.1" key alice
sign "$CA" key -I x -n alice -O source-address=::1/128
bad "an IPv6 source-address" "may not be used from 127.0.0.1" key alice
sign "$CA" key -I x -n alice -O critical:source-address=nonsense
bad "a source-address that is none" "source-address list is malformed" key alice
sign "$CA" key -I x -n alice -O critical:source-address=127.0.0.1/33
bad "33 bits" "source-address list is malformed" key alice
sign "$CA" key -I x -n alice -O critical:source-address=127.0.0.0/8,
bad "an empty source-address behind a good one" "source-address list is malformed" key alice
sign "$CA" key -I x -n alice -O critical:source-address
bad "source-address without a list" "source-address is malformed" key alice
sign "$CA" key -I x -n alice -O critical:max-risk@sallyport=everything
bad "an unknown class" "max-risk@sallyport is malformed" key alice
sign "$CA" key -I x -n alice -O critical:targets@sallyport=a,,b
bad "an empty target" "targets@sallyport is malformed" key alice
sign "$CA" key -I x -n alice -O critical:on-behalf-of@sallyport=bob
bad "a person that acts for another" "alice|on-behalf-of|agent" key alice
# extensions
sign "$CA" key -I x -n alice -O extension:groups@sallyport=dba,,x
bad "an empty group" "groups@sallyport is malformed" key alice
sign "$CA" key -I x -n alice -O extension:groups@sallyport
bad "groups as a flag" "groups@sallyport is malformed" key alice
sign "$CA" key -I x -n alice -O extension:kind@sallyport=robot
bad "an unknown kind" "kind@sallyport is malformed" key alice
sign "$CA" key -I x -n alice -O extension:issuer@sallyport=nowhere
bad "an identity provider that is not configured" "nowhere is not" key alice
sign "$CA" key -I x -n alice -O extension:permit-port-forwarding=yes
bad "a flag with a value" "permit-port-forwarding is malformed" key alice
# keys and authorities
sign "$CA" weak -I x -n alice
bad "an RSA key of 1024 bits" "1024 bits|Permission denied" weak alice -o RequiredRSASize=1024
sign "$K/other" key -I x -n alice
bad "an unknown authority" "is not trusted here" key alice
sign "$K/key" key -I x -n alice
bad "signed with the key itself" "is not trusted here" key alice
sign "$K/alice" key -I x -n alice
bad "signed with a user's key" "is not trusted here" key alice
sign "$K/rsaca" key -t ssh-rsa -I x -n alice
bad "signed with SHA-1" "SHA-1" key alice -o CASignatureAlgorithms=+ssh-rsa
GW="critical:gateway@sallyport=staging" sign "$K/rsaca" key -t rsa-sha2-512 -I x -n alice
bad "another gateway, by an outside authority" 'for the gateway "staging"' key alice

# --- source address, on each way in ---
L="-o BindAddress=127.0.0.2"
# shellcheck disable=SC2086
ssh -F "$SP_SSH_CONFIG" -o LogLevel=INFO $L bastion-alice whoami > "$LAB/o" 2>&1 < /dev/null
check "a certificate of ours is bound to where it was asked for" "may not be used from 127.0.0.2" "$LAB/o"
sign "$CA" key -I x -n alice -O source-address=127.0.0.2
# shellcheck disable=SC2086
good "from the other address" key alice $L
bad "not from this one" "may not be used from 127.0.0.1" key alice
sed -i "s|^  alice: {groups: \[analysts\],|  alice: {groups: [analysts, tools], source: [127.0.0.1],|" "$SP_CONF"
"$SP_BIN/sallyport" reload > "$LAB/o" 2>&1 || cat "$LAB/o"
# shellcheck disable=SC2086
bad "the user's own networks count, too" 'user "alice" may not log in from 127.0.0.2' key alice $L
# shellcheck disable=SC2086
ssh -F "$SP_SSH_CONFIG" -o LogLevel=INFO $L bastion-alice-login cert > "$LAB/o" 2> "$LAB/err" < /dev/null
is "a plain key from elsewhere gets no certificate" "$([ -s "$LAB/o" ] && echo yes || echo no)" no
ssh -F "$SP_SSH_CONFIG" bastion-alice-login cert > "$K/alice-cert.pub" 2> "$LAB/err" < /dev/null
ssh -F "$SP_SSH_CONFIG" bastion-alice-login whoami > "$LAB/o" 2>&1 < /dev/null
is "a plain key stands for the stored certificate from its own address" $? 0
sed -i "s|, source: \[127.0.0.1\],|, source: [127.0.0.0/8],|" "$SP_CONF"
"$SP_BIN/sallyport" reload > "$LAB/o" 2>&1 || cat "$LAB/o"
# shellcheck disable=SC2086
ssh -F "$SP_SSH_CONFIG" $L bastion-alice-login whoami > "$LAB/o" 2>&1 < /dev/null
check "and not from another one" "it may only run cert" "$LAB/o"

# --- revoked ---
sign "$CA" key -I revoke-serial -n alice
"$SP_BIN/sallyport" revoke serial $serial > /dev/null
bad "its serial is revoked" "is revoked" key alice
sign "$CA" key -I "a key id, with: signs" -n alice
good "another serial" key alice
"$SP_BIN/sallyport" revoke id "a key id, with: signs" > /dev/null
bad "its key id is revoked" "is revoked" key alice
sign "$CA" key -I x -n carol
"$SP_BIN/sallyport" lock carol > /dev/null
bad "its user is locked" 'user "carol" is locked' key carol
sign "$CA" key -I x -n dave,alice
"$SP_BIN/sallyport" revoke user dave > /dev/null
bad "another of its principals is revoked" "is revoked" key alice
sign "$CA" key -I x -n alice
good "nothing of this one is" key alice
"$SP_BIN/sallyport" revoke key "$(ssh-keygen -l -f "$K/key.pub" | awk '{print $2}')" > /dev/null
bad "its key is revoked" "is revoked" key alice
GW='' sign "$K/ecca" rsakey -I x -n alice
"$SP_BIN/sallyport" revoke ca "$(ssh-keygen -l -f "$K/ecca.pub" | awk '{print $2}')" > /dev/null
bad "its authority is revoked" "is revoked" rsakey alice
sign "$CA" rsakey -I x -n alice
good "another authority, another key" rsakey alice
if [ $n_refused -ge 40 ]; then ok "$n_refused certificates were refused"; else not_ok "only $n_refused certificates were refused"; fi
check_not "no session process broke over any of them" "session-crash|peer-violation" "$LAB/gateway.log"
lab_down
