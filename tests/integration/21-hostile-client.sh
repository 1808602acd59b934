#!/bin/bash
# A client that breaks the rules of SSH: nothing it does opens what it may not open, costs more than its own connection, or
# crashes a session process.
. "$(dirname "$0")/../support/lab-test.sh"
export LAB_GATEWAY_EXTRA=", max_auth_tries: 6, login_grace: 5s"
lab_up
o=$LAB/o
limit=60000 # kB of a session process
! ldd "$SP_BIN/sallyportd" | grep -q libasan || limit=400000
# A certificate that is good from anywhere: every scenario comes from an address of its own, as the gateway punishes some.
cp "$LAB/keys/alice.pub" "$LAB/keys/any.pub"
ssh-keygen -q -s "$SP_STATE/ca_ed25519_key" -I "user=alice login=x" -n alice -z 920000 -V -1m:+1h -O clear -O critical:gateway@sallyport=lab \
    -O extension:groups@sallyport=analysts -O permit-port-forwarding -O permit-pty "$LAB/keys/any.pub"
source=1
hostile() {
    source=$((source + 1))
    hostile_from "$source" "$1"
}
hostile_from() {
    RAW_SOURCE=127.0.1.$1 timeout 60 "$SP_BIN/tests/support/hostile" "$SP_SSH_PORT" alice "$LAB/keys/alice" "$LAB/keys/any-cert.pub" "$2" > "$o" 2>&1
}
says() { check "$1" "^$2\$" "$o"; }
largest() { # the largest resident size of any session process, in kB
    local p
    for p in $(pgrep -P "$(pgrep -P "$(cat "$LAB/gateway.pid")" -f listener)" 2> /dev/null); do awk '/VmHWM/ {print $2}' "/proc/$p/status" 2> /dev/null; done | sort -n | tail -1
}
watch_size() { # watch_size SCENARIO: the largest size while it runs
    local max=0 now
    source=$((source + 1))
    hostile_from "$source" "$1" &
    local h=$!
    while kill -0 $h 2> /dev/null; do
        now=$(largest)
        [ "${now:-0}" -gt "$max" ] && max=$now
        sleep 0.05
    done
    wait $h
    size=$max
}

hostile kbdint-first
says "keyboard-interactive before a key is refused" "keyboard-interactive without a key: FAILURE publickey"
says "  and an answer to nothing, too" "answer nobody asked for: (FAILURE publickey|end)"
hostile unasked-answer
says "a proven key is a partial success" "plain key: FAILURE publickey,keyboard-interactive partial"
says "  an answer to a request that was not made is none" "answer nobody asked for: (FAILURE publickey,keyboard-interactive|end)"
hostile user-change-kbdint
says "the user name may not change after a proven key" "as another user: end"
hostile user-change-cert
says "  with a certificate neither" "as another user: end"
hostile probe-only
says "a probe of a known key" "known key of a known user: PK_OK/INFO_REQUEST"
says "  looks like one of an unknown key" "unknown key of an unknown user: PK_OK/INFO_REQUEST"
says "  and of a certificate" "certificate: PK_OK/INFO_REQUEST"
says "  and proves nothing" "keyboard-interactive after probes: FAILURE publickey"
says "  and opens nothing" "channel: -2"
hostile early-channel
says "no channel before authentication" "channel: -2"
hostile pipelined
says "requests sent at once are taken in order" "answer: SUCCESS"
says "  and a key alone does not forward" "forward: -1"
hostile none-flood
says "requests for the list of methods are bounded" "requests answered: bounded"
hostile bad-signature
says "a wrong signature opens nothing" "channel: -2"
hostile changed-cert
says "a changed certificate is refused" "changed certificate: FAILURE publickey"
hostile auth-again
check "authenticating again changes nothing" "^authenticating again: (nothing|end)$" "$o"

hostile globals
says "an unknown global request" "unknown request: REQUEST_FAILURE"
says "  and the connection goes on" "alive: yes"
watch_size overrun
check "a client that ignores the window of a database channel" "^overrun:" "$o"
if [ "$size" -gt 0 ] && [ "$size" -lt "$limit" ]; then ok "  after $size kB"; else not_ok "  at $size kB"; fi
watch_size overrun-exec
says "  of a channel without a command is sent away" "overrun: ended"
if [ "$size" -lt "$limit" ]; then ok "  after $size kB"; else not_ok "  at $size kB"; fi
for s in tiny10 tiny1 tiny0; do
    watch_size $s
    check "maximum packet size of ${s#tiny}" "^(within 15 s: (end|closed)|channel: refused)$" "$o"
    if [ "$size" -lt $((limit * 4)) ]; then ok "  at $size kB"; else not_ok "  at $size kB"; fi
done
hostile close-then-request
says "requests behind the close of their channel" "alive: yes"
hostile nonsense
check "nonsense" "^alive: (yes|no)$" "$o"
hostile channel-flood
says "the cap on channels" "open: 64"
says "  and the connection goes on" "alive: yes"
hostile long-target
check "a target name of 100 kB" "^channel: (open|refused)$" "$o"
says "  and the connection goes on" "alive: yes"
watch_size deaf
check "a client that reads no answers" "^requests without reading" "$o"
if [ "$size" -gt 0 ] && [ "$size" -lt "$limit" ]; then ok "  costs $size kB"; else not_ok "  costs $size kB"; fi

# --- a crowd that never logs in
for i in $(seq 1 160); do
    perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", LocalAddr => "127.0.3.$ARGV[1]") or exit; sleep 4' "$SP_SSH_PORT" "$((i % 250 + 1))" &
done 2> /dev/null
sleep 2
crowd=$(pgrep -P "$(pgrep -P "$(cat "$LAB/gateway.pid")" -f listener)" | wc -l)
if [ "$crowd" -gt 10 ] && [ "$crowd" -le 100 ]; then ok "of 160 silent clients $crowd got in"; else not_ok "of 160 silent clients $crowd got in"; fi
check "  the others were dropped at random" "connect-refused.*max-startups" "$LAB/gateway.log"
sleep 5

sleep 1
is "no session process is left over" "$(pgrep -P "$(pgrep -P "$(cat "$LAB/gateway.pid")" -f listener)" | wc -l)" 0
grep -E "session-crash" "$LAB/gateway.log" | grep -v "status=42$" > "$o"
is "no session process crashed (the watchdog's ends apart)" "$(wc -l < "$o")" 0
sshb alice whoami > "$o" 2>&1 < /dev/null
is "the gateway goes on" $? 0
hostile_from 250 tiny10
hostile_from 250 globals
check "who sent a session process into an endless loop waits outside" "rawssh: no KEXINIT|connect" "$o"
check "  and it is on record" "connect-refused.*addr=127.0.1.250 why=penalty" "$LAB/gateway.log"
lab_down
