#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Agents with stock ssh and psql: a person gives a key a narrower certificate; what the agent may is never more than
# what the person may; its held statements need somebody else; every list names both; it ends with the person.
. "$(dirname "$0")/../support/lab-test.sh"
LAB_ROLES=$(mktemp /tmp/sallyport-roles.XXXXXX)
cat > "$LAB_ROLES" << 'EOF'
  agents: {groups: [agents], targets: ["*"], logins: [app_rw, app_ro], mask: full, max: bulk, delegated_by: [dba]}
  loose: {groups: [loose], targets: ["*"], logins: ["*"], mask: none, delegated_by: [analysts]}
EOF
lab_up
rm -f "$LAB_ROLES"

# A second target on the same server.
mkdir -p "$LAB/conf.d"
cat > "$LAB/conf.d/stg.yaml" << EOF
targets:
  orders-stg:
    type: postgres
    address: ["127.0.0.1:$LAB_PG_PORT"]
    port: 5432
    labels: {env: prod}
    databases: [orders]
    tls_ca: $LAB/pg/ca.pem
    logins: {app_ro: {password: "file:$LAB/secrets/app_ro"}}
EOF
sallyport() { "$SP_BIN/sallyport" "$@"; }
sallyport reload > "$LAB/o" 2>&1 || not_ok "a second target: $(cat "$LAB/o")"

new_key() { ssh-keygen -q -t ed25519 -N '' -C "$1@ci" -f "$LAB/keys/$1" < /dev/null; }
# The entry in ssh_config that whoever runs the agent would write.
entry() { # KEY NAME
    {
        echo "Host bastion-$1"
        echo "    User agent:$2"
        echo "    IdentityFile $LAB/keys/$1"
        echo "    CertificateFile $LAB/keys/$1-cert.pub"
        echo "    BatchMode yes"
        cat "$SP_SSH_CONFIG"
    } > "$SP_SSH_CONFIG.new" && mv "$SP_SSH_CONFIG.new" "$SP_SSH_CONFIG"
}
delegate() { # WHO KEY ARG...
    local who=$1 key=$2
    shift 2
    sshb "$who" delegate "$@" < "$LAB/keys/$key.pub" > "$LAB/keys/$key-cert.pub" 2> "$LAB/o"
}
stop_forward() {
    kill "$forward_pid" 2> /dev/null
    wait "$forward_pid" 2> /dev/null
}
last() { sallyport sessions --user "$1" --json | grep -o '"id": *"[0-9A-Z]*"' | head -1 | sed 's/.*"\([0-9A-Z]*\)"$/\1/'; }
for k in etl bulk loose other; do new_key $k; done
entry etl etl
entry bulk bulk
entry loose loose

# --- the certificate ---
delegate carol etl --name etl --targets orders-prod --max-risk read --ttl 30m
is "carol delegates" $? 0
check "and is told what she gave" 'certificate [0-9]+ for agent:etl for carol, good for (30|29) min from 127.0.0.1' "$LAB/o"
check "with its limits" 'only on orders-prod, nothing beyond read' "$LAB/o"
is "nothing else is on standard output" "$(wc -l < "$LAB/keys/etl-cert.pub")" 1
ssh-keygen -L -f "$LAB/keys/etl-cert.pub" > "$LAB/o" 2>&1
check "the principal is the agent's" '^ +agent:etl$' "$LAB/o"
check "bound to carol" 'on-behalf-of@sallyport UNKNOWN OPTION: 000000056361726f6c ' "$LAB/o"
check "bound to the target" 'targets@sallyport UNKNOWN OPTION: 0000000b6f72646572732d70726f64 ' "$LAB/o"
check "bound to reading" 'max-risk@sallyport UNKNOWN OPTION: 0000000472656164 ' "$LAB/o"
check "bound to where it comes from" 'source-address 127.0.0.1$' "$LAB/o"
check_not "no terminal" 'permit-pty' "$LAB/o"
serial=$(sed -n 's/.*Serial: //p' "$LAB/o")
parent=$(ssh-keygen -L -f "$LAB/keys/carol-cert.pub" | sed -n 's/.*Serial: //p')
check "the log has it" " delegated .*user=carol agent=agent:etl serial=$serial parent=$parent key=SHA256:.* targets=orders-prod max-risk=read source=127.0.0.1" "$LAB/gateway.log"
sshb etl whoami > "$LAB/o" 2>&1 < /dev/null
check "whoami names both" '^agent:etl for carol ' "$LAB/o"

