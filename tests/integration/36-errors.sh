#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Error and notice texts: none spells out a value of a masked column, nor lets one tell two values apart, and the errors
# of daily work read as the server wrote them. Two rows that differ in their secrets alone are the oracle of the first,
# the server itself of the second.
. "$(dirname "$0")/../support/lab-test.sh"
py=/usr/bin/python3
"$py" -c 'import psycopg' 2> /dev/null || {
    skip "error texts: needs python3 with psycopg"
    exit 0
}
LAB_EXTRA=$(mktemp)
export LAB_EXTRA
# What is held shows no error: as much as possible has to run.
echo 'base: {env=prod: {bulk: allow, opaque: allow, schema: allow, destructive: allow, session-control: allow, privilege: allow}}' > "$LAB_EXTRA"
lab_up
rm -f "$LAB_EXTRA"
o=$LAB/o
sed -i 's/quorum: 1, wait: 15m/quorum: 1, mode: reject, wait: 15m/' "$SP_CONF"
"$SP_BIN/sallyport" reload > /dev/null || not_ok "the configuration is taken"
direct -q -v ON_ERROR_STOP=1 > "$o" 2>&1 << 'X' || not_ok "the objects: $(cat "$o")"
insert into customers (id, full_name, email, phone, country, birth_date) values
 (998, 'Wkxpqv Qzjtvw', 'xjwkqz@vqkzxw.pzqj', 'tqvz-wkpx', 'DE', '1968-12-27'),
 (999, 'Zqxvja Jwqkzpf Vq', 'qvxzjwvk@zkqxpvj.zzqk', 'vzqj-xkwqq', 'DE', '1971-11-23');
insert into orders values (3998, 998, 's', 1, 200, 'new'), (3999, 999, 's', 1, 200, 'new');
update payments set card_no = 'kqzw xvjq 8642 7531', iban = 'WVKZ97531QJXP' where id = 998;
update payments set card_no = 'jzxq kvwq 7531 9642', iban = 'QXZJ86420WVKQ' where id = 999;
create view v_clean as select id from customers where email::int > 0;
create table deferred (email text constraint later unique deferrable initially deferred);
insert into deferred select email from customers where id >= 998;
create function tell(int) returns int language plpgsql stable as
 $$begin raise notice 'it is %', (select email from customers where id = $1); return (select email::int from customers where id = $1); end$$;
grant select on v_clean to app_rw; grant all on deferred to app_rw; alter view v_clean owner to app_rw; alter table deferred owner to app_rw;
X
port=$(forward_tcp alice)
"$py" "$LAB_TOP/tests/support/errors_test.py" leaks "$port" > "$o" 2>&1
check "errors over masked columns: nothing of a value" '^[0-9]+ statements, [1-9][0-9]{2,} errors, 0 leaks$' "$o"
check_not "  in any of them" '^LEAK|Traceback' "$o"
"$py" "$LAB_TOP/tests/support/errors_test.py" daily "$port" "host=127.0.0.1 port=$(cat "$LAB/pg/port") user=app_rw password=lab-rw dbname=orders" > "$o" 2>&1
check "errors of daily work: the server's own words" "^[4-9][0-9] of [4-9][0-9] texts are the server's" "$o"
check_not "  for each statement" '^DIFFERS|^NO ERROR|Traceback' "$o"
lab_down
