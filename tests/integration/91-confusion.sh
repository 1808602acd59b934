#!/bin/bash
# Whose identity is it? A client that mixes keys, certificates, names and logins on one connection gets the identity of what it
# proved last, all of it and nothing else, or none. And: an address that a credential is bound to counts on every way in.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
. "$(dirname "$0")/../idp/glewlwyd.sh"
glewlwyd_there || {
    skip "glewlwyd is not installed"
    exit 0
}
idp=$(mktemp -d /tmp/sallyport-idp.XXXXXX)
more_down() {
    glewlwyd_stop "$idp"
    rm -rf "$idp"
}
trap more_down EXIT
glewlwyd_start "$idp" && glewlwyd_add_user "$idp" erin analysts && glewlwyd_add_user "$idp" root dba || {
    not_ok "glewlwyd starts"
    exit 1
}
glewlwyd_identity corp | sed 's/allow_http: true}/allow_http: true, names: [erin, "x-*"], timeout: 2m}/' > "$idp/identity.yaml"
LAB_IDENTITY=$idp/identity.yaml
export LAB_GATEWAY_EXTRA=", max_pending_logins_per_source: 20"
lab_up
o=$LAB/o
hostile=$SP_BIN/tests/support/hostile
[ -x "$hostile" ] || hostile=$SP_BUILD/tests/support/hostile
anywhere() { # NAME GROUPS: a certificate without an address
    cp "$LAB/keys/$1" "$LAB/keys/any-$1"
    cp "$LAB/keys/$1.pub" "$LAB/keys/any-$1.pub"
    ssh-keygen -q -s "$SP_STATE/ca_ed25519_key" -I "user=$1 login=x" -n "$1" -z $((930000 + RANDOM)) -V -1m:+1h -O clear -O critical:gateway@sallyport=lab \
        -O "extension:groups@sallyport=$2" -O permit-port-forwarding -O permit-pty "$LAB/keys/any-$1.pub"
}
anywhere alice analysts
anywhere bob dba,approver
# hostile SCENARIO USER KEY [OTHER]: each from an address of its own, as the gateway punishes some
echo 1 > "$LAB/source"
hostile() {
    echo $(($(cat "$LAB/source") + 1)) > "$LAB/source"
    : > "$o"
    HOSTILE_OTHER=${4:+$LAB/keys/$4} RAW_SOURCE=127.0.1.$(cat "$LAB/source") timeout 90 "$hostile" "$SP_SSH_PORT" "$2" "$LAB/keys/$3" "$LAB/keys/$3-cert.pub" "$1" > "$o" 2>&1
}
says() { check "$1" "^$2\$" "$o"; }
says_not() { check_not "$1" "$2" "$o"; }

# --- probes
hostile probe-other-sign-mine alice any-alice any-bob
says "bob's key and certificate are probed" "probe of another's certificate: PK_OK/INFO_REQUEST"
says "  then alice's is signed" "own certificate: SUCCESS"
check "  it is alice" "^out\| alice .*analysts" "$o"
says_not "  and has nothing of bob's" "bob|approver|dba"
hostile probe-between alice any-alice any-bob
says "alice's key is signed, bob's probed" "own key: FAILURE publickey,keyboard-interactive partial"
says "  the login goes on" "login: SUCCESS"
sed -n 's/^out| //p' "$o" | grep '^ssh-ed25519-cert' > "$LAB/between.pub"
is "  the certificate is for alice's key" "$(ssh-keygen -l -f "$LAB/between.pub" | cut -d' ' -f2)" "$(key_fp alice)"
ssh-keygen -L -f "$LAB/between.pub" > "$o" 2>&1
check "  and name" "^ +alice$" "$o"
hostile other-cert-my-signature bob any-alice any-bob
says "bob's certificate with alice's signature opens nothing" "channel: -2"
hostile mine-then-other-unproven alice any-alice any-bob
says "bob's certificate without a signature opens nothing" "channel: -2"
hostile name-after-probe alice any-alice
says "a name that was only asked about" "probe as somebody else: PK_OK/INFO_REQUEST"
check "  leaves nothing behind" "^out\| alice " "$o"

# --- logins: a key is proven, the provider is asked who it is
key x1
hostile login-probe erin x1
says "a probed key asks no provider" "keyboard-interactive after a probe: FAILURE publickey"
says "  and has no answer to give" "an answer: (FAILURE publickey|end)"
is "  no login began" "$(log_count login-started)" 0
# approved WHO SCENARIO ...: WHO approves the code as soon as it is there
approved() {
    local who=$1 i code run
    shift
    : > "$o"
    hostile "$@" &
    run=$!
    for i in $(seq 1 100); do
        code=$(sed -n 's/^banner| and [a-z]* the code  *\([^ ]*\).*/\1/p' "$o")
        [ -z "$code" ] || break
        sleep 0.1
    done
    glewlwyd_approve "$idp" "$who" "$code" 2>> "$LAB/approve.err"
    wait $run
}
approved erin login erin x1
says "a login over raw messages" "login: SUCCESS"
check "  is erin" "^out\| erin .*analysts" "$o"
key x2
approved erin login alice x2
check "a login under alice's name that erin approves is erin's" "^out\| erin " "$o"
says_not "  and not alice's" "out\| alice"
key x3
approved root login root x3
says "a name that the block may not give" "login: (FAILURE .*|end)"
check "  is refused with the reason" "banner\| .*no user name it may give" "$o"
glewlwyd_set_groups "$idp" alice dba approver
key x4
approved alice login alice x4
says "the provider's alice is not the configuration's alice" "login: (FAILURE .*|end)"
check "  and is told so" "banner\| .*no user name it may give" "$o"

