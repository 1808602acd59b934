#!/bin/bash
# A refused, denied or expired statement has the effect of a server error: nothing before or after it commits.
. "$(dirname "$0")/../support/lab-test.sh"
cat > /tmp/sp-extra.$$ <<'X'
base:
  env=prod: {bulk: hold}
X
lab_up
rm -f /tmp/sp-extra.$$
forward alice
count() { direct -c "select count(*) from notes"; }
ins="insert into notes (body) values ('x')"
bad="copy notes to program 'true'"

printf '%s\n' "begin;" "$ins;" "$bad;" "$ins;" "commit;" "select 1;" | psql_as alice > "$LAB/o" 2>&1
is "BEGIN; INSERT; refused; INSERT; COMMIT leaves 0 rows" "$(count)" 0
check "the statement after it says the transaction is aborted" 'current transaction is aborted' "$LAB/o"
check "COMMIT answers ROLLBACK" '^ROLLBACK' "$LAB/o"
psql_as alice -c "$ins; $bad; $ins" > "$LAB/o" 2>&1
is "the same as one multi-statement Query leaves 0 rows" "$(count)" 0
/usr/bin/python3 - "$LAB/sock-alice" > "$LAB/o" 2>&1 <<'P'
import sys, psycopg
c = psycopg.connect(host=sys.argv[1], user='app_rw', dbname='orders', autocommit=True)
ins = "insert into notes (body) values ('x')"
for in_tx in (True, False):
    try:
        with c.pipeline():
            if in_tx:
                c.execute('begin')
            c.execute(ins)
            c.execute("copy notes to program 'true'")
            c.execute(ins)
            if in_tx:
                c.execute('commit')
        print('no error')
    except psycopg.errors.InsufficientPrivilege:
        print('refused')
    c.rollback()
print(c.execute('select 5').fetchone())
P
is "a pipeline is refused" "$(grep -c '^refused' "$LAB/o")" 2
is "and leaves 0 rows" "$(count)" 0
check "and the connection goes on" '\(5,\)' "$LAB/o"
# A held statement that is denied.
printf '%s\n' "begin;" "$ins;" "delete from notes;" "$ins;" "commit;" | psql_as alice > "$LAB/o" 2>&1 &
pid=$!
id=$(wait_request)
sshb bob show "$id" < /dev/null > "$LAB/s" 2>&1
check "show tells that it is in a transaction" 'transaction' "$LAB/s"
sshb bob deny "$id" -m no < /dev/null > /dev/null 2>&1
wait $pid
is "a denied hold in a transaction leaves 0 rows" "$(count)" 0
# An approved one commits with the rest.
printf '%s\n' "begin;" "$ins;" "update notes set body = 'y';" "$ins;" "commit;" | psql_as alice > "$LAB/o" 2>&1 &
pid=$!
id=$(wait_request)
sshb bob approve "$id" < /dev/null > /dev/null 2>&1
wait $pid
is "an approved hold commits with its transaction" "$(direct -c "select string_agg(body, '' order by id) from notes")" yx
lab_down
