#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Somebody with a good certificate tries to get more than it gives: masked data by ways round the mask, dangerous
# statements by other names, other people's recordings, the control socket. See doc/attacks.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
o=$LAB/o

# status of one statement as alice in a script: 0 ran, 4 refused, 5 held
run() {
    sshb alice sql orders-prod -c "$1" < /dev/null > "$o" 2>&1
    status=$?
}
held() {
    run "$1"
    is "held: $1" "$status" 5
    check_not "  and shows nothing" "117|user7@" "$o"
}
# A person has at most 20 undecided requests.
clear_requests() {
    local id
    for id in $(request_ids); do
        sshb bob deny "$id" -m no < /dev/null > /dev/null 2>&1
    done
}
masked() {
    run "$1"
    is "runs: $1" "$status" 0
    check_not "  masked" "117|user7@|Lovelace|Turing|Hopper|Dijkstra|Liskov|Knuth|Allen|Thompson" "$o"
}
ran() {
    run "$1"
    is "runs: $1" "$status" 0
}

# --- masked values by other ways: ascii('user7@...') is 117
held "select pg_advisory_lock(ascii(email)) from customers where id=7"
held "select setseed(ascii(email)/1000.0) from customers where id=7"
held "select c.id, count(*) from customers c, generate_series(1,ascii(email)) where c.id=7 group by c.id"
held "select id from orders order by id limit 1 offset (select ascii(email) - 1 from customers where id=7)"
held "select o.id from orders o, customers c where c.id=7 and o.id between ascii(c.email) and ascii(c.email)"
held "select count(*) from orders o, customers c where c.id=7 and o.id <= ascii(c.email)"
held "select v.l from customers c join (values (117,'117')) v(n,l) on v.n = ascii(c.email) where c.id=7"
held "update customers set phone = left(email, 2) where id=7"
held "update payments set card_no = left(card_no, 12) where id=7"
held "insert into notes(body) values ((select email from customers where id=7))"
held "select query_to_xml('select email from customers where id=7',true,false,'')"
held "select pg_notify('a', email) from customers where id=7"
held "create temp table t as select email as x from customers where id=7"
held "create temp view tv as select ascii(email) as x from customers where id=7"
held "prepare e as select ascii(email) + 0 as x from customers where id=7; create temp table z as execute e"
held "select o.sku from orders o, (select ascii(email) a from customers where id=7) q where o.id = q.a"
held "select count(*) from customers c, string_to_table(repeat('x,', ascii(email)-1), ',') where id=7"
held "select sku from (select sku, id = (select ascii(email) from customers where id=7) b from orders) q where b"
clear_requests
held "select o.id from orders o order by abs(o.id - (select ascii(email) from customers where id=7)) limit 1"
masked "select email::text || '', ascii(email), email like 'u%', c::text, to_json(c) from customers c where id=7"
masked "select j.* from customers c, jsonb_each_text(to_jsonb(c)) j where id=7"
held "select g from generate_series(1,200) g where (select ascii(email) = g from customers where id=7)"
masked "select histogram_bounds from pg_stats where tablename = 'customers'"
masked "update customers set city = city where id=7 returning email, customers"
masked "begin; declare c binary cursor for select email from customers where id=7; fetch c; commit"
masked "prepare p as select email as x from customers where id=7; execute p"
for s in "email::int" "email::xml::text" "('\$.' || email || ' **')::jsonpath" "email::regclass" "to_tsquery(email || ' &&')" "1/(ascii(email)-117)"; do
    run "select $s from customers where id=7"
    check_not "no value in the error of $s" "user7@" "$o"
done
ran "select pg_try_advisory_lock(117)"
ran "select o.sku from orders o join customers c on o.customer_id = c.id where lower(c.email) = 'x'"
ran "update customers set email = lower(email) where id=7"

clear_requests
# --- the database's own code behind what looks harmless
direct -q -c "create schema own; grant usage on schema own to public" \
    -c "create function own.del(varchar, varchar) returns bool language plpgsql as 'begin delete from public.notes; return true; end'" \
    -c "create function own.chk(text) returns bool language plpgsql as 'begin delete from public.notes; return true; end'" \
    -c "create operator public.= (function = own.del, leftarg = varchar, rightarg = varchar)" \
    -c "create operator public.@#@ (function = own.del, leftarg = varchar, rightarg = varchar)" \
    -c "create domain public.dom as text check (own.chk(value))" \
    -c "create type public.ct as (a int)" \
    -c "create function own.cast(public.ct) returns int language plpgsql as 'begin delete from public.notes; return 1; end'" \
    -c "create cast (public.ct as int) with function own.cast(public.ct) as implicit" \
    -c "create table public.dd (a int, d public.dom); create table public.ruled (a int); grant all on public.dd, public.ruled to app_rw" \
    -c "create rule r as on insert to public.ruled do also delete from public.notes" \
    -c "create view public.vf as select own.chk('x'); grant select on public.vf to public" \
    -c "create function public.lower(varchar) returns text language plpgsql as 'begin delete from public.notes; return 1; end'" \
    -c "insert into notes (body) values ('stays')" > "$o" 2>&1 || not_ok "the objects: $(cat "$o")"
