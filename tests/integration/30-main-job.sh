#!/bin/bash
# The main job with stock ssh and psql: masked reading, held statements, approval in the live session, refusals.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
forward alice || not_ok "ssh -L to a unix socket"

# ---- reading ----
psql_as alice -c 'select id, full_name, email, country from customers order by id limit 3' > "$LAB/o" 2>&1
check "rows are read" '^ +1 ' "$LAB/o"
check "e-mail is masked" '\*\*\*@.*\*\*\*' "$LAB/o"
check_not "no clear name or e-mail" 'user[0-9]+@|Lovelace|Turing|Hopper|Dijkstra|Liskov|Knuth|Allen|Thompson' "$LAB/o"
check "the notice tells what is masked" 'NOTICE: +2 of 4 columns masked: full_name \(.*\), email \(email\)' "$LAB/o"
check "country stays clear" 'DE|FR|NL|PL' "$LAB/o"
psql_as alice -At -c 'select count(*), 1+1, version() is not null from customers' > "$LAB/o" 2>&1
check "counts and constants stay clear" '^500\|2\|t$' "$LAB/o"
psql_as alice -c 'select lower(email) as x, (select max(email) from customers) as y, row_to_json(c) as z from customers c limit 1' > "$LAB/o" 2>&1
check_not "expressions over masked columns are masked" 'user[0-9]+@' "$LAB/o"
psql_as alice -c 'select * from big_orders limit 3' > "$LAB/o" 2>&1
check_not "views do not unmask" 'user[0-9]+@' "$LAB/o"
check "clean columns of views stay clear" '[0-9]+\.[0-9][0-9]' "$LAB/o"
psql_as alice -c 'copy customers to stdout' > "$LAB/o" 2>&1
check "COPY of masked columns is refused" 'ERROR: +refused' "$LAB/o"
psql_as alice -c 'copy (select id, sku from orders order by id limit 2) to stdout' > "$LAB/o" 2>&1
check "COPY of clean columns runs" '^1	SKU' "$LAB/o"
psql_as alice -c "select ('x' || email)::int from customers limit 1" > "$LAB/o" 2>&1
check_not "an error text does not leak" 'user[0-9]+@' "$LAB/o"
psql_as alice -c "insert into customers (id, full_name, email, country) values (1, 'x', 'y', 'DE')" > "$LAB/o" 2>&1
check_not "a constraint's detail does not leak" 'DETAIL|Failing row' "$LAB/o"
psql_as alice -c '\dt' -c '\d customers' -c '\l' > "$LAB/o" 2>&1
check "psql's \\dt works" 'public \| customers' "$LAB/o"
check "psql's \\d works" 'full_name' "$LAB/o"

# ---- held ----
n=0
for sql in "drop table notes" "delete from orders" "with x as (delete from orders returning 1) select count(*) from x" \
    "explain analyze delete from orders" "truncate payments" "update orders set status = (select email from customers limit 1) where id = 1" \
    "create temp table t as select email as harmless from customers" "do \$\$ begin perform 1; end \$\$"; do
    n=$((n + 1))
    psql_as alice -c "$sql" > "$LAB/h$n" 2>&1 &
    pid=$!
    id=$(wait_request)
    if [ -n "$id" ]; then ok "held: $sql"; else not_ok "held: $sql"; fi
    sshb bob deny "$id" -m "no" < /dev/null > /dev/null 2>&1
    wait $pid
    check "denied with the reason" 'denied: request .* by bob.*"no"' "$LAB/h$n"
    check "held with a notice and a hint" 'NOTICE: +held: request [a-z0-9]+ needs 1 approval from approver' "$LAB/h$n"
done
is "nothing of it ran" "$(direct -c 'select count(*) from orders')" 2000