# --- what it may ---
forward etl || not_ok "the agent's forward: $(tail -3 "$LAB/gateway.log")"
forward carol && forward alice
columns='select id, full_name, email, phone from customers order by id limit 5'
SP_PG_USER=app_ro psql_as etl -At -c "$columns" > "$LAB/rows-etl" 2> /dev/null
SP_PG_USER=app_ro psql_as carol -At -c "$columns" > "$LAB/rows-carol" 2> /dev/null
SP_PG_USER=app_ro psql_as alice -At -c "$columns" > "$LAB/rows-alice" 2> /dev/null
is "it reads" "$(wc -l < "$LAB/rows-etl")" 5
is "masked in full, as its role says" "$(cat "$LAB/rows-etl")" "$(cat "$LAB/rows-alice")"
is "although carol sees more" "$(cmp -s "$LAB/rows-etl" "$LAB/rows-carol" && echo same || echo more)" more
SP_PG_USER=app_ro psql_as etl -c "delete from orders where id = 1" > "$LAB/o" 2>&1
check "it does not write" 'ERROR: .*refused' "$LAB/o"
check "because of its certificate's limit" 'nothing beyond class read' "$LAB/o"
sshb etl targets > "$LAB/o" 2>&1 < /dev/null
check "it sees its target" 'orders-prod' "$LAB/o"
check_not "and no other" 'orders-stg' "$LAB/o"
sshb etl sql orders-stg -c 'select 1' > "$LAB/o" 2>&1 < /dev/null
is "another target is closed to it" "$(grep -c '^ *1 *$' "$LAB/o")" 0
check "as if it did not exist" 'unknown target "orders-stg"' "$LAB/o"
sshb carol sql orders-stg -U app_ro -c 'select 40 + 2' > "$LAB/o" 2>&1 < /dev/null
check "carol reaches that one" '42' "$LAB/o"
SP_PG_USER=app_ro psql_exec etl -c "select pg_sleep(3)" > /dev/null 2>&1 &
sleep 1
is "the database sees both names" "$(direct -c "select count(*) from pg_stat_activity where application_name like 'sallyport:%:agent:etl for carol'")" 1
wait $!
delegate alice loose --name loose --targets orders-prod,orders-stg
is "alice gives a role that masks nothing" $? 0
forward loose && SP_PG_USER=app_ro psql_as loose -At -c "$columns" > "$LAB/rows-loose" 2> /dev/null
is "but alice's own mask stays" "$(cat "$LAB/rows-loose")" "$(cat "$LAB/rows-alice")"
stop_forward

# --- the same without a gateway ---
explain() { echo "$1" | "$SP_BIN/sallyport" policy explain --config "$SP_CONF" --target orders-prod "${@:2}" 2>&1; }
is "explain: carol may write" "$(explain "update orders set status = 'x' where id = 1" --user carol --json | grep -o '"verdict": *"[a-z]*"')" '"verdict":"measure"'
is "explain: so may her agent" "$(explain "update orders set status = 'x' where id = 1" --as-agent-of carol --json | grep -o '"verdict": *"[a-z]*"')" '"verdict":"measure"'
is "explain: but not with a certificate for reading" "$(explain "update orders set status = 'x' where id = 1" --as-agent-of carol --max-risk read --json | grep -o '"verdict": *"[a-z]*"')" '"verdict":"deny"'
is "explain: its role goes no further than bulk" "$(explain "drop table orders" --as-agent-of carol --json | grep -o '"verdict": *"[a-z]*"')" '"verdict":"deny"'
explain "select 1" --as-agent-of bob --login app_rw > "$LAB/o"
check "explain: for a person who may have agents" 'allow' "$LAB/o"
sed -i 's/delegated_by: \[dba\]/delegated_by: [nobody]/' "$SP_CONF"
explain "select 1" --as-agent-of carol > "$LAB/o"
check "explain: and for one who may not" 'no role that may be given to an agent' "$LAB/o"
sed -i 's/delegated_by: \[nobody\]/delegated_by: [dba]/' "$SP_CONF"

