#!/bin/bash
# Several database sessions opened at once over one SSH connection: none is forgotten.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
port=$(forward_tcp alice)
echo 'select 1 as one;' > "$LAB/one.sql"
hung=0
for i in $(seq 1 30); do
    timeout 10 pgbench -n -f "$LAB/one.sql" -M extended -c 8 -j 2 -t 3 -h 127.0.0.1 -p "$port" -U "$SP_PG_USER" "$SP_PG_DB" > "$LAB/o" 2>&1 || hung=$((hung + 1))
done
is "rounds of 8 connections at once that did not finish" "$hung" 0
lab_down
