#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What is set at the start is judged as SET is, in every spelling that the server takes, and then has the effect it has
# without the gateway; what clients and drivers send by themselves passes.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up auth=trust
o=$LAB/o
sed -i 's/quorum: 1, wait: 15m/quorum: 1, mode: reject, wait: 15m/' "$SP_CONF"
"$SP_BIN/sallyport" reload > /dev/null || not_ok "the configuration is taken"
port=$(forward_tcp alice)
/usr/bin/python3 "$LAB_TOP/tests/support/startup_test.py" "$port" "$(cat "$LAB/pg/port")" > "$o" 2>&1
check "a start is judged as SET" '^[5-9][0-9] settings pass, [2-9][0-9] are refused, 0 faults$' "$o"
check_not "  in each spelling" '^PASSES|^DIFFERS|^SHOWS|Traceback' "$o"

q() { psql -X -At "host=127.0.0.1 port=$port user=app_rw dbname=orders $1" "${@:2}" > "$o" 2>&1; }
is "PGOPTIONS" "$(PGOPTIONS='-c default_statistics_target=50 --jit=off -c application_name=x' psql -X -At -h 127.0.0.1 -p "$port" -U app_rw orders \
    -c 'show default_statistics_target' -c 'show jit' 2> /dev/null | tr '\n' ' ')" "50 off "
PGOPTIONS='-c search_path=public,pg_catalog' psql -X -At -h 127.0.0.1 -p "$port" -U app_rw orders -c 'select 1' > "$o" 2>&1
check "pg_catalog behind another schema" 'refused: start-up option search_path lets other schemas come before pg_catalog \(class opaque, rule base:env=prod/opaque, policy' "$o"
check "  and what to do" 'HINT: +leave it out of the connection settings and SET it in the session' "$o"
PGOPTIONS='-c log_statement=none' psql -X -At -h 127.0.0.1 -p "$port" -U app_rw orders -c 'select 1' > "$o" 2>&1
check "what no role may set" 'HINT: +leave it out of the connection settings; no role of yours' "$o"
PGCLIENTENCODING=LATIN1 psql -X -At -h 127.0.0.1 -p "$port" -U app_rw orders -c 'select 1' > "$o" 2>&1
check "another encoding, and what to do" 'PGCLIENTENCODING=UTF8' "$o"
PGCLIENTENCODING=UTF8 psql -X -At -h 127.0.0.1 -p "$port" -U app_rw orders -c 'select 7' > "$o" 2>&1
check "  and that works" '^7$' "$o"
PGOPTIONS='-c my.var=1' psql -X -At -h 127.0.0.1 -p "$port" -U app_rw orders -c 'select 1' > "$o" 2>&1
check "a setting that nobody knows" 'start-up option my.var is a setting outside the list' "$o"
PGOPTIONS='-O -c role=postgres' psql -X -At -h 127.0.0.1 -p "$port" -U app_rw orders -c 'select 1' > "$o" 2>&1
check "a switch of the server" 'start-up option "-O" is no setting' "$o"
q "options='-c work_mem=abc'" -c 'select 1'
check "a value the server does not take: its own words" 'work_mem' "$o"
sid=$(last_session alice)
PGOPTIONS='-c work_mem=7MB' psql -X -At -h 127.0.0.1 -p "$port" -U app_rw orders -c 'select 1' > "$o" 2>&1
sid=$(last_session alice)
"$SP_BIN/sallyport" replay "$sid" --json > "$o" 2>&1
check "the recording has what was set" 'work_mem=7MB' "$o"
# RESET goes back to what was judged
is "RESET goes back to the start" "$(PGOPTIONS='-c search_path=notes' psql -X -Atq -h 127.0.0.1 -p "$port" -U app_rw orders -c 'set search_path=public' \
    -c 'reset search_path' -c 'show search_path' 2>&1)" notes
lab_down