for s in "select 'a'::varchar = 'b'::varchar" "select 'a'::varchar in (select 'b'::varchar)" "select case 'a'::varchar when 'b'::varchar then 1 end" \
    "select 1 from (select 'a'::varchar x) a natural join (select 'b'::varchar x) b" "select 'a'::varchar @#@ 'b'::varchar" \
    "select 'x'::dom" "select dom 'x'" "select '{x}'::_dom" "select '(1)'::ct + 1" "select '(1,x)'::dd" "select * from json_to_record('{}') as t(d dom)" \
    "select json_populate_record((select o from dd o limit 1), '{\"d\":\"x\"}')" "insert into dd(d) values ('x')" "insert into ruled values (1)" \
    "table vf" "select lower('x'::varchar)" "prepare a(dom) as select 1; execute a('x')" "do 'begin delete from notes; end'" \
    "with a as (delete from notes) select 1" "explain analyze delete from notes" "prepare x as delete from notes; execute x"; do
    [ "$s" != "table vf" ] || clear_requests
    run "$s"
    is "held: $s" "$status" 5
done
is "and none of it ran" "$(direct -c "select count(*) from notes where body = 'stays'")" 1

# --- verbs over ssh are words, not a shell, and the gateway's own options are not for them
for c in 'whoami; id' 'whoami $(id)' 'whoami | id' 'sessions --socket /tmp/x' 'sessions --config /etc/shadow' 'replay --dir / x' \
    'policy explain --config /etc/shadow' 'verify --all --dir /' 'reload' 'revoke user bob' 'status' 'sql orders-prod -f /etc/passwd' 'sftp' 'scp -f /etc/passwd'; do
    sshb alice "$c" < /dev/null > "$o" 2>&1
    is "refused: ssh bastion '$c'" "$([ $? -ne 0 ] && echo refused)" refused
    check_not "  and nothing is shown" "uid=|root:|alice" "$o"
done
for c in 'replay ../../../etc' 'replay /etc/passwd' 'show ../x'; do
    sshb alice "$c" < /dev/null > "$o" 2>&1
    is "no such session: ssh bastion '$c'" $? 3
done
sshb carol sql orders-prod -c 'select 1' < /dev/null > /dev/null 2>&1
sid=$(last_session carol)
sshb alice "replay $sid" < /dev/null > "$o" 2>&1
is "another's recording" "$?" 4

# --- the control socket, as somebody without a name here: every verb, in the protocol itself
cat > "$LAB/ctl.py" << 'P'
import os, socket, sys
verbs = sys.argv[2:]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
def s(b):
    b = b.encode()
    return (bytes([0xa0 | len(b)]) if len(b) < 32 else bytes([0xd9, len(b)])) + b
for v in verbs:
    k = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    k.settimeout(5)
    k.connect(sys.argv[1])
    args = {"id": "0123", "kind": "user", "value": "bob", "why": "x"}
    m = bytes([0x84]) + s("t") + bytes([0xcc, int(os.environ["CTL"])]) + s("i") + b"\x01" + s("verb") + s(v) + s("args")
    m += bytes([0x80 | len(args)]) + b"".join(s(a) + s(b) for a, b in args.items())
    try:
        k.send(m)
        r = k.recv(65536)
    except OSError:
        r = b""
    end = r.find(b"\xa4code")
    print(v, "closed" if not r else "code %d" % r[end + 5] if end >= 0 else "ITEM %r" % r[:80])
P
if [ "$(id -u)" -eq 0 ] && command -v python3 > /dev/null; then
    # shellcheck disable=SC2046
    CTL=100 python3 "$LAB/ctl.py" "$SP_SOCKET" whoami targets cert config requests show approve deny sessions replay kill revoke reload status > "$o" 2>&1
    is "a uid without a name gets code 4 from each verb" "$(grep -c 'code 4$' "$o")" 14
    check_not "  and no item" "ITEM|Traceback" "$o"
    is "  nobody was revoked" "$(sshb bob whoami < /dev/null > /dev/null 2>&1; echo $?)" 0
else
    skip "the control socket as another uid: needs root and python3"
fi

# --- revoked while connected
forward alice || not_ok "forward"
(echo "select 'one';"; sleep 3; echo "select 'two';") | psql_as alice -At > "$LAB/live" 2>&1 &
live=$!
sleep 1
"$SP_BIN/sallyport" revoke user alice -m test > "$o" 2>&1
is "an operator revokes alice" $? 0
wait $live
is "  her open session ends" "$(grep -c two "$LAB/live")" 0
sshb alice whoami < /dev/null > "$o" 2>&1
is "  her certificate is refused" "$([ $? -ne 0 ] && echo refused)" refused
sshb alice-login cert < /dev/null > "$o" 2>&1
is "  and she gets no other" "$([ $? -ne 0 ] && echo refused)" refused
lab_down