# the login waits, then something else is proven on the same connection
key x5
approved erin login-then-cert alice x5 any-alice
says "a certificate may take over from a login that waits" "another's certificate: SUCCESS"
check "  it is the certificate's identity" "^out\| alice .*analysts" "$o"
says_not "  whatever the provider says afterwards" "erin"
is "  the login is over" "$(log_count "login-failed .*key=$(key_re x5)")" 1

key x6
hostile login-then-cert alice x6 any-bob
says "not under another name" "another's certificate: (FAILURE .*|end)"
says_not "  nothing runs" "^out"
key x7
hostile login-then-key erin x7 alice
says_not "another key does not inherit the login" "another key: (SUCCESS|.*partial)|login: SUCCESS"
check_not "  and opens nothing" "^channel: [0-9]" "$o"
key x8
hostile login-then-name erin x8
says "the name may not change while a login waits" "as another user: end"
key x9
hostile login-then-channel erin x9
says "no channel while a login waits" "channel: -2"
says "  and no forward" "forward: -2"
rss() { awk '/VmHWM/ {print $2}' "/proc/$1/status" 2> /dev/null; }
watched() { # SCENARIO KEY: the largest size of the session process
    local max=0 now p listener
    listener=$(pgrep -P "$(cat "$LAB/gateway.pid")" -f listener)
    hostile "$1" erin "$2" &
    local h=$!
    while kill -0 $h 2> /dev/null; do
        for p in $(pgrep -P "$listener"); do
            now=$(rss "$p")
            [ "${now:-0}" -le "$max" ] || max=$now
        done
        sleep 0.1
    done
    wait $h
    size=$max
}
monitor=$(cat "$LAB/gateway.pid")
before=$(rss "$monitor")
key f1
watched login-answers f1
check "a flood of answers to a login" "^answers sent: [0-9]" "$o"
if [ "$size" -gt 0 ] && [ "$size" -lt 40000 ]; then ok "  costs the session $size kB"; else not_ok "  costs the session $size kB"; fi
key f2
watched login-beginnings f2
check "a flood of beginnings" "^beginnings sent: [0-9]" "$o"
if [ "$size" -gt 0 ] && [ "$size" -lt 40000 ]; then ok "  costs the session $size kB"; else not_ok "  costs the session $size kB"; fi
is "  is one login" "$(log_count "login-started .*key=$(key_re f2)")" 1
is "  and ends soon" "$(log_count "too many requests")" 1
grew=$(($(rss "$monitor") - before))
if [ "$grew" -lt 4000 ]; then ok "  the monitor grew by $grew kB"; else not_ok "  the monitor grew by $grew kB"; fi

# --- addresses
out() { # TEXT KEY USER FROM
    raw_ssh -b "$4" -o IdentityFile="$LAB/keys/$2" -o CertificateFile="$LAB/keys/$2-cert.pub" -o BatchMode=yes "$3@127.0.0.1" whoami < /dev/null > "$o" 2>&1
    is "$1" $? 255
}
as any-alice alice whoami > "$o" 2>&1
check "a certificate without an address counts anywhere" "^alice" "$o"
cp "$LAB/keys/alice-cert.pub" "$LAB/keys/bound-cert.pub"
cp "$LAB/keys/alice" "$LAB/keys/bound"
as bound alice whoami > "$o" 2>&1
check "one with 127.0.0.1 counts there" "^alice" "$o"
out "  and nowhere else" bound alice 127.0.0.2
check "  which it says" "sallyport: .*(address|source|127\.0\.0)" "$o"
key s1
SSHO="-b 127.0.0.3" login_begin s1 s1 erin cert
glewlwyd_approve "$idp" erin "$(login_code s1)" > "$o" 2>&1
is "a login from 127.0.0.3" "$(login_end s1)" 0
cp "$LAB/s1.out" "$LAB/keys/s1-cert.pub"
check "  says so to the person" "from 127\.0\.0\.3" "$LAB/s1.err"
ssh-keygen -L -f "$LAB/keys/s1-cert.pub" > "$o"
check "  its certificate is for there" "source-address 127\.0\.0\.3$" "$o"
out "  and counts nowhere else" s1 erin 127.0.0.1
raw_ssh -b 127.0.0.3 -o IdentityFile="$LAB/keys/s1" -o CertificateFile="$LAB/keys/s1-cert.pub" -o BatchMode=yes erin@127.0.0.1 whoami < /dev/null > "$o" 2>&1
check "  but there" "^erin" "$o"

is "no session process crashed" "$(log_count 'session-crash')" 0
lab_down
