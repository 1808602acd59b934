#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Certificate authorities: a change of the key, keys in a real ssh-agent and on a PKCS#11 token, agents that end and agents
# that lie, and what a real sshd says to the certificates.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
o=$LAB/o
agents=
cleanup() {
    # shellcheck disable=SC2086
    [ -z "$agents" ] || kill $agents 2> /dev/null
    [ -z "${sshd_pid:-}" ] || kill "$sshd_pid" 2> /dev/null
    [ -z "${made_run:-}" ] || rmdir /run/sshd 2> /dev/null
    lab_down_quiet
}
trap cleanup EXIT
pid=$(cat "$LAB/gateway.pid")
sallyport=$SP_BIN/sallyport

# cert_as WHO FILE: the verb's exit status
cert_as() { ssh -F "$SP_SSH_CONFIG" "bastion-$1-login" cert < /dev/null > "$2" 2> "$o"; }
# with_cert FILE COMMAND...: alice with that certificate
with_cert() {
    local f=$1
    shift
    ssh -F "$SP_SSH_CONFIG" -o CertificateFile="$f" -o IdentityFile="$LAB/keys/alice" -o User=alice bastion-x "$@" < /dev/null
}
# has TEXT STRING FILE: a fingerprint is no pattern
has() { if grep -qF -- "$2" "$3"; then ok "$1"; else not_ok "$1: no '$2'"; fi; }
# refused TEXT FILE: the certificate is; what the bare key may do is not much
refused() {
    mark_log
    with_cert "$2" whoami > "$o" 2>&1
    is "$1" $? 4
    since
    check "  by the authority" "certificate-refused.*authority" "$LAB/since"
}
fingerprint() { ssh-keygen -l -f "$1" | awk '{print $2}'; }
signed_by() { ssh-keygen -L -f "$1" | grep 'Signing CA'; }
field() { "$sallyport" ca list --json | python3 -c 'import json,sys
for i in json.load(sys.stdin)["items"]:
    if i["name"] == sys.argv[1]: print(i[sys.argv[2]])' "$1" "$2"; }
since() { tail -n "+$((mark + 1))" "$LAB/gateway.log" > "$LAB/since"; }
mark_log() { mark=$(wc -l < "$LAB/gateway.log"); }

# --- words it does not know
"$sallyport" ca lst > "$o" 2>&1
is "ca with another word" $? 2
check "  says which there are" "ca: its first word is list, add, activate or retire" "$o"
"$sallyport" ca retire > "$o" 2>&1
check "ca retire without a name" "ca: which authority" "$o"

# --- a change: add, activate, retire
old=$LAB/keys/alice-cert.pub
has "certificates are the configuration's authority's" "$(field default fingerprint)" <(signed_by "$old")
"$sallyport" ca add next > "$o" 2>&1
is "ca add" $? 0
check "  says what is next" "hint: next: sallyport ca activate next" "$o"
is "  the key file is for its owner" "$(stat -c %a "$SP_STATE/ca/next")" 600
is "  and the public one is its own" "$(fingerprint "$SP_STATE/ca/next.pub")" "$(field next fingerprint)"
"$sallyport" ca list > "$o"
check "ca list has both" "next +\| trusted +\| ssh-ed25519 +\| SHA256:" "$o"
"$sallyport" ca activate next > "$o" 2>&1
is "ca activate" $? 0
check "  says until when the former is needed" "hint: 3 certificates of default are valid until 20.*; then: sallyport ca retire default" "$o"
cert_as alice "$LAB/new-cert.pub"
is "a new certificate" $? 0
has "  is the new authority's" "$(field next fingerprint)" <(signed_by "$LAB/new-cert.pub")
with_cert "$old" whoami > "$o" 2>&1
check "a certificate of the old one still works" "^alice" "$o"
with_cert "$LAB/new-cert.pub" whoami > "$o" 2>&1
check "  and so does the new one" "^alice" "$o"
ssh -F "$SP_SSH_CONFIG" bastion-alice ca list < /dev/null > "$o" 2>&1
is "over ssh there is no ca" $? 4

# changes while certificates are being issued: nobody notices
for i in 1 2 3; do
    (for j in $(seq 1 12); do
        ssh -F "$SP_SSH_CONFIG" bastion-carol-login cert < /dev/null > "$LAB/race.$i.$j" 2> "$LAB/race.$i.$j.err" || echo "$j: $?"
    done > "$LAB/race.$i") &
    racers="${racers:-} $!"
done
n=0
# shellcheck disable=SC2086
while kill -0 $racers 2> /dev/null; do
    for a in default next; do "$sallyport" ca activate $a > "$o" 2>&1 || n=$((n + 1)); done
done
# shellcheck disable=SC2086
wait $racers
is "the authority changes all the time" "$n" 0
cat "$LAB/race.1" "$LAB/race.2" "$LAB/race.3" > "$o"
is "  and every certificate is issued" "$(cat "$o")" ""
is "  by both" "$(for f in "$LAB"/race.?.?; do signed_by "$f"; done | sort -u | wc -l)" 2

forward alice
psql_exec alice -At -c "SELECT 1" -c "SELECT pg_sleep(60)" > "$LAB/live.out" 2>&1 &
live=$!
for _ in $(seq 1 100); do
    direct -c "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" | grep -q 1 && break
    sleep 0.1
done
"$sallyport" ca retire next > "$o" 2>&1
is "the active one is not retired" $? 1
check "  and it says what to do" "sallyport ca activate NAME" "$o"
"$sallyport" ca retire default > "$o" 2>&1
is "one with living certificates is not retired by accident" $? 1
check "  how many, until when" "[0-9]+ certificates of .default. are still valid, the last one until 20" "$o"
t0=$(date +%s%N)
"$sallyport" ca retire default --force -m "key lost" > "$o" 2>&1
is "ca retire --force" $? 0
check "  says what ended" "retired default: .* 1 connections? ended" "$o"
wait $live
ms=$((($(date +%s%N) - t0) / 1000000))
if [ "$ms" -lt 5000 ]; then ok "the live session ended at once"; else not_ok "the live session ended after $ms ms"; fi
for _ in $(seq 1 50); do
    left=$(direct -c "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' AND pid <> pg_backend_pid()")
    [ "$left" = 0 ] && break
    sleep 0.1
done
is "  and its query in the database" "$left" 0
refused "the old certificate is refused" "$old"
with_cert "$LAB/new-cert.pub" whoami > "$o" 2>&1
is "the new one is not" $? 0
check "the log has every step" 'ca-retired.*name=default.*why="key lost"' "$LAB/gateway.log"
check "  the activation, too" 'ca-activated.*name=next.*former=default' "$LAB/gateway.log"

lab_gateway_stop "$LAB"
lab_gateway_start "$LAB" "$SP_BUILD" || not_ok "the gateway starts again"
is "after a restart the new one signs" "$(field next state)" active
is "  the old one is retired" "$(field default state)" retired
cert_as alice "$LAB/new-cert.pub"
has "  certificates are the new one's" "$(field next fingerprint)" <(signed_by "$LAB/new-cert.pub")
refused "  the old certificate is refused" "$old"
pid=$(cat "$LAB/gateway.pid")

# --- keys in a real agent
sock=$LAB/agent.sock
agent_up() { # agent_up SOCKET
    rm -f "$1"
    ssh-agent -D -a "$1" > /dev/null 2>&1 &
    agent=$!
    agents="$agents $agent"
    for _ in $(seq 1 100); do
        SSH_AUTH_SOCK=$1 ssh-add -l > "$o" 2>&1
        [ $? -le 1 ] && return 0
        sleep 0.05
    done
    return 1
}
agent_down() {
    kill "$agent" 2> /dev/null
    wait "$agent" 2> /dev/null
}
add_key() { SSH_AUTH_SOCK=$sock ssh-add -q "$1" < /dev/null 2> "$o"; }

for t in ed25519:0 rsa:3072 ecdsa:256; do
    type=${t%:*} bits=${t#*:}
    ssh-keygen -q -t "$type" $([ "$bits" = 0 ] || echo -b "$bits") -N '' -f "$LAB/$type" < /dev/null
    agent_up "$sock" && add_key "$LAB/$type" || not_ok "an agent with $type"
    fp=$(fingerprint "$LAB/$type.pub")
    "$sallyport" ca add "agent-$type" "agent:$sock#$fp" > "$o" 2>&1 && "$sallyport" ca activate "agent-$type" >> "$o" 2>&1
    is "$type in an agent signs" $? 0
    cert_as alice "$LAB/a-cert.pub"
    is "  a certificate" $? 0
    has "  of this key" "$fp" <(signed_by "$LAB/a-cert.pub")
    [ "$type" != rsa ] || check "  with SHA-512" "using rsa-sha2-512" <(signed_by "$LAB/a-cert.pub")
    with_cert "$LAB/a-cert.pub" whoami > "$o" 2>&1
    is "  it is accepted" $? 0
    agent_down
    mark_log
    cert_as alice "$LAB/none"
    is "  without the agent: a temporary failure" $? 75
    check "    that says so" "authority \"agent-$type\" cannot be reached" "$o"
    check_not "    and not where" "$sock" "$o"
    since
    check "    the log does" "ca-unreachable.*agent.sock" "$LAB/since"
    check "    the operator sees it, too" "agent.sock" <(field "agent-$type" trouble)
    with_cert "$LAB/a-cert.pub" whoami > "$o" 2>&1
    is "    its certificates stay good" $? 0
    agent_up "$sock"
    add_key "$LAB/$type"
    cert_as alice "$LAB/b-cert.pub"
    is "  with the agent again: a certificate" $? 0
    agent_down
done
is "the gateway was not restarted for that" "$(cat "$LAB/gateway.pid")" "$pid"

# --- agents that lie
agent_up "$LAB/real.sock"
for k in rsa ed25519; do SSH_AUTH_SOCK=$LAB/real.sock ssh-add -q "$LAB/$k" < /dev/null 2> "$o"; done
real=$agent
for m in honest bit key message sha1 sha256 garbage huge empty short close failure twice honest hang hang-list; do
    name=rsa
    rm -f "$LAB/agent.sock"
    python3 "$(dirname "$0")/../support/badagent.py" "$sock" "$LAB/real.sock" "$m" 2> "$LAB/badagent.err" &
    bad=$!
    agents="$agents $bad"
    for _ in $(seq 1 100); do
        [ -S "$sock" ] && break
        sleep 0.05
    done
    mark_log
    [ "$(field "agent-$name" state)" = active ] || "$sallyport" ca activate "agent-$name" > "$o" 2>&1
    if [ "$m" = hang-list ]; then # asking anew does not wait until the hanging one was left alone for long enough
        "$sallyport" ca activate "agent-$name" > "$o" 2>&1
        is "an agent that hangs does not get loaded" $? 75
    fi
    cert_as alice "$LAB/none"
    rc=$?
    case $m in
    honest) is "an agent in between that does not lie" $rc 0 ;;
    twice) # the answer was good; what came behind it ends the conversation
        is "an agent that says too much" $rc 0
        cert_as alice "$LAB/none"
        is "  starts again" $? 0
        ;;
    *)
        is "an agent that lies ($m) is refused" $rc 75
        [ -s "$LAB/none" ] && not_ok "  a certificate came out"
        ;;
    esac
    since
    case $m in
    key) check "  because of the key" "does not verify|does not belong" "$LAB/since" ;;
    bit | message) check "  because the signature does not verify" "does not verify" "$LAB/since" ;;
    sha1) check "  because of SHA-1" "SHA-1" "$LAB/since" ;;
    sha256) check "  because of the algorithm" "not the asked rsa-sha2-512" "$LAB/since" ;;
    hang*) check "  after a while" "did not answer within" "$LAB/since" ;;
    esac
    kill "$bad" 2> /dev/null
    wait "$bad" 2> /dev/null
