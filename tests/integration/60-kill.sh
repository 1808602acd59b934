#!/bin/bash
# kill -9 of the session or of the monitor at random moments under load: every statement that the database's own log
# shows is in the recording. KILLS sets how often (make soak: 100).
. "$(dirname "$0")/../support/lab-test.sh"
KILLS=${KILLS:-12}
lab_up conf="log_line_prefix='%m %p '"
missing=0
seen=0
port_of() { forward_tcp alice; }

for n in $(seq 1 "$KILLS"); do
    kill -0 "$(cat "$LAB/gateway.pid")" 2> /dev/null || { lab_gateway_start "$LAB" "$SP_BIN" || break; }
    port=$(port_of)
    : > "$LAB/marks"
    script="$LAB/bench.sql"
    echo "\\set a random(1, 1000000000)
select :a + $n * 0 as mark_$n;" > "$script"
    pgbench -n -M simple -f "$script" -c 2 -j 1 -T 20 -h 127.0.0.1 -p "$port" -U "$SP_PG_USER" "$SP_PG_DB" > "$LAB/pgbench.out" 2>&1 &
    bench=$!
    sleep "1.$((RANDOM % 9))$((RANDOM % 9))"
    listener=$(pgrep -P "$(cat "$LAB/gateway.pid")" | head -50)
    if [ $((n % 4)) -eq 0 ]; then
        kill -9 "$(cat "$LAB/gateway.pid")"
    else
        # a session process: a grandchild of the daemon
        victim=$(for p in $listener; do pgrep -P "$p"; done | shuf | head -1)
        [ -z "$victim" ] || kill -9 "$victim" 2> /dev/null
    fi
    wait $bench 2> /dev/null
    [ $((n % 4)) -ne 0 ] || sleep 0.7
done
kill -0 "$(cat "$LAB/gateway.pid")" 2> /dev/null || lab_gateway_start "$LAB" "$SP_BIN"
sleep 1.5
# Every statement of the database's log, looked up in the recordings.
grep -ohE 'mark_[0-9]+;?' "$SP_PG_LOG" > /dev/null || not_ok "the database logged statements"
grep -ohE 'select [0-9]+ \+ [0-9]+ \* 0 as mark_[0-9]+' "$SP_PG_LOG"* | sort | uniq -c | awk '{n=$1; $1=""; print substr($0,2) "\t" n}' > "$LAB/db.txt"
for d in "$SP_RECORDINGS"/*/; do
    "$SP_BIN/sallyport" replay --dir "$SP_STATE" "$(basename "$d")" --json 2> /dev/null
done | grep -ohE 'select [0-9]+ \+ [0-9]+ \* 0 as mark_[0-9]+' | sort | uniq -c | awk '{n=$1; $1=""; print substr($0,2) "\t" n}' > "$LAB/rec.txt"
seen=$(awk -F'\t' '{n+=$2} END {print n+0}' "$LAB/db.txt")
missing=$(awk -F'\t' 'NR==FNR {r[$1]=$2; next} {d=$2-(r[$1]+0); if (d>0) m+=d} END {print m+0}' "$LAB/rec.txt" "$LAB/db.txt")
if [ "$seen" -gt 100 ]; then ok "$seen statements reached the database over $KILLS kills"; else not_ok "too few statements: $seen"; fi
is "statements missing in the recordings" "$missing" 0
"$SP_BIN/sallyport" verify --all --dir "$SP_STATE" --key "$SP_STATE/log_ed25519_key.pub" > "$LAB/o" 2>&1
is "verify calls the crashes crashes, not tampering" $? 0
tail -2 "$LAB/o" | sed 's/^/# /'
is "no backend of a dead session still runs" "$(sleep 1; direct -c "select count(*) from pg_stat_activity where application_name like 'sallyport:%' and state = 'active'")" 0
lab_down
