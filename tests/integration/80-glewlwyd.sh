#!/bin/bash
# First login to last certificate at a real identity provider (glewlwyd, device flow) with the stock client: nobody but carol is
# in the configuration, everybody else comes with a fresh key. Who may reach what is the provider's groups' matter.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
. "$(dirname "$0")/../idp/glewlwyd.sh"
glewlwyd_there || {
    skip "glewlwyd is not installed"
    exit 0
}
idp=$(mktemp -d /tmp/sallyport-idp.XXXXXX)
more_down() {
    glewlwyd_stop "$idp"
    rm -rf "$idp"
}
trap more_down EXIT
glewlwyd_start "$idp" || {
    not_ok "glewlwyd starts"
    exit 1
}
glewlwyd_identity corp | sed 's/allow_http: true}/allow_http: true, timeout: 2m, names: [alice, bob, dave]}/' > "$idp/identity.yaml"
LAB_USERS=carol LAB_IDENTITY=$idp/identity.yaml
lab_up
o=$LAB/o
# a second target, for everybody in "staging"
mkdir -p "$LAB/conf.d"
cat > "$LAB/conf.d/staging.yaml" << EOF
targets:
  orders-stg: {type: postgres, address: ["127.0.0.1:$LAB_PG_PORT"], port: 5432, labels: {env: staging}, databases: [orders], tls: verify-full,
    tls_ca: $LAB/pg/ca.pem, logins: {app_ro: {password: "file:$LAB/secrets/app_ro"}}}
roles:
  staging: {groups: [staging], targets: [env=staging], logins: [app_ro], mask: full}
EOF
conf_set '^$' ''
approve() { glewlwyd_approve "$idp" "$1" "$(login_code "$2")" > "$o" 2>&1 || cat "$o"; }

# --- the first day: a fresh key, no account anywhere
key a1
login_begin t1 a1 alice cert
code=$(login_code t1)
check "the banner shows where to go" "To log in, open +$GLW_URL/" "$LAB/t1.err"
check "  and the code" "the code +[0-9A-Z]{4}-?[0-9A-Z]{4}" "$LAB/t1.err"
check "  and the key's fingerprint" "$(key_re a1)" "$LAB/t1.err"
check "  and where it comes from" "from 127\.0\.0\.1" "$LAB/t1.err"
check "  and who should not go on" "only if you" "$LAB/t1.err"
is "nothing is on standard output yet" "$(cat "$LAB/t1.out")" ""
# a colleague with a key in the configuration is not kept waiting
t0=$(date +%s%N)
sshb carol-login cert < /dev/null > "$o" 2>&1
is "a local user gets a certificate meanwhile" $? 0
ms=$((($(date +%s%N) - t0) / 1000000))
if [ $ms -lt 2000 ]; then ok "  in $ms ms"; else not_ok "  in $ms ms"; fi
# the same key again while it waits
login_begin t2 a1 alice cert
is "a second login with the same key is refused" "$(login_end t2)" 255
check "  and says why" "a login with this key waits already" "$LAB/t2.err"
is "  the first one still waits" "$(login_end t1 1)" late
glewlwyd_approve "$idp" alice "$code" > "$o" 2>&1 || cat "$o"
is "the approved login ends well" "$(login_end t1)" 0
is "standard output is the certificate and nothing else" "$(wc -l < "$LAB/t1.out") $(cut -d' ' -f1 "$LAB/t1.out")" "1 ssh-ed25519-cert-v01@openssh.com"
cp "$LAB/t1.out" "$LAB/keys/a1-cert.pub"
ssh-keygen -L -f "$LAB/keys/a1-cert.pub" > "$o" 2>&1
check "the certificate: the person's name" "^ +alice$" "$o"
is "  and no other" "$(sed -n '/Principals:/,/Critical/p' "$o" | grep -c '^                ')" 1
check "  from this address only" "source-address 127\.0\.0\.1" "$o"
check "  for this gateway" "gateway@sallyport" "$o"
check "  with groups" "groups@sallyport" "$o"
check "  and issuer" "issuer@sallyport" "$o"
check "  for forwarding" "permit-port-forwarding" "$o"
check_not "  not for agents or X11" "permit-agent|permit-X11|permit-user-rc" "$o"
is "  the key's own" "$(ssh-keygen -l -f "$LAB/keys/a1-cert.pub" | cut -d' ' -f2)" "$(key_fp a1)"
is "  for eight hours" "$(sed -n 's/.*Valid: from \(.*\) to \(.*\)/\1 \2/p' "$o" | (read -r a b && echo $((($(date -d "$b" +%s) - $(date -d "$a" +%s) + 60) / 3600))))" 8
strings -n 4 <(cut -d' ' -f2 "$LAB/keys/a1-cert.pub" | base64 -d) > "$o"
check "  groups of the provider, those that matter here" "^analysts$|analysts" "$o"
check "  issuer is the block's name" "corp" "$o"
as a1 alice whoami > "$o" 2>&1
check "it works without the provider" "^alice .*analysts" "$o"
as a1 alice targets > "$o" 2>&1
check "  for the targets of her group" "orders-prod" "$o"
check_not "  and no other" "orders-stg" "$o"
is "  a query" "$(as a1 alice sql orders-prod -c 'select 41 + 1' 2> /dev/null | grep -o 42)" 42
as a1 bob whoami > "$o" 2>&1
is "  not under another name" $? 255