# --- what it may not ---
for verb in "delegate --targets orders-prod" "approve abcdefgh" "deny abcdefgh -m no" "cert"; do
    # shellcheck disable=SC2086
    sshb etl $verb > "$LAB/o" 2>&1 < "$LAB/keys/other.pub"
    is "the agent cannot: $verb" $? 4
done
sshb alice delegate --name x --targets orders-prod < "$LAB/keys/bob.pub" > "$LAB/o" 2>&1
is "another person's key is no agent" $? 4
check "and why" "this key is bob's: an agent needs one of its own" "$LAB/o"
delegate carol other --name x --targets orders-prod,nowhere
is "an unknown target is refused" $? 3
delegate carol other --name x --targets orders-prod --max-risk all
is "an unknown class is refused" $? 2
check "with those there are" 'hint: read, session-local, write, bulk' "$LAB/o"
delegate bob other --name x --targets orders-prod --ttl 9h
is "a life beyond the role's is cut" $? 0
check "and said" 'note: ttl is 60 min' "$LAB/o"
sshb carol delegate --name x --targets orders-prod < /dev/null > "$LAB/o" 2>&1
is "without a key nothing happens" $? 2
check "and what is missing is said" 'no public key on standard input, as in: < agent.pub' "$LAB/o"
(sleep 3; cat "$LAB/keys/other.pub") | sshb carol delegate --name x --targets orders-prod > "$LAB/o" 2>&1
is "a key may come late" $? 0
check "who types the command alone is told what it waits for" 'waiting for the public key on standard input, as in: < agent.pub' "$LAB/o"
head -c 20000 /dev/zero | tr '\0' A | sshb carol delegate --name x --targets orders-prod > "$LAB/o" 2>&1
check "a line without end is refused" 'longer than 16384 bytes' "$LAB/o"
rm -f "$LAB/keys/other-cert.pub"

# --- held ---
delegate carol bulk --name bulk --targets orders-prod --max-risk bulk
forward bulk || not_ok "the second agent's forward"
before=$(direct -c "select count(*) from orders")
psql_exec bulk -c "delete from orders where status <> 'new' or id = 1" > "$LAB/h" 2>&1 &
pid=$!
id=$(wait_request)
sshb bob requests > "$LAB/o" 2>&1 < /dev/null
check "requests names both" "agent:bulk for carol" "$LAB/o"
sshb bob show "$id" > "$LAB/o" 2>&1 < /dev/null
check "show names both" "who +agent:bulk for carol" "$LAB/o"
sed -i 's/^  carol: {groups: \[dba\]/  carol: {groups: [dba, approver]/' "$SP_CONF"
sallyport reload > "$LAB/o" 2>&1
ssh -F "$SP_SSH_CONFIG" bastion-carol-login cert < /dev/null > "$LAB/keys/carol-cert.pub" 2> "$LAB/o"
sshb carol approve "$id" > "$LAB/o" 2>&1 < /dev/null
is "carol cannot approve it, approver or not" $? 4
check "and is told why" "the agent acts for you \(carol\)|you cannot approve .*: it is your own" "$LAB/o"
sshb bulk approve "$id" > "$LAB/o" 2>&1 < /dev/null
is "the agent itself neither" $? 4
sshb bob approve "$id" -m "ticket 4711" > "$LAB/o" 2>&1 < /dev/null
is "bob approves" $? 0
wait $pid
check "and it runs in the agent's session" 'DELETE [0-9]+' "$LAB/h"
is "once" "$(direct -c "select count(*) < $before from orders")" t

