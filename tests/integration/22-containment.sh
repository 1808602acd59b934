#!/bin/bash
# A session process that was taken over (test builds with --enable-attack obey `attack NAME`) cannot touch recordings, open
# files or connections, harm other processes, or get more from the monitor than its identity gives.
. "$(dirname "$0")/../support/lab-test.sh"
LAB_BUILD=${SP_BUILD_ATTACK:-$LAB_TOP/build/attack}
[ -x "$LAB_BUILD/sallyportd" ] || {
    skip "no attack build in $LAB_BUILD"
    exit 0
}
lab_up
o=$LAB/o
cp "$LAB/keys/alice" "$LAB/keys/any"
cp "$LAB/keys/alice.pub" "$LAB/keys/any.pub"
ssh-keygen -q -s "$SP_STATE/ca_ed25519_key" -I "user=alice login=x" -n alice -z 930000 -V -1m:+1h -O clear -O critical:gateway@sallyport=lab \
    -O extension:groups@sallyport=analysts -O permit-port-forwarding -O permit-pty "$LAB/keys/any.pub"
source=1
ctl=$LAB/ctl
# One connection with an open database session, from an address of its own; attacks run inside the same process.
session_up() {
    source=$((source + 1))
    sport=$(lab_free_port)
    ssh -F none -p "$SP_SSH_PORT" -b "127.0.2.$source" -o UserKnownHostsFile="$LAB/known_hosts" -o IdentitiesOnly=yes -o IdentityAgent=none -o LogLevel=ERROR \
        -i "$LAB/keys/any" -o CertificateFile="$LAB/keys/any-cert.pub" -M -S "$ctl.$source" -N -L "$sport:orders-prod:5432" alice@127.0.0.1 < /dev/null > /dev/null 2>&1 &
    forwards="$forwards $!"
    for i in $(seq 1 50); do [ -S "$ctl.$source" ] && break; sleep 0.05; done
    coproc PG { psql -X -At -h 127.0.0.1 -p "$sport" -U "$SP_PG_USER" -d "$SP_PG_DB" 2>&1; }
    pg=$PG_PID
    echo "select 'before';" >&"${PG[1]}"
    read -r -t 10 _ <&"${PG[0]}"
    sid=$(grep 'session-start' "$LAB/gateway.log" | tail -1 | sed 's/.* sid=\([0-9A-Z]*\).*/\1/')
    rec=$(ls "$SP_RECORDINGS/$sid"/* 2> /dev/null | grep -v meta | head -1)
    head=$(head -c 64 "$rec" | md5sum)
    size=$(stat -c %s "$rec")
}
session_down() {
    ssh -F none -S "$ctl.$source" -O exit alice@127.0.0.1 2> /dev/null
    kill "$pg" 2> /dev/null
    wait "$pg" 2> /dev/null
}
attack() { timeout 20 ssh -F none -S "$ctl.$source" alice@127.0.0.1 attack "$@" > "$o" 2>&1 < /dev/null; }
# refused NAME [ARG]: no success; the session process dies or says EPERM/EACCES
refused() {
    session_up
    attack "$@"
    check_not "attack $1${2:+ ...} does not succeed" SUCCEEDED "$o"
    if [ "$(quiet stat -c %s "$rec" || echo 0)" -ge "$size" ] && [ "$(quiet head -c 64 "$rec" | md5sum)" = "$head" ]; then ok "  the recording is whole"; else
        # sealed meanwhile: the verifier judges below
        [ -e "$rec" ] && not_ok "  the recording was changed" || ok "  the recording is sealed"
    fi
    session_down
}
quiet() { "$@" 2> /dev/null; }

session_up
if [ -n "$rec" ] && [ "$size" -gt 0 ]; then ok "the session is recorded while it lives"; else not_ok "no recording at $SP_RECORDINGS/$sid"; fi
session_down
for a in setfl fallocate pwritev2 pwrite ftruncate mmap dup exec fork execmem; do refused $a; done
refused openw "$SP_STATE/state.db"
refused openw "/tmp/x"
refused openr "$SP_STATE/ca_ed25519_key"
refused openr /etc/passwd
refused tcp "$(echo "$SP_PG_DIRECT" | sed 's/.*:\([0-9]*\)\/.*/\1/')"
refused unix "$SP_SOCKET"
refused kill "$(cat "$LAB/gateway.pid")"
refused ptrace "$(cat "$LAB/gateway.pid")"
refused vmread "$(cat "$LAB/gateway.pid")"
kill -0 "$(cat "$LAB/gateway.pid")" && ok "the monitor is alive"

# An append succeeds, and shows.
session_up
attack seekwrite
if [ "$(head -c 64 "$rec" 2> /dev/null | md5sum)" = "$head" ] || [ ! -e "$rec" ]; then ok "what was recorded cannot be overwritten"; else not_ok "the recording's head was overwritten"; fi
bad=$sid
session_down

# Requests that the permit table does not have end the process; the address waits.
for a in "signcert x" again "reauth bob"; do
    session_up
    # shellcheck disable=SC2086
    attack $a
    sleep 0.3
    check "attack ${a%% *} ends the connection" "peer-violation.*source=127.0.2.$source" "$LAB/gateway.log"
    session_down
done
session_up
attack connect orders-prod postgres
session_down
session_up
attack connect nosuch x
sleep 0.5
session_down
grep session-start "$LAB/gateway.log" > "$o"
check_not "no connection as a login or to a target that policy does not give" "login=postgres|target=nosuch" "$o"

# Crashes: the listener takes a new address layout, other sessions go on.
layout() { awk '/sallyportd$/ {print $1; exit}' "/proc/$(pgrep -P "$(cat "$LAB/gateway.pid")" -f listener)/maps"; }
port=$(forward_tcp alice)
mkfifo "$LAB/live.in"
psql -X -At -h 127.0.0.1 -p "$port" -U "$SP_PG_USER" -d "$SP_PG_DB" < "$LAB/live.in" > "$LAB/live.out" 2>&1 &
live=$!
exec 7> "$LAB/live.in"
echo "select 'one';" >&7
before=$(layout)
for a in segv abort; do
    session_up
    attack $a
    session_down
done
session_up
attack spin
session_down
sleep 1
if [ "$(layout)" != "$before" ] && [ -n "$before" ]; then ok "a crash gives the listener a fresh address layout"; else not_ok "the listener kept its layout ($before)"; fi
check "crashes are on record" "session-crash.*status=139" "$LAB/gateway.log"
check "an endless loop, too" "session-crash.*status=42" "$LAB/gateway.log"
echo "select 'two';" >&7
exec 7>&-
wait $live
is "another session lives through all of it" "$(tail -1 "$LAB/live.out")" two
sshb alice whoami > "$o" 2>&1 < /dev/null
is "new connections are served" $? 0
sleep 1
"$SP_BIN/sallyport" verify --all --dir "$SP_STATE" --key "$SP_STATE/log_ed25519_key.pub" > "$LAB/v" 2>&1
is "the verifier sees the appended bytes, and only those" "$(grep -cE "^$bad" "$LAB/v"),$(grep -E '^[0-9A-Z]{26}' "$LAB/v" | grep -vcE "^$bad|crash|still being written")" "1,0"
sed 's/^/# /' "$LAB/v" | tail -5
lab_down
