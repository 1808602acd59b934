#!/bin/bash
# What the catalogue says of a write or a read decides: keys, temporary tables, what hangs on tables, code of the database. The recording tells
# the verdict on each statement, the tables what came of it.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
forward alice
direct -q > "$LAB/o" 2>&1 << 'SQL'
create extension pg_trgm; create extension "uuid-ossp"; create extension pgcrypto; create extension dblink;
create table pairs (tenant int, nr text, qty int, unique (tenant, nr));
create table partial (a int, b text); create unique index on partial (a) where b is not null; create unique index on partial (lower(b));
create table late (id int unique deferrable, t text);
create table heads (id int primary key, t text); create table lines (id serial primary key, head_id int references heads on delete cascade on update cascade);
insert into heads values (1, 'small'), (2, 'large'); insert into lines (head_id) select 1 from generate_series(1, 5); insert into lines (head_id) select 2 from generate_series(1, 500);
create table parent (id int primary key); create table child () inherits (parent); insert into child select 7 from generate_series(1, 300);
create table part (id int, d date, primary key (id, d)) partition by range (d); create table part1 partition of part for values from ('2020-01-01') to ('2021-01-01');
create table log (id serial primary key, t text);
create function touch() returns trigger language plpgsql as $$ begin new.t := upper(new.t); return new; end $$;
create function audit() returns trigger language plpgsql as $$ begin insert into log (t) values (tg_op); return null; end $$;
create function wipe() returns trigger language plpgsql as $$ begin delete from notes; return null; end $$;
create table touched (id int primary key, t text); create trigger a before insert or update on touched for each row execute function touch();
create table audited (id int primary key); create trigger a after insert or delete on audited for each row execute function audit();
create table wiped (id int primary key); create trigger a after insert on wiped for each row execute function wipe();
create view plain as select id, status from orders; create view ruled as select id from orders; create rule r as on delete to ruled do instead delete from notes;
create function adds(int) returns int language sql as 'select $1 + 1';
create function loops(n int) returns int language plpgsql as $$ declare r int := 0; o orders.id%type; begin for i in 1..n loop if i % 2 = 0 then r := r + i; end if; end loop; select count(*) into r from orders where id < n; return r; end $$;
create function deletes() returns int language plpgsql stable as $$ begin delete from notes; return 1; end $$;
create function dynamic() returns int language plpgsql stable as $$ begin execute 'delete from notes'; return 1; end $$;
create view calls as select deletes(); create view nested as select * from calls; create view runs as select nextval('notes_id_seq') from orders;
create domain positive as int check (value > 0);
create function checks(int) returns bool language plpgsql as $$ begin delete from notes; return true; end $$;
create domain evil as int check (checks(value)); create table holds_evil (id int primary key, x evil);
create table default_code (id int primary key, x int default deletes());
create table policed (id int primary key); alter table policed enable row level security; create policy p on policed using (deletes() > 0);
insert into notes (body) select 'x' from generate_series(1, 10);
grant all on all tables in schema public to app_rw; grant all on all sequences in schema public to app_rw; grant temporary on database orders to app_rw;
SQL
check_not "the schema of the test" ERROR "$LAB/o"

# try WANT SETUP... STATEMENT: in a transaction that nobody commits; WANT is runs, held, refused or error.
try() {
    local want=$1 got= last i
    shift
    last=${*: -1}
    : > "$LAB/t"
    printf '%s;\n' begin "$@" | psql "host=$LAB/sock-alice user=app_rw dbname=orders" -XAtq -v ON_ERROR_STOP=1 > "$LAB/t" 2>&1 &
    for i in $(seq 1 400); do
        grep -q 'held: request' "$LAB/t" && got=held && break
        kill -0 $! 2> /dev/null || break
        sleep 0.05
    done
    kill $! 2> /dev/null
    wait $! 2> /dev/null
    if [ -n "$got" ]; then :
    elif grep -q 'ERROR:  refused' "$LAB/t"; then got=refused
    elif grep -q ERROR "$LAB/t"; then got=error
    else got=runs; fi
    if [ "$got" = "$want" ]; then ok "$want: $last"; else
        not_ok "$last: $got, want $want"
        sed 's/^/#   /' "$LAB/t" | head -5
    fi
}
# What the request said of it.
said() { check "... says $1" "$1" "$LAB/t"; }

# ---- keys ----
for s in "update orders set quantity = 1 where id = 5" "update orders set quantity = 1 where id = 5 and status = 'x'" \
    "delete from pairs where tenant = 1 and nr = 'x'" "delete from only parent where id = 7" "delete from part where id = 1 and d = '2020-01-01'" \
    "delete from payments where id = 1.5" "with d as (delete from payments where id = 3 returning id) select count(*) from d"; do
    try runs "$s"
