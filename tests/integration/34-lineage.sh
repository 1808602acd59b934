#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One database twice: the second time with other sensitive values under the same masks. What alice gets through the gateway
# must be the same, byte by byte: each statement is held, or answers alike. The statements bring values out as other
# names, counts, orders, groups, bounds, bits, locks; the harmless ones must run and be clear where they are said to be.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
o=$LAB/o
hints='/^HINT|^NOTICE|request|^$/d'

# Statements, one a line: what must happen (held, or "either": held or masked), a tab, the text.
names="v(ch,n)"
letters="(values ('A',65),('G',71),('B',66),('E',69),('D',68),('F',70),('K',75)) $names"
statements() {
    cat << EOF
either	select (select "case" from (select case when true then c.full_name else ''::text end from customers c where c.id=o.k) s) from (select id as k, 'x'::text as "case" from orders where id<4) o
either	select (select replace("case",'@','(at)') from (select case when true then c.email else ''::text end from customers c where c.id=o.k) s) from (select id as k, 'x'::text as "case" from orders where id<4) o
either	select (select "case" from (select case when true then c.card_no else ''::text end from payments c where c.id=o.k) s) from (select id as k, 'x'::text as "case" from orders where id<3) o
either	select (select x from rows from (string_to_table(c.full_name,'~')) as x) from (select full_name, 'y'::text as x from customers where id<4) c
either	with customers as (select 'x'::text as full_name) select (select public.customers.full_name || '' from customers) from public.customers where id<4
either	select (select text from (select (select (full_name||'')::text from customers where id=1)::varchar) s) from (select 'x' as text) o
either	select (select "?column?" from (select (select full_name||'' from customers where id=1)::text) s) from (select 'x' as "?column?") o
either	select (select column1 from (select (values ((select full_name from customers where id=1)))::text) s) from (select 'x' as column1) o
either	select (select full_name from (select (select * from (select full_name from customers where id=1) i)) s) from (select 'x' as full_name) o
either	select (select length(x.full_name) from orders a join orders b on length(x.full_name)>0 and a.id=1 and b.id=1) from customers x where x.id<4
either	select (select full_name from unnest(array[c]) u) from customers c where c.id<4
held	select id, string_agg(chr(n::int),'' order by p) from (select c.id, p, (select count(*) from string_to_table(left(repeat('x',200), ascii(substr(c.full_name,p,1))), null) u) n from customers c, generate_series(1,30) p where c.id<5) z where n>0 group by id
either	select c.id, (select count(*) from (select 1 from generate_series(1,300) union all select 1 where false limit ascii(substr(c.full_name,2))) q) from customers c where c.id<4
held	select c.id,q.* from customers c, lateral (values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12),(13),(14),(15),(16) offset length(c.full_name) limit 1) q where c.id<4
held	select c.id, q.n from customers c, lateral (select v.n, (v.ch = upper(substr(c.full_name,2,1))) m from $letters order by m desc limit 1) q where c.id<4
held	select distinct on (c.id) c.id, v.n, (v.ch = upper(substr(c.full_name,2,1))) from customers c, $letters where c.id<4 order by 1, 3 desc
held	select array_agg(id) from (select id, substr(full_name,2) as full_name from customers where id<6 union all values (-65,'a'),(-71,'g'),(-66,'b')) s group by left(full_name,1)
either	select c.id, (select count(*) from unnest((array_fill(1,array[200]))[1:ascii(substr(c.full_name,2))]) u) from customers c where c.id<4
held	select c.id from customers c, unnest((array_fill(1,array[200]))[1:length(c.full_name)]) u where c.id<4
held	insert into notes(id,body) values (1,'x') on conflict (id) do update set body='y' where (select pg_try_advisory_lock(ascii(substr(full_name,2))) from customers where id=1)
held	select 1 union all select 2 limit (select case when pg_try_advisory_lock(ascii(substr(full_name,2))) then 1 else 2 end from customers where id=2)
held	values (1) order by (select pg_try_advisory_lock(ascii(substr(full_name,2))) from customers where id=3)
held	select count(*) from (select substr(full_name,2,1) from customers where id<9 union select chr(g) from generate_series(97,122) g) u
held	select count(*) from (select substr(full_name,2,1) from customers where id<9 intersect select chr(g) from generate_series(97,110) g) u
either	select count(distinct substr(full_name,2,1)), count(nullif(substr(full_name,2,1),'l')) from customers where id<9
either	select count(*) filter (where substr(full_name,2,1)='l'), sum((full_name like '_l%')::int) from customers
either	select id, exists (select 1 from customers k where k.id=c.id and k.full_name like '_l%') from customers c where id<9
either	select array(select g from generate_series(97,122) g where chr(g) = substr(c.full_name,2,1)) from customers c where id<9
either	select (select v.n from $letters where v.ch = upper(substr(c.full_name,2,1))) from customers c where id<9
either	select case when full_name like '_l%' then 'yes' end, nullif(substr(full_name,2,1),'l') from customers where id<9
either	select o, u from customers c, unnest(array[substr(full_name,2,1), 'l']) with ordinality u(u,o) where id<9 and u='l'
held	select c.id, o from customers c, unnest(string_to_array(full_name,null)) with ordinality u(u,o) where id<9 and u='l'
held	select v.n, c.id from customers c, $letters where (c).full_name like '_' || lower(v.ch) || '%' and c.id<9
held	select v.n, c.id from customers c, $letters where to_jsonb(c)->>'full_name' like '_' || lower(v.ch) || '%' and c.id<9
held	select v.n, c.id from customers c, $letters where c::text like '%,_' || lower(v.ch) || '%' and c.id<9
held	select v.n, c.id from customers c, $letters where row(lower(v.ch))::text = row(substr(c.full_name,2,1))::text and c.id<9
held	select p.oid, c.id from customers c, pg_proc p where p.proname = 'ascii' and p.oid > length(c.full_name)::oid and c.id<9
held	select k.word, c.id from customers c, pg_get_keywords() k where k.word like substr(c.full_name,2,2) || '%' and c.id<9
held	select c.id, count(*) from customers c join pg_type t on t.oid < ascii(substr(c.full_name,2))::oid where c.id<9 group by 1
held	select id from customers where id = ascii(substr(full_name,2,1))
held	select p from customers c, generate_series(0,6) p where c.id=1 and (ascii(substr(c.full_name,2)) >> p) & 1 = 1
held	select id from orders where id = (select ascii(substr(full_name,2)) from customers where id=1)
held	select id from customers where id<9 order by substr(full_name,2,1), id
held	select id, substr(full_name,2,1) x from customers where id<9 order by x, id
held	select id from customers where id<9 order by case when id<5 then chr(96+id) else substr(full_name,2) end
held	select id, rank() over (order by substr(full_name,2,1)) from customers where id<9
held	select id, full_name from customers where id<9 union all select g, 'A' || chr(g) from generate_series(97,122) g order by 2
held	select distinct country, substr(full_name,2,1) from customers where id<20
held	select country, array_agg(id) from customers where id<20 group by country, length(full_name)
held	with recursive r(n,x) as (select 1, full_name from customers where id=1 union all select n+1, substr(x,2) from r where x<>'') select n from r
held	select 1 from customers where id=1 and full_name like '_l%' union all select 2 from customers where id=2 and full_name like '_r%'
held	select v.n from $letters where exists (select 1 from customers where id=1 and full_name like '_' || lower(v.ch) || '%')
held	select n from $letters natural join (select upper(substr(full_name,2,1)) as ch from customers where id<9) c
held	select sku from (select sku, id = (select ascii(substr(full_name,2)) from customers where id=1) as b from orders) q where b
held	delete from notes using customers c where notes.id = ascii(substr(c.full_name,2)) and c.id=1
held	select g from customers c, generate_series(1,200) g where c.id=1 and (g=100 and full_name like '_l%' or g=101 and full_name like '_m%')
held	select id from customers tablesample bernoulli ((select ascii(substr(full_name,2)) from customers where id=1)) repeatable (1)
held	begin; alter table customers rename country to was; alter table customers rename full_name to country; select count(*) from customers, generate_series(1, length(country)) where id=1; rollback
either	begin; set local search_path = pg_catalog; select count(*) from public.customers c, generate_series(1, length(c.full_name)) where id=1; rollback
either	explain select * from customers where full_name < 'B'
EOF
}
# Must run; and the last column must be clear: it matches the pattern.
harmless() {
    cat << 'EOF'
FR	select country from customers where id = 1 and email like '%@%'
 500	select count(*) from customers
 500	select count(email) from customers
 500	select count(*) from customers where full_name is not null and phone is not null
 [0-9]+	select id from customers order by id limit 3
FR	select columns.*, 'FR' as x from information_schema.columns limit 1
integer	select a.*, format_type(a.atttypid, a.atttypmod) as ft from pg_attribute a where a.attrelid='customers'::regclass and attnum=1
4MB	select name, current_setting(name) from pg_settings where name='work_mem'
2	select o.id, (select count(*) from customers c where c.id=o.customer_id) + 1 as n from orders o where o.id=1
[A-Z][A-Z]	select * from (select c.id, row_number() over (order by c.id) rn, c.country from customers c) p where rn between 1 and 2
[A-Z][A-Z]	with x as (select id, full_name, country from customers) select x.full_name, x.country from x join orders o on o.customer_id = x.id where o.id=1
[0-9]	select country, count(*) from customers group by country order by 2 desc, 1
EOF
}