# --- first thing without a command: who am I and what now
key b1
login_begin t3 b1 ""
approve bob t3
is "ssh without a command" "$(login_end t3)" 0
check "  says who the provider says it is" "^bob .*approver" "$LAB/t3.out"
check "  and the targets" "orders-prod" "$LAB/t3.out"
check "  and what to type next" "config" "$LAB/t3.out"

# --- groups decide, at every login
key d1
login_begin t4 d1 dave cert
approve dave t4
is "somebody of no known group may log in" "$(login_end t4)" 0
cp "$LAB/t4.out" "$LAB/keys/d1-cert.pub"
as d1 dave targets > "$o" 2>&1
check_not "  and has no target" "orders-" "$o"
as d1 dave sql orders-prod -c 'select 1' > "$o" 2>&1
if [ $? -ne 0 ]; then ok "  not by its name either"; else not_ok "  not by its name either"; fi
glewlwyd_set_groups "$idp" dave staging
key d2
login_begin t5 d2 dave cert
approve dave t5
is "in the group, at the next login" "$(login_end t5)" 0
cp "$LAB/t5.out" "$LAB/keys/d2-cert.pub"
as d2 dave targets > "$o" 2>&1
check "  the group's target is there" "orders-stg" "$o"
check_not "  and no other" "orders-prod" "$o"

# --- alice leaves the group: with her next login every certificate of hers loses it, sessions end
cat > "$LAB/live.sql" << 'EOF'
select 'begun';
select pg_sleep(60);
EOF
mkdir -p "$LAB/sock-live"
raw_ssh -o IdentityFile="$LAB/keys/a1" -o CertificateFile="$LAB/keys/a1-cert.pub" -o BatchMode=yes -N -L "$LAB/sock-live/.s.PGSQL.5432:orders-prod:5432" \
    alice@127.0.0.1 < /dev/null > /dev/null 2>&1 &
forwards="$forwards $!"
for i in $(seq 1 50); do [ -S "$LAB/sock-live/.s.PGSQL.5432" ] && break; sleep 0.1; done
psql -X -At -h "$LAB/sock-live" -U "$SP_PG_USER" -d orders -f "$LAB/live.sql" > "$LAB/live" 2>&1 &
live=$!
for i in $(seq 1 100); do grep -q begun "$LAB/live" && break; sleep 0.1; done
glewlwyd_set_groups "$idp" alice staging
key a2
as a1 alice targets > "$o" 2>&1
check "until she logs in nothing changes" "orders-prod" "$o"
login_begin t6 a2 alice cert
approve alice t6
is "after the change she logs in" "$(login_end t6)" 0
cp "$LAB/t6.out" "$LAB/keys/a2-cert.pub"
as a2 alice targets > "$o" 2>&1
check_not "  the new certificate lost the group's target" "orders-prod" "$o"
check "  and has the new one" "orders-stg" "$o"
as a1 alice targets > "$o" 2>&1
check_not "the older certificate lost it, too" "orders-prod" "$o"
check_not "  and gained nothing" "orders-stg" "$o"
for i in $(seq 1 100); do kill -0 $live 2> /dev/null || break; sleep 0.1; done
if kill -0 $live 2> /dev/null; then
    not_ok "the session that ran ended"
    kill $live
else ok "the session that ran ended"; fi
check "  and the tool says why" "FATAL|ERROR|terminat|no longer" "$LAB/live"
glewlwyd_set_groups "$idp" alice
key a3
login_begin t7 a3 alice cert
code=$(login_code t7)
glewlwyd_approve "$idp" alice "$code" > "$o" 2>&1
login_end t7 > "$o"
cat "$LAB/t7.out" > "$LAB/keys/a3-cert.pub"
as a3 alice targets > "$o" 2>&1
check_not "without a group at the provider there is nothing" "orders-" "$o"
glewlwyd_set_groups "$idp" alice analysts

# --- ends without a login
key x1
raw_ssh -o BatchMode=yes -o IdentityFile="$LAB/keys/x1" -o CertificateFile=none alice@127.0.0.1 cert < /dev/null > "$o" 2>&1
is "BatchMode without a certificate fails at once" $? 255
check "  cleanly" "Permission denied" "$o"
login_begin t8 x1 alice cert
login_code t8 > /dev/null
login_stop t8
login_end t8 > /dev/null
log_wait 'login-failed .*the client has gone' 10 && ok "Ctrl-C is on record" || not_ok "Ctrl-C is on record"
login_begin t9 x1 alice cert
code=$(login_code t9)
if [ "$code" != no-code ]; then ok "  and frees the key's place"; else not_ok "  and frees the key's place"; fi
login_stop t9 KILL
login_end t9 > /dev/null
conf_set 'timeout: 2m' 'timeout: 3s'
key x2
login_begin t10 x2 alice cert
is "a login nobody finishes ends" "$(login_end t10 15)" 255
check "  and says so" "nobody finished the login in time" "$LAB/t10.err"
key x3
SSHO="-q" login_begin t11 x3 alice cert
is "ssh -q, which shows nothing, ends, too" "$(login_end t11 15)" 255
conf_set 'timeout: 3s' 'timeout: 2m'

# --- records
check "each start is on record, with key and source" "login-started .*key=SHA256:.* source=127.0.0.1 issuer=corp flow=device" "$LAB/gateway.log"
check "each success, too" " login .*user=alice .*issuer=corp" "$LAB/gateway.log"
check "  and a key not seen before" "login-new-key .*user=alice" "$LAB/gateway.log"
check_not "no token or code is in the log" "eyJ|device_code|$(cat "$idp/client.secret")" "$LAB/gateway.log"
lab_down