done
kill "$real" 2> /dev/null
"$sallyport" verify > "$o" 2>&1
is "the log was signed all the time" $? 0
"$sallyport" ca activate next > "$o" 2>&1
is "back to the key in the file" $? 0
cert_as alice "$LAB/new-cert.pub"
is "  which signs" $? 0

# --- a token
module=/usr/lib/softhsm/libsofthsm2.so
if [ ! -e "$module" ] || ! command -v softhsm2-util > /dev/null || ! command -v pkcs11-tool > /dev/null; then
    skip "no SoftHSM"
    lab_down
fi
mkdir -p "$LAB/tokens"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$LAB/tokens" > "$LAB/softhsm2.conf"
export SOFTHSM2_CONF=$LAB/softhsm2.conf
softhsm2-util --init-token --free --label ca --pin 123456 --so-pin 12345678 > "$o" 2>&1 || not_ok "a token is made"
pkcs11-tool --module "$module" --login --pin 123456 --token-label ca --keypairgen --key-type rsa:2048 --id 01 --label ca > "$o" 2>&1 ||
    not_ok "a key is made on it"
printf '#!/bin/sh\necho 123456\n' > "$LAB/askpass"
chmod 700 "$LAB/askpass"
token_up() {
    agent_up "$sock" && SSH_AUTH_SOCK=$sock SSH_ASKPASS=$LAB/askpass SSH_ASKPASS_REQUIRE=force DISPLAY=:0 \
        ssh-add -s "$module" < /dev/null > "$o" 2>&1
}
token_up
is "the agent holds the token's key" $? 0
SSH_AUTH_SOCK=$sock ssh-add -L | grep '^ssh-rsa' | head -1 > "$LAB/hsm.pub"
fp=$(fingerprint "$LAB/hsm.pub")
"$sallyport" ca add hsm "agent:$sock#$fp" > "$o" 2>&1 && "$sallyport" ca activate hsm >> "$o" 2>&1
is "a key on a token signs" $? 0
cert_as alice "$LAB/hsm-cert.pub"
is "  a certificate" $? 0
ssh-keygen -L -f "$LAB/hsm-cert.pub" > "$o" 2>&1
has "  of the token's key" "Signing CA: RSA $fp (using rsa-sha2-512)" "$o"
with_cert "$LAB/hsm-cert.pub" whoami > "$o" 2>&1
check "  which the gateway accepts" "^alice" "$o"
agent_down
cert_as alice "$LAB/none"
is "  the token is away: a temporary failure" $? 75
token_up
cert_as alice "$LAB/none"
is "  the token is back: a certificate" $? 0