done
# Forms that look narrow: undone and held when they are not.
for s in "delete from payments where id::bool = true" "delete from payments where id::bool is not distinct from true" \
    "update orders set quantity = 1 where id between '0' and '999999999'" "delete from payments where ctid between '(0,1)' and '(999999,1)'" \
    "delete from orders where id > extract(epoch from now()) * 0" "update orders set quantity = 1 where status like '%'" \
    "delete from parent where id = 7" "delete from payments where amount::numeric(1, -6) = 0" "update orders set status = status where id = (select id)" \
    "delete from payments where id <> 0"; do
    try held "$s"
    said 'rolled back'
done
try runs "update orders set quantity = 1 where id < 50"
try runs "delete from late where id = 5"
try runs "delete from partial where a = 1"

# ---- what is set off ----
try runs "delete from heads where id = 1"
try held "delete from heads where id = 2"
said 'changes 501 rows of heads and of tables tied to it'
try held "update heads set id = 3 where id = 2"
try runs "update heads set t = 'x' where id = 2"
try runs "insert into touched values (1, 'x')"
try runs "insert into audited values (1)"
for s in "insert into wiped values (1)" "delete from ruled where id = 1" "insert into holds_evil values (1, 2)" "insert into default_code values (1, 1)" \
    "select * from calls" "select * from nested" "select * from runs" "select * from policed" "select 5::evil" "select deletes()" "select dynamic()"; do
    try held "$s"
done
try runs "update plain set status = 'x' where id = 1"
try held "update plain set status = 'x' where id > 0"

# ---- temporary ----
try runs "create temp table k (id int)" "insert into k select generate_series(1, 1000)"
try runs "create temp table k (id int)" "insert into k values (1)" "delete from pg_temp.k"
try runs "create temp table k (id int)" "truncate k"
try runs "create temp table k (id int)" "alter table k add column x int"
try held "create temp view tv as select * from payments" "delete from pg_temp.tv"
try held "create temp view tv as select * from payments" "delete from pg_temp.tv where id > 0"
try held "create temp table k as select * from payments where false" "alter table pg_temp.k inherit payments"
try held "create temp table k (id int)" "create rule r as on delete to pg_temp.k do instead delete from notes"

# ---- functions ----
for s in "select adds(1)" "select loops(5)" "select similarity('a', 'b'), uuid_generate_v4(), 'a' % 'b', 'a' <-> 'b'" "select crypt('a', gen_salt('bf'))" \
    "select 5::positive" "reset role" "select nextval('notes_id_seq')" "select id from orders where id = 1 for update" \
    "select id from orders where status = 'x' for update skip locked limit 5"; do
    try runs "$s"
done
for s in "select nextval('notes_id_seq') from generate_series(1, 1000)" "select id from orders for update" "prepare transaction 'x'"; do
    try held "$s"
done
try refused "select dblink('a', 'b')"
is "nothing of all this happened" "$(direct -c "select count(*) from notes") $(direct -c "select count(*) from payments where amount is not null") $(direct -c "select count(*) from lines")" \
    "10 $(direct -c "select count(*) from payments") 505"

# The type of a parameter, as Parse declares it.
/usr/bin/python3 - "$LAB/sock-alice" "$(direct -c "select 'evil'::regtype::oid")" > "$LAB/o" 2>&1 << 'P'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1] + '/.s.PGSQL.5432')
s.settimeout(5)
def msg(t, b): return t + struct.pack('!i', len(b) + 4) + b
p = struct.pack('!i', 196608) + b'user\0app_rw\0database\0orders\0\0'
s.sendall(struct.pack('!i', len(p) + 4) + p)
def until(c):
    buf = b''
    while c not in buf:
        d = s.recv(65536)
        if not d: break
        buf += d
    return buf
until(b'Z\0\0\0\5I')
s.sendall(msg(b'P', b'\0select $1\0' + struct.pack('!hI', 1, int(sys.argv[2]))) + msg(b'B', b'\0\0' + struct.pack('!hhi', 0, 1, 1) + b'5' + struct.pack('!h', 0)) + msg(b'E', b'\0' + struct.pack('!i', 0)) + msg(b'S', b''))
print(until(b'held: request'))
P
check "a parameter of a domain that runs code waits" 'type of a parameter runs code' "$LAB/o"
is "and nothing ran" "$(direct -c "select count(*) from notes")" 10
lab_down