# --- what is kept ---
sallyport sessions > "$LAB/o" 2>&1
check "sessions names both" 'agent:bulk for carol' "$LAB/o"
sshb alice sessions > "$LAB/o" 2>&1 < /dev/null
check "alice sees her agents' sessions" 'agent:loose for alice' "$LAB/o"
check_not "and not carol's agents'" 'agent:etl' "$LAB/o"
sshb etl sessions > "$LAB/o" 2>&1 < /dev/null
check_not "an agent sees its own only" 'agent:bulk|^.* carol +orders' "$LAB/o"
stop_forward
sleep 1
sid=$(last agent:bulk)
sallyport replay --text "$sid" > "$LAB/o" 2>&1
check "replay names both" 'agent:bulk for carol' "$LAB/o"
check "and has the statement" "delete from orders where status <> 'new'" "$LAB/o"
sallyport verify "$sid" > "$LAB/o" 2>&1
is "the recording verifies" $? 0
check "log lines name both" 'session-start .*user=agent:bulk for=carol ' "$LAB/gateway.log"
check "at the login, too" ' login .*user=agent:bulk person=carol for=carol ' "$LAB/gateway.log"

# --- it ends with the person ---
sleeper() {
    forward etl || return 1
    SP_PG_USER=app_ro psql_exec etl -c "select pg_sleep(120)" > "$LAB/sleep" 2>&1 < /dev/null &
    sleeper_pid=$!
    for i in $(seq 1 100); do
        [ "$(direct -c "select count(*) from pg_stat_activity where query = 'select pg_sleep(120)' and state = 'active'")" = 1 ] && return 0
        sleep 0.1
    done
    return 1
}
sleeper_ends() { # TEXT
    local i
    for i in $(seq 1 50); do
        kill -0 "$sleeper_pid" 2> /dev/null || break
        sleep 0.1
    done
    if kill -0 "$sleeper_pid" 2> /dev/null; then not_ok "$1"; else ok "$1"; fi
    for i in $(seq 1 50); do
        [ "$(direct -c "select count(*) from pg_stat_activity where query = 'select pg_sleep(120)' and state = 'active'")" = 0 ] && break
        sleep 0.1
    done
    is "and so does its query in the database" "$(direct -c "select count(*) from pg_stat_activity where query = 'select pg_sleep(120)' and state = 'active'")" 0
    stop_forward
}
delegate carol etl --name etl --targets orders-prod --max-risk read
sleeper || not_ok "the agent has a session"
sed -i 's/^  carol: {groups: \[dba, approver\]/  carol: {groups: [analysts]/' "$SP_CONF"
sallyport reload > "$LAB/o" 2>&1
sleeper_ends "the agent's session ends when carol loses the group"
sshb etl targets > "$LAB/o" 2>&1 < /dev/null
check_not "and it reaches nothing any more" 'orders-prod' "$LAB/o"
sed -i 's/^  carol: {groups: \[analysts\]/  carol: {groups: [dba]/' "$SP_CONF"
sallyport reload > "$LAB/o" 2>&1
sleeper || not_ok "with the group it works again"
sallyport lock carol -m "on leave" > "$LAB/o" 2>&1
sleeper_ends "the agent's session ends when carol is locked"
ssh -F "$SP_SSH_CONFIG" -o LogLevel=INFO bastion-etl whoami > "$LAB/o" 2>&1 < /dev/null
check "and it does not get in" 'is locked' "$LAB/o"
sallyport unlock carol > "$LAB/o" 2>&1
sleeper || not_ok "after unlocking it works again"
sallyport revoke serial "$(ssh-keygen -L -f "$LAB/keys/carol-cert.pub" | sed -n 's/.*Serial: //p')" > "$LAB/o" 2>&1
sleeper_ends "the agent's session ends with the certificate it was delegated from"
ssh -F "$SP_SSH_CONFIG" bastion-carol-login cert < /dev/null > "$LAB/keys/carol-cert.pub" 2> "$LAB/o"
delegate carol etl --name etl --targets orders-prod --max-risk read
sleeper || not_ok "a new certificate of carol gives a new agent: $(cat "$LAB/o")"
sallyport revoke user carol > "$LAB/o" 2>&1
sleeper_ends "the agent's session ends when carol is revoked"
lab_down