# --- what a real sshd says
if [ "$(id -u)" != 0 ] || [ ! -x /usr/sbin/sshd ]; then
    skip "the oracle needs root and sshd"
    lab_down
fi
[ -d /run/sshd ] || { mkdir -p /run/sshd && made_run=1; }
ssh-keygen -q -t ed25519 -N '' -f "$LAB/sshd_host" < /dev/null
port=$(lab_free_port)
echo alice > "$LAB/principals"
cat > "$LAB/sshd_config" << CONFIG
ListenAddress 127.0.0.1
Port $port
HostKey $LAB/sshd_host
PidFile none
StrictModes no
TrustedUserCAKeys $LAB/hsm.pub
AuthorizedPrincipalsFile $LAB/principals
AuthorizedKeysFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
LogLevel VERBOSE
CONFIG
/usr/sbin/sshd -D -e -f "$LAB/sshd_config" 2> "$LAB/sshd.log" &
sshd_pid=$!
for _ in $(seq 1 100); do
    grep -q "Server listening" "$LAB/sshd.log" && break
    sleep 0.05
done
login() { # login CERTIFICATE
    : > "$LAB/sshd.log"
    ssh -F none -n -p "$port" -i "$LAB/keys/alice" -o CertificateFile="$1" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1 'echo in' > "$o" 2>&1
}
login "$LAB/hsm-cert.pub"
is "an sshd that trusts the token refuses our certificate" $? 255
check "  because it is bound to the gateway" "ritical option.*gateway@sallyport" "$LAB/sshd.log"
cp "$LAB/keys/alice.pub" "$LAB/plain.pub"
SSH_AUTH_SOCK=$sock ssh-keygen -q -U -t rsa-sha2-512 -s "$LAB/hsm.pub" -I oracle -n alice -V -1m:+1h "$LAB/plain.pub" 2> "$o"
login "$LAB/plain-cert.pub"
is "  and accepts what ssh-keygen makes with the same key" $? 0
lab_down