psql_exec alice -c "delete from orders where status <> 'new' or id = 1" > "$LAB/h" 2>&1 &
pid=$!
id=$(wait_request)
sshb alice approve "$id" < /dev/null > "$LAB/o" 2>&1
is "alice cannot approve her own" $? 4
check "and is told why" 'cannot approve|own' "$LAB/o"
sshb carol approve "$id" < /dev/null > "$LAB/o" 2>&1
is "carol is no approver" $? 4
sshb bob show "$id" < /dev/null > "$LAB/o" 2>&1
check "show has the exact text" "delete from orders where status <> 'new' or id = 1" "$LAB/o"
sshb bob approve "$id" -m "ticket 812" < /dev/null > "$LAB/o" 2>&1
is "bob approves" $? 0
wait $pid
check "the result arrives in the same psql" 'DELETE 150[0-9]' "$LAB/h"
check "alice is told by whom" 'approved by bob.*"ticket 812"' "$LAB/h"
sshb bob approve "$id" < /dev/null > "$LAB/o" 2>&1
is "an approval is used once" "$([ $? -ne 0 ] && echo refused)" refused

# ---- withdrawn ----
psql_exec alice -c "delete from orders" > "$LAB/h" 2>&1 &
pid=$!
id=$(wait_request)
kill -INT $pid
wait $pid
check "Ctrl-C withdraws" 'canceling statement due to user request' "$LAB/h"
sshb bob approve "$id" < /dev/null > "$LAB/o" 2>&1
is "a withdrawn request cannot be approved" "$([ $? -ne 0 ] && echo refused)" refused
psql_exec alice -c "delete from orders" > "$LAB/h" 2>&1 &
pid=$!
id=$(wait_request)
kill -KILL $pid
sleep 1
is "a client that is gone leaves no request" "$(request_ids | wc -l)" 0
is "and nothing ran" "$(direct -c 'select count(*) > 400 from orders')" t

# ---- refused ----
printf '%s\n' "copy customers to program 'cat > $LAB/stolen';" "select pg_read_file('/etc/passwd');" "set role postgres;" "grant app_rw to app_ro;" \
    "select 'alive' as st;" | psql_as alice -v VERBOSITY=verbose > "$LAB/o" 2>&1
is "refusals are 42501" "$(grep -c 'ERROR:  42501: refused' "$LAB/o")" 4
check "and the session goes on" 'alive' "$LAB/o"
check "the detail cites the rule" 'DETAIL: +rule=base:env=prod/escape policy=[0-9]+ session=' "$LAB/o"
is "no program ran" "$([ -e "$LAB/stolen" ] && echo yes || echo no)" no

# ---- names ----
psql -X -h "$LAB/sock-alice" -U "$SP_PG_USER" -d ordrs -c 'select 1' > "$LAB/o" 2>&1
check "an unlisted database is refused with the caller's own list" 'ordrs.*is not open|not open.*ordrs' "$LAB/o"
port=$(forward_tcp alice orders-prd)
psql -X -h 127.0.0.1 -p "$port" -U "$SP_PG_USER" -d orders -c 'select 1' > "$LAB/o" 2>&1
check "an unknown target answers in the protocol" 'FATAL: +unknown target' "$LAB/o"
check "with a hint" 'did you mean orders-prod' "$LAB/o"
psql -X -h "$LAB/sock-alice" -U someone -d orders -At -c 'select current_user' > "$LAB/o" 2>&1
check "an unknown login becomes the role's own" '^app_rw$' "$LAB/o"
PGOPTIONS='-c session_preload_libraries=x' psql_as alice -c 'select 1' > "$LAB/o" 2>&1
check "start-up options are filtered" 'start-up option session_preload_libraries' "$LAB/o"
PGCLIENTENCODING=SJIS psql_as alice -c 'select 1' > "$LAB/o" 2>&1
check "only UTF8" 'client_encoding' "$LAB/o"

