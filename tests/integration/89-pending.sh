#!/bin/bash
# Two hundred people log in at the same time from twenty addresses: limits hold and say so, memory stays flat, everybody else is served
# meanwhile, and nothing is left over.
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
oidc_user "$idp" erin '{"groups": ["analysts"]}'
oidc_start "$idp" '[{"id": "es", "alg": "ES256"}]' interval=5 || {
    not_ok "oidc-provider starts"
    exit 1
}
echo "  corp: {type: oidc, issuer: \"$OIDC_ISSUER\", client_id: es, allow_http: true, timeout: 15m, names: [\"*@example.com\"]}" > "$idp/identity.yaml"
LAB_USERS="alice carol" LAB_IDENTITY=$idp/identity.yaml
export LAB_GATEWAY_EXTRA=", max_pending_logins: 200, max_pending_logins_per_source: 10, max_startups: \"300:30:400\", login_grace: 60s"
lab_up
o=$LAB/o
n=200 sources=20
gateway=$(cat "$LAB/gateway.pid")
process() { pgrep -P "$gateway" -f "$1" | head -1; }
rss() { awk '/VmRSS/ {print $2}' "/proc/$1/status" 2> /dev/null || echo 0; }
sizes() { echo "$(rss "$gateway") $(rss "$(process fetch)") $(rss "$(process listener)")"; } # the monitor is the main process
sessions() { pgrep -P "$(process listener)" | wc -l; }
pss_sum() {
    local p sum=0 x
    for p in $(pgrep -P "$(process listener)"); do
        x=$(awk '/^Pss:/ {print $2}' "/proc/$p/smaps_rollup" 2> /dev/null)
        sum=$((sum + ${x:-0}))
    done
    echo "$sum"
}
for i in $(seq 1 $((n + 2))); do key w$i; done

round() { # FIRST-TAG: begins n logins, ten from each address
    local i
    for i in $(seq 1 $n); do
        SSHO="-b 127.0.1.$(((i - 1) % sources + 1))" login_begin "$1$i" w$i erin cert
        [ $((i % 20)) -ne 0 ] || sleep 0.5
    done
    for i in $(seq 1 $n); do login_code "$1$i" > /dev/null || echo "# $1$i: $(tail -1 "$LAB/$1$i.err")"; done
    grep -l 'the code' "$LAB/$1"*.err | wc -l
}
stop_all() { # TAG
    local i
    for i in $(seq 1 $n); do login_stop "$1$i"; done
    for i in $(seq 1 $n); do login_end "$1$i" 20; done | sort | uniq -c | sed 's/^/# ends: /'
}
quiet() { # until no session is left
    local i
    for i in $(seq 1 300); do
        [ "$(sessions)" -gt 0 ] || return 0
        sleep 0.1
    done
    return 1
}
timed() { # TEXT COMMAND...: within two seconds
    local text=$1 t0 ms rc
    shift
    t0=$(date +%s%N)
    "$@" < /dev/null > "$o" 2>&1
    rc=$?
    ms=$((($(date +%s%N) - t0) / 1000000))
    if [ $rc -eq 0 ] && [ $ms -le 2000 ]; then ok "$text ($ms ms)"; else not_ok "$text: exit $rc after $ms ms"; fi
}

is "before: no session" "$(sessions)" 0
round a > "$LAB/round" # warms everything up
is "two hundred logins wait" "$(tail -1 "$LAB/round")" $n
grep '^#' "$LAB/round"
stop_all a
quiet && ok "all of them end" || not_ok "all of them end: $(sessions) are left"
before=$(sizes)
t0=$SECONDS
round b > "$LAB/round"
is "again two hundred logins wait (begun within $((SECONDS - t0)) s)" "$(tail -1 "$LAB/round")" $n
is "  in a process each" "$(sessions)" $n
echo "# kB resident, monitor fetcher listener: $before idle, $(sizes) with $n logins; sessions: $(($(pss_sum) / n)) kB each (PSS)"

# --- limits, and everybody else
SSHO="-b 127.0.1.3" login_begin over w$((n + 1)) erin cert
is "the eleventh of one address is refused" "$(login_end over)" 255
check "  and told why" "10 logins from 127.0.1.3 are waiting, which is the limit" "$LAB/over.err"
SSHO="-b 127.0.2.1" login_begin over w$((n + 2)) erin cert
is "the two hundred and first of all is refused" "$(login_end over)" 255
check "  and told why" "too many logins are waiting" "$LAB/over.err"
timed "a certificate holder works meanwhile" sshb alice whoami
timed "  and queries" sshb alice sql orders-prod -c 'select 1'
timed "a local user logs in meanwhile" sshb carol-login cert
timed "the operator's command works" "$SP_BIN/sallyport" status

# --- some are approved, the others end
for i in 1 57 133 200; do oidc_approve "$idp" erin "$(login_code b$i)" > "$o" 2>&1 || cat "$o"; done
for i in 1 57 133 200; do is "login $i of $n, approved, ends well" "$(login_end b$i 40)" 0; done
: > "$idp/requests"
conf_set 'timeout: 15m' 'timeout: 14m'
stop_all b
quiet && ok "the others end" || not_ok "the others end: $(sessions) are left"
sleep 7
: > "$idp/requests"
sleep 7
is "nobody asks the provider for them any more" "$(oidc_requests "$idp" /token)" 0
round c > "$LAB/round"
is "a third time" "$(tail -1 "$LAB/round")" $n
# this time the provider's codes run out by themselves: ended by the gateway
"$SP_BIN/sallyport" status --json > "$o" 2>&1
stop_all c
quiet && ok "all of them end" || not_ok "all of them end: $(sessions) are left"
after=$(sizes)
echo "# kB resident, monitor fetcher listener: $before before, $after after"
read -r m1 f1 l1 <<< "$before"
read -r m2 f2 l2 <<< "$after"
for x in "monitor $m1 $m2" "fetcher $f1 $f2" "listener $l1 $l2"; do
    read -r name a b <<< "$x"
    if [ $((b - a)) -lt 2000 ]; then ok "the $name did not grow ($a to $b kB)"; else not_ok "the $name grew from $a to $b kB"; fi
done

# --- all at once run out
conf_set 'timeout: 14m' 'timeout: 5s'
round d > "$LAB/round"
for i in $(seq 1 $n); do login_end d$i 30; done | sort | uniq -c > "$o"
check "logins that nobody finishes end by themselves" "^ *$n 255$" "$o"
is "  each saying so" "$(grep -l 'nobody finished the login in time' "$LAB"/d*.err | wc -l)" $n
quiet && ok "  and leave no process" || not_ok "  and leave no process: $(sessions) are left"
is "no session process crashed" "$(log_count 'session-crash')" 0
lab_down
