#!/bin/bash
# However a session process dies, its running query in the database is cancelled and its recording ends as a crash.
. "$(dirname "$0")/../support/lab-test.sh"
LAB_BUILD=${SP_BUILD_ATTACK:-$LAB_TOP/build/attack}
[ -x "$LAB_BUILD/sallyportd" ] || {
    skip "no attack build in $LAB_BUILD"
    exit 0
}
lab_up

running() { direct -c "select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep(300)%' and pid <> pg_backend_pid()"; }
wait_running() { # WANT
    local i
    for i in $(seq 1 60); do
        [ "$(running)" = "$1" ] && return
        sleep 0.1
    done
}
connect() { # one SSH connection with a running query
    local i
    rm -f "$LAB/ctl" "$LAB/sock-alice/.s.PGSQL.5432"
    mkdir -p "$LAB/sock-alice"
    ssh -F "$SP_SSH_CONFIG" -M -S "$LAB/ctl" -N -L "$LAB/sock-alice/.s.PGSQL.5432:$SP_PG_TARGET:5432" bastion-alice < /dev/null > /dev/null 2>&1 &
    forwards="$forwards $!"
    for i in $(seq 1 60); do
        [ -S "$LAB/sock-alice/.s.PGSQL.5432" ] && break
        sleep 0.1
    done
    psql_exec alice -c 'select pg_sleep(300)' > "$LAB/psql.out" 2>&1 &
    psql=$!
    wait_running 1
    is "the query runs" "$(running)" 1
}

connect
kill -9 "$(pgrep -f 'sallyportd: session' | while read -r p; do [ "$(ps -o ppid= -p "$p" | tr -d ' ')" = "$(pgrep -P "$(cat "$LAB/gateway.pid")" -f 'sallyportd: listener')" ] && echo "$p"; done | head -1)"
wait_running 0
is "cancelled after kill -9 of the session" "$(running)" 0
for a in segv fallocate; do
    # A crash penalises its source address: start afresh.
    lab_gateway_stop "$LAB"
    lab_gateway_start "$LAB" "$LAB_BUILD"
    connect
    ssh -F "$SP_SSH_CONFIG" -S "$LAB/ctl" bastion-alice attack $a < /dev/null > /dev/null 2>&1
    wait_running 0
    is "cancelled after the session's $a" "$(running)" 0
done
lab_gateway_stop "$LAB"
lab_gateway_start "$LAB" "$LAB_BUILD"
connect
kill -9 $psql
wait_running 0
is "cancelled when the client is gone" "$(running)" 0
forward alice
psql_exec alice -c 'select pg_sleep(300)' > /dev/null 2>&1 &
wait_running 1
kill -9 "$(cat "$LAB/gateway.pid")"
sleep 0.5
lab_gateway_start "$LAB" "$LAB_BUILD"
wait_running 0
is "cancelled after kill -9 of the monitor" "$(running)" 0
"$SP_BIN/sallyport" verify --all --dir "$SP_STATE" > "$LAB/v" 2>&1
is "verify finds crashes, no tampering" $? 0
lab_down