# ---- exec ----
sshb alice sql orders-prod -c 'select id, email from customers where id = 1' < /dev/null > "$LAB/o" 2> "$LAB/e"
is "ssh bastion sql -c" $? 0
check "prints a table, masked" '^ +1 \| .*\*\*\*' "$LAB/o"
sshb alice sql --format csv -U app_ro orders-prod -d orders -c 'select current_user' < /dev/null > "$LAB/o" 2>&1
is "options in front of the target, another login" "$(tail -1 "$LAB/o")" app_ro
sshb alice sql orders-prod -d nodb -c 'select 1' < /dev/null > "$LAB/o" 2>&1
is "a connection that is refused has its own exit status" $? 3
sshb alice sql < /dev/null > "$LAB/o" 2>&1
is "sql without a target is wrong usage" $? 2
check "and says so" 'which target' "$LAB/o"
sshb alice config < /dev/null > "$LAB/printed_config" 2>&1
ssh -F "$LAB/printed_config" -G elsewhere > "$LAB/o" 2>&1 # parses all of it, runs nothing
is "ssh can read the printed ssh_config" $? 0
echo 'select 1 as a; select 2 as b' | sshb alice sql orders-prod --format csv > "$LAB/o" 2>&1
is "SQL on standard input as csv" "$(tr '\n' ' ' < "$LAB/o")" "a 1 b 2 "
sshb alice sql orders-prod --format json -c 'select 1 as a, null as b, true as c' < /dev/null > "$LAB/o" 2>&1
is "json" "$(cat "$LAB/o")" '{"a":1,"b":null,"c":true}'
sshb alice sql orders-prod -c 'delete from orders' < /dev/null > "$LAB/o" 2>&1
is "held in a script: exit 5" $? 5
id=$(wait_request)
sshb bob approve "$id" < /dev/null > /dev/null 2>&1
sshb alice sql orders-prod -c 'delete  from orders' < /dev/null > "$LAB/o" 2>&1
is "another text is asked anew" $? 5
sshb alice sql orders-prod -c 'delete from orders' < /dev/null > "$LAB/o" 2>&1
is "the approved one runs once" $? 0
sshb alice sql orders-prod -c 'delete from orders' < /dev/null > "$LAB/o" 2>&1
is "and only once" $? 5
sshb alice sql orders-prod -c "copy orders to program 'true'" < /dev/null > "$LAB/o" 2>&1
is "refused in a script: exit 4" $? 4
sshb alice sql nowhere -c 'select 1' < /dev/null > "$LAB/o" 2>&1
is "unknown target: exit 3" $? 3
sshb alice whoami < /dev/null > "$LAB/o" 2>&1
check "whoami" 'alice' "$LAB/o"
sshb alice targets < /dev/null > "$LAB/o" 2>&1
check "targets" 'orders-prod' "$LAB/o"
sshb alice < /dev/null > "$LAB/o" 2>&1
check "no command shows who, what and how" 'orders-prod' "$LAB/o"

# ---- replay and proof ----
sid=$("$SP_BIN/sallyport" sessions --user alice --json | grep -o '"id": *"[0-9A-Z]*"' | sed 's/.*"\([0-9A-Z]*\)"$/\1/' | while read -r s; do
    "$SP_BIN/sallyport" replay "$s" 2> /dev/null | grep -q 'ticket 812' && echo "$s" && break
done)
"$SP_BIN/sallyport" replay "$sid" > "$LAB/o" 2>&1
check "replay shows the held statement" 'HELD' "$LAB/o"
check "its approval" 'approved by bob.*ticket 812' "$LAB/o"
check "its result" 'DELETE 150' "$LAB/o"
check "with the time of day" '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]' "$LAB/o"
sshb alice sessions < /dev/null > "$LAB/o" 2>&1
check "alice sees her sessions" "$(echo "$sid" | cut -c1-6)" "$LAB/o"
sshb carol replay "$sid" < /dev/null > "$LAB/o" 2>&1
check "carol (audit) replays over ssh" 'HELD' "$LAB/o"
"$SP_BIN/sallyport" verify --all --dir "$SP_STATE" --key "$SP_STATE/log_ed25519_key.pub" > "$LAB/o" 2>&1
is "verify is green while sessions come and go" $? 0
lab_down