# status and words of one statement as alice, without what differs from run to run
answer() {
    sshb alice sql orders-prod -c "$1" < /dev/null > "$o" 2>&1
    status=$?
    if [ $status -eq 5 ]; then echo held; else
        echo "status $status"
        sed -E "$hints" "$o"
    fi
}
clear_requests() {
    local id
    for id in $(request_ids); do sshb bob deny "$id" -m no < /dev/null > /dev/null 2>&1; done
}
answers() {
    local n=0 want sql
    while IFS=$'\t' read -r want sql; do
        n=$((n + 1))
        answer "$sql" > "$LAB/$1.$n"
        [ $((n % 15)) -ne 0 ] || clear_requests
    done < <(statements)
    clear_requests
}

direct -c "insert into notes(id, body) values (1, 'n') on conflict do nothing" > /dev/null
answers one
# The masks stay: initials, first letter and domain of the address, last digits, year. Everything behind them changes.
direct > /dev/null << 'EOF'
update customers set full_name = left(full_name,1) || repeat(chr(103 + id % 9), 9 + id % 5) || ' ' || left(split_part(full_name,' ',2),1) || 'zz',
    email = left(email,1) || 'q' || id * 7 || '@e' || chr(97 + id % 20) || '.' || split_part(email,'.',2),
    phone = '+1 ' || id || ' ' || right(phone,2), birth_date = birth_date + (id % 7) where true;
update payments set card_no = '5500000000' || lpad((id % 100)::text, 2, '0') || right(card_no, 4);
analyze;
EOF
answers two

n=0
while IFS=$'\t' read -r want sql; do
    n=$((n + 1))
    if ! cmp -s "$LAB/one.$n" "$LAB/two.$n"; then
        not_ok "the same from both: $sql"
        diff "$LAB/one.$n" "$LAB/two.$n" | head -6 | sed 's/^/#   /'
    elif [ "$want" = held ] && [ "$(cat "$LAB/one.$n")" != held ]; then
        not_ok "held: $sql"
        head -5 "$LAB/one.$n" | sed 's/^/#   /'
    elif grep -qE 'status [^0]' "$LAB/one.$n"; then
        not_ok "runs or is held: $sql"
        head -5 "$LAB/one.$n" | sed 's/^/#   /'
    else
        ok "the same from both: $sql"
    fi
done < <(statements)
while IFS=$'\t' read -r want sql; do
    answer "$sql" > "$LAB/answer"
    if [ "$(head -1 "$LAB/answer")" = "status 0" ]; then check "clear: $sql" "$want" "$LAB/answer"; else check "runs: $sql" '^status 0' "$LAB/answer"; fi
done < <(harmless)
lab_down
